/* gateway/closecode.h: what each WebSocket close code of Discord's gateway means for the session,
 * and in words for people. Pure. [any thread] */
#ifndef GATEWAY_CLOSECODE_H
#define GATEWAY_CLOSECODE_H

#include <stdbool.h>
#include <stddef.h>

enum close_policy {
    CLOSE_RESUME,       /* reconnect and RESUME */
    CLOSE_RESUME_LATER, /* the same after a pause */
    CLOSE_RESUME_ONCE,  /* RESUME; the second time in a row a new session */
    CLOSE_IDENTIFY,     /* the session is gone: reconnect and IDENTIFY */
    CLOSE_FATAL,        /* do not come back before the operator changed something */
};

enum {
    CLOSE_CODE_NONE = 0,
    CLOSE_CODE_NORMAL = 1000,
    CLOSE_CODE_OURS = 4900, /* what we send to keep the session resumable */
};

struct close_row {
    unsigned code;    /* 0: the row for all that are not listed */
    const char *name; /* Discord's name for it */
    enum close_policy policy;
    bool our_bug;       /* would mean that this client misbehaved */
    const char *what;   /* what happened */
    const char *advice; /* what a person can do; "" where nothing needs doing */
};

/* Never NULL; borrowed for ever. code 0: the connection ended without a close code. */
const struct close_row *close_find(unsigned code);
/* For walking through the table; NULL behind the last row. */
const struct close_row *close_row(size_t row);

#endif
