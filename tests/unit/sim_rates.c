/* tests/unit/sim_rates.c: the simulator's rate limits and what it remembers of messages. */
#include "sim/rates.h"
#include "sim/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct sim_rate_ask ask_at(uint64_t now_ms, uint64_t conn) {
    return (struct sim_rate_ask){.bot = 1,
                                 .conn = conn,
                                 .route = "POST /a",
                                 .major = 7,
                                 .limit = 2,
                                 .per_ms = 1000,
                                 .now_ms = now_ms};
}

/* Asks and tells the client the answer, as the server does. */
static struct sim_rate_verdict take(struct sim_rates *rates, const struct sim_rate_ask *ask) {
    struct sim_rate_verdict verdict = sim_rates_take(rates, ask, SIM_RATE_FINE, 0);
    sim_rates_told(rates, ask, &verdict, true);
    return verdict;
}

static void a_bucket_lets_its_limit_through_and_opens_again(void **state) {
    struct sim_rates rates;
    sim_rates_init(&rates, 1, 1, 50);
    struct sim_rate_ask ask = ask_at(1000, 1);
    assert_int_equal(take(&rates, &ask).remaining, 1);
    assert_int_equal(take(&rates, &ask).remaining, 0);
    ask.now_ms = 1400;
    struct sim_rate_verdict refused = take(&rates, &ask);
    assert_int_equal(refused.scope, SIM_RATE_USER);
    assert_int_equal(refused.retry_after_ms, 600);
    ask.major = 8; /* another channel */
    assert_int_equal(take(&rates, &ask).scope, SIM_RATE_FINE);
    ask.major = 7;
    ask.now_ms = 2000;
    assert_int_equal(take(&rates, &ask).scope, SIM_RATE_FINE);
    sim_rates_finish(&rates);
}

static void only_who_was_told_could_have_avoided_it(void **state) {
    struct sim_rates rates;
    sim_rates_init(&rates, 1, 1, 50);
    struct sim_rate_ask ask = ask_at(1000, 1);
    take(&rates, &ask);
    struct sim_rate_ask other = ask_at(1001, 2);
    take(&rates, &other);
    other = ask_at(1002, 3); /* sent side by side: no answer had come yet */
    assert_false(take(&rates, &other).avoidable);
    other = ask_at(1003, 3); /* it was told on this very connection */
    assert_true(take(&rates, &other).avoidable);
    other = ask_at(1002 + SIM_RATE_GRACE_MS, 4);
    assert_true(take(&rates, &other).avoidable);
    sim_rates_finish(&rates);
}

static void another_hash_is_news_to_everybody(void **state) {
    struct sim_rates rates;
    char hash[SIM_RATE_HASH_SIZE];
    sim_rates_init(&rates, 1, 1, 50);
    struct sim_rate_ask ask = ask_at(1000, 1);
    memcpy(hash, take(&rates, &ask).hash, sizeof(hash));
    rates.salt++;
    struct sim_rate_verdict verdict = take(&rates, &ask);
    assert_string_not_equal(verdict.hash, hash);
    assert_int_equal(verdict.remaining, 1);
    sim_rates_finish(&rates);
}

static void routes_that_share_have_one_bucket(void **state) {
    struct sim_rates rates;
    struct err err = {0};
    sim_rates_init(&rates, 1, 1, 50);
    assert_true(sim_rates_share(&rates, "POST/a GET/b", &err));
    struct sim_rate_ask ask = ask_at(1000, 1);
    take(&rates, &ask);
    take(&rates, &ask);
    ask.route = "GET /b";
    struct sim_rate_verdict verdict = take(&rates, &ask);
    assert_int_equal(verdict.scope, SIM_RATE_USER);
    assert_false(verdict.avoidable); /* nobody had told that they share */
    assert_true(take(&rates, &ask).avoidable);
    sim_rates_finish(&rates);
}

static void rules_change_limits_and_are_checked(void **state) {
    static const char *const bad[] = {
        "",           "POST/a",  "POST/a 5", "POST/a x 1s", "POST/a 0 1s", "POST/a 5 1s 2",
        "POST/a 5 0", "global x"};
    struct sim_rates rates;
    struct err err = {0};
    sim_rates_init(&rates, 1, 1, 50);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(sim_rates_rule(&rates, bad[i], &err));
    }
    assert_true(sim_rates_rule(&rates, "POST/a 1 3s", &err));
    struct sim_rate_ask ask = ask_at(1000, 1);
    struct sim_rate_verdict verdict = take(&rates, &ask);
    assert_int_equal(verdict.limit, 1);
    assert_int_equal(verdict.reset_after_ms, 3000);
    assert_true(sim_rates_rule(&rates, "* 9 1s", &err));
    ask.route = "GET /other";
    assert_int_equal(take(&rates, &ask).limit, 9);
    sim_rates_finish(&rates);
}

static void the_global_limit_spares_exempt_routes(void **state) {
    struct sim_rates rates;
    sim_rates_init(&rates, 1, 1, 3);
    struct sim_rate_ask ask = ask_at(1000, 1);
    ask.limit = 100;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(take(&rates, &ask).scope, SIM_RATE_FINE);
    }
    struct sim_rate_verdict verdict = take(&rates, &ask);
    assert_int_equal(verdict.scope, SIM_RATE_GLOBAL);
    assert_false(verdict.avoidable);
    assert_true(take(&rates, &ask).avoidable);
    ask.exempt = true;
    assert_int_equal(take(&rates, &ask).scope, SIM_RATE_FINE);
    ask.exempt = false;
    ask.now_ms = 2000;
    assert_int_equal(take(&rates, &ask).scope, SIM_RATE_FINE);
    sim_rates_finish(&rates);
}

static void a_forced_refusal_holds_until_its_end(void **state) {
    for (int scope = SIM_RATE_USER; scope <= SIM_RATE_SHARED; scope++) {
        struct sim_rates rates;
        sim_rates_init(&rates, 1, 1, 50);
        struct sim_rate_ask ask = ask_at(1000, 1);
        struct sim_rate_verdict verdict =
            sim_rates_take(&rates, &ask, (enum sim_rate_scope)scope, 500);
        sim_rates_told(&rates, &ask, &verdict, true);
        assert_int_equal(verdict.scope, scope);
        assert_int_equal(verdict.retry_after_ms, 500);
        assert_false(verdict.avoidable);
        ask.now_ms = 1499;
        verdict = take(&rates, &ask);
        assert_int_not_equal(verdict.scope, SIM_RATE_FINE);
        assert_true(verdict.avoidable);
        ask.now_ms = 1500;
        assert_int_equal(take(&rates, &ask).scope, SIM_RATE_FINE);
        sim_rates_finish(&rates);
    }
}

static void ten_thousand_invalid_requests_ban(void **state) {
    struct sim_rates rates;
    sim_rates_init(&rates, 1, 10, 50);
    for (int i = 0; i < SIM_INVALID_MOST; i++) {
        assert_false(sim_rates_banned(&rates, 100000));
        sim_rates_invalid(&rates, 100000);
    }
    assert_true(sim_rates_banned(&rates, 100001));
    assert_true(sim_rates_banned(&rates, 159999)); /* ten minutes, ten times as fast */
    assert_false(sim_rates_banned(&rates, 160000));
    sim_rates_finish(&rates);
}

#define OBJECT "{\"id\":\"1\",\"pinned\":false,\"nonce\":\"n\",\"guild_id\":\"2\"}"

static void a_channel_remembers_its_newest_messages(void **state) {
    struct sim_store *store = sim_store_create();
    for (uint64_t id = 1; id <= SIM_HISTORY_MOST + 3; id++) {
        assert_non_null(sim_store_add(store, 9, id, OBJECT, strlen(OBJECT)));
    }
    assert_non_null(sim_store_add(store, 10, 1, OBJECT, strlen(OBJECT)));
    assert_null(sim_store_find(store, 9, 3));
    assert_non_null(sim_store_find(store, 9, 4));
    assert_non_null(sim_store_find(store, 10, 1));
    assert_int_equal(sim_store_log(store, 9)->count, SIM_HISTORY_MOST);
    assert_int_equal(store->count, SIM_HISTORY_MOST + 1);
    sim_store_forget_channel(store, 9);
    assert_null(sim_store_log(store, 9));
    assert_int_equal(store->bytes, strlen(OBJECT));
    sim_store_destroy(store);
}

static void the_object_shows_pins_and_reactions_of_the_viewer(void **state) {
    struct sim_store *store = sim_store_create();
    struct sim_post *post = sim_store_add(store, 9, 1, OBJECT, strlen(OBJECT));
    bool full;
    assert_true(sim_post_react(post, "x", 0, 5, &full));
    assert_false(sim_post_react(post, "x", 0, 5, &full));
    assert_true(sim_post_react(post, "x", 0, 6, &full));
    post->pinned = true;
    cJSON *object = sim_post_object(post, 6);
    char *text = cJSON_PrintUnformatted(object);
    assert_string_equal(text,
                        "{\"id\":\"1\",\"pinned\":true,\"reactions\":[{\"emoji\":{\"id\":null,"
                        "\"name\":\"x\"},\"count\":2,\"count_details\":{\"burst\":0,\"normal\":2},"
                        "\"burst_colors\":[],\"me_burst\":false,\"me\":true}]}");
    cJSON_free(text);
    cJSON_Delete(object);
    assert_false(sim_post_unreact(post, "y", 0, 5));
    assert_true(sim_post_unreact(post, "x", 0, 5));
    assert_true(sim_post_unreact(post, "x", 0, 0));
    assert_null(post->reactions);
    sim_store_destroy(store);
}

static void reactions_and_files_are_bounded(void **state) {
    struct sim_store *store = sim_store_create();
    struct sim_post *post = sim_store_add(store, 9, 1, OBJECT, strlen(OBJECT));
    char *large = calloc(1, SIM_FILE_MOST + 1);
    bool full = false;
    for (uint64_t id = 1; id <= SIM_REACTIONS_MOST; id++) {
        assert_true(sim_post_react(post, "e", id, 5, &full));
    }
    assert_false(sim_post_react(post, "e", 99, 5, &full));
    assert_true(full);
    assert_null(sim_store_add_file(store, 9, 1, "f", "", large, SIM_FILE_MOST + 1));
    for (uint64_t id = 1; id <= 14; id++) {
        assert_non_null(sim_store_add_file(store, 9, id, "f", "", large, SIM_FILE_MOST));
    }
    assert_true(store->file_bytes <= SIM_FILES_BYTES);
    assert_null(sim_store_file(store, 9, 1));
    assert_non_null(sim_store_file(store, 9, 14));
    free(large);
    sim_store_destroy(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_lets_its_limit_through_and_opens_again),
        cmocka_unit_test(only_who_was_told_could_have_avoided_it),
        cmocka_unit_test(another_hash_is_news_to_everybody),
        cmocka_unit_test(routes_that_share_have_one_bucket),
        cmocka_unit_test(rules_change_limits_and_are_checked),
        cmocka_unit_test(the_global_limit_spares_exempt_routes),
        cmocka_unit_test(a_forced_refusal_holds_until_its_end),
        cmocka_unit_test(ten_thousand_invalid_requests_ban),
        cmocka_unit_test(a_channel_remembers_its_newest_messages),
        cmocka_unit_test(the_object_shows_pins_and_reactions_of_the_viewer),
        cmocka_unit_test(reactions_and_files_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
