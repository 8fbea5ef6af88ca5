/* sim/gateway.c: one gateway connection: HELLO, heartbeats, payloads, deadlines. */
#include "sim/state.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SEND_SPAN_MS     60000
#define LATE_PART        20   /* a beat is late beyond this part of its interval */
#define RECONNECT_END_MS 5000 /* after op 7 the server ends the connection by itself */

void sim_gateway_op(struct sim_conn *conn, int op, const char *d, const char *what) {
    char text[128];
    snprintf(text, sizeof(text), "{\"t\":null,\"s\":null,\"op\":%d,\"d\":%s}", op, d);
    sim_conn_note(conn, '>', what, 0, strlen(text), d);
    sim_emit_text(conn, text);
}

void sim_gateway_hello(struct sim_conn *conn, uint64_t interval_ms) {
    char d[96];
    snprintf(d, sizeof(d), "{\"heartbeat_interval\":%" PRIu64 ",\"_trace\":[\"drey-sim\"]}",
             interval_ms);
    sim_duty_interval(&conn->duty, interval_ms, loop_now_ms(conn->sim->loop));
    sim_gateway_op(conn, 10, d, "HELLO");
}

void sim_gateway_turn(struct sim_conn *conn) {
    conn->end_ms = loop_now_ms(conn->sim->loop) + RECONNECT_END_MS;
    sim_gateway_op(conn, 7, "null", "RECONNECT");
}

void sim_gateway_op9(struct sim_conn *conn, bool resumable) {
    conn->duty.identified = false; /* it may try again on the same socket */
    sim_gateway_op(conn, 9, resumable ? "true" : "false", "INVALID_SESSION");
}

static void refuse_upgrade(struct sim_conn *conn, int status, const char *json) {
    sim_http_respond(sim_wire_output(conn->wire), status, "Connection: close\r\n", NULL, json,
                     strlen(json));
    sim_wire_flush(conn->wire);
    sim_conn_end(conn, false);
}

static const char *host_name(const struct sim_conn *conn) {
    return conn->via == SIM_LISTEN_RESUME ? "resume" : "main";
}

static void note_connect(struct sim_conn *conn, const char *query) {
    char text[SIM_TRANSCRIPT_NOTE];
    snprintf(text, sizeof(text), "%s ?%s", host_name(conn), query);
    sim_conn_note(conn, '<', "connect", 0, 0, text);
}

/* Faults of the hosts come before any gateway talk. True: the connection is done with. */
static bool host_fault(struct sim_conn *conn) {
    bool resume = conn->via == SIM_LISTEN_RESUME;
    if (!resume && sim_conn_fault(conn, SIM_FAULT_REFUSE_MAIN, true) != NULL) {
        sim_conn_note(conn, '>', "refused", 0, 0, "main reset");
        sim_conn_end(conn, true);
        return true;
    }
    if (sim_conn_fault(conn, resume ? SIM_FAULT_BUSY_RESUME : SIM_FAULT_BUSY_MAIN, true) != NULL) {
        sim_conn_note(conn, '>', "refused", 0, 0, resume ? "resume 503" : "main 503");
        refuse_upgrade(conn, 503, "{\"message\":\"503: Service Unavailable\",\"code\":0}");
        return true;
    }
    return false;
}

static void greet(struct sim_conn *conn) {
    const struct sim_fault *interval = sim_conn_fault(conn, SIM_FAULT_INTERVAL, true);
    uint64_t ms = interval != NULL
                      ? interval->number
                      : conn->sim->options.heartbeat_ms / conn->sim->options.time_scale;
    if (sim_conn_fault(conn, SIM_FAULT_NOHELLO, true) != NULL) {
        conn->duty.beat_due_ms = 0; /* no HELLO, no duty to beat */
        return;
    }
    if (sim_conn_fault(conn, SIM_FAULT_EARLY_RECONNECT, true) != NULL) {
        conn->duty.beat_due_ms = 0;
        sim_gateway_turn(conn);
        return;
    }
    if (sim_conn_fault(conn, SIM_FAULT_EARLY_INVALID, true) != NULL) {
        conn->duty.beat_due_ms = 0;
        sim_gateway_op9(conn, false);
        return;
    }
    sim_gateway_hello(conn, ms);
}

void sim_gateway_start(struct sim_conn *conn, const struct sim_request *request) {
    struct sim *sim = conn->sim;
    uint16_t code = 0;
    const char *reason = "";
    if (host_fault(conn)) {
        return;
    }
    if (strcmp(request->path, "/") != 0 && request->path[0] != '\0') {
        refuse_upgrade(conn, 404, "{\"message\":\"404: Not Found\",\"code\":0}");
        return;
    }
    bool fine = sim_dialect_parse(request->query, &conn->dialect, &code, &reason);
    if (!fine && code == 400) {
        refuse_upgrade(conn, 400,
                       "{\"message\":\"the query asks for v, encoding=json and compress="
                       "zlib-stream or zstd-stream\",\"code\":0}");
        return;
    }
    sim_http_switch(sim_wire_output(conn->wire), request->websocket_key);
    conn->phase = SIM_PHASE_GATEWAY;
    conn->gateway = true;
    sim->gateway_conns++;
    sim->stats.upgrades++;
    note_connect(conn, request->query);
    if (!fine) {
        sim_conn_close(conn, code, reason);
        return;
    }
    if (conn->dialect.compress != SIM_PLAIN) {
        conn->squeeze = sim_squeeze_create(conn->dialect.compress);
        if (conn->squeeze == NULL) {
            sim_conn_end(conn, true);
            return;
        }
    }
    sim_duty_start(&conn->duty, sim->options.heartbeat_ms / sim->options.time_scale,
                   SEND_SPAN_MS / sim->options.time_scale, loop_now_ms(sim->loop));
    greet(conn);
}

void sim_gateway_detach(struct sim_conn *conn, uint16_t client_code) {
    if (conn->phase == SIM_PHASE_GATEWAY) {
        conn->sim->gateway_conns--;
        conn->phase = SIM_PHASE_CLOSING;
    }
    struct sim_session *session = conn->session;
    if (session == NULL) {
        return;
    }
    conn->session = NULL;
    session->connection = NULL;
    session->detached_ms = loop_now_ms(conn->sim->loop);
    sim_feed_bot(conn->sim, conn->bot);
    if (client_code == 1000 || client_code == 1001) {
        /* The client says good-bye: its session ends, the bot goes offline. */
        sim_bot_drop_session(conn->sim, conn->bot, session);
    }
}

static void take_beat(struct sim_conn *conn, const struct sim_order *order) {
    const struct sim_fault *slow = sim_conn_fault(conn, SIM_FAULT_SLOWACK, true);
    struct sim_stats *stats = &conn->sim->stats;
    stats->heartbeats++;
    stats->late_beats += order->late_ms * LATE_PART > conn->duty.interval_ms ? 1 : 0;
    stats->latest_beat_ms =
        order->late_ms > stats->latest_beat_ms ? order->late_ms : stats->latest_beat_ms;
    if (conn->stats != NULL) {
        conn->stats->heartbeats++;
    }
    if (conn->session != NULL && !order->seq_null && order->seq > conn->session->last_seq) {
        sim_breach(conn->sim, SIM_BREACH_beat_seq_ahead);
    }
    if (sim_conn_fault(conn, SIM_FAULT_NOACK, true) != NULL) {
        return;
    }
    if (slow != NULL && conn->ack_count < sizeof(conn->ack_due) / sizeof(conn->ack_due[0])) {
        conn->ack_due[conn->ack_count++] = loop_now_ms(conn->sim->loop) + slow->number;
        return;
    }
    if (conn->stats != NULL) {
        conn->stats->acks++;
    }
    sim_gateway_op(conn, 11, "null", "ACK");
}

static const char *order_name(int op) {
    static const struct {
        int op;
        const char *name;
    } names[] = {{1, "HEARTBEAT"},
                 {2, "IDENTIFY"},
                 {3, "PRESENCE"},
                 {4, "VOICE_STATE"},
                 {6, "RESUME"},
                 {8, "REQUEST_GUILD_MEMBERS"},
                 {31, "REQUEST_SOUNDBOARD_SOUNDS"},
                 {43, "REQUEST_CHANNEL_INFO"}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i].op == op) {
            return names[i].name;
        }
    }
    return "UNKNOWN";
}

static void note_order(struct sim_conn *conn, const struct sim_order *order, size_t length) {
    char text[SIM_TRANSCRIPT_NOTE] = "";
    if (order->kind == SIM_ORDER_IDENTIFY) {
        snprintf(text, sizeof(text), "shard [%u,%u] intents %" PRIu64 "%s", order->shard,
                 order->shard_count, order->intents, order->compress ? " compress" : "");
    } else if (order->kind == SIM_ORDER_RESUME) {
        snprintf(text, sizeof(text), "session %.8s...", order->session_id);
    } else if (order->kind == SIM_ORDER_BEAT && order->seq_null) {
        snprintf(text, sizeof(text), "null");
    } else if (order->kind == SIM_ORDER_CLOSE) {
        snprintf(text, sizeof(text), "refused: %s", order->reason);
    }
    sim_conn_note(conn, '<', order_name(order->op), order->seq, length, text);
}

static void obey(struct sim_conn *conn, const struct sim_order *order) {
    switch (order->kind) {
    case SIM_ORDER_CLOSE:
        sim_breach(conn->sim, SIM_BREACH_bad_payload);
        sim_conn_close(conn, order->code, order->reason);
        break;
    case SIM_ORDER_BEAT:
        take_beat(conn, order);
        break;
    case SIM_ORDER_IDENTIFY:
        sim_take_identify(conn, order);
        break;
    case SIM_ORDER_RESUME:
        sim_take_resume(conn, order);
        break;
    case SIM_ORDER_PRESENCE:
        conn->sim->stats.presences++;
        break;
    case SIM_ORDER_VOICE:
    case SIM_ORDER_MEMBERS:
    case SIM_ORDER_SOUNDS:
    case SIM_ORDER_CHANNEL_INFO:
        if (conn->session != NULL && sim_conn_fault(conn, SIM_FAULT_DEAF, true) == NULL) {
            sim_ask(conn, order);
        }
        break;
    }
}

void sim_gateway_input(struct sim_conn *conn, const char *text, size_t length, bool binary) {
    struct sim_order order;
    if (sim_conn_fault(conn, SIM_FAULT_SILENCE, false) != NULL) {
        return;
    }
    sim_duty_take(&conn->duty, text, length, binary, loop_now_ms(conn->sim->loop), &order);
    note_order(conn, &order, length);
    obey(conn, &order);
    cJSON_Delete(order.root);
}

static void late_acks(struct sim_conn *conn, uint64_t now_ms) {
    while (conn->ack_count > 0 && now_ms >= conn->ack_due[0]) {
        conn->ack_count--;
        memmove(conn->ack_due, conn->ack_due + 1, conn->ack_count * sizeof(conn->ack_due[0]));
        if (conn->stats != NULL) {
            conn->stats->acks++;
        }
        sim_gateway_op(conn, 11, "null", "ACK");
    }
}

void sim_gateway_tick(struct sim_conn *conn, uint64_t now_ms) {
    if (conn->end_ms != 0 && now_ms >= conn->end_ms) {
        sim_conn_end(conn, false);
        return;
    }
    if (conn->phase != SIM_PHASE_GATEWAY) {
        return;
    }
    bool freeze = sim_conn_fault(conn, SIM_FAULT_FREEZE, false) != NULL;
    if (freeze != conn->frozen) {
        conn->frozen = freeze;
        sim_wire_freeze(conn->wire, freeze);
    }
    if (freeze || sim_conn_fault(conn, SIM_FAULT_SILENCE, false) != NULL) {
        return;
    }
    if (sim_duty_late(&conn->duty, now_ms)) {
        sim_breach(conn->sim, SIM_BREACH_late_heartbeat);
        sim_conn_close(conn, 4009, "session timed out: no heartbeat");
        return;
    }
    if (conn->ack_count > 0) {
        late_acks(conn, now_ms);
    }
    if (conn->joined_count > 0) {
        sim_emit_joined(conn);
    }
}
