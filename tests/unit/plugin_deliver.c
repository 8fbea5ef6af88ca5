/* tests/unit/plugin_deliver.c: what a handler is given, and what happens to a plugin that breaks
 * the rules. The plugin is a part of this test; its port writes down what it is sent. */
#include "plugin/instance.h"

#include "base/log.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t allocations;
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);

void *__wrap_malloc(size_t bytes) {
    allocations++;
    return __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes) {
    allocations++;
    return __real_calloc(count, bytes);
}

void *__wrap_realloc(void *old, size_t bytes) {
    allocations++;
    return __real_realloc(old, bytes);
}

static char told[1024]; /* the last fault or log line */
static struct port_message sent;
static int calls;
static drey_event seen;
static char seen_name[64];
static char seen_text[64];
static drey_json kept;

static bool note_message(void *arg, const struct port_message *head, const char *name,
                         const void *data) {
    sent = *head;
    if (head->kind == PORT_FAULT || head->kind == PORT_LOG) {
        snprintf(told, sizeof(told), "%.*s", (int)head->data_length, (const char *)data);
    }
    return true;
}

static void on_event(drey_ctx *ctx, const drey_event *ev) {
    calls++;
    seen = *ev;
    snprintf(seen_name, sizeof(seen_name), "%s", ev->name);
    snprintf(seen_text, sizeof(seen_text), "%s", drey_str(ev, "content"));
    kept = drey_get(ev, "author");
}

static struct port port = {.send = note_message};

/* An instance whose init is this. */
static struct instance *instance_with(drey_step_fn init) {
    static drey_plugin entry;
    struct err err = {0};
    entry = (drey_plugin){.size = sizeof(entry), .init = init};
    calls = 0;
    told[0] = '\0';
    struct instance *instance = instance_create(&port, "bot", 1, "k\0v\0k\0w", 8, &err);
    assert_non_null(instance);
    assert_true(instance_init(instance, &entry, &err));
    return instance;
}

static void send_event(struct instance *instance, unsigned event, const char *t, const char *d) {
    char message[1024];
    int length = snprintf(message, sizeof(message), "%s%s", t, d);
    struct ring_record record = {.kind = RING_EVENT,
                                 .event = (uint16_t)event,
                                 .seq = 5,
                                 .shard = 2,
                                 .received_ms = 99,
                                 .offset = 640,
                                 .length = (uint32_t)length,
                                 .t_length = (uint16_t)strlen(t),
                                 .d_offset = (uint32_t)strlen(t),
                                 .d_length = (uint32_t)strlen(d)};
    if (instance_wants(instance, &record)) {
        instance_event(instance, &record, (const uint8_t *)message, 1);
    }
}

static const char message_json[] =
    "{\"id\":\"11\",\"guild_id\":\"12\",\"channel_id\":\"13\",\"content\":\"hi \\u00e9\","
    "\"author\":{\"id\":\"14\"}}";

static int init_messages(drey_ctx *ctx) {
    return drey_on(ctx, DREY_MESSAGE_CREATE, DREY_GUILD, on_event);
}

static void a_handler_gets_the_fields_decoded(void **state) {
    struct instance *instance = instance_with(init_messages);
    send_event(instance, EVENT_MESSAGE_CREATE, "MESSAGE_CREATE", message_json);
    assert_int_equal(calls, 1);
    assert_string_equal(seen_name, "MESSAGE_CREATE");
    assert_string_equal(seen_text, "hi \xc3\xa9");
    assert_int_equal(seen.id, 11);
    assert_int_equal(seen.guild_id, 12);
    assert_int_equal(seen.channel_id, 13);
    assert_int_equal(seen.user_id, 14);
    assert_int_equal(seen.seq, 5);
    assert_int_equal(seen.shard, 2);
    assert_int_equal(seen.received_ms, 99);
    assert_int_equal(seen.offset, 640);
    assert_int_equal(seen.attempt, 1);
    assert_int_equal(seen.raw_size, strlen(message_json));
    instance_destroy(instance);
}

static void scope_decides_between_guild_and_direct_message(void **state) {
    struct instance *instance = instance_with(init_messages);
    send_event(instance, EVENT_MESSAGE_CREATE, "MESSAGE_CREATE", "{\"id\":\"1\"}");
    assert_int_equal(calls, 0);
    send_event(instance, EVENT_MESSAGE_UPDATE, "MESSAGE_UPDATE", message_json);
    assert_int_equal(calls, 0);
    send_event(instance, EVENT_MESSAGE_CREATE, "MESSAGE_CREATE", message_json);
    assert_int_equal(calls, 1);
    instance_destroy(instance);
}

static int init_unknown(drey_ctx *ctx) {
    return drey_on(ctx, "BRAND_NEW", 0, on_event);
}

static int init_all(drey_ctx *ctx) {
    return drey_on(ctx, DREY_ALL, DREY_ANYWHERE, on_event);
}

static void events_that_are_not_in_the_table_come_by_name(void **state) {
    struct instance *instance = instance_with(init_unknown);
    send_event(instance, 0, "BRAND_NEW", "{}");
    assert_int_equal(calls, 1);
    assert_int_equal(seen.event, 0);
    send_event(instance, 0, "BRAND_NEWER", "{}");
    assert_int_equal(calls, 1);
    instance_destroy(instance);
    instance = instance_with(init_all);
    send_event(instance, 0, "BRAND_NEWER", "{}");
    send_event(instance, EVENT_TYPING_START, "TYPING_START", "{}");
    assert_int_equal(calls, 2);
    instance_destroy(instance);
}

static void gaps_are_told_with_what_is_missing(void **state) {
    struct instance *instance = instance_with(init_all);
    struct ring_record gap = {
        .kind = RING_GAP, .reason = RING_GAP_SESSION, .gap_from = 3, .seq = 8};
    struct ring_record stub = {.kind = RING_STUB, .reason = RING_GAP_TOO_LARGE, .seq = 9};
    instance_event(instance, &gap, NULL, 1);
    assert_string_equal(seen_name, DREY_GAP);
    assert_int_equal(seen.gap_reason, DREY_GAP_SESSION);
    assert_int_equal(seen.gap_from, 3);
    assert_int_equal(seen.gap_to, 8);
    instance_event(instance, &stub, NULL, 1);
    assert_int_equal(seen.gap_reason, DREY_GAP_TOO_LARGE);
    assert_int_equal(seen.gap_from, 9);
    instance_destroy(instance);
}

static void spans_beyond_the_record_are_not_followed(void **state) {
    struct instance *instance = instance_with(init_all);
    struct ring_record record = {.kind = RING_EVENT,
                                 .event = 60000,
                                 .length = 4,
                                 .d_offset = UINT32_MAX,
                                 .d_length = UINT32_MAX,
                                 .t_offset = 3,
                                 .t_length = 9};
    instance_event(instance, &record, (const uint8_t *)"{}{}", 1);
    assert_int_equal(calls, 1);
    assert_int_equal(seen.raw_size, 0);
    assert_string_equal(seen_name, "");
    instance_destroy(instance);
}

static void a_cursor_kept_beyond_its_callback_is_nothing(void **state) {
    struct instance *instance = instance_with(init_all);
    send_event(instance, EVENT_MESSAGE_CREATE, "MESSAGE_CREATE", message_json);
    assert_int_equal(drey_json_kind(&instance->ctx, kept), DREY_JSON_NONE);
    assert_non_null(strstr(told, "rule 3"));
    instance_enter(instance, PHASE_HANDLER);
    assert_string_equal(drey_json_str(&instance->ctx, kept, "id"), "");
    drey_json forged = {{UINT64_C(1), kept.opaque[1]}};
    drey_json_str(&instance->ctx, forged, "");
    instance_leave(instance);
    instance_destroy(instance);
}

static int init_greedy(drey_ctx *ctx) {
    assert_int_equal(drey_timer(ctx, "t", 0, 1, 1), DREY_E_PHASE);
    assert_int_equal(drey_post(ctx, "p", 0, "", 0), DREY_E_PHASE);
    assert_int_equal(drey_save(ctx, 1, "", 0), DREY_E_PHASE);
    assert_int_equal(drey_on(ctx, DREY_MESSAGE_CREATE, 0, on_event), DREY_E_INVALID);
    assert_int_equal(drey_on(ctx, DREY_MESSAGE_CREATE, 99, on_event), DREY_E_INVALID);
    assert_int_equal(drey_on(ctx, DREY_ALL, DREY_ANYWHERE, NULL), DREY_E_INVALID);
    assert_int_equal(drey_on(ctx, "", DREY_ANYWHERE, on_event), DREY_E_INVALID);
    assert_string_equal(drey_config(ctx, "k"), "w"); /* the later one holds */
    assert_null(drey_config(ctx, "v"));
    assert_null(drey_extension(ctx, "drey.rest/1"));
    return 0;
}

static void what_init_must_not_do_is_refused(void **state) {
    struct instance *instance = instance_with(init_greedy);
    assert_int_equal(instance->handler_count, 0);
    assert_int_equal(drey_on(&instance->ctx, DREY_ALL, 0, on_event), DREY_E_PHASE);
    assert_non_null(strstr(told, "rule 5"));
    instance_destroy(instance);
}

static void on_tick(drey_ctx *ctx, uint64_t cookie) {
}

static void on_post(drey_ctx *ctx, uint64_t cookie, const void *data, uint64_t size) {
}

static int init_twice(drey_ctx *ctx) {
    assert_int_equal(drey_on_timer(ctx, "t", on_tick), 0);
    assert_int_equal(drey_on_post(ctx, "t", on_post), 0); /* another kind */
    told[0] = '\0';
    assert_int_equal(drey_on_timer(ctx, "t", on_tick), DREY_E_INVALID);
    assert_string_equal(told, "drey_on_timer(): the name \"t\" is taken already");
    assert_int_equal(drey_on_post(ctx, "t", on_post), DREY_E_INVALID);
    assert_string_equal(told, "drey_on_post(): the name \"t\" is taken already");
    assert_int_equal(drey_on_timer(ctx, "u", NULL), DREY_E_INVALID);
    assert_string_equal(told, "drey_on_timer(): the function is NULL");
    return 0;
}

static void a_name_that_is_taken_is_refused_and_told(void **state) {
    instance_destroy(instance_with(init_twice));
}

static void a_write_that_fails_is_told(void **state) {
    struct instance *instance = instance_with(init_all);
    char block[4096];
    memset(block, 'x', sizeof(block) - 1);
    block[sizeof(block) - 1] = '\0';
    instance_enter(instance, PHASE_HANDLER);
    told[0] = '\0';
    while (drey_write(&instance->ctx, "%s", block) != NULL) {
        assert_string_equal(told, "");
    }
    assert_non_null(strstr(told, "drey_write(): more than"));
    instance_leave(instance);
    assert_non_null(drey_write(&instance->ctx, "%s", block));
    instance_destroy(instance);
}

static void *call_from_elsewhere(void *arg) {
    struct instance *instance = arg;
    drey_json json = {{1, UINT64_MAX}};
    assert_int_equal(drey_timer(&instance->ctx, "t", 0, 1, 1), DREY_E_PHASE);
    assert_null(drey_write(&instance->ctx, "%s", "x"));
    assert_int_equal(drey_json_kind(&instance->ctx, json), DREY_JSON_NONE);
    drey_info(&instance->ctx, "from %s", "elsewhere");
    return NULL;
}

static void another_thread_may_log_and_nothing_serial(void **state) {
    struct instance *instance = instance_with(init_all);
    pthread_t thread;
    log_open(LOG_FORMAT_TEXT, LOG_INFO);
    assert_int_equal(pthread_create(&thread, NULL, call_from_elsewhere, instance), 0);
    pthread_join(thread, NULL);
    assert_string_equal(told, "from elsewhere");
    log_open(LOG_FORMAT_TEXT, LOG_OFF);
    instance_destroy(instance);
}

static void an_event_costs_no_allocation(void **state) {
    struct instance *instance = instance_with(init_all);
    send_event(instance, EVENT_MESSAGE_CREATE, "MESSAGE_CREATE", message_json);
    size_t before = allocations;
    assert_true(before > 0); /* the counter counts */
    for (int i = 0; i < 1000; i++) {
        send_event(instance, EVENT_MESSAGE_CREATE, "MESSAGE_CREATE", message_json);
    }
    assert_int_equal(calls, 1001);
    assert_int_equal(allocations, before);
    instance_destroy(instance);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_gets_the_fields_decoded),
        cmocka_unit_test(scope_decides_between_guild_and_direct_message),
        cmocka_unit_test(events_that_are_not_in_the_table_come_by_name),
        cmocka_unit_test(gaps_are_told_with_what_is_missing),
        cmocka_unit_test(spans_beyond_the_record_are_not_followed),
        cmocka_unit_test(a_cursor_kept_beyond_its_callback_is_nothing),
        cmocka_unit_test(what_init_must_not_do_is_refused),
        cmocka_unit_test(a_name_that_is_taken_is_refused_and_told),
        cmocka_unit_test(a_write_that_fails_is_told),
        cmocka_unit_test(another_thread_may_log_and_nothing_serial),
        cmocka_unit_test(an_event_costs_no_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
