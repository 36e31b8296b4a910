#include "dsp/core/policy/policy_review.h"

#include "dsp/core/base/mem_list.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/escalation.h"

enum {
	OPERATION_WORDS = (RULE_OPERATIONS + 63) / 64,
	NAMED = 2, /* rules in one finding; the others are counted */
	SHOWN = 32,
};

/* What requests of one operation can be like. */
struct shape {
	const struct route *route;   /* the first of its routes; NULL: the table does not know it */
	struct powerset always;      /* each of them asks for these powers */
	struct powerset possible;    /* and can ask for these */
	bool lists[LIST_COUNT];      /* whether a list of that kind can matter */
	bool asked;                  /* whether the next two are known */
	bool open;                   /* anonymous may do it */
	struct powerset open_powers; /* also when it asks for one of these */
};

struct review {
	const struct policy *policy;
	const struct rules *rules;
	struct findings *findings;
	struct mem_list memory;
	size_t words; /* of a set of subjects */
	struct shape *shapes;
	uint64_t **
		decided; /* of each operation: for whom an earlier rule matches whatever is asked */
	uint64_t (*always)
		[OPERATION_WORDS]; /* of each rule: the operations of which it matches all */
};

/* --- sets of bits ------------------------------------------------------------------------------*/

static bool overlap(const uint64_t *a, const uint64_t *b, size_t words)
{
	for (size_t i = 0; i < words; i++) {
		if (a[i] & b[i])
			return true;
	}
	return false;
}

static bool is_within(const uint64_t *a, const uint64_t *b, size_t words)
{
	for (size_t i = 0; i < words; i++) {
		if (a[i] & ~b[i])
			return false;
	}
	return true;
}

static bool is_empty(const uint64_t *a, size_t words)
{
	for (size_t i = 0; i < words; i++) {
		if (a[i])
			return false;
	}
	return true;
}

/* --- operations --------------------------------------------------------------------------------*/

static void shape_list(struct shape *shape, const struct route *route, enum list_kind k)
{
	enum power p = list_power(k);

	shape->lists[k] = shape->lists[k] ||
		(p != POWER_COUNT && powerset_has(&shape->possible, p)) ||
		(k != LIST_MOUNTS && escalation_has_attributes(route, list_attribute(k)));
}

static int shape_operations(struct review *r)
{
	size_t count;
	const struct route *route = route_rows(&count);

	r->shapes = mem_list_alloc(&r->memory, RULE_OPERATIONS * sizeof(*r->shapes));
	if (!r->shapes)
		return -1;
	powerset_add(&r->shapes[OPERATION_COUNT].always, POWER_UNKNOWN);
	powerset_add(&r->shapes[OPERATION_COUNT].possible, POWER_UNKNOWN);
	for (; count > 0; count--, route++) {
		struct shape *shape = &r->shapes[route->operation];
		struct powerset own = route_powers(route);
		struct powerset possible = escalation_possible_powers(route);

		shape->always = shape->route ? powerset_both(&shape->always, &own) : own;
		shape->route = shape->route ? shape->route : route;
		powerset_add_all(&shape->possible, &possible);
		for (size_t k = 0; k < LIST_COUNT; k++)
			shape_list(shape, route, (enum list_kind)k);
	}
	return 0;
}

static const char *operation_name(const struct review *r, size_t operation)
{
	return r->shapes[operation].route ? r->shapes[operation].route->name : "unknown";
}

/* --- rules that are never reached --------------------------------------------------------------*/

/* Whether a rule matches every request of an operation, for those whom it speaks of. */
static bool always_matches(const struct rule *rule, const struct shape *shape)
{
	struct powerset common = powerset_both(&rule->powers, &shape->always);

	if (rule_has_lists(rule))
		return false;
	if (!rule->deny)
		return powerset_within(&shape->possible, &rule->powers);
	return !rule->powers_given || !powerset_empty(&common);
}

/* What an allow rule can cover at most. */
static struct powerset covered_by(const struct rule *rule)
{
	struct powerset all = rule->powers;

	for (size_t k = 0; k < LIST_COUNT; k++) {
		enum power p = list_power((enum list_kind)k);

		if (rule->lists[k].given && p != POWER_COUNT)
			powerset_add(&all, p);
	}
	return all;
}

/* Whether each request that a rule could match is matched by an earlier one of the same kind. */
static bool takes_all(const struct review *r, const struct rule *earlier, const struct rule *rule)
{
	struct powerset covered;

	if (earlier->flawed || earlier->monitor || earlier->deny != rule->deny ||
		rule_has_lists(earlier) ||
		!is_within(rule->operations, earlier->operations, OPERATION_WORDS) ||
		!is_within(rule->who, earlier->who, r->words))
		return false;
	if (rule->deny)
		return !earlier->powers_given ||
			(rule->powers_given && powerset_within(&rule->powers, &earlier->powers));
	covered = covered_by(rule);
	return powerset_within(&covered, &earlier->powers);
}

/* The first earlier rule that alone hides rule i; NULL: none does. */
static const struct rule *hidden_by(const struct review *r, size_t i)
{
	const struct rule *rule = &r->rules->items[i];

	for (size_t k = 0; k < i; k++) {
		const struct rule *earlier = &r->rules->items[k];

		if (is_within(rule->operations, r->always[k], OPERATION_WORDS) &&
			is_within(rule->who, earlier->who, r->words))
			return earlier;
		if (takes_all(r, earlier, rule))
			return earlier;
	}
	return NULL;
}

/* The earlier rules that together decide before rule i is met, as `"a", "b" and 3 more`. */
static void name_hiders(const struct review *r, size_t i, struct line *l)
{
	const struct rule *rule = &r->rules->items[i];
	char shown[SHOWN];
	size_t n = 0;

	for (size_t k = 0; k < i; k++) {
		const struct rule *earlier = &r->rules->items[k];

		if (!overlap(rule->operations, r->always[k], OPERATION_WORDS) ||
			!overlap(rule->who, earlier->who, r->words))
			continue;
		text_escape(earlier->name, shown, sizeof(shown));
		if (++n <= NAMED)
			line_add(l, "%s\"%s\"", n > 1 ? ", " : "", shown);
	}
	if (n > NAMED)
		line_add(l, " and %zu more", n - NAMED);
}

static bool is_reached(const struct review *r, const struct rule *rule)
{
	for (size_t o = 0; o < RULE_OPERATIONS; o++) {
		if (bit_of(rule->operations, o) && !is_within(rule->who, r->decided[o], r->words))
			return true;
	}
	return false;
}

static bool check_reached(struct review *r, size_t i)
{
	const struct rule *rule = &r->rules->items[i];
	const struct rule *hider = hidden_by(r, i);
	char name[SHOWN];
	char text[160];
	struct line l;

	text_escape(rule->name, name, sizeof(name));
	if (hider) {
		text_escape(hider->name, text, SHOWN);
		findings_error(r->findings, rule->at,
			"rule \"%s\" is never reached: all that it matches, rule \"%s\" before it "
			"matches too",
			name, text);
	} else if (!is_reached(r, rule)) {
		line_init(&l, text, sizeof(text));
		name_hiders(r, i, &l);
		findings_error(r->findings, rule->at,
			"rule \"%s\" is never reached: rules before it match all that it could: %s",
			name, text);
	} else {
		return true;
	}
	return false;
}

/* From here on rule i decides what it always matches. */
static void settle(struct review *r, size_t i)
{
	const struct rule *rule = &r->rules->items[i];

	for (size_t o = 0; o < RULE_OPERATIONS; o++) {
		if (rule->monitor || !bit_of(rule->operations, o) ||
			!always_matches(rule, &r->shapes[o]))
			continue;
		bit_set(r->always[i], o);
		for (size_t w = 0; w < r->words; w++)
			r->decided[o][w] |= rule->who[w];
	}
}

/* --- rules that match nothing ------------------------------------------------------------------*/

static void check_list(struct review *r, const struct rule *rule, enum list_kind k)
{
	if (!rule->lists[k].given)
		return;
	for (size_t o = 0; o < RULE_OPERATIONS; o++) {
		if (bit_of(rule->operations, o) && r->shapes[o].lists[k])
			return;
	}
	findings_warning(r->findings, rule->at,
		rule->deny ? "the rule matches nothing: none of its operations has any %s"
			   : "its %s say nothing: none of its operations has any",
		list_name(k));
}

/* A deny rule whose powers nobody can ask for by its operations. */
static void check_deny(struct review *r, const struct rule *rule)
{
	for (size_t o = 0; o < RULE_OPERATIONS; o++) {
		struct powerset common = powerset_both(&rule->powers, &r->shapes[o].possible);

		if (bit_of(rule->operations, o) && !powerset_empty(&common))
			return;
	}
	findings_warning(r->findings, rule->at,
		"the rule matches nothing: none of its operations can ask for one of its powers");
}

/* An allow rule that lacks what its operations ask for whatever else is said. */
static void check_allow(struct review *r, const struct rule *rule)
{
	struct powerset covered = covered_by(rule);
	struct powerset missing = { { 0 } };
	size_t operation = RULE_OPERATIONS;
	size_t p = 0;

	for (size_t o = 0; o < RULE_OPERATIONS; o++) {
		if (!bit_of(rule->operations, o))
			continue;
		if (powerset_within(&r->shapes[o].always, &covered))
			return;
		if (operation < RULE_OPERATIONS)
			continue;
		operation = o;
		missing = powerset_less(&r->shapes[o].always, &covered);
	}
	while (p < POWER_COUNT && !powerset_has(&missing, (enum power)p))
		p++;
	if (operation == RULE_OPERATIONS || p == POWER_COUNT)
		return;
	findings_warning(r->findings, rule->at,
		"the rule matches nothing: %s asks for %s, which it does not cover",
		operation_name(r, operation), power_info((enum power)p)->name);
}

static void check_matches(struct review *r, const struct rule *rule)
{
	for (size_t k = 0; k < LIST_COUNT; k++)
		check_list(r, rule, (enum list_kind)k);
	if (!rule->deny)
		check_allow(r, rule);
	else if (rule->powers_given)
		check_deny(r, rule);
}

/* --- a token that is not sent ------------------------------------------------------------------*/

static bool may(const struct review *r, size_t id, const struct shape *shape, enum power p,
	struct decision *d)
{
	struct subject subject = subject_at(r->rules, id);

	return escalation_by_route(r->policy, &subject, shape->route, p, d) && !d->monitored;
}

static void ask_anonymous(struct review *r, struct shape *shape)
{
	struct decision d;

	if (shape->asked)
		return;
	shape->asked = true;
	shape->open = may(r, SUBJECT_ANONYMOUS, shape, POWER_COUNT, &d);
	for (size_t p = 0; p < POWER_COUNT; p++) {
		if (powerset_has(&shape->possible, (enum power)p) &&
			may(r, SUBJECT_ANONYMOUS, shape, (enum power)p, &d))
			powerset_add(&shape->open_powers, (enum power)p);
	}
}

/* What rule refuses by its lists is refused to anonymous by another rule with no more of them. */
static bool is_refused_too(const struct review *r, const struct rule *rule, size_t operation)
{
	for (size_t i = 0; i < r->rules->count; i++) {
		const struct rule *other = &r->rules->items[i];
		bool narrower = !other->deny || other->monitor;

		for (size_t k = 0; k < LIST_COUNT; k++)
			narrower = narrower || (other->lists[k].given && !rule->lists[k].given);
		if (!narrower && bit_of(other->who, SUBJECT_ANONYMOUS) &&
			bit_of(other->operations, operation))
			return true;
	}
	return false;
}

/* Whether anonymous may do something that rule refuses. */
static bool is_open(struct review *r, const struct rule *rule, size_t operation)
{
	struct shape *shape = &r->shapes[operation];
	struct powerset open;

	ask_anonymous(r, shape);
	open = powerset_both(&shape->open_powers, &rule->powers);
	if (rule->powers_given ? powerset_empty(&open) : !shape->open)
		return false;
	return !rule_has_lists(rule) || !is_refused_too(r, rule, operation);
}

/* The first of a rule's subjects that is known by a token; or the number of subjects. */
static size_t token_user(const struct review *r, const struct rule *rule)
{
	size_t id = SUBJECT_FIRST;

	while (id < r->rules->subject_count && !(r->rules->has_token[id] && bit_of(rule->who, id)))
		id++;
	return id;
}

static void check_token(struct review *r, const struct rule *rule)
{
	size_t id = token_user(r, rule);
	char name[SHOWN];

	if (!rule->deny || rule->monitor || bit_of(rule->who, SUBJECT_ANONYMOUS) ||
		id >= r->rules->subject_count)
		return;
	for (size_t o = 0; o < RULE_OPERATIONS; o++) {
		if (!bit_of(rule->operations, o) || !is_open(r, rule, o))
			continue;
		text_escape(r->rules->subjects[id], name, sizeof(name));
		findings_warning(r->findings, rule->at,
			"%s goes around this by sending no token: anonymous may %s; add "
			"\"anonymous\" to who",
			name, operation_name(r, o));
		return;
	}
}

/* --- names of images ---------------------------------------------------------------------------*/

/* Whoever has one of these puts what he likes under a name that a list trusts. */
static const struct {
	enum power power;
	enum operation operation;
} name_takers[] = {
	{ POWER_TAG, OP_IMAGE_TAG },
	{ POWER_IMAGE_LOAD, OP_IMAGE_LOAD },
	{ POWER_IMAGE_IMPORT, OP_IMAGE_PULL },
	{ POWER_COMMIT, OP_CONTAINER_COMMIT },
	{ POWER_BUILD, OP_IMAGE_BUILD },
};

/* A list that goes by names, of a rule by which containers are run. */
static bool trusts_names(const struct rule *rule)
{
	const struct list *images = &rule->lists[LIST_IMAGES];

	if (rule->deny || !images->given ||
		(!bit_of(rule->operations, OP_CONTAINER_CREATE) &&
			!bit_of(rule->operations, OP_SERVICE_CREATE) &&
			!bit_of(rule->operations, OP_SERVICE_UPDATE)))
		return false;
	for (size_t i = 0; i < images->count; i++) {
		struct span text = images->items[i].text;

		if (!span_starts(text, SPAN("sha256:")) &&
			!memmem(text.s, text.n, "@sha256:", strlen("@sha256:")))
			return true;
	}
	return false;
}

/* "tag (ALLOW_TAG is not 0 in profile guard), image_load": false when there is none. */
static bool name_ways(const struct review *r, size_t id, struct line *l)
{
	bool any = false;

	for (size_t i = 0; i < sizeof(name_takers) / sizeof(name_takers[0]); i++) {
		enum power p = name_takers[i].power;
		struct decision d;
		char why[96];

		if (!may(r, id, &r->shapes[name_takers[i].operation], p, &d))
			continue;
		line_add(l, "%s%s", any ? ", " : "", power_info(p)->name);
		if (!any) {
			escalation_reason(r->policy, p, &d, why, sizeof(why));
			line_add(l, " (%s)", why);
		}
		any = true;
	}
	return any;
}

/* asked: whom an earlier rule was about and who had no way; they are not asked again. */
static void check_images(struct review *r, const struct rule *rule, uint64_t *asked)
{
	char name[SHOWN];
	char text[200];
	struct line l;

	if (!trusts_names(rule))
		return;
	for (size_t id = 0; id < r->rules->subject_count; id++) {
		if (!bit_of(rule->who, id) || bit_of(asked, id))
			continue;
		line_init(&l, text, sizeof(text));
		if (name_ways(r, id, &l)) {
			text_escape(r->rules->subjects[id], name, sizeof(name));
			findings_warning(r->findings, rule->at,
				"its images are only names: %s can take them by %s", name, text);
			return;
		}
		bit_set(asked, id);
	}
}

/* --- the whole ---------------------------------------------------------------------------------*/

static int take_room(struct review *r)
{
	size_t set = r->words * sizeof(uint64_t);

	r->decided = mem_list_alloc(&r->memory, RULE_OPERATIONS * sizeof(*r->decided));
	r->always = mem_list_alloc(&r->memory, (r->rules->count + 1) * sizeof(*r->always));
	if (!r->decided || !r->always)
		return -1;
	for (size_t o = 0; o < RULE_OPERATIONS; o++) {
		r->decided[o] = mem_list_alloc(&r->memory, set);
		if (!r->decided[o])
			return -1;
	}
	return shape_operations(r);
}

static void check_rule(struct review *r, size_t i, bool whole, uint64_t *asked)
{
	const struct rule *rule = &r->rules->items[i];

	if (is_empty(rule->who, r->words)) {
		if (whole)
			findings_warning(r->findings, rule->at,
				"the rule matches nothing: its groups have no members");
		return;
	}
	if (!check_reached(r, i))
		return;
	check_matches(r, rule);
	if (!whole)
		return;
	check_token(r, rule);
	check_images(r, rule, asked);
}

void policy_review(const struct policy *policy, struct findings *f)
{
	struct review r = { .policy = policy, .rules = policy->file_rules, .findings = f };
	bool whole = !findings_fatal(f);
	uint64_t *asked;

	r.words = bits_words(r.rules->subject_count);
	asked = mem_list_alloc(&r.memory, r.words * sizeof(*asked));
	if (!asked || take_room(&r) != 0) {
		f->lost = true;
	} else {
		for (size_t i = 0; i < r.rules->count; i++) {
			if (r.rules->items[i].flawed)
				continue;
			check_rule(&r, i, whole, asked);
			settle(&r, i);
		}
	}
	mem_list_free(&r.memory);
}
