/* plugin/host_kv.c: what a plugin keeps (store.h): values under keys, transactions. Everything is
 * asked of the store through the port, as flat questions (keep.h). */
#include "plugin/host.h"

#include "base/text.h"

#include <string.h>

bool host_may_keep(struct instance *instance, const char *call) {
    int phase = atomic_load(&instance->phase);
    if (!host_on_thread(instance, call)) {
        return false;
    }
    if (phase == PHASE_IDLE || phase == PHASE_INIT || phase == PHASE_RESTORE ||
        !instance->started) {
        instance_fault(instance, "%s() called in init or restore, or before start (rule 5)", call);
        return false;
    }
    return true;
}

int64_t host_ask_keep(struct instance *instance, const char *call, const struct keep_ask *ask,
                      const struct keep_texts *texts, struct buf *bytes, struct keep_answer *answer,
                      size_t *rows) {
    const struct port *port = instance->port;
    const char *why = "no memory";
    *answer = (struct keep_answer){.result = DREY_E_NO_MEMORY};
    if (port->keep == NULL) {
        answer->result = DREY_E_FAIL;
        why = "there is no store here";
    } else if (keep_write_ask(&instance->keep_ask, ask, texts) &&
               port->keep(port->arg, &instance->keep_ask, bytes) &&
               !keep_read_answer(bytes, answer, &why, rows)) {
        answer->result = DREY_E_FAIL;
        why = "a malformed answer";
    }
    if (answer->result < 0 && answer->result != DREY_E_UNKNOWN && answer->result != DREY_E_EXISTS) {
        instance_fault(instance, "%s(): %s", call, why);
    }
    return answer->result;
}

/* A question about one key, or about all that begin with it. */
static int64_t ask_key(struct instance *instance, const char *call, struct keep_ask *ask,
                       const char *key, const void *data, uint64_t size, struct keep_answer *answer,
                       size_t *rows) {
    if (!host_may_keep(instance, call)) {
        return DREY_E_PHASE;
    }
    if (key == NULL || (data == NULL && size > 0)) {
        instance_fault(instance, "%s(): NULL where a text is needed", call);
        return DREY_E_INVALID;
    }
    size_t length = strnlen(key, DREY_KEY_MAX + 1);
    if (length > DREY_KEY_MAX) {
        instance_fault(instance, "%s(): a key has at most %u bytes", call, DREY_KEY_MAX);
        return DREY_E_INVALID;
    }
    if (size > DREY_VALUE_MAX) {
        instance_fault(instance, "%s(): \"%s\": %llu bytes, a value has at most %u", call, key,
                       (unsigned long long)size, DREY_VALUE_MAX);
        return DREY_E_LIMIT;
    }
    struct keep_texts texts = {{key, size > 0 ? data : ""}, {length, (size_t)size}};
    return host_ask_keep(instance, call, ask, &texts, &instance->keep_answer, answer, rows);
}

/* ---- One key ---- */

/* One that was written down with an older header is shorter; none was ever shorter than this. */
static bool give_value(drey_value *out, const drey_value *value) {
    uint32_t size = out->size;
    if (size < sizeof(*value)) {
        return false;
    }
    memcpy(out, value, sizeof(*value));
    out->size = size;
    return true;
}

/* The value of a key, borrowed from the last answer. */
static int64_t find(struct instance *instance, const char *call, uint64_t guild_id, const char *key,
                    struct keep_row *row, struct keep_texts *texts) {
    struct keep_ask ask = {.kind = KEEP_GET, .guild_id = guild_id};
    struct keep_answer answer;
    size_t at = 0;
    int64_t result = ask_key(instance, call, &ask, key, NULL, 0, &answer, &at);
    if (result >= 0 && !keep_next_row(&instance->keep_answer, &at, row, texts)) {
        result = DREY_E_FAIL;
    }
    return result;
}

int32_t host_kv_get(drey_ctx *ctx, uint64_t guild_id, const char *key, drey_value *value) {
    struct instance *instance = host_instance(ctx);
    struct keep_row row;
    struct keep_texts texts;
    if (value == NULL || value->size < sizeof(*value)) {
        instance_fault(instance, "drey_kv_get(): value is NULL, or its size is not set");
        return DREY_E_INVALID;
    }
    int64_t result = find(instance, "drey_kv_get", guild_id, key, &row, &texts);
    if (result < 0) {
        return (int32_t)result;
    }
    char *copy = arena_take(&instance->arena, texts.lengths[0] + texts.lengths[1] + 2);
    if (copy == NULL) {
        instance_fault(instance, "drey_kv_get(): more than %d bytes in one callback, or no memory",
                       ARENA_MAX);
        return DREY_E_LIMIT;
    }
    char *data = copy + texts.lengths[0] + 1;
    memcpy(copy, texts.texts[0], texts.lengths[0] + 1);
    memcpy(data, texts.texts[1], texts.lengths[1] + 1);
    drey_value found = {.guild_id = row.guild_id,
                        .key = copy,
                        .data = data,
                        .data_size = texts.lengths[1],
                        .expires_ms = row.expires_ms};
    return give_value(value, &found) ? 0 : DREY_E_INVALID;
}

int64_t host_kv_int(drey_ctx *ctx, uint64_t guild_id, const char *key) {
    struct keep_row row;
    struct keep_texts texts;
    int64_t number = 0;
    int64_t result = find(host_instance(ctx), "drey_kv_int", guild_id, key, &row, &texts);
    return result >= 0 && text_i64(texts.texts[1], texts.lengths[1], &number) ? number : 0;
}

int32_t host_kv_set(drey_ctx *ctx, uint64_t guild_id, const char *key, const void *data,
                    uint64_t size, uint64_t ttl_ms, uint32_t flags) {
    struct instance *instance = host_instance(ctx);
    struct keep_ask ask = {
        .kind = KEEP_SET, .flags = flags, .guild_id = guild_id, .number = ttl_ms};
    struct keep_answer answer;
    size_t at;
    if ((flags & ~DREY_KV_NEW) != 0) {
        instance_fault(instance, "drey_kv_put(): there are no such flags: %#x", flags);
        return DREY_E_INVALID;
    }
    instance->keep_changes++;
    return (int32_t)ask_key(instance, "drey_kv_put", &ask, key, data, size, &answer, &at);
}

int32_t host_kv_add(drey_ctx *ctx, uint64_t guild_id, const char *key, int64_t by, uint64_t ttl_ms,
                    int64_t *sum) {
    struct instance *instance = host_instance(ctx);
    struct keep_ask ask = {.kind = KEEP_ADD, .guild_id = guild_id, .number = ttl_ms, .amount = by};
    struct keep_answer answer;
    size_t at;
    instance->keep_changes++;
    int64_t result = ask_key(instance, "drey_kv_add", &ask, key, NULL, 0, &answer, &at);
    if (result >= 0 && sum != NULL) {
        *sum = (int64_t)answer.extra;
    }
    return (int32_t)result;
}

int32_t host_kv_delete(drey_ctx *ctx, uint64_t guild_id, const char *key) {
    struct instance *instance = host_instance(ctx);
    struct keep_ask ask = {.kind = KEEP_DELETE, .guild_id = guild_id};
    struct keep_answer answer;
    size_t at;
    instance->keep_changes++;
    return (int32_t)ask_key(instance, "drey_kv_delete", &ask, key, NULL, 0, &answer, &at);
}

int64_t host_kv_clear(drey_ctx *ctx, uint64_t guild_id, const char *prefix) {
    struct instance *instance = host_instance(ctx);
    struct keep_ask ask = {.kind = KEEP_CLEAR, .guild_id = guild_id};
    struct keep_answer answer;
    size_t at;
    instance->keep_changes++;
    return ask_key(instance, "drey_kv_clear", &ask, prefix, NULL, 0, &answer, &at);
}

/* ---- Lists: page by page ---- */

struct listing {
    struct instance *instance;
    drey_kv_fn fn;
    void *user;
    uint64_t limit; /* of calls; 0: none */
    int64_t calls;
    uint64_t guild_id;          /* where the next page begins: behind this key, */
    char key[DREY_KEY_MAX + 1]; /* when there is one */
    bool behind;
};

/* Calls for the rows of a page. What the calls change may be on this very page: the rest of it is
 * asked for anew then. True: there may be more. */
static bool give_page(struct listing *list, const struct buf *page, size_t at, bool more) {
    struct keep_row row;
    struct keep_texts texts;
    uint64_t changes = list->instance->keep_changes;
    while (keep_next_row(page, &at, &row, &texts)) {
        drey_value value = {.size = sizeof(value),
                            .guild_id = row.guild_id,
                            .key = texts.texts[0],
                            .data = texts.texts[1],
                            .data_size = texts.lengths[1],
                            .expires_ms = row.expires_ms};
        list->behind = true;
        list->guild_id = row.guild_id;
        (void)text_copy(list->key, sizeof(list->key), texts.texts[0]);
        list->calls++;
        bool end = list->fn(&list->instance->ctx, list->user, &value) != 0;
        if (end || (list->limit > 0 && (uint64_t)list->calls >= list->limit)) {
            return false;
        }
        if (list->instance->keep_changes != changes) {
            return true;
        }
    }
    return more;
}

static int64_t list_all(struct listing *list, const char *prefix, uint32_t flags) {
    struct buf page = {0};
    int64_t result;
    bool more;
    do {
        uint64_t left = list->limit > 0 ? list->limit - (uint64_t)list->calls : 0;
        struct keep_ask ask = {.kind = KEEP_LIST,
                               .flags = flags | (list->behind ? KEEP_AFTER : 0),
                               .guild_id = list->guild_id,
                               .amount = left < INT64_MAX ? (int64_t)left : 0};
        struct keep_texts texts = {{prefix, list->key}, {strlen(prefix), strlen(list->key)}};
        struct keep_answer answer;
        size_t at = 0;
        result = host_ask_keep(list->instance, "drey_kv_list", &ask, &texts, &page, &answer, &at);
        more = result >= 0 && give_page(list, &page, at, (answer.flags & KEEP_MORE) != 0);
    } while (more);
    buf_finish(&page);
    return result < 0 ? result : list->calls;
}

int64_t host_kv_list(drey_ctx *ctx, uint64_t guild_id, const char *prefix, const char *after,
                     uint64_t limit, uint32_t flags, drey_kv_fn fn, void *user) {
    struct instance *instance = host_instance(ctx);
    struct listing list = {.instance = instance,
                           .fn = fn,
                           .user = user,
                           .limit = limit,
                           .guild_id = guild_id,
                           .behind = after != NULL};
    if (!host_may_keep(instance, "drey_kv_list")) {
        return DREY_E_PHASE;
    }
    if (fn == NULL || prefix == NULL || strnlen(prefix, DREY_KEY_MAX + 1) > DREY_KEY_MAX ||
        (after != NULL && !text_copy(list.key, sizeof(list.key), after)) ||
        (flags & ~DREY_KV_ALL_GUILDS) != 0) {
        instance_fault(instance,
                       "drey_kv_list(): prefix or function is NULL, a key has more than "
                       "%u bytes, or there are no such flags",
                       DREY_KEY_MAX);
        return DREY_E_INVALID;
    }
    return list_all(&list, prefix, flags);
}

/* ---- Transactions ---- */

int32_t host_kv_transaction(drey_ctx *ctx, uint32_t step) {
    static const struct {
        uint32_t kind;
        const char *call;
    } steps[] = {{0, "drey_kv_transaction"},
                 {KEEP_BEGIN, "drey_kv_begin"},
                 {KEEP_COMMIT, "drey_kv_commit"},
                 {KEEP_ROLLBACK, "drey_kv_rollback"}};
    struct instance *instance = host_instance(ctx);
    struct keep_texts texts = {{0}, {0}};
    struct keep_answer answer;
    size_t at;
    if (step == 0 || step >= sizeof(steps) / sizeof(steps[0])) {
        instance_fault(instance, "drey_kv_transaction(): %u is no step", step);
        return DREY_E_INVALID;
    }
    if (!host_may_keep(instance, steps[step].call)) {
        return DREY_E_PHASE;
    }
    struct keep_ask ask = {.kind = steps[step].kind};
    int64_t result = host_ask_keep(instance, steps[step].call, &ask, &texts, &instance->keep_answer,
                                   &answer, &at);
    if (ask.kind == KEEP_BEGIN) {
        instance->keep_open = instance->keep_open || result >= 0;
    } else if (result >= 0) { /* else it is looked at when the callback returns */
        instance->keep_open = false;
        instance->keep_changes++;
        instance->due_moved = true;
    }
    return (int32_t)result;
}
