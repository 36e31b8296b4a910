/* Whose containers a policy lets each user enter, for dsp check. */
#ifndef DSP_CHECK_ENTRIES_H
#define DSP_CHECK_ENTRIES_H

#include <jansson.h>

#include "dsp/core/policy/policy.h"

/*
 * A list of objects, one for each allow rule by which users get into containers: rule, subjects,
 * powers, containers (the words of its list; empty: any), others (whether these may be containers
 * that somebody else made) and text. Empty where no rule compares what a container is. The caller
 * calls json_decref.
 */
json_t *check_entries(const struct policy *policy);

/* The names of the rules that have root asked. The caller calls json_decref. */
json_t *check_asks(const struct policy *policy);

#endif
