/* fuzz/keeper.c: interactions as hostile plugins, a slow network and an odd clock may treat them.
 * Whatever happens: each accepted answer ends exactly once, no interaction gets a second callback
 * that could have been carried out, nothing goes out after its deadline, and nothing for an
 * interaction whose first answer is being deleted. */
#include "fuzz.h"

#include "interaction/keeper.h"

enum { INTERACTIONS = 8, REQUESTS = 64, COOKIES = 512 };

struct model {
    struct keeper *keeper;
    uint64_t now_ms;
    struct {
        uint64_t born_ms;
        bool known;
        bool said; /* a callback went out that may have been carried out */
        bool under_way;
        uint64_t deletion; /* of the first answer: the request that is under way; 0: none */
    } interactions[INTERACTIONS + 1];
    struct {
        uint64_t id; /* 0: free */
        uint64_t interaction;
        bool callback;
        bool want_id;
    } requests[REQUESTS];
    uint64_t cookie;
    uint8_t ends[COOKIES]; /* 1: accepted, 2: ended */
};

static void on_send(struct model *model, const struct keeper_action *action) {
    FUZZ_CHECK(action->interaction >= 1 && action->interaction <= INTERACTIONS);
    FUZZ_CHECK(strstr(action->path, KEEPER_TOKEN) != NULL);
    FUZZ_CHECK(action->body == NULL || strlen(action->body) == action->body_length);
    FUZZ_CHECK((action->body == NULL) == (strcmp(action->method, "DELETE") == 0));
    FUZZ_CHECK(model->now_ms < action->deadline_ms);
    FUZZ_CHECK(model->interactions[action->interaction].deletion == 0);
    bool callback = strstr(action->path, "/callback") != NULL;
    FUZZ_CHECK(callback == action->urgent && callback == (action->mark != KEEPER_MARK_NONE));
    uint64_t born_ms = model->interactions[action->interaction].born_ms;
    FUZZ_CHECK(model->now_ms < born_ms + (callback ? KEEPER_ANSWER_MS : KEEPER_LIFE_MS));
    if (callback) {
        FUZZ_CHECK(!model->interactions[action->interaction].said);
        FUZZ_CHECK(!model->interactions[action->interaction].under_way);
        model->interactions[action->interaction].under_way = true;
    } else {
        FUZZ_CHECK(model->interactions[action->interaction].said);
    }
    for (size_t i = 0; i < REQUESTS; i++) {
        FUZZ_CHECK(model->requests[i].id != action->request);
    }
    for (size_t i = 0; i < REQUESTS; i++) {
        if (model->requests[i].id == 0) {
            model->requests[i].id = action->request;
            model->requests[i].interaction = action->interaction;
            model->requests[i].callback = callback;
            model->requests[i].want_id = action->want_id;
            if (strcmp(action->method, "DELETE") == 0 && strstr(action->path, "@original")) {
                model->interactions[action->interaction].deletion = action->request;
            }
            return;
        }
    }
    /* no room to remember it: it fails at once, unsent */
    struct keeper_outcome outcome = {.request = action->request};
    if (callback) {
        model->interactions[action->interaction].under_way = false;
    }
    keeper_outcome(model->keeper, &outcome, model->now_ms);
}

static void drain(struct model *model) {
    for (const struct keeper_action *at; (at = keeper_next(model->keeper)) != NULL;) {
        switch (at->kind) {
        case KEEPER_SEND:
            on_send(model, at);
            break;
        case KEEPER_TELL:
            FUZZ_CHECK(at->cookie > 0 && at->cookie < COOKIES);
            FUZZ_CHECK(model->ends[at->cookie] == 1);
            FUZZ_CHECK((at->code == ERR_NONE) == (at->text[0] == '\0'));
            model->ends[at->cookie] = 2;
            break;
        case KEEPER_LOG:
            FUZZ_CHECK(at->text[0] != '\0');
            break;
        case KEEPER_ORIGINAL:
            FUZZ_CHECK(model->interactions[at->interaction].known);
            break;
        case KEEPER_FORGET:
            model->interactions[at->interaction].known = false;
            model->interactions[at->interaction].deletion = 0;
            break;
        }
    }
}

static void arrive(struct model *model, struct feed *feed, uint64_t id) {
    uint8_t bits = feed_byte(feed);
    uint64_t age_ms = feed_number(feed, 2) * (bits & 0x80 ? 100 : 1);
    struct keeper_arrival arrival = {
        .id = id,
        .application = 5,
        .plugin = bits & 1,
        .type = (enum keeper_type)(KEEPER_COMMAND + (bits >> 1 & 3)),
        .name = "/p",
        .handler = bits & 8 ? "h" : NULL,
        .received_ms = age_ms < model->now_ms ? model->now_ms - age_ms : 0,
        .delay_ms = (uint64_t)feed_byte(feed) * 8,
        .auto_defer = bits & 16,
        .ephemeral = bits & 32,
        .on_message = bits & 64,
    };
    if (!model->interactions[id].known) {
        uint8_t mark = feed_byte(feed);
        arrival.mark = (mark & 15) < 8 ? (enum keeper_mark)(mark & 15) : KEEPER_MARK_NONE;
        arrival.original_gone = mark & 16;
        arrival.stand_in = mark & 32 ? 100u + mark : 0;
        if (model->interactions[id].said || model->interactions[id].under_way) {
            return; /* forgotten, and its token with it: nothing could be sent */
        }
        uint64_t delay_ms =
            arrival.delay_ms < KEEPER_DELAY_MAX_MS ? arrival.delay_ms : KEEPER_DELAY_MAX_MS;
        model->interactions[id].born_ms =
            arrival.received_ms > delay_ms ? arrival.received_ms - delay_ms : 0;
        model->interactions[id].known = true;
        model->interactions[id].said = arrival.mark != KEEPER_MARK_NONE;
    }
    FUZZ_CHECK(keeper_arrived(model->keeper, &arrival, model->now_ms, NULL));
}

static void answer(struct model *model, struct feed *feed, uint64_t id) {
    static const char *const bodies[] = {
        "{}",
        "{\"flags\":64}",
        "{\"content\":\"a\",\"flags\":4}",
        "[]",
        "{\"title\":\"t\",\"custom_id\":\"c\",\"components\":[{}]}",
        "[{\"name\":\"a\",\"value\":1}]",
        "{\"flags\":1e2}",
        "{"};
    if (model->cookie + 1 >= COOKIES) {
        return;
    }
    uint8_t bits = feed_byte(feed);
    const char *body = bodies[feed_byte(feed) % 8];
    struct err err = {0};
    struct keeper_answer answer = {.interaction = id,
                                   .kind = (enum keeper_answer_kind)(bits % 11),
                                   .cookie = ++model->cookie,
                                   .message = bits & 0x80 ? 0 : 9,
                                   .body = bits & 0x40 ? NULL : body,
                                   .body_length = strlen(body),
                                   .ephemeral = bits & 0x20,
                                   .want_message = bits & 0x10};
    model->ends[answer.cookie] = 1;
    if (!keeper_answer(model->keeper, &answer, model->now_ms, &err)) {
        FUZZ_CHECK(err.code != ERR_NONE && err.text[0] != '\0');
        model->ends[answer.cookie] = 0;
    }
}

/* One request ends, in one of the ways in which requests end. */
static void settle(struct model *model, size_t at, uint8_t how) {
    static const struct keeper_outcome ways[] = {
        {.status = 204},
        {.status = 200},
        {.status = 400, .code = 50035, .why = "no"},
        {.status = 404, .code = 10062, .why = "Unknown interaction"},
        {.status = 400, .code = 40060, .why = "again"},
        {.status = 404, .code = 10015, .why = "Unknown Webhook"},
        {.status = 500, .unsure = true},
        {.unsure = true, .why = "reset"},
        {.why = "refused"},
        {.status = 429, .why = "slow down"},
    };
    if (model->requests[at].id == 0) {
        return;
    }
    struct keeper_outcome outcome = ways[how % (sizeof(ways) / sizeof(ways[0]))];
    outcome.request = model->requests[at].id;
    outcome.message = model->requests[at].want_id ? 100u + how : 0;
    if (model->interactions[model->requests[at].interaction].deletion == outcome.request) {
        model->interactions[model->requests[at].interaction].deletion = 0;
    }
    model->requests[at].id = 0;
    if (model->requests[at].callback) {
        uint64_t id = model->requests[at].interaction;
        bool done = outcome.status >= 200 && outcome.status < 300;
        model->interactions[id].under_way = false;
        model->interactions[id].said =
            done || outcome.unsure || outcome.code == 40060 || outcome.status == 404;
    }
    keeper_outcome(model->keeper, &outcome, model->now_ms);
}

static void step(struct model *model, struct feed *feed) {
    uint8_t what = feed_byte(feed);
    uint64_t id = 1 + (what >> 4) % INTERACTIONS;
    switch (what % 10) {
    case 0:
    case 1:
        arrive(model, feed, id);
        break;
    case 2:
    case 3:
        answer(model, feed, id);
        break;
    case 4:
    case 5:
        settle(model, feed_byte(feed) % REQUESTS, feed_byte(feed));
        break;
    case 6:
        model->now_ms += feed_number(feed, 2) * (what & 16 ? 64 : 1);
        break; /* timers may be late */
    case 7:
        model->now_ms += feed_number(feed, 1) * 16;
        keeper_due(model->keeper, model->now_ms);
        FUZZ_CHECK(keeper_next_ms(model->keeper) > model->now_ms);
        break;
    case 8:
        keeper_failed(model->keeper, id, "7F3A", model->now_ms);
        keeper_returned(model->keeper, id);
        break;
    default:
        keeper_gone(model->keeper, what >> 7, "A\"1", model->now_ms);
        break;
    }
    drain(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    static struct model model;
    struct feed feed = {input, size};
    memset(&model, 0, sizeof(model));
    model.now_ms = 10000000;
    model.keeper = keeper_create(1 + feed_byte(&feed) % INTERACTIONS, NULL);
    FUZZ_CHECK(model.keeper != NULL);
    while (feed.left > 0) {
        step(&model, &feed);
    }
    keeper_stop(model.keeper);
    drain(&model);
    for (int round = 0; keeper_stats(model.keeper).requests > 0; round++) {
        FUZZ_CHECK(round < 4); /* a deletion, a follow-up, a notice */
        for (size_t i = 0; i < REQUESTS; i++) {
            settle(&model, i, (uint8_t)i);
            drain(&model);
        }
    }
    for (size_t i = 0; i < COOKIES; i++) {
        FUZZ_CHECK(model.ends[i] != 1);
    }
    model.now_ms += 2 * KEEPER_LIFE_MS;
    keeper_due(model.keeper, model.now_ms);
    drain(&model);
    FUZZ_CHECK(keeper_stats(model.keeper).interactions == 0);
    keeper_destroy(model.keeper);
    return 0;
}
