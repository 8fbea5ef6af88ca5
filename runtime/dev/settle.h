/* dev/settle.h: which files of a plugin's folder matter, and when a change is to be built: a save
 * is several events, and one that comes during a build is built afterwards. Pure. */
#ifndef DEV_SETTLE_H
#define DEV_SETTLE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SETTLE_QUIET_MS = 30, /* after the last event of a save */
    SETTLE_MOST_MS = 500, /* a folder that never rests is built all the same */
};

struct settle {
    bool dirty;
    bool building;
    uint64_t first_ms; /* of the events that wait */
    uint64_t last_ms;
};

/* A source, a build file or dev.ini; not what editors and builds leave. */
bool settle_file_matters(const char *name);
/* Whether sources may lie in a folder of this name; builds write into the others. */
bool settle_folder_matters(const char *name);

void settle_changed(struct settle *settle, uint64_t now_ms);
/* In how many ms a build is due, 0: now; UINT64_MAX: none waits, or one runs. */
uint64_t settle_due_ms(const struct settle *settle, uint64_t now_ms);
void settle_begin(struct settle *settle);
void settle_end(struct settle *settle);

#endif
