/* plugin/template.c: one pass over the template, then one over the result. */
#include "plugin/template.h"

#include "plugin/path.h"

#include <stdint.h>
#include <string.h>
#include <sys/types.h>

struct writer {
    struct buf *out;
    const char *at;
    char quote;  /* of the string we are in: ' or ", else NUL */
    bool enough; /* there was memory for everything so far */
    bool plain;  /* % is a letter like any other */
    va_list args;
};

/* What stands between % and the conversion letter. */
struct conversion {
    long precision; /* -1: none */
    char size[3];   /* "", "h", "hh", "l", "ll", "z", "j" */
    char letter;
};

static void put(struct writer *writer, const char *bytes, size_t length) {
    writer->enough = buf_append(writer->out, bytes, length) && writer->enough;
}

static bool read_precision(struct writer *writer, struct conversion *conversion) {
    conversion->precision = -1;
    if (*writer->at != '.') {
        return true;
    }
    writer->at++;
    if (*writer->at == '*') {
        writer->at++;
        conversion->precision = va_arg(writer->args, int);
        return true;
    }
    conversion->precision = 0;
    while (*writer->at >= '0' && *writer->at <= '9') {
        conversion->precision = conversion->precision * 10 + (*writer->at++ - '0');
        if (conversion->precision > 1000000) {
            return false;
        }
    }
    return true;
}

static bool read_conversion(struct writer *writer, struct conversion *conversion) {
    memset(conversion, 0, sizeof(*conversion));
    writer->at++;
    if (!read_precision(writer, conversion)) {
        return false;
    }
    for (size_t i = 0; strchr("hlzj", *writer->at) != NULL && *writer->at != '\0'; i++) {
        if (i == 2) {
            return false;
        }
        conversion->size[i] = *writer->at++;
    }
    conversion->letter = *writer->at;
    writer->at += conversion->letter != '\0';
    return conversion->letter != '\0';
}

static void write_string(struct writer *writer, long precision) {
    const char *text = va_arg(writer->args, const char *);
    if (text == NULL && writer->quote == '\0') {
        put(writer, "null", 4);
        return;
    }
    text = text != NULL ? text : "";
    size_t length = precision >= 0 ? strnlen(text, (size_t)precision) : strlen(text);
    const char *quote = writer->quote != '\0' ? "" : "\"";
    put(writer, quote, strlen(quote));
    writer->enough = buf_json_text(writer->out, text, length) && writer->enough;
    put(writer, quote, strlen(quote));
}

static bool write_signed(struct writer *writer, const char *size) {
    long long value = 0;
    if (*size == '\0' || strcmp(size, "h") == 0 || strcmp(size, "hh") == 0) {
        value = va_arg(writer->args, int);
    } else if (strcmp(size, "l") == 0) {
        value = va_arg(writer->args, long);
    } else if (strcmp(size, "ll") == 0) {
        value = va_arg(writer->args, long long);
    } else if (strcmp(size, "z") == 0) {
        value = va_arg(writer->args, ssize_t);
    } else if (strcmp(size, "j") == 0) {
        value = va_arg(writer->args, intmax_t);
    } else {
        return false;
    }
    writer->enough = buf_printf(writer->out, "%lld", value) && writer->enough;
    return true;
}

static bool write_unsigned(struct writer *writer, const char *size) {
    unsigned long long value = 0;
    if (*size == '\0' || strcmp(size, "h") == 0 || strcmp(size, "hh") == 0) {
        value = va_arg(writer->args, unsigned);
    } else if (strcmp(size, "l") == 0) {
        value = va_arg(writer->args, unsigned long);
    } else if (strcmp(size, "ll") == 0) {
        value = va_arg(writer->args, unsigned long long);
    } else if (strcmp(size, "z") == 0) {
        value = va_arg(writer->args, size_t);
    } else if (strcmp(size, "j") == 0) {
        value = va_arg(writer->args, uintmax_t);
    } else {
        return false;
    }
    writer->enough = buf_printf(writer->out, "%llu", value) && writer->enough;
    return true;
}

static bool write_double(struct writer *writer, const struct conversion *conversion) {
    double value = va_arg(writer->args, double);
    int precision = conversion->precision >= 0 ? (int)conversion->precision : 6;
    if (*conversion->size != '\0' || value - value != 0 || precision > 64) {
        return false; /* JSON knows no infinity and no NaN */
    }
    bool ok = conversion->letter == 'f' ? buf_printf(writer->out, "%.*f", precision, value)
                                        : buf_printf(writer->out, "%.*g", precision, value);
    writer->enough = ok && writer->enough;
    return true;
}

static bool convert(struct writer *writer) {
    struct conversion conversion;
    if (!read_conversion(writer, &conversion)) {
        return false;
    }
    bool plain = conversion.precision < 0;
    switch (conversion.letter) {
    case 's':
        write_string(writer, conversion.precision);
        return *conversion.size == '\0';
    case 'd':
        return plain && write_signed(writer, conversion.size);
    case 'u':
        return plain && write_unsigned(writer, conversion.size);
    case 'g':
    case 'f':
        return write_double(writer, &conversion);
    case 'i': {
        bool truth = va_arg(writer->args, int) != 0;
        put(writer, truth ? "true" : "false", truth ? 4 : 5);
        return plain && *conversion.size == '\0' && writer->quote == '\0';
    }
    case '%':
        put(writer, "%", 1);
        return plain && *conversion.size == '\0';
    default:
        return false;
    }
}

/* A character of the template that is not a conversion. */
static void copy(struct writer *writer) {
    char c = *writer->at++;
    if (c == '\\' && *writer->at == '\'') {
        writer->at++;
        put(writer, "'", 1);
    } else if (c == '\\' && *writer->at != '\0') {
        put(writer, writer->at - 1, 2);
        writer->at++;
    } else if ((c == '\'' || c == '"') && writer->quote == '\0') {
        writer->quote = c; /* whoever writes plain JSON quotes is as safe from data */
        put(writer, "\"", 1);
    } else if (c == writer->quote) {
        writer->quote = '\0';
        put(writer, "\"", 1);
    } else if (c == '"') {
        put(writer, "\\\"", 2);
    } else {
        put(writer, &c, 1);
    }
}

static bool write_all(struct writer *writer, const char *format, struct err *err) {
    while (*writer->at != '\0' && writer->enough) {
        long place = writer->at - format;
        /* \% is no escape of JSON; passed on, it would hide a conversion that the compiler counted.
         */
        bool hidden = !writer->plain && writer->at[0] == '\\' && writer->at[1] == '%';
        if (writer->plain || (!hidden && *writer->at != '%')) {
            copy(writer);
        } else if (hidden || !convert(writer)) {
            return err_set(err, ERR_INVALID, "template: bad conversion or value at byte %ld: %.40s",
                           place, format + place);
        }
        if (writer->out->length > TEMPLATE_BYTES_MAX) {
            return err_set(err, ERR_LIMIT, "template: more than %d bytes", TEMPLATE_BYTES_MAX);
        }
    }
    return writer->enough || err_set(err, ERR_NO_MEMORY, "template: no memory");
}

static bool write_whole(struct writer *writer, struct err *err, const char *format) {
    struct buf *out = writer->out;
    size_t at = 0;
    buf_clear(out);
    bool ok = write_all(writer, format, err);
    if (ok && !path_valid(out->bytes != NULL ? out->bytes : "", out->length, &at)) {
        return err_set(err, ERR_INVALID, "template: not JSON at byte %zu of the result: %.40s", at,
                       out->bytes != NULL ? out->bytes + at : "");
    }
    return ok;
}

bool template_write(struct buf *out, struct err *err, const char *format, va_list args) {
    struct writer writer = {.out = out, .at = format, .enough = true};
    va_copy(writer.args, args);
    bool ok = write_whole(&writer, err, format);
    va_end(writer.args);
    return ok;
}

bool template_plain(struct buf *out, struct err *err, const char *text) {
    struct writer writer = {.out = out, .at = text, .enough = true, .plain = true};
    return write_whole(&writer, err, text);
}
