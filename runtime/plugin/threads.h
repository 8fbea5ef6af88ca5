/* plugin/threads.h: how many threads a plugin's process may have. Its filter asks for each new one
 * (confine.h); the answer holds whoever the host runs as. [any thread] */
#ifndef PLUGIN_THREADS_H
#define PLUGIN_THREADS_H

#include <stdbool.h>
#include <sys/types.h>

enum { THREADS_MAX = 256 };

/* Answers the filter of this process, which has asked. False: the listener is of no more use. */
bool threads_answer(int listener, pid_t pid);

/* Sends the listener over a socket of AF_UNIX; it stays the caller's. False: it cannot go. */
bool threads_hand_over(int socket, int listener);
/* What came over the socket. *listener: owned; -1: none. False: nothing has come yet. */
bool threads_receive(int socket, int *listener);

#endif
