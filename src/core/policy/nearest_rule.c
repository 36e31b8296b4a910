#include "dsp/core/policy/nearest_rule.h"

#include <stdint.h>

#include "dsp/core/base/text.h"
#include "dsp/core/policy/rule_index.h"
#include "dsp/core/policy/rule_match.h"
#include "object_rules.h"
#include "way.h"

/* At most so many comparisons for one denial: some milliseconds, however many rules there are. */
enum { WORK_MOST = 500000 };

/* The request, and what has been spent on it. */
struct search {
	size_t subject;
	const struct facts *facts;
	struct powerset powers;              /* that it asks for */
	struct powerset by_list[LIST_COUNT]; /* of those: what items of such a list can cover */
	/* The first attribute that a list of this kind concerns, and what follows the last. */
	size_t first[LIST_COUNT];
	size_t end[LIST_COUNT];
	const struct attribute *missing; /* a mount source at which nothing is; or NULL */
	size_t most;                     /* a rule that lacks so much is not nearer */
	size_t work;
};

static void add_lack(struct nearest_rule *n, struct lack lack)
{
	if (n->count < LACKS_MOST)
		n->lacks[n->count++] = lack;
	else
		n->more = true;
}

static void add(
	struct nearest_rule *n, enum power power, enum list_kind k, const struct attribute *item)
{
	add_lack(n, (struct lack){ .power = power, .list = k, .item = item });
}

static void begin(
	struct search *s, const struct policy *policy, size_t subject, const struct facts *facts)
{
	*s = (struct search){ subject, facts, decide_powers(policy, facts),
		.missing = way_missing_source(facts), .most = SIZE_MAX };
	for (size_t i = 0; i < facts->attributes.count * LIST_COUNT; i++) {
		const struct attribute *d = &facts->attributes.items[i / LIST_COUNT];
		enum list_kind k = (enum list_kind)(i % LIST_COUNT);

		if (list_concerns(k, d)) {
			s->first[k] = s->end[k] == 0 ? i / LIST_COUNT : s->first[k];
			s->end[k] = i / LIST_COUNT + 1;
		}
		if (list_power(k) != POWER_COUNT && d->power == list_power(k))
			powerset_add(&s->by_list[k], d->power);
	}
}

/*
 * Adds the items of a kind that a rule does not cover. A rule without such a list counts as one
 * whose list is empty, when the request needs its power.
 */
static void add_items(struct search *s, struct nearest_rule *n, enum list_kind k)
{
	const struct list *list = &n->rule->lists[k];
	const struct attributes *all = &s->facts->attributes;

	for (size_t i = s->first[k]; i < s->end[k] && !n->more && n->count < s->most; i++) {
		const struct attribute *d = &all->items[i];
		bool concerned = list_must_cover(list, k, d);

		s->work += concerned ? 1 + list->count : 1;
		if (concerned && !rule_list_covers(list, k, s->subject, s->facts, d))
			add_lack(n,
				(struct lack){
					.power = POWER_COUNT, .list = k, .item = d, .by = list });
	}
	if (list->given && rule_list_is_blind(k, s->facts))
		add(n, POWER_COUNT, k, NULL);
}

/*
 * What allow rule r lacks to allow the request: powers, items of its lists, a condition. It may end
 * where that is s->most.
 */
static void compare(struct search *s, const struct rule *r, struct nearest_rule *ret)
{
	struct powerset missing = powerset_less(&s->powers, &r->powers);
	struct condition_verdict condition = conditions_judge(r->conditions, s->facts, s->subject);
	bool listed[LIST_COUNT];

	ret->rule = r;
	ret->count = 0;
	ret->more = false;
	for (size_t k = 0; k < LIST_COUNT; k++) {
		struct powerset needed = powerset_both(&s->by_list[k], &missing);

		/* A new list would have to cover what dsp is not shown; the power does. */
		listed[k] = r->lists[k].given ||
			(!powerset_empty(&needed) &&
				!rule_list_is_blind((enum list_kind)k, s->facts));
		if (listed[k])
			missing = powerset_less(&missing, &s->by_list[k]);
	}
	for (size_t p = powerset_next(&missing, 0); p < POWER_COUNT && ret->count < s->most;
		p = powerset_next(&missing, p + 1))
		add(ret, (enum power)p, LIST_COUNT, p == POWER_DOCKER_SOCKET ? s->missing : NULL);
	for (size_t k = 0; k < LIST_COUNT && !ret->more && ret->count < s->most; k++) {
		if (listed[k])
			add_items(s, ret, (enum list_kind)k);
	}
	if (condition.state != CONDITION_MET)
		add_lack(ret,
			(struct lack){ .power = POWER_COUNT,
				.list = LIST_COUNT,
				.conditions = r->conditions,
				.condition = condition });
}

/* Whether one more thing in an allow rule could change the decision. */
static bool can_change(const struct decision *d)
{
	switch (d->by) {
	case DECIDED_BY_DEFAULT:
	case DECIDED_BY_POWER:
	case DECIDED_BY_REQUIRE:
	case DECIDED_BY_RULE:
	case DECIDED_BY_POST:
	case DECIDED_BY_SECTION:
	case DECIDED_BY_READONLY:
		return d->verdict != VERDICT_ALLOW || d->monitored;
	case DECIDED_BY_BROKEN:
	case DECIDED_BY_OWN_NAME:
	case DECIDED_BY_IDENTITY:
	case DECIDED_BY_READING:
	case DECIDED_BY_TEMPORARY:
	case DECIDED_BY_FILE:
	case DECIDED_BY_GRANT:
	case DECIDED_BY_ANSWER:
	case DECIDED_BY_PROFILE:
		break;
	}
	return false;
}

/* NOLINTNEXTLINE(misc-no-recursion): once, since a build needs no other builder. */
void nearest_rule_find(const struct policy *policy, const struct subject *subject,
	const struct facts *facts, const struct decision *d, struct nearest_rule *ret)
{
	const struct rules *rules = policy->file_rules;
	size_t operation = facts->route ? (size_t)facts->route->operation : (size_t)OPERATION_COUNT;
	struct facts build;
	struct decision of_build;
	struct nearest_rule n = { .rule = NULL };
	struct search s;

	if (way_of_build(policy, subject, facts, &build, &of_build)) {
		nearest_rule_find(policy, subject, &build, &of_build, ret);
		return;
	}
	*ret = (struct nearest_rule){ .rule = NULL };
	if (!rules || !can_change(d) || facts->reading != READING_EXACT)
		return;
	begin(&s, policy, subject->id, facts);
	for (size_t i = rules_next(rules, subject->id, operation, 0);
		i < rules->count && s.work < WORK_MOST && s.most > 1;
		i = rules_next(rules, subject->id, operation, i + 1)) {
		const struct rule *r = &rules->items[i];

		/* A rule that only records decides nothing, whatever it lacks. */
		if (r->verb == RULE_DENY || r->monitor)
			continue;
		s.work += LIST_COUNT;
		compare(&s, r, &n);
		if (n.count + n.more >= s.most)
			continue;
		*ret = n;
		s.most = n.count + n.more;
	}
}

void lack_write(const struct lack *l, char out[LACK_MOST])
{
	const struct attribute *d = l->item;
	struct line line;
	char text[LACK_MOST];

	line_init(&line, out, LACK_MOST);
	if (l->power != POWER_COUNT && d) {
		line_add(&line, "a mount source that is missing (");
		way_add_mkdir(d, &line);
		line_add(&line, ")");
	} else if (l->power != POWER_COUNT) {
		line_add(&line, "power %s", power_info(l->power)->name);
	} else if (l->conditions) {
		bool given = l->conditions->of[l->condition.key].given;

		line_add(&line, "a request with%s %s%s", given ? "out" : "",
			condition_info(l->condition.key)->name, given ? " " : "");
		condition_write_value(l->conditions, l->condition.key, &line);
	} else if (!d) {
		line_add(&line, "%s that dsp is not shown", list_name(l->list));
	} else if (d->kind == ATTRIBUTE_OPTION || d->text.n == 0 || d->whole) {
		attribute_write(d, text, sizeof(text));
		line_add_cut(&line, span_of(text));
	} else {
		if (d->kind == ATTRIBUTE_MOUNT)
			attribute_write(d, text, sizeof(text));
		else
			text_escape(d->text, text, sizeof(text));
		line_add(&line, d->exec ? "%s of exec " : "%s ", attribute_kind_name(d->kind));
		line_add_cut(&line, span_of(text));
		object_rules_write(l->by, d, &line);
	}
}
