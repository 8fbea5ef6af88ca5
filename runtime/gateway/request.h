/* gateway/request.h: what plugins may ask of the gateway, as the `d` of its message: checked, so
 * that nothing goes out for which Discord would close the connection. Each replaces the content of
 * out; false: *err. Pure. [any thread] */
#ifndef GATEWAY_REQUEST_H
#define GATEWAY_REQUEST_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OP_SOUNDBOARD_SOUNDS = 31, OP_CHANNEL_INFO = 43, REQUEST_GUILDS_MAX = 100 };

/* Op 3. json: an object with any of status, activities, since, afk; the others get their defaults:
 * online, none, null, false. */
bool request_presence(struct buf *out, const char *json, size_t length, struct err *err);
/* Op 4. channel 0: leave. */
bool request_voice_state(struct buf *out, uint64_t guild, uint64_t channel, bool mute, bool deaf,
                         struct err *err);
/* Op 31; all guilds must be of one shard. */
bool request_soundboard(struct buf *out, const uint64_t *guilds, size_t count, struct err *err);
/* Op 43: what voice channels of a guild say about themselves. */
bool request_channel_info(struct buf *out, uint64_t guild, bool status, bool voice_start_time,
                          struct err *err);

#endif
