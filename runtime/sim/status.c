/* sim/status.c: the counters as JSON. */
#include "sim/state.h"

#include <inttypes.h>
#include <string.h>

static void number(struct buf *json, const char *name, uint64_t value) {
    buf_printf(json, "\"%s\":%" PRIu64 ",", name, value);
}

/* Ends an object or array whose members each left a comma. */
static void end(struct buf *json, const char *bracket) {
    if (json->length > 0 && json->bytes[json->length - 1] == ',') {
        json->length--;
    }
    buf_text(json, bracket);
}

static void codes(struct buf *json, const char *name, const uint64_t *counts) {
    buf_printf(json, "\"%s\":{", name);
    for (unsigned i = 0; i < SIM_CODES; i++) {
        if (counts[i] > 0) {
            buf_printf(json, "\"%u\":%" PRIu64 ",", 4000 + i, counts[i]);
        }
    }
    end(json, "},");
}

static void breaches(struct buf *json, const struct sim_stats *stats) {
    static const char *const names[] = {
#define X(name) #name,
        SIM_BREACHES(X)
#undef X
    };
    buf_text(json, "\"violations\":{");
    for (unsigned i = 0; i < SIM_BREACH_COUNT; i++) {
        number(json, names[i], stats->breaches[i]);
    }
    end(json, "},");
}

static void counts(struct buf *json, const char *name, const struct sim_count *list) {
    buf_printf(json, "\"%s\":{", name);
    for (; list != NULL; list = list->next) {
        buf_text(json, "\"");
        buf_json_text(json, list->name, strlen(list->name));
        buf_printf(json, "\":%" PRIu64 ",", list->count);
    }
    end(json, "},");
}

static uint64_t sessions_of(const struct sim_bot *bot, const struct sim_shard_stats *stats,
                            bool connected) {
    uint64_t count = 0;
    for (size_t i = 0; i < SIM_SESSION_BUCKETS; i++) {
        for (const struct sim_session *at = bot->buckets[i]; at != NULL; at = at->next) {
            count += at->shard == stats->shard && at->shard_count == stats->shard_count &&
                             (!connected || at->connection != NULL)
                         ? 1
                         : 0;
        }
    }
    return count;
}

static void shard(struct buf *json, const struct sim_bot *bot,
                  const struct sim_shard_stats *stats) {
    buf_text(json, "{");
    number(json, "shard", stats->shard);
    number(json, "shard_count", stats->shard_count);
    number(json, "sessions", sessions_of(bot, stats, false));
    number(json, "connected", sessions_of(bot, stats, true));
    number(json, "identifies", stats->identifies);
    number(json, "resumes", stats->resumes);
    number(json, "resumes_refused", stats->resumes_refused);
    number(json, "heartbeats", stats->heartbeats);
    number(json, "acks", stats->acks);
    number(json, "last_seq", stats->last_seq);
    number(json, "events", stats->events);
    number(json, "sent", stats->sent);
    number(json, "replayed", stats->replayed);
    end(json, "},");
}

static void bots(struct sim *sim, struct buf *json) {
    buf_text(json, "\"bots\":[");
    for (struct sim_bot *bot = sim->bots; bot != NULL; bot = bot->next) {
        buf_printf(json, "{\"user_id\":\"%" PRIu64 "\",\"revoked\":%s,", bot->self.id,
                   bot->revoked ? "true" : "false");
        number(json, "sessions", bot->session_count);
        number(json, "command_writes", bot->command_writes);
        buf_printf(json, "\"session_start_limit\":{\"total\":%u,\"remaining\":%u},\"shards\":[",
                   bot->starts.total, bot->starts.remaining);
        for (const struct sim_shard_stats *at = bot->shards; at != NULL; at = at->next) {
            shard(json, bot, at);
        }
        end(json, "]},");
    }
    end(json, "],");
}

static void faults(struct sim *sim, struct buf *json) {
    buf_text(json, "\"active_faults\":[");
    for (size_t i = 0; i < sim->faults.count; i++) {
        buf_printf(json, "\"%s\",", sim_fault_word(sim->faults.items[i].verb));
    }
    end(json, "],");
}

void sim_status(struct sim *sim, struct buf *json) {
    const struct sim_stats *stats = &sim->stats;
    buf_text(json, "{");
    number(json, "uptime_ms", loop_now_ms(sim->loop) - sim->started_ms);
    number(json, "seed", sim->options.seed);
    number(json, "rate", sim->options.rate);
    number(json, "guilds", sim->world->guild_count);
    number(json, "connections_total", stats->connections);
    number(json, "gateway_connections_total", stats->upgrades);
    number(json, "gateway_connections", sim->gateway_conns);
    number(json, "sessions", sim->session_total);
    number(json, "identifies", stats->identifies);
    number(json, "readies", stats->readies);
    number(json, "resumes", stats->resumes);
    number(json, "heartbeats", stats->heartbeats);
    number(json, "late_heartbeats", stats->late_beats);
    number(json, "latest_heartbeat_ms", stats->latest_beat_ms);
    number(json, "last_resume_at_ms",
           stats->resumed_ms > sim->started_ms ? stats->resumed_ms - sim->started_ms : 0);
    number(json, "presence_updates", stats->presences);
    number(json, "events_happened", stats->happened);
    number(json, "events_sent", stats->sent);
    number(json, "faults", stats->faults);
    codes(json, "server_closes", stats->server_closes);
    codes(json, "client_closes", stats->client_closes);
    number(json, "client_closes_1000", stats->client_close_1000);
    number(json, "client_closes_1001", stats->client_close_1001);
    number(json, "client_closes_other", stats->client_close_other);
    number(json, "client_tcp_ends", stats->client_ends);
    breaches(json, stats);
    counts(json, "requests", stats->routes);
    counts(json, "unimplemented", stats->unimplemented);
    counts(json, "rest_answers", stats->answers);
    counts(json, "rest_429", stats->refusals);
    number(json, "rest_invalid", sim_rates_invalid_count(&sim->rates, loop_now_ms(sim->loop)));
    number(json, "rest_banned", sim_rates_banned(&sim->rates, loop_now_ms(sim->loop)) ? 1 : 0);
    number(json, "interactions", stats->interactions);
    number(json, "interactions_unanswered", stats->unanswered);
    number(json, "messages", sim->store->count);
    number(json, "message_bytes", sim->store->bytes);
    number(json, "file_bytes", sim->store->file_bytes);
    faults(sim, json);
    bots(sim, json);
    end(json, "}");
}
