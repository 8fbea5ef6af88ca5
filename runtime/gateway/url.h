/* gateway/url.h: gateway URLs brought into one form: scheme, host, port, path and the parameters
 * that every connection must carry, whatever form the server gave them in. Pure. [any thread] */
#ifndef GATEWAY_URL_H
#define GATEWAY_URL_H

#include "base/err.h"
#include "gateway/inflate.h"

#include <stdbool.h>
#include <stdint.h>

struct gateway_url {
    bool tls;
    uint16_t port;
    char host[256]; /* a name or a literal address, an IPv6 one without its brackets */
    char path[640]; /* from the first '/', with ?v=10&encoding=json and compress as needed */
};

/* text: ws:// or wss://, with or without port, path, query. v, encoding and compress in it are
 * replaced, other parameters kept. User names and fragments are refused. */
bool gateway_url_parse(const char *text, enum compress compress, struct gateway_url *url,
                       struct err *err);
/* "host" or "host:port" or "[v6]:port" for the Host header and the log. */
void gateway_url_authority(const struct gateway_url *url, char *out, size_t size);

#endif
