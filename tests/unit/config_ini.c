/* tests/unit/config_ini.c: the habits of the INI format, and hostile files. */
#include "config/ini.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct read {
    struct config_pool *pool;
    struct config_report report;
    struct ini_file file;
    struct buf text;
};

static void read_bytes(struct read *read, const char *bytes, size_t length) {
    *read = (struct read){.pool = config_pool_create()};
    assert_true(buf_append(&read->report.source, bytes, length));
    read->report.path = strdup("x.ini");
    assert_true(ini_read(&read->file, read->pool, &read->report));
    assert_true(buf_text(&read->text, ""));
    assert_true(config_report_print(&read->report, &read->text));
}

static void read_text(struct read *read, const char *text) {
    read_bytes(read, text, strlen(text));
}

static void finish(struct read *read) {
    ini_finish(&read->file);
    config_report_finish(&read->report);
    config_pool_destroy(read->pool);
    buf_finish(&read->text);
}

/* The value of the only key; the file must be without fault. */
static void value_is(const char *line, const char *value) {
    char text[1024];
    struct read read;
    (void)snprintf(text, sizeof(text), "[s]\n%s", line);
    read_text(&read, text);
    assert_string_equal(read.text.bytes, "");
    assert_int_equal(read.file.entry_count, 1);
    assert_string_equal(read.file.entries[0].value, value);
    finish(&read);
}

static void report_is(const char *text, const char *report) {
    struct read read;
    read_text(&read, text);
    assert_string_equal(read.text.bytes, report);
    finish(&read);
}

static void values_lose_comments_quotes_and_blanks(void **state) {
    value_is("k = v", "v");
    value_is("k=v", "v");
    value_is("k\t=\t v \t", "v");
    value_is("k = a b ; c", "a b");
    value_is("k = a;b", "a;b");
    value_is("k = a # b", "a # b");
    value_is("k = ; all comment", "");
    value_is("k =", "");
    value_is("k = a = b : c", "a = b : c");
    value_is("k = \"a ; b\" ; c", "a ; b");
    value_is("k = \" a \"", " a ");
    value_is("k = \"\"", "");
    value_is("k = \"a\\\"b\\\\c\\nd\\te\"", "a\"b\\c\nd\te");
    value_is("k = it's", "it's");
    value_is("k = say \"x\"", "say \"x\"");
    value_is("k = C:\\new", "C:\\new");
    value_is("k = v\r\n", "v");
    value_is("k.a-b_9 = Gr\xc3\xbc\xc3\x9f", "Gr\xc3\xbc\xc3\x9f");
}

static void places_are_those_an_editor_shows(void **state) {
    struct read read;
    read_text(&read, "\xef\xbb\xbf# comment\r\n\r\n[ab]\r\nlong_name   =  \"v\" ; c\r\n[empty]");
    assert_string_equal(read.text.bytes, "");
    assert_int_equal(read.file.section_count, 2);
    assert_int_equal(read.file.sections[0].place.line, 3);
    assert_string_equal(read.file.sections[1].name, "empty");
    assert_int_equal(read.file.sections[1].place.line, 5);
    assert_int_equal(read.file.sections[1].count, 0);
    const struct ini_entry *entry = &read.file.entries[0];
    assert_int_equal(entry->name_place.line, 4);
    assert_int_equal(entry->name_place.column, 1);
    assert_int_equal(entry->name_place.width, 9);
    assert_int_equal(entry->value_place.column, 16);
    assert_int_equal(entry->value_place.width, 3);
    finish(&read);
}

static void comments_may_begin_a_line_in_two_ways(void **state) {
    struct read read;
    read_text(&read, "# a\n; b\n  ; c\n\t# d\n   \n[s] ; e\n[ t ]\n");
    assert_string_equal(read.text.bytes, "");
    assert_int_equal(read.file.section_count, 2);
    assert_string_equal(read.file.sections[1].name, "t");
    finish(&read);
}

static void an_indented_line_is_refused_with_the_reason(void **state) {
    report_is("[s]\nk = v\n  more\n",
              "x.ini:3:1: error: this line is indented; a value does not go on here\n"
              "    3 |   more\n"
              "      | ^~ keep a value on one line, \"\\n\" in quotes is a line break; begin "
              "keys in the first column\n"
              "1 error, 0 warnings\n");
}

static void duplicates_name_both_lines(void **state) {
    report_is("[s]\nk = 1\nj = 2\nk = 3\n[t]\nk = 4\n[s]\nk = 5\n",
              "x.ini:4:1: error: 'k' is already set on line 2\n"
              "    4 | k = 3\n"
              "      | ^\n"
              "x.ini:7:1: error: section [s] is already on line 1\n"
              "    7 | [s]\n"
              "      | ^~~ put its keys there\n"
              "2 errors, 0 warnings\n");
}

static void malformed_lines_are_all_told(void **state) {
    report_is("k = v\nj = v\n[s\nhidden\n[s] x\n[]\n[t]\nnothing\n= v\na:b = c\nk = \"x\n"
              "k = \"x\\q\"\nk = \"x\" y\n",
              "x.ini:1:1: error: this key stands before any section\n"
              "    1 | k = v\n"
              "      | ^ begin with [drey] or [bot:NAME]\n"
              "x.ini:3:1: error: ']' is missing at the end of the section's name\n"
              "    3 | [s\n"
              "      | ^~\n"
              "x.ini:4:1: error: '=' is missing\n"
              "    4 | hidden\n"
              "      | ^~~~~~ write NAME = VALUE\n"
              "x.ini:5:4: error: nothing may follow a section's name\n"
              "    5 | [s] x\n"
              "      |    ^~\n"
              "x.ini:6:1: error: the section has no name\n"
              "    6 | []\n"
              "      | ^~ write [drey] or [bot:NAME]\n"
              "x.ini:8:1: error: '=' is missing\n"
              "    8 | nothing\n"
              "      | ^~~~~~~ write NAME = VALUE\n"
              "x.ini:9:1: error: a key's name is missing before '='\n"
              "    9 | = v\n"
              "      | ^ write NAME = VALUE\n"
              "x.ini:10:2: error: this may not be part of a key's name\n"
              "   10 | a:b = c\n"
              "      |  ^ names are letters, digits, '_', '-' and '.'\n"
              "x.ini:11:5: error: the closing '\"' is missing\n"
              "   11 | k = \"x\n"
              "      |     ^\n"
              "x.ini:12:7: error: unknown escape\n"
              "   12 | k = \"x\\q\"\n"
              "      |       ^~ in quotes, write \\\\ for a backslash; there are \\\" \\\\ \\n and "
              "\\t\n"
              "x.ini:13:8: error: nothing may follow a '\"' that ends a value\n"
              "   13 | k = \"x\" y\n"
              "      |        ^~ write \\\" for a quote inside quotes\n"
              "11 errors, 0 warnings\n");
}

static void the_caret_stands_below_its_character(void **state) {
    report_is("[s]\nk = \"\xc3\xa4\xe2\x82\xac\" x\n",
              "x.ini:2:12: error: nothing may follow a '\"' that ends a value\n"
              "    2 | k = \"\xc3\xa4\xe2\x82\xac\" x\n"
              "      |         ^~ write \\\" for a quote inside quotes\n"
              "1 error, 0 warnings\n");
}

static void secrets_never_show_in_source_lines(void **state) {
    struct read read;
    read_text(&read, "[s]\n token = hunter2\napi_key = hunter2\napi_key = hunter3\n"
                     "MTE5MDAwMDAwMDAwMDAwMDAw.GabcdE.aaaaaaaaaaaaaaaaaaaaaa\n"
                     "x = \"MTE5MDAwMDAwMDAwMDAwMDAw.GabcdE.aaaaaaaaaaaaaaaaaaaaaa\n"
                     " token_file = shown.token\n");
    assert_null(strstr(read.text.bytes, "hunter"));
    assert_null(strstr(read.text.bytes, "MTE5"));
    assert_null(strstr(read.text.bytes, "Gabc"));
    assert_non_null(strstr(read.text.bytes, "shown.token"));
    assert_int_equal(read.report.error_count, 5);
    finish(&read);
}

static void a_terminal_is_not_at_the_mercy_of_the_file(void **state) {
    struct read read;
    static const char bytes[] = "[s]\na = \x1b[2J\nb\x00 = c\nd = \xff\xfe\ne \xc2\x9b = 1\n";
    read_bytes(&read, bytes, sizeof(bytes) - 1);
    assert_int_equal(read.report.error_count, 4);
    assert_non_null(strstr(read.text.bytes, "x.ini:2:5: error: control character 0x1b\n"));
    assert_non_null(strstr(read.text.bytes, "x.ini:3:2: error: control character 0x00\n"));
    assert_non_null(strstr(read.text.bytes, "x.ini:4:5: error: this is not UTF-8\n"));
    assert_null(memchr(read.text.bytes, 0x1b, read.text.length));
    assert_null(memchr(read.text.bytes, '\xff', read.text.length));
    assert_null(memchr(read.text.bytes, '\x9b', read.text.length));
    assert_int_equal(strlen(read.text.bytes), read.text.length);
    finish(&read);
}

static void long_values_arrive_whole_and_longer_ones_are_refused(void **state) {
    struct read read;
    struct buf text = {0};
    /* "k = " + value + LF + NUL fill INI_LINE_MAX exactly */
    size_t most = INI_LINE_MAX - 2 - 4;
    for (size_t extra = 0; extra < 2; extra++) {
        buf_clear(&text);
        assert_true(buf_text(&text, "[s]\nk = "));
        for (size_t i = 0; i < most + extra; i++) {
            assert_true(buf_text(&text, i == 240 ? ";" : "v"));
        }
        assert_true(buf_text(&text, "\nlast = 1"));
        read_bytes(&read, text.bytes, text.length);
        if (extra == 0) {
            assert_string_equal(read.text.bytes, "");
            assert_int_equal(strlen(read.file.entries[0].value), most);
            assert_int_equal(read.file.entry_count, 2);
        } else {
            assert_non_null(strstr(read.text.bytes,
                                   "x.ini:2:1: error: this line has 8191 bytes, at most 8190"));
            assert_int_equal(read.file.entry_count, 1);
        }
        finish(&read);
    }
    buf_finish(&text);
}

/* inih alone makes a second key of what stands behind its 199th byte. */
static void nothing_is_injected_by_a_long_line(void **state) {
    char text[600] = "[s]\nkey = ";
    size_t used = strlen(text);
    memset(text + used, 'L', 240);
    memcpy(text + used + 240, " ; evil = injected\n", 20);
    struct read read;
    read_text(&read, text);
    assert_int_equal(read.file.entry_count, 1);
    assert_int_equal(strlen(read.file.entries[0].value), 240);
    finish(&read);
}

static void a_line_of_a_megabyte_costs_one_error(void **state) {
    size_t length = 1 << 20;
    char *bytes = malloc(length);
    assert_non_null(bytes);
    memset(bytes, 'a', length);
    struct read read;
    read_bytes(&read, bytes, length);
    assert_int_equal(read.report.error_count, 1);
    assert_true(read.text.length < 1024);
    finish(&read);
    memset(bytes, 0, length);
    read_bytes(&read, bytes, length);
    assert_int_equal(read.report.error_count, 1);
    finish(&read);
    free(bytes);
}

static void keys_sections_and_problems_are_bounded(void **state) {
    struct read read;
    struct buf text = {0};
    assert_true(buf_text(&text, "[s]\n"));
    for (unsigned i = 0; i < 100000; i++) {
        assert_true(buf_printf(&text, "k%u=\n", i));
    }
    read_bytes(&read, text.bytes, text.length);
    assert_int_equal(read.file.entry_count, INI_ENTRIES_MAX);
    assert_int_equal(read.report.error_count, 1);
    assert_non_null(strstr(read.text.bytes, "x.ini:10002:1: error: too many keys"));
    finish(&read);
    buf_clear(&text);
    for (unsigned i = 0; i < 5000; i++) {
        assert_true(buf_printf(&text, "[s%u]\n", i));
    }
    read_bytes(&read, text.bytes, text.length);
    assert_int_equal(read.file.section_count, INI_SECTIONS_MAX);
    assert_int_equal(read.report.error_count, 1);
    finish(&read);
    buf_clear(&text);
    for (unsigned i = 0; i < 5000; i++) {
        assert_true(buf_text(&text, "x\n"));
    }
    read_bytes(&read, text.bytes, text.length);
    assert_int_equal(read.report.error_count, 5000);
    assert_int_equal(read.report.problem_count, CONFIG_PROBLEMS_MAX);
    assert_non_null(strstr(read.text.bytes, "(4900 more are not shown)\n5000 errors"));
    finish(&read);
    buf_finish(&text);
}

static void long_names_are_refused(void **state) {
    char text[700] = "[";
    memset(text + 1, 's', 129);
    strcat(text, "]\nhidden = 1\n[t]\n");
    size_t used = strlen(text);
    memset(text + used, 'k', 129);
    strcat(text, " = 1\n");
    struct read read;
    read_text(&read, text);
    assert_int_equal(read.report.error_count, 2);
    assert_int_equal(read.file.entry_count, 0);
    finish(&read);
}

static void empty_files_are_empty(void **state) {
    struct read read;
    read_bytes(&read, "", 0);
    assert_int_equal(read.file.section_count, 0);
    finish(&read);
    read_text(&read, "\xef\xbb\xbf");
    assert_string_equal(read.text.bytes, "");
    finish(&read);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_lose_comments_quotes_and_blanks),
        cmocka_unit_test(places_are_those_an_editor_shows),
        cmocka_unit_test(comments_may_begin_a_line_in_two_ways),
        cmocka_unit_test(an_indented_line_is_refused_with_the_reason),
        cmocka_unit_test(duplicates_name_both_lines),
        cmocka_unit_test(malformed_lines_are_all_told),
        cmocka_unit_test(the_caret_stands_below_its_character),
        cmocka_unit_test(secrets_never_show_in_source_lines),
        cmocka_unit_test(a_terminal_is_not_at_the_mercy_of_the_file),
        cmocka_unit_test(long_values_arrive_whole_and_longer_ones_are_refused),
        cmocka_unit_test(nothing_is_injected_by_a_long_line),
        cmocka_unit_test(a_line_of_a_megabyte_costs_one_error),
        cmocka_unit_test(keys_sections_and_problems_are_bounded),
        cmocka_unit_test(long_names_are_refused),
        cmocka_unit_test(empty_files_are_empty),
    };
    return cmocka_run_group_tests_name("config_ini", tests, NULL, NULL);
}
