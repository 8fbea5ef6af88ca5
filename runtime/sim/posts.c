/* sim/posts.c: messages are made, changed and removed here, whoever asks for it: a bot, a webhook
 * or the answer to an interaction. */
#include "sim/rest.h"

#include "base/text.h"
#include "sim/interact.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cJSON *sim_bot_user(const struct sim_self *self) {
    static const char *const own[] = {"mfa_enabled", "locale", "verified", "email"};
    struct buf json = {0};
    sim_render_self(&json, self);
    cJSON *object = sim_parse_buf(&json);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(object, own[i]);
    }
    return object;
}

cJSON *sim_user_object(const struct sim_user *user) {
    struct buf json = {0};
    sim_render_user(&json, user);
    return sim_parse_buf(&json);
}

static cJSON *webhook_user(const struct sim_author *author) {
    cJSON *object = cJSON_CreateObject();
    sim_add_id(object, "id", author->webhook_id);
    cJSON_AddStringToObject(object, "username", author->webhook_name);
    if (author->avatar != NULL) {
        cJSON_AddStringToObject(object, "avatar", author->avatar);
    } else {
        cJSON_AddNullToObject(object, "avatar");
    }
    cJSON_AddStringToObject(object, "discriminator", "0000");
    cJSON_AddNumberToObject(object, "public_flags", 0);
    cJSON_AddNumberToObject(object, "flags", 0);
    cJSON_AddBoolToObject(object, "bot", true);
    cJSON_AddNullToObject(object, "global_name");
    cJSON_AddNullToObject(object, "primary_guild");
    return object;
}

void sim_add_time(cJSON *object, const char *key, uint64_t wall_ms) {
    struct buf json = {0};
    sim_render_time(&json, wall_ms);
    cJSON *item = sim_parse_buf(&json);
    if (!cJSON_ReplaceItemInObjectCaseSensitive(object, key, item)) {
        cJSON_AddItemToObject(object, key, item);
    }
}

static bool list_has(const cJSON *list, const char *text) {
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (cJSON_IsString(item) && strcmp(item->valuestring, text) == 0) {
            return true;
        }
    }
    return false;
}

static bool may_mention(const cJSON *allowed, const char *kind, uint64_t id) {
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, id);
    return allowed == NULL || list_has(cJSON_GetObjectItemCaseSensitive(allowed, "parse"), kind) ||
           list_has(cJSON_GetObjectItemCaseSensitive(allowed, kind), text);
}

static cJSON *any_user(struct sim *sim, uint64_t id) {
    const struct sim_bot *bot = sim_bot_numbered(sim, id);
    const struct sim_user *user = bot == NULL ? sim_world_user(sim->world, id) : NULL;
    return bot != NULL ? sim_bot_user(&bot->self) : user != NULL ? sim_user_object(user) : NULL;
}

static bool has_user(const cJSON *list, uint64_t id) {
    char text[24];
    const cJSON *item;
    snprintf(text, sizeof(text), "%" PRIu64, id);
    cJSON_ArrayForEach(item, list) {
        const cJSON *own = cJSON_GetObjectItemCaseSensitive(item, "id");
        if (cJSON_IsString(own) && strcmp(own->valuestring, text) == 0) {
            return true;
        }
    }
    return false;
}

static void add_mention(struct sim *sim, cJSON *users, cJSON *roles, const char *at,
                        const cJSON *allowed) {
    bool role = at[2] == '&';
    const char *digits = at + (role || at[2] == '!' ? 3 : 2);
    char *end;
    uint64_t id = strtoull(digits, &end, 10);
    if (end == digits || *end != '>' || !may_mention(allowed, role ? "roles" : "users", id)) {
        return;
    }
    if (role) {
        char text[24];
        snprintf(text, sizeof(text), "%" PRIu64, id);
        if (!list_has(roles, text)) {
            cJSON_AddItemToArray(roles, cJSON_CreateString(text));
        }
        return;
    }
    cJSON *user = has_user(users, id) ? NULL : any_user(sim, id);
    if (user != NULL) {
        cJSON_AddItemToArray(users, user);
    }
}

/* mentions, mention_roles and mention_everyone of the content. */
static void set_mentions(struct sim *sim, cJSON *object, const char *content,
                         const cJSON *allowed) {
    static const char *const keys[] = {"mentions", "mention_roles", "mention_everyone"};
    for (size_t i = 0; i < 3; i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(object, keys[i]);
    }
    cJSON *users = cJSON_AddArrayToObject(object, "mentions");
    cJSON *roles = cJSON_AddArrayToObject(object, "mention_roles");
    for (const char *at = strstr(content, "<@"); at != NULL; at = strstr(at + 2, "<@")) {
        add_mention(sim, users, roles, at, allowed);
    }
    bool everyone = strstr(content, "@everyone") != NULL || strstr(content, "@here") != NULL;
    cJSON_AddBoolToObject(object, "mention_everyone",
                          everyone && may_mention(allowed, "everyone", 0));
}

static const char *url_of(const cJSON *attachments, const char *name) {
    const cJSON *item;
    cJSON_ArrayForEach(item, attachments) {
        const cJSON *own = cJSON_GetObjectItemCaseSensitive(item, "filename");
        if (cJSON_IsString(own) && strcmp(own->valuestring, name) == 0) {
            return cJSON_GetObjectItemCaseSensitive(item, "url")->valuestring;
        }
    }
    return NULL;
}

/* "attachment://NAME" becomes the address, at any depth. */
static void resolve_files(cJSON *tree, const cJSON *attachments) {
    cJSON *item;
    cJSON_ArrayForEach(item, tree) {
        if (cJSON_IsString(item) && strncmp(item->valuestring, "attachment://", 13) == 0) {
            const char *url = url_of(attachments, item->valuestring + 13);
            if (url != NULL) {
                cJSON_SetValuestring(item, url);
            }
        }
        resolve_files(item, attachments);
    }
}

static void put(cJSON *object, const char *key, cJSON *item) {
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    cJSON_AddItemToObject(object, key, item);
}

/* What a message answers: false when it must exist and does not (answered). */
static bool add_reference(struct sim_call *call, const struct sim_place *place,
                          const struct sim_message_form *form, cJSON *object, int *status) {
    if (form->reference == 0) {
        return true;
    }
    const struct sim_post *other = sim_store_find(call->sim->store, place->id, form->reference);
    if (other == NULL || other->ephemeral) {
        if (!form->must_exist) {
            return true;
        }
        struct sim_problems problems = {0};
        const struct sim_where top = {""};
        sim_problem(&problems, &top, "message_reference", "MESSAGE_REFERENCE_UNKNOWN_MESSAGE",
                    "Unknown message");
        *status = sim_fail_form(call, &problems);
        return false;
    }
    cJSON *reference = cJSON_AddObjectToObject(object, "message_reference");
    cJSON_AddNumberToObject(reference, "type", 0);
    sim_add_id(reference, "channel_id", place->id);
    sim_add_id(reference, "message_id", other->id);
    if (place->guild != NULL) {
        sim_add_id(reference, "guild_id", place->guild->id);
    }
    cJSON *referenced = sim_post_object(other, call->bot != NULL ? call->bot->self.id : 0);
    cJSON_DeleteItemFromObjectCaseSensitive(referenced, "referenced_message");
    put(object, "type", cJSON_CreateNumber(19));
    cJSON *mentions = cJSON_GetObjectItemCaseSensitive(object, "mentions");
    const cJSON *pings = cJSON_GetObjectItemCaseSensitive(form->allowed_mentions, "replied_user");
    cJSON *author = any_user(call->sim, other->author_id);
    if (author != NULL && !has_user(mentions, other->author_id) &&
        (form->allowed_mentions == NULL || cJSON_IsTrue(pings))) {
        cJSON_AddItemToArray(mentions, author);
    } else {
        cJSON_Delete(author);
    }
    cJSON_AddItemToObject(object, "referenced_message", referenced);
    return true;
}

static cJSON *new_object(struct sim_call *call, const struct sim_place *place,
                         const struct sim_author *author, const struct sim_message_form *form,
                         uint64_t id) {
    cJSON *object = cJSON_CreateObject();
    const char *content = form->content != NULL ? form->content : "";
    cJSON *by = author->user != NULL           ? sim_user_object(author->user)
                : author->webhook_name != NULL ? webhook_user(author)
                                               : sim_bot_user(&author->bot->self);
    cJSON_AddNumberToObject(object, "type", 0);
    sim_add_id(object, "id", id);
    sim_add_id(object, "channel_id", place->id);
    cJSON_AddItemToObject(object, "author", by);
    cJSON_AddStringToObject(object, "content", content);
    set_mentions(call->sim, object, content, form->allowed_mentions);
    cJSON_AddBoolToObject(object, "tts", form->tts);
    cJSON_AddBoolToObject(object, "pinned", false);
    cJSON_AddNumberToObject(object, "flags", form->flags);
    sim_add_time(object, "timestamp", call->wall_ms);
    cJSON_AddNullToObject(object, "edited_timestamp");
    cJSON_AddItemToObject(object, "embeds",
                          form->embeds != NULL ? cJSON_Duplicate(form->embeds, true)
                                               : cJSON_CreateArray());
    cJSON_AddItemToObject(object, "components",
                          form->components != NULL ? cJSON_Duplicate(form->components, true)
                                                   : cJSON_CreateArray());
    if (author->webhook_id != 0) {
        sim_add_id(object, "webhook_id", author->webhook_id);
    }
    if (author->answer != NULL) {
        sim_add_id(object, "application_id", author->bot->self.id);
        sim_interaction_mark(author->answer, object);
    }
    return object;
}

static uint64_t author_id_of(const struct sim_author *author) {
    return author->user != NULL           ? author->user->id
           : author->webhook_name != NULL ? author->webhook_id
                                          : author->bot->self.id;
}

/* Stores the object as a new message. */
static struct sim_post *store_object(struct sim_call *call, const struct sim_place *place,
                                     const struct sim_author *author,
                                     const struct sim_message_form *form, uint64_t id,
                                     const cJSON *object) {
    char *text = cJSON_PrintUnformatted(object);
    struct sim_post *post =
        text == NULL ? NULL : sim_store_add(call->sim->store, place->id, id, text, strlen(text));
    cJSON_free(text);
    if (post == NULL) {
        return NULL;
    }
    post->guild_id = place->guild != NULL ? place->guild->id : 0;
    post->only = place->guild == NULL && author->bot != NULL ? author->bot->self.id : 0;
    post->author_id = author_id_of(author);
    post->webhook_id = author->webhook_id;
    post->made_ms = call->now_ms;
    post->ephemeral = (form->flags & SIM_FLAG_EPHEMERAL) != 0;
    post->loading = (form->flags & SIM_FLAG_LOADING) != 0;
    post->interaction = author->answer != NULL ? author->answer->id : 0;
    text_copy(post->nonce, sizeof(post->nonce), form->nonce);
    if (place->channel != NULL && !post->ephemeral) {
        place->channel->last_message_id = id;
    }
    return post;
}

struct sim_post *sim_post_make(struct sim_call *call, const struct sim_place *place,
                               const struct sim_author *author, const struct sim_message_form *form,
                               int *status) {
    struct sim *sim = call->sim;
    struct sim_post *post = NULL;
    cJSON *attachments = NULL;
    uint64_t author_id = author_id_of(author);
    bool loading = (form->flags & SIM_FLAG_LOADING) != 0;
    struct sim_post *same = sim_store_nonce(sim->store, place->id, author_id, form->nonce);
    if (same != NULL && form->enforce_nonce) {
        *status = 200; /* the message of the first try */
        return same;
    }
    if (!loading && sim_message_form_empty(form, sim_file_count(call))) {
        *status = sim_fail(call, 400, 50006, "Cannot send an empty message");
        return NULL;
    }
    if (sim_file_count(call) > 0 && author->user == NULL &&
        !sim_call_may(call, place, SIM_MAY_ATTACH)) {
        *status = 403;
        return NULL;
    }
    uint64_t id = sim_world_id(sim->world, call->wall_ms);
    cJSON *object = new_object(call, place, author, form, id);
    if (sim_take_files(call, place->id, form->attachments, &attachments, status) &&
        add_reference(call, place, form, object, status)) {
        resolve_files(object, attachments);
        cJSON_AddItemToObject(object, "attachments", attachments);
        attachments = NULL;
        post = store_object(call, place, author, form, id, object);
        *status = post != NULL ? 200 : sim_fail(call, 500, 0, "500: no memory");
    }
    cJSON_Delete(attachments);
    cJSON_Delete(object);
    if (post != NULL) {
        if (same != NULL) {
            sim_breach(sim, SIM_BREACH_rest_doubled);
        }
        sim_tell_post(sim, post, SIM_MESSAGE_CREATE);
    }
    return post;
}

/* The attachments that an edit keeps, and those that it brings. False: answered. */
static bool edit_files(struct sim_call *call, const struct sim_message_form *form,
                       uint64_t channel_id, cJSON *object, int *status) {
    cJSON *fresh = NULL;
    if (!sim_take_files(call, channel_id, form->attachments, &fresh, status)) {
        cJSON_Delete(fresh);
        return false;
    }
    cJSON *old = cJSON_DetachItemFromObjectCaseSensitive(object, "attachments");
    cJSON *kept = cJSON_AddArrayToObject(object, "attachments");
    const cJSON *item;
    cJSON_ArrayForEach(item, old) {
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(item, "id");
        const cJSON *listed;
        bool keep = form->attachments == NULL;
        cJSON_ArrayForEach(listed, form->attachments) {
            const cJSON *other = cJSON_GetObjectItemCaseSensitive(listed, "id");
            keep = keep || cJSON_Compare(id, other, true);
        }
        if (keep) {
            cJSON_AddItemToArray(kept, cJSON_Duplicate(item, true));
        }
    }
    cJSON_Delete(old);
    while (cJSON_GetArraySize(fresh) > 0) {
        cJSON_AddItemToArray(kept, cJSON_DetachItemFromArray(fresh, 0));
    }
    cJSON_Delete(fresh);
    return true;
}

static bool is_empty(const cJSON *object) {
    static const char *const lists[] = {"embeds", "components", "attachments"};
    size_t total = strlen(cJSON_GetObjectItemCaseSensitive(object, "content")->valuestring);
    for (size_t i = 0; i < 3; i++) {
        total += (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(object, lists[i]));
    }
    return total == 0;
}

static void apply_form(struct sim_call *call, const struct sim_message_form *form, cJSON *object,
                       bool loading) {
    if (form->gives_content) {
        const char *content = form->content != NULL ? form->content : "";
        put(object, "content", cJSON_CreateString(content));
        set_mentions(call->sim, object, content, form->allowed_mentions);
    }
    if (form->gives_embeds) {
        put(object, "embeds", cJSON_Duplicate(form->embeds, true));
    }
    if (form->gives_components) {
        put(object, "components", cJSON_Duplicate(form->components, true));
    }
    int flags = cJSON_GetObjectItemCaseSensitive(object, "flags")->valueint;
    if (form->gives_flags) { /* an edit may suppress embeds and turn to new components, no more */
        uint32_t may = SIM_FLAG_SUPPRESS_EMBEDS;
        flags = (int)(((uint32_t)flags & ~may) | form->flags);
    }
    if (loading) {
        flags &= ~SIM_FLAG_LOADING;
    }
    if ((flags & SIM_FLAG_SUPPRESS_EMBEDS) != 0) {
        put(object, "embeds", cJSON_CreateArray());
    }
    put(object, "flags", cJSON_CreateNumber(flags));
}

int sim_post_edit(struct sim_call *call, const struct sim_place *place, struct sim_post *post,
                  const struct sim_message_form *form) {
    cJSON *object = sim_post_object(post, 0);
    int status = 500;
    bool loading = post->loading;
    if (object == NULL) {
        return sim_fail(call, 500, 0, "500: no memory");
    }
    cJSON_DeleteItemFromObjectCaseSensitive(object, "reactions");
    put(object, "pinned", cJSON_CreateBool(false));
    if (!edit_files(call, form, place->id, object, &status)) {
        cJSON_Delete(object);
        return status;
    }
    apply_form(call, form, object, loading);
    resolve_files(object, cJSON_GetObjectItemCaseSensitive(object, "attachments"));
    if (is_empty(object)) {
        cJSON_Delete(object);
        return sim_fail(call, 400, 50006, "Cannot send an empty message");
    }
    if (!loading) { /* the first text of a deferred answer is no edit */
        sim_add_time(object, "edited_timestamp", call->wall_ms);
    }
    char *text = cJSON_PrintUnformatted(object);
    bool fine = text != NULL && sim_store_set(call->sim->store, post, text, strlen(text));
    cJSON_free(text);
    cJSON_Delete(object);
    if (!fine) {
        return sim_fail(call, 500, 0, "500: no memory");
    }
    post->loading = false;
    sim_tell_post(call->sim, post, SIM_MESSAGE_UPDATE);
    return 200;
}

void sim_post_drop(struct sim *sim, const struct sim_place *place, struct sim_post *post,
                   uint64_t only) {
    uint64_t id = post->id;
    bool ephemeral = post->ephemeral;
    for (size_t i = 0; i < SIM_RECENT; i++) { /* the traffic shall not edit it any more */
        if (sim->traffic.recent[i].id == id) {
            sim->traffic.recent[i].id = 0;
        }
    }
    if (ephemeral) {
        sim_feed_ephemeral(sim, post, SIM_MESSAGE_DELETE);
    }
    sim_store_remove(sim->store, post);
    if (!ephemeral) {
        sim_tell_gone(sim, place, id, only);
    }
}

int sim_give_post(struct sim_call *call, int status, const struct sim_post *post) {
    cJSON *object = sim_post_object(post, call->bot != NULL ? call->bot->self.id : 0);
    if (post->nonce[0] != '\0') {
        cJSON_AddStringToObject(object, "nonce", post->nonce);
    }
    return sim_give(call, status, object);
}
