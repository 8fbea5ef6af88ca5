/* sim/guard.h: whether a browser may use the control endpoint: pages of other sites may not, by
 * whatever name they reach it. Pure. */
#ifndef SIM_GUARD_H
#define SIM_GUARD_H

#include <stdbool.h>

/* Headers of a request; "" when it has none. Programs that are no browsers send Host alone. */
struct sim_guard {
    const char *host;
    const char *origin;
    const char *site;   /* Sec-Fetch-Site */
    const char *listen; /* the name that the simulator was told to listen on */
    bool tls;
};

/* NULL: it may. Else why not, in a sentence. Static text.
 *
 * Host must be an address or a name that no stranger can point here: a page of a stranger whose
 * name has come to mean 127.0.0.1 (DNS rebinding) still sends that name. Origin must be this very
 * server. */
const char *sim_guard_refuses(const struct sim_guard *guard);

#endif
