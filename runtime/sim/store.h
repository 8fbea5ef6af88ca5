/* sim/store.h: the messages that the world remembers, with their reactions, and the files that
 * were sent with them. Bounded: the oldest go first. Pure. */
#ifndef SIM_STORE_H
#define SIM_STORE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SIM_STORE_TABLE = 8192,
    SIM_HISTORY_MOST = 10000, /* messages of one channel */
    SIM_STORE_MOST = 100000,  /* of all */
    SIM_STORE_BYTES = 64 << 20,
    SIM_FILES_BYTES = 128 << 20,
    SIM_FILE_MOST = 10 << 20,
    SIM_REACTIONS_MOST = 20, /* different ones on a message */
    SIM_PINS_MOST = 250,
    SIM_EMOJI_SIZE = 160,
    SIM_NONCE_SIZE = 27,
    SIM_NONCES_MOST = 500, /* of a channel, that are remembered */
};

struct sim_reaction {
    struct sim_reaction *next;
    char name[SIM_EMOJI_SIZE]; /* the character, or a custom emoji's name */
    uint64_t id;               /* of a custom emoji, else 0 */
    uint64_t *users;
    uint32_t count;
};

/* A stored message. The JSON is as REST shows it, without reactions and pinned. */
struct sim_post {
    struct sim_post *newer; /* in its channel */
    struct sim_post *older;
    struct sim_post *next_all; /* by age over all channels */
    struct sim_post *prev_all;
    struct sim_post *same_slot;
    struct sim_log *log;
    uint64_t id;
    uint64_t guild_id;    /* 0: direct */
    uint64_t only;        /* of a direct channel the bot, else 0 */
    uint64_t author_id;   /* a user, a bot, or a webhook */
    uint64_t webhook_id;  /* 0: not by one; of an interaction's answers the application's id */
    uint64_t interaction; /* its id, 0: none */
    uint64_t made_ms;     /* loop clock */
    char nonce[SIM_NONCE_SIZE];
    bool pinned;
    bool ephemeral;
    bool loading; /* a deferred answer */
    char *json;
    size_t length;
    struct sim_reaction *reactions;
};

/* A channel's history. */
struct sim_log {
    struct sim_log *same_slot;
    uint64_t channel_id;
    struct sim_post *newest;
    struct sim_post *oldest;
    uint32_t count;
    uint32_t pins;
};

struct sim_file {
    struct sim_file *next;
    uint64_t id;
    uint64_t channel_id;
    char name[256];
    char type[100];
    size_t length;
    char bytes[];
};

struct sim_store {
    struct sim_log *logs[SIM_STORE_TABLE];
    struct sim_post *posts[SIM_STORE_TABLE];
    struct sim_post *first; /* the oldest */
    struct sim_post *last;
    uint32_t count;
    size_t bytes;
    struct sim_file *files; /* the newest first */
    size_t file_bytes;
};

struct sim_store *sim_store_create(void);
void sim_store_destroy(struct sim_store *store);

/* A new message with this text; the caller fills in the rest. json: copied. NULL: no memory. */
struct sim_post *sim_store_add(struct sim_store *store, uint64_t channel_id, uint64_t id,
                               const char *json, size_t length);
/* NULL: there is none (any more). Borrowed until something is added or removed. */
struct sim_post *sim_store_find(struct sim_store *store, uint64_t channel_id, uint64_t id);
/* A channel's history, NULL when it has none. */
struct sim_log *sim_store_log(struct sim_store *store, uint64_t channel_id);
struct sim_post *sim_store_nonce(struct sim_store *store, uint64_t channel_id, uint64_t author_id,
                                 const char *nonce);
/* Another text for it. False: no memory, unchanged. */
bool sim_store_set(struct sim_store *store, struct sim_post *post, const char *json, size_t length);
void sim_store_remove(struct sim_store *store, struct sim_post *post);
void sim_store_forget_channel(struct sim_store *store, uint64_t channel_id);

/* The message as REST shows it to this bot. Owned by the caller; NULL: no memory. */
cJSON *sim_post_object(const struct sim_post *post, uint64_t viewer);

struct sim_reaction *sim_post_reaction(struct sim_post *post, const char *name, uint64_t id);
/* False: it was there already, or there is no room (*full). */
bool sim_post_react(struct sim_post *post, const char *name, uint64_t id, uint64_t user,
                    bool *full);
/* user 0: everyone's. False: nothing to remove. */
bool sim_post_unreact(struct sim_post *post, const char *name, uint64_t id, uint64_t user);
void sim_post_clear_reactions(struct sim_post *post);

/* bytes: copied. NULL: no memory. */
struct sim_file *sim_store_add_file(struct sim_store *store, uint64_t channel_id, uint64_t id,
                                    const char *name, const char *type, const char *bytes,
                                    size_t length);
const struct sim_file *sim_store_file(const struct sim_store *store, uint64_t channel_id,
                                      uint64_t id);

#endif
