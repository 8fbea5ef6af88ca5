/* gateway/proxy.h: which HTTP proxy, if any, a connection goes through, by the customary
 * environment variables. Pure: their values are arguments. [any thread] */
#ifndef GATEWAY_PROXY_H
#define GATEWAY_PROXY_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Values of the variables, NULL where unset; of each pair the lower-case one counts first. */
struct proxy_settings {
    const char *https_proxy; /* for wss */
    const char *http_proxy;  /* for ws */
    const char *all_proxy;   /* for both, when the one above is unset */
    const char *no_proxy;    /* "*", or names and domains between commas */
};

struct proxy {
    char host[256]; /* empty: connect directly */
    uint16_t port;
    char login[256]; /* "user:password" or empty */
};

/* Fills *proxy. Loopback addresses never go through a proxy. False: the setting makes no sense or
 * is not an HTTP proxy. */
bool proxy_choose(const struct proxy_settings *settings, bool tls, const char *host,
                  struct proxy *proxy, struct err *err);

#endif
