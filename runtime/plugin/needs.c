/* plugin/needs.c: what registrations need from a session, and which plugins a bot wants. Pure. */
#include "plugin/instance.h"

#include <string.h>

const char *registration_kind_name(uint32_t kind) {
    static const char *const names[] = {
        "?",          "event",     "timer", "post",         "rest",     "members",    "command",
        "subcommand", "component", "modal", "autocomplete", "schedule", "permissions"};
    return names[kind < sizeof(names) / sizeof(names[0]) ? kind : 0];
}

bool registration_next(const void *data, size_t length, size_t *at, struct registration *row,
                       const char **text) {
    if (*at > length || length - *at < sizeof(*row)) {
        return false;
    }
    memcpy(row, (const char *)data + *at, sizeof(*row));
    row->name[sizeof(row->name) - 1] = '\0';
    size_t left = length - *at - sizeof(*row);
    size_t padded = ((size_t)row->text_length + 1 + 7) & ~(size_t)7;
    *text = (const char *)data + *at + sizeof(*row);
    if (padded > left || (*text)[row->text_length] != '\0') {
        return false;
    }
    *at += sizeof(*row) + padded;
    return true;
}

void needs_add(struct plugin_needs *needs, const void *data, size_t length) {
    struct registration row;
    const char *text;
    size_t at = 0;
    while (registration_next(data, length, &at, &row, &text)) {
        if (row.kind != REGISTERED_EVENT || strcmp(row.name, DREY_GAP) == 0) {
            continue; /* interactions need no intent */
        }
        needs->content = needs->content || (row.flags & DREY_CONTENT) != 0;
        if (strcmp(row.name, DREY_ALL) == 0) {
            needs->everything = true;
            continue;
        }
        uint8_t scope = row.flags & DREY_ANYWHERE;
        needs->scopes[event_find(row.name, strlen(row.name))] |= scope != 0 ? scope : DREY_ANYWHERE;
    }
}

void needs_join(struct plugin_needs *needs, const struct plugin_needs *more) {
    needs->everything = needs->everything || more->everything;
    needs->content = needs->content || more->content;
    for (size_t i = 0; i <= EVENT_COUNT; i++) {
        needs->scopes[i] |= more->scopes[i];
    }
}

uint32_t plugin_needs_intents(const struct plugin_needs *needs) {
    uint32_t intents = needs->everything ? intents_all() & ~intents_privileged() : 0;
    for (unsigned id = 1; id <= EVENT_COUNT; id++) {
        if (needs->scopes[id] != 0) {
            intents |= event_intents(id, (enum event_scope)needs->scopes[id]);
        }
    }
    return needs->content ? intents | 1u << INTENT_MESSAGE_CONTENT : intents;
}

static bool word_is(const char *word, size_t length, const char *text) {
    return strlen(text) == length && memcmp(word, text, length) == 0;
}

bool plugins_wants(const char *list, const char *id) {
    bool wanted = false;
    while (list != NULL && *list != '\0') {
        list += strspn(list, ", \t");
        size_t length = strcspn(list, ", \t");
        if (*list == '!' && word_is(list + 1, length > 0 ? length - 1 : 0, id)) {
            return false;
        }
        wanted = wanted || word_is(list, length, "*") || word_is(list, length, id);
        list += length;
    }
    return wanted;
}
