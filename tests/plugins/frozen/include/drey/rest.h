/* drey/rest.h: calls to Discord's HTTP API, and what is asked of the gateway. Included by drey.h.
 *
 * The host keeps Discord's limits: a call waits for its turn, those of one bucket stay in order,
 * what was limited is sent again. A plugin never waits: the answer comes to a function that init
 * has named with drey_on_rest(), of whatever generation runs then. Answers do not outlive the host;
 * a plugin that must know asks again at start when its reason is DREY_REASON_CRASH. */
#ifndef DREY_REST_H
#define DREY_REST_H

#ifndef DREY_DREY_H
#error "include <drey/drey.h>"
#endif

/* drey_request.flags */
#define DREY_REPEATABLE                                                                            \
    1u /* a POST that may be sent twice: its body has nonce and enforce_nonce                      \
        */

/* A file to upload; `size` is that of this struct, and the step between them in an array. */
typedef struct drey_file {
    uint32_t size;
    int32_t fd;       /* when data is NULL: a regular file or memfd, duplicated, read to its end */
    const char *name; /* as users see it */
    const char *type; /* "image/png"; NULL: application/octet-stream */
    const void *data; /* copied */
    uint64_t data_size;
} drey_file;

struct drey_request {
    uint32_t size;
    uint32_t flags;
    const char *method; /* "GET", "POST", "PUT", "PATCH", "DELETE" */
    const char *path;   /* "/channels/123/messages?limit=5": what follows the API's version */
    const char *json;   /* the body, a JSON value; NULL: none */
    const char *reason; /* for the audit log; NULL: none */
    const char *name;   /* of drey_on_rest(); NULL: nobody is told, failures are logged */
    uint64_t cookie;
    uint32_t deadline_ms; /* for all of it, waiting included; 0: a minute. At most 15 minutes */
    uint32_t file_count;
    const drey_file *files;
};

/* How a call ended. Borrowed for the call. */
struct drey_response {
    uint32_t size;
    int32_t result; /* 0: Discord did it (2xx); else DREY_E_* */
    int64_t request;
    uint32_t status;   /* of HTTP; 0: no answer */
    uint32_t code;     /* Discord's error code: 10008 is "Unknown Message"; 0: none */
    const char *error; /* in words, for people; "" when result is 0 */
    drey_json d;       /* the body, for drey_json_*() */
    const char *raw;   /* the same as text, raw_size bytes, not terminated */
    uint64_t raw_size;
};

/* Names a function for answers. [init] */
static inline int32_t drey_on_rest(drey_ctx *ctx, const char *name, drey_rest_fn fn) {
    return ctx->host->on_rest(ctx, name, fn);
}

/* Sends any call. Result: its number, for drey_rest_cancel(), and the answer comes exactly once;
 * or DREY_E_*, with a line in the log that says which rule was broken, and nothing comes.
 * request: copied. [serial, from start on] */
static inline int64_t drey_rest(drey_ctx *ctx, const drey_request *request) {
    return ctx->host->rest(ctx, request);
}

/* Ends it, unless Discord has it already; its answer still comes. [serial] */
static inline int32_t drey_rest_cancel(drey_ctx *ctx, int64_t request) {
    return ctx->host->rest_cancel(ctx, request);
}

/* The short form: no files, no reason. name NULL: nobody is told. */
static inline int64_t drey_call(drey_ctx *ctx, const char *method, const char *path,
                                const char *json, const char *name, uint64_t cookie) {
    drey_request request = {
        (uint32_t)sizeof(drey_request), 0, method, path, json, NULL, name, cookie, 0, 0, NULL};
    return drey_rest(ctx, &request);
}

/* A message in a channel, sent once whatever the network does: the host adds a nonce. json: a
 * message, from drey_write(). name, cookie: as above. [serial, from start on] */
static inline int64_t drey_send(drey_ctx *ctx, uint64_t channel_id, const char *json,
                                const char *name, uint64_t cookie) {
    return ctx->host->send(ctx, channel_id, json, name, cookie);
}

/* ---- The gateway [serial, from start on] --------------------------------------------------- */

/* The online state and activity of the bot: {'status': 'online', 'activities': [...]}; the latest
 * one counts, whatever came before it in a minute. Lasts until the host ends. */
static inline int32_t drey_presence(drey_ctx *ctx, const char *json) {
    return ctx->host->gateway(ctx, 3, json, NULL, 0);
}

/* Joins, moves within or leaves voice: {'guild_id': ..., 'channel_id': ... or null, 'self_mute':
 * false, 'self_deaf': false}. The answer is the event VOICE_STATE_UPDATE. */
static inline int32_t drey_voice_state(drey_ctx *ctx, const char *json) {
    return ctx->host->gateway(ctx, 4, json, NULL, 0);
}

/* drey_members.flags */
#define DREY_MEMBERS_LAST 1u /* nothing more comes for this request */

/* Some of the members that were asked for. Borrowed for the call. */
struct drey_members {
    uint32_t size;
    int32_t result; /* 0; or, with DREY_MEMBERS_LAST, DREY_E_*: the rest will not come */
    uint32_t flags;
    uint32_t index; /* of this chunk, from 0; they come in any order, each once */
    uint32_t count; /* of chunks; 0: unknown */
    uint32_t reserved;
    drey_json d;       /* GUILD_MEMBERS_CHUNK: members, not_found, presences */
    const char *error; /* in words; "" */
};

/* Names a function for members. [init] */
static inline int32_t drey_on_members(drey_ctx *ctx, const char *name, drey_members_fn fn) {
    return ctx->host->on_members(ctx, name, fn);
}

/* Asks for members of one guild: {'guild_id': ..., 'query': '', 'limit': 0} (all of them, needs
 * DREY_INTENT_GUILD_MEMBERS) or {'guild_id': ..., 'user_ids': [...]}. name: of drey_on_members();
 * called once for each chunk, then once more with DREY_MEMBERS_LAST and without members. */
static inline int32_t drey_request_members(drey_ctx *ctx, const char *json, const char *name,
                                           uint64_t cookie) {
    return ctx->host->gateway(ctx, 8, json, name, cookie);
}

#endif
