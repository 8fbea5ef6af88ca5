/* config/ini.c: our line reader in front of inih, and the values behind it.
 *
 * inih cuts what does not fit into its buffer and goes on as if nothing had happened, continues
 * values on indented lines and tells no positions. So every line is checked here before inih sees
 * it: a bad one is reported and replaced by an empty one. inih then takes the good ones apart and
 * hands name and value back before it asks for the next line, so `now` still describes them. */
#include "config/ini.h"

#include "base/text.h"

#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The line under the cursor. */
struct line {
    unsigned number;
    const char *text;
    size_t length;      /* without its end */
    size_t name_length; /* of NAME = VALUE */
    size_t value_at;    /* offset of the value's first byte */
};

struct reader {
    struct ini_file *file;
    struct config_pool *pool;
    struct config_report *report;
    const char *next; /* first byte that was not read yet */
    const char *end;
    struct line now;
    bool skipping;        /* the last header was bad: its entries are not looked at */
    bool told_no_section; /* once is enough */
    bool full;            /* a bound was reached: the rest is not read */
    bool no_memory;
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* `-` and `.` let plugins name their keys as they like; the rest keeps typing errors visible. */
static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

static struct config_place place_at(const struct reader *r, size_t offset, size_t width) {
    return (struct config_place){r->now.number, (unsigned)offset + 1, (unsigned)width};
}

/* Returns false, so that `return complain(...)` refuses the line. */
static bool complain(struct reader *r, size_t offset, size_t width, const char *text,
                     const char *hint) {
    config_report_add(r->report, CONFIG_ERROR, place_at(r, offset, width), hint, "%s", text);
    return false;
}

/* What no line may contain, whatever it means. */
static bool bytes_are_text(struct reader *r) {
    const struct line *now = &r->now;
    if (now->length + 2 > INI_LINE_MAX) {
        char text[80];
        (void)snprintf(text, sizeof(text), "this line has %zu bytes, at most %d are read",
                       now->length, INI_LINE_MAX - 2);
        return complain(r, 0, 1, text, NULL);
    }
    for (size_t i = 0; i < now->length;) {
        unsigned char c = (unsigned char)now->text[i];
        size_t width = text_utf8_width(now->text + i, now->length - i);
        if (width == 0) {
            return complain(r, i, 1, "this is not UTF-8", "save the file as UTF-8");
        }
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            char text[64];
            (void)snprintf(text, sizeof(text), "control character 0x%02x", c);
            return complain(r, i, 1, text, NULL);
        }
        i += width;
    }
    return true;
}

/* Whether nothing but blanks and a comment follows. */
static bool only_comment(const char *text, size_t length) {
    size_t i = 0;
    while (i < length && is_blank(text[i])) {
        i++;
    }
    return i == length || (i > 0 && text[i] == ';');
}

static bool section_repeated(struct reader *r, const struct ini_section *section) {
    const struct ini_file *file = r->file;
    for (size_t i = 0; i < file->section_count; i++) {
        const struct ini_section *other = &file->sections[i];
        if (other->hash == section->hash && strcmp(other->name, section->name) == 0) {
            config_report_add(r->report, CONFIG_ERROR, section->place, "put its keys there",
                              "section [%s] is already on line %u", section->name,
                              other->place.line);
            return true;
        }
    }
    return false;
}

/* end: of the header, its bracket included. */
static bool section_add(struct reader *r, size_t at, size_t length, size_t end) {
    struct ini_file *file = r->file;
    if (file->section_count == INI_SECTIONS_MAX) {
        r->full = true;
        return complain(r, 0, 1, "too many sections; the rest of the file was not read", NULL);
    }
    struct ini_section section = {
        .name = config_pool_copy(r->pool, r->now.text + at, length),
        .hash = text_hash(r->now.text + at, length),
        .place = place_at(r, 0, end),
        .first = file->entry_count,
    };
    if (section.name == NULL) {
        r->no_memory = true;
        return false;
    }
    section.repeated = section_repeated(r, &section);
    file->sections[file->section_count++] = section;
    r->skipping = false;
    return true;
}

/* [NAME], taken down here because inih tells nothing of empty sections. */
static bool section_line(struct reader *r) {
    const struct line *now = &r->now;
    r->skipping = true;
    const char *close = memchr(now->text, ']', now->length);
    if (close == NULL) {
        return complain(r, 0, now->length, "']' is missing at the end of the section's name", NULL);
    }
    size_t end = (size_t)(close - now->text);
    if (!only_comment(close + 1, now->length - end - 1)) {
        return complain(r, end + 1, now->length - end - 1, "nothing may follow a section's name",
                        NULL);
    }
    size_t at = 1;
    while (at < end && is_blank(now->text[at])) {
        at++;
    }
    while (end > at && is_blank(now->text[end - 1])) {
        end--;
    }
    if (at == end) {
        return complain(r, 0, 2, "the section has no name", "write [drey] or [bot:NAME]");
    }
    if (end - at > INI_NAME_MAX) {
        return complain(r, at, end - at, "the section's name is too long", NULL);
    }
    return section_add(r, at, end - at, (size_t)(close - now->text) + 1);
}

/* NAME = VALUE: finds the parts' places and refuses what inih would take for something else. */
static bool entry_line(struct reader *r) {
    struct line *now = &r->now;
    size_t name = 0;
    while (name < now->length && is_name_char(now->text[name])) {
        name++;
    }
    size_t at = name;
    while (at < now->length && is_blank(now->text[at])) {
        at++;
    }
    if (at == now->length || now->text[at] != '=') {
        bool equals = memchr(now->text, '=', now->length) != NULL;
        size_t odd = at < now->length ? at : 0;
        size_t width = at < now->length ? 1 : name;
        if (!equals) {
            return complain(r, odd, width, "'=' is missing", "write NAME = VALUE");
        }
        return complain(r, odd, 1,
                        name == 0 ? "a key's name is missing before this"
                                  : "this may not be part of a key's name",
                        "names are letters, digits, '_', '-' and '.'");
    }
    if (name == 0) {
        return complain(r, 0, 1, "a key's name is missing before '='", "write NAME = VALUE");
    }
    if (name > INI_NAME_MAX) {
        return complain(r, 0, name, "the key's name is too long", NULL);
    }
    for (at++; at < now->length && is_blank(now->text[at]);) {
        at++;
    }
    now->name_length = name;
    now->value_at = at;
    if (r->file->section_count == 0 && !r->skipping) {
        if (r->told_no_section) {
            return false;
        }
        r->told_no_section = true;
        return complain(r, 0, name, "this key stands before any section",
                        "begin with [drey] or [bot:NAME]");
    }
    return !r->skipping;
}

/* Whether inih may see the line. */
static bool line_wanted(struct reader *r) {
    const struct line *now = &r->now;
    if (!bytes_are_text(r)) {
        /* what is wrong with a header must not become an error of each of its keys */
        r->skipping = r->skipping || (now->length > 0 && now->text[0] == '[');
        return false;
    }
    size_t indent = 0;
    while (indent < now->length && is_blank(now->text[indent])) {
        indent++;
    }
    if (indent == now->length || now->text[indent] == ';' || now->text[indent] == '#') {
        return false;
    }
    if (indent > 0) {
        return complain(r, 0, indent, "this line is indented; a value does not go on here",
                        "keep a value on one line, \"\\n\" in quotes is a line break; begin keys "
                        "in the first column");
    }
    return now->text[0] == '[' ? section_line(r) : entry_line(r);
}

/* inih's idea of fgets(): one line per call, here never more than it has room for. */
static char *read_line(char *out, int size, void *arg) {
    struct reader *r = arg;
    if (r->next == r->end || r->full || r->no_memory) {
        return NULL;
    }
    const char *stop = memchr(r->next, '\n', (size_t)(r->end - r->next));
    const char *line_end = stop != NULL ? stop : r->end;
    size_t length = (size_t)(line_end - r->next);
    if (length > 0 && line_end[-1] == '\r') {
        length--;
    }
    r->now = (struct line){.number = r->now.number + 1, .text = r->next, .length = length};
    r->next = stop != NULL ? stop + 1 : r->end;
    if (!line_wanted(r)) {
        length = 0;
    } else if (length + 2 > (size_t)size) {
        length = 0; /* an inih of another build: refuse rather than cut */
        complain(r, 0, 1, "this line is longer than the INI library reads", NULL);
    }
    memcpy(out, r->now.text, length);
    out[length] = '\n';
    out[length + 1] = '\0';
    return out;
}

/* "TEXT" with its escapes; *used counts the bytes up to and with the closing quote. */
static bool unquote(struct reader *r, const char *from, char *to, size_t *used) {
    const char *c = from + 1;
    size_t offset = r->now.value_at;
    for (; *c != '"'; c++) {
        if (*c == '\0') {
            return complain(r, offset, 1, "the closing '\"' is missing", NULL);
        }
        if (*c != '\\') {
            *to++ = *c;
            continue;
        }
        static const char escapes[] = "\"\"\\\\n\nt\t";
        const char *found = NULL;
        for (const char *e = escapes; *e != '\0' && found == NULL; e += 2) {
            found = *e == c[1] ? e : NULL;
        }
        if (found == NULL) {
            return complain(r, offset + (size_t)(c - from), c[1] == '\0' ? 1 : 2, "unknown escape",
                            "in quotes, write \\\\ for a backslash; there are "
                            "\\\" \\\\ \\n and \\t");
        }
        *to++ = found[1];
        c++;
    }
    *to = '\0';
    *used = (size_t)(c - from) + 1;
    return true;
}

/* The value as inih gives it (trimmed), into what the operator meant. */
static char *value_of(struct reader *r, const char *raw, size_t *width) {
    size_t length = strlen(raw);
    char *value = config_pool_copy(r->pool, raw, length);
    if (value == NULL) {
        r->no_memory = true;
        return NULL;
    }
    if (raw[0] == '"') {
        if (!unquote(r, raw, value, width)) {
            return NULL;
        }
        if (!only_comment(raw + *width, length - *width)) {
            complain(r, r->now.value_at + *width, length - *width,
                     "nothing may follow a '\"' that "
                     "ends a value",
                     "write \\\" for a quote inside quotes");
            return NULL;
        }
        return value;
    }
    for (size_t i = 0; i < length; i++) {
        if (value[i] == ';' && (i == 0 || is_blank(value[i - 1]))) {
            length = i;
        }
    }
    while (length > 0 && is_blank(value[length - 1])) {
        length--;
    }
    value[length] = '\0';
    *width = length;
    return value;
}

static bool entry_repeated(struct reader *r, const struct ini_entry *entry) {
    const struct ini_file *file = r->file;
    for (size_t i = file->entry_count; i > 0 && file->entries[i - 1].section == entry->section;
         i--) {
        const struct ini_entry *other = &file->entries[i - 1];
        if (other->hash == entry->hash && strcmp(other->name, entry->name) == 0) {
            config_report_add(r->report, CONFIG_ERROR, entry->name_place, NULL,
                              "'%s' is already set on line %u", entry->name,
                              other->name_place.line);
            return true;
        }
    }
    return false;
}

/* inih's handler. The section's name it gives is cut at 49 bytes; ours is not. Returns 0 only
 * for lack of memory. */
static int take_entry(void *arg, const char *section, const char *name, const char *raw) {
    struct reader *r = arg;
    struct ini_file *file = r->file;
    (void)section;
    if (file->entry_count == INI_ENTRIES_MAX) {
        r->full = true;
        complain(r, 0, r->now.name_length, "too many keys; the rest of the file was not read",
                 NULL);
        return 1;
    }
    size_t width = 0;
    const char *value = value_of(r, raw, &width);
    if (value == NULL) {
        return r->no_memory ? 0 : 1;
    }
    struct ini_entry entry = {
        .section = file->section_count - 1,
        .name = config_pool_copy(r->pool, name, strlen(name)),
        .value = value,
        .hash = text_hash(name, strlen(name)),
        .name_place = place_at(r, 0, r->now.name_length),
        .value_place = place_at(r, r->now.value_at, width),
    };
    r->no_memory = entry.name == NULL;
    if (!r->no_memory && !entry_repeated(r, &entry)) {
        file->entries[file->entry_count++] = entry;
        file->sections[entry.section].count++;
    }
    return r->no_memory ? 0 : 1;
}

/* Enough rows for whatever the lines hold, so that the lists never grow. */
static bool lists_create(struct ini_file *file, const struct buf *source) {
    size_t lines = 1;
    for (size_t i = 0; i < source->length; i++) {
        lines += source->bytes[i] == '\n';
    }
    size_t sections = lines < INI_SECTIONS_MAX ? lines : INI_SECTIONS_MAX;
    size_t entries = lines < INI_ENTRIES_MAX ? lines : INI_ENTRIES_MAX;
    file->sections = calloc(sections, sizeof(*file->sections));
    file->entries = calloc(entries, sizeof(*file->entries));
    return file->sections != NULL && file->entries != NULL;
}

bool ini_read(struct ini_file *file, struct config_pool *pool, struct config_report *report) {
    *file = (struct ini_file){0};
    const struct buf *source = &report->source;
    if (!lists_create(file, source)) {
        return false;
    }
    if (source->length == 0) {
        return true;
    }
    struct reader r = {
        .file = file,
        .pool = pool,
        .report = report,
        .next = source->bytes,
        .end = source->bytes + source->length,
    };
    if (source->length >= 3 && memcmp(r.next, "\xef\xbb\xbf", 3) == 0) {
        r.next += 3;
    }
    /* Debian's build keeps inih's options in variables; a build without them fails to link. */
    ini_use_stack = false;
    ini_allow_realloc = false;
    ini_max_line = INI_LINE_MAX;
    ini_initial_alloc = INI_LINE_MAX;
    ini_allow_multiline = false;
    ini_allow_bom = false;
    ini_allow_inline_comments = false;
    int result = ini_parse_stream(read_line, &r, take_entry, &r);
    if (result > 0 && !r.no_memory) {
        struct config_place place = {.line = (unsigned)result, .column = 1};
        config_report_add(report, CONFIG_ERROR, place, NULL, "this line is not understood");
    }
    return result >= 0 && !r.no_memory;
}

const struct ini_entry *ini_find(const struct ini_file *file, size_t section, const char *name) {
    const struct ini_section *of = &file->sections[section];
    for (size_t i = of->first; i < of->first + of->count; i++) {
        if (strcmp(file->entries[i].name, name) == 0) {
            return &file->entries[i];
        }
    }
    return NULL;
}

void ini_finish(struct ini_file *file) {
    free(file->sections);
    free(file->entries);
    *file = (struct ini_file){0};
}
