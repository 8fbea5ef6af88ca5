/* dev/chat.c: what is typed, done in the simulator. */
#include "dev/chat_inside.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A question that is under way. */
struct pending {
    struct pending *next;
    struct chat *chat;
    struct ask *ask;
    void (*answered)(struct chat *chat, int status, const char *text);
};

static void complain(struct chat *chat, const char *text) {
    screen_note(chat->screen, "!", text);
}

static void on_answer(void *arg, int status, const char *text) {
    struct pending *pending = arg;
    struct chat *chat = pending->chat;
    struct pending **at = &chat->pending;
    while (*at != pending) {
        at = &(*at)->next;
    }
    *at = pending->next;
    chat->asked--;
    pending->answered(chat, status, text);
    free(pending);
    chat->calls.busy(chat->calls.arg);
}

/* body: taken. */
static void ask(struct chat *chat, const char *path, cJSON *body,
                void (*answered)(struct chat *chat, int status, const char *text)) {
    struct err err = {0};
    struct pending *pending = calloc(1, sizeof(*pending));
    char *text = cJSON_PrintUnformatted(body);
    cJSON_Delete(body);
    if (pending != NULL && text != NULL && chat->asked < CHAT_ASKS_MOST) {
        *pending = (struct pending){.chat = chat, .answered = answered};
        pending->ask =
            ask_http(chat->loop, chat->world.at, "POST", path, "", text, on_answer, pending, &err);
    } else {
        err_set(&err, ERR_LIMIT, "too much is asked at once");
    }
    cJSON_free(text);
    if (pending == NULL || pending->ask == NULL) {
        complain(chat, err.text);
        free(pending);
        return;
    }
    pending->next = chat->pending;
    chat->pending = pending;
    chat->asked++;
    chat->calls.busy(chat->calls.arg);
}

/* An object that says who does it, and where. */
static cJSON *act(const struct chat *chat) {
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "as", chat->as);
    cJSON_AddStringToObject(body, "channel", chat->in);
    cJSON_AddStringToObject(body, "guild", chat->world.guild);
    return body;
}

/* Of what is shown by the feed only trouble is told. */
static void only_errors(struct chat *chat, int status, const char *text) {
    if (status != 200) {
        chat_show_outcome(chat, status, text);
    }
}

/* The message comes by the feed; what is typed next may be about it. */
static void on_said(struct chat *chat, int status, const char *text) {
    cJSON *answer = status == 200 ? cJSON_Parse(text) : NULL;
    const char *id = chat_text_of(answer, "id");
    bool shown = chat->feed == NULL;
    only_errors(chat, status, text);
    for (size_t i = 0; i < CHAT_RECENT; i++) {
        shown = shown || strcmp(chat_text_of(chat->recent[i].message, "id"), id) == 0;
    }
    if (!shown) {
        (void)text_copy(chat->said, sizeof(chat->said), id);
    }
    cJSON_Delete(answer);
}

static void on_fault(struct chat *chat, int status, const char *text) {
    if (status == 200) {
        screen_note(chat->screen, "sim", "done");
    } else {
        chat_show_outcome(chat, status, text);
    }
}

static void on_messages(struct chat *chat, int status, const char *text) {
    if (status == 200) {
        screen_print(chat->screen, text);
    } else {
        chat_show_outcome(chat, status, text);
    }
}

static void say(struct chat *chat, const char *text) {
    cJSON *body = act(chat);
    cJSON_AddStringToObject(body, "text", text);
    ask(chat, "/sim/say", body, on_said);
}

static void use_command(struct chat *chat, const char *line) {
    cJSON *body = act(chat);
    cJSON_AddStringToObject(body, "line", line);
    ask(chat, "/sim/command", body, chat_show_outcome);
}

static void become(struct chat *chat, const char *name) {
    const cJSON *item;
    name += name[0] == '@' ? 1 : 0;
    cJSON_ArrayForEach(item, chat->world.members) {
        const cJSON *user = cJSON_GetObjectItemCaseSensitive(item, "user");
        if (strcmp(chat_text_of(user, "username"), name) == 0 &&
            !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(user, "bot"))) {
            (void)text_copy(chat->as, sizeof(chat->as), name);
            return;
        }
    }
    complain(chat, "there is nobody of that name; :as and Tab shows who there is");
}

static void go_to(struct chat *chat, const char *name) {
    const cJSON *item;
    name += name[0] == '#' ? 1 : 0;
    bool found = strcmp(name, "dm") == 0;
    cJSON_ArrayForEach(item, chat->world.channels) {
        found = found || strcmp(chat_text_of(item, "name"), name) == 0;
    }
    if (found) {
        (void)text_copy(chat->in, sizeof(chat->in), name);
    } else {
        complain(chat, "there is no such channel; :in and Tab shows which there are");
    }
}

/* A button, or a menu with what is chosen. */
static void press(struct chat *chat, const struct line *line, bool menu) {
    struct err err = {0};
    const cJSON *message = NULL;
    const char *id = !menu && line->count == 2 ? line->words[1] : NULL;
    const cJSON *component = chat_find_component(chat, line->words[0], menu, id, &message, &err);
    if (component == NULL) {
        complain(chat, err.text);
        return;
    }
    cJSON *body = act(chat);
    cJSON_AddStringToObject(body, "message", chat_text_of(message, "id"));
    cJSON_AddStringToObject(body, "custom_id", chat_text_of(component, "custom_id"));
    cJSON *values = cJSON_AddArrayToObject(body, "values");
    for (size_t i = 1; menu && i < line->count; i++) {
        cJSON_AddItemToArray(values,
                             cJSON_CreateString(chat_find_choice(component, line->words[i])));
    }
    ask(chat, "/sim/press", body, chat_show_outcome);
}

static void submit(struct chat *chat, const struct line *line) {
    if (chat->modal[0] == '\0') {
        complain(chat, "no form was shown");
        return;
    }
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "as", chat->as);
    cJSON_AddStringToObject(body, "custom_id", chat->modal);
    cJSON *fields = cJSON_AddObjectToObject(body, "fields");
    for (size_t i = 0; i < line->count; i++) {
        char *equals = strchr(line->words[i], '=');
        if (equals == NULL) {
            complain(chat, "usage: :submit FIELD=TEXT...; \"...\" around texts with blanks");
            cJSON_Delete(body);
            return;
        }
        *equals = '\0';
        cJSON_AddStringToObject(fields, chat_find_field(chat->modal_object, line->words[i]),
                                equals + 1);
    }
    ask(chat, "/sim/submit", body, chat_show_outcome);
}

/* A command of the menu of a person or a message; which one, its declaration says. */
static void use_menu(struct chat *chat, const char *name, const char *target) {
    const cJSON *item;
    cJSON_ArrayForEach(item, chat->world.commands) {
        const cJSON *type = cJSON_GetObjectItemCaseSensitive(item, "type");
        int kind = cJSON_IsNumber(type) ? type->valueint : 1;
        if (kind != 1 && strcmp(chat_text_of(item, "name"), name) == 0) {
            cJSON *body = act(chat);
            cJSON_AddStringToObject(body, "line", name);
            cJSON_AddStringToObject(body, "type", kind == 2 ? "user" : "message");
            cJSON_AddStringToObject(body, "target", target);
            ask(chat, "/sim/command", body, chat_show_outcome);
            return;
        }
    }
    complain(chat, "the bot has no such command in a menu");
}

static void react(struct chat *chat, const struct line *line) {
    size_t newest = (chat->recent_next + CHAT_RECENT - 1) % CHAT_RECENT;
    const char *id =
        line->count == 2 ? line->words[1] : chat_text_of(chat->recent[newest].message, "id");
    bool remove = line->words[0][0] == '-' && line->words[0][1] != '\0';
    if (id[0] == '\0') {
        complain(chat, "there is no message yet");
        return;
    }
    cJSON *body = act(chat);
    cJSON_AddStringToObject(body, "message", id);
    cJSON_AddStringToObject(body, "emoji", line->words[0] + (remove ? 1 : 0));
    cJSON_AddBoolToObject(body, "remove", remove);
    ask(chat, "/sim/react", body, only_errors);
}

static void show_messages(struct chat *chat, const struct line *line) {
    uint64_t last = 10;
    cJSON *body = act(chat);
    if (line->count == 1 && (!text_u64(line->words[0], &last) || last == 0 || last > 1000)) {
        complain(chat, "how many? 1 to 1000");
        cJSON_Delete(body);
        return;
    }
    cJSON_AddNumberToObject(body, "last", (double)last);
    ask(chat, "/sim/messages?text", body, on_messages);
}

static void let_fail(struct chat *chat, const char *fault) {
    cJSON *body = cJSON_CreateObject();
    cJSON_AddStringToObject(body, "fault", fault);
    ask(chat, "/sim/fault", body, on_fault);
}

static void help(struct chat *chat) {
    struct buf text = {0};
    (void)line_help(&text);
    screen_print(chat->screen, text.bytes != NULL ? text.bytes : "");
    buf_finish(&text);
}

static void carry_out(struct chat *chat, const struct line *line) {
    switch (line->verb) {
    case LINE_NOTHING:
        break;
    case LINE_SAY:
        say(chat, line->text);
        break;
    case LINE_COMMAND:
        use_command(chat, line->text);
        break;
    case LINE_AS:
        become(chat, line->words[0]);
        break;
    case LINE_IN:
        go_to(chat, line->words[0]);
        break;
    case LINE_PRESS:
    case LINE_SELECT:
        press(chat, line, line->verb == LINE_SELECT);
        break;
    case LINE_SUBMIT:
        submit(chat, line);
        break;
    case LINE_MENU:
        use_menu(chat, line->words[0], line->words[1]);
        break;
    case LINE_REACT:
        react(chat, line);
        break;
    case LINE_MESSAGES:
        show_messages(chat, line);
        break;
    case LINE_FAULT:
        let_fail(chat, line->text);
        break;
    case LINE_HELP:
        help(chat);
        break;
    case LINE_BUILD:
    case LINE_RELOAD:
    case LINE_STATUS:
    case LINE_QUIT:
        chat->calls.verb(chat->calls.arg, line->verb);
        break;
    }
}

void chat_line(struct chat *chat, const char *text) {
    struct line line;
    struct err err = {0};
    if (!text_utf8_valid(text, strlen(text))) {
        complain(chat, "that is no UTF-8");
    } else if (!line_read(text, &line, &err)) {
        complain(chat, err.text);
    } else {
        carry_out(chat, &line);
        line_finish(&line);
    }
}

bool chat_busy(const struct chat *chat) {
    return chat->asked > 0 || chat->said[0] != '\0' || world_busy(&chat->world);
}

void chat_prompt(const struct chat *chat, char *out, size_t size) {
    bool home = strcmp(chat->in, "general") == 0;
    bool direct = strcmp(chat->in, "dm") == 0;
    (void)snprintf(out, size, "%s%s%s> ", chat->as,
                   home     ? ""
                   : direct ? " "
                            : " #",
                   home ? "" : chat->in);
}

void chat_introduce(const struct chat *chat, struct buf *out) {
    const cJSON *item;
    size_t count = 0;
    (void)buf_printf(out, "Discord simulator on %s: guild \"%s\", #%s, ", chat->world.at,
                     chat->world.guild_name, chat->in);
    cJSON_ArrayForEach(item, chat->world.members) {
        const cJSON *user = cJSON_GetObjectItemCaseSensitive(item, "user");
        if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(user, "bot")) && count < 4) {
            (void)buf_printf(out, "%s%s", count++ > 0 ? ", " : "", chat_text_of(user, "username"));
        }
    }
    (void)buf_text(out, " ...");
}

void chat_refresh(struct chat *chat) {
    world_refresh(&chat->world);
}

static void on_choices(struct chat *chat, int status, const char *text) {
    cJSON *answer = status == 200 ? cJSON_Parse(text) : NULL;
    if (cJSON_GetObjectItemCaseSensitive(answer, "choices") != NULL) {
        chat_show_outcome(chat, status, text);
    }
    cJSON_Delete(answer);
}

void chat_complete(struct chat *chat, const char *line, struct complete *out) {
    cJSON *components = cJSON_CreateArray();
    for (size_t i = 0; i < CHAT_RECENT; i++) {
        const cJSON *list = cJSON_GetObjectItemCaseSensitive(chat->recent[i].message, "components");
        if (list != NULL) {
            cJSON_AddItemToArray(components, cJSON_Duplicate(list, true));
        }
    }
    struct complete_world world = {.commands = chat->world.commands,
                                   .members = chat->world.members,
                                   .channels = chat->world.channels,
                                   .components = components};
    complete_find(&world, line, out);
    cJSON_Delete(components);
    if (out->count == 0 && line[0] == '/' && strchr(line + out->from, ':') != NULL) {
        cJSON *body = act(chat); /* the plugin may offer something */
        cJSON_AddStringToObject(body, "line", line);
        ask(chat, "/sim/complete", body, on_choices);
    }
}

/* --- life --- */

static void on_world(void *arg, const char *error) {
    struct chat *chat = arg;
    chat->calls.met(chat->calls.arg, chat->world.guild, error);
}

static void watch(void *arg) {
    struct chat *chat = arg;
    if (chat->feed == NULL && chat->world.at[0] != '\0') {
        chat->feed = ask_lines(chat->loop, chat->world.at, "/sim/feed?only=chat", chat_take_feed,
                               chat, NULL);
        if (chat->feed == NULL) {
            loop_timer_start(chat->again, 200);
        }
    }
}

struct chat *chat_create(struct loop *loop, struct screen *screen, const struct chat_calls *calls,
                         struct err *err) {
    struct chat *chat = calloc(1, sizeof(*chat));
    struct loop_timer *again = chat != NULL ? loop_timer_create(loop, watch, chat) : NULL;
    if (again == NULL) {
        err_set(err, ERR_NO_MEMORY, "no memory");
        free(chat);
        return NULL;
    }
    chat->loop = loop;
    chat->screen = screen;
    chat->calls = *calls;
    chat->again = again;
    (void)text_copy(chat->as, sizeof(chat->as), "ann");
    (void)text_copy(chat->in, sizeof(chat->in), "general");
    world_init(&chat->world, loop, on_world, chat);
    return chat;
}

void chat_meet(struct chat *chat, const char *at) {
    ask_destroy(chat->feed);
    chat->feed = NULL;
    world_load(&chat->world, at);
    watch(chat);
}

void chat_destroy(struct chat *chat) {
    if (chat == NULL) {
        return;
    }
    while (chat->pending != NULL) {
        struct pending *next = chat->pending->next;
        ask_destroy(chat->pending->ask);
        free(chat->pending);
        chat->pending = next;
    }
    ask_destroy(chat->feed);
    loop_timer_destroy(chat->again);
    world_finish(&chat->world);
    for (size_t i = 0; i < CHAT_RECENT; i++) {
        cJSON_Delete(chat->recent[i].message);
    }
    cJSON_Delete(chat->modal_object);
    free(chat);
}
