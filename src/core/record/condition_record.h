/* Conditions in a line of the audit log. */
#ifndef DSP_CONDITION_RECORD_H
#define DSP_CONDITION_RECORD_H

#include "dsp/core/base/json_writer.h"
#include "dsp/core/record/decision_event.h"

/*
 * Adds "conditions", what the request says of memory, user and so on, and "condition", the first
 * that it does not meet. Adds neither where there is nothing to say.
 */
void add_conditions(struct json_writer *s, const struct decision_event *e);

#endif
