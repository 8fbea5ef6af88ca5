/* sim/command_line.c: words, quotes and key:value. Pure. */
#include "sim/command_line.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

/* The value after "key:", up to a blank outside of quotes. False: a quote does not end. */
static bool read_value(const char **at, struct buf *out, struct err *err) {
    bool quoted = false;
    for (; **at != '\0' && (quoted || strchr(" \t\n", **at) == NULL); ++*at) {
        if (**at == '"') {
            quoted = !quoted;
            continue;
        }
        if (**at == '\\' && ((*at)[1] == '"' || (*at)[1] == '\\')) {
            ++*at;
        }
        buf_append(out, *at, 1);
    }
    return !quoted || err_set(err, ERR_INVALID, "a quote does not end");
}

static bool read_word(const char **at, cJSON *options, struct buf *name, char **last,
                      struct err *err) {
    struct buf value = {0};
    size_t length = strcspn(*at, " \t\n:\"");
    if ((*at)[length] != ':') {
        if (cJSON_GetArraySize(options) > 0) {
            return err_set(err, ERR_INVALID, "'%.*s' has no value: options are name:value",
                           (int)length, *at);
        }
        buf_text(name, name->length > 0 ? " " : "");
        buf_append(name, *at, length);
        *at += length;
        return length > 0 || err_set(err, ERR_INVALID, "a quote stands only after name:");
    }
    char *key = strndup(*at, length);
    *at += length + 1;
    bool fine = key != NULL && read_value(at, &value, err);
    if (fine && cJSON_HasObjectItem(options, key)) {
        fine = err_set(err, ERR_INVALID, "option '%s' is given twice", key);
    }
    if (fine) {
        cJSON_AddStringToObject(options, key, value.bytes != NULL ? value.bytes : "");
        free(*last);
        *last = key;
        key = NULL;
    }
    free(key);
    buf_finish(&value);
    return fine;
}

cJSON *sim_command_line_read(const char *line, struct err *err) {
    cJSON *object = cJSON_CreateObject();
    cJSON *options = cJSON_AddObjectToObject(object, "options");
    struct buf name = {0};
    char *last = NULL;
    bool fine = true;
    line += strspn(line, " \t\n");
    line += *line == '/' ? 1 : 0;
    for (line += strspn(line, " \t\n"); fine && *line != '\0'; line += strspn(line, " \t\n")) {
        fine = read_word(&line, options, &name, &last, err);
    }
    if (fine && name.length == 0) {
        fine = err_set(err, ERR_INVALID, "the command's name is missing");
    }
    if (fine) {
        cJSON_AddStringToObject(object, "name", name.bytes);
        if (last != NULL) {
            cJSON_AddStringToObject(object, "last", last);
        }
    } else {
        cJSON_Delete(object);
        object = NULL;
    }
    free(last);
    buf_finish(&name);
    return object;
}
