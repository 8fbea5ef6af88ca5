/* sim/login.c: IDENTIFY and RESUME: who may have a session, and what it is told first. */
#include "sim/state.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define IDENTIFY_SPAN_MS  5000
#define IDENTIFY_GRACE_MS 100 /* for the jitter of clocks and networks between two identifies */

static void attach(struct sim_conn *conn, struct sim_bot *bot, struct sim_session *session) {
    struct sim_conn *old = session->connection;
    if (old != NULL && old != conn) {
        sim_conn_close(old, 4000, "the session was resumed elsewhere");
    }
    conn->bot = bot;
    conn->session = session;
    conn->shard = session->shard;
    conn->stats = sim_bot_shard(bot, session->shard, session->shard_count);
    session->connection = conn;
    sim_feed_bot(conn->sim, bot);
}

static void resume_url(struct sim_conn *conn, struct buf *out) {
    char url[128];
    const struct sim_fault *shape = sim_conn_fault(conn, SIM_FAULT_RESUME_URL, true);
    const char *word = shape != NULL ? shape->text : "";
    sim_gateway_url(conn->sim, sim_wire_is_tls(conn->wire), true, url, sizeof(url));
    if (strcmp(word, "nowhere") == 0) {
        snprintf(url, sizeof(url), "ws://drey-sim.invalid:7070");
    } else if (strcmp(word, "tls") == 0) { /* a TLS handshake with somebody who speaks none */
        snprintf(url, sizeof(url), "wss://%s:%u", conn->sim->listeners[SIM_LISTEN_MAIN].host,
                 conn->sim->listeners[SIM_LISTEN_MAIN].port);
    }
    if (strcmp(word, "none") != 0) {
        buf_printf(out, "\"resume_gateway_url\":\"%s%s\",", url,
                   strcmp(word, "slash") == 0   ? "/"
                   : strcmp(word, "query") == 0 ? "/?v=10&encoding=json"
                                                : "");
    }
}

static void push_ready(struct sim_conn *conn) {
    struct sim *sim = conn->sim;
    struct sim_session *session = conn->session;
    struct buf json = {0};
    buf_printf(&json,
               "{\"v\":%u,\"user_settings\":{},\"session_type\":\"normal\",\"session_id\":\"%s\",",
               session->dialect.version, session->id);
    resume_url(conn, &json);
    buf_text(&json, "\"relationships\":[],\"private_channels\":[],\"presences\":[],"
                    "\"guild_join_requests\":[],\"geo_ordered_rtc_regions\":[],\"user\":");
    sim_render_self(&json, &conn->bot->self);
    buf_printf(&json,
               ",\"application\":{\"id\":\"%" PRIu64 "\",\"flags\":8953856},\"shard\":[%u,%u],"
               "\"_trace\":[\"drey-sim\"],\"guilds\":[",
               conn->bot->self.id, session->shard, session->shard_count);
    bool comma = false;
    for (uint32_t i = 0; i < sim->world->guild_count; i++) {
        uint64_t id = sim->world->guilds[i].id;
        if (sim_guild_shard(id, session->shard_count) == session->shard) {
            buf_printf(&json, "%s{\"unavailable\":true,\"id\":\"%" PRIu64 "\"}", comma ? "," : "",
                       id);
            comma = true;
        }
    }
    buf_text(&json, "]}");
    sim_push(sim, conn->bot, session, SIM_READY, NULL, &json);
    buf_finish(&json);
}

void sim_revoke(struct sim *sim, struct sim_bot *bot) {
    bot->revoked = true;
    for (struct sim_conn *at = sim->conns; at != NULL; at = at->next) {
        if (at->bot == bot) {
            sim_conn_close(at, 4004, "the token was reset");
        }
    }
    for (size_t i = 0; i < SIM_SESSION_BUCKETS; i++) {
        while (bot->buckets[i] != NULL) {
            sim_bot_drop_session(sim, bot, bot->buckets[i]);
        }
    }
}

/* True: this IDENTIFY may start a session. */
static bool identify_allowed(struct sim_conn *conn, struct sim_bot *bot,
                             const struct sim_order *order) {
    struct sim *sim = conn->sim;
    uint64_t now_ms = loop_now_ms(sim->loop);
    uint64_t span = (IDENTIFY_SPAN_MS - IDENTIFY_GRACE_MS) / sim->options.time_scale;
    if (!sim_start_take(&bot->starts, now_ms)) {
        sim_breach(sim, SIM_BREACH_start_limit_exceeded);
        sim_revoke(sim, bot); /* Discord resets the token of who goes over the limit */
        sim_conn_close(conn, 4004, "session start limit exceeded: the token was reset");
        return false;
    }
    if (!sim_identify_take(&bot->keys, order->shard, (uint32_t)sim->options.max_concurrency, now_ms,
                           span)) {
        sim_breach(sim, SIM_BREACH_identify_too_soon);
        sim_gateway_op9(conn, false);
        return false;
    }
    if (sim_conn_fault(conn, SIM_FAULT_IDENTIFY_INVALID, true) != NULL) {
        sim_gateway_op9(conn, false);
        return false;
    }
    return sim_conn_fault(conn, SIM_FAULT_NOREADY, true) == NULL;
}

static void start_session(struct sim_conn *conn, struct sim_bot *bot,
                          const struct sim_order *order) {
    struct sim *sim = conn->sim;
    struct sim_session *session = sim_session_create(clock_random(), clock_random());
    if (session == NULL) {
        return;
    }
    session->shard = order->shard;
    session->shard_count = order->shard_count;
    session->intents = order->intents;
    session->large_threshold = order->large_threshold;
    session->dialect = conn->dialect;
    session->payload_compress = order->compress;
    if (!sim_bot_add_session(sim, bot, session)) {
        sim_session_destroy(session);
        return;
    }
    attach(conn, bot, session);
    /* Transport compression wins over payload compression. */
    conn->payload_compress = order->compress && conn->dialect.compress == SIM_PLAIN;
    conn->next_seq = 1;
    sim->stats.readies++;
    push_ready(conn);
    if (conn->session == session) {
        sim_stream_guilds(sim, bot, session, 16);
    }
}

static struct sim_bot *check_token(struct sim_conn *conn, const char *token) {
    struct sim_bot *bot = sim_bot_find(conn->sim, token);
    if (bot == NULL) {
        sim_breach(conn->sim, SIM_BREACH_bad_token);
        sim_conn_close(conn, 4004, "authentication failed");
    }
    return bot;
}

void sim_take_identify(struct sim_conn *conn, const struct sim_order *order) {
    struct sim *sim = conn->sim;
    const char *reason;
    sim->stats.identifies++;
    struct sim_bot *bot = check_token(conn, order->token);
    if (bot == NULL) {
        return;
    }
    conn->shard = order->shard < order->shard_count ? (int64_t)order->shard : -1;
    conn->bot = bot;
    uint16_t code =
        sim_identify_judge(order, sim->world->guild_count, sim_bot_privileged(bot), &reason);
    if (code != 0) {
        sim_conn_close(conn, code, reason);
        return;
    }
    struct sim_shard_stats *stats = sim_bot_shard(bot, order->shard, order->shard_count);
    if (stats == NULL) {
        return;
    }
    conn->stats = stats;
    stats->identifies++;
    if (conn->via == SIM_LISTEN_RESUME) {
        sim_breach(sim, SIM_BREACH_identify_on_resume_host);
    }
    if (identify_allowed(conn, bot, order)) {
        start_session(conn, bot, order);
    }
}

/* Faults that answer a RESUME. True: answered. */
static bool resume_fault(struct sim_conn *conn) {
    if (sim_conn_fault(conn, SIM_FAULT_NORESUMED, true) != NULL) {
        return true;
    }
    if (sim_conn_fault(conn, SIM_FAULT_RESUME_DROP, true) != NULL) {
        sim_conn_end(conn, true);
        return true;
    }
    bool again = sim_conn_fault(conn, SIM_FAULT_RESUME_AGAIN, true) != NULL;
    if (again || sim_conn_fault(conn, SIM_FAULT_RESUME_INVALID, true) != NULL) {
        sim_gateway_op9(conn, again);
        return true;
    }
    return false;
}

static void refuse_resume(struct sim_conn *conn, enum sim_breach breach) {
    sim_breach(conn->sim, breach);
    if (conn->stats != NULL) {
        conn->stats->resumes_refused++;
    }
    sim_gateway_op9(conn, false);
}

static void accept_resume(struct sim_conn *conn, struct sim_session *session, uint64_t seq) {
    struct sim *sim = conn->sim;
    struct buf json = {0};
    attach(conn, conn->bot, session);
    conn->payload_compress = session->payload_compress && conn->dialect.compress == SIM_PLAIN;
    conn->next_seq = seq + 1;
    conn->replay_until = session->last_seq;
    conn->stats->resumes++;
    sim->stats.resumes++;
    sim->stats.resumed_ms = loop_now_ms(sim->loop);
    buf_text(&json, "{\"_trace\":[\"drey-sim\"]}");
    sim_push(sim, conn->bot, session, SIM_RESUMED, NULL, &json);
    buf_finish(&json);
}

void sim_take_resume(struct sim_conn *conn, const struct sim_order *order) {
    struct sim_bot *bot = check_token(conn, order->token);
    if (bot == NULL) {
        return;
    }
    struct sim_session *session = sim_bot_session(bot, order->session_id);
    conn->bot = bot;
    if (session != NULL) {
        conn->shard = session->shard;
        conn->stats = sim_bot_shard(bot, session->shard, session->shard_count);
    }
    if (resume_fault(conn)) {
        return;
    }
    if (session == NULL || conn->stats == NULL) {
        refuse_resume(conn, SIM_BREACH_resume_unknown_session);
        return;
    }
    if (session->dialect.version != conn->dialect.version ||
        session->dialect.compress != conn->dialect.compress) {
        refuse_resume(conn, SIM_BREACH_resume_dialect_differs);
        return;
    }
    switch (sim_session_resume(session, order->seq)) {
    case SIM_RESUME_BAD_SEQ:
        sim_breach(conn->sim, SIM_BREACH_resume_seq_ahead);
        sim_bot_drop_session(conn->sim, bot, session);
        sim_conn_close(conn, 4007, "invalid seq");
        return;
    case SIM_RESUME_TOO_OLD:
        sim_bot_drop_session(conn->sim, bot, session);
        refuse_resume(conn, SIM_BREACH_resume_too_old);
        return;
    case SIM_RESUME_FINE:
        accept_resume(conn, session, order->seq);
        return;
    }
}
