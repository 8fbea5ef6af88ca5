/* bot/intents.c: from what plugins registered to what IDENTIFY asks for. */
#include "bot/intents.h"

#include "base/log.h"
#include "gateway/events.h"

uint32_t intents_from_needs(const struct config_intents *wanted, const struct plugin_needs *needs) {
    if (!wanted->automatic) {
        return wanted->mask;
    }
    uint32_t needed = plugin_needs_intents(needs) & ~intents_privileged();
    return (needed | wanted->plus) & ~wanted->minus;
}

uint32_t intents_for(const struct config_bot *bot, const struct plugins *plugins) {
    struct plugin_needs needs;
    plugins_needs(plugins, bot->name, &needs);
    return intents_from_needs(&bot->intents, &needs);
}

bool intents_text(uint32_t intents, struct buf *out) {
    size_t before = out->length;
    uint32_t usual = intents_all() & ~intents_privileged();
    if ((intents & usual) == usual) { /* nobody reads eighteen names */
        if (!buf_text(out, "all unprivileged ones")) {
            return false;
        }
        intents &= ~usual;
    }
    for (size_t row = 0; row < INTENT_COUNT; row++) {
        const struct intent *intent = intent_row(row);
        if ((intents & (1u << intent->bit)) != 0 &&
            !buf_printf(out, "%s%s%s", out->length > before ? " " : "", intent->name,
                        intent->privileged ? "!" : "")) {
            return false;
        }
    }
    return out->length > before || buf_text(out, "none");
}

void intents_tell(const struct config_bot *bot, const struct plugins *plugins, uint32_t intents) {
    struct log_from me = {.bot = bot->name, .shard = -1};
    struct plugin_needs needs;
    plugins_needs(plugins, bot->name, &needs);
    uint32_t lacking = plugin_needs_intents(&needs) & ~intents;
    struct buf text = {0};
    if (intents_text(intents, &text)) {
        log_info(&me, "intents %s", text.bytes);
    }
    buf_clear(&text);
    if (lacking != 0 && intents_text(lacking, &text)) {
        log_warn(&me,
                 "its plugins listen for more than they will get: %s is not asked for (! means "
                 "privileged: allow it in Discord's developer portal, then name it: intents = "
                 "auto +NAME)",
                 text.bytes);
    }
    buf_finish(&text);
}

bool intents_admit(const struct config_bot *bot, uint32_t have, const char *plugin,
                   const struct plugin_needs *needs, struct err *err) {
    uint32_t lacking = intents_from_needs(&bot->intents, needs) & ~have;
    if (lacking == 0) {
        return true;
    }
    struct buf text = {0};
    (void)intents_text(lacking, &text);
    err_set(err, ERR_PLUGIN,
            "%s needs %s, which the session of bot %s lacks; Discord takes intents only with "
            "IDENTIFY. Name them (intents = auto +NAME) and `drey reload --config`: the bot "
            "then makes a new session and what happens in between is told as a gap; or "
            "leave the plugin as it is",
            plugin, text.bytes != NULL ? text.bytes : "more intents", bot->name);
    buf_finish(&text);
    return false;
}

const char *intents_name(size_t row, unsigned *bit) {
    const struct intent *intent = intent_row(row);
    if (intent == NULL) {
        return NULL;
    }
    *bit = intent->bit;
    return intent->name;
}
