/* cli/record.c: `drey record`: events of a bot's ring as a replay file, from a running drey or from
 * what a stopped one has left. */
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "bot/house.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "gateway/events.h"
#include "replay/conceal.h"
#include "replay/script.h"
#include "ring/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 32, LAST_MAX = 1000000 };

struct record {
    const char *bot;
    const char *plugin; /* NULL: none is named in the file */
    const char *events[EVENTS_MAX];
    size_t event_count; /* 0: all */
    uint64_t from_ms;   /* wall clock */
    uint64_t to_ms;
    uint64_t last; /* 0: all */
    bool follow;
    struct conceal conceal;
    const char *config;
    const char *control;
    uint64_t skip; /* of those that are wanted */
    uint64_t written;
    uint64_t before_ms; /* when the last one came; 0: none yet */
    size_t bytes;
    bool full;
};

static bool wanted(const struct record *record, const struct ring_record *header,
                   const char *message) {
    if (header->kind != RING_EVENT || header->received_ms < record->from_ms ||
        header->received_ms > record->to_ms) {
        return false;
    }
    bool named = record->event_count == 0;
    for (size_t i = 0; i < record->event_count && !named; i++) {
        named = strlen(record->events[i]) == header->t_length &&
                memcmp(record->events[i], message + header->t_offset, header->t_length) == 0;
    }
    return named;
}

/* ---- Writing ---- */

static void write_head(const struct record *record, uint64_t first_ms) {
    time_t seconds = (time_t)(first_ms / 1000);
    struct tm tm;
    char bot[64];
    gmtime_r(&seconds, &tm);
    (void)printf(SCRIPT_FIRST_LINE "\n# Recorded from bot %s.",
                 text_plain(bot, sizeof(bot), record->bot));
    (void)printf(record->conceal.keep_ids ? "" : " Ids are others, the same one always the same.");
    (void)printf(record->conceal.content ? "\n" : " What people wrote is left out.\n");
    (void)printf("# What the plugin asked for is not in a recording. To fill it in, and then read "
                 "it:\n#   drey replay --update --plugin FILE.so THIS_FILE\n");
    if (record->plugin != NULL) {
        (void)printf("plugin %s\n", record->plugin);
    }
    (void)printf("time %04d-%02d-%02dT%02d:%02d:%02dZ\n\n", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void write_event(struct record *record, const struct ring_record *header,
                        const char *message) {
    char name[64];
    struct buf d = {0};
    (void)snprintf(name, sizeof(name), "%.*s", (int)header->t_length, message + header->t_offset);
    if (name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")] != '\0' ||
        !conceal_event(&record->conceal, name, message + header->d_offset, header->d_length, &d)) {
        (void)printf("# an event that cannot be written: %u bytes\n", header->length);
        buf_finish(&d);
        return;
    }
    if (record->before_ms == 0) {
        write_head(record, header->received_ms);
    } else if (header->received_ms > record->before_ms) {
        (void)printf("wait %llums\n",
                     (unsigned long long)(header->received_ms - record->before_ms));
    }
    record->before_ms = header->received_ms;
    record->written++;
    record->bytes += d.length + 64;
    record->full =
        record->bytes > SCRIPT_BYTES_MAX - (1 << 20) || record->written * 2 + 16 > SCRIPT_ITEMS_MAX;
    (void)printf("event %s %s\n", name, d.bytes);
    buf_finish(&d);
}

/* ---- Reading ---- */

/* One record, or nothing more for now. write: else they are only counted. */
static bool one(struct record *record, struct reader *reader, bool write, uint64_t *count) {
    struct ring_record header;
    const uint8_t *message = NULL;
    switch (reader_take(reader, &header, &message)) {
    case READER_EMPTY:
        return false;
    case READER_RECORD:
        if (!wanted(record, &header, (const char *)message)) {
            break;
        }
        (*count)++;
        if (write && *count > record->skip) {
            write_event(record, &header, (const char *)message);
        }
        break;
    case READER_GAP:
    case READER_BROKEN:
        if (write && record->written > 0) {
            (void)printf("# events are missing here\n");
        }
        break;
    }
    reader_advance(reader);
    return true;
}

static void past(struct record *record, struct reader *reader) {
    uint64_t count = 0;
    if (record->last > 0) {
        while (one(record, reader, false, &count)) {
        }
        record->skip = count > record->last ? count - record->last : 0;
        reader_rewind(reader);
    }
    count = 0;
    while (!record->full && !ferror(stdout) && one(record, reader, true, &count)) {
    }
    record->skip = 0;
}

/* Until the host or the one who reads it ends. */
static int follow(struct record *record, struct reader *reader, int control) {
    struct pollfd fds[2] = {{reader_wake_fd(reader), POLLIN, 0}, {control, POLLIN, 0}};
    while (!record->full) {
        past(record, reader);
        if (fflush(stdout) != 0) {
            return EXIT_OK;
        }
        bool more = !reader_sleep(reader);
        if (poll(fds, 2, more ? 0 : -1) < 0 && errno != EINTR) {
            cli_complain("poll: %s", strerror(errno));
            return EXIT_TROUBLE;
        }
        reader_awake(reader);
        if (fds[1].revents != 0 || (fds[0].revents & POLLHUP) != 0) {
            past(record, reader);
            cli_complain("drey has stopped");
            return EXIT_OK;
        }
        record->last = 0;
    }
    return EXIT_OK;
}

static int finish(const struct record *record, int status) {
    if (fflush(stdout) != 0) {
        cli_complain("the recording was not written: %s", strerror(errno));
        return EXIT_TROUBLE;
    }
    if (record->full) {
        cli_complain("the recording ends here: a replay file has at most %d MiB and %d statements",
                     SCRIPT_BYTES_MAX >> 20, SCRIPT_ITEMS_MAX);
    }
    if (record->written == 0) {
        cli_complain("no event of bot %s is like that in its ring", record->bot);
        return EXIT_TROUBLE;
    }
    return status;
}

static int run_live(struct record *record, int control) {
    int fds[3];
    struct err err = {0};
    if (!client_ring(control, record->bot, fds, &err)) {
        cli_complain("%s", err.text);
        return EXIT_TROUBLE;
    }
    struct reader *reader = reader_open(fds[0], fds[1], fds[2], &err);
    for (size_t i = 0; i < 3; i++) {
        close(fds[i]);
    }
    if (reader == NULL) {
        cli_complain("%s", err.text);
        return EXIT_TROUBLE;
    }
    int status = EXIT_OK;
    bool from_now = record->follow && record->last == 0 && record->from_ms == 0;
    if (!from_now) {
        reader_rewind(reader);
        past(record, reader);
    }
    if (record->follow) {
        record->last = 0;
        status = follow(record, reader, control);
    }
    reader_close(reader);
    return finish(record, status);
}

/* What a stopped drey has left, by its configuration. */
static int run_left(struct record *record) {
    struct config config = {0};
    struct config_report report = {0};
    struct err err = {0};
    char folder[PATH_MAX];
    char path[PATH_MAX];
    if (!cli_config_load(record->config, &config, &report)) {
        cli_config_print(&report);
        config_report_finish(&report);
        return EXIT_CONFIGURATION;
    }
    const struct config_bot *bot = config_bot_find(&config, record->bot);
    bool fits = bot != NULL && file_join(folder, sizeof(folder), config.state_dir, bot->name) &&
                file_join(path, sizeof(path), folder, "events.ring");
    config_report_finish(&report);
    config_finish(&config);
    if (!fits) {
        cli_complain("there is no bot '%s' in the configuration", record->bot);
        return EXIT_TROUBLE;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct reader *reader = fd >= 0 ? reader_open_past(fd, &err) : NULL;
    if (reader == NULL) {
        cli_complain("%s: %s", path, fd < 0 ? strerror(errno) : err.text);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (reader == NULL) {
        return EXIT_TROUBLE;
    }
    past(record, reader);
    reader_close(reader);
    return finish(record, EXIT_OK);
}

static int run(struct record *record) {
    struct err err = {0};
    char path[4096];
    if (!client_find(record->control, record->config, path, sizeof(path))) {
        return EXIT_CONFIGURATION;
    }
    int control = client_connect(path, &err);
    if (control < 0 && (err.code != ERR_NOT_FOUND || record->follow)) {
        cli_complain("%s", err.text);
        return err.code == ERR_NOT_FOUND ? CLIENT_NOT_RUNNING : EXIT_TROUBLE;
    }
    if (control < 0) {
        return run_left(record);
    }
    int status = run_live(record, control);
    close(control);
    return status;
}

/* ---- The command ---- */

/* "10m": so long ago. */
static bool ago(const char *text, uint64_t *ms) {
    uint64_t back = 0;
    uint64_t now = clock_wall_ms();
    if (!text_duration_ms(text, &back) || back > now) {
        (void)cli_usage("record", "wanted: how long ago: 30s, 10m, 2h; got '%s'", text);
        return false;
    }
    *ms = now - back;
    return true;
}

static bool take_event(struct record *record, const char *name) {
    if (record->event_count == EVENTS_MAX || event_find(name, strlen(name)) == EVENT_UNKNOWN) {
        (void)cli_usage("record", "at most %d events, by Discord's names; got '%s'", EVENTS_MAX,
                        name);
        return false;
    }
    record->events[record->event_count++] = name;
    return true;
}

static bool take_number(const char *text, uint64_t *out) {
    if (!text_u64(text, out) || *out == 0 || *out > LAST_MAX) {
        (void)cli_usage("record", "--last wants a number from 1 to %d, got '%s'", LAST_MAX, text);
        return false;
    }
    return true;
}

static bool take_option(struct record *record, int option, char **argv) {
    switch (option) {
    case 'c':
        record->config = optarg;
        return true;
    case 'C':
        record->control = optarg;
        return true;
    case 'b':
        record->bot = optarg;
        return true;
    case 'p':
        record->plugin = optarg;
        return true;
    case 'e':
        return take_event(record, optarg);
    case 'n':
        return take_number(optarg, &record->last);
    case 'F':
        return ago(optarg, &record->from_ms);
    case 'T':
        return ago(optarg, &record->to_ms);
    case 'f':
        record->follow = true;
        return true;
    case 't':
        record->conceal.content = true;
        return true;
    case 'k':
        record->conceal.keep_ids = true;
        return true;
    default:
        (void)cli_bad_option("record", argv);
        return false;
    }
}

int record_main(int argc, char **argv) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"control", required_argument, NULL, 'C'},
        {"bot", required_argument, NULL, 'b'},    {"plugin", required_argument, NULL, 'p'},
        {"event", required_argument, NULL, 'e'},  {"last", required_argument, NULL, 'n'},
        {"from", required_argument, NULL, 'F'},   {"to", required_argument, NULL, 'T'},
        {"follow", no_argument, NULL, 'f'},       {"content", no_argument, NULL, 't'},
        {"keep-ids", no_argument, NULL, 'k'},     {0}};
    struct record record = {.to_ms = UINT64_MAX,
                            .conceal = {.key = {clock_random(), clock_random()}}};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "c:b:p:e:f", options, NULL)) != -1) {
        if (!take_option(&record, option, argv)) {
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        return cli_usage("record", "it takes no argument, got '%s'", argv[optind]);
    }
    if (record.bot == NULL) {
        return cli_usage("record", "which bot? --bot NAME");
    }
    if (record.plugin != NULL &&
        strspn(record.plugin, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(record.plugin)) {
        return cli_usage("record", "'%s' is no plugin's id", record.plugin);
    }
    int status = run(&record);
    explicit_bzero(&record.conceal.key, sizeof(record.conceal.key));
    return status;
}
