/* dev/attach_name.h: the name of the socket of the `drey dev` in a folder. */
#ifndef DEV_ATTACH_NAME_H
#define DEV_ATTACH_NAME_H

#include <sys/socket.h>
#include <sys/un.h>

/* Returns the size of the address. */
socklen_t attach_name(const char *folder, struct sockaddr_un *address);

#endif
