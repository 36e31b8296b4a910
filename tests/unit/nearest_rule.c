/* The nearest rule of a denial: which it is, what it lacks, and that a search has an end. */
#include <time.h>

#include "questions.h"

#include "dsp/core/base/text.h"
#include "dsp/core/policy/nearest_rule.h"

#define USERS "'users': {'anna': {'common_names': ['anna']}, 'bob': {'common_names': ['bob']}},"
#define BIND(path) "'Binds': ['" path ":/t']"

static const char rules[] =
	"{" USERS "'rules': ["
	"{'name': 'bob', 'who': ['bob'], 'allow': ['*'], 'powers': ['*']},"
	"{'name': 'no pause', 'who': ['anna'], 'deny': ['container_pause']},"
	"{'name': 'records', 'who': ['anna'], 'ask': ['container_create'], 'powers': ['*'],"
	" 'mode': 'monitor'},"
	"{'name': 'far', 'who': ['anna'], 'allow': ['container_create'], 'powers': ['logs'],"
	" 'images': []},"
	"{'name': 'near', 'who': ['anna'], 'allow': ['container_create'], 'powers': ['create'],"
	" 'images': ['docker.io/library/*'], 'mounts': ['/srv']},"
	"{'name': 'as near', 'who': ['anna'], 'allow': ['container_create'], 'powers': ['create'],"
	" 'images': ['docker.io/library/*'], 'mounts': ['/srv']}],"
	"'otherwise': ";

static const struct row {
	const char *otherwise, *flags, *user, *target, *body;
	const char *rule;  /* NULL: none is near */
	const char *lacks; /* with commas */
} table[] = {
	{ "deny", "", "anna", "/containers/create", "{'Image': 'r.corp/a:1'}", "near",
		"image r.corp/a:1" },
	{ "deny", "", "anna", "/containers/create",
		"{'Image': 'nginx', 'HostConfig': {'Privileged': true, " BIND("/etc") "}}", "near",
		"power privileged, mount /etc -> /t (rw)" },
	{ "deny", "", "anna", "/containers/create",
		"{'Image': 'nginx', 'HostConfig': {'PidMode': 'host'}}", "near", "power host_pid" },
	/* Of a rule without a list, the items of the power that the list would cover. */
	{ "deny", "", "anna", "/containers/create",
		"{'Image': 'nginx', 'HostConfig': {'CapAdd': ['SYS_ADMIN', 'NET_ADMIN']}}", "near",
		"capability CAP_SYS_ADMIN, capability CAP_NET_ADMIN" },
	/* Flags and profile decide: a rule could allow it all the same. */
	{ "profile", "DSP_PROFILE=hardened", "anna", "/containers/create",
		"{'Image': 'nginx', 'HostConfig': {" BIND("/etc") "}}", "near",
		"mount /etc -> /t (rw)" },
	{ "profile", "POST=0", "anna", "/containers/create", "{'Image': 'r.corp/a:1'}", "near",
		"image r.corp/a:1" },
	/* No rule for this user and this operation. */
	{ "deny", "", "anna", "/containers/a/stop", NULL, NULL, "" },
	{ "deny", "", NULL, "/containers/create", "{'Image': 'nginx'}", NULL, "" },
	/* No allow rule could change these. */
	{ "deny", "", "anna", "/containers/a/pause", NULL, NULL, "" },
	{ "deny", "", "anna", "/containers/create", "{'Image': 1", NULL, "" },
	{ "deny", "", "bob", "/containers/create", "{'Image': 'nginx'}", NULL, "" },
	{ "profile", "", "anna", "/containers/create", "{'Image': 'r.corp/a:1'}", NULL, "" },
};

static void each(void **state)
{
	static struct world w;
	static struct answer a;

	(void)state;
	for (const struct row *r = table; r < table + sizeof(table) / sizeof(table[0]); r++) {
		const struct question q = { "POST", r->target, r->body, r->user, NULL };
		char file[2000];
		char lacks[500];
		char text[LACK_MOST];
		struct line l;

		line_init(&l, file, sizeof(file));
		line_add(&l, "%s'%s'}", rules, r->otherwise);
		world_open(&w, r->flags, file);
		world_ask(&w, &q, &a);
		line_init(&l, lacks, sizeof(lacks));
		for (size_t i = 0; i < a.near.count; i++) {
			lack_write(&a.near.lacks[i], text);
			line_add(&l, "%s%s", i > 0 ? ", " : "", text);
		}
		if (r->rule) {
			assert_non_null(a.near.rule);
			assert_true(span_equal(a.near.rule->name, span_of(r->rule)));
		} else {
			assert_null(a.near.rule);
		}
		assert_string_equal(lacks, r->lacks);
		answer_free(&a);
		world_close(&w);
	}
}

/* A source at which nothing is, is no reason to open Docker's socket. */
static void missing_source(void **state)
{
	static const struct {
		struct mount_info info;
		const char *source;
		const char *message;
	} rows[] = {
		{ { .path = "/srv/new" }, "/srv/new",
			"docker_socket is closed (container_create: /srv/new -> /t (rw), not seen): "
			"ALLOW_DOCKER_SOCKET is not set; nothing is at that mount source: sudo mkdir -p "
			"/srv/new opens it" },
		{ { .path = "/srv/$(x)" }, "/srv/$(x)",
			"docker_socket is closed (container_create: \"/srv/$(x)\" -> /t (rw), not seen): "
			"ALLOW_DOCKER_SOCKET is not set; nothing is at that mount source: making that "
			"directory opens it" },
		{ { .path = "/srv/new", .unknown = true }, "/srv/new",
			"docker_socket, devices, dsp_files are closed (container_create: /srv/new -> /t "
			"(rw), not seen): profile hardened; ALLOW_DOCKER_SOCKET=1 ALLOW_DEVICES=1 "
			"ALLOW_DSP_FILES=1 open it" },
	};
	static struct world w;
	static struct answer a;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct question q = { "POST", "/containers/create", NULL, NULL, NULL };
		char body[200];
		struct line l;

		line_init(&l, body, sizeof(body));
		line_add(&l, "{'HostConfig': {'Binds': ['%s:/t']}}", rows[i].source);
		q.body = body;
		world_open(&w, "DSP_PROFILE=hardened\nALLOW_HOST_MOUNTS=1", NULL);
		world_read(&w, &q, &a);
		a.facts.attributes.items[1].mount_info = &rows[i].info;
		assert_int_equal(facts_add_mount_powers(&a.facts, SPAN("/run/dsp"), &e), 0);
		a.decision = decide(&w.policy, &a.subject, &a.facts, NULL);
		nearest_rule_find(&w.policy, &a.subject, &a.facts, &a.decision, &a.near);
		message_write(
			&(struct message){ &w.policy, &a.subject, &a.facts, &a.decision, &a.near },
			a.message);
		assert_string_equal(a.message, rows[i].message);
		answer_free(&a);
		world_close(&w);
	}
}

/* However many rules and things there are, the work is bounded. */
static void many(void **state)
{
	enum { RULES = 10000, MOUNTS = 5000 };
	static struct world w;
	static struct answer a;
	struct question q = { "POST", "/containers/create", NULL, "anna", NULL };
	size_t room = (size_t)RULES * 160;
	char *file = malloc(room);
	char *body = malloc((size_t)MOUNTS * 20);
	struct line l;
	clock_t before;

	(void)state;
	assert_non_null(file);
	assert_non_null(body);
	line_init(&l, file, room);
	line_add(&l, "{" USERS "'otherwise': 'deny', 'rules': [");
	for (int i = 0; i < RULES; i++)
		line_add(&l,
			"%s{'name': 'r%d', 'who': ['anna'], 'allow': ['container_create'],"
			"'powers': ['create', 'host_mounts'], 'images': ['x.org/%d/*']}",
			i > 0 ? "," : "", i, i);
	line_add(&l, "]}");
	assert_false(l.cut);
	line_init(&l, body, (size_t)MOUNTS * 20);
	line_add(&l, "{'Image': 'nginx', 'HostConfig': {'Binds': [");
	for (int i = 0; i < MOUNTS; i++)
		line_add(&l, "%s'/m%d:/m%d'", i > 0 ? "," : "", i, i);
	line_add(&l, "]}}");
	assert_false(l.cut);
	q.body = body;
	world_open(&w, "", file);
	world_ask(&w, &q, &a);
	assert_int_equal(a.decision.by, DECIDED_BY_DEFAULT);
	assert_non_null(a.near.rule);
	assert_true(span_equal(a.near.rule->name, SPAN("r0")));
	assert_int_equal(a.near.count, 1);
	before = clock();
	nearest_rule_find(&w.policy, &a.subject, &a.facts, &a.decision, &a.near);
	assert_true(clock() - before < CLOCKS_PER_SEC / 4);
	answer_free(&a);
	world_close(&w);
	free(file);
	free(body);
}

static void add_words(struct line *l, const char *key, const char *const *words, size_t count)
{
	size_t n = die(4);

	if (die(3) == 0)
		return;
	line_add(l, ", '%s': [", key);
	for (size_t i = 0; i < n; i++)
		line_add(l, "%s'%s'", i > 0 ? ", " : "", words[die(count)]);
	line_add(l, "]");
}

static void write_random(struct line *l)
{
	static const char *const mounts[] = { "/a", "/b", "/c:ro", "/d" };
	static const char *const images[] = { "x.org/*", "docker.io/library/*", "*" };
	static const char *const capabilities[] = { "CAP_SYS_ADMIN", "CAP_NET_ADMIN", "ALL" };
	static const char *const networks[] = { "bridge", "n", "m*" };
	size_t count = 1 + die(20);

	line_add(l, "{" USERS "'otherwise': 'deny', 'rules': [");
	for (size_t i = 0; i < count; i++) {
		line_add(l,
			"%s{'name': 'r%zu', 'who': ['anna'], 'allow': ['container_create'],"
			"'powers': ['logs'%s%s]",
			i > 0 ? "," : "", i, die(2) ? ", 'create'" : "",
			die(3) ? "" : ", 'host_mounts', 'privileged'");
		add_words(l, "mounts", mounts, 4);
		add_words(l, "images", images, 3);
		add_words(l, "capabilities", capabilities, 3);
		add_words(l, "networks", networks, 3);
		line_add(l, "%s}", die(4) ? "" : ", 'require': {'read_only': true}");
	}
	line_add(l, "]}");
}

/* Of all rules, the first of those that by themselves lack the fewest things. */
static void compare_each(struct world *w, struct answer *a)
{
	struct rules *all = w->file.rules;
	const struct rules kept = *all;
	const struct rule *nearest = NULL;
	struct nearest_rule n;
	size_t lacks = 0;

	all->index = NULL;
	all->count = 1;
	for (size_t i = 0; i < kept.count; i++) {
		all->items = &kept.items[i];
		nearest_rule_find(&w->policy, &a->subject, &a->facts, &a->decision, &n);
		assert_ptr_equal(n.rule, &kept.items[i]);
		if (nearest && n.count + n.more >= lacks)
			continue;
		nearest = n.rule;
		lacks = n.count + n.more;
	}
	*all = kept;
	assert_ptr_equal(a->near.rule, nearest);
	assert_int_equal(a->near.count + a->near.more, lacks);
}

static void fewest(void **state)
{
	enum { ROUNDS = 1000 };
	static const char *const bodies[] = {
		"{'Image': 'nginx', 'HostConfig': {'Binds': ['/a:/x', '/b:/y:ro', '/e:/z'], "
		"'CapAdd': ['SYS_ADMIN', 'NET_ADMIN'], 'NetworkMode': 'n'}}",
		"{'Image': 'x.org/a:1', 'HostConfig': {'Privileged': true, 'Binds': ['/d:/x']}}",
		"{'HostConfig': {'PidMode': 'host', 'CapAdd': ['ALL'], 'Binds': ['/a:/a', '/b:/b', "
		"'/c:/c', '/d:/d', '/e:/e', '/f:/f', '/g:/g', '/h:/h', '/i:/i']}}",
	};
	static char file[20000];
	size_t denied = 0;

	(void)state;
	for (size_t i = 0; i < ROUNDS; i++) {
		struct question q = { "POST", "/containers/create", bodies[die(3)], "anna", NULL };
		static struct world w;
		static struct answer a;
		struct line l;

		line_init(&l, file, sizeof(file));
		write_random(&l);
		assert_false(l.cut);
		world_open(&w, "", file);
		world_ask(&w, &q, &a);
		if (a.decision.by == DECIDED_BY_DEFAULT) {
			compare_each(&w, &a);
			denied++;
		}
		answer_free(&a);
		world_close(&w);
	}
	assert_true(denied > ROUNDS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fewest),
		cmocka_unit_test(each),
		cmocka_unit_test(missing_source),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
