/* dev/chat_show.c: messages and outcomes as a person reads them; each look of a message once. */
#include "dev/chat_inside.h"

#include "base/text.h"
#include "sim/chat.h"

#include <stdio.h>
#include <string.h>

/* The message's place among the recent ones; a new one takes the oldest's. */
static struct recent *place_of(struct chat *chat, const cJSON *message) {
    const char *id = chat_text_of(message, "id");
    for (size_t i = 0; i < CHAT_RECENT; i++) {
        if (chat->recent[i].message != NULL &&
            strcmp(chat_text_of(chat->recent[i].message, "id"), id) == 0) {
            return &chat->recent[i];
        }
    }
    struct recent *place = &chat->recent[chat->recent_next];
    chat->recent_next = (chat->recent_next + 1) % CHAT_RECENT;
    cJSON_Delete(place->message);
    *place = (struct recent){0};
    return place;
}

static bool is_new_look(struct recent *place, uint64_t hash) {
    for (unsigned i = 0; i < place->look_count && i < CHAT_LOOKS; i++) {
        if (place->looks[i] == hash) {
            return false;
        }
    }
    place->looks[place->look_count++ % CHAT_LOOKS] = hash;
    return true;
}

/* <@ID> and <#ID> by name, as a person sees them. text: of the message; what it names is looked up
 * among members and channels. */
static void name_mentions(const struct chat *chat, const char *text, struct buf *out) {
    while (*text != '\0') {
        size_t plain = strcspn(text, "<");
        (void)buf_append(out, text, plain);
        text += plain;
        char sign = *text == '<' ? text[1] : '\0';
        const char *digits = text + (sign != '\0' ? 2 : 0);
        digits += sign == '@' && *digits == '!' ? 1 : 0;
        size_t length = strspn(digits, "0123456789");
        char id[24];
        const char *name = "";
        if ((sign == '@' || sign == '#') && length > 0 && length < sizeof(id) &&
            digits[length] == '>') {
            (void)snprintf(id, sizeof(id), "%.*s", (int)length, digits);
            name = sign == '@' ? world_member_name(&chat->world, id)
                               : world_channel_name(&chat->world, id);
        }
        if (name[0] != '\0') {
            (void)buf_printf(out, "%c%s", sign, name);
            text = digits + length + 1;
        } else if (*text != '\0') {
            (void)buf_append(out, text++, 1);
        }
    }
}

void chat_show_message(struct chat *chat, const cJSON *message, const char *viewer) {
    struct buf text = {0};
    const char *channel = chat_text_of(message, "channel_id");
    const char *name = world_channel_name(&chat->world, channel);
    if (strcmp(name, chat->in) != 0 && strcmp(chat->in, "dm") != 0) {
        char where[80];
        (void)text_plain(where, sizeof(where), name[0] != '\0' ? name : "a direct message");
        (void)buf_printf(&text, name[0] != '\0' ? "in #%s: " : "in %s: ", where);
    }
    (void)sim_chat_message(&text, message, viewer[0] != '\0' ? viewer : NULL);
    size_t length = text.length;
    (void)buf_text(&text, chat_text_of(message, "edited_timestamp"));
    struct recent *place = place_of(chat, message);
    if (length > 0 && is_new_look(place, text_hash(text.bytes, text.length))) {
        struct buf named = {0};
        text.length = length;
        text.bytes[length] = '\0';
        name_mentions(chat, text.bytes, &named);
        screen_print(chat->screen, named.bytes != NULL ? named.bytes : "");
        buf_finish(&named);
        cJSON_Delete(place->message);
        place->message = cJSON_Duplicate(message, true);
    }
    if (strcmp(chat_text_of(message, "id"), chat->said) == 0) {
        chat->said[0] = '\0';
        chat->calls.busy(chat->calls.arg);
    }
    buf_finish(&text);
}

static void show_modal(struct chat *chat, const cJSON *modal) {
    struct buf text = {0};
    (void)sim_chat_modal(&text, modal);
    (void)buf_text(&text, "  fill it in with :submit FIELD=TEXT ...");
    (void)text_copy(chat->modal, sizeof(chat->modal), chat_text_of(modal, "custom_id"));
    cJSON_Delete(chat->modal_object);
    chat->modal_object = cJSON_Duplicate(modal, true);
    screen_print(chat->screen, text.bytes != NULL ? text.bytes : "");
    buf_finish(&text);
}

static void show_choices(struct chat *chat, const cJSON *choices) {
    struct buf text = {0};
    (void)sim_chat_choices(&text, choices);
    screen_print(chat->screen, text.bytes != NULL ? text.bytes : "");
    buf_finish(&text);
}

static void show_time(struct chat *chat, const cJSON *answer, const char *outcome) {
    static const struct {
        const char *outcome;
        const char *words;
    } rows[] = {{"message", "answered"},
                {"update", "the message was changed"},
                {"modal", "a form was shown"},
                {"deferred", "is thinking; the answer comes later"},
                {"choices", "choices"},
                {"deferred_update", "taken; the message may change"},
                {"deleted", "the answer was taken back"}};
    const cJSON *ms = cJSON_GetObjectItemCaseSensitive(answer, "ms");
    char line[96];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].outcome, outcome) == 0 && cJSON_IsNumber(ms)) {
            (void)snprintf(line, sizeof(line), "  -- %s, %.0f ms", rows[i].words, ms->valuedouble);
            screen_print(chat->screen, line);
        }
    }
}

void chat_show_outcome(struct chat *chat, int status, const char *text) {
    cJSON *answer = status != 0 ? cJSON_Parse(text) : NULL;
    const cJSON *message = cJSON_GetObjectItemCaseSensitive(answer, "message");
    const cJSON *modal = cJSON_GetObjectItemCaseSensitive(answer, "modal");
    const cJSON *choices = cJSON_GetObjectItemCaseSensitive(answer, "choices");
    const char *error = chat_text_of(answer, "error");
    if (answer == NULL || error[0] != '\0') {
        screen_note(chat->screen, "!", error[0] != '\0' ? error : text);
    } else {
        if (message != NULL) {
            bool own = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ephemeral"));
            chat_show_message(chat, message, own ? chat->as : "");
        }
        if (modal != NULL) {
            show_modal(chat, modal);
        }
        if (choices != NULL) {
            show_choices(chat, choices);
        }
        show_time(chat, answer, chat_text_of(answer, "outcome"));
    }
    cJSON_Delete(answer);
}
