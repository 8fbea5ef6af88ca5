/* bot/sessions.c: saved gateway sessions in a mapped file. */
#include "bot/sessions.h"

#include "base/fence.h"
#include "base/text.h"
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSION = 2, FIRST_VERSION = 1, PAGE_BYTES = 4096 };
enum { OLD_NOTE_AT = 1024, NOTES_AT = 2048, NOTE_MAX = 1008 };
#define MAGIC 0x7373657379657264u /* "dreysess" */

struct slot {
    uint32_t crc; /* of what follows up to seq */
    uint32_t version;
    uint64_t generation; /* the higher one counts; 0: never used */
    uint64_t token_hash;
    uint64_t saved_ms;
    uint32_t shard_count;
    uint32_t intents;
    char session_id[128];
    char resume_url[256];
    _Atomic uint64_t seq;
    _Atomic uint64_t ring_head; /* up to which the ring holds nothing newer than seq */
    char reserved[72];
};
_Static_assert(sizeof(struct slot) == 512, "the file's layout");

struct entry {
    struct slot slots[2];
};

struct sessions {
    uint32_t shards;
    uint32_t dropped;
    size_t bytes;
    struct entry *entries; /* behind the first page of the file */
    uint64_t *header;      /* {magic, version} */
};

static uint32_t slot_crc(const struct slot *slot) {
    size_t from = offsetof(struct slot, version);
    return text_crc32c(0, (const char *)slot + from, offsetof(struct slot, seq) - from);
}

static bool slot_valid(const struct slot *slot) {
    return slot->version == VERSION && slot->generation > 0 && slot->crc == slot_crc(slot) &&
           memchr(slot->session_id, '\0', sizeof(slot->session_id)) != NULL &&
           memchr(slot->resume_url, '\0', sizeof(slot->resume_url)) != NULL;
}

/* The slot that counts, NULL when neither does. */
static struct slot *current(const struct sessions *sessions, uint32_t shard) {
    struct slot *slots = sessions->entries[shard].slots;
    bool first = slot_valid(&slots[0]);
    bool second = slot_valid(&slots[1]);
    if (first && second) {
        return slots[1].generation > slots[0].generation ? &slots[1] : &slots[0];
    }
    return first ? &slots[0] : second ? &slots[1] : NULL;
}

/* Version 1 did not know where the ring was: what a kill -9 had published but not counted comes
 * twice then. */
static void read_on(struct sessions *sessions) {
    for (uint32_t shard = 0; shard < sessions->shards; shard++) {
        for (size_t i = 0; i < 2; i++) {
            struct slot *slot = &sessions->entries[shard].slots[i];
            if (slot->version == FIRST_VERSION && slot->generation > 0 &&
                slot->crc == slot_crc(slot)) {
                slot->version = VERSION;
                atomic_store(&slot->ring_head, UINT64_MAX);
                slot->crc = slot_crc(slot);
            }
        }
    }
}

/* A slot that was torn while it was written must not take the place of the one before. */
static void drop_torn(struct sessions *sessions) {
    for (uint32_t shard = 0; shard < sessions->shards; shard++) {
        for (size_t i = 0; i < 2; i++) {
            struct slot *slot = &sessions->entries[shard].slots[i];
            if (slot->generation > 0 && !slot_valid(slot)) {
                memset(slot, 0, sizeof(*slot));
                sessions->dropped++;
            }
        }
    }
}

/* What an earlier run with more shards left behind is kept: its loss has to be told. */
static uint32_t at_least(int fd, uint32_t shards) {
    struct stat status;
    size_t there = 0;
    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size > PAGE_BYTES) {
        there = ((size_t)status.st_size - PAGE_BYTES) / sizeof(struct entry);
    }
    return there > shards && there <= CONFIG_SHARDS_MAX ? (uint32_t)there : shards;
}

struct sessions *sessions_open(const char *path, uint32_t shards, struct err *err) {
    if (shards == 0 || shards > CONFIG_SHARDS_MAX) {
        err_set(err, ERR_LIMIT, "%u shards: at most %d", shards, CONFIG_SHARDS_MAX);
        return NULL;
    }
    struct sessions *sessions = calloc(1, sizeof(*sessions));
    if (sessions == NULL) {
        err_set(err, ERR_NO_MEMORY, "sessions %s", path);
        return NULL;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    sessions->shards = at_least(fd, shards);
    sessions->bytes = PAGE_BYTES + (size_t)sessions->shards * sizeof(struct entry);
    int code = fd < 0 ? errno : posix_fallocate(fd, 0, (off_t)sessions->bytes);
    void *map = MAP_FAILED;
    if (code == 0) {
        map = mmap(NULL, sessions->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        code = map == MAP_FAILED ? errno : 0;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (code != 0) {
        errno = code;
        err_system(err, "sessions %s", path);
        free(sessions);
        return NULL;
    }
    sessions->header = map;
    sessions->entries = (struct entry *)(void *)((char *)map + PAGE_BYTES);
    read_on(sessions);
    sessions->header[0] = MAGIC; /* whatever it was: each slot says for itself what it is */
    sessions->header[1] = VERSION;
    drop_torn(sessions);
    return sessions;
}

uint32_t sessions_dropped(const struct sessions *sessions) {
    return sessions->dropped;
}

void sessions_close(struct sessions *sessions) {
    if (sessions != NULL) {
        munmap(sessions->header, sessions->bytes);
        free(sessions);
    }
}

static bool is_of(const struct slot *slot, uint32_t shard_count, uint64_t token_hash) {
    return slot->shard_count == shard_count && slot->token_hash == token_hash;
}

/* The shard's slot when it holds a session. */
static const struct slot *stored(const struct sessions *sessions, uint32_t shard) {
    const struct slot *slot = shard < sessions->shards ? current(sessions, shard) : NULL;
    return slot != NULL && slot->session_id[0] != '\0' ? slot : NULL;
}

static void copy_out(const struct slot *slot, struct saved_session *out) {
    *out = (struct saved_session){.shard_count = slot->shard_count,
                                  .intents = slot->intents,
                                  .token_hash = slot->token_hash,
                                  .saved_ms = slot->saved_ms,
                                  .seq = atomic_load(&slot->seq),
                                  .ring_head = atomic_load(&slot->ring_head)};
    memcpy(out->session_id, slot->session_id, sizeof(out->session_id));
    memcpy(out->resume_url, slot->resume_url, sizeof(out->resume_url));
}

bool sessions_load(const struct sessions *sessions, uint32_t shard, uint32_t shard_count,
                   uint64_t token_hash, struct saved_session *out) {
    const struct slot *slot = stored(sessions, shard);
    if (slot == NULL || !is_of(slot, shard_count, token_hash)) {
        return false;
    }
    copy_out(slot, out);
    return true;
}

bool sessions_orphan(const struct sessions *sessions, uint32_t shard, uint32_t shard_count,
                     uint64_t token_hash, struct saved_session *out) {
    const struct slot *slot = stored(sessions, shard);
    if (slot == NULL || is_of(slot, shard_count, token_hash)) {
        return false;
    }
    copy_out(slot, out);
    return true;
}

uint32_t sessions_count(const struct sessions *sessions) {
    return sessions->shards;
}

void sessions_save(struct sessions *sessions, uint32_t shard, const struct saved_session *saved) {
    if (shard >= sessions->shards) {
        return;
    }
    const struct slot *old = current(sessions, shard);
    struct slot *slots = sessions->entries[shard].slots;
    struct slot *slot = old == &slots[0] ? &slots[1] : &slots[0];
    uint64_t generation = old != NULL ? old->generation + 1 : 1;
    slot->crc = 0; /* invalid until it is whole */
    FENCE(memory_order_release);
    slot->version = VERSION;
    slot->generation = generation;
    slot->token_hash = saved->token_hash;
    slot->saved_ms = saved->saved_ms;
    slot->shard_count = saved->shard_count;
    slot->intents = saved->intents;
    memcpy(slot->session_id, saved->session_id, sizeof(slot->session_id));
    memcpy(slot->resume_url, saved->resume_url, sizeof(slot->resume_url));
    atomic_store(&slot->seq, saved->seq);
    atomic_store(&slot->ring_head, saved->ring_head);
    uint32_t crc = slot_crc(slot);
    FENCE(memory_order_release); /* whole before it is valid */
    slot->crc = crc;
}

void sessions_set_seq(struct sessions *sessions, uint32_t shard, uint64_t seq, uint64_t ring_head) {
    /* Both slots are valid or zero since sessions_open; the generation alone decides here, because
     * this runs once per event. Killed before either store, or between them: the ring is scanned
     * from the old place and the newer seq counts. The other order would skip an event. */
    if (shard < sessions->shards) {
        struct slot *slots = sessions->entries[shard].slots;
        struct slot *slot = slots[1].generation > slots[0].generation ? &slots[1] : &slots[0];
        atomic_store_explicit(&slot->seq, seq, memory_order_release);
        atomic_store_explicit(&slot->ring_head, ring_head, memory_order_release);
    }
}

void sessions_clear(struct sessions *sessions, uint32_t shard) {
    const struct saved_session none = {0};
    sessions_save(sessions, shard, &none);
}

/* The note lies twice in the first page, so that a kill in the middle of a store leaves the one
 * before. The first version kept one, as {crc, length, bytes}. */
struct note_slot {
    uint32_t crc; /* of what follows, up to the note's end */
    uint32_t length;
    uint64_t generation; /* the higher one counts */
    uint8_t bytes[NOTE_MAX];
};
_Static_assert(sizeof(struct note_slot) == 1024, "two of them end the first page");

static struct note_slot *note_slots(const struct sessions *sessions) {
    return (struct note_slot *)(void *)((char *)sessions->header + NOTES_AT);
}

static uint32_t note_crc(const struct note_slot *slot) {
    size_t from = offsetof(struct note_slot, length);
    return text_crc32c(0, (const char *)slot + from,
                       offsetof(struct note_slot, bytes) - from + slot->length);
}

static bool note_valid(const struct note_slot *slot) {
    return slot->length > 0 && slot->length <= NOTE_MAX && slot->crc == note_crc(slot);
}

static const struct note_slot *current_note(const struct sessions *sessions) {
    const struct note_slot *slots = note_slots(sessions);
    bool first = note_valid(&slots[0]);
    bool second = note_valid(&slots[1]);
    if (first && second) {
        return slots[1].generation > slots[0].generation ? &slots[1] : &slots[0];
    }
    return first ? &slots[0] : second ? &slots[1] : NULL;
}

static bool old_note(const struct sessions *sessions, void *out, size_t length) {
    const uint32_t *place =
        (const uint32_t *)(const void *)((const char *)sessions->header + OLD_NOTE_AT);
    if (length > NOTE_MAX || place[1] != length || place[0] != text_crc32c(0, place + 2, length)) {
        return false;
    }
    memcpy(out, place + 2, length);
    return true;
}

bool sessions_note(const struct sessions *sessions, void *out, size_t length) {
    const struct note_slot *slot = current_note(sessions);
    if (slot == NULL) {
        return old_note(sessions, out, length);
    }
    if (slot->length != length) {
        return false;
    }
    memcpy(out, slot->bytes, length);
    return true;
}

void sessions_set_note(struct sessions *sessions, const void *note, size_t length) {
    struct note_slot *slots = note_slots(sessions);
    const struct note_slot *old = current_note(sessions);
    struct note_slot *slot = old == &slots[0] ? &slots[1] : &slots[0];
    if (length == 0 || length > NOTE_MAX) {
        return;
    }
    slot->crc = 0;
    FENCE(memory_order_release);
    slot->length = (uint32_t)length;
    slot->generation = old != NULL ? old->generation + 1 : 1;
    memcpy(slot->bytes, note, length);
    uint32_t crc = note_crc(slot);
    FENCE(memory_order_release); /* whole before it is valid */
    slot->crc = crc;
}

void sessions_sync(struct sessions *sessions) {
    (void)msync(sessions->header, sessions->bytes, MS_ASYNC);
}
