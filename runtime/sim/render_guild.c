/* sim/render_guild.c: guilds and messages as JSON. Pure. */
#include "sim/render.h"

#include "sim/events.h"

#include <inttypes.h>
#include <string.h>

/* The whole object, closed. */
static bool render_guild_fields(struct buf *out, const struct sim_world *world,
                                const struct sim_guild *guild) {
    const struct sim_member *owner = &guild->members[guild->owner];
    size_t start = out->length;
    bool fine = buf_printf(
        out,
        "{\"id\":\"%" PRIu64 "\",\"name\":\"%s\",\"owner_id\":\"%" PRIu64
        "\",\"icon\":null,\"description\":null,\"home_header\":null,\"splash\":null,"
        "\"discovery_splash\":null,\"features\":[\"NEWS\"],\"banner\":null,"
        "\"application_id\":null,\"region\":\"deprecated\",\"afk_channel_id\":null,"
        "\"afk_timeout\":300,\"system_channel_id\":\"%" PRIu64
        "\",\"system_channel_flags\":0,\"widget_enabled\":false,\"widget_channel_id\":null,"
        "\"verification_level\":1,\"default_message_notifications\":1,\"mfa_level\":0,"
        "\"explicit_content_filter\":2,\"max_presences\":null,\"max_members\":25000000,"
        "\"max_stage_video_channel_users\":50,\"max_video_channel_users\":25,",
        guild->id, guild->name, world->users[owner->user].id, guild->channels[1].id);
    fine = fine && buf_text(out, "\"vanity_url_code\":null,\"premium_tier\":0,"
                                 "\"premium_subscription_count\":0,\"preferred_locale\":\"en-US\","
                                 "\"rules_channel_id\":null,\"safety_alerts_channel_id\":null,"
                                 "\"public_updates_channel_id\":null,\"nsfw\":false,"
                                 "\"premium_progress_bar_enabled\":false,\"nsfw_level\":0,"
                                 "\"emojis\":[],\"stickers\":[],\"incidents_data\":null,"
                                 "\"roles\":[");
    unsigned position = 0;
    for (const struct sim_role *at = sim_guild_next_role(guild, NULL); fine && at != NULL;
         at = sim_guild_next_role(guild, at)) {
        fine = buf_text(out, position == 0 ? "" : ",") && sim_render_role(out, at, position++);
    }
    return fine && buf_text(out, "]}") && sim_render_over(out, start, guild->over);
}

bool sim_render_guild(struct buf *out, const struct sim_world *world,
                      const struct sim_guild *guild) {
    return render_guild_fields(out, world, guild);
}

/* Which members GUILD_CREATE lists: with presences all of a small guild, or those online of a
 * large one; without, only who is in a voice channel (the bot itself comes extra). */
static bool listed(const struct sim_world *world, const struct sim_member *member, uint64_t intents,
                   bool large) {
    if (member->absent) {
        return false;
    }
    if ((intents & SIM_GUILD_PRESENCES) == 0) {
        return member->voice != 0;
    }
    return !large || world->users[member->user].status != 3;
}

static bool render_members(struct buf *out, const struct sim_world *world,
                           const struct sim_guild *guild, const struct sim_self *self,
                           uint64_t intents, bool large) {
    bool fine = buf_text(out, ",\"members\":[") && sim_render_self_member(out, guild, self);
    for (uint32_t i = 0; fine && i < guild->member_count; i++) {
        const struct sim_member *member = &guild->members[i];
        if (listed(world, member, intents, large)) {
            fine = buf_text(out, ",") &&
                   sim_render_member(out, guild, member, &world->users[member->user]);
        }
    }
    return fine && buf_text(out, "]");
}

static bool render_presences(struct buf *out, const struct sim_world *world,
                             const struct sim_guild *guild, uint64_t intents, bool large,
                             uint64_t wall_ms) {
    bool fine = buf_text(out, ",\"presences\":[");
    bool comma = false;
    for (uint32_t i = 0; fine && i < guild->member_count; i++) {
        const struct sim_member *member = &guild->members[i];
        const struct sim_user *user = &world->users[member->user];
        if ((intents & SIM_GUILD_PRESENCES) == 0 || user->status == 3 ||
            !listed(world, member, intents, large)) {
            continue;
        }
        fine = buf_text(out, comma ? "," : "") &&
               sim_render_presence(out, user, 0, user->status, wall_ms);
        comma = true;
    }
    return fine && buf_text(out, "]");
}

static bool render_voice_states(struct buf *out, const struct sim_world *world,
                                const struct sim_guild *guild) {
    bool fine = buf_text(out, ",\"voice_states\":[");
    bool comma = false;
    for (uint32_t i = 0; fine && i < guild->member_count; i++) {
        const struct sim_member *member = &guild->members[i];
        if (member->voice == 0 || member->absent) {
            continue;
        }
        const struct sim_user *user = &world->users[member->user];
        fine = buf_printf(out,
                          "%s{\"user_id\":\"%" PRIu64 "\",\"suppress\":false,\"session_id\":"
                          "\"%016" PRIx64 "%016" PRIx64 "\",\"self_video\":false,"
                          "\"self_mute\":false,\"self_deaf\":false,"
                          "\"request_to_speak_timestamp\":null,\"mute\":false,\"deaf\":false,"
                          "\"channel_id\":\"%" PRIu64 "\"}",
                          comma ? "," : "", user->id, user->avatar, user->id,
                          guild->channels[member->voice].id);
        comma = true;
    }
    return fine && buf_text(out, "]");
}

static bool render_channels(struct buf *out, const struct sim_guild *guild, bool threads) {
    bool fine = true;
    bool comma = false;
    for (const struct sim_channel *at = sim_guild_next_channel(guild, NULL); fine && at != NULL;
         at = sim_guild_next_channel(guild, at)) {
        if (sim_channel_is_thread(at) == threads) {
            fine = buf_text(out, comma ? "," : "") &&
                   sim_render_channel(out, at, NULL, guild->channels[0].id);
            comma = true;
        }
    }
    return fine;
}

bool sim_render_guild_create(struct buf *out, const struct sim_world *world,
                             const struct sim_guild *guild, const struct sim_self *self,
                             uint64_t intents, uint32_t large_threshold, uint64_t wall_ms) {
    bool large = guild->member_count + 1 > large_threshold;
    bool fine = render_guild_fields(out, world, guild);
    out->length -= fine ? 1 : 0; /* the object goes on */
    fine = fine &&
           buf_printf(out, ",\"large\":%s,\"unavailable\":false,\"member_count\":%u",
                      large ? "true" : "false", guild->member_count + 1) &&
           buf_text(out, ",\"version\":1,\"lazy\":true,\"stage_instances\":[],"
                         "\"guild_scheduled_events\":[],\"soundboard_sounds\":[],"
                         "\"joined_at\":") &&
           sim_render_time(out, sim_id_wall_ms(guild->id) + 86400000) &&
           buf_text(out, ",\"threads\":[") && render_channels(out, guild, true) &&
           buf_text(out, "],\"channels\":[") && render_channels(out, guild, false);
    return fine && buf_text(out, "]") && render_members(out, world, guild, self, intents, large) &&
           render_presences(out, world, guild, intents, large, wall_ms) &&
           render_voice_states(out, world, guild) && buf_text(out, "}");
}

static bool render_embed(struct buf *out, const struct sim_message *message) {
    return buf_printf(out,
                      "{\"type\":\"rich\",\"title\":\"Notes of message %" PRIu64
                      "\",\"description\":\"The squirrels met under the oak and agreed on a plan "
                      "for the winter.\",\"color\":%u,\"fields\":[{\"name\":\"acorns\",\"value\":"
                      "\"%u\",\"inline\":true},{\"name\":\"place\",\"value\":\"hollow trunk\","
                      "\"inline\":true}],\"footer\":{\"text\":\"kept by the drey\"}}",
                      message->id, (unsigned)(message->id & 0xffffff),
                      (unsigned)(message->id >> 12 & 0xfff));
}

static bool render_content(struct buf *out, const struct sim_message *message) {
    return buf_text(out, "\"content\":\"") &&
           buf_json_text(out, message->text, strlen(message->text)) &&
           buf_text(out, "\",\"embeds\":[") && (!message->embed || render_embed(out, message)) &&
           buf_text(out, "],");
}

static bool render_mention(struct buf *out, const struct sim_message *message) {
    if (message->mention == 0) {
        return buf_text(out, "\"mentions\":[],");
    }
    /* Bots of the simulator all carry the same name, see sim_bot_create(). */
    struct sim_self self = {.id = message->mention, .name = "drey-sim-bot"};
    return buf_text(out, "\"mentions\":[") && sim_render_self(out, &self) && buf_text(out, "],");
}

bool sim_render_message(struct buf *out, const struct sim_world *world,
                        const struct sim_message *message, bool with_content) {
    bool fine = buf_printf(out,
                           "{\"type\":0,\"tts\":false,\"pinned\":false,\"mention_roles\":[],"
                           "\"mention_everyone\":false,\"attachments\":[],\"components\":[],"
                           "\"flags\":0,\"id\":\"%" PRIu64 "\",\"channel_id\":\"%" PRIu64
                           "\",\"channel_type\":%d,",
                           message->id, message->channel_id, message->guild_id == 0 ? 1 : 0);
    if (message->guild_id != 0) {
        fine = fine && buf_printf(out, "\"guild_id\":\"%" PRIu64 "\",", message->guild_id);
    }
    if (message->nonce != 0) {
        fine = fine && buf_printf(out, "\"nonce\":\"%" PRIu64 "\",", message->nonce);
    }
    fine = fine && render_mention(out, message) &&
           (with_content ? render_content(out, message)
                         : buf_text(out, "\"content\":\"\",\"embeds\":[],")) &&
           buf_text(out, "\"timestamp\":") && sim_render_time(out, message->wall_ms) &&
           buf_text(out, ",\"edited_timestamp\":");
    fine = fine && (message->edited_ms == 0 ? buf_text(out, "null")
                                            : sim_render_time(out, message->edited_ms));
    if (message->member != NULL) {
        fine = fine && buf_text(out, ",\"member\":") &&
               sim_render_member(out, message->guild, message->member, NULL);
    }
    return fine && buf_text(out, ",\"author\":") && sim_render_user(out, message->author) &&
           buf_text(out, "}");
}
