/* tests/unit/replay_script.c: a replay file reads as it is written, and what is wrong with one is
 * told with its place and what is wanted there. */
#include "replay/script.h"

#include "failing.h"

#define HEAD SCRIPT_FIRST_LINE "\n"

static void each_fault_is_told_with_its_place(void **state) {
    static const struct {
        const char *text;
        unsigned line;
        unsigned column;
        const char *why;
    } rows[] = {
        {"", 1, 1, "the first line is: drey replay 1"},
        {"drey replay 2\n", 1, 1, "the first line is: drey replay 1"},
        {HEAD "\n  foo", 3, 3, "no statement 'foo'"},
        {HEAD "comand /x", 2, 1, "no statement 'comand'; did you mean 'command'?"},
        {HEAD "command x", 2, 9, "wanted: the command with its slash: /poll"},
        {HEAD "command /x a:1 b", 2, 16, "wanted: NAME:VALUE"},
        {HEAD "command /x as", 2, 14, "wanted: a name"},
        {HEAD "press a as b as c", 2, 14, "'as' twice"},
        {HEAD "say hello", 2, 5, "wanted: what is said, in quotes"},
        {HEAD "say \"hello", 2, 5, "this string has no end on its line"},
        {HEAD "say \"\\q\"", 2, 7,
         "no such escape; there are \\\" \\' \\\\ \\/ \\b \\f \\n \\r "
         "\\t \\uXXXX"},
        {HEAD "say \"\\ud800\"", 2, 12, "this escape is no character that a text can have"},
        {HEAD "say \"\xff\"", 2, 5, "this string is not UTF-8"},
        {HEAD "event X {\xff: 1}", 2, 10, "this word is not UTF-8"},
        {HEAD "config a = \xff", 2, 13, "this value is not UTF-8"},
        {HEAD "say \"a\" on b", 2, 9,
         "this statement is written: say \"TEXT\" [as USER] [in "
         "CHANNEL | in dm]"},
        {HEAD "menu \"M\"", 2, 9, "wanted: on USER, or on $MESSAGE"},
        {HEAD "wait 10", 2, 6, "wanted: a time of at most a year: 250ms, 20s, 10m, 2h"},
        {HEAD "wait 10000h", 2, 6, "wanted: a time of at most a year: 250ms, 20s, 10m, 2h"},
        {HEAD "wait 1s 2s", 2, 9, "this is too much; the statement is written: wait 10m"},
        {HEAD "event X", 2, 8, "wanted: the event's data, an object: {...}"},
        {HEAD "event X {a: ~\"b\"}", 2, 13, "'~' is for expectations: here a value is wanted"},
        {HEAD "event X {a: any}", 2, 13, "wanted: a JSON value or $name, got 'any'"},
        {HEAD "event X {a: 1, a: 2}", 2, 19, "the key 'a' is there twice"},
        {HEAD "event X {a: 01}", 2, 13, "wanted: a JSON value or $name, got '01'"},
        {HEAD "event X {a 1}", 2, 12, "wanted: ':' behind the key 'a'"},
        {HEAD "event X {a: 1\n", 2, 9, "this '{' is never closed"},
        {HEAD "event X {a: [1 2]}", 2, 16, "wanted: ',' or ']'"},
        {HEAD "expect repli", 2, 8,
         "cannot expect 'repli', did you mean 'reply'; wanted: reply, edit, message, update, "
         "follow-up, defer, modal, choices, log, nothing ... or METHOD /PATH"},
        {HEAD "expect GET x", 2, 12, "wanted: a path behind the method: /channels/*/messages"},
        {HEAD "expect reply [..., 1]", 2, 15, "'...' stands at the end of an array alone"},
        {HEAD "expect reply [absent]", 2, 15, "'absent' is for members of an object"},
        {HEAD "expect reply absent", 2, 14, "wanted: a value"},
        {HEAD "expect reply {a: $1}", 2, 18,
         "wanted: a name of letters, digits, _ and - behind '$'"},
        {HEAD "expect log 5", 2, 12, "wanted: a text in quotes, or ~ \"part of it\""},
        {HEAD "expect reply\nanswer 99", 3, 8,
         "wanted: a status of HTTP from 200 to 599, or "
         "'lost'"},
        {HEAD "answer 200", 2, 1,
         "'answer' stands behind the 'expect' of the request that it "
         "answers"},
        {HEAD "wait 1s\ntime 2026-01-01T00:00:00Z", 3, 1, "'time' stands before the first step"},
        {HEAD "time 2026-13-01T00:00:00Z", 2, 26,
         "wanted: a time of the years 2016 to 2100: 2026-01-31T09:00:00Z"},
        {HEAD "config a", 2, 9, "wanted: '=' behind the key"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct script script = {0};
        struct scan_fault fault;
        bool ok = script_read(&script, rows[i].text, strlen(rows[i].text), &fault);
        assert_false(ok);
        assert_string_equal(fault.text, rows[i].why);
        assert_int_equal(fault.line, rows[i].line);
        assert_int_equal(fault.column, rows[i].column);
        script_finish(&script);
    }
}

static void nesting_has_a_bound(void **state) {
    char text[600] = HEAD "event X {a: ";
    struct script script = {0};
    struct scan_fault fault;
    memset(text + strlen(text), '[', 200);
    assert_false(script_read(&script, text, strlen(text), &fault));
    assert_string_equal(fault.text, "nested deeper than 64");
    script_finish(&script);
}

static void read(struct script *script, const char *text) {
    struct scan_fault fault;
    if (!script_read(script, text, strlen(text), &fault)) {
        fail_msg("%u:%u: %s", fault.line, fault.column, fault.text);
    }
}

static void statements_carry_what_was_written(void **state) {
    struct script script = {0};
    read(&script, HEAD "# a comment\n"
                       "config text = Hi, {user} # no comment\r\n"
                       "time 2026-02-28T23:59:59Z\n"
                       "command /poll create question:\"Tea?\" n:5 as ann in dm # one\n"
                       "press 'poll:0 x' on $m\n"
                       "wait 10m\n"
                       "expect exactly reply ~'Tea'\n"
                       "expect POST /channels/*/messages {\n  'a': [1,\n 2,], # two\n}\n"
                       "answer lost");
    const struct script_item *i = script.items;
    assert_int_equal(script.count, 8);
    assert_string_equal(i[0].name, "text");
    assert_string_equal(i[0].text, "Hi, {user} # no comment");
    assert_true(i[1].number == UINT64_C(1772323199000));
    assert_int_equal(i[2].kind, SCRIPT_COMMAND);
    assert_string_equal(i[2].name, "poll create");
    assert_int_equal(i[2].pair_count, 2);
    assert_string_equal(i[2].pairs[0].name, "question");
    assert_string_equal(i[2].pairs[0].value, "Tea?");
    assert_string_equal(i[2].as, "ann");
    assert_string_equal(i[2].in, "dm");
    assert_string_equal(i[3].name, "poll:0 x");
    assert_string_equal(i[3].on, "$m");
    assert_true(i[4].number == 600000);
    assert_true(i[5].exactly);
    assert_string_equal(i[5].value->first->key, "content");
    assert_int_equal(i[5].value->first->kind, PATTERN_CONTAINS);
    assert_string_equal(i[6].text, "/channels/*/messages");
    assert_int_equal(i[6].line, 9);
    assert_int_equal(i[6].last_line, 12);
    assert_int_equal(i[7].kind, SCRIPT_ANSWER);
    assert_true(i[7].number == 0);
    script_finish(&script);
}

static void json_is_written_as_it_reads(void **state) {
    static const struct {
        const char *text;
        const char *same;
    } rows[] = {
        {"{}", "{}"},
        {"{a:1,'b c':\"\\u00e4\\n\", \"d\" : [true,false,null,],}",
         "{a: 1, \"b c\": \"\xc3\xa4\\n\", d: [true, false, null]}"},
        {"[~ 'x', any, $n-1, ...]", "[~\"x\", any, $n-1, ...]"},
        {"{a: absent, b: -1.5e+3}", "{a: absent, b: -1.5e+3}"},
        {"'it\\'s \\ud83d\\ude00'", "\"it's \xf0\x9f\x98\x80\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scan_fault fault;
        struct scan scan = scan_begin(rows[i].text, strlen(rows[i].text), &fault);
        struct buf out = {0};
        struct pattern *pattern = pattern_read(&scan, false);
        assert_non_null(pattern);
        assert_true(pattern_write(pattern, &out));
        assert_string_equal(out.bytes, rows[i].same);
        pattern_free(pattern);
        buf_finish(&out);
    }
}

static bool read_all(void *arg) {
    struct script script = {0};
    struct scan_fault fault;
    const char *text = arg;
    bool ok = script_read(&script, text, strlen(text), &fault);
    if (!ok && strstr(fault.text, "no memory") == NULL) {
        fail_msg("%u:%u: %s", fault.line, fault.column, fault.text);
    }
    script_finish(&script);
    return ok;
}

static void each_lack_of_memory_is_told(void **state) {
    char text[] =
        HEAD "config a = b\ncommand /x y a:\"b\" as ann\nchoose m a b\nsubmit f n:v\n"
             "expect message in general \"t\"\nanswer 200 {a: [$b, 1]}\nexpect log ~'x'\n";
    assert_true(each_fails(read_all, text) > 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_is_told_with_its_place),
        cmocka_unit_test(nesting_has_a_bound),
        cmocka_unit_test(statements_carry_what_was_written),
        cmocka_unit_test(json_is_written_as_it_reads),
        cmocka_unit_test(each_lack_of_memory_is_told),
    };
    return cmocka_run_group_tests_name("replay_script", tests, NULL, NULL);
}
