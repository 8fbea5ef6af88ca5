/* cli/check_file.c: what is learnt from a plugin's bytes and from its init in a child process, in
 * words a person can act on. Everything the file brings is foreign: the lines are collected and
 * made harmless as they are printed. */
#include "cli/check_file.h"

#include "base/file.h"
#include "bot/apart.h"
#include "bot/intents.h"
#include "cli/check_copy.h"
#include "cli/cli.h"
#include "drey/drey.h"
#include "interaction/permission.h"
#include "plugin/note.h"
#include "plugin/plugins.h"
#include "plugin/probe.h"
#include "plugin/symbols.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_SHOWN = 25 };

struct subject {
    const char *path;
    const struct config *config;
    struct probe_report report;
    struct buf rows_text;
    cJSON *rows; /* the registrations */
    struct symbols symbols;
    char signer[SIGN_FINGERPRINT_BYTES];
    size_t bytes;
    unsigned warnings;
    bool no_thread; /* a thread cannot take it */
    struct buf out;
};

static const char *text_of(const cJSON *object, const char *key) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return text != NULL ? text : "";
}

static unsigned number_of(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble <= UINT32_MAX
               ? (unsigned)item->valuedouble
               : 0;
}

/* "  commands     ": the left column, empty behind the first line of a subject. */
static void heading(struct buf *out, const char *name, bool first) {
    (void)buf_printf(out, "  %-13s", first ? name : "");
}

static void warn(struct subject *subject, const char *what, const char *advice) {
    subject->warnings++;
    (void)buf_printf(&subject->out, "  %-13s%s\n", "warning", what);
    (void)buf_printf(&subject->out, "  %-13s| %s\n", "", advice);
}

/* ---- What it registers ---- */

static void show_options(struct buf *out, const cJSON *options) {
    const cJSON *option;
    unsigned shown = 0;
    cJSON_ArrayForEach(option, options) {
        bool needed = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(option, "required"));
        unsigned type = number_of(option, "type");
        if (shown++ < OPTIONS_SHOWN) {
            (void)buf_printf(out,
                             type <= 2 ? " | %s"
                             : needed  ? " %s:"
                                       : " [%s:]",
                             text_of(option, "name"));
        }
    }
}

static void show_cooldown(struct buf *out, const cJSON *row) {
    static const char *const per[] = {"", "user", "guild", "channel", "bot"};
    unsigned which = number_of(row, "per");
    if (which > 0 && which < sizeof(per) / sizeof(per[0])) {
        (void)buf_printf(out, "  (%u in %u s per %s)", number_of(row, "uses"),
                         number_of(row, "seconds"), per[which]);
    }
}

static void show_command(struct subject *subject, const cJSON *row, bool first) {
    struct buf *out = &subject->out;
    cJSON *command = cJSON_Parse(text_of(row, "text"));
    unsigned type = number_of(command, "type");
    const char *allowed = text_of(command, "default_member_permissions");
    heading(out, "commands", first);
    (void)buf_printf(out, type > 1 ? "%s (in the menu of a %s)" : "/%s", text_of(command, "name"),
                     type == 2 ? "user" : "message");
    show_options(out, cJSON_GetObjectItemCaseSensitive(command, "options"));
    if (type <= 1) {
        (void)buf_printf(out, "  \"%s\"", text_of(command, "description"));
    }
    show_cooldown(out, row);
    if (allowed[0] != '\0') {
        uint64_t bits = strtoull(allowed, NULL, 10);
        (void)buf_text(out, "  for members who may ");
        (void)(bits != 0 ? permission_text(bits, out) : buf_text(out, "administrate"));
    }
    (void)buf_text(out, "\n");
    cJSON_Delete(command);
}

static void show_event(struct subject *subject, const cJSON *row, bool first) {
    static const char *const scopes[] = {"", "  in guilds", "  in direct messages",
                                         "  in guilds and direct messages"};
    unsigned flags = number_of(row, "flags");
    const char *name = text_of(row, "name");
    heading(&subject->out, "events", first);
    (void)buf_printf(&subject->out, "%s%s%s\n", strcmp(name, "*") == 0 ? "all" : name,
                     scopes[flags & DREY_ANYWHERE],
                     (flags & DREY_CONTENT) != 0 ? ", reads content" : "");
}

static void show_name(struct subject *subject, const char *what, const cJSON *row, bool first) {
    const char *text = text_of(row, "text");
    heading(&subject->out, what, first);
    (void)buf_text(&subject->out, text[0] != '\0' ? text : text_of(row, "name"));
    show_cooldown(&subject->out, row);
    (void)buf_text(&subject->out, "\n");
}

static void show_registrations(struct subject *subject) {
    static const struct {
        const char *kind; /* registration_kind_name() */
        const char *title;
        void (*show)(struct subject *subject, const cJSON *row, bool first);
    } kinds[] = {
        {"command", "commands", show_command}, {"subcommand", "subcommands", NULL},
        {"component", "custom_ids", NULL},     {"modal", "modals", NULL},
        {"autocomplete", "completes", NULL},   {"event", "events", show_event},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const cJSON *row;
        bool first = true;
        cJSON_ArrayForEach(row, subject->rows) {
            if (strcmp(text_of(row, "kind"), kinds[i].kind) != 0) {
                continue;
            }
            if (kinds[i].show != NULL) {
                kinds[i].show(subject, row, first);
            } else {
                show_name(subject, kinds[i].title, row, first);
            }
            first = false;
        }
    }
}

/* Functions for later: timers, answers ... each kind on a line. */
static void show_callbacks(struct subject *subject) {
    static const char *const shown[] = {"event", "command", "subcommand",   "component",
                                        "modal", "?",       "autocomplete", "permissions"};
    const cJSON *row;
    bool first = true;
    cJSON_ArrayForEach(row, subject->rows) {
        bool seen = false;
        for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
            seen = seen || strcmp(text_of(row, "kind"), shown[i]) == 0;
        }
        if (!seen) {
            heading(&subject->out, "functions", first);
            (void)buf_printf(&subject->out, "%s (%s)\n", text_of(row, "name"),
                             text_of(row, "kind"));
            first = false;
        }
    }
}

/* ---- What it needs ---- */

static uint64_t permissions_of(const struct subject *subject) {
    const cJSON *row;
    uint64_t bits = 0;
    cJSON_ArrayForEach(row, subject->rows) {
        if (strcmp(text_of(row, "kind"), "permissions") == 0) {
            bits |= strtoull(text_of(row, "text"), NULL, 10);
        }
    }
    return bits;
}

static void show_needs(struct subject *subject) {
    struct buf *out = &subject->out;
    uint32_t intents = plugin_needs_intents(&subject->report.needs);
    uint64_t bits = permissions_of(subject);
    heading(out, "intents", true);
    (void)intents_text(intents, out);
    (void)buf_text(out, "\n");
    if ((intents & intents_privileged()) != 0) {
        heading(out, "", false);
        (void)buf_text(out, "| ! is privileged: switch it on in Discord's developer portal, page "
                            "Bot\n");
    }
    heading(out, "permissions", true);
    if (bits == 0) {
        (void)buf_text(out, "none declared\n");
        return;
    }
    (void)permission_text(bits, out);
    (void)buf_printf(out,
                     "\n  %-13s| invite the bot with &permissions=%" PRIu64
                     "&scope=bot+applications.commands\n",
                     "", bits);
}

/* ---- What its file is like ---- */

static void list(struct buf *out, char (*names)[SYMBOLS_NAME_BYTES], size_t count) {
    for (size_t i = 0; i < count && i < SYMBOLS_SHOWN; i++) {
        (void)buf_printf(out, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    if (count > SYMBOLS_SHOWN) {
        (void)buf_printf(out, " and %zu more", count - SYMBOLS_SHOWN);
    }
}

static void show_exports(struct subject *subject) {
    struct symbols *symbols = &subject->symbols;
    struct buf text = {0};
    if (symbols->export_count > 0) {
        (void)buf_printf(&text,
                         "exports %zu symbol%s besides the descriptor: ", symbols->export_count,
                         symbols->export_count == 1 ? "" : "s");
        list(&text, symbols->exports, symbols->export_count);
        warn(subject, text.bytes, "make them static, or build with -fvisibility=hidden");
    }
    if (symbols->unique[0] != '\0') {
        buf_clear(&text);
        (void)buf_printf(&text, "%s keeps each version in memory for ever", symbols->unique);
        warn(subject, text.bytes, "build with -fno-gnu-unique");
    }
    buf_finish(&text);
}

/* Without a configuration nobody is trusted; whose it is said to be is worth a line. */
static void show_signature(struct subject *subject) {
    char beside[PATH_MAX];
    struct buf text = {0};
    struct seal seal;
    struct err err = {0};
    if (subject->signer[0] != '\0') {
        heading(&subject->out, "signed by", true);
        (void)buf_printf(&subject->out, "%s\n", subject->signer);
    } else if (seal_path(beside, sizeof(beside), subject->path) &&
               file_read(beside, SEAL_FILE_MAX, &text, NULL)) {
        if (seal_read(text.bytes != NULL ? text.bytes : "", text.length, &seal, &err)) {
            heading(&subject->out, "signature", true);
            (void)buf_printf(&subject->out,
                             "by key %s, not checked (drey sign --verify PUBLIC %s)\n", seal.key,
                             subject->path);
        } else {
            warn(subject, err.text, "its .sig cannot be used: drey sign KEY PLUGIN.so writes one");
        }
    }
    buf_finish(&text);
}

/* Where it is built may be anywhere; the host looks at the place that it is put into. */
static void show_place(struct subject *subject) {
    struct err err = {0};
    if (!plugins_place_is_safe(subject->path, &err)) {
        warn(subject, err.text, "from there drey does not load it");
    }
}

static void show_file(struct subject *subject) {
    struct symbols *symbols = &subject->symbols;
    heading(&subject->out, "libraries", true);
    list(&subject->out, symbols->libraries, symbols->library_count);
    (void)buf_text(&subject->out, symbols->library_count == 0 ? "none\n" : "\n");
    show_exports(subject);
    if (subject->no_thread) {
        warn(subject,
             "uses initial-exec thread-local storage: it runs with isolation = process alone",
             "-ftls-model=global-dynamic lets it run on a thread, too");
    }
    for (size_t i = 0; i < symbols->doubt_count && i < SYMBOLS_SHOWN; i++) {
        char what[SYMBOLS_NAME_BYTES + 16];
        (void)snprintf(what, sizeof(what), "calls %s()", symbols->doubts[i]);
        warn(subject, what, symbols_doubt(symbols->doubts[i]));
    }
}

/* ---- The whole ---- */

/* The first bot that wants it. */
static const char *bot_of(const struct config *config, const char *plugin) {
    for (size_t i = 0; config != NULL && i < config->bot_count; i++) {
        if (config_bot_wants(&config->bots[i], plugin)) {
            return config->bots[i].name;
        }
    }
    return NULL;
}

static void keys_of(const struct config *config, const char *plugin, const char *bot,
                    struct buf *out) {
    const char *key;
    const char *value;
    for (size_t i = 0; config != NULL && config_plugin_key(config, plugin, bot, i, &key, &value);
         i++) {
        (void)buf_append(out, key, strlen(key) + 1);
        (void)buf_append(out, value, strlen(value) + 1);
    }
}

static bool examine(struct subject *subject, struct err *err) {
    static const struct sign_keys nobody;
    struct check_copy copy;
    struct buf keys = {0};
    struct note note;
    bool ok = check_copy_open(&copy, subject->path,
                              subject->config != NULL ? &subject->config->signers : &nobody, err) &&
              note_read(copy.bytes.bytes, copy.bytes.length, &note, err);
    if (ok) {
        subject->bytes = copy.bytes.length;
        memcpy(subject->signer, copy.signer, sizeof(subject->signer));
        symbols_read(copy.bytes.bytes, copy.bytes.length, &subject->symbols);
        const char *bot = bot_of(subject->config, note.id);
        struct isolation isolation;
        struct err unfit = {0};
        keys_of(subject->config, note.id, bot, &keys);
        apart_isolation(subject->config, note.id, bot, &isolation);
        subject->no_thread = !note_fits_thread(&note, &unfit);
        struct probe_request request = {.path = copy.path,
                                        .bot = bot,
                                        .plugin = note.id,
                                        .config = keys.bytes,
                                        .config_length = keys.length,
                                        .registrations = &subject->rows_text,
                                        .isolation = &isolation,
                                        .only_looks = true};
        ok = probe_run(&request, &subject->report, err);
    }
    if (ok && subject->rows_text.length > 0) {
        subject->rows = cJSON_ParseWithLength(subject->rows_text.bytes, subject->rows_text.length);
    }
    check_copy_close(&copy);
    buf_finish(&keys);
    return ok;
}

bool check_file(const char *path, const struct config *config) {
    struct subject *subject = calloc(1, sizeof(*subject));
    struct err err = {0};
    if (subject == NULL) {
        cli_complain("no memory");
        return false;
    }
    subject->path = path;
    subject->config = config;
    bool ok = examine(subject, &err);
    if (ok) {
        const struct probe_report *report = &subject->report;
        (void)buf_printf(&subject->out, "%s: plugin %s %s, ABI %u.%u, %zu KB\n", path, report->id,
                         report->version, report->abi_major, report->abi_minor,
                         (subject->bytes + 1023) / 1024);
        show_registrations(subject);
        show_callbacks(subject);
        show_needs(subject);
        show_file(subject);
        show_place(subject);
        show_signature(subject);
        (void)buf_printf(&subject->out, "%s: ok, %u warning%s\n", path, subject->warnings,
                         subject->warnings == 1 ? "" : "s");
    } else {
        (void)buf_printf(&subject->out, "%s: error: %s\n%s%s: refused\n", path, err.text,
                         config == NULL && subject->bytes > 0
                             ? "  | when it lacks keys: drey check -c FILE.ini PLUGIN.so\n"
                             : "",
                         path);
    }
    cli_print_lines(stdout, subject->out.bytes != NULL ? subject->out.bytes : "");
    cJSON_Delete(subject->rows);
    buf_finish(&subject->rows_text);
    buf_finish(&subject->out);
    free(subject);
    return ok;
}
