/* plugin/tend.c: what the manager does between changes: messages of workers, timers, checkpoints
 * and handlers that do not return. */
#include "plugin/manager.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "drey/drey.h"

#include <poll.h>
#include <string.h>

/* What one plugin keeps the control thread busy with at once; the rest has its turn when everybody
 * else has had theirs. */
enum { MESSAGES_AT_ONCE = 64, TIMERS_AT_ONCE = 64 };

/* ---- Messages ---- */

static struct hand *hand_of(struct plugins *plugins, uint64_t serial) {
    struct hand *hand = plugins->hands;
    while (hand != NULL && hand->serial != serial) {
        hand = hand->next;
    }
    return hand;
}

static struct seat *seat_of(struct plugins *plugins, const struct hand *hand,
                            struct plugin **owner) {
    for (struct plugin *plugin = plugins->plugins; plugin != NULL; plugin = plugin->next) {
        for (struct seat *seat = plugin->seats; seat != NULL; seat = seat->next) {
            if (seat->hand == hand || seat->incoming == hand) {
                *owner = plugin;
                return seat;
            }
        }
    }
    return NULL;
}

/* starting: asked by start() of a new generation, which sets what its predecessor has set: such a
 * timer keeps its phase. */
static void timer_request(struct plugins *plugins, struct seat *seat, struct hand *asker,
                          bool starting, const struct port_message *message) {
    const char *name = port_name(message);
    bool same = starting && message->kind == PORT_TIMER_SET &&
                timers_has_period(&seat->timers, name, message->number, message->more);
    if (same) {
        /* acknowledged below */
    } else if (message->kind == PORT_TIMER_STOP) {
        timers_stop(&seat->timers, name, message->number);
    } else if (!timers_set(&seat->timers, name, message->number, loop_now_ms(plugins->loop),
                           message->extra, message->more)) {
        text_copy(seat->error, sizeof(seat->error), "a timer was refused: too many");
        seat->errors++;
    }
    struct port_message ack = {
        .kind = PORT_TIMER_ACK, .number = message->number, .name_length = message->name_length};
    (void)hand_note(asker, &ack, name);
}

/* What start() asks for waits until the load has committed. */
static void stage(struct seat *seat, const struct port_message *message) {
    static const char zeros[8] = "";
    size_t bytes = sizeof(*message) + message->name_length + message->data_length + 2;
    if (seat->staged.length + bytes > PORT_BOX_BYTES) { /* no instance of ours gets this far */
        (void)hand_kill(seat->incoming, "it broke the protocol: start sets timers without end",
                        false);
    } else if (buf_reserve(&seat->staged, bytes + sizeof(zeros))) {
        (void)buf_append(&seat->staged, message, bytes);
        (void)buf_append(&seat->staged, zeros, (8 - bytes % 8) % 8);
    }
}

static void checkpointed(struct plugin *plugin, struct seat *seat,
                         const struct port_message *message) {
    struct err err = {0};
    struct log_from from = {.bot = seat->bot->name, .shard = -1, .plugin = plugin->id};
    if (message->status < 0) {
        log_warn(&from, "checkpoint: %s", port_data(message));
    } else if (message->extra == 0) {
        state_remove(seat->bot, plugin->id);
    } else if (!state_write(seat->bot, plugin->id, (uint32_t)message->number, port_data(message),
                            message->data_length, false, &err)) {
        log_warn(&from, "checkpoint: %s", err.text);
    }
}

static void seat_message(struct plugins *plugins, struct plugin *plugin, struct seat *seat,
                         bool incoming, const struct port_message *message) {
    switch (message->kind) {
    case PORT_TIMER_SET:
    case PORT_TIMER_STOP:
        if (incoming) {
            stage(seat, message);
        } else {
            timer_request(plugins, seat, seat->hand, false, message);
            tend_arm_timer(plugins);
        }
        break;
    case PORT_TIMER_DONE:
        timers_done(&seat->timers, message->extra);
        break;
    case PORT_AGAIN_DONE:
        (message->status < 0 ? parked_lost : parked_done)(plugin, seat, message->number);
        break;
    case PORT_DUE_NEXT:
        if (!incoming) { /* which tells it when it goes */
            seat->due_ms = message->extra;
            seat->due_asked = false;
            tend_arm_alarm(plugins);
        }
        break;
    case PORT_CHECKPOINTED:
        if (!incoming) { /* which is never asked for one */
            seat->hand->saving = false;
            checkpointed(plugin, seat, message);
        }
        break;
    case PORT_LOG:
    case PORT_FAULT:
        text_copy(seat->error, sizeof(seat->error), port_data(message));
        break;
    default:
        break;
    }
}

void tend_staged(struct plugins *plugins, struct seat *seat) {
    size_t at = 0;
    while (at < seat->staged.length) {
        const struct port_message *message =
            (const struct port_message *)(const void *)(seat->staged.bytes + at);
        size_t bytes = sizeof(*message) + message->name_length + message->data_length + 2;
        timer_request(plugins, seat, seat->hand, true, message);
        at += (bytes + 7) & ~(size_t)7;
    }
    buf_clear(&seat->staged);
    tend_arm_timer(plugins);
}

/* Ends a request for members whose chunks its plugin does not take: the rest does not come. */
static void cut_members(struct plugin *plugin, struct seat *seat,
                        const struct port_message *message) {
    static const char why[] = "the plugin does not take what it asked for fast enough";
    struct log_from from = {.bot = seat->bot->name, .shard = -1, .plugin = plugin->id};
    struct {
        struct port_parts parts;
        char texts[sizeof(why) + 1];
    } data = {{sizeof(why) - 1, 0}, ""};
    memcpy(data.texts, why, sizeof(why));
    struct port_message end = *message;
    uint32_t request = (uint32_t)(message->number >> 32);
    end.status = DREY_E_LIMIT;
    end.number = DREY_MEMBERS_LAST;
    end.data_length = sizeof(data.parts) + sizeof(why) + 1;
    if (buf_append(&seat->cut, &request, sizeof(request))) {
        log_warn(&from, "%s: %d bytes wait, the other members are not kept", port_name(message),
                 PORT_ANSWERS_BYTES);
        box_push(seat->hand->mail, &end, port_name(message), &data, 0);
    }
}

/* Whether this belongs to a request for members that was cut; its end is forgotten with it. */
static bool was_cut(struct seat *seat, const struct port_message *message) {
    uint32_t request;
    for (size_t at = 0; at < seat->cut.length; at += sizeof(request)) {
        memcpy(&request, seat->cut.bytes + at, sizeof(request));
        if (message->kind == PORT_MEMBERS && request == (uint32_t)(message->number >> 32)) {
            if ((message->number & DREY_MEMBERS_LAST) != 0) {
                size_t last = seat->cut.length - sizeof(request);
                memmove(seat->cut.bytes + at, seat->cut.bytes + last, sizeof(request));
                seat->cut.length = last;
            }
            return true;
        }
    }
    return false;
}

static void bring_to(struct plugin *plugin, struct seat *seat, const struct port_message *message) {
    bool chunk = message->kind == PORT_MEMBERS && (message->number & DREY_MEMBERS_LAST) == 0;
    if (was_cut(seat, message)) {
        return;
    }
    if (chunk && box_bytes(seat->hand->mail) > PORT_ANSWERS_BYTES) {
        cut_members(plugin, seat, message);
    } else {
        box_push(seat->hand->mail, message, port_name(message), port_data(message), 0);
    }
}

/* What somebody else has for a plugin: to whoever sits there now. */
static void bring(struct plugins *plugins, const struct port_message *message) {
    for (struct plugin *plugin = plugins->plugins; plugin != NULL; plugin = plugin->next) {
        for (struct seat *seat = plugin->seats; seat != NULL; seat = seat->next) {
            if (seat->serial == message->worker && seat->hand != NULL) {
                bring_to(plugin, seat, message);
            }
        }
    }
}

void plugins_deliver(struct plugins *plugins, uint64_t seat, const struct port_message *head,
                     const char *name, const void *data) {
    struct port_message message = *head;
    message.worker = seat;
    (void)box_push(plugins->inbox, &message, name, data, 0); /* without memory it is lost */
}

/* Told once for each plugin of each bot: it is the same for the generations that follow. */
static void note_confined(struct hand *hand, const struct seat *seat,
                          const struct port_message *message) {
    struct log_from from = {.bot = hand->bot, .shard = -1, .plugin = hand->plugin};
    text_copy(hand->confined, sizeof(hand->confined), port_data(message));
    hand->hold = (enum isolation_hold)message->number;
    bool first = seat != NULL && seat->hand == NULL;
    log_line(!first                              ? LOG_DEBUG
             : hand->hold == ISOLATION_HOLD_PART ? LOG_WARN
                                                 : LOG_INFO,
             &from, "in a process of its own (pid %d), confined by %s", warden_pid(hand->warden),
             hand->confined);
}

static void take(struct plugins *plugins, const struct buf *bytes) {
    const struct port_message *message = (const struct port_message *)(const void *)bytes->bytes;
    if (message->kind == PORT_REST_DONE || message->kind == PORT_MEMBERS) {
        bring(plugins, message);
        return;
    }
    struct hand *hand = hand_of(plugins, message->worker);
    struct plugin *plugin = NULL;
    if (hand == NULL) {
        return;
    }
    hand_caught_up(hand, message);
    if (message->kind == PORT_LOG || message->kind == PORT_FAULT) {
        text_copy(hand->complaint, sizeof(hand->complaint), port_data(message));
    }
    bool answered = hand_take_answer(hand, bytes);
    struct seat *seat = seat_of(plugins, hand, &plugin);
    if (answered) {
        if (seat != NULL && seat->incoming == hand && seat->reviving != NULL) {
            revive_step(plugins, plugin, seat);
        }
    } else if (message->kind == PORT_CONFINED) {
        note_confined(hand, seat, message);
    } else if (message->kind == PORT_ENDED) {
        revive_ended(plugins, hand, plugin, seat, message);
    } else if (seat != NULL) {
        seat_message(plugins, plugin, seat, seat->incoming == hand, message);
    }
}

void tend_inbox(struct plugins *plugins) {
    struct buf bytes = {0};
    for (int i = 0; i < MESSAGES_AT_ONCE && box_pop(plugins->inbox, &bytes); i++) {
        take(plugins, &bytes);
    }
    buf_finish(&bytes);
}

static bool all_answered(struct hand **hands, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (hands[i] != NULL && !hands[i]->answered) {
            return false;
        }
    }
    return true;
}

static void on_inbox(void *arg, int ready) {
    tend_inbox(arg);
}

/* ---- Timers ---- */

static void each_seat(struct plugins *plugins,
                      void (*call)(struct plugins *, struct plugin *, struct seat *)) {
    for (struct plugin *plugin = plugins->plugins; plugin != NULL; plugin = plugin->next) {
        for (struct seat *seat = plugin->seats; seat != NULL; seat = seat->next) {
            call(plugins, plugin, seat);
        }
    }
}

static void fire(struct plugins *plugins, struct plugin *plugin, struct seat *seat) {
    const struct timer *timer;
    uint64_t now = loop_now_ms(plugins->loop);
    for (int i = 0; i < TIMERS_AT_ONCE && seat->hand != NULL; i++) {
        if ((timer = timers_take(&seat->timers, now)) == NULL) {
            return;
        }
        struct port_message head = {.kind = PORT_TIMER,
                                    .number = timer->cookie,
                                    .extra = timer->serial,
                                    .name_length = (uint32_t)strlen(timer->name)};
        (void)hand_note(seat->hand, &head, timer->name);
    }
}

static void on_timer(void *arg) {
    each_seat(arg, fire);
    tend_arm_timer(arg);
}

void tend_arm_timer(struct plugins *plugins) {
    uint64_t next = UINT64_MAX;
    for (struct plugin *plugin = plugins->plugins; plugin != NULL; plugin = plugin->next) {
        for (struct seat *seat = plugin->seats; seat != NULL; seat = seat->next) {
            uint64_t due = timers_next(&seat->timers);
            next = due < next ? due : next;
        }
    }
    uint64_t now = loop_now_ms(plugins->loop);
    if (next == UINT64_MAX) {
        loop_timer_stop(plugins->timer);
    } else {
        loop_timer_start(plugins->timer, next > now ? next - now : 0);
    }
}

/* ---- Calls by the wall clock ---- */

static void call_due(struct plugins *plugins, struct plugin *plugin, struct seat *seat) {
    struct port_message head = {.kind = PORT_DUE};
    if (seat->hand != NULL && !seat->down && !seat->due_asked && seat->due_ms <= clock_wall_ms()) {
        seat->due_asked = hand_note(seat->hand, &head, "");
    }
}

static void on_alarm(void *arg) {
    each_seat(arg, call_due);
    tend_arm_alarm(arg);
}

void tend_arm_alarm(struct plugins *plugins) {
    uint64_t next = UINT64_MAX;
    for (struct plugin *plugin = plugins->plugins; plugin != NULL; plugin = plugin->next) {
        for (struct seat *seat = plugin->seats; seat != NULL; seat = seat->next) {
            bool asks = !seat->down && !seat->due_asked; /* the next process tells anew */
            next = asks && seat->due_ms < next ? seat->due_ms : next;
        }
    }
    alarm_set(plugins->alarm, next);
}

/* ---- Handlers that do not return ---- */

static void quarantine(struct plugins *plugins, struct plugin *plugin, struct seat *seat) {
    struct log_from from = {.bot = seat->bot->name, .shard = -1, .plugin = plugin->id};
    seat_detach(seat);
    seat->stuck = true;
    seat->errors++;
    text_copy(seat->error, sizeof(seat->error), "a handler does not return");
    log_error(&from,
              "a handler has been running for more than %u ms: it gets no events until it "
              "returns and does not hold others back; a reload replaces it",
              (unsigned)seat->timeout_ms);
}

static void release(struct plugin *plugin, struct seat *seat) {
    struct log_from from = {.bot = seat->bot->name, .shard = -1, .plugin = plugin->id};
    struct err err = {0};
    seat->stuck = false;
    seat->attached = ring_attach(seat->bot->ring, seat->cursor, true, &err);
    log_warn(&from, "the handler returned: events are delivered again%s%s",
             seat->attached ? "" : ", but ", err.text);
}

/* Whoever can be ended is, once it has been asked where it is. */
static bool overdue(struct plugins *plugins, struct plugin *plugin, struct seat *seat) {
    struct log_from from = {.bot = seat->bot->name, .shard = -1, .plugin = plugin->id};
    if (seat->hand->warden == NULL) {
        return false;
    }
    if (!seat->asked_where) {
        log_error(&from, "a handler has been running for more than %llu ms: its process is ended",
                  (unsigned long long)seat->timeout_ms);
    }
    (void)hand_kill(seat->hand, "a handler did not return within handler_timeout",
                    !seat->asked_where);
    seat->asked_where = true;
    return true;
}

static void look_at(struct plugins *plugins, struct plugin *plugin, struct seat *seat) {
    if (seat->hand == NULL || seat->down) {
        return;
    }
    revive_look(plugins, plugin, seat);
    uint64_t now = clock_mono_ms();
    uint64_t progress = atomic_load(&seat->hand->shared->progress);
    if (progress != seat->progress) {
        seat->progress = progress;
        seat->progress_ms = now;
    }
    bool inside = progress % 2 == 1;
    if (seat->stuck && now == seat->progress_ms) {
        release(plugin, seat);
    } else if (!seat->stuck && inside && now - seat->progress_ms > seat->timeout_ms &&
               !overdue(plugins, plugin, seat)) {
        quarantine(plugins, plugin, seat);
    }
}

enum { CPU_LOOK_MS = 1000 };

/* Often enough for the least patient. */
static uint64_t look_every_ms(const struct plugins *plugins) {
    uint64_t least = plugins->stuck_ms;
    for (const struct plugin *plugin = plugins->plugins; plugin != NULL; plugin = plugin->next) {
        for (const struct seat *seat = plugin->seats; seat != NULL; seat = seat->next) {
            least = seat->timeout_ms != 0 && seat->timeout_ms < least ? seat->timeout_ms : least;
            least = seat->cpu_ms != 0 && least > CPU_LOOK_MS ? CPU_LOOK_MS : least;
        }
    }
    return least / 4 + 1;
}

static void look_at_process(struct plugins *plugins, struct plugin *plugin, struct seat *seat) {
    if (seat->hand != NULL && seat->hand->warden != NULL) {
        look_at(plugins, plugin, seat);
    }
}

bool tend_await(struct plugins *plugins, struct hand **hands, size_t count, uint64_t deadline_ms) {
    uint64_t until = clock_mono_ms() + deadline_ms;
    uint64_t look = clock_mono_ms() + look_every_ms(plugins);
    for (;;) {
        tend_inbox(plugins);
        if (all_answered(hands, count)) {
            return true;
        }
        uint64_t now = clock_mono_ms();
        if (now >= until) {
            return false;
        }
        if (now >= look) { /* the loop's timers wait: who hangs in a process must not */
            each_seat(plugins, look_at_process);
            look = now + look_every_ms(plugins);
        }
        struct pollfd fd = {box_fd(plugins->inbox), POLLIN, 0};
        poll(&fd, 1, (int)((look < until ? look : until) - now));
    }
}

void tend_arm_watchdog(struct plugins *plugins) {
    loop_timer_start(plugins->watchdog, look_every_ms(plugins));
}

static void on_watchdog(void *arg) {
    struct plugins *plugins = arg;
    each_seat(plugins, look_at);
    change_reap(plugins);
    guard_mend(&plugins->guard, NULL);
    tend_arm_watchdog(plugins);
}

/* ---- Checkpoints ---- */

static void ask_checkpoint(struct plugins *plugins, struct plugin *plugin, struct seat *seat) {
    struct port_message head = {.kind = PORT_CHECKPOINT};
    if (seat->hand != NULL && !seat->stuck && !seat->hand->saving) {
        seat->hand->saving = hand_ask(seat->hand, &head, "", "", 0);
    }
}

static void on_checkpoint(void *arg) {
    struct plugins *plugins = arg;
    each_seat(plugins, ask_checkpoint);
    loop_timer_start(plugins->checkpoint, plugins->checkpoint_ms);
}

bool tend_start(struct plugins *plugins, struct err *err) {
    plugins->timer = loop_timer_create(plugins->loop, on_timer, plugins);
    plugins->watchdog = loop_timer_create(plugins->loop, on_watchdog, plugins);
    plugins->checkpoint = loop_timer_create(plugins->loop, on_checkpoint, plugins);
    plugins->reviver = loop_timer_create(plugins->loop, revive_due, plugins);
    if (plugins->timer == NULL || plugins->watchdog == NULL || plugins->checkpoint == NULL ||
        plugins->reviver == NULL) {
        return err_set(err, ERR_NO_MEMORY, "timers of the plugin manager");
    }
    plugins->alarm = alarm_create(plugins->loop, on_alarm, plugins, err);
    if (plugins->alarm == NULL) {
        return false;
    }
    plugins->inbox_watch =
        loop_watch_create(plugins->loop, box_fd(plugins->inbox), on_inbox, plugins, err);
    if (plugins->inbox_watch == NULL) {
        return false;
    }
    loop_watch_set(plugins->inbox_watch, LOOP_READ);
    tend_arm_watchdog(plugins);
    loop_timer_start(plugins->checkpoint, plugins->checkpoint_ms);
    return true;
}

void tend_stop(struct plugins *plugins) {
    struct loop_timer **timers[] = {&plugins->timer, &plugins->watchdog, &plugins->checkpoint,
                                    &plugins->reviver};
    for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
        if (*timers[i] != NULL) {
            loop_timer_destroy(*timers[i]);
            *timers[i] = NULL;
        }
    }
    alarm_destroy(plugins->alarm);
    plugins->alarm = NULL;
    if (plugins->inbox_watch != NULL) {
        loop_watch_destroy(plugins->inbox_watch);
        plugins->inbox_watch = NULL;
    }
}
