/* bot/publish.c: the steps: the application's number, what Discord has, the difference, the PUT. */
#include "bot/publish.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "interaction/catalogue.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUIET_MS = 1000, AGAIN_MS = 60000, ANSWER_MS = 60000, MEMORY_MAX = 4096 };
enum { KEPT_NAMED = 8 }; /* commands, in one line of the log */

enum step { STEP_IDLE, STEP_APPLICATION, STEP_LIST, STEP_PUT };

struct publisher {
    char *bot;
    char path[PATH_MAX];
    struct loop *loop;
    struct rest *rest;
    uint32_t number;
    uint64_t guild;
    void *arg;
    bool (*body_of)(void *arg, bool guild, struct buf *out, size_t *count, bool *complete,
                    char missing[static PUBLISH_MISSING_BYTES]);
    bool (*diff_of)(void *arg, bool guild, const struct buf *body, const char *answer,
                    size_t length, struct buf *lines, size_t *changes, size_t *removals,
                    struct err *err);
    bool moved; /* the scope has changed since this round began */
    struct loop_timer *timer;
    enum step step;
    uint64_t application;                /* 0: not known yet */
    bool complete;                       /* the body of this round is */
    char missing[PUBLISH_MISSING_BYTES]; /* else: whose commands it has not */
    bool again;                          /* something changed meanwhile */
    bool stopped;
    struct buf body; /* of this round */
    char hash[CATALOGUE_HASH_BYTES];
    struct buf lines;
    /* Somebody asked: */
    publisher_done_fn *done;
    void *done_arg;
    bool sync;
};

static struct log_from from(const struct publisher *p) {
    return (struct log_from){.bot = p->bot, .shard = -1};
}

/* ---- What was published last: "HASH SCOPE APPLICATION" ---- */

static void remember(const struct publisher *p) {
    char text[256];
    struct err err = {0};
    struct log_from me = from(p);
    int length = snprintf(text, sizeof(text), "%s %" PRIu64 " %" PRIu64 "\n", p->hash, p->guild,
                          p->application);
    if (!file_write(p->path, text, (size_t)length, &err)) {
        log_warn(&me, "which commands were published could not be noted: %s", err.text);
    }
}

/* Whether anything was ever published from here to this place (as far as it is known which it is);
 * *same: exactly this. */
static bool recall(const struct publisher *p, bool *same) {
    struct buf text = {0};
    char hash[CATALOGUE_HASH_BYTES] = "";
    uint64_t guild = 0;
    uint64_t application = 0;
    bool any = file_read(p->path, MEMORY_MAX, &text, NULL) && text.length > 0 &&
               sscanf(text.bytes, "%64s %" SCNu64 " %" SCNu64, hash, &guild, &application) == 3 &&
               guild == p->guild && (p->application == 0 || application == p->application);
    *same = any && strcmp(hash, p->hash) == 0 && application == p->application;
    buf_finish(&text);
    return any;
}

/* ---- Steps ---- */

static void finish(struct publisher *p, bool ok, const struct err *err) {
    publisher_done_fn *done = p->done;
    p->step = STEP_IDLE;
    p->done = NULL;
    if (done != NULL) {
        done(p->done_arg, ok, p->lines.length > 0 ? p->lines.bytes : "", err);
    }
    if (p->again && !p->stopped) {
        p->again = false;
        loop_timer_start(p->timer, QUIET_MS);
    }
}

/* What a new try may mend is tried again by itself. */
static void give_up(struct publisher *p, const struct rest_answer *answer, const char *what) {
    struct log_from me = from(p);
    struct err err = {0};
    bool passing = answer->end == REST_END_NETWORK || answer->end == REST_END_DEADLINE ||
                   answer->status >= 500;
    err_set(&err, ERR_NETWORK, "%s: %s%.600s", what, answer->err->text,
            answer->status >= 400 && answer->status < 500 ? answer->body : "");
    if (p->done != NULL && !p->sync) { /* it was only a question */
        finish(p, false, &err);
        return;
    }
    if (answer->end != REST_END_STOPPED && answer->end != REST_END_CANCELLED) {
        log_warn(&me, "its commands are not published: %s%s", err.text,
                 passing ? "; tried again in a minute" : "");
        if (passing && !p->stopped) {
            loop_timer_start(p->timer, AGAIN_MS);
        }
    }
    finish(p, false, &err);
}

static void commands_path(const struct publisher *p, char *out, size_t size, const char *query) {
    if (p->guild != 0) {
        snprintf(out, size, "/applications/%" PRIu64 "/guilds/%" PRIu64 "/commands%s",
                 p->application, p->guild, query);
    } else {
        snprintf(out, size, "/applications/%" PRIu64 "/commands%s", p->application, query);
    }
}

static void ask(struct publisher *p, enum step step, enum rest_method method, const char *path,
                const struct buf *body);

static void on_put(struct publisher *p, const struct rest_answer *answer) {
    struct log_from me = from(p);
    if (answer->end != REST_END_ANSWERED || answer->status != 200) {
        give_up(p, answer, "Discord does not take them");
        return;
    }
    remember(p);
    if (p->lines.length == 0) {
        log_info(&me, "commands published: as before, but for what Discord fills in where nothing "
                      "is declared");
    }
    for (const char *line = p->lines.bytes; line != NULL && *line != '\0';) {
        size_t length = strcspn(line, "\n");
        log_info(&me, "command published: %.*s", (int)length, line);
        line += length + (line[length] == '\n' ? 1 : 0);
    }
    finish(p, true, NULL);
}

/* Which commands of Discord's are kept, and because of whom. */
static void tell_kept(const struct publisher *p) {
    struct log_from me = from(p);
    struct buf names = {0};
    size_t count = 0;
    for (const char *line = p->lines.bytes; line != NULL && *line != '\0';) {
        size_t length = strcspn(line, "\n");
        if (line[0] == '-' && length > 2 && count++ < KEPT_NAMED) {
            (void)buf_printf(&names, "%s%.*s", count > 1 ? ", " : "", (int)(length - 2), line + 2);
        }
        line += length + (line[length] == '\n' ? 1 : 0);
    }
    log_warn(&me,
             "its commands are not published: that would take away %s%s, and these plugins are not "
             "loaded now, or not seen: %s; mend them, or `drey commands sync` takes them away",
             names.bytes != NULL ? names.bytes : "some", count > KEPT_NAMED ? ", ..." : "",
             p->missing);
    buf_finish(&names);
}

static void on_list(struct publisher *p, const struct rest_answer *answer) {
    char path[128];
    struct err err = {0};
    struct log_from me = from(p);
    size_t changes = 0;
    size_t removals = 0;
    if (answer->end != REST_END_ANSWERED || answer->status != 200) {
        give_up(p, answer, "Discord does not tell which it has");
        return;
    }
    buf_clear(&p->lines);
    if (!p->diff_of(p->arg, p->guild != 0, &p->body, answer->body, answer->length, &p->lines,
                    &changes, &removals, &err)) {
        if (err.code == ERR_BUSY) {
            p->again = true;
        } else {
            log_warn(&me, "its commands are not published: %s", err.text);
        }
        finish(p, false, &err);
        return;
    }
    bool only_asked = p->done != NULL && !p->sync;
    bool same;
    /* What Discord fills in for itself is no difference: but it may be what was declared last. */
    bool taken_back = recall(p, &same) && !same;
    if (only_asked) {
        finish(p, true, NULL);
    } else if (changes == 0 && !taken_back) {
        remember(p);
        finish(p, true, NULL);
    } else if (removals > 0 && !p->complete && p->done == NULL) {
        tell_kept(p);
        finish(p, true, NULL);
    } else if (!catalogue_keep_entry_point(answer->body, answer->length, &p->body, &err)) {
        log_warn(&me, "its commands are not published: %s", err.text);
        finish(p, false, &err);
    } else {
        commands_path(p, path, sizeof(path), "");
        ask(p, STEP_PUT, REST_PUT, path, &p->body);
    }
}

static void compare(struct publisher *p) {
    char path[128];
    bool same;
    bool any = recall(p, &same);
    bool nothing = p->body.length == 2; /* [] */
    if (p->done == NULL && (same || (!any && nothing))) {
        finish(p, true, NULL);
        return;
    }
    commands_path(p, path, sizeof(path), "?with_localizations=true");
    ask(p, STEP_LIST, REST_GET, path, NULL);
}

static void on_application(struct publisher *p, const struct rest_answer *answer) {
    cJSON *body = answer->end == REST_END_ANSWERED && answer->status == 200
                      ? cJSON_ParseWithLength(answer->body, answer->length)
                      : NULL;
    const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "id"));
    if (id == NULL || !text_u64(id, &p->application) || p->application == 0) {
        p->application = 0;
        cJSON_Delete(body);
        give_up(p, answer, "GET /applications/@me");
        return;
    }
    cJSON_Delete(body);
    compare(p);
}

static bool is_stopped(const struct publisher *p, struct err *err) {
    return p->stopped && !err_set(err, ERR_BUSY, "the bot is stopping");
}

static void on_answer(void *arg, const struct rest_answer *answer) {
    struct publisher *p = arg;
    struct err err = {0};
    if (p->step != STEP_PUT && is_stopped(p, &err)) {
        finish(p, false, &err);
        return;
    }
    if (p->moved) { /* it is about another place */
        err_set(&err, ERR_BUSY, "the configuration has changed meanwhile: try again");
        p->moved = false;
        p->again = true;
        finish(p, false, &err);
        return;
    }
    switch (p->step) {
    case STEP_APPLICATION:
        on_application(p, answer);
        break;
    case STEP_LIST:
        on_list(p, answer);
        break;
    case STEP_PUT:
        on_put(p, answer);
        break;
    case STEP_IDLE:
        break;
    }
}

static void ask(struct publisher *p, enum step step, enum rest_method method, const char *path,
                const struct buf *body) {
    struct err err = {0};
    struct log_from me = from(p);
    struct rest_call call = {.bot = p->number,
                             .owner_name = "drey",
                             .method = method,
                             .path = path,
                             .content = body != NULL ? REST_CONTENT_JSON : REST_CONTENT_NONE,
                             .body = body != NULL ? body->bytes : NULL,
                             .body_length = body != NULL ? body->length : 0,
                             .deadline_ms = ANSWER_MS,
                             .done = on_answer,
                             .arg = p};
    p->step = step;
    if (rest_submit(p->rest, &call, &err) == 0) {
        log_warn(&me, "its commands are not published: %s", err.text);
        finish(p, false, &err);
    }
}

static void begin(struct publisher *p) {
    struct err err = {0};
    struct log_from me = from(p);
    size_t count = 0;
    buf_clear(&p->body);
    buf_clear(&p->lines);
    if (!p->body_of(p->arg, p->guild != 0, &p->body, &count, &p->complete, p->missing)) {
        err_set(&err, ERR_NO_MEMORY, "commands");
        log_warn(&me, "its commands are not published: no memory");
        finish(p, false, &err);
        return;
    }
    catalogue_hash(&p->body, p->hash);
    log_debug(&me, "looking at its commands: %zu", count);
    bool same;
    if (count == 0 && p->done == NULL && !recall(p, &same)) {
        finish(p, true, NULL); /* not even the application is asked for */
    } else if (p->application == 0) {
        ask(p, STEP_APPLICATION, REST_GET, "/applications/@me", NULL);
    } else {
        compare(p);
    }
}

static void on_timer(void *arg) {
    struct publisher *p = arg;
    if (p->step != STEP_IDLE) {
        p->again = true;
    } else {
        begin(p);
    }
}

void publisher_changed(struct publisher *publisher) {
    struct log_from me = from(publisher);
    if (!publisher->stopped) {
        log_debug(&me, "its commands may have changed: looking in %d ms", QUIET_MS);
        loop_timer_start(publisher->timer, QUIET_MS);
    }
}

void publisher_stop(struct publisher *publisher) {
    publisher->stopped = true;
    loop_timer_stop(publisher->timer);
}

void publisher_ask(struct publisher *publisher, bool sync, publisher_done_fn *done, void *arg) {
    struct err err = {0};
    if (is_stopped(publisher, &err)) {
        done(arg, false, "", &err);
        return;
    }
    if (publisher->step != STEP_IDLE) {
        err_set(&err, ERR_BUSY, "commands are being published right now: try again in a moment");
        done(arg, false, "", &err);
        return;
    }
    publisher->done = done;
    publisher->done_arg = arg;
    publisher->sync = sync;
    begin(publisher);
}

void publisher_set_guild(struct publisher *publisher, uint64_t guild) {
    publisher->guild = guild;
    publisher->application = 0; /* the token may be another one's */
    publisher->moved = publisher->step != STEP_IDLE;
}

struct publisher *publisher_create(const struct publisher_options *options, struct err *err) {
    struct publisher *p = calloc(1, sizeof(*p));
    if (p == NULL || (p->bot = strdup(options->bot)) == NULL ||
        (p->timer = loop_timer_create(options->loop, on_timer, p)) == NULL) {
        err_set(err, ERR_NO_MEMORY, "commands of bot %s", options->bot);
        publisher_destroy(p);
        return NULL;
    }
    if (!file_join(p->path, sizeof(p->path), options->state_dir, "commands")) {
        err_set(err, ERR_CONFIG, "state_dir is too long");
        publisher_destroy(p);
        return NULL;
    }
    p->loop = options->loop;
    p->rest = options->rest;
    p->number = options->number;
    p->guild = options->guild;
    p->arg = options->arg;
    p->body_of = options->body;
    p->diff_of = options->diff;
    return p;
}

void publisher_destroy(struct publisher *publisher) {
    if (publisher == NULL) {
        return;
    }
    if (publisher->timer != NULL) {
        loop_timer_destroy(publisher->timer);
    }
    buf_finish(&publisher->body);
    buf_finish(&publisher->lines);
    free(publisher->bot);
    free(publisher);
}
