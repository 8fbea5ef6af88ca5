/* tests/unit/session_ladder.c: how a session comes back: the ladder of resumes, the waits between
 * tries, and what each close code leads to. */
#include "session_rig.h"

static void a_lost_connection_is_resumed_at_the_resume_url_at_once(void **state) {
    struct rig rig;
    rig_live(&rig);
    rig_gone(&rig, 0);
    uint64_t gone_ms = rig.now_ms;
    rig_dial_again(&rig);
    assert_true(rig_did(&rig, SESSION_CONNECT_RESUME));
    assert_true(rig.now_ms - gone_ms <= 100);
    rig_greet(&rig);
    assert_int_equal(rig_value(&rig, SESSION_SEND_RESUME), RIG_SEQ);
}

static void the_ladder_is_resume_url_twice_main_url_twice_then_identify(void **state) {
    struct rig rig;
    rig_live(&rig);
    rig_gone(&rig, 0);
    for (int i = 0; i < 2; i++) {
        rig_dial_again(&rig);
        assert_true(rig_did(&rig, SESSION_CONNECT_RESUME));
        rig_gone(&rig, 0);
    }
    for (int i = 0; i < 2; i++) {
        rig_dial_again(&rig);
        assert_true(rig_did(&rig, SESSION_CONNECT_MAIN));
        assert_false(rig_did(&rig, SESSION_WANT_IDENTIFY));
        rig_greet(&rig);
        assert_true(rig_did(&rig, SESSION_SEND_RESUME));
        rig_gone(&rig, 4000); /* a bricked session: each RESUME is answered with the door */
    }
    assert_true(rig_warned(&rig, WARN_BRICKED));
    assert_int_equal(rig_value(&rig, SESSION_LOST), RIG_SEQ);
    rig_dial_again(&rig);
    assert_true(rig_did(&rig, SESSION_CONNECT_MAIN));
    assert_true(rig_did(&rig, SESSION_WANT_IDENTIFY));
    rig_greet(&rig);
    assert_false(rig_did(&rig, SESSION_SEND_RESUME));
    assert_true(rig_did(&rig, SESSION_READY_TO_IDENTIFY));
}

static void an_outage_of_an_hour_loses_no_session_and_tries_about_once_a_minute(void **state) {
    struct rig rig;
    rig_live(&rig);
    rig_gone(&rig, 0);
    uint64_t start_ms = rig.now_ms;
    unsigned tries = 0;
    while (rig.now_ms < start_ms + 3600000) {
        rig.random = rig.random * 6364136223846793005u + 1442695040888963407u;
        rig_wait(&rig);
        if (rig.session.state == SESSION_FETCHING) { /* the REST API is down as well */
            rig_kind(&rig, SESSION_URL_FAILED);
        }
        tries++;
        assert_int_equal(rig.session.state, SESSION_CONNECTING);
        rig_gone(&rig, 0);
        assert_false(rig_did(&rig, SESSION_LOST));
    }
    assert_in_range(tries, 60, 135);
    rig_wait(&rig);
    if (rig.session.state == SESSION_FETCHING) {
        rig_kind(&rig, SESSION_URL);
    }
    rig_greet(&rig);
    assert_int_equal(rig_value(&rig, SESSION_SEND_RESUME), RIG_SEQ);
}

static void a_replay_that_makes_progress_is_never_given_up(void **state) {
    struct rig rig;
    rig_live(&rig);
    rig_gone(&rig, 0);
    for (uint64_t i = 0; i < 50; i++) {
        rig_dial_again(&rig);
        assert_true(rig_did(&rig, SESSION_CONNECT_RESUME));
        rig_greet(&rig);
        assert_int_equal(rig_value(&rig, SESSION_SEND_RESUME), RIG_SEQ + i);
        rig_dispatch(&rig, EVENT_MESSAGE_CREATE, RIG_SEQ + i); /* an overlap */
        assert_true(rig_did(&rig, SESSION_DUPLICATE));
        rig_dispatch(&rig, EVENT_MESSAGE_CREATE, RIG_SEQ + i + 1);
        assert_int_equal(rig_value(&rig, SESSION_DELIVER), RIG_SEQ + i + 1);
        rig_gone(&rig, 0);
        assert_false(rig_did(&rig, SESSION_LOST));
    }
}

static void the_wait_grows_until_the_session_was_stable_for_a_minute(void **state) {
    struct rig rig;
    rig_live(&rig);
    rig.random = UINT64_MAX - 7;
    uint64_t longest = 0;
    for (int i = 0; i < 12; i++) { /* op 7 every two seconds */
        rig.now_ms += 2000;
        rig_kind(&rig, SESSION_RECONNECT);
        rig_let_close(&rig);
        uint64_t wait_ms = rig.session.deadline_ms - rig.now_ms;
        longest = wait_ms > longest ? wait_ms : longest;
        assert_true(i > 0 || wait_ms <= 100);
        rig_dial_again(&rig);
        rig_greet(&rig);
        rig_dispatch(&rig, EVENT_RESUMED, 0);
    }
    assert_true(longest > 30000 && longest <= 60000);
    rig_kind(&rig, SESSION_TIMER);
    while (rig.session.deadline_ms != UINT64_MAX) {
        rig_kind(&rig, SESSION_ACK);
        rig_wait(&rig);
    }
    rig_kind(&rig, SESSION_RECONNECT);
    rig_let_close(&rig);
    assert_true(rig.session.deadline_ms - rig.now_ms <= 100);
}

static void without_a_resume_url_the_main_one_is_used(void **state) {
    struct rig rig;
    rig_init(&rig);
    rig_event(&rig, (struct session_event){.kind = SESSION_START,
                                           .has_main_url = true,
                                           .has_session = true,
                                           .seq = RIG_SEQ});
    for (int i = 0; i < 2; i++) {
        assert_true(rig_did(&rig, SESSION_CONNECT_MAIN));
        rig_greet(&rig);
        assert_true(rig_did(&rig, SESSION_SEND_RESUME));
        rig_gone(&rig, 0);
        if (i == 0) {
            rig_dial_again(&rig);
        }
    }
    assert_true(rig_did(&rig, SESSION_LOST));
}

static void a_session_timed_out_twice_in_a_row_is_begun_anew(void **state) {
    struct rig rig;
    rig_live(&rig);
    rig_gone(&rig, 4009);
    assert_false(rig_did(&rig, SESSION_LOST));
    rig_dial_again(&rig);
    rig_greet(&rig);
    rig_gone(&rig, 4009);
    assert_true(rig_did(&rig, SESSION_LOST));

    rig_live(&rig); /* something else in between, and it counts from the beginning */
    rig_gone(&rig, 4009);
    rig_dial_again(&rig);
    rig_greet(&rig);
    rig_gone(&rig, 4000);
    rig_dial_again(&rig);
    rig_greet(&rig);
    rig_gone(&rig, 4009);
    assert_false(rig_did(&rig, SESSION_LOST));
}

static void rate_limited_waits_before_it_resumes(void **state) {
    struct rig rig;
    rig_live(&rig);
    rig_gone(&rig, 4008);
    assert_int_equal(rig.session.deadline_ms, rig.now_ms + rig.timings.rate_limited_ms);
    rig_dial_again(&rig);
    assert_true(rig_did(&rig, SESSION_CONNECT_RESUME));
}

/* Every row of the table of close codes, met while live. */
static void each_close_code_does_what_its_policy_says(void **state) {
    for (size_t i = 0; close_row(i) != NULL; i++) {
        const struct close_row *row = close_row(i);
        struct rig rig;
        rig_live(&rig);
        rig_gone(&rig, row->code);
        assert_int_equal(rig_did(&rig, SESSION_FATAL), row->policy == CLOSE_FATAL);
        assert_int_equal(rig_did(&rig, SESSION_LOST), row->policy == CLOSE_IDENTIFY);
        if (row->policy == CLOSE_FATAL) {
            assert_int_equal(rig_value(&rig, SESSION_FATAL), row->code);
            assert_int_equal(session_deadline(&rig.session), UINT64_MAX);
        } else {
            rig_dial_again(&rig);
            assert_int_equal(rig_did(&rig, SESSION_CONNECT_RESUME), row->policy != CLOSE_IDENTIFY);
        }
    }
}

static void after_a_fatal_end_only_a_start_helps(void **state) {
    struct rig rig;
    rig_reach(&rig, SESSION_FAILED, false);
    rig.now_ms += 86400000;
    rig_kind(&rig, SESSION_TIMER);
    rig_kind(&rig, SESSION_URL);
    rig_kind(&rig, SESSION_GRANTED);
    assert_int_equal(rig.session.state, SESSION_FAILED);
    rig_start(&rig, false, true);
    assert_int_equal(rig.session.state, SESSION_CONNECTING);
}

/* Its numbers are not those of the next one: the first heartbeat there must say null. */
static void a_session_without_an_id_ends_with_its_connection(void **state) {
    static const unsigned ends[] = {1006, 4012, 0 /* a stop */};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct rig rig;
        rig_reach(&rig, SESSION_IDENTIFYING, false);
        rig_event(&rig,
                  (struct session_event){.kind = SESSION_DISPATCH, .event = EVENT_READY, .seq = 1});
        rig_dispatch(&rig, EVENT_MESSAGE_CREATE, 2);
        assert_int_equal(rig.session.seq, 2);
        if (ends[i] != 0) {
            rig_gone(&rig, ends[i]);
        } else {
            rig_kind(&rig, SESSION_STOP);
            rig_gone(&rig, 1000);
        }
        assert_int_equal(rig.session.seq, 0);
        assert_true(ends[i] == 0 || rig_value(&rig, SESSION_LOST) == 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_connection_is_resumed_at_the_resume_url_at_once),
        cmocka_unit_test(the_ladder_is_resume_url_twice_main_url_twice_then_identify),
        cmocka_unit_test(an_outage_of_an_hour_loses_no_session_and_tries_about_once_a_minute),
        cmocka_unit_test(a_replay_that_makes_progress_is_never_given_up),
        cmocka_unit_test(the_wait_grows_until_the_session_was_stable_for_a_minute),
        cmocka_unit_test(without_a_resume_url_the_main_one_is_used),
        cmocka_unit_test(a_session_timed_out_twice_in_a_row_is_begun_anew),
        cmocka_unit_test(rate_limited_waits_before_it_resumes),
        cmocka_unit_test(each_close_code_does_what_its_policy_says),
        cmocka_unit_test(after_a_fatal_end_only_a_start_helps),
        cmocka_unit_test(a_session_without_an_id_ends_with_its_connection),
    };
    return cmocka_run_group_tests_name("session_ladder", tests, NULL, NULL);
}
