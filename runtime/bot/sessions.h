/* bot/sessions.h: the gateway sessions of one bot, kept across restarts and kill -9.
 * One file, mapped; per shard two slots with checksums, so that a session is either the old one
 * or the new one, never half of each. The sequence number lives in its session's slot, beside the
 * ring's head at that time: two plain atomic stores per event. An event is published first and
 * counted here afterwards; who loads a session asks the ring for what lies between
 * (ring_last_seq), so that a kill -9 there does not bring the event twice. [network thread] */
#ifndef BOT_SESSIONS_H
#define BOT_SESSIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sessions;

struct saved_session {
    char session_id[128];
    char resume_url[256];
    uint32_t shard_count;
    uint32_t intents;
    uint64_t token_hash; /* a session of another token is never offered */
    uint64_t saved_ms;   /* wall clock, when it was saved */
    uint64_t seq;
    uint64_t ring_head; /* records of the shard from here on may be newer than seq */
};

/* shards: how many shards may ever be saved here (the bot's total). What carries no valid checksum
 * is dropped: a session is worth one IDENTIFY, no more. Result: owned. */
struct sessions *sessions_open(const char *path, uint32_t shards, struct err *err);
/* How many entries were found damaged, or cut off by a kill while they were written. */
uint32_t sessions_dropped(const struct sessions *sessions);
void sessions_close(struct sessions *sessions);

/* The shard's session, if there is one of this token and shard count. */
bool sessions_load(const struct sessions *sessions, uint32_t shard, uint32_t shard_count,
                   uint64_t token_hash, struct saved_session *out);
/* The shard's session that sessions_load() does not give, because it is of another token or shard
 * count: it cannot be resumed, and what came since is lost. */
bool sessions_orphan(const struct sessions *sessions, uint32_t shard, uint32_t shard_count,
                     uint64_t token_hash, struct saved_session *out);
/* How many shards are stored here: those asked for, or more that an earlier run had. */
uint32_t sessions_count(const struct sessions *sessions);
/* Replaces the shard's session, saved->seq included. saved->ring_head: the ring's head before the
 * session's first event is published. */
void sessions_save(struct sessions *sessions, uint32_t shard, const struct saved_session *saved);
/* Moves the sequence number of the shard's session; call it after the event is published.
 * ring_head: the ring's head behind that event. */
void sessions_set_seq(struct sessions *sessions, uint32_t shard, uint64_t seq, uint64_t ring_head);
/* Forgets the shard's session. */
void sessions_clear(struct sessions *sessions, uint32_t shard);
/* A note of 1 to 1008 bytes beside the sessions (the IDENTIFY budget); a kill in the middle of a
 * store leaves the one before. sessions_note: false when
 * there is none of exactly this length. */
bool sessions_note(const struct sessions *sessions, void *out, size_t length);
void sessions_set_note(struct sessions *sessions, const void *note, size_t length);
/* Starts writing the pages to disk; for power loss, not for kill -9. */
void sessions_sync(struct sessions *sessions);

#endif
