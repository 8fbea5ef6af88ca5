/* plugin/new.c: writes the template (sdk/template, part of the binary) with the plugin's name. */
#include "plugin/new.h"

#include "base/buf.h"
#include "base/err.h"
#include "plugin/template_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct request {
    const char *name;
    const char *dir;
};

static bool good_name(const char *name) {
    size_t length = strlen(name);
    return length > 0 && length < 64 && name[0] != '-' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}

static bool parse(int argc, char **argv, struct request *request) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--dir") == 0 && i + 1 < argc) {
            request->dir = argv[++i];
        } else if (request->name == NULL && argv[i][0] != '-') {
            request->name = argv[i];
        } else {
            return false;
        }
    }
    return request->name != NULL;
}

/* Every @NAME@ becomes the name. */
static bool fill_in(const char *text, const char *name, struct buf *out) {
    static const char mark[] = "@NAME@";
    const char *place;
    bool ok = true;
    while ((place = strstr(text, mark)) != NULL) {
        ok = buf_append(out, text, (size_t)(place - text)) && buf_text(out, name) && ok;
        text = place + sizeof(mark) - 1;
    }
    return buf_text(out, text) && ok;
}

static bool write_new(const char *path, const struct buf *text, struct err *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        return err_system(err, "%s", path);
    }
    bool ok = write(fd, text->bytes, text->length) == (ssize_t)text->length;
    ok = close(fd) == 0 && ok;
    return ok || err_system(err, "%s", path);
}

/* The folder that a file of the template stands in. */
static bool make_folder(const char *path, struct err *err) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof(folder), "%s", path);
    char *slash = strrchr(folder, '/');
    *slash = '\0';
    return mkdir(folder, 0777) == 0 || errno == EEXIST || err_system(err, "%s", folder);
}

static bool write_file(const struct request *request, const struct template_file *file,
                       struct err *err) {
    struct buf name = {0};
    struct buf text = {0};
    char path[PATH_MAX];
    bool ok =
        fill_in(file->name, request->name, &name) && fill_in(file->text, request->name, &text);
    if (!ok) {
        err_set(err, ERR_NO_MEMORY, "%s", file->name);
    } else if (snprintf(path, sizeof(path), "%s/%s", request->dir, name.bytes) >=
               (int)sizeof(path)) {
        ok = err_set(err, ERR_INVALID, "%s: path too long", request->dir);
    } else {
        ok = make_folder(path, err) && write_new(path, &text, err);
    }
    buf_finish(&name);
    buf_finish(&text);
    return ok;
}

static bool write_all(const struct request *request, struct err *err) {
    if (mkdir(request->dir, 0777) != 0 && errno != EEXIST) {
        return err_system(err, "%s", request->dir);
    }
    for (size_t i = 0; i < template_file_count; i++) {
        if (!write_file(request, &template_files[i], err)) {
            return false;
        }
    }
    return true;
}

/* Where the CMake package lies when this binary runs from its build folder; "" when installed. */
static void find_package(char *out, size_t size) {
    char self[PATH_MAX] = "";
    char config[PATH_MAX + 32];
    char real[PATH_MAX];
    out[0] = '\0';
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) <= 0) {
        return;
    }
    char *slash = strrchr(self, '/');
    if (slash == NULL) {
        return;
    }
    *slash = '\0';
    snprintf(config, sizeof(config), "%s/../sdk", self);
    if (realpath(config, real) == NULL) {
        return;
    }
    snprintf(config, sizeof(config), "%s/dreyConfig.cmake", real);
    if (access(config, R_OK) == 0) {
        snprintf(out, size, " -Ddrey_DIR=%s", real);
    }
}

int new_main(int argc, char **argv) {
    struct request request = {0};
    struct err err = {0};
    char package[PATH_MAX + 16];
    if (!parse(argc, argv, &request)) {
        fprintf(stderr, "usage: drey new NAME [--dir DIR]\n");
        return 2;
    }
    if (!good_name(request.name)) {
        fprintf(stderr,
                "drey new: '%s': a plugin's name is made of a-z, 0-9, _ and -, at most 63\n",
                request.name);
        return 2;
    }
    request.dir = request.dir != NULL ? request.dir : request.name;
    if (!write_all(&request, &err)) {
        fprintf(stderr, "drey new: %s\n", err.text);
        return 1;
    }
    find_package(package, sizeof(package));
    printf("%s: a plugin that says hello. To build it:\n\n"
           "    cd %s\n"
           "    cmake -B build%s && cmake --build build\n\n"
           "then put build/%s.so into drey's plugin_dir. What else it can do: sdk/README.md\n",
           request.dir, request.dir, package, request.name);
    return 0;
}
