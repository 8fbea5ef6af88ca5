/* sim/store.c: messages by channel and by age, reactions, files. Pure. */
#include "sim/store.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t slot_of(uint64_t id) {
    return (size_t)((id >> 22 ^ id << 9 ^ id) % SIM_STORE_TABLE);
}

struct sim_store *sim_store_create(void) {
    return calloc(1, sizeof(struct sim_store));
}

static void free_reaction(struct sim_reaction *reaction) {
    free(reaction->users);
    free(reaction);
}

void sim_post_clear_reactions(struct sim_post *post) {
    while (post->reactions != NULL) {
        struct sim_reaction *reaction = post->reactions;
        post->reactions = reaction->next;
        free_reaction(reaction);
    }
}

struct sim_log *sim_store_log(struct sim_store *store, uint64_t channel_id) {
    struct sim_log *at = store->logs[slot_of(channel_id)];
    while (at != NULL && at->channel_id != channel_id) {
        at = at->same_slot;
    }
    return at;
}

static struct sim_log *make_log(struct sim_store *store, uint64_t channel_id) {
    struct sim_log *log = sim_store_log(store, channel_id);
    if (log == NULL && (log = calloc(1, sizeof(*log))) != NULL) {
        log->channel_id = channel_id;
        log->same_slot = store->logs[slot_of(channel_id)];
        store->logs[slot_of(channel_id)] = log;
    }
    return log;
}

static void unlink_from_log(struct sim_post *post) {
    struct sim_log *log = post->log;
    *(post->newer != NULL ? &post->newer->older : &log->newest) = post->older;
    *(post->older != NULL ? &post->older->newer : &log->oldest) = post->newer;
    log->count--;
    log->pins -= post->pinned ? 1 : 0;
}

static void unlink_from_slot(struct sim_store *store, struct sim_post *post) {
    struct sim_post **at = &store->posts[slot_of(post->id)];
    while (*at != post) {
        at = &(*at)->same_slot;
    }
    *at = post->same_slot;
}

void sim_store_remove(struct sim_store *store, struct sim_post *post) {
    unlink_from_log(post);
    unlink_from_slot(store, post);
    *(post->next_all != NULL ? &post->next_all->prev_all : &store->last) = post->prev_all;
    *(post->prev_all != NULL ? &post->prev_all->next_all : &store->first) = post->next_all;
    store->count--;
    store->bytes -= post->length;
    sim_post_clear_reactions(post);
    free(post->json);
    free(post);
}

void sim_store_forget_channel(struct sim_store *store, uint64_t channel_id) {
    struct sim_log **at = &store->logs[slot_of(channel_id)];
    while (*at != NULL && (*at)->channel_id != channel_id) {
        at = &(*at)->same_slot;
    }
    if (*at == NULL) {
        return;
    }
    struct sim_log *log = *at;
    while (log->newest != NULL) {
        sim_store_remove(store, log->newest);
    }
    *at = log->same_slot;
    free(log);
}

void sim_store_destroy(struct sim_store *store) {
    if (store == NULL) {
        return;
    }
    while (store->first != NULL) {
        sim_store_remove(store, store->first);
    }
    for (size_t i = 0; i < SIM_STORE_TABLE; i++) {
        while (store->logs[i] != NULL) {
            struct sim_log *next = store->logs[i]->same_slot;
            free(store->logs[i]);
            store->logs[i] = next;
        }
    }
    while (store->files != NULL) {
        struct sim_file *next = store->files->next;
        free(store->files);
        store->files = next;
    }
    free(store);
}

static void link_post(struct sim_store *store, struct sim_log *log, struct sim_post *post) {
    post->log = log;
    post->older = log->newest;
    *(log->newest != NULL ? &log->newest->newer : &log->oldest) = post;
    log->newest = post;
    log->count++;
    post->prev_all = store->last;
    *(store->last != NULL ? &store->last->next_all : &store->first) = post;
    store->last = post;
    post->same_slot = store->posts[slot_of(post->id)];
    store->posts[slot_of(post->id)] = post;
    store->count++;
    store->bytes += post->length;
}

struct sim_post *sim_store_add(struct sim_store *store, uint64_t channel_id, uint64_t id,
                               const char *json, size_t length) {
    struct sim_log *log = make_log(store, channel_id);
    struct sim_post *post = log == NULL ? NULL : calloc(1, sizeof(*post));
    if (post == NULL || (post->json = strndup(json, length)) == NULL) {
        free(post);
        return NULL;
    }
    post->id = id;
    post->length = length;
    if (log->count >= SIM_HISTORY_MOST) {
        sim_store_remove(store, log->oldest);
    }
    while (store->first != NULL &&
           (store->count >= SIM_STORE_MOST || store->bytes + length > SIM_STORE_BYTES)) {
        sim_store_remove(store, store->first);
    }
    link_post(store, log, post);
    return post;
}

struct sim_post *sim_store_find(struct sim_store *store, uint64_t channel_id, uint64_t id) {
    struct sim_post *at = store->posts[slot_of(id)];
    while (at != NULL && (at->id != id || at->log->channel_id != channel_id)) {
        at = at->same_slot;
    }
    return at;
}

struct sim_post *sim_store_nonce(struct sim_store *store, uint64_t channel_id, uint64_t author_id,
                                 const char *nonce) {
    const struct sim_log *log = sim_store_log(store, channel_id);
    struct sim_post *at = log != NULL && nonce[0] != '\0' ? log->newest : NULL;
    for (int i = 0; at != NULL && i < SIM_NONCES_MOST; i++, at = at->older) {
        if (at->author_id == author_id && strcmp(at->nonce, nonce) == 0) {
            return at;
        }
    }
    return NULL;
}

bool sim_store_set(struct sim_store *store, struct sim_post *post, const char *json,
                   size_t length) {
    char *copy = strndup(json, length);
    if (copy == NULL) {
        return false;
    }
    free(post->json);
    post->json = copy;
    store->bytes += length;
    store->bytes -= post->length;
    post->length = length;
    return true;
}

static void add_reaction(cJSON *list, const struct sim_reaction *reaction, uint64_t viewer) {
    cJSON *object = cJSON_CreateObject();
    cJSON *emoji = cJSON_AddObjectToObject(object, "emoji");
    bool me = false;
    char id[24];
    for (uint32_t i = 0; i < reaction->count; i++) {
        me = me || reaction->users[i] == viewer;
    }
    snprintf(id, sizeof(id), "%" PRIu64, reaction->id);
    if (reaction->id != 0) {
        cJSON_AddStringToObject(emoji, "id", id);
    } else {
        cJSON_AddNullToObject(emoji, "id");
    }
    cJSON_AddStringToObject(emoji, "name", reaction->name);
    cJSON_AddNumberToObject(object, "count", reaction->count);
    cJSON *details = cJSON_AddObjectToObject(object, "count_details");
    cJSON_AddNumberToObject(details, "burst", 0);
    cJSON_AddNumberToObject(details, "normal", reaction->count);
    cJSON_AddArrayToObject(object, "burst_colors");
    cJSON_AddBoolToObject(object, "me_burst", false);
    cJSON_AddBoolToObject(object, "me", me);
    cJSON_AddItemToArray(list, object);
}

cJSON *sim_post_object(const struct sim_post *post, uint64_t viewer) {
    /* What the gateway adds to the object; the traffic's messages are stored with it. */
    static const char *const gateway_only[] = {"guild_id", "member", "channel_type", "nonce"};
    cJSON *object = cJSON_ParseWithLength(post->json, post->length);
    if (object == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(gateway_only) / sizeof(gateway_only[0]); i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(object, gateway_only[i]);
    }
    cJSON_ReplaceItemInObjectCaseSensitive(object, "pinned", cJSON_CreateBool(post->pinned));
    if (post->reactions != NULL) {
        cJSON *list = cJSON_AddArrayToObject(object, "reactions");
        for (const struct sim_reaction *at = post->reactions; at != NULL; at = at->next) {
            add_reaction(list, at, viewer);
        }
    }
    return object;
}

struct sim_reaction *sim_post_reaction(struct sim_post *post, const char *name, uint64_t id) {
    for (struct sim_reaction *at = post->reactions; at != NULL; at = at->next) {
        if (at->id == id && (id != 0 || strcmp(at->name, name) == 0)) {
            return at;
        }
    }
    return NULL;
}

static struct sim_reaction *make_reaction(struct sim_post *post, const char *name, uint64_t id) {
    struct sim_reaction *reaction = calloc(1, sizeof(*reaction));
    struct sim_reaction **at = &post->reactions;
    int kinds = 0;
    for (; *at != NULL; at = &(*at)->next) {
        kinds++;
    }
    if (reaction == NULL || kinds == SIM_REACTIONS_MOST) {
        free(reaction);
        return NULL;
    }
    text_copy(reaction->name, sizeof(reaction->name), name);
    reaction->id = id;
    *at = reaction;
    return reaction;
}

bool sim_post_react(struct sim_post *post, const char *name, uint64_t id, uint64_t user,
                    bool *full) {
    struct sim_reaction *reaction = sim_post_reaction(post, name, id);
    *full = false;
    for (uint32_t i = 0; reaction != NULL && i < reaction->count; i++) {
        if (reaction->users[i] == user) {
            return false;
        }
    }
    uint32_t count = reaction != NULL ? reaction->count : 0;
    uint64_t *users =
        realloc(reaction != NULL ? reaction->users : NULL, (count + 1) * sizeof(*users));
    if (users == NULL) {
        *full = true;
        return false;
    }
    if (reaction == NULL && (reaction = make_reaction(post, name, id)) == NULL) {
        free(users);
        *full = true;
        return false;
    }
    reaction->users = users;
    users[reaction->count++] = user;
    return true;
}

bool sim_post_unreact(struct sim_post *post, const char *name, uint64_t id, uint64_t user) {
    struct sim_reaction *reaction = sim_post_reaction(post, name, id);
    uint32_t kept = 0;
    if (reaction == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < reaction->count; i++) {
        if (user != 0 && reaction->users[i] != user) {
            reaction->users[kept++] = reaction->users[i];
        }
    }
    bool removed = kept < reaction->count;
    reaction->count = kept;
    if (kept == 0) {
        struct sim_reaction **at = &post->reactions;
        while (*at != reaction) {
            at = &(*at)->next;
        }
        *at = reaction->next;
        free_reaction(reaction);
    }
    return removed;
}

static void drop_oldest_file(struct sim_store *store) {
    struct sim_file **at = &store->files;
    while (*at != NULL && (*at)->next != NULL) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        store->file_bytes -= (*at)->length;
        free(*at);
        *at = NULL;
    }
}

struct sim_file *sim_store_add_file(struct sim_store *store, uint64_t channel_id, uint64_t id,
                                    const char *name, const char *type, const char *bytes,
                                    size_t length) {
    struct sim_file *file = length > SIM_FILE_MOST ? NULL : calloc(1, sizeof(*file) + length + 1);
    if (file == NULL) {
        return NULL;
    }
    while (store->files != NULL && store->file_bytes + length > SIM_FILES_BYTES) {
        drop_oldest_file(store);
    }
    file->id = id;
    file->channel_id = channel_id;
    text_copy(file->name, sizeof(file->name), name);
    text_copy(file->type, sizeof(file->type), type);
    file->length = length;
    if (length > 0) {
        memcpy(file->bytes, bytes, length);
    }
    file->next = store->files;
    store->files = file;
    store->file_bytes += length;
    return file;
}

const struct sim_file *sim_store_file(const struct sim_store *store, uint64_t channel_id,
                                      uint64_t id) {
    const struct sim_file *at = store->files;
    while (at != NULL && (at->id != id || at->channel_id != channel_id)) {
        at = at->next;
    }
    return at;
}
