/* tests/unit/session_table.c: every kind of event in every state of the session. What a row does
 * not list must leave the session as it is and cause nothing. */
#include "session_rig.h"

/* The events, with the values that make a difference. RIG_SEQ is the session's last seq. */
static const struct {
    const char *name;
    struct session_event event;
} events[] = {
    {"start", {.kind = SESSION_START, .has_main_url = true}},
    {"stop", {.kind = SESSION_STOP}},
    {"stop-final", {.kind = SESSION_STOP, .final = true}},
    {"url", {.kind = SESSION_URL}},
    {"url-failed", {.kind = SESSION_URL_FAILED}},
    {"granted", {.kind = SESSION_GRANTED}},
    {"timer-early", {.kind = SESSION_TIMER}},
    {"connected", {.kind = SESSION_CONNECTED}},
    {"gone-resume", {.kind = SESSION_GONE, .code = 4000}},
    {"gone-identify", {.kind = SESSION_GONE, .code = 4007}},
    {"gone-fatal", {.kind = SESSION_GONE, .code = 4014}},
    {"hello", {.kind = SESSION_HELLO, .interval_ms = RIG_INTERVAL}},
    {"hello-bad", {.kind = SESSION_HELLO}},
    {"op1", {.kind = SESSION_BEAT_REQUEST}},
    {"op11", {.kind = SESSION_ACK}},
    {"op7", {.kind = SESSION_RECONNECT}},
    {"op9-true", {.kind = SESSION_INVALID, .resumable = true}},
    {"op9-false", {.kind = SESSION_INVALID}},
    {"event-next", {.kind = SESSION_DISPATCH, .event = EVENT_GUILD_CREATE, .seq = RIG_SEQ + 1}},
    {"event-known", {.kind = SESSION_DISPATCH, .event = EVENT_GUILD_CREATE, .seq = RIG_SEQ}},
    {"event-gap", {.kind = SESSION_DISPATCH, .event = EVENT_GUILD_CREATE, .seq = RIG_SEQ + 6}},
    {"event-wild", {.kind = SESSION_DISPATCH, .event = EVENT_GUILD_CREATE, .seq = UINT64_MAX}},
    {"event-no-seq", {.kind = SESSION_DISPATCH, .event = EVENT_GUILD_CREATE}},
    {"ready",
     {.kind = SESSION_DISPATCH,
      .event = EVENT_READY,
      .seq = 1,
      .has_session = true,
      .has_resume_url = true}},
    {"ready-no-id", {.kind = SESSION_DISPATCH, .event = EVENT_READY, .seq = 1}},
    {"ready-wild",
     {.kind = SESSION_DISPATCH, .event = EVENT_READY, .seq = UINT64_MAX, .has_session = true}},
    {"resumed", {.kind = SESSION_DISPATCH, .event = EVENT_RESUMED, .seq = RIG_SEQ + 1}},
    {"unknown-op", {.kind = SESSION_UNKNOWN_OP, .code = 42}},
    {"broken", {.kind = SESSION_BROKEN}},
};
enum { KINDS = sizeof(events) / sizeof(events[0]) };

/* The states, with and without a session that can be resumed. */
static const struct {
    enum session_state state;
    bool with_session;
    const char *name;
} places[] = {
    {SESSION_IDLE, false, "idle"},
    {SESSION_WAITING, false, "waiting"},
    {SESSION_FETCHING, false, "fetching"},
    {SESSION_CONNECTING, false, "connecting"},
    {SESSION_GREETING, false, "greeting"},
    {SESSION_QUEUED, false, "queued"},
    {SESSION_IDENTIFYING, false, "identifying"},
    {SESSION_CLOSING, false, "closing"},
    {SESSION_FAILED, false, "failed"},
    {SESSION_IDLE, true, "idle+"},
    {SESSION_WAITING, true, "waiting+"},
    {SESSION_FETCHING, true, "fetching+"},
    {SESSION_CONNECTING, true, "connecting+"},
    {SESSION_GREETING, true, "greeting+"},
    {SESSION_RESUMING, true, "resuming+"},
    {SESSION_LIVE, true, "live+"},
    {SESSION_CLOSING, true, "closing+"},
    {SESSION_FAILED, true, "failed+"},
};
enum { PLACES = sizeof(places) / sizeof(places[0]) };

static const struct row {
    const char *place;
    const char *event;
    const char *next; /* with a plus when there is a session afterwards */
    const char *actions;
} rows[] = {
#include "session_rows.h"
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const struct row *find_row(const char *place, const char *event) {
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(rows[i].place, place) == 0 && strcmp(rows[i].event, event) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static const char *name_of(const struct session *session) {
    for (size_t i = 0; i < PLACES; i++) {
        if (places[i].state == session->state && places[i].with_session == session->has_session) {
            return places[i].name;
        }
    }
    /* READY without a session id is the one way to be live without a session. */
    return session->state == SESSION_LIVE ? "live" : "impossible";
}

static void every_event_in_every_state_does_what_the_table_says(void **state) {
    size_t used = 0;
    for (size_t p = 0; p < PLACES; p++) {
        for (size_t e = 0; e < KINDS; e++) {
            struct rig rig;
            rig_reach(&rig, places[p].state, places[p].with_session);
            struct session before = rig.session;
            rig_event(&rig, events[e].event);
            char words[256];
            rig_words(&rig, words, sizeof(words));
            const struct row *row = find_row(places[p].name, events[e].name);
            const char *next = row != NULL ? row->next : places[p].name;
            const char *actions = row != NULL ? row->actions : "";
            used += row != NULL ? 1 : 0;
            if (strcmp(name_of(&rig.session), next) != 0 || strcmp(words, actions) != 0) {
                fail_msg("%s, %s: became %s [%s], expected %s [%s]", places[p].name, events[e].name,
                         name_of(&rig.session), words, next, actions);
            }
            if (strcmp(next, places[p].name) == 0) {
                assert_int_equal(rig.session.deadline_ms, before.deadline_ms);
            }
        }
    }
    assert_int_equal(used, ROWS);
}

static void what_belongs_to_an_old_connection_changes_nothing(void **state) {
    for (size_t p = 0; p < PLACES; p++) {
        for (size_t e = 0; e < KINDS; e++) {
            if (events[e].event.kind < SESSION_CONNECTED) {
                continue;
            }
            struct rig rig;
            rig_reach(&rig, places[p].state, places[p].with_session);
            struct session before = rig.session;
            struct session_event event = events[e].event;
            event.generation = rig.session.generation - 1;
            event.now_ms = rig.now_ms;
            session_step(&rig.session, &event, &rig.out);
            assert_int_equal(rig.out.count, 0);
            assert_memory_equal(&before, &rig.session, sizeof(before));
        }
    }
}

static void every_state_that_waits_has_an_end(void **state) {
    for (size_t p = 0; p < PLACES; p++) {
        struct rig rig;
        rig_reach(&rig, places[p].state, places[p].with_session);
        bool rests = places[p].state == SESSION_IDLE || places[p].state == SESSION_FAILED;
        assert_int_equal(session_deadline(&rig.session) == UINT64_MAX, rests);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_in_every_state_does_what_the_table_says),
        cmocka_unit_test(what_belongs_to_an_old_connection_changes_nothing),
        cmocka_unit_test(every_state_that_waits_has_an_end),
    };
    return cmocka_run_group_tests_name("session_table", tests, NULL, NULL);
}
