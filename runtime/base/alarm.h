/* base/alarm.h: one alarm on a loop that follows the wall clock: it goes off when that time has
 * come, however the clock gets there, and also when somebody sets the clock, so that its owner
 * looks anew. [the loop's thread] */
#ifndef BASE_ALARM_H
#define BASE_ALARM_H

#include "base/loop.h"

struct alarm;

/* Result: owned. */
struct alarm *alarm_create(struct loop *loop, loop_fn *fn, void *arg, struct err *err);
/* wall_ms: since 1970 UTC; one that has passed goes off at once; UINT64_MAX: never. Sets it anew.
 */
void alarm_set(struct alarm *alarm, uint64_t wall_ms);
/* NULL is fine. */
void alarm_destroy(struct alarm *alarm);

#endif
