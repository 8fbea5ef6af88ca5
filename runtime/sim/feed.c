/* sim/feed.c: what a person at a screen would see happen, told as it happens: one JSON object a
 * line, to whoever watches. Not what bots are told: it goes through no intents and no faults. */
#include "sim/interact.h"
#include "sim/rest.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    WATCHERS_MOST = 64,
    BEHIND_MOST = 4 << 20, /* bytes that a watcher has not read */
    FAREWELL_MS = 30000,   /* for it to read them and the last line */
};

static void append_line(struct sim_conn *conn, const struct buf *line) {
    struct buf *out = sim_wire_output(conn->wire);
    if (conn->watch == SIM_WATCH_LINES) {
        buf_append(out, line->bytes, line->length);
        buf_text(out, "\n");
    } else {
        sim_ws_frame(out, 0x80 | SIM_WS_TEXT, line->bytes, line->length);
    }
}

void sim_feed_leave(struct sim_conn *conn) {
    struct sim *sim = conn->sim;
    struct sim_conn **at = &sim->watchers;
    while (*at != NULL && *at != conn) {
        at = &(*at)->next_watcher;
    }
    if (*at == conn) {
        *at = conn->next_watcher;
        conn->next_watcher = NULL;
        sim->watcher_count--;
    }
}

/* The last line, and the end of TCP when it has been read. */
static void end_watch(struct sim_conn *conn, const char *reason, uint16_t code) {
    struct buf line = {0};
    sim_feed_leave(conn);
    buf_printf(&line, "{\"feed\":\"end\",\"reason\":\"%s\"}", reason);
    append_line(conn, &line);
    buf_finish(&line);
    if (conn->watch == SIM_WATCH_SOCKET) {
        sim_ws_close_frame(sim_wire_output(conn->wire), code, reason);
    }
    conn->phase = SIM_PHASE_CLOSING;
    conn->end_ms = loop_now_ms(conn->sim->loop) + FAREWELL_MS;
    sim_wire_shut(conn->wire);
}

void sim_feed_end_all(struct sim *sim, const char *reason) {
    while (sim->watchers != NULL) {
        end_watch(sim->watchers, reason, 1012);
    }
}

/* A line to everyone who wants it. The tick flushes. */
static void tell(struct sim *sim, const struct buf *line, bool chat) {
    struct sim_conn *next;
    for (struct sim_conn *at = sim->watchers; at != NULL; at = next) {
        next = at->next_watcher;
        if (!chat && at->watch_chat) {
            continue;
        }
        if (sim_wire_pending(at->wire) > BEHIND_MOST) {
            end_watch(at, "too slow: more than 4 MiB wait to be read; ask again", 1008);
            continue;
        }
        append_line(at, line);
    }
}

static void add_json(struct buf *line, const char *key, const cJSON *object) {
    struct buf json = {0};
    if (sim_print(&json, object)) {
        buf_printf(line, ",\"%s\":", key);
        buf_json_line(line, json.bytes, json.length);
    }
    buf_finish(&json);
}

static void add_text(struct buf *line, const char *key, const char *text) {
    buf_printf(line, ",\"%s\":\"", key);
    buf_json_text(line, text, strlen(text));
    buf_text(line, "\"");
}

static void add_id(struct buf *line, const char *key, uint64_t id) {
    if (id != 0) {
        buf_printf(line, ",\"%s\":\"%" PRIu64 "\"", key, id);
    }
}

void sim_feed_news(struct sim *sim, const struct sim_news *news) {
    struct buf line = {0};
    if (sim->watchers == NULL || news->event == SIM_INTERACTION_CREATE) {
        return; /* of interactions there are lines without their tokens */
    }
    buf_printf(&line, "{\"feed\":\"event\",\"t\":\"%s\"", sim_event_name(news->event));
    add_id(&line, "bot", news->only);
    buf_text(&line, ",\"d\":");
    buf_json_line(&line, news->full.bytes, news->full.length);
    buf_text(&line, "}");
    tell(sim, &line, true);
    buf_finish(&line);
}

void sim_feed_ephemeral(struct sim *sim, const struct sim_post *post, enum sim_event event) {
    struct buf line = {0};
    const struct sim_user *viewer;
    if (sim->watchers == NULL) {
        return;
    }
    viewer = sim_post_viewer(sim, post);
    buf_printf(&line, "{\"feed\":\"event\",\"t\":\"%s\",\"ephemeral\":true", sim_event_name(event));
    add_id(&line, "for", viewer != NULL ? viewer->id : 0);
    cJSON *object =
        event == SIM_MESSAGE_DELETE ? cJSON_CreateObject() : sim_post_object(post, post->author_id);
    if (event == SIM_MESSAGE_DELETE) {
        sim_add_id(object, "id", post->id);
        sim_add_id(object, "channel_id", post->log->channel_id);
    }
    if (post->guild_id != 0) {
        sim_add_id(object, "guild_id", post->guild_id);
    }
    add_json(&line, "d", object);
    buf_text(&line, "}");
    tell(sim, &line, true);
    cJSON_Delete(object);
    buf_finish(&line);
}

void sim_feed_interaction(struct sim *sim, const struct sim_interaction *interaction) {
    struct buf line = {0};
    if (sim->watchers == NULL) {
        return;
    }
    buf_printf(&line, "{\"feed\":\"interaction\",\"id\":\"%" PRIu64 "\",\"type\":%d",
               interaction->id, interaction->kind);
    add_text(&line, "outcome", sim_outcome(sim, interaction));
    buf_printf(&line, ",\"ms\":%" PRIu64, loop_now_ms(sim->loop) - interaction->made_ms);
    if (interaction->name[0] != '\0') {
        add_text(&line, "name", interaction->name);
        buf_printf(&line, ",\"command_type\":%d", interaction->command_type);
    }
    add_id(&line, "bot", interaction->bot);
    add_id(&line, "user_id", interaction->user->id);
    add_text(&line, "user", interaction->user->name);
    add_id(&line, "guild_id", interaction->guild_id);
    add_id(&line, "channel_id", interaction->channel_id);
    add_id(&line, "on_message", interaction->message_id);
    add_id(&line, "message",
           interaction->newest != 0 ? interaction->newest : interaction->original);
    if (interaction->shown != NULL) {
        add_json(&line, interaction->ack == SIM_ACK_MODAL ? "modal" : "choices",
                 interaction->shown);
    }
    buf_text(&line, "}");
    tell(sim, &line, true);
    buf_finish(&line);
}

static void write_bot(const struct sim_bot *bot, struct buf *line) {
    uint32_t connected = sim_bot_connected(bot);
    buf_printf(line, "{\"feed\":\"bot\",\"bot\":\"%" PRIu64 "\",\"number\":%u", bot->self.id,
               bot->number);
    add_text(line, "name", bot->self.name);
    buf_printf(line, ",\"sessions\":%u,\"connected\":%u,\"online\":%s}", bot->session_count,
               connected, connected > 0 ? "true" : "false");
}

void sim_feed_bot(struct sim *sim, const struct sim_bot *bot) {
    struct buf line = {0};
    if (sim->watchers != NULL) {
        write_bot(bot, &line);
        tell(sim, &line, true);
        buf_finish(&line);
    }
}

void sim_feed_commands(struct sim *sim, const struct sim_bot *bot) {
    struct buf line = {0};
    if (sim->watchers != NULL) {
        buf_printf(&line, "{\"feed\":\"commands\",\"bot\":\"%" PRIu64 "\"}", bot->self.id);
        tell(sim, &line, true);
        buf_finish(&line);
    }
}

static void write_faults(const struct sim *sim, struct buf *line) {
    uint64_t now_ms = loop_now_ms(sim->loop);
    buf_text(line, "{\"feed\":\"faults\",\"hold\":[");
    for (size_t i = 0; i < sim->faults.count; i++) {
        const struct sim_fault *fault = &sim->faults.items[i];
        buf_printf(line, "%s{\"fault\":\"%s\",\"number\":%" PRIu64 ",\"waits\":%s",
                   i > 0 ? "," : "", sim_fault_word(fault->verb), fault->number,
                   fault->from_ms > now_ms ? "true" : "false");
        if (fault->text != NULL) {
            add_text(line, "text", fault->text);
        }
        if (fault->shard >= 0) {
            buf_printf(line, ",\"shard\":%" PRId64, fault->shard);
        }
        if (fault->route[0] != '\0') {
            add_text(line, "route", fault->route);
        }
        if (fault->times != 0) {
            buf_printf(line, ",\"times\":%u", fault->times);
        }
        buf_text(line, "}");
    }
    buf_text(line, "]}");
}

void sim_feed_faults(struct sim *sim) {
    struct buf line = {0};
    if (sim->watchers == NULL) {
        return;
    }
    write_faults(sim, &line);
    if (line.length != sim->feed_faults.length ||
        memcmp(line.bytes, sim->feed_faults.bytes, line.length) != 0) {
        buf_clear(&sim->feed_faults);
        buf_append(&sim->feed_faults, line.bytes, line.length);
        tell(sim, &line, true);
    }
    buf_finish(&line);
}

void sim_feed_transcript(void *arg, const char *json, size_t length) {
    struct sim *sim = arg;
    struct buf line = {0};
    if (sim->watchers != NULL) {
        buf_text(&line, "{\"feed\":\"transcript\",");
        buf_json_line(&line, json + 1, length - 1);
        tell(sim, &line, false);
        buf_finish(&line);
    }
}

/* Where things stand, so that nobody has to ask before it goes on. */
static void greet(struct sim_conn *conn) {
    struct sim *sim = conn->sim;
    struct buf line = {0};
    buf_printf(&line,
               "{\"feed\":\"hello\",\"version\":1,\"run\":\"%016" PRIx64 "\",\"seed\":%" PRIu64
               ",\"time_ms\":%" PRIu64 "}",
               sim->run, sim->options.seed, clock_wall_ms());
    append_line(conn, &line);
    for (const struct sim_bot *bot = sim->bots; bot != NULL; bot = bot->next) {
        buf_clear(&line);
        write_bot(bot, &line);
        append_line(conn, &line);
    }
    if (sim->watcher_count == 1) { /* nobody kept it up to date */
        buf_clear(&sim->feed_faults);
        write_faults(sim, &sim->feed_faults);
    }
    append_line(conn, &sim->feed_faults);
    buf_finish(&line);
}

static void begin_watch(struct sim_conn *conn, enum sim_watch watch, bool chat) {
    struct sim *sim = conn->sim;
    conn->watch = watch;
    conn->watch_chat = chat;
    conn->next_watcher = sim->watchers;
    sim->watchers = conn;
    sim->watcher_count++;
    sim_transcript_tell(sim->transcript, sim_feed_transcript, sim);
    greet(conn);
}

/* "" or "only=chat". False: it is neither; a JSON error is in out. */
static bool read_query(struct sim *sim, const char *query, bool *chat, int *status,
                       struct buf *out) {
    *chat = strcmp(query, "only=chat") == 0;
    if (query[0] != '\0' && !*chat) {
        *status = 400;
        buf_text(out, "{\"error\":\"the feed takes ?only=chat or nothing\"}");
        return false;
    }
    if (sim->watcher_count >= WATCHERS_MOST) {
        *status = 503;
        buf_printf(out, "{\"error\":\"%d watch already: end one of them\"}", WATCHERS_MOST);
        return false;
    }
    return true;
}

int sim_feed_lines(struct sim_conn *conn, const struct sim_request *request, struct buf *out) {
    bool chat;
    int status = 0;
    if (!read_query(conn->sim, request->query, &chat, &status, out)) {
        return status;
    }
    /* It has no length and ends with the connection: clients need not know chunks. */
    buf_text(sim_wire_output(conn->wire),
             "HTTP/1.1 200 OK\r\nServer: drey-sim\r\nContent-Type: application/x-ndjson\r\n"
             "Cache-Control: no-store\r\nConnection: close\r\n\r\n");
    conn->parked = true;
    begin_watch(conn, SIM_WATCH_LINES, chat);
    return 0;
}

void sim_feed_socket(struct sim_conn *conn, const struct sim_request *request) {
    bool chat;
    int status = 0;
    struct buf json = {0};
    if (!read_query(conn->sim, request->query, &chat, &status, &json)) {
        sim_answer_buf(conn, status, &json);
        buf_finish(&json);
        conn->phase = SIM_PHASE_CLOSING;
        conn->end_ms = loop_now_ms(conn->sim->loop) + FAREWELL_MS;
        sim_wire_shut(conn->wire);
        return;
    }
    sim_http_switch(sim_wire_output(conn->wire), request->websocket_key);
    conn->phase = SIM_PHASE_WATCH;
    begin_watch(conn, SIM_WATCH_SOCKET, chat);
}
