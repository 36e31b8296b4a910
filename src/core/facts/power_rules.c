#include "dsp/core/facts/power_rules.h"

#include "dsp/core/parse/fields.h"

#define ROW(ky, nm, ts, ar, pw, al, qu, kd)                                                        \
	{ .key = SPAN_INIT(ky),                                                                    \
		.name = SPAN_INIT(nm),                                                             \
		.test = (ts),                                                                      \
		.arg = (ar),                                                                       \
		.power = (pw),                                                                     \
		.all_of = (al),                                                                    \
		.quiet = (qu),                                                                     \
		.kind = (kd) },

static const struct grant rows[] = { GRANTS_ROWS(ROW) };

struct range {
	size_t first;
	size_t end;
};

#define RANGE(id, from, to) [id] = { (from), (to) },

static const struct range of_operation[OPERATION_COUNT] = { QUERY_RANGES(RANGE) };
static const struct range of_struct[STRUCT_COUNT] = { BODY_RANGES(RANGE) };

const struct grant *grants_of_operation(enum operation operation, size_t *count)
{
	*count = of_operation[operation].end - of_operation[operation].first;
	return rows + of_operation[operation].first;
}

const struct grant *grants_of_struct(enum struct_id id, size_t *count)
{
	*count = of_struct[id].end - of_struct[id].first;
	return rows + of_struct[id].first;
}

/* NOLINTNEXTLINE(misc-no-recursion): the structs of fields.tab do not hold themselves. */
struct powerset grants_all_of(enum struct_id id)
{
	struct powerset all = { { 0 } };
	size_t count;
	const struct grant *g = grants_of_struct(id, &count);
	const struct field *f;

	for (; count > 0; count--, g++) {
		if (g->power != POWER_COUNT && g->power != POWER_PLUGIN_CONTROL)
			powerset_add(&all, g->power);
	}
	for (f = fields_of_struct(id, &count); count > 0; count--, f++) {
		struct powerset below = { { 0 } };

		if (f->of != STRUCT_NONE)
			below = grants_all_of(f->of);
		powerset_add_all(&all, &below);
	}
	/* A mount may hold the socket, or be a device; never are dsp's own files meant. */
	if (powerset_has(&all, POWER_HOST_MOUNTS)) {
		powerset_add(&all, POWER_DOCKER_SOCKET);
		powerset_add(&all, POWER_DEVICES);
	}
	return all;
}

int asked_add(struct asked *a, const struct grant *g, struct detail detail)
{
	detail.field = g->name;
	detail.power = g->power;
	if (detail.kind == DETAIL_OPTION)
		detail.kind = g->kind;
	/* dockerd takes a network by its name, its id, and the begin of its id. */
	if (detail.kind == DETAIL_NETWORK)
		detail.maybe_id = detail.maybe_id || word_is_hex(detail.text);
	if (g->power != POWER_COUNT)
		powerset_add(a->powers, g->power);
	return details_add(a->details, &detail);
}

bool word_is_hex(struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.s[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return text.n > 0;
}

bool word_in(struct span text, const char *list)
{
	struct span rest = span_of(list);

	while (rest.n > 0) {
		if (span_equal(span_cut(&rest, ','), text))
			return true;
	}
	return false;
}
