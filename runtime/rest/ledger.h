/* rest/ledger.h: how many calls, bytes of memory and open files each owner and each bot has under
 * way, and that this stays within bounds. Pure. [one thread at a time] */
#ifndef REST_LEDGER_H
#define REST_LEDGER_H

#include "base/err.h"
#include "rest/list.h"
#include "rest/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ledger_bounds {
    size_t calls;
    size_t bytes;
    size_t files; /* descriptors */
};

/* What one call takes. */
struct ledger_size {
    size_t bytes;
    size_t files;
};

/* Zero-initialised but for bounds and the tables' seeds: empty. */
struct ledger {
    struct ledger_bounds owner_bounds;
    struct ledger_bounds bot_bounds;
    struct table owners;
    struct table bots;
};

/* What somebody has under way. Exists while that is anything. */
struct ledger_account {
    struct table_node node;
    uint64_t id;
    size_t calls;
    struct ledger_size size;
    struct list entries;
};

/* A call that is under way, part of the caller's struct; zero-initialised. */
struct ledger_entry {
    struct list of_owner;
    struct ledger_account *owner;
    struct ledger_account *bot;
    struct ledger_size size;
};

/* All entries must have been given back. */
void ledger_finish(struct ledger *ledger);
/* False with ERR_LIMIT when a bound would be passed, ERR_NO_MEMORY; then nothing is kept. */
bool ledger_take(struct ledger *ledger, struct ledger_entry *entry, uint32_t bot, uint64_t owner,
                 struct ledger_size size, struct err *err);
/* The same for what has bounds of its own elsewhere: it is counted, but ERR_LIMIT never comes. */
bool ledger_take_always(struct ledger *ledger, struct ledger_entry *entry, uint32_t bot,
                        uint64_t owner, struct ledger_size size, struct err *err);
void ledger_give(struct ledger *ledger, struct ledger_entry *entry);
/* The first of the owner's entries, linked through of_owner up to the account's entries; NULL when
 * it has none. */
struct ledger_account *ledger_owner(const struct ledger *ledger, uint64_t owner);

#endif
