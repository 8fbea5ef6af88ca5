/* base/err.h: what went wrong, in words that travel upwards.
 * Who detects an error sets it, who knows more prefixes it, only the top logs it.
 * A struct err is the caller's memory; every function accepts NULL. [any thread] */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

enum err_code {
    ERR_NONE,
    ERR_NO_MEMORY,
    ERR_SYSTEM,   /* a system call failed; the text ends in strerror */
    ERR_SHORT,    /* as ERR_SYSTEM, for want of disk, memory, descriptors or processes: try again */
    ERR_INVALID,  /* input from outside is malformed */
    ERR_LIMIT,    /* a bound of ours or of Discord's was reached */
    ERR_CONFIG,   /* the operator's configuration is wrong: exit status 78 */
    ERR_AUTH,     /* Discord refused the token: exit status 77 */
    ERR_NETWORK,  /* the other side cannot be reached: try again */
    ERR_PLUGIN,   /* a plugin was refused */
    ERR_PROTOCOL, /* the other side broke its protocol */
    ERR_BUSY,     /* somebody else holds it (lock, reload under way) */
    ERR_NOT_FOUND,
    ERR_EXISTS, /* there is one already */
};

struct err {
    enum err_code code;
    char text[512];
};

/* Both return false, so that `return err_set(...)` reads well. Text is cut, never overrun. */
bool err_set(struct err *err, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As err_set with ERR_SYSTEM or ERR_SHORT; appends ": " and the text of errno. */
bool err_system(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts "TEXT: " before the text that is there. */
bool err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
void err_clear(struct err *err);
/* Whether it is for want of something that may be there later: the asker is not at fault. */
bool err_is_shortage(const struct err *err);

#endif
