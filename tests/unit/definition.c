/* tests/unit/definition.c: a command is held against every rule of Discord's, what is refused says
 * which rule and where, and equal commands are equal bytes. */
#include "interaction/definition.h"

#include "failing.h"
#include "interaction/letters.h"

#include <cJSON.h>

/* Single quotes stand for double ones, so that the tables can be read. */
static const char *quoted(const char *text) {
    static char out[8192];
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

static void assert_reads(const char *declared, const char *canonical) {
    struct definition definition = {0};
    struct err err = {0};
    const char *json = quoted(declared);
    if (!definition_read(&definition, json, strlen(json), &err)) {
        assert_string_equal(err.text, "");
    }
    assert_string_equal(definition.json.bytes, quoted(canonical));
    definition_finish(&definition);
}

static void assert_refused(const char *declared, const char *why) {
    struct definition definition = {0};
    struct err err = {0};
    const char *json = quoted(declared);
    assert_false(definition_read(&definition, json, strlen(json), &err));
    assert_string_equal(err.text, why);
    assert_null(definition.json.bytes);
}

static void equal_commands_are_equal_bytes(void **state) {
    static const char plain[] = "{'type':1,'name':'ping','description':'Pong'}";
    static const char *const same[] = {
        "{'name':'ping','description':'Pong'}",
        " {\n'description' : 'Po\\u006eg','name':'ping' , 'type':1.0}\n",
        "{'name':'ping','description':'Pong','options':[],'nsfw':false,'contexts':null}",
        "{'name':'ping','description':'Pong','name_localizations':{},'type':null}",
        "{'name':'ping','description':'Pong','default_member_permissions':null}",
        "{'integration_types':null,'name':'ping','description':'Pong'}",
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        assert_reads(same[i], plain);
    }
}

static void every_field_has_its_canonical_form(void **state) {
    static const struct {
        const char *declared;
        const char *canonical;
    } rows[] = {
        {"{'type':2,'name':'Report User','description':''}", "{'type':2,'name':'Report User'}"},
        {"{'type':3,'name':'Pin this','nsfw':true}", "{'type':3,'name':'Pin this','nsfw':true}"},
        {"{'name':'a','description':'b','contexts':[2,0],'integration_types':[1,0],"
         "'default_member_permissions':'0032'}",
         "{'type':1,'name':'a','description':'b','default_member_permissions':'32',"
         "'contexts':[0,2],'integration_types':[0,1]}"},
        {"{'name':'a','description':'b','default_member_permissions':8}",
         "{'type':1,'name':'a','description':'b','default_member_permissions':'8'}"},
        {"{'name':'a','description':'b','name_localizations':{'fr':'x','de':'y'},"
         "'description_localizations':{'de':'z'}}",
         "{'type':1,'name':'a','name_localizations':{'de':'y','fr':'x'},'description':'b',"
         "'description_localizations':{'de':'z'}}"},
        {"{'name':'a','description':'b','options':[{'name':'o','description':'p','type':10,"
         "'max_value':2.50,'min_value':-1e2,'required':true,"
         "'choices':[{'value':0.1,'name':'c'},{'name':'d','value':1e15}]},"
         "{'type':3,'name':'s','description':'t','min_length':0,'max_length':6000,"
         "'autocomplete':true,'required':false},"
         "{'type':7,'name':'ch','description':'t','channel_types':[15,0]}]}",
         "{'type':1,'name':'a','description':'b','options':[{'type':10,'name':'o',"
         "'description':'p','required':true,'choices':[{'name':'c','value':0.1},{'name':'d',"
         "'value':1000000000000000}],'min_value':-100,'max_value':2.5},"
         "{'type':3,'name':'s','description':'t','min_length':0,'max_length':6000,"
         "'autocomplete':true},"
         "{'type':7,'name':'ch','description':'t','channel_types':[0,15]}]}"},
        {"{'name':'a','description':'b','options':[{'type':2,'name':'g','description':'h',"
         "'options':[{'type':1,'name':'s','description':'t','options':[{'type':6,'name':'who',"
         "'description':'u'}]}]},{'type':1,'name':'plain','description':'v'}]}",
         "{'type':1,'name':'a','description':'b','options':[{'type':2,'name':'g',"
         "'description':'h','options':[{'type':1,'name':'s','description':'t','options':[{"
         "'type':6,'name':'who','description':'u'}]}]},{'type':1,'name':'plain',"
         "'description':'v'}]}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_reads(rows[i].declared, rows[i].canonical);
        assert_reads(rows[i].canonical, rows[i].canonical);
    }
}

#define OPTIONS(list)        "{'name':'a','description':'b','options':[" list "]}"
#define OPTION(fields)       OPTIONS("{'name':'o','description':'p'," fields "}")
#define CHOICE(type, fields) OPTION("'type':" type ",'choices':[{" fields "}]")

static void what_breaks_a_rule_is_refused_with_rule_place_and_limit(void **state) {
    static const struct {
        const char *declared;
        const char *why;
    } rows[] = {
        {"", "not JSON (or no memory), from byte 0 on"},
        {"{'name':'a'} x", "not JSON (or no memory), from byte 13 on"},
        {"[]", "a command: should be an object"},
        {"{'name':'a\\u0000b','description':'c'}",
         "not JSON in UTF-8, or it holds a NUL or another control character"},
        {"{'description':'b'}", "name: is missing"},
        {"{'name':7,'description':'b'}", "name: should be a text"},
        {"{'name':'','description':'b'}", "name: 0 characters, 1 to 32 are allowed"},
        {"{'name':'aaaaaaaaaabbbbbbbbbbccccccccccddd','description':'b'}",
         "name: 33 characters, 1 to 32 are allowed"},
        {"{'name':'Ping','description':'b'}", "name: \"P\" should be lowercase"},
        {"{'name':'to do','description':'b'}",
         "name: \" \" (U+0020) may not be in it; letters, numbers, - _ ' may"},
        {"{'name':'a','description':''}", "description: 0 characters, 1 to 100 are allowed"},
        {"{'name':'a'}", "description: is missing"},
        {"{'name':'a','name':'b','description':'c'}", "name: there twice"},
        {"{'name':'a','descripton':'c'}", "descripton: no such field; did you mean description?"},
        {"{'name':'a','description':'c','id':'5'}", "id: Discord gives it, leave it out"},
        {"{'name':'a','description':'c','dm_permission':true}",
         "dm_permission: out of use at Discord; use contexts"},
        {"{'type':4,'name':'a','description':'c'}", "type: should be a number from 1 to 3"},
        {"{'type':1.5,'name':'a','description':'c'}", "type: should be a number from 1 to 3"},
        {"{'type':2,'name':'a','description':'c'}", "description: a user command has none"},
        {"{'type':3,'name':'a','options':[]}", "options: does not belong to a message command"},
        {"{'name':'a','description':'c','nsfw':1}", "nsfw: should be true or false"},
        {"{'name':'a','description':'c','contexts':[]}",
         "contexts: is empty; leave it out, or name at least one"},
        {"{'name':'a','description':'c','contexts':[0,3]}",
         "contexts: [1]: Discord knows no such number"},
        {"{'name':'a','description':'c','integration_types':[1,1]}",
         "integration_types: [1]: 1 is there twice"},
        {"{'name':'a','description':'c','default_member_permissions':'8x'}",
         "default_member_permissions: should be a set of permission bits, as a decimal number in a "
         "text"},
        {"{'name':'a','description':'c','default_member_permissions':'18014398509481984'}",
         "default_member_permissions: should be a set of permission bits, as a decimal number in a "
         "text"},
        {"{'name':'a','description':'c','name_localizations':{'en':'b'}}",
         "name_localizations: Discord has no locale \"en\"; did you mean en-GB?"},
        {"{'name':'a','description':'c','name_localizations':{'de':'Hallo'}}",
         "name_localizations.de: \"H\" should be lowercase"},
        {"{'name':'a','description':'c','name_localizations':{'de':'x','de':'y'}}",
         "name_localizations: de is there twice"},
        {"{'name':'a','description':'b','options':{}}", "options: should be a list"},
        {OPTIONS("7"), "options[0]: should be an object"},
        {OPTION("'required':true"), "options[0].type: is missing"},
        {OPTION("'type':12"), "options[0].type: should be a number from 1 to 11"},
        {OPTION("'type':3,'requird':true"),
         "options[0].requird: no such field; did you mean required?"},
        {OPTION("'type':5,'choices':[]"),
         "options[0].choices: does not belong to a boolean option"},
        {OPTION("'type':6,'autocomplete':true"),
         "options[0].autocomplete: does not belong to a user option"},
        {OPTION("'type':1,'required':true"),
         "options[0].required: does not belong to a subcommand"},
        {OPTION("'type':4,'min_length':1"),
         "options[0].min_length: does not belong to an integer option"},
        {OPTION("'type':3,'max_value':1"),
         "options[0].max_value: does not belong to a string option"},
        {OPTION("'type':3,'channel_types':[0]"),
         "options[0].channel_types: does not belong to a string option"},
        {OPTION("'type':7,'channel_types':[6]"),
         "options[0].channel_types: [0]: Discord knows no such number"},
        {OPTION("'type':3,'min_length':6001"), "options[0].min_length: 0 to 6000 are allowed"},
        {OPTION("'type':3,'max_length':0"), "options[0].max_length: 1 to 6000 are allowed"},
        {OPTION("'type':3,'min_length':5,'max_length':4"),
         "options[0].min_length: is larger than max_length"},
        {OPTION("'type':4,'min_value':1.5"), "options[0].min_value: should be a whole number"},
        {OPTION("'type':4,'max_value':9007199254740993"),
         "options[0].max_value: should lie between -2^53 and 2^53"},
        {OPTION("'type':10,'min_value':2,'max_value':1"),
         "options[0].min_value: is larger than max_value"},
        {OPTION("'type':3,'autocomplete':true,'choices':[{'name':'a','value':'b'}]"),
         "options[0].choices: an option has either these or autocomplete"},
        {CHOICE("3", "'name':'x','value':7"),
         "options[0].choices[0].value: should be a text, as its option's type is"},
        {CHOICE("4", "'name':'x','value':'7'"), "options[0].choices[0].value: should be a number"},
        {CHOICE("4", "'name':'x','value':7.5"),
         "options[0].choices[0].value: should be a whole number"},
        {CHOICE("4", "'name':'x'"), "options[0].choices[0].value: is missing"},
        {CHOICE("4", "'value':7"), "options[0].choices[0].name: is missing"},
        {CHOICE("4", "'name':'x','value':7,'v':1"), "options[0].choices[0].v: no such field"},
        {OPTIONS("{'type':3,'name':'o','description':'p'},{'type':3,'name':'q','description':'r',"
                 "'choices':[{'name':'a','value':'a'},{'name':'','value':'a'}]}"),
         "options[1].choices[1].name: 0 characters, 1 to 100 are allowed"},
        {OPTIONS("{'type':3,'name':'o','description':'p'},"
                 "{'type':3,'name':'q','description':'p','required':true}"),
         "options[1].required: a required option stands before the optional ones"},
        {OPTIONS("{'type':3,'name':'o','description':'p'},{'type':4,'name':'o','description':'p'}"),
         "options[1].name: another option beside it has the same"},
        {OPTIONS("{'type':3,'name':'o','description':'p'},{'type':1,'name':'s','description':'p'}"),
         "options[1].type: a subcommand beside a string option: options and subcommands do not go "
         "together"},
        {OPTION("'type':2"), "options[0].options: a subcommand group needs a subcommand"},
        {OPTION("'type':2,'options':[{'type':3,'name':'x','description':'y'}]"),
         "options[0].options[0].type: a subcommand group holds subcommands alone"},
        {OPTION("'type':1,'options':[{'type':2,'name':'x','description':'y'}]"),
         "options[0].options[0].type: a subcommand cannot hold a subcommand group"},
        {OPTION("'type':1,'options':[{'type':1,'name':'x','description':'y'}]"),
         "options[0].options[0].type: a subcommand cannot hold a subcommand"},
        {OPTION("'type':1,'options':[{'type':3,'name':'X','description':'y'}]"),
         "options[0].options[0].name: \"X\" should be lowercase"},
        {OPTION("'type':3,'options':[]"), "options[0].options: does not belong to a string option"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_refused(rows[i].declared, rows[i].why);
    }
}

/* ---- sizes ---- */

static void add_text(struct buf *out, const char *format, size_t count, const char *with) {
    char name[32];
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%so%zu", with, i);
        assert_true(buf_text(out, i > 0 ? "," : ""));
        for (const char *at = format; *at != '\0'; at++) {
            if (*at == '@') {
                assert_true(buf_text(out, name));
            } else {
                assert_true(buf_append(out, at, 1));
            }
        }
    }
}

static bool reads(const struct buf *json, struct err *err) {
    struct definition definition = {0};
    bool ok = definition_read(&definition, json->bytes, json->length, err);
    definition_finish(&definition);
    return ok;
}

static void twenty_five_options_and_choices_are_the_most(void **state) {
    for (size_t count = 25; count <= 26; count++) {
        struct buf options = {0};
        struct buf choices = {0};
        struct err err = {0};
        assert_true(buf_text(&options, "{\"name\":\"a\",\"description\":\"b\",\"options\":["));
        add_text(&options, "{\"type\":3,\"name\":\"@\",\"description\":\"p\"}", count, "");
        assert_true(buf_text(&options, "]}"));
        assert_int_equal(reads(&options, &err), count == 25);
        assert_string_equal(err.text,
                            count == 25 ? "" : "options: 26 of them, at most 25 are allowed");
        err_clear(&err);
        assert_true(buf_text(&choices,
                             "{\"name\":\"a\",\"description\":\"b\",\"options\":[{\"type\":3,"
                             "\"name\":\"q\",\"description\":\"p\",\"choices\":["));
        add_text(&choices, "{\"name\":\"@\",\"value\":\"@\"}", count, "");
        assert_true(buf_text(&choices, "]}]}"));
        assert_int_equal(reads(&choices, &err), count == 25);
        assert_string_equal(
            err.text, count == 25 ? "" : "options[0].choices: 26 of them, at most 25 are allowed");
        buf_finish(&options);
        buf_finish(&choices);
    }
}

/* One command of exactly so many characters: options with choices as long as they may be. */
static void make_long(struct buf *out, size_t characters) {
    static const char filler[] =
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    size_t left = characters - 2; /* "a" and "b" */
    assert_true(buf_text(out, "{\"name\":\"a\",\"description\":\"b\",\"options\":["));
    for (size_t i = 0; left > 0; i++) {
        char name[8];
        snprintf(name, sizeof(name), "o%02zu", i);
        assert_true(buf_printf(out, "%s{\"type\":3,\"name\":\"%s\",\"description\":\"",
                               i > 0 ? "," : "", name));
        left -= 3;
        size_t text = left < 100 ? left : 100;
        assert_true(text > 0 && buf_append(out, filler, text));
        left -= text;
        assert_true(buf_text(out, "\",\"choices\":["));
        for (size_t c = 0; c < 5 && left > 120; c++) { /* leave enough for another description */
            assert_true(buf_printf(out, "%s{\"name\":\"%.50s\",\"value\":\"%.50s\"}",
                                   c > 0 ? "," : "", filler, filler));
            left -= 100;
        }
        assert_true(buf_text(out, "]}"));
        left = left == 1 || left == 2 || left == 3 ? 0 : left;
    }
    assert_true(buf_text(out, "]}"));
}

static void eight_thousand_characters_are_the_most(void **state) {
    struct buf fits = {0};
    struct buf more = {0};
    struct err err = {0};
    make_long(&fits, 8000);
    assert_true(reads(&fits, &err));
    make_long(&more, 8001);
    assert_false(reads(&more, &err));
    assert_string_equal(err.text, "8001 characters in all names, descriptions and values, at most "
                                  "8000 are allowed");
    buf_finish(&fits);
    buf_finish(&more);
}

static void only_the_longest_translation_counts(void **state) {
    struct buf json = {0};
    struct err err = {0};
    make_long(&json, 8000);
    /* shorter than the default: nothing is added; longer: the difference */
    const char *const added[] = {",\"description_localizations\":{\"de\":\"x\",\"fr\":\"y\"}}",
                                 ",\"description_localizations\":{\"de\":\"xx\",\"fr\":\"y\"}}"};
    for (size_t i = 0; i < 2; i++) {
        struct buf whole = {0};
        err_clear(&err);
        assert_true(buf_append(&whole, json.bytes, json.length - 1) && buf_text(&whole, added[i]));
        assert_int_equal(reads(&whole, &err), i == 0);
        assert_string_equal(err.text, i == 0 ? ""
                                             : "8001 characters in all names, descriptions and "
                                               "values, at most 8000 are allowed");
        buf_finish(&whole);
    }
    buf_finish(&json);
}

/* ---- names ---- */

static void names_are_letters_of_any_script_and_lowercase(void **state) {
    static const struct {
        const char *name;
        bool ok;
    } rows[] = {
        {"ping-pong_2's", true},
        {"\xc3\xa4ndern", true} /* ä */,
        {"\xc3\x84ndern", false} /* Ä */,
        {"\xe6\x97\xa5\xe6\x9c\xac", true} /* 日本 */,
        {"\xe0\xa4\x95\xe0\xa5\x8b", true} /* को: a vowel sign of Devanagari */,
        {"\xe0\xb9\x84\xe0\xb8\x97\xe0\xb8\xa2", true} /* ไทย */,
        {"\xd0\xbf\xd1\x80\xd0\xb8", true} /* при */,
        {"\xd0\x9f\xd1\x80\xd0\xb8", false} /* При */,
        {"n\xcc\x83", false} /* n and a combining tilde */,
        {"a.b", false},
        {"a/b", false},
        {"a\xe2\x80\xae"
         "b",
         false} /* a mark that turns text around */,
        {"\xf0\x9f\x98\x80", false} /* a face */,
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf json = {0};
        assert_true(buf_printf(&json, "{\"name\":\"%s\",\"description\":\"x\"}", rows[i].name));
        if (reads(&json, NULL) != rows[i].ok) {
            assert_string_equal(rows[i].name, "");
        }
        buf_finish(&json);
    }
    assert_true(letters_in_name(0xe5) && letters_upper(0xc5) && !letters_upper(0xe5));
    assert_false(letters_in_name(0xd7) || letters_in_name(0x10ffff) || letters_in_name(0x20));
}

static void a_title_says_what_people_see(void **state) {
    static const struct {
        const char *json;
        const char *title;
    } rows[] = {{"{'name':'ping','description':'x'}", "/ping"},
                {"{'type':2,'name':'Report'}", "Report (user)"},
                {"{'type':3,'name':'Report it'}", "Report it (message)"}};
    for (size_t i = 0; i < 3; i++) {
        struct definition definition = {0};
        char title[DEFINITION_NAME_BYTES + 16];
        const char *json = quoted(rows[i].json);
        assert_true(definition_read(&definition, json, strlen(json), NULL));
        assert_string_equal(definition_title(&definition, title, sizeof(title)), rows[i].title);
        definition_finish(&definition);
    }
}

static void what_discord_answers_reads_as_what_was_declared(void **state) {
    static const char answer[] =
        "{'id':'900','application_id':'800','version':'901','default_member_permissions':null,"
        "'type':1,'name':'ping','name_localizations':null,'description':'Pong',"
        "'description_localizations':null,'dm_permission':true,'contexts':null,"
        "'integration_types':[0],'nsfw':false,'options':[{'type':3,'name':'o',"
        "'name_localizations':null,'description':'p','description_localizations':null,"
        "'required':false}]}";
    struct buf out = {0};
    cJSON *tree = cJSON_Parse(quoted(answer));
    assert_non_null(tree);
    assert_true(definition_canonical(tree, &out, NULL));
    cJSON_Delete(tree);
    assert_string_equal(out.bytes, quoted("{'type':1,'name':'ping','description':'Pong','options':"
                                          "[{'type':3,'name':'o','description':'p'}],"
                                          "'integration_types':[0]}"));
    buf_finish(&out);
    tree = cJSON_Parse("[1]");
    assert_false(definition_canonical(tree, &out, NULL));
    cJSON_Delete(tree);
}

static bool try_read(void *arg) {
    static const char json[] =
        "{\"name\":\"a\",\"description\":\"a description that is longer than "
        "the first buffer\",\"options\":[{\"type\":3,\"name\":\"b\","
        "\"description\":\"c\"}]}";
    struct definition definition = {0};
    struct err err = {0};
    bool ok = definition_read(&definition, json, strlen(json), &err);
    assert_true(ok || err.code == ERR_NO_MEMORY || err.code == ERR_INVALID);
    definition_finish(&definition);
    return ok;
}

static void without_memory_a_command_is_refused(void **state) {
    assert_true(each_fails(try_read, NULL) >= 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_commands_are_equal_bytes),
        cmocka_unit_test(every_field_has_its_canonical_form),
        cmocka_unit_test(what_breaks_a_rule_is_refused_with_rule_place_and_limit),
        cmocka_unit_test(twenty_five_options_and_choices_are_the_most),
        cmocka_unit_test(eight_thousand_characters_are_the_most),
        cmocka_unit_test(only_the_longest_translation_counts),
        cmocka_unit_test(names_are_letters_of_any_script_and_lowercase),
        cmocka_unit_test(a_title_says_what_people_see),
        cmocka_unit_test(what_discord_answers_reads_as_what_was_declared),
        cmocka_unit_test(without_memory_a_command_is_refused),
    };
    return cmocka_run_group_tests_name("definition", tests, NULL, NULL);
}
