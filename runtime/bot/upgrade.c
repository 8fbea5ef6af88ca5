/* bot/upgrade.c: from SIGUSR2 to the new binary.
 *
 * What was checked is what runs: the file is held open from the check to execve(). From the moment
 * the house stops until the new one has its handlers, signals wait in the mask, which execve()
 * keeps: none is lost, and none finds its default action, which would end the service. */
#include "bot/upgrade.h"

#include "base/log.h"
#include "base/notify.h"
#include "base/program.h"
#include "bot/trial.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHECK_DEADLINE_MS = 60000 };

struct upgrade {
    struct house *house;
    struct loop_signal *signal;
    struct trial *trial;
    int file; /* the new binary; -1: none */
    bool accepted;
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

/* --- the check --------------------------------------------------------------------------------
 */

static void give_up(struct upgrade *upgrade) {
    if (upgrade->file >= 0) {
        close(upgrade->file);
        upgrade->file = -1;
    }
}

static void refuse(const struct err *why) {
    log_error(NULL, "no upgrade: %s. This drey goes on; `%s check` tells more", why->text,
              program_path());
}

static void on_checked(void *arg, const struct err *why) {
    struct upgrade *upgrade = arg;
    upgrade->trial = NULL;
    if (why != NULL) {
        refuse(why);
        give_up(upgrade);
    } else {
        log_info(NULL, "upgrade: %s takes over", program_path());
        upgrade->accepted = true;
    }
    if (upgrade->done != NULL) {
        upgrade->done(upgrade->arg, why);
    }
    if (upgrade->accepted) {
        mask_all(SIG_BLOCK);
        notify_reloading();
        house_stop(upgrade->house, false);
    }
}

static bool start_check(struct upgrade *upgrade, struct err *err) {
    const char *argv[] = {program_path(), "check", "-c", house_config(upgrade->house)->path, NULL};
    struct trial_request request = {upgrade->file, program_path(), argv, CHECK_DEADLINE_MS};
    upgrade->trial = trial_start(house_loop(upgrade->house), &request, on_checked, upgrade, err);
    return upgrade->trial != NULL;
}

bool upgrade_begin(struct upgrade *upgrade, upgrade_fn *done, void *arg, struct err *err) {
    if (upgrade->trial != NULL || upgrade->accepted) {
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
        refuse(&err);
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
    int file = upgrade->accepted ? upgrade->file : -1;
    if (upgrade->accepted) {
        upgrade->file = -1;
    }
    return file;
}

void upgrade_become(int file) {
    struct err err = {0};
    program_become(file, &err);
    close(file);
    log_error(NULL, "no upgrade: %s. The old binary starts again", err.text);
    program_restart(&err);
    log_error(NULL, "the old binary cannot be started either: %s", err.text);
}
