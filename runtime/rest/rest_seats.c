/* rest/rest_seats.c: the bots that calls are made for: their tokens, addresses and counters. */
#include "rest/rest_inside.h"

#include "rest/pace.h"

#include <stdlib.h>
#include <string.h>

struct seat *seat_find(const struct rest *rest, uint32_t number) {
    return number >= 1 && number <= rest->seat_count ? rest->seats[number - 1] : NULL;
}

static void free_secret(char *text) {
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

static void free_texts(struct seat *seat) {
    free(seat->name);
    free_secret(seat->token);
    free(seat->rest_url);
    free(seat->ca_file);
}

static void seat_destroy(struct seat *seat) {
    if (seat != NULL) {
        queue_bot_destroy(seat->bot);
        free_texts(seat);
        free(seat);
    }
}

static char *copy(const char *text) {
    return text != NULL ? strdup(text) : NULL;
}

/* Sets the texts; on failure the seat is as it was. */
static bool set_texts(struct seat *seat, const struct rest_bot_options *options, struct err *err) {
    struct seat texts = {.name = copy(options->name),
                         .token = copy(options->token),
                         .rest_url = copy(options->rest_url),
                         .ca_file = copy(options->ca_file)};
    if (texts.name == NULL || texts.token == NULL || texts.rest_url == NULL ||
        (texts.ca_file == NULL) != (options->ca_file == NULL)) {
        free_texts(&texts);
        return err_set(err, ERR_NO_MEMORY, "bot %s", options->name);
    }
    free_texts(seat);
    seat->name = texts.name;
    seat->token = texts.token;
    seat->rest_url = texts.rest_url;
    seat->ca_file = texts.ca_file;
    seat->arg = options->arg;
    seat->token_refused = options->token_refused;
    return true;
}

/* Gives the seat a number. */
static bool add_seat(struct rest *rest, struct seat *seat) {
    pthread_mutex_lock(&rest->lock);
    struct seat **longer =
        realloc(rest->seats, (rest->seat_count + (size_t)1) * sizeof(struct seat *));
    if (longer != NULL) {
        rest->seats = longer;
        rest->seats[rest->seat_count++] = seat;
        seat->number = rest->seat_count;
    }
    pthread_mutex_unlock(&rest->lock);
    return longer != NULL;
}

uint32_t rest_bot_open(struct rest *rest, const struct rest_bot_options *options, struct err *err) {
    struct seat *seat = calloc(1, sizeof(*seat));
    struct queue_place *place = NULL;
    if (seat != NULL) {
        list_init(&seat->jobs);
        place = queue_place_get(rest->queue, options->rest_url);
        seat->bot = queue_bot_create(rest->queue, options->global_per_s != 0 ? options->global_per_s
                                                                             : PACE_GLOBAL);
    }
    if (place == NULL || seat->bot == NULL || !set_texts(seat, options, err) ||
        !add_seat(rest, seat)) {
        err_set(err, ERR_NO_MEMORY, "bot %s", options->name);
        queue_place_release(rest->queue, place);
        seat_destroy(seat);
        return 0;
    }
    queue_bot_move(seat->bot, place, loop_now_ms(rest->loop));
    return seat->number;
}

bool rest_bot_change(struct rest *rest, uint32_t bot, const struct rest_bot_options *options,
                     struct err *err) {
    struct seat *seat = seat_find(rest, bot);
    if (seat == NULL) {
        return err_set(err, ERR_NOT_FOUND, "there is no such bot, or not any more");
    }
    bool other_token = strcmp(seat->token, options->token) != 0;
    bool other_place = strcmp(seat->rest_url, options->rest_url) != 0;
    struct queue_place *place =
        other_place ? queue_place_get(rest->queue, options->rest_url) : NULL;
    if (other_place && place == NULL) {
        return err_set(err, ERR_NO_MEMORY, "bot %s", options->name);
    }
    if (!set_texts(seat, options, err)) {
        queue_place_release(rest->queue, place);
        return false;
    }
    uint64_t now_ms = loop_now_ms(rest->loop);
    /* Whoever changes the bot wants it to be tried again, also with a token that was refused:
     * Discord may have made a mistake, and the gateway is tried with it too. */
    if (other_token || other_place || queue_bot_dead(seat->bot)) {
        queue_bot_revive(seat->bot, now_ms);
    }
    if (other_place) {
        queue_bot_move(seat->bot, place, now_ms);
    }
    rest_drive(rest);
    return true;
}

static void end_jobs(struct rest *rest, struct seat *seat) {
    static const struct job_end how = {.end = REST_END_STOPPED};
    struct list *link;
    while ((link = list_first(&seat->jobs)) != NULL) {
        struct job *job = CONTAINER_OF(link, struct job, queued);
        job->in_queue = false;
        if (queue_cancel(rest->queue, &job->entry, loop_now_ms(rest->loop))) {
            job->entry.maybe_seen = true;
            rest_client_cancel(rest->client, job);
        }
        rest_finish_job(rest, job, &how);
    }
}

void rest_bot_close(struct rest *rest, uint32_t bot) {
    struct seat *seat = seat_find(rest, bot);
    if (seat == NULL) {
        return;
    }
    pthread_mutex_lock(&rest->lock);
    rest->seats[bot - 1] = NULL; /* nothing comes in any more; what is in the inbox ends */
    pthread_mutex_unlock(&rest->lock);
    inbox_take(rest);
    end_jobs(rest, seat);
    seat_destroy(seat);
    rest_drive(rest);
}

static void add_status(const struct rest *rest, const struct seat *seat,
                       struct rest_status *status) {
    struct queue_counts counts = queue_count(rest->queue, seat->bot);
    status->waiting += counts.entries - counts.on_wire;
    status->on_wire += counts.on_wire;
    status->buckets += counts.buckets;
    status->ended += seat->counts.ended;
    status->retries += seat->counts.retries;
    status->limited_user += seat->counts.limited_user;
    status->limited_shared += seat->counts.limited_shared;
    status->limited_global += seat->counts.limited_global;
    status->limited_cloudflare += seat->counts.limited_cloudflare;
    status->token_refused = status->token_refused || queue_bot_dead(seat->bot);
}

bool rest_status(const struct rest *rest, uint32_t bot, struct rest_status *status) {
    uint64_t now_ms = loop_now_ms(rest->loop);
    *status = (struct rest_status){.invalid = queue_invalid(rest->queue, now_ms)};
    for (uint32_t i = 0; bot == 0 && i < rest->seat_count; i++) {
        if (rest->seats[i] != NULL) {
            add_status(rest, rest->seats[i], status);
        }
    }
    const struct seat *seat = bot != 0 ? seat_find(rest, bot) : NULL;
    uint64_t banned_ms = queue_banned_until(rest->queue, seat != NULL ? seat->bot : NULL, now_ms);
    status->banned_for_ms = banned_ms != 0 ? banned_ms - now_ms : 0;
    if (seat != NULL) {
        add_status(rest, seat, status);
    }
    return bot == 0 || seat != NULL;
}
