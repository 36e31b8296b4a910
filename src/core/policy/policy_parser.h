/* What the parts of the policy file's parser share: the file's top, its rules, words of lists. */
#ifndef DSP_POLICY_PARSER_H
#define DSP_POLICY_PARSER_H

#include "dsp/core/policy/policy_file.h"
#include "dsp/core/policy/policy_reader.h"

struct policy_parser {
	struct policy_reader reader;
	struct policy_file *file;
	struct rules *rules; /* of file; owns what is parsed */
	/* Grants: the rules of the policy file, whose mounts count beside their own; else NULL. */
	const struct rules *beside;
};

/*
 * Parses the rules. All users, groups and certificates' names must be known. Out of memory is
 * findings->lost.
 */
void policy_rules_parse(struct policy_parser *p, json_ref list);

/*
 * Parses a word such as own or label:KEY (object_rules.h), in a list of containers, networks or
 * volumes, into the object of the next item of the rule's list k. In other lists, and for a plain
 * name, it leaves that NULL; *text is the name then. Returns NULL, or what is wrong, and what is
 * near.
 */
const char *object_words_parse(struct policy_parser *p, enum list_kind k, struct span *text,
	struct rule *rule, struct nearest *near);

/* Parses the "owner" of a rule whose operations and users are known. */
void object_words_parse_owner(struct policy_parser *p, json_ref v, struct rule *rule);

/* Finds out which rules decide all requests of an operation, when all are parsed. */
void rules_settle(struct rules *rules);

#endif
