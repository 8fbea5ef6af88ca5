/* welcome/welcome.c: greets who joins a server. In the INI file:
 *
 *     [plugin:welcome]
 *     channel = 81384788765712384
 *     text    = Welcome, {user}, to {server}!
 *
 * Needs the privileged intent GUILD_MEMBERS: intents = auto +GUILD_MEMBERS. */
#include <drey/drey.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 2000 }; /* Discord takes no longer message */

/* What init found in the configuration, for all that follows. */
struct settings {
    uint64_t channel;
    const char *text; /* lives until stop returns */
};

static struct settings settings;

/* Appends as much of the text as fits. */
static void append(char *out, const char *text, size_t length) {
    size_t used = strlen(out);
    size_t room = TEXT_MAX - used;
    length = length < room ? length : room;
    memcpy(out + used, text, length);
    out[used + length] = '\0';
}

/* Writes the template with {user} and {server} filled in. */
static void fill(char *out, const char *user, const char *server) {
    const char *at = settings.text;
    out[0] = '\0';
    while (*at != '\0') {
        const char *open = strchr(at, '{');
        append(out, at, open != NULL ? (size_t)(open - at) : strlen(at));
        if (open == NULL) {
            return;
        }
        if (strncmp(open, "{user}", 6) == 0) {
            append(out, user, strlen(user));
            at = open + 6;
        } else if (strncmp(open, "{server}", 8) == 0) {
            append(out, server, strlen(server));
            at = open + 8;
        } else { /* any other bracket is just that */
            append(out, open, 1);
            at = open + 1;
        }
    }
}

static void greet(drey_ctx *ctx, uint64_t user_id, const char *server) {
    char text[TEXT_MAX + 1];
    char user[32];
    snprintf(user, sizeof(user), "<@%" PRIu64 ">", user_id);
    fill(text, user, server);
    /* Only the newcomer is notified, whatever the template or the server's name says. */
    drey_send(ctx, settings.channel,
              drey_write(ctx, "{'content': %s, 'allowed_mentions': {'users': ['%" PRIu64 "']}}",
                         text, user_id),
              NULL, 0);
}

/* The name of the server has come; the cookie is who joined. */
static void on_server(drey_ctx *ctx, uint64_t user_id, const drey_response *response) {
    const char *name = drey_json_str(ctx, response->d, "name");
    greet(ctx, user_id, *name != '\0' ? name : "the server");
}

static void on_join(drey_ctx *ctx, const drey_event *ev) {
    char path[64];
    if (drey_bool(ev, "user.bot")) {
        return;
    }
    if (strstr(settings.text, "{server}") == NULL) {
        greet(ctx, ev->user_id, "");
        return;
    }
    snprintf(path, sizeof(path), "/guilds/%" PRIu64, ev->guild_id);
    drey_call(ctx, "GET", path, NULL, "server", ev->user_id);
}

static int init(drey_ctx *ctx) {
    const char *channel = drey_config(ctx, "channel");
    const char *text = drey_config(ctx, "text");
    settings.channel = channel != NULL ? strtoull(channel, NULL, 10) : 0;
    settings.text = text != NULL ? text : "Welcome, {user}!";
    if (settings.channel == 0) {
        drey_error(ctx,
                   "which channel? Set channel = NUMBER in [plugin:welcome]; Discord's menu of "
                   "a channel copies it in developer mode");
        return DREY_E_INVALID;
    }
    drey_permissions(ctx, DREY_MAY_VIEW_CHANNEL | DREY_MAY_SEND_MESSAGES);
    drey_on_rest(ctx, "server", on_server);
    return drey_on(ctx, DREY_GUILD_MEMBER_ADD, DREY_GUILD, on_join);
}

DREY_PLUGIN("welcome", "1.0.0", init)
