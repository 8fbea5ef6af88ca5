/* bot/desk.h: where other threads ask a bot for gateway commands: presence, voice state, members,
 * soundboard, channel info. It outlives the bot's fleets, so that whoever asks need not know
 * whether there is one now.
 *
 * What is wrong with an order itself is refused at once; what becomes of it is told on the network
 * thread, once: handed to the shard, whose outbox keeps Discord's limits, or why not. */
#ifndef BOT_DESK_H
#define BOT_DESK_H

#include "base/err.h"
#include "base/loop.h"
#include "bot/fleet.h"
#include "gateway/members.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DESK_ORDERS_MAX = 1024 /* that the network thread has not taken yet */ };

struct desk;

/* err: NULL: it was handed over; for members: all of them came. [network thread] */
typedef void desk_done_fn(void *arg, const struct err *err);
/* A part of the members, as struct members_port says. [network thread] */
typedef void desk_chunk_fn(void *arg, const char *json, size_t length, unsigned index,
                           unsigned count);

/* net: the network thread's loop; borrowed until destroy. Result: owned. [any thread] */
struct desk *desk_create(struct loop *net, struct err *err);
/* Detached, and nothing that was posted to the loop may run any more. Orders that were not taken
 * are forgotten without a word. NULL is fine. [any thread] */
void desk_destroy(struct desk *desk);

/* The bot has these shards now; until desk_detach(), which must come before fleet_destroy().
 * False: no memory; orders are refused then. salt: see members_create(). [network thread] */
bool desk_attach(struct desk *desk, struct fleet *fleet, uint64_t salt, struct err *err);
/* Ends the requests for members. Not attached is fine. [network thread] */
void desk_detach(struct desk *desk);
/* For struct fleet_callbacks. [network thread] */
void desk_on_answer(struct desk *desk, unsigned shard, unsigned event, const uint8_t *bytes,
                    const struct json_span *d);
void desk_on_session(struct desk *desk, unsigned shard);

/* Each: false: refused, *err, done is not called. True: done (unless NULL) is called once, except
 * when the desk is destroyed before. Texts are copied. [any thread] */

/* Of all shards. json: see request_presence(). */
bool desk_presence(struct desk *desk, const char *json, size_t length, desk_done_fn *done,
                   void *arg, struct err *err);
/* channel 0: leave. */
bool desk_voice_state(struct desk *desk, uint64_t guild, uint64_t channel, bool mute, bool deaf,
                      desk_done_fn *done, void *arg, struct err *err);
/* The answer is the event SOUNDBOARD_SOUNDS. */
bool desk_soundboard(struct desk *desk, uint64_t guild, desk_done_fn *done, void *arg,
                     struct err *err);
/* The answer is the event CHANNEL_INFO. */
bool desk_channel_info(struct desk *desk, uint64_t guild, bool status, bool voice_start_time,
                       desk_done_fn *done, void *arg, struct err *err);
/* chunk: each part once, in the order in which they come; then done. */
bool desk_members(struct desk *desk, const struct members_query *query, desk_chunk_fn *chunk,
                  desk_done_fn *done, void *arg, struct err *err);

#endif
