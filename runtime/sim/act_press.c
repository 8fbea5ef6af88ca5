/* sim/act_press.c: a person presses a button, chooses from a select, fills in a modal. */
#include "sim/act.h"

#include "sim/command_form.h"
#include "sim/components.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *text_of(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

/* The values of a select: words become ids where the type wants it. */
static cJSON *select_values(struct sim_act *act, const cJSON *component, const cJSON *given) {
    int type = sim_component_type(component);
    int count = cJSON_GetArraySize(given);
    const cJSON *least = cJSON_GetObjectItemCaseSensitive(component, "min_values");
    const cJSON *most = cJSON_GetObjectItemCaseSensitive(component, "max_values");
    const cJSON *item;
    if (count < least->valueint || count > most->valueint) {
        err_set(&act->err, ERR_INVALID, "%d to %d values are to be chosen", least->valueint,
                most->valueint);
        return NULL;
    }
    cJSON *values = cJSON_CreateArray();
    cJSON_ArrayForEach(item, given) {
        const char *word = cJSON_IsString(item) ? item->valuestring : "";
        char id[24] = "";
        bool fine = false;
        if (type == SIM_STRING_SELECT) {
            const cJSON *option;
            cJSON_ArrayForEach(option, cJSON_GetObjectItemCaseSensitive(component, "options")) {
                const char *value = text_of(option, "value");
                fine = fine || (value != NULL && strcmp(value, word) == 0);
            }
        } else { /* user, role, mentionable, channel select: the option types in another order */
            static const int kinds[] = {SIM_OPTION_USER, SIM_OPTION_ROLE, SIM_OPTION_MENTIONABLE,
                                        SIM_OPTION_CHANNEL};
            uint64_t number = sim_act_resolve(act, kinds[type - SIM_USER_SELECT], word);
            snprintf(id, sizeof(id), "%" PRIu64, number);
            fine = number != 0;
        }
        if (!fine) {
            err_set(&act->err, ERR_INVALID, "'%s' cannot be chosen", word);
            cJSON_Delete(values);
            return NULL;
        }
        cJSON_AddItemToArray(values, cJSON_CreateString(id[0] != '\0' ? id : word));
    }
    return values;
}

static int press(struct sim_act *act, const struct sim_post *post, const cJSON *component,
                 bool text, struct buf *out) {
    int type = sim_component_type(component);
    cJSON *values = NULL;
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(component, "disabled"))) {
        err_set(&act->err, ERR_INVALID, "it is disabled");
        return sim_act_refuse(act, out, 400);
    }
    if (type != SIM_BUTTON) {
        values =
            select_values(act, component, cJSON_GetObjectItemCaseSensitive(act->body, "values"));
        if (values == NULL) {
            return sim_act_refuse(act, out, 400);
        }
    }
    struct sim_interaction *interaction = sim_act_make(act, SIM_INTERACTION_COMPONENT);
    if (interaction == NULL) {
        cJSON_Delete(values);
        return sim_act_refuse(act, out, 500);
    }
    interaction->message_id = post->id;
    cJSON *data = cJSON_CreateObject();
    cJSON_AddStringToObject(data, "custom_id", text_of(component, "custom_id"));
    cJSON_AddNumberToObject(data, "component_type", type);
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(component, "id");
    cJSON_AddNumberToObject(data, "id", cJSON_IsNumber(id) ? id->valueint : 0);
    if (values != NULL) {
        cJSON_AddItemToObject(data, "values", values);
    }
    return sim_act_happen(act, interaction, data, post, text, out);
}

/* The message's own place, whatever the body says. */
static bool go_to(struct sim_act *act, const struct sim_post *post, uint64_t bot_id) {
    act->bot = sim_bot_numbered(act->sim, bot_id);
    if (act->bot == NULL || !sim_act_listens(act)) {
        return err_set(&act->err, ERR_NOT_FOUND, "the message's bot is not connected");
    }
    if (!sim_find_place(act->sim, act->bot, post->log->channel_id, &act->place)) {
        return err_set(&act->err, ERR_NOT_FOUND, "the message's channel is gone");
    }
    act->member = act->place.guild != NULL
                      ? sim_guild_member(act->place.guild, act->sim->world, act->user->id)
                      : NULL;
    return act->place.guild == NULL || act->member != NULL ||
           err_set(&act->err, ERR_NOT_FOUND, "%s is no member there", act->user->name);
}

int sim_act_press(struct sim_conn *conn, const cJSON *body, bool text, struct buf *out) {
    struct sim_act act;
    const char *word = text_of(body, "message");
    const char *custom_id = text_of(body, "custom_id");
    if (!sim_act_begin(&act, conn, body)) {
        return sim_act_refuse(&act, out, 404);
    }
    if (word == NULL || custom_id == NULL) {
        err_set(&act.err, ERR_INVALID, "wanted {\"message\":ID or \"last\",\"custom_id\":...}");
        return sim_act_refuse(&act, out, 400);
    }
    const struct sim_post *post = sim_act_message(act.sim, word, custom_id);
    cJSON *message = post != NULL ? sim_post_object(post, 0) : NULL;
    const cJSON *component =
        sim_component_find(cJSON_GetObjectItemCaseSensitive(message, "components"), custom_id);
    int status;
    if (component == NULL) {
        err_set(&act.err, ERR_NOT_FOUND,
                message == NULL ? "no such message" : "it has no such button or select");
        status = sim_act_refuse(&act, out, 404);
    } else if (!go_to(&act, post, post->webhook_id != 0 ? post->webhook_id : post->author_id)) {
        status = sim_act_refuse(&act, out, 409);
    } else {
        status = press(&act, post, component, text, out);
    }
    cJSON_Delete(message);
    return status;
}

/* The modal's inputs with what was typed into them; NULL: act->err. */
static cJSON *submit_rows(struct sim_act *act, const cJSON *list, const cJSON *fields) {
    cJSON *rows = cJSON_CreateArray();
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        cJSON *copy = cJSON_CreateObject();
        const cJSON *below = cJSON_GetObjectItemCaseSensitive(item, "component");
        const cJSON *row = cJSON_GetObjectItemCaseSensitive(item, "components");
        cJSON_AddItemToArray(rows, copy);
        cJSON_AddNumberToObject(copy, "type", sim_component_type(item));
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(item, "id");
        cJSON_AddNumberToObject(copy, "id", cJSON_IsNumber(id) ? id->valueint : 0);
        const char *custom_id = text_of(item, "custom_id");
        if (below != NULL || row != NULL) {
            cJSON *holder = cJSON_CreateArray();
            if (below != NULL) {
                cJSON_AddItemReferenceToArray(holder, cJSON_GetObjectItem(item, "component"));
            }
            cJSON *inner = submit_rows(act, below != NULL ? holder : row, fields);
            cJSON_Delete(holder);
            if (inner == NULL) {
                cJSON_Delete(rows);
                return NULL;
            }
            if (below != NULL) {
                cJSON_AddItemToObject(copy, "component", cJSON_DetachItemFromArray(inner, 0));
                cJSON_Delete(inner);
            } else {
                cJSON_AddItemToObject(copy, "components", inner);
            }
        } else if (custom_id != NULL && sim_component_type(item) == SIM_TEXT_INPUT) {
            const char *typed = text_of(fields, custom_id);
            typed = typed != NULL                    ? typed
                    : text_of(item, "value") != NULL ? text_of(item, "value")
                                                     : "";
            bool required = !cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(item, "required"));
            const cJSON *most = cJSON_GetObjectItemCaseSensitive(item, "max_length");
            if ((required && typed[0] == '\0') ||
                (cJSON_IsNumber(most) && sim_characters(typed) > (size_t)most->valueint)) {
                err_set(&act->err, ERR_INVALID, "field '%s' is %s", custom_id,
                        typed[0] == '\0' ? "required" : "too long");
                cJSON_Delete(rows);
                return NULL;
            }
            cJSON_AddStringToObject(copy, "custom_id", custom_id);
            cJSON_AddStringToObject(copy, "value", typed);
        } else if (custom_id != NULL) {
            cJSON *values =
                select_values(act, item, cJSON_GetObjectItemCaseSensitive(fields, custom_id));
            if (values == NULL) {
                cJSON_Delete(rows);
                return NULL;
            }
            cJSON_AddStringToObject(copy, "custom_id", custom_id);
            cJSON_AddItemToObject(copy, "values", values);
        }
    }
    return rows;
}

static struct sim_interaction *modal_shown(struct sim *sim, const char *custom_id) {
    struct sim_interaction *at = sim->interactions;
    for (; at != NULL; at = at->next) {
        const char *own = text_of(at->shown, "custom_id");
        if (at->ack == SIM_ACK_MODAL && own != NULL && strcmp(own, custom_id) == 0) {
            return at;
        }
    }
    return NULL;
}

int sim_act_submit(struct sim_conn *conn, const cJSON *body, bool text, struct buf *out) {
    struct sim_act act;
    const char *custom_id = text_of(body, "custom_id");
    if (!sim_act_begin(&act, conn, body)) {
        return sim_act_refuse(&act, out, 404);
    }
    const struct sim_interaction *shown =
        custom_id != NULL ? modal_shown(act.sim, custom_id) : NULL;
    act.bot = shown != NULL ? sim_bot_numbered(act.sim, shown->bot) : NULL;
    if (act.bot == NULL || !sim_find_place(act.sim, act.bot, shown->channel_id, &act.place)) {
        err_set(&act.err, ERR_NOT_FOUND, "no modal of this custom_id was shown");
        return sim_act_refuse(&act, out, 404);
    }
    act.user = shown->user;
    act.member = act.place.guild != NULL
                     ? sim_guild_member(act.place.guild, act.sim->world, act.user->id)
                     : NULL;
    const struct sim_post *post =
        shown->message_id != 0 ? sim_store_find(act.sim->store, act.place.id, shown->message_id)
                               : NULL;
    cJSON *rows = submit_rows(&act, cJSON_GetObjectItemCaseSensitive(shown->shown, "components"),
                              cJSON_GetObjectItemCaseSensitive(body, "fields"));
    struct sim_interaction *interaction =
        rows != NULL ? sim_act_make(&act, SIM_INTERACTION_MODAL) : NULL;
    if (interaction == NULL) {
        cJSON_Delete(rows);
        return sim_act_refuse(&act, out, 400);
    }
    interaction->message_id = post != NULL ? post->id : 0;
    cJSON *data = cJSON_CreateObject();
    cJSON_AddStringToObject(data, "custom_id", custom_id);
    cJSON_AddItemToObject(data, "components", rows);
    return sim_act_happen(&act, interaction, data, post, text, out);
}
