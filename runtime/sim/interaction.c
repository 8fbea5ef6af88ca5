/* sim/interaction.c: the life of interactions: kept for 15 minutes, to be answered within 3 s,
 * waited for by those who made them happen. */
#include "sim/interact.h"

#include "sim/rest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SWEEP_MS = 1000 }; /* how often those that are over are looked for */

static void free_interaction(struct sim *sim, struct sim_interaction *interaction) {
    sim->waiters -= interaction->waiter != 0;
    sim->interaction_count--;
    cJSON_Delete(interaction->shown);
    free(interaction);
}

static void drop_oldest(struct sim *sim) {
    struct sim_interaction **at = &sim->interactions;
    while (*at != NULL && (*at)->next != NULL) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        free_interaction(sim, *at);
        *at = NULL;
    }
}

struct sim_interaction *sim_interaction_add(struct sim *sim, uint64_t id, const char *token) {
    struct sim_interaction *interaction = calloc(1, sizeof(*interaction));
    if (interaction == NULL) {
        return NULL;
    }
    if (sim->interaction_count >= SIM_INTERACTIONS_MOST) {
        drop_oldest(sim);
    }
    interaction->id = id;
    snprintf(interaction->token, sizeof(interaction->token), "%s", token);
    interaction->made_ms = loop_now_ms(sim->loop);
    interaction->next = sim->interactions;
    sim->interactions = interaction;
    sim->interaction_count++;
    sim->stats.interactions++;
    return interaction;
}

struct sim_interaction *sim_interaction_find(struct sim *sim, const char *token) {
    struct sim_interaction *at = sim->interactions;
    while (at != NULL && strcmp(at->token, token) != 0) {
        at = at->next;
    }
    return at;
}

uint64_t sim_interaction_deadline_ms(const struct sim *sim) {
    return sim->options.answer_ms / sim->options.time_scale;
}

static uint64_t life_ms(const struct sim *sim) {
    return sim->options.answers_ms / sim->options.time_scale;
}

bool sim_interaction_over(const struct sim *sim, const struct sim_interaction *interaction) {
    return loop_now_ms(sim->loop) > interaction->made_ms + life_ms(sim);
}

/* Writes the answer of who made the interaction happen, and lets its connection go on. */
static void answer_waiter(struct sim *sim, struct sim_interaction *interaction) {
    struct sim_conn *conn = sim_conn_numbered(sim, interaction->waiter);
    struct buf out = {0};
    interaction->waiter = 0;
    sim->waiters--;
    if (conn == NULL) {
        return;
    }
    sim_show_outcome(sim, interaction, &out, interaction->waiter_reads);
    sim_http_respond(sim_wire_output(conn->wire), interaction->missed ? 504 : 200, NULL,
                     interaction->waiter_reads ? "text/plain; charset=utf-8" : NULL, out.bytes,
                     out.length);
    buf_finish(&out);
    sim_conn_unpark(conn);
    if (conn->wire != NULL) {
        sim_wire_flush(conn->wire);
    }
}

/* A deferred answer is not enough as long as there is nothing to see. */
static bool enough(struct sim *sim, const struct sim_interaction *interaction) {
    switch (interaction->ack) {
    case SIM_ACK_NONE:
        return interaction->missed;
    case SIM_ACK_DEFERRED: {
        const struct sim_post *post =
            sim_store_find(sim->store, interaction->channel_id, interaction->original);
        return post == NULL || !post->loading;
    }
    case SIM_ACK_DEFERRED_UPDATE:
        return interaction->newest != 0;
    case SIM_ACK_PONG:
    case SIM_ACK_MESSAGE:
    case SIM_ACK_UPDATED:
    case SIM_ACK_CHOICES:
    case SIM_ACK_MODAL:
        return true;
    }
    return true;
}

void sim_interaction_progress(struct sim *sim, struct sim_interaction *interaction) {
    sim_feed_interaction(sim, interaction);
    if (interaction->waiter != 0 && enough(sim, interaction)) {
        answer_waiter(sim, interaction);
    }
}

/* One whose waiter has waited long enough, or has something to see; NULL: none. */
static struct sim_interaction *due(struct sim *sim, uint64_t now_ms) {
    struct sim_interaction *at = sim->interactions;
    while (at != NULL && (at->waiter == 0 || (now_ms < at->wait_until_ms && !enough(sim, at)))) {
        at = at->next;
    }
    return at;
}

static void drop_over(struct sim *sim, uint64_t now_ms) {
    uint64_t life = life_ms(sim);
    struct sim_interaction **at = &sim->interactions;
    while (*at != NULL) {
        struct sim_interaction *interaction = *at;
        /* A little longer than its life, so that who comes too late hears why. */
        if (now_ms <= interaction->made_ms + 2 * life || interaction->waiter != 0) {
            at = &interaction->next;
            continue;
        }
        *at = interaction->next;
        free_interaction(sim, interaction);
    }
}

/* The newest comes first: behind one that was late at the last look, all were. */
static void find_late(struct sim *sim, uint64_t now_ms) {
    uint64_t deadline = sim_interaction_deadline_ms(sim);
    struct sim_interaction *at = sim->interactions;
    for (; at != NULL && at->made_ms + deadline >= sim->late_ms; at = at->next) {
        if (at->ack == SIM_ACK_NONE && !at->missed && now_ms > at->made_ms + deadline) {
            at->missed = true;
            sim->stats.unanswered++;
            sim_feed_interaction(sim, at);
        }
    }
    sim->late_ms = now_ms;
}

void sim_interactions_tick(struct sim *sim, uint64_t now_ms) {
    struct sim_interaction *at = NULL;
    find_late(sim, now_ms);
    /* Who is answered goes on with its next request, which may change the list: from the start. */
    while (sim->waiters > 0 && (at = due(sim, now_ms)) != NULL) {
        answer_waiter(sim, at);
    }
    if (now_ms >= sim->sweep_ms) {
        drop_over(sim, now_ms);
        sim->sweep_ms = now_ms + SWEEP_MS;
    }
}

void sim_interaction_wait(struct sim *sim, struct sim_interaction *interaction,
                          struct sim_conn *conn, uint64_t until_ms, bool reads) {
    interaction->waiter = conn->number;
    interaction->waiter_reads = reads;
    interaction->wait_until_ms = until_ms;
    conn->parked = true;
    sim->waiters++;
}

void sim_interactions_destroy(struct sim *sim) {
    while (sim->interactions != NULL) {
        struct sim_interaction *next = sim->interactions->next;
        free_interaction(sim, sim->interactions);
        sim->interactions = next;
    }
}

void sim_interaction_mark(const struct sim_interaction *interaction, cJSON *message) {
    bool command = interaction->kind == SIM_INTERACTION_COMMAND;
    cJSON *metadata = cJSON_AddObjectToObject(message, "interaction_metadata");
    sim_add_id(metadata, "id", interaction->id);
    cJSON_AddNumberToObject(metadata, "type", interaction->kind);
    cJSON_AddItemToObject(metadata, "user", sim_user_object(interaction->user));
    cJSON *owners = cJSON_AddObjectToObject(metadata, "authorizing_integration_owners");
    if (interaction->guild_id != 0) {
        sim_add_id(owners, "0", interaction->guild_id);
    }
    if (interaction->kind == SIM_INTERACTION_COMPONENT) {
        sim_add_id(metadata, "interacted_message_id", interaction->message_id);
    }
    if (interaction->original != 0) { /* a follow-up */
        sim_add_id(metadata, "original_response_message_id", interaction->original);
        return;
    }
    if (command) {
        cJSON *old = cJSON_AddObjectToObject(message, "interaction");
        sim_add_id(old, "id", interaction->id);
        cJSON_AddNumberToObject(old, "type", SIM_INTERACTION_COMMAND);
        cJSON_AddStringToObject(old, "name", interaction->name);
        cJSON_AddItemToObject(old, "user", sim_user_object(interaction->user));
        int type = interaction->command_type == 1 ? 20 : 23;
        cJSON_ReplaceItemInObjectCaseSensitive(message, "type", cJSON_CreateNumber(type));
    }
}
