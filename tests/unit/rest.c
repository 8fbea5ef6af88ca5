/* tests/unit/rest.c: the answer of GET /gateway/bot is read, and not trusted. */
#include "rest/gatewaybot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool parse(const char *body, struct gatewaybot *out, struct err *err) {
    err_clear(err);
    return gatewaybot_parse(body, strlen(body), out, err);
}

static void a_good_answer_is_read(void **state) {
    struct gatewaybot out;
    struct err err;
    assert_true(parse("{\"url\":\"wss://gateway.discord.gg\",\"shards\":9,"
                      "\"session_start_limit\":{\"total\":1000,\"remaining\":999,"
                      "\"reset_after\":14400000,\"max_concurrency\":16}}",
                      &out, &err));
    assert_string_equal(out.url, "wss://gateway.discord.gg");
    assert_int_equal(out.shards, 9);
    assert_int_equal(out.total, 1000);
    assert_int_equal(out.remaining, 999);
    assert_int_equal(out.reset_after_ms, 14400000);
    assert_int_equal(out.max_concurrency, 16);
}

static void a_bad_answer_says_what_is_wrong(void **state) {
    static const struct {
        const char *body;
        const char *says;
    } rows[] = {
        {"", "not a JSON object"},
        {"[]", "not a JSON object"},
        {"{\"url\":\"http://x\"}", "'url'"},
        {"{\"url\":7}", "'url'"},
        {"{\"url\":\"wss://x\"}", "'shards'"},
        {"{\"url\":\"wss://x\",\"shards\":0}", "'shards'"},
        {"{\"url\":\"wss://x\",\"shards\":1e9}", "'shards'"},
        {"{\"url\":\"wss://x\",\"shards\":1}", "session_start_limit"},
        {"{\"url\":\"wss://x\",\"shards\":1,\"session_start_limit\":{\"total\":-1}}", "'total'"},
        {"{\"url\":\"wss://x\",\"shards\":1,\"session_start_limit\":{\"total\":1,\"remaining\":1,"
         "\"reset_after\":0,\"max_concurrency\":0}}",
         "'max_concurrency'"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gatewaybot out;
        struct err err;
        assert_false(parse(rows[i].body, &out, &err));
        assert_non_null(strstr(err.text, rows[i].says));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_answer_is_read),
        cmocka_unit_test(a_bad_answer_says_what_is_wrong),
    };
    return cmocka_run_group_tests_name("rest", tests, NULL, NULL);
}
