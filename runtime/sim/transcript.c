/* sim/transcript.c: a ring of lines and a file. */
#include "sim/transcript.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim_transcript {
    FILE *file;
    struct buf pending;
    struct buf told;
    sim_transcript_fn *fn;
    void *arg;
    uint64_t count; /* entries ever added */
    struct sim_entry kept[SIM_TRANSCRIPT_KEPT];
};

struct sim_transcript *sim_transcript_open(const char *path, struct err *err) {
    struct sim_transcript *transcript = calloc(1, sizeof(*transcript));
    if (transcript == NULL) {
        err_set(err, ERR_NO_MEMORY, "transcript: no memory");
        return NULL;
    }
    if (path != NULL) {
        transcript->file = fopen(path, "we");
        if (transcript->file == NULL) {
            err_system(err, "transcript %s", path);
            free(transcript);
            return NULL;
        }
    }
    return transcript;
}

void sim_transcript_close(struct sim_transcript *transcript) {
    if (transcript == NULL) {
        return;
    }
    sim_transcript_flush(transcript);
    if (transcript->file != NULL) {
        fclose(transcript->file);
    }
    buf_finish(&transcript->pending);
    buf_finish(&transcript->told);
    free(transcript);
}

static bool show(const struct sim_entry *entry, struct buf *out) {
    bool fine =
        buf_printf(out, "{\"time_ms\":%" PRIu64 ",\"mono_ms\":%" PRIu64 ",\"conn\":%" PRIu64,
                   entry->wall_ms, entry->mono_ms, entry->conn);
    if (entry->bot != 0) {
        fine = fine && buf_printf(out, ",\"bot\":%u", entry->bot);
    }
    if (entry->shard >= 0) {
        fine = fine && buf_printf(out, ",\"shard\":%" PRId64, entry->shard);
    }
    fine = fine && buf_printf(out, ",\"way\":\"%c\",\"what\":\"%s\"", entry->way, entry->what);
    if (entry->seq != 0) {
        fine = fine && buf_printf(out, ",\"s\":%" PRIu64, entry->seq);
    }
    if (entry->bytes != 0) {
        fine = fine && buf_printf(out, ",\"bytes\":%u", entry->bytes);
    }
    if (entry->note[0] != '\0') {
        fine = fine && buf_text(out, ",\"note\":\"") &&
               buf_json_text(out, entry->note, strlen(entry->note)) && buf_text(out, "\"");
    }
    return fine && buf_text(out, "}\n");
}

void sim_transcript_add(struct sim_transcript *transcript, const struct sim_entry *entry) {
    struct sim_entry *kept = &transcript->kept[transcript->count++ % SIM_TRANSCRIPT_KEPT];
    *kept = *entry;
    kept->wall_ms = clock_wall_ms();
    kept->mono_ms = clock_mono_ms();
    if (transcript->file != NULL) {
        show(kept, &transcript->pending);
        if (transcript->pending.length > 1 << 16) {
            sim_transcript_flush(transcript);
        }
    }
    buf_clear(&transcript->told);
    if (transcript->fn != NULL && show(kept, &transcript->told)) {
        transcript->fn(transcript->arg, transcript->told.bytes, transcript->told.length - 1);
    }
}

void sim_transcript_tell(struct sim_transcript *transcript, sim_transcript_fn *fn, void *arg) {
    transcript->fn = fn;
    transcript->arg = arg;
}

bool sim_transcript_show(const struct sim_transcript *transcript, size_t last, struct buf *out) {
    uint64_t most =
        transcript->count < SIM_TRANSCRIPT_KEPT ? transcript->count : SIM_TRANSCRIPT_KEPT;
    uint64_t wanted = last < most ? last : most;
    for (uint64_t i = transcript->count - wanted; i < transcript->count; i++) {
        if (!show(&transcript->kept[i % SIM_TRANSCRIPT_KEPT], out)) {
            return false;
        }
    }
    return true;
}

void sim_transcript_flush(struct sim_transcript *transcript) {
    if (transcript->file != NULL && transcript->pending.length > 0) {
        fwrite(transcript->pending.bytes, 1, transcript->pending.length, transcript->file);
        fflush(transcript->file);
    }
    buf_clear(&transcript->pending);
}
