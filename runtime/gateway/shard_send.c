/* gateway/shard_send.c: what a shard sends: IDENTIFY, RESUME, heartbeats, and what plugins asked
 * for, all of it within the send limit. */
#include "gateway/command.h"
#include "gateway/shard_inside.h"

enum { SHORT_PAUSE_MS = 100 /* until a message without memory is tried again */ };

static bool send_text(struct shard *shard, enum send_class class) {
    if (shard->connection == NULL || !sendlimit_take(&shard->limit, class, shard_now(shard))) {
        return false;
    }
    return connection_send(shard->connection, shard->text.bytes, shard->text.length);
}

void shard_send_identify(struct shard *shard) {
    /* Before anything else: killed right after the IDENTIFY, the next process must know of it. */
    shard->options.callbacks->budget_changed(shard->options.arg, shard->options.id);
    struct identify_command command = {
        .token = shard->options.token,
        .shard = shard->options.id,
        .count = shard->options.count,
        .intents = shard->options.intents,
        .payload_compression = shard->options.compress == COMPRESS_PAYLOAD,
        .presence_json = shard->outbox.presence.length > 0 ? shard->outbox.presence.bytes : NULL};
    bool whole = command_identify(&shard->text, &command);
    if (whole && shard->text.length > GATEWAY_PAYLOAD_MAX && command.presence_json != NULL) {
        command.presence_json = NULL; /* too long for both together: it follows by itself */
        shard->outbox.presence_waits = true;
        whole = command_identify(&shard->text, &command);
    } else {
        shard->outbox.presence_waits = false; /* it went along */
    }
    if (whole) {
        (void)send_text(shard, SEND_SESSION);
    }
    shard->stats.identifies++;
    struct log_from me = shard_from(shard);
    log_debug(&me, "IDENTIFY");
}

void shard_send_resume(struct shard *shard, uint64_t seq) {
    struct log_from me = shard_from(shard);
    log_debug(&me, "RESUME after seq %llu", (unsigned long long)seq);
    shard->replayed = 0;
    if (command_resume(&shard->text, shard->options.token, shard->secrets.session_id, seq)) {
        (void)send_text(shard, SEND_SESSION);
    }
}

void shard_send_heartbeat(struct shard *shard, uint64_t seq) {
    if (command_heartbeat(&shard->text, seq)) {
        (void)send_text(shard, SEND_BEAT);
    }
}

/* What plugins asked for, as far as the limit allows. */
void shard_send_waiting(struct shard *shard) {
    while (shard->session.state == SESSION_LIVE &&
           outbox_next(&shard->outbox, shard_now(shard)) <= shard_now(shard) &&
           sendlimit_next(&shard->limit, shard_now(shard)) <= shard_now(shard) &&
           shard->short_until_ms <= shard_now(shard)) {
        if (!outbox_take(&shard->outbox, shard_now(shard), &shard->text)) {
            shard->short_until_ms = shard_now(shard) + SHORT_PAUSE_MS;
            return;
        }
        (void)send_text(shard, SEND_COMMAND);
    }
}
