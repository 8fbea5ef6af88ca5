/* replay/match.h: whether JSON is what was expected, and in which lines it is not. Members that
 * are not named do not count, unless it is to match exactly; arrays match element by element, all
 * of them. Pure. [one thread at a time] */
#ifndef REPLAY_MATCH_H
#define REPLAY_MATCH_H

#include "replay/names.h"

struct cJSON;

/* value: NULL: there is none. Names that stand for nothing yet are bound; when it does not match,
 * none is. */
bool match_value(const struct pattern *pattern, const struct cJSON *value, bool exactly,
                 struct names *names);
/* The same for a text as it is expected in a log: equal, or with this part in it. */
bool match_text(const struct pattern *pattern, const char *text, const struct names *names);
/* A path of segments: '*' any one, $name as above, else equal. Without '?' in the pattern the
 * query does not count. */
bool match_path(const char *pattern, const char *path, struct names *names);

/* Appends the expected JSON as lines, each with its sign in front: ' ' as it should be, '-' what
 * was expected and '+' what came instead. */
bool match_diff(const struct pattern *pattern, const struct cJSON *value, bool exactly,
                struct names *names, struct buf *out);
/* Appends JSON as one writes it in a replay file: in one line when `wide` allows, else in several
 * that are indented so far; ids that have names as these. */
bool match_write(const struct cJSON *value, const struct names *names, unsigned indent,
                 struct buf *out);
/* The same in one line, however long. */
bool match_line(const struct cJSON *value, const struct names *names, struct buf *out);

#endif
