/* replay/run_change.c: what the file should say so that it is true: statements for what came, and
 * the file with them in it. */
#include "replay/run_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A path with names for the ids that have some. */
static bool write_path(const struct run *run, const char *path, struct buf *out) {
    bool ok = true;
    while (ok && *path != '\0') {
        char digits[24];
        size_t length = strcspn(path, "/");
        (void)snprintf(digits, sizeof(digits), "%.*s", (int)(length < 23 ? length : 0), path);
        const char *name = strlen(digits) >= 15 ? names_of(&run->names, digits) : NULL;
        ok = name != NULL ? buf_printf(out, "$%s", name) : buf_append(out, path, length);
        path += length;
        if (ok && *path == '/') {
            ok = buf_text(out, "/");
            path++;
        }
    }
    return ok;
}

static bool write_head(const struct run *run, const struct stage_request *request,
                       struct buf *out) {
    if (request->kind == ASK_REST) {
        return buf_printf(out, "%s ", request->method) && write_path(run, request->path, out);
    }
    if (!buf_text(out, ask_word(request->kind)) || request->kind != ASK_MESSAGE) {
        return out->bytes != NULL;
    }
    char channel[24];
    const char *id = request->path + strlen("/channels/");
    (void)snprintf(channel, sizeof(channel), "%.*s", (int)strcspn(id, "/"), id);
    const char *name = names_of(&run->names, channel);
    return name == NULL || buf_printf(out, " in %s", name);
}

static const cJSON *value_of(const struct stage_request *request) {
    return request->kind == ASK_REST ? request->body : request->shown;
}

bool change_line(const struct run *run, const struct stage_request *request, struct buf *out) {
    const cJSON *value = value_of(request);
    return write_head(run, request, out) &&
           (value == NULL || (buf_text(out, " ") && match_line(value, &run->names, out)));
}

bool change_statement(const struct run *run, const struct stage_request *request, bool exactly,
                      struct buf *out) {
    const cJSON *value = value_of(request);
    bool empty = value == NULL || (cJSON_IsObject(value) && value->child == NULL && !exactly);
    return buf_text(out, exactly ? "expect exactly " : "expect ") &&
           write_head(run, request, out) &&
           (empty || (buf_text(out, " ") && match_write(value, &run->names, 0, out))) &&
           buf_text(out, "\n");
}

static void add(struct run *run, struct run_change change) {
    struct run_result *result = run->result;
    struct run_change *changes =
        change.text != NULL
            ? realloc(result->changes, (result->change_count + 1) * sizeof(*changes))
            : NULL;
    if (changes == NULL) {
        free(change.text);
        return;
    }
    result->changes = changes;
    result->changes[result->change_count++] = change;
}

void change_item(struct run *run, const struct script_item *item, const char *text) {
    add(run, (struct run_change){item->line, item->last_line, strdup(text)});
}

void change_behind(struct run *run, unsigned line, const char *text) {
    add(run, (struct run_change){line + 1, line, strdup(text)});
}

void run_finish(struct run_result *result) {
    for (size_t i = 0; i < result->change_count; i++) {
        free(result->changes[i].text);
    }
    free(result->changes);
    *result = (struct run_result){0};
}

/* The end of the line that begins at `at`. */
static size_t line_end(const char *text, size_t length, size_t at) {
    const char *end = memchr(text + at, '\n', length - at);
    return end != NULL ? (size_t)(end - text) + 1 : length;
}

static bool put_change(struct buf *out, const struct run_change *change) {
    bool cut = out->length > 0 && out->bytes[out->length - 1] != '\n';
    return (!cut || buf_text(out, "\n")) && buf_text(out, change->text);
}

bool run_rewrite(const char *text, size_t length, const struct run_result *result,
                 struct buf *out) {
    unsigned line = 1;
    size_t at = 0;
    bool ok = true;
    for (size_t next = 0; ok && next <= result->change_count; next++) {
        const struct run_change *change =
            next < result->change_count ? &result->changes[next] : NULL;
        while (ok && at < length && (change == NULL || line < change->from)) {
            size_t end = line_end(text, length, at);
            ok = buf_append(out, text + at, end - at);
            at = end;
            line++;
        }
        ok = ok && (change == NULL || put_change(out, change));
        while (change != NULL && at < length && line <= change->to) {
            at = line_end(text, length, at);
            line++;
        }
    }
    return ok;
}
