/* control/commands.h: what the control socket is asked, as a table of commands.
 * [control thread] */
#ifndef CONTROL_COMMANDS_H
#define CONTROL_COMMANDS_H

#include "base/err.h"
#include "bot/house.h"

struct commands;

/* Opens the control socket of the house's configuration and answers there. house: borrowed until
 * commands_close(). Result: owned. */
struct commands *commands_open(struct house *house, struct err *err);
/* NULL is fine. */
void commands_close(struct commands *commands);

#endif
