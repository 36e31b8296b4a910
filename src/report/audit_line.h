/*
 * One line of an audit trail in words, for a person's eyes: printable ASCII of bounded length,
 * whatever is in it.
 */
#ifndef DSP_AUDIT_LINE_H
#define DSP_AUDIT_LINE_H

#include "dsp/audit/audit_reader.h"

enum {
	AUDIT_LINE_MOST = 699,
	AUDIT_LINE_WORD = 5,  /* the width of the word that it begins with */
	AUDIT_LINE_NAME = 64, /* the most of a name */
	AUDIT_LINE_WHY = 400,
};

struct audit_line_text {
	char main[AUDIT_LINE_MOST + 1];
	char why[AUDIT_LINE_WHY + 1]; /* empty: there is nothing to say */
};

/* "deny   alice      container_kill         POST /v1.41/containers/web/kill [kill]", and why. */
void audit_line_write(const struct audit_entry *l, size_t most, struct audit_line_text *ret);

/* What it is about, and the same of a sentence. */
enum shade { SHADE_ALLOW, SHADE_DENY, SHADE_WOULD, SHADE_OUTCOME };
enum shade audit_line_shade(const struct audit_entry *l);
enum shade audit_line_shade_of(const char *text);

/* A member as its bytes came, escaped; "-" when it is not there. Returns out, or that. */
const char *audit_line_escaped(
	const struct audit_entry *l, const char *member, char *out, size_t most);

/* What dsp has said, as it stands; what is not printable is not dsp's. */
const char *audit_line_printable(
	const struct audit_entry *l, const char *member, char *out, size_t most);

/* To so many columns, three at least. */
void audit_line_cut(char *text, size_t most);

#endif
