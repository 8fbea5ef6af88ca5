/* bot/legacy.h: what the last run of a bot left in its sessions file: sessions to resume, and those
 * that cannot be resumed any more, whose loss plugins must be told of. [network thread] */
#ifndef BOT_LEGACY_H
#define BOT_LEGACY_H

#include "bot/sessions.h"
#include "gateway/network.h"
#include "ring/ring.h"

/* The bot as it is to run now. All borrowed for the calls. */
struct legacy {
    const char *bot;
    struct ring *ring;
    struct sessions *sessions;
    uint32_t total; /* of Discord's shards */
    uint32_t first; /* of this bot's */
    uint32_t count;
    uint64_t token_hash;
    uint32_t intents;
};

/* The session that shard id shall resume. False: it needs a new one; *lost_from: events from this
 * seq on are lost and must be told, 0: none. */
bool legacy_session(const struct legacy *legacy, uint32_t id, struct saved_session *saved,
                    uint64_t *lost_from);
/* Tells what shards lost that this run does not have; nobody else would. One for which the ring
 * has no room now is told at the next start. */
void legacy_tell_orphans(const struct legacy *legacy, struct network *network);

#endif
