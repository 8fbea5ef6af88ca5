/* sim/ws.c: WebSocket frames, server side. Pure. */
#include "sim/ws.h"

#include "base/text.h"

#include <string.h>

struct header {
    bool fin;
    uint8_t opcode;
    size_t size;
    uint64_t length;
    unsigned char mask[4];
};

static enum sim_ws_result broken(struct sim_ws_item *item, uint16_t code, const char *reason) {
    item->code = code;
    item->reason = reason;
    return SIM_WS_BROKEN;
}

/* The length field may only come once its bytes are there. */
static bool read_header(const unsigned char *bytes, size_t length, struct header *header) {
    if (length < 2) {
        return false;
    }
    uint64_t size = bytes[1] & 0x7f;
    size_t at = 2;
    size_t wide = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (length < at + wide + 4) {
        return false;
    }
    if (wide > 0) {
        size = 0;
        for (size_t i = 0; i < wide; i++) {
            size = size << 8 | bytes[at++];
        }
    }
    memcpy(header->mask, bytes + at, 4);
    header->fin = (bytes[0] & 0x80) != 0;
    header->opcode = bytes[0] & 0x0f;
    header->size = at + 4;
    header->length = size;
    return true;
}

/* The rules that need only the first two bytes and the length. */
static enum sim_ws_result check_header(const unsigned char *bytes, const struct header *header,
                                       struct sim_ws_item *item) {
    if ((bytes[0] & 0x70) != 0) {
        return broken(item, 1002, "reserved bits are set");
    }
    if (header->opcode > 10 || (header->opcode > 2 && header->opcode < 8)) {
        return broken(item, 1002, "unknown frame opcode");
    }
    if (header->opcode >= 8 && (!header->fin || header->length > 125)) {
        return broken(item, 1002, "control frame fragmented or too long");
    }
    if (header->length > SIM_WS_MESSAGE_MOST) {
        return broken(item, 1009, "frame too long");
    }
    return SIM_WS_SKIP;
}

static void unmask(char *bytes, size_t length, const unsigned char mask[4]) {
    for (size_t i = 0; i < length; i++) {
        bytes[i] = (char)((unsigned char)bytes[i] ^ mask[i & 3]);
    }
}

static enum sim_ws_result finish_message(struct sim_ws *ws, const char *bytes, size_t length,
                                         struct sim_ws_item *item) {
    item->bytes = bytes;
    item->length = length;
    item->binary = ws->binary;
    ws->fragmented = false;
    if (!ws->binary && !text_utf8_valid(bytes, length)) {
        return broken(item, 1007, "text is not UTF-8");
    }
    return SIM_WS_GOT_MESSAGE;
}

static enum sim_ws_result data_frame(struct sim_ws *ws, const struct header *header,
                                     const char *bytes, struct sim_ws_item *item) {
    bool continues = header->opcode == SIM_WS_CONTINUE;
    size_t length = (size_t)header->length;
    if (continues != ws->fragmented) {
        return broken(item, 1002, "fragments out of order");
    }
    if (!continues) {
        ws->binary = header->opcode == SIM_WS_BINARY;
        if (header->fin) {
            return finish_message(ws, bytes, length, item);
        }
        buf_clear(&ws->partial);
    }
    if (ws->partial.length + length > SIM_WS_MESSAGE_MOST) {
        return broken(item, 1009, "message too long");
    }
    ws->fragmented = true;
    if (!buf_append(&ws->partial, bytes, length)) {
        return broken(item, 1011, "no memory");
    }
    return header->fin ? finish_message(ws, ws->partial.bytes, ws->partial.length, item)
                       : SIM_WS_SKIP;
}

static enum sim_ws_result close_frame(const char *bytes, size_t length, struct sim_ws_item *item) {
    item->code = 1005;
    item->bytes = bytes;
    item->length = 0;
    if (length == 1) {
        return broken(item, 1002, "close frame of one byte");
    }
    if (length >= 2) {
        item->code = (uint16_t)((unsigned char)bytes[0] << 8 | (unsigned char)bytes[1]);
        item->bytes = bytes + 2;
        item->length = length - 2;
    }
    return SIM_WS_GOT_CLOSE;
}

enum sim_ws_result sim_ws_step(struct sim_ws *ws, char *bytes, size_t length, size_t *used,
                               struct sim_ws_item *item) {
    struct header header;
    *item = (struct sim_ws_item){.code = 1005};
    *used = 0;
    if (length >= 2 && ((unsigned char)bytes[1] & 0x80) == 0) {
        return broken(item, 1002, "client frames must be masked");
    }
    if (!read_header((const unsigned char *)bytes, length, &header)) {
        return SIM_WS_NEED_MORE;
    }
    if (check_header((const unsigned char *)bytes, &header, item) == SIM_WS_BROKEN) {
        return SIM_WS_BROKEN;
    }
    if (length - header.size < header.length) {
        return SIM_WS_NEED_MORE;
    }
    char *payload = bytes + header.size;
    size_t size = (size_t)header.length;
    unmask(payload, size, header.mask);
    *used = header.size + size;
    if (header.opcode == SIM_WS_CLOSE) {
        return close_frame(payload, size, item);
    }
    if (header.opcode == SIM_WS_PING || header.opcode == SIM_WS_PONG) {
        item->bytes = payload;
        item->length = size;
        return header.opcode == SIM_WS_PING ? SIM_WS_GOT_PING : SIM_WS_SKIP;
    }
    return data_frame(ws, &header, payload, item);
}

void sim_ws_finish(struct sim_ws *ws) {
    buf_finish(&ws->partial);
    ws->fragmented = false;
}

size_t sim_ws_header(unsigned char out[SIM_WS_HEADER_MOST], uint8_t first, uint64_t length) {
    out[0] = first;
    if (length < 126) {
        out[1] = (unsigned char)length;
        return 2;
    }
    size_t wide = length <= 0xffff ? 2 : 8;
    out[1] = wide == 2 ? 126 : 127;
    for (size_t i = 0; i < wide; i++) {
        out[2 + i] = (unsigned char)(length >> (8 * (wide - 1 - i)));
    }
    return 2 + wide;
}

bool sim_ws_frame(struct buf *out, uint8_t first, const void *bytes, size_t length) {
    unsigned char header[SIM_WS_HEADER_MOST];
    size_t size = sim_ws_header(header, first, length);
    return buf_reserve(out, size + length) && buf_append(out, header, size) &&
           buf_append(out, bytes, length);
}

bool sim_ws_close_frame(struct buf *out, uint16_t code, const char *reason) {
    char body[125];
    size_t length = 0;
    if (code != 0 && code != 1005) {
        size_t text = strnlen(reason, sizeof(body) - 2);
        body[0] = (char)(code >> 8);
        body[1] = (char)(code & 0xff);
        memcpy(body + 2, reason, text);
        length = text + 2;
    }
    return sim_ws_frame(out, 0x80 | SIM_WS_CLOSE, body, length);
}
