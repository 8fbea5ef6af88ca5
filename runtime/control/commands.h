/* control/commands.h: what the control socket is asked, as a table of commands.
 * [control thread] */
#ifndef CONTROL_COMMANDS_H
#define CONTROL_COMMANDS_H

#include "base/err.h"
#include "bot/house.h"
#include "bot/upgrade.h"

struct commands;

/* Opens the control socket of the house's configuration and answers there. house, upgrade:
 * borrowed until commands_close(); close the upgrade first, it may still owe an answer.
 * Result: owned. */
struct commands *commands_open(struct house *house, struct upgrade *upgrade, struct err *err);
/* NULL is fine. */
void commands_close(struct commands *commands);

#endif
