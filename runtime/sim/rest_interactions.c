/* sim/rest_interactions.c: answers to interactions: the callback, @original and follow-ups. */
#include "sim/rest.h"

#include "base/text.h"
#include "sim/components.h"
#include "sim/interact.h"

#include <stdio.h>
#include <string.h>

enum {
    PONG = 1,
    CHANNEL_MESSAGE = 4,
    DEFERRED_MESSAGE = 5,
    DEFERRED_UPDATE = 6,
    UPDATE_MESSAGE = 7,
    CHOICES = 8,
    MODAL = 9,
};

static const uint32_t message_flags = SIM_FLAG_EPHEMERAL | SIM_FLAG_SUPPRESS_EMBEDS |
                                      SIM_FLAG_SUPPRESS_NOTIFICATIONS | SIM_FLAG_COMPONENTS_V2;

static bool place_of(struct sim_call *call, const struct sim_interaction *interaction,
                     struct sim_place *place) {
    return sim_find_place(call->sim, call->bot, interaction->channel_id, place);
}

static struct sim_author author_of(const struct sim_call *call,
                                   struct sim_interaction *interaction) {
    return (struct sim_author){
        .bot = call->bot, .webhook_id = call->bot->self.id, .answer = interaction};
}

static struct sim_post *original_of(struct sim_call *call,
                                    const struct sim_interaction *interaction) {
    return interaction->original == 0
               ? NULL
               : sim_store_find(call->sim->store, interaction->channel_id, interaction->original);
}

static int make_message(struct sim_call *call, struct sim_interaction *interaction,
                        const cJSON *data, bool deferred) {
    struct sim_message_form form;
    struct sim_place place;
    const struct sim_where where = {"data"};
    int status = 500;
    cJSON *empty = data == NULL ? cJSON_CreateObject() : NULL;
    sim_message_form_read(&form, data != NULL ? data : empty, &where,
                          deferred ? (uint32_t)SIM_FLAG_EPHEMERAL : message_flags, 0);
    if (deferred) {
        form.flags |= SIM_FLAG_LOADING;
    }
    struct sim_author author = author_of(call, interaction);
    struct sim_post *post = NULL;
    if (form.problems.count > 0) {
        status = sim_fail_form(call, &form.problems);
    } else if (place_of(call, interaction, &place)) {
        post = sim_post_make(call, &place, &author, &form, &status);
    }
    if (post != NULL) {
        interaction->original = post->id;
        interaction->newest = deferred ? 0 : post->id;
        interaction->ack = deferred ? SIM_ACK_DEFERRED : SIM_ACK_MESSAGE;
        status = 200;
    }
    sim_message_form_finish(&form);
    cJSON_Delete(empty);
    return status;
}

/* Type 7: the message that the component belongs to changes. */
static int update_message(struct sim_call *call, struct sim_interaction *interaction,
                          const cJSON *data) {
    struct sim_message_form form;
    struct sim_place place;
    const struct sim_where where = {"data"};
    struct sim_post *post =
        sim_store_find(call->sim->store, interaction->channel_id, interaction->message_id);
    if (post == NULL || !place_of(call, interaction, &place)) {
        return sim_fail(call, 404, 10008, "Unknown Message");
    }
    sim_message_form_read(&form, data, &where, SIM_FLAG_SUPPRESS_EMBEDS | SIM_FLAG_COMPONENTS_V2,
                          0);
    int status = form.problems.count > 0 ? sim_fail_form(call, &form.problems)
                                         : sim_post_edit(call, &place, post, &form);
    if (status == 200) {
        interaction->original = post->id;
        interaction->newest = post->id;
        interaction->ack = SIM_ACK_UPDATED;
    }
    sim_message_form_finish(&form);
    return status;
}

static int give_choices(struct sim_call *call, struct sim_interaction *interaction,
                        const cJSON *data) {
    struct sim_problems problems = {0};
    const struct sim_where where = {"data"};
    const cJSON *list = sim_field_list(&problems, data, &where, "choices", 25);
    const cJSON *choice;
    int index = 0;
    cJSON_ArrayForEach(choice, list) {
        struct sim_where below = sim_where_below(&where, "choices", index++);
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(choice, "value");
        sim_field_text(&problems, choice, &below, "name", 1, 100, true);
        if (!cJSON_IsNumber(value)) {
            sim_field_text(&problems, choice, &below, "value", 1, 100, true);
        }
    }
    if (list == NULL && problems.count == 0) {
        sim_problem(&problems, &where, "choices", "BASE_TYPE_REQUIRED", "This field is required");
    }
    if (problems.count > 0) {
        return sim_fail_form(call, &problems);
    }
    interaction->shown = cJSON_Duplicate(list, true);
    interaction->ack = SIM_ACK_CHOICES;
    return 200;
}

static int show_modal(struct sim_call *call, struct sim_interaction *interaction,
                      const cJSON *data) {
    struct sim_problems problems = {0};
    const struct sim_where where = {"data"};
    sim_field_text(&problems, data, &where, "custom_id", 1, 100, true);
    sim_field_text(&problems, data, &where, "title", 1, 45, true);
    const cJSON *list = sim_field_list(&problems, data, &where, "components", 40);
    if (list == NULL || cJSON_GetArraySize(list) == 0) {
        sim_problem(&problems, &where, "components", "BASE_TYPE_REQUIRED",
                    "This field is required");
    }
    cJSON *components =
        list != NULL ? sim_components_read(&problems, list, &where, SIM_IN_MODAL) : NULL;
    if (problems.count > 0) {
        cJSON_Delete(components);
        return sim_fail_form(call, &problems);
    }
    interaction->shown = cJSON_Duplicate(data, true);
    cJSON_DeleteItemFromObjectCaseSensitive(interaction->shown, "components");
    cJSON_AddItemToObject(interaction->shown, "components", components);
    interaction->ack = SIM_ACK_MODAL;
    return 200;
}

/* Which answers an interaction may get. */
static bool type_fits(const struct sim_interaction *interaction, int type) {
    bool message = interaction->message_id != 0;
    switch (interaction->kind) {
    case SIM_INTERACTION_PING:
        return type == PONG;
    case SIM_INTERACTION_COMPLETE:
        return type == CHOICES;
    case SIM_INTERACTION_COMMAND:
        return type == CHANNEL_MESSAGE || type == DEFERRED_MESSAGE || type == MODAL;
    case SIM_INTERACTION_COMPONENT:
        return (type >= CHANNEL_MESSAGE && type <= UPDATE_MESSAGE) || type == MODAL;
    case SIM_INTERACTION_MODAL:
        return type == CHANNEL_MESSAGE || type == DEFERRED_MESSAGE ||
               (message && (type == DEFERRED_UPDATE || type == UPDATE_MESSAGE));
    }
    return false;
}

static int carry_out(struct sim_call *call, struct sim_interaction *interaction, int type,
                     const cJSON *data) {
    switch (type) {
    case PONG:
        interaction->ack = SIM_ACK_PONG;
        return 200;
    case CHANNEL_MESSAGE:
    case DEFERRED_MESSAGE:
        return make_message(call, interaction, data, type == DEFERRED_MESSAGE);
    case DEFERRED_UPDATE:
        interaction->ack = SIM_ACK_DEFERRED_UPDATE;
        interaction->original = interaction->message_id;
        return 200;
    case UPDATE_MESSAGE:
        return update_message(call, interaction, data);
    case CHOICES:
        return give_choices(call, interaction, data);
    default:
        return show_modal(call, interaction, data);
    }
}

static int give_callback(struct sim_call *call, const struct sim_interaction *interaction,
                         int type) {
    cJSON *object = cJSON_CreateObject();
    cJSON *own = cJSON_AddObjectToObject(object, "interaction");
    const struct sim_post *post = original_of(call, interaction);
    sim_add_id(own, "id", interaction->id);
    cJSON_AddNumberToObject(own, "type", interaction->kind);
    if (post != NULL) {
        sim_add_id(own, "response_message_id", post->id);
        cJSON_AddBoolToObject(own, "response_message_loading", post->loading);
        cJSON_AddBoolToObject(own, "response_message_ephemeral", post->ephemeral);
        sim_add_id(own, "channel_id", interaction->channel_id);
        if (interaction->guild_id != 0) {
            sim_add_id(own, "guild_id", interaction->guild_id);
        }
    }
    if (post != NULL && (type == CHANNEL_MESSAGE || type == UPDATE_MESSAGE)) {
        cJSON *resource = cJSON_AddObjectToObject(object, "resource");
        cJSON_AddNumberToObject(resource, "type", type);
        cJSON_AddItemToObject(resource, "message", sim_post_object(post, call->bot->self.id));
    }
    return sim_give(call, 200, object);
}

/* 0, or the status of why it cannot be answered (any more). */
static int check_time(struct sim_call *call, const struct sim_interaction *interaction) {
    uint64_t deadline = sim_interaction_deadline_ms(call->sim);
    if (interaction == NULL || interaction->id != call->ids[0]) {
        return sim_fail(call, 404, 10062, "Unknown interaction");
    }
    if (interaction->ack != SIM_ACK_NONE) {
        sim_breach(call->sim, SIM_BREACH_rest_second_answer);
        return sim_fail(call, 400, 40060, "Interaction has already been acknowledged.");
    }
    if (interaction->missed || call->now_ms > interaction->made_ms + deadline) {
        sim_breach(call->sim, SIM_BREACH_rest_late_interaction);
        return sim_fail(call, 404, 10062, "Unknown interaction");
    }
    return 0;
}

static int post_callback(struct sim_call *call) {
    struct sim_interaction *interaction = sim_interaction_find(call->sim, call->words[0]);
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    int status = check_time(call, interaction);
    if (status != 0) {
        return status;
    }
    call->bot = sim_bot_numbered(call->sim, interaction->bot);
    int type = (int)sim_field_number(&problems, call->body, &top, "type", 1, 12, 0);
    const cJSON *data = sim_field_object(&problems, call->body, &top, "data");
    if (problems.count == 0 && !type_fits(interaction, type)) {
        sim_problem(&problems, &top, "type", "BASE_TYPE_CHOICES",
                    "This interaction cannot be answered so.");
    }
    if (problems.count == 0 && data == NULL &&
        (type == CHANNEL_MESSAGE || type >= UPDATE_MESSAGE)) {
        sim_problem(&problems, &top, "data", "BASE_TYPE_REQUIRED", "This field is required");
    }
    if (problems.count > 0) {
        return sim_fail_form(call, &problems);
    }
    status = carry_out(call, interaction, type, data);
    if (status != 200) {
        return status;
    }
    status = sim_query_true(call, "with_response") ? give_callback(call, interaction, type) : 204;
    sim_interaction_progress(call->sim, interaction);
    return status;
}

/* The interaction of a webhook path, while its token lives. NULL: answered. */
static struct sim_interaction *live(struct sim_call *call, int *status) {
    struct sim_interaction *interaction = sim_interaction_find(call->sim, call->words[0]);
    if (interaction == NULL || interaction->bot != call->ids[0]) {
        *status = sim_fail(call, 404, 10015, "Unknown Webhook");
        return NULL;
    }
    if (sim_interaction_over(call->sim, interaction)) {
        *status = sim_fail(call, 401, 50027, "Invalid Webhook Token");
        return NULL;
    }
    if (interaction->ack == SIM_ACK_NONE) {
        *status = sim_fail(call, 404, 10015, "Unknown Webhook");
        return NULL;
    }
    call->bot = sim_bot_numbered(call->sim, interaction->bot);
    return interaction;
}

/* The message of a path: @original, or one of the interaction's own. NULL: answered. */
static struct sim_post *post_of(struct sim_call *call, const struct sim_interaction *interaction,
                                int *status) {
    bool original = strstr(call->route->path, "@original") != NULL;
    uint64_t id = original ? interaction->original : call->ids[1];
    struct sim_post *post =
        id == 0 ? NULL : sim_store_find(call->sim->store, interaction->channel_id, id);
    if (post == NULL || (post->interaction != interaction->id && id != interaction->original)) {
        *status = sim_fail(call, 404, 10008, "Unknown Message");
        return NULL;
    }
    return post;
}

int sim_interaction_follow_up(struct sim_call *call) {
    int status = 500;
    struct sim_interaction *interaction = live(call, &status);
    struct sim_message_form form;
    struct sim_place place;
    const struct sim_where top = {""};
    if (interaction == NULL) {
        return status;
    }
    struct sim_post *original = original_of(call, interaction);
    sim_message_form_read(&form, call->body, &top, message_flags, 0);
    if (form.problems.count == 0 && original != NULL && original->loading) {
        /* The first follow-up of a deferred answer takes its place; it stays as visible. */
        place_of(call, interaction, &place);
        status = sim_post_edit(call, &place, original, &form);
        interaction->newest = original->id;
        status = status == 200 ? sim_give_post(call, 200, original) : status;
    } else if (form.problems.count > 0) {
        status = sim_fail_form(call, &form.problems);
    } else if (place_of(call, interaction, &place)) {
        struct sim_author author = author_of(call, interaction);
        struct sim_post *post = sim_post_make(call, &place, &author, &form, &status);
        if (post != NULL) {
            interaction->newest = post->id;
            status = sim_give_post(call, 200, post);
        }
    }
    sim_message_form_finish(&form);
    if (status == 200) {
        sim_interaction_progress(call->sim, interaction);
    }
    return status;
}

int sim_interaction_get(struct sim_call *call) {
    int status = 500;
    struct sim_interaction *interaction = live(call, &status);
    const struct sim_post *post = interaction != NULL ? post_of(call, interaction, &status) : NULL;
    return post != NULL ? sim_give_post(call, 200, post) : status;
}

int sim_interaction_patch(struct sim_call *call) {
    int status = 500;
    struct sim_interaction *interaction = live(call, &status);
    struct sim_post *post = interaction != NULL ? post_of(call, interaction, &status) : NULL;
    struct sim_message_form form;
    struct sim_place place;
    const struct sim_where top = {""};
    if (post == NULL) {
        return status;
    }
    place_of(call, interaction, &place);
    sim_message_form_read(&form, call->body, &top,
                          SIM_FLAG_SUPPRESS_EMBEDS | SIM_FLAG_COMPONENTS_V2, 0);
    status = form.problems.count > 0 ? sim_fail_form(call, &form.problems)
                                     : sim_post_edit(call, &place, post, &form);
    sim_message_form_finish(&form);
    if (status == 200) {
        interaction->newest = post->id;
        status = sim_give_post(call, 200, post);
        sim_interaction_progress(call->sim, interaction);
    }
    return status;
}

int sim_interaction_delete(struct sim_call *call) {
    int status = 500;
    struct sim_interaction *interaction = live(call, &status);
    struct sim_post *post = interaction != NULL ? post_of(call, interaction, &status) : NULL;
    struct sim_place place;
    if (post == NULL) {
        return status;
    }
    place_of(call, interaction, &place);
    sim_post_drop(call->sim, &place, post, post->only);
    sim_interaction_progress(call->sim, interaction);
    return 204;
}

static const struct sim_route rows[] = {
    {"POST", "/interactions/*/:/callback", SIM_ROUTE_OPEN | SIM_ROUTE_EXEMPT | SIM_ROUTE_TOKEN, 0,
     10, 1000, post_callback},
};

const struct sim_route_table sim_routes_interactions = {rows, sizeof(rows) / sizeof(rows[0])};
