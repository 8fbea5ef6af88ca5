/* config/presence.c: reads what people see beside a bot's name. */
#include "config/presence.h"

#include "base/buf.h"

#include <string.h>

enum {
    TEXT_MAX = 128, /* characters Discord shows of an activity */
    TYPE_STREAMING = 1,
    TYPE_CUSTOM = 4,
};

static const char *const statuses[] = {"online", "idle", "dnd", "invisible"};

/* In the order of Discord's numbers. */
static const char *const activities[] = {"playing",  "streaming", "listening",
                                         "watching", "custom",    "competing"};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

struct presence {
    const char *status;
    int type; /* of the activity; -1: none */
    const char *text;
    size_t text_length;
    const char *url; /* NULL: none */
    size_t url_length;
};

static int choice(const char *what, const char *word, size_t length, const char *const *names,
                  size_t count, struct config_wrong *wrong) {
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) == length && memcmp(names[i], word, length) == 0) {
            return (int)i;
        }
    }
    struct config_quoted quoted = config_quote(word, length);
    struct buf all = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        const char *between = i == 0 ? "" : i + 1 < count ? ", " : " or ";
        ok = buf_printf(&all, "%s%s", between, names[i]);
    }
    config_wrong(wrong, NULL, "'presence': %s is %s; got '%s'", what,
                 ok ? all.bytes : "another word", quoted.text);
    buf_finish(&all);
    config_wrong_nearest(wrong, quoted.text, names, count);
    return -1;
}

static size_t characters(const char *text, size_t length) {
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return count;
}

/* The activity's text, in quotes or up to the end; *rest moves behind it. */
static bool take_text(const char **rest, struct presence *p, struct config_wrong *wrong) {
    const char *c = *rest + strspn(*rest, " \t");
    if (*c == '"') {
        const char *close = strchr(c + 1, '"');
        if (close == NULL) {
            return config_wrong(wrong,
                                "a ';' after a blank begins a comment: put the whole value in "
                                "quotes, with \\\" inside",
                                "'presence': the closing '\"' of the text is missing");
        }
        p->text = c + 1;
        p->text_length = (size_t)(close - c) - 1;
        *rest = close + 1;
    } else {
        p->text = c;
        p->text_length = p->type == TYPE_STREAMING ? strcspn(c, " \t") : strlen(c);
        *rest = c + p->text_length;
    }
    if (p->text_length == 0) {
        return config_wrong(wrong, NULL, "'presence': '%s' wants a text", activities[p->type]);
    }
    size_t count = characters(p->text, p->text_length);
    return count <= TEXT_MAX ||
           config_wrong(wrong, NULL, "'presence': the text has %zu characters, Discord takes %d",
                        count, TEXT_MAX);
}

static bool take_url(const char *rest, struct presence *p, struct config_wrong *wrong) {
    const char *url = rest + strspn(rest, " \t");
    size_t length = strcspn(url, " \t");
    bool ends = url[length + strspn(url + length, " \t")] == '\0';
    if (p->type != TYPE_STREAMING) {
        return *url == '\0' || config_wrong(wrong, NULL, "'presence': '%s' after the text",
                                            config_quote(url, strlen(url)).text);
    }
    if (!ends || (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)) {
        return config_wrong(wrong, "streaming \"TEXT\" https://twitch.tv/NAME",
                            "'presence': streaming wants the stream's URL after the text");
    }
    p->url = url;
    p->url_length = length;
    return true;
}

static bool parse(const char *text, struct presence *p, struct config_wrong *wrong) {
    const char *status = text + strspn(text, " \t");
    size_t length = strcspn(status, " \t,");
    int found = choice("the status", status, length, statuses, COUNT(statuses), wrong);
    if (found < 0) {
        return false;
    }
    p->status = statuses[found];
    const char *rest = status + length;
    const char *word;
    length = config_word(&rest, &word);
    if (length == 0) {
        return true;
    }
    p->type = choice("the activity", word, length, activities, COUNT(activities), wrong);
    return p->type >= 0 && take_text(&rest, p, wrong) && take_url(rest, p, wrong);
}

static bool write_activity(struct buf *out, const struct presence *p) {
    /* a custom status shows `state`; its name is fixed */
    bool custom = p->type == TYPE_CUSTOM;
    bool ok = buf_printf(out, "{\"type\":%d,\"name\":\"", p->type) &&
              buf_text(out, custom ? "Custom Status\",\"state\":\"" : "") &&
              buf_json_text(out, p->text, p->text_length) && buf_text(out, "\"");
    if (ok && p->url != NULL) {
        ok = buf_text(out, ",\"url\":\"") && buf_json_text(out, p->url, p->url_length) &&
             buf_text(out, "\"");
    }
    return ok && buf_text(out, "}");
}

bool config_presence(const char *text, struct config_pool *pool, const char **json,
                     struct config_wrong *wrong) {
    struct presence p = {.type = -1};
    if (!parse(text, &p, wrong)) {
        return false;
    }
    struct buf out = {0};
    /* an array even when empty: null makes Discord close the connection */
    bool ok = buf_text(&out, "{\"since\":null,\"activities\":[") &&
              (p.type < 0 || write_activity(&out, &p)) &&
              buf_printf(&out, "],\"status\":\"%s\",\"afk\":false}", p.status);
    const char *copy = ok ? config_pool_copy(pool, out.bytes, out.length) : NULL;
    buf_finish(&out);
    if (copy == NULL) {
        return config_wrong_memory(wrong);
    }
    *json = copy;
    return true;
}
