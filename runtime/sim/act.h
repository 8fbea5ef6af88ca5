/* sim/act.h: making interactions happen, as a person would: what the files of that share.
 * [the simulator's loop thread] */
#ifndef SIM_ACT_H
#define SIM_ACT_H

#include "sim/interact.h"
#include "sim/rest.h"

/* Who does it, where, and to which bot. */
struct sim_act {
    struct sim *sim;
    struct sim_conn *conn; /* that asks */
    const cJSON *body;
    struct sim_bot *bot;
    struct sim_place place;
    const struct sim_user *user;
    const struct sim_member *member; /* NULL: in a direct channel */
    cJSON *resolved;                 /* owned; NULL: nothing yet */
    uint64_t wall_ms;
    struct err err;
};

/* act.c */
/* Who does it and where, from "as", "guild" and "channel" of the body; the bot is found later.
 * False: act->err says why not. */
bool sim_act_begin(struct sim_act *act, struct sim_conn *conn, const cJSON *body);
/* act->err as the answer; returns status. */
int sim_act_refuse(struct sim_act *act, struct buf *out, int status);
/* A new interaction of this person with this bot, not sent yet. NULL: act->err. */
struct sim_interaction *sim_act_make(struct sim_act *act, enum sim_interaction_kind kind);
/* Sends it to the bot and lets the connection wait. data: taken. post: the component's message,
 * or NULL. Returns 0. */
int sim_act_happen(struct sim_act *act, struct sim_interaction *interaction, cJSON *data,
                   const struct sim_post *post, bool text, struct buf *out);
/* A message by its id; "last" is the newest with this custom_id, or without one the newest of a
 * person. NULL: there is none. */
struct sim_post *sim_act_message(struct sim *sim, const char *word, const char *custom_id);
bool sim_act_listens(const struct sim_act *act);

/* act_options.c */
/* The data.options of a command from {"name":value}, checked against its definition. focused: the
 * option being typed, NULL: none. NULL: act->err says what is wrong. Owned. */
cJSON *sim_act_options(struct sim_act *act, const cJSON *definition, const cJSON *given,
                       const char *focused);
/* The id that a word means as a value of this option type (names work as well); 0: none. */
uint64_t sim_act_resolve(struct sim_act *act, int type, const char *word);
/* A message as an interaction shows it. */
void sim_act_resolve_message(struct sim_act *act, const struct sim_post *post);

/* control.c: by name or id; NULL: there is none. */
struct sim_guild *sim_guild_named(struct sim *sim, const char *name);
struct sim_channel *sim_channel_named(struct sim *sim, struct sim_guild *guild, const char *name,
                                      struct sim_guild **where);

/* Each returns an HTTP status with an error in out, or 0: the answer comes when the bot has done
 * something, at the latest after wait_ms of the body. text: it shall be text for people. */
int sim_act_command(struct sim_conn *conn, const cJSON *body, bool text, struct buf *out);
int sim_act_complete(struct sim_conn *conn, const cJSON *body, bool text, struct buf *out);
int sim_act_press(struct sim_conn *conn, const cJSON *body, bool text, struct buf *out);
int sim_act_submit(struct sim_conn *conn, const cJSON *body, bool text, struct buf *out);
/* act_show.c: the newest messages of a channel, the oldest of them first. */
void sim_show_channel(struct sim *sim, uint64_t channel_id, uint64_t last, struct buf *out,
                      bool text);

#endif
