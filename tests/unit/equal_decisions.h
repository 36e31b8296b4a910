/* That two decisions on one request are the same. */
#ifndef DSP_UNIT_EQUAL_DECISIONS_H
#define DSP_UNIT_EQUAL_DECISIONS_H

#include "unit.h"

#include "dsp/core/policy/decide.h"

static inline void equal_decisions(const struct decision *a, const struct decision *b)
{
	assert_int_equal(a->verdict, b->verdict);
	assert_int_equal(a->by, b->by);
	assert_ptr_equal(a->rule, b->rule);
	assert_ptr_equal(a->monitored_rule, b->monitored_rule);
	assert_string_equal(a->reason, b->reason);
}

#endif
