/* bot/desk.c: calls of plugins to the REST room and back, and what plugins declare. */
#include "bot/desk_inside.h"

#include "base/log.h"
#include "base/text.h"
#include "drey/drey.h"
#include "plugin/instance.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ERROR_BODY_MAX = 64 * 1024 };

/* ---- The table of errands ---- */

static size_t place_of(uint64_t seat, uint64_t number) {
    uint64_t key[2] = {seat, number};
    return text_hash(key, sizeof(key)) & (DESK_ERRANDS - 1);
}

static struct errand *add_locked(struct desk *desk, const struct plugins_asker *asker,
                                 const struct port_message *head, const char *name) {
    struct errand *errand = calloc(1, sizeof(*errand));
    if (errand == NULL) {
        return NULL;
    }
    errand->desk = desk;
    errand->seat = asker->seat;
    errand->number = head->number;
    errand->cookie = head->extra;
    text_copy(errand->name, sizeof(errand->name), name);
    text_copy(errand->plugin, sizeof(errand->plugin), asker->plugin);
    struct errand **place = &desk->errands[place_of(asker->seat, head->number)];
    errand->next = *place;
    *place = errand;
    desk->errand_count++;
    return errand;
}

struct errand *desk_errand(struct desk *desk, const struct plugins_asker *asker,
                           const struct port_message *head, const char *name) {
    pthread_mutex_lock(&desk->lock);
    struct errand *errand = add_locked(desk, asker, head, name);
    pthread_mutex_unlock(&desk->lock);
    return errand;
}

static void drop_locked(struct errand *errand) {
    struct desk *desk = errand->desk;
    struct errand **link = &desk->errands[place_of(errand->seat, errand->number)];
    while (*link != errand) {
        link = &(*link)->next;
    }
    *link = errand->next;
    desk->errand_count--;
    if (errand->files.length > 0) {
        port_close_files(errand->files.bytes, errand->files.length);
    }
    buf_finish(&errand->files);
    free(errand);
}

void desk_drop(struct errand *errand) {
    struct desk *desk = errand->desk;
    pthread_mutex_lock(&desk->lock);
    drop_locked(errand);
    pthread_mutex_unlock(&desk->lock);
}

/* ---- How a request ended ---- */

int32_t desk_result(const struct rest_answer *answer) {
    switch (answer->end) {
    case REST_END_ANSWERED:
        return answer->status >= 200 && answer->status < 300 ? 0 : DREY_E_REFUSED;
    case REST_END_NETWORK:
        return DREY_E_NETWORK;
    case REST_END_DEADLINE:
        return DREY_E_LATE;
    case REST_END_TOKEN:
    case REST_END_REFUSED:
        return DREY_E_REFUSED;
    case REST_END_CANCELLED:
    case REST_END_STOPPED:
    case REST_END_FAILED:
        break;
    }
    return DREY_E_FAIL;
}

uint32_t desk_code(const struct rest_answer *answer) {
    uint32_t code = 0;
    if (answer->end == REST_END_ANSWERED && answer->status >= 400 &&
        answer->length < ERROR_BODY_MAX) {
        cJSON *body = cJSON_ParseWithLength(answer->body, answer->length);
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(body, "code");
        code = cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < 1e9
                   ? (uint32_t)item->valuedouble
                   : 0;
        cJSON_Delete(body);
    }
    return code;
}

void desk_end(struct errand *errand, int32_t result, const struct rest_answer *answer,
              const char *why) {
    struct desk *desk = errand->desk;
    struct log_from from = {.bot = desk->bot, .shard = -1, .plugin = errand->plugin};
    struct buf data = {0};
    const char *body = answer != NULL ? answer->body : "";
    struct port_parts parts = {(uint32_t)strlen(why),
                               answer != NULL ? (uint32_t)answer->length : 0};
    struct port_message head = {
        .kind = PORT_REST_DONE,
        .status = result,
        .number = errand->number,
        .extra = errand->cookie,
        .more = answer != NULL ? (uint64_t)desk_code(answer) << 32 | (uint32_t)answer->status : 0,
        .name_length = (uint32_t)strlen(errand->name)};
    if (errand->name[0] == '\0') {
        if (result < 0) {
            log_warn(&from, "%s", why);
        }
    } else if (buf_append(&data, &parts, sizeof(parts)) &&
               buf_append(&data, why, parts.first_length + 1) &&
               buf_append(&data, body, parts.second_length) && buf_append(&data, "", 1)) {
        head.data_length = (uint32_t)data.length;
        desk->deliver(desk->arg, errand->seat, &head, errand->name, data.bytes);
    } else {
        log_error(&from, "an answer was lost: no memory");
    }
    buf_finish(&data);
    desk_drop(errand);
}

/* [REST thread] */
static void on_answer(void *arg, const struct rest_answer *answer) {
    struct errand *errand = arg;
    /* rest_submit() may still be in the hands of the thread that asked. */
    pthread_mutex_lock(&errand->desk->lock);
    pthread_mutex_unlock(&errand->desk->lock);
    desk_end(errand, desk_result(answer), answer, answer->err->text);
}

/* ---- Taking ---- */

size_t desk_files(struct port_rest_view *view, struct rest_file *files, size_t most) {
    size_t count = 0;
    struct port_file file;
    const char *name;
    const char *type;
    const char *bytes;
    while (count < most && count < view->head.file_count &&
           port_next_file(view, &file, &name, &type, &bytes)) {
        files[count] = (struct rest_file){
            .name = name, .type = type, .bytes = bytes, .length = file.size, .fd = file.fd};
        if (bytes == NULL) {
            off_t end = lseek(file.fd, 0, SEEK_END); /* ours alone is the number, not the place */
            files[count].size = end > 0 ? (uint64_t)end : 0;
        }
        count++;
    }
    return count;
}

/* True: it was taken, its end will be told (or has been). */
static bool take_call(struct desk *desk, const struct plugins_asker *asker,
                      const struct port_message *head, const char *name, const void *data) {
    struct port_rest_view view;
    struct rest_file files[REST_CALL_FILES_MAX];
    struct err err = {0};
    if (!port_read_rest(data, head->data_length, &view) || view.head.method > REST_DELETE) {
        return false;
    }
    pthread_mutex_lock(&desk->lock); /* on_answer() waits for it */
    struct errand *errand = add_locked(desk, asker, head, name);
    if (errand == NULL) {
        pthread_mutex_unlock(&desk->lock);
        return false;
    }
    size_t count = desk_files(&view, files, REST_CALL_FILES_MAX);
    struct rest_call call = {
        .bot = desk->number,
        .owner = asker->seat,
        .owner_name = asker->plugin,
        .method = (enum rest_method)view.head.method,
        .path = view.path,
        .content = count > 0           ? REST_CONTENT_MULTIPART
                   : view.body != NULL ? REST_CONTENT_JSON
                                       : REST_CONTENT_NONE,
        .body = view.body,
        .body_length = view.body != NULL ? view.head.body_length : 0,
        .files = files,
        .file_count = count,
        .reason = view.reason,
        .has_nonce = (view.head.flags & DREY_REPEATABLE) != 0,
        .deadline_ms = view.head.deadline_ms,
        .done = on_answer,
        .arg = errand,
    };
    errand->call = rest_submit(desk->rest, &call, &err);
    bool taken = errand->call != 0;
    pthread_mutex_unlock(&desk->lock);
    port_close_files(data, head->data_length); /* the REST room has its own */
    if (!taken) {
        desk_end(errand, err.code == ERR_LIMIT ? DREY_E_LIMIT : DREY_E_INVALID, NULL, err.text);
    }
    return true;
}

static void cancel(struct desk *desk, const struct plugins_asker *asker, uint64_t number) {
    uint64_t call = 0;
    pthread_mutex_lock(&desk->lock);
    struct errand *errand = desk->errands[place_of(asker->seat, number)];
    while (errand != NULL && (errand->seat != asker->seat || errand->number != number)) {
        errand = errand->next;
    }
    call = errand != NULL ? errand->call : 0;
    pthread_mutex_unlock(&desk->lock);
    if (call != 0) {
        rest_cancel(desk->rest, call);
    }
}

static void take_gateway(struct desk *desk, const struct plugins_asker *asker,
                         const struct port_message *head, const char *name, const void *data) {
    struct err why = {0};
    struct log_from from = {.bot = desk->bot, .shard = -1, .plugin = asker->plugin};
    int32_t result = desk->gateway(desk->arg, asker, (uint32_t)head->number, data,
                                   head->data_length, name, head->extra, &why);
    if (result >= 0) {
        return;
    }
    log_warn(&from, "%s", why.text);
    if (name[0] != '\0') { /* members: the end is told */
        struct {
            struct port_parts parts;
            char texts[sizeof(why.text) + 2];
        } data_out = {{(uint32_t)strlen(why.text), 0}, ""};
        memcpy(data_out.texts, why.text, strlen(why.text));
        struct port_message end = {.kind = PORT_MEMBERS,
                                   .status = result,
                                   .extra = head->extra,
                                   .number = DREY_MEMBERS_LAST,
                                   .name_length = head->name_length,
                                   .data_length =
                                       (uint32_t)(sizeof(data_out.parts) + strlen(why.text) + 2)};
        desk->deliver(desk->arg, asker->seat, &end, name, &data_out);
    }
}

bool desk_take(struct desk *desk, const struct plugins_asker *asker,
               const struct port_message *head, const char *name, const void *data) {
    switch (head->kind) {
    case PORT_REST:
        return take_call(desk, asker, head, name, data);
    case PORT_REST_CANCEL:
        cancel(desk, asker, head->number);
        return true;
    case PORT_GATEWAY:
        take_gateway(desk, asker, head, name, data);
        return true;
    case PORT_ANSWER:
    case PORT_HANDLING:
    case PORT_HANDLED:
        return desk_answer_take(desk, asker, head, name, data);
    default:
        return false;
    }
}

/* ---- What plugins declare ---- */

static bool is_prefix_kind(uint32_t kind) {
    return kind == REGISTERED_COMPONENT || kind == REGISTERED_MODAL;
}

/* Two plugins may not both answer to a custom_id. */
static bool prefixes_apart(const struct desk *desk, const char *plugin,
                           const struct registration *row, const char *text, struct err *err) {
    for (const struct desk_plugin *other = desk->plugins; other != NULL; other = other->next) {
        struct registration theirs;
        const char *their_text;
        size_t at = 0;
        if (strcmp(other->name, plugin) == 0) {
            continue;
        }
        while (
            registration_next(other->rows.bytes, other->rows.length, &at, &theirs, &their_text)) {
            size_t common = strlen(text) < strlen(their_text) ? strlen(text) : strlen(their_text);
            if (theirs.kind == row->kind && strncmp(text, their_text, common) == 0) {
                return err_set(err, ERR_PLUGIN,
                               "plugins %s and %s both answer to custom_ids that begin with "
                               "\"%s\": let one of them begin otherwise",
                               plugin, other->name, strlen(text) > common ? text : their_text);
            }
        }
    }
    return true;
}

static size_t count_commands(const void *rows, size_t length) {
    struct registration row;
    const char *text;
    size_t at = 0;
    size_t count = 0;
    while (registration_next(rows, length, &at, &row, &text)) {
        count += row.kind == REGISTERED_COMMAND;
    }
    return count;
}

/* The commands among the rows, as the catalogue wants them; texts: borrowed from rows. */
static struct catalogue_command *commands_of(const void *rows, size_t length, size_t *count) {
    struct registration row;
    const char *text;
    size_t at = 0;
    struct catalogue_command *commands =
        calloc(count_commands(rows, length) + 1, sizeof(*commands));
    *count = 0;
    while (commands != NULL && registration_next(rows, length, &at, &row, &text)) {
        if (row.kind == REGISTERED_COMMAND) {
            commands[(*count)++] = (struct catalogue_command){
                .json = text,
                .length = row.text_length,
                .handler = "",
                .auto_defer = (row.flags & DREY_AUTO_DEFER) != 0,
                .ephemeral = (row.flags & DREY_EPHEMERAL) != 0,
                .cooldown = {(enum cooldown_per)row.per, row.uses, row.seconds}};
        }
    }
    return commands;
}

static bool check_locked(const struct desk *desk, const char *plugin, const void *rows,
                         size_t length, struct err *err) {
    struct registration row;
    const char *text;
    size_t at = 0;
    size_t count;
    while (registration_next(rows, length, &at, &row, &text)) {
        if (is_prefix_kind(row.kind) && !prefixes_apart(desk, plugin, &row, text, err)) {
            return false;
        }
    }
    struct catalogue_command *commands = commands_of(rows, length, &count);
    bool ok = commands != NULL ? catalogue_check(desk->catalogue, plugin, commands, count, err)
                               : err_set(err, ERR_NO_MEMORY, "commands of plugin %s", plugin);
    free(commands);
    return ok;
}

bool desk_check(struct desk *desk, const char *plugin, const void *rows, size_t length,
                struct err *err) {
    pthread_mutex_lock(&desk->lock);
    bool ok = check_locked(desk, plugin, rows, length, err);
    pthread_mutex_unlock(&desk->lock);
    return ok;
}

static void forget_locked(struct desk *desk, const char *plugin) {
    struct desk_plugin **link = &desk->plugins;
    while (*link != NULL && strcmp((*link)->name, plugin) != 0) {
        link = &(*link)->next;
    }
    struct desk_plugin *gone = *link;
    if (gone != NULL) {
        *link = gone->next;
        free(gone->name);
        buf_finish(&gone->rows);
        free(gone);
    }
}

static bool declare_locked(struct desk *desk, const char *plugin, const void *rows, size_t length,
                           struct err *err) {
    size_t count;
    struct desk_plugin *entry = calloc(1, sizeof(*entry));
    struct catalogue_command *commands = commands_of(rows, length, &count);
    bool ok = entry != NULL && commands != NULL && (entry->name = strdup(plugin)) != NULL &&
              buf_append(&entry->rows, rows, length);
    ok = ok ? catalogue_set(desk->catalogue, plugin, commands, count, err)
            : err_set(err, ERR_NO_MEMORY, "commands of plugin %s", plugin);
    free(commands);
    if (!ok) {
        if (entry != NULL) {
            free(entry->name);
            buf_finish(&entry->rows);
        }
        free(entry);
        return false;
    }
    forget_locked(desk, plugin);
    entry->next = desk->plugins;
    desk->plugins = entry;
    return true;
}

bool desk_declare(struct desk *desk, const char *plugin, const void *rows, size_t length,
                  struct err *err) {
    bool ok = true;
    pthread_mutex_lock(&desk->lock);
    if (rows == NULL) {
        catalogue_remove(desk->catalogue, plugin);
        forget_locked(desk, plugin);
    } else {
        ok = declare_locked(desk, plugin, rows, length, err);
    }
    pthread_mutex_unlock(&desk->lock);
    return ok;
}

/* ---- Publishing ---- */

static bool body_of(void *arg, bool guild, struct buf *out, size_t *count) {
    struct desk *desk = arg;
    pthread_mutex_lock(&desk->lock);
    *count = catalogue_count(desk->catalogue);
    bool ok = catalogue_body(desk->catalogue, guild ? CATALOGUE_GUILD : CATALOGUE_GLOBAL, out);
    pthread_mutex_unlock(&desk->lock);
    return ok;
}

static bool diff_of(void *arg, bool guild, const char *answer, size_t length, struct buf *lines,
                    size_t *changes, size_t *removals, struct err *err) {
    struct desk *desk = arg;
    pthread_mutex_lock(&desk->lock);
    bool ok = catalogue_diff(desk->catalogue, guild ? CATALOGUE_GUILD : CATALOGUE_GLOBAL, answer,
                             length, lines, changes, err);
    pthread_mutex_unlock(&desk->lock);
    *removals = 0;
    for (const char *line = lines->bytes; ok && line != NULL && *line != '\0';) {
        *removals += *line == '-';
        line += strcspn(line, "\n");
        line += *line == '\n' ? 1 : 0;
    }
    return ok;
}

static void publish_complete(void *arg) {
    struct desk *desk = arg;
    publisher_changed(desk->publisher, true);
}

static void publish_partly(void *arg) {
    struct desk *desk = arg;
    publisher_changed(desk->publisher, false);
}

void desk_publish(struct desk *desk, bool complete) {
    (void)loop_post(desk->loop, complete ? publish_complete : publish_partly, desk);
}

struct asking {
    struct desk *desk;
    bool sync;
    publisher_done_fn *done;
    void *arg;
};

static void ask_commands(void *arg) {
    struct asking *asking = arg;
    publisher_ask(asking->desk->publisher, asking->sync, asking->done, asking->arg);
}

void desk_commands(struct desk *desk, bool sync, publisher_done_fn *done, void *arg) {
    struct asking asking = {desk, sync, done, arg};
    (void)loop_call(desk->loop, ask_commands, &asking);
}

/* ---- Opening and closing ---- */

struct opening {
    struct desk *desk;
    const struct desk_options *options;
    struct err *err;
    bool ok;
};

static void open_on_rest(void *arg) {
    struct opening *opening = arg;
    struct desk *desk = opening->desk;
    desk->number = rest_bot_open(desk->rest, &opening->options->discord, opening->err);
    if (desk->number == 0 || !desk_answer_open(desk, opening->options->state_dir, opening->err)) {
        return;
    }
    struct publisher_options options = {.bot = desk->bot,
                                        .state_dir = opening->options->state_dir,
                                        .loop = desk->loop,
                                        .rest = desk->rest,
                                        .number = desk->number,
                                        .guild = opening->options->dev_guild,
                                        .arg = desk,
                                        .body = body_of,
                                        .diff = diff_of};
    desk->publisher = publisher_create(&options, opening->err);
    opening->ok = desk->publisher != NULL;
}

struct desk *desk_open(const struct desk_options *options, struct err *err) {
    struct desk *desk = calloc(1, sizeof(*desk));
    if (desk == NULL) {
        err_set(err, ERR_NO_MEMORY, "bot %s", options->bot);
        return NULL;
    }
    pthread_mutex_init(&desk->lock, NULL);
    desk->loop = options->loop;
    desk->rest = options->rest;
    desk->arg = options->arg;
    desk->deliver = options->deliver;
    desk->gateway = options->gateway;
    desk->bot = strdup(options->bot);
    desk->catalogue = desk->bot != NULL ? catalogue_create(err) : NULL;
    struct opening opening = {desk, options, err, false};
    if (desk->catalogue == NULL || !loop_call(desk->loop, open_on_rest, &opening) || !opening.ok) {
        desk_close(desk);
        return NULL;
    }
    return desk;
}

struct changing {
    struct desk *desk;
    const struct rest_bot_options *discord;
    uint64_t dev_guild;
    struct err *err;
    bool ok;
};

static void change_on_rest(void *arg) {
    struct changing *changing = arg;
    publisher_set_guild(changing->desk->publisher, changing->dev_guild);
    changing->ok = rest_bot_change(changing->desk->rest, changing->desk->number, changing->discord,
                                   changing->err);
}

bool desk_change(struct desk *desk, const struct rest_bot_options *discord, uint64_t dev_guild,
                 struct err *err) {
    struct changing changing = {desk, discord, dev_guild, err, false};
    return loop_call(desk->loop, change_on_rest, &changing) && changing.ok;
}

static void close_on_rest(void *arg) {
    struct desk *desk = arg;
    if (desk->number != 0) {
        rest_bot_close(desk->rest, desk->number);
    }
    publisher_destroy(desk->publisher);
    desk_answer_close(desk);
}

void desk_close(struct desk *desk) {
    if (desk == NULL) {
        return;
    }
    (void)loop_call(desk->loop, close_on_rest, desk);
    while (desk->plugins != NULL) {
        forget_locked(desk, desk->plugins->name);
    }
    for (size_t i = 0; i < DESK_ERRANDS; i++) {
        while (desk->errands[i] != NULL) {
            drop_locked(desk->errands[i]);
        }
    }
    catalogue_destroy(desk->catalogue);
    pthread_mutex_destroy(&desk->lock);
    free(desk->bot);
    free(desk);
}

uint32_t desk_bot(const struct desk *desk) {
    return desk->number;
}
