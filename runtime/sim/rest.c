/* sim/rest.c: one REST request from its route to its answer: limits, faults, authentication, body,
 * permissions, headers. What the routes do is in the rest_ files. */
#include "sim/rest.h"

#include "base/clock.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RETRY_MS = 1000 };

static const struct sim_route_table *const tables[] = {
    &sim_routes_basic,        &sim_routes_messages, &sim_routes_reactions, &sim_routes_commands,
    &sim_routes_interactions, &sim_routes_webhooks, &sim_routes_guild,     &sim_routes_channels,
    &sim_routes_threads,      &sim_routes_members,
};

void sim_count_up(struct sim_count **list, const char *name) {
    size_t kinds = 0;
    for (struct sim_count *at = *list; at != NULL; at = at->next, kinds++) {
        if (strcmp(at->name, name) == 0) {
            at->count++;
            return;
        }
    }
    struct sim_count *count = kinds > 1000 ? NULL : calloc(1, sizeof(*count) + strlen(name) + 1);
    if (count != NULL) {
        strcpy(count->name, name);
        count->count = 1;
        count->next = *list;
        *list = count;
    }
}

void sim_counts_free(struct sim_count **list) {
    while (*list != NULL) {
        struct sim_count *count = *list;
        *list = count->next;
        free(count);
    }
}

void sim_answer_buf(struct sim_conn *conn, int status, const struct buf *json) {
    sim_http_respond(sim_wire_output(conn->wire), status, NULL, NULL, json->bytes, json->length);
}

void sim_answer(struct sim_conn *conn, int status, const char *json) {
    sim_http_respond(sim_wire_output(conn->wire), status, NULL, NULL, json, strlen(json));
}

/* The next segment of a path, percent-decoded. False: the end, or it is too long or broken. */
static bool next_segment(const char **at, char *out, size_t size) {
    size_t used = 0;
    if (**at != '/') {
        return false;
    }
    for (++*at; **at != '\0' && **at != '/'; ++*at) {
        char byte = **at;
        if (byte == '%') {
            char digits[3] = {(*at)[1], (*at)[1] != '\0' ? (*at)[2] : '\0', '\0'};
            char *end;
            long value = strtol(digits, &end, 16);
            if (end != digits + 2 || value == 0) {
                return false;
            }
            byte = (char)value;
            *at += 2;
        }
        if (used + 1 >= size) {
            return false;
        }
        out[used++] = byte;
    }
    out[used] = '\0';
    return true;
}

/* Compares a path with a route's, taking its parameters out. */
static bool matches(const char *pattern, const char *path, struct sim_call *call) {
    char wanted[64];
    char segment[SIM_PATH_WORD];
    size_t ids = 0;
    size_t words = 0;
    while (next_segment(&pattern, wanted, sizeof(wanted))) {
        if (!next_segment(&path, segment, sizeof(segment))) {
            return false;
        }
        if (wanted[0] == '*') {
            if (!text_u64(segment, &call->ids[ids++])) {
                return false;
            }
        } else if (wanted[0] == ':') {
            text_copy(call->words[words++], SIM_PATH_WORD, segment);
        } else if (strcmp(wanted, segment) != 0) {
            return false;
        }
    }
    return *path == '\0';
}

static const struct sim_route *find_route(const char *path, struct sim_call *call) {
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        for (size_t j = 0; j < tables[i]->count; j++) {
            const struct sim_route *route = &tables[i]->rows[j];
            if (strcmp(route->method, call->request->method) == 0 &&
                matches(route->path, path, call)) {
                return route;
            }
        }
    }
    return NULL;
}

void sim_routes_list(struct buf *json) {
    buf_text(json, "[");
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        for (size_t j = 0; j < tables[i]->count; j++) {
            const struct sim_route *route = &tables[i]->rows[j];
            buf_printf(json,
                       "%s{\"method\":\"%s\",\"path\":\"%s\",\"limit\":%" PRIu32
                       ",\"per_ms\":%" PRIu32 "}",
                       i + j > 0 ? ",\n" : "", route->method, route->path, route->limit,
                       route->per_ms);
        }
    }
    buf_text(json, "]");
}

static const char *without_prefix(const char *path) {
    static const char *const prefixes[] = {"/api/v10", "/api/v9", "/api"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t length = strlen(prefixes[i]);
        if (strncmp(path, prefixes[i], length) == 0 && path[length] == '/') {
            return path + length;
        }
    }
    return NULL;
}

/* A path that belongs to no route, as a template: it may hold ids, and tokens that nobody shall
 * read in a log. */
static void template_of(const char *path, char *out, size_t size) {
    enum { ID_DIGITS = 15, WORD_MOST = 32 };
    size_t used = 0;
    while (*path != '\0' && used + WORD_MOST + 2 < size) {
        size_t length = strcspn(path + 1, "/");
        bool id = length >= ID_DIGITS && strspn(path + 1, "0123456789") >= length;
        out[used++] = '/';
        if (id || length > WORD_MOST) {
            out[used++] = id ? '*' : ':';
        } else {
            memcpy(out + used, path + 1, length);
            used += length;
        }
        path += length + 1;
    }
    out[used] = '\0';
}

static void note(const struct sim_call *call, int status) {
    char text[SIM_TRANSCRIPT_NOTE];
    char path[256];
    template_of(call->request->path, path, sizeof(path));
    if (call->route != NULL) {
        snprintf(path, sizeof(path), "%s", call->route->path);
    }
    snprintf(text, sizeof(text), "%s %.64s %d", call->request->method, path, status);
    sim_conn_note(call->conn, '<', "request", 0, 0, text);
}

static const struct sim_fault *fault_of(struct sim_call *call, enum sim_fault_verb verb, bool use) {
    char name[160];
    if (call->sim->faults.count == 0) {
        return NULL;
    }
    snprintf(name, sizeof(name), "%s%s", call->request->method,
             call->route != NULL ? call->route->path : call->request->path);
    return sim_fault_holds_route(&call->sim->faults, verb, name, call->now_ms, use);
}

static int64_t skew_ms(struct sim_call *call) {
    const struct sim_fault *ahead = fault_of(call, SIM_FAULT_CLOCK_AHEAD, false);
    const struct sim_fault *behind = fault_of(call, SIM_FAULT_CLOCK_BEHIND, false);
    return (ahead != NULL ? (int64_t)ahead->number : 0) -
           (behind != NULL ? (int64_t)behind->number : 0);
}

/* "Date: ..." */
static void date_header(struct buf *headers, int64_t wall_ms) {
    char text[64];
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof(text), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
    buf_text(headers, text);
}

static void rate_headers(struct buf *headers, const struct sim_rate_verdict *verdict,
                         int64_t wall_ms) {
    buf_printf(headers,
               "X-RateLimit-Limit: %" PRIu32 "\r\nX-RateLimit-Remaining: %" PRIu32
               "\r\nX-RateLimit-Reset: %.3f\r\nX-RateLimit-Reset-After: %.3f\r\n"
               "X-RateLimit-Bucket: %s\r\n",
               verdict->limit, verdict->remaining,
               (double)(wall_ms + (int64_t)verdict->reset_after_ms) / 1000.0,
               (double)verdict->reset_after_ms / 1000.0, verdict->hash);
    if (verdict->scope != SIM_RATE_FINE) {
        buf_printf(headers, "X-RateLimit-Scope: %s\r\nRetry-After: %" PRIu64 "\r\n%s",
                   sim_rate_scope_name(verdict->scope), (verdict->retry_after_ms + 999) / 1000,
                   verdict->scope == SIM_RATE_GLOBAL ? "X-RateLimit-Global: true\r\n" : "");
    }
}

/* Writes the finished response, now or later. */
static void dispatch(struct sim_call *call, const struct buf *response) {
    struct sim_conn *conn = call->conn;
    const struct sim_fault *slow = fault_of(call, SIM_FAULT_REST_SLOW, true);
    if (slow == NULL) {
        buf_append(sim_wire_output(conn->wire), response->bytes, response->length);
        return;
    }
    conn->parked = true;
    conn->held_until_ms = call->now_ms + slow->number;
    buf_clear(&conn->held);
    buf_append(&conn->held, response->bytes, response->length);
}

static void count_answer(struct sim_call *call, int status,
                         const struct sim_rate_verdict *verdict) {
    struct sim *sim = call->sim;
    char name[8];
    snprintf(name, sizeof(name), "%d", status);
    sim_count_up(&sim->stats.answers, name);
    bool shared = verdict != NULL && verdict->scope == SIM_RATE_SHARED;
    if (status == 401 || status == 403 || (status == 429 && !shared)) {
        sim_rates_invalid(&sim->rates, call->now_ms);
    }
}

/* verdict: NULL on routes that were refused before the limits. */
static void finish(struct sim_call *call, int status, const struct sim_rate_ask *ask,
                   const struct sim_rate_verdict *verdict) {
    struct buf headers = {0};
    struct buf response = {0};
    int64_t wall_ms = (int64_t)call->wall_ms + skew_ms(call);
    date_header(&headers, wall_ms);
    if (verdict != NULL) {
        rate_headers(&headers, verdict, wall_ms);
        /* Whatever lies unread was sent without knowing this answer. */
        sim_rates_told(&call->sim->rates, ask, verdict,
                       sim_wire_input(call->conn->wire)->length == 0);
    }
    sim_http_respond(&response, status, headers.bytes, NULL, call->out->bytes, call->out->length);
    count_answer(call, status, verdict);
    note(call, status);
    dispatch(call, &response);
    buf_finish(&headers);
    buf_finish(&response);
}

static void answer_ban(struct sim_call *call) {
    static const char page[] =
        "<!doctype html><html><head><title>Access denied | drey sim used Cloudflare to restrict "
        "access</title></head><body><h1>Error 1015</h1><p>You are being rate limited.</p></body>"
        "</html>\n";
    struct buf response = {0};
    sim_http_respond_edge(&response, 429, "Retry-After: 600\r\n", "text/html; charset=UTF-8", page,
                          strlen(page));
    sim_count_up(&call->sim->stats.refusals, "ban");
    sim_count_up(&call->sim->stats.answers, "429");
    note(call, 429);
    dispatch(call, &response);
    buf_finish(&response);
}

/* The path's first id, with the token where it belongs to it. */
static uint64_t major_of(const struct sim_call *call) {
    uint64_t major = call->ids[0];
    if ((call->route->marks & SIM_ROUTE_TOKEN) != 0) {
        major ^= text_hash(call->words[0], strlen(call->words[0]));
    }
    return major;
}

static void refuse(struct sim_call *call, const struct sim_rate_ask *ask,
                   const struct sim_rate_verdict *verdict) {
    bool global = verdict->scope == SIM_RATE_GLOBAL;
    sim_count_up(&call->sim->stats.refusals, sim_rate_scope_name(verdict->scope));
    if (verdict->avoidable) {
        sim_breach(call->sim, SIM_BREACH_rest_avoidable_429);
    }
    buf_clear(call->out);
    buf_printf(call->out, "{\"message\":\"%s\",\"retry_after\":%.3f,\"global\":%s,\"code\":0}",
               verdict->scope == SIM_RATE_SHARED ? "The resource is being rate limited."
                                                 : "You are being rate limited.",
               (double)verdict->retry_after_ms / 1000.0, global ? "true" : "false");
    finish(call, 429, ask, verdict);
}

static struct sim_rate_verdict ask_limits(struct sim_call *call, const struct sim_rate_ask *ask) {
    const struct sim_fault *forced = fault_of(call, SIM_FAULT_REST_LIMITED, true);
    const struct sim_fault *wait = fault_of(call, SIM_FAULT_REST_WAIT, false);
    enum sim_rate_scope scope = SIM_RATE_FINE;
    if (forced != NULL) {
        scope = strcmp(forced->text, "user") == 0     ? SIM_RATE_USER
                : strcmp(forced->text, "global") == 0 ? SIM_RATE_GLOBAL
                                                      : SIM_RATE_SHARED;
    }
    return sim_rates_take(&call->sim->rates, ask, scope,
                          wait != NULL ? wait->number : RETRY_MS / call->sim->options.time_scale);
}

static int bad_type(struct sim_call *call) {
    struct sim_problems problems = {0};
    const struct sim_where top = {""};
    sim_problem(&problems, &top, "", "CONTENT_TYPE_INVALID",
                "Expected \"Content-Type\" header to be one of {'application/json', "
                "'multipart/form-data'}.");
    return sim_fail_form(call, &problems);
}

static int read_json(struct sim_call *call, const char *text, size_t length) {
    struct buf exact = {0};
    if (text_utf8_valid(text, length) && sim_quote_long_numbers(&exact, text, length)) {
        call->body = sim_parse_buf(&exact);
    }
    buf_finish(&exact);
    return call->body != NULL
               ? 0
               : sim_fail(call, 400, 50109, "The request body contains invalid JSON.");
}

static int read_parts(struct sim_call *call) {
    const struct sim_request *request = call->request;
    struct err err = {0};
    int status = 0;
    if (!sim_multipart_read(request->content_type, request->body, request->body_length, call->parts,
                            &call->part_count, &err)) {
        call->part_count = 0;
        return sim_fail(call, 400, 50035, "Invalid Form Body");
    }
    for (size_t i = 0; i < call->part_count && status == 0; i++) {
        const struct sim_part *part = &call->parts[i];
        if (strcmp(part->name, "payload_json") == 0 && call->body == NULL) {
            status = read_json(call, part->bytes, part->length);
        } else if (part->filename[0] != '\0' && part->length > SIM_FILE_MOST) {
            status = sim_fail(call, 413, 40005, "Request entity too large");
        }
    }
    return status;
}

/* 0, or the status of what is wrong with the body (answered). */
static int read_body(struct sim_call *call) {
    const struct sim_request *request = call->request;
    if (request->body_length == 0 || strcmp(request->method, "GET") == 0) {
        return 0;
    }
    if (strncmp(request->content_type, "application/json", 16) == 0) {
        return read_json(call, request->body, request->body_length);
    }
    return sim_multipart_is(request->content_type) ? read_parts(call) : bad_type(call);
}

/* The place that the path names first, if the route needs permissions there. */
static int check_permissions(struct sim_call *call) {
    const struct sim_route *route = call->route;
    struct sim_place place = {0};
    if (route->needs == 0 || call->sim->denials == NULL) {
        return 0;
    }
    if (strncmp(route->path, "/guilds/", 8) == 0) {
        place.guild = sim_world_guild(call->sim->world, call->ids[0]);
    } else if (!sim_find_place(call->sim, call->bot, call->ids[0], &place)) {
        return 0; /* the route will say that there is none */
    }
    return sim_call_may(call, &place, route->needs) ? 0 : 403;
}

static int carry_out(struct sim_call *call) {
    int status = read_body(call);
    const struct sim_fault *fault = fault_of(call, SIM_FAULT_REST_STATUS, true);
    if (status == 0 && fault != NULL) {
        char message[64];
        status = (int)fault->number;
        snprintf(message, sizeof(message), "%d: as asked for", status);
        return sim_fail(call, status, status == 403 ? 50013 : 0,
                        status == 403 ? "Missing Permissions" : message);
    }
    status = status == 0 ? check_permissions(call) : status;
    return status == 0 ? call->route->run(call) : status;
}

static int unauthorized(struct sim_call *call) {
    sim_breach(call->sim, SIM_BREACH_rest_without_auth);
    return sim_fail(call, 401, 0, "401: Unauthorized");
}

static void run_route(struct sim_call *call) {
    struct sim *sim = call->sim;
    const struct sim_route *route = call->route;
    char name[160];
    snprintf(name, sizeof(name), "%s %s", route->method, route->path);
    sim_count_up(&sim->stats.routes, name);
    if (strncmp(call->request->user_agent, "DiscordBot (", 12) != 0) {
        sim_breach(sim, SIM_BREACH_rest_bad_user_agent); /* counted; Cloudflare might block it */
    }
    if ((route->marks & SIM_ROUTE_OPEN) == 0) {
        bool bot = strncmp(call->request->authorization, "Bot ", 4) == 0;
        call->bot = bot ? sim_bot_find(sim, call->request->authorization) : NULL;
        if (call->bot == NULL) {
            finish(call, unauthorized(call), NULL, NULL);
            return;
        }
    }
    struct sim_rate_ask ask = {.bot = call->bot != NULL ? call->bot->number : 0,
                               .conn = call->conn->number,
                               .route = name,
                               .major = major_of(call),
                               .limit = route->limit,
                               .per_ms = route->per_ms,
                               .exempt = (route->marks & SIM_ROUTE_EXEMPT) != 0,
                               .now_ms = call->now_ms};
    struct sim_rate_verdict verdict = ask_limits(call, &ask);
    if (verdict.scope != SIM_RATE_FINE) {
        refuse(call, &ask, &verdict);
        return;
    }
    int status = carry_out(call);
    if (call->conn->wire == NULL) {
        return; /* what was done ended this very connection */
    }
    if (fault_of(call, SIM_FAULT_REST_LOSE, true) != NULL) {
        note(call, 0);
        sim_conn_end(call->conn, true);
        return;
    }
    finish(call, status, &ask, &verdict);
}

static void answer_missing(struct sim_call *call, const char *path) {
    char name[300];
    char plain[256];
    template_of(path, plain, sizeof(plain));
    snprintf(name, sizeof(name), "%s %s", call->request->method, plain);
    sim_count_up(&call->sim->stats.unimplemented, name);
    buf_text(call->out, "{\"code\":0,\"message\":\"drey sim does not implement ");
    buf_json_text(call->out, name, strlen(name));
    buf_text(call->out, "\"}");
    finish(call, 501, NULL, NULL);
}

static bool method_known(const char *method) {
    static const char *const known[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i], method) == 0) {
            return true;
        }
    }
    return false;
}

static void answer_call(struct sim_call *call) {
    const char *path = without_prefix(call->request->path);
    if (!method_known(call->request->method)) {
        bool head = strcmp(call->request->method, "HEAD") == 0;
        const char *body = head ? "" : "{\"message\":\"405: Method Not Allowed\",\"code\":0}";
        sim_http_respond(sim_wire_output(call->conn->wire), 405,
                         "Allow: GET, POST, PUT, PATCH, DELETE\r\n", NULL, body, strlen(body));
        return;
    }
    if (path == NULL) {
        sim_answer(call->conn, 404, "{\"message\":\"404: Not Found\",\"code\":0}");
        return;
    }
    call->route = find_route(path, call);
    if (sim_rates_banned(&call->sim->rates, call->now_ms) ||
        fault_of(call, SIM_FAULT_REST_BAN, true) != NULL) {
        answer_ban(call);
    } else if (fault_of(call, SIM_FAULT_REST_DROP, true) != NULL) {
        note(call, 0);
        sim_conn_end(call->conn, true);
    } else if (fault_of(call, SIM_FAULT_BUSY_REST, true) != NULL) {
        sim_fail(call, 503, 0, "503: Service Unavailable");
        finish(call, 503, NULL, NULL);
    } else if (call->route == NULL) {
        answer_missing(call, path);
    } else {
        run_route(call);
    }
}

void sim_rest_answer(struct sim_conn *conn, const struct sim_request *request) {
    struct buf json = {0};
    struct sim_call *call = calloc(1, sizeof(*call)); /* too large for comfort on the stack */
    if (call == NULL) {
        sim_answer(conn, 500, "{\"message\":\"500: no memory\",\"code\":0}");
        return;
    }
    call->sim = conn->sim;
    call->conn = conn;
    call->request = request;
    call->out = &json;
    call->now_ms = loop_now_ms(conn->sim->loop);
    call->wall_ms = clock_wall_ms();
    answer_call(call);
    cJSON_Delete(call->body);
    free(call);
    buf_finish(&json);
}
