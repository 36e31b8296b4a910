/*
 * The policy file: JSON in, compiled rules and settings out, or findings, each at its place.
 * Nothing of it is ignored: unknown keys, names and types are errors.
 */
#ifndef DSP_POLICY_FILE_H
#define DSP_POLICY_FILE_H

#include "dsp/core/base/json_value.h"
#include "dsp/core/base/nearest.h"
#include "dsp/core/policy/findings.h"
#include "dsp/core/policy/rules.h"
#include "dsp/core/policy/settings.h"

/* What a file says; of what it does not say, the places are 0 and the rest is unset. */
struct policy_file {
	bool profile_given;
	enum profile profile;
	size_t profile_at;
	enum setting flags[FLAG_COUNT];
	size_t flags_at[FLAG_COUNT];
	enum mode mode; /* MODE_UNSET: not given */
	size_t mode_at;
	struct rules *rules; /* the caller calls rules_free */
};

/*
 * Reads f->text, whose file is f->file. What is wrong with it is added to f; when findings_fatal(f)
 * then, the file must not be used. -1: no memory, and f says so too.
 */
MUST_USE int policy_file_parse(struct policy_file *ret, struct findings *f);

/* For its parts alone: where it reads. */
struct policy_reader {
	struct policy_file *file;
	struct rules *rules;
	struct findings *findings;
	const char *text; /* as it is decoded in place; the places are those of findings->text */
	size_t group_count;
	struct policy_group *groups;
};

struct policy_group {
	struct span name;
	uint64_t *members; /* subjects */
};

/* Where a member's key, a value stand. */
size_t policy_key_at(const struct policy_reader *r, json_ref member);

/* Finds keys that are not one of names (which ends with NULL), or stand twice. */
void policy_check_keys(struct policy_reader *r, json_ref object, const char *const *names);

/* Whether v is of a kind; else it is found wrong, as what it should be. */
bool policy_expect(
	struct policy_reader *r, json_ref v, enum json_value_kind kind, const char *what);

/* "did you mean ...?", or empty; out is terminated. */
const char *policy_near(const struct nearest *s, char *out, size_t cap);

/* Whether a user or a group may be called so. */
bool policy_is_name(struct span s);

/* The subject that a name in `who` stands for; SIZE_MAX: none. */
size_t policy_subject(const struct rules *rules, struct span name);

/* All rules; users and groups must have been read. */
void policy_rules_parse(struct policy_reader *r, json_ref list);

#endif
