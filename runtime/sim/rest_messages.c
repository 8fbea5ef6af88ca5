/* sim/rest_messages.c: messages in channels: list, read, send, edit, delete, typing. */
#include "sim/rest.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Two weeks: older messages cannot be deleted in bulk. */
#define BULK_AGE_MS UINT64_C(1209600000)

enum { BULK_MOST = 100 };

/* The message that the path names, in a place that the bot may see. NULL: answered. */
static struct sim_post *post_of(struct sim_call *call, struct sim_place *place, int *status) {
    if (!sim_call_place(call, call->ids[0], place)) {
        *status = place->channel != NULL || place->user != NULL ? 403 : 404;
        return NULL;
    }
    struct sim_post *post = sim_store_find(call->sim->store, place->id, call->ids[1]);
    if (post == NULL || post->ephemeral) {
        *status = sim_fail(call, 404, 10008, "Unknown Message");
        return NULL;
    }
    return post;
}

static bool holds_text(const struct sim_place *place) {
    return place->channel == NULL || place->channel->type != SIM_CHANNEL_CATEGORY;
}

static int post_message(struct sim_call *call) {
    struct sim_message_form form;
    struct sim_place place;
    struct sim_author author = {.bot = call->bot};
    const struct sim_where top = {""};
    int status = 500;
    if (!sim_call_place(call, call->ids[0], &place)) {
        return place.channel != NULL || place.user != NULL ? 403 : 404;
    }
    if (!holds_text(&place)) {
        return sim_fail(call, 400, 50008, "Cannot send messages in a non-text channel");
    }
    cJSON *none = call->body == NULL ? cJSON_CreateObject() : NULL; /* files alone */
    sim_message_form_read(
        &form, call->body != NULL ? call->body : none, &top,
        SIM_FLAG_SUPPRESS_EMBEDS | SIM_FLAG_SUPPRESS_NOTIFICATIONS | SIM_FLAG_COMPONENTS_V2, 0);
    if (form.problems.count > 0) {
        status = sim_fail_form(call, &form.problems);
    } else {
        const struct sim_post *post = sim_post_make(call, &place, &author, &form, &status);
        status = post != NULL ? sim_give_post(call, 200, post) : status;
    }
    sim_message_form_finish(&form);
    cJSON_Delete(none);
    return status;
}

static int get_message(struct sim_call *call) {
    struct sim_place place;
    int status = 500;
    const struct sim_post *post = post_of(call, &place, &status);
    return post != NULL ? sim_give_post(call, 200, post) : status;
}

static int patch_message(struct sim_call *call) {
    struct sim_place place;
    struct sim_message_form form;
    const struct sim_where top = {""};
    int status = 500;
    struct sim_post *post = post_of(call, &place, &status);
    if (post == NULL) {
        return status;
    }
    if (post->author_id != call->bot->self.id) {
        return sim_fail(call, 403, 50005, "Cannot edit a message authored by another user");
    }
    cJSON *none = call->body == NULL ? cJSON_CreateObject() : NULL;
    sim_message_form_read(&form, call->body != NULL ? call->body : none, &top,
                          SIM_FLAG_SUPPRESS_EMBEDS | SIM_FLAG_COMPONENTS_V2, 0);
    status = form.problems.count > 0 ? sim_fail_form(call, &form.problems)
                                     : sim_post_edit(call, &place, post, &form);
    sim_message_form_finish(&form);
    cJSON_Delete(none);
    return status == 200 ? sim_give_post(call, 200, post) : status;
}

static int delete_message(struct sim_call *call) {
    struct sim_place place;
    int status = 500;
    struct sim_post *post = post_of(call, &place, &status);
    if (post == NULL) {
        return status;
    }
    bool own = post->author_id == call->bot->self.id;
    if (!own && place.guild == NULL) {
        return sim_fail(call, 403, 50003, "Cannot execute action on a DM channel");
    }
    if (!own && !sim_call_may(call, &place, SIM_MAY_MANAGE_MESSAGES)) {
        return 403;
    }
    sim_post_drop(call->sim, &place, post, post->only);
    return 204;
}

/* The newest message of the range: below `before`, or the one from which to walk for `after`. */
static const struct sim_post *range_start(const struct sim_log *log, uint64_t before,
                                          uint64_t after, uint64_t limit) {
    const struct sim_post *at = log->newest;
    if (after != 0) { /* the oldest `limit` after it */
        for (at = log->oldest; at != NULL && at->id <= after; at = at->newer) {
        }
        for (uint64_t i = 1; at != NULL && at->newer != NULL && i < limit;) {
            at = at->newer;
            i += at->ephemeral ? 0 : 1;
        }
        return at;
    }
    while (at != NULL && before != 0 && at->id >= before) {
        at = at->older;
    }
    return at;
}

static void add_posts(const struct sim_call *call, const struct sim_post *at, uint64_t after,
                      uint64_t limit, cJSON *list) {
    for (uint64_t count = 0; at != NULL && count < limit && at->id > after; at = at->older) {
        if (!at->ephemeral) {
            cJSON_AddItemToArray(list, sim_post_object(at, call->bot->self.id));
            count++;
        }
    }
}

static int get_messages(struct sim_call *call) {
    struct sim_place place;
    uint64_t limit;
    uint64_t before = sim_query_id(call, "before");
    uint64_t after = sim_query_id(call, "after");
    uint64_t around = sim_query_id(call, "around");
    if (!sim_call_place(call, call->ids[0], &place)) {
        return place.channel != NULL || place.user != NULL ? 403 : 404;
    }
    if (!sim_query_number(call, "limit", 1, 100, 50, &limit)) {
        return 400;
    }
    cJSON *list = cJSON_CreateArray();
    const struct sim_log *log = sim_store_log(call->sim->store, place.id);
    if (log != NULL && around != 0) {
        uint64_t half = limit / 2;
        add_posts(call, range_start(log, 0, around, half), around, half, list);
        add_posts(call, range_start(log, around + 1, 0, limit), 0, limit - half, list);
    } else if (log != NULL) {
        add_posts(call, range_start(log, before, after, limit), after, limit, list);
    }
    return sim_give(call, 200, list);
}

/* Checks the list of a bulk delete; fills ids. 0, or the status (answered). */
static int read_bulk(struct sim_call *call, uint64_t *ids, int *count) {
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    const cJSON *list = sim_field_list(&problems, call->body, &top, "messages", BULK_MOST);
    const cJSON *item;
    if (problems.count > 0) {
        return sim_fail_form(call, &problems);
    }
    if (cJSON_GetArraySize(list) < 2) {
        return sim_fail(call, 400, 50016,
                        "Provided too few or too many messages to delete. Must provide at least 2 "
                        "and fewer than 100 messages to delete");
    }
    cJSON_ArrayForEach(item, list) {
        uint64_t id = 0;
        if (!cJSON_IsString(item) || !text_u64(item->valuestring, &id)) {
            sim_problem(&problems, &top, "messages", "NUMBER_TYPE_COERCE",
                        "Value is not snowflake.");
            return sim_fail_form(call, &problems);
        }
        if (sim_id_wall_ms(id) + BULK_AGE_MS < call->wall_ms) {
            return sim_fail(call, 400, 50034,
                            "You can only bulk delete messages that are under 14 days old.");
        }
        ids[(*count)++] = id;
    }
    return 0;
}

static int bulk_delete(struct sim_call *call) {
    struct sim_place place;
    uint64_t ids[BULK_MOST];
    int count = 0;
    struct buf json = {0};
    if (!sim_call_place(call, call->ids[0], &place)) {
        return place.channel != NULL || place.user != NULL ? 403 : 404;
    }
    if (place.guild == NULL) {
        return sim_fail(call, 403, 50003, "Cannot execute action on a DM channel");
    }
    int status = read_bulk(call, ids, &count);
    if (status != 0) {
        return status;
    }
    buf_text(&json, "{\"ids\":[");
    for (int i = 0; i < count; i++) {
        struct sim_post *post = sim_store_find(call->sim->store, place.id, ids[i]);
        buf_printf(&json, "%s\"%" PRIu64 "\"", i > 0 ? "," : "", ids[i]);
        if (post != NULL && !post->ephemeral) {
            sim_store_remove(call->sim->store, post);
        }
    }
    buf_printf(&json, "],\"channel_id\":\"%" PRIu64 "\",\"guild_id\":\"%" PRIu64 "\"}", place.id,
               place.guild->id);
    sim_tell(call->sim, SIM_MESSAGE_DELETE_BULK, place.guild, 0, &json);
    buf_finish(&json);
    return 204;
}

static int post_typing(struct sim_call *call) {
    struct sim_place place;
    struct buf json = {0};
    if (!sim_call_place(call, call->ids[0], &place)) {
        return place.channel != NULL || place.user != NULL ? 403 : 404;
    }
    buf_printf(&json,
               "{\"user_id\":\"%" PRIu64 "\",\"timestamp\":%" PRIu64 ",\"channel_id\":\"%" PRIu64
               "\"",
               call->bot->self.id, call->wall_ms / 1000, place.id);
    if (place.guild != NULL) {
        buf_printf(&json, ",\"guild_id\":\"%" PRIu64 "\",\"member\":", place.guild->id);
        sim_render_self_member(&json, place.guild, &call->bot->self);
    }
    buf_text(&json, "}");
    sim_tell(call->sim, SIM_TYPING_START, place.guild, place.guild == NULL ? call->bot->self.id : 0,
             &json);
    buf_finish(&json);
    return 204;
}

static const struct sim_route rows[] = {
    {"GET", "/channels/*/messages", 0, SIM_MAY_READ_HISTORY, 5, 1000, get_messages},
    {"POST", "/channels/*/messages", 0, SIM_MAY_SEND, 5, 5000, post_message},
    {"GET", "/channels/*/messages/*", 0, SIM_MAY_READ_HISTORY, 5, 1000, get_message},
    {"PATCH", "/channels/*/messages/*", 0, 0, 5, 5000, patch_message},
    {"DELETE", "/channels/*/messages/*", 0, 0, 5, 1000, delete_message},
    {"POST", "/channels/*/messages/bulk-delete", 0, SIM_MAY_MANAGE_MESSAGES, 1, 1000, bulk_delete},
    {"POST", "/channels/*/typing", 0, SIM_MAY_SEND, 5, 5000, post_typing},
};

const struct sim_route_table sim_routes_messages = {rows, sizeof(rows) / sizeof(rows[0])};
