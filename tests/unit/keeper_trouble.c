/* tests/unit/keeper_trouble.c: requests that end badly, handlers that fail, restarts, crowds and
 * want of memory: the user hears of it where there is a way, each answer ends exactly once, and no
 * callback goes out twice. */
#include "failing.h"
#include "keeper_rig.h"

static void arrive(struct rig *rig, bool auto_defer) {
    struct keeper_arrival ping = rig_ping(rig);
    ping.auto_defer = auto_defer;
    rig_arrive(rig, &ping);
}

/* ---- outcomes ---- */

static void a_callback_that_may_have_arrived_is_not_repeated(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    arrive(&rig, true);
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{}"));
    assert_true(rig_answer(&rig, KEEPER_FOLLOWUP, "{}"));
    rig_saw(&rig, CALLBACK " {\"type\":4,\"data\":{}}\n");
    rig_unsure(&rig);
    rig_saw(&rig, "tell 1 failed: /ping (on_ping): the answer may or may not have arrived (reset); "
                  "it is not sent again, so that nobody sees it twice\n" FOLLOWUP " {}\n");
    rig_refused(&rig, KEEPER_REPLY, "{}",
                "/ping (on_ping) answered twice; after the first answer there are edits and "
                "follow-ups");
    rig_wait(&rig, 10000);
    rig_outcome(&rig, 404, 10015, "Unknown Webhook");
    rig_saw(&rig,
            "tell 2 failed: /ping (on_ping): Discord knows no answer that the follow-up could "
            "belong to (10015): the 15 minutes are over, or the answer never arrived\n");
    rig_finish(&rig);
}

static void a_callback_that_was_refused_may_be_tried_anew(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    arrive(&rig, false);
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{\"a\":1}"));
    assert_true(rig_answer(&rig, KEEPER_FOLLOWUP, "{}"));
    rig_outcome(&rig, 400, 50035, "Invalid Form Body");
    rig_saw(&rig, CALLBACK
            " {\"type\":4,\"data\":{\"a\":1}}\n"
            "tell 1 failed: /ping (on_ping): Discord refused the answer (status 400, code 50035): "
            "Invalid Form Body\n"
            "tell 2 failed: /ping (on_ping): the answer that it was to follow did not arrive\n");
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{\"a\":2}"));
    rig_saw(&rig, CALLBACK " {\"type\":4,\"data\":{\"a\":2}}\n");
    rig_outcome(&rig, 0, 0, "connection refused");
    rig_saw(&rig, "tell 3 failed: /ping (on_ping): the answer was not sent: connection refused\n");
    rig_wait(&rig, 3000); /* the time did not stop meanwhile */
    rig_saw_line(&rig, "log /ping (on_ping) gave no answer within 3 s");
    rig_finish(&rig);
}

static void a_reply_that_waited_for_a_deferral_takes_over_when_that_fails(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    arrive(&rig, true);
    rig_wait(&rig, 2000);
    rig_saw(&rig, CALLBACK " {\"type\":5}\n");
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{}"));
    rig_outcome(&rig, 0, 0, "no route");
    rig_saw(&rig, "log the host's deferral failed: /ping (on_ping): the answer was not sent: no "
                  "route\n" CALLBACK " {\"type\":4,\"data\":{}}\n");
    rig_outcome(&rig, 200, 0, NULL);
    rig_saw(&rig, "tell 1 ok\n");
    rig_finish(&rig);
}

static void but_not_after_the_deadline(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    arrive(&rig, true);
    rig_wait(&rig, 2000);
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{}"));
    rig.now_ms += 1000;
    rig_outcome(&rig, 0, 0, "no route");
    rig_saw(&rig, CALLBACK " {\"type\":5}\nlog the host's deferral failed: /ping (on_ping): the "
                           "answer was not sent: no route\n"
                           "tell 1 failed: /ping (on_ping): the answer that it was to follow did "
                           "not arrive\n");
    rig_wait(&rig, 0);
    rig_saw_line(&rig, "log /ping (on_ping) gave no answer within 3 s");
    rig_finish(&rig);
}

static void what_waited_for_a_callback_beyond_the_end_is_not_sent(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    arrive(&rig, false);
    assert_true(rig_answer(&rig, KEEPER_DEFER, NULL));
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{}"));
    rig_saw(&rig, CALLBACK " {\"type\":5}\n");
    rig.now_ms += KEEPER_LIFE_MS; /* and no timer has come */
    rig_outcome(&rig, 204, 0, NULL);
    rig_saw(&rig, "tell 1 ok\n"
                  "tell 2 failed: /ping (on_ping): the 15 minutes of this interaction are over\n"
                  "forget 700\n");
    rig_finish(&rig);
}

static void discords_own_words_for_too_late_and_twice_are_explained(void **state) {
    static const struct {
        unsigned status;
        unsigned code;
        const char *line;
    } rows[] = {
        {404, 10062,
         "does not know this interaction any more (10062): the answer reached it after "
         "3 s; defer first or set DREY_AUTO_DEFER\n"},
        {400, 40060,
         "answered already (40060), and not from here: another program uses the same "
         "token\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig rig;
        rig_start(&rig, 8);
        arrive(&rig, false);
        assert_true(rig_answer(&rig, KEEPER_REPLY, "{}"));
        assert_true(rig_answer(&rig, KEEPER_FOLLOWUP, "{}"));
        rig_outcome(&rig, rows[i].status, rows[i].code, "Unknown interaction");
        rig_drain(&rig);
        assert_non_null(strstr(rig.lines.bytes, rows[i].line));
        assert_non_null(strstr(rig.lines.bytes, "tell 2 failed: "));
        buf_clear(&rig.lines);
        rig_refused(&rig, KEEPER_REPLY, "{}",
                    "/ping (on_ping): Discord does not know this interaction (any more)");
        rig_finish(&rig);
    }
}

static void a_reply_in_place_of_a_deferral_that_was_refused_may_be_tried_anew(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    arrive(&rig, true);
    rig_wait(&rig, 2000);
    rig_outcome(&rig, 204, 0, NULL);
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{\"a\":1}"));
    rig_outcome(&rig, 400, 50035, "no");
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{\"a\":2}"));
    rig_outcome(&rig, 200, 0, NULL);
    rig_saw(&rig, CALLBACK " {\"type\":5}\n" PATCH " {\"a\":1}\n"
                           "tell 1 failed: /ping (on_ping): Discord refused the edit of the answer "
                           "(status 400, code 50035): no\n" PATCH " {\"a\":2}\ntell 2 ok\n");
    rig_finish(&rig);
}

/* ---- handlers that fail ---- */

static void a_failure_before_any_answer_is_shown_to_the_user_alone(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    arrive(&rig, true);
    rig_wait(&rig, 500);
    keeper_failed(rig.keeper, RIG_ID, "7F3A", rig.now_ms);
    rig_saw(&rig, "log /ping (on_ping) failed (ref 7F3A); the user is told\n" CALLBACK
                  " {\"type\":4,\"data\":" NOTICE("7F3A") "}\n");
    keeper_failed(rig.keeper, RIG_ID, "8888", rig.now_ms);
    rig_outcome(&rig, 204, 0, NULL);
    rig_wait(&rig, 10000);
    rig_saw(&rig, "");
    rig_refused(
        &rig, KEEPER_REPLY, "{}",
        "/ping (on_ping) answered after it had failed, and the user was told so (ref 7F3A)");
    rig_finish(&rig);
}

static void a_failure_after_a_deferral_takes_the_way_that_is_left(void **state) {
    static const struct {
        enum keeper_type type;
        bool ephemeral;
        const char *lines;
    } rows[] = {
        {KEEPER_COMMAND, true,
         PATCH " {\"content\":\"Something went wrong (ref AB)\",\"flags\":64}\n"},
        {KEEPER_COMMAND, false, DELETE "\n"},
        {KEEPER_COMPONENT, false, FOLLOWUP " " NOTICE("AB") "\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig rig;
        rig_start(&rig, 8);
        struct keeper_arrival ping = rig_ping(&rig);
        ping.type = rows[i].type;
        ping.auto_defer = true;
        ping.ephemeral = rows[i].ephemeral;
        rig_arrive(&rig, &ping);
        rig_wait(&rig, 2000);
        keeper_failed(rig.keeper, RIG_ID, "AB", rig.now_ms); /* before Discord has the deferral */
        rig_drain(&rig);
        buf_clear(&rig.lines);
        rig_outcome(&rig, 204, 0, NULL);
        rig_saw(&rig, rows[i].lines);
        rig_outcome(&rig, 204, 0, NULL);
        rig_saw(&rig, i == 1 ? "original 0 of 700\n" FOLLOWUP " " NOTICE("AB") "\n" : "");
        buf_clear(&rig.lines);
        rig_finish(&rig);
    }
}

static void a_failure_after_the_answer_or_the_deadline_is_only_logged(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    arrive(&rig, false);
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{}"));
    rig_outcome(&rig, 204, 0, NULL);
    rig_drain(&rig);
    buf_clear(&rig.lines);
    keeper_failed(rig.keeper, RIG_ID, "1", rig.now_ms);
    rig_saw(&rig, "log /ping (on_ping) failed (ref 1); the user has an answer already\n");
    struct keeper_arrival late = rig_ping(&rig);
    late.id = 701;
    rig_arrive(&rig, &late);
    rig.now_ms += 3000;
    keeper_failed(rig.keeper, 701, "2", rig.now_ms);
    rig_wait(&rig, 100);
    rig_saw(&rig, "log /ping (on_ping) failed (ref 2); it is too late to tell the user\n");
    rig_finish(&rig);
}

static void a_failed_handler_whose_answer_was_refused_still_shows_the_failure(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    arrive(&rig, false);
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{}"));
    keeper_failed(rig.keeper, RIG_ID, "C3", rig.now_ms);
    rig_drain(&rig);
    buf_clear(&rig.lines);
    rig_outcome(&rig, 400, 50035, "no");
    rig_saw(&rig, "tell 1 failed: /ping (on_ping): Discord refused the answer (status 400, code "
                  "50035): no\n" CALLBACK " {\"type\":4,\"data\":" NOTICE("C3") "}\n");
    rig_outcome(&rig, 500, 0, NULL);
    rig_saw(&rig, "log the user could not be told of the failure: /ping (on_ping): Discord refused "
                  "the answer (status 500, code 0): nothing more is known\n");
    rig_wait(&rig, 10000);
    rig_saw(&rig, ""); /* told once, or not at all */
    rig_finish(&rig);
}

static void an_autocompletion_that_fails_offers_nothing(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    struct keeper_arrival ping = rig_ping(&rig);
    ping.type = KEEPER_AUTOCOMPLETE;
    ping.auto_defer = true; /* has no meaning there */
    rig_arrive(&rig, &ping);
    rig_wait(&rig, 2500);
    rig_saw(&rig, "");
    keeper_failed(rig.keeper, RIG_ID, "\"},{", rig.now_ms);
    rig_saw(&rig, "log /ping (on_ping) failed (ref xxxx); the user is told\n" CALLBACK
                  " {\"type\":8,\"data\":{\"choices\":[]}}\n");
    rig_outcome(&rig, 204, 0, NULL);
    rig_wait(&rig, 30000);
    rig_saw(&rig, "forget 700\n"); /* nothing can follow: not kept for 15 minutes */
    rig_finish(&rig);
}

static void a_plugin_that_is_gone_leaves_nobody_waiting(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    for (uint64_t id = 700; id < 704; id++) {
        struct keeper_arrival ping = rig_ping(&rig);
        ping.id = id;
        ping.plugin = id == 703 ? 10 : RIG_PLUGIN;
        rig_arrive(&rig, &ping);
    }
    assert_true(rig_answer_to(&rig, 701, KEEPER_REPLY, "{}"));
    rig_drain(&rig);
    buf_clear(&rig.lines);
    keeper_gone(rig.keeper, RIG_PLUGIN, "D4", rig.now_ms);
    rig_saw(&rig, "log /ping (on_ping) failed (ref D4); the user is told\n" CALLBACK
                  " {\"type\":4,\"data\":" NOTICE(
                      "D4") "}\n"
                            "log /ping (on_ping) failed (ref D4); the user is told\n"
                            "POST /interactions/702/{token}/callback {\"type\":4,\"data\":" NOTICE(
                                "D4") "}\n");
    rig_finish(&rig);
}

/* ---- restarts ---- */

static void a_restart_knows_what_the_callback_said(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    struct keeper_arrival ping = rig_ping(&rig);
    ping.received_ms -= 60000;
    ping.mark = KEEPER_MARK_DEFER_EPHEMERAL;
    ping.auto_defer = true;
    rig_arrive(&rig, &ping);
    rig_saw(&rig, "");
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{\"flags\":64}"));
    rig_saw(&rig, PATCH " {\"flags\":0 }\n");
    rig_finish(&rig);
    rig_start(&rig, 8);
    ping.mark = KEEPER_MARK_REPLY;
    rig_arrive(&rig, &ping);
    rig_refused(&rig, KEEPER_REPLY, "{}",
                "/ping (on_ping) answered twice; after the first answer there are edits and "
                "follow-ups");
    assert_true(rig_answer(&rig, KEEPER_FOLLOWUP, "{}"));
    rig_saw(&rig, FOLLOWUP " {}\n");
    rig_finish(&rig);
    rig_start(&rig, 8);
    ping.mark = KEEPER_MARK_NONE;
    rig_arrive(&rig, &ping);
    rig_saw_line(&rig, "log /ping (on_ping) gave no answer within 3 s");
    ping.received_ms -= 15 * 60000;
    ping.id = 701;
    rig_arrive(&rig, &ping);
    rig_saw(&rig, "forget 701\n");
    rig_finish(&rig);
}

static void a_restart_knows_what_stands_for_the_first_answer(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    struct keeper_arrival ping = rig_ping(&rig);
    ping.mark = KEEPER_MARK_DEFER;
    ping.original_gone = true; /* killed between the deletion and the message */
    rig_arrive(&rig, &ping);
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{\"flags\":64}"));
    rig_saw(&rig, FOLLOWUP " {\"flags\":64}\n");
    rig.message = 4711;
    rig_outcome(&rig, 200, 0, NULL);
    rig_saw(&rig, "original 4711 of 700\ntell 1 ok\n");
    rig_finish(&rig);
    rig_start(&rig, 8);
    ping.stand_in = 4711;
    rig_arrive(&rig, &ping);
    rig_refused(&rig, KEEPER_REPLY, "{}",
                "/ping (on_ping) answered twice; after the first answer there are edits and "
                "follow-ups");
    assert_true(rig_answer(&rig, KEEPER_EDIT_ORIGINAL, "{}"));
    rig_saw(&rig, "PATCH /webhooks/800/{token}/messages/4711 {}\n");
    rig_finish(&rig);
}

static void one_that_is_delivered_again_keeps_its_state(void **state) {
    struct rig rig;
    rig_start(&rig, 8);
    arrive(&rig, false);
    assert_true(rig_answer(&rig, KEEPER_DEFER, NULL));
    rig_outcome(&rig, 204, 0, NULL);
    rig_saw(&rig, CALLBACK " {\"type\":5}\ntell 1 ok\n");
    rig_wait(&rig, 5000);
    struct keeper_arrival again = rig_ping(&rig);
    again.handler = "on_ping_two";
    rig_arrive(&rig, &again);
    rig_refused(&rig, KEEPER_DEFER, NULL, "/ping (on_ping_two) deferred twice");
    rig_finish(&rig);
}

/* ---- crowds ---- */

static void beyond_the_ceiling_the_oldest_is_forgotten(void **state) {
    struct rig rig;
    rig_start(&rig, 3);
    arrive(&rig, false);
    assert_true(rig_answer(&rig, KEEPER_REPLY, "{}"));
    assert_true(rig_answer(&rig, KEEPER_FOLLOWUP, "{}"));
    for (uint64_t id = 701; id < 704; id++) {
        struct keeper_arrival ping = rig_ping(&rig);
        ping.id = id;
        rig_arrive(&rig, &ping);
    }
    rig_saw(&rig, CALLBACK
            " {\"type\":4,\"data\":{}}\n"
            "tell 2 failed: /ping (on_ping): forgotten early, because too many interactions "
            "came in 15 minutes\n"
            "forget 700\n");
    rig_outcome(&rig, 204, 0, NULL); /* the one under way ends all the same */
    rig_saw(&rig, "tell 1 ok\n");
    assert_int_equal(keeper_stats(rig.keeper).evicted, 1);
    assert_int_equal(keeper_stats(rig.keeper).interactions, 3);
    rig_finish(&rig);
}

static void what_nobody_handles_is_said_once_in_a_while(void **state) {
    struct rig rig;
    rig_start(&rig, 500);
    struct keeper_arrival ping = rig_ping(&rig);
    ping.plugin = 0;
    ping.handler = NULL;
    for (uint64_t id = 700; id < 800; id++) {
        ping.id = id;
        rig_arrive(&rig, &ping);
    }
    rig_wait(&rig, 3000);
    rig_saw_line(&rig, "log nobody handles /ping: no plugin that runs for this bot answers to it");
    assert_int_equal(keeper_stats(rig.keeper).missed, 100);
    char name[16];
    ping.name = name;
    for (uint64_t id = 800; id < 900; id++) {
        ping.id = id;
        ping.received_ms = rig.now_ms;
        snprintf(name, sizeof(name), "/p%d", (int)id);
        rig_arrive(&rig, &ping);
    }
    rig_wait(&rig, 3000);
    size_t lines = 0;
    for (const char *at = rig.lines.bytes; (at = strstr(at, "log nobody")) != NULL; at++) {
        lines++;
    }
    assert_int_equal(lines, 31); /* /ping was said already */
    buf_clear(&rig.lines);
    rig_wait(&rig, 10 * 60 * 1000);
    rig_saw(&rig, "");
    ping.id = 900;
    ping.received_ms = rig.now_ms;
    rig_arrive(&rig, &ping);
    rig_wait(&rig, 3000);
    rig_saw_line(&rig, "log nobody handles /p899: ");
    rig_finish(&rig);
}

static void a_thousand_deadlines_come_in_order(void **state) {
    struct rig rig;
    rig_start(&rig, 1000);
    for (uint64_t i = 0; i < 1000; i++) {
        struct keeper_arrival ping = rig_ping(&rig);
        ping.id = 1 + i;
        ping.received_ms = rig.now_ms - i * 7919 % 2000;
        ping.auto_defer = i % 3 == 0;
        rig_arrive(&rig, &ping);
    }
    uint64_t last_ms = 0;
    while (keeper_next_ms(rig.keeper) < rig.now_ms + 4000) {
        uint64_t due_ms = keeper_next_ms(rig.keeper);
        assert_true(due_ms >= last_ms);
        last_ms = due_ms;
        keeper_due(rig.keeper, due_ms);
        rig_drain(&rig);
    }
    assert_int_equal(keeper_stats(rig.keeper).deferred + keeper_stats(rig.keeper).missed, 1000);
    assert_true(keeper_stats(rig.keeper).deferred >= 334); /* 0, 3, ... 999 */
    buf_clear(&rig.lines);
    rig_finish(&rig);
}

/* ---- memory ---- */

/* One life, while an allocation fails: every answer that was accepted ends once. */
static bool try_life(void *arg) {
    struct err err = {0};
    struct keeper *keeper = keeper_create(4, &err);
    if (keeper == NULL) {
        assert_int_equal(err.code, ERR_NO_MEMORY);
        return false;
    }
    struct keeper_arrival ping = {.id = 5, .type = KEEPER_COMMAND, .name = "/p", .handler = "h"};
    struct keeper_answer reply = {
        .interaction = 5, .kind = KEEPER_REPLY, .cookie = 1, .body = "{}", .body_length = 2};
    bool ok = keeper_arrived(keeper, &ping, 0, &err);
    bool accepted = ok && keeper_answer(keeper, &reply, 1, &err);
    assert_true(accepted || err.code == ERR_NO_MEMORY || err.code == ERR_INVALID /* cJSON's */);
    unsigned ends = 0;
    for (const struct keeper_action *at; (at = keeper_next(keeper)) != NULL;) {
        if (at->kind == KEEPER_SEND) {
            struct keeper_outcome outcome = {.request = at->request, .status = 204};
            keeper_outcome(keeper, &outcome, 2);
        } else if (at->kind == KEEPER_TELL) {
            ends++;
        }
    }
    assert_int_equal(ends, accepted ? 1 : 0);
    keeper_destroy(keeper);
    return accepted;
}

static void without_memory_an_answer_is_refused_not_lost(void **state) {
    assert_true(each_fails(try_life, NULL) >= 5);
}

static void the_hosts_own_words_are_tried_again_until_there_is_memory(void **state) {
    struct rig rig;
    rig_start(&rig, 4);
    arrive(&rig, true);
    rig.now_ms += 2000;
    failing_left = 0;
    keeper_due(rig.keeper, rig.now_ms);
    failing_left = -1;
    rig_saw(&rig, "");
    rig_wait(&rig, KEEPER_DEFER_MS / 10);
    rig_saw(&rig, CALLBACK " {\"type\":5}\n");
    rig_outcome(&rig, 204, 0, NULL);
    failing_left = 0;
    keeper_failed(rig.keeper, RIG_ID, "E5", rig.now_ms);
    failing_left = -1;
    rig_saw(&rig, "log /ping (on_ping) failed (ref E5); the user will be told\n");
    rig_wait(&rig, 200);
    rig_saw(&rig, DELETE "\n");
    rig_finish(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_callback_that_may_have_arrived_is_not_repeated),
        cmocka_unit_test(a_callback_that_was_refused_may_be_tried_anew),
        cmocka_unit_test(a_reply_that_waited_for_a_deferral_takes_over_when_that_fails),
        cmocka_unit_test(but_not_after_the_deadline),
        cmocka_unit_test(what_waited_for_a_callback_beyond_the_end_is_not_sent),
        cmocka_unit_test(discords_own_words_for_too_late_and_twice_are_explained),
        cmocka_unit_test(a_reply_in_place_of_a_deferral_that_was_refused_may_be_tried_anew),
        cmocka_unit_test(a_failure_before_any_answer_is_shown_to_the_user_alone),
        cmocka_unit_test(a_failure_after_a_deferral_takes_the_way_that_is_left),
        cmocka_unit_test(a_failure_after_the_answer_or_the_deadline_is_only_logged),
        cmocka_unit_test(a_failed_handler_whose_answer_was_refused_still_shows_the_failure),
        cmocka_unit_test(an_autocompletion_that_fails_offers_nothing),
        cmocka_unit_test(a_plugin_that_is_gone_leaves_nobody_waiting),
        cmocka_unit_test(a_restart_knows_what_the_callback_said),
        cmocka_unit_test(a_restart_knows_what_stands_for_the_first_answer),
        cmocka_unit_test(one_that_is_delivered_again_keeps_its_state),
        cmocka_unit_test(beyond_the_ceiling_the_oldest_is_forgotten),
        cmocka_unit_test(what_nobody_handles_is_said_once_in_a_while),
        cmocka_unit_test(a_thousand_deadlines_come_in_order),
        cmocka_unit_test(without_memory_an_answer_is_refused_not_lost),
        cmocka_unit_test(the_hosts_own_words_are_tried_again_until_there_is_memory),
    };
    return cmocka_run_group_tests_name("keeper_trouble", tests, NULL, NULL);
}
