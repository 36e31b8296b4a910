#include "dsp/core/base/text.h"
#include "dsp/core/facts/power_rules.h"
#include "dsp/core/parse/fields.h"

/* NOLINTBEGIN(misc-no-recursion): as deep as fields.tab, whose structs do not hold themselves. */
static int ask_struct(
	struct extraction *a, enum struct_id schema, json_ref object, const struct body_node *up);

static int ask_text(struct extraction *a, const struct power_rule *g, struct span text)
{
	struct attribute d = { .text = text };

	return extraction_add(a, g, d);
}

/* Each string of a list; with `cut` only what stands before its "=". */
static int ask_words(struct extraction *a, const struct power_rule *g, json_ref v, bool cut)
{
	for (json_ref e = json_value_first(v); e; e = json_value_next(v, e)) {
		struct span text = json_value_text(e);

		if (cut)
			text.n = span_find(text, '=');
		if (ask_text(a, g, text) != 0)
			return -1;
	}
	return 0;
}

/* Each element of a list of objects; told by its member ARG. */
static int ask_elements(struct extraction *a, const struct power_rule *g, json_ref v)
{
	for (json_ref e = json_value_first(v); e; e = json_value_next(v, e)) {
		if (ask_text(a, g, json_value_text(body_get(e, g->arg))) != 0)
			return -1;
	}
	return 0;
}

/* Each key of a map, but those that ARG lists. */
static int ask_keys(struct extraction *a, const struct power_rule *g, json_ref v)
{
	for (json_ref m = json_value_first(v); m; m = json_value_next(v, m)) {
		if (g->test == TEST_KEYS_BUT && text_in_list(m->key, g->arg))
			continue;
		if (ask_text(a, g, m->key) != 0)
			return -1;
	}
	return 0;
}

/* "127.0.0.1:8080:80/tcp": each binding of a port; a port without one publishes nothing. */
static int ask_port(
	struct extraction *a, const struct power_rule *g, struct span port, json_ref binding)
{
	struct span ip = json_value_text(body_get(binding, "hostip"));
	struct span host = json_value_text(body_get(binding, "hostport"));
	size_t n = ip.n + host.n + port.n + 2;
	char *text = attributes_alloc(a->attributes, n);
	struct line l;

	if (!text)
		return -1;
	line_init(&l, text, n + 1);
	line_add_cut(&l, ip);
	line_add(&l, "%s", ip.n > 0 ? ":" : "");
	line_add_cut(&l, host);
	line_add(&l, "%s", host.n > 0 || ip.n > 0 ? ":" : "");
	line_add_cut(&l, port);
	return ask_text(a, g, (struct span){ text, l.n });
}

static int ask_ports(struct extraction *a, const struct power_rule *g, json_ref v)
{
	for (json_ref port = json_value_first(v); port; port = json_value_next(v, port)) {
		for (json_ref b = json_value_first(port); b; b = json_value_next(port, b)) {
			if (ask_port(a, g, port->key, b) != 0)
				return -1;
		}
	}
	return 0;
}

/* Whether a string holds under a test. */
static bool text_holds(const struct power_rule *g, struct span text)
{
	if (g->test == TEST_IS)
		return span_equal(text, span_of(g->arg));
	if (g->test == TEST_CONTAINER)
		return span_starts(text, SPAN("container:"));
	if (g->test == TEST_OTHER && text_in_list(text, g->arg))
		return false;
	return text.n > 0;
}

static int ask_if(struct extraction *a, const struct power_rule *g, bool holds, struct span text)
{
	if (!holds)
		return 0;
	return ask_text(a, g, g->quiet ? (struct span){ NULL, 0 } : text);
}

static int ask_value(struct extraction *a, const struct power_rule *g, const struct body_node *at)
{
	struct span text = json_value_text(at->v);

	switch (g->test) {
	case TEST_TRUE:
		return ask_if(a, g, json_value_true(at->v), text);
	case TEST_PRESENT:
		return ask_if(a, g, json_value_given(at->v), text);
	case TEST_KEY:
		return ask_if(a, g, json_value_member(at->v, g->arg) != NULL, span_of(g->arg));
	case TEST_GIVEN:
	case TEST_IS:
	case TEST_OTHER:
	case TEST_CONTAINER:
		return ask_if(a, g, text_holds(g, text), text);
	case TEST_WORDS:
	case TEST_ENVIRONMENT:
		return ask_words(a, g, at->v, g->test == TEST_ENVIRONMENT);
	case TEST_ELEMENTS:
		return ask_elements(a, g, at->v);
	case TEST_KEYS:
	case TEST_KEYS_BUT:
		return ask_keys(a, g, at->v);
	case TEST_PORTS:
		return ask_ports(a, g, at->v);
	case TEST_NETWORK:
	case TEST_HOST_NETWORK:
		return powers_from_network(a, g, text);
	case TEST_IMAGE:
		return powers_from_image(a, g, text, (struct span){ NULL, 0 });
	case TEST_BIND:
		return powers_from_bind(a, g, at);
	case TEST_MOUNT:
		return powers_from_mount(a, g, at);
	case TEST_SERVICE_MOUNT:
		return powers_from_service_mount(a, g, at);
	case TEST_VOLUME:
		return powers_from_volume(a, g, at);
	case TEST_CAPABILITY:
		return powers_from_capability(a, g, at);
	case TEST_REMOUNTS:
		return powers_from_remounts(a, g, at);
	case TEST_SECURITY:
		return powers_from_security(a, g, at);
	case TEST_LACKS:
		return powers_from_lacks(a, g, at);
	case POWER_TEST_COUNT:
		break;
	}
	return 0;
}

/* What stands below a field. */
static int ask_below(struct extraction *a, const struct field *f, const struct body_node *at)
{
	json_ref v = at->v;

	if (f->of == STRUCT_NONE)
		return 0;
	if (f->type == TYPE_OBJECT)
		return ask_struct(a, f->of, v, at);
	for (json_ref e = json_value_first(v); e; e = json_value_next(v, e)) {
		if (ask_struct(a, f->of, e, at) != 0)
			return -1;
	}
	return 0;
}

static int ask_member(struct extraction *a, const struct field *f, const struct body_node *at)
{
	size_t count;
	const struct power_rule *g = power_rules_of_struct(f->in, &count);

	for (; count > 0; count--, g++) {
		if (span_equal(g->key, f->folded) && ask_value(a, g, at) != 0)
			return -1;
	}
	return ask_below(a, f, at);
}

/* All that an object of a struct asks for. Fields are found as Go folds keys (body.c). */
static int ask_struct(
	struct extraction *a, enum struct_id schema, json_ref object, const struct body_node *up)
{
	struct body_node at = { .up = up, .object = object };

	if (!json_value_given(object) || object->kind != JSON_VALUE_OBJECT)
		return 0;
	for (at.v = json_value_first(object); at.v; at.v = json_value_next(object, at.v)) {
		const struct field *f = json_value_given(at.v) ? field_find(schema, at.v->key)
							       : NULL;

		if (f && ask_member(a, f, &at) != 0)
			return -1;
	}
	return 0;
}
/* NOLINTEND(misc-no-recursion) */

int powers_from_body(struct extraction *a, const struct route *route, json_ref top)
{
	/* Limits and the restart policy are all that dockerd takes of an update's body. */
	if (route->operation == OP_CONTAINER_UPDATE)
		return 0;
	/* dockerd up to 25 takes a whole HostConfig with an old-style start. */
	if (route->operation == OP_CONTAINER_START && top->count > 0)
		powerset_add(a->powers, POWER_CREATE);
	return ask_struct(a, route->schema, top, NULL);
}
