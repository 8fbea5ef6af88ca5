/* sim/render.c: users, members, roles, channels and presences as JSON. Pure. */
#include "sim/render.h"

#include <inttypes.h>

/* Civil date of a day count since 1970-01-01 (proleptic Gregorian, era of 400 years). */
static void civil(uint64_t days, unsigned *year, unsigned *month, unsigned *day) {
    uint64_t z = days + 719468;
    uint64_t era = z / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    *day = doy - (153 * mp + 2) / 5 + 1;
    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = (unsigned)(yoe + era * 400) + (*month <= 2 ? 1 : 0);
}

bool sim_render_time(struct buf *out, uint64_t wall_ms) {
    unsigned year;
    unsigned month;
    unsigned day;
    unsigned second = (unsigned)(wall_ms / 1000 % 86400);
    civil(wall_ms / 86400000, &year, &month, &day);
    return buf_printf(out, "\"%04u-%02u-%02uT%02u:%02u:%02u.%03u000+00:00\"", year, month, day,
                      second / 3600, second / 60 % 60, second % 60, (unsigned)(wall_ms % 1000));
}

/* Puts the fields of `over` into the object that begins at `start` and ends the buffer. */
bool sim_render_over(struct buf *out, size_t start, const cJSON *over) {
    if (over == NULL || out->bytes == NULL) {
        return true;
    }
    cJSON *object = cJSON_ParseWithLength(out->bytes + start, out->length - start);
    const cJSON *item;
    cJSON_ArrayForEach(item, over) {
        cJSON_DeleteItemFromObjectCaseSensitive(object, item->string);
        cJSON_AddItemToObject(object, item->string, cJSON_Duplicate(item, true));
    }
    char *text = cJSON_PrintUnformatted(object);
    out->length = start;
    bool fine = text != NULL && buf_text(out, text);
    cJSON_free(text);
    cJSON_Delete(object);
    return fine;
}

bool sim_render_user(struct buf *out, const struct sim_user *user) {
    return buf_printf(out,
                      "{\"username\":\"%s\",\"public_flags\":0,\"flags\":0,\"primary_guild\":null,"
                      "\"id\":\"%" PRIu64 "\",\"global_name\":\"%s\",\"discriminator\":\"0\","
                      "\"collectibles\":null,\"avatar_decoration_data\":null,\"banner\":null,"
                      "\"accent_color\":null,\"avatar\":\"%016" PRIx64 "%016" PRIx64 "\"}",
                      user->name, user->id, user->shown, user->avatar, ~user->avatar);
}

bool sim_render_self(struct buf *out, const struct sim_self *self) {
    return buf_printf(out,
                      "{\"username\":\"%s\",\"public_flags\":524288,\"flags\":524288,"
                      "\"primary_guild\":null,\"id\":\"%" PRIu64 "\",\"global_name\":null,"
                      "\"discriminator\":\"0\",\"collectibles\":null,\"bot\":true,"
                      "\"avatar_decoration_data\":null,\"banner\":null,\"accent_color\":null,"
                      "\"avatar\":null,\"mfa_enabled\":true,\"locale\":\"en-US\","
                      "\"verified\":true,\"email\":null}",
                      self->name, self->id);
}

bool sim_render_member(struct buf *out, const struct sim_guild *guild,
                       const struct sim_member *member, const struct sim_user *user) {
    size_t start = out->length;
    bool fine = buf_text(out, "{");
    if (user != NULL) {
        fine =
            fine && buf_text(out, "\"user\":") && sim_render_user(out, user) && buf_text(out, ",");
    }
    fine = fine && buf_text(out, "\"roles\":[");
    if (member->role > 0 && !guild->roles[member->role].gone) {
        fine = fine && buf_printf(out, "\"%" PRIu64 "\"", guild->roles[member->role].id);
    }
    fine = fine && buf_text(out, "],\"premium_since\":null,\"pending\":false,\"nick\":");
    if (member->nick) {
        fine = fine && buf_printf(out, "\"nick %u\"", member->user);
    } else {
        fine = fine && buf_text(out, "null");
    }
    return fine && buf_text(out, ",\"mute\":false,\"joined_at\":") &&
           sim_render_time(out, member->joined_ms) &&
           buf_text(out, ",\"flags\":0,\"deaf\":false,\"communication_disabled_until\":null,"
                         "\"banner\":null,\"avatar\":null,\"avatar_decoration_data\":null,"
                         "\"collectibles\":null}") &&
           sim_render_over(out, start, member->over);
}

bool sim_render_self_member(struct buf *out, const struct sim_guild *guild,
                            const struct sim_self *self) {
    size_t start = out->length;
    const struct sim_self_member *own = guild->selves;
    while (own != NULL && own->bot != self->id) {
        own = own->next;
    }
    return buf_text(out, "{\"user\":") && sim_render_self(out, self) &&
           buf_printf(out, ",\"roles\":[\"%" PRIu64 "\"]", guild->roles[1].id) &&
           buf_text(out, ",\"premium_since\":null,\"pending\":false,\"nick\":null,"
                         "\"mute\":false,\"joined_at\":") &&
           sim_render_time(out, sim_id_wall_ms(guild->id) + 86400000) &&
           buf_text(out, ",\"flags\":0,\"deaf\":false,\"communication_disabled_until\":null,"
                         "\"banner\":null,\"avatar\":null,\"avatar_decoration_data\":null,"
                         "\"collectibles\":null}") &&
           sim_render_over(out, start, own != NULL ? own->over : NULL);
}

bool sim_render_role(struct buf *out, const struct sim_role *role, unsigned position) {
    size_t start = out->length;
    return buf_printf(out,
                      "{\"version\":0,\"unicode_emoji\":null,\"tags\":{},\"position\":%u,"
                      "\"permissions\":\"2248473465835073\",\"name\":\"%s\",\"mentionable\":false,"
                      "\"managed\":false,\"id\":\"%" PRIu64 "\",\"icon\":null,\"hoist\":false,"
                      "\"flags\":0,\"colors\":{\"primary_color\":%u,\"secondary_color\":null,"
                      "\"tertiary_color\":null},\"color\":%u}",
                      position, role->name, role->id, role->colour, role->colour) &&
           sim_render_over(out, start, role->over);
}

bool sim_render_channel(struct buf *out, const struct sim_channel *channel,
                        const struct sim_guild *guild, uint64_t parent_id) {
    size_t start = out->length;
    if (sim_channel_is_thread(channel)) {
        return buf_printf(out, "{\"type\":%u,\"flags\":0,\"id\":\"%" PRIu64 "\"}", channel->type,
                          channel->id) &&
               sim_render_over(out, start, channel->over);
    }
    bool fine = buf_printf(out,
                           "{\"version\":0,\"type\":%u,\"position\":%u,"
                           "\"permission_overwrites\":[],\"name\":\"%s\",\"id\":\"%" PRIu64
                           "\",\"flags\":0",
                           channel->type, channel->position, channel->name, channel->id);
    if (guild != NULL) {
        fine = fine && buf_printf(out, ",\"guild_id\":\"%" PRIu64 "\"", guild->id);
    }
    if (parent_id != 0 && channel->type != SIM_CHANNEL_CATEGORY) {
        fine = fine && buf_printf(out, ",\"parent_id\":\"%" PRIu64 "\"", parent_id);
    }
    if (channel->type == SIM_CHANNEL_TEXT || channel->type == SIM_CHANNEL_NEWS) {
        fine = fine && buf_printf(out,
                                  ",\"topic\":null,\"rate_limit_per_user\":0,\"nsfw\":false,"
                                  "\"last_message_id\":\"%" PRIu64 "\"",
                                  channel->last_message_id);
    } else if (channel->type == SIM_CHANNEL_VOICE) {
        fine = fine && buf_text(out, ",\"user_limit\":0,\"rtc_region\":null,"
                                     "\"rate_limit_per_user\":0,\"nsfw\":false,"
                                     "\"last_message_id\":null,\"bitrate\":64000");
    }
    return fine && buf_text(out, "}") && sim_render_over(out, start, channel->over);
}

bool sim_render_presence(struct buf *out, const struct sim_user *user, uint64_t guild_id,
                         unsigned status, uint64_t wall_ms) {
    const char *name = sim_status_name(status);
    bool fine =
        buf_printf(out, "{\"user\":{\"id\":\"%" PRIu64 "\"},\"status\":\"%s\"", user->id, name);
    if (guild_id != 0) {
        fine = fine && buf_printf(out, ",\"guild_id\":\"%" PRIu64 "\"", guild_id);
    }
    fine = fine && buf_text(out, ",\"client_status\":{");
    if (status != 3) {
        fine = fine && buf_printf(out, "\"desktop\":\"%s\"", name);
    }
    fine = fine && buf_text(out, "},\"activities\":[");
    if (status != 3 && user->activity % 2 == 0) {
        fine = fine && buf_printf(out,
                                  "{\"type\":0,\"timestamps\":{\"start\":%" PRIu64
                                  "},\"name\":\"Acorn Quest %u\",\"id\":\"%016" PRIx64
                                  "\",\"details\":\"Level %u, collecting\",\"state\":"
                                  "\"In a party\",\"created_at\":%" PRIu64
                                  ",\"application_id\":\"%" PRIu64 "\"}",
                                  wall_ms - 60000, user->activity % 7, user->avatar, user->activity,
                                  wall_ms, user->id ^ 0xfffff);
    }
    return fine && buf_text(out, "]}");
}

bool sim_render_voice_state(struct buf *out, const struct sim_world *world,
                            const struct sim_guild *guild, const struct sim_member *member,
                            uint64_t channel_id) {
    const struct sim_user *user = &world->users[member->user];
    bool fine = buf_text(out, "{\"member\":") && sim_render_member(out, guild, member, user) &&
                buf_printf(out,
                           ",\"user_id\":\"%" PRIu64 "\",\"suppress\":false,\"session_id\":"
                           "\"%016" PRIx64 "%016" PRIx64 "\",\"self_video\":false,"
                           "\"self_mute\":%s,\"self_deaf\":false,"
                           "\"request_to_speak_timestamp\":null,\"mute\":false,"
                           "\"guild_id\":\"%" PRIu64 "\",\"deaf\":false,\"channel_id\":",
                           user->id, user->avatar, user->id,
                           user->activity % 2 == 0 ? "true" : "false", guild->id);
    if (channel_id == 0) {
        return fine && buf_text(out, "null}");
    }
    return fine && buf_printf(out, "\"%" PRIu64 "\"}", channel_id);
}
