/* rest/bucket.h: one rate limit: how many requests may be on the wire, as far as Discord has told.
 *
 * Answers of requests that overlap come in any order, and say how many were left when each of them
 * was counted. What is left for sure is the least of them that belongs to this window, less what is
 * on the wire and may not have been counted yet. A window ends when its latest answer plus its
 * Reset-After says so, which is never before Discord's own clock does. Pure: time is an argument,
 * monotonic milliseconds. [one thread] */
#ifndef REST_BUCKET_H
#define REST_BUCKET_H

#include "rest/told.h"

#include <stdbool.h>
#include <stdint.h>

/* Never: until an answer comes. */
#define BUCKET_NEVER UINT64_MAX

/* Zero-initialised: nothing is known, so one request at a time. */
struct bucket {
    bool known;         /* limit and remaining were told */
    bool unlimited;     /* answers come without limits */
    bool serial;        /* one at a time, whatever the headers say */
    uint32_t limit;     /* of a whole window */
    uint32_t remaining; /* in this window, those on the wire included */
    uint32_t on_wire;
    uint64_t reset_ms;    /* the window is over by then; 0: no answer has told yet */
    uint64_t earliest_ms; /* and not over before */
    uint64_t blocked_ms;  /* a 429 said: nothing before */
};

/* When the next request may be sent: now_ms or earlier: at once. A later answer may bring it
 * forward. BUCKET_NEVER: an answer must come first; then requests are on the wire. */
uint64_t bucket_next(struct bucket *bucket, uint64_t now_ms);
void bucket_sent(struct bucket *bucket);
/* The request of this bucket that was sent at sent_ms is off the wire. told: what its answer says
 * of this bucket; NULL when there is no answer, or one that says nothing: it may have been counted
 * all the same. */
void bucket_answered(struct bucket *bucket, const struct told *told, uint64_t sent_ms,
                     uint64_t now_ms);
/* It is off the wire and was counted elsewhere, or never left. */
void bucket_returned(struct bucket *bucket);
/* What an answer tells of this bucket whose request was not counted by bucket_sent(). */
void bucket_learn(struct bucket *bucket, const struct told *told, uint64_t sent_ms,
                  uint64_t now_ms);
/* Nothing before until_ms. used_up: the window's requests are, too. */
void bucket_block(struct bucket *bucket, bool used_up, uint64_t until_ms);
/* Whether nothing would be lost by forgetting it. */
bool bucket_forgettable(struct bucket *bucket, uint64_t now_ms);

#endif
