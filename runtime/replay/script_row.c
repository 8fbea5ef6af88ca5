/* replay/script_row.c: how each statement is written: one row each. */
#include "replay/script.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_MAX_MS (UINT64_C(366) * 24 * 3600 * 1000)

typedef bool row_fn(struct scan *scan, struct script_item *item);

static bool keep(struct scan *scan, struct buf *text, char **into) {
    free(*into);
    *into = strdup(text->bytes != NULL ? text->bytes : "");
    buf_finish(text);
    return *into != NULL || scan_fail(scan, "no memory");
}

/* A word or a string that must be there. */
static bool need(struct scan *scan, const char *what, char **into) {
    struct buf text = {0};
    if (scan_line_over(scan)) {
        return scan_fail(scan, "wanted: %s", what);
    }
    if (!scan_text(scan, "", &text)) {
        buf_finish(&text);
        return false;
    }
    return keep(scan, &text, into);
}

static bool need_value(struct scan *scan, bool data, struct pattern **into) {
    *into = pattern_read(scan, data);
    return *into != NULL;
}

/* "as ann", "in general", "on $message": each at most once, those that the row knows. */
static bool clauses(struct scan *scan, struct script_item *item, const char *allowed) {
    static const char *const words[] = {"as", "in", "on"};
    char **const places[] = {&item->as, &item->in, &item->on};
    while (!scan_line_over(scan)) {
        struct scan start = *scan;
        size_t which = 0;
        while (which < 3 &&
               !(strchr(allowed, words[which][0]) != NULL && scan_takes(scan, words[which]))) {
            which++;
        }
        if (which == 3) {
            return scan_fail(scan, "this statement is written: %s", script_usage(item->kind));
        }
        if (*places[which] != NULL) {
            return scan_fail(&start, "'%s' twice", words[which]);
        }
        if (!need(scan, "a name", places[which])) {
            return false;
        }
        const char *name = *places[which];
        name += name[0] == '$' ? 1 : 0;
        if (!pattern_is_name(name, strlen(name))) {
            return scan_fail(&start, "'%.40s' is no name: letters, digits, _ and -", name);
        }
    }
    return true;
}

static bool add_pair(struct scan *scan, struct script_item *item, struct script_pair pair) {
    struct script_pair *pairs = item->pair_count < SCRIPT_PAIRS_MAX
                                    ? realloc(item->pairs, (item->pair_count + 1) * sizeof(*pairs))
                                    : NULL;
    if (pairs == NULL || pair.value == NULL) {
        item->pairs = pairs != NULL ? pairs : item->pairs;
        free(pair.name);
        free(pair.value);
        return scan_fail(scan, "no memory, or more than %d", SCRIPT_PAIRS_MAX);
    }
    item->pairs = pairs;
    item->pairs[item->pair_count++] = pair;
    return true;
}

static bool clause_here(const struct scan *scan) {
    struct scan ahead = *scan;
    return scan_takes(&ahead, "as") || scan_takes(&ahead, "in") || scan_takes(&ahead, "on");
}

/* NAME:VALUE; *label: what stands before the colon, or all of it when there is none. */
static bool one_pair(struct scan *scan, struct script_item *item, bool words) {
    struct scan start = *scan;
    struct buf label = {0};
    struct buf value = {0};
    char *name = NULL;
    bool ok = scan_word(scan, ":", &label);
    if (ok && scan_peek(scan) != ':') {
        struct buf path = {0};
        bool sub = words && item->pair_count == 0 && label.length > 0;
        ok = sub ? (buf_text(&path, item->name) && buf_text(&path, " ") &&
                    buf_text(&path, label.bytes) && keep(scan, &path, &item->name)) ||
                       scan_fail(scan, "no memory")
                 : scan_fail(&start, "wanted: NAME:VALUE");
        buf_finish(&path);
        buf_finish(&label);
        return ok;
    }
    scan_step(scan);
    char quote = scan_peek(scan);
    ok = ok && keep(scan, &label, &name) && scan_text(scan, "", &value);
    struct script_pair pair = {.name = name,
                               .value = ok ? strdup(value.bytes != NULL ? value.bytes : "") : NULL,
                               .quoted = quote == '"' || quote == '\''};
    buf_finish(&value);
    buf_finish(&label);
    if (!ok) {
        free(name);
        return false;
    }
    return add_pair(scan, item, pair);
}

static bool pairs(struct scan *scan, struct script_item *item, bool words) {
    while (!scan_line_over(scan) && !clause_here(scan)) {
        if (!one_pair(scan, item, words)) {
            return false;
        }
    }
    return true;
}

/* ---- Rows ---- */

static bool row_plugin(struct scan *scan, struct script_item *item) {
    return need(scan, "the plugin's id", &item->name);
}

/* As in the INI file: everything behind the '=' to the end of the line, comments and all. */
static bool row_config(struct scan *scan, struct script_item *item) {
    struct buf key = {0};
    struct buf value = {0};
    scan_blanks(scan);
    if (!scan_word(scan, "=", &key) || key.length == 0) {
        buf_finish(&key);
        return scan_fail(scan, "wanted: KEY = VALUE");
    }
    if (!keep(scan, &key, &item->name)) {
        return false;
    }
    scan_blanks(scan);
    if (scan_peek(scan) != '=') {
        return scan_fail(scan, "wanted: '=' behind the key");
    }
    scan_step(scan);
    while (scan_peek(scan) == ' ' || scan_peek(scan) == '\t') {
        scan_step(scan);
    }
    size_t start = scan->at;
    size_t end = start;
    for (; scan->at < scan->length && scan_peek(scan) != '\n'; scan_step(scan)) {
        char c = scan_peek(scan);
        if (c == '\0') {
            return scan_fail(scan, "a NUL byte");
        }
        end = c != ' ' && c != '\t' && c != '\r' ? scan->at + 1 : end;
    }
    if (!text_utf8_valid(scan->text + start, end - start)) {
        return scan_fail(scan, "this value is not UTF-8");
    }
    if (!buf_append(&value, scan->text + start, end - start)) {
        return scan_fail(scan, "no memory");
    }
    return keep(scan, &value, &item->text);
}

/* Days since 1970 of a date of the Gregorian calendar. */
static uint64_t days_of(unsigned year, unsigned month, unsigned day) {
    uint64_t y = month <= 2 ? year - 1 : year;
    uint64_t shifted = month > 2 ? month - 3 : month + 9;
    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * shifted + 2) / 5 + day - 1 - 719468;
}

static unsigned digits(const char *text, size_t count) {
    unsigned value = 0;
    for (size_t i = 0; i < count; i++) {
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    return value;
}

static bool row_time(struct scan *scan, struct script_item *item) {
    static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
    if (!need(scan, "a time: 2026-01-31T09:00:00Z", &item->name)) {
        return false;
    }
    const char *t = item->name;
    bool ok = strlen(t) == strlen(form);
    for (size_t i = 0; ok && form[i] != '\0'; i++) {
        ok = form[i] == 'd' ? t[i] >= '0' && t[i] <= '9' : t[i] == form[i];
    }
    unsigned year = ok ? digits(t, 4) : 0;
    unsigned month = ok ? digits(t + 5, 2) : 0;
    unsigned day = ok ? digits(t + 8, 2) : 0;
    if (year < 2016 || year > 2100 || month < 1 || month > 12 || day < 1 || day > 31 ||
        digits(t + 11, 2) > 23 || digits(t + 14, 2) > 59 || digits(t + 17, 2) > 59) {
        return scan_fail(scan, "wanted: a time of the years 2016 to 2100: 2026-01-31T09:00:00Z");
    }
    item->number = (days_of(year, month, day) * 86400 + digits(t + 11, 2) * 3600ull +
                    digits(t + 14, 2) * 60ull + digits(t + 17, 2)) *
                   1000;
    return true;
}

static bool row_event(struct scan *scan, struct script_item *item) {
    if (!need(scan, "an event's name: MESSAGE_CREATE", &item->name)) {
        return false;
    }
    scan_blanks(scan);
    if (scan_peek(scan) != '{') {
        return scan_fail(scan, "wanted: the event's data, an object: {...}");
    }
    return need_value(scan, true, &item->value);
}

static bool row_command(struct scan *scan, struct script_item *item) {
    scan_blanks(scan);
    if (scan_peek(scan) != '/') {
        return scan_fail(scan, "wanted: the command with its slash: /poll");
    }
    scan_step(scan);
    return need(scan, "the command's name", &item->name) && pairs(scan, item, true) &&
           clauses(scan, item, "ai");
}

static bool row_menu(struct scan *scan, struct script_item *item) {
    return need(scan, "the command's name in quotes", &item->name) && clauses(scan, item, "aio") &&
           (item->on != NULL || scan_fail(scan, "wanted: on USER, or on $MESSAGE"));
}

static bool row_press(struct scan *scan, struct script_item *item) {
    return need(scan, "the button's custom_id", &item->name) && clauses(scan, item, "aio");
}

static bool row_choose(struct scan *scan, struct script_item *item) {
    if (!need(scan, "the menu's custom_id", &item->name)) {
        return false;
    }
    while (!scan_line_over(scan) && !clause_here(scan)) {
        struct script_pair pair = {0};
        if (!need(scan, "a value", &pair.value) || !add_pair(scan, item, pair)) {
            return false;
        }
    }
    return clauses(scan, item, "aio");
}

static bool row_submit(struct scan *scan, struct script_item *item) {
    return need(scan, "the modal's custom_id", &item->name) && pairs(scan, item, false) &&
           clauses(scan, item, "aio");
}

static bool row_say(struct scan *scan, struct script_item *item) {
    scan_blanks(scan);
    if (scan_peek(scan) != '"' && scan_peek(scan) != '\'') {
        return scan_fail(scan, "wanted: what is said, in quotes");
    }
    return need(scan, "a text", &item->text) && clauses(scan, item, "ai");
}

static bool row_member(struct scan *scan, struct script_item *item) {
    return clauses(scan, item, "a");
}

static bool row_wait(struct scan *scan, struct script_item *item) {
    scan_blanks(scan);
    struct scan start = *scan;
    if (!need(scan, "a time: 250ms, 20s, 10m, 2h", &item->name)) {
        return false;
    }
    return (text_duration_ms(item->name, &item->number) && item->number <= WAIT_MAX_MS) ||
           scan_fail(&start, "wanted: a time of at most a year: 250ms, 20s, 10m, 2h");
}

static bool row_alone(struct scan *scan, struct script_item *item) {
    return true;
}

static bool is_method(const char *word) {
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(word, methods[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The JSON of an expectation, if there is any. */
static bool expected_value(struct scan *scan, struct script_item *item) {
    if (scan_line_over(scan)) {
        return true;
    }
    char c = scan_peek(scan);
    bool text = c == '"' || c == '\'' || c == '~';
    if (!need_value(scan, false, &item->value)) {
        return false;
    }
    if (text && ask_is_message(item->expect)) {
        item->value = pattern_content(item->value);
        return item->value != NULL || scan_fail(scan, "no memory");
    }
    return true;
}

static bool expected_text(struct scan *scan, struct script_item *item) {
    scan_blanks(scan);
    char c = scan_peek(scan);
    if (c != '"' && c != '\'' && c != '~') {
        return scan_fail(scan, "wanted: a text in quotes, or ~ \"part of it\"");
    }
    return need_value(scan, false, &item->value);
}

static bool fail_kind(struct scan *start, const char *word) {
    const char *words[ASK_KINDS];
    for (unsigned kind = 0; kind < ASK_KINDS; kind++) {
        words[kind] = ask_word((enum ask_kind)kind);
    }
    const char *near = text_nearest(word, words + 1, ASK_KINDS - 1);
    return scan_fail(
        start,
        "cannot expect '%.40s'%s%s%s; wanted: reply, edit, message, update, follow-up, "
        "defer, modal, choices, log, nothing ... or METHOD /PATH",
        word, near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
        near != NULL ? "'" : "");
}

static bool row_expect(struct scan *scan, struct script_item *item) {
    item->exactly = scan_takes(scan, "exactly");
    scan_blanks(scan);
    struct scan start = *scan;
    if (!need(scan, "what is expected: reply, message, nothing ...", &item->name)) {
        return false;
    }
    item->expect = is_method(item->name) ? ASK_REST : ask_find(item->name);
    if (item->expect == ASK_KINDS) {
        return fail_kind(&start, item->name);
    }
    switch (item->expect) {
    case ASK_NOTHING:
    case ASK_ANYTHING:
        return true;
    case ASK_LOG:
    case ASK_FAULT:
        return expected_text(scan, item);
    case ASK_FILE:
        return need(scan, "the file's name", &item->text) && expected_text(scan, item);
    case ASK_REST:
        scan_blanks(scan);
        if (scan_peek(scan) != '/') {
            return scan_fail(scan, "wanted: a path behind the method: /channels/*/messages");
        }
        return need(scan, "a path", &item->text) && expected_value(scan, item);
    default:
        if (item->expect == ASK_MESSAGE && scan_takes(scan, "in")) {
            scan_blanks(scan);
            start = *scan;
            if (!need(scan, "a channel", &item->in)) {
                return false;
            }
            const char *name = item->in + (item->in[0] == '$' ? 1 : 0);
            if (!pattern_is_name(name, strlen(name))) {
                return scan_fail(&start, "'%.40s' is no name: letters, digits, _ and -", name);
            }
        }
        return expected_value(scan, item);
    }
}

static bool row_answer(struct scan *scan, struct script_item *item) {
    scan_blanks(scan);
    struct scan start = *scan;
    if (!need(scan, "a status of HTTP, or 'lost'", &item->name)) {
        return false;
    }
    if (strcmp(item->name, "lost") == 0) {
        return true;
    }
    if (!text_u64(item->name, &item->number) || item->number < 200 || item->number > 599) {
        return scan_fail(&start, "wanted: a status of HTTP from 200 to 599, or 'lost'");
    }
    return scan_line_over(scan) || need_value(scan, true, &item->value);
}

/* ---- The table ---- */

static const struct {
    const char *word;
    const char *usage;
    row_fn *read;
    bool acts;
} rows[SCRIPT_KINDS] = {
    [SCRIPT_PLUGIN] = {"plugin", "plugin ID", row_plugin, false},
    [SCRIPT_CONFIG] = {"config", "config KEY = VALUE", row_config, false},
    [SCRIPT_TIME] = {"time", "time 2026-01-31T09:00:00Z", row_time, false},
    [SCRIPT_EVENT] = {"event", "event NAME {...}", row_event, true},
    [SCRIPT_COMMAND] = {"command",
                        "command /NAME [SUBCOMMAND] [OPTION:VALUE...] [as USER] "
                        "[in CHANNEL | in dm]",
                        row_command, true},
    [SCRIPT_COMPLETE] = {"complete",
                         "complete /NAME [SUBCOMMAND] OPTION:VALUE... [as USER] "
                         "[in CHANNEL | in dm]",
                         row_command, true},
    [SCRIPT_MENU] = {"menu", "menu \"NAME\" on USER | on $MESSAGE [as USER] [in CHANNEL]", row_menu,
                     true},
    [SCRIPT_PRESS] = {"press", "press CUSTOM_ID [on $MESSAGE] [as USER] [in CHANNEL]", row_press,
                      true},
    [SCRIPT_CHOOSE] = {"choose", "choose CUSTOM_ID VALUE... [on $MESSAGE] [as USER] [in CHANNEL]",
                       row_choose, true},
    [SCRIPT_SUBMIT] = {"submit",
                       "submit CUSTOM_ID [FIELD:VALUE...] [on $MESSAGE] [as USER] "
                       "[in CHANNEL]",
                       row_submit, true},
    [SCRIPT_SAY] = {"say", "say \"TEXT\" [as USER] [in CHANNEL | in dm]", row_say, true},
    [SCRIPT_JOIN] = {"join", "join [as USER]", row_member, true},
    [SCRIPT_LEAVE] = {"leave", "leave [as USER]", row_member, true},
    [SCRIPT_WAIT] = {"wait", "wait 10m", row_wait, true},
    [SCRIPT_RELOAD] = {"reload", "reload", row_alone, true},
    [SCRIPT_RESTART] = {"restart", "restart", row_alone, true},
    [SCRIPT_EXPECT] = {"expect", "expect [exactly] WHAT [VALUE]", row_expect, false},
    [SCRIPT_ANSWER] = {"answer", "answer STATUS [JSON] | answer lost", row_answer, false},
};

const char *script_word(enum script_kind kind) {
    return rows[kind].word;
}

const char *script_usage(enum script_kind kind) {
    return rows[kind].usage;
}

bool script_acts(enum script_kind kind) {
    return rows[kind].acts;
}

bool script_row(struct scan *scan, struct script_item *item) {
    return rows[item->kind].read(scan, item);
}

enum script_kind script_find(const char *word) {
    unsigned kind = 0;
    while (kind < SCRIPT_KINDS && strcmp(rows[kind].word, word) != 0) {
        kind++;
    }
    return (enum script_kind)kind;
}
