/* config/url.c: refuses what could never be connected to. */
#include "config/url.h"

#include "base/text.h"

#include <string.h>

/* HOST, HOST:PORT or [V6]:PORT: offsets into the URL. */
struct authority {
    const char *host;
    size_t host_length;
    const char *port; /* NULL: none */
    size_t port_length;
};

static bool authority_find(const char *text, size_t length, struct authority *out) {
    *out = (struct authority){.host = text, .host_length = length};
    const char *after = text;
    if (length > 0 && text[0] == '[') {
        const char *close = memchr(text, ']', length);
        if (close == NULL) {
            return false;
        }
        out->host = text + 1;
        out->host_length = (size_t)(close - text) - 1;
        after = close + 1;
        if (after == text + length) {
            return out->host_length > 0;
        }
        if (*after != ':') {
            return false;
        }
    }
    const char *colon = memchr(after, ':', length - (size_t)(after - text));
    if (colon != NULL) {
        out->host_length = after == text ? (size_t)(colon - text) : out->host_length;
        out->port = colon + 1;
        out->port_length = length - (size_t)(out->port - text);
    }
    return out->host_length > 0;
}

static bool port_valid(const char *port, size_t length) {
    char copy[6] = {0};
    uint64_t number;
    if (port == NULL) {
        return true;
    }
    if (length == 0 || length >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, port, length);
    return text_u64(copy, &number) && number >= 1 && number <= 65535;
}

static bool host_valid(const char *host, size_t length) {
    for (size_t i = 0; i < length; i++) {
        char c = host[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '.' || c == '_' || c == ':';
        if (!fine) {
            return false;
        }
    }
    return length <= 253;
}

/* The byte behind `scheme://` or `schemes://`; NULL when the text begins otherwise. */
static const char *after_scheme(const char *text, const char *scheme) {
    size_t length = strlen(scheme);
    if (strncmp(text, scheme, length) != 0) {
        return NULL;
    }
    const char *rest = text + length + (text[length] == 's' ? 1 : 0);
    return strncmp(rest, "://", 3) == 0 ? rest + 3 : NULL;
}

bool config_url(const char *key, const char *text, const char *scheme, struct config_pool *pool,
                const char **out, struct config_wrong *wrong) {
    struct config_quoted quoted = config_quote(text, strlen(text));
    const char *rest = after_scheme(text, scheme);
    if (rest == NULL) {
        return config_wrong(wrong, NULL,
                            "'%s' wants a URL that begins with %ss:// or %s://; got '%s'", key,
                            scheme, scheme, quoted.text);
    }
    size_t length = strcspn(rest, "/?#");
    struct authority authority;
    if (!authority_find(rest, length, &authority) ||
        !host_valid(authority.host, authority.host_length)) {
        return config_wrong(wrong, NULL, "'%s': '%s' has no usable host", key, quoted.text);
    }
    if (!port_valid(authority.port, authority.port_length)) {
        return config_wrong(wrong, NULL, "'%s': the port in '%s' is none of 1 to 65535", key,
                            quoted.text);
    }
    if (strpbrk(rest, " \t?#\"<>\\") != NULL) {
        return config_wrong(wrong, "drey adds what belongs behind the path by itself",
                            "'%s': a blank, '?', '#' or quote has no place in '%s'", key,
                            quoted.text);
    }
    size_t whole = strlen(text);
    while (whole > 0 && text[whole - 1] == '/') {
        whole--;
    }
    const char *copy = config_pool_copy(pool, text, whole);
    if (copy == NULL) {
        return config_wrong_memory(wrong);
    }
    *out = copy;
    return true;
}

bool config_url_is_local(const char *url) {
    const char *mark = strstr(url, "://");
    struct authority authority;
    return mark != NULL && authority_find(mark + 3, strcspn(mark + 3, "/?#"), &authority) &&
           port_valid(authority.port, authority.port_length) &&
           text_is_loopback(authority.host, authority.host_length);
}

bool config_url_is_open(const char *url) {
    bool plain = strncmp(url, "ws://", 5) == 0 || strncmp(url, "http://", 7) == 0;
    return plain && !config_url_is_local(url);
}
