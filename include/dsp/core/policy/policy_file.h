/*
 * The policy file: JSON in, compiled rules and settings out, or findings, each at its place.
 * Nothing of it is ignored: unknown keys, names and types are errors.
 */
#ifndef DSP_POLICY_FILE_H
#define DSP_POLICY_FILE_H

#include "dsp/core/policy/findings.h"
#include "dsp/core/policy/rules.h"
#include "dsp/core/policy/settings.h"

/* A parsed file. The offsets (_at, in bytes) of what it does not give are 0, the rest is unset. */
struct policy_file {
	bool profile_given;
	enum profile profile;
	size_t profile_at;
	enum setting flags[FLAG_COUNT];
	size_t flags_at[FLAG_COUNT];
	enum mode mode; /* MODE_UNSET: not given */
	size_t mode_at;
	enum denials denials; /* DENIALS_UNSET: not given */
	size_t denials_at;
	struct rules *rules; /* to be freed with rules_free; never NULL after a 0 */
};

/*
 * Parses f->text, whose file is f->file. Adds mistakes to f; if findings_fatal(f) afterwards, the
 * file must not be used. -1: no memory, and f->lost is set too. The caller frees ret->rules either
 * way.
 */
MUST_USE int policy_file_parse(struct policy_file *ret, struct findings *f);

#endif
