/* fuzz/ring.c: recovery of a damaged ring. Records are published, then the fuzzer damages the
 * files as it likes, then the ring is opened again and read. Nothing crashes; what is delivered is
 * what was published, in order; whatever is missing was told; what was not touched is delivered;
 * and afterwards the ring works. */
#include "fuzz.h"

#include "ring/format.h"
#include "ring/reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CAPACITY = 64 * 1024, FILE_BYTES = RING_PAGE + CAPACITY, RECORDS_MOST = 600 };

struct published {
    uint64_t offset;
    uint64_t seq;
    uint32_t length;
    bool whole; /* its bytes in the file are what they were */
};

struct bench {
    struct feed feed;
    struct ring *ring;
    struct ring_recovery recovery;
    struct published records[RECORDS_MOST];
    size_t count;
    uint64_t head;
    uint64_t tail;
    uint64_t position; /* of the cursor before the damage */
    bool head_hurt;    /* the part of the header that moves */
    bool header_hurt;  /* the part that does not */
    bool cursor_hurt;
    bool planted; /* there are records that nobody published */
    uint8_t before[FILE_BYTES];
    uint8_t after[FILE_BYTES];
};

static char directory[256];
static char ring_path[300];
static char cursor_path[300];

static void clean(void) {
    char bad[320];
    (void)unlink(ring_path);
    (void)unlink(cursor_path);
    (void)snprintf(bad, sizeof(bad), "%s.bad", ring_path);
    (void)unlink(bad);
}

static void clean_all(void) {
    clean();
    (void)rmdir(directory);
}

static void prepare(void) {
    if (directory[0] == '\0') {
        const char *place = getenv("TMPDIR");
        (void)snprintf(directory, sizeof(directory), "%s/drey-fuzz-XXXXXX",
                       place != NULL ? place : "/tmp");
        FUZZ_CHECK(mkdtemp(directory) != NULL);
        (void)snprintf(ring_path, sizeof(ring_path), "%s/events.ring", directory);
        (void)snprintf(cursor_path, sizeof(cursor_path), "%s/cursor", directory);
        (void)atexit(clean_all);
    }
    clean();
}

static void open_ring(struct bench *bench, uint64_t capacity) {
    struct err err = {0};
    struct ring_options options = {ring_path, "main", capacity, capacity};
    bench->ring = ring_open(&options, &bench->recovery, &err);
    if (bench->ring == NULL) {
        (void)fprintf(stderr, "%s\n", err.text);
    }
    FUZZ_CHECK(bench->ring != NULL);
}

/* ---- before the damage ---- */

static uint8_t letter(uint64_t seq, uint32_t place) {
    return (uint8_t)('a' + (seq * 7 + place) % 26);
}

static bool publish(struct bench *bench, uint64_t seq, uint32_t length) {
    uint8_t *space;
    if (!ring_reserve(bench->ring, length, &space)) {
        return false;
    }
    for (uint32_t i = 0; i < length; i++) {
        space[i] = letter(seq, i);
    }
    struct ring_record record = {
        .kind = RING_EVENT, .seq = seq, .length = length, .d_length = length, .shard = 1};
    uint64_t offset = ring_publish(bench->ring, &record);
    if (bench->count < RECORDS_MOST) {
        bench->records[bench->count++] = (struct published){offset, seq, length, true};
    }
    return true;
}

/* Some laps, with a reader that has read some of the last one. */
static void fill(struct bench *bench) {
    struct err err = {0};
    bool known;
    bool lapped;
    uint8_t shape = feed_byte(&bench->feed);
    unsigned count = feed_byte(&bench->feed) + 1u;
    uint32_t size = (uint32_t)feed_number(&bench->feed, 2) % 3000;
    struct cursor *cursor = cursor_open(cursor_path, bench->ring, &known, &lapped, &err);
    FUZZ_CHECK(cursor != NULL);
    for (unsigned i = 0; i < count; i++) {
        FUZZ_CHECK(publish(bench, i + 1, shape % 2 == 0 ? size : (i * 131 + size) % 2000));
    }
    struct reader *reader =
        reader_open(ring_fd(bench->ring), cursor_fd(cursor), cursor_wake_fd(cursor), &err);
    FUZZ_CHECK(reader != NULL);
    struct ring_record record;
    for (unsigned i = 0; i < shape && reader_peek(reader, &record) != READER_EMPTY; i++) {
        (void)reader_begin(reader);
        reader_advance(reader);
    }
    reader_close(reader);
    bench->position = cursor_position(cursor);
    bench->head = ring_head(bench->ring);
    bench->tail = ring_tail(bench->ring);
    cursor_close(cursor);
    ring_close(bench->ring);
}

/* ---- the damage ---- */

static void read_file(uint8_t out[FILE_BYTES]) {
    int fd = open(ring_path, O_RDONLY);
    memset(out, 0, FILE_BYTES);
    FUZZ_CHECK(fd >= 0 && pread(fd, out, FILE_BYTES, 0) >= 0);
    close(fd);
}

static void store(const char *path, uint64_t place, const void *bytes, size_t length) {
    int fd = open(path, O_WRONLY);
    FUZZ_CHECK(fd >= 0 && pwrite(fd, bytes, length, (off_t)place) == (ssize_t)length);
    close(fd);
}

/* A record with a checksum that is right, of a hand that knows the format. */
static void plant(struct bench *bench) {
    uint64_t place = feed_number(&bench->feed, 2) * RING_ALIGN % CAPACITY;
    struct ring_record record = {
        .offset = place + feed_number(&bench->feed, 1) * CAPACITY,
        .seq = feed_number(&bench->feed, 4),
        .length = (uint32_t)feed_number(&bench->feed, 3),
        .kind = feed_byte(&bench->feed) % 4,
        .d_offset = (uint32_t)feed_number(&bench->feed, 2),
        .d_length = (uint32_t)feed_number(&bench->feed, 2),
        .shard = 1,
    };
    if (feed_byte(&bench->feed) % 4 == 0) {
        record.offset |= feed_number(&bench->feed, 8) & ~(uint64_t)(RING_ALIGN - 1);
    }
    static uint8_t message[CAPACITY];
    uint8_t file[FILE_BYTES];
    read_file(file);
    for (uint32_t i = 0; i < record.length && i < CAPACITY; i++) {
        message[i] = file[RING_PAGE + (place + RING_ALIGN + i) % CAPACITY];
    }
    if (record.length <= CAPACITY) {
        record.crc = record_crc(&record, message);
    }
    store(ring_path, RING_PAGE + place, &record, sizeof(record));
    bench->planted = true;
}

/* A header with a checksum that is right. */
static void rewrite_header(struct bench *bench) {
    struct ring_file file;
    int fd = open(ring_path, O_RDONLY);
    FUZZ_CHECK(fd >= 0);
    ssize_t got = pread(fd, &file, sizeof(file), 0);
    close(fd);
    if (got != (ssize_t)sizeof(file)) {
        return;
    }
    switch (feed_byte(&bench->feed) % 4) {
    case 0:
        file.version = (uint32_t)feed_number(&bench->feed, 4);
        break;
    case 1:
        file.capacity = feed_number(&bench->feed, 8);
        break;
    case 2:
        file.capacity = feed_number(&bench->feed, 1) * RING_PAGE;
        break;
    default:
        memset(file.owner, feed_byte(&bench->feed), sizeof(file.owner));
        break;
    }
    file.crc = ring_file_crc(&file);
    store(ring_path, 0, &file, offsetof(struct ring_file, head));
    bench->header_hurt = true;
}

static void move_bounds(struct bench *bench) {
    uint8_t which = feed_byte(&bench->feed);
    uint64_t value = which % 4 == 3 ? feed_number(&bench->feed, 8)
                                    : (which % 2 == 0 ? bench->head : bench->tail) +
                                          ((uint64_t)feed_byte(&bench->feed) - 128) * RING_ALIGN;
    uint64_t place =
        (which & 8) != 0 ? offsetof(struct ring_file, tail) : offsetof(struct ring_file, head);
    store(ring_path, place, &value, sizeof(value));
}

static void hurt(struct bench *bench) {
    uint64_t place = 0;
    uint8_t bytes[2048];
    struct feed *feed = &bench->feed;
    switch (feed_byte(feed) % 9) {
    case 0:
    case 1: /* stray bytes */
        bytes[0] = feed_byte(feed);
        place = feed_number(feed, 3) % FILE_BYTES;
        store(ring_path, place, bytes, 1);
        break;
    case 2:
        move_bounds(bench);
        break;
    case 3:
        FUZZ_CHECK(truncate(ring_path, (off_t)(feed_number(feed, 3) % FILE_BYTES)) == 0);
        break;
    case 4: /* a page that was never written */
        memset(bytes, 0, sizeof(bytes));
        place = feed_number(feed, 3) % (FILE_BYTES - sizeof(bytes));
        store(ring_path, place, bytes, feed_number(feed, 2) % sizeof(bytes));
        break;
    case 5:
        plant(bench);
        break;
    case 6:
        bytes[0] = feed_byte(feed);
        store(cursor_path, feed_number(feed, 1) % 64, bytes, 1);
        bench->cursor_hurt = true;
        break;
    case 7: { /* a block at a place of another */
        uint8_t file[FILE_BYTES];
        read_file(file);
        uint64_t from = feed_number(feed, 2) * RING_ALIGN % CAPACITY;
        place = feed_number(feed, 2) * RING_ALIGN % CAPACITY;
        store(ring_path, RING_PAGE + place, file + RING_PAGE + from, RING_ALIGN);
        break;
    }
    default:
        rewrite_header(bench);
        break;
    }
}

/* What of the file is still what it was. */
static void survey(struct bench *bench) {
    read_file(bench->after);
    struct stat st;
    FUZZ_CHECK(stat(ring_path, &st) == 0);
    size_t fixed = offsetof(struct ring_file, head);
    bench->header_hurt = bench->header_hurt || st.st_size < FILE_BYTES ||
                         memcmp(bench->before, bench->after, fixed) != 0;
    bench->head_hurt = memcmp(bench->before + fixed, bench->after + fixed, 128) != 0;
    for (size_t i = 0; i < bench->count; i++) {
        struct published *record = &bench->records[i];
        uint64_t span = record_span(record->length);
        if (record->offset < bench->tail) {
            record->whole = false; /* given up before */
        }
        for (uint64_t at = record->offset; record->whole && at < record->offset + span; at++) {
            uint64_t place = RING_PAGE + at % CAPACITY;
            record->whole = bench->before[place] == bench->after[place];
        }
    }
}

/* ---- afterwards ---- */

static const struct published *find(const struct bench *bench, uint64_t offset) {
    for (size_t i = 0; i < bench->count; i++) {
        if (bench->records[i].offset == offset) {
            return &bench->records[i];
        }
    }
    return NULL;
}

static void check_record(const struct bench *bench, const struct ring_record *record,
                         const uint8_t *message) {
    FUZZ_CHECK((uint64_t)record->d_offset + record->d_length <= record->length);
    FUZZ_CHECK(message[record->length] == 0);
    if (bench->planted) {
        return;
    }
    const struct published *known = find(bench, record->offset);
    FUZZ_CHECK(known != NULL && known->seq == record->seq && known->length == record->length);
    for (uint32_t i = 0; i < record->length; i++) {
        FUZZ_CHECK(message[i] == letter(record->seq, i));
    }
}

/* Everything from the cursor on. */
static void read_all(struct bench *bench, struct reader *reader, uint64_t from) {
    struct ring_record record;
    const uint8_t *message = NULL;
    bool gap = bench->cursor_hurt; /* then it may have been anywhere */
    uint64_t at = gap ? 0 : from;
    unsigned turns = 0;
    enum reader_result result;
    while ((result = reader_take(reader, &record, &message)) != READER_EMPTY) {
        FUZZ_CHECK(turns++ < 5000);
        if (result == READER_RECORD && record.kind == RING_EVENT) {
            check_record(bench, &record, message);
            FUZZ_CHECK(record.offset >= at);
            /* Nothing between is passed over in silence. */
            FUZZ_CHECK(record.offset == at || gap || bench->planted);
            at = record.offset + record_span(record.length);
            gap = false;
        } else {
            gap = true;
        }
        (void)reader_begin(reader);
        reader_advance(reader);
    }
}

static struct reader *attach(struct bench *bench, const char *path, struct cursor **cursor) {
    struct err err = {0};
    bool known;
    bool lapped;
    *cursor = cursor_open(path, bench->ring, &known, &lapped, &err);
    FUZZ_CHECK(*cursor != NULL && ring_attach(bench->ring, *cursor, true, &err));
    struct reader *reader =
        reader_open(ring_fd(bench->ring), cursor_fd(*cursor), cursor_wake_fd(*cursor), &err);
    FUZZ_CHECK(reader != NULL);
    return reader;
}

/* What nobody touched is there, unless the file as a whole could not be trusted. */
static void check_kept(const struct bench *bench) {
    const struct ring_recovery *recovery = &bench->recovery;
    uint64_t head = ring_head(bench->ring);
    uint64_t tail = ring_tail(bench->ring);
    uint64_t capacity = ring_capacity(bench->ring);
    /* A head that was set forward within reason cannot be told from pages that a power cut kept
     * from the disk: what may have been there is told as lost, and the ring's other end makes way.
     */
    uint64_t made_way = head > bench->head && head > capacity ? head - capacity : 0;
    FUZZ_CHECK(tail <= head && head - tail <= capacity);
    if (recovery->fresh) {
        FUZZ_CHECK(recovery->reason[0] != '\0' && (bench->header_hurt || bench->planted));
        return;
    }
    if (bench->planted || bench->header_hurt || ring_capacity(bench->ring) < CAPACITY) {
        return;
    }
    bool lost = false;
    for (size_t i = 0; i < bench->count; i++) {
        const struct published *record = &bench->records[i];
        bool inside = record->offset >= tail && record->offset < head;
        FUZZ_CHECK(!record->whole || inside || record->offset < made_way);
        lost = lost || (record->offset >= bench->tail && !inside);
    }
    FUZZ_CHECK(!lost || recovery->reason[0] != '\0' || bench->head_hurt);
}

static void check_works(struct bench *bench, struct reader *reader) {
    for (unsigned i = 0; i < 40; i++) {
        struct ring_record record;
        const uint8_t *message = NULL;
        uint64_t seq = 100000 + i;
        FUZZ_CHECK(publish(bench, seq, i * 211 % 4000));
        ring_wake(bench->ring);
        FUZZ_CHECK(reader_take(reader, &record, &message) == READER_RECORD);
        FUZZ_CHECK(record.seq == seq && (record.length == 0 || message[0] == letter(seq, 0)));
        FUZZ_CHECK(reader_begin(reader) == 1);
        reader_advance(reader);
        FUZZ_CHECK(reader_peek(reader, &record) == READER_EMPTY);
    }
}

/* Full, with a reader that does not read: it is moved on, is told, and the rest is whole. */
static void check_full(struct bench *bench, struct reader *reader) {
    struct ring_record record;
    const uint8_t *message = NULL;
    uint64_t seq = 200000;
    FUZZ_CHECK(reader_sleep(reader));
    while (publish(bench, seq, 900)) {
        FUZZ_CHECK(seq++ < 200000 + 400);
    }
    ring_wake(bench->ring);
    reader_awake(reader);
    FUZZ_CHECK(seq > 200000 + 20 && ring_last_seq(bench->ring, 0, 1, 0) >= seq - 1);
    FUZZ_CHECK(ring_make_way(bench->ring, 900) > 0 && publish(bench, seq++, 900));
    FUZZ_CHECK(ring_publish_gap(bench->ring, RING_GAP_SESSION, 1, 5, 6));
    FUZZ_CHECK(reader_take(reader, &record, &message) == READER_GAP);
    reader_advance(reader);
    uint64_t last = 0;
    while (reader_take(reader, &record, &message) == READER_RECORD && record.kind == RING_EVENT) {
        FUZZ_CHECK(last == 0 || record.seq == last + 1);
        FUZZ_CHECK(message[899] == letter(record.seq, 899));
        last = record.seq;
        reader_advance(reader);
    }
    FUZZ_CHECK(last == seq - 1 && record.kind == RING_GAP);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    static struct bench bench;
    memset(&bench, 0, sizeof(bench));
    bench.feed = (struct feed){input, size};
    prepare();
    open_ring(&bench, CAPACITY);
    fill(&bench);
    read_file(bench.before);
    uint8_t grows = feed_byte(&bench.feed);
    for (unsigned i = 0; bench.feed.left > 0 && i < 24; i++) {
        hurt(&bench);
    }
    survey(&bench);
    open_ring(&bench, grows % 8 == 1 ? (uint64_t)CAPACITY * 2 : CAPACITY);
    check_kept(&bench);
    struct cursor *cursor;
    struct reader *reader = attach(&bench, cursor_path, &cursor);
    read_all(&bench, reader, bench.position);
    check_works(&bench, reader);
    check_full(&bench, reader);
    reader_close(reader);
    ring_detach(bench.ring, cursor);
    cursor_close(cursor);
    ring_close(bench.ring);
    return 0;
}
