/* bot/purse.c: the IDENTIFY budget in the sessions file and in words. */
#include "bot/purse.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* The first version kept the budget alone. */
struct note {
    struct identify_budget budget;
    uint64_t token_hash;
};

void purse_load(struct identify_gate *gate, const struct sessions *sessions, uint64_t token_hash) {
    struct note note = {.token_hash = token_hash};
    bool found = sessions_note(sessions, &note, sizeof(note)) ||
                 sessions_note(sessions, &note.budget, sizeof(note.budget));
    if (found && note.token_hash == token_hash) {
        identify_gate_restore(gate, &note.budget);
    }
}

void purse_store(const struct identify_gate *gate, struct sessions *sessions, uint64_t token_hash) {
    struct note note = {.budget = identify_gate_budget(gate), .token_hash = token_hash};
    sessions_set_note(sessions, &note, sizeof(note));
}

/* "23:41:07", with the date when that is not today. */
static void moment(uint64_t wall_ms, char *out, size_t size) {
    time_t then = (time_t)((wall_ms + 999) / 1000);
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm a;
    struct tm b;
    localtime_r(&then, &a);
    localtime_r(&now, &b);
    bool today = a.tm_yday == b.tm_yday && a.tm_year == b.tm_year;
    (void)strftime(out, size, today ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &a);
}

bool purse_text(enum identify_trouble trouble, uint64_t ends_ms, char *out, size_t size) {
    char when[64];
    moment(ends_ms, when, sizeof(when));
    switch (trouble) {
    case IDENTIFY_BUDGET_SPENT:
        (void)snprintf(out, size,
                       "Discord's daily budget of IDENTIFYs is spent; waiting for its reset, until "
                       "%s",
                       when);
        return true;
    case IDENTIFY_BREAKER_OPEN:
        (void)snprintf(out, size,
                       "too many IDENTIFYs without a stable session; the next waits until %s",
                       when);
        return true;
    case IDENTIFY_FINE:
        break;
    }
    return false;
}

void purse_tell(const char *bot, const char *state_dir, enum identify_trouble trouble,
                uint64_t ends_ms) {
    struct log_from me = {.bot = bot, .shard = -1};
    char text[256];
    if (!purse_text(trouble, ends_ms, text, sizeof(text))) {
        log_info(&me, "IDENTIFYs need not wait any more");
    } else if (trouble == IDENTIFY_BREAKER_OPEN) {
        log_warn(&me,
                 "%s. It goes on by itself, slowly, so that crashes do not spend Discord's daily "
                 "budget; the log tells how drey or its sessions ended. Once that is mended: stop "
                 "drey and remove %s/sessions to go on at once",
                 text, state_dir);
    } else {
        log_warn(&me, "%s. Sessions that can be resumed are not concerned", text);
    }
}
