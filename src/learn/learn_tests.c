/* Tests that go with a suggestion. Each was tried under the suggestion before it is written. */
#include <errno.h>
#include <stdio.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/explain/simulate.h"
#include "policy_draft.h"

enum { TESTS_MOST = 500 };

struct test_list {
	const struct policy *policy;
	json_t *tests;
	bool as; /* tests name a user: the policy has rules */
};

/* --- bodies ------------------------------------------------------------------------------------*/

/* The member of an object, which is made as fresh if it is not there. Takes over fresh. */
static json_t *member(json_t *object, const char *name, json_t *fresh)
{
	json_t *there = json_object_get(object, name);

	if (there)
		json_decref(fresh);
	else
		(void)json_object_set_new(object, name, fresh);
	return there ? there : fresh;
}

static void add_attribute(json_t *body, const struct attribute *d)
{
	json_t *host = member(body, "HostConfig", json_object());
	const char *colon;
	char text[PATTERN_ROOM];

	text_copy(d->text, text, sizeof(text));
	colon = strrchr(text, ':');
	if (d->kind == ATTRIBUTE_IMAGE)
		(void)json_object_set_new(body, "Image", json_string(text));
	else if (d->kind == ATTRIBUTE_NETWORK || d->kind == ATTRIBUTE_NAMESPACE)
		(void)json_object_set_new(host, "NetworkMode", json_string(text));
	else if (d->kind == ATTRIBUTE_CAPABILITY)
		(void)json_array_append_new(
			member(host, "CapAdd", json_array()), json_string(text));
	else if (d->kind == ATTRIBUTE_PORT && colon)
		(void)json_array_append_new(member(member(host, "PortBindings", json_object()),
						    colon + 1, json_array()),
			json_pack("{s:s%}", "HostPort", text, (size_t)(colon - text)));
	else if (d->power == POWER_PRIVILEGED)
		(void)json_object_set_new(host, "Privileged", json_true());
	else if (d->kind == ATTRIBUTE_MOUNT) {
		json_t *binds = member(host, "Binds", json_array());

		(void)json_array_append_new(binds,
			json_sprintf("%s:/m%zu%s", text, json_array_size(binds),
				d->read_only ? ":ro" : ""));
	}
}

/* --- tests -------------------------------------------------------------------------------------*/

/* Decides about a test as dsp test will; false: it cannot. */
static bool try_test(const struct policy *policy, const json_t *test, struct decision *decision,
	struct powerset *powers)
{
	json_t *body = json_object_get(test, "body");
	AUTO_MEM char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct client_request a = { .method = json_string_value(json_object_get(test, "method")),
		.target = json_string_value(json_object_get(test, "target")),
		.body = span_of(text),
		.has_body = body != NULL };
	const char *as = json_string_value(json_object_get(test, "as"));
	struct err ignored;
	AUTO_MEM char *question = simulate_question(&a, &ignored);
	struct simulation j;
	bool good;

	if (!question)
		return false;
	good = simulate(policy,
		       &(struct simulated_question){ question, strlen(question), as, NULL }, &j,
		       &ignored) == 0;
	*decision = j.decision;
	*powers = j.facts.powers;
	simulation_free(&j);
	return good;
}

/* What a test asks for. */
struct probe {
	struct span method;
	struct span target;
	json_t *body; /* or NULL; borrowed */
};

/*
 * Adds a test, by the subject of s, if it holds: that the probe is denied; or, without a name, that
 * it is allowed and asks for exactly the powers of s. False: it does not hold.
 */
static bool add_test(struct test_list *l, const struct observation *s, const struct probe *probe,
	const char *denied_name)
{
	json_auto_t *test = json_pack("{s:s%, s:s%, s:O*}", "method", probe->method.s,
		probe->method.n, "target", probe->target.s, probe->target.n, "body", probe->body);
	struct powerset powers;
	struct decision d;
	char name[300];

	if (test && l->as)
		(void)json_object_set_new(test, "as", json_stringn(s->subject.s, s->subject.n));
	if (!test || !try_test(l->policy, test, &d, &powers))
		return false;
	if (denied_name ? d.verdict != VERDICT_DENY
			: d.verdict != VERDICT_ALLOW ||
				!powerset_within(&powers, &s->facts.powers) ||
				!powerset_within(&s->facts.powers, &powers))
		return false;
	if (!denied_name)
		observation_write(s, name, sizeof(name));
	(void)json_object_set_new(test, "expect", json_string(denied_name ? "deny" : "allow"));
	(void)json_object_set_new(test, "name", json_string(denied_name ? denied_name : name));
	return json_array_append(l->tests, test) == 0;
}

/*
 * Adds the test that s is allowed. An audit log has no bodies: tried are none, an empty one, and
 * one that asks for the attributes of s, in one of the ways in which a client can.
 */
static bool add_observed(struct test_list *l, const struct observation *s)
{
	json_auto_t *empty = json_object();
	json_auto_t *made = json_object();
	json_t *bodies[] = { NULL, empty, made };

	for (size_t i = 0; i < s->facts.attributes.count; i++) {
		const struct attribute *d = &s->facts.attributes.items[i];

		/* A mount has an attribute for each of its powers. */
		if (d->kind != ATTRIBUTE_MOUNT || d->power == POWER_HOST_MOUNTS)
			add_attribute(made, d);
	}
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		if (add_test(l, s, &(struct probe){ s->method, s->target, bodies[i] }, NULL))
			return true;
	}
	return false;
}

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
		"{\"Image\":\"any/image:1\",\"HostConfig\":{\"Binds\":[\"/run/docker.sock:/"
		"s\"]}}" },
	{ "another image", "POST", "/containers/create", "{\"Image\":\"any/image:1\"}" },
	{ "killing", "POST", "/containers/any/kill", NULL },
	{ "removing a container", "DELETE", "/containers/any", NULL },
	{ "removing a volume", "DELETE", "/volumes/any", NULL },
	{ "a build", "POST", "/build?t=any", NULL },
	{ "a plugin switched off", "POST", "/plugins/any/disable", NULL },
	{ "a swarm", "POST", "/swarm/init", "{}" },
	{ "a route that dsp does not know", "POST", "/no/such/route", NULL },
};

/* Adds tests that the subject of s is denied what it did not do. */
static void add_unobserved(struct test_list *l, const struct observation *s)
{
	char subject[80];
	char name[200];

	text_escape(s->subject, subject, sizeof(subject));
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		json_auto_t *body = probes[i].body ? json_loads(probes[i].body, 0, NULL) : NULL;
		struct probe probe = { span_of(probes[i].method), span_of(probes[i].target), body };

		(void)snprintf(name, sizeof(name), "not seen: %s%s%s", probes[i].name,
			l->as ? ", by " : "", l->as ? subject : "");
		(void)add_test(l, s, &probe, name);
	}
}

int learn_tests(struct observations *all, const struct learn_options *w, json_t *policy,
	json_t **ret, struct err *e)
{
	struct policy_draft *p = policy_draft_new(json_incref(policy), w->profile);
	struct test_list l = { .tests = json_array(), .as = json_object_get(policy, "rules") };
	size_t missing = 0;
	int rc = p ? policy_draft_compile(p, e) : FAIL(e, ENOMEM, "a policy");

	*ret = l.tests;
	for (size_t i = 0; rc == 0 && i < all->count; i++) {
		const struct observation *s = all->items[i];
		bool first = true; /* of its subject, or with flags of all */

		l.policy = &p->policy;
		if (s->unallowable)
			continue;
		for (size_t k = 0; first && k < i; k++)
			first = all->items[k]->unallowable ||
				(l.as && !span_equal(all->items[k]->subject, s->subject));
		missing += json_array_size(l.tests) >= TESTS_MOST || !add_observed(&l, s);
		if (first)
			add_unobserved(&l, s);
	}
	if (missing > 0)
		observations_note(all,
			"%zu kinds of requests have no test: an audit log holds no bodies, and no "
			"body that was tried here asks for the same (or there are more than %d "
			"tests)",
			missing, (int)TESTS_MOST);
	policy_draft_free(p);
	return rc;
}
