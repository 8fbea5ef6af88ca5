/* store/store.c: open, close, and what makes several steps one. */
#include "store/inside.h"

#include <stdlib.h>

enum { APPLICATION = 0x64726579 /* "drey" */, FORMAT = 1 };

struct store *store_open(const struct store_options *options, struct err *err) {
    struct store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        err_set(err, ERR_NO_MEMORY, "store");
        return NULL;
    }
    store->most_bytes = options->most_bytes != 0 ? options->most_bytes : STORE_BYTES_DEFAULT;
    struct db_options db = {.path = options->path,
                            .most_bytes = store->most_bytes,
                            .patience_ms = options->patience_ms != 0 ? options->patience_ms
                                                                     : STORE_PATIENCE_MS,
                            .create = options->create,
                            .statements = store_statements,
                            .statement_count = SQL_COUNT,
                            .application = APPLICATION,
                            .version = FORMAT,
                            .schema = store_schema};
    store->db = db_open(&db, err);
    if (store->db == NULL) {
        free(store);
        return NULL;
    }
    return store;
}

void store_close(struct store *store) {
    if (store == NULL) {
        return;
    }
    db_close(store->db); /* which rolls back */
    buf_finish(&store->lent);
    free(store);
}

bool store_is_broken(const struct store *store) {
    return db_is_broken(store->db);
}

bool store_in_transaction(const struct store *store) {
    return store->transaction;
}

bool store_ready(const struct store *store, struct err *err) {
    return !store->transaction || db_in_transaction(store->db) ||
           err_set(err, ERR_SYSTEM, "the transaction was rolled back when an earlier call failed");
}

struct db_query *store_query(struct store *store, enum statement statement, struct err *err) {
    return store_ready(store, err) ? db_begin(store->db, statement, err) : NULL;
}

bool store_finish(struct db_query *query, struct err *err) {
    int got = db_step(query, err);
    db_end(query);
    return got >= 0;
}

bool store_begin(struct store *store, struct err *err) {
    if (store->transaction) {
        return err_set(err, ERR_INVALID, "a transaction is open already");
    }
    store->logged = 0;
    store->transaction = db_run(store->db, SQL_BEGIN, err);
    return store->transaction;
}

bool store_rollback(struct store *store, struct err *err) {
    if (!store->transaction) {
        return err_set(err, ERR_INVALID, "no transaction is open");
    }
    store->transaction = false;
    return !db_in_transaction(store->db) || db_run(store->db, SQL_ROLLBACK, err);
}

bool store_commit(struct store *store, struct err *err) {
    if (!store->transaction) {
        return err_set(err, ERR_INVALID, "no transaction is open");
    }
    bool ok = store_ready(store, err) && db_run(store->db, SQL_COMMIT, err);
    store->transaction = false;
    if (!ok && db_in_transaction(store->db)) {
        (void)db_run(store->db, SQL_ROLLBACK, NULL);
    }
    return ok;
}

bool store_open_step(struct store *store, bool *own, struct err *err) {
    *own = !store->transaction;
    return *own ? db_run(store->db, SQL_BEGIN, err) : store_ready(store, err);
}

bool store_close_step(struct store *store, bool own, bool ok, struct err *err) {
    if (!own) {
        return ok;
    }
    ok = ok && db_run(store->db, SQL_COMMIT, err);
    if (!ok && db_in_transaction(store->db)) {
        (void)db_run(store->db, SQL_ROLLBACK, NULL);
    }
    return ok;
}
