/* fuzz/envelope.c: the scanner of gateway messages and the redaction of secrets.
 *
 * Whatever the bytes: every kernel finds the same, nothing behind the text matters or is read
 * beyond the padding, and a message cut short is partial. Where the text is JSON by the letter,
 * cJSON says what must have been found, and which secrets must be gone afterwards. */
#include "oracle.h"

#include "gateway/envelope.h"
#include "gateway/events.h"
#include "gateway/redact.h"

struct found {
    enum json_result result;
    struct envelope envelope;
    const char *why;
};

static struct found scan(enum json_kernel kernel, const uint8_t *bytes, size_t length) {
    struct found found = {0};
    found.result = envelope_scan_with(kernel, bytes, length, &found.envelope, &found.why);
    return found;
}

static bool same_span(struct json_span a, struct json_span b) {
    return a.offset == b.offset && a.length == b.length;
}

static void check_same(const struct found *a, const struct found *b) {
    FUZZ_CHECK(a->result == b->result);
    if (a->result == JSON_OK) {
        FUZZ_CHECK(a->envelope.length == b->envelope.length && a->envelope.op == b->envelope.op &&
                   a->envelope.seq == b->envelope.seq && same_span(a->envelope.t, b->envelope.t) &&
                   same_span(a->envelope.d, b->envelope.d));
    } else if (a->result == JSON_BROKEN) {
        FUZZ_CHECK(strcmp(a->why, b->why) == 0);
    }
}

/* A number as the envelope takes it: digits alone. */
static void check_number(const cJSON *item, uint64_t number) {
    FUZZ_CHECK(cJSON_IsNumber(item) && item->valuedouble == (double)number);
}

static void check_meaning(const uint8_t *bytes, const struct found *found, cJSON *tree) {
    const struct envelope *envelope = &found->envelope;
    cJSON *d = oracle_last(tree, "d");
    const cJSON *t = oracle_last(tree, "t");
    const cJSON *s = oracle_last(tree, "s");
    check_number(oracle_last(tree, "op"), envelope->op);
    FUZZ_CHECK((envelope->d.length > 0) == (d != NULL));
    FUZZ_CHECK(d == NULL || oracle_same(bytes + envelope->d.offset, envelope->d.length, d));
    if (envelope->t.length > 0) {
        FUZZ_CHECK(cJSON_IsString(t) && strlen(t->valuestring) == envelope->t.length &&
                   memcmp(t->valuestring, bytes + envelope->t.offset, envelope->t.length) == 0);
    } else {
        FUZZ_CHECK(!cJSON_IsString(t) || t->valuestring[0] == '\0');
    }
    if (envelope->seq != 0) {
        check_number(s, envelope->seq);
    }
    FUZZ_CHECK(envelope_true(bytes, envelope) == cJSON_IsTrue(d));
    struct json_span value;
    cJSON *last = oracle_last(d, "heartbeat_interval");
    bool there = json_find(bytes, &envelope->d, "heartbeat_interval", &value);
    FUZZ_CHECK(there == (last != NULL));
    FUZZ_CHECK(!there || oracle_same(bytes + value.offset, value.length, last));
}

/* ---- redaction ---- */

struct secrets {
    const char *name;
    size_t count;
    bool blotted; /* check that, too */
};

static void see_secret(struct secrets *secrets, const cJSON *value) {
    secrets->count++;
    if (secrets->blotted && cJSON_IsString(value)) {
        FUZZ_CHECK(strspn(value->valuestring, "x") == strlen(value->valuestring));
    } else if (secrets->blotted && cJSON_IsNumber(value)) {
        FUZZ_CHECK(value->valuedouble == 0);
    } else if (secrets->blotted) {
        FUZZ_CHECK(cJSON_GetArraySize(value) == 0);
    }
}

static void see_within(struct secrets *secrets, const cJSON *place) {
    const cJSON *child;
    cJSON_ArrayForEach(child, place) {
        if (cJSON_IsArray(place) && cJSON_IsObject(child)) {
            see_within(secrets, child);
        } else if (cJSON_IsObject(place) && strcmp(child->string, secrets->name) == 0) {
            see_secret(secrets, child);
        }
    }
}

static size_t see_secrets(const cJSON *tree, unsigned event, bool blotted) {
    bool session =
        event == EVENT_READY || event == EVENT_GUILD_CREATE || event == EVENT_VOICE_STATE_UPDATE;
    struct secrets secrets = {.name = session ? "session_id" : "token", .blotted = blotted};
    const cJSON *d;
    cJSON_ArrayForEach(d, tree) {
        if (strcmp(d->string, "d") != 0) {
            continue;
        }
        if (event != EVENT_GUILD_CREATE) {
            see_within(&secrets, d);
            continue;
        }
        const cJSON *child;
        cJSON_ArrayForEach(child, d) {
            if (cJSON_IsObject(d) && strcmp(child->string, "voice_states") == 0) {
                see_within(&secrets, child);
            }
        }
    }
    return secrets.count;
}

static void check_redaction(const uint8_t *bytes, size_t length, const cJSON *tree,
                            unsigned event) {
    uint8_t *copy = fuzz_copy(bytes, length, JSON_PADDING, '"');
    size_t count = 0;
    bool whole = redact_message(copy, length, event, &count);
    if (tree != NULL) {
        FUZZ_CHECK(whole);
        FUZZ_CHECK(count == see_secrets(tree, event, false));
        cJSON *after = oracle_parse(copy, length);
        FUZZ_CHECK(after != NULL);
        FUZZ_CHECK(see_secrets(after, event, true) == count);
        FUZZ_CHECK(count > 0 || memcmp(copy, bytes, length) == 0);
        cJSON_Delete(after);
    }
    free(copy);
}

/* ---- one input ---- */

static void check_cut(const uint8_t *bytes, const struct found *found, size_t length) {
    if (found->result != JSON_OK || length >= found->envelope.length) {
        return;
    }
    uint8_t *copy = fuzz_copy(bytes, length, JSON_PADDING, '}');
    struct found cut = scan(json_kernel_best(), copy, length);
    if (cut.result == JSON_OK) { /* it lacks white space at its end, nothing else */
        FUZZ_CHECK(strspn((const char *)bytes + cut.envelope.length, " \t\r\n") > 0);
    } else {
        FUZZ_CHECK(cut.result == JSON_PARTIAL);
    }
    free(copy);
}

static void check_valid(const uint8_t *bytes, const struct found *found, size_t length) {
    static const unsigned events[] = {EVENT_READY, EVENT_VOICE_STATE_UPDATE, EVENT_GUILD_CREATE,
                                      EVENT_INTERACTION_CREATE, EVENT_VOICE_SERVER_UPDATE};
    struct ready_secrets secrets;
    cJSON *tree = oracle_parse(bytes, length);
    if (found->result == JSON_OK) {
        redact_ready(bytes, &found->envelope, &secrets);
        (void)envelope_interval(bytes, &found->envelope);
        if (tree != NULL) {
            FUZZ_CHECK(found->envelope.length == length);
            check_meaning(bytes, found, tree);
        }
        for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
            check_redaction(bytes, found->envelope.length, tree, events[i]);
        }
    } else if (tree != NULL && cJSON_IsObject(tree)) {
        const cJSON *op = oracle_last(tree, "op");
        bool odd_op = strcmp(found->why, "no opcode") == 0 &&
                      (!cJSON_IsNumber(op) || strpbrk((const char *)bytes, ".eE-") != NULL ||
                       op->valuedouble > 1e19);
        FUZZ_CHECK(odd_op || strcmp(found->why, "an event name with escapes") == 0);
    }
    cJSON_Delete(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    static const int paddings[] = {'\0', '"', '\\', '}', 0xff};
    struct feed feed = {input, size};
    size_t cut = feed_number(&feed, 2);
    for (size_t i = 0; i < sizeof(paddings) / sizeof(paddings[0]); i++) {
        uint8_t *bytes = fuzz_copy(feed.at, feed.left, JSON_PADDING, paddings[i]);
        struct found first = scan(JSON_SCALAR, bytes, feed.left);
        for (int kernel = JSON_SSE2; kernel < JSON_KERNELS; kernel++) {
            if (json_kernel_usable((enum json_kernel)kernel)) {
                struct found other = scan((enum json_kernel)kernel, bytes, feed.left);
                check_same(&first, &other);
            }
        }
        if (i == 0) { /* NULs behind the text: the checks may use it as a string */
            check_valid(bytes, &first, feed.left);
            check_cut(bytes, &first, cut);
        } else {
            uint8_t *plain = fuzz_copy(feed.at, feed.left, JSON_PADDING, '\0');
            struct found without = scan(JSON_SCALAR, plain, feed.left);
            check_same(&first, &without);
            free(plain);
        }
        free(bytes);
    }
    return 0;
}
