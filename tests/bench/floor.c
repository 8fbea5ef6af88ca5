/* tests/bench/floor.c: the least that a program on libcurl pays for the calls: its multi interface
 * on epoll, handles that are used again, no limits, no queue, answers thrown away.
 * usage: bench_floor URL CALLS_FILE WARM TOGETHER */
#include "calls.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 64, URL_MAX = 4096 };

struct floor {
    struct bench_run run;
    const char *url;
    CURLM *multi;
    int epoll_fd;
    long wait_ms;
    CURL **idle; /* room for all */
    size_t idle_count;
    struct curl_slist *plain; /* headers of calls without a body */
    struct curl_slist *json;
};

static size_t on_bytes(char *bytes, size_t size, size_t count, void *arg) {
    return size * count;
}

static int on_timer_wanted(CURLM *multi, long after_ms, void *arg) {
    struct floor *floor = arg;
    floor->wait_ms = after_ms;
    return 0;
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *known) {
    struct floor *floor = arg;
    struct epoll_event event = {.data.fd = fd};
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(floor->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    event.events =
        ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
    if (epoll_ctl(floor->epoll_fd, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0) {
        return -1;
    }
    curl_multi_assign(floor->multi, fd, floor);
    return 0;
}

static void begin(struct floor *floor, const struct bench_call *call) {
    char url[URL_MAX];
    CURL *easy = floor->idle[--floor->idle_count];
    bool has_body = call->body[0] != '\0';
    (void)snprintf(url, sizeof(url), "%s%s", floor->url, call->path);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    if (strcmp(call->method, "GET") == 0) {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    } else {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(call->body));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body);
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, has_body ? floor->json : floor->plain);
    curl_multi_add_handle(floor->multi, easy);
}

static void collect(struct floor *floor) {
    int left;
    const CURLMsg *message;
    while ((message = curl_multi_info_read(floor->multi, &left)) != NULL) {
        long status = 0;
        CURL *easy = message->easy_handle;
        if (message->data.result == CURLE_OK) {
            curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        }
        curl_multi_remove_handle(floor->multi, easy);
        floor->idle[floor->idle_count++] = easy;
        bench_run_ended(&floor->run, status);
    }
    const struct bench_call *call;
    while ((call = bench_run_next(&floor->run)) != NULL) {
        begin(floor, call);
    }
}

static void turn(struct floor *floor) {
    struct epoll_event events[EVENTS];
    int running;
    int count = epoll_wait(floor->epoll_fd, events, EVENTS, (int)floor->wait_ms);
    if (count == 0) {
        curl_multi_socket_action(floor->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    for (int i = 0; i < count; i++) {
        unsigned ready = events[i].events;
        int bits = ((ready & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                   ((ready & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                   ((ready & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
        curl_multi_socket_action(floor->multi, events[i].data.fd, bits, &running);
    }
    collect(floor);
}

static bool add_handle(struct floor *floor) {
    CURL *easy = curl_easy_init();
    if (easy == NULL) {
        return false;
    }
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "DiscordBot (floor, 1)");
    floor->idle[floor->idle_count++] = easy;
    return true;
}

static bool set_up(struct floor *floor) {
    static const char token[] = "Authorization: Bot bench";
    floor->plain = curl_slist_append(curl_slist_append(NULL, token), "Content-Type:");
    floor->json =
        curl_slist_append(curl_slist_append(NULL, token), "Content-Type: application/json");
    floor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    floor->multi = curl_multi_init();
    floor->wait_ms = -1;
    floor->idle = calloc(floor->run.together, sizeof(CURL *));
    if (floor->epoll_fd < 0 || floor->multi == NULL || floor->idle == NULL) {
        return false;
    }
    curl_multi_setopt(floor->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    curl_multi_setopt(floor->multi, CURLMOPT_SOCKETDATA, floor);
    curl_multi_setopt(floor->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(floor->multi, CURLMOPT_TIMERDATA, floor);
    curl_multi_setopt(floor->multi, CURLMOPT_MAXCONNECTS, (long)floor->run.together);
    while (floor->idle_count < floor->run.together) {
        if (!add_handle(floor)) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv) {
    struct floor floor = {0};
    bench_run_open(&floor.run, argc, argv);
    floor.url = argv[1];
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !set_up(&floor)) {
        (void)fprintf(stderr, "libcurl cannot be set up\n");
        return 1;
    }
    collect(&floor);
    while (!bench_run_is_done(&floor.run)) {
        turn(&floor);
    }
    int status = bench_run_report(&floor.run, stdout);
    while (floor.idle_count > 0) {
        curl_easy_cleanup(floor.idle[--floor.idle_count]);
    }
    curl_multi_cleanup(floor.multi);
    curl_slist_free_all(floor.plain);
    curl_slist_free_all(floor.json);
    curl_global_cleanup();
    (void)close(floor.epoll_fd);
    free(floor.idle);
    bench_run_close(&floor.run);
    return status;
}
