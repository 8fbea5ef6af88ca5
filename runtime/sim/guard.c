/* sim/guard.c: Host, Origin and Sec-Fetch-Site of a request to the control endpoint. Pure. */
#include "sim/guard.h"

#include <string.h>
#include <strings.h>

/* The length of the name in HOST or HOST:PORT; an IPv6 address keeps its brackets. */
static size_t name_length(const char *host) {
    const char *end = *host == '[' ? strchr(host, ']') : NULL;
    return end != NULL ? (size_t)(end - host) + 1 : strcspn(host, ":");
}

static bool consists_of(const char *text, size_t length, const char *set) {
    for (size_t i = 0; i < length; i++) {
        if (strchr(set, text[i]) == NULL) {
            return false;
        }
    }
    return length > 0;
}

static bool is_address(const char *host, size_t length) {
    if (host[0] == '[') {
        return length > 2 && host[length - 1] == ']' &&
               consists_of(host + 1, length - 2, "0123456789abcdefABCDEF:.");
    }
    /* No name of the DNS ends in a number, so digits and dots are an address. */
    return consists_of(host, length, "0123456789.");
}

static bool ends_in(const char *host, size_t length, const char *end) {
    size_t size = strlen(end);
    return length >= size && strncasecmp(host + length - size, end, size) == 0;
}

static bool is_ours(const struct sim_guard *guard) {
    size_t length = name_length(guard->host);
    const char *after = guard->host + length;
    if (*after != '\0' && (*after != ':' || strspn(after + 1, "0123456789") != strlen(after + 1))) {
        return false;
    }
    return is_address(guard->host, length) ||
           (length == 9 && ends_in(guard->host, length, "localhost")) ||
           ends_in(guard->host, length, ".localhost") ||
           (length == strlen(guard->listen) && ends_in(guard->host, length, guard->listen));
}

static bool same_origin(const struct sim_guard *guard) {
    const char *scheme = guard->tls ? "https://" : "http://";
    size_t length = strlen(scheme);
    return strncmp(guard->origin, scheme, length) == 0 &&
           strcasecmp(guard->origin + length, guard->host) == 0;
}

const char *sim_guard_refuses(const struct sim_guard *guard) {
    if (guard->host[0] != '\0' && !is_ours(guard)) {
        return "the control endpoint answers to addresses such as 127.0.0.1, to localhost and to "
               "the name of --listen; ask it by one of these";
    }
    if (guard->origin[0] != '\0' && !same_origin(guard)) {
        return "the control endpoint is not there for pages of other origins";
    }
    if (guard->site[0] != '\0' && strcmp(guard->site, "same-origin") != 0 &&
        strcmp(guard->site, "none") != 0) {
        return "the control endpoint is not there for pages of other sites";
    }
    return NULL;
}
