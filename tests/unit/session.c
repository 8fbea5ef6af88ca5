/* tests/unit/session.c: the life of a session: greeting, timeouts, sequence numbers, zombies,
 * stops. Single steps are in session_table.c, ways back in session_ladder.c. */
#include "session_rig.h"

/* ---- op 7 and op 9 ---- */

static void op_7_in_place_of_hello_backs_off(void **state) {
    struct rig rig;
    rig_init(&rig);
    rig.random = UINT64_MAX - 7;
    rig_start(&rig, false, true);
    uint64_t waited = 0;
    for (int i = 0; i < 10; i++) {
        rig_kind(&rig, SESSION_CONNECTED);
        rig_kind(&rig, SESSION_RECONNECT);
        assert_true(rig_did(&rig, SESSION_CANCEL_IDENTIFY));
        rig_let_close(&rig);
        waited += rig.session.deadline_ms - rig.now_ms;
        rig_dial_again(&rig);
        assert_true(rig_did(&rig, SESSION_WANT_IDENTIFY));
    }
    assert_true(waited > 60000);
}

static void op_9_false_begins_anew_at_the_main_url_after_one_to_five_seconds(void **state) {
    static const enum session_state states[] = {SESSION_GREETING, SESSION_RESUMING, SESSION_LIVE};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        struct rig rig;
        rig_reach(&rig, states[i], true);
        rig_invalid(&rig, false);
        assert_int_equal(rig_value(&rig, SESSION_LOST), RIG_SEQ);
        assert_int_equal(rig.session.seq, 0);
        rig_let_close(&rig);
        assert_in_range(rig.session.deadline_ms - rig.now_ms, 1000, 5000);
        rig_dial_again(&rig);
        assert_true(rig_did(&rig, SESSION_CONNECT_MAIN));
        assert_true(rig_did(&rig, SESSION_WANT_IDENTIFY));
    }
}

static void op_9_true_is_resumed_a_few_times_only(void **state) {
    struct rig rig;
    rig_reach(&rig, SESSION_RESUMING, true);
    int resumes = 1;
    for (;;) {
        rig_invalid(&rig, true);
        bool lost = rig_did(&rig, SESSION_LOST);
        rig_let_close(&rig);
        rig_dial_again(&rig);
        rig_greet(&rig);
        if (lost) {
            break;
        }
        assert_true(rig_did(&rig, SESSION_SEND_RESUME));
        resumes++;
    }
    assert_int_equal(resumes, 4);
    assert_true(rig_did(&rig, SESSION_READY_TO_IDENTIFY));
}

static void a_refused_identify_tells_the_queue(void **state) {
    struct rig rig;
    rig_reach(&rig, SESSION_IDENTIFYING, false);
    rig_invalid(&rig, false);
    assert_true(rig_did(&rig, SESSION_IDENTIFY_REFUSED));
    assert_false(rig_did(&rig, SESSION_LOST)); /* there was none */
    rig_let_close(&rig);
    assert_in_range(rig.session.deadline_ms - rig.now_ms, 1000, 5000);
}

static void nothing_counts_after_our_close_frame(void **state) {
    struct rig rig;
    rig_live(&rig);
    rig_kind(&rig, SESSION_RECONNECT);
    rig_dispatch(&rig, EVENT_MESSAGE_CREATE, RIG_SEQ + 1); /* it will be replayed */
    assert_int_equal(rig.out.count, 0);
    rig_invalid(&rig, false);
    assert_int_equal(rig.out.count, 0);
    rig_let_close(&rig);
    rig_dial_again(&rig);
    rig_greet(&rig);
    assert_int_equal(rig_value(&rig, SESSION_SEND_RESUME), RIG_SEQ);
}

static void a_peer_that_does_not_answer_our_close_frame_is_dropped(void **state) {
    struct rig rig;
    rig_live(&rig);
    rig_kind(&rig, SESSION_RECONNECT);
    uint64_t closed_ms = rig.now_ms;
    rig_wait(&rig);
    assert_true(rig_did(&rig, SESSION_DROP));
    assert_true(rig.now_ms - closed_ms <= 2000);
    assert_int_equal(rig.session.state, SESSION_WAITING);
}

/* ---- HELLO, READY, RESUMED ---- */

static void no_hello_no_ready_no_resumed_each_has_its_end(void **state) {
    static const struct {
        enum session_state state;
        bool with_session;
        enum session_warning warning;
        uint64_t least_ms;
        uint64_t most_ms;
    } rows[] = {
        {SESSION_CONNECTING, false, WARN_CONNECT_TIMEOUT, 10000, 10000},
        {SESSION_GREETING, false, WARN_NO_HELLO, 20000, 20000},
        {SESSION_IDENTIFYING, false, WARN_NO_READY, 60000, 60000},
        {SESSION_RESUMING, true, WARN_NO_RESUMED, 60000, 60000},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig rig;
        rig_reach(&rig, rows[i].state, rows[i].with_session);
        uint64_t start_ms = rig.now_ms;
        do {
            rig_wait(&rig);
            if (rig_did(&rig, SESSION_SEND_HEARTBEAT)) {
                rig_kind(&rig, SESSION_ACK);
            }
        } while (rig.session.state == rows[i].state);
        assert_true(rig_warned(&rig, rows[i].warning));
        assert_in_range(rig.now_ms - start_ms, rows[i].least_ms, rows[i].most_ms);
    }
}

static void each_replayed_event_gives_resumed_more_time(void **state) {
    struct rig rig;
    rig_reach(&rig, SESSION_RESUMING, true);
    for (uint64_t i = 1; i <= 30; i++) {
        rig.now_ms += 30000;
        rig_kind(&rig, SESSION_TIMER);
        rig_kind(&rig, SESSION_ACK);
        rig_dispatch(&rig, EVENT_MESSAGE_CREATE, RIG_SEQ + i);
    }
    assert_int_equal(rig.session.state, SESSION_RESUMING);
    uint64_t last_ms = rig.now_ms;
    while (rig.session.state == SESSION_RESUMING) {
        rig_wait(&rig);
        rig_kind(&rig, SESSION_ACK);
    }
    assert_int_equal(rig.now_ms, last_ms + 60000);
}

static void a_replay_that_stands_still_counts_as_a_failure(void **state) {
    struct rig rig;
    rig_live(&rig);
    rig_gone(&rig, 0);
    for (uint64_t i = 0; i < 4; i++) {
        rig_dial_again(&rig);
        rig_greet(&rig);
        rig_dispatch(&rig, EVENT_MESSAGE_CREATE, RIG_SEQ + i + 1);
        while (rig.session.state == SESSION_RESUMING) {
            rig_wait(&rig);
            rig_kind(&rig, SESSION_ACK);
        }
        rig_gone(&rig, 0);
    }
    assert_true(rig.session.has_session); /* each brought one event: that is progress */
}

static void waiting_for_the_turn_to_identify_has_no_end_and_keeps_beating(void **state) {
    struct rig rig;
    rig_reach(&rig, SESSION_QUEUED, false);
    for (int i = 0; i < 100; i++) {
        rig_wait(&rig);
        assert_int_equal(rig_value(&rig, SESSION_SEND_HEARTBEAT), 0); /* null */
        rig_kind(&rig, SESSION_ACK);
    }
    assert_int_equal(rig.session.state, SESSION_QUEUED);
}

static void odd_heartbeat_intervals_are_brought_into_bounds(void **state) {
    static const struct {
        uint64_t told;
        uint64_t used;
    } rows[] = {{1, 1000},        {100, 1000},        {1000, 1000},        {45000, 45000},
                {120000, 120000}, {36000000, 120000}, {UINT64_MAX, 120000}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig rig;
        rig_reach(&rig, SESSION_GREETING, false);
        rig_event(&rig, (struct session_event){.kind = SESSION_HELLO, .interval_ms = rows[i].told});
        assert_int_equal(rig.session.heartbeat.interval_ms, rows[i].used);
        assert_int_equal(rig_warned(&rig, WARN_CLAMPED_HELLO), rows[i].told != rows[i].used);
        assert_int_equal(rig.session.state, SESSION_QUEUED);
    }
}

static void a_second_hello_changes_the_interval_and_sends_nothing(void **state) {
    struct rig rig;
    rig_reach(&rig, SESSION_RESUMING, true);
    uint64_t next_ms = rig.session.heartbeat.next_ms;
    rig_event(&rig, (struct session_event){.kind = SESSION_HELLO, .interval_ms = 60000});
    assert_true(rig_warned(&rig, WARN_SECOND_HELLO));
    assert_int_equal(rig.out.count, 1);
    assert_int_equal(rig.session.heartbeat.next_ms, next_ms);
    assert_int_equal(rig.session.heartbeat.interval_ms, 60000);
}

static void ready_sets_the_sequence_back(void **state) {
    struct rig rig;
    rig_reach(&rig, SESSION_LIVE, true);
    rig_invalid(&rig, false);
    rig_let_close(&rig);
    rig_dial_again(&rig);
    rig_greet(&rig);
    rig_kind(&rig, SESSION_GRANTED);
    rig_dispatch(&rig, EVENT_READY, 1);
    assert_true(rig_did(&rig, SESSION_SAVE));
    assert_int_equal(rig.out.list[0].kind, SESSION_SAVE); /* stored before it is published */
    assert_int_equal(rig_value(&rig, SESSION_DELIVER), 1);
    rig_dispatch(&rig, EVENT_GUILD_CREATE, 2);
    assert_int_equal(rig_value(&rig, SESSION_DELIVER), 2);
}

static void events_lost_after_a_ready_without_an_id_are_told(void **state) {
    struct rig rig;
    rig_reach(&rig, SESSION_IDENTIFYING, false);
    rig_event(&rig,
              (struct session_event){.kind = SESSION_DISPATCH, .event = EVENT_READY, .seq = 1});
    assert_false(rig_did(&rig, SESSION_SAVE));
    assert_true(rig_warned(&rig, WARN_NO_SESSION_ID));
    rig_dispatch(&rig, EVENT_MESSAGE_CREATE, 2);
    rig_gone(&rig, 0);
    assert_int_equal(rig_value(&rig, SESSION_LOST), 2);
    rig_dial_again(&rig);
    assert_true(rig_did(&rig, SESSION_WANT_IDENTIFY));
}

static void an_identified_session_is_proven_once_after_a_minute(void **state) {
    struct rig rig;
    rig_reach(&rig, SESSION_IDENTIFYING, false);
    rig_dispatch(&rig, EVENT_READY, 1);
    uint64_t ready_ms = rig.now_ms;
    int proven = 0;
    for (int i = 0; i < 20; i++) {
        rig_wait(&rig);
        if (rig_did(&rig, SESSION_PROVEN)) {
            proven++;
            assert_int_equal(rig.now_ms, ready_ms + 60000);
        }
        rig_kind(&rig, SESSION_ACK);
    }
    assert_int_equal(proven, 1);
}

/* ---- sequence numbers ---- */

static void gaps_are_told_and_duplicates_dropped(void **state) {
    struct rig rig;
    rig_live(&rig);
    rig_dispatch(&rig, EVENT_MESSAGE_CREATE, RIG_SEQ + 1);
    assert_int_equal(rig.out.count, 1);
    rig_dispatch(&rig, EVENT_MESSAGE_CREATE, RIG_SEQ + 7);
    assert_true(rig_warned(&rig, WARN_SEQ_GAP));
    assert_int_equal(rig.out.list[0].value, 5);
    assert_int_equal(rig_value(&rig, SESSION_DELIVER), RIG_SEQ + 7);
    static const uint64_t old[] = {1, RIG_SEQ, RIG_SEQ + 6, RIG_SEQ + 7};
    for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
        rig_dispatch(&rig, EVENT_MESSAGE_CREATE, old[i]);
        assert_int_equal(rig.out.count, 1);
        assert_true(rig_did(&rig, SESSION_DUPLICATE));
        assert_int_equal(rig.session.seq, RIG_SEQ + 7);
    }
}

static void a_seq_out_of_all_bounds_is_not_believed(void **state) {
    struct rig rig;
    rig_live(&rig);
    rig_dispatch(&rig, EVENT_MESSAGE_CREATE, RIG_SEQ + 1000001);
    assert_true(rig_warned(&rig, WARN_SEQ_WILD));
    assert_int_equal(rig.session.seq, RIG_SEQ);
    assert_int_equal(rig.session.state, SESSION_CLOSING);
}

/* ---- zombies ---- */

static void a_silent_connection_is_dropped_and_resumed(void **state) {
    struct rig rig;
    rig_live(&rig);
    uint64_t start_ms = rig.now_ms;
    while (!rig_did(&rig, SESSION_DROP)) {
        rig_wait(&rig);
    }
    assert_true(rig_warned(&rig, WARN_SILENT));
    assert_true(rig.now_ms - start_ms <= 2 * RIG_INTERVAL);
    rig_dial_again(&rig);
    assert_true(rig_did(&rig, SESSION_CONNECT_RESUME));
}

static void events_without_acks_are_closed_after_two_intervals(void **state) {
    struct rig rig;
    rig_live(&rig);
    int beats = 0;
    while (rig.session.state == SESSION_LIVE) {
        session_heard(&rig.session);
        rig_wait(&rig);
        beats += rig_did(&rig, SESSION_SEND_HEARTBEAT) ? 1 : 0;
    }
    assert_true(rig_warned(&rig, WARN_UNACKED));
    assert_int_equal(beats, 2);
    assert_int_equal(rig_value(&rig, SESSION_CLOSE), CLOSE_CODE_OURS);
}

static void a_stopped_process_resumes_once(void **state) {
    struct rig rig;
    rig_live(&rig);
    rig.now_ms += 3 * RIG_INTERVAL + 12345;
    rig_kind(&rig, SESSION_TIMER);
    assert_true(rig_warned(&rig, WARN_LATE));
    assert_false(rig_did(&rig, SESSION_SEND_HEARTBEAT));
    assert_int_equal(rig.session.state, SESSION_WAITING);
}

static void a_full_ring_on_our_side_kills_no_connection(void **state) {
    static const enum session_state states[] = {SESSION_RESUMING, SESSION_LIVE};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        struct rig rig;
        rig_reach(&rig, states[i], true);
        session_pause(&rig.session, true, rig.now_ms);
        uint64_t start_ms = rig.now_ms;
        while (rig.now_ms < start_ms + 1800000) {
            rig_wait(&rig);
        }
        assert_int_equal(rig.session.state, states[i]);
        session_pause(&rig.session, false, rig.now_ms);
        rig_wait(&rig);
        assert_int_equal(rig.session.state, states[i]);
    }
}

static void five_beat_requests_bring_five_beats_and_no_trouble(void **state) {
    struct rig rig;
    rig_live(&rig);
    uint64_t next_ms = rig.session.heartbeat.next_ms;
    for (int i = 0; i < 5; i++) {
        rig_kind(&rig, SESSION_BEAT_REQUEST);
        assert_int_equal(rig_value(&rig, SESSION_SEND_HEARTBEAT), RIG_SEQ);
    }
    assert_int_equal(rig.session.heartbeat.next_ms, next_ms);
    rig_wait(&rig);
    assert_int_equal(rig.session.state, SESSION_LIVE);
}

/* ---- stopping ---- */

static void a_resumable_stop_keeps_the_session_and_a_final_one_does_not(void **state) {
    for (int final = 0; final <= 1; final++) {
        struct rig rig;
        rig_live(&rig);
        rig_event(&rig, (struct session_event){.kind = SESSION_STOP, .final = final == 1});
        assert_int_equal(rig_value(&rig, SESSION_CLOSE), final == 1 ? 1000 : CLOSE_CODE_OURS);
        rig_gone(&rig, 0);
        assert_true(rig_did(&rig, SESSION_STOPPED));
        assert_int_equal(rig.session.has_session, final == 0);
        rig_start(&rig, false, true);
        assert_int_equal(rig_did(&rig, SESSION_CONNECT_RESUME), final == 0);
    }
}

static void a_stop_while_closing_ends_with_that_close(void **state) {
    struct rig rig;
    rig_live(&rig);
    rig_kind(&rig, SESSION_RECONNECT);
    rig_kind(&rig, SESSION_STOP);
    assert_int_equal(rig.out.count, 0);
    rig_wait(&rig); /* nobody answers */
    assert_true(rig_did(&rig, SESSION_DROP));
    assert_true(rig_did(&rig, SESSION_STOPPED));
    assert_int_equal(rig.session.state, SESSION_IDLE);
}

static void a_final_stop_cannot_be_taken_back(void **state) {
    struct rig rig;
    rig_live(&rig);
    rig_event(&rig, (struct session_event){.kind = SESSION_STOP, .final = true});
    rig_kind(&rig, SESSION_STOP);
    rig_gone(&rig, 0);
    assert_false(rig.session.has_session);
}

/* ---- the main URL ---- */

static void without_a_url_it_keeps_asking_for_one(void **state) {
    struct rig rig;
    rig_init(&rig);
    rig_start(&rig, false, false);
    for (int i = 0; i < 20; i++) {
        assert_true(rig_did(&rig, SESSION_REFRESH_URL));
        if (i % 2 == 0) {
            rig_kind(&rig, SESSION_URL_FAILED);
        } else {
            rig_wait(&rig); /* no answer at all */
        }
        assert_int_equal(rig.session.state, SESSION_WAITING);
        rig_wait(&rig);
    }
    rig_kind(&rig, SESSION_URL);
    assert_true(rig_did(&rig, SESSION_CONNECT_MAIN));
}

static void a_dead_main_url_is_asked_for_anew_but_not_all_the_time(void **state) {
    struct rig rig;
    rig_init(&rig);
    rig_start(&rig, false, true);
    unsigned asked = 0;
    uint64_t start_ms = rig.now_ms;
    while (rig.now_ms < start_ms + 600000) {
        rig_gone(&rig, 0);
        rig_wait(&rig);
        if (rig.session.state == SESSION_FETCHING) {
            asked++;
            rig_kind(&rig, SESSION_URL_FAILED); /* the old one may work again */
        }
        assert_true(rig_did(&rig, SESSION_CONNECT_MAIN));
    }
    assert_in_range(asked, 4, 10);
}

static void every_state_and_warning_has_words(void **state) {
    for (unsigned i = 0; i < SESSION_STATES; i++) {
        assert_true(strlen(session_state_word((enum session_state)i)) > 3);
    }
    for (unsigned i = WARN_NONE + 1; i < WARNINGS; i++) {
        assert_true(strlen(session_warning_text((enum session_warning)i)) > 10);
    }
    assert_string_equal(session_state_word(SESSION_STATES), "unknown");
    assert_string_equal(session_warning_text(WARNINGS), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(op_7_in_place_of_hello_backs_off),
        cmocka_unit_test(op_9_false_begins_anew_at_the_main_url_after_one_to_five_seconds),
        cmocka_unit_test(op_9_true_is_resumed_a_few_times_only),
        cmocka_unit_test(a_refused_identify_tells_the_queue),
        cmocka_unit_test(nothing_counts_after_our_close_frame),
        cmocka_unit_test(a_peer_that_does_not_answer_our_close_frame_is_dropped),
        cmocka_unit_test(no_hello_no_ready_no_resumed_each_has_its_end),
        cmocka_unit_test(each_replayed_event_gives_resumed_more_time),
        cmocka_unit_test(a_replay_that_stands_still_counts_as_a_failure),
        cmocka_unit_test(waiting_for_the_turn_to_identify_has_no_end_and_keeps_beating),
        cmocka_unit_test(odd_heartbeat_intervals_are_brought_into_bounds),
        cmocka_unit_test(a_second_hello_changes_the_interval_and_sends_nothing),
        cmocka_unit_test(ready_sets_the_sequence_back),
        cmocka_unit_test(events_lost_after_a_ready_without_an_id_are_told),
        cmocka_unit_test(an_identified_session_is_proven_once_after_a_minute),
        cmocka_unit_test(gaps_are_told_and_duplicates_dropped),
        cmocka_unit_test(a_seq_out_of_all_bounds_is_not_believed),
        cmocka_unit_test(a_silent_connection_is_dropped_and_resumed),
        cmocka_unit_test(events_without_acks_are_closed_after_two_intervals),
        cmocka_unit_test(a_stopped_process_resumes_once),
        cmocka_unit_test(a_full_ring_on_our_side_kills_no_connection),
        cmocka_unit_test(five_beat_requests_bring_five_beats_and_no_trouble),
        cmocka_unit_test(a_resumable_stop_keeps_the_session_and_a_final_one_does_not),
        cmocka_unit_test(a_stop_while_closing_ends_with_that_close),
        cmocka_unit_test(a_final_stop_cannot_be_taken_back),
        cmocka_unit_test(without_a_url_it_keeps_asking_for_one),
        cmocka_unit_test(a_dead_main_url_is_asked_for_anew_but_not_all_the_time),
        cmocka_unit_test(every_state_and_warning_has_words),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
