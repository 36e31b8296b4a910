#include "dsp/explain/policy_diff.h"

#include <stdint.h>
#include <stdlib.h>

#include "access_answers.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/power_rules.h"
#include "dsp/core/policy/escalation.h"

/* --- the clients -------------------------------------------------------------------------------*/

static bool is_same(const struct subject *a, const struct subject *b)
{
	return a->id == b->id && a->doubt == b->doubt;
}

static void add_client(
	struct diff_client *all, size_t *count, struct subject old, struct subject new)
{
	for (size_t i = 0; i < *count; i++) {
		if (is_same(&all[i].old, &old) && is_same(&all[i].new, &new))
			return;
	}
	all[(*count)++] = (struct diff_client){ old, new };
}

/* The holder of a certificate that has this name alone. */
static struct subject by_certificate(
	const struct policy *policy, const struct certificate_name *name)
{
	const struct rules *rules = policy->file_rules;
	size_t id = rules ? rules_find_name(rules, name) : SIZE_MAX;

	if (id != SIZE_MAX)
		return subject_at(rules, id);
	return (struct subject){ .id = SUBJECT_UNKNOWN_CERTIFICATE,
		.name = name->text,
		.is_unknown_certificate = true };
}

/* digest: NULL: of a token that no user has. */
static struct subject by_token(
	const struct policy *policy, const unsigned char *digest, const struct peer *peer)
{
	const struct rules *rules = policy->file_rules;
	size_t id = rules && digest ? rules_find_token(rules, digest, peer) : TOKEN_UNKNOWN;
	struct subject s = subject_at(rules, id < TOKEN_SEVERAL ? id : SUBJECT_ANONYMOUS);

	/* Without a policy file there are no tokens, and dsp reads none. */
	if (rules && id >= TOKEN_SEVERAL)
		s.doubt = SUBJECT_UNKNOWN_TOKEN;
	return s;
}

/* With the uids and gids that tell users of one token apart, and as a client without a gate. */
static void add_token_clients(const struct policy_pair *pair, const struct rules *of,
	const struct token *t, struct diff_client *all, size_t *count)
{
	const struct user_ids *a = &of->user_ids[t->subject];
	struct peer peer = { .known = false };

	for (size_t i = 0; i <= a->uid_count + a->gid_count; i++) {
		add_client(all, count, by_token(pair->old, t->digest, &peer),
			by_token(pair->new, t->digest, &peer));
		/* The next one; UINT32_MAX is no process's. */
		peer = (struct peer){ .known = true, .uid = UINT32_MAX, .gid = UINT32_MAX };
		if (i < a->uid_count)
			peer.uid = a->uids[i];
		else if (i < a->uid_count + a->gid_count)
			peer.gid = a->gids[i - a->uid_count];
	}
}

static void add_clients_of(const struct policy_pair *pair, const struct rules *of,
	struct diff_client *all, size_t *count)
{
	for (size_t i = 0; of && i < of->name_count; i++)
		add_client(all, count, by_certificate(pair->old, &of->names[i].name),
			by_certificate(pair->new, &of->names[i].name));
	for (size_t i = 0; of && i < of->token_count; i++)
		add_token_clients(pair, of, &of->tokens[i], all, count);
}

static size_t count_names(const struct rules *rules)
{
	size_t count = rules ? rules->name_count : 0;

	for (size_t i = 0; rules && i < rules->token_count; i++) {
		const struct user_ids *a = &rules->user_ids[rules->tokens[i].subject];

		count += 1 + a->uid_count + a->gid_count;
	}
	return count;
}

/* In the order of the users in the files. */
static int compare_clients(const void *left, const void *right)
{
	const struct diff_client *a = left;
	const struct diff_client *b = right;

	if (a->old.id != b->old.id)
		return a->old.id < b->old.id ? -1 : 1;
	if (a->new.id != b->new.id)
		return a->new.id < b->new.id ? -1 : 1;
	return 0;
}

size_t diff_clients(const struct policy_pair *pair, struct diff_client **ret)
{
	const struct peer nobody = { .known = false };
	const struct rules *old = pair->old->file_rules;
	const struct rules *new = pair->new->file_rules;
	struct subject unknown = { .id = SUBJECT_UNKNOWN_CERTIFICATE,
		.name = SPAN("unknown certificate"),
		.is_unknown_certificate = true };
	size_t count = 0;

	*ret = mem_array(count_names(old) + count_names(new) + 3, sizeof(**ret));
	if (!*ret)
		return SIZE_MAX;
	add_client(*ret, &count, subject_at(old, SUBJECT_ANONYMOUS),
		subject_at(new, SUBJECT_ANONYMOUS));
	add_clients_of(pair, old, *ret, &count);
	add_clients_of(pair, new, *ret, &count);
	add_client(*ret, &count, unknown, unknown);
	add_client(*ret, &count, by_token(pair->old, NULL, &nobody),
		by_token(pair->new, NULL, &nobody));
	qsort(*ret, count, sizeof(**ret), compare_clients);
	return count;
}

static void write_subject(const struct subject *s, char *out, size_t cap)
{
	if (s->doubt == SUBJECT_UNKNOWN_TOKEN)
		text_copy(SPAN("unknown token"), out, cap);
	else if (s->is_unknown_certificate)
		text_copy(SPAN("unknown certificate"), out, cap);
	else
		subject_write(s, out, cap);
}

void diff_client_write(const struct diff_client *c, char *out, size_t cap)
{
	bool known = !c->old.is_unknown_certificate && c->old.doubt == SUBJECT_SURE &&
		c->old.id != SUBJECT_ANONYMOUS;
	char old[128];
	char new[128];
	struct line l;

	write_subject(&c->old, old, sizeof(old));
	write_subject(&c->new, new, sizeof(new));
	line_init(&l, out, cap);
	if (strcmp(old, new) == 0)
		line_add(&l, "%s", old);
	else if (known)
		line_add(&l, "%s (now: %s)", old, new);
	else
		line_add(&l, "%s (before: %s)", new, old);
}

/* --- the decisions -----------------------------------------------------------------------------*/

enum diff_state diff_state(const struct decision *d)
{
	if (d->verdict == VERDICT_ASK)
		return DIFF_ASK;
	if (d->verdict != VERDICT_ALLOW)
		return DIFF_DENY;
	return d->monitored ? DIFF_WOULD : DIFF_ALLOW;
}

const char *diff_state_name(enum diff_state state)
{
	static const char *const names[] = { "deny", "ask", "would", "allow" };

	return names[state];
}

static void compare(const struct policy_pair *pair, const struct access_query *query,
	struct diff_change *change, diff_visit *visit, void *context)
{
	struct access_answer old;
	struct access_answer new;

	/* Whether a request can ask for that is the route's, and the same for both. */
	if (!access_best(pair->old, &change->client->old, change->route, query, &old) ||
		!access_best(pair->new, &change->client->new, change->route, query, &new) ||
		diff_state(&old.decision) == diff_state(&new.decision))
		return;
	change->old = &old.decision;
	change->new = &new.decision;
	visit(context, change);
}

/* The next first row of an operation; NULL: no more. done: one for each operation. */
static const struct route *next_operation(size_t *at, bool *done)
{
	size_t count;
	const struct route *rows = route_rows(&count);

	for (; *at < count; (*at)++) {
		if (done[rows[*at].operation])
			continue;
		done[rows[*at].operation] = true;
		return &rows[(*at)++];
	}
	return NULL;
}

void diff_powers(const struct policy_pair *pair, const struct diff_client *client,
	diff_visit *visit, void *context)
{
	struct diff_change change = { .client = client };
	bool done[OPERATION_COUNT] = { false };
	size_t at = 0;

	do {
		change.route = next_operation(&at, done);
		for (size_t p = 0; p <= POWER_COUNT; p++) {
			/* First the operation by itself. */
			const struct access_query query = {
				.power = p == 0 ? POWER_COUNT : (enum power)(p - 1), .quiet = true
			};

			change.power = query.power;
			compare(pair, &query, &change, visit, context);
		}
	} while (change.route);
}

/* --- the items ---------------------------------------------------------------------------------*/

/* A request for the thing that an item stands for. */
struct item_facts {
	struct facts facts;
	struct attribute item;
	struct mount_info mount;
	char port[96];
};

static void make_facts(enum list_kind k, const struct pattern *p, struct item_facts *ret)
{
	struct line l;

	*ret = (struct item_facts){ .facts = { .reading = READING_EXACT } };
	ret->item = (struct attribute){ .power = list_power(k),
		.kind = list_attribute(k),
		.text = p->text,
		.clean = p->text,
		.read_only = p->read_only };
	if (k == LIST_PORTS) {
		line_init(&l, ret->port, sizeof(ret->port));
		if (p->text.n > 0)
			line_add(&l, "%.*s:", (int)p->text.n, p->text.s);
		line_add(&l, "%u:%u/tcp", p->first, p->first);
		ret->item.text = (struct span){ ret->port, l.n };
	}
	if (k == LIST_MOUNTS) {
		ret->mount.visible = true;
		text_copy(p->text, ret->mount.path, sizeof(ret->mount.path));
		ret->item.mount_info = &ret->mount;
	}
	if (list_power(k) != POWER_COUNT)
		powerset_add(&ret->facts.powers, list_power(k));
	ret->facts.attributes = (struct attributes){ .items = &ret->item, .count = 1 };
}

/* An item of a list, once. */
struct listed_item {
	enum list_kind list;
	const struct pattern *item;
};

static int compare_texts(struct span a, struct span b)
{
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return a.n > 0 ? memcmp(a.s, b.s, a.n) : 0;
}

static int compare_numbers(size_t a, size_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_listed(const void *left, const void *right)
{
	const struct listed_item *a = left;
	const struct listed_item *b = right;
	int rc = compare_numbers(a->list, b->list);

	if (rc == 0)
		rc = compare_texts(a->item->text, b->item->text);
	if (rc == 0)
		rc = compare_numbers(a->item->read_only, b->item->read_only);
	if (rc == 0)
		rc = compare_numbers(a->item->below, b->item->below);
	if (rc == 0)
		rc = compare_numbers(a->item->first, b->item->first);
	return rc != 0 ? rc : compare_numbers(a->item->last, b->item->last);
}

/* Adds all items but words such as own to ret, or only counts them; returns how many. */
static size_t add_items(const struct rules *rules, struct listed_item *ret)
{
	size_t count = 0;

	for (size_t i = 0; rules && i < rules->count * LIST_COUNT; i++) {
		enum list_kind k = (enum list_kind)(i % LIST_COUNT);
		const struct list *list = &rules->items[i / LIST_COUNT].lists[k];

		for (size_t n = 0; n < list->count; n++) {
			if (list->items[n].object)
				continue;
			if (ret)
				ret[count] = (struct listed_item){ k, &list->items[n] };
			count++;
		}
	}
	return count;
}

static void compare_item(const struct policy_pair *pair, struct diff_change *change,
	diff_visit *visit, void *context)
{
	bool done[OPERATION_COUNT] = { false };
	struct item_facts request;
	const struct access_query query = {
		.power = POWER_COUNT, .with = &request.facts, .quiet = true
	};
	size_t at = 0;

	make_facts(change->list, change->item, &request);
	while ((change->route = next_operation(&at, done))) {
		if (power_rules_have_kind(change->route, list_attribute(change->list)))
			compare(pair, &query, change, visit, context);
	}
}

int diff_items(const struct policy_pair *pair, const struct diff_client *clients, size_t count,
	diff_visit *visit, void *context)
{
	const struct rules *old = pair->old->file_rules;
	const struct rules *new = pair->new->file_rules;
	size_t items = add_items(old, NULL) + add_items(new, NULL);
	AUTO_MEM struct listed_item *all = mem_array(items + 1, sizeof(*all));
	struct diff_change change = { .power = POWER_COUNT };

	if (!all)
		return -1;
	(void)add_items(new, all + add_items(old, all));
	qsort(all, items, sizeof(*all), compare_listed);
	for (size_t i = 0; i < items; i++) {
		if (i > 0 && compare_listed(&all[i - 1], &all[i]) == 0)
			continue;
		change.list = all[i].list;
		change.item = all[i].item;
		for (change.client = clients; change.client < clients + count; change.client++)
			compare_item(pair, &change, visit, context);
	}
	return 0;
}

/* --- why ---------------------------------------------------------------------------------------*/

static void write_denial(const struct policy *policy, const struct decision *d, struct line *l)
{
	if (d->by == DECIDED_BY_BROKEN)
		line_add(l, "the settings are broken: %s", policy->broken);
	else if (d->by == DECIDED_BY_DEFAULT)
		line_add(l, "no rule allows it");
	else if (d->by == DECIDED_BY_IDENTITY)
		line_add(l, "dsp does not know the token");
	else if (d->by == DECIDED_BY_POWER && d->flag < FLAG_COUNT)
		line_add(l, "%s is closed", flag_at(d->flag)->name);
	else if (d->flag < FLAG_COUNT)
		line_add(l, "%s is 0", flag_at(d->flag)->name);
	else
		line_add(l, "profile %s denies it", profile_info(policy->profile)->name);
}

void diff_why(
	const struct policy *policy, enum power p, const struct decision *d, char *out, size_t cap)
{
	enum diff_state state = diff_state(d);
	char name[96];
	struct line l;

	line_init(&l, out, cap);
	if (state == DIFF_WOULD)
		line_add(&l, "only monitor mode allows it: ");
	if (d->rule) {
		text_escape(d->rule->name, name, sizeof(name));
		line_add(&l,
			d->rule->verb == RULE_ASK     ? "rule \"%s\" asks root first"
				: state == DIFF_ALLOW ? "rule \"%s\" allows it"
						      : "rule \"%s\" denies it",
			name);
	} else if (state != DIFF_ALLOW) {
		write_denial(policy, d, &l);
	} else if (d->flag < FLAG_COUNT) {
		line_add(&l, "%s is %s", flag_at(d->flag)->name,
			policy->flags[d->flag] == SETTING_ON ? "1" : "not 0");
	} else if (p != POWER_COUNT) {
		escalation_reason(policy, p, d, out, cap);
	} else {
		line_add(&l, "profile %s leaves it open", profile_info(policy->profile)->name);
	}
}
