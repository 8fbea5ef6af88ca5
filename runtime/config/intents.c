/* config/intents.c: reads what a bot asks Discord to send. */
#include "config/intents.h"

#include "base/text.h"

#include <string.h>

enum { ROWS_MAX = 64, NAME_MAX_BYTES = 63 };

/* All defined bits: an undefined one makes Discord close the connection with 4013. */
static uint32_t defined_bits(config_intent_fn *intent) {
    uint32_t bits = 0;
    unsigned bit = 0;
    for (size_t row = 0; intent != NULL && intent(row, &bit) != NULL; row++) {
        bits |= 1u << bit;
    }
    return bits;
}

static bool find(const char *word, size_t length, config_intent_fn *intent, uint32_t *mask,
                 struct config_wrong *wrong) {
    const char *names[ROWS_MAX];
    size_t count = 0;
    unsigned bit = 0;
    for (size_t row = 0; intent != NULL && row < ROWS_MAX; row++) {
        const char *name = intent(row, &bit);
        if (name == NULL) {
            break;
        }
        if (strlen(name) == length && memcmp(name, word, length) == 0) {
            *mask = 1u << bit;
            return true;
        }
        names[count++] = name;
    }
    config_wrong(wrong, NULL, "'%s' is no intent", config_quote(word, length).text);
    char copy[NAME_MAX_BYTES + 1];
    if (length <= NAME_MAX_BYTES) {
        memcpy(copy, word, length);
        copy[length] = '\0';
        config_wrong_nearest(wrong, copy, names, count);
    }
    return false;
}

/* What follows `auto`: +X and -Y in any order. */
static bool changes(const char *text, config_intent_fn *intent, struct config_intents *out,
                    struct config_wrong *wrong) {
    struct config_intents intents = {.automatic = true};
    const char *word;
    for (size_t length; (length = config_word(&text, &word)) > 0;) {
        if (word[0] != '+' && word[0] != '-') {
            return config_wrong(wrong, "write auto +X to add, auto -X to take away, or only names",
                                "'intents': '%s' after auto has no + or -",
                                config_quote(word, length).text);
        }
        uint32_t mask;
        if (!find(word + 1, length - 1, intent, &mask, wrong)) {
            return false;
        }
        uint32_t *side = word[0] == '+' ? &intents.plus : &intents.minus;
        *side |= mask;
        if ((intents.plus & intents.minus) != 0) {
            return config_wrong(wrong, NULL, "'intents': %s is both added and taken away",
                                config_quote(word + 1, length - 1).text);
        }
    }
    *out = intents;
    return true;
}

static bool from_number(const char *text, config_intent_fn *intent, struct config_intents *out,
                        struct config_wrong *wrong) {
    uint64_t value = 0;
    uint32_t defined = defined_bits(intent);
    if (!text_u64(text, &value) || (value & ~(uint64_t)defined) != 0) {
        return config_wrong(wrong, "Discord refuses undefined bits (close code 4013); use names",
                            "'intents': %s has bits that Discord does not define (all of them: %u)",
                            config_quote(text, strlen(text)).text, defined);
    }
    *out = (struct config_intents){.mask = (uint32_t)value};
    return true;
}

bool config_intents(const char *text, config_intent_fn *intent, struct config_intents *out,
                    struct config_wrong *wrong) {
    const char *rest = text;
    const char *word;
    size_t length = config_word(&rest, &word);
    if (length == 4 && memcmp(word, "auto", 4) == 0) {
        return changes(rest, intent, out, wrong);
    }
    if (text[0] != '\0' && strspn(text, "0123456789") == strlen(text)) {
        return from_number(text, intent, out, wrong);
    }
    struct config_intents intents = {0};
    if (length == 0) {
        return config_wrong(wrong, "intents = 0 asks for nothing", "'intents' names no intent");
    }
    for (; length > 0; length = config_word(&rest, &word)) {
        if (word[0] == '+' || word[0] == '-') {
            return config_wrong(wrong, "did you mean 'auto' before it?",
                                "'intents': '%s' without auto; names alone have no + or -",
                                config_quote(word, length).text);
        }
        uint32_t mask;
        if (!find(word, length, intent, &mask, wrong)) {
            return false;
        }
        intents.mask |= mask;
    }
    *out = intents;
    return true;
}
