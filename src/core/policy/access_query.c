#include "dsp/core/policy/access_query.h"

#include "dsp/core/base/text.h"

static void ask(const struct policy *policy, const struct subject *subject,
	const struct facts *facts, struct access_answer *ret)
{
	ret->decision = decide(policy, subject, facts);
	ret->message[0] = '\0';
	if (ret->decision.verdict != VERDICT_ALLOW || ret->decision.monitored)
		message_write(policy, subject, facts, &ret->decision, ret->message);
}

/* A detail that this word of a rule's list covers. */
static struct attribute sample(enum list_kind k, const struct pattern *p, char *text, size_t cap)
{
	struct attribute d = { .power = list_power(k), .kind = list_attribute(k), .text = p->text };
	struct line l;

	d.read_only = p->read_only;
	if (k != LIST_PORTS)
		return d;
	line_init(&l, text, cap);
	if (p->text.n > 0)
		line_add(&l, "%.*s:", (int)p->text.n, p->text.s);
	line_add(&l, "%u:%u/tcp", p->first, p->first);
	d.text = (struct span){ text, l.n };
	return d;
}

/* The same request with an item that one of the rules' lists covers. */
static bool try_list(const struct policy *policy, const struct subject *subject,
	const struct rule *rule, struct facts *facts, struct access_answer *ret)
{
	struct mount_info mount_info = { .visible = true };
	struct access_answer tried;
	char port[96];

	for (size_t k = 0; k < LIST_COUNT; k++) {
		const struct list *list = &rule->lists[k];
		struct attribute d;

		if (list->count == 0 || list_power((enum list_kind)k) == POWER_COUNT ||
			!powerset_has(&facts->powers, list_power((enum list_kind)k)))
			continue;
		d = sample((enum list_kind)k, &list->items[0], port, sizeof(port));
		if (d.kind == ATTRIBUTE_MOUNT) {
			text_copy(d.text, mount_info.path, sizeof(mount_info.path));
			d.mount_info = &mount_info;
		}
		facts->attributes = (struct attributes){ .items = &d, .count = 1 };
		ask(policy, subject, facts, &tried);
		facts->attributes = (struct attributes){ .count = 0 };
		if (tried.decision.rule == rule && tried.decision.verdict == VERDICT_ALLOW) {
			*ret = tried;
			return true;
		}
	}
	return false;
}

static void try_lists(const struct policy *policy, const struct subject *subject,
	struct facts *facts, struct access_answer *ret)
{
	const struct rules *rules = policy->file_rules;

	for (size_t i = 0; rules && i < rules->count; i++) {
		if (!rules->items[i].deny &&
			try_list(policy, subject, &rules->items[i], facts, ret))
			return;
	}
}

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
	struct facts facts = { .route = route, .plain_name = true, .reading = READING_EXACT };

	if (!powers_of(route, query, &facts.powers))
		return false;
	if (query->with) {
		facts.attributes = query->with->attributes;
		facts.invisible_mount = query->with->invisible_mount;
	}
	ask(policy, subject, &facts, ret);
	if (!query->with && (ret->decision.verdict != VERDICT_ALLOW || ret->decision.monitored))
		try_lists(policy, subject, &facts, ret);
	return true;
}
