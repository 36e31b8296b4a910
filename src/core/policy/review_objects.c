#include "dsp/core/base/text.h"
#include "dsp/core/facts/power_rules.h"
#include "object_rules.h"
#include "review.h"

static const enum list_kind kinds[] = { LIST_CONTAINERS, LIST_NETWORKS, LIST_VOLUMES };

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* The first word of a rule's lists that dockerd must be asked about; NULL: there is none. */
static const struct pattern *first_word(const struct rule *rule, enum list_kind *ret)
{
	for (size_t k = 0; k < KINDS; k++) {
		const struct list *list = &rule->lists[kinds[k]];

		*ret = kinds[k];
		for (size_t i = 0; i < list->count; i++) {
			if (list->items[i].object)
				return &list->items[i];
		}
	}
	return NULL;
}

/* Such a rule matches nothing, or everything, where dspd cannot ask dockerd. */
static void check_asking(struct review *r, const struct rule *rule)
{
	enum list_kind k;
	const struct pattern *word = first_word(rule, &k);
	bool managed = r->policy->mounts_invisible;
	char text[SHOWN];

	if (!word || (!managed && r->policy->resolver[0]))
		return;
	text_escape(word->text, text, sizeof(text));
	findings_error(r->findings, rule->at,
		managed ? "\"%s\" in its %s: a managed plugin cannot ask dockerd what a thing is; "
			  "remove it, or run dspd on the host"
			: "\"%s\" in its %s: dspd cannot ask dockerd what a thing is, because "
			  "DSP_RESOLVER is off; remove one of them",
		text, list_name(k));
}

static bool has_own(const struct rule *rule)
{
	for (size_t k = 0; k < KINDS; k++) {
		const struct list *list = &rule->lists[kinds[k]];

		for (size_t i = 0; i < list->count; i++) {
			const struct object_item *o = list->items[i].object;

			if (o && o->word == OBJECT_OWN && o->owner == OBJECT_OWNER_CLIENT)
				return true;
		}
	}
	return false;
}

/* Clients without a name are one user. */
static void check_anonymous(struct review *r, const struct rule *rule)
{
	if (rule->verb != RULE_DENY && bit_of(rule->who, SUBJECT_ANONYMOUS) && has_own(rule))
		findings_warning(r->findings, rule->at,
			"for anonymous, \"own\" means what any client without a name made: leave "
			"anonymous out of who, or write own:USER");
}

/* Whether another allow rule lets the same users do an operation with any container. */
static bool is_allowed_too(const struct review *r, const struct rule *rule, size_t operation)
{
	for (size_t i = 0; i < r->rules->count; i++) {
		const struct rule *other = &r->rules->items[i];
		bool within = other->verb != RULE_DENY && !other->lists[LIST_CONTAINERS].given &&
			bit_of(other->operations, operation);

		for (size_t w = 0; w < r->words && within; w++)
			within = (rule->who[w] & ~other->who[w]) == 0;
		if (within)
			return true;
	}
	return false;
}

/* An operation that shows all containers is covered by "*" alone. */
static void check_listing(struct review *r, const struct rule *rule)
{
	const struct list *list = &rule->lists[LIST_CONTAINERS];

	for (size_t i = 0; i < list->count; i++) {
		if (span_equal(list->items[i].text, SPAN("*")))
			return;
	}
	for (size_t o = 0; rule->verb != RULE_DENY && list->given && o < OPERATION_COUNT; o++) {
		const struct route *route = r->shapes[o].route;

		if (!bit_of(rule->operations, o) ||
			!power_rules_list_all(route, ATTRIBUTE_CONTAINER) ||
			is_allowed_too(r, rule, o))
			continue;
		findings_warning(r->findings, rule->at,
			"its containers never cover %s, which shows all of them: allow that in a "
			"rule without containers",
			review_operation_name(r, o));
		return;
	}
}

void review_objects(struct review *r, const struct rule *rule)
{
	check_asking(r, rule);
	check_anonymous(r, rule);
	check_listing(r, rule);
}
