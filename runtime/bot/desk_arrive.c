/* bot/desk_arrive.c: interactions from the wire to the keeper, with the rules of whoever will
 * handle them, so that their deadlines are kept before any handler has seen them. */
#include "bot/desk_inside.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "drey/drey.h"
#include "plugin/instance.h"
#include "plugin/path.h"

#include <stdio.h>
#include <string.h>

enum { ARRIVALS_BYTES = 64 << 20 /* of interactions that wait for the REST thread */ };

/* What the network thread says. */
struct arrived {
    uint64_t application;
    uint64_t received_mono_ms;
    uint64_t delay_ms;
};

struct vault_times desk_times_now(void) {
    return (struct vault_times){.mono_ms = clock_mono_ms(), .wall_ms = clock_wall_ms()};
}

static struct log_from from_bot(const struct desk *desk) {
    return (struct log_from){.bot = desk->bot, .shard = -1};
}

void desk_interaction(struct desk *desk, const struct desk_interaction *interaction) {
    struct vault_entry entry = {.interaction = interaction->id,
                                .application = interaction->application};
    struct arrived arrived = {interaction->application, clock_mono_ms(), interaction->delay_ms};
    struct log_from from = from_bot(desk);
    struct buf data = {0};
    bool ok = interaction->token_length < sizeof(entry.token);
    if (ok) {
        memcpy(entry.token, interaction->token, interaction->token_length);
        ok = vault_put(desk->vault, &entry, desk_times_now());
        explicit_bzero(&entry, sizeof(entry));
    }
    ok = ok && buf_append(&data, &arrived, sizeof(arrived)) &&
         buf_append(&data, interaction->d, interaction->d_length);
    struct port_message head = {.kind = DESK_INTERACTION_ARRIVED,
                                .number = interaction->id,
                                .data_length = (uint32_t)data.length};
    if (!ok || !box_push(desk->arrivals, &head, "", data.bytes, ARRIVALS_BYTES)) {
        log_error(&from, "an interaction cannot be answered: too many wait, or its token is none");
    }
    buf_finish(&data);
}

/* The text at this path; "" when there is none. */
static void text_at(struct path_text text, const char *path, char *out, size_t size) {
    struct path_value value = path_find(text, path_root(text), path);
    char decoded[512 * 3 + 1] = "";
    if (value.kind == PATH_STRING && value.end - value.start <= 512) {
        path_decode(text.bytes + value.start + 1, value.end - value.start - 2, decoded);
    }
    text_copy(out, size, decoded);
}

/* The registration of this kind with the longest text that custom_id begins with. */
static bool find_prefix_locked(const struct desk *desk, uint32_t kind, const char *custom_id,
                               struct registration *found, const struct desk_plugin **owner) {
    size_t best = 0;
    bool any = false;
    for (const struct desk_plugin *plugin = desk->plugins; plugin != NULL; plugin = plugin->next) {
        struct registration row;
        const char *text;
        size_t at = 0;
        while (registration_next(plugin->rows.bytes, plugin->rows.length, &at, &row, &text)) {
            if (row.kind == kind && strncmp(custom_id, text, row.text_length) == 0 &&
                (!any || row.text_length > best)) {
                best = row.text_length;
                *found = row;
                *owner = plugin;
                any = true;
            }
        }
    }
    return any;
}

static uint64_t seat_of_locked(const struct desk *desk, const char *plugin) {
    const struct desk_plugin *at = desk->plugins;
    while (at != NULL && strcmp(at->name, plugin) != 0) {
        at = at->next;
    }
    return at != NULL ? at->seat : 0;
}

/* A subcommand may have rules of its own: "poll create". */
static void look_up_sub_locked(const struct desk *desk, struct path_text text, const char *command,
                               struct keeper_arrival *arrival) {
    char path[DEFINITION_NAME_BYTES * 3];
    char word[DEFINITION_NAME_BYTES * 3 + 1];
    struct path_value at = path_find(text, path_root(text), "data.options.0");
    size_t used = (size_t)snprintf(path, sizeof(path), "%s", command);
    for (int depth = 0; depth < 2; depth++) {
        int64_t type = path_int(text, path_find(text, at, "type"));
        struct path_value name = path_find(text, at, "name");
        if ((type != 1 && type != 2) || name.kind != PATH_STRING ||
            name.end - name.start - 2 >= DEFINITION_NAME_BYTES) {
            break;
        }
        path_decode(text.bytes + name.start + 1, name.end - name.start - 2, word);
        int wrote = snprintf(path + used, sizeof(path) - used, " %s", word);
        used += wrote > 0 && (size_t)wrote < sizeof(path) - used ? (size_t)wrote : 0;
        at = path_find(text, at, "options.0");
    }
    struct registration row;
    const char *found;
    for (const struct desk_plugin *plugin = desk->plugins; plugin != NULL; plugin = plugin->next) {
        size_t place = 0;
        while (registration_next(plugin->rows.bytes, plugin->rows.length, &place, &row, &found)) {
            if (row.kind == REGISTERED_SUBCOMMAND && strcmp(found, path) == 0) {
                arrival->auto_defer =
                    (row.flags & DREY_AUTO_DEFER) != 0 && arrival->type == KEEPER_COMMAND;
                arrival->ephemeral = (row.flags & DREY_EPHEMERAL) != 0;
            }
        }
    }
}

/* What is known of an interaction before any handler has it: who will, and by which rules. */
static void look_up(struct desk *desk, struct path_text text, struct keeper_arrival *arrival,
                    char *name, size_t size) {
    char what[DEFINITION_NAME_BYTES * 2] = "";
    struct registration row;
    const struct desk_plugin *owner;
    pthread_mutex_lock(&desk->lock);
    if (arrival->type == KEEPER_COMMAND || arrival->type == KEEPER_AUTOCOMPLETE) {
        text_at(text, "data.name", what, sizeof(what));
        unsigned type = (unsigned)path_int(text, path_find(text, path_root(text), "data.type"));
        const struct catalogue_entry *entry = catalogue_find(desk->catalogue, type, what);
        if (entry != NULL) {
            arrival->auto_defer = entry->auto_defer && arrival->type == KEEPER_COMMAND;
            arrival->ephemeral = entry->ephemeral;
            arrival->plugin = seat_of_locked(desk, entry->plugin);
            look_up_sub_locked(desk, text, what, arrival);
        }
        snprintf(name, size, "/%.118s", what);
    } else {
        bool modal = arrival->type == KEEPER_MODAL_SUBMIT;
        text_at(text, "data.custom_id", what, sizeof(what));
        if (find_prefix_locked(desk, modal ? REGISTERED_MODAL : REGISTERED_COMPONENT, what, &row,
                               &owner)) {
            arrival->auto_defer = (row.flags & DREY_AUTO_DEFER) != 0;
            arrival->ephemeral = (row.flags & DREY_EPHEMERAL) != 0;
            arrival->plugin = owner->seat;
        }
        snprintf(name, size, "%s %.110s", modal ? "modal" : "component", what);
    }
    pthread_mutex_unlock(&desk->lock);
}

bool desk_is_interaction(int64_t type) {
    return type >= KEEPER_COMMAND && type <= KEEPER_MODAL_SUBMIT;
}

void desk_on_arrived(struct desk *desk, const struct port_message *message) {
    struct arrived arrived;
    struct err err = {0};
    char name[KEEPER_NAME_BYTES];
    const char *data = port_data(message);
    struct log_from from = from_bot(desk);
    memcpy(&arrived, data, sizeof(arrived));
    struct path_text text = {data + sizeof(arrived),
                             message->data_length - (uint32_t)sizeof(arrived)};
    int64_t type = path_int(text, path_find(text, path_root(text), "type"));
    struct vault_entry entry;
    if (!desk_is_interaction(type) || keeper_knows(desk->keeper, message->number) ||
        !vault_find(desk->vault, message->number, clock_mono_ms(), &entry)) {
        return; /* a kind that this version does not know, or replayed after a RESUME: known better
                 */
    }
    explicit_bzero(entry.token, sizeof(entry.token));
    struct keeper_arrival arrival = {
        .id = message->number,
        .application = arrived.application,
        .type = (enum keeper_type)type,
        .name = name,
        .received_ms = arrived.received_mono_ms,
        .delay_ms = arrived.delay_ms,
        .on_message = path_find(text, path_root(text), "message").kind == PATH_OBJECT,
        .mark = (enum keeper_mark)(entry.mark & DESK_MARK_SAID),
        .original_gone = (entry.mark & DESK_MARK_GONE) != 0,
        .stand_in = entry.stand_in};
    look_up(desk, text, &arrival, name, sizeof(name));
    /* For recall(), beside what an earlier run may have said of it. */
    vault_mark(desk->vault, arrival.id,
               (entry.mark & (DESK_MARK_SAID | DESK_MARK_GONE)) | (uint32_t)type << DESK_MARK_TYPE |
                   (arrival.on_message ? (uint32_t)DESK_MARK_ON_MESSAGE : 0));
    if (!keeper_arrived(desk->keeper, &arrival, clock_mono_ms(), &err)) {
        log_error(&from, "%s: %s", name, err.text);
    } else if (desk_is_stopped(desk, arrival.plugin)) {
        desk_answer_lost(desk, arrival.id, arrival.plugin);
    }
}
