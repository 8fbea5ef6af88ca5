/* fuzz/simws.c: the simulator's WebSocket reader and its language of faults: whatever a client
 * sends, and however it is cut, the same comes out. */
#include "fuzz.h"

#include "sim/fault.h"
#include "sim/ws.h"

enum { TRACE_MOST = 1 << 16 };

struct trace {
    char text[TRACE_MOST];
    size_t length;
};

static void note(struct trace *trace, enum sim_ws_result result, const struct sim_ws_item *item) {
    size_t room = TRACE_MOST - trace->length;
    int wrote =
        snprintf(trace->text + trace->length, room, "%d %u %zu %d %.*s\n", (int)result, item->code,
                 item->length, item->binary, (int)(item->length < 64 ? item->length : 64),
                 item->bytes != NULL ? item->bytes : "");
    trace->length += wrote > 0 && (size_t)wrote < room ? (size_t)wrote : 0;
}

/* Bytes come as the pieces tell; all at once when there are none. */
static void read_all(const uint8_t *bytes, size_t length, struct feed *pieces,
                     struct trace *trace) {
    struct sim_ws ws = {0};
    char *all = (char *)fuzz_copy(bytes, length, 0, 0);
    size_t start = 0;
    size_t end = pieces != NULL ? 0 : length;
    for (unsigned turns = 0; turns < 100000; turns++) {
        size_t used = 0;
        struct sim_ws_item item = {0};
        char *exact = (char *)fuzz_copy((uint8_t *)all + start, end - start, 0, 0);
        enum sim_ws_result result = sim_ws_step(&ws, exact, end - start, &used, &item);
        FUZZ_CHECK(used <= end - start);
        if (result == SIM_WS_NEED_MORE) {
            free(exact);
            if (end == length) {
                break;
            }
            size_t more = 1 + feed_number(pieces, 1);
            end = length - end < more || pieces->left == 0 ? length : end + more;
            continue;
        }
        note(trace, result, &item);
        free(exact);
        start += used;
        if (result == SIM_WS_BROKEN) {
            FUZZ_CHECK(item.code != 0 && item.reason != NULL);
            break;
        }
        FUZZ_CHECK(used > 0);
    }
    sim_ws_finish(&ws);
    free(all);
}

static void check_faults(const uint8_t *bytes, size_t length) {
    struct sim_fault list[SIM_FAULTS_MOST];
    size_t count = 0;
    struct err err = {0};
    char *text = (char *)fuzz_copy(bytes, length, 1, '\0');
    if (sim_faults_parse(text, list, SIM_FAULTS_MOST, &count, &err)) {
        FUZZ_CHECK(count <= SIM_FAULTS_MOST);
        for (size_t i = 0; i < count; i++) {
            FUZZ_CHECK(list[i].verb < SIM_FAULT_COUNT);
            sim_fault_finish(&list[i]);
        }
    } else {
        FUZZ_CHECK(err.text[0] != '\0');
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    static struct trace whole;
    static struct trace cut;
    struct feed feed = {input, size};
    uint8_t mode = feed_byte(&feed);
    if (mode % 2 == 1) {
        check_faults(feed.at, feed.left);
        return 0;
    }
    size_t count;
    const uint8_t *sizes = feed_bytes(&feed, mode, &count);
    struct feed pieces = {sizes, count};
    whole.length = 0;
    cut.length = 0;
    read_all(feed.at, feed.left, NULL, &whole);
    read_all(feed.at, feed.left, &pieces, &cut);
    FUZZ_CHECK(whole.length == cut.length && memcmp(whole.text, cut.text, cut.length) == 0);
    return 0;
}
