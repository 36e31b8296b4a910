/*
 * From method and path to operation: the rows of routes.tab, tried in the order of dockerd's router
 * (gorilla/mux; moby api/server/router).
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
	METHOD_ANY, /* in rows only: dockerd's route takes every method */
};

/* A variable of a pattern: {x} one segment, {x:.*} any text, {x:.+} any text but the empty one. */
enum variable { VAR_NONE, VAR_SEGMENT, VAR_ANY, VAR_SOME };

/* As the column BODY of routes.tab has it. */
enum body_kind {
	BODY_NONE,
	BODY_IGNORED,
	BODY_JSON,
	BODY_JSON_OR_NONE,
	BODY_JSON_OPTIONAL,
	BODY_TAR,
	BODY_RAW,
};

enum { ROUTE_POWERS_MOST = 4 };

struct route {
	enum method method;
	bool versioned;   /* a version prefix may stand before the path */
	struct span head; /* the pattern up to the first variable */
	enum variable first;
	struct span middle; /* between the variables, or up to the end */
	enum variable second;
	const char *pattern;
	enum operation operation;
	const char *name; /* of the operation */
	enum section section;
	bool write;
	enum body_kind body;
	enum body_top top;
	enum struct_id schema;
	enum power powers[ROUTE_POWERS_MOST]; /* POWER_COUNT where there is none */
	const char *first_tag;                /* the first and the last moby release that has it */
	const char *last_tag;
};

/* METHOD_OTHER: none of the methods of dockerd's routes. */
enum method route_method(struct span method);

/*
 * The first row that matches, as dockerd's router would choose; NULL: none. *name is the text of
 * the path's first variable, in t->path; empty: it has none.
 */
const struct route *route_find(enum method method, const struct target *t, struct span *name);

/* All rows, in order; *count of them. */
const struct route *route_rows(size_t *count);

/* The operation of this name; OPERATION_COUNT: there is none. */
enum operation operation_find(struct span name);

/* Offers every operation's name to s. */
void operations_suggest(struct nearest *s);

/* The powers that every request of a route asks for. */
struct powerset route_powers(const struct route *route);

/* Whether all of name matches [a-zA-Z0-9_.-]+, as the patterns of the proxies require. */
bool route_is_plain(struct span name);

#endif
