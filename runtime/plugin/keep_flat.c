/* plugin/keep_flat.c: questions and answers of keep.h as bytes. */
#include "plugin/keep.h"

#include <string.h>

static bool put_texts(struct buf *out, const struct keep_texts *texts) {
    bool ok = true;
    for (int i = 0; i < 3; i++) {
        ok = ok &&
             buf_append(out, texts->texts[i] != NULL ? texts->texts[i] : "",
                        texts->texts[i] != NULL ? texts->lengths[i] : 0) &&
             buf_append(out, "", 1);
    }
    return ok;
}

static bool pad(struct buf *out) {
    static const char zeros[8] = "";
    return buf_append(out, zeros, (8 - out->length % 8) % 8);
}

/* Three texts from *at on, each with its NUL. */
static bool take_texts(const struct buf *bytes, size_t *at, const uint32_t *lengths,
                       struct keep_texts *texts) {
    for (int i = 0; i < 3; i++) {
        if (bytes->length - *at <= lengths[i] || bytes->bytes[*at + lengths[i]] != '\0') {
            return false;
        }
        texts->texts[i] = bytes->bytes + *at;
        texts->lengths[i] = lengths[i];
        *at += (size_t)lengths[i] + 1;
    }
    return true;
}

bool keep_write_ask(struct buf *out, const struct keep_ask *ask, const struct keep_texts *texts) {
    struct keep_ask head = *ask;
    head.first_length = (uint32_t)(texts->texts[0] != NULL ? texts->lengths[0] : 0);
    head.second_length = (uint32_t)(texts->texts[1] != NULL ? texts->lengths[1] : 0);
    head.third_length = (uint32_t)(texts->texts[2] != NULL ? texts->lengths[2] : 0);
    buf_clear(out);
    return buf_append(out, &head, sizeof(head)) && put_texts(out, texts);
}

bool keep_read_ask(const struct buf *bytes, struct keep_ask *ask, struct keep_texts *texts) {
    size_t at = sizeof(*ask);
    if (bytes->length < sizeof(*ask)) {
        return false;
    }
    memcpy(ask, bytes->bytes, sizeof(*ask));
    const uint32_t lengths[3] = {ask->first_length, ask->second_length, ask->third_length};
    return take_texts(bytes, &at, lengths, texts) && at == bytes->length;
}

bool keep_write_row(struct buf *rows, const struct keep_row *row, const struct keep_texts *texts) {
    struct keep_row head = *row;
    head.first_length = (uint32_t)texts->lengths[0];
    head.second_length = (uint32_t)texts->lengths[1];
    head.third_length = (uint32_t)texts->lengths[2];
    return buf_append(rows, &head, sizeof(head)) && put_texts(rows, texts) && pad(rows);
}

bool keep_write_answer(struct buf *out, const struct keep_answer *answer, const char *text,
                       const struct buf *rows) {
    struct keep_answer head = *answer;
    head.text_length = (uint32_t)strlen(text);
    buf_clear(out);
    return buf_append(out, &head, sizeof(head)) &&
           buf_append(out, text, (size_t)head.text_length + 1) && pad(out) &&
           buf_append(out, rows->length > 0 ? rows->bytes : "", rows->length);
}

bool keep_read_answer(const struct buf *bytes, struct keep_answer *answer, const char **text,
                      size_t *at) {
    if (bytes->length < sizeof(*answer)) {
        return false;
    }
    memcpy(answer, bytes->bytes, sizeof(*answer));
    size_t end = sizeof(*answer) + (size_t)answer->text_length + 1;
    *text = bytes->bytes + sizeof(*answer);
    *at = (end + 7) & ~(size_t)7;
    return *at <= bytes->length && (*text)[answer->text_length] == '\0';
}

bool keep_next_row(const struct buf *bytes, size_t *at, struct keep_row *row,
                   struct keep_texts *texts) {
    size_t from = *at;
    if (bytes->length - from < sizeof(*row)) {
        return false;
    }
    memcpy(row, bytes->bytes + from, sizeof(*row));
    from += sizeof(*row);
    const uint32_t lengths[3] = {row->first_length, row->second_length, row->third_length};
    if (!take_texts(bytes, &from, lengths, texts)) {
        return false;
    }
    from = (from + 7) & ~(size_t)7;
    *at = from < bytes->length ? from : bytes->length;
    return true;
}
