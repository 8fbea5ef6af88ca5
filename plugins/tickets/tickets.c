/* tickets/tickets.c: a button opens a private thread between a member and the staff.
 *
 *     /tickets setup                  posts the button; for who may manage the server
 *     /tickets staff role:@Helpers    who is called into each ticket
 *
 *     [plugin:tickets]                in the INI file, for servers that have not said it
 *     staff = 81384788765712384
 *
 * Button → modal → thread → button that closes it: several steps with Discord in between, minutes
 * or months apart. No step counts on this program's memory. What a button needs is in its
 * custom_id; what an answer of Discord's needs is in the store, under the number of the interaction
 * that began it. So each step goes on after a reload, and after a restart. */
#include <drey/drey.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DETAILS_MAX = 1000, PATH_MAX_BYTES = 64, KEY_MAX = 40 };
#define KEPT_MS UINT64_C(900000) /* an interaction can be answered for 15 minutes */
#define CLOSE_BUTTON                                                                               \
    "[{'type': 1, 'components': [{'type': 2, 'style': 4, 'label': 'Close', "                       \
    "'custom_id': 'tickets:close:%" PRIu64 "'}]}]"

/* Says how it went, in the answer that the user alone sees. error: NULL when it went well. */
static void tell(drey_ctx *ctx, uint64_t interaction, const char *text, const char *error) {
    drey_edit(ctx, interaction,
              drey_write(ctx, "{'content': '%s%s', 'allowed_mentions': {'parse': []}}", text,
                         error != NULL ? error : ""));
}

static void key_of(char *out, const char *what, uint64_t interaction) {
    snprintf(out, KEY_MAX, "%s %" PRIu64, what, interaction);
}

/* ---- Settings ------------------------------------------------------------------------------- */

/* The role that is called into a ticket of this server; 0: none. */
static uint64_t staff_of(drey_ctx *ctx, uint64_t guild) {
    uint64_t role = (uint64_t)drey_kv_int(ctx, guild, "staff");
    const char *standard = drey_config(ctx, "staff");
    return role != 0 || standard == NULL ? role : strtoull(standard, NULL, 10);
}

static void on_staff(drey_ctx *ctx, const drey_event *ev) {
    char digits[24];
    uint64_t role = drey_option_id(ev, "role");
    snprintf(digits, sizeof(digits), "%" PRIu64, role);
    if (drey_kv_set(ctx, ev->guild_id, "staff", digits) < 0) {
        drey_fail(ev, "the staff role could not be stored");
        return;
    }
    drey_reply(ev, drey_write(ctx,
                              "{'content': '<@&%" PRIu64 "> is called into each ticket.', "
                              "'flags': 64, 'allowed_mentions': {'parse': []}}",
                              role));
}

static void on_setup(drey_ctx *ctx, const drey_event *ev) {
    const char *text = drey_option_str(ev, "text");
    drey_defer(ev, DREY_EPHEMERAL); /* the message may have to wait for its turn */
    drey_send(ctx, ev->channel_id,
              drey_write(ctx,
                         "{'content': %s, 'allowed_mentions': {'parse': []}, 'components': ["
                         "{'type': 1, 'components': [{'type': 2, 'style': 1, "
                         "'label': 'Open a ticket', 'custom_id': 'tickets:open'}]}]}",
                         *text != '\0' ? text : "A question for the staff? Ask it here."),
              "set up", ev->id);
}

static void on_set_up(drey_ctx *ctx, uint64_t interaction, const drey_response *response) {
    tell(ctx, interaction, response->result < 0 ? "I cannot write here: " : "There it is.",
         response->error);
}

/* ---- Opening -------------------------------------------------------------------------------- */

static void on_open(drey_ctx *ctx, const drey_event *ev) {
    drey_show_modal(ev, drey_write(ctx, "{'custom_id': 'tickets:new', 'title': 'A new ticket', "
                                        "'components': ["
                                        "{'type': 18, 'label': 'Subject', 'component': {'type': 4, "
                                        "'custom_id': 'subject', 'style': 1, 'max_length': 80}},"
                                        "{'type': 18, 'label': 'Details', 'component': {'type': 4, "
                                        "'custom_id': 'details', 'style': 2, 'max_length': 1000, "
                                        "'required': false}}]}"));
}

/* The answer to this call is one number, its cookie; what belongs to it waits in the store. */
static void on_new(drey_ctx *ctx, const drey_event *ev) {
    char key[KEY_MAX];
    char path[PATH_MAX_BYTES];
    char kept[64 + 4 * DETAILS_MAX];
    key_of(key, "new", ev->id);
    int length = snprintf(kept, sizeof(kept), "%" PRIu64 " %" PRIu64 " %.*s", ev->user_id,
                          ev->guild_id, 4 * DETAILS_MAX, drey_option_str(ev, "details"));
    drey_defer(ev, DREY_EPHEMERAL);
    if (drey_kv_put(ctx, 0, key, kept, (uint64_t)length, KEPT_MS, 0) < 0) {
        tell(ctx, ev->id, "The ticket could not be stored.", NULL);
        return;
    }
    snprintf(path, sizeof(path), "/channels/%" PRIu64 "/threads", ev->channel_id);
    drey_call(ctx, "POST", path,
              drey_write(ctx, "{'name': %s, 'type': 12, 'invitable': false}",
                         drey_option_str(ev, "subject")),
              "thread", ev->id);
}

/* The thread is there, or not. Two messages call the two sides in: Discord adds to a private thread
 * who is mentioned in it. Nobody else is, whatever the details say. */
static void on_thread(drey_ctx *ctx, uint64_t interaction, const drey_response *response) {
    char key[KEY_MAX];
    char *details;
    key_of(key, "new", interaction);
    uint64_t user = strtoull(drey_kv_str(ctx, 0, key), &details, 10);
    uint64_t staff = staff_of(ctx, strtoull(details, &details, 10));
    if (response->result < 0) {
        tell(ctx, interaction, "I cannot make a thread here: ", response->error);
        drey_kv_delete(ctx, 0, key);
        return;
    }
    if (user == 0) {
        return; /* 15 minutes have passed */
    }
    uint64_t thread = drey_json_id(ctx, response->d, "id");
    drey_send(ctx, thread,
              drey_write(ctx,
                         "{'content': '<@%" PRIu64 ">%s', 'allowed_mentions': {'users': "
                         "['%" PRIu64 "']}, 'components': " CLOSE_BUTTON "}",
                         user, details, user, user),
              "opened", interaction);
    if (staff != 0) {
        drey_send(ctx, thread,
                  drey_write(ctx,
                             "{'content': '<@&%" PRIu64 ">', "
                             "'allowed_mentions': {'roles': ['%" PRIu64 "']}}",
                             staff, staff),
                  NULL, 0);
    }
}

static void on_opened(drey_ctx *ctx, uint64_t interaction, const drey_response *response) {
    char key[KEY_MAX];
    char text[64];
    key_of(key, "new", interaction);
    drey_kv_delete(ctx, 0, key);
    snprintf(text, sizeof(text), "Your ticket: <#%" PRIu64 ">",
             drey_json_id(ctx, response->d, "channel_id"));
    tell(ctx, interaction, response->result < 0 ? "I cannot write into the thread: " : text,
         response->error);
}

/* ---- Closing -------------------------------------------------------------------------------- */

/* Whoever opened it, the staff, and who may manage threads anyway. */
static bool may_close(drey_ctx *ctx, const drey_event *ev, uint64_t opener) {
    uint64_t staff = staff_of(ctx, ev->guild_id);
    DREY_EACH(ctx, role, drey_get(ev, "member.roles")) {
        if (staff != 0 && drey_json_id(ctx, role, "") == staff) {
            return true;
        }
    }
    return ev->user_id == opener || (drey_id(ev, "member.permissions") & DREY_MAY_MANAGE_THREADS);
}

static void on_close(drey_ctx *ctx, const drey_event *ev) {
    char key[KEY_MAX];
    char thread[64];
    const char *opener = drey_str(ev, "data.custom_id") + strlen("tickets:close:");
    if (!may_close(ctx, ev, strtoull(opener, NULL, 10))) {
        drey_whisper(ev, "Whoever opened the ticket can close it, and the staff.");
        return;
    }
    key_of(key, "close", ev->id);
    int length = snprintf(thread, sizeof(thread), "%" PRIu64 " %.20s", ev->channel_id, opener);
    if (drey_kv_put(ctx, 0, key, thread, (uint64_t)length, KEPT_MS, 0) < 0) {
        drey_fail(ev, "what is to be closed could not be stored");
        return;
    }
    drey_answer answer = {0};
    answer.size = (uint32_t)sizeof(answer);
    answer.kind = DREY_UPDATE;
    answer.interaction = ev->id;
    answer.json = drey_write(ctx,
                             "{'components': [], 'embeds': [{'description': "
                             "'Closed by <@%" PRIu64 ">.'}]}",
                             ev->user_id);
    answer.name = "noted"; /* nothing can be changed in a thread that is closed: first this */
    answer.cookie = ev->id;
    drey_answer_with(ctx, &answer);
}

static void close_thread(drey_ctx *ctx, uint64_t interaction) {
    char key[KEY_MAX];
    char path[PATH_MAX_BYTES];
    key_of(key, "close", interaction);
    uint64_t thread = strtoull(drey_kv_str(ctx, 0, key), NULL, 10);
    snprintf(path, sizeof(path), "/channels/%" PRIu64, thread);
    drey_call(ctx, "PATCH", path, "{\"archived\":true,\"locked\":true}", "closed", interaction);
}

static void on_noted(drey_ctx *ctx, uint64_t interaction, const drey_response *response) {
    if (response->result < 0) {
        drey_warn(ctx, "the ticket could not be marked as closed: %s", response->error);
    }
    close_thread(ctx, interaction);
}

/* When Discord refuses, the button comes back, and who pressed it is told why. */
static void on_closed(drey_ctx *ctx, uint64_t interaction, const drey_response *response) {
    char key[KEY_MAX];
    char *opener;
    key_of(key, "close", interaction);
    (void)strtoull(drey_kv_str(ctx, 0, key), &opener, 10); /* the thread */
    if (response->result < 0) {
        drey_edit(ctx, interaction,
                  drey_write(ctx, "{'embeds': [], 'components': " CLOSE_BUTTON "}",
                             (uint64_t)strtoull(opener, NULL, 10)));
        drey_follow_up(
            ctx, interaction,
            drey_write(ctx, "{'content': 'I cannot close it: %s', 'flags': 64}", response->error));
    }
    drey_kv_delete(ctx, 0, key);
}

/* ---- Begin ---------------------------------------------------------------------------------- */

/* What the last run of the host left under way; its answers do not come any more. Closing twice is
 * closing, so that is done again. A thread may have been made or not: that is said. */
static int32_t take_up(drey_ctx *ctx, void *user, const drey_value *value) {
    uint64_t interaction = strtoull(strchr(value->key, ' ') + 1, NULL, 10);
    if (strncmp(value->key, "close", 5) == 0) {
        close_thread(ctx, interaction);
    } else {
        tell(ctx, interaction, "I was restarted. Is there no thread of yours? Please ask again.",
             NULL);
        drey_kv_delete(ctx, 0, value->key);
    }
    return 0;
}

static int start(drey_ctx *ctx) {
    if (ctx->generation == 1) { /* after a reload they do come, to the new generation */
        drey_kv_list(ctx, 0, "close ", NULL, 0, 0, take_up, NULL);
        drey_kv_list(ctx, 0, "new ", NULL, 0, 0, take_up, NULL);
    }
    return 0;
}

static int init(drey_ctx *ctx) {
    static const drey_rules often = {sizeof(often), 0, DREY_PER_USER, 3, 600, 0};
    /* The last one is to mention a role that not everybody may mention. */
    drey_permissions(ctx, DREY_MAY_VIEW_CHANNEL | DREY_MAY_SEND_MESSAGES |
                              DREY_MAY_CREATE_PRIVATE_THREADS | DREY_MAY_SEND_MESSAGES_IN_THREADS |
                              DREY_MAY_MANAGE_THREADS | DREY_MAY_MENTION_EVERYONE);
    drey_on_rest(ctx, "set up", on_set_up);
    drey_on_rest(ctx, "thread", on_thread);
    drey_on_rest(ctx, "opened", on_opened);
    drey_on_rest(ctx, "noted", on_noted);
    drey_on_rest(ctx, "closed", on_closed);
    drey_on_interaction(ctx, DREY_COMPONENT, "tickets:open", &often, on_open);
    drey_on_interaction(ctx, DREY_MODAL, "tickets:new", NULL, on_new);
    drey_on_interaction(ctx, DREY_COMPONENT, "tickets:close:", NULL, on_close);
    int result = drey_command(
        ctx,
        "{'name': 'tickets', 'description': 'Private questions to the staff', 'contexts': [0],"
        " 'default_member_permissions': '32', 'options': [" /* 32: manage the server */
        "{'type': 1, 'name': 'setup', 'description': 'Posts the button here', 'options': ["
        "{'type': 3, 'name': 'text', 'description': 'What stands above it', 'max_length': 1000}]},"
        "{'type': 1, 'name': 'staff', 'description': 'Who is called into tickets', 'options': ["
        "{'type': 8, 'name': 'role', 'description': 'A role', 'required': true}]}]}",
        NULL, on_setup);
    return result < 0 ? result
                      : drey_on_interaction(ctx, DREY_SUBCOMMAND, "tickets staff", NULL, on_staff);
}

DREY_PLUGIN_FULL("tickets", "1.0.0", init, start, NULL, NULL, NULL)
