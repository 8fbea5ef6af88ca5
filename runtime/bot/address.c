/* bot/address.c: one question at a time, to the REST thread and back. */
#include "bot/address.h"

#include "base/clock.h"
#include "base/log.h"
#include "rest/rest.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    FETCH_TIMEOUT_MS = 15000,
    RETRY_FIRST_MS = 1000,
    RETRY_MOST_MS = 60000,
    DOUBLINGS_MOST = 6,
};

/* GET /gateway/bot under way. At most one per bot, so it needs no memory of its own. */
struct fetch {
    bool running;
    long status;
    uint64_t retry_after_ms;
    uint32_t asked_at;
    struct gatewaybot answer;
    struct err err;
};

struct address {
    const struct bot_options *options;
    const struct bot_threads *threads;
    struct address_callbacks callbacks;
    struct loop_timer *retry;
    uint64_t *not_before_ms; /* a 429 said so */
    struct fetch fetch;      /* the REST thread's while it runs */
    unsigned failures;
    bool stopped;
};

static void on_retry(void *arg) {
    const struct address *address = arg;
    address->callbacks.due(address->callbacks.arg);
}

static void ask_again(struct address *address) {
    const struct fetch *fetch = &address->fetch;
    struct log_from me = {.bot = address->options->name, .shard = -1};
    unsigned doublings = address->failures < DOUBLINGS_MOST ? address->failures : DOUBLINGS_MOST;
    address->failures++;
    uint64_t ceiling = (uint64_t)RETRY_FIRST_MS << doublings;
    ceiling = ceiling < RETRY_MOST_MS ? ceiling : RETRY_MOST_MS;
    uint64_t wait = ceiling / 2 + clock_random() % (ceiling / 2);
    wait = fetch->retry_after_ms > wait ? fetch->retry_after_ms : wait;
    log_warn(&me, "%s; trying again in %.1f s", fetch->err.text, (double)wait / 1000.0);
    loop_timer_start(address->retry, wait);
}

static void fetch_done(void *arg) {
    struct address *address = arg;
    struct fetch *fetch = &address->fetch;
    fetch->running = false;
    if (address->stopped) {
        return;
    }
    if (fetch->err.code == ERR_NONE) {
        address->failures = 0;
        address->callbacks.found(address->callbacks.arg, &fetch->answer, fetch->asked_at);
        return;
    }
    *address->not_before_ms = loop_now_ms(address->threads->net) + fetch->retry_after_ms;
    if (address->callbacks.failed(address->callbacks.arg, fetch->status, &fetch->err)) {
        ask_again(address);
    }
}

/* --- on the REST thread ------------------------------------------------------------------------
 */

static void on_answer(void *arg, const struct rest_response *response) {
    struct address *address = arg;
    struct fetch *fetch = &address->fetch;
    if (address->threads->calls != NULL) {
        rest_note(address->threads->calls, address->options->name, address->options->rest_url,
                  response);
    }
    fetch->status = response->status;
    fetch->retry_after_ms = response->retry_after_ms;
    err_clear(&fetch->err);
    if (response->status == 0) {
        fetch->err = response->err;
        err_prefix(&fetch->err, "cannot reach %s", address->options->rest_url);
    } else if (response->status == 200) {
        (void)gatewaybot_parse(response->body, response->length, &fetch->answer, &fetch->err);
    } else {
        err_set(&fetch->err, ERR_NETWORK, "GET %s/gateway/bot answered %ld",
                address->options->rest_url, response->status);
    }
    (void)loop_post(address->threads->net, fetch_done, address);
}

static void fetch_start(void *arg) {
    struct address *address = arg;
    char url[1024];
    struct rest_request request = {.url = url,
                                   .token = address->options->token,
                                   .ca_file = address->options->ca_file,
                                   .timeout_ms = FETCH_TIMEOUT_MS};
    struct rest_response none = {0};
    int wanted = snprintf(url, sizeof(url), "%s/gateway/bot", address->options->rest_url);
    struct rest *calls = address->threads->calls;
    none.retry_after_ms =
        calls != NULL ? rest_closed_ms(calls, address->options->rest_url, &none.err) : 0;
    if (none.retry_after_ms > 0) {
        on_answer(address, &none);
    } else if (wanted < 0 || (size_t)wanted >= sizeof(url)) {
        err_set(&none.err, ERR_CONFIG, "rest_url is too long");
        on_answer(address, &none);
    } else if (!rest_client_send(address->threads->client, &request, on_answer, address,
                                 &none.err)) {
        on_answer(address, &none);
    }
}

void address_cancel(struct address *address) {
    rest_client_cancel(address->threads->client, address);
}

/* --- on the network thread ---------------------------------------------------------------------
 */

struct address *address_create(const struct bot_options *options, const struct bot_threads *threads,
                               uint64_t *not_before_ms, const struct address_callbacks *callbacks,
                               struct err *err) {
    struct address *address = calloc(1, sizeof(*address));
    if (address != NULL) {
        address->options = options;
        address->threads = threads;
        address->not_before_ms = not_before_ms;
        address->callbacks = *callbacks;
        address->retry = loop_timer_create(threads->net, on_retry, address);
    }
    if (address == NULL || address->retry == NULL) {
        err_set(err, ERR_NO_MEMORY, "bot %s", options->name);
        free(address);
        return NULL;
    }
    return address;
}

void address_destroy(struct address *address) {
    if (address != NULL) {
        loop_timer_destroy(address->retry);
        free(address);
    }
}

uint64_t address_ask(struct address *address, uint32_t asked_at) {
    if (address->stopped || address->fetch.running) {
        return 0;
    }
    uint64_t now_ms = loop_now_ms(address->threads->net);
    if (now_ms < *address->not_before_ms) {
        uint64_t wait_ms = *address->not_before_ms - now_ms;
        loop_timer_start(address->retry, wait_ms);
        return wait_ms;
    }
    address->fetch.running = true;
    address->fetch.asked_at = asked_at;
    if (!loop_post(address->threads->rest, fetch_start, address)) {
        address->fetch.running = false;
        loop_timer_start(address->retry, RETRY_FIRST_MS);
        return RETRY_FIRST_MS;
    }
    return 0;
}

void address_stop(struct address *address) {
    address->stopped = true;
    loop_timer_stop(address->retry);
}
