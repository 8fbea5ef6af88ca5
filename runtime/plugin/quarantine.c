/* plugin/quarantine.c: what a plugin on a thread did to the host in the runs before. An event that
 * two attempts did not survive is parked; a plugin that ended the host several times in a row is
 * not started, so that whoever restarts drey does not do so for ever.
 *
 * STATE_DIR/BOT/plugins/ID.crash is the note of the last crash (blame.h), ID.streak what has been
 * counted since the plugin last stopped in order: "1 HASH IN_ROW ATTEMPTS OFFSET". A run that
 * somebody else ended says nothing about it. */
#include "plugin/manager.h"

#include "base/file.h"
#include "base/log.h"
#include "plugin/blame.h"
#include "plugin/report.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STREAK_BYTES_MAX = 256 };

struct record {
    uint64_t hash;
    struct streak streak;
};

/* What cannot be read counts as nothing. */
static void read_record(const char *path, struct record *record) {
    struct buf text = {0};
    unsigned in_row;
    unsigned attempts;
    *record = (struct record){0};
    struct record found = {0};
    if (file_read(path, STREAK_BYTES_MAX, &text, NULL) &&
        sscanf(text.bytes, "1 %" SCNx64 " %u %u %" SCNu64, &found.hash, &in_row, &attempts,
               &found.streak.offset) == 4) {
        found.streak.in_row = in_row;
        found.streak.attempts = attempts;
        *record = found;
    }
    buf_finish(&text);
}

static void write_record(const char *path, const struct record *record) {
    char text[STREAK_BYTES_MAX];
    struct err err = {0};
    int length = snprintf(text, sizeof(text), "1 %" PRIx64 " %u %u %" PRIu64 "\n", record->hash,
                          record->streak.in_row, record->streak.attempts, record->streak.offset);
    if (!file_write(path, text, (size_t)length, &err)) {
        log_error(NULL, "%s: crashes are not counted: %s", path, err.text);
    }
}

/* "SIGSEGV ..., in MESSAGE_CREATE" into how; the log gets that and where it was. */
static void tell(const struct log_from *from, const struct candidate *candidate,
                 const struct blame_note *note, uint64_t offset, uint32_t attempt,
                 struct buf *how) {
    struct buf trace = {0};
    char event[64] = "";
    bool same = note->hash == candidate->hash;
    report_signal((int)note->words.signal, &note->words, how);
    bool own = note->own_thread != 0;
    (void)buf_printf(how, ", %s %s", own ? "on" : "in",
                     own ? "a thread of its own" : report_doing(note->doing, true));
    if (offset != STREAK_NO_EVENT) {
        (void)snprintf(event, sizeof(event), ", event %" PRIu64 ", attempt %u", offset, attempt);
    } else if (note->doing == worker_doing(WORKER_MAIL, PORT_AGAIN)) {
        (void)snprintf(event, sizeof(event), ": it stays parked");
    }
    log_error(from, "gen %u crashed and ended drey: %s%s", note->generation, how->bytes, event);
    report_trace(&note->words, candidate->bytes.bytes, same ? candidate->bytes.length : 0, &trace);
    for (char *line = trace.bytes, *end; line != NULL && *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        log_error(from, "  %.*s", (int)(end - line), line);
    }
    buf_finish(&trace);
}

/* What was noted as in flight is so still: else the cursor is not at what would be set aside. */
static uint64_t offset_of(const struct seat *seat, const struct blame_note *note) {
    return note->offset == cursor_in_flight(seat->cursor) ? note->offset : STREAK_NO_EVENT;
}

/* One more crash: counted, and the event set aside that has had its attempts. */
static void count(const struct log_from *from, const struct plugin *plugin, struct seat *seat,
                  uint64_t offset, uint64_t lived_ms, const char *how, struct record *record) {
    static const struct streak_limits none = {0}; /* how often is asked for by the caller */
    struct streak_verdict verdict = streak_end(&record->streak, &none, offset, lived_ms);
    struct err err = {0};
    if (verdict.park && !parked_set_aside(plugin, seat, offset, how, &err)) {
        log_error(from, "event %" PRIu64 " cannot be parked: %s", offset, err.text);
    }
}

static void look_at(const struct candidate *candidate, const struct plugin *plugin,
                    struct seat *seat, const struct blame_note *note, bool counts,
                    struct record *record) {
    struct log_from from = {.bot = seat->bot->name, .shard = -1, .plugin = candidate->note.id};
    uint64_t offset = offset_of(seat, note);
    bool again = record->streak.attempts > 0 && record->streak.offset == offset;
    struct buf how = {0};
    tell(&from, candidate, note, offset, again ? record->streak.attempts + 1 : 1, &how);
    if (counts && note->hash == candidate->hash) {
        count(&from, plugin, seat, offset, note->lived_ms, how.bytes, record);
    }
    buf_finish(&how);
}

bool quarantine_look(struct plugins *plugins, const struct plugin *plugin,
                     const struct candidate *candidate, struct seat *seat, bool force,
                     uint32_t *in_row, struct err *err) {
    char folder[PATH_MAX];
    char crash[PATH_MAX];
    char path[PATH_MAX];
    struct record record;
    struct blame_note note;
    struct isolation isolation;
    if (!file_join(folder, sizeof(folder), seat->bot->state_dir, "plugins") ||
        !state_path(seat->bot, candidate->note.id, "crash", crash, sizeof(crash)) ||
        !state_path(seat->bot, candidate->note.id, "streak", path, sizeof(path))) {
        return err_set(err, ERR_INVALID, "%s: path too long", seat->bot->state_dir);
    }
    seat_isolation(plugins, seat->bot->name, candidate->note.id, &isolation);
    bool counts = !isolation.process; /* a process cannot end the host */
    read_record(path, &record);
    if (record.hash != candidate->hash || force || !counts) { /* another chance */
        record = (struct record){.hash = candidate->hash};
    }
    if (blame_take(crash, &note)) {
        look_at(candidate, plugin, seat, &note, counts, &record);
    }
    *in_row = record.streak.in_row;
    if (*in_row > 0) {
        write_record(path, &record);
    } else {
        (void)unlink(path);
    }
    return file_make_dirs(folder, err); /* there must be room for a note */
}

bool quarantine_judge(const struct plugins *plugins, const char *id, uint32_t in_row,
                      struct err *err) {
    uint32_t most = plugins->safe ? 1 : STREAK_HOST_MOST;
    return in_row < most ||
           err_set(err, ERR_PLUGIN,
                   "it crashed drey %u time%s in a row%s: not started, `drey reload %s` tries it "
                   "again; with isolation = process it could not",
                   in_row, in_row == 1 ? "" : "s", plugins->safe ? " and this is a safe start" : "",
                   id);
}

void quarantine_forgive(const struct seat *seat, const char *id) {
    char path[PATH_MAX];
    if (state_path(seat->bot, id, "streak", path, sizeof(path))) {
        (void)unlink(path);
    }
}
