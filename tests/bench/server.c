/* tests/bench/server.c: a Discord that costs little: HTTP/1.1 on loopback, keep-alive, whole
 * answers that were written before, limits told that are never reached.
 *
 * Prints its port. A line on stdin: prints what it has served since the last one, as a line of
 * JSON; the end of stdin ends it. It counts the calls (paths with /channels/) apart from what
 * libraries ask beside them, and sums up a hash of each call's method, path and body, in whatever
 * order they come: two clients with the same sum have asked for the same. Whoever sends what it
 * does not know (chunked bodies, heads above 8 KB) is hung up on; whoever does not read is waited
 * for. */
#include "calls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 64, REQUEST_MAX = 16 * 1024, HEAD_MAX = 8 * 1024, ANSWER_MAX = 2048 };

enum kind { KIND_MESSAGE, KIND_MESSAGE_PATCHED, KIND_MESSAGE_GOT, KIND_REACTION, KIND_USER, KINDS };

struct peer {
    int fd;
    size_t length;
    char bytes[REQUEST_MAX + 1]; /* a NUL follows */
};

struct answer {
    char bytes[ANSWER_MAX];
    size_t length;
};

struct server {
    int epoll_fd;
    int listen_fd;
    time_t written_at;
    struct answer answers[KINDS];
    uint64_t calls;
    uint64_t others;
    uint64_t connections;
    uint64_t hung_up;
    uint64_t sum;
    uint64_t cpu_us; /* at the last report */
};

/* --- answers -----------------------------------------------------------------------------------
 */

static const char message[] =
    "{\"type\":0,\"content\":\"The build of last night is green again; whoever broke it owes the "
    "others a cake.\",\"mentions\":[],\"mention_roles\":[],\"attachments\":[],\"embeds\":[],"
    "\"timestamp\":\"2024-05-04T12:00:00.000000+00:00\",\"edited_timestamp\":null,\"flags\":0,"
    "\"components\":[],\"id\":\"1236000000000000001\",\"channel_id\":\"1000000000000000001\","
    "\"author\":{\"id\":\"900000000000000001\",\"username\":\"bench\",\"avatar\":null,"
    "\"discriminator\":\"4321\",\"public_flags\":0,\"flags\":0,\"bot\":true,\"banner\":null,"
    "\"accent_color\":null,\"global_name\":null,\"avatar_decoration_data\":null,"
    "\"banner_color\":null,\"clan\":null},\"pinned\":false,\"mention_everyone\":false,"
    "\"tts\":false}";
static const char user[] =
    "{\"id\":\"900000000000000001\",\"username\":\"bench\",\"avatar\":null,"
    "\"discriminator\":\"4321\",\"bot\":true,\"flags\":0,\"public_flags\":0,\"global_name\":null}";

/* body: NULL: 204. hash: of the bucket. */
static void write_answer(struct answer *answer, time_t now, const char *hash, const char *body) {
    char length[128] = "Content-Type: text/html; charset=utf-8";
    if (body != NULL) {
        (void)snprintf(length, sizeof(length),
                       "Content-Type: application/json\r\nContent-Length: %zu", strlen(body));
    }
    int used = snprintf(
        answer->bytes, sizeof(answer->bytes),
        "HTTP/1.1 %s\r\nDate: Sat, 04 May 2024 12:00:00 GMT\r\n%s\r\nConnection: keep-alive\r\n"
        "strict-transport-security: max-age=31536000; includeSubDomains; preload\r\n"
        "x-ratelimit-bucket: %s\r\nx-ratelimit-limit: 100000\r\nx-ratelimit-remaining: 99999\r\n"
        "x-ratelimit-reset: %" PRIdMAX ".500\r\nx-ratelimit-reset-after: 1.000\r\n"
        "via: 1.1 google\r\nCF-Cache-Status: DYNAMIC\r\nX-Content-Type-Options: nosniff\r\n"
        "Server: cloudflare\r\n\r\n%s",
        body != NULL ? "200 OK" : "204 No Content", length, hash, (intmax_t)now + 1,
        body != NULL ? body : "");
    answer->length = (size_t)used;
}

/* They carry a time, so they are written once a second. */
static const struct answer *answer_for(struct server *server, enum kind kind) {
    time_t now = time(NULL);
    if (now != server->written_at) {
        server->written_at = now;
        write_answer(&server->answers[KIND_MESSAGE], now, "80c17d2f203122d936070c88c8d10f33",
                     message);
        write_answer(&server->answers[KIND_MESSAGE_PATCHED], now,
                     "8e0b1f1d5b3b3a7c1d9d8a6f2c4e5b71", message);
        write_answer(&server->answers[KIND_MESSAGE_GOT], now, "5f6ae6a3b1f34cc2a7d1a4a7f7f9e2d0",
                     message);
        write_answer(&server->answers[KIND_REACTION], now, "24c6e1f50b7a4c8b92d3f10c7ab6d155",
                     NULL);
        write_answer(&server->answers[KIND_USER], now, "d9ee5c4f2a0b46f7b7f9e3b85c21f0aa", user);
    }
    return &server->answers[kind];
}

/* --- requests ----------------------------------------------------------------------------------
 */

static uint64_t hash_more(uint64_t hash, const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(1099511628211); /* FNV-1a */
    }
    return hash;
}

/* line: up to the end of the path. */
static enum kind take(struct server *server, const char *line, size_t length, const char *body,
                      size_t body_length) {
    const char *path = memmem(line, length, "/channels/", 10);
    const char *space = memchr(line, ' ', length);
    if (path == NULL || space == NULL) {
        server->others++;
        return KIND_USER;
    }
    size_t path_length = length - (size_t)(path - line);
    uint64_t hash = hash_more(UINT64_C(14695981039346656037), line, (size_t)(space - line));
    hash = hash_more(hash, path, path_length);
    server->sum += hash_more(hash, body, body_length);
    server->calls++;
    return line[0] == 'G'                                         ? KIND_MESSAGE_GOT
           : line[0] == 'P' && line[1] == 'A'                     ? KIND_MESSAGE_PATCHED
           : memmem(path, path_length, "/reactions/", 11) != NULL ? KIND_REACTION
                                                                  : KIND_MESSAGE;
}

/* Bytes of the body; false: a head that this server does not know. */
static bool body_length_of(const char *head, size_t *length) {
    const char *field = strcasestr(head, "\r\ncontent-length:");
    *length = field != NULL ? strtoul(field + 17, NULL, 10) : 0;
    return *length <= REQUEST_MAX && strcasestr(head, "\r\ntransfer-encoding:") == NULL;
}

/* Bytes used of one whole request; 0: there is none yet; -1: nonsense. */
static ssize_t serve_one(struct server *server, struct peer *peer, size_t from) {
    char *start = peer->bytes + from;
    char *end = strstr(start, "\r\n\r\n");
    if (end == NULL) {
        return peer->length - from > HEAD_MAX ? -1 : 0;
    }
    size_t head = (size_t)(end + 4 - start);
    size_t body;
    *end = '\0'; /* the search for fields must not find the body's */
    bool known = body_length_of(start, &body);
    *end = '\r';
    const char *path_end = strstr(start, " HTTP/1.1\r\n");
    if (!known || path_end == NULL || path_end > end || head + body > REQUEST_MAX) {
        return -1;
    }
    if (peer->length - from < head + body) {
        return 0;
    }
    enum kind kind = take(server, start, (size_t)(path_end - start), start + head, body);
    const struct answer *answer = answer_for(server, kind);
    ssize_t sent = send(peer->fd, answer->bytes, answer->length, MSG_NOSIGNAL);
    return sent == (ssize_t)answer->length ? (ssize_t)(head + body) : -1;
}

static bool serve(struct server *server, struct peer *peer) {
    ssize_t got =
        recv(peer->fd, peer->bytes + peer->length, REQUEST_MAX - peer->length, MSG_DONTWAIT);
    if (got <= 0) {
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    }
    peer->length += (size_t)got;
    peer->bytes[peer->length] = '\0';
    size_t used = 0;
    ssize_t more;
    while ((more = serve_one(server, peer, used)) > 0) {
        used += (size_t)more;
    }
    server->hung_up += more < 0;
    peer->length -= used;
    memmove(peer->bytes, peer->bytes + used, peer->length + 1);
    return more == 0;
}

/* --- life --------------------------------------------------------------------------------------
 */

static void welcome(struct server *server) {
    int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    struct peer *peer = fd >= 0 ? calloc(1, sizeof(*peer)) : NULL;
    if (peer == NULL) {
        (void)fprintf(stderr, "a connection cannot be taken\n");
        exit(1);
    }
    static const int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    peer->fd = fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    (void)epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    server->connections++;
}

/* False: nobody will ask any more. */
static bool report(struct server *server) {
    char line[64];
    if (read(STDIN_FILENO, line, sizeof(line)) <= 0) {
        return false;
    }
    uint64_t cpu_us = bench_cpu_us();
    printf("{\"calls\":%" PRIu64 ",\"others\":%" PRIu64 ",\"connections\":%" PRIu64
           ",\"hung_up\":%" PRIu64 ",\"sum\":\"%016" PRIx64 "\",\"cpu_us\":%" PRIu64 "}\n",
           server->calls, server->others, server->connections, server->hung_up, server->sum,
           cpu_us - server->cpu_us);
    (void)fflush(stdout);
    server->calls = server->others = server->connections = server->hung_up = server->sum = 0;
    server->cpu_us = cpu_us;
    return true;
}

static bool set_up(struct server *server) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    struct epoll_event asked = {.events = EPOLLIN, .data.ptr = server};
    struct epoll_event called = {.events = EPOLLIN, .data.ptr = &server->listen_fd};
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = bind(server->listen_fd, (struct sockaddr *)&address, size) == 0 &&
              listen(server->listen_fd, SOMAXCONN) == 0 &&
              getsockname(server->listen_fd, (struct sockaddr *)&address, &size) == 0 &&
              epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &asked) == 0 &&
              epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, server->listen_fd, &called) == 0;
    if (ok) {
        printf("%d\n", ntohs(address.sin_port));
        (void)fflush(stdout);
    }
    return ok;
}

int main(void) {
    static struct server server;
    struct epoll_event events[EVENTS];
    if (!set_up(&server)) {
        perror("the server cannot listen");
        return 1;
    }
    for (;;) {
        int count = epoll_wait(server.epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            void *who = events[i].data.ptr;
            if (who == &server) {
                if (!report(&server)) {
                    return 0;
                }
            } else if (who == &server.listen_fd) {
                welcome(&server);
            } else if (!serve(&server, who)) {
                (void)close(((struct peer *)who)->fd);
                free(who);
            }
        }
    }
}
