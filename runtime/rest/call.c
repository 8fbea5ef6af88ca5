/* rest/call.c: a call is refused here, in words that say which rule it broke, before anything of it
 * is kept. */
#include "rest/call.h"

#include "base/text.h"

#include <cjson/cJSON.h>
#include <string.h>

static const char *const method_names[] = {
    [REST_GET] = "GET",     [REST_POST] = "POST",     [REST_PUT] = "PUT",
    [REST_PATCH] = "PATCH", [REST_DELETE] = "DELETE",
};

const char *rest_method_name(enum rest_method method) {
    return method_names[method];
}

/* Text that becomes part of a header: a line break or a NUL in it would begin another one. */
static bool is_plain(const char *text, size_t most) {
    size_t length = strnlen(text, most + 1);
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            return false;
        }
    }
    return length <= most && text_utf8_valid(text, length);
}

static bool check_json(const char *body, size_t length, struct err *err) {
    if (!text_utf8_valid(body, length)) {
        return err_set(err, ERR_INVALID, "body is not valid UTF-8");
    }
    const char *end = NULL;
    cJSON *tree = cJSON_ParseWithLengthOpts(body, length, &end, false);
    bool ok = tree != NULL;
    cJSON_Delete(tree);
    while (ok && end < body + length && strchr(" \t\r\n", *end) != NULL && *end != '\0') {
        end++;
    }
    if (!ok || end != body + length) {
        size_t at = end != NULL ? (size_t)(end - body) : 0;
        return err_set(err, ERR_INVALID, "body is not JSON: wrong at byte %zu of %zu", at, length);
    }
    return true;
}

static bool check_body(const struct rest_call *call, struct err *err) {
    if (call->body_length > REST_CALL_BODY_MAX) {
        return err_set(err, ERR_LIMIT, "body has %zu bytes, at most %d are allowed",
                       call->body_length, REST_CALL_BODY_MAX);
    }
    if (call->body == NULL && call->body_length > 0) {
        return err_set(err, ERR_INVALID, "body is NULL, but body_length is not 0");
    }
    switch (call->content) {
    case REST_CONTENT_NONE:
        return (call->body_length == 0 && call->file_count == 0) ||
               err_set(err, ERR_INVALID, "there is a body, but content says there is none");
    case REST_CONTENT_JSON:
    case REST_CONTENT_FORM:
        if (call->file_count > 0) {
            return err_set(err, ERR_INVALID, "files need content MULTIPART");
        }
        return call->content == REST_CONTENT_FORM || check_json(call->body, call->body_length, err);
    case REST_CONTENT_MULTIPART:
        return call->body_length == 0 || check_json(call->body, call->body_length, err);
    }
    return err_set(err, ERR_INVALID, "content %d is not known", (int)call->content);
}

static bool check_file(const struct rest_file *file, size_t index, struct err *err) {
    uint64_t size = file->bytes != NULL ? file->length : file->size;
    if (size > REST_CALL_FILE_MAX) {
        return err_set(err, ERR_LIMIT, "file %zu has more than %d MiB", index,
                       REST_CALL_FILE_MAX / (1024 * 1024));
    }
    if (file->bytes == NULL && file->fd < 0) {
        return err_set(err, ERR_INVALID, "file %zu has neither bytes nor a descriptor", index);
    }
    const char *const texts[] = {file->field, file->name, file->type};
    static const char *const names[] = {"field", "name", "type"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i] != NULL && !is_plain(texts[i], REST_CALL_FILE_NAME_MAX)) {
            return err_set(err, ERR_INVALID,
                           "file %zu: its %s must be UTF-8 without control characters, at most %d "
                           "bytes",
                           index, names[i], REST_CALL_FILE_NAME_MAX);
        }
    }
    return true;
}

static bool check_reason(const char *reason, struct err *err) {
    size_t bytes = strnlen(reason, REST_CALL_REASON_MAX * 4 + 1);
    size_t characters = 0;
    for (size_t at = 0; at < bytes; characters++) {
        size_t width = text_utf8_width(reason + at, bytes - at);
        if (width == 0) {
            return err_set(err, ERR_INVALID, "reason is not valid UTF-8");
        }
        at += width;
    }
    return characters <= REST_CALL_REASON_MAX ||
           err_set(err, ERR_INVALID, "reason is longer than %d characters", REST_CALL_REASON_MAX);
}

bool rest_call_check(const struct rest_call *call, struct err *err) {
    if ((unsigned)call->method > REST_DELETE) {
        return err_set(err, ERR_INVALID, "method %d is not known", (int)call->method);
    }
    if (call->deadline_ms > REST_CALL_DEADLINE_MAX_MS) {
        return err_set(err, ERR_INVALID, "deadline is more than %d minutes ahead",
                       REST_CALL_DEADLINE_MAX_MS / 60000);
    }
    if (call->method == REST_GET && call->content != REST_CONTENT_NONE) {
        return err_set(err, ERR_INVALID, "a GET has no body");
    }
    if (call->file_count > REST_CALL_FILES_MAX) {
        return err_set(err, ERR_LIMIT, "more than %d files", REST_CALL_FILES_MAX);
    }
    for (size_t i = 0; i < call->file_count; i++) {
        if (!check_file(&call->files[i], i, err)) {
            return false;
        }
    }
    return check_body(call, err) && (call->reason == NULL || check_reason(call->reason, err));
}
