/* base/program.h: the program that this process runs: where its file is, and how another file
 * takes its place in the same process. [main thread] */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Once, first thing in main(): keeps the arguments, the path that the program was started by and a
 * hold on its file, which may be replaced while it runs. argv's texts: borrowed for ever. */
void program_remember(int argc, char **argv);

/* Where the program's file is, or will be after an upgrade: the name it was started by, symbolic
 * links not followed, so that one that points elsewhere later is followed then. */
const char *program_path(void);
/* A hold on the file that is at program_path() now. -1 when there is none or it may not be run.
 * Result: owned descriptor, closed by execve(). */
int program_open(struct err *err);

/* Where the shell would find a program of this name: the first on the PATH that may be run. False:
 * nowhere. [any thread] */
bool program_find(const char *name, char *out, size_t size);

/* What tells this file from every other one of this machine, whatever it is called: "DEVICE:INODE",
 * or "" when that cannot be found out. file: -1: the one that this process runs. */
struct program_mark {
    char text[48];
};
struct program_mark program_mark(int file);

/* Runs the held file in place of this program: same process, arguments and environment; every
 * descriptor above stderr ends. Returns only on failure. */
void program_become(int file, struct err *err);
/* The same with the file that this process runs now, wherever that has gone. */
void program_restart(struct err *err);

#endif
