/* tests/unit/plugin_keep.c: what store.h says of keys, values and transactions, through an
 * instance: what each function answers, and when it may be called. */
#include "plugin_keep_rig.h"

static void on_due(drey_ctx *ctx, const drey_due *due) {
}

static int init_keep(drey_ctx *ctx) {
    assert_int_equal(drey_kv_set(ctx, 0, "a", "1"), DREY_E_PHASE);
    assert_int_equal(drey_every(ctx, "due", 0, 1000), DREY_E_PHASE);
    return drey_on_due(ctx, "due", on_due);
}

/* ---- Values ---- */

static void a_value_is_got_as_it_was_put(void **state) {
    struct instance *instance = started(init_none);
    drey_ctx *ctx = &instance->ctx;
    drey_value value = {.size = sizeof(value)};
    enter(instance);
    assert_int_equal(drey_kv_get(ctx, 5, "k", &value), DREY_E_UNKNOWN);
    assert_string_equal(told, ""); /* which is no error */
    assert_int_equal(drey_kv_put(ctx, 5, "k", "a\0b", 3, 100, DREY_KV_NEW), 0);
    assert_int_equal(drey_kv_put(ctx, 5, "k", "c", 1, 0, DREY_KV_NEW), DREY_E_EXISTS);
    assert_int_equal(drey_kv_get(ctx, 5, "k", &value), 0);
    assert_int_equal(value.guild_id, 5);
    assert_string_equal(value.key, "k");
    assert_int_equal(value.data_size, 3);
    assert_memory_equal(value.data, "a\0b", 4);
    assert_int_equal(value.expires_ms, now_ms + 100);
    assert_int_equal(value.size, sizeof(value));
    now_ms += 100;
    assert_int_equal(drey_kv_get(ctx, 5, "k", &value), DREY_E_UNKNOWN);
    assert_int_equal(drey_kv_set(ctx, 0, "t", "text"), 0);
    const char *text = drey_kv_str(ctx, 0, "t");
    assert_int_equal(drey_kv_set(ctx, 0, "t", "other"), 0);
    assert_string_equal(text, "text"); /* borrowed until the callback returns */
    assert_string_equal(drey_kv_str(ctx, 0, "t"), "other");
    assert_string_equal(drey_kv_str(ctx, 0, "none"), "");
    assert_int_equal(drey_kv_set(ctx, 0, "t", NULL), 1);
    assert_int_equal(drey_kv_delete(ctx, 0, "t"), 0);
    instance_leave(instance);
    instance_destroy(instance);
}

static void numbers_are_digits(void **state) {
    struct instance *instance = started(init_none);
    drey_ctx *ctx = &instance->ctx;
    int64_t sum = 0;
    enter(instance);
    assert_int_equal(drey_kv_int(ctx, 0, "n"), 0);
    assert_int_equal(drey_kv_add(ctx, 0, "n", -41, 0, &sum), 0);
    assert_int_equal(sum, -41);
    assert_int_equal(drey_kv_add(ctx, 0, "n", -1, 0, NULL), 0);
    assert_string_equal(drey_kv_str(ctx, 0, "n"), "-42");
    assert_int_equal(drey_kv_int(ctx, 0, "n"), -42);
    assert_int_equal(drey_kv_add(ctx, 0, "n", INT64_MIN, 0, &sum), DREY_E_LIMIT);
    assert_int_equal(drey_kv_set(ctx, 0, "n", "many"), 0);
    assert_int_equal(drey_kv_int(ctx, 0, "n"), 0);
    told[0] = '\0';
    assert_int_equal(drey_kv_add(ctx, 0, "n", 1, 0, &sum), DREY_E_INVALID);
    assert_string_equal(told, "drey_kv_add(): \"n\": what is there is no number");
    instance_leave(instance);
    instance_destroy(instance);
}

static void nonsense_is_refused_and_told(void **state) {
    struct instance *instance = started(init_none);
    drey_ctx *ctx = &instance->ctx;
    static char large[DREY_VALUE_MAX + 1];
    char key[DREY_KEY_MAX + 2];
    drey_value small = {.size = 8};
    memset(key, 'k', sizeof(key));
    key[sizeof(key) - 1] = '\0';
    enter(instance);
    assert_int_equal(drey_kv_get(ctx, 0, "k", NULL), DREY_E_INVALID);
    assert_int_equal(drey_kv_get(ctx, 0, "k", &small), DREY_E_INVALID);
    assert_int_equal(drey_kv_set(ctx, 0, NULL, "x"), DREY_E_INVALID);
    assert_int_equal(drey_kv_set(ctx, 0, "", "x"), DREY_E_INVALID);
    assert_int_equal(drey_kv_set(ctx, 0, "\xc3", "x"), DREY_E_INVALID);
    assert_int_equal(drey_kv_set(ctx, 0, key, "x"), DREY_E_INVALID);
    assert_int_equal(drey_kv_put(ctx, 0, "k", NULL, 1, 0, 0), DREY_E_INVALID);
    assert_int_equal(drey_kv_put(ctx, 0, "k", "x", 1, 0, 64), DREY_E_INVALID);
    told[0] = '\0';
    assert_int_equal(drey_kv_put(ctx, 0, "k", large, sizeof(large), 0, 0), DREY_E_LIMIT);
    assert_non_null(strstr(told, "65536"));
    assert_int_equal(drey_kv_put(ctx, 0, "k", NULL, 0, 0, 0), 0);
    assert_int_equal(drey_kv_list(ctx, 0, "", NULL, 0, 0, NULL, NULL), DREY_E_INVALID);
    assert_int_equal(drey_kv_clear(ctx, 0, NULL), DREY_E_INVALID);
    assert_int_equal(ctx->host->kv_transaction(ctx, 4), DREY_E_INVALID);
    instance_leave(instance);
    instance_destroy(instance);
}

static void what_can_be_borrowed_in_one_callback_has_an_end(void **state) {
    struct instance *instance = started(init_none);
    drey_ctx *ctx = &instance->ctx;
    static char large[DREY_VALUE_MAX];
    drey_value value = {.size = sizeof(value)};
    int got = 0;
    enter(instance);
    assert_int_equal(drey_kv_put(ctx, 0, "k", large, sizeof(large), 0, 0), 0);
    while (drey_kv_get(ctx, 0, "k", &value) == 0 && got < 2000) {
        got++;
    }
    assert_in_range(got, 900, 1024); /* 64 MiB */
    assert_int_equal(drey_kv_get(ctx, 0, "k", &value), DREY_E_LIMIT);
    instance_leave(instance);
    enter(instance);
    assert_int_equal(drey_kv_get(ctx, 0, "k", &value), 0);
    instance_leave(instance);
    instance_destroy(instance);
}

/* ---- Lists ---- */

struct visit {
    struct buf seen;
    const char *delete; /* when at this key ... */
    const char *victim; /* ... this one is deleted */
    const char *stop;
};

static int32_t on_value(drey_ctx *ctx, void *user, const drey_value *value) {
    struct visit *visit = user;
    buf_printf(&visit->seen, "%llu/%s ", (unsigned long long)value->guild_id, value->key);
    if (visit->delete != NULL && strcmp(visit->delete, value->key) == 0) {
        assert_int_equal(drey_kv_delete(ctx, value->guild_id, visit->victim), 1);
    }
    return visit->stop != NULL && strcmp(visit->stop, value->key) == 0;
}

static void assert_visit(struct visit *visit, const char *text) {
    assert_string_equal(visit->seen.length > 0 ? visit->seen.bytes : "", text);
    buf_finish(&visit->seen);
    *visit = (struct visit){0};
}

static void a_list_calls_for_each_key_in_order(void **state) {
    struct instance *instance = started(init_none);
    drey_ctx *ctx = &instance->ctx;
    struct visit visit = {0};
    enter(instance);
    static const char *const keys[] = {"a1", "b1", "b2", "b3", "c1"};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(drey_kv_set(ctx, i % 2, keys[i], "x"), 0);
    }
    assert_int_equal(drey_kv_list(ctx, 0, "", NULL, 0, 0, on_value, &visit), 3);
    assert_visit(&visit, "0/a1 0/b2 0/c1 ");
    assert_int_equal(drey_kv_list(ctx, 9, "b", NULL, 0, DREY_KV_ALL_GUILDS, on_value, &visit), 3);
    assert_visit(&visit, "0/b2 1/b1 1/b3 ");
    assert_int_equal(drey_kv_list(ctx, 0, "", NULL, 2, 0, on_value, &visit), 2);
    assert_visit(&visit, "0/a1 0/b2 ");
    assert_int_equal(drey_kv_list(ctx, 0, "", "a1", 1, 0, on_value, &visit), 1);
    assert_visit(&visit, "0/b2 ");
    assert_int_equal(drey_kv_list(ctx, 0, "", "c1", 0, DREY_KV_ALL_GUILDS, on_value, &visit), 2);
    assert_visit(&visit, "1/b1 1/b3 ");
    visit.stop = "b2";
    assert_int_equal(drey_kv_list(ctx, 0, "", NULL, 0, 0, on_value, &visit), 2);
    assert_visit(&visit, "0/a1 0/b2 ");
    visit.delete = "a1";
    visit.victim = "b2";
    assert_int_equal(drey_kv_list(ctx, 0, "", NULL, 0, 0, on_value, &visit), 2);
    assert_visit(&visit, "0/a1 0/c1 "); /* what is deleted ahead does not come */
    assert_int_equal(drey_kv_clear(ctx, 1, "b"), 2);
    assert_int_equal(drey_kv_list(ctx, 1, "", NULL, 0, 0, on_value, &visit), 0);
    instance_leave(instance);
    instance_destroy(instance);
}

static int32_t count_value(drey_ctx *ctx, void *user, const drey_value *value) {
    uint64_t *bytes = user;
    *bytes += value->data_size;
    return 0;
}

static void a_long_list_goes_on_page_by_page(void **state) {
    struct instance *instance = started(init_none);
    drey_ctx *ctx = &instance->ctx;
    static char data[6000];
    uint64_t bytes = 0;
    char key[16];
    enter(instance);
    for (int i = 0; i < 120; i++) { /* some three pages */
        snprintf(key, sizeof(key), "k%03d", i);
        assert_int_equal(drey_kv_put(ctx, 3, key, data, sizeof(data), 0, 0), 0);
    }
    assert_int_equal(drey_kv_list(ctx, 3, "k", NULL, 0, 0, count_value, &bytes), 120);
    assert_int_equal(bytes, 120 * sizeof(data));
    instance_leave(instance);
    instance_destroy(instance);
}

/* ---- Transactions ---- */

static void a_transaction_is_whole_or_nothing(void **state) {
    struct instance *instance = started(init_keep);
    drey_ctx *ctx = &instance->ctx;
    enter(instance);
    assert_int_equal(drey_kv_commit(ctx), DREY_E_PHASE);
    assert_int_equal(drey_kv_rollback(ctx), DREY_E_PHASE);
    assert_int_equal(drey_kv_begin(ctx), 0);
    assert_int_equal(drey_kv_begin(ctx), DREY_E_PHASE);
    assert_int_equal(drey_kv_set(ctx, 0, "a", "1"), 0);
    assert_int_equal(drey_every(ctx, "due", 1, 5000), 0);
    assert_int_equal(drey_kv_rollback(ctx), 0);
    assert_string_equal(drey_kv_str(ctx, 0, "a"), "");
    assert_int_equal(drey_kv_begin(ctx), 0);
    assert_int_equal(drey_kv_set(ctx, 0, "a", "2"), 0);
    assert_int_equal(drey_kv_commit(ctx), 0);
    instance_leave(instance);
    assert_true(next_ms == UINT64_MAX || tellings == 0); /* nothing is due */
    enter(instance);
    assert_string_equal(drey_kv_str(ctx, 0, "a"), "2");
    instance_leave(instance);
    instance_destroy(instance);
}

static void one_that_is_left_open_is_rolled_back_and_told(void **state) {
    struct instance *instance = started(init_none);
    drey_ctx *ctx = &instance->ctx;
    enter(instance);
    assert_int_equal(drey_kv_begin(ctx), 0);
    assert_int_equal(drey_kv_set(ctx, 0, "a", "1"), 0);
    instance_leave(instance);
    assert_non_null(strstr(told, "rolled back"));
    told[0] = '\0';
    enter(instance);
    assert_string_equal(drey_kv_str(ctx, 0, "a"), "");
    assert_int_equal(drey_kv_begin(ctx), 0);
    assert_int_equal(drey_kv_commit(ctx), 0);
    instance_leave(instance);
    assert_string_equal(told, "");
    instance_destroy(instance);
}

static void a_full_store_is_a_limit_and_ends_the_transaction(void **state) {
    struct instance *instance = started(init_none);
    drey_ctx *ctx = &instance->ctx;
    static char large[60000];
    char key[16];
    int32_t result = 0;
    enter(instance);
    assert_int_equal(drey_kv_begin(ctx), 0);
    for (int i = 0; i < 100 && result == 0; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        result = drey_kv_put(ctx, 0, key, large, sizeof(large), 0, 0);
    }
    assert_int_equal(result, DREY_E_LIMIT);
    assert_non_null(strstr(told, "store_max"));
    assert_int_equal(drey_kv_rollback(ctx), 0);
    assert_string_equal(drey_kv_str(ctx, 0, "k0"), "");
    instance_leave(instance);
    instance_destroy(instance);
}

/* ---- When it may be called ---- */

static void *call_from_elsewhere(void *arg) {
    drey_ctx *ctx = arg;
    assert_int_equal(drey_kv_set(ctx, 0, "a", "1"), DREY_E_PHASE);
    assert_int_equal(drey_schedule_stop(ctx, "due", 0), DREY_E_PHASE);
    return NULL;
}

static void it_is_there_from_start_on_and_on_one_thread(void **state) {
    struct instance *instance = generation(init_keep);
    drey_ctx *ctx = &instance->ctx;
    pthread_t thread;
    instance_enter(instance, PHASE_STOP); /* rolled back behind init */
    assert_int_equal(drey_kv_set(ctx, 0, "a", "1"), DREY_E_PHASE);
    assert_non_null(strstr(told, "rule 5"));
    instance_leave(instance);
    assert_true(instance_start(instance, NULL));
    static const enum instance_phase may[] = {PHASE_START, PHASE_HANDLER, PHASE_SAVE, PHASE_STOP};
    for (size_t i = 0; i < sizeof(may) / sizeof(may[0]); i++) {
        instance_enter(instance, may[i]);
        assert_int_equal(drey_kv_set(ctx, 0, "a", "1"), 0);
        instance_leave(instance);
    }
    instance_enter(instance, PHASE_RESTORE);
    assert_int_equal(drey_kv_int(ctx, 0, "a"), 0);
    instance_leave(instance);
    enter(instance);
    assert_int_equal(pthread_create(&thread, NULL, call_from_elsewhere, ctx), 0);
    pthread_join(thread, NULL);
    instance_leave(instance);
    instance_destroy(instance);
}

static void without_a_store_every_call_says_so(void **state) {
    struct instance *instance = started(init_keep);
    port.keep = NULL;
    enter(instance);
    assert_int_equal(drey_kv_set(&instance->ctx, 0, "a", "1"), DREY_E_FAIL);
    assert_non_null(strstr(told, "no store"));
    assert_int_equal(drey_kv_begin(&instance->ctx), DREY_E_FAIL);
    assert_int_equal(drey_every(&instance->ctx, "due", 0, 1000), DREY_E_FAIL);
    instance_leave(instance);
    instance_due_begin(instance, false);
    port.keep = ask_keep;
    instance_destroy(instance);
}

/* Its transaction would lock out the one that takes its place. */
static void one_that_is_given_up_loses_its_store(void **state) {
    struct instance *instance = started(init_none);
    enter(instance);
    assert_int_equal(drey_kv_begin(&instance->ctx), 0);
    assert_int_equal(drey_kv_set(&instance->ctx, 0, "a", "1"), 0);
    keep_abandon(keep);
    assert_int_equal(drey_kv_set(&instance->ctx, 0, "a", "2"), DREY_E_FAIL);
    assert_int_equal(drey_kv_commit(&instance->ctx), DREY_E_FAIL);
    instance_leave(instance);
    instance_destroy(instance);
}

static struct keep *hurried;
static int questions;

static uint64_t give_up_meanwhile(void *arg) {
    if (++questions == 2) {
        keep_abandon(hurried); /* within a question: this must not wait for its end */
    }
    return now_ms;
}

static int64_t ask_of(struct keep *of, uint32_t kind) {
    struct keep_ask ask = {.kind = kind};
    struct keep_texts texts = {{"key", "data"}, {3, 4}};
    struct keep_answer head;
    struct buf bytes = {0};
    struct buf answer = {0};
    const char *text;
    size_t at;
    assert_true(keep_write_ask(&bytes, &ask, &texts));
    assert_true(keep_serve(of, &bytes, &answer));
    assert_true(keep_read_answer(&answer, &head, &text, &at));
    buf_finish(&bytes);
    buf_finish(&answer);
    return head.result;
}

static void one_that_is_given_up_within_a_question_loses_it_at_its_end(void **state) {
    char path[] = "/tmp/drey-keep-XXXXXX";
    struct err err = {0};
    char command[64];
    assert_non_null(mkdtemp(path));
    char file[64];
    snprintf(file, sizeof(file), "%s/db", path);
    struct keep *after = keep_create(&(struct keep_options){.path = file}, &err);
    hurried = keep_create(&(struct keep_options){.path = file, .now_ms = give_up_meanwhile}, &err);
    assert_non_null(after);
    assert_non_null(hurried);
    questions = 0;
    assert_int_equal(ask_of(hurried, KEEP_BEGIN), 0);
    assert_int_equal(ask_of(hurried, KEEP_SET), 0); /* and is given up in it */
    assert_int_equal(questions, 2);
    assert_int_equal(ask_of(hurried, KEEP_COMMIT), DREY_E_FAIL);
    assert_int_equal(ask_of(after, KEEP_GET), DREY_E_UNKNOWN); /* it was rolled back */
    assert_int_equal(ask_of(after, KEEP_SET), 0);
    keep_destroy(hurried);
    keep_destroy(after);
    snprintf(command, sizeof(command), "rm -rf %s", path);
    assert_int_equal(system(command), 0);
}

/* ---- The bytes between them ---- */

static void a_malformed_question_is_answered(void **state) {
    struct keep_ask ask = {.kind = KEEP_SET};
    struct keep_texts texts = {{"key", "data"}, {3, 4}};
    struct buf bytes = {0};
    struct buf answer = {0};
    struct keep_answer head;
    const char *text;
    size_t at;
    assert_true(keep_write_ask(&bytes, &ask, &texts));
    for (size_t length = 0; length < bytes.length; length++) {
        char *copy = malloc(length + 1);
        memcpy(copy, bytes.bytes, length);
        struct buf cut = {.bytes = copy, .length = length};
        assert_true(keep_serve(keep, &cut, &answer));
        assert_true(keep_read_answer(&answer, &head, &text, &at));
        assert_int_equal(head.result, DREY_E_INVALID);
        free(copy);
    }
    for (uint32_t kind = 0; kind < 40; kind++) {
        memcpy(bytes.bytes, &kind, sizeof(kind));
        assert_true(keep_serve(keep, &bytes, &answer));
        assert_true(keep_read_answer(&answer, &head, &text, &at));
    }
    uint32_t huge = UINT32_MAX;
    memcpy(bytes.bytes + offsetof(struct keep_ask, second_length), &huge, sizeof(huge));
    assert_true(keep_serve(keep, &bytes, &answer));
    assert_true(keep_read_answer(&answer, &head, &text, &at));
    assert_int_equal(head.result, DREY_E_INVALID);
    buf_finish(&bytes);
    buf_finish(&answer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_value_is_got_as_it_was_put),
        TEST(numbers_are_digits),
        TEST(nonsense_is_refused_and_told),
        TEST(what_can_be_borrowed_in_one_callback_has_an_end),
        TEST(a_list_calls_for_each_key_in_order),
        TEST(a_long_list_goes_on_page_by_page),
        TEST(a_transaction_is_whole_or_nothing),
        TEST(one_that_is_left_open_is_rolled_back_and_told),
        TEST(a_full_store_is_a_limit_and_ends_the_transaction),
        TEST(it_is_there_from_start_on_and_on_one_thread),
        TEST(without_a_store_every_call_says_so),
        TEST(one_that_is_given_up_loses_its_store),
        TEST(one_that_is_given_up_within_a_question_loses_it_at_its_end),
        TEST(a_malformed_question_is_answered),
    };
    log_open(LOG_FORMAT_TEXT, LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
