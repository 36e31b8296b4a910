#include "dsp/core/policy/access_query.h"

#include "dsp/core/base/text.h"
#include "dsp/core/facts/power_rules.h"

/* The user of a request, and the policy that decides. */
struct asker {
	const struct policy *policy;
	const struct subject *subject;
	bool quiet; /* as in struct access_query */
};

static void ask(const struct asker *a, const struct facts *facts, struct access_answer *ret)
{
	struct nearest_rule near;

	ret->decision = decide(a->policy, a->subject, facts, NULL);
	ret->message[0] = '\0';
	if (a->quiet || (ret->decision.verdict == VERDICT_ALLOW && !ret->decision.monitored))
		return;
	nearest_rule_find(a->policy, a->subject, facts, &ret->decision, &near);
	message_write(&(struct message){ a->policy, a->subject, facts, &ret->decision, &near },
		ret->message);
}

/* Decides the same request with the item that the first word of a list stands for. */
static struct access_answer ask_with_item(
	const struct asker *a, enum list_kind k, const struct pattern *p, struct facts *facts)
{
	const struct attributes before = facts->attributes;
	struct access_answer ret;
	struct attribute items[2];
	struct attribute item = { .power = list_power(k),
		.kind = list_attribute(k),
		.text = p->text,
		.read_only = p->read_only };
	struct mount_info mount = { .visible = true };
	char port[96];
	struct line l;

	if (k == LIST_PORTS) {
		line_init(&l, port, sizeof(port));
		if (p->text.n > 0)
			line_add(&l, "%.*s:", (int)p->text.n, p->text.s);
		line_add(&l, "%u:%u/tcp", p->first, p->first);
		item.text = (struct span){ port, l.n };
	}
	if (item.kind == ATTRIBUTE_MOUNT) {
		text_copy(item.text, mount.path, sizeof(mount.path));
		item.mount_info = &mount;
	}
	items[0] = item;
	if (before.count > 0)
		items[1] = before.items[0];
	facts->attributes = (struct attributes){ .items = items,
		.count = before.count > 0 ? 2 : 1 };
	ask(a, facts, &ret);
	facts->attributes = before;
	return ret;
}

/*
 * A rule with a list allows nothing without an item: tries an item of each list that covers one of
 * the powers asked for, until its rule allows the request.
 */
static void try_lists(const struct asker *a, struct facts *facts, struct access_answer *ret)
{
	const struct rules *rules = a->policy->file_rules;
	struct access_answer tried;

	for (size_t i = 0; rules && i < rules->count * LIST_COUNT; i++) {
		const struct rule *rule = &rules->items[i / LIST_COUNT];
		enum list_kind k = (enum list_kind)(i % LIST_COUNT);
		const struct list *list = &rule->lists[k];

		if (rule->verb == RULE_DENY || list->count == 0 || list_power(k) == POWER_COUNT ||
			!powerset_has(&facts->powers, list_power(k)))
			continue;
		tried = ask_with_item(a, k, &list->items[0], facts);
		if (tried.decision.rule != rule || tried.decision.verdict == VERDICT_DENY)
			continue;
		/* The first that asks root, unless one allows. */
		if (tried.decision.verdict == VERDICT_ALLOW ||
			ret->decision.verdict == VERDICT_DENY)
			*ret = tried;
		if (tried.decision.verdict == VERDICT_ALLOW)
			return;
	}
}

/* The powers that the request asks for. False: no request of this route can ask for them. */
static bool powers_of(
	const struct route *route, const struct access_query *query, struct powerset *ret)
{
	struct powerset possible;
	struct powerset network = { { 0 } };
	struct powerset more;

	if (!route) {
		powerset_add(ret, POWER_UNKNOWN);
		return !query->with &&
			(query->power == POWER_UNKNOWN || query->power == POWER_COUNT);
	}
	if (query->with && query->with->attributes.count > 0 &&
		query->with->attributes.items[0].kind == ATTRIBUTE_CONTAINER &&
		!power_rules_have_kind(route, ATTRIBUTE_CONTAINER))
		return false;
	*ret = route_powers(route);
	if (query->power != POWER_COUNT && !escalation_can_ask(route, query->power, ret))
		return false;
	if (!query->with)
		return true;
	possible = escalation_possible_powers(route);
	powerset_add(&network, POWER_NETWORK_CONNECT);
	more = query->with->powers;
	/* A container that is made in a network asks for no power, but rules see the network. */
	if (!powerset_has(&possible, POWER_NETWORK_CONNECT))
		more = powerset_less(&more, &network);
	powerset_add_all(ret, &more);
	return powerset_within(&more, &possible);
}

bool access_query_answer(const struct policy *policy, const struct subject *subject,
	const struct route *route, const struct access_query *query, struct access_answer *ret)
{
	const struct asker a = { policy, subject, query->quiet };
	struct facts facts = {
		.route = route,
		.plain_name = true,
		.reading = READING_EXACT,
		.hypothetical = true,
		.recorded = query->conditions,
	};
	struct attribute any;

	if (!powers_of(route, query, &facts.powers))
		return false;
	if (query->with) {
		facts.attributes = query->with->attributes;
		/* A prune means the thing, but also all others of its kind; a list shows them. */
		if (route && facts.attributes.count == 1) {
			any = facts.attributes.items[0];
			any.listing = power_rules_list_all(route, any.kind);
			any.whole = any.listing || any.whole ||
				power_rules_mean_any(route, any.kind);
			if (any.whole)
				any.text = SPAN("*");
			facts.attributes.items = &any;
		}
		facts.invisible_mount = query->with->invisible_mount;
		facts.maybe = query->with->maybe;
	} else if (route &&
		(power_rules_list_all(route, ATTRIBUTE_CONTAINER) ||
			power_rules_mean_any(route, ATTRIBUTE_CONTAINER))) {
		any = (struct attribute){ .power = POWER_COUNT,
			.kind = ATTRIBUTE_CONTAINER,
			.text = SPAN("*"),
			.whole = true,
			.listing = power_rules_list_all(route, ATTRIBUTE_CONTAINER) };
		facts.attributes = (struct attributes){ .items = &any, .count = 1 };
	}
	ask(&a, &facts, ret);
	if (!query->with && (ret->decision.verdict != VERDICT_ALLOW || ret->decision.monitored))
		try_lists(&a, &facts, ret);
	return true;
}
