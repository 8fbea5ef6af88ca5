/* plugin/isolation.c: isolation as bytes: to compare, and for a worker's process. */
#include "plugin/isolation.h"

#include <inttypes.h>
#include <string.h>

const char *isolation_hold_name(enum isolation_hold hold) {
    switch (hold) {
    case ISOLATION_HOLD_NONE:
        return "off";
    case ISOLATION_HOLD_PART:
        return "partial";
    case ISOLATION_HOLD_FULL:
        return "full";
    }
    return "";
}

static bool add_texts(struct buf *out, const char *const *texts, size_t count) {
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        ok = buf_append(out, texts[i], strlen(texts[i]) + 1);
    }
    return ok;
}

static bool add_ports(struct buf *out, const struct isolation *isolation) {
    bool ok = true;
    for (size_t i = 0; i < isolation->connect_count && ok; i++) {
        ok = buf_printf(out, " %u", isolation->connect[i]);
    }
    return ok;
}

bool isolation_fingerprint(const struct isolation *isolation, struct buf *out) {
    return buf_printf(out,
                      "%d %d %d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
                      " %" PRIu64 " %zu",
                      isolation->process, (int)isolation->sandbox, isolation->network,
                      isolation->memory_bytes, isolation->cpu_ms, isolation->files,
                      isolation->handler_timeout_ms, isolation->crash_limit,
                      isolation->crash_wait_ms, isolation->read_count) &&
           add_ports(out, isolation) && buf_append(out, "", 1) &&
           add_texts(out, isolation->read, isolation->read_count) &&
           add_texts(out, isolation->write, isolation->write_count);
}

bool boot_write(const struct isolation *isolation, const struct boot *head, const char *bot,
                const char *copy, struct buf *out) {
    struct boot boot = *head;
    boot.version = BOOT_VERSION;
    boot.sandbox = isolation->sandbox;
    boot.network = isolation->network;
    boot.connect_count = (uint32_t)isolation->connect_count;
    memcpy(boot.connect, isolation->connect, sizeof(boot.connect));
    boot.read_count = (uint32_t)isolation->read_count;
    boot.write_count = (uint32_t)isolation->write_count;
    boot.memory_bytes = isolation->memory_bytes;
    boot.files = isolation->files;
    return buf_append(out, &boot, sizeof(boot)) && add_texts(out, &bot, 1) &&
           add_texts(out, &copy, 1) && add_texts(out, isolation->read, isolation->read_count) &&
           add_texts(out, isolation->write, isolation->write_count);
}

const char *boot_text(const void *data, size_t length, size_t *at) {
    const char *text = (const char *)data + *at;
    const char *end = *at < length ? memchr(text, '\0', length - *at) : NULL;
    if (end == NULL) {
        return NULL;
    }
    *at += (size_t)(end - text) + 1;
    return text;
}
