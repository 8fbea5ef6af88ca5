/* tests/unit/base.c: errors, text, buffers, the log's lines and the loop. */
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void error_keeps_the_context_of_every_floor(void **state) {
    struct err err = {0};
    assert_false(err_set(&err, ERR_INVALID, "bad byte at %d", 3));
    assert_false(err_prefix(&err, "plugin %s", "ping.so"));
    assert_string_equal(err.text, "plugin ping.so: bad byte at 3");
    assert_int_equal(err.code, ERR_INVALID);
    assert_false(err_set(NULL, ERR_INVALID, "nobody listens"));
}

static void sizes_and_durations_know_their_units(void **state) {
    uint64_t value = 0;
    assert_true(text_bytes("32 MiB", &value));
    assert_int_equal(value, 32u << 20);
    assert_true(text_bytes("64K", &value));
    assert_int_equal(value, 65536);
    assert_false(text_bytes("32 MB", &value));
    assert_false(text_bytes("-1", &value));
    assert_false(text_bytes("99999999999999999999", &value));
    assert_false(text_bytes("18446744073709551615G", &value));
    assert_true(text_duration_ms("20s", &value));
    assert_int_equal(value, 20000);
    assert_false(text_duration_ms("20", &value));
}

static void nearest_word_forgives_a_slip_only(void **state) {
    static const char *const keys[] = {"intents", "shards", "token"};
    assert_string_equal(text_nearest("intent", keys, 3), "intents");
    assert_string_equal(text_nearest("shrads", keys, 3), "shards");
    assert_null(text_nearest("colour", keys, 3));
}

static void utf8_is_judged_as_unicode_says(void **state) {
    assert_true(text_utf8_valid("gr\xc3\xbc\xc3\x9f", 6));
    assert_false(text_utf8_valid("\xc0\x80", 2));
    assert_false(text_utf8_valid("\xed\xa0\x80", 3));
    assert_false(text_utf8_valid("\xf4\x90\x80\x80", 4));
    assert_false(text_utf8_valid("\xe2\x82", 2));
}

static void crc32c_has_the_published_value(void **state) {
    assert_int_equal(text_crc32c(0, "123456789", 9), 0xe3069283u);
    uint32_t half = text_crc32c(0, "1234", 4);
    assert_int_equal(text_crc32c(half, "56789", 5), 0xe3069283u);
}

static void json_text_is_escaped(void **state) {
    struct buf buf = {0};
    assert_true(buf_json_text(&buf, "a\"\\\n\x01\xff", 6));
    assert_string_equal(buf.bytes, "a\\\"\\\\\\n\\u0001\xef\xbf\xbd");
    buf_finish(&buf);
}

static void log_lines_stay_lines(void **state) {
    char line[200];
    struct log_from from = {.bot = "main", .shard = 1, .plugin = "ping"};
    log_render(line, sizeof(line), LOG_FORMAT_JSON, false, LOG_WARN, &from, 0, "a\n\"b\"");
    assert_string_equal(line, "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"warn\","
                              "\"bot\":\"main\",\"shard\":1,\"plugin\":\"ping\","
                              "\"text\":\"a\\n\\\"b\\\"\"}");
    log_render(line, sizeof(line), LOG_FORMAT_JOURNALD, false, LOG_INFO, &from, 0, "up");
    assert_string_equal(line, "<6>info  main/1 [ping] up");
}

struct seen {
    struct loop *loop;
    struct loop_timer *timer;
    int posted;
    int fired;
    char address[64];
};

static void count_post(void *arg) {
    ((struct seen *)arg)->posted++;
}

static void end_loop(void *arg) {
    struct seen *seen = arg;
    seen->fired++;
    loop_timer_destroy(seen->timer);
    loop_stop(seen->loop);
}

static void found(void *arg, const char *address, const struct err *err) {
    struct seen *seen = arg;
    text_copy(seen->address, sizeof(seen->address), address != NULL ? address : err->text);
    seen->timer = loop_timer_create(seen->loop, end_loop, seen);
    loop_timer_start(seen->timer, 1);
}

static void loop_runs_posts_timers_and_lookups(void **state) {
    struct err err = {0};
    struct seen seen = {.loop = loop_create(&err)};
    assert_non_null(seen.loop);
    assert_true(loop_post(seen.loop, count_post, &seen));
    assert_true(loop_post(seen.loop, count_post, &seen));
    assert_non_null(loop_lookup_start(seen.loop, "127.0.0.1", found, &seen, &err));
    loop_run(seen.loop);
    assert_int_equal(seen.posted, 2);
    assert_int_equal(seen.fired, 1);
    assert_string_equal(seen.address, "127.0.0.1");
    loop_destroy(seen.loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_keeps_the_context_of_every_floor),
        cmocka_unit_test(sizes_and_durations_know_their_units),
        cmocka_unit_test(nearest_word_forgives_a_slip_only),
        cmocka_unit_test(utf8_is_judged_as_unicode_says),
        cmocka_unit_test(crc32c_has_the_published_value),
        cmocka_unit_test(json_text_is_escaped),
        cmocka_unit_test(log_lines_stay_lines),
        cmocka_unit_test(loop_runs_posts_timers_and_lookups),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
