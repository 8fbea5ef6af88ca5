/* fuzz/note.c: the check of a plugin's file by its bytes: no read beyond them, an accepted note is
 * what it says, and a refusal has words. */
#include "fuzz.h"

#include "plugin/note.h"
#include "plugin/symbols.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    uint8_t *bytes = fuzz_copy(input, size, 0, 0);
    struct note note;
    struct err err = {0};
    if (note_read(bytes, size, &note, &err)) {
        size_t length = strnlen(note.id, sizeof(note.id));
        FUZZ_CHECK(length > 0 && length < sizeof(note.id));
        FUZZ_CHECK(strspn(note.id, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length);
        FUZZ_CHECK(memchr(note.version, '\0', sizeof(note.version)) != NULL);
        FUZZ_CHECK(memchr(note.lingers, '\0', sizeof(note.lingers)) != NULL);
        FUZZ_CHECK(note.abi_major == 1);
    } else {
        FUZZ_CHECK(err.code == ERR_PLUGIN && err.text[0] != '\0');
    }
    struct symbols symbols; /* whatever the bytes are */
    symbols_read(bytes, size, &symbols);
    FUZZ_CHECK(memchr(symbols.unique, '\0', sizeof(symbols.unique)) != NULL);
    for (size_t i = 0; i < symbols.doubt_count && i < SYMBOLS_SHOWN; i++) {
        FUZZ_CHECK(symbols_doubt(symbols.doubts[i]) != NULL);
    }
    free(bytes);
    return 0;
}
