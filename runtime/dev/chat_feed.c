/* dev/chat_feed.c: what happens in the simulator, line by line. */
#include "dev/chat_inside.h"

#include <stdio.h>
#include <string.h>

/* What else a person would notice: a line each. %s: the name of what it is about. */
static const struct {
    const char *event;
    const char *words;
    const char *key;
} remarks[] = {
    {"CHANNEL_CREATE", "the channel #%s was made", "name"},
    {"CHANNEL_DELETE", "the channel #%s was removed", "name"},
    {"THREAD_CREATE", "the thread #%s was begun", "name"},
    {"THREAD_DELETE", "the thread %s was removed", "id"},
    {"MESSAGE_DELETE", "the message %s was deleted", "id"},
};

static void remark(struct chat *chat, const char *event, const cJSON *d) {
    for (size_t i = 0; i < sizeof(remarks) / sizeof(remarks[0]); i++) {
        if (strcmp(remarks[i].event, event) == 0) {
            struct buf text = {0};
            const char *name = chat_text_of(d, remarks[i].key);
            const char *place = strstr(remarks[i].words, "%s");
            (void)buf_append(&text, remarks[i].words, (size_t)(place - remarks[i].words));
            (void)buf_text(&text, name);
            (void)buf_text(&text, place + 2);
            screen_note(chat->screen, "guild", text.bytes != NULL ? text.bytes : "");
            buf_finish(&text);
        }
    }
}

static void reaction(struct chat *chat, const cJSON *d, bool added) {
    struct buf text = {0};
    const char *who = world_member_name(&chat->world, chat_text_of(d, "user_id"));
    const cJSON *emoji = cJSON_GetObjectItemCaseSensitive(d, "emoji");
    (void)buf_printf(&text, "%s %s %s %s %s", who[0] != '\0' ? who : "the bot",
                     added ? "reacted" : "took back", chat_text_of(emoji, "name"),
                     added ? "to" : "from", chat_text_of(d, "message_id"));
    screen_note(chat->screen, "guild", text.bytes != NULL ? text.bytes : "");
    buf_finish(&text);
}

static void event(struct chat *chat, const cJSON *line) {
    const char *name = chat_text_of(line, "t");
    const cJSON *d = cJSON_GetObjectItemCaseSensitive(line, "d");
    bool secret = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(line, "ephemeral"));
    const char *viewer = secret ? world_member_name(&chat->world, chat_text_of(line, "for")) : "";
    if (strcmp(name, "MESSAGE_CREATE") == 0 || strcmp(name, "MESSAGE_UPDATE") == 0) {
        if (cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(d, "author"))) {
            chat_show_message(chat, d, secret && viewer[0] == '\0' ? "one person" : viewer);
        }
    } else if (strcmp(name, "MESSAGE_REACTION_ADD") == 0) {
        reaction(chat, d, true);
    } else if (strcmp(name, "MESSAGE_REACTION_REMOVE") == 0) {
        reaction(chat, d, false);
    } else {
        remark(chat, name, d);
    }
    if (strncmp(name, "CHANNEL_", 8) == 0 || strncmp(name, "THREAD_", 7) == 0 ||
        strncmp(name, "GUILD_MEMBER_", 13) == 0) {
        world_refresh(&chat->world);
    }
}

/* The bot of this host, not one of somebody else's that looks on. */
static bool is_ours(const struct chat *chat, const cJSON *line) {
    return chat->world.application[0] == '\0' ||
           strcmp(chat_text_of(line, "bot"), chat->world.application) == 0;
}

void chat_take_feed(void *arg, const char *text) {
    struct chat *chat = arg;
    if (text == NULL) {
        chat->feed = NULL;
        chat->said[0] = '\0';
        loop_timer_start(chat->again, 200);
        chat->calls.lost(chat->calls.arg);
        return;
    }
    cJSON *line = cJSON_Parse(text);
    const char *kind = chat_text_of(line, "feed");
    if (strcmp(kind, "event") == 0) {
        event(chat, line);
    } else if (strcmp(kind, "commands") == 0) {
        world_refresh(&chat->world);
    } else if (strcmp(kind, "end") == 0 &&
               strncmp(chat_text_of(line, "reason"), "too slow", 8) == 0) {
        screen_note(chat->screen, "guild",
                    "more happens than can be shown; some of it was left out");
    } else if (strcmp(kind, "bot") == 0 && is_ours(chat, line)) {
        chat->calls.bot(chat->calls.arg,
                        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(line, "online")));
    }
    cJSON_Delete(line);
}
