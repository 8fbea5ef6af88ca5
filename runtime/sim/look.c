/* sim/look.c: what a screen shows at first: guilds and bots, then one guild with its channels,
 * roles and members, and the commands that hold in it. */
#include "sim/act.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A screen shows no more than these; the numbers of all stand beside them. */
enum { GUILDS_SHOWN = 200, MEMBERS_SHOWN = 1000 };

static void add_text(struct buf *out, const char *text) {
    buf_text(out, "\"");
    buf_json_text(out, text, strlen(text));
    buf_text(out, "\"");
}

/* A guild's name as bots may have set it. */
static const char *name_of(const struct sim_guild *guild) {
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(guild->over, "name");
    return cJSON_IsString(name) ? name->valuestring : guild->name;
}

void sim_look_world(struct sim *sim, struct buf *out) {
    const struct sim_world *world = sim->world;
    uint32_t shown = world->guild_count < GUILDS_SHOWN ? world->guild_count : GUILDS_SHOWN;
    buf_printf(out,
               "{\"run\":\"%016" PRIx64 "\",\"seed\":%" PRIu64 ",\"guild_count\":%u,\"guilds\":[",
               sim->run, sim->options.seed, world->guild_count);
    for (uint32_t i = 0; i < shown; i++) {
        buf_printf(out, "%s{\"id\":\"%" PRIu64 "\",\"name\":", i > 0 ? "," : "",
                   world->guilds[i].id);
        add_text(out, name_of(&world->guilds[i]));
        buf_text(out, "}");
    }
    buf_text(out, "],\"bots\":[");
    for (const struct sim_bot *bot = sim->bots; bot != NULL; bot = bot->next) {
        buf_printf(out, "%s{\"bot\":\"%" PRIu64 "\",\"number\":%u,\"online\":%s,\"name\":",
                   bot == sim->bots ? "" : ",", bot->self.id, bot->number,
                   sim_bot_connected(bot) > 0 ? "true" : "false");
        add_text(out, bot->self.name);
        buf_text(out, "}");
    }
    buf_text(out, "]}");
}

static void add_members(const struct sim *sim, const struct sim_guild *guild, struct buf *out) {
    uint32_t shown = 0;
    uint32_t count = 0;
    buf_text(out, ",\"members\":[");
    for (uint32_t i = 0; i < guild->member_count; i++) {
        const struct sim_member *member = &guild->members[i];
        const struct sim_user *user = &sim->world->users[member->user];
        if (member->absent) {
            continue;
        }
        count++;
        if (shown < MEMBERS_SHOWN) {
            buf_text(out, shown++ > 0 ? "," : "");
            sim_render_member(out, guild, member, user);
            out->length--; /* the object goes on */
            buf_printf(out, ",\"status\":\"%s\"}", sim_status_name(user->status));
        }
    }
    buf_printf(out, "],\"member_count\":%u", count);
}

void sim_look_guild(struct sim *sim, struct sim_guild *guild, struct buf *out) {
    bool comma = false;
    sim_render_guild(out, sim->world, guild);
    out->length--; /* the object goes on */
    buf_text(out, ",\"channels\":[");
    for (const struct sim_channel *at = sim_guild_next_channel(guild, NULL); at != NULL;
         at = sim_guild_next_channel(guild, at)) {
        buf_text(out, comma ? "," : "");
        sim_render_channel(out, at, guild, guild->channels[0].id);
        comma = true;
    }
    buf_text(out, "]");
    add_members(sim, guild, out);
    buf_text(out, "}");
}

/* A guild's own command hides the global one of its name. */
static bool holds(const struct sim_bot *bot, const struct sim_command *command,
                  const struct sim_guild *guild) {
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(command->object, "name");
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(command->object, "type");
    return cJSON_IsString(name) &&
           sim_command_named(bot, guild->id, name->valuestring,
                             cJSON_IsNumber(type) ? type->valueint : 1) == command;
}

void sim_look_commands(struct sim *sim, const struct sim_guild *guild, struct buf *out) {
    bool comma = false;
    buf_text(out, "[");
    for (const struct sim_bot *bot = sim->bots; bot != NULL; bot = bot->next) {
        for (const struct sim_command *at = bot->commands; at != NULL; at = at->next) {
            if (holds(bot, at, guild)) {
                buf_printf(out, "%s{\"bot\":\"%" PRIu64 "\",\"command\":", comma ? "," : "",
                           bot->self.id);
                sim_print(out, at->object);
                buf_text(out, "}");
                comma = true;
            }
        }
    }
    buf_text(out, "]");
}
