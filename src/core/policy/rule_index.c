/*
 * Which rules are for a subject, for an operation, for a power: a bit for each rule, in the order
 * of the file. A decision looks only at rules that are in all of them, and that may match what the
 * request names.
 */
#include "dsp/core/policy/rule_index.h"

#include "dsp/core/base/mem_list.h"
#include "rule_keys.h"
#include "rule_set.h"

struct rule_index {
	unsigned kinds; /* rules_compared_kinds */
	size_t heads;   /* rule_set_heads */
	uint64_t *operations[RULE_OPERATIONS];
	uint64_t *all;       /* rules for every subject */
	uint64_t **subjects; /* of each: its other rules; NULL: none */
	uint64_t *plain;     /* rules without lists and conditions, not in monitor mode */
	/* The allow rules; by power: those that may cover it; NULL: none. */
	uint64_t *allows_any;
	uint64_t *allows[POWER_COUNT];
	/* The deny rules that match whatever a request asks for; by power: the others. */
	uint64_t *denies_any;
	uint64_t *denies[POWER_COUNT];
	struct rule_keys *keys; /* NULL: no rule has any */
};

static unsigned compared_kinds(const struct rules *rules)
{
	unsigned kinds = 0;

	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *r = &rules->items[i];

		for (size_t k = 0; k < r->lists[LIST_MOUNTS].count; k++) {
			if (r->lists[LIST_MOUNTS].items[k].read_only)
				kinds |= COMPARES_READ_ONLY;
		}
		/* What root approves is what is there now, whatever the rule compares. */
		if (r->verb == RULE_ASK)
			kinds |= 1u << ATTRIBUTE_DEVICE | 1u << ATTRIBUTE_MOUNT;
		if (r->lists[LIST_DEVICES].given)
			kinds |= 1u << ATTRIBUTE_DEVICE;
		if (r->verb == RULE_DENY && r->lists[LIST_MOUNTS].given)
			kinds |= 1u << ATTRIBUTE_MOUNT;
		if (r->verb == RULE_DENY && r->lists[LIST_VOLUMES].given)
			kinds |= 1u << ATTRIBUTE_VOLUME;
		if (r->verb == RULE_DENY && r->lists[LIST_NETWORKS].given)
			kinds |= 1u << ATTRIBUTE_NETWORK;
	}
	return kinds;
}

unsigned rules_compared_kinds(const struct rules *rules)
{
	if (!rules)
		return 0;
	return rules->index ? rules->index->kinds : compared_kinds(rules);
}

static bool is_for_all(const struct rules *rules, const struct rule *r)
{
	size_t whole = rules->subject_count / 64;

	for (size_t w = 0; w < whole; w++) {
		if (r->who[w] != ~(uint64_t)0)
			return false;
	}
	for (size_t i = whole * 64; i < rules->subject_count; i++) {
		if (!bit_of(r->who, i))
			return false;
	}
	return true;
}

static int add_subjects(struct rules *rules, struct rule_index *index, size_t i)
{
	const struct rule *r = &rules->items[i];

	if (is_for_all(rules, r))
		return rule_set_add(rules, &index->all, i);
	for (size_t w = 0; w < bits_words(rules->subject_count); w++) {
		for (uint64_t rest = r->who[w]; rest; rest &= rest - 1) {
			size_t subject = w * 64 + (size_t)__builtin_ctzll(rest);

			if (rule_set_add(rules, &index->subjects[subject], i) != 0)
				return -1;
		}
	}
	return 0;
}

/* Whether a rule is one that rules_next_plain gives. */
static bool is_plain(const struct rule *r)
{
	return !r->monitor && !rule_has_lists(r);
}

/* A deny rule with a list of mounts and their power also matches volumes that may be mounts. */
static bool denies_any(const struct rule *r)
{
	return !r->powers_given ||
		(r->lists[LIST_MOUNTS].given && powerset_has(&r->powers, POWER_HOST_MOUNTS));
}

/* What rule_match compares first. A list covers at most its power. */
static int add_powers(struct rules *rules, struct rule_index *index, size_t i)
{
	const struct rule *r = &rules->items[i];
	struct powerset powers = r->powers;
	bool deny = r->verb == RULE_DENY;

	if (is_plain(r) && rule_set_add(rules, &index->plain, i) != 0)
		return -1;
	if (deny && denies_any(r))
		return rule_set_add(rules, &index->denies_any, i);
	if (!deny && rule_set_add(rules, &index->allows_any, i) != 0)
		return -1;
	for (size_t k = 0; k < LIST_COUNT && !deny; k++) {
		enum power p = list_power((enum list_kind)k);

		if (r->lists[k].given && p != POWER_COUNT)
			powerset_add(&powers, p);
	}
	for (size_t p = powerset_next(&powers, 0); p < POWER_COUNT;
		p = powerset_next(&powers, p + 1)) {
		if (rule_set_add(rules, deny ? &index->denies[p] : &index->allows[p], i) != 0)
			return -1;
	}
	return 0;
}

int rules_index(struct rules *rules)
{
	struct rule_index *index = mem_list_alloc(&rules->memory, sizeof(*index));

	if (!index)
		return -1;
	index->kinds = compared_kinds(rules);
	index->heads = rule_set_heads(rules->count);
	index->subjects = mem_list_alloc(
		&rules->memory, (rules->subject_count + 1) * sizeof(*index->subjects));
	if (!index->subjects)
		return -1;
	for (size_t i = 0; i < rules->count; i++) {
		if (add_subjects(rules, index, i) != 0 || add_powers(rules, index, i) != 0)
			return -1;
		for (size_t o = 0; o < RULE_OPERATIONS; o++) {
			if (bit_of(rules->items[i].operations, o) &&
				rule_set_add(rules, &index->operations[o], i) != 0)
				return -1;
		}
	}
	if (rule_keys_make(rules, &index->keys) != 0)
		return -1;
	rules->index = index;
	return 0;
}

void rules_choose(const struct rules *rules, const struct facts *facts,
	const struct powerset *powers, const struct powerset *possible, struct rule_choice *ret)
{
	const struct rule_index *index = rules->index;

	ret->allow_count = ret->deny_count = 0;
	ret->keyed = index && index->keys;
	if (!index)
		return;
	if (ret->keyed)
		rule_keys_choose(index->keys, facts, &ret->names);
	ret->allows[ret->allow_count++] = index->allows_any;
	for (size_t p = powerset_next(powers, 0); p < POWER_COUNT; p = powerset_next(powers, p + 1))
		ret->allows[ret->allow_count++] = index->allows[p];
	for (size_t i = 0; i < ret->allow_count; i++) {
		if (!ret->allows[i])
			ret->allow_count = 0;
	}
	if (index->denies_any)
		ret->denies[ret->deny_count++] = index->denies_any;
	for (size_t p = powerset_next(possible, 0); p < POWER_COUNT;
		p = powerset_next(possible, p + 1)) {
		if (index->denies[p])
			ret->denies[ret->deny_count++] = index->denies[p];
	}
}

/* What a search looks for: rules for both, that are chosen, and are in the sets. */
struct wanted {
	size_t subject;
	size_t operation;
	const struct rule_choice *chosen; /* NULL: all are */
	const uint64_t *set;              /* NULL: all are */
	const struct key_choice *names;   /* its sets; NULL: all are */
};

/* Word w of the rules that a request's powers leave. */
static uint64_t chosen_word(const struct rule_choice *c, size_t w)
{
	uint64_t allow = c->allow_count > 0 ? ~(uint64_t)0 : 0;
	uint64_t deny = 0;

	for (size_t i = 0; i < c->allow_count; i++)
		allow &= c->allows[i][w];
	for (size_t i = 0; i < c->deny_count; i++)
		deny |= c->denies[i][w];
	return allow | deny;
}

/* Word w of the rules that are open by what a request names. */
static uint64_t open_word(const struct key_choice *names, size_t heads, size_t w)
{
	uint64_t open = 0;

	for (size_t i = 0; i < names->open_count; i++)
		open |= names->open[i][w];
	/* A head's bit says that its word has a rule; another of that word may be open. */
	for (size_t i = 0; i < names->closed_count && w >= heads; i++)
		open &= ~names->closed[i][w];
	return open;
}

/* Word w of the rules that a search wants. In a head a bit may be set for nothing. */
static uint64_t word_of(const struct rule_index *index, const struct wanted *what, size_t w)
{
	const uint64_t *own = index->subjects[what->subject];
	const uint64_t *operation = index->operations[what->operation];
	uint64_t set = (own ? own[w] : 0) | (index->all ? index->all[w] : 0);

	set &= operation ? operation[w] : 0;
	if (what->set)
		set &= what->set[w];
	if (set != 0 && what->names)
		set &= open_word(what->names, index->heads, w);
	return set != 0 && what->chosen ? set & chosen_word(what->chosen, w) : set;
}

/* The bits of a word from bit `from` of all words on; w is the number of the word. */
static uint64_t bits_from(uint64_t word, size_t w, size_t from)
{
	if (w != from / 64)
		return w < from / 64 ? 0 : word;
	return word >> from % 64 << from % 64;
}

static size_t next_wanted(const struct rules *rules, const struct wanted *what, size_t from)
{
	const struct rule_index *index = rules->index;

	for (size_t h = from / 64 / 64; h < index->heads; h++) {
		uint64_t head = bits_from(word_of(index, what, h), h, from / 64);

		for (; head; head &= head - 1) {
			size_t w = h * 64 + (size_t)__builtin_ctzll(head);
			uint64_t set = bits_from(word_of(index, what, index->heads + w), w, from);

			if (set)
				return w * 64 + (size_t)__builtin_ctzll(set);
		}
	}
	return rules->count;
}

size_t rules_next(const struct rules *rules, size_t subject, size_t operation, size_t from)
{
	size_t count = rules ? rules->count : 0;

	if (from < count && rules->index)
		return next_wanted(
			rules, &(struct wanted){ subject, operation, NULL, NULL, NULL }, from);
	while (from < count &&
		!(bit_of(rules->items[from].who, subject) &&
			bit_of(rules->items[from].operations, operation)))
		from++;
	return from < count ? from : count;
}

/* Whether a search wants a rule of a part. */
static bool wants(const struct rule_index *index, const struct wanted *what,
	const struct rule_numbers *part, size_t rule)
{
	const struct key_choice *names = &what->chosen->names;

	for (size_t i = 0; i < part->place; i++) {
		if (bit_of(names->closed[i] + index->heads, rule))
			return false;
	}
	return word_of(index, what, index->heads + rule / 64) >> rule % 64 & 1;
}

size_t rules_next_chosen(const struct rules *rules, size_t subject, size_t operation,
	struct rule_choice *chosen, size_t from)
{
	struct wanted what = { subject, operation, chosen, NULL, NULL };
	size_t first;

	if (from >= rules->count || !rules->index)
		return rules_next(rules, subject, operation, from);
	if (!chosen->keyed)
		return next_wanted(rules, &what, from);
	what.names = &chosen->names;
	first = next_wanted(rules, &what, from);
	what.names = NULL;
	for (size_t i = 0; i < chosen->names.part_count; i++) {
		const uint32_t *numbers = chosen->names.numbers;
		struct rule_numbers *n = &chosen->names.parts[i];

		while (n->next < n->end && numbers[n->next] < first &&
			(numbers[n->next] < from ||
				!wants(rules->index, &what, n, numbers[n->next])))
			n->next++;
		if (n->next < n->end && numbers[n->next] < first)
			first = numbers[n->next];
	}
	return first;
}

size_t rules_next_plain(const struct rules *rules, size_t subject, size_t operation, size_t from)
{
	if (from < rules->count && rules->index && rules->index->plain)
		return next_wanted(rules,
			&(struct wanted){ subject, operation, NULL, rules->index->plain, NULL },
			from);
	if (rules->index)
		return rules->count;
	do
		from = rules_next(rules, subject, operation, from);
	while (from < rules->count && !is_plain(&rules->items[from]) && ++from);
	return from;
}
