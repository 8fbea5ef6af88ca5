/* tests/unit/intake.c: whatever way messages are cut, joined and compressed, each comes out once
 * and in order; what is broken is refused; a full ring keeps dispatches and not control opcodes. */
#include "intake_rig.h"

static const enum compress all[] = {COMPRESS_NONE, COMPRESS_ZLIB_STREAM, COMPRESS_ZSTD_STREAM,
                                    COMPRESS_PAYLOAD};
enum { KINDS = sizeof(all) / sizeof(all[0]) };

static void usual_messages_are_published_where_they_were_inflated(void **state) {
    for (size_t k = 0; k < KINDS; k++) {
        struct rig rig;
        rig_open(&rig, all[k]);
        for (uint64_t seq = 1; seq <= 500; seq++) {
            assert_int_equal(rig_send_event(&rig, seq, seq * 7 % 3000), INTAKE_FINE);
        }
        rig_assert_events(&rig, 500);
        assert_int_equal(rig.in_ring, 500);
        rig_close(&rig);
    }
}

static void messages_larger_than_a_piece_and_than_the_first_room_come_whole(void **state) {
    for (size_t k = 0; k < KINDS; k++) {
        struct rig rig;
        rig_open(&rig, all[k]);
        for (uint64_t seq = 1; seq <= 6; seq++) {
            assert_int_equal(rig_send_event(&rig, seq, seq * 90000), INTAKE_FINE);
        }
        rig_assert_events(&rig, 6);
        assert_true(rig.longest > 540000);
        rig_close(&rig);
    }
}

static void a_message_in_one_byte_websocket_messages_comes_once(void **state) {
    struct rig rig;
    rig_open(&rig, COMPRESS_ZLIB_STREAM);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        const char *text = rig_event(&rig, seq, 2000);
        rig_pack(&rig, text, strlen(text), true);
        for (size_t i = 0; i < rig.packed_length; i++) {
            assert_int_equal(rig_feed(&rig, rig.packed + i, 1, true), INTAKE_FINE);
        }
        rig.packed_length = 0;
        rig_assert_events(&rig, seq);
    }
    rig_close(&rig);
}

static void a_message_cut_at_any_place_comes_once(void **state) {
    struct rig rig;
    rig_open(&rig, COMPRESS_ZLIB_STREAM);
    uint64_t seq = 0;
    for (size_t cut = 1; cut < 40; cut++) { /* from the end: within the suffix, and before it */
        const char *text = rig_event(&rig, ++seq, 100);
        rig_pack(&rig, text, strlen(text), true);
        size_t first = rig.packed_length - cut;
        assert_int_equal(rig_feed(&rig, rig.packed, first, true), INTAKE_FINE);
        assert_int_equal(rig_feed(&rig, rig.packed + first, cut, true), INTAKE_FINE);
        rig.packed_length = 0;
        rig_assert_events(&rig, seq);
    }
    rig_close(&rig);
}

static void two_messages_in_one_websocket_message_both_come(void **state) {
    static const enum compress streams[] = {COMPRESS_NONE, COMPRESS_ZLIB_STREAM,
                                            COMPRESS_ZSTD_STREAM};
    for (size_t k = 0; k < 3; k++) {
        struct rig rig;
        rig_open(&rig, streams[k]);
        for (uint64_t seq = 1; seq <= 20; seq += 2) {
            const char *text = rig_event(&rig, seq, 300);
            rig_pack(&rig, text, strlen(text), true);
            text = rig_event(&rig, seq + 1, 300);
            rig_pack(&rig, text, strlen(text), true);
            assert_int_equal(rig_feed_packed(&rig), INTAKE_FINE);
        }
        rig_assert_events(&rig, 20);
        rig_close(&rig);
    }
}

static void a_chunk_that_ends_like_a_message_by_accident_does_no_harm(void **state) {
    struct rig rig;
    rig_open(&rig, COMPRESS_ZLIB_STREAM);
    for (uint64_t seq = 1; seq <= 10; seq++) {
        const char *text = rig_event(&rig, seq, 500);
        rig_pack(&rig, text, 40 * seq, true); /* ends with 00 00 ff ff, in the middle */
        assert_memory_equal(rig.packed + rig.packed_length - 4, "\0\0\xff\xff", 4);
        assert_int_equal(rig_feed_packed(&rig), INTAKE_FINE);
        assert_int_equal(rig.dispatches, seq - 1);
        rig_pack(&rig, text + 40 * seq, strlen(text) - 40 * seq, true);
        assert_int_equal(rig_feed_packed(&rig), INTAKE_FINE);
        rig_assert_events(&rig, seq);
    }
    rig_close(&rig);
}

static void a_message_of_twenty_megabytes_comes_whole(void **state) {
    static const enum compress streams[] = {COMPRESS_ZLIB_STREAM, COMPRESS_ZSTD_STREAM};
    for (size_t k = 0; k < 2; k++) {
        struct rig rig;
        rig_open(&rig, streams[k]);
        static const char head[] = "{\"op\":0,\"s\":1,\"t\":\"GUILD_CREATE\",\"d\":\"";
        static char block[1 << 20];
        memset(block, 'g', sizeof(block));
        rig_pack(&rig, head, sizeof(head) - 1, false);
        for (int i = 0; i < 20; i++) {
            rig_pack(&rig, block, sizeof(block), false);
        }
        rig_pack(&rig, "\"}", 2, true);
        assert_int_equal(rig_feed_packed(&rig), INTAKE_FINE);
        rig_assert_events(&rig, 1);
        assert_true(rig.longest > 20 << 20);
        assert_int_equal(rig_send_event(&rig, 2, 100), INTAKE_FINE);
        rig_assert_events(&rig, 2);
        rig_close(&rig);
    }
}

static void a_bomb_is_refused(void **state) {
    static const enum compress streams[] = {COMPRESS_ZLIB_STREAM, COMPRESS_ZSTD_STREAM};
    for (size_t k = 0; k < 2; k++) {
        struct rig rig;
        rig_open(&rig, streams[k]);
        static char block[1 << 20];
        memset(block, 'b', sizeof(block));
        rig_pack(&rig, "{\"op\":0,\"d\":\"", 13, false);
        for (int i = 0; i < 70; i++) {
            rig_pack(&rig, block, sizeof(block), i == 69);
        }
        assert_true(rig.packed_length < 200000);
        assert_int_equal(rig_feed_packed(&rig), INTAKE_BROKEN);
        assert_non_null(strstr(rig.err.text, "more than"));
        assert_true(intake_stats(rig.intake)->bytes_inflated <= INTAKE_INFLATED_MAX + 1);
        rig_close(&rig);
    }
}

static void too_much_on_the_wire_is_refused(void **state) {
    struct rig rig;
    rig_open(&rig, COMPRESS_ZLIB_STREAM);
    static char block[PIECE];
    memset(block, ' ', sizeof(block));
    enum intake_result result = INTAKE_FINE;
    size_t fed = 0;
    while (result == INTAKE_FINE && fed <= 2 * (size_t)INTAKE_WIRE_MAX) {
        result =
            intake_feed(rig.intake, (const uint8_t *)block, PIECE, fed == 0, false, true, &rig.err);
        fed += PIECE;
    }
    assert_int_equal(result, INTAKE_BROKEN);
    assert_int_equal(fed, INTAKE_WIRE_MAX + PIECE);
    rig_close(&rig);
}

/* A bit is flipped at each place in turn. What is still JSON cannot be told from what was sent. */
static void a_corrupt_byte_anywhere_is_survived(void **state) {
    static const enum compress streams[] = {COMPRESS_ZLIB_STREAM, COMPRESS_ZSTD_STREAM};
    for (size_t k = 0; k < 2; k++) {
        struct rig rig;
        rig_open(&rig, streams[k]);
        unsigned broken = 0;
        for (size_t place = 0; place < 150; place++) {
            deflateReset(&rig.deflate);
            ZSTD_CCtx_reset(rig.zstd, ZSTD_reset_session_only);
            intake_reset(rig.intake);
            rig.packed_length = 0;
            const char *text = rig_event(&rig, 1, 200);
            rig_pack(&rig, text, strlen(text), true);
            rig.packed[place % rig.packed_length] ^= 0x10;
            enum intake_result result = rig_feed_packed(&rig);
            if (result != INTAKE_BROKEN) {
                result = rig_send_event(&rig, 2, 200);
            }
            broken += result == INTAKE_BROKEN ? 1 : 0;
            assert_true(result != INTAKE_BROKEN || rig.err.text[0] != '\0');
        }
        assert_true(broken > 20);
        intake_reset(rig.intake); /* a new connection: all is well again */
        deflateReset(&rig.deflate);
        ZSTD_CCtx_reset(rig.zstd, ZSTD_reset_session_only);
        rig.packed_length = 0;
        rig.dispatches = 0;
        assert_int_equal(rig_send_event(&rig, 1, 200), INTAKE_FINE);
        rig_assert_events(&rig, 1);
        rig_close(&rig);
    }
}

static void a_reset_in_the_middle_of_a_message_leaves_nothing_behind(void **state) {
    struct rig rig;
    rig_open(&rig, COMPRESS_ZLIB_STREAM);
    const char *text = rig_event(&rig, 7, 40000);
    rig_pack(&rig, text, strlen(text), true);
    uint8_t *half = rig.packed;
    assert_int_equal(intake_feed(rig.intake, half, PIECE, true, false, true, &rig.err),
                     INTAKE_FINE);
    intake_reset(rig.intake);
    deflateReset(&rig.deflate);
    rig.packed_length = 0;
    assert_int_equal(rig_send_event(&rig, 1, 100), INTAKE_FINE);
    rig_assert_events(&rig, 1);
    rig_close(&rig);
}

static void text_on_a_compressed_connection_is_taken_as_it_is(void **state) {
    for (size_t k = 0; k < KINDS; k++) {
        struct rig rig;
        rig_open(&rig, all[k]);
        assert_int_equal(rig_send_event(&rig, 1, 50), INTAKE_FINE);
        const char *text = rig_event(&rig, 2, 50);
        assert_int_equal(rig_feed(&rig, text, strlen(text), false), INTAKE_FINE);
        assert_int_equal(rig_send_event(&rig, 3, 50), INTAKE_FINE);
        rig_assert_events(&rig, 3);
        rig_close(&rig);
    }
}

static void binary_on_an_uncompressed_connection_is_taken_as_it_is(void **state) {
    struct rig rig;
    rig_open(&rig, COMPRESS_NONE);
    const char *text = rig_event(&rig, 1, 50);
    assert_int_equal(rig_feed(&rig, text, strlen(text), true), INTAKE_FINE);
    rig_assert_events(&rig, 1);
    rig_close(&rig);
}

static void empty_messages_and_white_space_are_nothing(void **state) {
    for (size_t k = 0; k < KINDS; k++) {
        struct rig rig;
        rig_open(&rig, all[k]);
        assert_int_equal(rig_feed(&rig, "", 0, true), INTAKE_FINE);
        assert_int_equal(rig_feed(&rig, "", 0, false), INTAKE_FINE);
        assert_int_equal(rig_send_event(&rig, 1, 50), INTAKE_FINE);
        assert_int_equal(rig_feed(&rig, " \r\n\t", 4, false), INTAKE_FINE);
        assert_int_equal(rig_send_event(&rig, 2, 50), INTAKE_FINE);
        rig_assert_events(&rig, 2);
        rig_close(&rig);
    }
}

static void a_message_that_ends_too_early_is_refused_where_it_must_not(void **state) {
    static const enum compress kinds[] = {COMPRESS_NONE, COMPRESS_ZSTD_STREAM, COMPRESS_PAYLOAD};
    for (size_t k = 0; k < 3; k++) {
        struct rig rig;
        rig_open(&rig, kinds[k]);
        assert_int_equal(rig_send(&rig, "{\"op\":0,\"s\":1,\"d\":{"), INTAKE_BROKEN);
        assert_non_null(strstr(rig.err.text, "too early"));
        rig_close(&rig);
    }
}

static void malformed_messages_are_refused_with_a_reason(void **state) {
    static const char *const texts[] = {"nonsense",    "[]",          "{}", "{\"op\":0,\"d\":[}]}",
                                        "{\"op\":0}]", "{\"op\":0} x"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        for (size_t k = 0; k < KINDS; k++) {
            struct rig rig;
            rig_open(&rig, all[k]);
            assert_int_equal(rig_send(&rig, texts[i]), INTAKE_BROKEN);
            assert_non_null(strstr(rig.err.text, "malformed"));
            rig_close(&rig);
        }
    }
}

static void a_zstd_window_above_the_limit_is_refused(void **state) {
    struct rig rig;
    rig_open(&rig, COMPRESS_ZSTD_STREAM);
    ZSTD_CCtx_setParameter(rig.zstd, ZSTD_c_windowLog, 24);
    assert_int_equal(rig_send_event(&rig, 1, 50), INTAKE_BROKEN);
    assert_non_null(strstr(rig.err.text, "zstd-stream"));
    rig_close(&rig);
}

static void payload_compression_mixes_text_and_independent_streams(void **state) {
    struct rig rig;
    rig_open(&rig, COMPRESS_PAYLOAD);
    for (uint64_t seq = 1; seq <= 30; seq++) {
        if (seq % 3 == 0) {
            const char *text = rig_event(&rig, seq, 100);
            assert_int_equal(rig_feed(&rig, text, strlen(text), false), INTAKE_FINE);
        } else {
            assert_int_equal(rig_send_event(&rig, seq, 60000), INTAKE_FINE);
        }
    }
    rig_assert_events(&rig, 30);
    const char *text = rig_event(&rig, 31, 100);
    rig_pack(&rig, text, strlen(text), true);
    rig_pack(&rig, text, strlen(text), true); /* a second stream behind the end of the first */
    assert_int_equal(rig_feed_packed(&rig), INTAKE_BROKEN);
    rig_close(&rig);
}

/* ---- a full ring ---- */

static void control_opcodes_do_not_wait_behind_a_full_ring(void **state) {
    for (size_t k = 0; k < KINDS; k++) {
        struct rig rig;
        rig_open(&rig, all[k]);
        rig.full = true;
        assert_int_equal(rig_send_event(&rig, 1, 50), INTAKE_STALLED);
        for (uint64_t i = 0; i < 5; i++) {
            assert_int_equal(rig_send(&rig, "{\"op\":11}"), INTAKE_STALLED);
            assert_int_equal(rig.controls, i + 1);
            assert_int_equal(rig_send_event(&rig, i + 2, 50), INTAKE_STALLED);
        }
        assert_int_equal(intake_retry(rig.intake, &rig.err), INTAKE_STALLED);
        assert_int_equal(rig.dispatches, 0);
        rig.full = false;
        assert_int_equal(intake_retry(rig.intake, &rig.err), INTAKE_FINE);
        rig_assert_events(&rig, 6);
        assert_int_equal(rig.controls, 5); /* each once */
        assert_int_equal(rig_send_event(&rig, 7, 50), INTAKE_FINE);
        rig_assert_events(&rig, 7);
        rig_close(&rig);
    }
}

static void the_end_of_a_session_waits_for_what_came_before_it(void **state) {
    for (size_t k = 0; k < KINDS; k++) {
        struct rig rig;
        rig_open(&rig, all[k]);
        rig.full = true;
        assert_int_equal(rig_send_event(&rig, 1, 50), INTAKE_STALLED);
        assert_int_equal(rig_send_event(&rig, 2, 50), INTAKE_STALLED);
        assert_int_equal(rig_send(&rig, "{\"op\":11}"), INTAKE_STALLED);
        assert_int_equal(rig_send(&rig, "{\"op\":9,\"d\":false}"), INTAKE_STALLED);
        assert_int_equal(rig_send(&rig, "{\"op\":11}"), INTAKE_STALLED);
        assert_int_equal(intake_retry(rig.intake, &rig.err), INTAKE_STALLED);
        assert_int_equal(rig.controls, 1);
        rig.full = false;
        assert_int_equal(intake_retry(rig.intake, &rig.err), INTAKE_FINE);
        rig_assert_events(&rig, 2);
        assert_int_equal(rig.controls, 3);
        rig_close(&rig);
    }
}

static void pieces_and_empty_messages_do_not_end_a_stall(void **state) {
    struct rig rig;
    rig_open(&rig, COMPRESS_NONE);
    rig.full = true;
    assert_int_equal(rig_send_event(&rig, 1, 50), INTAKE_STALLED);
    assert_int_equal(rig_feed(&rig, "", 0, false), INTAKE_STALLED);
    const char *text = rig_event(&rig, 2, 50);
    assert_int_equal(
        intake_feed(rig.intake, (const uint8_t *)text, 20, true, false, false, &rig.err),
        INTAKE_STALLED);
    assert_int_equal(intake_feed(rig.intake, (const uint8_t *)text + 20, strlen(text) - 20, false,
                                 true, false, &rig.err),
                     INTAKE_STALLED);
    rig.full = false;
    assert_int_equal(intake_retry(rig.intake, &rig.err), INTAKE_FINE);
    rig_assert_events(&rig, 2);
    rig_close(&rig);
}

static void a_stall_in_the_middle_of_many_keeps_the_order(void **state) {
    for (size_t k = 0; k < KINDS; k++) {
        struct rig rig;
        rig_open(&rig, all[k]);
        uint64_t seed = 5;
        for (uint64_t seq = 1; seq <= 400; seq++) {
            seed = seed * 6364136223846793005u + 1;
            rig.full = (seed >> 60) < 6;
            enum intake_result result = rig_send_event(&rig, seq, (seed >> 20) % 900);
            assert_true(result == INTAKE_FINE || result == INTAKE_STALLED);
            if ((seed >> 50) % 4 == 0) {
                (void)rig_send(&rig, "{\"op\":1}");
            }
            if ((seed >> 40) % 3 == 0) {
                (void)intake_retry(rig.intake, &rig.err);
            }
        }
        rig.full = false;
        assert_int_equal(intake_retry(rig.intake, &rig.err), INTAKE_FINE);
        rig_assert_events(&rig, 400);
        rig_close(&rig);
    }
}

static void a_stop_ends_the_messages_at_once(void **state) {
    struct rig rig;
    rig_open(&rig, COMPRESS_NONE);
    rig.stop_at = 2;
    for (uint64_t seq = 1; seq <= 3; seq++) {
        const char *text = rig_event(&rig, seq, 50);
        rig_pack(&rig, text, strlen(text), true);
    }
    assert_int_equal(rig_feed_packed(&rig), INTAKE_ENDED);
    rig_assert_events(&rig, 1);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_messages_are_published_where_they_were_inflated),
        cmocka_unit_test(messages_larger_than_a_piece_and_than_the_first_room_come_whole),
        cmocka_unit_test(a_message_in_one_byte_websocket_messages_comes_once),
        cmocka_unit_test(a_message_cut_at_any_place_comes_once),
        cmocka_unit_test(two_messages_in_one_websocket_message_both_come),
        cmocka_unit_test(a_chunk_that_ends_like_a_message_by_accident_does_no_harm),
        cmocka_unit_test(a_message_of_twenty_megabytes_comes_whole),
        cmocka_unit_test(a_bomb_is_refused),
        cmocka_unit_test(too_much_on_the_wire_is_refused),
        cmocka_unit_test(a_corrupt_byte_anywhere_is_survived),
        cmocka_unit_test(a_reset_in_the_middle_of_a_message_leaves_nothing_behind),
        cmocka_unit_test(text_on_a_compressed_connection_is_taken_as_it_is),
        cmocka_unit_test(binary_on_an_uncompressed_connection_is_taken_as_it_is),
        cmocka_unit_test(empty_messages_and_white_space_are_nothing),
        cmocka_unit_test(a_message_that_ends_too_early_is_refused_where_it_must_not),
        cmocka_unit_test(malformed_messages_are_refused_with_a_reason),
        cmocka_unit_test(a_zstd_window_above_the_limit_is_refused),
        cmocka_unit_test(payload_compression_mixes_text_and_independent_streams),
        cmocka_unit_test(control_opcodes_do_not_wait_behind_a_full_ring),
        cmocka_unit_test(the_end_of_a_session_waits_for_what_came_before_it),
        cmocka_unit_test(pieces_and_empty_messages_do_not_end_a_stall),
        cmocka_unit_test(a_stall_in_the_middle_of_many_keeps_the_order),
        cmocka_unit_test(a_stop_ends_the_messages_at_once),
    };
    return cmocka_run_group_tests_name("intake", tests, NULL, NULL);
}
