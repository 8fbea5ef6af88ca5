/* sim/rest_commands.c: application commands, global and of guilds. */
#include "sim/rest.h"

#include "sim/command_form.h"
#include "sim/interact.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CREATES_A_DAY = 200, BULK_MOST = 130 };

static void free_command(struct sim_command *command) {
    cJSON_Delete(command->object);
    free(command);
}

void sim_commands_destroy(struct sim_bot *bot) {
    while (bot->commands != NULL) {
        struct sim_command *next = bot->commands->next;
        free_command(bot->commands);
        bot->commands = next;
    }
}

static const char *name_of(const struct sim_command *command) {
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(command->object, "name");
    return cJSON_IsString(name) ? name->valuestring : "";
}

static struct sim_command *find(const struct sim_bot *bot, uint64_t guild_id, const char *name,
                                int type) {
    struct sim_command *at = bot->commands;
    while (at != NULL && (at->guild_id != guild_id || sim_command_type(at->object) != type ||
                          strcmp(name_of(at), name) != 0)) {
        at = at->next;
    }
    return at;
}

const struct sim_command *sim_command_named(const struct sim_bot *bot, uint64_t guild_id,
                                            const char *name, int type) {
    const struct sim_command *own = guild_id != 0 ? find(bot, guild_id, name, type) : NULL;
    return own != NULL ? own : find(bot, 0, name, type);
}

/* The guild of the path, 0 for the global routes. */
static uint64_t scope_of(const struct sim_call *call) {
    return strstr(call->route->path, "/guilds/") != NULL ? call->ids[1] : 0;
}

static struct sim_command *command_of(const struct sim_call *call) {
    uint64_t guild_id = scope_of(call);
    uint64_t id = guild_id != 0 ? call->ids[2] : call->ids[1];
    struct sim_command *at = call->bot->commands;
    while (at != NULL && (at->id != id || at->guild_id != guild_id)) {
        at = at->next;
    }
    return at;
}

/* 0, or the status of what forbids it (answered). */
static int check_scope(struct sim_call *call) {
    uint64_t guild_id = scope_of(call);
    if (call->ids[0] != call->bot->self.id) {
        return sim_fail(call, 403, 20012,
                        "You are not authorized to perform this action on this application");
    }
    if (guild_id != 0 && sim_world_guild(call->sim->world, guild_id) == NULL) {
        return sim_fail(call, 403, 50001, "Missing Access");
    }
    return 0;
}

static int get_commands(struct sim_call *call) {
    int status = check_scope(call);
    if (status != 0) {
        return status;
    }
    cJSON *list = cJSON_CreateArray();
    for (const struct sim_command *at = call->bot->commands; at != NULL; at = at->next) {
        if (at->guild_id == scope_of(call)) {
            cJSON_AddItemToArray(list, cJSON_Duplicate(at->object, true));
        }
    }
    return sim_give(call, 200, list);
}

static int unknown(struct sim_call *call) {
    return sim_fail(call, 404, 10063, "Unknown application command");
}

static int get_command(struct sim_call *call) {
    int status = check_scope(call);
    const struct sim_command *command = command_of(call);
    if (status != 0 || command == NULL) {
        return status != 0 ? status : unknown(call);
    }
    return sim_give(call, 200, cJSON_Duplicate(command->object, true));
}

static int most_of(int type) {
    return type == SIM_CHAT_INPUT ? 100 : 15;
}

static int count_of(const struct sim_bot *bot, uint64_t guild_id, int type) {
    int count = 0;
    for (const struct sim_command *at = bot->commands; at != NULL; at = at->next) {
        count += at->guild_id == guild_id && sim_command_type(at->object) == type ? 1 : 0;
    }
    return count;
}

/* Another definition; the version changes only when something has. object: taken. */
static void set_object(struct sim_call *call, struct sim_command *command, cJSON *object) {
    sim_add_id(object, "id", command->id);
    sim_add_id(object, "application_id", call->bot->self.id);
    if (command->guild_id != 0) {
        sim_add_id(object, "guild_id", command->guild_id);
    }
    sim_add_id(object, "version", command->version);
    if (command->object == NULL || !cJSON_Compare(object, command->object, true)) {
        char text[24];
        command->version = sim_world_id(call->sim->world, call->wall_ms);
        snprintf(text, sizeof(text), "%" PRIu64, command->version);
        cJSON_ReplaceItemInObjectCaseSensitive(object, "version", cJSON_CreateString(text));
    }
    cJSON_Delete(command->object);
    command->object = object;
}

/* At the end of the list: Discord keeps the order of their making. */
static struct sim_command *append(struct sim_call *call, uint64_t guild_id) {
    struct sim_command *command = calloc(1, sizeof(*command));
    struct sim_command **at = &call->bot->commands;
    if (command == NULL) {
        return NULL;
    }
    command->id = sim_world_id(call->sim->world, call->wall_ms);
    command->guild_id = guild_id;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = command;
    return command;
}

static int post_command(struct sim_call *call) {
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    int status = check_scope(call);
    if (status != 0) {
        return status;
    }
    cJSON *object = sim_command_read(&problems, call->body, &top, NULL);
    if (problems.count > 0) {
        cJSON_Delete(object);
        return sim_fail_form(call, &problems);
    }
    int type = sim_command_type(object);
    uint64_t guild_id = scope_of(call);
    struct sim_command *command =
        find(call->bot, guild_id, cJSON_GetObjectItem(object, "name")->valuestring, type);
    bool fresh = command == NULL;
    if (fresh && count_of(call->bot, guild_id, type) >= most_of(type)) {
        cJSON_Delete(object);
        return sim_fail(call, 400, 30032, "Maximum number of application commands reached.");
    }
    if (fresh && call->bot->command_creates >= CREATES_A_DAY) {
        cJSON_Delete(object);
        return sim_fail(call, 400, 30034,
                        "Max number of daily application command creates has been reached (200)");
    }
    command = fresh ? append(call, guild_id) : command;
    if (command == NULL) {
        cJSON_Delete(object);
        return sim_fail(call, 500, 0, "500: no memory");
    }
    call->bot->command_creates += fresh ? 1 : 0;
    call->bot->command_writes++;
    set_object(call, command, object);
    sim_feed_commands(call->sim, call->bot);
    return sim_give(call, fresh ? 201 : 200, cJSON_Duplicate(command->object, true));
}

static int patch_command(struct sim_call *call) {
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    int status = check_scope(call);
    struct sim_command *command = command_of(call);
    if (status != 0 || command == NULL) {
        return status != 0 ? status : unknown(call);
    }
    /* The type stays what it is. */
    cJSON_DeleteItemFromObjectCaseSensitive(call->body, "type");
    cJSON_AddNumberToObject(call->body, "type", sim_command_type(command->object));
    cJSON *object = sim_command_read(&problems, call->body, &top, command->object);
    if (problems.count > 0) {
        cJSON_Delete(object);
        return sim_fail_form(call, &problems);
    }
    call->bot->command_writes++;
    set_object(call, command, object);
    sim_feed_commands(call->sim, call->bot);
    return sim_give(call, 200, cJSON_Duplicate(command->object, true));
}

static int delete_command(struct sim_call *call) {
    int status = check_scope(call);
    struct sim_command *command = command_of(call);
    if (status != 0 || command == NULL) {
        return status != 0 ? status : unknown(call);
    }
    struct sim_command **at = &call->bot->commands;
    while (*at != command) {
        at = &(*at)->next;
    }
    *at = command->next;
    free_command(command);
    call->bot->command_writes++;
    sim_feed_commands(call->sim, call->bot);
    return 204;
}

/* Every definition of a bulk PUT, checked; NULL: something is wrong with one. */
static cJSON *read_bulk(struct sim_call *call, struct sim_problems *problems) {
    cJSON *list = cJSON_CreateArray();
    const cJSON *item;
    int index = 0;
    int counts[SIM_MESSAGE_COMMAND + 1] = {0};
    const struct sim_where top = {""};
    cJSON_ArrayForEach(item, call->body) {
        char number[16];
        snprintf(number, sizeof(number), "%d", index++);
        struct sim_where below = sim_where_below(&top, number, -1);
        cJSON *command = sim_command_read(problems, item, &below, NULL);
        const cJSON *other;
        if (command == NULL) {
            continue;
        }
        int type = sim_command_type(command);
        if (type >= 1 && type <= SIM_MESSAGE_COMMAND && ++counts[type] > most_of(type)) {
            sim_problem(problems, &below, "", "APPLICATION_COMMANDS_MAX",
                        "Maximum number of application commands reached.");
        }
        cJSON_ArrayForEach(other, list) {
            if (sim_command_type(other) == type &&
                cJSON_Compare(cJSON_GetObjectItem(other, "name"),
                              cJSON_GetObjectItem(command, "name"), true)) {
                sim_problem(problems, &below, "name", "APPLICATION_COMMANDS_DUPLICATE_NAME",
                            "Application command names must be unique");
            }
        }
        cJSON_AddItemToArray(list, command);
    }
    return list;
}

/* Takes the commands of one scope out of the bot's list. */
static struct sim_command *detach_scope(struct sim_bot *bot, uint64_t guild_id) {
    struct sim_command *detached = NULL;
    struct sim_command **at = &bot->commands;
    while (*at != NULL) {
        struct sim_command *command = *at;
        if (command->guild_id != guild_id) {
            at = &command->next;
            continue;
        }
        *at = command->next;
        command->next = detached;
        detached = command;
    }
    return detached;
}

/* The one of the old list with this name and type, taken out of it; NULL: there is none. */
static struct sim_command *reuse(struct sim_command **old, const cJSON *object) {
    for (struct sim_command **at = old; *at != NULL; at = &(*at)->next) {
        struct sim_command *command = *at;
        if (sim_command_type(command->object) == sim_command_type(object) &&
            strcmp(name_of(command), cJSON_GetObjectItem(object, "name")->valuestring) == 0) {
            *at = command->next;
            command->next = NULL;
            return command;
        }
    }
    return NULL;
}

static void replace_all(struct sim_call *call, uint64_t guild_id, cJSON *list) {
    struct sim_command *old = detach_scope(call->bot, guild_id);
    while (cJSON_GetArraySize(list) > 0) {
        cJSON *object = cJSON_DetachItemFromArray(list, 0);
        struct sim_command *command = reuse(&old, object);
        if (command != NULL) {
            struct sim_command **at = &call->bot->commands;
            while (*at != NULL) {
                at = &(*at)->next;
            }
            *at = command;
        } else {
            command = append(call, guild_id);
            call->bot->command_creates++;
        }
        if (command == NULL) {
            cJSON_Delete(object);
            continue;
        }
        set_object(call, command, object);
    }
    while (old != NULL) {
        struct sim_command *next = old->next;
        free_command(old);
        old = next;
    }
}

static int put_commands(struct sim_call *call) {
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    int status = check_scope(call);
    if (status != 0) {
        return status;
    }
    if (!cJSON_IsArray(call->body) || cJSON_GetArraySize(call->body) > BULK_MOST) {
        sim_problem(&problems, &top, "", "LIST_TYPE_CONVERT",
                    "Wanted a list of at most %d commands", BULK_MOST);
        return sim_fail_form(call, &problems);
    }
    cJSON *list = read_bulk(call, &problems);
    if (problems.count > 0) { /* all or nothing */
        cJSON_Delete(list);
        return sim_fail_form(call, &problems);
    }
    call->bot->command_writes++;
    replace_all(call, scope_of(call), list);
    cJSON_Delete(list);
    sim_feed_commands(call->sim, call->bot);
    return get_commands(call);
}

static const struct sim_route rows[] = {
    {"GET", "/applications/*/commands", 0, 0, 10, 10000, get_commands},
    {"PUT", "/applications/*/commands", 0, 0, 5, 20000, put_commands},
    {"POST", "/applications/*/commands", 0, 0, 5, 20000, post_command},
    {"GET", "/applications/*/commands/*", 0, 0, 10, 10000, get_command},
    {"PATCH", "/applications/*/commands/*", 0, 0, 5, 20000, patch_command},
    {"DELETE", "/applications/*/commands/*", 0, 0, 5, 20000, delete_command},
    {"GET", "/applications/*/guilds/*/commands", 0, 0, 10, 10000, get_commands},
    {"PUT", "/applications/*/guilds/*/commands", 0, 0, 5, 20000, put_commands},
    {"POST", "/applications/*/guilds/*/commands", 0, 0, 5, 20000, post_command},
    {"GET", "/applications/*/guilds/*/commands/*", 0, 0, 10, 10000, get_command},
    {"PATCH", "/applications/*/guilds/*/commands/*", 0, 0, 5, 20000, patch_command},
    {"DELETE", "/applications/*/guilds/*/commands/*", 0, 0, 5, 20000, delete_command},
};

const struct sim_route_table sim_routes_commands = {rows, sizeof(rows) / sizeof(rows[0])};
