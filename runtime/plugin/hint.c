/* plugin/hint.c: looks for the words of EACCES, EPERM and ENOMEM, and for a path beside them. */
#include "plugin/hint.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { PATH_SHOWN = 100 };

/* As libc, Rust, Go and Zig put it; without a network no name is resolved, either. */
static const char *const refusals[] = {"Permission denied",
                                       "permission denied",
                                       "Operation not permitted",
                                       "operation not permitted",
                                       "PermissionDenied",
                                       "AccessDenied",
                                       "EACCES",
                                       "EPERM",
                                       "name resolution",
                                       "resolve host"};

/* C, C++, Rust, Go and Zig without memory. */
static const char *const shortages[] = {
    "Cannot allocate memory", "bad_alloc",   "memory allocation of",
    "out of memory",          "OutOfMemory", "ENOMEM"};

/* What is beside them when it was the network. */
static const char *const networks[] = {"socket",          "Socket",       "connect", "Connect",
                                       "name resolution", "resolve host", "network", "Network"};

static bool has_one(const char *said, size_t length, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (memmem(said, length, words[i], strlen(words[i])) != NULL) {
            return true;
        }
    }
    return false;
}

#define HAS_ONE(said, length, words)                                                               \
    has_one(said, length, words, sizeof(words) / sizeof((words)[0]))

/* The first word that is an absolute path. False: there is none, or it is too long to be shown. */
static bool find_path(const char *said, size_t length, char out[PATH_SHOWN]) {
    static const char around[] = " \t\n\"'`:,;()<>";
    for (size_t i = 0; i + 1 < length; i++) {
        bool begins = i == 0 || strchr(around, said[i - 1]) != NULL;
        if (said[i] != '/' || !begins) {
            continue;
        }
        size_t end = i;
        while (end < length && said[end] != '\0' && strchr(around, said[end]) == NULL) {
            end++;
        }
        if (end - i > 1 && end - i < PATH_SHOWN) {
            memcpy(out, said + i, end - i);
            out[end - i] = '\0';
            return text_plain(out, PATH_SHOWN, out) != NULL;
        }
    }
    return false;
}

bool hint_write(const char *plugin, const char *said, size_t length, char out[HINT_BYTES]) {
    static const char *const begin = "if its sandbox refused that:";
    static const char *const end = "; then `drey reload --config`";
    char path[PATH_SHOWN];
    if (HAS_ONE(said, length, shortages)) {
        snprintf(out, HINT_BYTES,
                 "if its process has no more: `memory = SIZE` in [plugin:%s] says how much it may "
                 "have%s",
                 plugin, end);
        return true;
    }
    if (!HAS_ONE(said, length, refusals)) {
        return false;
    }
    if (find_path(said, length, path)) {
        snprintf(out, HINT_BYTES,
                 "%s `allow_read = %s` in [plugin:%s] lets it read that, `allow_write = %s` "
                 "write it%s",
                 begin, path, plugin, path, end);
    } else if (HAS_ONE(said, length, networks)) {
        snprintf(out, HINT_BYTES,
                 "%s `allow_network = yes` in [plugin:%s], or allow_connect with the ports it "
                 "needs, lets it out%s",
                 begin, plugin, end);
    } else {
        snprintf(out, HINT_BYTES,
                 "%s allow_read, allow_write, allow_connect and allow_network in [plugin:%s] say "
                 "what it may use%s",
                 begin, plugin, end);
    }
    return true;
}

void hint_append(const char *plugin, struct err *err) {
    char hint[HINT_BYTES];
    size_t used = err != NULL ? strlen(err->text) : 0;
    if (used > 0 && hint_write(plugin, err->text, used, hint) &&
        used + strlen(hint) + 3 < sizeof(err->text)) {
        snprintf(err->text + used, sizeof(err->text) - used, "; %s", hint);
    }
}
