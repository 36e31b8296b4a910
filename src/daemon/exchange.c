#include "exchange.h"

#include <stddef.h>
#include <string.h>

#include "dsp/core/base/mem.h"

/* Nearly every request is decided before the next one comes: this memory is for those. */
static struct exchange usual;
static bool usual_taken;

struct exchange *exchange_new(void)
{
	struct exchange *x = usual_taken ? mem_alloc(sizeof(*x)) : &usual;

	if (!x)
		return NULL;
	usual_taken = true;
	memset(x, 0, offsetof(struct exchange, facts));
	facts_init(&x->facts);
	return x;
}

void exchange_free(struct exchange *x)
{
	if (x == &usual)
		usual_taken = false;
	else
		mem_free(x);
}

const char *exchange_denial(struct exchange *x, const struct decision *d)
{
	const struct policy *policy = &x->snapshot->config->policy;

	x->near.rule = NULL;
	x->message[0] = '\0';
	if (d->verdict == VERDICT_ALLOW && !d->monitored)
		return NULL;
	nearest_rule_find(policy, &x->subject, &x->facts, d, &x->near);
	message_write(&(struct message){ policy, &x->subject, &x->facts, d, &x->near }, x->message);
	return x->message;
}
