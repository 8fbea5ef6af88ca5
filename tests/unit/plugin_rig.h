/* unit/plugin_rig.h: a house for one or two bots with a plugin manager, in a directory of its own.
 * The ring is real; the test is its writer. For the tests of the manager; included once per binary.
 */
#ifndef TESTS_PLUGIN_RIG_H
#define TESTS_PLUGIN_RIG_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "plugin/isolation.h"
#include "plugin/plugins.h"
#include "plugin/probe.h"
#include "ring/ring.h"

#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { RIG_DEADLINE_MS = 20000 };

struct rig {
    char home[64]; /* empty: a new one is made */
    char plugins_dir[128];
    struct loop *loop;
    struct ring *rings[2];
    struct plugins *plugins;
    uint64_t seq;
    uint32_t deadline_ms;
    uint32_t stuck_ms;
    uint32_t checkpoint_ms;
    const char *every; /* a plugin's key; NULL: "1" */
    bool (*admit)(void *arg, const char *bot, const char *plugin, const struct plugin_needs *own,
                  const struct plugin_needs *needs, struct err *err);
    plugins_request_fn *request;
    bool process; /* plugins have processes of their own, which may write to the home */
    bool (*declare)(void *arg, const struct plugins_asker *asker, const void *rows, size_t length,
                    bool check, struct err *err);
    uint64_t until; /* when waiting ends */
    bool (*done)(struct rig *rig);
    struct loop_timer *poll;
};

static inline void rig_config(void *arg, const char *bot, const char *plugin,
                              plugins_config_fn *give, void *to) {
    struct rig *rig = arg;
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s.%s.out", rig->home, bot, plugin);
    give(to, "file", path);
    give(to, "every", rig->every != NULL ? rig->every : "1");
}

static inline void rig_isolation(void *arg, const char *bot, const char *plugin,
                                 struct isolation *out) {
    static const char *home[1];
    struct rig *rig = arg;
    home[0] = rig->home;
    *out = (struct isolation){.process = rig->process,
                              .memory_bytes = 256 << 20,
                              .files = 64,
                              .write = home,
                              .write_count = 1};
}

/* A plugin is tried in a child that is this program started anew: one whose main() does not hand
 * over to probe_main() would run all its tests again there, and so on without end. */
static inline void rig_refuse_to_be_a_probe(void) {
    FILE *file = fopen("/proc/self/cmdline", "rb");
    char bytes[512] = "";
    size_t got = file != NULL ? fread(bytes, 1, sizeof(bytes) - 1, file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    if (memmem(bytes, got, PROBE_ARGUMENT, strlen(PROBE_ARGUMENT)) != NULL) {
        fprintf(stderr, "main() must hand over to probe_main()\n");
        _exit(3);
    }
}

static inline void rig_open(struct rig *rig, const char *wanted_one, const char *wanted_two) {
    struct err err = {0};
    const char *wanted[2] = {wanted_one, wanted_two};
    rig_refuse_to_be_a_probe();
    const char *dir = rig->plugins_dir;
    char path[PATH_MAX];
    log_open(LOG_FORMAT_TEXT, getenv("DREY_TEST_LOG") != NULL ? LOG_DEBUG : LOG_OFF);
    if (rig->home[0] == '\0') {
        strcpy(rig->home, "/tmp/drey-test-XXXXXX");
        assert_non_null(mkdtemp(rig->home));
    }
    snprintf(rig->plugins_dir, sizeof(rig->plugins_dir), "%s/plugins", rig->home);
    assert_true(file_make_dirs(rig->plugins_dir, &err));
    rig->loop = loop_create(&err);
    assert_non_null(rig->loop);
    struct plugins_options options = {.dirs = &dir,
                                      .dir_count = 1,
                                      .state_dir = rig->home,
                                      .deadline_ms = rig->deadline_ms,
                                      .stuck_ms = rig->stuck_ms,
                                      .checkpoint_ms = rig->checkpoint_ms};
    struct plugins_host host = {.arg = rig,
                                .config = rig_config,
                                .admit = rig->admit,
                                .declare = rig->declare,
                                .isolation = rig_isolation,
                                .request = rig->request};
    rig->plugins = plugins_create(rig->loop, &options, &host, &err);
    if (rig->plugins == NULL) {
        fail_msg("%s", err.text);
    }
    for (int i = 0; i < 2 && wanted[i] != NULL; i++) {
        char name[8] = {(char)('a' + i), '\0'};
        char state_dir[PATH_MAX / 2];
        struct ring_recovery recovery;
        snprintf(state_dir, sizeof(state_dir), "%s/%s", rig->home, name);
        assert_true(file_make_dirs(state_dir, &err));
        snprintf(path, sizeof(path), "%s/events.ring", state_dir);
        struct ring_options ring = {
            .path = path, .owner = name, .capacity = 1 << 20, .max_message = 1 << 16};
        rig->rings[i] = ring_open(&ring, &recovery, &err);
        assert_non_null(rig->rings[i]);
        struct plugins_bot bot = {
            .name = name, .state_dir = state_dir, .ring = rig->rings[i], .wanted = wanted[i]};
        assert_true(plugins_add_bot(rig->plugins, &bot, &err));
    }
}

/* As after an orderly stop: the directory stays for another rig_open(). */
static inline void rig_stop(struct rig *rig) {
    plugins_destroy(rig->plugins);
    ring_close(rig->rings[0]);
    if (rig->rings[1] != NULL) {
        ring_close(rig->rings[1]);
    }
    loop_destroy(rig->loop);
}

static inline void rig_close(struct rig *rig) {
    char command[128];
    rig_stop(rig);
    snprintf(command, sizeof(command), "rm -rf %s", rig->home);
    assert_int_equal(system(command), 0);
}

/* Puts a test plugin's file into the plugin directory: by rename, or written in place. */
static inline void rig_put(struct rig *rig, const char *from, const char *as, bool in_place) {
    char source[PATH_MAX];
    char target[PATH_MAX];
    char beside[PATH_MAX];
    struct buf bytes = {0};
    snprintf(source, sizeof(source), "%s/%s.so", from[0] == '/' ? "" : TEST_PLUGIN_DIR, from);
    snprintf(target, sizeof(target), "%s/%s", rig->plugins_dir, as);
    snprintf(beside, sizeof(beside), "%s/.%s.new", rig->plugins_dir, as);
    struct err err = {0};
    if (!file_read(source, 64 << 20, &bytes, &err)) {
        fail_msg("%s", err.text);
    }
    FILE *file = fopen(in_place ? target : beside, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.bytes, 1, bytes.length, file), bytes.length);
    assert_int_equal(fclose(file), 0);
    if (!in_place) {
        assert_int_equal(rename(beside, target), 0);
    }
    buf_finish(&bytes);
}

/* Publishes one MESSAGE_CREATE with this content on the bot's ring; waits for room. */
static inline void rig_event_to(struct ring *ring, uint64_t seq, const char *content) {
    char message[512];
    char d[384];
    snprintf(d, sizeof(d),
             "{\"id\":\"%" PRIu64 "\",\"channel_id\":\"7\",\"guild_id\":\"8\",\"content\":\"%s\","
             "\"author\":{\"id\":\"9\",\"username\":\"ann\"}}",
             seq + 1000, content);
    int head = snprintf(message, sizeof(message),
                        "{\"t\":\"MESSAGE_CREATE\",\"s\":%" PRIu64 ",\"op\":0,\"d\":", seq);
    int length = head + snprintf(message + head, sizeof(message) - (size_t)head, "%s}", d);
    uint8_t *space = NULL;
    while (!ring_reserve(ring, (uint64_t)length, &space)) {
        sched_yield();
    }
    memcpy(space, message, (size_t)length);
    struct ring_record record = {.kind = RING_EVENT,
                                 .event = EVENT_MESSAGE_CREATE,
                                 .seq = seq,
                                 .received_ms = clock_wall_ms(),
                                 .length = (uint32_t)length,
                                 .d_offset = (uint32_t)head,
                                 .d_length = (uint32_t)strlen(d),
                                 .t_offset = 6,
                                 .t_length = 14};
    ring_publish(ring, &record);
    ring_wake(ring);
}

static inline void rig_event(struct rig *rig, const char *content) {
    rig_event_to(rig->rings[0], ++rig->seq, content);
}

/* Runs the loop until done(rig). Fails after the deadline. */
static inline void rig_poll(void *arg) {
    struct rig *rig = arg;
    if (rig->done(rig) || clock_mono_ms() > rig->until) {
        loop_stop(rig->loop);
        return;
    }
    loop_timer_start(rig->poll, 2);
}

static inline void rig_wait(struct rig *rig, bool (*done)(struct rig *rig)) {
    rig->done = done;
    rig->until = clock_mono_ms() + RIG_DEADLINE_MS;
    rig->poll = loop_timer_create(rig->loop, rig_poll, rig);
    loop_timer_start(rig->poll, 0);
    loop_run(rig->loop);
    loop_timer_destroy(rig->poll);
    assert_true(done(rig));
}

/* What the plugin of this bot has written so far; the buffer is the caller's. */
static inline void rig_output(const struct rig *rig, const char *bot, const char *plugin,
                              struct buf *out) {
    char path[PATH_MAX];
    buf_clear(out);
    snprintf(path, sizeof(path), "%s/%s.%s.out", rig->home, bot, plugin);
    if (!file_read(path, 64 << 20, out, NULL)) {
        buf_text(out, "");
    }
}

/* The end of a whole line is in what the plugin of bot a wrote. */
static inline bool rig_wrote(const struct rig *rig, const char *text) {
    struct buf out = {0};
    rig_output(rig, "a", "tally", &out);
    bool found = out.bytes != NULL && strstr(out.bytes, text) != NULL;
    buf_finish(&out);
    return found;
}

static inline void rig_copy_row(void *to, const struct plugins_row *row) {
    struct plugins_row *out = to;
    static char version[64];
    static char error[512];
    if (out->bot == NULL && out->plugin != NULL) {
        return;
    }
    if (row->bot == NULL && out->plugin != NULL) {
        return;
    }
    *out = *row;
    snprintf(version, sizeof(version), "%s", row->version);
    snprintf(error, sizeof(error), "%s", row->error);
    out->version = version;
    out->error = error;
}

/* The (only) row of the status; plugin is NULL when there is none. */
static inline struct plugins_row rig_row(const struct rig *rig) {
    struct plugins_row row = {0};
    plugins_status(rig->plugins, rig_copy_row, &row);
    return row;
}

/* Reloads by name; the result, with the text in the caller's buffer. */
static inline bool rig_reload(struct rig *rig, const char *name, struct buf *text) {
    buf_clear(text);
    bool ok = plugins_reload(rig->plugins, name, text);
    if (text->bytes == NULL) {
        buf_text(text, "");
    }
    return ok;
}

#endif
