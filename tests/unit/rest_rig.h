/* tests/unit/rest_rig.h: a scheduler, a bot, and single answers for it. For one translation unit.
 */
#ifndef TESTS_REST_RIG_H
#define TESTS_REST_RIG_H

#include "rest/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ENTRIES = 128, DEADLINE_MS = 600000 };

struct rig {
    struct queue *queue;
    struct queue_bot *bot;
    uint64_t now_ms;
    unsigned used;
    struct queue_entry entries[ENTRIES];
    struct queue_verdict verdict; /* of the last answer */
};

static inline void rig_open(struct rig *rig) {
    *rig = (struct rig){.now_ms = 1000000};
    rig->queue = queue_create(42);
    rig->bot = queue_bot_create(rig->queue, 50);
}

static inline void rig_close(struct rig *rig) {
    queue_end_all(rig->queue, REST_END_STOPPED);
    while (queue_next(rig->queue, rig->now_ms).kind == QUEUE_END) {
    }
    assert_int_equal(queue_count(rig->queue, NULL).entries, 0);
    queue_bot_destroy(rig->bot);
    queue_destroy(rig->queue);
}

static inline struct queue_entry *submit_as(struct rig *rig, uint64_t owner,
                                            enum rest_method method, const char *path) {
    struct route route;
    struct err err = {0};
    assert_true(rig->used < ENTRIES);
    struct queue_entry *entry = &rig->entries[rig->used++];
    *entry = (struct queue_entry){
        .bot = rig->bot, .owner = owner, .deadline_ms = rig->now_ms + DEADLINE_MS};
    assert_true(route_parse(method, path, 0, &route, &err));
    assert_true(queue_submit(rig->queue, entry, &route, rig->now_ms, &err));
    return entry;
}

static inline struct queue_entry *submit(struct rig *rig, enum rest_method method,
                                         const char *path) {
    return submit_as(rig, 1, method, path);
}

/* The next thing to do is to send this one. */
static inline void expect_send(struct rig *rig, const struct queue_entry *entry) {
    struct queue_step step = queue_next(rig->queue, rig->now_ms);
    assert_int_equal(step.kind, QUEUE_SEND);
    assert_ptr_equal(step.entry, entry);
}

static inline void expect_end(struct rig *rig, const struct queue_entry *entry, enum rest_end end) {
    struct queue_step step = queue_next(rig->queue, rig->now_ms);
    assert_int_equal(step.kind, QUEUE_END);
    assert_ptr_equal(step.entry, entry);
    assert_int_equal(step.end, end);
}

/* Nothing to do for so long. */
static inline void expect_wait(struct rig *rig, uint64_t for_ms) {
    struct queue_step step = queue_next(rig->queue, rig->now_ms);
    assert_int_equal(step.kind, QUEUE_WAIT);
    assert_int_equal(step.until_ms - rig->now_ms, for_ms);
}

/* Nothing to do before something happens, but for deadlines. */
static inline void expect_nothing(struct rig *rig) {
    struct queue_step step = queue_next(rig->queue, rig->now_ms);
    assert_int_equal(step.kind, QUEUE_WAIT);
    assert_true(step.until_ms == QUEUE_NEVER || step.until_ms > rig->now_ms + DEADLINE_MS / 2);
}

/* lines: of the head, each ended by '\n'. */
static inline bool answer(struct rig *rig, struct queue_entry *entry, long status,
                          const char *lines, const char *body) {
    struct told told = {0};
    while (*lines != '\0') {
        size_t length = strcspn(lines, "\n");
        told_header(&told, lines, length);
        lines += length + (lines[length] == '\n');
    }
    told_body(&told, body, strlen(body));
    struct queue_outcome outcome = {
        .status = status, .told = status != 0 ? &told : NULL, .maybe_seen = true, .random = 7};
    rig->verdict = queue_answered(rig->queue, entry, &outcome, rig->now_ms);
    return rig->verdict.ends;
}

static const char *limits(char out[256], const char *hash, unsigned limit, unsigned remaining,
                          const char *after) {
    (void)snprintf(out, 256,
                   "Via: 1.1 google\nX-RateLimit-Limit: %u\nX-RateLimit-Remaining: %u\n"
                   "X-RateLimit-Reset-After: %s\nX-RateLimit-Bucket: %s\n",
                   limit, remaining, after, hash);
    return out;
}

static inline void expect_ok(struct rig *rig, struct queue_entry *entry, const char *hash,
                             unsigned limit, unsigned remaining, const char *after) {
    char head[256];
    assert_true(answer(rig, entry, 200, limits(head, hash, limit, remaining, after), ""));
    assert_int_equal(rig->verdict.end, REST_END_ANSWERED);
}

#define REFUSED(after) "{\"message\":\"limited\",\"retry_after\":" after ",\"global\":false}"

#endif
