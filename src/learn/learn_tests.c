/* The tests that go with a suggestion: only such as were tried. */
#include <errno.h>
#include <stdio.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/explain/simulate.h"
#include "policy_draft.h"

enum { TESTS_MOST = 500 };

/* Judges a test as dsp test will; false: it cannot be put. */
static bool try_test(const struct policy_draft *p, const json_t *test, struct decision *ret,
	struct powerset *powers)
{
	json_t *body = json_object_get(test, "body");
	AUTO_MEM char *question = NULL;
	AUTO_MEM char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct client_request a = { .method = json_string_value(json_object_get(test, "method")),
		.target = json_string_value(json_object_get(test, "target")),
		.body = span_of(text),
		.has_body = body != NULL };
	struct simulation j;
	struct err e;
	bool good;

	question = simulate_question(&a, &e);
	if (!question)
		return false;
	good = simulate(&p->policy, (struct question_text){ question, strlen(question) },
		       json_string_value(json_object_get(test, "as")), &j, &e) == 0;
	if (good) {
		*ret = j.decision;
		*powers = j.facts.powers;
	}
	simulation_free(&j);
	return good;
}

/* NULL also when its texts are none that JSON can hold. */
static json_t *new_test(const struct observation *s, struct span method, struct span target,
	const json_t *body, bool as)
{
	json_t *test = json_pack("{s:o, s:o}", "method", json_stringn(method.s, method.n), "target",
		json_stringn(target.s, target.n));

	if (test && as)
		(void)json_object_set_new(test, "as", json_stringn(s->subject.s, s->subject.n));
	if (test && body)
		(void)json_object_set_new(test, "body", json_deep_copy(body));
	return test;
}

/* --- bodies ------------------------------------------------------------------------------------*/

static json_t *member(json_t *object, const char *name, json_t *fresh)
{
	json_t *there = json_object_get(object, name);

	if (there) {
		json_decref(fresh);
		return there;
	}
	(void)json_object_set_new(object, name, fresh);
	return fresh;
}

static void add_port(json_t *host, const char *text)
{
	const char *colon = strrchr(text, ':');
	json_t *bindings = member(host, "PortBindings", json_object());
	char port[16];

	if (!colon)
		return;
	text_copy((struct span){ text, (size_t)(colon - text) }, port, sizeof(port));
	(void)json_array_append_new(
		member(bindings, colon + 1, json_array()), json_pack("{s:s}", "HostPort", port));
}

static void add_detail(json_t *body, const struct attribute *d)
{
	json_t *host = member(body, "HostConfig", json_object());
	char text[PATTERN_ROOM];
	char bind[PATTERN_ROOM + 32];
	struct line l;

	text_copy(d->text, text, sizeof(text));
	if (d->kind == ATTRIBUTE_IMAGE)
		(void)json_object_set_new(body, "Image", json_string(text));
	else if (d->kind == ATTRIBUTE_NETWORK || d->kind == ATTRIBUTE_NAMESPACE)
		(void)json_object_set_new(host, "NetworkMode", json_string(text));
	else if (d->kind == ATTRIBUTE_CAPABILITY)
		(void)json_array_append_new(
			member(host, "CapAdd", json_array()), json_string(text));
	else if (d->kind == ATTRIBUTE_PORT)
		add_port(host, text);
	else if (d->power == POWER_PRIVILEGED)
		(void)json_object_set_new(host, "Privileged", json_true());
	else if (d->kind == ATTRIBUTE_MOUNT) {
		line_init(&l, bind, sizeof(bind));
		line_add(&l, "%s:/m%zu%s", text, json_array_size(json_object_get(host, "Binds")),
			d->read_only ? ":ro" : "");
		(void)json_array_append_new(member(host, "Binds", json_array()), json_string(bind));
	}
}

/* A body that asks for what the line's details tell, in one of the ways. */
static json_t *body_of(const struct observation *s)
{
	json_t *body = json_object();

	for (size_t i = 0; i < s->facts.attributes.count; i++) {
		const struct attribute *d = &s->facts.attributes.items[i];

		/* A mount has a detail for each power that it gives. */
		if (d->kind != ATTRIBUTE_MOUNT || d->power == POWER_HOST_MOUNTS)
			add_detail(body, d);
	}
	return body;
}

/* --- what was seen -----------------------------------------------------------------------------*/

/* The test of this body, when it is allowed and asks for just what was seen; or NULL. */
static json_t *seen_test(
	const struct policy_draft *p, const struct observation *s, const json_t *body, bool as)
{
	struct powerset powers = { { 0 } };
	struct decision d;
	json_t *test;

	test = new_test(s, s->method, s->target, body, as);
	if (test && try_test(p, test, &d, &powers) && d.verdict == VERDICT_ALLOW &&
		powerset_within(&powers, &s->facts.powers) &&
		powerset_within(&s->facts.powers, &powers)) {
		(void)json_object_set_new(test, "expect", json_string("allow"));
		return test;
	}
	json_decref(test);
	return NULL;
}

static bool add_seen_test(
	const struct policy_draft *p, const struct observation *s, json_t *list, bool as)
{
	json_t *empty = json_object();
	json_t *body = body_of(s);
	json_t *test = seen_test(p, s, NULL, as);
	char name[300];

	if (!test)
		test = seen_test(p, s, empty, as);
	if (!test)
		test = seen_test(p, s, body, as);
	json_decref(empty);
	json_decref(body);
	if (!test)
		return false;
	observation_write(s, name, sizeof(name));
	(void)json_object_set_new(test, "name", json_string(name));
	(void)json_array_append_new(list, test);
	return true;
}

/* --- what was not ------------------------------------------------------------------------------*/

static const struct {
	const char *name;
	const char *method;
	const char *target;
	const char *body;
} probes[] = {
	{ "a shell in a container", "POST", "/containers/any/exec", "{\"Cmd\":[\"sh\"]}" },
	{ "a privileged container", "POST", "/containers/create",
		"{\"Image\":\"any/image:1\",\"HostConfig\":{\"Privileged\":true}}" },
	{ "the host's files", "POST", "/containers/create",
		"{\"Image\":\"any/image:1\",\"HostConfig\":{\"Binds\":[\"/:/host\"]}}" },
	{ "Docker's socket", "POST", "/containers/create",
		"{\"Image\":\"any/image:1\",\"HostConfig\":{\"Binds\":[\"/run/docker.sock:/s\"]}}" },
	{ "another image", "POST", "/containers/create", "{\"Image\":\"any/image:1\"}" },
	{ "killing", "POST", "/containers/any/kill", NULL },
	{ "removing a container", "DELETE", "/containers/any", NULL },
	{ "removing a volume", "DELETE", "/volumes/any", NULL },
	{ "a build", "POST", "/build?t=any", NULL },
	{ "a plugin switched off", "POST", "/plugins/any/disable", NULL },
	{ "a swarm", "POST", "/swarm/init", "{}" },
	{ "a route that dsp does not know", "POST", "/no/such/route", NULL },
};

static void add_probe(const struct policy_draft *p, const struct observation *s, size_t which,
	json_t *list, bool as)
{
	json_t *body = probes[which].body ? json_loads(probes[which].body, 0, NULL) : NULL;
	json_t *test = new_test(
		s, span_of(probes[which].method), span_of(probes[which].target), body, as);
	struct powerset powers;
	struct decision d;
	char subject[80];
	char name[200];

	json_decref(body);
	text_escape(s->subject, subject, sizeof(subject));
	(void)snprintf(name, sizeof(name), "not seen: %s%s%s", probes[which].name,
		as ? ", by " : "", as ? subject : "");
	if (test && try_test(p, test, &d, &powers) && d.verdict == VERDICT_DENY) {
		(void)json_object_set_new(test, "expect", json_string("deny"));
		(void)json_object_set_new(test, "name", json_string(name));
		(void)json_array_append(list, test);
	}
	json_decref(test);
}

static bool is_first_of_subject(const struct observations *all, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (!all->items[i]->unallowable &&
			span_equal(all->items[i]->subject, all->items[at]->subject))
			return false;
	}
	return true;
}

static size_t fill(struct policy_draft *p, const struct observations *all, json_t *list, bool as)
{
	size_t missing = 0;

	for (size_t i = 0; i < all->count; i++) {
		const struct observation *s = all->items[i];

		if (s->unallowable)
			continue;
		if (json_array_size(list) >= TESTS_MOST || !add_seen_test(p, s, list, as))
			missing++;
		if (!is_first_of_subject(all, i) || (!as && i > 0 && json_array_size(list) > 1))
			continue;
		for (size_t k = 0; k < sizeof(probes) / sizeof(probes[0]); k++)
			add_probe(p, s, k, list, as);
	}
	return missing;
}

int learn_tests(struct observations *all, const struct learn_options *w, json_t *policy,
	json_t **ret, struct err *e)
{
	static struct policy_draft p;
	bool as = json_object_get(policy, "rules") != NULL;
	size_t missing = 0;
	int rc;

	policy_draft_init(&p, json_incref(policy), w->profile);
	rc = policy_draft_compile(&p, e);
	*ret = json_array();
	if (rc == 0)
		missing = fill(&p, all, *ret, as);
	if (missing > 0)
		observations_note(all,
			"%zu kinds of requests have no test: a trail holds no bodies, and none "
			"that was tried here asks for the same (or there are more than %d tests)",
			missing, (int)TESTS_MOST);
	policy_draft_free(&p);
	return rc;
}
