/* plugins/floods.h: what a plugin in a process of its own sends and makes without end: messages of
 * the channel as an attacker knows them, and threads. */
#ifndef TESTS_PLUGINS_FLOODS_H
#define TESTS_PLUGINS_FLOODS_H

#include <drey/drey.h>

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

enum { CHANNEL = 3 };

struct packet { /* struct frame, then struct port_message, as an attacker knows them */
    uint32_t kind;
    uint32_t length;
    uint64_t total;
    uint64_t at;
    struct {
        uint32_t kind;
        int32_t status;
        uint64_t worker, number, extra, more;
        uint32_t name_length;
        uint32_t data_length;
        char rest[64];
    } message;
};

/* What an honest worker sends, too: kind, number, extra, and a name. */
static const struct flood {
    const char *word;
    uint32_t kind;
    const char *name;
} floods[] = {
    {"flood-timers", 39, "tick"}, {"flood-start", 39, "tick"}, {"flood-stopped", 39, "tick"},
    {"flood-ends", 40, "tick"},   {"flood-done", 41, ""},      {"flood-due", 43, ""},
    {"flood-again", 44, ""},      {"flood-handled", 69, ""},   {"flood-members", 66, "tick"},
};

static void send_flood(const char *word) {
    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
        struct packet packet = {.kind = 1, .message = {.kind = floods[i].kind, .number = 8}};
        size_t name = strlen(floods[i].name);
        size_t bytes = offsetof(struct packet, message.rest) + name + 2;
        packet.length = (uint32_t)(bytes - offsetof(struct packet, message));
        packet.total = packet.length;
        packet.message.name_length = (uint32_t)name;
        memcpy(packet.message.rest, floods[i].name, name + 1);
        while (strcmp(floods[i].word, word) == 0 &&
               send(CHANNEL, &packet, bytes, MSG_NOSIGNAL) > 0) {
            packet.message.number++;
        }
    }
}

/* Leaves descriptors in a socket that nobody reads, until the kernel lets this user send no more.
 * How many went; what stopped it is in errno. */
static unsigned hoard_descriptors(void) {
    enum { AT_ONCE = 253, PAIRS = 8 };
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(AT_ONCE * sizeof(int))];
    } control = {.head = {.cmsg_len = CMSG_LEN(AT_ONCE * sizeof(int)),
                          .cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS}};
    struct iovec byte = {"x", 1};
    struct msghdr message = {.msg_iov = &byte,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    unsigned sent = 0;
    int pair[2];
    for (int i = 0; i < PAIRS && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0;
         i++) {
        for (int k = 0; k < AT_ONCE; k++) {
            memcpy(CMSG_DATA(&control.head) + (size_t)k * sizeof(int), &pair[0], sizeof(int));
        }
        while (sendmsg(pair[1], &message, MSG_NOSIGNAL) == 1) {
            sent += AT_ONCE;
        }
    }
    return sent;
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *wait_at_gate(void *arg) {
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return arg;
}

static int make_threads(void) {
    enum { MOST = 2000 };
    static pthread_t threads[MOST];
    pthread_attr_t small;
    int count = 0;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 << 10);
    pthread_mutex_lock(&gate);
    while (count < MOST && pthread_create(&threads[count], &small, wait_at_gate, NULL) == 0) {
        count++;
    }
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_attr_destroy(&small);
    return count;
}

#endif
