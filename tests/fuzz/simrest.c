/* fuzz/simrest.c: what the simulator's REST side reads from its clients: multipart bodies,
 * messages, commands, typed lines, rules of limits, and the headers by which browsers are refused.
 * The first byte says which. */
#include "fuzz.h"

#include "sim/chat.h"
#include "sim/command_form.h"
#include "sim/command_line.h"
#include "sim/components.h"
#include "sim/guard.h"
#include "sim/message_form.h"
#include "sim/multipart.h"
#include "sim/rates.h"

#define TYPE "multipart/form-data; boundary=XX"

/* Parts lie within the body and do not overlap; a refusal says why. */
static void check_parts(const char *body, size_t length) {
    struct sim_part parts[SIM_PARTS_MOST];
    struct err err = {0};
    size_t count = 0;
    const char *end = body;
    if (!sim_multipart_read(TYPE, body, length, parts, &count, &err)) {
        FUZZ_CHECK(err.text[0] != '\0');
        return;
    }
    FUZZ_CHECK(count > 0 && count <= SIM_PARTS_MOST);
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(parts[i].bytes >= end && parts[i].length <= length);
        end = parts[i].bytes + parts[i].length;
        FUZZ_CHECK(end <= body + length && parts[i].name[0] != '\0');
    }
}

/* Whatever is wrong, the answer is JSON. */
static void check_problems(const struct sim_problems *problems) {
    struct buf text = {0};
    if (problems->count > 0) {
        sim_problems_render(problems, &text);
        cJSON *json = cJSON_ParseWithLength(text.bytes, text.length);
        FUZZ_CHECK(json != NULL);
        cJSON_Delete(json);
    }
    buf_finish(&text);
}

static void check_message(const cJSON *body) {
    const struct sim_where top = {""};
    struct sim_message_form form;
    struct buf text = {0};
    sim_message_form_read(&form, body, &top, SIM_FLAG_COMPONENTS_V2 | SIM_FLAG_EPHEMERAL, 0);
    check_problems(&form.problems);
    if (form.problems.count == 0) {
        FUZZ_CHECK(form.content == NULL || sim_characters(form.content) <= 2000);
        FUZZ_CHECK(cJSON_GetArraySize(form.embeds) <= 10);
        sim_component_find(form.components, "x");
    }
    FUZZ_CHECK(sim_chat_message(&text, body, "ann"));
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.bytes[i];
        FUZZ_CHECK(c == '\n' || (c >= 0x20 && c != 0x7f));
    }
    buf_finish(&text);
    sim_message_form_finish(&form);
}

static void check_modal_and_command(const cJSON *body) {
    const struct sim_where top = {""};
    struct sim_problems problems = {0};
    struct buf text = {0};
    cJSON *command = sim_command_read(&problems, body, &top, NULL);
    check_problems(&problems);
    FUZZ_CHECK(problems.count > 0 || command != NULL);
    cJSON_Delete(command);
    sim_problems_finish(&problems);
    cJSON *list =
        sim_components_read(&problems, cJSON_GetObjectItem(body, "components"), &top, SIM_IN_MODAL);
    check_problems(&problems);
    FUZZ_CHECK(sim_chat_modal(&text, body) && sim_chat_choices(&text, list));
    cJSON_Delete(list);
    sim_problems_finish(&problems);
    buf_finish(&text);
}

static void check_json(const char *text, size_t length) {
    struct buf exact = {0};
    FUZZ_CHECK(sim_quote_long_numbers(&exact, text, length));
    FUZZ_CHECK(exact.length >= length);
    cJSON *before = cJSON_ParseWithLength(text, length);
    cJSON *body = exact.length > 0 ? cJSON_ParseWithLength(exact.bytes, exact.length) : NULL;
    FUZZ_CHECK(before == NULL || body != NULL); /* what was JSON stays JSON */
    if (body != NULL) {
        check_message(body);
        check_modal_and_command(body);
    }
    cJSON_Delete(before);
    cJSON_Delete(body);
    buf_finish(&exact);
}

static void check_lines(const char *text) {
    struct err err = {0};
    struct sim_rates rates = {0};
    cJSON *typed = sim_command_line_read(text, &err);
    FUZZ_CHECK((typed == NULL) == (err.text[0] != '\0'));
    FUZZ_CHECK(typed == NULL || cJSON_IsString(cJSON_GetObjectItem(typed, "name")));
    cJSON_Delete(typed);
    err_clear(&err);
    FUZZ_CHECK(sim_rates_rule(&rates, text, &err) || err.text[0] != '\0');
    err_clear(&err);
    FUZZ_CHECK(sim_rates_share(&rates, text, &err) || err.text[0] != '\0');
    sim_rates_finish(&rates);
}

/* "HOST\nORIGIN": whoever may is an address or has a name of ours, and nobody of another origin. */
static void check_guard(char *text) {
    char *origin = strchr(text, '\n');
    if (origin != NULL) {
        *origin++ = '\0';
    }
    struct sim_guard guard = {
        .host = text, .origin = origin != NULL ? origin : "", .site = "", .listen = "sim.example"};
    if (sim_guard_refuses(&guard) != NULL) {
        return;
    }
    FUZZ_CHECK(strpbrk(text, "ghijkmnpqrtuvwyz/@ ") == NULL || strcasestr(text, "localhost") ||
               strncasecmp(text, "sim.example", 11) == 0);
    FUZZ_CHECK(guard.origin[0] == '\0' || strstr(guard.origin, text) != NULL ||
               strcasestr(guard.origin, text) != NULL);
    guard.site = "cross-site";
    FUZZ_CHECK(sim_guard_refuses(&guard) != NULL);
    guard.site = "";
    guard.origin = "http://evil.example";
    FUZZ_CHECK(sim_guard_refuses(&guard) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    if (length == 0) {
        return 0;
    }
    char *rest = (char *)fuzz_copy(bytes + 1, length - 1, 0, 0);
    char *text = strndup(rest, length - 1);
    if (bytes[0] == 'm') {
        check_parts(rest, length - 1);
    } else if (bytes[0] == 'l') {
        check_lines(text);
    } else if (bytes[0] == 'g') {
        check_guard(text);
    } else {
        check_json(rest, length - 1);
    }
    free(text);
    free(rest);
    return 0;
}
