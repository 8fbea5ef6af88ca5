/* bot/grants.c: one question to the REST thread, waited for. */
#include "bot/grants.h"

#include "base/clock.h"
#include "base/log.h"
#include "bot/intents.h"
#include "rest/application.h"
#include "rest/rest.h"

#include <pthread.h>
#include <stdio.h>

/* On the stack of who waits. */
struct question {
    const struct config_bot *bot;
    struct rest_client *client;
    struct rest *calls;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool over;
    long status;
    uint32_t flags;
    struct err err;
};

/* --- on the REST thread ------------------------------------------------------------------------
 */

static void on_answer(void *arg, const struct rest_response *response) {
    struct question *question = arg;
    rest_note(question->calls, question->bot->name, question->bot->rest_url, response);
    pthread_mutex_lock(&question->lock);
    question->status = response->status;
    if (response->status == 0) {
        question->err = response->err;
    } else if (response->status != 200) {
        err_set(&question->err, ERR_NETWORK, "GET %s/applications/@me answered %ld",
                question->bot->rest_url, response->status);
    } else {
        (void)application_parse(response->body, response->length, &question->flags, &question->err);
    }
    question->over = true;
    pthread_cond_signal(&question->answered);
    pthread_mutex_unlock(&question->lock);
}

static void begin(void *arg) {
    struct question *question = arg;
    char url[1024];
    struct rest_request request = {.url = url,
                                   .token = question->bot->token,
                                   .ca_file = question->bot->ca_file,
                                   .timeout_ms = GRANTS_WAIT_MS};
    struct rest_response none = {0};
    int wanted = snprintf(url, sizeof(url), "%s/applications/@me", question->bot->rest_url);
    if (rest_closed_ms(question->calls, question->bot->rest_url, &none.err) > 0) {
        on_answer(question, &none);
    } else if (wanted < 0 || (size_t)wanted >= sizeof(url)) {
        err_set(&none.err, ERR_CONFIG, "rest_url is too long");
        on_answer(question, &none);
    } else if (!rest_client_send(question->client, &request, on_answer, question, &none.err)) {
        on_answer(question, &none);
    }
}

/* --- on the control thread ---------------------------------------------------------------------
 */

bool grants_ask(struct grants *grants, const struct config_bot *bot, struct loop *rest,
                struct rest_client *client, struct rest *calls) {
    struct question question = {.bot = bot, .client = client, .calls = calls};
    pthread_mutex_init(&question.lock, NULL);
    pthread_cond_init(&question.answered, NULL);
    if (!loop_call(rest, begin, &question)) {
        question.over = true; /* the loop is gone, and nobody is left to answer */
        err_set(&question.err, ERR_SYSTEM, "no REST thread");
    }
    pthread_mutex_lock(&question.lock);
    while (!question.over) { /* the exchange ends by itself, for its timeout */
        pthread_cond_wait(&question.answered, &question.lock);
    }
    pthread_mutex_unlock(&question.lock);
    pthread_cond_destroy(&question.answered);
    pthread_mutex_destroy(&question.lock);
    grants->asked = true;
    grants->asked_ms = clock_mono_ms();
    if (question.err.code == ERR_NONE) {
        grants->known = true;
        grants->privileged = intents_granted(question.flags);
    } else {
        struct log_from me = {.bot = bot->name, .shard = -1};
        log_debug(&me, "whether it may have privileged intents is not known: %s",
                  question.err.text);
    }
    return question.status != 0;
}
