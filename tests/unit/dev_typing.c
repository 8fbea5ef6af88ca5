/* tests/unit/dev_typing.c: the chat of `drey dev` on a terminal: keys become a line, text of
 * strangers stays within bounds, Tab knows what there is, a button is found by its label. */
#include "dev/chat_inside.h"
#include "dev/complete.h"
#include "dev/edit.h"
#include "dev/fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* --- keys --- */

static enum edit_event type(struct edit *edit, const char *keys) {
    enum edit_event last = EDIT_NOTHING;
    for (; *keys != '\0'; keys++) {
        last = edit_key(edit, (unsigned char)*keys);
        if (last == EDIT_LINE) {
            edit_clear(edit, true);
        }
    }
    return last;
}

static void becomes(const char *keys, const char *wanted) {
    struct edit edit = {0};
    type(&edit, keys);
    if (strcmp(edit_line(&edit), wanted) != 0) {
        fail_msg("'%s' became '%s', not '%s'", keys, edit_line(&edit), wanted);
    }
    edit_finish(&edit);
}

static void keys_edit_the_line(void **state) {
    becomes("hello", "hello");
    becomes("helo\x1b[Dl", "hello");
    becomes("ello\x01h", "hello");
    becomes("ello\x1b[Hh\x1b[F!", "hello!");
    becomes("ello\x1b[1~h\x1b[4~!", "hello!");
    becomes("helloo\x7f", "hello");
    becomes("hxello\x1b[D\x1b[D\x1b[D\x1b[D\x7f", "hello");
    becomes("xhello\x01\x1b[3~", "hello");
    becomes("hello world\x17", "hello ");
    becomes("hello world\x15", "");
    becomes("hello world\x02\x02\x0b", "hello wor");
    becomes("a b c\x1b[1;5D\x1b[1;5DX", "a Xb c");
    becomes("a b c\x01\x1b[1;5C!", "a! b c");
}

static void characters_are_whole(void **state) {
    becomes("gr\xc3\xbc\xc3\x9f\x7f\x7f\xc3\xb6", "gr\xc3\xb6");
    becomes("\xf0\x9f\x90\xbf\x1b[Dx", "x\xf0\x9f\x90\xbf");
    becomes("\xe2\x82", ""); /* the rest never comes */
    becomes("\xe2\x82"
            "a",
            "a"); /* something else does */
    becomes("\xff\xfe"
            "a",
            "a"); /* no character */
    becomes("a\xe2\x80\xae"
            "b",
            "ab"); /* would turn the line round */
    becomes("a\xc2\x9b"
            "2Jb",
            "a2Jb");                        /* C1 */
    becomes("a\x1b[99;99Rb\x1bOQc", "abc"); /* keys that mean nothing here */
}

static void a_line_has_an_end(void **state) {
    struct edit edit = {0};
    for (int i = 0; i < EDIT_LINE_MOST + 100; i++) {
        type(&edit, "x");
    }
    assert_int_equal(strlen(edit_line(&edit)), EDIT_LINE_MOST);
    edit_finish(&edit);
}

static void old_lines_come_back(void **state) {
    struct edit edit = {0};
    type(&edit, "one\rtwo\rtwo\rthr");
    type(&edit, "\x1b[A");
    assert_string_equal(edit_line(&edit), "two");
    type(&edit, "\x1b[A\x1b[A\x1b[A");
    assert_string_equal(edit_line(&edit), "one");
    type(&edit, "\x1b[B\x1b[B");
    assert_string_equal(edit_line(&edit), "thr");
    for (int i = 0; i < EDIT_HISTORY_MOST + 10; i++) {
        char line[16];
        snprintf(line, sizeof(line), "%d\r", i);
        type(&edit, line);
    }
    for (int i = 0; i < EDIT_HISTORY_MOST + 10; i++) {
        type(&edit, "\x1b[A");
    }
    assert_string_equal(edit_line(&edit), "10");
    edit_finish(&edit);
}

static void control_keys_are_told(void **state) {
    struct edit edit = {0};
    assert_int_equal(type(&edit, "\x04"), EDIT_END);
    assert_int_equal(type(&edit, "a\x01\x04"), EDIT_CHANGED);
    assert_string_equal(edit_line(&edit), "");
    assert_int_equal(type(&edit, "\x03"), EDIT_INTERRUPT);
    assert_int_equal(type(&edit, "\t"), EDIT_COMPLETE);
    assert_int_equal(type(&edit, "\x0c"), EDIT_WIPE);
    assert_int_equal(type(&edit, "\x1a"), EDIT_NOTHING);
    edit_finish(&edit);
}

static void a_long_line_slides_under_its_prompt(void **state) {
    struct edit edit = {0};
    struct buf out = {0};
    type(&edit, "0123456789abcdefghij");
    edit_draw(&edit, "ann> ", 16, &out); /* 10 columns are left, the last one stays empty */
    assert_string_equal(out.bytes, "\rann> abcdefghij\033[K");
    buf_clear(&out);
    type(&edit, "\x01");
    edit_draw(&edit, "ann> ", 16, &out);
    assert_string_equal(out.bytes, "\rann> 0123456789\033[K\033[10D");
    buf_clear(&out);
    edit_draw(&edit, "ann> ", 3, &out); /* narrower than the prompt: it still ends */
    assert_true(out.length > 0);
    buf_finish(&out);
    edit_finish(&edit);
}

/* --- width --- */

static void fits(const char *text, size_t columns, const char *wanted) {
    struct buf out = {0};
    assert_true(fit_text(&out, text, columns, 2));
    if (strcmp(out.bytes, wanted) != 0) {
        fail_msg("'%s' became '%s', not '%s'", text, out.bytes, wanted);
    }
    buf_finish(&out);
}

static void what_could_harm_a_terminal_is_made_visible(void **state) {
    fits("a\x1b[2Jb", 0, "a\\u{1b}[2Jb\n");
    fits("a\xe2\x80\xae"
         "b\xff",
         0, "a\\u{202e}b\\u{ff}\n");
    fits("a\tb\r\nc", 0, "a\\u{09}b\\u{0d}\nc\n");
    fits("<b>\xc2\x9b</b>", 0, "<b>\\u{9b}</b>\n");
}

static void lines_are_wrapped_at_blanks(void **state) {
    fits("the quick brown fox jumps over", 20, "the quick brown fox \n  jumps over\n");
    fits("  the quick brown fox jumps", 20, "  the quick brown \n  fox jumps\n");
    fits("0123456789012345678901234", 20, "01234567890123456789\n  01234\n");
    fits("short\nlines stay", 20, "short\nlines stay\n");
    fits("", 20, "\n");
    fits("x\n\n\n", 20, "x\n");
}

static void wide_characters_take_two_columns_and_marks_do_not_pile_up(void **state) {
    struct buf out = {0};
    char tower[400] = "a";
    assert_int_equal(fit_char_width(0x4e00), 2);
    assert_int_equal(fit_char_width(0x301), 0);
    assert_int_equal(fit_char_width('a'), 1);
    for (int i = 0; i < 100; i++) {
        strcat(tower, "\xcc\x81");
    }
    assert_true(fit_text(&out, tower, 80, 0));
    assert_int_equal(out.length, 1 + 2 * FIT_MARKS_MOST + 1);
    buf_clear(&out);
    for (int i = 0; i < 30; i++) {
        strcpy(tower + 3 * i, "\xe4\xb8\x80");
    }
    assert_true(fit_text(&out, tower, 40, 0));
    assert_int_equal(out.length, 30 * 3 + 2); /* twenty on a row */
    buf_finish(&out);
}

static void a_flood_of_lines_is_cut(void **state) {
    struct buf text = {0};
    struct buf out = {0};
    for (int i = 0; i < 1000; i++) {
        buf_text(&text, "x\n");
    }
    assert_true(fit_text(&out, text.bytes, 80, 0));
    assert_non_null(strstr(out.bytes, "... 940 more lines"));
    assert_true(out.length < 300);
    buf_finish(&text);
    buf_finish(&out);
}

/* --- Tab --- */

static struct complete_world world;

static int make_world(void **state) {
    world.commands = cJSON_Parse(
        "[{\"name\":\"ping\",\"type\":1},{\"name\":\"poll\",\"type\":1,\"options\":["
        "{\"name\":\"create\",\"type\":1,\"options\":[{\"name\":\"question\",\"type\":3},"
        "{\"name\":\"who\",\"type\":6},{\"name\":\"where\",\"type\":7},{\"name\":\"secret\",\"type\":5},"
        "{\"name\":\"colour\",\"type\":3,\"choices\":[{\"name\":\"dark red\",\"value\":\"r\"},"
        "{\"name\":\"dark blue\",\"value\":\"b\"}]}]},{\"name\":\"close\",\"type\":1}]},"
        "{\"name\":\"Report\",\"type\":3},{\"name\":\"evil\\u001b[2J\",\"type\":1}]");
    world.members =
        cJSON_Parse("[{\"user\":{\"username\":\"ann\"}},{\"user\":{\"username\":\"anton\"}}]");
    world.channels =
        cJSON_Parse("[{\"name\":\"general\",\"type\":0},{\"name\":\"Lounge\",\"type\":2}]");
    world.components = cJSON_Parse(
        "[[{\"type\":1,\"components\":[{\"type\":2,\"label\":\"Yes, do\",\"custom_id\":\"y\"},"
        "{\"type\":3,\"custom_id\":\"pick\"}]}]]");
    return 0;
}

static int drop_world(void **state) {
    struct complete_world old = world;
    cJSON *owned[4];
    memcpy(owned, &old, sizeof(owned));
    for (size_t i = 0; i < 4; i++) {
        cJSON_Delete(owned[i]);
    }
    return 0;
}

static void tab(const char *line, const char *common, size_t count) {
    struct complete found;
    complete_find(&world, line, &found);
    char got[300] = "";
    snprintf(got, sizeof(got), "%.*s%.*s", (int)found.from, line, (int)found.common,
             found.count > 0 ? found.words[0] : "");
    if (found.count != count || (count > 0 && strcmp(got, common) != 0)) {
        fail_msg("'%s': %zu, '%s'", line, found.count, got);
    }
    complete_finish(&found);
}

static void commands_options_and_values_are_completed(void **state) {
    tab("/pi", "/ping ", 1);
    tab("/p", "/p", 2);
    tab("/evil", "", 0);
    tab("/R", "", 0);
    tab("/poll c", "/poll c", 2);
    tab("/poll cr", "/poll create ", 1);
    tab("/poll create qu", "/poll create question:", 1);
    tab("/poll create question:\"a b\" q", "", 0); /* it is there already */
    tab("/poll create w", "/poll create wh", 2);
    tab("/poll create secret:t", "/poll create secret:true ", 1);
    tab("/poll create who:an", "/poll create who:an", 2);
    tab("/poll create who:ann", "/poll create who:ann ", 1);
    tab("/poll create where:", "/poll create where:general ", 1);
    tab("/poll create colour:\"dark b", "/poll create colour:\"dark blue\" ", 1);
    tab("/ping x", "", 0);
    tab("/nothing x", "", 0);
}

static void what_is_behind_a_colon_is_completed(void **state) {
    tab(":bu", ":build ", 1);
    tab(":as an", ":as an", 2);
    tab(":in #g", ":in #general ", 1);
    tab(":in d", ":in dm ", 1);
    tab(":press Y", ":press \"Yes, do\" ", 1);
    tab(":select p", ":select pick ", 1);
    tab(":menu R", ":menu Report ", 1);
    tab("plain an", "", 0);
    tab("", "", 0);
}

/* --- what is pressed --- */

static void a_button_is_found_by_its_label_in_the_newest_message(void **state) {
    static const char *const texts[] = {
        "{\"id\":\"1\",\"components\":[{\"type\":1,\"components\":[{\"type\":2,\"label\":\"Yes\","
        "\"custom_id\":\"old\"},{\"type\":2,\"label\":\"No\",\"custom_id\":\"no\"}]}]}",
        "{\"id\":\"2\",\"components\":[{\"type\":1,\"components\":[{\"type\":2,\"label\":\"Yes\","
        "\"custom_id\":\"new\"}]},{\"type\":1,\"components\":[{\"type\":3,\"custom_id\":\"pick\","
        "\"placeholder\":\"A colour\",\"options\":[{\"label\":\"Red\",\"value\":\"r\"}]}]}]}"};
    static struct chat chat;
    const cJSON *message = NULL;
    struct err err = {0};
    for (size_t i = 0; i < 2; i++) {
        chat.recent[i].message = cJSON_Parse(texts[i]);
    }
    chat.recent_next = 2;
    assert_string_equal(
        chat_text_of(chat_find_component(&chat, "yes", false, NULL, &message, &err), "custom_id"),
        "new");
    assert_string_equal(chat_text_of(message, "id"), "2");
    assert_string_equal(
        chat_text_of(chat_find_component(&chat, "Yes", false, "1", &message, &err), "custom_id"),
        "old");
    assert_non_null(chat_find_component(&chat, "no", false, NULL, &message, &err));
    assert_string_equal(chat_text_of(message, "id"), "1");
    const cJSON *menu = chat_find_component(&chat, "a colour", true, NULL, &message, &err);
    assert_string_equal(chat_find_choice(menu, "red"), "r");
    assert_string_equal(chat_find_choice(menu, "user-7"), "user-7");
    assert_non_null(chat_find_component(&chat, "ye", false, NULL, &message, &err)); /* a piece */
    assert_string_equal(chat_text_of(message, "id"), "2");
    assert_null(chat_find_component(&chat, "", false, NULL, &message, &err));
    assert_null(chat_find_component(&chat, "Maybe", false, NULL, &message, &err));
    assert_non_null(strstr(err.text, "button 'Maybe'"));
    for (size_t i = 0; i < 2; i++) {
        cJSON_Delete(chat.recent[i].message);
    }
}

static void a_field_of_a_form_is_found_by_its_label(void **state) {
    cJSON *modal =
        cJSON_Parse("{\"components\":[{\"type\":1,\"components\":[{\"type\":4,\"label\":\"Name\","
                    "\"custom_id\":\"n\"}]},{\"type\":18,\"label\":\"Age\",\"component\":"
                    "{\"type\":4,\"custom_id\":\"a\"}}]}");
    assert_string_equal(chat_find_field(modal, "name"), "n");
    assert_string_equal(chat_find_field(modal, "n"), "n");
    assert_string_equal(chat_find_field(modal, "Age"), "a");
    assert_string_equal(chat_find_field(modal, "other"), "other");
    cJSON_Delete(modal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_edit_the_line),
        cmocka_unit_test(characters_are_whole),
        cmocka_unit_test(a_line_has_an_end),
        cmocka_unit_test(old_lines_come_back),
        cmocka_unit_test(control_keys_are_told),
        cmocka_unit_test(a_long_line_slides_under_its_prompt),
        cmocka_unit_test(what_could_harm_a_terminal_is_made_visible),
        cmocka_unit_test(lines_are_wrapped_at_blanks),
        cmocka_unit_test(wide_characters_take_two_columns_and_marks_do_not_pile_up),
        cmocka_unit_test(a_flood_of_lines_is_cut),
        cmocka_unit_test(commands_options_and_values_are_completed),
        cmocka_unit_test(what_is_behind_a_colon_is_completed),
        cmocka_unit_test(a_button_is_found_by_its_label_in_the_newest_message),
        cmocka_unit_test(a_field_of_a_form_is_found_by_its_label),
    };
    return cmocka_run_group_tests(tests, make_world, drop_world);
}
