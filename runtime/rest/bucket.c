/* rest/bucket.c: windows, and what is left of them. */
#include "rest/bucket.h"

#include <assert.h>

/* A window that is over gives all its requests back, but those on the wire may be counted in the
 * new one. */
static void renew(struct bucket *bucket, uint64_t now_ms) {
    if (bucket->reset_ms != 0 && now_ms >= bucket->reset_ms) {
        bucket->remaining = bucket->limit;
        bucket->reset_ms = 0;
        bucket->earliest_ms = 0;
    }
}

uint64_t bucket_next(struct bucket *bucket, uint64_t now_ms) {
    renew(bucket, now_ms);
    if (now_ms < bucket->blocked_ms) {
        return bucket->blocked_ms;
    }
    if (bucket->serial && bucket->on_wire > 0) {
        return BUCKET_NEVER;
    }
    if (bucket->unlimited) {
        return now_ms;
    }
    if (!bucket->known) {
        return bucket->on_wire == 0 ? now_ms : BUCKET_NEVER;
    }
    if (bucket->remaining > bucket->on_wire) {
        return now_ms;
    }
    if (bucket->reset_ms != 0) {
        return bucket->reset_ms;
    }
    /* Requests that never came back have used it up and no answer told until when: ask with one. */
    return bucket->on_wire == 0 ? now_ms : BUCKET_NEVER;
}

void bucket_sent(struct bucket *bucket) {
    bucket->on_wire++;
}

void bucket_returned(struct bucket *bucket) {
    assert(bucket->on_wire > 0);
    bucket->on_wire--;
}

void bucket_learn(struct bucket *bucket, const struct told *told, uint64_t sent_ms,
                  uint64_t now_ms) {
    bool was_known = bucket->known;
    renew(bucket, now_ms);
    uint64_t low = sent_ms + told->reset_after_ms;
    uint64_t high = now_ms + told->reset_after_ms;
    if (was_known && bucket->reset_ms != 0 && high < bucket->earliest_ms) {
        return; /* of a window before this one */
    }
    bool later_window = bucket->reset_ms != 0 && low > bucket->reset_ms;
    if (!was_known || later_window || told->remaining < bucket->remaining) {
        bucket->remaining = told->remaining;
    }
    bucket->known = true;
    bucket->unlimited = false;
    bucket->limit = told->limit;
    bucket->reset_ms = high > bucket->reset_ms ? high : bucket->reset_ms;
    bucket->earliest_ms = low > bucket->earliest_ms ? low : bucket->earliest_ms;
}

void bucket_answered(struct bucket *bucket, const struct told *told, uint64_t sent_ms,
                     uint64_t now_ms) {
    bucket_returned(bucket);
    renew(bucket, now_ms);
    if (told != NULL && told_complete(told)) {
        bucket_learn(bucket, told, sent_ms, now_ms);
    } else if (bucket->remaining > 0) {
        bucket->remaining--;
    }
}

void bucket_block(struct bucket *bucket, bool used_up, uint64_t until_ms) {
    if (until_ms > bucket->blocked_ms) {
        bucket->blocked_ms = until_ms;
    }
    if (used_up && bucket->known) {
        bucket->remaining = 0;
        bucket->reset_ms = until_ms > bucket->reset_ms ? until_ms : bucket->reset_ms;
    }
}

bool bucket_forgettable(struct bucket *bucket, uint64_t now_ms) {
    renew(bucket, now_ms);
    return bucket->on_wire == 0 && now_ms >= bucket->blocked_ms && bucket->reset_ms == 0;
}
