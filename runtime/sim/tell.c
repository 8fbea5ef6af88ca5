/* sim/tell.c: gateway events of what REST requests have done. */
#include "sim/rest.h"

#include <inttypes.h>
#include <string.h>

void sim_tell(struct sim *sim, enum sim_event event, const struct sim_guild *guild, uint64_t only,
              const struct buf *json) {
    struct sim_news *news = &sim->news;
    buf_clear(&news->full);
    buf_clear(&news->bare);
    news->event = event;
    news->guild = guild;
    news->only = only;
    news->sees = 0;
    if (buf_append(&news->full, json->bytes, json->length)) {
        sim_deliver(sim, news);
        sim_pump_all(sim);
    }
}

struct sim_bot *sim_bot_numbered(struct sim *sim, uint64_t user_id) {
    struct sim_bot *bot = sim->bots;
    while (bot != NULL && bot->self.id != user_id) {
        bot = bot->next;
    }
    return bot;
}

/* The author's member object, as message events have it: without the user. */
static void add_member(struct sim *sim, const struct sim_post *post, struct sim_guild *guild,
                       cJSON *object) {
    struct buf json = {0};
    const struct sim_bot *bot = sim_bot_numbered(sim, post->author_id);
    const struct sim_member *member = sim_guild_member(guild, sim->world, post->author_id);
    if (bot != NULL) {
        sim_render_self_member(&json, guild, &bot->self);
    } else if (member != NULL && !member->absent) {
        sim_render_member(&json, guild, member, NULL);
    }
    cJSON *item = sim_parse_buf(&json);
    if (item != NULL) {
        cJSON_DeleteItemFromObjectCaseSensitive(item, "user");
        cJSON_AddItemToObject(object, "member", item);
    }
}

/* What a bot without MESSAGE_CONTENT does not see. */
static void strip_content(cJSON *object) {
    static const char *const lists[] = {"embeds", "attachments", "components"};
    cJSON_ReplaceItemInObjectCaseSensitive(object, "content", cJSON_CreateString(""));
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        cJSON_ReplaceItemInObjectCaseSensitive(object, lists[i], cJSON_CreateArray());
    }
}

/* The bot that has the content without the intent: who wrote it, or is mentioned. */
static uint64_t who_sees(struct sim *sim, const struct sim_post *post, const cJSON *object) {
    const cJSON *mention;
    if (sim_bot_numbered(sim, post->webhook_id != 0 ? post->webhook_id : post->author_id) != NULL) {
        return post->webhook_id != 0 ? post->webhook_id : post->author_id;
    }
    cJSON_ArrayForEach(mention, cJSON_GetObjectItemCaseSensitive(object, "mentions")) {
        if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(mention, "bot"))) {
            const cJSON *id = cJSON_GetObjectItemCaseSensitive(mention, "id");
            return cJSON_IsString(id) ? strtoull(id->valuestring, NULL, 10) : 0;
        }
    }
    return 0;
}

void sim_tell_post(struct sim *sim, const struct sim_post *post, enum sim_event event) {
    struct sim_news *news = &sim->news;
    cJSON *object = sim_post_object(post, 0);
    struct sim_guild *guild =
        post->guild_id != 0 ? sim_world_guild(sim->world, post->guild_id) : NULL;
    if (object == NULL || post->ephemeral) {
        cJSON_Delete(object);
        sim_feed_ephemeral(sim, post, event);
        return;
    }
    buf_clear(&news->full);
    buf_clear(&news->bare);
    news->event = event;
    news->guild = guild;
    news->only = guild == NULL ? post->only : 0;
    news->sees = who_sees(sim, post, object);
    cJSON_AddNumberToObject(object, "channel_type", guild != NULL ? 0 : 1);
    if (post->nonce[0] != '\0' && event == SIM_MESSAGE_CREATE) {
        cJSON_AddStringToObject(object, "nonce", post->nonce);
    }
    if (guild != NULL) {
        sim_add_id(object, "guild_id", guild->id);
        add_member(sim, post, guild, object);
    }
    bool fine = sim_print(&news->full, object);
    if (guild != NULL) {
        strip_content(object);
        fine = fine && sim_print(&news->bare, object);
    }
    if (fine) {
        sim_deliver(sim, news);
        sim_pump_all(sim);
    }
    cJSON_Delete(object);
}

void sim_tell_gone(struct sim *sim, const struct sim_place *place, uint64_t message_id,
                   uint64_t only) {
    struct buf json = {0};
    buf_printf(&json, "{\"id\":\"%" PRIu64 "\",\"channel_id\":\"%" PRIu64 "\"", message_id,
               place->id);
    if (place->guild != NULL) {
        buf_printf(&json, ",\"guild_id\":\"%" PRIu64 "\"", place->guild->id);
    }
    buf_text(&json, "}");
    sim_tell(sim, SIM_MESSAGE_DELETE, place->guild, only, &json);
    buf_finish(&json);
}
