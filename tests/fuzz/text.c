/* fuzz/text.c: the small parsers of what strangers say: gateway URLs, proxies, the answer of
 * GET /gateway/bot, durations and sizes, text for terminals, and JSON lines for them. */
#include "oracle.h"

#include "base/buf.h"
#include "base/text.h"
#include "gateway/events.h"
#include "gateway/proxy.h"
#include "gateway/url.h"
#include "rest/gatewaybot.h"

#include <strings.h>

static void check_url(const char *text, uint8_t kind) {
    struct gateway_url url;
    struct err err = {0};
    if (!gateway_url_parse(text, (enum compress)(kind % 4), &url, &err)) {
        FUZZ_CHECK(err.text[0] != '\0');
        return;
    }
    FUZZ_CHECK(url.host[0] != '\0' && url.port != 0 && url.path[0] == '/');
    FUZZ_CHECK(strstr(url.path, "v=10") != NULL && strstr(url.path, "encoding=json") != NULL);
    FUZZ_CHECK(strpbrk(url.path, " \r\n\t") == NULL && strpbrk(url.host, " \r\n\t/@?#") == NULL);
    const char *parameter = compress_parameter((enum compress)(kind % 4));
    FUZZ_CHECK(parameter == NULL || strstr(url.path, parameter) != NULL);
    /* Written out and read again it is the same. */
    char authority[300];
    char again[1200];
    struct gateway_url second;
    gateway_url_authority(&url, authority, sizeof(authority));
    (void)snprintf(again, sizeof(again), "%s://%s%s", url.tls ? "wss" : "ws", authority, url.path);
    FUZZ_CHECK(gateway_url_parse(again, (enum compress)(kind % 4), &second, &err));
    FUZZ_CHECK(second.tls == url.tls && second.port == url.port &&
               strcmp(second.host, url.host) == 0 && strcmp(second.path, url.path) == 0);
}

static void check_proxy(const char *text, const char *host) {
    struct proxy_settings settings = {.https_proxy = text, .no_proxy = host};
    struct proxy proxy;
    struct err err = {0};
    if (proxy_choose(&settings, true, "gateway.discord.gg", &proxy, &err)) {
        FUZZ_CHECK(proxy.host[0] == '\0' || proxy.port != 0);
        FUZZ_CHECK(strpbrk(proxy.host, " \r\n/@") == NULL);
    } else {
        FUZZ_CHECK(err.text[0] != '\0');
    }
    settings = (struct proxy_settings){.all_proxy = text};
    FUZZ_CHECK(!proxy_choose(&settings, false, "127.0.0.1", &proxy, NULL) || proxy.host[0] == '\0');
    settings = (struct proxy_settings){.http_proxy = "http://p:8080", .no_proxy = text};
    (void)proxy_choose(&settings, false, "gateway.discord.gg", &proxy, &err);
}

static void check_gatewaybot(const char *text, size_t length) {
    struct gatewaybot answer;
    struct err err = {0};
    if (gatewaybot_parse(text, length, &answer, &err)) {
        FUZZ_CHECK(answer.shards >= 1 && answer.shards <= GATEWAYBOT_SHARDS_MAX);
        FUZZ_CHECK(answer.max_concurrency >= 1);
        FUZZ_CHECK(memchr(answer.url, '\0', sizeof(answer.url)) != NULL);
    } else {
        FUZZ_CHECK(err.code == ERR_PROTOCOL);
    }
}

static void check_plain(const char *text, uint8_t size) {
    char out[260];
    size_t room = 4u + size;
    FUZZ_CHECK(text_plain(out, room, text) == out);
    size_t length = strlen(out);
    FUZZ_CHECK(length < room && text_utf8_valid(out, length));
    for (size_t at = 0; at < length;) {
        size_t width = text_shown_width(out + at, length - at);
        FUZZ_CHECK(width > 0);
        at += width;
    }
}

static void check_line(const uint8_t *bytes, size_t length) {
    cJSON *tree = oracle_parse(bytes, length);
    struct buf line = {0};
    FUZZ_CHECK(buf_json_line(&line, (const char *)bytes, length));
    const char *out = line.bytes != NULL ? line.bytes : "";
    for (size_t at = 0; at < line.length;) {
        size_t width = text_shown_width(out + at, line.length - at);
        FUZZ_CHECK(width > 0);
        at += width;
    }
    if (tree != NULL) {
        FUZZ_CHECK(oracle_same((const uint8_t *)out, line.length, tree));
        cJSON_Delete(tree);
    }
    buf_finish(&line);
}

static void check_numbers(const char *text, size_t length) {
    uint64_t value = 0;
    if (text_u64(text, &value)) {
        char again[32];
        (void)snprintf(again, sizeof(again), "%llu", (unsigned long long)value);
        FUZZ_CHECK(strcmp(again, text + strspn(text, "0") - (value == 0)) == 0);
    }
    (void)text_bytes(text, &value);
    (void)text_duration_ms(text, &value);
    char *copy = (char *)fuzz_copy((const uint8_t *)text, length, 0, 0);
    text_utf8_repair(copy, length);
    FUZZ_CHECK(text_utf8_valid(copy, length));
    unsigned event = event_find(copy, length);
    const char *name = event_name(event);
    FUZZ_CHECK(event == 0 || (strlen(name) == length && memcmp(name, copy, length) == 0));
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    struct feed feed = {input, size};
    uint8_t what = feed_byte(&feed);
    uint8_t more = feed_byte(&feed);
    size_t length = feed.left;
    char *text = (char *)fuzz_copy(feed.at, length, 1, '\0');
    switch (what % 7) {
    case 0:
        check_url(text, more);
        break;
    case 1:
        check_proxy(text, "discord.gg");
        break;
    case 2:
        check_gatewaybot(text, length);
        break;
    case 3:
        check_plain(text, more);
        break;
    case 4:
        check_line(feed.at, length);
        break;
    case 5:
        check_numbers(text, strlen(text));
        break;
    default: { /* what buf writes into JSON is a string of JSON */
        struct buf out = {0};
        FUZZ_CHECK(buf_text(&out, "\"") && buf_json_text(&out, text, length) &&
                   buf_text(&out, "\""));
        size_t at = 0;
        FUZZ_CHECK(path_valid(out.bytes, out.length, &at));
        buf_finish(&out);
        break;
    }
    }
    free(text);
    return 0;
}
