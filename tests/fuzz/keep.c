/* fuzz/keep.c: questions of a worker to its store, well-formed or not. The first byte of each says
 * which kind; whatever is asked, there is an answer that can be read, and the store is whole. */
#include "fuzz.h"

#include "plugin/keep.h"

static uint64_t now_ms;

static uint64_t fuzz_now_ms(void *arg) {
    return now_ms;
}

static void read_all(const struct buf *answer) {
    struct keep_answer head;
    struct keep_row row;
    struct keep_texts texts;
    const char *text;
    size_t at;
    uint32_t rows = 0;
    FUZZ_CHECK(keep_read_answer(answer, &head, &text, &at));
    FUZZ_CHECK(head.result >= 0 || text[0] != '\0' || head.result == -6); /* there is none */
    while (keep_next_row(answer, &at, &row, &texts)) {
        rows++;
        FUZZ_CHECK(texts.lengths[0] <= 255 && texts.lengths[1] <= 65536);
    }
    FUZZ_CHECK(rows == head.row_count && at == answer->length);
}

static void ask_well_formed(struct keep *keep, struct feed *feed, struct buf *ask,
                            struct buf *answer) {
    struct keep_ask head = {.kind = feed_byte(feed) % (KEEP_DUE_NEXT + 2),
                            .flags = (uint32_t)feed_number(feed, 2),
                            .guild_id = feed_byte(feed) % 3,
                            .number = feed_number(feed, 2),
                            .amount = (int64_t)feed_number(feed, 3),
                            .at_ms = feed_number(feed, 6),
                            .period_ms = feed_number(feed, 3)};
    struct keep_texts texts = {{0}, {0}};
    for (int i = 0; i < 3; i++) {
        texts.texts[i] = (const char *)feed_bytes(feed, feed_byte(feed) % 32, &texts.lengths[i]);
    }
    now_ms += feed_byte(feed);
    FUZZ_CHECK(keep_write_ask(ask, &head, &texts));
    FUZZ_CHECK(keep_serve(keep, ask, answer));
    read_all(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct feed feed = {bytes, length};
    struct keep_options options = {.most_bytes = 1 << 18, .now_ms = fuzz_now_ms};
    struct keep *keep = keep_create(&options, NULL);
    struct buf ask = {0};
    struct buf answer = {0};
    FUZZ_CHECK(keep != NULL);
    now_ms = 1000000;
    for (int i = 0; i < 64 && feed.left > 0; i++) {
        if ((feed_byte(&feed) & 7) != 0) {
            ask_well_formed(keep, &feed, &ask, &answer);
            continue;
        }
        size_t cut;
        const uint8_t *raw = feed_bytes(&feed, feed_byte(&feed), &cut);
        uint8_t *copy = fuzz_copy(raw, cut, 0, 0);
        struct buf malformed = {.bytes = (char *)copy, .length = cut};
        FUZZ_CHECK(keep_serve(keep, &malformed, &answer));
        read_all(&answer);
        free(copy);
    }
    keep_destroy(keep);
    buf_finish(&ask);
    buf_finish(&answer);
    return 0;
}
