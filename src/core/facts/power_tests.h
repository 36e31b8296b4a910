/* What the extraction of powers from query and body shares. */
#ifndef DSP_POWER_TESTS_H
#define DSP_POWER_TESTS_H

#include "dsp/core/facts/facts.h"
#include "dsp/core/facts/power_rules.h"

/* A field's value in a body, and what it stands in; or a text of the query or the path. */
struct body_node {
	const struct body_node *parent; /* the node of object; NULL at the top */
	json_ref object;                /* holds the field */
	json_ref value;
	struct span tag; /* of an image's name in query or path: the tag given beside it */
};

/*
 * A test of power_rules.tab: applies rule (power_rule_apply) to each part of the node's value that
 * passes. POWER_TESTS of power_rules_tab.h has the function of each test. -1 without memory.
 */
typedef int power_test_fn(
	struct facts *f, const struct power_rule *rule, const struct body_node *node);

/* Applies rule to the node by its test. -1 without memory. */
MUST_USE int power_rule_test(
	struct facts *f, const struct power_rule *rule, const struct body_node *node);

/*
 * Adds the power of rule to f, and an attribute: text, target and so on are item's, its field and
 * power are the rule's, and its kind too where the item has none (ATTRIBUTE_OPTION). -1 without
 * memory.
 */
MUST_USE int power_rule_apply(
	struct facts *f, const struct power_rule *rule, struct attribute item);

#endif
