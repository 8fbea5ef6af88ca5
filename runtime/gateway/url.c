/* gateway/url.c: parses and normalises gateway URLs. */
#include "gateway/url.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool bad(struct err *err, const char *text, const char *why) {
    return err_set(err, ERR_INVALID, "gateway address \"%.200s\": %s", text, why);
}

static bool host_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

static bool clean(const char *text) {
    for (const char *at = text; *at != '\0'; at++) {
        if (*at <= ' ' || *at >= 0x7f) {
            return false;
        }
    }
    return true;
}

/* Reads the host at *at; moves behind it. */
static bool take_host(const char **at, struct gateway_url *url) {
    const char *start = *at;
    const char *end = start;
    if (*start == '[') {
        start++;
        end = strchr(start, ']');
        if (end == NULL || strspn(start, "0123456789abcdefABCDEF:.") != (size_t)(end - start)) {
            return false;
        }
        *at = end + 1;
    } else {
        while (host_char(*end)) {
            end++;
        }
        *at = end;
    }
    size_t length = (size_t)(end - start);
    if (length == 0 || length >= sizeof(url->host)) {
        return false;
    }
    memcpy(url->host, start, length);
    url->host[length] = '\0';
    return true;
}

static bool take_port(const char **at, struct gateway_url *url) {
    url->port = url->tls ? 443 : 80;
    if (**at != ':') {
        return true;
    }
    unsigned port = 0;
    const char *digit = ++*at;
    while (*digit >= '0' && *digit <= '9' && port < 65536) {
        port = port * 10 + (unsigned)(*digit++ - '0');
    }
    if (digit == *at || port == 0 || port > 65535) {
        return false;
    }
    url->port = (uint16_t)port;
    *at = digit;
    return true;
}

static bool ours(const char *parameter, size_t length) {
    static const char *const names[] = {"v", "encoding", "compress"};
    const char *equals = memchr(parameter, '=', length);
    size_t name = equals != NULL ? (size_t)(equals - parameter) : length;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i]) == name && memcmp(names[i], parameter, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool add(struct gateway_url *url, const char *text, size_t length) {
    size_t used = strlen(url->path);
    if (length >= sizeof(url->path) - used) {
        return false;
    }
    memcpy(url->path + used, text, length);
    url->path[used + length] = '\0';
    return true;
}

static bool build_path(const char *rest, enum compress compress, struct gateway_url *url) {
    size_t path = strcspn(rest, "?");
    url->path[0] = '\0';
    bool fits = (*rest == '/' || add(url, "/", 1)) && add(url, rest, path) &&
                add(url, "?v=10&encoding=json", strlen("?v=10&encoding=json"));
    const char *parameter = compress_parameter(compress);
    if (parameter != NULL) {
        fits = fits && add(url, "&compress=", 10) && add(url, parameter, strlen(parameter));
    }
    const char *at = rest + path;
    while (fits && *at != '\0') {
        at++; /* the ? or & */
        size_t length = strcspn(at, "&");
        if (length > 0 && !ours(at, length)) {
            fits = add(url, "&", 1) && add(url, at, length);
        }
        at += length;
    }
    return fits;
}

bool gateway_url_parse(const char *text, enum compress compress, struct gateway_url *url,
                       struct err *err) {
    memset(url, 0, sizeof(*url));
    if (!clean(text)) {
        return bad(err, text, "blanks, control or foreign characters");
    }
    const char *at = text;
    if (strncasecmp(text, "wss://", 6) == 0) {
        url->tls = true;
        at += 6;
    } else if (strncasecmp(text, "ws://", 5) == 0) {
        at += 5;
    } else {
        return bad(err, text, "must begin with wss:// or ws://");
    }
    size_t authority = strcspn(at, "/?#");
    if (memchr(at, '@', authority) != NULL) {
        return bad(err, text, "must not hold a user name");
    }
    if (!take_host(&at, url)) {
        return bad(err, text, "no valid host name");
    }
    if (!take_port(&at, url)) {
        return bad(err, text, "no valid port");
    }
    if (*at != '\0' && *at != '/' && *at != '?') {
        return bad(err, text, "something unexpected behind the host");
    }
    if (strchr(at, '#') != NULL) {
        return bad(err, text, "must not hold a fragment");
    }
    return build_path(at, compress, url) || bad(err, text, "too long");
}

void gateway_url_authority(const struct gateway_url *url, char *out, size_t size) {
    bool v6 = strchr(url->host, ':') != NULL;
    bool usual = url->port == (url->tls ? 443 : 80);
    int used = snprintf(out, size, v6 ? "[%s]" : "%s", url->host);
    if (!usual && used > 0 && (size_t)used < size) {
        snprintf(out + used, size - (size_t)used, ":%u", (unsigned)url->port);
    }
}
