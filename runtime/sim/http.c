/* sim/http.c: requests by http_parser, responses by hand. */
#include "sim/http.h"

#include <http_parser.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HEADERS_MOST = 32768 };

enum header {
    AUTHORIZATION,
    USER_AGENT,
    CONTENT_TYPE,
    WEBSOCKET_KEY,
    UPGRADE,
    AUDIT_REASON,
    EXPECT,
    HOST,
    ORIGIN,
    FETCH_SITE,
    HEADER_COUNT
};

static const char *const header_names[HEADER_COUNT] = {
    "authorization", "user-agent",         "content-type", "sec-websocket-key",
    "upgrade",       "x-audit-log-reason", "expect",       "host",
    "origin",        "sec-fetch-site"};

struct sim_http {
    http_parser parser;
    http_parser_settings settings;
    struct buf target;
    struct buf field;
    struct buf value;
    struct buf headers[HEADER_COUNT];
    struct buf body;
    size_t header_bytes;
    bool in_value;
    bool complete;
    bool too_large;
    bool wants_continue;
};

static bool room(struct sim_http *http, size_t length) {
    http->header_bytes += length;
    return http->header_bytes <= HEADERS_MOST;
}

static int on_begin(http_parser *parser) {
    struct sim_http *http = parser->data;
    buf_clear(&http->target);
    buf_clear(&http->field);
    buf_clear(&http->value);
    buf_clear(&http->body);
    for (size_t i = 0; i < HEADER_COUNT; i++) {
        buf_clear(&http->headers[i]);
    }
    http->header_bytes = 0;
    http->in_value = false;
    http->complete = false;
    return 0;
}

static int on_target(http_parser *parser, const char *at, size_t length) {
    struct sim_http *http = parser->data;
    if (http->target.length + length > SIM_HTTP_TARGET_MOST) {
        return 1;
    }
    return buf_append(&http->target, at, length) ? 0 : 1;
}

/* A header is whole when the next one begins. */
static int keep_header(struct sim_http *http) {
    for (size_t i = 0; http->field.length > 0 && i < HEADER_COUNT; i++) {
        if (strcasecmp(http->field.bytes, header_names[i]) == 0) {
            buf_clear(&http->headers[i]);
            if (!buf_append(&http->headers[i], http->value.bytes, http->value.length)) {
                return 1;
            }
        }
    }
    buf_clear(&http->field);
    buf_clear(&http->value);
    http->in_value = false;
    return 0;
}

static int on_field(http_parser *parser, const char *at, size_t length) {
    struct sim_http *http = parser->data;
    if (http->in_value && keep_header(http) != 0) {
        return 1;
    }
    return room(http, length) && buf_append(&http->field, at, length) ? 0 : 1;
}

static int on_value(http_parser *parser, const char *at, size_t length) {
    struct sim_http *http = parser->data;
    http->in_value = true;
    return room(http, length) && buf_append(&http->value, at, length) ? 0 : 1;
}

static int on_headers(http_parser *parser) {
    struct sim_http *http = parser->data;
    if (keep_header(http) != 0) {
        return -1;
    }
    const struct buf *expect = &http->headers[EXPECT];
    http->wants_continue = expect->length > 0 && strcasecmp(expect->bytes, "100-continue") == 0;
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t length) {
    struct sim_http *http = parser->data;
    if (http->body.length + length > SIM_HTTP_BODY_MOST) {
        http->too_large = true;
        return 1;
    }
    return buf_append(&http->body, at, length) ? 0 : 1;
}

static int on_complete(http_parser *parser) {
    struct sim_http *http = parser->data;
    http->complete = true;
    http_parser_pause(parser, 1); /* one request at a time */
    return 0;
}

struct sim_http *sim_http_create(void) {
    struct sim_http *http = calloc(1, sizeof(*http));
    if (http == NULL) {
        return NULL;
    }
    http_parser_init(&http->parser, HTTP_REQUEST);
    http_parser_settings_init(&http->settings);
    http->parser.data = http;
    http->settings.on_message_begin = on_begin;
    http->settings.on_url = on_target;
    http->settings.on_header_field = on_field;
    http->settings.on_header_value = on_value;
    http->settings.on_headers_complete = on_headers;
    http->settings.on_body = on_body;
    http->settings.on_message_complete = on_complete;
    return http;
}

void sim_http_destroy(struct sim_http *http) {
    if (http == NULL) {
        return;
    }
    buf_finish(&http->target);
    buf_finish(&http->field);
    buf_finish(&http->value);
    buf_finish(&http->body);
    for (size_t i = 0; i < HEADER_COUNT; i++) {
        buf_finish(&http->headers[i]);
    }
    free(http);
}

static const char *header(const struct sim_http *http, enum header which) {
    return http->headers[which].length > 0 ? http->headers[which].bytes : "";
}

static void fill(struct sim_http *http, struct sim_request *request) {
    static char empty[1];
    char *path = http->target.bytes != NULL ? http->target.bytes : empty;
    char *query = strchr(path, '?');
    if (query != NULL) {
        *query++ = '\0';
    }
    *request = (struct sim_request){
        .method = http_method_str((enum http_method)http->parser.method),
        .path = path,
        .query = query != NULL ? query : empty,
        .authorization = header(http, AUTHORIZATION),
        .user_agent = header(http, USER_AGENT),
        .content_type = header(http, CONTENT_TYPE),
        .audit_reason = header(http, AUDIT_REASON),
        .websocket_key = header(http, WEBSOCKET_KEY),
        .host = header(http, HOST),
        .origin = header(http, ORIGIN),
        .fetch_site = header(http, FETCH_SITE),
        .keep_alive = http_should_keep_alive(&http->parser) != 0,
        .body = http->body.bytes != NULL ? http->body.bytes : empty,
        .body_length = http->body.length,
    };
    request->upgrade = http->parser.upgrade != 0 && strcmp(request->method, "GET") == 0 &&
                       strcasecmp(header(http, UPGRADE), "websocket") == 0 &&
                       request->websocket_key[0] != '\0';
}

enum sim_http_result sim_http_read(struct sim_http *http, const char *bytes, size_t length,
                                   size_t *used, struct sim_request *request) {
    if (HTTP_PARSER_ERRNO(&http->parser) == HPE_PAUSED) {
        http_parser_pause(&http->parser, 0);
    }
    *used = length == 0 ? 0 : http_parser_execute(&http->parser, &http->settings, bytes, length);
    if (http->complete) {
        http->complete = false;
        fill(http, request);
        return SIM_HTTP_REQUEST;
    }
    if (http->too_large) {
        return SIM_HTTP_TOO_LARGE;
    }
    return HTTP_PARSER_ERRNO(&http->parser) == HPE_OK ? SIM_HTTP_NEED_MORE : SIM_HTTP_BAD;
}

bool sim_http_wants_continue(struct sim_http *http) {
    bool wants = http->wants_continue;
    http->wants_continue = false;
    return wants;
}

static bool respond(struct buf *out, int status, const char *own, const char *headers,
                    const char *type, const void *body, size_t length) {
    bool fine =
        buf_printf(out, "HTTP/1.1 %d %s\r\n%s%s", status, http_status_str((enum http_status)status),
                   own, headers != NULL ? headers : "");
    if (status == 204) { /* has neither body nor length */
        return fine && buf_text(out, "\r\n");
    }
    return fine &&
           (length == 0 ||
            buf_printf(out, "Content-Type: %s\r\n", type != NULL ? type : "application/json")) &&
           buf_printf(out, "Content-Length: %zu\r\n\r\n", length) && buf_append(out, body, length);
}

bool sim_http_respond(struct buf *out, int status, const char *headers, const char *type,
                      const void *body, size_t length) {
    return respond(out, status, "Server: drey-sim\r\nVia: 1.1 drey-sim\r\n", headers, type, body,
                   length);
}

bool sim_http_respond_edge(struct buf *out, int status, const char *headers, const char *type,
                           const void *body, size_t length) {
    return respond(out, status, "", headers, type, body, length);
}

bool sim_http_switch(struct buf *out, const char *websocket_key) {
    char joined[256];
    unsigned char digest[SHA_DIGEST_LENGTH];
    unsigned char accept[64];
    int length = snprintf(joined, sizeof(joined), "%.100s%s", websocket_key,
                          "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    SHA1((const unsigned char *)joined, (size_t)length, digest);
    EVP_EncodeBlock(accept, digest, sizeof(digest));
    return buf_printf(out,
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                      (const char *)accept);
}
