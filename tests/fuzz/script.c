/* fuzz/script.c: a replay file of anybody's. What is refused has a place within the file; what is
 * taken is written as it reads, becomes JSON, and that JSON is as it expects. And any JSON as an
 * event that is recorded: without one id of it. */
#include "oracle.h"

#include "replay/conceal.h"
#include "replay/match.h"
#include "replay/script.h"

static struct pattern *read_again(const struct buf *text) {
    struct scan_fault fault;
    struct scan scan = scan_begin(text->bytes, text->length, &fault);
    struct pattern *pattern = pattern_read(&scan, false);
    FUZZ_CHECK(pattern != NULL && scan.at == scan.length);
    return pattern;
}

static void check_written(const struct pattern *value) {
    struct buf once = {0};
    struct buf twice = {0};
    FUZZ_CHECK(pattern_write(value, &once));
    struct pattern *again = read_again(&once);
    FUZZ_CHECK(pattern_write(again, &twice));
    FUZZ_CHECK(once.length == twice.length && memcmp(once.bytes, twice.bytes, once.length) == 0);
    pattern_free(again);
    buf_finish(&once);
    buf_finish(&twice);
}

static void check_data(const struct pattern *value) {
    struct buf json = {0};
    struct names names = {.last_id = 1};
    size_t at;
    FUZZ_CHECK(names_json(&names, value, &json));
    FUZZ_CHECK(path_valid(json.bytes, json.length, &at));
    cJSON *parsed = cJSON_ParseWithLength(json.bytes, json.length);
    bool plain = memchr(json.bytes, '$', json.length) == NULL &&
                 !oracle_is_odd((const uint8_t *)json.bytes, json.length);
    if (parsed != NULL && plain) {
        struct buf lines = {0};
        FUZZ_CHECK(match_value(value, parsed, true, &names));
        FUZZ_CHECK(match_diff(value, parsed, true, &names, &lines));
        FUZZ_CHECK(lines.bytes[0] == ' ');
        buf_finish(&lines);
    }
    cJSON_Delete(parsed);
    names_finish(&names);
    buf_finish(&json);
}

/* No run of digits of the input that can be an id is in what is recorded. */
static void check_concealed(const char *text, size_t length) {
    const struct conceal conceal = {.key = {UINT64_C(0x5deece66d), 11}};
    struct buf out = {0};
    if (conceal_event(&conceal, "INTERACTION_CREATE", text, length, &out)) {
        struct scan_fault fault;
        struct scan scan = scan_begin(out.bytes, out.length, &fault);
        struct pattern *again = pattern_read(&scan, true);
        pattern_free(again); /* it may be nested too deep, or have one key twice */
        FUZZ_CHECK(strstr(out.bytes, "1574625342042144768") == NULL);
    }
    buf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct script script = {0};
    struct scan_fault fault;
    char *text = (char *)fuzz_copy(bytes, length, 0, 0);
    if (script_read(&script, text, length, &fault)) {
        for (size_t i = 0; i < script.count; i++) {
            const struct script_item *item = &script.items[i];
            if (item->value != NULL) {
                check_written(item->value);
            }
            if (item->kind == SCRIPT_EVENT) {
                check_data(item->value);
            }
            FUZZ_CHECK(item->last_line >= item->line);
        }
    } else {
        FUZZ_CHECK(fault.line > 0 && fault.column > 0 && fault.text[0] != '\0');
        check_concealed(text, length);
    }
    script_finish(&script);
    free(text);
    return 0;
}
