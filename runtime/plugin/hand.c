/* plugin/hand.c: the thread around worker_run() or warden_run(), and its end. */
#include "plugin/hand.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "plugin/hint.h"
#include "plugin/instance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    /* Bytes by which a process may be ahead of the manager; then it waits. A thread has more: it
     * cannot be held up, and what it asks for is bounded by its own instance. */
    AHEAD_MAX = 64 << 10,
    /* How long a process is waited for that was ended: it cannot resist. */
    KILLED_MS = 1000,
};

/* What could not be freed, since a thread of the plugin's may still use it; found by debuggers
 * and leak checkers. Control thread. */
static struct hand *left_behind;

void hand_leave_behind(struct hand *hand) {
    hand->next = left_behind;
    left_behind = hand;
}

/* What was asked for by the host, once each, and what the host's own side of a process says. */
static bool is_answer(const struct port_message *message) {
    uint32_t kind = message->kind;
    return (kind >= PORT_LOADED && kind <= PORT_STOPPED) || kind == PORT_ENDED ||
           (kind == PORT_AGAIN_DONE && message->status < 0);
}

static size_t bytes_of(const struct port_message *message) {
    return sizeof(*message) + message->name_length + message->data_length + 2;
}

/* On a thread, what says that a call is done is bounded by the calls. */
static size_t most_ahead(const struct hand *hand, uint32_t kind) {
    bool by_cause = kind == PORT_TIMER_DONE || kind == PORT_DUE_NEXT || kind == PORT_AGAIN_DONE;
    return hand->warden != NULL ? AHEAD_MAX : by_cause ? SIZE_MAX : PORT_BOX_BYTES;
}

/* Each hand's messages have room of their own: who floods the inbox holds itself up alone. */
static bool to_manager(struct hand *hand, const struct port_message *message, const char *name,
                       const void *data) {
    if (is_answer(message)) {
        return box_push(hand->inbox, message, name, data, 0);
    }
    size_t bytes = bytes_of(message);
    size_t before = atomic_fetch_add(&hand->ahead, bytes);
    bool ok =
        before < most_ahead(hand, message->kind) && box_push(hand->inbox, message, name, data, 0);
    if (!ok) {
        atomic_fetch_sub(&hand->ahead, bytes);
    }
    return ok;
}

void hand_caught_up(struct hand *hand, const struct port_message *message) {
    if (!is_answer(message)) {
        atomic_fetch_sub(&hand->ahead, bytes_of(message));
    }
}

/* Log lines are written on the spot, so that the last one before a crash is not lost. */
static bool send_to_host(void *arg, const struct port_message *head, const char *name,
                         const void *data) {
    struct hand *hand = arg;
    struct port_message message = *head;
    message.worker = hand->serial;
    if (head->kind == PORT_LOG || head->kind == PORT_FAULT) {
        struct log_from from = {.bot = hand->bot, .shard = -1, .plugin = hand->plugin};
        log_line((enum log_level)head->status, &from, "%.*s", (int)head->data_length,
                 (const char *)data);
        if (head->status < LOG_ERROR) {
            return true;
        }
    }
    if (atomic_load(&hand->own.hold) == WORKER_ABANDONED) {
        return false; /* the inbox may be gone */
    }
    bool asks = head->kind == PORT_REST || head->kind == PORT_GATEWAY || head->kind == PORT_ANSWER;
    bool answered = asks && name[0] != '\0';
    if (answered && box_bytes(hand->mail) > PORT_ANSWERS_BYTES) {
        return false; /* it asks faster than it takes the answers */
    }
    if (head->kind >= PORT_REST) { /* past the manager, who may be busy with a change */
        return hand->request != NULL &&
               hand->request(hand->request_arg, &hand->asker, &message, name, data);
    }
    if (head->kind == PORT_ENDED) {
        keep_abandon(hand->keep); /* what it had begun is rolled back: another one may need it */
    }
    return to_manager(hand, &message, name, data);
}

static bool ask_keep(void *arg, const struct buf *ask, struct buf *answer) {
    struct hand *hand = arg;
    return keep_serve(hand->keep, ask, answer);
}

static void *run(void *arg) {
    struct hand *hand = arg;
    mark_take(&hand->mark);
    if (hand->warden != NULL) {
        warden_run(hand->warden);
        keep_abandon(hand->keep); /* nobody asks any more, whoever joins this thread, and when */
        return NULL;
    }
    blame_enter(&hand->scene);
    hand->image = worker_run(&hand->options, &hand->instance);
    blame_leave(&hand->scene);
    return NULL;
}

static void free_hand(struct hand *hand) {
    blame_forget(&hand->scene);
    warden_destroy(hand->warden);
    keep_destroy(hand->keep);
    box_destroy(hand->control);
    box_destroy(hand->mail);
    buf_finish(&hand->answer);
    free(hand->bot);
    free(hand);
}

static bool give_warden(struct hand *hand, const struct hand_spec *spec, struct err *err) {
    struct warden_spec warden = {.isolation = spec->isolation,
                                 .bot = hand->bot,
                                 .plugin = hand->plugin,
                                 .copy = hand->copy,
                                 .generation = spec->generation,
                                 .ring_fd = spec->ring_fd,
                                 .cursor_fd = spec->cursor_fd,
                                 .wake_fd = spec->wake_fd,
                                 .control = hand->control,
                                 .mail = hand->mail,
                                 .arg = hand,
                                 .send = send_to_host,
                                 .keep = ask_keep};
    hand->begun_ms = clock_mono_ms();
    hand->warden = warden_create(&warden, err);
    hand->shared = hand->warden != NULL ? warden_shared(hand->warden) : hand->shared;
    return hand->warden != NULL;
}

struct hand *hand_create(const struct hand_spec *spec, struct err *err) {
    struct hand *hand = calloc(1, sizeof(*hand));
    if (hand == NULL) {
        err_set(err, ERR_NO_MEMORY, "worker");
        return NULL;
    }
    hand->bot = strdup(spec->bot);
    hand->control = box_create(err);
    hand->mail = box_create(err);
    hand->keep = keep_create(
        &(struct keep_options){.path = spec->store, .most_bytes = spec->store_bytes}, err);
    hand->inbox = spec->inbox;
    hand->serial = spec->serial;
    text_copy(hand->plugin, sizeof(hand->plugin), spec->plugin);
    text_copy(hand->copy, sizeof(hand->copy), spec->copy);
    text_copy(hand->crash, sizeof(hand->crash), spec->crash);
    hand->asker = (struct plugins_asker){hand->bot, hand->plugin, spec->seat};
    hand->request = spec->request;
    hand->request_arg = spec->request_arg;
    mark_make(&hand->mark);
    hand->options = (struct worker_options){
        .port = {.control = hand->control,
                 .mail = hand->mail,
                 .arg = hand,
                 .send = send_to_host,
                 .keep = ask_keep},
        .bot = hand->bot,
        .generation = spec->generation,
        .ring_fd = spec->ring_fd,
        .cursor_fd = spec->cursor_fd,
        .wake_fd = spec->wake_fd,
        .shared = &hand->own,
    };
    hand->shared = &hand->own;
    hand->scene = (struct blame_scene){.path = hand->crash,
                                       .copy = hand->copy,
                                       .plugin = hand->plugin,
                                       .bot = hand->bot,
                                       .shared = &hand->own,
                                       .cursor = spec->cursor,
                                       .hash = spec->hash,
                                       .begun_ms = clock_mono_ms(),
                                       .generation = spec->generation};
    bool ready =
        hand->bot != NULL && hand->control != NULL && hand->mail != NULL && hand->keep != NULL;
    if (!ready || (spec->isolation->process && !give_warden(hand, spec, err))) {
        free_hand(hand);
        return NULL;
    }
    int code = pthread_create(&hand->thread, NULL, run, hand);
    if (code != 0) {
        errno = code;
        err_system(err, "starting a thread for plugin %s", spec->plugin);
        free_hand(hand);
        return NULL;
    }
    return hand;
}

bool hand_ask(struct hand *hand, const struct port_message *head, const char *name,
              const void *data, uint32_t answer) {
    struct port_message message = *head;
    message.more = ++hand->ask;
    hand->awaited = answer;
    hand->answered = false;
    if (hand->ended) {
        hand_fail(hand, "its process has ended");
        return false;
    }
    return box_push(hand->control, &message, name, data, 0);
}

bool hand_note(struct hand *hand, const struct port_message *head, const char *name) {
    if (hand->warden == NULL) { /* tombs.h bounds what a thread asks for */
        return box_push(hand->mail, head, name, "", 0);
    }
    if (box_push(hand->mail, head, name, "", PORT_BOX_BYTES)) {
        return true;
    }
    (void)hand_kill(hand, "it broke the protocol: it asks for calls and does not take them", false);
    return false;
}

bool hand_take_answer(struct hand *hand, const struct buf *message) {
    const struct port_message *head = (const struct port_message *)(const void *)message->bytes;
    if (hand->awaited == 0 || head->kind != hand->awaited || head->more != hand->ask) {
        return false;
    }
    buf_clear(&hand->answer);
    hand->answered = buf_append(&hand->answer, message->bytes, message->length);
    hand->awaited = 0;
    return true;
}

void hand_tell_lost(struct hand *hand, uint64_t interaction) {
    struct port_message head = {.kind = PORT_LOST, .number = interaction};
    if (hand->request != NULL) {
        (void)hand->request(hand->request_arg, &hand->asker, &head, "", "");
    }
}

void hand_fail(struct hand *hand, const char *text) {
    struct port_message head = {.kind = hand->awaited,
                                .status = -1,
                                .more = hand->ask,
                                .data_length = (uint32_t)strlen(text)};
    hand->ended = true;
    if (hand->awaited == 0) {
        return;
    }
    buf_clear(&hand->answer);
    hand->answered = buf_append(&hand->answer, &head, sizeof(head)) &&
                     buf_append(&hand->answer, "", 1) &&
                     buf_append(&hand->answer, text, strlen(text) + 1);
    hand->awaited = 0;
}

bool hand_kill(struct hand *hand, const char *why, bool asked) {
    if (hand->warden == NULL) {
        return false;
    }
    if (why == NULL) {
        atomic_store(&hand->own.hold, WORKER_ABANDONED); /* what it still says is nobody's */
    }
    warden_kill(hand->warden, why, asked);
    return true;
}

const struct port_message *hand_answer(const struct hand *hand) {
    return (const struct port_message *)(const void *)hand->answer.bytes;
}

/* What it answered, what it had complained of, what can be done about it. */
static void tell_failure(const struct hand *hand, struct err *err) {
    const char *complaint = hand->complaint;
    err_set(err, ERR_PLUGIN, "%s%s%s", port_data(hand_answer(hand)),
            complaint[0] != '\0' ? ": " : "", complaint);
    if (hand->warden != NULL) {
        hint_append(hand->plugin, err);
    }
}

bool hand_judge(struct hand *const *hands, size_t count, const char *step, uint32_t deadline_ms,
                enum err_code late, struct err *err) {
    for (size_t i = 0; i < count; i++) {
        const struct hand *hand = hands[i];
        if (hand == NULL) {
            continue;
        }
        if (!hand->answered) {
            return err_set(err, late, "%s for bot %s did not return within %u ms", step, hand->bot,
                           deadline_ms);
        }
        if (hand->ended && hand_answer(hand)->status >= 0) {
            return err_set(err, ERR_PLUGIN, "its process for bot %s ended after %s", hand->bot,
                           step);
        }
        if (hand_answer(hand)->status < 0) {
            tell_failure(hand, err);
            return count > 1 ? err_prefix(err, "bot %s", hand->bot) : false;
        }
    }
    return true;
}

void hand_leave_out_ended(struct hand **hands, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (hands[i] != NULL && hands[i]->ended) {
            hands[i] = NULL;
        }
    }
}

static bool join(struct hand *hand, uint64_t deadline_ms) {
    struct timespec until;
    if (hand->joined) {
        return true;
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(deadline_ms / 1000);
    until.tv_nsec += (long)(deadline_ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    hand->joined = pthread_timedjoin_np(hand->thread, NULL, &until) == 0;
    return hand->joined;
}

bool hand_stopped(const struct hand *hand) {
    return hand->answered && hand_answer(hand)->kind == PORT_STOPPED &&
           hand_answer(hand)->status >= 0;
}

void hand_cut(struct hand *hand) {
    if (!hand_stopped(hand) && hand_kill(hand, NULL, false)) {
        (void)join(hand, KILLED_MS);
    }
}

static void forget_process(struct hand *hand) {
    if (hand->copy[0] != '\0') {
        unlink(hand->copy);
    }
    free_hand(hand);
}

/* Whatever it left behind is gone with it. In order, else killed; one that has been killed cannot
 * put its end off: what is left to wait for is a disk that hangs, in the kernel or in its store. */
static bool end_process(struct hand *hand, uint64_t deadline_ms, char *why, size_t size) {
    bool ended = hand_stopped(hand) && join(hand, deadline_ms);
    if (!ended) {
        (void)hand_kill(hand, NULL, false);
        ended = join(hand, KILLED_MS);
    }
    if (!ended) {
        snprintf(why, size, "its process does not end");
        keep_abandon(hand->keep);
        hand_leave_behind(hand);
        return false;
    }
    forget_process(hand);
    return true;
}

size_t hand_reap(void) {
    size_t count = 0;
    for (struct hand **link = &left_behind; *link != NULL;) {
        struct hand *hand = *link;
        if (hand->warden != NULL && pthread_tryjoin_np(hand->thread, NULL) == 0) {
            *link = hand->next;
            forget_process(hand);
            count++;
        } else {
            link = &hand->next;
        }
    }
    return count;
}

bool hand_end(struct hand *hand, uint64_t deadline_ms, char *why, size_t size) {
    bool gone = false;
    if (hand->warden != NULL) {
        return end_process(hand, deadline_ms, why, size);
    }
    if (!join(hand, deadline_ms)) {
        snprintf(why, size, "its thread does not end");
        pthread_detach(hand->thread);
        atomic_store(&hand->own.hold, WORKER_ABANDONED);
        keep_abandon(hand->keep);
        hand_leave_behind(hand);
        return false; /* everything stays where the thread may still need it */
    }
    if (hand->image != NULL && mark_stays(&hand->mark)) {
        snprintf(why, size, "it left a thread running");
        atomic_store(&hand->own.hold, WORKER_ABANDONED);
        keep_abandon(hand->keep);
        hand_leave_behind(hand);
    } else {
        instance_destroy(hand->instance);
        gone = image_close(hand->image, why, size);
        if (gone) {
            unlink(hand->copy);
        }
        free_hand(hand);
        return gone;
    }
    return false;
}

bool hand_abandon(struct hand *hand) {
    if (hand_kill(hand, NULL, false)) {
        hand->abandoned = true;
        return true;
    }
    uint32_t inside = WORKER_INSIDE;
    if (!atomic_compare_exchange_strong(&hand->own.hold, &inside, WORKER_ABANDONED)) {
        return false;
    }
    hand->abandoned = true;
    keep_abandon(hand->keep); /* it may be in a transaction, which would lock out its successor */
    pthread_detach(hand->thread);
    return true;
}
