/* The names of containers whose ids are in an audit log, as far as the log has them. */
#ifndef DSP_CONTAINER_NAMES_H
#define DSP_CONTAINER_NAMES_H

#include "counter.h"
#include "dsp/audit/audit_reader.h"

enum { CONTAINER_ID_SHORT = 12, CONTAINER_ID_LONG = 64 }; /* digits */

/* Notes the name from the outcome of a create or a rename; ignores other outcomes. */
void container_names_learn(struct counter *names, const struct audit_entry *outcome);

/* The name of an id of at least CONTAINER_ID_SHORT digits; NULL: not known. Borrowed. */
const char *container_names_find(const struct counter *names, struct span id);

#endif
