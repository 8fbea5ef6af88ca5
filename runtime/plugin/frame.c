/* plugin/frame.c: packets into messages, and which messages a worker may send. */
#include "plugin/frame.h"

#include "base/log.h"
#include "plugin/instance.h"
#include "plugin/isolation.h"

#include <string.h>

static enum frame_result broken(struct err *err, const char *what) {
    err_set(err, ERR_PROTOCOL, "%s", what);
    return FRAME_BROKEN;
}

/* Name and data fill the message exactly, each followed by its NUL. */
static bool is_message(const struct buf *bytes) {
    struct port_message head;
    if (bytes->length < sizeof(head) + 2) {
        return false;
    }
    memcpy(&head, bytes->bytes, sizeof(head));
    uint64_t wanted = (uint64_t)sizeof(head) + head.name_length + head.data_length + 2;
    return wanted == bytes->length && bytes->bytes[sizeof(head) + head.name_length] == '\0' &&
           bytes->bytes[bytes->length - 1] == '\0';
}

static enum frame_result take_piece(struct frame_intake *intake, const struct frame *head,
                                    const char *payload, bool *first, struct err *err) {
    *first = head->at == 0;
    if (*first) {
        if (intake->total != 0 && intake->message.length < intake->total) {
            return broken(err, "a message began inside another");
        }
        if (head->total < sizeof(struct port_message) + 2 || head->total > FRAME_MESSAGE_MAX) {
            return broken(err, "a message of an impossible length");
        }
        buf_clear(&intake->message);
        intake->total = (size_t)head->total;
    }
    if (intake->total == 0 || head->total != intake->total || head->at != intake->message.length ||
        head->length == 0 || head->length > intake->total - intake->message.length) {
        return broken(err, "a piece that fits no message");
    }
    if (!buf_append(&intake->message, payload, head->length)) {
        return broken(err, "no memory for a message");
    }
    if (intake->message.length < intake->total) {
        return FRAME_TAKEN;
    }
    intake->total = 0;
    return is_message(&intake->message) ? FRAME_WHOLE
                                        : broken(err, "a message whose lengths contradict it");
}

enum frame_result frame_take(struct frame_intake *intake, const void *packet, size_t length,
                             bool *first, struct err *err) {
    struct frame head;
    *first = false;
    if (length < sizeof(head)) {
        return broken(err, "a packet that is too short");
    }
    memcpy(&head, packet, sizeof(head));
    const char *payload = (const char *)packet + sizeof(head);
    if (head.length != length - sizeof(head) || head.length > FRAME_PAYLOAD_MAX) {
        return broken(err, "a packet whose length is not what it says");
    }
    switch (head.kind) {
    case FRAME_PIECE:
        return take_piece(intake, &head, payload, first, err);
    case FRAME_MAIL_DONE:
        return FRAME_DONE;
    case FRAME_LAST_WORDS:
        if (head.length != sizeof(intake->words)) {
            return broken(err, "last words of a wrong length");
        }
        memcpy(&intake->words, payload, sizeof(intake->words));
        if (intake->words.count > FRAME_ADDRESSES_MAX) {
            intake->words.count = FRAME_ADDRESSES_MAX;
        }
        return FRAME_DYING;
    default:
        return broken(err, "a packet of an unknown kind");
    }
}

void frame_done(struct frame_intake *intake) {
    buf_relax(&intake->message);
}

void frame_finish(struct frame_intake *intake) {
    buf_finish(&intake->message);
    intake->total = 0;
}

struct frame frame_piece(size_t total, size_t at) {
    size_t left = total - at;
    return (struct frame){.kind = FRAME_PIECE,
                          .length = (uint32_t)(left < FRAME_PAYLOAD_MAX ? left : FRAME_PAYLOAD_MAX),
                          .total = total,
                          .at = at};
}

/* ---- What may rise ---- */

enum {
    ROWS_BYTES_MAX = 8 << 20,
    TEXT_BYTES_MAX = 8 << 10,
    TITLE_BYTES_MAX = 512,
    GATEWAY_BYTES_MAX = 64 << 10,
    KEEP_BYTES_MAX = 4 << 20, /* a key and a value, with room to spare: the store has its limits */
};

/* The most that a name and the data of each kind may have; a kind without a row may not rise. */
static const struct bound {
    uint32_t kind;
    uint32_t name;
    uint32_t data;
    bool fails; /* an answer: with a negative status its data is a text */
} bounds[] = {
    {PORT_LOADED, 0, ROWS_BYTES_MAX, true},
    {PORT_RESTORED, 0, 0, true},
    {PORT_STARTED, 0, 0, true},
    {PORT_HELD, 0, PORT_BLOB_MAX, true},
    {PORT_CHECKPOINTED, 0, PORT_BLOB_MAX, true},
    {PORT_STOPPED, 0, 0, true},
    {PORT_LOG, 0, TEXT_BYTES_MAX, false},
    {PORT_FAULT, 0, TEXT_BYTES_MAX, false},
    {PORT_TIMER_SET, PORT_NAME_MAX, 0, false},
    {PORT_TIMER_STOP, PORT_NAME_MAX, 0, false},
    {PORT_TIMER_DONE, 0, 0, false},
    {PORT_POST, PORT_NAME_MAX, PORT_POST_MAX, false},
    {PORT_DUE_NEXT, 0, 0, false},
    {PORT_AGAIN_DONE, 0, 0, false},
    {PORT_KEEP, 0, KEEP_BYTES_MAX, false},
    {PORT_CONFINED, 0, TEXT_BYTES_MAX, false},
    {PORT_REST, PORT_NAME_MAX, FRAME_MESSAGE_MAX - 4096, false},
    {PORT_REST_CANCEL, PORT_NAME_MAX, 0, false},
    {PORT_GATEWAY, PORT_NAME_MAX, GATEWAY_BYTES_MAX, false},
    {PORT_ANSWER, PORT_NAME_MAX, FRAME_MESSAGE_MAX - 4096, false},
    {PORT_HANDLING, TITLE_BYTES_MAX, 0, false},
    {PORT_HANDLED, 0, 0, false},
};

static bool is_list(const struct port_message *message) {
    struct registration row;
    const char *text;
    size_t at = 0;
    while (registration_next(port_data(message), message->data_length, &at, &row, &text)) {
    }
    return at == message->data_length;
}

/* The count of files is what it says, and each descriptor one of those that came. */
static bool is_request(const struct port_message *message, size_t file_count) {
    struct port_rest_view view;
    struct port_file file;
    const char *name;
    const char *type;
    const char *bytes;
    size_t used = 0;
    if (!port_read_rest(port_data(message), message->data_length, &view) ||
        view.head.file_count > FRAME_FILES_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < view.head.file_count; i++) {
        if (!port_next_file(&view, &file, &name, &type, &bytes)) {
            return false;
        }
        if (file.fd >= 0) {
            if ((size_t)file.fd != used || used >= file_count) {
                return false;
            }
            used++;
        }
    }
    return used == file_count && view.files_length == 0;
}

static bool content_fits(const struct port_message *message, size_t file_count) {
    switch (message->kind) {
    case PORT_LOADED:
        return message->status < 0 || is_list(message);
    case PORT_LOG:
    case PORT_FAULT:
        return message->status >= 0 && message->status <= LOG_ERROR;
    case PORT_AGAIN_DONE:
        return message->status >= 0; /* that it ended in it is ours to say */
    case PORT_CONFINED:
        return message->number <= ISOLATION_HOLD_FULL;
    case PORT_REST:
    case PORT_ANSWER:
        return is_request(message, file_count);
    default:
        return true;
    }
}

bool frame_may_rise(const struct port_message *message, size_t file_count, struct err *err) {
    const struct bound *bound = NULL;
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
        bound = bounds[i].kind == message->kind ? &bounds[i] : bound;
    }
    if (bound == NULL) {
        return err_set(err, ERR_PROTOCOL, "a message of kind %u, which no plugin sends",
                       message->kind);
    }
    uint32_t most = bound->fails && message->status < 0 ? TEXT_BYTES_MAX : bound->data;
    bool request = message->kind == PORT_REST || message->kind == PORT_ANSWER;
    bool listener = message->kind == PORT_CONFINED && file_count == 1;
    bool fits = (request || listener || file_count == 0) && message->name_length <= bound->name &&
                message->data_length <= most &&
                strlen(port_name(message)) == message->name_length &&
                content_fits(message, file_count);
    return fits ||
           err_set(err, ERR_PROTOCOL, "a message of kind %u that makes no sense", message->kind);
}

bool frame_waits_for_taking(uint32_t kind) {
    return kind == PORT_REST || kind == PORT_ANSWER || kind == PORT_GATEWAY;
}

uint32_t frame_answer_to(uint32_t kind) {
    switch (kind) {
    case PORT_LOAD:
        return PORT_LOADED;
    case PORT_RESTORE:
        return PORT_RESTORED;
    case PORT_START:
        return PORT_STARTED;
    case PORT_HOLD:
        return PORT_HELD;
    case PORT_CHECKPOINT:
        return PORT_CHECKPOINTED;
    case PORT_STOP:
        return PORT_STOPPED;
    default:
        return 0;
    }
}

/* ---- Descriptors ---- */

/* Each descriptor of the request, through one function. */
static size_t each_file(void *data, size_t length, int32_t (*turn)(void *arg, int32_t fd, size_t n),
                        void *arg) {
    struct port_rest_view view;
    struct port_file file;
    const char *name;
    const char *type;
    const char *bytes;
    size_t count = 0;
    if (!port_read_rest(data, length, &view) || view.head.file_count > FRAME_FILES_MAX) {
        return SIZE_MAX;
    }
    for (uint32_t i = 0; i < view.head.file_count; i++) {
        char *place = (char *)data + (view.files - (const char *)data);
        if (!port_next_file(&view, &file, &name, &type, &bytes)) {
            return SIZE_MAX;
        }
        if (file.fd >= 0) {
            file.fd = turn(arg, file.fd, count++);
            memcpy(place, &file, sizeof(file));
        }
    }
    return count;
}

static int32_t put_out(void *arg, int32_t fd, size_t n) {
    int *fds = arg;
    fds[n] = fd;
    return (int32_t)n;
}

size_t frame_files_out(void *data, size_t length, int *fds) {
    return each_file(data, length, put_out, fds);
}

struct incoming {
    const int *fds;
    size_t count;
};

static int32_t put_in(void *arg, int32_t fd, size_t n) {
    const struct incoming *incoming = arg;
    return n < incoming->count ? incoming->fds[n] : -1;
}

size_t frame_files_in(void *data, size_t length, const int *fds, size_t count) {
    struct incoming incoming = {fds, count};
    return each_file(data, length, put_in, &incoming);
}
