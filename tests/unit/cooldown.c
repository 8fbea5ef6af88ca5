/* tests/unit/cooldown.c: a command is used at most n times in any so many seconds, per subject, and
 * whoever has to wait is told how long. */
#include "interaction/cooldown.h"

#include "failing.h"

static const struct cooldown_subject anna = {.user = 1, .guild = 10, .channel = 100};
static const struct cooldown_subject ben = {.user = 2, .guild = 10, .channel = 101};
static const struct cooldown_subject cleo = {.user = 3, .guild = 11, .channel = 102};

/* How long to wait; 0: it was let through. */
static uint64_t use(struct cooldown *cooldown, const struct cooldown_rule *rule,
                    const char *command, const struct cooldown_subject *who, uint64_t now_ms) {
    uint64_t wait_ms = 77;
    bool ok = cooldown_take(cooldown, rule, command, who, now_ms, &wait_ms);
    assert_true(ok == (wait_ms == 0));
    return wait_ms;
}

static void the_window_slides(void **state) {
    struct cooldown *cooldown = cooldown_create(16, NULL);
    const struct cooldown_rule rule = {COOLDOWN_PER_USER, 3, 10};
    assert_int_equal(use(cooldown, &rule, "a", &anna, 1000), 0);
    assert_int_equal(use(cooldown, &rule, "a", &anna, 5000), 0);
    assert_int_equal(use(cooldown, &rule, "a", &anna, 9000), 0);
    assert_int_equal(use(cooldown, &rule, "a", &anna, 9500), 1500); /* till the first is 10 s old */
    assert_int_equal(use(cooldown, &rule, "a", &anna, 10999), 1);   /* asking does not count */
    assert_int_equal(use(cooldown, &rule, "a", &anna, 11000), 0);
    assert_int_equal(use(cooldown, &rule, "a", &anna, 11001), 3999); /* no burst at an edge */
    assert_int_equal(use(cooldown, &rule, "a", &anna, 100000), 0);
    cooldown_destroy(cooldown);
}

static void subjects_and_commands_are_told_apart(void **state) {
    static const struct {
        enum cooldown_per per;
        bool ben_waits;
        bool cleo_waits;
    } rows[] = {{COOLDOWN_PER_USER, false, false},
                {COOLDOWN_PER_GUILD, true, false},
                {COOLDOWN_PER_CHANNEL, false, false},
                {COOLDOWN_PER_BOT, true, true}};
    for (size_t i = 0; i < 4; i++) {
        struct cooldown *cooldown = cooldown_create(16, NULL);
        const struct cooldown_rule rule = {rows[i].per, 1, 60};
        const struct cooldown_subject elsewhere = {.user = 4, .guild = 12, .channel = 100};
        assert_int_equal(use(cooldown, &rule, "a", &anna, 0), 0);
        assert_true(use(cooldown, &rule, "a", &anna, 1) > 0);
        assert_int_equal(use(cooldown, &rule, "b", &anna, 1), 0);
        assert_int_equal(use(cooldown, &rule, "a", &ben, 2) > 0, rows[i].ben_waits);
        assert_int_equal(use(cooldown, &rule, "a", &cleo, 2) > 0, rows[i].cleo_waits);
        assert_int_equal(use(cooldown, &rule, "a", &elsewhere, 3) > 0,
                         rows[i].per == COOLDOWN_PER_CHANNEL || rows[i].per == COOLDOWN_PER_BOT);
        cooldown_destroy(cooldown);
    }
}

static void direct_messages_share_no_guild(void **state) {
    struct cooldown *cooldown = cooldown_create(16, NULL);
    const struct cooldown_rule rule = {COOLDOWN_PER_GUILD, 1, 60};
    const struct cooldown_subject one = {.user = 1, .channel = 100};
    const struct cooldown_subject two = {.user = 2, .channel = 200};
    assert_int_equal(use(cooldown, &rule, "a", &one, 0), 0);
    assert_int_equal(use(cooldown, &rule, "a", &two, 0), 0);
    assert_int_equal(use(cooldown, &rule, "a", &one, 0), 60000);
    cooldown_destroy(cooldown);
}

static void no_rule_is_no_cooldown(void **state) {
    struct cooldown *cooldown = cooldown_create(1, NULL);
    const struct cooldown_rule none = {0};
    for (int i = 0; i < 100; i++) {
        assert_int_equal(use(cooldown, &none, "a", &anna, 0), 0);
    }
    assert_true(cooldown_check(&none, NULL));
    cooldown_destroy(cooldown);
}

static void a_rule_that_makes_no_sense_is_named(void **state) {
    static const struct {
        struct cooldown_rule rule;
        const char *why;
    } rows[] = {
        {{COOLDOWN_PER_USER, 1, 5}, ""},
        {{COOLDOWN_PER_BOT, COOLDOWN_USES_MAX, COOLDOWN_SECONDS_MAX}, ""},
        {{0, 1, 5}, "cooldown.per: should be user, guild, channel or bot"},
        {{5, 1, 5}, "cooldown.per: should be user, guild, channel or bot"},
        {{COOLDOWN_PER_USER, 0, 5}, "cooldown.n: 0 uses, 1 to 16 are allowed"},
        {{COOLDOWN_PER_USER, 17, 5}, "cooldown.n: 17 uses, 1 to 16 are allowed"},
        {{COOLDOWN_PER_USER, 1, 0}, "cooldown.seconds: 0, 1 to 604800 are allowed"},
        {{COOLDOWN_PER_USER, 1, 604801}, "cooldown.seconds: 604801, 1 to 604800 are allowed"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};
        assert_int_equal(cooldown_check(&rows[i].rule, &err), rows[i].why[0] == '\0');
        assert_string_equal(err.text, rows[i].why);
    }
}

static void a_rule_that_became_stricter_counts_from_now_on(void **state) {
    struct cooldown *cooldown = cooldown_create(4, NULL);
    const struct cooldown_rule before = {COOLDOWN_PER_USER, 5, 10};
    const struct cooldown_rule after = {COOLDOWN_PER_USER, 1, 10};
    for (uint64_t at_ms = 0; at_ms < 5000; at_ms += 1000) {
        assert_int_equal(use(cooldown, &before, "a", &anna, at_ms), 0);
    }
    assert_int_equal(use(cooldown, &after, "a", &anna, 5000), 9000); /* until the last is old */
    assert_int_equal(use(cooldown, &after, "a", &anna, 14000), 0);
    cooldown_destroy(cooldown);
}

static void memory_is_bounded_and_the_longest_unseen_is_forgotten(void **state) {
    struct cooldown *cooldown = cooldown_create(100, NULL);
    const struct cooldown_rule rule = {COOLDOWN_PER_USER, 1, 3600};
    for (uint64_t user = 1; user <= 1000; user++) {
        const struct cooldown_subject who = {.user = user};
        assert_int_equal(use(cooldown, &rule, "a", &who, user), 0);
        const struct cooldown_subject first = {.user = 1}; /* is looked at all the time */
        assert_true(use(cooldown, &rule, "a", &first, user) > 0);
    }
    for (uint64_t user = 902; user <= 1000; user++) {
        const struct cooldown_subject who = {.user = user};
        assert_true(use(cooldown, &rule, "a", &who, 2000) > 0);
    }
    const struct cooldown_subject gone = {.user = 500};
    assert_int_equal(use(cooldown, &rule, "a", &gone, 2000), 0);
    cooldown_destroy(cooldown);
}

static bool try_create(void *arg) {
    struct err err = {0};
    struct cooldown *cooldown = cooldown_create(4, &err);
    assert_true(cooldown != NULL || err.code == ERR_NO_MEMORY);
    bool ok = cooldown != NULL;
    cooldown_destroy(cooldown);
    return ok;
}

static void without_memory_it_says_so(void **state) {
    assert_int_equal(each_fails(try_create, NULL), 3);
    assert_null(cooldown_create(0, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_window_slides),
        cmocka_unit_test(subjects_and_commands_are_told_apart),
        cmocka_unit_test(direct_messages_share_no_guild),
        cmocka_unit_test(no_rule_is_no_cooldown),
        cmocka_unit_test(a_rule_that_makes_no_sense_is_named),
        cmocka_unit_test(a_rule_that_became_stricter_counts_from_now_on),
        cmocka_unit_test(memory_is_bounded_and_the_longest_unseen_is_forgotten),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests_name("cooldown", tests, NULL, NULL);
}
