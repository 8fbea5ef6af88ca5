/* tests/bench/gate.c: TLS, HTTP and WebSocket frames, as little of them as drey and the peers need.
 */
#include "gate.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_BYTES = 8192 };

/* The process's only one. */
static struct {
    SSL_CTX *tls;
    int port;
    gate_fn *talk;
    void *arg;
} gate;

void gate_give_up(const char *what) {
    (void)fprintf(stderr, "gateway: %s\n", what);
    exit(1);
}

void *gate_more(void *old, size_t bytes) {
    void *made = realloc(old, bytes);
    if (made == NULL) {
        gate_give_up("no memory");
    }
    return made;
}

size_t gate_frame_head(uint8_t *head, bool text, size_t length) {
    head[0] = text ? 0x81 : 0x82;
    size_t bytes = length < 126 ? 0 : length < 65536 ? 2 : 8;
    head[1] = bytes == 0 ? (uint8_t)length : bytes == 2 ? 126 : 127;
    for (size_t i = 0; i < bytes; i++) {
        head[2 + i] = (uint8_t)(length >> 8 * (bytes - 1 - i));
    }
    return 2 + bytes;
}

bool gate_send(SSL *tls, const void *bytes, size_t length) {
    return length == 0 || SSL_write(tls, bytes, (int)length) == (int)length;
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
bool gate_await_op(SSL *tls, int op) {
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
    return gate_send(tls, text, strlen(text));
}

static bool answer_rest(SSL *tls, const char *head) {
    char body[1024];
    char text[2048];
    if (strstr(head, "/gateway") != NULL && strstr(head, "/gateway") < strstr(head, "\r\n")) {
        (void)snprintf(
            body, sizeof(body),
            "{\"url\":\"wss://localhost:%d\",\"shards\":1,\"session_start_limit\":{"
            "\"total\":1000,\"remaining\":1000,\"reset_after\":0,\"max_concurrency\":1}}",
            gate.port);
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
    return gate_send(tls, text, strlen(text));
}

static void *serve(void *arg) {
    int fd = *(int *)arg;
    char head[HEAD_BYTES];
    SSL *tls = SSL_new(gate.tls);
    free(arg);
    bool on = SSL_set_fd(tls, fd) == 1 && SSL_accept(tls) == 1;
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
                gate.talk(gate.arg, tls);
            }
            on = false;
        } else if (on) {
            on = answer_rest(tls, head);
        }
    }
    SSL_free(tls);
    (void)close(fd);
    return NULL;
}

static int listen_here(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, SOMAXCONN) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        gate_give_up("cannot listen");
    }
    gate.port = ntohs(address.sin_port);
    return fd;
}

void gate_serve(const char *cert, const char *key, gate_fn *talk, void *arg) {
    (void)signal(SIGPIPE, SIG_IGN);
    gate.talk = talk;
    gate.arg = arg;
    gate.tls = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_file(gate.tls, cert, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(gate.tls, key, SSL_FILETYPE_PEM) != 1) {
        gate_give_up("the certificate cannot be read");
    }
    int fd = listen_here();
    (void)printf("%d\n", gate.port);
    (void)fflush(stdout);
    for (;;) {
        pthread_t thread;
        int *guest = gate_more(NULL, sizeof(*guest));
        *guest = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        int at_once = 1; /* a small write does not wait for the answer to the one before */
        if (*guest < 0 ||
            setsockopt(*guest, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once)) != 0 ||
            pthread_create(&thread, NULL, serve, guest) != 0) {
            gate_give_up("a connection cannot be taken");
        }
        (void)pthread_detach(thread);
    }
}
