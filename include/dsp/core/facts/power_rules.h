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

/* Where a rule looks for its value. */
enum power_where {
	WHERE_FIELD,      /* a field of a struct */
	WHERE_QUERY,      /* the first value of a parameter */
	WHERE_EACH_QUERY, /* each value of a parameter */
	WHERE_PATH,       /* the path's variable */
	WHERE_NO_QUERY,   /* nowhere: a parameter is not given, or empty */
	WHERE_NO_FIELD,   /* nowhere: a field of parent is not given, or empty */
	WHERE_ALWAYS,     /* nowhere: every request of the operation */
};

struct power_rule {
	enum power_where where;
	const char
		*parent;  /* of WHERE_NO_FIELD: what holds the field, in lower case; "": the body */
	struct span key;  /* the parameter's name, or the field's in lower case */
	struct span name; /* the name as it is written, terminated */
	enum power_test test; /* that the value must pass */
	const char *arg;      /* of the test */
	enum power power;     /* POWER_COUNT: none, the rule only adds an attribute */
	enum struct_id
		all_of; /* not STRUCT_NONE: every power that a body of this struct can give */
	bool quiet;     /* the attribute is the name alone, without the value */
	enum attribute_kind kind;
};

/* The rules for an operation, and for the body fields of a struct; *count of them. */
const struct power_rule *power_rules_of_operation(enum operation operation, size_t *count);
const struct power_rule *power_rules_of_struct(enum struct_id id, size_t *count);

/*
 * Every power that a body of this struct can give by its fields and the structs in them, except
 * plugin_control and dsp_files.
 */
struct powerset power_rules_all_powers(enum struct_id id);

/* Whether a request of this route can have attributes of a kind. */
bool power_rules_have_kind(const struct route *route, enum attribute_kind kind);

/*
 * Whether the query or the body of a request of this route can name a thing of a kind, or give a
 * power by one (POWER_COUNT: any kind's): what dsp is not shown of an incomplete request may.
 */
bool power_rules_can_hide(const struct route *route, enum attribute_kind kind, enum power power);

/* Whether every request of this route may mean anything of a kind, as a prune does. */
bool power_rules_mean_any(const struct route *route, enum attribute_kind kind);

/* Whether every request of this route shows all things of a kind, and does nothing to them. */
bool power_rules_list_all(const struct route *route, enum attribute_kind kind);

/* The first of Docker's default capabilities that a glob matches; empty: none. */
struct span power_rules_default_capability(struct span glob);

/* Whether a glob matches a capability of Linux. */
bool power_rules_has_capability(struct span glob);

#endif
