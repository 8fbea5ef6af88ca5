/* bot/renewal.h: a configuration on its way to take another one's place: what prepare.c finds out
 * and renew.c carries out. Nobody else includes this. [control thread] */
#ifndef BOT_RENEWAL_H
#define BOT_RENEWAL_H

#include "bot/found.h"
#include "bot/house_inside.h"
#include "config/diff.h"

/* What a section of the new configuration means. */
struct plan {
    struct house_bot *old; /* the entry it had; NULL: it is new here. Until take_over() */
    bool known;            /* there was such an entry */
    struct bot *opened;    /* for it, when there was no bot yet */
    struct err failure;
    struct config_diff diff;
    bool rearm;
    int token_lock; /* -1: the token stays */
};

struct renewal {
    struct house *house;
    struct config *config; /* the new one, owned until it is the house's */
    struct config_report report;
    struct plan *plans;      /* one for each of config's bots */
    struct house_bot *bots;  /* the same, to become the house's */
    struct leaver **leavers; /* memory for those that go, as many as the house had bots */
    size_t leaver_count;
    struct found_list found; /* the plugins in its directories */
    struct buf *text;
    size_t logged; /* bytes of it */
};

/* Finds everything that can be found wrong, and takes what the change needs. False: *text or the
 * report says why, and renewal_put_back() is to be called. */
bool renewal_prepare(struct renewal *renewal);
/* Gives back what was taken for a change that does not come. */
void renewal_put_back(struct renewal *renewal);

#endif
