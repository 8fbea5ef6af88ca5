/* poll/poll.c: /poll asks a question, with up to four answers as buttons, and counts live.
 *
 * The votes stand in the message itself: a button's custom_id carries its count ("poll:2:17" is the
 * third answer with 17 votes). So the buttons of a year ago still work, after any reload or
 * restart, and the plugin keeps nothing. The price: whoever likes may vote again, and of two votes
 * in the same moment one may be lost. */
#include <drey/drey.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWERS_MAX = 4, MESSAGE_MAX = 16 * 1024 };

struct answer {
    const char *text; /* of the event: for this call only */
    uint64_t votes;
};

/* Appends a piece of JSON; what does not fit leaves the text without its end, which Discord's own
 * limits prevent: see the lengths in init(). */
static void add(char *out, const char *piece) {
    size_t used = strlen(out);
    snprintf(out + used, MESSAGE_MAX - used, "%s", piece != NULL ? piece : "");
}

/* The message with a button for each answer, into out (MESSAGE_MAX bytes). drey_write() makes whole
 * values, each escaped; an array of them is put together here. */
static void write_poll(drey_ctx *ctx, const char *question, const struct answer *answers,
                       size_t count, char *out) {
    out[0] = '\0';
    add(out, "{\"content\":");
    add(out, drey_write(ctx, "%s", question));
    add(out, ",\"allowed_mentions\":{\"parse\":[]},"
             "\"components\":[{\"type\":1,\"components\":[");
    for (size_t i = 0; i < count; i++) {
        char label[128];
        snprintf(label, sizeof(label), "%" PRIu64 "  ", answers[i].votes);
        add(out, i > 0 ? "," : "");
        add(out,
            drey_write(ctx,
                       "{'type': 2, 'style': 2, 'label': '%s%s', "
                       "'custom_id': 'poll:%zu:%" PRIu64 "'}",
                       answers[i].votes > 0 ? label : "", answers[i].text, i, answers[i].votes));
    }
    add(out, "]}]}");
}

static void on_poll(drey_ctx *ctx, const drey_event *ev) {
    static const char *const names[ANSWERS_MAX] = {"first", "second", "third", "fourth"};
    struct answer answers[ANSWERS_MAX];
    char out[MESSAGE_MAX];
    size_t count = 0;
    for (size_t i = 0; i < ANSWERS_MAX; i++) {
        const char *text = drey_option_str(ev, names[i]);
        if (*text != '\0') {
            answers[count++] = (struct answer){text, 0};
        }
    }
    write_poll(ctx, drey_option_str(ev, "question"), answers, count, out);
    drey_reply(ev, out);
}

/* The label without the count that write_poll() put before it. */
static const char *plain_label(const char *label, uint64_t votes) {
    char count[32];
    size_t length = (size_t)snprintf(count, sizeof(count), "%" PRIu64 "  ", votes);
    return votes > 0 && strncmp(label, count, length) == 0 ? label + length : label;
}

/* Somebody pressed a button: reads the poll out of the message it stands in, counts, writes it
 * anew. */
static void on_vote(drey_ctx *ctx, const drey_event *ev) {
    struct answer answers[ANSWERS_MAX];
    char out[MESSAGE_MAX];
    size_t count = 0;
    const char *pressed = drey_str(ev, "data.custom_id");
    DREY_EACH(ctx, button, drey_get(ev, "message.components.0.components")) {
        const char *custom_id = drey_json_str(ctx, button, "custom_id");
        const char *colon = strrchr(custom_id, ':');
        if (colon == NULL || count == ANSWERS_MAX) {
            break;
        }
        uint64_t votes = strtoull(colon + 1, NULL, 10);
        answers[count].text = plain_label(drey_json_str(ctx, button, "label"), votes);
        answers[count++].votes = votes + (strcmp(custom_id, pressed) == 0 ? 1 : 0);
    }
    write_poll(ctx, drey_str(ev, "message.content"), answers, count, out);
    drey_update(ev, out);
}

static int init(drey_ctx *ctx) {
    int result = drey_on_interaction(ctx, DREY_COMPONENT, "poll:", NULL, on_vote);
    if (result < 0) {
        return result;
    }
    return drey_command(
        ctx,
        "{'name': 'poll', 'description': 'Asks the channel', 'options': ["
        "{'type': 3, 'name': 'question', 'description': 'What to ask', 'required': true,"
        " 'max_length': 1500},"
        "{'type': 3, 'name': 'first', 'description': 'An answer', 'required': true,"
        " 'max_length': 60},"
        "{'type': 3, 'name': 'second', 'description': 'Another', 'required': true,"
        " 'max_length': 60},"
        "{'type': 3, 'name': 'third', 'description': 'A third', 'max_length': 60},"
        "{'type': 3, 'name': 'fourth', 'description': 'A fourth', 'max_length': 60}]}",
        NULL, on_poll);
}

DREY_PLUGIN("poll", "1.0.0", init)
