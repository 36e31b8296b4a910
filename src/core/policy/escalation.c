#include "dsp/core/policy/escalation.h"

#include "dsp/core/base/text.h"
#include "dsp/core/facts/paths.h"
#include "dsp/core/facts/power_rules.h"

/* The powers that a body of this route can ask for. */
static struct powerset powers_of_body(const struct route *route)
{
	struct powerset all = power_rules_all_powers(route->schema);

	if (route->operation == OP_CONTAINER_UPDATE)
		return (struct powerset){ { 0 } };
	if (powerset_has(&all, POWER_HOST_MOUNTS))
		powerset_add(&all, POWER_DSP_FILES);
	if (route->schema == STRUCT_SERVICESPEC)
		powerset_add(&all, POWER_PLUGIN_CONTROL);
	return all;
}

/*
 * Adds to ret what a query of this operation asks for up to the first rule that can ask for p, and
 * returns whether there is one. POWER_COUNT: all rules.
 */
static bool add_powers_of_query(enum operation operation, enum power p, struct powerset *ret)
{
	size_t count;
	const struct power_rule *rule = power_rules_of_operation(operation, &count);

	for (; count > 0; count--, rule++) {
		struct powerset all = { { 0 } };

		if (rule->all_of != STRUCT_NONE)
			all = power_rules_all_powers(rule->all_of);
		powerset_add_all(ret, &all);
		if (p != POWER_COUNT && (rule->power == p || powerset_has(&all, p)))
			return true;
		if (p == POWER_COUNT && rule->power != POWER_COUNT)
			powerset_add(ret, rule->power);
	}
	return false;
}

bool escalation_can_ask(const struct route *route, enum power p, struct powerset *ret)
{
	struct powerset body = powers_of_body(route);

	*ret = route_powers(route);
	if (powerset_has(ret, p))
		return true;
	powerset_add(ret, p);
	if (!powerset_has(&body, p))
		return add_powers_of_query(route->operation, p, ret);
	/* These are found behind a mount's source. */
	if (p == POWER_DOCKER_SOCKET || p == POWER_DSP_FILES)
		powerset_add(ret, POWER_HOST_MOUNTS);
	/* An old-style start with a body changes the container's host configuration. */
	if (route->operation == OP_CONTAINER_START)
		powerset_add(ret, POWER_CREATE);
	return true;
}

struct powerset escalation_possible_powers(const struct route *route)
{
	struct powerset all = route_powers(route);
	struct powerset body = powers_of_body(route);

	powerset_add_all(&all, &body);
	(void)add_powers_of_query(route->operation, POWER_COUNT, &all);
	if (route->operation == OP_CONTAINER_START)
		powerset_add(&all, POWER_CREATE);
	return all;
}

bool escalation_by_route(const struct policy *policy, const struct subject *subject,
	const struct route *route, enum power p, struct decision *ret)
{
	struct facts facts = { .route = route, .plain_name = true, .reading = READING_EXACT };

	if (!route)
		powerset_add(&facts.powers, POWER_UNKNOWN);
	else if (p == POWER_COUNT)
		facts.powers = route_powers(route);
	else if (!escalation_can_ask(route, p, &facts.powers))
		return false;
	*ret = decide(policy, subject, &facts);
	return ret->verdict == VERDICT_ALLOW;
}

const char *escalation_of_mount(const struct pattern *p, size_t subject)
{
	if (p->read_only)
		return NULL;
	if (p->below)
		return "dockerd resolves a source at each start, and a link put there leads "
		       "anywhere";
	if (p->under && bit_of(p->under, subject))
		return "the same user may write above it, and a link put there leads anywhere";
	return path_rules_host(p->text) ? "what the host's root trusts is there" : NULL;
}

/* Powers that a source of a mount gives. */
static bool is_behind_mounts(enum power p)
{
	return p == POWER_HOST_MOUNTS || p == POWER_DOCKER_SOCKET || p == POWER_DSP_FILES;
}

/* Whether subject gets p by an item of a rule's mounts, with a request of this route. */
static bool find_by_mount(const struct policy *policy, const struct subject *subject,
	const struct route *route, enum power p, struct escalation *ret)
{
	const struct rules *rules = policy->file_rules;
	struct mount_info info = { .visible = true };
	struct attribute item = {
		.power = POWER_HOST_MOUNTS, .kind = ATTRIBUTE_MOUNT, .mount_info = &info
	};
	struct facts facts = { .route = route, .plain_name = true, .reading = READING_EXACT };

	if (!escalation_can_ask(route, p, &facts.powers))
		return false;
	facts.attributes = (struct attributes){ .items = &item, .count = 1 };
	for (size_t i = 0; rules && i < rules->count; i++) {
		const struct rule *rule = &rules->items[i];
		const struct list *list = &rule->lists[LIST_MOUNTS];
		bool may = !rule->deny && bit_of(rule->who, subject->id) &&
			(p == POWER_HOST_MOUNTS || powerset_has(&rule->powers, p));

		for (size_t k = 0; may && k < list->count; k++) {
			ret->mount = &list->items[k];
			if (p == POWER_HOST_MOUNTS && !escalation_of_mount(ret->mount, subject->id))
				continue;
			item.text = item.clean = ret->mount->text;
			item.read_only = ret->mount->read_only;
			text_copy(item.text, info.path, sizeof(info.path));
			ret->route = route;
			ret->decision = decide(policy, subject, &facts);
			if (ret->decision.verdict == VERDICT_ALLOW && ret->decision.rule == rule)
				return true;
		}
	}
	ret->mount = NULL;
	return false;
}

bool escalation_find(const struct policy *policy, const struct subject *subject, enum power p,
	struct escalation *ret)
{
	size_t count;
	const struct route *route = route_rows(&count);

	ret->route = NULL;
	ret->mount = NULL;
	if (p == POWER_UNKNOWN)
		return escalation_by_route(policy, subject, NULL, p, &ret->decision);
	for (size_t i = 0; i < count; i++) {
		ret->route = &route[i];
		if (escalation_by_route(policy, subject, &route[i], p, &ret->decision))
			return true;
	}
	for (size_t i = 0; i < count; i++) {
		if (is_behind_mounts(p) && find_by_mount(policy, subject, &route[i], p, ret))
			return true;
	}
	return false;
}

void escalation_reason(
	const struct policy *policy, enum power p, const struct decision *d, char *out, size_t cap)
{
	size_t flag = policy->decided_by_flag[p];
	char name[64];
	struct line l;

	line_init(&l, out, cap);
	if (d->rule) {
		text_escape(d->rule->name, name, sizeof(name));
		line_add(&l, "rule \"%s\" allows it", name);
	} else if (flag < FLAG_COUNT && policy->flags[flag] == SETTING_ON) {
		line_add(&l, "%s is 1", flag_at(flag)->name);
	} else {
		line_add(&l, "%s is not 0 in profile %s", power_info(p)->flag,
			profile_info(policy->profile)->name);
	}
}

void escalation_write(const struct policy *policy, enum power p, const struct escalation *found,
	size_t subject, char *out, size_t cap)
{
	const char *how = found->mount ? escalation_of_mount(found->mount, subject) : NULL;
	char path[64];
	struct line l;

	escalation_reason(policy, p, &found->decision, out, cap);
	if (!found->mount)
		return;
	line_init(&l, out + strlen(out), cap - strlen(out));
	text_escape(found->mount->text, path, sizeof(path));
	line_add(&l, " by \"%s%s%s\"%s%s", path,
		found->mount->below && found->mount->text.n > 1 ? "/" : "",
		found->mount->below ? "**" : "", how ? ": " : "", how ? how : "");
}
