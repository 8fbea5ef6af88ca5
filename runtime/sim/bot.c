/* sim/bot.c: tokens and their sessions. */
#include "sim/state.h"

#include "base/text.h"
#include "sim/interact.h"

#include <stdlib.h>
#include <string.h>

/* A day of Discord's session_start_limit. */

static bool accepted(const struct sim *sim, const char *token) {
    if (token[0] == '\0') {
        return false;
    }
    for (size_t i = 0; i < sim->options.token_count; i++) {
        if (strcmp(sim->options.tokens[i], token) == 0) {
            return true;
        }
    }
    return sim->options.token_count == 0;
}

/* Command badge, and for each approved intent the flag of a large bot or of a small one. */
/* Each privileged intent has two flags of an application, the lower one for a large bot. */
static const struct {
    uint64_t intent;
    unsigned flag;
} privileges[] = {{SIM_GUILD_PRESENCES, 12}, {SIM_GUILD_MEMBERS, 14}, {SIM_MESSAGE_CONTENT, 18}};

static uint32_t application_flags(uint64_t privileged) {
    uint32_t flags = UINT32_C(1) << 23;
    for (size_t i = 0; i < sizeof(privileges) / sizeof(privileges[0]); i++) {
        flags |=
            (privileged & privileges[i].intent) != 0 ? UINT32_C(1) << (privileges[i].flag + 1) : 0;
    }
    return flags;
}

uint64_t sim_bot_privileged(const struct sim_bot *bot) {
    uint64_t privileged = 0;
    for (size_t i = 0; i < sizeof(privileges) / sizeof(privileges[0]); i++) {
        privileged |= (bot->flags >> privileges[i].flag & 3) != 0 ? privileges[i].intent : 0;
    }
    return privileged;
}

static struct sim_bot *make_bot(struct sim *sim, const char *token) {
    struct sim_bot *bot = calloc(1, sizeof(*bot));
    if (bot == NULL) {
        return NULL;
    }
    text_copy(bot->token, sizeof(bot->token), token);
    text_copy(bot->self.name, sizeof(bot->self.name), "drey-sim-bot");
    /* The same token is the same user in every run; made somewhen in 2020. */
    uint64_t hash = text_hash(token, strlen(token));
    bot->self.id =
        (UINT64_C(160000000000) + hash % UINT64_C(30000000000)) << 22 | (hash >> 40 & 0x3fffff);
    bot->flags = application_flags(sim->options.privileged);
    sim_start_init(&bot->starts, (uint32_t)sim->options.session_limit, loop_now_ms(sim->loop),
                   sim->options.session_limit_ms / sim->options.time_scale);
    bot->number = ++sim->bot_count;
    bot->next = sim->bots;
    sim->bots = bot;
    return bot;
}

struct sim_bot *sim_bot_find(struct sim *sim, const char *token) {
    if (strncmp(token, "Bot ", 4) == 0) {
        token += 4;
    }
    if (strlen(token) >= SIM_TOKEN_SIZE || !accepted(sim, token)) {
        return NULL;
    }
    for (struct sim_bot *bot = sim->bots; bot != NULL; bot = bot->next) {
        if (strcmp(bot->token, token) == 0) {
            return bot->revoked ? NULL : bot;
        }
    }
    return make_bot(sim, token);
}

struct sim_shard_stats *sim_bot_shard(struct sim_bot *bot, uint32_t shard, uint32_t shard_count) {
    for (struct sim_shard_stats *at = bot->shards; at != NULL; at = at->next) {
        if (at->shard == shard && at->shard_count == shard_count) {
            return at;
        }
    }
    struct sim_shard_stats *stats = calloc(1, sizeof(*stats));
    if (stats != NULL) {
        stats->shard = shard;
        stats->shard_count = shard_count;
        stats->next = bot->shards;
        bot->shards = stats;
    }
    return stats;
}

static size_t bucket_of(uint32_t shard, uint32_t shard_count) {
    return (shard + shard_count * 31) % SIM_SESSION_BUCKETS;
}

struct sim_session *sim_bot_bucket(struct sim_bot *bot, uint32_t shard, uint32_t shard_count) {
    return bot->buckets[bucket_of(shard, shard_count)];
}

static bool note_shard_count(struct sim_bot *bot, uint32_t shard_count) {
    for (uint32_t i = 0; i < bot->shard_counts_used; i++) {
        if (bot->shard_counts[i] == shard_count) {
            return true;
        }
    }
    uint32_t *more = realloc(bot->shard_counts, (bot->shard_counts_used + 1) * sizeof(*more));
    if (more == NULL) {
        return false;
    }
    bot->shard_counts = more;
    more[bot->shard_counts_used++] = shard_count;
    return true;
}

bool sim_bot_add_session(struct sim *sim, struct sim_bot *bot, struct sim_session *session) {
    if (!note_shard_count(bot, session->shard_count)) {
        return false;
    }
    struct sim_session **bucket = &bot->buckets[bucket_of(session->shard, session->shard_count)];
    session->next = *bucket;
    *bucket = session;
    bot->session_count++;
    sim->session_total++;
    return true;
}

struct sim_session *sim_bot_session(struct sim_bot *bot, const char *id) {
    for (size_t i = 0; i < SIM_SESSION_BUCKETS; i++) {
        for (struct sim_session *at = bot->buckets[i]; at != NULL; at = at->next) {
            if (strcmp(at->id, id) == 0) {
                return at;
            }
        }
    }
    return NULL;
}

void sim_bot_drop_session(struct sim *sim, struct sim_bot *bot, struct sim_session *session) {
    struct sim_session **at = &bot->buckets[bucket_of(session->shard, session->shard_count)];
    while (*at != NULL && *at != session) {
        at = &(*at)->next;
    }
    if (*at == NULL) {
        return;
    }
    *at = session->next;
    bot->session_count--;
    sim->session_total--;
    sim_feed_bot(sim, bot);
    struct sim_conn *conn = session->connection;
    if (conn != NULL) {
        conn->session = NULL;
        conn->duty.identified = false;
    }
    sim_session_destroy(session);
}

uint32_t sim_bot_connected(const struct sim_bot *bot) {
    uint32_t connected = 0;
    for (size_t i = 0; bot->session_count > 0 && i < SIM_SESSION_BUCKETS; i++) {
        for (const struct sim_session *at = bot->buckets[i]; at != NULL; at = at->next) {
            connected += at->connection != NULL ? 1 : 0;
        }
    }
    return connected;
}

void sim_bots_sweep(struct sim *sim, uint64_t now_ms) {
    uint64_t life = sim->options.session_ms / sim->options.time_scale;
    for (struct sim_bot *bot = sim->bots; bot != NULL; bot = bot->next) {
        for (size_t i = 0; bot->session_count > 0 && i < SIM_SESSION_BUCKETS; i++) {
            for (struct sim_session *at = bot->buckets[i]; at != NULL;) {
                struct sim_session *next = at->next;
                /* now_ms is the tick's start; a session may have lost its connection since. */
                if (at->connection == NULL && now_ms > at->detached_ms + life) {
                    sim_bot_drop_session(sim, bot, at);
                }
                at = next;
            }
        }
    }
}

void sim_bots_destroy(struct sim *sim) {
    while (sim->bots != NULL) {
        struct sim_bot *bot = sim->bots;
        sim->bots = bot->next;
        for (size_t i = 0; i < SIM_SESSION_BUCKETS; i++) {
            while (bot->buckets[i] != NULL) {
                sim_bot_drop_session(sim, bot, bot->buckets[i]);
            }
        }
        while (bot->shards != NULL) {
            struct sim_shard_stats *stats = bot->shards;
            bot->shards = stats->next;
            free(stats);
        }
        sim_commands_destroy(bot);
        free(bot->shard_counts);
        free(bot);
    }
}

struct sim_replay_bound sim_replay_bound(const struct sim *sim) {
    uint64_t sharers = sim->session_total == 0 ? 1 : sim->session_total;
    uint64_t share = sim->options.replay_bytes / sharers;
    uint64_t most = UINT64_C(128) << 20; /* one session alone needs no more */
    return (struct sim_replay_bound){.count = (uint32_t)sim->options.replay_count,
                                     .bytes = share < most ? share : most};
}
