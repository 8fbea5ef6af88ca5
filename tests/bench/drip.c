/* tests/bench/drip.c: a gateway that sends events evenly, each with the time at which it was
 * written.
 *
 * usage: bench_drip CERT KEY
 *
 * Prints its port; https and wss on the same one, no compression. The first client that identifies
 * is told what stdin says, line by line:
 *
 *   pace RATE COUNT     COUNT events, RATE a second; 0: as fast as they are taken
 *   hold MS             one event whose handler is to keep the worker for so long
 *   report WORD         one event that asks the handler what it saw; its word
 *
 * After each it prints "done FIRST_NS LAST_NS", when it wrote the first and the last byte
 * (monotonic). An event that is late goes out at once, with the others that are, in one write.
 * Other clients are kept connected and hear nothing. The end of stdin ends it. */
#include "calls.h"
#include "gate.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

enum { WRITE_BYTES = 64 * 1024, EVENT_BYTES = 2048, PAD_BYTES = 700 };

/* Of the one client that hears something. */
static struct {
    uint64_t seq;
    uint8_t bytes[WRITE_BYTES + EVENT_BYTES];
    size_t length;
    char pad[PAD_BYTES + 1];
} out;
static atomic_bool taken;

/* Puts a message into the write. d: its content. */
static void put(const char *type, const char *d) {
    char text[EVENT_BYTES];
    int length = snprintf(text, sizeof(text), "{\"t\":\"%s\",\"s\":%" PRIu64 ",\"op\":0,\"d\":%s}",
                          type, ++out.seq, d);
    out.length += gate_frame_head(out.bytes + out.length, true, (size_t)length);
    memcpy(out.bytes + out.length, text, (size_t)length);
    out.length += (size_t)length;
}

static bool flush(SSL *tls) {
    size_t length = out.length;
    out.length = 0;
    return gate_send(tls, out.bytes, length);
}

/* About 1 KB, as a message of a person's in a guild has. */
static void put_event(uint64_t now_ns) {
    char d[EVENT_BYTES - 100];
    (void)snprintf(d, sizeof(d),
                   "{\"sent_ns\":%" PRIu64 ",\"id\":\"%" PRIu64
                   "\",\"channel_id\":\"910000000000000001\",\"guild_id\":\"900000000000000001\","
                   "\"author\":{\"id\":\"700000000000000001\",\"username\":\"somebody\","
                   "\"discriminator\":\"0\"},\"type\":0,\"content\":\"%s\"}",
                   now_ns, UINT64_C(1236000000000000000) + out.seq, out.pad);
    put("MESSAGE_CREATE", d);
}

static void sleep_until(uint64_t at_ns) {
    struct timespec at = {(time_t)(at_ns / 1000000000), (long)(at_ns % 1000000000)};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static bool pace(SSL *tls, uint64_t rate, uint64_t count) {
    uint64_t from_ns = bench_now_ns();
    for (uint64_t sent = 0; sent < count;) {
        uint64_t now_ns = bench_now_ns();
        uint64_t due = rate == 0 ? count : (now_ns - from_ns) * rate / 1000000000 + 1;
        if (sent >= due) {
            sleep_until(from_ns + (sent * 1000000000 + rate - 1) / rate);
            continue;
        }
        for (; sent < due && sent < count && out.length < WRITE_BYTES; sent++) {
            put_event(now_ns);
        }
        if (!flush(tls)) {
            return false;
        }
    }
    return true;
}

/* False: it made no sense, or the client is gone. */
static bool obey(SSL *tls, const char *line) {
    uint64_t rate;
    uint64_t count;
    char word[32];
    char d[128];
    if (sscanf(line, "pace %" SCNu64 " %" SCNu64, &rate, &count) == 2) {
        return pace(tls, rate, count);
    }
    if (sscanf(line, "hold %" SCNu64, &count) == 1) {
        (void)snprintf(d, sizeof(d), "{\"id\":\"1\",\"hold_ms\":%" PRIu64 "}", count);
    } else if (sscanf(line, "report %31s", word) == 1) {
        (void)snprintf(d, sizeof(d), "{\"id\":\"1\",\"report\":\"%s\"}", word);
    } else {
        return false;
    }
    put("MESSAGE_CREATE", d);
    return flush(tls);
}

static bool say(SSL *tls, const char *text) {
    uint8_t bytes[GATE_FRAME_HEAD_MAX + EVENT_BYTES];
    size_t head = gate_frame_head(bytes, true, strlen(text));
    memcpy(bytes + head, text, strlen(text));
    return gate_send(tls, bytes, head + strlen(text));
}

static void talk(void *arg, SSL *tls) {
    char line[64];
    if (!say(tls, "{\"t\":null,\"s\":null,\"op\":10,\"d\":{\"heartbeat_interval\":3600000}}") ||
        !gate_await_op(tls, 2) ||
        !say(tls, "{\"t\":\"READY\",\"s\":1,\"op\":0,\"d\":{\"v\":10,\"user\":{\"id\":"
                  "\"900000000000000001\",\"username\":\"bench\"},\"session_id\":\"bench\","
                  "\"guilds\":[],\"application\":{\"id\":\"900000000000000001\",\"flags\":0},"
                  "\"shard\":[0,1]}}")) {
        return;
    }
    if (atomic_exchange(&taken, true)) {
        (void)gate_await_op(tls, -1); /* until it goes */
        return;
    }
    out.seq = 1;
    (void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); /* this thread's sleeps end when they are over */
    (void)puts("ready");
    (void)fflush(stdout);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        uint64_t from_ns = bench_now_ns();
        if (!obey(tls, line)) {
            gate_give_up("the client is gone, or that is no order");
        }
        (void)printf("done %" PRIu64 " %" PRIu64 "\n", from_ns, bench_now_ns());
        (void)fflush(stdout);
    }
    exit(0);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        gate_give_up("usage: bench_drip CERT KEY");
    }
    memset(out.pad, 'x', PAD_BYTES);
    gate_serve(argv[1], argv[2], talk, NULL);
}
