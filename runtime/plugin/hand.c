/* plugin/hand.c: the thread around worker_run() or warden_run(), and its end. */
#include "plugin/hand.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "plugin/instance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What could not be freed, since a thread of the plugin's may still use it; found by debuggers
 * and leak checkers. Control thread. */
static struct hand *left_behind;

void hand_leave_behind(struct hand *hand) {
    hand->next = left_behind;
    left_behind = hand;
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
    bool answered = (head->kind == PORT_REST || head->kind == PORT_GATEWAY) && name[0] != '\0';
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
    bool bounded = head->kind >= PORT_LOG && head->kind <= PORT_FAULT &&
                   head->kind != PORT_TIMER_DONE; /* else by its cause */
    return box_push(hand->inbox, &message, name, data, bounded ? PORT_BOX_BYTES : 0);
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
        return NULL;
    }
    blame_enter(&hand->scene);
    hand->image = worker_run(&hand->options, &hand->instance);
    blame_leave(&hand->scene);
    return NULL;
}

static void free_hand(struct hand *hand) {
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
        if (hand_answer(hand)->status < 0) {
            err_set(err, ERR_PLUGIN, "%s", port_data(hand_answer(hand)));
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
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(deadline_ms / 1000);
    until.tv_nsec += (long)(deadline_ms % 1000) * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return pthread_timedjoin_np(hand->thread, NULL, &until) == 0;
}

/* Whatever it left behind is gone with it. */
static bool end_process(struct hand *hand, uint64_t deadline_ms, char *why, size_t size) {
    bool stopped =
        hand->answered && hand_answer(hand)->kind == PORT_STOPPED && hand_answer(hand)->status >= 0;
    if (!stopped) {
        (void)hand_kill(hand, NULL, false);
    }
    if (!join(hand, deadline_ms)) {
        snprintf(why, size, "its process does not end");
        (void)hand_kill(hand, NULL, false);
        pthread_detach(hand->thread);
        hand_leave_behind(hand);
        return false;
    }
    if (hand->copy[0] != '\0') {
        unlink(hand->copy);
    }
    free_hand(hand);
    return true;
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
