/* tests/unit/base.c: errors, text, buffers, the log's lines and the loop. */
#include "base/base64.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"

#include <cjson/cJSON.h>
#include <pthread.h>
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

static void whole_numbers_with_a_sign_are_read_to_the_last_digit(void **state) {
    int64_t value = 0;
    assert_true(text_i64("-12x", 3, &value));
    assert_int_equal(value, -12);
    assert_true(text_i64("9223372036854775807", 19, &value));
    assert_true(value == INT64_MAX);
    assert_true(text_i64("-9223372036854775808", 20, &value));
    assert_true(value == INT64_MIN);
    assert_false(text_i64("9223372036854775808", 19, &value));
    assert_false(text_i64("-9223372036854775809", 20, &value));
    assert_false(text_i64("99999999999999999999", 20, &value));
    assert_false(text_i64("", 0, &value));
    assert_false(text_i64("-", 1, &value));
    assert_false(text_i64("+1", 2, &value));
}

static void base64_is_what_rfc_4648_has(void **state) {
    static const char *const rows[][2] = {
        {"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
        {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}};
    static const char *const bad[] = {
        "Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "Zm9v=", "Zm 9", "====", "Zg==Zg=="};
    struct buf out = {0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buf_clear(&out);
        assert_true(base64_write(&out, rows[i][0], strlen(rows[i][0])));
        assert_string_equal(out.bytes, rows[i][1]);
        buf_clear(&out);
        assert_true(base64_read(&out, rows[i][1], strlen(rows[i][1])) && buf_text(&out, ""));
        assert_string_equal(out.bytes, rows[i][0]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (base64_read(&out, bad[i], strlen(bad[i]))) {
            fail_msg("%s", bad[i]);
        }
    }
    buf_finish(&out);
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

static void text_of_strangers_is_harmless_on_a_terminal(void **state) {
    static const struct {
        const char *text;
        const char *plain;
    } rows[] = {
        {"", ""},
        {"hello", "hello"},
        {"gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xb3", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xb3"},
        {"\x1b[2J\x1b]0;t\x07", "?[2J?]0;t?"}, /* ESC and BEL */
        {"a\nb\tc\rd", "a b c d"},             /* still one line */
        {"a\x7f\x08", "a??"},                  /* DEL, backspace */
        {"\xc2\x9b"
         "31m",
         "?31m"}, /* C1: CSI in one character */
        {"\xc2\x80\xc2\x9f\xc2\xa0", "??\xc2\xa0"},
        {"\x9b"
         "31m",
         "?31m"},                             /* the same as a bare byte */
        {"\xe2\x80\xaegpj.exe", "?gpj.exe"},  /* right-to-left override */
        {"\xe2\x81\xa6x\xe2\x81\xa9", "?x?"}, /* isolates */
        {"\xe2\x80\x8f\xd8\x9c", "??"},       /* marks */
        {"\xe2\x80\xa8\xe2\x80\xa9", "??"},   /* line and paragraph separators */
        {"\xef\xbb\xbfx", "?x"},              /* byte order mark */
        {"\xf3\xa0\x81\x81", "?"},            /* a tag */
        {"\xe2\x80\x8d", "\xe2\x80\x8d"},     /* a joiner, of which families are made */
        {"\xc0\x80\xff\xe2\x82", "?????"},    /* malformed, byte by byte */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[64];
        assert_string_equal(text_plain(out, sizeof(out), rows[i].text), rows[i].plain);
    }
}

static void a_long_text_is_cut_between_characters(void **state) {
    char out[8];
    assert_string_equal(text_plain(out, sizeof(out), "1234567"), "1234567");
    assert_string_equal(text_plain(out, sizeof(out), "12345678"), "1234...");
    assert_string_equal(text_plain(out, sizeof(out),
                                   "123\xc3\xbc"
                                   "6789"),
                        "123...");
    assert_string_equal(text_plain(out, 4, "\xf0\x9f\x90\xb3"), "...");
}

static void every_unicode_character_is_shown_or_not_in_one_piece(void **state) {
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        char text[4];
        size_t width = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        for (size_t i = width; i-- > 1;) {
            text[i] = (char)(0x80 | (code >> (6 * (width - 1 - i)) & 0x3f));
        }
        text[0] = (char)(width == 1   ? code
                         : width == 2 ? 0xc0 | code >> 6
                         : width == 3 ? 0xe0 | code >> 12
                                      : 0xf0 | code >> 18);
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        size_t shown = text_shown_width(text, width);
        assert_int_equal(text_utf8_width(text, width), surrogate ? 0 : width);
        assert_true(shown == 0 || shown == width);
        assert_true(surrogate || text_code_point(text, width) == code);
        if (code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x202a && code <= 0x202e)) {
            assert_int_equal(shown, 0);
        }
    }
}

static void json_of_strangers_means_the_same_and_is_one_line(void **state) {
    static const char json[] =
        "{\"a\":\n\t\"\xc2\x9b\xe2\x80\xae\xf3\xa0\x81\x81\xff\x1b\x7f\xc3\xbc\"}";
    struct buf buf = {0};
    assert_true(buf_json_line(&buf, json, sizeof(json) - 1));
    assert_string_equal(buf.bytes, "{\"a\":  \"\\u009b\\u202e\\udb40\\udc41\\ufffd\\u001b"
                                   "\\u007f\xc3\xbc\"}");
    buf_finish(&buf);
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

static void log_lines_move_no_cursor(void **state) {
    char line[600];
    struct log_from from = {.bot = "main", .shard = -1, .plugin = "p\x1b"};
    log_render(line, sizeof(line), LOG_FORMAT_JSON, false, LOG_INFO, &from, 0,
               "\x1b[0m \xc2\x9b \xe2\x80\xae \xf3\xa0\x81\x81 \x9b");
    assert_non_null(strstr(line, "\"plugin\":\"p\\u001b\",\"text\":\"\\u001b[0m \\u009b \\u202e "
                                 "\\udb40\\udc41 \\ufffd\"}"));
    log_render(line, sizeof(line), LOG_FORMAT_JOURNALD, false, LOG_INFO, &from, 0,
               "\x1b[0m \xc2\x9b \xe2\x80\xae \x9b");
    assert_string_equal(line, "<6>info  main [p\\x1b] \\x1b[0m \\u{009b} \\u{202e} \\x9b");
}

/* Whatever the room: what is behind the text is whole, and so is every escape in it. */
static void a_cut_log_line_is_valid_json(void **state) {
    static const char *const texts[] = {"\"\"\"\"\"\"\"\"", "\x1b\x1b\x1b\x1b",
                                        "\xc2\x9b\xc2\x9b\xc2\x9b",
                                        "\xf0\x9f\x90\xb3\xf0\x9f\x90\xb3", "\\\\\\\\\\"};
    for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
        char whole[128];
        size_t most =
            log_render(whole, sizeof(whole), LOG_FORMAT_JSON, false, LOG_INFO, NULL, 0, texts[t]);
        size_t least =
            log_render(whole, sizeof(whole), LOG_FORMAT_JSON, false, LOG_INFO, NULL, 0, "");
        for (size_t size = least + 1; size <= most + 1; size++) {
            char line[128];
            size_t used =
                log_render(line, size, LOG_FORMAT_JSON, false, LOG_INFO, NULL, 0, texts[t]);
            assert_true(used == strlen(line) && used < size);
            cJSON *json = cJSON_ParseWithOpts(line, NULL, true);
            const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "text"));
            assert_non_null(text);
            assert_memory_equal(text, texts[t], strlen(text));
            cJSON_Delete(json);
        }
    }
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

static void a_destroyed_loop_drops_what_was_posted(void **state) {
    struct err err = {0};
    struct seen seen = {.loop = loop_create(&err)};
    assert_true(loop_post(seen.loop, count_post, &seen));
    loop_destroy(seen.loop);
    assert_int_equal(seen.posted, 0);
}

static void *run_loop(void *arg) {
    loop_run(arg);
    return NULL;
}

static void a_call_returns_after_it_ran_elsewhere(void **state) {
    struct err err = {0};
    struct seen seen = {.loop = loop_create(&err)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_loop, seen.loop), 0);
    for (int i = 1; i <= 100; i++) {
        assert_true(loop_call(seen.loop, count_post, &seen));
        assert_int_equal(seen.posted, i);
    }
    loop_stop(seen.loop);
    pthread_join(thread, NULL);
    loop_destroy(seen.loop);
}

static void only_this_machine_is_loopback(void **state) {
    static const struct {
        const char *host;
        bool is;
    } rows[] = {
        {"localhost", true},      {"LocalHost", true},   {"::1", true},
        {"127.0.0.1", true},      {"127.8.9.1", true},   {"127.evil.com", false},
        {"127.0.0.1.com", false}, {"localhost.", false}, {"localhost.evil.com", false},
        {"10.0.0.1", false},      {"", false},           {"::2", false},
        {"127.0.0", false},       {"127..0.1", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(text_is_loopback(rows[i].host, strlen(rows[i].host)), rows[i].is);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_this_machine_is_loopback),
        cmocka_unit_test(error_keeps_the_context_of_every_floor),
        cmocka_unit_test(sizes_and_durations_know_their_units),
        cmocka_unit_test(whole_numbers_with_a_sign_are_read_to_the_last_digit),
        cmocka_unit_test(base64_is_what_rfc_4648_has),
        cmocka_unit_test(nearest_word_forgives_a_slip_only),
        cmocka_unit_test(utf8_is_judged_as_unicode_says),
        cmocka_unit_test(text_of_strangers_is_harmless_on_a_terminal),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(every_unicode_character_is_shown_or_not_in_one_piece),
        cmocka_unit_test(json_of_strangers_means_the_same_and_is_one_line),
        cmocka_unit_test(crc32c_has_the_published_value),
        cmocka_unit_test(json_text_is_escaped),
        cmocka_unit_test(log_lines_stay_lines),
        cmocka_unit_test(log_lines_move_no_cursor),
        cmocka_unit_test(a_cut_log_line_is_valid_json),
        cmocka_unit_test(a_destroyed_loop_drops_what_was_posted),
        cmocka_unit_test(a_call_returns_after_it_ran_elsewhere),
        cmocka_unit_test(loop_runs_posts_timers_and_lookups),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
