/* tests/unit/replay_match.c: JSON is as expected or it is not, and then the lines show where. */
#include "replay/match.h"

#include "replay/ask.h"
#include "replay/conceal.h"
#include "replay/scene.h"
#include "replay/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

static struct pattern *pattern_of(const char *text) {
    struct scan_fault fault;
    struct scan scan = scan_begin(text, strlen(text), &fault);
    struct pattern *pattern = pattern_read(&scan, false);
    if (pattern == NULL) {
        fail_msg("%s: %s", text, fault.text);
    }
    return pattern;
}

static void json_matches_or_does_not(void **state) {
    static const struct {
        const char *pattern;
        const char *value;
        bool loosely;
        bool exactly;
    } rows[] = {
        {"{}", "{\"a\":1}", true, false},
        {"{a: 1}", "{\"a\":1}", true, true},
        {"{a: 1}", "{\"a\":1,\"b\":2}", true, false},
        {"{a: 1}", "{\"a\":2}", false, false},
        {"{a: 1}", "{\"a\":\"1\"}", false, false},
        {"{a: 1}", "{}", false, false},
        {"{a: 1.0}", "{\"a\":1}", true, true},
        {"{a: any}", "{\"a\":null}", true, true},
        {"{a: any}", "{}", false, false},
        {"{a: absent}", "{}", true, true},
        {"{a: absent}", "{\"a\":1}", false, false},
        {"{a: null}", "{\"a\":null}", true, true},
        {"{a: true}", "{\"a\":false}", false, false},
        {"{a: ~'on'}", "{\"a\":\"Pong\"}", true, true},
        {"{a: ~'ong!'}", "{\"a\":\"Pong\"}", false, false},
        {"{a: ~'1'}", "{\"a\":1}", false, false},
        {"[1, 2]", "[1,2]", true, true},
        {"[1]", "[1,2]", false, false},
        {"[1, ...]", "[1,2]", true, true},
        {"[1, 2, ...]", "[1]", false, false},
        {"[...]", "[]", true, true},
        {"[{a: 1}]", "[{\"a\":1,\"b\":2}]", true, false},
        {"{}", "[]", false, false},
        {"[]", "{}", false, false},
        {"[$x, $x]", "[\"7\",\"7\"]", true, true},
        {"[$x, $x]", "[\"7\",\"8\"]", false, false},
        {"[$known, 1]", "[\"42\",1]", true, true},
        {"[$known]", "[\"43\"]", false, false},
        {"[$known]", "[42]", true, true},
        {"'<@${known}>'", "\"<@42>\"", true, true},
        {"'${unknown}'", "\"${unknown}\"", true, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pattern *pattern = pattern_of(rows[i].pattern);
        cJSON *value = cJSON_Parse(rows[i].value);
        struct names names = {0};
        assert_non_null(value);
        for (int exactly = 0; exactly < 2; exactly++) {
            names_cut(&names, 0);
            assert_true(names_set(&names, "known", "42"));
            bool wanted = exactly ? rows[i].exactly : rows[i].loosely;
            if (match_value(pattern, value, exactly, &names) != wanted) {
                fail_msg("%s %s %s", rows[i].pattern, wanted ? "is not" : "is", rows[i].value);
            }
        }
        names_finish(&names);
        cJSON_Delete(value);
        pattern_free(pattern);
    }
}

static void names_are_bound_by_what_matches_alone(void **state) {
    struct names names = {0};
    struct pattern *pattern = pattern_of("{id: $m, a: 1}");
    cJSON *wrong = cJSON_Parse("{\"id\":\"5\",\"a\":2}");
    cJSON *right = cJSON_Parse("{\"id\":\"6\",\"a\":1}");
    assert_false(match_value(pattern, wrong, false, &names));
    assert_null(names_find(&names, "m"));
    assert_true(match_value(pattern, right, false, &names));
    assert_string_equal(names_find(&names, "m"), "6");
    assert_true(match_path("/channels/$c/messages/$m", "/channels/9/messages/6?x=1", &names));
    assert_string_equal(names_find(&names, "c"), "9");
    assert_false(match_path("/channels/$d/messages/$m", "/channels/9/messages/7", &names));
    assert_null(names_find(&names, "d"));
    assert_true(match_path("/a/*/b", "/a/1/b", &names));
    assert_false(match_path("/a/*/b", "/a/1/b/c", &names));
    assert_false(match_path("/a/*", "/a/", &names));
    assert_true(match_path("/a?b=1", "/a?b=1", &names));
    assert_false(match_path("/a?b=1", "/a?b=2", &names));
    cJSON_Delete(wrong);
    cJSON_Delete(right);
    pattern_free(pattern);
    names_finish(&names);
}

static void the_lines_show_where_it_differs(void **state) {
    static const struct {
        const char *pattern;
        const char *value;
        bool exactly;
        const char *lines;
    } rows[] = {
        {"{content: 'a', n: 1}", "{\"content\":\"b\",\"n\":1,\"x\":2}", false,
         "  {\n-   content: \"a\"\n+   content: \"b\"\n    n: 1\n  }\n"},
        {"{n: 1}", "{\"n\":1,\"x\":[2]}", true, "  {\n    n: 1\n+   x: [2]\n  }\n"},
        {"{n: {m: ~'x'}}", "{\"n\":{}}", false, "  {\n    n: {\n-     m: ~\"x\"\n    }\n  }\n"},
        {"[1, 2]", "[1,3,4]", false, "  [\n    1\n-   2\n+   3\n+   4\n  ]\n"},
        {"{a: [1]}", "{\"a\":5}", false, "  {\n-   a: [1]\n+   a: 5\n  }\n"},
        {"{id: $m}", "{\"id\":\"7\"}", false, "  {\n-   id: $m  (6)\n+   id: \"7\"\n  }\n"},
        {"{a: absent}", "{\"a\":1}", false, "  {\n-   a: absent\n+   a: 1\n  }\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pattern *pattern = pattern_of(rows[i].pattern);
        cJSON *value = cJSON_Parse(rows[i].value);
        struct names names = {0};
        struct buf lines = {0};
        assert_true(names_set(&names, "m", "6"));
        assert_true(match_diff(pattern, value, rows[i].exactly, &names, &lines));
        assert_string_equal(lines.bytes, rows[i].lines);
        assert_int_equal(names.count, 1);
        buf_finish(&lines);
        names_finish(&names);
        cJSON_Delete(value);
        pattern_free(pattern);
    }
}

static void requests_have_their_words(void **state) {
    static const struct {
        const char *method;
        const char *path;
        const char *body;
        enum ask_kind kind;
        const char *shown;
    } rows[] = {
        {"POST", "/channels/1/messages", "{\"a\":1}", ASK_MESSAGE, "{\"a\":1}"},
        {"GET", "/channels/1/messages", "null", ASK_REST, "null"},
        {"POST", "/interactions/1/t/callback?with_response=true", "{\"type\":4,\"data\":{\"b\":2}}",
         ASK_REPLY, "{\"b\":2}"},
        {"POST", "/interactions/1/t/callback", "{\"type\":8,\"data\":{\"choices\":[3]}}",
         ASK_CHOICES, "[3]"},
        {"POST", "/interactions/1/t/callback", "{\"type\":77}", ASK_REST, "{\"type\":77}"},
        {"PATCH", "/webhooks/1/t/messages/@original", "{}", ASK_EDIT, "{}"},
        {"PATCH", "/webhooks/1/t/messages/5", "{}", ASK_EDIT_FOLLOW_UP, "{}"},
        {"POST", "/webhooks/1/t", "{}", ASK_FOLLOW_UP, "{}"},
        {"DELETE", "/webhooks/1/t/messages/@original", "null", ASK_DELETE, "null"},
        {"PUT", "/channels/1/pins/2", "null", ASK_REST, "null"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cJSON *body = cJSON_Parse(rows[i].body);
        const cJSON *shown = body;
        assert_int_equal(ask_of(rows[i].method, rows[i].path, &shown), rows[i].kind);
        char *text = cJSON_PrintUnformatted(shown);
        assert_string_equal(text, rows[i].shown);
        cJSON_free(text);
        cJSON_Delete(body);
    }
}

static void conceal(const struct conceal *how, const char *event, const char *json, char *out,
                    size_t size) {
    struct buf text = {0};
    assert_true(conceal_event(how, event, json, strlen(json), &text));
    snprintf(out, size, "%s", text.bytes);
    buf_finish(&text);
}

static void what_is_not_known_to_be_harmless_goes(void **state) {
    const struct conceal hide = {.key = {1, 2}};
    const struct conceal other = {.key = {1, 3}};
    const struct conceal content = {.key = {1, 2}, .content = true};
    const struct conceal ids = {.key = {1, 2}, .keep_ids = true};
    static const char json[] =
        "{\"id\":\"1574625342042144768\",\"content\":\"my secret, 1574625342042144768\","
        "\"token\":\"abc\",\"author\":{\"id\":\"1574625342042144768\",\"username\":\"ann\"},"
        "\"app_permissions\":\"2248473465835073\",\"at\":\"2026-11-29T02:00:00+00:00\","
        "\"data\":{\"name\":\"poll\",\"options\":[{\"name\":\"q\",\"value\":\"why\"},"
        "{\"name\":\"n\",\"value\":42}],\"custom_id\":\"a:1574625342042144768\","
        "\"resolved\":{\"users\":{\"1574625342042144768\":{\"name\":\"bob\"}}}},"
        "\"url\":\"https://cdn/a.png?ex=1&hm=2\"}";
    char out[2048];
    char again[2048];
    conceal(&hide, "INTERACTION_CREATE", json, out, sizeof(out));
    static const char *const gone[] = {
        "1574625342042144768", "secret", "abc", "ann", "why", "42}", "bob", "2026-11", "cdn"};
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
        assert_null(strstr(out, gone[i]));
    }
    assert_non_null(strstr(out, "name: \"poll\""));
    assert_non_null(strstr(out, "name: \"q\""));
    assert_non_null(strstr(out, "\"2248473465835073\""));
    char id[24] = "";
    memcpy(id, strstr(out, "id: \"") + 5, 18);
    unsigned count = 0;
    for (const char *at = strstr(out, id); at != NULL; at = strstr(at + 1, id)) {
        count++;
    }
    assert_int_equal(count, 4); /* the id, the author's, in custom_id, the key */
    conceal(&other, "INTERACTION_CREATE", json, again, sizeof(again));
    assert_null(strstr(again, id));
    conceal(&content, "INTERACTION_CREATE", json, out, sizeof(out));
    assert_non_null(strstr(out, "my secret"));
    assert_non_null(strstr(out, "why"));
    assert_null(strstr(out, "1574625342042144768"));
    assert_null(strstr(out, "abc"));
    assert_null(strstr(out, "?ex="));
    conceal(&ids, "INTERACTION_CREATE", json, out, sizeof(out));
    assert_non_null(strstr(out, "1574625342042144768"));
    assert_non_null(strstr(out, "2026-11-29"));
    assert_null(strstr(out, "secret"));
}

static void what_people_wrote_goes_whatever_it_looks_like(void **state) {
    const struct conceal hide = {.key = {1, 2}};
    const struct conceal ids = {.key = {1, 2}, .keep_ids = true};
    char out[2048];
    static const char message[] =
        "{\"content\":\"4111111111111111\",\"status\":\"at my mother's\",\"topic\":\""
        "2026-11-29T02:00:00\",\"at\":\"2026-11-29T02:00:00 she said\",\"title\":\"411111111111111"
        "2\",\"timestamp\":\"2026-11-29T02:00:00.123000+00:00\"}";
    conceal(&ids, "MESSAGE_CREATE", message, out, sizeof(out));
    static const char *const gone[] = {"411111", "mother", "2026-11-29T02:00:00\"", "said"};
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
        assert_null(strstr(out, gone[i]));
    }
    assert_non_null(strstr(out, "02:00:00.123000+00:00"));
    conceal(&hide, "MESSAGE_CREATE", message, out, sizeof(out));
    assert_non_null(strstr(out, "content: \"\""));
    assert_non_null(strstr(out, "2026-01-01T00:00:00"));
    conceal(&hide, "PRESENCE_UPDATE", "{\"status\":\"dnd\"}", out, sizeof(out));
    assert_non_null(strstr(out, "\"dnd\""));
    /* a command's user is an id, its text is none */
    conceal(&ids, "INTERACTION_CREATE",
            "{\"data\":{\"options\":[{\"name\":\"who\",\"type\":6,\"value\":\"157462534204214\"},"
            "{\"name\":\"why\",\"type\":3,\"value\":\"157462534204215\"}]}}",
            out, sizeof(out));
    assert_non_null(strstr(out, "157462534204214"));
    assert_null(strstr(out, "157462534204215"));
}

static void pasted_secrets_never_stay(void **state) {
    const struct conceal all = {.keep_ids = true, .content = true};
    char out[512];
    conceal(&all, "MESSAGE_CREATE",
            "{\"content\":\"see https://discord.com/api/webhooks/123/aB-c_9 and "
            "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcdE.abcdefghijklmnopqrstuvwxyz12 ok\"}",
            out, sizeof(out));
    assert_null(strstr(out, "aB-c_9"));
    assert_null(strstr(out, "MTIz"));
    assert_non_null(strstr(out, " ok"));
}

/* The times that files are full of. */
static void times_are_those_of_the_calendar(void **state) {
    static const struct {
        uint64_t ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000000+00:00"},
        {SCRIPT_START_MS, "2026-01-01T00:00:00.000000+00:00"},
        {UINT64_C(951782399123), "2000-02-28T23:59:59.123000+00:00"},
        {UINT64_C(951782400000), "2000-02-29T00:00:00.000000+00:00"},
        {UINT64_C(4102444800000), "2100-01-01T00:00:00.000000+00:00"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[40];
        scene_time(text, sizeof(text), rows[i].ms);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_matches_or_does_not),
        cmocka_unit_test(names_are_bound_by_what_matches_alone),
        cmocka_unit_test(the_lines_show_where_it_differs),
        cmocka_unit_test(requests_have_their_words),
        cmocka_unit_test(what_is_not_known_to_be_harmless_goes),
        cmocka_unit_test(what_people_wrote_goes_whatever_it_looks_like),
        cmocka_unit_test(pasted_secrets_never_stay),
        cmocka_unit_test(times_are_those_of_the_calendar),
    };
    return cmocka_run_group_tests_name("replay_match", tests, NULL, NULL);
}
