#include "authorize.h"

#include <errno.h>
#include <string.h>

#include "ask_root.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/message.h"
#include "dsp/protocol/envelope.h"
#include "dsp/system/clock.h"
#include "dsp/system/log.h"
#include "grants.h"
#include "object_lookup.h"
#include "own_requests.h"
#include "ownership.h"
#include "root_answers.h"
#include "service.h"

/* NULL: no memory. */
static struct exchange *exchange_begin(const struct service *service, struct call *call)
{
	struct exchange *x = exchange_new();

	if (!x)
		return NULL;
	x->call = call;
	x->begun_us = clock_us();
	x->snapshot = snapshot_hold(service->snapshot);
	x->grants = grants_hold(service->grants);
	return x;
}

/* Frees what was found out about the request. */
static void forget_facts(struct exchange *x)
{
	object_lookup_free(x->objects);
	x->objects = NULL;
	facts_free(&x->facts);
	mount_lookup_release(x->lookup);
	x->lookup = NULL;
	grant_set_release(x->grants);
	x->grants = NULL;
	snapshot_release(x->snapshot);
	x->snapshot = NULL;
}

static void exchange_end(struct service *service, struct exchange *x)
{
	if (x->held) {
		root_answers_ended(service, x->held, &x->asked, "");
		held_requests_end(&service->held, x->held, x->asked.answer.end);
	}
	forget_facts(x);
	mem_free(x->body);
	exchange_free(x);
}

/* --- refusals without a decision ---------------------------------------------------------------*/

static void record_refusal(
	const struct service *service, const struct call *call, const struct refusal *refusal)
{
	const struct config *c = service->snapshot->config;

	(void)sinks_record(&service->sinks,
		&(struct decision_event){ .refusal = refusal,
			.policy = &c->policy,
			.generation = service->snapshot->generation,
			.digest = c->digest,
			.request_bytes = call->len });
}

static void fail(
	const struct service *service, struct call *call, enum refused_by by, const struct err *e)
{
	log_fault("error: %s", e->text);
	record_refusal(service, call, &(struct refusal){ by, e->text });
	reply_error(&call->reply, e->code == EMSGSIZE ? 413 : 500, e->text);
}

/*
 * When a connection breaks, dockerd asks again and sends the question without its body. That break
 * is our doing (dspd stopped), so the client gets a denial that says what to do, and no error.
 */
static void deny_repeated(const struct service *service, struct call *call)
{
	static const struct refusal refusal = { REFUSED_REPEATED,
		"cannot be decided: dockerd sent it without its text, as it repeats a request that was "
		"cut off when dspd ended; try again" };

	log_line("denied request: %s", refusal.message);
	record_refusal(service, call, &refusal);
	reply_deny(&call->reply, refusal.message);
}

/* --- mount sources -----------------------------------------------------------------------------*/

static void mark_source_unreadable(struct facts *facts, struct span source)
{
	char text[64];

	text_escape(source, text, sizeof(text));
	err_set(&facts->doubt, 0, "its mount source \"%s\" was not looked up within %d s", text,
		POOL_DEADLINE_MS / 1000);
	facts->doubt.code = ETIMEDOUT;
	facts->reading = READING_UNREADABLE;
	facts->advice = "try again, or mount another file system";
}

/* 0: x->in_pool, or the facts are complete, or say why not. -1 and e: no memory. */
static int look_up_mounts(const struct service *service, struct exchange *x, struct err *e)
{
	const struct policy *policy = &x->snapshot->config->policy;
	bool invisible = policy->mounts_invisible;
	struct lookup_scope scope;
	struct span blocked_by;

	if (facts_set_data_root(&x->facts, span_of(policy->data_root), e) != 0)
		return -1;
	if (invisible)
		facts_hide_mounts(&x->facts);
	/* A request that names nothing has no source either. */
	if (invisible || !service->pool || x->facts.attributes.count == 0)
		return 0;
	scope = (struct lookup_scope){ .paths = rules_paths(policy->file_rules),
		.kinds = rules_compared_kinds(policy->file_rules) |
			rules_compared_kinds(grant_set_rules(x->grants)),
		.own_paths = policy_own_paths(policy),
		.docker = call_peer(x->call) };
	if (mount_lookup_collect(&x->facts, &scope, &x->lookup, e) != 0)
		return -1;
	if (!x->lookup || x->facts.reading != READING_EXACT)
		return 0;
	x->in_pool = lookup_pool_submit(service->pool, x->lookup, x, &blocked_by) == 0;
	if (!x->in_pool)
		mark_source_unreadable(
			&x->facts, blocked_by.n > 0 ? blocked_by : mount_lookup_first(x->lookup));
	return 0;
}

/* --- what the request names --------------------------------------------------------------------*/

static void wait_for(
	struct service *service, struct exchange *x, enum waiting what, uint64_t deadline)
{
	x->waits = what;
	x->deadline = deadline;
	LIST_INSERT_HEAD(&service->waiting, x, waiting_link);
}

static void wait_no_more(struct exchange *x)
{
	if (x->waits != WAITS_NOT)
		LIST_REMOVE(x, waiting_link);
	x->waits = WAITS_NOT;
}

static size_t operation_of(const struct exchange *x)
{
	return x->facts.route ? (size_t)x->facts.route->operation : (size_t)OPERATION_COUNT;
}

/* The kinds of what dockerd is asked about, a bit for each: by rules, and to know owners. */
static unsigned objects_needed(const struct exchange *x)
{
	const struct rules *rules = x->snapshot->config->policy.file_rules;
	size_t operation = operation_of(x);

	return rules_ask_about(rules, x->subject.id, operation) |
		rules_ask_about(grant_set_rules(x->grants), x->subject.id, operation) |
		ownership_asks_about(rules, x->subject.id, operation) | ask_root_objects(x);
}

/* Whether only rules that record what they would deny compare what is asked about. */
static bool may_fail(const struct exchange *x)
{
	const struct rules *rules = x->snapshot->config->policy.file_rules;
	size_t operation = operation_of(x);

	return ask_root_objects(x) == 0 &&
		!rules_decide_by_objects(rules, x->subject.id, operation) &&
		ownership_asks_about(rules, x->subject.id, operation) == 0;
}

/* As look_up_mounts: x waits for the objects, or need not. Names of volumes: the swarm's too. */
static int look_up_objects(struct service *service, struct exchange *x, struct err *e)
{
	const struct policy *policy = &x->snapshot->config->policy;
	struct object_source source = {
		.asks = service->objects, .path = policy->resolver, .owners = service->owners
	};

	if (x->kinds == 0)
		return 0;
	source.dockerd = call_peer(x->call);
	source.may_fail = may_fail(x);
	object_lookup_predefined(&x->facts);
	if (object_lookup_begin(&source, &x->facts, x->kinds, &x->objects, e) != 0)
		return -1;
	if (x->objects && !object_lookup_step(x->objects))
		wait_for(service, x, WAITS_FOR_OBJECTS, object_lookup_deadline(x->objects));
	return 0;
}

/* --- the way of a request ----------------------------------------------------------------------*/

/* message: NULL where clients read references only. */
static void deny_client(const struct service *service, struct reply *reply,
	const struct decision *d, const char *message)
{
	char text[MESSAGE_MOST];

	if (!message)
		message_write_short(d, sinks_reference(&service->sinks), text);
	reply_deny(reply, message ? message : text);
}

/* The answer to dockerd, and the line in the audit log. gone: dockerd waits for no answer. */
static void finish(
	struct service *service, struct exchange *x, const struct decision *decided, bool gone)
{
	const struct config *c = x->snapshot->config;
	struct reply unsent = { .owned = NULL };
	struct reply *reply = gone ? &unsent : &x->call->reply;
	bool allow = decided->verdict == VERDICT_ALLOW;
	const struct refusal *refusal;
	struct decision_event event = { .request = &x->request,
		.subject = &x->subject,
		.facts = &x->facts,
		.decision = decided,
		.near = &x->near,
		.ask = x->held ? &x->held->ask : NULL,
		.message = exchange_denial(x, decided),
		.policy = &c->policy,
		.generation = x->snapshot->generation,
		.digest = c->digest,
		.request_bytes = x->call->len };

	if (x->held)
		x->held->ask.waited_ms = clock_now() - x->held->asked_at;
	event.refusal = ownership_refusal(service, &event);
	event.duration_us = clock_us() - x->begun_us;
	event.lookup_us = x->waited_to_us - x->waited_from_us;
	/* What comes back: that, or an audit log that must be kept and cannot. */
	refusal = sinks_record(&service->sinks, &event);
	if (!refusal && allow)
		ownership_expect(service, &event);
	if (refusal)
		reply_deny(reply, refusal->message);
	else if (allow)
		reply_allow(reply);
	else
		deny_client(
			service, reply, decided, c->policy.short_denials ? NULL : event.message);
	if (x->held) {
		root_answers_ended(
			service, x->held, decided, refusal ? refusal->message : x->message);
		x->asked = *decided;
	}
	mem_free(unsent.owned);
}

static enum answer decide_known(struct service *service, struct exchange *x)
{
	struct grant_rules grants = grants_now(service->grants, x->grants, x->held != NULL);
	struct decision d = decide(&x->snapshot->config->policy, &x->subject, &x->facts, &grants);

	if (d.grant)
		grants_used(service->grants, d.grant->name);
	if (d.verdict == VERDICT_ASK && ask_root(service, x, &d))
		return ANSWER_LATER;
	finish(service, x, &d, false);
	return ANSWER_NOW;
}

static enum answer conclude(struct service *service, struct exchange *x)
{
	struct span own_paths = policy_own_paths(&x->snapshot->config->policy);

	if ((x->kinds == 0 || facts_describe_made(&x->facts, &x->error) == 0) &&
		facts_add_mount_powers(&x->facts, own_paths, &x->error) == 0)
		return decide_known(service, x);
	fail(service, x->call, REFUSED_FAILURE, &x->error);
	return ANSWER_NOW;
}

/* What is known of the dockerd that asks. False: dsp-resolve is being asked. */
static bool know_dockerd(struct service *service, struct exchange *x)
{
	const char *path = x->snapshot->config->policy.resolver;
	const struct daemon_facts *known;

	if (!dockerd_facts_get(service->dockerds, call_peer(x->call), path, &known)) {
		if (clock_now() < x->deadline)
			return false;
		/* It is not known, and each fact is the one that closes more. */
		x->daemon = (struct daemon_facts){ .known = false };
		x->request.daemon = &x->daemon;
	} else if (known) {
		x->daemon = *known;
		x->request.daemon = &x->daemon;
	}
	return true;
}

/* The kinds of which something may have been made whose owner is not known yet; a bit for each. */
static unsigned coming(const struct service *service)
{
	static const enum attribute_kind kinds[] = { ATTRIBUTE_CONTAINER, ATTRIBUTE_NETWORK,
		ATTRIBUTE_VOLUME };
	unsigned ret = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (ownership_may_come(service, kinds[i]))
			ret |= 1u << kinds[i];
	}
	return ret;
}

static enum answer answer_later(struct exchange *x)
{
	x->call->state = x;
	if (x->waited_from_us == 0)
		x->waited_from_us = clock_us();
	x->waited_to_us = x->waited_from_us;
	return ANSWER_LATER;
}

/* ANSWER_NOW: x has ended. What made the facts unreadable is not waited with. */
static enum answer conclude_if_known(struct service *service, struct exchange *x)
{
	bool exact = x->facts.reading == READING_EXACT;

	if (exact && (x->in_pool || x->waits != WAITS_NOT))
		return answer_later(x);
	if (x->in_pool)
		lookup_pool_cancel(service->pool, x);
	if (exact && x->objects)
		object_lookup_attach(x->objects, coming(service), &x->facts);
	wait_no_more(x);
	if (conclude(service, x) == ANSWER_LATER) {
		x->call->state = x;
		return ANSWER_LATER;
	}
	exchange_end(service, x);
	return ANSWER_NOW;
}

/* Parsing changes the body, and a request that waits for root is parsed again. */
static int keep_body(struct exchange *x, struct err *e)
{
	if (x->body || !x->request.body ||
		!rules_may_ask(x->snapshot->config->policy.file_rules, x->subject.id))
		return 0;
	x->body = mem_copy(x->request.body, x->request.body_len);
	return x->body ? 0 : FAIL(e, ENOMEM, "a request");
}

/* All that comes when dockerd is known. ANSWER_NOW: x has ended. */
static enum answer go_on(struct service *service, struct exchange *x)
{
	struct err *e = &x->error;

	if (keep_body(x, e) != 0 || facts_parse(&x->request, &x->facts, e) != 0)
		goto fail;
	probe_record(&service->probes, &x->facts);
	x->kinds = objects_needed(x);
	if (look_up_objects(service, x, e) != 0 || look_up_mounts(service, x, e) != 0)
		goto fail;
	return conclude_if_known(service, x);
fail:
	fail(service, x->call, REFUSED_FAILURE, e);
	wait_no_more(x);
	exchange_end(service, x);
	return ANSWER_NOW;
}

/* All that comes when the request is parsed, and again when root approved it. */
static enum answer judge(struct service *service, struct exchange *x)
{
	x->subject = subject_identify(x->snapshot->config->policy.file_rules, &x->request);
	if (!facts_depend_on_daemon(&x->request))
		return go_on(service, x);
	x->deadline = clock_now() + RESOLVER_MS;
	if (know_dockerd(service, x))
		return go_on(service, x);
	wait_for(service, x, WAITS_FOR_DOCKERD, x->deadline);
	return answer_later(x);
}

/* Its time in the audit log and the metrics is that of the decision, without the wait for root. */
static void begin_clock(struct exchange *x)
{
	x->begun_us = clock_us();
	x->waited_from_us = x->waited_to_us = 0;
}

/* By the settings in force now, with all that can be found out now. */
static enum answer judge_again(struct service *service, struct exchange *x)
{
	forget_facts(x);
	x->asked = (struct decision){ .verdict = VERDICT_DENY };
	begin_clock(x);
	x->snapshot = snapshot_hold(service->snapshot);
	x->grants = grants_hold(service->grants);
	x->request.daemon = NULL;
	if (x->body)
		memcpy(x->request.body, x->body, x->request.body_len);
	return judge(service, x);
}

static enum answer fail_without_memory(const struct service *service, struct call *call)
{
	struct err e;

	err_set(&e, ENOMEM, "a request");
	fail(service, call, REFUSED_FAILURE, &e);
	return ANSWER_NOW;
}

enum answer authorize(void *ctx, struct call *call)
{
	struct service *service = ctx;
	enum refused_by failure = REFUSED_FAILURE;
	struct exchange *x;
	int own;

	if (call->len == 0) {
		deny_repeated(service, call);
		return ANSWER_NOW;
	}
	x = exchange_begin(service, call);
	if (!x)
		return fail_without_memory(service, call);
	if (envelope_parse(call->body, call->len, &x->request, &x->error) != 0) {
		failure = REFUSED_QUESTION;
		goto fail;
	}
	own = own_requests_has(service, &x->request, call, &x->error);
	if (own < 0)
		goto fail;
	if (own) {
		reply_allow(&call->reply);
		exchange_end(service, x);
		return ANSWER_NOW;
	}
	return judge(service, x);
fail:
	fail(service, call, failure, &x->error);
	exchange_end(service, x);
	return ANSWER_NOW;
}

void authorize_receive(struct service *service)
{
	struct resolver_result r;

	while (service->resolver && resolver_next(service->resolver, &r)) {
		if (r.tag == service->dockerds)
			dockerd_facts_take(service->dockerds, &r);
		else
			object_asks_take(service->objects, &r);
	}
}

/* A request that waits for dsp-resolve no longer; NULL: there is none. */
static struct exchange *next_known(struct service *service)
{
	struct exchange *x;

	authorize_receive(service);
	LIST_FOREACH (x, &service->waiting, waiting_link) {
		if (x->waits == WAITS_FOR_DOCKERD ? know_dockerd(service, x)
						  : object_lookup_step(x->objects))
			break;
	}
	return x;
}

/* The next look-up of mounts that has ended; NULL: none. */
static struct exchange *next_looked_up(struct service *service)
{
	struct lookup_result result;
	struct exchange *x;

	if (!lookup_pool_next(service->pool, &result))
		return NULL;
	x = result.tag;
	x->in_pool = false;
	if (!result.in_time)
		mark_source_unreadable(&x->facts, result.source);
	else
		mount_lookup_attach(x->lookup, &x->facts);
	return x;
}

/* A call that root's answer, or the end of its wait, has brought to its end; NULL: none. */
static struct call *next_answered(struct service *service)
{
	struct held *held;

	while ((held = held_requests_next(&service->held, clock_now())) != NULL) {
		struct exchange *x = held->tag;
		struct call *call = x->call;
		struct decision d;

		if (held->judging) {
			if (judge_again(service, x) == ANSWER_NOW)
				return call;
			continue;
		}
		begin_clock(x);
		d = decide_answered(&x->asked, &held->answer, held->facts);
		finish(service, x, &d, false);
		exchange_end(service, x);
		return call;
	}
	return NULL;
}

struct call *authorize_next_answer(void *ctx)
{
	struct service *service = ctx;
	struct exchange *x;
	struct call *call = next_answered(service);

	if (call)
		return call;

	while ((x = next_known(service)) != NULL) {
		bool parsed = x->waits == WAITS_FOR_OBJECTS;

		call = x->call;
		x->waited_to_us = clock_us();
		wait_no_more(x);
		if ((parsed ? conclude_if_known(service, x) : go_on(service, x)) == ANSWER_NOW)
			return call;
	}
	while (service->pool && (x = next_looked_up(service)) != NULL) {
		call = x->call;
		x->waited_to_us = clock_us();
		if (conclude_if_known(service, x) == ANSWER_NOW)
			return call;
	}
	return NULL;
}

int authorize_answer_timeout(void *ctx)
{
	const struct service *service = ctx;
	const struct exchange *x;
	uint64_t now = clock_now();
	int wait = service->pool ? lookup_pool_timeout(service->pool) : -1;
	uint64_t held = held_requests_deadline(&service->held);

	if (service->resolver) {
		int more = resolver_timeout(service->resolver);

		if (more >= 0)
			wait = clock_earlier(wait, 0, (uint64_t)more);
	}
	if (held > 0)
		wait = clock_earlier(wait, now, held);
	LIST_FOREACH (x, &service->waiting, waiting_link)
		wait = clock_earlier(wait, now, x->deadline);
	return wait;
}

void authorize_drop(void *ctx, struct call *call)
{
	static const struct ask_answer gone = { .end = ASK_GONE };
	struct service *service = ctx;
	struct exchange *x = call->state;
	struct decision d;

	wait_no_more(x);
	if (x->in_pool)
		lookup_pool_cancel(service->pool, x);
	x->asked.answer.end = x->held ? ASK_GONE : ASK_NOT_ENDED;
	if (x->held && !x->held->judging) {
		begin_clock(x);
		d = decide_answered(&x->asked, &gone, x->held->facts);
		finish(service, x, &d, true);
	}
	exchange_end(service, x);
}

bool authorize_waits_for_root(const struct call *call)
{
	const struct exchange *x = call->state;

	return x->held != NULL;
}
