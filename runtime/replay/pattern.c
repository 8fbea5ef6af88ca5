/* replay/pattern.c: reads and writes the JSON of replay files. */
#include "replay/pattern.h"

#include <stdlib.h>
#include <string.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"
#define DIGITS  "0123456789"

bool pattern_is_name(const char *text, size_t length) {
    size_t good = length > 0 && strchr(LETTERS, text[0]) != NULL && text[0] != '\0' ? 1 : 0;
    while (good > 0 && good < length && text[good] != '\0' &&
           strchr(LETTERS DIGITS "-", text[good]) != NULL) {
        good++;
    }
    return good > 0 && good == length && length < PATTERN_NAME_BYTES;
}

void pattern_free(struct pattern *pattern) {
    while (pattern != NULL) {
        struct pattern *next = pattern->next;
        pattern_free(pattern->first); /* no deeper than PATTERN_DEPTH_MAX */
        free(pattern->key);
        free(pattern->text);
        free(pattern);
        pattern = next;
    }
}

static struct pattern *make(struct scan *scan, enum pattern_kind kind, const struct buf *text) {
    struct pattern *pattern = calloc(1, sizeof(*pattern));
    if (pattern != NULL && text != NULL) {
        pattern->text = strdup(text->bytes != NULL ? text->bytes : "");
    }
    if (pattern == NULL || (text != NULL && pattern->text == NULL)) {
        free(pattern);
        (void)scan_fail(scan, "no memory");
        return NULL;
    }
    pattern->kind = kind;
    return pattern;
}

static struct pattern *read_value(struct scan *scan, bool data, unsigned depth);

static struct pattern *read_string(struct scan *scan, enum pattern_kind kind) {
    struct buf text = {0};
    struct pattern *pattern = NULL;
    if (scan_peek(scan) != '"' && scan_peek(scan) != '\'') {
        (void)scan_fail(scan, "wanted: a string in quotes");
    } else if (scan_quoted(scan, &text)) {
        pattern = make(scan, kind, &text);
    }
    buf_finish(&text);
    return pattern;
}

static struct pattern *read_contains(struct scan *scan, bool data) {
    if (data) {
        (void)scan_fail(scan, "'~' is for expectations: here a value is wanted");
        return NULL;
    }
    scan_step(scan);
    scan_blanks(scan);
    return read_string(scan, PATTERN_CONTAINS);
}

static struct pattern *read_name(struct scan *scan) {
    struct buf text = {0};
    struct scan start = *scan;
    struct pattern *pattern = NULL;
    scan_step(scan);
    if (scan_word(scan, ",:]}", &text)) {
        if (pattern_is_name(text.bytes != NULL ? text.bytes : "", text.length)) {
            pattern = make(scan, PATTERN_NAME, &text);
        } else {
            (void)scan_fail(&start, "wanted: a name of letters, digits, _ and - behind '$'");
        }
    }
    buf_finish(&text);
    return pattern;
}

static bool is_number(const char *text) {
    const char *at = text + (text[0] == '-' ? 1 : 0);
    size_t whole = strspn(at, DIGITS);
    if (whole == 0 || (whole > 1 && at[0] == '0')) {
        return false;
    }
    at += whole;
    if (*at == '.') {
        size_t fraction = strspn(at + 1, DIGITS);
        if (fraction == 0) {
            return false;
        }
        at += 1 + fraction;
    }
    if (*at == 'e' || *at == 'E') {
        at += at[1] == '+' || at[1] == '-' ? 2 : 1;
        size_t digits = strspn(at, DIGITS);
        if (digits == 0) {
            return false;
        }
        at += digits;
    }
    return *at == '\0';
}

/* null, true, any, 12 ... */
static struct pattern *read_bare(struct scan *scan, bool data) {
    static const struct {
        const char *word;
        enum pattern_kind kind;
        bool plain;
    } words[] = {
        {"null", PATTERN_NULL, true},   {"true", PATTERN_TRUE, true},
        {"false", PATTERN_FALSE, true}, {"any", PATTERN_ANY, false},
        {"...", PATTERN_MORE, false},   {"absent", PATTERN_ABSENT, false},
    };
    struct buf text = {0};
    struct scan start = *scan;
    struct pattern *pattern = NULL;
    bool known = false;
    bool read = scan_word(scan, ",:]}", &text);
    const char *word = text.bytes != NULL ? text.bytes : "";
    for (size_t i = 0; read && i < sizeof(words) / sizeof(words[0]) && !known; i++) {
        if (strcmp(words[i].word, word) == 0 && (words[i].plain || !data)) {
            known = true;
            pattern = make(scan, words[i].kind, NULL);
        }
    }
    if (read && !known && is_number(word)) {
        pattern = make(scan, PATTERN_NUMBER, &text);
    } else if (read && !known) {
        (void)scan_fail(&start,
                        data ? "wanted: a JSON value or $name, got '%.40s'"
                             : "wanted: a JSON value, ~ \"part\", any, absent or $name, "
                               "got '%.40s'",
                        word);
    }
    buf_finish(&text);
    return pattern;
}

static bool read_key(struct scan *scan, char **key) {
    struct buf text = {0};
    struct scan start = *scan;
    bool ok = scan_text(scan, ",:]}{[", &text);
    if (ok && text.length == 0 && scan->at == start.at) {
        ok = scan_fail(&start, "wanted: a key and ':', or '}'");
    }
    scan_gap(scan);
    if (ok && scan_peek(scan) != ':') {
        ok = scan_fail(scan, "wanted: ':' behind the key '%.40s'", text.bytes);
    }
    scan_step(scan);
    scan_gap(scan);
    *key = ok ? strdup(text.bytes != NULL ? text.bytes : "") : NULL;
    buf_finish(&text);
    return ok && (*key != NULL || scan_fail(scan, "no memory"));
}

/* One key twice would be a value that nobody looks at. */
static bool fresh_key(struct scan *scan, const struct pattern *object, const char *key,
                      size_t count) {
    if (count == PATTERN_MEMBERS_MAX) {
        return scan_fail(scan, "more than %d members", PATTERN_MEMBERS_MAX);
    }
    return pattern_member(object, key) == NULL ||
           scan_fail(scan, "the key '%.40s' is there twice", key);
}

/* One member or element. NULL: the fault is told. */
static struct pattern *read_one(struct scan *scan, bool data, unsigned depth,
                                const struct pattern *list, size_t count) {
    bool object = list->kind == PATTERN_OBJECT;
    char *key = NULL;
    if (object && (!read_key(scan, &key) || !fresh_key(scan, list, key, count))) {
        free(key);
        return NULL;
    }
    struct scan place = *scan;
    struct pattern *value = read_value(scan, data, depth + 1);
    if (value == NULL) {
        free(key);
        return NULL;
    }
    value->key = key;
    scan_gap(scan);
    bool last = scan_peek(scan) == ']';
    if (value->kind == PATTERN_MORE && (object || !last)) {
        (void)scan_fail(&place, "'...' stands at the end of an array alone");
    } else if (value->kind == PATTERN_ABSENT && !object) {
        (void)scan_fail(&place, "'absent' is for members of an object");
    } else {
        return value;
    }
    pattern_free(value);
    return NULL;
}

/* What stands between the brackets, up to and with the closing one. */
static bool read_list(struct scan *scan, bool data, unsigned depth, struct pattern *list) {
    bool object = list->kind == PATTERN_OBJECT;
    char close = object ? '}' : ']';
    struct scan start = *scan;
    struct pattern **end = &list->first;
    size_t count = 0;
    scan_step(scan);
    for (scan_gap(scan); scan_peek(scan) != close; scan_gap(scan)) {
        if (scan->at >= scan->length) {
            return scan_fail(&start, "this '%c' is never closed", object ? '{' : '[');
        }
        struct pattern *value = read_one(scan, data, depth, list, count++);
        if (value == NULL) {
            return false;
        }
        *end = value;
        end = &value->next;
        if (scan_peek(scan) == ',') {
            scan_step(scan);
        } else if (scan_peek(scan) != close && scan->at < scan->length) {
            return scan_fail(scan, "wanted: ',' or '%c'", close);
        }
    }
    scan_step(scan);
    return true;
}

static struct pattern *read_value(struct scan *scan, bool data, unsigned depth) {
    char c = scan_peek(scan);
    if (depth > PATTERN_DEPTH_MAX) {
        (void)scan_fail(scan, "nested deeper than %d", PATTERN_DEPTH_MAX);
        return NULL;
    }
    switch (c) {
    case '{':
    case '[': {
        struct pattern *list = make(scan, c == '{' ? PATTERN_OBJECT : PATTERN_ARRAY, NULL);
        if (list != NULL && !read_list(scan, data, depth, list)) {
            pattern_free(list);
            return NULL;
        }
        return list;
    }
    case '"':
    case '\'':
        return read_string(scan, PATTERN_STRING);
    case '~':
        return read_contains(scan, data);
    case '$':
        return read_name(scan);
    default:
        return read_bare(scan, data);
    }
}

struct pattern *pattern_read(struct scan *scan, bool data) {
    struct scan start = *scan;
    struct pattern *pattern = read_value(scan, data, 0);
    if (pattern != NULL && (pattern->kind == PATTERN_MORE || pattern->kind == PATTERN_ABSENT)) {
        (void)scan_fail(&start, "wanted: a value");
        pattern_free(pattern);
        return NULL;
    }
    return pattern;
}

struct pattern *pattern_content(struct pattern *inner) {
    struct pattern *object = calloc(1, sizeof(*object));
    if (object == NULL || inner == NULL || (inner->key = strdup("content")) == NULL) {
        free(object);
        pattern_free(inner);
        return NULL;
    }
    object->kind = PATTERN_OBJECT;
    object->first = inner;
    return object;
}

const struct pattern *pattern_member(const struct pattern *object, const char *key) {
    const struct pattern *member =
        object != NULL && object->kind == PATTERN_OBJECT ? object->first : NULL;
    while (member != NULL && strcmp(member->key, key) != 0) {
        member = member->next;
    }
    return member;
}

/* ---- Writing ---- */

bool pattern_write_text(const char *text, struct buf *out) {
    return buf_text(out, "\"") && buf_json_text(out, text, strlen(text)) && buf_text(out, "\"");
}

bool pattern_write_key(const char *key, struct buf *out) {
    return pattern_is_name(key, strlen(key)) ? buf_text(out, key) : pattern_write_text(key, out);
}

static bool write_list(const struct pattern *list, struct buf *out) {
    bool object = list->kind == PATTERN_OBJECT;
    bool ok = buf_text(out, object ? "{" : "[");
    for (const struct pattern *item = list->first; ok && item != NULL; item = item->next) {
        ok = item == list->first || buf_text(out, ", ");
        ok = ok && (!object || (pattern_write_key(item->key, out) && buf_text(out, ": "))) &&
             pattern_write(item, out);
    }
    return ok && buf_text(out, object ? "}" : "]");
}

bool pattern_write(const struct pattern *pattern, struct buf *out) {
    switch (pattern->kind) {
    case PATTERN_NULL:
        return buf_text(out, "null");
    case PATTERN_TRUE:
        return buf_text(out, "true");
    case PATTERN_FALSE:
        return buf_text(out, "false");
    case PATTERN_NUMBER:
        return buf_text(out, pattern->text);
    case PATTERN_STRING:
        return pattern_write_text(pattern->text, out);
    case PATTERN_CONTAINS:
        return buf_text(out, "~") && pattern_write_text(pattern->text, out);
    case PATTERN_ANY:
        return buf_text(out, "any");
    case PATTERN_ABSENT:
        return buf_text(out, "absent");
    case PATTERN_NAME:
        return buf_text(out, "$") && buf_text(out, pattern->text);
    case PATTERN_MORE:
        return buf_text(out, "...");
    case PATTERN_ARRAY:
    case PATTERN_OBJECT:
        return write_list(pattern, out);
    }
    return false;
}
