/* gateway/redact.c: walks to the places where secrets are and blots them out. */
#include "gateway/redact.h"

#include "base/text.h"
#include "gateway/events.h"

#include <string.h>

void redact_ready(const uint8_t *bytes, const struct envelope *envelope,
                  struct ready_secrets *secrets) {
    struct json_span value;
    if (!json_find(bytes, &envelope->d, "session_id", &value) ||
        !json_string(bytes, &value, secrets->session_id, sizeof(secrets->session_id))) {
        secrets->session_id[0] = '\0';
    }
    if (!json_find(bytes, &envelope->d, "resume_gateway_url", &value) ||
        !json_string(bytes, &value, secrets->resume_url, sizeof(secrets->resume_url))) {
        secrets->resume_url[0] = '\0';
    }
}

static bool find_id(const uint8_t *bytes, const struct json_span *d, const char *name,
                    uint64_t *id) {
    struct json_span value;
    char text[24];
    return json_find(bytes, d, name, &value) && json_string(bytes, &value, text, sizeof(text)) &&
           text_u64(text, id) && *id != 0;
}

bool redact_interaction(const uint8_t *bytes, const struct envelope *envelope,
                        struct interaction_secrets *secrets) {
    struct json_span value;
    return find_id(bytes, &envelope->d, "id", &secrets->interaction) &&
           find_id(bytes, &envelope->d, "application_id", &secrets->application) &&
           json_find(bytes, &envelope->d, "token", &value) &&
           json_string(bytes, &value, secrets->token, sizeof(secrets->token)) &&
           secrets->token[0] != '\0';
}

/* A string keeps its quotes, brackets stay, a number becomes 0 and blanks. */
static void blot(uint8_t *bytes, const struct json_span *value) {
    uint8_t *first = bytes + value->offset;
    if (*first == '"') {
        memset(first + 1, 'x', value->length - 2);
    } else if (*first == '{' || *first == '[') {
        memset(first + 1, ' ', value->length - 2);
    } else if (*first == '-' || (*first >= '0' && *first <= '9')) {
        memset(first, ' ', value->length);
        *first = '0';
    }
}

/* One walk over a message. */
struct walk {
    struct json_cursor cursor;
    uint8_t *bytes;
    const char *name; /* of the secrets */
    size_t count;
};

typedef bool walk_fn(struct walk *walk);

static bool skip(struct walk *walk) {
    struct json_span value;
    return json_value(&walk->cursor, &value) == JSON_OK;
}

static bool blot_value(struct walk *walk) {
    struct json_span value;
    if (json_value(&walk->cursor, &value) != JSON_OK) {
        return false;
    }
    blot(walk->bytes, &value);
    walk->count++;
    return true;
}

/* The object stepped into: calls fn at the value of each member of this name. */
static bool each_member(struct walk *walk, const char *name, walk_fn *fn) {
    for (bool first = true;; first = false) {
        struct json_span member;
        bool more;
        if (json_member(&walk->cursor, first, &member, &more) != JSON_OK) {
            return false;
        }
        if (!more) {
            return true;
        }
        bool named = json_name_is(walk->bytes, &member, name);
        if (!(named ? fn(walk) : skip(walk))) {
            return false;
        }
    }
}

/* A value that holds secrets: an object, or an array of objects. */
static bool blot_within(struct walk *walk) {
    if (json_enter(&walk->cursor, '{')) {
        return each_member(walk, walk->name, blot_value);
    }
    if (!json_enter(&walk->cursor, '[')) {
        return skip(walk);
    }
    for (bool first = true;; first = false) {
        bool more;
        if (json_element(&walk->cursor, first, &more) != JSON_OK) {
            return false;
        }
        if (!more) {
            return true;
        }
        if (!(json_enter(&walk->cursor, '{') ? each_member(walk, walk->name, blot_value)
                                             : skip(walk))) {
            return false;
        }
    }
}

/* d of GUILD_CREATE. */
static bool blot_voice_states(struct walk *walk) {
    if (!json_enter(&walk->cursor, '{')) {
        return skip(walk);
    }
    return each_member(walk, "voice_states", blot_within);
}

static const char *secret_name(unsigned event) {
    switch (event) {
    case EVENT_READY:
    case EVENT_VOICE_STATE_UPDATE:
    case EVENT_GUILD_CREATE:
        return "session_id";
    case EVENT_INTERACTION_CREATE:
    case EVENT_VOICE_SERVER_UPDATE:
        return "token";
    default:
        return NULL;
    }
}

bool redact_message(uint8_t *bytes, size_t length, unsigned event, size_t *count) {
    struct walk walk = {.bytes = bytes, .name = secret_name(event)};
    bool whole = true;
    if (walk.name != NULL) {
        json_start(&walk.cursor, bytes, length);
        whole =
            json_enter(&walk.cursor, '{') &&
            each_member(&walk, "d", event == EVENT_GUILD_CREATE ? blot_voice_states : blot_within);
    }
    if (count != NULL) {
        *count = walk.count;
    }
    return whole;
}
