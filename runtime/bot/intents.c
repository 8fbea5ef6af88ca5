/* bot/intents.c: from what plugins registered to what IDENTIFY asks for. */
#include "bot/intents.h"

#include "base/log.h"
#include "gateway/events.h"
#include "rest/application.h"

uint32_t intents_wanted(const struct config_intents *config, const struct plugin_needs *needs) {
    return config->automatic ? (plugin_needs_intents(needs) | config->plus) & ~config->minus
                             : config->mask;
}

uint32_t intents_from_needs(const struct config_intents *config, const struct plugin_needs *needs,
                            const struct grants *grants) {
    uint32_t named = config->automatic ? config->plus : config->mask;
    uint32_t granted = grants->known ? grants->privileged : named;
    return intents_wanted(config, needs) & (~intents_privileged() | granted);
}

uint32_t intents_for(const struct config_bot *bot, const struct plugins *plugins,
                     const struct grants *grants) {
    struct plugin_needs needs;
    plugins_needs(plugins, bot->name, &needs);
    return intents_from_needs(&bot->intents, &needs, grants);
}

uint32_t intents_doubtful(const struct config_intents *config, const struct plugin_needs *needs) {
    return intents_wanted(config, needs) & intents_privileged();
}

uint32_t intents_granted(uint32_t application_flags) {
    static const struct {
        uint32_t flags;
        uint32_t intent;
    } rows[] = {
        {APPLICATION_PRESENCE | APPLICATION_PRESENCE_LIMITED, 1u << INTENT_GUILD_PRESENCES},
        {APPLICATION_GUILD_MEMBERS | APPLICATION_GUILD_MEMBERS_LIMITED, 1u << INTENT_GUILD_MEMBERS},
        {APPLICATION_MESSAGE_CONTENT | APPLICATION_MESSAGE_CONTENT_LIMITED,
         1u << INTENT_MESSAGE_CONTENT},
    };
    uint32_t granted = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        granted |= (application_flags & rows[i].flags) != 0 ? rows[i].intent : 0;
    }
    return granted;
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
    uint32_t vain = intents_wanted(&bot->intents, &needs) & ~intents & ~lacking;
    struct buf text = {0};
    if (intents_text(intents, &text)) {
        log_info(&me, "intents %s", text.bytes);
    }
    buf_clear(&text);
    if (lacking != 0 && intents_text(lacking, &text)) {
        log_warn(&me,
                 "its plugins listen for more than they will get: %s is not asked for (! means "
                 "privileged: allow it in Discord's developer portal, Bot, Privileged Gateway "
                 "Intents, then name it: intents = auto +NAME)",
                 text.bytes);
    }
    buf_clear(&text);
    if (vain != 0 && intents_text(vain, &text)) {
        log_warn(&me,
                 "%s is named in `intents`, but Discord's developer portal does not allow it: it "
                 "is left out, or Discord would refuse the bot (4014)",
                 text.bytes);
    }
    buf_finish(&text);
}

bool intents_permit(const struct config_bot *bot, const struct grants *grants, const char *plugin,
                    const struct plugin_needs *own, struct err *err) {
    uint32_t refused = grants->known ? intents_doubtful(&bot->intents, own) &
                                           plugin_needs_intents(own) & ~grants->privileged
                                     : 0;
    if (refused == 0) {
        return true;
    }
    struct buf text = {0};
    (void)intents_text(refused, &text);
    err_set(err, ERR_PLUGIN,
            "%s needs %s, which Discord's developer portal does not allow bot %s. Allow it there "
            "(Bot, Privileged Gateway Intents) and `drey reload %s`; or let the plugin do without "
            "(intents = auto -NAME); or take it out (plugins = *, !%s)",
            plugin, text.bytes != NULL ? text.bytes : "a privileged intent", bot->name, plugin,
            plugin);
    buf_finish(&text);
    return false;
}

bool intents_admit(const struct config_bot *bot, const struct grants *grants, uint32_t have,
                   const char *plugin, const struct plugin_needs *needs, struct err *err) {
    uint32_t lacking = intents_from_needs(&bot->intents, needs, grants) & ~have;
    if (lacking == 0) {
        return true;
    }
    struct buf text = {0};
    (void)intents_text(lacking, &text);
    err_set(err, ERR_PLUGIN,
            "%s needs %s, which the session of bot %s lacks; Discord takes intents only with "
            "IDENTIFY. `drey reload %s --reidentify` makes new sessions for it (what happens in "
            "between is told as a gap); so does naming them (intents = auto +NAME) and `drey "
            "reload --config`; or leave the plugin as it is",
            plugin, text.bytes != NULL ? text.bytes : "more intents", bot->name, plugin);
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
