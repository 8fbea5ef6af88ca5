/* tests/unit/rest_limited.c: what the scheduler makes of refusals: 429s of every scope, and the
 * budget of invalid requests. */
#include "rest_rig.h"

/* --- 429 ---
 */

static void s71_a_429_of_the_user_holds_its_limit_alone(void **state) {
    struct rig rig;
    char head[256];
    rig_open(&rig);
    struct queue_entry *one = submit(&rig, REST_PUT, "/channels/1/x");
    expect_send(&rig, one);
    assert_false(answer(&rig, one, 429, limits(head, "h", 5, 0, "3"), REFUSED("3.0")));
    assert_true(rig.verdict.is_limited);
    struct queue_entry *behind = submit(&rig, REST_PUT, "/channels/1/x");
    struct queue_entry *apart = submit(&rig, REST_PUT, "/channels/2/x");
    expect_send(&rig, apart);
    expect_wait(&rig, 3000);
    assert_int_equal(queue_invalid(rig.queue, rig.now_ms), 1);
    rig.now_ms += 3000;
    expect_send(&rig, one); /* the same, before those behind it */
    expect_send(&rig, behind);
    rig_close(&rig);
}

static void s71_a_shared_429_is_not_our_fault(void **state) {
    struct rig rig;
    char head[256];
    char all[300];
    rig_open(&rig);
    struct queue_entry *one = submit(&rig, REST_PUT, "/channels/1/x");
    expect_send(&rig, one);
    (void)snprintf(all, sizeof(all), "%sX-RateLimit-Scope: shared\n", limits(head, "h", 5, 4, "1"));
    assert_false(answer(&rig, one, 429, all, REFUSED("2.0")));
    assert_int_equal(rig.verdict.limited, TOLD_SHARED);
    assert_int_equal(queue_invalid(rig.queue, rig.now_ms), 0);
    expect_wait(&rig, 2000);
    rig.now_ms += 2000;
    expect_send(&rig, one);
    rig_close(&rig);
}

static void s71_a_global_429_holds_the_bot_and_no_other(void **state) {
    struct rig rig;
    rig_open(&rig);
    struct queue_bot *second = queue_bot_create(rig.queue, 50);
    struct queue_entry *one = submit(&rig, REST_PUT, "/channels/1/x");
    expect_send(&rig, one);
    assert_false(answer(&rig, one, 429, "Via: x\nX-RateLimit-Scope: global\n",
                        "{\"retry_after\":4,\"global\":true}"));
    struct queue_entry *held = submit(&rig, REST_GET, "/users/@me");
    expect_wait(&rig, 4000);
    struct queue_bot *first = rig.bot;
    rig.bot = second;
    struct queue_entry *free_one = submit(&rig, REST_GET, "/users/@me");
    expect_send(&rig, free_one);
    expect_wait(&rig, 4000);
    rig.now_ms += 4000;
    expect_send(&rig, one);
    expect_send(&rig, held);
    rig.bot = first;
    queue_end_bot(second, REST_END_STOPPED);
    expect_end(&rig, free_one, REST_END_STOPPED);
    queue_bot_destroy(second);
    rig_close(&rig);
}

static void s71_a_page_without_via_holds_everything(void **state) {
    static const struct {
        const char *head;
        const char *body;
        uint64_t wait_ms;
    } rows[] = {
        {"Retry-After: 7\n", "<html>1015</html>", 7000},
        {"Via: x\nRetry-After: 7\n", "<html>1015</html>", 7000},
        {"Retry-After: 7\n", "{\"message\":\"no\"}", 7000},
        {"", "<html>1015</html>", 60000},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig rig;
        rig_open(&rig);
        struct queue_entry *one = submit(&rig, REST_PUT, "/channels/1/x");
        expect_send(&rig, one);
        assert_false(answer(&rig, one, 429, rows[i].head, rows[i].body));
        assert_true(rig.verdict.banned);
        struct queue_entry *callback = submit(&rig, REST_POST, "/interactions/1/t/callback");
        expect_wait(&rig, rows[i].wait_ms);
        assert_int_equal(queue_banned_until(rig.queue, rig.bot, rig.now_ms),
                         rig.now_ms + rows[i].wait_ms);
        rig.now_ms += rows[i].wait_ms;
        expect_send(&rig, callback);
        expect_wait(&rig, 10000); /* it may still be banned: one request finds out */
        assert_true(answer(&rig, callback, 204, "Via: x\n", ""));
        expect_send(&rig, one);
        rig_close(&rig);
    }
}

static void after_a_ban_one_goes_first_and_the_rest_with_its_answer(void **state) {
    struct rig rig;
    struct queue_entry *entries[4];
    rig_open(&rig);
    for (unsigned i = 0; i < 4; i++) {
        char path[32];
        (void)snprintf(path, sizeof(path), "/channels/1/x%c", 'a' + (int)i);
        entries[i] = submit(&rig, REST_PUT, path);
    }
    expect_send(&rig, entries[0]);
    assert_false(answer(&rig, entries[0], 429, "Retry-After: 7\n", "<html>1015</html>"));
    expect_wait(&rig, 7000);
    rig.now_ms += 7000;
    expect_send(&rig, entries[0]);
    expect_wait(&rig, 10000);
    assert_false(answer(&rig, entries[0], 429, "Retry-After: 9\n", "<html>1015</html>"));
    expect_wait(&rig, 9000); /* it is not over: one request has found out, not four */
    rig.now_ms += 9000;
    expect_send(&rig, entries[0]);
    rig.now_ms += 10000; /* lost, or long: another one may try */
    expect_send(&rig, entries[1]);
    expect_wait(&rig, 10000);
    expect_ok(&rig, entries[1], "h", 5, 4, "1");
    expect_send(&rig, entries[2]);
    expect_send(&rig, entries[3]);
    rig_close(&rig);
}

static void a_ban_by_one_host_does_not_silence_the_bots_of_another(void **state) {
    struct rig rig;
    rig_open(&rig);
    struct queue_bot *first = rig.bot;
    struct queue_bot *second = queue_bot_create(rig.queue, 50);
    queue_bot_move(first, queue_place_get(rig.queue, "http://proxy:8080/api/v10"), rig.now_ms);
    queue_bot_move(second, queue_place_get(rig.queue, "https://discord.com/api/v10"), rig.now_ms);
    struct queue_entry *one = submit(&rig, REST_PUT, "/channels/1/x");
    expect_send(&rig, one);
    assert_false(answer(&rig, one, 429, "Retry-After: 7\n", "<html>1015</html>"));
    struct queue_entry *held = submit(&rig, REST_POST, "/interactions/1/t/callback");
    expect_wait(&rig, 7000);
    assert_int_equal(queue_banned_until(rig.queue, second, rig.now_ms), 0);
    assert_int_equal(queue_banned_until(rig.queue, NULL, rig.now_ms), rig.now_ms + 7000);
    rig.bot = second;
    struct queue_entry *free_one = submit(&rig, REST_PUT, "/channels/1/x");
    struct queue_entry *free_callback = submit(&rig, REST_POST, "/interactions/2/t/callback");
    expect_send(&rig, free_callback);
    expect_send(&rig, free_one);
    expect_wait(&rig, 7000);
    /* What waits goes along when its bot goes to another host. */
    queue_bot_move(first, queue_place_get(rig.queue, "https://discord.com/api/v9"), rig.now_ms);
    expect_send(&rig, held);
    expect_send(&rig, one);
    rig.bot = first;
    queue_end_bot(second, REST_END_STOPPED);
    expect_end(&rig, free_one, REST_END_STOPPED);
    expect_end(&rig, free_callback, REST_END_STOPPED);
    queue_bot_destroy(second);
    rig_close(&rig);
}

static void a_server_that_says_at_once_is_not_believed_for_ever(void **state) {
    struct rig rig;
    rig_open(&rig);
    struct queue_entry *one = submit(&rig, REST_PUT, "/channels/1/x");
    uint64_t waited_ms = 0;
    for (int i = 0; i < 10; i++) {
        expect_send(&rig, one);
        assert_false(answer(&rig, one, 429, "Via: x\n", REFUSED("0")));
        struct queue_step step = queue_next(rig.queue, rig.now_ms);
        assert_int_equal(step.kind, QUEUE_WAIT);
        waited_ms += step.until_ms - rig.now_ms;
        rig.now_ms = step.until_ms;
    }
    assert_true(waited_ms > 60000);
    rig_close(&rig);
}

static void s75_a_callback_goes_out_at_once_while_the_bot_is_limited(void **state) {
    struct rig rig;
    rig_open(&rig);
    struct queue_entry *one = submit(&rig, REST_PUT, "/channels/1/x");
    expect_send(&rig, one);
    assert_false(answer(&rig, one, 429, "Via: x\nX-RateLimit-Global: true\n", REFUSED("9")));
    (void)submit(&rig, REST_GET, "/users/@me");
    expect_wait(&rig, 9000);
    struct queue_entry *callback = submit(&rig, REST_POST, "/interactions/1/t/callback");
    struct queue_entry *another = submit(&rig, REST_POST, "/interactions/2/u/callback");
    struct queue_entry *follow_up = submit(&rig, REST_POST, "/webhooks/1/t");
    expect_send(&rig, callback);
    expect_send(&rig, another); /* and does not wait for the first of its route */
    expect_send(&rig, follow_up);
    expect_wait(&rig, 9000);
    rig_close(&rig);
}

static void a_global_429_to_a_webhook_holds_all_that_go_without_a_token(void **state) {
    struct rig rig;
    rig_open(&rig);
    struct queue_entry *one = submit(&rig, REST_POST, "/webhooks/1/t");
    expect_send(&rig, one);
    assert_false(answer(&rig, one, 429, "Via: x\nX-RateLimit-Scope: global\n",
                        "{\"retry_after\":4,\"global\":true}"));
    struct queue_bot *first = rig.bot;
    struct queue_bot *second = queue_bot_create(rig.queue, 50);
    rig.bot = second; /* Discord counts them for the machine, whose bot it was it does not see */
    struct queue_entry *held = submit(&rig, REST_POST, "/webhooks/2/t");
    struct queue_entry *with_token = submit(&rig, REST_GET, "/users/@me");
    struct queue_entry *callback = submit(&rig, REST_POST, "/interactions/1/t/callback");
    expect_send(&rig, callback);
    expect_send(&rig, with_token);
    expect_wait(&rig, 4000);
    rig.now_ms += 4000;
    expect_send(&rig, one);
    expect_send(&rig, held);
    rig.bot = first;
    queue_end_bot(second, REST_END_STOPPED);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(queue_next(rig.queue, rig.now_ms).kind, QUEUE_END);
    }
    queue_bot_destroy(second);
    rig_close(&rig);
}

/* As often as they are answered at once. Result: how many went out. */
static unsigned send_webhooks(struct rig *rig, unsigned count) {
    unsigned sent = 0;
    for (unsigned i = 0; i < count; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/webhooks/%u/t", i + 1);
        (void)submit(rig, REST_POST, path);
    }
    for (;;) {
        struct queue_step step = queue_next(rig->queue, rig->now_ms);
        if (step.kind != QUEUE_SEND) {
            return sent;
        }
        sent++;
        assert_true(answer(rig, step.entry, 204, "Via: x\n", ""));
    }
}

static void webhooks_have_fifty_a_second_of_all_bots_together(void **state) {
    struct rig rig;
    rig_open(&rig);
    struct queue_bot *first = rig.bot;
    struct queue_bot *second = queue_bot_create(rig.queue, 50);
    assert_int_equal(send_webhooks(&rig, 30), 30);
    rig.bot = second;
    assert_int_equal(send_webhooks(&rig, 30), 20);
    struct queue_entry *with_token = submit(&rig, REST_GET, "/users/@me");
    expect_send(&rig, with_token); /* its bot has fifty of its own */
    assert_true(answer(&rig, with_token, 200, "Via: x\n", ""));
    rig.now_ms += 1020;
    assert_int_equal(send_webhooks(&rig, 0), 10);
    queue_bot_destroy(second);
    rig.bot = first;
    rig_close(&rig);
}

static void what_others_ask_counts_and_heeds_the_ban(void **state) {
    struct rig rig;
    struct told told = {0};
    rig_open(&rig);
    struct queue_place *place = queue_place_get(rig.queue, ""); /* the bot's */
    assert_true(queue_open_ms(rig.queue, place, 0, rig.now_ms) <= rig.now_ms);
    told_header(&told, "Retry-After: 7", 14);
    told_body(&told, "<html>1015</html>", 17);
    struct queue_outside means = queue_note_outside(rig.queue, place, 0, 429, &told, rig.now_ms);
    assert_true(means.banned);
    assert_int_equal(means.wait_ms, 7000);
    assert_int_equal(queue_invalid(rig.queue, rig.now_ms), 1);
    struct queue_entry *held = submit(&rig, REST_GET, "/users/@me");
    struct queue_entry *behind = submit(&rig, REST_GET, "/gateway");
    expect_wait(&rig, 7000);
    assert_int_equal(queue_open_ms(rig.queue, place, 0, rig.now_ms), rig.now_ms + 7000);
    rig.now_ms += 7000;
    expect_send(&rig, held);
    assert_int_equal(queue_open_ms(rig.queue, place, 0, rig.now_ms), rig.now_ms + 10000);
    expect_wait(&rig, 10000);
    told = (struct told){0};
    means = queue_note_outside(rig.queue, place, 0, 403, &told, rig.now_ms);
    assert_false(means.banned);
    assert_int_equal(queue_invalid(rig.queue, rig.now_ms), 2);
    expect_send(&rig, behind); /* somebody was answered: the ban is over */
    for (unsigned i = 0; i < INVALID_STOP; i++) {
        (void)queue_note_outside(rig.queue, place, 0, 401, &told, rig.now_ms);
    }
    assert_true(queue_open_ms(rig.queue, place, 0, rig.now_ms) > rig.now_ms + 60000);
    queue_place_release(rig.queue, place);
    rig_close(&rig);
}

/* --- the budget of invalid requests ---
 */

static void s77_who_causes_9000_refusals_is_refused_and_nobody_else(void **state) {
    struct rig rig;
    rig_open(&rig);
    unsigned warned = 0;
    unsigned refused = 0;
    for (unsigned i = 0; i < 8990; i++) {
        enum invalid_news news = queue_note_invalid(rig.queue, 7, rig.now_ms);
        warned += news == INVALID_WARNS ? 1 : 0;
        rig.now_ms += 20;
    }
    for (unsigned i = 0; i < 10; i++) {
        refused += queue_note_invalid(rig.queue, 8, rig.now_ms) == INVALID_REFUSES ? 1 : 0;
    }
    assert_int_equal(warned, 1);
    assert_int_equal(refused, 1);
    struct queue_entry *culprits = submit_as(&rig, 7, REST_PUT, "/channels/1/x");
    struct queue_entry *innocents = submit_as(&rig, 8, REST_PUT, "/channels/1/y");
    struct queue_entry *strangers = submit_as(&rig, 9, REST_PUT, "/channels/1/z");
    expect_end(&rig, culprits, REST_END_REFUSED);
    expect_send(&rig, innocents);
    expect_send(&rig, strangers);
    rig.now_ms += 10 * 60 * 1000 + 10 * 1000;
    struct queue_entry *forgiven = submit_as(&rig, 7, REST_PUT, "/channels/1/w");
    for (;;) { /* deadlines of those above */
        struct queue_step step = queue_next(rig.queue, rig.now_ms);
        if (step.kind == QUEUE_SEND) {
            assert_ptr_equal(step.entry, forgiven);
            break;
        }
        assert_int_equal(step.kind, QUEUE_END);
    }
    rig_close(&rig);
}

static void before_the_ban_nobody_sends_until_it_is_far_again(void **state) {
    struct rig rig;
    rig_open(&rig);
    for (unsigned i = 0; i < INVALID_STOP - 1; i++) {
        (void)queue_note_invalid(rig.queue, i, rig.now_ms); /* many causers of one each */
    }
    struct queue_entry *one = submit_as(&rig, 1u << 30, REST_PUT, "/channels/1/x");
    struct queue_entry *two = submit_as(&rig, 1u << 30, REST_PUT, "/channels/1/y");
    expect_send(&rig, one);
    struct queue_step step = queue_next(rig.queue, rig.now_ms);
    assert_int_equal(step.kind, QUEUE_WAIT); /* the one on the wire could be the last */
    expect_ok(&rig, one, "h", 5, 4, "1");
    expect_send(&rig, two); /* it was not */
    assert_true(answer(&rig, two, 403, "Via: x\n", "{}"));
    (void)submit_as(&rig, 1u << 31, REST_PUT, "/channels/1/x");
    step = queue_next(rig.queue, rig.now_ms);
    assert_int_equal(step.kind, QUEUE_WAIT);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s71_a_429_of_the_user_holds_its_limit_alone),
        cmocka_unit_test(s71_a_shared_429_is_not_our_fault),
        cmocka_unit_test(s71_a_global_429_holds_the_bot_and_no_other),
        cmocka_unit_test(s71_a_page_without_via_holds_everything),
        cmocka_unit_test(after_a_ban_one_goes_first_and_the_rest_with_its_answer),
        cmocka_unit_test(a_ban_by_one_host_does_not_silence_the_bots_of_another),
        cmocka_unit_test(a_server_that_says_at_once_is_not_believed_for_ever),
        cmocka_unit_test(s75_a_callback_goes_out_at_once_while_the_bot_is_limited),
        cmocka_unit_test(a_global_429_to_a_webhook_holds_all_that_go_without_a_token),
        cmocka_unit_test(webhooks_have_fifty_a_second_of_all_bots_together),
        cmocka_unit_test(what_others_ask_counts_and_heeds_the_ban),
        cmocka_unit_test(s77_who_causes_9000_refusals_is_refused_and_nobody_else),
        cmocka_unit_test(before_the_ban_nobody_sends_until_it_is_far_again),
    };
    return cmocka_run_group_tests_name("rest_limited", tests, NULL, NULL);
}
