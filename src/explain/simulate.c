#include "dsp/explain/simulate.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/facts/versions.h"
#include "dsp/protocol/envelope.h"

/* The value of the first header of a name, the one that dockerd uses; NULL: there is none. */
static const char *header_value(const char *const *headers, const char *name)
{
	size_t n = strlen(name);

	for (; *headers; headers++) {
		if (strncasecmp(*headers, name, n) == 0 && (*headers)[n] == ':')
			return *headers + n + 1 + strspn(*headers + n + 1, " \t");
	}
	return NULL;
}

/* dockerd passes a body on when its media type is application/json, with well-formed parameters. */
static bool is_json(const char *type)
{
	size_t n = strlen("application/json");

	if (!type || strncasecmp(type, "application/json", n) != 0)
		return false;
	n += strspn(type + n, " \t");
	return type[n] == '\0' || (type[n] == ';' && strchr(type + n, '=') != NULL);
}

bool simulate_shows_body(
	const struct daemon_facts *d, const char *target, const char *const *headers, size_t n)
{
	long version = d && d->known ? version_number(d->version) : 0;
	bool hides = version == 0 || version_has(VERSION_HIDDEN_BODIES, version);
	size_t most = hides ? ((size_t)1 << 20) - 1 : (size_t)ENVELOPE_BODY_MOST;
	struct span path = { target, strcspn(target, "?#") };

	/* Some versions look at the end of the path, some at that of the target. */
	return n > 0 && n <= most && !span_ends(path, SPAN("/auth")) &&
		!span_ends(span_of(target), SPAN("/auth")) &&
		is_json(header_value(headers, "Content-Type"));
}

char *simulate_question(const struct client_request *a, struct err *e)
{
	const char *headers[CLIENT_HEADERS_MOST + 3] = { NULL };
	char length[48];
	char *question;
	size_t n = 0;

	while (a->headers && a->headers[n] && n < CLIENT_HEADERS_MOST) {
		headers[n] = a->headers[n];
		n++;
	}
	(void)snprintf(length, sizeof(length), "Content-Length: %zu", a->body.n);
	if (a->has_body && !header_value(headers, "Content-Type"))
		headers[n++] = "Content-Type: application/json";
	/* A chunked body has no length, and dockerd shows no Transfer-Encoding. */
	if (!header_value(headers, "Content-Length") && !header_value(headers, "Transfer-Encoding"))
		headers[n++] = length;
	question = envelope_request(span_of(a->method), span_of(a->target), span_of(a->user),
		headers, is_json(header_value(headers, "Content-Type")) ? &a->body : NULL);
	if (!question)
		err_set(e, 0, "cannot write the request as an AuthZReq");
	return question;
}

/* Finds the user: the one that --as names, or the one of the request. */
static int choose_subject(
	const struct policy *policy, const char *as, struct simulation *j, struct err *e)
{
	const struct rules *rules = policy->file_rules;
	size_t id;

	j->subject = subject_identify(rules, &j->request);
	if (!as)
		return 0;
	id = rules_find_subject(rules, span_of(as));
	if (id == SIZE_MAX)
		return FAIL(
			e, 0, "no user \"%s\" in the policy file; dsp list users shows all", as);
	j->subject = subject_at(rules, id);
	return 0;
}

int simulate_mounts(
	const struct policy *policy, struct facts *facts, struct mount_lookup **ret, struct err *e)
{
	const struct lookup_scope scope = { .paths = rules_paths(policy->file_rules),
		.kinds = rules_compared_kinds(policy->file_rules),
		.own_paths = policy_own_paths(policy) };

	if (facts_set_data_root(facts, span_of(policy->data_root), e) != 0)
		return -1;
	if (policy->mounts_invisible) {
		facts_hide_mounts(facts);
		return facts_add_mount_powers(facts, policy_own_paths(policy), e);
	}
	if (mount_lookup_collect(facts, &scope, ret, e) != 0)
		return -1;
	if (*ret && facts->reading == READING_EXACT) {
		mount_lookup_run(*ret);
		mount_lookup_attach(*ret, facts);
	}
	return facts_add_mount_powers(facts, policy_own_paths(policy), e);
}

int simulate(const struct policy *policy, const struct simulated_question *q,
	struct simulation *ret, struct err *e)
{
	*ret = (struct simulation){ .lookup = NULL };
	if (envelope_parse(q->text, q->n, &ret->request, e) != 0)
		return -1;
	ret->request.daemon = policy->daemon;
	if (choose_subject(policy, q->as, ret, e) != 0 ||
		facts_parse(&ret->request, &ret->facts, e) != 0 ||
		target_objects_attach(q->objects, &ret->facts, e) != 0 ||
		simulate_mounts(policy, &ret->facts, &ret->lookup, e) != 0 ||
		facts_describe_made(&ret->facts, e) != 0)
		return -1;
	ret->decision = decide(policy, &ret->subject, &ret->facts, NULL);
	nearest_rule_find(policy, &ret->subject, &ret->facts, &ret->decision, &ret->near);
	message_write(
		&(struct message){ policy, &ret->subject, &ret->facts, &ret->decision, &ret->near },
		ret->message);
	return 0;
}

void simulation_free(struct simulation *j)
{
	facts_free(&j->facts);
	mount_lookup_release(j->lookup);
}
