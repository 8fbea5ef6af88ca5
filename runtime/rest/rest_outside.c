/* rest/rest_outside.c: questions of the host's own that the client is asked directly, in the one
 * budget and under the one ban that this machine has with Discord. */
#include "rest/rest_inside.h"

#include "base/log.h"

enum { HOST = 0, /* the owner of what no plugin asks */ UNKNOWN_MS = 1000 };

uint64_t rest_closed_ms(struct rest *rest, const char *url, struct err *why) {
    uint64_t now_ms = loop_now_ms(rest->loop);
    struct queue_place *place = queue_place_get(rest->queue, url);
    if (place == NULL) {
        err_set(why, ERR_NO_MEMORY, "no memory for the request");
        return UNKNOWN_MS;
    }
    uint64_t open_ms = queue_open_ms(rest->queue, place, HOST, now_ms);
    queue_place_release(rest->queue, place);
    if (open_ms <= now_ms) {
        return 0;
    }
    err_set(why, ERR_LIMIT,
            "nothing may be asked there for %.0f s: Cloudflare has banned this machine, or would, "
            "since too many of its requests were refused (401, 403, 429)",
            (double)(open_ms - now_ms) / 1000.0);
    return open_ms - now_ms;
}

void rest_note(struct rest *rest, const char *bot, const char *url,
               const struct rest_response *response) {
    uint64_t now_ms = loop_now_ms(rest->loop);
    struct queue_place *place = response->status != 0 ? queue_place_get(rest->queue, url) : NULL;
    if (place == NULL) {
        return;
    }
    struct told told = *response->told;
    if (response->status == 429) {
        told_body(&told, response->body, response->length);
    }
    struct queue_outside means =
        queue_note_outside(rest->queue, place, HOST, response->status, &told, now_ms);
    if (means.banned) {
        struct log_from from = {.bot = bot, .shard = -1};
        log_error(&from, "Cloudflare has banned this machine: nothing is sent to %s for %.0f s",
                  url, (double)means.wait_ms / 1000.0);
    }
    rest_log_invalid(rest, HOST, "drey", means.news);
    queue_place_release(rest->queue, place);
    rest_drive(rest);
}
