/* plugins/asker.c: asks Discord for whatever the content of a message says, and writes down what
 * comes back, a line each, into the file of key `file`.
 *
 * -DASKER_VERSION="..."; -DBAD_COMMAND: declares one that breaks a rule; -DBAD_START: asks, then
 * refuses to start. */
#include <drey/drey.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef ASKER_VERSION
#define ASKER_VERSION "1"
#endif

static int out = -1;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
    char line[512];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof(line) - 1, format, args);
    va_end(args);
    length = length < (int)sizeof(line) - 1 ? length : (int)sizeof(line) - 2;
    line[length] = '\n';
    if (write(out, line, (size_t)length + 1) < 0) {
        _exit(9);
    }
}

static void on_done(drey_ctx *ctx, uint64_t cookie, const drey_response *response) {
    say(ASKER_VERSION " done %" PRIu64 " result %d status %u code %u name %s error %s", cookie,
        response->result, response->status, response->code, drey_json_str(ctx, response->d, "name"),
        response->error);
}

static void on_members(drey_ctx *ctx, uint64_t cookie, const drey_members *members) {
    say("members %" PRIu64 " result %d chunk %u of %u first %s%s", cookie, members->result,
        members->index, members->count, drey_json_str(ctx, members->d, "members.0.nick"),
        (members->flags & DREY_MEMBERS_LAST) != 0 ? " last" : "");
}

static void with_file(drey_ctx *ctx) {
    drey_file files[2] = {{0}};
    drey_request request = {0};
    int fd = open("/proc/self/comm", O_RDONLY);
    files[0].size = files[1].size = (uint32_t)sizeof(files[0]);
    files[0].name = "a.txt";
    files[0].type = "text/plain";
    files[0].data = "hello";
    files[0].data_size = 5;
    files[1].name = "comm";
    files[1].fd = fd;
    request.size = (uint32_t)sizeof(request);
    request.method = "POST";
    request.path = "/channels/7/messages";
    request.json = "{\"content\":\"files\"}";
    request.reason = "because";
    request.name = "done";
    request.cookie = 3;
    request.file_count = 2;
    request.files = files;
    say("files %d", drey_rest(ctx, &request) > 0);
    close(fd);
}

/* The first file leaves no room for its own head, the second one would be beyond the bound. */
static void too_large(drey_ctx *ctx) {
    drey_file files[2] = {{0}};
    drey_request request = {0};
    size_t size = ((size_t)64 << 20) - 90;
    char *bytes = calloc(1, size);
    for (int i = 0; i < 2; i++) {
        files[i].size = (uint32_t)sizeof(files[i]);
        files[i].name = "zeros";
        files[i].data = bytes;
        files[i].data_size = i == 0 ? size : 1000;
    }
    request.size = (uint32_t)sizeof(request);
    request.method = "POST";
    request.path = "/channels/7/messages";
    request.file_count = 2;
    request.files = files;
    say("too large %d", (int)drey_rest(ctx, &request));
    files[0].data_size -= 200;
    request.file_count = 1;
    say("large %d", drey_rest(ctx, &request) > 0);
    free(bytes);
}

/* More presences than Discord takes in a minute: each says its number. */
static void flood(drey_ctx *ctx) {
    int taken = 0;
    for (int i = 1; i <= 500; i++) {
        taken += drey_presence(ctx, drey_write(ctx,
                                               "{'status': 'online', 'activities': [{'type': 4, "
                                               "'name': 'x', 'state': '%d'}]}",
                                               i)) >= 0;
    }
    say("flood %d", taken);
}

static void ask_members(drey_ctx *ctx, uint64_t guild_id, uint64_t cookie) {
    say("asked %d",
        drey_request_members(
            ctx, drey_write(ctx, "{'guild_id': '%" PRIu64 "', 'query': '', 'limit': 0}", guild_id),
            "members", cookie));
}

/* Stays until the file PATH.go is there, then asks for more. */
static void block(drey_ctx *ctx) {
    char go[512];
    snprintf(go, sizeof(go), "%s.go", drey_config(ctx, "file"));
    say("blocked");
    while (access(go, F_OK) != 0) {
        usleep(1000);
    }
    drey_answer answer = {0};
    answer.size = (uint32_t)sizeof(answer);
    answer.kind = DREY_REPLY;
    answer.interaction = 77;
    answer.json = "{}";
    answer.name = "done";
    say("blocked answer %d", (int)drey_answer_with(ctx, &answer));
    say("blocked call %d", (int)drey_call(ctx, "GET", "/users/@me", NULL, "done", 7));
    say("blocked quiet %d", drey_call(ctx, "GET", "/quiet", NULL, NULL, 7) > 0);
}

static void on_message(drey_ctx *ctx, const drey_event *ev) {
    const char *word = drey_str(ev, "content");
    drey_request unset = {0};
    if (strcmp(word, "send") == 0) {
        say("send %d", drey_send(ctx, ev->channel_id, drey_write(ctx, "{'content': %s}", word),
                                 "done", 1) > 0);
    } else if (strcmp(word, "call") == 0) {
        say("call %d", drey_call(ctx, "GET", "/users/@me?x=1", NULL, "done", 2) > 0);
    } else if (strcmp(word, "cancel") == 0) {
        int64_t number = drey_call(ctx, "GET", "/gateway", NULL, "done", 4);
        say("cancel %d", drey_rest_cancel(ctx, number));
    } else if (strcmp(word, "files") == 0) {
        with_file(ctx);
    } else if (strcmp(word, "presence") == 0) {
        say("presence %d", drey_presence(ctx, "{\"status\":\"dnd\",\"activities\":[]}"));
    } else if (strcmp(word, "members") == 0) {
        ask_members(ctx, ev->guild_id, 5);
    } else if (strcmp(word, "search") == 0) {
        say("asked %d", drey_request_members(
                            ctx,
                            drey_write(ctx, "{'guild_id': '%" PRIu64 "', 'query': 'a', 'limit': 1}",
                                       ev->guild_id),
                            "members", 8));
    } else if (strcmp(word, "nowhere") == 0) {
        ask_members(ctx, 8, 6);
    } else if (strcmp(word, "flood") == 0) {
        flood(ctx);
    } else if (strcmp(word, "too large") == 0) {
        too_large(ctx);
    } else if (strcmp(word, "block") == 0) {
        block(ctx);
    } else if (strcmp(word, "wrong") == 0) {
        say("method %d", (int)drey_call(ctx, "FETCH", "/a", NULL, "done", 0));
        say("path %d", (int)drey_call(ctx, "GET", "a", NULL, "done", 0));
        say("json %d", (int)drey_call(ctx, "POST", "/a", "{", "done", 0));
        say("name %d", (int)drey_call(ctx, "GET", "/a", NULL, "nobody", 0));
        say("struct %d", (int)drey_rest(ctx, &unset));
        say("array %d", (int)drey_send(ctx, 7, "[]", NULL, 0));
        say("gateway %d", drey_presence(ctx, "{"));
        say("reply %d", (int)drey_reply(ev, NULL));
        say("end");
    }
}

static void on_roll(drey_ctx *ctx, const drey_event *ev) {
    (void)ctx;
    say("roll %" PRId64 " %s %d %" PRIu64, drey_option_int(ev, "sides"),
        drey_option_str(ev, "reason"), drey_option_bool(ev, "open"), drey_option_id(ev, "for"));
    drey_reply_text(ev, "4");
}

static void on_table(drey_ctx *ctx, const drey_event *ev) {
    (void)ctx;
    say("table");
    drey_defer(ev, DREY_EPHEMERAL);
}

static void on_table_add(drey_ctx *ctx, const drey_event *ev) {
    (void)ctx;
    say("table add %s", drey_option_str(ev, "row"));
}

static void on_vote(drey_ctx *ctx, const drey_event *ev) {
    (void)ctx;
    say("vote %s", drey_str(ev, "data.custom_id"));
    drey_update(ev, "{\"content\":\"voted\"}");
}

static void on_vote_no(drey_ctx *ctx, const drey_event *ev) {
    (void)ctx;
    say("no %s", drey_str(ev, "data.custom_id"));
    drey_fail(ev, "cannot say \"no\"");
}

static void on_form(drey_ctx *ctx, const drey_event *ev) {
    (void)ctx;
    say("form %s %s", drey_option_str(ev, "title"), drey_option_str(ev, "text"));
}

static void on_complete(drey_ctx *ctx, const drey_event *ev) {
    (void)ctx;
    say("complete %s", drey_option_str(ev, "reason"));
    drey_choices(ev, "[]");
}

static int start(drey_ctx *ctx) {
    if (drey_call(ctx, "GET", "/started/" ASKER_VERSION, NULL, "done", 9) < 0) {
        return DREY_E_FAIL;
    }
#ifdef BAD_START
    return DREY_E_FAIL;
#else
    return 0;
#endif
}

static int init(drey_ctx *ctx) {
    const drey_rules rules = {(uint32_t)sizeof(rules), DREY_AUTO_DEFER, DREY_PER_USER, 1, 60, 0};
    out = open(drey_config(ctx, "file"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (out < 0 || drey_call(ctx, "GET", "/in/init", NULL, NULL, 0) != DREY_E_PHASE) {
        return DREY_E_FAIL;
    }
    drey_on_rest(ctx, "done", on_done);
    drey_on_members(ctx, "members", on_members);
#ifdef BAD_COMMAND
    if (drey_command(ctx, "{'name':'Bad Name','description':'x'}", NULL, on_roll) < 0) {
        return DREY_E_FAIL;
    }
#endif
    drey_command(ctx,
                 "{'name':'roll','description':'Rolls dice (100%)','options':["
                 "{'type':4,'name':'sides','description':'How many','required':true},"
                 "{'type':3,'name':'reason','description':'Why','autocomplete':true},"
                 "{'type':5,'name':'open','description':'For all'},"
                 "{'type':6,'name':'for','description':'Whom'}]}",
                 &rules, on_roll);
    drey_command(ctx,
                 "{'name':'table','description':'Tables','options':["
                 "{'type':1,'name':'add','description':'Adds','options':["
                 "{'type':3,'name':'row','description':'Row'}]},"
                 "{'type':1,'name':'show','description':'Shows'}]}",
                 NULL, on_table);
    drey_on_interaction(ctx, DREY_SUBCOMMAND, "table add", NULL, on_table_add);
    drey_on_interaction(ctx, DREY_COMPONENT, "vote:", NULL, on_vote);
    drey_on_interaction(ctx, DREY_COMPONENT, "vote:no", NULL, on_vote_no);
    drey_on_interaction(ctx, DREY_MODAL, "form", NULL, on_form);
    drey_on_interaction(ctx, DREY_AUTOCOMPLETE, "roll", NULL, on_complete);
    return drey_on(ctx, DREY_MESSAGE_CREATE, DREY_ANYWHERE | DREY_CONTENT, on_message);
}

DREY_PLUGIN_FULL("asker", ASKER_VERSION, init, start, NULL, NULL, NULL)
