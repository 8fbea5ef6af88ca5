/* interaction/keeper.c: the rules by which interactions are answered. */
#include "interaction/keeper_inside.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- ends ---- */

/* Its outcome is known: in request->end. What may have arrived counts as an answer. */
static void end(struct keeper *keeper, struct request *request) {
    struct interaction *of = request->of;
    if (of != NULL && request->end.code != ERR_NONE && !request->unsure) {
        keeper_unnoted(of, request);
        of->want_notice = of->want_notice || (of->failed && !of->resolved && !request->own);
    }
    keeper_request_detach(request);
    request->state = REQUEST_ENDED;
    if (request->own && request->end.code == ERR_NONE) {
        keeper_request_free(keeper, request);
    } else {
        keeper_queue(keeper, &request->node, NODE_END);
    }
}

/* Those that wait for a callback that will not come. code: why. */
static void end_waiting(struct keeper *keeper, struct interaction *it, enum err_code code,
                        const char *why) {
    for (struct request *next, *at = it->requests; at != NULL; at = next) {
        next = at->next;
        if (at->state == REQUEST_WAITS) {
            err_set(&at->end, code, "%s: %s", at->label, why);
            end(keeper, at);
        }
    }
}

/* The interaction is kept no longer. */
static void forget(struct keeper *keeper, struct interaction *it, enum err_code code,
                   const char *why) {
    end_waiting(keeper, it, code, why);
    while (it->requests != NULL) { /* under way: they end by themselves */
        keeper_request_detach(it->requests);
    }
    keeper_take_out(keeper, it);
    keeper_queue(keeper, &it->forget, NODE_FORGET);
}

static bool life_is_over(struct keeper *keeper, struct interaction *it, uint64_t now_ms) {
    if (now_ms < keeper_end_of(it)) {
        return false;
    }
    forget(keeper, it, ERR_LIMIT, "the 15 minutes of this interaction are over");
    return true;
}

/* ---- sending ---- */

/* Discord lets the first message behind a deferral take its place, and its visibility. So nothing
 * may overtake what fills that place or makes it free. */
static bool holds(const struct interaction *it, const struct request *request, enum form form) {
    return form == FORM_DELETE || request->stands ||
           (form == FORM_EDIT && request->resolves && keeper_promised(it));
}

static void send(struct keeper *keeper, struct interaction *it, struct request *request,
                 enum form form) {
    request->form = form;
    request->state = REQUEST_QUEUED;
    request->deadline_ms = form == FORM_CALLBACK ? keeper_deadline(it) : keeper_end_of(it);
    if (form == FORM_CALLBACK) {
        request->mark = keeper_mark_of(request);
        it->mark = request->mark;
        it->phase = PHASE_ASKED;
        it->auto_deferred = request->own && !request->resolves;
    } else if (form == FORM_EDIT || form == FORM_DELETE) {
        request->message = it->stand_in;
    }
    it->holder = holds(it, request, form) ? request : it->holder;
    keeper_wrap(request);
    keeper_queue(keeper, &request->node, NODE_SEND);
}

/* A reply after a deferral: in its place, where visibility allows, else behind it. */
static void send_reply(struct keeper *keeper, struct interaction *it, struct request *request) {
    bool ephemeral = (request->facts.flags & MESSAGE_EPHEMERAL) != 0;
    if (!keeper_promised(it) || it->original_gone) {
        request->stands = it->original_gone && keeper_promised(it);
        send(keeper, it, request, FORM_FOLLOWUP);
    } else if ((it->mark == KEEPER_MARK_DEFER_EPHEMERAL) == ephemeral) {
        send(keeper, it, request, FORM_EDIT);
    } else { /* a deferral's visibility is for ever: first it must go, or the next message takes
                its place and its visibility */
        request->replaces = true;
        send(keeper, it, request, FORM_DELETE);
    }
}

/* Sends what was accepted. The callback is open, or has been acknowledged. */
static void perform(struct keeper *keeper, struct interaction *it, struct request *request) {
    if (it->phase == PHASE_OPEN) {
        send(keeper, it, request, FORM_CALLBACK);
        return;
    }
    switch (request->kind) {
    case KEEPER_REPLY:
        send_reply(keeper, it, request);
        return;
    case KEEPER_UPDATE:
    case KEEPER_EDIT_ORIGINAL:
        send(keeper, it, request, FORM_EDIT);
        return;
    case KEEPER_DEFER: /* the host was first */
    case KEEPER_DEFER_UPDATE:
    case KEEPER_MODAL:
    case KEEPER_CHOICES: /* never accepted behind a callback */
        end(keeper, request);
        return;
    case KEEPER_DELETE_ORIGINAL:
        send(keeper, it, request, FORM_DELETE);
        return;
    case KEEPER_FOLLOWUP:
        send(keeper, it, request, FORM_FOLLOWUP);
        return;
    case KEEPER_EDIT_FOLLOWUP:
        send(keeper, it, request, FORM_EDIT_FOLLOWUP);
        return;
    case KEEPER_DELETE_FOLLOWUP:
        send(keeper, it, request, FORM_DELETE_FOLLOWUP);
        return;
    }
}

static void accept(struct keeper *keeper, struct interaction *it, struct request *request) {
    keeper_noted(it, request);
    keeper_request_add(it, request);
    if (it->phase != PHASE_ASKED && it->holder == NULL) {
        perform(keeper, it, request);
    }
}

/* A request of the host's own. False: no memory. */
static bool accept_own(struct keeper *keeper, struct interaction *it, enum keeper_answer_kind kind,
                       bool ephemeral, const char *body) {
    size_t length = strlen(body);
    struct request *request = keeper_request_create(keeper, it, length);
    if (request == NULL) {
        return false;
    }
    request->own = true;
    request->kind = kind;
    request->ephemeral = ephemeral;
    request->facts.flags = ephemeral ? MESSAGE_EPHEMERAL : 0;
    memcpy(request->text + KEEPER_HEAD_ROOM, body, length);
    accept(keeper, it, request);
    return true;
}

/* Tells the user of a failure, in whatever way is left. */
static void give_notice(struct keeper *keeper, struct interaction *it, uint64_t now_ms) {
    bool open = it->phase != PHASE_LOST &&
                (it->phase != PHASE_OPEN || now_ms < keeper_deadline(it)) &&
                now_ms < keeper_end_of(it);
    if (!it->want_notice || it->resolved || !open || it->notice_sent) {
        it->want_notice = false;
        return;
    }
    char body[128];
    (void)snprintf(body, sizeof(body),
                   "{\"content\":\"Something went wrong (ref %s)\",\"flags\":64}", it->reference);
    bool choices = it->type == KEEPER_AUTOCOMPLETE; /* can show nothing but an empty list */
    if (accept_own(keeper, it, choices ? KEEPER_CHOICES : KEEPER_REPLY, true,
                   choices ? "[]" : body)) {
        it->want_notice = false;
        it->notice_sent = true;
    }
}

/* ---- time ---- */

static void set_due(struct keeper *keeper, struct interaction *it, uint64_t now_ms) {
    uint64_t due_ms = keeper_end_of(it);
    if (it->phase == PHASE_OPEN) {
        bool defers = it->auto_defer && !it->auto_tried && !keeper->stopped;
        due_ms = defers ? it->born_ms + KEEPER_DEFER_MS : keeper_deadline(it);
        due_ms = defers && due_ms <= now_ms ? now_ms + KEEPER_RETRY_MS : due_ms;
    }
    if (it->want_notice && now_ms + KEEPER_RETRY_MS < due_ms) {
        due_ms = now_ms + KEEPER_RETRY_MS;
    }
    keeper_set_due(keeper, it, due_ms);
}

static void auto_defer(struct keeper *keeper, struct interaction *it) {
    bool component = it->type == KEEPER_COMPONENT;
    if (accept_own(keeper, it, component ? KEEPER_DEFER_UPDATE : KEEPER_DEFER, it->ephemeral, "")) {
        it->auto_tried = true;
        keeper->stats.deferred++;
    }
}

/* What is nobody's may come by the hundreds a second: each name is said once in a while. */
static void tell_strange(struct keeper *keeper, struct interaction *it, uint64_t now_ms) {
    uint64_t name = text_hash(it->name, strlen(it->name));
    struct strange *place = NULL;
    keeper->strange_count++;
    for (size_t i = 0; i < KEEPER_STRANGE_MAX; i++) {
        struct strange *at = &keeper->strange[i];
        bool over = at->again_ms <= now_ms;
        if (!over && at->name == name) {
            return;
        }
        place = over ? at : place;
    }
    if (place != NULL) { /* else enough names were said */
        *place = (struct strange){name, now_ms + KEEPER_STRANGE_MS};
        keeper_queue(keeper, &it->log, NODE_STRANGE);
    }
}

static void on_time(struct keeper *keeper, struct interaction *it, uint64_t now_ms) {
    if (life_is_over(keeper, it, now_ms)) {
        return;
    }
    give_notice(keeper, it, now_ms);
    if (it->phase == PHASE_OPEN && now_ms >= keeper_deadline(it)) {
        it->phase = PHASE_LOST;
        it->want_notice = false;
        keeper->stats.missed++;
        if (it->plugin == 0) {
            tell_strange(keeper, it, now_ms);
        } else if (!it->failed) {
            keeper_queue(keeper, &it->log, NODE_MISSED);
        }
    } else if (it->phase == PHASE_OPEN && it->auto_defer && !it->auto_tried && !keeper->stopped &&
               now_ms >= it->born_ms + KEEPER_DEFER_MS) {
        auto_defer(keeper, it);
    }
    set_due(keeper, it, now_ms);
}

void keeper_due(struct keeper *keeper, uint64_t now_ms) {
    while (keeper_next_ms(keeper) <= now_ms) {
        on_time(keeper, keeper->heap[0], now_ms);
    }
}

/* ---- interactions ---- */

static void take_handler(struct interaction *it, const struct keeper_arrival *arrival) {
    it->plugin = arrival->plugin;
    it->auto_defer = arrival->auto_defer && arrival->type != KEEPER_AUTOCOMPLETE;
    it->ephemeral = arrival->ephemeral;
    (void)text_copy(it->name, sizeof(it->name), arrival->name);
    (void)text_copy(it->handler, sizeof(it->handler),
                    arrival->handler != NULL ? arrival->handler : "");
    it->returned = false;
    it->failed = false;
}

static struct interaction *make(const struct keeper_arrival *arrival, uint64_t now_ms) {
    struct interaction *it = calloc(1, sizeof(*it));
    if (it == NULL) {
        return NULL;
    }
    uint64_t delay_ms =
        arrival->delay_ms < KEEPER_DELAY_MAX_MS ? arrival->delay_ms : KEEPER_DELAY_MAX_MS;
    uint64_t received_ms = arrival->received_ms < now_ms ? arrival->received_ms : now_ms;
    it->id = arrival->id;
    it->application = arrival->application;
    it->type = arrival->type;
    it->on_message = arrival->on_message;
    it->born_ms = received_ms > delay_ms ? received_ms - delay_ms : 0;
    it->mark = arrival->mark;
    it->phase = arrival->mark == KEEPER_MARK_NONE ? PHASE_OPEN : PHASE_ACKED;
    it->stand_in = arrival->stand_in;
    it->original_gone = arrival->original_gone || arrival->stand_in != 0;
    it->resolved = it->stand_in != 0 || (it->mark != KEEPER_MARK_NONE && !keeper_promised(it) &&
                                         it->mark != KEEPER_MARK_DEFER_UPDATE);
    take_handler(it, arrival);
    return it;
}

bool keeper_arrived(struct keeper *keeper, const struct keeper_arrival *arrival, uint64_t now_ms,
                    struct err *err) {
    struct interaction *it = keeper_find(keeper, arrival->id);
    if (it == NULL) {
        it = make(arrival, now_ms);
        if (it == NULL) {
            return err_set(err, ERR_NO_MEMORY, "interaction of %s: no memory", arrival->name);
        }
        keeper->stats.arrived++;
        if (keeper->stats.interactions >= keeper->most) {
            keeper->stats.evicted++;
            forget(keeper, keeper->oldest, ERR_LIMIT,
                   "forgotten early, because too many interactions came in 15 minutes");
        }
        it->due_ms = now_ms;
        keeper_add(keeper, it);
    } else {
        take_handler(it, arrival);
    }
    on_time(keeper, it, now_ms); /* it may have waited in the ring for long */
    return true;
}

bool keeper_knows(const struct keeper *keeper, uint64_t interaction) {
    return keeper_find(keeper, interaction) != NULL;
}

void keeper_returned(struct keeper *keeper, uint64_t interaction) {
    struct interaction *it = keeper_find(keeper, interaction);
    if (it != NULL) {
        it->returned = true;
    }
}

static void fail(struct keeper *keeper, struct interaction *it, const char *reference,
                 uint64_t now_ms) {
    if (it->failed) {
        return;
    }
    it->failed = true;
    it->want_notice = true;
    keeper->stats.failed++;
    (void)text_copy(it->reference, sizeof(it->reference), reference);
    for (char *at = it->reference; *at != '\0'; at++) { /* it goes into JSON */
        bool plain = (*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') ||
                     (*at >= 'a' && *at <= 'z') || *at == '-';
        *at = plain ? *at : 'x';
    }
    keeper_queue(keeper, &it->log, NODE_FAILED);
    if (!life_is_over(keeper, it, now_ms)) {
        give_notice(keeper, it, now_ms);
        set_due(keeper, it, now_ms);
    }
}

void keeper_failed(struct keeper *keeper, uint64_t interaction, const char *reference,
                   uint64_t now_ms) {
    struct interaction *it = keeper_find(keeper, interaction);
    if (it != NULL) {
        fail(keeper, it, reference, now_ms);
    }
}

static bool waits_for(const struct interaction *it, uint64_t plugin) {
    return it->plugin == plugin && !it->resolved && it->phase != PHASE_LOST;
}

void keeper_lost(struct keeper *keeper, uint64_t interaction, uint64_t plugin,
                 const char *reference, uint64_t now_ms) {
    struct interaction *it = keeper_find(keeper, interaction);
    if (it != NULL && waits_for(it, plugin)) {
        fail(keeper, it, reference, now_ms);
    }
}

void keeper_gone(struct keeper *keeper, uint64_t plugin, const char *reference, uint64_t now_ms) {
    for (struct interaction *newer, *it = keeper->oldest; it != NULL; it = newer) {
        newer = it->newer;
        if (waits_for(it, plugin)) {
            fail(keeper, it, reference, now_ms);
        }
    }
}

void keeper_stop(struct keeper *keeper) {
    keeper->stopped = true;
    for (struct interaction *it = keeper->oldest; it != NULL; it = it->newer) {
        end_waiting(keeper, it, ERR_BUSY, "the host is stopping");
    }
}

/* ---- answers ---- */

static bool has_body(enum keeper_answer_kind kind) {
    return kind != KEEPER_DEFER && kind != KEEPER_DEFER_UPDATE && kind != KEEPER_DELETE_ORIGINAL &&
           kind != KEEPER_DELETE_FOLLOWUP;
}

static bool read_body(const struct keeper_answer *answer, struct message_facts *facts,
                      struct err *err) {
    *facts = (struct message_facts){0};
    if (!has_body(answer->kind)) {
        return true;
    }
    if (answer->body == NULL || answer->body_length > KEEPER_BODY_MAX) {
        return err_set(err, ERR_LIMIT, "its body has %zu bytes: 1 to %d", answer->body_length,
                       KEEPER_BODY_MAX);
    }
    if (answer->kind == KEEPER_MODAL) {
        return message_modal(answer->body, answer->body_length, err);
    }
    if (answer->kind == KEEPER_CHOICES) {
        return message_choices(answer->body, answer->body_length, err);
    }
    bool change = answer->kind == KEEPER_UPDATE || answer->kind == KEEPER_EDIT_ORIGINAL ||
                  answer->kind == KEEPER_EDIT_FOLLOWUP;
    return change ? message_read_change(answer->body, answer->body_length, facts, err)
                  : message_read(answer->body, answer->body_length, facts, err);
}

static struct request *make_request(struct keeper *keeper, const struct interaction *it,
                                    const struct keeper_answer *answer,
                                    const struct message_facts *facts, struct err *err) {
    size_t length = has_body(answer->kind) ? answer->body_length : 0;
    struct request *request = keeper_request_create(keeper, it, length);
    if (request == NULL) {
        err_set(err, ERR_NO_MEMORY, "no memory, or %d requests have not ended",
                KEEPER_REQUESTS_MAX);
        return NULL;
    }
    request->cookie = answer->cookie;
    request->kind = answer->kind;
    request->message = answer->message;
    request->ephemeral = answer->ephemeral;
    request->want_message =
        answer->want_message && (answer->kind == KEEPER_REPLY || answer->kind == KEEPER_UPDATE);
    request->facts = *facts;
    if (length > 0) {
        memcpy(request->text + KEEPER_HEAD_ROOM, answer->body, length);
    }
    return request;
}

bool keeper_answer(struct keeper *keeper, const struct keeper_answer *answer, uint64_t now_ms,
                   struct err *err) {
    struct interaction *it = keeper_find(keeper, answer->interaction);
    if (it == NULL || keeper->stopped) {
        keeper->stats.refused++;
        return it == NULL
                   ? err_set(
                         err, ERR_NOT_FOUND,
                         "interaction %llu is not known (any more): its 15 minutes are over, or "
                         "it never came",
                         (unsigned long long)answer->interaction)
                   : err_set(err, ERR_BUSY, "interactions: the host is stopping");
    }
    struct message_facts facts;
    if (!keeper_may(it, answer, now_ms, err)) {
        keeper->stats.refused++;
        return false;
    }
    struct request *request = NULL;
    if (read_body(answer, &facts, err)) {
        request = make_request(keeper, it, answer, &facts, err);
    }
    if (request == NULL) {
        char label[sizeof(request->label)];
        keeper_label(it, label, sizeof(label));
        return err_prefix(err, "%s", label);
    }
    accept(keeper, it, request);
    set_due(keeper, it, now_ms);
    return true;
}

/* ---- outcomes ---- */

static void perform_waiting(struct keeper *keeper, struct interaction *it) {
    for (struct request *next, *at = it->requests; at != NULL; at = next) {
        next = at->next;
        if (at->state == REQUEST_WAITS && it->holder == NULL) {
            perform(keeper, it, at);
        }
    }
}

/* The callback came to nothing: the next answer that can be one takes its place. */
static void reopen(struct keeper *keeper, struct interaction *it, uint64_t now_ms) {
    it->phase = PHASE_OPEN;
    it->mark = KEEPER_MARK_NONE;
    it->auto_deferred = false;
    for (struct request *at = it->requests; at != NULL && now_ms < keeper_deadline(it);
         at = at->next) {
        if (at->state == REQUEST_WAITS && keeper_mark_of(at) != KEEPER_MARK_NONE) {
            perform(keeper, it, at);
            return;
        }
    }
    end_waiting(keeper, it, ERR_INVALID, "the answer that it was to follow did not arrive");
}

static void on_callback(struct keeper *keeper, struct interaction *it,
                        const struct keeper_outcome *outcome, bool done, uint64_t now_ms) {
    if (done || outcome->unsure) { /* unsure: the next request will show */
        it->phase = PHASE_ACKED;
        perform_waiting(keeper, it);
    } else if (outcome->code == UNKNOWN_INTERACTION || outcome->code == KEEPER_ACKNOWLEDGED ||
               outcome->status == 404) {
        it->phase = PHASE_LOST;
        end_waiting(keeper, it, ERR_LIMIT, "Discord does not know this interaction (any more)");
    } else {
        reopen(keeper, it, now_ms);
    }
}

/* What became of the first answer. False: nothing, it is where it was. */
static bool note_original(struct keeper *keeper, const struct request *request,
                          const struct keeper_outcome *outcome) {
    struct interaction *it = request->of;
    bool done = outcome->status >= 200 && outcome->status < 300;
    bool gone = request->form == FORM_DELETE && outcome->code != UNKNOWN_WEBHOOK &&
                (done || outcome->status == 404);
    bool stands = request->stands && done;
    if (it == NULL || (!gone && !stands)) {
        return gone;
    }
    it->original_gone = true;
    it->stand_in = stands ? outcome->message : 0;
    keeper_queue(keeper, &it->original, NODE_ORIGINAL); /* stored before anything else goes out */
    return gone;
}

/* The deletion that made room has ended. What is for the user alone is sent only when it did:
 * otherwise all would see it. For what all may see the message itself is what counts. */
static bool follow(struct keeper *keeper, struct request *request,
                   const struct keeper_outcome *outcome, bool gone, uint64_t now_ms) {
    bool secret = (request->facts.flags & MESSAGE_EPHEMERAL) != 0;
    if (!request->replaces || outcome->code == UNKNOWN_WEBHOOK || (secret && !gone) ||
        now_ms >= request->deadline_ms) {
        return false;
    }
    request->replaces = false;
    request->stands = gone;
    request->form = FORM_FOLLOWUP;
    request->state = REQUEST_QUEUED;
    keeper_wrap(request);
    keeper_queue(keeper, &request->node, NODE_SEND);
    return true;
}

void keeper_outcome(struct keeper *keeper, const struct keeper_outcome *outcome, uint64_t now_ms) {
    struct request *request = keeper_request_find(keeper, outcome->request);
    if (request == NULL || request->state != REQUEST_SENT) {
        return;
    }
    bool gone = note_original(keeper, request, outcome);
    if (follow(keeper, request, outcome, gone, now_ms)) {
        return;
    }
    struct interaction *it = request->of;
    bool callback = request->form == FORM_CALLBACK;
    bool held = it != NULL && it->holder == request;
    bool sent = !request->replaces; /* else only room was made for it */
    bool done = sent && outcome->status >= 200 && outcome->status < 300;
    if (!done) {
        request->unsure = outcome->unsure && sent;
        keeper_explain(request, outcome, &request->end);
    }
    end(keeper, request);                                 /* before those that waited for it */
    if (it == NULL || life_is_over(keeper, it, now_ms)) { /* timers may be late */
        return;
    }
    if (held) {
        it->holder = NULL;
        perform_waiting(keeper, it);
    }
    if (callback) {
        on_callback(keeper, it, outcome, done, now_ms);
    }
    give_notice(keeper, it, now_ms);
    set_due(keeper, it, now_ms);
}
