/* tests/bench/sip.c: the floor of the gateway's benchmark: TLS, WebSocket frames, decompression,
 * and nothing else: what a client cannot do without. It looks at no message but to tell op 1.
 *
 * usage: bench_sip URL CA COMPRESS LAST
 *
 * URL: https://localhost:PORT/...; LAST: how many messages there will be: then it prints "saw
 * LAST".
 */
#include "calls.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zlib.h>
#include <zstd.h>

enum { READ_BYTES = 16 * 1024 + 64, OUT_BYTES = 4 << 20, SEND_MAX = 110 };

struct sip {
    SSL *tls;
    const char *compress;
    z_stream inflate;
    ZSTD_DCtx *zstd;
    uint8_t *in; /* undigested bytes */
    size_t length;
    size_t capacity;
    char *out;
    uint64_t events;
    uint64_t last;
};

static void give_up(const char *what) {
    (void)fprintf(stderr, "sip: %s\n", what);
    exit(1);
}

static void say(struct sip *sip, const char *text) {
    uint8_t frame[6 + SEND_MAX] = {0x81};
    size_t length = strlen(text);
    frame[1] = (uint8_t)(0x80 | length); /* masked with zeroes, which is allowed */
    memcpy(frame + 6, text, length);
    if (SSL_write(sip->tls, frame, (int)(6 + length)) <= 0) {
        give_up("cannot send");
    }
}

static size_t expand(struct sip *sip, const uint8_t *bytes, size_t length, const char **text) {
    *text = sip->out;
    if (sip->zstd != NULL) {
        ZSTD_inBuffer in = {bytes, length, 0};
        ZSTD_outBuffer out = {sip->out, OUT_BYTES, 0};
        while (in.pos < in.size) {
            if (ZSTD_isError(ZSTD_decompressStream(sip->zstd, &out, &in))) {
                give_up("zstd");
            }
        }
        return out.pos;
    }
    if (sip->compress[0] == 'n') {
        *text = (const char *)bytes;
        return length;
    }
    sip->inflate.next_in = (Bytef *)(uintptr_t)bytes;
    sip->inflate.avail_in = (uInt)length;
    sip->inflate.next_out = (Bytef *)sip->out;
    sip->inflate.avail_out = OUT_BYTES;
    if (inflate(&sip->inflate, Z_SYNC_FLUSH) != Z_OK) {
        give_up("zlib");
    }
    return OUT_BYTES - sip->inflate.avail_out;
}

static void take(struct sip *sip, const uint8_t *bytes, size_t length) {
    const char *text;
    size_t size = expand(sip, bytes, length, &text);
    if (size < 200 && memmem(text, size, "\"op\":10", 7) != NULL) {
        say(sip, "{\"op\":2,\"d\":{\"token\":\"bench\",\"intents\":1,\"properties\":{}}}");
    } else if (size < 200 && memmem(text, size, "\"op\":1,", 7) != NULL) {
        if (sip->events == sip->last) {
            (void)printf("saw %" PRIu64 "\n", sip->events);
            (void)fflush(stdout);
        }
        say(sip, "{\"op\":1,\"d\":1}");
    } else {
        sip->events++;
    }
}

/* How many of the bytes were whole messages. */
static size_t take_frames(struct sip *sip) {
    size_t used = 0;
    for (;;) {
        const uint8_t *at = sip->in + used;
        size_t left = sip->length - used;
        if (left < 2) {
            return used;
        }
        uint64_t length = at[1] & 0x7f;
        size_t more = length < 126 ? 0 : length == 126 ? 2 : 8;
        if (left < 2 + more) {
            return used;
        }
        for (size_t i = 0; i < more; i++) {
            length = (i == 0 ? 0 : length << 8) | at[2 + i];
        }
        if (left - 2 - more < length) {
            return used;
        }
        take(sip, at + 2 + more, length);
        used += 2 + more + length;
    }
}

static void connect_to(struct sip *sip, int port, const char *ca) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char text[512];
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_load_verify_locations(context, ca, NULL) != 1 ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        give_up("cannot connect");
    }
    sip->tls = SSL_new(context);
    if (SSL_set1_host(sip->tls, "localhost") != 1 || SSL_set_fd(sip->tls, fd) != 1 ||
        SSL_connect(sip->tls) != 1) {
        give_up("TLS");
    }
    (void)snprintf(text, sizeof(text),
                   "GET /?v=10&encoding=json&compress=%s HTTP/1.1\r\nHost: localhost\r\nUpgrade: "
                   "websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                   sip->compress);
    size_t length = 0;
    if (SSL_write(sip->tls, text, (int)strlen(text)) <= 0) {
        give_up("cannot send");
    }
    for (const char *end = ""; strcmp(end, "\r\n\r\n") != 0;) { /* a byte at a time, once */
        if (length + 1 >= sizeof(text) || SSL_read(sip->tls, text + length, 1) != 1) {
            give_up("no upgrade");
        }
        text[++length] = '\0';
        end = length >= 4 ? text + length - 4 : "";
    }
}

int main(int argc, char **argv) {
    static struct sip sip;
    const char *colon = argc == 5 ? strrchr(argv[1], ':') : NULL;
    if (colon == NULL) {
        give_up("usage: bench_sip URL CA COMPRESS LAST");
    }
    sip.compress = argv[3];
    sip.last = strtoull(argv[4], NULL, 10);
    sip.out = malloc(OUT_BYTES);
    if (sip.out == NULL || inflateInit(&sip.inflate) != Z_OK) {
        give_up("no memory");
    }
    sip.zstd = strcmp(sip.compress, "zstd-stream") == 0 ? ZSTD_createDCtx() : NULL;
    connect_to(&sip, atoi(colon + 1), argv[2]);
    for (;;) {
        if (sip.capacity - sip.length < READ_BYTES) {
            sip.capacity = sip.capacity * 2 + READ_BYTES;
            sip.in = realloc(sip.in, sip.capacity);
        }
        int got = sip.in != NULL ? SSL_read(sip.tls, sip.in + sip.length, READ_BYTES) : 0;
        if (got <= 0) {
            return 0;
        }
        sip.length += (size_t)got;
        size_t used = take_frames(&sip);
        sip.length -= used;
        memmove(sip.in, sip.in + used, sip.length);
    }
}
