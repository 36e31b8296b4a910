/*
 * Who owns what requests make: the user whose request it was, or whom the rule that allowed it
 * names. What AuthZReq allowed is remembered until AuthZRes says that it was done; then the owner
 * is recorded, and the client gets its answer when that is on the disk. Nothing is recorded while
 * no rule of the policy file speaks of owners. Used by the event loop's thread alone.
 */
#ifndef DSP_OWNERSHIP_H
#define DSP_OWNERSHIP_H

#include <sys/queue.h>

#include "dsp/core/record/authz_response.h"
#include "dsp/core/record/decision_event.h"
#include "server.h"
#include "service.h"

/* An AuthZRes that comes piece by piece, and may then wait for the disk; or a /Dsp.Own. */
struct response {
	struct authz_response parsed;
	struct authz_more more;
	struct call *call;
	bool is_own; /* of /Dsp.Own; else an AuthZRes */
	bool waits;
	uint64_t ticket; /* of what it waits for */
	uint64_t deadline;
	LIST_ENTRY(response) link;
};

/* Starts or ends the recording, as the policy in force wants it. -1 and e: no thread. */
MUST_USE int ownership_configure(struct service *service, struct err *e);

/*
 * The kinds of things, a bit for each, that dockerd is asked about to know owners: a volume that is
 * made, for it may be there; a container that is removed or renamed by a user whose creates inherit
 * owners.
 */
unsigned ownership_asks_about(const struct rules *rules, size_t subject, size_t operation);

/*
 * Why an allowed request must be denied: it makes something whose owner could not be recorded.
 * NULL: it need not. The refusal lives until the next call.
 */
const struct refusal *ownership_refusal(struct service *service, const struct decision_event *e);

/* Remembers an allowed request of which an owner follows. */
void ownership_expect(struct service *service, const struct decision_event *e);

/*
 * Whether a thing of this kind may have been made a moment ago, whose owner dspd does not know yet:
 * its create was allowed, and the AuthZRes has not come.
 */
bool ownership_may_come(const struct service *service, enum attribute_kind kind);

/* dockerd activates dsp again: no AuthZRes of before will come. */
void ownership_dockerd_restarted(struct service *service);

/*
 * Records what became of a request. True: the response waits for the disk, and ownership_next
 * returns it.
 */
bool ownership_record(
	struct service *service, const struct request_outcome *outcome, struct response *r);

/* Has a response wait for a ticket of owners_give. False: that is settled already. */
bool ownership_wait(struct service *service, struct response *r, uint64_t ticket);

/* A response that waits no longer; NULL: there is none. */
struct response *ownership_next(struct service *service);

/* The response waits no longer, if it did. */
void ownership_forget(struct response *r);

/* Milliseconds until one waits no longer; -1: none does. */
int ownership_timeout(const struct service *service);

#endif
