/* cli/table.h: the answer to "status" as tables for people. [main thread] */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

/* Prints to stdout. all: every shard and every plugin of every bot has a line, however many there
 * are. root's texts must be harmless on a terminal (cli_plain()). */
void table_print(const cJSON *root, bool all);

#endif
