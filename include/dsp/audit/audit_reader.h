/*
 * Reading an audit trail again (dsp-audit(5)), line by line. What is in it came from strangers, and
 * files are cut off by crashes and rotations: each line is checked before anybody sees it.
 */
#ifndef DSP_AUDIT_READER_H
#define DSP_AUDIT_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

enum audit_entry_type { ENTRY_DECISION, ENTRY_OUTCOME, ENTRY_REPEAT, ENTRY_DROPPED };

struct audit_entry {
	size_t number; /* in its file, from 1 */
	enum audit_entry_type type;
	json_t *object;   /* as audit.schema.json has it; json_decref is for the caller */
	const char *id;   /* inside object, as all below */
	const char *time; /* "2026-11-25T10:00:00.000000Z" */
	int64_t seconds;  /* the same, since 1970 */
	uint64_t count;   /* of a repeat or of dropped lines; else 1 */
};

struct audit_reader;

/* Opens a file, "-": standard input. The caller closes it with audit_reader_close. -1 and e. */
MUST_USE int audit_reader_open(const char *path, struct audit_reader **ret, struct err *e);

void audit_reader_close(struct audit_reader *r);

/*
 * The next line: 1 and *ret. 0: there is no more. -1 and e ("FILE:LINE: ..."): a line that is no
 * line of a trail, or of a version that is not known. Lines for persons, which stand between
 * those of a trail on standard error ("dsp: ..."), are passed over.
 */
MUST_USE int audit_reader_next(struct audit_reader *r, struct audit_entry *ret, struct err *e);

/* One line without its end, from elsewhere; where is what an error names. 0, or -1 and e. */
MUST_USE int audit_entry_parse(
	const char *where, size_t number, struct span text, struct audit_entry *ret, struct err *e);

/*
 * How many lines were cut off while they were written, and passed over: the last one of a file, and
 * in its middle what a dsp that was killed has left, which the next one ended.
 */
unsigned audit_reader_truncated(const struct audit_reader *r);

/* Whether this is the start of a line that dsp writes, and no more. */
bool audit_entry_is_truncated(struct span text);

/* A member that is a text, or a number that is none below 0; "" and 0 where it is not there. */
const char *audit_entry_text(const struct audit_entry *entry, const char *member);
uint64_t audit_entry_number(const struct audit_entry *entry, const char *member);

/* Of a decision: allow, deny, or would (be denied, but for monitor mode). */
const char *audit_entry_verdict(const struct audit_entry *entry);

/*
 * The bytes that a client sent, of a text of the trail in which some are escaped; out has room for
 * strlen(text) bytes. How many there are.
 */
size_t audit_unescape(const char *text, char *out);

/* The word of an element of a list ("powers", "closed"); NULL: there are no more. */
const char *audit_entry_word(const struct audit_entry *entry, const char *list, size_t at);

/* Whether the list has this word. */
bool audit_entry_has(const struct audit_entry *entry, const char *list, const char *word);

#endif
