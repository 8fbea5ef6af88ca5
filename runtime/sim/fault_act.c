/* sim/fault_act.c: carries faults out. What lasts is only remembered here; the places it changes
 * ask for it. */
#include "sim/state.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void send_frame(struct sim_conn *conn, const char *kind) {
    struct buf *out = sim_wire_output(conn->wire);
    static const struct {
        const char *kind;
        size_t length;
        const char *bytes;
    } frames[] = {
        /* masked: FIN text, mask bit, key 0, "{}" */
        {"masked", 8, "\x81\x82\x00\x00\x00\x00{}"},
        {"reserved", 4, "\xc1\x02{}"},
        {"opcode", 4, "\x83\x02{}"},
        {"utf8", 5, "\x81\x03\xc3\x28\xff"},
        {"fragment", 3, "\x09\x01x"},  /* a ping without FIN */
        {"continue", 4, "\x80\x02{}"}, /* continues nothing */
        {"length", 12, "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff{}"},
        {"empty", 2, "\x81\x00"},
        {"short", 3, "\x82\x01\x00"},
        {"text", 4, "\x81\x02{}"},
        {"binary", 4, "\x82\x02{}"},
        {"close1", 3, "\x88\x01\x03"},
    };
    if (strcmp(kind, "control") == 0) { /* a ping of 126 bytes */
        char body[126] = {0};
        sim_ws_frame(out, 0x80 | SIM_WS_PING, body, sizeof(body));
        return;
    }
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        if (strcmp(frames[i].kind, kind) == 0) {
            buf_append(out, frames[i].bytes, frames[i].length);
            return;
        }
    }
}

static bool frame_kind_known(const char *kind) {
    /* The table's help names them all. */
    const char *help = strchr(sim_fault_help(SIM_FAULT_FRAME), ':');
    size_t length = strlen(kind);
    for (const char *at = help; at != NULL; at = strchr(at + 1, ' ')) {
        const char *word = at + strspn(at, ": ");
        if (strncmp(word, kind, length) == 0 && (word[length] == ' ' || word[length] == '\0')) {
            return true;
        }
    }
    return false;
}

static int hex_digit(char c) {
    const char *digits = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c | 0x20);
    return at == NULL ? -1 : (int)(at - digits);
}

static void send_raw(struct sim_conn *conn, const char *hex) {
    struct buf *out = sim_wire_output(conn->wire);
    while (hex_digit(hex[0]) >= 0 && hex_digit(hex[1]) >= 0) {
        char byte = (char)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
        buf_append(out, &byte, 1);
        hex += 2;
        hex += strspn(hex, " ");
    }
}

static void repeat(struct sim_conn *conn, uint64_t count) {
    uint64_t next = conn->next_seq;
    uint64_t back = count < next - 1 ? count : next - 1;
    if (conn->session == NULL) {
        return;
    }
    while (back > 0 && sim_session_at(conn->session, next - back) == NULL) {
        back--;
    }
    conn->next_seq = next - back;
    sim_pump(conn);
}

static void big(struct sim_conn *conn, uint64_t size) {
    struct buf json = {0};
    if (conn->session == NULL || !buf_reserve(&json, size + 64)) {
        return;
    }
    buf_text(&json, "{\"padding\":\"");
    memset(json.bytes + json.length, 'a', size);
    json.length += size;
    buf_text(&json, "\"}");
    sim_push(conn->sim, conn->bot, conn->session, SIM_EVENT_COUNT, "SIM_BIG", &json);
    buf_finish(&json);
}

static void outage(struct sim_conn *conn, bool back) {
    struct sim *sim = conn->sim;
    struct sim_session *session = conn->session;
    for (uint32_t i = 0; session != NULL && i < sim->world->guild_count; i++) {
        uint64_t id = sim->world->guilds[i].id;
        struct buf json = {0};
        if (sim_guild_shard(id, session->shard_count) != session->shard ||
            i >= session->guilds_streamed) {
            continue;
        }
        if (back) {
            sim_render_guild_create(&json, sim->world, &sim->world->guilds[i], &conn->bot->self,
                                    session->intents, session->large_threshold, clock_wall_ms());
        } else {
            buf_printf(&json, "{\"unavailable\":true,\"id\":\"%" PRIu64 "\"}", id);
        }
        sim_push(sim, conn->bot, session, back ? SIM_GUILD_CREATE : SIM_GUILD_DELETE, NULL, &json);
        buf_finish(&json);
        session = conn->session;
    }
}

static void forget(struct sim_conn *conn, bool tell) {
    if (conn->session == NULL) {
        return;
    }
    sim_bot_drop_session(conn->sim, conn->bot, conn->session);
    if (tell) {
        sim_gateway_op(conn, 9, "false", "INVALID_SESSION");
    }
}

static void say_times(struct sim_conn *conn, uint64_t count, int op, const char *what) {
    for (uint64_t i = 0; i < count && i < 1000; i++) {
        sim_gateway_op(conn, op, "null", what);
    }
}

static void act_on_session(struct sim_conn *conn, const struct sim_fault *fault) {
    struct sim_session *session = conn->session;
    switch ((int)fault->verb) {
    case SIM_FAULT_BIG:
        big(conn, fault->number);
        break;
    case SIM_FAULT_SKIP:
        if (session != NULL) {
            sim_pump(conn);
            sim_session_skip(session, fault->number);
        }
        break;
    case SIM_FAULT_REPEAT:
        repeat(conn, fault->number);
        break;
    case SIM_FAULT_CLEAR:
        if (session != NULL) {
            sim_session_clear(session);
        }
        break;
    case SIM_FAULT_FORGET:
        forget(conn, false);
        break;
    case SIM_FAULT_OUTAGE:
        outage(conn, false);
        break;
    case SIM_FAULT_BACK:
        outage(conn, true);
        break;
    case SIM_FAULT_REVOKE:
        if (conn->bot != NULL && !conn->bot->revoked) {
            sim_revoke(conn->sim, conn->bot);
        }
        break;
    default:
        break;
    }
}

static void act(struct sim_conn *conn, const struct sim_fault *fault) {
    switch ((int)fault->verb) {
    case SIM_FAULT_DROP:
        sim_conn_end(conn, true);
        break;
    case SIM_FAULT_FIN:
        sim_conn_end(conn, false);
        break;
    case SIM_FAULT_CLOSE:
        sim_conn_close(conn, (uint16_t)fault->number, "asked for");
        break;
    case SIM_FAULT_RECONNECT:
        sim_gateway_turn(conn);
        break;
    case SIM_FAULT_INVALID:
        forget(conn, true);
        break;
    case SIM_FAULT_INVALID_RESUMABLE:
        sim_gateway_op9(conn, true);
        break;
    case SIM_FAULT_BEAT:
        say_times(conn, fault->number, 1, "BEAT_REQUEST");
        break;
    case SIM_FAULT_ACK:
        say_times(conn, fault->number, 11, "ACK");
        break;
    case SIM_FAULT_HELLO:
        sim_gateway_hello(conn, fault->number);
        break;
    case SIM_FAULT_PING:
        sim_ws_frame(sim_wire_output(conn->wire), 0x80 | SIM_WS_PING, "asked for", 9);
        break;
    case SIM_FAULT_SEND:
        sim_conn_note(conn, '>', "SEND", 0, strlen(fault->text), fault->text);
        sim_emit_text(conn, fault->text);
        break;
    case SIM_FAULT_RAW:
        send_raw(conn, fault->text);
        break;
    case SIM_FAULT_BOMB:
        sim_emit_bomb(conn, fault->number);
        break;
    case SIM_FAULT_FRAME:
        send_frame(conn, fault->text);
        break;
    case SIM_FAULT_SEVER:
        conn->sever_next = true;
        break;
    case SIM_FAULT_CORRUPT:
        conn->corrupt_next = true;
        break;
    default:
        act_on_session(conn, fault);
    }
}

static void note(struct sim *sim, const struct sim_fault *fault) {
    struct sim_entry entry = {.shard = fault->shard, .way = '*', .what = "fault"};
    snprintf(entry.note, sizeof(entry.note), "%s %s", sim_fault_word(fault->verb),
             fault->text != NULL ? fault->text : "");
    sim_transcript_add(sim->transcript, &entry);
    sim->stats.faults++;
}

/* clear and forget also reach sessions whose connection is gone. */
static void act_on_detached(struct sim *sim, const struct sim_fault *fault) {
    for (struct sim_bot *bot = sim->bots; bot != NULL; bot = bot->next) {
        for (size_t i = 0; i < SIM_SESSION_BUCKETS; i++) {
            struct sim_session *next;
            for (struct sim_session *at = bot->buckets[i]; at != NULL; at = next) {
                next = at->next;
                if (at->connection != NULL ||
                    (fault->shard >= 0 && at->shard != (uint32_t)fault->shard)) {
                    continue;
                }
                if (fault->verb == SIM_FAULT_CLEAR) {
                    sim_session_clear(at);
                } else if (fault->verb == SIM_FAULT_FORGET) {
                    sim_bot_drop_session(sim, bot, at);
                }
            }
        }
    }
}

/* Faults of the REST limits, which concern no connection. True: it was one. */
static bool act_on_rates(struct sim *sim, const struct sim_fault *fault) {
    switch ((int)fault->verb) {
    case SIM_FAULT_REHASH:
        sim->rates.salt += UINT64_C(0x9e3779b97f4a7c15);
        return true;
    case SIM_FAULT_LIMIT:
        sim_rates_rule(&sim->rates, fault->text, NULL);
        return true;
    case SIM_FAULT_SHARE:
        sim_rates_share(&sim->rates, fault->text, NULL);
        return true;
    default:
        return false;
    }
}

static void carry_out(struct sim *sim, const struct sim_fault *fault) {
    note(sim, fault);
    if (act_on_rates(sim, fault)) {
        return;
    }
    if (fault->verb == SIM_FAULT_HEAL) {
        sim_fault_list_clear(&sim->faults);
        return;
    }
    for (struct sim_conn *at = sim->conns; at != NULL; at = at->next) {
        if (at->wire == NULL || at->phase != SIM_PHASE_GATEWAY ||
            (fault->shard >= 0 && at->shard != fault->shard)) {
            continue;
        }
        uint32_t times = fault->times == 0 ? 1 : fault->times;
        for (uint32_t i = 0; i < times && at->wire != NULL; i++) {
            act(at, fault);
        }
        if (at->wire != NULL) {
            sim_wire_flush(at->wire);
        }
    }
    act_on_detached(sim, fault);
}

/* The resume host refuses connections while its listener is closed. */
static void follow_listener(struct sim *sim, uint64_t now_ms) {
    struct sim_listener *listener = &sim->listeners[SIM_LISTEN_RESUME];
    bool refuse = sim_fault_holds(&sim->faults, SIM_FAULT_REFUSE_RESUME, -1, now_ms, false) != NULL;
    if (refuse && listener->fd >= 0) {
        sim_listener_close(listener);
    } else if (!refuse && listener->fd < 0) {
        sim_listener_open(listener, NULL); /* tried again at the next tick if it fails */
    }
}

void sim_fault_tick(struct sim *sim, uint64_t now_ms) {
    struct sim_fault due;
    while (sim_fault_list_due(&sim->faults, now_ms, &due)) {
        carry_out(sim, &due);
        sim_fault_finish(&due);
    }
    follow_listener(sim, now_ms);
}

static bool resume_url_known(const char *word) {
    static const char *const words[] = {"none", "slash", "query", "nowhere", "tls"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i], word) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_rest(const struct sim_fault *fault, struct err *err) {
    struct sim_rates trial = {0};
    bool fine = true;
    if (fault->verb == SIM_FAULT_REST_LIMITED && strcmp(fault->text, "user") != 0 &&
        strcmp(fault->text, "global") != 0 && strcmp(fault->text, "shared") != 0) {
        return err_set(err, ERR_INVALID, "rest-limited '%s': wanted %s", fault->text,
                       sim_fault_argument(SIM_FAULT_REST_LIMITED));
    }
    if (fault->verb == SIM_FAULT_REST_STATUS && (fault->number < 400 || fault->number > 599)) {
        return err_set(err, ERR_INVALID, "rest-status %" PRIu64 ": wanted 400 to 599",
                       fault->number);
    }
    if (fault->verb == SIM_FAULT_LIMIT) {
        fine = sim_rates_rule(&trial, fault->text, err);
    } else if (fault->verb == SIM_FAULT_SHARE) {
        fine = sim_rates_share(&trial, fault->text, err);
    }
    sim_rates_finish(&trial);
    return fine;
}

static bool check(const struct sim_fault *fault, struct err *err) {
    if (fault->verb == SIM_FAULT_FRAME && !frame_kind_known(fault->text)) {
        return err_set(err, ERR_INVALID, "frame '%s': wanted %s", fault->text,
                       sim_fault_help(SIM_FAULT_FRAME));
    }
    if (fault->verb == SIM_FAULT_RESUME_URL && !resume_url_known(fault->text)) {
        return err_set(err, ERR_INVALID, "resume-url '%s': wanted %s", fault->text,
                       sim_fault_argument(SIM_FAULT_RESUME_URL));
    }
    return check_rest(fault, err);
}

bool sim_fault_apply(struct sim *sim, const char *text, size_t *count, struct err *err) {
    enum { MOST = 32 };
    struct sim_fault list[MOST];
    uint64_t now_ms = loop_now_ms(sim->loop);
    if (!sim_faults_parse(text, list, MOST, count, err)) {
        return false;
    }
    bool fine = true;
    for (size_t i = 0; i < *count; i++) {
        fine = fine && check(&list[i], err);
    }
    for (size_t i = 0; i < *count; i++) {
        if (!fine) {
            sim_fault_finish(&list[i]);
        } else if (!sim_fault_lasts(list[i].verb) && list[i].in_ms == 0) {
            carry_out(sim, &list[i]);
            sim_fault_finish(&list[i]);
        } else {
            if (list[i].in_ms == 0) {
                note(sim, &list[i]);
            }
            fine = sim_fault_list_add(&sim->faults, &list[i], now_ms) ||
                   err_set(err, ERR_LIMIT, "more than %d faults wait or last", SIM_FAULTS_MOST);
        }
    }
    follow_listener(sim, now_ms);
    return fine;
}
