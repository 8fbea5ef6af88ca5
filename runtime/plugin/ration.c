/* plugin/ration.c: a token bucket in thousandths of a line. */
#include "plugin/ration.h"

bool ration_take(struct ration *ration, uint64_t now_ms, uint64_t *suppressed) {
    uint64_t elapsed = now_ms > ration->at_ms ? now_ms - ration->at_ms : 0;
    uint64_t earned = elapsed > 3600000 ? UINT64_MAX : elapsed * RATION_PER_SECOND;
    ration->spent -= earned < ration->spent ? earned : ration->spent;
    ration->at_ms = now_ms;
    if (ration->spent + 1000 > (uint64_t)RATION_BURST * 1000) {
        ration->suppressed++;
        return false;
    }
    ration->spent += 1000;
    *suppressed = ration->suppressed;
    ration->suppressed = 0;
    return true;
}

uint64_t ration_settle(struct ration *ration, uint64_t now_ms, bool over) {
    uint64_t count = ration->suppressed;
    if (!over && now_ms < ration->at_ms + RATION_QUIET_MS) {
        return 0;
    }
    ration->suppressed = 0;
    return count;
}
