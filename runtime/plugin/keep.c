/* plugin/keep.c: carries out what an instance asks of the store. The lock is there for the one who
 * gives up on a worker; nobody else meets here. */
#include "plugin/keep.h"

#include "base/clock.h"
#include "drey/drey.h"
#include "plugin/port.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct keep {
    pthread_mutex_t lock;
    char *path; /* NULL: in memory */
    uint64_t most_bytes;
    uint64_t (*now_ms)(void *arg);
    void *arg;
    struct store *store; /* NULL: not open */
    _Atomic bool abandoned;
};

static uint64_t system_now_ms(void *arg) {
    return clock_wall_ms();
}

struct keep *keep_create(const struct keep_options *options, struct err *err) {
    struct keep *keep = calloc(1, sizeof(*keep));
    if (keep == NULL || (options->path != NULL && (keep->path = strdup(options->path)) == NULL)) {
        free(keep);
        err_set(err, ERR_NO_MEMORY, "store");
        return NULL;
    }
    pthread_mutex_init(&keep->lock, NULL);
    keep->most_bytes = options->most_bytes;
    keep->now_ms = options->now_ms != NULL ? options->now_ms : system_now_ms;
    keep->arg = options->arg;
    return keep;
}

void keep_destroy(struct keep *keep) {
    if (keep == NULL) {
        return;
    }
    store_close(keep->store);
    pthread_mutex_destroy(&keep->lock);
    free(keep->path);
    free(keep);
}

/* Nobody waits here: whoever has the lock closes when it lets it go. */
static void close_abandoned(struct keep *keep) {
    if (pthread_mutex_trylock(&keep->lock) == 0) {
        store_close(keep->store);
        keep->store = NULL;
        pthread_mutex_unlock(&keep->lock);
    }
}

void keep_abandon(struct keep *keep) {
    atomic_store(&keep->abandoned, true);
    close_abandoned(keep);
}

static int64_t result_of(enum err_code code) {
    switch (code) {
    case ERR_LIMIT:
        return DREY_E_LIMIT;
    case ERR_NOT_FOUND:
        return DREY_E_UNKNOWN;
    case ERR_EXISTS:
        return DREY_E_EXISTS;
    case ERR_INVALID:
        return DREY_E_INVALID;
    case ERR_NO_MEMORY:
        return DREY_E_NO_MEMORY;
    default:
        return DREY_E_FAIL;
    }
}

/* ---- What is asked ---- */

/* One question on its way: what it says, and the answer that grows. */
struct errand {
    struct keep *keep;
    struct store *store;
    struct keep_ask ask;
    struct keep_texts texts;
    uint64_t now_ms;
    struct keep_answer answer;
    struct buf rows;
    bool cut; /* the rows are as many as one answer takes */
};

static bool add_row(struct errand *errand, const struct keep_row *row,
                    const struct keep_texts *texts) {
    if (errand->rows.length >= KEEP_PAGE_BYTES) {
        errand->answer.flags |= KEEP_MORE;
        return false;
    }
    errand->answer.row_count++;
    errand->cut = !keep_write_row(&errand->rows, row, texts);
    return !errand->cut;
}

static bool add_value(void *to, const struct store_value *value) {
    struct keep_row row = {.guild_id = value->guild_id, .expires_ms = value->expires_ms};
    struct keep_texts texts = {{value->key, value->data}, {value->key_length, value->data_length}};
    return add_row(to, &row, &texts);
}

static bool add_schedule(void *to, const struct store_schedule *schedule) {
    const char *zone = schedule->zone != NULL ? schedule->zone : "";
    struct keep_row row = {.guild_id = schedule->cookie,
                           .expires_ms = schedule->next_ms,
                           .period_ms = schedule->period_ms,
                           .kind = schedule->kind,
                           .flags = schedule->zone != NULL ? KEEP_ZONE : 0};
    struct keep_texts texts = {{schedule->name, schedule->cron, zone},
                               {strlen(schedule->name), strlen(schedule->cron), strlen(zone)}};
    return add_row(to, &row, &texts);
}

static bool do_get(struct errand *errand, struct err *err) {
    struct store_value value;
    return store_get(errand->store, errand->now_ms, errand->ask.guild_id, errand->texts.texts[0],
                     &value, err) &&
           (add_value(errand, &value) || err_set(err, ERR_NO_MEMORY, "a value"));
}

static bool do_set(struct errand *errand, struct err *err) {
    struct store_put put = {.guild_id = errand->ask.guild_id,
                            .key = errand->texts.texts[0],
                            .data = errand->texts.texts[1],
                            .size = errand->texts.lengths[1],
                            .ttl_ms = errand->ask.number,
                            .only_new = (errand->ask.flags & DREY_KV_NEW) != 0};
    return store_set(errand->store, errand->now_ms, &put, err);
}

static bool do_add(struct errand *errand, struct err *err) {
    int64_t sum = 0;
    bool ok = store_add(errand->store, errand->now_ms, errand->ask.guild_id, errand->texts.texts[0],
                        errand->ask.amount, errand->ask.number, &sum, err);
    errand->answer.extra = (uint64_t)sum;
    return ok;
}

static bool do_delete(struct errand *errand, struct err *err) {
    bool was = false;
    bool ok = store_delete(errand->store, errand->now_ms, errand->ask.guild_id,
                           errand->texts.texts[0], &was, err);
    errand->answer.result = was;
    return ok;
}

static bool do_clear(struct errand *errand, struct err *err) {
    uint64_t count = 0;
    bool ok = store_clear(errand->store, errand->now_ms, errand->ask.guild_id,
                          errand->texts.texts[0], &count, err);
    errand->answer.result = (int64_t)count;
    return ok;
}

static bool do_list(struct errand *errand, struct err *err) {
    struct store_range range = {
        .guild_id = errand->ask.guild_id,
        .prefix = errand->texts.texts[0],
        .after = (errand->ask.flags & KEEP_AFTER) != 0 ? errand->texts.texts[1] : NULL,
        .limit = errand->ask.amount > 0 ? (uint64_t)errand->ask.amount : 0,
        .all_guilds = (errand->ask.flags & DREY_KV_ALL_GUILDS) != 0};
    return store_list(errand->store, errand->now_ms, &range, add_value, errand, err);
}

static bool do_begin(struct errand *errand, struct err *err) {
    return store_begin(errand->store, err);
}

static bool do_commit(struct errand *errand, struct err *err) {
    return store_commit(errand->store, err);
}

static bool do_rollback(struct errand *errand, struct err *err) {
    return store_rollback(errand->store, err);
}

static bool do_settle(struct errand *errand, struct err *err) {
    bool open = store_in_transaction(errand->store);
    errand->answer.result = open;
    return !open || store_rollback(errand->store, err);
}

static bool do_schedule(struct errand *errand, struct err *err) {
    struct store_schedule schedule = {
        .kind = errand->ask.flags & 0xff,
        .name = errand->texts.texts[0],
        .cookie = errand->ask.number,
        .at_ms = errand->ask.at_ms,
        .period_ms = errand->ask.period_ms,
        .cron = errand->texts.texts[1],
        .zone = (errand->ask.flags & KEEP_ZONE) != 0 ? errand->texts.texts[2] : NULL};
    return store_schedule_set(errand->store, errand->now_ms, &schedule, err);
}

static bool do_stop(struct errand *errand, struct err *err) {
    bool was = false;
    bool ok =
        store_schedule_stop(errand->store, errand->texts.texts[0], errand->ask.number, &was, err);
    errand->answer.result = was;
    return ok;
}

static bool do_schedules(struct errand *errand, struct err *err) {
    struct store_schedule after = {.name = errand->texts.texts[0], .cookie = errand->ask.number};
    bool behind = (errand->ask.flags & KEEP_AFTER) != 0;
    return store_schedules(errand->store, behind ? &after : NULL, add_schedule, errand, err);
}

static bool add_due(struct errand *errand, const struct store_due *due) {
    struct keep_row row = {.guild_id = due->cookie,
                           .expires_ms = due->due_ms,
                           .flags =
                               (due->missed ? KEEP_MISSED : 0) | (due->again ? KEEP_AGAIN : 0)};
    struct keep_texts texts = {{due->name}, {strlen(due->name)}};
    return add_row(errand, &row, &texts);
}

static bool do_due_begin(struct errand *errand, struct err *err) {
    uint64_t gone = 0;
    struct store_due due;
    if (!store_due_begin(errand->store, errand->now_ms, errand->texts.texts[1],
                         errand->texts.lengths[1], &gone, err)) {
        return false;
    }
    do {
        if (!store_due_give_up(errand->store, &due, err)) {
            return false;
        }
    } while (due.name[0] != '\0' && add_due(errand, &due));
    errand->answer.result = (int64_t)gone;
    errand->answer.extra = errand->now_ms;
    return true;
}

static bool do_due_take(struct errand *errand, struct err *err) {
    struct store_due due;
    if (!store_due_take(errand->store, errand->now_ms, &due, err)) {
        return false;
    }
    errand->answer.extra = errand->now_ms;
    if (due.name[0] == '\0') {
        return true;
    }
    errand->answer.result = 1;
    return add_due(errand, &due);
}

static bool do_due_done(struct errand *errand, struct err *err) {
    struct store_due due = {.cookie = errand->ask.number};
    size_t length = errand->texts.lengths[0];
    if (length >= sizeof(due.name)) {
        return err_set(err, ERR_INVALID, "a name of %zu bytes", length);
    }
    memcpy(due.name, errand->texts.texts[0], length);
    return store_due_done(errand->store, &due, err);
}

static bool do_due_next(struct errand *errand, struct err *err) {
    return store_due_next(errand->store, &errand->answer.extra, err);
}

static const struct {
    bool (*run)(struct errand *errand, struct err *err);
    bool writes;       /* makes the file where there is none */
    int64_t otherwise; /* what it answers while there is none */
    int32_t inside;    /* 1: inside a transaction only, -1: not inside one */
} kinds[] = {
    [KEEP_GET] = {do_get, false, DREY_E_UNKNOWN, 0},
    [KEEP_SET] = {do_set, true, 0, 0},
    [KEEP_ADD] = {do_add, true, 0, 0},
    [KEEP_DELETE] = {do_delete, false, 0, 0},
    [KEEP_CLEAR] = {do_clear, false, 0, 0},
    [KEEP_LIST] = {do_list, false, 0, 0},
    [KEEP_BEGIN] = {do_begin, true, 0, -1},
    [KEEP_COMMIT] = {do_commit, false, DREY_E_PHASE, 1},
    [KEEP_ROLLBACK] = {do_rollback, false, DREY_E_PHASE, 1},
    [KEEP_SETTLE] = {do_settle, false, 0, 0},
    [KEEP_SCHEDULE] = {do_schedule, true, 0, 0},
    [KEEP_STOP] = {do_stop, false, 0, 0},
    [KEEP_SCHEDULES] = {do_schedules, false, 0, 0},
    [KEEP_DUE_BEGIN] = {do_due_begin, false, 0, 0},
    [KEEP_DUE_TAKE] = {do_due_take, false, 0, 0},
    [KEEP_DUE_DONE] = {do_due_done, false, 0, 0},
    [KEEP_DUE_NEXT] = {do_due_next, false, 0, 0},
};
enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };

/* ---- Around it ---- */

static bool open_store(struct keep *keep, bool create, struct err *err) {
    struct store_options options = {
        .path = keep->path, .most_bytes = keep->most_bytes, .create = create};
    if (keep->store == NULL) {
        keep->store = store_open(&options, err);
    }
    return keep->store != NULL;
}

/* A file that is not what it should be is looked at anew by the next question: somebody may have
 * done something. Not within a transaction, whose calls must all fail. */
static void close_broken(struct keep *keep) {
    if (keep->store != NULL && store_is_broken(keep->store) && !store_in_transaction(keep->store)) {
        store_close(keep->store);
        keep->store = NULL;
    }
}

static void carry_out(struct errand *errand, struct err *err) {
    struct keep *keep = errand->keep;
    uint32_t kind = errand->ask.kind;
    bool inside = keep->store != NULL && store_in_transaction(keep->store);
    if (kinds[kind].inside != 0 && inside != (kinds[kind].inside > 0)) {
        errand->answer.result = DREY_E_PHASE;
        err_set(err, ERR_INVALID,
                inside ? "a transaction is open already" : "no transaction is open");
        return;
    }
    if (!open_store(keep, kinds[kind].writes, err)) {
        bool none = err->code == ERR_NOT_FOUND;
        errand->answer.result = none ? kinds[kind].otherwise : result_of(err->code);
        errand->answer.extra = kind == KEEP_DUE_NEXT && none ? UINT64_MAX : 0;
        return;
    }
    errand->store = keep->store;
    errand->now_ms = keep->now_ms(keep->arg);
    if (!kinds[kind].run(errand, err)) {
        errand->answer.result = result_of(err->code);
    } else if (errand->cut) {
        errand->answer.result = DREY_E_NO_MEMORY;
        err_set(err, ERR_NO_MEMORY, "the answer");
    }
    close_broken(keep);
}

bool keep_serve(struct keep *keep, const struct buf *ask, struct buf *answer) {
    struct err err = {0};
    struct errand errand = {.keep = keep};
    pthread_mutex_lock(&keep->lock);
    if (!keep_read_ask(ask, &errand.ask, &errand.texts) || errand.ask.kind >= KIND_COUNT ||
        kinds[errand.ask.kind].run == NULL) {
        errand.answer.result = DREY_E_INVALID;
        err_set(&err, ERR_INVALID, "a malformed question");
    } else if (atomic_load(&keep->abandoned)) {
        errand.answer.result = DREY_E_FAIL;
        err_set(&err, ERR_BUSY, "the host has given up on this worker");
    } else {
        carry_out(&errand, &err);
    }
    pthread_mutex_unlock(&keep->lock);
    if (atomic_load(&keep->abandoned)) {
        close_abandoned(keep);
    }
    bool ok = keep_write_answer(answer, &errand.answer, err.text, &errand.rows);
    buf_finish(&errand.rows);
    return ok;
}
