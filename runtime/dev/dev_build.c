/* dev/dev_build.c: what is saved is built, what is built is loaded. */
#include "dev/dev_inside.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/program.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CMAKE_MOST = 4 << 20 };

static bool see_folder(struct dev *dev, struct err *err) {
    DIR *list = opendir(dev->folder);
    const struct dirent *entry;
    char path[PATH_MAX];
    if (list == NULL) {
        return err_system(err, "%s", dev->folder);
    }
    while ((entry = readdir(list)) != NULL) {
        project_see(&dev->project, entry->d_name);
    }
    (void)closedir(list);
    if (dev->project.cmake && file_join(path, sizeof(path), dev->folder, "CMakeLists.txt")) {
        struct buf text = {0};
        if (!file_read(path, CMAKE_MOST, &text, err)) {
            return false;
        }
        project_see_cmake(&dev->project, text.length > 0 ? text.bytes : "");
        buf_finish(&text);
    }
    return project_decide(&dev->project, dev->options.language, err);
}

static const char *variable(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : otherwise;
}

/* The compiler may be several words, as in CC='ccache gcc'. */
static bool ask_compiler(const char *compiler, const char *question, char *out, size_t size) {
    char shell[] = "sh";
    char option[] = "-c";
    char script[1024];
    char *words[] = {shell, option, script, NULL};
    return snprintf(script, sizeof(script), "exec %s %s", compiler, question) <
               (int)sizeof(script) &&
           place_ask(words, out, size);
}

/* AddressSanitizer's runtime must be there before all else: the host was not built with it. */
static bool find_runtime(struct dev *dev, const char *compiler, bool *clang, struct err *err) {
    char text[PATH_MAX] = "";
    *clang =
        ask_compiler(compiler, "--version", text, sizeof(text)) && strstr(text, "clang") != NULL;
    if (!dev->options.asan) {
        return true;
    }
    if (!ask_compiler(compiler,
                      *clang ? "-print-file-name=libclang_rt.asan-$(uname -m).so"
                             : "-print-file-name=libasan.so",
                      text, sizeof(text)) ||
        text[0] != '/' || access(text, R_OK) != 0) {
        return err_set(err, ERR_NOT_FOUND,
                       "--asan: %s has no runtime of AddressSanitizer (libasan.so)", compiler);
    }
    (void)snprintf(dev->preload, sizeof(dev->preload), "LD_PRELOAD=%s", text);
    return true;
}

static void on_saved(void *arg, const char *name) {
    struct dev *dev = arg;
    settle_changed(&dev->settle, clock_mono_ms());
    dev->ini_dirty = dev->ini_dirty || strcmp(name, "dev.ini") == 0;
    dev_look(dev);
}

static void begin(struct dev *dev) {
    dev->saved_ms = dev->built ? dev->settle.first_ms : 0;
    settle_begin(&dev->settle);
    build_start(dev->build);
}

static void on_due(void *arg) {
    struct dev *dev = arg;
    if (settle_due_ms(&dev->settle, clock_mono_ms()) == 0 && !dev->stopping) {
        begin(dev);
    }
    dev_look(dev);
}

static void tell(struct dev *dev, const struct build_result *result) {
    double seconds = (double)result->took_ms / 1000;
    if (!result->ok) {
        dev_note(dev, "build", "FAILED, %.2f s%s", seconds,
                 dev->host.child != NULL && dev->built ? "; what runs goes on" : "");
    } else {
        dev_note(dev, "build", "%s  %.2f s%s", result->names, seconds,
                 result->changed ? "" : ", as it was");
    }
    if (result->text[0] != '\0') {
        dev_note(dev, "build", "%s", result->text);
    }
}

static void on_built(void *arg, const struct build_result *result) {
    struct dev *dev = arg;
    settle_end(&dev->settle);
    tell(dev, result);
    dev->tried = true;
    if (result->ok) {
        dev->waits_for_build = false;
        if (result->changed || dev->ini_dirty) {
            dev_host_reload(dev, false);
        }
        dev->built = true;
    }
    dev_host_start(dev);
    dev_look(dev);
}

bool dev_build_prepare(struct dev *dev, struct err *err) {
    static struct sdk sdk;
    char out[PATH_MAX + 16];
    struct project_tools tools = {.folder = dev->folder,
                                  .cc = variable("CC", "cc"),
                                  .cxx = variable("CXX", "c++"),
                                  .ninja = program_find("ninja", out, sizeof(out))};
    sdk_find(&sdk);
    (void)snprintf(out, sizeof(out), "%s/build", dev->place);
    tools.out = out;
    tools.cmake = sdk.cmake;
    tools.prefix = sdk.prefix;
    tools.include = sdk.include;
    tools.asan = dev->options.asan;
    if (!see_folder(dev, err)) {
        return false;
    }
    bool asks = dev->project.kind == PROJECT_CMAKE || dev->project.kind == PROJECT_SOURCE;
    if (asks && !find_runtime(dev, dev->project.cpp ? tools.cxx : tools.cc, &tools.clang, err)) {
        return false;
    }
    if (mkdir(out, 0700) != 0) {
        return err_system(err, "%s", out);
    }
    dev->due = loop_timer_create(dev->loop, on_due, dev);
    if (dev->due == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory");
    }
    if (!project_plan(&dev->project, &tools, &dev->plan, err)) {
        return false;
    }
    dev->build = build_create(dev->loop, &dev->plan, dev->folder, dev->plugins, on_built, dev, err);
    dev->sources =
        dev->build == NULL ? NULL : sources_open(dev->loop, dev->folder, on_saved, dev, err);
    return dev->sources != NULL;
}

void dev_build_now(struct dev *dev) {
    settle_changed(&dev->settle, clock_mono_ms() - SETTLE_MOST_MS);
    dev_look(dev);
}
