/* plugin/view.c: the spans of messages and requests, checked. Pure. */
#include "plugin/port.h"

#include <string.h>

const char *port_name(const struct port_message *message) {
    return (const char *)(message + 1);
}

const char *port_data(const struct port_message *message) {
    return port_name(message) + message->name_length + 1;
}

/* A text of this length, followed by a NUL; NULL when it does not fit. */
static const char *take_text(const char **at, size_t *left, size_t length) {
    const char *text = *at;
    if (*left < length + 1 || text[length] != '\0') {
        return NULL;
    }
    *at += length + 1;
    *left -= length + 1;
    return text;
}

bool port_read_rest(const void *data, size_t length, struct port_rest_view *view) {
    const char *at = (const char *)data + sizeof(view->head);
    if (length < sizeof(view->head)) {
        return false;
    }
    memcpy(&view->head, data, sizeof(view->head));
    size_t left = length - sizeof(view->head);
    view->path = take_text(&at, &left, view->head.path_length);
    view->reason = view->path != NULL ? take_text(&at, &left, view->head.reason_length) : NULL;
    view->body = view->reason != NULL ? take_text(&at, &left, view->head.body_length) : NULL;
    if (view->body == NULL) {
        return false;
    }
    view->reason = view->head.has_reason ? view->reason : NULL;
    view->body = view->head.has_body ? view->body : NULL;
    view->files = at;
    view->files_length = left;
    return true;
}

bool port_next_file(struct port_rest_view *view, struct port_file *file, const char **name,
                    const char **type, const char **bytes) {
    const char *at = view->files + sizeof(*file);
    if (view->files_length < sizeof(*file)) {
        return false;
    }
    memcpy(file, view->files, sizeof(*file));
    size_t left = view->files_length - sizeof(*file);
    *name = take_text(&at, &left, file->name_length);
    *type = *name != NULL ? take_text(&at, &left, file->type_length) : NULL;
    if (*type == NULL || file->size > left) {
        view->files_length = 0;
        return false;
    }
    *type = file->type_length > 0 ? *type : NULL;
    *bytes = file->fd < 0 ? at : NULL;
    view->files = at + file->size;
    view->files_length = left - file->size;
    return true;
}
