/* cli/kv_lines.h: values and schedules as lines: for people, and as JSON, which `drey kv import`
 * reads again. Pure. [main thread] */
#ifndef CLI_KV_LINES_H
#define CLI_KV_LINES_H

#include "base/buf.h"
#include "store/store.h"

/* Whose they are. bot NULL: it is not said. */
struct kv_owner {
    const char *bot;
    const char *plugin;
};

/* All append. False: no memory. */
bool kv_value_json(struct buf *out, const struct kv_owner *owner, const struct store_value *value);
/* "GUILD  KEY  VALUE  (expires in 3 m)"; a value that is no text shows its size. */
bool kv_value_text(struct buf *out, const struct kv_owner *owner, const struct store_value *value,
                   uint64_t now_ms);
bool kv_schedule_json(struct buf *out, const struct kv_owner *owner,
                      const struct store_schedule *schedule);
bool kv_schedule_text(struct buf *out, const struct kv_owner *owner,
                      const struct store_schedule *schedule, uint64_t now_ms);

/* One line as kv_value_json() writes it. put: its texts are borrowed from *key and *data, which are
 * replaced. *expires_ms: 0: never. False: what is wrong with it. */
bool kv_read_line(const char *line, size_t length, struct buf *key, struct buf *data,
                  struct store_put *put, uint64_t *expires_ms, struct err *err);

#endif
