/* sim/remember.c: messages and interactions of the traffic become part of what the world
 * remembers, so that bots can answer, read, edit and delete them. */
#include "sim/interact.h"
#include "sim/state.h"

#include <stdio.h>
#include <string.h>

static void remember_message(struct sim *sim, const struct sim_news *news) {
    struct sim_post *post = sim_store_add(sim->store, news->channel_id, news->made_id,
                                          news->full.bytes, news->full.length);
    if (post != NULL) {
        post->guild_id = news->guild != NULL ? news->guild->id : 0;
        post->only = news->only;
        post->author_id = news->user->id;
        post->made_ms = loop_now_ms(sim->loop);
    }
}

static void remember_interaction(struct sim *sim, const struct sim_news *news) {
    struct sim_interaction *interaction = sim_interaction_add(sim, news->made_id, news->token);
    if (interaction != NULL) {
        interaction->bot = news->only;
        interaction->kind = SIM_INTERACTION_COMMAND;
        interaction->guild_id = news->guild->id;
        interaction->channel_id = news->channel_id;
        interaction->user = news->user;
        interaction->command_type = 1;
        snprintf(interaction->name, sizeof(interaction->name), "ping");
        sim_feed_interaction(sim, interaction);
    }
}

void sim_remember(struct sim *sim, const struct sim_news *news) {
    struct sim_post *post = sim_store_find(sim->store, news->channel_id, news->made_id);
    if (news->made_id == 0) {
        return;
    }
    if (news->event == SIM_MESSAGE_CREATE) {
        remember_message(sim, news);
    } else if (news->event == SIM_INTERACTION_CREATE) {
        remember_interaction(sim, news);
    } else if (news->event == SIM_MESSAGE_UPDATE && post != NULL) {
        sim_store_set(sim->store, post, news->full.bytes, news->full.length);
    } else if (news->event == SIM_MESSAGE_DELETE && post != NULL) {
        sim_store_remove(sim->store, post);
    } else if (post != NULL && (news->event == SIM_MESSAGE_REACTION_ADD ||
                                news->event == SIM_MESSAGE_REACTION_REMOVE)) {
        bool full;
        if (news->event == SIM_MESSAGE_REACTION_ADD) {
            sim_post_react(post, news->token, 0, news->user->id, &full);
        } else {
            sim_post_unreact(post, news->token, 0, news->user->id);
        }
    }
}
