/* config/value.c: one parser for each type of value. */
#include "config/value.h"

#include "base/text.h"
#include "config/config.h"
#include "config/intents.h"
#include "config/presence.h"
#include "config/section.h"
#include "config/url.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool config_wrong(struct config_wrong *wrong, const char *hint, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(wrong->text, sizeof(wrong->text), format, args);
    va_end(args);
    text_copy(wrong->hint, sizeof(wrong->hint), hint != NULL ? hint : "");
    return false;
}

bool config_wrong_memory(struct config_wrong *wrong) {
    wrong->no_memory = true;
    return config_wrong(wrong, NULL, "no memory");
}

void config_wrong_nearest(struct config_wrong *wrong, const char *word,
                          const char *const *candidates, size_t count) {
    const char *nearest = text_nearest(word, candidates, count);
    if (nearest != NULL) {
        (void)snprintf(wrong->hint, sizeof(wrong->hint), "did you mean '%s'?", nearest);
    }
}

struct config_quoted config_quote(const char *text, size_t length) {
    struct config_quoted quoted = {0};
    size_t kept = length <= 60 ? length : 60;
    while (kept < length && kept > 0 && ((unsigned char)text[kept] & 0xc0) == 0x80) {
        kept--;
    }
    /* masked before it is cut, so that a cut token is still seen to be one */
    char whole[256];
    size_t looked = length < sizeof(whole) ? length : sizeof(whole);
    memcpy(whole, text, looked);
    config_report_mask(whole, looked);
    memcpy(quoted.text, whole, kept);
    memcpy(quoted.text + kept, kept < length ? "..." : "", kept < length ? 3 : 0);
    return quoted;
}

size_t config_word(const char **text, const char **word) {
    *word = *text + strspn(*text, " \t,");
    size_t length = strcspn(*word, " \t,");
    *text = *word + length;
    return length;
}

const char *config_path(const struct config_value_in *in, const char *path) {
    size_t before = path[0] == '/' ? 0 : strlen(in->directory);
    size_t length = strlen(path);
    char *joined = config_pool_take(in->pool, before + length + 1);
    if (joined != NULL) {
        memcpy(joined, in->directory, before);
        memcpy(joined + before, path, length);
    }
    return joined;
}

/* What every parser gets. field is of the type that keys.h names. */
struct value {
    const struct config_key *key;
    const char *text;
    const char *wants;
    const struct config_value_in *in;
    void *field;
    struct config_wrong *wrong;
};

static bool refuse(const struct value *v, const char *hint) {
    const char *range = v->key->range;
    return config_wrong(v->wrong, hint, "'%s' wants %s%s%s%s; got '%s'", v->key->name, v->wants,
                        range != NULL ? " (" : "", range != NULL ? range : "",
                        range != NULL ? ")" : "", config_quote(v->text, strlen(v->text)).text);
}

/* The position of the text in the list; -1 when it is not there. */
static int choice(const struct value *v, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(v->text, names[i]) == 0) {
            return (int)i;
        }
    }
    refuse(v, NULL);
    config_wrong_nearest(v->wrong, v->text, names, count);
    return -1;
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

bool config_path_plain(const char *name, const char *path, struct config_wrong *wrong) {
    return path[0] != '~' || config_wrong(wrong, "~ is not expanded: write the whole path",
                                          "'%s' has a path that begins with '~': '%s'", name,
                                          config_quote(path, strlen(path)).text);
}

static bool parse_key_file(const struct value *v) {
    struct sign_keys *keys = v->field;
    if (!config_path_plain(v->key->name, v->text, v->wrong)) {
        return false;
    }
    keys->path = config_path(v->in, v->text);
    return keys->path != NULL || config_wrong_memory(v->wrong);
}

static bool parse_log(const struct value *v) {
    static const char *const names[] = {
        [LOG_FORMAT_AUTO] = "auto",
        [LOG_FORMAT_TEXT] = "text",
        [LOG_FORMAT_JSON] = "json",
        [LOG_FORMAT_JOURNALD] = "journald",
    };
    int found = choice(v, names, COUNT(names));
    return found >= 0 && (*(enum log_format *)v->field = (enum log_format)found, true);
}

static bool parse_log_level(const struct value *v) {
    static const char *const names[] = {
        [LOG_TRACE] = "trace", [LOG_DEBUG] = "debug", [LOG_INFO] = "info",
        [LOG_WARN] = "warn",   [LOG_ERROR] = "error", [LOG_OFF] = "off",
    };
    int found = choice(v, names, COUNT(names));
    return found >= 0 && (*(enum log_level *)v->field = (enum log_level)found, true);
}

static bool parse_compress(const struct value *v) {
    static const char *const names[] = {
        [CONFIG_COMPRESS_AUTO] = "auto",
        [CONFIG_COMPRESS_NONE] = "none",
        [CONFIG_COMPRESS_ZLIB_STREAM] = "zlib-stream",
        [CONFIG_COMPRESS_ZSTD_STREAM] = "zstd-stream",
        [CONFIG_COMPRESS_PAYLOAD] = "payload",
    };
    int found = choice(v, names, COUNT(names));
    return found >= 0 && (*(enum config_compress *)v->field = (enum config_compress)found, true);
}

static bool parse_overflow(const struct value *v) {
    static const char *const names[] = {
        [CONFIG_OVERFLOW_WAIT] = "wait",
        [CONFIG_OVERFLOW_DROP] = "drop",
    };
    int found = choice(v, names, COUNT(names));
    return found >= 0 && (*(enum config_overflow *)v->field = (enum config_overflow)found, true);
}

static bool parse_isolation(const struct value *v) {
    static const char *const names[] = {
        [CONFIG_ISOLATION_THREAD] = "thread",
        [CONFIG_ISOLATION_PROCESS] = "process",
    };
    int found = choice(v, names, COUNT(names));
    return found >= 0 && (*(enum config_isolation *)v->field = (enum config_isolation)found, true);
}

static bool parse_sandbox(const struct value *v) {
    static const char *const names[] = {
        [CONFIG_SANDBOX_AUTO] = "auto",
        [CONFIG_SANDBOX_REQUIRE] = "require",
        [CONFIG_SANDBOX_OFF] = "off",
    };
    int found = choice(v, names, COUNT(names));
    return found >= 0 && (*(enum config_sandbox *)v->field = (enum config_sandbox)found, true);
}

static bool parse_switch(const struct value *v) {
    static const char *const names[] = {"off", "on", "no", "yes", "false", "true"};
    int found = choice(v, names, COUNT(names));
    return found >= 0 && (*(bool *)v->field = found % 2 == 1, true);
}

static bool parse_path(const struct value *v) {
    if (!config_path_plain(v->key->name, v->text, v->wrong)) {
        return false;
    }
    const char *path = config_path(v->in, v->text);
    if (path == NULL) {
        return config_wrong_memory(v->wrong);
    }
    if (strlen(path) >= PATH_MAX) {
        return config_wrong(v->wrong, NULL, "'%s': this path is longer than Linux allows",
                            v->key->name);
    }
    *(const char **)v->field = path;
    return true;
}

static bool parse_paths(const struct value *v) {
    size_t count = 1;
    for (const char *c = v->text; *c != '\0'; c++) {
        count += *c == ':';
    }
    const char **paths = config_pool_take(v->in->pool, count * sizeof(*paths));
    if (paths == NULL) {
        return config_wrong_memory(v->wrong);
    }
    const char *from = v->text;
    for (size_t i = 0; i < count; i++) {
        size_t length = strcspn(from, ":");
        const char *one = config_pool_copy(v->in->pool, from, length);
        const char *path = one != NULL ? config_path(v->in, one) : NULL;
        if (path == NULL) {
            return config_wrong_memory(v->wrong);
        }
        if (length == 0) {
            return config_wrong(v->wrong, "write '.' for the folder of this file",
                                "'%s' has an empty path beside a ':'", v->key->name);
        }
        if (!config_path_plain(v->key->name, one, v->wrong)) {
            return false;
        }
        if (strlen(path) >= PATH_MAX) {
            return config_wrong(v->wrong, NULL, "'%s': a path is longer than Linux allows",
                                v->key->name);
        }
        paths[i] = path;
        from += length + 1;
    }
    *(struct config_texts *)v->field = (struct config_texts){paths, count};
    return true;
}

static bool parse_ws_url(const struct value *v) {
    return config_url(v->key->name, v->text, "ws", v->in->pool, v->field, v->wrong);
}

static bool parse_http_url(const struct value *v) {
    return config_url(v->key->name, v->text, "http", v->in->pool, v->field, v->wrong);
}

/* Decimal digits up to 9 of them at *text, which moves behind them. */
static bool number(const char **text, uint32_t *value) {
    char digits[10] = {0};
    size_t length = strspn(*text, "0123456789");
    uint64_t wide;
    if (length == 0 || length >= sizeof(digits)) {
        return false;
    }
    memcpy(digits, *text, length);
    *text += length;
    bool ok = text_u64(digits, &wide);
    *value = ok ? (uint32_t)wide : 0;
    return ok;
}

static bool parse_shards(const struct value *v) {
    struct config_shards *out = v->field;
    if (strcmp(v->text, "auto") == 0) {
        *out = (struct config_shards){.automatic = true};
        return true;
    }
    struct config_shards shards = {0};
    const char *c = v->text;
    uint32_t first;
    if (!number(&c, &first)) {
        return refuse(v, NULL);
    }
    if (*c == '\0') {
        shards.total = first;
        shards.to = first - (first > 0);
    } else {
        shards.from = first;
        bool whole = *c++ == '-' && number(&c, &shards.to) && *c++ == '/' &&
                     number(&c, &shards.total) && *c == '\0';
        if (!whole) {
            return refuse(v, NULL);
        }
    }
    if (shards.total == 0 || shards.total > CONFIG_SHARDS_MAX) {
        return config_wrong(v->wrong, NULL, "'shards' can be 1 to %d in all; got %u",
                            CONFIG_SHARDS_MAX, shards.total);
    }
    if (shards.from > shards.to || shards.to >= shards.total) {
        return config_wrong(v->wrong, "shards are counted from 0",
                            "'shards': %u-%u is no part of %u shards, which are 0-%u", shards.from,
                            shards.to, shards.total, shards.total - 1);
    }
    *out = shards;
    return true;
}

static bool parse_intents(const struct value *v) {
    return config_intents(v->text, v->in->intent, v->field, v->wrong);
}

static bool parse_presence(const struct value *v) {
    return config_presence(v->text, v->in->pool, v->field, v->wrong);
}

static bool is_plugin_pattern(const char *word, size_t length) {
    if (length == 1 && word[0] == '*') {
        return true;
    }
    size_t skip = length > 0 && word[0] == '!' ? 1 : 0;
    return config_plugin_name_valid(word + skip, length - skip);
}

static bool parse_plugins(const struct value *v) {
    size_t room = strlen(v->text) / 2 + 1;
    const char **patterns = config_pool_take(v->in->pool, room * sizeof(*patterns));
    if (patterns == NULL) {
        return config_wrong_memory(v->wrong);
    }
    size_t count = 0;
    bool any_named = false;
    const char *rest = v->text;
    const char *word;
    for (size_t length; (length = config_word(&rest, &word)) > 0;) {
        if (!is_plugin_pattern(word, length)) {
            return config_wrong(v->wrong, "names are letters, digits, '_', '-' and '.'",
                                "'plugins' wants %s; '%s' is none of them", v->wants,
                                config_quote(word, length).text);
        }
        any_named = any_named || word[0] != '!';
        patterns[count] = config_pool_copy(v->in->pool, word, length);
        if (patterns[count++] == NULL) {
            return config_wrong_memory(v->wrong);
        }
    }
    if (count == 0) {
        return refuse(v, NULL);
    }
    if (!any_named) {
        char hint[80];
        (void)snprintf(hint, sizeof(hint), "begin with *: plugins = *, %.40s", patterns[0]);
        return config_wrong(v->wrong, hint, "'plugins' only excludes, so no plugin is left");
    }
    *(struct config_texts *)v->field = (struct config_texts){patterns, count};
    return true;
}

static bool in_range(const struct value *v, uint64_t number) {
    const struct config_key *key = v->key;
    if (key->range != NULL && (number < key->least || number > key->most)) {
        return config_wrong(v->wrong, NULL, "'%s' can be %s; got '%s'", key->name, key->range,
                            config_quote(v->text, strlen(v->text)).text);
    }
    *(uint64_t *)v->field = number;
    return true;
}

static bool parse_bytes(const struct value *v) {
    uint64_t bytes;
    if (!text_bytes(v->text, &bytes)) {
        return refuse(v, NULL);
    }
    return in_range(v, bytes);
}

static bool parse_number(const struct value *v) {
    uint64_t number;
    return text_u64(v->text, &number) ? in_range(v, number) : refuse(v, NULL);
}

static bool parse_ports(const struct value *v) {
    struct config_ports ports = {0};
    for (const char *from = v->text; from != NULL;) {
        char text[16] = "";
        uint64_t number;
        const char *comma = strchr(from, ',');
        from += strspn(from, " ");
        size_t length = strcspn(from, ", ");
        size_t rest = strspn(from + length, " ");
        memcpy(text, from, length < sizeof(text) ? length : 0);
        if ((from[length + rest] != ',' && from[length + rest] != '\0') ||
            !text_u64(text, &number) || number < 1 || number > UINT16_MAX) {
            return refuse(v, NULL);
        }
        if (ports.count == CONFIG_PORTS_MAX) {
            return refuse(v, "allow_network = yes allows all of them");
        }
        ports.ports[ports.count++] = (uint16_t)number;
        from = comma != NULL ? comma + 1 : NULL;
    }
    *(struct config_ports *)v->field = ports;
    return true;
}

static bool parse_duration(const struct value *v) {
    uint64_t ms;
    if (!text_duration_ms(v->text, &ms)) {
        uint64_t bare;
        return refuse(v, text_u64(v->text, &bare) ? "say the unit: ms, s, m or h" : NULL);
    }
    return in_range(v, ms);
}

static bool parse_id(const struct value *v) {
    uint64_t id;
    if (!text_u64(v->text, &id) || id < 1u << 22) { /* those would be of the year 2015's first ms */
        return refuse(v, "copy it in Discord: developer mode, then the server's menu");
    }
    *(uint64_t *)v->field = id;
    return true;
}

static const struct {
    bool (*parse)(const struct value *v);
    const char *wants;
} types[] = {
    [CONFIG_TYPE_PATH] = {parse_path, "a path"},
    [CONFIG_TYPE_PATHS] = {parse_paths, "paths separated by ':'"},
    [CONFIG_TYPE_KEY_FILE] = {parse_key_file, "a path"},
    [CONFIG_TYPE_LOG] = {parse_log, "auto, text, json or journald"},
    [CONFIG_TYPE_LOG_LEVEL] = {parse_log_level, "trace, debug, info, warn, error or off"},
    [CONFIG_TYPE_SWITCH] = {parse_switch, "yes or no (on, off, true and false will do)"},
    [CONFIG_TYPE_WS_URL] = {parse_ws_url, "a URL"},
    [CONFIG_TYPE_HTTP_URL] = {parse_http_url, "a URL"},
    [CONFIG_TYPE_COMPRESS] = {parse_compress, "auto, none, zlib-stream, zstd-stream or payload"},
    [CONFIG_TYPE_SHARDS] = {parse_shards, "auto, a number or FROM-TO/TOTAL"},
    [CONFIG_TYPE_INTENTS] = {parse_intents, "auto [+X] [-Y], names or a number"},
    [CONFIG_TYPE_PRESENCE] = {parse_presence, "STATUS[, ACTIVITY \"TEXT\"]"},
    [CONFIG_TYPE_PLUGINS] = {parse_plugins, "names, * or !NAME"},
    [CONFIG_TYPE_BYTES] = {parse_bytes, "a size such as 4096, 64K or 32 MiB"},
    [CONFIG_TYPE_OVERFLOW] = {parse_overflow, "wait or drop"},
    [CONFIG_TYPE_NUMBER] = {parse_number, "a number"},
    [CONFIG_TYPE_PORTS] = {parse_ports, "up to 16 ports, 1 to 65535, separated by commas"},
    [CONFIG_TYPE_ISOLATION] = {parse_isolation, "thread or process"},
    [CONFIG_TYPE_SANDBOX] = {parse_sandbox, "auto, require or off"},
    [CONFIG_TYPE_ID] = {parse_id, "the number of a server"},
    [CONFIG_TYPE_DURATION] = {parse_duration, "a time such as 500ms, 20s or 5m"},
};

bool config_value_set(const struct config_key *key, const char *text,
                      const struct config_value_in *in, void *base, struct config_wrong *wrong) {
    *wrong = (struct config_wrong){0};
    if (text[0] == '\0') {
        return config_wrong(wrong, "leave the line out to get the default",
                            "'%s' has no value; it wants %s", key->name, types[key->type].wants);
    }
    void *field = (char *)base + key->offset;
    struct value value = {key, text, types[key->type].wants, in, field, wrong};
    return types[key->type].parse(&value);
}
