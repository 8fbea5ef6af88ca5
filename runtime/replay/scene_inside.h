/* replay/scene_inside.h: between scene.c and scene_command.c. */
#ifndef REPLAY_SCENE_INSIDE_H
#define REPLAY_SCENE_INSIDE_H

#include "replay/scene.h"

#include <cjson/cJSON.h>

void scene_add_id(cJSON *object, const char *key, uint64_t id);
/* What a name ("$" in front or not; NULL: `otherwise`) stands for. */
uint64_t scene_id(const struct scene *scene, const char *name, const char *otherwise);
/* name NULL: ann. Result: owned. */
cJSON *scene_user(const struct scene *scene, const char *name);
/* user: taken, NULL leaves it out. Result: owned. */
cJSON *scene_member(const struct scene *scene, cJSON *user);
/* The `data` of a command's interaction, its options typed and checked against the definition.
 * NULL: *err. Result: owned. */
cJSON *scene_command(const struct scene *scene, const struct script_item *item, struct err *err);

#endif
