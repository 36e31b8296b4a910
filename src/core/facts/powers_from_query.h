/* Powers and attributes that a query asks for. */
#ifndef DSP_POWERS_FROM_QUERY_H
#define DSP_POWERS_FROM_QUERY_H

#include "dsp/core/facts/facts.h"

/*
 * Adds the powers of f's route and of its query, and their attributes. Where more may be asked for
 * than dsp is shown, adds what that could be and sets f->incomplete: a form body may replace the
 * query, or a service may return to an earlier specification. -1 without memory.
 */
MUST_USE int powers_from_query(struct facts *f, const struct request *rq);

/*
 * Whether no parameter of f's route and version matters to dsp, so that a form that dsp is not
 * shown changes nothing. f has its route and target.
 */
bool form_is_ignored(const struct facts *f);

#endif
