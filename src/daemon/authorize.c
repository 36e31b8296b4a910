#include "authorize.h"

#include <errno.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/message.h"
#include "dsp/protocol/envelope.h"
#include "dsp/system/clock.h"
#include "dsp/system/log.h"
#include "service.h"

/* A request until its answer. */
struct exchange {
	struct call *call;
	struct snapshot *snapshot;
	uint64_t begun_us; /* when its last byte had come */
	struct request request;
	struct subject subject;
	struct facts facts;
	struct mount_lookup *lookup; /* of its mount sources; NULL: it has none */
};

static struct exchange *exchange_begin(
	const struct service *service, struct call *call, struct err *e)
{
	struct exchange *x = mem_array(1, sizeof(*x));

	if (!x) {
		err_set(e, ENOMEM, "a request");
		return NULL;
	}
	x->call = call;
	x->begun_us = clock_us();
	x->snapshot = snapshot_hold(service->snapshot);
	return x;
}

/* NULL is fine. */
static void exchange_end(struct exchange *x)
{
	if (!x)
		return;
	facts_free(&x->facts);
	mount_lookup_release(x->lookup);
	snapshot_release(x->snapshot);
	mem_free(x);
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

/* 1: the answer comes later. 0: the facts are complete, or say why not. -1 and e: no memory. */
static int look_up_mounts(const struct service *service, struct exchange *x, struct err *e)
{
	const struct policy *policy = &x->snapshot->config->policy;
	bool invisible = policy->mounts_invisible;
	struct span blocked_by;

	if (facts_set_data_root(&x->facts, span_of(policy->data_root), e) != 0)
		return -1;
	if (invisible)
		facts_hide_mounts(&x->facts);
	if (invisible || !service->pool)
		return 0;
	if (mount_lookup_collect(&x->facts, rules_paths(policy->file_rules), service->socket_dir,
		    rules_compared_kinds(policy->file_rules), x->call->peer, &x->lookup, e) != 0)
		return -1;
	if (!x->lookup || x->facts.reading != READING_EXACT)
		return 0;
	if (lookup_pool_submit(service->pool, x->lookup, x, &blocked_by) == 0)
		return 1;
	mark_source_unreadable(
		&x->facts, blocked_by.n > 0 ? blocked_by : mount_lookup_first(x->lookup));
	return 0;
}

/* --- the way of a request ----------------------------------------------------------------------*/

static void conclude(const struct service *service, struct exchange *x)
{
	const struct config *c = x->snapshot->config;
	struct reply *reply = &x->call->reply;
	char message[MESSAGE_MOST] = "";
	const struct refusal *refusal;
	struct nearest_rule near = { .rule = NULL };
	struct decision d;
	struct err e;

	if (facts_add_mount_powers(&x->facts, span_of(c->policy.socket_dir), &e) != 0) {
		fail(service, x->call, REFUSED_FAILURE, &e);
		return;
	}
	d = decide(&c->policy, &x->subject, &x->facts);
	if (d.verdict != VERDICT_ALLOW || d.monitored) {
		nearest_rule_find(&c->policy, &x->subject, &x->facts, &d, &near);
		message_write(&c->policy, &x->subject, &x->facts, &d, &near, message);
	}
	/* The one thing that comes back: an audit log that must be kept and cannot. */
	refusal = sinks_record(&service->sinks,
		&(struct decision_event){ .request = &x->request,
			.subject = &x->subject,
			.facts = &x->facts,
			.decision = &d,
			.near = &near,
			.message = message[0] != '\0' ? message : NULL,
			.policy = &c->policy,
			.generation = x->snapshot->generation,
			.digest = c->digest,
			.request_bytes = x->call->len,
			.duration_us = clock_us() - x->begun_us });
	if (refusal)
		reply_deny(reply, refusal->message);
	else if (d.verdict == VERDICT_ALLOW)
		reply_allow(reply);
	else
		reply_deny(reply, message);
}

enum answer authorize(void *ctx, struct call *call)
{
	struct service *service = ctx;
	enum refused_by failure = REFUSED_FAILURE;
	struct exchange *x;
	struct err e;
	int later;

	if (call->len == 0) {
		deny_repeated(service, call);
		return ANSWER_NOW;
	}
	x = exchange_begin(service, call, &e);
	if (!x)
		goto fail;
	if (envelope_parse(call->body, call->len, &x->request, &e) != 0) {
		failure = REFUSED_QUESTION;
		goto fail;
	}
	x->subject = subject_identify(x->snapshot->config->policy.file_rules, &x->request);
	if (facts_parse(&x->request, &x->facts, &e) != 0)
		goto fail;
	probe_record(&service->probes, &x->facts);
	later = look_up_mounts(service, x, &e);
	if (later < 0)
		goto fail;
	if (later) {
		call->state = x;
		return ANSWER_LATER;
	}
	conclude(service, x);
	exchange_end(x);
	return ANSWER_NOW;
fail:
	fail(service, call, failure, &e);
	exchange_end(x);
	return ANSWER_NOW;
}

struct call *authorize_next_answer(void *ctx)
{
	const struct service *service = ctx;
	struct lookup_result result;
	struct exchange *x;
	struct call *call;

	if (!lookup_pool_next(service->pool, &result))
		return NULL;
	x = result.tag;
	call = x->call;
	if (!result.in_time)
		mark_source_unreadable(&x->facts, result.source);
	else
		mount_lookup_attach(x->lookup, &x->facts);
	conclude(service, x);
	exchange_end(x);
	return call;
}

int authorize_answer_timeout(void *ctx)
{
	const struct service *service = ctx;

	return lookup_pool_timeout(service->pool);
}

void authorize_drop(void *ctx, struct call *call)
{
	const struct service *service = ctx;

	lookup_pool_cancel(service->pool, call->state);
	exchange_end(call->state);
}
