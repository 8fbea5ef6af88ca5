/* sim/person.c: a person says something, reacts to a message, reads a channel. */
#include "sim/act.h"

#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static uint64_t id_of(const cJSON *object, const char *key) {
    uint64_t id = 0;
    const char *text = text_of(object, key);
    return text != NULL && text_u64(text, &id) ? id : 0;
}

/* Where somebody acts: act->err and false when there is no such place, person or bot. */
static bool begin(struct sim_act *act, struct sim_conn *conn, const cJSON *body) {
    return sim_act_begin(act, conn, body) && sim_act_direct(act);
}

/* The message itself; NULL: act->err says why not. */
static struct sim_post *make(struct sim_act *act, struct sim_call *call, const char *text) {
    struct sim_message_form form = {.content = text, .reference = id_of(act->body, "reply")};
    const struct sim_author author = {.user = act->user, .bot = act->bot};
    int status = 500;
    /* Discord's own clients make an id of theirs the nonce. */
    snprintf(form.nonce, sizeof(form.nonce), "%" PRIu64,
             sim_world_id(act->sim->world, act->wall_ms));
    struct sim_post *post = sim_post_make(call, &act->place, &author, &form, &status);
    if (post == NULL && status == 413) {
        err_set(&act->err, ERR_LIMIT, "a file has at most %d MiB", SIM_FILE_MOST >> 20);
    } else if (post == NULL && status == 500) {
        err_set(&act->err, ERR_NO_MEMORY, "no memory");
    } else if (post == NULL) {
        err_set(&act->err, ERR_INVALID, "text is missing, or there are more than 10 files");
    }
    return post;
}

/* body: of a multipart request that of its payload_json. */
static int say(struct sim_conn *conn, struct sim_call *call, const cJSON *body, struct buf *out) {
    struct sim_act act;
    struct buf aside = {0}; /* what a bot would be told of its mistakes */
    const char *text = text_of(body, "text");
    if (text == NULL && sim_file_count(call) == 0) {
        act = (struct sim_act){.sim = conn->sim};
        err_set(&act.err, ERR_INVALID, "text is missing");
        return sim_act_refuse(&act, out, 400);
    }
    if (!begin(&act, conn, body)) {
        return sim_act_refuse(&act, out, 404);
    }
    call->out = &aside;
    const struct sim_post *post = make(&act, call, text != NULL ? text : "");
    buf_finish(&aside);
    if (post == NULL) {
        return sim_act_refuse(&act, out, 400);
    }
    buf_printf(out, "{\"id\":\"%" PRIu64 "\",\"channel_id\":\"%" PRIu64 "\"}", post->id,
               act.place.id);
    return 200;
}

int sim_person_say(struct sim_conn *conn, const struct sim_request *request, const cJSON *body,
                   struct buf *out) {
    struct sim_call *call = calloc(1, sizeof(*call)); /* too large for comfort on the stack */
    struct sim_act failed = {.sim = conn->sim};
    cJSON *payload = NULL;
    bool fine = true;
    if (call == NULL) {
        err_set(&failed.err, ERR_NO_MEMORY, "no memory");
        return sim_act_refuse(&failed, out, 500);
    }
    *call = (struct sim_call){.sim = conn->sim,
                              .conn = conn,
                              .request = request,
                              .now_ms = loop_now_ms(conn->sim->loop),
                              .wall_ms = clock_wall_ms()};
    if (sim_multipart_is(request->content_type)) {
        fine = sim_multipart_read(request->content_type, request->body, request->body_length,
                                  call->parts, &call->part_count, &failed.err);
        for (size_t i = 0; fine && i < call->part_count && payload == NULL; i++) {
            if (strcmp(call->parts[i].name, "payload_json") == 0) {
                payload = cJSON_ParseWithLength(call->parts[i].bytes, call->parts[i].length);
            }
        }
        body = payload;
    }
    int status = fine ? say(conn, call, body, out) : sim_act_refuse(&failed, out, 400);
    cJSON_Delete(payload);
    free(call);
    return status;
}

int sim_person_react(struct sim_conn *conn, const cJSON *body, struct buf *out) {
    struct sim_act act;
    struct sim_place place;
    const char *word = text_of(body, "message");
    const char *emoji = text_of(body, "emoji");
    bool add = !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "remove"));
    if (!sim_act_begin(&act, conn, body)) {
        return sim_act_refuse(&act, out, 404);
    }
    if (word == NULL || emoji == NULL) {
        err_set(&act.err, ERR_INVALID,
                "wanted {\"message\":ID or \"last\",\"emoji\":\"\xf0\x9f\x8c\xb0\"}");
        return sim_act_refuse(&act, out, 400);
    }
    struct sim_post *post = sim_act_message(act.sim, word, NULL);
    if (post == NULL || post->ephemeral ||
        !sim_find_place(act.sim, sim_bot_numbered(act.sim, post->only), post->log->channel_id,
                        &place)) {
        err_set(&act.err, ERR_NOT_FOUND, "no such message");
        return sim_act_refuse(&act, out, 404);
    }
    if (!sim_react(act.sim, &place, post, emoji, act.user->id, add, &act.err)) {
        return sim_act_refuse(&act, out, 400);
    }
    buf_printf(out, "{\"message\":\"%" PRIu64 "\"}", post->id);
    return 200;
}

int sim_person_read(struct sim_conn *conn, const cJSON *body, bool text, struct buf *out) {
    struct sim_act act;
    const cJSON *last = cJSON_GetObjectItemCaseSensitive(body, "last");
    if (!begin(&act, conn, body)) {
        return sim_act_refuse(&act, out, 404);
    }
    const struct sim_history history = {
        .channel_id = act.place.id,
        .before = id_of(body, "before"),
        .after = id_of(body, "after"),
        .viewer = act.user->id,
        .last = cJSON_IsNumber(last) && last->valuedouble >= 0 && last->valuedouble < 1e9
                    ? (uint64_t)last->valuedouble
                    : 50,
    };
    sim_show_channel(act.sim, &history, out, text);
    return 200;
}
