/* dev/chat_find.c: from what a person calls a thing to what Discord calls it. Pure. */
#include "dev/chat_inside.h"

#include <string.h>
#include <strings.h>

const char *chat_text_of(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static int type_of(const cJSON *object) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, "type");
    return cJSON_IsNumber(item) ? item->valueint : 0;
}

static bool is_menu(int type) {
    return type == 3 || (type >= 5 && type <= 8);
}

/* part: a piece of its label is enough. */
static bool called(const cJSON *item, const char *word, bool menu, bool part) {
    const char *label = chat_text_of(item, menu ? "placeholder" : "label");
    if (word[0] == '\0' || part) {
        return word[0] != '\0' && strcasestr(label, word) != NULL;
    }
    return strcmp(chat_text_of(item, "custom_id"), word) == 0 || strcasecmp(label, word) == 0 ||
           (!menu && strcmp(chat_text_of(cJSON_GetObjectItemCaseSensitive(item, "emoji"), "name"),
                            word) == 0);
}

static const cJSON *find_in(const cJSON *list, const char *word, bool menu, bool part) {
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        bool fits = menu ? is_menu(type_of(item)) : type_of(item) == 2;
        if (fits && called(item, word, menu, part)) {
            return item;
        }
        const cJSON *below =
            find_in(cJSON_GetObjectItemCaseSensitive(item, "components"), word, menu, part);
        if (below == NULL) { /* a section has one beside its text */
            const cJSON *beside = cJSON_GetObjectItemCaseSensitive(item, "accessory");
            below =
                beside != NULL && type_of(beside) == 2 && !menu && called(beside, word, menu, part)
                    ? beside
                    : NULL;
        }
        if (below != NULL) {
            return below;
        }
    }
    return NULL;
}

static const cJSON *find_message(const struct chat *chat, const char *word, bool menu, bool part,
                                 const char *id, const cJSON **message) {
    for (size_t i = 0; i < CHAT_RECENT; i++) { /* the newest first */
        size_t place = (chat->recent_next + CHAT_RECENT - 1 - i) % CHAT_RECENT;
        const cJSON *at = chat->recent[place].message;
        if (at == NULL || (id != NULL && strcmp(chat_text_of(at, "id"), id) != 0)) {
            continue;
        }
        const cJSON *found =
            find_in(cJSON_GetObjectItemCaseSensitive(at, "components"), word, menu, part);
        if (found != NULL) {
            *message = at;
            return found;
        }
    }
    return NULL;
}

const cJSON *chat_find_component(const struct chat *chat, const char *word, bool menu,
                                 const char *id, const cJSON **message, struct err *err) {
    const cJSON *found = find_message(chat, word, menu, false, id, message);
    if (found == NULL) {
        found = find_message(chat, word, menu, true, id, message);
    }
    if (found == NULL) {
        err_set(err, ERR_NOT_FOUND, "no message %s has a %s '%.80s'",
                id != NULL ? "of that number" : "that is still at hand", menu ? "menu" : "button",
                word);
    }
    return found;
}

const char *chat_find_choice(const cJSON *menu, const char *word) {
    const cJSON *item;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(menu, "options")) {
        if (strcasecmp(chat_text_of(item, "label"), word) == 0) {
            return chat_text_of(item, "value");
        }
    }
    return word;
}

static const char *find_field(const cJSON *list, const char *word) {
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        const cJSON *one = cJSON_GetObjectItemCaseSensitive(item, "component");
        const char *id = chat_text_of(one != NULL ? one : item, "custom_id");
        if (id[0] != '\0' &&
            (strcmp(id, word) == 0 || strcasecmp(chat_text_of(item, "label"), word) == 0)) {
            return id;
        }
        const char *below = find_field(cJSON_GetObjectItemCaseSensitive(item, "components"), word);
        if (below != NULL) {
            return below;
        }
    }
    return NULL;
}

const char *chat_find_field(const cJSON *modal, const char *word) {
    const char *found = find_field(cJSON_GetObjectItemCaseSensitive(modal, "components"), word);
    return found != NULL ? found : word;
}
