/* Conditions in a line of the audit log. */
#ifndef DSP_CONDITION_RECORD_H
#define DSP_CONDITION_RECORD_H

#include "dsp/core/base/json_writer.h"
#include "dsp/core/record/decision_event.h"

/*
 * Adds what a request says of what conditions are about, and the first condition that it does not
 * meet: "condition", "conditions". Nothing where the request has neither.
 */
void add_conditions(struct json_writer *s, const struct decision_event *e);

#endif
