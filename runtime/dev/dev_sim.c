/* dev/dev_sim.c: the simulator of a `drey dev`: started, and started again where it was. */
#include "dev/dev_inside.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { FAILURES_MOST = 5, STEADY_MS = 10000 };

/* The address out of what the simulator prints when it listens. */
static bool read_address(const cJSON *json, char *out, size_t size) {
    const char *control = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "control"));
    static const char scheme[] = "http://";
    bool ok = control != NULL && strncmp(control, scheme, sizeof(scheme) - 1) == 0;
    if (ok) {
        control += sizeof(scheme) - 1;
        ok = snprintf(out, size, "%.*s", (int)strcspn(control, "/"), control) < (int)size;
    }
    return ok;
}

static void on_line(void *arg, const char *line) {
    struct dev *dev = arg;
    char at[sizeof(dev->at)];
    cJSON *json = line[0] == '{' ? cJSON_Parse(line) : NULL;
    const char *web = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "web"));
    bool listens = json != NULL && read_address(json, at, sizeof(at));
    if (!listens) {
        dev_note(dev, "sim", "%s", line);
    } else {
        bool again = dev->at[0] != '\0';
        if (web != NULL && !again) {
            dev_note(dev, "web", "%s  the same in a browser", web);
        }
        (void)text_copy(dev->at, sizeof(dev->at), at);
        if (again) {
            dev_host_forgotten(dev);
        }
        chat_meet(dev->chat, at);
        attach_at(dev->attach, at);
    }
    cJSON_Delete(json);
}

static void on_end(void *arg, int status) {
    struct dev *dev = arg;
    char text[64];
    dev->sim.child = NULL;
    if (dev->stopping) {
        dev_look(dev);
        return;
    }
    bool early = clock_mono_ms() - dev->sim.started_ms < STEADY_MS;
    dev->sim.failures = early ? dev->sim.failures + 1 : 1;
    if (dev->at[0] == '\0' || dev->sim.failures > FAILURES_MOST) {
        dev_note(dev, "sim", "the simulator ended (%s) and cannot be kept up",
                 dev_ending(status, text, sizeof(text)));
        dev_stop(dev, 1);
        return;
    }
    dev_note(dev, "sim", "the simulator ended (%s); it is started again",
             dev_ending(status, text, sizeof(text)));
    dev_sim_start(dev);
}

void dev_sim_start(struct dev *dev) {
    const char *words[SIM_WORDS_MOST] = {"/proc/self/exe", "sim",         "--json",   "--web",
                                         "--listen",       "127.0.0.1:0", "--guilds", "1",
                                         "--members",      "12"};
    size_t count = 10;
    struct err err = {0};
    for (size_t i = 0; i < dev->options.sim_count && count < SIM_WORDS_MOST - 3; i++) {
        words[count++] = dev->options.sim[i];
    }
    if (dev->at[0] != '\0') { /* where it was: the host and the chat know it by that */
        words[count++] = "--listen";
        words[count++] = dev->at;
    }
    struct child_options options = {.words = words, .line = on_line, .end = on_end, .arg = dev};
    dev->sim.started_ms = clock_mono_ms();
    dev->sim.child = child_start(dev->loop, &options, &err);
    if (dev->sim.child == NULL) {
        dev_note(dev, "sim", "%s", err.text);
        dev_stop(dev, 1);
    }
}
