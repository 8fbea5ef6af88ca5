/* gateway/network.h: what the shards of one network thread share: the WebSocket context, the
 * timings, the wake-up of ring readers once per batch, and one identify gate per token.
 * [the loop's thread] */
#ifndef GATEWAY_NETWORK_H
#define GATEWAY_NETWORK_H

#include "base/err.h"
#include "base/loop.h"
#include "gateway/identify.h"
#include "gateway/timings.h"

struct network;
struct identify_gate;
struct connection_host;
struct ring;

/* timings: copied; NULL for the defaults. loop: borrowed until destroy. Result: owned. */
struct network *network_create(struct loop *loop, const struct timings *timings, struct err *err);
/* All shards and gates made from it must be gone. Runs the loop for a moment so that sockets that
 * are still closing can end. NULL is fine. */
void network_destroy(struct network *network);

struct loop *network_loop(const struct network *network);
const struct timings *network_timings(const struct network *network);
struct connection_host *network_host(const struct network *network);
/* Wakes the ring's readers before the loop sleeps next; any number of calls cost one wake. */
void network_wake_later(struct network *network, struct ring *ring);
/* Sets descriptors aside for this many sockets. False (ERR_LIMIT): the process may not have that
 * many; nothing was set aside. Give them back with network_release(). */
bool network_reserve(struct network *network, size_t sockets, struct err *err);
void network_release(struct network *network, size_t sockets);
/* Forgets a ring that is about to be closed. */
void network_forget_ring(struct network *network, struct ring *ring);

/* The queue for IDENTIFY of one token. shards: how many will use it (sets how many failures the
 * circuit breaker allows). Result: owned; destroy it after its shards. */
struct identify_gate *identify_gate_create(struct network *network, unsigned shards,
                                           struct err *err);
/* fn is called from the loop when shards begin to wait for the budget or the circuit breaker
 * (ends_ms as in identify_gate_trouble()), and with IDENTIFY_FINE when that is over. */
typedef void identify_gate_wait_fn(void *arg, enum identify_trouble trouble, uint64_t ends_ms);
void identify_gate_on_wait(struct identify_gate *gate, identify_gate_wait_fn *fn, void *arg);
void identify_gate_destroy(struct identify_gate *gate);
/* What GET /gateway/bot said (session_start_limit). May be called again at any time. Without it
 * one IDENTIFY at a time is let through and no budget is known. */
void identify_gate_set_limits(struct identify_gate *gate, const struct identify_limits *limits);
/* The part that must survive a restart (times are wall-clock): store it in the callback
 * budget_changed of the shard, hand it back at the next start before limits are set. */
struct identify_budget identify_gate_budget(const struct identify_gate *gate);
void identify_gate_restore(struct identify_gate *gate, const struct identify_budget *budget);
/* How many IDENTIFYs are left, UINT32_MAX while unknown. */
uint32_t identify_gate_remaining(const struct identify_gate *gate);
/* How many it ever let through: for limits.asked_at. */
uint32_t identify_gate_spent(const struct identify_gate *gate);
/* Why no IDENTIFY is let through now; IDENTIFY_FINE: nothing is wrong. *ends_ms: wall clock, when
 * that ends by itself. */
enum identify_trouble identify_gate_trouble(const struct identify_gate *gate, uint64_t *ends_ms);

/* For shard.c: see identify.h. granted(arg) is called from the loop, never from inside these. */
struct identify_ticket;
void identify_gate_want(struct identify_gate *gate, struct identify_ticket *ticket, bool ready);
void identify_gate_cancel(struct identify_gate *gate, struct identify_ticket *ticket);
void identify_gate_refused(struct identify_gate *gate, unsigned shard);
void identify_gate_proven(struct identify_gate *gate);

#endif
