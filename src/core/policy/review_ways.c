#include "dsp/core/base/text.h"
#include "dsp/core/policy/conditions.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/core/policy/rule_index.h"
#include "review.h"

/* --- tokens that are not sent ------------------------------------------------------------------*/

/* Whether subject id may do an operation that asks for p, and as little else as possible. */
static bool may(const struct review *r, size_t id, const struct shape *shape, enum power p,
	struct decision *d)
{
	struct subject subject = subject_at(r->rules, id);

	return escalation_by_route(r->policy, &subject, shape->route, p, d) && !d->monitored;
}

static void ask_anonymous(struct review *r, struct shape *shape)
{
	struct decision d;

	if (shape->asked)
		return;
	shape->asked = true;
	shape->open = may(r, SUBJECT_ANONYMOUS, shape, POWER_COUNT, &d);
	for (size_t p = 0; p < POWER_COUNT; p++) {
		if (powerset_has(&shape->possible, (enum power)p) &&
			may(r, SUBJECT_ANONYMOUS, shape, (enum power)p, &d))
			powerset_add(&shape->open_powers, (enum power)p);
	}
}

/* Whether another deny rule, with no list that this one lacks, denies this to anonymous. */
static bool is_denied_too(const struct review *r, const struct rule *rule, size_t operation)
{
	for (size_t i = 0; i < r->rules->count; i++) {
		const struct rule *other = &r->rules->items[i];
		bool narrower = other->verb != RULE_DENY || other->monitor;

		for (size_t k = 0; k < LIST_COUNT; k++)
			narrower = narrower || (other->lists[k].given && !rule->lists[k].given);
		if (!narrower && bit_of(other->who, SUBJECT_ANONYMOUS) &&
			bit_of(other->operations, operation))
			return true;
	}
	return false;
}

/* Whether anonymous may do something of an operation that rule denies to others. */
static bool is_open(struct review *r, const struct rule *rule, size_t operation)
{
	struct shape *shape = &r->shapes[operation];
	struct powerset open;

	ask_anonymous(r, shape);
	open = powerset_both(&shape->open_powers, &rule->powers);
	if (rule->powers_given ? powerset_empty(&open) : !shape->open)
		return false;
	return !rule_has_lists(rule) || !is_denied_too(r, rule, operation);
}

/* A user who is known by a token can be anonymous: a rule for the user alone denies nothing. */
static void check_token(struct review *r, const struct rule *rule)
{
	size_t id = SUBJECT_FIRST;
	char name[SHOWN];

	while (id < r->rules->subject_count && !(r->rules->has_token[id] && bit_of(rule->who, id)))
		id++;
	if (rule->verb != RULE_DENY || rule->monitor || bit_of(rule->who, SUBJECT_ANONYMOUS) ||
		id >= r->rules->subject_count)
		return;
	for (size_t o = 0; o < RULE_OPERATIONS; o++) {
		if (!bit_of(rule->operations, o) || !is_open(r, rule, o))
			continue;
		text_escape(r->rules->subjects[id], name, sizeof(name));
		findings_warning(r->findings, rule->at,
			"%s can avoid this rule by sending no token: anonymous may %s; add "
			"\"anonymous\" to who",
			name, review_operation_name(r, o));
		return;
	}
}

/* --- conditions --------------------------------------------------------------------------------*/

/* Whether a rule that applies has a condition of this key. */
static bool bounds(const struct rule *rule, enum condition key)
{
	return rule && !rule->monitor && rule->conditions && rule->conditions->of[key].given;
}

/* Whether subject may do an operation that no rule bounds by this key. */
static bool is_unbounded(
	const struct review *r, enum condition key, size_t operation, size_t subject)
{
	struct decision d;

	if (!may(r, subject, &r->shapes[operation], POWER_COUNT, &d) || bounds(d.rule, key))
		return false;
	for (size_t i = 0; (i = rules_next(r->rules, subject, operation, i)) < r->rules->count;
		i++) {
		if (r->rules->items[i].verb == RULE_DENY && bounds(&r->rules->items[i], key))
			return false;
	}
	return true;
}

/* Finds a subject of rule who may make or change the same by another operation. */
static bool find_way_around(
	struct review *r, const struct rule *rule, enum condition key, size_t operation)
{
	char name[SHOWN];

	if (bit_of(rule->operations, operation) || !condition_concerns(key, operation))
		return false;
	for (size_t id = 0; id < r->rules->subject_count; id++) {
		if (!bit_of(rule->who, id) || !is_unbounded(r, key, operation, id))
			continue;
		text_escape(r->rules->subjects[id], name, sizeof(name));
		findings_warning(r->findings, rule->at,
			"%s can avoid its %s by %s: name that operation in the rule too", name,
			condition_info(key)->name, review_operation_name(r, operation));
		return true;
	}
	return false;
}

/* A bound of a create alone is none, where an update or a service may have more. */
static void check_conditions(struct review *r, const struct rule *rule)
{
	static const enum operation operations[] = { OP_CONTAINER_UPDATE, OP_CONTAINER_CREATE,
		OP_SERVICE_CREATE, OP_SERVICE_UPDATE, OP_CONTAINER_EXEC_CREATE };
	enum { COUNT = sizeof(operations) / sizeof(operations[0]) };

	if (!rule->conditions || rule->monitor ||
		(!bit_of(rule->operations, OP_CONTAINER_CREATE) &&
			!bit_of(rule->operations, OP_SERVICE_CREATE)))
		return;
	for (size_t i = 0; i < (size_t)CONDITION_COUNT * COUNT; i++) {
		enum condition key = (enum condition)(i / COUNT);

		if (rule->conditions->of[key].given &&
			find_way_around(r, rule, key, operations[i % COUNT]))
			return;
	}
}

/* --- names of images ---------------------------------------------------------------------------*/

/* With one of these powers a client can give any image a name that a list allows. */
static const struct {
	enum power power;
	enum operation operation;
} name_takers[] = {
	{ POWER_TAG, OP_IMAGE_TAG },
	{ POWER_IMAGE_LOAD, OP_IMAGE_LOAD },
	{ POWER_IMAGE_IMPORT, OP_IMAGE_PULL },
	{ POWER_COMMIT, OP_CONTAINER_COMMIT },
	{ POWER_BUILD, OP_IMAGE_BUILD },
};

/* Whether a rule allows containers of images that it lists by name, not by digest. */
static bool trusts_names(const struct rule *rule)
{
	const struct list *images = &rule->lists[LIST_IMAGES];

	if (rule->verb == RULE_DENY || !images->given ||
		(!bit_of(rule->operations, OP_CONTAINER_CREATE) &&
			!bit_of(rule->operations, OP_SERVICE_CREATE) &&
			!bit_of(rule->operations, OP_SERVICE_UPDATE)))
		return false;
	for (size_t i = 0; i < images->count; i++) {
		struct span text = images->items[i].text;

		if (!span_starts(text, SPAN("sha256:")) &&
			!memmem(text.s, text.n, "@sha256:", strlen("@sha256:")))
			return true;
	}
	return false;
}

/* "tag (profile guard leaves it open), image_load": how subject id can take a name. */
static void write_name_takers(const struct review *r, size_t id, struct line *l)
{
	for (size_t i = 0; i < sizeof(name_takers) / sizeof(name_takers[0]); i++) {
		enum power p = name_takers[i].power;
		bool first = l->n == 0;
		struct decision d;
		char why[96];

		if (!may(r, id, &r->shapes[name_takers[i].operation], p, &d))
			continue;
		line_add(l, "%s%s", first ? "" : ", ", power_info(p)->name);
		if (first) {
			escalation_reason(r->policy, p, &d, why, sizeof(why));
			line_add(l, " (%s)", why);
		}
	}
}

/* asked: subjects that cannot take a name, as was found for an earlier rule. */
static void check_images(struct review *r, const struct rule *rule, uint64_t *asked)
{
	char name[SHOWN];
	char text[200];
	struct line l;

	if (!trusts_names(rule))
		return;
	for (size_t id = 0; id < r->rules->subject_count; id++) {
		if (!bit_of(rule->who, id) || bit_of(asked, id))
			continue;
		line_init(&l, text, sizeof(text));
		write_name_takers(r, id, &l);
		if (l.n > 0) {
			text_escape(r->rules->subjects[id], name, sizeof(name));
			findings_warning(r->findings, rule->at,
				"%s can give any image a name of this list by %s", name, text);
			return;
		}
		bit_set(asked, id);
	}
}

/* --- mounts ------------------------------------------------------------------------------------*/

/* A read-only mount beside one that the same user may write covers less than it says. */
static void check_mounts(struct review *r, const struct rule *rule)
{
	const struct list *list = &rule->lists[LIST_MOUNTS];
	char path[96];
	char name[SHOWN];

	for (size_t i = 0; rule->verb != RULE_DENY && i < list->count; i++) {
		const struct pattern *p = &list->items[i];
		const uint64_t *set = p->under ? p->under : p->beside;
		size_t id = 0;

		if (!p->read_only || !set)
			continue;
		while (!bit_of(set, id))
			id++;
		text_escape(p->text, path, sizeof(path));
		text_escape(r->rules->subjects[id], name, sizeof(name));
		findings_warning(r->findings, rule->at,
			p->under ? "\"%s:ro\" covers nothing for %s, who can write above it and "
				   "replace it with a link"
				 : "\"%s:ro\" covers only its own path for %s, who can write there "
				   "and put a link below it",
			path, name);
	}
}

/*
 * A deny rule with mounts that leaves out an operation by which its subjects can mount too: of a
 * volume that was made so, a container names the name alone.
 */
static void check_other_ways(struct review *r, const struct rule *rule)
{
	static const enum operation ways[] = { OP_VOLUME_CREATE, OP_CONTAINER_CREATE,
		OP_SERVICE_CREATE };
	char name[SHOWN];
	struct decision d;

	if (rule->verb != RULE_DENY || rule->monitor || !rule->lists[LIST_MOUNTS].given)
		return;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (bit_of(rule->operations, ways[i]))
			continue;
		for (size_t id = 0; id < r->rules->subject_count; id++) {
			if (!bit_of(rule->who, id) ||
				!may(r, id, &r->shapes[ways[i]], POWER_HOST_MOUNTS, &d))
				continue;
			text_escape(r->rules->subjects[id], name, sizeof(name));
			findings_warning(r->findings, rule->at,
				"%s can avoid its mounts by %s: add that operation to deny", name,
				review_operation_name(r, ways[i]));
			return;
		}
	}
}

void review_ways(struct review *r, const struct rule *rule, uint64_t *asked)
{
	check_token(r, rule);
	check_images(r, rule, asked);
	check_mounts(r, rule);
	check_other_ways(r, rule);
	check_conditions(r, rule);
}
