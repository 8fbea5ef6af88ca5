/* store/db.h: SQLite, as far as this room needs it: a file with statements that stay prepared. The
 * one file that knows sqlite3.h is db.c. Private to the room. [one thread at a time] */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct db_query; /* a prepared statement */

struct db_options {
    const char *path; /* NULL: in memory */
    uint64_t most_bytes;
    uint32_t patience_ms;
    bool create;
    const char *const *statements; /* SQL; borrowed */
    size_t statement_count;
    uint32_t application; /* what the file must say it is, and in which version */
    uint32_t version;
    const char *schema; /* SQL that makes a new file */
};

/* Opens, and makes the tables where there are none. Failures: see store.h. Result: owned. */
struct db *db_open(const struct db_options *options, struct err *err);
void db_close(struct db *db);
/* Whether the last failure was the file's (damaged, not readable ...). */
bool db_is_broken(const struct db *db);
/* From here on the file may be a little larger than most_bytes, for what must go on when it is
 * full; or no larger than it is, once more. */
bool db_spare(struct db *db, bool open, struct err *err);
/* Whether a transaction is open; SQLite ends one by itself when it runs out of room. */
bool db_in_transaction(const struct db *db);

/* The statement of this row, ready to be bound; NULL on failure. Valid until db_end(). */
struct db_query *db_begin(struct db *db, size_t statement, struct err *err);
/* Places count from 1. Texts: borrowed until db_end(). */
void db_put_number(struct db_query *query, int place, int64_t number);
void db_put_text(struct db_query *query, int place, const char *text, size_t length);
void db_put_bytes(struct db_query *query, int place, const void *bytes, size_t length);
void db_put_nothing(struct db_query *query, int place);
/* The next row: 1, 0: there is none (more), -1: failure. */
int db_step(struct db_query *query, struct err *err);
/* Columns count from 0; texts are followed by a NUL and live until the next step. */
int64_t db_number(struct db_query *query, int column);
bool db_is_nothing(struct db_query *query, int column);
const char *db_text(struct db_query *query, int column, size_t *length);
const char *db_bytes(struct db_query *query, int column, size_t *length);
void db_end(struct db_query *query);
/* Rows changed by the last statement that changes any. */
uint64_t db_changes(const struct db *db);
/* Binds nothing, wants no row. */
bool db_run(struct db *db, size_t statement, struct err *err);

#endif
