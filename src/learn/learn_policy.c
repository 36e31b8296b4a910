/* A policy file whose rules allow, user by user, what was seen. The file itself is the model. */
#include <errno.h>
#include <stdio.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/learn/observations.h"
#include "policy_draft.h"

enum { RULES_MOST = 1000 };

/* --- who ---------------------------------------------------------------------------------------*/

static bool is_user(const struct observation *s)
{
	return !span_equal(s->subject, SPAN("anonymous")) && !span_starts(s->subject, SPAN("cn:"));
}

/* Whether a certificate of this name will be the user's. */
static bool has_name(
	const struct learn_options *w, const struct observation *user, struct span common_name)
{
	char text[400];
	const json_t *known;
	const json_t *v;
	size_t i;

	text_copy(user->subject, text, sizeof(text));
	known = json_object_get(w->users, text);
	if (!known)
		return span_equal(user->subject, common_name);
	json_array_foreach (json_object_get(known, "common_names"), i, v) {
		if (span_equal(span_of(json_string_value(v)), common_name))
			return true;
	}
	return false;
}

/* The one whose certificate of this name will be; NULL: nobody's. */
static const struct observation *find_user(
	const struct observations *all, const struct learn_options *w, struct span common_name)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct observation *user = all->items[i];

		if (!user->unallowable && is_user(user) && has_name(w, user, common_name))
			return user;
	}
	return NULL;
}

/* What a certificate did before it was a user's, the user will have to be allowed. */
static void merge_common_names(struct observations *all, const struct learn_options *w)
{
	for (size_t i = 0; i < all->count; i++) {
		struct observation *s = all->items[i];
		const struct observation *user;

		if (!span_starts(s->subject, SPAN("cn:")))
			continue;
		user = find_user(all, w, span_after(s->subject, strlen("cn:")));
		if (user)
			s->subject = user->subject;
	}
}

/* --- groups ------------------------------------------------------------------------------------*/

/* Requests of one rule: the same subject, powers, and kinds that lists cannot name. */
struct group {
	struct span subject;
	struct powerset powers;
	unsigned unnamed; /* a bit for each list that cannot be made */
	bool incomplete;
	json_t *rule;
};

/* What only a whole and open request tells. */
static unsigned unnameable_lists(const struct observation *s)
{
	unsigned bits = 0;
	char room[PATTERN_ROOM];

	if (!s->complete || s->facts.incomplete)
		return (1U << LIST_COUNT) - 1;
	for (size_t i = 0; i < s->facts.attributes.count; i++) {
		const struct attribute *d = &s->facts.attributes.items[i];

		for (unsigned k = 0; k < LIST_COUNT; k++) {
			if (list_concerns((enum list_kind)k, d) &&
				!list_pattern((enum list_kind)k, d, room))
				bits |= 1U << k;
		}
	}
	return bits;
}

static bool same_group(const struct group *a, const struct group *b)
{
	return span_equal(a->subject, b->subject) && a->unnamed == b->unnamed &&
		a->incomplete == b->incomplete && powerset_within(&a->powers, &b->powers) &&
		powerset_within(&b->powers, &a->powers);
}

static json_t *array_of(json_t *object, const char *key)
{
	json_t *list = json_object_get(object, key);

	if (!list) {
		list = json_array();
		(void)json_object_set_new(object, key, list);
	}
	return list;
}

static void add_once(json_t *list, const char *text)
{
	const json_t *v;
	size_t i;

	json_array_foreach (list, i, v) {
		if (strcmp(json_string_value(v), text) == 0)
			return;
	}
	(void)json_array_append_new(list, json_string(text));
}

static void add_patterns(const struct group *g, const struct observation *s)
{
	char pattern[PATTERN_ROOM];

	for (size_t i = 0; i < s->facts.attributes.count; i++) {
		const struct attribute *d = &s->facts.attributes.items[i];

		for (unsigned k = 0; k < LIST_COUNT; k++) {
			if (!(g->unnamed >> k & 1) && list_concerns((enum list_kind)k, d) &&
				list_pattern((enum list_kind)k, d, pattern))
				add_once(array_of(g->rule, list_name((enum list_kind)k)), pattern);
		}
	}
}

/* Of these kinds a request may have what carries no power: a list that is empty means none. */
static void close_lists(const struct group *g, const struct observation *s)
{
	static const enum list_kind kinds[] = { LIST_IMAGES, LIST_NETWORKS };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (s->facts.route && !(g->unnamed >> kinds[i] & 1) &&
			escalation_has_details(s->facts.route, list_attribute(kinds[i])))
			(void)array_of(g->rule, list_name(kinds[i]));
	}
}

/* Powers that no list covers are named. */
static void name_powers(const struct group *g, const struct observation *s)
{
	for (size_t p = 0; p < POWER_COUNT; p++) {
		bool listed = false;

		if (!powerset_has(&g->powers, (enum power)p))
			continue;
		for (unsigned k = 0; k < LIST_COUNT; k++)
			listed = listed ||
				(list_power((enum list_kind)k) == p && !(g->unnamed >> k & 1) &&
					observation_has_item(s, (enum power)p));
		if (!listed)
			add_once(array_of(g->rule, "powers"), power_info((enum power)p)->name);
	}
}

static json_t *new_rule(const struct group *g, size_t number)
{
	char subject[64];
	char name[96];

	text_escape(g->subject, subject, sizeof(subject));
	(void)snprintf(name, sizeof(name), "%s %zu", subject, number);
	return json_pack("{s:s, s:[o], s:[]}", "name", name, "who",
		json_stringn(g->subject.s, g->subject.n), "allow");
}

static struct group *find_group(
	struct policy_draft *p, struct group *groups, size_t *count, const struct group *wanted)
{
	size_t i = 0;

	while (i < *count && !same_group(&groups[i], wanted))
		i++;
	if (i < *count)
		return &groups[i];
	if (i == RULES_MOST)
		return NULL;
	groups[i] = *wanted;
	groups[i].rule = new_rule(wanted, i + 1);
	if (json_array_append_new(json_object_get(p->root, "rules"), groups[i].rule) != 0)
		return NULL;
	++*count;
	return &groups[i];
}

static int make_rules(struct policy_draft *p, struct observations *all, struct err *e)
{
	AUTO_MEM struct group *groups = mem_array(RULES_MOST, sizeof(*groups));
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
		wanted.unnamed = unnameable_lists(s);
		g = find_group(p, groups, &count, &wanted);
		if (!g)
			return FAIL(e, 0, "more than %d rules would be needed", (int)RULES_MOST);
		add_once(array_of(g->rule, "allow"),
			s->facts.route ? s->facts.route->name : "unknown");
		add_patterns(g, s);
		close_lists(g, s);
		name_powers(g, s);
	}
	return groups ? 0 : FAIL(e, ENOMEM, "a policy");
}

/* --- users -------------------------------------------------------------------------------------*/

/* A trail tells a user's name, and neither certificates nor tokens. */
static int make_users(struct policy_draft *p, struct observations *all,
	const struct learn_options *w, struct err *e)
{
	json_t *users = json_object();

	(void)json_object_set_new(p->root, "users", users);
	for (size_t i = 0; i < all->count; i++) {
		const struct observation *s = all->items[i];
		char name[400];
		char shown[128];
		json_t *known;

		if (s->unallowable || !is_user(s) || observation_unnameable(s))
			continue;
		text_copy(s->subject, name, sizeof(name));
		text_escape(s->subject, shown, sizeof(shown));
		known = json_object_get(w->users, name);
		if (known) {
			(void)json_object_set(users, name, known);
			continue;
		}
		if (strcmp(s->known_by, "certificate") != 0)
			return FAIL(e, 0,
				"the user %s has a token, which no trail holds: give the policy file "
				"that tells of it with --users FILE",
				shown);
		if (json_object_get(users, name))
			continue;
		observations_note(all,
			"the trail does not tell which certificates the user %s has: one with its "
			"own name is assumed (--users FILE takes it from a policy file)",
			shown);
		(void)json_object_set_new(users, name, json_pack("{s:[s]}", "common_names", name));
	}
	if (json_object_size(users) == 0)
		(void)json_object_del(p->root, "users");
	return 0;
}

/* --- the least ---------------------------------------------------------------------------------*/

/*
 * Whether all that rule allowed is still allowed. Parts are tried from the last to the first, and
 * were made in the order in which things were seen: what is denied is mostly near to, and before,
 * what was denied without the part behind it.
 */
static bool still_allows(struct policy_draft *p, const struct observations *all, size_t rule)
{
	struct err ignored;
	bool all_allowed;

	if (policy_draft_compile(p, &ignored) != 0)
		return false;
	all_allowed = true;
	for (size_t k = 0; k < all->count && all_allowed; k++) {
		size_t i = (p->denied + all->count - k) % all->count;
		struct observation *s = all->items[i];
		size_t before = s->rule;

		if (s->unallowable || s->rule != rule)
			continue;
		all_allowed = policy_draft_allows(p, s);
		s->rule = before;
		p->denied = all_allowed ? p->denied : i;
	}
	return all_allowed;
}

static struct observation *first_denied(struct policy_draft *p, const struct observations *all)
{
	struct observation *denied = NULL;

	for (size_t i = 0; i < all->count; i++) {
		if (!all->items[i]->unallowable && !policy_draft_allows(p, all->items[i]) &&
			!denied)
			denied = all->items[i];
	}
	return denied;
}

static void drop_elements(
	struct policy_draft *p, const struct observations *all, json_t *list, size_t rule)
{
	for (size_t i = json_array_size(list); i > 0; i--) {
		json_t *v = json_incref(json_array_get(list, i - 1));

		(void)json_array_remove(list, i - 1);
		/* What this rule allowed another one may do now. */
		if (still_allows(p, all, rule))
			(void)first_denied(p, all);
		else
			(void)json_array_insert(list, i - 1, v);
		json_decref(v);
	}
}

static void drop_parts(
	struct policy_draft *p, const struct observations *all, json_t *rule, size_t at)
{
	drop_elements(p, all, json_object_get(rule, "allow"), at);
	drop_elements(p, all, json_object_get(rule, "powers"), at);
	for (unsigned k = 0; k < LIST_COUNT; k++)
		drop_elements(p, all, json_object_get(rule, list_name((enum list_kind)k)), at);
	if (json_array_size(json_object_get(rule, "powers")) == 0)
		(void)json_object_del(rule, "powers");
}

/* Takes away every rule, then every part of one, without which nothing that was seen is denied. */
static int minimize(struct policy_draft *p, struct observations *all, struct err *e)
{
	json_t *rules = json_object_get(p->root, "rules");

	for (size_t i = json_array_size(rules); i > 0; i--) {
		json_t *rule;

		if (policy_draft_compile(p, e) != 0)
			return -1;
		(void)first_denied(p, all);
		rule = json_incref(json_array_get(rules, i - 1));
		(void)json_array_remove(rules, i - 1);
		if (!still_allows(p, all, i - 1))
			(void)json_array_insert(rules, i - 1, rule);
		json_decref(rule);
	}
	if (policy_draft_compile(p, e) != 0)
		return -1;
	(void)first_denied(p, all);
	for (size_t i = 0; i < json_array_size(rules); i++)
		drop_parts(p, all, json_array_get(rules, i), i);
	return policy_draft_compile(p, e);
}

/* --- what was found ----------------------------------------------------------------------------*/

static struct powerset direct_powers(const struct policy_draft *p, const struct observations *all)
{
	struct powerset direct = { { 0 } };

	for (size_t i = 0; i < all->count; i++) {
		const struct observation *s = all->items[i];
		struct powerset powers = decide_powers(&p->policy, &s->facts);

		for (size_t k = 0; !s->unallowable && k < POWER_COUNT; k++) {
			if (powerset_has(&powers, (enum power)k) &&
				power_info((enum power)k)->root == ROOT_DIRECT)
				powerset_add(&direct, (enum power)k);
		}
	}
	return direct;
}

/* Where a rule says more than what was seen, for there is no way to say less. */
static void note_open(struct observations *all, const json_t *rule)
{
	const char *name = json_string_value(json_object_get(rule, "name"));
	const json_t *powers = json_object_get(rule, "powers");
	const json_t *v;
	size_t lists = 0;
	size_t i;

	for (unsigned k = 0; k < LIST_COUNT; k++)
		lists += json_array_size(json_object_get(rule, list_name((enum list_kind)k))) > 1;
	if (lists > 1)
		observations_note(
			all, "rule \"%s\": any of its items may come with any other", name);
	json_array_foreach (powers, i, v) {
		for (unsigned k = 0; k < LIST_COUNT; k++) {
			enum power p = power_find(span_of(json_string_value(v)));

			if (p != POWER_COUNT && p == list_power((enum list_kind)k))
				observations_note(all,
					"rule \"%s\": %s for all %s: the trail does not tell them "
					"whole, or no list can name them",
					name, json_string_value(v), list_name((enum list_kind)k));
		}
	}
}

static void note_all(struct policy_draft *p, struct observations *all)
{
	const json_t *rules = json_object_get(p->root, "rules");
	const json_t *rule;
	size_t i;

	json_array_foreach (rules, i, rule) {
		note_open(all, rule);
	}
	observations_note(all,
		"rules speak of operations, powers and the items of lists: not of the names of "
		"containers, nor of what a container runs, nor of Docker's own networks bridge and "
		"none");
}

int learn_policy(struct observations *all, const struct learn_options *w, json_t **ret,
	struct powerset *refused, struct err *e)
{
	static struct policy_draft p;
	struct powerset direct;
	const struct observation *denied = NULL;
	int rc;

	policy_draft_init(&p,
		json_pack("{s:s, s:[], s:s}", "profile", profile_info(w->profile)->name, "rules",
			"otherwise", "deny"),
		w->profile);
	merge_common_names(all, w);
	rc = make_rules(&p, all, e) != 0 || make_users(&p, all, w, e) != 0 ? -1 : 0;
	if (rc == 0 && !w->exact)
		policy_draft_widen(&p, all);
	if (rc == 0)
		rc = minimize(&p, all, e);
	if (rc == 0)
		denied = first_denied(&p, all);
	if (denied) {
		char text[300];

		observation_write(denied, text, sizeof(text));
		rc = FAIL(e, 0, "the rules do not allow %s: nothing is suggested", text);
	}
	if (rc == 0) {
		direct = direct_powers(&p, all);
		*refused = powerset_less(&direct, &w->accepted);
		note_all(&p, all);
		*ret = json_incref(p.root);
	}
	policy_draft_free(&p);
	return rc;
}
