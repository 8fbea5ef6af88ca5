/* fuzz/control.c: the control socket and its commands, over a real socket, with a loop and a house
 * of the fuzzer's (below). Several clients send what they like, cut as they like: every whole line
 * has one answer, which is JSON with "ok"; a line that is too long ends its connection; nothing
 * stays behind when they are gone. */
#include "fuzz.h"

#include "bot/house.h"
#include "control/commands.h"
#include "control/socket.h"
#include "control/status.h"
#include "ring/reader.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENTS = 3 };

/* ---- a loop that calls back when it is told to ---- */

struct loop_watch {
    struct loop_watch *next;
    int fd;
    int events;
    loop_watch_fn *fn;
    void *arg;
};

struct loop_timer {
    int nothing;
};

static struct loop_watch *watches;

struct loop_watch *loop_watch_create(struct loop *loop, int fd, loop_watch_fn *fn, void *arg,
                                     struct err *err) {
    struct loop_watch *watch = calloc(1, sizeof(*watch));
    FUZZ_CHECK(watch != NULL);
    *watch = (struct loop_watch){watches, fd, 0, fn, arg};
    watches = watch;
    return watch;
}

void loop_watch_set(struct loop_watch *watch, int events) {
    watch->events = events;
}

void loop_watch_destroy(struct loop_watch *watch) {
    for (struct loop_watch **at = &watches; *at != NULL; at = &(*at)->next) {
        if (*at == watch) {
            *at = watch->next;
            break;
        }
    }
    free(watch);
}

struct loop_timer *loop_timer_create(struct loop *loop, loop_fn *fn, void *arg) {
    return calloc(1, sizeof(struct loop_timer));
}

void loop_timer_start(struct loop_timer *timer, uint64_t after_ms) {
}

void loop_timer_destroy(struct loop_timer *timer) {
    free(timer);
}

/* Lets every watch that wants to do so read or write, until nobody does anything. */
static void turn(void) {
    for (int rounds = 0; rounds < 3; rounds++) {
        struct loop_watch *todo[8];
        size_t count = 0;
        for (struct loop_watch *at = watches; at != NULL && count < 8; at = at->next) {
            todo[count++] = at;
        }
        for (size_t i = 0; i < count; i++) {
            bool there = false;
            for (struct loop_watch *at = watches; at != NULL; at = at->next) {
                there = there || at == todo[i];
            }
            if (there && todo[i]->events != 0) {
                todo[i]->fn(todo[i]->arg, todo[i]->events);
            }
        }
    }
}

/* ---- a house with one bot ---- */

static char directory[256];
static struct config config;
static struct ring *ring;
static const struct config_bot its_config = {.name = "main"};
static struct house_bot the_bot = {.config = &its_config};
static unsigned stops;

const struct config *house_config(const struct house *house) {
    return &config;
}

struct loop *house_loop(struct house *house) {
    return NULL;
}

void house_stop(struct house *house, bool final) {
    stops++;
}

bool house_reload(struct house *house, const char *name, bool reidentify, struct buf *text) {
    (void)buf_printf(text, "%.100s: reloaded\n", name != NULL ? name : "all");
    return name == NULL || name[0] != 'x';
}

const struct house_bot *house_bot_find(const struct house *house, const char *name) {
    return strcmp(name, "main") == 0 ? &the_bot : NULL;
}

size_t house_bot_count(const struct house *house) {
    return 1;
}

const struct house_bot *house_bot(const struct house *house, size_t index) {
    return &the_bot;
}

const char *bot_name(const struct bot *bot) {
    return "main";
}

/* The publisher answers from another thread; here at once. */
bool loop_post(struct loop *loop, loop_fn *fn, void *arg) {
    fn(arg);
    return true;
}

bool bot_commands(struct bot *bot, bool sync, publisher_done_fn *done, void *arg) {
    struct err err = {0};
    err_set(&err, ERR_BUSY, "not now");
    done(arg, sync, "+ /a \"b\"\n", sync ? NULL : &err);
    return true;
}

struct ring *bot_ring(const struct bot *bot) {
    return ring;
}

static house_bot_gone_fn *on_bot_gone;
static void *on_bot_gone_arg;

void house_on_bot_gone(struct house *house, house_bot_gone_fn *fn, void *arg) {
    on_bot_gone = fn;
    on_bot_gone_arg = arg;
}

bool house_renew(struct house *house, struct buf *text) {
    return buf_text(text, "nothing changed\n");
}

/* One upgrade at a time; its answer comes later. */
static upgrade_fn *on_checked;
static void *on_checked_arg;

bool upgrade_begin(struct upgrade *upgrade, upgrade_fn *checked, void *arg, struct err *err) {
    if (on_checked != NULL) {
        return err_set(err, ERR_BUSY, "an upgrade is under way");
    }
    on_checked = checked;
    on_checked_arg = arg;
    return true;
}

static void end_upgrade(bool well) {
    struct err err = {.code = ERR_INVALID, .text = "not a drey"};
    const struct program_mark mark = {"1:2"};
    upgrade_fn *fn = on_checked;
    on_checked = NULL;
    if (fn != NULL) {
        fn(on_checked_arg, well ? NULL : &err, &mark);
    }
}

struct plugins *house_plugins(struct house *house) {
    return NULL;
}

static const char one_parked[] = "{\"plugin\":\"fuzz\",\"event\":\"READY\",\"attempts\":2}";

void plugins_each_parked(struct plugins *plugins, const char *bot, plugins_parked_fn *each,
                         void *to) {
    struct plugins_parked parked = {.id = {"fuzz", "fuzz", 64},
                                    .name = "fuzz.64",
                                    .line = one_parked,
                                    .message = "{}",
                                    .message_length = 2};
    each(to, &parked);
}

bool plugins_drop_parked(struct plugins *plugins, const char *bot, const char *name,
                         struct plugins_parked_id *id, struct err *err) {
    return err_set(err, ERR_NOT_FOUND, "no event of that name is parked");
}

bool plugins_drop_all_parked(struct plugins *plugins, const char *bot, const char *plugin,
                             size_t *count, struct err *err) {
    *count = plugin == NULL;
    return bot == NULL || err_set(err, ERR_SYSTEM, "its file stays");
}

bool plugins_retry_parked(struct plugins *plugins, const char *bot, const char *name,
                          struct plugins_parked_id *id, struct err *err) {
    *id = (struct plugins_parked_id){"fuzz", "fuzz", 64};
    return true;
}

void plugins_count_parked(const struct plugins *plugins, plugins_parked_count_fn *each, void *to) {
}

uint64_t house_uptime_ms(const struct house *house) {
    return 1;
}

cJSON *status_json(struct house *house) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "version", "fuzz");
    return json;
}

/* ---- clients ---- */

struct client {
    int fd;
    size_t line;      /* bytes of the line that is not finished */
    size_t questions; /* whole lines sent */
    size_t answers;
    bool gone;
    bool too_long;  /* one of its lines */
    char last[512]; /* of the answer that is not whole */
    size_t length;
};

static void clean(void) {
    (void)rmdir(directory);
}

static void open_all(void) {
    struct err err = {0};
    struct ring_recovery recovery;
    static char path[300];
    static char socket_path[100];
    const char *place = getenv("TMPDIR");
    (void)snprintf(directory, sizeof(directory), "%.60s/drey-control-XXXXXX",
                   place != NULL ? place : "/tmp");
    FUZZ_CHECK(mkdtemp(directory) != NULL && atexit(clean) == 0);
    (void)snprintf(path, sizeof(path), "%s/ring", directory);
    struct ring_options options = {path, "main", 64 * 1024, 4096};
    ring = ring_open(&options, &recovery, &err);
    FUZZ_CHECK(ring != NULL);
    (void)unlink(path);
    (void)snprintf(socket_path, sizeof(socket_path), "%.90s/s", directory);
    config.control = socket_path;
    the_bot.bot = (struct bot *)(void *)&the_bot; /* never looked into here */
}

static void connect_client(struct client *client) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *client = (struct client){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", config.control);
    FUZZ_CHECK(client->fd >= 0 &&
               connect(client->fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    turn();
}

static void check_answer(const char *text) {
    cJSON *json = cJSON_Parse(text);
    const cJSON *ok = cJSON_GetObjectItemCaseSensitive(json, "ok");
    FUZZ_CHECK(cJSON_IsBool(ok));
    FUZZ_CHECK(cJSON_IsTrue(ok) || cJSON_IsString(cJSON_GetObjectItemCaseSensitive(json, "error")));
    cJSON_Delete(json);
}

/* Takes what has come, and closes descriptors that came along. */
static void listen_to(struct client *client) {
    for (;;) {
        char bytes[4096];
        _Alignas(struct cmsghdr) char space[256];
        struct iovec part = {bytes, sizeof(bytes)};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = space,
                                 .msg_controllen = sizeof(space)};
        ssize_t got = recvmsg(client->fd, &message, MSG_DONTWAIT);
        if (got <= 0) {
            client->gone = client->gone || got == 0;
            return;
        }
        for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at != NULL;
             at = CMSG_NXTHDR(&message, at)) {
            size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            int fds[16];
            FUZZ_CHECK(count <= CONTROL_FDS_MAX);
            memcpy(fds, CMSG_DATA(at), count * sizeof(int));
            for (size_t i = 0; i < count; i++) {
                close(fds[i]);
            }
        }
        for (ssize_t i = 0; i < got; i++) {
            if (bytes[i] == '\n') {
                client->last[client->length] = '\0';
                if (client->length < sizeof(client->last) - 1) {
                    check_answer(client->last);
                }
                client->length = 0;
                client->answers++;
            } else if (client->length < sizeof(client->last) - 1) {
                client->last[client->length++] = bytes[i];
            }
        }
    }
}

static void say(struct client *client, const uint8_t *bytes, size_t length) {
    if (send(client->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)length) {
        client->gone = true;
        return;
    }
    for (size_t i = 0; i < length; i++) {
        client->line++;
        client->too_long = client->too_long || client->line > CONTROL_LINE_MAX;
        if (bytes[i] == '\n') {
            client->questions += !client->gone;
            client->line = 0;
        }
    }
    turn();
    listen_to(client);
}

static void leave(struct client *client) {
    end_upgrade(true);
    turn();
    listen_to(client);
    FUZZ_CHECK(client->gone || client->answers == client->questions);
    FUZZ_CHECK(client->too_long || !client->gone);
    close(client->fd);
    turn();
}

static void step(struct feed *feed, struct client *clients) {
    static uint8_t filling[CONTROL_LINE_MAX];
    uint8_t what = feed_byte(feed);
    struct client *client = &clients[what % CLIENTS];
    if (what < 240) {
        size_t length;
        const uint8_t *bytes = feed_bytes(feed, feed_byte(feed), &length);
        say(client, bytes, length);
    } else if (what < 244) { /* a long line */
        memset(filling, ' ', sizeof(filling));
        for (size_t left = feed_number(feed, 3) % (2 * CONTROL_LINE_MAX); left > 0;) {
            size_t part = left < 4096 ? left : 4096;
            say(client, filling, part);
            left -= part;
        }
    }
    if (what == 254) {
        end_upgrade(false);
    } else if (what == 255) {
        on_bot_gone(on_bot_gone_arg, the_bot.bot);
    } else if (client->gone || what >= 244) {
        leave(client);
        connect_client(client);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    struct feed feed = {input, size};
    struct err err = {0};
    struct client clients[CLIENTS];
    if (ring == NULL) {
        open_all();
    }
    struct commands *commands = commands_open(NULL, NULL, &err);
    FUZZ_CHECK(commands != NULL);
    for (size_t i = 0; i < CLIENTS; i++) {
        connect_client(&clients[i]);
    }
    for (unsigned steps = 0; feed.left > 0 && steps < 100; steps++) {
        step(&feed, clients);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        leave(&clients[i]);
    }
    FUZZ_CHECK(watches != NULL && watches->next == NULL); /* the listening one alone */
    commands_close(commands);
    FUZZ_CHECK(watches == NULL);
    return 0;
}
