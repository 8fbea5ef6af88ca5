/* tests/unit/keeper.c: interactions are answered once and in time, and whoever is too late, too
 * often or out of turn is told which handler broke which rule. */
#include "keeper_rig.h"

/* ---- the first answer ---- */

static void a_reply_is_one_callback_and_its_end_is_told(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    struct keeper_arrival ping = rig_ping(&rig);
    rig_arrive(&rig, &ping);
    rig.now_ms += 100;
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{\"content\":\"pong\"}"));
    rig_saw(&rig, CALLBACK " {\"type\":4,\"data\":{\"content\":\"pong\"}}\n");
    assert_true(rig.urgent);
    assert_int_equal(rig.mark, KEEPER_MARK_REPLY);
    assert_int_equal(rig.deadline_ms, ping.received_ms + 3000);
    rig_outcome(&rig, 204, 0, NULL);
    rig_saw(&rig, "tell 1 ok\n");
    rig_outcome(&rig, 204, 0, NULL); /* said twice: once counts */
    rig_saw(&rig, "");
    assert_int_equal(keeper_stats(rig.keeper).requests, 0);
    rig_finish(&rig);
}

static void each_kind_of_first_answer_has_its_body(void **state) {
    static const struct {
        enum keeper_type type;
        bool on_message;
        enum keeper_answer_kind kind;
        const char *body;
        const char *sent;
        enum keeper_mark mark;
    } rows[] = {
        {KEEPER_COMMAND, false, KEEPER_DEFER, NULL, "{\"type\":5}", KEEPER_MARK_DEFER},
        {KEEPER_COMMAND, false, KEEPER_MODAL,
         "{\"title\":\"T\",\"custom_id\":\"c\",\"components\":[{\"type\":1}]}",
         "{\"type\":9,\"data\":{\"title\":\"T\",\"custom_id\":\"c\",\"components\":[{\"type\":1}]}}",
         KEEPER_MARK_MODAL},
        {KEEPER_COMPONENT, false, KEEPER_DEFER_UPDATE, NULL, "{\"type\":6}",
         KEEPER_MARK_DEFER_UPDATE},
        {KEEPER_COMPONENT, false, KEEPER_UPDATE, "{}", "{\"type\":7,\"data\":{}}",
         KEEPER_MARK_UPDATE},
        {KEEPER_MODAL_SUBMIT, true, KEEPER_UPDATE, "{}", "{\"type\":7,\"data\":{}}",
         KEEPER_MARK_UPDATE},
        {KEEPER_MODAL_SUBMIT, false, KEEPER_REPLY, "{}", "{\"type\":4,\"data\":{}}",
         KEEPER_MARK_REPLY},
        {KEEPER_AUTOCOMPLETE, false, KEEPER_CHOICES, "[{\"name\":\"a\",\"value\":1}]",
         "{\"type\":8,\"data\":{\"choices\":[{\"name\":\"a\",\"value\":1}]}}", KEEPER_MARK_CHOICES},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig rig;
        char line[512];
        rig_start(&rig, 8);
        struct keeper_arrival arrival = rig_ping(&rig);
        arrival.type = rows[i].type;
        arrival.on_message = rows[i].on_message;
        rig_arrive(&rig, &arrival);
        assert_true(rig_answer(&rig, rows[i].kind, rows[i].body));
        snprintf(line, sizeof(line), CALLBACK " %s\n", rows[i].sent);
        rig_saw(&rig, line);
        assert_int_equal(rig.mark, rows[i].mark);
        rig_finish(&rig);
    }
}

static void what_a_type_does_not_take_is_refused_with_the_reason(void **state) {
    static const struct {
        enum keeper_type type;
        enum keeper_answer_kind kind;
        const char *why;
    } rows[] = {
        {KEEPER_AUTOCOMPLETE, KEEPER_REPLY,
         "/ping (on_ping): an autocompletion is answered with choices"},
        {KEEPER_AUTOCOMPLETE, KEEPER_DEFER,
         "/ping (on_ping): an autocompletion cannot be deferred; answer with choices"},
        {KEEPER_AUTOCOMPLETE, KEEPER_FOLLOWUP,
         "/ping (on_ping): an autocompletion has no follow-ups"},
        {KEEPER_COMMAND, KEEPER_CHOICES, "/ping (on_ping): choices are for autocompletions alone"},
        {KEEPER_COMMAND, KEEPER_UPDATE,
         "/ping (on_ping): there is no message of a component to update; reply"},
        {KEEPER_MODAL_SUBMIT, KEEPER_MODAL,
         "/ping (on_ping): Discord takes no modal as an answer to a modal or an autocompletion"},
        {KEEPER_COMMAND, KEEPER_EDIT_ORIGINAL,
         "/ping (on_ping): an edit before any answer; reply or defer first"},
        {KEEPER_COMPONENT, KEEPER_FOLLOWUP,
         "/ping (on_ping): a follow-up before any answer; reply or defer first"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig rig;
        rig_start(&rig, 8);
        struct keeper_arrival arrival = rig_ping(&rig);
        arrival.type = rows[i].type;
        rig_arrive(&rig, &arrival);
        rig_refused(&rig, rows[i].kind, "{}", rows[i].why);
        rig_finish(&rig);
    }
}

static void a_body_that_discord_would_refuse_is_not_sent(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    struct keeper_arrival ping = rig_ping(&rig);
    rig_arrive(&rig, &ping);
    rig_refused(&rig, KEEPER_REPLY, "[]", "/ping (on_ping): a message should be a JSON object");
    rig_refused(&rig, KEEPER_REPLY, "{\"content\":}",
                "/ping (on_ping): message: not JSON (or no memory), from byte 11 on");
    rig_refused(&rig, KEEPER_REPLY, NULL, "/ping (on_ping): its body has 0 bytes: 1 to 1048576");
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{}")); /* none of those was an answer */
    rig_saw(&rig, CALLBACK " {\"type\":4,\"data\":{}}\n");
    rig_finish(&rig);
}

static void a_second_reply_is_refused_and_edits_and_followups_are_free(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    struct keeper_arrival ping = rig_ping(&rig);
    rig_arrive(&rig, &ping);
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{}"));
    rig_outcome(&rig, 200, 0, NULL);
    rig_drain(&rig);
    buf_clear(&rig.lines);
    rig_refused(&rig, KEEPER_REPLY, "{}",
                "/ping (on_ping) answered twice; after the first answer there are edits and "
                "follow-ups");
    rig_refused(&rig, KEEPER_DEFER, NULL,
                "/ping (on_ping) answered twice; after the first answer there are edits and "
                "follow-ups");
    assert_true(rig_answer(&rig, KEEPER_EDIT_ORIGINAL, "{\"flags\": 68}"));
    assert_true(rig_answer(&rig, KEEPER_FOLLOWUP, "{\"flags\":64}"));
    assert_true(rig_answer(&rig, KEEPER_EDIT_FOLLOWUP, "{}"));
    assert_true(rig_answer(&rig, KEEPER_DELETE_FOLLOWUP, NULL));
    assert_true(rig_answer(&rig, KEEPER_DELETE_ORIGINAL, NULL));
    rig_saw(&rig, PATCH " {\"flags\": 4 }\n" /* an edit may not say ephemeral */
            FOLLOWUP " {\"flags\":64}\n"
                        "PATCH /webhooks/800/{token}/messages/55 {}\n"
                        "DELETE /webhooks/800/{token}/messages/55\n" DELETE "\n");
    rig_finish(&rig);
}

/* ---- deadlines ---- */

static void three_seconds_count_from_creation(void **state) {
    static const struct {
        uint64_t delay_ms;
        uint64_t after_ms;
        bool ok;
    } rows[] = {{0, 2999, true},    {0, 3000, false},   {200, 2799, true},
                {200, 2800, false}, {5000, 1999, true}, {5000, 2000, false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig rig;
        rig_start(&rig, 8);
        struct keeper_arrival ping = rig_ping(&rig);
        ping.delay_ms = rows[i].delay_ms;
        rig_arrive(&rig, &ping);
        rig.now_ms += rows[i].after_ms; /* the timer may be late: the answer is judged by itself */
        assert_int_equal(rig_answer(&rig, KEEPER_REPLY, "{}"), rows[i].ok);
        rig_drain(&rig);
        buf_clear(&rig.lines);
        rig_finish(&rig);
    }
}

static void a_late_answer_says_how_late_and_what_to_do(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    struct keeper_arrival ping = rig_ping(&rig);
    rig_arrive(&rig, &ping);
    rig_wait(&rig, 3400);
    rig_saw(
        &rig,
        "log /ping (on_ping) gave no answer within 3 s and has not come back: it is at work, or "
        "was ended: the user sees that the application did not respond; if it needs the time, "
        "defer first or set DREY_AUTO_DEFER\n");
    rig_refused(&rig, KEEPER_REPLY, "{}",
                "/ping (on_ping) answered after 3.4 s, Discord had given up at 3 s; defer first or "
                "set DREY_AUTO_DEFER");
    assert_int_equal(keeper_stats(rig.keeper).missed, 1);
    rig_finish(&rig);
}

static void a_handler_that_came_back_silent_is_told_apart(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    struct keeper_arrival ping = rig_ping(&rig);
    rig_arrive(&rig, &ping);
    keeper_returned(rig.keeper, RIG_ID);
    keeper_returned(rig.keeper, 12345);
    rig_wait(&rig, 3000);
    rig_saw_line(&rig, "log /ping (on_ping) gave no answer within 3 s, though it came back:");
    rig_finish(&rig);
}

static void a_deferral_goes_out_at_two_seconds_when_asked_for(void **state) {
    static const struct {
        enum keeper_type type;
        bool ephemeral;
        uint64_t delay_ms;
        uint64_t at_ms;
        const char *line;
    } rows[] = {
        {KEEPER_COMMAND, false, 0, 2000, CALLBACK " {\"type\":5}\n"},
        {KEEPER_COMMAND, true, 300, 1700, CALLBACK " {\"type\":5,\"data\":{\"flags\":64}}\n"},
        {KEEPER_MODAL_SUBMIT, false, 0, 2000, CALLBACK " {\"type\":5}\n"},
        {KEEPER_COMPONENT, true, 0, 2000, CALLBACK " {\"type\":6}\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig rig;
        rig_start(&rig, 8);
        struct keeper_arrival ping = rig_ping(&rig);
        ping.type = rows[i].type;
        ping.auto_defer = true;
        ping.ephemeral = rows[i].ephemeral;
        ping.delay_ms = rows[i].delay_ms;
        rig_arrive(&rig, &ping);
        rig_wait(&rig, rows[i].at_ms - 1);
        rig_saw(&rig, "");
        rig_wait(&rig, 1);
        rig_saw(&rig, rows[i].line);
        rig_outcome(&rig, 204, 0, NULL);
        rig_wait(&rig, 60000);
        rig_saw(&rig, ""); /* nobody asked for it, nobody is told */
        assert_int_equal(keeper_stats(rig.keeper).deferred, 1);
        rig_finish(&rig);
    }
}

static void an_answer_in_time_spares_the_deferral(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    struct keeper_arrival ping = rig_ping(&rig);
    ping.auto_defer = true;
    rig_arrive(&rig, &ping);
    rig_wait(&rig, 1999);
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{}"));
    rig_wait(&rig, 5000);
    rig_saw(&rig, CALLBACK " {\"type\":4,\"data\":{}}\n");
    rig_finish(&rig);
}

static void fifteen_minutes_are_the_end(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    struct keeper_arrival ping = rig_ping(&rig);
    rig_arrive(&rig, &ping);
    assert_true(rig_answer(&rig, KEEPER_DEFER, NULL));
    rig_saw(&rig, CALLBACK " {\"type\":5}\n");
    rig_outcome(&rig, 204, 0, NULL);
    rig_saw(&rig, "tell 1 ok\n");
    rig_wait(&rig, (14 * 60 + 59) * 1000);
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{}")); /* S76: 14:59 */
    rig_saw(&rig, PATCH " {}\n");
    rig_outcome(&rig, 200, 0, NULL);
    rig_saw(&rig, "tell 2 ok\n");
    rig.now_ms += 2000; /* no timer has come yet */
    rig_refused(&rig, KEEPER_FOLLOWUP, "{}",
                "/ping (on_ping): the 15 minutes of this interaction are over");
    rig_wait(&rig, 0);
    rig_saw(&rig, "forget 700\n");
    rig_refused(&rig, KEEPER_FOLLOWUP, "{}",
                "interaction 700 is not known (any more): its 15 minutes are over, or it never "
                "came");
    assert_int_equal(keeper_stats(rig.keeper).interactions, 0);
    assert_int_equal(keeper_next_ms(rig.keeper), KEEPER_NEVER);
    rig_finish(&rig);
}

/* ---- after a deferral ---- */

static void defer(struct rig *rig, bool ephemeral) {
    struct keeper_arrival ping = rig_ping(rig);
    ping.auto_defer = true;
    ping.ephemeral = ephemeral;
    rig_arrive(rig, &ping);
    rig_wait(rig, 2000);
    rig_outcome(rig, 204, 0, NULL);
    rig_drain(rig);
    buf_clear(&rig->lines);
}

static void a_reply_after_a_deferral_takes_its_place(void **state) {
    static const struct {
        bool ephemeral;
        const char *body;
        const char *line;
    } rows[] = {
        {false, "{\"content\":\"a\"}", PATCH " {\"content\":\"a\"}\n"},
        {false, "{\"flags\":4}", PATCH " {\"flags\":4}\n"},
        {true, "{\"flags\":64}", PATCH " {\"flags\":0 }\n"},
        {true, "{\"a\":{\"flags\":64},\"flags\" :\t64,\"b\":\"\\\"flags\\\":64\"}",
         PATCH " {\"a\":{\"flags\":64},\"flags\" :\t0 ,\"b\":\"\\\"flags\\\":64\"}\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig rig;
        rig_start(&rig, 8);
        defer(&rig, rows[i].ephemeral);
        assert_true(rig_answer(&rig, KEEPER_REPLY, rows[i].body));
        rig_saw(&rig, rows[i].line);
        assert_int_equal(rig.deadline_ms, 1000000 + 15 * 60 * 1000);
        rig_outcome(&rig, 200, 0, NULL);
        rig_saw(&rig, "tell 1 ok\n");
        rig_refused(&rig, KEEPER_REPLY, "{}",
                    "/ping (on_ping) answered twice; after the first answer there are edits and "
                    "follow-ups");
        rig_finish(&rig);
    }
}

static void a_reply_of_another_visibility_replaces_the_deferral(void **state) {
    static const struct {
        bool ephemeral;
        const char *body;
    } rows[] = {{false, "{\"flags\":64}"}, {true, "{\"content\":\"for all\"}"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned status = 204; status <= 404; status += 200) { /* already gone: fine too */
            struct rig rig;
            char line[128];
            rig_start(&rig, 8);
            defer(&rig, rows[i].ephemeral);
            assert_true(rig_answer(&rig, KEEPER_REPLY, rows[i].body));
            rig_saw(&rig, DELETE "\n");
            rig_outcome(&rig, status, 0, NULL);
            snprintf(line, sizeof(line), "original 0 of 700\n" FOLLOWUP " %s\n", rows[i].body);
            rig_saw(&rig, line);
            rig.message = 4711;
            rig_outcome(&rig, 200, 0, NULL);
            rig_saw(&rig, "original 4711 of 700\ntell 1 ok\n");
            rig_finish(&rig);
        }
    }
}

static void what_replaces_a_deferral_is_overtaken_by_nothing(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    defer(&rig, false);
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{\"flags\":64}"));
    assert_true(rig_answer(&rig, KEEPER_EDIT_ORIGINAL, "{\"a\":1}"));
    assert_true(rig_answer(&rig, KEEPER_FOLLOWUP, "{\"a\":2}"));
    rig_saw(&rig, DELETE "\n");
    rig_outcome(&rig, 204, 0, NULL);
    rig_saw(&rig, "original 0 of 700\n" FOLLOWUP " {\"flags\":64}\n");
    rig.message = 4711;
    rig_outcome(&rig, 200, 0, NULL);
    rig_saw(&rig, "original 4711 of 700\ntell 1 ok\n"
                  "PATCH /webhooks/800/{token}/messages/4711 {\"a\":1}\n" FOLLOWUP " {\"a\":2}\n");
    assert_true(rig_answer(&rig, KEEPER_DELETE_ORIGINAL, NULL));
    rig_saw(&rig, "DELETE /webhooks/800/{token}/messages/4711\n");
    assert_true(rig_answer(&rig, KEEPER_FOLLOWUP, "{\"a\":3}"));
    rig_saw(&rig, "");
    rig_outcome(&rig, 204, 0, NULL);
    rig_saw(&rig, "original 0 of 700\ntell 4 ok\n" FOLLOWUP " {\"a\":3}\n");
    rig_finish(&rig);
}

static void a_secret_is_not_told_where_all_would_see_it(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    defer(&rig, false);
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{\"flags\":64}"));
    rig_saw(&rig, DELETE "\n");
    rig_outcome(&rig, 500, 0, "no");
    rig_saw(&rig,
            "tell 1 failed: /ping (on_ping): the deferral could not be taken away in time (no), "
            "so the answer that was to come in its place was not sent\n");
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{\"content\":\"a\"}")); /* it was no answer */
    rig_saw(&rig, PATCH " {\"content\":\"a\"}\n");
    rig_finish(&rig);
    rig_start(&rig, 8);
    defer(&rig, true);
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{\"content\":\"a\"}"));
    rig_saw(&rig, DELETE "\n");
    rig_outcome(&rig, 500, 0, "no"); /* then the user alone sees what all might */
    rig_saw(&rig, FOLLOWUP " {\"content\":\"a\"}\n");
    rig_outcome(&rig, 200, 0, NULL);
    rig_saw(&rig, "tell 1 ok\n");
    rig_finish(&rig);
    rig_start(&rig, 8);
    defer(&rig, false);
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{\"flags\":64}"));
    rig_saw(&rig, DELETE "\n");
    rig.now_ms += 15 * 60 * 1000; /* too late for what was to follow */
    rig_outcome(&rig, 204, 0, NULL);
    rig_saw(&rig, "original 0 of 700\n"
                  "tell 1 failed: /ping (on_ping): the deferral could not be taken away in time "
                  "(nothing more is known), so the answer that was to come in its place was not "
                  "sent\nforget 700\n");
    rig_finish(&rig);
}

static void a_deferral_of_the_handlers_own_comes_to_the_same(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    defer(&rig, false);
    assert_true(rig_answer(&rig, KEEPER_DEFER, NULL)); /* the host was first */
    rig_saw(&rig, "tell 1 ok\n");
    rig_refused(&rig, KEEPER_DEFER, NULL, "/ping (on_ping) deferred twice");
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{}"));
    rig_saw(&rig, PATCH " {}\n");
    rig_finish(&rig);
}

static void an_update_of_a_deferred_component_edits_its_message(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    struct keeper_arrival button = rig_ping(&rig);
    button.type = KEEPER_COMPONENT;
    button.name = "button poll:vote";
    button.auto_defer = true;
    rig_arrive(&rig, &button);
    rig_wait(&rig, 2000);
    rig_saw(&rig, CALLBACK " {\"type\":6}\n");
    assert_true(rig_answer(&rig, KEEPER_UPDATE, "{\"content\":\"1 vote\"}"));
    rig_saw(&rig, ""); /* until Discord has the deferral */
    rig_outcome(&rig, 204, 0, NULL);
    rig_saw(&rig, PATCH " {\"content\":\"1 vote\"}\n");
    rig_finish(&rig);
}

static void a_reply_to_a_component_whose_update_was_deferred_follows(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    struct keeper_arrival button = rig_ping(&rig);
    button.type = KEEPER_COMPONENT;
    rig_arrive(&rig, &button);
    assert_true(rig_answer(&rig, KEEPER_DEFER_UPDATE, NULL));
    rig_outcome(&rig, 204, 0, NULL);
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{\"flags\":64}"));
    rig_saw(&rig, CALLBACK " {\"type\":6}\ntell 1 ok\n" FOLLOWUP " {\"flags\":64}\n");
    rig_finish(&rig);
}

static void a_modal_after_a_deferral_is_refused_with_the_reason(void **state) {
    static const char modal[] = "{\"title\":\"T\",\"custom_id\":\"c\",\"components\":[{}]}";
    struct rig rig;
    rig_start(&rig, 8);
    defer(&rig, false);
    rig_refused(&rig, KEEPER_MODAL, modal,
                "/ping (on_ping): a modal can only be the first answer, and this interaction was "
                "deferred by the host, after 2 s without an answer; a command that shows a modal "
                "must not set DREY_AUTO_DEFER");
    rig_finish(&rig);
    rig_start(&rig, 8);
    struct keeper_arrival ping = rig_ping(&rig);
    rig_arrive(&rig, &ping);
    assert_true(rig_answer(&rig, KEEPER_DEFER, NULL));
    rig_saw(&rig, CALLBACK " {\"type\":5}\n");
    rig_refused(&rig, KEEPER_MODAL, modal,
                "/ping (on_ping): a modal can only be the first answer, and this interaction was "
                "deferred before");
    rig_refused(&rig, KEEPER_UPDATE, "{}",
                "/ping (on_ping): there is no message of a component to update; reply");
    rig_finish(&rig);
}

static void what_follows_waits_until_discord_has_the_callback(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    struct keeper_arrival ping = rig_ping(&rig);
    rig_arrive(&rig, &ping);
    assert_true(rig_answer(&rig, KEEPER_DEFER, NULL));
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{\"a\":1}"));
    assert_true(rig_answer(&rig, KEEPER_FOLLOWUP, "{\"a\":2}"));
    assert_true(rig_answer(&rig, KEEPER_EDIT_ORIGINAL, "{\"a\":3}"));
    rig_saw(&rig, CALLBACK " {\"type\":5}\n");
    rig_outcome(&rig, 204, 0, NULL);
    rig_saw(&rig, "tell 1 ok\n" PATCH " {\"a\":1}\n");
    rig_outcome(&rig, 200, 0, NULL); /* a follow-up before it would take the deferral's place */
    rig_saw(&rig, "tell 2 ok\n" FOLLOWUP " {\"a\":2}\n" PATCH " {\"a\":3}\n");
    rig_finish(&rig);
}

static void answers_that_pile_up_are_refused(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    struct keeper_arrival ping = rig_ping(&rig);
    rig_arrive(&rig, &ping);
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{}"));
    for (int i = 1; i < KEEPER_PENDING_MAX; i++) {
        assert_true(rig_answer(&rig, KEEPER_FOLLOWUP, "{}"));
    }
    assert_false(rig_answer(&rig, KEEPER_FOLLOWUP, "{}"));
    assert_string_equal(rig.err.text,
                        "/ping (on_ping): 32 answers to this interaction have not ended yet");
    keeper_stop(rig.keeper);
    rig_drain(&rig);
    assert_int_equal(keeper_stats(rig.keeper).requests, 1); /* the callback is under way */
    rig_outcome(&rig, 204, 0, NULL);
    rig_drain(&rig);
    assert_int_equal(keeper_stats(rig.keeper).requests, 0);
    assert_false(rig_answer(&rig, KEEPER_FOLLOWUP, "{}"));
    assert_string_equal(rig.err.text, "interactions: the host is stopping");
    buf_clear(&rig.lines);
    rig_finish(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_is_one_callback_and_its_end_is_told),
        cmocka_unit_test(each_kind_of_first_answer_has_its_body),
        cmocka_unit_test(what_a_type_does_not_take_is_refused_with_the_reason),
        cmocka_unit_test(a_body_that_discord_would_refuse_is_not_sent),
        cmocka_unit_test(a_second_reply_is_refused_and_edits_and_followups_are_free),
        cmocka_unit_test(three_seconds_count_from_creation),
        cmocka_unit_test(a_late_answer_says_how_late_and_what_to_do),
        cmocka_unit_test(a_handler_that_came_back_silent_is_told_apart),
        cmocka_unit_test(a_deferral_goes_out_at_two_seconds_when_asked_for),
        cmocka_unit_test(an_answer_in_time_spares_the_deferral),
        cmocka_unit_test(fifteen_minutes_are_the_end),
        cmocka_unit_test(a_reply_after_a_deferral_takes_its_place),
        cmocka_unit_test(a_reply_of_another_visibility_replaces_the_deferral),
        cmocka_unit_test(what_replaces_a_deferral_is_overtaken_by_nothing),
        cmocka_unit_test(a_secret_is_not_told_where_all_would_see_it),
        cmocka_unit_test(a_deferral_of_the_handlers_own_comes_to_the_same),
        cmocka_unit_test(an_update_of_a_deferred_component_edits_its_message),
        cmocka_unit_test(a_reply_to_a_component_whose_update_was_deferred_follows),
        cmocka_unit_test(a_modal_after_a_deferral_is_refused_with_the_reason),
        cmocka_unit_test(what_follows_waits_until_discord_has_the_callback),
        cmocka_unit_test(answers_that_pile_up_are_refused),
    };
    return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
