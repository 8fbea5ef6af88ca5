/* tests/unit/rest_storm.c: a storm of requests against the scheduler: 50 routes with shared and
 * changing hashes, refusals of every kind, lost answers, 20 plugins on 3 bots. No 429 that could
 * have been avoided, every request ends exactly once, order is kept. */
#include "rest/queue.h"

#include "rest_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { OWNERS = 20, START_MS = 1000000 };

enum happening { SUBMITTED, ARRIVED, DELIVERED };

struct job {
    struct queue_entry entry;
    struct heap_node event;
    enum happening happening;
    struct world_request request;
    unsigned call;
    bool taken;
    bool ended;
    enum rest_end end;
    long status;
    struct job *before; /* the one submitted before it in the same lane */
};

struct storm {
    struct world world;
    struct queue *queue;
    struct queue_bot *bots[WORLD_BOTS];
    struct heap events;
    struct job *jobs;
    unsigned count;
    unsigned ended;
    uint64_t now_ms;
    struct job *last[WORLD_BOTS][WORLD_ROUTES][WORLD_MAJORS];
    unsigned refused;
    unsigned cancels; /* of 1000 */
    unsigned steps;
};

static uint64_t latency(struct storm *storm) {
    if (world_chance(&storm->world, storm->world.faults.slow)) {
        return 500 + world_random(&storm->world) % 3000;
    }
    return world_random(&storm->world) % 120;
}

static void later(struct storm *storm, struct job *job, enum happening happening, uint64_t ms) {
    heap_remove(&storm->events, &job->event);
    job->happening = happening;
    heap_insert(&storm->events, &job->event, storm->now_ms + ms);
}

static void end(struct storm *storm, struct job *job, enum rest_end end) {
    assert_true(job->taken);
    assert_false(job->ended);
    job->ended = true;
    job->end = end;
    storm->ended++;
}

/* An older one of the same route and resource must not wait while this one goes; where the order is
 * seen it must have ended. */
static void check_order(const struct storm *storm, const struct job *job) {
    enum rest_method method = storm->world.routes[job->request.route].method;
    bool seen = method == REST_POST || method == REST_PATCH;
    for (const struct job *before = job->before; before != NULL; before = before->before) {
        assert_true(before->ended || (!seen && before->entry.on_wire));
    }
}

/* What is on the wire is still counted by Discord, some time. */
static void let_go(struct storm *storm, struct job *job) {
    job->request.cut = true;
    for (unsigned i = 0; i < WORLD_HASHES; i++) {
        storm->world.buckets[job->request.bot][i][job->request.major].spoilt_ms =
            storm->now_ms + 10000;
    }
}

static void drive(struct storm *storm) {
    for (;;) {
        struct queue_step step = queue_next(storm->queue, storm->now_ms);
        struct job *job = (struct job *)(void *)step.entry;
        storm->steps++;
        if (step.kind == QUEUE_WAIT) {
            assert_true(step.until_ms > storm->now_ms);
            return;
        }
        if (step.kind == QUEUE_END) {
            end(storm, job, step.end);
            if (step.was_on_wire) {
                let_go(storm, job);
            }
        } else {
            check_order(storm, job);
            world_sends(&storm->world, &job->request, storm->now_ms);
            later(storm, job, ARRIVED, latency(storm));
        }
    }
}

static void submit(struct storm *storm, struct job *job) {
    struct world_request *request = &job->request;
    char path[128];
    struct route route;
    struct err err = {0};
    world_path(&storm->world, request->route, request->major, job->call, path, sizeof(path));
    assert_true(route_parse(storm->world.routes[request->route].method, path, 0, &route, &err));
    job->entry = (struct queue_entry){.bot = storm->bots[request->bot],
                                      .owner = job->call % OWNERS,
                                      .deadline_ms = storm->now_ms + 120000,
                                      .has_nonce = job->call % 2 == 0,
                                      .urgent = job->call % 50 == 0};
    job->taken = true;
    if (storm->world.routes[request->route].style != STYLE_CALLBACK) {
        struct job **last = &storm->last[request->bot][request->route][request->major];
        job->before = *last;
        *last = job;
    }
    assert_true(queue_submit(storm->queue, &job->entry, &route, storm->now_ms, &err));
}

static void deliver(struct storm *storm, struct job *job) {
    world_delivers(&storm->world, &job->request, storm->now_ms);
    struct queue_outcome outcome = {.status = job->request.status,
                                    .told = job->request.status != 0 ? &job->request.told : NULL,
                                    .maybe_seen = true,
                                    .random = world_random(&storm->world)};
    struct queue_verdict verdict =
        queue_answered(storm->queue, &job->entry, &outcome, storm->now_ms);
    job->status = job->request.status;
    if (verdict.ends) {
        end(storm, job, verdict.end);
    }
}

static void happen(struct storm *storm, struct job *job) {
    switch (job->happening) {
    case SUBMITTED:
        submit(storm, job);
        break;
    case ARRIVED:
        world_arrives(&storm->world, &job->request, storm->now_ms);
        later(storm, job, DELIVERED, latency(storm));
        break;
    case DELIVERED:
        if (!job->request.cut) {
            deliver(storm, job);
        }
        break;
    }
    if (world_chance(&storm->world, storm->cancels)) {
        struct job *victim = &storm->jobs[world_random(&storm->world) % storm->count];
        if (victim->taken && !victim->ended) {
            if (queue_cancel(storm->queue, &victim->entry, storm->now_ms)) {
                let_go(storm, victim);
            }
            end(storm, victim, REST_END_CANCELLED);
        }
    }
}

static void storm_start(struct storm *storm, uint64_t seed, unsigned count, uint64_t over_ms) {
    world_init(&storm->world, seed);
    storm->now_ms = START_MS;
    storm->queue = queue_create(seed);
    for (unsigned i = 0; i < WORLD_BOTS; i++) {
        storm->bots[i] = queue_bot_create(storm->queue, WORLD_GLOBAL);
    }
    storm->count = count;
    storm->jobs = calloc(count, sizeof(*storm->jobs));
    for (unsigned i = 0; i < count; i++) {
        struct job *job = &storm->jobs[i];
        job->call = i;
        job->request.bot = (unsigned)(world_random(&storm->world) % WORLD_BOTS);
        job->request.route = (unsigned)(world_random(&storm->world) % WORLD_ROUTES);
        job->request.major = (unsigned)(world_random(&storm->world) % WORLD_MAJORS);
        later(storm, job, SUBMITTED, world_random(&storm->world) % over_ms);
    }
}

/* Until nothing happens any more. */
static void storm_run(struct storm *storm) {
    for (;;) {
        drive(storm);
        struct queue_step step = queue_next(storm->queue, storm->now_ms);
        uint64_t next_ms = storm->events.root != NULL ? storm->events.root->key : UINT64_MAX;
        next_ms = step.until_ms < next_ms ? step.until_ms : next_ms;
        if (next_ms == UINT64_MAX) {
            return;
        }
        storm->now_ms = next_ms;
        while (storm->events.root != NULL && storm->events.root->key <= storm->now_ms) {
            struct job *job =
                (struct job *)(void *)((char *)storm->events.root - offsetof(struct job, event));
            heap_remove(&storm->events, &job->event);
            happen(storm, job);
        }
    }
}

static unsigned ends(const struct storm *storm, enum rest_end end) {
    unsigned count = 0;
    for (unsigned i = 0; i < storm->count; i++) {
        count += storm->jobs[i].end == end ? 1 : 0;
    }
    return count;
}

static void storm_finish(struct storm *storm) {
    assert_int_equal(storm->ended, storm->count);
    assert_int_equal(queue_count(storm->queue, NULL).entries, 0);
    assert_int_equal(queue_count(storm->queue, NULL).on_wire, 0);
    for (unsigned i = 0; i < WORLD_BOTS; i++) {
        queue_bot_destroy(storm->bots[i]);
    }
    queue_destroy(storm->queue);
    free(storm->jobs);
}

static void weather(uint64_t seed, const struct world_faults *faults, unsigned cancels,
                    unsigned answered_least) {
    struct storm *storm = calloc(1, sizeof(*storm));
    storm_start(storm, seed, 3000, seed % 3 == 0 ? 2000 : 20000);
    storm->world.faults = *faults;
    storm->cancels = cancels;
    storm_run(storm);
    if (getenv("DREY_STORM_SAYS") != NULL) {
        print_message(
            "seed %llu: avoidable %u, not %u, emoji %u, answered %u, deadline %u, network "
            "%u, took %llu ms, %u steps\n",
            (unsigned long long)seed, storm->world.avoidable, storm->world.unavoidable,
            storm->world.emoji_429, ends(storm, REST_END_ANSWERED), ends(storm, REST_END_DEADLINE),
            ends(storm, REST_END_NETWORK), (unsigned long long)(storm->now_ms - START_MS),
            storm->steps);
    }
    assert_int_equal(storm->world.avoidable, 0);
    assert_int_equal(storm->world.while_banned, 0);
    assert_true(ends(storm, REST_END_ANSWERED) >= answered_least);
    storm_finish(storm);
    free(storm);
}

static unsigned seeds(unsigned otherwise) {
    const char *wanted = getenv("DREY_STORM_SEEDS");
    return wanted != NULL ? (unsigned)strtoul(wanted, NULL, 10) : otherwise;
}

static void a_calm_day_has_no_avoidable_429_and_loses_nothing(void **state) {
    static const struct world_faults none;
    for (uint64_t seed = 1; seed <= seeds(30); seed++) {
        weather(seed, &none, 0, 2900);
    }
}

static void a_storm_has_no_avoidable_429_and_every_request_ends_once(void **state) {
    static const struct world_faults all = {.server = 10,
                                            .network = 10,
                                            .user = 10,
                                            .shared = 10,
                                            .global = 3,
                                            .cloudflare = 30,
                                            .forbidden = 20,
                                            .foreign = 10,
                                            .change = 10,
                                            .slow = 10};
    for (uint64_t seed = 1; seed <= seeds(60); seed++) {
        weather(seed, &all, 20, 2500);
    }
}

/* The judge must be able to say "guilty". */
static void a_client_that_heeds_nothing_is_found_out(void **state) {
    struct world *world = calloc(1, sizeof(*world));
    struct world_request request = {.route = 2};
    world_init(world, 1);
    for (uint64_t ms = START_MS; ms < START_MS + 10000; ms += 20) {
        world_sends(world, &request, ms);
        world_arrives(world, &request, ms);
        world_delivers(world, &request, ms);
    }
    assert_true(world->avoidable > 100);
    free(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_heeds_nothing_is_found_out),
        cmocka_unit_test(a_calm_day_has_no_avoidable_429_and_loses_nothing),
        cmocka_unit_test(a_storm_has_no_avoidable_429_and_every_request_ends_once),
    };
    return cmocka_run_group_tests_name("rest_storm", tests, NULL, NULL);
}
