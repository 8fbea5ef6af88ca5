/* plugin/warden_out.c: messages to a worker's process. Mail is kept until the worker is done with
 * it: what it has not handled when its generation ends belongs to the next. */
#include "plugin/warden_inside.h"

#include "base/log.h"
#include "plugin/report.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

bool warden_has_out(const struct warden *warden) {
    return warden->sent < warden->out.length || warden->kept.length > 0;
}

bool warden_takes_mail(const struct warden *warden) {
    return !warden->returned && warden->count < WARDEN_WINDOW;
}

static const struct port_message *head_of(const struct buf *message) {
    return (const struct port_message *)(const void *)message->bytes;
}

/* Notes the answer that a step will have; too many that were never answered push the oldest out. */
static void expect(struct warden *warden, const struct port_message *step) {
    uint32_t answer = frame_answer_to(step->kind);
    if (answer == 0) {
        return;
    }
    if (warden->step_count == WARDEN_STEPS) {
        memmove(warden->steps, warden->steps + 1, sizeof(warden->steps) - sizeof(warden->steps[0]));
        warden->step_count--;
    }
    warden->steps[warden->step_count++] = (struct warden_step){answer, step->more};
}

bool warden_answered(struct warden *warden, uint32_t answer, uint64_t ask) {
    for (size_t i = 0; i < warden->step_count; i++) {
        if (warden->steps[i].answer == answer && warden->steps[i].ask == ask) {
            warden->step_count -= i + 1; /* those before it will not be answered any more */
            memmove(warden->steps, warden->steps + i + 1,
                    warden->step_count * sizeof(warden->steps[0]));
            return true;
        }
    }
    return false;
}

/* The next message: what the worker waits for, then steps, then mail. */
static bool take(struct warden *warden) {
    buf_relax(&warden->out);
    warden->sent = 0;
    if (warden->kept.length > 0) {
        struct buf kept = warden->kept;
        warden->kept = warden->out;
        warden->out = kept;
        return true;
    }
    if (box_ready(warden->spec.control) && box_pop(warden->spec.control, &warden->out)) {
        expect(warden, head_of(&warden->out));
        return true;
    }
    if (!warden_takes_mail(warden) || !box_ready(warden->spec.mail) ||
        !box_pop(warden->spec.mail, &warden->out)) {
        return false;
    }
    struct buf *kept = &warden->flight[(warden->first + warden->count) % WARDEN_WINDOW];
    buf_clear(kept);
    if (buf_append(kept, warden->out.bytes, warden->out.length)) {
        warden->count++;
        return true;
    }
    buf_clear(&warden->out); /* without memory it is lost, as it would be in the box */
    return false;
}

static bool send_piece(struct warden *warden, bool *full) {
    struct frame head = frame_piece(warden->out.length, warden->sent);
    struct iovec parts[2] = {{&head, sizeof(head)},
                             {warden->out.bytes + warden->sent, head.length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t done = sendmsg(warden->channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    *full = done < 0 && (errno == EAGAIN || errno == ENOBUFS);
    if (done >= 0) {
        warden->sent += head.length;
        atomic_fetch_add_explicit(&warden->shared->letters, 1, memory_order_release);
    }
    return done >= 0 || *full || errno == EINTR;
}

bool warden_send(struct warden *warden) {
    bool full = false;
    while (!full && (warden->sent < warden->out.length || take(warden))) {
        if (!send_piece(warden, &full)) {
            return false;
        }
    }
    return true;
}

bool warden_mail_done(struct warden *warden) {
    if (warden->count == 0) {
        return false;
    }
    struct buf *done = &warden->flight[warden->first];
    if (done->capacity > (64u << 10)) {
        buf_finish(done);
    }
    warden->first = (warden->first + 1) % WARDEN_WINDOW;
    warden->count--;
    return true;
}

static void put_back(struct warden *warden, const struct port_message *head) {
    (void)box_push(warden->spec.mail, head, port_name(head), port_data(head), 0);
}

static bool calls_a_function(uint32_t kind) {
    return kind == PORT_TIMER || kind == PORT_POST || kind == PORT_REST_DONE ||
           kind == PORT_MEMBERS;
}

/* A parked event stays so. */
static void tell_cut(struct warden *warden, const struct port_message *head) {
    struct port_message lost = {.kind = PORT_AGAIN_DONE, .status = -1, .number = head->number};
    if (head->kind == PORT_AGAIN) {
        (void)warden->spec.send(warden->spec.arg, &lost, "", "");
    }
}

/* As an event: two attempts. There is nowhere to park this, so the second is the last. A call that
 * is due has a mark in the store, a parked event its file: those know for themselves. */
static void settle_cut(struct warden *warden) {
    struct log_from from = {.bot = warden->spec.bot, .shard = -1, .plugin = warden->spec.plugin};
    struct port_message *head = (struct port_message *)(void *)warden->flight[warden->first].bytes;
    if (calls_a_function(head->kind) && (head->worker & PORT_TRIED) == 0) {
        head->worker |= PORT_TRIED;
        return;
    }
    if (calls_a_function(head->kind)) {
        atomic_fetch_add(&warden->shared->errors, 1);
        log_error(&from, "a call of \"%s\" (%s) ended its process twice: it is not made again",
                  port_name(head), report_doing(worker_doing(WORKER_MAIL, head->kind), true));
    }
    tell_cut(warden, head);
    (void)warden_mail_done(warden);
}

void warden_return_mail(struct warden *warden, bool cut) {
    struct buf waiting = {0};
    struct buf message = {0};
    if (warden->returned) {
        return;
    }
    warden->returned = true;
    while (box_pop(warden->spec.mail, &message)) {
        size_t padded = (message.length + 7) & ~(size_t)7;
        static const char zeros[8] = "";
        (void)(buf_reserve(&waiting, padded) &&
               buf_append(&waiting, message.bytes, message.length) &&
               buf_append(&waiting, zeros, padded - message.length));
    }
    if (cut) {
        settle_cut(warden);
    }
    for (; warden->count > 0; (void)warden_mail_done(warden)) {
        put_back(warden, head_of(&warden->flight[warden->first]));
    }
    struct buf *lists[] = {&warden->posts, &waiting};
    for (size_t i = 0; i < 2; i++) {
        for (size_t at = 0; at < lists[i]->length;) {
            const struct port_message *head =
                (const struct port_message *)(const void *)(lists[i]->bytes + at);
            put_back(warden, head);
            at += (sizeof(*head) + head->name_length + head->data_length + 2 + 7) & ~(size_t)7;
        }
        buf_finish(lists[i]);
    }
    buf_finish(&message);
}
