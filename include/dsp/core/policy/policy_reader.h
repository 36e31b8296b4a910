/*
 * Reads a JSON file that an administrator wrote, such as a policy: checks keys and kinds, and
 * reports each mistake at its place in the file.
 */
#ifndef DSP_POLICY_READER_H
#define DSP_POLICY_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/json_value.h"
#include "dsp/core/base/nearest.h"
#include "dsp/core/policy/findings.h"
#include "dsp/core/policy/meanings.h"

struct policy_reader {
	struct findings *findings; /* of the file; its text is as it was before parsing */
	const char *text;          /* the copy that json_value_parse decoded in place */
};

/* The offset of a member's key, in bytes from the start of the file. */
size_t policy_reader_key_at(const struct policy_reader *r, json_ref member);

/*
 * Reports keys that are not in names (which ends with NULL; NULL: all keys are fine), and keys that
 * stand twice.
 */
void policy_reader_check_keys(struct policy_reader *r, json_ref object, const char *const *names);

/* Whether v is of a kind. If not, reports "it should be WHAT". */
bool policy_reader_expect(
	struct policy_reader *r, json_ref v, enum json_value_kind kind, const char *what);

/*
 * The first string of a list (previous is NULL), or the next one after previous; NULL: no more, or
 * no list. Reports a list that is something else, and elements that are not strings.
 */
json_ref policy_reader_next_string(struct policy_reader *r, json_ref list, json_ref previous);

/*
 * Reports `"WORD": WHAT; MEANING` where meanings.tab has the word; false: it does not, and nothing is
 * reported.
 */
bool policy_reader_reject_known(struct policy_reader *r, size_t at, struct span word,
	const char *what, enum meaning_kind kind);

/*
 * Reports `"WORD": WHAT` at an offset, with "; did you mean ...?" where near (which may be NULL)
 * knows a word.
 */
void policy_reader_reject(struct policy_reader *r, size_t at, struct span word, const char *what,
	const struct nearest *near);

/* "; did you mean ...?", or empty; out is terminated. Returns out. */
const char *policy_reader_near(const struct nearest *near, char *out, size_t cap);

#endif
