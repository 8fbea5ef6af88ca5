/* tests/unit/rest_queue.c: what the scheduler learns from answers, and what it makes of failures.
 * The storm (rest_storm.c) has all of it at once. */
#include "rest_rig.h"

/* --- learning ---
 */

static void the_first_request_of_a_route_and_channel_goes_alone(void **state) {
    struct rig rig;
    rig_open(&rig);
    struct queue_entry *first = submit(&rig, REST_PUT, "/channels/1/x");
    struct queue_entry *same = submit(&rig, REST_PUT, "/channels/1/x");
    struct queue_entry *other = submit(&rig, REST_PUT, "/channels/2/x");
    struct queue_entry *behind = submit(&rig, REST_PUT, "/channels/2/x");
    struct queue_entry *apart = submit(&rig, REST_PUT, "/channels/1/y");
    expect_send(&rig, first);
    expect_send(&rig, other); /* a limit is of one channel: a long upload there holds nobody here */
    expect_send(&rig, apart);
    expect_nothing(&rig);
    expect_ok(&rig, first, "h", 5, 4, "1");
    expect_send(&rig, same);
    expect_nothing(&rig); /* the hash is known, but how many are left over there is not */
    expect_ok(&rig, other, "h", 5, 4, "1");
    expect_send(&rig, behind);
    expect_nothing(&rig);
    rig_close(&rig);
}

static struct queue_entry *submit_large(struct rig *rig, const char *path) {
    struct route route;
    assert_true(rig->used < ENTRIES);
    struct queue_entry *entry = &rig->entries[rig->used++];
    *entry = (struct queue_entry){
        .bot = rig->bot, .owner = 1, .deadline_ms = rig->now_ms + DEADLINE_MS, .large = true};
    assert_true(route_parse(REST_POST, path, 0, &route, NULL));
    assert_true(queue_submit(rig->queue, entry, &route, rig->now_ms, NULL));
    return entry;
}

static void uploads_leave_places_for_what_is_short(void **state) {
    struct rig rig;
    struct queue_entry *uploads[QUEUE_WIRE_BOT];
    rig_open(&rig);
    for (unsigned i = 0; i < QUEUE_WIRE_BOT; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), i % 2 == 0 ? "/channels/%u/messages" : "/webhooks/%u/t",
                       i + 1);
        uploads[i] = submit_large(&rig, path);
    }
    for (unsigned i = 0; i < QUEUE_LARGE_BOT; i++) {
        expect_send(&rig, uploads[i]);
    }
    expect_nothing(&rig);
    struct queue_entry *brief = submit(&rig, REST_GET, "/users/@me");
    expect_send(&rig, brief);
    expect_nothing(&rig);
    assert_true(answer(&rig, uploads[3], 200, "Via: x\n", ""));
    expect_send(&rig, uploads[QUEUE_LARGE_BOT]);
    expect_nothing(&rig);
    rig_close(&rig);
}

static void the_uploads_of_all_bots_leave_places_too(void **state) {
    enum { BOTS = QUEUE_LARGE_PROCESS / QUEUE_LARGE_BOT + 1 };
    struct rig rig;
    struct queue_bot *bots[BOTS];
    rig_open(&rig);
    struct queue_bot *first = rig.bot;
    for (unsigned i = 0; i < BOTS; i++) {
        rig.bot = bots[i] = i == 0 ? first : queue_bot_create(rig.queue, 50);
        for (unsigned k = 0; k < (i + 1 < BOTS ? QUEUE_LARGE_BOT : 1); k++) {
            char path[64];
            (void)snprintf(path, sizeof(path), "/channels/%u/messages", k + 1);
            (void)submit_large(&rig, path);
        }
    }
    for (unsigned i = 0; i < QUEUE_LARGE_PROCESS; i++) {
        assert_int_equal(queue_next(rig.queue, rig.now_ms).kind, QUEUE_SEND);
    }
    expect_nothing(&rig);
    struct queue_entry *waits = rig.entries;
    struct queue_entry *other = rig.entries;
    while (waits->on_wire) {
        waits++;
    }
    while (other->bot == waits->bot) {
        other++;
    }
    assert_true(answer(&rig, other, 200, "Via: x\n", ""));
    expect_send(&rig, waits); /* another bot's upload has ended */
    queue_end_all(rig.queue, REST_END_STOPPED);
    while (queue_next(rig.queue, rig.now_ms).kind == QUEUE_END) {
    }
    for (unsigned i = 1; i < BOTS; i++) {
        queue_bot_destroy(bots[i]);
    }
    rig.bot = first;
    rig_close(&rig);
}

static void as_many_go_at_once_as_are_left_and_no_more(void **state) {
    struct rig rig;
    struct queue_entry *entries[6];
    rig_open(&rig);
    for (int i = 0; i < 6; i++) {
        entries[i] = submit(&rig, REST_PUT, "/channels/1/x");
    }
    expect_send(&rig, entries[0]);
    expect_nothing(&rig);
    expect_ok(&rig, entries[0], "h", 3, 2, "1.5");
    expect_send(&rig, entries[1]);
    expect_send(&rig, entries[2]);
    expect_wait(&rig, 1500);
    rig.now_ms += 100;
    expect_ok(&rig, entries[2], "h", 3, 0, "1.4");
    expect_ok(&rig, entries[1], "h", 3, 1, "1.4");
    expect_wait(&rig, 1400);
    rig.now_ms += 1400;
    for (int i = 3; i < 6; i++) {
        expect_send(&rig, entries[i]);
    }
    rig_close(&rig);
}

static void answers_out_of_order_cost_nothing_and_give_nothing(void **state) {
    struct rig rig;
    struct queue_entry *entries[6];
    rig_open(&rig);
    for (int i = 0; i < 6; i++) {
        entries[i] = submit(&rig, REST_PUT, "/channels/1/x");
    }
    expect_send(&rig, entries[0]);
    expect_ok(&rig, entries[0], "h", 5, 4, "9");
    for (int i = 1; i < 5; i++) {
        expect_send(&rig, entries[i]);
    }
    expect_ok(&rig, entries[4], "h", 5, 0, "9");
    expect_ok(&rig, entries[2], "h", 5, 2, "9"); /* older than the one before */
    expect_wait(&rig, 9000);
    rig_close(&rig);
}

static void s72_only_reset_after_counts_whatever_the_clocks_say(void **state) {
    struct rig rig;
    rig_open(&rig);
    struct queue_entry *first = submit(&rig, REST_PUT, "/channels/1/x");
    struct queue_entry *second = submit(&rig, REST_PUT, "/channels/1/x");
    expect_send(&rig, first);
    assert_true(answer(&rig, first, 200,
                       "Via: x\nDate: Thu, 01 Jan 1970 00:00:00 GMT\nX-RateLimit-Limit: 1\n"
                       "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 4102444800.000\n"
                       "X-RateLimit-Reset-After: 0.250\nX-RateLimit-Bucket: h\n",
                       ""));
    expect_wait(&rig, 250);
    rig.now_ms += 250;
    expect_send(&rig, second);
    rig_close(&rig);
}

static void s73_two_routes_of_one_hash_share_one_limit(void **state) {
    struct rig rig;
    rig_open(&rig);
    struct queue_entry *one = submit(&rig, REST_PUT, "/channels/1/x");
    struct queue_entry *two = submit(&rig, REST_PATCH, "/channels/1/y");
    expect_send(&rig, one);
    expect_send(&rig, two);
    expect_ok(&rig, one, "h", 2, 1, "2");
    expect_ok(&rig, two, "h", 2, 0, "2");
    struct queue_entry *later = submit(&rig, REST_PATCH, "/channels/1/y");
    struct queue_entry *last = submit(&rig, REST_PUT, "/channels/1/x");
    struct queue_entry *elsewhere = submit(&rig, REST_PUT, "/channels/2/x");
    expect_send(&rig, elsewhere);
    expect_wait(&rig, 2000);
    rig.now_ms += 2000;
    expect_send(&rig, later); /* in the order of their coming, over both routes */
    expect_send(&rig, last);
    rig_close(&rig);
}

static void s74_a_hash_that_changes_takes_what_waits_along(void **state) {
    struct rig rig;
    struct queue_entry *entries[5];
    rig_open(&rig);
    for (int i = 0; i < 5; i++) {
        entries[i] = submit(&rig, REST_PUT, "/channels/1/x");
    }
    expect_send(&rig, entries[0]);
    expect_ok(&rig, entries[0], "old", 2, 1, "60");
    rig.now_ms += 10;
    expect_send(&rig, entries[1]);
    expect_wait(&rig, 59990);
    expect_ok(&rig, entries[1], "new", 3, 2, "1");
    expect_send(&rig, entries[2]); /* the old limit would have had a minute's wait */
    expect_send(&rig, entries[3]);
    expect_wait(&rig, 1000);
    rig.now_ms += 100;
    expect_ok(&rig, entries[2], "new", 3, 1, "0.9");
    rig_close(&rig);
}

static void a_new_hash_counts_what_the_old_one_has_on_the_wire(void **state) {
    struct rig rig;
    struct queue_entry *entries[12];
    rig_open(&rig);
    for (int i = 0; i < 12; i++) {
        entries[i] = submit(&rig, REST_PUT, "/channels/1/x");
    }
    expect_send(&rig, entries[0]);
    expect_ok(&rig, entries[0], "old", 6, 5, "60");
    rig.now_ms += 10;
    for (int i = 1; i < 6; i++) {
        expect_send(&rig, entries[i]);
    }
    rig.now_ms += 10;
    expect_ok(&rig, entries[1], "new", 6, 5, "2");
    expect_send(&rig, entries[6]); /* four of the five are spoken for */
    expect_wait(&rig, 2000);
    expect_ok(&rig, entries[2], "new", 6, 4, "2"); /* three on the wire, one counted already */
    expect_wait(&rig, 2000);
    expect_ok(&rig, entries[6], "new", 6, 0, "2");
    expect_ok(&rig, entries[3], "new", 6, 3, "2");
    expect_wait(&rig, 2000);
    rig.now_ms += 2000;
    for (int i = 7; i < 12; i++) {
        expect_send(&rig, entries[i]);
    }
    rig_close(&rig);
}

static void posts_go_one_after_the_other_however_many_are_left(void **state) {
    struct rig rig;
    rig_open(&rig);
    struct queue_entry *one = submit(&rig, REST_POST, "/channels/1/messages");
    expect_send(&rig, one);
    expect_ok(&rig, one, "a", 5, 4, "5");
    struct queue_entry *two = submit(&rig, REST_POST, "/channels/1/messages");
    struct queue_entry *three = submit(&rig, REST_POST, "/channels/1/messages");
    expect_send(&rig, two);
    expect_nothing(&rig);
    struct queue_entry *elsewhere = submit(&rig, REST_POST, "/channels/2/messages");
    expect_send(&rig, elsewhere);
    expect_nothing(&rig);
    expect_ok(&rig, two, "a", 5, 3, "5");
    expect_send(&rig, three);
    expect_ok(&rig, three, "a", 5, 2, "5");
    expect_ok(&rig, elsewhere, "a", 5, 4, "5");
    rig_close(&rig);
}

static void messages_keep_their_order_while_a_hash_changes(void **state) {
    struct rig rig;
    struct queue_entry *posts[5];
    rig_open(&rig);
    for (int i = 0; i < 3; i++) {
        posts[i] = submit(&rig, REST_POST, "/channels/1/messages");
    }
    struct queue_entry *elsewhere = submit(&rig, REST_POST, "/channels/2/messages");
    expect_send(&rig, posts[0]);
    expect_ok(&rig, posts[0], "old", 5, 4, "5");
    rig.now_ms += 10;
    expect_send(&rig, posts[1]);
    expect_send(&rig, elsewhere);
    expect_nothing(&rig);
    expect_ok(&rig, elsewhere, "new", 5, 4, "5"); /* posts[1] is still counted by the old one */
    expect_nothing(&rig);
    rig.now_ms += 10;
    expect_ok(&rig, posts[1], "old", 5, 3, "5");
    expect_send(&rig, posts[2]);
    queue_bot_forget(rig.bot, rig.now_ms); /* another address: nothing is known any more */
    posts[3] = submit(&rig, REST_POST, "/channels/1/messages");
    expect_nothing(&rig);
    assert_false(answer(&rig, posts[2], 429, "Via: x\n", REFUSED("1.0")));
    posts[4] = submit(&rig, REST_POST, "/channels/1/messages");
    expect_wait(&rig, 1000);
    rig.now_ms += 1000;
    expect_send(&rig, posts[2]);
    expect_nothing(&rig);
    expect_ok(&rig, posts[2], "new", 5, 3, "5");
    expect_send(&rig, posts[3]);
    expect_ok(&rig, posts[3], "new", 5, 2, "5");
    expect_send(&rig, posts[4]);
    rig_close(&rig);
}

static void a_late_answer_does_not_bring_an_old_hash_back(void **state) {
    struct rig rig;
    struct queue_entry *entries[4];
    rig_open(&rig);
    for (int i = 0; i < 4; i++) {
        entries[i] = submit(&rig, REST_PUT, "/channels/1/x");
    }
    expect_send(&rig, entries[0]);
    expect_ok(&rig, entries[0], "old", 3, 2, "60");
    rig.now_ms += 10;
    expect_send(&rig, entries[1]);
    rig.now_ms += 10;
    expect_send(&rig, entries[2]);
    rig.now_ms += 10;
    expect_ok(&rig, entries[2], "new", 1, 0, "5");
    expect_ok(&rig, entries[1], "old", 3, 1, "60");
    expect_wait(&rig, 5000);
    rig_close(&rig);
}

static void emoji_routes_go_one_by_one_whatever_their_headers_say(void **state) {
    struct rig rig;
    rig_open(&rig);
    struct queue_entry *one = submit(&rig, REST_POST, "/guilds/1/emojis");
    struct queue_entry *two = submit(&rig, REST_DELETE, "/guilds/1/emojis/2");
    struct queue_entry *other = submit(&rig, REST_DELETE, "/guilds/2/emojis/2");
    expect_send(&rig, one);
    expect_send(&rig, other);
    expect_nothing(&rig);
    expect_ok(&rig, one, "a", 50, 49, "60");
    expect_send(&rig, two);
    struct queue_entry *three = submit(&rig, REST_PATCH, "/guilds/1/emojis/2");
    assert_false(answer(&rig, two, 429, "Via: x\n", REFUSED("30.5")));
    expect_wait(&rig, 30500);
    rig.now_ms += 30500;
    expect_send(&rig, two);
    expect_nothing(&rig);
    expect_ok(&rig, two, "b", 50, 49, "60");
    expect_send(&rig, three);
    rig_close(&rig);
}

static void a_route_without_limits_is_not_held_back(void **state) {
    struct rig rig;
    rig_open(&rig);
    struct queue_entry *first = submit(&rig, REST_GET, "/gateway");
    struct queue_entry *second = submit(&rig, REST_GET, "/gateway");
    struct queue_entry *third = submit(&rig, REST_GET, "/gateway");
    expect_send(&rig, first);
    expect_nothing(&rig);
    assert_true(answer(&rig, first, 200, "Via: x\n", ""));
    expect_send(&rig, second);
    expect_send(&rig, third);
    rig_close(&rig);
}

/* --- tokens, failures, deadlines ---
 */

static void a_refused_token_ends_what_needs_it_and_is_told_once(void **state) {
    struct rig rig;
    struct route route;
    struct err err = {0};
    rig_open(&rig);
    struct queue_entry *one = submit(&rig, REST_GET, "/users/@me");
    struct queue_entry *waits = submit(&rig, REST_GET, "/users/@me");
    struct queue_entry *apart = submit(&rig, REST_PUT, "/channels/1/x");
    struct queue_entry *free_one = submit(&rig, REST_POST, "/webhooks/1/t");
    expect_send(&rig, one);
    expect_send(&rig, apart);
    assert_true(
        answer(&rig, one, 401, "Via: x\n", "{\"message\":\"401: Unauthorized\",\"code\":0}"));
    assert_int_equal(rig.verdict.end, REST_END_TOKEN);
    assert_true(rig.verdict.token_died);
    expect_end(&rig, waits, REST_END_TOKEN);
    expect_send(&rig, free_one);
    assert_true(answer(&rig, apart, 401, "Via: x\n", "{\"code\":0}"));
    assert_false(rig.verdict.token_died);
    struct queue_entry late = {.bot = rig.bot, .deadline_ms = rig.now_ms + 1000};
    assert_true(route_parse(REST_GET, "/users/@me", 0, &route, NULL));
    assert_false(queue_submit(rig.queue, &late, &route, rig.now_ms, &err));
    assert_int_equal(err.code, ERR_AUTH);
    queue_bot_revive(rig.bot, rig.now_ms);
    assert_false(queue_bot_dead(rig.bot));
    expect_send(&rig, submit(&rig, REST_GET, "/users/@me"));
    rig_close(&rig);
}

static void a_401_that_is_not_about_the_token_is_an_answer(void **state) {
    struct rig rig;
    rig_open(&rig);
    struct queue_entry *one = submit(&rig, REST_GET, "/users/@me/connections");
    expect_send(&rig, one);
    assert_true(answer(&rig, one, 401, "Via: x\n", "{\"code\":50025}"));
    assert_int_equal(rig.verdict.end, REST_END_ANSWERED);
    struct queue_entry *hook = submit(&rig, REST_POST, "/webhooks/1/t");
    expect_send(&rig, hook);
    assert_true(answer(&rig, hook, 401, "Via: x\n", "{\"code\":0}"));
    assert_int_equal(rig.verdict.end, REST_END_ANSWERED);
    assert_false(queue_bot_dead(rig.bot));
    rig_close(&rig);
}

static void what_failed_is_not_repeated_with_a_token_that_was_refused(void **state) {
    struct rig rig;
    rig_open(&rig);
    struct queue_entry *one = submit(&rig, REST_GET, "/users/@me");
    struct queue_entry *two = submit(&rig, REST_PUT, "/channels/1/x");
    struct queue_entry *three = submit(&rig, REST_PUT, "/channels/1/y");
    struct queue_entry *hook = submit(&rig, REST_GET, "/webhooks/1/t");
    expect_send(&rig, one);
    expect_send(&rig, two);
    expect_send(&rig, three);
    expect_send(&rig, hook);
    assert_true(answer(&rig, one, 401, "Via: x\n", "{\"code\":0}"));
    assert_true(answer(&rig, two, 502, "", ""));
    assert_int_equal(rig.verdict.end, REST_END_TOKEN);
    assert_true(answer(&rig, three, 429, "Via: x\n", REFUSED("1.0")));
    assert_int_equal(rig.verdict.end, REST_END_TOKEN);
    assert_false(answer(&rig, hook, 502, "", "")); /* has no token */
    rig_close(&rig);
}

static void a_401_to_an_old_token_is_tried_with_the_new_one(void **state) {
    struct rig rig;
    rig_open(&rig);
    struct queue_entry *one = submit(&rig, REST_GET, "/users/@me");
    expect_send(&rig, one);
    queue_bot_revive(rig.bot, rig.now_ms);
    assert_false(answer(&rig, one, 401, "Via: x\n", "{\"code\":0}"));
    assert_false(queue_bot_dead(rig.bot));
    expect_send(&rig, one);
    rig_close(&rig);
}

static void failures_are_tried_again_but_no_post_that_was_seen(void **state) {
    struct rig rig;
    rig_open(&rig);
    struct queue_entry *get = submit(&rig, REST_GET, "/users/@me");
    struct queue_entry *behind = submit(&rig, REST_GET, "/users/@me");
    for (int try = 1; try <= 3; try++) {
        expect_send(&rig, get);
        bool ends = answer(&rig, get, try == 2 ? 0 : 502, "", "");
        assert_int_equal(ends, try == 3);
        struct queue_step step = queue_next(rig.queue, rig.now_ms);
        if (!ends) {
            assert_int_equal(step.kind, QUEUE_WAIT);
            uint64_t wait_ms = step.until_ms - rig.now_ms;
            assert_true(wait_ms >= 250u * (unsigned)try && wait_ms <= 500u * (unsigned)try);
            rig.now_ms = step.until_ms;
        } else {
            assert_ptr_equal(step.entry, behind); /* not before its turn */
        }
    }
    struct queue_entry *post = submit(&rig, REST_POST, "/channels/1/messages");
    expect_send(&rig, post);
    assert_true(answer(&rig, post, 502, "", ""));
    struct queue_entry *nonce = submit(&rig, REST_POST, "/channels/2/messages");
    nonce->has_nonce = true;
    nonce->repeatable = true;
    expect_send(&rig, nonce);
    assert_false(answer(&rig, nonce, 502, "", ""));
    rig_close(&rig);
}

static void a_deadline_ends_what_waits_and_what_is_on_the_wire(void **state) {
    struct rig rig;
    rig_open(&rig);
    struct queue_entry *one = submit(&rig, REST_PUT, "/channels/1/x");
    struct queue_entry *two = submit(&rig, REST_PUT, "/channels/1/x");
    expect_send(&rig, one);
    rig.now_ms += DEADLINE_MS - 1;
    expect_wait(&rig, 1);
    rig.now_ms += 1;
    for (int i = 0; i < 2; i++) {
        struct queue_step step = queue_next(rig.queue, rig.now_ms);
        assert_int_equal(step.kind, QUEUE_END);
        assert_int_equal(step.end, REST_END_DEADLINE);
        assert_int_equal(step.was_on_wire, step.entry == one);
        assert_true(step.entry == one || step.entry == two);
    }
    expect_nothing(&rig);
    rig_close(&rig);
}

static void urgent_ones_go_first_and_owners_are_ended_alone(void **state) {
    struct rig rig;
    rig_open(&rig);
    struct queue_entry *one = submit_as(&rig, 1, REST_PUT, "/channels/1/x");
    struct queue_entry *two = submit_as(&rig, 2, REST_PUT, "/channels/1/y");
    struct queue_entry *three = submit_as(&rig, 2, REST_PUT, "/channels/1/y");
    struct route route;
    struct queue_entry *urgent = &rig.entries[rig.used++];
    *urgent = (struct queue_entry){
        .bot = rig.bot, .owner = 3, .deadline_ms = rig.now_ms + DEADLINE_MS, .urgent = true};
    assert_true(route_parse(REST_PUT, "/channels/1/z", 0, &route, NULL));
    assert_true(queue_submit(rig.queue, urgent, &route, rig.now_ms, NULL));
    expect_send(&rig, urgent);
    expect_send(&rig, one);
    expect_send(&rig, two);
    queue_end_owner(rig.queue, 2, REST_END_CANCELLED);
    struct queue_step step = queue_next(rig.queue, rig.now_ms);
    assert_ptr_equal(step.entry, two);
    assert_true(step.was_on_wire);
    expect_end(&rig, three, REST_END_CANCELLED);
    expect_nothing(&rig);
    rig_close(&rig);
}

static void what_is_idle_is_forgotten(void **state) {
    struct rig rig;
    rig_open(&rig);
    for (unsigned i = 0; i < 20000; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/channels/%u/x", i + 1);
        rig.used = 0;
        struct queue_entry *entry = submit(&rig, REST_PUT, path);
        expect_send(&rig, entry);
        expect_ok(&rig, entry, "h", 5, 4, "1");
        rig.used = 1;
        (void)snprintf(path, sizeof(path), "/interactions/%u/t/callback", i + 1);
        entry = submit(&rig, REST_POST, path);
        expect_send(&rig, entry);
        assert_true(answer(&rig, entry, 204, "Via: x\n", ""));
        rig.now_ms += 100;
    }
    assert_true(queue_count(rig.queue, NULL).buckets < 2000);
    for (unsigned i = 0; i < 5000; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/made/up%u", i);
        rig.used = 0;
        struct queue_entry *entry = submit(&rig, REST_PUT, path);
        expect_send(&rig, entry);
        assert_true(answer(&rig, entry, 404, "Via: x\n", "{}"));
        rig.now_ms += 100;
    }
    assert_true(queue_count(rig.queue, NULL).routes < 2500);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_request_of_a_route_and_channel_goes_alone),
        cmocka_unit_test(uploads_leave_places_for_what_is_short),
        cmocka_unit_test(the_uploads_of_all_bots_leave_places_too),
        cmocka_unit_test(as_many_go_at_once_as_are_left_and_no_more),
        cmocka_unit_test(answers_out_of_order_cost_nothing_and_give_nothing),
        cmocka_unit_test(s72_only_reset_after_counts_whatever_the_clocks_say),
        cmocka_unit_test(s73_two_routes_of_one_hash_share_one_limit),
        cmocka_unit_test(s74_a_hash_that_changes_takes_what_waits_along),
        cmocka_unit_test(a_new_hash_counts_what_the_old_one_has_on_the_wire),
        cmocka_unit_test(posts_go_one_after_the_other_however_many_are_left),
        cmocka_unit_test(messages_keep_their_order_while_a_hash_changes),
        cmocka_unit_test(a_late_answer_does_not_bring_an_old_hash_back),
        cmocka_unit_test(emoji_routes_go_one_by_one_whatever_their_headers_say),
        cmocka_unit_test(a_route_without_limits_is_not_held_back),
        cmocka_unit_test(a_refused_token_ends_what_needs_it_and_is_told_once),
        cmocka_unit_test(a_401_that_is_not_about_the_token_is_an_answer),
        cmocka_unit_test(what_failed_is_not_repeated_with_a_token_that_was_refused),
        cmocka_unit_test(a_401_to_an_old_token_is_tried_with_the_new_one),
        cmocka_unit_test(failures_are_tried_again_but_no_post_that_was_seen),
        cmocka_unit_test(a_deadline_ends_what_waits_and_what_is_on_the_wire),
        cmocka_unit_test(urgent_ones_go_first_and_owners_are_ended_alone),
        cmocka_unit_test(what_is_idle_is_forgotten),
    };
    return cmocka_run_group_tests_name("rest_queue", tests, NULL, NULL);
}
