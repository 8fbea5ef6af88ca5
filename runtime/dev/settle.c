/* dev/settle.c: names and times. Pure. */
#include "dev/settle.h"

#include <stddef.h>
#include <string.h>

bool settle_file_matters(const char *name) {
    static const char *const whole[] = {"CMakeLists.txt", "CMakePresets.json", "Makefile",
                                        "Cargo.toml", "dev.ini"};
    static const char *const ends[] = {".c",     ".h",   ".cc",  ".cpp", ".cxx", ".hh",
                                       ".hpp",   ".hxx", ".inc", ".ipp", ".def", ".S",
                                       ".cmake", ".map", ".rs",  ".zig", ".zon"};
    const char *dot = strrchr(name, '.');
    if (name[0] == '.' || name[0] == '#') {
        return false;
    }
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        if (strcmp(name, whole[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; dot != NULL && i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (strcmp(dot, ends[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool settle_folder_matters(const char *name) {
    static const char *const not [] = {"build", "target", "zig-out", "zig-cache", "node_modules"};
    for (size_t i = 0; i < sizeof(not ) / sizeof(not [0]); i++) {
        if (strcmp(name, not [i]) == 0) {
            return false;
        }
    }
    return name[0] != '.' && strncmp(name, "cmake-build", 11) != 0;
}

void settle_changed(struct settle *settle, uint64_t now_ms) {
    settle->first_ms = settle->dirty ? settle->first_ms : now_ms;
    settle->last_ms = now_ms;
    settle->dirty = true;
}

uint64_t settle_due_ms(const struct settle *settle, uint64_t now_ms) {
    if (!settle->dirty || settle->building) {
        return UINT64_MAX;
    }
    uint64_t quiet = settle->last_ms + SETTLE_QUIET_MS;
    uint64_t most = settle->first_ms + SETTLE_MOST_MS;
    uint64_t due = quiet < most ? quiet : most;
    return due > now_ms ? due - now_ms : 0;
}

void settle_begin(struct settle *settle) {
    settle->building = true;
    settle->dirty = false;
}

void settle_end(struct settle *settle) {
    settle->building = false;
}
