/* control/status.c: bots, shards and plugins as JSON. */
#include "control/status.h"

#include "base/program.h"
#include "control/parked.h"

#include <stdio.h>
#include <unistd.h>

static cJSON *shard_json(const struct bot_shard_status *shard) {
    const struct shard_stats *stats = &shard->stats;
    cJSON *row = cJSON_CreateObject();
    cJSON_AddNumberToObject(row, "id", shard->id);
    cJSON_AddStringToObject(row, "state", stats->state);
    cJSON_AddNumberToObject(row, "since_ms", (double)shard->since_ms);
    if (stats->latency_known) {
        cJSON_AddNumberToObject(row, "latency_ms", (double)stats->latency_ms);
    } else {
        cJSON_AddNullToObject(row, "latency_ms");
    }
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"seq", stats->seq},
        {"events", stats->events},
        {"events_per_s", shard->events_per_s},
        {"connects", stats->connects},
        {"resumes", stats->resumes},
        {"resumes_failed", stats->resumes_failed},
        {"identifies", stats->identifies},
        {"last_close_code", stats->last_close_code},
        {"bytes_wire", stats->bytes_wire},
        {"bytes_inflated", stats->bytes_inflated},
        {"missed_acks", stats->missed_acks},
        {"duplicates", stats->duplicates},
        {"seq_gaps", stats->seq_gaps},
        {"malformed", stats->malformed},
        {"too_large", stats->too_large},
        {"stalls", stats->stalls},
        {"stalled_ms", stats->stalled_ms},
        {"made_way", stats->made_way},
        {"allocations", stats->allocations},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        cJSON_AddNumberToObject(row, numbers[i].name, (double)numbers[i].value);
    }
    return row;
}

static cJSON *bot_json(const struct house_bot *entry) {
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "name", entry->config->name);
    cJSON *shards = cJSON_CreateArray();
    struct bot_status status = {.state = "failed"};
    if (entry->bot != NULL) {
        (void)bot_status(entry->bot, &status, NULL);
        cJSON_AddNumberToObject(row, "intents", bot_intents(entry->bot));
        cJSON_AddNumberToObject(row, "ring_bytes", (double)ring_capacity(bot_ring(entry->bot)));
        cJSON_AddNumberToObject(row, "ring_head", (double)ring_head(bot_ring(entry->bot)));
    }
    bool failed = entry->failure.code != ERR_NONE;
    cJSON_AddStringToObject(row, "state", failed ? "failed" : status.state);
    cJSON_AddStringToObject(row, "why", failed ? entry->failure.text : status.why);
    if (status.identifies_known) {
        cJSON_AddNumberToObject(row, "identifies_left", status.identifies_left);
        cJSON_AddNumberToObject(row, "identifies_total", status.identifies_total);
    }
    cJSON_AddNumberToObject(row, "shard_total", status.shard_total);
    for (size_t i = 0; i < status.shard_count; i++) {
        cJSON_AddItemToArray(shards, shard_json(&status.shards[i]));
    }
    bot_status_finish(&status);
    cJSON_AddItemToObject(row, "shards", shards);
    return row;
}

static void add_plugin(void *to, const struct plugins_row *plugin) {
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "plugin", plugin->plugin);
    cJSON_AddStringToObject(row, "version", plugin->version != NULL ? plugin->version : "");
    cJSON_AddStringToObject(row, "path", plugin->path != NULL ? plugin->path : "");
    if (plugin->bot != NULL) {
        cJSON_AddStringToObject(row, "bot", plugin->bot);
    } else {
        cJSON_AddNullToObject(row, "bot");
    }
    cJSON_AddStringToObject(row, "state", plugin_state_name(plugin->state));
    cJSON_AddNumberToObject(row, "generation", plugin->generation);
    cJSON_AddNumberToObject(row, "lag_bytes", (double)plugin->lag_bytes);
    cJSON_AddNumberToObject(row, "handled", (double)plugin->handled);
    cJSON_AddNumberToObject(row, "errors", (double)plugin->errors);
    cJSON_AddNumberToObject(row, "gaps", (double)plugin->gaps);
    cJSON_AddNumberToObject(row, "reloads", (double)plugin->reloads);
    cJSON_AddNumberToObject(row, "stuck_ms", (double)plugin->stuck_ms);
    cJSON_AddStringToObject(row, "isolation",
                            plugin->bot == NULL ? ""
                            : plugin->process   ? "process"
                                                : "thread");
    if (plugin->process) {
        cJSON_AddNumberToObject(row, "pid", plugin->pid);
        cJSON_AddStringToObject(row, "sandbox", plugin->sandbox);
        cJSON_AddStringToObject(row, "confined", plugin->confined);
        cJSON_AddNumberToObject(row, "crashes", (double)plugin->crashes);
    }
    if (plugin->signer[0] != '\0') {
        cJSON_AddStringToObject(row, "signed_by", plugin->signer);
    } else {
        cJSON_AddNullToObject(row, "signed_by");
    }
    cJSON_AddStringToObject(row, "error", plugin->error != NULL ? plugin->error : "");
    cJSON_AddItemToArray(to, row);
}

/* Resident memory of this process, from the kernel. */
static double rss_bytes(void) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL) {
        if (fscanf(file, "%*u %lu", &pages) != 1) {
            pages = 0;
        }
        (void)fclose(file);
    }
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

cJSON *status_json(struct house *house) {
    cJSON *root = cJSON_CreateObject();
    cJSON *bots = cJSON_AddArrayToObject(root, "bots");
    cJSON *plugins = cJSON_AddArrayToObject(root, "plugins");
    cJSON *parked = cJSON_AddArrayToObject(root, "parked");
    if (root == NULL || bots == NULL || plugins == NULL || parked == NULL) {
        cJSON_Delete(root);
        return NULL;
    }
    cJSON_AddStringToObject(root, "version", DREY_VERSION);
    cJSON_AddStringToObject(root, "program", program_mark(-1).text);
    cJSON_AddNumberToObject(root, "pid", (double)getpid());
    cJSON_AddNumberToObject(root, "uptime_ms", (double)house_uptime_ms(house));
    cJSON_AddStringToObject(root, "config", house_config(house)->path);
    cJSON_AddNumberToObject(root, "rss_bytes", rss_bytes());
    cJSON_AddNumberToObject(root, "kept_images", (double)plugins_kept_images(house_plugins(house)));
    for (size_t i = 0; i < house_bot_count(house); i++) {
        cJSON_AddItemToArray(bots, bot_json(house_bot(house, i)));
    }
    plugins_status(house_plugins(house), add_plugin, plugins);
    parked_counts(house, parked);
    return root;
}
