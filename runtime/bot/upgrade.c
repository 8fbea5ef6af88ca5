/* bot/upgrade.c: from SIGUSR2 to the new binary.
 *
 * What was checked is what runs: the file is held open from the check to execve(). From the moment
 * the house stops until the new one has its handlers, signals wait in the mask, which execve()
 * keeps: none is lost, and none finds its default action, which would end the service. */
#include "bot/upgrade.h"

#include "base/log.h"
#include "base/notify.h"
#include "bot/trial.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { CHECK_DEADLINE_MS = 60000 };

struct upgrade {
    struct house *house;
    struct loop_signal *signal;
    struct trial *trial;
    int file; /* the new binary; -1: none */
    upgrade_fn *done;
    void *arg;
};

/* --- signals ----------------------------------------------------------------------------------
 */

void upgrade_hold_signals(void) {
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGHUP);
    sigaddset(&held, SIGUSR2);
    (void)pthread_sigmask(SIG_BLOCK, &held, NULL);
}

static void mask_all(int how) {
    sigset_t all;
    sigemptyset(&all);
    sigaddset(&all, SIGHUP);
    sigaddset(&all, SIGUSR2);
    sigaddset(&all, SIGTERM);
    sigaddset(&all, SIGINT);
    (void)pthread_sigmask(how, &all, NULL);
}

static sigset_t stop_signals(void) {
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    return stops;
}

/* Takes a stop out of the mask that has come since mask_all(SIG_BLOCK). */
static bool stop_waits(void) {
    const sigset_t stops = stop_signals();
    const struct timespec now = {0};
    return sigtimedwait(&stops, NULL, &now) > 0;
}

/* --- the check --------------------------------------------------------------------------------
 */

static void give_up(struct upgrade *upgrade) {
    if (upgrade->file >= 0) {
        close(upgrade->file);
        upgrade->file = -1;
    }
}

static void refuse(const struct upgrade *upgrade, const struct err *why) {
    if (house_stopping(upgrade->house)) {
        log_info(NULL, "no upgrade: %s", why->text);
        return;
    }
    log_error(NULL, "no upgrade: %s. This drey goes on; `%s check` tells more", why->text,
              program_path());
}

static void on_checked(void *arg, const struct err *why) {
    struct upgrade *upgrade = arg;
    struct err stopping = {0};
    struct program_mark mark = program_mark(upgrade->file);
    upgrade->trial = NULL;
    if (why == NULL && house_stopping(upgrade->house)) {
        err_set(&stopping, ERR_BUSY, "drey is stopping");
        why = &stopping;
    }
    if (why != NULL) {
        refuse(upgrade, why);
        give_up(upgrade);
    } else {
        log_info(NULL, "upgrade: %s takes over", program_path());
    }
    if (upgrade->done != NULL) {
        upgrade->done(upgrade->arg, why, &mark);
    }
    if (why == NULL) {
        mask_all(SIG_BLOCK);
        notify_reloading();
        house_make_way(upgrade->house);
    }
}

static bool start_check(struct upgrade *upgrade, struct err *err) {
    const char *argv[] = {program_path(), "check", "-c", house_config(upgrade->house)->path, NULL};
    struct trial_request request = {upgrade->file, program_path(), argv, CHECK_DEADLINE_MS};
    upgrade->trial = trial_start(house_loop(upgrade->house), &request, on_checked, upgrade, err);
    return upgrade->trial != NULL;
}

bool upgrade_begin(struct upgrade *upgrade, upgrade_fn *done, void *arg, struct err *err) {
    if (upgrade->trial != NULL || house_makes_way(upgrade->house)) {
        return err_set(err, ERR_BUSY, "an upgrade is under way already");
    }
    if (house_stopping(upgrade->house)) {
        return err_set(err, ERR_BUSY, "drey is stopping");
    }
    upgrade->file = program_open(err);
    if (upgrade->file < 0 || !start_check(upgrade, err)) {
        give_up(upgrade);
        return false;
    }
    upgrade->done = done;
    upgrade->arg = arg;
    log_info(NULL, "upgrade: checking %s", program_path());
    return true;
}

static void on_signal(void *arg, int number) {
    struct err err = {0};
    if (!upgrade_begin(arg, NULL, NULL, &err)) {
        refuse(arg, &err);
    }
}

/* --- life -------------------------------------------------------------------------------------
 */

struct upgrade *upgrade_open(struct house *house, struct err *err) {
    struct upgrade *upgrade = calloc(1, sizeof(*upgrade));
    if (upgrade == NULL) {
        err_set(err, ERR_NO_MEMORY, "upgrade");
        return NULL;
    }
    upgrade->house = house;
    upgrade->file = -1;
    upgrade->signal = loop_signal_create(house_loop(house), SIGUSR2, on_signal, upgrade, err);
    if (upgrade->signal == NULL) {
        free(upgrade);
        return NULL;
    }
    plugins_guard_signal(house_plugins(house), SIGUSR2);
    mask_all(SIG_UNBLOCK);
    return upgrade;
}

void upgrade_close(struct upgrade *upgrade) {
    if (upgrade != NULL) {
        upgrade_hold_signals(); /* its default would end what still has to be put away */
        trial_cancel(upgrade->trial);
        give_up(upgrade);
        loop_signal_destroy(upgrade->signal);
        free(upgrade);
    }
}

int upgrade_take(struct upgrade *upgrade) {
    if (house_makes_way(upgrade->house) && stop_waits()) {
        house_stop(upgrade->house, false);
    }
    if (!house_makes_way(upgrade->house)) {
        /* As after every stop: who asks again will not wait for handlers. */
        const sigset_t stops = stop_signals();
        (void)pthread_sigmask(SIG_UNBLOCK, &stops, NULL);
        return -1;
    }
    int file = upgrade->file;
    upgrade->file = -1;
    return file;
}

bool upgrade_become(int file) {
    struct err err = {0};
    if (stop_waits()) {
        notify_state("STOPPING=1");
        log_info(NULL, "no upgrade: drey was told to stop");
        close(file);
        return true;
    }
    program_become(file, &err);
    close(file);
    log_error(NULL, "no upgrade: %s. The old binary starts again", err.text);
    program_restart(&err);
    log_error(NULL, "the old binary cannot be started either: %s", err.text);
    return false;
}
