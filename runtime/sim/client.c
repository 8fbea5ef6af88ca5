/* sim/client.c: one HTTP request to a running simulator, blocking, and its answer on stdout. */
#include "sim/client.h"

#include "base/buf.h"
#include "base/text.h"
#include "sim/options.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MORE_MOST = 30 };

/* What the command line said. */
struct wish {
    const char *at;
    const char *channel;
    const char *as;
    const char *guild;
    const char *last;
    const char *type;
    const char *target;
    const char *wait;
    const char *word; /* the first argument */
    const char *more[MORE_MOST];
    size_t more_count;
    bool json;
};

static int connect_to(const char *host, uint16_t port, struct err *err) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    char service[16];
    snprintf(service, sizeof(service), "%u", port);
    int code = getaddrinfo(host, service, &hints, &list);
    if (code != 0) {
        err_set(err, ERR_NETWORK, "%s: %s", host, gai_strerror(code));
        return -1;
    }
    int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, list->ai_addr, list->ai_addrlen) != 0) {
        err_system(err, "no simulator at %s:%u", host, port);
        close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    return fd;
}

/* The Host line of a request: the address that was found for the name, which is what the
 * simulator's guard wants to see. */
static void write_host(int fd, struct buf *request) {
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    char host[64];
    char port[16];
    if (getpeername(fd, (struct sockaddr *)&address, &size) == 0 &&
        getnameinfo((struct sockaddr *)&address, size, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        bool six = address.ss_family == AF_INET6;
        host[strcspn(host, "%")] = '\0'; /* the scope of a link-local address is ours alone */
        buf_printf(request, "Host: %s%s%s:%s\r\n", six ? "[" : "", host, six ? "]" : "", port);
    }
}

static bool send_all(int fd, const struct buf *bytes) {
    size_t sent = 0;
    while (sent < bytes->length) {
        ssize_t put = send(fd, bytes->bytes + sent, bytes->length - sent, MSG_NOSIGNAL);
        if (put <= 0) {
            return false;
        }
        sent += (size_t)put;
    }
    return true;
}

static bool receive_all(int fd, struct buf *bytes) {
    for (;;) {
        if (!buf_reserve(bytes, 16384)) {
            return false;
        }
        ssize_t got = recv(fd, bytes->bytes + bytes->length, 16384, 0);
        if (got <= 0) {
            return got == 0;
        }
        bytes->length += (size_t)got;
        bytes->bytes[bytes->length] = '\0';
    }
}

/* Returns an exit status; the body goes to stdout, or to stderr when the status is not 200. */
static int show_answer(const struct buf *answer) {
    const char *body = answer->length == 0 ? NULL : strstr(answer->bytes, "\r\n\r\n");
    if (body == NULL) {
        fprintf(stderr, "drey sim: no answer\n");
        return 1;
    }
    bool fine = strncmp(answer->bytes, "HTTP/1.1 200", 12) == 0;
    size_t length = strlen(body);
    fprintf(fine ? stdout : stderr, "%s%s", body + 4, body[length - 1] == '\n' ? "" : "\n");
    return fine ? 0 : 1;
}

static int ask(const struct wish *wish, const char *method, const char *target,
               const struct buf *body) {
    char host[128];
    uint16_t port;
    struct err err = {0};
    struct buf request = {0};
    struct buf answer = {0};
    int status = 1;
    if (!sim_host_port(wish->at, host, sizeof(host), &port, &err)) {
        fprintf(stderr, "drey sim: --at %s\n", err.text);
        return 2;
    }
    int fd = connect_to(host, port, &err);
    if (fd < 0) {
        fprintf(stderr, "drey sim: %s\n", err.text);
        return 1;
    }
    buf_printf(&request, "%s %s HTTP/1.1\r\n", method, target);
    write_host(fd, &request);
    buf_printf(&request, "Connection: close\r\nContent-Length: %zu\r\n\r\n",
               body != NULL ? body->length : 0);
    if (body != NULL) {
        buf_append(&request, body->bytes, body->length);
    }
    if (send_all(fd, &request) && receive_all(fd, &answer)) {
        status = show_answer(&answer);
    } else {
        fprintf(stderr, "drey sim: the connection was lost\n");
    }
    close(fd);
    buf_finish(&request);
    buf_finish(&answer);
    return status;
}

static int run_fault(const struct wish *wish) {
    struct buf body = {0};
    buf_text(&body, wish->word);
    int status = ask(wish, "POST", "/sim/fault", &body);
    buf_finish(&body);
    return status;
}

static void member(struct buf *body, const char *key, const char *value) {
    if (value != NULL) {
        buf_printf(body, "%s\"%s\":\"", body->length > 1 ? "," : "", key);
        buf_json_text(body, value, strlen(value));
        buf_text(body, "\"");
    }
}

static int run_say(const struct wish *wish) {
    struct buf body = {0};
    buf_text(&body, "{");
    member(&body, "text", wish->word);
    member(&body, "channel", wish->channel);
    member(&body, "as", wish->as);
    member(&body, "guild", wish->guild);
    buf_text(&body, "}");
    int status = ask(wish, "POST", "/sim/say", &body);
    buf_finish(&body);
    return status;
}

/* The members that say who, where and how long, and the end of the object. */
static int ask_act(const struct wish *wish, const char *path, struct buf *body) {
    char target[64];
    member(body, "as", wish->as);
    member(body, "channel", wish->channel);
    member(body, "guild", wish->guild);
    member(body, "type", wish->type);
    member(body, "target", wish->target);
    if (wish->wait != NULL) {
        uint64_t wait_ms;
        if (!text_duration_ms(wish->wait, &wait_ms)) {
            fprintf(stderr, "drey sim: --wait %s: not a duration such as 500ms or 2s\n",
                    wish->wait);
            buf_finish(body);
            return 2;
        }
        buf_printf(body, ",\"wait_ms\":%llu", (unsigned long long)wait_ms);
    }
    if (wish->last != NULL) {
        buf_printf(body, "%s\"last\":%.20s", body->length > 1 ? "," : "", wish->last);
    }
    buf_text(body, "}");
    snprintf(target, sizeof(target), "%s%s", path, wish->json ? "" : "?text");
    int status = ask(wish, "POST", target, body);
    buf_finish(body);
    return status;
}

static int run_command(const struct wish *wish) {
    struct buf body = {0};
    buf_text(&body, "{");
    member(&body, "line", wish->word);
    return ask_act(wish, "/sim/command", &body);
}

static int run_complete(const struct wish *wish) {
    struct buf body = {0};
    buf_text(&body, "{");
    member(&body, "line", wish->word);
    return ask_act(wish, "/sim/complete", &body);
}

/* press MESSAGE CUSTOM_ID [VALUE...] */
static int run_press(const struct wish *wish) {
    struct buf body = {0};
    if (wish->more_count == 0) {
        fprintf(stderr, "drey sim press: needs a message (or last) and a custom_id\n");
        return 2;
    }
    buf_text(&body, "{");
    member(&body, "message", wish->word);
    member(&body, "custom_id", wish->more[0]);
    buf_text(&body, ",\"values\":[");
    for (size_t i = 1; i < wish->more_count; i++) {
        buf_text(&body, i > 1 ? ",\"" : "\"");
        buf_json_text(&body, wish->more[i], strlen(wish->more[i]));
        buf_text(&body, "\"");
    }
    buf_text(&body, "]");
    return ask_act(wish, "/sim/press", &body);
}

/* submit CUSTOM_ID [FIELD=TEXT...] */
static int run_submit(const struct wish *wish) {
    struct buf body = {0};
    buf_text(&body, "{");
    member(&body, "custom_id", wish->word);
    buf_text(&body, ",\"fields\":{");
    for (size_t i = 0; i < wish->more_count; i++) {
        const char *equals = strchr(wish->more[i], '=');
        if (equals == NULL) {
            fprintf(stderr, "drey sim submit: '%s' is not FIELD=TEXT\n", wish->more[i]);
            buf_finish(&body);
            return 2;
        }
        buf_text(&body, i > 0 ? ",\"" : "\"");
        buf_json_text(&body, wish->more[i], (size_t)(equals - wish->more[i]));
        buf_text(&body, "\":\"");
        buf_json_text(&body, equals + 1, strlen(equals + 1));
        buf_text(&body, "\"");
    }
    buf_text(&body, "}");
    return ask_act(wish, "/sim/submit", &body);
}

static int run_messages(const struct wish *wish) {
    struct buf body = {0};
    buf_text(&body, "{");
    return ask_act(wish, "/sim/messages", &body);
}

static int run_status(const struct wish *wish) {
    return ask(wish, "GET", "/sim/status", NULL);
}

static int run_faults(const struct wish *wish) {
    return ask(wish, "GET", "/sim/faults", NULL);
}

static int run_transcript(const struct wish *wish) {
    char target[64];
    snprintf(target, sizeof(target), "/sim/transcript?last=%.20s",
             wish->last != NULL ? wish->last : "100");
    return ask(wish, "GET", target, NULL);
}

static const struct command {
    const char *name;
    const char *argument; /* NULL: none */
    const char *options;  /* that it takes beside --at */
    int (*run)(const struct wish *wish);
    bool more; /* takes further arguments */
} commands[] = {
    {"fault", "a fault such as 'shard 0 drop'", "", run_fault, false},
    {"say", "a text", "--channel --as --guild", run_say, false},
    {"command", "a command such as '/poll create question:\"Tea or coffee?\"'",
     "--as --channel --guild --type --target --wait --json", run_command, false},
    {"complete", "a command whose last option is being typed",
     "--as --channel --guild --wait --json", run_complete, false},
    {"press", "a message (or last) and a custom_id", "--as --wait --json", run_press, true},
    {"submit", "a modal's custom_id", "--wait --json", run_submit, true},
    {"messages", NULL, "--channel --guild --last --json", run_messages, false},
    {"status", NULL, "", run_status, false},
    {"transcript", NULL, "--last", run_transcript, false},
    {"faults", NULL, "", run_faults, false},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const struct command *find(const char *name) {
    const char *names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(names[i], name) == 0) {
            return &commands[i];
        }
    }
    const char *nearest = text_nearest(name, names, COMMANDS);
    fprintf(stderr, "drey sim: unknown command '%s'%s%s%s\n", name,
            nearest != NULL ? ", did you mean '" : "", nearest != NULL ? nearest : "",
            nearest != NULL ? "'?" : "");
    return NULL;
}

static const char **option_slot(struct wish *wish, const struct command *command,
                                const char *name) {
    struct {
        const char *name;
        const char **slot;
    } options[] = {{"--at", &wish->at},         {"--channel", &wish->channel},
                   {"--as", &wish->as},         {"--guild", &wish->guild},
                   {"--last", &wish->last},     {"--type", &wish->type},
                   {"--target", &wish->target}, {"--wait", &wish->wait}};
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (strcmp(options[i].name, name) == 0 &&
            (i == 0 || strstr(command->options, name) != NULL)) {
            return options[i].slot;
        }
    }
    return NULL;
}

static bool parse(int argc, char **argv, const struct command *command, struct wish *wish) {
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' || argv[i][1] != '-') {
            if (wish->word != NULL && command->more && wish->more_count < MORE_MOST) {
                wish->more[wish->more_count++] = argv[i];
                continue;
            }
            if (command->argument == NULL || wish->word != NULL) {
                fprintf(stderr, "drey sim %s: '%s' was not expected\n", command->name, argv[i]);
                return false;
            }
            wish->word = argv[i];
            continue;
        }
        if (strcmp(argv[i], "--json") == 0 && strstr(command->options, "--json") != NULL) {
            wish->json = true;
            continue;
        }
        const char **slot = option_slot(wish, command, argv[i]);
        if (slot == NULL || i + 1 == argc) {
            fprintf(stderr, "drey sim %s: %s %s; it takes --at %s\n", command->name, argv[i],
                    slot == NULL ? "is unknown" : "needs a value", command->options);
            return false;
        }
        *slot = argv[++i];
    }
    if (command->argument != NULL && wish->word == NULL) {
        fprintf(stderr, "drey sim %s: needs %s\n", command->name, command->argument);
        return false;
    }
    return true;
}

int sim_client_main(int argc, char **argv) {
    struct wish wish = {.at = "127.0.0.1:7070"};
    const struct command *command = find(argv[0]);
    if (command == NULL || !parse(argc, argv, command, &wish)) {
        return 2;
    }
    return command->run(&wish);
}
