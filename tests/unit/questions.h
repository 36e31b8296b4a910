/* Questions to a policy and its answers. */
#ifndef DSP_UNIT_QUESTIONS_H
#define DSP_UNIT_QUESTIONS_H

#include "world.h"

#include "dsp/core/base/mem.h"
#include "dsp/core/policy/message.h"

struct question {
	const char *method;
	const char *target;
	const char *body; /* JSON; NULL: none */
	const char *user; /* of the certificate; NULL: none */
	const char *token;
};

struct answer {
	struct request request;
	struct subject subject;
	struct facts facts;
	struct decision decision;
	struct nearest_rule near;
	char message[MESSAGE_MOST];
	char *body; /* parsed in place */
};

/* The facts of a question. Mount sources are judged by their text, or are not visible. */
static inline void world_read(struct world *w, const struct question *q, struct answer *a)
{
	struct request *rq = &a->request;
	struct err e;

	*a = (struct answer){ .body = NULL };
	rq->method = span_of(q->method);
	rq->target = span_of(q->target);
	rq->user = span_of(q->user);
	rq->has_token = q->token != NULL;
	rq->token = span_of(q->token);
	rq->has_content_type = rq->has_content_length = true;
	rq->content_type = SPAN("application/json");
	rq->content_length = SPAN("0");
	if (q->body) {
		rq->has_content_length = false;
		rq->body = a->body = quoted(q->body);
		rq->body_len = strlen(a->body);
	}
	assert_int_equal(facts_parse(rq, &a->facts, &e), 0);
	if (w->policy.mounts_invisible)
		facts_hide_mounts(&a->facts);
	assert_int_equal(facts_add_mount_powers(&a->facts, policy_own_paths(&w->policy), &e), 0);
	a->subject = subject_identify(w->file.rules, rq);
}

static inline void world_ask(struct world *w, const struct question *q, struct answer *a)
{
	world_read(w, q, a);
	a->decision = decide(&w->policy, &a->subject, &a->facts, NULL);
	nearest_rule_find(&w->policy, &a->subject, &a->facts, &a->decision, &a->near);
	message_write(
		&(struct message){ &w->policy, &a->subject, &a->facts, &a->decision, &a->near },
		a->message);
}

static inline void answer_free(struct answer *a)
{
	facts_free(&a->facts);
	free(a->body);
}

#endif
