/* rest/client.h: HTTP requests on the REST thread's loop. The one file that knows libcurl.
 * It sends what it is told; what may be sent when (buckets, limits, retries) is decided by the
 * logic files of this room. HTTP/1.1, certificate checks always on, proxy from the environment.
 * [REST thread, unless said] */
#ifndef REST_CLIENT_H
#define REST_CLIENT_H

#include "base/err.h"
#include "base/loop.h"
#include "rest/body.h"
#include "rest/call.h"
#include "rest/told.h"

#include <stddef.h>
#include <stdint.h>

struct rest_client;

/* A header must not silence a bot for longer than Discord's own bans last. */
enum { REST_RETRY_AFTER_MAX_MS = TOLD_WAIT_MAX_MS };

/* What a server may send: more ends the exchange. */
enum { REST_ANSWER_MAX = 8 * 1024 * 1024, REST_ANSWER_HEAD_MAX = 64 * 1024 };

/* All texts are copied. */
struct rest_request {
    enum rest_method method;
    const char *url;     /* whole address */
    const char *token;   /* sent as "Authorization: Bot TOKEN"; NULL: none */
    const char *ca_file; /* trusted beside nothing else; NULL: the system's */
    uint32_t timeout_ms; /* for the whole exchange */
    /* NULL: none. Borrowed, with its files, until done is called or the exchange cancelled. */
    const struct body *body;
    const char *reason; /* X-Audit-Log-Reason as it is sent: percent-encoded; NULL: none */
    /* The server may get it twice: it is sent anew when an old connection turns out to be dead. */
    bool repeatable;
};

struct rest_response {
    long status;      /* 0: no answer, err says why */
    const char *body; /* followed by a NUL; borrowed for the call */
    size_t length;
    uint64_t retry_after_ms; /* of a 429, at most REST_RETRY_AFTER_MAX_MS; else 0 */
    const struct told *told; /* what the head says of limits; borrowed for the call */
    bool maybe_seen;         /* without an answer: some bytes of the request may have left */
    bool hopeless;           /* without an answer: the same would happen again */
    bool again;              /* sent twice: the kept connection had died, perhaps after the first */
    struct err err;
};

/* Called once for each request that was started, unless it is cancelled or the client destroyed
 * before. */
typedef void rest_done_fn(void *arg, const struct rest_response *response);

/* Result: owned. Call before other threads start: libcurl's global set-up is not thread-safe. */
struct rest_client *rest_client_create(struct loop *loop, struct err *err);
/* Ends what is under way; its callbacks are not called. NULL is fine. */
void rest_client_destroy(struct rest_client *client);

/* Starts an exchange. Redirects are not followed: the token would go with them. False: done is not
 * called. */
bool rest_client_send(struct rest_client *client, const struct rest_request *request,
                      rest_done_fn *done, void *arg, struct err *err);

/* Ends the exchanges that were started with this arg; their callbacks are not called. An exchange
 * whose callback runs has ended. */
void rest_client_cancel(struct rest_client *client, const void *arg);

#endif
