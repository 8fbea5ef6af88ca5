/* config/help.c: prints the table of keys for people: as help, as an example file, as roff. */
#include "config/help.h"

#include "config/keys.h"

#include <string.h>

#define CHANGE_NEEDS_START "A change needs a restart of drey."

/* One line of a text, then the next: every line with something in front. */
static bool lines(struct buf *out, const char *before, const char *text) {
    bool ok = true;
    while (ok && text != NULL) {
        const char *stop = strchr(text, '\n');
        size_t length = stop != NULL ? (size_t)(stop - text) : strlen(text);
        ok = buf_text(out, before) && buf_append(out, text, length) && buf_text(out, "\n");
        text = stop != NULL ? stop + 1 : NULL;
    }
    return ok;
}

/* "Default: 32 MiB (64 KiB to 64 GiB)", or what holds otherwise, in as many lines as it has. */
static bool standard(struct buf *out, const char *before, const struct config_key *key) {
    struct buf text = {0};
    bool ok =
        buf_printf(&text, "Default: %s", key->standard != NULL ? key->standard : key->otherwise) &&
        (key->range == NULL || buf_printf(&text, " (%s)", key->range)) &&
        (key->effect != CONFIG_EFFECT_START || buf_text(&text, "\n" CHANGE_NEEDS_START)) &&
        lines(out, before, text.bytes);
    buf_finish(&text);
    return ok;
}

static const char top[] =
    "# drey.ini: the configuration of drey. `drey check` tests it, `drey help config` tells more,\n"
    "# `drey reload --config` lets a running drey take changes over.\n"
    "#\n"
    "# A comment begins with # or ; in front, or with a blank and ; behind a value. Quotes\n"
    "# around values are optional: \"...\" with \\\" \\\\ \\n \\t. Paths begin at this file's\n"
    "# folder; ~ is not expanded. What is commented out below shows an example, not always the\n"
    "# default.\n";

static const char plugin_example[] =
    "\n"
    "# Settings for one plugin: its own keys, and what is named here.\n"
    "#[plugin:recorder]\n"
    "#file = events.txt\n"
    "\n";

static const char override_example[] = "\n"
                                       "# The same for one bot: it goes before what is above.\n"
                                       "#[plugin:recorder@main]\n"
                                       "#file = main.txt\n";

static bool ini_key(struct buf *out, const struct config_key *key) {
    /* the one key that a bot cannot do without is live */
    const char *off = strcmp(key->name, "token_file") == 0 ? "" : "#";
    return lines(out, "# ", key->help) && lines(out, "# ", key->more) && standard(out, "# ", key) &&
           buf_printf(out, "%s%s = %s\n", off, key->name, key->example);
}

bool config_help_ini(struct buf *out) {
    bool ok = buf_text(out, top);
    enum config_kind kind = CONFIG_KIND_COUNT;
    const struct config_key *key;
    for (size_t row = 0; ok && (key = config_key_row(row)) != NULL; row++) {
        if (key->kind != kind && key->kind == CONFIG_KIND_PLUGIN) {
            kind = key->kind;
            ok = buf_text(out, plugin_example);
        } else if (key->kind != kind) {
            kind = key->kind;
            ok = buf_text(out, kind == CONFIG_KIND_DREY ? "\n[drey]\n" : "\n[bot:main]\n");
        } else {
            ok = buf_text(out, "\n");
        }
        ok = ok && ini_key(out, key);
    }
    return ok && buf_text(out, override_example);
}

static bool help_key(struct buf *out, const struct config_key *key) {
    return buf_printf(out, "  %s\n", key->name) && lines(out, "      ", key->help) &&
           lines(out, "      ", key->more) && standard(out, "      ", key) &&
           buf_printf(out, "      Example: %s = %s\n", key->name, key->example);
}

static bool help_section(struct buf *out, enum config_kind kind) {
    bool ok =
        buf_printf(out, "%s%s\n", kind == CONFIG_KIND_DREY ? "" : "\n", config_kind_title(kind)) &&
        lines(out, "  ", config_kind_help(kind));
    const struct config_key *key;
    for (size_t row = 0; ok && (key = config_key_row(row)) != NULL; row++) {
        if (key->kind == kind) {
            ok = buf_text(out, "\n") && help_key(out, key);
        }
    }
    return ok;
}

bool config_help(struct buf *out) {
    bool ok = true;
    for (int kind = 0; ok && kind < CONFIG_KIND_COUNT; kind++) {
        ok = help_section(out, (enum config_kind)kind);
    }
    return ok;
}

bool config_help_key(struct buf *out, const char *name) {
    bool ok = true;
    for (int kind = 0; ok && kind < CONFIG_KIND_COUNT; kind++) {
        const struct config_key *key = config_key_find((enum config_kind)kind, name);
        if (key != NULL) {
            ok = buf_printf(out, "%s%s\n", out->length > 0 ? "\n" : "",
                            config_kind_title((enum config_kind)kind)) &&
                 help_key(out, key);
        }
    }
    return ok;
}

/* Text as roff takes it: no escapes of its own, no request at a line's start. */
static bool roff(struct buf *out, const char *text) {
    bool ok = true;
    bool first = true;
    for (const char *c = text; ok && *c != '\0'; c++) {
        if (first && (*c == '.' || *c == '\'')) {
            ok = buf_text(out, "\\&");
        }
        first = *c == '\n';
        ok = ok && (*c == '\\'  ? buf_text(out, "\\e")
                    : *c == '-' ? buf_text(out, "\\-")
                                : buf_append(out, c, 1));
    }
    return ok;
}

static bool roff_line(struct buf *out, const char *text) {
    return text == NULL || (roff(out, text) && buf_text(out, "\n"));
}

static const char man_top[] =
    ".\\\" Made from the table of keys; the test unit.config_help says how.\n"
    ".TH DREY.INI 5 \"\" drey \"File formats\"\n"
    ".SH NAME\n"
    "drey.ini \\- configuration of the bot host drey\n"
    ".SH DESCRIPTION\n"
    "Read from\n"
    ".IR ./drey.ini ,\n"
    "else\n"
    ".I ~/.config/drey/drey.ini\n"
    "(or below $XDG_CONFIG_HOME), else\n"
    ".IR /etc/drey/drey.ini ,\n"
    "or what\n"
    ".B \\-c\n"
    "names.\n"
    ".PP\n"
    "The file is UTF\\-8 and made of sections of keys and values. A comment begins with # or ; at\n"
    "the start of a line, or with a blank and ; behind a value. Quotes around a value are\n"
    "optional; inside them \\e\", \\e\\e, \\en and \\et are understood. A value ends with its line.\n"
    "A key or section that stands there twice is an error, and so is one that is not known.\n"
    "Relative paths begin at the file's folder; ~ is not expanded. A line has at most 8190 bytes.\n"
    ".PP\n"
    "A running drey takes a changed file over with\n"
    ".B drey reload \\-\\-config\n"
    "or SIGHUP: bots come, go and get new tokens, plugins their new settings, while all other\n"
    "bots keep their sessions. A file with an error changes nothing.\n";

static const char man_end[] = ".SH EXAMPLE\n"
                              ".nf\n"
                              "[bot:main]\n"
                              "token_file = main.token\n"
                              "presence = online, watching \"the tree\"\n"
                              ".fi\n"
                              ".SH SEE ALSO\n"
                              ".BR drey (1)\n";

static bool man_key(struct buf *out, const struct config_key *key) {
    struct buf usual = {0};
    bool ok = standard(&usual, "", key) && buf_text(out, ".TP\n.B ") && roff(out, key->name) &&
              buf_text(out, "\n") && roff_line(out, key->help) && roff_line(out, key->more) &&
              buf_text(out, ".br\n") && roff(out, usual.bytes) && buf_text(out, ".br\nExample: ") &&
              roff_line(out, key->example);
    buf_finish(&usual);
    return ok;
}

static bool man_section(struct buf *out, enum config_kind kind) {
    bool ok = buf_text(out, ".SH SECTION ") && roff_line(out, config_kind_title(kind)) &&
              roff_line(out, config_kind_help(kind));
    const struct config_key *key;
    for (size_t row = 0; ok && (key = config_key_row(row)) != NULL; row++) {
        ok = key->kind != kind || man_key(out, key);
    }
    return ok;
}

bool config_help_man(struct buf *out) {
    bool ok = buf_text(out, man_top);
    for (int kind = 0; ok && kind < CONFIG_KIND_COUNT; kind++) {
        ok = man_section(out, (enum config_kind)kind);
    }
    return ok && buf_text(out, man_end);
}
