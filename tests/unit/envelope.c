/* tests/unit/envelope.c: op, s, t and d are found as a JSON parser finds them, by every kernel,
 * without a look behind the text's padding. cJSON is the judge. */
#include "gateway/envelope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cJSON.h>
#include <cmocka.h>

enum { AREA = 1 << 16, TEXT_MAX = 8192 };

static uint8_t *area; /* AREA bytes, behind them a page that must not be touched */
static uint64_t seed = 88172645463325252;

static unsigned draw(unsigned below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 20) % below;
}

static int map_area(void **state) {
    long page = sysconf(_SC_PAGESIZE);
    uint8_t *bytes =
        mmap(NULL, AREA + (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED || mprotect(bytes + AREA, (size_t)page, PROT_NONE) != 0) {
        return -1;
    }
    area = bytes;
    return 0;
}

static int unmap_area(void **state) {
    return munmap(area, AREA + (size_t)sysconf(_SC_PAGESIZE));
}

/* The text where JSON_PADDING bytes are all that can be read behind it. The padding tempts. */
static uint8_t *place(const char *text, size_t length) {
    assert_true(length + JSON_PADDING <= AREA);
    uint8_t *at = area + AREA - JSON_PADDING - length;
    memcpy(at, text, length);
    for (size_t i = 0; i < JSON_PADDING; i++) {
        at[length + i] = (uint8_t) "\"}]{\\,0 "[draw(8)];
    }
    return at;
}

/* All kernels must say the same; the answer of the scalar one. */
static enum json_result scan(const char *text, size_t length, struct envelope *envelope,
                             uint8_t **bytes) {
    const char *why = "";
    *bytes = place(text, length);
    enum json_result result = envelope_scan_with(JSON_SCALAR, *bytes, length, envelope, &why);
    for (int kernel = JSON_SCALAR + 1; kernel < JSON_KERNELS; kernel++) {
        if (!json_kernel_usable((enum json_kernel)kernel)) {
            continue;
        }
        struct envelope other;
        const char *other_why = "";
        assert_int_equal(
            envelope_scan_with((enum json_kernel)kernel, *bytes, length, &other, &other_why),
            result);
        assert_string_equal(other_why, why);
        if (result == JSON_OK) {
            assert_memory_equal(&other, envelope, sizeof(other));
        }
    }
    return result;
}

static enum json_result scan_text(const char *text, struct envelope *envelope) {
    uint8_t *bytes;
    return scan(text, strlen(text), envelope, &bytes);
}

/* ---- a generator of documents ---- */

struct text {
    char bytes[TEXT_MAX];
    size_t length;
};

static void put(struct text *text, const char *piece) {
    size_t length = strlen(piece);
    if (text->length + length < TEXT_MAX) {
        memcpy(text->bytes + text->length, piece, length);
        text->length += length;
    }
}

static void put_space(struct text *text) {
    static const char *const pieces[] = {"", "", "", "", "", " ", "\n", "\t \r\n"};
    put(text, pieces[draw(8)]);
}

static void put_string(struct text *text) {
    static const char *const pieces[] = {"a",        "hello",   "\\\"", "\\\\", "\\n",
                                         "\\u00e9",  "{",       "}",    "[",    "]",
                                         ",",        ":",       "é",    "\\/",  "漢字",
                                         "\\\\\\\"", "\\u007b", " ",    "null", "\xf0\x9f\x90\xbf"};
    put(text, "\"");
    for (unsigned i = draw(14); i > 0; i--) {
        put(text, pieces[draw(sizeof(pieces) / sizeof(pieces[0]))]);
    }
    put(text, "\"");
}

static void put_value(struct text *text, unsigned depth) {
    static const char *const scalars[] = {"0",    "-1",   "12.5e3", "1152921504606846976",
                                          "true", "null", "false",  "1E-7"};
    unsigned kind = depth > 0 && text->length < TEXT_MAX / 2 ? draw(6) : draw(4);
    if (kind < 2) {
        put(text, scalars[draw(8)]);
    } else if (kind < 4) {
        put_string(text);
    } else {
        put(text, kind == 4 ? "{" : "[");
        put_space(text);
        for (unsigned i = 0, count = draw(7); i < count; i++) {
            put(text, i > 0 ? "," : "");
            put_space(text);
            if (kind == 4) {
                put_string(text);
                put_space(text);
                put(text, ":");
                put_space(text);
            }
            put_value(text, depth - 1);
            put_space(text);
        }
        put(text, kind == 4 ? "}" : "]");
    }
}

static void make_message(struct text *text) {
    static const char *const names[] = {"op", "s", "t", "d"};
    static const char *const ops[] = {"0", "7", "11"};
    text->length = 0;
    put_space(text);
    put(text, "{");
    unsigned first = draw(4);
    for (unsigned i = 0; i < 4; i++) {
        unsigned which = (first + i) % 4;
        put(text, i > 0 ? "," : "");
        put_space(text);
        put(text, "\"");
        put(text, names[which]);
        put(text, "\"");
        put_space(text);
        put(text, ":");
        put_space(text);
        if (which == 0) {
            put(text, ops[draw(3)]);
        } else if (which == 1) {
            put(text, draw(4) > 0 ? "4242" : "null");
        } else if (which == 2) {
            put(text, draw(4) > 0 ? "\"MESSAGE_CREATE\"" : "null");
        } else {
            put_value(text, 5);
        }
        put_space(text);
    }
    put(text, "}");
    put_space(text);
    text->bytes[text->length] = '\0';
}

/* ---- against the judge ---- */

static void assert_agrees(const uint8_t *bytes, const struct envelope *envelope,
                          const cJSON *tree) {
    const cJSON *op = cJSON_GetObjectItemCaseSensitive(tree, "op");
    const cJSON *s = cJSON_GetObjectItemCaseSensitive(tree, "s");
    const cJSON *t = cJSON_GetObjectItemCaseSensitive(tree, "t");
    const cJSON *d = cJSON_GetObjectItemCaseSensitive(tree, "d");
    assert_int_equal(envelope->op, (uint64_t)op->valuedouble);
    assert_int_equal(envelope->seq, cJSON_IsNumber(s) ? (uint64_t)s->valuedouble : 0);
    assert_int_equal(envelope->t.length, cJSON_IsString(t) ? strlen(t->valuestring) : 0);
    if (envelope->t.length > 0) {
        assert_memory_equal(bytes + envelope->t.offset, t->valuestring, envelope->t.length);
    }
    cJSON *span =
        cJSON_ParseWithLength((const char *)bytes + envelope->d.offset, envelope->d.length);
    assert_non_null(span);
    char *ours = cJSON_PrintUnformatted(span); /* a comparison would stumble over equal names */
    char *theirs = cJSON_PrintUnformatted(d);
    assert_string_equal(ours, theirs);
    cJSON_free(ours);
    cJSON_free(theirs);
    cJSON_Delete(span);
}

static void generated_messages_are_read_as_the_judge_reads_them(void **state) {
    for (int round = 0; round < 4000; round++) {
        struct text text;
        struct envelope envelope;
        uint8_t *bytes;
        make_message(&text);
        assert_int_equal(scan(text.bytes, text.length, &envelope, &bytes), JSON_OK);
        assert_int_equal(envelope.length, text.length);
        cJSON *tree = cJSON_ParseWithLength(text.bytes, text.length);
        assert_non_null(tree);
        assert_agrees(bytes, &envelope, tree);
        cJSON_Delete(tree);
    }
}

static void every_truncation_is_partial(void **state) {
    for (int round = 0; round < 60; round++) {
        struct text text;
        make_message(&text);
        size_t end = text.length;
        while (text.bytes[end - 1] != '}') { /* white space behind it is part of nothing */
            end--;
        }
        for (size_t length = 0; length < end; length += 1 + draw(3)) {
            struct envelope envelope;
            uint8_t *bytes;
            assert_int_equal(scan(text.bytes, length, &envelope, &bytes), JSON_PARTIAL);
        }
    }
}

/* Values inside d are only skipped, so that the judge may refuse more; but what both accept they
 * read alike, and no span leaves the text. */
static void garbled_messages_are_read_as_by_the_judge_or_refused(void **state) {
    unsigned accepted = 0;
    unsigned refused = 0;
    for (int round = 0; round < 30000; round++) {
        struct text text;
        struct envelope envelope;
        uint8_t *bytes;
        make_message(&text);
        for (unsigned i = draw(3) + 1; i > 0; i--) {
            text.bytes[draw((unsigned)text.length)] = "\"\\{}[],:0x \n\x01\xff"[draw(14)];
        }
        enum json_result result = scan(text.bytes, text.length, &envelope, &bytes);
        const char *end = NULL;
        cJSON *tree = cJSON_ParseWithLengthOpts(text.bytes, text.length, &end, false);
        const cJSON *op = cJSON_GetObjectItemCaseSensitive(tree, "op");
        if (result == JSON_OK) {
            accepted++;
            assert_true(envelope.length <= text.length);
            assert_true(envelope.d.offset + envelope.d.length <= envelope.length);
            assert_true(envelope.t.offset + envelope.t.length <= envelope.length);
        } else {
            refused++;
        }
        if (tree != NULL && cJSON_IsObject(tree) && cJSON_IsNumber(op) && result == JSON_OK) {
            assert_int_equal(envelope.op, (uint64_t)op->valuedouble);
        }
        cJSON_Delete(tree);
    }
    assert_true(accepted > 1000 && refused > 1000);
}

static void noise_is_survived(void **state) {
    for (int round = 0; round < 20000; round++) {
        char noise[300];
        size_t length = draw(sizeof(noise));
        for (size_t i = 0; i < length; i++) {
            noise[i] = draw(3) > 0 ? "{\"op\":1,}[]\\ "[draw(13)] : (char)draw(256);
        }
        struct envelope envelope;
        uint8_t *bytes;
        (void)scan(noise, length, &envelope, &bytes);
    }
}

/* ---- single cases ---- */

static void odd_messages_do_what_the_table_says(void **state) {
    static const struct {
        const char *text;
        enum json_result result;
        uint64_t op;
        uint64_t seq;
    } rows[] = {
        {"{\"op\":11}", JSON_OK, 11, 0},
        {"{\"op\":0,\"s\":18446744073709551615}", JSON_OK, 0, UINT64_MAX},
        {"{\"op\":0,\"s\":18446744073709551616}", JSON_OK, 0, 0},
        {"{\"op\":0,\"s\":-3}", JSON_OK, 0, 0},
        {"{\"op\":0,\"s\":\"7\"}", JSON_OK, 0, 0},
        {"{\"op\":0,\"s\":1.5}", JSON_OK, 0, 0},
        {"{\"op\":1,\"op\":9}", JSON_OK, 9, 0},
        {"{\"o\\u0070\":7}", JSON_OK, 7, 0},
        {"{\"op\":0,\"t\":7,\"d\":null}", JSON_OK, 0, 0},
        {"{\"op\":0,\"t\":\"\",\"d\":[]}", JSON_OK, 0, 0},
        {"{\"op\":0} {\"op\":1}", JSON_OK, 0, 0},
        {"{\"op\":0,\"extra\":{\"op\":5}}", JSON_OK, 0, 0},
        {"{\"op\":99999999999999999999}", JSON_BROKEN, 0, 0},
        {"{\"op\":\"0\"}", JSON_BROKEN, 0, 0},
        {"{\"op\":-1}", JSON_BROKEN, 0, 0},
        {"{\"op\":1.0}", JSON_BROKEN, 0, 0},
        {"{}", JSON_BROKEN, 0, 0},
        {"[]", JSON_BROKEN, 0, 0},
        {"null", JSON_BROKEN, 0, 0},
        {"\"op\"", JSON_BROKEN, 0, 0},
        {"", JSON_PARTIAL, 0, 0},
        {"   ", JSON_PARTIAL, 0, 0},
        {"{\"op\":0,}", JSON_BROKEN, 0, 0},
        {"{\"op\":0 \"d\":1}", JSON_BROKEN, 0, 0},
        {"{\"op\" 0}", JSON_BROKEN, 0, 0},
        {"{op:0}", JSON_BROKEN, 0, 0},
        {"{\"op\":00}", JSON_BROKEN, 0, 0},
        {"{\"op\":0,\"d\":tru}", JSON_BROKEN, 0, 0},
        {"{\"op\":0,\"d\":[}}", JSON_BROKEN, 0, 0},
        {"{\"op\":0,\"d\":{]}", JSON_BROKEN, 0, 0},
        {"{\"op\":0,\"d\":\"\n\"}", JSON_BROKEN, 0, 0},
        {"{\"op\":0,\"d\":{\"a\":\"\x01\"}}", JSON_BROKEN, 0, 0},
        {"{\"op\":0,\"d\":[\xc3\xa9]}", JSON_BROKEN, 0, 0},
        {"{\"op\":0,\"t\":\"RE\\u0041DY\"}", JSON_BROKEN, 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct envelope envelope;
        enum json_result result = scan_text(rows[i].text, &envelope);
        if (result != rows[i].result) {
            fail_msg("%s: %d instead of %d", rows[i].text, (int)result, (int)rows[i].result);
        }
        if (result == JSON_OK) {
            assert_int_equal(envelope.op, rows[i].op);
            assert_int_equal(envelope.seq, rows[i].seq);
        }
    }
}

static void nesting_has_a_limit_at_every_kernel(void **state) {
    for (int depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
        char text[2 * JSON_DEPTH_MAX + 64];
        int at = snprintf(text, sizeof(text), "{\"op\":0,\"d\":");
        memset(text + at, '[', (size_t)depth);
        memset(text + at + depth, ']', (size_t)depth);
        strcpy(text + at + 2 * depth, "}");
        struct envelope envelope;
        assert_int_equal(scan_text(text, &envelope),
                         depth <= JSON_DEPTH_MAX ? JSON_OK : JSON_BROKEN);
    }
}

static void backslashes_across_block_edges_agree(void **state) {
    for (size_t before = 40; before < 140; before++) {
        for (size_t slashes = 1; slashes <= 130; slashes += 7) {
            char text[512];
            int at = snprintf(text, sizeof(text), "{\"op\":0,\"d\":[\"");
            memset(text + at, 'x', before);
            memset(text + (size_t)at + before, '\\', slashes);
            strcpy(text + (size_t)at + before + slashes, "\"\"]}");
            struct envelope envelope;
            enum json_result result = scan_text(text, &envelope);
            /* an even number of them leaves the quote: then a second string opens */
            assert_int_equal(result, slashes % 2 == 0 ? JSON_PARTIAL : JSON_OK);
        }
    }
}

static void hello_and_invalid_session_are_read(void **state) {
    static const struct {
        const char *text;
        uint64_t interval_ms;
    } rows[] = {
        {"{\"op\":10,\"d\":{\"heartbeat_interval\":41250}}", 41250},
        {"{\"op\":10,\"d\":{\"_trace\":[\"{\"],\"heartbeat_interval\":41250.75}}", 41250},
        {"{\"op\":10,\"d\":{\"heartbeat_interval\":0}}", 0},
        {"{\"op\":10,\"d\":{\"heartbeat_interval\":-5}}", 0},
        {"{\"op\":10,\"d\":{\"heartbeat_interval\":\"41250\"}}", 0},
        {"{\"op\":10,\"d\":{\"heartbeat_interval\":null}}", 0},
        {"{\"op\":10,\"d\":{}}", 0},
        {"{\"op\":10,\"d\":null}", 0},
        {"{\"op\":10,\"d\":[41250]}", 0},
        {"{\"op\":10}", 0},
    };
    struct envelope envelope;
    uint8_t *bytes;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(scan(rows[i].text, strlen(rows[i].text), &envelope, &bytes), JSON_OK);
        assert_int_equal(envelope_interval(bytes, &envelope), rows[i].interval_ms);
        assert_false(envelope_true(bytes, &envelope));
    }
    assert_int_equal(scan("{\"op\":9,\"d\":true}", 17, &envelope, &bytes), JSON_OK);
    assert_true(envelope_true(bytes, &envelope));
    assert_int_equal(scan("{\"op\":9,\"d\":false}", 18, &envelope, &bytes), JSON_OK);
    assert_false(envelope_true(bytes, &envelope));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_messages_are_read_as_the_judge_reads_them),
        cmocka_unit_test(every_truncation_is_partial),
        cmocka_unit_test(garbled_messages_are_read_as_by_the_judge_or_refused),
        cmocka_unit_test(noise_is_survived),
        cmocka_unit_test(odd_messages_do_what_the_table_says),
        cmocka_unit_test(nesting_has_a_limit_at_every_kernel),
        cmocka_unit_test(backslashes_across_block_edges_agree),
        cmocka_unit_test(hello_and_invalid_session_are_read),
    };
    return cmocka_run_group_tests_name("envelope", tests, map_area, unmap_area);
}
