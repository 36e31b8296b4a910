/*
 * Allowed requests that make, remove or rename something, until dockerd says what became of them
 * (AuthZRes); and the containers that were removed or renamed in the last ten minutes. For one
 * thread, in memory alone: a dspd that starts knows of none.
 */
#ifndef DSP_EXPECTED_H
#define DSP_EXPECTED_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/facts/attributes.h"

struct expected;

enum expected_text {
	/* What AuthZRes repeats. */
	EXPECTED_METHOD,
	EXPECTED_TARGET,
	EXPECTED_USER,   /* of the certificate */
	EXPECTED_SENDER, /* by its token: whatever has no token has the same; never empty */
	/* What it means. */
	EXPECTED_SUBJECT, /* the user, as an owner */
	EXPECTED_OWNER,   /* who shall own what it makes, or owns what it removes or renames */
	EXPECTED_NAME,    /* of the container or volume; may be empty */
	EXPECTED_ID,      /* the id of the thing that it removes; empty: not known */
	EXPECTED_TEXTS,
};

/* An allowed request. Its texts are borrowed where it is handed over, and copied. */
struct expectation {
	enum attribute_kind kind;
	struct span texts[EXPECTED_TEXTS];
	bool makes;
	bool fresh; /* of a volume: dockerd had none of this name, and no other request makes it */
};

struct expected *expected_new(void) __attribute__((warn_unused_result));
void expected_free(struct expected *x);

/* One that cannot be remembered, or is dropped for this one, makes all unsure. now: clock_now. */
void expected_add(struct expected *x, const struct expectation *e, uint64_t now);

enum expected_found {
	EXPECTED_NONE,
	EXPECTED_UNSURE, /* there may be others that mean something else */
	EXPECTED_ONE,
};

/*
 * Ends the request that has kind, method, target and user of e, and those of its other texts that
 * are not empty; the oldest of several. EXPECTED_ONE sets e; its spans live until the next call.
 * Where several do not mean the same, no other of them is sure from then on: the wrong one may have
 * ended.
 */
enum expected_found expected_end(struct expected *x, struct expectation *e);

/* Whether a request that makes such a thing was added within ten minutes, and has not ended. */
bool expected_makes(const struct expected *x, enum attribute_kind kind, uint64_t now);

/* Drops all requests: dockerd restarted, and none of them will end. */
void expected_clear(struct expected *x);

/* Remembers a container that the subject removed or renamed. */
void expected_add_departed(struct expected *x, const struct expectation *e, uint64_t now);

/*
 * The owner of the last container of this name that the subject removed or renamed within ten
 * minutes; it may be empty. False: there is none.
 */
bool expected_find_departed(const struct expected *x, struct span name, struct span subject,
	uint64_t now, struct span *owner);

#endif
