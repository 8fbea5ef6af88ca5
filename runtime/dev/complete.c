/* dev/complete.c: candidates from what the simulator says there is. Pure. */
#include "dev/complete.h"

#include "base/text.h"
#include "dev/line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static int type_of(const cJSON *object, int otherwise) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, "type");
    return cJSON_IsNumber(item) ? item->valueint : otherwise;
}

/* A name that a bot chose goes onto the terminal and into the line: nothing hostile does. */
static bool harmless(const char *text) {
    size_t left = strlen(text);
    while (left > 0) {
        size_t width = text_shown_width(text, left);
        if (width == 0) {
            return false;
        }
        text += width;
        left -= width;
    }
    return true;
}

/* before + name + after, if the name begins as the part does; quoted where it has blanks. */
static void offer(struct complete *out, const char *part, const char *before, const char *name,
                  const char *after) {
    char word[256];
    const char *quote = strchr(name, ' ') != NULL ? "\"" : "";
    part += part[0] == '"' ? 1 : 0;
    if (name[0] == '\0' || strncmp(name, part, strlen(part)) != 0 || !harmless(name) ||
        strpbrk(name, "\"\\") != NULL || out->count == COMPLETE_MOST ||
        snprintf(word, sizeof(word), "%s%s%s%s%s", before, quote, name, quote, after) >=
            (int)sizeof(word)) {
        return;
    }
    for (size_t i = 0; i < out->count; i++) {
        if (strcmp(out->words[i], word) == 0) {
            return;
        }
    }
    out->words[out->count] = strdup(word);
    out->count += out->words[out->count] != NULL ? 1 : 0;
}

static void offer_members(const struct complete_world *world, const char *part, const char *before,
                          struct complete *out) {
    const cJSON *item;
    cJSON_ArrayForEach(item, world->members) {
        offer(out, part, before, text_of(cJSON_GetObjectItem(item, "user"), "username"), " ");
    }
}

static void offer_channels(const struct complete_world *world, const char *part, const char *before,
                           struct complete *out) {
    const cJSON *item;
    bool hash = part[0] == '#';
    char sharp[64];
    (void)snprintf(sharp, sizeof(sharp), "%.60s%s", before, hash ? "#" : "");
    cJSON_ArrayForEach(item, world->channels) {
        int type = type_of(item, -1);
        if (type == 0 || type == 5 || type == 10 || type == 11 || type == 12) {
            offer(out, part + (hash ? 1 : 0), sharp, text_of(item, "name"), " ");
        }
    }
}

/* The labels (or ids) of what can be pressed, wherever it stands among the components. */
static void offer_components(const cJSON *list, const char *part, bool menus,
                             struct complete *out) {
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        int type = type_of(item, 0);
        const char *label = text_of(item, "label");
        const char *id = text_of(item, "custom_id");
        if (type == 2 && !menus && id[0] != '\0') {
            offer(out, part, "", label[0] != '\0' ? label : id, " ");
        } else if (menus && (type == 3 || (type >= 5 && type <= 8))) {
            offer(out, part, "", id, " ");
        }
        if (cJSON_IsArray(item)) {
            offer_components(item, part, menus, out);
        }
        offer_components(cJSON_GetObjectItemCaseSensitive(item, "components"), part, menus, out);
    }
}

static const cJSON *named(const cJSON *list, const char *name, size_t length, bool chat_only) {
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        const char *own = text_of(item, "name");
        if (strlen(own) == length && memcmp(own, name, length) == 0 &&
            (!chat_only || type_of(item, 1) == 1)) {
            return item;
        }
    }
    return NULL;
}

/* "option:" was typed, `part` is what follows: choices, truth values, people, channels. */
static void offer_values(const struct complete_world *world, const cJSON *option, const char *part,
                         struct complete *out) {
    char before[72];
    const cJSON *choice;
    (void)snprintf(before, sizeof(before), "%.64s:", text_of(option, "name"));
    cJSON_ArrayForEach(choice, cJSON_GetObjectItemCaseSensitive(option, "choices")) {
        offer(out, part, before, text_of(choice, "name"), " ");
    }
    switch (type_of(option, 0)) {
    case 5:
        offer(out, part, before, "true", " ");
        offer(out, part, before, "false", " ");
        break;
    case 6:
    case 9:
        offer_members(world, part, before, out);
        break;
    case 7:
        offer_channels(world, part, before, out);
        break;
    default:
        break;
    }
}

/* Behind "/NAME ": subcommands, options that are not there yet, or values. */
static void offer_options(const struct complete_world *world, const char *line, size_t from,
                          struct complete *out) {
    const char *at = line + 1;
    size_t length = strcspn(at, " ");
    const cJSON *holder = named(world->commands, at, length, true);
    const cJSON *item;
    for (at += length; holder != NULL; at += length) { /* down into subcommands */
        at += strspn(at, " ");
        length = strcspn(at, " :");
        const cJSON *below =
            at < line + from && at[length] == ' '
                ? named(cJSON_GetObjectItemCaseSensitive(holder, "options"), at, length, false)
                : NULL;
        if (below == NULL || type_of(below, 0) > 2) {
            break;
        }
        holder = below;
    }
    const cJSON *options = cJSON_GetObjectItemCaseSensitive(holder, "options");
    const char *word = line + from;
    const char *colon = strchr(word, ':');
    if (colon != NULL) {
        const cJSON *option = named(options, word, (size_t)(colon - word), false);
        if (option != NULL) {
            offer_values(world, option, colon + 1, out);
        }
        return;
    }
    cJSON_ArrayForEach(item, options) {
        char given[72];
        (void)snprintf(given, sizeof(given), " %.64s:", text_of(item, "name"));
        if (type_of(item, 0) <= 2) {
            offer(out, word, "", text_of(item, "name"), " ");
        } else if (strstr(line, given) == NULL) {
            offer(out, word, "", text_of(item, "name"), ":");
        }
    }
}

static void offer_menu_commands(const struct complete_world *world, const char *part,
                                struct complete *out) {
    const cJSON *item;
    cJSON_ArrayForEach(item, world->commands) {
        if (type_of(item, 1) != 1) {
            offer(out, part, "", text_of(item, "name"), " ");
        }
    }
}

static void offer_arguments(const struct complete_world *world, const char *line, size_t from,
                            struct complete *out) {
    const char *part = line + from;
    size_t length = strcspn(line + 1, " ");
    const char *verb = line + 1;
    if (strncmp(verb, "as ", length + 1) == 0) {
        offer_members(world, part, "", out);
    } else if (strncmp(verb, "in ", length + 1) == 0) {
        offer_channels(world, part, "", out);
        offer(out, part, "", "dm", " ");
    } else if (strncmp(verb, "press ", length + 1) == 0) {
        offer_components(world->components, part, false, out);
    } else if (strncmp(verb, "select ", length + 1) == 0) {
        offer_components(world->components, part, true, out);
    } else if (strncmp(verb, "menu ", length + 1) == 0) {
        offer_menu_commands(world, part, out);
        offer_members(world, part, "", out);
    }
}

/* Where the word begins that ends at the cursor; blanks within quotes belong to it. */
static size_t word_start(const char *line) {
    size_t start = 0;
    bool quoted = false;
    for (size_t i = 0; line[i] != '\0'; i++) {
        quoted = line[i] == '"' ? !quoted : quoted;
        start = line[i] == ' ' && !quoted ? i + 1 : start;
    }
    return start;
}

void complete_find(const struct complete_world *world, const char *line, struct complete *out) {
    const cJSON *item;
    const char *name;
    *out = (struct complete){.from = word_start(line)};
    if (line[0] == ':' && out->from == 0) {
        for (size_t i = 0; (name = line_verb_name(i)) != NULL; i++) {
            offer(out, line + 1, ":", name, " ");
        }
    } else if (line[0] == ':') {
        offer_arguments(world, line, out->from, out);
    } else if (line[0] == '/' && out->from == 0) {
        cJSON_ArrayForEach(item, world->commands) {
            if (type_of(item, 1) == 1) {
                offer(out, line + 1, "/", text_of(item, "name"), " ");
            }
        }
    } else if (line[0] == '/') {
        offer_options(world, line, out->from, out);
    }
    out->common = out->count > 0 ? strlen(out->words[0]) : 0;
    for (size_t i = 1; i < out->count; i++) {
        size_t same = 0;
        while (same < out->common && out->words[i][same] == out->words[0][same]) {
            same++;
        }
        out->common = same;
    }
    while (out->common > 0 && out->count > 1 &&
           ((unsigned char)out->words[0][out->common] & 0xc0) == 0x80) {
        out->common--; /* not in the middle of a character */
    }
}

void complete_finish(struct complete *complete) {
    for (size_t i = 0; i < complete->count; i++) {
        free(complete->words[i]);
    }
    *complete = (struct complete){0};
}
