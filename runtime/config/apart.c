/* config/apart.c: what sections of plugins say about isolation must fit together. */
#include "config/apart.h"

#include "config/section.h"

#include <string.h>

/* What the section says, else what the one for all bots says; NULL: neither does. */
static const struct ini_entry *said(const struct config_apart_in *in,
                                    const struct config_plugin_section *section, const char *key) {
    const struct ini_entry *entry = ini_find(in->ini, section->row, key);
    for (size_t i = 0; entry == NULL && section->bot != NULL && i < in->config->section_count;
         i++) {
        const struct config_plugin_section *common = &in->config->sections[i];
        if (common->bot == NULL && strcmp(common->plugin, section->plugin) == 0) {
            entry = ini_find(in->ini, common->row, key);
        }
    }
    return entry;
}

static bool is(const struct ini_entry *entry, const char *value) {
    return entry != NULL && strcmp(entry->value, value) == 0;
}

/* Told where the section itself says one of the two; the other one may be said for all bots. */
static void sandbox_check(const struct config_apart_in *in,
                          const struct config_plugin_section *section,
                          const struct ini_entry *isolation) {
    const struct ini_entry *sandbox = said(in, section, "sandbox");
    const struct ini_entry *at =
        is(sandbox, "require") && sandbox->section == section->row ? sandbox : isolation;
    if (is(sandbox, "require") && at->section == section->row) {
        config_report_add(in->report, CONFIG_ERROR, at->value_place,
                          "isolation = process gives it one",
                          "'sandbox = require' with 'isolation = thread': a thread has no sandbox");
    }
}

/* What is said for all bots holds for one of them, too, that says otherwise in this. */
static bool one_says_process(const struct config_apart_in *in,
                             const struct config_plugin_section *section) {
    for (size_t i = 0; section->bot == NULL && i < in->config->section_count; i++) {
        const struct config_plugin_section *other = &in->config->sections[i];
        if (other->bot != NULL && strcmp(other->plugin, section->plugin) == 0 &&
            is(ini_find(in->ini, other->row, "isolation"), "process")) {
            return true;
        }
    }
    return false;
}

bool config_apart_on_thread(const struct config_apart_in *in,
                            const struct config_plugin_section *section) {
    return is(said(in, section, "isolation"), "thread") && !one_says_process(in, section);
}

/* DREY_ISOLATION in the environment is no matter here: it is for a debugger's session, and what the
 * file says holds again after it. */
static void section_check(const struct config_apart_in *in,
                          const struct config_plugin_section *section) {
    static const char *const keys[] = {"memory",      "cpu",           "files",        "allow_read",
                                       "allow_write", "allow_network", "allow_connect"};
    const struct ini_entry *isolation = said(in, section, "isolation");
    if (!is(isolation, "thread")) {
        return;
    }
    sandbox_check(in, section, isolation);
    if (one_says_process(in, section)) {
        return;
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const struct ini_entry *entry = ini_find(in->ini, section->row, keys[i]);
        if (entry != NULL) {
            config_report_add(in->report, CONFIG_WARNING, entry->name_place,
                              "a thread may do what drey may",
                              "'%s' has no effect with isolation = thread", keys[i]);
        }
    }
}

void config_apart_check(const struct config_apart_in *in) {
    for (size_t i = 0; i < in->config->section_count; i++) {
        section_check(in, &in->config->sections[i]);
    }
}
