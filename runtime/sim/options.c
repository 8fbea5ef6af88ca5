/* sim/options.c: the options of `drey sim`. Pure. */
#include "sim/options.h"

#include "base/buf.h"
#include "base/text.h"
#include "sim/events.h"

#include <stdlib.h>
#include <string.h>

enum type { TEXT, NUMBER, BYTES, FLAG, TOKEN, PRIVILEGED };

#define FIELD(name) offsetof(struct sim_options, name)

static const struct option {
    const char *name;
    const char *value; /* how it is shown, "" for flags */
    enum type type;
    size_t field;
    uint64_t least;
    uint64_t most;
    const char *help;
} table[] = {
    {"--listen", "HOST:PORT", TEXT, FIELD(listen), 0, 0,
     "REST, gateway and control (default 127.0.0.1:7070; port 0: any free one)"},
    {"--tls-listen", "HOST:PORT", TEXT, FIELD(tls_listen), 0, 0, "the same over TLS"},
    {"--resume-listen", "HOST:PORT", TEXT, FIELD(resume_listen), 0, 0,
     "what READY's resume_gateway_url names (default 127.0.0.1:0)"},
    {"--tls-dir", "DIR", TEXT, FIELD(tls_dir), 0, 0,
     "where ca.pem, server.pem and server.key are made or reused"},
    {"--rate", "N", NUMBER, FIELD(rate), 0, 1000000, "events per second in the world (default 0)"},
    {"--seed", "N", NUMBER, FIELD(seed), 0, UINT64_MAX, "of the world (default 42)"},
    {"--guilds", "N", NUMBER, FIELD(guilds), 0, 1000000, "how many (default 20)"},
    {"--members", "N", NUMBER, FIELD(members), 2, 100000, "of each guild (default 40)"},
    {"--shards", "N", NUMBER, FIELD(shards), 1, 10000, "recommended by /gateway/bot (default 1)"},
    {"--heartbeat-interval", "MS", NUMBER, FIELD(heartbeat_ms), 100, 3600000,
     "of HELLO (default 41250)"},
    {"--max-concurrency", "N", NUMBER, FIELD(max_concurrency), 1, 1024,
     "identifies per 5 s (default 1)"},
    {"--session-limit", "N", NUMBER, FIELD(session_limit), 1, 1000000,
     "session starts per day (default 1000)"},
    {"--session-limit-reset", "MS", NUMBER, FIELD(session_limit_ms), 1, 86400000,
     "after which the session starts are counted anew (default a day)"},
    {"--session-timeout", "MS", NUMBER, FIELD(session_ms), 1, 86400000,
     "how long a session waits for RESUME (default 180000)"},
    {"--replay", "N", NUMBER, FIELD(replay_count), 1, 10000000,
     "events kept for one session (default 50000)"},
    {"--replay-memory", "BYTES", BYTES, FIELD(replay_bytes), 1 << 16, UINT64_C(1) << 40,
     "kept for all sessions together (default 512M)"},
    {"--time-scale", "N", NUMBER, FIELD(time_scale), 1, 1000,
     "heartbeats, limits and session life run this much faster (default 1)"},
    {"--privileged", "LIST", PRIVILEGED, FIELD(privileged), 0, 0,
     "approved intents: all, none or names (default all)"},
    {"--global-limit", "N", NUMBER, FIELD(global_limit), 0, 1000000,
     "REST requests per second of one bot (default 50, 0: none)"},
    {"--interaction-deadline", "MS", NUMBER, FIELD(answer_ms), 1, 3600000,
     "for the first answer to an interaction (default 3000)"},
    {"--interaction-life", "MS", NUMBER, FIELD(answers_ms), 1, 86400000,
     "how long an interaction's token lives (default 900000)"},
    {"--no-limits", "", FLAG, FIELD(no_limits), 0, 0, "no REST rate limits at all"},
    {"--web", "", FLAG, FIELD(web), 0, 0, "serves a chat to look at, at / of the same address"},
    {"--token", "T", TOKEN, FIELD(tokens), 0, 0,
     "accept only this token; may be repeated (default: any)"},
    {"--transcript", "FILE", TEXT, FIELD(transcript), 0, 0, "write every payload's line there"},
    {"--ready-file", "FILE", TEXT, FIELD(ready_file), 0, 0,
     "write the addresses there as JSON once listening"},
    {"--json", "", FLAG, FIELD(json), 0, 0, "print the addresses as one line of JSON"},
    {"--help", "", FLAG, FIELD(help), 0, 0, "this text"},
};

enum { OPTIONS = sizeof(table) / sizeof(table[0]) };

static void *field(struct sim_options *options, const struct option *option) {
    return (char *)options + option->field;
}

static const struct option *find(const char *name, size_t length, struct err *err) {
    const char *names[OPTIONS];
    char word[64];
    for (size_t i = 0; i < OPTIONS; i++) {
        names[i] = table[i].name;
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) {
            return &table[i];
        }
    }
    size_t cut = length < sizeof(word) - 1 ? length : sizeof(word) - 1;
    memcpy(word, name, cut);
    word[cut] = '\0';
    const char *nearest = text_nearest(word, names, OPTIONS);
    err_set(err, ERR_INVALID, "unknown option '%s'%s%s%s", word,
            nearest != NULL ? ", did you mean '" : "", nearest != NULL ? nearest : "",
            nearest != NULL ? "'?" : "");
    return NULL;
}

static bool set_privileged(const char *value, uint64_t *bits, struct err *err) {
    char copy[128];
    *bits = 0;
    if (strcmp(value, "all") == 0) {
        *bits = SIM_INTENTS_PRIVILEGED;
        return true;
    }
    if (strcmp(value, "none") == 0) {
        return true;
    }
    if (!text_copy(copy, sizeof(copy), value)) {
        return err_set(err, ERR_INVALID, "--privileged: too long");
    }
    char *state = NULL;
    for (char *name = strtok_r(copy, ",", &state); name != NULL;
         name = strtok_r(NULL, ",", &state)) {
        int bit = sim_privileged_bit(name);
        if (bit < 0) {
            return err_set(err, ERR_INVALID,
                           "--privileged: '%s' is none of GUILD_MEMBERS, GUILD_PRESENCES, "
                           "MESSAGE_CONTENT, all, none",
                           name);
        }
        *bits |= SIM_INTENT(bit);
    }
    return true;
}

static bool set(struct sim_options *options, const struct option *option, const char *value,
                struct err *err) {
    uint64_t number = 0;
    switch (option->type) {
    case FLAG:
        *(bool *)field(options, option) = true;
        return true;
    case TEXT:
        *(const char **)field(options, option) = value;
        return true;
    case TOKEN:
        if (options->token_count == SIM_TOKENS_MOST) {
            return err_set(err, ERR_LIMIT, "more than %d --token", SIM_TOKENS_MOST);
        }
        options->tokens[options->token_count++] = value;
        return true;
    case PRIVILEGED:
        return set_privileged(value, field(options, option), err);
    case NUMBER:
    case BYTES:
        if (!(option->type == BYTES ? text_bytes(value, &number) : text_u64(value, &number)) ||
            number < option->least || number > option->most) {
            return err_set(err, ERR_INVALID, "%s %s: not a number from %llu to %llu", option->name,
                           value, (unsigned long long)option->least,
                           (unsigned long long)option->most);
        }
        *(uint64_t *)field(options, option) = number;
        return true;
    }
    return false;
}

bool sim_options_parse(int argc, char **argv, struct sim_options *options, struct err *err) {
    *options = (struct sim_options){.listen = "127.0.0.1:7070",
                                    .resume_listen = "127.0.0.1:0",
                                    .seed = 42,
                                    .guilds = 20,
                                    .members = 40,
                                    .heartbeat_ms = 41250,
                                    .max_concurrency = 1,
                                    .session_limit = 1000,
                                    .session_limit_ms = 86400000,
                                    .shards = 1,
                                    .session_ms = 180000,
                                    .replay_count = 50000,
                                    .replay_bytes = UINT64_C(512) << 20,
                                    .time_scale = 1,
                                    .global_limit = 50,
                                    .answer_ms = 3000,
                                    .answers_ms = 900000,
                                    .privileged = SIM_INTENTS_PRIVILEGED};
    for (int i = 0; i < argc; i++) {
        const char *equals = strchr(argv[i], '=');
        size_t length = equals != NULL ? (size_t)(equals - argv[i]) : strlen(argv[i]);
        const struct option *option = find(argv[i], length, err);
        if (option == NULL) {
            return false;
        }
        const char *value = equals != NULL ? equals + 1 : "";
        if (option->type == FLAG && equals != NULL) {
            return err_set(err, ERR_INVALID, "%s takes no value", option->name);
        }
        if (option->type != FLAG && equals == NULL) {
            if (i + 1 == argc) {
                return err_set(err, ERR_INVALID, "%s needs %s", option->name, option->value);
            }
            value = argv[++i];
        }
        if (!set(options, option, value, err)) {
            return false;
        }
    }
    return true;
}

bool sim_options_help(struct buf *out) {
    bool fine = true;
    for (size_t i = 0; i < OPTIONS; i++) {
        char left[48];
        size_t used = 0;
        left[0] = '\0';
        text_copy(left, sizeof(left), table[i].name);
        used = strlen(left);
        left[used] = ' ';
        text_copy(left + used + 1, sizeof(left) - used - 1, table[i].value);
        fine = fine && buf_printf(out, "  %-28s %s\n", left, table[i].help);
    }
    return fine;
}

bool sim_host_port(const char *text, char *host, size_t size, uint16_t *port, struct err *err) {
    const char *colon = strrchr(text, ':');
    uint64_t number;
    if (colon == NULL || colon == text || !text_u64(colon + 1, &number) || number > 65535) {
        return err_set(err, ERR_INVALID, "'%s' is not HOST:PORT", text);
    }
    size_t length = (size_t)(colon - text);
    if (text[0] == '[' && colon[-1] == ']') {
        text++;
        length -= 2;
    }
    if (length >= size) {
        return err_set(err, ERR_INVALID, "'%s': host too long", text);
    }
    memcpy(host, text, length);
    host[length] = '\0';
    *port = (uint16_t)number;
    return true;
}
