/* diff_powers and diff_items list exactly what decide() decides differently: random policies. */
#include "world.h"

#include "dsp/core/base/digest.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/power_rules.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/explain/policy_diff.h"

enum { PAIRS = 200, WORDS = 4, NAMES = 4, TOKENS = 2, CLIENTS = 1 + NAMES + TOKENS };

static const char *const operations[] = { "container_*", "container_create", "exec_start", "read",
	"section:images", "image_pull", "*", "volume_*", "container_start", "build_*", "unknown" };
static const char *const powers[] = { "create", "exec", "start", "host_mounts", "privileged", "*",
	"image_pull", "volume_create", "unknown", "publish_ports", "capabilities" };
static const char *const lists[][2] = { { "mounts", "'/srv','/srv/x:ro','/etc/**','/opt'" },
	{ "images", "'docker.io/library/*','*','docker.io/library/a:1','r.x/y:2'" },
	{ "ports", "'80','8000-8100','127.0.0.1:80','[::1]:9'" },
	{ "capabilities", "'CAP_NET_ADMIN','ALL','CAP_NET_*','CAP_KILL'" },
	{ "devices", "'/dev/fuse','/dev/*','gpu:0','a.b/c=d'" },
	{ "runtimes", "'runc','runsc','kata','*'" } };
/* The last ones belong to nobody. */
static const char *const names[NAMES] = { "a", "b", "c", "nobody" };
static const char *const tokens[TOKENS] = { "0123456789abcdef0", "0123456789abcdef1" };

#define ONE_OF(list) ((list)[die(sizeof(list) / sizeof((list)[0]))])

static void add_digest(struct line *l, const char *token)
{
	unsigned char digest[DIGEST_SIZE];

	digest_of(span_of(token), digest);
	line_add(l, "'sha256:");
	for (size_t i = 0; i < DIGEST_SIZE; i++)
		line_add(l, "%02x", digest[i]);
	line_add(l, "'");
}

/* Which of the names and tokens belongs to whom is by chance. */
static void add_users(struct line *l)
{
	size_t from = die(3);

	line_add(l, "'users': {");
	for (size_t i = 0; i < 2; i++)
		line_add(l, "'u%zu': {'common_names': ['%s']}, ", i, names[(from + i) % 3]);
	line_add(l, "'u2': {'tokens': [");
	add_digest(l, tokens[die(TOKENS)]);
	line_add(l, "]}}");
}

static void add_words(struct line *l, const char *key, const char *const *words, size_t count)
{
	line_add(l, ",'%s': [", key);
	for (size_t n = 1 + die(WORDS - 1), i = 0; i < n; i++)
		line_add(l, "%s'%s'", i > 0 ? "," : "", words[die(count)]);
	line_add(l, "]");
}

/* Some of the words of a list. */
static void add_list(struct line *l)
{
	const char *const *list = ONE_OF(lists);
	struct span rest = span_of(list[1]);
	bool first = true;

	line_add(l, ",'%s': [", list[0]);
	while (rest.n > 0) {
		struct span word = span_cut(&rest, ',');

		if (die(2) == 0)
			continue;
		line_add(l, "%s%.*s", first ? "" : ",", (int)word.n, word.s);
		first = false;
	}
	line_add(l, "]");
}

static void make_policy(char *out, size_t cap, bool with_lists)
{
	static const char *const who[] = { "u0", "u1", "u2", "anonymous", "*", "@g" };
	struct line l;

	line_init(&l, out, cap);
	line_add(&l, "{'otherwise': '%s', 'mode': '%s', 'profile': '%s', ",
		die(2) ? "deny" : "profile", die(8) ? "enforce" : "monitor",
		die(2) ? "guard" : "hardened");
	add_users(&l);
	line_add(&l, ", 'groups': {'g': ['u%zu']}, 'rules': [", die(3));
	for (size_t i = 0, n = die(5); i < n; i++) {
		bool deny = die(3) == 0;

		line_add(&l, "%s{'name': 'r%zu'", i > 0 ? "," : "", i);
		add_words(&l, "who", who, sizeof(who) / sizeof(who[0]));
		add_words(&l, deny ? "deny" : "allow", operations,
			sizeof(operations) / sizeof(operations[0]));
		if (!deny || die(2))
			add_words(&l, "powers", powers, sizeof(powers) / sizeof(powers[0]));
		if (with_lists && die(2))
			add_list(&l);
		if (deny && die(4) == 0)
			line_add(&l, ",'mode': 'monitor'");
		line_add(&l, "}");
	}
	line_add(&l, "]}");
	assert_false(l.cut);
}

/* --- brute force -------------------------------------------------------------------------------*/

static struct subject subject_of(const struct policy *policy, size_t client)
{
	struct request rq = { .method = SPAN("GET") };

	if (client > NAMES) {
		rq.has_token = true;
		rq.token = span_of(tokens[client - NAMES - 1]);
	} else if (client > 0) {
		rq.user = span_of(names[client - 1]);
	}
	return subject_identify(policy->file_rules, &rq);
}

enum { ROUTES_MOST = 400 };

/* Whether a route can ask for a power, and what it then asks for; computed once. */
static struct asked {
	bool can;
	struct powerset powers;
} asked[ROUTES_MOST][POWER_COUNT + 1];

/* Whether a row is the first of its operation; the next one of the operation, or 0. */
static bool first[ROUTES_MOST];
static size_t next[ROUTES_MOST];

static void compute_asked(void)
{
	size_t count;
	const struct route *rows = route_rows(&count);

	assert_true(count <= ROUTES_MOST);
	for (size_t i = 0; i < count; i++) {
		first[i] = true;
		next[i] = 0;
		for (size_t other = 0; other < count; other++) {
			if (other == i || rows[other].operation != rows[i].operation)
				continue;
			first[i] = first[i] && other > i;
			if (other > i && next[i] == 0)
				next[i] = other;
		}
		for (size_t p = 0; p < POWER_COUNT; p++)
			asked[i][p].can = escalation_can_ask(
				&rows[i], (enum power)p, &asked[i][p].powers);
		asked[i][POWER_COUNT] = (struct asked){ true, route_powers(&rows[i]) };
	}
}

/* The request for an item, which asks for its list's power too; false: the route has none such. */
static bool with_item(
	const struct route *route, enum power p, struct attribute *item, struct facts *facts)
{
	struct powerset possible = escalation_possible_powers(route);

	if (p != POWER_COUNT && !powerset_has(&possible, p))
		return false;
	if (p != POWER_COUNT)
		powerset_add(&facts->powers, p);
	item->whole = power_rules_mean_any(route, item->kind);
	facts->attributes = (struct attributes){ .items = item, .count = 1 };
	return true;
}

/* What a policy makes of a request by this route; -1: none can ask for that. */
static int state_by(const struct policy *policy, const struct subject *subject, size_t row,
	enum power p, struct attribute *item)
{
	size_t count;
	const struct route *rows = route_rows(&count);
	const struct route *route = row < count ? &rows[row] : NULL;
	struct facts facts = { .route = route, .plain_name = true, .reading = READING_EXACT };
	struct decision d;
	enum diff_state state;

	if (!route && p != POWER_COUNT && p != POWER_UNKNOWN)
		return -1;
	if (route && !asked[row][item ? POWER_COUNT : p].can)
		return -1;
	if (route)
		facts.powers = asked[row][item ? POWER_COUNT : p].powers;
	else
		powerset_add(&facts.powers, POWER_UNKNOWN);
	if (item && !with_item(route, p, item, &facts))
		return -1;
	d = decide(policy, subject, &facts, NULL);
	state = diff_state(&d);
	return (int)(unsigned)state;
}

/* The same of the best route of an operation, of which row is the first. */
static int state_of(const struct policy *policy, const struct subject *subject, size_t row,
	enum power p, struct attribute *item)
{
	size_t count;
	int best = state_by(policy, subject, row, p, item);

	(void)route_rows(&count);
	for (size_t i = row < count ? next[row] : 0; i > 0; i = next[i]) {
		int other = state_by(policy, subject, i, p, item);

		if ((other > DIFF_DENY && best <= DIFF_DENY) || best < 0)
			best = other;
	}
	return best;
}

/* --- what was listed ---------------------------------------------------------------------------*/

enum { LISTED_MOST = 20000 };

static struct {
	bool powers[ROUTES_MOST + 1][POWER_COUNT + 1];
	size_t count;
	struct {
		const struct route *route;
		enum list_kind list;
		const struct pattern *item;
	} items[LISTED_MOST];
} listed;

static size_t row_of(const struct route *route)
{
	size_t count;
	const struct route *rows = route_rows(&count);

	return route ? (size_t)(route - rows) : count;
}

static void list_change(void *context, const struct diff_change *c)
{
	(void)context;
	assert_int_not_equal(diff_state(c->old), diff_state(c->new));
	assert_true(listed.count < LISTED_MOST);
	listed.items[listed.count].route = c->route;
	listed.items[listed.count].list = c->list;
	listed.items[listed.count++].item = c->item;
	if (!c->item)
		listed.powers[row_of(c->route)][c->power] = true;
}

static bool same(const struct pattern *a, const struct pattern *b)
{
	return span_equal(a->text, b->text) && a->read_only == b->read_only &&
		a->below == b->below && a->first == b->first && a->last == b->last;
}

static bool is_item_listed(const struct route *route, enum list_kind k, const struct pattern *item)
{
	for (size_t i = 0; i < listed.count; i++) {
		if (listed.items[i].route == route && listed.items[i].list == k &&
			same(listed.items[i].item, item))
			return true;
	}
	return false;
}

/* The client of the diff that these subjects are. */
static const struct diff_client *client_of(const struct diff_client *all, size_t count,
	const struct subject *old, const struct subject *new)
{
	for (size_t i = 0; i < count; i++) {
		if (all[i].old.id == old->id && all[i].old.doubt == old->doubt &&
			all[i].new.id == new->id &&all[i].new.doubt == new->doubt)
			return &all[i];
	}
	fail_msg("a client is missing");
	return NULL;
}

static size_t check_powers(
	const struct policy_pair *pair, const struct subject *old, const struct subject *new)
{
	size_t changed = 0;
	size_t count;

	(void)route_rows(&count);
	for (size_t i = 0; i <= count; i++) {
		for (size_t p = 0; p <= POWER_COUNT && (i == count || first[i]); p++) {
			int before = state_of(pair->old, old, i, (enum power)p, NULL);
			int after = state_of(pair->new, new, i, (enum power)p, NULL);

			if ((before != after) != listed.powers[i][p])
				fail_msg("row %zu, power %zu: %d, %d", i, p, before, after);
			changed += before != after;
		}
	}
	return changed;
}

/* The thing that an item stands for. */
struct thing {
	struct attribute d;
	struct mount_info mount;
	char port[80];
};

static void make_thing(enum list_kind k, const struct pattern *item, struct thing *ret)
{
	struct line l;

	*ret = (struct thing){ .mount = { .visible = true } };
	ret->d = (struct attribute){ .power = list_power(k),
		.kind = list_attribute(k),
		.text = item->text,
		.clean = item->text,
		.read_only = item->read_only };
	if (k == LIST_MOUNTS) {
		text_copy(item->text, ret->mount.path, sizeof(ret->mount.path));
		ret->d.mount_info = &ret->mount;
	}
	if (k == LIST_PORTS) {
		line_init(&l, ret->port, sizeof(ret->port));
		line_add(&l, "%.*s%s%u:%u/tcp", (int)item->text.n, item->text.s,
			item->text.n ? ":" : "", item->first, item->first);
		ret->d.text = span_of(ret->port);
	}
}

/* An item is listed once, by one of the patterns that are the same. */
static size_t check_item(const struct policy_pair *pair, const struct subject *old,
	const struct subject *new, enum list_kind k, const struct pattern *item)
{
	size_t changed = 0;
	size_t count;
	const struct route *rows = route_rows(&count);
	struct thing thing;

	make_thing(k, item, &thing);
	for (size_t r = 0; r < count; r++) {
		int before;
		int after;

		if (!first[r] || !power_rules_have_kind(&rows[r], list_attribute(k)))
			continue;
		before = state_of(pair->old, old, r, list_power(k), &thing.d);
		after = state_of(pair->new, new, r, list_power(k), &thing.d);
		if ((before != after) != is_item_listed(&rows[r], k, item))
			fail_msg("%s, %.*s: %d, %d", rows[r].name, (int)item->text.n, item->text.s,
				before, after);
		changed += before != after;
	}
	return changed;
}

/* Each item that stands in a list of either policy. */
static size_t check_items(
	const struct policy_pair *pair, const struct subject *old, const struct subject *new)
{
	const struct rules *both[] = { pair->old->file_rules, pair->new->file_rules };
	size_t changed = 0;

	for (size_t i = 0; i < 2; i++) {
		for (size_t r = 0; r < both[i]->count * LIST_COUNT; r++) {
			enum list_kind k = (enum list_kind)(r % LIST_COUNT);
			const struct list *list = &both[i]->items[r / LIST_COUNT].lists[k];

			for (size_t n = 0; n < list->count; n++)
				changed += check_item(pair, old, new, k, &list->items[n]);
		}
	}
	return changed;
}

/* --- the pairs ---------------------------------------------------------------------------------*/

static size_t check_pair(bool with_lists)
{
	static struct world old;
	static struct world new;
	struct policy_pair pair = { &old.policy, &new.policy };
	struct diff_client *clients;
	size_t changed = 0;
	size_t count;
	static char text[8000];
	bool done[3 * CLIENTS] = { false };

	make_policy(text, sizeof(text), with_lists);
	world_open(&old, "", text);
	if (die(4) > 0)
		make_policy(text, sizeof(text), with_lists);
	world_open(&new, die(3) ? "" : "ALLOW_EXEC=1", text);
	old.policy.monitor = old.file.mode == MODE_MONITOR;
	new.policy.monitor = new.file.mode == MODE_MONITOR;
	count = diff_clients(&pair, &clients);
	assert_true(count <= sizeof(done));
	for (size_t i = 0; i < CLIENTS; i++) {
		struct subject before = subject_of(pair.old, i);
		struct subject after = subject_of(pair.new, i);
		const struct diff_client *client = client_of(clients, count, &before, &after);

		/* Another name or token of the same subjects. */
		if (done[client - clients])
			continue;
		done[client - clients] = true;
		memset(&listed, 0, sizeof(listed));
		if (with_lists) {
			assert_int_equal(diff_items(&pair, client, 1, list_change, NULL), 0);
			changed += check_items(&pair, &before, &after);
		} else {
			diff_powers(&pair, client, list_change, NULL);
			changed += check_powers(&pair, &before, &after);
		}
	}
	mem_free(clients);
	world_close(&old);
	world_close(&new);
	return changed;
}

static void agrees_over_powers(void **state)
{
	size_t changed = 0;

	(void)state;
	for (size_t i = 0; i < PAIRS; i++)
		changed += check_pair(false);
	assert_true(changed > 10000);
}

static void agrees_over_items(void **state)
{
	size_t changed = 0;

	(void)state;
	for (size_t i = 0; i < PAIRS; i++)
		changed += check_pair(true);
	assert_true(changed > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(agrees_over_powers),
		cmocka_unit_test(agrees_over_items) };

	compute_asked();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
