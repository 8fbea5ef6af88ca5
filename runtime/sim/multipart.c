/* sim/multipart.c: multipart/form-data, read strictly. Pure. */
#include "sim/multipart.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { BOUNDARY_MOST = 70 };

/* What is left of the body. */
struct cursor {
    const char *at;
    const char *end;
    char delimiter[BOUNDARY_MOST + 5]; /* CRLF "--" boundary */
    size_t delimiter_length;
};

bool sim_multipart_is(const char *content_type) {
    return strncasecmp(content_type, "multipart/form-data", 19) == 0;
}

static bool read_boundary(const char *content_type, struct cursor *cursor, struct err *err) {
    const char *at = strcasestr(content_type, "boundary=");
    if (at == NULL) {
        return err_set(err, ERR_INVALID, "the boundary is missing");
    }
    at += strlen("boundary=");
    bool quoted = *at == '"';
    at += quoted ? 1 : 0;
    size_t length = strcspn(at, quoted ? "\"" : "; \t");
    if (length == 0 || length > BOUNDARY_MOST || (quoted && at[length] != '"')) {
        return err_set(err, ERR_INVALID, "the boundary has 1 to %d characters", BOUNDARY_MOST);
    }
    cursor->delimiter_length = (size_t)snprintf(cursor->delimiter, sizeof(cursor->delimiter),
                                                "\r\n--%.*s", (int)length, at);
    return true;
}

static const char *find(const struct cursor *cursor, const char *what, size_t length) {
    return memmem(cursor->at, (size_t)(cursor->end - cursor->at), what, length);
}

/* A parameter such as name="x" of a header line. False: it is there and cannot be kept. */
static bool parameter(const char *line, const char *key, char *out, size_t size) {
    char wanted[24];
    snprintf(wanted, sizeof(wanted), "; %s=\"", key);
    const char *at = strcasestr(line, wanted);
    size_t used = 0;
    out[0] = '\0';
    if (at == NULL) {
        return true;
    }
    for (at += strlen(wanted); *at != '"'; at++) {
        if (*at == '\\' && (at[1] == '"' || at[1] == '\\')) {
            at++;
        }
        if (*at == '\0' || used + 1 == size) {
            return false;
        }
        out[used++] = *at;
    }
    out[used] = '\0';
    return text_utf8_valid(out, used);
}

static bool take_header(const char *line, struct sim_part *part, struct err *err) {
    if (strncasecmp(line, "content-disposition:", 20) == 0) {
        if (strcasestr(line, "form-data") == NULL ||
            !parameter(line, "name", part->name, sizeof(part->name)) ||
            !parameter(line, "filename", part->filename, sizeof(part->filename))) {
            return err_set(err, ERR_INVALID, "a part's Content-Disposition cannot be read");
        }
    } else if (strncasecmp(line, "content-type:", 13) == 0) {
        line += 13;
        line += strspn(line, " \t");
        if (!text_copy(part->type, sizeof(part->type), line)) {
            return err_set(err, ERR_INVALID, "a part's Content-Type is too long");
        }
    }
    return true;
}

/* The lines up to an empty one. */
static bool read_head(struct cursor *cursor, struct sim_part *part, struct err *err) {
    const char *stop = find(cursor, "\r\n\r\n", 4);
    char line[SIM_PART_HEAD_MOST];
    if (stop == NULL || (size_t)(stop - cursor->at) >= sizeof(line)) {
        return err_set(err, ERR_INVALID, "a part's header does not end");
    }
    while (cursor->at < stop + 2) {
        const char *next = find(cursor, "\r\n", 2);
        size_t length = (size_t)(next - cursor->at);
        memcpy(line, cursor->at, length);
        line[length] = '\0';
        cursor->at = next + 2;
        if (memchr(line, '\0', length) != NULL || !take_header(line, part, err)) {
            return err_set(err, ERR_INVALID, "a part's header cannot be read");
        }
    }
    cursor->at += 2;
    return part->name[0] != '\0' || err_set(err, ERR_INVALID, "a part has no name");
}

static bool read_part(struct cursor *cursor, struct sim_part *part, struct err *err) {
    *part = (struct sim_part){0};
    if (!read_head(cursor, part, err)) {
        return false;
    }
    const char *stop = find(cursor, cursor->delimiter, cursor->delimiter_length);
    if (stop == NULL) {
        return err_set(err, ERR_INVALID, "part '%s' does not end", part->name);
    }
    part->bytes = cursor->at;
    part->length = (size_t)(stop - cursor->at);
    cursor->at = stop + cursor->delimiter_length;
    return true;
}

bool sim_multipart_read(const char *content_type, const char *body, size_t length,
                        struct sim_part *parts, size_t *count, struct err *err) {
    struct cursor cursor = {.at = body, .end = body + length};
    *count = 0;
    if (!read_boundary(content_type, &cursor, err)) {
        return false;
    }
    /* The first delimiter needs no line break before it. */
    size_t first = cursor.delimiter_length - 2;
    if (length < first || memcmp(body, cursor.delimiter + 2, first) != 0) {
        return err_set(err, ERR_INVALID, "the body does not begin with the boundary");
    }
    cursor.at += first;
    for (;;) {
        size_t left = (size_t)(cursor.end - cursor.at);
        if (left >= 2 && memcmp(cursor.at, "--", 2) == 0) {
            return *count > 0 || err_set(err, ERR_INVALID, "the body has no part");
        }
        if (left < 2 || memcmp(cursor.at, "\r\n", 2) != 0) {
            return err_set(err, ERR_INVALID, "a boundary is followed by something else");
        }
        cursor.at += 2;
        if (*count == SIM_PARTS_MOST) {
            return err_set(err, ERR_LIMIT, "more than %d parts", SIM_PARTS_MOST);
        }
        if (!read_part(&cursor, &parts[*count], err)) {
            return false;
        }
        ++*count;
    }
}
