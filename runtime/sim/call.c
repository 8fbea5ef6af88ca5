/* sim/call.c: answers and query parameters that many routes share. */
#include "sim/rest.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sim_fail(struct sim_call *call, int status, int code, const char *message) {
    buf_clear(call->out);
    buf_text(call->out, "{\"message\":\"");
    buf_json_text(call->out, message, strlen(message));
    buf_printf(call->out, "\",\"code\":%d}", code);
    return status;
}

int sim_fail_form(struct sim_call *call, struct sim_problems *problems) {
    buf_clear(call->out);
    sim_problems_render(problems, call->out);
    sim_problems_finish(problems);
    return 400;
}

bool sim_print(struct buf *out, const cJSON *object) {
    char *text = cJSON_PrintUnformatted(object);
    bool fine = text != NULL && buf_text(out, text);
    cJSON_free(text);
    return fine;
}

int sim_give(struct sim_call *call, int status, cJSON *object) {
    buf_clear(call->out);
    bool fine = object != NULL && sim_print(call->out, object);
    cJSON_Delete(object);
    return fine ? status : sim_fail(call, 500, 0, "500: no memory");
}

cJSON *sim_parse_buf(struct buf *json) {
    cJSON *object = json->bytes != NULL ? cJSON_ParseWithLength(json->bytes, json->length) : NULL;
    buf_finish(json);
    return object;
}

void sim_add_id(cJSON *object, const char *key, uint64_t id) {
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, id);
    cJSON_AddStringToObject(object, key, text);
}

static int hex(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool sim_query(const struct sim_call *call, const char *key, char *out, size_t size) {
    size_t length = strlen(key);
    const char *at = call->request->query;
    while (strncmp(at, key, length) != 0 || at[length] != '=') {
        at = strchr(at, '&');
        if (at == NULL) {
            return false;
        }
        at++;
    }
    size_t used = 0;
    for (at += length + 1; *at != '\0' && *at != '&' && used + 1 < size; at++) {
        bool escaped = *at == '%' && hex(at[1]) >= 0 && hex(at[2]) >= 0;
        char byte = *at == '+' ? ' ' : *at;
        if (escaped) {
            byte = (char)(hex(at[1]) << 4 | hex(at[2]));
        }
        out[used++] = byte;
        at += escaped ? 2 : 0;
    }
    out[used] = '\0';
    return true;
}

uint64_t sim_query_id(const struct sim_call *call, const char *key) {
    char text[24];
    uint64_t id = 0;
    return sim_query(call, key, text, sizeof(text)) && text_u64(text, &id) ? id : 0;
}

bool sim_query_number(struct sim_call *call, const char *key, uint64_t least, uint64_t most,
                      uint64_t otherwise, uint64_t *value) {
    char text[24];
    *value = otherwise;
    if (!sim_query(call, key, text, sizeof(text)) ||
        (text_u64(text, value) && *value >= least && *value <= most)) {
        return true;
    }
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    sim_problem(&problems, &top, key, "NUMBER_TYPE_MAX",
                "int value should be from %" PRIu64 " to %" PRIu64 ".", least, most);
    sim_fail_form(call, &problems);
    return false;
}

bool sim_query_true(const struct sim_call *call, const char *key) {
    char text[8];
    return sim_query(call, key, text, sizeof(text)) &&
           (strcmp(text, "true") == 0 || strcmp(text, "1") == 0 || strcmp(text, "True") == 0);
}
