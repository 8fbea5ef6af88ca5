/* store/agenda.c: the calls that a plugin wants at a later time. A call is marked as under way in
 * the same step in which its schedule moves on: killed before, it is still due; killed behind, the
 * mark is found. */
#include "store/inside.h"

#include "base/text.h"
#include "store/times.h"
#include "store/zones.h"

#include <inttypes.h>
#include <string.h>

/* ---- Rows ---- */

/* In the order of FIELDS in statements.c. Texts: borrowed until the query's next step. */
struct row {
    struct store_schedule schedule;
    bool over; /* nothing more comes */
    uint64_t flight;
    bool again; /* it was cut short and has not come again yet */
    bool missed;
};

static void read_row(struct db_query *query, struct row *row) {
    size_t length;
    *row = (struct row){.schedule = {.kind = (uint32_t)db_number(query, 0),
                                     .name = db_text(query, 1, &length),
                                     .cookie = (uint64_t)db_number(query, 2),
                                     .at_ms = (uint64_t)db_number(query, 3),
                                     .period_ms = (uint64_t)db_number(query, 4),
                                     .cron = db_text(query, 5, &length),
                                     .zone = db_text(query, 6, &length),
                                     .next_ms = (uint64_t)db_number(query, 7),
                                     .gone = db_number(query, 8) != 0},
                        .over = db_is_nothing(query, 7),
                        .flight = (uint64_t)db_number(query, 9),
                        .again = db_number(query, 10) > 0,
                        .missed = db_number(query, 11) != 0};
    if (row->schedule.zone[0] == '\0') {
        row->schedule.zone = NULL;
    }
}

static struct db_query *named(struct store *store, enum statement statement, const char *name,
                              uint64_t cookie, struct err *err) {
    struct db_query *query = store_query(store, statement, err);
    if (query != NULL) {
        db_put_text(query, 1, name, strlen(name));
        db_put_number(query, 2, (int64_t)cookie);
    }
    return query;
}

/* ---- Times ---- */

static const char *zone_name(const char *zone) {
    return zone != NULL && zone[0] != '\0' && strcmp(zone, "UTC") != 0 ? zone : "";
}

/* The time of a schedule's first call, or of the one behind due_ms. False: its words make no
 * sense. */
static bool reckon(const struct store_schedule *schedule, bool first, uint64_t due_ms,
                   uint64_t now_ms, uint64_t *next_ms, struct err *err) {
    struct cron cron = {0};
    struct zone zone = {0};
    struct times times = {.kind = schedule->kind,
                          .at_ms = schedule->at_ms,
                          .period_ms = schedule->period_ms,
                          .cron = &cron,
                          .zone = &zone};
    if (schedule->kind == STORE_CRON) {
        const char *name = zone_name(schedule->zone);
        if (!cron_read(schedule->cron, &cron, err)) {
            return false;
        }
        if (!zones_find(name[0] != '\0' ? name : NULL, &zone, err)) {
            if (first) {
                return false;
            }
            err_clear(err); /* tzdata has lost it: an hour off is better than never again */
        }
    }
    *next_ms = first ? times_first(&times, now_ms) : times_next(&times, due_ms, now_ms);
    zone_finish(&zone);
    return true;
}

static void put_time(struct db_query *query, int place, uint64_t time_ms) {
    if (time_ms > STORE_TIME_MAX_MS) {
        db_put_nothing(query, place);
    } else {
        db_put_number(query, place, time_ms > 0 ? (int64_t)time_ms : 1);
    }
}

/* ---- Set, stop, list ---- */

static bool good_schedule(const struct store_schedule *schedule, struct err *err) {
    size_t length = schedule->name != NULL ? strnlen(schedule->name, STORE_NAME_MAX + 1) : 0;
    if (length == 0 || length > STORE_NAME_MAX) {
        return err_set(err, ERR_INVALID, "a name has 1 to %d bytes", STORE_NAME_MAX);
    }
    switch (schedule->kind) {
    case STORE_AT:
        return schedule->at_ms <= STORE_TIME_MAX_MS ||
               err_set(err, ERR_INVALID, "%" PRIu64 " ms since 1970 is behind the year 9999",
                       schedule->at_ms);
    case STORE_EVERY:
        return (schedule->period_ms >= STORE_PERIOD_MIN_MS &&
                schedule->period_ms <= STORE_TIME_MAX_MS) ||
               err_set(err, ERR_INVALID, "a period of %" PRIu64 " ms; it has at least %d",
                       schedule->period_ms, STORE_PERIOD_MIN_MS);
    case STORE_CRON:
        return schedule->cron != NULL || err_set(err, ERR_INVALID, "cron is NULL");
    default:
        return err_set(err, ERR_INVALID, "%u is no kind of schedule", schedule->kind);
    }
}

static bool same(const struct store_schedule *a, const struct store_schedule *b) {
    return a->kind == b->kind && (a->kind != STORE_AT || a->at_ms == b->at_ms) &&
           (a->kind != STORE_EVERY || a->period_ms == b->period_ms) &&
           (a->kind != STORE_CRON ||
            (strcmp(a->cron, b->cron) == 0 && strcmp(zone_name(a->zone), zone_name(b->zone)) == 0));
}

/* Counts only when it might be too many. */
static bool has_place(struct store *store, struct err *err) {
    if (store->room == 0) {
        struct db_query *query = store_query(store, SQL_SCHEDULE_COUNT, err);
        if (query == NULL) {
            return false;
        }
        if (db_step(query, err) == 1 && db_number(query, 0) < STORE_SCHEDULES_MAX) {
            store->room = STORE_SCHEDULES_MAX - (uint64_t)db_number(query, 0);
        }
        db_end(query);
    }
    if (store->room == 0) {
        return err_set(err, ERR_LIMIT, "%d schedules are set already", STORE_SCHEDULES_MAX);
    }
    store->room--;
    return true;
}

static bool write_schedule(struct store *store, uint64_t now_ms,
                           const struct store_schedule *schedule, struct err *err) {
    uint64_t next_ms = 0;
    struct db_query *query;
    bool cron = schedule->kind == STORE_CRON;
    const char *zone = cron ? zone_name(schedule->zone) : "";
    if (!reckon(schedule, true, 0, now_ms, &next_ms, err)) {
        return false;
    }
    if (next_ms > STORE_TIME_MAX_MS) {
        return err_set(err, ERR_INVALID, "its time never comes");
    }
    query = named(store, SQL_SCHEDULE_SET, schedule->name, schedule->cookie, err);
    if (query == NULL) {
        return false;
    }
    db_put_number(query, 3, schedule->kind);
    db_put_number(query, 4, schedule->kind == STORE_AT ? (int64_t)schedule->at_ms : 0);
    db_put_number(query, 5, schedule->kind == STORE_EVERY ? (int64_t)schedule->period_ms : 0);
    db_put_text(query, 6, cron ? schedule->cron : "", cron ? strlen(schedule->cron) : 0);
    db_put_text(query, 7, zone, strlen(zone));
    put_time(query, 8, next_ms);
    db_put_number(query, 9, next_ms <= now_ms);
    return store_finish(query, err);
}

static bool set_step(struct store *store, uint64_t now_ms, const struct store_schedule *schedule,
                     struct err *err) {
    struct row row = {0};
    struct db_query *query = named(store, SQL_SCHEDULE_GET, schedule->name, schedule->cookie, err);
    if (query == NULL) {
        return false;
    }
    int got = db_step(query, err);
    if (got == 1) {
        read_row(query, &row);
    }
    bool set_already = got == 1 && same(schedule, &row.schedule);
    db_end(query);
    return got >= 0 && (set_already || ((got == 1 || has_place(store, err)) &&
                                        write_schedule(store, now_ms, schedule, err)));
}

bool store_schedule_set(struct store *store, uint64_t now_ms, const struct store_schedule *schedule,
                        struct err *err) {
    bool own = false;
    if (!good_schedule(schedule, err) || !store_open_step(store, &own, err)) {
        return false;
    }
    return store_close_step(store, own, set_step(store, now_ms, schedule, err), err);
}

bool store_schedule_stop(struct store *store, const char *name, uint64_t cookie, bool *was,
                         struct err *err) {
    struct db_query *query = named(store, SQL_SCHEDULE_DELETE, name, cookie, err);
    bool ok = query != NULL && store_finish(query, err);
    *was = ok && db_changes(store->db) > 0;
    return ok;
}

bool store_schedules(struct store *store, const struct store_schedule *after,
                     store_schedule_fn *each, void *to, struct err *err) {
    struct db_query *query = store_query(store, SQL_SCHEDULE_LIST, err);
    int64_t cookie = after != NULL ? (int64_t)after->cookie : 0;
    struct row row;
    int got;
    if (query == NULL) {
        return false;
    }
    db_put_text(query, 1, after != NULL ? after->name : "",
                after != NULL ? strlen(after->name) : 0);
    db_put_number(query, 2, cookie < 0);
    db_put_number(query, 3, cookie);
    while ((got = db_step(query, err)) == 1) {
        read_row(query, &row);
        if (!each(to, &row.schedule)) {
            break;
        }
    }
    db_end(query);
    return got >= 0;
}

/* ---- What is due ---- */

typedef bool due_fn(struct store *store, uint64_t now_ms, void *arg, struct err *err);
static bool try_step(struct store *store, uint64_t now_ms, due_fn *step, void *arg, bool *own,
                     struct err *err) {
    return store_open_step(store, own, err) &&
           store_close_step(store, *own, step(store, now_ms, arg, err), err);
}

/* These go on when values have filled the store: a step that finds no room is tried again with
 * some, which values do not get. */
static bool due_step(struct store *store, uint64_t now_ms, due_fn *step, void *arg,
                     struct err *err) {
    struct err first = {0};
    bool own = false;
    if (try_step(store, now_ms, step, arg, &own, &first)) {
        return true;
    }
    if (first.code != ERR_LIMIT || !own || !db_spare(store->db, true, NULL)) {
        return err_set(err, first.code, "%s", first.text);
    }
    bool ok = try_step(store, now_ms, step, arg, &own, err);
    (void)db_spare(store->db, false, NULL);
    return ok;
}

struct beginning {
    const char *names;
    size_t length;
    uint64_t gone;
};

static bool knows(const struct beginning *beginning, const char *name) {
    for (size_t at = 0; at < beginning->length;) {
        const char *known = beginning->names + at;
        if (strcmp(known, name) == 0) {
            return true;
        }
        at += strlen(known) + 1;
    }
    return false;
}

static bool collect_names(struct store *store, struct buf *out, struct err *err) {
    struct db_query *query = store_query(store, SQL_NAMES, err);
    int got = -1;
    bool ok = true;
    while (query != NULL && ok && (got = db_step(query, err)) == 1) {
        size_t length;
        const char *name = db_text(query, 0, &length);
        ok = buf_append(out, name, strlen(name) + 1) || err_set(err, ERR_NO_MEMORY, "schedules");
    }
    if (query != NULL) {
        db_end(query);
    }
    return ok && got == 0;
}

static bool count_name(struct store *store, const char *name, uint64_t *count, struct err *err) {
    struct db_query *query = store_query(store, SQL_NAME_COUNT, err);
    if (query == NULL) {
        return false;
    }
    db_put_text(query, 1, name, strlen(name));
    int got = db_step(query, err);
    *count += got == 1 ? (uint64_t)db_number(query, 0) : 0;
    db_end(query);
    return got == 1;
}

static bool judge_name(struct store *store, uint64_t now_ms, struct beginning *beginning,
                       const char *name, struct err *err) {
    bool known = knows(beginning, name);
    struct db_query *query = store_query(store, known ? SQL_NAME_BACK : SQL_NAME_GONE, err);
    if (query == NULL) {
        return false;
    }
    db_put_text(query, 1, name, strlen(name));
    if (known) {
        db_put_number(query, 2, (int64_t)(now_ms < INT64_MAX ? now_ms : INT64_MAX));
    }
    return store_finish(query, err) && (known || count_name(store, name, &beginning->gone, err));
}

static bool do_begin(struct store *store, uint64_t now_ms, void *arg, struct err *err) {
    struct beginning *beginning = arg;
    struct buf names = {0};
    beginning->gone = 0;
    bool ok = db_run(store->db, SQL_CUT_SHORT, err) && collect_names(store, &names, err);
    for (size_t at = 0; ok && at < names.length; at += strlen(names.bytes + at) + 1) {
        ok = judge_name(store, now_ms, beginning, names.bytes + at, err);
    }
    buf_finish(&names);
    return ok;
}

bool store_due_begin(struct store *store, uint64_t now_ms, const char *names, size_t length,
                     uint64_t *gone, struct err *err) {
    struct beginning beginning = {.names = names, .length = length};
    bool ok = due_step(store, now_ms, do_begin, &beginning, err);
    if (gone != NULL) {
        *gone = ok ? beginning.gone : 0;
    }
    return ok;
}

/* What is due, and to which time its schedule moves on. 0: nothing is. */
static int find_due(struct store *store, uint64_t now_ms, struct store_due *due, uint64_t *next_ms,
                    struct err *err) {
    struct row row = {0};
    struct db_query *query = store_query(store, SQL_DUE_AGAIN, err);
    int got = query != NULL ? db_step(query, err) : -1;
    if (got == 0) {
        db_end(query);
        query = store_query(store, SQL_DUE, err);
        if (query == NULL) {
            return -1;
        }
        db_put_number(query, 1, (int64_t)(now_ms < INT64_MAX ? now_ms : INT64_MAX));
        got = db_step(query, err);
    }
    if (got == 1) {
        read_row(query, &row);
        *due = (struct store_due){.cookie = row.schedule.cookie,
                                  .due_ms = row.again ? row.flight : row.schedule.next_ms,
                                  .missed = row.missed,
                                  .again = row.again};
        (void)text_copy(due->name, sizeof(due->name), row.schedule.name);
        *next_ms = row.over ? UINT64_MAX : row.schedule.next_ms;
        if (!row.again && !reckon(&row.schedule, false, due->due_ms, now_ms, next_ms, NULL)) {
            *next_ms = UINT64_MAX; /* somebody has written into the file */
        }
    }
    if (query != NULL) {
        db_end(query);
    }
    return got;
}

static bool do_take(struct store *store, uint64_t now_ms, void *arg, struct err *err) {
    struct store_due *due = arg;
    uint64_t next_ms = UINT64_MAX;
    *due = (struct store_due){0};
    int got = find_due(store, now_ms, due, &next_ms, err);
    if (got <= 0) {
        return got == 0;
    }
    struct db_query *query = named(store, SQL_DUE_MOVE, due->name, due->cookie, err);
    if (query == NULL) {
        return false;
    }
    put_time(query, 3, next_ms);
    db_put_number(query, 4, (int64_t)due->due_ms);
    return store_finish(query, err);
}

bool store_due_take(struct store *store, uint64_t now_ms, struct store_due *due, struct err *err) {
    return due_step(store, now_ms, do_take, due, err) || (due->name[0] = '\0', false);
}

static bool drop_over(struct store *store, const struct store_due *due, struct err *err) {
    struct db_query *query = named(store, SQL_DUE_OVER, due->name, due->cookie, err);
    return query != NULL && store_finish(query, err);
}

static bool do_give_up(struct store *store, uint64_t now_ms, void *arg, struct err *err) {
    struct store_due *due = arg;
    struct row row;
    struct db_query *query = store_query(store, SQL_DUE_HOPELESS, err);
    *due = (struct store_due){0};
    if (query == NULL) {
        return false;
    }
    db_put_number(query, 1, STORE_CUT_SHORT_MOST);
    int got = db_step(query, err);
    if (got == 1) {
        read_row(query, &row);
        *due = (struct store_due){
            .cookie = row.schedule.cookie, .due_ms = row.flight, .again = row.again};
        (void)text_copy(due->name, sizeof(due->name), row.schedule.name);
    }
    db_end(query);
    if (got <= 0) {
        return got == 0;
    }
    query = named(store, SQL_DUE_GIVE_UP, due->name, due->cookie, err);
    return query != NULL && store_finish(query, err) && drop_over(store, due, err);
}

bool store_due_give_up(struct store *store, struct store_due *due, struct err *err) {
    return due_step(store, 0, do_give_up, due, err) || (due->name[0] = '\0', false);
}

static bool do_done(struct store *store, uint64_t now_ms, void *arg, struct err *err) {
    const struct store_due *due = arg;
    struct db_query *query = named(store, SQL_DUE_DONE, due->name, due->cookie, err);
    return query != NULL && store_finish(query, err) && drop_over(store, due, err);
}

bool store_due_done(struct store *store, const struct store_due *due, struct err *err) {
    struct store_due copy = *due;
    return due_step(store, 0, do_done, &copy, err);
}

bool store_due_next(struct store *store, uint64_t *next_ms, struct err *err) {
    struct db_query *query = store_query(store, SQL_NEXT, err);
    if (query == NULL) {
        return false;
    }
    int got = db_step(query, err);
    uint64_t next = got == 1 ? (uint64_t)db_number(query, 0) : INT64_MAX;
    *next_ms = next == INT64_MAX ? UINT64_MAX : next;
    db_end(query);
    return got == 1;
}
