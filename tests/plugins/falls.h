/* plugins/falls.h: calls of the attacker that end its process; `call-WORD` says which. word_of() is
 * its includer's. */
#ifndef TESTS_PLUGINS_FALLS_H
#define TESTS_PLUGINS_FALLS_H

static void fall(drey_ctx *ctx, const char *kind) {
    drey_error(ctx, "%s, attempt %u", kind, (unsigned)drey_attempt(ctx));
    bool always = strcmp(word_of(), "call-always") == 0;
    if (always || (drey_attempt(ctx) == 1 && strcmp(word_of(), "call-own") != 0)) {
        raise(SIGKILL);
    }
}

/* What it has posted to itself ends it while the host's call waits behind it. */
static void on_own(drey_ctx *ctx, uint64_t cookie, const void *data, uint64_t size) {
    (void)ctx, (void)cookie, (void)data, (void)size;
    usleep(300000);
    raise(SIGKILL);
}

static void on_timer(drey_ctx *ctx, uint64_t cookie) {
    (void)cookie;
    fall(ctx, "timer");
}

static void on_answer(drey_ctx *ctx, uint64_t cookie, const drey_response *response) {
    (void)cookie;
    drey_error(ctx, "answer %u", response->status);
    fall(ctx, "answer");
}

/* Once, however often it starts. */
static void call_once(drey_ctx *ctx) {
    if (strncmp(word_of(), "call-", 5) != 0 || drey_kv_int(ctx, 0, word_of()) > 0) {
        return;
    }
    drey_kv_set(ctx, 0, word_of(), "1");
    if (strcmp(word_of(), "call-rest") == 0) {
        drey_call(ctx, "GET", "/users/@me", NULL, "answered", 0);
    } else {
        drey_timer(ctx, "due", 0, 10, 0);
    }
    if (strcmp(word_of(), "call-own") == 0) {
        drey_post(ctx, "own", 0, NULL, 0);
    }
}

#endif
