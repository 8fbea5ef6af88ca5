/* bot/grants.h: which privileged intents Discord's portal grants a bot. Who asks for one that is
 * not granted is thrown out with 4014, whatever else its plugins could do; so it is asked before.
 * [control thread] */
#ifndef BOT_GRANTS_H
#define BOT_GRANTS_H

#include "base/loop.h"
#include "config/config.h"
#include "rest/client.h"

#include <stdbool.h>
#include <stdint.h>

struct rest;

enum { GRANTS_WAIT_MS = 3000 };

/* Zeroed: nobody has asked. */
struct grants {
    bool known;
    bool asked;          /* the time below holds; the answer may have been none */
    uint32_t privileged; /* the privileged intents that the bot may ask for, when known */
    uint64_t asked_ms;   /* monotonic */
};

/* Asks GET /applications/@me of the bot's rest_url and waits for the answer, GRANTS_WAIT_MS at
 * most. What Discord does not answer stays as it was. False: nothing answered at all there. The
 * REST thread, whose loop, client and calls these are, must run. */
bool grants_ask(struct grants *grants, const struct config_bot *bot, struct loop *rest,
                struct rest_client *client, struct rest *calls);

#endif
