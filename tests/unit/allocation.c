/* tests/unit/allocation.c: an event costs no allocation. malloc, calloc and realloc are counted
 * (the linker wraps them); what the shared libraries of the compressions take shows in the heap. */
#include "intake_rig.h"

#include <malloc.h>

enum { WARM = 500, MEASURED = 10000 };

static unsigned long allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size) {
    allocations++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    allocations++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
    allocations++;
    return __real_realloc(old, size);
}

/* A message as it comes off the wire: in one piece, unless it is large. */
static void feed(struct rig *rig, uint64_t seq) {
    const char *text = rig_event(rig, seq, seq % 50 == 0 ? 30000 : seq * 31 % 2000);
    rig_pack(rig, text, strlen(text), true);
    size_t at = 0;
    while (at < rig->packed_length) {
        size_t piece = rig->packed_length - at < PIECE ? rig->packed_length - at : PIECE;
        assert_int_equal(intake_feed(rig->intake, rig->packed + at, piece, at == 0,
                                     at + piece == rig->packed_length, true, &rig->err),
                         INTAKE_FINE);
        at += piece;
    }
    rig->packed_length = 0;
}

static void an_event_costs_no_allocation(void **state) {
    static const enum compress kinds[] = {COMPRESS_ZLIB_STREAM, COMPRESS_ZSTD_STREAM,
                                          COMPRESS_PAYLOAD, COMPRESS_NONE};
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        struct rig rig;
        rig_open(&rig, kinds[k]);
        uint64_t seq = 0;
        while (seq < WARM) {
            feed(&rig, ++seq);
        }
        uint64_t counted = intake_stats(rig.intake)->allocations;
        size_t heap = mallinfo2().uordblks;
        allocations = 0;
        while (seq < WARM + MEASURED) {
            feed(&rig, ++seq);
        }
        assert_int_equal(allocations, 0);
        assert_int_equal(mallinfo2().uordblks, heap);
        assert_int_equal(intake_stats(rig.intake)->allocations, counted);
        assert_int_equal(rig.dispatches, WARM + MEASURED);
        rig_close(&rig);
    }
}

static void the_counter_counts(void **state) {
    struct rig rig;
    rig_open(&rig, COMPRESS_NONE);
    allocations = 0;
    uint64_t before = intake_stats(rig.intake)->allocations;
    const char *text = rig_event(&rig, 1, 300000);
    assert_int_equal(rig_feed(&rig, text, strlen(text), false), INTAKE_FINE);
    assert_true(allocations > 1);
    assert_true(intake_stats(rig.intake)->allocations > before);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_costs_no_allocation),
        cmocka_unit_test(the_counter_counts),
    };
    return cmocka_run_group_tests_name("allocation", tests, NULL, NULL);
}
