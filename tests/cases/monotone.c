/*
 * Deny is monotone: adding an item to a list of a deny rule, or removing one from a list of an
 * allow rule, or adding a condition to others, never turns a denial into an allow. Random policies
 * for the requests on standard input, one AuthZReq a line; their items are made from what the
 * requests ask for.
 *
 *   monotone ROUNDS SEED
 *
 * The nearest rule of each denial is tried too: with what it lacks it matches, without one of these
 * things it does not. Prints a line for each list: its name, how many denials were tried, how many
 * allows were lost; for "nearest": how many rules were tried, how many lack several things; and a
 * line that begins with "broken" for each policy that is wrong. The one exception is that of ":ro":
 * without a read-write item beside or above it, it covers more (is_excepted).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/paths.h"
#include "dsp/core/policy/env_file.h"
#include "dsp/core/policy/nearest_rule.h"
#include "dsp/core/policy/policy_file.h"
#include "dsp/core/policy/rule_match.h"
#include "dsp/protocol/envelope.h"

#include "core/policy/way.h"
#include "monotone_things.h"

enum { QUESTIONS_MOST = 20000, ITEMS_MOST = 48, ITEM_ROOM = 160, RULES_MOST = 4, LIST_MOST = 4 };

/* A request, and for each list the items that may have to do with it. */
struct question {
	char *text;
	struct request request;
	struct facts facts;
	bool concerned[LIST_COUNT]; /* it has something that such a list is about */
	size_t count[LIST_COUNT];
	char items[LIST_COUNT][ITEMS_MOST][ITEM_ROOM];
};

struct draft_rule {
	bool deny;
	unsigned who; /* bits: anonymous, u, v */
	const char *operation;
	unsigned powers; /* deny: 0 none; allow: bits of what is left out */
	bool given[LIST_COUNT];
	size_t count[LIST_COUNT];
	const char *items[LIST_COUNT][LIST_MOST];
	size_t conditions; /* the first of them hold */
	size_t first;      /* where they begin in the table */
};

struct draft {
	const char *profile;
	bool otherwise_deny;
	size_t count;
	struct draft_rule rules[RULES_MOST];
};

struct compiled {
	char text[32768];
	struct settings settings;
	struct findings findings;
	struct policy_file file;
	struct policy policy;
};

static struct question *questions[QUESTIONS_MOST];
static size_t question_count;
static size_t tried[LIST_COUNT + 1], lost[LIST_COUNT + 1];
static size_t nearest_tried, nearest_several, broken;
static uint64_t state;

/* Below n (xorshift64*). */
static size_t any(size_t n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (size_t)((state * 0x2545f4914f6cdd1dULL) >> 33) % n;
}

/* --- policies ----------------------------------------------------------------------------------*/

/* False: it is no valid policy file. The caller calls compiled_free in any case. */
static bool compile(struct compiled *c, const char *profile)
{
	struct err e;
	char flags[64];
	struct findings env = { .file = "flags" };

	c->findings = (struct findings){ .file = "policy.json", .text = span_of(c->text) };
	c->file = (struct policy_file){ .rules = NULL };
	settings_init(&c->settings);
	(void)snprintf(flags, sizeof(flags), "DSP_PROFILE=%s", profile);
	env.text = span_of(flags);
	if (env_file_parse(&c->settings, &env, &e) != 0)
		die("settings");
	settings_finish(&c->settings);
	if (policy_file_parse(&c->file, &c->findings) != 0)
		die("policy");
	policy_compile(&c->settings, "/run/docker/plugins/dsp.sock", c->file.rules, &c->policy);
	return !findings_fatal(&c->findings);
}

static void compiled_free(struct compiled *c)
{
	rules_free(c->file.rules);
	findings_free(&c->findings);
}

static void write_powers(struct line *l, const struct draft_rule *r, const struct question *q)
{
	const char *before = "";
	unsigned bit = 0;

	if (r->deny && r->powers == 0)
		return;
	line_add(l, ",\"powers\":[");
	for (size_t p = 0; p < POWER_COUNT; p++) {
		if (!powerset_has(&q->facts.powers, (enum power)p) ||
			(r->powers >> bit++ % 8 & 1) == !r->deny)
			continue;
		line_add(l, "%s\"%s\"", before, power_info((enum power)p)->name);
		before = ",";
	}
	line_add(l, before[0] ? "]" : "\"logs\"]");
}

static void write_rule(struct line *l, const struct draft_rule *r, const struct question *q)
{
	static const char *const names[] = { "anonymous", "u", "v" };
	const char *before = "";

	line_add(l, "\"who\":[");
	for (unsigned i = 0; i < 3; i++) {
		if (!(r->who >> i & 1))
			continue;
		line_add(l, "%s\"%s\"", before, names[i]);
		before = ",";
	}
	line_add(l, "],\"%s\":[\"%s\"]", r->deny ? "deny" : "allow", r->operation);
	write_powers(l, r, q);
	for (size_t k = 0; k < LIST_COUNT; k++) {
		if (!r->given[k])
			continue;
		line_add(l, ",\"%s\":[", list_name((enum list_kind)k));
		for (size_t i = 0; i < r->count[k]; i++)
			line_add(l, "%s\"%s\"", i > 0 ? "," : "", r->items[k][i]);
		line_add(l, "]");
	}
	for (size_t i = 0; i < r->conditions; i++)
		line_add(l, "%s%s",
			i > 0             ? ","
				: r->deny ? ",\"unless\":{"
					  : ",\"require\":{",
			conditions[(r->first + i) % CONDITIONS]);
	line_add(l, r->conditions > 0 ? "}" : "");
}

static bool compile_draft(struct compiled *c, const struct draft *d, const struct question *q)
{
	struct line l;

	line_init(&l, c->text, sizeof(c->text));
	line_add(&l,
		"{\"users\":{\"u\":{\"common_names\":[\"u\"]},\"v\":{\"common_names\":[\"v\"]}},");
	line_add(&l, "\"otherwise\":\"%s\",\"rules\":[", d->otherwise_deny ? "deny" : "profile");
	for (size_t i = 0; i < d->count; i++) {
		line_add(&l, "%s{\"name\":\"r%zu\",", i > 0 ? "," : "", i);
		write_rule(&l, &d->rules[i], q);
		line_add(&l, "}");
	}
	line_add(&l, "]}");
	return compile(c, d->profile);
}

/* --- questions ---------------------------------------------------------------------------------*/

/* Adds an item that a list of this kind can have. */
static void add_item(struct question *q, size_t k, struct span front, const char *back)
{
	static struct compiled c;
	char *item = q->items[k][q->count[k]];
	struct line l;

	if (q->count[k] == ITEMS_MOST || front.n + strlen(back) >= ITEM_ROOM)
		return;
	for (size_t i = 0; i < front.n; i++) {
		if (front.s[i] < ' ' || front.s[i] > '~' || front.s[i] == '"' || front.s[i] == '\\')
			return;
	}
	(void)snprintf(item, ITEM_ROOM, "%.*s%s", (int)front.n, front.s ? front.s : "", back);
	for (size_t i = 0; i < q->count[k]; i++) {
		if (strcmp(q->items[k][i], item) == 0)
			return;
	}
	line_init(&l, c.text, sizeof(c.text));
	line_add(&l, "{\"otherwise\":\"deny\",\"rules\":[{\"name\":\"r\",\"who\":[\"*\"],");
	line_add(&l, "\"allow\":[\"*\"],\"%s\":[\"%s\"]}]}", list_name((enum list_kind)k), item);
	c.findings = (struct findings){ .file = "policy.json", .text = span_of(c.text) };
	if (policy_file_parse(&c.file, &c.findings) != 0)
		die("policy");
	q->count[k] += !findings_fatal(&c.findings);
	compiled_free(&c);
}

/* Up to the last of these bytes. */
static struct span up_to_last(struct span text, char byte)
{
	size_t n = text.n;

	while (n > 0 && text.s[n - 1] != byte)
		n--;
	return (struct span){ text.s, n > 0 ? n - 1 : 0 };
}

static void add_items_of(struct question *q, size_t k, const struct attribute *d)
{
	static const char *const ends[] = { "", "*", "x", ":*", ":ro", "/**", "/x", "/x:ro", "/*" };
	struct span fronts[6] = { d->text, d->clean, up_to_last(d->text, ':'),
		up_to_last(d->text, '/'), up_to_last(up_to_last(d->text, '/'), '/'),
		up_to_last(d->text, '@') };

	for (size_t f = 0; f < sizeof(fronts) / sizeof(fronts[0]); f++) {
		for (size_t e = 0; e < sizeof(ends) / sizeof(ends[0]) && fronts[f].n > 0; e++)
			add_item(q, k, fronts[f], ends[e]);
	}
}

static void make_items(struct question *q)
{
	static const char *const more[] = { "*", "/", "/:ro", "/srv", "/srv:ro", "/srv/**",
		"docker.io/library/*", "CAP_SYS_ADMIN", "CAP_*", "ALL", "/dev/null", "/dev/*",
		"8000-8999", "80", "127.0.0.1:8080", "front", "host", "none", "bridge", "runc",
		"data*", "gpu:all", "gpu:0", "own", "own:u", "own:v", "name:web", "label:team",
		"label:team=red", "image:docker.io/library/*" };

	for (size_t k = 0; k < LIST_COUNT; k++) {
		for (size_t i = 0; i < q->facts.attributes.count; i++) {
			const struct attribute *d = &q->facts.attributes.items[i];

			if (d->kind == list_attribute((enum list_kind)k) ||
				(d->power != POWER_COUNT &&
					d->power == list_power((enum list_kind)k)))
				add_items_of(q, k, d);
		}
		q->concerned[k] = q->count[k] > 0;
		for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
			add_item(q, k, span_of(more[i]), "");
	}
}

/* Without a question that dsp reads exactly: false, and q is to be freed. */
static bool read_question(struct question *q, const char *line)
{
	struct err e;

	q->text = mem_copy(line, strlen(line));
	if (!q->text)
		die("no memory");
	if (envelope_parse(q->text, strlen(line), &q->request, &e) != 0)
		return false;
	if (facts_parse(&q->request, &q->facts, &e) != 0 ||
		facts_add_mount_powers(&q->facts, SPAN("/run/docker/plugins"), &e) != 0)
		die("no memory");
	for (size_t i = 0; i < q->facts.attributes.count; i++) {
		struct attribute *d = &q->facts.attributes.items[i];

		if (d->kind == ATTRIBUTE_MOUNT)
			d->mount_info = find_info(&q->facts, d->clean);
		else if (!d->made)
			d->object = find_object(d);
	}
	if (facts_describe_made(&q->facts, &e) != 0)
		die("no memory");
	return q->facts.reading == READING_EXACT && q->facts.route && q->facts.attributes.count > 0;
}

static void read_questions(void)
{
	char *line = NULL;
	size_t room = 0;

	while (question_count < QUESTIONS_MOST && getline(&line, &room, stdin) > 0) {
		struct question *q = mem_array(1, sizeof(*q));

		if (!q)
			die("no memory");
		line[strcspn(line, "\n")] = '\0';
		if (read_question(q, line)) {
			make_items(q);
			questions[question_count++] = q;
		} else {
			facts_free(&q->facts);
			mem_free(q->text);
			mem_free(q);
		}
	}
	free(line);
}

static const char *any_item(const struct question *q, size_t k)
{
	return q->items[k][any(any(2) && q->count[k] > 3 ? 3 : q->count[k])];
}

static struct question *any_question(void)
{
	size_t k = any(LIST_COUNT);
	struct question *q = questions[any(question_count)];

	for (size_t i = 0; i < 1000 && !q->concerned[k]; i++)
		q = questions[any(question_count)];
	return q;
}

static void make_rule(struct draft_rule *r, const struct question *q)
{
	*r = (struct draft_rule){ .deny = any(3) == 0, .who = any(2) ? 7 : 1 + (unsigned)any(7) };
	r->operation = any(8) > 0 ? q->facts.route->name : any(2) ? "*" : "container_*";
	r->powers = any(3) > 0 ? 0 : (unsigned)any(256);
	for (size_t k = 0; k < LIST_COUNT; k++) {
		r->given[k] = any(q->concerned[k] ? 2 : 16) == 0;
		r->count[k] = r->given[k] ? any(LIST_MOST) : 0;
		for (size_t i = 0; i < r->count[k]; i++)
			r->items[k][i] = any_item(q, k);
	}
	r->first = any(CONDITIONS);
	if (any(q->facts.route->operation == OP_CONTAINER_CREATE ? 3 : 12) == 0)
		r->conditions = 1;
}

static struct draft make_draft(const struct question *q)
{
	static const char *const profiles[] = { "guard", "hardened", "readonly" };
	struct draft d = { .profile = profiles[any(3)],
		.otherwise_deny = any(2) == 0,
		.count = 1 + any(RULES_MOST) };

	for (size_t i = 0; i < d.count; i++)
		make_rule(&d.rules[i], q);
	return d;
}

static size_t subject_of(size_t user)
{
	return user == 0 ? (size_t)SUBJECT_ANONYMOUS : SUBJECT_FIRST + user - 1;
}

/* Whether thing k of the nearest rule is this item of a list. */
static bool is_item(const struct nearest_rule *near, size_t k, const struct attribute *d)
{
	return k < near->count && near->lacks[k].power == POWER_COUNT && near->lacks[k].item == d;
}

/* The request without what lists lack, but for thing `without`, which may be of two lists. */
static void take_out(const struct facts *facts, const struct nearest_rule *near, size_t without,
	struct facts *ret)
{
	*ret = *facts;
	ret->attributes = (struct attributes){ .items = mem_array(facts->attributes.count + 1,
						       sizeof(struct attribute)) };
	for (size_t i = 0; ret->attributes.items && i < facts->attributes.count; i++) {
		const struct attribute *d = &facts->attributes.items[i];
		bool covered = false;

		for (size_t k = 0; k < near->count; k++)
			covered = covered || is_item(near, k, d);
		if (!covered || is_item(near, without, d))
			ret->attributes.items[ret->attributes.count++] = *d;
	}
	ret->incomplete = without < near->count && near->lacks[without].power == POWER_COUNT &&
		!near->lacks[without].item &&
		(!near->lacks[without].conditions || facts->incomplete);
}

/* The power that a thing gives a rule, which a list of its kind would cover. */
static enum power power_of(const struct lack *l)
{
	if (l->power != POWER_COUNT)
		return l->power;
	return l->item ? list_power(l->list) : POWER_COUNT;
}

/* The nearest rule, with all that it lacks but the thing `without`. */
static enum match_result match_with(const struct policy *policy, const struct facts *facts,
	const struct nearest_rule *near, size_t subject, size_t without)
{
	struct rule rule = *near->rule;
	struct powerset powers = decide_powers(policy, facts);
	enum power left_out = POWER_COUNT;
	struct facts changed;
	enum match_result result;

	if (without == near->count || !near->lacks[without].conditions)
		rule.conditions = NULL;
	take_out(facts, near, without, &changed);
	/* A new list covers what is in it, and not the power. */
	if (without < near->count && near->lacks[without].power == POWER_COUNT)
		left_out = power_of(&near->lacks[without]);
	for (size_t k = 0; k < near->count; k++) {
		enum power power = power_of(&near->lacks[k]);

		if (k != without && power != POWER_COUNT && power != left_out)
			powerset_add(&rule.powers, power);
	}
	result = rule_match(&rule, subject, &changed, &powers).result;
	mem_free(changed.attributes.items);
	return result;
}

/* The rule for a container of buildx's builder is the one nearest to the build itself. */
static void try_nearest(const struct compiled *c, const struct facts *facts,
	const struct subject *subject, const struct decision *d)
{
	struct nearest_rule near;
	static struct facts build;
	struct decision of_build;

	nearest_rule_find(&c->policy, subject, facts, d, &near);
	if (way_of_build(&c->policy, subject, facts, &build, &of_build))
		facts = &build;
	if (!near.rule || near.more)
		return;
	nearest_tried++;
	nearest_several += near.count > 1;
	for (size_t without = 0; without <= near.count; without++) {
		enum match_result result = match_with(
			&c->policy, facts, &near, subject->id, without);

		if (((result == MATCH_YES) == (without == near.count) && near.count > 0) ||
			broken++ >= 10)
			continue;
		(void)printf("broken nearest: %.*s without %zu of %zu: %s\n",
			(int)near.rule->name.n, near.rule->name.s, without, near.count, c->text);
	}
}

static bool allows(struct compiled *c, struct question *q, size_t user)
{
	struct span_list paths = rules_paths(c->file.rules);
	struct subject subject = subject_at(c->file.rules, subject_of(user));
	struct rule_path looked_up[RULES_MOST * LIST_MOST];
	struct facts facts = q->facts;
	struct decision d;

	facts.attributes.texts = (struct mem_list){ .first = NULL };
	for (size_t i = 0; i < paths.count; i++)
		looked_up[i] = (struct rule_path){ paths.items[i],
			find_info(&facts, paths.items[i]) };
	facts.rule_paths = looked_up;
	facts.rule_path_count = paths.count;
	d = decide(&c->policy, &subject, &facts, NULL);
	if (d.verdict != VERDICT_ALLOW)
		try_nearest(c, &facts, &subject, &d);
	mem_list_free(&facts.attributes.texts);
	return d.verdict == VERDICT_ALLOW;
}

/* A ":ro" item of rules, with the same text as p; NULL: there is none. */
static const struct pattern *same_item(const struct rule *r, const struct pattern *p)
{
	const struct list *list = &r->lists[LIST_MOUNTS];

	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].read_only && span_equal(list->items[i].text, p->text))
			return &list->items[i];
	}
	return NULL;
}

static bool is_in(const uint64_t *set, size_t subject)
{
	return set && bit_of(set, subject);
}

/* Whether a read-only mount of q is below dir, or (all) at it. */
static bool reads_below(const struct question *q, struct span dir, bool all)
{
	for (size_t i = 0; i < q->facts.attributes.count; i++) {
		const struct attribute *d = &q->facts.attributes.items[i];
		struct span path = span_of(d->mount_info ? d->mount_info->path : "");

		if (attribute_only_reads(d) && path_within(path, dir) && (all || path.n > dir.n))
			return true;
	}
	return false;
}

/*
 * Without the read-write item beside or above it a ":ro" item of the same user covers more: all
 * below, or anything at all. That is the documented exception: such an item, in a rule for the
 * user, and a read-only mount that it covers only now.
 */
static bool is_excepted(const struct compiled *before, const struct compiled *after,
	const struct question *q, size_t subject)
{
	const struct rules *rules = before->file.rules;

	for (size_t r = 0; r < rules->count; r++) {
		const struct rule *rule = &rules->items[r];
		const struct list *list = &rule->lists[LIST_MOUNTS];

		for (size_t i = 0; rule->verb != RULE_DENY && i < list->count; i++) {
			const struct pattern *p = &list->items[i];
			const struct pattern *now = p->read_only
				? same_item(&after->file.rules->items[r], p)
				: NULL;
			bool below = now && is_in(p->beside, subject) &&
				!is_in(now->beside, subject);
			bool all = now && is_in(p->under, subject) && !is_in(now->under, subject);

			if ((below || all) && reads_below(q, p->text, all))
				return true;
		}
	}
	return false;
}

/*
 * Adds an item to a list of a deny rule, or removes one of an allow rule; or adds a condition to
 * others (*k is LIST_COUNT). False: it has none.
 */
static bool change(struct draft *d, const struct question *q, size_t *k, const char **removed)
{
	struct draft_rule *r = &d->rules[any(d->count)];
	size_t i;

	*removed = NULL;
	if (r->conditions > 0 && any(2)) {
		*k = LIST_COUNT;
		r->conditions++;
		return true;
	}
	*k = any(LIST_COUNT);
	for (i = 0; i < LIST_COUNT && !r->given[*k]; i++)
		*k = (*k + 1) % LIST_COUNT;
	if (!r->given[*k])
		return false;
	if (r->deny) {
		if (r->count[*k] == LIST_MOST)
			return false;
		r->items[*k][r->count[*k]++] = any_item(q, *k);
		return true;
	}
	if (r->count[*k] == 0)
		return false;
	i = any(r->count[*k]);
	*removed = r->items[*k][i];
	r->items[*k][i] = r->items[*k][--r->count[*k]];
	return true;
}

static void play(void)
{
	static struct compiled before;
	static struct compiled after;
	struct question *q = any_question();
	struct draft d = make_draft(q);
	const char *removed;
	size_t user = any(3);
	size_t k;
	bool was, is;

	if (compile_draft(&before, &d, q) && change(&d, q, &k, &removed)) {
		if (!compile_draft(&after, &d, q))
			die(after.text);
		was = allows(&before, q, user);
		is = allows(&after, q, user);
		tried[k] += !was;
		lost[k] += was && !is;
		if (!was && is && !(removed && is_excepted(&before, &after, q, subject_of(user))) &&
			broken++ < 10)
			(void)printf("broken %s: %s: %.*s: %s becomes %s\n", kind_name(k),
				removed ? removed : "added", (int)q->request.target.n,
				q->request.target.s, before.text, after.text);
		compiled_free(&after);
	}
	compiled_free(&before);
}

int main(int argc, char **argv)
{
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;

	state = argc > 2 ? strtoul(argv[2], NULL, 10) * 2 + 1 : 1;
	read_questions();
	if (question_count == 0)
		die("no questions");
	for (size_t i = 0; i < rounds; i++)
		play();
	for (size_t k = 0; k <= LIST_COUNT; k++)
		(void)printf("%s %zu %zu\n", kind_name(k), tried[k], lost[k]);
	(void)printf("nearest %zu %zu\n", nearest_tried, nearest_several);
	return broken > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
