/*
 * What grants a power beyond a request's route: the rows of power_rules.tab. A query parameter of an
 * operation, or a field of a body's struct, under a test; and what of it is worth telling.
 */
#ifndef DSP_POWER_RULES_H
#define DSP_POWER_RULES_H

#include "dsp/core/facts/attributes.h"
#include "dsp/core/facts/powers.h"
#include "dsp/core/facts/route.h"
#include "dsp/core/parse/body.h"
#include "dsp/core/parse/request.h"
#include "power_rules_tab.h"

struct power_rule {
	struct span key;  /* the parameter, or the field's name in lower case */
	struct span name; /* as it is written */
	enum power_test test;
	const char *arg;
	enum power power;      /* POWER_COUNT: none */
	enum struct_id all_of; /* not STRUCT_NONE: every power that its bodies can give */
	bool quiet;            /* the name of the field says it all */
	enum attribute_kind kind;
};

/* What a request was found to ask for. */
struct extraction {
	struct powerset *powers;
	struct attributes *attributes;
	bool incomplete; /* it may ask for more than the attributes tell */
};

/* Where a value of a body stands. */
struct body_node {
	const struct body_node *up; /* the site of object; NULL at the top */
	json_ref object;            /* that holds the field */
	json_ref v;                 /* the field's value */
};

/* The rows of a query's operation, of a body's struct. */
const struct power_rule *power_rules_of_operation(enum operation operation, size_t *count);
const struct power_rule *power_rules_of_struct(enum struct_id id, size_t *count);

/*
 * Every power that a body of this struct can give by its fields (and what they hold), but
 * plugin_control and dsp_files.
 */
struct powerset power_rules_all_powers(enum struct_id id);

/*
 * Adds the power of g and a detail, whose field, power and (where it has none of its own) kind are
 * set by g. -1 when memory ran out.
 */
MUST_USE int extraction_add(
	struct extraction *a, const struct power_rule *g, struct attribute detail);

/*
 * The powers and details of a query; the powers that a hidden form or a specification of before
 * could add are there too, and then hidden is set. Adds to what is there; -1 when memory ran out.
 */
MUST_USE int powers_from_query(struct extraction *a, const struct route *route,
	const struct request *rq, struct span query);

/* Those of a body that was read, whose top it gets. The details point into its text. */
MUST_USE int powers_from_body(struct extraction *a, const struct route *route, json_ref top);

/* The tests of mounts, of words and of names: whether v grants, and what. For powers_from_body. */
MUST_USE int powers_from_bind(
	struct extraction *a, const struct power_rule *g, const struct body_node *at);
MUST_USE int powers_from_mount(
	struct extraction *a, const struct power_rule *g, const struct body_node *at);
MUST_USE int powers_from_service_mount(
	struct extraction *a, const struct power_rule *g, const struct body_node *at);
MUST_USE int powers_from_volume(
	struct extraction *a, const struct power_rule *g, const struct body_node *at);
MUST_USE int powers_from_remounts(
	struct extraction *a, const struct power_rule *g, const struct body_node *at);
MUST_USE int powers_from_capability(
	struct extraction *a, const struct power_rule *g, const struct body_node *at);
MUST_USE int powers_from_security(
	struct extraction *a, const struct power_rule *g, const struct body_node *at);
MUST_USE int powers_from_lacks(
	struct extraction *a, const struct power_rule *g, const struct body_node *at);
MUST_USE int powers_from_network(
	struct extraction *a, const struct power_rule *g, struct span name);
MUST_USE int powers_from_image(
	struct extraction *a, const struct power_rule *g, struct span name, struct span tag);

#endif
