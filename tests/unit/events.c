/* tests/unit/events.c: the tables of events and intents are complete and can be searched. */
#include "gateway/events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_event_is_found_by_its_name_and_no_other(void **state) {
    for (unsigned id = 1; id <= EVENT_COUNT; id++) {
        const char *name = event_name(id);
        assert_non_null(name);
        assert_int_equal(event_find(name, strlen(name)), id);
        assert_int_equal(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"), strlen(name));
        char longer[64];
        strcpy(longer, name);
        strcat(longer, "S");
        unsigned other = event_find(longer, strlen(longer)); /* ..._SOUND, ..._SOUNDS? */
        assert_true(other == EVENT_UNKNOWN || strcmp(event_name(other), longer) == 0);
        assert_int_equal(event_find(longer, strlen(name)), id); /* the length counts, no NUL */
        for (size_t length = 0; length < strlen(name); length++) {
            other = event_find(name, length);
            assert_true(other == EVENT_UNKNOWN || strlen(event_name(other)) == length);
        }
    }
}

static void unknown_names_are_unknown(void **state) {
    static const char *const names[] = {"",
                                        "R",
                                        "ready",
                                        "READy",
                                        "GUILD",
                                        "PRESENCES_REPLACE",
                                        "\xff\xff\xff\xff\xff\xff\xff\xff",
                                        "MESSAGE_CREATE "};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(event_find(names[i], strlen(names[i])), EVENT_UNKNOWN);
    }
    char longest[4096];
    memset(longest, 'A', sizeof(longest));
    for (size_t length = 0; length <= sizeof(longest); length++) {
        assert_int_equal(event_find(longest, length), EVENT_UNKNOWN);
    }
    assert_null(event_name(EVENT_UNKNOWN));
    assert_null(event_name(EVENT_COUNT + 1));
    assert_null(event_name(UINT32_MAX));
}

static void the_tables_have_the_size_of_discords(void **state) {
    assert_int_equal(EVENT_COUNT, 79);
    assert_int_equal(intents_all(), 53608447);
    assert_int_equal(intents_all() & ~intents_privileged(), 53575421);
    unsigned always = 0;
    for (unsigned id = 1; id <= EVENT_COUNT; id++) {
        assert_int_equal(event_intents(id, SCOPE_BOTH) & ~intents_all(), 0);
        always += event_intents(id, SCOPE_BOTH) == 0 ? 1 : 0;
    }
    assert_in_range(always, 15, 25);
}

static void every_intent_is_found_by_its_name(void **state) {
    unsigned last = 0;
    for (size_t row = 0; row < INTENT_COUNT; row++) {
        const struct intent *intent = intent_row(row);
        assert_ptr_equal(intent_find(intent->name), intent);
        assert_true(row == 0 || intent->bit > last);
        last = intent->bit;
    }
    assert_null(intent_row(INTENT_COUNT));
    assert_null(intent_find(""));
    assert_null(intent_find("guilds"));
}

static void the_scope_chooses_between_guilds_and_direct_messages(void **state) {
    uint32_t guild = 1u << INTENT_GUILD_MESSAGES;
    uint32_t dm = 1u << INTENT_DIRECT_MESSAGES;
    assert_int_equal(event_intents(EVENT_MESSAGE_CREATE, SCOPE_GUILD), guild);
    assert_int_equal(event_intents(EVENT_MESSAGE_CREATE, SCOPE_DM), dm);
    assert_int_equal(event_intents(EVENT_MESSAGE_CREATE, SCOPE_BOTH), guild | dm);
    uint32_t guilds = 1u << INTENT_GUILDS;
    assert_int_equal(event_intents(EVENT_GUILD_CREATE, SCOPE_DM), guilds); /* one kind only */
    assert_int_equal(event_intents(EVENT_READY, SCOPE_BOTH), 0);
    assert_int_equal(event_intents(EVENT_UNKNOWN, SCOPE_BOTH), 0);
    assert_int_equal(event_intents(UINT32_MAX, SCOPE_BOTH), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_is_found_by_its_name_and_no_other),
        cmocka_unit_test(unknown_names_are_unknown),
        cmocka_unit_test(the_tables_have_the_size_of_discords),
        cmocka_unit_test(every_intent_is_found_by_its_name),
        cmocka_unit_test(the_scope_chooses_between_guilds_and_direct_messages),
    };
    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
