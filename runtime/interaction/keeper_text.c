/* interaction/keeper_text.c: what the keeper's requests look like on the wire, and how their ends
 * read to people. */
#include "interaction/keeper_inside.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void keeper_label(const struct interaction *it, char *out, size_t size) {
    if (it->handler[0] != '\0') {
        (void)snprintf(out, size, "%s (%s)", it->name, it->handler);
    } else {
        (void)snprintf(out, size, "%s", it->name);
    }
}

/* ---- bodies ---- */

static void wrap_callback(struct request *request) {
    static const struct {
        const char *head;
        const char *tail;
    } rows[] = {
        [KEEPER_MARK_NONE] = {"", ""},
        [KEEPER_MARK_REPLY] = {"{\"type\":4,\"data\":", "}"},
        [KEEPER_MARK_DEFER] = {"{\"type\":5", "}"},
        [KEEPER_MARK_DEFER_EPHEMERAL] = {"{\"type\":5,\"data\":{\"flags\":64}", "}"},
        [KEEPER_MARK_DEFER_UPDATE] = {"{\"type\":6", "}"},
        [KEEPER_MARK_UPDATE] = {"{\"type\":7,\"data\":", "}"},
        [KEEPER_MARK_MODAL] = {"{\"type\":9,\"data\":", "}"},
        [KEEPER_MARK_CHOICES] = {"{\"type\":8,\"data\":{\"choices\":", "}}"},
    };
    const char *head = rows[request->mark].head;
    const char *tail = rows[request->mark].tail;
    size_t head_length = strlen(head);
    request->wire = request->text + KEEPER_HEAD_ROOM - head_length;
    memcpy(request->wire, head, head_length);
    memcpy(request->text + KEEPER_HEAD_ROOM + request->body_length, tail, strlen(tail) + 1);
    request->wire_length = head_length + request->body_length + strlen(tail);
}

void keeper_wrap(struct request *request) {
    char *body = request->text + KEEPER_HEAD_ROOM;
    switch (request->form) {
    case FORM_CALLBACK:
        wrap_callback(request);
        return;
    case FORM_EDIT:
    case FORM_EDIT_FOLLOWUP:
        message_make_edit(body, &request->facts);
        break;
    case FORM_FOLLOWUP:
        break;
    case FORM_DELETE:
    case FORM_DELETE_FOLLOWUP:
        request->wire = NULL;
        request->wire_length = 0;
        return;
    }
    body[request->body_length] = '\0';
    request->wire = body;
    request->wire_length = request->body_length;
}

static const struct {
    const char *method;
    bool has_message;
} forms[] = {
    [FORM_CALLBACK] = {"POST", false},      [FORM_EDIT] = {"PATCH", false},
    [FORM_DELETE] = {"DELETE", false},      [FORM_FOLLOWUP] = {"POST", false},
    [FORM_EDIT_FOLLOWUP] = {"PATCH", true}, [FORM_DELETE_FOLLOWUP] = {"DELETE", true},
};

static void write_path(const struct request *request, char *out, size_t size) {
    if (request->form == FORM_CALLBACK) {
        (void)snprintf(out, size, "/interactions/%" PRIu64 "/" KEEPER_TOKEN "/callback%s",
                       request->interaction, request->want_message ? "?with_response=true" : "");
        return;
    }
    int used = snprintf(out, size, "/webhooks/%" PRIu64 "/" KEEPER_TOKEN, request->application);
    char *end = out + used;
    size -= (size_t)used;
    bool stand_in = request->form != FORM_FOLLOWUP && request->message != 0;
    if (forms[request->form].has_message || stand_in) {
        (void)snprintf(end, size, "/messages/%" PRIu64, request->message);
    } else if (request->form != FORM_FOLLOWUP) {
        (void)snprintf(end, size, "/messages/@original");
    }
}

/* ---- sentences ---- */

static const char *what_of(const struct request *request) {
    switch (request->form) {
    case FORM_CALLBACK:
        return "the answer";
    case FORM_EDIT:
        return "the edit of the answer";
    case FORM_DELETE:
        return "the deletion of the answer";
    case FORM_FOLLOWUP:
        return "the follow-up";
    case FORM_EDIT_FOLLOWUP:
        return "the edit of a follow-up";
    case FORM_DELETE_FOLLOWUP:
        return "the deletion of a follow-up";
    }
    return "the request";
}

void keeper_explain(const struct request *request, const struct keeper_outcome *outcome,
                    struct err *err) {
    const char *label = request->label;
    const char *what = what_of(request);
    char why[256] = "nothing more is known";
    if (outcome->why != NULL && outcome->why[0] != '\0') {
        (void)text_plain(why, sizeof(why), outcome->why);
    }
    if (request->replaces && outcome->code != UNKNOWN_WEBHOOK) {
        err_set(
            err, ERR_NETWORK,
            "%s: the deferral could not be taken away in time (%s), so the answer that was to come "
            "in its place was not sent",
            label, why);
    } else if (outcome->code == UNKNOWN_INTERACTION) {
        err_set(
            err, ERR_LIMIT,
            "%s: Discord does not know this interaction any more (10062): the answer reached it "
            "after 3 s; defer first or set DREY_AUTO_DEFER",
            label);
    } else if (outcome->code == KEEPER_ACKNOWLEDGED) {
        err_set(err, ERR_LIMIT,
                "%s: this interaction was answered already (40060), and not from here: another "
                "program uses the same token",
                label);
    } else if (outcome->code == UNKNOWN_WEBHOOK) {
        err_set(err, ERR_LIMIT,
                "%s: Discord knows no answer that %s could belong to (10015): the 15 minutes are "
                "over, or the answer never arrived",
                label, what);
    } else if (outcome->unsure) {
        err_set(
            err, ERR_NETWORK,
            "%s: %s may or may not have arrived (%s); it is not sent again, so that nobody sees "
            "it twice",
            label, what, why);
    } else if (outcome->status == 0) {
        err_set(err, ERR_NETWORK, "%s: %s was not sent: %s", label, what, why);
    } else {
        err_set(err, ERR_INVALID, "%s: Discord refused %s (status %u, code %u): %s", label, what,
                outcome->status, outcome->code, why);
    }
}

/* ---- actions ---- */

static void render_send(struct keeper *keeper, struct request *request) {
    write_path(request, keeper->path, sizeof(keeper->path));
    keeper->action = (struct keeper_action){
        .kind = KEEPER_SEND,
        .interaction = request->interaction,
        .plugin = request->plugin,
        .cookie = request->cookie,
        .request = request->id,
        .method = forms[request->form].method,
        .path = keeper->path,
        .body = request->wire,
        .body_length = request->wire_length,
        .urgent = request->form == FORM_CALLBACK,
        .want_id = request->stands,
        .deadline_ms = request->deadline_ms,
        .mark = request->form == FORM_CALLBACK ? request->mark : KEEPER_MARK_NONE,
        .text = "",
    };
}

static void render_end(struct keeper *keeper, const struct request *request) {
    const char *before = "";
    if (request->own) {
        before = request->kind == KEEPER_DEFER || request->kind == KEEPER_DEFER_UPDATE
                     ? "the host's deferral failed: "
                     : "the user could not be told of the failure: ";
    }
    (void)snprintf(keeper->line, sizeof(keeper->line), "%s%s", before, request->end.text);
    keeper->action = (struct keeper_action){
        .kind = request->own ? KEEPER_LOG : KEEPER_TELL,
        .interaction = request->interaction,
        .plugin = request->plugin,
        .cookie = request->cookie,
        .code = request->end.code,
        .text = keeper->line,
    };
}

static void render_interaction(struct keeper *keeper, enum node_kind kind,
                               const struct interaction *it) {
    char label[sizeof(((struct request *)0)->label)];
    keeper_label(it, label, sizeof(label));
    keeper->line[0] = '\0';
    keeper->action = (struct keeper_action){.kind = KEEPER_LOG,
                                            .interaction = it->id,
                                            .plugin = it->plugin,
                                            .code = ERR_LIMIT,
                                            .text = keeper->line};
    if (kind == NODE_MISSED) {
        (void)snprintf(keeper->line, sizeof(keeper->line),
                       "%s gave no answer within 3 s%s: the user sees that the application did not "
                       "respond; %sdefer first or set DREY_AUTO_DEFER",
                       label,
                       it->returned ? ", though it came back"
                                    : " and has not come back: it is at work, or was ended",
                       it->returned ? "" : "if it needs the time, ");
    } else if (kind == NODE_STRANGE) {
        (void)snprintf(keeper->line, sizeof(keeper->line),
                       "nobody handles %s: no plugin that runs for this bot answers to it, so the "
                       "user sees that the application did not respond; load one, or look at `drey "
                       "commands` (%llu such since the last line like this)",
                       label, (unsigned long long)keeper->strange_count);
        keeper->strange_count = 0;
    } else if (kind == NODE_FAILED) {
        keeper->action.code = ERR_PLUGIN;
        (void)snprintf(keeper->line, sizeof(keeper->line), "%s failed (ref %s)%s", label,
                       it->reference,
                       it->notice_sent   ? "; the user is told"
                       : it->resolved    ? "; the user has an answer already"
                       : it->want_notice ? "; the user will be told"
                                         : "; it is too late to tell the user");
    } else {
        keeper->action.kind = kind == NODE_ORIGINAL ? KEEPER_ORIGINAL : KEEPER_FORGET;
        keeper->action.code = ERR_NONE;
        keeper->action.stand_in = it->stand_in;
    }
}

void keeper_render(struct keeper *keeper, struct node *node) {
    switch (node->kind) {
    case NODE_SEND:
        render_send(keeper, keeper_request_of(node));
        return;
    case NODE_END:
        render_end(keeper, keeper_request_of(node));
        return;
    case NODE_MISSED:
    case NODE_STRANGE:
    case NODE_FAILED:
    case NODE_ORIGINAL:
    case NODE_FORGET:
        render_interaction(keeper, node->kind, keeper_interaction_of(node));
        return;
    }
}
