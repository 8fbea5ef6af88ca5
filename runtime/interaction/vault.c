/* interaction/vault.c: interaction tokens in a mapped file. */
#include "interaction/vault.h"

#include "base/fence.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    VERSION = 1,
    PAGE_BYTES = 4096,
    SLOTS_MIN = 16,
    SLOTS_MAX = 1 << 20,
    REACH = 16,           /* slots from an id's place on in which it may lie */
    AHEAD_MAX_MS = 60000, /* how far the wall clock may have been set back between two runs */
    SWEEP_BATCH = 512,    /* slots looked at under one lock */
};
#define MAGIC 0x746c756179657264u /* "dreyault" */

struct slot {
    uint32_t crc; /* of what follows */
    uint32_t mark;
    uint64_t interaction; /* 0: free */
    uint64_t application;
    uint64_t received_wall_ms;
    char token[VAULT_TOKEN_BYTES];
    uint64_t stand_in; /* zero in files of before */
    char reserved[88];
};
_Static_assert(sizeof(struct slot) == 512, "the file's layout");

struct vault {
    pthread_mutex_t mutex;
    uint32_t count;
    uint32_t dropped;
    size_t bytes;
    uint64_t *header; /* {magic, version, slots} */
    struct slot *slots;
    uint64_t *ends_ms; /* monotonic, one for each slot; 0: free. Spares looking at the pages */
};

static uint32_t slot_crc(const struct slot *slot) {
    size_t from = offsetof(struct slot, mark);
    return text_crc32c(0, (const char *)slot + from, sizeof(*slot) - from);
}

static bool slot_valid(const struct slot *slot) {
    return slot->interaction != 0 && slot->crc == slot_crc(slot) && slot->token[0] != '\0' &&
           memchr(slot->token, '\0', sizeof(slot->token)) != NULL;
}

static void wipe(struct slot *slot) {
    explicit_bzero(slot, sizeof(*slot));
}

/* The n-th slot in which this interaction may lie. */
static uint32_t place(const struct vault *vault, uint64_t interaction, uint32_t n) {
    uint64_t mixed = interaction * 0x9e3779b97f4a7c15u;
    return ((uint32_t)(mixed >> 32) + n) & (vault->count - 1);
}

/* Its slot; UINT32_MAX: it has none. */
static uint32_t find(const struct vault *vault, uint64_t interaction) {
    for (uint32_t n = 0; n < REACH; n++) {
        uint32_t at = place(vault, interaction, n);
        if (vault->slots[at].interaction == interaction) {
            return at;
        }
    }
    return UINT32_MAX;
}

/* A free slot, one that is over, or the oldest that it can have. */
static uint32_t choose(const struct vault *vault, uint64_t interaction) {
    uint32_t best = place(vault, interaction, 0);
    for (uint32_t n = 0; n < REACH; n++) {
        uint32_t at = place(vault, interaction, n);
        if (vault->slots[at].interaction == 0) {
            return at;
        }
        best = vault->ends_ms[at] < vault->ends_ms[best] ? at : best;
    }
    return best;
}

static void store(struct vault *vault, uint32_t at, const struct slot *from, uint64_t ends_ms) {
    struct slot *slot = &vault->slots[at];
    slot->interaction = 0; /* nothing until it is whole */
    FENCE(memory_order_release);
    memcpy((char *)slot + offsetof(struct slot, application),
           (const char *)from + offsetof(struct slot, application),
           sizeof(*slot) - offsetof(struct slot, application));
    slot->mark = from->mark;
    slot->crc = from->crc;
    FENCE(memory_order_release);
    slot->interaction = from->interaction;
    vault->ends_ms[at] = ends_ms;
}

/* ---- opening ---- */

/* Whether an entry of the file counts; if so, when it ends. */
static bool takes(const struct slot *slot, struct vault_times now, uint64_t *ends_ms) {
    uint64_t received_ms = slot->received_wall_ms;
    uint64_t age_ms = received_ms < now.wall_ms ? now.wall_ms - received_ms : 0;
    bool ahead = received_ms > now.wall_ms && received_ms - now.wall_ms > AHEAD_MAX_MS;
    *ends_ms = now.mono_ms + VAULT_LIFE_MS - (age_ms < VAULT_LIFE_MS ? age_ms : VAULT_LIFE_MS);
    return slot_valid(slot) && !ahead && age_ms < VAULT_LIFE_MS;
}

static bool is_empty(const struct slot *slot) {
    static const struct slot empty;
    return memcmp(slot, &empty, sizeof(empty)) == 0;
}

/* A file of our size: entries stay where they are, so that a kill meanwhile loses none. */
static void keep_in_place(struct vault *vault, struct vault_times now) {
    for (uint32_t i = 0; i < vault->count; i++) {
        struct slot *slot = &vault->slots[i];
        if (!is_empty(slot) &&
            (!takes(slot, now, &vault->ends_ms[i]) || find(vault, slot->interaction) != i)) {
            vault->dropped++;
            vault->ends_ms[i] = 0;
            wipe(slot);
        }
    }
    /* They were looked at for once; a hundred bots need not have them all in memory. */
    (void)madvise(vault->header, vault->bytes, MADV_DONTNEED);
}

/* A file of another size, of which old is a copy. */
static void move_over(struct vault *vault, const struct slot *old, size_t count,
                      struct vault_times now) {
    explicit_bzero(vault->slots, (size_t)vault->count * sizeof(struct slot));
    for (size_t i = 0; i < count; i++) {
        uint64_t ends_ms;
        if (is_empty(&old[i])) {
            continue;
        }
        if (takes(&old[i], now, &ends_ms) && find(vault, old[i].interaction) == UINT32_MAX) {
            store(vault, choose(vault, old[i].interaction), &old[i], ends_ms);
        } else {
            vault->dropped++;
        }
    }
}

/* How many whole slots the file has. */
static size_t slots_there(int fd) {
    struct stat status;
    if (fstat(fd, &status) != 0 || status.st_size <= PAGE_BYTES) {
        return 0;
    }
    size_t there = ((size_t)status.st_size - PAGE_BYTES) / sizeof(struct slot);
    return there < SLOTS_MAX ? there : SLOTS_MAX;
}

/* A copy of so many slots of the file. False: errno. */
static bool read_old(int fd, struct slot *old, size_t count) {
    size_t wanted = count * sizeof(*old);
    for (size_t have = 0; have < wanted;) {
        ssize_t part = pread(fd, (char *)old + have, wanted - have, (off_t)(PAGE_BYTES + have));
        if (part <= 0) {
            errno = part == 0 ? EIO : errno;
            return false;
        }
        have += (size_t)part;
    }
    return true;
}

/* Maps the file at our size. False: errno. */
static bool map(struct vault *vault, int fd) {
    vault->bytes = PAGE_BYTES + (size_t)vault->count * sizeof(struct slot);
    int code = ftruncate(fd, (off_t)vault->bytes) != 0 ? errno : 0;
    code = code == 0 ? posix_fallocate(fd, 0, (off_t)vault->bytes) : code;
    if (code != 0) {
        errno = code;
        return false;
    }
    void *mapped = mmap(NULL, vault->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) {
        return false;
    }
    vault->header = mapped;
    vault->slots = (struct slot *)(void *)((char *)mapped + PAGE_BYTES);
    return true;
}

static bool fill_from(struct vault *vault, int fd, struct vault_times now) {
    size_t there = slots_there(fd);
    bool moves = there > 0 && there != vault->count;
    struct slot *old = moves ? malloc(there * sizeof(*old)) : NULL;
    bool ok = (!moves || (old != NULL && read_old(fd, old, there))) && map(vault, fd);
    if (ok && !moves) {
        keep_in_place(vault, now);
    } else if (ok) {
        move_over(vault, old, there, now);
    }
    if (old != NULL) {
        explicit_bzero(old, there * sizeof(*old));
    }
    free(old);
    return ok;
}

static bool open_file(struct vault *vault, const char *path, struct vault_times now,
                      struct err *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = fd >= 0 && fchmod(fd, 0600) == 0 && fill_from(vault, fd, now);
    if (!ok) {
        err_system(err, "interactions %s: %zu KiB (free some space)", path,
                   (PAGE_BYTES + (size_t)vault->count * sizeof(struct slot)) / 1024);
    } else {
        vault->header[0] = MAGIC; /* whatever it was: each slot says for itself what it is */
        vault->header[1] = VERSION;
        vault->header[2] = vault->count;
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

struct vault *vault_open(const char *path, uint32_t slots, struct vault_times now,
                         struct err *err) {
    if (slots < SLOTS_MIN || slots > SLOTS_MAX || (slots & (slots - 1)) != 0) {
        err_set(err, ERR_LIMIT, "interactions: %u slots: a power of two from %d to %d", slots,
                SLOTS_MIN, SLOTS_MAX);
        return NULL;
    }
    struct vault *vault = calloc(1, sizeof(*vault));
    uint64_t *ends_ms = calloc(slots, sizeof(*ends_ms));
    if (vault == NULL || ends_ms == NULL) {
        free(vault);
        free(ends_ms);
        err_set(err, ERR_NO_MEMORY, "interactions %s", path);
        return NULL;
    }
    vault->count = slots;
    vault->ends_ms = ends_ms;
    (void)pthread_mutex_init(&vault->mutex, NULL);
    if (!open_file(vault, path, now, err)) {
        vault_close(vault);
        return NULL;
    }
    return vault;
}

void vault_close(struct vault *vault) {
    if (vault == NULL) {
        return;
    }
    if (vault->header != NULL) {
        munmap(vault->header, vault->bytes);
    }
    (void)pthread_mutex_destroy(&vault->mutex);
    free(vault->ends_ms);
    free(vault);
}

uint32_t vault_dropped(const struct vault *vault) {
    return vault->dropped;
}

/* ---- entries ---- */

bool vault_put(struct vault *vault, const struct vault_entry *entry, struct vault_times now) {
    size_t length = strnlen(entry->token, sizeof(entry->token));
    if (entry->interaction == 0 || length == 0 || length == sizeof(entry->token)) {
        return false;
    }
    struct slot slot = {.mark = entry->mark,
                        .interaction = entry->interaction,
                        .application = entry->application,
                        .stand_in = entry->stand_in,
                        .received_wall_ms = now.wall_ms};
    memcpy(slot.token, entry->token, length);
    slot.crc = slot_crc(&slot);
    (void)pthread_mutex_lock(&vault->mutex);
    uint32_t at = find(vault, entry->interaction);
    if (at == UINT32_MAX || vault->ends_ms[at] <= now.mono_ms) {
        at = at == UINT32_MAX ? choose(vault, entry->interaction) : at;
        store(vault, at, &slot, now.mono_ms + VAULT_LIFE_MS);
    }
    (void)pthread_mutex_unlock(&vault->mutex);
    explicit_bzero(&slot, sizeof(slot));
    return true;
}

bool vault_find(struct vault *vault, uint64_t interaction, uint64_t mono_ms,
                struct vault_entry *out) {
    memset(out, 0, sizeof(*out));
    (void)pthread_mutex_lock(&vault->mutex);
    uint32_t at = interaction != 0 ? find(vault, interaction) : UINT32_MAX;
    const struct slot *slot = at != UINT32_MAX ? &vault->slots[at] : NULL;
    /* checked anew: the file is a file, and others may have written to it */
    bool found = slot != NULL && vault->ends_ms[at] > mono_ms && slot_valid(slot);
    if (found) {
        out->interaction = slot->interaction;
        out->application = slot->application;
        out->mark = slot->mark;
        out->stand_in = slot->stand_in;
        out->ends_ms = vault->ends_ms[at];
        memcpy(out->token, slot->token, sizeof(out->token));
    }
    (void)pthread_mutex_unlock(&vault->mutex);
    return found;
}

void vault_mark(struct vault *vault, uint64_t interaction, uint32_t mark) {
    (void)pthread_mutex_lock(&vault->mutex);
    uint32_t at = interaction != 0 ? find(vault, interaction) : UINT32_MAX;
    if (at != UINT32_MAX) {
        /* Killed between the two stores, the entry is lost: no answer is better than two. */
        vault->slots[at].mark = mark;
        FENCE(memory_order_release);
        vault->slots[at].crc = slot_crc(&vault->slots[at]);
    }
    (void)pthread_mutex_unlock(&vault->mutex);
}

void vault_stand_in(struct vault *vault, uint64_t interaction, uint64_t message) {
    (void)pthread_mutex_lock(&vault->mutex);
    uint32_t at = interaction != 0 ? find(vault, interaction) : UINT32_MAX;
    if (at != UINT32_MAX) {
        vault->slots[at].stand_in = message;
        FENCE(memory_order_release);
        vault->slots[at].crc = slot_crc(&vault->slots[at]);
    }
    (void)pthread_mutex_unlock(&vault->mutex);
}

void vault_forget(struct vault *vault, uint64_t interaction) {
    (void)pthread_mutex_lock(&vault->mutex);
    uint32_t at = interaction != 0 ? find(vault, interaction) : UINT32_MAX;
    if (at != UINT32_MAX) {
        wipe(&vault->slots[at]);
        vault->ends_ms[at] = 0;
    }
    (void)pthread_mutex_unlock(&vault->mutex);
}

uint32_t vault_sweep(struct vault *vault, uint64_t mono_ms) {
    uint32_t left = 0;
    for (uint32_t from = 0; from < vault->count; from += SWEEP_BATCH) {
        (void)pthread_mutex_lock(&vault->mutex); /* the network thread never waits for all of it */
        for (uint32_t at = from; at < from + SWEEP_BATCH && at < vault->count; at++) {
            if (vault->ends_ms[at] == 0) {
                continue;
            }
            if (vault->ends_ms[at] <= mono_ms) {
                wipe(&vault->slots[at]);
                vault->ends_ms[at] = 0;
            } else {
                left++;
            }
        }
        (void)pthread_mutex_unlock(&vault->mutex);
    }
    return left;
}
