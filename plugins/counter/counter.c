/* counter/counter.c: counts the messages of each channel and shows the busiest in the log.
 *
 *   [plugin:counter]
 *   every = 60                             ; seconds between two lines, at most a day
 *
 * The counts live through reloads and restarts: save and restore hand them over, with a version
 * that says how they are laid out. After a crash up to a minute of counting is missing. */
#include <drey/drey.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATE_VERSION = 1, TOP = 5, FIRST_CAPACITY = 64, EVERY_MAX = 86400 };

struct channel {
    uint64_t id; /* 0: free */
    uint64_t count;
};

/* A hash table of channels, never more than half full. */
struct counter {
    struct channel *table;
    size_t capacity; /* a power of two */
    size_t used;
    uint64_t total;
};

static struct channel *place_of(struct channel *table, size_t capacity, uint64_t id) {
    size_t at = (size_t)((id >> 22) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (capacity - 1);
    while (table[at].id != 0 && table[at].id != id) {
        at = (at + 1) & (capacity - 1);
    }
    return &table[at];
}

static int grow(struct counter *counter) {
    size_t capacity = counter->capacity != 0 ? counter->capacity * 2 : FIRST_CAPACITY;
    struct channel *table = calloc(capacity, sizeof(*table));
    if (table == NULL) {
        return DREY_E_NO_MEMORY;
    }
    for (size_t i = 0; i < counter->capacity; i++) {
        if (counter->table[i].id != 0) {
            *place_of(table, capacity, counter->table[i].id) = counter->table[i];
        }
    }
    free(counter->table);
    counter->table = table;
    counter->capacity = capacity;
    return 0;
}

static int add(struct counter *counter, uint64_t id, uint64_t count) {
    if (id == 0) {
        return 0;
    }
    if (counter->used * 2 >= counter->capacity && grow(counter) < 0) {
        return DREY_E_NO_MEMORY;
    }
    struct channel *channel = place_of(counter->table, counter->capacity, id);
    counter->used += channel->id == 0;
    channel->id = id;
    channel->count += count;
    counter->total += count;
    return 0;
}

static void on_message(drey_ctx *ctx, const drey_event *ev) {
    if (add(ctx->user, ev->channel_id, 1) < 0) {
        drey_error(ctx, "no memory: a message of channel %" PRIu64 " is not counted",
                   ev->channel_id);
    }
}

/* Puts a channel into its place among the first TOP. */
static void rank(struct channel *top, struct channel channel) {
    for (size_t i = 0; i < TOP; i++) {
        if (channel.count > top[i].count) {
            struct channel lower = top[i];
            top[i] = channel;
            channel = lower;
        }
    }
}

static void on_show(drey_ctx *ctx, uint64_t cookie) {
    const struct counter *counter = ctx->user;
    struct channel top[TOP] = {{0, 0}};
    char text[TOP * 48] = "";
    (void)cookie;
    for (size_t i = 0; i < counter->capacity; i++) {
        rank(top, counter->table[i]);
    }
    for (size_t i = 0, used = 0; i < TOP && top[i].count > 0; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, ", %" PRIu64 ": %" PRIu64,
                                 top[i].id, top[i].count);
    }
    drey_info(ctx, "%" PRIu64 " messages in %zu channels%s", counter->total, counter->used, text);
}

static int init(drey_ctx *ctx) {
    int result = drey_on_timer(ctx, "show", on_show);
    return result < 0 ? result : drey_on(ctx, DREY_MESSAGE_CREATE, DREY_ANYWHERE, on_message);
}

static struct counter *counter_of(drey_ctx *ctx) {
    if (ctx->user == NULL) {
        ctx->user = calloc(1, sizeof(struct counter));
    }
    return ctx->user;
}

static int restore(drey_ctx *ctx, const drey_state *state) {
    struct counter *counter = counter_of(ctx);
    struct channel channel;
    if (counter == NULL || state->version != STATE_VERSION ||
        state->data_size % sizeof(channel) != 0) {
        return DREY_E_INVALID;
    }
    for (uint64_t at = 0; at < state->data_size; at += sizeof(channel)) {
        memcpy(&channel, (const char *)state->data + at, sizeof(channel));
        if (add(counter, channel.id, channel.count) < 0) {
            return DREY_E_NO_MEMORY;
        }
    }
    drey_info(ctx, "goes on counting at %" PRIu64 " messages", counter->total);
    return 0;
}

/* A whole number from 1 to EVERY_MAX and nothing else; 0: it is not. */
static uint64_t seconds(const char *text) {
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9 || text[digits] != '\0') {
        return 0;
    }
    uint64_t value = strtoull(text, NULL, 10);
    return value <= EVERY_MAX ? value : 0;
}

static int start(drey_ctx *ctx) {
    const char *text = drey_config(ctx, "every");
    uint64_t every_ms = text != NULL ? seconds(text) * 1000 : 60000;
    if (every_ms == 0) {
        drey_error(ctx, "every = %s: a number of seconds from 1 to %d is wanted", text, EVERY_MAX);
        return DREY_E_INVALID;
    }
    return counter_of(ctx) == NULL ? DREY_E_NO_MEMORY
                                   : drey_timer(ctx, "show", 0, every_ms, every_ms);
}

static int save(drey_ctx *ctx) {
    struct counter *counter = ctx->user;
    struct channel *rows = calloc(counter->used + 1, sizeof(*rows));
    size_t count = 0;
    if (rows == NULL) {
        return DREY_E_NO_MEMORY;
    }
    for (size_t i = 0; i < counter->capacity; i++) {
        if (counter->table[i].id != 0) {
            rows[count++] = counter->table[i];
        }
    }
    int result = drey_save(ctx, STATE_VERSION, rows, count * sizeof(*rows));
    free(rows);
    return result;
}

static void stop(drey_ctx *ctx) {
    struct counter *counter = ctx->user;
    if (counter != NULL) {
        free(counter->table);
        free(counter);
    }
}

DREY_PLUGIN_FULL("counter", "1.0.0", init, start, stop, save, restore)
