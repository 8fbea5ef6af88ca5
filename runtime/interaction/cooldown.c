/* interaction/cooldown.c: sliding logs of uses, in a table of fixed size. */
#include "interaction/cooldown.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { SUBJECTS_MAX = 1 << 20 };

/* The uses of one command by one subject. */
struct entry {
    struct entry *chain; /* of the table, or of the free ones */
    struct entry *newer; /* by when it was looked at */
    struct entry *older;
    uint64_t command; /* a hash of its name */
    uint64_t subject;
    enum cooldown_per per;
    uint32_t first;
    uint32_t count;
    uint64_t uses[COOLDOWN_USES_MAX]; /* a ring */
};

struct cooldown {
    size_t most;
    size_t used;
    size_t table_size; /* a power of two */
    struct entry **table;
    struct entry *entries;
    struct entry *newest;
    struct entry *oldest;
};

struct cooldown *cooldown_create(size_t most, struct err *err) {
    if (most == 0 || most > SUBJECTS_MAX) {
        err_set(err, ERR_LIMIT, "cooldowns: 1 to %d subjects", SUBJECTS_MAX);
        return NULL;
    }
    struct cooldown *cooldown = calloc(1, sizeof(*cooldown));
    if (cooldown == NULL) {
        err_set(err, ERR_NO_MEMORY, "cooldowns: no memory");
        return NULL;
    }
    cooldown->most = most;
    for (cooldown->table_size = 16; cooldown->table_size < most; cooldown->table_size *= 2) {
    }
    cooldown->table = calloc(cooldown->table_size, sizeof(struct entry *));
    cooldown->entries = calloc(most, sizeof(struct entry)); /* touched as it is used */
    if (cooldown->table == NULL || cooldown->entries == NULL) {
        err_set(err, ERR_NO_MEMORY, "cooldowns: no memory");
        cooldown_destroy(cooldown);
        return NULL;
    }
    return cooldown;
}

void cooldown_destroy(struct cooldown *cooldown) {
    if (cooldown != NULL) {
        free(cooldown->table);
        free(cooldown->entries);
        free(cooldown);
    }
}

static bool is_none(const struct cooldown_rule *rule) {
    return rule->per == 0 && rule->uses == 0 && rule->seconds == 0;
}

bool cooldown_check(const struct cooldown_rule *rule, struct err *err) {
    if (is_none(rule)) {
        return true;
    }
    if (rule->per < COOLDOWN_PER_USER || rule->per > COOLDOWN_PER_BOT) {
        return err_set(err, ERR_INVALID, "cooldown.per: should be user, guild, channel or bot");
    }
    if (rule->uses == 0 || rule->uses > COOLDOWN_USES_MAX) {
        return err_set(err, ERR_LIMIT, "cooldown.n: %u uses, 1 to %d are allowed", rule->uses,
                       COOLDOWN_USES_MAX);
    }
    return (rule->seconds > 0 && rule->seconds <= COOLDOWN_SECONDS_MAX) ||
           err_set(err, ERR_LIMIT, "cooldown.seconds: %u, 1 to %d are allowed", rule->seconds,
                   COOLDOWN_SECONDS_MAX);
}

/* ---- entries ---- */

static struct entry **place_of(const struct cooldown *cooldown, uint64_t command,
                               uint64_t subject) {
    uint64_t mixed = (command ^ subject * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;
    return &cooldown->table[(mixed >> 32) & (cooldown->table_size - 1)];
}

static void unlink_age(struct cooldown *cooldown, const struct entry *entry) {
    *(entry->newer != NULL ? &entry->newer->older : &cooldown->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &cooldown->oldest) = entry->newer;
}

static void link_newest(struct cooldown *cooldown, struct entry *entry) {
    entry->newer = NULL;
    entry->older = cooldown->newest;
    *(cooldown->newest != NULL ? &cooldown->newest->newer : &cooldown->oldest) = entry;
    cooldown->newest = entry;
}

/* One that nobody uses, or the one that was looked at longest ago. */
static struct entry *make_room(struct cooldown *cooldown) {
    if (cooldown->used < cooldown->most) {
        return &cooldown->entries[cooldown->used++];
    }
    struct entry *entry = cooldown->oldest;
    struct entry **at = place_of(cooldown, entry->command, entry->subject);
    while (*at != entry) {
        at = &(*at)->chain;
    }
    *at = entry->chain;
    unlink_age(cooldown, entry);
    return entry;
}

/* The entry, made if need be; it is the newest afterwards. */
static struct entry *look_up(struct cooldown *cooldown, uint64_t command, uint64_t subject,
                             enum cooldown_per per) {
    struct entry *entry = *place_of(cooldown, command, subject);
    while (entry != NULL &&
           (entry->command != command || entry->subject != subject || entry->per != per)) {
        entry = entry->chain;
    }
    if (entry != NULL) {
        unlink_age(cooldown, entry);
    } else {
        entry = make_room(cooldown);
        struct entry **place = place_of(cooldown, command, subject);
        *entry =
            (struct entry){.chain = *place, .command = command, .subject = subject, .per = per};
        *place = entry;
    }
    link_newest(cooldown, entry);
    return entry;
}

static uint64_t subject_of(enum cooldown_per *per, const struct cooldown_subject *subject) {
    if (*per == COOLDOWN_PER_GUILD && subject->guild == 0) {
        *per = COOLDOWN_PER_CHANNEL; /* a direct message: not all of them share one */
    }
    switch (*per) {
    case COOLDOWN_PER_USER:
        return subject->user;
    case COOLDOWN_PER_GUILD:
        return subject->guild;
    case COOLDOWN_PER_CHANNEL:
        return subject->channel;
    case COOLDOWN_PER_BOT:
        return 0;
    }
    return 0;
}

bool cooldown_take(struct cooldown *cooldown, const struct cooldown_rule *rule, const char *command,
                   const struct cooldown_subject *subject, uint64_t now_ms, uint64_t *wait_ms) {
    *wait_ms = 0;
    if (is_none(rule)) {
        return true;
    }
    enum cooldown_per per = rule->per;
    uint64_t id = subject_of(&per, subject);
    uint64_t window_ms = (uint64_t)rule->seconds * 1000;
    struct entry *entry = look_up(cooldown, text_hash(command, strlen(command)), id, per);
    while (entry->count > 0 && entry->uses[entry->first] + window_ms <= now_ms) {
        entry->first = (entry->first + 1) % COOLDOWN_USES_MAX;
        entry->count--;
    }
    uint32_t most = rule->uses < COOLDOWN_USES_MAX ? rule->uses : COOLDOWN_USES_MAX;
    if (entry->count >= most) { /* a rule that became stricter may have more than it allows */
        uint32_t last = (entry->first + entry->count - most) % COOLDOWN_USES_MAX;
        *wait_ms = entry->uses[last] + window_ms - now_ms;
        return false;
    }
    entry->uses[(entry->first + entry->count++) % COOLDOWN_USES_MAX] = now_ms;
    return true;
}
