/* interaction/vault.h: the tokens of one bot's interactions, for the host alone: a mapped file,
 * 0600, so that an answer can still be given after a restart or kill -9 of the host.
 *
 * A fixed number of slots, each with a checksum. An entry lives 15 minutes from the time it came
 * and is then overwritten with zeroes. Whatever the file holds when it is opened, only entries that
 * are whole, young and in their place are taken over; the rest becomes zeroes. Times within a run
 * are monotonic; the wall clock counts at opening only. [any thread, after opening] */
#ifndef INTERACTION_VAULT_H
#define INTERACTION_VAULT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    VAULT_TOKEN_BYTES = 384, /* with a NUL; Discord's have about 200 characters */
    VAULT_LIFE_MS = 15 * 60 * 1000,
    VAULT_SLOTS = 8192, /* what a bot gets unless somebody knows better: 4 MiB */
};

struct vault_entry {
    uint64_t interaction; /* not 0 */
    uint64_t application;
    uint32_t mark; /* what the callback said, and more of the caller's that is to outlive a run */
    uint64_t stand_in; /* a message of the caller's that is to outlive a run too; 0: none */
    uint64_t ends_ms;  /* of vault_find(): when its life is over, monotonic */
    char token[VAULT_TOKEN_BYTES];
};

struct vault_times {
    uint64_t mono_ms;
    uint64_t wall_ms;
};

struct vault;

/* slots: a power of two from 16 to 2^20; a file of another number of slots is taken over into this
 * one as far as it fits. Result: owned. */
struct vault *vault_open(const char *path, uint32_t slots, struct vault_times now, struct err *err);
/* Keeps what is in it. NULL is fine. */
void vault_close(struct vault *vault);
/* How many entries opening found damaged or too old, and wiped. */
uint32_t vault_dropped(const struct vault *vault);

/* Stores a token; one that is there already keeps its mark and its time. No allocation. When the
 * slots where it may lie are all taken the oldest of them makes way. False: the token is empty or
 * too long, or the interaction 0. */
bool vault_put(struct vault *vault, const struct vault_entry *entry, struct vault_times now);
/* False: not there, or its 15 minutes are over. The copy in out is the caller's to wipe. */
bool vault_find(struct vault *vault, uint64_t interaction, uint64_t mono_ms,
                struct vault_entry *out);
/* To be called before the callback goes out. One that is not there is fine. */
void vault_mark(struct vault *vault, uint64_t interaction, uint32_t mark);
/* Likewise; for vault_entry.stand_in. */
void vault_stand_in(struct vault *vault, uint64_t interaction, uint64_t message);
/* Overwrites it with zeroes. One that is not there is fine. */
void vault_forget(struct vault *vault, uint64_t interaction);
/* Overwrites those that are over with zeroes; every few seconds. Returns how many are left. */
uint32_t vault_sweep(struct vault *vault, uint64_t mono_ms);

#endif
