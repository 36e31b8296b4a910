#include "dsp/core/policy/condition_facts.h"

#include "condition_tests.h"
#include "dsp/core/policy/conditions_parse.h"
#include "dsp/core/policy/image_list.h"

static const struct {
	const char *name;
	enum condition key;
} rows[FACT_COUNT] = {
	[FACT_MEMORY] = { "memory", CONDITION_MEMORY },
	[FACT_CPUS] = { "cpus", CONDITION_CPUS },
	[FACT_PIDS] = { "pids", CONDITION_PIDS },
	[FACT_USER] = { "user", CONDITION_USER },
	[FACT_READ_ONLY] = { "read_only", CONDITION_READ_ONLY },
	[FACT_NO_NEW_PRIVILEGES] = { "no_new_privileges", CONDITION_NO_NEW_PRIVILEGES },
	[FACT_DROPS_ALL] = { "drops_all", CONDITION_CAP_DROP },
	[FACT_PINNED] = { "pinned", CONDITION_PINNED },
};

const char *condition_fact_name(enum condition_fact fact)
{
	return rows[fact].name;
}

const char *condition_fact_word(enum condition_fact fact, int64_t value)
{
	static const char *const users[] = { "none", "name", "uid" };
	static const char *const pins[] = { "none", "tag", "digest" };

	switch (fact) {
	case FACT_MEMORY:
	case FACT_CPUS:
	case FACT_PIDS:
		return NULL;
	case FACT_USER:
		return users[value];
	case FACT_PINNED:
		return pins[value];
	case FACT_READ_ONLY:
	case FACT_NO_NEW_PRIVILEGES:
	case FACT_DROPS_ALL:
		break;
	}
	return value ? "true" : "false";
}

/* --- of a request ------------------------------------------------------------------------------*/

static enum condition_state try_word(
	const struct facts *facts, enum condition key, struct span word)
{
	const struct condition_word words[] = { { .text = word } };
	const struct condition_bound bound = { .given = true, .count = 1, .words = words };

	return condition_judge_alone(key, &bound, facts, NULL);
}

/* The least bound that a request meets; 0: it meets none; -1: any, since it changes nothing. */
static int64_t find_amount(const struct facts *facts, enum condition key)
{
	const struct condition_bound any = { .given = true, .most = INT64_MAX / 16 };
	int64_t amount = -1;

	return condition_judge_alone(key, &any, facts, &amount) == CONDITION_MET ? amount : 0;
}

static int64_t find_fact(const struct facts *facts, enum condition_fact fact)
{
	enum condition key = rows[fact].key;
	enum condition_state state;

	switch (fact) {
	case FACT_MEMORY:
	case FACT_CPUS:
	case FACT_PIDS:
		return find_amount(facts, key);
	case FACT_USER:
		state = try_word(facts, key, SPAN("non-root"));
		return state == CONDITION_MET        ? CONDITION_USER_UID
			: state == CONDITION_MISSING ? CONDITION_USER_NONE
						     : CONDITION_USER_NAME;
	case FACT_PINNED:
		if (try_word(facts, key, SPAN("digest")) == CONDITION_MET)
			return CONDITION_PIN_DIGEST;
		return try_word(facts, key, SPAN("tag")) == CONDITION_MET ? CONDITION_PIN_TAG
									  : CONDITION_PIN_NONE;
	case FACT_READ_ONLY:
	case FACT_NO_NEW_PRIVILEGES:
	case FACT_DROPS_ALL:
		break;
	}
	return try_word(facts, key, SPAN("ALL")) == CONDITION_MET;
}

/* Of an exec drops_all is no fact: it has the capabilities of its container. */
bool condition_fact_is_carried(size_t operation, enum condition_fact fact)
{
	return operation < OPERATION_COUNT && condition_concerns(rows[fact].key, operation) &&
		operation != OP_CONTAINER_START &&
		!(operation == OP_CONTAINER_EXEC_CREATE && fact == FACT_DROPS_ALL);
}

bool condition_facts_read(const struct facts *facts, struct condition_facts *ret)
{
	bool any = false;

	for (size_t i = 0; i < FACT_COUNT; i++) {
		bool carried = facts->route && facts->reading == READING_EXACT &&
			!facts->incomplete &&
			condition_fact_is_carried(facts->route->operation, (enum condition_fact)i);

		ret->of[i] = carried ? find_fact(facts, (enum condition_fact)i) : -1;
		any = any || ret->of[i] >= 0;
	}
	return any;
}

/* --- of a request that is gone -----------------------------------------------------------------*/

static bool has_word(const struct condition_bound *bound, struct span word)
{
	for (size_t i = 0; i < bound->count; i++) {
		if (span_equal(bound->words[i].text, word))
			return true;
	}
	return false;
}

static enum condition_state compare_number(int64_t value, int64_t most)
{
	if (value == 0)
		return CONDITION_MISSING;
	return value <= most ? CONDITION_MET : CONDITION_BEYOND;
}

/* Which user it is, among those of a list, is not recorded. */
static enum condition_state compare_user(
	int64_t value, const struct condition_bound *bound, bool *sure)
{
	bool non_root = has_word(bound, SPAN("non-root"));

	if (value == CONDITION_USER_NONE)
		return CONDITION_MISSING;
	if (value == CONDITION_USER_UID && non_root)
		return CONDITION_MET;
	*sure = bound->count == 1 && non_root;
	return *sure ? CONDITION_BEYOND : CONDITION_MET;
}

/* *sure is false where the value alone does not say it. */
static enum condition_state compare(
	enum condition_fact fact, int64_t value, const struct conditions *c, bool *sure)
{
	const struct condition_bound *bound = &c->of[rows[fact].key];
	bool met = value != 0;

	switch (fact) {
	case FACT_MEMORY:
	case FACT_CPUS:
	case FACT_PIDS:
		return compare_number(value, bound->most);
	case FACT_USER:
		return compare_user(value, bound, sure);
	case FACT_DROPS_ALL:
		*sure = met || (has_word(bound, SPAN("ALL")) && !c->of[CONDITION_CAP_ADD].given);
		met = met || !*sure;
		break;
	case FACT_PINNED:
		*sure = has_word(bound, SPAN("tag")) || has_word(bound, SPAN("digest"));
		met = !*sure || value == CONDITION_PIN_DIGEST ||
			(value == CONDITION_PIN_TAG && has_word(bound, SPAN("tag")));
		break;
	case FACT_READ_ONLY:
	case FACT_NO_NEW_PRIVILEGES:
		break;
	}
	return met ? CONDITION_MET : CONDITION_BEYOND;
}

enum condition_state condition_facts_judge(
	const struct facts *facts, const struct conditions *c, enum condition key, bool *sure)
{
	size_t operation = facts->route->operation;

	*sure = true;
	if (!condition_concerns(key, operation) ||
		(operation == OP_CONTAINER_START && !powerset_has(&facts->powers, POWER_CREATE)))
		return CONDITION_MET;
	for (size_t i = 0; i < FACT_COUNT; i++) {
		int64_t value = facts->recorded->of[i];

		if (rows[i].key != key ||
			!condition_fact_is_carried(operation, (enum condition_fact)i))
			continue;
		/* What an update does not give stays as it is. */
		if (value < 0 ||
			(value == 0 && facts->hypothetical && operation == OP_CONTAINER_UPDATE)) {
			*sure = operation == OP_CONTAINER_UPDATE;
			return CONDITION_MET;
		}
		return compare((enum condition_fact)i, value, c, sure);
	}
	*sure = false;
	return CONDITION_MET;
}

/* --- in words ----------------------------------------------------------------------------------*/

/* Digits alone, above 0: as a condition reads a user. */
static bool is_uid(struct span text)
{
	bool above = false;

	for (size_t i = 0; i < text.n && text.s[i] != ':'; i++) {
		if (text.s[i] < '0' || text.s[i] > '9')
			return false;
		above = above || text.s[i] != '0';
	}
	return above;
}

static int64_t value_of(enum condition_fact fact, const struct condition_bound *bound)
{
	if (fact == FACT_USER)
		return is_uid(bound->words[0].text) ||
				span_equal(bound->words[0].text, SPAN("non-root"))
			? CONDITION_USER_UID
			: CONDITION_USER_NAME;
	if (fact == FACT_PINNED)
		return has_word(bound, SPAN("digest")) ? CONDITION_PIN_DIGEST : CONDITION_PIN_TAG;
	if (fact == FACT_DROPS_ALL)
		return has_word(bound, SPAN("ALL"));
	return bound->most > 0 ? bound->most : 1;
}

int condition_facts_parse(struct span text, struct condition_facts *ret, struct err *e)
{
	*ret = (struct condition_facts){ { 0 } };
	while (text.n > 0) {
		struct condition_word words[CONDITION_WORDS_MOST];
		struct image_lists lists = { .count = 0 };
		struct span pair = span_cut(&text, ',');
		struct conditions c;
		bool known = false;
		struct err why;

		if (conditions_parse_text(pair, words, &lists, &c, &why) != 0)
			return FAIL(e, 0, "%s",
				strchr(why.text, ' ') ? strchr(why.text, ' ') + 1 : why.text);
		for (size_t i = 0; i < FACT_COUNT; i++) {
			if (!c.of[rows[i].key].given)
				continue;
			ret->of[i] = value_of((enum condition_fact)i, &c.of[rows[i].key]);
			known = true;
		}
		if (!known)
			return FAIL(e, 0,
				"write memory=1g,cpus=2,pids=100,user=1000,read_only,"
				"no_new_privileges,cap_drop=ALL,pinned=tag");
	}
	return 0;
}
