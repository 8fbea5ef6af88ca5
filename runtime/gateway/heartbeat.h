/* gateway/heartbeat.h: when to send a heartbeat and when a connection is dead.
 * The caller's memory; everything restarts at HELLO, so that nothing of an old connection counts.
 * Pure: time and randomness are arguments. [one thread] */
#ifndef GATEWAY_HEARTBEAT_H
#define GATEWAY_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

struct heartbeat {
    bool running;
    bool paused;    /* we stopped reading: silence proves nothing */
    bool over_beat; /* a beat went out during the pause */
    bool heard;     /* bytes came since the last beat */
    bool latency_known;
    bool unanswered;  /* a beat of any kind waits for its ACK */
    unsigned unacked; /* periodic beats in a row without an ACK */
    uint64_t interval_ms;
    uint64_t next_ms;    /* when the next periodic beat is due */
    uint64_t asked_ms;   /* when the oldest unanswered beat was sent */
    uint64_t latency_ms; /* of the last answered one */
    uint64_t paused_since_ms;
    uint64_t paused_ms; /* of the interval, pauses that ended */
    uint64_t missed;    /* ACKs that had not come by the next beat, ever */
};

enum heartbeat_verdict {
    HEARTBEAT_NOT_YET,
    HEARTBEAT_SEND,
    HEARTBEAT_SILENT,  /* neither ACK nor bytes for an interval: drop the connection */
    HEARTBEAT_UNACKED, /* bytes flow, but two intervals without an ACK: close it */
    HEARTBEAT_LATE,    /* the process slept through more than an interval: drop it */
};

/* HELLO: the first beat is due after a random part of the interval. Keeps latency and missed. */
void heartbeat_start(struct heartbeat *hb, uint64_t interval_ms, uint64_t random, uint64_t now_ms);
/* Another HELLO on the same connection: only the interval changes. */
void heartbeat_change(struct heartbeat *hb, uint64_t interval_ms, uint64_t now_ms);
void heartbeat_stop(struct heartbeat *hb);
/* Bytes were read. */
void heartbeat_heard(struct heartbeat *hb);
/* An ACK; one that nobody waits for is ignored. */
void heartbeat_ack(struct heartbeat *hb, uint64_t now_ms);
/* A beat the server asked for is sent: measures latency, changes nothing else. */
void heartbeat_asked(struct heartbeat *hb, uint64_t now_ms);
/* While paused beats go on and nothing is judged, nor is an interval that was paused for more than
 * half of it. */
void heartbeat_pause(struct heartbeat *hb, bool paused, uint64_t now_ms);
/* To be called when next_ms is reached. HEARTBEAT_SEND: the beat counts as sent. */
enum heartbeat_verdict heartbeat_due(struct heartbeat *hb, uint64_t now_ms);

#endif
