/* bot/relay.c: each command carries whom to tell; the orders know when. */
#include "bot/relay.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "drey/drey.h"

#include <stdlib.h>
#include <string.h>


/* One order: whom to tell. */
struct ordered {
    struct relay relay;
    uint64_t seat;
    uint64_t cookie;
    uint32_t op;
    uint32_t request; /* which one of the seat's */
    char name[64];
    char plugin[64];
};

static int32_t result_of(const struct err *err) {
    return err == NULL                  ? 0
           : err->code == ERR_LIMIT     ? DREY_E_LIMIT
           : err->code == ERR_INVALID   ? DREY_E_INVALID
           : err->code == ERR_NO_MEMORY ? DREY_E_NO_MEMORY
                                        : DREY_E_FAIL;
}

static void tell_members(const struct ordered *ordered, const struct err *err, uint32_t flags,
                         uint64_t place, const char *json, size_t length) {
    struct buf data = {0};
    const char *why = err != NULL ? err->text : "";
    struct port_parts parts = {(uint32_t)strlen(why), (uint32_t)length};
    if (buf_append(&data, &parts, sizeof(parts)) && buf_append(&data, why, strlen(why) + 1) &&
        buf_append(&data, json, length) && buf_append(&data, "", 1)) {
        struct port_message head = {.kind = PORT_MEMBERS,
                                    .status = result_of(err),
                                    .number = flags | (uint64_t)ordered->request << 32,
                                    .extra = ordered->cookie,
                                    .more = place,
                                    .name_length = (uint32_t)strlen(ordered->name),
                                    .data_length = (uint32_t)data.length};
        ordered->relay.deliver(ordered->relay.arg, ordered->seat, &head, ordered->name, data.bytes);
    }
    buf_finish(&data);
}

/* [network thread] */
static void on_members(void *arg, const char *json, size_t length, unsigned index, unsigned count) {
    tell_members(arg, NULL, 0, (uint64_t)count << 32 | index, json, length);
}

/* [network thread] */
static void on_ordered(void *arg, const struct err *err) {
    struct ordered *ordered = arg;
    struct log_from me = {.bot = ordered->relay.bot, .shard = -1, .plugin = ordered->plugin};
    if (err != NULL) {
        log_warn(&me, "%s", err->text);
    }
    if (ordered->op == OP_MEMBERS) {
        tell_members(ordered, err, DREY_MEMBERS_LAST, 0, "", 0);
    }
    free(ordered);
}

int32_t relay_gateway(const struct relay *relay, const struct plugins_asker *asker, uint32_t op,
                      const char *json, size_t length, const char *name, uint64_t cookie,
                      struct err *why) {
    struct ordered *ordered = calloc(1, sizeof(*ordered));
    if (ordered == NULL) {
        err_set(why, ERR_NO_MEMORY, "no memory for a gateway command");
        return DREY_E_NO_MEMORY;
    }
    ordered->relay = *relay;
    ordered->seat = asker->seat;
    ordered->cookie = cookie;
    ordered->op = op;
    ordered->request = (uint32_t)clock_random();
    text_copy(ordered->name, sizeof(ordered->name), name);
    text_copy(ordered->plugin, sizeof(ordered->plugin), asker->plugin);
    if (!orders_json(relay->orders, op, json, length, on_members, on_ordered, ordered, why)) {
        free(ordered);
        return result_of(why);
    }
    return 0;
}
