/* tests/unit/plugin_json.c: reading JSON by path (against a table and against cJSON) and writing
 * it by template. */
#include "plugin/path.h"
#include "plugin/template.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct path_text text_of(const char *json) {
    return (struct path_text){json, (uint32_t)strlen(json)};
}

static struct path_value find(const char *json, const char *path) {
    return path_find(text_of(json), path_root(text_of(json)), path);
}

static void decoded_is(const char *inside, size_t length, const char *wanted) {
    char out[256];
    size_t used = path_decode(inside, length, out);
    assert_int_equal(used, strlen(out));
    assert_string_equal(out, wanted);
}

static void a_path_finds_keys_and_places(void **state) {
    static const char json[] = "{\"a\":{\"b\":[10,{\"c\":\"x\"},[]]},\"\":3, \"t\" : true,"
                               "\"n\":null,\"\\u0061b\":7,\"a\":\"second\"}";
    assert_int_equal(path_int(text_of(json), find(json, "a.b.0")), 10);
    assert_int_equal(find(json, "a.b.1.c").kind, PATH_STRING);
    assert_int_equal(find(json, "a.b.2").kind, PATH_ARRAY);
    assert_int_equal(find(json, "a.b.2.0").kind, PATH_NONE);
    assert_int_equal(find(json, "a.b.3").kind, PATH_NONE);
    assert_int_equal(find(json, "a.b.-1").kind, PATH_NONE);
    assert_int_equal(find(json, "a.x").kind, PATH_NONE);
    assert_int_equal(find(json, "a.b.0.c").kind, PATH_NONE);
    assert_true(path_true(text_of(json), find(json, "t")));
    assert_int_equal(find(json, "n").kind, PATH_NULL);
    assert_int_equal(path_int(text_of(json), find(json, "ab")), 7);
    assert_int_equal(find(json, "a").kind, PATH_OBJECT); /* the first of two */
    assert_int_equal(find(json, "").kind, PATH_OBJECT);
}

static void numbers_and_ids_that_do_not_fit_are_zero(void **state) {
    static const struct {
        const char *json;
        int64_t number;
        uint64_t id;
    } rows[] = {
        {"42", 42, 42},
        {"-7", -7, 0},
        {"9223372036854775807", INT64_MAX, INT64_MAX},
        {"-9223372036854775808", INT64_MIN, 0},
        {"9223372036854775808", 0, UINT64_C(9223372036854775808)},
        {"99999999999999999999", 0, 0},
        {"1.9", 1, 0},
        {"1e3", 1000, 0},
        {"1e300", 0, 0},
        {"0x10", 0, 0},
        {"-", 0, 0},
        {"\"175928847299117063\"", 0, UINT64_C(175928847299117063)},
        {"\"18446744073709551615\"", 0, UINT64_MAX},
        {"\"18446744073709551616\"", 0, 0},
        {"\"\"", 0, 0},
        {"\"12x\"", 0, 0},
        {"true", 0, 0},
        {"[1]", 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct path_text text = text_of(rows[i].json);
        assert_int_equal(path_int(text, path_root(text)), rows[i].number);
        assert_int_equal(path_id(text, path_root(text)), rows[i].id);
    }
}

static void strings_come_out_as_valid_utf8_without_nul(void **state) {
    decoded_is("a\\n\\\"\\/\\u00e9", 13, "a\n\"/\xc3\xa9");
    decoded_is("\\ud83d\\ude00", 12, "\xf0\x9f\x98\x80");
    decoded_is("\\ud83d", 6, "\xef\xbf\xbd");
    decoded_is("\\ud83dx", 7, "\xef\xbf\xbdx");
    decoded_is("\\ude00\\ud83d", 12, "\xef\xbf\xbd\xef\xbf\xbd");
    decoded_is("\\u0000", 6, "\xef\xbf\xbd");
    decoded_is("a\0b", 3,
               "a\xef\xbf\xbd"
               "b");
    decoded_is("\xff\xc3", 2, "\xef\xbf\xbd\xef\xbf\xbd");
    decoded_is("\\u12", 4,
               "\xef\xbf\xbd"
               "12");
    decoded_is("\\", 1, "\xef\xbf\xbd");
}

static void iteration_ends_where_the_container_ends(void **state) {
    static const char json[] = "{\"list\":[1, 2,3 ],\"empty\":{}}";
    struct path_text text = text_of(json);
    int64_t sum = 0;
    for (struct path_value item = path_first(text, find(json, "list")); item.kind != PATH_NONE;
         item = path_next(text, item)) {
        sum = sum * 10 + path_int(text, item);
    }
    assert_int_equal(sum, 123);
    assert_int_equal(path_first(text, find(json, "empty")).kind, PATH_NONE);
    uint32_t start = 0;
    uint32_t length = 0;
    assert_true(path_key(text, path_first(text, path_root(text)), &start, &length));
    assert_int_equal(length, 4);
    assert_memory_equal(json + start, "list", 4);
}

static void ids_of_an_event_are_found_in_one_pass(void **state) {
    static const char json[] = "{\"nested\":{\"id\":\"1\"},\"id\":\"2\",\"author\":{\"id\":\"3\"},"
                               "\"channel_id\":\"4\",\"guild_id\":\"5\","
                               "\"member\":{\"user\":{\"id\":\"6\"}}}";
    struct path_ids ids;
    path_ids(text_of(json), path_root(text_of(json)), &ids);
    assert_int_equal(ids.id, 2);
    assert_int_equal(ids.user_id, 3);
    assert_int_equal(ids.channel_id, 4);
    assert_int_equal(ids.guild_id, 5);
    path_ids(text_of("[1]"), path_root(text_of("[1]")), &ids);
    assert_int_equal(ids.id, 0);
}

/* A generator of its own, so that a failure can be repeated. */
static uint32_t draw(uint64_t *seed, uint32_t below) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33) % below;
}

static cJSON *invent(uint64_t *seed, int depth) {
    static const char *const texts[] = {
        "", "x", "\"\\/\b", "gr\xc3\xbc\xc3\x9f", "\xf0\x9f\x98\x80", "[{", "line\nline"};
    char key[4] = "k";
    cJSON *value;
    switch (draw(seed, depth > 0 ? 7 : 5)) {
    case 0:
        return cJSON_CreateNull();
    case 1:
        return cJSON_CreateBool(draw(seed, 2) == 1);
    case 2:
        return cJSON_CreateNumber((double)draw(seed, 100000) - 50000);
    case 3:
    case 4:
        return cJSON_CreateString(texts[draw(seed, 7)]);
    case 5:
        value = cJSON_CreateArray();
        for (uint32_t i = draw(seed, 5); i > 0; i--) {
            cJSON_AddItemToArray(value, invent(seed, depth - 1));
        }
        return value;
    default:
        value = cJSON_CreateObject();
        for (uint32_t i = draw(seed, 5); i > 0; i--) {
            key[1] = (char)('a' + i);
            cJSON_AddItemToObject(value, key, invent(seed, depth - 1));
        }
        return value;
    }
}

/* Everything below must be found by its path with the same value. */
static void compare(struct path_text text, struct path_value root, const cJSON *want, char *path) {
    struct path_value found = path_find(text, root, path);
    size_t end = strlen(path);
    char decoded[256];
    int place = 0;
    if (cJSON_IsNull(want)) {
        assert_int_equal(found.kind, PATH_NULL);
    } else if (cJSON_IsBool(want)) {
        assert_int_equal(found.kind, PATH_BOOL);
        assert_int_equal(path_true(text, found), cJSON_IsTrue(want));
    } else if (cJSON_IsNumber(want)) {
        assert_int_equal(path_int(text, found), (int64_t)want->valuedouble);
    } else if (cJSON_IsString(want)) {
        assert_int_equal(found.kind, PATH_STRING);
        path_decode(text.bytes + found.start + 1, found.end - found.start - 2, decoded);
        assert_string_equal(decoded, want->valuestring);
    } else {
        assert_int_equal(found.kind, cJSON_IsArray(want) ? PATH_ARRAY : PATH_OBJECT);
    }
    for (const cJSON *child = want->child; child != NULL; child = child->next, place++) {
        if (cJSON_IsArray(want)) {
            snprintf(path + end, 256 - end, "%s%d", end > 0 ? "." : "", place);
        } else {
            snprintf(path + end, 256 - end, "%s%s", end > 0 ? "." : "", child->string);
        }
        compare(text, root, child, path);
    }
    path[end] = '\0';
}

static void paths_agree_with_another_parser_on_thousands_of_documents(void **state) {
    uint64_t seed = 1;
    for (int i = 0; i < 3000; i++) {
        char path[256] = "";
        cJSON *document = invent(&seed, 5);
        char *json = draw(&seed, 2) ? cJSON_Print(document) : cJSON_PrintUnformatted(document);
        size_t at = 0;
        assert_true(path_valid(json, strlen(json), &at));
        compare(text_of(json), path_root(text_of(json)), document, path);
        free(json);
        cJSON_Delete(document);
    }
}

/* Walks everything that can be reached; what it finds must lie within the text. */
static void walk(struct path_text text, struct path_value value, int depth) {
    for (struct path_value item = path_first(text, value); item.kind != PATH_NONE && depth < 200;
         item = path_next(text, item)) {
        uint32_t start = 0;
        uint32_t length = 0;
        assert_true(item.start < item.end && item.end <= text.length);
        path_key(text, item, &start, &length);
        path_int(text, item);
        path_id(text, item);
        walk(text, item, depth + 1);
    }
}

static void malformed_text_is_never_read_beyond_its_end(void **state) {
    uint64_t seed = 2;
    for (int i = 0; i < 20000; i++) {
        cJSON *document = invent(&seed, 4);
        char *json = cJSON_PrintUnformatted(document);
        size_t length = draw(&seed, (uint32_t)strlen(json) + 1);
        char *exact = malloc(length > 0 ? length : 1); /* the sanitizer watches its end */
        memcpy(exact, json, length);
        for (uint32_t k = draw(&seed, 4); k > 0 && length > 0; k--) {
            exact[draw(&seed, (uint32_t)length)] = "{}[]\",:\\x0\0"[draw(&seed, 11)];
        }
        struct path_text text = {exact, (uint32_t)length};
        struct path_ids ids;
        size_t at = 0;
        walk(text, path_root(text), 0);
        path_ids(text, path_root(text), &ids);
        if (path_valid(exact, length, &at)) {
            cJSON *again = cJSON_ParseWithLength(exact, length);
            assert_non_null(again);
            cJSON_Delete(again);
        }
        free(exact);
        free(json);
        cJSON_Delete(document);
    }
}

static void nesting_is_bounded(void **state) {
    char deep[2000];
    size_t at = 0;
    memset(deep, '[', sizeof(deep) / 2);
    memset(deep + sizeof(deep) / 2, ']', sizeof(deep) / 2);
    assert_false(path_valid(deep, sizeof(deep), &at));
    assert_int_equal(path_root((struct path_text){deep, sizeof(deep)}).kind, PATH_NONE);
    assert_true(path_valid(deep + 900, 200, &at));
    assert_int_equal(path_root((struct path_text){deep + 900, 200}).kind, PATH_ARRAY);
}

static void only_json_is_valid(void **state) {
    static const char *const bad[] = {
        "",   "{",   "[1,]",     "{\"a\"}", "{\"a\":}", "{a:1}",    "01",         "1.",  ".5",
        "+1", "nul", "\"\x01\"", "\"\\x\"", "[1]2",     "\"\xff\"", "{\"a\":1,}", "'a'", "[1 2]"};
    static const char *const good[] = {"0",  "-0.5e+3",      "\"\\u00ff\"",        "[]",
                                       "{}", " [ 1 , {} ] ", "{\"a\":{\"b\":[]}}", "null"};
    size_t at = 0;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (path_valid(bad[i], strlen(bad[i]), &at)) {
            fail_msg("taken for JSON: %s", bad[i]);
        }
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!path_valid(good[i], strlen(good[i]), &at)) {
            fail_msg("not taken for JSON at %zu: %s", at, good[i]);
        }
    }
}

static struct buf written;

__attribute__((format(printf, 1, 2))) static const char *write_it(const char *format, ...) {
    va_list args;
    va_start(args, format);
    bool ok = template_write(&written, NULL, format, args);
    va_end(args);
    return ok ? written.bytes : "refused";
}

static void a_template_writes_what_it_says(void **state) {
    assert_string_equal(write_it("{'content': %s}", "say \"hi\"\n"),
                        "{\"content\": \"say \\\"hi\\\"\\n\"}");
    assert_string_equal(write_it("{'id': '%" PRIu64 "', 'n': [%d, %u, %lld, %zu]}",
                                 UINT64_C(175928847299117063), -1, 2u, -3LL, (size_t)4),
                        "{\"id\": \"175928847299117063\", \"n\": [-1, 2, -3, 4]}");
    assert_string_equal(write_it("[%i,%i,%g,%.2f,%s]", 1, 0, 0.5, 2.0, (const char *)NULL),
                        "[true,false,0.5,2.00,null]");
    assert_string_equal(write_it("['%s is 100%% \\'fine\\'']", "it's"),
                        "[\"it's is 100% 'fine'\"]");
    assert_string_equal(write_it("[%.*s,%.3s]", 2, "abc", "defg"), "[\"ab\",\"def\"]");
    assert_string_equal(write_it("'%s'", "\xff"), "\"\xef\xbf\xbd\"");
}

static void data_cannot_change_the_structure_of_a_template(void **state) {
    static const char *const nasty[] = {
        "\"}", "\\", "\",\"admin\":true,\"x\":\"", "\n\r\t\x01", "'", "%s%n", "\xf0\x9f"};
    for (size_t i = 0; i < sizeof(nasty) / sizeof(nasty[0]); i++) {
        const char *json = write_it("{'a': %s, 'b': 'x%sx'}", nasty[i], nasty[i]);
        cJSON *parsed = cJSON_Parse(json);
        assert_non_null(parsed);
        assert_int_equal(cJSON_GetArraySize(parsed), 2);
        assert_true(cJSON_IsString(cJSON_GetObjectItem(parsed, "a")));
        cJSON_Delete(parsed);
    }
}

static void plain_quotes_are_as_safe_as_apostrophes(void **state) {
    assert_string_equal(write_it("{\"a%s\": \"it's %s\"}", "\":1,\"b", "5\""),
                        "{\"a\\\":1,\\\"b\": \"it's 5\\\"\"}");
    assert_string_equal(write_it("{\"a%s\":1}", ":1,"), "{\"a:1,\":1}");
    assert_string_equal(write_it("\"%s\"", (const char *)NULL), "\"\"");
}

/* The compiler counts the conversion in it, so it must not be passed over. */
static void a_backslash_hides_no_conversion(void **state) {
    assert_string_equal(write_it("['\\%d', %s]", 1, "b"), "refused");
    assert_string_equal(write_it("['\\%s', 'x']", "\",1,"), "refused");
    assert_string_equal(write_it("['\\\\%s']", "b"), "[\"\\\\b\"]");
}

static void a_template_that_makes_no_json_is_refused(void **state) {
    assert_string_equal(write_it("{'a': %s", "x"), "refused");
    assert_string_equal(write_it("{'a' 1}"), "refused");
    assert_string_equal(write_it("{'a': %c}", 'x'), "refused");
    assert_string_equal(write_it("{'a': %g}", 1e308 * 10), "refused");
    assert_string_equal(write_it("%s %s", "a", "b"), "refused");
    assert_string_equal(write_it("{'a': %5d}", 1), "refused");
}

/* Found by fuzz_path. */
static void a_key_is_found_however_many_escapes_it_is_written_with(void **state) {
    char name[201];
    char json[201 * 6 + 16] = "{\"";
    memset(name, '\\', 200);
    name[200] = '\0';
    for (size_t i = 0; i < 200; i++) {
        strcat(json, i % 2 == 0 ? "\\\\" : "\\u005c");
    }
    strcat(json, "\":7}");
    struct path_text text = {json, (uint32_t)strlen(json)};
    assert_int_equal(path_int(text, path_find(text, path_root(text), name)), 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_found_however_many_escapes_it_is_written_with),
        cmocka_unit_test(a_path_finds_keys_and_places),
        cmocka_unit_test(numbers_and_ids_that_do_not_fit_are_zero),
        cmocka_unit_test(strings_come_out_as_valid_utf8_without_nul),
        cmocka_unit_test(iteration_ends_where_the_container_ends),
        cmocka_unit_test(ids_of_an_event_are_found_in_one_pass),
        cmocka_unit_test(paths_agree_with_another_parser_on_thousands_of_documents),
        cmocka_unit_test(malformed_text_is_never_read_beyond_its_end),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(only_json_is_valid),
        cmocka_unit_test(a_template_writes_what_it_says),
        cmocka_unit_test(data_cannot_change_the_structure_of_a_template),
        cmocka_unit_test(plain_quotes_are_as_safe_as_apostrophes),
        cmocka_unit_test(a_backslash_hides_no_conversion),
        cmocka_unit_test(a_template_that_makes_no_json_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_finish(&written);
    return failed;
}
