/* bot/address.h: where a bot's gateway is: asks GET /gateway/bot on the REST thread, again when
 * that fails, and not before Discord wants to be asked. [network thread, all of it, unless said] */
#ifndef BOT_ADDRESS_H
#define BOT_ADDRESS_H

#include "base/err.h"
#include "bot/bot.h"
#include "rest/gatewaybot.h"

struct address;

/* Called on the network thread, never from inside address_ask(). */
struct address_callbacks {
    void *arg;
    /* answer: borrowed for the call; asked_at: as it was given to address_ask(). */
    void (*found)(void *arg, const struct gatewaybot *answer, uint32_t asked_at);
    /* status: HTTP's, 0 when there was no answer. False: somebody else will ask again; true: due()
     * is wanted after a while. */
    bool (*failed)(void *arg, long status, const struct err *why);
    /* It is time to ask again. */
    void (*due)(void *arg);
};

/* options, threads: borrowed until destroy; callbacks: copied. *not_before_ms (of the network
 * loop's clock; 0 at first): before that Discord does not want to be asked; borrowed until destroy
 * and kept beyond, for the next one that asks with the same token. Result: owned. */
struct address *address_create(const struct bot_options *options, const struct bot_threads *threads,
                               uint64_t *not_before_ms, const struct address_callbacks *callbacks,
                               struct err *err);
/* No answer from the REST thread may be under way: after address_stop() and address_cancel(), or
 * when that thread has ended. NULL is fine. */
void address_destroy(struct address *address);

/* Asks, unless that is under way; found() or failed() follows. asked_at: IDENTIFYs that have gone
 * out before, for found(). Result: 0, or in how many ms it may be asked; then due() follows. */
uint64_t address_ask(struct address *address, uint32_t asked_at);
/* Calls nobody back any more. */
void address_stop(struct address *address);
/* After address_stop(): a question that is still under way is given up. [REST thread] */
void address_cancel(struct address *address);

#endif
