/* tests/unit/rest_parts.c: the parts that the scheduler is made of, each for itself: heap, table,
 * bucket, pace, invalid, retry, ledger, body. And all of it when memory is short. */
#include "rest/bucket.h"
#include "rest/heap.h"
#include "rest/invalid.h"
#include "rest/ledger.h"
#include "rest/pace.h"
#include "rest/queue.h"
#include "rest/retry.h"
#include "rest/table.h"

#include "failing.h"

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void a_heap_gives_the_least_first_whatever_is_taken_out(void **state) {
    enum { NODES = 2000 };
    static struct heap_node nodes[NODES];
    struct heap heap = {0};
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < NODES; i++) {
        heap_insert(&heap, &nodes[i], next_random(&random) % 500);
    }
    for (int i = 0; i < NODES; i += 3) {
        heap_remove(&heap, &nodes[i]);
        heap_remove(&heap, &nodes[i]); /* is fine */
    }
    for (int i = 0; i < NODES; i += 6) {
        heap_insert(&heap, &nodes[i], next_random(&random) % 500);
    }
    uint64_t last = 0;
    int count = 0;
    while (heap.root != NULL) {
        assert_true(heap.root->key >= last);
        last = heap.root->key;
        heap_remove(&heap, heap.root);
        count++;
    }
    assert_int_equal(count, NODES - (NODES + 2) / 3 + (NODES + 5) / 6);
}

static void a_table_finds_what_is_in_it_and_nothing_else(void **state) {
    enum { NODES = 1000 };
    static struct table_node nodes[NODES];
    struct table table = {.seed = 5};
    for (uint64_t i = 0; i < NODES; i++) {
        assert_true(table_reserve(&table));
        table_insert(&table, &nodes[i], table_hash(&table, &i, sizeof(i), 0));
    }
    for (uint64_t i = 0; i < NODES; i += 2) {
        table_remove(&table, &nodes[i]);
    }
    for (uint64_t i = 0; i < NODES; i++) {
        struct table_node *node = table_first(&table, table_hash(&table, &i, sizeof(i), 0));
        assert_ptr_equal(node, i % 2 == 0 ? NULL : &nodes[i]);
    }
    assert_int_equal(table.count, NODES / 2);
    table_finish(&table);
}

static struct told told_of(uint32_t limit, uint32_t remaining, uint64_t after_ms) {
    return (struct told){.has_limit = true,
                         .has_remaining = true,
                         .has_reset = true,
                         .limit = limit,
                         .remaining = remaining,
                         .reset_after_ms = after_ms};
}

static void a_bucket_is_asked_one_by_one_until_it_is_known(void **state) {
    struct bucket bucket = {0};
    assert_int_equal(bucket_next(&bucket, 100), 100);
    bucket_sent(&bucket);
    assert_int_equal(bucket_next(&bucket, 100), BUCKET_NEVER);
    bucket_answered(&bucket, NULL, 100, 150);
    assert_int_equal(bucket_next(&bucket, 150), 150);
    bucket_sent(&bucket);
    struct told told = told_of(3, 2, 1000);
    bucket_answered(&bucket, &told, 150, 200);
    bucket_sent(&bucket);
    assert_int_equal(bucket_next(&bucket, 200), 200);
    bucket_sent(&bucket);
    assert_int_equal(bucket_next(&bucket, 200), 1200);
    /* What is on the wire may be counted in the next window. */
    assert_int_equal(bucket_next(&bucket, 1200), 1200);
    bucket_sent(&bucket);
    assert_int_equal(bucket_next(&bucket, 1200), BUCKET_NEVER);
}

static void requests_that_are_lost_count_until_the_window_ends(void **state) {
    struct bucket bucket = {0};
    struct told told = told_of(2, 1, 500);
    bucket_sent(&bucket);
    bucket_answered(&bucket, &told, 0, 0);
    bucket_sent(&bucket);
    bucket_answered(&bucket, NULL, 0, 100);
    assert_int_equal(bucket_next(&bucket, 100), 500);
    assert_int_equal(bucket_next(&bucket, 500), 500);
    for (int i = 0; i < 2; i++) { /* and when no answer tells of a window any more, one asks */
        bucket_sent(&bucket);
        bucket_answered(&bucket, NULL, 500, 600);
    }
    assert_int_equal(bucket_next(&bucket, 600), 600);
    bucket_sent(&bucket);
    assert_int_equal(bucket_next(&bucket, 600), BUCKET_NEVER);
}

static void a_bucket_is_forgotten_when_its_window_and_its_block_are_over(void **state) {
    struct bucket bucket = {0};
    struct told told = told_of(2, 1, 500);
    assert_true(bucket_forgettable(&bucket, 0));
    bucket_sent(&bucket);
    assert_false(bucket_forgettable(&bucket, 0));
    bucket_answered(&bucket, &told, 0, 10);
    assert_false(bucket_forgettable(&bucket, 509));
    bucket_block(&bucket, false, 700);
    assert_false(bucket_forgettable(&bucket, 699));
    assert_true(bucket_forgettable(&bucket, 700));
}

/* Whatever the latencies: any second of Discord's has 50 at most. Discord counts somewhere between
 * sending and answer; here at the worst place for each. */
static void no_second_has_more_than_the_pace_allows(void **state) {
    enum { REQUESTS = 2000, LATENCY_MOST = 300 };
    static uint64_t counted[REQUESTS];
    static uint64_t answers[REQUESTS];
    struct pace pace;
    uint64_t random = 99;
    uint64_t now_ms = 5000;
    unsigned sent = 0;
    unsigned answered = 0;
    pace_init(&pace, PACE_GLOBAL);
    uint64_t previous = 0;
    while (sent < REQUESTS) {
        while (answered < sent && answers[answered] <= now_ms) {
            pace_answered(&pace, answers[answered++]);
        }
        if (pace_next(&pace, now_ms) <= now_ms) {
            pace_sent(&pace);
            uint64_t trip_ms = next_random(&random) % LATENCY_MOST;
            counted[sent] = now_ms + (next_random(&random) % 2) * trip_ms;
            counted[sent] = counted[sent] > previous ? counted[sent] : previous; /* sorted */
            answers[sent] = counted[sent] > now_ms + trip_ms ? counted[sent] : now_ms + trip_ms;
            answers[sent] =
                sent > 0 && answers[sent] < answers[sent - 1] ? answers[sent - 1] : answers[sent];
            previous = counted[sent];
            sent++;
        } else {
            now_ms++;
        }
    }
    for (unsigned i = PACE_GLOBAL; i < REQUESTS; i++) {
        assert_true(counted[i] >= counted[i - PACE_GLOBAL] + 1000);
    }
    assert_true(now_ms - 5000 < REQUESTS / PACE_GLOBAL * (1000 + LATENCY_MOST + 50));
}

static void a_blocked_pace_waits_and_an_unused_one_forgets(void **state) {
    struct pace pace;
    pace_init(&pace, 2);
    pace_block(&pace, 700);
    assert_int_equal(pace_next(&pace, 100), 700);
    pace_sent(&pace);
    pace_sent(&pace);
    assert_int_equal(pace_next(&pace, 700), UINT64_MAX);
    pace_answered(&pace, 700);
    uint64_t next_ms = pace_next(&pace, 700);
    assert_true(next_ms >= 1700 && next_ms <= 1730);
    assert_true(pace_next(&pace, next_ms) <= next_ms);
}

static void only_refusals_that_are_our_fault_count_as_invalid(void **state) {
    assert_true(invalid_is(401, TOLD_NO_SCOPE));
    assert_true(invalid_is(403, TOLD_NO_SCOPE));
    assert_true(invalid_is(429, TOLD_USER));
    assert_true(invalid_is(429, TOLD_GLOBAL));
    assert_true(invalid_is(429, TOLD_NO_SCOPE));
    assert_false(invalid_is(429, TOLD_SHARED));
    assert_false(invalid_is(404, TOLD_NO_SCOPE));
    assert_false(invalid_is(200, TOLD_NO_SCOPE));
    assert_false(invalid_is(502, TOLD_NO_SCOPE));
}

static void the_budget_slides_and_says_each_thing_once(void **state) {
    struct invalid invalid;
    unsigned news[3] = {0};
    uint64_t now_ms = 0;
    invalid_init(&invalid, 3);
    for (unsigned i = 0; i < INVALID_REFUSE; i++) {
        now_ms = 20ull * i;
        news[invalid_count(&invalid, i % 20, now_ms)]++;
    }
    assert_int_equal(news[INVALID_WARNS], 1);
    assert_int_equal(news[INVALID_REFUSES], 1);
    assert_int_equal(invalid_of(&invalid, 3, now_ms), INVALID_REFUSE / 20);
    /* Twenty who share it equally are all refused, somebody else is not. */
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(invalid_verdict(&invalid, i, 0, now_ms), INVALID_OWNER_REFUSED);
    }
    assert_int_equal(invalid_verdict(&invalid, 99, 0, now_ms), INVALID_MAY_SEND);
    assert_int_equal(invalid_verdict(&invalid, 99, INVALID_STOP - INVALID_REFUSE, now_ms),
                     INVALID_MUST_WAIT);
    uint64_t relief_ms = invalid_relief(&invalid, now_ms);
    assert_true(relief_ms >= 600000 && relief_ms <= 620000);
    assert_true(invalid_total(&invalid, relief_ms) < INVALID_REFUSE);
    assert_int_equal(invalid_total(&invalid, now_ms + 700000), 0);
    assert_int_equal(invalid_count(&invalid, 1, now_ms + 700000), INVALID_NOTHING);
    invalid_finish(&invalid);
}

static void only_what_cannot_do_harm_is_tried_again(void **state) {
    static const struct {
        struct retry_case what;
        bool allowed;
    } rows[] = {
        {{.status = 502, .maybe_seen = true, .repeatable = true, .failures = 1}, true},
        {{.status = 502, .maybe_seen = true, .repeatable = true, .failures = 2}, true},
        {{.status = 502, .maybe_seen = true, .repeatable = true, .failures = 3}, false},
        {{.status = 502, .maybe_seen = true, .repeatable = false, .failures = 1}, false},
        {{.status = 0, .maybe_seen = true, .repeatable = false, .failures = 1}, false},
        {{.status = 0, .maybe_seen = false, .repeatable = false, .failures = 1}, true},
        {{.status = 0, .maybe_seen = false, .repeatable = false, .failures = 3}, false},
        {{.status = 404, .maybe_seen = true, .repeatable = true, .failures = 1}, false},
        {{.status = 200, .maybe_seen = true, .repeatable = true, .failures = 0}, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(retry_allowed(&rows[i].what), rows[i].allowed);
    }
    for (unsigned failures = 1; failures < 100; failures++) {
        uint64_t least = retry_delay_ms(failures, 0, 0);
        uint64_t most = retry_delay_ms(failures, 0, UINT64_MAX);
        assert_true(least > 0 && most >= least && most <= 2 * least);
        assert_true(most <= 200000);
        assert_int_equal(retry_delay_ms(failures, 500000, 0), 500000);
        assert_true(retry_limited_ms(failures, 0) <= RETRY_LIMITED_MOST_MS);
        assert_int_equal(retry_limited_ms(failures, 40000), 40000);
    }
}

static struct ledger_size bytes(size_t count) {
    return (struct ledger_size){.bytes = count};
}

static void a_ledger_keeps_open_files_within_bounds(void **state) {
    struct ledger ledger = {.owner_bounds = {9, 9, 4}, .bot_bounds = {9, 9, 6}};
    struct ledger_entry entries[4] = {0};
    struct err err = {0};
    assert_true(ledger_take(&ledger, &entries[0], 1, 7, (struct ledger_size){0, 3}, &err));
    assert_false(ledger_take(&ledger, &entries[1], 1, 7, (struct ledger_size){0, 2}, &err));
    assert_non_null(strstr(err.text, "this plugin has 3 files open"));
    assert_true(ledger_take(&ledger, &entries[1], 1, 7, (struct ledger_size){0, 1}, &err));
    assert_false(ledger_take(&ledger, &entries[2], 1, 8, (struct ledger_size){0, 3}, &err));
    assert_non_null(strstr(err.text, "this bot has 4 files open"));
    assert_true(ledger_take_always(&ledger, &entries[2], 1, 8, (struct ledger_size){0, 3}, &err));
    assert_true(ledger_take(&ledger, &entries[3], 1, 8, bytes(1), &err)); /* has none */
    for (int i = 0; i < 4; i++) {
        ledger_give(&ledger, &entries[i]);
    }
    ledger_finish(&ledger);
}

static void a_ledger_keeps_owners_and_bots_within_bounds(void **state) {
    struct ledger ledger = {.owner_bounds = {2, 100, 4}, .bot_bounds = {3, 150, 6}};
    struct ledger_entry entries[4] = {0};
    struct err err = {0};
    assert_true(ledger_take(&ledger, &entries[0], 1, 7, bytes(60), &err));
    assert_false(ledger_take(&ledger, &entries[1], 1, 7, bytes(41), &err));
    assert_non_null(strstr(err.text, "bytes"));
    assert_true(ledger_take(&ledger, &entries[1], 1, 7, bytes(40), &err));
    assert_false(ledger_take(&ledger, &entries[2], 2, 7, bytes(0), &err));
    assert_non_null(strstr(err.text, "2 calls"));
    assert_false(ledger_take(&ledger, &entries[2], 1, 8, bytes(51), &err));
    assert_non_null(strstr(err.text, "this bot"));
    assert_true(ledger_take(&ledger, &entries[2], 1, 8, bytes(50), &err));
    assert_false(ledger_take(&ledger, &entries[3], 1, 9, bytes(0), &err));
    assert_true(ledger_take(&ledger, &entries[3], 2, 9, bytes(0), &err));
    assert_null(ledger_owner(&ledger, 10));
    assert_non_null(ledger_owner(&ledger, 9));
    for (int i = 0; i < 4; i++) {
        ledger_give(&ledger, &entries[i]);
    }
    assert_null(ledger_owner(&ledger, 9));
    ledger_finish(&ledger);
}

static void what_must_always_be_taken_is_counted_and_never_refused(void **state) {
    struct ledger ledger = {.owner_bounds = {2, 100, 4}, .bot_bounds = {3, 150, 6}};
    struct ledger_entry entries[4] = {0};
    struct err err = {0};
    assert_true(ledger_take(&ledger, &entries[0], 1, 7, bytes(90), &err));
    assert_true(ledger_take_always(&ledger, &entries[1], 1, 7, bytes(500), &err));
    assert_true(ledger_take_always(&ledger, &entries[2], 1, 7, bytes(500), &err));
    assert_int_equal(ledger_owner(&ledger, 7)->calls, 3);
    assert_false(ledger_take(&ledger, &entries[3], 1, 7, bytes(1), &err));
    ledger_give(&ledger, &entries[0]);
    ledger_give(&ledger, &entries[1]);
    assert_false(ledger_take(&ledger, &entries[3], 1, 7, bytes(1), &err)); /* bytes: far beyond */
    assert_non_null(strstr(err.text, "500 bytes"));
    ledger_give(&ledger, &entries[2]);
    assert_true(ledger_take(&ledger, &entries[3], 1, 7, bytes(1), &err));
    ledger_give(&ledger, &entries[3]);
    ledger_finish(&ledger);
}

/* A bot whose requests meet every kind of answer. Whatever fails for want of memory, each request
 * that was taken is given back. */
static bool a_small_life(void *arg) {
    enum { ENTRIES = 6 };
    static const char *const paths[] = {"/channels/1/x", "/channels/1/x", "/channels/1/y",
                                        "/interactions/1/t/callback", "/channels/2/x"};
    struct queue_entry entries[ENTRIES] = {0};
    unsigned taken = 0;
    unsigned ended = 0;
    uint64_t now_ms = 1000;
    struct queue *queue = queue_create(1);
    struct queue_bot *bot = queue != NULL ? queue_bot_create(queue, 50) : NULL;
    for (unsigned i = 0; bot != NULL && i < 5; i++) {
        struct route route;
        entries[i] = (struct queue_entry){.bot = bot, .owner = i, .deadline_ms = 100000};
        assert_true(route_parse(REST_PUT, paths[i], 0, &route, NULL));
        taken += queue_submit(queue, &entries[i], &route, now_ms, NULL) ? 1 : 0;
    }
    bool whole = bot != NULL && taken == 5;
    for (unsigned answers = 0; bot != NULL && ended < taken;) {
        struct queue_step step = queue_next(queue, now_ms);
        if (step.kind == QUEUE_WAIT) {
            now_ms = step.until_ms;
            continue;
        }
        if (step.kind == QUEUE_END) {
            ended++; /* memory was so short that its deadline came first */
            continue;
        }
        struct told told = told_of(2, answers % 2, 300);
        (void)snprintf(told.hash, sizeof(told.hash), "hash%u", answers / 2);
        told.json = true;
        struct queue_outcome outcome = {.status = answers == 1   ? 429
                                                  : answers == 2 ? 403
                                                                 : 200,
                                        .told = &told};
        struct queue_verdict verdict = queue_answered(queue, step.entry, &outcome, now_ms);
        ended += verdict.ends ? 1 : 0;
        whole = whole && (!verdict.ends || verdict.end == REST_END_ANSWERED);
        answers++;
    }
    assert_int_equal(ended, taken);
    queue_bot_destroy(bot);
    queue_destroy(queue);
    return whole;
}

static bool a_small_ledger(void *arg) {
    struct ledger ledger = {.owner_bounds = {2, 100, 4}, .bot_bounds = {3, 150, 6}};
    struct ledger_entry entry = {0};
    bool ok = ledger_take(&ledger, &entry, 1, 2, bytes(3), NULL);
    if (ok) {
        ledger_give(&ledger, &entry);
    }
    ledger_finish(&ledger);
    return ok;
}

static void every_request_ends_also_when_memory_is_short(void **state) {
    failing_left = -1;
    assert_true(a_small_life(NULL));
    for (long count = 0; count < 200; count++) {
        failing_left = count;
        (void)a_small_life(NULL);
        bool reached = failing_left < 0;
        failing_left = -1;
        if (!reached) {
            assert_true(count > 20);
            break;
        }
    }
    assert_true(each_fails(a_small_ledger, NULL) >= 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_heap_gives_the_least_first_whatever_is_taken_out),
        cmocka_unit_test(a_table_finds_what_is_in_it_and_nothing_else),
        cmocka_unit_test(a_bucket_is_asked_one_by_one_until_it_is_known),
        cmocka_unit_test(requests_that_are_lost_count_until_the_window_ends),
        cmocka_unit_test(a_bucket_is_forgotten_when_its_window_and_its_block_are_over),
        cmocka_unit_test(no_second_has_more_than_the_pace_allows),
        cmocka_unit_test(a_blocked_pace_waits_and_an_unused_one_forgets),
        cmocka_unit_test(only_refusals_that_are_our_fault_count_as_invalid),
        cmocka_unit_test(the_budget_slides_and_says_each_thing_once),
        cmocka_unit_test(only_what_cannot_do_harm_is_tried_again),
        cmocka_unit_test(a_ledger_keeps_open_files_within_bounds),
        cmocka_unit_test(a_ledger_keeps_owners_and_bots_within_bounds),
        cmocka_unit_test(what_must_always_be_taken_is_counted_and_never_refused),
        cmocka_unit_test(every_request_ends_also_when_memory_is_short),
    };
    return cmocka_run_group_tests_name("rest_parts", tests, NULL, NULL);
}
