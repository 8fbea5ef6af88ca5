/* dev/world.c: one question after the other. */
#include "dev/world.h"

#include "base/text.h"
#include "dev/ask.h"

#include <stdio.h>
#include <string.h>

enum step { ME, GUILDS, CHANNELS, MEMBERS, COMMANDS, STEPS };

static void next(struct world *world);

void world_init(struct world *world, struct loop *loop,
                void (*loaded)(void *arg, const char *error), void *arg) {
    *world = (struct world){.loop = loop, .loaded = loaded, .arg = arg, .step = STEPS};
}

static const char *text_of(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static void end(struct world *world, const char *error) {
    world->step = STEPS;
    if (world->again) {
        world_refresh(world);
    }
    world->loaded(world->arg, error);
}

/* Takes the answer in. json: taken. */
static bool keep(struct world *world, cJSON *json) {
    cJSON **slots[] = {NULL, NULL, &world->channels, &world->members, &world->commands};
    bool ok = true;
    if (world->step == ME) {
        ok = text_copy(world->application, sizeof(world->application), text_of(json, "id"));
    } else if (world->step == GUILDS) {
        const cJSON *first = cJSON_GetArrayItem(json, 0);
        ok = first != NULL && text_copy(world->guild, sizeof(world->guild), text_of(first, "id"));
        (void)text_plain(world->guild_name, sizeof(world->guild_name), text_of(first, "name"));
    } else {
        cJSON_Delete(*slots[world->step]);
        *slots[world->step] = json;
        return cJSON_IsArray(json);
    }
    cJSON_Delete(json);
    return ok;
}

static void on_answer(void *arg, int status, const char *text) {
    struct world *world = arg;
    cJSON *json = status == 200 ? cJSON_Parse(text) : NULL;
    world->ask = NULL;
    if (json == NULL || !keep(world, json)) {
        end(world, status == 0 ? text : "the simulator's answer makes no sense");
        return;
    }
    world->step++;
    next(world);
}

static void next(struct world *world) {
    static const char headers[] =
        "Authorization: Bot " WORLD_TOKEN "\r\nUser-Agent: DiscordBot (" DREY_HOMEPAGE
        ", " DREY_VERSION ")\r\n";
    char path[160];
    struct err err = {0};
    if (world->step == STEPS) {
        end(world, NULL);
        return;
    }
    if (world->step == COMMANDS) {
        (void)snprintf(path, sizeof(path), "/api/v10/applications/%s/guilds/%s/commands",
                       world->application, world->guild);
    } else if (world->step >= CHANNELS) {
        (void)snprintf(path, sizeof(path), "/api/v10/guilds/%s/%s", world->guild,
                       world->step == CHANNELS ? "channels" : "members?limit=1000");
    } else {
        (void)snprintf(path, sizeof(path), "/api/v10/users/@me%s",
                       world->step == GUILDS ? "/guilds" : "");
    }
    world->ask =
        ask_http(world->loop, world->at, "GET", path, headers, NULL, on_answer, world, &err);
    if (world->ask == NULL) {
        end(world, err.text);
    }
}

void world_load(struct world *world, const char *at) {
    ask_destroy(world->ask);
    world->ask = NULL;
    (void)text_copy(world->at, sizeof(world->at), at);
    world->step = ME;
    world->again = false;
    next(world);
}

void world_refresh(struct world *world) {
    if (world->step != STEPS) {
        world->again = true;
    } else if (world->commands != NULL) {
        world->again = false;
        world->step = CHANNELS;
        next(world);
    }
}

bool world_busy(const struct world *world) {
    return world->step != STEPS;
}

void world_finish(struct world *world) {
    ask_destroy(world->ask);
    cJSON_Delete(world->channels);
    cJSON_Delete(world->members);
    cJSON_Delete(world->commands);
    *world = (struct world){0};
}

const char *world_channel_name(const struct world *world, const char *id) {
    const cJSON *item;
    cJSON_ArrayForEach(item, world->channels) {
        if (strcmp(text_of(item, "id"), id) == 0) {
            return text_of(item, "name");
        }
    }
    return "";
}

const char *world_member_name(const struct world *world, const char *id) {
    const cJSON *item;
    cJSON_ArrayForEach(item, world->members) {
        const cJSON *user = cJSON_GetObjectItemCaseSensitive(item, "user");
        if (strcmp(text_of(user, "id"), id) == 0) {
            return text_of(user, "username");
        }
    }
    return "";
}
