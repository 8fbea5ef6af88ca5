/* sim/message_form.c: the rules of messages and embeds. Pure. */
#include "sim/message_form.h"

#include "base/text.h"
#include "sim/components.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CONTENT_MOST = 2000, EMBEDS_MOST = 10, EMBED_CHARACTERS = 6000, FILES_MOST = 10 };

static size_t characters_of(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? sim_characters(item->valuestring) : 0;
}

static size_t embed_characters(const cJSON *embed) {
    const cJSON *field;
    size_t sum = characters_of(embed, "title") + characters_of(embed, "description") +
                 characters_of(cJSON_GetObjectItemCaseSensitive(embed, "footer"), "text") +
                 characters_of(cJSON_GetObjectItemCaseSensitive(embed, "author"), "name");
    cJSON_ArrayForEach(field, cJSON_GetObjectItemCaseSensitive(embed, "fields")) {
        sum += characters_of(field, "name") + characters_of(field, "value");
    }
    return sum;
}

static void check_url(struct sim_problems *problems, const cJSON *object,
                      const struct sim_where *where, const char *key) {
    const char *url = sim_field_text(problems, object, where, key, 0, 2048, false);
    if (url != NULL && url[0] != '\0' && strncmp(url, "http://", 7) != 0 &&
        strncmp(url, "https://", 8) != 0 && strncmp(url, "attachment://", 13) != 0) {
        sim_problem(problems, where, key, "URL_TYPE_INVALID_SCHEME",
                    "Scheme must be one of ('http', 'https').");
    }
}

/* A copy of the named members that are not null. */
static cJSON *copy_members(const cJSON *object, const char *const *keys, size_t count) {
    cJSON *copy = cJSON_CreateObject();
    for (size_t i = 0; i < count; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, keys[i]);
        if (item != NULL && !cJSON_IsNull(item)) {
            cJSON_AddItemToObject(copy, keys[i], cJSON_Duplicate(item, true));
        }
    }
    return copy;
}

static void read_fields(struct sim_problems *problems, const cJSON *embed,
                        const struct sim_where *where, cJSON *out) {
    const cJSON *list = sim_field_list(problems, embed, where, "fields", 25);
    const cJSON *field;
    int index = 0;
    if (list == NULL) {
        return;
    }
    cJSON *fields = cJSON_AddArrayToObject(out, "fields");
    cJSON_ArrayForEach(field, list) {
        struct sim_where below = sim_where_below(where, "fields", index++);
        const char *name = sim_field_text(problems, field, &below, "name", 1, 256, true);
        const char *value = sim_field_text(problems, field, &below, "value", 1, 1024, true);
        cJSON *copy = cJSON_CreateObject();
        cJSON_AddStringToObject(copy, "name", name != NULL ? name : "");
        cJSON_AddStringToObject(copy, "value", value != NULL ? value : "");
        cJSON_AddBoolToObject(copy, "inline",
                              sim_field_bool(problems, field, &below, "inline", false));
        cJSON_AddItemToArray(fields, copy);
    }
}

static void read_embed_parts(struct sim_problems *problems, const cJSON *embed,
                             const struct sim_where *where, cJSON *out) {
    static const struct {
        const char *key;
        const char *text; /* its text member, NULL: it has a url */
        size_t most;
    } parts[] = {{"footer", "text", 2048}, {"author", "name", 256}, {"image", NULL, 0},
                 {"thumbnail", NULL, 0},   {"video", NULL, 0},      {"provider", "name", 256}};
    static const char *const keys[] = {"text", "name", "url", "icon_url"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const cJSON *part = sim_field_object(problems, embed, where, parts[i].key);
        struct sim_where below = sim_where_below(where, parts[i].key, -1);
        if (part == NULL) {
            continue;
        }
        if (parts[i].text != NULL) {
            sim_field_text(problems, part, &below, parts[i].text, 0, parts[i].most, false);
        }
        check_url(problems, part, &below, "url");
        check_url(problems, part, &below, "icon_url");
        cJSON_AddItemToObject(out, parts[i].key, copy_members(part, keys, 4));
    }
}

static cJSON *read_embed(struct sim_problems *problems, const cJSON *embed,
                         const struct sim_where *where) {
    static const char *const keys[] = {"title", "description", "url", "timestamp", "color"};
    if (!cJSON_IsObject(embed)) {
        sim_problem(problems, where, "", "MODEL_TYPE_CONVERT",
                    "Only dictionaries may be used in a ModelType");
        return cJSON_CreateObject();
    }
    sim_field_text(problems, embed, where, "title", 0, 256, false);
    sim_field_text(problems, embed, where, "description", 0, 4096, false);
    sim_field_text(problems, embed, where, "timestamp", 10, 40, false);
    sim_field_number(problems, embed, where, "color", 0, 0xffffff, 0);
    check_url(problems, embed, where, "url");
    cJSON *out = copy_members(embed, keys, 5);
    cJSON_AddStringToObject(out, "type", "rich");
    read_fields(problems, embed, where, out);
    read_embed_parts(problems, embed, where, out);
    if (embed_characters(embed) == 0 && !cJSON_HasObjectItem(out, "image") &&
        !cJSON_HasObjectItem(out, "thumbnail")) {
        sim_problem(problems, where, "description", "BASE_TYPE_REQUIRED", "This field is required");
    }
    return out;
}

static void read_embeds(struct sim_message_form *form, const cJSON *body,
                        const struct sim_where *where) {
    const cJSON *list = sim_field_list(&form->problems, body, where, "embeds", EMBEDS_MOST);
    const cJSON *embed;
    size_t sum = 0;
    int index = 0;
    form->gives_embeds = cJSON_HasObjectItem(body, "embeds");
    if (!form->gives_embeds) {
        return;
    }
    form->embeds = cJSON_CreateArray();
    cJSON_ArrayForEach(embed, list) {
        struct sim_where below = sim_where_below(where, "embeds", index++);
        cJSON_AddItemToArray(form->embeds, read_embed(&form->problems, embed, &below));
        sum += embed_characters(embed);
    }
    if (sum > EMBED_CHARACTERS) {
        sim_problem(&form->problems, where, "embeds", "MAX_EMBED_SIZE_EXCEEDED",
                    "Embed size exceeds maximum size of %d", EMBED_CHARACTERS);
    }
}

static void read_nonce(struct sim_message_form *form, const cJSON *body,
                       const struct sim_where *where) {
    const cJSON *nonce = cJSON_GetObjectItemCaseSensitive(body, "nonce");
    if (cJSON_IsNumber(nonce)) {
        snprintf(form->nonce, sizeof(form->nonce), "%.0f", nonce->valuedouble);
    } else if (cJSON_IsString(nonce)) {
        const char *text = sim_field_text(&form->problems, body, where, "nonce", 0, 25, false);
        if (text != NULL) {
            text_copy(form->nonce, sizeof(form->nonce), text);
        }
    }
    form->enforce_nonce = sim_field_bool(&form->problems, body, where, "enforce_nonce", false);
}

static void read_reference(struct sim_message_form *form, const cJSON *body,
                           const struct sim_where *where) {
    const cJSON *reference = sim_field_object(&form->problems, body, where, "message_reference");
    struct sim_where below = sim_where_below(where, "message_reference", -1);
    if (reference == NULL) {
        return;
    }
    form->reference = sim_field_id(&form->problems, reference, &below, "message_id");
    form->reference_channel = sim_field_id(&form->problems, reference, &below, "channel_id");
    form->must_exist =
        sim_field_bool(&form->problems, reference, &below, "fail_if_not_exists", true);
    if (form->reference == 0) {
        sim_problem(&form->problems, &below, "message_id", "BASE_TYPE_REQUIRED",
                    "This field is required");
    }
}

static void read_flags(struct sim_message_form *form, const cJSON *body,
                       const struct sim_where *where, uint32_t allowed) {
    int64_t flags = sim_field_number(&form->problems, body, where, "flags", 0, INT32_MAX, 0);
    form->gives_flags = cJSON_HasObjectItem(body, "flags");
    form->flags = (uint32_t)flags & allowed; /* Discord ignores the others */
}

static void read_components(struct sim_message_form *form, const cJSON *body,
                            const struct sim_where *where, bool v2) {
    const cJSON *list = sim_field_list(&form->problems, body, where, "components", 40);
    form->gives_components = cJSON_HasObjectItem(body, "components");
    if (!form->gives_components) {
        return;
    }
    form->components = list == NULL ? cJSON_CreateArray()
                                    : sim_components_read(&form->problems, list, where,
                                                          v2 ? SIM_IN_MESSAGE_V2 : SIM_IN_MESSAGE);
}

static void check_attachments(struct sim_message_form *form, const cJSON *body,
                              const struct sim_where *where) {
    const cJSON *item;
    int index = 0;
    form->attachments = sim_field_list(&form->problems, body, where, "attachments", FILES_MOST);
    cJSON_ArrayForEach(item, form->attachments) {
        struct sim_where below = sim_where_below(where, "attachments", index++);
        sim_field_id(&form->problems, item, &below, "id");
        sim_field_text(&form->problems, item, &below, "filename", 1, 255, false);
        sim_field_text(&form->problems, item, &below, "description", 0, 1024, false);
    }
}

void sim_message_form_read(struct sim_message_form *form, const cJSON *body,
                           const struct sim_where *where, uint32_t allowed_flags,
                           uint32_t kept_flags) {
    *form = (struct sim_message_form){0};
    if (!cJSON_IsObject(body)) {
        sim_problem(&form->problems, where, "", "MODEL_TYPE_CONVERT",
                    "Only dictionaries may be used in a ModelType");
        return;
    }
    read_flags(form, body, where, allowed_flags);
    bool v2 = ((form->flags | kept_flags) & SIM_FLAG_COMPONENTS_V2) != 0;
    form->gives_content = cJSON_HasObjectItem(body, "content");
    form->content = sim_field_text(&form->problems, body, where, "content", 0, CONTENT_MOST, false);
    form->allowed_mentions = sim_field_object(&form->problems, body, where, "allowed_mentions");
    form->tts = sim_field_bool(&form->problems, body, where, "tts", false);
    read_embeds(form, body, where);
    read_nonce(form, body, where);
    read_reference(form, body, where);
    read_components(form, body, where, v2);
    check_attachments(form, body, where);
    if (cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(body, "poll"))) {
        sim_problem(&form->problems, where, "poll", "UNIMPLEMENTED", "The simulator has no polls");
    }
    bool legacy =
        (form->content != NULL && form->content[0] != '\0') || cJSON_GetArraySize(form->embeds) > 0;
    if (v2 && legacy) {
        sim_problem(&form->problems, where, form->content != NULL ? "content" : "embeds",
                    "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                    "The field cannot be used when using MessageFlags.IS_COMPONENTS_V2");
    }
}

void sim_message_form_finish(struct sim_message_form *form) {
    cJSON_Delete(form->embeds);
    cJSON_Delete(form->components);
    sim_problems_finish(&form->problems);
}

bool sim_message_form_empty(const struct sim_message_form *form, size_t files) {
    bool content = form->content != NULL && form->content[strspn(form->content, " \t\r\n")] != '\0';
    return !content && files == 0 && cJSON_GetArraySize(form->embeds) == 0 &&
           cJSON_GetArraySize(form->components) == 0;
}
