/* A policy file whose rules allow, subject by subject, the observations. */
#include <errno.h>
#include <stdio.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/power_rules.h"
#include "dsp/learn/observations.h"
#include "learn_require.h"
#include "policy_draft.h"

enum { RULES_MOST = 1000 };

/* --- users -------------------------------------------------------------------------------------*/

static bool is_user(const struct observation *s)
{
	return !span_equal(s->subject, SPAN("anonymous")) && !span_starts(s->subject, SPAN("cn:"));
}

/* Whether the policy file that is made lets a certificate with this name be the user's. */
static bool has_certificate(
	const struct observation *user, const struct learn_options *w, struct span common_name)
{
	char name[400];
	const json_t *known;

	text_copy(user->subject, name, sizeof(name));
	known = json_object_get(w->users, name);
	return known ? policy_draft_has(json_object_get(known, "common_names"), common_name)
		     : span_equal(user->subject, common_name);
}

/* What a certificate's holder did before the policy file made it a user, the user needs. */
static void merge_common_names(struct observations *all, const struct learn_options *w)
{
	for (size_t i = 0; i < all->count; i++) {
		struct observation *s = all->items[i];

		for (size_t k = 0; k < all->count && span_starts(s->subject, SPAN("cn:")); k++) {
			const struct observation *user = all->items[k];

			if (!user->unallowable && is_user(user) &&
				has_certificate(user, w, span_after(s->subject, strlen("cn:"))))
				s->subject = user->subject;
		}
	}
}

/* Adds the user s to the policy file. An audit log has neither certificates nor tokens. */
static int add_user(json_t *users, struct observations *all, const struct observation *s,
	const struct learn_options *w, struct err *e)
{
	char name[400];
	char shown[128];
	json_t *known;

	text_copy(s->subject, name, sizeof(name));
	text_escape(s->subject, shown, sizeof(shown));
	known = json_object_get(w->users, name);
	if (known) {
		(void)json_object_set(users, name, known);
		return 0;
	}
	if (strcmp(s->known_by, "certificate") != 0)
		return FAIL(e, 0,
			"the user %s has a token, which an audit log does not hold: name the policy file "
			"that has this user with --users FILE",
			shown);
	if (json_object_get(users, name))
		return 0;
	observations_note(all,
		"the audit log does not hold the certificates of the user %s: the suggestion assumes "
		"one with the user's name (--users FILE takes it from a policy file)",
		shown);
	(void)json_object_set_new(users, name, json_pack("{s:[s]}", "common_names", name));
	return 0;
}

static int add_users(struct policy_draft *p, struct observations *all,
	const struct learn_options *w, struct err *e)
{
	json_t *users = json_object();

	(void)json_object_set_new(p->root, "users", users);
	for (size_t i = 0; i < all->count; i++) {
		const struct observation *s = all->items[i];

		if (!s->unallowable && is_user(s) && !observation_unnameable(s) &&
			add_user(users, all, s, w, e) != 0)
			return -1;
	}
	if (json_object_size(users) == 0)
		(void)json_object_del(p->root, "users");
	return 0;
}

/* --- rules -------------------------------------------------------------------------------------*/

/* Observations that one rule can allow: the same subject and powers, and the same lists. */
struct group {
	struct span subject;
	struct powerset powers;
	unsigned unnameable;  /* a bit for each list that cannot name what they have */
	bool default_runtime; /* a container of theirs names no runtime */
	bool incomplete;
	json_t *rule;
};

/*
 * Lists of names do not limit what only looks, nor what names a thing in the path by its id: the
 * next time it has another.
 */
static bool is_limited(const struct observation *s, const struct attribute *d)
{
	const struct route *route = s->facts.route;

	if (!route || d->power != POWER_COUNT)
		return true;
	if (!route->write && powerset_empty(&s->facts.powers))
		return false;
	return !d->maybe_id || route->schema != STRUCT_NONE;
}

/* Lists that would not allow s again: it is incomplete, or has something that no item covers. */
static unsigned unnameable_lists(const struct observation *s)
{
	unsigned lists = 0;
	char room[PATTERN_ROOM];

	if (!s->complete || s->facts.incomplete)
		return (1U << LIST_COUNT) - 1;
	for (size_t i = 0; i < s->facts.attributes.count; i++) {
		const struct attribute *d = &s->facts.attributes.items[i];

		for (unsigned k = 0; k < LISTS_SUGGESTED; k++) {
			if (list_concerns((enum list_kind)k, d) &&
				(!is_limited(s, d) || !list_pattern((enum list_kind)k, d, room)))
				lists |= 1U << k;
		}
	}
	return lists;
}

/* The list of a rule, which is made if it is not there. */
static json_t *rule_list(json_t *rule, const char *key)
{
	json_t *list = json_object_get(rule, key);

	if (!list) {
		list = json_array();
		(void)json_object_set_new(rule, key, list);
	}
	return list;
}

static void add_once(json_t *list, const char *text)
{
	if (!policy_draft_has(list, span_of(text)))
		(void)json_array_append_new(list, json_string(text));
}

/* Adds to the lists of a rule what s has. */
static void add_items(const struct group *g, const struct observation *s)
{
	/* These carry no power of their own: without a list any of them would be allowed. */
	static const enum list_kind always[] = { LIST_IMAGES, LIST_NETWORKS, LIST_VOLUMES };
	char pattern[PATTERN_ROOM];

	for (size_t i = 0; i < s->facts.attributes.count; i++) {
		const struct attribute *d = &s->facts.attributes.items[i];

		for (unsigned k = 0; k < LISTS_SUGGESTED; k++) {
			/* The default runtime alone makes no list: see add_rules. */
			if (k == LIST_RUNTIMES && d->implied)
				continue;
			if (!(g->unnameable >> k & 1) && list_concerns((enum list_kind)k, d) &&
				list_pattern((enum list_kind)k, d, pattern))
				add_once(rule_list(g->rule, list_name((enum list_kind)k)), pattern);
		}
	}
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
		if (s->facts.route && !(g->unnameable >> always[i] & 1) &&
			power_rules_have_kind(s->facts.route, list_attribute(always[i])))
			(void)rule_list(g->rule, list_name(always[i]));
	}
}

/* Names the powers of the rule that no list of it grants for what s has. */
static void add_powers(const struct group *g, const struct observation *s)
{
	for (size_t p = 0; p < POWER_COUNT; p++) {
		bool has_item = false;
		bool listed = false;

		if (!powerset_has(&g->powers, (enum power)p))
			continue;
		for (size_t i = 0; i < s->facts.attributes.count; i++)
			has_item = has_item || s->facts.attributes.items[i].power == p;
		for (unsigned k = 0; k < LIST_COUNT; k++)
			listed = listed ||
				(has_item && list_power((enum list_kind)k) == p &&
					!(g->unnameable >> k & 1));
		if (!listed)
			add_once(rule_list(g->rule, "powers"), power_info((enum power)p)->name);
	}
}

static bool is_same_group(const struct group *a, const struct group *b)
{
	return span_equal(a->subject, b->subject) && a->unnameable == b->unnameable &&
		a->incomplete == b->incomplete && powerset_within(&a->powers, &b->powers) &&
		powerset_within(&b->powers, &a->powers);
}

/* The group like wanted, which is made with its rule if it is not there; NULL: too many rules. */
static struct group *find_group(
	json_t *rules, struct group *groups, size_t *count, const struct group *wanted)
{
	struct group *g = groups;
	char subject[64];
	char name[96];

	while (g < groups + *count && !is_same_group(g, wanted))
		g++;
	if (g < groups + *count)
		return g;
	if (*count == RULES_MOST)
		return NULL;
	*g = *wanted;
	text_escape(g->subject, subject, sizeof(subject));
	(void)snprintf(name, sizeof(name), "%s %zu", subject, ++*count);
	g->rule = json_pack("{s:s, s:[o], s:[]}", "name", name, "who",
		json_stringn(g->subject.s, g->subject.n), "allow");
	return json_array_append_new(rules, g->rule) == 0 ? g : NULL;
}

static bool takes_default_runtime(const struct observation *s)
{
	for (size_t i = 0; i < s->facts.attributes.count; i++) {
		const struct attribute *d = &s->facts.attributes.items[i];

		if (d->kind == ATTRIBUTE_RUNTIME && d->implied)
			return true;
	}
	return false;
}

static int add_rules(struct policy_draft *p, struct observations *all, struct err *e)
{
	AUTO_MEM struct group *groups = mem_array(RULES_MOST, sizeof(*groups));
	json_t *rules = json_object_get(p->root, "rules");
	size_t count = 0;

	for (size_t i = 0; groups && i < all->count; i++) {
		struct observation *s = all->items[i];
		struct group wanted = { .subject = s->subject, .incomplete = s->facts.incomplete };
		struct group *g;

		if (!s->unallowable)
			s->unallowable = observation_unnameable(s);
		if (s->unallowable)
			continue;
		wanted.powers = decide_powers(&p->policy, &s->facts);
		wanted.unnameable = unnameable_lists(s);
		g = find_group(rules, groups, &count, &wanted);
		if (!g)
			return FAIL(e, 0, "more than %d rules would be needed", (int)RULES_MOST);
		add_once(rule_list(g->rule, "allow"),
			s->facts.route ? s->facts.route->name : "unknown");
		add_items(g, s);
		add_powers(g, s);
		g->default_runtime = g->default_runtime || takes_default_runtime(s);
	}
	for (size_t i = 0; groups && i < count; i++) {
		json_t *runtimes = json_object_get(groups[i].rule, list_name(LIST_RUNTIMES));

		if (runtimes && groups[i].default_runtime)
			add_once(runtimes, "runc");
	}
	return groups ? 0 : FAIL(e, ENOMEM, "a policy");
}

/* --- the fewest rules and items ----------------------------------------------------------------*/

/* Sets which rule of p allows each observation. Returns the first that none allows, or NULL. */
static struct observation *assign_rules(const struct policy_draft *p, struct observations *all)
{
	struct observation *denied = NULL;

	for (size_t i = 0; i < all->count; i++) {
		struct observation *s = all->items[i];

		if (!s->unallowable && !policy_draft_allows(p, s, &s->rule) && !denied)
			denied = s;
	}
	return denied;
}

/* Removes, from the last to the first, each rule whose observations other rules allow too. */
static int drop_rules(struct policy_draft *p, struct observations *all, struct err *e)
{
	json_t *rules = json_object_get(p->root, "rules");

	if (policy_draft_compile(p, e) != 0)
		return -1;
	(void)assign_rules(p, all);
	for (size_t at = json_array_size(rules); at > 0; at--) {
		json_t *rule = json_incref(json_array_get(rules, at - 1));
		bool needed;

		(void)json_array_remove(rules, at - 1);
		needed = policy_draft_compile(p, e) != 0;
		for (size_t i = 0; i < all->count && !needed; i++) {
			const struct observation *s = all->items[i];
			size_t other;

			needed = !s->unallowable && s->rule == at - 1 &&
				!policy_draft_allows(p, s, &other);
		}
		if (needed)
			(void)json_array_insert(rules, at - 1, rule);
		else
			(void)assign_rules(p, all);
		json_decref(rule);
	}
	return 0;
}

/*
 * One rule, whose items are removed one by one. An observation is allowed when the rule or one of
 * the others allows it: so only the rule, and not the whole file, is compiled for each item.
 */
struct trimming {
	struct observations *all;
	size_t place;                /* of the rule, in the whole file */
	struct policy_draft *alone;  /* the rule, and no other */
	struct policy_draft *others; /* all rules but this one */
	size_t denied;               /* the observation that the last needed item allows */
};

/* The place of the rule that allows s now; SIZE_MAX: none does. */
static size_t allowing_rule(const struct trimming *t, const struct observation *s)
{
	size_t rule;

	if (policy_draft_allows(t->alone, s, &rule))
		return t->place;
	if (!policy_draft_allows(t->others, s, &rule))
		return SIZE_MAX;
	return rule < t->place ? rule : rule + 1;
}

/*
 * Whether an observation is denied without the item that was just removed. Items are tried from the
 * last to the first, and stand in the order of the observations: so the next needed item's
 * observation is mostly at, or shortly before, that of the last one.
 */
static bool is_needed(struct trimming *t)
{
	size_t count = t->all->count;
	struct err ignored;

	if (policy_draft_compile(t->alone, &ignored) != 0)
		return true;
	for (size_t k = 0; k < count; k++) {
		size_t i = (t->denied + count - k) % count;
		const struct observation *s = t->all->items[i];

		if (s->unallowable || s->rule != t->place || allowing_rule(t, s) != SIZE_MAX)
			continue;
		t->denied = i;
		return true;
	}
	return false;
}

static void drop_items(struct trimming *t, json_t *list)
{
	for (size_t at = json_array_size(list); at > 0; at--) {
		json_t *item = json_incref(json_array_get(list, at - 1));

		(void)json_array_remove(list, at - 1);
		if (is_needed(t)) {
			(void)json_array_insert(list, at - 1, item);
		} else {
			for (size_t i = 0; i < t->all->count; i++) {
				struct observation *s = t->all->items[i];

				if (!s->unallowable && s->rule == t->place)
					s->rule = allowing_rule(t, s);
			}
		}
		json_decref(item);
	}
}

/* Removes what is not needed from one rule of p. */
static int trim_rule(struct policy_draft *p, struct observations *all, size_t at, struct err *e)
{
	json_t *rules = json_object_get(p->root, "rules");
	json_t *rule = json_incref(json_array_get(rules, at));
	json_t *alone = json_copy(p->root);
	struct trimming t = { .all = all, .place = at, .others = p };
	int rc;

	(void)json_object_set_new(alone, "rules", json_pack("[O]", rule));
	(void)json_array_remove(rules, at);
	t.alone = policy_draft_new(alone, p->settings.profile);
	rc = t.alone ? policy_draft_compile(p, e) : FAIL(e, ENOMEM, "a policy");
	if (rc == 0) {
		drop_items(&t, json_object_get(rule, "allow"));
		drop_items(&t, json_object_get(rule, "powers"));
		for (unsigned k = 0; k < LIST_COUNT; k++)
			drop_items(&t, json_object_get(rule, list_name((enum list_kind)k)));
	}
	if (json_array_size(json_object_get(rule, "powers")) == 0)
		(void)json_object_del(rule, "powers");
	policy_draft_free(t.alone);
	(void)json_array_insert_new(rules, at, rule);
	return rc;
}

/* --- notes -------------------------------------------------------------------------------------*/

/* Notes where a rule allows more than what was observed, since no rule can allow less. */
static void note_open(struct observations *all, const json_t *rule)
{
	const char *name = json_string_value(json_object_get(rule, "name"));
	const json_t *v;
	size_t lists = 0;
	size_t i;

	for (unsigned k = 0; k < LIST_COUNT; k++)
		lists += json_array_size(json_object_get(rule, list_name((enum list_kind)k))) > 1;
	if (lists > 1)
		observations_note(
			all, "rule \"%s\": any of its items may come with any other", name);
	json_array_foreach (json_object_get(rule, "powers"), i, v) {
		enum power p = power_find(span_of(json_string_value(v)));

		for (unsigned k = 0; k < LIST_COUNT; k++) {
			if (p != POWER_COUNT && p == list_power((enum list_kind)k))
				observations_note(all,
					"rule \"%s\": %s for all %s: the audit log does not have "
					"them whole, or no list can name them",
					name, json_string_value(v), list_name((enum list_kind)k));
		}
	}
}

static bool mounts_to_read(const struct observation *s)
{
	for (size_t i = 0; i < s->facts.attributes.count; i++) {
		const struct attribute *d = &s->facts.attributes.items[i];

		if (d->kind == ATTRIBUTE_MOUNT && attribute_only_reads(d))
			return true;
	}
	return false;
}

/*
 * What anonymous mounts to read below what a user may write: its item covers nothing, since the
 * user can be anonymous too.
 */
static void leave_out_denied(const struct policy_draft *p, struct observations *all)
{
	for (size_t i = 0; i < all->count; i++) {
		struct observation *s = all->items[i];

		if (!s->unallowable && span_equal(s->subject, SPAN("anonymous")) &&
			mounts_to_read(s) && !policy_draft_allows(p, s, &s->rule))
			s->unallowable = "a user may write above what it mounts";
	}
}

/* Whether the draft allows all that was seen. what: what would be to blame if not. */
static int check_draft(
	struct policy_draft *p, struct observations *all, const char *what, struct err *e)
{
	const struct observation *denied;
	char text[300];

	if (policy_draft_compile(p, e) != 0)
		return -1;
	denied = assign_rules(p, all);
	if (!denied)
		return 0;
	observation_write(denied, text, sizeof(text));
	return FAIL(e, 0, "the %s do not allow %s: no suggestion", what, text);
}

/* Makes the draft's users and rules, the fewest that allow the observations. */
static int fill_draft(struct policy_draft *p, struct observations *all,
	const struct learn_options *w, struct err *e)
{
	const json_t *rules = json_object_get(p->root, "rules");

	merge_common_names(all, w);
	if (add_rules(p, all, e) != 0 || add_users(p, all, w, e) != 0)
		return -1;
	policy_draft_separate(p);
	if (policy_draft_compile(p, e) != 0)
		return -1;
	leave_out_denied(p, all);
	if (!w->exact)
		policy_draft_widen(p, all);
	if (drop_rules(p, all, e) != 0)
		return -1;
	for (size_t i = 0; i < json_array_size(rules); i++) {
		if (trim_rule(p, all, i, e) != 0)
			return -1;
	}
	policy_draft_merge(p, all);
	policy_draft_name(p);
	return check_draft(p, all, "rules", e);
}

/* Gives each rule the conditions that all of its requests met. */
static int add_conditions(struct policy_draft *p, struct observations *all, struct err *e)
{
	json_t *rule;
	size_t i;

	(void)assign_rules(p, all);
	json_array_foreach (json_object_get(p->root, "rules"), i, rule) {
		json_t *require = learn_require(all, i);

		if (json_object_size(require) > 0)
			(void)json_object_set(rule, "require", require);
		json_decref(require);
	}
	return check_draft(p, all, "conditions", e);
}

int learn_policy(struct observations *all, const struct learn_options *w, json_t **ret,
	struct powerset *refused, struct err *e)
{
	json_t *root = json_pack("{s:s, s:[], s:s}", "profile", profile_info(w->profile)->name,
		"rules", "otherwise", "deny");
	struct policy_draft *p = policy_draft_new(root, w->profile);
	int rc = p ? fill_draft(p, all, w, e) : FAIL(e, ENOMEM, "a policy");
	struct powerset direct = powers_direct_to_root();
	struct powerset used = { { 0 } };
	const json_t *rule;
	size_t i;

	if (rc == 0 && w->containers)
		rc = learn_containers(p, all, w->containers, e);
	if (rc == 0 && w->require)
		rc = add_conditions(p, all, e);
	for (i = 0; rc == 0 && i < all->count; i++) {
		struct powerset powers = decide_powers(&p->policy, &all->items[i]->facts);

		if (!all->items[i]->unallowable)
			powerset_add_all(&used, &powers);
	}
	if (rc == 0) {
		used = powerset_both(&used, &direct);
		*refused = powerset_less(&used, &w->accepted);
		json_array_foreach (json_object_get(root, "rules"), i, rule) {
			note_open(all, rule);
		}
		observations_note(all,
			"rules limit operations, powers and the items of lists. They do not limit "
			"%swhat a container runs, or which images, networks and volumes a user "
			"inspects",
			w->containers ? "" : "the names of containers (--containers does), ");
		*ret = json_incref(root);
	}
	policy_draft_free(p);
	return rc;
}
