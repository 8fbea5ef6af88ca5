/* fuzz/path.c: reading values out of JSON by path. Whatever the bytes: every span lies within
 * them. Where they are JSON by the letter, walking them finds what cJSON found. */
#include "oracle.h"

#include <math.h>

static void check_bounds(struct path_text text, struct path_value value) {
    FUZZ_CHECK(value.kind == PATH_NONE || (value.start < value.end && value.end <= text.length));
}

/* Result: owned, at least 3 x length + 1 bytes and no more. */
static char *decode(struct path_text text, uint32_t start, uint32_t length, size_t *used) {
    FUZZ_CHECK(start <= text.length && length <= text.length - start);
    char *out = malloc((size_t)length * 3 + 1);
    FUZZ_CHECK(out != NULL);
    *used = path_decode(text.bytes + start, length, out);
    FUZZ_CHECK(strlen(out) == *used);
    return out;
}

static enum path_kind kind_of(const cJSON *item) {
    return cJSON_IsNull(item)     ? PATH_NULL
           : cJSON_IsBool(item)   ? PATH_BOOL
           : cJSON_IsNumber(item) ? PATH_NUMBER
           : cJSON_IsString(item) ? PATH_STRING
           : cJSON_IsArray(item)  ? PATH_ARRAY
                                  : PATH_OBJECT;
}

static void check_text(struct path_text text, uint32_t start, uint32_t length, const char *want) {
    size_t used = 0;
    char *got = decode(text, start, length, &used);
    FUZZ_CHECK(strcmp(got, want) == 0);
    free(got);
}

static void check_number(struct path_text text, struct path_value value, double want) {
    double got = path_number(text, value);
    FUZZ_CHECK(isinf(want) ? got == 0 : got == want);
    int64_t whole = path_int(text, value);
    if (want > -9e15 && want < 9e15) {
        FUZZ_CHECK(whole == (int64_t)want);
    }
    uint64_t id = path_id(text, value);
    FUZZ_CHECK(id == 0 || fabs((double)id - want) <= want * 1e-15);
}

static void check_value(struct path_text text, struct path_value value, cJSON *item);

/* The value of a key is also what path_find() finds: the first of this name. */
static void check_find(struct path_text text, struct path_value value, const cJSON *object,
                       const char *key) {
    if (*key == '\0' || strchr(key, '.') != NULL || strlen(key) > 200) {
        return;
    }
    struct path_value found = path_find(text, value, key);
    const cJSON *want = cJSON_GetObjectItemCaseSensitive(object, key);
    FUZZ_CHECK(want != NULL && found.kind == kind_of(want));
}

static void check_entries(struct path_text text, struct path_value value, cJSON *item) {
    struct path_value at = path_first(text, value);
    cJSON *child;
    unsigned place = 0;
    cJSON_ArrayForEach(child, item) {
        uint32_t start;
        uint32_t length;
        check_value(text, at, child);
        if (cJSON_IsObject(item)) {
            FUZZ_CHECK(path_key(text, at, &start, &length));
            check_text(text, start, length, child->string);
            check_find(text, value, item, child->string);
        } else {
            char word[16];
            (void)snprintf(word, sizeof(word), "%u", place++);
            struct path_value found = path_find(text, value, word);
            FUZZ_CHECK(found.start == at.start && found.end == at.end);
            FUZZ_CHECK(!path_key(text, at, &start, &length));
        }
        at = path_next(text, at);
    }
    FUZZ_CHECK(at.kind == PATH_NONE);
}

static void check_value(struct path_text text, struct path_value value, cJSON *item) {
    check_bounds(text, value);
    FUZZ_CHECK(value.kind == kind_of(item));
    FUZZ_CHECK(path_true(text, value) == cJSON_IsTrue(item));
    if (cJSON_IsString(item)) {
        check_text(text, value.start + 1, value.end - value.start - 2, item->valuestring);
    } else if (cJSON_IsNumber(item)) {
        check_number(text, value, item->valuedouble);
    } else if (cJSON_IsArray(item) || cJSON_IsObject(item)) {
        check_entries(text, value, item);
    }
}

/* Of any text: no crash, and spans within it. */
static void wander(struct path_text text, struct path_value value, unsigned depth) {
    unsigned count = 0;
    for (struct path_value at = path_first(text, value); at.kind != PATH_NONE && count < 200;
         at = path_next(text, at), count++) {
        uint32_t start;
        uint32_t length;
        size_t used;
        check_bounds(text, at);
        if (path_key(text, at, &start, &length)) {
            free(decode(text, start, length, &used));
        }
        if (at.kind == PATH_STRING) {
            free(decode(text, at.start + 1, at.end - at.start - 2, &used));
        }
        (void)path_int(text, at);
        (void)path_number(text, at);
        (void)path_id(text, at);
        if (depth < 8) {
            wander(text, at, depth + 1);
        }
    }
}

/* The ids that path_ids() gathers, asked for one by one; of texts without a key twice. */
static void check_ids(struct path_text text, struct path_value root) {
    struct path_ids ids;
    path_ids(text, root, &ids);
    for (struct path_value at = path_first(text, root); at.kind != PATH_NONE;
         at = path_next(text, at)) {
        uint32_t start = 0;
        uint32_t length = 0;
        FUZZ_CHECK(path_key(text, at, &start, &length));
        for (struct path_value other = path_next(text, at); other.kind != PATH_NONE;
             other = path_next(text, other)) {
            uint32_t other_start = 0;
            uint32_t other_length = 0;
            FUZZ_CHECK(path_key(text, other, &other_start, &other_length));
            if (length == other_length &&
                memcmp(text.bytes + start, text.bytes + other_start, length) == 0) {
                return;
            }
        }
        if (memchr(text.bytes + start, '\\', length) != NULL) {
            return;
        }
    }
    FUZZ_CHECK(ids.id == path_id(text, path_find(text, root, "id")));
    FUZZ_CHECK(ids.guild_id == path_id(text, path_find(text, root, "guild_id")));
    FUZZ_CHECK(ids.channel_id == path_id(text, path_find(text, root, "channel_id")));
    uint64_t user = path_id(text, path_find(text, root, "user_id"));
    FUZZ_CHECK(user == 0 || ids.user_id == user);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    struct feed feed = {input, size};
    char path[65] = "";
    size_t length;
    const uint8_t *wanted = feed_bytes(&feed, feed_byte(&feed) % (sizeof(path) - 1), &length);
    memcpy(path, wanted, length);
    uint8_t *bytes = fuzz_copy(feed.at, feed.left, 0, 0);
    struct path_text text = {(const char *)bytes, (uint32_t)feed.left};
    struct path_value root = path_root(text);
    check_bounds(text, root);
    check_bounds(text, path_find(text, root, path));
    wander(text, root, 0);
    struct path_ids ids;
    path_ids(text, root, &ids);
    cJSON *tree = oracle_parse(bytes, feed.left);
    if (tree != NULL) {
        check_value(text, root, tree);
        if (cJSON_IsObject(tree)) {
            check_ids(text, root);
        }
        cJSON_Delete(tree);
    } else if (root.kind == PATH_STRING) {
        size_t used;
        free(decode(text, root.start + 1, root.end - root.start - 2, &used));
    }
    free(bytes);
    return 0;
}
