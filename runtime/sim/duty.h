/* sim/duty.h: what a gateway client must do and may not do on one connection. Takes each payload
 * of the client and says what it asks for, or with which code it has earned its close. Knows no
 * socket and no world; times are arguments. Pure. */
#ifndef SIM_DUTY_H
#define SIM_DUTY_H

#include "sim/limits.h"
#include "sim/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;

enum { SIM_PAYLOAD_MOST = 4096, SIM_TOKEN_SIZE = 160 };

enum sim_order_kind {
    SIM_ORDER_CLOSE, /* with code and reason */
    SIM_ORDER_BEAT,
    SIM_ORDER_IDENTIFY,
    SIM_ORDER_RESUME,
    SIM_ORDER_PRESENCE,
    SIM_ORDER_VOICE,
    SIM_ORDER_MEMBERS,
    SIM_ORDER_SOUNDS,
    SIM_ORDER_CHANNEL_INFO,
};

struct sim_order {
    enum sim_order_kind kind;
    uint16_t code;
    const char *reason; /* static */
    int op;
    struct cJSON *root; /* the payload; owned by the caller of sim_duty_take(), or NULL */
    struct cJSON *d;    /* inside root */
    /* IDENTIFY and RESUME */
    char token[SIM_TOKEN_SIZE]; /* without "Bot " */
    uint64_t intents;
    uint32_t shard;
    uint32_t shard_count;
    uint32_t large_threshold;
    bool compress;
    char session_id[64];
    uint64_t seq;     /* RESUME, BEAT */
    uint64_t late_ms; /* BEAT: this much later than an interval after the one before */
    bool seq_null;
};

struct sim_duty {
    bool identified; /* the caller takes it back when it answers op 9 */
    uint64_t beat_due_ms;
    uint64_t beat_from_ms; /* when the last beat, or the HELLO, was */
    uint64_t interval_ms;
    uint64_t window_ms;
    struct sim_window window;
};

/* interval_ms: of the HELLO that is being sent. window_ms: span of the send limit. */
void sim_duty_start(struct sim_duty *duty, uint64_t interval_ms, uint64_t window_ms,
                    uint64_t now_ms);
/* A new HELLO on the same connection. */
void sim_duty_interval(struct sim_duty *duty, uint64_t interval_ms, uint64_t now_ms);
/* One payload of the client. The caller deletes out->root. */
void sim_duty_take(struct sim_duty *duty, const char *text, size_t length, bool binary,
                   uint64_t now_ms, struct sim_order *out);
/* The heartbeat did not come within 1.25 intervals. */
bool sim_duty_late(const struct sim_duty *duty, uint64_t now_ms);

/* Judges an IDENTIFY against the world: 0, or the code to close with; *reason static. */
uint16_t sim_identify_judge(const struct sim_order *identify, uint32_t guild_count,
                            uint64_t approved_privileged, const char **reason);

/* The query of the gateway URL: false with the HTTP or close status in *code (400 or 4012). */
bool sim_dialect_parse(const char *query, struct sim_dialect *dialect, uint16_t *code,
                       const char **reason);

#endif
