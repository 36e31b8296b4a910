/* A policy and the requests that it decides, for the tests of core/policy and core/record. */
#ifndef DSP_UNIT_WORLD_H
#define DSP_UNIT_WORLD_H

#include "unit.h"

#include "dsp/core/base/b64.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/facts/facts.h"
#include "dsp/core/policy/decide.h"
#include "dsp/core/policy/message.h"
#include "dsp/core/policy/policy.h"
#include "dsp/core/policy/policy_file.h"

struct world {
	struct settings settings;
	struct findings findings;
	struct policy_file file;
	struct policy policy;
	char *text; /* of the policy file */
};

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
	char message[MESSAGE_MOST];
	char *body;
	char *body64;
};

/* A copy on the heap with " for each ', so that JSON can be read in C. */
static inline char *quoted(const char *text)
{
	char *copy = text ? exactly(text, strlen(text) + 1) : NULL;

	for (char *c = copy; c && *c; c++)
		*c = *c == '\'' ? '"' : *c;
	return copy;
}

/* flags: lines of an env file. file: a policy file with ' for "; NULL: none. */
static inline void world_open(struct world *w, const char *flags, const char *file)
{
	struct err e;

	*w = (struct world){ .findings = { .file = "policy.json" } };
	settings_init(&w->settings);
	if (settings_parse_file(&w->settings, "flags", span_of(flags), &e) != 0)
		fail_msg("%s", e.text);
	settings_finish(&w->settings);
	w->text = quoted(file);
	w->findings.text = span_of(w->text);
	if (file) {
		assert_int_equal(policy_file_parse(&w->file, &w->findings), 0);
		if (findings_fatal(&w->findings))
			fail_msg("%s", w->findings.items[0].text);
	}
	policy_compile(&w->settings, "/run/docker/plugins/dsp.sock", w->file.rules, &w->policy);
}

static inline void world_close(struct world *w)
{
	rules_free(w->file.rules);
	findings_free(&w->findings);
	free(w->text);
}

/* The facts of a question. Mount sources are judged by their text, or are not visible. */
static inline void world_read(struct world *w, const struct question *q, struct answer *a)
{
	struct request *rq = &a->request;
	struct err e;

	*a = (struct answer){ .body = quoted(q->body) };
	rq->method = span_of(q->method);
	rq->target = span_of(q->target);
	rq->user = span_of(q->user);
	rq->has_token = q->token != NULL;
	rq->token = span_of(q->token);
	if (q->body) {
		rq->has_content_type = true;
		rq->content_type = SPAN("application/json");
		a->body64 = b64_encode(span_of(a->body));
		assert_non_null(a->body64);
		rq->body64 = a->body64;
		rq->body64_len = strlen(a->body64);
	} else {
		rq->has_content_length = true;
		rq->content_length = SPAN("0");
	}
	assert_int_equal(facts_parse(rq, &a->facts, &e), 0);
	if (w->policy.mounts_invisible)
		facts_hide_mounts(&a->facts);
	assert_int_equal(facts_add_mount_powers(&a->facts, span_of(w->policy.socket_dir), &e), 0);
	a->subject = subject_identify(w->file.rules, rq);
}

static inline void world_ask(struct world *w, const struct question *q, struct answer *a)
{
	world_read(w, q, a);
	a->decision = decide(&w->policy, &a->subject, &a->facts);
	message_write(&w->policy, &a->subject, &a->facts, &a->decision, a->message);
}

static inline void answer_free(struct answer *a)
{
	facts_free(&a->facts);
	mem_free(a->body64);
	free(a->body);
}

#endif
