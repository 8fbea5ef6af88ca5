/* sim/conn.c: one connection from accept to end: HTTP first, then perhaps a gateway. */
#include "sim/state.h"

#include "base/clock.h"
#include "sim/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long the client may take to end TCP after a close frame. */
#define CLOSE_WAIT_MS 5000

/* What a client may send behind a request whose answer takes its time. */
enum { PIPELINE_MOST = 1 << 20 };

static void on_input(void *arg);
static void on_drained(void *arg);
static void on_ended(void *arg);

static const struct sim_wire_events wire_events = {
    .input = on_input, .drained = on_drained, .ended = on_ended};

void sim_breach(struct sim *sim, enum sim_breach breach) {
    sim->stats.breaches[breach]++;
}

const struct sim_fault *sim_conn_fault(struct sim_conn *conn, enum sim_fault_verb verb, bool use) {
    struct sim *sim = conn->sim;
    return sim->faults.count == 0
               ? NULL
               : sim_fault_holds(&sim->faults, verb, conn->shard, loop_now_ms(sim->loop), use);
}

void sim_conn_note(struct sim_conn *conn, char way, const char *what, uint64_t seq, size_t bytes,
                   const char *text) {
    struct sim_entry entry = {.conn = conn->number,
                              .bot = conn->bot != NULL ? conn->bot->number : 0,
                              .shard = conn->shard,
                              .seq = seq,
                              .bytes = (uint32_t)bytes,
                              .way = way,
                              .what = what};
    snprintf(entry.note, sizeof(entry.note), "%s", text);
    sim_transcript_add(conn->sim->transcript, &entry);
}

static void note(struct sim_conn *conn, char way, const char *what, const char *text) {
    sim_conn_note(conn, way, what, 0, 0, text);
}

void sim_conn_accept(struct sim_listener *listener, int fd) {
    struct sim *sim = listener->sim;
    static const enum sim_wire_tls modes[SIM_LISTENERS] = {SIM_WIRE_PLAIN, SIM_WIRE_TLS,
                                                           SIM_WIRE_SNIFF};
    struct sim_conn *conn = calloc(1, sizeof(*conn));
    enum sim_wire_tls mode = sim->tls == NULL ? SIM_WIRE_PLAIN : modes[listener->kind];
    if (conn == NULL) {
        close(fd);
        return;
    }
    conn->sim = sim;
    conn->shard = -1;
    conn->number = ++sim->next_conn;
    conn->via = listener->kind;
    conn->http = sim_http_create();
    conn->wire = sim_wire_create(sim->loop, fd, mode, sim->tls, &wire_events, conn, NULL);
    if (conn->wire == NULL || conn->http == NULL) {
        sim_wire_destroy(conn->wire, true);
        sim_http_destroy(conn->http);
        free(conn);
        return;
    }
    sim->stats.connections++;
    conn->next = sim->conns;
    sim->conns = conn;
}

void sim_conn_end(struct sim_conn *conn, bool reset) {
    if (conn->wire == NULL) {
        return;
    }
    if (conn->phase != SIM_PHASE_HTTP && conn->watch == SIM_WATCH_NOT) {
        note(conn, '*', reset ? "reset" : "end", "");
    }
    sim_feed_leave(conn);
    sim_gateway_detach(conn, 0);
    sim_wire_destroy(conn->wire, reset);
    conn->wire = NULL;
}

void sim_conn_close(struct sim_conn *conn, uint16_t code, const char *reason) {
    if (conn->wire == NULL || conn->phase != SIM_PHASE_GATEWAY) {
        return;
    }
    char text[SIM_TRANSCRIPT_NOTE];
    snprintf(text, sizeof(text), "%u %s", code, reason);
    note(conn, '>', "CLOSE", text);
    if (code >= 4000 && code < 4000 + SIM_CODES) {
        conn->sim->stats.server_closes[code - 4000]++;
    }
    sim_emit_joined(conn);
    sim_ws_close_frame(sim_wire_output(conn->wire), code, reason);
    sim_gateway_detach(conn, 0);
    conn->phase = SIM_PHASE_CLOSING;
    conn->end_ms = loop_now_ms(conn->sim->loop) + CLOSE_WAIT_MS;
    sim_wire_flush(conn->wire);
}

void sim_conns_sweep(struct sim *sim) {
    struct sim_conn **at = &sim->conns;
    while (*at != NULL) {
        struct sim_conn *conn = *at;
        if (conn->wire != NULL) {
            at = &conn->next;
            continue;
        }
        *at = conn->next;
        sim_http_destroy(conn->http);
        sim_ws_finish(&conn->ws);
        sim_squeeze_destroy(conn->squeeze);
        buf_finish(&conn->joined);
        buf_finish(&conn->held);
        free(conn);
    }
}

struct sim_conn *sim_conn_numbered(struct sim *sim, uint64_t number) {
    for (struct sim_conn *at = sim->conns; at != NULL; at = at->next) {
        if (at->number == number && at->wire != NULL) {
            return at;
        }
    }
    return NULL;
}

static void on_drained(void *arg) {
    struct sim_conn *conn = arg;
    sim_pump_flush(conn);
}

static void on_ended(void *arg) {
    struct sim_conn *conn = arg;
    if (conn->phase == SIM_PHASE_GATEWAY) {
        conn->sim->stats.client_ends++;
        note(conn, '<', "end", "TCP ended without a close frame");
    } else if (conn->gateway) {
        note(conn, '<', "end", "after a close frame");
    }
    sim_feed_leave(conn);
    sim_gateway_detach(conn, 0);
    sim_wire_destroy(conn->wire, false);
    conn->wire = NULL;
}

static void count_client_close(struct sim *sim, uint16_t code) {
    if (code == 1000) {
        sim->stats.client_close_1000++;
    } else if (code == 1001) {
        sim->stats.client_close_1001++;
    } else if (code >= 4000 && code < 4000 + SIM_CODES) {
        sim->stats.client_closes[code - 4000]++;
    } else {
        sim->stats.client_close_other++;
    }
}

/* The client's close frame: the answer to ours, or its own, which is echoed. */
static void take_close(struct sim_conn *conn, const struct sim_ws_item *item) {
    char text[SIM_TRANSCRIPT_NOTE];
    if (conn->phase == SIM_PHASE_CLOSING) {
        sim_conn_end(conn, false);
        return;
    }
    count_client_close(conn->sim, item->code);
    snprintf(text, sizeof(text), "%u %.*s", item->code,
             (int)(item->length < 80 ? item->length : 80), item->bytes);
    note(conn, '<', "CLOSE", text);
    bool answer = sim_conn_fault(conn, SIM_FAULT_NOCLOSE, true) == NULL;
    if (sim_conn_fault(conn, SIM_FAULT_LINGER, true) != NULL) {
        return;
    }
    const struct sim_fault *babble = sim_conn_fault(conn, SIM_FAULT_BABBLE, true);
    if (babble != NULL) { /* it was under way when the close frame came */
        note(conn, '>', "SEND", babble->text);
        sim_emit_text(conn, babble->text);
    }
    sim_gateway_detach(conn, item->code);
    conn->phase = SIM_PHASE_CLOSING;
    conn->end_ms = loop_now_ms(conn->sim->loop) + (answer ? CLOSE_WAIT_MS : 600000);
    if (answer) {
        sim_ws_close_frame(sim_wire_output(conn->wire), item->code, "");
        sim_wire_shut(conn->wire); /* the server ends first, so that the client need not wait */
    }
}

/* Who looks at the feed has nothing to say; a ping is answered, a close frame too. */
static void watch_item(struct sim_conn *conn, enum sim_ws_result result,
                       const struct sim_ws_item *item) {
    struct buf *out = sim_wire_output(conn->wire);
    if (result == SIM_WS_GOT_PING) {
        sim_ws_frame(out, 0x80 | SIM_WS_PONG, item->bytes, item->length);
    } else if (result == SIM_WS_GOT_CLOSE || result == SIM_WS_BROKEN) {
        sim_feed_leave(conn);
        sim_ws_close_frame(out, item->code, "");
        sim_wire_flush(conn->wire);
        sim_conn_end(conn, false);
    }
}

static void gateway_item(struct sim_conn *conn, enum sim_ws_result result,
                         const struct sim_ws_item *item) {
    bool closing = conn->phase == SIM_PHASE_CLOSING;
    switch (result) {
    case SIM_WS_GOT_MESSAGE:
        if (!closing) {
            sim_gateway_input(conn, item->bytes, item->length, item->binary);
        }
        break;
    case SIM_WS_GOT_PING:
        if (!closing) {
            sim_ws_frame(sim_wire_output(conn->wire), 0x80 | SIM_WS_PONG, item->bytes,
                         item->length);
        }
        break;
    case SIM_WS_GOT_CLOSE:
        take_close(conn, item);
        break;
    case SIM_WS_BROKEN:
        sim_breach(conn->sim, SIM_BREACH_bad_frame);
        sim_conn_close(conn, item->code, item->reason);
        if (conn->wire != NULL) {
            sim_conn_end(conn, false);
        }
        break;
    case SIM_WS_NEED_MORE:
    case SIM_WS_SKIP:
        break;
    }
}

static void gateway_bytes(struct sim_conn *conn) {
    while (conn->wire != NULL) {
        struct buf *input = sim_wire_input(conn->wire);
        struct sim_ws_item item;
        size_t used;
        enum sim_ws_result result =
            sim_ws_step(&conn->ws, input->bytes, input->length, &used, &item);
        if (result == SIM_WS_NEED_MORE) {
            break;
        }
        if (conn->watch == SIM_WATCH_NOT) {
            gateway_item(conn, result, &item);
        } else {
            watch_item(conn, result, &item);
        }
        if (conn->wire != NULL) {
            buf_consume(input, used); /* after the item, which lies in it */
        }
    }
    if (conn->wire != NULL) {
        sim_wire_flush(conn->wire);
    }
}

/* The client wants no more than the answer that was written. */
static void end_http(struct sim_conn *conn) {
    conn->phase = SIM_PHASE_CLOSING;
    conn->end_ms = loop_now_ms(conn->sim->loop) + CLOSE_WAIT_MS;
    sim_wire_shut(conn->wire);
}

/* True: the request may not use the control endpoint, and has been told so. */
static bool guarded(struct sim_conn *conn, const struct sim_request *request) {
    const struct sim_guard guard = {.host = request->host,
                                    .origin = request->origin,
                                    .site = request->fetch_site,
                                    .listen = conn->sim->listeners[conn->via].host,
                                    .tls = sim_wire_is_tls(conn->wire)};
    const char *why = sim_guard_refuses(&guard);
    if (why != NULL) {
        char json[256];
        snprintf(json, sizeof(json), "{\"error\":\"%s\"}", why);
        sim_answer(conn, 403, json);
    }
    return why != NULL;
}

static void take_request(struct sim_conn *conn, const struct sim_request *request) {
    bool control = strncmp(request->path, "/sim", 4) == 0;
    if (control && guarded(conn, request)) {
        conn->last_request = true; /* an upgrade may follow with frames */
        end_http(conn);
        return;
    }
    if (request->upgrade && strcmp(request->path, "/sim/live") == 0) {
        sim_feed_socket(conn, request);
        return;
    }
    if (request->upgrade) {
        sim_gateway_start(conn, request);
        return;
    }
    if (control) {
        sim_control_answer(conn, request);
    } else if (strncmp(request->path, "/attachments/", 13) == 0) {
        sim_file_answer(conn, request);
    } else if (!sim_web_answer(conn, request)) {
        sim_rest_answer(conn, request);
    }
    conn->last_request = !request->keep_alive;
    if (conn->wire != NULL && conn->last_request && !conn->parked) {
        end_http(conn);
    }
}

static void refuse_request(struct sim_conn *conn, enum sim_http_result result) {
    if (result == SIM_HTTP_TOO_LARGE) {
        sim_answer(conn, 413, "{\"message\":\"Request entity too large\",\"code\":40005}");
    } else {
        sim_answer(conn, 400, "{\"message\":\"400: Bad Request\",\"code\":0}");
    }
    sim_wire_flush(conn->wire);
    sim_conn_end(conn, false);
}

static void http_bytes(struct sim_conn *conn) {
    while (conn->wire != NULL && conn->phase == SIM_PHASE_HTTP && !conn->parked) {
        struct buf *input = sim_wire_input(conn->wire);
        struct sim_request request;
        size_t used;
        if (input->length == 0) {
            break;
        }
        enum sim_http_result result =
            sim_http_read(conn->http, input->bytes, input->length, &used, &request);
        buf_consume(input, used);
        if (result == SIM_HTTP_BAD || result == SIM_HTTP_TOO_LARGE) {
            refuse_request(conn, result);
            return;
        }
        if (sim_http_wants_continue(conn->http) && result == SIM_HTTP_NEED_MORE) {
            buf_text(sim_wire_output(conn->wire), "HTTP/1.1 100 Continue\r\n\r\n");
        }
        if (result == SIM_HTTP_REQUEST) {
            take_request(conn, &request);
        }
    }
    if (conn->wire != NULL) {
        sim_wire_flush(conn->wire);
    }
    if (conn->phase != SIM_PHASE_HTTP) {
        sim_http_destroy(conn->http); /* an idle gateway connection keeps no request */
        conn->http = NULL;
    }
}

void sim_conn_unpark(struct sim_conn *conn) {
    conn->parked = false;
    conn->held_until_ms = 0;
    if (conn->last_request) {
        end_http(conn);
    }
    http_bytes(conn);
}

static void on_input(void *arg) {
    struct sim_conn *conn = arg;
    if (conn->phase == SIM_PHASE_HTTP) {
        http_bytes(conn);
    }
    if (conn->wire != NULL && conn->parked && sim_wire_input(conn->wire)->length > PIPELINE_MOST) {
        sim_conn_end(conn, true);
    }
    if (conn->wire != NULL && conn->phase != SIM_PHASE_HTTP && conn->http == NULL) {
        gateway_bytes(conn);
    }
}
