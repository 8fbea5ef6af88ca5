/* tests/bench/blast.c: a gateway that costs little: every message was compressed and framed before
 * anybody connects, and goes out in writes of 64 KB, or each in a write and TLS record of its own.
 *
 * usage: bench_blast CORPUS none|zlib-stream|zstd-stream batched|single WARM CERT KEY
 *
 * Prints its port; https and wss on the same one. For a client that identifies: READY and the first
 * WARM lines of the corpus, then op 1; the client's op 1 says that it has seen them. It prints
 * "warm" and waits for a line; then the rest goes out, op 1 again, and it prints "done NS" when the
 * answer is there. The end of stdin ends it. One client at a time; what it says else is not heard.
 */
#include "calls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { WRITE_BYTES = 64 * 1024, HEAD_BYTES = 8192, FRAME_HEAD_MAX = 10, ZSTD_WINDOW_LOG = 18 };

/* Framed messages end to end, and where each begins. */
struct tape {
    uint8_t *bytes;
    size_t length;
    size_t capacity;
    size_t *starts; /* count + 1 */
    size_t count;
    size_t places;
};

enum part { PART_HELLO, PART_WARM, PART_MEASURED, PARTS };

struct blast {
    SSL_CTX *tls;
    int port;
    const char *compress;
    bool single;
    struct tape parts[PARTS];
    z_stream deflate;
    ZSTD_CCtx *zstd;
};

static void give_up(const char *what) {
    (void)fprintf(stderr, "blast: %s\n", what);
    exit(1);
}

static void *more(void *old, size_t bytes) {
    void *made = realloc(old, bytes);
    if (made == NULL) {
        give_up("no memory");
    }
    return made;
}

/* --- the tape ----------------------------------------------------------------------------------
 */

static void reserve(struct tape *tape, size_t bytes) {
    if (tape->capacity - tape->length < bytes) {
        tape->capacity = tape->capacity * 2 + bytes;
        tape->bytes = more(tape->bytes, tape->capacity);
    }
}

/* Compressed text behind a head's room; how long it is. */
static size_t squeeze(struct blast *blast, const char *text, size_t length, uint8_t *out,
                      size_t room) {
    if (blast->zstd != NULL) {
        ZSTD_inBuffer in = {text, length, 0};
        ZSTD_outBuffer to = {out, room, 0};
        if (ZSTD_compressStream2(blast->zstd, &to, &in, ZSTD_e_flush) != 0) {
            give_up("zstd");
        }
        return to.pos;
    }
    if (strcmp(blast->compress, "none") == 0) {
        memcpy(out, text, length);
        return length;
    }
    blast->deflate.next_in = (Bytef *)(uintptr_t)text;
    blast->deflate.avail_in = (uInt)length;
    blast->deflate.next_out = out;
    blast->deflate.avail_out = (uInt)room;
    if (deflate(&blast->deflate, Z_SYNC_FLUSH) != Z_OK || blast->deflate.avail_in != 0) {
        give_up("zlib");
    }
    return room - blast->deflate.avail_out;
}

static size_t frame_head(uint8_t *head, bool text, size_t length) {
    head[0] = text ? 0x81 : 0x82;
    size_t bytes = length < 126 ? 0 : length < 65536 ? 2 : 8;
    head[1] = bytes == 0 ? (uint8_t)length : bytes == 2 ? 126 : 127;
    for (size_t i = 0; i < bytes; i++) {
        head[2 + i] = (uint8_t)(length >> 8 * (bytes - 1 - i));
    }
    return 2 + bytes;
}

static void append(struct blast *blast, struct tape *tape, const char *text, size_t length) {
    size_t room = length + length / 100 + 1024;
    reserve(tape, FRAME_HEAD_MAX + room);
    uint8_t *body = tape->bytes + tape->length + FRAME_HEAD_MAX;
    size_t body_length = squeeze(blast, text, length, body, room);
    uint8_t head[FRAME_HEAD_MAX];
    size_t head_length = frame_head(head, strcmp(blast->compress, "none") == 0, body_length);
    memmove(tape->bytes + tape->length + head_length, body, body_length);
    memcpy(tape->bytes + tape->length, head, head_length);
    if (tape->count + 2 > tape->places) {
        tape->places = tape->places * 2 + 1024;
        tape->starts = more(tape->starts, tape->places * sizeof(*tape->starts));
    }
    tape->starts[tape->count++] = tape->length;
    tape->length += head_length + body_length;
    tape->starts[tape->count] = tape->length;
}

static void append_text(struct blast *blast, enum part part, const char *text) {
    append(blast, &blast->parts[part], text, strlen(text));
}

static void set_up_compression(struct blast *blast) {
    if (strcmp(blast->compress, "zstd-stream") == 0) {
        blast->zstd = ZSTD_createCCtx();
        (void)ZSTD_CCtx_setParameter(blast->zstd, ZSTD_c_compressionLevel, 6);
        (void)ZSTD_CCtx_setParameter(blast->zstd, ZSTD_c_windowLog, ZSTD_WINDOW_LOG);
    } else if (deflateInit(&blast->deflate, 6) != Z_OK) {
        give_up("zlib");
    }
}

/* Everything in the order in which it will be sent: the compressions have a memory. */
static void write_tapes(struct blast *blast, const char *path, size_t warm) {
    static const char beat[] = "{\"t\":null,\"s\":null,\"op\":1,\"d\":null}";
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    size_t number = 0;
    if (file == NULL) {
        give_up("the corpus cannot be read");
    }
    set_up_compression(blast);
    append_text(blast, PART_HELLO,
                "{\"t\":null,\"s\":null,\"op\":10,\"d\":{\"heartbeat_interval\":3600000}}");
    while ((length = getline(&line, &size, file)) > 0) {
        append(blast, &blast->parts[number < warm ? PART_WARM : PART_MEASURED], line,
               (size_t)length - 1);
        number++;
        if (number == warm) {
            append_text(blast, PART_WARM, beat);
        }
    }
    append_text(blast, PART_MEASURED, beat);
    free(line);
    (void)fclose(file);
}

/* --- one connection ----------------------------------------------------------------------------
 */

static bool send_all(SSL *tls, const void *bytes, size_t length) {
    return length == 0 || SSL_write(tls, bytes, (int)length) == (int)length;
}

static bool play(const struct blast *blast, SSL *tls, enum part part) {
    const struct tape *tape = &blast->parts[part];
    size_t from = 0;
    for (size_t i = 1; i <= tape->count; i++) {
        size_t end = tape->starts[i];
        bool full = i == tape->count || tape->starts[i + 1] - tape->starts[from] > WRITE_BYTES;
        if (blast->single || full) {
            if (!send_all(tls, tape->bytes + tape->starts[from], end - tape->starts[from])) {
                return false;
            }
            from = i;
        }
    }
    return true;
}

static bool read_all(SSL *tls, void *to, size_t length) {
    size_t got = 0;
    while (got < length) {
        int count = SSL_read(tls, (char *)to + got, (int)(length - got));
        if (count <= 0) {
            return false;
        }
        got += (size_t)count;
    }
    return true;
}

/* The next message of the client's, unmasked, with a NUL; false at the end. */
static bool hear(SSL *tls, char *text, size_t size) {
    uint8_t head[2];
    uint8_t more_length[8];
    uint8_t mask[4];
    if (!read_all(tls, head, 2)) {
        return false;
    }
    uint64_t length = head[1] & 0x7f;
    size_t bytes = length < 126 ? 0 : length == 126 ? 2 : 8;
    if (!read_all(tls, more_length, bytes)) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        length = (i == 0 ? 0 : length << 8) | more_length[i];
    }
    if (length >= size || !read_all(tls, mask, 4) || !read_all(tls, text, length)) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        text[i] = (char)((uint8_t)text[i] ^ mask[i % 4]);
    }
    text[length] = '\0';
    return (head[0] & 15) != 8;
}

/* Reads on until the client sends this opcode. */
static bool await_op(SSL *tls, int op) {
    char text[8192];
    while (hear(tls, text, sizeof(text))) {
        const char *at = strstr(text, "\"op\"");
        at = at != NULL ? at + 4 + strspn(at + 4, ": ") : "";
        if (atoi(at) == op) {
            return true;
        }
    }
    return false;
}

static void gateway(struct blast *blast, SSL *tls) {
    char line[16];
    if (!play(blast, tls, PART_HELLO) || !await_op(tls, 2) || !play(blast, tls, PART_WARM) ||
        !await_op(tls, 1)) {
        return;
    }
    (void)puts("warm");
    (void)fflush(stdout);
    if (fgets(line, sizeof(line), stdin) == NULL) {
        exit(0);
    }
    uint64_t from_ns = bench_now_ns();
    if (play(blast, tls, PART_MEASURED) && await_op(tls, 1)) {
        (void)printf("done %" PRIu64 "\n", bench_now_ns() - from_ns);
        (void)fflush(stdout);
    }
    while (fgets(line, sizeof(line), stdin) != NULL) {
    }
    exit(0);
}

static bool upgrade(SSL *tls, const char *head) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char accept[64];
    char text[256];
    const char *key = strcasestr(head, "\r\nsec-websocket-key:");
    key = key != NULL ? key + 20 + strspn(key + 20, " ") : "";
    unsigned length = 0;
    (void)snprintf(text, sizeof(text), "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
                   (int)strcspn(key, "\r"), key);
    (void)EVP_Digest(text, strlen(text), digest, &length, EVP_sha1(), NULL);
    (void)EVP_EncodeBlock(accept, digest, (int)length);
    (void)snprintf(
        text, sizeof(text),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: %s\r\n\r\n",
        (char *)accept);
    return send_all(tls, text, strlen(text));
}

static bool answer_rest(const struct blast *blast, SSL *tls, const char *head) {
    char body[1024];
    char text[2048];
    if (strstr(head, "/gateway") != NULL && strstr(head, "/gateway") < strstr(head, "\r\n")) {
        (void)snprintf(
            body, sizeof(body),
            "{\"url\":\"wss://localhost:%d\",\"shards\":1,\"session_start_limit\":{"
            "\"total\":1000,\"remaining\":1000,\"reset_after\":0,\"max_concurrency\":1}}",
            blast->port);
    } else {
        (void)snprintf(body, sizeof(body),
                       "{\"id\":\"900000000000000001\",\"name\":\"bench\",\"username\":\"bench\","
                       "\"discriminator\":\"0\",\"global_name\":null,\"avatar\":null,\"bot\":true,"
                       "\"icon\":null,\"description\":\"\",\"bot_public\":true,"
                       "\"bot_require_code_grant\":false,\"verify_key\":\"\",\"team\":null,"
                       "\"owner\":{\"id\":\"900000000000000002\",\"username\":\"owner\","
                       "\"discriminator\":\"0\",\"global_name\":null,\"avatar\":null},"
                       "\"public_flags\":0,\"flags\":565248}");
    }
    (void)snprintf(text, sizeof(text),
                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nVia: 1.1 bench\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   strlen(body), body);
    return send_all(tls, text, strlen(text));
}

struct guest {
    struct blast *blast;
    int fd;
};

static void *serve(void *arg) {
    struct guest guest = *(struct guest *)arg;
    char head[HEAD_BYTES];
    SSL *tls = SSL_new(guest.blast->tls);
    free(arg);
    bool on = SSL_set_fd(tls, guest.fd) == 1 && SSL_accept(tls) == 1;
    while (on) {
        size_t length = 0;
        head[0] = '\0';
        while (on && strstr(head, "\r\n\r\n") == NULL && length + 1 < sizeof(head)) {
            int got = SSL_read(tls, head + length, (int)(sizeof(head) - 1 - length));
            on = got > 0;
            length += on ? (size_t)got : 0;
            head[length] = '\0';
        }
        if (on && strcasestr(head, "\r\nsec-websocket-key:") != NULL) {
            if (upgrade(tls, head)) {
                gateway(guest.blast, tls);
            }
            on = false;
        } else if (on) {
            on = answer_rest(guest.blast, tls, head);
        }
    }
    SSL_free(tls);
    (void)close(guest.fd);
    return NULL;
}

static int listen_here(struct blast *blast) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, SOMAXCONN) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        give_up("cannot listen");
    }
    blast->port = ntohs(address.sin_port);
    return fd;
}

int main(int argc, char **argv) {
    static struct blast blast;
    if (argc != 7) {
        give_up("usage: bench_blast CORPUS COMPRESS batched|single WARM CERT KEY");
    }
    (void)signal(SIGPIPE, SIG_IGN);
    blast.compress = argv[2];
    blast.single = strcmp(argv[3], "single") == 0;
    blast.tls = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_file(blast.tls, argv[5], SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(blast.tls, argv[6], SSL_FILETYPE_PEM) != 1) {
        give_up("the certificate cannot be read");
    }
    write_tapes(&blast, argv[1], strtoul(argv[4], NULL, 10));
    int fd = listen_here(&blast);
    (void)printf("%d\n", blast.port);
    (void)fflush(stdout);
    for (;;) {
        pthread_t thread;
        struct guest *guest = more(NULL, sizeof(*guest));
        *guest = (struct guest){&blast, accept4(fd, NULL, NULL, SOCK_CLOEXEC)};
        if (guest->fd < 0 || pthread_create(&thread, NULL, serve, guest) != 0) {
            give_up("a connection cannot be taken");
        }
        (void)pthread_detach(thread);
    }
}
