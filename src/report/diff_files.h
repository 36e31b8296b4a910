/* What two settings say differently, as their files and variables have it. */
#ifndef DSP_DIFF_FILES_H
#define DSP_DIFF_FILES_H

#include <jansson.h>

#include "dsp/config/config.h"

/*
 * A list of {"place", "added", "removed", "old", "new"}: each key, rule, user or element of the
 * policy files, and each flag and setting, that differs. place: "rules: \"ci runs\": mounts".
 * added and removed: elements of a list, as JSON; old and new: other values as JSON, null: none.
 */
json_t *diff_files(const struct config *old, const struct config *new);

#endif
