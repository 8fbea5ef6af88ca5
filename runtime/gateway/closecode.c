/* gateway/closecode.c: the table of close codes. */
#include "gateway/closecode.h"

/* libwebsockets 4.1 shows 1012-1014 and 1016-2999 as 1002, so 1002 may be anything: resume. */
static const struct close_row rows[] = {
    {0, "none", CLOSE_RESUME, false, "the connection ended without a close code", ""},
    {1000, "normal closure", CLOSE_RESUME, false, "the server closed the connection", ""},
    {1001, "going away", CLOSE_RESUME, false, "the server is going away", ""},
    {1002, "protocol error", CLOSE_RESUME, false,
     "a protocol error, or a code that could not be read", ""},
    {1003, "unsupported data", CLOSE_RESUME, true, "the server refused a kind of message", ""},
    {1005, "no status", CLOSE_RESUME, false, "the connection was closed without a code", ""},
    {1006, "abnormal closure", CLOSE_RESUME, false, "the connection broke", ""},
    {1007, "invalid payload", CLOSE_RESUME, true, "the server found bad text in a message", ""},
    {1008, "policy violation", CLOSE_RESUME, false, "the server closed by policy", ""},
    {1009, "message too big", CLOSE_RESUME, true, "the server found a message too big", ""},
    {1011, "internal error", CLOSE_RESUME, false, "the server had an internal error", ""},
    {1012, "service restart", CLOSE_RESUME, false, "the server restarts", ""},
    {1013, "try again later", CLOSE_RESUME, false, "the server is overloaded", ""},
    {1014, "bad gateway", CLOSE_RESUME, false, "a proxy lost the server", ""},
    {4000, "unknown error", CLOSE_RESUME, false, "Discord does not know what went wrong", ""},
    {4001, "unknown opcode", CLOSE_RESUME, true, "Discord did not know an opcode we sent",
     "please report this as a bug of drey"},
    {4002, "decode error", CLOSE_RESUME, true, "Discord could not read a message we sent",
     "please report this as a bug of drey"},
    {4003, "not authenticated", CLOSE_IDENTIFY, true, "a message was sent before IDENTIFY", ""},
    {4004, "authentication failed", CLOSE_FATAL, false, "Discord refused the token",
     "copy the token anew from the Discord developer portal (Bot, Reset Token) into this bot's "
     "token, token_file or token_env"},
    {4005, "already authenticated", CLOSE_IDENTIFY, true, "IDENTIFY was sent twice", ""},
    {4007, "invalid seq", CLOSE_IDENTIFY, false, "the session's sequence number was not known", ""},
    {4008, "rate limited", CLOSE_RESUME_LATER, true, "too many messages were sent", ""},
    {4009, "session timed out", CLOSE_RESUME_ONCE, false, "the session timed out", ""},
    {4010, "invalid shard", CLOSE_FATAL, false, "Discord refused the shard numbers",
     "check `shards`: ids run from 0 to TOTAL-1, and a large bot's TOTAL is a multiple of the "
     "number Discord gives"},
    {4011, "sharding required", CLOSE_FATAL, false,
     "the bot is in too many guilds for this many shards (2,500 per shard)",
     "set `shards = auto` or a larger number"},
    {4012, "invalid API version", CLOSE_FATAL, false, "Discord no longer speaks this API version",
     "install a newer drey"},
    {4013, "invalid intents", CLOSE_FATAL, false, "Discord does not know one of the intents",
     "check the number in `intents`; names are safer"},
    {4014, "disallowed intents", CLOSE_FATAL, false,
     "a privileged intent is not enabled for this bot",
     "enable it in the Discord developer portal (Bot, Privileged Gateway Intents) or take "
     "GUILD_MEMBERS, GUILD_PRESENCES and MESSAGE_CONTENT out of `intents`"},
};

static const struct close_row unknown = {
    0, "unknown", CLOSE_RESUME, false, "the connection was closed with an unknown code", ""};

const struct close_row *close_find(unsigned code) {
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].code == code) {
            return &rows[i];
        }
    }
    return &unknown;
}

const struct close_row *close_row(size_t row) {
    return row < sizeof(rows) / sizeof(rows[0]) ? &rows[row] : NULL;
}
