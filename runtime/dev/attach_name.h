/* dev/attach_name.h: the socket of the `drey dev` in a folder: its name, and who has it. */
#ifndef DEV_ATTACH_NAME_H
#define DEV_ATTACH_NAME_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Returns the size of the address. */
socklen_t attach_name(const char *folder, struct sockaddr_un *address);
/* Whether the other side of a connection is a process of our user: names of this kind are open to
 * every user of the machine, on both sides. */
bool attach_is_ours(int fd);

#endif
