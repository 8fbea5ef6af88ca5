/* tests/sim/peer.c: a gateway client by hand. */
#include "sim/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int dial(uint16_t port) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(port),
                                        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    const struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

static bool receive(int fd, struct buf *in) {
    char bytes[16384];
    ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
    return got > 0 && buf_append(in, bytes, (size_t)got);
}

bool peer_send_bytes(struct peer *peer, const void *bytes, size_t length) {
    return send(peer->fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length;
}

bool peer_say(struct peer *peer, uint16_t port, const char *text) {
    *peer = (struct peer){.fd = dial(port)};
    return peer->fd >= 0 && peer_send_bytes(peer, text, strlen(text));
}

bool peer_line(struct peer *peer, struct buf *line) {
    const char *end;
    buf_clear(line);
    while (peer->in.length == 0 || (end = memchr(peer->in.bytes, '\n', peer->in.length)) == NULL) {
        if (!receive(peer->fd, &peer->in)) {
            return false;
        }
    }
    size_t length = (size_t)(end - peer->in.bytes);
    buf_append(line, peer->in.bytes, length);
    buf_consume(&peer->in, length + 1);
    return true;
}

int peer_open(struct peer *peer, uint16_t port, const char *query) {
    char request[512];
    int status = 0;
    *peer = (struct peer){.fd = dial(port)};
    if (peer->fd < 0) {
        return 0;
    }
    int length = snprintf(request, sizeof(request),
                          "GET /%s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: "
                          "websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
                          "dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                          query);
    peer_send_bytes(peer, request, (size_t)length);
    while (peer->in.length == 0 || strstr(peer->in.bytes, "\r\n\r\n") == NULL) {
        if (!receive(peer->fd, &peer->in)) {
            return 0;
        }
    }
    size_t header = (size_t)(strstr(peer->in.bytes, "\r\n\r\n") + 4 - peer->in.bytes);
    status = (int)strtol(peer->in.bytes + 9, NULL, 10);
    /* The example of RFC 6455 section 1.3. */
    if (status == 101 && strstr(peer->in.bytes, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == NULL) {
        return -1;
    }
    buf_consume(&peer->in, header);
    peer->inflating = strstr(query, "zlib-stream") != NULL;
    if (peer->inflating) {
        inflateInit(&peer->zlib);
    }
    return status;
}

void peer_close(struct peer *peer) {
    if (peer->fd >= 0) {
        close(peer->fd);
    }
    if (peer->inflating) {
        inflateEnd(&peer->zlib);
    }
    buf_finish(&peer->in);
    buf_finish(&peer->plain);
    *peer = (struct peer){.fd = -1};
}

bool peer_send_frame(struct peer *peer, uint8_t first, const void *bytes, size_t length) {
    static const unsigned char mask[4] = {1, 2, 3, 4};
    struct buf out = {0};
    unsigned char header[8] = {first};
    size_t size = 2;
    if (length < 126) {
        header[1] = (unsigned char)(0x80 | length);
    } else {
        header[1] = 0x80 | 126;
        header[2] = (unsigned char)(length >> 8);
        header[3] = (unsigned char)length;
        size = 4;
    }
    buf_append(&out, header, size);
    buf_append(&out, mask, 4);
    size_t start = out.length;
    buf_append(&out, bytes, length);
    for (size_t i = 0; i < length; i++) {
        out.bytes[start + i] = (char)(out.bytes[start + i] ^ mask[i & 3]);
    }
    bool fine = peer_send_bytes(peer, out.bytes, out.length);
    buf_finish(&out);
    return fine;
}

bool peer_send(struct peer *peer, const char *text) {
    return peer_send_frame(peer, 0x81, text, strlen(text));
}

static bool need(struct peer *peer, size_t length) {
    while (peer->in.length < length) {
        if (!receive(peer->fd, &peer->in)) {
            return false;
        }
    }
    return true;
}

int peer_frame(struct peer *peer, struct buf *payload) {
    buf_clear(payload);
    if (!need(peer, 2)) {
        return PEER_RESET;
    }
    const unsigned char *in = (const unsigned char *)peer->in.bytes;
    int first = in[0];
    uint64_t length = in[1] & 0x7f;
    size_t wide = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (!need(peer, 2 + wide)) {
        return PEER_RESET;
    }
    in = (const unsigned char *)peer->in.bytes;
    for (size_t i = 0; wide > 0 && i < wide; i++) {
        length = (i == 0 ? 0 : length << 8) | in[2 + i];
    }
    if (!need(peer, 2 + wide + length)) {
        return PEER_RESET;
    }
    buf_append(payload, peer->in.bytes + 2 + wide, length);
    buf_consume(&peer->in, 2 + wide + length);
    return first;
}

static bool inflate_into(struct peer *peer, const struct buf *bytes) {
    peer->zlib.next_in = (Bytef *)bytes->bytes;
    peer->zlib.avail_in = (uInt)bytes->length;
    do {
        char out[16384];
        peer->zlib.next_out = (Bytef *)out;
        peer->zlib.avail_out = sizeof(out);
        int result = inflate(&peer->zlib, Z_SYNC_FLUSH);
        if (result != Z_OK && result != Z_BUF_ERROR) {
            return false;
        }
        buf_append(&peer->plain, out, sizeof(out) - peer->zlib.avail_out);
    } while (peer->zlib.avail_out == 0 || peer->zlib.avail_in > 0);
    return true;
}

/* Takes one JSON object off the front of what was inflated. */
static cJSON *take_plain(struct peer *peer) {
    const char *end = NULL;
    if (peer->plain.length == 0) {
        return NULL;
    }
    cJSON *json = cJSON_ParseWithOpts(peer->plain.bytes, &end, 0);
    if (json != NULL) {
        buf_consume(&peer->plain, (size_t)(end - peer->plain.bytes));
    }
    return json;
}

cJSON *peer_next(struct peer *peer) {
    struct buf payload = {0};
    cJSON *json = take_plain(peer);
    while (json == NULL) {
        int first = peer_frame(peer, &payload);
        int opcode = first & 0x0f;
        if (first < 0 || opcode == 8) {
            peer->close_code = first < 0             ? PEER_RESET
                               : payload.length >= 2 ? (unsigned char)payload.bytes[0] << 8 |
                                                           (unsigned char)payload.bytes[1]
                                                     : PEER_CLOSED;
            break;
        }
        if (opcode == 9) {
            peer->pings++;
            continue;
        }
        peer->frames++;
        if (peer->inflating ? !inflate_into(peer, &payload)
                            : !buf_append(&peer->plain, payload.bytes, payload.length)) {
            break;
        }
        json = take_plain(peer);
    }
    buf_finish(&payload);
    return json;
}

cJSON *peer_until(struct peer *peer, int op, const char *name) {
    for (;;) {
        cJSON *json = peer_next(peer);
        if (json == NULL) {
            return NULL;
        }
        const cJSON *t = cJSON_GetObjectItem(json, "t");
        if (cJSON_GetObjectItem(json, "op")->valueint == op &&
            (name == NULL || (cJSON_IsString(t) && strcmp(t->valuestring, name) == 0))) {
            return json;
        }
        cJSON_Delete(json);
    }
}

int peer_end(struct peer *peer) {
    cJSON *json;
    while ((json = peer_next(peer)) != NULL) {
        cJSON_Delete(json);
    }
    return peer->close_code;
}

bool peer_identify(struct peer *peer, const char *token, unsigned shard, unsigned count) {
    char text[300];
    snprintf(text, sizeof(text),
             "{\"op\":2,\"d\":{\"token\":\"%s\",\"intents\":53608447,\"shard\":[%u,%u],"
             "\"properties\":{\"os\":\"linux\",\"browser\":\"test\",\"device\":\"test\"}}}",
             token, shard, count);
    return peer_send(peer, text);
}

bool peer_resume(struct peer *peer, const char *token, const char *session, uint64_t seq) {
    char text[300];
    snprintf(text, sizeof(text),
             "{\"op\":6,\"d\":{\"token\":\"%s\",\"session_id\":\"%s\",\"seq\":%" PRIu64 "}}", token,
             session, seq);
    return peer_send(peer, text);
}

int peer_http(uint16_t port, const char *method, const char *path, const char *token,
              const char *body, struct buf *answer) {
    struct buf request = {0};
    struct buf whole = {0};
    int fd = dial(port);
    if (fd < 0) {
        return 0;
    }
    buf_printf(&request, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", method,
               path);
    if (token != NULL) {
        buf_printf(&request, "Authorization: Bot %s\r\n", token);
    }
    buf_printf(&request, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    send(fd, request.bytes, request.length, MSG_NOSIGNAL);
    while (receive(fd, &whole)) {
    }
    close(fd);
    int status = whole.length > 12 ? (int)strtol(whole.bytes + 9, NULL, 10) : 0;
    const char *start = whole.length > 0 ? strstr(whole.bytes, "\r\n\r\n") : NULL;
    if (start != NULL) {
        buf_text(answer, start + 4);
    }
    buf_finish(&request);
    buf_finish(&whole);
    return status;
}
