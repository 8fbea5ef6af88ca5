/* tests/unit/shard_restart.c: what a shard remembers of its session between a stop and a start. */
#include "base/loop.h"
#include "gateway/connection.h"
#include "gateway/shard.h"
#include "gateway/shard_inside.h"
#include "ring/reader.h"

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void ignore_state(void *arg, unsigned shard, const char *word, const char *why) {
}
static void ignore_session(void *arg, unsigned shard, const char *session_id, const char *url) {
}
static void ignore_seq(void *arg, unsigned shard, uint64_t seq) {
}
static void ignore(void *arg, unsigned shard) {
}
static void ignore_fatal(void *arg, unsigned shard, unsigned code, const char *what,
                         const char *advice) {
}
static void count_stop(void *arg, unsigned shard) {
    unsigned *stops = arg;
    (*stops)++;
}

static const struct shard_callbacks callbacks = {
    .state_changed = ignore_state,
    .save_session = ignore_session,
    .seq_published = ignore_seq,
    .session_lost = ignore,
    .need_url = ignore,
    .fatal = ignore_fatal,
    .budget_changed = ignore,
    .stopped = count_stop,
};

/* Starts a shard with a saved session against a port where nobody listens, stops it in this way
 * while it connects, starts it again. Returns whether it still has the session. */
static bool has_session_after(bool final) {
    struct err err = {0};
    char directory[] = "/tmp/drey-shard-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/events.ring", directory);
    struct ring_options ring_options = {path, "bot", 1 << 20, 256 << 10};
    struct ring_recovery recovery;
    struct ring *ring = ring_open(&ring_options, &recovery, &err);
    struct loop *loop = loop_create(&err);
    struct network *network = network_create(loop, NULL, &err);
    struct identify_gate *gate = identify_gate_create(network, 1, &err);
    unsigned stops = 0;
    struct shard_saved saved = {"session", "ws://127.0.0.1:1/", 42};
    struct shard_options options = {.bot = "bot",
                                    .count = 1,
                                    .token = "token",
                                    .ring = ring,
                                    .network = network,
                                    .gate = gate,
                                    .saved = &saved,
                                    .callbacks = &callbacks,
                                    .arg = &stops};
    struct shard *shard = shard_create(&options, &err);
    assert_non_null(shard);
    shard_start(shard, "ws://127.0.0.1:1/");
    assert_true(shard_session(shard, &saved));
    shard_stop(shard, final);
    assert_int_equal(stops, 1);
    shard_start(shard, "ws://127.0.0.1:1/");
    bool has = shard_session(shard, &saved);
    assert_true(!has || saved.seq == 42);
    shard_destroy(shard);
    identify_gate_destroy(gate);
    network_destroy(network);
    loop_destroy(loop);
    ring_close(ring);
    unlink(path);
    rmdir(directory);
    return has;
}

static void final_stop_forgets_the_session(void **state) {
    assert_false(has_session_after(true));
}

static void resumable_stop_keeps_the_session(void **state) {
    assert_true(has_session_after(false));
}

static void stop_loop(void *arg) {
    loop_stop(arg);
}

/* When the last shard of a bot publishes and the bot is armed anew in the same turn of the loop,
 * its plugins stay and must hear of it. */
static void a_ring_that_is_forgotten_wakes_its_readers_first(void **state) {
    struct err err = {0};
    char directory[] = "/tmp/drey-shard-XXXXXX";
    char path[64];
    bool known;
    bool lapped;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/events.ring", directory);
    struct ring_options options = {path, "bot", 1 << 20, 256 << 10};
    struct ring_recovery recovery;
    struct ring *ring = ring_open(&options, &recovery, &err);
    struct cursor *cursor = cursor_open(NULL, ring, &known, &lapped, &err);
    assert_true(ring_attach(ring, cursor, false, &err));
    struct reader *reader =
        reader_open(ring_fd(ring), cursor_fd(cursor), cursor_wake_fd(cursor), &err);
    struct loop *loop = loop_create(&err);
    struct network *network = network_create(loop, NULL, &err);
    reader_awake(reader);
    assert_true(reader_sleep(reader));
    assert_true(ring_publish_gap(ring, RING_GAP_SESSION, 0, 1, 2));
    network_wake_later(network, ring);
    network_forget_ring(network, ring);
    struct pollfd wake = {reader_wake_fd(reader), POLLIN, 0};
    assert_int_equal(poll(&wake, 1, 0), 1);
    network_destroy(network);
    loop_destroy(loop);
    reader_close(reader);
    ring_detach(ring, cursor);
    cursor_close(cursor);
    ring_close(ring);
    unlink(path);
    rmdir(directory);
}

/* A socket that listens and never answers. *port: where. */
static int listen_mute(unsigned *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void never(void *arg) {
    fail();
}
static void never_message(void *arg, const uint8_t *bytes, size_t length, unsigned flags) {
    fail();
}
static void never_gone(void *arg, const struct connection_end *end) {
    fail();
}

/* Under LeakSanitizer this also says that the library gave everything back. */
static void dropped_connections_end_without_a_word(void **state) {
    static const struct connection_callbacks silent = {never, never_message, never_gone};
    struct err err = {0};
    unsigned port;
    int fd = listen_mute(&port);
    char text[64];
    struct gateway_url url;
    snprintf(text, sizeof(text), "ws://127.0.0.1:%u", port);
    assert_true(gateway_url_parse(text, COMPRESS_NONE, &url, &err));
    struct loop *loop = loop_create(&err);
    struct connection_host *host = connection_host_create(loop, &err);
    struct connection *connections[5];
    for (size_t i = 0; i < 5; i++) {
        connections[i] = connection_open(host, &url, NULL, &silent, NULL, &err);
        assert_non_null(connections[i]);
    }
    struct loop_timer *timer = loop_timer_create(loop, stop_loop, loop);
    loop_timer_start(timer, 30);
    loop_run(loop);
    loop_timer_destroy(timer);
    for (size_t i = 0; i < 5; i++) {
        connection_drop(connections[i]);
    }
    connection_host_destroy(host);
    loop_destroy(loop);
    close(fd);
}

static void count_lost(void *arg, unsigned shard) {
    unsigned *lost = arg;
    (*lost)++;
}

/* Killed in between, the next start must still know of the session, or its gap is never told. */
static void a_session_is_lost_only_when_its_gap_is_in_the_ring(void **state) {
    struct shard_callbacks counting = callbacks;
    counting.session_lost = count_lost;
    struct err err = {0};
    char directory[] = "/tmp/drey-shard-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/events.ring", directory);
    struct ring_options ring_options = {path, "bot", 64 << 10, 4 << 10};
    struct ring_recovery recovery;
    struct ring *ring = ring_open(&ring_options, &recovery, &err);
    bool known;
    bool lapped;
    struct cursor *slow = cursor_open(NULL, ring, &known, &lapped, &err);
    assert_true(ring_attach(ring, slow, true, &err));
    while (ring_publish_gap(ring, RING_GAP_SESSION, 7, 1, 1)) {
        /* until it is full */
    }
    uint64_t full = ring_head(ring);
    struct loop *loop = loop_create(&err);
    struct network *network = network_create(loop, NULL, &err);
    struct identify_gate *gate = identify_gate_create(network, 1, &err);
    unsigned lost = 0;
    struct shard_options options = {.bot = "bot",
                                    .count = 1,
                                    .token = "token",
                                    .ring = ring,
                                    .network = network,
                                    .gate = gate,
                                    .callbacks = &counting,
                                    .arg = &lost};
    struct shard *shard = shard_create(&options, &err);
    shard_perform(shard, &(struct session_action){.kind = SESSION_LOST, .value = 42});
    assert_int_equal(lost, 0);
    assert_int_equal(ring_head(ring), full);
    ring_detach(ring, slow);
    shard_publish_gap(shard);
    assert_int_equal(lost, 1);
    assert_true(ring_head(ring) > full);
    shard_destroy(shard);

    options.lost_from = 43; /* given up before it began */
    shard = shard_create(&options, &err);
    assert_int_equal(lost, 1);
    shard_start(shard, "ws://127.0.0.1:1/");
    assert_int_equal(lost, 2);
    shard_destroy(shard);
    cursor_close(slow);
    identify_gate_destroy(gate);
    network_destroy(network);
    loop_destroy(loop);
    ring_close(ring);
    unlink(path);
    rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_that_is_forgotten_wakes_its_readers_first),
        cmocka_unit_test(final_stop_forgets_the_session),
        cmocka_unit_test(resumable_stop_keeps_the_session),
        cmocka_unit_test(a_session_is_lost_only_when_its_gap_is_in_the_ring),
        cmocka_unit_test(dropped_connections_end_without_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
