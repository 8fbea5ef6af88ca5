/* plugin/due.c: calls at a later time, as an instance makes them. The store marks a call as under
 * way when it is taken and forgets the mark when it has returned: at most one is marked. */
#include "plugin/host.h"

#include <inttypes.h>
#include <string.h>

enum { AGAIN_MS = 60000 /* after trouble with the store */ };

static int64_t ask(struct instance *instance, uint32_t kind, const char *name, uint64_t cookie,
                   struct keep_answer *answer) {
    struct keep_ask question = {.kind = kind, .number = cookie};
    struct keep_texts texts = {{name}, {name != NULL ? strlen(name) : 0}};
    size_t at;
    return host_ask_keep(instance, "calls at a later time", &question, &texts,
                         &instance->keep_answer, answer, &at);
}

static void tell_next(struct instance *instance, uint64_t next_ms, bool always) {
    if (!always && next_ms == instance->due_told_ms) {
        return;
    }
    struct port_message head = {.kind = PORT_DUE_NEXT, .extra = next_ms};
    instance->due_told_ms = next_ms;
    (void)instance->port->send(instance->port->arg, &head, "", "");
}

/* always: the host waits to be told. */
static void look_ahead(struct instance *instance, bool always) {
    struct keep_answer answer;
    instance->due_moved = false;
    bool ok = ask(instance, KEEP_DUE_NEXT, NULL, 0, &answer) >= 0;
    tell_next(instance, ok ? answer.extra : instance_wall_ms(instance) + AGAIN_MS, always || !ok);
}

void instance_settle_keep(struct instance *instance) {
    struct keep_answer answer;
    if (instance->keep_open) {
        instance->keep_open = false;
        instance->keep_changes++;
        if (ask(instance, KEEP_SETTLE, NULL, 0, &answer) > 0) {
            instance_fault(instance, "a transaction was open when the callback returned: it was "
                                     "rolled back (drey_kv_commit() is missing)");
        }
    }
    if (instance->due_moved && !instance->staging) {
        look_ahead(instance, false);
    }
}

/* The names of its functions; false: no memory. */
static bool names_of(const struct instance *instance, struct buf *out) {
    bool ok = buf_text(out, "");
    for (uint32_t i = 0; ok && i < instance->callback_count; i++) {
        const struct callback *callback = &instance->callbacks[i];
        ok = callback->kind != CALLBACK_DUE ||
             buf_append(out, callback->name, strlen(callback->name) + 1);
    }
    return ok;
}

/* The rows of the answer that stands in instance->keep_answer. */
static void tell_given_up(struct instance *instance) {
    struct keep_answer answer;
    struct keep_row row;
    struct keep_texts texts;
    const char *text;
    size_t at;
    bool ok = keep_read_answer(&instance->keep_answer, &answer, &text, &at);
    while (ok && keep_next_row(&instance->keep_answer, &at, &row, &texts)) {
        instance_fault(instance,
                       "the call of %.*s %" PRIu64 " that was due at %" PRIu64
                       " ms crashed again and again: it is not made any more",
                       (int)texts.lengths[0], texts.texts[0], row.guild_id, row.expires_ms);
    }
}

static bool begin(struct instance *instance, bool takes_over) {
    struct keep_ask question = {.kind = KEEP_DUE_BEGIN};
    struct keep_answer answer;
    struct buf names = {0};
    size_t at;
    int64_t gone = DREY_E_NO_MEMORY;
    if (names_of(instance, &names)) {
        struct keep_texts texts = {{NULL, names.bytes, NULL}, {0, names.length, 0}};
        gone = host_ask_keep(instance, "calls at a later time", &question, &texts,
                             &instance->keep_answer, &answer, &at);
    }
    buf_finish(&names);
    if (gone < 0) {
        return false;
    }
    tell_given_up(instance);
    instance->due_begun = true;
    instance->due_began_ms = takes_over ? 0 : answer.extra;
    if (gone > 0) {
        instance_fault(instance,
                       "%" PRId64 " schedules are of functions that this version does not have: "
                       "they are kept until one has them",
                       gone);
    }
    return true;
}

void instance_due_begin(struct instance *instance, bool takes_over) {
    if (instance->port->keep == NULL) {
        return;
    }
    instance->due_begun = false;
    if (begin(instance, takes_over)) {
        look_ahead(instance, false);
    } else {
        tell_next(instance, instance_wall_ms(instance) + AGAIN_MS, true);
    }
}

/* The mark of a call that has returned goes before the next one is made. */
static bool pay_owed(struct instance *instance) {
    struct keep_answer answer;
    if (instance->due_owed) {
        instance->due_owed =
            ask(instance, KEEP_DUE_DONE, instance->due_name, instance->due_cookie, &answer) < 0;
    }
    return !instance->due_owed;
}

/* taken: the answer that stands in instance->keep_answer. */
static void call(struct instance *instance, const struct keep_row *row, uint64_t now_ms) {
    const struct callback *callback = instance_callback(instance, instance->due_name, CALLBACK_DUE);
    bool late = (row->flags & KEEP_MISSED) != 0 || row->expires_ms < instance->due_began_ms;
    drey_due due = {.size = sizeof(due),
                    .flags = (late ? DREY_DUE_LATE : 0) |
                             ((row->flags & KEEP_AGAIN) != 0 ? DREY_DUE_AGAIN : 0),
                    .name = instance->due_name,
                    .cookie = row->guild_id,
                    .due_ms = row->expires_ms,
                    .late_ms = now_ms > row->expires_ms ? now_ms - row->expires_ms : 0};
    if (callback != NULL) { /* the store knows which names there are */
        instance_enter(instance, PHASE_HANDLER);
        instance->attempt = (row->flags & KEEP_AGAIN) != 0 ? 2 : 1;
        callback->due(&instance->ctx, &due);
        instance_leave(instance);
    }
}

void instance_due(struct instance *instance) {
    struct keep_answer answer;
    struct keep_row row;
    struct keep_texts texts;
    const char *text;
    size_t at;
    bool ok = pay_owed(instance) && (instance->due_begun || begin(instance, true));
    int64_t taken = ok ? ask(instance, KEEP_DUE_TAKE, NULL, 0, &answer) : -1;
    if (taken < 0) {
        tell_next(instance, instance_wall_ms(instance) + AGAIN_MS, true);
        return;
    }
    if (taken > 0 && keep_read_answer(&instance->keep_answer, &answer, &text, &at) &&
        keep_next_row(&instance->keep_answer, &at, &row, &texts) &&
        texts.lengths[0] < sizeof(instance->due_name)) {
        memcpy(instance->due_name, texts.texts[0], texts.lengths[0] + 1);
        instance->due_cookie = row.guild_id;
        call(instance, &row, answer.extra);
        instance->due_owed = true;
        (void)pay_owed(instance);
    }
    look_ahead(instance, true);
}
