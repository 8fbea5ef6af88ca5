/* plugin/rehearse.c: before a new version touches this process it goes through the same steps in
 * child processes: it is loaded, init runs with each bot's own configuration, restore with each
 * bot's own state, as its old version would hand it over now. What crashes or hangs there is
 * refused; in this process it would end the host, or a thread would have to be given up.
 *
 * One that is to have a process of its own is rehearsed in the sandbox that it will have.
 *
 * Bots with the same configuration and no state are rehearsed once. A rehearsal takes about 1.5 ms
 * and is over before anything is held, so it adds nothing to the pause. */
#include "plugin/manager.h"

#include "base/log.h"
#include "base/text.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Asks the old versions for their states; they go on. */
static bool ask_states(struct plugins *plugins, struct seat *const *seats, struct hand **asked,
                       size_t count, struct err *err) {
    struct port_message checkpoint = {.kind = PORT_CHECKPOINT};
    for (size_t i = 0; i < count; i++) {
        bool can = seats[i]->hand != NULL && !seats[i]->stuck;
        asked[i] = can ? seats[i]->hand : NULL;
        if (can) {
            hand_ask(asked[i], &checkpoint, "", "", PORT_CHECKPOINTED);
        }
    }
    tend_await(plugins, asked, count, plugins->deadline_ms);
    hand_leave_out_ended(asked, count); /* their state is what is on disk */
    return hand_judge(asked, count, CHANGE_SAVE, plugins->deadline_ms, ERR_BUSY, err);
}

static bool known(const uint64_t *hashes, size_t count, uint64_t hash) {
    for (size_t i = 0; i < count; i++) {
        if (hashes[i] == hash) {
            return true;
        }
    }
    return false;
}

/* config_length: of what init gets; what else is in the buffer makes its hash another. */
static bool run_for(struct plugins *plugins, const char *copy, const char *id,
                    const struct seat *seat, const struct buf *config, size_t config_length,
                    struct err *err) {
    struct probe_report report;
    struct isolation isolation;
    const struct state *state = &seat->state;
    struct probe_request request = {.path = copy,
                                    .program = plugins->probe,
                                    .bot = seat->bot->name,
                                    .plugin = id,
                                    .config = config->bytes,
                                    .config_length = config_length,
                                    .deadline_ms = plugins->deadline_ms,
                                    .isolation = &isolation};
    seat_isolation(plugins, seat->bot->name, id, &isolation);
    if (state->there) {
        request.state = state->data.length > 0 ? state->data.bytes : "";
        request.state_length = state->data.length;
        request.state_version = state->version;
        request.state_reason = state->reason;
    }
    return probe_run(&request, &report, err);
}

/* hashes: room for one of each; those of the configurations that were rehearsed. */
static bool run_all(struct plugins *plugins, const char *copy, const char *id,
                    struct seat *const *seats, size_t count, uint64_t *hashes, struct err *err) {
    struct buf config = {0};
    size_t done = 0;
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        struct seat *seat = seats[i];
        buf_clear(&config);
        size_t length = seat_all_settings(plugins, seat->bot->name, id, &config);
        uint64_t hash = text_hash(config.length > 0 ? config.bytes : "", config.length);
        ok = state_fetch(seat, id, err);
        if (!ok || (known(hashes, done, hash) && !seat->state.there)) {
            continue;
        }
        hashes[done++] = hash;
        ok = run_for(plugins, copy, id, seat, &config, length, err) ||
             (count > 1 && err_prefix(err, "bot %s", seat->bot->name));
    }
    buf_finish(&config);
    return ok;
}

/* From a copy: the file itself may be written while the child reads it. */
static bool run_copy(struct plugins *plugins, const struct candidate *candidate,
                     struct seat *const *seats, size_t count, uint64_t *hashes, struct err *err) {
    char copy[PATH_MAX];
    int length = snprintf(copy, sizeof(copy), "%s/probe.%llu.so", plugins->gen_dir,
                          (unsigned long long)++plugins->serial);
    if (length < 0 || (size_t)length >= sizeof(copy)) {
        return err_set(err, ERR_INVALID, "%s: path too long", plugins->gen_dir);
    }
    if (!image_copy(copy, candidate->bytes.bytes, candidate->bytes.length, err)) {
        return false;
    }
    bool ok = run_all(plugins, copy, candidate->note.id, seats, count, hashes, err);
    unlink(copy);
    return ok;
}

bool rehearse(struct plugins *plugins, const struct candidate *candidate, struct seat *const *seats,
              size_t count, struct err *err) {
    struct hand **asked = calloc(count, sizeof(struct hand *));
    uint64_t *hashes = calloc(count, sizeof(*hashes));
    bool ok = (asked != NULL && hashes != NULL) ||
              err_set(err, ERR_NO_MEMORY, "plugin %s", candidate->note.id);
    ok = ok && ask_states(plugins, seats, asked, count, err) &&
         run_copy(plugins, candidate, seats, count, hashes, err);
    if (ok) {
        log_debug(NULL, "plugin %s %s passed its rehearsal", candidate->note.id,
                  candidate->note.version);
    }
    free(asked);
    free(hashes);
    return ok;
}
