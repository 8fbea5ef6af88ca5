/* sim/events.c: the table of events and intents. Pure. */
#include "sim/events.h"

#include <string.h>

static const struct row {
    const char *name;
    uint64_t guild;
    uint64_t direct;
} rows[] = {
#define X(name, guild, direct) {#name, guild, direct},
    SIM_EVENTS(X)
#undef X
};

const char *sim_event_name(enum sim_event event) {
    return event < SIM_EVENT_COUNT ? rows[event].name : "UNKNOWN";
}

enum sim_event sim_event_find(const char *name) {
    for (unsigned i = 0; i < SIM_EVENT_COUNT; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return (enum sim_event)i;
        }
    }
    return SIM_EVENT_COUNT;
}

bool sim_event_wanted(enum sim_event event, uint64_t intents, bool direct) {
    if (event >= SIM_EVENT_COUNT) {
        return true; /* injected by hand: whoever injects it wants it delivered */
    }
    const struct row *row = &rows[event];
    if ((row->guild | row->direct) == 0) {
        return true;
    }
    return (intents & (direct ? row->direct : row->guild)) != 0;
}

int sim_privileged_bit(const char *name) {
    static const struct {
        const char *name;
        int bit;
    } known[] = {{"GUILD_MEMBERS", 1}, {"GUILD_PRESENCES", 8}, {"MESSAGE_CONTENT", 15}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].name, name) == 0) {
            return known[i].bit;
        }
    }
    return -1;
}
