/* plugins/actor.c: the plugin of the end-to-end tests of REST, interactions and commands. Its
 * commands behave well and badly; what it sees goes into the file of key `file`, a line each, and
 * messages that begin with '!' make it do something: see act_on(), which lists them.
 *
 * -DACTOR_ID="..." and -DACTOR_VERSION="..." make more of them. Key `extra`: one more command, as
 * JSON. Key `only`: nothing but that one is declared. Key `broken`: init refuses. */
#include <drey/drey.h>

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef ACTOR_ID
#define ACTOR_ID "actor"
#endif
#ifndef ACTOR_VERSION
#define ACTOR_VERSION "1"
#endif

struct actor {
    int out;
    int64_t newest; /* number of the newest call, for !cancel */
    bool lingers;   /* stop does not return */
};

__attribute__((format(printf, 2, 3))) static void say(drey_ctx *ctx, const char *format, ...) {
    char line[2048];
    const struct actor *actor = ctx->user;
    va_list args;
    va_start(args, format);
    int used = snprintf(line, sizeof(line), "%s %s ", ctx->bot, ACTOR_ID);
    int length = used + vsnprintf(line + used, sizeof(line) - (size_t)used - 1, format, args);
    va_end(args);
    length = length < (int)sizeof(line) - 2 ? length : (int)sizeof(line) - 2;
    line[length] = '\n';
    if (actor->out >= 0 && write(actor->out, line, (size_t)length + 1) < 0) {
        _exit(9);
    }
}

/* How anything ended that was asked for by name. */
static void on_done(drey_ctx *ctx, uint64_t cookie, const drey_response *response) {
    say(ctx,
        "done %" PRIu64 " version " ACTOR_VERSION " result %d status %u code %u id %s error %s",
        cookie, response->result, response->status, response->code,
        drey_json_str(ctx, response->d, "id"), response->error);
}

/* Answers that nobody need hear of: the cookie is a place in an order. */
static void on_flood(drey_ctx *ctx, uint64_t cookie, const drey_response *response) {
    say(ctx, "flood %" PRIu64 " result %d status %u", cookie, response->result, response->status);
}

static int64_t answer(drey_ctx *ctx, uint64_t interaction, uint32_t kind, const char *json,
                      uint32_t flags, uint64_t cookie) {
    drey_answer answer = {0};
    answer.size = (uint32_t)sizeof(answer);
    answer.kind = kind;
    answer.interaction = interaction;
    answer.json = json;
    answer.flags = flags;
    answer.name = cookie != 0 ? "done" : NULL;
    answer.cookie = cookie;
    return drey_answer_with(ctx, &answer);
}

/* ---- Commands ---- */

static void on_echo(drey_ctx *ctx, const drey_event *ev) {
    say(ctx, "echo %" PRIu64, ev->id);
    drey_reply_text(ev, drey_option_str(ev, "text"));
}

/* Its answer has a completion, and that edits. */
static void on_twice(drey_ctx *ctx, const drey_event *ev) {
    say(ctx, "twice %" PRIu64, ev->id);
    answer(ctx, ev->id, DREY_REPLY, "{\"content\":\"first\"}", 0, 1);
    answer(ctx, ev->id, DREY_REPLY, "{\"content\":\"second\"}", 0, 2);
    answer(ctx, ev->id, DREY_REPLY, "{\"content\":\"third\"}", 0, 0);
}

/* Says which interaction it was: a message will make it answer, or nothing will. */
static void on_fatal(drey_ctx *ctx, const drey_event *ev) {
    say(ctx, "fatal, attempt %u", (unsigned)drey_attempt(ctx));
    raise(SIGKILL);
    (void)ev;
}

static void on_silent(drey_ctx *ctx, const drey_event *ev) {
    say(ctx, "silent %" PRIu64, ev->id);
}

static void on_defer(drey_ctx *ctx, const drey_event *ev) {
    drey_defer(ev, 0);
    say(ctx, "defer %" PRIu64, ev->id);
}

static void on_fail(drey_ctx *ctx, const drey_event *ev) {
    say(ctx, "fail %" PRIu64, ev->id);
    drey_fail(ev, "the \"cellar\" is flooded");
}

static void on_files(drey_ctx *ctx, const drey_event *ev) {
    drey_file files[2] = {{0}};
    drey_answer out = {0};
    int fd = open(drey_config(ctx, "attach"), O_RDONLY | O_CLOEXEC);
    files[0].size = files[1].size = (uint32_t)sizeof(files[0]);
    files[0].name = "memory.txt";
    files[0].type = "text/plain";
    files[0].data = "from memory";
    files[0].data_size = 11;
    files[1].name = "descriptor.bin";
    files[1].fd = fd;
    out.size = (uint32_t)sizeof(out);
    out.kind = DREY_REPLY;
    out.interaction = ev->id;
    out.json = "{\"content\":\"two files\"}";
    out.file_count = 2;
    out.files = files;
    out.name = "done";
    out.cookie = 7;
    say(ctx, "files %d", drey_answer_with(ctx, &out) > 0);
    close(fd);
}

static void on_options(drey_ctx *ctx, const drey_event *ev) {
    uint64_t whom = drey_option_id(ev, "user");
    char path[128];
    snprintf(path, sizeof(path), "data.resolved.users.%" PRIu64 ".username", whom);
    say(ctx,
        "options text %s whole %" PRId64 " flag %d number %g user %s channel %" PRIu64
        " role %" PRIu64 " mention %" PRIu64 " file %" PRIu64 " missing %" PRId64 "",
        drey_option_str(ev, "text"), drey_option_int(ev, "whole"), drey_option_bool(ev, "flag"),
        drey_option_number(ev, "number"), drey_str(ev, path), drey_option_id(ev, "channel"),
        drey_option_id(ev, "role"), drey_option_id(ev, "mention"), drey_option_id(ev, "file"),
        drey_option_int(ev, "none"));
    drey_whisper(ev, "seen");
}

static void on_tree(drey_ctx *ctx, const drey_event *ev) {
    say(ctx, "tree whole %s", drey_option_str(ev, "name"));
    drey_reply_text(ev, "the whole tree");
}

static void on_tree_leaf(drey_ctx *ctx, const drey_event *ev) {
    say(ctx, "tree leaf %s", drey_option_str(ev, "name"));
    drey_reply_text(ev, "a leaf");
}

static void on_user(drey_ctx *ctx, const drey_event *ev) {
    say(ctx, "user %" PRIu64, drey_id(ev, "data.target_id"));
    drey_whisper(ev, "that one");
}

static void on_quote(drey_ctx *ctx, const drey_event *ev) {
    char path[128];
    snprintf(path, sizeof(path), "data.resolved.messages.%" PRIu64 ".content",
             drey_id(ev, "data.target_id"));
    say(ctx, "quote %s", drey_str(ev, path));
    drey_reply_text(ev, drey_str(ev, path));
}

static void on_form(drey_ctx *ctx, const drey_event *ev) {
    say(ctx, "form");
    drey_show_modal(ev, drey_write(ctx,
                                   "{'custom_id': 'form:7', 'title': 'A form', 'components': ["
                                   "{'type': 1, 'components': [{'type': 4, 'custom_id': "
                                   "'title', 'style': 1, 'label': 'Title'}]},"
                                   "{'type': 1, 'components': [{'type': 4, 'custom_id': "
                                   "'story', 'style': 2, 'label': 'Story', 'required': "
                                   "%i}]}]}",
                                   0));
}

static void on_submitted(drey_ctx *ctx, const drey_event *ev) {
    say(ctx, "submitted %s title %s story %s", drey_str(ev, "data.custom_id"),
        drey_option_str(ev, "title"), drey_option_str(ev, "story"));
    drey_reply_text(ev, drey_option_str(ev, "title"));
}

static void on_typed(drey_ctx *ctx, const drey_event *ev) {
    const char *part = drey_option_str(ev, "fruit");
    say(ctx, "typed %s", part);
    drey_choices(ev, drey_write(ctx, "[{'name': '%sple', 'value': 'apple'}]", part));
}

/* A button that takes its time: the host defers the update. */
static void on_button(drey_ctx *ctx, const drey_event *ev) {
    say(ctx, "button %" PRIu64 " %s", ev->id, drey_str(ev, "data.custom_id"));
}

static void on_buttons(drey_ctx *ctx, const drey_event *ev) {
    (void)ctx;
    drey_reply(ev, "{\"content\":\"press\",\"components\":[{\"type\":1,\"components\":[{\"type\":2,"
                   "\"style\":1,\"label\":\"Press\",\"custom_id\":\"slow:1\"}]}]}");
}

/* ---- What messages make it do ---- */

static uint32_t kind_named(const char *word) {
    static const char *const names[] = {
        "",     "reply",  "defer",  "defer_update", "update",        "modal", "choices",
        "edit", "delete", "follow", "edit_follow",  "delete_follow", "fail"};
    for (uint32_t i = 1; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(word, names[i]) == 0) {
            return i;
        }
    }
    return 0;
}

/* !answer KIND INTERACTION COOKIE [JSON]: cookie 0: nobody is told. */
static void act_answer(drey_ctx *ctx, const char *text) {
    char kind[32] = "";
    uint64_t interaction = 0;
    uint64_t cookie = 0;
    int at = 0;
    if (sscanf(text, "%31s %" SCNu64 " %" SCNu64 " %n", kind, &interaction, &cookie, &at) >= 3) {
        int64_t number = answer(ctx, interaction, kind_named(kind),
                                text[at] != '\0' ? text + at : NULL, 0, cookie);
        say(ctx, "asked %" PRIu64 " %d", cookie, number > 0 ? 1 : (int)number);
    }
}

/* !rest METHOD PATH COOKIE DEADLINE_MS [JSON] */
static void act_rest(drey_ctx *ctx, const char *text, uint32_t flags) {
    char method[16] = "";
    char path[256] = "";
    uint64_t cookie = 0;
    unsigned deadline_ms = 0;
    int at = 0;
    drey_request request = {0};
    struct actor *actor = ctx->user;
    if (sscanf(text, "%15s %255s %" SCNu64 " %u %n", method, path, &cookie, &deadline_ms, &at) <
        4) {
        return;
    }
    request.size = (uint32_t)sizeof(request);
    request.flags = flags;
    request.method = method;
    request.path = path;
    request.json = text[at] != '\0' ? text + at : NULL;
    request.name = cookie != 0 ? "done" : NULL;
    request.cookie = cookie;
    request.deadline_ms = deadline_ms;
    actor->newest = drey_rest(ctx, &request);
    say(ctx, "asked %" PRIu64 " %d", cookie, actor->newest > 0 ? 1 : (int)actor->newest);
}

/* !send COUNT WORD: that many messages into the channel of key `channel` (or here), "WORD ID N". */
static void act_send(drey_ctx *ctx, const drey_event *ev, const char *text) {
    unsigned count = 0;
    char word[64] = "";
    const char *channel = drey_config(ctx, "channel");
    uint64_t where = channel != NULL ? strtoull(channel, NULL, 10) : ev->channel_id;
    if (sscanf(text, "%u %63s", &count, word) == 2) {
        for (unsigned i = 0; i < count; i++) {
            int64_t number = drey_send(
                ctx, where,
                drey_write(ctx, "{'content': '%s %s %s %u'}", word, ctx->bot, ACTOR_ID, i), "flood",
                i);
            if (number < 0) {
                say(ctx, "refused %u %d", i, (int)number);
            }
        }
        say(ctx, "asked %u", count);
    }
}

/* !flood COUNT METHOD PATH: the same call that often. */
static void act_flood(drey_ctx *ctx, const char *text) {
    unsigned count = 0;
    char method[16] = "";
    char path[256] = "";
    if (sscanf(text, "%u %15s %255s", &count, method, path) == 3) {
        for (unsigned i = 0; i < count; i++) {
            if (drey_call(ctx, method, path, NULL, "flood", i) < 0) {
                say(ctx, "refused %u", i);
            }
        }
        say(ctx, "asked %u", count);
    }
}

/* !block: nothing more until the file with ".go" behind its name exists. */
static void act_block(drey_ctx *ctx) {
    char go[4096];
    snprintf(go, sizeof(go), "%s.go", drey_config(ctx, "file"));
    say(ctx, "blocking");
    while (access(go, F_OK) != 0) {
        usleep(10 * 1000);
    }
}

/* "!ID:WORD ..." is for one of several, "!WORD ..." for all. */
static void act_on(drey_ctx *ctx, const drey_event *ev) {
    const char *text = drey_str(ev, "content");
    struct actor *actor = ctx->user;
    size_t id = strlen(ACTOR_ID);
    if (text[0] != '!') {
        return;
    }
    text++;
    if (strncmp(text, ACTOR_ID, id) == 0 && text[id] == ':') {
        text += id + 1;
    }
    if (strncmp(text, "answer ", 7) == 0) {
        act_answer(ctx, text + 7);
    } else if (strncmp(text, "rest ", 5) == 0) {
        act_rest(ctx, text + 5, 0);
    } else if (strncmp(text, "again ", 6) == 0) {
        act_rest(ctx, text + 6, DREY_REPEATABLE);
    } else if (strncmp(text, "send ", 5) == 0) {
        act_send(ctx, ev, text + 5);
    } else if (strncmp(text, "flood ", 6) == 0) {
        act_flood(ctx, text + 6);
    } else if (strcmp(text, "block") == 0) {
        act_block(ctx);
    } else if (strcmp(text, "cancel") == 0) {
        say(ctx, "cancelled %d", drey_rest_cancel(ctx, actor->newest));
    } else if (strcmp(text, "linger") == 0) {
        actor->lingers = true;
        say(ctx, "will linger");
    }
}

/* ---- Life ---- */

static void declare(drey_ctx *ctx) {
    const drey_rules slow = {(uint32_t)sizeof(slow), DREY_AUTO_DEFER, 0, 0, 0, 0};
    const drey_rules hidden = {
        (uint32_t)sizeof(hidden), DREY_AUTO_DEFER | DREY_EPHEMERAL, 0, 0, 0, 0};
    const drey_rules once = {(uint32_t)sizeof(once), 0, DREY_PER_USER, 1, 3600, 0};
    drey_command(ctx,
                 "{'name':'echo','description':'Says it','options':[{'type':3,'name':'text',"
                 "'description':'What'}]}",
                 NULL, on_echo);
    drey_command(ctx, "{'name':'twice','description':'Answers thrice'}", NULL, on_twice);
    drey_command(ctx, "{'name':'silent','description':'Says nothing'}", NULL, on_silent);
    drey_command(ctx, "{'name':'slow','description':'Takes its time'}", &slow, on_silent);
    drey_command(ctx, "{'name':'hidden','description':'In secret'}", &hidden, on_silent);
    drey_command(ctx, "{'name':'fatal','description':'Ends its process'}", &slow, on_fatal);
    drey_command(ctx, "{'name':'once','description':'Once an hour'}", &once, on_tree);
    drey_command(ctx, "{'name':'defer','description':'Defers'}", NULL, on_defer);
    drey_command(ctx, "{'name':'fail','description':'Fails'}", NULL, on_fail);
    drey_command(ctx, "{'name':'files','description':'Two of them'}", NULL, on_files);
    drey_command(ctx,
                 "{'name':'options','description':'All','options':["
                 "{'type':3,'name':'text','description':'x'},{'type':4,'name':'whole',"
                 "'description':'x'},{'type':5,'name':'flag','description':'x'},{'type':6,"
                 "'name':'user','description':'x'},{'type':7,'name':'channel','description':'x'},"
                 "{'type':8,'name':'role','description':'x'},{'type':9,'name':'mention',"
                 "'description':'x'},{'type':10,'name':'number','description':'x'},{'type':11,"
                 "'name':'file','description':'x'},{'type':4,'name':'none','description':'x'}]}",
                 NULL, on_options);
    drey_command(ctx,
                 "{'name':'tree','description':'Trees','options':["
                 "{'type':2,'name':'oak','description':'Oaks','options':[{'type':1,'name':'leaf',"
                 "'description':'One','options':[{'type':3,'name':'name','description':'x'}]}]},"
                 "{'type':1,'name':'root','description':'One','options':[{'type':3,'name':'name',"
                 "'description':'x'}]}]}",
                 NULL, on_tree);
    drey_on_interaction(ctx, DREY_SUBCOMMAND, "tree oak leaf", NULL, on_tree_leaf);
    drey_command(ctx,
                 "{'name':'лес','description':'A wood','options':[{'type':1,'name':"
                 "'берёза_с_очень_длинным_именем','description':'One'}]}",
                 NULL, on_silent);
    drey_on_interaction(ctx, DREY_SUBCOMMAND, "лес берёза_с_очень_длинным_именем", &slow,
                        on_silent);
    drey_command(ctx, "{'name':'once','type':2}", &once, on_user);
    drey_command(ctx, "{'name':'Who is it','type':2}", NULL, on_user);
    drey_command(ctx, "{'name':'Quote this','type':3}", NULL, on_quote);
    drey_command(ctx, "{'name':'form','description':'Shows a form'}", NULL, on_form);
    drey_on_interaction(ctx, DREY_MODAL, "form:", NULL, on_submitted);
    drey_command(ctx,
                 "{'name':'fruit','description':'Completes','options':[{'type':3,'name':'fruit',"
                 "'description':'x','autocomplete':true}]}",
                 NULL, on_echo);
    drey_on_interaction(ctx, DREY_AUTOCOMPLETE, "fruit", NULL, on_typed);
    drey_command(ctx, "{'name':'buttons','description':'Shows one'}", NULL, on_buttons);
    drey_on_interaction(ctx, DREY_COMPONENT, "slow:", &slow, on_button);
}

static int start(drey_ctx *ctx) {
    const char *path = drey_config(ctx, "file");
    struct actor *actor = ctx->user;
    actor->out = path != NULL ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    say(ctx, "start " ACTOR_VERSION);
    return 0;
}

static void stop(drey_ctx *ctx) {
    struct actor *actor = ctx->user;
    while (actor != NULL && actor->lingers) {
        sleep(1000);
    }
    if (actor != NULL && actor->out >= 0) {
        close(actor->out);
    }
    free(actor);
}

static int init(drey_ctx *ctx) {
    struct actor *actor = calloc(1, sizeof(*actor));
    if (actor == NULL) {
        return DREY_E_NO_MEMORY;
    }
    actor->out = -1;
    ctx->user = actor;
    if (drey_config(ctx, "broken") != NULL) {
        return DREY_E_FAIL;
    }
    drey_on_rest(ctx, "done", on_done);
    drey_on_rest(ctx, "flood", on_flood);
    if (drey_config(ctx, "only") == NULL) {
        declare(ctx);
    }
    const char *extra = drey_config(ctx, "extra");
    if (extra != NULL && extra[0] != '\0' && drey_command(ctx, extra, NULL, on_echo) < 0) {
        return DREY_E_INVALID;
    }
    return drey_on(ctx, DREY_MESSAGE_CREATE, DREY_ANYWHERE | DREY_CONTENT, act_on);
}

DREY_PLUGIN_FULL(ACTOR_ID, ACTOR_VERSION, init, start, stop, NULL, NULL)
