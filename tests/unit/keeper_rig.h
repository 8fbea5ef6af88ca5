/* tests/unit/keeper_rig.h: a keeper with a clock that a test sets, whose actions are written down
 * as lines of text. For one translation unit. */
#ifndef TESTS_KEEPER_RIG_H
#define TESTS_KEEPER_RIG_H

#include "base/buf.h"
#include "interaction/keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { RIG_ID = 700, RIG_APPLICATION = 800, RIG_PLUGIN = 9 };

struct rig {
    struct keeper *keeper;
    uint64_t now_ms;
    uint64_t sent;        /* the last request that went out */
    uint64_t deadline_ms; /* of it */
    bool urgent;
    enum keeper_mark mark;
    uint64_t message; /* that Discord makes, where it is asked which */
    bool want_id;
    uint64_t cookie; /* of the last answer */
    struct err err;
    struct buf lines;
};

static inline void rig_start(struct rig *rig, size_t most) {
    memset(rig, 0, sizeof(*rig));
    rig->now_ms = 1000000;
    rig->keeper = keeper_create(most, &rig->err);
    assert_non_null(rig->keeper);
}

static inline void rig_note(struct rig *rig, const struct keeper_action *action) {
    switch (action->kind) {
    case KEEPER_SEND:
        rig->sent = action->request;
        rig->deadline_ms = action->deadline_ms;
        rig->urgent = action->urgent;
        rig->mark = action->mark;
        rig->want_id = action->want_id;
        if (action->body != NULL) {
            assert_int_equal(strlen(action->body), action->body_length);
        }
        assert_true(buf_printf(&rig->lines, "%s %s%s%s\n", action->method, action->path,
                               action->body != NULL ? " " : "",
                               action->body != NULL ? action->body : ""));
        break;
    case KEEPER_TELL:
        assert_true(buf_printf(&rig->lines, "tell %llu %s%s\n", (unsigned long long)action->cookie,
                               action->code == ERR_NONE ? "ok" : "failed: ", action->text));
        break;
    case KEEPER_LOG:
        assert_true(buf_printf(&rig->lines, "log %s\n", action->text));
        break;
    case KEEPER_ORIGINAL:
        assert_true(buf_printf(&rig->lines, "original %llu of %llu\n",
                               (unsigned long long)action->stand_in,
                               (unsigned long long)action->interaction));
        break;
    case KEEPER_FORGET:
        assert_true(
            buf_printf(&rig->lines, "forget %llu\n", (unsigned long long)action->interaction));
        break;
    }
}

static inline void rig_drain(struct rig *rig) {
    for (const struct keeper_action *at; (at = keeper_next(rig->keeper)) != NULL;) {
        rig_note(rig, at);
    }
}

/* All that happened since the last call, line by line. */
static inline void rig_saw(struct rig *rig, const char *lines) {
    rig_drain(rig);
    assert_string_equal(rig->lines.length > 0 ? rig->lines.bytes : "", lines);
    buf_clear(&rig->lines);
}

/* As rig_saw(), but for the one line that begins so. */
static inline void rig_saw_line(struct rig *rig, const char *begins) {
    rig_drain(rig);
    const char *text = rig->lines.length > 0 ? rig->lines.bytes : "";
    if (strncmp(text, begins, strlen(begins)) != 0 || strchr(text, '\n') == NULL ||
        strchr(text, '\n')[1] != '\0') {
        assert_string_equal(text, begins);
    }
    buf_clear(&rig->lines);
}

static inline void rig_finish(struct rig *rig) {
    rig_saw(rig, "");
    keeper_destroy(rig->keeper);
    buf_finish(&rig->lines);
}

/* Moves the clock, calling at every time that the keeper asked for. */
static inline void rig_wait(struct rig *rig, uint64_t ms) {
    uint64_t until_ms = rig->now_ms + ms;
    while (keeper_next_ms(rig->keeper) <= until_ms) {
        uint64_t due_ms = keeper_next_ms(rig->keeper);
        rig->now_ms = due_ms > rig->now_ms ? due_ms : rig->now_ms;
        keeper_due(rig->keeper, rig->now_ms);
        rig_drain(rig);
    }
    rig->now_ms = until_ms;
}

static inline struct keeper_arrival rig_ping(const struct rig *rig) {
    return (struct keeper_arrival){.id = RIG_ID,
                                   .application = RIG_APPLICATION,
                                   .plugin = RIG_PLUGIN,
                                   .type = KEEPER_COMMAND,
                                   .name = "/ping",
                                   .handler = "on_ping",
                                   .received_ms = rig->now_ms};
}

static inline void rig_arrive(struct rig *rig, const struct keeper_arrival *arrival) {
    assert_true(keeper_arrived(rig->keeper, arrival, rig->now_ms, &rig->err));
}

/* True: accepted; its cookie counts up from 1. */
static inline bool rig_answer_to(struct rig *rig, uint64_t id, enum keeper_answer_kind kind,
                                 const char *body) {
    struct keeper_answer answer = {.interaction = id,
                                   .kind = kind,
                                   .cookie = rig->cookie + 1,
                                   .message = 55,
                                   .body = body,
                                   .body_length = body != NULL ? strlen(body) : 0};
    err_clear(&rig->err);
    bool ok = keeper_answer(rig->keeper, &answer, rig->now_ms, &rig->err);
    rig->cookie += ok ? 1 : 0;
    assert_true(ok == (rig->err.code == ERR_NONE));
    return ok;
}

static inline bool rig_answer(struct rig *rig, enum keeper_answer_kind kind, const char *body) {
    return rig_answer_to(rig, RIG_ID, kind, body);
}

static inline void rig_refused(struct rig *rig, enum keeper_answer_kind kind, const char *body,
                               const char *why) {
    assert_false(rig_answer(rig, kind, body));
    assert_string_equal(rig->err.text, why);
    rig_saw(rig, "");
}

/* The last request that went out ended so. */
static inline void rig_outcome(struct rig *rig, unsigned status, unsigned code, const char *why) {
    rig_drain(rig);
    struct keeper_outcome outcome = {.request = rig->sent,
                                     .status = status,
                                     .code = code,
                                     .message = rig->want_id ? rig->message : 0,
                                     .why = why};
    keeper_outcome(rig->keeper, &outcome, rig->now_ms);
}

static inline void rig_unsure(struct rig *rig) {
    rig_drain(rig);
    struct keeper_outcome outcome = {.request = rig->sent, .unsure = true, .why = "reset"};
    keeper_outcome(rig->keeper, &outcome, rig->now_ms);
}

#define CALLBACK    "POST /interactions/700/{token}/callback"
#define ORIGINAL    "/webhooks/800/{token}/messages/@original"
#define PATCH       "PATCH " ORIGINAL
#define DELETE      "DELETE " ORIGINAL
#define FOLLOWUP    "POST /webhooks/800/{token}"
#define NOTICE(ref) "{\"content\":\"Something went wrong (ref " ref ")\",\"flags\":64}"

#endif
