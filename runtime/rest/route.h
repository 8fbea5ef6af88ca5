/* rest/route.h: what the method and the path of a request say: whether it may be sent at all, which
 * rate limit it falls under before Discord has told, and what may be done with it. The path comes
 * from plugins: nothing in it is trusted. Pure: the time is an argument. [any thread] */
#ifndef REST_ROUTE_H
#define REST_ROUTE_H

#include "base/err.h"
#include "rest/call.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    ROUTE_KEY_BYTES = 192,   /* with the method and the NUL */
    ROUTE_MAJOR_BYTES = 48,  /* two numbers, or a number and a hash, and the NUL */
    ROUTE_SEGMENTS_MAX = 16, /* of a path; Discord's have at most nine */
};

struct route {
    /* "POST /channels/:id/messages": the requests that share a limit, before its hash is known. Has
     * no secret: for logs, metrics, errors. */
    char key[ROUTE_KEY_BYTES];
    /* The top-level resource, which has limits of its own: the id of a channel or guild, of a
     * webhook or interaction with a hash of its token. Empty: none. */
    char major[ROUTE_MAJOR_BYTES];
    bool with_token;    /* the bot's token goes along; else a token in the path says who asks */
    bool global_exempt; /* does not count for the bot's 50 a second */
    bool callback;      /* answers an interaction: urgent, and never limited */
    /* Limited by guild, whatever the headers say: custom emojis. One at a time. */
    bool headers_lie;
    bool idempotent; /* a second try has no second effect */
};

/* wall_ms: since 1970, because Discord limits the deletion of old messages apart.
 * False with ERR_INVALID when this is no path of Discord's API; err shows no part of the path that
 * may be secret. */
bool route_parse(enum rest_method method, const char *path, uint64_t wall_ms, struct route *route,
                 struct err *err);
/* The path alone of a key: "/channels/:id/messages". */
const char *route_template(const struct route *route);

#endif
