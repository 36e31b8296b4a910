/* The least flags of a profile under which what was seen is allowed. */
#include "dsp/core/base/text.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/learn/observations.h"

/* Settings on trial. */
struct trial {
	struct settings settings;
	struct policy policy;
};

static void compile(struct trial *t)
{
	policy_compile(&t->settings, SETTINGS_SOCKET, NULL, &t->policy);
}

static struct decision decide_seen(const struct trial *t, const struct observation *s)
{
	struct subject subject = observation_subject(s, NULL);

	return decide(&t->policy, &subject, &s->facts);
}

static bool allows(const struct trial *t, const struct observation *s)
{
	return decide_seen(t, s).verdict == VERDICT_ALLOW;
}

/* The first that is denied and need not be; NULL: none. */
static const struct observation *first_denied(const struct trial *t, const struct observations *all)
{
	for (size_t i = 0; i < all->count; i++) {
		if (!all->items[i]->unallowable && !allows(t, all->items[i]))
			return all->items[i];
	}
	return NULL;
}

static void open_powers(struct trial *t, const struct powerset *powers)
{
	for (size_t p = 0; p < POWER_COUNT; p++) {
		if (powerset_has(powers, (enum power)p))
			t->settings.flags[flag_of_power((enum power)p)] = SETTING_ON;
	}
}

/* A proxy's rule that grants this operation alone opens less than its section; the narrowest. */
static bool open_by_grant(struct trial *t, const struct observation *s)
{
	size_t narrowest = PROXY_RULES_MOST;

	for (size_t i = t->policy.proxy_rule_count; i > 0; i--) {
		size_t flag = t->policy.proxy_rule_flags[i - 1];
		bool grant = t->policy.proxy_rules[i - 1]->kind == PROXY_GRANT &&
			t->settings.flags[flag] != SETTING_ON;

		if (!grant)
			continue;
		t->settings.flags[flag] = SETTING_ON;
		compile(t);
		if (allows(t, s) &&
			(narrowest == PROXY_RULES_MOST || flag_at(flag)->kind == FLAG_KIND_POWER))
			narrowest = i - 1;
		t->settings.flags[flag] = SETTING_UNSET;
		compile(t);
	}
	if (narrowest == PROXY_RULES_MOST)
		return false;
	t->settings.flags[t->policy.proxy_rule_flags[narrowest]] = SETTING_ON;
	return true;
}

/* One step towards an allow; false: no flag leads there. */
static bool open_one(struct trial *t, const struct observation *s, const struct decision *d)
{
	struct powerset powers = decide_powers(&t->policy, &s->facts);
	bool flag = d->flag < FLAG_COUNT && t->settings.flags[d->flag] != SETTING_ON;

	if (d->by == DECIDED_BY_POWER) {
		open_powers(t, &d->closed);
		return true;
	}
	if (d->by == DECIDED_BY_READONLY) {
		/* A write is allowed there when each of its powers is. */
		open_powers(t, &powers);
		return !powerset_empty(&powers);
	}
	if ((d->by == DECIDED_BY_POST || d->by == DECIDED_BY_SECTION) && open_by_grant(t, s))
		return true;
	if (flag)
		t->settings.flags[d->flag] = SETTING_ON;
	return flag;
}

/* False: no flags of this profile allow it. */
static bool open_for(struct trial *t, const struct observation *s)
{
	enum setting before[FLAG_COUNT];

	memcpy(before, t->settings.flags, sizeof(before));
	for (size_t steps = 0; steps < FLAG_COUNT; steps++) {
		struct decision d;

		compile(t);
		d = decide_seen(t, s);
		if (d.verdict == VERDICT_ALLOW)
			return true;
		if (!open_one(t, s, &d))
			break;
	}
	memcpy(t->settings.flags, before, sizeof(before));
	compile(t);
	return false;
}

/* Without one flag: the first that is then denied. */
static const struct observation *denied_without(
	struct trial *t, const struct observations *all, size_t flag)
{
	const struct observation *s;

	t->settings.flags[flag] = SETTING_UNSET;
	compile(t);
	s = first_denied(t, all);
	t->settings.flags[flag] = SETTING_ON;
	compile(t);
	return s;
}

/* Sections and POST open most, and come first: what narrower flags open too they need not. */
static void minimize(struct trial *t, const struct observations *all)
{
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		if (t->settings.flags[i] == SETTING_ON && !denied_without(t, all, i))
			t->settings.flags[i] = SETTING_UNSET;
	}
	compile(t);
}

/* The direct ways to root that these flags open and the profile alone does not. */
static void find_opened(const struct trial *t, const struct trial *bare, struct powerset *opened)
{
	struct subject anybody = subject_at(NULL, SUBJECT_ANONYMOUS);

	for (size_t p = 0; p < POWER_COUNT; p++) {
		struct escalation way;

		if (power_info((enum power)p)->root == ROOT_DIRECT &&
			escalation_find(&t->policy, &anybody, (enum power)p, &way) &&
			!escalation_find(&bare->policy, &anybody, (enum power)p, &way))
			powerset_add(opened, (enum power)p);
	}
}

/* What a profile leaves open, and nothing seen has used. */
static void note_left_open(struct observations *all, const struct trial *t)
{
	struct subject anybody = subject_at(NULL, SUBJECT_ANONYMOUS);
	struct powerset used = { { 0 } };
	char text[700];
	struct line l;
	struct powerset open = { { 0 } };

	for (size_t i = 0; i < all->count; i++)
		powerset_add_all(&used, &all->items[i]->facts.powers);
	line_init(&l, text, sizeof(text));
	for (size_t p = 0; p < POWER_COUNT; p++) {
		struct escalation way;

		if (power_info((enum power)p)->root == ROOT_DIRECT &&
			!powerset_has(&used, (enum power)p) &&
			escalation_find(&t->policy, &anybody, (enum power)p, &way))
			powerset_add(&open, (enum power)p);
	}
	if (powers_write(&open, ", ", &l) > 0)
		observations_note(all,
			"open to all clients, used by nothing that was seen, and a way to root: %s; "
			"--policy or --profile hardened closes them",
			text);
}

static json_t *flag_object(struct trial *t, struct observations *all, size_t flag, struct err *e)
{
	const struct observation *s = denied_without(t, all, flag);
	char text[400];

	if (!s) {
		err_set(e, 0, "%s is not needed, and could not be removed: nothing is suggested",
			flag_at(flag)->name);
		return NULL;
	}
	observation_write(s, text, sizeof(text));
	return json_pack("{s:s, s:s}", "name", flag_at(flag)->name, "for", text);
}

static int write_flags(struct trial *t, struct observations *all, json_t *list, struct err *e)
{
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		json_t *flag = NULL;

		if (t->settings.flags[i] != SETTING_ON)
			continue;
		flag = flag_object(t, all, i, e);
		if (!flag || json_array_append_new(list, flag) != 0)
			return -1;
	}
	return 0;
}

int learn_flags(struct observations *all, const struct learn_options *w, json_t **ret,
	struct powerset *refused, struct err *e)
{
	static struct trial bare;
	static struct trial t;
	struct powerset opened = { { 0 } };

	settings_init(&t.settings);
	t.settings.profile = w->profile;
	t.settings.profile_given = true;
	compile(&t);
	bare = t;
	for (size_t i = 0; i < all->count; i++) {
		if (!all->items[i]->unallowable && !open_for(&t, all->items[i]))
			all->items[i]->unallowable = "no flag of this profile allows it";
	}
	minimize(&t, all);
	if (first_denied(&t, all))
		return FAIL(e, 0, "the flags do not allow all that was seen: nothing is suggested");
	find_opened(&t, &bare, &opened);
	*refused = powerset_less(&opened, &w->accepted);
	note_left_open(all, &t);
	*ret = json_array();
	return write_flags(&t, all, *ret, e);
}
