/* dev/dev.c: the command line, and the order in which things begin and end. */
#include "dev/dev.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "bot/house.h"
#include "cli/cli.h"
#include "dev/dev_inside.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 /* for the host to end by itself */ };

/* Nobody wants to read where our copies of the plugins lie. */
static void drop_place(const struct dev *dev, struct buf *text) {
    size_t length = strlen(dev->plugins);
    char *at = text->bytes;
    while (length > 0 && (at = strstr(at, dev->plugins)) != NULL) {
        size_t cut = length + (at[length] == '/' ? 1 : 0);
        memmove(at, at + cut, strlen(at + cut) + 1);
        text->length -= cut;
    }
}

void dev_note(struct dev *dev, const char *tag, const char *format, ...) {
    struct buf text = {0};
    va_list args;
    va_start(args, format);
    if (buf_vprintf(&text, format, args)) {
        drop_place(dev, &text);
        screen_note(dev->screen, tag, text.bytes);
        attach_note(dev->attach, tag, text.bytes);
    }
    va_end(args);
    buf_finish(&text);
}

const char *dev_ending(int status, char *out, size_t size) {
    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        (void)snprintf(out, size, "killed by SIG%s", name != NULL ? name : "?");
    } else {
        (void)snprintf(out, size, "exit status %d", WEXITSTATUS(status));
    }
    return out;
}

/* --- what comes next --- */

static void stop_next(struct dev *dev) {
    if (dev->host.child != NULL || dev->status_child != NULL) {
        return;
    }
    if (dev->sim.child != NULL) {
        child_signal(dev->sim.child, SIGTERM, false);
        return;
    }
    loop_stop(dev->loop);
}

static bool at_rest(const struct dev *dev) {
    bool builds = dev->settle.building || dev->settle.dirty;
    bool serves = dev->ready && dev->synced && dev->reload == NULL && dev->sync == NULL;
    return !builds && (serves || (dev->waits_for_build && dev->host.child == NULL)) &&
           dev->status_child == NULL;
}

static void greet(struct dev *dev) {
    char prompt[80];
    dev->prompted = true;
    if (screen_is_terminal(dev->screen)) {
        dev_note(dev, "dev", "type as ann in #general; :help says what there is, :quit ends");
        chat_prompt(dev->chat, prompt, sizeof(prompt));
        screen_prompt(dev->screen, prompt);
    }
}

void dev_look(struct dev *dev) {
    if (dev->stopping) {
        stop_next(dev);
        return;
    }
    uint64_t due = settle_due_ms(&dev->settle, clock_mono_ms());
    if (due != UINT64_MAX) {
        loop_timer_start(dev->due, due);
    }
    dev_host_sync(dev);
    bool rest = at_rest(dev);
    if (rest && !dev->prompted && !dev->options.gdb && !chat_busy(dev->chat)) {
        greet(dev);
    }
    attach_rest(dev->attach, rest);
    bool plain = !screen_is_terminal(dev->screen);
    screen_hold(dev->screen, !dev->prompted || (plain && (!rest || chat_busy(dev->chat))));
}

/* --- what the chat tells --- */

static void on_line(void *arg, const char *line) {
    struct dev *dev = arg;
    char prompt[80];
    chat_line(dev->chat, line);
    chat_prompt(dev->chat, prompt, sizeof(prompt));
    if (screen_is_terminal(dev->screen) && !dev->stopping) {
        screen_prompt(dev->screen, prompt);
    }
    dev_look(dev);
}

static void on_end(void *arg) {
    dev_stop(arg, EXIT_OK);
}

static void on_complete(void *arg, const char *line, struct complete *out) {
    struct dev *dev = arg;
    chat_complete(dev->chat, line, out);
}

void dev_verb(void *arg, enum line_verb verb) {
    struct dev *dev = arg;
    if (verb == LINE_BUILD) {
        dev_build_now(dev);
    } else if (verb == LINE_RELOAD) {
        dev_host_reload(dev, true);
    } else if (verb == LINE_STATUS) {
        dev_host_status(dev);
    } else if (verb == LINE_QUIT) {
        dev_stop(dev, EXIT_OK);
    }
}

static void on_met(void *arg, const char *guild, const char *error) {
    struct dev *dev = arg;
    struct buf text = {0};
    if (error != NULL) {
        if (dev->guild[0] == '\0') {
            dev_note(dev, "sim", "%s", error);
            dev_stop(dev, EXIT_TROUBLE);
        }
        return; /* else it has gone again, which is told elsewhere */
    }
    if (dev->guild[0] == '\0') {
        chat_introduce(dev->chat, &text);
        dev_note(dev, "sim", "%s", text.bytes != NULL ? text.bytes : "");
        buf_finish(&text);
    }
    (void)text_copy(dev->guild, sizeof(dev->guild), guild);
    dev_host_start(dev);
    dev_look(dev);
}

/* What a host under a debugger says goes to the terminal; that it is there, the simulator knows. */
static void on_bot(void *arg, bool online) {
    struct dev *dev = arg;
    if (dev->options.gdb && dev->ready != online) {
        dev->ready = online;
        dev->sync_wanted = online;
        dev_look(dev);
    }
}

static void on_busy(void *arg) {
    dev_look(arg);
}

static void on_lost(void *arg) {
}

static void on_guest_line(void *arg, const char *line) {
    enum line_verb verb = strcmp(line, "build") == 0    ? LINE_BUILD
                          : strcmp(line, "reload") == 0 ? LINE_RELOAD
                          : strcmp(line, "status") == 0 ? LINE_STATUS
                                                        : LINE_NOTHING;
    dev_verb(arg, verb);
}

/* --- the end --- */

static void on_patience(void *arg) {
    struct dev *dev = arg;
    dev->forced = true;
    loop_stop(dev->loop);
}

void dev_stop(struct dev *dev, int status) {
    if (dev->stopping) {
        return;
    }
    dev->stopping = true;
    dev->status = status;
    screen_hold(dev->screen, true);
    loop_timer_start(dev->patience, PATIENCE_MS);
    if (dev->host.child != NULL) {
        child_signal(dev->host.child, SIGTERM, false);
    }
    stop_next(dev);
}

static void on_signal(void *arg, int number) {
    struct dev *dev = arg;
    if (number == SIGINT && dev->options.gdb) {
        return; /* it is the debugger's */
    }
    if (dev->stopping) {
        dev->status = 128 + number;
        on_patience(dev);
        return;
    }
    dev_stop(dev, EXIT_OK);
}

/* --- the beginning --- */

static bool name_places(struct dev *dev, struct err *err) {
    return (file_join(dev->plugins, sizeof(dev->plugins), dev->place, "plugins") &&
            file_join(dev->state, sizeof(dev->state), dev->place, "state") &&
            file_join(dev->control, sizeof(dev->control), dev->place, "control.sock") &&
            file_join(dev->ini, sizeof(dev->ini), dev->place, "dev.ini") &&
            mkdir(dev->plugins, 0700) == 0) ||
           err_system(err, "%s", dev->place);
}

static bool open_parts(struct dev *dev, struct err *err) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    const struct screen_calls screen = {on_line, on_end, on_complete, dev};
    const struct chat_calls chat = {dev_verb, on_met, on_bot, on_busy, on_lost, dev};
    bool gdb = dev->options.gdb;
    dev->loop = loop_create(err);
    if (dev->loop == NULL) {
        return false;
    }
    for (size_t i = 0; i < 3; i++) {
        dev->signals[i] = loop_signal_create(dev->loop, numbers[i], on_signal, dev, err);
        if (dev->signals[i] == NULL) {
            return false;
        }
    }
    dev->patience = loop_timer_create(dev->loop, on_patience, dev);
    dev->attach = attach_open(dev->loop, dev->folder, on_guest_line, dev, err);
    if (dev->attach == NULL || !place_make(dev->place, sizeof(dev->place), err) ||
        !name_places(dev, err) || !dev_build_prepare(dev, err)) {
        return false;
    }
    dev->screen = screen_open(dev->loop, gdb ? SCREEN_PRINTS : SCREEN_READS, &screen, err);
    dev->mute = gdb ? screen_open(dev->loop, SCREEN_MUTE, &screen, err) : NULL;
    if (dev->patience == NULL || dev->screen == NULL || (gdb && dev->mute == NULL)) {
        return false;
    }
    dev->chat = chat_create(dev->loop, gdb ? dev->mute : dev->screen, &chat, err);
    return dev->chat != NULL;
}

static void destroy_timer(struct loop_timer *timer) {
    if (timer != NULL) {
        loop_timer_destroy(timer);
    }
}

static void close_parts(struct dev *dev) {
    child_destroy(dev->status_child);
    build_destroy(dev->build);
    sources_close(dev->sources);
    ask_destroy(dev->sync);
    ask_destroy(dev->reload);
    chat_destroy(dev->chat);
    child_destroy(dev->host.child);
    child_destroy(dev->sim.child);
    screen_close(dev->screen);
    screen_close(dev->mute);
    attach_close(dev->attach);
    project_plan_finish(&dev->plan);
    destroy_timer(dev->due);
    destroy_timer(dev->patience);
    for (size_t i = 0; i < 3; i++) {
        if (dev->signals[i] != NULL) {
            loop_signal_destroy(dev->signals[i]);
        }
    }
    if (dev->loop != NULL) {
        loop_destroy(dev->loop);
    }
    if (dev->place[0] != '\0' && !dev->options.keep) {
        place_remove(dev->place);
    }
}

static int run(struct dev *dev) {
    struct err err = {0};
    bool ok = open_parts(dev, &err);
    if (ok) {
        if (dev->options.keep) {
            dev_note(dev, "dev", "everything is kept in %s", dev->place);
        }
        if (dev->options.gdb) {
            dev_note(dev, "dev", "the chat is in another terminal: drey dev --attach %s",
                     dev->folder);
        }
        dev_sim_start(dev);
        dev_build_now(dev);
        loop_run(dev->loop);
    }
    close_parts(dev);
    if (!ok) {
        cli_complain("%s", err.text);
        return err.code == ERR_INVALID ? EXIT_USAGE : EXIT_TROUBLE;
    }
    return dev->status;
}

/* Returns an exit status, or -1: go on. */
static int parse(int argc, char **argv, struct dev_options *out) {
    static const struct option options[] = {{"asan", no_argument, NULL, 'a'},
                                            {"gdb", no_argument, NULL, 'g'},
                                            {"keep", no_argument, NULL, 'k'},
                                            {"lang", required_argument, NULL, 'l'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"attach", no_argument, NULL, 't'},
                                            {0}};
    int option;
    int own = 0; /* arguments before "--" are ours */
    while (own < argc && strcmp(argv[own], "--") != 0) {
        own++;
    }
    *out = (struct dev_options){.folder = ".", .language = "auto"};
    out->sim = own < argc ? argv + own + 1 : NULL;
    out->sim_count = own < argc ? (size_t)(argc - own - 1) : 0;
    opterr = 0;
    while ((option = getopt_long(own, argv, "v", options, NULL)) != -1) {
        switch (option) {
        case 'a':
            out->asan = true;
            break;
        case 'g':
            out->gdb = true;
            break;
        case 'k':
            out->keep = true;
            break;
        case 'l':
            out->language = optarg;
            break;
        case 'v':
            out->verbose = true;
            break;
        case 't':
            out->attach = true;
            break;
        default:
            return cli_bad_option("dev", argv);
        }
    }
    if (own - optind > 1) {
        return cli_usage("dev", "it takes one folder, got '%s' too", argv[optind + 1]);
    }
    out->folder = optind < own ? argv[optind] : out->folder;
    return -1;
}

int dev_main(int argc, char **argv) {
    static struct dev dev;
    int status = parse(argc, argv, &dev.options);
    if (status >= 0) {
        return status;
    }
    if (realpath(dev.options.folder, dev.folder) == NULL) {
        cli_complain("%s: %s", dev.options.folder, strerror(errno));
        return EXIT_TROUBLE;
    }
    return dev.options.attach ? attach_run(dev.folder) : run(&dev);
}
