/* plugin/threads.c: counts the threads of a process when it asks for one more: those that ask at
 * the same moment may come to twice as many. */
#include "plugin/threads.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* A kernel that is newer than our headers may write more than they say. */
union notice {
    struct seccomp_notif head;
    char room[1024];
};
union verdict {
    struct seccomp_notif_resp head;
    char room[1024];
};

/* 0: /proc does not show it (hidepid): then nobody can count. */
static unsigned long thread_count(pid_t pid) {
    char path[64];
    struct stat tasks;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    return stat(path, &tasks) == 0 && tasks.st_nlink > 2 ? (unsigned long)tasks.st_nlink - 2 : 0;
}

bool threads_answer(int listener, pid_t pid) {
    union notice notice;
    union verdict verdict;
    memset(&notice, 0, sizeof(notice));
    memset(&verdict, 0, sizeof(verdict));
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notice) != 0) {
        return errno == ENOENT || errno == EINTR; /* it does not ask any more */
    }
    verdict.head.id = notice.head.id;
    if (thread_count(pid) < THREADS_MAX) {
        verdict.head.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE; /* its flags lie in registers */
    } else {
        verdict.head.error = -EAGAIN;
    }
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &verdict) == 0 || errno == ENOENT;
}

union passing {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
};

bool threads_hand_over(int socket, int listener) {
    union passing control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
                                      .cmsg_level = SOL_SOCKET,
                                      .cmsg_type = SCM_RIGHTS}};
    char byte = 0;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    memcpy(CMSG_DATA(&control.head), &listener, sizeof(listener));
    return sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
}

bool threads_receive(int socket, int *listener) {
    union passing control;
    char byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    *listener = -1;
    ssize_t got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *rights = got >= 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (rights != NULL && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS &&
        rights->cmsg_len == CMSG_LEN(sizeof(int))) {
        memcpy(listener, CMSG_DATA(rights), sizeof(*listener));
    }
    return got >= 0 || (errno != EAGAIN && errno != EINTR);
}
