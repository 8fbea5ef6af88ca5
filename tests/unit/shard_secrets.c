/* tests/unit/shard_secrets.c: a shard hands an interaction's token to the host before it publishes
 * the event without it, and shows the host the answers to its own requests; neither allocates. */
#include "failing.h"

#include "base/loop.h"
#include "gateway/events.h"
#include "gateway/shard_inside.h"
#include "ring/reader.h"

#include <unistd.h>

struct seen {
    unsigned interactions;
    struct interaction_secrets secrets;
    unsigned answers;
    char answer[128];
    uint64_t head; /* of the ring, when it was told */
    struct ring *ring;
};

static void ignore_state(void *arg, unsigned shard, const char *word, const char *why) {
}
static void ignore_session(void *arg, unsigned shard, const char *session_id, const char *url) {
}
static void ignore_seq(void *arg, unsigned shard, uint64_t seq) {
}
static void ignore(void *arg, unsigned shard) {
}
static void ignore_fatal(void *arg, unsigned shard, unsigned code, const char *what,
                         const char *advice) {
}

static void on_interaction(void *arg, unsigned shard, const struct interaction_secrets *secrets,
                           const char *d, size_t length) {
    struct seen *seen = arg;
    seen->interactions++;
    assert_true(length > 1 && d[0] == '{' && d[length - 1] == '}');
    assert_null(memmem(d, length, "SECRET", 6));
    seen->secrets = *secrets;
    seen->head = ring_head(seen->ring);
}

static void on_answer(void *arg, unsigned shard, unsigned event, const uint8_t *bytes,
                      const struct json_span *d) {
    struct seen *seen = arg;
    seen->answers++;
    snprintf(seen->answer, sizeof(seen->answer), "%u %.*s", event, (int)d->length,
             (const char *)bytes + d->offset);
}

struct stage {
    char directory[64];
    char path[96];
    struct ring *ring;
    struct loop *loop;
    struct network *network;
    struct identify_gate *gate;
    struct shard *shard;
    struct shard_callbacks callbacks;
    struct seen seen;
};

static void open_stage(struct stage *stage, bool told) {
    struct err err = {0};
    memset(stage, 0, sizeof(*stage));
    strcpy(stage->directory, "/tmp/drey-shard-XXXXXX");
    assert_non_null(mkdtemp(stage->directory));
    snprintf(stage->path, sizeof(stage->path), "%s/events.ring", stage->directory);
    struct ring_options ring_options = {stage->path, "bot", 1 << 20, 256 << 10};
    struct ring_recovery recovery;
    stage->ring = ring_open(&ring_options, &recovery, &err);
    stage->loop = loop_create(&err);
    stage->network = network_create(stage->loop, NULL, &err);
    stage->gate = identify_gate_create(stage->network, 1, &err);
    stage->callbacks = (struct shard_callbacks){.state_changed = ignore_state,
                                                .save_session = ignore_session,
                                                .seq_published = ignore_seq,
                                                .session_lost = ignore,
                                                .need_url = ignore,
                                                .fatal = ignore_fatal,
                                                .budget_changed = ignore,
                                                .stopped = ignore,
                                                .interaction = told ? on_interaction : NULL,
                                                .answer = told ? on_answer : NULL};
    stage->seen.ring = stage->ring;
    struct shard_options options = {.bot = "bot",
                                    .count = 1,
                                    .token = "token",
                                    .ring = stage->ring,
                                    .network = stage->network,
                                    .gate = stage->gate,
                                    .callbacks = &stage->callbacks,
                                    .arg = &stage->seen};
    stage->shard = shard_create(&options, &err);
    assert_non_null(stage->shard);
    stage->shard->session.state = SESSION_LIVE;
}

static void close_stage(struct stage *stage) {
    shard_destroy(stage->shard);
    identify_gate_destroy(stage->gate);
    network_destroy(stage->network);
    loop_destroy(stage->loop);
    ring_close(stage->ring);
    unlink(stage->path);
    rmdir(stage->directory);
}

/* warm: no call for memory is made. */
static void take(struct stage *stage, const char *text, bool warm) {
    static uint8_t bytes[1024 + JSON_PADDING];
    struct envelope envelope;
    const char *why;
    size_t length = strlen(text);
    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, text, length);
    assert_int_equal(envelope_scan(bytes, length, &envelope, &why), JSON_OK);
    failing_left = warm ? 0 : -1;
    (void)shard_on_message(stage->shard, bytes, &envelope, false);
    assert_int_equal(failing_left, warm ? 0 : -1);
    failing_left = -1;
}

static void receive(struct stage *stage, const char *text) {
    take(stage, "{\"op\":0,\"s\":1,\"t\":\"TYPING_START\",\"d\":{}}", false);
    take(stage, text, true);
}

#define INTERACTION(seq)                                                                           \
    "{\"op\":0,\"s\":" seq ",\"t\":\"INTERACTION_CREATE\",\"d\":{\"id\":\"700\","                  \
    "\"application_id\":\"800\",\"token\":\"SECRET\",\"type\":2}}"

static void a_token_is_handed_over_before_the_event_is_published(void **state) {
    struct stage stage;
    open_stage(&stage, true);
    receive(&stage, "{\"op\":0,\"s\":1,\"t\":\"TYPING_START\",\"d\":{}}");
    uint64_t before = ring_head(stage.ring);
    receive(&stage, INTERACTION("2"));
    assert_int_equal(stage.seen.interactions, 1);
    assert_int_equal(stage.seen.secrets.interaction, 700);
    assert_int_equal(stage.seen.secrets.application, 800);
    assert_string_equal(stage.seen.secrets.token, "SECRET");
    assert_int_equal(stage.seen.head, before);
    assert_true(ring_head(stage.ring) > before);
    assert_null(memmem(stage.shard->current.bytes, strlen(INTERACTION("2")), "SECRET", 6));
    close_stage(&stage);
}

static void one_that_nobody_can_answer_is_published_all_the_same(void **state) {
    struct stage stage;
    open_stage(&stage, true);
    uint64_t before = ring_head(stage.ring);
    receive(&stage, "{\"op\":0,\"s\":2,\"t\":\"INTERACTION_CREATE\",\"d\":{\"id\":\"7\"}}");
    assert_int_equal(stage.seen.interactions, 0);
    assert_true(ring_head(stage.ring) > before);
    close_stage(&stage);
    open_stage(&stage, false); /* nobody listens */
    receive(&stage, INTERACTION("2"));
    assert_true(ring_head(stage.ring) > before);
    close_stage(&stage);
}

static void answers_to_the_hosts_own_requests_are_shown(void **state) {
    struct stage stage;
    char line[128];
    open_stage(&stage, true);
    receive(&stage, "{\"op\":0,\"s\":2,\"t\":\"GUILD_MEMBERS_CHUNK\",\"d\":{\"nonce\":\"a\"}}");
    snprintf(line, sizeof(line), "%d {\"nonce\":\"a\"}", EVENT_GUILD_MEMBERS_CHUNK);
    assert_string_equal(stage.seen.answer, line);
    receive(&stage, "{\"op\":0,\"s\":3,\"t\":\"RATE_LIMITED\",\"d\":{\"opcode\":8}}");
    snprintf(line, sizeof(line), "%d {\"opcode\":8}", EVENT_RATE_LIMITED);
    assert_string_equal(stage.seen.answer, line);
    receive(&stage, "{\"op\":0,\"s\":4,\"t\":\"MESSAGE_CREATE\",\"d\":{}}");
    receive(&stage,
            "{\"op\":0,\"s\":3,\"t\":\"RATE_LIMITED\",\"d\":{\"opcode\":9}}"); /* replayed */
    assert_int_equal(stage.seen.answers, 2);
    close_stage(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_handed_over_before_the_event_is_published),
        cmocka_unit_test(one_that_nobody_can_answer_is_published_all_the_same),
        cmocka_unit_test(answers_to_the_hosts_own_requests_are_shown),
    };
    return cmocka_run_group_tests_name("shard_secrets", tests, NULL, NULL);
}
