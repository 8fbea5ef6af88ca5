/* bot/upgrade.h: another binary takes the place of this one, in the same process (SIGUSR2,
 * `drey upgrade`): the one that is installed now is asked whether it can run the configuration,
 * then the house stops as for a restart, and the binary runs on with the same pid, arguments and
 * environment. Sessions are resumed. A refusal leaves everything as it is. [control thread] */
#ifndef BOT_UPGRADE_H
#define BOT_UPGRADE_H

#include "base/err.h"
#include "base/program.h"
#include "bot/house.h"

struct upgrade;

/* why: NULL when the house stops now for the new binary, else why not. mark: of that binary. */
typedef void upgrade_fn(void *arg, const struct err *why, const struct program_mark *mark);

/* Keeps SIGHUP and SIGUSR2 waiting, which would end a process that has no handlers yet. First
 * thing of `drey run`; upgrade_open() lets them in, and all that waited over an upgrade. */
void upgrade_hold_signals(void);
/* Takes SIGUSR2. house: borrowed until close. Result: owned. */
struct upgrade *upgrade_open(struct house *house, struct err *err);
/* An upgrade under way is given up, nobody is told; SIGUSR2 waits from now on. Before
 * house_close(). NULL is fine. */
void upgrade_close(struct upgrade *upgrade);

/* Begins. done: called once, later. False (*err): one is under way already, or the house stops, or
 * there is no binary. */
bool upgrade_begin(struct upgrade *upgrade, upgrade_fn *done, void *arg, struct err *err);

/* After house_run(): the binary that takes over, -1 when the house stopped for another reason, or
 * was told to stop meanwhile, by whatever way. Result: owned. */
int upgrade_take(struct upgrade *upgrade);
/* Everything is closed: runs the binary, or if that fails the old one again. Returns only when
 * neither can be run (false) or a signal to stop has come at the last moment (true); that is
 * logged. A later one is the new binary's. file: taken. */
bool upgrade_become(int file);

#endif
