/*
 * The query as net/url's ParseQuery reads it: pairs at '&', a pair with ';' is an error, '=' splits
 * once, keys and values are unescaped, keys are case sensitive, the first value of a key counts.
 */
#ifndef DSP_QUERY_H
#define DSP_QUERY_H

#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

/* 0 when every pair can be read; else -1 and why. */
MUST_USE int query_check(struct span query, struct err *why);

/*
 * The first value of key, still escaped; the empty span when there is none. Pairs that cannot be
 * read are passed over, as dockerd does where it ignores the error.
 */
struct span query_first(struct span query, const char *key);

/* Whether the first value of key is given and not empty. */
bool query_given(struct span query, const char *key);

/* Whether an escaped value is exactly one of the words, which are comma separated. */
bool query_value_in(struct span value, const char *words);

/*
 * The first value of key as a boolean, as moby's httputils.BoolValue: empty, 0, no, false, none
 * are false in any case, every other word is true.
 */
bool query_true(struct span query, const char *key);

/* Unescapes a value; out has room for value.n bytes. The length, or -1 on a bad escape. */
MUST_USE long query_unescape(struct span value, char *out);

#endif
