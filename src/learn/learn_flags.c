/* The fewest flags of a profile that allow the observations. */
#include <errno.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/learn/observations.h"

/* Settings, and the policy that they compile to. */
struct trial {
	struct settings settings;
	struct policy policy;
};

static void compile(struct trial *t)
{
	policy_compile(&t->settings, SETTINGS_SOCKET, NULL, &t->policy);
}

static struct decision decide_observation(const struct trial *t, const struct observation *s)
{
	struct subject subject = observation_subject(s, NULL);

	return decide(&t->policy, &subject, &s->facts, NULL);
}

/* The first observation that these settings deny and others may allow; NULL: there is none. */
static const struct observation *first_denied(const struct trial *t, const struct observations *all)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct observation *s = all->items[i];

		if (!s->unallowable && decide_observation(t, s).verdict != VERDICT_ALLOW)
			return s;
	}
	return NULL;
}

/*
 * Sets the flag of a proxy's rule that grants this operation alone, which opens less than a section
 * flag: the first flag of a power, or else the last one. False: there is none.
 */
static bool open_by_grant(struct trial *t, const struct observation *s)
{
	size_t narrowest = FLAG_COUNT;

	for (size_t i = t->policy.proxy_rule_count; i > 0; i--) {
		size_t flag = t->policy.proxy_rule_flags[i - 1];

		if (t->policy.proxy_rules[i - 1]->kind != PROXY_GRANT ||
			t->settings.flags[flag] == SETTING_ON)
			continue;
		t->settings.flags[flag] = SETTING_ON;
		compile(t);
		if (decide_observation(t, s).verdict == VERDICT_ALLOW &&
			(narrowest == FLAG_COUNT || flag_at(flag)->kind == FLAG_KIND_POWER))
			narrowest = flag;
		t->settings.flags[flag] = SETTING_UNSET;
		compile(t);
	}
	if (narrowest == FLAG_COUNT)
		return false;
	t->settings.flags[narrowest] = SETTING_ON;
	return true;
}

/* Sets flags that may lead from the denial d to an allow. False: there is none. */
static bool open_one(struct trial *t, const struct observation *s, const struct decision *d)
{
	struct powerset powers = d->closed;

	/* Profile readonly allows a write when each of its powers is explicitly allowed. */
	if (d->by == DECIDED_BY_READONLY)
		powers = decide_powers(&t->policy, &s->facts);
	if (d->by == DECIDED_BY_POWER || d->by == DECIDED_BY_READONLY) {
		for (size_t p = 0; p < POWER_COUNT; p++) {
			if (powerset_has(&powers, (enum power)p))
				t->settings.flags[flag_of_power((enum power)p)] = SETTING_ON;
		}
		return !powerset_empty(&powers);
	}
	if ((d->by == DECIDED_BY_POST || d->by == DECIDED_BY_SECTION) && open_by_grant(t, s))
		return true;
	if (d->flag >= FLAG_COUNT || t->settings.flags[d->flag] == SETTING_ON)
		return false;
	t->settings.flags[d->flag] = SETTING_ON;
	return true;
}

/* Sets flags until s is allowed. False: no flags of this profile allow it; none was set. */
static bool open_for(struct trial *t, const struct observation *s)
{
	enum setting before[FLAG_COUNT];

	memcpy(before, t->settings.flags, sizeof(before));
	for (size_t steps = 0; steps < FLAG_COUNT; steps++) {
		struct decision d;

		compile(t);
		d = decide_observation(t, s);
		if (d.verdict == VERDICT_ALLOW)
			return true;
		if (!open_one(t, s, &d))
			break;
	}
	memcpy(t->settings.flags, before, sizeof(before));
	compile(t);
	return false;
}

/* The first observation that is denied without one flag; NULL: none. */
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

/* --- ways to root ------------------------------------------------------------------------------*/

/* The direct ways to root that these settings leave open to a client without a certificate. */
static struct powerset open_ways(const struct trial *t)
{
	struct subject anybody = subject_at(NULL, SUBJECT_ANONYMOUS);
	struct powerset direct = powers_direct_to_root();
	struct powerset open = { { 0 } };

	for (size_t p = 0; p < POWER_COUNT; p++) {
		struct escalation way;

		if (powerset_has(&direct, (enum power)p) &&
			escalation_find(&t->policy, &anybody, (enum power)p, &way))
			powerset_add(&open, (enum power)p);
	}
	return open;
}

/* Notes direct ways to root that are open, and that no observation used. */
static void note_unused(struct observations *all, const struct powerset *open)
{
	struct powerset used = { { 0 } };
	struct powerset unused;
	char text[700];
	struct line l;

	for (size_t i = 0; i < all->count; i++)
		powerset_add_all(&used, &all->items[i]->facts.powers);
	unused = powerset_less(open, &used);
	line_init(&l, text, sizeof(text));
	if (powers_write(&unused, ", ", &l) > 0)
		observations_note(all,
			"open to all clients, not used by any request of the log, and a way to root: %s; "
			"--policy or --profile hardened closes them",
			text);
}

/* --- the result --------------------------------------------------------------------------------*/

static int write_flags(struct trial *t, const struct observations *all, json_t *list, struct err *e)
{
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		const struct observation *s;
		char text[400];

		if (t->settings.flags[i] != SETTING_ON)
			continue;
		s = denied_without(t, all, i);
		if (!s)
			return FAIL(e, 0, "%s is not needed, but cannot be removed: no suggestion",
				flag_at(i)->name);
		observation_write(s, text, sizeof(text));
		if (json_array_append_new(list,
			    json_pack("{s:s, s:s}", "name", flag_at(i)->name, "for", text)) != 0)
			return FAIL(e, ENOMEM, "a suggestion");
	}
	return 0;
}

int learn_flags(struct observations *all, const struct learn_options *w, json_t **ret,
	struct powerset *refused, struct err *e)
{
	AUTO_MEM struct trial *t = mem_array(1, sizeof(*t));
	struct powerset bare;
	struct powerset open;
	struct powerset opened;

	if (!t)
		return FAIL(e, ENOMEM, "a suggestion");
	settings_init(&t->settings);
	t->settings.profile = w->profile;
	t->settings.profile_given = true;
	compile(t);
	bare = open_ways(t);
	for (size_t i = 0; i < all->count; i++) {
		if (!all->items[i]->unallowable && !open_for(t, all->items[i]))
			all->items[i]->unallowable = "no flag of this profile allows it";
	}
	/* Flags of sections and POST open most, and come first: others may make them needless. */
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		if (t->settings.flags[i] == SETTING_ON && !denied_without(t, all, i))
			t->settings.flags[i] = SETTING_UNSET;
	}
	compile(t);
	if (first_denied(t, all))
		return FAIL(e, 0, "the flags do not allow every request of the log: no suggestion");
	open = open_ways(t);
	opened = powerset_less(&open, &bare);
	*refused = powerset_less(&opened, &w->accepted);
	note_unused(all, &open);
	*ret = json_array();
	return write_flags(t, all, *ret, e);
}
