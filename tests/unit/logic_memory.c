/* tests/unit/logic_memory.c: every allocation of the logic rooms fails in turn. Nothing crashes
 * or leaks, what failed says so, and the next try works. */
#include "failing.h"

#include "gateway/command.h"
#include "gateway/inflate.h"
#include "gateway/intake.h"
#include "gateway/outbox.h"
#include "plugin/arena.h"
#include "plugin/path.h"
#include "plugin/template.h"
#include "plugin/timers.h"
#include "plugin/tombs.h"
#include "ring/ring.h"

#include <unistd.h>

/* ---- gateway ---- */

static bool try_commands(void *arg) {
    struct buf out = {0};
    struct identify_command identify = {.token = "tok\"en",
                                        .shard = 1,
                                        .count = 2,
                                        .intents = 513,
                                        .presence_json = "{\"status\":\"online\"}"};
    bool ok = command_heartbeat(&out, 42) && strcmp(out.bytes, "{\"op\":1,\"d\":42}") == 0;
    ok = ok && command_identify(&out, &identify) && strstr(out.bytes, "\"online\"}}}") != NULL;
    ok = ok && command_resume(&out, "token", "session", 7) && strstr(out.bytes, ":7}}") != NULL;
    buf_finish(&out);
    return ok;
}

static void commands_are_whole_or_refused(void **state) {
    assert_true(each_fails(try_commands, NULL) >= 2);
}

static bool try_inflate(void *arg) {
    struct err err = {0};
    for (int kind = COMPRESS_NONE; kind <= COMPRESS_PAYLOAD; kind++) {
        struct inflate *inflate = inflate_create((enum compress)kind, &err);
        if (inflate == NULL) {
            assert_int_equal(err.code, ERR_NO_MEMORY);
            return false;
        }
        inflate_destroy(inflate);
    }
    return true;
}

static void a_stream_without_memory_says_so(void **state) {
    assert_int_equal(each_fails(try_inflate, NULL), 4);
}

/* What was queued leaves the outbox once and whole, however often memory is short meanwhile. */
static void nothing_queued_is_lost_for_want_of_memory(void **state) {
    for (long count = 0, done = 0; done == 0; count++) {
        struct outbox outbox = {0};
        struct buf out = {0};
        struct err err = {0};
        failing_left = count;
        bool presence = outbox_presence(&outbox, "{\"status\":\"idle\"}", true, &err);
        bool first = outbox_add(&outbox, 4, 1, "{\"guild_id\":\"1\"}", &err);
        bool second = outbox_add(&outbox, 8, 0, "{\"guild_id\":\"2\"}", &err);
        bool again = outbox_add(&outbox, 4, 1, "{\"guild_id\":\"3\"}", &err);
        assert_true((presence && first && second && again) || err.code == ERR_NO_MEMORY);
        size_t want = (size_t)presence + (first || again) + second;
        size_t sent = 0;
        for (int tries = 0; outbox_waiting(&outbox) && tries < 10; tries++) {
            sent += outbox_take(&outbox, 1, &out);
        }
        done = failing_left >= 0;
        failing_left = -1;
        assert_false(outbox_waiting(&outbox));
        assert_int_equal(sent, want);
        assert_int_equal(outbox.count, 0);
        outbox_finish(&outbox);
        buf_finish(&out);
    }
}

struct intake_try {
    struct ring *ring;
    size_t taken;
    bool blocked;
};

static enum intake_verdict on_message(void *arg, uint8_t *bytes, const struct envelope *envelope,
                                      bool in_ring) {
    struct intake_try *try = arg;
    if (try->blocked) {
        return INTAKE_NO_ROOM;
    }
    try->taken++;
    return INTAKE_TAKEN;
}

/* A message in pieces, two in one, and one that waits for room: all the ways to memory. */
static bool try_intake(void *arg) {
    static const char text[] = "{\"op\":0,\"s\":1,\"d\":{}}";
    struct intake_try *try = arg;
    struct err err = {0};
    struct intake *intake = intake_create(COMPRESS_NONE, try->ring, on_message, try, &err);
    if (intake == NULL) {
        assert_int_equal(err.code, ERR_NO_MEMORY);
        return false;
    }
    const uint8_t *bytes = (const uint8_t *)text;
    size_t length = sizeof(text) - 1;
    try->taken = 0;
    try->blocked = false;
    bool ok = intake_feed(intake, bytes, 5, true, false, true, &err) == INTAKE_FINE &&
              intake_feed(intake, bytes + 5, length - 5, false, true, true, &err) == INTAKE_FINE;
    try->blocked = true;
    ok = ok && intake_feed(intake, bytes, length, true, true, true, &err) == INTAKE_STALLED &&
         intake_feed(intake, bytes, length, true, true, true, &err) == INTAKE_STALLED;
    try->blocked = false;
    ok = ok && intake_retry(intake, &err) == INTAKE_FINE;
    if (ok) {
        assert_int_equal(try->taken, 3);
    } else {
        assert_int_equal(err.code, ERR_NO_MEMORY);
    }
    intake_destroy(intake);
    return ok;
}

static void an_intake_without_memory_breaks_and_says_so(void **state) {
    char path[] = "/tmp/drey-memory-XXXXXX";
    struct err err = {0};
    struct ring_recovery recovery;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    struct ring_options options = {path, "main", 64 * 1024, 4096};
    struct intake_try try = {.ring = ring_open(&options, &recovery, &err)};
    assert_non_null(try.ring);
    assert_true(each_fails(try_intake, &try) >= 4);
    ring_close(try.ring);
    unlink(path);
}

/* ---- plugin ---- */

__attribute__((format(printf, 3, 4))) static bool write_it(struct buf *out, struct err *err,
                                                           const char *format, ...) {
    va_list args;
    va_start(args, format);
    bool ok = template_write(out, err, format, args);
    va_end(args);
    return ok;
}

static bool try_template(void *arg) {
    struct buf out = {0};
    struct err err = {0};
    char text[200];
    memset(text, '"', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    bool ok = write_it(&out, &err, "{'a':%s,'b':[%d,%g,%i,'%lu']}", text, 1, 2.5, 1, 7ul);
    assert_true(ok ? path_valid(out.bytes, out.length, &(size_t){0}) : err.code == ERR_NO_MEMORY);
    buf_finish(&out);
    return ok;
}

static void a_template_is_written_whole_or_refused(void **state) {
    assert_true(each_fails(try_template, NULL) >= 3);
}

static bool try_timers(void *arg) {
    struct timers timers = {0};
    struct tombs tombs = {0};
    bool ok = true;
    for (uint64_t i = 0; i < 40; i++) {
        ok = timers_set(&timers, "tick", i, 0, i, 10) && ok;
        ok = tombs_add(&tombs, "tick", i) && ok;
    }
    uint64_t due = 0;
    while (timers_take(&timers, 5) != NULL) {
        due++;
    }
    assert_true(due == 6 || !ok);
    timers_finish(&timers);
    tombs_finish(&tombs);
    return ok;
}

static void timers_are_set_or_refused(void **state) {
    assert_true(each_fails(try_timers, NULL) >= 4);
}

static bool try_arena(void *arg) {
    struct arena arena = {0};
    bool ok = true;
    for (size_t bytes = 10; bytes < 1 << 20; bytes *= 8) {
        char *taken = arena_take(&arena, bytes);
        if (taken != NULL) {
            memset(taken, 1, bytes);
            arena_shrink(&arena, taken, bytes / 2);
        }
        ok = ok && taken != NULL;
    }
    arena_reset(&arena);
    ok = arena_take(&arena, 100) != NULL && ok;
    arena_finish(&arena);
    return ok;
}

static void an_arena_without_memory_gives_none(void **state) {
    assert_true(each_fails(try_arena, NULL) >= 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_whole_or_refused),
        cmocka_unit_test(a_stream_without_memory_says_so),
        cmocka_unit_test(nothing_queued_is_lost_for_want_of_memory),
        cmocka_unit_test(an_intake_without_memory_breaks_and_says_so),
        cmocka_unit_test(a_template_is_written_whole_or_refused),
        cmocka_unit_test(timers_are_set_or_refused),
        cmocka_unit_test(an_arena_without_memory_gives_none),
    };
    return cmocka_run_group_tests_name("logic_memory", tests, NULL, NULL);
}
