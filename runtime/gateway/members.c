/* gateway/members.c: requests for guild members and their chunks. */
#include "gateway/members.h"

#include "base/buf.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NONCE_BYTES = 33, /* Discord ignores longer ones */
    INLINE_BITS = 64,
    GUILDS_MAX = 256, /* whose last full request is remembered */
    RETRY_MAX_S = 3600,
    SKIP_MS = 50, /* a reserve on top of what Discord says */
};

struct request {
    struct request *next;
    uint64_t cookie;
    uint64_t guild;
    uint64_t due_ms; /* when it is sent, or else given up */
    unsigned shard;
    bool waits; /* not sent yet, or to be sent again */
    bool full;
    bool doubtful; /* the connection that it was written into has ended */
    bool again;    /* it was sent a second time for that */
    unsigned retries;
    unsigned count; /* of chunks; 0: none came yet */
    unsigned seen;
    uint64_t few[1]; /* which ones, if they are few */
    uint64_t *many;  /* else; owned */
    char nonce[NONCE_BYTES];
    char json[]; /* the d of op 8 */
};

struct full_request {
    uint64_t guild;
    uint64_t at_ms;
};

struct members {
    struct members_port port;
    void *arg;
    uint64_t salt;
    uint64_t counter;
    struct request *first; /* in the order of asking */
    size_t count;
    struct full_request full[GUILDS_MAX]; /* a ring */
    size_t full_next;
};

struct members *members_create(const struct members_port *port, void *arg, uint64_t salt,
                               struct err *err) {
    struct members *members = calloc(1, sizeof(*members));
    if (members == NULL) {
        err_set(err, ERR_NO_MEMORY, "requests for members: no memory");
        return NULL;
    }
    members->port = *port;
    members->arg = arg;
    members->salt = salt;
    return members;
}

static void unlink_request(struct members *members, const struct request *request) {
    struct request **at = &members->first;
    while (*at != request) {
        at = &(*at)->next;
    }
    *at = request->next;
    members->count--;
}

static void free_request(struct request *request) {
    free(request->many);
    free(request);
}

void members_destroy(struct members *members) {
    while (members != NULL && members->first != NULL) {
        struct request *request = members->first;
        unlink_request(members, request);
        free_request(request);
    }
    free(members);
}

/* ---- ends ---- */

/* It is gone before anybody hears of it, so that whoever does may ask again. */
static void finish(struct members *members, struct request *request, const struct err *err) {
    uint64_t cookie = request->cookie;
    unlink_request(members, request);
    free_request(request);
    members->port.done(members->arg, cookie, err);
}

static void give_up(struct members *members, struct request *request, enum err_code code,
                    const char *why) {
    struct err err = {0};
    err_set(&err, code, "members of guild %" PRIu64 ": %s", request->guild, why);
    finish(members, request, &err);
}

static struct request *find_cookie(const struct members *members, uint64_t cookie) {
    struct request *at = members->first;
    while (at != NULL && at->cookie != cookie) {
        at = at->next;
    }
    return at;
}

void members_cancel(struct members *members, uint64_t cookie) {
    struct request *request = find_cookie(members, cookie);
    if (request != NULL) {
        unlink_request(members, request);
        free_request(request);
    }
}

void members_session_lost(struct members *members, unsigned shard) {
    for (struct request *at = members->first; at != NULL;) {
        if (at->shard == shard && !at->waits) {
            give_up(members, at, ERR_NETWORK, "the shard lost its session; ask again");
            at = members->first; /* done() may have changed the list */
        } else {
            at = at->next;
        }
    }
}

/* What was written into a connection that ended may never have reached Discord. Chunks that were
 * sent meanwhile come with the replay or soon after; a second request with the same nonce does no
 * harm. */
void members_resumed(struct members *members, unsigned shard, uint64_t now_ms) {
    for (struct request *at = members->first; at != NULL; at = at->next) {
        if (at->shard == shard && !at->waits && at->seen == 0 && !at->again) {
            at->doubtful = true;
            at->due_ms = now_ms + MEMBERS_AGAIN_MS;
        }
    }
}

void members_stop(struct members *members, const char *why) {
    /* What done() asks for meanwhile ends as well, but not for ever. */
    for (size_t i = 0; members->first != NULL && i < 2 * MEMBERS_OPEN_MAX; i++) {
        give_up(members, members->first, ERR_BUSY, why);
    }
}

/* ---- sending ---- */

static struct full_request *last_full(struct members *members, uint64_t guild) {
    for (size_t i = 0; i < GUILDS_MAX; i++) {
        if (members->full[i].guild == guild && guild != 0) {
            return &members->full[i];
        }
    }
    return NULL;
}

/* When all members of the guild may be asked for next. */
static uint64_t full_from(struct members *members, uint64_t guild, uint64_t now_ms) {
    const struct full_request *last = last_full(members, guild);
    uint64_t from_ms = last != NULL ? last->at_ms + MEMBERS_FULL_EVERY_MS + SKIP_MS : now_ms;
    return from_ms > now_ms ? from_ms : now_ms;
}

static void note_full(struct members *members, uint64_t guild, uint64_t now_ms) {
    struct full_request *last = last_full(members, guild);
    if (last == NULL) {
        last = &members->full[members->full_next];
        members->full_next = (members->full_next + 1) % GUILDS_MAX;
    }
    *last = (struct full_request){guild, now_ms};
}

/* False: it has ended. */
static bool send_now(struct members *members, struct request *request, uint64_t now_ms) {
    if (request->full) {
        uint64_t from_ms = full_from(members, request->guild, now_ms);
        if (from_ms > now_ms) {
            request->due_ms = from_ms;
            return true;
        }
        note_full(members, request->guild, now_ms);
    }
    struct err err = {0};
    request->waits = false;
    request->again = request->again || request->doubtful;
    request->doubtful = false;
    request->due_ms = now_ms + MEMBERS_IDLE_MS;
    if (!members->port.send(members->arg, request->shard, request->guild, request->json, &err)) {
        finish(members, request, &err);
        return false;
    }
    return true;
}

uint64_t members_next_ms(const struct members *members) {
    uint64_t next_ms = MEMBERS_NEVER;
    for (const struct request *at = members->first; at != NULL; at = at->next) {
        next_ms = at->due_ms < next_ms ? at->due_ms : next_ms;
    }
    return next_ms;
}

void members_due(struct members *members, uint64_t now_ms) {
    for (struct request *at = members->first; at != NULL;) {
        if (at->due_ms > now_ms) {
            at = at->next;
        } else if (at->waits || at->doubtful) {
            at = send_now(members, at, now_ms) ? at->next : members->first;
        } else {
            char why[128];
            (void)snprintf(why, sizeof(why), "%u of %u parts came, then nothing for %d s", at->seen,
                           at->count, MEMBERS_IDLE_MS / 1000);
            give_up(members, at, ERR_NETWORK, at->count > 0 ? why : "no answer within 60 s");
            at = members->first;
        }
    }
}

/* ---- asking ---- */

bool members_check(const struct members_query *query, struct err *err) {
    if (query->guild == 0) {
        return err_set(err, ERR_INVALID, "members: of no guild");
    }
    if (query->users != NULL && (query->user_count == 0 || query->user_count > MEMBERS_USERS_MAX)) {
        return err_set(err, ERR_LIMIT, "members: %zu user ids, 1 to %d are allowed",
                       query->user_count, MEMBERS_USERS_MAX);
    }
    if (query->users != NULL && query->query != NULL && query->query[0] != '\0') {
        return err_set(err, ERR_INVALID, "members: either user ids or a name, not both");
    }
    bool search = query->users == NULL && query->query != NULL && query->query[0] != '\0';
    if (search && (query->limit == 0 || query->limit > MEMBERS_LIMIT_MAX)) {
        return err_set(err, ERR_LIMIT, "members: limit %u of a search, 1 to %d are allowed",
                       query->limit, MEMBERS_LIMIT_MAX);
    }
    return true;
}

static bool write_query(struct buf *out, const struct members_query *query, const char *nonce) {
    const char *name = query->query != NULL ? query->query : "";
    bool ok = buf_printf(out, "{\"guild_id\":\"%" PRIu64 "\"", query->guild);
    if (query->users != NULL) {
        ok = ok && buf_text(out, ",\"user_ids\":[");
        for (size_t i = 0; ok && i < query->user_count; i++) {
            ok = buf_printf(out, "%s\"%" PRIu64 "\"", i > 0 ? "," : "", query->users[i]);
        }
        ok = ok && buf_text(out, "]");
    } else {
        ok = ok && buf_text(out, ",\"query\":\"") && buf_json_text(out, name, strlen(name)) &&
             buf_text(out, "\"");
    }
    return ok && buf_printf(out, ",\"limit\":%u,\"presences\":%s,\"nonce\":\"%s\"}", query->limit,
                            query->presences ? "true" : "false", nonce);
}

static struct request *make(struct members *members, const struct members_query *query) {
    struct buf json = {0};
    char nonce[NONCE_BYTES];
    (void)snprintf(nonce, sizeof(nonce), "drey%08" PRIx32 "%" PRIx64, (uint32_t)members->salt,
                   ++members->counter);
    struct request *request = NULL;
    if (write_query(&json, query, nonce)) {
        request = calloc(1, sizeof(*request) + json.length + 1);
    }
    if (request != NULL) {
        memcpy(request->json, json.bytes, json.length);
        memcpy(request->nonce, nonce, sizeof(nonce));
        request->guild = query->guild;
        request->full = query->users == NULL && query->limit == 0;
        request->waits = true;
    }
    buf_finish(&json);
    return request;
}

bool members_ask(struct members *members, const struct members_query *query, unsigned shard,
                 uint64_t cookie, uint64_t now_ms, struct err *err) {
    if (!members_check(query, err)) {
        return false;
    }
    if (members->count >= MEMBERS_OPEN_MAX) {
        return err_set(err, ERR_LIMIT, "members: %d requests have not ended yet", MEMBERS_OPEN_MAX);
    }
    struct request *request = make(members, query);
    if (request == NULL) {
        return err_set(err, ERR_NO_MEMORY, "members: no memory");
    }
    request->cookie = cookie;
    request->shard = shard;
    struct request **at = &members->first;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = request;
    members->count++;
    (void)send_now(members, request, now_ms);
    return true;
}

/* ---- answers ---- */

static bool find_text(const uint8_t *bytes, const struct json_span *object, const char *name,
                      char *out, size_t size) {
    struct json_span value;
    return json_find(bytes, object, name, &value) && json_string(bytes, &value, out, size);
}

static bool find_number(const uint8_t *bytes, const struct json_span *object, const char *name,
                        uint64_t *out) {
    struct json_span value;
    return json_find(bytes, object, name, &value) && json_u64(bytes, &value, out);
}

/* By nonce; without one, the only request that it can be. */
static struct request *whose(const struct members *members, unsigned shard, const uint8_t *bytes,
                             const struct json_span *d) {
    char nonce[NONCE_BYTES];
    char guild_text[24];
    struct json_span value;
    uint64_t guild = 0;
    struct request *only = NULL;
    bool named = json_find(bytes, d, "nonce", &value) && bytes[value.offset] != 'n';
    bool ours = named && json_string(bytes, &value, nonce, sizeof(nonce));
    if (find_text(bytes, d, "guild_id", guild_text, sizeof(guild_text))) {
        (void)text_u64(guild_text, &guild);
    }
    for (struct request *at = members->first; at != NULL; at = at->next) {
        if (at->shard != shard || (at->waits && !(named && at->again)) || at->guild != guild) {
            continue;
        }
        if (ours && strcmp(at->nonce, nonce) == 0) {
            return at;
        }
        if (!named && only != NULL) {
            return NULL; /* two of them: whose it is nobody can say */
        }
        only = at;
    }
    return named ? NULL : only;
}

/* Marks the chunk. False: it was there before, or there is no memory to know. */
static bool mark(struct request *request, unsigned index) {
    uint64_t *bits = request->few;
    if (request->count > INLINE_BITS) {
        if (request->many == NULL) {
            request->many = calloc((request->count + 63) / 64, sizeof(uint64_t));
        }
        bits = request->many;
    }
    if (bits == NULL || (bits[index / 64] >> index % 64 & 1) != 0) {
        return false;
    }
    bits[index / 64] |= (uint64_t)1 << index % 64;
    request->seen++;
    return true;
}

void members_chunk(struct members *members, unsigned shard, const uint8_t *bytes,
                   const struct json_span *d, uint64_t now_ms) {
    uint64_t index;
    uint64_t count;
    struct request *request = whose(members, shard, bytes, d);
    if (request == NULL) {
        return;
    }
    if (!find_number(bytes, d, "chunk_index", &index) ||
        !find_number(bytes, d, "chunk_count", &count) || count == 0 || count > MEMBERS_CHUNKS_MAX ||
        index >= count) {
        give_up(members, request, ERR_PROTOCOL, "a part has no usable number");
        return;
    }
    if (request->count != 0 && count != request->count) {
        if (!request->again) { /* else it is of the other answer, and the guild has changed since */
            give_up(members, request, ERR_PROTOCOL, "a part has no usable number");
        }
        return;
    }
    request->waits = false;
    request->count = (unsigned)count;
    request->doubtful = false;
    request->due_ms = now_ms + MEMBERS_IDLE_MS;
    if (!mark(request, (unsigned)index)) {
        if (request->count > INLINE_BITS && request->many == NULL) {
            give_up(members, request, ERR_NO_MEMORY, "no memory");
        }
        return; /* a second time */
    }
    uint64_t cookie = request->cookie;
    members->port.chunk(members->arg, cookie, (const char *)bytes + d->offset, d->length,
                        (unsigned)index, (unsigned)count);
    request = find_cookie(members, cookie); /* it may have been cancelled meanwhile */
    if (request != NULL && request->seen == request->count) {
        finish(members, request, NULL);
    }
}

void members_limited(struct members *members, unsigned shard, const uint8_t *bytes,
                     const struct json_span *d, uint64_t now_ms) {
    uint64_t opcode;
    struct json_span value;
    struct json_span meta;
    char number[32] = "";
    if (!find_number(bytes, d, "opcode", &opcode) || opcode != OP_MEMBERS ||
        !json_find(bytes, d, "meta", &meta)) {
        return;
    }
    struct request *request = whose(members, shard, bytes, &meta);
    if (request == NULL || (request->again && request->seen > 0)) {
        return; /* or the copy is refused of what is being answered */
    }
    if (json_find(bytes, d, "retry_after", &value) && value.length < sizeof(number)) {
        memcpy(number, bytes + value.offset, value.length);
    }
    double seconds = strtod(number, NULL);
    if (!(seconds >= 0 && seconds <= RETRY_MAX_S) || request->retries >= MEMBERS_RETRIES_MAX) {
        give_up(members, request, ERR_LIMIT, "Discord asks to wait too long, or too often");
        return;
    }
    request->retries++;
    request->waits = true;
    request->doubtful = false;
    uint64_t after_ms = (uint64_t)(seconds * 1000) + SKIP_MS;
    request->due_ms = now_ms + after_ms;
    if (request->full) { /* Discord's count is what counts: no second wait of our own */
        uint64_t from_ms = now_ms + after_ms;
        note_full(members, request->guild,
                  from_ms > MEMBERS_FULL_EVERY_MS + SKIP_MS
                      ? from_ms - MEMBERS_FULL_EVERY_MS - SKIP_MS
                      : 0);
    }
}
