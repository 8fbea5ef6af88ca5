/* gateway/envelope.c: the four members of a gateway message. */
#include "gateway/envelope.h"

#include <string.h>

static bool is(const uint8_t *bytes, const struct json_span *name, char letter) {
    const char text[2] = {letter, '\0'};
    return json_name_is(bytes, name, text);
}

static void keep(const uint8_t *bytes, const struct json_span *name, const struct json_span *value,
                 struct envelope *envelope, bool *has_op) {
    if (is(bytes, name, 'd')) {
        envelope->d = *value;
    } else if (is(bytes, name, 's')) {
        envelope->seq = 0;
        json_u64(bytes, value, &envelope->seq);
    } else if (is(bytes, name, 't')) {
        bool text = bytes[value->offset] == '"';
        envelope->t.offset = text ? value->offset + 1 : 0;
        envelope->t.length = text ? value->length - 2 : 0;
    } else if (json_name_is(bytes, name, "op")) {
        *has_op = json_u64(bytes, value, &envelope->op);
    }
}

enum json_result envelope_scan_with(enum json_kernel kernel, const uint8_t *bytes, size_t length,
                                    struct envelope *envelope, const char **why) {
    struct json_cursor cursor;
    json_start(&cursor, bytes, length);
    cursor.kernel = kernel;
    *envelope = (struct envelope){0};
    *why = "not an object";
    bool has_op = false;
    if (!json_enter(&cursor, '{')) {
        return cursor.at >= length ? JSON_PARTIAL : JSON_BROKEN;
    }
    for (bool first = true;; first = false) {
        struct json_span name;
        struct json_span value;
        bool more;
        enum json_result result = json_member(&cursor, first, &name, &more);
        if (result == JSON_OK && more) {
            result = json_value(&cursor, &value);
        }
        *why = cursor.why;
        if (result != JSON_OK) {
            return result;
        }
        if (!more) {
            break;
        }
        keep(bytes, &name, &value, envelope, &has_op);
    }
    json_space(&cursor);
    envelope->length = cursor.at;
    if (!has_op) {
        *why = "no opcode";
        return JSON_BROKEN;
    }
    /* Discord's names need no escapes; one that has them could hide an event from redaction. */
    if (memchr(bytes + envelope->t.offset, '\\', envelope->t.length) != NULL) {
        *why = "an event name with escapes";
        return JSON_BROKEN;
    }
    return JSON_OK;
}

enum json_result envelope_scan(const uint8_t *bytes, size_t length, struct envelope *envelope,
                               const char **why) {
    return envelope_scan_with(json_kernel_best(), bytes, length, envelope, why);
}

uint64_t envelope_interval(const uint8_t *bytes, const struct envelope *envelope) {
    struct json_span value;
    if (!json_find(bytes, &envelope->d, "heartbeat_interval", &value)) {
        return 0;
    }
    const uint8_t *dot = memchr(bytes + value.offset, '.', value.length);
    if (dot != NULL) {
        value.length = (size_t)(dot - (bytes + value.offset));
    }
    uint64_t interval_ms = 0;
    return json_u64(bytes, &value, &interval_ms) ? interval_ms : 0;
}

bool envelope_true(const uint8_t *bytes, const struct envelope *envelope) {
    return envelope->d.length == 4 && memcmp(bytes + envelope->d.offset, "true", 4) == 0;
}
