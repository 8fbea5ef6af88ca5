/* drey/interaction.h: slash commands and their kin, buttons, selects, modals, and how they are
 * answered. Included by drey.h.
 *
 * A handler gets the INTERACTION_CREATE event. The event's id is the handle of the interaction: a
 * number that can be kept, also over a reload or a restart, for as long as Discord allows (15
 * minutes). The token stays with the host, which also watches the time: Discord waits 3 seconds
 * for the first answer. Answers are asynchronous; what Discord does not take is in the log, and
 * told to the function named in drey_answer. */
#ifndef DREY_INTERACTION_H
#define DREY_INTERACTION_H

#ifndef DREY_DREY_H
#error "include <drey/drey.h>"
#endif

/* What drey_on_interaction() is for. */
#define DREY_SUBCOMMAND   1u /* name: "poll create": a subcommand of a command declared here */
#define DREY_COMPONENT    2u /* name: how the custom_id of buttons and selects begins */
#define DREY_MODAL        3u /* name: how the custom_id of the modal begins */
#define DREY_AUTOCOMPLETE 4u /* name: of the command: "poll" */

/* drey_rules.flags */
#define DREY_AUTO_DEFER 1u /* no answer after 2 s: the host defers, and later answers fit in */
#define DREY_EPHEMERAL  2u /* only the user sees it: of that deferral, and of drey_defer() */

#define DREY_PER_USER    1u /* drey_rules.per */
#define DREY_PER_GUILD   2u
#define DREY_PER_CHANNEL 3u
#define DREY_PER_BOT     4u

/* What the host does about a command or component before and beside its handler. */
struct drey_rules {
    uint32_t size;
    uint32_t flags;
    uint32_t
        per; /* cooldown: at most `uses` in any `seconds` per user ...; 0: none. Whoever must */
    uint32_t uses; /* wait is told so by the host */
    uint32_t seconds;
    uint32_t reserved;
};

/* Declares an application command: json is Discord's command object ({'name': 'ping',
 * 'description': 'Shows how fast the bot is'}; 'type': 2 and 3 are user and message commands,
 * 'options' may hold subcommands). All rules of Discord are checked here. The host publishes
 * the commands of all plugins together, when something has changed. fn also gets subcommands that
 * have no function of their own. rules: NULL for none. [init] */
static inline int32_t drey_command(drey_ctx *ctx, const char *json, const drey_rules *rules,
                                   drey_event_fn fn) {
    return ctx->host->command(ctx, json, rules, fn);
}

/* A function for what is not a command as a whole, see DREY_SUBCOMMAND and the others. The longest
 * name that fits wins. custom_ids live in messages for years: they find their function after any
 * reload or restart, if they begin alike. [init] */
static inline int32_t drey_on_interaction(drey_ctx *ctx, uint32_t kind, const char *name,
                                          const drey_rules *rules, drey_event_fn fn) {
    return ctx->host->on_interaction(ctx, kind, name, rules, fn);
}

/* ---- What the user said [serial] ----------------------------------------------------------- */

/* The value of the option of this name, whatever subcommand it belongs to, or of the field of a
 * modal with this custom_id; DREY_JSON_NONE when it was left out. */
static inline drey_json drey_option(const drey_event *ev, const char *name) {
    return ev->ctx->host->option(ev->ctx, ev->d, name);
}
static inline const char *drey_option_str(const drey_event *ev, const char *name) {
    return drey_json_str(ev->ctx, drey_option(ev, name), "");
}
static inline int64_t drey_option_int(const drey_event *ev, const char *name) {
    return drey_json_int(ev->ctx, drey_option(ev, name), "");
}
static inline double drey_option_number(const drey_event *ev, const char *name) {
    return drey_json_number(ev->ctx, drey_option(ev, name), "");
}
static inline int32_t drey_option_bool(const drey_event *ev, const char *name) {
    return drey_json_bool(ev->ctx, drey_option(ev, name), "");
}
/* Of a user, channel, role, mentionable or attachment; what it is: data.resolved. */
static inline uint64_t drey_option_id(const drey_event *ev, const char *name) {
    return drey_json_id(ev->ctx, drey_option(ev, name), "");
}

/* ---- Answers [serial, from start on] ------------------------------------------------------- */

#define DREY_REPLY            1u  /* json: a message ('flags': 64 for the user alone) */
#define DREY_DEFER            2u  /* "is thinking ..."; flags: DREY_EPHEMERAL */
#define DREY_DEFER_UPDATE     3u  /* of a component: the message may change later */
#define DREY_UPDATE           4u  /* of a component: changes its message; json: a message */
#define DREY_SHOW_MODAL       5u  /* json: a modal */
#define DREY_CHOICES          6u  /* to DREY_AUTOCOMPLETE; json: an array of choices */
#define DREY_EDIT             7u  /* changes the first answer; json: a message */
#define DREY_DELETE           8u  /* takes it back */
#define DREY_FOLLOW_UP        9u  /* one more message; json: a message */
#define DREY_EDIT_FOLLOW_UP   10u /* json: a message; message_id */
#define DREY_DELETE_FOLLOW_UP 11u /* message_id */
#define DREY_FAIL             12u /* json: why, in plain words for the log; the user sees a reference */

struct drey_answer {
    uint32_t size;
    uint32_t kind; /* DREY_REPLY ... */
    uint64_t interaction;
    uint64_t message_id;
    const char *json;
    uint32_t flags;
    uint32_t file_count; /* with messages */
    const drey_file *files;
    const char *name; /* of drey_on_rest(): is told how it went (the body is the message where
                         Discord shows it); NULL: nobody is, failures are logged */
    uint64_t cookie;
};

/* Any answer. Result: its number, the end comes exactly once: to the function of this name, or,
 * when it failed, into the log, which names the command and the rule (answered twice, too late); or
 * DREY_E_*, with a line in the log: malformed, nothing was sent. answer: copied. It cannot be taken
 * back. */
static inline int64_t drey_answer_with(drey_ctx *ctx, const drey_answer *answer) {
    return ctx->host->answer(ctx, answer);
}

/* The short form. interaction: ev->id. */
static inline int64_t drey_answer_kind(drey_ctx *ctx, uint64_t interaction, uint32_t kind,
                                       const char *json, uint32_t flags) {
    drey_answer answer = {
        (uint32_t)sizeof(drey_answer), kind, interaction, 0, json, flags, 0, NULL, NULL, 0};
    return drey_answer_with(ctx, &answer);
}
static inline int64_t drey_reply(const drey_event *ev, const char *json) {
    return drey_answer_kind(ev->ctx, ev->id, DREY_REPLY, json, 0);
}
static inline int64_t drey_reply_text(const drey_event *ev, const char *text) {
    return drey_reply(ev, drey_write(ev->ctx, "{'content': %s}", text));
}
/* For the user alone. */
static inline int64_t drey_whisper(const drey_event *ev, const char *text) {
    return drey_reply(ev, drey_write(ev->ctx, "{'content': %s, 'flags': 64}", text));
}
static inline int64_t drey_defer(const drey_event *ev, uint32_t flags) {
    return drey_answer_kind(ev->ctx, ev->id, DREY_DEFER, NULL, flags);
}
static inline int64_t drey_update(const drey_event *ev, const char *json) {
    return drey_answer_kind(ev->ctx, ev->id, DREY_UPDATE, json, 0);
}
static inline int64_t drey_show_modal(const drey_event *ev, const char *json) {
    return drey_answer_kind(ev->ctx, ev->id, DREY_SHOW_MODAL, json, 0);
}
static inline int64_t drey_choices(const drey_event *ev, const char *json) {
    return drey_answer_kind(ev->ctx, ev->id, DREY_CHOICES, json, 0);
}
static inline int64_t drey_edit(drey_ctx *ctx, uint64_t interaction, const char *json) {
    return drey_answer_kind(ctx, interaction, DREY_EDIT, json, 0);
}
static inline int64_t drey_follow_up(drey_ctx *ctx, uint64_t interaction, const char *json) {
    return drey_answer_kind(ctx, interaction, DREY_FOLLOW_UP, json, 0);
}
/* What went wrong, for the log; the user is told that something did, with a reference that stands
 * in the log too. */
static inline int64_t drey_fail(const drey_event *ev, const char *why) {
    return drey_answer_kind(ev->ctx, ev->id, DREY_FAIL, why, 0);
}

#endif
