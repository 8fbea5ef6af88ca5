/* replay/run.c: the steps of a file, one after the other. */
#include "replay/run_inside.h"

#include "base/text.h"
#include "replay/scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AFTER_MS = 3000 /* the file is over: has every interaction had its answer? */ };

#ifdef __clang__
#define ONE_COPY __attribute__((noinline))
#else
#define ONE_COPY __attribute__((noipa))
#endif

ONE_COPY void run_stop(unsigned step) {
    __asm__ volatile("" : : "r"(step) : "memory"); /* else there would be nothing to stop at */
}

/* ---- Titles ---- */

/* The line as it is written, without a comment's end or what follows. */
static void title_of(const struct run_options *options, unsigned line, char *out, size_t size) {
    const char *at = options->text;
    const char *end = options->text + options->length;
    for (unsigned i = 1; i < line && at < end; i++) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        at = next != NULL ? next + 1 : end;
    }
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    size_t length = (size_t)((stop != NULL ? stop : end) - at);
    while (length > 0 && (*at == ' ' || *at == '\t')) {
        at++;
        length--;
    }
    char copy[512];
    (void)snprintf(copy, sizeof(copy), "%.*s", (int)(length < 511 ? length : 511), at);
    (void)text_plain(out, size, copy);
}

/* ---- Acting ---- */

/* The message that a statement is about. */
static const cJSON *message_for(struct run *run, const struct script_item *item, bool *ok) {
    uint64_t id = 0;
    const cJSON *message = NULL;
    *ok = true;
    if (item->on != NULL && (item->kind != SCRIPT_MENU || item->on[0] == '$')) {
        const char *name = item->on + (item->on[0] == '$' ? 1 : 0);
        const char *text = names_find(&run->names, name);
        if (text == NULL || !text_u64(text, &id) ||
            (message = stage_message(run->stage, NULL, id)) == NULL) {
            *ok = false;
            judge_problem(run,
                          "no message of the bot's is called %s: bind it first: answer 200 "
                          "{id: %s}",
                          item->on, item->on);
        }
    } else if (item->kind == SCRIPT_PRESS || item->kind == SCRIPT_CHOOSE) {
        message = stage_message(run->stage, item->name, 0);
    }
    return message;
}

static bool is_command(const struct script_item *item) {
    return item->kind == SCRIPT_COMMAND || item->kind == SCRIPT_COMPLETE ||
           item->kind == SCRIPT_MENU;
}

static bool is_interaction(const struct script_item *item) {
    return is_command(item) || item->kind == SCRIPT_PRESS || item->kind == SCRIPT_CHOOSE ||
           item->kind == SCRIPT_SUBMIT;
}

/* What Discord leaves out for a bot that does not read contents. */
static void hide_content(struct run *run, const struct script_item *item, struct buf *data) {
    char self[32];
    bool dm = item->in != NULL && strcmp(item->in, "dm") == 0;
    (void)snprintf(self, sizeof(self), "<@%" PRIu64 ">", names_id(&run->names, "bot"));
    if (item->kind != SCRIPT_SAY || dm || stage_reads_content(run->stage) ||
        strstr(data->bytes, self) != NULL) {
        return;
    }
    cJSON *d = cJSON_ParseWithLength(data->bytes, data->length);
    cJSON_DeleteItemFromObjectCaseSensitive(d, "content");
    cJSON_AddStringToObject(d, "content", "");
    char *text = cJSON_PrintUnformatted(d);
    if (text != NULL) {
        buf_clear(data);
        (void)buf_text(data, text);
    }
    cJSON_free(text);
    cJSON_Delete(d);
}

static void play_event(struct run *run, const struct script_item *item) {
    bool ok;
    struct err err = {0};
    struct buf data = {0};
    const char *name = NULL;
    cJSON *definition =
        is_command(item)
            ? stage_definition(run->stage, item->kind == SCRIPT_MENU ? 0 : 1, item->name)
            : NULL;
    struct scene scene = {.names = &run->names,
                          .wall_ms = stage_wall_ms(run->stage),
                          .definition = definition,
                          .message = message_for(run, item, &ok)};
    if (ok && !scene_event(&scene, item, &name, &data, &err)) {
        struct buf known = {0};
        ok = false;
        judge_problem(run, "%s:%u: %s", run->options->file, item->line, err.text);
        if (is_command(item) && definition == NULL && stage_commands(run->stage, &known)) {
            judge_problem(run, "  it has: %s", known.length > 0 ? known.bytes : "none");
        }
        buf_finish(&known);
    }
    cJSON_Delete(definition);
    if (ok) {
        hide_content(run, item, &data);
        if (!stage_event(run->stage, name, &data, &err)) {
            judge_problem(run, "%s:%u: %s", run->options->file, item->line, err.text);
        } else if (is_interaction(item) && !stage_handled(run->stage)) {
            judge_problem(run, "%s:%u: no function of the plugin is for it", run->options->file,
                          item->line);
        }
    }
    buf_finish(&data);
}

static bool load(struct run *run, enum stage_change change, unsigned line) {
    struct err err = {0};
    if (stage_load(run->stage, change, &run->config, &err)) {
        return true;
    }
    judge_problem(run, "%s:%u: the plugin is refused: %s", run->options->file, line, err.text);
    return false;
}

/* False: the plugin is gone, nothing more can be played. */
static bool act(struct run *run, const struct script_item *item) {
    switch (item->kind) {
    case SCRIPT_WAIT:
        stage_wait(run->stage, item->number);
        return true;
    case SCRIPT_RELOAD:
        (void)load(run, STAGE_RELOAD, item->line);
        return true;
    case SCRIPT_RESTART:
        return load(run, STAGE_RESTART, item->line);
    default:
        play_event(run, item);
        return true;
    }
}

/* ---- Steps ---- */

static void begin_step(struct run *run, size_t first, unsigned line, const char *title) {
    const struct script *script = run->options->script;
    struct run_progress *progress = run->options->progress;
    buf_clear(&run->asked);
    buf_clear(&run->problems);
    buf_clear(&run->log);
    buf_clear(&run->faults);
    buf_clear(&run->extra);
    run->first = first;
    run->next = first;
    run->end = first;
    while (run->end < script->count && !script_acts(script->items[run->end].kind)) {
        run->end++;
    }
    progress->step = run->step;
    progress->line = line;
    (void)text_copy(progress->title, sizeof(progress->title), title);
    if (run->options->step_seconds > 0) {
        (void)alarm(run->options->step_seconds);
    }
    if (run->step > 0 && run->step == run->options->stop_at) {
        run_stop(run->step);
    }
}

/* The keys that stand in this step. */
static void take_config(struct run *run) {
    for (size_t i = run->first; i < run->end; i++) {
        const struct script_item *item = &run->options->script->items[i];
        if (item->kind == SCRIPT_CONFIG) {
            (void)buf_append(&run->config, item->name, strlen(item->name) + 1);
            (void)buf_append(&run->config, item->text, strlen(item->text) + 1);
        }
    }
}

static const char *text_in(const struct buf *buf) {
    return buf->bytes != NULL ? buf->bytes : "";
}

/* Tells of a step that has been judged. */
static void tell_step(struct run *run, unsigned line, const char *title) {
    const struct script *script = run->options->script;
    struct run_progress *progress = run->options->progress;
    if (run->extra.length > 0) {
        unsigned last = run->end > 0 ? script->items[run->end - 1].last_line : 1;
        change_behind(run, last, run->extra.bytes);
    }
    (void)alarm(0);
    bool ok = run->problems.length == 0;
    progress->passed += ok ? 1 : 0;
    progress->failed += ok ? 0 : 1;
    if (!ok && progress->failed_step == 0) {
        progress->failed_step = run->step;
    }
    struct run_step step = {
        run->step, line, title, text_in(&run->asked), text_in(&run->problems), text_in(&run->log)};
    run->options->told(run->options->arg, &step);
}

static void end_step(struct run *run, unsigned line, const char *title) {
    judge_end(run);
    tell_step(run, line, title);
}

/* Loading is step 0: it is told of when something came of it. */
static bool first_step(struct run *run) {
    const struct script *script = run->options->script;
    begin_step(run, 0, 1, "the start of the plugin");
    take_config(run);
    bool loaded = load(run, STAGE_FIRST, 1);
    judge_end(run);
    bool expects = false;
    for (size_t i = run->first; i < run->end; i++) {
        expects = expects || script->items[i].kind == SCRIPT_EXPECT;
    }
    if (expects || run->problems.length > 0) {
        tell_step(run, 1, "(start)");
    }
    (void)alarm(0);
    return loaded;
}

static void last_wait(struct run *run) {
    begin_step(run, run->options->script->count, 0, "the end of the file");
    run->after = true;
    stage_wait(run->stage, AFTER_MS);
    if (run->faults.length > 0) {
        end_step(run, 0, "(3 s after the end)");
    }
    (void)alarm(0);
}

static void play(struct run *run) {
    const struct script *script = run->options->script;
    bool alive = first_step(run);
    size_t at = run->end;
    while (alive && at < script->count) {
        const struct script_item *item = &script->items[at];
        char title[128];
        title_of(run->options, item->line, title, sizeof(title));
        run->step++;
        begin_step(run, at + 1, item->line, title);
        alive = act(run, item);
        take_config(run); /* for the next load */
        end_step(run, item->line, title);
        at = run->end;
    }
    if (alive) {
        last_wait(run);
    }
}

static uint64_t start_of(const struct script *script) {
    uint64_t start_ms = SCRIPT_START_MS;
    for (size_t i = 0; i < script->count; i++) {
        start_ms = script->items[i].kind == SCRIPT_TIME ? script->items[i].number : start_ms;
    }
    return start_ms;
}

bool run_script(const struct run_options *options, struct run_result *result, struct err *err) {
    struct run run = {.options = options, .result = result};
    struct stage_options stage = {.plugin = options->plugin,
                                  .copies = options->copies,
                                  .bot = options->bot,
                                  .start_ms = start_of(options->script),
                                  .names = &run.names,
                                  .watch = judge_watch(&run)};
    bool ok = scene_begin(&run.names, stage.start_ms) &&
              buf_append(&run.config, text_in(options->config), options->config->length);
    run.stage = ok ? stage_create(&stage, err) : NULL;
    if (!ok) {
        err_set(err, ERR_NO_MEMORY, "no memory");
    }
    if (run.stage != NULL) {
        play(&run);
        stage_destroy(run.stage);
    }
    ok = run.stage != NULL;
    result->passed = options->progress->passed;
    result->failed = options->progress->failed;
    options->progress->over = true;
    names_finish(&run.names);
    buf_finish(&run.config);
    buf_finish(&run.asked);
    buf_finish(&run.problems);
    buf_finish(&run.log);
    buf_finish(&run.faults);
    buf_finish(&run.extra);
    return ok;
}
