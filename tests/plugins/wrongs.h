/* plugins/wrongs.h: packets that no honest worker sends, one of each kind. */
#ifndef TESTS_PLUGINS_WRONGS_H
#define TESTS_PLUGINS_WRONGS_H

#include "floods.h"

static const struct wrong {
    const char *word;
    struct packet packet;
    size_t bytes; /* 0: all of it */
} wrongs[] = {
    {"packet-short", {0}, 3},
    {"packet-kind", {.kind = 77, .length = sizeof(((struct packet *)0)->message)}, 0},
    {"packet-length", {.kind = 1, .length = 5, .total = 200}, 0},
    {"packet-total", {.kind = 1, .length = 112, .total = UINT64_MAX}, 0},
    {"packet-middle", {.kind = 1, .length = 112, .total = 1000, .at = 500}, 0},
    {"packet-names",
     {.kind = 1, .length = 112, .total = 112, .message = {.kind = 40, .name_length = UINT32_MAX}},
     0},
    {"packet-down",
     {.kind = 1, .length = 112, .total = 112, .message = {.kind = 1, .data_length = 62}},
     0},
    {"packet-ended",
     {.kind = 1, .length = 112, .total = 112, .message = {.kind = 47, .data_length = 62}},
     0},
    {"packet-answer",
     {.kind = 1,
      .length = 112,
      .total = 112,
      .message = {.kind = 35, .more = 3, .data_length = 62}},
     0},
    {"packet-rows",
     {.kind = 1,
      .length = 112,
      .total = 112,
      .message = {.kind = 32, .more = 1, .data_length = 62}},
     0},
    {"packet-rest",
     {.kind = 1,
      .length = 112,
      .total = 112,
      .message = {.kind = 64, .data_length = 62, .rest = "\x09"}},
     0},
    {"packet-done", {.kind = 2}, 24},
    {"packet-again", /* a parked event was handled, it says */
     {.kind = 1, .length = 50, .total = 50, .message = {.kind = 44, .number = 640}},
     74},
};

/* Nothing to read, and a descriptor with it. */
static int send_empty(void) {
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
                          .cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS}};
    struct msghdr message = {.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
    int fd = 1;
    memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
    return sendmsg(CHANNEL, &message, MSG_NOSIGNAL) == 0;
}

/* What comes behind a packet that breaks the protocol is nothing that may be acted on. */
static int send_more_after(void) {
    static const char text[] = "SUCCEEDED after";
    struct packet wrong = {.kind = 77, .length = sizeof(wrong.message)};
    struct packet line = {.kind = 1,
                          .message = {.kind = 38, .status = 4, .data_length = sizeof(text) - 1}};
    size_t bytes = offsetof(struct packet, message.rest) + 1 + sizeof(text);
    memcpy(line.message.rest + 1, text, sizeof(text));
    line.length = (uint32_t)(bytes - offsetof(struct packet, message));
    line.total = line.length;
    (void)send(CHANNEL, &wrong, sizeof(wrong), MSG_NOSIGNAL);
    for (int i = 0; i < 60 && send(CHANNEL, &line, bytes, MSG_NOSIGNAL) > 0; i++) {
    }
    return 0;
}

static int send_wrong(const char *word) {
    if (strcmp(word, "packet-more") == 0) {
        return send_more_after();
    }
    if (strcmp(word, "packet-empty") == 0) {
        return send_empty();
    }
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        if (strcmp(wrongs[i].word, word) == 0) {
            size_t bytes = wrongs[i].bytes != 0 ? wrongs[i].bytes : sizeof(struct packet);
            return send(CHANNEL, &wrongs[i].packet, bytes, MSG_NOSIGNAL) > 0;
        }
    }
    return 0;
}

#endif
