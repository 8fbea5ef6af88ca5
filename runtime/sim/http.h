/* sim/http.h: HTTP/1.1 requests in, responses out, as bytes. Knows no socket and no route. The
 * parsing is http_parser's. [the simulator's loop thread] */
#ifndef SIM_HTTP_H
#define SIM_HTTP_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum { SIM_HTTP_TARGET_MOST = 8192, SIM_HTTP_BODY_MOST = 32 << 20 };

/* A whole request. Texts are borrowed until the next one is read. */
struct sim_request {
    const char *method;
    char *path;  /* without the query */
    char *query; /* "" when there is none */
    const char *authorization;
    const char *user_agent;
    const char *content_type;
    const char *audit_reason; /* X-Audit-Log-Reason, as it was sent */
    const char *websocket_key;
    const char *host;
    const char *origin;
    const char *fetch_site; /* Sec-Fetch-Site, which browsers send */
    bool upgrade;           /* asks for a WebSocket */
    bool keep_alive;
    const char *body;
    size_t body_length;
};

struct sim_http;

struct sim_http *sim_http_create(void);
void sim_http_destroy(struct sim_http *http);

enum sim_http_result {
    SIM_HTTP_NEED_MORE,
    SIM_HTTP_REQUEST,
    SIM_HTTP_BAD,
    SIM_HTTP_TOO_LARGE, /* the body */
};
/* Reads from bytes; *used says how many were taken. REQUEST: *request is filled, call again for
 * what follows (not after an upgrade). */
enum sim_http_result sim_http_read(struct sim_http *http, const char *bytes, size_t length,
                                   size_t *used, struct sim_request *request);

/* True once for each request whose client waits for "100 Continue" before it sends the body. */
bool sim_http_wants_continue(struct sim_http *http);

/* Appends a response. headers: further lines, each ending in CRLF, or NULL. */
bool sim_http_respond(struct buf *out, int status, const char *headers, const char *type,
                      const void *body, size_t length);
/* The same as it comes from what stands before Discord: no Server, no Via. */
bool sim_http_respond_edge(struct buf *out, int status, const char *headers, const char *type,
                           const void *body, size_t length);
/* Appends the answer to a WebSocket upgrade. */
bool sim_http_switch(struct buf *out, const char *websocket_key);

#endif
