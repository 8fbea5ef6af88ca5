/* plugin/filter.h: which system calls a plugin in a process of its own may make, as a program for
 * seccomp. What is not on the list answers EPERM. Pure. [any thread] */
#ifndef PLUGIN_FILTER_H
#define PLUGIN_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FILTER_MAX = 1024 };

struct filter_options {
    int32_t pid;          /* of the process itself: the only one that it may signal */
    bool network;         /* sockets of the internet's families */
    bool connect;         /* out by TCP alone; elsewhere is said to which ports */
    bool write;           /* files may be made, renamed, removed: elsewhere is said which */
    bool ask_for_threads; /* whoever listens to the filter decides about each new one */
    int landlock;         /* its version (0: none): what that lets through is refused here */
};

/* Writes the program to out. Returns its length; 0 where this machine's calls are not known. */
size_t filter_write(const struct filter_options *options, struct sock_filter out[FILTER_MAX]);

#endif
