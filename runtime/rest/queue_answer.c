/* rest/queue_answer.c: what an answer teaches about limits, and whether the request has ended. */
#include "rest/queue_inside.h"

#include "rest/retry.h"

#include <string.h>

/* --- learning ----------------------------------------------------------------------------------
 */

/* The bucket that the answer speaks of, and what the route is known to be from now on. */
static struct queue_bucket *named_bucket(struct queue_entry *entry, const struct told *told,
                                         uint64_t now_ms) {
    struct queue_lane *lane = entry->lane;
    struct queue_route *route = lane->route;
    if (told->hash[0] == '\0') {
        route->headerless = true;
        return lane_bucket(entry->bot, lane, now_ms);
    }
    /* Answers overtake each other: one to an older request does not bring an old hash back. */
    if (strcmp(route->hash, told->hash) != 0 &&
        (route->hash[0] == '\0' || entry->sent_ms >= route->hash_ms)) {
        memcpy(route->hash, told->hash, sizeof(route->hash));
    }
    if (strcmp(route->hash, told->hash) == 0 && entry->sent_ms > route->hash_ms) {
        route->hash_ms = entry->sent_ms;
    }
    return hashed_bucket(entry->bot, told->hash, lane->major, now_ms);
}

/* How many requests of the lane are on the wire and count elsewhere than in this bucket. */
static uint32_t on_wire_elsewhere(const struct queue_lane *lane,
                                  const struct queue_bucket *bucket) {
    const struct queue_bot *bot = bucket->bot;
    uint32_t count = 0;
    for (struct list *link = bot->wire.next; link != &bot->wire; link = link->next) {
        const struct queue_entry *entry = CONTAINER_OF(link, struct queue_entry, of_wire);
        count += entry->lane == lane && entry->counted != bucket ? 1 : 0;
    }
    return count;
}

/* An answer names another bucket than the request was counted for: those of its lane that are still
 * on the wire will be counted there too. */
static void learn_elsewhere(const struct queue_entry *entry, struct queue_bucket *named,
                            const struct told *told, uint64_t now_ms) {
    struct told less = *told;
    uint32_t spoken_for = on_wire_elsewhere(entry->lane, named);
    less.remaining -= spoken_for < less.remaining ? spoken_for : less.remaining;
    bucket_learn(&named->limit, &less, entry->sent_ms, now_ms);
    turn_place(named, now_ms);
}

/* The entry is off the wire: its bucket and the one that the answer names take note. told: NULL
 * when there is no answer. */
static void learn(struct queue_entry *entry, struct queue_bucket *bucket, long status,
                  const struct told *told, uint64_t now_ms) {
    struct queue_route *route = entry->lane->route;
    bool complete = told != NULL && told_complete(told);
    if (route->fixed) {
        bucket_answered(&bucket->limit, NULL, entry->sent_ms, now_ms);
        return;
    }
    bool silent = status >= 200 && status < 300 && bucket->kind != BUCKET_HASHED;
    if (told == NULL || (told->hash[0] == '\0' && !complete && !silent)) {
        bucket_answered(&bucket->limit, NULL, entry->sent_ms, now_ms);
        return;
    }
    struct queue_bucket *named = named_bucket(entry, told, now_ms);
    if (named == bucket && complete) {
        bucket_answered(&bucket->limit, told, entry->sent_ms, now_ms);
        return;
    }
    bucket_returned(&bucket->limit);
    if (named != NULL && complete) {
        learn_elsewhere(entry, named, told, now_ms);
    }
}

static void large_off_wire(struct queue_bot *bot, bool large) {
    struct queue *queue = bot->queue;
    if (large && queue->large_on_wire-- == QUEUE_LARGE_PROCESS) {
        for (struct list *link = queue->bots.next; link != &queue->bots; link = link->next) {
            turn_wake(CONTAINER_OF(link, struct queue_bot, of_queue)); /* there is a place again */
        }
    }
    bot->large_on_wire -= large ? 1 : 0;
}

static void off_wire(struct queue_entry *entry, long status, const struct told *told,
                     uint64_t now_ms) {
    struct queue_bot *bot = entry->bot;
    struct queue_bucket *bucket = entry->counted;
    if (entry->lane->route->callback) {
        bot->queue->callbacks_on_wire--;
    } else {
        bot->queue->on_wire--;
        bot->on_wire--;
        large_off_wire(bot, entry->large);
    }
    if (!entry->exempt) {
        pace_answered(&bot->pace, now_ms);
    }
    list_remove(&entry->of_wire);
    entry->on_wire = false;
    entry->counted = NULL;
    entry->lane->on_wire--;
    bot->wire_count--;
    place_answered(entry, status != 0, now_ms);
    learn(entry, bucket, status, told, now_ms);
    turn_place(bucket, now_ms);
    bucket_unuse(bucket, now_ms);
    lane_settle(bot, entry->lane, now_ms);
    if (entry->lane->at != NULL) {
        turn_place(entry->lane->at, now_ms); /* it may have waited for this answer */
    }
    bot->queue->paused_ms = 0; /* one less whose answer may be invalid: worth another look */
    turn_wake(bot);
}

void entry_off_wire(struct queue_entry *entry, uint64_t now_ms) {
    off_wire(entry, 0, NULL, now_ms);
    place_left(entry);
}

/* --- deciding ----------------------------------------------------------------------------------
 */

/* Its limit may have nothing before that. */
static void hold(struct queue_entry *entry, bool used_up, uint64_t until_ms, uint64_t now_ms) {
    struct queue_bucket *bucket = lane_bucket(entry->bot, entry->lane, now_ms);
    if (bucket != NULL) {
        bucket_block(&bucket->limit, used_up, until_ms);
        turn_place(bucket, now_ms);
    }
}

/* A 429 of Discord's own has a Via header or speaks of limits; what Cloudflare says has neither, or
 * is a page for people. */
static bool is_ban(const struct told *told) {
    return !told->json || (!told->via && told->scope == TOLD_NO_SCOPE && !told_complete(told));
}

static uint64_t ban_ms(const struct told *told) {
    return told->has_retry && told->retry_after_ms > 0 ? told->retry_after_ms : RETRY_UNTOLD_MS;
}

static struct queue_verdict limited(struct queue *queue, struct queue_entry *entry,
                                    const struct told *told, uint64_t now_ms) {
    struct queue_verdict verdict = {.is_limited = true, .limited = told->scope};
    if (is_ban(told)) {
        verdict.is_limited = false;
        verdict.banned = true;
        verdict.wait_ms = ban_ms(told);
        place_ban(queue, entry->place, now_ms + verdict.wait_ms);
        return verdict;
    }
    uint64_t told_ms = told->has_retry   ? told->retry_after_ms
                       : told->has_reset ? told->reset_after_ms
                                         : 0;
    verdict.wait_ms = retry_limited_ms(++entry->limited, told_ms);
    uint64_t until_ms = now_ms + verdict.wait_ms;
    if (told->scope == TOLD_GLOBAL && !entry->exempt) {
        pace_block(&entry->bot->pace, until_ms);
    } else if (told->scope == TOLD_GLOBAL && place_paces(entry)) {
        pace_block(&entry->place->tokenless, until_ms);
    } else {
        /* A limit within the limit may be meant: then some are left of the one that is told. */
        bool used_up = told->scope != TOLD_SHARED && !(told_complete(told) && told->remaining > 0);
        hold(entry, used_up, until_ms, now_ms);
    }
    return verdict;
}

/* Discord's codes that come with a 401 and do mean the token; others want an account of another
 * kind. 0 is the plain "401: Unauthorized". */
static bool means_token(const struct told *told) {
    return told->code == 0 || told->code == 40001 || told->code == 50014;
}

/* The token that it was sent with is no good. It may be another one by now: then again with that.
 */
static struct queue_verdict unauthorised(struct queue_entry *entry) {
    struct queue_bot *bot = entry->bot;
    struct queue_verdict verdict = {0};
    if (entry->token_number == bot->token_number) {
        verdict = (struct queue_verdict){.ends = true, .end = REST_END_TOKEN};
        verdict.token_died = !bot->dead;
        bot->dead = true;
        queue_end_bot(bot, REST_END_TOKEN);
    }
    return verdict;
}

static struct queue_verdict failed(struct queue_entry *entry, const struct queue_outcome *outcome,
                                   uint64_t now_ms) {
    struct retry_case what = {.status = outcome->status,
                              .maybe_seen = entry->maybe_seen,
                              .repeatable = entry->repeatable,
                              .failures = ++entry->failures};
    if (outcome->hopeless || !retry_allowed(&what)) {
        return (struct queue_verdict){.ends = true,
                                      .end = outcome->status != 0 ? REST_END_ANSWERED
                                             : outcome->hopeless  ? REST_END_FAILED
                                                                  : REST_END_NETWORK};
    }
    uint64_t told_ms =
        outcome->told != NULL && outcome->told->has_retry ? outcome->told->retry_after_ms : 0;
    struct queue_verdict verdict = {.wait_ms =
                                        retry_delay_ms(entry->failures, told_ms, outcome->random)};
    hold(entry, false, now_ms + verdict.wait_ms, now_ms);
    return verdict;
}

static struct queue_verdict decide(struct queue *queue, struct queue_entry *entry,
                                   const struct queue_outcome *outcome, uint64_t now_ms) {
    if (outcome->status != 429) {
        entry->limited = 0;
    }
    if (outcome->status == 429) {
        return limited(queue, entry, outcome->told, now_ms);
    }
    if (outcome->status == 401 && entry->with_token && means_token(outcome->told)) {
        return unauthorised(entry);
    }
    if (retry_is_failure(outcome->status)) {
        return failed(entry, outcome, now_ms);
    }
    return (struct queue_verdict){.ends = true, .end = REST_END_ANSWERED};
}

/* Back to its place. False: no memory for that. */
static bool requeue(struct queue_entry *entry, uint64_t now_ms) {
    struct queue_lane *lane = entry->lane;
    heap_insert(&lane->waiting, &entry->waiting, entry->seq);
    if (lane->at != NULL) {
        lane_reorder(lane, now_ms);
        turn_place(lane->at, now_ms);
        return true;
    }
    return lane_enter(entry->bot, lane, now_ms);
}

struct queue_verdict queue_answered(struct queue *queue, struct queue_entry *entry,
                                    const struct queue_outcome *outcome, uint64_t now_ms) {
    static const struct told nothing;
    struct queue_outcome known = *outcome;
    if (known.status != 0) {
        known.told = known.told != NULL ? known.told : &nothing;
        known.maybe_seen = known.status != 429;
    }
    entry->maybe_seen = entry->maybe_seen || known.maybe_seen;
    off_wire(entry, known.status, known.told, now_ms);
    enum invalid_news news = INVALID_NOTHING;
    if (known.status != 0 && invalid_is(known.status, known.told->scope)) {
        news = invalid_count(&queue->invalid, entry->owner, now_ms);
    }
    struct queue_verdict verdict = decide(queue, entry, &known, now_ms);
    place_left(entry);
    verdict.news = news;
    if (!verdict.ends && entry->ending.next != NULL) {
        verdict.ends = true; /* its end was decided while it was on the wire */
        verdict.end = entry->end;
    }
    bool hopeless =
        entry->bot->dead && entry->with_token && entry->token_number == entry->bot->token_number;
    if (!verdict.ends && hopeless) {
        verdict.ends = true; /* another answer has told that its token is no good */
        verdict.end = REST_END_TOKEN;
    }
    if (!verdict.ends && !requeue(entry, now_ms)) {
        verdict.ends = true;
        verdict.end = REST_END_FAILED;
    }
    if (verdict.ends) {
        entry_detach(queue, entry, now_ms);
    }
    return verdict;
}

enum invalid_news queue_note_invalid(struct queue *queue, uint64_t owner, uint64_t now_ms) {
    return invalid_count(&queue->invalid, owner, now_ms);
}

uint64_t queue_open_ms(struct queue *queue, const struct queue_place *place, uint64_t owner,
                       uint64_t now_ms) {
    unsigned on_wire = queue->on_wire + queue->callbacks_on_wire;
    uint64_t at_ms = place_next(place, now_ms);
    return invalid_verdict(&queue->invalid, owner, on_wire, now_ms) == INVALID_MAY_SEND ||
                   at_ms > now_ms
               ? at_ms
               : invalid_relief(&queue->invalid, now_ms);
}

struct queue_outside queue_note_outside(struct queue *queue, struct queue_place *place,
                                        uint64_t owner, long status, const struct told *told,
                                        uint64_t now_ms) {
    struct queue_outside means = {.news = INVALID_NOTHING};
    if (status == 429 && is_ban(told)) {
        means.banned = true;
        means.wait_ms = ban_ms(told);
        place_ban(queue, place, now_ms + means.wait_ms);
    } else if (status != 0 && now_ms >= place->banned_ms) {
        place_clear(queue, place);
    }
    if (status != 0 && invalid_is(status, told->scope)) {
        means.news = invalid_count(&queue->invalid, owner, now_ms);
    }
    return means;
}
