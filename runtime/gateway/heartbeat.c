/* gateway/heartbeat.c: periodic beats, their ACKs, and the rule by which a connection is dead. */
#include "gateway/heartbeat.h"

void heartbeat_start(struct heartbeat *hb, uint64_t interval_ms, uint64_t random, uint64_t now_ms) {
    hb->running = true;
    hb->paused = false;
    hb->paused_ms = 0;
    hb->over_beat = false;
    hb->heard = true;
    hb->unanswered = false;
    hb->unacked = 0;
    hb->interval_ms = interval_ms;
    hb->next_ms = now_ms + random % interval_ms;
}

void heartbeat_change(struct heartbeat *hb, uint64_t interval_ms, uint64_t now_ms) {
    hb->interval_ms = interval_ms;
    if (hb->next_ms > now_ms + interval_ms) {
        hb->next_ms = now_ms + interval_ms;
    }
}

void heartbeat_stop(struct heartbeat *hb) {
    hb->running = false;
    hb->unanswered = false; /* an ACK may come on the next connection before its HELLO */
}

void heartbeat_heard(struct heartbeat *hb) {
    hb->heard = true;
}

void heartbeat_ack(struct heartbeat *hb, uint64_t now_ms) {
    hb->unacked = 0;
    if (!hb->unanswered) {
        return;
    }
    hb->unanswered = false;
    hb->latency_known = true;
    hb->latency_ms = now_ms > hb->asked_ms ? now_ms - hb->asked_ms : 0;
}

void heartbeat_asked(struct heartbeat *hb, uint64_t now_ms) {
    if (!hb->unanswered) {
        hb->unanswered = true;
        hb->asked_ms = now_ms;
    }
}

void heartbeat_pause(struct heartbeat *hb, bool paused, uint64_t now_ms) {
    if (paused && !hb->paused) {
        hb->paused_since_ms = now_ms;
    } else if (!paused && hb->paused) {
        hb->paused_ms += now_ms - hb->paused_since_ms;
        if (hb->over_beat) { /* ACKs of beats meanwhile may be among what was not read yet */
            hb->unacked = 0;
            hb->heard = true;
            hb->unanswered = false; /* its time would be our own pause */
            hb->over_beat = false;
        }
    }
    hb->paused = paused;
}

/* Short pauses come many times a second while a plugin is slow; they must not hide a connection
 * that is dead. Only when we did not read for more than half of the interval it proves nothing. */
static bool may_judge(const struct heartbeat *hb) {
    return !hb->paused && hb->paused_ms <= hb->interval_ms / 2;
}

enum heartbeat_verdict heartbeat_due(struct heartbeat *hb, uint64_t now_ms) {
    if (!hb->running || now_ms < hb->next_ms) {
        return HEARTBEAT_NOT_YET;
    }
    if (may_judge(hb)) {
        if (now_ms - hb->next_ms > hb->interval_ms) {
            return HEARTBEAT_LATE;
        }
        if (hb->unacked > 0) {
            hb->missed++;
            if (!hb->heard) {
                return HEARTBEAT_SILENT;
            }
            if (hb->unacked >= 2) {
                return HEARTBEAT_UNACKED;
            }
        }
        hb->unacked++;
    } else {
        hb->unacked = 1; /* this one; what came before is forgiven */
    }
    hb->paused_ms = 0;
    hb->paused_since_ms = now_ms; /* means something only while paused */
    hb->over_beat = hb->paused;
    heartbeat_asked(hb, now_ms);
    hb->heard = false;
    hb->next_ms += hb->interval_ms;
    if (hb->next_ms <= now_ms) { /* only after a pause: no burst of beats to catch up */
        hb->next_ms = now_ms + hb->interval_ms;
    }
    return HEARTBEAT_SEND;
}
