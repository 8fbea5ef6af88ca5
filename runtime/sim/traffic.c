/* sim/traffic.c: the mix of events. Pure. */
#include "sim/traffic.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const words[] = {
    "acorn", "tree",   "we",    "the",   "should", "meet",  "again", "branch", "later",  "nice",
    "build", "is",     "was",   "green", "today",  "maybe", "you",   "seen",   "that",   "video",
    "lol",   "thanks", "under", "and",   "with",   "a",     "new",   "nest",   "winter", "game"};

/* Everything one step needs. */
struct scene {
    struct sim_traffic *traffic;
    struct sim_world *world;
    const struct sim_self *self;
    uint64_t wall_ms;
    struct sim_news *news;
    struct sim_guild *guild;
    struct sim_channel *channel; /* a text channel */
    struct sim_member *member;   /* present */
    struct sim_user *user;
};

typedef bool tell_fn(struct scene *scene);

static uint32_t below(struct scene *scene, uint32_t bound) {
    return sim_random_below(&scene->world->random, bound);
}

/* The same seed always writes the same text. */
static void write_text(uint32_t seed, char *out, size_t size) {
    struct sim_random random = {.state = seed};
    uint32_t kind = sim_random_below(&random, 40);
    if (kind == 0) {
        snprintf(out, size, "!ping");
        return;
    }
    uint32_t count = 3 + sim_random_below(&random, 24);
    size_t used = 0;
    for (uint32_t i = 0; i < count && used + 16 < size; i++) {
        const char *word = words[sim_random_below(&random, sizeof(words) / sizeof(words[0]))];
        int length = snprintf(out + used, size - used, "%s%s", i == 0 ? "" : " ", word);
        used += (size_t)length;
    }
}

static struct sim_recent *pick_recent(struct scene *scene) {
    struct sim_recent *recent = &scene->traffic->recent[below(scene, SIM_RECENT)];
    return recent->id != 0 && !recent->member->absent && !recent->channel->gone ? recent : NULL;
}

/* What others need to remember of it. */
static void note_made(struct scene *scene, uint64_t id, uint64_t channel_id,
                      const struct sim_user *user) {
    scene->news->made_id = id;
    scene->news->channel_id = channel_id;
    scene->news->user = user;
}

static bool render_both(struct scene *scene, const struct sim_message *message) {
    scene->news->sees = message->mention;
    note_made(scene, message->id, message->channel_id, message->author);
    return sim_render_message(&scene->news->full, scene->world, message, true) &&
           sim_render_message(&scene->news->bare, scene->world, message, false);
}

static bool tell_message(struct scene *scene) {
    struct sim_traffic *traffic = scene->traffic;
    uint32_t seed = (uint32_t)sim_random_next(&scene->world->random);
    char text[400];
    struct sim_recent *recent = &traffic->recent[traffic->next++ % SIM_RECENT];
    write_text(seed, text, sizeof(text));
    struct sim_message message = {.id = sim_world_id(scene->world, scene->wall_ms),
                                  .channel_id = scene->channel->id,
                                  .guild_id = scene->guild->id,
                                  .wall_ms = scene->wall_ms,
                                  .author = scene->user,
                                  .member = scene->member,
                                  .guild = scene->guild,
                                  .text = text,
                                  .embed = below(scene, 3) == 0};
    message.nonce = message.id + 1;
    if (scene->self != NULL && below(scene, 50) == 0) {
        message.mention = scene->self->id;
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, " <@%" PRIu64 ">", scene->self->id);
    }
    *recent = (struct sim_recent){.id = message.id,
                                  .wall_ms = scene->wall_ms,
                                  .guild = scene->guild,
                                  .channel = scene->channel,
                                  .member = scene->member,
                                  .text_seed = seed};
    scene->channel->last_message_id = message.id;
    return render_both(scene, &message);
}

static bool tell_message_update(struct scene *scene) {
    struct sim_recent *recent = pick_recent(scene);
    if (recent == NULL) {
        scene->news->event = SIM_MESSAGE_CREATE;
        return tell_message(scene);
    }
    char text[400];
    write_text(recent->text_seed, text, sizeof(text));
    strncat(text, " (edited)", sizeof(text) - strlen(text) - 1);
    scene->news->guild = recent->guild;
    struct sim_message message = {.id = recent->id,
                                  .channel_id = recent->channel->id,
                                  .guild_id = recent->guild->id,
                                  .wall_ms = recent->wall_ms,
                                  .edited_ms = scene->wall_ms,
                                  .author = &scene->world->users[recent->member->user],
                                  .member = recent->member,
                                  .guild = recent->guild,
                                  .text = text};
    return render_both(scene, &message);
}

static bool tell_message_delete(struct scene *scene) {
    struct sim_recent *recent = pick_recent(scene);
    if (recent == NULL) {
        scene->news->event = SIM_MESSAGE_CREATE;
        return tell_message(scene);
    }
    scene->news->guild = recent->guild;
    note_made(scene, recent->id, recent->channel->id, NULL);
    bool fine = buf_printf(&scene->news->full,
                           "{\"id\":\"%" PRIu64 "\",\"channel_id\":\"%" PRIu64
                           "\",\"guild_id\":\"%" PRIu64 "\"}",
                           recent->id, recent->channel->id, recent->guild->id);
    recent->id = 0;
    return fine;
}

static bool tell_reaction(struct scene *scene) {
    static const char *const emoji[] = {"\xf0\x9f\x90\xbf\xef\xb8\x8f", "\xf0\x9f\x8c\xb0",
                                        "\xf0\x9f\x91\x8d", "\xe2\x9d\xa4\xef\xb8\x8f"};
    struct buf *out = &scene->news->full;
    struct sim_recent *recent = pick_recent(scene);
    if (recent == NULL) {
        scene->news->event = SIM_MESSAGE_CREATE;
        return tell_message(scene);
    }
    struct sim_guild *guild = recent->guild;
    struct sim_member *member = &guild->members[below(scene, guild->member_count)];
    const struct sim_user *user = &scene->world->users[member->user];
    const char *chosen = emoji[below(scene, 4)];
    scene->news->guild = guild;
    note_made(scene, recent->id, recent->channel->id, user);
    snprintf(scene->news->token, sizeof(scene->news->token), "%s", chosen);
    bool fine = buf_printf(out,
                           "{\"user_id\":\"%" PRIu64 "\",\"type\":0,\"message_id\":\"%" PRIu64
                           "\",\"channel_id\":\"%" PRIu64 "\",\"guild_id\":\"%" PRIu64
                           "\",\"burst\":false,\"emoji\":{\"name\":\"%s\",\"id\":null}",
                           user->id, recent->id, recent->channel->id, guild->id, chosen);
    if (scene->news->event == SIM_MESSAGE_REACTION_ADD) {
        fine = fine &&
               buf_printf(out, ",\"message_author_id\":\"%" PRIu64 "\",\"member\":",
                          scene->world->users[recent->member->user].id) &&
               sim_render_member(out, guild, member, user);
    }
    return fine && buf_text(out, "}");
}

static bool tell_presence(struct scene *scene) {
    scene->user->status = (uint8_t)below(scene, 4);
    scene->user->activity = (uint8_t)below(scene, 256);
    return sim_render_presence(&scene->news->full, scene->user, scene->guild->id,
                               scene->user->status, scene->wall_ms);
}

static bool tell_typing(struct scene *scene) {
    struct buf *out = &scene->news->full;
    return buf_printf(out, "{\"user_id\":\"%" PRIu64 "\",\"timestamp\":%" PRIu64 ",\"member\":",
                      scene->user->id, scene->wall_ms / 1000) &&
           sim_render_member(out, scene->guild, scene->member, scene->user) &&
           buf_printf(out, ",\"channel_id\":\"%" PRIu64 "\",\"guild_id\":\"%" PRIu64 "\"}",
                      scene->channel->id, scene->guild->id);
}

/* A member object as an event: the object with guild_id put in front. */
static bool member_event(struct scene *scene) {
    struct buf *out = &scene->news->full;
    size_t start = out->length;
    if (!buf_printf(out, "{\"guild_id\":\"%" PRIu64 "\"", scene->guild->id)) {
        return false;
    }
    size_t brace = out->length;
    if (!sim_render_member(out, scene->guild, scene->member, scene->user)) {
        return false;
    }
    out->bytes[brace] = ',';
    return start < brace;
}

static bool tell_member_update(struct scene *scene) {
    scene->member->nick = !scene->member->nick;
    scene->member->role = (uint8_t)below(scene, SIM_GUILD_ROLES);
    return member_event(scene);
}

static bool tell_member_remove(struct scene *scene) {
    /* ann and bob stay, and who speaks in a voice channel as well. */
    if (scene->member->user < 2 || scene->member->voice != 0) {
        scene->news->event = SIM_GUILD_MEMBER_UPDATE;
        return tell_member_update(scene);
    }
    scene->member->absent = true;
    return buf_printf(&scene->news->full,
                      "{\"guild_id\":\"%" PRIu64 "\",\"user\":", scene->guild->id) &&
           sim_render_user(&scene->news->full, scene->user) && buf_text(&scene->news->full, "}");
}

static bool tell_member_add(struct scene *scene) {
    for (uint32_t i = 0; i < scene->guild->member_count; i++) {
        struct sim_member *member = &scene->guild->members[i];
        if (member->absent) {
            member->absent = false;
            member->joined_ms = scene->wall_ms;
            scene->member = member;
            scene->user = &scene->world->users[member->user];
            return member_event(scene);
        }
    }
    scene->news->event = SIM_GUILD_MEMBER_REMOVE;
    return tell_member_remove(scene);
}

static bool tell_voice(struct scene *scene) {
    struct sim_member *member = scene->member;
    member->voice = member->voice == 0 ? (uint8_t)(4 + below(scene, 2)) : 0;
    member->voice = scene->guild->channels[member->voice].gone ? 0 : member->voice;
    uint64_t channel = member->voice == 0 ? 0 : scene->guild->channels[member->voice].id;
    return sim_render_voice_state(&scene->news->full, scene->world, scene->guild, member, channel);
}

static bool tell_channel_update(struct scene *scene) {
    return sim_render_channel(&scene->news->full, scene->channel, scene->guild,
                              scene->guild->channels[0].id);
}

static bool tell_role_update(struct scene *scene) {
    unsigned index = 1 + below(scene, SIM_GUILD_ROLES - 1);
    if (scene->guild->roles[index].gone) {
        scene->news->event = SIM_TYPING_START;
        return tell_typing(scene);
    }
    scene->guild->roles[index].colour = below(scene, 0xffffff);
    return buf_printf(&scene->news->full,
                      "{\"guild_id\":\"%" PRIu64 "\",\"role\":", scene->guild->id) &&
           sim_render_role(&scene->news->full, &scene->guild->roles[index], index) &&
           buf_text(&scene->news->full, "}");
}

/* The rest of a member object whose first field was written by hand, and the end of its parent. */
static bool member_tail(struct buf *out, struct scene *scene) {
    size_t brace = out->length;
    if (!sim_render_member(out, scene->guild, scene->member, scene->user)) {
        return false;
    }
    out->bytes[brace] = ',';
    return buf_text(out, "}");
}

static bool tell_interaction(struct scene *scene) {
    struct buf *out = &scene->news->full;
    if (scene->self == NULL) {
        scene->news->event = SIM_TYPING_START;
        return tell_typing(scene);
    }
    uint64_t id = sim_world_id(scene->world, scene->wall_ms);
    scene->news->only = scene->self->id;
    uint64_t random = sim_random_next(&scene->world->random);
    char *token = scene->news->token;
    note_made(scene, id, scene->channel->id, scene->user);
    snprintf(token, sizeof(scene->news->token),
             "aW50ZXJhY3Rpb246%016" PRIx64 "%016" PRIx64 "%016" PRIx64, random, ~random,
             random * 31);
    return buf_printf(
               out,
               "{\"version\":1,\"type\":2,\"token\":\"%s\",\"locale\":\"en-GB\",\"id\":\"%" PRIu64
               "\",\"guild_locale\":\"en-US\",\"guild_id\":\"%" PRIu64
               "\",\"guild\":{\"locale\":\"en-US\",\"id\":\"%" PRIu64
               "\",\"features\":[]},\"entitlements\":[],\"context\":0,"
               "\"channel_id\":\"%" PRIu64 "\",\"attachment_size_limit\":10485760,"
               "\"authorizing_integration_owners\":{\"0\":\"%" PRIu64
               "\"},\"application_id\":\"%" PRIu64
               "\",\"app_permissions\":\"2248473465835073\",\"data\":{\"type\":1,"
               "\"name\":\"ping\",\"id\":\"%" PRIu64 "\"},",
               token, id, scene->guild->id, scene->guild->id, scene->channel->id, scene->guild->id,
               scene->self->id, scene->self->id ^ 0xabcdef) &&
           buf_text(out, "\"member\":{\"permissions\":\"2248473465835073\"") &&
           member_tail(out, scene);
}

static bool tell_direct(struct scene *scene) {
    if (scene->self == NULL) {
        scene->news->event = SIM_MESSAGE_CREATE;
        return tell_message(scene);
    }
    char text[400];
    write_text((uint32_t)sim_random_next(&scene->world->random), text, sizeof(text));
    scene->news->guild = NULL;
    scene->news->only = scene->self->id;
    /* A stable channel for each pair of user and bot. */
    struct sim_message message = {.id = sim_world_id(scene->world, scene->wall_ms),
                                  .channel_id = scene->user->id ^ (scene->self->id & 0x3fffff),
                                  .wall_ms = scene->wall_ms,
                                  .author = scene->user,
                                  .text = text};
    message.nonce = message.id + 1;
    note_made(scene, message.id, message.channel_id, scene->user);
    return sim_render_message(&scene->news->full, scene->world, &message, true);
}

static const struct kind {
    enum sim_event event;
    uint32_t weight; /* per mille */
    tell_fn *tell;
} kinds[] = {
    {SIM_MESSAGE_CREATE, 335, tell_message},
    {SIM_PRESENCE_UPDATE, 215, tell_presence},
    {SIM_TYPING_START, 150, tell_typing},
    {SIM_GUILD_MEMBER_UPDATE, 80, tell_member_update},
    {SIM_VOICE_STATE_UPDATE, 55, tell_voice},
    {SIM_MESSAGE_UPDATE, 45, tell_message_update},
    {SIM_MESSAGE_REACTION_ADD, 45, tell_reaction},
    {SIM_MESSAGE_DELETE, 15, tell_message_delete},
    {SIM_MESSAGE_REACTION_REMOVE, 10, tell_reaction},
    {SIM_GUILD_MEMBER_ADD, 12, tell_member_add},
    {SIM_GUILD_MEMBER_REMOVE, 10, tell_member_remove},
    {SIM_CHANNEL_UPDATE, 5, tell_channel_update},
    {SIM_GUILD_ROLE_UPDATE, 3, tell_role_update},
    {SIM_INTERACTION_CREATE, 15, tell_interaction},
    {SIM_MESSAGE_CREATE, 5, tell_direct},
};

static void start(struct scene *scene) {
    struct sim_news *news = scene->news;
    buf_clear(&news->full);
    buf_clear(&news->bare);
    news->only = 0;
    news->sees = 0;
    news->made_id = 0;
    news->guild = scene->guild;
    scene->traffic->told++;
}

static struct sim_member *present_member(struct scene *scene) {
    struct sim_guild *guild = scene->guild;
    uint32_t at = below(scene, guild->member_count);
    while (guild->members[at].absent) { /* ann never leaves, so this ends */
        at = (at + 1) % guild->member_count;
    }
    return &guild->members[at];
}

bool sim_traffic_next(struct sim_traffic *traffic, struct sim_world *world,
                      const struct sim_self *self, uint64_t wall_ms, struct sim_news *news) {
    if (world->guild_count == 0) {
        return false;
    }
    struct scene scene = {
        .traffic = traffic, .world = world, .self = self, .wall_ms = wall_ms, .news = news};
    scene.guild = &world->guilds[below(&scene, world->guild_count)];
    scene.channel = &scene.guild->channels[1 + below(&scene, 3)];
    if (scene.channel->gone) {
        scene.channel = &scene.guild->channels[1]; /* cannot be deleted */
    }
    scene.member = present_member(&scene);
    scene.user = &world->users[scene.member->user];
    start(&scene);
    uint32_t pick = below(&scene, 1000);
    size_t i = 0;
    while (pick >= kinds[i].weight) { /* the weights add up to 1000 */
        pick -= kinds[i++].weight;
    }
    news->event = kinds[i].event;
    return kinds[i].tell(&scene);
}

void sim_news_finish(struct sim_news *news) {
    buf_finish(&news->full);
    buf_finish(&news->bare);
}
