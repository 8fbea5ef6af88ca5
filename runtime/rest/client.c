/* rest/client.c: libcurl's multi interface on our event loop. */
#include "rest/client.h"

#include "base/buf.h"
#include "base/text.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 8 * 1024 * 1024, CONNECT_TIMEOUT_MS = 10000, CONNECTIONS_PER_HOST = 8 };

static const char user_agent[] = "DiscordBot (" DREY_HOMEPAGE ", " DREY_VERSION ")";

struct exchange {
    struct exchange *next;
    struct exchange **back;
    struct rest_client *client;
    CURL *easy;
    struct curl_slist *headers;
    struct buf body;
    bool too_large;
    char reason[CURL_ERROR_SIZE];
    rest_done_fn *done;
    void *arg;
};

struct rest_client {
    struct loop *loop;
    CURLM *multi;
    struct loop_timer *timer;
    struct exchange *exchanges;
};

static size_t on_body(char *bytes, size_t size, size_t count, void *arg) {
    struct exchange *exchange = arg;
    size_t length = size * count;
    exchange->too_large = exchange->body.length + length > BODY_MAX;
    return !exchange->too_large && buf_append(&exchange->body, bytes, length) ? length : 0;
}

/* Our children must not inherit connections to Discord. */
static int on_socket_made(void *arg, curl_socket_t fd, curlsocktype purpose) {
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ERROR;
}

static void exchange_destroy(struct exchange *exchange) {
    if (exchange == NULL) {
        return;
    }
    if (exchange->back != NULL) {
        *exchange->back = exchange->next;
        if (exchange->next != NULL) {
            exchange->next->back = exchange->back;
        }
    }
    if (exchange->easy != NULL) {
        curl_multi_remove_handle(exchange->client->multi, exchange->easy);
        curl_easy_cleanup(exchange->easy);
    }
    curl_slist_free_all(exchange->headers);
    buf_finish(&exchange->body);
    free(exchange);
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

static void finish(struct exchange *exchange, CURLcode code) {
    struct rest_response response = {.body =
                                         exchange->body.bytes != NULL ? exchange->body.bytes : "",
                                     .length = exchange->body.length};
    if (code == CURLE_OK) {
        curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &response.status);
        response.retry_after_ms = response.status == 429 ? retry_after_ms(exchange->easy) : 0;
    } else if (exchange->too_large) {
        err_set(&response.err, ERR_LIMIT, "the answer is larger than %d bytes", BODY_MAX);
    } else {
        err_set(&response.err, ERR_NETWORK, "%s%s",
                exchange->reason[0] != '\0' ? exchange->reason : curl_easy_strerror(code),
                advice(code));
    }
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
    curl_multi_setopt(client->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)CONNECTIONS_PER_HOST);
    return client;
}

void rest_client_destroy(struct rest_client *client) {
    if (client == NULL) {
        return;
    }
    while (client->exchanges != NULL) {
        exchange_destroy(client->exchanges);
    }
    if (client->multi != NULL) {
        curl_multi_cleanup(client->multi);
    }
    loop_timer_destroy(client->timer);
    free(client);
    curl_global_cleanup();
}

static bool set_headers(struct exchange *exchange, const struct rest_request *request) {
    if (request->token == NULL) {
        return true;
    }
    struct buf line = {0};
    bool ok = buf_printf(&line, "Authorization: Bot %s", request->token);
    exchange->headers = ok ? curl_slist_append(NULL, line.bytes) : NULL;
    buf_finish(&line);
    return exchange->headers != NULL;
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

static bool set_options(struct exchange *exchange, const struct rest_request *request) {
    CURL *easy = exchange->easy;
    bool ok = true;
    ok = ok && curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_USERAGENT, user_agent) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->reason) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket_made) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    /* The thread that asks a dead name server is left to itself; it would be waited for. */
    ok = ok && curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms) == CURLE_OK;
    ok = ok &&
         curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS) == CURLE_OK;
    if (is_loopback(request->url)) {
        ok = ok && curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
    }
    if (request->ca_file != NULL) {
        ok = ok && curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file) == CURLE_OK;
    }
    return ok;
}

bool rest_client_get(struct rest_client *client, const struct rest_request *request,
                     rest_done_fn *done, void *arg, struct err *err) {
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL) {
        return err_set(err, ERR_NO_MEMORY, "GET %s", request->url);
    }
    exchange->client = client;
    exchange->done = done;
    exchange->arg = arg;
    exchange->easy = curl_easy_init();
    if (exchange->easy == NULL || !set_headers(exchange, request) ||
        !set_options(exchange, request) ||
        curl_multi_add_handle(client->multi, exchange->easy) != CURLM_OK) {
        exchange_destroy(exchange);
        return err_set(err, ERR_NO_MEMORY, "GET %s", request->url);
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
