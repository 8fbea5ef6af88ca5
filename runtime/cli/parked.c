/* cli/parked.c: `drey parked`: events that two attempts did not survive: shown, tried again,
 * forgotten. */
#include "base/text.h"
#include "bot/house.h"
#include "cli/cli.h"
#include "cli/client.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *text_of(const cJSON *object, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text != NULL ? text : "";
}

static double number_of(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static const char *when(double ms, char *out, size_t size) {
    time_t seconds = (time_t)(ms / 1000);
    struct tm day;
    out[0] = '\0';
    if (localtime_r(&seconds, &day) != NULL) {
        (void)strftime(out, size, "%Y-%m-%d %H:%M:%S", &day);
    }
    return out;
}

struct asked {
    const char *config;
    const char *control;
    const char *bot;    /* of this one alone; NULL: of all */
    const char *plugin; /* likewise */
    const char *act;
    const char *name; /* NULL: none, or all */
    bool all;
    bool json;
};

static void print_head(void) {
    printf("%-28s %-10s %-24s %-19s  %s\n", "NAME", "BOT", "EVENT", "PARKED", "HOW IT ENDED");
}

static void print_row(const cJSON *row) {
    char date[32];
    char name[128];
    char bot[64];
    char how[400];
    printf("%-28s %-10s %-24s %s  %s\n", text_plain(name, sizeof(name), text_of(row, "name")),
           text_plain(bot, sizeof(bot), text_of(row, "bot")), text_of(row, "event"),
           when(number_of(row, "parked_ms"), date, sizeof(date)),
           text_plain(how, sizeof(how), text_of(row, "how")));
}

static int print_json(const cJSON *value) {
    char *whole = cJSON_PrintUnformatted(value);
    struct buf line = {0};
    bool ok = whole != NULL && buf_json_line(&line, whole, strlen(whole)) && puts(line.bytes) >= 0;
    buf_finish(&line);
    cJSON_free(whole);
    if (!ok) {
        cli_complain("no memory");
    }
    return ok ? EXIT_OK : EXIT_TROUBLE;
}

static int print_list(const struct asked *asked, const cJSON *answer) {
    const cJSON *rows = cJSON_GetObjectItemCaseSensitive(answer, "parked");
    const cJSON *row;
    if (asked->json) {
        return print_json(rows);
    }
    if (cJSON_GetArraySize(rows) == 0) {
        (void)fprintf(stderr, "nothing is parked\n");
        return EXIT_OK;
    }
    print_head();
    cJSON_ArrayForEach(row, rows) {
        print_row(row);
    }
    return EXIT_OK;
}

static int print_one(const struct asked *asked, const cJSON *answer) {
    if (asked->json) {
        return print_json(answer);
    }
    print_head();
    print_row(cJSON_GetObjectItemCaseSensitive(answer, "parked"));
    return print_json(cJSON_GetObjectItemCaseSensitive(answer, "message"));
}

/* "event 640 of ping for bot main" */
static void print_event(const cJSON *answer) {
    char plugin[128];
    char bot[64];
    printf("event %.0f of %s for bot %s", number_of(answer, "offset"),
           text_plain(plugin, sizeof(plugin), text_of(answer, "plugin")),
           text_plain(bot, sizeof(bot), text_of(answer, "bot")));
}

static int print_retry(const struct asked *asked, const cJSON *answer) {
    if (asked->json) {
        return print_json(answer);
    }
    print_event(answer);
    printf(" is tried again; `drey parked list` shows whether it stays parked\n");
    return EXIT_OK;
}

static int print_drop(const struct asked *asked, const cJSON *answer) {
    double count = number_of(answer, "dropped");
    if (asked->json) {
        return print_json(answer);
    }
    if (!asked->all) {
        print_event(answer);
        printf(" is dropped\n");
    } else if (count == 0) {
        (void)fprintf(stderr, "nothing is parked\n");
    } else {
        printf("%.0f event%s dropped\n", count, count == 1 ? " is" : "s are");
    }
    return EXIT_OK;
}

static const struct act {
    const char *name;
    int (*print)(const struct asked *asked, const cJSON *answer);
    bool one; /* it is about one event */
} acts[] = {
    {"list", print_list, false},
    {"show", print_one, true},
    {"retry", print_retry, true},
    {"drop", print_drop, true},
};

static const struct act *find_act(const char *name) {
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        if (strcmp(name, acts[i].name) == 0) {
            return &acts[i];
        }
    }
    return NULL;
}

static void add_text(cJSON *request, const char *name, const char *text) {
    if (text != NULL) {
        cJSON_AddStringToObject(request, name, text);
    }
}

static int ask(const struct asked *asked, const struct act *act) {
    int status;
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "cmd", "parked");
    add_text(request, "act", asked->act);
    add_text(request, "bot", asked->bot);
    add_text(request, "plugin", asked->plugin);
    add_text(request, "name", asked->name);
    cJSON_AddBoolToObject(request, "all", asked->all);
    cJSON *answer = client_simple(asked->control, asked->config, request, &status);
    if (answer == NULL) {
        return status;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(answer, "ok");
    status = act->print(asked, answer);
    cJSON_Delete(answer);
    return status;
}

/* False: what getopt_long() does not know. */
static bool read_options(struct asked *asked, int argc, char **argv) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"control", required_argument, NULL, 'C'},
                                            {"bot", required_argument, NULL, 'b'},
                                            {"plugin", required_argument, NULL, 'p'},
                                            {"all", no_argument, NULL, 'a'},
                                            {"json", no_argument, NULL, 'j'},
                                            {0}};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "c:b:p:", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            asked->config = optarg;
            break;
        case 'C':
            asked->control = optarg;
            break;
        case 'b':
            asked->bot = optarg;
            break;
        case 'p':
            asked->plugin = optarg;
            break;
        case 'a':
            asked->all = true;
            break;
        case 'j':
            asked->json = true;
            break;
        default:
            return false;
        }
    }
    return true;
}

int parked_main(int argc, char **argv) {
    struct asked asked = {0};
    if (!read_options(&asked, argc, argv)) {
        return cli_bad_option("parked", argv);
    }
    asked.act = optind < argc ? argv[optind] : "list";
    asked.name = optind + 1 < argc ? argv[optind + 1] : NULL;
    const struct act *act = find_act(asked.act);
    bool drops_all = asked.all && strcmp(asked.act, "drop") == 0;
    bool names_one = act != NULL && act->one && !drops_all;
    if (act == NULL || argc - optind > 2 || names_one != (asked.name != NULL)) {
        return cli_usage("parked", "it takes list, show, retry or drop, and the name of one event "
                                   "but for list and drop --all");
    }
    if (asked.all && !drops_all) {
        return cli_usage("parked", "--all goes with drop");
    }
    if (asked.plugin != NULL && names_one) {
        return cli_usage("parked", "--plugin goes with list and with drop --all: the name of an "
                                   "event says whose it is");
    }
    return ask(&asked, act);
}
