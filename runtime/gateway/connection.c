/* gateway/connection.c: WebSocket connections through libwebsockets, on a foreign libuv loop.
 *
 * What to know of the library (4.1): some failures are told by nothing but the destruction of the
 * wsi, so that is what ends a connection; close frames are written by hand; getaddrinfo would
 * block, so addresses are looked up here; permessage-deflate stays off. */
#include "gateway/connection.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"
#include "gateway/proxy.h"

#include <errno.h>
#include <libwebsockets.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEND_MAX = 4096,
    OUT_MAX = 512 * 1024,  /* of frames that wait for the socket: what 60 s of the limit allow */
    READ_SIZE = 16 * 1024, /* one TLS record */
    CLOSING_TURNS = 100,
};

/* The library ties certificates and proxy to a "vhost". */
struct vhost {
    struct vhost *next;
    struct lws_vhost *lws;
    char *ca_file; /* NULL: the system's */
    bool proxied;
};

struct connection_host {
    struct loop *loop;
    struct lws_context *context;
    struct vhost *vhosts;
    size_t count; /* of connections */
    uint8_t frame[LWS_PRE + SEND_MAX];
};

struct connection {
    struct connection_host *host;
    struct vhost *vhost;
    const struct connection_callbacks *callbacks;
    void *arg;
    struct gateway_url url;
    struct proxy proxy;
    struct loop_timer *start;
    struct loop_lookup *lookup;
    struct lws *wsi;
    struct buf out;   /* frames: two bytes of length, then the text */
    unsigned closing; /* the code of the close frame that must go out */
    bool receiving;   /* inside the library's receive callback */
    bool inside;      /* one of the library's calls that may end the wsi */
    bool destroyed;   /* the wsi ended there */
    bool asked;       /* the upgrade: TCP and TLS are there */
    bool opened;
    struct connection_end end;
    char why[400];
};

static void say(struct connection *connection, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The first reason is the real one; what follows are its consequences. */
static void say(struct connection *connection, const char *format, ...) {
    if (connection->why[0] != '\0') {
        return;
    }
    va_list list;
    va_start(list, format);
    vsnprintf(connection->why, sizeof(connection->why), format, list);
    va_end(list);
}

static void free_connection(struct connection *connection) {
    connection->host->count--;
    loop_timer_destroy(connection->start);
    loop_lookup_cancel(connection->lookup);
    buf_finish(&connection->out);
    free(connection);
}

static void tell_gone(struct connection *connection) {
    connection->end.opened = connection->opened;
    connection->end.why = connection->why;
    connection->callbacks->gone(connection->arg, &connection->end);
    free_connection(connection);
}

/* ---- what the library reports ---- */

static bool says(const char *text, size_t length, const char *beginning) {
    size_t wanted = strlen(beginning);
    return text != NULL && length >= wanted && memcmp(text, beginning, wanted) == 0;
}

static void on_error(struct connection *connection, struct lws *wsi, const char *text,
                     size_t length) {
    connection->end.http_status = lws_http_client_http_response(wsi);
    if (connection->end.http_status == 101) {
        connection->end.http_status = 0;
    }
    if (connection->end.http_status != 0) {
        say(connection, "the server answered HTTP %u to the upgrade", connection->end.http_status);
    } else if (says(text, length, "closed befo") && connection->asked) {
        say(connection, "the server ended the connection instead of answering the upgrade");
    } else if (says(text, length, "closed befo")) {
        say(connection, "%s port %d cannot be reached: the connection was refused",
            connection->url.host, connection->url.port);
    } else if (says(text, length, "error:") || says(text, length, "connect SSL err")) {
        say(connection, "the TLS handshake failed; does %s port %d speak TLS (wss, not ws)?",
            connection->url.host, connection->url.port);
    } else {
        say(connection, "%.*s", text != NULL ? (int)length : 0, text != NULL ? text : "");
    }
}

/* Half a code is against RFC 6455, and the library would answer it in kind: end the socket. */
static int on_peer_close(struct connection *connection, const uint8_t *bytes, size_t length) {
    if (length < 2) {
        return length == 1 ? -1 : 0;
    }
    connection->end.code = (unsigned)bytes[0] << 8 | bytes[1];
    say(connection, "%.*s", (int)(length - 2), (const char *)bytes + 2);
    text_utf8_repair(connection->why, strlen(connection->why));
    return 0;
}

/* The library's own words about a bad certificate reach nobody: keep OpenSSL's. */
static void on_certificate(struct connection *connection, X509_STORE_CTX *store) {
    int code = X509_STORE_CTX_get_error(store);
    if (code == X509_V_ERR_HOSTNAME_MISMATCH || code == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        say(connection, "the certificate is not for %s", connection->url.host);
    } else if (code == X509_V_ERR_CERT_HAS_EXPIRED || code == X509_V_ERR_CERT_NOT_YET_VALID) {
        say(connection, "the certificate is not valid now: %s (is this machine's clock right?)",
            X509_verify_cert_error_string(code));
    } else {
        say(connection,
            "the certificate is not trusted: %s; for a gateway with a certificate of your own "
            "set ca_file",
            X509_verify_cert_error_string(code));
    }
}

static int on_writable(struct connection *connection, struct lws *wsi) {
    if (connection->closing != 0) {
        return 0;
    }
    if (connection->out.length < 2) {
        return 0;
    }
    const uint8_t *bytes = (const uint8_t *)connection->out.bytes;
    size_t length = (size_t)bytes[0] << 8 | bytes[1];
    uint8_t *frame = connection->host->frame + LWS_PRE;
    memcpy(frame, bytes + 2, length);
    buf_consume(&connection->out, 2 + length);
    if (lws_write(wsi, frame, length, LWS_WRITE_TEXT) < 0) {
        say(connection, "cannot write to the socket");
        return -1;
    }
    if (connection->out.length > 0) {
        lws_callback_on_writable(wsi);
    }
    return 0;
}

static int on_receive(struct connection *connection, struct lws *wsi, const uint8_t *bytes,
                      size_t length) {
    if (connection->closing != 0) {
        return 0; /* nothing that arrives counts any more */
    }
    bool final = lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0;
    unsigned flags = (lws_is_first_fragment(wsi) ? MESSAGE_FIRST : 0u) |
                     (final ? MESSAGE_FINAL : 0u) |
                     (lws_frame_is_binary(wsi) ? MESSAGE_BINARY : 0u);
    connection->receiving = true;
    connection->callbacks->message(connection->arg, bytes, length, flags);
    connection = lws_get_opaque_user_data(wsi);
    if (connection == NULL) { /* dropped meanwhile */
        return -1;
    }
    connection->receiving = false;
    return 0;
}

static void on_destroyed(struct connection *connection) {
    connection->wsi = NULL;
    if (connection->inside) {
        connection->destroyed = true;
    } else {
        tell_gone(connection);
    }
}

static int add_headers(void *at, size_t length) {
    char **p = at;
    int used = snprintf(*p, length, "User-Agent: DiscordBot (drey, " DREY_VERSION ")\r\n");
    if (used < 0 || (size_t)used >= length) {
        return -1;
    }
    *p += used;
    return 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t length) {
    if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_CLIENT_VERIFY_CERTS) {
        SSL_CTX_set_min_proto_version(user, TLS1_2_VERSION);
        return 0;
    }
    struct connection *connection = wsi != NULL ? lws_get_opaque_user_data(wsi) : NULL;
    if (connection == NULL) {
        return reason == LWS_CALLBACK_CLIENT_RECEIVE || reason == LWS_CALLBACK_CLIENT_WRITEABLE ? -1
                                                                                                : 0;
    }
    switch (reason) {
    case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
        if (length == 0) { /* OpenSSL's verdict so far: not good */
            on_certificate(connection, user);
        }
        return 0;
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        connection->asked = true;
        return add_headers(in, length);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        on_error(connection, wsi, in, length);
        return 0;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        connection->opened = true;
        connection->callbacks->opened(connection->arg);
        return lws_get_opaque_user_data(wsi) == NULL ? -1 : 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return on_receive(connection, wsi, in, length);
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return on_writable(connection, wsi);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        return on_peer_close(connection, in, length);
    case LWS_CALLBACK_WSI_DESTROY:
        on_destroyed(connection);
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "gateway", .callback = on_event, .rx_buffer_size = READ_SIZE},
    {.name = NULL},
};

/* ---- the context ---- */

static void on_library_log(int level, const char *line) {
    size_t length = strlen(line);
    while (length > 0 && line[length - 1] == '\n') {
        length--;
    }
    log_debug(NULL, "libwebsockets: %.*s", (int)length, line);
}

struct connection_host *connection_host_create(struct loop *loop, struct err *err) {
    /* The library's global set-up is not safe in two threads at once. */
    static pthread_mutex_t creating = PTHREAD_MUTEX_INITIALIZER;
    struct connection_host *host = calloc(1, sizeof(*host));
    if (host == NULL) {
        err_set(err, ERR_NO_MEMORY, "network: no memory");
        return NULL;
    }
    host->loop = loop;
    void *loops[] = {loop_native(loop)};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
                   LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_VALIDATE_UTF8,
        .foreign_loops = loops,
        .pcontext = &host->context,
        .pt_serv_buf_size = READ_SIZE,
        .gid = -1,
        .uid = -1,
    };
    pthread_mutex_lock(&creating);
    lws_set_log_level(LLL_ERR | LLL_WARN, on_library_log);
    host->context = lws_create_context(&info);
    pthread_mutex_unlock(&creating);
    if (host->context == NULL) {
        err_set(err, ERR_SYSTEM,
                "libwebsockets cannot start: is libwebsockets-evlib-uv installed, and does this "
                "process have memory and descriptors (ulimit -n) left?");
        free(host);
        return NULL;
    }
    return host;
}

size_t connection_host_count(const struct connection_host *host) {
    return host->count;
}

void connection_host_destroy(struct connection_host *host) {
    if (host == NULL) {
        return;
    }
    /* On a foreign loop the first call only begins; the loop must let every handle go, and then a
     * last call unloads the code that their close callbacks are made of: not one turn earlier. */
    lws_context_destroy(host->context);
    for (int turn = 0; turn < CLOSING_TURNS; turn++) {
        loop_turn(host->loop);
    }
    if (host->context != NULL) {
        lws_context_destroy(host->context);
    }
    while (host->vhosts != NULL) {
        struct vhost *next = host->vhosts->next;
        free(host->vhosts->ca_file);
        free(host->vhosts);
        host->vhosts = next;
    }
    free(host);
}

/* The library only logs when a CA file cannot be used, and would then trust nobody. */
static bool check_ca_file(const char *ca_file, struct err *err) {
    SSL_CTX *trial = SSL_CTX_new(TLS_client_method());
    bool good = trial != NULL && SSL_CTX_load_verify_locations(trial, ca_file, NULL) == 1;
    if (!good) {
        unsigned long code = ERR_peek_last_error();
        const char *reason = ERR_reason_error_string(code);
        err_set(err, ERR_CONFIG, "ca_file %s: %s", ca_file,
                reason != NULL ? reason : "no certificates in it");
        ERR_clear_error();
    }
    SSL_CTX_free(trial);
    return good;
}

static struct vhost *find_vhost(struct connection_host *host, const char *ca_file, bool proxied) {
    struct vhost *vhost = host->vhosts;
    while (vhost != NULL) {
        bool same = ca_file == NULL
                        ? vhost->ca_file == NULL
                        : vhost->ca_file != NULL && strcmp(vhost->ca_file, ca_file) == 0;
        if (same && vhost->proxied == proxied) {
            return vhost;
        }
        vhost = vhost->next;
    }
    return NULL;
}

static struct vhost *make_vhost(struct connection_host *host, const char *ca_file, bool proxied,
                                struct err *err) {
    if (ca_file != NULL && !check_ca_file(ca_file, err)) {
        return NULL;
    }
    struct vhost *vhost = calloc(1, sizeof(*vhost));
    char *copy = ca_file != NULL ? strdup(ca_file) : NULL;
    if (vhost == NULL || (ca_file != NULL && copy == NULL)) {
        err_set(err, ERR_NO_MEMORY, "network: no memory");
        goto fail;
    }
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .vhost_name = "gateway",
        .client_ssl_ca_filepath = ca_file,
        .http_proxy_address = "", /* or it would take http_proxy from the environment */
        .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
                   (ca_file != NULL ? LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS : 0),
    };
    vhost->lws = lws_create_vhost(host->context, &info);
    if (vhost->lws == NULL) {
        err_set(err, ERR_SYSTEM, "libwebsockets cannot set up TLS");
        goto fail;
    }
    if (lws_init_vhost_client_ssl(&info, vhost->lws) != 0) {
        err_set(err, ERR_SYSTEM, "libwebsockets cannot set up TLS for clients");
        goto fail;
    }
    vhost->ca_file = copy;
    vhost->proxied = proxied;
    vhost->next = host->vhosts;
    host->vhosts = vhost;
    return vhost;
fail:
    free(copy);
    free(vhost);
    return NULL;
}

/* ---- opening ---- */

static bool set_proxy(struct connection *connection, const char *address) {
    const struct proxy *proxy = &connection->proxy;
    char text[640];
    snprintf(text, sizeof(text), "%s%s%s:%u", proxy->login, proxy->login[0] != '\0' ? "@" : "",
             address, (unsigned)proxy->port);
    return lws_set_proxy(connection->vhost->lws, text) == 0;
}

/* Hands the connection to the library. address: numeric, of the proxy if there is one. */
static void dial(struct connection *connection, const char *address) {
    char authority[300];
    gateway_url_authority(&connection->url, authority, sizeof(authority));
    bool proxied = connection->proxy.host[0] != '\0';
    if (proxied && (strchr(address, ':') != NULL || !set_proxy(connection, address))) {
        say(connection, "the proxy %s cannot be used", connection->proxy.host);
        tell_gone(connection);
        return;
    }
    struct lws_client_connect_info info = {
        .context = connection->host->context,
        .vhost = connection->vhost->lws,
        .address = proxied ? connection->url.host : address,
        .port = connection->url.port,
        .ssl_connection = connection->url.tls ? LCCSCF_USE_SSL : 0,
        .path = connection->url.path,
        .host = authority,
        .origin = authority,
        .ietf_version_or_minus_one = -1,
        .local_protocol_name = "gateway",
        .alpn = "http/1.1",
        .opaque_user_data = connection,
        .pwsi = &connection->wsi,
    };
    connection->inside = true;
    errno = 0;
    struct lws *wsi = lws_client_connect_via_info(&info);
    int code = errno;
    connection->inside = false;
    if (wsi == NULL || connection->destroyed) {
        say(connection, "cannot connect: %s",
            code != 0 ? strerror(code) : "the library did not say why");
        tell_gone(connection);
    }
}

static void on_address(void *arg, const char *address, const struct err *err) {
    struct connection *connection = arg;
    connection->lookup = NULL;
    if (address == NULL) {
        say(connection, "%s", err->text);
        tell_gone(connection);
        return;
    }
    dial(connection, address);
}

static bool is_literal(const char *host) {
    return strchr(host, ':') != NULL || strspn(host, "0123456789.") == strlen(host);
}

/* Not from inside the library's callbacks. In the one for reading, returning -1 sends the frame too,
 * but throws away what else was read: the parser then takes the middle of a frame for a beginning, and
 * ends the socket before the peer can answer, or finds a close code in what is none. From the writeable
 * callback 4.1.6 ends the socket at once. */
static void send_close(struct connection *connection) {
    connection->inside = true;
    lws_close_reason(connection->wsi, (enum lws_close_status)connection->closing, NULL, 0);
    lws_set_timeout(connection->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
    connection->inside = false;
    if (connection->destroyed) {
        loop_timer_start(connection->start, 0); /* gone is told from the loop */
    }
}

static void start(void *arg) {
    struct connection *connection = arg;
    if (connection->destroyed) {
        tell_gone(connection);
        return;
    }
    if (connection->closing != 0 && connection->wsi != NULL) {
        send_close(connection);
        return;
    }
    const char *host =
        connection->proxy.host[0] != '\0' ? connection->proxy.host : connection->url.host;
    if (strcasecmp(host, "localhost") == 0) {
        dial(connection, "127.0.0.1");
        return;
    }
    if (is_literal(host)) {
        dial(connection, host);
        return;
    }
    struct err err = {0};
    connection->lookup =
        loop_lookup_start(connection->host->loop, host, on_address, connection, &err);
    if (connection->lookup == NULL) {
        say(connection, "%s", err.text);
        tell_gone(connection);
    }
}

static const char *setting(const char *lower, const char *upper) {
    const char *value = getenv(lower);
    return value != NULL ? value : getenv(upper);
}

static bool find_way(struct connection *connection, const char *ca_file, struct err *err) {
    const struct proxy_settings settings = {
        .https_proxy = setting("https_proxy", "HTTPS_PROXY"),
        .http_proxy = setting("http_proxy", "HTTP_PROXY"),
        .all_proxy = setting("all_proxy", "ALL_PROXY"),
        .no_proxy = setting("no_proxy", "NO_PROXY"),
    };
    const struct gateway_url *url = &connection->url;
    if (!proxy_choose(&settings, url->tls, url->host, &connection->proxy, err)) {
        return false;
    }
    bool proxied = connection->proxy.host[0] != '\0';
    connection->vhost = find_vhost(connection->host, ca_file, proxied);
    if (connection->vhost == NULL) {
        connection->vhost = make_vhost(connection->host, ca_file, proxied, err);
    }
    return connection->vhost != NULL;
}

struct connection *connection_open(struct connection_host *host, const struct gateway_url *url,
                                   const char *ca_file,
                                   const struct connection_callbacks *callbacks, void *arg,
                                   struct err *err) {
    struct connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL) {
        err_set(err, ERR_NO_MEMORY, "connection: no memory");
        return NULL;
    }
    connection->host = host;
    host->count++;
    connection->callbacks = callbacks;
    connection->arg = arg;
    connection->url = *url;
    connection->start = loop_timer_create(host->loop, start, connection);
    if (connection->start == NULL) {
        err_set(err, ERR_NO_MEMORY, "connection: no memory");
        free_connection(connection);
        return NULL;
    }
    if (!find_way(connection, ca_file, err)) {
        free_connection(connection);
        return NULL;
    }
    loop_timer_start(connection->start, 0); /* so that no callback comes from in here */
    return connection;
}

/* ---- using ---- */

bool connection_send(struct connection *connection, const char *text, size_t length) {
    if (!connection->opened || connection->closing != 0 || connection->wsi == NULL || length == 0 ||
        length > SEND_MAX || connection->out.length + length > OUT_MAX) {
        return false;
    }
    uint8_t size[2] = {(uint8_t)(length >> 8), (uint8_t)length};
    if (!buf_reserve(&connection->out, length + sizeof(size))) {
        return false;
    }
    buf_append(&connection->out, size, sizeof(size));
    buf_append(&connection->out, text, length);
    lws_callback_on_writable(connection->wsi);
    return true;
}

void connection_close(struct connection *connection, unsigned code) {
    connection->closing = code;
    if (connection->wsi == NULL) {
        return;
    }
    if (connection->receiving) {
        loop_timer_start(connection->start, 0);
    } else {
        send_close(connection);
    }
}

void connection_drop(struct connection *connection) {
    if (connection == NULL) {
        return;
    }
    if (connection->wsi != NULL) {
        lws_set_opaque_user_data(connection->wsi, NULL);
        lws_set_timeout(connection->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    }
    free_connection(connection);
}

void connection_read(struct connection *connection, bool on) {
    if (connection->wsi != NULL) {
        lws_rx_flow_control(connection->wsi, on ? 1 : 0);
    }
}
