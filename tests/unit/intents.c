/* tests/unit/intents.c: which intents follow from what plugins registered, and which plugins a
 * session can serve. */
#include "bot/intents.h"

#include "gateway/events.h"
#include "rest/application.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BIT(name) (1u << INTENT_##name)

static const struct grants unknown = {0};

static void automatic_intents_follow_events_and_scopes(void **state) {
    static const struct {
        unsigned event;
        uint8_t scope;
        bool content;
        uint32_t plus;
        uint32_t minus;
        uint32_t expected;
    } rows[] = {
        {EVENT_MESSAGE_CREATE, SCOPE_GUILD, false, 0, 0, BIT(GUILD_MESSAGES)},
        {EVENT_MESSAGE_CREATE, SCOPE_DM, false, 0, 0, BIT(DIRECT_MESSAGES)},
        {EVENT_MESSAGE_CREATE, SCOPE_BOTH, false, 0, 0, BIT(GUILD_MESSAGES) | BIT(DIRECT_MESSAGES)},
        {EVENT_INTERACTION_CREATE, SCOPE_BOTH, false, 0, 0, 0},
        /* privileged ones only by name, as long as nobody knows what is granted */
        {EVENT_GUILD_MEMBER_ADD, SCOPE_GUILD, false, 0, 0, 0},
        {EVENT_GUILD_MEMBER_ADD, SCOPE_GUILD, false, BIT(GUILD_MEMBERS), 0, BIT(GUILD_MEMBERS)},
        {EVENT_MESSAGE_CREATE, SCOPE_GUILD, true, 0, 0, BIT(GUILD_MESSAGES)},
        {EVENT_MESSAGE_CREATE, SCOPE_GUILD, true, BIT(MESSAGE_CONTENT), 0,
         BIT(GUILD_MESSAGES) | BIT(MESSAGE_CONTENT)},
        {EVENT_GUILD_CREATE, SCOPE_GUILD, false, 0, BIT(GUILDS), 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct plugin_needs needs = {.content = rows[i].content};
        needs.scopes[rows[i].event] = rows[i].scope;
        struct config_intents wanted = {
            .automatic = true, .plus = rows[i].plus, .minus = rows[i].minus};
        assert_int_equal(intents_from_needs(&wanted, &needs, &unknown), rows[i].expected);
    }
}

static void everything_means_all_that_is_not_privileged(void **state) {
    struct plugin_needs needs = {.everything = true};
    struct config_intents wanted = {.automatic = true};
    assert_int_equal(intents_from_needs(&wanted, &needs, &unknown), 53575421);
}

static void named_intents_are_taken_as_they_are(void **state) {
    struct plugin_needs needs = {.everything = true};
    struct config_intents wanted = {.automatic = false, .mask = BIT(GUILDS)};
    assert_int_equal(intents_from_needs(&wanted, &needs, &unknown), BIT(GUILDS));
}

static void privileged_intents_are_asked_for_where_they_are_granted(void **state) {
    const struct grants content = {.known = true, .privileged = BIT(MESSAGE_CONTENT)};
    struct plugin_needs needs = {.content = true};
    needs.scopes[EVENT_MESSAGE_CREATE] = SCOPE_GUILD;
    needs.scopes[EVENT_GUILD_MEMBER_ADD] = SCOPE_GUILD;
    struct config_intents wanted = {.automatic = true};
    assert_int_equal(intents_from_needs(&wanted, &needs, &content),
                     BIT(GUILD_MESSAGES) | BIT(MESSAGE_CONTENT));
    wanted.plus = BIT(GUILD_MEMBERS); /* named, not granted: Discord would refuse the bot */
    assert_int_equal(intents_from_needs(&wanted, &needs, &content),
                     BIT(GUILD_MESSAGES) | BIT(MESSAGE_CONTENT));
    wanted.minus = BIT(MESSAGE_CONTENT);
    assert_int_equal(intents_from_needs(&wanted, &needs, &content), BIT(GUILD_MESSAGES));
    wanted = (struct config_intents){.mask = BIT(GUILDS) | BIT(GUILD_MEMBERS)};
    assert_int_equal(intents_from_needs(&wanted, &needs, &content), BIT(GUILDS));
}

static void a_plugin_is_refused_for_what_is_not_granted_unless_it_does_without(void **state) {
    const struct grants none = {.known = true};
    const struct grants content = {.known = true, .privileged = BIT(MESSAGE_CONTENT)};
    struct config_bot bot = {.name = "main", .intents = {.automatic = true}};
    struct plugin_needs needs = {.content = true};
    struct err err = {0};
    assert_true(intents_permit(&bot, &unknown, "trivia", &needs, &err));
    assert_true(intents_permit(&bot, &content, "trivia", &needs, &err));
    assert_false(intents_permit(&bot, &none, "trivia", &needs, &err));
    assert_non_null(strstr(err.text, "MESSAGE_CONTENT!"));
    assert_non_null(strstr(err.text, "intents = auto -NAME"));
    bot.intents.minus = BIT(MESSAGE_CONTENT);
    assert_true(intents_permit(&bot, &none, "trivia", &needs, &err));
    bot.intents = (struct config_intents){.mask = BIT(GUILDS)};
    assert_true(intents_permit(&bot, &none, "trivia", &needs, &err));
    bot.intents.mask |= BIT(MESSAGE_CONTENT);
    assert_false(intents_permit(&bot, &none, "trivia", &needs, &err));
    needs = (struct plugin_needs){0}; /* another plugin of the same bot */
    assert_true(intents_permit(&bot, &none, "ping", &needs, &err));
}

static void either_kind_of_flag_grants_its_intent(void **state) {
    static const struct {
        uint32_t flags;
        uint32_t granted;
    } rows[] = {
        {0, 0},
        {1 << 23, 0},
        {1 << 12, BIT(GUILD_PRESENCES)},
        {1 << 13, BIT(GUILD_PRESENCES)},
        {1 << 14, BIT(GUILD_MEMBERS)},
        {1 << 15, BIT(GUILD_MEMBERS)},
        {1 << 18, BIT(MESSAGE_CONTENT)},
        {1 << 19 | 1 << 14, BIT(MESSAGE_CONTENT) | BIT(GUILD_MEMBERS)},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(intents_granted(rows[i].flags), rows[i].granted);
    }
}

static void an_application_is_read_and_nothing_of_it_trusted(void **state) {
    static const struct {
        const char *body;
        bool ok;
        uint32_t flags;
    } rows[] = {
        {"{\"id\":\"1\",\"flags\":565248}", true, 565248},
        {"{\"flags\":0}", true, 0},
        {"{\"flags\":4294967297}", true, 1}, /* one beyond 32 bits */
        {"{\"flags\":-1}", false, 0},
        {"{\"flags\":1e300}", false, 0},
        {"{\"flags\":\"8192\"}", false, 0},
        {"{}", false, 0},
        {"[]", false, 0},
        {"<html>", false, 0},
        {"", false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint32_t flags = 0;
        struct err err = {0};
        assert_int_equal(application_parse(rows[i].body, strlen(rows[i].body), &flags, &err),
                         rows[i].ok);
        assert_int_equal(flags, rows[i].flags);
        assert_int_equal(err.code, rows[i].ok ? ERR_NONE : ERR_PROTOCOL);
    }
}

static void a_reload_that_needs_more_is_refused_with_the_ways_out(void **state) {
    struct config_bot bot = {.name = "main", .intents = {.automatic = true}};
    struct plugin_needs needs = {0};
    struct err err = {0};
    needs.scopes[EVENT_MESSAGE_CREATE] = SCOPE_GUILD;
    assert_true(intents_admit(&bot, &unknown, BIT(GUILD_MESSAGES), "ping", &needs, &err));
    needs.scopes[EVENT_GUILD_BAN_ADD] = SCOPE_GUILD;
    assert_false(intents_admit(&bot, &unknown, BIT(GUILD_MESSAGES), "ping", &needs, &err));
    assert_non_null(strstr(err.text, "GUILD_MODERATION"));
    assert_non_null(strstr(err.text, "intents = auto +"));
    assert_non_null(strstr(err.text, "reload --config"));
}

static void intents_are_shown_by_name(void **state) {
    struct buf text = {0};
    assert_true(intents_text(BIT(GUILDS) | BIT(MESSAGE_CONTENT), &text));
    assert_string_equal(text.bytes, "GUILDS MESSAGE_CONTENT!");
    buf_clear(&text);
    assert_true(intents_text(53575421 | BIT(GUILD_MEMBERS), &text));
    assert_string_equal(text.bytes, "all unprivileged ones GUILD_MEMBERS!");
    buf_clear(&text);
    assert_true(intents_text(0, &text));
    assert_string_equal(text.bytes, "none");
    buf_finish(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(automatic_intents_follow_events_and_scopes),
        cmocka_unit_test(everything_means_all_that_is_not_privileged),
        cmocka_unit_test(named_intents_are_taken_as_they_are),
        cmocka_unit_test(privileged_intents_are_asked_for_where_they_are_granted),
        cmocka_unit_test(a_plugin_is_refused_for_what_is_not_granted_unless_it_does_without),
        cmocka_unit_test(either_kind_of_flag_grants_its_intent),
        cmocka_unit_test(an_application_is_read_and_nothing_of_it_trusted),
        cmocka_unit_test(a_reload_that_needs_more_is_refused_with_the_ways_out),
        cmocka_unit_test(intents_are_shown_by_name),
    };
    return cmocka_run_group_tests_name("intents", tests, NULL, NULL);
}
