/*
 * The query as net/url's ParseQuery reads it: pairs are separated by '&', a pair with ';' is an
 * error, the first '=' ends the key, keys and values are unescaped, keys are case sensitive, and of
 * equal keys the first counts. A query span is raw, as in struct target.
 */
#ifndef DSP_QUERY_H
#define DSP_QUERY_H

#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

/* Whether every pair can be read: 0, or -1 and why ("its query ..."). */
MUST_USE int query_check(struct span query, struct err *why);

/*
 * The first value of key, still escaped; empty: there is none. Skips pairs that cannot be read, as
 * dockerd does where it ignores the error.
 */
struct span query_first(struct span query, const char *key);

/*
 * Steps through the values of key: cuts from rest, at first the whole query, all up to and with the
 * next one. False: there is no more.
 */
bool query_next(struct span *rest, const char *key, struct span *value);

/* Whether the first value of key is there and not empty. */
bool query_given(struct span query, const char *key);

/* Whether an escaped value is one of words, a comma-separated list. */
bool query_value_in(struct span value, const char *words);

/*
 * The first value of key as a boolean (moby's httputils.BoolValue): empty, 0, no, false and none,
 * in upper or lower case, are false; everything else is true.
 */
bool query_true(struct span query, const char *key);

/* Unescapes a value into out, which has room for value.n bytes. The length; -1: a bad escape. */
MUST_USE long query_unescape(struct span value, char *out);

#endif
