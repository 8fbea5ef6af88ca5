/* store/zones.c: reads a zone's file below $TZDIR or where Debian has it. A name is a plugin's
 * word: it must not lead elsewhere. */
#include "store/zones.h"

#include "base/file.h"
#include "store/store.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 256 << 10 };

static bool good_name(const char *name) {
    static const char marks[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";
    size_t length = strnlen(name, STORE_ZONE_MAX + 1);
    return length > 0 && length <= STORE_ZONE_MAX && strspn(name, marks) == length &&
           name[0] != '/' && name[length - 1] != '/' && strstr(name, "//") == NULL;
}

bool zones_find(const char *name, struct zone *zone, struct err *err) {
    char path[PATH_MAX];
    struct buf bytes = {0};
    struct err why = {0};
    const char *folder = getenv("TZDIR");
    *zone = (struct zone){0};
    if (name == NULL || strcmp(name, "UTC") == 0) {
        return true;
    }
    folder = folder != NULL && folder[0] == '/' ? folder : "/usr/share/zoneinfo";
    if (!good_name(name) || !file_join(path, sizeof(path), folder, name)) {
        return err_set(err, ERR_INVALID, "\"%.*s\" is no name of a time zone", STORE_ZONE_MAX,
                       name);
    }
    bool ok = file_read(path, FILE_BYTES_MAX, &bytes, &why);
    if (!ok && why.code == ERR_NO_MEMORY) {
        err_set(err, ERR_NO_MEMORY, "%s", path);
    } else if (!ok) {
        err_set(err, ERR_INVALID,
                "time zone \"%s\": %s (a slip of the pen, or the package tzdata is not installed)",
                name, why.text);
    }
    ok = ok && (zone_read(bytes.bytes, bytes.length, zone, err) || err_prefix(err, "%s", path));
    buf_finish(&bytes);
    return ok;
}
