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
/* Finds the place of a direct channel: that with the bot of the body, or with any. False: act->err,
 * there is no bot. */
bool sim_act_direct(struct sim_act *act);
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
/* Which messages of a channel are shown. */
struct sim_history {
    uint64_t channel_id;
    uint64_t last;   /* how many, the newest */
    uint64_t before; /* only such as are older than this id; 0: all */
    uint64_t after;  /* the oldest of those newer than this id, instead of the newest; 0: no */
    uint64_t viewer; /* whose reactions count as "me"; 0: nobody's */
};

/* act_show.c: messages of a channel, the oldest of them first. */
void sim_show_channel(struct sim *sim, const struct sim_history *history, struct buf *out,
                      bool text);
/* person.c: a person says something (with files when the body is multipart), adds a reaction or
 * takes it back, reads a channel. Return the status. */
int sim_person_say(struct sim_conn *conn, const struct sim_request *request, const cJSON *body,
                   struct buf *out);
int sim_person_react(struct sim_conn *conn, const cJSON *body, struct buf *out);
int sim_person_read(struct sim_conn *conn, const cJSON *body, bool text, struct buf *out);
/* look.c: what a screen shows at first: guilds and bots; one guild with its channels, roles and
 * members; the commands that hold in it. */
void sim_look_world(struct sim *sim, struct buf *out);
void sim_look_guild(struct sim *sim, struct sim_guild *guild, struct buf *out);
void sim_look_commands(struct sim *sim, const struct sim_guild *guild, struct buf *out);

#endif
