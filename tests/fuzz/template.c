/* fuzz/template.c: the writer of JSON templates. The format is the fuzzer's; its conversions get
 * arguments of the right type. What comes out is JSON to cJSON too, data never changes its
 * structure, and %s means what was put in. */
#include "oracle.h"

#include "base/text.h"
#include "plugin/template.h"

enum { FORMAT_MAX = 200 };

__attribute__((format(printf, 3, 0))) static bool write_it(struct buf *out, struct err *err,
                                                           const char *format, ...) {
    va_list args;
    va_start(args, format);
    bool ok = template_write(out, err, format, args);
    va_end(args);
    return ok;
}

/* One conversion as a piece of a format; its argument has one type, so that any mixture of them
 * can be called. */
static bool write_one(struct buf *out, struct err *err, const char *format, char letter,
                      const char *text, uint64_t number, double real) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    switch (letter) {
    case 's':
        return write_it(out, err, format, text, text, text, text);
    case 'd':
    case 'i':
    case 'u':
        return write_it(out, err, format, (int)number, (int)number, (int)number, (int)number);
    case 'l':
        return write_it(out, err, format, number, number, number, number);
    case 'g':
        return write_it(out, err, format, real, real, real, real);
    case '*':
        return write_it(out, err, format, (int)(number % 4000) - 100, text, (int)(number % 7),
                        text);
    default:
        return write_it(out, err, format);
    }
#pragma GCC diagnostic pop
}

/* Which conversions the format may hold, so that each finds an argument of its type: at most four
 * of the chosen kind, and the rest of the text without any. */
static void tame(char *format, char letter) {
    static const struct {
        char letter;
        const char *words[4];
    } rows[] = {
        {'s', {"%s", "%.3s", "%s", "%.0s"}},   {'d', {"%d", "%hd", "%hhd", "%d"}},
        {'i', {"%i", "%i", "%i", "%i"}},       {'u', {"%u", "%hu", "%hhu", "%u"}},
        {'l', {"%ld", "%llu", "%zu", "%jd"}},  {'g', {"%g", "%.3f", "%f", "%.17g"}},
        {'*', {"%.*s", "%.*s", "%.*s", "%s"}}, {'\0', {"%%", "%%", "%%", "%%"}},
    };
    char out[FORMAT_MAX * 6];
    size_t used = 0;
    size_t row = 0;
    unsigned taken = 0;
    while (rows[row].letter != letter) {
        row++;
    }
    unsigned most = letter == '*' ? 2 : 4;
    for (const char *at = format; *at != '\0'; at++) {
        if (*at != '%') {
            out[used++] = *at;
        } else if (taken < most || letter == '\0') {
            const char *word = rows[row].words[taken % 4];
            memcpy(out + used, word, strlen(word));
            used += strlen(word);
            taken++;
        }
    }
    out[used] = '\0';
    memcpy(format, out, used + 1);
}

/* {'a':%s} and the like: the text comes back as it went in. */
static void check_round_trip(const char *text, size_t length) {
    struct buf out = {0};
    struct err err = {0};
    FUZZ_CHECK(write_it(&out, &err, "{'a':%s,'b':'<%s>','c':[%.3s]}", text, text, text));
    cJSON *tree = cJSON_ParseWithLength(out.bytes, out.length);
    FUZZ_CHECK(tree != NULL && cJSON_GetArraySize(tree) == 3);
    const cJSON *a = cJSON_GetObjectItemCaseSensitive(tree, "a");
    FUZZ_CHECK(cJSON_IsString(a));
    if (text_utf8_valid(text, length)) {
        FUZZ_CHECK(strcmp(a->valuestring, text) == 0);
    }
    const cJSON *b = cJSON_GetObjectItemCaseSensitive(tree, "b");
    FUZZ_CHECK(cJSON_IsString(b) && strlen(b->valuestring) == strlen(a->valuestring) + 2);
    cJSON_Delete(tree);
    buf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    static const char letters[] = {'s', 'd', 'i', 'u', 'l', 'g', '*', '\0'};
    struct feed feed = {input, size};
    char letter = letters[feed_byte(&feed) % sizeof(letters)];
    bool wild = letter == '\0' && feed_byte(&feed) % 2 != 0;
    uint64_t number = feed_number(&feed, 8);
    double real;
    memcpy(&real, &number, sizeof(real));
    size_t length;
    const uint8_t *bytes = feed_bytes(&feed, feed_byte(&feed), &length);
    char text[256] = "";
    memcpy(text, bytes, length);
    char format[FORMAT_MAX * 6] = "";
    bytes = feed_bytes(&feed, FORMAT_MAX - 1, &length);
    memcpy(format, bytes, length);
    if (wild) { /* conversions that must be refused, or take no argument */
        for (char *at = format; *at != '\0'; at++) {
            if (*at == '%' && strchr("sduigfhlzj.", at[1]) != NULL) {
                *at = 'p';
            }
        }
    } else {
        tame(format, letter);
    }
    struct buf out = {0};
    struct err err = {0};
    if (write_one(&out, &err, format, letter, text, number, real)) {
        size_t at = 0;
        FUZZ_CHECK(path_valid(out.bytes, out.length, &at));
        cJSON_Delete(oracle_parse((const uint8_t *)out.bytes, out.length));
    } else {
        FUZZ_CHECK(err.code == ERR_INVALID || err.code == ERR_LIMIT);
    }
    buf_finish(&out);
    check_round_trip(text, strlen(text));
    return 0;
}
