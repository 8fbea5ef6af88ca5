/* sim/fault.c: the language of faults and the list of those that last. Pure. */
#include "sim/fault.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static const struct row {
    const char *word;
    const char *argument;
    bool lasts;
    const char *help;
} rows[] = {
#define X(name, word, argument, lasts, help) {word, argument, lasts, help},
    SIM_FAULTS(X)
#undef X
};

const char *sim_fault_word(enum sim_fault_verb verb) {
    return rows[verb].word;
}

const char *sim_fault_argument(enum sim_fault_verb verb) {
    return rows[verb].argument;
}

const char *sim_fault_help(enum sim_fault_verb verb) {
    return rows[verb].help;
}

bool sim_fault_lasts(enum sim_fault_verb verb) {
    return rows[verb].lasts;
}

void sim_fault_finish(struct sim_fault *fault) {
    free(fault->text);
    fault->text = NULL;
}

/* Cuts the next word off *at; false at the end of the text or of this fault. */
static bool next_word(const char **at, char *word, size_t size) {
    *at += strspn(*at, " \t\r\n");
    size_t length = strcspn(*at, " \t\r\n;");
    if (length == 0 || length >= size) {
        return false;
    }
    memcpy(word, *at, length);
    word[length] = '\0';
    *at += length;
    return true;
}

static bool unknown_verb(const char *word, struct err *err) {
    const char *words[SIM_FAULT_COUNT];
    for (size_t i = 0; i < SIM_FAULT_COUNT; i++) {
        words[i] = rows[i].word;
    }
    const char *nearest = text_nearest(word, words, SIM_FAULT_COUNT);
    return err_set(err, ERR_INVALID, "unknown fault '%s'%s%s%s", word,
                   nearest != NULL ? ", did you mean '" : "", nearest != NULL ? nearest : "",
                   nearest != NULL ? "'?" : "");
}

static bool find_verb(const char *word, enum sim_fault_verb *verb) {
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        if (strcmp(rows[i].word, word) == 0) {
            *verb = (enum sim_fault_verb)i;
            return true;
        }
    }
    return false;
}

/* "route /messages": which REST requests. */
static bool route_modifier(const char **at, struct sim_fault *fault, struct err *err) {
    char value[SIM_FAULT_ROUTE];
    if (!next_word(at, value, sizeof(value)) || strlen(value) + 1 >= sizeof(value)) {
        return err_set(err, ERR_INVALID, "'route' needs a part of METHOD/TEMPLATE");
    }
    return text_copy(fault->route, sizeof(fault->route), value);
}

/* "shard 3", "in 2s", "for 10s", "x3". *was: whether the word was one of these. */
static bool modifier(const char *word, const char **at, struct sim_fault *fault, bool *was,
                     struct err *err) {
    char value[64];
    uint64_t number;
    *was = true;
    if (word[0] == 'x' && text_u64(word + 1, &number)) {
        fault->times = number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
        return true;
    }
    if (strcmp(word, "route") == 0) {
        return route_modifier(at, fault, err);
    }
    bool shard = strcmp(word, "shard") == 0;
    bool in = strcmp(word, "in") == 0;
    if (!shard && !in && strcmp(word, "for") != 0) {
        *was = false;
        return true;
    }
    if (!next_word(at, value, sizeof(value))) {
        return err_set(err, ERR_INVALID, "'%s' needs a value", word);
    }
    if (shard && strcmp(value, "all") == 0) {
        return true;
    }
    if (shard ? !text_u64(value, &number) || number > INT32_MAX
              : !text_duration_ms(value, &number)) {
        return err_set(err, ERR_INVALID, "'%s %s': %s", word, value,
                       shard ? "not a shard number" : "not a duration such as 500ms or 2s");
    }
    if (shard) {
        fault->shard = (int64_t)number;
    } else {
        *(in ? &fault->in_ms : &fault->for_ms) = number;
    }
    return true;
}

static bool set_text(struct sim_fault *fault, const char *text, size_t length, struct err *err) {
    if (length == 0 || length > SIM_FAULT_TEXT) {
        return err_set(err, ERR_INVALID, "'%s' needs %s", rows[fault->verb].word,
                       rows[fault->verb].argument);
    }
    fault->text = strndup(text, length);
    return fault->text != NULL || err_set(err, ERR_NO_MEMORY, "fault: no memory");
}

static bool set_number(struct sim_fault *fault, const char *word, struct err *err) {
    const char *argument = rows[fault->verb].argument;
    bool fine = strcmp(argument, "DURATION") == 0 ? text_duration_ms(word, &fault->number)
                : strcmp(argument, "BYTES") == 0  ? text_bytes(word, &fault->number)
                                                  : text_u64(word, &fault->number);
    if (fine && fault->verb == SIM_FAULT_CLOSE) {
        fine = fault->number <= 4999;
    } else if (fine && strcmp(argument, "BYTES") == 0) {
        fine = fault->number > 0 && fault->number <= UINT64_C(2) << 30;
    }
    return fine ||
           err_set(err, ERR_INVALID, "'%s %s': wanted %s", rows[fault->verb].word, word, argument);
}

static bool parse_argument(const char **at, struct sim_fault *fault, struct err *err) {
    const char *argument = rows[fault->verb].argument;
    if (argument[0] == '\0') {
        return true;
    }
    if (strcmp(argument, "TEXT") == 0 || strcmp(argument, "HEX") == 0) {
        *at += strspn(*at, " \t");
        size_t length = strlen(*at);
        const char *text = *at;
        *at += length;
        return set_text(fault, text, length, err);
    }
    if (strcmp(argument, "WORDS") == 0) {
        *at += strspn(*at, " \t");
        const char *text = *at;
        *at += strcspn(text, ";");
        return set_text(fault, text, strcspn(text, ";\r\n"), err);
    }
    char word[64];
    const char *before = *at;
    bool optional = argument[0] == '[';
    fault->number = 1;
    if (!next_word(at, word, sizeof(word))) {
        return optional || set_text(fault, "", 0, err);
    }
    if (strcmp(argument, "KIND") == 0 || strchr(argument, '|') != NULL) {
        return set_text(fault, word, strlen(word), err);
    }
    if (optional && !text_u64(word, &fault->number)) {
        *at = before; /* a modifier */
        fault->number = 1;
        return true;
    }
    return optional || set_number(fault, word, err);
}

static bool parse_one(const char **at, struct sim_fault *fault, struct err *err) {
    bool have_verb = false;
    char word[64];
    *fault = (struct sim_fault){.shard = -1};
    while (next_word(at, word, sizeof(word))) {
        bool was;
        if (!modifier(word, at, fault, &was, err)) {
            return false;
        }
        if (was) {
            continue;
        }
        if (have_verb) {
            return err_set(err, ERR_INVALID, "'%s' was not expected after '%s'", word,
                           rows[fault->verb].word);
        }
        if (!find_verb(word, &fault->verb)) {
            return unknown_verb(word, err);
        }
        have_verb = true;
        if (!parse_argument(at, fault, err)) {
            return false;
        }
    }
    *at += strspn(*at, " \t\r\n");
    if (!have_verb || (**at != ';' && **at != '\0')) {
        return err_set(err, ERR_INVALID, "a fault has the form: [shard N] VERB [ARGUMENT]");
    }
    return true;
}

bool sim_faults_parse(const char *text, struct sim_fault *list, size_t most, size_t *count,
                      struct err *err) {
    const char *at = text;
    *count = 0;
    for (;;) {
        struct sim_fault fault;
        if (!parse_one(&at, &fault, err)) {
            sim_fault_finish(&fault);
            break;
        }
        if (*count == most) {
            sim_fault_finish(&fault);
            err_set(err, ERR_LIMIT, "more than %zu faults at once", most);
            break;
        }
        list[(*count)++] = fault;
        at += *at == ';' ? 1 : 0;
        if (at[strspn(at, " \t\r\n")] == '\0') {
            return true;
        }
    }
    while (*count > 0) {
        sim_fault_finish(&list[--*count]);
    }
    return false;
}

bool sim_fault_list_add(struct sim_fault_list *list, struct sim_fault *fault, uint64_t now_ms) {
    if (list->count == SIM_FAULTS_MOST) {
        sim_fault_finish(fault);
        return false;
    }
    fault->from_ms = now_ms + fault->in_ms;
    fault->until_ms = fault->for_ms == 0 ? 0 : fault->from_ms + fault->for_ms;
    list->items[list->count++] = *fault;
    fault->text = NULL;
    return true;
}

static void remove_at(struct sim_fault_list *list, size_t at) {
    sim_fault_finish(&list->items[at]);
    list->count--;
    memmove(&list->items[at], &list->items[at + 1], (list->count - at) * sizeof(list->items[0]));
}

static struct sim_fault *use_fault(struct sim_fault *fault, uint64_t now_ms, bool use) {
    if (use && fault->times > 0 && --fault->times == 0) {
        fault->until_ms = now_ms; /* this was the last time; swept later */
        fault->until_ms += fault->until_ms == 0 ? 1 : 0;
    }
    return fault;
}

static bool holds_now(const struct sim_fault *fault, enum sim_fault_verb verb, uint64_t now_ms) {
    return fault->verb == verb && now_ms >= fault->from_ms &&
           (fault->until_ms == 0 || now_ms < fault->until_ms);
}

const struct sim_fault *sim_fault_holds(struct sim_fault_list *list, enum sim_fault_verb verb,
                                        int64_t shard, uint64_t now_ms, bool use) {
    for (size_t i = 0; i < list->count; i++) {
        struct sim_fault *fault = &list->items[i];
        if (holds_now(fault, verb, now_ms) && (fault->shard < 0 || fault->shard == shard)) {
            return use_fault(fault, now_ms, use);
        }
    }
    return NULL;
}

const struct sim_fault *sim_fault_holds_route(struct sim_fault_list *list, enum sim_fault_verb verb,
                                              const char *route, uint64_t now_ms, bool use) {
    for (size_t i = 0; i < list->count; i++) {
        struct sim_fault *fault = &list->items[i];
        if (holds_now(fault, verb, now_ms) && strstr(route, fault->route) != NULL) {
            return use_fault(fault, now_ms, use);
        }
    }
    return NULL;
}

bool sim_fault_list_due(struct sim_fault_list *list, uint64_t now_ms, struct sim_fault *due) {
    for (size_t i = 0; i < list->count;) {
        struct sim_fault *fault = &list->items[i];
        if (sim_fault_lasts(fault->verb)) {
            if (fault->until_ms != 0 && now_ms >= fault->until_ms) {
                remove_at(list, i);
            } else {
                i++;
            }
            continue;
        }
        if (now_ms >= fault->from_ms) {
            *due = *fault;
            fault->text = NULL;
            remove_at(list, i);
            return true;
        }
        i++;
    }
    return false;
}

void sim_fault_list_clear(struct sim_fault_list *list) {
    while (list->count > 0) {
        remove_at(list, list->count - 1);
    }
}

bool sim_fault_list_end(struct sim_fault_list *list, const char *word, size_t *ended) {
    unsigned verb = 0;
    while (verb < SIM_FAULT_COUNT && strcmp(sim_fault_word((enum sim_fault_verb)verb), word) != 0) {
        verb++;
    }
    *ended = 0;
    for (size_t i = list->count; i > 0; i--) {
        if (list->items[i - 1].verb == (enum sim_fault_verb)verb) {
            remove_at(list, i - 1);
            (*ended)++;
        }
    }
    return verb < SIM_FAULT_COUNT;
}
