/* tests/unit/url.c: gateway URLs in every form a server may give them. */
#include "gateway/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define QUERY "/?v=10&encoding=json"

static void every_good_form_becomes_one(void **state) {
    static const struct {
        const char *text;
        enum compress compress;
        bool tls;
        const char *host;
        uint16_t port;
        const char *path;
        const char *authority;
    } rows[] = {
        {"wss://gateway.discord.gg", COMPRESS_NONE, true, "gateway.discord.gg", 443, QUERY,
         "gateway.discord.gg"},
        {"wss://gateway.discord.gg/", COMPRESS_NONE, true, "gateway.discord.gg", 443, QUERY,
         "gateway.discord.gg"},
        {"WSS://gateway-us-east1-c.discord.gg:443", COMPRESS_ZSTD_STREAM, true,
         "gateway-us-east1-c.discord.gg", 443, QUERY "&compress=zstd-stream",
         "gateway-us-east1-c.discord.gg"},
        {"wss://x/?v=6&encoding=etf&compress=zlib-stream", COMPRESS_NONE, true, "x", 443, QUERY,
         "x"},
        {"wss://x?a=b&v=9&c", COMPRESS_ZLIB_STREAM, true, "x", 443,
         QUERY "&compress=zlib-stream&a=b&c", "x"},
        {"wss://x/gw/?vv=1&encodings", COMPRESS_PAYLOAD, true, "x", 443,
         "/gw/?v=10&encoding=json&vv=1&encodings", "x"},
        {"ws://127.0.0.1:7070", COMPRESS_NONE, false, "127.0.0.1", 7070, QUERY, "127.0.0.1:7070"},
        {"ws://[::1]:80/", COMPRESS_NONE, false, "::1", 80, QUERY, "[::1]"},
        {"wss://[2001:DB8::1]:4443?", COMPRESS_NONE, true, "2001:DB8::1", 4443, QUERY,
         "[2001:DB8::1]:4443"},
        {"ws://x/?&&", COMPRESS_NONE, false, "x", 80, QUERY, "x"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gateway_url url;
        struct err err = {0};
        char authority[300];
        assert_true(gateway_url_parse(rows[i].text, rows[i].compress, &url, &err));
        assert_int_equal(url.tls, rows[i].tls);
        assert_string_equal(url.host, rows[i].host);
        assert_int_equal(url.port, rows[i].port);
        assert_string_equal(url.path, rows[i].path);
        gateway_url_authority(&url, authority, sizeof(authority));
        assert_string_equal(authority, rows[i].authority);
    }
}

static void every_bad_form_is_refused_with_a_reason(void **state) {
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        {"", "must begin with"},
        {"https://discord.com", "must begin with"},
        {"gateway.discord.gg", "must begin with"},
        {"wss://", "host name"},
        {"wss:///path", "host name"},
        {"wss://user@host", "user name"},
        {"wss://evil@discord.gg:443/", "user name"},
        {"wss://host:0", "port"},
        {"wss://host:65536", "port"},
        {"wss://host:", "port"},
        {"wss://host:12x", "unexpected"},
        {"wss://host\\path", "unexpected"},
        {"wss://host/#fragment", "fragment"},
        {"wss://ho st/", "blanks"},
        {"wss://host/\r\nHost: evil", "blanks"},
        {"wss://h\xc3\xb6st/", "foreign"},
        {"wss://[::1", "host name"},
        {"wss://[::1%25eth0]", "host name"},
        {"wss://[]", "host name"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gateway_url url;
        struct err err = {0};
        assert_false(gateway_url_parse(rows[i].text, COMPRESS_NONE, &url, &err));
        if (strstr(err.text, rows[i].says) == NULL) {
            fail_msg("%s: %s", rows[i].text, err.text);
        }
    }
}

static void what_is_too_long_is_refused(void **state) {
    for (size_t length = 230; length < 900; length++) {
        char host[1024] = "wss://";
        char path[1024] = "wss://h/";
        memset(host + 6, 'h', length);
        memset(path + 8, 'p', length);
        host[6 + length] = path[8 + length] = '\0';
        struct gateway_url url;
        assert_int_equal(gateway_url_parse(host, COMPRESS_ZSTD_STREAM, &url, NULL), length < 256);
        bool fits = length + 1 + strlen("?v=10&encoding=json&compress=zstd-stream") < 640;
        assert_int_equal(gateway_url_parse(path, COMPRESS_ZSTD_STREAM, &url, NULL), fits);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_good_form_becomes_one),
        cmocka_unit_test(every_bad_form_is_refused_with_a_reason),
        cmocka_unit_test(what_is_too_long_is_refused),
    };
    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
