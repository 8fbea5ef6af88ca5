/* plugin/child.h: the end of the channel that lies in a worker's process: messages of the host's
 * into the boxes of a port, and those of the worker out. */
#ifndef PLUGIN_CHILD_H
#define PLUGIN_CHILD_H

#include "base/err.h"
#include "plugin/port.h"
#include "plugin/worker.h"

/* The whole life of the process: reads the boot message, confines itself, runs the worker. Returns
 * the exit status. */
int child_run(void);

#endif
