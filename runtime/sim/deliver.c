/* sim/deliver.c: from the world to the sessions, and from a session to its socket. */
#include "sim/state.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void push_payload(struct sim *sim, struct sim_bot *bot, struct sim_session *session,
                         struct sim_payload *payload) {
    if (!sim_session_push(session, payload, sim_replay_bound(sim))) {
        return;
    }
    struct sim_conn *conn = session->connection;
    struct sim_shard_stats *stats =
        conn != NULL ? conn->stats : sim_bot_shard(bot, session->shard, session->shard_count);
    if (stats != NULL) {
        stats->events++;
        stats->last_seq = session->last_seq;
    }
}

void sim_push(struct sim *sim, struct sim_bot *bot, struct sim_session *session,
              enum sim_event event, const char *name, const struct buf *json) {
    struct sim_payload *payload = sim_payload_create(event, name, json->bytes, json->length);
    if (payload == NULL) {
        return;
    }
    push_payload(sim, bot, session, payload);
    sim_payload_unref(payload);
    if (session->connection != NULL) {
        sim_pump(session->connection);
    }
}

/* READY, its guilds and RESUMED count as sent only when a socket was told. */
static bool mute(struct sim_conn *conn) {
    return conn->frozen ||
           (conn->sim->faults.count > 0 && sim_conn_fault(conn, SIM_FAULT_SILENCE, false) != NULL);
}

static void note_dispatch(struct sim_conn *conn, const struct sim_payload *payload, size_t length) {
    bool named = payload->name_length == 0;
    char name[SIM_TRANSCRIPT_NOTE] = "";
    if (!named) {
        size_t size;
        const char *own = sim_payload_name(payload, &size);
        snprintf(name, sizeof(name), "%.*s", (int)size, own);
    }
    sim_conn_note(conn, '>', named ? sim_event_name((enum sim_event)payload->event) : "DISPATCH",
                  conn->next_seq, length, name);
}

static void send_payload(struct sim_conn *conn, const struct sim_payload *payload) {
    struct buf *out = &conn->sim->scratch;
    size_t name_length;
    const char *name = sim_payload_name(payload, &name_length);
    buf_clear(out);
    buf_text(out, "{\"t\":\"");
    buf_append(out, name, name_length);
    buf_printf(out, "\",\"s\":%" PRIu64 ",\"op\":0,\"d\":", conn->next_seq);
    buf_append(out, sim_payload_json(payload), payload->length);
    buf_text(out, "}");
    note_dispatch(conn, payload, out->length);
    sim_emit(conn, out->bytes, out->length);
    conn->sim->stats.sent++;
    conn->dispatched++;
    conn->stats->sent++;
    if (conn->next_seq <= conn->replay_until) {
        conn->stats->replayed++;
    }
}

void sim_pump(struct sim_conn *conn) {
    struct sim_session *session = conn->session;
    if (conn->wire == NULL || session == NULL || conn->phase != SIM_PHASE_GATEWAY || mute(conn)) {
        return;
    }
    bool faulty = conn->sim->faults.count > 0;
    const struct sim_fault *cut = faulty ? sim_conn_fault(conn, SIM_FAULT_CUT, false) : NULL;
    const struct sim_fault *quit = faulty ? sim_conn_fault(conn, SIM_FAULT_QUIT, false) : NULL;
    const struct sim_fault *turn = faulty ? sim_conn_fault(conn, SIM_FAULT_TURN, false) : NULL;
    while (conn->next_seq <= session->last_seq && sim_wire_pending(conn->wire) < SIM_WIRE_HIGH) {
        const struct sim_payload *payload = sim_session_at(session, conn->next_seq);
        if (payload == NULL && conn->next_seq <= session->gap_seq) {
            conn->next_seq = session->gap_seq + 1; /* a gap made on request */
            continue;
        }
        if (payload == NULL) {
            sim_breach(conn->sim, SIM_BREACH_slow_client);
            sim_conn_close(conn, 4000, "too slow: the replay buffer has run out");
            return;
        }
        send_payload(conn, payload);
        if (conn->wire == NULL) {
            return;
        }
        conn->next_seq++;
        if (turn != NULL && conn->dispatched == turn->number) {
            sim_conn_fault(conn, SIM_FAULT_TURN, true);
            sim_gateway_turn(conn);
            turn = NULL;
        }
        if (quit != NULL && conn->dispatched >= quit->number) {
            sim_conn_fault(conn, SIM_FAULT_QUIT, true);
            sim_conn_close(conn, 4000, "as asked for");
            return;
        }
        if (cut != NULL && conn->dispatched >= cut->number) {
            sim_conn_fault(conn, SIM_FAULT_CUT, true);
            sim_wire_flush(conn->wire);
            sim_conn_end(conn, true);
            return;
        }
    }
}

void sim_pump_flush(struct sim_conn *conn) {
    uint64_t before;
    do {
        before = conn->next_seq;
        sim_pump(conn);
        if (conn->wire == NULL) {
            return;
        }
        if (sim_wire_pending(conn->wire) > 0) {
            sim_wire_flush(conn->wire);
        }
    } while (conn->next_seq != before && conn->session != NULL &&
             conn->next_seq <= conn->session->last_seq && sim_wire_pending(conn->wire) == 0);
}

static bool sees_content(const struct sim_news *news, const struct sim_bot *bot,
                         const struct sim_session *session) {
    return (session->intents & SIM_MESSAGE_CONTENT) != 0 || news->bare.length == 0 ||
           news->sees == bot->self.id;
}

struct payloads {
    struct sim_payload *full;
    struct sim_payload *bare;
};

/* Made when the first session wants it, shared by all others. */
static struct sim_payload *payload_for(struct payloads *made, const struct sim_news *news,
                                       bool full) {
    struct sim_payload **slot = full ? &made->full : &made->bare;
    const struct buf *json = full ? &news->full : &news->bare;
    if (*slot == NULL) {
        *slot = sim_payload_create(news->event, NULL, json->bytes, json->length);
    }
    return *slot;
}

static void deliver_to_session(struct sim *sim, const struct sim_news *news, struct sim_bot *bot,
                               struct sim_session *session, struct payloads *made) {
    if (!sim_event_wanted(news->event, session->intents, news->guild == NULL) ||
        session->last_seq == 0) {
        return;
    }
    if (news->guild != NULL &&
        (uint32_t)(news->guild - sim->world->guilds) >= session->guilds_streamed) {
        return; /* its GUILD_CREATE has not been sent: for this session it is unavailable */
    }
    struct sim_payload *payload = payload_for(made, news, sees_content(news, bot, session));
    if (payload != NULL) {
        push_payload(sim, bot, session, payload);
    }
}

static void deliver_to_bot(struct sim *sim, const struct sim_news *news, struct sim_bot *bot,
                           struct payloads *made) {
    for (uint32_t i = 0; i < bot->shard_counts_used; i++) {
        uint32_t count = bot->shard_counts[i];
        uint32_t shard = news->guild != NULL ? sim_guild_shard(news->guild->id, count) : 0;
        struct sim_session *session = sim_bot_bucket(bot, shard, count);
        for (; session != NULL; session = session->next) {
            if (session->shard == shard && session->shard_count == count) {
                deliver_to_session(sim, news, bot, session, made);
            }
        }
    }
}

void sim_deliver(struct sim *sim, const struct sim_news *news) {
    struct payloads made = {0};
    sim->stats.happened++;
    sim_feed_news(sim, news);
    for (struct sim_bot *bot = sim->bots; bot != NULL; bot = bot->next) {
        if (bot->session_count > 0 && (news->only == 0 || news->only == bot->self.id)) {
            deliver_to_bot(sim, news, bot, &made);
        }
    }
    sim_payload_unref(made.full);
    sim_payload_unref(made.bare);
}

void sim_stream_guilds(struct sim *sim, struct sim_bot *bot, struct sim_session *session,
                       uint32_t most) {
    struct buf json = {0};
    struct sim_world *world = sim->world;
    bool wanted = sim_event_wanted(SIM_GUILD_CREATE, session->intents, false);
    uint64_t end = world->guild_count;
    const struct sim_fault *missing =
        session->connection != NULL
            ? sim_conn_fault(session->connection, SIM_FAULT_UNAVAILABLE, false)
            : NULL;
    if (missing != NULL) {
        end = missing->number < end ? end - missing->number : 0;
    }
    while (session->guilds_streamed < end && most > 0) {
        const struct sim_guild *guild = &world->guilds[session->guilds_streamed++];
        if (!wanted || sim_guild_shard(guild->id, session->shard_count) != session->shard) {
            continue;
        }
        most--;
        buf_clear(&json);
        sim_render_guild_create(&json, world, guild, &bot->self, session->intents,
                                session->large_threshold, clock_wall_ms());
        sim_push(sim, bot, session, SIM_GUILD_CREATE, NULL, &json);
    }
    buf_finish(&json);
}

/* One bot of those that have a session, in turn. */
static const struct sim_self *some_bot(struct sim *sim) {
    uint32_t count = 0;
    for (const struct sim_bot *bot = sim->bots; bot != NULL; bot = bot->next) {
        count += bot->session_count > 0 ? 1 : 0;
    }
    uint64_t pick = count == 0 ? 0 : sim->traffic.told % count;
    for (const struct sim_bot *bot = sim->bots; bot != NULL; bot = bot->next) {
        if (bot->session_count > 0 && pick-- == 0) {
            return &bot->self;
        }
    }
    return NULL;
}

void sim_make_traffic(struct sim *sim, uint64_t now_ms) {
    uint64_t passed = now_ms - sim->last_tick_ms;
    sim->last_tick_ms = now_ms;
    if (sim->session_total == 0) {
        sim->credit = 0; /* nobody listens: nothing is owed later */
        return;
    }
    /* A stall of the machine is not made up for by a flood. */
    sim->credit += (double)sim->options.rate * (double)(passed > 1000 ? 1000 : passed) / 1000.0;
    uint64_t wall_ms = clock_wall_ms();
    while (sim->credit >= 1) {
        sim->credit -= 1;
        if (!sim_traffic_next(&sim->traffic, sim->world, some_bot(sim), wall_ms, &sim->news)) {
            return;
        }
        sim_remember(sim, &sim->news);
        sim_deliver(sim, &sim->news);
    }
}
