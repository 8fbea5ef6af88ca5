/* rest/call.h: a call to Discord's HTTP API, as plugins and the host make it, and what becomes of
 * it. Only what it looks like; rest.h takes calls. Pure. [any thread] */
#ifndef REST_CALL_H
#define REST_CALL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a call may be at most; more is refused by rest_submit(). */
enum {
    REST_CALL_PATH_MAX = 2048,              /* bytes, with the query */
    REST_CALL_BODY_MAX = 4 * 1024 * 1024,   /* bytes of JSON, or of a form */
    REST_CALL_FILES_MAX = 16,               /* parts beside payload_json; Discord takes 10 files */
    REST_CALL_FILE_MAX = 512 * 1024 * 1024, /* bytes of one file; Discord's own limit is lower */
    REST_CALL_FILE_NAME_MAX = 255,          /* bytes */
    REST_CALL_REASON_MAX = 512,             /* characters */
    REST_CALL_DEADLINE_DEFAULT_MS = 60 * 1000,
    REST_CALL_DEADLINE_MAX_MS = 15 * 60 * 1000,
};

enum rest_method {
    REST_GET,
    REST_POST,
    REST_PUT,
    REST_PATCH,
    REST_DELETE,
};

enum rest_content {
    REST_CONTENT_NONE,      /* no body; files must be 0 too */
    REST_CONTENT_JSON,      /* body: one JSON value, sent as it is */
    REST_CONTENT_MULTIPART, /* form-data: body (may be empty) as payload_json, then the files */
    REST_CONTENT_FORM,      /* body: application/x-www-form-urlencoded, made by the caller */
};

/* One part of a multipart body: bytes != NULL, or a descriptor. */
struct rest_file {
    const char *field; /* the part's name; NULL: "files[N]", N counting from 0 */
    const char *name;  /* the file's name; NULL: a plain field of a form, as stickers have */
    const char *type;  /* "image/png"; NULL: application/octet-stream (plain fields: none) */
    const void *bytes; /* copied */
    size_t length;     /* of bytes */
    /* Of a regular file (or memfd) when bytes is NULL: duplicated. Read as it is sent, size bytes
     * from offset on, without moving its position, and again for every new try; a file that has
     * become shorter meanwhile ends the call with REST_END_FAILED. */
    int fd;
    uint64_t offset;
    uint64_t size;
};

struct rest_answer;
/* A call has ended. Called exactly once for each call that rest_submit() took, never from within
 * rest_submit(). answer: borrowed for the call. May submit and cancel. [REST thread] */
typedef void rest_answer_fn(void *arg, const struct rest_answer *answer);

/* A request of a plugin, or of the host itself. Everything is copied. */
struct rest_call {
    uint32_t bot;           /* of rest_bot_open() */
    uint64_t owner;         /* who asks: counts, bounds and rest_cancel_owner() go by this */
    const char *owner_name; /* for the log and for errors: "plugin ping" */
    enum rest_method method;
    /* Behind rest_url, from the first '/' on, with the query if any: "/channels/1/messages". Not
     * trusted: no host, no "..", no control bytes, no fragment, only what a URL may have. */
    const char *path;
    enum rest_content content;
    const void *body;
    size_t body_length;
    const struct rest_file *files;
    size_t file_count;
    const char *reason; /* for the audit log, UTF-8; NULL: none */
    /* The body has `nonce` and `enforce_nonce`, so a second try cannot have a second effect.
     * Without it a POST is never sent again once its bytes may have left. */
    bool has_nonce;
    /* Goes ahead of everything of its bot that is not urgent. Answers to interactions
     * (/interactions/:id/:token/callback) go ahead of all, and find a free connection always. */
    bool urgent;
    uint32_t deadline_ms; /* for everything from now on, waiting included; 0: the default */
    rest_answer_fn *done;
    void *arg;       /* must outlive the call */
    uint64_t cookie; /* comes back with the answer */
};

enum rest_end {
    REST_END_ANSWERED,  /* Discord has answered: status says what */
    REST_END_NETWORK,   /* no answer, and no further try allowed */
    REST_END_DEADLINE,  /* its time is over */
    REST_END_CANCELLED, /* rest_cancel(), rest_cancel_owner() */
    REST_END_TOKEN,     /* the bot's token was refused: nothing is sent with it any more */
    REST_END_REFUSED,   /* this owner has caused too many invalid requests */
    REST_END_STOPPED,   /* the bot was closed, or drey stopped, before there was an answer */
    REST_END_FAILED,    /* on this side: memory, a file that shrank, an answer that is too large */
};

struct rest_answer {
    uint64_t id; /* as rest_submit() told it */
    uint32_t bot;
    uint64_t owner;
    uint64_t cookie;
    enum rest_end end;
    long status;      /* 0 unless end is REST_END_ANSWERED */
    const char *body; /* never NULL, followed by a NUL */
    size_t length;
    /* There is no answer, but Discord may have seen the request and carried it out. */
    bool uncertain;
    unsigned tries;        /* how often it was sent */
    uint64_t waited_ms;    /* from rest_submit() until it was sent for the last time, or ended */
    uint64_t took_ms;      /* from there to the end; 0 when it was never sent */
    const char *route;     /* "/channels/:id/messages": for metrics and logs */
    const struct err *err; /* a sentence for whoever called; code ERR_NONE when status is 2xx */
};

/* Whether the call obeys the rules of this file and its body is well-formed; err names the rule
 * that is broken. Files are not looked into. */
bool rest_call_check(const struct rest_call *call, struct err *err);
/* "POST". */
const char *rest_method_name(enum rest_method method);

#endif
