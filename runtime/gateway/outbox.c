/* gateway/outbox.c: the queue of commands to the gateway. */
#include "gateway/outbox.h"

#include "gateway/members.h"
#include "gateway/sendlimit.h"

#include <stdlib.h>
#include <string.h>

struct outbox_entry {
    struct outbox_entry *next;
    unsigned op;
    uint64_t key;
    char *json; /* owned */
};

static bool render(struct buf *out, unsigned op, const char *json) {
    buf_clear(out);
    return buf_printf(out, "{\"op\":%u,\"d\":", op) && buf_text(out, json) && buf_text(out, "}");
}

/* Discord closes with 4002 above 4096 bytes: refuse it here, where somebody can be told. */
static bool check(unsigned op, const char *json, struct err *err) {
    size_t frame = strlen("{\"op\":,\"d\":}") + (op >= 10 ? 2 : 1);
    size_t length = strlen(json) + frame;
    if (length <= GATEWAY_PAYLOAD_MAX) {
        return true;
    }
    return err_set(err, ERR_LIMIT, "gateway command (op %u): %zu bytes, Discord takes %d", op,
                   length, GATEWAY_PAYLOAD_MAX);
}

bool outbox_presence(struct outbox *outbox, const char *json, bool waits, struct err *err) {
    if (!check(OP_PRESENCE, json, err)) {
        return false;
    }
    size_t length = strlen(json);
    if (length > outbox->presence.length &&
        !buf_reserve(&outbox->presence, length - outbox->presence.length)) {
        return err_set(err, ERR_NO_MEMORY, "presence: no memory");
    }
    buf_clear(&outbox->presence);
    buf_append(&outbox->presence, json, length);
    outbox->presence_waits = waits;
    return true;
}

static struct outbox_entry *find(struct outbox *outbox, unsigned op, uint64_t key) {
    if (op != OP_VOICE_STATE) {
        return NULL;
    }
    struct outbox_entry *at = outbox->first;
    while (at != NULL && (at->op != op || at->key != key)) {
        at = at->next;
    }
    return at;
}

/* A request for members that is asked again while it still waits. */
static bool waits_already(const struct outbox *outbox, unsigned op, const char *json) {
    const struct outbox_entry *at = op == OP_MEMBERS ? outbox->first : NULL;
    while (at != NULL && (at->op != op || strcmp(at->json, json) != 0)) {
        at = at->next;
    }
    return at != NULL;
}

bool outbox_add(struct outbox *outbox, unsigned op, uint64_t key, const char *json,
                struct err *err) {
    if (!check(op, json, err)) {
        return false;
    }
    if (waits_already(outbox, op, json)) {
        return true;
    }
    struct outbox_entry *same = find(outbox, op, key);
    if (same == NULL && outbox->count >= OUTBOX_MAX) {
        return err_set(err, ERR_LIMIT, "gateway command (op %u): %d wait already", op, OUTBOX_MAX);
    }
    char *copy = strdup(json);
    struct outbox_entry *entry = same != NULL ? same : calloc(1, sizeof(*entry));
    if (copy == NULL || entry == NULL) {
        free(copy);
        if (same == NULL) {
            free(entry);
        }
        return err_set(err, ERR_NO_MEMORY, "gateway command: no memory");
    }
    free(entry->json);
    entry->json = copy;
    if (same != NULL) {
        return true;
    }
    entry->op = op;
    entry->key = key;
    if (outbox->last == NULL) {
        outbox->last = &outbox->first;
    }
    *outbox->last = entry;
    outbox->last = &entry->next;
    outbox->count++;
    return true;
}

bool outbox_waiting(const struct outbox *outbox) {
    return outbox->presence_waits || outbox->first != NULL;
}

static uint64_t presence_next(const struct outbox *outbox) {
    uint64_t oldest_ms = outbox->presence_sent_ms[outbox->presence_at];
    return oldest_ms != 0 ? oldest_ms + outbox->presence_window_ms : 0;
}

uint64_t outbox_next(const struct outbox *outbox, uint64_t now_ms) {
    if (outbox->first != NULL) {
        return now_ms;
    }
    return outbox->presence_waits ? presence_next(outbox) : OUTBOX_NEVER;
}

static bool take_presence(struct outbox *outbox, uint64_t now_ms, struct buf *out) {
    if (!render(out, OP_PRESENCE, outbox->presence.bytes)) {
        return false; /* it goes on waiting, as does a command */
    }
    outbox->presence_waits = false;
    outbox->presence_sent_ms[outbox->presence_at] = now_ms;
    outbox->presence_at = (outbox->presence_at + 1) % OUTBOX_PRESENCES;
    return true;
}

bool outbox_take(struct outbox *outbox, uint64_t now_ms, struct buf *out) {
    if (outbox->presence_waits && presence_next(outbox) <= now_ms) {
        return take_presence(outbox, now_ms, out);
    }
    struct outbox_entry *entry = outbox->first;
    if (entry == NULL || !render(out, entry->op, entry->json)) {
        return false;
    }
    outbox->first = entry->next;
    outbox->last = outbox->first == NULL ? NULL : outbox->last;
    outbox->count--;
    free(entry->json);
    free(entry);
    return true;
}

void outbox_finish(struct outbox *outbox) {
    while (outbox->first != NULL) {
        struct outbox_entry *next = outbox->first->next;
        free(outbox->first->json);
        free(outbox->first);
        outbox->first = next;
    }
    buf_finish(&outbox->presence);
    memset(outbox, 0, sizeof(*outbox));
}
