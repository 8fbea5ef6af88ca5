/* fuzz/sign.c: the two texts of signatures: a file of keys and the file beside a plugin. No read
 * beyond them; what is refused is explained; what is accepted is written as the same bytes
 * (a signature), or reads as the same keys (their file). */
#include "fuzz.h"

#include "sign/keys.h"
#include "sign/seal.h"

static void try_seal(const char *bytes, size_t size) {
    struct seal seal;
    struct err err = {0};
    struct buf again = {0};
    if (!seal_read(bytes, size, &seal, &err)) {
        FUZZ_CHECK(err.code == ERR_PLUGIN && err.text[0] != '\0');
        for (const char *c = err.text; *c != '\0'; c++) {
            FUZZ_CHECK(*c >= ' ' && *c <= '~');
        }
        return;
    }
    FUZZ_CHECK(seal_write(&seal, &again));
    FUZZ_CHECK(again.length == size && memcmp(again.bytes, bytes, size) == 0);
    buf_finish(&again);
}

static void try_keys(const char *bytes, size_t size) {
    struct sign_keys keys = {0};
    struct sign_keys same = {0};
    struct err err = {0};
    struct buf again = {0};
    if (!sign_keys_read(bytes, size, &keys, &err)) {
        FUZZ_CHECK(err.code == ERR_CONFIG && err.text[0] != '\0' && keys.count == 0);
        return;
    }
    FUZZ_CHECK(keys.count > 0 && keys.count <= SIGN_KEYS_MAX);
    for (size_t i = 0; i < keys.count; i++) {
        FUZZ_CHECK(sign_key_write(&keys.list[i], &again));
    }
    FUZZ_CHECK(sign_keys_read(again.bytes, again.length, &same, NULL));
    FUZZ_CHECK(sign_keys_same(&keys, &same));
    buf_finish(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    char *bytes = (char *)fuzz_copy(input, size, 0, 0);
    try_seal(bytes, size);
    try_keys(bytes, size);
    free(bytes);
    return 0;
}
