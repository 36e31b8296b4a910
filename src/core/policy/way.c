#include "way.h"

#include "dsp/core/base/text.h"
#include "dsp/core/parse/reference.h"

/* The denied request. */
struct denial {
	const struct policy *policy;
	const struct subject *subject;
	const struct facts *facts;
	const struct decision *decision;
	struct powerset powers; /* that it asks for, once no source is missing */
};

/* --- buildx's builder --------------------------------------------------------------------------*/

static bool is_builder(const struct facts *facts)
{
	struct span query = facts->target.query;

	if (!facts->route)
		return false;
	if (facts->route->operation == OP_CONTAINER_EXEC_CREATE ||
		facts->route->operation == OP_CONTAINER_ARCHIVE_PUT)
		return span_starts(facts->name, SPAN("buildx_buildkit_"));
	if (facts->route->operation != OP_CONTAINER_CREATE ||
		!powerset_has(&facts->powers, POWER_PRIVILEGED))
		return false;
	for (size_t i = 0; i < facts->attributes.count; i++) {
		const struct attribute *d = &facts->attributes.items[i];

		if (d->kind == ATTRIBUTE_IMAGE &&
			(span_starts(d->text, SPAN("docker.io/moby/buildkit:")) ||
				span_starts(d->text, SPAN("docker.io/moby/buildkit@"))))
			return true;
	}
	while (query.n > 0) {
		struct span pair = span_cut(&query, '&');

		if (span_starts(pair, SPAN("name=buildx_buildkit_")))
			return true;
	}
	return false;
}

bool way_of_build(const struct policy *policy, const struct subject *subject,
	const struct facts *facts, struct facts *build, struct decision *d)
{
	size_t count;
	const struct route *route = route_rows(&count);

	if (facts->reading != READING_EXACT || !is_builder(facts))
		return false;
	for (; count > 0; count--, route++) {
		if (route->operation != OP_GRPC && route->operation != OP_SESSION_START)
			continue;
		*build = (struct facts){ .route = route,
			.powers = route_powers(route),
			.plain_name = true,
			.reading = READING_EXACT,
			.hypothetical = true };
		*d = decide(policy, subject, build, NULL);
		if (d->verdict != VERDICT_ALLOW || d->monitored)
			return true;
	}
	return false;
}

/* --- a mount source that is missing ------------------------------------------------------------*/

const struct attribute *way_missing_source(const struct facts *facts)
{
	if (!facts->invisible_mount || powerset_has(&facts->powers, POWER_DOCKER_SOCKET))
		return NULL;
	for (size_t i = 0; i < facts->attributes.count; i++) {
		const struct attribute *d = &facts->attributes.items[i];

		if (d->power == POWER_HOST_MOUNTS && attribute_is_missing(d))
			return d;
	}
	return NULL;
}

void way_add_mkdir(const struct attribute *source, struct line *l)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "_./:@+,-";
	struct span path = source->text;

	for (size_t i = 0; i < path.n; i++) {
		if (path.s[i] == '\0' || !strchr(safe, path.s[i])) {
			line_add(l, "making that directory");
			return;
		}
	}
	line_add(l, "sudo mkdir -p %.*s", (int)path.n, path.s);
}

/* --- a rule of the policy file -----------------------------------------------------------------*/

/* Whether a text can stand in quotes as it is. */
static bool is_plain(struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.s[i] < ' ' || text.s[i] > '~' || text.s[i] == '"' || text.s[i] == '\\')
			return false;
	}
	return text.n > 0;
}

/* The path by which a rule covers a mount; empty: dsp does not know it. */
static struct span rule_path_of(const struct attribute *d)
{
	struct span none = { NULL, 0 };
	struct span path = d->mount_info ? span_of(d->mount_info->path) : d->clean;
	bool known = !d->anywhere && !d->any_file && !d->whole &&
		(!d->mount_info || d->mount_info->visible);

	return known && path.n > 0 && path.s[0] == '/' && is_plain(path) ? path : none;
}

/* Adds ', "mounts": ["/etc", "/srv:ro"]'. False: the power is needed, and l is as it was. */
static bool add_mounts(const struct facts *facts, struct line *l)
{
	size_t before = l->n;
	size_t count = 0;

	for (size_t i = 0; i < facts->attributes.count; i++) {
		const struct attribute *d = &facts->attributes.items[i];
		struct span path;

		if (d->power != POWER_HOST_MOUNTS)
			continue;
		path = rule_path_of(d);
		line_add(l, "%s\"%.*s%s\"", count++ == 0 ? ", \"mounts\": [" : ", ", (int)path.n,
			path.s ? path.s : "", rule_mount_end(path, attribute_only_reads(d)));
		if (path.n == 0 || d->kind != ATTRIBUTE_MOUNT || l->cut) {
			count = 0;
			break;
		}
	}
	if (count > 0) {
		line_add(l, "]");
		return true;
	}
	l->n = before;
	l->text[before] = '\0';
	l->cut = false;
	return false;
}

/* Adds '"allow": ["container_create"], "powers": ["create"], "mounts": ["/etc"]'. */
static void add_rule_body(const struct denial *q, struct line *l)
{
	struct powerset powers = q->powers;
	char mounts_text[200];
	char names_text[1200];
	struct line mounts;
	struct line names;

	line_init(&mounts, mounts_text, sizeof(mounts_text));
	if (powerset_has(&powers, POWER_HOST_MOUNTS) && !q->facts->incomplete &&
		add_mounts(q->facts, &mounts)) {
		struct powerset covered = { { 0 } };

		powerset_add(&covered, POWER_HOST_MOUNTS);
		powers = powerset_less(&powers, &covered);
	}
	line_init(&names, names_text, sizeof(names_text));
	(void)powers_write(&powers, "\", \"", &names);
	line_add(l, "\"allow\": [\"%s\"]", q->facts->route ? q->facts->route->name : "unknown");
	if (names.n > 0)
		line_add(l, ", \"powers\": [\"%s\"]", names_text);
	line_add(l, "%s", mounts_text);
}

/* 'a rule for anna opens it: "allow": ["container_wait"]', or where rules are described. */
static void add_rule(const struct denial *q, struct line *l, size_t room)
{
	char who[48];
	char body_text[400];
	struct line body;

	subject_write(q->subject, who, sizeof(who));
	line_init(&body, body_text, sizeof(body_text));
	add_rule_body(q, &body);
	line_add(l, "a rule for %s opens it", who);
	if (!body.cut && strlen(who) + body.n + strlen("a rule for  opens it: ") <= room)
		line_add(l, ": %s", body_text);
	else
		line_add(l, ": see dsp-policy(5)");
}

/* --- flags -------------------------------------------------------------------------------------*/

/*
 * "ALLOW_STOP=1 ALLOW_KILL=1 and 3 more": the flags that open these powers, as many as fit into
 * room. In a proxy profile the flag that closed a power must change, since a name for several
 * powers is a rule of its own there. Returns how many there are.
 */
static size_t add_flags(
	const struct policy *policy, struct line *l, const struct powerset *set, size_t room)
{
	enum { MORE = sizeof(" and 99 more") - 1 };
	size_t last = FLAG_COUNT;
	size_t start = l->n;
	size_t count = 0;
	size_t left = 0;

	for (size_t i = powerset_next(set, 0); i < POWER_COUNT; i = powerset_next(set, i + 1)) {
		size_t flag = flag_of_power((enum power)i);

		if (policy_is_proxy(policy) && policy->decided_by_flag[i] != FLAG_COUNT)
			flag = policy->decided_by_flag[i];
		if (flag == last)
			continue;
		count++;
		if (left > 0 || l->n - start + strlen(flag_at(flag)->name) + MORE > room)
			left++;
		else
			line_join(
				l, last != FLAG_COUNT ? " " : "", flag_at(flag)->name, "=1", NULL);
		last = flag;
	}
	if (left > 0)
		line_add(l, " and %zu more", left);
	return count;
}

/*
 * The powers whose flags must be 1 in guard, readonly and hardened: those that are closed; and
 * where POST, the section or readonly would deny the rest, each that the request asks for.
 */
static struct powerset powers_to_grant(const struct denial *q)
{
	const struct policy *policy = q->policy;
	const struct route *route = q->facts->route;
	bool blocked = route &&
		((route->write &&
			 (policy->flags[FLAG_POST] == SETTING_OFF ||
				 policy->profile == PROFILE_READONLY)) ||
			(route->section != SECTION_NONE &&
				policy->flags[flag_of_section(route->section)] == SETTING_OFF));

	return blocked ? powerset_less(&q->powers, &policy->granted)
		       : powerset_both(&q->powers, &policy->closed);
}

static size_t operations_of(const struct proxy_rule *rule)
{
	return 1U + (rule->operations[1] != OPERATION_COUNT) +
		(rule->operations[2] != OPERATION_COUNT);
}

/*
 * The flag of a proxy's grant for this operation alone, or for the fewest; FLAG_COUNT: none stands
 * before the rule that denies the request.
 */
static size_t grant_flag(const struct denial *q)
{
	const struct policy *policy = q->policy;
	struct powerset own = route_powers(q->facts->route);
	const struct proxy_rule *best = NULL;
	size_t ret = FLAG_COUNT;

	if (!q->facts->plain_name || !powerset_within(&q->facts->powers, &own))
		return FLAG_COUNT;
	for (size_t i = 0; i < policy->proxy_rule_count; i++) {
		const struct proxy_rule *rule = policy->proxy_rules[i];
		bool matches = false;

		if (rule->kind == PROXY_WRITES && q->decision->by == DECIDED_BY_POST)
			break;
		for (size_t k = 0; k < 3; k++)
			matches = matches || rule->operations[k] == q->facts->route->operation;
		if (rule->kind != PROXY_GRANT || !matches ||
			(best && operations_of(best) <= operations_of(rule)))
			continue;
		best = rule;
		ret = policy->proxy_rule_flags[i];
	}
	return ret;
}

/* Adds the flags of POST and the section; false: these are not enough, and there are no others. */
static bool add_wide_flags(const struct denial *q, struct line *l)
{
	const struct policy *policy = q->policy;
	const struct route *route = q->facts->route;
	size_t flag = q->decision->flag;
	size_t grant = FLAG_COUNT;
	size_t section;

	if (policy_is_proxy(policy)) {
		if (route)
			grant = grant_flag(q);
		flag = grant != FLAG_COUNT ? grant : flag;
		line_add(l, "%s=1", flag != FLAG_COUNT ? flag_at(flag)->name : "");
		return flag != FLAG_COUNT;
	}
	if (!route || (route->write && policy->profile == PROFILE_READONLY))
		return false;
	section = flag_of_section(route->section);
	if (route->write && policy->flags[FLAG_POST] == SETTING_OFF)
		line_add(l, "%s=1", flag_at(FLAG_POST)->name);
	if (route->section != SECTION_NONE && policy->flags[section] == SETTING_OFF)
		line_add(l, "%s%s=1", l->n > 0 ? " " : "", flag_at(section)->name);
	return l->n > 0;
}

/* "ALLOW_STOP=1 opens it"; a flag for a power before one for a section, or for every write. */
static void add_setting(const struct denial *q, struct line *l, size_t room)
{
	const struct decision *d = q->decision;
	bool proxy = policy_is_proxy(q->policy);
	struct powerset powers = proxy ? d->closed : powers_to_grant(q);
	char wide_text[80];
	struct line wide;

	line_init(&wide, wide_text, sizeof(wide_text));
	if (proxy && d->by == DECIDED_BY_POST && !powerset_empty(&q->powers) &&
		grant_flag(q) == FLAG_COUNT) {
		line_add(l, "DSP_PROFILE=readonly with ");
		(void)add_flags(q->policy, l, &q->powers, room);
		line_add(l, " opens this alone");
	} else if (!powerset_empty(&powers)) {
		bool several = add_flags(q->policy, l, &powers, room) > 1;

		line_join(l, proxy ? " lifts this" : several ? " open it" : " opens it", NULL);
	} else if (!add_wide_flags(q, &wide)) {
		line_add(l, "no flag opens it, but a rule of a policy file can");
	} else if (d->by == DECIDED_BY_RULE) {
		line_add(l, "%s lifts this rule of profile %s", wide_text,
			profile_info(q->policy->profile)->name);
	} else {
		line_add(l, "%s %s it", wide_text, strchr(wide_text, ' ') ? "open" : "opens");
	}
}

/* --- the way -----------------------------------------------------------------------------------*/

void way_add(const struct message *m, struct line *l, size_t room)
{
	const struct policy *policy = m->policy;
	const struct decision *d = m->decision;
	const struct attribute *missing = way_missing_source(m->facts);
	struct span plugin = reference_familiar(m->facts->name);
	struct decision rest = *d;
	struct denial q = { policy, m->subject, m->facts, &rest, decide_powers(policy, m->facts) };

	if (policy->mounts_invisible && powerset_has(&d->closed, POWER_PLUGIN_CONTROL) &&
		policy_owns_name(policy, plugin)) {
		line_add(l,
			"this is dsp itself: plugin/managed/upgrade.sh on the host changes it "
			"(dsp-managed(7))");
		return;
	}
	if (missing && powerset_has(&d->closed, POWER_DOCKER_SOCKET)) {
		struct powerset socket = { { 0 } };

		powerset_add(&socket, POWER_DOCKER_SOCKET);
		rest.closed = powerset_less(&d->closed, &socket);
		q.powers = powerset_less(&q.powers, &socket);
		line_add(l, "nothing is at that mount source: ");
		way_add_mkdir(missing, l);
		if (powerset_empty(&rest.closed)) {
			line_add(l, " opens it");
			return;
		}
		line_add(l, "; then ");
	}
	if (policy->file_rules && policy->file_rules->count > 0)
		add_rule(&q, l, room);
	else
		add_setting(&q, l, room);
}
