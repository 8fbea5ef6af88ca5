/* plugin/image.c: the one file that calls dl*.
 *
 * dlclose() answers 0 even when it unmapped nothing (unique symbols, thread_local destructors);
 * so it is asked afterwards whether the file is still there. */
#include "plugin/image.h"

#include "base/file.h"
#include "base/text.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct image {
    char path[PATH_MAX];
    char lingers[24];
    void *library;
    const drey_plugin *entry;
};

bool image_copy(const char *path, const void *bytes, size_t length, struct err *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0500);
    if (fd < 0) {
        return err_system(err, "private copy %s", path);
    }
    bool ok = file_write_all(fd, bytes, length);
    int saved = errno;
    ok = close(fd) == 0 && ok;
    if (!ok) {
        unlink(path);
        errno = saved;
        return err_system(err, "private copy %s", path);
    }
    return true;
}

static bool check_entry(const drey_plugin *entry, const struct note *note, struct err *err) {
    if (entry == NULL) {
        return err_set(err, ERR_PLUGIN, "has no symbol drey_plugin_v1 (DREY_PLUGIN missing?)");
    }
    if (entry->size < sizeof(*entry)) {
        return err_set(err, ERR_PLUGIN, "its descriptor has %u bytes, at least %zu are needed",
                       entry->size, sizeof(*entry));
    }
    if (entry->abi_major != note->abi_major || entry->abi_minor != note->abi_minor) {
        return err_set(err, ERR_PLUGIN, "its note says ABI %u.%u, its descriptor %u.%u",
                       note->abi_major, note->abi_minor, entry->abi_major, entry->abi_minor);
    }
    if (entry->id == NULL || entry->version == NULL || entry->init == NULL) {
        return err_set(err, ERR_PLUGIN, "its descriptor lacks id, version or init");
    }
    if (strcmp(entry->id, note->id) != 0 || strcmp(entry->version, note->version) != 0) {
        return err_set(err, ERR_PLUGIN, "its note says %s %s, its descriptor %.64s %.32s", note->id,
                       note->version, entry->id, entry->version);
    }
    return true;
}

/* "failed to map segment" does not say why. */
static const char *forbidden(const char *path) {
    struct statvfs place;
    return statvfs(path, &place) == 0 && (place.f_flag & ST_NOEXEC) != 0
               ? ": state_dir lies on a file system mounted noexec, and plugins run from copies "
                 "there"
               : "";
}

struct image *image_open(const char *path, const struct note *note, struct err *err) {
    struct image *image = calloc(1, sizeof(*image));
    if (image == NULL || !text_copy(image->path, sizeof(image->path), path)) {
        err_set(err, ERR_NO_MEMORY, "plugin image %s", path);
        free(image);
        return NULL;
    }
    memcpy(image->lingers, note->lingers, sizeof(image->lingers));
    image->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (image->library == NULL) {
        const char *text = dlerror();
        size_t prefix = strlen(path);
        if (strncmp(text, path, prefix) == 0 && strncmp(text + prefix, ": ", 2) == 0) {
            text += prefix + 2; /* nobody knows the private copy's name */
        }
        err_set(err, ERR_PLUGIN, "%s%s", text, forbidden(path));
        goto fail;
    }
    image->entry = dlsym(image->library, "drey_plugin_v1");
    if (!check_entry(image->entry, note, err)) {
        goto fail;
    }
    return image;
fail:
    image_close(image, NULL, 0);
    return NULL;
}

const drey_plugin *image_entry(const struct image *image) {
    return image->entry;
}

struct range {
    ElfW(Addr) base;
    ElfW(Addr) start;
    ElfW(Addr) end;
};

static int find_range(struct dl_phdr_info *info, size_t size, void *arg) {
    struct range *range = arg;
    if (info->dlpi_addr != range->base) {
        return 0;
    }
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        ElfW(Addr) end = info->dlpi_addr + segment->p_vaddr + segment->p_memsz;
        if (segment->p_type == PT_LOAD && end > range->end) {
            range->end = end;
        }
    }
    range->start = info->dlpi_addr;
    return 1;
}

/* A signal handler of the plugin's that is still installed; 0 for none. */
static int handler_left(const struct image *image) {
    struct link_map *map = NULL;
    if (dlinfo(image->library, RTLD_DI_LINKMAP, &map) != 0) {
        return 0;
    }
    struct range range = {.base = map->l_addr};
    dl_iterate_phdr(find_range, &range);
    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) != 0) {
            continue;
        }
        uintptr_t place = (uintptr_t)action.sa_sigaction;
        if (place >= range.start && place < range.end) {
            return number;
        }
    }
    return 0;
}

static bool reason(char *why, size_t size, const char *text, const char *name) {
    if (why != NULL) {
        snprintf(why, size, "%s%s", text, name);
    }
    return false;
}

static bool unmap(struct image *image, char *why, size_t size) {
    if (image->lingers[0] != '\0') {
        return reason(why, size, "it uses ", image->lingers);
    }
    int number = handler_left(image);
    if (number != 0) {
        return reason(why, size, "it left a handler for ", strsignal(number));
    }
    dlclose(image->library);
    void *still = dlopen(image->path, RTLD_LAZY | RTLD_NOLOAD);
    if (still != NULL) {
        dlclose(still);
        return reason(why, size, "the dynamic linker did not let it go", "");
    }
    return true;
}

bool image_close(struct image *image, char *why, size_t size) {
    if (image == NULL) {
        return true;
    }
    bool gone = image->library == NULL || unmap(image, why, size);
    free(image);
    return gone;
}
