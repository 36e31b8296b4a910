#include "learn_require.h"

#include <stdio.h>

#include "dsp/core/base/text.h"

enum { BILLION = 1000000000, MEBIBYTE = 1024 * 1024, LEAST_MEMORY = 4 * MEBIBYTE };

/* What all requests have in common of one fact. */
struct common {
	uint64_t seen;
	bool missing;        /* a request says nothing of it, or has none */
	int64_t least, most; /* of their values */
};

static void add_value(struct common *c, int64_t value)
{
	if (c->seen++ == 0)
		c->least = c->most = value;
	c->least = value < c->least ? value : c->least;
	c->most = value > c->most ? value : c->most;
	c->missing = c->missing || value == 0;
}

static void add_request(struct common common[FACT_COUNT], const struct observation *s)
{
	size_t operation = s->facts.route ? (size_t)s->facts.route->operation : OPERATION_COUNT;
	bool old_start = operation == OP_CONTAINER_START &&
		powerset_has(&s->facts.powers, POWER_CREATE);

	for (size_t i = 0; i < FACT_COUNT; i++) {
		int64_t value = s->conditions.of[i];

		if (!old_start && !condition_fact_is_carried(operation, (enum condition_fact)i))
			continue;
		if (!old_start && value >= 0)
			add_value(&common[i], value);
		else if (operation != OP_CONTAINER_UPDATE)
			common[i].missing = true;
	}
}

/* The next power of two, in units. */
static int64_t round_up(int64_t n, int64_t unit)
{
	while (unit < n && unit <= INT64_MAX / 2)
		unit *= 2;
	return unit;
}

static json_t *write_memory(int64_t most)
{
	int64_t mebibytes = round_up(most, LEAST_MEMORY) / MEBIBYTE;
	bool gibi = mebibytes % 1024 == 0;

	return json_sprintf(
		"%lld%c", (long long)(gibi ? mebibytes / 1024 : mebibytes), gibi ? 'g' : 'm');
}

static json_t *write_cpus(int64_t most)
{
	int64_t n = round_up(most, BILLION / 4);

	return n % BILLION == 0 ? json_integer(n / BILLION) : json_real((double)n / BILLION);
}

static json_t *write_value(enum condition_fact fact, const struct common *c)
{
	switch (fact) {
	case FACT_MEMORY:
		return write_memory(c->most);
	case FACT_CPUS:
		return write_cpus(c->most);
	case FACT_PIDS:
		return json_integer(round_up(c->most, 1));
	case FACT_USER:
		return c->least == CONDITION_USER_UID ? json_string("non-root") : NULL;
	case FACT_DROPS_ALL:
		return json_pack("[s]", "ALL");
	case FACT_PINNED:
		return json_string(c->least == CONDITION_PIN_DIGEST ? "digest" : "tag");
	case FACT_READ_ONLY:
	case FACT_NO_NEW_PRIVILEGES:
		break;
	}
	return json_true();
}

json_t *learn_require(const struct observations *all, size_t rule)
{
	struct common common[FACT_COUNT] = { { 0 } };
	json_t *ret = json_object();

	for (size_t i = 0; i < all->count; i++) {
		const struct observation *s = all->items[i];

		if (!s->unallowable && (rule == SIZE_MAX || s->rule == rule))
			add_request(common, s);
	}
	for (size_t i = 0; i < FACT_COUNT; i++) {
		const char *key = i == FACT_DROPS_ALL ? "cap_drop"
						      : condition_fact_name((enum condition_fact)i);
		json_t *value = common[i].seen > 0 && !common[i].missing
			? write_value((enum condition_fact)i, &common[i])
			: NULL;

		if (value)
			(void)json_object_set_new(ret, key, value);
	}
	return ret;
}

void learn_require_write(json_t *require, char *out, size_t cap)
{
	const char *key;
	const json_t *v;
	struct line l;

	line_init(&l, out, cap);
	json_object_foreach (require, key, v) {
		const json_t *word = json_is_array(v) ? json_array_get(v, 0) : v;

		line_add(&l, "%s%s", l.n > 0 ? " " : "", key);
		if (json_is_string(word))
			line_add(&l, "=%s", json_string_value(word));
		else if (json_is_integer(word))
			line_add(&l, "=%lld", (long long)json_integer_value(word));
		else if (json_is_real(word))
			line_add(&l, "=%.2f", json_real_value(word));
	}
}
