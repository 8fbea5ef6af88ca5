/* bot/desks.h: which desk is whose, for workers, who know their bot by name only. [any thread] */
#ifndef BOT_DESKS_H
#define BOT_DESKS_H

#include "base/err.h"
#include "bot/desk.h"

struct desks;

struct desks *desks_create(struct err *err); /* Result: owned. */
void desks_destroy(struct desks *desks);     /* NULL is fine */
/* desk: borrowed until desks_remove(). name: copied. */
bool desks_add(struct desks *desks, const char *name, struct desk *desk, struct err *err);
/* When it returns nobody is inside this desk any more. One that is not there is fine. */
void desks_remove(struct desks *desks, const struct desk *desk);
/* desk_take() of the bot's desk. False also when the bot has none (any more). */
bool desks_take(struct desks *desks, const struct plugins_asker *asker,
                const struct port_message *head, const char *name, const void *data);
/* desk_declare(), or with check desk_check(), of the bot's desk; true when it has none. */
bool desks_declare(struct desks *desks, const struct plugins_asker *asker, const void *rows,
                   size_t length, bool check, struct err *err);

#endif
