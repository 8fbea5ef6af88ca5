/* gateway/heartbeat.c: periodic beats, their ACKs, and the rule by which a connection is dead. */
#include "gateway/heartbeat.h"

void heartbeat_start(struct heartbeat *hb, uint64_t interval_ms, uint64_t random, uint64_t now_ms) {
    hb->running = true;
    hb->paused = false;
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

void heartbeat_pause(struct heartbeat *hb, bool paused) {
    if (hb->paused && !paused) {
        hb->unacked = 0;
        hb->unanswered = false; /* its time would be our own pause */
        hb->heard = true;
    }
    hb->paused = paused;
}

enum heartbeat_verdict heartbeat_due(struct heartbeat *hb, uint64_t now_ms) {
    if (!hb->running || now_ms < hb->next_ms) {
        return HEARTBEAT_NOT_YET;
    }
    if (!hb->paused) {
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
    }
    heartbeat_asked(hb, now_ms);
    hb->heard = false;
    hb->next_ms += hb->interval_ms;
    if (hb->next_ms <= now_ms) { /* only after a pause: no burst of beats to catch up */
        hb->next_ms = now_ms + hb->interval_ms;
    }
    return HEARTBEAT_SEND;
}
