/* replay/ask.c: requests and their words, one table. */
#include "replay/ask.h"

#include <cjson/cJSON.h>
#include <string.h>

static const struct {
    const char *word;
    bool message;
} rows[ASK_KINDS] = {
    [ASK_REST] = {"", false},
    [ASK_MESSAGE] = {"message", true},
    [ASK_REPLY] = {"reply", true},
    [ASK_WHISPER] = {"whisper", true},
    [ASK_DEFER] = {"defer", false},
    [ASK_UPDATE] = {"update", true},
    [ASK_DEFER_UPDATE] = {"defer-update", false},
    [ASK_MODAL] = {"modal", false},
    [ASK_CHOICES] = {"choices", false},
    [ASK_EDIT] = {"edit", true},
    [ASK_DELETE] = {"delete", false},
    [ASK_FOLLOW_UP] = {"follow-up", true},
    [ASK_EDIT_FOLLOW_UP] = {"edit-follow-up", true},
    [ASK_DELETE_FOLLOW_UP] = {"delete-follow-up", false},
    [ASK_PRESENCE] = {"presence", false},
    [ASK_VOICE] = {"voice", false},
    [ASK_MEMBERS] = {"members", false},
    [ASK_LOG] = {"log", false},
    [ASK_FAULT] = {"fault", false},
    [ASK_FILE] = {"file", false},
    [ASK_NOTHING] = {"nothing", false},
    [ASK_ANYTHING] = {"anything", false},
};

const char *ask_word(enum ask_kind kind) {
    return kind < ASK_KINDS ? rows[kind].word : "";
}

enum ask_kind ask_find(const char *word) {
    for (unsigned kind = ASK_REST + 1; kind < ASK_KINDS; kind++) {
        if (strcmp(rows[kind].word, word) == 0) {
            return (enum ask_kind)kind;
        }
    }
    return ASK_KINDS;
}

bool ask_is_message(enum ask_kind kind) {
    return kind < ASK_KINDS && rows[kind].message;
}

/* Whether the path is these segments; '*' is any one, the query does not count. */
static bool is_path(const char *path, const char *pattern) {
    while (*pattern != '\0') {
        if (*pattern == '*') {
            size_t length = strcspn(path, "/?");
            if (length == 0) {
                return false;
            }
            path += length;
            pattern++;
        } else if (*path++ != *pattern++) {
            return false;
        }
    }
    return *path == '\0' || *path == '?';
}

static enum ask_kind callback(const cJSON **body) {
    static const enum ask_kind kinds[] = {
        [4] = ASK_REPLY,  [5] = ASK_DEFER,   [6] = ASK_DEFER_UPDATE,
        [7] = ASK_UPDATE, [8] = ASK_CHOICES, [9] = ASK_MODAL};
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(*body, "type");
    int number = cJSON_IsNumber(type) ? type->valueint : 0;
    if (number < 4 || number > 9) {
        return ASK_REST;
    }
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(*body, "data");
    *body = number == 8 ? cJSON_GetObjectItemCaseSensitive(data, "choices") : data;
    return kinds[number];
}

enum ask_kind ask_of(const char *method, const char *path, const cJSON **body) {
    static const struct {
        const char *method;
        const char *path;
        enum ask_kind kind;
    } forms[] = {
        {"POST", "/channels/*/messages", ASK_MESSAGE},
        {"POST", "/interactions/*/*/callback", ASK_REPLY},
        {"PATCH", "/webhooks/*/*/messages/@original", ASK_EDIT},
        {"DELETE", "/webhooks/*/*/messages/@original", ASK_DELETE},
        {"POST", "/webhooks/*/*", ASK_FOLLOW_UP},
        {"PATCH", "/webhooks/*/*/messages/*", ASK_EDIT_FOLLOW_UP},
        {"DELETE", "/webhooks/*/*/messages/*", ASK_DELETE_FOLLOW_UP},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (strcmp(forms[i].method, method) == 0 && is_path(path, forms[i].path)) {
            return forms[i].kind == ASK_REPLY ? callback(body) : forms[i].kind;
        }
    }
    return ASK_REST;
}

enum ask_kind ask_of_gateway(uint64_t op) {
    return op == 3 ? ASK_PRESENCE : op == 4 ? ASK_VOICE : ASK_MEMBERS;
}
