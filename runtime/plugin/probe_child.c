/* plugin/probe_child.c: the child's side of a probe. It says which phase begins, so that the parent
 * can tell where it ended, and reports once; the report goes to descriptor 3, sandbox,
 * configuration and state come from descriptor 4 (struct probe_input), and who counts its threads
 * is at the other end of descriptor 5. */
#include "plugin/probe.h"

#include "base/file.h"
#include "base/log.h"
#include "plugin/confine.h"
#include "plugin/image.h"
#include "plugin/instance.h"
#include "plugin/threads.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPORT_FD = 3, INPUT_FD = 4, COUNTER_FD = 5, FILE_BYTES_MAX = 256 << 20 };

/* What descriptor 4 says. */
struct input {
    struct probe_input head;
    struct buf bytes; /* the boot message, the configuration, the state */
};

static char last_complaint[512];

/* Nothing a plugin asks for happens here; a broken rule, or what it says is wrong, is worth
 * telling. */
static bool drop(void *arg, const struct port_message *head, const char *name, const void *data) {
    if (head->kind == PORT_FAULT || (head->kind == PORT_LOG && head->status >= LOG_ERROR)) {
        snprintf(last_complaint, sizeof(last_complaint), "%.*s", (int)head->data_length,
                 (const char *)data);
    }
    return true;
}

static void say(const struct buf *line) {
    ssize_t done = write(REPORT_FD, line->bytes, line->length);
    (void)done;
}

static void say_phase(const char *phase) {
    struct buf line = {0};
    buf_printf(&line, "{\"phase\":\"%s\"}\n", phase);
    say(&line);
    buf_finish(&line);
}

static void put_text(struct buf *line, const char *key, const char *text) {
    buf_printf(line, "\"%s\":\"", key);
    buf_json_text(line, text, strlen(text));
    buf_text(line, "\",");
}

static void put_registrations(struct buf *line, const struct instance *instance) {
    struct buf rows = {0};
    struct registration row;
    const char *text;
    size_t at = 0;
    instance_registrations(instance, &rows);
    buf_text(line, "\"registrations\":[");
    for (bool first = true; registration_next(rows.bytes, rows.length, &at, &row, &text);
         first = false) {
        buf_text(line, first ? "{" : ",{");
        put_text(line, "name", row.name);
        put_text(line, "text", text);
        buf_printf(line, "\"kind\":\"%s\",\"flags\":%u,\"per\":%u,\"uses\":%u,\"seconds\":%u}",
                   registration_kind_name(row.kind), row.flags, row.per, row.uses, row.seconds);
    }
    buf_text(line, "]");
    buf_finish(&rows);
}

static void report(const struct note *note, const struct instance *instance,
                   const struct err *err) {
    struct buf line = {0};
    buf_text(&line, "{\"report\":{");
    put_text(&line, "id", note->id);
    put_text(&line, "version", note->version);
    put_text(&line, "error", err->text);
    buf_printf(&line, "\"abi_major\":%u,\"abi_minor\":%u,", note->abi_major, note->abi_minor);
    put_registrations(&line, instance);
    buf_text(&line, "}}\n");
    say(&line);
    buf_finish(&line);
}

static bool read_input(struct input *input) {
    char bytes[4096];
    ssize_t got;
    bool ok = read(INPUT_FD, &input->head, sizeof(input->head)) == (ssize_t)sizeof(input->head);
    while (ok && (got = read(INPUT_FD, bytes, sizeof(bytes))) > 0) {
        ok = buf_append(&input->bytes, bytes, (size_t)got);
    }
    close(INPUT_FD);
    uint64_t boot = input->head.boot_length;
    uint64_t config = input->head.config_length;
    return ok && (boot == 0 || boot >= sizeof(struct boot)) && boot <= input->bytes.length &&
           config <= input->bytes.length - boot &&
           input->head.state_length == input->bytes.length - boot - config &&
           buf_text(&input->bytes, ""); /* never NULL */
}

/* drey-worker may not be of the host's version. */
static bool is_understood(const struct input *input) {
    struct boot boot = {.version = BOOT_VERSION};
    if (input->head.boot_length > 0) {
        memcpy(&boot, input->bytes.bytes, sizeof(boot));
    }
    return boot.version == BOOT_VERSION;
}

static const char *config_of(const struct input *input) {
    return input->bytes.bytes + input->head.boot_length;
}

/* A constructor or init that forks would leave processes behind at every load. Where nobody can
 * fork nobody may ask, either. */
static bool has_children(void) {
    return waitpid(-1, NULL, WNOHANG) >= 0 || (errno != ECHILD && errno != EPERM);
}

/* As a worker's process does it, before it opens the plugin. */
static bool confine_as_worker(const struct input *input, struct err *err) {
    struct boot boot;
    struct confinement confined;
    int listener = -1;
    if (input->head.boot_length == 0) {
        close(COUNTER_FD);
        return true;
    }
    memcpy(&boot, input->bytes.bytes, sizeof(boot));
    boot.memory_bytes += input->bytes.length; /* which is not the plugin's */
    if (!confine(&boot, input->bytes.bytes, input->head.boot_length, &listener, &confined, err)) {
        return false;
    }
    if (listener >= 0) {
        (void)threads_hand_over(COUNTER_FD, listener); /* else nobody answers: it makes none */
        close(listener);
    }
    close(COUNTER_FD);
    confine_files(&boot);
    return true;
}

/* The state may crash a restore that has never seen one like it. */
static bool try_state(struct instance *instance, const struct input *input, struct err *err) {
    const struct probe_input *head = &input->head;
    if (head->has_state == 0) {
        return true;
    }
    say_phase("restore");
    return instance_restore(instance, head->state_reason, head->state_version,
                            config_of(input) + head->config_length, head->state_length, err);
}

static bool try_plugin(const char *path, const struct input *input, struct note *note,
                       struct instance *instance, struct err *err) {
    struct buf bytes = {0};
    pid_t self = getpid();
    bool ok = file_read(path, FILE_BYTES_MAX, &bytes, err) &&
              note_read(bytes.bytes, bytes.length, note, err) &&
              (input->head.boot_length != 0 || note_fits_thread(note, err)) &&
              confine_as_worker(input, err);
    buf_finish(&bytes);
    if (!ok) {
        return false;
    }
    say_phase("load");
    struct image *image = image_open(path, note, err);
    if (getpid() != self) {
        _exit(0); /* a constructor forked: this is the copy */
    }
    if (image == NULL) {
        return false;
    }
    say_phase("init");
    ok = instance_init(instance, image_entry(image), err) && try_state(instance, input, err);
    if (getpid() != self) {
        _exit(0);
    }
    if (!ok && last_complaint[0] != '\0') {
        size_t used = strlen(err->text);
        snprintf(err->text + used, sizeof(err->text) - used, ": %.300s", last_complaint);
    }
    return ok &&
           (!has_children() || err_set(err, ERR_PLUGIN, "it starts a process while it is loaded"));
}

static void limit(void) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

int probe_main(int argc, char **argv) {
    struct err err = {0};
    struct note note = {0};
    struct input input = {0};
    struct port port = {.send = drop};
    if (argc < 4) {
        fprintf(stderr, "%s is not for people\n", PROBE_ARGUMENT);
        return 2;
    }
    limit();
    if (!read_input(&input)) {
        return 1;
    }
    if (!is_understood(&input)) {
        return BOOT_EXIT_VERSION;
    }
    port.control = box_create(&err);
    port.mail = box_create(&err);
    struct instance *instance =
        instance_create(&port, argv[3], 1, config_of(&input), input.head.config_length, &err);
    if (instance == NULL || port.control == NULL || port.mail == NULL) {
        return 1;
    }
    if (!try_plugin(argv[2], &input, &note, instance, &err) && err.text[0] == '\0') {
        err_set(&err, ERR_PLUGIN, "refused");
    }
    report(&note, instance, &err);
    _exit(0); /* no destructors: the plugin's might do anything */
}
