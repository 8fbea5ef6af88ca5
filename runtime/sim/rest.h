/* sim/rest.h: what the files of the REST side share: one call, the table's row, common answers.
 * [the simulator's loop thread] */
#ifndef SIM_REST_H
#define SIM_REST_H

#include "sim/message_form.h"
#include "sim/multipart.h"
#include "sim/problems.h"
#include "sim/state.h"

enum { SIM_PATH_IDS = 3, SIM_PATH_WORD = 400 };

/* Discord's permission bits that routes ask for. */
#define SIM_MAY_CREATE_INVITE    (UINT64_C(1) << 0)
#define SIM_MAY_KICK             (UINT64_C(1) << 1)
#define SIM_MAY_BAN              (UINT64_C(1) << 2)
#define SIM_MAY_MANAGE_CHANNELS  (UINT64_C(1) << 4)
#define SIM_MAY_MANAGE_GUILD     (UINT64_C(1) << 5)
#define SIM_MAY_ADD_REACTIONS    (UINT64_C(1) << 6)
#define SIM_MAY_VIEW             (UINT64_C(1) << 10)
#define SIM_MAY_SEND             (UINT64_C(1) << 11)
#define SIM_MAY_MANAGE_MESSAGES  (UINT64_C(1) << 13)
#define SIM_MAY_EMBED            (UINT64_C(1) << 14)
#define SIM_MAY_ATTACH           (UINT64_C(1) << 15)
#define SIM_MAY_READ_HISTORY     (UINT64_C(1) << 16)
#define SIM_MAY_MANAGE_NICKNAMES (UINT64_C(1) << 27)
#define SIM_MAY_MANAGE_ROLES     (UINT64_C(1) << 28)
#define SIM_MAY_MANAGE_WEBHOOKS  (UINT64_C(1) << 29)
#define SIM_MAY_MANAGE_THREADS   (UINT64_C(1) << 34)
#define SIM_MAY_CREATE_THREADS   (UINT64_C(1) << 35)

enum sim_route_mark {
    SIM_ROUTE_OPEN = 1 << 0,   /* no token needed; the path may hold one */
    SIM_ROUTE_EXEMPT = 1 << 1, /* from the global limit */
    SIM_ROUTE_TOKEN = 1 << 2,  /* the path's word belongs to the major parameter */
};

struct sim_call {
    struct sim *sim;
    struct sim_conn *conn;
    const struct sim_request *request;
    const struct sim_route *route;
    struct sim_bot *bot; /* NULL on open routes */
    uint64_t ids[SIM_PATH_IDS];
    char words[2][SIM_PATH_WORD]; /* percent-decoded */
    cJSON *body;                  /* NULL: none was sent */
    struct sim_part parts[SIM_PARTS_MOST];
    size_t part_count;
    uint64_t now_ms;
    uint64_t wall_ms;
    struct buf *out; /* the body to fill */
};

/* Returns the HTTP status. */
typedef int sim_route_fn(struct sim_call *call);

struct sim_route {
    const char *method;
    const char *path; /* a star stands for an id, a colon for a word */
    unsigned marks;
    uint64_t needs; /* permissions in the guild or channel that the path names first */
    uint32_t limit; /* requests ... */
    uint32_t per_ms;
    sim_route_fn *run;
};

struct sim_route_table {
    const struct sim_route *rows;
    size_t count;
};

extern const struct sim_route_table sim_routes_basic;
extern const struct sim_route_table sim_routes_messages;
extern const struct sim_route_table sim_routes_reactions;
extern const struct sim_route_table sim_routes_commands;
extern const struct sim_route_table sim_routes_interactions;
extern const struct sim_route_table sim_routes_webhooks;
extern const struct sim_route_table sim_routes_guild;
extern const struct sim_route_table sim_routes_channels;
extern const struct sim_route_table sim_routes_threads;
extern const struct sim_route_table sim_routes_members;

/* Where messages can be: a guild's channel, or a direct one. */
struct sim_place {
    uint64_t id;
    struct sim_guild *guild;     /* NULL: direct */
    struct sim_channel *channel; /* NULL: direct */
    const struct sim_user *user; /* of a direct channel */
};

/* {"message":...,"code":...}; returns status. */
int sim_fail(struct sim_call *call, int status, int code, const char *message);
/* 400 with what is wrong; finishes the problems. */
int sim_fail_form(struct sim_call *call, struct sim_problems *problems);
/* Puts the object into the answer and deletes it; returns status, or 500. */
int sim_give(struct sim_call *call, int status, cJSON *object);
/* A parameter of the query into out; false: it is not there. */
bool sim_query(const struct sim_call *call, const char *key, char *out, size_t size);
uint64_t sim_query_id(const struct sim_call *call, const char *key);
/* A number of the query in a range; otherwise when it is missing. False: it is wrong (answered). */
bool sim_query_number(struct sim_call *call, const char *key, uint64_t least, uint64_t most,
                      uint64_t otherwise, uint64_t *value);
bool sim_query_true(const struct sim_call *call, const char *key);
/* JSON text as an object, as cJSON holds it; NULL: no memory. Owned. */
cJSON *sim_parse_buf(struct buf *json);
bool sim_print(struct buf *out, const cJSON *object);
void sim_add_id(cJSON *object, const char *key, uint64_t id);

/* place.c */
/* False: answered with 10003 or 50001. */
bool sim_call_place(struct sim_call *call, uint64_t channel_id, struct sim_place *place);
bool sim_find_place(struct sim *sim, const struct sim_bot *bot, uint64_t channel_id,
                    struct sim_place *place);
/* The direct channel of a bot and a user. */
uint64_t sim_direct_channel(const struct sim_bot *bot, const struct sim_user *user);
/* Permissions that bots lack there. */
uint64_t sim_denied(const struct sim *sim, const struct sim_place *place);
uint64_t sim_denied_at(const struct sim *sim, uint64_t place_id);
/* False: answered with 50013 or 50001. */
bool sim_call_may(struct sim_call *call, const struct sim_place *place, uint64_t needs);
/* 0: there is none of this name. */
uint64_t sim_permission_named(const char *name);

/* tell.c: events of what REST requests have done. json: the d; bare: without content, NULL when
 * there is no difference; sees: the bot that has the content anyway. */
void sim_tell(struct sim *sim, enum sim_event event, const struct sim_guild *guild, uint64_t only,
              const struct buf *json);
/* MESSAGE_CREATE or MESSAGE_UPDATE of a stored message. */
void sim_tell_post(struct sim *sim, const struct sim_post *post, enum sim_event event);
void sim_tell_gone(struct sim *sim, const struct sim_place *place, uint64_t message_id,
                   uint64_t only);
struct sim_bot *sim_bot_numbered(struct sim *sim, uint64_t user_id);

/* posts.c: making and changing messages, whoever asks. */
struct sim_author {
    const struct sim_user *user; /* a person, NULL: none; then bot is who is at the other end of a
                                    direct channel */
    const struct sim_bot *bot;
    const char *webhook_name;       /* NULL: the bot itself */
    uint64_t webhook_id;            /* 0: none */
    const char *avatar;             /* of the webhook's execution, may be NULL */
    struct sim_interaction *answer; /* NULL: no answer to an interaction */
};

/* A new message of this form; tells it, unless it is ephemeral. NULL: answered with an error,
 * whose status is in *status. */
struct sim_post *sim_post_make(struct sim_call *call, const struct sim_place *place,
                               const struct sim_author *author, const struct sim_message_form *form,
                               int *status);
/* Changes it and tells. Returns 200, or an error's status (answered). */
int sim_post_edit(struct sim_call *call, const struct sim_place *place, struct sim_post *post,
                  const struct sim_message_form *form);
/* Removes and tells. */
void sim_post_drop(struct sim *sim, const struct sim_place *place, struct sim_post *post,
                   uint64_t only);
/* The files of the request as attachments, in Discord's form; false: answered. count: how many. */
bool sim_take_files(struct sim_call *call, uint64_t channel_id, const cJSON *listed,
                    cJSON **attachments, int *status);
size_t sim_file_count(const struct sim_call *call);
/* rest_reactions.c: somebody adds a reaction or takes it back, by its character or "name:id". */
bool sim_react(struct sim *sim, const struct sim_place *place, struct sim_post *post,
               const char *emoji, uint64_t user, bool add, struct err *err);
/* rest_interactions.c: the routes of a webhook whose token is an interaction's. */
int sim_interaction_follow_up(struct sim_call *call);
int sim_interaction_get(struct sim_call *call);
int sim_interaction_patch(struct sim_call *call);
int sim_interaction_delete(struct sim_call *call);

/* Users as others see them. Owned; NULL: no memory. */
cJSON *sim_bot_user(const struct sim_self *self);
cJSON *sim_user_object(const struct sim_user *user);
/* A time in ISO 8601, in place of what is there. */
void sim_add_time(cJSON *object, const char *key, uint64_t wall_ms);
/* Gives a message as REST shows it. */
int sim_give_post(struct sim_call *call, int status, const struct sim_post *post);

#endif
