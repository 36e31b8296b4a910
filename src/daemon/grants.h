/*
 * Grants (dsp allow): allow rules that root gives for a while. They are kept in memory alone, and
 * end by a clock that runs while the machine sleeps and that no date changes. Each decision looks
 * at the clock; the tick only reports what has ended, and gives memory back. For one thread.
 */
#ifndef DSP_GRANTS_H
#define DSP_GRANTS_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/config/config.h"
#include "dsp/core/base/err.h"
#include "dsp/core/policy/grant_rules.h"
#include "dsp/core/record/grant_event.h"
#include "sinks.h"

enum {
	GRANT_ID_ROOM = 8,
	GRANT_REASON_MOST = 200, /* bytes */
};

/* What root asks for. */
struct grant_wish {
	const char *rule;   /* a JSON object in ASCII: a rule of a policy file, without a name */
	uint64_t seconds;   /* how long */
	const char *reason; /* or empty */
	struct grant_by by;
	bool yes_root; /* it may make its users root on the host */
	bool answers;  /* given beside an answer (approve --for): for requests that do not wait */
};

struct grants;

/*
 * sinks: borrowed. now: microseconds of a clock that never goes back, such as clock_boot_us. NULL:
 * no memory.
 */
struct grants *grants_new(const struct sinks *sinks, uint64_t (*now)(void))
	__attribute__((warn_unused_result));

/* Ends all grants, which the audit log gets: dspd stops. NULL is fine. */
void grants_free(struct grants *g);

/*
 * The settings in force from now on, which must outlive g or the next call. Parses each grant again
 * with their users; what can be a grant no longer, or is longer than they allow, ends.
 */
void grants_configure(struct grants *g, const struct config *config);

/*
 * Gives a grant; grants_newest is its id then. -1 and e: it cannot be given; e->code is EPERM where
 * it needs yes_root, EBUSY where it cannot be given now, ENOMEM, or 0: a mistake.
 */
MUST_USE int grants_give(struct grants *g, const struct grant_wish *wish, struct err *e);
const char *grants_newest(const struct grants *g);

/* Ends the grant of this id, or all (NULL); returns how many. */
size_t grants_revoke(struct grants *g, const char *id, const struct grant_by *by);

/* Reports what has ended. Returns in how many ms to call it again; 0: no grant is open. */
unsigned grants_tick(struct grants *g);

/* How many are open, and how many of these make their users root. */
size_t grants_count(struct grants *g);
size_t grants_root_count(struct grants *g);

/* An open grant; its texts live until the next call. */
struct grant_info {
	const char *id;
	const char *rule; /* a JSON object, with the id as its name */
	const char *reason;
	const struct grant_by *by;
	bool root;
	uint64_t given_us; /* since 1970 */
	uint64_t left_us;  /* until its end */
	uint64_t seconds;  /* for so long it was given */
	uint64_t uses;     /* requests that it allowed */
};

/* The open grant after the first i. False: there is none. */
bool grants_at(struct grants *g, size_t i, struct grant_info *ret);

/* --- for a request -----------------------------------------------------------------------------*/

/*
 * The grants at a moment, compiled. A request keeps those that it began with: what dockerd is asked
 * about depends on them.
 */
struct grant_set;

/* NULL: there is none. g may be NULL. */
struct grant_set *grants_hold(struct grants *g);
void grant_set_release(struct grant_set *set);

/* Their rules; NULL: set is NULL. */
const struct rules *grant_set_rules(const struct grant_set *set);

/*
 * Those of the set that have not ended now; for decide. held: of a request that waits for root,
 * which a grant given beside an answer does not release.
 */
struct grant_rules grants_now(struct grants *g, const struct grant_set *set, bool held);

/* The grant of this name allowed a request. */
void grants_used(struct grants *g, struct span id);

#endif
