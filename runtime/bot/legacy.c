/* bot/legacy.c: which saved sessions are worth a RESUME, and what the others lost.
 * A session keeps the intents it was identified with. One that has all that is wanted is resumed,
 * more than wanted does no harm; one that lacks some, or is of another token or shard count, must
 * be made anew. */
#include "bot/legacy.h"

#include "base/clock.h"
#include "base/log.h"
#include "gateway/chatter.h"

/* Published, but killed before it was counted: Discord must not replay it. */
static uint64_t last_seq(const struct legacy *legacy, uint32_t id,
                         const struct saved_session *saved) {
    return ring_last_seq(legacy->ring, saved->ring_head, id, saved->seq);
}

bool legacy_session(const struct legacy *legacy, uint32_t id, struct saved_session *saved,
                    uint64_t *lost_from) {
    struct log_from me = {.bot = legacy->bot, .shard = (int)id};
    enum log_level loudness = legacy->count <= CHATTER_LINES ? LOG_INFO : LOG_DEBUG;
    *lost_from = 0;
    if (sessions_orphan(legacy->sessions, id, legacy->total, legacy->token_hash, saved)) {
        log_line(loudness, &me,
                 "another token or number of shards than in the last run: a new session");
        *lost_from = last_seq(legacy, id, saved) + 1;
        return false;
    }
    if (!sessions_load(legacy->sessions, id, legacy->total, legacy->token_hash, saved)) {
        return false;
    }
    saved->seq = last_seq(legacy, id, saved);
    if ((legacy->intents & ~saved->intents) != 0) {
        log_line(loudness, &me, "more intents than in the last run: a new session is needed");
        *lost_from = saved->seq + 1;
        return false;
    }
    uint64_t now = clock_wall_ms();
    log_line(loudness, &me, "resuming the saved session at seq %llu (made %llu s ago)",
             (unsigned long long)saved->seq,
             (unsigned long long)(now > saved->saved_ms ? (now - saved->saved_ms) / 1000 : 0));
    return true;
}

void legacy_tell_orphans(const struct legacy *legacy, struct network *network) {
    struct saved_session saved;
    for (uint32_t id = 0; id < sessions_count(legacy->sessions); id++) {
        bool ours = id >= legacy->first && id - legacy->first < legacy->count;
        if (ours || !sessions_orphan(legacy->sessions, id, 0, 0, &saved)) {
            continue;
        }
        uint64_t lost_from = last_seq(legacy, id, &saved) + 1;
        if (ring_publish_gap(legacy->ring, RING_GAP_SESSION, id, lost_from, 0)) {
            network_wake_later(network, legacy->ring);
            sessions_clear(legacy->sessions, id);
        }
    }
}
