/* sim/rest_webhooks.c: what is asked with a webhook's token: an interaction's, or a real one's. */
#include "sim/rest.h"

#include "sim/interact.h"

enum { MARKS = SIM_ROUTE_OPEN | SIM_ROUTE_EXEMPT | SIM_ROUTE_TOKEN };

static const struct sim_route rows[] = {
    {"POST", "/webhooks/*/:", MARKS, 0, 5, 2000, sim_interaction_follow_up},
    {"GET", "/webhooks/*/:/messages/@original", MARKS, 0, 5, 2000, sim_interaction_get},
    {"PATCH", "/webhooks/*/:/messages/@original", MARKS, 0, 5, 2000, sim_interaction_patch},
    {"DELETE", "/webhooks/*/:/messages/@original", MARKS, 0, 5, 2000, sim_interaction_delete},
    {"GET", "/webhooks/*/:/messages/*", MARKS, 0, 5, 2000, sim_interaction_get},
    {"PATCH", "/webhooks/*/:/messages/*", MARKS, 0, 5, 2000, sim_interaction_patch},
    {"DELETE", "/webhooks/*/:/messages/*", MARKS, 0, 5, 2000, sim_interaction_delete},
};

const struct sim_route_table sim_routes_webhooks = {rows, sizeof(rows) / sizeof(rows[0])};
