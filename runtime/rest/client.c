/* rest/client.c: libcurl's multi interface on our event loop. */
#include "rest/client.h"

#include "base/buf.h"
#include "base/text.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CONNECT_TIMEOUT_MS = 10000,
    STALL_S = 30,      /* no byte in either direction for so long: it is dead */
    CONNECTIONS = 128, /* the scheduler has no more on the wire */
    SPARE_HANDLES = 16,
    DESCRIPTOR_CHUNK = 64 * 1024,
};

static const char user_agent[] = "DiscordBot (" DREY_HOMEPAGE ", " DREY_VERSION ")";

struct exchange {
    struct exchange *next;
    struct exchange **back;
    struct rest_client *client;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    bool too_large;
    size_t head_bytes;
    struct told told;
    const struct body *sends; /* NULL: nothing */
    size_t piece;             /* of it: where we are */
    uint64_t in_piece;
    bool read_once; /* bytes of it were handed out */
    bool again;     /* and then from the start */
    bool repeatable;
    struct err trouble; /* on this side, when code is set */
    char reason[CURL_ERROR_SIZE];
    rest_done_fn *done;
    void *arg;
};

struct rest_client {
    struct loop *loop;
    CURLM *multi;
    struct loop_timer *timer;
    struct exchange *exchanges;
    CURL *spare[SPARE_HANDLES]; /* that were used before: making one costs more than a request */
    size_t spare_count;
};

static size_t on_body(char *bytes, size_t size, size_t count, void *arg) {
    struct exchange *exchange = arg;
    size_t length = size * count;
    exchange->too_large = exchange->body.length + length > REST_ANSWER_MAX;
    return !exchange->too_large && buf_append(&exchange->body, bytes, length) ? length : 0;
}

static size_t on_header(char *line, size_t size, size_t count, void *arg) {
    struct exchange *exchange = arg;
    size_t length = size * count;
    exchange->head_bytes += length;
    exchange->too_large = exchange->head_bytes > REST_ANSWER_HEAD_MAX;
    told_header(&exchange->told, line, length);
    return exchange->too_large ? 0 : length;
}

/* Up to size bytes of the piece where we are; 0: the file is too short or cannot be read. */
static size_t read_piece(struct exchange *exchange, const struct body_piece *piece, char *out,
                         size_t size) {
    uint64_t left = piece->length - exchange->in_piece;
    size_t wanted = left < size ? (size_t)left : size;
    if (piece->bytes != NULL) {
        memcpy(out, (const char *)piece->bytes + exchange->in_piece, wanted);
        return wanted;
    }
    ssize_t got;
    do {
        got = pread(piece->fd, out, wanted, (off_t)(piece->offset + exchange->in_piece));
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        err_system(&exchange->trouble, "a file cannot be read");
    } else if (got == 0) {
        err_set(&exchange->trouble, ERR_SYSTEM, "a file has become shorter while it was sent");
    }
    return got > 0 ? (size_t)got : 0;
}

static size_t on_read(char *out, size_t size, size_t count, void *arg) {
    struct exchange *exchange = arg;
    size_t room = size * count;
    size_t used = 0;
    while (used < room && exchange->piece < exchange->sends->count) {
        const struct body_piece *piece = &exchange->sends->pieces[exchange->piece];
        if (exchange->in_piece == piece->length) {
            exchange->piece++;
            exchange->in_piece = 0;
            continue;
        }
        size_t got = read_piece(exchange, piece, out + used, room - used);
        if (got == 0) {
            return CURL_READFUNC_ABORT;
        }
        exchange->in_piece += got;
        used += got;
    }
    exchange->read_once = true;
    return used;
}

/* libcurl goes back to the start when a kept connection turns out to have died. It cannot know
 * whether the server has seen the request all the same. */
static int on_seek(void *arg, curl_off_t offset, int origin) {
    struct exchange *exchange = arg;
    if (offset != 0 || origin != SEEK_SET || (exchange->read_once && !exchange->repeatable)) {
        return CURL_SEEKFUNC_FAIL;
    }
    exchange->again = exchange->again || exchange->read_once;
    exchange->piece = 0;
    exchange->in_piece = 0;
    return CURL_SEEKFUNC_OK;
}

/* Our children must not inherit connections to Discord. */
static int on_socket_made(void *arg, curl_socket_t fd, curlsocktype purpose) {
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ERROR;
}

static void exchange_unlink(struct exchange *exchange) {
    if (exchange->back != NULL) {
        *exchange->back = exchange->next;
        if (exchange->next != NULL) {
            exchange->next->back = exchange->back;
        }
        exchange->back = NULL;
    }
}

/* Headers hold the token. */
static void wipe_headers(struct curl_slist *headers) {
    for (struct curl_slist *header = headers; header != NULL; header = header->next) {
        explicit_bzero(header->data, strlen(header->data));
    }
    curl_slist_free_all(headers);
}

static void exchange_destroy(struct exchange *exchange) {
    if (exchange == NULL) {
        return;
    }
    exchange_unlink(exchange);
    if (exchange->easy != NULL) {
        curl_multi_remove_handle(exchange->client->multi, exchange->easy);
        curl_easy_cleanup(exchange->easy);
    }
    wipe_headers(exchange->headers);
    buf_finish(&exchange->body);
    free(exchange);
}

/* Of an exchange that has run to its end. */
static void keep_handle(struct exchange *exchange) {
    struct rest_client *client = exchange->client;
    if (client->spare_count < SPARE_HANDLES) {
        curl_multi_remove_handle(client->multi, exchange->easy);
        curl_easy_reset(exchange->easy);
        client->spare[client->spare_count++] = exchange->easy;
        exchange->easy = NULL;
    }
}

/* libcurl reads both forms of the header, a number of seconds and a date. */
static uint64_t retry_after_ms(CURL *easy) {
    curl_off_t seconds = 0;
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds <= 0) {
        return 0;
    }
    return seconds < REST_RETRY_AFTER_MAX_MS / 1000 ? (uint64_t)seconds * 1000
                                                    : REST_RETRY_AFTER_MAX_MS;
}

/* What a person can do about it; "" when libcurl's words are enough. */
static const char *advice(CURLcode code) {
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return " (is there a network, and is rest_url right?)";
    case CURLE_COULDNT_CONNECT:
        return " (is rest_url right, and may this machine connect there?)";
    case CURLE_PEER_FAILED_VERIFICATION:
        return " (for a server with a certificate of your own set ca_file; else is this machine's "
               "clock right, and is ca-certificates installed?)";
    case CURLE_SSL_CONNECT_ERROR:
        return " (does that port speak TLS: https, not http?)";
    case CURLE_SSL_CACERT_BADFILE:
        return " (ca_file must hold certificates in PEM form)";
    default:
        return "";
    }
}

static void explain(const struct exchange *exchange, CURLcode code,
                    struct rest_response *response) {
    if (exchange->too_large || code == CURLE_FILESIZE_EXCEEDED) {
        response->hopeless = true;
        err_set(&response->err, ERR_LIMIT, "the answer is larger than %d bytes",
                exchange->head_bytes > REST_ANSWER_HEAD_MAX ? REST_ANSWER_HEAD_MAX
                                                            : REST_ANSWER_MAX);
    } else if (exchange->trouble.code != ERR_NONE) {
        response->hopeless = true;
        response->err = exchange->trouble;
    } else {
        err_set(&response->err, ERR_NETWORK, "%s%s",
                exchange->reason[0] != '\0' ? exchange->reason : curl_easy_strerror(code),
                advice(code));
    }
}

/* Whether bytes of the request itself may have left: the size counts what was said to a proxy to
 * get through, too, and the time is set when all of that is done. */
static bool is_under_way(CURL *easy) {
    long sent = 0;
    curl_off_t began_us = 0;
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
    curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &began_us);
    return sent > 0 && began_us > 0;
}

static void finish(struct exchange *exchange, CURLcode code) {
    struct rest_response response = {.body =
                                         exchange->body.bytes != NULL ? exchange->body.bytes : "",
                                     .length = exchange->body.length,
                                     .again = exchange->again,
                                     .told = &exchange->told};
    if (code == CURLE_OK) {
        curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &response.status);
        uint64_t after_ms = retry_after_ms(exchange->easy);
        response.retry_after_ms = response.status == 429 ? after_ms : 0;
        if (!exchange->told.has_retry && after_ms > 0) { /* it was a date */
            exchange->told.has_retry = true;
            exchange->told.retry_after_ms = after_ms;
        }
    } else {
        response.maybe_seen = is_under_way(exchange->easy);
        explain(exchange, code, &response);
    }
    exchange_unlink(exchange); /* whoever is told may cancel, and must not find this one */
    keep_handle(exchange);
    exchange->done(exchange->arg, &response);
    exchange_destroy(exchange);
}

static void collect(struct rest_client *client) {
    int left;
    const CURLMsg *message;
    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            struct exchange *exchange = NULL;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&exchange);
            finish(exchange, message->data.result);
        }
    }
}

static void on_timeout(void *arg) {
    struct rest_client *client = arg;
    int running;
    curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(client);
}

static int on_timer_wanted(CURLM *multi, long after_ms, void *arg) {
    struct rest_client *client = arg;
    if (after_ms < 0) {
        loop_timer_stop(client->timer);
    } else {
        loop_timer_start(client->timer, (uint64_t)after_ms);
    }
    return 0;
}

struct watched {
    struct rest_client *client;
    struct loop_watch *watch;
    curl_socket_t fd;
};

static void on_ready(void *arg, int ready) {
    const struct watched *watched = arg;
    struct rest_client *client = watched->client;
    int bits =
        (ready & LOOP_READ ? CURL_CSELECT_IN : 0) | (ready & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
    int running;
    curl_multi_socket_action(client->multi, watched->fd, bits, &running);
    collect(client); /* `watched` may be gone */
}

static void stop_watching(CURLM *multi, struct watched *watched) {
    if (watched != NULL) {
        curl_multi_assign(multi, watched->fd, NULL);
        loop_watch_destroy(watched->watch);
        free(watched);
    }
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg) {
    struct rest_client *client = arg;
    struct watched *watched = socket_arg;
    if (what == CURL_POLL_REMOVE) {
        stop_watching(client->multi, watched);
        return 0;
    }
    if (watched == NULL) {
        watched = calloc(1, sizeof(*watched));
        if (watched == NULL) {
            return -1;
        }
        *watched = (struct watched){.client = client, .fd = fd};
        watched->watch = loop_watch_create(client->loop, fd, on_ready, watched, NULL);
        if (watched->watch == NULL) {
            free(watched);
            return -1;
        }
        curl_multi_assign(client->multi, fd, watched);
    }
    loop_watch_set(watched->watch,
                   (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0));
    return 0;
}

struct rest_client *rest_client_create(struct loop *loop, struct err *err) {
    struct rest_client *client = calloc(1, sizeof(*client));
    if (client == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        err_set(err, ERR_NO_MEMORY, "REST client");
        free(client);
        return NULL;
    }
    client->loop = loop;
    client->multi = curl_multi_init();
    client->timer = loop_timer_create(loop, on_timeout, client);
    if (client->multi == NULL || client->timer == NULL) {
        err_set(err, ERR_NO_MEMORY, "REST client");
        rest_client_destroy(client);
        return NULL;
    }
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)CONNECTIONS);
    /* Those on the wire count too: with fewer, each would be closed after its request. */
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS);
    return client;
}

void rest_client_destroy(struct rest_client *client) {
    if (client == NULL) {
        return;
    }
    while (client->exchanges != NULL) {
        exchange_destroy(client->exchanges);
    }
    while (client->spare_count > 0) {
        curl_easy_cleanup(client->spare[--client->spare_count]);
    }
    if (client->multi != NULL) {
        curl_multi_cleanup(client->multi);
    }
    loop_timer_destroy(client->timer);
    free(client);
    curl_global_cleanup();
}

static bool add_header(struct exchange *exchange, const char *name, const char *value) {
    struct buf line = {0};
    bool ok = buf_printf(&line, "%s%s", name, value);
    struct curl_slist *longer = ok ? curl_slist_append(exchange->headers, line.bytes) : NULL;
    if (line.bytes != NULL) {
        explicit_bzero(line.bytes, line.length);
    }
    buf_finish(&line);
    exchange->headers = longer != NULL ? longer : exchange->headers;
    return longer != NULL;
}

static bool set_headers(struct exchange *exchange, const struct rest_request *request) {
    bool ok = request->token == NULL || add_header(exchange, "Authorization: Bot ", request->token);
    ok = ok &&
         (request->reason == NULL || add_header(exchange, "X-Audit-Log-Reason: ", request->reason));
    if (ok && request->body != NULL && request->body->type.length > 0) {
        ok = add_header(exchange, "Content-Type: ", request->body->type.bytes) &&
             add_header(exchange, "Expect:", ""); /* a second round trip for large bodies */
    } else if (ok && request->method != REST_GET) {
        ok = add_header(exchange, "Content-Type:", ""); /* libcurl would name one */
    }
    return ok;
}

/* Whether the host of this URL is this machine: no proxy can reach that for us. */
static bool is_loopback(const char *url) {
    CURLU *parts = curl_url();
    char *host = NULL;
    bool found = false;
    if (parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        bool bracketed = host[0] == '['; /* as it stands in a URL: [::1] */
        found = text_is_loopback(host + bracketed, strcspn(host + bracketed, "]"));
    }
    curl_free(host);
    curl_url_cleanup(parts);
    return found;
}

/* The same for every exchange. */
static bool set_basics(struct exchange *exchange) {
    CURL *easy = exchange->easy;
    bool ok = true;
    ok = ok && curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_USERAGENT, user_agent) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->reason) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket_made) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    /* The thread that asks a dead name server is left to itself; it would be waited for. */
    ok = ok && curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_MAXFILESIZE, (long)REST_ANSWER_MAX) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)STALL_S) == CURLE_OK;
    return ok &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS) == CURLE_OK;
}

/* A body is read as it is sent, by on_read(). */
static bool set_body(struct exchange *exchange, const struct rest_request *request) {
    CURL *easy = exchange->easy;
    bool ok = curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK;
    if (request->body == NULL || request->body->length == 0) {
        ok = ok && curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "") == CURLE_OK;
        /* Without a body there is nothing to go back in, see on_seek(). */
        return ok && (request->repeatable ||
                      curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK);
    }
    exchange->sends = request->body;
    ok = ok && curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                (curl_off_t)request->body->length) == CURLE_OK;
    ok =
        ok && curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)DESCRIPTOR_CHUNK) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_READDATA, exchange) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek) == CURLE_OK;
    return ok && curl_easy_setopt(easy, CURLOPT_SEEKDATA, exchange) == CURLE_OK;
}

static bool set_options(struct exchange *exchange, const struct rest_request *request) {
    CURL *easy = exchange->easy;
    bool has_body = request->body != NULL && request->body->type.length > 0;
    bool ok = set_basics(exchange);
    ok = ok && curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms) == CURLE_OK;
    if (request->method != REST_GET && (has_body || request->method != REST_DELETE)) {
        ok = ok && set_body(exchange, request);
    }
    if (request->method != REST_GET) {
        ok = ok && curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST,
                                    rest_method_name(request->method)) == CURLE_OK;
    }
    if (is_loopback(request->url)) {
        ok = ok && curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
    }
    if (request->ca_file != NULL) {
        ok = ok && curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file) == CURLE_OK;
    }
    return ok;
}

static CURL *take_handle(struct rest_client *client) {
    return client->spare_count > 0 ? client->spare[--client->spare_count] : curl_easy_init();
}

bool rest_client_send(struct rest_client *client, const struct rest_request *request,
                      rest_done_fn *done, void *arg, struct err *err) {
    const char *method = rest_method_name(request->method);
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL) {
        return err_set(err, ERR_NO_MEMORY, "%s: no memory", method);
    }
    exchange->client = client;
    exchange->done = done;
    exchange->arg = arg;
    exchange->repeatable = request->repeatable;
    exchange->easy = take_handle(client);
    if (exchange->easy == NULL || !set_headers(exchange, request) ||
        !set_options(exchange, request) ||
        curl_multi_add_handle(client->multi, exchange->easy) != CURLM_OK) {
        exchange_destroy(exchange);
        return err_set(err, ERR_NO_MEMORY, "%s: no memory", method);
    }
    exchange->next = client->exchanges;
    exchange->back = &client->exchanges;
    if (exchange->next != NULL) {
        exchange->next->back = &exchange->next;
    }
    client->exchanges = exchange;
    return true;
}

void rest_client_cancel(struct rest_client *client, const void *arg) {
    struct exchange *next;
    for (struct exchange *exchange = client->exchanges; exchange != NULL; exchange = next) {
        next = exchange->next;
        if (exchange->arg == arg) {
            exchange_destroy(exchange);
        }
    }
}
