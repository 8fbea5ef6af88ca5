/* cli/kv.c: `drey kv`: what plugins keep, looked at and changed in their files, whether drey runs
 * or not. Lists are read page by page: a statement that waits for somebody's pager would hold the
 * journal back. */
#include "cli/kv.h"
#include "base/clock.h"
#include "base/text.h"
#include "bot/house.h"
#include "cli/cli.h"
#include "cli/kv_lines.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PAGE_ROWS = 64,
    LINE_MAX_BYTES = 1 << 20,
    IMPORT_STEP = 200,
    IMPORT_STEP_BYTES = 4 << 20,
    NOT_THERE = 4
};

/* ---- One value ---- */

static int run_get(const struct kv_call *call) {
    struct store_value value;
    struct err err = {0};
    struct store *store = kv_open(call, false, &err);
    bool ok = store != NULL &&
              store_get(store, call->now_ms, call->guild_id, call->words[2], &value, &err);
    if (ok && call->json) {
        struct buf line = {0};
        ok = kv_value_json(&line, &(struct kv_owner){0}, &value) && fputs(line.bytes, stdout) >= 0;
        buf_finish(&line);
    } else if (ok) {
        ok = fwrite(value.data, 1, value.data_length, stdout) == value.data_length;
        if (ok && isatty(STDOUT_FILENO)) {
            ok = putchar('\n') != EOF;
        }
    } else {
        cli_complain("%s", err.text);
    }
    store_close(store);
    return ok ? EXIT_OK : err.code == ERR_NOT_FOUND ? NOT_THERE : EXIT_TROUBLE;
}

/* "-": what comes on stdin. */
static bool read_value(const char *word, struct buf *out) {
    char bytes[4096];
    size_t got;
    if (strcmp(word, "-") != 0) {
        return buf_text(out, word);
    }
    bool ok = buf_text(out, "");
    while (ok && (got = fread(bytes, 1, sizeof(bytes), stdin)) > 0) {
        ok = buf_append(out, bytes, got) && out->length <= STORE_VALUE_MAX;
    }
    return ok && ferror(stdin) == 0;
}

static int run_set(const struct kv_call *call) {
    struct buf data = {0};
    struct err err = {0};
    bool ok = read_value(call->words[3], &data) ||
              err_set(&err, ERR_LIMIT, "the value cannot be read, or has more than %d bytes",
                      STORE_VALUE_MAX);
    struct store *store = ok ? kv_open(call, true, &err) : NULL;
    struct store_put put = {.guild_id = call->guild_id,
                            .key = call->words[2],
                            .data = data.bytes,
                            .size = data.length,
                            .ttl_ms = call->ttl_ms};
    ok = store != NULL && store_set(store, call->now_ms, &put, &err);
    if (!ok) {
        cli_complain("%s", err.text);
    }
    store_close(store);
    buf_finish(&data);
    return ok ? EXIT_OK : EXIT_TROUBLE;
}

static int run_delete(const struct kv_call *call) {
    bool was = false;
    struct err err = {0};
    struct store *store = kv_open(call, false, &err);
    bool ok = store != NULL &&
              store_delete(store, call->now_ms, call->guild_id, call->words[2], &was, &err);
    if (!ok) {
        cli_complain("%s", err.text);
    } else if (!was) {
        cli_complain("\"%s\": there is no such key", call->words[2]);
    }
    store_close(store);
    return !ok ? EXIT_TROUBLE : was ? EXIT_OK : NOT_THERE;
}

/* ---- Lists ---- */

struct page {
    const struct kv_call *call;
    struct kv_owner owner;
    struct buf text;
    struct buf key; /* of the last row; of schedules: the name */
    uint64_t number;
    uint64_t rows;
    bool ok;
};

static bool remember(struct page *page, const char *key, uint64_t number) {
    buf_clear(&page->key);
    page->ok = page->ok && buf_text(&page->key, key);
    page->number = number;
    return page->ok && ++page->rows < PAGE_ROWS;
}

static bool add_value(void *to, const struct store_value *value) {
    struct page *page = to;
    page->ok = page->call->json
                   ? kv_value_json(&page->text, &page->owner, value)
                   : kv_value_text(&page->text, &page->owner, value, page->call->now_ms);
    return remember(page, value->key, value->guild_id);
}

static bool add_schedule(void *to, const struct store_schedule *schedule) {
    struct page *page = to;
    page->ok = page->call->json
                   ? kv_schedule_json(&page->text, &page->owner, schedule)
                   : kv_schedule_text(&page->text, &page->owner, schedule, page->call->now_ms);
    return remember(page, schedule->name, schedule->cookie);
}

static bool next_values(struct store *store, struct page *page, bool first, struct err *err) {
    const struct kv_call *call = page->call;
    struct store_range range = {.guild_id = first ? call->guild_id : page->number,
                                .prefix = call->prefix,
                                .after = first ? NULL : page->key.bytes,
                                .limit = PAGE_ROWS,
                                .all_guilds = !call->has_guild};
    return store_list(store, call->now_ms, &range, add_value, page, err);
}

static bool next_schedules(struct store *store, struct page *page, bool first, struct err *err) {
    struct store_schedule after = {.name = page->key.bytes, .cookie = page->number};
    return store_schedules(store, first ? NULL : &after, add_schedule, page, err);
}

static bool print_page(const struct page *page) {
    if (page->text.length == 0) {
        return true;
    }
    if (page->call->json) {
        return fputs(page->text.bytes, stdout) >= 0;
    }
    cli_print_lines(stdout, page->text.bytes);
    return ferror(stdout) == 0;
}

/* Everything of one store. owner.bot NULL: the lines do not say whose they are. */
static bool list_store(const struct kv_call *call, const struct kv_owner *owner,
                       struct store *store, struct err *err) {
    struct page page = {.call = call, .owner = *owner, .ok = true};
    bool ok = true;
    bool first = true;
    do {
        page.rows = 0;
        buf_clear(&page.text);
        ok = call->row->schedules ? next_schedules(store, &page, first, err)
                                  : next_values(store, &page, first, err);
        ok = ok && (page.ok || err_set(err, ERR_NO_MEMORY, "a list")) &&
             (print_page(&page) || err_set(err, ERR_SYSTEM, "the output cannot be written"));
        first = false;
    } while (ok && page.rows == PAGE_ROWS);
    buf_finish(&page.text);
    buf_finish(&page.key);
    return ok;
}

static bool list_one(void *to, const char *bot, const char *plugin) {
    const struct kv_call *call = to;
    struct kv_call one = *call;
    struct err err = {0};
    one.words[0] = bot;
    one.words[1] = plugin;
    struct store *store = kv_open(&one, false, &err);
    bool ok = store != NULL &&
              list_store(call, &(struct kv_owner){call->export ? NULL : bot, plugin}, store, &err);
    if (!ok) {
        cli_complain("%s", err.text);
    }
    store_close(store);
    return ok;
}

static int run_list(const struct kv_call *call) {
    struct kv_call copy = *call;
    return kv_each_store(call, list_one, &copy) ? EXIT_OK : EXIT_TROUBLE;
}

static int run_export(const struct kv_call *call) {
    struct kv_call copy = *call;
    copy.json = true;
    copy.export = true;
    copy.prefix = "";
    return list_one(&copy, call->words[0], call->words[1]) ? EXIT_OK : EXIT_TROUBLE;
}

/* ---- Import ---- */

/* A line that is read and waits to be stored. */
struct entry {
    struct store_put put; /* its texts are in key and data */
    struct buf key;
    struct buf data;
    uint64_t line;
};

struct import {
    const struct kv_call *call;
    struct store *store;
    struct entry entries[IMPORT_STEP];
    size_t count;
    size_t bytes; /* of theirs */
    uint64_t line;
    uint64_t stored;
    uint64_t expired;
};

static void forget_entries(struct import *import) {
    for (size_t i = 0; i < IMPORT_STEP; i++) {
        buf_finish(&import->entries[i].key);
        buf_finish(&import->entries[i].data);
    }
    import->count = 0;
    import->bytes = 0;
}

static bool import_line(struct import *import, const char *line, size_t length, struct err *err) {
    struct entry *entry = &import->entries[import->count];
    uint64_t expires_ms;
    uint64_t now_ms = import->call->now_ms;
    if (!kv_read_line(line, length, &entry->key, &entry->data, &entry->put, &expires_ms, err)) {
        return false;
    }
    if (expires_ms != 0 && expires_ms <= now_ms) {
        import->expired++;
        return true;
    }
    entry->put.ttl_ms = expires_ms != 0 ? expires_ms - now_ms : 0;
    entry->line = import->line;
    import->count++;
    import->bytes += entry->key.length + entry->data.length;
    return true;
}

/* One step, for which a running plugin does not wait for long. */
static bool store_entries(struct import *import, struct err *err) {
    bool ok = import->count == 0 || store_begin(import->store, err);
    for (size_t i = 0; ok && i < import->count; i++) {
        import->line = import->entries[i].line; /* the one that is to blame */
        ok = store_set(import->store, import->call->now_ms, &import->entries[i].put, err);
    }
    ok = ok && (import->count == 0 || store_commit(import->store, err));
    import->stored += ok ? import->count : 0;
    forget_entries(import);
    return ok;
}

/* Nobody waits for the store while this waits for its input. */
static bool import_all(struct import *import, FILE *from, struct err *err) {
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    bool ok = true;
    while (ok && (length = getline(&line, &room, from)) >= 0) {
        size_t bytes = (size_t)length - (length > 0 && line[length - 1] == '\n');
        uint64_t number = ++import->line;
        ok = bytes == 0 || (bytes > LINE_MAX_BYTES ? err_set(err, ERR_LIMIT, "longer than 1 MiB")
                                                   : import_line(import, line, bytes, err));
        if (ok && (import->count == IMPORT_STEP || import->bytes >= IMPORT_STEP_BYTES)) {
            ok = store_entries(import, err);
            import->line = ok ? number : import->line;
        }
    }
    free(line);
    if (ok && (ferror(from) != 0 || feof(from) == 0)) {
        ok = err_system(err, "the next line cannot be read");
    }
    return ok && store_entries(import, err);
}

static int run_import(const struct kv_call *call) {
    struct err err = {0};
    struct import import = {.call = call, .store = kv_open(call, true, &err)};
    bool ok = import.store != NULL && import_all(&import, stdin, &err);
    if (!ok && import.line == 0) {
        cli_complain("%s", err.text);
    } else if (!ok) {
        cli_complain("line %" PRIu64 ": %s; %" PRIu64 " values were stored before", import.line,
                     err.text, import.stored);
    } else {
        (void)fprintf(stderr, "%" PRIu64 " values stored, %" PRIu64 " had expired\n", import.stored,
                      import.expired);
    }
    store_close(import.store);
    forget_entries(&import);
    return ok ? EXIT_OK : EXIT_TROUBLE;
}

/* ---- The command line ---- */

static const struct kv_row rows[] = {
    {"list", "[BOT [PLUGIN]]", 0, 2, run_list, false},
    {"get", "BOT PLUGIN KEY", 3, 3, run_get, false},
    {"set", "BOT PLUGIN KEY VALUE", 4, 4, run_set, false},
    {"delete", "BOT PLUGIN KEY", 3, 3, run_delete, false},
    {"export", "BOT PLUGIN", 2, 2, run_export, false},
    {"import", "BOT PLUGIN", 2, 2, run_import, false},
    {"schedules", "[BOT [PLUGIN]]", 0, 2, run_list, true},
};
enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

static const struct kv_row *find_row(const char *word) {
    const char *names[ROW_COUNT];
    for (size_t i = 0; i < ROW_COUNT; i++) {
        names[i] = rows[i].name;
        if (strcmp(rows[i].name, word) == 0) {
            return &rows[i];
        }
    }
    const char *near = text_nearest(word, names, ROW_COUNT);
    (void)cli_usage("kv", "there is no '%s'%s%s%s", word, near != NULL ? "; did you mean '" : "",
                    near != NULL ? near : "", near != NULL ? "'?" : "");
    return NULL;
}

/* Which word of the row a word is. False: complained. */
static bool take_words(struct kv_call *call, int count, char **words) {
    call->row = count > 0 ? find_row(words[0]) : NULL;
    if (call->row == NULL) {
        if (count == 0) {
            (void)cli_usage("kv", "what about them: list, get, set, delete, export, import or "
                                  "schedules");
        }
        return false;
    }
    if (count - 1 < call->row->least || count - 1 > call->row->most) {
        (void)cli_usage("kv", "%s takes %s", call->row->name, call->row->usage);
        return false;
    }
    for (int i = 1; i < count; i++) {
        call->words[i - 1] = words[i];
    }
    return true;
}

static int take_option(struct kv_call *call, int option, const char **config) {
    switch (option) {
    case 'c':
        *config = optarg;
        return 0;
    case 'g':
        call->has_guild = true;
        return text_u64(optarg, &call->guild_id)
                   ? 0
                   : cli_usage("kv", "--guild takes a number, got '%s'", optarg);
    case 'p':
        call->prefix = optarg;
        return 0;
    case 't':
        return text_duration_ms(optarg, &call->ttl_ms)
                   ? 0
                   : cli_usage("kv", "--ttl takes a time with its unit, such as 10m, got '%s'",
                               optarg);
    default:
        call->json = true;
        return 0;
    }
}

int kv_main(int argc, char **argv) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"guild", required_argument, NULL, 'g'},
        {"prefix", required_argument, NULL, 'p'}, {"ttl", required_argument, NULL, 't'},
        {"json", no_argument, NULL, 'j'},         {0}};
    struct kv_call call = {.prefix = "", .now_ms = clock_wall_ms()};
    struct config config = {0};
    const char *path = NULL;
    int option;
    int status = 0;
    opterr = 0;
    while (status == 0 && (option = getopt_long(argc, argv, "c:g:p:t:", options, NULL)) != -1) {
        status = option == '?' ? cli_bad_option("kv", argv) : take_option(&call, option, &path);
    }
    if (status != 0) {
        return status;
    }
    if (!take_words(&call, argc - optind, argv + optind)) {
        return EXIT_USAGE;
    }
    if (!cli_config(path, &config)) {
        return EXIT_CONFIGURATION;
    }
    call.config = &config;
    status = kv_check_words(&call) ? call.row->run(&call) : EXIT_TROUBLE;
    config_finish(&config);
    if (fflush(stdout) != 0 && status == EXIT_OK) {
        status = EXIT_TROUBLE;
    }
    return status;
}
