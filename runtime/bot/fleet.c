/* bot/fleet.c: brings a bot's shards up and keeps what must outlive them. */
#include "bot/fleet.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/address.h"
#include "bot/desk.h"
#include "bot/legacy.h"
#include "bot/murmur.h"
#include "bot/purse.h"
#include "bot/sessions.h"
#include "gateway/redact.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RATE_EVERY_MS = 5000, /* events per second are counted over this long */
    ZSTD_SHARDS_MAX = 8,  /* beyond, zlib's smaller memory per stream counts for more */
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
    struct address *address;
    struct loop_timer *rate;
    uint64_t token_hash;
    uint32_t intents;
    char url[sizeof(((struct gatewaybot *)0)->url)];
    uint32_t total;  /* of Discord's shards; 0 until known */
    size_t reserved; /* sockets set aside */
    size_t count;
    struct member *members;
    struct murmur murmur;
    struct desk *desk; /* NULL: interactions cannot be answered */
    size_t resumable;  /* shards that found a saved session */
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

static void ask_address(void *fleet);

static void fail(struct fleet *fleet, enum err_code code, const char *what, const char *advice) {
    if (fleet->failed || fleet->stopping) {
        return;
    }
    fleet->failed = true;
    address_stop(fleet->address);
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

static void tell_session(const struct fleet *fleet, unsigned id) {
    if (fleet->callbacks.session_changed != NULL) {
        fleet->callbacks.session_changed(fleet->callbacks.arg, id);
    }
}

static void on_save_session(void *arg, unsigned id, const char *session_id,
                            const char *resume_url) {
    struct fleet *fleet = arg;
    struct saved_session saved = {.shard_count = fleet->total,
                                  .intents = fleet->intents,
                                  .token_hash = fleet->token_hash,
                                  .saved_ms = clock_wall_ms(),
                                  .ring_head = ring_head(fleet->ring)};
    tell_session(fleet, id);
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
    tell_session(fleet, id);
}

static void on_resumed(void *arg, unsigned id) {
    const struct fleet *fleet = arg;
    if (fleet->callbacks.session_resumed != NULL) {
        fleet->callbacks.session_resumed(fleet->callbacks.arg, id);
    }
}

static void on_answer(void *arg, unsigned id, unsigned event, const uint8_t *bytes,
                      const struct json_span *d) {
    const struct fleet *fleet = arg;
    if (fleet->callbacks.answer != NULL) {
        fleet->callbacks.answer(fleet->callbacks.arg, id, event, bytes, d);
    }
}

static void on_need_url(void *arg, unsigned id) {
    struct fleet *fleet = arg;
    member_of(fleet, id)->waits_for_url = true;
    ask_address(fleet);
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

static void on_interaction(void *arg, unsigned shard, const struct interaction_secrets *secrets,
                           const char *d, size_t length) {
    struct fleet *fleet = arg;
    if (fleet->desk == NULL) {
        return;
    }
    struct shard_stats stats = shard_stats(member_of(fleet, shard)->shard);
    struct desk_interaction interaction = {.id = secrets->interaction,
                                           .application = secrets->application,
                                           .token = secrets->token,
                                           .token_length = strlen(secrets->token),
                                           .d = d,
                                           .d_length = length,
                                           .delay_ms =
                                               stats.latency_known ? stats.latency_ms / 2 : 0};
    desk_interaction(fleet->desk, &interaction);
}

static const struct shard_callbacks shard_callbacks = {
    .interaction = on_interaction,
    .state_changed = on_state,
    .save_session = on_save_session,
    .seq_published = on_seq,
    .session_lost = on_session_lost,
    .resumed = on_resumed,
    .need_url = on_need_url,
    .fatal = on_fatal,
    .budget_changed = on_budget,
    .stopped = on_stopped,
    .answer = on_answer,
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

static bool on_address_failed(void *arg, long status, const struct err *why) {
    struct fleet *fleet = arg;
    struct log_from me = from(fleet);
    if (status == 401) {
        fail(fleet, ERR_AUTH, "token rejected (401)",
             "make a new one at https://discord.com/developers/applications and put it where this "
             "bot's section says");
        return false;
    }
    (void)text_copy(fleet->why, sizeof(fleet->why), why->text);
    for (size_t i = 0; i < fleet->count; i++) {
        if (fleet->members[i].waits_for_url) {
            fleet->members[i].waits_for_url = false;
            shard_url_failed(fleet->members[i].shard, why->text);
        }
    }
    if (fleet->count > 0) {
        log_warn(&me, "%s", why->text);
        return false; /* the shards ask again by their own clocks */
    }
    return true;
}

static const char *advice_for(const struct err *err) {
    return err->code == ERR_LIMIT ? "raise the hard limit (LimitNOFILE= in the systemd unit, or "
                                    "ulimit -Hn), or give this drey fewer shards"
                                  : "";
}

/* fleet->url is known. limits: NULL: nobody was asked for them. */
static void use_url(struct fleet *fleet, uint32_t advised, const struct identify_limits *limits) {
    struct err err = {0};
    if (fleet->count == 0 && !launch(fleet, advised, &err)) {
        fail(fleet, err.code, err.text, advice_for(&err));
        return;
    }
    if (limits != NULL) {
        identify_gate_set_limits(fleet->gate, limits);
    }
    for (size_t i = 0; i < fleet->count; i++) {
        if (fleet->members[i].waits_for_url) {
            fleet->members[i].waits_for_url = false;
            (void)shard_set_url(fleet->members[i].shard, fleet->url, NULL);
        }
    }
}

static void on_address_found(void *arg, const struct gatewaybot *answer, uint32_t asked_at) {
    struct fleet *fleet = arg;
    struct identify_limits limits = {answer->total, answer->remaining, answer->reset_after_ms,
                                     answer->max_concurrency, asked_at};
    (void)text_copy(fleet->url, sizeof(fleet->url), answer->url);
    use_url(fleet, answer->shards, &limits);
}

static void ask_address(void *arg) {
    struct fleet *fleet = arg;
    if (fleet->stopping || fleet->failed) {
        return;
    }
    if (fleet->options->gateway_url != NULL) {
        (void)text_copy(fleet->url, sizeof(fleet->url), fleet->options->gateway_url);
        use_url(fleet, 1, NULL);
        return;
    }
    uint64_t wait_ms =
        address_ask(fleet->address, fleet->gate != NULL ? identify_gate_spent(fleet->gate) : 0);
    if (wait_ms > 0 && fleet->why[0] == '\0') {
        (void)snprintf(fleet->why, sizeof(fleet->why),
                       "may not ask %s for the gateway's address for another %llu s",
                       fleet->options->rest_url, (unsigned long long)(wait_ms + 999) / 1000);
    }
}

/* --- life ------------------------------------------------------------------------------------ */

struct fleet *fleet_create(const struct bot_options *options, const struct bot_threads *threads,
                           struct ring *ring, uint64_t *not_before_ms,
                           const struct fleet_callbacks *callbacks, struct err *err) {
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
    const struct address_callbacks callbacks_of_address = {fleet, on_address_found,
                                                           on_address_failed, ask_address};
    fleet->address =
        address_create(options, &fleet->threads, not_before_ms, &callbacks_of_address, err);
    fleet->rate = loop_timer_create(threads->net, count_rates, fleet);
    if (fleet->address == NULL || fleet->rate == NULL) {
        err_set(err, ERR_NO_MEMORY, "bot %s", options->name);
        fleet_destroy(fleet);
        return NULL;
    }
    return fleet;
}

void fleet_start(struct fleet *fleet, uint32_t intents) {
    fleet->intents = intents;
    ask_address(fleet);
}

void fleet_stop(struct fleet *fleet, bool final) {
    fleet->stopping = true;
    address_stop(fleet->address);
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

void fleet_set_desk(struct fleet *fleet, struct desk *desk) {
    fleet->desk = desk;
}

bool fleet_set_presence(struct fleet *fleet, const char *json, struct err *err) {
    bool ok = true;
    for (size_t i = 0; i < fleet->count && ok; i++) {
        ok = shard_set_presence(fleet->members[i].shard, json, err);
    }
    return ok;
}

struct shard *fleet_shard_of(struct fleet *fleet, uint64_t guild, struct err *err) {
    if (fleet->count == 0 || fleet->stopping || fleet->failed) {
        err_set(err, ERR_BUSY, "the bot is not connected%s",
                fleet->stopping || fleet->failed ? " any more" : " yet");
        return NULL;
    }
    uint64_t id = (guild >> 22) % fleet->total; /* Discord's rule */
    uint32_t from = fleet->options->shards.from;
    if (id < from || id - from >= fleet->count) {
        err_set(err, ERR_NOT_FOUND, "guild %llu is of shard %llu, which runs elsewhere",
                (unsigned long long)guild, (unsigned long long)id);
        return NULL;
    }
    return fleet->members[id - from].shard;
}

void fleet_cancel(struct fleet *fleet) {
    address_cancel(fleet->address);
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
    address_destroy(fleet->address);
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
