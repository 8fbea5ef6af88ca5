/* sim/server.c: listeners, the tick, start and stop. */
#include "sim/server.h"

#include "sim/interact.h"
#include "sim/state.h"
#include "sim/tls.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TICK_MS = 5, IDLE_TICK_MS = 20 };

static void on_acceptable(void *arg, int ready) {
    struct sim_listener *listener = arg;
    for (int i = 0; i < 64; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        int yes = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        sim_conn_accept(listener, fd);
    }
}

static bool bind_listen(struct sim_listener *listener, const struct sockaddr *address,
                        socklen_t length, struct err *err) {
    struct sockaddr_storage bound;
    socklen_t size = sizeof(bound);
    int yes = 1;
    char port[16];
    listener->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener->fd < 0) {
        return err_system(err, "socket");
    }
    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(listener->fd, address, length) != 0 || listen(listener->fd, 4096) != 0 ||
        getsockname(listener->fd, (struct sockaddr *)&bound, &size) != 0) {
        err_system(err, "listen on %s:%u", listener->host, listener->port);
        close(listener->fd);
        listener->fd = -1;
        return false;
    }
    getnameinfo((struct sockaddr *)&bound, size, NULL, 0, port, sizeof(port), NI_NUMERICSERV);
    listener->port = (uint16_t)strtoul(port, NULL, 10);
    return true;
}

bool sim_listener_open(struct sim_listener *listener, struct err *err) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *list = NULL;
    char port[16];
    snprintf(port, sizeof(port), "%u", listener->port);
    int code = getaddrinfo(listener->host, port, &hints, &list);
    if (code != 0) {
        return err_set(err, ERR_INVALID, "listen on %s: %s", listener->host, gai_strerror(code));
    }
    bool fine = bind_listen(listener, list->ai_addr, list->ai_addrlen, err);
    freeaddrinfo(list);
    if (!fine) {
        return false;
    }
    listener->watch =
        loop_watch_create(listener->sim->loop, listener->fd, on_acceptable, listener, err);
    if (listener->watch == NULL) {
        close(listener->fd);
        listener->fd = -1;
        return false;
    }
    loop_watch_set(listener->watch, LOOP_READ);
    return true;
}

void sim_listener_close(struct sim_listener *listener) {
    if (listener->fd >= 0) {
        loop_watch_destroy(listener->watch);
        close(listener->fd);
        listener->fd = -1;
        listener->watch = NULL;
    }
}

static void format_url(const struct sim_listener *listener, const char *scheme, char *out,
                       size_t size) {
    bool six = strchr(listener->host, ':') != NULL;
    snprintf(out, size, "%s://%s%s%s:%u", scheme, six ? "[" : "", listener->host, six ? "]" : "",
             listener->port);
}

void sim_gateway_url(const struct sim *sim, bool tls, bool resume, char *out, size_t size) {
    enum sim_listener_kind kind = resume ? SIM_LISTEN_RESUME
                                  : tls  ? SIM_LISTEN_TLS
                                         : SIM_LISTEN_MAIN;
    format_url(&sim->listeners[kind], tls ? "wss" : "ws", out, size);
}

void sim_pump_all(struct sim *sim) {
    for (struct sim_conn *at = sim->conns; at != NULL; at = at->next) {
        if (at->session != NULL) {
            sim_pump_flush(at);
        }
    }
}

static void stream_guilds(struct sim *sim) {
    for (struct sim_conn *at = sim->conns; at != NULL; at = at->next) {
        /* A slow reader gets them as it reads. */
        if (at->session != NULL && at->session->guilds_streamed < sim->world->guild_count &&
            sim_wire_pending(at->wire) < SIM_WIRE_HIGH / 2) {
            sim_stream_guilds(sim, at->bot, at->session, 16);
        }
    }
}

/* Answers that were to come late. */
static void release_held(struct sim *sim, uint64_t now_ms) {
    for (struct sim_conn *at = sim->conns; at != NULL; at = at->next) {
        if (at->wire != NULL && at->held_until_ms != 0 && now_ms >= at->held_until_ms) {
            buf_append(sim_wire_output(at->wire), at->held.bytes, at->held.length);
            buf_finish(&at->held);
            sim_conn_unpark(at);
        }
    }
}

static void on_tick(void *arg) {
    struct sim *sim = arg;
    uint64_t now_ms = loop_now_ms(sim->loop);
    sim_fault_tick(sim, now_ms);
    for (struct sim_conn *at = sim->conns; at != NULL; at = at->next) {
        if (at->wire != NULL) {
            sim_gateway_tick(at, now_ms);
        }
    }
    release_held(sim, now_ms);
    sim_interactions_tick(sim, now_ms);
    stream_guilds(sim);
    sim_make_traffic(sim, now_ms);
    sim_feed_faults(sim);
    sim_pump_all(sim);
    for (struct sim_conn *at = sim->conns; at != NULL; at = at->next) {
        if (at->wire != NULL && sim_wire_pending(at->wire) > 0) {
            sim_wire_flush(at->wire);
        }
    }
    sim_conns_sweep(sim);
    sim_bots_sweep(sim, now_ms);
    sim_transcript_flush(sim->transcript);
    loop_timer_start(sim->tick, sim->options.rate > 50 ? TICK_MS : IDLE_TICK_MS);
}

static bool open_tls(struct sim *sim, struct err *err) {
    if (sim->options.tls_listen == NULL) {
        return true;
    }
    if (sim->options.tls_dir != NULL) {
        snprintf(sim->tls_dir, sizeof(sim->tls_dir), "%s", sim->options.tls_dir);
    } else {
        const char *temporary = getenv("TMPDIR");
        snprintf(sim->tls_dir, sizeof(sim->tls_dir), "%s/drey-sim-XXXXXX",
                 temporary != NULL ? temporary : "/tmp");
        if (mkdtemp(sim->tls_dir) == NULL) {
            return err_system(err, "%s", sim->tls_dir);
        }
    }
    sim->tls = sim_tls_open(sim->tls_dir, err);
    return sim->tls != NULL;
}

static bool open_listeners(struct sim *sim, struct err *err) {
    const char *addresses[SIM_LISTENERS] = {sim->options.listen, sim->options.tls_listen,
                                            sim->options.resume_listen};
    for (unsigned i = 0; i < SIM_LISTENERS; i++) {
        struct sim_listener *listener = &sim->listeners[i];
        if (addresses[i] != NULL && (!sim_host_port(addresses[i], listener->host,
                                                    sizeof(listener->host), &listener->port, err) ||
                                     !sim_listener_open(listener, err))) {
            return false;
        }
    }
    return true;
}

struct sim *sim_server_create(const struct sim_options *options, struct err *err) {
    struct sim *sim = calloc(1, sizeof(*sim));
    if (sim == NULL) {
        err_set(err, ERR_NO_MEMORY, "simulator: no memory");
        return NULL;
    }
    sim->options = *options;
    for (unsigned i = 0; i < SIM_LISTENERS; i++) {
        sim->listeners[i] =
            (struct sim_listener){.sim = sim, .kind = (enum sim_listener_kind)i, .fd = -1};
    }
    sim->loop = loop_create(err);
    if (sim->loop == NULL) {
        free(sim);
        return NULL;
    }
    sim->started_ms = loop_now_ms(sim->loop);
    sim->last_tick_ms = sim->started_ms;
    sim->run = clock_random();
    sim->tick = loop_timer_create(sim->loop, on_tick, sim);
    sim->transcript = sim_transcript_open(options->transcript, err);
    sim->world = sim->transcript == NULL
                     ? NULL
                     : sim_world_create(options->seed, (uint32_t)options->guilds,
                                        (uint32_t)options->members, err);
    sim->store = sim_store_create();
    sim_rates_init(&sim->rates, options->seed, options->time_scale,
                   (uint32_t)options->global_limit);
    sim->rates.off = options->no_limits;
    if (sim->tick == NULL || sim->world == NULL || sim->store == NULL || !open_tls(sim, err) ||
        !open_listeners(sim, err)) {
        sim_server_destroy(sim);
        return NULL;
    }
    return sim;
}

void sim_server_stop(struct sim *sim) {
    loop_stop(sim->loop);
}

static void on_signal(void *arg, int number) {
    sim_server_stop(arg);
}

bool sim_server_run(struct sim *sim, struct err *err) {
    struct loop_signal *interrupt = loop_signal_create(sim->loop, SIGINT, on_signal, sim, err);
    struct loop_signal *terminate =
        interrupt == NULL ? NULL : loop_signal_create(sim->loop, SIGTERM, on_signal, sim, err);
    if (terminate != NULL) {
        signal(SIGPIPE, SIG_IGN); /* OpenSSL writes with write(2) */
        loop_timer_start(sim->tick, TICK_MS);
        loop_run(sim->loop);
    }
    bool fine = terminate != NULL;
    if (interrupt != NULL) {
        loop_signal_destroy(interrupt);
    }
    if (terminate != NULL) {
        loop_signal_destroy(terminate);
    }
    return fine;
}

static void remove_tls_dir(struct sim *sim) {
    static const char *const names[] = {"ca.pem", "server.pem", "server.key"};
    char path[512];
    if (sim->options.tls_dir != NULL || sim->tls_dir[0] == '\0') {
        return;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", sim->tls_dir, names[i]);
        unlink(path);
    }
    rmdir(sim->tls_dir);
}

void sim_server_destroy(struct sim *sim) {
    if (sim == NULL) {
        return;
    }
    for (unsigned i = 0; i < SIM_LISTENERS; i++) {
        sim_listener_close(&sim->listeners[i]);
    }
    sim_feed_end_all(sim, "the simulator ends");
    for (struct sim_conn *at = sim->conns; at != NULL; at = at->next) {
        sim_conn_close(at, 1012, "the simulator ends");
        sim_conn_end(at, false);
    }
    sim_conns_sweep(sim);
    sim_interactions_destroy(sim);
    sim_bots_destroy(sim);
    sim_fault_list_clear(&sim->faults);
    sim_counts_free(&sim->stats.routes);
    sim_counts_free(&sim->stats.unimplemented);
    sim_counts_free(&sim->stats.answers);
    sim_counts_free(&sim->stats.refusals);
    sim_denials_forget(sim, 0);
    sim_rates_finish(&sim->rates);
    sim_store_destroy(sim->store);
    sim_news_finish(&sim->news);
    sim_world_destroy(sim->world);
    sim_transcript_close(sim->transcript);
    buf_finish(&sim->scratch);
    buf_finish(&sim->squeezed);
    buf_finish(&sim->feed_faults);
    loop_timer_destroy(sim->tick);
    loop_destroy(sim->loop);
    SSL_CTX_free(sim->tls);
    remove_tls_dir(sim);
    free(sim);
}

static void addresses_json(const struct sim *sim, struct buf *out) {
    char url[128];
    format_url(&sim->listeners[SIM_LISTEN_MAIN], "http", url, sizeof(url));
    buf_printf(out, "{\"rest\":\"%s/api/v10\",\"control\":\"%s/sim\"", url, url);
    if (sim->options.web) {
        buf_printf(out, ",\"web\":\"%s/\"", url);
    }
    sim_gateway_url(sim, false, false, url, sizeof(url));
    buf_printf(out, ",\"gateway\":\"%s\"", url);
    sim_gateway_url(sim, false, true, url, sizeof(url));
    buf_printf(out, ",\"resume\":\"%s\"", url);
    if (sim->tls != NULL) {
        format_url(&sim->listeners[SIM_LISTEN_TLS], "https", url, sizeof(url));
        buf_printf(out, ",\"tls_rest\":\"%s/api/v10\"", url);
        sim_gateway_url(sim, true, false, url, sizeof(url));
        buf_printf(out, ",\"tls_gateway\":\"%s\",\"ca\":\"%s/ca.pem\"", url, sim->tls_dir);
    }
    buf_printf(out, ",\"seed\":%" PRIu64 ",\"pid\":%d}\n", sim->options.seed, (int)getpid());
}

bool sim_server_addresses(const struct sim *sim, bool json, struct buf *out) {
    char rest[128];
    char gateway[128];
    if (json) {
        addresses_json(sim, out);
        return out->bytes != NULL;
    }
    format_url(&sim->listeners[SIM_LISTEN_MAIN], "http", rest, sizeof(rest));
    sim_gateway_url(sim, false, false, gateway, sizeof(gateway));
    bool fine = buf_printf(out, "sim: %s/api/v10  %s/  %s  seed %" PRIu64 "\n", rest, gateway,
                           sim->options.token_count == 0 ? "any token accepted" : "given tokens",
                           sim->options.seed);
    if (sim->options.web) {
        fine = fine && buf_printf(out, "web: %s/\n", rest);
    }
    if (sim->tls != NULL) {
        format_url(&sim->listeners[SIM_LISTEN_TLS], "https", rest, sizeof(rest));
        sim_gateway_url(sim, true, false, gateway, sizeof(gateway));
        fine = fine &&
               buf_printf(out, "sim: %s/api/v10  %s/  CA %s/ca.pem\n", rest, gateway, sim->tls_dir);
    }
    return fine;
}
