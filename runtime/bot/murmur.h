/* bot/murmur.h: what the log says of many shards together, so that a thousand of them are a few
 * lines. A bot of few shards says it shard by shard. [network thread] */
#ifndef BOT_MURMUR_H
#define BOT_MURMUR_H

#include "gateway/shard.h"

struct murmur {
    struct shard_chatter chatter;
    uint64_t unready_ms; /* since when not all shards are ready; loop clock */
    size_t least_ready;  /* the fewest that were, since then */
};

/* For shard_options.chatter. */
struct shard_chatter *murmur_chatter(struct murmur *murmur, size_t shards);
/* The shards begin to be not all ready. */
void murmur_unready(struct murmur *murmur, uint64_t now_ms);
/* So many are ready, and that is not all of them. */
void murmur_count(struct murmur *murmur, size_t ready);
/* All are. */
void murmur_ready(const struct murmur *murmur, const char *bot, size_t shards, uint64_t now_ms);
/* How many lines were not said since the last call. */
void murmur_flush(struct murmur *murmur, const char *bot);

#endif
