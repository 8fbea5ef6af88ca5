/* tests/unit/redact.c: secrets never reach the ring, and what is left is the same length and JSON.
 */
#include "gateway/redact.h"

#include "gateway/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cJSON.h>
#include <cmocka.h>

enum { TEXT_MAX = 4096 };

/* A message whose d is this text, redacted. False as redact_message. */
static bool redact(const char *d, unsigned event, char out[TEXT_MAX], size_t *count) {
    uint8_t bytes[TEXT_MAX + JSON_PADDING] = {0};
    char *at = (char *)bytes;
    strcpy(at, "{\"op\":0,\"s\":1,\"d\":");
    strcat(at, d);
    strcat(at, "}");
    size_t length = strlen(at);
    bool whole = redact_message(bytes, length, event, count);
    assert_int_equal(strlen(at), length); /* nothing moved */
    strcpy(out, at);
    return whole;
}

static void each_secret_is_blotted_out_wherever_it_may_stand(void **state) {
    static const struct {
        unsigned event;
        size_t count;
        const char *d;
    } rows[] = {
        {EVENT_READY, 1, "{\"v\":10,\"session_id\":\"SECRET\",\"guilds\":[]}"},
        {EVENT_READY, 2, "{\"session_id\":\"SECRET\",\"session_id\":\"SECRET\"}"},
        {EVENT_READY, 1, "{\"session\\u005fid\":\"SECRET\"}"},
        {EVENT_READY, 1, "{\"\\u0073ession_id\" : \"SEC\\\"RET\\\\\"}"},
        {EVENT_READY, 1, "{\"session_id\":{\"a\":[\"SECRET\",\"}\"]}}"},
        {EVENT_READY, 1, "{\"session_id\":[\"SECRET\"]}"},
        {EVENT_READY, 1, "{\"session_id\":7777777}"},
        {EVENT_READY, 1, "{\"session_id\":-77.7e7}"},
        {EVENT_READY, 1, "{\"session_id\":null}"},
        {EVENT_READY, 1, "{\"session_id\":\"\"}"},
        {EVENT_INTERACTION_CREATE, 1, "{\"id\":\"1\",\"token\":\"SECRET\",\"data\":{}}"},
        {EVENT_INTERACTION_CREATE, 1, "{\"data\":{\"name\":\"token\"},\"token\":\"SECRET\"}"},
        {EVENT_VOICE_SERVER_UPDATE, 1, "{\"token\":\"SECRET\",\"endpoint\":null}"},
        {EVENT_VOICE_STATE_UPDATE, 1, "{\"user_id\":\"5\",\"session_id\":\"SECRET\"}"},
        {EVENT_VOICE_STATE_UPDATE, 2,
         "[{\"session_id\":\"SECRET\"},7,{\"session_id\":\"SECRET\"}]"},
        {EVENT_GUILD_CREATE, 2,
         "{\"id\":\"1\",\"voice_states\":[{\"session_id\":\"SECRET\"},"
         "{\"self_mute\":true,\"session_id\":\"SECRET\"}],\"members\":[{}]}"},
        {EVENT_GUILD_CREATE, 1, "{\"voice_states\":{\"session_id\":\"SECRET\"}}"},
        {EVENT_GUILD_CREATE, 0, "{\"voice_states\":null,\"name\":\"session_id\"}"},
        {EVENT_GUILD_CREATE, 0, "null"},
        {EVENT_READY, 0, "[]"},
        {EVENT_READY, 0, "\"session_id\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[TEXT_MAX];
        size_t count = 99;
        assert_true(redact(rows[i].d, rows[i].event, out, &count));
        if (count != rows[i].count) {
            fail_msg("%s: %zu instead of %zu: %s", rows[i].d, count, rows[i].count, out);
        }
        assert_null(strstr(out, "SECRET"));
        assert_null(strstr(out, "RET"));
        assert_null(strstr(out, "77"));
        cJSON *tree = cJSON_Parse(out);
        assert_non_null(tree);
        cJSON_Delete(tree);
    }
}

static void a_second_d_is_looked_through_as_well(void **state) {
    uint8_t bytes[256] =
        "{\"d\":{\"token\":\"SECRET\"},\"op\":0,\"\\u0064\":{\"token\":\"SECRET\"}}";
    size_t count;
    assert_true(redact_message(bytes, strlen((char *)bytes), EVENT_INTERACTION_CREATE, &count));
    assert_int_equal(count, 2);
    assert_null(strstr((char *)bytes, "SECRET"));
}

static void what_is_no_secret_stays(void **state) {
    static const struct {
        unsigned event;
        const char *d;
    } rows[] = {
        {EVENT_MESSAGE_CREATE, "{\"token\":\"kept\",\"session_id\":\"kept\"}"},
        {EVENT_UNKNOWN, "{\"token\":\"kept\"}"},
        {EVENT_INTERACTION_CREATE, "{\"data\":{\"token\":\"kept\"},\"session_id\":\"kept\"}"},
        {EVENT_READY, "{\"token\":\"kept\",\"user\":{\"session_id\":\"kept\"}}"},
        {EVENT_GUILD_CREATE, "{\"session_id\":\"kept\",\"members\":[{\"session_id\":\"kept\"}]}"},
        {EVENT_READY, "{\"session_ids\":\"kept\",\"Session_id\":\"kept\"}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[TEXT_MAX];
        size_t count;
        assert_true(redact(rows[i].d, rows[i].event, out, &count));
        assert_int_equal(count, 0);
        assert_non_null(strstr(out, rows[i].d));
    }
}

static void what_cannot_be_looked_through_must_not_be_published(void **state) {
    static const char *const broken[] = {
        "{\"x\" 1,\"session_id\":\"SECRET\"}",
        "{\"x\":tru,\"session_id\":\"SECRET\"}",
        "{x:1,\"session_id\":\"SECRET\"}",
        "{\"x\":1 \"session_id\":\"SECRET\"}",
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        char out[TEXT_MAX];
        assert_false(redact(broken[i], EVENT_READY, out, NULL));
    }
}

static void ready_tells_the_host_what_it_must_know(void **state) {
    static const struct {
        const char *text;
        const char *session_id;
        const char *resume_url;
    } rows[] = {
        {"{\"op\":0,\"d\":{\"session_id\":\"abc\",\"resume_gateway_url\":\"wss:\\/\\/x\"}}", "abc",
         "wss://x"},
        {"{\"op\":0,\"d\":{\"session_id\":\"old\",\"session_id\":\"new\"}}", "new", ""},
        {"{\"op\":0,\"d\":{\"session_id\":7,\"resume_gateway_url\":null}}", "", ""},
        {"{\"op\":0,\"d\":{\"session_id\":\"a\\u0000b\"}}", "", ""},
        {"{\"op\":0,\"d\":null}", "", ""},
        {"{\"op\":0}", "", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[256 + JSON_PADDING] = {0};
        struct envelope envelope;
        const char *why;
        struct ready_secrets secrets;
        memset(&secrets, 'x', sizeof(secrets));
        size_t length = strlen(rows[i].text);
        memcpy(bytes, rows[i].text, length);
        assert_int_equal(envelope_scan(bytes, length, &envelope, &why), JSON_OK);
        redact_ready(bytes, &envelope, &secrets);
        assert_string_equal(secrets.session_id, rows[i].session_id);
        assert_string_equal(secrets.resume_url, rows[i].resume_url);
    }
}

static void a_session_id_that_does_not_fit_is_none(void **state) {
    uint8_t bytes[SESSION_ID_MAX + 200] = "{\"op\":0,\"d\":{\"session_id\":\"";
    size_t at = strlen((char *)bytes);
    memset(bytes + at, 'i', SESSION_ID_MAX);
    strcpy((char *)bytes + at + SESSION_ID_MAX, "\"}}");
    struct envelope envelope;
    const char *why;
    struct ready_secrets secrets;
    assert_int_equal(envelope_scan(bytes, strlen((char *)bytes), &envelope, &why), JSON_OK);
    redact_ready(bytes, &envelope, &secrets);
    assert_string_equal(secrets.session_id, "");
}

static void an_interaction_tells_the_host_its_token(void **state) {
    static const struct {
        const char *d;
        bool ok;
    } rows[] = {
        {"{\"id\":\"700\",\"application_id\":\"800\",\"token\":\"SE\\u0043RET\"}", true},
        {"{\"token\":\"old\",\"id\":\"700\",\"data\":{\"token\":\"no\",\"id\":\"1\"},"
         "\"application_id\":\"800\",\"token\":\"SECRET\"}",
         true},
        {"{\"id\":\"700\",\"application_id\":\"800\"}", false},
        {"{\"id\":\"700\",\"application_id\":\"800\",\"token\":\"\"}", false},
        {"{\"id\":\"700\",\"application_id\":\"800\",\"token\":7}", false},
        {"{\"id\":\"0\",\"application_id\":\"800\",\"token\":\"SECRET\"}", false},
        {"{\"id\":\"x\",\"application_id\":\"800\",\"token\":\"SECRET\"}", false},
        {"{\"id\":\"99999999999999999999999\",\"application_id\":\"8\",\"token\":\"SECRET\"}",
         false},
        {"{\"id\":700,\"application_id\":\"800\",\"token\":\"SECRET\"}", false},
        {"[]", false},
        {"null", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[512 + JSON_PADDING] = {0};
        struct envelope envelope;
        const char *why;
        struct interaction_secrets secrets = {0};
        snprintf((char *)bytes, 512, "{\"op\":0,\"s\":1,\"t\":\"INTERACTION_CREATE\",\"d\":%s}",
                 rows[i].d);
        size_t length = strlen((char *)bytes);
        assert_int_equal(envelope_scan(bytes, length, &envelope, &why), JSON_OK);
        assert_int_equal(redact_interaction(bytes, &envelope, &secrets), rows[i].ok);
        if (rows[i].ok) {
            assert_int_equal(secrets.interaction, 700);
            assert_int_equal(secrets.application, 800);
            assert_string_equal(secrets.token, "SECRET");
        }
        assert_true(redact_message(bytes, length, EVENT_INTERACTION_CREATE, NULL));
        assert_null(strstr((char *)bytes, "SECRET"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_secret_is_blotted_out_wherever_it_may_stand),
        cmocka_unit_test(a_second_d_is_looked_through_as_well),
        cmocka_unit_test(what_is_no_secret_stays),
        cmocka_unit_test(what_cannot_be_looked_through_must_not_be_published),
        cmocka_unit_test(ready_tells_the_host_what_it_must_know),
        cmocka_unit_test(a_session_id_that_does_not_fit_is_none),
        cmocka_unit_test(an_interaction_tells_the_host_its_token),
    };
    return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
