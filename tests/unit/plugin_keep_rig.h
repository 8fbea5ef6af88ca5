/* unit/plugin_keep_rig.h: instances whose port leads to a store in memory, with a clock of the
 * test's; the plugin is a part of the test. Included once per binary. */
#ifndef TESTS_PLUGIN_KEEP_RIG_H
#define TESTS_PLUGIN_KEEP_RIG_H

#include "plugin/instance.h"
#include "plugin/keep.h"

#include "base/log.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct keep *keep;
static uint64_t now_ms;
static char told[1024]; /* the last fault */
static uint64_t next_ms;
static int tellings;
static struct buf calls; /* what was called, a line each */

static inline bool note_message(void *arg, const struct port_message *head, const char *name,
                                const void *data) {
    if (head->kind == PORT_FAULT) {
        snprintf(told, sizeof(told), "%.*s", (int)head->data_length, (const char *)data);
    } else if (head->kind == PORT_DUE_NEXT) {
        next_ms = head->extra;
        tellings++;
    }
    return true;
}

static inline bool ask_keep(void *arg, const struct buf *ask, struct buf *answer) {
    return keep_serve(keep, ask, answer);
}

static inline uint64_t clock_of_test(void *arg) {
    return now_ms;
}

static struct port port = {.send = note_message, .keep = ask_keep};

static inline int init_none(drey_ctx *ctx) {
    return 0;
}

/* A generation on the store that there is. */
static inline struct instance *generation(drey_step_fn init) {
    static drey_plugin entries[2];
    static int count;
    drey_plugin *entry = &entries[count++ % 2];
    struct err err = {0};
    *entry = (drey_plugin){.size = sizeof(*entry), .init = init};
    struct instance *instance = instance_create(&port, "bot", 1, "", 0, &err);
    assert_non_null(instance);
    assert_true(instance_init(instance, entry, &err));
    return instance;
}

static inline struct instance *started(drey_step_fn init) {
    struct instance *instance = generation(init);
    assert_true(instance_start(instance, NULL));
    instance_go(instance);
    instance_due_begin(instance, false);
    told[0] = '\0';
    return instance;
}

static inline int fresh_store(void **state) {
    struct keep_options options = {.most_bytes = 2 << 20, .now_ms = clock_of_test};
    keep = keep_create(&options, NULL);
    now_ms = 1000000;
    next_ms = 0;
    tellings = 0;
    told[0] = '\0';
    buf_clear(&calls);
    return keep == NULL || !buf_text(&calls, "");
}

static inline int drop_store(void **state) {
    keep_destroy(keep);
    buf_finish(&calls);
    return 0;
}

static inline void enter(struct instance *instance) {
    instance_enter(instance, PHASE_HANDLER);
}

/* A test with a store of its own. */
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_store, drop_store)

#endif
