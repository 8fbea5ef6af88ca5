/* interaction/definition_check.c: the questions that all objects of a command are asked: are the
 * fields known, the texts short enough, the numbers in their bounds; and where that is not so. */
#include "interaction/definition_inside.h"

#include "base/text.h"
#include "interaction/letters.h"

#include <cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { LENGTH_MAX = 6000 /* for min_length and max_length */ };

#define WHOLE_MAX    9007199254740991.0 /* 2^53 - 1 */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ON(t)        (1u << (t))

static const char *const locales[] = {
    "ar",    "bg", "cs", "da",    "de", "el", "en-GB", "en-US", "es-419", "es-ES", "fi", "fr",
    "he",    "hi", "hr", "hu",    "id", "it", "ja",    "ko",    "lt",     "nl",    "no", "pl",
    "pt-BR", "ro", "ru", "sv-SE", "th", "tr", "uk",    "vi",    "zh-CN",  "zh-TW"};

/* ---- places ---- */

/* Steps into a member that is a list; returns what check_leave() needs. */
size_t check_enter(struct check *check, const char *key, size_t index) {
    size_t before = check->used;
    int length =
        snprintf(check->place + before, sizeof(check->place) - before, "%s[%zu].", key, index);
    check->used +=
        length > 0 && (size_t)length < sizeof(check->place) - before ? (size_t)length : 0;
    return before;
}

void check_leave(struct check *check, size_t before) {
    check->used = before;
    check->place[before] = '\0';
}

__attribute__((format(printf, 4, 5))) bool check_refuse(struct check *check, enum err_code code,
                                                        const char *key, const char *format, ...) {
    char why[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    return err_set(check->err, code, "%s%s: %s", check->place, key, why);
}

/* ---- fields ---- */

const cJSON *check_member(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNull(item) ? NULL : item; /* Discord makes no difference either */
}

static bool refuse_unknown(struct check *check, const char *name, const struct field *fields) {
    static const struct {
        const char *name;
        const char *why;
    } known[] = {
        {"id", "Discord gives it, leave it out"},
        {"application_id", "Discord gives it, leave it out"},
        {"guild_id", "where commands are published is the operator's choice, leave it out"},
        {"version", "Discord gives it, leave it out"},
        {"dm_permission", "out of use at Discord; use contexts"},
        {"default_permission", "out of use at Discord; use default_member_permissions"},
        {"handler", "is for the entry point of an activity, which is not supported"},
    };
    const char *names[16];
    size_t count = 0;
    char shown[64];
    (void)text_plain(shown, sizeof(shown), name);
    for (size_t i = 0; fields == command_fields && i < COUNT(known); i++) {
        if (strcmp(name, known[i].name) == 0) {
            return check_refuse(check, ERR_INVALID, shown, "%s", known[i].why);
        }
    }
    for (; fields[count].name != NULL; count++) {
        names[count] = fields[count].name;
    }
    const char *near = text_nearest(name, names, count);
    return check_refuse(check, ERR_INVALID, shown, "no such field%s%s%s",
                        near != NULL ? "; did you mean " : "", near != NULL ? near : "",
                        near != NULL ? "?" : "");
}

/* Every field is known, fits the type and is there once. kind: for people. */
bool check_fields(struct check *check, const cJSON *object, const struct field *fields,
                  unsigned type, const char *kind) {
    unsigned seen = 0;
    for (const cJSON *at = object->child; at != NULL; at = at->next) {
        const struct field *field = fields;
        while (field->name != NULL && strcmp(field->name, at->string) != 0) {
            field++;
        }
        if (field->name == NULL) {
            return refuse_unknown(check, at->string, fields);
        }
        if ((seen & ON(field - fields)) != 0) {
            return check_refuse(check, ERR_INVALID, at->string, "there twice");
        }
        seen |= ON(field - fields);
        if ((field->types & ON(type)) == 0 && !cJSON_IsNull(at)) {
            return check_refuse(check, ERR_INVALID, at->string, "does not belong to %s", kind);
        }
    }
    return true;
}

bool check_object(struct check *check, const cJSON *item) {
    if (cJSON_IsObject(item)) {
        return true;
    }
    char place[sizeof(check->place)];
    (void)text_copy(place, sizeof(place), check->place);
    if (check->used > 0) {
        place[check->used - 1] = '\0'; /* the dot */
    }
    return err_set(check->err, ERR_INVALID, "%s: should be an object",
                   check->used > 0 ? place : "a command");
}

bool check_flag(struct check *check, const cJSON *object, const char *key) {
    const cJSON *item = check_member(object, key);
    return item == NULL || cJSON_IsBool(item) ||
           check_refuse(check, ERR_INVALID, key, "should be true or false");
}

size_t check_characters(const char *text) {
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return count;
}

/* What names of slash commands and options may be made of. */
static bool check_letters(struct check *check, const char *key, const char *text) {
    size_t left = strlen(text);
    for (const char *at = text; left > 0;) {
        size_t width = text_utf8_width(at, left);
        uint32_t code = text_code_point(at, width);
        char shown[8];
        char one[5] = {0};
        memcpy(one, at, width);
        (void)text_plain(shown, sizeof(shown), one);
        if (!letters_in_name(code)) {
            return check_refuse(check, ERR_INVALID, key,
                                "\"%s\" (U+%04X) may not be in it; letters, numbers, - _ ' may",
                                shown, (unsigned)code);
        }
        if (letters_upper(code)) {
            return check_refuse(check, ERR_INVALID, key, "\"%s\" should be lowercase", shown);
        }
        at += width;
        left -= width;
    }
    return true;
}

/* A text and its translations, of 1 to `most` characters each. letters: they are names. Discord
 * counts the longest of them. */
static bool check_one_text(struct check *check, const cJSON *item, const char *key, size_t most,
                           bool letters, size_t *longest) {
    if (!cJSON_IsString(item)) {
        return check_refuse(check, ERR_INVALID, key,
                            item == NULL ? "is missing" : "should be a text");
    }
    size_t count = check_characters(item->valuestring);
    if (count == 0 || count > most) {
        return check_refuse(check, ERR_LIMIT, key, "%zu characters, 1 to %zu are allowed", count,
                            most);
    }
    *longest = count > *longest ? count : *longest;
    return !letters || check_letters(check, key, item->valuestring);
}

static bool check_locale(struct check *check, const char *key, const cJSON *item) {
    for (size_t i = 0; i < COUNT(locales); i++) {
        if (strcmp(item->string, locales[i]) == 0) {
            for (const cJSON *at = item->next; at != NULL; at = at->next) {
                if (strcmp(at->string, item->string) == 0) {
                    return check_refuse(check, ERR_INVALID, key, "%s is there twice", locales[i]);
                }
            }
            return true;
        }
    }
    char shown[32];
    const char *near = NULL;
    for (size_t i = 0; i < COUNT(locales) && near == NULL; i++) { /* the same language */
        near = strncasecmp(item->string, locales[i], 2) == 0 ? locales[i] : NULL;
    }
    near = near != NULL ? near : text_nearest(item->string, locales, COUNT(locales));
    return check_refuse(check, ERR_INVALID, key, "Discord has no locale \"%s\"%s%s%s",
                        text_plain(shown, sizeof(shown), item->string),
                        near != NULL ? "; did you mean " : "", near != NULL ? near : "",
                        near != NULL ? "?" : "");
}

bool check_text(struct check *check, const cJSON *object, const char *key, size_t most,
                bool letters) {
    size_t longest = 0;
    char translations[48];
    (void)snprintf(translations, sizeof(translations), "%s_localizations", key);
    if (!check_one_text(check, check_member(object, key), key, most, letters, &longest)) {
        return false;
    }
    const cJSON *list = check_member(object, translations);
    if (list != NULL && !cJSON_IsObject(list)) {
        return check_refuse(check, ERR_INVALID, translations,
                            "should be an object, from locale to text");
    }
    for (const cJSON *at = list != NULL ? list->child : NULL; at != NULL; at = at->next) {
        char place[64];
        if (!check_locale(check, translations, at)) {
            return false;
        }
        (void)snprintf(place, sizeof(place), "%s.%.8s", translations, at->string);
        if (!check_one_text(check, at, place, most, letters, &longest)) {
            return false;
        }
    }
    check->characters += longest;
    return true;
}

bool check_list(struct check *check, const cJSON *object, const char *key, int most,
                const cJSON **out) {
    *out = check_member(object, key);
    if (*out == NULL) {
        return true;
    }
    int count = cJSON_GetArraySize(*out);
    return (cJSON_IsArray(*out) || check_refuse(check, ERR_INVALID, key, "should be a list")) &&
           (count <= most ||
            check_refuse(check, ERR_LIMIT, key, "%d of them, at most %d are allowed", count, most));
}

/* A list of different numbers out of those whose bit is set. */
bool check_set(struct check *check, const cJSON *object, const char *key, unsigned allowed,
               bool may_be_empty) {
    const cJSON *list;
    unsigned seen = 0;
    if (!check_list(check, object, key, 32, &list)) {
        return false;
    }
    if (list != NULL && list->child == NULL && !may_be_empty) {
        return check_refuse(check, ERR_INVALID, key,
                            "is empty; leave it out, or name at least one");
    }
    size_t index = 0;
    for (const cJSON *at = list != NULL ? list->child : NULL; at != NULL; at = at->next, index++) {
        double value = cJSON_IsNumber(at) ? at->valuedouble : -1;
        unsigned number = value >= 0 && value < 32 ? (unsigned)value : 31;
        if (value != (double)number || (allowed & ON(number)) == 0) {
            return check_refuse(check, ERR_INVALID, key, "[%zu]: Discord knows no such number",
                                index);
        }
        if ((seen & ON(number)) != 0) {
            return check_refuse(check, ERR_INVALID, key, "[%zu]: %u is there twice", index, number);
        }
        seen |= ON(number);
    }
    return true;
}

/* ---- numbers ---- */

bool check_number(struct check *check, const cJSON *item, const char *key, bool whole) {
    if (!cJSON_IsNumber(item)) {
        return check_refuse(check, ERR_INVALID, key, "should be a number");
    }
    double value = item->valuedouble;
    if (!(fabs(value) <= WHOLE_MAX)) {
        return check_refuse(check, ERR_LIMIT, key, "should lie between -2^53 and 2^53");
    }
    return !whole || value == (double)(int64_t)value ||
           check_refuse(check, ERR_INVALID, key, "should be a whole number");
}

/* min_KEY and max_KEY. */
bool check_bounds(struct check *check, const cJSON *option, const char *low_key,
                  const char *high_key, bool whole, bool length) {
    const cJSON *low = check_member(option, low_key);
    const cJSON *high = check_member(option, high_key);
    if ((low != NULL && !check_number(check, low, low_key, whole)) ||
        (high != NULL && !check_number(check, high, high_key, whole))) {
        return false;
    }
    if (length && low != NULL && (low->valuedouble < 0 || low->valuedouble > LENGTH_MAX)) {
        return check_refuse(check, ERR_LIMIT, low_key, "0 to %d are allowed", LENGTH_MAX);
    }
    if (length && high != NULL && (high->valuedouble < 1 || high->valuedouble > LENGTH_MAX)) {
        return check_refuse(check, ERR_LIMIT, high_key, "1 to %d are allowed", LENGTH_MAX);
    }
    return low == NULL || high == NULL || low->valuedouble <= high->valuedouble ||
           check_refuse(check, ERR_INVALID, low_key, "is larger than %s", high_key);
}
