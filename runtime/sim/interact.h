/* sim/interact.h: application commands that bots have registered, and interactions: from what a
 * person did to what the bot answered. [the simulator's loop thread] */
#ifndef SIM_INTERACT_H
#define SIM_INTERACT_H

#include "sim/state.h"

#include <cjson/cJSON.h>

enum {
    SIM_INTERACTIONS_MOST = 4096,
    SIM_INTERACTION_TOKEN = 128,
};

struct sim_command {
    struct sim_command *next;
    uint64_t id;
    uint64_t guild_id; /* 0: global */
    uint64_t version;
    cJSON *object; /* owned; as REST shows it */
};

enum sim_interaction_kind {
    SIM_INTERACTION_PING = 1,
    SIM_INTERACTION_COMMAND = 2,
    SIM_INTERACTION_COMPONENT = 3,
    SIM_INTERACTION_COMPLETE = 4,
    SIM_INTERACTION_MODAL = 5,
};

/* What the bot's first answer was. */
enum sim_ack {
    SIM_ACK_NONE,
    SIM_ACK_PONG,
    SIM_ACK_MESSAGE,
    SIM_ACK_DEFERRED,
    SIM_ACK_DEFERRED_UPDATE,
    SIM_ACK_UPDATED,
    SIM_ACK_CHOICES,
    SIM_ACK_MODAL,
};

struct sim_interaction {
    struct sim_interaction *next;
    uint64_t id;
    char token[SIM_INTERACTION_TOKEN];
    uint64_t bot; /* user id, which is the application's */
    enum sim_interaction_kind kind;
    uint64_t guild_id; /* 0: direct */
    uint64_t channel_id;
    const struct sim_user *user;
    uint64_t message_id; /* that a component belongs to, 0: none */
    char name[40];       /* of the command */
    int command_type;
    uint64_t made_ms;
    enum sim_ack ack;
    bool missed;       /* the deadline came first */
    uint64_t original; /* id of the message that is @original, 0: none */
    uint64_t newest;   /* id of the newest message of its answers */
    cJSON *shown;      /* owned: the modal, or the choices */
    uint64_t waiter;   /* connection that waits for what the bot does, 0: none */
    uint64_t wait_until_ms;
    bool waiter_reads; /* it wants text, not JSON */
};

/* Adds one (bounded: the oldest goes). NULL: no memory. Borrowed until the next is added. */
struct sim_interaction *sim_interaction_add(struct sim *sim, uint64_t id, const char *token);
struct sim_interaction *sim_interaction_find(struct sim *sim, const char *token);
/* The connection is answered once there is something to see, or until_ms has come; reads: in text,
 * not JSON. Once for each interaction. */
void sim_interaction_wait(struct sim *sim, struct sim_interaction *interaction,
                          struct sim_conn *conn, uint64_t until_ms, bool reads);
/* Life and death by time, and those who wait too long. */
void sim_interactions_tick(struct sim *sim, uint64_t now_ms);
void sim_interactions_destroy(struct sim *sim);
/* Something was done: whoever waits is told if it is enough. */
void sim_interaction_progress(struct sim *sim, struct sim_interaction *interaction);
/* Adds what a message says of the interaction it answers. */
void sim_interaction_mark(const struct sim_interaction *interaction, cJSON *message);
/* For the first answer, in this simulator's time. */
uint64_t sim_interaction_deadline_ms(const struct sim *sim);
/* Whether its 15 minutes are over. */
bool sim_interaction_over(const struct sim *sim, const struct sim_interaction *interaction);

void sim_commands_destroy(struct sim_bot *bot);
/* The command of this name and type that holds in this guild: its own before the global one. */
const struct sim_command *sim_command_named(const struct sim_bot *bot, uint64_t guild_id,
                                            const char *name, int type);

/* control_act.c: POST /sim/command, press, submit, complete; what they answer. Returns the
 * status, 0 when the answer comes later. */
struct sim_act;
/* act_show.c: what became of it, in a word: "pending", "message", "modal", "no_response" ... */
const char *sim_outcome(struct sim *sim, const struct sim_interaction *interaction);
/* Who may see an ephemeral message; NULL: the interaction is forgotten. */
const struct sim_user *sim_post_viewer(const struct sim *sim, const struct sim_post *post);
/* act_show.c: what the bot did, as JSON or as text for people. */
void sim_show_outcome(struct sim *sim, const struct sim_interaction *interaction, struct buf *out,
                      bool text);

#endif
