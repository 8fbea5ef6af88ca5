/* bot/orders.h: what other threads ask of a bot's gateway: presence, voice state, members,
 * soundboard, channel info. It outlives the bot's fleets, so that whoever asks need not know
 * whether there is one now.
 *
 * What is wrong with an order itself is refused at once; what becomes of it is told on the network
 * thread, once: handed to the shard, whose outbox keeps Discord's limits, or why not. */
#ifndef BOT_ORDERS_H
#define BOT_ORDERS_H

#include "base/err.h"
#include "base/loop.h"
#include "bot/fleet.h"
#include "gateway/members.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ORDERS_MAX = 1024 /* that the network thread has not taken yet */ };

struct orders;

/* err: NULL: it was handed over; for members: all of them came. [network thread] */
typedef void orders_done_fn(void *arg, const struct err *err);
/* A part of the members, as struct members_port says. [network thread] */
typedef void orders_chunk_fn(void *arg, const char *json, size_t length, unsigned index,
                             unsigned count);

/* net: the network thread's loop; borrowed until destroy. Result: owned. [any thread] */
struct orders *orders_create(struct loop *net, struct err *err);
/* Detached, and nothing that was posted to the loop may run any more. Orders that were not taken
 * are forgotten without a word. NULL is fine. [any thread] */
void orders_destroy(struct orders *orders);

/* The bot has these shards now; until orders_detach(), which must come before fleet_destroy().
 * False: no memory; orders are refused then. salt: see members_create(). [network thread] */
bool orders_attach(struct orders *orders, struct fleet *fleet, uint64_t salt, struct err *err);
/* Ends the requests for members. Not attached is fine. [network thread] */
void orders_detach(struct orders *orders);
/* For struct fleet_callbacks. [network thread] */
void orders_on_answer(struct orders *orders, unsigned shard, unsigned event, const uint8_t *bytes,
                      const struct json_span *d);
void orders_on_session(struct orders *orders, unsigned shard);
void orders_on_resumed(struct orders *orders, unsigned shard);

/* Each: false: refused, *err, done is not called. True: done (unless NULL) is called once, except
 * when the orders is destroyed before. Texts are copied. [any thread] */

/* Of all shards. json: see request_presence(). */
bool orders_presence(struct orders *orders, const char *json, size_t length, orders_done_fn *done,
                     void *arg, struct err *err);
/* channel 0: leave. */
bool orders_voice_state(struct orders *orders, uint64_t guild, uint64_t channel, bool mute,
                        bool deaf, orders_done_fn *done, void *arg, struct err *err);
/* The answer is the event SOUNDBOARD_SOUNDS. */
bool orders_soundboard(struct orders *orders, uint64_t guild, orders_done_fn *done, void *arg,
                       struct err *err);
/* The answer is the event CHANNEL_INFO. */
bool orders_channel_info(struct orders *orders, uint64_t guild, bool status, bool voice_start_time,
                         orders_done_fn *done, void *arg, struct err *err);
/* chunk: each part once, in the order in which they come; then done. */
bool orders_members(struct orders *orders, const struct members_query *query,
                    orders_chunk_fn *chunk, orders_done_fn *done, void *arg, struct err *err);
/* Any of those, from the `d` of its message as Discord describes it: op 3, 4, 8, 31 (one guild) or
 * 43. chunk: for op 8 alone, else not called. */
bool orders_json(struct orders *orders, unsigned op, const char *json, size_t length,
                 orders_chunk_fn *chunk, orders_done_fn *done, void *arg, struct err *err);

#endif
