/*
 * One line of the audit log: facts and decision as JSON (dsp-audit(5), plugin/audit.schema.json).
 * Whatever bytes it is given, the line is valid JSON, valid UTF-8, one line, and shorter than
 * AUDIT_RECORD_MOST. It never holds bodies, tokens, headers or environments.
 */
#ifndef DSP_AUDIT_RECORD_H
#define DSP_AUDIT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/span.h"
#include "dsp/core/record/decision_event.h"
#include "dsp/core/record/grant_event.h"

enum {
	AUDIT_RECORD_MOST = 8192,  /* bytes of a line, its newline and a terminating NUL included */
	AUDIT_RECORD_ID_ROOM = 40, /* a line's id, terminated */
	GRANT_RULE_MOST = 4096,    /* bytes of a grant's rule */
};

/* The part of a line that differs each time, even if the same request is decided again. */
struct audit_record_head {
	const char *id;    /* of this line; printable ASCII */
	const char *time;  /* RFC 3339 */
	const char *host;  /* the host's name; NULL or empty: not known */
	uint64_t count;    /* of repeats, or of lines that were dropped */
	const char *since; /* the time of the first of those */
};

/* dockerd's word on what became of a request. */
struct request_outcome {
	struct span method;
	struct span target;
	struct span user;
	unsigned status;      /* HTTP; 0: dockerd named none */
	struct span created;  /* the id of the container that it made; empty: none */
	const char *decision; /* the id of its decision; NULL: that is not known */
	const char *pair;     /* "exact", or why it has no decision: "ambiguous", "unknown" */
};

/* A line. Behind its head it is the same whenever the same request is decided in the same way. */
struct audit_record_line {
	size_t n;      /* bytes, the newline included */
	size_t stable; /* the first byte behind the head */
	char text[AUDIT_RECORD_MOST];
};

/* Of an ask that is no decision yet: a line of type asked. */
void audit_record_decision(const struct audit_record_head *head, const struct decision_event *e,
	struct audit_record_line *ret);
void audit_record_outcome(const struct audit_record_head *head, const struct request_outcome *o,
	struct audit_record_line *ret);

/* e->rule of more than GRANT_RULE_MOST bytes is left out. */
void audit_record_grant(const struct audit_record_head *head, const struct grant_event *e,
	struct audit_record_line *ret);

/* The line `of`, which is of a type, was repeated head->count times since head->since. */
void audit_record_repeats(const struct audit_record_head *head, const char *of, const char *type,
	struct audit_record_line *ret);

/* head->count lines were dropped since head->since, so many of them of decisions. */
void audit_record_dropped(
	const struct audit_record_head *head, uint64_t decisions, struct audit_record_line *ret);

#endif
