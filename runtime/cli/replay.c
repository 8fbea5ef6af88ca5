/* cli/replay.c: `drey replay`: options, files, and which plugin they are about. */
#include "cli/replay.h"

#include "base/file.h"
#include "base/program.h"
#include "base/text.h"
#include "bot/house.h"
#include "cli/cli.h"
#include "plugin/note.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PLUGIN_BYTES_MAX = 256 << 20 };

static bool read_script(struct replay_file *file) {
    struct scan_fault fault;
    struct err err = {0};
    if (!file_read(file->path, SCRIPT_BYTES_MAX, &file->text, &err)) {
        cli_complain("%s", err.text);
        return false;
    }
    const char *text = file->text.bytes != NULL ? file->text.bytes : "";
    if (script_read(&file->script, text, file->text.length, &fault)) {
        return true;
    }
    struct buf line = {0};
    if (buf_printf(&line, "%s:%u:%u: error: %s\n", file->path, fault.line, fault.column,
                   fault.text)) {
        cli_print_lines(stderr, line.bytes);
    }
    buf_finish(&line);
    return false;
}

/* ---- Which plugin ---- */

static const char *id_of(const struct replay_file *file, char *out, size_t size) {
    for (size_t i = 0; i < file->script.count; i++) {
        if (file->script.items[i].kind == SCRIPT_PLUGIN) {
            (void)text_copy(out, size, file->script.items[i].name);
            return out;
        }
    }
    const char *slash = strrchr(file->path, '/');
    (void)text_copy(out, size, slash != NULL ? slash + 1 : file->path);
    out[strcspn(out, ".")] = '\0';
    return out;
}

static bool try_place(struct replay_file *file, const char *folder, const char *id) {
    int length = snprintf(file->plugin, sizeof(file->plugin), "%s/%s.so", folder, id);
    return length > 0 && (size_t)length < sizeof(file->plugin) && access(file->plugin, R_OK) == 0;
}

/* Where a plugin is built: beside the file, in build/ beside it, or around here. */
static bool look_around(struct replay_file *file, const char *id) {
    static const char *const near[] = {"", "/build", "/..", "/../build", "/../build/dev"};
    static const char *const here[] = {".", "build", "build/dev", "build/plugins"};
    char folder[PATH_MAX];
    const char *slash = strrchr(file->path, '/');
    int length = slash != NULL ? (int)(slash - file->path) : 1;
    for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
        (void)snprintf(folder, sizeof(folder), "%.*s%s", length, slash != NULL ? file->path : ".",
                       near[i]);
        if (try_place(file, folder, id)) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++) {
        if (try_place(file, here[i], id)) {
            return true;
        }
    }
    return false;
}

static bool find_plugin(const struct replay_options *options, struct replay_file *file) {
    char id[128];
    if (options->plugin != NULL) {
        return text_copy(file->plugin, sizeof(file->plugin), options->plugin);
    }
    (void)id_of(file, id, sizeof(id));
    bool found = false;
    for (size_t i = 0; options->config != NULL && i < options->config->plugin_dirs.count && !found;
         i++) {
        found = try_place(file, options->config->plugin_dirs.texts[i], id);
    }
    if (!found && !look_around(file, id)) {
        cli_complain("%s: no %s.so here, in build/ or around the file; say where: --plugin FILE.so",
                     file->path, id);
        return false;
    }
    return true;
}

/* Its id from its bytes, and its keys. */
static bool read_plugin(const struct replay_options *options, struct replay_file *file) {
    struct buf bytes = {0};
    struct note note = {0};
    struct err err = {0};
    const char *key;
    const char *value;
    bool ok = file_read(file->plugin, PLUGIN_BYTES_MAX, &bytes, &err);
    if (ok && !note_read(bytes.bytes, bytes.length, &note, &err)) {
        ok = err_prefix(&err, "%s", file->plugin);
    }
    buf_finish(&bytes);
    if (!ok) {
        cli_complain("%s", err.text);
        return false;
    }
    (void)text_copy(file->plugin_id, sizeof(file->plugin_id), note.id);
    for (size_t i = 0; options->config != NULL &&
                       config_plugin_key(options->config, note.id, options->bot, i, &key, &value);
         i++) {
        ok = buf_append(&file->config, key, strlen(key) + 1) &&
             buf_append(&file->config, value, strlen(value) + 1) && ok;
    }
    return ok;
}

static bool prepare(const struct replay_options *options, struct replay_file *file) {
    return read_script(file) && find_plugin(options, file) && read_plugin(options, file);
}

static void finish(struct replay_file *file) {
    buf_finish(&file->text);
    buf_finish(&file->config);
    script_finish(&file->script);
}

/* ---- The debugger ---- */

/* The same again, in the debugger's hands. Returns only when there is none. */
static int start_gdb(int argc, char **argv) {
    char **words = calloc((size_t)argc + 16, sizeof(*words));
    size_t count = 0;
    if (words == NULL) {
        cli_complain("no memory");
        return EXIT_TROUBLE;
    }
    static const char *const first[] = {"gdb", "-q",  "-ex",   "break run_stop",
                                        "-ex", "run", "--args"};
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        words[count++] = strdup(first[i]);
    }
    words[count++] = strdup(program_path());
    words[count++] = strdup("replay");
    words[count++] = strdup("--here");
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--g", 3) != 0) { /* however it was cut short */
            words[count++] = strdup(argv[i]);
        }
    }
    execvp("gdb", words);
    cli_complain("gdb does not start: %s; install it, or run without --gdb", strerror(errno));
    for (size_t i = 0; i < count; i++) {
        free(words[i]);
    }
    free(words);
    return EXIT_TROUBLE;
}

/* ---- The command ---- */

static int play_all(const struct replay_options *options, char **paths, int count) {
    struct replay_total total = {0};
    int status = EXIT_OK;
    for (int i = 0; i < count; i++) {
        struct replay_file file = {.path = paths[i]};
        if (prepare(options, &file)) {
            replay_play(options, &file, &total);
        } else {
            status = EXIT_CONFIGURATION;
        }
        finish(&file);
    }
    if (count > 1 && !options->json) {
        (void)printf("%d files: %u failed, %u passed\n", count, total.failed, total.passed);
    }
    return status != EXIT_OK                      ? status
           : total.failed > 0 || total.broken > 0 ? EXIT_TROUBLE
                                                  : EXIT_OK;
}

static int play_with_config(struct replay_options *options, char **paths, int count) {
    struct config config = {0};
    struct config_report report = {0};
    bool loaded = true;
    if (options->config_path != NULL) {
        loaded = cli_config_load(options->config_path, &config, &report);
        if (!loaded) {
            cli_config_print(&report);
        }
        options->config = &config;
    }
    int status = loaded ? play_all(options, paths, count) : EXIT_CONFIGURATION;
    options->config = NULL;
    config_report_finish(&report);
    config_finish(&config);
    return status;
}

static bool number(const char *text, unsigned *out) {
    uint64_t value = 0;
    if (!text_u64(text, &value) || value == 0 || value > 1000000) {
        return false;
    }
    *out = (unsigned)value;
    return true;
}

/* -1, or the exit status of a usage error. */
static int take_option(struct replay_options *options, int option, char **argv) {
    switch (option) {
    case 'c':
        options->config_path = optarg;
        return -1;
    case 'b':
        options->bot = optarg;
        return -1;
    case 'p':
        options->plugin = optarg;
        return -1;
    case 'f':
        return number(optarg, &options->from)
                   ? -1
                   : cli_usage("replay", "--from wants the number of a step, got '%s'", optarg);
    case 't':
        return number(optarg, &options->seconds)
                   ? -1
                   : cli_usage("replay", "--timeout wants a number of seconds, got '%s'", optarg);
    case 'g':
        options->gdb = true;
        return -1;
    case 'h':
        options->here = true;
        return -1;
    case 'u':
        options->update = true;
        return -1;
    case 'j':
        options->json = true;
        return -1;
    case 'v':
        options->verbose = true;
        return -1;
    default:
        return cli_bad_option("replay", argv);
    }
}

static int run(struct replay_options *options, int argc, char **argv, char **words) {
    if (optind >= argc) {
        return cli_usage("replay", "it wants a file: drey replay test/*.replay");
    }
    if ((options->gdb || options->here) && argc - optind > 1) {
        return cli_usage("replay", "one file at a time in a debugger");
    }
    return options->gdb ? start_gdb(argc, words)
                        : play_with_config(options, argv + optind, argc - optind);
}

int replay_main(int argc, char **argv) {
    static const struct option rows[] = {{"config", required_argument, NULL, 'c'},
                                         {"bot", required_argument, NULL, 'b'},
                                         {"plugin", required_argument, NULL, 'p'},
                                         {"from", required_argument, NULL, 'f'},
                                         {"timeout", required_argument, NULL, 't'},
                                         {"gdb", no_argument, NULL, 'g'},
                                         {"here", no_argument, NULL, 'h'},
                                         {"update", no_argument, NULL, 'u'},
                                         {"json", no_argument, NULL, 'j'},
                                         {"verbose", no_argument, NULL, 'v'},
                                         {0}};
    struct replay_options options = {.bot = "main", .seconds = 60};
    char **words = calloc((size_t)argc + 1, sizeof(*words)); /* getopt moves words */
    int option;
    int status = -1;
    opterr = 0;
    options.colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
    if (words == NULL) {
        cli_complain("no memory");
        return EXIT_TROUBLE;
    }
    memcpy(words, argv, (size_t)argc * sizeof(*words));
    while (status < 0 && (option = getopt_long(argc, argv, "c:b:p:v", rows, NULL)) != -1) {
        status = take_option(&options, option, argv);
    }
    status = status < 0 ? run(&options, argc, argv, words) : status;
    free(words);
    return status;
}
