/* rest/body.c: multipart/form-data as RFC 7578 and browsers write it. */
#include "rest/body.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BOUNDARY_BYTES = 64 };

void body_finish(struct body *body) {
    free(body->pieces);
    buf_finish(&body->type);
    buf_finish(&body->heads);
    *body = (struct body){0};
}

static void add(struct body *body, struct body_piece piece) {
    body->pieces[body->count++] = piece;
    body->length += piece.length;
}

static bool make_single(struct body *body, const struct rest_call *call, const char *type) {
    body->pieces = calloc(1, sizeof(*body->pieces));
    if (body->pieces == NULL || !buf_text(&body->type, type)) {
        return false;
    }
    add(body, (struct body_piece){.bytes = call->body, .length = call->body_length});
    return true;
}

/* A quoted parameter: what would end it is percent-encoded. Control characters were refused. */
static bool add_quoted(struct buf *out, const char *name, const char *text) {
    bool ok = buf_printf(out, "; %s=\"", name);
    for (; *text != '\0'; text++) {
        ok = ok && (*text == '"' ? buf_text(out, "%22") : buf_append(out, text, 1));
    }
    return ok && buf_text(out, "\"");
}

/* index: among the files that are called files[N]. */
static bool add_head(struct buf *out, const char *boundary, const struct rest_file *file,
                     size_t index) {
    char field[32];
    (void)snprintf(field, sizeof(field), "files[%zu]", index);
    const char *type = file->type;
    if (type == NULL && file->name != NULL) {
        type = "application/octet-stream";
    }
    bool ok = buf_printf(out, "%s--%s\r\nContent-Disposition: form-data",
                         out->length > 0 ? "\r\n" : "", boundary);
    ok = ok && add_quoted(out, "name", file->field != NULL ? file->field : field);
    ok = ok && (file->name == NULL || add_quoted(out, "filename", file->name));
    ok = ok && (type == NULL || buf_printf(out, "\r\nContent-Type: %s", type));
    return ok && buf_text(out, "\r\n\r\n");
}

/* One part more: its head, of which only the length is known until all are written, and itself. */
static bool add_part(struct body *body, const char *boundary, const struct rest_file *file,
                     size_t index) {
    size_t before = body->heads.length;
    if (!add_head(&body->heads, boundary, file, index)) {
        return false;
    }
    add(body, (struct body_piece){.length = body->heads.length - before});
    if (file->bytes != NULL) {
        add(body, (struct body_piece){.bytes = file->bytes, .length = file->length});
    } else {
        add(body,
            (struct body_piece){.fd = file->fd, .offset = file->offset, .length = file->size});
    }
    return true;
}

static void point_into_heads(struct body *body) {
    size_t at = 0;
    for (size_t i = 0; i < body->count; i += 2) { /* every other piece, and the last one */
        body->pieces[i].bytes = body->heads.bytes + at;
        at += body->pieces[i].length;
    }
}

static bool make_multipart(struct body *body, const struct rest_call *call, const char *boundary) {
    static const char payload[] = "payload_json";
    size_t parts = call->file_count + (call->body_length > 0 ? 1 : 0);
    body->pieces = calloc(parts * 2 + 1, sizeof(*body->pieces));
    bool ok = body->pieces != NULL;
    if (ok && call->body_length > 0) {
        struct rest_file json = {.field = payload,
                                 .type = "application/json",
                                 .bytes = call->body,
                                 .length = call->body_length};
        ok = add_part(body, boundary, &json, 0);
    }
    size_t index = 0;
    for (size_t i = 0; ok && i < call->file_count; i++) {
        ok = add_part(body, boundary, &call->files[i], index);
        index += call->files[i].field == NULL ? 1 : 0;
    }
    size_t before = body->heads.length;
    ok = ok && buf_printf(&body->heads, "%s--%s--\r\n", before > 0 ? "\r\n" : "", boundary);
    ok = ok && buf_printf(&body->type, "multipart/form-data; boundary=%s", boundary);
    if (ok) {
        add(body, (struct body_piece){.length = body->heads.length - before});
        point_into_heads(body);
    }
    return ok;
}

bool body_make(struct body *body, const struct rest_call *call,
               const uint64_t random[BODY_BOUNDARY_WORDS], struct err *err) {
    char boundary[BOUNDARY_BYTES];
    bool ok = true;
    *body = (struct body){0};
    (void)snprintf(boundary, sizeof(boundary), "drey-%016" PRIx64 "%016" PRIx64, random[0],
                   random[1]);
    switch (call->content) {
    case REST_CONTENT_NONE:
        break;
    case REST_CONTENT_JSON:
        ok = make_single(body, call, "application/json");
        break;
    case REST_CONTENT_FORM:
        ok = make_single(body, call, "application/x-www-form-urlencoded");
        break;
    case REST_CONTENT_MULTIPART:
        ok = make_multipart(body, call, boundary);
        break;
    }
    if (!ok) {
        body_finish(body);
        return err_set(err, ERR_NO_MEMORY, "no memory for the request's body");
    }
    return true;
}

bool body_encode_reason(struct buf *out, const char *reason) {
    bool ok = true;
    for (const char *at = reason; ok && *at != '\0'; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                     (*at >= '0' && *at <= '9') || strchr("-._~!*'()", *at) != NULL;
        ok = plain ? buf_append(out, at, 1)
                   : buf_printf(out, "%%%02X", (unsigned)(unsigned char)*at);
    }
    return ok;
}
