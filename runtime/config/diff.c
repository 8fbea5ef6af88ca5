/* config/diff.c: two configurations compared, key by key. */
#include "config/diff.h"

#include <string.h>

static bool same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_texts(const struct config_texts *a, const struct config_texts *b) {
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = strcmp(a->texts[i], b->texts[i]) == 0;
    }
    return same;
}

static bool same_shards(const struct config_shards *a, const struct config_shards *b) {
    return a->automatic == b->automatic && a->from == b->from && a->to == b->to &&
           a->total == b->total;
}

static bool same_intents(const struct config_intents *a, const struct config_intents *b) {
    return a->automatic == b->automatic && a->mask == b->mask && a->plus == b->plus &&
           a->minus == b->minus;
}

static bool same_ports(const struct config_ports *a, const struct config_ports *b) {
    return a->count == b->count && memcmp(a->ports, b->ports, a->count * sizeof(a->ports[0])) == 0;
}

/* a and b: the fields themselves. */
static bool same_value(enum config_type type, const void *a, const void *b) {
    switch (type) {
    case CONFIG_TYPE_PATH:
    case CONFIG_TYPE_WS_URL:
    case CONFIG_TYPE_HTTP_URL:
    case CONFIG_TYPE_PRESENCE:
        return same_text(*(const char *const *)a, *(const char *const *)b);
    case CONFIG_TYPE_PATHS:
    case CONFIG_TYPE_PLUGINS:
        return same_texts(a, b);
    case CONFIG_TYPE_KEY_FILE: /* the keys count, not where they lie */
        return sign_keys_same(a, b);
    case CONFIG_TYPE_LOG:
        return *(const enum log_format *)a == *(const enum log_format *)b;
    case CONFIG_TYPE_LOG_LEVEL:
        return *(const enum log_level *)a == *(const enum log_level *)b;
    case CONFIG_TYPE_SWITCH:
        return *(const bool *)a == *(const bool *)b;
    case CONFIG_TYPE_COMPRESS:
        return *(const enum config_compress *)a == *(const enum config_compress *)b;
    case CONFIG_TYPE_SHARDS:
        return same_shards(a, b);
    case CONFIG_TYPE_INTENTS:
        return same_intents(a, b);
    case CONFIG_TYPE_ISOLATION:
        return *(const enum config_isolation *)a == *(const enum config_isolation *)b;
    case CONFIG_TYPE_SANDBOX:
        return *(const enum config_sandbox *)a == *(const enum config_sandbox *)b;
    case CONFIG_TYPE_ID:
    case CONFIG_TYPE_NUMBER:
    case CONFIG_TYPE_BYTES:
    case CONFIG_TYPE_DURATION:
        return *(const uint64_t *)a == *(const uint64_t *)b;
    case CONFIG_TYPE_PORTS:
        return same_ports(a, b);
    case CONFIG_TYPE_OVERFLOW:
        return *(const enum config_overflow *)a == *(const enum config_overflow *)b;
    case CONFIG_TYPE_SECRET:
    case CONFIG_TYPE_SECRET_FILE:
    case CONFIG_TYPE_SECRET_NAME:
        return true; /* they have no field; the token itself is compared */
    }
    return false;
}

static void note(struct config_diff *out, const char *key, enum config_effect effect) {
    size_t used = strlen(out->keys);
    const char *comma = used > 0 ? ", " : "";
    out->effects |= 1u << effect;
    if (used + strlen(comma) + strlen(key) < sizeof(out->keys)) {
        strcat(strcat(out->keys, comma), key);
    }
}

/* a and b: the structs that the keys of this kind are offsets into. */
static void compare(enum config_kind kind, const void *a, const void *b, struct config_diff *out) {
    const struct config_key *key;
    for (size_t row = 0; (key = config_key_row(row)) != NULL; row++) {
        if (key->kind == kind && key->offset != CONFIG_NO_FIELD &&
            !same_value(key->type, (const char *)a + key->offset, (const char *)b + key->offset)) {
            note(out, key->name, key->effect);
        }
    }
}

void config_diff_drey(const struct config *before, const struct config *after,
                      struct config_diff *out) {
    *out = (struct config_diff){0};
    compare(CONFIG_KIND_DREY, before, after, out);
}

void config_diff_bot(const struct config_bot *before, const struct config_bot *after,
                     struct config_diff *out) {
    *out = (struct config_diff){0};
    if (!same_text(before->token, after->token)) {
        note(out, "token", CONFIG_EFFECT_CONNECT);
    }
    compare(CONFIG_KIND_BOT, before, after, out);
}

static size_t count_keys(const struct config *config, const char *plugin, const char *bot) {
    const char *key;
    const char *value;
    size_t count = 0;
    while (config_plugin_key(config, plugin, bot, count, &key, &value)) {
        count++;
    }
    return count;
}

bool config_plugin_same(const struct config *before, const struct config *after, const char *plugin,
                        const char *bot) {
    const char *key;
    const char *value;
    if (count_keys(before, plugin, bot) != count_keys(after, plugin, bot)) {
        return false;
    }
    for (size_t i = 0; config_plugin_key(before, plugin, bot, i, &key, &value); i++) {
        if (!same_text(value, config_plugin_value(after, plugin, bot, key))) {
            return false;
        }
    }
    struct config_apart apart[2];
    struct config_diff diff = {0};
    config_plugin_apart(before, plugin, bot, &apart[0]);
    config_plugin_apart(after, plugin, bot, &apart[1]);
    compare(CONFIG_KIND_PLUGIN, &apart[0], &apart[1], &diff);
    return diff.effects == 0;
}
