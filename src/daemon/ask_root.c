#include "ask_root.h"

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/ask_facts.h"
#include "dsp/core/policy/message.h"
#include "dsp/system/clock.h"
#include "root_answers.h"

unsigned ask_root_objects(const struct exchange *x)
{
	const struct policy *policy = &x->snapshot->config->policy;

	if (policy->resolver[0] == '\0' || !x->facts.route)
		return 0;
	return rules_root_asks_about(policy->file_rules, x->subject.id, x->facts.route->operation);
}

/* Has it wait, or says why it cannot. */
static enum ask_end hold(struct service *service, struct exchange *x, const struct rule *rule,
	const unsigned char facts[DIGEST_SIZE])
{
	char user[HELD_USER_ROOM];
	struct held_wish wish = { .bytes = x->call->len + (x->body ? x->request.body_len : 0),
		.things = x->facts.attributes.count,
		.wait = rule->wait,
		.tag = x };

	subject_write(&x->subject, user, sizeof(user));
	wish.user = span_of(user);
	memcpy(wish.facts, facts, sizeof(wish.facts));
	return held_requests_add(&service->held, &wish, clock_now(), &x->held);
}

/* It waits from now on, or is another than root saw. */
static void list_held(struct service *service, struct exchange *x)
{
	const struct config *c = x->snapshot->config;
	const struct nearest_rule none = { .rule = NULL };
	char message[MESSAGE_MOST];
	const struct decision_event event = { .request = &x->request,
		.subject = &x->subject,
		.facts = &x->facts,
		.decision = &x->asked,
		.ask = &x->held->ask,
		.message = message,
		.policy = &c->policy,
		.generation = x->snapshot->generation,
		.digest = c->digest,
		.request_bytes = x->call->len,
		.duration_us = clock_us() - x->begun_us };
	struct line l;

	message_write(
		&(struct message){ &c->policy, &x->subject, &x->facts, &x->asked, &none }, message);
	line_init(&l, message + strlen(message), sizeof(message) - strlen(message));
	line_add(&l, "; dsp approve %s, or dsp refuse %s", x->held->ask.id, x->held->ask.id);
	(void)sinks_record(&service->sinks, &event);
	mem_free(x->held->what);
	x->held->what = root_answers_describe(&event);
}

bool ask_root(struct service *service, struct exchange *x, struct decision *d)
{
	const struct decision asked = *d;
	struct ask_answer answer = { .end = ASK_NOT_ENDED };
	char before[ASK_ID_ROOM] = "";
	unsigned char facts[DIGEST_SIZE] = { 0 };

	/* What cannot wait has no need of it, and it may cost as much as all the rest. */
	if (x->held || x->facts.attributes.count <= HELD_THINGS_MOST)
		ask_facts_digest(d->rule, &x->subject, &x->facts, facts);
	if (!x->held) {
		answer.end = hold(service, x, d->rule, facts);
	} else {
		memcpy(before, x->held->ask.id, sizeof(before));
		answer = *held_requests_judged(
			&service->held, x->held, facts, d->rule->wait, clock_now());
	}
	*d = decide_answered(&asked, &answer, facts);
	/* Other settings came in force since it was judged: by these too. */
	if (d->verdict == VERDICT_ALLOW && x->held->again)
		*d = asked;
	if (d->verdict != VERDICT_ASK)
		return false;
	x->asked = asked;
	if (strcmp(before, x->held->ask.id) != 0)
		list_held(service, x);
	if (before[0] != '\0')
		root_answers_changed(service, x->held);
	/* The largest part of what a request keeps; nothing needs it until it is judged again. */
	mem_free(x->facts.body);
	x->facts.body = NULL;
	return true;
}
