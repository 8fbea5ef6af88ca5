/* sim/files.c: files that come with messages: taken out of the request, kept, and served again. */
#include "sim/rest.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_file(const struct sim_part *part) {
    return strncmp(part->name, "files[", 6) == 0 || strcmp(part->name, "file") == 0;
}

size_t sim_file_count(const struct sim_call *call) {
    size_t count = 0;
    for (size_t i = 0; i < call->part_count; i++) {
        count += is_file(&call->parts[i]) ? 1 : 0;
    }
    return count;
}

/* Discord keeps letters, digits, "_", "-" and "." of a name. */
static void clean_name(const char *name, char *out, size_t size) {
    size_t used = 0;
    for (; *name != '\0' && used + 1 < size; name++) {
        bool fine = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                    (*name >= '0' && *name <= '9') || strchr("_-.", *name) != NULL;
        out[used++] = fine ? *name : '_';
    }
    out[used] = '\0';
    if (used == 0) {
        text_copy(out, size, "unknown");
    }
}

static const char *text_of(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

/* The entry of the request's "attachments" that speaks of part files[n]. */
static const cJSON *entry_of(const cJSON *listed, const struct sim_part *part) {
    const char *number = strchr(part->name, '[');
    uint64_t wanted = number != NULL ? strtoull(number + 1, NULL, 10) : 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, listed) {
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(item, "id");
        uint64_t given = cJSON_IsString(id)   ? strtoull(id->valuestring, NULL, 10)
                         : cJSON_IsNumber(id) ? (uint64_t)id->valuedouble
                                              : UINT64_MAX;
        if (given == wanted) {
            return item;
        }
    }
    return NULL;
}

static cJSON *attachment_object(struct sim_call *call, const struct sim_file *file,
                                const char *description) {
    cJSON *object = cJSON_CreateObject();
    char base[128];
    char url[600];
    sim_gateway_url(call->sim, sim_wire_is_tls(call->conn->wire), false, base, sizeof(base));
    snprintf(url, sizeof(url), "http%s/attachments/%" PRIu64 "/%" PRIu64 "/%s", base + strlen("ws"),
             file->channel_id, file->id, file->name);
    sim_add_id(object, "id", file->id);
    cJSON_AddStringToObject(object, "filename", file->name);
    cJSON_AddNumberToObject(object, "size", (double)file->length);
    cJSON_AddStringToObject(object, "url", url);
    cJSON_AddStringToObject(object, "proxy_url", url);
    if (file->type[0] != '\0') {
        cJSON_AddStringToObject(object, "content_type", file->type);
    }
    if (description != NULL) {
        cJSON_AddStringToObject(object, "description", description);
    }
    return object;
}

bool sim_take_files(struct sim_call *call, uint64_t channel_id, const cJSON *listed,
                    cJSON **attachments, int *status) {
    *attachments = cJSON_CreateArray();
    if (sim_file_count(call) > 10) {
        struct sim_problems problems = {0};
        const struct sim_where top = {""};
        sim_problem(&problems, &top, "files", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer.");
        *status = sim_fail_form(call, &problems);
        return false;
    }
    for (size_t i = 0; i < call->part_count; i++) {
        const struct sim_part *part = &call->parts[i];
        if (!is_file(part)) {
            continue;
        }
        char name[200];
        const cJSON *entry = entry_of(listed, part);
        const char *wanted = text_of(entry, "filename");
        clean_name(wanted != NULL ? wanted : part->filename, name, sizeof(name));
        const struct sim_file *file = sim_store_add_file(
            call->sim->store, channel_id, sim_world_id(call->sim->world, call->wall_ms), name,
            part->type, part->bytes, part->length);
        if (file == NULL) {
            *status = sim_fail(call, 413, 40005, "Request entity too large");
            return false;
        }
        cJSON_AddItemToArray(*attachments,
                             attachment_object(call, file, text_of(entry, "description")));
    }
    return true;
}

void sim_file_answer(struct sim_conn *conn, const struct sim_request *request) {
    uint64_t channel_id = 0;
    uint64_t id = 0;
    char name[256] = "";
    const struct sim_file *file = NULL;
    if (sscanf(request->path, "/attachments/%" SCNu64 "/%" SCNu64 "/%255[^/]", &channel_id, &id,
               name) == 3) {
        file = sim_store_file(conn->sim->store, channel_id, id);
    }
    if (file == NULL || strcmp(file->name, name) != 0 || strcmp(request->method, "GET") != 0) {
        sim_http_respond(sim_wire_output(conn->wire), 404, NULL, "text/plain",
                         "This content is no longer available.\n", 37);
        return;
    }
    /* A browser shows it at most: on this very server it must run no script of a stranger's. */
    sim_http_respond(sim_wire_output(conn->wire), 200,
                     "Content-Security-Policy: sandbox; default-src 'none'\r\n"
                     "X-Content-Type-Options: nosniff\r\n",
                     file->type[0] != '\0' ? file->type : "application/octet-stream", file->bytes,
                     file->length);
}
