/* tests/unit/message.c: what Discord would refuse in a message, a modal or a list of choices is
 * refused before it is sent, with the place and the limit. */
#include "interaction/message.h"

#include "base/buf.h"
#include "failing.h"

/* Single quotes stand for double ones; "@300" for 300 letters. */
static void expand(struct buf *out, const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '@') {
            char *end;
            for (unsigned long n = strtoul(text + 1, &end, 10); n > 0; n--) {
                assert_true(buf_text(out, "\xc3\xa4")); /* two bytes, one character */
            }
            text = end - 1;
        } else {
            assert_true(buf_append(out, *text == '\'' ? "\"" : text, 1));
        }
    }
}

struct row {
    const char *json;
    const char *why; /* "": fine */
};

static void each_is(bool (*read)(const char *, size_t, struct err *), const struct row *rows,
                    size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct buf json = {0};
        struct err err = {0};
        expand(&json, rows[i].json);
        bool ok = read(json.length > 0 ? json.bytes : "", json.length, &err);
        assert_string_equal(err.text, rows[i].why);
        assert_true(ok == (rows[i].why[0] == '\0'));
        buf_finish(&json);
    }
}

static bool read_message(const char *json, size_t length, struct err *err) {
    struct message_facts facts;
    return message_read(json, length, &facts, err);
}

static void a_message_keeps_discords_limits(void **state) {
    static const struct row rows[] = {
        {"{}", ""},
        {" {'content':'@2000'}\n", ""},
        {"{'content':'@2001'}", "content: 2001 characters, at most 2000"},
        {"{'content':7}", "content: should be a text"},
        {"{'content':null,'embeds':null,'components':null}", ""},
        {"{'embeds':{}}", "embeds: should be a list"},
        {"{'embeds':[7]}", "embeds[0]: should be an object"},
        {"{'embeds':[{},{},{},{},{},{},{},{},{},{},{}]}", "embeds: 11 of them, at most 10"},
        {"{'embeds':[{},{'title':'@257'}]}", "embeds[1].title: 257 characters, at most 256"},
        {"{'embeds':[{'description':'@4097'}]}",
         "embeds[0].description: 4097 characters, at most 4096"},
        {"{'embeds':[{'footer':{'text':'@2049'}}]}",
         "embeds[0].footer.text: 2049 characters, at most 2048"},
        {"{'embeds':[{'author':{'name':'@257'}}]}",
         "embeds[0].author.name: 257 characters, at most 256"},
        {"{'embeds':[{'fields':[{'name':'a','value':'@1025'}]}]}",
         "embeds[0].fields[0].value: 1025 characters, at most 1024"},
        {"{'embeds':[{'fields':[{'name':'a','value':'b'},{'name':''}]}]}",
         "embeds[0].fields[1].name: a field needs one"},
        {"{'embeds':[{'description':'@4000'},{'description':'@2000'}]}", ""},
        {"{'embeds':[{'description':'@4000'},{'description':'@2001'}]}",
         "embeds: 6001 characters in all of them, at most 6000"},
        {"{'components':[{},{},{},{},{},{}]}", "components: 6 of them, at most 5"},
        {"{'flags':32768,'components':[{},{},{},{},{},{}]}", ""},
        {"{'components':[{'type':1,'components':[{'custom_id':'@101'}]}]}",
         "components[0].components[0].custom_id: 101 characters, at most 100"},
        {"{'components':[{'components':[{'type':2,'label':'@81'}]}]}",
         "components[0].components[0].label: 81 characters, at most 80"},
        {"{'components':[{'type':1,'components':[{},{},{},{},{},{}]}]}",
         "components[0].components: 6 of them, at most 5"},
        {"{'components':[{'type':1,'components':[{'type':3,'placeholder':'@151'}]}]}",
         "components[0].components[0].placeholder: 151 characters, at most 150"},
        {"{'flags':32768,'components':[{'type':17,'components':[{'type':9,'components':["
         "{'type':10,'content':'@4001'}]}]}]}",
         "components[0].components[0].components[0].content: 4001 characters, at most 4000"},
        {"{'flags':32768,'components':[{'type':9,'components':[{'type':10,'content':'a'}],"
         "'accessory':{'type':2,'label':'@81'}}]}",
         "components[0].accessory.label: 81 characters, at most 80"},
        {"{'components':[{'components':[{'components':[{'components':[{'components':[]}]}]}]}]}",
         "components[0].components[0].components[0].components[0].components: too deep"},
        {"{'sticker_ids':['1','2','3','4']}", "sticker_ids: 4 of them, at most 3"},
        {"{'flags':1.5}", "flags: should be a whole number"},
        {"{'flags':64,'flags':0}", "flags: there twice"},
        {"{'\\u0066lags':64}", "flags: write the key without escapes"},
        {"[]", "a message should be a JSON object"},
        {"{} {}", "message: not JSON (or no memory), from byte 3 on"},
        {"{'content':'\x01'}", "message: not JSON: a control character at byte 12"},
        {"{'content':'\xff'}", "message: not UTF-8"},
        {"", "message: not JSON (or no memory), from byte 0 on"},
    };
    each_is(read_message, rows, sizeof(rows) / sizeof(rows[0]));
}

static void a_modal_keeps_discords_limits(void **state) {
    static const struct row rows[] = {
        {"{'title':'t','custom_id':'c','components':[{}]}", ""},
        {"{'title':'@46','custom_id':'c','components':[{}]}", "title: 46 characters, at most 45"},
        {"{'title':'t','custom_id':'@101','components':[{}]}",
         "custom_id: 101 characters, at most 100"},
        {"{'custom_id':'c','components':[{}]}", "title: a modal needs one"},
        {"{'title':'t','custom_id':'','components':[{}]}", "custom_id: a modal needs one"},
        {"{'title':'t','custom_id':'c','components':[]}", "components: a modal needs 1 to 40"},
        {"{'title':'t','custom_id':'c'}", "components: a modal needs 1 to 40"},
        {"{'title':'t','custom_id':'c','components':[{},{},{},{},{},{}]}", ""},
        {"{'title':'t','custom_id':'c','components':[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},"
         "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]}",
         "components: 41 of them, at most 40"},
        {"{'title':'t','custom_id':'c','components':[{'type':18,'label':'@46'}]}",
         "components[0].label: 46 characters, at most 45"},
        {"{'title':'t','custom_id':'c','components':[{'type':18,'label':'a','component':{'type':4,"
         "'placeholder':'@101'}}]}",
         "components[0].component.placeholder: 101 characters, at most 100"},
        {"{'title':'t','custom_id':'c','components':[{'type':1,'components':[{'type':4,"
         "'label':'@46'}]}]}",
         "components[0].components[0].label: 46 characters, at most 45"},
        {"7", "a modal should be a JSON object"},
    };
    each_is(message_modal, rows, sizeof(rows) / sizeof(rows[0]));
}

static bool read_change(const char *json, size_t length, struct err *err) {
    struct message_facts facts;
    return message_read_change(json, length, &facts, err);
}

static void a_change_need_not_say_again_of_which_kind_the_message_is(void **state) {
    static const struct row rows[] = {
        {"{'components':[{},{},{},{},{},{}]}", ""},
        {"{'flags':4,'components':[{},{},{},{},{},{}]}", ""},
        {"{'components':[{'components':[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},"
         "{}]},{'components':[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]}]}",
         "components: 41 with the inner ones, at most 40"},
        {"{'content':'@2001'}", "content: 2001 characters, at most 2000"},
    };
    each_is(read_change, rows, sizeof(rows) / sizeof(rows[0]));
}

static void choices_keep_discords_limits(void **state) {
    static const struct row rows[] = {
        {"[]", ""},
        {"[{'name':'a','value':1.5},{'name':'@100','value':'@100'}]", ""},
        {"[{'name':'@101','value':1}]", "choices[0].name: 101 characters, at most 100"},
        {"[{'name':'a','value':'@101'}]", "choices[0].value: 101 characters, at most 100"},
        {"[{'name':'a','value':1},{'name':'','value':1}]",
         "choices[1].name: 1 to 100 characters are needed"},
        {"[{'name':'a'}]", "choices[0].value: should be a text or a number"},
        {"[7]", "choices[0]: should be an object"},
        {"{}", "choices should be a JSON list"},
        {"[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]",
         "choices: 26 of them, at most 25"},
    };
    each_is(message_choices, rows, sizeof(rows) / sizeof(rows[0]));
}

static void an_edit_loses_the_flag_of_new_messages_and_nothing_else(void **state) {
    static const struct {
        const char *json;
        const char *edit;
    } rows[] = {
        {"{\"flags\":64}", "{\"flags\":0 }"},
        {"{\"flags\":68}", "{\"flags\":4 }"},
        {"{\"flags\":4}", "{\"flags\":4}"},
        {"{\"flags\":0}", "{\"flags\":0}"},
        {"{\"a\":1}", "{\"a\":1}"},
        {"{\"embeds\":[{\"flags\":64}],\"flags\" : 32832,\"c\":\"\\\"flags\\\":64\"}",
         "{\"embeds\":[{\"flags\":64}],\"flags\" : 32768,\"c\":\"\\\"flags\\\":64\"}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char json[128];
        struct message_facts facts;
        strcpy(json, rows[i].json);
        assert_true(message_read(json, strlen(json), &facts, NULL));
        message_make_edit(json, &facts);
        assert_string_equal(json, rows[i].edit);
        assert_int_equal(facts.flags & MESSAGE_EPHEMERAL, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_keeps_discords_limits),
        cmocka_unit_test(a_modal_keeps_discords_limits),
        cmocka_unit_test(a_change_need_not_say_again_of_which_kind_the_message_is),
        cmocka_unit_test(choices_keep_discords_limits),
        cmocka_unit_test(an_edit_loses_the_flag_of_new_messages_and_nothing_else),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
