/* tests/unit/sim_forms.c: what the simulator's REST side reads: multipart bodies, messages,
 * components, command definitions and what people type. */
#include "sim/chat.h"
#include "sim/command_form.h"
#include "sim/command_line.h"
#include "sim/components.h"
#include "sim/message_form.h"
#include "sim/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TYPE "multipart/form-data; boundary=XX"

static void parts_come_with_names_types_and_bytes(void **state) {
    static const char body[] =
        "--XX\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n"
        "Content-Type: application/json\r\n\r\n{\"a\":1}\r\n"
        "--XX\r\ncontent-disposition: form-data; name=\"files[0]\"; filename=\"a \\\"b\\\".txt\"\r\n"
        "\r\none\r\n--X\0two\r\n--XX--\r\n";
    struct sim_part parts[SIM_PARTS_MOST];
    size_t count;
    struct err err = {0};
    assert_true(sim_multipart_read(TYPE, body, sizeof(body) - 1, parts, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(parts[0].name, "payload_json");
    assert_string_equal(parts[0].type, "application/json");
    assert_memory_equal(parts[0].bytes, "{\"a\":1}", parts[0].length);
    assert_string_equal(parts[1].filename, "a \"b\".txt");
    assert_int_equal(parts[1].length, 12);
}

static void broken_multipart_bodies_are_refused(void **state) {
    static const char *const rows[][2] = {
        {"multipart/form-data", "--XX\r\n"},
        {"multipart/form-data; boundary=", "--XX\r\n"},
        {TYPE, ""},
        {TYPE, "--XY\r\n"},
        {TYPE, "--XX--\r\n"},
        {TYPE, "--XX\r\n"},
        {TYPE, "--XXmore"},
        {TYPE, "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nno end"},
        {TYPE, "--XX\r\nContent-Disposition: form-data\r\n\r\nx\r\n--XX--"},
        {TYPE, "--XX\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--XX--"},
        {TYPE, "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--XX"},
    };
    struct sim_part parts[SIM_PARTS_MOST];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};
        size_t count;
        assert_false(
            sim_multipart_read(rows[i][0], rows[i][1], strlen(rows[i][1]), parts, &count, &err));
        assert_true(err.text[0] != '\0');
    }
}

static void too_many_parts_are_refused(void **state) {
    struct buf body = {0};
    struct sim_part parts[SIM_PARTS_MOST];
    struct err err = {0};
    size_t count;
    for (int i = 0; i <= SIM_PARTS_MOST; i++) {
        buf_text(&body, "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n");
    }
    buf_text(&body, "--XX--\r\n");
    assert_false(sim_multipart_read(TYPE, body.bytes, body.length, parts, &count, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    buf_finish(&body);
}

/* The rendered errors of a message body; "" when there are none. */
static void message_errors(const char *json, char *out, size_t size) {
    struct sim_message_form form;
    const struct sim_where top = {""};
    struct buf text = {0};
    cJSON *body = cJSON_Parse(json);
    assert_non_null(body);
    sim_message_form_read(&form, body, &top, SIM_FLAG_COMPONENTS_V2, 0);
    out[0] = '\0';
    if (form.problems.count > 0) {
        sim_problems_render(&form.problems, &text);
        snprintf(out, size, "%s", text.bytes);
    }
    buf_finish(&text);
    sim_message_form_finish(&form);
    cJSON_Delete(body);
}

static void messages_are_held_to_discords_limits(void **state) {
    static const struct {
        const char *json;
        const char *error; /* "" fine */
    } rows[] = {
        {"{\"content\":\"fine\"}", ""},
        {"{\"content\":5}", "{\"content\":{\"_errors\":[{\"code\":\"STRING_TYPE_CONVERT\""},
        {"{\"embeds\":{}}", "{\"embeds\":{\"_errors\":[{\"code\":\"LIST_TYPE_CONVERT\""},
        {"{\"embeds\":[{\"title\":\"t\"},{\"fields\":[{\"name\":\"n\"}]}]}",
         "{\"embeds\":{\"1\":{\"fields\":{\"0\":{\"value\":{\"_errors\":[{\"code\":"
         "\"BASE_TYPE_REQUIRED\""},
        {"{\"embeds\":[{}]}", "\"BASE_TYPE_REQUIRED\""},
        {"{\"embeds\":[{\"title\":\"t\",\"color\":16777216}]}", "NUMBER_TYPE_MAX"},
        {"{\"embeds\":[{\"title\":\"t\",\"url\":\"ftp://x\"}]}", "URL_TYPE_INVALID_SCHEME"},
        {"{\"message_reference\":{}}", "{\"message_reference\":{\"message_id\""},
        {"{\"content\":\"x\",\"flags\":32768}",
         "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"},
        {"{\"flags\":32768,\"components\":[{\"type\":10,\"content\":\"hi\"}]}", ""},
        {"{\"components\":[{\"type\":10,\"content\":\"hi\"}]}", "UNION_TYPE_CHOICES"},
        {"{\"components\":[{\"type\":1,\"components\":[]}]}", "BASE_TYPE_BAD_LENGTH"},
        {"{\"components\":[{\"type\":1,\"components\":[{\"type\":2,\"style\":1,\"label\":\"a\"}]}]}",
         "{\"components\":{\"0\":{\"components\":{\"0\":{\"custom_id\":{\"_errors\""},
        {"{\"components\":[{\"type\":1,\"components\":[{\"type\":2,\"style\":1,\"label\":\"a\","
         "\"custom_id\":\"x\"},{\"type\":2,\"style\":2,\"label\":\"b\",\"custom_id\":\"x\"}]}]}",
         "COMPONENT_CUSTOM_ID_DUPLICATED"},
        {"{\"components\":[{\"type\":1,\"components\":[{\"type\":3,\"custom_id\":\"s\"}]}]}",
         "{\"options\":{\"_errors\""},
    };
    char out[2000];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        message_errors(rows[i].json, out, sizeof(out));
        if (rows[i].error[0] == '\0') {
            assert_string_equal(out, "");
        } else if (strstr(out, rows[i].error) == NULL) {
            fail_msg("%s: %s", rows[i].json, out);
        }
    }
}

static void content_is_counted_in_characters_up_to_2000(void **state) {
    char json[8300] = "{\"content\":\"";
    char out[2000];
    for (int i = 0; i < 2000; i++) {
        strcat(json, "\xc3\xa9");
    }
    size_t end = strlen(json);
    strcpy(json + end, "\"}");
    message_errors(json, out, sizeof(out));
    assert_string_equal(out, "");
    strcpy(json + end, "x\"}");
    message_errors(json, out, sizeof(out));
    assert_non_null(strstr(out, "BASE_TYPE_MAX_LENGTH"));
}

static void embeds_share_6000_characters(void **state) {
    struct buf json = {0};
    char *long_text = calloc(1, 4000);
    char out[2000];
    memset(long_text, 'a', 3001);
    buf_printf(&json, "{\"embeds\":[{\"description\":\"%s\"},{\"description\":\"%s\"}]}", long_text,
               long_text);
    message_errors(json.bytes, out, sizeof(out));
    assert_non_null(strstr(out, "MAX_EMBED_SIZE_EXCEEDED"));
    buf_finish(&json);
    free(long_text);
}

static void long_numbers_are_read_as_text(void **state) {
    static const char *const rows[][2] = {
        {"{\"a\":1574627635336577024}", "{\"a\":\"1574627635336577024\"}"},
        {"[123456789012345,1234567890123456]", "[123456789012345,\"1234567890123456\"]"},
        {"{\"1574627635336577024\":\"x\\\"1574627635336577024\"}",
         "{\"1574627635336577024\":\"x\\\"1574627635336577024\"}"},
        {"[-1574627635336577024,1.1574627635336577024,1574627635336577024e2]",
         "[-1574627635336577024,1.1574627635336577024,1574627635336577024e2]"},
        {"\"open 1574627635336577024", "\"open 1574627635336577024"},
        {"1574627635336577024", "\"1574627635336577024\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out = {0};
        assert_true(sim_quote_long_numbers(&out, rows[i][0], strlen(rows[i][0])));
        assert_string_equal(out.bytes, rows[i][1]);
        buf_finish(&out);
    }
}

static void modal_takes_text_inputs_and_labels(void **state) {
    static const char json[] =
        "[{\"type\":1,\"components\":[{\"type\":4,\"custom_id\":\"a\",\"style\":1,\"label\":\"l\"}]},"
        "{\"type\":18,\"label\":\"L\",\"component\":{\"type\":4,\"custom_id\":\"b\",\"style\":2}}]";
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    cJSON *list = cJSON_Parse(json);
    cJSON *copy = sim_components_read(&problems, list, &top, SIM_IN_MODAL);
    assert_int_equal(problems.count, 0);
    assert_int_equal(sim_component_type(sim_component_find(copy, "b")), SIM_TEXT_INPUT);
    assert_null(sim_component_find(copy, "c"));
    cJSON_Delete(copy);
    cJSON_Delete(list);
}

static void command_error(const char *json, char *out, size_t size) {
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    struct buf text = {0};
    cJSON *body = cJSON_Parse(json);
    assert_non_null(body);
    cJSON *command = sim_command_read(&problems, body, &top, NULL);
    out[0] = '\0';
    if (problems.count > 0) {
        sim_problems_render(&problems, &text);
        snprintf(out, size, "%s", text.bytes);
    }
    sim_problems_finish(&problems);
    buf_finish(&text);
    cJSON_Delete(command);
    cJSON_Delete(body);
}

#define OPTION(name, more) "{\"type\":3,\"name\":\"" name "\",\"description\":\"d\"" more "}"
#define COMMAND(options)   "{\"name\":\"a\",\"description\":\"d\",\"options\":[" options "]}"

static void commands_are_held_to_discords_rules(void **state) {
    static const struct {
        const char *json;
        const char *error;
    } rows[] = {
        {"{\"name\":\"ping\",\"description\":\"d\"}", ""},
        {"{\"name\":\"Ping\",\"description\":\"d\"}", "APPLICATION_COMMAND_INVALID_NAME"},
        {"{\"name\":\"two words\",\"description\":\"d\"}", "APPLICATION_COMMAND_INVALID_NAME"},
        {"{\"name\":\"Two Words\",\"type\":2}", ""},
        {"{\"name\":\"x\",\"type\":2,\"description\":\"d\"}", "\"description\""},
        {"{\"name\":\"x\"}", "\"description\":{\"_errors\":[{\"code\":\"BASE_TYPE_BAD_LENGTH\""},
        {COMMAND(OPTION("b", "") "," OPTION("c", ",\"required\":true")),
         "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID"},
        {COMMAND(OPTION("b", "") "," OPTION("b", "")),
         "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS"},
        {COMMAND(OPTION("b", ",\"min_value\":1")), "APPLICATION_COMMAND_OPTION_BOUNDS"},
        {COMMAND(OPTION("b", ",\"choices\":[{\"name\":\"n\",\"value\":1}]")),
         "APPLICATION_COMMAND_CHOICE_VALUE"},
        {COMMAND(OPTION("b", ",\"autocomplete\":true,\"choices\":[{\"name\":\"n\","
                             "\"value\":\"v\"}]")),
         "AUTOCOMPLETE_INVALID"},
        {COMMAND("{\"type\":1,\"name\":\"s\",\"description\":\"d\"}," OPTION("b", "")),
         "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID"},
        {COMMAND("{\"type\":2,\"name\":\"g\",\"description\":\"d\",\"options\":[{\"type\":1,"
                 "\"name\":\"s\",\"description\":\"d\",\"options\":[" OPTION("b", "") "]}]}"),
         ""},
        {COMMAND("{\"type\":1,\"name\":\"g\",\"description\":\"d\",\"options\":[{\"type\":1,"
                 "\"name\":\"s\",\"description\":\"d\"}]}"),
         "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID"},
        {"{\"name\":\"a\",\"description\":\"d\",\"default_member_permissions\":\"x\"}",
         "NUMBER_TYPE_COERCE"},
    };
    char out[3000];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        command_error(rows[i].json, out, sizeof(out));
        if (rows[i].error[0] == '\0') {
            assert_string_equal(out, "");
        } else if (strstr(out, rows[i].error) == NULL) {
            fail_msg("%s: %s", rows[i].json, out);
        }
    }
}

static void names_of_fields_may_be_as_long_as_they_like(void **state) {
    struct buf json = {0};
    char out[2000];
    char *key = calloc(1, 5001);
    memset(key, 'k', 5000);
    buf_printf(&json, "{\"name\":\"a\",\"description\":\"d\",\"name_localizations\":{\"%s\":5}}",
               key);
    command_error(json.bytes, out, sizeof(out));
    assert_non_null(strstr(out, "STRING_TYPE_CONVERT"));
    buf_finish(&json);
    free(key);
}

static void a_command_has_8000_characters_at_most(void **state) {
    struct buf json = {0};
    char out[2000];
    char text[101] = {0};
    memset(text, 'a', 100);
    buf_text(&json, "{\"name\":\"a\",\"description\":\"d\",\"options\":[");
    for (int i = 0; i < 4; i++) {
        buf_printf(&json, "%s{\"type\":3,\"name\":\"o%d\",\"description\":\"d\",\"choices\":[",
                   i > 0 ? "," : "", i);
        for (int j = 0; j < 25; j++) {
            buf_printf(&json, "%s{\"name\":\"n%d\",\"value\":\"%s\"}", j > 0 ? "," : "", j, text);
        }
        buf_text(&json, "]}");
    }
    buf_text(&json, "]}");
    command_error(json.bytes, out, sizeof(out));
    assert_non_null(strstr(out, "APPLICATION_COMMAND_TOO_LARGE"));
    buf_finish(&json);
}

static void typed_lines_are_names_and_options(void **state) {
    static const struct {
        const char *line;
        const char *json; /* NULL: refused */
    } rows[] = {
        {"/ping", "{\"options\":{},\"name\":\"ping\"}"},
        {" poll create question:\"Tea or \\\"coffee\\\"?\" anonymous:true",
         "{\"options\":{\"question\":\"Tea or \\\"coffee\\\"?\",\"anonymous\":\"true\"},"
         "\"name\":\"poll create\",\"last\":\"anonymous\"}"},
        {"a b:", "{\"options\":{\"b\":\"\"},\"name\":\"a\",\"last\":\"b\"}"},
        {"", NULL},
        {"a b:\"open", NULL},
        {"a b:1 c", NULL},
        {"a b:1 b:2", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};
        cJSON *read = sim_command_line_read(rows[i].line, &err);
        cJSON *wanted = cJSON_Parse(rows[i].json != NULL ? rows[i].json : "");
        assert_true((read == NULL) == (rows[i].json == NULL));
        assert_true(read == NULL || cJSON_Compare(read, wanted, true));
        assert_true((read == NULL) == (err.text[0] != '\0'));
        cJSON_Delete(read);
        cJSON_Delete(wanted);
    }
}

static void chat_shows_what_a_terminal_must_not_obey(void **state) {
    struct buf out = {0};
    cJSON *message = cJSON_Parse(
        "{\"id\":\"5\",\"author\":{\"username\":\"e\\u001bve\",\"bot\":true},\"content\":"
        "\"one\\ntwo\\u001b[2J\",\"timestamp\":\"2026-01-01T10:20:30.000000+00:00\",\"flags\":64,"
        "\"embeds\":[{\"title\":\"T\\u202e\"}],\"components\":[{\"type\":1,\"components\":["
        "{\"type\":2,\"label\":\"Go\",\"custom_id\":\"g\",\"style\":1}]}]}");
    assert_true(sim_chat_message(&out, message, "ann"));
    assert_string_equal(out.bytes, "e\\x1bve [bot]  10:20:30 (ephemeral: only ann sees this)  5\n"
                                   "  one\n  two\\x1b[2J\n  | # T\\xe2\\x80\\xae\n  [Go] <g>\n");
    cJSON_Delete(message);
    message =
        cJSON_Parse("{\"author\":{\"username\":\"ann\"},\"content\":\"hi\",\"id\":\"5\\r\\u007f\","
                    "\"timestamp\":\"T1\\u001b[2J\"}");
    buf_clear(&out);
    assert_true(sim_chat_message(&out, message, NULL));
    assert_string_equal(out.bytes, "ann  1\\x1b[2J  5\\x0d\\x7f\n  hi\n");
    buf_finish(&out);
    cJSON_Delete(message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_come_with_names_types_and_bytes),
        cmocka_unit_test(broken_multipart_bodies_are_refused),
        cmocka_unit_test(too_many_parts_are_refused),
        cmocka_unit_test(messages_are_held_to_discords_limits),
        cmocka_unit_test(content_is_counted_in_characters_up_to_2000),
        cmocka_unit_test(embeds_share_6000_characters),
        cmocka_unit_test(long_numbers_are_read_as_text),
        cmocka_unit_test(modal_takes_text_inputs_and_labels),
        cmocka_unit_test(commands_are_held_to_discords_rules),
        cmocka_unit_test(names_of_fields_may_be_as_long_as_they_like),
        cmocka_unit_test(a_command_has_8000_characters_at_most),
        cmocka_unit_test(typed_lines_are_names_and_options),
        cmocka_unit_test(chat_shows_what_a_terminal_must_not_obey),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
