/* gateway/intake.c: assembles, inflates and cuts out gateway messages.
 *
 * The usual message comes whole in one piece: it is inflated into the ring's free space and looked
 * at there. Everything else takes the long way over `spill`: bytes that wait for the rest of
 * their message, for room in the ring, or behind others that do. */
#include "gateway/intake.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

enum {
    OP_INVALID = 9,
    ROOM_FIRST = 16 << 10, /* most messages fit; the ring gives more when they do not */
    KEEP_BYTES = 256 << 10 /* a buffer larger than this is given back when it is empty */
};

struct intake {
    struct inflate *inflate;
    struct ring *ring;
    intake_fn *message;
    void *arg;
    struct buf wire;  /* the beginning of a WebSocket message in several pieces */
    struct buf spill; /* inflated bytes that could not be handled yet */
    size_t offered;   /* of spill: what lies before was offered already, dispatches stay */
    bool blocked;     /* the first message of spill waits for room */
    uint8_t tail[4];  /* the last bytes of the compressed stream: they tell where it was flushed */
    bool plain;       /* this WebSocket message is text: it is not compressed */
    struct intake_stats stats;
};

struct intake *intake_create(enum compress compress, struct ring *ring, intake_fn *message,
                             void *arg, struct err *err) {
    struct intake *intake = calloc(1, sizeof(*intake));
    if (intake == NULL) {
        err_set(err, ERR_NO_MEMORY, "intake: no memory");
        return NULL;
    }
    intake->ring = ring;
    intake->message = message;
    intake->arg = arg;
    intake->inflate = inflate_create(compress, err);
    if (intake->inflate == NULL) {
        free(intake);
        return NULL;
    }
    intake_reset(intake);
    return intake;
}

void intake_destroy(struct intake *intake) {
    if (intake != NULL) {
        inflate_destroy(intake->inflate);
        buf_finish(&intake->wire);
        buf_finish(&intake->spill);
        free(intake);
    }
}

static void empty(struct buf *buf) {
    if (buf->capacity > KEEP_BYTES) {
        buf_finish(buf);
    } else {
        buf_clear(buf);
    }
}

void intake_reset(struct intake *intake) {
    inflate_reset(intake->inflate);
    empty(&intake->wire);
    empty(&intake->spill);
    intake->offered = 0;
    intake->blocked = false;
    memset(intake->tail, 0xff, sizeof(intake->tail));
}

const struct intake_stats *intake_stats(const struct intake *intake) {
    return &intake->stats;
}

static bool reserve(struct intake *intake, struct buf *buf, size_t more, struct err *err) {
    size_t before = buf->capacity;
    if (!buf_reserve(buf, more)) {
        return err_set(err, ERR_NO_MEMORY, "no memory for a message");
    }
    intake->stats.allocations += buf->capacity != before ? 1 : 0;
    return true;
}

/* bytes may lie in the ring or on the wire; the padding is readable afterwards. */
static bool spill_append(struct intake *intake, const uint8_t *bytes, size_t length,
                         struct err *err) {
    return reserve(intake, &intake->spill, length + JSON_PADDING, err) &&
           buf_append(&intake->spill, bytes, length);
}

static bool may_be_partial(const struct intake *intake) {
    return inflate_kind(intake->inflate) == COMPRESS_ZLIB_STREAM && !intake->plain;
}

/* Inflates all of the input behind what is in spill. */
static bool inflate_to_spill(struct intake *intake, const uint8_t *in, size_t length,
                             struct err *err) {
    for (;;) {
        struct buf *spill = &intake->spill;
        if (spill->length > INTAKE_INFLATED_MAX) {
            return err_set(err, ERR_LIMIT, "a message of more than %d bytes", INTAKE_INFLATED_MAX);
        }
        size_t step = spill->length < ROOM_FIRST ? ROOM_FIRST : spill->length;
        size_t left = INTAKE_INFLATED_MAX + 1 - spill->length; /* one more tells too much */
        step = step < left ? step : left;
        if (!reserve(intake, spill, step + JSON_PADDING, err)) {
            return false;
        }
        size_t written = 0;
        enum inflate_result result =
            inflate_step(intake->inflate, &in, &length, (uint8_t *)spill->bytes + spill->length,
                         step, &written, err);
        spill->length += written;
        intake->stats.bytes_inflated += written;
        if (result != INFLATE_MORE_ROOM) {
            return result == INFLATE_MORE_INPUT;
        }
    }
}

/* --- the long way: from spill ----------------------------------------------------------------- */

static void drop_front(struct intake *intake, size_t length) {
    buf_consume(&intake->spill, length);
    intake->offered = intake->offered > length ? intake->offered - length : 0;
    if (intake->spill.length == 0) {
        empty(&intake->spill);
    }
}

/* Messages behind a dispatch that waits: control opcodes must not wait with it. They are handled
 * and blanked; to JSON white space is nothing. But op 9 may end the session, and what came before
 * it could never be had again: it keeps its place. */
static enum intake_result look_ahead(struct intake *intake, struct err *err) {
    uint8_t *bytes = (uint8_t *)intake->spill.bytes;
    while (intake->offered < intake->spill.length) {
        struct envelope envelope;
        const char *why = "";
        size_t left = intake->spill.length - intake->offered;
        enum json_result result = envelope_scan(bytes + intake->offered, left, &envelope, &why);
        if (result == JSON_PARTIAL) {
            return INTAKE_STALLED;
        }
        if (result == JSON_BROKEN) {
            err_set(err, ERR_PROTOCOL, "a malformed message: %s", why);
            return INTAKE_BROKEN;
        }
        if (envelope.op == OP_INVALID) {
            return INTAKE_STALLED;
        }
        if (envelope.op != 0) {
            if (intake->message(intake->arg, bytes + intake->offered, &envelope, false) ==
                INTAKE_STOP) {
                return INTAKE_ENDED;
            }
            memset(bytes + intake->offered, ' ', envelope.length);
        }
        intake->offered += envelope.length;
    }
    return INTAKE_STALLED;
}

static enum intake_result drain(struct intake *intake, struct err *err) {
    size_t at = 0; /* one move of the rest at the end, not one per message */
    intake->blocked = false;
    while (at < intake->spill.length) {
        uint8_t *bytes = (uint8_t *)intake->spill.bytes + at;
        struct envelope envelope;
        const char *why = "";
        enum json_result result = envelope_scan(bytes, intake->spill.length - at, &envelope, &why);
        if (result == JSON_PARTIAL) {
            break;
        }
        if (result == JSON_BROKEN) {
            err_set(err, ERR_PROTOCOL, "a malformed message: %s", why);
            return INTAKE_BROKEN;
        }
        enum intake_verdict verdict = intake->message(intake->arg, bytes, &envelope, false);
        if (verdict == INTAKE_STOP) {
            return INTAKE_ENDED;
        }
        if (verdict == INTAKE_NO_ROOM) {
            drop_front(intake, at);
            intake->blocked = true;
            intake->offered = intake->offered > envelope.length ? intake->offered : envelope.length;
            return look_ahead(intake, err);
        }
        at += envelope.length;
    }
    drop_front(intake, at);
    return INTAKE_FINE;
}

/* Only zlib-stream may leave a message unfinished at the end of a WebSocket message; white space
 * is no beginning of a message. */
static bool rest_is_allowed(const struct intake *intake, struct err *err) {
    const struct buf *spill = &intake->spill;
    size_t blank = 0;
    while (blank < spill->length && strchr(" \t\r\n", spill->bytes[blank]) != NULL &&
           spill->bytes[blank] != '\0') {
        blank++;
    }
    if (blank == spill->length || intake->blocked || may_be_partial(intake)) {
        return true;
    }
    return err_set(err, ERR_PROTOCOL, "a message that ends too early");
}

static void keep_tail(struct intake *intake, const uint8_t *bytes, size_t length) {
    size_t size = sizeof(intake->tail);
    size_t kept = length < size ? size - length : 0;
    memmove(intake->tail, intake->tail + size - kept, kept);
    memcpy(intake->tail + kept, bytes + length - (size - kept), size - kept);
}

static bool at_flush(const struct intake *intake) {
    static const uint8_t marker[sizeof(intake->tail)] = {0x00, 0x00, 0xff, 0xff};
    return memcmp(intake->tail, marker, sizeof(marker)) == 0;
}

static enum intake_result take_long_way(struct intake *intake, const uint8_t *in, size_t length,
                                        struct err *err) {
    bool ok = intake->plain ? spill_append(intake, in, length, err)
                            : inflate_to_spill(intake, in, length, err);
    if (!ok) {
        return INTAKE_BROKEN;
    }
    /* Without the flush marker no message ends here; to look again at every frame would cost the
     * square of a large message that comes in small ones. */
    if (may_be_partial(intake) && !at_flush(intake)) {
        return intake->blocked ? INTAKE_STALLED : INTAKE_FINE;
    }
    enum intake_result result = intake->blocked ? look_ahead(intake, err) : drain(intake, err);
    return result == INTAKE_FINE && !rest_is_allowed(intake, err) ? INTAKE_BROKEN : result;
}

enum intake_result intake_retry(struct intake *intake, struct err *err) {
    return drain(intake, err);
}

/* --- the short way: in the ring ----------------------------------------------------------------
 */

/* Inflates into the ring's space as long as that has room. *left: input that found none. */
static bool inflate_to_ring(struct intake *intake, const uint8_t **in, size_t *length,
                            uint8_t **space, size_t *written, bool *whole, struct err *err) {
    size_t most = ring_max_message(intake->ring);
    size_t room = *length * 4 < ROOM_FIRST ? ROOM_FIRST : *length * 4;
    *whole = false;
    for (;;) {
        room = room < most ? room : most;
        if (!ring_reserve(intake->ring, room, space)) {
            return true;
        }
        size_t before = *written;
        enum inflate_result result = inflate_step(intake->inflate, in, length, *space + *written,
                                                  room - *written, written, err);
        intake->stats.bytes_inflated += *written - before;
        if (result == INFLATE_BROKEN) {
            return false;
        }
        *whole = result == INFLATE_MORE_INPUT;
        if (*whole || room == most) {
            return true;
        }
        room *= 2;
    }
}

static enum intake_result hand_out(struct intake *intake, uint8_t *space, size_t written,
                                   struct err *err) {
    struct envelope envelope;
    const char *why = "";
    enum json_result result = envelope_scan(space, written, &envelope, &why);
    if (result == JSON_BROKEN) {
        err_set(err, ERR_PROTOCOL, "a malformed message: %s", why);
        return INTAKE_BROKEN;
    }
    if (result == JSON_PARTIAL) {
        if (!spill_append(intake, space, written, err)) {
            return INTAKE_BROKEN;
        }
        return rest_is_allowed(intake, err) ? INTAKE_FINE : INTAKE_BROKEN;
    }
    enum intake_verdict verdict = INTAKE_NO_ROOM;
    if (envelope.length == written) { /* a publish would overwrite what follows */
        verdict = intake->message(intake->arg, space, &envelope, true);
    }
    if (verdict == INTAKE_TAKEN) {
        return INTAKE_FINE;
    }
    if (verdict == INTAKE_STOP) {
        return INTAKE_ENDED;
    }
    if (!spill_append(intake, space, written, err)) {
        return INTAKE_BROKEN;
    }
    enum intake_result rest = drain(intake, err);
    return rest == INTAKE_FINE && !rest_is_allowed(intake, err) ? INTAKE_BROKEN : rest;
}

static enum intake_result take_short_way(struct intake *intake, const uint8_t *in, size_t length,
                                         struct err *err) {
    uint8_t *space = NULL;
    size_t written = 0;
    bool whole;
    if (!inflate_to_ring(intake, &in, &length, &space, &written, &whole, err)) {
        return INTAKE_BROKEN;
    }
    if (whole) {
        return written > 0 ? hand_out(intake, space, written, err) : INTAKE_FINE;
    }
    if (written > 0 && !spill_append(intake, space, written, err)) {
        return INTAKE_BROKEN;
    }
    return take_long_way(intake, in, length, err);
}

static enum intake_result take_message(struct intake *intake, const uint8_t *in, size_t length,
                                       struct err *err) {
    if (length == 0) {
        return intake->blocked ? INTAKE_STALLED : INTAKE_FINE;
    }
    if (!intake->plain) {
        keep_tail(intake, in, length);
    }
    if (intake->spill.length > 0 || intake->plain) {
        return take_long_way(intake, in, length, err);
    }
    return take_short_way(intake, in, length, err);
}

enum intake_result intake_feed(struct intake *intake, const uint8_t *bytes, size_t length,
                               bool first, bool final, bool binary, struct err *err) {
    enum compress kind = inflate_kind(intake->inflate);
    intake->stats.bytes_wire += length;
    if (first) {
        /* Text is never compressed, whatever was agreed upon. */
        intake->plain = !binary && kind != COMPRESS_NONE;
        buf_clear(&intake->wire);
        if (kind == COMPRESS_PAYLOAD) {
            inflate_reset(intake->inflate);
        }
    }
    if (first && final) {
        return take_message(intake, bytes, length, err);
    }
    size_t most = intake->plain || kind == COMPRESS_NONE ? INTAKE_INFLATED_MAX : INTAKE_WIRE_MAX;
    if (intake->wire.length + length > most) {
        err_set(err, ERR_LIMIT, "a message of more than %zu bytes on the wire", most);
        return INTAKE_BROKEN;
    }
    if (!reserve(intake, &intake->wire, length + JSON_PADDING, err) ||
        !buf_append(&intake->wire, bytes, length)) {
        return INTAKE_BROKEN;
    }
    if (!final) {
        return intake->blocked ? INTAKE_STALLED : INTAKE_FINE;
    }
    enum intake_result result =
        take_message(intake, (const uint8_t *)intake->wire.bytes, intake->wire.length, err);
    empty(&intake->wire);
    return result;
}
