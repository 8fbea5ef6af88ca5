/* cli/help_config.c: configuration keys on the terminal: all, or one with the sections it has a
 * meaning in. */
#include "cli/help_config.h"

#include "bot/house.h"
#include "cli/cli.h"
#include "config/help.h"
#include "config/keys.h"

#include <stdio.h>
#include <string.h>

bool help_config_knows(const char *name) {
    bool known = false;
    for (int kind = 0; kind < CONFIG_KIND_COUNT; kind++) {
        known = known || config_key_find((enum config_kind)kind, name) != NULL;
    }
    return known;
}

static int unknown(const char *name) {
    const char *near = NULL;
    for (int kind = 0; kind < CONFIG_KIND_COUNT && near == NULL; kind++) {
        near = config_key_nearest((enum config_kind)kind, name);
    }
    cli_complain("no key '%s'%s%s%s; drey help config lists them", name,
                 near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                 near != NULL ? "'?" : "");
    return EXIT_USAGE;
}

/* Of the whole text, which has a section's title at the margin, a key two blanks from it and what
 * is said about the key further in. */
static void print_key(const char *text, const char *name) {
    const char *title = "";
    size_t title_length = 0;
    bool inside = false;
    bool any = false;
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        size_t indent = strspn(text, " ");
        if (indent == 0 && length > 0) {
            title = text;
            title_length = length;
        }
        if (indent <= 2) {
            inside = indent == 2 && length - indent == strlen(name) &&
                     strncmp(text + indent, name, length - indent) == 0;
            if (inside) {
                (void)printf("%s%.*s\n", any ? "\n" : "", (int)title_length, title);
                any = true;
            }
        }
        if (inside) {
            (void)printf("%.*s\n", (int)length, text);
        }
        text += length + (text[length] == '\n' ? 1 : 0);
    }
}

int help_config(const char *name) {
    struct buf text = {0};
    if (name != NULL && !help_config_knows(name)) {
        return unknown(name);
    }
    bool ok = config_help(&text);
    if (ok && name == NULL) {
        ok = fputs(text.bytes, stdout) >= 0;
    } else if (ok) {
        print_key(text.bytes, name);
    } else {
        cli_complain("no memory");
    }
    buf_finish(&text);
    return ok ? EXIT_OK : EXIT_TROUBLE;
}
