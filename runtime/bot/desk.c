/* bot/desk.c: calls of plugins to the REST room and back, and what plugins declare. */
#include "bot/desk_inside.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "drey/drey.h"
#include "plugin/instance.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
    errand->holders = 1;
    return errand;
}

struct errand *desk_errand(struct desk *desk, const struct plugins_asker *asker,
                           const struct port_message *head, const char *name) {
    pthread_mutex_lock(&desk->lock);
    struct errand *errand = add_locked(desk, asker, head, name);
    pthread_mutex_unlock(&desk->lock);
    return errand;
}

static void let_go_locked(struct errand *errand) {
    if (--errand->holders > 0) {
        return;
    }
    if (errand->files.length > 0) {
        port_close_files(errand->files.bytes, errand->files.length);
    }
    buf_finish(&errand->files);
    free(errand);
}

static void drop_locked(struct errand *errand) {
    struct desk *desk = errand->desk;
    struct errand **link = &desk->errands[place_of(errand->seat, errand->number)];
    while (*link != errand) {
        link = &(*link)->next;
    }
    *link = errand->next;
    let_go_locked(errand);
}

void desk_drop(struct errand *errand) {
    struct desk *desk = errand->desk;
    pthread_mutex_lock(&desk->lock);
    drop_locked(errand);
    pthread_mutex_unlock(&desk->lock);
}

/* ---- How a request ended ---- */

int32_t desk_error(enum err_code code) {
    switch (code) {
    case ERR_NONE:
        return 0;
    case ERR_NO_MEMORY:
        return DREY_E_NO_MEMORY;
    case ERR_INVALID:
        return DREY_E_INVALID;
    case ERR_LIMIT:
        return DREY_E_LIMIT;
    case ERR_NOT_FOUND:
        return DREY_E_UNKNOWN;
    case ERR_NETWORK:
        return DREY_E_NETWORK;
    default:
        return DREY_E_FAIL;
    }
}

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

/* A plugin in a loop must not fill the log. */
static void warn(struct desk *desk, const struct log_from *from, const char *why) {
    uint64_t suppressed = 0;
    pthread_mutex_lock(&desk->lock);
    bool pass = ration_take(&desk->ration, clock_mono_ms(), &suppressed);
    pthread_mutex_unlock(&desk->lock);
    if (!pass) {
        return;
    }
    if (suppressed > 0) {
        log_warn(from, "%llu more of its requests failed", (unsigned long long)suppressed);
    }
    log_warn(from, "%s", why);
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
            warn(desk, &from, why);
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
            struct stat status; /* the place in the file is the plugin's too: it stays */
            files[count].size =
                fstat(file.fd, &status) == 0 && status.st_size > 0 ? (uint64_t)status.st_size : 0;
        }
        count++;
    }
    return count;
}

/* True: it was taken, its end will be told (or has been). False: nothing comes, and its files are
 * still the caller's. */
static bool take_call(struct desk *desk, const struct plugins_asker *asker,
                      const struct port_message *head, const char *name, const void *data) {
    struct port_rest_view view;
    struct rest_file files[REST_CALL_FILES_MAX];
    struct err err = {0};
    if (!port_read_rest(data, head->data_length, &view) || view.head.method > REST_DELETE) {
        return false;
    }
    struct errand *errand = desk_errand(desk, asker, head, name);
    if (errand == NULL) {
        return false;
    }
    errand->holders = 2; /* its answer may come before rest_submit() returns */
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
    uint64_t number = rest_submit(desk->rest, &call, &err);
    if (number != 0) {
        port_close_files(data, head->data_length); /* the REST room has its own */
    } else {
        warn(desk, &(struct log_from){.bot = desk->bot, .shard = -1, .plugin = asker->plugin},
             err.text);
        desk_drop(errand);
    }
    pthread_mutex_lock(&desk->lock);
    errand->call = number;
    let_go_locked(errand);
    pthread_mutex_unlock(&desk->lock);
    return number != 0;
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
    warn(desk, &from, why.text);
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
    case PORT_LOST: /* at once, for it may be declared anew before the REST thread hears of this */
        if (head->number == 0) {
            desk_note_stopped(desk, asker->seat);
        }
        return desk_answer_take(desk, asker, head, name, data);
    case PORT_ANSWER:
    case PORT_HANDLING:
    case PORT_HANDLED:
        return desk_answer_take(desk, asker, head, name, data);
    default:
        return false;
    }
}

/* ---- Opening and closing ---- */

struct opening {
    struct desk *desk;
    const struct desk_options *options;
    struct err *err;
    bool ok;
};

static void on_token_refused(void *arg, const struct err *why) {
    struct desk *desk = arg;
    desk->token_refused(desk->arg, desk->token, why);
}

static void open_on_rest(void *arg) {
    struct opening *opening = arg;
    struct desk *desk = opening->desk;
    struct rest_bot_options discord = opening->options->discord;
    discord.arg = desk;
    discord.token_refused = on_token_refused;
    desk->number = rest_bot_open(desk->rest, &discord, opening->err);
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
                                        .body = desk_body_of,
                                        .diff = desk_diff_of};
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
    desk->token_refused = options->token_refused;
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
    unsigned token;
    struct err *err;
    bool ok;
};

static void change_on_rest(void *arg) {
    struct changing *changing = arg;
    struct desk *desk = changing->desk;
    struct rest_bot_options discord = *changing->discord;
    discord.arg = desk;
    discord.token_refused = on_token_refused;
    changing->ok = rest_bot_change(desk->rest, desk->number, &discord, changing->err);
    if (changing->ok) {
        changing->token = ++desk->token;
        publisher_set_guild(desk->publisher, changing->dev_guild);
    }
}

bool desk_change(struct desk *desk, const struct rest_bot_options *discord, uint64_t dev_guild,
                 unsigned *token, struct err *err) {
    struct changing changing = {desk, discord, dev_guild, 0, err, false};
    if (!loop_call(desk->loop, change_on_rest, &changing) || !changing.ok) {
        return false;
    }
    *token = changing.token;
    return true;
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
        desk_forget_locked(desk, desk->plugins->name);
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
