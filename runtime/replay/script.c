/* replay/script.c: a file as a list of statements. */
#include "replay/script.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static void free_item(struct script_item *item) {
    free(item->name);
    free(item->text);
    free(item->as);
    free(item->in);
    free(item->on);
    for (size_t i = 0; i < item->pair_count; i++) {
        free(item->pairs[i].name);
        free(item->pairs[i].value);
    }
    free(item->pairs);
    pattern_free(item->value);
}

void script_finish(struct script *script) {
    for (size_t i = 0; i < script->count; i++) {
        free_item(&script->items[i]);
    }
    free(script->items);
    *script = (struct script){0};
}

static bool reserve(struct script *script, struct scan *scan) {
    if (script->count < script->capacity) {
        return true;
    }
    if (script->count >= SCRIPT_ITEMS_MAX) {
        return scan_fail(scan, "more than %d statements", SCRIPT_ITEMS_MAX);
    }
    size_t capacity = script->capacity > 0 ? script->capacity * 2 : 64;
    struct script_item *items = realloc(script->items, capacity * sizeof(*items));
    if (items == NULL) {
        return scan_fail(scan, "no memory");
    }
    script->items = items;
    script->capacity = capacity;
    return true;
}

static bool fail_unknown(struct scan *scan, const char *word) {
    const char *words[SCRIPT_KINDS];
    for (unsigned kind = 0; kind < SCRIPT_KINDS; kind++) {
        words[kind] = script_word((enum script_kind)kind);
    }
    const char *near = text_nearest(word, words, SCRIPT_KINDS);
    return scan_fail(scan, "no statement '%.40s'%s%s%s", word,
                     near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                     near != NULL ? "'?" : "");
}

/* Whether it may stand where it stands. */
static bool in_place(const struct script *script, const struct script_item *item,
                     struct scan *start) {
    const struct script_item *before = script->count > 0 ? &script->items[script->count - 1] : NULL;
    bool acted = false;
    for (size_t i = 0; i < script->count && !acted; i++) {
        acted = script_acts(script->items[i].kind);
    }
    switch (item->kind) {
    case SCRIPT_PLUGIN:
    case SCRIPT_TIME:
        return !acted ||
               scan_fail(start, "'%s' stands before the first step", script_word(item->kind));
    case SCRIPT_ANSWER:
        return (before != NULL && before->kind == SCRIPT_EXPECT && before->expect < ASK_LOG) ||
               scan_fail(start,
                         "'answer' stands behind the 'expect' of the request that it answers");
    default:
        return true;
    }
}

static bool read_item(struct script *script, struct scan *scan) {
    struct scan start = *scan;
    struct buf word = {0};
    if (!reserve(script, scan) || !scan_word(scan, "", &word)) {
        buf_finish(&word);
        return false;
    }
    struct script_item item = {.kind = script_find(word.bytes != NULL ? word.bytes : ""),
                               .line = start.line,
                               .column = (unsigned)(start.at - start.line_start + 1)};
    bool ok = item.kind != SCRIPT_KINDS || fail_unknown(&start, word.bytes);
    buf_finish(&word);
    ok = ok && script_row(scan, &item);
    if (ok && !scan_line_over(scan)) {
        ok = scan_fail(scan, "this is too much; the statement is written: %s",
                       script_usage(item.kind));
    }
    item.last_line = scan->line;
    ok = ok && in_place(script, &item, &start);
    if (!ok) {
        free_item(&item);
        return false;
    }
    script->items[script->count++] = item;
    return true;
}

static bool read_version(struct scan *scan) {
    static const char first[] = SCRIPT_FIRST_LINE;
    size_t length = sizeof(first) - 1;
    size_t line = 0;
    while (line < scan->length && scan->text[line] != '\n' && scan->text[line] != '\r') {
        line++;
    }
    if (line != length || memcmp(scan->text, first, length) != 0) {
        return scan_fail(scan, "the first line is: %s", first);
    }
    scan_next_line(scan);
    return true;
}

bool script_read(struct script *script, const char *text, size_t length, struct scan_fault *fault) {
    struct scan scan = scan_begin(text, length, fault);
    if (length > SCRIPT_BYTES_MAX) {
        return scan_fail(&scan, "the file is above %d MiB", SCRIPT_BYTES_MAX >> 20);
    }
    if (!read_version(&scan)) {
        return false;
    }
    for (scan_gap(&scan); scan.at < scan.length; scan_gap(&scan)) {
        if (!read_item(script, &scan)) {
            return false;
        }
    }
    return true;
}
