/*
 * What grants a power beyond a request's route: the rows of grants.tab. A query parameter of an
 * operation, or a field of a body's struct, under a test; and what of it is worth telling.
 */
#ifndef DSP_POWER_RULES_H
#define DSP_POWER_RULES_H

#include "dsp/core/facts/attributes.h"
#include "dsp/core/facts/powers.h"
#include "dsp/core/facts/route.h"
#include "dsp/core/parse/body.h"
#include "dsp/core/parse/request.h"
#include "grants_tab.h"

struct grant {
	struct span key;  /* the parameter, or the field's name in lower case */
	struct span name; /* as it is written */
	enum grant_test test;
	const char *arg;
	enum power power;      /* POWER_COUNT: none */
	enum struct_id all_of; /* not STRUCT_NONE: every power that its bodies can give */
	bool quiet;            /* the name of the field says it all */
	enum detail_kind kind;
};

/* What a request was found to ask for. */
struct asked {
	struct powerset *powers;
	struct details *details;
	bool hidden; /* it may ask for more than the details tell */
};

/* Where a value of a body stands. */
struct site {
	const struct site *up; /* the site of object; NULL at the top */
	value_ref object;      /* that holds the field */
	value_ref v;           /* the field's value */
};

/* The rows of a query's operation, of a body's struct. */
const struct grant *grants_of_operation(enum operation operation, size_t *count);
const struct grant *grants_of_struct(enum struct_id id, size_t *count);

/*
 * Every power that a body of this struct can give by its fields (and what they hold), but
 * plugin_control and dsp_files.
 */
struct powerset grants_all_of(enum struct_id id);

/*
 * Adds the power of g and a detail, whose field, power and (where it has none of its own) kind are
 * set by g. -1 when memory ran out.
 */
MUST_USE int asked_add(struct asked *a, const struct grant *g, struct detail detail);

/*
 * The powers and details of a query; the powers that a hidden form or a specification of before
 * could add are there too, and then hidden is set. Adds to what is there; -1 when memory ran out.
 */
MUST_USE int asked_by_query(
	struct asked *a, const struct route *route, const struct request *rq, struct span query);

/* Those of a body that was read, whose top it gets. The details point into its text. */
MUST_USE int asked_by_body(struct asked *a, const struct route *route, value_ref top);

/* The tests of mounts, of words and of names: whether v grants, and what. For asked_by_body. */
MUST_USE int asked_by_bind(struct asked *a, const struct grant *g, const struct site *at);
MUST_USE int asked_by_mount(struct asked *a, const struct grant *g, const struct site *at);
MUST_USE int asked_by_service_mount(struct asked *a, const struct grant *g, const struct site *at);
MUST_USE int asked_by_volume(struct asked *a, const struct grant *g, const struct site *at);
MUST_USE int asked_by_remount(struct asked *a, const struct grant *g, const struct site *at);
MUST_USE int asked_by_capability(struct asked *a, const struct grant *g, const struct site *at);
MUST_USE int asked_by_security(struct asked *a, const struct grant *g, const struct site *at);
MUST_USE int asked_by_lack(struct asked *a, const struct grant *g, const struct site *at);
MUST_USE int asked_by_network(struct asked *a, const struct grant *g, struct span name);
MUST_USE int asked_by_image(
	struct asked *a, const struct grant *g, struct span name, struct span tag);

/* Whether text is one of the words of a comma-separated list. */
bool word_in(struct span text, const char *list);

/* Whether it is made of 0-9 a-f alone, as ids are. */
bool word_is_hex(struct span text);

#endif
