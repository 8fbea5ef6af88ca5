/* interaction/keeper_answer.c: which answers an interaction takes, by its type and by what was
 * said before; and the sentence for each that it does not. */
#include "interaction/keeper_inside.h"

enum { AUTOCOMPLETE_LIFE_MS = 30000 /* nothing can follow; kept only to explain a second one */ };

#define LABEL_BYTES sizeof(((struct request *)0)->label)

uint64_t keeper_deadline(const struct interaction *it) {
    return it->born_ms + KEEPER_ANSWER_MS;
}

uint64_t keeper_end_of(const struct interaction *it) {
    return it->born_ms + (it->type == KEEPER_AUTOCOMPLETE ? AUTOCOMPLETE_LIFE_MS : KEEPER_LIFE_MS);
}

bool keeper_promised(const struct interaction *it) {
    return it->mark == KEEPER_MARK_DEFER || it->mark == KEEPER_MARK_DEFER_EPHEMERAL;
}

static const struct answer_row {
    const char *what;
    bool first; /* it can be, or be about, the callback; the others come after it */
    bool command;
    bool component;
    bool autocomplete;
    bool modal;
    bool modal_on_message;
    const char *why_not; /* for the types that do not take it */
} rows[] = {
    [KEEPER_REPLY] = {"a reply", true, true, true, false, true, true,
                      "an autocompletion is answered with choices"},
    [KEEPER_DEFER] = {"a deferral", true, true, true, false, true, true,
                      "an autocompletion cannot be deferred; answer with choices"},
    [KEEPER_DEFER_UPDATE] = {"a deferral of an update", true, false, true, false, false, true,
                             "there is no message of a component to update; defer a reply"},
    [KEEPER_UPDATE] = {"an update", true, false, true, false, false, true,
                       "there is no message of a component to update; reply"},
    [KEEPER_MODAL] = {"a modal", true, true, true, false, false, false,
                      "Discord takes no modal as an answer to a modal or an autocompletion"},
    [KEEPER_CHOICES] = {"choices", true, false, false, true, false, false,
                        "choices are for autocompletions alone"},
    [KEEPER_EDIT_ORIGINAL] = {"an edit", false, true, true, false, true, true,
                              "an autocompletion has no message"},
    [KEEPER_DELETE_ORIGINAL] = {"a deletion", false, true, true, false, true, true,
                                "an autocompletion has no message"},
    [KEEPER_FOLLOWUP] = {"a follow-up", false, true, true, false, true, true,
                         "an autocompletion has no follow-ups"},
    [KEEPER_EDIT_FOLLOWUP] = {"an edit of a follow-up", false, true, true, false, true, true,
                              "an autocompletion has no follow-ups"},
    [KEEPER_DELETE_FOLLOWUP] = {"a deletion of a follow-up", false, true, true, false, true, true,
                                "an autocompletion has no follow-ups"},
};

static bool fits_type(const struct interaction *it, const struct answer_row *row) {
    switch (it->type) {
    case KEEPER_COMMAND:
        return row->command;
    case KEEPER_COMPONENT:
        return row->component;
    case KEEPER_AUTOCOMPLETE:
        return row->autocomplete;
    case KEEPER_MODAL_SUBMIT:
        return it->on_message ? row->modal_on_message : row->modal;
    }
    return false;
}

/* No callback went out in time, or Discord knew nothing of the interaction. */
static bool too_late(const struct interaction *it, const char *label, uint64_t now_ms,
                     struct err *err) {
    uint64_t after_ms = now_ms > it->born_ms ? now_ms - it->born_ms : 0;
    if (after_ms < KEEPER_ANSWER_MS) {
        return err_set(err, ERR_LIMIT, "%s: Discord does not know this interaction (any more)",
                       label);
    }
    return err_set(err, ERR_LIMIT,
                   "%s answered after %llu.%llu s, Discord had given up at 3 s; defer first or set "
                   "DREY_AUTO_DEFER",
                   label, (unsigned long long)(after_ms / 1000),
                   (unsigned long long)(after_ms % 1000 / 100));
}

/* The callback is under way or there. */
static bool may_come_second(const struct interaction *it, enum keeper_answer_kind kind,
                            const char *label, struct err *err) {
    const char *who = it->auto_deferred
                          ? "by the host, after 2 s without an answer; a command that "
                            "shows a modal must not set DREY_AUTO_DEFER"
                          : "before";
    bool to_update = it->mark == KEEPER_MARK_DEFER_UPDATE;
    if (it->resolved && it->notice_sent) {
        return err_set(err, ERR_LIMIT,
                       "%s answered after it had failed, and the user was told so (ref %s)", label,
                       it->reference);
    }
    if (it->resolved) {
        return err_set(err, ERR_LIMIT,
                       "%s answered twice; after the first answer there are edits and follow-ups",
                       label);
    }
    switch (kind) {
    case KEEPER_DEFER:
    case KEEPER_DEFER_UPDATE:
        return !it->defer_said || err_set(err, ERR_LIMIT, "%s deferred twice", label);
    case KEEPER_MODAL:
        return err_set(
            err, ERR_LIMIT,
            "%s: a modal can only be the first answer, and this interaction was deferred "
            "%s",
            label, who);
    case KEEPER_UPDATE:
        return to_update || err_set(err, ERR_LIMIT,
                                    "%s: deferred as a new message, so an update has nothing to "
                                    "change; reply, or defer the update",
                                    label);
    default:
        return true; /* a reply, and what always comes second */
    }
}

static bool room_for_more(const struct interaction *it, const char *label, struct err *err) {
    size_t pending = 0;
    for (const struct request *at = it->requests; at != NULL; at = at->next) {
        pending++;
    }
    return pending < KEEPER_PENDING_MAX ||
           err_set(err, ERR_LIMIT, "%s: %d answers to this interaction have not ended yet", label,
                   KEEPER_PENDING_MAX);
}

bool keeper_may(const struct interaction *it, const struct keeper_answer *answer, uint64_t now_ms,
                struct err *err) {
    char label[LABEL_BYTES];
    keeper_label(it, label, sizeof(label));
    const struct answer_row *row = &rows[answer->kind];
    if (!fits_type(it, row)) {
        return err_set(err, ERR_INVALID, "%s: %s", label, row->why_not);
    }
    if (it->phase == PHASE_LOST || (it->phase == PHASE_OPEN && now_ms >= keeper_deadline(it))) {
        return too_late(it, label, now_ms, err);
    }
    if (now_ms >= keeper_end_of(it)) {
        return err_set(err, ERR_LIMIT, "%s: the 15 minutes of this interaction are over", label);
    }
    if (it->phase == PHASE_OPEN && !row->first) {
        return err_set(err, ERR_INVALID, "%s: %s before any answer; reply or defer first", label,
                       row->what);
    }
    if ((answer->kind == KEEPER_EDIT_FOLLOWUP || answer->kind == KEEPER_DELETE_FOLLOWUP) &&
        answer->message == 0) {
        return err_set(err, ERR_INVALID, "%s: %s of no message", label, row->what);
    }
    if (it->phase != PHASE_OPEN && row->first && !may_come_second(it, answer->kind, label, err)) {
        return false;
    }
    return room_for_more(it, label, err);
}

enum keeper_mark keeper_mark_of(const struct request *request) {
    switch (request->kind) {
    case KEEPER_REPLY:
        return KEEPER_MARK_REPLY;
    case KEEPER_DEFER:
        return request->ephemeral ? KEEPER_MARK_DEFER_EPHEMERAL : KEEPER_MARK_DEFER;
    case KEEPER_DEFER_UPDATE:
        return KEEPER_MARK_DEFER_UPDATE;
    case KEEPER_UPDATE:
        return KEEPER_MARK_UPDATE;
    case KEEPER_MODAL:
        return KEEPER_MARK_MODAL;
    case KEEPER_CHOICES:
        return KEEPER_MARK_CHOICES;
    default:
        return KEEPER_MARK_NONE;
    }
}

void keeper_noted(struct interaction *it, struct request *request) {
    switch (request->kind) {
    case KEEPER_REPLY:
    case KEEPER_UPDATE:
    case KEEPER_MODAL:
    case KEEPER_CHOICES:
        request->resolves = true;
        it->resolved = true;
        break;
    case KEEPER_DEFER:
    case KEEPER_DEFER_UPDATE:
        it->defer_said = it->defer_said || !request->own;
        break;
    case KEEPER_EDIT_ORIGINAL: /* of a deferral: that is its answer */
        request->resolves =
            !it->resolved && (keeper_promised(it) || it->mark == KEEPER_MARK_DEFER_UPDATE);
        it->resolved = it->resolved || request->resolves;
        break;
    default:
        break;
    }
}

void keeper_unnoted(struct interaction *it, const struct request *request) {
    it->resolved = it->resolved && !request->resolves;
    if ((request->kind == KEEPER_DEFER || request->kind == KEEPER_DEFER_UPDATE) && !request->own) {
        it->defer_said = false;
    }
}
