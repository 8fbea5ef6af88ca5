/* tests/unit/store_memory.c: every allocation of the store and of the way to it fails in turn
 * (those inside SQLite are its own). Nothing crashes or leaks, what failed says so, and a
 * transaction is whole or not at all. */
#include "failing.h"

#include "base/base64.h"
#include "base/file.h"
#include "plugin/keep.h"
#include "store/store.h"
#include "store/zone.h"

#include <string.h>

static bool no_memory(const struct err *err) {
    assert_int_equal(err->code, ERR_NO_MEMORY);
    return false;
}

static bool try_zone(void *arg) {
    const struct buf *bytes = arg;
    struct zone zone;
    struct err err = {0};
    if (!zone_read(bytes->bytes, bytes->length, &zone, &err)) {
        assert_null(zone.changes);
        return no_memory(&err);
    }
    zone_finish(&zone);
    return true;
}

static void a_zone_without_memory_says_so(void **state) {
    struct buf bytes = {0};
    assert_true(file_read("/usr/share/zoneinfo/Europe/Berlin", 1 << 20, &bytes, NULL));
    assert_int_equal(each_fails(try_zone, &bytes), 2);
    buf_finish(&bytes);
}

static bool try_store(void *arg) {
    struct err err = {0};
    struct store_options options = {.create = true};
    struct store_put put = {.key = "k", .data = "text", .size = 4};
    struct store_schedule schedule = {
        .kind = STORE_CRON, .name = "f", .cron = "@daily", .zone = "Europe/Berlin"};
    struct store_value value;
    struct store *store = store_open(&options, &err);
    if (store == NULL) {
        return no_memory(&err);
    }
    bool ok = store_begin(store, &err) && store_set(store, 5, &put, &err) &&
              store_get(store, 5, 0, "k", &value, &err) &&
              store_schedule_set(store, 5, &schedule, &err) && store_commit(store, &err) &&
              store_due_begin(store, 5, "f", 2, NULL, &err);
    store_close(store);
    return ok || no_memory(&err);
}

static void a_store_without_memory_says_so(void **state) {
    assert_true(each_fails(try_store, NULL) >= 6);
}

static bool try_keep(void *arg) {
    struct err err = {0};
    struct keep_options options = {0};
    struct keep_ask set = {.kind = KEEP_SET};
    struct keep_ask list = {.kind = KEEP_LIST};
    struct keep_texts texts = {{"key", "data"}, {3, 4}};
    struct keep_texts none = {{0}, {0}};
    struct keep_answer head = {0};
    struct buf ask = {0};
    struct buf answer = {0};
    const char *text;
    size_t at;
    struct keep *keep = keep_create(&options, &err);
    if (keep == NULL) {
        return no_memory(&err);
    }
    bool ok = keep_write_ask(&ask, &set, &texts) && keep_serve(keep, &ask, &answer) &&
              keep_read_answer(&answer, &head, &text, &at) && head.result == 0;
    ok = ok && keep_write_ask(&ask, &list, &none) && keep_serve(keep, &ask, &answer) &&
         keep_read_answer(&answer, &head, &text, &at) && head.result == 0 && head.row_count == 1;
    keep_destroy(keep);
    buf_finish(&ask);
    buf_finish(&answer);
    return ok;
}

static void a_question_without_memory_is_not_answered_by_half(void **state) {
    assert_true(each_fails(try_keep, NULL) >= 6);
}

static bool try_base64(void *arg) {
    struct buf out = {0};
    struct buf back = {0};
    bool ok = base64_write(&out, "bytes", 5) && base64_read(&back, out.bytes, out.length);
    assert_true(!ok || memcmp(back.bytes, "bytes", 5) == 0);
    buf_finish(&out);
    buf_finish(&back);
    return ok;
}

static void base64_is_whole_or_refused(void **state) {
    assert_int_equal(each_fails(try_base64, NULL), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zone_without_memory_says_so),
        cmocka_unit_test(a_store_without_memory_says_so),
        cmocka_unit_test(a_question_without_memory_is_not_answered_by_half),
        cmocka_unit_test(base64_is_whole_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
