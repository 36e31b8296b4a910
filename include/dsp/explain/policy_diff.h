/* What two policies decide differently: for each client, operation, power, and item of a list. */
#ifndef DSP_POLICY_DIFF_H
#define DSP_POLICY_DIFF_H

#include <stddef.h>

#include "dsp/core/policy/decide.h"

struct policy_pair {
	const struct policy *old;
	const struct policy *new;
};

/* All clients that are one subject by the old policy and one by the new, such as the user ana. */
struct diff_client {
	struct subject old;
	struct subject new;
};

/* What a decision is worth. */
enum diff_state { DIFF_DENY, DIFF_ASK, DIFF_WOULD, DIFF_ALLOW };

struct diff_change {
	const struct diff_client *client;
	const struct route *route;  /* NULL: one that the table does not know */
	enum power power;           /* POWER_COUNT: nothing but what the route asks for by itself */
	enum list_kind list;        /* of item */
	const struct pattern *item; /* the request names it; NULL: none */
	const struct decision *old;
	const struct decision *new;
};

/* Called for each decision that changed. */
typedef void diff_visit(void *context, const struct diff_change *change);

/*
 * Finds the clients that the policies can tell apart: by each certificate's name and each token
 * that one of them has, by an unknown certificate or token, or by nothing. Returns how many; the
 * caller frees *ret with mem_free. SIZE_MAX: no memory.
 */
MUST_USE size_t diff_clients(const struct policy_pair *pair, struct diff_client **ret);

/* Writes "ana", "ana (before: unknown certificate)", "ana (now: ben)"; terminated. */
void diff_client_write(const struct diff_client *c, char *out, size_t cap);

/* "deny", "ask" (root is asked first), "would" (only monitor mode allows it), "allow". */
enum diff_state diff_state(const struct decision *d);
const char *diff_state_name(enum diff_state state);

/*
 * Decides each operation by itself and with each power that it can ask for, as access_query_answer
 * does. Of routes that share an operation the one that is allowed counts.
 */
void diff_powers(const struct policy_pair *pair, const struct diff_client *client,
	diff_visit *visit, void *context);

/*
 * Decides each operation that can name an item with each item of the lists of both policies, but
 * words for objects such as own; for each of so many clients. -1: no memory.
 */
MUST_USE int diff_items(const struct policy_pair *pair, const struct diff_client *clients,
	size_t count, diff_visit *visit, void *context);

/* Writes the rule, flag or step that decided; terminated. */
void diff_why(
	const struct policy *policy, enum power p, const struct decision *d, char *out, size_t cap);

#endif
