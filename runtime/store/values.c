/* store/values.c: values under keys. What has expired is removed little by little: a few with each
 * write, more when there is no room. */
#include "store/inside.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    EXPIRE_BY_THE_WAY = 16,
    EXPIRE_FOR_ROOM = 4096,
    ENTRY_BYTES = 64 /* besides key and data */
};

static bool good_guild(uint64_t guild_id, struct err *err) {
    return guild_id <= INT64_MAX ||
           err_set(err, ERR_INVALID, "%" PRIu64 " is no number of a guild", guild_id);
}

static bool good_key(uint64_t guild_id, const char *key, struct err *err) {
    size_t length = key != NULL ? strnlen(key, STORE_KEY_MAX + 1) : 0;
    if (length == 0 || length > STORE_KEY_MAX || !text_utf8_valid(key, length)) {
        return err_set(err, ERR_INVALID, "a key is UTF-8 text of 1 to %d bytes", STORE_KEY_MAX);
    }
    return good_guild(guild_id, err);
}

static bool good_prefix(uint64_t guild_id, const char *prefix, struct err *err) {
    return prefix != NULL && prefix[0] == '\0' ? good_guild(guild_id, err)
                                               : good_key(guild_id, prefix, err);
}

/* Wall clocks and lives may be anything. */
static int64_t expiry(uint64_t now_ms, uint64_t ttl_ms) {
    if (ttl_ms == 0 || ttl_ms >= STORE_TIME_MAX_MS) {
        return 0; /* longer than there are dates: for good */
    }
    return (int64_t)((now_ms < STORE_TIME_MAX_MS ? now_ms : STORE_TIME_MAX_MS) + ttl_ms);
}

static int64_t clock_of(uint64_t now_ms) {
    return (int64_t)(now_ms < INT64_MAX ? now_ms : INT64_MAX);
}

static void read_value(struct db_query *query, struct store_value *value) {
    value->guild_id = (uint64_t)db_number(query, 0);
    value->key = db_text(query, 1, &value->key_length);
    value->data = db_bytes(query, 2, &value->data_length);
    value->expires_ms = (uint64_t)db_number(query, 3);
}

/* 1: *value, borrowed until db_end(*query); 0: it is not there. */
static int find(struct store *store, uint64_t now_ms, uint64_t guild_id, const char *key,
                struct store_value *value, struct db_query **query, struct err *err) {
    *query = store_query(store, SQL_GET, err);
    if (*query == NULL) {
        return -1;
    }
    db_put_number(*query, 1, clock_of(now_ms));
    db_put_number(*query, 2, (int64_t)guild_id);
    db_put_text(*query, 3, key, strlen(key));
    int got = db_step(*query, err);
    if (got == 1) {
        read_value(*query, value);
    } else {
        db_end(*query);
    }
    return got;
}

bool store_get(struct store *store, uint64_t now_ms, uint64_t guild_id, const char *key,
               struct store_value *value, struct err *err) {
    struct db_query *query;
    if (!good_key(guild_id, key, err)) {
        return false;
    }
    int got = find(store, now_ms, guild_id, key, value, &query, err);
    if (got == 0) {
        return err_set(err, ERR_NOT_FOUND, "\"%s\": there is no such key", key);
    }
    if (got < 0) {
        return false;
    }
    /* copied: a statement that is not ended holds the journal back */
    buf_clear(&store->lent);
    bool ok = buf_append(&store->lent, value->data, value->data_length) ||
              err_set(err, ERR_NO_MEMORY, "\"%s\"", key);
    db_end(query);
    value->key = key;
    value->data = store->lent.bytes;
    return ok;
}

static bool expire(struct store *store, uint64_t now_ms, int64_t most, struct err *err) {
    struct db_query *query = store_query(store, SQL_EXPIRE, err);
    if (query == NULL) {
        return false;
    }
    db_put_number(query, 1, clock_of(now_ms));
    db_put_number(query, 2, most);
    return store_finish(query, err);
}

/* A transaction that writes the same page again and again fills the journal, which store_max does
 * not bound. */
static bool has_room(struct store *store, size_t bytes, struct err *err) {
    if (!store->transaction) {
        return true;
    }
    store->logged += bytes + ENTRY_BYTES;
    return store->logged <= store->most_bytes ||
           err_set(err, ERR_LIMIT, "one transaction writes more than store_max, %" PRIu64 " KiB",
                   store->most_bytes >> 10);
}

/* keep_time: of one that is there. */
static bool write_value(struct store *store, uint64_t now_ms, const struct store_put *put,
                        bool keep_time, struct err *err) {
    struct db_query *query = store_query(store, keep_time ? SQL_SET_DATA : SQL_SET, err);
    if (query == NULL) {
        return false;
    }
    db_put_number(query, 1, (int64_t)put->guild_id);
    db_put_text(query, 2, put->key, strlen(put->key));
    db_put_bytes(query, 3, put->data, put->size);
    if (!keep_time) {
        db_put_number(query, 4, expiry(now_ms, put->ttl_ms));
    }
    return store_finish(query, err);
}

/* Runs a step that writes; without room once more, when what has expired is gone. A transaction of
 * the caller's may have come to its end by then. */
typedef bool write_fn(struct store *store, uint64_t now_ms, void *arg, struct err *err);
static bool write_step(struct store *store, uint64_t now_ms, write_fn *write, void *arg,
                       struct err *err) {
    for (int64_t most = EXPIRE_BY_THE_WAY;; most = EXPIRE_FOR_ROOM) {
        struct err first = {0};
        bool own = false;
        if (!store_open_step(store, &own, err)) {
            return false;
        }
        bool ok = expire(store, now_ms, most, &first) && write(store, now_ms, arg, &first);
        if (store_close_step(store, own, ok, &first)) {
            return true;
        }
        if (first.code != ERR_LIMIT || !own || most == EXPIRE_FOR_ROOM) {
            return err_set(err, first.code, "%s", first.text);
        }
    }
}

static bool do_set(struct store *store, uint64_t now_ms, void *arg, struct err *err) {
    const struct store_put *put = arg;
    struct store_value value;
    struct db_query *query;
    if (put->only_new) {
        int got = find(store, now_ms, put->guild_id, put->key, &value, &query, err);
        if (got != 0) {
            if (got > 0) {
                db_end(query);
                err_set(err, ERR_EXISTS, "\"%s\": it is there already", put->key);
            }
            return false;
        }
    }
    return write_value(store, now_ms, put, false, err);
}

bool store_set(struct store *store, uint64_t now_ms, const struct store_put *put, struct err *err) {
    struct store_put copy = *put;
    if (!good_key(put->guild_id, put->key, err)) {
        return false;
    }
    if (put->data == NULL && put->size > 0) {
        return err_set(err, ERR_INVALID, "\"%s\": no data, but a size", put->key);
    }
    if (put->size > STORE_VALUE_MAX) {
        return err_set(err, ERR_LIMIT, "\"%s\": %zu bytes, a value has at most %d", put->key,
                       put->size, STORE_VALUE_MAX);
    }
    return has_room(store, strlen(put->key) + put->size, err) &&
           write_step(store, now_ms, do_set, &copy, err);
}

struct addition {
    struct store_put put;
    int64_t by;
    int64_t sum;
};

static bool do_add(struct store *store, uint64_t now_ms, void *arg, struct err *err) {
    struct addition *add = arg;
    struct store_value value;
    struct db_query *query;
    char digits[24];
    int64_t there = 0;
    int got = find(store, now_ms, add->put.guild_id, add->put.key, &value, &query, err);
    if (got < 0) {
        return false;
    }
    bool fine = got == 0 || text_i64(value.data, value.data_length, &there);
    if (got == 1) {
        db_end(query);
    }
    if (!fine) {
        return err_set(err, ERR_INVALID, "\"%s\": what is there is no number", add->put.key);
    }
    if (__builtin_add_overflow(there, add->by, &add->sum)) {
        return err_set(err, ERR_LIMIT, "\"%s\": the sum does not fit into 64 bits", add->put.key);
    }
    int length = snprintf(digits, sizeof(digits), "%" PRId64, add->sum);
    add->put.data = digits;
    add->put.size = (size_t)length;
    bool ok = write_value(store, now_ms, &add->put, got == 1, err);
    add->put.data = NULL;
    return ok;
}

bool store_add(struct store *store, uint64_t now_ms, uint64_t guild_id, const char *key, int64_t by,
               uint64_t ttl_ms, int64_t *sum, struct err *err) {
    struct addition add = {.put = {.guild_id = guild_id, .key = key, .ttl_ms = ttl_ms}, .by = by};
    if (!good_key(guild_id, key, err) || !has_room(store, strlen(key), err) ||
        !write_step(store, now_ms, do_add, &add, err)) {
        return false;
    }
    if (sum != NULL) {
        *sum = add.sum;
    }
    return true;
}

bool store_delete(struct store *store, uint64_t now_ms, uint64_t guild_id, const char *key,
                  bool *was, struct err *err) {
    struct db_query *query = NULL;
    if (!good_key(guild_id, key, err) || (query = store_query(store, SQL_DELETE, err)) == NULL) {
        return false;
    }
    db_put_number(query, 1, clock_of(now_ms));
    db_put_number(query, 2, (int64_t)guild_id);
    db_put_text(query, 3, key, strlen(key));
    bool ok = store_finish(query, err);
    *was = ok && db_changes(store->db) > 0;
    return ok;
}

/* The first text behind all that begin with prefix. Keys are UTF-8: no byte of theirs is 0xff. */
static size_t behind(const char *prefix, char *out) {
    size_t length = strlen(prefix);
    memcpy(out, prefix, length);
    if (length == 0) {
        out[length++] = '\xff';
    } else {
        out[length - 1] = (char)((unsigned char)out[length - 1] + 1);
    }
    return length;
}

bool store_clear(struct store *store, uint64_t now_ms, uint64_t guild_id, const char *prefix,
                 uint64_t *count, struct err *err) {
    char end[STORE_KEY_MAX + 1];
    struct db_query *query = NULL;
    if (!good_prefix(guild_id, prefix, err) ||
        (query = store_query(store, SQL_CLEAR, err)) == NULL) {
        return false;
    }
    db_put_number(query, 1, clock_of(now_ms));
    db_put_number(query, 2, (int64_t)guild_id);
    db_put_text(query, 3, prefix, strlen(prefix));
    db_put_text(query, 4, end, behind(prefix, end));
    bool ok = store_finish(query, err);
    *count = ok ? db_changes(store->db) : 0;
    return ok;
}

bool store_list(struct store *store, uint64_t now_ms, const struct store_range *range,
                store_value_fn *each, void *to, struct err *err) {
    char end[STORE_KEY_MAX + 1];
    bool behind_one = range->after != NULL;
    const char *after = behind_one ? range->after : "";
    uint64_t guild = range->all_guilds && !behind_one ? 0 : range->guild_id;
    struct db_query *query = NULL;
    int got;
    if (!good_prefix(guild, range->prefix, err) || !good_prefix(guild, after, err) ||
        (query = store_query(store, range->all_guilds ? SQL_LIST_ALL : SQL_LIST, err)) == NULL) {
        return false;
    }
    db_put_number(query, 1, clock_of(now_ms));
    db_put_number(query, 2, (int64_t)guild);
    db_put_text(query, 3, range->prefix, strlen(range->prefix));
    db_put_text(query, 4, end, behind(range->prefix, end));
    db_put_text(query, 5, after, strlen(after));
    db_put_number(query, 6, range->limit - 1 < INT64_MAX ? (int64_t)range->limit : -1);
    while ((got = db_step(query, err)) == 1) {
        struct store_value value;
        read_value(query, &value);
        if (!each(to, &value)) {
            break;
        }
    }
    db_end(query);
    return got >= 0;
}
