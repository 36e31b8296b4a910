#include "dsp/core/policy/message.h"

#include "dsp/core/base/text.h"

enum {
	NAME_MOST = 70,  /* room for a container's full id */
	NAME_SHORT = 38, /* where several powers and their flags need the room */
};

/* 'container_kill on "web"', or the operation alone where nothing is named. */
static void add_operation_cut(struct line *l, const struct facts *facts, size_t most)
{
	char name[NAME_MOST];

	if (!facts->route) {
		text_escape(facts->target.path, name, most);
		line_add(l, "path \"%s\"", name);
		return;
	}
	line_add(l, "%s", facts->route->name);
	if (facts->name.n == 0)
		return;
	text_escape(facts->name, name, most);
	line_add(l, " on \"%s\"", name);
}

static void add_operation(struct line *l, const struct facts *facts)
{
	add_operation_cut(l, facts, NAME_MOST);
}

static const char *state_of(const struct policy *policy, size_t flag)
{
	if (policy->flags[flag] == SETTING_UNSET)
		return "not set";
	return policy->flags[flag] == SETTING_ON ? "1" : "0";
}

/*
 * "ALLOW_STOP=1 ALLOW_KILL=1": what opens these powers, as many as most bytes hold; then "and 3
 * more". In a proxy profile a name for several is a rule of its own, so there it is the flag that
 * closed a power which must change.
 */
static void add_flags(
	struct line *l, const struct policy *policy, const struct powerset *set, size_t most)
{
	enum { MORE = sizeof(" and 99 more") - 1 };
	size_t last = FLAG_COUNT;
	size_t start = l->n;
	size_t left = 0;

	for (size_t i = 0; i < POWER_COUNT; i++) {
		size_t flag = flag_of_power((enum power)i);

		if (!powerset_has(set, (enum power)i))
			continue;
		if (policy_is_proxy(policy) && policy->decided_by_flag[i] != FLAG_COUNT)
			flag = policy->decided_by_flag[i];
		if (flag == last)
			continue;
		if (left > 0 || l->n - start + strlen(flag_at(flag)->name) + MORE > most)
			left++;
		else
			line_add(l, "%s%s=1", last != FLAG_COUNT ? " " : "", flag_at(flag)->name);
		last = flag;
	}
	if (left > 0)
		line_add(l, " and %zu more", left);
}

static const struct attribute *detail_of(const struct attributes *all, enum power p)
{
	for (size_t i = 0; i < all->count; i++) {
		if (all->items[i].power == p && all->items[i].text.n > 0)
			return &all->items[i];
	}
	return NULL;
}

/* Of the first closed power that has one. A mount that was not seen may be the socket's. */
static const struct attribute *find_detail(const struct facts *facts, const struct decision *d)
{
	const struct attribute *found = NULL;

	for (size_t p = 0; p < POWER_COUNT && !found; p++) {
		if (!powerset_has(&d->closed, (enum power)p))
			continue;
		found = detail_of(&facts->attributes, (enum power)p);
		if (!found && p == POWER_DOCKER_SOCKET && facts->invisible_mount)
			found = detail_of(&facts->attributes, POWER_HOST_MOUNTS);
	}
	return found;
}

/* ': /etc -> /host (rw)': the first of what a closed power was asked for, where there is room. */
static void add_detail(
	struct line *l, const struct facts *facts, const struct decision *d, size_t room)
{
	enum { ROOM_LEAST = 16, ROOM_MOST = 120 };
	char text[ROOM_MOST];
	const struct attribute *item;

	if (facts->route && facts->route->operation == OP_IMAGE_BUILD &&
		powerset_has(&d->closed, POWER_BUILD_OPTIONS)) {
		line_add(l, ": a body may hide the host's network");
		return;
	}
	item = find_detail(facts, d);
	if (!item)
		return;
	attribute_write(item, text, sizeof(text));
	if (strlen(text) + 2 <= room)
		line_add(l, ": %s", text);
	else if (room >= ROOM_LEAST)
		line_add(l, ": %.*s...", (int)(room - strlen(": ...")), text);
}

static void write_opening(const struct policy *policy, const struct decision *d, struct line *l)
{
	size_t flag = d->flag;

	for (size_t i = 0; flag == FLAG_COUNT && i < POWER_COUNT; i++) {
		if (powerset_has(&d->closed, (enum power)i))
			flag = flag_of_power((enum power)i);
	}
	line_add(l, "%s is %s; ", flag_at(flag)->name, state_of(policy, flag));
	if (powerset_has(&d->closed, POWER_BUILD_OPTIONS))
		line_add(l, "who accepts that: ");
	add_flags(l, policy, &d->closed, MESSAGE_MOST);
	line_add(l, policy_is_proxy(policy) ? " lifts this" : " opens it");
}

/* Several powers: what opens them comes first, then their names, then what is behind the first. */
static void write_several(const struct policy *policy, const struct facts *facts,
	const struct decision *d, struct line *l)
{
	enum { FLAGS_MOST = 112, HEAD_MOST = 60 };
	char end[MESSAGE_MOST];
	char names[MESSAGE_MOST];
	struct line e;
	struct line h;
	size_t n;

	line_init(&e, end, sizeof(end));
	line_add(&e, "): profile %s; ", profile_info(policy->profile)->name);
	add_flags(&e, policy, &d->closed, FLAGS_MOST);
	line_add(&e, policy_is_proxy(policy) ? " lifts this" : " open it");
	line_init(&h, names, sizeof(names));
	n = powers_write(&d->closed, ", ", &h);
	if (e.n + h.n + HEAD_MOST > MESSAGE_MOST)
		line_add(l, "%s and %zu more are closed (", d->reason, n - 1);
	else
		line_add(l, "%s are closed (", names);
	add_operation_cut(l, facts, NAME_SHORT);
	if (l->n + e.n + 1 < MESSAGE_MOST)
		add_detail(l, facts, d, MESSAGE_MOST - 1 - l->n - e.n);
	line_add(l, "%s", end);
}

static void write_closed(const struct policy *policy, const struct facts *facts,
	const struct decision *d, struct line *l)
{
	char end[MESSAGE_MOST];
	struct line e;

	if (policy_is_proxy(policy) && !facts->route) {
		line_add(l, "%s is closed (", d->reason);
		add_operation(l, facts);
		line_add(l,
			"): no rule of profile %s speaks of it; DSP_PROFILE=guard with "
			"ALLOW_UNKNOWN=1 opens it",
			profile_info(policy->profile)->name);
		return;
	}
	if (powerset_count(&d->closed) != 1) {
		write_several(policy, facts, d, l);
		return;
	}
	line_init(&e, end, sizeof(end));
	write_opening(policy, d, &e);
	line_add(l, "%s is closed (", d->reason);
	add_operation(l, facts);
	if (l->n + e.n + sizeof("): ") < MESSAGE_MOST)
		add_detail(l, facts, d, MESSAGE_MOST - l->n - e.n - sizeof("): "));
	line_add(l, "): %s", end);
}

static void write_reading(const struct facts *facts, const struct decision *d, struct line *l)
{
	if (facts->reading == READING_EXACT) {
		add_operation(l, facts);
		line_add(l, " is %s to dsp", d->reason);
		return;
	}
	line_add(l, "cannot be %s: %s", facts->reading == READING_UNROUTABLE ? "routed" : "checked",
		facts->doubt.text);
	if (facts->advice)
		line_add(l, "; %s", facts->advice);
	else if (facts->reading == READING_UNROUTABLE)
		line_add(l, "; send it as the API documents it");
	else
		line_add(l, "; no flag opens it");
}

static void write_post(const struct policy *policy, const struct facts *facts, struct line *l)
{
	add_operation(l, facts);
	line_add(l, " is a write: POST is %s; POST=1", state_of(policy, FLAG_POST));
	if (!policy_is_proxy(policy) && !powerset_empty(&facts->powers)) {
		line_add(l, " or ");
		add_flags(l, policy, &facts->powers, MESSAGE_MOST / 2);
	}
	line_add(l, " opens it");
}

static void write_section(const struct policy *policy, const struct facts *facts,
	const struct decision *d, struct line *l)
{
	add_operation(l, facts);
	if (d->flag == FLAG_COUNT) {
		line_add(l, " is in no section: profile %s refuses it; DSP_PROFILE=guard opens it",
			profile_info(policy->profile)->name);
		return;
	}
	line_add(l, " is in section %s: %s is %s; %s=1 opens it", flag_at(d->flag)->name,
		flag_at(d->flag)->name, state_of(policy, d->flag), flag_at(d->flag)->name);
}

static void write_rule(const struct policy *policy, const struct facts *facts,
	const struct decision *d, struct line *l)
{
	line_add(l, "%s is closed (", d->reason);
	add_operation(l, facts);
	line_add(l, "): %s is %s; %s=1 lifts this rule of profile %s", flag_at(d->flag)->name,
		state_of(policy, d->flag), flag_at(d->flag)->name,
		profile_info(policy->profile)->name);
}

static void write_own_name(const struct facts *facts, struct line *l)
{
	char name[48];

	text_escape(facts->plugin, name, sizeof(name));
	line_add(l,
		"plugin_control is closed (%s): a managed plugin \"%s\" would be asked instead of "
		"this one; no flag opens it",
		facts->route->name, name);
}

static void write_identity(const struct subject *subject, struct line *l)
{
	if (subject->doubt == SUBJECT_UNKNOWN_TOKEN)
		line_add(l,
			"the token in X-Dsp-Token is no user's: send one that the policy file "
			"holds, or none; no flag opens it");
	else
		line_add(l,
			"the client's certificate and the token in X-Dsp-Token are not of one user: "
			"send one of them; no flag opens it");
}

/* 'container_kill on "web" is refused by rule "no kills": ask the on-call' */
static void write_file(const struct facts *facts, const struct decision *d, struct line *l)
{
	char text[96];

	add_operation_cut(l, facts, NAME_SHORT);
	text_escape(d->rule->name, text, NAME_MOST);
	line_add(l, " is refused by rule \"%s\" of the policy file", text);
	if (d->rule->message.n == 0)
		return;
	text_escape(d->rule->message, text, sizeof(text));
	line_add(l, ": %s", text);
}

static void write_otherwise(const struct subject *subject, const struct facts *facts,
	const struct powerset *powers, struct line *l)
{
	char who[48];
	char names[80];
	struct line n;

	subject_write(subject, who, sizeof(who));
	line_init(&n, names, sizeof(names));
	(void)powers_write(powers, ", ", &n);
	add_operation_cut(l, facts, NAME_SHORT);
	line_add(l, ": no rule of the policy file allows it to %s", who);
	if (n.n > 0 && !n.cut)
		line_add(l, "; it asks for %s", names);
}

void message_write(const struct policy *policy, const struct subject *subject,
	const struct facts *facts, const struct decision *d, char out[MESSAGE_MOST])
{
	struct powerset powers = decide_powers(policy, facts);
	struct line l;

	line_init(&l, out, MESSAGE_MOST);
	switch (d->by) {
	case DECIDED_BY_BROKEN:
		line_add(&l, "everything is refused, for the settings are broken: ");
		line_add_cut(&l, span_of(policy->broken));
		break;
	case DECIDED_BY_OWN_NAME:
		write_own_name(facts, &l);
		break;
	case DECIDED_BY_IDENTITY:
		write_identity(subject, &l);
		break;
	case DECIDED_BY_FILE:
		if (d->rule->deny)
			write_file(facts, d, &l);
		else
			line_add(&l, "allowed");
		break;
	case DECIDED_BY_DEFAULT:
		write_otherwise(subject, facts, &powers, &l);
		break;
	case DECIDED_BY_READING:
		write_reading(facts, d, &l);
		break;
	case DECIDED_BY_POWER:
		write_closed(policy, facts, d, &l);
		break;
	case DECIDED_BY_RULE:
		write_rule(policy, facts, d, &l);
		break;
	case DECIDED_BY_POST:
		write_post(policy, facts, &l);
		break;
	case DECIDED_BY_SECTION:
		write_section(policy, facts, d, &l);
		break;
	case DECIDED_BY_READONLY:
		add_operation(&l, facts);
		line_add(&l,
			" is a write: profile readonly allows reads; another DSP_PROFILE opens it");
		break;
	case DECIDED_BY_GRANT:
	case DECIDED_BY_PROFILE:
		line_add(&l, "allowed");
		break;
	}
}
