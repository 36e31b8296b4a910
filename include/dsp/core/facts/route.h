/*
 * Method and path to operation: the rows of routes.tab, tried in dockerd's own order. Knows
 * nothing of users, queries or bodies.
 */
#ifndef DSP_ROUTE_H
#define DSP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/span.h"
#include "dsp/core/facts/powers.h"
#include "dsp/core/parse/body.h"
#include "dsp/core/parse/target.h"
#include "fields_tab.h"
#include "flags_tab.h"
#include "routes_tab.h"

enum method {
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_DELETE,
	METHOD_OPTIONS,
	METHOD_OTHER,
	METHOD_ANY, /* in rows only: dockerd registered no method */
};

enum variable { VAR_NONE, VAR_SEGMENT, VAR_ANY, VAR_SOME };

enum body_kind { BODY_NONE, BODY_JSON, BODY_JSON_OPTIONAL, BODY_TAR, BODY_RAW };

struct route {
	enum method method;
	bool versioned; /* a version prefix may stand before the path */
	struct span head;
	enum variable first;
	struct span middle; /* after the first variable */
	enum variable second;
	const char *pattern;
	enum operation operation;
	const char *name; /* of the operation */
	enum section section;
	bool write;
	enum body_kind body;
	enum body_top top;
	enum struct_id schema;
	enum power powers[2]; /* POWER_COUNT where there is none */
	const char *first_tag;
	const char *last_tag;
};

enum method route_method(struct span method);

/*
 * The first row that dockerd's router would take, or NULL: the path is no route that the table
 * knows. name gets what the path's first variable holds (empty without one), inside t->path.
 */
const struct route *route_find(enum method method, const struct target *t, struct span *name);

/* All rows, in order. */
const struct route *route_rows(size_t *count);

/* The operation of this name; OPERATION_COUNT: there is none. */
enum operation operation_find(struct span name);

/* Offers every operation's name to s. */
void operations_suggest(struct nearest *s);

/* The powers that a route carries whatever its query and body say. */
struct powerset route_powers(const struct route *route);

/* Whether a container reference matches [a-zA-Z0-9_.-]+ whole, as the proxies' patterns want it. */
bool route_is_plain(struct span name);

#endif
