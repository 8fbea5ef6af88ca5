/* base/err.c: formats and prefixes error texts. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void err_clear(struct err *err) {
    if (err != NULL) {
        err->code = ERR_NONE;
        err->text[0] = '\0';
    }
}

bool err_set(struct err *err, enum err_code code, const char *format, ...) {
    if (err == NULL) {
        return false;
    }
    err->code = code;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return false;
}

static enum err_code code_of(int number) {
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
        return ERR_SHORT;
    default:
        return ERR_SYSTEM;
    }
}

bool err_system(struct err *err, const char *format, ...) {
    int saved = errno;
    if (err == NULL) {
        return false;
    }
    err->code = code_of(saved);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    size_t used = strlen(err->text);
    char reason[128];
    (void)snprintf(err->text + used, sizeof(err->text) - used, ": %s",
                   strerror_r(saved, reason, sizeof(reason)));
    errno = saved;
    return false;
}

bool err_prefix(struct err *err, const char *format, ...) {
    if (err == NULL) {
        return false;
    }
    char below[sizeof(err->text)];
    memcpy(below, err->text, sizeof(below));
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    size_t used = strlen(err->text);
    size_t room = sizeof(err->text) - used - 1;
    size_t kept = strlen(below) + 2 <= room ? strlen(below) : room > 2 ? room - 2 : 0;
    if (room > 2) {
        memcpy(err->text + used, ": ", 2);
        memcpy(err->text + used + 2, below, kept);
        err->text[used + 2 + kept] = '\0';
    }
    return false;
}

bool err_is_shortage(const struct err *err) {
    return err->code == ERR_SHORT || err->code == ERR_NO_MEMORY;
}
