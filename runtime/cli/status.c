/* cli/status.c: `drey status`: the state of a running drey, as a table or as JSON. */
#include "bot/house.h"
#include "cli/cli.h"
#include "cli/client.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DEGRADED = 4 };

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
    (void)printf("%-12s %-8s %-12s %-8s %-8s %-9" PRIu64 " %-8" PRIu64 " %s\n", text(bot, "name"),
                 id, text(shard, "state"), span(number(shard, "since_ms"), since), ping,
                 number(shard, "events_per_s"), number(shard, "resumes"), left);
}

static void print_bot(const cJSON *bot) {
    const cJSON *shards = cJSON_GetObjectItemCaseSensitive(bot, "shards");
    bool failed = strcmp(text(bot, "state"), "failed") == 0;
    if (failed || cJSON_GetArraySize(shards) == 0) {
        (void)printf("%-12s %-8s %-12s %s\n", text(bot, "name"), "-",
                     failed ? "FAILED" : text(bot, "state"), text(bot, "why"));
        return;
    }
    const cJSON *shard;
    bool first = true;
    cJSON_ArrayForEach(shard, shards) {
        print_shard(bot, shard, first);
        first = false;
    }
    if (text(bot, "why")[0] != '\0') {
        (void)printf("             %s\n", text(bot, "why"));
    }
}

static void print_plugin(const cJSON *plugin) {
    char lag[32];
    const char *bot = text(plugin, "bot");
    (void)printf("%-12s %-8s %-4" PRIu64 " %-12s %-9s %-9s %-10" PRIu64 " %-7" PRIu64 " %s\n",
                 text(plugin, "plugin"), text(plugin, "version"), number(plugin, "generation"),
                 bot[0] != '\0' ? bot : "-", text(plugin, "state"),
                 bytes(number(plugin, "lag_bytes"), lag), number(plugin, "handled"),
                 number(plugin, "errors"), text(plugin, "error"));
}

static void print_tables(const cJSON *root) {
    char up[32];
    char rss[32];
    (void)printf("drey %s  pid %" PRIu64 "  up %s  rss %s  %s\n", text(root, "version"),
                 number(root, "pid"), span(number(root, "uptime_ms"), up),
                 bytes(number(root, "rss_bytes"), rss), text(root, "config"));
    (void)printf("%-12s %-8s %-12s %-8s %-8s %-9s %-8s %s\n", "BOT", "SHARD", "STATE", "SINCE",
                 "PING", "EVENTS/S", "RESUMES", "IDENTIFIES LEFT");
    const cJSON *row;
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(root, "bots")) {
        print_bot(row);
    }
    (void)printf("%-12s %-8s %-4s %-12s %-9s %-9s %-10s %-7s %s\n", "PLUGIN", "VERSION", "GEN",
                 "BOT", "STATE", "LAG", "HANDLED", "ERRORS", "LAST ERROR");
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(root, "plugins")) {
        print_plugin(row);
    }
}

/* Whether every bot is ready and every plugin runs. */
static bool all_well(const cJSON *root) {
    const cJSON *row;
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(root, "bots")) {
        if (strcmp(text(row, "state"), "ready") != 0) {
            return false;
        }
    }
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(root, "plugins")) {
        if (strcmp(text(row, "state"), "running") != 0) {
            return false;
        }
    }
    return true;
}

static bool print_json(const cJSON *root) {
    char *whole = cJSON_Print(root);
    struct buf line = {0};
    bool ok = whole != NULL;
    for (const char *at = whole; ok && *at != '\0';) {
        size_t indent = strspn(at, "\t");
        size_t length = strcspn(at, "\n");
        buf_clear(&line);
        ok = buf_append(&line, at, indent) && buf_json_line(&line, at + indent, length - indent) &&
             puts(line.bytes) >= 0;
        at += length + (at[length] == '\n' ? 1 : 0);
    }
    if (!ok) {
        cli_complain("no memory");
    }
    buf_finish(&line);
    cJSON_free(whole);
    return ok;
}

int status_main(int argc, char **argv) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"control", required_argument, NULL, 'C'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {0}};
    const char *config = NULL;
    const char *control = NULL;
    bool json = false;
    bool quiet = false;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "c:q", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            config = optarg;
            break;
        case 'C':
            control = optarg;
            break;
        case 'j':
            json = true;
            break;
        case 'q':
            quiet = true;
            break;
        default:
            return cli_bad_option("status", argv);
        }
    }
    if (optind < argc) {
        return cli_usage("status", "it takes no argument, got '%s'", argv[optind]);
    }
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "cmd", "status");
    int status;
    cJSON *root = client_simple(control, config, request, &status);
    if (root == NULL) {
        return status;
    }
    status = all_well(root) ? EXIT_OK : DEGRADED;
    if (json && !quiet) {
        status = print_json(root) ? status : EXIT_TROUBLE;
    } else if (!quiet) {
        cli_plain(root);
        print_tables(root);
    }
    cJSON_Delete(root);
    return status;
}
