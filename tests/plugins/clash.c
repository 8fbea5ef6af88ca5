/* plugins/clash.c: defines a name that its twin defines too, and names of libc's and of the host's
 * own functions. Built with our flags its calls must reach its own; built without them it exports
 * all of it, and libc's go before its own. Nobody else's calls may ever reach it. Writes one line
 * per event to `file`: whose functions it reached. */
#include <drey/drey.h>

#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#ifndef CLASH_ID
#define CLASH_ID "clash"
#endif

int shared_value = 0;
static int out = -1;
static int mallocs;
static char pool[1 << 16];
static size_t used;

const char *whose_function(void);
double log(double x);
int main(void);
void log_line(int level, const void *from, const char *format, ...);
void *malloc(size_t size);
void free(void *memory);

const char *whose_function(void) {
    return CLASH_ID;
}

double log(double x) {
    return x + 42;
}

int main(void) {
    return 42;
}

/* A function of the host's. */
void log_line(int level, const void *from, const char *format, ...) {
    (void)level;
    (void)from;
    (void)format;
    __builtin_trap();
}

void *malloc(size_t size) {
    mallocs++;
    size = (size + 15) & ~(size_t)15;
    if (size > sizeof(pool) - used) {
        __builtin_trap(); /* somebody else uses it */
    }
    used += size;
    return pool + used - size;
}

void free(void *memory) {
    if ((char *)memory != NULL &&
        ((char *)memory < pool || (char *)memory >= pool + sizeof(pool))) {
        __builtin_trap(); /* not ours */
    }
}

static void on_event(drey_ctx *ctx, const drey_event *ev) {
    char line[64] = "";
    int before = mallocs;
    void *memory = malloc(8);
    (void)ctx;
    (void)ev;
    free(memory);
    used = 0;
    shared_value++;
    strcat(line, whose_function());
    strcat(line, log(1) == 43 && main() == 42 && mallocs == before + 1 ? " own" : " mixed");
    strcat(line, mallocs > 0 ? " apart\n" : " together\n");
    if (write(out, line, strlen(line)) < 0) {
        __builtin_trap();
    }
}

static int init(drey_ctx *ctx) {
    return drey_on(ctx, DREY_MESSAGE_CREATE, DREY_ANYWHERE, on_event);
}

static int start(drey_ctx *ctx) {
    out = open(drey_config(ctx, "file"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    return out < 0 ? DREY_E_FAIL : 0;
}

static void stop(drey_ctx *ctx) {
    (void)ctx;
    close(out);
}

DREY_PLUGIN_FULL(CLASH_ID, "1", init, start, stop, NULL, NULL)
