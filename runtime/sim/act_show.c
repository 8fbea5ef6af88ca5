/* sim/act_show.c: what a bot did with an interaction, for who made it happen; and a channel's
 * history for people. */
#include "sim/act.h"

#include "sim/chat.h"
#include "sim/rest.h"

#include <inttypes.h>
#include <string.h>

static const char *outcome_of(const struct sim_interaction *interaction,
                              const struct sim_post *post) {
    switch (interaction->ack) {
    case SIM_ACK_NONE:
        return interaction->missed ? "no_response" : "pending";
    case SIM_ACK_PONG:
        return "pong";
    case SIM_ACK_MESSAGE:
        return "message";
    case SIM_ACK_DEFERRED:
        return post == NULL ? "deleted" : post->loading ? "deferred" : "message";
    case SIM_ACK_DEFERRED_UPDATE:
        return interaction->newest == 0                       ? "deferred_update"
               : interaction->newest == interaction->original ? "update"
                                                              : "message";
    case SIM_ACK_UPDATED:
        return "update";
    case SIM_ACK_CHOICES:
        return "choices";
    case SIM_ACK_MODAL:
        return "modal";
    }
    return "";
}

static const struct sim_post *post_of(struct sim *sim, const struct sim_interaction *interaction) {
    uint64_t id = interaction->newest != 0 ? interaction->newest : interaction->original;
    return id == 0 ? NULL : sim_store_find(sim->store, interaction->channel_id, id);
}

const char *sim_outcome(struct sim *sim, const struct sim_interaction *interaction) {
    return outcome_of(interaction, post_of(sim, interaction));
}

static void show_text(struct sim *sim, const struct sim_interaction *interaction,
                      const struct sim_post *post, struct buf *out) {
    if (interaction->missed) {
        buf_text(out, "the application did not respond\n");
    } else if (interaction->ack == SIM_ACK_MODAL) {
        sim_chat_modal(out, interaction->shown);
    } else if (interaction->ack == SIM_ACK_CHOICES) {
        sim_chat_choices(out, interaction->shown);
    } else if (post != NULL && interaction->ack != SIM_ACK_DEFERRED_UPDATE) {
        cJSON *message = sim_post_object(post, 0);
        sim_chat_message(out, message, post->ephemeral ? interaction->user->name : NULL);
        cJSON_Delete(message);
    } else {
        buf_printf(out, "%s\n", outcome_of(interaction, post));
    }
}

void sim_show_outcome(struct sim *sim, const struct sim_interaction *interaction, struct buf *out,
                      bool text) {
    const struct sim_post *post = post_of(sim, interaction);
    if (text) {
        show_text(sim, interaction, post, out);
        return;
    }
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "outcome", outcome_of(interaction, post));
    sim_add_id(object, "interaction_id", interaction->id);
    cJSON_AddNumberToObject(object, "ms", (double)(loop_now_ms(sim->loop) - interaction->made_ms));
    if (interaction->missed) {
        cJSON_AddStringToObject(object, "error", "the application did not respond");
    }
    if (post != NULL) {
        cJSON_AddBoolToObject(object, "ephemeral", post->ephemeral);
        cJSON_AddItemToObject(object, "message", sim_post_object(post, 0));
    }
    if (interaction->shown != NULL) {
        cJSON_AddItemToObject(object, interaction->ack == SIM_ACK_MODAL ? "modal" : "choices",
                              cJSON_Duplicate(interaction->shown, true));
    }
    sim_print(out, object);
    cJSON_Delete(object);
}

const struct sim_user *sim_post_viewer(const struct sim *sim, const struct sim_post *post) {
    for (const struct sim_interaction *at = sim->interactions; at != NULL; at = at->next) {
        if (at->id == post->interaction) {
            return at->user;
        }
    }
    return NULL;
}

static const char *seen_by(struct sim *sim, const struct sim_post *post) {
    const struct sim_user *viewer = post->ephemeral ? sim_post_viewer(sim, post) : NULL;
    return !post->ephemeral ? NULL : viewer != NULL ? viewer->name : "one person";
}

/* The last one that is older than the history's bound. */
static const struct sim_post *newest_of(const struct sim_log *log,
                                        const struct sim_history *history) {
    const struct sim_post *at = log != NULL ? log->newest : NULL;
    while (at != NULL && history->before != 0 && at->id >= history->before) {
        at = at->older;
    }
    return at;
}

static void show_json(struct sim *sim, const struct sim_post *post, uint64_t viewer,
                      struct buf *out) {
    cJSON *message = sim_post_object(post, viewer);
    const struct sim_user *only = post->ephemeral ? sim_post_viewer(sim, post) : NULL;
    cJSON_AddBoolToObject(message, "ephemeral", post->ephemeral);
    if (only != NULL) {
        sim_add_id(message, "for", only->id);
    }
    sim_print(out, message);
    cJSON_Delete(message);
}

void sim_show_channel(struct sim *sim, const struct sim_history *history, struct buf *out,
                      bool text) {
    const struct sim_log *log = sim_store_log(sim->store, history->channel_id);
    const struct sim_post *newest = newest_of(log, history);
    const struct sim_post *at = history->last > 0 ? newest : NULL;
    uint64_t last = history->after != 0 ? UINT64_MAX : history->last;
    for (uint64_t i = 1;
         at != NULL && at->older != NULL && at->older->id > history->after && i < last; i++) {
        at = at->older;
    }
    at = at != NULL && at->id > history->after ? at : NULL;
    if (history->after != 0) { /* the newest of what is shown */
        newest = at;
        for (uint64_t i = 1; newest != NULL && newest->newer != NULL && i < history->last; i++) {
            newest = newest->newer;
        }
    }
    buf_text(out, text ? "" : "[");
    for (bool comma = false; at != NULL; comma = true) {
        if (text) {
            cJSON *message = sim_post_object(at, 0);
            sim_chat_message(out, message, seen_by(sim, at));
            cJSON_Delete(message);
        } else {
            buf_text(out, comma ? "," : "");
            show_json(sim, at, history->viewer, out);
        }
        at = at == newest ? NULL : at->newer;
    }
    buf_text(out, text ? (log == NULL || log->count == 0 ? "no messages\n" : "") : "]");
}
