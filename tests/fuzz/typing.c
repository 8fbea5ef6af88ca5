/* fuzz/typing.c: the chat of `drey dev`: keys from a terminal, the lines that become of them, what
 * Tab makes of these, and texts of strangers between them. Nothing that comes out moves a cursor
 * but where it should. */
#include "fuzz.h"

#include "base/text.h"
#include "dev/complete.h"
#include "dev/edit.h"
#include "dev/fit.h"
#include "dev/line.h"

#include <stdlib.h>
#include <string.h>

static bool harmless(const char *text, size_t length) {
    while (length > 0) {
        size_t width = text_shown_width(text, length);
        if (width == 0) {
            return false;
        }
        text += width;
        length -= width;
    }
    return true;
}

static void check_fit(const char *text, size_t columns) {
    struct buf out = {0};
    size_t rows = 0;
    size_t widest = columns > 0 && columns < 20 ? 20 : columns;
    FUZZ_CHECK(fit_text(&out, text, columns, 9));
    const char *at = out.bytes;
    while (*at != '\0') {
        size_t length = strcspn(at, "\n");
        FUZZ_CHECK(at[length] == '\n' && harmless(at, length));
        FUZZ_CHECK(columns == 0 || strncmp(at, "  ... ", 6) == 0 ||
                   fit_text_width(at, length) <= widest);
        at += length + 1;
        rows++;
    }
    FUZZ_CHECK(rows >= 1 && rows <= FIT_LINES_MOST + 1);
    buf_finish(&out);
}

static void check_line(const char *text) {
    struct line line;
    struct err err = {0};
    if (!line_read(text, &line, &err)) {
        FUZZ_CHECK(err.text[0] != '\0');
        return;
    }
    FUZZ_CHECK((line.verb == LINE_NOTHING) == (text[strspn(text, " \t")] == '\0'));
    size_t used = 0;
    for (size_t i = 0; i < line.count; i++) {
        used += strlen(line.words[i]);
    }
    FUZZ_CHECK(used <= strlen(text));
    line_finish(&line);
}

static void check_tab(const struct complete_world *world, struct edit *edit) {
    struct complete found;
    char *line = strndup(edit_line(edit), edit->at);
    FUZZ_CHECK(line != NULL);
    complete_find(world, line, &found);
    FUZZ_CHECK(found.from <= strlen(line));
    for (size_t i = 0; i < found.count; i++) {
        FUZZ_CHECK(harmless(found.words[i], strlen(found.words[i])));
        FUZZ_CHECK(found.common <= strlen(found.words[i]));
    }
    if (found.count == 1) {
        edit_replace(edit, found.from, found.words[0]);
    }
    complete_finish(&found);
    free(line);
}

static void check_edit(const struct edit *edit, size_t columns) {
    const char *line = edit_line(edit);
    struct buf out = {0};
    FUZZ_CHECK(edit->at <= strlen(line) && strlen(line) <= EDIT_LINE_MOST);
    FUZZ_CHECK(((unsigned char)line[edit->at] & 0xc0) != 0x80); /* not within a character */
    FUZZ_CHECK(harmless(line, strlen(line)));
    FUZZ_CHECK(edit_draw(edit, "ann> ", columns, &out));
    const char *end = strstr(out.bytes, "\033[K");
    FUZZ_CHECK(out.bytes[0] == '\r' && end != NULL);
    FUZZ_CHECK(harmless(out.bytes + 1, (size_t)(end - out.bytes) - 1));
    FUZZ_CHECK(columns < 12 ||
               fit_text_width(out.bytes + 1, (size_t)(end - out.bytes) - 1) < columns);
    buf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    static struct complete_world world;
    struct edit edit = {0};
    if (world.commands == NULL) { /* once for the process */
        world.commands = cJSON_Parse(
            "[{\"name\":\"ping\"},{\"name\":\"poll\",\"options\":[{\"name\":\"create\",\"type\":1,"
            "\"options\":[{\"name\":\"q\",\"type\":3,\"choices\":[{\"name\":\"a b\"}]},"
            "{\"name\":\"who\",\"type\":6}]}]},{\"name\":\"Mark\",\"type\":3}]");
        world.members = cJSON_Parse("[{\"user\":{\"username\":\"ann\"}}]");
        world.channels = cJSON_Parse("[{\"name\":\"general\",\"type\":0}]");
    }
    size_t columns = size > 0 ? input[0] : 80;
    for (size_t i = 1; i < size; i++) {
        switch (edit_key(&edit, input[i])) {
        case EDIT_LINE:
            check_line(edit_line(&edit));
            edit_clear(&edit, true);
            break;
        case EDIT_COMPLETE:
            check_tab(&world, &edit);
            break;
        default:
            break;
        }
        if (i < 64 || i % 64 == 0 || i + 1 == size) {
            check_edit(&edit, columns);
        }
    }
    edit_finish(&edit);
    char *text = malloc(size + 1);
    FUZZ_CHECK(text != NULL);
    memcpy(text, input, size);
    text[size] = '\0';
    check_line(text);
    check_fit(text, columns);
    check_fit(text, 0);
    free(text);
    return 0;
}
