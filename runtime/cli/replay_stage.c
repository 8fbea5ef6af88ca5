/* cli/replay_stage.c: one replay file in a process of its own, so that a plugin that crashes or
 * hangs ends that one alone, and is told of with the step it was at. */
#include "cli/replay.h"

#include "base/log.h"
#include "base/text.h"
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENDED_EARLY = 3 };

/* Where private copies lie, and where the plugin finds itself. */
struct places {
    char root[64];
    char copies[80];
    char files[80];
};

static bool make_places(struct places *places) {
    const char *tmp = getenv("TMPDIR");
    bool fits = tmp != NULL && tmp[0] == '/' && strlen(tmp) < 40;
    (void)snprintf(places->root, sizeof(places->root), "%s/drey-replay-XXXXXX",
                   fits ? tmp : "/tmp");
    if (mkdtemp(places->root) == NULL) {
        cli_complain("%s: %s", places->root, strerror(errno));
        return false;
    }
    (void)snprintf(places->copies, sizeof(places->copies), "%s/copies", places->root);
    (void)snprintf(places->files, sizeof(places->files), "%s/files", places->root);
    if (mkdir(places->copies, 0700) != 0 || mkdir(places->files, 0700) != 0) {
        cli_complain("%s: %s", places->root, strerror(errno));
        return false;
    }
    return true;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place) {
    return remove(path);
}

static void remove_places(const struct places *places) {
    (void)nftw(places->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* In place: the file keeps its mode and its links. */
static bool write_back(const char *path, const struct buf *text) {
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0) {
        cli_complain("%s: %s", path, strerror(errno));
        return false;
    }
    size_t done = 0;
    while (done < text->length) {
        ssize_t wrote = write(fd, text->bytes + done, text->length - done);
        if (wrote < 0 && errno != EINTR) {
            break;
        }
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    bool ok = done == text->length;
    ok = close(fd) == 0 && ok;
    if (!ok) {
        cli_complain("%s: not written: %s", path, strerror(errno));
    }
    return ok;
}

static void update(const struct replay_file *file, const char *real,
                   const struct run_result *result) {
    struct buf text = {0};
    if (result->change_count == 0) {
        return;
    }
    if (!run_rewrite(file->text.bytes, file->text.length, result, &text)) {
        cli_complain("%s: no memory", file->path);
    } else if (write_back(real, &text)) {
        (void)fprintf(stderr, "drey: %s: %zu statement%s written; see git diff\n", file->path,
                      result->change_count, result->change_count == 1 ? "" : "s");
    }
    buf_finish(&text);
}

/* Runs it here. Result: the exit status of this process. */
static int play_here(const struct replay_options *options, const struct replay_file *file,
                     const struct places *places, struct run_progress *progress) {
    struct replay_report report = {options, file};
    struct run_result result = {0};
    struct err err = {0};
    char real[PATH_MAX];
    char plugin[PATH_MAX];
    if (realpath(file->path, real) == NULL || realpath(file->plugin, plugin) == NULL ||
        chdir(places->files) != 0) {
        cli_complain("%s: %s", file->path, strerror(errno));
        return ENDED_EARLY;
    }
    log_open(LOG_FORMAT_TEXT, options->verbose ? LOG_DEBUG : LOG_INFO);
    struct run_options run = {.script = &file->script,
                              .file = file->path,
                              .text = file->text.bytes,
                              .length = file->text.length,
                              .plugin = plugin,
                              .copies = places->copies,
                              .bot = options->bot,
                              .config = &file->config,
                              .stop_at =
                                  options->here ? (options->from > 0 ? options->from : 1) : 0,
                              .step_seconds = options->here ? 0 : options->seconds,
                              .progress = progress,
                              .arg = &report,
                              .told = replay_told};
    bool played = run_script(&run, &result, &err);
    if (!played) {
        cli_complain("%s: %s", file->path, err.text);
    } else if (options->update) {
        update(file, real, &result);
    }
    int status = !played ? ENDED_EARLY : result.failed > 0 ? 1 : 0;
    run_finish(&result);
    (void)fflush(stdout);
    return status;
}

static void confine(void) {
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* How the child came to its end, if it was an early one. */
static const char *early_end(const struct replay_options *options, int status,
                             const struct run_progress *progress, char *out, size_t size) {
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
        (void)snprintf(out, size, "the plugin did not return within %u s", options->seconds);
    } else if (WIFSIGNALED(status)) {
        (void)snprintf(out, size, "the plugin crashed: %s", strsignal(WTERMSIG(status)));
    } else if (WIFEXITED(status) && !progress->over && WEXITSTATUS(status) != ENDED_EARLY) {
        (void)snprintf(out, size, "the process ended here with status %d", WEXITSTATUS(status));
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == ENDED_EARLY) {
        (void)snprintf(out, size, "%s", "");
    } else {
        return NULL;
    }
    return out;
}

static const char *play_in_child(const struct replay_options *options,
                                 const struct replay_file *file, const struct places *places,
                                 struct run_progress *progress, char *why, size_t size) {
    int status = 0;
    (void)fflush(stdout);
    /* Ctrl-C ends the child, and us when what it has left is removed. */
    void (*before)(int) = signal(SIGINT, SIG_IGN);
    pid_t child = fork();
    if (child == 0) {
        (void)signal(SIGINT, before);
        confine();
        int result = play_here(options, file, places, progress);
        _exit(result); /* no destructors: the plugin's might do anything */
    }
    if (child < 0) {
        (void)snprintf(why, size, "fork: %s", strerror(errno));
        (void)signal(SIGINT, before);
        return why;
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    (void)signal(SIGINT, before);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) {
        remove_places(places);
        (void)raise(SIGINT);
    }
    return early_end(options, status, progress, why, size);
}

void replay_play(const struct replay_options *options, const struct replay_file *file,
                 struct replay_total *total) {
    struct places places;
    struct replay_report report = {options, file};
    char why[128];
    const char *early = NULL;
    struct run_progress *progress =
        mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED || !make_places(&places)) {
        total->broken++;
        return;
    }
    replay_begin(&report);
    if (options->here) {
        char before[PATH_MAX] = "/";
        char *was = getcwd(before, sizeof(before));
        early = play_here(options, file, &places, progress) == ENDED_EARLY ? "" : NULL;
        (void)(was != NULL ? chdir(before) : 0);
    } else {
        early = play_in_child(options, file, &places, progress, why, sizeof(why));
    }
    remove_places(&places);
    total->passed += progress->passed;
    total->failed += progress->failed + (early != NULL ? 1 : 0);
    total->broken += early != NULL ? 1 : 0;
    replay_end(&report, progress, early);
    (void)munmap(progress, sizeof(*progress));
}
