/*
 * One entry of an audit log as a line for the user: printable ASCII of bounded length, whatever the
 * entry has in it.
 */
#ifndef DSP_AUDIT_LINE_H
#define DSP_AUDIT_LINE_H

#include "dsp/audit/audit_reader.h"

enum {
	AUDIT_LINE_MOST = 699,
	AUDIT_LINE_WORD = 5,  /* the width of the word that a line begins with */
	AUDIT_LINE_NAME = 64, /* the longest name */
	AUDIT_LINE_WHY = 400,
};

struct audit_line_text {
	char main[AUDIT_LINE_MOST + 1];
	char why[AUDIT_LINE_WHY + 1]; /* the reason; or empty */
};

/*
 * Writes "deny   alice      container_kill         POST /v1.41/containers/web/kill [kill]", of at
 * most so many columns, and the reason.
 */
void audit_line_write(const struct audit_entry *l, size_t most, struct audit_line_text *ret);

/* What a line is about, and so its colour: of an entry, or of a line that was written. */
enum shade { SHADE_ALLOW, SHADE_DENY, SHADE_WOULD, SHADE_OUTCOME };
enum shade audit_line_shade(const struct audit_entry *l);
enum shade audit_line_shade_of(const char *text);

/*
 * Writes a member, as a client sent it, escaped, of at most so many bytes; out has room for one
 * more. Returns out, or "-" when the member is empty or not there.
 */
const char *audit_line_escaped(
	const struct audit_entry *l, const char *member, char *out, size_t most);

/* Writes a member that dsp wrote itself, as it is; "?" for what is not printable. Returns out. */
const char *audit_line_printable(
	const struct audit_entry *l, const char *member, char *out, size_t most);

/* Cuts text to so many columns, at least 3, with "..." at its end. */
void audit_line_cut(char *text, size_t most);

#endif
