/* plugin/warden_threads.c: how many threads a worker's process may have. Its filter asks here for
 * each new one (confine.c); the answer holds whoever the host runs as. They are counted when they
 * are asked for: those that ask at the same moment may come to twice as many. */
#include "plugin/warden_inside.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

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
static unsigned long thread_count(const struct warden *warden) {
    char path[64];
    struct stat tasks;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)warden->pid);
    return stat(path, &tasks) == 0 && tasks.st_nlink > 2 ? (unsigned long)tasks.st_nlink - 2 : 0;
}

bool warden_answer_thread(struct warden *warden) {
    union notice notice;
    union verdict verdict;
    memset(&notice, 0, sizeof(notice));
    memset(&verdict, 0, sizeof(verdict));
    if (ioctl(warden->listener, SECCOMP_IOCTL_NOTIF_RECV, &notice) != 0) {
        return errno == ENOENT || errno == EINTR; /* it does not ask any more */
    }
    verdict.head.id = notice.head.id;
    if (thread_count(warden) < WARDEN_THREADS) {
        verdict.head.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE; /* its flags lie in registers */
    } else {
        verdict.head.error = -EAGAIN;
    }
    return ioctl(warden->listener, SECCOMP_IOCTL_NOTIF_SEND, &verdict) == 0 || errno == ENOENT;
}
