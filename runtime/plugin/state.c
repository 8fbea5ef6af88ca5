/* plugin/state.c: the state of a plugin of a bot on disk: STATE_DIR/BOT/plugins/ID.state.
 * A header and the blob. The header says whether the run that wrote it ended in an orderly way. */
#include "plugin/manager.h"

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STATE_FORMAT = 1 };

struct state_header {
    char magic[8]; /* "dreystat" */
    uint32_t format;
    uint32_t clean;
    uint32_t version; /* the plugin's */
    uint32_t crc;     /* of the blob */
    uint64_t length;
};

bool state_path(const struct bot *bot, const char *id, const char *what, char *out, size_t size) {
    int length = snprintf(out, size, "%s/plugins/%s.%s", bot->state_dir, id, what);
    return length > 0 && (size_t)length < size;
}

static bool judge(const struct buf *file, struct state_header *header) {
    if (file->length < sizeof(*header)) {
        return false;
    }
    memcpy(header, file->bytes, sizeof(*header));
    return memcmp(header->magic, "dreystat", 8) == 0 && header->format == STATE_FORMAT &&
           header->length == file->length - sizeof(*header) &&
           header->crc == text_crc32c(0, file->bytes + sizeof(*header), header->length);
}

bool state_read(const struct bot *bot, const char *id, struct state *state, struct err *err) {
    char path[PATH_MAX];
    struct buf file = {0};
    struct state_header header;
    state->there = false;
    if (!state_path(bot, id, "state", path, sizeof(path))) {
        return err_set(err, ERR_INVALID, "%s: path too long", bot->state_dir);
    }
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        return true;
    }
    bool ok = file_read(path, PORT_BLOB_MAX + sizeof(header), &file, err);
    if (ok && !judge(&file, &header)) {
        ok = err_set(err, ERR_PLUGIN,
                     "its saved state %s is damaged: move it away to start from nothing", path);
    }
    if (ok) {
        buf_clear(&state->data);
        ok = buf_append(&state->data, file.bytes + sizeof(header), header.length) ||
             err_set(err, ERR_NO_MEMORY, "%s", path);
        state->there = ok;
        state->version = header.version;
        state->reason = header.clean != 0 ? DREY_REASON_RESTART : DREY_REASON_CRASH;
    }
    buf_finish(&file);
    return ok;
}

bool state_fetch(struct seat *seat, const char *id, struct err *err) {
    seat->state.there = false;
    if (seat->hand == NULL || seat->stuck) {
        return state_read(seat->bot, id, &seat->state, err);
    }
    const struct port_message *held = hand_answer(seat->hand);
    buf_clear(&seat->state.data);
    if (held->extra != 0) {
        seat->state.there = buf_append(&seat->state.data, port_data(held), held->data_length);
        seat->state.version = (uint32_t)held->number;
        seat->state.reason = DREY_REASON_RELOAD;
        return seat->state.there || err_set(err, ERR_NO_MEMORY, "saved state");
    }
    return true;
}

bool state_write(const struct bot *bot, const char *id, uint32_t version, const void *data,
                 size_t length, bool clean, struct err *err) {
    char path[PATH_MAX];
    char folder[PATH_MAX];
    struct buf file = {0};
    struct state_header header = {.magic = "dreysta",
                                  .format = STATE_FORMAT,
                                  .clean = clean,
                                  .version = version,
                                  .crc = text_crc32c(0, data, length),
                                  .length = length};
    header.magic[7] = 't';
    if (!state_path(bot, id, "state", path, sizeof(path)) ||
        !file_join(folder, sizeof(folder), bot->state_dir, "plugins")) {
        return err_set(err, ERR_INVALID, "%s: path too long", bot->state_dir);
    }
    bool ok = buf_append(&file, &header, sizeof(header)) && buf_append(&file, data, length);
    ok = ok ? file_make_dirs(folder, err) && file_write(path, file.bytes, file.length, err)
            : err_set(err, ERR_NO_MEMORY, "%s", path);
    buf_finish(&file);
    return ok;
}

void state_remove(const struct bot *bot, const char *id) {
    char path[PATH_MAX];
    if (state_path(bot, id, "state", path, sizeof(path)) && unlink(path) != 0 && errno != ENOENT) {
        log_warn(NULL, "%s: an old state cannot be removed: %s", path, strerror(errno));
    }
}

void state_mark_begun(const struct bot *bot, const char *id) {
    char path[PATH_MAX];
    uint32_t clean = 0;
    if (!state_path(bot, id, "state", path, sizeof(path))) {
        return;
    }
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return;
    }
    off_t place = (off_t)offsetof(struct state_header, clean);
    if (pwrite(fd, &clean, sizeof(clean), place) != (ssize_t)sizeof(clean)) {
        log_warn(NULL, "%s: cannot be marked as in use: %s", path, strerror(errno));
    }
    close(fd);
}
