/* bot/murmur.c: sums instead of a line per shard. */
#include "bot/murmur.h"

#include "base/log.h"

struct shard_chatter *murmur_chatter(struct murmur *murmur, size_t shards) {
    return shards > CHATTER_LINES ? &murmur->chatter : NULL;
}

void murmur_unready(struct murmur *murmur, uint64_t now_ms) {
    murmur->unready_ms = now_ms;
    murmur->least_ready = SIZE_MAX;
}

void murmur_count(struct murmur *murmur, size_t ready) {
    murmur->least_ready = ready < murmur->least_ready ? ready : murmur->least_ready;
}

void murmur_ready(const struct murmur *murmur, const char *bot, size_t shards, uint64_t now_ms) {
    struct log_from me = {.bot = bot, .shard = -1};
    uint64_t ms = now_ms - murmur->unready_ms;
    if (shards > CHATTER_LINES && murmur->least_ready < shards) {
        log_info(&me, "all %zu shards are ready; %zu were not, for %llu.%llu s", shards,
                 shards - murmur->least_ready, (unsigned long long)ms / 1000,
                 (unsigned long long)ms % 1000 / 100);
    }
}

void murmur_flush(struct murmur *murmur, const char *bot) {
    struct log_from me = {.bot = bot, .shard = -1};
    struct chatter *all[] = {&murmur->chatter.info, &murmur->chatter.warn};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        uint64_t hushed = chatter_take(all[i]);
        if (hushed > 0) {
            log_line(i == 0 ? LOG_INFO : LOG_WARN, &me,
                     "%llu more lines of this kind from its shards (log_level = debug shows them)",
                     (unsigned long long)hushed);
        }
    }
}
