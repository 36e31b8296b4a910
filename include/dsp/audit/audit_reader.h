/*
 * Reads an audit log (dsp-audit(5)) line by line. Clients chose much of what is in it, and crashes
 * and rotations truncate files: each line is checked before the caller gets it.
 */
#ifndef DSP_AUDIT_READER_H
#define DSP_AUDIT_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

enum audit_entry_type {
	ENTRY_DECISION,
	ENTRY_OUTCOME,
	ENTRY_REPEAT,
	ENTRY_DROPPED,
	ENTRY_GRANT,
	ENTRY_ASKED
};

struct audit_entry {
	size_t number; /* in its file, from 1 */
	enum audit_entry_type type;
	json_t *object;   /* as in audit.schema.json; the caller calls json_decref */
	const char *id;   /* points into object, as time does */
	const char *time; /* "2026-11-25T10:00:00.000000Z" */
	int64_t seconds;  /* the same, since 1970 */
	uint64_t count;   /* repeats, or dropped lines; else 1 */
};

struct audit_reader;

/*
 * Opens a file; "-" is standard input, which must not be a terminal. path must outlive the reader, which the caller closes with
 * audit_reader_close. -1 and e.
 */
MUST_USE int audit_reader_open(const char *path, struct audit_reader **ret, struct err *e);

/* Reads a descriptor, which it closes in any case; name stands in messages. -1 and e. */
MUST_USE int audit_reader_open_fd(
	const char *name, int fd, struct audit_reader **ret, struct err *e);

void audit_reader_close(struct audit_reader *r);

/* Skips, unparsed, the lines that do not have this text, which must outlive r; NULL: skips none. */
void audit_reader_only(struct audit_reader *r, const char *having);

/*
 * Reads the next line. 1: *ret has it. 0: the end. -1 and e ("FILE:LINE: ..."): not a line of an
 * audit log, or one of an unknown version. Skips log lines ("dsp: ..."), which standard error mixes
 * with those of the audit log. Shows on a terminal how far it is (output_progress).
 */
MUST_USE int audit_reader_next(struct audit_reader *r, struct audit_entry *ret, struct err *e);

/* Parses one line, without its newline, from another source; where is what e names. -1 and e. */
MUST_USE int audit_entry_parse(
	const char *where, size_t number, struct span text, struct audit_entry *ret, struct err *e);

/*
 * How many truncated lines were skipped: the last line of a file, and lines in its middle that a
 * killed dspd left and the next dspd ended.
 */
unsigned audit_reader_truncated(const struct audit_reader *r);

/* How many lines were read up to the end, whatever was in them. */
size_t audit_reader_lines(const struct audit_reader *r);

/* Whether text is the start of a line that dspd writes, and not all of it. */
bool audit_entry_is_truncated(struct span text);

/* A string member, or a number that is not negative; "" and 0 where it is missing. */
const char *audit_entry_text(const struct audit_entry *entry, const char *member);
uint64_t audit_entry_number(const struct audit_entry *entry, const char *member);

/* The verdict of a decision: "allow", "deny", or "would": denied but for monitor mode. */
const char *audit_entry_verdict(const struct audit_entry *entry);

/*
 * Restores the bytes that a client sent from a text in which some are escaped. Writes at most
 * strlen(text) bytes to out, and returns how many.
 */
size_t audit_unescape(const char *text, char *out);

/* An element of a list of words ("powers", "closed"); NULL: the list has no more. */
const char *audit_entry_word(const struct audit_entry *entry, const char *list, size_t at);

/* Whether the list has this word. */
bool audit_entry_has(const struct audit_entry *entry, const char *list, const char *word);

#endif
