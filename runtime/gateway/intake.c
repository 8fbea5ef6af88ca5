/* gateway/intake.c: fragments to messages. */
#include "gateway/intake.h"

#include "gateway/connection.h"

#include <stdlib.h>
#include <string.h>

enum {
    DIRECT_FIRST = 16 * 1024, /* room asked of the ring for a message of unknown size */
    SPILL_FIRST = 32 * 1024,
    SPILL_KEEP = 4 << 20, /* a larger spill buffer is freed as soon as it is empty */
};

bool intake_init(struct intake *intake, struct ring *ring, enum compress compress,
                 struct err *err) {
    *intake = (struct intake){.ring = ring, .inflate = inflate_create(compress, err)};
    return intake->inflate != NULL;
}

static void free_spill(struct intake *intake) {
    free(intake->spill);
    intake->spill = NULL;
    intake->spill_start = 0;
    intake->spill_length = 0;
    intake->spill_capacity = 0;
}

void intake_finish(struct intake *intake) {
    free_spill(intake);
    inflate_destroy(intake->inflate);
    intake->inflate = NULL;
}

void intake_reset(struct intake *intake) {
    inflate_reset(intake->inflate);
    intake->spill_start = 0;
    intake->spill_length = 0;
    intake->direct = NULL;
    intake->wire = 0;
    intake->skipping = false;
    intake->complete = false;
}

void intake_relax(struct intake *intake) {
    if (!intake->spill_used && intake->spill_length == 0) {
        free_spill(intake);
    }
    intake->spill_used = false;
}

/* ---- the spill buffer ---- */

static bool spill_room(struct intake *intake, size_t more, struct err *err) {
    if (intake->spill_start > 0 && intake->spill_start == intake->spill_length) {
        intake->spill_start = 0;
        intake->spill_length = 0;
    }
    intake->spill_used = true;
    if (more <= intake->spill_capacity - intake->spill_length) {
        return true;
    }
    if (intake->spill_start > 0) {
        intake->spill_length -= intake->spill_start;
        memmove(intake->spill, intake->spill + intake->spill_start, intake->spill_length);
        intake->spill_start = 0;
    }
    size_t want = intake->spill_length + more;
    if (want > (size_t)INTAKE_INFLATED_MAX + DIRECT_FIRST) {
        return err_set(err, ERR_LIMIT, "a message inflates to more than %d MiB",
                       INTAKE_INFLATED_MAX >> 20);
    }
    size_t capacity = intake->spill_capacity > 0 ? intake->spill_capacity : SPILL_FIRST;
    while (capacity < want) {
        capacity *= 2;
    }
    if (capacity == intake->spill_capacity) {
        return true;
    }
    uint8_t *bytes = realloc(intake->spill, capacity + JSON_PADDING);
    if (bytes == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for a message of %zu bytes", want);
    }
    memset(bytes + capacity, 0, JSON_PADDING);
    intake->allocations++;
    intake->spill = bytes;
    intake->spill_capacity = capacity;
    return true;
}

static bool spill_append(struct intake *intake, const uint8_t *bytes, size_t length,
                         struct err *err) {
    if (length == 0) {
        return true;
    }
    if (!spill_room(intake, length, err)) {
        return false;
    }
    memcpy(intake->spill + intake->spill_length, bytes, length);
    intake->spill_length += length;
    return true;
}

static bool spill_inflate(struct intake *intake, const uint8_t *bytes, size_t length,
                          struct err *err) {
    enum inflate_result result;
    do {
        if (!spill_room(intake, DIRECT_FIRST / 2, err)) {
            return false;
        }
        size_t written = 0;
        result =
            inflate_step(intake->inflate, &bytes, &length, intake->spill + intake->spill_length,
                         intake->spill_capacity - intake->spill_length, &written, err);
        intake->spill_length += written;
        intake->bytes_inflated += written;
    } while (result == INFLATE_MORE_ROOM);
    return result == INFLATE_MORE_INPUT;
}

/* ---- the ring's free space ---- */

static uint64_t direct_room(const struct intake *intake, uint64_t room) {
    uint64_t most = ring_max_message(intake->ring);
    uint64_t want = room == 0 ? DIRECT_FIRST : room * 4;
    return want < most ? want : most;
}

/* Inflates into the ring as far as there is room; what remains of the input goes to the spill
 * buffer, behind what came out so far. */
static bool direct_inflate(struct intake *intake, const uint8_t *bytes, size_t length,
                           struct err *err) {
    uint64_t room = direct_room(intake, 0);
    if (!ring_reserve(intake->ring, room, &intake->direct)) {
        intake->direct = NULL;
        return spill_inflate(intake, bytes, length, err);
    }
    intake->direct_length = 0;
    for (;;) {
        size_t written = 0;
        enum inflate_result result =
            inflate_step(intake->inflate, &bytes, &length, intake->direct + intake->direct_length,
                         room - intake->direct_length, &written, err);
        intake->direct_length += written;
        intake->bytes_inflated += written;
        if (result == INFLATE_BROKEN) {
            intake->direct = NULL;
            return false;
        }
        if (result == INFLATE_MORE_INPUT) {
            return true;
        }
        uint64_t more = direct_room(intake, room);
        uint8_t *space;
        if (more == room || !ring_reserve(intake->ring, more, &space)) {
            space = intake->direct;
            intake->direct = NULL;
            return spill_append(intake, space, intake->direct_length, err) &&
                   spill_inflate(intake, bytes, length, err);
        }
        intake->direct = space;
        room = more;
    }
}

static bool direct_copy(struct intake *intake, const uint8_t *bytes, size_t length,
                        struct err *err) {
    intake->bytes_inflated += length;
    if (length > ring_max_message(intake->ring) ||
        !ring_reserve(intake->ring, length, &intake->direct)) {
        intake->direct = NULL;
        return spill_append(intake, bytes, length, err);
    }
    memcpy(intake->direct, bytes, length);
    intake->direct_length = length;
    return true;
}

/* The rest of the ring's free space belongs to whoever comes next: take ours away. */
static bool leave_ring(struct intake *intake, size_t from, struct err *err) {
    const uint8_t *bytes = intake->direct;
    intake->direct = NULL;
    return spill_append(intake, bytes + from, intake->direct_length - from, err);
}

/* ---- fragments ---- */

static bool is_packed(const struct intake *intake, unsigned flags) {
    return (flags & MESSAGE_BINARY) != 0 && inflate_kind(intake->inflate) != COMPRESS_NONE;
}

static bool unpack(struct intake *intake, const uint8_t *bytes, size_t length, unsigned flags,
                   struct err *err) {
    bool packed = is_packed(intake, flags);
    bool empty = intake->spill_start == intake->spill_length;
    bool whole = (flags & MESSAGE_FIRST) != 0 && (flags & MESSAGE_FINAL) != 0;
    if (empty && whole) {
        return packed ? direct_inflate(intake, bytes, length, err)
                      : direct_copy(intake, bytes, length, err);
    }
    if (packed) {
        return spill_inflate(intake, bytes, length, err);
    }
    intake->bytes_inflated += length;
    return spill_append(intake, bytes, length, err);
}

bool intake_feed(struct intake *intake, const uint8_t *bytes, size_t length, unsigned flags,
                 struct err *err) {
    if ((flags & MESSAGE_FIRST) != 0) {
        intake->wire = 0;
        /* Binary frames where nothing binary was agreed: nobody can know what they are. */
        intake->skipping =
            (flags & MESSAGE_BINARY) != 0 && inflate_kind(intake->inflate) == COMPRESS_NONE;
    }
    intake->bytes_wire += length;
    intake->wire += length;
    if (intake->skipping) {
        return true;
    }
    bool packed = is_packed(intake, flags);
    size_t cap = packed ? INTAKE_WIRE_MAX : INTAKE_INFLATED_MAX;
    if (intake->wire > cap) {
        return err_set(err, ERR_LIMIT, "a message of more than %zu MiB", cap >> 20);
    }
    if (!unpack(intake, bytes, length, flags, err)) {
        return false;
    }
    intake->complete = false;
    if ((flags & MESSAGE_FINAL) != 0) {
        bool ended = !packed || inflate_at_end(intake->inflate);
        if (!ended && inflate_kind(intake->inflate) == COMPRESS_PAYLOAD && intake->wire > 0) {
            return err_set(err, ERR_PROTOCOL, "a compressed message is cut short");
        }
        intake->complete = ended;
    }
    if (intake->direct != NULL && (!intake->complete || intake->direct_length == 0)) {
        return leave_ring(intake, 0, err);
    }
    return true;
}

/* ---- messages ---- */

enum intake_result intake_next(struct intake *intake, struct intake_message *message,
                               struct err *err) {
    message->in_ring = intake->direct != NULL;
    message->bytes = message->in_ring ? intake->direct : intake->spill + intake->spill_start;
    size_t length =
        message->in_ring ? intake->direct_length : intake->spill_length - intake->spill_start;
    if (length == 0 || !intake->complete) {
        return INTAKE_NONE;
    }
    const char *why = "";
    enum json_result result = envelope_scan(message->bytes, length, &message->envelope, &why);
    if (result == JSON_PARTIAL && inflate_kind(intake->inflate) == COMPRESS_ZLIB_STREAM) {
        /* The flush marker came by chance, or the message goes on in the next frame. */
        if (message->in_ring && !leave_ring(intake, 0, err)) {
            return INTAKE_BROKEN;
        }
        if (length > INTAKE_INFLATED_MAX) {
            err_set(err, ERR_LIMIT, "a message inflates to more than %d MiB",
                    INTAKE_INFLATED_MAX >> 20);
            return INTAKE_BROKEN;
        }
        intake->complete = false;
        return INTAKE_NONE;
    }
    if (result != JSON_OK) {
        err_set(err, ERR_PROTOCOL, "a message that is no JSON: %s",
                result == JSON_PARTIAL ? "it is cut short" : why);
        return INTAKE_BROKEN;
    }
    if (message->in_ring && message->envelope.length < length) {
        uint8_t *direct = intake->direct; /* several messages in one: the others wait aside */
        if (!leave_ring(intake, message->envelope.length, err)) {
            return INTAKE_BROKEN;
        }
        intake->direct = direct;
        intake->direct_length = message->envelope.length;
    }
    return INTAKE_MESSAGE;
}

void intake_done(struct intake *intake, const struct intake_message *message) {
    if (message->in_ring) {
        intake->direct = NULL;
        return;
    }
    intake->spill_start += message->envelope.length;
    if (intake->spill_start >= intake->spill_length) {
        intake->spill_start = 0;
        intake->spill_length = 0;
        if (intake->spill_capacity > SPILL_KEEP) {
            free_spill(intake);
        }
    }
}
