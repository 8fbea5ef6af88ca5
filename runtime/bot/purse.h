/* bot/purse.h: what a bot has spent of its IDENTIFYs, beyond the life of the process, and how that
 * is told to people. It lies beside the saved sessions and belongs to one token. [network thread]
 */
#ifndef BOT_PURSE_H
#define BOT_PURSE_H

#include "bot/sessions.h"
#include "gateway/network.h"

/* Gives the gate what the last run spent; nothing when the file holds none of this token. */
void purse_load(struct identify_gate *gate, const struct sessions *sessions, uint64_t token_hash);
/* Stores what the gate spent by now. */
void purse_store(const struct identify_gate *gate, struct sessions *sessions, uint64_t token_hash);
/* One line: why IDENTIFYs wait and until when (ends_ms: wall clock). False: they do not wait. */
bool purse_text(enum identify_trouble trouble, uint64_t ends_ms, char *out, size_t size);
/* The same as a line of the log, with what an operator can do; IDENTIFY_FINE: that the wait is
 * over. */
void purse_tell(const char *bot, const char *state_dir, enum identify_trouble trouble,
                uint64_t ends_ms);

#endif
