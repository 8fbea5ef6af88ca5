/* bot/relay.h: gateway commands of plugins: to the orders of their bot, and their ends back. */
#ifndef BOT_RELAY_H
#define BOT_RELAY_H

#include "base/err.h"
#include "bot/orders.h"
#include "plugin/plugins.h"
#include "plugin/port.h"

#include <stddef.h>
#include <stdint.h>

/* All borrowed for as long as the orders are there. */
struct relay {
    struct orders *orders;
    const char *bot;
    void *arg;
    /* See desk_options.deliver. */
    void (*deliver)(void *arg, uint64_t seat, const struct port_message *head, const char *name,
                    const void *data);
};

/* As desk_options.gateway. What fails later is logged, and for members told. relay: copied. [any
 * thread] */
int32_t relay_gateway(const struct relay *relay, const struct plugins_asker *asker, uint32_t op,
                      const char *json, size_t length, const char *name, uint64_t cookie,
                      struct err *why);

#endif
