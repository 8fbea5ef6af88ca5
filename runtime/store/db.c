/* store/db.c: opens the file the way the room wants it, and says in words what SQLite says in
 * numbers. */
#include "store/db.h"

#include "base/file.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    PAGE_BYTES = 4096,
    PAGES_LEAST = 16,
    JOURNAL_BYTES = 4 << 20,
    CACHE_KIB = 512,
    SPARE_PAGES = 64,
    DISK_LEAST = 1 << 20
};

struct db_query {
    struct db *db;
    sqlite3_stmt *statement;
};

struct db {
    sqlite3 *sqlite;
    char *path; /* for people */
    uint64_t most_bytes;
    uint64_t most_pages;
    bool broken;
    const char *const *sql;
    size_t count;
    struct db_query *queries;
};

/* ---- What went wrong, in words ---- */

/* SQLite says the same of both. It is our limit, unless the disk has hardly anything left. */
static bool is_full_of_ours(const struct db *db) {
    struct statvfs disk;
    return statvfs(db->path, &disk) != 0 || disk.f_bavail * disk.f_frsize >= DISK_LEAST;
}

static bool fail_full(struct db *db, struct err *err) {
    if (is_full_of_ours(db)) {
        return err_set(err, ERR_LIMIT,
                       "the store is full: %s may have %" PRIu64 " KiB (store_max of the plugin)",
                       db->path, db->most_bytes >> 10);
    }
    return err_set(err, ERR_SHORT, "%s: the disk is full", db->path);
}

static bool fail_io(struct db *db, int code, struct err *err) {
    errno = sqlite3_system_errno(db->sqlite);
    db->broken = true;
    return errno != 0 ? err_system(err, "%s cannot be read or written", db->path)
                      : err_set(err, ERR_SYSTEM, "%s cannot be read or written: %s", db->path,
                                sqlite3_errstr(code));
}

static bool fail(struct db *db, int code, struct err *err) {
    switch (code & 0xff) {
    case SQLITE_FULL:
        return fail_full(db, err);
    case SQLITE_NOMEM:
        return err_set(err, ERR_NO_MEMORY, "%s", db->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ERR_BUSY, "%s: another program has been writing to it for too long",
                       db->path);
    case SQLITE_TOOBIG:
        return err_set(err, ERR_LIMIT, "%s: %s", db->path, sqlite3_errstr(code));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        db->broken = true;
        return err_set(err, ERR_SYSTEM,
                       "%s is damaged (%s): save what can be read with `sqlite3 %s .recover`, then "
                       "move it away, with %s-wal, to start from nothing",
                       db->path, sqlite3_errmsg(db->sqlite), db->path, db->path);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
        db->broken = true;
        return err_set(err, ERR_SYSTEM,
                       "%s cannot be %s: %s; see that it and its folder belong to drey's user",
                       db->path, (code & 0xff) == SQLITE_CANTOPEN ? "opened" : "written",
                       sqlite3_errmsg(db->sqlite));
    default:
        return fail_io(db, code, err);
    }
}

/* ---- Open and close ---- */

static bool execute(struct db *db, const char *sql, struct err *err) {
    int code = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
    return code == SQLITE_OK || fail(db, code, err);
}

/* The one number that a pragma answers with. */
static bool ask(struct db *db, const char *sql, int64_t *number, struct err *err) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db->sqlite, sql, -1, &statement, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        *number = sqlite3_column_int64(statement, 0);
        code = SQLITE_OK;
    }
    (void)sqlite3_finalize(statement);
    return code == SQLITE_OK || fail(db, code, err);
}

/* SQLite would make it readable for all. Its folder: the caller's that is there, or a new one. */
static bool make_file(const char *path, struct err *err) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash != NULL && slash > path) {
        if (snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path) >=
            (int)sizeof(folder)) {
            return err_set(err, ERR_INVALID, "%s: path too long", path);
        }
        if (!file_make_dirs(folder, err)) {
            return false;
        }
    }
    /* only when there was none: to close a file that this process has open with SQLite would give
     * up its locks */
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno != EEXIST) {
        return err_system(err, "%s", path);
    }
    if (fd >= 0) {
        close(fd);
    }
    return true;
}

static bool set_up(struct db *db, const struct db_options *options, struct err *err) {
    char sql[256];
    (void)sqlite3_busy_timeout(db->sqlite, (int)options->patience_ms);
    (void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_extended_result_codes(db->sqlite, 1);
    /* NORMAL: with WAL a commit does not wait for the disk; a power cut may take back the last
     * ones, whole, a killed process none */
    (void)snprintf(sql, sizeof(sql),
                   "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; "
                   "PRAGMA temp_store=MEMORY; PRAGMA synchronous=NORMAL; "
                   "PRAGMA cache_size=-%d; PRAGMA journal_size_limit=%d; "
                   "PRAGMA max_page_count=%" PRIu64,
                   CACHE_KIB, JOURNAL_BYTES, db->most_pages);
    return execute(db, sql, err);
}

static bool make_tables(struct db *db, const struct db_options *options, struct err *err) {
    char sql[128];
    int64_t version = 0;
    (void)snprintf(sql, sizeof(sql), "PRAGMA application_id=%u; PRAGMA user_version=%u; COMMIT",
                   options->application, options->version);
    /* another generation of the plugin may be doing the same */
    if (!execute(db, "PRAGMA journal_mode=WAL; BEGIN IMMEDIATE", err) ||
        !ask(db, "PRAGMA user_version", &version, err)) {
        return false;
    }
    if (version != 0) {
        return execute(db, "ROLLBACK", err);
    }
    return execute(db, options->schema, err) && execute(db, sql, err);
}

static bool check_version(struct db *db, const struct db_options *options, struct err *err) {
    int64_t application = 0;
    int64_t version = 0;
    int64_t tables = 0;
    if (!ask(db, "PRAGMA application_id", &application, err) ||
        !ask(db, "PRAGMA user_version", &version, err) ||
        !ask(db, "SELECT count(*) FROM sqlite_schema", &tables, err)) {
        return false;
    }
    if (application == 0 && version == 0 && tables == 0) {
        return make_tables(db, options, err);
    }
    db->broken = true;
    if (application != options->application) {
        return err_set(err, ERR_SYSTEM,
                       "%s is a database of another program: move it away to start from nothing",
                       db->path);
    }
    if (version > options->version) {
        return err_set(err, ERR_SYSTEM,
                       "%s was written by a newer drey (format %lld, this one knows %u): run that "
                       "one",
                       db->path, (long long)version, options->version);
    }
    db->broken = false;
    return true;
}

/* The file's name below what its folder really is: SQLite's NOFOLLOW refuses a symbolic link
 * anywhere in the path, and folders may well be some (systemd's DynamicUser makes one). */
static bool real_path(const char *path, char *out, struct err *err) {
    char folder[PATH_MAX];
    char real[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t length = slash != NULL ? (size_t)(slash - path) : 0;
    if (snprintf(folder, sizeof(folder), "%.*s", (int)length, path) >= (int)sizeof(folder)) {
        return err_set(err, ERR_INVALID, "%s: path too long", path);
    }
    if (realpath(slash == NULL ? "." : length == 0 ? "/" : folder, real) == NULL) {
        return err_system(err, "%s", folder);
    }
    return file_join(out, PATH_MAX, real, name) ||
           err_set(err, ERR_INVALID, "%s: path too long", path);
}

static bool open_file(struct db *db, const struct db_options *options, struct err *err) {
    const char *path = options->path;
    char real[PATH_MAX];
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    if (path == NULL) {
        path = ":memory:";
        flags |= SQLITE_OPEN_CREATE;
    } else if (options->create && !make_file(path, err)) {
        return false;
    } else if (!options->create && access(path, F_OK) != 0 && errno == ENOENT) {
        return err_set(err, ERR_NOT_FOUND, "%s: there is none", path);
    } else if (!real_path(path, real, err)) {
        return false;
    } else {
        path = real;
    }
    int code = sqlite3_open_v2(path, &db->sqlite, flags, NULL);
    if (code != SQLITE_OK) {
        return db->sqlite != NULL ? fail(db, code, err) : err_set(err, ERR_NO_MEMORY, "%s", path);
    }
    return set_up(db, options, err) && check_version(db, options, err);
}

struct db *db_open(const struct db_options *options, struct err *err) {
    struct db *db = calloc(1, sizeof(*db));
    if (db != NULL) {
        db->path = strdup(options->path != NULL ? options->path : "the store in memory");
        db->queries = calloc(options->statement_count, sizeof(*db->queries));
        db->sql = options->statements;
        db->count = options->statement_count;
        db->most_bytes = options->most_bytes;
        db->most_pages = options->most_bytes / PAGE_BYTES;
        db->most_pages = db->most_pages > PAGES_LEAST ? db->most_pages : PAGES_LEAST;
    }
    if (db == NULL || db->path == NULL || db->queries == NULL) {
        db_close(db);
        err_set(err, ERR_NO_MEMORY, "store");
        return NULL;
    }
    if (!open_file(db, options, err)) {
        db_close(db);
        return NULL;
    }
    return db;
}

void db_close(struct db *db) {
    if (db == NULL) {
        return;
    }
    for (size_t i = 0; db->queries != NULL && i < db->count; i++) {
        (void)sqlite3_finalize(db->queries[i].statement);
    }
    (void)sqlite3_close(db->sqlite);
    free(db->queries);
    free(db->path);
    free(db);
}

bool db_is_broken(const struct db *db) {
    return db->broken;
}

bool db_spare(struct db *db, bool open, struct err *err) {
    char sql[64];
    (void)snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%" PRIu64,
                   db->most_pages + (open ? SPARE_PAGES : 0));
    return execute(db, sql, err);
}

bool db_in_transaction(const struct db *db) {
    return sqlite3_get_autocommit(db->sqlite) == 0;
}

/* ---- Statements ---- */

struct db_query *db_begin(struct db *db, size_t statement, struct err *err) {
    struct db_query *query = &db->queries[statement];
    if (query->statement == NULL) {
        query->db = db;
        int code = sqlite3_prepare_v3(db->sqlite, db->sql[statement], -1, SQLITE_PREPARE_PERSISTENT,
                                      &query->statement, NULL);
        if (code != SQLITE_OK) {
            (void)fail(db, code, err);
            return NULL;
        }
    }
    return query;
}

/* What binding finds wrong (no memory, too big) shows at the step: a place that is not bound is
 * NULL, which no column takes. */
void db_put_number(struct db_query *query, int place, int64_t number) {
    (void)sqlite3_bind_int64(query->statement, place, number);
}

void db_put_text(struct db_query *query, int place, const char *text, size_t length) {
    (void)sqlite3_bind_text64(query->statement, place, text, length, SQLITE_STATIC, SQLITE_UTF8);
}

void db_put_bytes(struct db_query *query, int place, const void *bytes, size_t length) {
    (void)sqlite3_bind_blob64(query->statement, place, length > 0 ? bytes : "", length,
                              SQLITE_STATIC);
}

void db_put_nothing(struct db_query *query, int place) {
    (void)sqlite3_bind_null(query->statement, place);
}

int db_step(struct db_query *query, struct err *err) {
    int code = sqlite3_step(query->statement);
    if (code == SQLITE_ROW) {
        return 1;
    }
    if (code == SQLITE_DONE) {
        return 0;
    }
    (void)fail(query->db, code, err);
    return -1;
}

int64_t db_number(struct db_query *query, int column) {
    return sqlite3_column_int64(query->statement, column);
}

bool db_is_nothing(struct db_query *query, int column) {
    return sqlite3_column_type(query->statement, column) == SQLITE_NULL;
}

const char *db_text(struct db_query *query, int column, size_t *length) {
    const char *text = (const char *)sqlite3_column_text(query->statement, column);
    *length = (size_t)sqlite3_column_bytes(query->statement, column);
    return text != NULL ? text : "";
}

const char *db_bytes(struct db_query *query, int column, size_t *length) {
    return db_text(query, column, length); /* as text it is followed by a NUL */
}

void db_end(struct db_query *query) {
    (void)sqlite3_reset(query->statement);
    (void)sqlite3_clear_bindings(query->statement);
}

uint64_t db_changes(const struct db *db) {
    return (uint64_t)sqlite3_changes64(db->sqlite);
}

bool db_run(struct db *db, size_t statement, struct err *err) {
    struct db_query *query = db_begin(db, statement, err);
    int got = query != NULL ? db_step(query, err) : -1;
    if (query != NULL) {
        db_end(query);
    }
    return got >= 0;
}
