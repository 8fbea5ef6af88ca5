/* cli/help_config.c: configuration keys on the terminal: all, or one with the sections it has a
 * meaning in. */
#include "cli/help_config.h"

#include "bot/house.h"
#include "cli/cli.h"
#include "config/help.h"
#include "config/keys.h"

#include <stdio.h>

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

int help_config(const char *name) {
    struct buf text = {0};
    if (name != NULL && !help_config_knows(name)) {
        return unknown(name);
    }
    bool ok = name == NULL ? config_help(&text) : config_help_key(&text, name);
    if (ok) {
        ok = fputs(text.bytes, stdout) >= 0;
    } else {
        cli_complain("no memory");
    }
    buf_finish(&text);
    return ok ? EXIT_OK : EXIT_TROUBLE;
}
