/* plugin/parked.c: events that ended a plugin's process twice, one file each:
 * STATE_DIR/BOT/parked/PLUGIN.OFFSET. A line of JSON says what it is and how that ended; the
 * record's header and its message follow, as they were in the ring (redacted, therefore). */
#include "plugin/manager.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "gateway/events.h"
#include "plugin/frame.h"
#include "plugin/path.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of one plugin of a bot: so many, and no more once there are so many bytes. */
enum { PARKED_MOST = 10000, PARKED_BYTES_MOST = 256 << 20, FILE_BYTES_MAX = 1088 << 20 };

static bool folder_of(const struct bot *bot, char *out, size_t size) {
    return file_join(out, size, bot->state_dir, "parked");
}

static int is_parked_name(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    uint64_t offset;
    return dot != NULL && dot != entry->d_name && entry->d_name[0] != '.' &&
           text_u64(dot + 1, &offset);
}

static bool path_of(const struct bot *bot, const char *id, uint64_t offset, char *out, size_t size,
                    struct err *err) {
    char folder[PATH_MAX];
    int length = folder_of(bot, folder, sizeof(folder))
                     ? snprintf(out, size, "%s/%s.%" PRIu64, folder, id, offset)
                     : -1;
    return (length > 0 && (size_t)length < size) ||
           err_set(err, ERR_INVALID, "%s: path too long", bot->state_dir);
}

/* The size of one of this plugin's; -1: it is not. */
static int64_t size_of(const char *folder, const char *name, const char *id) {
    char path[PATH_MAX];
    struct stat st;
    size_t length = strlen(id);
    if (strncmp(name, id, length) != 0 || strrchr(name, '.') != name + length) {
        return -1;
    }
    return file_join(path, sizeof(path), folder, name) && stat(path, &st) == 0 ? st.st_size : 0;
}

static bool has_room(const char *folder, const char *id, struct err *err) {
    struct dirent **entries = NULL;
    unsigned events = 0;
    int64_t bytes = 0;
    int count = scandir(folder, &entries, is_parked_name, NULL);
    for (int i = 0; i < count; i++) {
        int64_t size = size_of(folder, entries[i]->d_name, id);
        events += size >= 0;
        bytes += size >= 0 ? size : 0;
        free(entries[i]);
    }
    free(entries);
    return (events < PARKED_MOST && bytes < PARKED_BYTES_MOST) ||
           err_set(
               err, ERR_LIMIT,
               "%u events of %s are parked in %s, %lld MiB: `drey parked` retries or drops them",
               events, id, folder, (long long)(bytes >> 20));
}

static bool describe(const struct plugin *plugin, const struct seat *seat,
                     const struct ring_record *record, const char *how, struct buf *out) {
    const char *name = record->event > 0 && record->event <= EVENT_COUNT
                           ? event_name((enum event_id)record->event)
                           : "unknown";
    return buf_printf(out,
                      "{\"plugin\":\"%s\",\"version\":\"%s\",\"generation\":%u,\"bot\":\"%s\","
                      "\"event\":\"%s\",\"offset\":%" PRIu64 ",\"shard\":%u,\"seq\":%" PRIu64
                      ",\"received_ms\":%" PRIu64 ",\"parked_ms\":%" PRIu64
                      ",\"attempts\":%d,\"how\":\"",
                      plugin->id, plugin->version, plugin->generation, seat->bot->name, name,
                      record->offset, record->shard, record->seq, record->received_ms,
                      clock_wall_ms(), STREAK_ATTEMPTS) &&
           buf_json_text(out, how, strlen(how)) && buf_text(out, "\"}\n");
}

bool parked_write(const struct plugin *plugin, const struct seat *seat, const char *how,
                  struct err *err) {
    struct ring_record record;
    struct buf message = {0};
    struct buf file = {0};
    char folder[PATH_MAX];
    char path[PATH_MAX];
    bool ok = cursor_copy(seat->cursor, seat->bot->ring, &record, &message) ||
              err_set(err, ERR_NOT_FOUND, "it is not in the ring any more");
    ok = ok && folder_of(seat->bot, folder, sizeof(folder)) && file_make_dirs(folder, err) &&
         has_room(folder, plugin->id, err) &&
         path_of(seat->bot, plugin->id, record.offset, path, sizeof(path), err);
    if (ok) {
        ok = describe(plugin, seat, &record, how, &file) &&
             buf_append(&file, &record, sizeof(record)) &&
             buf_append(&file, message.bytes, message.length);
        ok = ok ? file_write(path, file.bytes, file.length, err)
                : err_set(err, ERR_NO_MEMORY, "%s", path);
    }
    buf_finish(&file);
    buf_finish(&message);
    return ok;
}

/* Who waits for the answer of the event at the cursor, if it is an interaction, waits in vain. */
static void tell_user(const struct seat *seat) {
    struct ring_record record;
    struct buf message = {0};
    if (cursor_copy(seat->cursor, seat->bot->ring, &record, &message) &&
        record.event == EVENT_INTERACTION_CREATE && record.d_offset <= record.length &&
        record.d_length <= record.length - record.d_offset) {
        struct path_text text = {(const char *)message.bytes + record.d_offset, record.d_length};
        uint64_t id = path_id(text, path_find(text, path_root(text), "id"));
        if (id != 0 && seat->hand != NULL) {
            hand_tell_lost(seat->hand, id);
        }
    }
    buf_finish(&message);
}

bool parked_set_aside(const struct plugin *plugin, struct seat *seat, uint64_t offset,
                      const char *how, struct err *err) {
    struct log_from from = {.bot = seat->bot->name, .shard = -1, .plugin = plugin->id};
    bool event = cursor_at_event(seat->cursor, seat->bot->ring);
    if (event && !parked_write(plugin, seat, how, err)) {
        return false;
    }
    if (event) {
        tell_user(seat);
    }
    (void)cursor_skip(seat->cursor, seat->bot->ring);
    if (event) {
        log_error(&from, "event %" PRIu64 " is parked after %d attempts: `drey parked` shows it",
                  offset, STREAK_ATTEMPTS);
    } else {
        log_error(&from,
                  "what ends it at %" PRIu64 " is a gap, no event that could be parked: skipped",
                  offset);
    }
    return true;
}

/* Where the offset stands among those that were sent; NULL: it was not. */
static char *find_retried(const struct seat *seat, uint64_t offset) {
    for (size_t at = 0; at < seat->retried.length; at += sizeof(offset)) {
        if (memcmp(seat->retried.bytes + at, &offset, sizeof(offset)) == 0) {
            return seat->retried.bytes + at;
        }
    }
    return NULL;
}

/* False: a lie, or it was sent twice. */
static bool forget_retried(struct seat *seat, uint64_t offset) {
    char *sent = find_retried(seat, offset);
    if (sent == NULL) {
        return false;
    }
    seat->retried.length -= sizeof(offset);
    memmove(sent, seat->retried.bytes + seat->retried.length, sizeof(offset));
    return true;
}

void parked_done(const struct plugin *plugin, struct seat *seat, uint64_t offset) {
    char path[PATH_MAX];
    struct log_from from = {.bot = seat->bot->name, .shard = -1, .plugin = plugin->id};
    if (forget_retried(seat, offset) &&
        path_of(seat->bot, plugin->id, offset, path, sizeof(path), NULL) && unlink(path) == 0) {
        log_info(&from, "event %" PRIu64 " was handled and is not parked any more", offset);
    }
}

void parked_lost(const struct plugin *plugin, struct seat *seat, uint64_t offset) {
    char path[PATH_MAX];
    struct log_from from = {.bot = seat->bot->name, .shard = -1, .plugin = plugin->id};
    if (forget_retried(seat, offset) &&
        path_of(seat->bot, plugin->id, offset, path, sizeof(path), NULL) &&
        access(path, F_OK) == 0) {
        log_error(&from,
                  "event %" PRIu64 " was tried again, attempt %d, and was not handled: it stays "
                  "parked",
                  offset, STREAK_ATTEMPTS + 1);
    }
}

/* ---- For people ---- */

/* name: one that is_parked_name() is content with. */
static struct plugins_parked_id id_of(const struct bot *bot, const char *name) {
    struct plugins_parked_id id = {.bot = bot->name};
    const char *dot = strrchr(name, '.');
    (void)snprintf(id.plugin, sizeof(id.plugin), "%.*s", (int)(dot - name), name);
    (void)text_u64(dot + 1, &id.offset);
    return id;
}

/* Takes a file apart: the line without its end, then what the ring had. */
static bool open_parked(const struct bot *bot, const char *name, struct buf *file,
                        struct plugins_parked *out, struct err *err) {
    char folder[PATH_MAX];
    char path[PATH_MAX];
    buf_clear(file);
    if (!folder_of(bot, folder, sizeof(folder)) || !file_join(path, sizeof(path), folder, name) ||
        !file_read(path, FILE_BYTES_MAX, file, err)) {
        return false;
    }
    char *end = memchr(file->bytes, '\n', file->length);
    size_t line = end != NULL ? (size_t)(end - file->bytes) : 0;
    if (end == NULL || file->length - line - 1 < sizeof(struct ring_record)) {
        return err_set(err, ERR_INVALID, "%s: not a parked event", path);
    }
    *end = '\0';
    *out = (struct plugins_parked){.id = id_of(bot, name),
                                   .name = name,
                                   .line = file->bytes,
                                   .record = end + 1,
                                   .record_bytes = file->length - line - 1};
    out->message = (const char *)out->record + sizeof(struct ring_record);
    out->message_length = out->record_bytes - sizeof(struct ring_record);
    return true;
}

/* Sorted, so that those of one plugin stand together. -1 or 0: there are none. */
static int names_of(const struct bot *bot, struct dirent ***entries) {
    char folder[PATH_MAX];
    *entries = NULL;
    return folder_of(bot, folder, sizeof(folder))
               ? scandir(folder, entries, is_parked_name, versionsort)
               : 0;
}

void plugins_each_parked(struct plugins *plugins, const char *only, plugins_parked_fn *each,
                         void *to) {
    struct buf file = {0};
    for (const struct bot *bot = plugins->bots; bot != NULL; bot = bot->next) {
        struct dirent **entries = NULL;
        int count = only == NULL || strcmp(bot->name, only) == 0 ? names_of(bot, &entries) : 0;
        for (int i = 0; i < count; i++) {
            struct plugins_parked parked;
            struct err err = {0};
            if (open_parked(bot, entries[i]->d_name, &file, &parked, &err)) {
                each(to, &parked);
            } else {
                log_warn(NULL, "%s", err.text);
            }
            free(entries[i]);
        }
        free(entries);
    }
    buf_finish(&file);
}

/* The bot that has it; *err: none, or several. */
static struct bot *owner_of(struct plugins *plugins, const char *bot, const char *name,
                            struct err *err) {
    struct bot *found = NULL;
    struct dirent entry = {0};
    if (!text_copy(entry.d_name, sizeof(entry.d_name), name) || strchr(name, '/') != NULL ||
        !is_parked_name(&entry)) {
        err_set(err, ERR_INVALID, "an event is named as `drey parked list` does: PLUGIN.NUMBER");
        return NULL;
    }
    for (struct bot *one = plugins->bots; one != NULL; one = one->next) {
        char folder[PATH_MAX];
        char path[PATH_MAX];
        if ((bot != NULL && strcmp(one->name, bot) != 0) ||
            !folder_of(one, folder, sizeof(folder)) ||
            !file_join(path, sizeof(path), folder, name) || access(path, F_OK) != 0) {
            continue;
        }
        if (found != NULL) {
            err_set(err, ERR_INVALID, "%s is parked for several bots: say which with --bot NAME",
                    name);
            return NULL;
        }
        found = one;
    }
    if (found == NULL) {
        err_set(err, ERR_NOT_FOUND, "no event %s is parked; `drey parked list` names them", name);
    }
    return found;
}

static bool drop(const struct bot *bot, const char *name, struct err *err) {
    char folder[PATH_MAX];
    char path[PATH_MAX];
    if (!folder_of(bot, folder, sizeof(folder)) || !file_join(path, sizeof(path), folder, name)) {
        return err_set(err, ERR_INVALID, "%s: path too long", bot->state_dir);
    }
    return unlink(path) == 0 || err_system(err, "%s", path);
}

bool plugins_drop_parked(struct plugins *plugins, const char *bot, const char *name,
                         struct plugins_parked_id *id, struct err *err) {
    const struct bot *found = owner_of(plugins, bot, name, err);
    if (found == NULL || !drop(found, name, err)) {
        return false;
    }
    *id = id_of(found, name);
    return true;
}

bool plugins_drop_all_parked(struct plugins *plugins, const char *bot, const char *plugin,
                             size_t *count, struct err *err) {
    bool ok = true;
    *count = 0;
    for (const struct bot *one = plugins->bots; one != NULL; one = one->next) {
        struct dirent **entries = NULL;
        int found = bot == NULL || strcmp(one->name, bot) == 0 ? names_of(one, &entries) : 0;
        for (int i = 0; i < found; i++) {
            struct plugins_parked_id id = id_of(one, entries[i]->d_name);
            if (ok && (plugin == NULL || strcmp(id.plugin, plugin) == 0)) {
                ok = drop(one, entries[i]->d_name, err);
                *count += ok;
            }
            free(entries[i]);
        }
        free(entries);
    }
    return ok;
}

void plugins_count_parked(const struct plugins *plugins, plugins_parked_count_fn *each, void *to) {
    for (const struct bot *bot = plugins->bots; bot != NULL; bot = bot->next) {
        struct dirent **entries;
        struct plugins_parked_id last = {0};
        size_t count = 0;
        int found = names_of(bot, &entries);
        for (int i = 0; i < found; i++) {
            struct plugins_parked_id id = id_of(bot, entries[i]->d_name);
            if (count > 0 && strcmp(id.plugin, last.plugin) != 0) {
                each(to, bot->name, last.plugin, count);
                count = 0;
            }
            count++;
            last = id;
            free(entries[i]);
        }
        if (count > 0) {
            each(to, bot->name, last.plugin, count);
        }
        free(entries);
    }
}

static struct seat *seat_of(struct plugins *plugins, const struct bot *bot, const char *id) {
    struct plugin *plugin = change_find_plugin(plugins, id);
    struct seat *seat = plugin != NULL ? plugin->seats : NULL;
    while (seat != NULL && seat->bot != bot) {
        seat = seat->next;
    }
    return seat != NULL && seat->hand != NULL && !seat->stuck ? seat : NULL;
}

/* Each offset is noted once, however often it is sent: there are no more of them than files. */
static bool retry(struct seat *seat, const struct port_message *head, const void *record) {
    uint64_t offset = head->number;
    bool noted =
        find_retried(seat, offset) != NULL || buf_append(&seat->retried, &offset, sizeof(offset));
    return noted && box_push(seat->hand->mail, head, "", record, 0);
}

/* What no packet can carry would end every process that it is sent to. */
static bool fits(const struct seat *seat, const struct plugins_parked *parked) {
    return seat->hand->warden == NULL ||
           parked->record_bytes + sizeof(struct port_message) + 2 <= FRAME_MESSAGE_MAX;
}

bool plugins_retry_parked(struct plugins *plugins, const char *bot, const char *name,
                          struct plugins_parked_id *id, struct err *err) {
    struct bot *found = owner_of(plugins, bot, name, err);
    struct plugins_parked parked;
    struct ring_record record;
    struct buf file = {0};
    if (found == NULL || !open_parked(found, name, &file, &parked, err)) {
        buf_finish(&file);
        return false;
    }
    *id = parked.id;
    memcpy(&record, parked.record, sizeof(record));
    struct seat *seat = seat_of(plugins, found, id->plugin);
    struct port_message head = {.kind = PORT_AGAIN,
                                .number = record.offset,
                                .extra = STREAK_ATTEMPTS + 1,
                                .data_length = (uint32_t)parked.record_bytes};
    bool ok = false;
    if (seat == NULL) {
        err_set(err, ERR_NOT_FOUND,
                "plugin %s does not run for bot %s now: `drey reload %s` starts it", id->plugin,
                found->name, id->plugin);
    } else if (!fits(seat, &parked)) {
        err_set(err, ERR_LIMIT, "it is too large for a plugin in a process (%zu MiB at most)",
                (size_t)FRAME_MESSAGE_MAX >> 20);
    } else {
        ok = retry(seat, &head, parked.record) || err_set(err, ERR_NO_MEMORY, "no memory");
    }
    buf_finish(&file);
    return ok;
}
