#include "dsp/core/policy/grant_rules.h"

#include <errno.h>

#include "dsp/core/base/json_value.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/paths.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/core/policy/rule_index.h"
#include "dsp/core/policy/rule_match.h"
#include "policy_parser.h"
#include "review.h"

/* --- parse -------------------------------------------------------------------------------------*/

/*
 * The users and groups of the policy in force; without a policy file the two that there are. -1: no
 * memory.
 */
static int borrow_users(struct rules *rules, const struct rules *users)
{
	rules->subject_count = users ? users->subject_count : (size_t)SUBJECT_FIRST;
	rules->groups = users ? users->groups : NULL;
	rules->group_count = users ? users->group_count : 0;
	rules->subjects = users
		? users->subjects
		: mem_list_alloc(&rules->memory, SUBJECT_FIRST * sizeof(*rules->subjects));
	if (!rules->subjects)
		return -1;
	if (!users) {
		rules->subjects[SUBJECT_ANONYMOUS] = SPAN("anonymous");
		rules->subjects[SUBJECT_UNKNOWN_CERTIFICATE] = SPAN("unknown certificates");
	}
	return 0;
}

/* "*" would give powers that nobody named. */
static void check_powers(struct policy_parser *p, json_ref rule)
{
	json_ref powers = json_value_member(rule, "powers");

	for (json_ref e = json_value_first(powers); e; e = json_value_next(powers, e)) {
		if (span_equal(json_value_text(e), SPAN("*")))
			findings_error(p->reader.findings, e->at, "name each power of a grant");
	}
}

static void check_grants(struct policy_parser *p, json_ref list)
{
	for (json_ref v = json_value_first(list); v; v = json_value_next(list, v)) {
		if (!json_value_member(v, "allow"))
			findings_error(p->reader.findings, v->at, "a grant is an allow rule");
		check_powers(p, v);
	}
	policy_rules_parse(p, list);
	/* Such files are read with the policy file alone. */
	if (p->rules->image_lists.count > 0)
		findings_error(
			p->reader.findings, list->at, "a grant cannot name a list of images");
	for (size_t i = 0; i < p->rules->count; i++) {
		char text[200];
		struct line l;

		line_init(&l, text, sizeof(text));
		if (review_odd_item(&p->rules->items[i], 0, &l))
			findings_error(p->reader.findings, p->rules->items[i].at, "%s", text);
		if (p->rules->items[i].speaks_of_owners && !rules_speak_of_owners(p->beside))
			findings_error(p->reader.findings, p->rules->items[i].at,
				"no rule in force speaks of owners, so that dspd does not record them");
	}
}

static int parse(struct policy_parser *p, char *text, size_t n)
{
	AUTO_MEM struct json_value *list = NULL;
	struct err why;
	size_t where;

	p->reader.text = text;
	if (json_value_parse(text, n, &list, &where, &why) != 0) {
		if (why.code == 0)
			findings_error(p->reader.findings, where, "the grant %s here", why.text);
		return why.code == 0 ? 0 : -1;
	}
	if (!policy_reader_expect(&p->reader, list, JSON_VALUE_LIST, "a list of rules"))
		return 0;
	if (list->count > GRANTS_MOST)
		findings_error(p->reader.findings, 0, "there are more than %d grants", GRANTS_MOST);
	else
		check_grants(p, list);
	return 0;
}

int grant_rules_parse(const char *what, struct span list, const struct rules *users,
	struct rules **ret, struct err *e)
{
	struct findings findings = { .file = what, .text = list };
	struct policy_parser p = { .reader = { .findings = &findings }, .beside = users };
	char *text;

	*ret = p.rules = mem_array(1, sizeof(*p.rules));
	text = p.rules ? mem_list_alloc(&p.rules->memory, list.n + 1) : NULL;
	if (text) {
		memcpy(text, list.s, list.n);
		if (borrow_users(p.rules, users) != 0 || parse(&p, text, list.n) != 0)
			findings.lost = true;
	}
	if (text && !findings_fatal(&findings)) {
		findings_free(&findings);
		return 0;
	}
	if (findings.count > 0)
		err_set(e, 0, "%s: %s", what, findings.items[0].text);
	else
		err_set(e, ENOMEM, "%s", what);
	findings_free(&findings);
	rules_free(p.rules);
	*ret = NULL;
	return -1;
}

/* --- match -------------------------------------------------------------------------------------*/

const struct rule *grant_rules_find(const struct grant_rules *grants, size_t subject,
	const struct facts *facts, const struct powerset *powers)
{
	const struct rules *rules = grants->rules;
	size_t operation = facts->route ? (size_t)facts->route->operation : (size_t)OPERATION_COUNT;

	for (size_t i = rules_next(rules, subject, operation, 0);
		rules && i < rules->count && i < GRANTS_MOST;
		i = rules_next(rules, subject, operation, i + 1)) {
		const struct rule *grant = &rules->items[i];

		if ((grants->live >> i & 1) && grant->verb == RULE_ALLOW &&
			rule_match(grant, subject, facts, powers).result == MATCH_YES)
			return grant;
	}
	return NULL;
}

/* --- root --------------------------------------------------------------------------------------*/

/* A user's request without its token is anonymous, so anonymous may be any user. */
static bool have_common_subject(const struct rule *a, const struct rule *b, size_t words)
{
	if (bit_of(a->who, SUBJECT_ANONYMOUS) || bit_of(b->who, SUBJECT_ANONYMOUS))
		return true;
	for (size_t i = 0; i < words; i++) {
		if (a->who[i] & b->who[i])
			return true;
	}
	return false;
}

/*
 * Whether who may write at the second can put a link where the first is mounted from, or write
 * where it lets nobody write. A link outlives the grant: dockerd follows it at the next start.
 */
static bool can_be_swapped(const struct pattern *item, const struct pattern *writes)
{
	bool within = path_within(item->text, writes->text);
	bool above = path_within(writes->text, item->text);

	if (item->read_only)
		return within || above;
	/* The same, or all that is below an item, its users may write at without the grant. */
	return within ? !above : above && !item->below;
}

/* The mount of a rule that a grant makes unsafe for users of both; NULL: there is none. */
static const struct pattern *mount_beside(
	const struct rule *grant, const struct pattern *writes, const struct rules *users)
{
	for (size_t i = 0; users && i < users->count; i++) {
		const struct rule *r = &users->items[i];
		const struct list *list = &r->lists[LIST_MOUNTS];

		if (r->verb == RULE_DENY || list->count == 0 ||
			!have_common_subject(grant, r, bits_words(users->subject_count)))
			continue;
		for (size_t k = 0; k < list->count; k++) {
			if (can_be_swapped(&list->items[k], writes))
				return &list->items[k];
		}
	}
	return NULL;
}

/* Why an item is a way to root for one of the grant's users; NULL: it is not. */
static const char *why_item(const struct rule *grant, enum list_kind k, const struct pattern *p,
	const struct rules *users)
{
	size_t count = users ? users->subject_count : (size_t)SUBJECT_FIRST;

	for (size_t subject = 0; subject < count; subject++) {
		const char *why = bit_of(grant->who, subject) ? escalation_of_item(k, p, subject)
							      : NULL;

		if (why)
			return why;
	}
	if (k == LIST_MOUNTS && !p->read_only && mount_beside(grant, p, users))
		return "they may mount a path above or below it, and a link outlives the grant";
	return NULL;
}

static bool item_gives_root(
	const struct rule *grant, enum list_kind k, const struct rules *users, struct line *l)
{
	char text[200];

	for (size_t i = 0; i < grant->lists[k].count; i++) {
		const struct pattern *p = &grant->lists[k].items[i];
		const char *why = why_item(grant, k, p, users);

		if (!why)
			continue;
		list_item_write(k, p, text, sizeof(text));
		line_add(l, "%s %s: %s", list_name(k), text, why);
		return true;
	}
	return false;
}

bool grant_rule_gives_root(
	const struct rule *grant, const struct rules *users, char *out, size_t cap)
{
	struct powerset direct = powers_direct_to_root();
	struct powerset powers = powerset_both(&grant->powers, &direct);
	struct line l;

	line_init(&l, out, cap);
	/* A route that dsp does not know asks for this power. */
	if (bit_of(grant->operations, OPERATION_COUNT))
		powerset_add(&powers, POWER_UNKNOWN);
	if (!powerset_empty(&powers)) {
		(void)powers_write(&powers, ", ", &l);
		return true;
	}
	for (size_t k = 0; k < LIST_COUNT; k++) {
		if (item_gives_root(grant, (enum list_kind)k, users, &l))
			return true;
	}
	return false;
}
