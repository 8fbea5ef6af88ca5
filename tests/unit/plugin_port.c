/* tests/unit/plugin_port.c: boxes of messages: what waits in them is bounded by its class. */
#include "plugin/port.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LIMIT = 4096, SIZE = 100 };

static size_t fill(struct box *box, uint32_t kind, size_t limit, size_t most) {
    static const char data[SIZE] = "";
    struct port_message head = {.kind = kind, .data_length = SIZE};
    size_t count = 0;
    while (count < most && box_push(box, &head, "", data, limit)) {
        count++;
    }
    return count;
}

static size_t take(struct box *box, uint32_t kind) {
    struct buf message = {0};
    size_t count = 0;
    while (box_pop(box, &message)) {
        const struct port_message *head = (const struct port_message *)(const void *)message.bytes;
        count += head->kind == kind;
    }
    buf_finish(&message);
    return count;
}

static void no_class_takes_the_room_of_another(void **state) {
    static const uint32_t answers[] = {PORT_HELD, PORT_REST_DONE, PORT_MEMBERS, PORT_AGAIN};
    struct box *box = box_create(NULL);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        assert_int_equal(fill(box, answers[i], 0, 1000), 1000); /* bounded by what was asked */
    }
    size_t posts = fill(box, PORT_POST, LIMIT, 1000);
    assert_in_range(posts, LIMIT / (2 * SIZE), LIMIT / SIZE);
    size_t notes = fill(box, PORT_TIMER_ACK, LIMIT, 1000);
    assert_in_range(notes, LIMIT / (2 * SIZE), LIMIT / SIZE);
    assert_int_equal(fill(box, PORT_TIMER, LIMIT, 1), 0); /* of the same class */
    assert_int_equal(take(box, PORT_POST), posts);
    assert_int_equal(fill(box, PORT_TIMER, LIMIT, 1000), notes); /* what was taken has left room */
    assert_int_equal(fill(box, PORT_POST, LIMIT, 1000), posts);
    box_destroy(box);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_class_takes_the_room_of_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
