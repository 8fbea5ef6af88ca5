/* sim/rest_reactions.c: reactions and pins. */
#include "sim/rest.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct emoji {
    char name[SIM_EMOJI_SIZE];
    uint64_t id;
};

/* "name:id", or the character itself. False: it is neither. */
static bool read_emoji(const char *text, struct emoji *emoji) {
    const char *colon = strchr(text, ':');
    emoji->id = 0;
    if (colon != NULL) {
        size_t length = (size_t)(colon - text);
        if (length >= sizeof(emoji->name) || !text_u64(colon + 1, &emoji->id)) {
            return false;
        }
        memcpy(emoji->name, text, length);
        emoji->name[length] = '\0';
        return emoji->id != 0;
    }
    /* Every emoji lies beyond ASCII, but for keycaps, which end there. */
    bool beyond = false;
    for (const char *at = text; *at != '\0'; at++) {
        beyond = beyond || (unsigned char)*at >= 0x80;
    }
    return beyond && text_utf8_valid(text, strlen(text)) && sim_characters(text) <= 16 &&
           text_copy(emoji->name, sizeof(emoji->name), text);
}

/* Finds the message and reads the emoji. NULL: answered. */
static struct sim_post *target(struct sim_call *call, struct sim_place *place, struct emoji *emoji,
                               int *status) {
    if (!sim_call_place(call, call->ids[0], place)) {
        *status = place->channel != NULL || place->user != NULL ? 403 : 404;
        return NULL;
    }
    struct sim_post *post = sim_store_find(call->sim->store, place->id, call->ids[1]);
    if (post == NULL || post->ephemeral) {
        *status = sim_fail(call, 404, 10008, "Unknown Message");
        return NULL;
    }
    if (emoji != NULL && !read_emoji(call->words[0], emoji)) {
        *status = sim_fail(call, 400, 10014, "Unknown Emoji");
        return NULL;
    }
    return post;
}

static void render_emoji(struct buf *json, const struct emoji *emoji) {
    buf_text(json, ",\"emoji\":{\"name\":\"");
    buf_json_text(json, emoji->name, strlen(emoji->name));
    if (emoji->id != 0) {
        buf_printf(json, "\",\"id\":\"%" PRIu64 "\"}", emoji->id);
    } else {
        buf_text(json, "\",\"id\":null}");
    }
}

/* MESSAGE_REACTION_ADD and the three ways to remove. user 0: not of one user. */
static void tell(struct sim *sim, enum sim_event event, const struct sim_place *place,
                 const struct sim_post *post, const struct emoji *emoji, uint64_t user) {
    struct buf json = {0};
    buf_printf(&json, "{\"message_id\":\"%" PRIu64 "\",\"channel_id\":\"%" PRIu64 "\"", post->id,
               place->id);
    if (place->guild != NULL) {
        buf_printf(&json, ",\"guild_id\":\"%" PRIu64 "\"", place->guild->id);
    }
    if (emoji != NULL) {
        render_emoji(&json, emoji);
    }
    if (user != 0) {
        buf_printf(&json, ",\"user_id\":\"%" PRIu64 "\",\"type\":0,\"burst\":false", user);
    }
    if (event == SIM_MESSAGE_REACTION_ADD) {
        buf_printf(&json, ",\"message_author_id\":\"%" PRIu64 "\"", post->author_id);
        const struct sim_bot *bot = sim_bot_numbered(sim, user);
        const struct sim_member *member =
            place->guild != NULL ? sim_guild_member(place->guild, sim->world, user) : NULL;
        if (place->guild != NULL && (bot != NULL || member != NULL)) {
            buf_text(&json, ",\"member\":");
            if (bot != NULL) {
                sim_render_self_member(&json, place->guild, &bot->self);
            } else {
                sim_render_member(&json, place->guild, member, sim_world_user(sim->world, user));
            }
        }
    }
    buf_text(&json, "}");
    sim_tell(sim, event, place->guild, post->only, &json);
    buf_finish(&json);
}

bool sim_react(struct sim *sim, const struct sim_place *place, struct sim_post *post,
               const char *text, uint64_t user, bool add, struct err *err) {
    struct emoji emoji;
    bool full = false;
    if (!read_emoji(text, &emoji)) {
        return err_set(err, ERR_INVALID, "'%.40s' is no emoji", text);
    }
    if (!add) {
        if (sim_post_unreact(post, emoji.name, emoji.id, user)) {
            tell(sim, SIM_MESSAGE_REACTION_REMOVE, place, post, &emoji, user);
        }
        return true;
    }
    if (sim_post_react(post, emoji.name, emoji.id, user, &full)) {
        tell(sim, SIM_MESSAGE_REACTION_ADD, place, post, &emoji, user);
    }
    return !full || err_set(err, ERR_LIMIT, "it has %d different reactions, no more are possible",
                            SIM_REACTIONS_MOST);
}

static int put_reaction(struct sim_call *call) {
    struct sim_place place;
    struct emoji emoji;
    int status = 500;
    bool full;
    struct sim_post *post = target(call, &place, &emoji, &status);
    if (post == NULL) {
        return status;
    }
    /* Who may not add a new one may still join one that is there. */
    if (sim_post_reaction(post, emoji.name, emoji.id) == NULL &&
        !sim_call_may(call, &place, SIM_MAY_ADD_REACTIONS)) {
        return 403;
    }
    if (sim_post_react(post, emoji.name, emoji.id, call->bot->self.id, &full)) {
        tell(call->sim, SIM_MESSAGE_REACTION_ADD, &place, post, &emoji, call->bot->self.id);
    } else if (full) {
        return sim_fail(call, 400, 30010, "Maximum number of reactions reached (20)");
    }
    return 204;
}

static int remove_reaction(struct sim_call *call, uint64_t user) {
    struct sim_place place;
    struct emoji emoji;
    int status = 500;
    struct sim_post *post = target(call, &place, &emoji, &status);
    if (post == NULL) {
        return status;
    }
    if (user != call->bot->self.id && !sim_call_may(call, &place, SIM_MAY_MANAGE_MESSAGES)) {
        return 403;
    }
    if (sim_post_unreact(post, emoji.name, emoji.id, user)) {
        tell(call->sim, user != 0 ? SIM_MESSAGE_REACTION_REMOVE : SIM_MESSAGE_REACTION_REMOVE_EMOJI,
             &place, post, &emoji, user);
    }
    return 204;
}

static int delete_own_reaction(struct sim_call *call) {
    return remove_reaction(call, call->bot->self.id);
}

static int delete_user_reaction(struct sim_call *call) {
    return remove_reaction(call, call->ids[2]);
}

static int delete_emoji_reactions(struct sim_call *call) {
    return remove_reaction(call, 0);
}

static int delete_reactions(struct sim_call *call) {
    struct sim_place place;
    int status = 500;
    struct sim_post *post = target(call, &place, NULL, &status);
    if (post == NULL) {
        return status;
    }
    sim_post_clear_reactions(post);
    tell(call->sim, SIM_MESSAGE_REACTION_REMOVE_ALL, &place, post, NULL, 0);
    return 204;
}

static int get_reactions(struct sim_call *call) {
    struct sim_place place;
    struct emoji emoji;
    int status = 500;
    uint64_t limit;
    uint64_t after = sim_query_id(call, "after");
    struct sim_post *post = target(call, &place, &emoji, &status);
    if (post == NULL || !sim_query_number(call, "limit", 1, 100, 25, &limit)) {
        return post == NULL ? status : 400;
    }
    const struct sim_reaction *reaction = sim_post_reaction(post, emoji.name, emoji.id);
    cJSON *list = cJSON_CreateArray();
    for (uint32_t i = 0; reaction != NULL && i < reaction->count; i++) {
        const struct sim_bot *bot = sim_bot_numbered(call->sim, reaction->users[i]);
        const struct sim_user *user = sim_world_user(call->sim->world, reaction->users[i]);
        if (reaction->users[i] > after && (uint64_t)cJSON_GetArraySize(list) < limit) {
            cJSON *object = bot != NULL    ? sim_bot_user(&bot->self)
                            : user != NULL ? sim_user_object(user)
                                           : NULL;
            cJSON_AddItemToArray(list, object);
        }
    }
    return sim_give(call, 200, list);
}

static void tell_pins(struct sim_call *call, const struct sim_place *place) {
    struct buf json = {0};
    buf_printf(&json, "{\"channel_id\":\"%" PRIu64 "\"", place->id);
    if (place->guild != NULL) {
        buf_printf(&json, ",\"guild_id\":\"%" PRIu64 "\"", place->guild->id);
    }
    buf_text(&json, ",\"last_pin_timestamp\":");
    sim_render_time(&json, call->wall_ms);
    buf_text(&json, "}");
    sim_tell(call->sim, SIM_CHANNEL_PINS_UPDATE, place->guild,
             place->guild == NULL ? call->bot->self.id : 0, &json);
    buf_finish(&json);
}

static int set_pin(struct sim_call *call, bool pinned) {
    struct sim_place place;
    int status = 500;
    struct sim_post *post = target(call, &place, NULL, &status);
    if (post == NULL) {
        return status;
    }
    if (post->pinned == pinned) {
        return 204;
    }
    if (pinned && post->log->pins >= SIM_PINS_MOST) {
        return sim_fail(call, 400, 30003, "Maximum number of pins reached for the channel (250)");
    }
    post->pinned = pinned;
    post->log->pins += pinned ? 1U : -1U;
    sim_tell_post(call->sim, post, SIM_MESSAGE_UPDATE);
    tell_pins(call, &place);
    return 204;
}

static int put_pin(struct sim_call *call) {
    return set_pin(call, true);
}

static int delete_pin(struct sim_call *call) {
    return set_pin(call, false);
}

/* The old route lists messages, the new one items with the time of pinning. */
static int list_pins(struct sim_call *call, bool items) {
    struct sim_place place;
    if (!sim_call_place(call, call->ids[0], &place)) {
        return place.channel != NULL || place.user != NULL ? 403 : 404;
    }
    cJSON *list = cJSON_CreateArray();
    const struct sim_log *log = sim_store_log(call->sim->store, place.id);
    for (const struct sim_post *at = log != NULL ? log->newest : NULL; at != NULL; at = at->older) {
        if (!at->pinned || cJSON_GetArraySize(list) >= 50) {
            continue;
        }
        cJSON *message = sim_post_object(at, call->bot->self.id);
        cJSON *item = items ? cJSON_CreateObject() : message;
        if (items) {
            sim_add_time(item, "pinned_at", call->wall_ms);
            cJSON_AddItemToObject(item, "message", message);
        }
        cJSON_AddItemToArray(list, item);
    }
    if (!items) {
        return sim_give(call, 200, list);
    }
    cJSON *object = cJSON_CreateObject();
    cJSON_AddItemToObject(object, "items", list);
    cJSON_AddBoolToObject(object, "has_more", false);
    return sim_give(call, 200, object);
}

static int get_pins(struct sim_call *call) {
    return list_pins(call, false);
}

static int get_pin_items(struct sim_call *call) {
    return list_pins(call, true);
}

static const struct sim_route rows[] = {
    {"PUT", "/channels/*/messages/*/reactions/:/@me", 0, SIM_MAY_READ_HISTORY, 1, 250,
     put_reaction},
    {"DELETE", "/channels/*/messages/*/reactions/:/@me", 0, 0, 1, 250, delete_own_reaction},
    {"DELETE", "/channels/*/messages/*/reactions/:/*", 0, 0, 1, 250, delete_user_reaction},
    {"DELETE", "/channels/*/messages/*/reactions/:", 0, 0, 1, 250, delete_emoji_reactions},
    {"DELETE", "/channels/*/messages/*/reactions", 0, SIM_MAY_MANAGE_MESSAGES, 1, 250,
     delete_reactions},
    {"GET", "/channels/*/messages/*/reactions/:", 0, SIM_MAY_READ_HISTORY, 5, 1000, get_reactions},
    {"GET", "/channels/*/messages/pins", 0, SIM_MAY_READ_HISTORY, 5, 1000, get_pin_items},
    {"PUT", "/channels/*/messages/pins/*", 0, SIM_MAY_MANAGE_MESSAGES, 5, 5000, put_pin},
    {"DELETE", "/channels/*/messages/pins/*", 0, SIM_MAY_MANAGE_MESSAGES, 5, 5000, delete_pin},
    {"GET", "/channels/*/pins", 0, SIM_MAY_READ_HISTORY, 5, 1000, get_pins},
    {"PUT", "/channels/*/pins/*", 0, SIM_MAY_MANAGE_MESSAGES, 5, 5000, put_pin},
    {"DELETE", "/channels/*/pins/*", 0, SIM_MAY_MANAGE_MESSAGES, 5, 5000, delete_pin},
};

const struct sim_route_table sim_routes_reactions = {rows, sizeof(rows) / sizeof(rows[0])};
