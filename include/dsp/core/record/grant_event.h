/* What became of a grant (dsp allow), for the audit log. Borrowed, for one call. */
#ifndef DSP_GRANT_EVENT_H
#define DSP_GRANT_EVENT_H

#include <stdbool.h>
#include <stdint.h>

/* Who gave or revoked a grant: the root process that asked, and who stood behind it. */
struct grant_by {
	uint64_t uid;
	int64_t login_uid; /* of the session; -1: none is known */
	char name[64];     /* who called sudo; empty: nobody is known */
};

struct grant_event {
	enum grant_step { GRANT_GIVEN, GRANT_ENDED, GRANT_REVOKED } step;
	const char *id;
	const char *rule;   /* a JSON object, ASCII */
	const char *reason; /* empty: none was given */
	const char *why;    /* GRANT_ENDED: why; else NULL */
	const char *until; /* RFC 3339: when it ends, or would have ended, by the date then known */
	uint64_t seconds;  /* for so long it was given */
	uint64_t uses;     /* requests that it allowed */
	bool root;         /* it makes its users root on the host */
	const struct grant_by *by; /* who gave, or revoked it; NULL: nobody did */
};

/* "given", "ended", "revoked" */
const char *grant_step_name(enum grant_step step);

#endif
