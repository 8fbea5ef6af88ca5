/* plugin/new.c: writes a template (sdk/template, part of the binary) with the plugin's name. */
#include "plugin/new.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/program.h"
#include "base/text.h"
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

enum { COMMAND_MOST = 32 /* characters of a command's name */ };

struct request {
    const char *name;
    const char *dir;
    const char *language;
    char ident[64];
    char command[COMMAND_MOST + 1];
};

static const struct {
    const char *name;
    const char *shown;
} languages[] = {{"c", "C"}, {"cpp", "C++"}, {"rust", "Rust"}, {"zig", "Zig"}};
enum { LANGUAGES = sizeof(languages) / sizeof(languages[0]) };

/* What was made, to be taken back. */
struct made {
    char *paths[32];
    size_t count;
};

static bool good_name(const char *name, struct err *err) {
    /* Targets that CMake keeps to itself. */
    static const char *const taken[] = {"all",   "clean",   "help",           "install",
                                        "test",  "package", "package_source", "edit_cache",
                                        "depend"};
    size_t length = strlen(name);
    if (length == 0 || length >= 64 || name[0] == '-' ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != length) {
        return err_set(err, ERR_INVALID,
                       "'%.80s': a plugin's name is made of a-z, 0-9, _ and -, at most 63", name);
    }
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (strcmp(name, taken[i]) == 0) {
            return err_set(err, ERR_INVALID, "'%s' is a word of the build tool's; take another",
                           name);
        }
    }
    return true;
}

static const char *shown_language(const char *name) {
    for (size_t i = 0; i < LANGUAGES; i++) {
        if (strcmp(languages[i].name, name) == 0) {
            return languages[i].shown;
        }
    }
    return NULL;
}

static bool parse(int argc, char **argv, struct request *request, struct err *err) {
    request->language = "c";
    for (int i = 1; i < argc; i++) {
        bool dir = strcmp(argv[i], "--dir") == 0;
        if (dir || strcmp(argv[i], "--lang") == 0) {
            if (i + 1 == argc) {
                return err_set(err, ERR_INVALID, "%s needs a value", argv[i]);
            }
            *(dir ? &request->dir : &request->language) = argv[i + 1];
            i++;
        } else if (argv[i][0] == '-') {
            return err_set(err, ERR_INVALID, "unknown option '%.80s'", argv[i]);
        } else if (request->name != NULL) {
            return err_set(err, ERR_INVALID, "one name, got '%.80s' too", argv[i]);
        } else {
            request->name = argv[i];
        }
    }
    if (request->name == NULL) {
        return err_set(err, ERR_INVALID, "the name is missing");
    }
    if (shown_language(request->language) == NULL) {
        return err_set(err, ERR_INVALID, "--lang is c, cpp, rust or zig, not '%.80s'",
                       request->language);
    }
    return good_name(request->name, err);
}

static void derive(struct request *request) {
    request->dir = request->dir != NULL ? request->dir : request->name;
    text_copy(request->ident, sizeof(request->ident), request->name);
    for (char *at = request->ident; *at != '\0'; at++) {
        *at = *at == '-' ? '_' : *at;
    }
    text_copy(request->command, sizeof(request->command), request->name);
}

/* Every mark becomes what it stands for; an @ that begins none stays. */
static bool fill_in(const char *text, const struct request *request, struct buf *out) {
    const struct {
        const char *mark;
        const char *value;
    } marks[] = {
        {"@NAME@", request->name}, {"@IDENT@", request->ident}, {"@COMMAND@", request->command}};
    bool ok = true;
    while (*text != '\0' && ok) {
        size_t plain = strcspn(text, "@");
        ok = buf_append(out, text, plain);
        text += plain;
        size_t i = 0;
        while (i < 3 && strncmp(text, marks[i].mark, strlen(marks[i].mark)) != 0) {
            i++;
        }
        if (i < 3) {
            ok = buf_text(out, marks[i].value) && ok;
            text += strlen(marks[i].mark);
        } else if (*text != '\0') {
            ok = buf_append(out, text++, 1) && ok;
        }
    }
    return ok;
}

/* Remembers that this path is ours. */
static bool note_made(struct made *made, const char *path, struct err *err) {
    char *copy = made->count < sizeof(made->paths) / sizeof(made->paths[0]) ? strdup(path) : NULL;
    if (copy == NULL) {
        return err_set(err, ERR_NO_MEMORY, "%s", path);
    }
    made->paths[made->count++] = copy;
    return true;
}

/* undo: the last made goes first, so that folders are empty when their turn comes. */
static void finish_made(struct made *made, bool undo) {
    while (made->count > 0) {
        char *path = made->paths[--made->count];
        if (undo) {
            (void)remove(path);
        }
        free(path);
    }
}

static bool make_dir(const char *path, struct made *made, struct err *err) {
    if (mkdir(path, 0777) != 0) {
        return errno == EEXIST || err_system(err, "%s", path);
    }
    if (!note_made(made, path, err)) {
        (void)rmdir(path);
        return false;
    }
    return true;
}

/* The folders of the path that are below the plugin's. */
static bool make_parents(char *path, size_t below, struct made *made, struct err *err) {
    for (char *at = strchr(path + below, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        bool ok = make_dir(path, made, err);
        *at = '/';
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool write_new(const char *path, const struct buf *text, struct made *made,
                      struct err *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        return errno == EEXIST
                   ? err_set(err, ERR_INVALID, "%s is there already; nothing was written", path)
                   : err_system(err, "%s", path);
    }
    if (!note_made(made, path, err)) {
        (void)unlink(path);
        (void)close(fd);
        return false;
    }
    bool ok = file_write_all(fd, text->bytes, text->length);
    ok = close(fd) == 0 && ok;
    return ok || err_system(err, "%s", path);
}

static bool write_file(const struct request *request, const struct template_file *file,
                       struct made *made, struct err *err) {
    struct buf name = {0};
    struct buf text = {0};
    char path[PATH_MAX];
    bool ok = fill_in(file->name, request, &name) && fill_in(file->text, request, &text);
    if (!ok) {
        err_set(err, ERR_NO_MEMORY, "%s", file->name);
    } else if (!file_join(path, sizeof(path), request->dir, name.bytes)) {
        ok = err_set(err, ERR_INVALID, "%s: path too long", request->dir);
    } else {
        ok = make_parents(path, strlen(request->dir) + 1, made, err) &&
             write_new(path, &text, made, err);
    }
    buf_finish(&name);
    buf_finish(&text);
    return ok;
}

static bool write_all(const struct request *request, struct err *err) {
    struct made made = {0};
    bool ok = make_dir(request->dir, &made, err);
    for (size_t i = 0; i < template_file_count && ok; i++) {
        if (strcmp(template_files[i].language, request->language) == 0) {
            ok = write_file(request, &template_files[i], &made, err);
        }
    }
    finish_made(&made, !ok);
    return ok;
}

/* What to type for this program: its name where the shell finds it by that, else its path. */
static const char *callable(void) {
    char path[PATH_MAX];
    struct stat there;
    struct stat own;
    bool same = program_find("drey", path, sizeof(path)) && stat(path, &there) == 0 &&
                stat("/proc/self/exe", &own) == 0 && there.st_ino == own.st_ino &&
                there.st_dev == own.st_dev;
    return same ? "drey" : program_path();
}

int new_main(int argc, char **argv) {
    struct request request = {0};
    struct err err = {0};
    if (!parse(argc, argv, &request, &err)) {
        (void)fprintf(stderr, "drey new: %s; see: drey new --help\n", err.text);
        return 2;
    }
    derive(&request);
    if (!write_all(&request, &err)) {
        (void)fprintf(stderr, "drey new: %s\n", err.text);
        return 1;
    }
    (void)printf(
        "%s: a plugin in %s that answers /%s. To run it and chat with it:\n\n"
        "    cd %s\n"
        "    %s dev\n\n"
        "README.md there tells how to build it for a bot; what else it can do: sdk/README.md\n",
        request.dir, shown_language(request.language), request.command, request.dir, callable());
    return 0;
}
