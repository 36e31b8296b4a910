/*
 * One line of the audit trail: facts and decision to JSON (dsp-audit(5), plugin/audit.schema.json).
 * Pure: it knows no clock. Whatever bytes it is given, the line is valid JSON, valid UTF-8, one
 * line, and no longer than AUDIT_RECORD_MOST. Never in it: bodies, tokens, headers, environments.
 */
#ifndef DSP_AUDIT_RECORD_H
#define DSP_AUDIT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/span.h"
#include "dsp/core/record/decision_event.h"

enum {
	AUDIT_RECORD_MOST = 8192,  /* bytes of a line, its newline and a terminating NUL included */
	AUDIT_RECORD_ID_ROOM = 40, /* a line's name, terminated */
	AUDIT_RECORD_TIME_ROOM = 32, /* a time, terminated */
};

/* What stands before all that repeats itself. */
struct audit_record_head {
	const char *id;    /* of this line; printable */
	uint64_t time_us;  /* since 1970, UTC */
	uint64_t count;    /* of repeats, or lines that were dropped */
	uint64_t since_us; /* of those: the time of the first */
};

/* dockerd's word on what became of a request. */
struct request_outcome {
	struct span method;
	struct span target;
	struct span user;
	unsigned status;      /* HTTP; 0: dockerd named none */
	const char *decision; /* the id of its decision; NULL: that is not known */
	const char *pair;     /* "exact", or why it has no decision: "ambiguous", "unknown" */
};

/* A line, and where in it that begins which is the same when the same is done again. */
struct audit_record_line {
	size_t n;      /* bytes, the newline included */
	size_t stable; /* the first byte behind the head */
	char text[AUDIT_RECORD_MOST];
};

void audit_record_decision(const struct audit_record_head *head, const struct decision_event *e,
	struct audit_record_line *ret);
void audit_record_outcome(const struct audit_record_head *head, const struct request_outcome *o,
	struct audit_record_line *ret);

/* head->count more of the line `of`, which is of a type, from head->since_us to head->time_us. */
void audit_record_repeats(const struct audit_record_head *head, const char *of, const char *type,
	struct audit_record_line *ret);

/* head->count lines that are missing, so many of them of decisions, since head->since_us. */
void audit_record_dropped(
	const struct audit_record_head *head, uint64_t decisions, struct audit_record_line *ret);

/* RFC 3339 in UTC, with microseconds. */
void audit_record_time(uint64_t us, char out[AUDIT_RECORD_TIME_ROOM]);

#endif
