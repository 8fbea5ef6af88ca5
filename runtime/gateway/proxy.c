/* gateway/proxy.c: reads proxy settings. */
#include "gateway/proxy.h"

#include "base/text.h"

#include <string.h>
#include <strings.h>

/* "example.org" and ".example.org" both mean the name and all below it. */
static bool within(const char *host, const char *domain, size_t length) {
    if (length > 0 && *domain == '.') {
        domain++;
        length--;
    }
    size_t size = strlen(host);
    if (length == 0 || size < length || strncasecmp(host + size - length, domain, length) != 0) {
        return false;
    }
    return size == length || host[size - length - 1] == '.';
}

static bool excepted(const char *list, const char *host) {
    if (list == NULL) {
        return false;
    }
    for (const char *at = list; *at != '\0';) {
        at += strspn(at, ", ");
        size_t length = strcspn(at, ", ");
        if ((length == 1 && *at == '*') || within(host, at, length)) {
            return true;
        }
        at += length;
    }
    return false;
}

static bool take(char *out, size_t size, const char *text, size_t length) {
    if (length == 0 || length >= size) {
        return false;
    }
    memcpy(out, text, length);
    out[length] = '\0';
    return true;
}

static bool take_port(const char *text, uint16_t *port) {
    unsigned value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && value < 65536; at++) {
        value = value * 10 + (unsigned)(*at - '0');
    }
    if (at == text || value == 0 || value > 65535 || (*at != '\0' && *at != '/')) {
        return false;
    }
    *port = (uint16_t)value;
    return true;
}

static bool parse(const char *text, struct proxy *proxy) {
    if (strncasecmp(text, "http://", 7) == 0) {
        text += 7;
    } else if (strstr(text, "://") != NULL) {
        return false;
    }
    const char *at = strrchr(text, '@');
    if (at != NULL) {
        if (!take(proxy->login, sizeof(proxy->login), text, (size_t)(at - text))) {
            return false;
        }
        text = at + 1;
    }
    size_t length = strcspn(text, ":/");
    const char *end = text + length;
    if (!take(proxy->host, sizeof(proxy->host), text, length)) {
        return false;
    }
    proxy->port = 3128;
    return *end == ':' ? take_port(end + 1, &proxy->port) : true;
}

bool proxy_choose(const struct proxy_settings *settings, bool tls, const char *host,
                  struct proxy *proxy, struct err *err) {
    memset(proxy, 0, sizeof(*proxy));
    const char *setting = tls ? settings->https_proxy : settings->http_proxy;
    if (setting == NULL || *setting == '\0') {
        setting = settings->all_proxy;
    }
    if (setting == NULL || *setting == '\0' || text_is_loopback(host, strlen(host)) ||
        excepted(settings->no_proxy, host)) {
        return true;
    }
    if (!parse(setting, proxy)) {
        memset(proxy, 0, sizeof(*proxy));
        return err_set(err, ERR_CONFIG,
                       "the environment's proxy setting is not http://[user:password@]host:port");
    }
    return true;
}
