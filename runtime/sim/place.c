/* sim/place.c: where messages can be, and what bots may do there. */
#include "sim/rest.h"

#include <string.h>

uint64_t sim_direct_channel(const struct sim_bot *bot, const struct sim_user *user) {
    return user->id ^ (bot->self.id & 0x3fffff); /* as the traffic makes them */
}

bool sim_find_place(struct sim *sim, const struct sim_bot *bot, uint64_t channel_id,
                    struct sim_place *place) {
    *place = (struct sim_place){.id = channel_id};
    place->channel = sim_world_channel(sim->world, channel_id, &place->guild);
    if (place->channel != NULL) {
        return true;
    }
    place->guild = NULL;
    if (bot != NULL) {
        place->user = sim_world_user(sim->world, channel_id ^ (bot->self.id & 0x3fffff));
    }
    return place->user != NULL;
}

uint64_t sim_denied_at(const struct sim *sim, uint64_t place_id) {
    uint64_t bits = 0;
    for (const struct sim_denial *at = sim->denials; at != NULL; at = at->next) {
        bits |= at->place == place_id ? at->permissions : 0;
    }
    return bits;
}

uint64_t sim_denied(const struct sim *sim, const struct sim_place *place) {
    uint64_t bits = place->guild != NULL ? sim_denied_at(sim, place->guild->id) : 0;
    return bits | (place->id != 0 ? sim_denied_at(sim, place->id) : 0);
}

bool sim_call_may(struct sim_call *call, const struct sim_place *place, uint64_t needs) {
    uint64_t denied = sim_denied(call->sim, place);
    if ((denied & SIM_MAY_VIEW) != 0) {
        sim_fail(call, 403, 50001, "Missing Access");
        return false;
    }
    if ((denied & needs) != 0) {
        sim_fail(call, 403, 50013, "Missing Permissions");
        return false;
    }
    return true;
}

bool sim_call_place(struct sim_call *call, uint64_t channel_id, struct sim_place *place) {
    if (!sim_find_place(call->sim, call->bot, channel_id, place)) {
        sim_fail(call, 404, 10003, "Unknown Channel");
        return false;
    }
    return call->sim->denials == NULL || sim_call_may(call, place, 0);
}

uint64_t sim_permission_named(const char *name) {
    static const struct {
        const char *name;
        uint64_t bit;
    } known[] = {{"CREATE_INSTANT_INVITE", SIM_MAY_CREATE_INVITE},
                 {"KICK_MEMBERS", SIM_MAY_KICK},
                 {"BAN_MEMBERS", SIM_MAY_BAN},
                 {"MANAGE_CHANNELS", SIM_MAY_MANAGE_CHANNELS},
                 {"MANAGE_GUILD", SIM_MAY_MANAGE_GUILD},
                 {"ADD_REACTIONS", SIM_MAY_ADD_REACTIONS},
                 {"VIEW_CHANNEL", SIM_MAY_VIEW},
                 {"SEND_MESSAGES", SIM_MAY_SEND},
                 {"MANAGE_MESSAGES", SIM_MAY_MANAGE_MESSAGES},
                 {"EMBED_LINKS", SIM_MAY_EMBED},
                 {"ATTACH_FILES", SIM_MAY_ATTACH},
                 {"READ_MESSAGE_HISTORY", SIM_MAY_READ_HISTORY},
                 {"MANAGE_NICKNAMES", SIM_MAY_MANAGE_NICKNAMES},
                 {"MANAGE_ROLES", SIM_MAY_MANAGE_ROLES},
                 {"MANAGE_WEBHOOKS", SIM_MAY_MANAGE_WEBHOOKS},
                 {"MANAGE_THREADS", SIM_MAY_MANAGE_THREADS},
                 {"CREATE_PUBLIC_THREADS", SIM_MAY_CREATE_THREADS}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, name) == 0) {
            return known[i].bit;
        }
    }
    return 0;
}
