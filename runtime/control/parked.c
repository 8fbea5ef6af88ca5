/* control/parked.c: parked events as JSON: listed, shown, tried again, dropped. */
#include "control/parked.h"

#include <stdlib.h>
#include <string.h>

enum { BOTS_NAMED = 8 }; /* where the one that was asked for is not there */

static const char *text_of(const cJSON *object, const char *name) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* What its file says of it, and its name. NULL: nothing that makes sense. */
static cJSON *row_of(const struct plugins_parked *parked) {
    cJSON *row = cJSON_Parse(parked->line);
    if (!cJSON_IsObject(row)) {
        cJSON_Delete(row);
        return NULL;
    }
    cJSON_AddStringToObject(row, "name", parked->name);
    return row;
}

struct listed {
    const char *plugin; /* NULL: all */
    cJSON *rows;
};

static void add_parked(void *to, const struct plugins_parked *parked) {
    const struct listed *listed = to;
    if (listed->plugin == NULL || strcmp(parked->id.plugin, listed->plugin) == 0) {
        cJSON_AddItemToArray(listed->rows, row_of(parked));
    }
}

static bool run_list(struct house *house, const cJSON *request, cJSON *reply, struct err *err) {
    struct listed listed = {text_of(request, "plugin"), cJSON_AddArrayToObject(reply, "parked")};
    plugins_each_parked(house_plugins(house), text_of(request, "bot"), add_parked, &listed);
    return true;
}

struct shown {
    const char *name;
    cJSON *reply;
};

static void add_message(void *to, const struct plugins_parked *parked) {
    const struct shown *shown = to;
    if (strcmp(parked->name, shown->name) != 0 ||
        cJSON_GetObjectItemCaseSensitive(shown->reply, "parked") != NULL) {
        return;
    }
    char *message = strndup(parked->message, parked->message_length);
    cJSON_AddItemToObject(shown->reply, "parked", row_of(parked));
    cJSON_AddItemToObject(shown->reply, "message", cJSON_Parse(message != NULL ? message : "null"));
    free(message);
}

static bool run_show(struct house *house, const cJSON *request, cJSON *reply, struct err *err) {
    struct shown shown = {text_of(request, "name"), reply};
    plugins_each_parked(house_plugins(house), text_of(request, "bot"), add_message, &shown);
    return cJSON_GetObjectItemCaseSensitive(reply, "parked") != NULL ||
           err_set(err, ERR_NOT_FOUND,
                   "no such event is parked; `drey parked list` names those that are");
}

static void add_event(cJSON *reply, const struct plugins_parked_id *id) {
    cJSON_AddStringToObject(reply, "bot", id->bot);
    cJSON_AddStringToObject(reply, "plugin", id->plugin);
    cJSON_AddNumberToObject(reply, "offset", (double)id->offset);
}

static bool run_retry(struct house *house, const cJSON *request, cJSON *reply, struct err *err) {
    const char *name = text_of(request, "name");
    struct plugins_parked_id id;
    if (!plugins_retry_parked(house_plugins(house), text_of(request, "bot"), name, &id, err)) {
        return false;
    }
    add_event(reply, &id);
    return true;
}

static bool run_drop(struct house *house, const cJSON *request, cJSON *reply, struct err *err) {
    struct plugins *plugins = house_plugins(house);
    const char *bot = text_of(request, "bot");
    const char *name = text_of(request, "name");
    struct plugins_parked_id id;
    size_t count = 1;
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "all"))) {
        if (!plugins_drop_all_parked(plugins, bot, text_of(request, "plugin"), &count, err)) {
            return false;
        }
    } else if (plugins_drop_parked(plugins, bot, name, &id, err)) {
        add_event(reply, &id);
    } else {
        return false;
    }
    cJSON_AddNumberToObject(reply, "dropped", (double)count);
    return true;
}

/* A slip must not look like a bot that has none. */
static bool bot_is_there(struct house *house, const char *name, struct err *err) {
    struct buf names = {0};
    size_t count = house_bot_count(house);
    if (name == NULL || house_bot_find(house, name) != NULL) {
        return true;
    }
    for (size_t i = 0; i < count && i < BOTS_NAMED; i++) {
        (void)buf_printf(&names, "%s%s", i > 0 ? ", " : "", house_bot(house, i)->config->name);
    }
    err_set(err, ERR_NOT_FOUND, "there is no bot '%.64s'; there are: %s%s", name,
            names.bytes != NULL ? names.bytes : "none", count > BOTS_NAMED ? ", ..." : "");
    buf_finish(&names);
    return false;
}

bool parked_run(struct house *house, const cJSON *request, cJSON *reply, struct err *err) {
    static const struct {
        const char *act;
        bool (*run)(struct house *house, const cJSON *request, cJSON *reply, struct err *err);
        bool one; /* needs a name */
    } acts[] = {{"list", run_list, false},
                {"show", run_show, true},
                {"retry", run_retry, true},
                {"drop", run_drop, true}};
    const char *act = text_of(request, "act");
    bool named = text_of(request, "name") != NULL;
    bool all = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(request, "all"));
    for (size_t i = 0; act != NULL && i < sizeof(acts) / sizeof(acts[0]); i++) {
        bool enough = !acts[i].one || (acts[i].run == run_drop ? named != all : named);
        if (strcmp(act, acts[i].act) == 0 && enough) {
            return bot_is_there(house, text_of(request, "bot"), err) &&
                   acts[i].run(house, request, reply, err);
        }
    }
    return err_set(err, ERR_INVALID,
                   "'act' is list, show, retry or drop; all but list need a 'name', or drop 'all' "
                   "instead");
}

static void add_count(void *to, const char *bot, const char *plugin, size_t count) {
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "bot", bot);
    cJSON_AddStringToObject(row, "plugin", plugin);
    cJSON_AddNumberToObject(row, "events", (double)count);
    cJSON_AddItemToArray(to, row);
}

void parked_counts(struct house *house, cJSON *rows) {
    plugins_count_parked(house_plugins(house), add_count, rows);
}
