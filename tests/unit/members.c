/* tests/unit/members.c: a request for members ends once: with all its chunks, in whatever order
 * and however often they come, or with the reason why not. */
#include "gateway/members.h"

#include "base/buf.h"
#include "failing.h"

struct rig {
    struct members *members;
    uint64_t now_ms;
    bool refuses;     /* what is to be sent */
    bool asks_again;  /* when one ended badly */
    struct buf lines; /* what happened */
    char json[2048];  /* last sent */
};

static bool on_send(void *arg, unsigned shard, uint64_t guild, const char *json, struct err *err) {
    struct rig *rig = arg;
    if (rig->refuses) {
        return err_set(err, ERR_LIMIT, "too long");
    }
    snprintf(rig->json, sizeof(rig->json), "%s", json);
    return buf_printf(&rig->lines, "send %u %llu\n", shard, (unsigned long long)guild);
}

static void on_chunk(void *arg, uint64_t cookie, const char *json, size_t length, unsigned index,
                     unsigned count) {
    struct rig *rig = arg;
    assert_true(length > 1 && json[0] == '{' && json[length - 1] == '}');
    assert_true(
        buf_printf(&rig->lines, "chunk %llu %u/%u\n", (unsigned long long)cookie, index, count));
}

static bool ask(struct rig *rig, uint64_t guild, uint64_t cookie);

static void on_done(void *arg, uint64_t cookie, const struct err *err) {
    struct rig *rig = arg;
    assert_true(buf_printf(&rig->lines, "done %llu %s\n", (unsigned long long)cookie,
                           err == NULL ? "ok" : err->text));
    if (rig->asks_again && err != NULL) {
        rig->asks_again = false;
        assert_true(ask(rig, 70, cookie + 100));
    }
}

static const struct members_port port = {on_send, on_chunk, on_done};

static void start(struct rig *rig) {
    memset(rig, 0, sizeof(*rig));
    rig->now_ms = 100000;
    rig->members = members_create(&port, rig, 0x1234567890abcdefu, NULL);
    assert_non_null(rig->members);
}

static void saw(struct rig *rig, const char *lines) {
    assert_string_equal(rig->lines.length > 0 ? rig->lines.bytes : "", lines);
    buf_clear(&rig->lines);
}

static void finish(struct rig *rig) {
    saw(rig, "");
    members_destroy(rig->members);
    buf_finish(&rig->lines);
}

static bool ask(struct rig *rig, uint64_t guild, uint64_t cookie) {
    const struct members_query query = {.guild = guild};
    return members_ask(rig->members, &query, 3, cookie, rig->now_ms, NULL);
}

/* The nonce of what was sent last. */
static const char *nonce(const struct rig *rig) {
    static char out[40];
    const char *at = strstr(rig->json, "\"nonce\":\"");
    assert_non_null(at);
    size_t length = strcspn(at + 9, "\"");
    assert_true(length > 0 && length <= 32);
    memcpy(out, at + 9, length);
    out[length] = '\0';
    return out;
}

static void feed(struct rig *rig, bool limited, unsigned shard, const char *text) {
    uint8_t bytes[512 + JSON_PADDING] = {0};
    struct json_span d = {0, strlen(text)};
    memcpy(bytes, text, d.length);
    if (limited) {
        members_limited(rig->members, shard, bytes, &d, rig->now_ms);
    } else {
        members_chunk(rig->members, shard, bytes, &d, rig->now_ms);
    }
}

static void chunk(struct rig *rig, const char *of, unsigned index, unsigned count) {
    char text[256];
    snprintf(text, sizeof(text),
             "{\"guild_id\":\"70\",\"members\":[],\"chunk_index\":%u,\"chunk_count\":%u,"
             "\"not_found\":[\"1\"],\"nonce\":\"%s\"}",
             index, count, of);
    feed(rig, false, 3, text);
}

static void tick(struct rig *rig, uint64_t ms) {
    uint64_t until_ms = rig->now_ms + ms;
    while (members_next_ms(rig->members) <= until_ms) {
        rig->now_ms = members_next_ms(rig->members);
        members_due(rig->members, rig->now_ms);
    }
    rig->now_ms = until_ms;
}

static void a_query_is_written_as_discord_wants_it(void **state) {
    static const uint64_t users[] = {5, 18446744073709551615u};
    struct rig rig;
    start(&rig);
    const struct members_query by_name = {
        .guild = 70, .query = "an\"na", .limit = 10, .presences = true};
    assert_true(members_ask(rig.members, &by_name, 3, 1, rig.now_ms, NULL));
    assert_string_equal(rig.json, "{\"guild_id\":\"70\",\"query\":\"an\\\"na\",\"limit\":10,"
                                  "\"presences\":true,\"nonce\":\"drey90abcdef1\"}");
    const struct members_query by_id = {.guild = 70, .users = users, .user_count = 2};
    assert_true(members_ask(rig.members, &by_id, 4, 2, rig.now_ms, NULL));
    assert_string_equal(rig.json,
                        "{\"guild_id\":\"70\",\"user_ids\":[\"5\",\"18446744073709551615\"],"
                        "\"limit\":0,\"presences\":false,\"nonce\":\"drey90abcdef2\"}");
    saw(&rig, "send 3 70\nsend 4 70\n");
    finish(&rig);
}

static void what_discord_would_refuse_is_refused_here(void **state) {
    static const uint64_t users[101] = {1};
    static const struct {
        struct members_query query;
        const char *why;
    } rows[] = {
        {{.guild = 0}, "members: of no guild"},
        {{.guild = 1, .users = users}, "members: 0 user ids, 1 to 100 are allowed"},
        {{.guild = 1, .users = users, .user_count = 101},
         "members: 101 user ids, 1 to 100 are allowed"},
        {{.guild = 1, .users = users, .user_count = 1, .query = "a"},
         "members: either user ids or a name, not both"},
        {{.guild = 1, .query = "a"}, "members: limit 0 of a search, 1 to 100 are allowed"},
        {{.guild = 1, .query = "a", .limit = 101},
         "members: limit 101 of a search, 1 to 100 are allowed"},
    };
    struct rig rig;
    start(&rig);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};
        assert_false(members_ask(rig.members, &rows[i].query, 3, 1, 0, &err));
        assert_string_equal(err.text, rows[i].why);
    }
    for (unsigned i = 0; i < MEMBERS_OPEN_MAX; i++) {
        assert_true(ask(&rig, 1000 + i, i));
    }
    assert_false(ask(&rig, 7, 7));
    members_stop(rig.members, "stopping");
    assert_int_equal(members_next_ms(rig.members), MEMBERS_NEVER);
    buf_clear(&rig.lines);
    rig.refuses = true; /* the shard's outbox: 4096 bytes, or full */
    assert_true(ask(&rig, 7, 7));
    saw(&rig, "done 7 too long\n");
    finish(&rig);
}

static void chunks_may_come_in_any_order_and_twice(void **state) {
    static const unsigned orders[][7] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 1, 3, 1, 0, 3, 2}};
    static const char *const lines[] = {"chunk 9 0/4\nchunk 9 1/4\nchunk 9 2/4\nchunk 9 3/4\n",
                                        "chunk 9 3/4\nchunk 9 2/4\nchunk 9 1/4\nchunk 9 0/4\n",
                                        "chunk 9 1/4\nchunk 9 3/4\nchunk 9 0/4\nchunk 9 2/4\n"};
    for (size_t i = 0; i < 3; i++) {
        struct rig rig;
        start(&rig);
        assert_true(ask(&rig, 70, 9));
        saw(&rig, "send 3 70\n");
        for (unsigned j = 0; j < (i == 2 ? 7u : 4u); j++) {
            chunk(&rig, nonce(&rig), orders[i][j], 4);
        }
        char whole[256];
        snprintf(whole, sizeof(whole), "%sdone 9 ok\n", lines[i]);
        saw(&rig, whole);
        chunk(&rig, nonce(&rig), 0, 4); /* too late to matter */
        finish(&rig);
    }
}

static void more_chunks_than_bits_of_a_word_are_counted(void **state) {
    struct rig rig;
    start(&rig);
    assert_true(ask(&rig, 70, 9));
    for (unsigned i = 0; i < 1000; i++) {
        chunk(&rig, nonce(&rig), 999 - i, 1000);
        chunk(&rig, nonce(&rig), 999 - i, 1000);
    }
    assert_non_null(strstr(rig.lines.bytes, "chunk 9 0/1000\ndone 9 ok\n"));
    buf_clear(&rig.lines);
    finish(&rig);
}

static void several_at_once_are_told_apart_by_their_nonces(void **state) {
    struct rig rig;
    char first[40];
    start(&rig);
    const struct members_query search = {.guild = 70, .query = "a", .limit = 5};
    assert_true(members_ask(rig.members, &search, 3, 1, rig.now_ms, NULL));
    strcpy(first, nonce(&rig));
    assert_true(members_ask(rig.members, &search, 3, 2, rig.now_ms, NULL));
    chunk(&rig, nonce(&rig), 0, 1);
    chunk(&rig, "somebody else's", 0, 1);
    feed(&rig, false, 3, "{\"guild_id\":\"70\",\"chunk_index\":0,\"chunk_count\":1}");
    chunk(&rig, first, 0, 1); /* the one without a nonce was the first's already */
    saw(&rig, "send 3 70\nsend 3 70\nchunk 2 0/1\ndone 2 ok\nchunk 1 0/1\ndone 1 ok\n");
    finish(&rig);
}

static void a_chunk_without_nonce_is_nobodys_when_it_could_be_two(void **state) {
    struct rig rig;
    start(&rig);
    const struct members_query search = {.guild = 70, .query = "a", .limit = 5};
    assert_true(members_ask(rig.members, &search, 3, 1, rig.now_ms, NULL));
    assert_true(members_ask(rig.members, &search, 3, 2, rig.now_ms, NULL));
    buf_clear(&rig.lines);
    feed(&rig, false, 3,
         "{\"guild_id\":\"70\",\"chunk_index\":0,\"chunk_count\":1,\"nonce\":null}");
    feed(&rig, false, 4, "{\"guild_id\":\"70\",\"chunk_index\":0,\"chunk_count\":1}");
    feed(&rig, false, 3, "{\"guild_id\":\"71\",\"chunk_index\":0,\"chunk_count\":1}");
    feed(&rig, false, 3, "[]");
    feed(&rig, false, 3, "null");
    saw(&rig, "");
    tick(&rig, MEMBERS_IDLE_MS);
    saw(&rig, "done 1 members of guild 70: no answer within 60 s\n"
              "done 2 members of guild 70: no answer within 60 s\n");
    finish(&rig);
}

static void a_missing_chunk_ends_in_a_timeout_that_counts_from_the_last(void **state) {
    struct rig rig;
    start(&rig);
    assert_true(ask(&rig, 70, 9));
    tick(&rig, MEMBERS_IDLE_MS - 1);
    chunk(&rig, nonce(&rig), 1, 3);
    tick(&rig, MEMBERS_IDLE_MS - 1);
    chunk(&rig, nonce(&rig), 0, 3);
    tick(&rig, MEMBERS_IDLE_MS - 1);
    saw(&rig, "send 3 70\nchunk 9 1/3\nchunk 9 0/3\n");
    tick(&rig, 1);
    saw(&rig, "done 9 members of guild 70: 2 of 3 parts came, then nothing for 60 s\n");
    finish(&rig);
}

static void odd_numbers_end_the_request(void **state) {
    static const char *const odd[] = {"\"chunk_index\":3,\"chunk_count\":3",
                                      "\"chunk_index\":0,\"chunk_count\":0",
                                      "\"chunk_index\":0,\"chunk_count\":70000",
                                      "\"chunk_index\":-1,\"chunk_count\":3",
                                      "\"chunk_index\":\"0\",\"chunk_count\":3",
                                      "\"chunk_count\":3",
                                      "\"chunk_index\":0"};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        struct rig rig;
        char text[256];
        start(&rig);
        assert_true(ask(&rig, 70, 9));
        snprintf(text, sizeof(text), "{\"guild_id\":\"70\",\"nonce\":\"%s\",%s}", nonce(&rig),
                 odd[i]);
        feed(&rig, false, 3, text);
        saw(&rig, "send 3 70\ndone 9 members of guild 70: a part has no usable number\n");
        finish(&rig);
    }
}

/* ---- limits ---- */

static void a_guilds_whole_list_is_asked_for_every_thirty_seconds(void **state) {
    struct rig rig;
    start(&rig);
    assert_true(ask(&rig, 70, 1));
    assert_true(ask(&rig, 70, 2));
    assert_true(ask(&rig, 70, 3));
    assert_true(ask(&rig, 71, 4));
    const struct members_query search = {.guild = 70, .query = "a", .limit = 5};
    assert_true(members_ask(rig.members, &search, 3, 5, rig.now_ms, NULL));
    saw(&rig, "send 3 70\nsend 3 71\nsend 3 70\n"); /* a search is not limited */
    tick(&rig, MEMBERS_FULL_EVERY_MS);
    saw(&rig, "");
    tick(&rig, 100);
    saw(&rig, "send 3 70\n");
    tick(&rig, MEMBERS_FULL_EVERY_MS - 1000);
    saw(&rig, "");
    members_cancel(rig.members, 1);
    members_cancel(rig.members, 2);
    members_cancel(rig.members, 4);
    members_cancel(rig.members, 5);
    members_cancel(rig.members, 77);
    tick(&rig, 1100);
    saw(&rig, "send 3 70\n");
    finish(&rig);
}

static void what_is_rate_limited_is_sent_again_and_the_others_are_unaffected(void **state) {
    struct rig rig;
    char first[40];
    char text[256];
    start(&rig);
    const struct members_query search = {.guild = 70, .query = "a", .limit = 5};
    assert_true(members_ask(rig.members, &search, 3, 1, rig.now_ms, NULL));
    strcpy(first, nonce(&rig));
    assert_true(ask(&rig, 70, 2));
    snprintf(text, sizeof(text),
             "{\"opcode\":8,\"retry_after\":12.5,\"meta\":{\"guild_id\":\"70\",\"nonce\":\"%s\"}}",
             nonce(&rig));
    feed(&rig, true, 3, text);
    chunk(&rig, first, 0, 2);
    tick(&rig, 12500);
    saw(&rig, "send 3 70\nsend 3 70\nchunk 1 0/2\n");
    tick(&rig, 100);
    saw(&rig, "send 3 70\n");
    chunk(&rig, nonce(&rig), 0, 1);
    chunk(&rig, first, 1, 2);
    saw(&rig, "chunk 2 0/1\ndone 2 ok\nchunk 1 1/2\ndone 1 ok\n");
    feed(&rig, true, 3, text);
    finish(&rig);
}

static void what_is_limited_for_ever_ends(void **state) {
    static const char *const waits[] = {"1e9", "-1", "\"x\"", "0.01"};
    for (size_t i = 0; i < 4; i++) {
        struct rig rig;
        char text[256];
        start(&rig);
        assert_true(ask(&rig, 70, 9));
        snprintf(text, sizeof(text),
                 "{\"opcode\":8,\"retry_after\":%s,\"meta\":{\"guild_id\":\"70\"}}", waits[i]);
        unsigned rounds = 0;
        while (members_next_ms(rig.members) != MEMBERS_NEVER && rounds < 100) {
            feed(&rig, true, 3, text);
            tick(&rig, 100);
            rounds++;
        }
        bool tried = i == 2 || i == 3; /* a text reads as 0 */
        assert_int_equal(rounds, tried ? MEMBERS_RETRIES_MAX + 1 : 1);
        assert_non_null(strstr(rig.lines.bytes, "done 9 members of guild 70: Discord asks to wait "
                                                "too long, or too often\n"));
        buf_clear(&rig.lines);
        feed(&rig, true, 3, "{\"opcode\":4}");
        feed(&rig, true, 3, "{\"opcode\":8,\"meta\":7}");
        finish(&rig);
    }
}

static void a_lost_session_ends_what_was_asked_in_it(void **state) {
    struct rig rig;
    start(&rig);
    assert_true(ask(&rig, 70, 1));
    const struct members_query other = {.guild = 71};
    assert_true(members_ask(rig.members, &other, 4, 2, rig.now_ms, NULL));
    rig.asks_again = true;
    members_session_lost(rig.members, 3);
    saw(&rig, "send 3 70\nsend 4 71\n"
              "done 1 members of guild 70: the shard lost its session; ask again\n");
    tick(&rig, MEMBERS_FULL_EVERY_MS + 100); /* the same guild: not at once */
    saw(&rig, "send 3 70\n");
    members_stop(rig.members, "stopping");
    saw(&rig, "done 2 members of guild 71: stopping\ndone 101 members of guild 70: stopping\n");
    finish(&rig);
}

static void what_a_lost_connection_may_have_swallowed_is_asked_again_once(void **state) {
    struct rig rig;
    start(&rig);
    const struct members_query few = {.guild = 70, .query = "a", .limit = 5};
    assert_true(members_ask(rig.members, &few, 3, 1, rig.now_ms, NULL));
    const struct members_query other = {.guild = 71, .query = "a", .limit = 5};
    assert_true(members_ask(rig.members, &other, 4, 2, rig.now_ms, NULL));
    members_resumed(rig.members, 3, rig.now_ms);
    saw(&rig, "send 3 70\nsend 4 71\n");
    tick(&rig, MEMBERS_AGAIN_MS - 1);
    saw(&rig, "");
    tick(&rig, 1);
    saw(&rig, "send 3 70\n"); /* of the other shard nothing was lost */
    members_resumed(rig.members, 3, rig.now_ms);
    tick(&rig, MEMBERS_IDLE_MS - MEMBERS_AGAIN_MS - 1);
    saw(&rig, ""); /* not a third time */
    chunk(&rig, nonce(&rig), 0, 1);
    saw(&rig, "chunk 1 0/1\ndone 1 ok\n");
    members_cancel(rig.members, 2);
    finish(&rig);
}

static void what_was_answered_in_the_replay_or_soon_after_is_not_asked_again(void **state) {
    struct rig rig;
    start(&rig);
    assert_true(ask(&rig, 70, 1));
    saw(&rig, "send 3 70\n");
    members_resumed(rig.members, 3, rig.now_ms);
    tick(&rig, MEMBERS_AGAIN_MS / 2);
    chunk(&rig, nonce(&rig), 0, 2);
    tick(&rig, MEMBERS_AGAIN_MS);
    saw(&rig, "chunk 1 0/2\n");
    members_resumed(rig.members, 3, rig.now_ms); /* half of it came: the rest is under way */
    tick(&rig, MEMBERS_AGAIN_MS);
    chunk(&rig, nonce(&rig), 1, 2);
    saw(&rig, "chunk 1 1/2\ndone 1 ok\n");
    finish(&rig);
}

static void a_whole_list_asked_again_keeps_discords_pace_and_takes_late_chunks(void **state) {
    struct rig rig;
    start(&rig);
    assert_true(ask(&rig, 70, 1));
    assert_true(ask(&rig, 71, 2));
    saw(&rig, "send 3 70\nsend 3 71\n");
    members_resumed(rig.members, 3, rig.now_ms);
    tick(&rig, MEMBERS_AGAIN_MS + 1);
    saw(&rig, "");
    char text[256];
    snprintf(text, sizeof(text),
             "{\"guild_id\":\"71\",\"members\":[],\"chunk_index\":0,\"chunk_count\":1,"
             "\"nonce\":\"%s\"}",
             nonce(&rig));
    feed(&rig, false, 3, text);
    saw(&rig, "chunk 2 0/1\ndone 2 ok\n");
    tick(&rig, MEMBERS_FULL_EVERY_MS);
    saw(&rig, "send 3 70\n");
    members_cancel(rig.members, 1);
    finish(&rig);
}

static void of_two_answers_to_one_question_the_first_counts(void **state) {
    struct rig rig;
    start(&rig);
    const struct members_query few = {.guild = 70, .query = "a", .limit = 5};
    assert_true(members_ask(rig.members, &few, 3, 1, rig.now_ms, NULL));
    members_resumed(rig.members, 3, rig.now_ms);
    tick(&rig, MEMBERS_AGAIN_MS);
    saw(&rig, "send 3 70\nsend 3 70\n");
    char limited[256];
    snprintf(limited, sizeof(limited),
             "{\"opcode\":8,\"retry_after\":20.0,\"meta\":{\"guild_id\":\"70\",\"nonce\":\"%s\"}}",
             nonce(&rig));
    feed(&rig, true, 3, limited); /* the copy; what follows is the answer to the first */
    chunk(&rig, nonce(&rig), 0, 2);
    feed(&rig, true, 3, limited);
    chunk(&rig, nonce(&rig), 1, 3); /* a member came meanwhile, and the copy is answered, too */
    chunk(&rig, nonce(&rig), 1, 2);
    saw(&rig, "chunk 1 0/2\nchunk 1 1/2\ndone 1 ok\n");
    finish(&rig);
}

/* Its own port: it must not need memory itself. */
struct counts {
    unsigned sent;
    unsigned chunks;
    unsigned ends;
};

static bool count_send(void *arg, unsigned shard, uint64_t guild, const char *json,
                       struct err *err) {
    ((struct counts *)arg)->sent++;
    return true;
}

static void count_chunk(void *arg, uint64_t cookie, const char *json, size_t length, unsigned index,
                        unsigned count) {
    ((struct counts *)arg)->chunks++;
}

static void count_done(void *arg, uint64_t cookie, const struct err *err) {
    ((struct counts *)arg)->ends++;
    assert_int_equal(err->code, ERR_NO_MEMORY);
}

static bool try_all(void *arg) {
    static const struct members_port counting = {count_send, count_chunk, count_done};
    struct counts counts = {0};
    struct err err = {0};
    struct rig rig = {.now_ms = 1000};
    rig.members = members_create(&counting, &counts, 1, &err);
    const struct members_query query = {.guild = 70};
    bool asked = rig.members != NULL && members_ask(rig.members, &query, 3, 1, 1000, &err);
    assert_true(asked || err.code == ERR_NO_MEMORY);
    if (asked) {
        chunk(&rig, "drey000000011", 99, 100);
        chunk(&rig, "drey000000011", 98, 100);
        assert_true(counts.ends == 1 || counts.chunks == 2);
    }
    members_destroy(rig.members);
    return asked && counts.ends == 0;
}

static void without_memory_a_request_ends_and_says_so(void **state) {
    assert_int_equal(each_fails(try_all, NULL), 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_is_written_as_discord_wants_it),
        cmocka_unit_test(what_discord_would_refuse_is_refused_here),
        cmocka_unit_test(chunks_may_come_in_any_order_and_twice),
        cmocka_unit_test(more_chunks_than_bits_of_a_word_are_counted),
        cmocka_unit_test(several_at_once_are_told_apart_by_their_nonces),
        cmocka_unit_test(a_chunk_without_nonce_is_nobodys_when_it_could_be_two),
        cmocka_unit_test(a_missing_chunk_ends_in_a_timeout_that_counts_from_the_last),
        cmocka_unit_test(odd_numbers_end_the_request),
        cmocka_unit_test(a_guilds_whole_list_is_asked_for_every_thirty_seconds),
        cmocka_unit_test(what_is_rate_limited_is_sent_again_and_the_others_are_unaffected),
        cmocka_unit_test(what_is_limited_for_ever_ends),
        cmocka_unit_test(a_lost_session_ends_what_was_asked_in_it),
        cmocka_unit_test(what_a_lost_connection_may_have_swallowed_is_asked_again_once),
        cmocka_unit_test(what_was_answered_in_the_replay_or_soon_after_is_not_asked_again),
        cmocka_unit_test(a_whole_list_asked_again_keeps_discords_pace_and_takes_late_chunks),
        cmocka_unit_test(of_two_answers_to_one_question_the_first_counts),
        cmocka_unit_test(without_memory_a_request_ends_and_says_so),
    };
    return cmocka_run_group_tests_name("members", tests, NULL, NULL);
}
