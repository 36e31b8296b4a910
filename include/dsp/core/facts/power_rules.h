/*
 * Which query parameters and body fields ask for a power beyond those of the route: the rows of
 * power_rules.tab.
 */
#ifndef DSP_POWER_RULES_H
#define DSP_POWER_RULES_H

#include "dsp/core/facts/attributes.h"
#include "dsp/core/facts/powers.h"
#include "dsp/core/facts/route.h"
#include "power_rules_tab.h"

struct power_rule {
	struct span key;      /* the parameter's name, or the field's in lower case */
	struct span name;     /* the name as it is written, terminated */
	enum power_test test; /* that the value must pass */
	const char *arg;      /* of the test */
	enum power power;     /* POWER_COUNT: none, the rule only adds an attribute */
	enum struct_id
		all_of; /* not STRUCT_NONE: every power that a body of this struct can give */
	bool quiet;     /* the attribute is the name alone, without the value */
	enum attribute_kind kind;
};

/* The rules for the query of an operation, and for the body fields of a struct; *count of them. */
const struct power_rule *power_rules_of_operation(enum operation operation, size_t *count);
const struct power_rule *power_rules_of_struct(enum struct_id id, size_t *count);

/*
 * Every power that a body of this struct can give by its fields and the structs in them, except
 * plugin_control and dsp_files.
 */
struct powerset power_rules_all_powers(enum struct_id id);

#endif
