/* replay/judge.c: holds what a plugin asks for against what the file expects, in the order of
 * both, and says the difference. */
#include "replay/run_inside.h"

#include "base/file.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHORT_BYTES = 48, FILE_SHOWN_MAX = 1 << 20, SHOWN_BYTES = 400 };

void judge_problem(struct run *run, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)buf_vprintf(&run->problems, format, args);
    (void)buf_text(&run->problems, "\n");
    va_end(args);
}

/* Of the step at hand. */
static unsigned line_of(const struct run *run) {
    unsigned line = run->options->progress->line;
    return line > 0 ? line : 1;
}

/* ---- Words for people ---- */

static const char *content_of(const cJSON *shown) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(shown, "content"));
}

/* "reply "Pong!"" */
static void note_asked(struct run *run, const struct stage_request *request) {
    char text[SHORT_BYTES];
    const char *content = content_of(request->shown);
    if (run->asked.length > 4096) {
        return;
    }
    (void)buf_text(&run->asked, run->asked.length > 0 ? ", " : "");
    if (request->kind == ASK_REST) {
        (void)buf_printf(&run->asked, "%s %s", request->method, request->path);
    } else {
        (void)buf_text(&run->asked, ask_word(request->kind));
    }
    if (content != NULL && content[0] != '\0') {
        (void)buf_printf(&run->asked, " \"%s\"", text_plain(text, sizeof(text), content));
    }
}

static void write_expectation(const struct script_item *item, struct buf *out) {
    (void)buf_printf(out, "%s%s", item->exactly ? "exactly " : "", item->name);
    if (item->text != NULL) {
        (void)buf_printf(out, " %s", item->text);
    }
    if (item->in != NULL) {
        (void)buf_printf(out, " in %s", item->in);
    }
}

/* ---- One request, one expectation ---- */

static const cJSON *part_of(const struct script_item *item, const struct stage_request *request) {
    return item->expect == ASK_REST ? request->body : request->shown;
}

/* A name or $name as the clause "in" has it, against the channel in the path. */
static bool in_channel(struct run *run, const char *name, const char *path) {
    char pattern[PATTERN_NAME_BYTES + 32];
    (void)snprintf(pattern, sizeof(pattern), "/channels/$%s/messages",
                   name + (name[0] == '$' ? 1 : 0));
    return match_path(pattern, path, &run->names);
}

static bool same_kind(struct run *run, const struct script_item *item,
                      const struct stage_request *request) {
    if (item->expect == ASK_REST) {
        return strcmp(item->name, request->method) == 0 &&
               match_path(item->text, request->path, &run->names);
    }
    if (item->expect == ASK_WHISPER) {
        const cJSON *flags = cJSON_GetObjectItemCaseSensitive(request->shown, "flags");
        return request->kind == ASK_REPLY && cJSON_IsNumber(flags) && (flags->valueint & 64) != 0;
    }
    return item->expect == request->kind &&
           (item->in == NULL || in_channel(run, item->in, request->path));
}

/* The lines of a longer text, each behind the same margin. */
static void add_lines(struct run *run, const char *margin, const char *text) {
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        (void)buf_printf(&run->problems, "%s%.*s\n", margin, (int)length, text);
        text += length + (text[length] == '\n' ? 1 : 0);
    }
}

static void tell_other_kind(struct run *run, const struct script_item *item,
                            const struct stage_request *request) {
    struct buf wanted = {0};
    struct buf came = {0};
    write_expectation(item, &wanted);
    (void)change_line(run, request, &came);
    judge_problem(run, "%s:%u:", run->options->file, item->line);
    judge_problem(run, "  expected  %s", wanted.bytes);
    judge_problem(run, "  got       %.*s", SHOWN_BYTES, came.bytes);
    buf_finish(&wanted);
    buf_finish(&came);
}

static void tell_difference(struct run *run, const struct script_item *item,
                            const struct stage_request *request) {
    struct buf lines = {0};
    struct buf wanted = {0};
    write_expectation(item, &wanted);
    judge_problem(run, "%s:%u: %s is not as expected (- expected, + got)", run->options->file,
                  item->line, wanted.bytes);
    (void)match_diff(item->value, part_of(item, request), item->exactly, &run->names, &lines);
    add_lines(run, "  ", lines.bytes != NULL ? lines.bytes : "");
    buf_finish(&lines);
    buf_finish(&wanted);
}

static void rewrite(struct run *run, const struct script_item *item,
                    const struct stage_request *request) {
    struct buf text = {0};
    if (change_statement(run, request, item->exactly, &text)) {
        change_item(run, item, text.bytes);
    }
    buf_finish(&text);
}

static void compare(struct run *run, const struct script_item *item,
                    const struct stage_request *request) {
    if (!same_kind(run, item, request)) {
        tell_other_kind(run, item, request);
        rewrite(run, item, request);
    } else if (item->value != NULL &&
               !match_value(item->value, part_of(item, request), item->exactly, &run->names)) {
        tell_difference(run, item, request);
        rewrite(run, item, request);
    }
}

/* ---- The watcher ---- */

/* The next expectation of a request, or of nothing or anything. NULL: there is none. */
static const struct script_item *turn(struct run *run) {
    const struct script *script = run->options->script;
    while (run->next < run->end) {
        const struct script_item *item = &script->items[run->next];
        bool waits =
            item->kind == SCRIPT_EXPECT && (item->expect < ASK_LOG || item->expect >= ASK_NOTHING);
        if (waits) {
            return item;
        }
        run->next++;
    }
    return NULL;
}

static void unexpected(struct run *run, const struct stage_request *request) {
    struct buf came = {0};
    if (change_line(run, request, &came) && change_statement(run, request, false, &run->extra)) {
        judge_problem(run, "%s:%u: nobody expected", run->options->file, line_of(run));
        judge_problem(run, "  got       %.*s", SHOWN_BYTES, came.bytes);
    }
    buf_finish(&came);
}

static void give_answer(struct run *run, const struct script_item *item,
                        struct stage_answer *answer) {
    answer->status = (unsigned)item->number;
    buf_clear(&answer->body);
    if (item->value != NULL) {
        (void)names_json(&run->names, item->value, &answer->body);
    }
}

static void on_asked(void *arg, const struct stage_request *request, struct stage_answer *answer) {
    struct run *run = arg;
    const struct script *script = run->options->script;
    if (run->after) {
        return;
    }
    note_asked(run, request);
    const struct script_item *item = turn(run);
    if (item != NULL && item->expect == ASK_ANYTHING) {
        return;
    }
    if (item == NULL || item->expect == ASK_NOTHING) {
        unexpected(run, request);
        return;
    }
    run->next++;
    compare(run, item, request);
    if (run->next < run->end && script->items[run->next].kind == SCRIPT_ANSWER) {
        give_answer(run, &script->items[run->next++], answer);
    }
}

static void on_said(void *arg, enum log_level level, const char *text) {
    static const char *const words[] = {"trace", "debug", "info ", "warn ", "error"};
    struct run *run = arg;
    if (level <= LOG_ERROR && run->log.length < (1u << 20)) {
        (void)buf_printf(&run->log, "%s %s\n", words[level], text);
    }
}

static void on_fault(void *arg, const char *text) {
    struct run *run = arg;
    if (run->faults.length < (1u << 20)) {
        (void)buf_printf(&run->faults, "%s\n", text);
    }
}

struct stage_watch judge_watch(struct run *run) {
    return (struct stage_watch){run, on_asked, on_said, on_fault};
}

/* ---- At the end of a step ---- */

/* Whether one of the lines matches; *at, *length: which. */
static bool find_line(const struct run *run, const struct pattern *pattern, const struct buf *lines,
                      size_t skip, size_t *at, size_t *length) {
    *at = 0;
    while (*at < lines->length) {
        *length = strcspn(lines->bytes + *at, "\n");
        size_t from = *length > skip ? skip : *length;
        char *line = strndup(lines->bytes + *at + from, *length - from);
        bool found = line != NULL && match_text(pattern, line, &run->names);
        free(line);
        if (found) {
            return true;
        }
        *at += *length + 1;
    }
    return false;
}

static void judge_text(struct run *run, const struct script_item *item, const struct buf *lines,
                       const char *what) {
    struct buf wanted = {0};
    (void)pattern_write(item->value, &wanted);
    judge_problem(run, "%s:%u:", run->options->file, item->line);
    judge_problem(run, "  expected  %s %s", what, wanted.bytes);
    if (lines->length == 0) {
        judge_problem(run, "  got       nothing");
    } else {
        judge_problem(run, "  got");
        add_lines(run, "            ", lines->bytes);
    }
    buf_finish(&wanted);
}

static void judge_file(struct run *run, const struct script_item *item) {
    struct buf file = {0};
    struct err err = {0};
    bool plain = strchr(item->text, '/') == NULL;
    if (!plain || !file_read(item->text, FILE_SHOWN_MAX, &file, &err) ||
        !buf_append(&file, "", 0)) {
        judge_problem(run, "%s:%u: file %s: %s", run->options->file, item->line, item->text,
                      plain ? err.text : "the name of a file in the plugin's directory is wanted");
    } else if (!match_text(item->value, file.bytes, &run->names)) {
        judge_text(run, item, &file, item->text);
    }
    buf_finish(&file);
}

static void judge_late(struct run *run, const struct script_item *item) {
    size_t at;
    size_t length;
    if (item->kind != SCRIPT_EXPECT) {
        return;
    }
    if (item->expect == ASK_LOG && !find_line(run, item->value, &run->log, 6, &at, &length)) {
        judge_text(run, item, &run->log, "a log line");
    } else if (item->expect == ASK_FAULT) {
        if (find_line(run, item->value, &run->faults, 0, &at, &length)) {
            memmove(run->faults.bytes + at, run->faults.bytes + at + length + 1,
                    run->faults.length - at - length); /* and the NUL */
            run->faults.length -= length + 1;
        } else {
            judge_text(run, item, &run->faults, "a broken rule");
        }
    } else if (item->expect == ASK_FILE) {
        judge_file(run, item);
    }
}

static void missing(struct run *run, const struct script_item *item) {
    struct buf wanted = {0};
    write_expectation(item, &wanted);
    if (item->value != NULL) {
        (void)buf_text(&wanted, " ");
        (void)pattern_write(item->value, &wanted);
    }
    judge_problem(run, "%s:%u:", run->options->file, item->line);
    judge_problem(run, "  expected  %.200s", wanted.bytes);
    judge_problem(run, "  got       nothing");
    change_item(run, item, "");
    buf_finish(&wanted);
}

void judge_end(struct run *run) {
    const struct script *script = run->options->script;
    for (const struct script_item *item = turn(run); item != NULL; item = turn(run)) {
        run->next++;
        if (item->expect < ASK_LOG) {
            missing(run, item);
            if (run->next < run->end && script->items[run->next].kind == SCRIPT_ANSWER) {
                change_item(run, &script->items[run->next++], "");
            }
        } else if (item->expect == ASK_NOTHING && run->extra.length > 0) {
            change_item(run, item, "");
        }
    }
    for (size_t i = run->first; i < run->end; i++) {
        judge_late(run, &script->items[i]);
    }
    if (run->faults.length > 0) {
        judge_problem(run, "%s:%u: the host refused", run->options->file, line_of(run));
        add_lines(run, "  ", run->faults.bytes);
    }
}
