/* config/url.h: the values that are URLs. Pure. */
#ifndef CONFIG_URL_H
#define CONFIG_URL_H

#include "config/pool.h"
#include "config/value.h"

/* Checks a URL whose scheme is `scheme` or the same with an s behind it; a copy without slashes
 * at its end goes to *out. key: for the message. False: *wrong says what. */
bool config_url(const char *key, const char *text, const char *scheme, struct config_pool *pool,
                const char **out, struct config_wrong *wrong);
/* Whether the host of this URL is this machine for certain: localhost, ::1 or 127.x.y.z. */
bool config_url_is_local(const char *url);
/* Whether a token sent to this URL could be read on the way: neither encrypted nor loopback. */
bool config_url_is_open(const char *url);

#endif
