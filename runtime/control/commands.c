/* control/commands.c: status, reload, upgrade, tail, parked and stop, each a row of one table.
 * A request is {"cmd": NAME, ...}, an answer {"ok": true, ...} or {"ok": false, "error": TEXT}. */
#include "control/commands.h"

#include "base/log.h"
#include "base/text.h"
#include "control/parked.h"
#include "control/socket.h"
#include "control/status.h"
#include "ring/reader.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of one bot: leaves the ring's places to plugins, and descriptors to the process. */
enum { TAILS_PER_BOT_MAX = 16 };

/* A `drey tail` that follows one bot: it has its cursor until the connection ends. */
struct observer {
    struct observer *next;
    uint64_t client;
    struct ring *ring;
    struct cursor *cursor;
};

struct commands {
    struct house *house;
    struct upgrade *upgrade;
    uint64_t upgrader; /* the client that waits to hear of the upgrade */
    struct control *control;
    struct observer *observers;
    struct asked *asked; /* what a bot's publisher has still to answer */
};

/* Somebody waits to hear of a bot's commands. The REST thread fills it in and posts it back. */
struct asked {
    struct asked *next;
    struct commands *commands; /* NULL: nobody waits any more */
    struct loop *loop;
    uint64_t client;
    char bot[BOT_NAME_BYTES];
    bool ok;
    struct buf lines;
    struct err err;
};

/* Every request has one answer; a client that cannot take it is ended by control_answer(). */
static void answer(struct commands *commands, uint64_t client, cJSON *reply, const int *fds,
                   size_t fd_count) {
    static const char no_memory[] = "{\"ok\":false,\"error\":\"no memory\"}";
    char *text = reply != NULL ? cJSON_PrintUnformatted(reply) : NULL;
    (void)control_answer(commands->control, client, text != NULL ? text : no_memory, fds,
                         text != NULL ? fd_count : 0);
    cJSON_free(text);
    cJSON_Delete(reply);
}

static void refuse(struct commands *commands, uint64_t client, const char *why) {
    cJSON *reply = cJSON_CreateObject();
    cJSON_AddBoolToObject(reply, "ok", false);
    cJSON_AddStringToObject(reply, "error", why);
    answer(commands, client, reply, NULL, 0);
}

static void run_status(struct commands *commands, uint64_t client, const cJSON *request) {
    cJSON *reply = status_json(commands->house);
    if (reply == NULL) {
        refuse(commands, client, "no memory");
        return;
    }
    cJSON_AddBoolToObject(reply, "ok", true);
    answer(commands, client, reply, NULL, 0);
}

/* Absent or a list of names: a slip must not reload everything. */
static bool names_valid(const cJSON *names) {
    const cJSON *name;
    cJSON_ArrayForEach(name, names) {
        if (!cJSON_IsString(name)) {
            return false;
        }
    }
    return names == NULL || cJSON_IsArray(names);
}

static bool reload_each(struct commands *commands, const cJSON *names, bool reidentify,
                        struct buf *text) {
    if (cJSON_GetArraySize(names) == 0) {
        return house_reload(commands->house, NULL, reidentify, text);
    }
    bool ok = true;
    const cJSON *name;
    cJSON_ArrayForEach(name, names) {
        ok = house_reload(commands->house, name->valuestring, reidentify, text) && ok;
    }
    return ok;
}

static void run_reload(struct commands *commands, uint64_t client, const cJSON *request) {
    const cJSON *names = cJSON_GetObjectItemCaseSensitive(request, "plugins");
    bool config = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "config"));
    bool reidentify = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "reidentify"));
    if (!names_valid(names) || (config && (reidentify || cJSON_GetArraySize(names) > 0))) {
        refuse(commands, client,
               "'plugins' is a list of names; beside 'config' there is neither it nor "
               "'reidentify'");
        return;
    }
    struct buf text = {0};
    bool all = config ? house_renew(commands->house, &text)
                      : reload_each(commands, names, reidentify, &text);
    cJSON *reply = cJSON_CreateObject();
    cJSON_AddBoolToObject(reply, "ok", true);
    cJSON_AddBoolToObject(reply, "all", all);
    cJSON_AddStringToObject(reply, "text", text.bytes != NULL ? text.bytes : "");
    buf_finish(&text);
    answer(commands, client, reply, NULL, 0);
}

static void run_stop(struct commands *commands, uint64_t client, const cJSON *request) {
    bool final = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "final"));
    cJSON *reply = cJSON_CreateObject();
    cJSON_AddBoolToObject(reply, "ok", true);
    cJSON_AddNumberToObject(reply, "pid", (double)getpid());
    answer(commands, client, reply, NULL, 0);
    house_stop(commands->house, final);
}

/* Answered when the new binary has been checked. */
static void on_checked(void *arg, const struct err *why, const struct program_mark *mark) {
    struct commands *commands = arg;
    if (why != NULL) {
        refuse(commands, commands->upgrader, why->text);
        return;
    }
    cJSON *reply = cJSON_CreateObject();
    cJSON_AddBoolToObject(reply, "ok", true);
    cJSON_AddNumberToObject(reply, "pid", (double)getpid());
    cJSON_AddStringToObject(reply, "program", mark->text);
    cJSON_AddNumberToObject(reply, "uptime_ms", (double)house_uptime_ms(commands->house));
    answer(commands, commands->upgrader, reply, NULL, 0);
}

static void run_upgrade(struct commands *commands, uint64_t client, const cJSON *request) {
    struct err err = {0};
    if (upgrade_begin(commands->upgrade, on_checked, commands, &err)) {
        commands->upgrader = client;
    } else {
        refuse(commands, client, err.text);
    }
}

/* --- a bot's commands --- */

static void forget_asked(struct asked *asked) {
    struct asked **link = &asked->commands->asked;
    while (*link != asked) {
        link = &(*link)->next;
    }
    *link = asked->next;
}

static void tell_asked(void *arg) {
    struct asked *asked = arg;
    if (asked->commands != NULL) {
        forget_asked(asked);
        if (asked->ok) {
            cJSON *reply = cJSON_CreateObject();
            cJSON_AddBoolToObject(reply, "ok", true);
            cJSON_AddStringToObject(reply, "bot", asked->bot);
            cJSON_AddStringToObject(reply, "text",
                                    asked->lines.length > 0 ? asked->lines.bytes : "");
            answer(asked->commands, asked->client, reply, NULL, 0);
        } else {
            refuse(asked->commands, asked->client, asked->err.text);
        }
    }
    buf_finish(&asked->lines);
    free(asked);
}

/* [REST thread] */
static void on_commands(void *arg, bool ok, const char *lines, const struct err *err) {
    struct asked *asked = arg;
    asked->ok = ok && buf_text(&asked->lines, lines);
    if (err != NULL) {
        asked->err = *err;
    }
    (void)loop_post(asked->loop, tell_asked, asked);
}

/* The bot that is meant: the named one, or the only one. */
static struct bot *bot_asked_for(struct commands *commands, const cJSON *request,
                                 const char **why) {
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(request, "bot");
    const struct house_bot *entry =
        cJSON_IsString(name)                    ? house_bot_find(commands->house, name->valuestring)
        : house_bot_count(commands->house) == 1 ? house_bot(commands->house, 0)
                                                : NULL;
    *why = cJSON_IsString(name) ? "there is no bot of that name"
                                : "there are several bots: say which with --bot NAME";
    if (entry != NULL && entry->bot == NULL) {
        *why = "that bot could not be opened; `drey status` says why";
    }
    return entry != NULL ? entry->bot : NULL;
}

static void run_commands(struct commands *commands, uint64_t client, const cJSON *request) {
    const char *why;
    struct bot *bot = bot_asked_for(commands, request, &why);
    struct asked *asked = bot != NULL ? calloc(1, sizeof(*asked)) : NULL;
    if (asked == NULL) {
        refuse(commands, client, bot == NULL ? why : "no memory");
        return;
    }
    asked->commands = commands;
    asked->loop = house_loop(commands->house);
    asked->client = client;
    text_copy(asked->bot, sizeof(asked->bot), bot_name(bot));
    asked->next = commands->asked;
    commands->asked = asked;
    bool sync = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "sync"));
    if (!bot_commands(bot, sync, on_commands, asked)) {
        forget_asked(asked);
        free(asked);
        refuse(commands, client, "that bot cannot ask Discord for anything");
    }
}

/* --- parked events, and what is followed --- */

static void run_parked(struct commands *commands, uint64_t client, const cJSON *request) {
    struct err err = {0};
    cJSON *reply = cJSON_CreateObject();
    cJSON_AddBoolToObject(reply, "ok", true);
    if (parked_run(commands->house, request, reply, &err)) {
        answer(commands, client, reply, NULL, 0);
    } else {
        cJSON_Delete(reply);
        refuse(commands, client, err.text);
    }
}

static void observer_end(struct observer *observer) {
    ring_detach(observer->ring, observer->cursor);
    cursor_close(observer->cursor);
    free(observer);
}

/* One tail needs a bot once; a client that asks without end must not use the ring up. */
static bool may_observe(const struct commands *commands, uint64_t client, const struct ring *ring,
                        struct err *err) {
    size_t count = 0;
    for (const struct observer *o = commands->observers; o != NULL; o = o->next) {
        if (o->ring == ring && o->client == client) {
            return err_set(err, ERR_LIMIT, "this connection follows the bot already");
        }
        count += o->ring == ring ? 1 : 0;
    }
    return count < TAILS_PER_BOT_MAX ||
           err_set(err, ERR_LIMIT, "%d tails follow this bot already", TAILS_PER_BOT_MAX);
}

/* Hands out the ring read-only, a cursor in memory and what wakes it. */
static bool observe(struct commands *commands, uint64_t client, struct ring *ring,
                    struct err *err) {
    bool known;
    bool lapped;
    if (!may_observe(commands, client, ring, err)) {
        return false;
    }
    struct observer *observer = calloc(1, sizeof(*observer));
    if (observer == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory");
    }
    observer->client = client;
    observer->ring = ring;
    observer->cursor = cursor_open(NULL, ring, &known, &lapped, err);
    if (observer->cursor == NULL || !ring_attach(ring, observer->cursor, false, err)) {
        cursor_close(observer->cursor);
        free(observer);
        return false;
    }
    observer->next = commands->observers;
    commands->observers = observer;
    int fds[3] = {ring_fd(ring), cursor_fd(observer->cursor), cursor_wake_fd(observer->cursor)};
    cJSON *reply = cJSON_CreateObject();
    cJSON_AddBoolToObject(reply, "ok", true);
    answer(commands, client, reply, fds, 3); /* if it fails, on_gone() has ended the observer */
    return true;
}

static void run_tail(struct commands *commands, uint64_t client, const cJSON *request) {
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(request, "bot");
    const struct house_bot *bot =
        cJSON_IsString(name) ? house_bot_find(commands->house, name->valuestring) : NULL;
    struct err err = {0};
    if (bot == NULL) {
        refuse(commands, client, "no such bot; `drey status` lists them");
    } else if (bot->bot == NULL) {
        refuse(commands, client, "this bot did not start; `drey status` says why");
    } else if (!observe(commands, client, bot_ring(bot->bot), &err)) {
        refuse(commands, client, err.text);
    }
}

static const struct command {
    const char *name;
    void (*run)(struct commands *commands, uint64_t client, const cJSON *request);
} table[] = {
    {"status", run_status}, {"reload", run_reload}, {"upgrade", run_upgrade},
    {"stop", run_stop},     {"tail", run_tail},     {"commands", run_commands},
    {"parked", run_parked},
};

static void on_line(void *arg, uint64_t client, const char *line, size_t length) {
    struct commands *commands = arg;
    cJSON *request = cJSON_ParseWithLength(line, length);
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(request, "cmd");
    const struct command *found = NULL;
    for (size_t i = 0; cJSON_IsString(name) && i < sizeof(table) / sizeof(table[0]); i++) {
        found = strcmp(table[i].name, name->valuestring) == 0 ? &table[i] : found;
    }
    if (found != NULL) {
        found->run(commands, client, request);
    } else {
        refuse(commands, client,
               cJSON_IsString(name) ? "unknown command; this drey may be older than the tool"
                                    : "a request is one JSON object with \"cmd\"");
    }
    cJSON_Delete(request);
}

static void on_gone(void *arg, uint64_t client) {
    struct commands *commands = arg;
    for (struct observer **at = &commands->observers; *at != NULL;) {
        struct observer *observer = *at;
        if (observer->client == client) {
            *at = observer->next;
            observer_end(observer);
        } else {
            at = &observer->next;
        }
    }
}

/* The tails of a bot that goes; the peer sees its wake-up end. */
static void on_bot_gone(void *arg, struct bot *bot) {
    struct commands *commands = arg;
    for (struct observer **at = &commands->observers; *at != NULL;) {
        struct observer *observer = *at;
        if (observer->ring == bot_ring(bot)) {
            *at = observer->next;
            observer_end(observer);
        } else {
            at = &observer->next;
        }
    }
}

struct commands *commands_open(struct house *house, struct upgrade *upgrade, struct err *err) {
    struct commands *commands = calloc(1, sizeof(*commands));
    if (commands == NULL) {
        err_set(err, ERR_NO_MEMORY, "control socket");
        return NULL;
    }
    commands->house = house;
    commands->upgrade = upgrade;
    commands->control = control_open(house_config(house)->control, house_loop(house), on_line,
                                     on_gone, commands, err);
    if (commands->control == NULL) {
        free(commands);
        return NULL;
    }
    house_on_bot_gone(house, on_bot_gone, commands);
    return commands;
}

void commands_close(struct commands *commands) {
    if (commands == NULL) {
        return;
    }
    house_on_bot_gone(commands->house, NULL, NULL);
    for (struct asked *asked = commands->asked; asked != NULL; asked = asked->next) {
        asked->commands = NULL;
    }
    control_close(commands->control); /* ends the observers through on_gone */
    free(commands);
}
