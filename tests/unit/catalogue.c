/* tests/unit/catalogue.c: the commands of all plugins of a bot are one list: no name twice, whole
 * or not at all, always the same bytes; and a difference to what Discord has is a real one. */
#include "interaction/catalogue.h"

#include "failing.h"

/* Single quotes stand for double ones. One at a time. */
static const char *quoted(const char *text) {
    static char out[4096];
    size_t i = 0;
    for (; text[i] != '\0' && i + 1 < sizeof(out); i++) {
        out[i] = text[i];
        if (text[i] == '\'') {
            out[i] = '"';
        }
    }
    out[i] = '\0';
    return out;
}

/* Declares commands given as texts; the list ends with NULL. */
static bool declare(struct catalogue *catalogue, const char *plugin, struct err *err, ...) {
    struct catalogue_command commands[8];
    char texts[8][512];
    size_t count = 0;
    va_list args;
    va_start(args, err);
    for (const char *text; (text = va_arg(args, const char *)) != NULL; count++) {
        assert_true(count < 8 && strlen(text) < sizeof(texts[0]));
        strcpy(texts[count], quoted(text));
        commands[count] = (struct catalogue_command){
            .json = texts[count], .length = strlen(texts[count]), .handler = "on_it"};
    }
    va_end(args);
    bool fine = catalogue_check(catalogue, plugin, commands, count, NULL);
    bool ok = catalogue_set(catalogue, plugin, commands, count, err);
    assert_true(fine == ok); /* a rehearsal says what the play will be */
    return ok;
}

#define PING "{'name':'ping','description':'Pong'}"
#define POLL                                                                                       \
    "{'name':'poll','description':'Asks people','options':[{'type':1,'name':'create',"             \
    "'description':'c'},{'type':1,'name':'close','description':'d'}]}"
#define REPORT "{'type':2,'name':'ping'}"

static void assert_body(const struct catalogue *catalogue, enum catalogue_scope scope,
                        const char *text) {
    struct buf body = {0};
    assert_true(catalogue_body(catalogue, scope, &body));
    assert_string_equal(body.bytes, quoted(text));
    buf_finish(&body);
}

static void plugins_are_merged_in_one_order_whoever_came_first(void **state) {
    static const char whole[] = "[{'type':1,'name':'ping','description':'Pong'},"
                                "{'type':1,'name':'poll','description':'Asks people','options':["
                                "{'type':1,'name':'create','description':'c'},"
                                "{'type':1,'name':'close','description':'d'}]},"
                                "{'type':2,'name':'ping'}]";
    for (int turn = 0; turn < 2; turn++) {
        struct catalogue *catalogue = catalogue_create(NULL);
        assert_true(declare(catalogue, turn == 0 ? "a" : "b", NULL, POLL, NULL));
        assert_true(declare(catalogue, turn == 0 ? "b" : "a", NULL, REPORT, PING, NULL));
        assert_body(catalogue, CATALOGUE_GLOBAL, whole);
        assert_int_equal(catalogue_count(catalogue), 3);
        assert_string_equal(catalogue_at(catalogue, 1)->definition.name, "poll");
        assert_null(catalogue_at(catalogue, 3));
        catalogue_destroy(catalogue);
    }
}

static void a_handler_is_found_by_type_and_name(void **state) {
    struct catalogue *catalogue = catalogue_create(NULL);
    const struct catalogue_command commands[] = {
        {.json = "{\"type\":3,\"name\":\"Pin it\"}", .length = 26, .handler = "on_pin"},
        {.json = "{\"name\":\"a\",\"description\":\"b\"}",
         .length = 30,
         .handler = "on_a",
         .auto_defer = true,
         .ephemeral = true,
         .cooldown = {COOLDOWN_PER_USER, 1, 5}},
    };
    assert_true(catalogue_set(catalogue, "tools", commands, 2, NULL));
    assert_true(declare(catalogue, "other", NULL, PING, POLL, NULL));
    const struct catalogue_entry *found = catalogue_find(catalogue, 1, "a");
    assert_non_null(found);
    assert_string_equal(found->plugin, "tools");
    assert_string_equal(found->handler, "on_a");
    assert_int_equal(found->index, 1);
    assert_true(found->auto_defer && found->ephemeral && found->cooldown.seconds == 5);
    assert_string_equal(catalogue_find(catalogue, 3, "Pin it")->handler, "on_pin");
    assert_string_equal(catalogue_find(catalogue, 1, "poll")->plugin, "other");
    assert_null(catalogue_find(catalogue, 2, "a"));
    assert_null(catalogue_find(catalogue, 1, "pin it"));
    catalogue_destroy(catalogue);
}

static void a_name_that_is_there_already_is_refused_naming_both_plugins(void **state) {
    struct catalogue *catalogue = catalogue_create(NULL);
    struct err err = {0};
    assert_true(declare(catalogue, "games", NULL, PING, NULL));
    assert_false(declare(catalogue, "tools", &err, POLL, PING, NULL));
    assert_string_equal(err.text, "/ping is declared by the plugins games and tools; one bot can "
                                  "have it once");
    assert_null(catalogue_find(catalogue, 1, "poll")); /* nothing of it was taken */
    assert_false(declare(catalogue, "tools", &err, POLL, POLL, NULL));
    assert_string_equal(err.text, "/poll is declared twice (on_it and on_it)");
    assert_true(declare(catalogue, "tools", NULL, REPORT, NULL)); /* another type */
    catalogue_destroy(catalogue);
}

static void a_set_is_replaced_whole_or_not_at_all(void **state) {
    struct catalogue *catalogue = catalogue_create(NULL);
    struct err err = {0};
    assert_true(declare(catalogue, "a", NULL, PING, NULL));
    assert_true(declare(catalogue, "a", NULL, POLL, NULL)); /* a reload */
    assert_null(catalogue_find(catalogue, 1, "ping"));
    assert_false(declare(catalogue, "a", &err, PING, "{'name':'X','description':'y'}", NULL));
    assert_string_equal(err.text, "commands[1] (on_it): name: \"X\" should be lowercase");
    assert_non_null(catalogue_find(catalogue, 1, "poll"));
    assert_int_equal(catalogue_count(catalogue), 1);
    const struct catalogue_command odd = {.json = "{\"name\":\"a\",\"description\":\"b\"}",
                                          .length = 30,
                                          .handler = "on_a",
                                          .cooldown = {COOLDOWN_PER_USER, 17, 5}};
    assert_false(catalogue_set(catalogue, "b", &odd, 1, &err));
    assert_string_equal(err.text, "commands[0] (on_a): cooldown.n: 17 uses, 1 to 16 are allowed");
    catalogue_remove(catalogue, "a");
    catalogue_remove(catalogue, "a");
    assert_body(catalogue, CATALOGUE_GLOBAL, "[]");
    assert_true(declare(catalogue, "a", NULL, NULL));
    catalogue_destroy(catalogue);
}

static bool declare_many(struct catalogue *catalogue, const char *plugin, unsigned type,
                         size_t count, struct err *err) {
    struct catalogue_command commands[130];
    char texts[130][96];
    for (size_t i = 0; i < count; i++) {
        snprintf(texts[i], sizeof(texts[i]), "{\"type\":%u,\"name\":\"%s%zu\"%s}", type, plugin, i,
                 type == 1 ? ",\"description\":\"d\"" : "");
        commands[i] = (struct catalogue_command){
            .json = texts[i], .length = strlen(texts[i]), .handler = "h"};
    }
    return catalogue_set(catalogue, plugin, commands, count, err);
}

static void discords_limits_hold_for_all_plugins_together(void **state) {
    static const struct {
        unsigned type;
        size_t most;
        const char *why;
    } rows[] = {
        {1, 100, "101 slash commands of all plugins together, Discord takes 100"},
        {2, 15, "16 user commands of all plugins together, Discord takes 15"},
        {3, 15, "16 message commands of all plugins together, Discord takes 15"},
    };
    struct catalogue *catalogue = catalogue_create(NULL);
    for (size_t i = 0; i < 3; i++) {
        char plugin[8];
        struct err err = {0};
        snprintf(plugin, sizeof(plugin), "p%zu", i);
        assert_true(declare_many(catalogue, plugin, rows[i].type, rows[i].most, &err));
        assert_false(declare_many(catalogue, "q", rows[i].type, 1, &err));
        assert_string_equal(err.text, rows[i].why);
    }
    assert_int_equal(catalogue_count(catalogue), 130);
    catalogue_destroy(catalogue);
}

static void a_guilds_commands_have_no_contexts(void **state) {
    struct catalogue *catalogue = catalogue_create(NULL);
    assert_true(declare(catalogue, "a", NULL,
                        "{'name':'a','description':'b','contexts':[0],'integration_types':[0],"
                        "'nsfw':true}",
                        NULL));
    assert_body(catalogue, CATALOGUE_GLOBAL,
                "[{'type':1,'name':'a','description':'b','nsfw':true,'contexts':[0],"
                "'integration_types':[0]}]");
    assert_body(catalogue, CATALOGUE_GUILD,
                "[{'type':1,'name':'a','description':'b','nsfw':true}]");
    catalogue_destroy(catalogue);
}

static void the_hash_is_sha_256(void **state) {
    struct buf body = {0};
    char hash[CATALOGUE_HASH_BYTES];
    catalogue_hash(&body, hash);
    assert_string_equal(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_true(buf_text(&body, "abc"));
    catalogue_hash(&body, hash);
    assert_string_equal(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    buf_finish(&body);
}

/* ---- the difference ---- */

static void assert_diff(const struct catalogue *catalogue, enum catalogue_scope scope,
                        const char *answer, const char *lines) {
    struct buf out = {0};
    struct err err = {0};
    size_t changes = 99;
    const char *text = quoted(answer);
    assert_true(catalogue_diff(catalogue, scope, text, strlen(text), &out, &changes, &err));
    size_t count = 0;
    for (const char *at = lines; *at != '\0'; at++) {
        count += *at == '\n';
    }
    assert_string_equal(out.length > 0 ? out.bytes : "", lines);
    assert_int_equal(changes, count);
    buf_finish(&out);
}

static void what_discord_adds_by_itself_is_no_difference(void **state) {
    struct catalogue *catalogue = catalogue_create(NULL);
    assert_true(declare(catalogue, "a", NULL, PING, POLL, REPORT, NULL));
    assert_diff(
        catalogue, CATALOGUE_GLOBAL,
        "[{'id':'1','application_id':'2','version':'3','default_member_permissions':null,'type':2,"
        "'name':'ping','name_localizations':null,'description':'','description_localizations':null,"
        "'dm_permission':true,'contexts':null,'integration_types':[0,1],'nsfw':false},"
        "{'id':'4','version':'6','type':1,'name':'poll','description':'Asks people','options':["
        "{'name':'create','type':1,'description':'c','required':false,'options':[]},"
        "{'description':'d','name':'close','type':1,'name_localizations':null}]},"
        "{'id':'7','name':'ping','description':'Pong','contexts':null,'guild_id':'9'},"
        "{'id':'8','type':4,'name':'launch','description':'','handler':2}]",
        "");
    catalogue_destroy(catalogue);
}

static void each_change_is_one_readable_line(void **state) {
    struct catalogue *catalogue = catalogue_create(NULL);
    assert_true(declare(catalogue, "a", NULL, PING, POLL, REPORT, NULL));
    assert_diff(catalogue, CATALOGUE_GLOBAL, "[]",
                "+ /ping \"Pong\"\n"
                "+ /poll (create, close) \"Asks people\"\n"
                "+ ping (user)\n");
    assert_diff(catalogue, CATALOGUE_GLOBAL,
                "[{'name':'ping','description':'Peng','nsfw':true,'type':1},"
                "{'name':'old','description':'x','type':1},{'name':'ping','type':3},"
                "{'name':'poll','type':1,'description':'Asks people','options':["
                "{'type':1,'name':'close','description':'e'},"
                "{'type':1,'name':'create','description':'c','options':[{'type':3,'name':'q',"
                "'description':'r'}]},{'type':1,'name':'list','description':'c'}]},"
                "{'name':'ping','type':2}]",
                "~ /ping description: \"Peng\" -> \"Pong\"\n"
                "~ /ping nsfw: true -> nothing\n"
                "~ /poll options.create.options: - q\n"
                "~ /poll options.close.description: \"e\" -> \"d\"\n"
                "~ /poll options: - list\n"
                "~ /poll options: another order\n"
                "- /old\n"
                "- ping (message)\n");
    catalogue_destroy(catalogue);
}

static void contexts_that_are_taken_back_are_a_change(void **state) {
    static const char *const theirs = "[{'name':'a','description':'b','contexts':[0]}]";
    struct catalogue *catalogue = catalogue_create(NULL);
    assert_true(declare(catalogue, "a", NULL, "{'name':'a','description':'b'}", NULL));
    assert_diff(catalogue, CATALOGUE_GLOBAL, theirs, "~ /a contexts: [0] -> nothing\n");
    assert_diff(catalogue, CATALOGUE_GUILD, theirs, ""); /* there nobody can declare them */
    catalogue_destroy(catalogue);
}

static void choices_and_translations_are_compared_too(void **state) {
    struct catalogue *catalogue = catalogue_create(NULL);
    assert_true(declare(catalogue, "a", NULL,
                        "{'name':'a','description':'b','name_localizations':{'de':'x'},"
                        "'contexts':[0],'options':[{'type':4,'name':'n','description':'m',"
                        "'required':true,'choices':[{'name':'one','value':1},"
                        "{'name':'two','value':2}]}]}",
                        NULL));
    assert_diff(catalogue, CATALOGUE_GLOBAL,
                "[{'name':'a','description':'b','name_localizations':{'fr':'y'},'contexts':null,"
                "'options':[{'type':4,'name':'n','description':'m','choices':[{'name':'one',"
                "'value':1.0},{'name':'two','value':3},{'name':'six','value':6}]}]}]",
                "~ /a name_localizations.de: nothing -> \"x\"\n"
                "~ /a name_localizations.fr: \"y\" -> nothing\n"
                "~ /a options.n.required: nothing -> true\n"
                "~ /a options.n.choices.two.value: 3 -> 2\n"
                "~ /a options.n.choices: - six\n"
                "~ /a contexts: nothing -> [0]\n");
    assert_diff(catalogue, CATALOGUE_GUILD,
                "[{'name':'a','description':'b','name_localizations':{'de':'x'},"
                "'options':[{'type':4,'name':'n','description':'m','required':true,'choices':["
                "{'name':'one','value':1},{'name':'two','value':2}]}]}]",
                "");
    catalogue_destroy(catalogue);
}

static void what_is_no_list_of_commands_is_refused(void **state) {
    static const char *const answers[] = {
        "", "{}", "{\"message\":\"401\"}", "[7]", "[{}]", "[{\"name\":7}]", "[[[["};
    struct catalogue *catalogue = catalogue_create(NULL);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct buf out = {0};
        struct err err = {0};
        size_t changes;
        assert_false(catalogue_diff(catalogue, CATALOGUE_GLOBAL, answers[i], strlen(answers[i]),
                                    &out, &changes, &err));
        assert_string_equal(err.text, "Discord's answer is no list of commands");
        assert_false(catalogue_keep_entry_point(answers[i], strlen(answers[i]), &out, &err));
        buf_finish(&out);
    }
    catalogue_destroy(catalogue);
}

static void strange_names_of_discords_cannot_move_the_cursor(void **state) {
    struct catalogue *catalogue = catalogue_create(NULL);
    assert_diff(catalogue, CATALOGUE_GLOBAL, "[{'name':'a\\u001b[2J','type':3}]",
                "- a?[2J (message)\n");
    catalogue_destroy(catalogue);
}

static void the_entry_point_of_an_activity_goes_along(void **state) {
    static const char answer[] = "[{\"id\":\"5\",\"type\":1,\"name\":\"x\"},{\"id\":\"8\","
                                 "\"application_id\":\"1\",\"version\":\"2\",\"type\":4,"
                                 "\"name\":\"launch\",\"handler\":2}]";
    static const char *const bodies[][2] = {
        {"[]", "[{\"id\":\"8\",\"type\":4,\"name\":\"launch\",\"handler\":2}]"},
        {"[{}]", "[{},{\"id\":\"8\",\"type\":4,\"name\":\"launch\",\"handler\":2}]"},
    };
    for (size_t i = 0; i < 2; i++) {
        struct buf body = {0};
        assert_true(buf_text(&body, bodies[i][0]));
        assert_true(catalogue_keep_entry_point("[]", 2, &body, NULL));
        assert_string_equal(body.bytes, bodies[i][0]);
        assert_true(catalogue_keep_entry_point(answer, strlen(answer), &body, NULL));
        assert_string_equal(body.bytes, bodies[i][1]);
        buf_finish(&body);
    }
}

/* ---- memory ---- */

static bool try_all(void *arg) {
    struct err err = {0};
    struct catalogue *catalogue = catalogue_create(&err);
    if (catalogue == NULL) {
        assert_int_equal(err.code, ERR_NO_MEMORY);
        return false;
    }
    const struct catalogue_command command = {
        .json = "{\"name\":\"a\",\"description\":\"b\"}", .length = 30, .handler = "h"};
    struct buf lines = {0};
    struct buf body = {0};
    size_t changes = 0;
    bool ok = catalogue_set(catalogue, "p", &command, 1, &err);
    ok = ok && catalogue_set(catalogue, "p", &command, 1, &err);
    assert_true(ok || err.code == ERR_NO_MEMORY);
    ok = ok && catalogue_body(catalogue, CATALOGUE_GUILD, &body);
    ok = ok && catalogue_diff(catalogue, CATALOGUE_GLOBAL, "[{\"name\":\"b\"}]", 14, &lines,
                              &changes, &err);
    if (ok) {
        assert_string_equal(lines.bytes, "+ /a \"b\"\n- /b\n");
    }
    catalogue_remove(catalogue, "p");
    assert_int_equal(catalogue_count(catalogue), 0);
    buf_finish(&lines);
    buf_finish(&body);
    catalogue_destroy(catalogue);
    return ok;
}

static void without_memory_nothing_changes(void **state) {
    assert_true(each_fails(try_all, NULL) >= 12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plugins_are_merged_in_one_order_whoever_came_first),
        cmocka_unit_test(a_handler_is_found_by_type_and_name),
        cmocka_unit_test(a_name_that_is_there_already_is_refused_naming_both_plugins),
        cmocka_unit_test(a_set_is_replaced_whole_or_not_at_all),
        cmocka_unit_test(discords_limits_hold_for_all_plugins_together),
        cmocka_unit_test(a_guilds_commands_have_no_contexts),
        cmocka_unit_test(the_hash_is_sha_256),
        cmocka_unit_test(what_discord_adds_by_itself_is_no_difference),
        cmocka_unit_test(each_change_is_one_readable_line),
        cmocka_unit_test(contexts_that_are_taken_back_are_a_change),
        cmocka_unit_test(choices_and_translations_are_compared_too),
        cmocka_unit_test(what_is_no_list_of_commands_is_refused),
        cmocka_unit_test(strange_names_of_discords_cannot_move_the_cursor),
        cmocka_unit_test(the_entry_point_of_an_activity_goes_along),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests_name("catalogue", tests, NULL, NULL);
}
