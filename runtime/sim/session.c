/* sim/session.c: sequence numbers and the replay buffer. Pure. */
#include "sim/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim_payload *sim_payload_create(enum sim_event event, const char *name, const char *json,
                                       size_t length) {
    size_t name_length = name == NULL ? 0 : strlen(name);
    if (length > UINT32_MAX || name_length > UINT16_MAX) {
        return NULL;
    }
    struct sim_payload *payload = malloc(sizeof(*payload) + name_length + length);
    if (payload == NULL) {
        return NULL;
    }
    payload->refs = 1;
    payload->length = (uint32_t)length;
    payload->event = (uint16_t)event;
    payload->name_length = (uint16_t)name_length;
    if (name_length > 0) {
        memcpy(payload->bytes, name, name_length);
    }
    memcpy(payload->bytes + name_length, json, length);
    return payload;
}

void sim_payload_unref(struct sim_payload *payload) {
    if (payload != NULL && --payload->refs == 0) {
        free(payload);
    }
}

const char *sim_payload_json(const struct sim_payload *payload) {
    return payload->bytes + payload->name_length;
}

const char *sim_payload_name(const struct sim_payload *payload, size_t *length) {
    if (payload->name_length > 0) {
        *length = payload->name_length;
        return payload->bytes;
    }
    const char *name = sim_event_name((enum sim_event)payload->event);
    *length = strlen(name);
    return name;
}

struct sim_session *sim_session_create(uint64_t random_a, uint64_t random_b) {
    struct sim_session *session = calloc(1, sizeof(*session));
    if (session != NULL) {
        snprintf(session->id, sizeof(session->id), "%016" PRIx64 "%016" PRIx64, random_a, random_b);
    }
    return session;
}

void sim_session_destroy(struct sim_session *session) {
    if (session != NULL) {
        sim_session_clear(session);
        free(session->ring);
        free(session);
    }
}

static void drop_oldest(struct sim_session *session) {
    uint64_t seq = session->last_seq - session->count + 1;
    struct sim_payload **slot = &session->ring[seq & (session->capacity - 1)];
    if (*slot != NULL) {
        session->bytes -= (*slot)->length;
        sim_payload_unref(*slot);
        *slot = NULL;
    }
    session->count--;
}

/* The capacity is a power of two, so that seq & (capacity - 1) finds the slot. */
static bool grow(struct sim_session *session) {
    uint32_t capacity = session->capacity == 0 ? 64 : session->capacity * 2;
    struct sim_payload **ring = calloc(capacity, sizeof(*ring));
    if (ring == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < session->count; i++) {
        uint64_t seq = session->last_seq - i;
        ring[seq & (capacity - 1)] = session->ring[seq & (session->capacity - 1)];
    }
    free(session->ring);
    session->ring = ring;
    session->capacity = capacity;
    return true;
}

bool sim_session_push(struct sim_session *session, struct sim_payload *payload,
                      struct sim_replay_bound bound) {
    while (session->count > 0 &&
           (session->count >= bound.count || session->bytes + payload->length > bound.bytes)) {
        drop_oldest(session);
    }
    if (session->count == session->capacity && !grow(session)) {
        return false;
    }
    session->last_seq++;
    session->ring[session->last_seq & (session->capacity - 1)] = payload;
    session->count++;
    session->bytes += payload->length;
    payload->refs++;
    return true;
}

const struct sim_payload *sim_session_at(const struct sim_session *session, uint64_t seq) {
    if (seq > session->last_seq || session->last_seq - seq >= session->count) {
        return NULL;
    }
    return session->ring[seq & (session->capacity - 1)];
}

enum sim_resume sim_session_resume(const struct sim_session *session, uint64_t seq) {
    if (seq > session->last_seq) {
        return SIM_RESUME_BAD_SEQ;
    }
    return session->last_seq - seq > session->count ? SIM_RESUME_TOO_OLD : SIM_RESUME_FINE;
}

void sim_session_clear(struct sim_session *session) {
    while (session->count > 0) {
        drop_oldest(session);
    }
    session->gap_seq = session->last_seq;
}

void sim_session_skip(struct sim_session *session, uint64_t count) {
    /* What lies before the gap can no longer be found by arithmetic: it goes. */
    sim_session_clear(session);
    session->last_seq += count;
    session->gap_seq = session->last_seq;
}
