/* rest/retry.h: whether a request that failed is sent again, and when. Pure: randomness is an
 * argument. [any thread] */
#ifndef REST_RETRY_H
#define REST_RETRY_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RETRY_TRIES = 3, /* that may fail by server or network, the first included */
    RETRY_FIRST_MS = 500,
    RETRY_LIMITED_LEAST_MS = 100, /* the wait after a first 429, should it tell a shorter one */
    RETRY_LIMITED_MOST_MS = 30 * 1000,
    RETRY_UNTOLD_MS = 60 * 1000, /* a ban that does not say how long it lasts */
};

struct retry_case {
    long status;       /* 0: there was no answer */
    bool maybe_seen;   /* some of the request's bytes may have left */
    bool repeatable;   /* a second try has no second effect */
    unsigned failures; /* this one included */
};

/* Whether this is a failure of server or network: what retry_allowed() is about. */
bool retry_is_failure(long status);
bool retry_allowed(const struct retry_case *what);
/* After a failure: half to all of a time that doubles. told_ms: the answer's Retry-After, or 0. */
uint64_t retry_delay_ms(unsigned failures, uint64_t told_ms, uint64_t random);
/* After the count-th 429 in a row of one request. A server that says "at once" again and again must
 * not make us spend the budget of invalid requests. */
uint64_t retry_limited_ms(unsigned count, uint64_t told_ms);

#endif
