/* unit/store_rig.h: a store in a directory of its own, or in memory, for the tests of the store;
 * included once per binary. */
#ifndef TESTS_STORE_RIG_H
#define TESTS_STORE_RIG_H

#include "base/buf.h"
#include "base/file.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOW = 1000000 }; /* ms since 1970 */

struct rig {
    char home[64];
    char path[128];
};

static inline void rig_make(struct rig *rig) {
    strcpy(rig->home, "/tmp/drey-store-XXXXXX");
    assert_non_null(mkdtemp(rig->home));
    snprintf(rig->path, sizeof(rig->path), "%s/plugins/one.db", rig->home);
}

static inline void rig_remove(struct rig *rig) {
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", rig->home);
    assert_int_equal(system(command), 0);
}

static inline struct store *rig_open(const char *path, uint64_t most_bytes) {
    struct err err = {0};
    struct store_options options = {
        .path = path, .most_bytes = most_bytes, .create = true, .patience_ms = 50};
    struct store *store = store_open(&options, &err);
    if (store == NULL) {
        fail_msg("%s", err.text);
    }
    return store;
}

static inline bool put_for(struct store *store, uint64_t guild, const char *key, const char *text,
                           uint64_t ttl_ms, struct err *err) {
    struct store_put put = {
        .guild_id = guild, .key = key, .data = text, .size = strlen(text), .ttl_ms = ttl_ms};
    return store_set(store, NOW, &put, err);
}

static inline void put(struct store *store, uint64_t guild, const char *key, const char *text) {
    struct err err = {0};
    if (!put_for(store, guild, key, text, 0, &err)) {
        fail_msg("%s", err.text);
    }
}

/* "" when it is not there. */
static inline const char *get_at(struct store *store, uint64_t now_ms, uint64_t guild,
                                 const char *key) {
    struct store_value value;
    struct err err = {0};
    if (store_get(store, now_ms, guild, key, &value, &err)) {
        return value.data;
    }
    assert_int_equal(err.code, ERR_NOT_FOUND);
    return "";
}

static inline const char *get(struct store *store, uint64_t guild, const char *key) {
    return get_at(store, NOW, guild, key);
}

static inline bool add_line(void *to, const struct store_value *value) {
    return buf_printf(to, "%llu/%s=%s ", (unsigned long long)value->guild_id, value->key,
                      value->data);
}

/* "GUILD/KEY=DATA " for each. */
static inline void assert_list(struct store *store, const struct store_range *range,
                               const char *text) {
    struct buf out = {0};
    struct err err = {0};
    buf_text(&out, "");
    if (!store_list(store, NOW, range, add_line, &out, &err)) {
        fail_msg("%s", err.text);
    }
    assert_string_equal(out.bytes, text);
    buf_finish(&out);
}

static inline bool at(struct store *store, uint64_t now_ms, const char *name, uint64_t cookie,
                      uint64_t at_ms) {
    struct store_schedule schedule = {
        .kind = STORE_AT, .name = name, .cookie = cookie, .at_ms = at_ms};
    return store_schedule_set(store, now_ms, &schedule, NULL);
}

static inline bool every(struct store *store, uint64_t now_ms, const char *name, uint64_t cookie,
                         uint64_t period_ms) {
    struct store_schedule schedule = {
        .kind = STORE_EVERY, .name = name, .cookie = cookie, .period_ms = period_ms};
    return store_schedule_set(store, now_ms, &schedule, NULL);
}

static inline uint64_t next_of(struct store *store) {
    uint64_t next_ms = 0;
    assert_true(store_due_next(store, &next_ms, NULL));
    return next_ms;
}

/* Takes; "NAME COOKIE DUE" with " missed", " again"; "" when nothing is due. done: also ends it. */
static inline const char *take(struct store *store, uint64_t now_ms, bool done) {
    static char text[160];
    struct store_due due;
    struct err err = {0};
    if (!store_due_take(store, now_ms, &due, &err)) {
        fail_msg("%s", err.text);
    }
    if (due.name[0] == '\0') {
        return "";
    }
    snprintf(text, sizeof(text), "%s %llu %llu%s%s", due.name, (unsigned long long)due.cookie,
             (unsigned long long)due.due_ms, due.missed ? " missed" : "",
             due.again ? " again" : "");
    if (done) {
        assert_true(store_due_done(store, &due, NULL));
    }
    return text;
}

#endif
