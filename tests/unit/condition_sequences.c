/*
 * No sequence of allowed calls widens what "require" bounds: random creates, updates, starts of the
 * old form, service creates, updates and rollbacks. What dsp allows is done to a model of two
 * dockerds, whose limits must be within the bounds afterwards.
 */
#include <stdio.h>

#include "questions.h"

enum { SEQUENCES = 6000, STEPS = 6, OLD = 0, NEW = 1, DOCKERDS = 2 };
enum field { MEMORY, SWAP, NANO, QUOTA, PERIOD, PIDS, SHARES, RETRIES, FIELDS };

static const int64_t bounds[FIELDS] = { 64 << 20, 96 << 20, 1000000000, 100000, 100000, 100, 512,
	3 };
static const char *const names[FIELDS] = { "Memory", "MemorySwap", "NanoCpus", "CpuQuota",
	"CpuPeriod", "PidsLimit", "CpuShares", "MaximumRetryCount" };
static const char *const policies[] = { NULL, "no", "on-failure", "always", "" };

static const char *const requires[] = { "'memory': '64m'", "'memory': '64m', 'swap': '96m'",
	"'memory': '64m', 'swap': 'none'", "'cpus': 1", "'pids': 100", "'cpu_shares': 512",
	"'restart': ['no', 'on-failure:3']" };
enum { KEYS = sizeof(requires) / sizeof(requires[0]) };

/* What a body says. */
struct values {
	bool given[FIELDS];
	int64_t v[FIELDS];
	const char *restart; /* NULL: not given */
};

/* What a container or a service has; 0: no limit. */
struct box {
	int64_t v[FIELDS];
	const char *restart;
};

static uint64_t state = 20261129;

/* Below n, at random (xorshift64*). */
static size_t any(size_t n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (size_t)((state * 0x2545f4914f6cdd1dULL) >> 33) % n;
}

/* --- bodies ------------------------------------------------------------------------------------*/

static int64_t any_value(enum field f)
{
	const int64_t values[] = { bounds[f], bounds[f], bounds[f] / 2, bounds[f] / 2, 1,
		bounds[f] + 1, 2 * bounds[f], 0, -1 };

	return values[any(sizeof(values) / sizeof(values[0]))];
}

static struct values any_values(void)
{
	struct values ret = { .restart = policies[any(3) ? any(3) : any(5)] };

	for (size_t f = 0; f < FIELDS; f++) {
		ret.given[f] = any(f == SWAP || f == QUOTA || f == PERIOD ? 3 : 2) == 0;
		ret.v[f] = ret.given[f] ? any_value((enum field)f) : 0;
	}
	if (any(4) == 0) {
		ret.given[MEMORY] = ret.given[SWAP] = true;
		ret.v[MEMORY] = ret.v[SWAP] = any_value(MEMORY);
	}
	return ret;
}

/* The members of a HostConfig or an update. */
static void write_host(const struct values *v, struct line *l)
{
	const char *before = "";

	for (size_t f = 0; f < RETRIES; f++) {
		if (!v->given[f])
			continue;
		line_add(l, "%s'%s': %lld", before, names[f], (long long)v->v[f]);
		before = ", ";
	}
	if (!v->restart)
		return;
	line_add(l, "%s'RestartPolicy': {'Name': '%s'", before, v->restart);
	if (v->given[RETRIES])
		line_add(l, ", '%s': %lld", names[RETRIES], (long long)v->v[RETRIES]);
	line_add(l, "}");
}

static void write_service(const struct values *v, struct line *l)
{
	line_add(l,
		"{'Name': 'x', 'TaskTemplate': {'ContainerSpec': {'Image': 'x'}, "
		"'Resources': {'Limits': {'MemoryBytes': %lld, 'NanoCPUs': %lld",
		(long long)v->v[MEMORY], (long long)v->v[NANO]);
	if (v->given[PIDS])
		line_add(l, ", 'Pids': %lld", (long long)v->v[PIDS]);
	line_add(l, "}}");
	if (v->restart)
		line_add(l, ", 'RestartPolicy': {'Condition': '%s', 'MaxAttempts': %lld}",
			strcmp(v->restart, "no") == 0               ? "none"
				: strcmp(v->restart, "always") == 0 ? "any"
								    : v->restart,
			(long long)v->v[RETRIES]);
	line_add(l, "}}");
}

/* --- the model ---------------------------------------------------------------------------------*/

/* moby daemon_unix.go adaptContainerSettings: swap that is not given is as much as memory. */
static void make(struct box *b, const struct values *v)
{
	memcpy(b->v, v->v, sizeof(b->v));
	b->restart = v->restart && v->restart[0] ? v->restart : "no";
	if (b->v[MEMORY] > 0 && b->v[SWAP] == 0)
		b->v[SWAP] = 2 * b->v[MEMORY];
	if (b->v[QUOTA] > 0 && b->v[PERIOD] == 0)
		b->v[PERIOD] = 100000;
}

/*
 * Up to 26.1 the body is a HostConfig where it has none, and else fills in three fields (moby
 * runconfig/hostconfig.go getHostConfig); from 27 on its own fields mean nothing.
 */
static void create(struct box *b, bool old, const struct values *top, const struct values *inner)
{
	const struct values none = { .restart = NULL };
	struct values v = inner ? *inner : old ? *top : none;
	static const enum field filled[] = { MEMORY, SWAP, SHARES };

	for (size_t i = 0; old && inner && i < 3; i++) {
		if (v.v[filled[i]] == 0)
			v.v[filled[i]] = top->v[filled[i]];
	}
	make(b, &v);
}

/* moby container_unix.go UpdateContainer, without what it refuses; PidsLimit is a pointer. */
static void update(struct box *b, const struct values *v)
{
	for (size_t f = 0; f < RETRIES; f++) {
		if (f == PIDS ? v->given[f] : v->v[f] != 0)
			b->v[f] = v->v[f] < 0 && f == PIDS ? 0 : v->v[f];
	}
	if (v->restart && v->restart[0]) {
		b->restart = v->restart;
		b->v[RETRIES] = v->v[RETRIES];
	}
}

static bool within(int64_t value, enum field f)
{
	return value > 0 && value <= bounds[f];
}

static bool restarts_within(const struct box *b, bool service)
{
	if (service && (!b->restart || b->restart[0] == '\0'))
		return false;
	return strcmp(b->restart, "no") == 0 ||
		(strcmp(b->restart, "on-failure") == 0 && within(b->v[RETRIES], RETRIES));
}

static bool is_bounded(const struct box *b, size_t key, bool service)
{
	bool nano = within(b->v[NANO], NANO);
	bool quota = b->v[QUOTA] > 0 && b->v[PERIOD] > 0 && b->v[QUOTA] <= b->v[PERIOD];

	switch (key) {
	case 0:
		return within(b->v[MEMORY], MEMORY);
	case 1:
		return within(b->v[MEMORY], MEMORY) && !service && within(b->v[SWAP], SWAP);
	case 2:
		return within(b->v[MEMORY], MEMORY) && !service && b->v[SWAP] == b->v[MEMORY];
	case 3:
		return service ? nano
			       : (nano || b->v[NANO] == 0) && (quota || b->v[QUOTA] == 0) &&
				(nano || quota);
	case 4:
		return within(b->v[PIDS], PIDS);
	case 5:
		return !service && within(b->v[SHARES], SHARES);
	default:
		return restarts_within(b, service);
	}
}

/* --- sequences ---------------------------------------------------------------------------------*/

struct run {
	struct world world;
	size_t key;
	struct box boxes[DOCKERDS], before[DOCKERDS];
	bool service;
	size_t allowed, denied, saved; /* denied, and it would have been out of a bound */
	char body[1024];
	const char *target;
};

static bool ask(struct run *r)
{
	struct question q = { "POST", r->target, r->body, NULL, NULL };
	static struct answer a;
	bool allowed;

	world_ask(&r->world, &q, &a);
	allowed = a.decision.verdict == VERDICT_ALLOW;
	answer_free(&a);
	return allowed;
}

/* Does a request, where dsp allows it. */
static bool step(struct run *r, const struct box made[DOCKERDS])
{
	bool fine = true;

	for (size_t d = 0; d < DOCKERDS; d++)
		fine = fine && is_bounded(&made[d], r->key, r->service);
	if (!ask(r)) {
		r->denied++;
		r->saved += !fine;
		return false;
	}
	if (!fine)
		fail_msg("%s: %s %s", requires[r->key], r -> target, r -> body);
	r->allowed++;
	memcpy(r->before, r->boxes, sizeof(r->before));
	memcpy(r->boxes, made, sizeof(r->boxes));
	return true;
}

static bool create_container(struct run *r)
{
	struct values top = any_values();
	struct values inner = any_values();
	bool has_inner = any(5) > 0;
	bool has_top = !has_inner || any(4) == 0;
	struct box made[DOCKERDS];
	struct line l;

	if (!has_top)
		top = (struct values){ .restart = NULL };
	for (size_t d = 0; d < DOCKERDS; d++)
		create(&made[d], d == OLD, &top, has_inner ? &inner : NULL);
	line_init(&l, r->body, sizeof(r->body));
	line_add(&l, "{'Image': 'x'");
	if (has_top) {
		size_t n = l.n;

		line_add(&l, ", ");
		write_host(&top, &l);
		l.n = l.n == n + 2 ? n : l.n;
	}
	if (has_inner) {
		line_add(&l, ", 'HostConfig': {");
		write_host(&inner, &l);
		line_add(&l, "}");
	}
	line_add(&l, "}");
	r->target = any(2) ? "/containers/create" : "/v1.41/containers/create";
	return step(r, made);
}

/* An update, or a start with a HostConfig, which dockerd up to 25 takes for the container's. */
static void change_container(struct run *r)
{
	struct values v = any_values();
	struct box made[DOCKERDS];
	bool start = any(4) == 0;
	struct line l;

	line_init(&l, r->body, sizeof(r->body));
	line_add(&l, "{");
	write_host(&v, &l);
	line_add(&l, "}");
	memcpy(made, r->boxes, sizeof(made));
	for (size_t d = 0; d < DOCKERDS; d++) {
		if (!start)
			update(&made[d], &v);
		else if (d == OLD && l.n > 2) /* "{}" is no HostConfig to getHostConfig */
			make(&made[d], &v);
	}
	r->target = start ? "/v1.23/containers/x/start" : "/v1.41/containers/x/update";
	(void)step(r, made);
}

/* Before 1.41 dockerd drops the limit of processes. */
static bool send_service(struct run *r, const char *old, const char *new)
{
	struct values v = any_values();
	bool dropped = any(4) == 0;
	struct box made[DOCKERDS];
	struct line l;

	for (size_t d = 0; d < DOCKERDS; d++) {
		memcpy(made[d].v, v.v, sizeof(made[d].v));
		made[d].v[PIDS] = dropped ? 0 : v.v[PIDS];
		made[d].restart = v.restart && v.restart[0] ? v.restart : "";
	}
	line_init(&l, r->body, sizeof(r->body));
	write_service(&v, &l);
	r->target = dropped ? old : new;
	return step(r, made);
}

static void change_service(struct run *r)
{
	static const char rollback[] = "/v1.44/services/x/update?version=7&rollback=previous";

	if (any(4) > 0)
		(void)send_service(r, "/v1.40/services/x/update?version=7",
			"/v1.44/services/x/update?version=7");
	else if (r->before[0].restart) {
		struct box made[DOCKERDS];
		struct line l;
		struct values v = any_values();

		memcpy(made, r->before, sizeof(made));
		line_init(&l, r->body, sizeof(r->body));
		write_service(&v, &l);
		r->target = rollback;
		(void)step(r, made);
	}
}

static void play(struct run *r)
{
	memset(r->before, 0, sizeof(r->before));
	memset(r->boxes, 0, sizeof(r->boxes));
	r->service = any(3) == 0;
	if (r->service ? !send_service(r, "/v1.40/services/create", "/v1.44/services/create")
		       : !create_container(r))
		return;
	for (size_t i = 0; i < STEPS; i++) {
		if (r->service)
			change_service(r);
		else
			change_container(r);
	}
}

static void sequences(void **none)
{
	static struct run r;
	char file[512];

	(void)none;
	for (r.key = 0; r.key < KEYS; r.key++) {
		(void)snprintf(file, sizeof(file),
			"{'rules': [{'name': 'r', 'who': ['*'], 'allow': ['*'], 'powers': ['*'], "
			"'require': {%s}}], 'otherwise': 'deny'}",
			requires[r.key]);
		world_open(&r.world, "", file);
		r.allowed = r.denied = r.saved = 0;
		for (size_t i = 0; i < SEQUENCES; i++)
			play(&r);
		print_message("%s: %zu allowed, %zu denied, of these %zu beyond\n", requires[r.key],
			r.allowed, r.denied, r.saved);
		assert_true(r.allowed > SEQUENCES / 12 && r.saved > SEQUENCES / 2);
		world_close(&r.world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sequences) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
