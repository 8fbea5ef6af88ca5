/* sim/rest_webhooks.c: webhooks, and what is asked with a webhook's token: an interaction's, whose
 * answers go that way too, or a real one's. */
#include "sim/guilds.h"

#include "base/clock.h"
#include "base/text.h"
#include "sim/interact.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MARKS = SIM_ROUTE_OPEN | SIM_ROUTE_EXEMPT | SIM_ROUTE_TOKEN, WEBHOOKS_MOST = 15 };

static struct sim_webhook *find(struct sim *sim, uint64_t id, struct sim_guild **guild) {
    for (uint32_t i = 0; i < sim->world->guild_count; i++) {
        *guild = &sim->world->guilds[i];
        for (struct sim_webhook *at = (*guild)->webhooks; at != NULL; at = at->next) {
            if (at->id == id) {
                return at;
            }
        }
    }
    return NULL;
}

static cJSON *webhook_object(struct sim_call *call, const struct sim_guild *guild,
                             const struct sim_webhook *webhook) {
    const struct sim_bot *maker = sim_bot_numbered(call->sim, webhook->application);
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "type", 1);
    sim_add_id(object, "id", webhook->id);
    sim_add_id(object, "channel_id", webhook->channel_id);
    sim_add_id(object, "guild_id", guild->id);
    sim_add_id(object, "application_id", webhook->application);
    cJSON_AddStringToObject(object, "name", webhook->name);
    cJSON_AddNullToObject(object, "avatar");
    cJSON_AddStringToObject(object, "token", webhook->token);
    if (maker != NULL && call->bot != NULL) {
        cJSON_AddItemToObject(object, "user", sim_bot_user(&maker->self));
    }
    return object;
}

static void tell(struct sim_call *call, const struct sim_guild *guild, uint64_t channel_id) {
    cJSON *object = cJSON_CreateObject();
    sim_add_id(object, "guild_id", guild->id);
    sim_add_id(object, "channel_id", channel_id);
    sim_tell_object(call->sim, SIM_WEBHOOKS_UPDATE, guild, object);
    cJSON_Delete(object);
}

static int post_webhook(struct sim_call *call) {
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    struct sim_place place;
    int count = 0;
    if (!sim_call_place(call, call->ids[0], &place)) {
        return place.channel != NULL || place.user != NULL ? 403 : 404;
    }
    const char *name = sim_field_text(&problems, call->body, &top, "name", 1, 80, true);
    if (problems.count > 0) {
        return sim_fail_form(call, &problems);
    }
    if (place.guild == NULL) {
        return sim_fail(call, 403, 50003, "Cannot execute action on a DM channel");
    }
    for (const struct sim_webhook *at = place.guild->webhooks; at != NULL; at = at->next) {
        count += at->channel_id == place.id ? 1 : 0;
    }
    if (count >= WEBHOOKS_MOST) {
        return sim_fail(call, 400, 30007, "Maximum number of webhooks reached (15)");
    }
    struct sim_webhook *webhook = calloc(1, sizeof(*webhook));
    if (webhook == NULL) {
        return sim_fail(call, 500, 0, "500: no memory");
    }
    webhook->id = sim_world_id(call->sim->world, call->wall_ms);
    webhook->channel_id = place.id;
    webhook->application = call->bot->self.id;
    text_copy(webhook->name, sizeof(webhook->name), name);
    snprintf(webhook->token, sizeof(webhook->token), "%016" PRIx64 "%016" PRIx64 "%016" PRIx64,
             clock_random(), clock_random(), clock_random());
    webhook->next = place.guild->webhooks;
    place.guild->webhooks = webhook;
    tell(call, place.guild, place.id);
    return sim_give(call, 200, webhook_object(call, place.guild, webhook));
}

static int list(struct sim_call *call, const struct sim_guild *guild, uint64_t channel_id) {
    cJSON *all = cJSON_CreateArray();
    for (const struct sim_webhook *at = guild->webhooks; at != NULL; at = at->next) {
        if (channel_id == 0 || at->channel_id == channel_id) {
            cJSON_AddItemToArray(all, webhook_object(call, guild, at));
        }
    }
    return sim_give(call, 200, all);
}

static int get_channel_webhooks(struct sim_call *call) {
    struct sim_place place;
    if (!sim_call_place(call, call->ids[0], &place)) {
        return place.channel != NULL || place.user != NULL ? 403 : 404;
    }
    return place.guild != NULL
               ? list(call, place.guild, place.id)
               : sim_fail(call, 403, 50003, "Cannot execute action on a DM channel");
}

static int get_guild_webhooks(struct sim_call *call) {
    const struct sim_guild *guild = sim_call_guild(call);
    return guild != NULL ? list(call, guild, 0) : 404;
}

/* The webhook of the path, with its token where the path has one. NULL: answered. */
static struct sim_webhook *webhook_of(struct sim_call *call, struct sim_guild **guild,
                                      int *status) {
    struct sim_webhook *webhook = find(call->sim, call->ids[0], guild);
    bool token = (call->route->marks & SIM_ROUTE_TOKEN) != 0;
    if (webhook == NULL) {
        *status = sim_fail(call, 404, 10015, "Unknown Webhook");
        return NULL;
    }
    if (token && strcmp(webhook->token, call->words[0]) != 0) {
        *status = sim_fail(call, 401, 50027, "Invalid Webhook Token");
        return NULL;
    }
    return webhook;
}

static int get_webhook(struct sim_call *call) {
    struct sim_guild *guild = NULL;
    int status = 500;
    const struct sim_webhook *webhook = webhook_of(call, &guild, &status);
    return webhook != NULL ? sim_give(call, 200, webhook_object(call, guild, webhook)) : status;
}

static int patch_webhook(struct sim_call *call) {
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    struct sim_guild *guild = NULL;
    int status = 500;
    struct sim_webhook *webhook = webhook_of(call, &guild, &status);
    if (webhook == NULL) {
        return status;
    }
    const char *name = sim_field_text(&problems, call->body, &top, "name", 1, 80, false);
    if (problems.count > 0) {
        return sim_fail_form(call, &problems);
    }
    if (name != NULL) {
        text_copy(webhook->name, sizeof(webhook->name), name);
    }
    tell(call, guild, webhook->channel_id);
    return sim_give(call, 200, webhook_object(call, guild, webhook));
}

static int delete_webhook(struct sim_call *call) {
    struct sim_guild *guild = NULL;
    int status = 500;
    struct sim_webhook *webhook = webhook_of(call, &guild, &status);
    if (webhook == NULL) {
        return status;
    }
    struct sim_webhook **at = &guild->webhooks;
    while (*at != webhook) {
        at = &(*at)->next;
    }
    *at = webhook->next;
    tell(call, guild, webhook->channel_id);
    free(webhook);
    return 204;
}

static bool is_interaction(const struct sim_call *call) {
    return sim_bot_numbered(call->sim, call->ids[0]) != NULL;
}

static const char *text_of(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) && item->valuestring[0] != '\0' ? item->valuestring : NULL;
}

/* Where a webhook writes: its channel, or the thread of the query. */
static bool place_of(struct sim_call *call, const struct sim_webhook *webhook,
                     struct sim_place *place) {
    uint64_t thread = sim_query_id(call, "thread_id");
    return sim_find_place(call->sim, NULL, thread != 0 ? thread : webhook->channel_id, place);
}

static int execute(struct sim_call *call) {
    struct sim_guild *guild = NULL;
    struct sim_place place;
    struct sim_message_form form;
    const struct sim_where top = {""};
    int status = 500;
    if (is_interaction(call)) {
        return sim_interaction_follow_up(call);
    }
    const struct sim_webhook *webhook = webhook_of(call, &guild, &status);
    if (webhook == NULL) {
        return status;
    }
    if (!place_of(call, webhook, &place)) {
        return sim_fail(call, 404, 10003, "Unknown Channel");
    }
    sim_message_form_read(
        &form, call->body, &top,
        SIM_FLAG_SUPPRESS_EMBEDS | SIM_FLAG_SUPPRESS_NOTIFICATIONS | SIM_FLAG_COMPONENTS_V2, 0);
    const char *name = sim_field_text(&form.problems, call->body, &top, "username", 1, 80, false);
    struct sim_author author = {.webhook_id = webhook->id,
                                .webhook_name = name != NULL ? name : webhook->name,
                                .avatar = text_of(call->body, "avatar_url")};
    struct sim_post *post = NULL;
    if (form.problems.count > 0) {
        status = sim_fail_form(call, &form.problems);
    } else {
        post = sim_post_make(call, &place, &author, &form, &status);
    }
    sim_message_form_finish(&form);
    if (post == NULL) {
        return status;
    }
    return sim_query_true(call, "wait") ? sim_give_post(call, 200, post) : 204;
}

/* A message that this webhook has written. NULL: answered. */
static struct sim_post *post_of(struct sim_call *call, struct sim_place *place, int *status) {
    struct sim_guild *guild = NULL;
    const struct sim_webhook *webhook = webhook_of(call, &guild, status);
    if (webhook == NULL) {
        return NULL;
    }
    struct sim_post *post = place_of(call, webhook, place)
                                ? sim_store_find(call->sim->store, place->id, call->ids[1])
                                : NULL;
    if (post == NULL || post->webhook_id != webhook->id) {
        *status = sim_fail(call, 404, 10008, "Unknown Message");
        return NULL;
    }
    return post;
}

static int get_message(struct sim_call *call) {
    struct sim_place place;
    int status = 500;
    if (is_interaction(call)) {
        return sim_interaction_get(call);
    }
    const struct sim_post *post = post_of(call, &place, &status);
    return post != NULL ? sim_give_post(call, 200, post) : status;
}

static int patch_message(struct sim_call *call) {
    struct sim_place place;
    struct sim_message_form form;
    const struct sim_where top = {""};
    int status = 500;
    if (is_interaction(call)) {
        return sim_interaction_patch(call);
    }
    struct sim_post *post = post_of(call, &place, &status);
    if (post == NULL) {
        return status;
    }
    sim_message_form_read(&form, call->body, &top,
                          SIM_FLAG_SUPPRESS_EMBEDS | SIM_FLAG_COMPONENTS_V2, 0);
    status = form.problems.count > 0 ? sim_fail_form(call, &form.problems)
                                     : sim_post_edit(call, &place, post, &form);
    sim_message_form_finish(&form);
    return status == 200 ? sim_give_post(call, 200, post) : status;
}

static int delete_message(struct sim_call *call) {
    struct sim_place place;
    int status = 500;
    if (is_interaction(call)) {
        return sim_interaction_delete(call);
    }
    struct sim_post *post = post_of(call, &place, &status);
    if (post == NULL) {
        return status;
    }
    sim_post_drop(call->sim, &place, post, 0);
    return 204;
}

static const struct sim_route rows[] = {
    {"POST", "/channels/*/webhooks", 0, SIM_MAY_MANAGE_WEBHOOKS, 5, 5000, post_webhook},
    {"GET", "/channels/*/webhooks", 0, SIM_MAY_MANAGE_WEBHOOKS, 5, 5000, get_channel_webhooks},
    {"GET", "/guilds/*/webhooks", 0, SIM_MAY_MANAGE_WEBHOOKS, 5, 5000, get_guild_webhooks},
    {"GET", "/webhooks/*", 0, 0, 5, 5000, get_webhook},
    {"PATCH", "/webhooks/*", 0, 0, 5, 5000, patch_webhook},
    {"DELETE", "/webhooks/*", 0, 0, 5, 5000, delete_webhook},
    {"GET", "/webhooks/*/:", MARKS, 0, 5, 5000, get_webhook},
    {"DELETE", "/webhooks/*/:", MARKS, 0, 5, 5000, delete_webhook},
    {"POST", "/webhooks/*/:", MARKS, 0, 5, 2000, execute},
    {"GET", "/webhooks/*/:/messages/@original", MARKS, 0, 5, 2000, sim_interaction_get},
    {"PATCH", "/webhooks/*/:/messages/@original", MARKS, 0, 5, 2000, sim_interaction_patch},
    {"DELETE", "/webhooks/*/:/messages/@original", MARKS, 0, 5, 2000, sim_interaction_delete},
    {"GET", "/webhooks/*/:/messages/*", MARKS, 0, 5, 2000, get_message},
    {"PATCH", "/webhooks/*/:/messages/*", MARKS, 0, 5, 2000, patch_message},
    {"DELETE", "/webhooks/*/:/messages/*", MARKS, 0, 5, 2000, delete_message},
};

const struct sim_route_table sim_routes_webhooks = {rows, sizeof(rows) / sizeof(rows[0])};
