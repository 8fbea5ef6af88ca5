/* base/descriptors.h: the process's open files as a whole: how many it may have, and which of them
 * another program must not inherit. [any thread] */
#ifndef BASE_DESCRIPTORS_H
#define BASE_DESCRIPTORS_H

#include <stddef.h>

/* Raises the soft limit of open files as far as the hard one allows, but not beyond `most` (some
 * libraries keep tables of that size). Never lowers it. Returns what holds now. */
size_t descriptors_raise(size_t most);
/* How many files may be open at once. */
size_t descriptors_limit(void);
/* How many are open now; 0 when that cannot be found out. */
size_t descriptors_open(void);
/* Marks every descriptor from 3 on to be closed by the next execve(). */
void descriptors_close_on_exec(void);

#endif
