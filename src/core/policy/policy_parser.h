/* What the two halves of the policy file's parser share: the file's top, and its rules. */
#ifndef DSP_POLICY_PARSER_H
#define DSP_POLICY_PARSER_H

#include "dsp/core/policy/policy_file.h"
#include "dsp/core/policy/policy_reader.h"

struct policy_group {
	struct span name;
	uint64_t *members; /* a bit for each subject */
};

struct policy_parser {
	struct policy_reader reader;
	struct policy_file *file;
	struct rules *rules; /* of file; owns what is parsed */
	size_t group_count;
	struct policy_group *groups;
};

/*
 * Parses the rules. All users, groups and certificates' names must be known. Out of memory is
 * findings->lost.
 */
void policy_rules_parse(struct policy_parser *p, json_ref list);

#endif
