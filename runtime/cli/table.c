/* cli/table.c: bots, shards and plugins as lines of text. What there is much of becomes one line
 * for all that are in the same state. */
#include "cli/table.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    SHARDS_SHOWN = 8,    /* of one bot; more are summed up */
    ROWS_SHOWN = 32,     /* of all bots, and of all plugins */
    OUTSIDERS_SHOWN = 8, /* shards that are not ready, by number */
    PARKED_SHOWN = 8     /* plugins with parked events; of the others a sum */
};

static uint64_t number(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) && item->valuedouble > 0 ? (uint64_t)item->valuedouble : 0;
}

static const char *text(const cJSON *object, const char *name) {
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return value != NULL ? value : "";
}

/* "3d04h", "4h07m", "12m30s", "9s" */
static const char *span(uint64_t ms, char out[static 32]) {
    uint64_t s = ms / 1000;
    if (s >= 86400) {
        (void)snprintf(out, 32, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s / 3600 % 24);
    } else if (s >= 3600) {
        (void)snprintf(out, 32, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
    } else if (s >= 60) {
        (void)snprintf(out, 32, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
    } else {
        (void)snprintf(out, 32, "%" PRIu64 "s", s);
    }
    return out;
}

static const char *bytes(uint64_t count, char out[static 32]) {
    if (count >= 10u << 20) {
        (void)snprintf(out, 32, "%" PRIu64 " MB", count >> 20);
    } else if (count >= 10u << 10) {
        (void)snprintf(out, 32, "%" PRIu64 " KB", count >> 10);
    } else {
        (void)snprintf(out, 32, "%" PRIu64 " B", count);
    }
    return out;
}

static void print_shard(const cJSON *bot, const cJSON *shard, bool first) {
    char id[32];
    char since[32];
    char ping[32] = "-";
    char left[48] = "";
    (void)snprintf(id, sizeof(id), "%" PRIu64 "/%" PRIu64, number(shard, "id"),
                   number(bot, "shard_total"));
    if (cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(shard, "latency_ms"))) {
        (void)snprintf(ping, sizeof(ping), "%" PRIu64 " ms", number(shard, "latency_ms"));
    }
    if (first && cJSON_HasObjectItem(bot, "identifies_left")) {
        (void)snprintf(left, sizeof(left), "%" PRIu64 "/%" PRIu64, number(bot, "identifies_left"),
                       number(bot, "identifies_total"));
    }
    (void)printf("%-12s %-9s %-12s %-8s %-8s %-9" PRIu64 " %-8" PRIu64 " %s\n", text(bot, "name"),
                 id, text(shard, "state"), span(number(shard, "since_ms"), since), ping,
                 number(shard, "events_per_s"), number(shard, "resumes"), left);
}

static bool same(const cJSON *a, const cJSON *b, const char *name) {
    return strcmp(text(a, name), text(b, name)) == 0;
}

/* Whether no row before this one is in the same state. */
static bool first_of(const cJSON *rows, const cJSON *row,
                     bool (*alike)(const cJSON *a, const cJSON *b)) {
    const cJSON *before;
    cJSON_ArrayForEach(before, rows) {
        if (before == row) {
            return true;
        }
        if (alike(before, row)) {
            return false;
        }
    }
    return true;
}

static bool shards_alike(const cJSON *a, const cJSON *b) {
    return same(a, b, "state");
}

static void print_outsiders(const cJSON *shards, const cJSON *like) {
    const cJSON *shard;
    unsigned shown = 0;
    cJSON_ArrayForEach(shard, shards) {
        if (shards_alike(shard, like) && shown++ < OUTSIDERS_SHOWN) {
            (void)printf("%s%" PRIu64, shown == 1 ? "             shard " : ", ",
                         number(shard, "id"));
        }
    }
    (void)printf("%s\n", shown > OUTSIDERS_SHOWN ? " ..." : "");
}

/* All shards of the bot that are in the state of this one: the shortest time, the longest ping,
 * sums. */
static void print_shards_like(const cJSON *bot, const cJSON *like, bool first) {
    const cJSON *shards = cJSON_GetObjectItemCaseSensitive(bot, "shards");
    const cJSON *shard;
    char count[32];
    char since[32];
    char ping[40] = "-";
    char left[48] = "";
    uint64_t n = 0, since_ms = UINT64_MAX, ping_ms = 0, events = 0, resumes = 0;
    cJSON_ArrayForEach(shard, shards) {
        if (shards_alike(shard, like)) {
            n++;
            since_ms = number(shard, "since_ms") < since_ms ? number(shard, "since_ms") : since_ms;
            ping_ms = number(shard, "latency_ms") > ping_ms ? number(shard, "latency_ms") : ping_ms;
            events += number(shard, "events_per_s");
            resumes += number(shard, "resumes");
            if (cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(shard, "latency_ms"))) {
                (void)snprintf(ping, sizeof(ping), "<=%" PRIu64 " ms", ping_ms);
            }
        }
    }
    (void)snprintf(count, sizeof(count), "%" PRIu64 " of %" PRIu64, n, number(bot, "shard_total"));
    if (first && cJSON_HasObjectItem(bot, "identifies_left")) {
        (void)snprintf(left, sizeof(left), "%" PRIu64 "/%" PRIu64, number(bot, "identifies_left"),
                       number(bot, "identifies_total"));
    }
    (void)printf("%-12s %-9s %-12s >=%-6s %-8s %-9" PRIu64 " %-8" PRIu64 " %s\n", text(bot, "name"),
                 count, text(like, "state"), span(since_ms, since), ping, events, resumes, left);
    if (strcmp(text(like, "state"), "ready") != 0) {
        print_outsiders(shards, like);
    }
}

static void print_bot(const cJSON *bot, bool summed) {
    const cJSON *shards = cJSON_GetObjectItemCaseSensitive(bot, "shards");
    bool failed = strcmp(text(bot, "state"), "failed") == 0;
    if (failed || cJSON_GetArraySize(shards) == 0) {
        (void)printf("%-12s %-9s %-12s %s\n", text(bot, "name"), "-",
                     failed ? "FAILED" : text(bot, "state"), text(bot, "why"));
        return;
    }
    const cJSON *shard;
    bool first = true;
    cJSON_ArrayForEach(shard, shards) {
        if (!summed) {
            print_shard(bot, shard, first);
        } else if (first_of(shards, shard, shards_alike)) {
            print_shards_like(bot, shard, first);
        }
        first = false;
    }
    if (text(bot, "why")[0] != '\0') {
        (void)printf("             %s\n", text(bot, "why"));
    }
}

/* One cell, where the table has the column: where some plugin's signature is known. */
static void print_signer(bool column, const char *signer) {
    if (column) {
        (void)printf(" %-32s", signer[0] != '\0' ? signer : "-");
    }
}

/* "thread"; "process/full", "process/partial", "process/off": the sandbox that is in force. */
static const char *isolation(const cJSON *plugin, char out[static 32]) {
    const char *sandbox = text(plugin, "sandbox");
    const char *kind = text(plugin, "isolation");
    (void)snprintf(out, 32, "%s%s%s", kind[0] != '\0' ? kind : "-", sandbox[0] != '\0' ? "/" : "",
                   sandbox);
    return out;
}

/* What there is of a sandbox that is not whole. */
static void print_sandbox(const cJSON *plugin) {
    if (strcmp(text(plugin, "sandbox"), "partial") == 0) {
        (void)printf("             sandbox: %s\n", text(plugin, "confined"));
    }
}

static void print_plugin(const cJSON *plugin, bool signers) {
    char lag[32];
    char kind[32];
    const char *bot = text(plugin, "bot");
    (void)printf("%-12s %-8s %-4" PRIu64 " %-12s %-9s %-15s %-9s %-10" PRIu64 " %-7" PRIu64,
                 text(plugin, "plugin"), text(plugin, "version"), number(plugin, "generation"),
                 bot[0] != '\0' ? bot : "-", text(plugin, "state"), isolation(plugin, kind),
                 bytes(number(plugin, "lag_bytes"), lag), number(plugin, "handled"),
                 number(plugin, "errors"));
    print_signer(signers, text(plugin, "signed_by"));
    (void)printf(" %s\n", text(plugin, "error"));
    print_sandbox(plugin);
}

static bool plugins_alike(const cJSON *a, const cJSON *b) {
    return same(a, b, "plugin") && same(a, b, "version") && same(a, b, "state") &&
           same(a, b, "isolation") && same(a, b, "sandbox") &&
           number(a, "generation") == number(b, "generation");
}

/* One generation of a plugin that is in the same state for several bots: the longest lag, sums,
 * the first error. */
static void print_plugins_like(const cJSON *plugins, const cJSON *like, bool signers) {
    const cJSON *plugin;
    const char *error = "";
    char bots[40];
    char lag[32];
    char kind[32];
    uint64_t n = 0, lag_bytes = 0, handled = 0, errors = 0;
    cJSON_ArrayForEach(plugin, plugins) {
        if (plugins_alike(plugin, like)) {
            n++;
            lag_bytes =
                number(plugin, "lag_bytes") > lag_bytes ? number(plugin, "lag_bytes") : lag_bytes;
            handled += number(plugin, "handled");
            errors += number(plugin, "errors");
            error = error[0] == '\0' ? text(plugin, "error") : error;
        }
    }
    (void)snprintf(bots, sizeof(bots), "%" PRIu64 " bots", n);
    (void)printf("%-12s %-8s %-4" PRIu64 " %-12s %-9s %-15s %-9s %-10" PRIu64 " %-7" PRIu64,
                 text(like, "plugin"), text(like, "version"), number(like, "generation"), bots,
                 text(like, "state"), isolation(like, kind), bytes(lag_bytes, lag), handled,
                 errors);
    print_signer(signers, text(like, "signed_by"));
    (void)printf(" %s\n", error);
    print_sandbox(like);
}

static size_t count_shards(const cJSON *bots) {
    const cJSON *bot;
    size_t count = 0;
    cJSON_ArrayForEach(bot, bots) {
        count += (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(bot, "shards"));
    }
    return count;
}

static void print_bots(const cJSON *bots, bool all) {
    bool many = count_shards(bots) > ROWS_SHOWN;
    (void)printf("%-12s %-9s %-12s %-8s %-8s %-9s %-8s %s\n", "BOT", "SHARD", "STATE", "SINCE",
                 "PING", "EVENTS/S", "RESUMES", "IDENTIFIES LEFT");
    const cJSON *bot;
    cJSON_ArrayForEach(bot, bots) {
        int shards = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(bot, "shards"));
        print_bot(bot, !all && (shards > SHARDS_SHOWN || (many && shards > 1)));
    }
}

static void print_plugins(const cJSON *plugins, bool all) {
    bool summed = !all && cJSON_GetArraySize(plugins) > ROWS_SHOWN;
    bool signers = false;
    const cJSON *plugin;
    cJSON_ArrayForEach(plugin, plugins) {
        signers = signers || text(plugin, "signed_by")[0] != '\0';
    }
    (void)printf("%-12s %-8s %-4s %-12s %-9s %-15s %-9s %-10s %-7s%s %s\n", "PLUGIN", "VERSION",
                 "GEN", "BOT", "STATE", "ISOLATION", "LAG", "HANDLED", "ERRORS",
                 signers ? " SIGNED BY                       " : "", "LAST ERROR");
    cJSON_ArrayForEach(plugin, plugins) {
        if (!summed) {
            print_plugin(plugin, signers);
        } else if (first_of(plugins, plugin, plugins_alike)) {
            print_plugins_like(plugins, plugin, signers);
        }
    }
}

/* Nothing where there is nothing: one line for each plugin of a bot, and where to look. */
static void print_parked(const cJSON *rows) {
    const cJSON *row;
    unsigned shown = 0;
    uint64_t others = 0;
    cJSON_ArrayForEach(row, rows) {
        uint64_t events = number(row, "events");
        if (shown++ >= PARKED_SHOWN) {
            others += events;
            continue;
        }
        (void)printf("%" PRIu64 " event%s of %s for bot %s %s parked: `drey parked list`\n", events,
                     events == 1 ? "" : "s", text(row, "plugin"), text(row, "bot"),
                     events == 1 ? "is" : "are");
    }
    if (others > 0) {
        (void)printf("%" PRIu64 " events of other plugins are parked\n", others);
    }
}

void table_print(const cJSON *root, bool all) {
    char up[32];
    char rss[32];
    (void)printf("drey %s  pid %" PRIu64 "  up %s  rss %s  %s\n", text(root, "version"),
                 number(root, "pid"), span(number(root, "uptime_ms"), up),
                 bytes(number(root, "rss_bytes"), rss), text(root, "config"));
    print_bots(cJSON_GetObjectItemCaseSensitive(root, "bots"), all);
    print_plugins(cJSON_GetObjectItemCaseSensitive(root, "plugins"), all);
    print_parked(cJSON_GetObjectItemCaseSensitive(root, "parked"));
}
