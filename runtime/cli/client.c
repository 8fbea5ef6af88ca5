/* cli/client.c: asks a running drey over its control socket. */
#include "cli/client.h"

#include "base/text.h"
#include "bot/house.h"
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MAX = 64 * 1024 * 1024, FDS_MAX = 4 };

/* A file that cannot be used, because it is being edited for example, may still say this. */
static bool find_in_config(const char *config_path, char *out, size_t size) {
    struct config config = {0};
    struct config_report report = {0};
    bool whole = cli_config_load(config_path, &config, &report);
    const char *control = whole ? config.control : report.control;
    bool known = control[0] != '\0';
    if (!known) {
        cli_config_print(&report);
        cli_complain("so it is not known where a running drey listens; --control SOCKET tells");
    } else if (!whole) {
        cli_complain("%s has errors (see drey check); asking the drey at %s", report.path, control);
    }
    if (known && !text_copy(out, size, control)) {
        cli_complain("the path of the control socket is too long");
        known = false;
    }
    config_report_finish(&report);
    config_finish(&config);
    return known;
}

bool client_find(const char *control, const char *config_path, char *out, size_t size) {
    if (control == NULL) {
        return find_in_config(config_path, out, size);
    }
    return text_copy(out, size, control) ||
           (cli_complain("the path of the control socket is too long"), false);
}

int client_connect(const char *path, struct err *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!text_copy(address.sun_path, sizeof(address.sun_path), path)) {
        err_set(err, ERR_INVALID, "the path of the control socket is too long");
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        err_system(err, "socket");
        return -1;
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        bool absent = errno == ENOENT || errno == ECONNREFUSED;
        if (absent) {
            err_set(err, ERR_NOT_FOUND, "no drey is running here (nobody answers at %s)", path);
        } else {
            err_system(err, "control socket %s", path);
        }
        close(fd);
        return -1;
    }
    return fd;
}

static void take_fds(struct msghdr *message, int *fds, size_t *count, size_t room) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t came = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < came; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (fds != NULL && *count < room) {
                fds[(*count)++] = fd;
            } else {
                close(fd);
            }
        }
    }
}

static bool receive_line(int fd, struct buf *line, int *fds, size_t *count, size_t room,
                         struct err *err) {
    for (;;) {
        if (line->length > ANSWER_MAX || !buf_reserve(line, 65536)) {
            return err_set(err, ERR_LIMIT, "the answer is too large");
        }
        _Alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof(int) * FDS_MAX)];
        struct iovec part = {line->bytes + line->length, 65536};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = space,
                                 .msg_controllen = sizeof(space)};
        ssize_t got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return err_set(err, ERR_NETWORK, "drey closed the connection before it answered");
        }
        take_fds(&message, fds, count, room);
        buf_grew(line, (size_t)got);
        if (line->bytes[line->length - 1] == '\n') {
            return true;
        }
    }
}

cJSON *client_ask(int fd, cJSON *request, int *fds, size_t *fd_count, struct err *err) {
    size_t room = fd_count != NULL ? *fd_count : 0;
    size_t count = 0;
    char *text = cJSON_PrintUnformatted(request);
    cJSON_Delete(request);
    struct buf line = {0};
    bool ok = text != NULL && buf_printf(&line, "%s\n", text);
    cJSON_free(text);
    ok = ok && send(fd, line.bytes, line.length, MSG_NOSIGNAL) == (ssize_t)line.length;
    if (!ok) {
        err_set(err, ERR_NETWORK, "drey does not take the request");
    }
    buf_clear(&line);
    ok = ok && receive_line(fd, &line, fds, &count, room, err);
    cJSON *answer = ok ? cJSON_ParseWithLength(line.bytes, line.length) : NULL;
    buf_finish(&line);
    if (fd_count != NULL) {
        *fd_count = count;
    }
    if (ok && !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ok"))) {
        const char *why = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "error"));
        err_set(err, ERR_INVALID, "%s", why != NULL ? why : "drey's answer makes no sense");
        cJSON_Delete(answer);
        answer = NULL;
    }
    return answer;
}

cJSON *client_simple(const char *control, const char *config_path, cJSON *request, int *status) {
    char path[4096];
    struct err err = {0};
    *status = EXIT_CONFIGURATION;
    if (!client_find(control, config_path, path, sizeof(path))) {
        cJSON_Delete(request);
        return NULL;
    }
    int fd = client_connect(path, &err);
    if (fd < 0) {
        cli_complain("%s", err.text);
        cJSON_Delete(request);
        *status = err.code == ERR_NOT_FOUND ? CLIENT_NOT_RUNNING : EXIT_TROUBLE;
        return NULL;
    }
    cJSON *answer = client_ask(fd, request, NULL, NULL, &err);
    close(fd);
    *status = answer != NULL ? EXIT_OK : EXIT_TROUBLE;
    if (answer == NULL) {
        cli_complain("%s", err.text);
    }
    return answer;
}

bool client_ring(int fd, const char *bot, int fds[3], struct err *err) {
    size_t count = 3;
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "cmd", "tail");
    cJSON_AddStringToObject(request, "bot", bot);
    cJSON *answer = client_ask(fd, request, fds, &count, err);
    bool ok = answer != NULL && count == 3;
    if (answer != NULL && !ok) {
        err_set(err, ERR_PROTOCOL, "drey did not hand over the ring");
    }
    cJSON_Delete(answer);
    for (size_t i = 0; !ok && i < count; i++) {
        close(fds[i]);
    }
    return ok;
}
