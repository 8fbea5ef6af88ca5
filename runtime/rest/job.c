/* rest/job.c: calls copied, and ends explained. */
#include "rest/job.h"

#include "base/text.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHOWN_BYTES = 200 };

/* --- copies ------------------------------------------------------------------------------------
 */

size_t job_descriptors(const struct job *job) {
    size_t count = 0;
    for (size_t i = 0; i < job->file_count; i++) {
        count += job->files[i].bytes == NULL;
    }
    return count;
}

size_t job_bytes(const struct rest_call *call) {
    size_t bytes = sizeof(struct job) + call->body_length + strlen(call->path);
    for (size_t i = 0; i < call->file_count; i++) {
        bytes += call->files[i].bytes != NULL ? call->files[i].length : 0;
        bytes += sizeof(struct rest_file) + REST_CALL_FILE_NAME_MAX;
    }
    return bytes;
}

/* A file must be one that can be read again and again from any place. */
static bool take_descriptor(struct rest_file *file, size_t index, struct err *err) {
    struct stat about;
    if (fstat(file->fd, &about) != 0) {
        return err_system(err, "file %zu", index);
    }
    if (!S_ISREG(about.st_mode)) {
        return err_set(err, ERR_INVALID, "file %zu is no regular file", index);
    }
    uint64_t size = (uint64_t)about.st_size;
    if (file->offset > size || file->size > size - file->offset) {
        return err_set(err, ERR_INVALID, "file %zu has fewer bytes than %llu from %llu on", index,
                       (unsigned long long)file->size, (unsigned long long)file->offset);
    }
    int fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        return err_system(err, "file %zu", index);
    }
    file->fd = fd;
    return true;
}

/* Moves a text behind those that were copied already. */
static const char *keep(char **at, const void *bytes, size_t length) {
    char *copy = *at;
    if (length > 0) {
        memcpy(copy, bytes, length);
    }
    copy[length] = '\0';
    *at += length + 1;
    return copy;
}

static const char *keep_text(char **at, const char *text) {
    return text != NULL ? keep(at, text, strlen(text)) : NULL;
}

static size_t text_bytes_of(const struct rest_call *call) {
    size_t bytes = call->body_length + 1;
    for (size_t i = 0; i < call->file_count; i++) {
        const struct rest_file *file = &call->files[i];
        bytes += file->bytes != NULL ? file->length + 1 : 0;
        bytes += file->field != NULL ? strlen(file->field) + 1 : 0;
        bytes += file->name != NULL ? strlen(file->name) + 1 : 0;
        bytes += file->type != NULL ? strlen(file->type) + 1 : 0;
    }
    return bytes;
}

static bool copy_files(struct job *job, const struct rest_call *call, char **at, struct err *err) {
    for (size_t i = 0; i < call->file_count; i++) {
        struct rest_file *file = &job->files[i];
        *file = call->files[i];
        file->field = keep_text(at, file->field);
        file->name = keep_text(at, file->name);
        file->type = keep_text(at, file->type);
        if (file->bytes != NULL) {
            file->bytes = keep(at, file->bytes, file->length);
        } else if (!take_descriptor(file, i, err)) {
            return false;
        }
        job->file_count = i + 1;
    }
    return true;
}

static bool copy(struct job *job, const struct rest_call *call,
                 const uint64_t random[BODY_BOUNDARY_WORDS], struct err *err) {
    job->path = strdup(call->path);
    job->text = malloc(text_bytes_of(call));
    job->files = calloc(call->file_count + 1, sizeof(*job->files));
    if (job->path == NULL || job->text == NULL || job->files == NULL ||
        (call->reason != NULL && !body_encode_reason(&job->reason, call->reason))) {
        return err_set(err, ERR_NO_MEMORY, "no memory for the call");
    }
    char *at = job->text;
    job->call = *call;
    job->call.body = keep(&at, call->body, call->body_length);
    if (!copy_files(job, call, &at, err)) {
        return false;
    }
    (void)text_copy(job->owner_name, sizeof(job->owner_name),
                    call->owner_name != NULL ? call->owner_name : "drey");
    job->call.path = job->path;
    job->call.files = job->files;
    job->call.owner_name = job->owner_name;
    job->call.reason = job->reason.length > 0 ? job->reason.bytes : NULL;
    return body_make(&job->body, &job->call, random, err);
}

struct job *job_create(const struct rest_call *call, const struct route *route,
                       const uint64_t random[BODY_BOUNDARY_WORDS], struct err *err) {
    struct job *job = calloc(1, sizeof(*job));
    if (job == NULL) {
        err_set(err, ERR_NO_MEMORY, "no memory for the call");
        return NULL;
    }
    job->route = *route;
    if (!copy(job, call, random, err)) {
        job_destroy(job);
        return NULL;
    }
    return job;
}

void job_destroy(struct job *job) {
    if (job == NULL) {
        return;
    }
    for (size_t i = 0; i < job->file_count; i++) {
        if (job->files[i].bytes == NULL) {
            close(job->files[i].fd);
        }
    }
    if (job->path != NULL) {
        explicit_bzero(job->path, strlen(job->path)); /* it may hold a webhook's token */
    }
    body_finish(&job->body);
    buf_finish(&job->reason);
    free(job->files);
    free(job->text);
    free(job->path);
    free(job);
}

/* --- words -------------------------------------------------------------------------------------
 */

/* The first of Discord's nested errors, as "embeds.0.title: Must be 256 or fewer in length." */
static bool first_detail(const cJSON *errors, struct buf *out) {
    static const char inner[] = "_errors";
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(errors, inner);
    if (cJSON_IsArray(list)) {
        const cJSON *message =
            cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(list, 0), "message");
        return cJSON_IsString(message) && buf_printf(out, ": %s", message->valuestring);
    }
    const cJSON *first = cJSON_IsObject(errors) ? errors->child : NULL;
    if (first == NULL || first->string == NULL || out->length > SHOWN_BYTES) {
        return false;
    }
    return buf_printf(out, "%s%s", out->length > 0 ? "." : "", first->string) &&
           first_detail(first, out);
}

static enum err_code code_of(long status) {
    return status == 401 || status == 403 ? ERR_AUTH
           : status == 404                ? ERR_NOT_FOUND
           : status == 429                ? ERR_LIMIT
           : status >= 500                ? ERR_NETWORK
                                          : ERR_INVALID;
}

/* What Discord's body says went wrong. */
static void explain_answer(const struct job *job, long status, const char *body, size_t length,
                           struct err *err) {
    if (status >= 200 && status < 300) {
        err_clear(err);
        return;
    }
    struct buf detail = {0};
    char shown[SHOWN_BYTES];
    char shown_detail[SHOWN_BYTES] = "";
    cJSON *tree = cJSON_ParseWithLength(body, length);
    const cJSON *message = cJSON_GetObjectItemCaseSensitive(tree, "message");
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(tree, "code");
    if (first_detail(cJSON_GetObjectItemCaseSensitive(tree, "errors"), &detail)) {
        (void)text_plain(shown_detail, sizeof(shown_detail), detail.bytes);
    }
    (void)text_plain(shown, sizeof(shown),
                     cJSON_IsString(message) ? message->valuestring : "it does not say why");
    err_set(err, code_of(status), "%s answered %ld: %s (code %d)%s%s", job->route.key, status,
            shown, cJSON_IsNumber(code) ? code->valueint : 0, shown_detail[0] != '\0' ? "; " : "",
            shown_detail);
    cJSON_Delete(tree);
    buf_finish(&detail);
}

void job_explain(const struct job *job, enum rest_end end, long status, const char *body,
                 size_t length, const struct err *network, struct err *err) {
    const char *key = job->route.key;
    const char *sent = job->entry.maybe_seen ? "; it may have been carried out" : "";
    switch (end) {
    case REST_END_ANSWERED:
        explain_answer(job, status, body, length, err);
        break;
    case REST_END_NETWORK:
    case REST_END_FAILED:
        if (network != NULL) {
            err_set(err, network->code, "%s: %s%s", key, network->text, sent);
        } else {
            err_set(err, ERR_NO_MEMORY, "%s: no memory%s", key, sent);
        }
        break;
    case REST_END_DEADLINE:
        err_set(err, ERR_LIMIT, "%s: no answer within its %.1f s, after %u %s%s", key,
                (double)(job->entry.deadline_ms - job->submitted_ms) / 1000.0, job->entry.tries,
                job->entry.tries == 1 ? "try" : "tries", sent);
        break;
    case REST_END_CANCELLED:
        err_set(err, ERR_BUSY, "%s: cancelled%s", key, sent);
        break;
    case REST_END_TOKEN:
        err_set(err, ERR_AUTH, "%s: Discord has refused the bot's token", key);
        break;
    case REST_END_REFUSED:
        err_set(err, ERR_LIMIT,
                "%s: not sent: too many requests of %s were refused (401, 403, 429), and Discord "
                "bans who goes on",
                key, job->owner_name);
        break;
    case REST_END_STOPPED:
        err_set(err, ERR_BUSY, "%s: drey stopped before there was an answer%s", key, sent);
        break;
    }
}
