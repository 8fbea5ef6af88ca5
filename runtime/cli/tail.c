/* cli/tail.c: `drey tail`: live events, one line each, as one more reader of the rings. */
#include "base/buf.h"
#include "base/text.h"
#include "bot/house.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "gateway/events.h"
#include "ring/reader.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 32, BATCH = 256, SNIPPET_BYTES = 64, ID_BYTES = 25 };

struct filter {
    const char *bot; /* NULL: all */
    const char *events[EVENTS_MAX];
    size_t event_count; /* 0: all */
    bool json;
};

/* One bot that is followed. */
struct source {
    char bot[CONFIG_BOT_NAME_MAX + 1];
    struct reader *reader;
    uint64_t records_max; /* that its ring can hold */
};

static bool wanted(const struct filter *filter, const struct ring_record *record,
                   const char *name) {
    if (filter->event_count == 0) {
        return true;
    }
    for (size_t i = 0; i < filter->event_count; i++) {
        if (strlen(filter->events[i]) == record->t_length &&
            memcmp(filter->events[i], name, record->t_length) == 0) {
            return true;
        }
    }
    return false;
}

static void print_time(uint64_t wall_ms) {
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    localtime_r(&seconds, &tm);
    (void)printf("%02d:%02d:%02d.%03u ", tm.tm_hour, tm.tm_min, tm.tm_sec,
                 (unsigned)(wall_ms % 1000));
}

static const char *member(const cJSON *object, const char *name) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static void print_ids(const cJSON *d) {
    static const char *const names[] = {"id", "guild_id", "channel_id", "message_id", "user_id"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = member(d, names[i]);
        char id[ID_BYTES];
        if (value != NULL) {
            (void)printf(" %.*s %s", (int)strcspn(names[i], "_"), names[i],
                         text_plain(id, sizeof(id), value));
        }
    }
}

/* Text of strangers: harmless, and not too much of it. */
static void print_snippet(const char *before, const char *text) {
    char snippet[SNIPPET_BYTES];
    if (text != NULL) {
        (void)printf(" %s\"%s\"", before, text_plain(snippet, sizeof(snippet), text));
    }
}

static void print_text(const struct source *source, const struct ring_record *record,
                       const char *message) {
    char name[64];
    (void)snprintf(name, sizeof(name), "%.*s", (int)record->t_length, message + record->t_offset);
    print_time(record->received_ms);
    (void)printf("%s/%u %llu %s", source->bot, record->shard, (unsigned long long)record->seq,
                 text_plain(name, sizeof(name), name));
    cJSON *d = cJSON_ParseWithLength(message + record->d_offset, record->d_length);
    if (cJSON_IsObject(d)) {
        const char *content = member(d, "content");
        print_ids(d);
        print_snippet("by ", member(cJSON_GetObjectItemCaseSensitive(d, "author"), "username"));
        print_snippet("", content != NULL ? content : member(d, "name"));
    }
    cJSON_Delete(d);
    (void)putchar('\n');
}

static void print_json(const struct source *source, const struct ring_record *record,
                       const char *message) {
    struct buf line = {0};
    if (buf_printf(&line, "{\"bot\":\"%s\",\"shard\":%u,\"received_ms\":%llu,\"message\":",
                   source->bot, record->shard, (unsigned long long)record->received_ms) &&
        buf_json_line(&line, message, record->length) && buf_text(&line, "}")) {
        (void)puts(line.bytes);
    } else {
        cli_complain("no memory for an event of %u bytes", record->length);
    }
    buf_finish(&line);
}

static void print_loss(const struct filter *filter, const struct source *source,
                       const struct ring_record *record) {
    static const char *const reasons[] = {
        [RING_GAP_NONE] = "unknown",
        [RING_GAP_LAPPED] = "this tail was too slow",
        [RING_GAP_SESSION] = "Discord refused to resume the session",
        [RING_GAP_TOO_LARGE] = "a message was larger than max_message",
        [RING_GAP_DAMAGED] = "the ring was damaged",
    };
    size_t known = sizeof(reasons) / sizeof(reasons[0]);
    const char *reason = reasons[record->reason < known ? record->reason : RING_GAP_NONE];
    if (filter->json) {
        (void)printf("{\"bot\":\"%s\",\"gap\":\"%s\"}\n", source->bot, reason);
    } else {
        (void)printf("-- %s: events are missing here: %s\n", source->bot, reason);
    }
}

static void print_record(const struct filter *filter, const struct source *source,
                         const struct ring_record *record, const char *message) {
    if (record->kind != RING_EVENT) {
        print_loss(filter, source, record);
    } else if (wanted(filter, record, message + record->t_offset)) {
        (filter->json ? print_json : print_text)(source, record, message);
    }
}

/* Prints what is there, a bounded number of records. True: there may be more. */
static bool drain(const struct filter *filter, const struct source *source) {
    for (int i = 0; i < BATCH; i++) {
        struct ring_record record;
        const uint8_t *message = NULL;
        switch (reader_take(source->reader, &record, &message)) {
        case READER_EMPTY:
            return false;
        case READER_RECORD:
            print_record(filter, source, &record, (const char *)message);
            break;
        case READER_GAP:
        case READER_BROKEN:
            print_loss(filter, source, &record);
            break;
        }
        reader_advance(source->reader);
    }
    return true;
}

/* Prints the rest, of a bot whose ring nobody writes any more: what it holds, and no more than that
 * if somebody does write (another drey has taken over). */
static void drain_last(const struct filter *filter, const struct source *source) {
    for (uint64_t left = source->records_max / BATCH + 1; left > 0; left--) {
        if (!drain(filter, source) || ferror(stdout)) {
            break;
        }
    }
    (void)fflush(stdout);
}

static uint64_t records_in(int ring_fd) {
    struct stat status;
    return fstat(ring_fd, &status) == 0 ? (uint64_t)status.st_size / RING_ALIGN : 0;
}

static bool follow(struct source *source, int control, const char *bot, struct err *err) {
    int fds[3];
    if (!text_copy(source->bot, sizeof(source->bot), bot)) {
        return err_set(err, ERR_PROTOCOL, "its name is too long");
    }
    if (!client_ring(control, bot, fds, err)) {
        return false;
    }
    source->records_max = records_in(fds[0]);
    source->reader = reader_open(fds[0], fds[1], fds[2], err);
    for (size_t i = 0; i < 3; i++) {
        close(fds[i]);
    }
    return source->reader != NULL;
}

static bool drain_all(const struct filter *filter, const struct source *sources, size_t count) {
    bool more = false;
    for (size_t i = 0; i < count; i++) {
        more = drain(filter, &sources[i]) || more;
    }
    return more;
}

/* Bots that left the house take their end of the wake-up away. Returns how many go on. */
static size_t drop_gone(const struct filter *filter, struct source *sources,
                        const struct pollfd *fds, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if ((fds[i].revents & POLLHUP) == 0) {
            sources[kept++] = sources[i];
            continue;
        }
        drain_last(filter, &sources[i]);
        cli_complain("bot %s was removed", sources[i].bot);
        reader_close(sources[i].reader);
    }
    return kept;
}

/* Until the host ends the connection or no bot is left. *open_count: how many are open. */
static int watch(const struct filter *filter, int control, struct source *sources,
                 size_t *open_count) {
    struct pollfd fds[CONFIG_BOTS_MAX + 1];
    for (;;) {
        size_t count = *open_count;
        bool more = drain_all(filter, sources, count);
        if (fflush(stdout) != 0) {
            return EXIT_OK; /* nobody reads any more */
        }
        for (size_t i = 0; i < count; i++) {
            more = !reader_sleep(sources[i].reader) || more;
            fds[i] = (struct pollfd){reader_wake_fd(sources[i].reader), POLLIN, 0};
        }
        fds[count] = (struct pollfd){control, POLLIN, 0};
        if (poll(fds, (nfds_t)count + 1, more ? 0 : -1) < 0 && errno != EINTR) {
            cli_complain("poll: %s", strerror(errno));
            return EXIT_TROUBLE;
        }
        for (size_t i = 0; i < count; i++) {
            reader_awake(sources[i].reader);
        }
        if (fds[count].revents != 0) {
            for (size_t i = 0; i < count; i++) {
                drain_last(filter, &sources[i]);
            }
            cli_complain("drey has stopped");
            return EXIT_OK;
        }
        *open_count = drop_gone(filter, sources, fds, count);
        if (*open_count == 0) {
            return EXIT_OK;
        }
    }
}

/* The rings of all bots that are wanted, over this one connection. Returns how many; none was
 * complained about. */
static size_t follow_all(const struct filter *filter, int control, struct source *sources) {
    struct err err = {0};
    size_t count = 0;
    size_t named = 0;
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "cmd", "status");
    cJSON *status = client_ask(control, request, NULL, NULL, &err);
    if (status == NULL) {
        cli_complain("%s", err.text);
        return 0;
    }
    const cJSON *bot;
    cJSON_ArrayForEach(bot, cJSON_GetObjectItemCaseSensitive(status, "bots")) {
        const char *name = member(bot, "name");
        if (name == NULL || count == CONFIG_BOTS_MAX ||
            (filter->bot != NULL && strcmp(filter->bot, name) != 0)) {
            continue;
        }
        named++;
        if (follow(&sources[count], control, name, &err)) {
            count++;
        } else {
            cli_complain("bot %s: %s", name, err.text);
        }
    }
    cJSON_Delete(status);
    if (named == 0) {
        cli_complain(filter->bot != NULL ? "no bot '%s' here; `drey status` lists them"
                                         : "there is no bot to follow%s",
                     filter->bot != NULL ? filter->bot : "");
    }
    return count;
}

static int run(const struct filter *filter, const char *path) {
    static struct source sources[CONFIG_BOTS_MAX];
    struct err err = {0};
    int control = client_connect(path, &err);
    if (control < 0) {
        cli_complain("%s", err.text);
        return err.code == ERR_NOT_FOUND ? CLIENT_NOT_RUNNING : EXIT_TROUBLE;
    }
    size_t count = follow_all(filter, control, sources);
    int status = count > 0 ? watch(filter, control, sources, &count) : EXIT_TROUBLE;
    for (size_t i = 0; i < count; i++) {
        reader_close(sources[i].reader);
    }
    close(control);
    return status;
}

static bool add_event(struct filter *filter, const char *name) {
    if (filter->event_count == EVENTS_MAX) {
        cli_complain("at most %d events can be named", EVENTS_MAX);
        return false;
    }
    if (event_find(name, strlen(name)) == EVENT_UNKNOWN) {
        const char *names[EVENT_COUNT];
        for (unsigned id = 1; id <= EVENT_COUNT; id++) {
            names[id - 1] = event_name(id);
        }
        const char *near = text_nearest(name, names, EVENT_COUNT);
        cli_complain("warning: '%s' is not in the table of events%s%s", name,
                     near != NULL ? "; did you mean " : "", near != NULL ? near : "");
    }
    filter->events[filter->event_count++] = name;
    return true;
}

int tail_main(int argc, char **argv) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"control", required_argument, NULL, 'C'},
        {"bot", required_argument, NULL, 'b'},    {"event", required_argument, NULL, 'e'},
        {"json", no_argument, NULL, 'j'},         {0}};
    struct filter filter = {0};
    const char *config = NULL;
    const char *control = NULL;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "c:b:e:", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            config = optarg;
            break;
        case 'C':
            control = optarg;
            break;
        case 'b':
            filter.bot = optarg;
            break;
        case 'e':
            if (!add_event(&filter, optarg)) {
                return EXIT_USAGE;
            }
            break;
        case 'j':
            filter.json = true;
            break;
        default:
            return cli_bad_option("tail", argv);
        }
    }
    if (optind < argc) {
        return cli_usage("tail", "it takes no argument, got '%s'", argv[optind]);
    }
    char path[4096];
    return client_find(control, config, path, sizeof(path)) ? run(&filter, path)
                                                            : EXIT_CONFIGURATION;
}
