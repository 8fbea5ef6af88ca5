/* fuzz/frame.c: what a worker's process may send up its channel: packets of any bytes, cut as the
 * input says. A message that is whole fits its lengths, and whatever may rise can be read. */
#include "fuzz.h"

#include "plugin/frame.h"
#include "plugin/keep.h"

static void look_at(struct frame_intake *intake, size_t files) {
    struct port_message *message = (struct port_message *)(void *)intake->message.bytes;
    struct err err = {0};
    FUZZ_CHECK(intake->message.length ==
               sizeof(*message) + message->name_length + message->data_length + 2);
    FUZZ_CHECK(intake->message.bytes[intake->message.length - 1] == '\0');
    if (!frame_may_rise(message, files, &err)) {
        FUZZ_CHECK(err.code == ERR_PROTOCOL && err.text[0] != '\0');
        return;
    }
    FUZZ_CHECK(strlen(port_name(message)) == message->name_length);
    if (message->kind == PORT_REST || message->kind == PORT_ANSWER) {
        int fds[FRAME_FILES_MAX] = {0};
        char *data = intake->message.bytes + sizeof(*message) + message->name_length + 1;
        FUZZ_CHECK(frame_files_in(data, message->data_length, fds, files) == files);
    }
    if (message->kind == PORT_KEEP) {
        struct buf ask = {.bytes = intake->message.bytes + sizeof(*message) + 1,
                          .length = message->data_length};
        struct keep_ask head;
        struct keep_texts texts;
        (void)keep_read_ask(&ask, &head, &texts);
    }
}

/* The input: for each packet its length (two bytes), how many descriptors come, then its bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    struct frame_intake intake = {0};
    size_t at = 0;
    while (size - at >= 3) {
        size_t length = (size_t)input[at] | (size_t)input[at + 1] << 8;
        size_t files = input[at + 2] % (FRAME_FILES_MAX + 1);
        bool first;
        struct err err = {0};
        at += 3;
        length = length < size - at ? length : size - at;
        uint8_t *packet = fuzz_copy(input + at, length, 0, 0);
        enum frame_result result = frame_take(&intake, packet, length, &first, &err);
        free(packet);
        at += length;
        if (result == FRAME_BROKEN) {
            FUZZ_CHECK(err.code == ERR_PROTOCOL && err.text[0] != '\0');
            break; /* as the host does */
        }
        FUZZ_CHECK(result != FRAME_DYING || intake.words.count <= FRAME_ADDRESSES_MAX);
        if (result == FRAME_WHOLE) {
            look_at(&intake, files);
        }
    }
    frame_finish(&intake);
    return 0;
}
