/* cli/client.h: the other end of the control socket, for the commands that ask a running drey.
 * [main thread] */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/buf.h"
#include "base/err.h"

#include <cjson/cJSON.h>
#include <stddef.h>

enum { CLIENT_NOT_RUNNING = 3 /* exit status, as LSB has it for `status` */ };

/* Where the control socket is: `control` itself if not NULL, else what the configuration says, be
 * it with errors elsewhere. False: complained already. */
bool client_find(const char *control, const char *config_path, char *out, size_t size);
/* Connects. -1 when nobody listens there (ERR_NOT_FOUND) or on another failure. */
int client_connect(const char *path, struct err *err);
/* Sends one request (a JSON object; taken) and waits for its answer. Result: owned; NULL on
 * failure, also when the answer is {"ok": false}. fds: receives up to *fd_count descriptors, owned;
 * *fd_count is set to how many came. Both may be NULL. */
cJSON *client_ask(int fd, cJSON *request, int *fds, size_t *fd_count, struct err *err);
/* Asks for a bot's ring; the connection keeps it for us. fds: the ring, a cursor at its head and
 * what wakes it, for reader_open(); owned. False: none is open. */
bool client_ring(int fd, const char *bot, int fds[3], struct err *err);
/* All of it for a command with one request: finds, connects, asks; complains on failure and sets
 * *status to the exit status. */
cJSON *client_simple(const char *control, const char *config_path, cJSON *request, int *status);

#endif
