/* tests/unit/intents.c: which intents follow from what plugins registered, and which plugins a
 * session can serve. */
#include "bot/intents.h"

#include "gateway/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BIT(name) (1u << INTENT_##name)

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
        /* privileged ones only by name */
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
        assert_int_equal(intents_from_needs(&wanted, &needs), rows[i].expected);
    }
}

static void everything_means_all_that_is_not_privileged(void **state) {
    struct plugin_needs needs = {.everything = true};
    struct config_intents wanted = {.automatic = true};
    assert_int_equal(intents_from_needs(&wanted, &needs), 53575421);
}

static void named_intents_are_taken_as_they_are(void **state) {
    struct plugin_needs needs = {.everything = true};
    struct config_intents wanted = {.automatic = false, .mask = BIT(GUILDS)};
    assert_int_equal(intents_from_needs(&wanted, &needs), BIT(GUILDS));
}

static void a_reload_that_needs_more_is_refused_with_the_ways_out(void **state) {
    struct config_bot bot = {.name = "main", .intents = {.automatic = true}};
    struct plugin_needs needs = {0};
    struct err err = {0};
    needs.scopes[EVENT_MESSAGE_CREATE] = SCOPE_GUILD;
    assert_true(intents_admit(&bot, BIT(GUILD_MESSAGES), "ping", &needs, &err));
    needs.scopes[EVENT_GUILD_BAN_ADD] = SCOPE_GUILD;
    assert_false(intents_admit(&bot, BIT(GUILD_MESSAGES), "ping", &needs, &err));
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
        cmocka_unit_test(a_reload_that_needs_more_is_refused_with_the_ways_out),
        cmocka_unit_test(intents_are_shown_by_name),
    };
    return cmocka_run_group_tests_name("intents", tests, NULL, NULL);
}
