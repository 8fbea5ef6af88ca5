/* store/inside.h: what the files that make the store share: its struct and its statements. Nobody
 * else includes this. [one thread at a time for each store] */
#ifndef STORE_INSIDE_H
#define STORE_INSIDE_H

#include "base/buf.h"
#include "store/db.h"
#include "store/store.h"

/* Every SQL text, in statements.c. */
enum statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_GET,
    SQL_SET,
    SQL_SET_DATA, /* keeps the time it has */
    SQL_DELETE,
    SQL_CLEAR,
    SQL_LIST,
    SQL_LIST_ALL,
    SQL_EXPIRE,
    SQL_SCHEDULE_GET,
    SQL_SCHEDULE_SET,
    SQL_SCHEDULE_COUNT,
    SQL_SCHEDULE_DELETE,
    SQL_SCHEDULE_LIST,
    SQL_CUT_SHORT,
    SQL_NAMES,
    SQL_NAME_GONE,
    SQL_NAME_BACK,
    SQL_NAME_COUNT,
    SQL_DUE_AGAIN,
    SQL_DUE,
    SQL_DUE_MOVE,
    SQL_DUE_HOPELESS,
    SQL_DUE_GIVE_UP,
    SQL_DUE_DONE,
    SQL_DUE_OVER,
    SQL_NEXT,
    SQL_COUNT
};
extern const char *const store_statements[SQL_COUNT];
extern const char store_schema[];

struct store {
    struct db *db;
    bool transaction; /* from store_begin() on */
    uint64_t logged;  /* bytes written in it: its journal has no other bound */
    uint64_t most_bytes;
    uint64_t room;   /* so many more schedules are allowed for certain */
    struct buf lent; /* what store_get() found */
};

/* Whether a statement may run: not in a transaction that has come to its end by itself. */
bool store_ready(const struct store *store, struct err *err);
/* The statement, ready to be bound; NULL on failure. */
struct db_query *store_query(struct store *store, enum statement statement, struct err *err);
/* Steps one that gives no rows, and ends it. */
bool store_finish(struct db_query *query, struct err *err);
/* All that is done in between takes effect together; inside the caller's own transaction it is a
 * part of that. */
bool store_open_step(struct store *store, bool *own, struct err *err);
/* ok: whether to keep it. Result: ok, and kept. */
bool store_close_step(struct store *store, bool own, bool ok, struct err *err);

#endif
