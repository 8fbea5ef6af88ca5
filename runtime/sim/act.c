/* sim/act.c: a person uses a command, or types one and sees what it completes to. */
#include "sim/act.h"

#include "base/clock.h"
#include "base/text.h"
#include "sim/command_form.h"
#include "sim/command_line.h"
#include "sim/components.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 15000, WAIT_MOST_MS = 600000 };

static const char *text_of(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

int sim_act_refuse(struct sim_act *act, struct buf *out, int status) {
    buf_clear(out);
    buf_text(out, "{\"error\":\"");
    buf_json_text(out, act->err.text, strlen(act->err.text));
    buf_text(out, "\"}");
    cJSON_Delete(act->resolved);
    return status;
}

/* Who does it and where, from "as", "guild" and "channel". The bot is found later. */
bool sim_act_begin(struct sim_act *act, struct sim_conn *conn, const cJSON *body) {
    struct sim *sim = conn->sim;
    *act = (struct sim_act){.sim = sim, .conn = conn, .body = body, .wall_ms = clock_wall_ms()};
    const char *as = text_of(body, "as") != NULL ? text_of(body, "as") : "ann";
    const char *guild_name = text_of(body, "guild");
    const char *channel = text_of(body, "channel");
    struct sim_guild *guild = guild_name != NULL            ? sim_guild_named(sim, guild_name)
                              : sim->world->guild_count > 0 ? &sim->world->guilds[0]
                                                            : NULL;
    uint64_t id = 0;
    act->user =
        text_u64(as, &id) ? sim_world_user(sim->world, id) : sim_world_user_named(sim->world, as);
    if (act->user == NULL || guild == NULL) {
        return err_set(&act->err, ERR_NOT_FOUND,
                       act->user == NULL ? "no such user: %s" : "no such guild: %s",
                       act->user == NULL    ? as
                       : guild_name != NULL ? guild_name
                                            : "any");
    }
    if (channel != NULL && strcmp(channel, "dm") == 0) {
        return true; /* the channel follows from the bot */
    }
    channel = channel != NULL ? channel : "general";
    act->place.channel = sim_channel_named(sim, guild, channel, &act->place.guild);
    if (act->place.channel == NULL) {
        return err_set(&act->err, ERR_NOT_FOUND, "no such channel: %s", channel);
    }
    act->place.id = act->place.channel->id;
    act->member = sim_guild_member(act->place.guild, sim->world, act->user->id);
    return (act->member != NULL && !act->member->absent) ||
           err_set(&act->err, ERR_NOT_FOUND, "%s is no member there", as);
}

static void take_bot(struct sim_act *act, struct sim_bot *bot) {
    act->bot = bot;
    if (act->place.channel == NULL) {
        act->place.id = sim_direct_channel(bot, act->user);
        act->place.user = act->user;
    }
}

/* Whether a bot may be meant: "bot" of the body is its user id. */
static bool may_be(const struct sim_act *act, const struct sim_bot *bot) {
    uint64_t id = 0;
    const char *wanted = text_of(act->body, "bot");
    return wanted == NULL || (text_u64(wanted, &id) && id == bot->self.id);
}

bool sim_act_direct(struct sim_act *act) {
    struct sim_bot *bot = act->sim->bots;
    if (act->place.channel != NULL) {
        return true;
    }
    while (bot != NULL && !may_be(act, bot)) {
        bot = bot->next;
    }
    if (bot == NULL) {
        return err_set(&act->err, ERR_NOT_FOUND, "there is no such bot to write to");
    }
    take_bot(act, bot);
    return true;
}

/* The longest run of words that is a command; what follows are subcommands. */
static const struct sim_command *find_command(struct sim_act *act, const char *name, int type,
                                              const char **rest) {
    uint64_t guild_id = act->place.guild != NULL ? act->place.guild->id : 0;
    for (struct sim_bot *bot = act->sim->bots; bot != NULL; bot = bot->next) {
        char word[64];
        size_t length = strcspn(name, " ");
        if (!may_be(act, bot)) {
            continue;
        }
        /* Context menu commands have blanks in their names. */
        snprintf(word, sizeof(word), "%.*s", type == SIM_CHAT_INPUT ? (int)length : 63, name);
        const struct sim_command *command = sim_command_named(bot, guild_id, word, type);
        if (command != NULL) {
            *rest = type == SIM_CHAT_INPUT ? name + length + strspn(name + length, " ") : "";
            take_bot(act, bot);
            return command;
        }
    }
    return NULL;
}

static cJSON *member_object(const struct sim_act *act) {
    struct buf json = {0};
    sim_render_member(&json, act->place.guild, act->member, act->user);
    cJSON *object = sim_parse_buf(&json);
    cJSON_AddStringToObject(object, "permissions", "2248473465835073");
    return object;
}

static void add_guild(const struct sim_act *act, cJSON *object) {
    const struct sim_guild *guild = act->place.guild;
    struct buf json = {0};
    cJSON *owners = cJSON_AddObjectToObject(object, "authorizing_integration_owners");
    cJSON_AddNumberToObject(object, "context", guild != NULL ? 0 : 1);
    if (guild == NULL) {
        sim_add_id(owners, "0", 0);
        cJSON_AddItemToObject(object, "user", sim_user_object(act->user));
        return;
    }
    sim_add_id(owners, "0", guild->id);
    sim_add_id(object, "guild_id", guild->id);
    cJSON *own = cJSON_AddObjectToObject(object, "guild");
    sim_add_id(own, "id", guild->id);
    cJSON_AddStringToObject(own, "locale", "en-US");
    cJSON_AddArrayToObject(own, "features");
    cJSON_AddStringToObject(object, "guild_locale", "en-US");
    cJSON_AddItemToObject(object, "member", member_object(act));
    sim_render_channel(&json, act->place.channel, guild, guild->channels[0].id);
    cJSON *channel = sim_parse_buf(&json);
    cJSON_AddStringToObject(channel, "permissions", "2248473465835073");
    cJSON_AddItemToObject(object, "channel", channel);
}

static cJSON *interaction_object(const struct sim_act *act,
                                 const struct sim_interaction *interaction, cJSON *data,
                                 const struct sim_post *post) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "version", 1);
    cJSON_AddNumberToObject(object, "type", interaction->kind);
    cJSON_AddStringToObject(object, "token", interaction->token);
    cJSON_AddStringToObject(object, "locale", "en-GB");
    sim_add_id(object, "id", interaction->id);
    sim_add_id(object, "application_id", act->bot->self.id);
    sim_add_id(object, "channel_id", act->place.id);
    cJSON_AddArrayToObject(object, "entitlements");
    cJSON_AddNumberToObject(object, "attachment_size_limit", SIM_FILE_MOST);
    cJSON_AddStringToObject(object, "app_permissions", "2248473465835073");
    add_guild(act, object);
    cJSON_AddItemToObject(object, "data", data);
    if (post != NULL) {
        cJSON_AddItemToObject(object, "message", sim_post_object(post, act->bot->self.id));
    }
    return object;
}

bool sim_act_listens(const struct sim_act *act) {
    return act->bot->session_count > 0;
}

/* Sends the interaction to the bot and lets the connection wait. data: taken. Returns 0 or a
 * status. */
int sim_act_happen(struct sim_act *act, struct sim_interaction *interaction, cJSON *data,
                   const struct sim_post *post, bool text, struct buf *out) {
    struct buf json = {0};
    const cJSON *wait = cJSON_GetObjectItemCaseSensitive(act->body, "wait_ms");
    uint64_t wait_ms =
        cJSON_IsNumber(wait) && wait->valuedouble > 0 ? (uint64_t)wait->valuedouble : WAIT_MS;
    if (act->resolved != NULL) {
        cJSON_AddItemToObject(data, "resolved", act->resolved);
        act->resolved = NULL;
    }
    cJSON *object = interaction_object(act, interaction, data, post);
    sim_print(&json, object);
    cJSON_Delete(object);
    wait_ms = wait_ms < WAIT_MOST_MS ? wait_ms : WAIT_MOST_MS;
    sim_interaction_wait(act->sim, interaction, act->conn, interaction->made_ms + wait_ms, text);
    sim_feed_interaction(act->sim, interaction);
    sim_tell(act->sim, SIM_INTERACTION_CREATE, act->place.guild, act->bot->self.id, &json);
    buf_finish(&json);
    return 0;
}

struct sim_interaction *sim_act_make(struct sim_act *act, enum sim_interaction_kind kind) {
    char token[SIM_INTERACTION_TOKEN];
    snprintf(token, sizeof(token), "aW50ZXJhY3Rpb246%016" PRIx64 "%016" PRIx64 "%016" PRIx64,
             clock_random(), clock_random(), clock_random());
    struct sim_interaction *interaction =
        sim_interaction_add(act->sim, sim_world_id(act->sim->world, act->wall_ms), token);
    if (interaction == NULL) {
        err_set(&act->err, ERR_NO_MEMORY, "no memory");
        return NULL;
    }
    interaction->bot = act->bot->self.id;
    interaction->kind = kind;
    interaction->guild_id = act->place.guild != NULL ? act->place.guild->id : 0;
    interaction->channel_id = act->place.id;
    interaction->user = act->user;
    return interaction;
}

struct sim_post *sim_act_message(struct sim *sim, const char *word, const char *custom_id) {
    uint64_t id = 0;
    bool last = strcmp(word, "last") == 0;
    if (!last && !text_u64(word, &id)) {
        return NULL;
    }
    for (struct sim_post *at = sim->store->last; at != NULL; at = at->prev_all) {
        if (!last && at->id == id) {
            return at;
        }
        if (last && custom_id != NULL && strstr(at->json, custom_id) != NULL) {
            return at;
        }
        if (last && custom_id == NULL && sim_bot_numbered(sim, at->author_id) == NULL) {
            return at;
        }
    }
    return NULL;
}

/* The target of a user or message command. */
static bool add_target(struct sim_act *act, int type, cJSON *data) {
    const char *word = text_of(act->body, "target");
    uint64_t id = 0;
    if (word == NULL) {
        return err_set(&act->err, ERR_INVALID, "target is missing: a user or a message");
    }
    if (type == SIM_USER_COMMAND) {
        id = sim_act_resolve(act, SIM_OPTION_USER, word);
    } else {
        const struct sim_post *post = sim_act_message(act->sim, word, NULL);
        if (post != NULL) {
            sim_act_resolve_message(act, post);
            id = post->id;
        }
    }
    sim_add_id(data, "target_id", id);
    return id != 0 || err_set(&act->err, ERR_NOT_FOUND, "there is no '%s'", word);
}

/* Walks down the subcommands that the words name; *list becomes where the options belong. */
static const cJSON *descend(struct sim_act *act, const cJSON *definition, const char *words,
                            cJSON *data, cJSON **holder) {
    *holder = data;
    while (*words != '\0') {
        char word[64];
        size_t length = strcspn(words, " ");
        const cJSON *option;
        const cJSON *found = NULL;
        snprintf(word, sizeof(word), "%.*s", (int)(length < 63 ? length : 63), words);
        cJSON_ArrayForEach(option, cJSON_GetObjectItemCaseSensitive(definition, "options")) {
            const char *name = text_of(option, "name");
            if (sim_command_type(option) <= SIM_OPTION_GROUP && name != NULL &&
                strcmp(name, word) == 0) {
                found = option;
            }
        }
        if (found == NULL) {
            err_set(&act->err, ERR_NOT_FOUND, "there is no subcommand '%s'", word);
            return NULL;
        }
        cJSON *list = cJSON_AddArrayToObject(*holder, "options");
        cJSON *below = cJSON_CreateObject();
        cJSON_AddStringToObject(below, "name", word);
        cJSON_AddNumberToObject(below, "type", sim_command_type(found));
        cJSON_AddItemToArray(list, below);
        *holder = below;
        definition = found;
        words += length + strspn(words + length, " ");
    }
    return definition;
}

static bool needs_subcommand(const cJSON *definition) {
    const cJSON *first = cJSON_GetArrayItem(cJSON_GetObjectItem(definition, "options"), 0);
    return first != NULL && sim_command_type(first) <= SIM_OPTION_GROUP;
}

/* data of a command; NULL: act->err. */
static cJSON *command_data(struct sim_act *act, const struct sim_command *command, int type,
                           const char *rest, const cJSON *given, const char *focused) {
    cJSON *data = cJSON_CreateObject();
    cJSON *holder = NULL;
    sim_add_id(data, "id", command->id);
    cJSON_AddStringToObject(data, "name", text_of(command->object, "name"));
    cJSON_AddNumberToObject(data, "type", type);
    if (command->guild_id != 0) {
        sim_add_id(data, "guild_id", command->guild_id);
    }
    if (type != SIM_CHAT_INPUT) {
        if (add_target(act, type, data)) {
            return data;
        }
        cJSON_Delete(data);
        return NULL;
    }
    const cJSON *definition = descend(act, command->object, rest, data, &holder);
    if (definition != NULL && needs_subcommand(definition)) {
        err_set(&act->err, ERR_INVALID, "'%s' needs a subcommand", text_of(definition, "name"));
        definition = NULL;
    }
    cJSON *options = definition != NULL ? sim_act_options(act, definition, given, focused) : NULL;
    if (options == NULL) {
        cJSON_Delete(data);
        return NULL;
    }
    if (cJSON_GetArraySize(options) > 0) {
        cJSON_AddItemToObject(holder, "options", options);
    } else {
        cJSON_Delete(options);
    }
    return data;
}

static int use_command(struct sim_act *act, const char *name, const cJSON *given,
                       const char *focused, bool text, struct buf *out) {
    const char *rest = "";
    const char *wanted = text_of(act->body, "type");
    int type = wanted == NULL                   ? SIM_CHAT_INPUT
               : strcmp(wanted, "user") == 0    ? SIM_USER_COMMAND
               : strcmp(wanted, "message") == 0 ? SIM_MESSAGE_COMMAND
                                                : SIM_CHAT_INPUT;
    name += *name == '/' ? 1 : 0;
    const struct sim_command *command = find_command(act, name, type, &rest);
    if (command == NULL) {
        err_set(&act->err, ERR_NOT_FOUND, "no bot has registered the command '%s'", name);
        return sim_act_refuse(act, out, 404);
    }
    if (!sim_act_listens(act)) {
        err_set(&act->err, ERR_NOT_FOUND, "the bot is not connected to the gateway");
        return sim_act_refuse(act, out, 409);
    }
    cJSON *data = command_data(act, command, type, rest, given, focused);
    if (data == NULL) {
        return sim_act_refuse(act, out, 400);
    }
    struct sim_interaction *interaction =
        sim_act_make(act, focused != NULL ? SIM_INTERACTION_COMPLETE : SIM_INTERACTION_COMMAND);
    if (interaction == NULL) {
        cJSON_Delete(data);
        return sim_act_refuse(act, out, 500);
    }
    interaction->command_type = type;
    text_copy(interaction->name, sizeof(interaction->name), text_of(command->object, "name"));
    return sim_act_happen(act, interaction, data, NULL, text, out);
}

/* From "line", or from "name" and "options". completes: one option is being typed. */
static int command(struct sim_conn *conn, const cJSON *body, bool completes, bool text,
                   struct buf *out) {
    struct sim_act act;
    const char *line = text_of(body, "line");
    cJSON *typed = NULL;
    bool menu = text_of(body, "type") != NULL;
    if (!sim_act_begin(&act, conn, body)) {
        return sim_act_refuse(&act, out, 404);
    }
    if (line != NULL && !menu && (typed = sim_command_line_read(line, &act.err)) == NULL) {
        return sim_act_refuse(&act, out, 400);
    }
    const cJSON *source = typed != NULL ? typed : body;
    const char *name = menu && line != NULL ? line : text_of(source, "name");
    const char *focused = completes ? text_of(source, typed != NULL ? "last" : "focused") : NULL;
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(source, "options");
    int status = 400;
    if (name == NULL || (completes && focused == NULL)) {
        err_set(&act.err, ERR_INVALID,
                name == NULL ? "wanted line, or name and options" : "no option is being typed");
        status = sim_act_refuse(&act, out, 400);
    } else {
        status = use_command(&act, name, given, focused, text, out);
    }
    cJSON_Delete(typed);
    return status;
}

int sim_act_command(struct sim_conn *conn, const cJSON *body, bool text, struct buf *out) {
    return command(conn, body, false, text, out);
}

int sim_act_complete(struct sim_conn *conn, const cJSON *body, bool text, struct buf *out) {
    return command(conn, body, true, text, out);
}
