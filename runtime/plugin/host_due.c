/* plugin/host_due.c: a plugin sets, stops and lists its calls at a later time (store.h). How they
 * are made is in due.c. */
#include "plugin/host.h"

#include "base/text.h"

#include <string.h>

/* Whether there is such a function; else the caller is told. */
static int32_t check_name(struct instance *instance, const char *call, const char *name) {
    if (!host_good_name(instance, call, name)) {
        return DREY_E_INVALID;
    }
    if (!host_has_callback(instance, name, CALLBACK_DUE)) {
        instance_fault(instance, "%s(): no function \"%s\" was registered with drey_on_due()", call,
                       name);
        return DREY_E_UNKNOWN;
    }
    return 0;
}

static bool put_text(struct keep_texts *texts, int place, const char *text, size_t most) {
    texts->texts[place] = text;
    texts->lengths[place] = text != NULL ? strnlen(text, most + 1) : 0;
    return texts->lengths[place] <= most;
}

int32_t host_schedule(drey_ctx *ctx, const drey_schedule *schedule) {
    static const char call[] = "drey_schedule_set";
    struct instance *instance = host_instance(ctx);
    struct keep_texts texts = {{0}, {0}};
    struct keep_answer answer;
    size_t at;
    if (!host_may_keep(instance, call)) {
        return DREY_E_PHASE;
    }
    if (schedule == NULL || schedule->size < sizeof(*schedule) || schedule->kind < DREY_AT ||
        schedule->kind > DREY_CRON || (schedule->kind == DREY_CRON && schedule->cron == NULL)) {
        instance_fault(instance, "%s(): no schedule, its size or kind is not set, or no cron",
                       call);
        return DREY_E_INVALID;
    }
    int32_t good = check_name(instance, call, schedule->name);
    if (good < 0) {
        return good;
    }
    bool cron = schedule->kind == DREY_CRON;
    if (!put_text(&texts, 0, schedule->name, PORT_NAME_MAX) ||
        !put_text(&texts, 1, cron ? schedule->cron : NULL, KEEP_TEXT_MAX) ||
        !put_text(&texts, 2, cron ? schedule->zone : NULL, KEEP_TEXT_MAX)) {
        instance_fault(instance, "%s(): cron or zone has more than %d bytes", call, KEEP_TEXT_MAX);
        return DREY_E_INVALID;
    }
    struct keep_ask ask = {.kind = KEEP_SCHEDULE,
                           .flags = schedule->kind | (texts.texts[2] != NULL ? KEEP_ZONE : 0),
                           .number = schedule->cookie,
                           .at_ms = schedule->at_ms,
                           .period_ms = schedule->period_ms};
    instance->due_moved = true;
    instance->keep_changes++;
    return (int32_t)host_ask_keep(instance, call, &ask, &texts, &instance->keep_answer, &answer,
                                  &at);
}

int32_t host_schedule_stop(drey_ctx *ctx, const char *name, uint64_t cookie) {
    static const char call[] = "drey_schedule_stop";
    struct instance *instance = host_instance(ctx);
    struct keep_ask ask = {.kind = KEEP_STOP, .number = cookie};
    struct keep_answer answer;
    size_t at;
    if (!host_may_keep(instance, call)) {
        return DREY_E_PHASE;
    }
    if (!host_good_name(instance, call, name)) {
        return DREY_E_INVALID;
    }
    struct keep_texts texts = {{name}, {strlen(name)}};
    instance->due_moved = true;
    instance->keep_changes++;
    return (int32_t)host_ask_keep(instance, call, &ask, &texts, &instance->keep_answer, &answer,
                                  &at);
}

struct listing {
    struct instance *instance;
    drey_schedule_fn fn;
    void *user;
    int64_t calls;
    char name[PORT_NAME_MAX + 1]; /* the last one called for */
    uint64_t cookie;
};

/* The rest of a page is asked for anew when a call has changed something. True: there may be more.
 */
static bool give_page(struct listing *list, const struct buf *page, size_t at, bool more) {
    struct keep_row row;
    struct keep_texts texts;
    uint64_t changes = list->instance->keep_changes;
    while (keep_next_row(page, &at, &row, &texts)) {
        drey_schedule schedule = {.size = sizeof(schedule),
                                  .kind = row.kind,
                                  .name = texts.texts[0],
                                  .cookie = row.guild_id,
                                  .at_ms = row.expires_ms,
                                  .period_ms = row.period_ms,
                                  .cron = row.kind == DREY_CRON ? texts.texts[1] : NULL,
                                  .zone = (row.flags & KEEP_ZONE) != 0 ? texts.texts[2] : NULL};
        (void)text_copy(list->name, sizeof(list->name), texts.texts[0]);
        list->cookie = row.guild_id;
        list->calls++;
        if (list->fn(&list->instance->ctx, list->user, &schedule) != 0) {
            return false;
        }
        if (list->instance->keep_changes != changes) {
            return true;
        }
    }
    return more;
}

int64_t host_schedules(drey_ctx *ctx, drey_schedule_fn fn, void *user) {
    static const char call[] = "drey_schedules";
    struct instance *instance = host_instance(ctx);
    struct listing list = {.instance = instance, .fn = fn, .user = user};
    struct buf page = {0};
    struct keep_answer answer = {0};
    int64_t result;
    bool more;
    if (!host_may_keep(instance, call)) {
        return DREY_E_PHASE;
    }
    if (fn == NULL) {
        instance_fault(instance, "%s(): the function is NULL", call);
        return DREY_E_INVALID;
    }
    do {
        struct keep_ask ask = {.kind = KEEP_SCHEDULES,
                               .flags = list.calls > 0 ? KEEP_AFTER : 0,
                               .number = list.cookie};
        struct keep_texts texts = {{list.name}, {strlen(list.name)}};
        size_t at = 0;
        result = host_ask_keep(instance, call, &ask, &texts, &page, &answer, &at);
        more = result >= 0 && give_page(&list, &page, at, (answer.flags & KEEP_MORE) != 0);
    } while (more);
    buf_finish(&page);
    return result < 0 ? result : list.calls;
}
