/* base/loop.c: the event loop, on libuv.
 * libuv frees nothing by itself: each handle lives in a struct of ours that is freed in its
 * close callback, so that destroy may be called anywhere. */
#include "base/loop.h"

#include "base/clock.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct posted {
    struct posted *next;
    loop_fn *fn;
    void *arg;
    struct waiter *waiter; /* NULL: ours to free; else somebody waits, and owns this */
};

/* The caller of loop_call(). */
struct waiter {
    sem_t done;
    bool ran;
};

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    pthread_mutex_t lock; /* guards the queue and stopping */
    struct posted *first;
    struct posted **last;
    bool stopping;
};

struct loop_timer {
    uv_timer_t uv;
    loop_fn *fn;
    void *arg;
};

struct loop_hook {
    uv_prepare_t uv;
    loop_fn *fn;
    void *arg;
};

struct loop_watch {
    uv_poll_t uv;
    loop_watch_fn *fn;
    void *arg;
};

struct loop_signal {
    uv_signal_t uv;
    loop_signal_fn *fn;
    void *arg;
};

struct loop_lookup {
    uv_getaddrinfo_t uv;
    loop_lookup_fn *fn; /* NULL: cancelled */
    void *arg;
    char host[256];
};

static struct posted *take_posted(struct loop *loop, bool *stopping) {
    pthread_mutex_lock(&loop->lock);
    struct posted *list = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    *stopping = loop->stopping;
    loop->stopping = false;
    pthread_mutex_unlock(&loop->lock);
    return list;
}

/* After it the message is gone. */
static void end_posted(struct posted *posted, bool ran) {
    if (posted->waiter != NULL) {
        posted->waiter->ran = ran;
        sem_post(&posted->waiter->done);
    } else {
        free(posted);
    }
}

static bool run_posted(struct loop *loop) {
    bool stopping;
    struct posted *list = take_posted(loop, &stopping);
    while (list != NULL) {
        struct posted *next = list->next;
        list->fn(list->arg);
        end_posted(list, true);
        list = next;
    }
    return stopping;
}

static void on_wake(uv_async_t *wake) {
    struct loop *loop = wake->data;
    if (run_posted(loop)) {
        uv_stop(&loop->uv);
    }
}

struct loop *loop_create(struct err *err) {
    struct loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL) {
        err_set(err, ERR_NO_MEMORY, "event loop: no memory");
        return NULL;
    }
    loop->last = &loop->first;
    int code = uv_loop_init(&loop->uv);
    if (code != 0) {
        err_set(err, ERR_SYSTEM, "event loop: %s", uv_strerror(code));
        free(loop);
        return NULL;
    }
    code = uv_async_init(&loop->uv, &loop->wake, on_wake);
    if (code != 0) {
        err_set(err, ERR_SYSTEM, "event loop: %s", uv_strerror(code));
        uv_loop_close(&loop->uv);
        free(loop);
        return NULL;
    }
    loop->wake.data = loop;
    pthread_mutex_init(&loop->lock, NULL);
    return loop;
}

void loop_run(struct loop *loop) {
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_turn(struct loop *loop) {
    uv_run(&loop->uv, UV_RUN_NOWAIT);
}

void loop_stop(struct loop *loop) {
    pthread_mutex_lock(&loop->lock);
    loop->stopping = true;
    pthread_mutex_unlock(&loop->lock);
    uv_async_send(&loop->wake);
}

/* Drops what was posted and has not run. */
static void discard_posted(struct loop *loop) {
    bool stopping;
    struct posted *list = take_posted(loop, &stopping);
    while (list != NULL) {
        struct posted *next = list->next;
        end_posted(list, false);
        list = next;
    }
}

void loop_destroy(struct loop *loop) {
    if (loop == NULL) {
        return;
    }
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT); /* lets every close callback run */
    discard_posted(loop);
    uv_loop_close(&loop->uv);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

static void enqueue(struct loop *loop, struct posted *posted) {
    pthread_mutex_lock(&loop->lock);
    *loop->last = posted;
    loop->last = &posted->next;
    pthread_mutex_unlock(&loop->lock);
    uv_async_send(&loop->wake);
}

bool loop_post(struct loop *loop, loop_fn *fn, void *arg) {
    struct posted *posted = malloc(sizeof(*posted));
    if (posted == NULL) {
        return false;
    }
    *posted = (struct posted){.fn = fn, .arg = arg};
    enqueue(loop, posted);
    return true;
}

/* The message lives on the caller's stack: there is nothing to allocate, so nothing can fail. */
bool loop_call(struct loop *loop, loop_fn *fn, void *arg) {
    struct waiter waiter = {.ran = false};
    sem_init(&waiter.done, 0, 0);
    struct posted posted = {.fn = fn, .arg = arg, .waiter = &waiter};
    enqueue(loop, &posted);
    while (sem_wait(&waiter.done) != 0) {
        /* interrupted by a signal */
    }
    sem_destroy(&waiter.done);
    return waiter.ran;
}

uint64_t loop_now_ms(const struct loop *loop) {
    return clock_mono_ms();
}

void *loop_native(struct loop *loop) {
    return &loop->uv;
}

static void free_handle(uv_handle_t *handle) {
    free(handle->data);
}

static void on_timer(uv_timer_t *uv) {
    struct loop_timer *timer = uv->data;
    timer->fn(timer->arg);
}

struct loop_timer *loop_timer_create(struct loop *loop, loop_fn *fn, void *arg) {
    struct loop_timer *timer = calloc(1, sizeof(*timer));
    if (timer == NULL) {
        return NULL;
    }
    timer->fn = fn;
    timer->arg = arg;
    uv_timer_init(&loop->uv, &timer->uv);
    timer->uv.data = timer;
    return timer;
}

void loop_timer_start(struct loop_timer *timer, uint64_t after_ms) {
    /* libuv counts from the time at which the loop last woke; a long callback would shorten
     * every timer started in it. */
    uv_update_time(timer->uv.loop);
    uv_timer_start(&timer->uv, on_timer, after_ms, 0);
}

void loop_timer_stop(struct loop_timer *timer) {
    uv_timer_stop(&timer->uv);
}

void loop_timer_destroy(struct loop_timer *timer) {
    if (timer != NULL) {
        uv_timer_stop(&timer->uv);
        uv_close((uv_handle_t *)&timer->uv, free_handle);
    }
}

static void on_prepare(uv_prepare_t *uv) {
    struct loop_hook *hook = uv->data;
    hook->fn(hook->arg);
}

struct loop_hook *loop_hook_create(struct loop *loop, loop_fn *fn, void *arg) {
    struct loop_hook *hook = calloc(1, sizeof(*hook));
    if (hook == NULL) {
        return NULL;
    }
    hook->fn = fn;
    hook->arg = arg;
    uv_prepare_init(&loop->uv, &hook->uv);
    hook->uv.data = hook;
    uv_prepare_start(&hook->uv, on_prepare);
    return hook;
}

void loop_hook_destroy(struct loop_hook *hook) {
    if (hook != NULL) {
        uv_prepare_stop(&hook->uv);
        uv_close((uv_handle_t *)&hook->uv, free_handle);
    }
}

static void on_ready(uv_poll_t *uv, int status, int events) {
    struct loop_watch *watch = uv->data;
    int ready = (events & UV_READABLE ? LOOP_READ : 0) | (events & UV_WRITABLE ? LOOP_WRITE : 0);
    watch->fn(watch->arg, status < 0 ? LOOP_READ | LOOP_WRITE : ready);
}

struct loop_watch *loop_watch_create(struct loop *loop, int fd, loop_watch_fn *fn, void *arg,
                                     struct err *err) {
    struct loop_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        err_set(err, ERR_NO_MEMORY, "descriptor watch: no memory");
        return NULL;
    }
    int code = uv_poll_init(&loop->uv, &watch->uv, fd);
    if (code != 0) {
        err_set(err, ERR_SYSTEM, "descriptor watch: %s", uv_strerror(code));
        free(watch);
        return NULL;
    }
    watch->fn = fn;
    watch->arg = arg;
    watch->uv.data = watch;
    return watch;
}

void loop_watch_set(struct loop_watch *watch, int events) {
    if (events == 0) {
        uv_poll_stop(&watch->uv);
        return;
    }
    int wanted = (events & LOOP_READ ? UV_READABLE : 0) | (events & LOOP_WRITE ? UV_WRITABLE : 0);
    uv_poll_start(&watch->uv, wanted, on_ready);
}

void loop_watch_destroy(struct loop_watch *watch) {
    if (watch != NULL) {
        uv_poll_stop(&watch->uv);
        uv_close((uv_handle_t *)&watch->uv, free_handle);
    }
}

static void on_signal(uv_signal_t *uv, int number) {
    struct loop_signal *signal = uv->data;
    signal->fn(signal->arg, number);
}

struct loop_signal *loop_signal_create(struct loop *loop, int number, loop_signal_fn *fn, void *arg,
                                       struct err *err) {
    struct loop_signal *signal = calloc(1, sizeof(*signal));
    if (signal == NULL) {
        err_set(err, ERR_NO_MEMORY, "signal %d: no memory", number);
        return NULL;
    }
    signal->fn = fn;
    signal->arg = arg;
    signal->uv.data = signal;
    uv_signal_init(&loop->uv, &signal->uv);
    int code = uv_signal_start(&signal->uv, on_signal, number);
    if (code != 0) {
        err_set(err, ERR_SYSTEM, "signal %d: %s", number, uv_strerror(code));
        loop_signal_destroy(signal);
        return NULL;
    }
    return signal;
}

void loop_signal_destroy(struct loop_signal *signal) {
    if (signal != NULL) {
        uv_signal_stop(&signal->uv);
        uv_close((uv_handle_t *)&signal->uv, free_handle);
    }
}

static void on_lookup(uv_getaddrinfo_t *uv, int status, struct addrinfo *list) {
    struct loop_lookup *lookup = uv->data;
    char address[INET6_ADDRSTRLEN] = "";
    struct err err = {0};
    if (status == 0 && list != NULL) {
        status = list->ai_family == AF_INET
                     ? uv_ip4_name((const struct sockaddr_in *)(const void *)list->ai_addr, address,
                                   sizeof(address))
                     : uv_ip6_name((const struct sockaddr_in6 *)(const void *)list->ai_addr,
                                   address, sizeof(address));
    }
    if (status != 0 || address[0] == '\0') {
        err_set(&err, ERR_NETWORK, "host %s: %s", lookup->host,
                status != 0 ? uv_strerror(status) : "no address");
    }
    if (lookup->fn != NULL) {
        lookup->fn(lookup->arg, err.code == ERR_NONE ? address : NULL, &err);
    }
    uv_freeaddrinfo(list);
    free(lookup);
}

struct loop_lookup *loop_lookup_start(struct loop *loop, const char *host, loop_lookup_fn *fn,
                                      void *arg, struct err *err) {
    struct loop_lookup *lookup = calloc(1, sizeof(*lookup));
    if (lookup == NULL) {
        err_set(err, ERR_NO_MEMORY, "host %s: no memory", host);
        return NULL;
    }
    if (strlen(host) >= sizeof(lookup->host)) {
        err_set(err, ERR_INVALID, "host name longer than %zu bytes", sizeof(lookup->host) - 1);
        free(lookup);
        return NULL;
    }
    strcpy(lookup->host, host);
    lookup->fn = fn;
    lookup->arg = arg;
    lookup->uv.data = lookup;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    /* AI_ADDRCONFIG hides loopback literals on a machine without a network. */
    const struct addrinfo plain = {.ai_socktype = SOCK_STREAM};
    bool literal = strspn(host, "0123456789.") == strlen(host) || strchr(host, ':') != NULL ||
                   strcmp(host, "localhost") == 0;
    int code = uv_getaddrinfo(&loop->uv, &lookup->uv, on_lookup, lookup->host, NULL,
                              literal ? &plain : &hints);
    if (code != 0) {
        err_set(err, ERR_NETWORK, "host %s: %s", host, uv_strerror(code));
        free(lookup);
        return NULL;
    }
    return lookup;
}

void loop_lookup_cancel(struct loop_lookup *lookup) {
    if (lookup != NULL) {
        lookup->fn = NULL;
        uv_cancel((uv_req_t *)&lookup->uv);
    }
}
