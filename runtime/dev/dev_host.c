/* dev/dev_host.c: the host of a `drey dev`: its configuration, its life, what it says. */
#include "dev/dev_inside.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "dev/world.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEADY_MS = 10000, CRASHES_MOST = 2, INI_MOST = 1 << 20 };

/* All intents: a new version that wants to hear more must not be refused for the session's sake. */
#define INTENTS "53608447"

/* dev.ini comes first, so that its lines have the numbers that its author knows. */
static bool write_ini(struct dev *dev, struct err *err) {
    struct buf text = {0};
    char own[PATH_MAX];
    bool ok = file_join(own, sizeof(own), dev->folder, "dev.ini");
    if (ok && access(own, F_OK) == 0) {
        ok = file_read(own, INI_MOST, &text, err);
    }
    ok = ok &&
         buf_printf(&text,
                    "\n[drey]\nplugin_dir = %s\nstate_dir = %s\ncontrol = %s\nlog = %s\n"
                    "log_level = %s\nwatch = off\ndrain_timeout = 2s\n"
                    "[bot:dev]\ntoken = " WORLD_TOKEN "\nrest_url = http://%s/api/v10\n"
                    "intents = " INTENTS "\nring_size = 8 MiB\ndev_guild = %s\n",
                    dev->plugins, dev->state, dev->control, dev->options.gdb ? "text" : "json",
                    dev->options.verbose ? "debug" : "info", dev->at, dev->guild) &&
         file_write(dev->ini, text.bytes, text.length, err);
    buf_finish(&text);
    dev->ini_dirty = dev->ini_dirty && !ok;
    return ok;
}

/* --- what it says --- */

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

static void take_line(struct dev *dev, const char *level, const char *plugin, const char *text,
                      bool shard) {
    static const char published[] = "command published: ";
    bool info = strcmp(level, "info") == 0 || strcmp(level, "debug") == 0;
    if (plugin[0] != '\0') {
        dev_note(dev, plugin, "%s%s%s", info ? "" : level, info ? "" : ": ", text);
    } else if (dev->stopping && !dev->options.verbose) {
        return; /* what was under way is cut off, as it was asked for */
    } else if (begins(text, "plugin ") && dev->reload != NULL) {
        return; /* the answer to the reload says it too */
    } else if (begins(text, published)) {
        dev_note(dev, "cmd", "%s", text + sizeof(published) - 1);
    } else if (!info) {
        dev_note(dev, "host", "%s: %s", level, text);
    } else if (shard && (begins(text, "READY") || begins(text, "RESUMED"))) {
        dev_note(dev, "bot", "%s", text);
    } else if (begins(text, "plugin ")) {
        dev_note(dev, "load", "%s", text + 7);
    } else if (dev->options.verbose) {
        dev_note(dev, "host", "%s", text);
    }
    if (begins(text, "ready: ")) {
        dev->ready = true;
        dev->sync_wanted = true;
        dev_look(dev);
    }
}

static const char *text_of(const cJSON *object, const char *key) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return text != NULL ? text : "";
}

static void on_line(void *arg, const char *line) {
    struct dev *dev = arg;
    cJSON *json = line[0] == '{' ? cJSON_Parse(line) : NULL;
    if (json == NULL) { /* a sanitizer's report, a plugin's printf */
        dev_note(dev, "host", "%s", line);
        return;
    }
    take_line(dev, text_of(json, "level"), text_of(json, "plugin"), text_of(json, "text"),
              cJSON_GetObjectItemCaseSensitive(json, "shard") != NULL);
    cJSON_Delete(json);
}

/* --- life --- */

/* An event that kills it comes again to whoever starts after it; a second death in a row means that
 * there is no use in trying before something is changed. */
static void judge_end(struct dev *dev, int status) {
    char text[64];
    bool early = clock_mono_ms() - dev->host.started_ms < STEADY_MS;
    dev->host.failures = early ? dev->host.failures + 1 : 1;
    bool config = WIFEXITED(status) && WEXITSTATUS(status) == 78;
    dev->waits_for_build = config || dev->host.failures >= CRASHES_MOST;
    dev_note(dev, "host", "the host ended (%s); %s", dev_ending(status, text, sizeof(text)),
             config                 ? "it is started again when something has been saved"
             : dev->waits_for_build ? "that was the second time in a row: it is started again when "
                                      "something has been saved, and the event that was under way "
                                      "is dropped"
                                    : "it is started again");
    if (dev->waits_for_build && !config) {
        place_remove(dev->state);
    }
}

static void on_end(void *arg, int status) {
    struct dev *dev = arg;
    dev->host.child = NULL;
    dev->ready = false;
    ask_destroy(dev->sync);
    ask_destroy(dev->reload);
    dev->sync = NULL;
    dev->reload = NULL;
    dev->reload_again = false;
    if (dev->stopping) {
        dev_look(dev);
    } else if (dev->options.gdb) {
        dev_stop(dev, 0);
    } else {
        judge_end(dev, status);
        dev_host_start(dev);
    }
}

/* The host's command line, behind that of the debugger. */
static void write_words(const struct dev *dev, const char **words) {
    static const char *const debugger[] = {"gdb",
                                           "-q",
                                           "-nx",
                                           "-iex",
                                           "set breakpoint pending on",
                                           "-iex",
                                           "set confirm off",
                                           "-iex",
                                           "set debuginfod enabled off",
                                           "-iex",
                                           "set print thread-events off",
                                           "-ex",
                                           "handle SIGPIPE nostop noprint pass",
                                           "-ex",
                                           "run",
                                           "--args"};
    static char self[PATH_MAX];
    size_t count = 0;
    for (size_t i = 0; dev->options.gdb && i < sizeof(debugger) / sizeof(debugger[0]); i++) {
        words[count++] = debugger[i];
    }
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[length > 0 ? length : 0] = '\0';
    words[count++] = dev->options.gdb ? self : "/proc/self/exe"; /* the debugger is another self */
    words[count++] = "run";
    words[count++] = "-c";
    words[count++] = dev->ini;
}

void dev_host_start(struct dev *dev) {
    static const char *const sanitize[] = {
        "ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:detect_odr_violation=0",
        "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"};
    const char *variables[5] = {0};
    size_t count = 0;
    const char *words[28] = {0};
    struct err err = {0};
    if (dev->stopping || dev->host.child != NULL || dev->guild[0] == '\0' || dev->waits_for_build ||
        !dev->tried) {
        return;
    }
    write_words(dev, words);
    if (dev->preload[0] != '\0') {
        variables[count++] = dev->preload;
        variables[count++] = sanitize[0];
        variables[count++] = sanitize[1];
    }
    if (dev->options.asan || dev->options.gdb) { /* both see into the host's own process alone */
        variables[count++] = "DREY_ISOLATION=thread";
    }
    struct child_options options = {.words = words,
                                    .variables = variables,
                                    .terminal = dev->options.gdb,
                                    .line = on_line,
                                    .end = on_end,
                                    .arg = dev};
    dev->ready = false;
    dev->synced = false;
    dev->host.started_ms = clock_mono_ms();
    if (!write_ini(dev, &err) ||
        (dev->host.child = child_start(dev->loop, &options, &err)) == NULL) {
        dev_note(dev, "host", "%s", err.text);
        dev_stop(dev, 1);
    }
}

/* --- what is asked of it --- */

static void on_synced(void *arg, int status, const char *text) {
    struct dev *dev = arg;
    cJSON *answer = status != 0 ? cJSON_Parse(text) : NULL;
    dev->sync = NULL;
    dev->synced = true;
    bool done = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ok"));
    if (!done && !dev->stopping) {
        dev_note(dev, "cmd", "the commands are not published: %s",
                 answer != NULL ? text_of(answer, "error") : text);
    }
    cJSON_Delete(answer);
    chat_refresh(dev->chat);
    dev_look(dev);
}

void dev_host_sync(struct dev *dev) {
    struct err err = {0};
    if (!dev->sync_wanted || !dev->ready || dev->sync != NULL || dev->reload != NULL) {
        return;
    }
    dev->sync_wanted = false;
    dev->sync = ask_control(dev->loop, dev->control, "{\"cmd\":\"commands\",\"sync\":true}",
                            on_synced, dev, &err);
    if (dev->sync == NULL) {
        dev_note(dev, "host", "%s", err.text);
        dev->synced = true;
    }
}

void dev_host_forgotten(struct dev *dev) {
    dev->synced = false;
    dev->sync_wanted = dev->ready;
    dev_look(dev);
}

static void on_reloaded(void *arg, int status, const char *text) {
    struct dev *dev = arg;
    cJSON *answer = status != 0 ? cJSON_Parse(text) : NULL;
    const char *said = answer != NULL ? text_of(answer, "text") : text;
    bool all = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "all"));
    dev->reload = NULL;
    if (answer != NULL && said[0] == '\0') {
        said = text_of(answer, "error");
    }
    char since[48] = "";
    if (all && dev->saved_ms != 0) {
        (void)snprintf(since, sizeof(since), "  (%.2f s after the save)",
                       (double)(clock_mono_ms() - dev->saved_ms) / 1000);
    }
    dev_note(dev, "reload", "%.*s%s", (int)(strlen(said) - (all && said[0] != '\0' ? 1 : 0)), said,
             since);
    cJSON_Delete(answer);
    dev->saved_ms = 0;
    dev->sync_wanted = true;
    if (dev->reload_again) {
        dev->reload_again = false;
        dev_host_reload(dev, dev->reload_all);
    }
    dev_look(dev);
}

/* The names of all plugins that are there: they are loaded anew, changed or not. */
static void add_names(const struct dev *dev, cJSON *names) {
    DIR *list = opendir(dev->plugins);
    const struct dirent *entry;
    while (list != NULL && (entry = readdir(list)) != NULL) {
        char name[NAME_MAX + 1];
        size_t length = strlen(entry->d_name);
        if (length > 3 && strcmp(entry->d_name + length - 3, ".so") == 0) {
            (void)snprintf(name, sizeof(name), "%.*s", (int)length - 3, entry->d_name);
            cJSON_AddItemToArray(names, cJSON_CreateString(name));
        }
    }
    if (list != NULL) {
        (void)closedir(list);
    }
}

static bool ask_reload(struct dev *dev, bool all, struct err *err) {
    bool config = dev->ini_dirty;
    if (config && !write_ini(dev, err)) {
        return false;
    }
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "cmd", "reload");
    cJSON_AddBoolToObject(request, "config", config);
    cJSON *names = cJSON_AddArrayToObject(request, "plugins");
    if (all && !config) {
        add_names(dev, names);
    }
    char *text = cJSON_PrintUnformatted(request);
    dev->reload =
        text == NULL ? NULL : ask_control(dev->loop, dev->control, text, on_reloaded, dev, err);
    cJSON_free(text);
    cJSON_Delete(request);
    return dev->reload != NULL;
}

void dev_host_reload(struct dev *dev, bool all) {
    struct err err = {0};
    if (dev->host.child == NULL || dev->stopping) {
        return;
    }
    if (dev->reload != NULL) {
        dev->reload_again = true;
        dev->reload_all = all;
        return;
    }
    dev->synced = false;
    if (!ask_reload(dev, all, &err)) {
        dev_note(dev, "reload", "%s", err.text);
        dev->synced = true;
    }
}

static void on_status_line(void *arg, const char *line) {
    dev_note(arg, "status", "%s", line);
}

static void on_status_end(void *arg, int status) {
    struct dev *dev = arg;
    dev->status_child = NULL;
    dev_look(dev);
}

void dev_host_status(struct dev *dev) {
    const char *words[] = {"/proc/self/exe", "status", "-c", dev->ini, NULL};
    struct child_options options = {
        .words = words, .line = on_status_line, .end = on_status_end, .arg = dev};
    struct err err = {0};
    if (dev->status_child == NULL) {
        dev->status_child = child_start(dev->loop, &options, &err);
    }
    if (dev->status_child == NULL) {
        dev_note(dev, "status", "%s", err.text);
    }
}
