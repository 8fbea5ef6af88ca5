/* rest/application.h: what GET /applications/@me answers, as far as drey asks for it. Pure.
 * [any thread] */
#ifndef REST_APPLICATION_H
#define REST_APPLICATION_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Bits of *flags: what the application may do at the gateway, in full or (for those in fewer than a
 * hundred guilds) limited. */
enum application_flag {
    APPLICATION_PRESENCE = 1 << 12,
    APPLICATION_PRESENCE_LIMITED = 1 << 13,
    APPLICATION_GUILD_MEMBERS = 1 << 14,
    APPLICATION_GUILD_MEMBERS_LIMITED = 1 << 15,
    APPLICATION_MESSAGE_CONTENT = 1 << 18,
    APPLICATION_MESSAGE_CONTENT_LIMITED = 1 << 19,
};

/* Reads a response of status 200. False: what is wrong with it; *flags is unspecified. */
bool application_parse(const char *body, size_t length, uint32_t *flags, struct err *err);

#endif
