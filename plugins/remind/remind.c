/* remind/remind.c: /remind in:10m text:tea reminds you here in ten minutes; /reminders lists yours,
 * /reminders cancel:3 takes one back.
 *
 * Shows what lasts: a reminder is two keys and a call at a later time, set in one transaction, so
 * there are never two of the three. It outlives reloads, restarts and crashes; one that was due
 * while the bot was down comes at the next start and says that it is late. */
#include <drey/drey.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A message has room for so many lines of a list; texts are cut in it. */
enum { PER_USER_MAX = 20, TEXT_MAX = 1000, LIST_TEXT_MAX = 60, ANSWER_MAX = 2000 };
#define SECOND_MS UINT64_C(1000)
#define YEAR_MS   (366 * 24 * 3600 * SECOND_MS)

/* The keys of reminder NUMBER: "owner NUMBER" holds USER, "of USER NUMBER" holds
 * "CHANNEL DUE TEXT". Listing the keys that begin with "of USER " is listing the user's. The
 * number has leading zeroes, because keys are in the order of their bytes. */
static void owner_key(char *out, size_t size, uint64_t number) {
    snprintf(out, size, "owner %" PRIu64, number);
}

static void user_key(char *out, size_t size, uint64_t user, uint64_t number) {
    snprintf(out, size, "of %" PRIu64 " %010" PRIu64, user, number);
}

/* "10m", "1h30m", "2d": how long, in ms; 0: it is no such text. */
static uint64_t duration_ms(const char *text) {
    static const struct {
        char letter;
        uint64_t ms;
    } units[] = {{'s', SECOND_MS},
                 {'m', 60 * SECOND_MS},
                 {'h', 3600 * SECOND_MS},
                 {'d', 24 * 3600 * SECOND_MS},
                 {'w', 7 * 24 * 3600 * SECOND_MS}};
    uint64_t total = 0;
    while (*text != '\0') {
        char *end;
        uint64_t unit = 0;
        if (*text < '0' || *text > '9') {
            return 0;
        }
        uint64_t count = strtoull(text, &end, 10);
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
            unit = *end == units[i].letter ? units[i].ms : unit;
        }
        if (unit == 0 || count > YEAR_MS / unit) {
            return 0;
        }
        total += count * unit;
        text = end + 1;
    }
    return total <= YEAR_MS ? total : 0;
}

/* ---- Setting one ---- */

static int32_t count_one(drey_ctx *ctx, void *user, const drey_value *value) {
    return 0; /* go on */
}

/* All of it or nothing. False: it could not be stored; the log says why. */
static bool store(drey_ctx *ctx, const drey_event *ev, const char *text, uint64_t due_ms) {
    char key[64];
    char value[64 + 4 * TEXT_MAX];
    char user[32];
    int64_t number;
    snprintf(user, sizeof(user), "%" PRIu64, ev->user_id);
    snprintf(value, sizeof(value), "%" PRIu64 " %" PRIu64 " %s", ev->channel_id, due_ms, text);
    if (drey_kv_begin(ctx) < 0) {
        return false;
    }
    bool ok = drey_kv_add(ctx, 0, "last number", 1, 0, &number) >= 0;
    if (ok) {
        owner_key(key, sizeof(key), (uint64_t)number);
        ok = drey_kv_set(ctx, 0, key, user) >= 0;
        user_key(key, sizeof(key), ev->user_id, (uint64_t)number);
        ok = ok && drey_kv_set(ctx, 0, key, value) >= 0 &&
             drey_at(ctx, "remind", (uint64_t)number, due_ms) >= 0;
    }
    if (!ok) {
        drey_kv_rollback(ctx);
        return false;
    }
    return drey_kv_commit(ctx) >= 0;
}

static void on_remind(drey_ctx *ctx, const drey_event *ev) {
    char answer[200];
    char prefix[64];
    uint64_t wait_ms = duration_ms(drey_option_str(ev, "in"));
    if (wait_ms == 0) {
        drey_whisper(ev, "In which time? Such as 10m, 1h30m or 2d, at most a year.");
        return;
    }
    snprintf(prefix, sizeof(prefix), "of %" PRIu64 " ", ev->user_id);
    if (drey_kv_list(ctx, 0, prefix, NULL, 0, 0, count_one, NULL) >= PER_USER_MAX) {
        drey_whisper(ev, "You have twenty reminders: /reminders cancel: takes one back.");
        return;
    }
    uint64_t due_ms = drey_now_ms(ctx) + wait_ms;
    if (!store(ctx, ev, drey_option_str(ev, "text"), due_ms)) {
        drey_fail(ev, "the reminder could not be stored");
        return;
    }
    /* Discord shows this as a time, in the reader's own zone */
    snprintf(answer, sizeof(answer), "I will remind you <t:%" PRIu64 ":R>.", due_ms / 1000);
    drey_whisper(ev, answer);
}

/* ---- Its time has come ---- */

static void forget(drey_ctx *ctx, uint64_t user, uint64_t number) {
    char key[64];
    owner_key(key, sizeof(key), number);
    drey_kv_delete(ctx, 0, key);
    user_key(key, sizeof(key), user, number);
    drey_kv_delete(ctx, 0, key);
}

/* A crash between sending and forgetting sends it twice (then due->flags has DREY_DUE_AGAIN):
 * better than never, here. */
static void on_due(drey_ctx *ctx, const drey_due *due) {
    char key[64];
    char late[64] = "";
    owner_key(key, sizeof(key), due->cookie);
    uint64_t user = (uint64_t)drey_kv_int(ctx, 0, key);
    user_key(key, sizeof(key), user, due->cookie);
    const char *value = drey_kv_str(ctx, 0, key);
    char *text;
    uint64_t channel = strtoull(value, &text, 10);
    (void)strtoull(text, &text, 10); /* when it was due */
    if (channel == 0 || *text != ' ') {
        return; /* somebody has changed the store by hand */
    }
    if ((due->flags & DREY_DUE_LATE) != 0) {
        snprintf(late, sizeof(late), " (I was away: this is for <t:%" PRIu64 ":t>)",
                 due->due_ms / 1000);
    }
    drey_send(ctx, channel,
              drey_write(ctx,
                         "{'content': '<@%" PRIu64 ">: %s%s', "
                         "'allowed_mentions': {'users': ['%" PRIu64 "']}}",
                         user, text + 1, late, user),
              NULL, 0);
    forget(ctx, user, due->cookie);
}

/* ---- Looking and taking back ---- */

struct list {
    char text[ANSWER_MAX];
    size_t prefix; /* bytes of the key before the number */
};

static int32_t add_line(drey_ctx *ctx, void *user, const drey_value *value) {
    struct list *list = user;
    size_t used = strlen(list->text);
    uint64_t number = strtoull(value->key + list->prefix, NULL, 10);
    char *text;
    (void)strtoull(value->data, &text, 10); /* the channel */
    uint64_t due_ms = strtoull(text, &text, 10);
    size_t shown = strlen(text);
    shown = shown < LIST_TEXT_MAX ? shown : LIST_TEXT_MAX;
    while (shown > 0 && ((unsigned char)text[shown] & 0xc0) == 0x80) {
        shown--; /* not within a character */
    }
    snprintf(list->text + used, sizeof(list->text) - used, "%" PRIu64 ": <t:%" PRIu64 ":R>%.*s\n",
             number, due_ms / 1000, (int)shown, text);
    return 0;
}

static void show_all(drey_ctx *ctx, const drey_event *ev) {
    struct list list = {.prefix = 0};
    char prefix[64];
    list.prefix = (size_t)snprintf(prefix, sizeof(prefix), "of %" PRIu64 " ", ev->user_id);
    int64_t count = drey_kv_list(ctx, 0, prefix, NULL, PER_USER_MAX, 0, add_line, &list);
    drey_whisper(ev, count > 0 ? list.text : "You have no reminders.");
}

static void cancel(drey_ctx *ctx, const drey_event *ev, uint64_t number) {
    char key[64];
    user_key(key, sizeof(key), ev->user_id, number); /* another's has another key */
    if (*drey_kv_str(ctx, 0, key) == '\0') {
        drey_whisper(ev, "You have no such reminder: /reminders lists them.");
        return;
    }
    bool ok = drey_kv_begin(ctx) >= 0;
    if (ok) {
        forget(ctx, ev->user_id, number);
        drey_schedule_stop(ctx, "remind", number);
        ok = drey_kv_commit(ctx) >= 0;
    }
    drey_whisper(ev, ok ? "Taken back." : "That did not work; it is still there.");
}

static void on_reminders(drey_ctx *ctx, const drey_event *ev) {
    int64_t number = drey_option_int(ev, "cancel");
    if (number > 0) {
        cancel(ctx, ev, (uint64_t)number);
    } else {
        show_all(ctx, ev);
    }
}

static int init(drey_ctx *ctx) {
    int result = drey_on_due(ctx, "remind", on_due);
    result = result < 0 ? result : drey_permissions(ctx, DREY_MAY_SEND_MESSAGES);
    result =
        result < 0
            ? result
            : drey_command(ctx,
                           "{'name': 'remind', 'description': 'Reminds you later', 'options': ["
                           "{'type': 3, 'name': 'in', 'required': true,"
                           " 'description': 'When: 10m, 1h30m, 2d', 'max_length': 20},"
                           "{'type': 3, 'name': 'text', 'required': true,"
                           " 'description': 'Of what', 'max_length': 1000}]}",
                           NULL, on_remind);
    return result < 0 ? result
                      : drey_command(ctx,
                                     "{'name': 'reminders', 'description': 'Lists your reminders',"
                                     " 'options': [{'type': 4, 'name': 'cancel', 'min_value': 1,"
                                     " 'description': 'The number of one to take back'}]}",
                                     NULL, on_reminders);
}

DREY_PLUGIN("remind", "1.0.0", init)
