/* bot/fleet.c: brings a bot's shards up and keeps what must outlive them. */
#include "bot/fleet.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/legacy.h"
#include "bot/murmur.h"
#include "bot/purse.h"
#include "bot/sessions.h"
#include "rest/gatewaybot.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FETCH_TIMEOUT_MS = 15000,
    RETRY_FIRST_MS = 1000,
    RETRY_MOST_MS = 60000,
    RATE_EVERY_MS = 5000, /* events per second are counted over this long */
    ZSTD_SHARDS_MAX = 8,  /* beyond, zlib's smaller memory per stream counts for more */
};

/* GET /gateway/bot under way. At most one per bot, so it needs no memory of its own. */
struct fetch {
    bool running;
    long status;
    uint64_t retry_after_ms;
    uint32_t asked_at; /* IDENTIFYs that had gone out before */
    struct gatewaybot answer;
    struct err err;
};

struct member {
    struct shard *shard;
    bool waits_for_url;
    bool ready;
    bool stopped;
    uint64_t events_before;
    uint64_t events_per_s;
};

struct fleet {
    const struct bot_options *options;
    struct bot_threads threads;
    struct fleet_callbacks callbacks;
    struct ring *ring;
    struct identify_gate *gate;
    struct sessions *sessions;
    struct loop_timer *retry;
    struct loop_timer *rate;
    uint64_t token_hash;
    uint32_t intents;
    char url[sizeof(((struct gatewaybot *)0)->url)];
    struct fetch fetch;
    unsigned failed_fetches;
    uint64_t not_before_ms; /* a 429 said so */
    uint32_t total;         /* of Discord's shards; 0 until known */
    size_t reserved;        /* sockets set aside */
    size_t count;
    struct member *members;
    struct murmur murmur;
    size_t resumable; /* shards that found a saved session */
    size_t ready_count;
    bool was_ready;
    bool failed;
    bool stopping;
    bool stop_told;
    char why[256];
};

static struct log_from from(const struct fleet *fleet) {
    return (struct log_from){.bot = fleet->options->name, .shard = -1};
}

static void fetch_url(struct fleet *fleet);

static void fail(struct fleet *fleet, enum err_code code, const char *what, const char *advice) {
    if (fleet->failed || fleet->stopping) {
        return;
    }
    fleet->failed = true;
    struct err why = {0};
    err_set(&why, code, "%s", what);
    (void)text_copy(fleet->why, sizeof(fleet->why), what);
    struct log_from me = from(fleet);
    log_error(&me, "%s%s%s. This bot is out of service until `drey reload --config`; others go on.",
              what, advice[0] != '\0' ? ": " : "", advice);
    for (size_t i = 0; i < fleet->count; i++) {
        shard_stop(fleet->members[i].shard, false);
    }
    fleet->callbacks.failed(fleet->callbacks.arg, &why);
}

/* --- what shards tell ---------------------------------------------------------------------- */

static struct member *member_of(struct fleet *fleet, unsigned shard) {
    return &fleet->members[shard - fleet->options->shards.from];
}

static void on_state(void *arg, unsigned id, const char *word, const char *why) {
    struct fleet *fleet = arg;
    struct member *member = member_of(fleet, id);
    bool ready = strcmp(word, "ready") == 0;
    if (ready != member->ready) {
        member->ready = ready;
        fleet->ready_count += ready ? 1 : SIZE_MAX;
    }
    if (why[0] != '\0') {
        (void)snprintf(fleet->why, sizeof(fleet->why), "shard %u: %s", id, why);
    }
    bool all = fleet->count > 0 && fleet->ready_count == fleet->count;
    uint64_t now_ms = loop_now_ms(fleet->threads.net);
    if (!all && fleet->was_ready) {
        murmur_unready(&fleet->murmur, now_ms);
    }
    if (!all) {
        murmur_count(&fleet->murmur, fleet->ready_count);
    }
    if (all && !fleet->was_ready) {
        fleet->why[0] = '\0';
        murmur_ready(&fleet->murmur, fleet->options->name, fleet->count, now_ms);
        fleet->callbacks.ready(fleet->callbacks.arg);
    }
    fleet->was_ready = all;
}

static void on_save_session(void *arg, unsigned id, const char *session_id,
                            const char *resume_url) {
    struct fleet *fleet = arg;
    struct saved_session saved = {.shard_count = fleet->total,
                                  .intents = fleet->intents,
                                  .token_hash = fleet->token_hash,
                                  .saved_ms = clock_wall_ms(),
                                  .ring_head = ring_head(fleet->ring)};
    if (!text_copy(saved.session_id, sizeof(saved.session_id), session_id) ||
        !text_copy(saved.resume_url, sizeof(saved.resume_url), resume_url)) {
        struct log_from me = from(fleet);
        log_warn(&me,
                 "shard %u: its session id or resume address is too long to be kept; a "
                 "restart will IDENTIFY anew",
                 id);
        sessions_clear(fleet->sessions, id);
        return;
    }
    sessions_save(fleet->sessions, id, &saved);
}

static void on_seq(void *arg, unsigned id, uint64_t seq) {
    struct fleet *fleet = arg;
    sessions_set_seq(fleet->sessions, id, seq, ring_head(fleet->ring));
}

static void on_session_lost(void *arg, unsigned id) {
    struct fleet *fleet = arg;
    sessions_clear(fleet->sessions, id);
}

static void on_need_url(void *arg, unsigned id) {
    struct fleet *fleet = arg;
    member_of(fleet, id)->waits_for_url = true;
    fetch_url(fleet);
}

static void on_fatal(void *arg, unsigned id, unsigned close_code, const char *what,
                     const char *advice) {
    struct fleet *fleet = arg;
    fail(fleet, close_code == 4004 ? ERR_AUTH : ERR_CONFIG, what, advice);
}

static void on_budget(void *arg, unsigned id) {
    struct fleet *fleet = arg;
    purse_store(fleet->gate, fleet->sessions, fleet->token_hash);
}

static void on_identify_wait(void *arg, enum identify_trouble trouble, uint64_t ends_ms) {
    const struct fleet *fleet = arg;
    purse_tell(fleet->options->name, fleet->options->state_dir, trouble, ends_ms);
}

static void tell_stopped(struct fleet *fleet) {
    size_t running = 0;
    for (size_t i = 0; i < fleet->count; i++) {
        running += fleet->members[i].stopped ? 0 : 1;
    }
    if (fleet->stopping && running == 0 && !fleet->stop_told) {
        fleet->stop_told = true;
        fleet->callbacks.stopped(fleet->callbacks.arg);
    }
}

static void on_stopped(void *arg, unsigned id) {
    struct fleet *fleet = arg;
    member_of(fleet, id)->stopped = true;
    tell_stopped(fleet);
}

static const struct shard_callbacks shard_callbacks = {
    .state_changed = on_state,
    .save_session = on_save_session,
    .seq_published = on_seq,
    .session_lost = on_session_lost,
    .need_url = on_need_url,
    .fatal = on_fatal,
    .budget_changed = on_budget,
    .stopped = on_stopped,
};

/* --- bringing shards up ---------------------------------------------------------------------- */

static bool open_sessions(struct fleet *fleet, struct err *err) {
    char path[PATH_MAX];
    if (!file_join(path, sizeof(path), fleet->options->state_dir, "sessions")) {
        return err_set(err, ERR_CONFIG, "state_dir is too long");
    }
    fleet->sessions = sessions_open(path, fleet->total, err);
    if (fleet->sessions == NULL) {
        return false;
    }
    if (sessions_dropped(fleet->sessions) > 0) {
        struct log_from me = from(fleet);
        log_warn(&me, "%u damaged entries of %s were dropped: shards without one IDENTIFY anew",
                 sessions_dropped(fleet->sessions), path);
    }
    purse_load(fleet->gate, fleet->sessions, fleet->token_hash);
    return true;
}

static struct legacy legacy_of(const struct fleet *fleet) {
    return (struct legacy){.bot = fleet->options->name,
                           .ring = fleet->ring,
                           .sessions = fleet->sessions,
                           .total = fleet->total,
                           .first = fleet->options->shards.from,
                           .count = (uint32_t)fleet->count,
                           .token_hash = fleet->token_hash,
                           .intents = fleet->intents};
}

static bool make_shard(struct fleet *fleet, struct member *member, unsigned id, struct err *err) {
    const struct bot_options *o = fleet->options;
    struct saved_session stored;
    struct shard_saved saved = {0};
    uint64_t lost_from;
    struct legacy legacy = legacy_of(fleet);
    bool resume = legacy_session(&legacy, id, &stored, &lost_from);
    if (resume) {
        fleet->resumable++;
        saved = (struct shard_saved){stored.session_id, stored.resume_url, stored.seq};
    }
    enum compress automatic =
        fleet->count <= ZSTD_SHARDS_MAX ? COMPRESS_ZSTD_STREAM : COMPRESS_ZLIB_STREAM;
    struct shard_options options = {.bot = o->name,
                                    .id = id,
                                    .count = fleet->total,
                                    .token = o->token,
                                    .intents = fleet->intents,
                                    .presence_json = o->presence_json,
                                    .compress = o->compress_auto ? automatic : o->compress,
                                    .ca_file = o->ca_file,
                                    .ring = fleet->ring,
                                    .network = fleet->threads.network,
                                    .gate = fleet->gate,
                                    .overflow = o->overflow,
                                    .overflow_wait_ms = o->overflow_wait_ms,
                                    .saved = resume ? &saved : NULL,
                                    .lost_from = lost_from,
                                    .chatter = murmur_chatter(&fleet->murmur, fleet->count),
                                    .callbacks = &shard_callbacks,
                                    .arg = fleet};
    member->shard = shard_create(&options, err);
    return member->shard != NULL;
}

static void count_rates(void *arg) {
    struct fleet *fleet = arg;
    for (size_t i = 0; i < fleet->count; i++) {
        struct member *member = &fleet->members[i];
        uint64_t events = shard_stats(member->shard).events;
        member->events_per_s = (events - member->events_before) * 1000 / RATE_EVERY_MS;
        member->events_before = events;
    }
    sessions_sync(fleet->sessions);
    murmur_flush(&fleet->murmur, fleet->options->name);
    loop_timer_start(fleet->rate, RATE_EVERY_MS);
}

static bool launch(struct fleet *fleet, uint32_t advised, struct err *err) {
    const struct bot_shards *wanted = &fleet->options->shards;
    fleet->total = wanted->automatic ? advised : wanted->total;
    size_t count = wanted->automatic ? advised : wanted->to - wanted->from + 1;
    fleet->gate = identify_gate_create(fleet->threads.network, (unsigned)count, err);
    if (fleet->gate == NULL || !open_sessions(fleet, err)) {
        return false;
    }
    identify_gate_on_wait(fleet->gate, on_identify_wait, fleet);
    if (!network_reserve(fleet->threads.network, count, err)) {
        return false;
    }
    fleet->reserved = count;
    fleet->members = calloc(count, sizeof(*fleet->members));
    if (fleet->members == NULL) {
        return err_set(err, ERR_NO_MEMORY, "%zu shards", count);
    }
    fleet->count = count;
    for (size_t i = 0; i < count; i++) {
        if (!make_shard(fleet, &fleet->members[i], wanted->from + (unsigned)i, err)) {
            fleet->count = i;
            return false;
        }
    }
    struct log_from me = from(fleet);
    log_info(&me, "%zu of %u shard%s, %zu with a session to resume, gateway %s", count,
             fleet->total, fleet->total == 1 ? "" : "s", fleet->resumable, fleet->url);
    murmur_unready(&fleet->murmur, loop_now_ms(fleet->threads.net));
    struct legacy legacy = legacy_of(fleet);
    legacy_tell_orphans(&legacy, fleet->threads.network);
    for (size_t i = 0; i < count; i++) {
        shard_start(fleet->members[i].shard, fleet->url);
    }
    loop_timer_start(fleet->rate, RATE_EVERY_MS);
    return true;
}

/* --- where the gateway is -------------------------------------------------------------------- */

static void on_retry(void *arg) {
    fetch_url(arg);
}

static void fetch_failed(struct fleet *fleet) {
    struct fetch *fetch = &fleet->fetch;
    struct log_from me = from(fleet);
    if (fetch->status == 401) {
        fail(fleet, ERR_AUTH, "token rejected (401)",
             "make a new one at https://discord.com/developers/applications and put it where this "
             "bot's section says");
        return;
    }
    (void)text_copy(fleet->why, sizeof(fleet->why), fetch->err.text);
    for (size_t i = 0; i < fleet->count; i++) {
        if (fleet->members[i].waits_for_url) {
            fleet->members[i].waits_for_url = false;
            shard_url_failed(fleet->members[i].shard, fetch->err.text);
        }
    }
    fleet->not_before_ms = loop_now_ms(fleet->threads.net) + fetch->retry_after_ms;
    if (fleet->count > 0) {
        log_warn(&me, "%s", fetch->err.text);
        return; /* the shards ask again by their own clocks */
    }
    unsigned doublings = fleet->failed_fetches < 6 ? fleet->failed_fetches : 6;
    fleet->failed_fetches++;
    uint64_t ceiling = (uint64_t)RETRY_FIRST_MS << doublings;
    ceiling = ceiling < RETRY_MOST_MS ? ceiling : RETRY_MOST_MS;
    uint64_t wait = ceiling / 2 + clock_random() % (ceiling / 2);
    wait = fetch->retry_after_ms > wait ? fetch->retry_after_ms : wait;
    log_warn(&me, "%s; trying again in %.1f s", fetch->err.text, (double)wait / 1000.0);
    loop_timer_start(fleet->retry, wait);
}

static const char *advice_for(const struct err *err) {
    return err->code == ERR_LIMIT ? "raise the hard limit (LimitNOFILE= in the systemd unit, or "
                                    "ulimit -Hn), or give this drey fewer shards"
                                  : "";
}

static void fetch_done(void *arg) {
    struct fleet *fleet = arg;
    struct fetch *fetch = &fleet->fetch;
    fetch->running = false;
    if (fleet->stopping || fleet->failed) {
        return;
    }
    if (fetch->err.code != ERR_NONE) {
        fetch_failed(fleet);
        return;
    }
    fleet->failed_fetches = 0;
    (void)text_copy(fleet->url, sizeof(fleet->url), fetch->answer.url);
    struct identify_limits limits = {fetch->answer.total, fetch->answer.remaining,
                                     fetch->answer.reset_after_ms, fetch->answer.max_concurrency,
                                     fetch->asked_at};
    struct err err = {0};
    if (fleet->count == 0) {
        if (!launch(fleet, fetch->answer.shards, &err)) {
            fail(fleet, err.code, err.text, advice_for(&err));
            return;
        }
    }
    identify_gate_set_limits(fleet->gate, &limits);
    for (size_t i = 0; i < fleet->count; i++) {
        if (fleet->members[i].waits_for_url) {
            fleet->members[i].waits_for_url = false;
            (void)shard_set_url(fleet->members[i].shard, fleet->url, &err);
        }
    }
}

/* On the REST thread; fleet->fetch is its until fetch_done() is posted. */
static void on_answer(void *arg, const struct rest_response *response) {
    struct fleet *fleet = arg;
    struct fetch *fetch = &fleet->fetch;
    fetch->status = response->status;
    fetch->retry_after_ms = response->retry_after_ms;
    err_clear(&fetch->err);
    if (response->status == 0) {
        fetch->err = response->err;
        err_prefix(&fetch->err, "cannot reach %s", fleet->options->rest_url);
    } else if (response->status == 200) {
        (void)gatewaybot_parse(response->body, response->length, &fetch->answer, &fetch->err);
    } else {
        err_set(&fetch->err, ERR_NETWORK, "GET %s/gateway/bot answered %ld",
                fleet->options->rest_url, response->status);
    }
    (void)loop_post(fleet->threads.net, fetch_done, fleet);
}

/* On the REST thread. */
static void fetch_start(void *arg) {
    struct fleet *fleet = arg;
    char url[1024];
    struct rest_request request = {.url = url,
                                   .token = fleet->options->token,
                                   .ca_file = fleet->options->ca_file,
                                   .timeout_ms = FETCH_TIMEOUT_MS};
    struct rest_response none = {0};
    int wanted = snprintf(url, sizeof(url), "%s/gateway/bot", fleet->options->rest_url);
    if (wanted < 0 || (size_t)wanted >= sizeof(url)) {
        err_set(&none.err, ERR_CONFIG, "rest_url is too long");
        on_answer(fleet, &none);
    } else if (!rest_get(fleet->threads.client, &request, on_answer, fleet, &none.err)) {
        on_answer(fleet, &none);
    }
}

static void use_given_url(struct fleet *fleet) {
    struct err err = {0};
    (void)text_copy(fleet->url, sizeof(fleet->url), fleet->options->gateway_url);
    if (fleet->count == 0 && !launch(fleet, 1, &err)) {
        fail(fleet, err.code, err.text, advice_for(&err));
        return;
    }
    for (size_t i = 0; i < fleet->count; i++) {
        if (fleet->members[i].waits_for_url) {
            fleet->members[i].waits_for_url = false;
            (void)shard_set_url(fleet->members[i].shard, fleet->url, NULL);
        }
    }
}

static void fetch_url(struct fleet *fleet) {
    if (fleet->stopping || fleet->failed || fleet->fetch.running) {
        return;
    }
    if (fleet->options->gateway_url != NULL) {
        use_given_url(fleet);
        return;
    }
    uint64_t now_ms = loop_now_ms(fleet->threads.net);
    if (now_ms < fleet->not_before_ms) {
        loop_timer_start(fleet->retry, fleet->not_before_ms - now_ms);
        return;
    }
    fleet->fetch.running = true;
    fleet->fetch.asked_at = fleet->gate != NULL ? identify_gate_spent(fleet->gate) : 0;
    if (!loop_post(fleet->threads.rest, fetch_start, fleet)) {
        fleet->fetch.running = false;
        loop_timer_start(fleet->retry, RETRY_FIRST_MS);
    }
}

/* --- life ------------------------------------------------------------------------------------ */

struct fleet *fleet_create(const struct bot_options *options, const struct bot_threads *threads,
                           struct ring *ring, const struct fleet_callbacks *callbacks,
                           struct err *err) {
    struct fleet *fleet = calloc(1, sizeof(*fleet));
    if (fleet == NULL) {
        err_set(err, ERR_NO_MEMORY, "bot %s", options->name);
        return NULL;
    }
    fleet->options = options;
    fleet->threads = *threads;
    fleet->callbacks = *callbacks;
    fleet->ring = ring;
    fleet->token_hash = text_hash(options->token, strlen(options->token));
    fleet->retry = loop_timer_create(threads->net, on_retry, fleet);
    fleet->rate = loop_timer_create(threads->net, count_rates, fleet);
    if (fleet->retry == NULL || fleet->rate == NULL) {
        err_set(err, ERR_NO_MEMORY, "bot %s", options->name);
        fleet_destroy(fleet);
        return NULL;
    }
    return fleet;
}

void fleet_start(struct fleet *fleet, uint32_t intents) {
    fleet->intents = intents;
    fetch_url(fleet);
}

void fleet_stop(struct fleet *fleet, bool final) {
    fleet->stopping = true;
    loop_timer_stop(fleet->retry);
    loop_timer_stop(fleet->rate);
    for (size_t i = 0; i < fleet->count; i++) {
        if (!fleet->members[i].stopped) {
            shard_stop(fleet->members[i].shard, final);
        }
        if (final) { /* Discord forgets it too */
            sessions_clear(fleet->sessions, fleet->options->shards.from + (unsigned)i);
        }
    }
    tell_stopped(fleet);
}

bool fleet_set_presence(struct fleet *fleet, const char *json, struct err *err) {
    bool ok = true;
    for (size_t i = 0; i < fleet->count && ok; i++) {
        ok = shard_set_presence(fleet->members[i].shard, json, err);
    }
    return ok;
}

void fleet_destroy(struct fleet *fleet) {
    if (fleet == NULL) {
        return;
    }
    for (size_t i = 0; i < fleet->count; i++) {
        shard_destroy(fleet->members[i].shard);
    }
    free(fleet->members);
    network_release(fleet->threads.network, fleet->reserved);
    identify_gate_destroy(fleet->gate);
    loop_timer_destroy(fleet->retry);
    loop_timer_destroy(fleet->rate);
    sessions_close(fleet->sessions);
    network_forget_ring(fleet->threads.network, fleet->ring);
    free(fleet);
}

static const char *state_word(const struct fleet *fleet) {
    if (fleet->failed) {
        return "failed";
    }
    if (fleet->stopping) {
        return "stopping";
    }
    if (fleet->count == 0) {
        return "starting";
    }
    return fleet->ready_count == fleet->count ? "ready" : "connecting";
}

bool fleet_status(const struct fleet *fleet, struct bot_status *out) {
    *out = (struct bot_status){.state = state_word(fleet), .shard_total = fleet->total};
    (void)text_copy(out->why, sizeof(out->why), fleet->why);
    if (fleet->count == 0) {
        return true;
    }
    out->identifies_left = identify_gate_remaining(fleet->gate);
    out->identifies_known = out->identifies_left != UINT32_MAX;
    out->identifies_total = identify_gate_budget(fleet->gate).total;
    uint64_t ends_ms;
    enum identify_trouble trouble = identify_gate_trouble(fleet->gate, &ends_ms);
    if (fleet->ready_count < fleet->count) {
        (void)purse_text(trouble, ends_ms, out->why, sizeof(out->why));
    }
    out->shards = calloc(fleet->count, sizeof(*out->shards));
    if (out->shards == NULL) {
        return false;
    }
    uint64_t now = loop_now_ms(fleet->threads.net);
    for (size_t i = 0; i < fleet->count; i++) {
        struct bot_shard_status *row = &out->shards[i];
        row->id = fleet->options->shards.from + (unsigned)i;
        row->stats = shard_stats(fleet->members[i].shard);
        row->stats.why = "";
        row->events_per_s = fleet->members[i].events_per_s;
        row->since_ms = now > row->stats.state_since_ms ? now - row->stats.state_since_ms : 0;
    }
    out->shard_count = fleet->count;
    return true;
}
