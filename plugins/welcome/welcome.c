/* welcome/welcome.c: greets who joins a server. Whoever manages a server says where and how, there:
 *
 *     /welcome channel:#hall text:Welcome, {user}, to {server}!
 *
 * What holds where nobody has said so stands in the INI file (both may be left out):
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
#define KEPT_MS UINT64_C(3600000)

struct settings {
    uint64_t channel; /* 0: nobody is greeted */
    const char *text;
};

/* What init found in the configuration; its text lives until stop returns. */
static struct settings standard;

/* What holds in this server: its keys "channel" and "text", else the standard. The text lives until
 * the callback returns. */
static struct settings settings_of(drey_ctx *ctx, uint64_t guild) {
    struct settings settings = standard;
    uint64_t channel = (uint64_t)drey_kv_int(ctx, guild, "channel");
    const char *text = drey_kv_str(ctx, guild, "text");
    settings.channel = channel != 0 ? channel : settings.channel;
    settings.text = *text != '\0' ? text : settings.text;
    return settings;
}

/* Appends as much of the text as fits. */
static void append(char *out, const char *text, size_t length) {
    size_t used = strlen(out);
    size_t room = TEXT_MAX - used;
    length = length < room ? length : room;
    memcpy(out + used, text, length);
    out[used + length] = '\0';
}

/* Writes the template with {user} and {server} filled in. */
static void fill(char *out, const char *at, const char *user, const char *server) {
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

static void greet(drey_ctx *ctx, const struct settings *settings, uint64_t user_id,
                  const char *server) {
    char text[TEXT_MAX + 1];
    char user[32];
    snprintf(user, sizeof(user), "<@%" PRIu64 ">", user_id);
    fill(text, settings->text, user, server);
    /* Only the newcomer is notified, whatever the template or the server's name says. */
    drey_send(ctx, settings->channel,
              drey_write(ctx, "{'content': %s, 'allowed_mentions': {'users': ['%" PRIu64 "']}}",
                         text, user_id),
              NULL, 0);
}

/* A callback gets a number, the cookie; what belongs to it is kept under that number, and goes by
 * itself should the answer never come. */
static void keep_question(drey_ctx *ctx, const drey_event *ev) {
    char key[32];
    char ids[64];
    snprintf(key, sizeof(key), "asked %" PRIu64, ev->offset);
    int length = snprintf(ids, sizeof(ids), "%" PRIu64 " %" PRIu64, ev->guild_id, ev->user_id);
    drey_kv_put(ctx, 0, key, ids, (uint64_t)length, KEPT_MS, 0);
}

/* The name of the server has come. */
static void on_server(drey_ctx *ctx, uint64_t cookie, const drey_response *response) {
    char key[32];
    char *user;
    snprintf(key, sizeof(key), "asked %" PRIu64, cookie);
    uint64_t guild = strtoull(drey_kv_str(ctx, 0, key), &user, 10);
    struct settings settings = settings_of(ctx, guild);
    const char *name = drey_json_str(ctx, response->d, "name");
    if (guild != 0 && settings.channel != 0) {
        greet(ctx, &settings, strtoull(user, NULL, 10), *name != '\0' ? name : "the server");
    }
    drey_kv_delete(ctx, 0, key);
}

static void on_join(drey_ctx *ctx, const drey_event *ev) {
    char path[64];
    struct settings settings = settings_of(ctx, ev->guild_id);
    if (drey_bool(ev, "user.bot") || settings.channel == 0) {
        return;
    }
    if (strstr(settings.text, "{server}") == NULL) {
        greet(ctx, &settings, ev->user_id, "");
        return;
    }
    keep_question(ctx, ev);
    snprintf(path, sizeof(path), "/guilds/%" PRIu64, ev->guild_id);
    drey_call(ctx, "GET", path, NULL, "server", ev->offset);
}

/* Stores what was said, shows what holds. */
static void on_welcome(drey_ctx *ctx, const drey_event *ev) {
    char digits[32];
    uint64_t channel = drey_option_id(ev, "channel");
    const char *text = drey_option_str(ev, "text");
    int32_t result = 0;
    if (channel != 0) {
        snprintf(digits, sizeof(digits), "%" PRIu64, channel);
        result = drey_kv_set(ctx, ev->guild_id, "channel", digits);
    }
    if (result >= 0 && *text != '\0') {
        result = drey_kv_set(ctx, ev->guild_id, "text", text);
    }
    if (result < 0) {
        drey_fail(ev, "the setting could not be stored");
        return;
    }
    struct settings settings = settings_of(ctx, ev->guild_id);
    if (settings.channel == 0) {
        drey_whisper(ev, "Nobody is greeted here: which channel?");
        return;
    }
    drey_reply(ev, drey_write(ctx,
                              "{'content': 'In <#%" PRIu64 ">: %s', 'flags': 64, "
                              "'allowed_mentions': {'parse': []}}",
                              settings.channel, settings.text));
}

static int init(drey_ctx *ctx) {
    const char *channel = drey_config(ctx, "channel");
    const char *text = drey_config(ctx, "text");
    standard.channel = channel != NULL ? strtoull(channel, NULL, 10) : 0;
    standard.text = text != NULL ? text : "Welcome, {user}!";
    if (channel != NULL && standard.channel == 0) {
        drey_error(ctx,
                   "channel = %s in [plugin:welcome] is no number; Discord's menu of a channel "
                   "copies it in developer mode",
                   channel);
        return DREY_E_INVALID;
    }
    drey_permissions(ctx, DREY_MAY_VIEW_CHANNEL | DREY_MAY_SEND_MESSAGES);
    drey_on_rest(ctx, "server", on_server);
    int result = drey_command(
        ctx,
        "{'name': 'welcome', 'description': 'How newcomers are greeted here', 'contexts': [0],"
        " 'default_member_permissions': '32', 'options': [" /* 32: manage the server */
        "{'type': 7, 'name': 'channel', 'description': 'Where', 'channel_types': [0]},"
        "{'type': 3, 'name': 'text', 'description': '{user} and {server} are filled in',"
        " 'max_length': 1500}]}",
        NULL, on_welcome);
    return result < 0 ? result : drey_on(ctx, DREY_GUILD_MEMBER_ADD, DREY_GUILD, on_join);
}

DREY_PLUGIN("welcome", "1.1.0", init)
