/* fuzz/definition.c: a command as a hostile plugin may declare it. What is taken is JSON, within
 * Discord's size, and reads as itself; taken into a catalogue it is the same to its own answer. */
#include "oracle.h"

#include "interaction/catalogue.h"

#include <string.h>

static void check_taken(const struct definition *definition) {
    struct definition again = {0};
    struct err err = {0};
    FUZZ_CHECK(definition->type >= DEFINITION_CHAT && definition->type <= DEFINITION_MESSAGE);
    FUZZ_CHECK(definition->name[0] != '\0');
    FUZZ_CHECK(definition_read(&again, definition->json.bytes, definition->json.length, &err));
    FUZZ_CHECK(again.json.length == definition->json.length &&
               memcmp(again.json.bytes, definition->json.bytes, again.json.length) == 0);
    FUZZ_CHECK(again.type == definition->type && strcmp(again.name, definition->name) == 0);
    definition_finish(&again);
}

/* What Discord would answer is what was sent: no difference; and the text itself, as an answer. */
static void check_catalogue(const char *json, size_t length) {
    struct catalogue *catalogue = catalogue_create(NULL);
    struct buf body = {0};
    struct buf lines = {0};
    size_t changes = 1;
    const struct catalogue_command command = {.json = json, .length = length, .handler = "h"};
    FUZZ_CHECK(catalogue != NULL);
    FUZZ_CHECK(catalogue_set(catalogue, "p", &command, 1, NULL));
    FUZZ_CHECK(catalogue_body(catalogue, CATALOGUE_GLOBAL, &body));
    FUZZ_CHECK(catalogue_diff(catalogue, CATALOGUE_GLOBAL, body.bytes, body.length, &lines,
                              &changes, NULL));
    FUZZ_CHECK(changes == 0 && lines.length == 0);
    FUZZ_CHECK(catalogue_body(catalogue, CATALOGUE_GUILD, &body));
    FUZZ_CHECK(catalogue_diff(catalogue, CATALOGUE_GUILD, body.bytes, body.length, &lines, &changes,
                              NULL));
    FUZZ_CHECK(changes == 0 && lines.length == 0);
    catalogue_destroy(catalogue);
    buf_finish(&body);
    buf_finish(&lines);
}

/* Any text as the answer of Discord's, against one fixed command. */
static void check_answer(const char *json, size_t length) {
    static const char fixed[] = "{\"name\":\"a\",\"description\":\"b\",\"options\":[{\"type\":3,"
                                "\"name\":\"c\",\"description\":\"d\"}]}";
    struct catalogue *catalogue = catalogue_create(NULL);
    struct buf lines = {0};
    struct buf body = {0};
    struct err err = {0};
    size_t changes = 0;
    const struct catalogue_command command = {
        .json = fixed, .length = sizeof(fixed) - 1, .handler = "h"};
    FUZZ_CHECK(catalogue != NULL && catalogue_set(catalogue, "p", &command, 1, NULL));
    bool ok = catalogue_diff(catalogue, CATALOGUE_GLOBAL, json, length, &lines, &changes, &err);
    FUZZ_CHECK(ok || err.code == ERR_PROTOCOL || err.code == ERR_INVALID);
    size_t ends = 0;
    for (size_t i = 0; i < lines.length; i++) {
        ends += lines.bytes[i] == '\n';
        FUZZ_CHECK((unsigned char)lines.bytes[i] >= 0x20 || lines.bytes[i] == '\n');
    }
    FUZZ_CHECK(!ok || ends == changes);
    FUZZ_CHECK(catalogue_body(catalogue, CATALOGUE_GLOBAL, &body));
    if (catalogue_keep_entry_point(json, length, &body, NULL)) {
        cJSON *tree = cJSON_ParseWithLength(body.bytes, body.length);
        FUZZ_CHECK(cJSON_IsArray(tree) && cJSON_GetArraySize(tree) <= 2);
        cJSON_Delete(tree);
    }
    catalogue_destroy(catalogue);
    buf_finish(&lines);
    buf_finish(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    struct definition definition = {0};
    struct err err = {0};
    const char *json = (const char *)input;
    if (definition_read(&definition, json, size, &err)) {
        check_taken(&definition);
        check_catalogue(json, size);
    } else {
        FUZZ_CHECK(err.code == ERR_INVALID || err.code == ERR_LIMIT);
        FUZZ_CHECK(err.text[0] != '\0' && definition.json.bytes == NULL);
    }
    definition_finish(&definition);
    check_answer(json, size);
    return 0;
}
