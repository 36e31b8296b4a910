/* What a denial of an audit log was about: what would allow it, and what was asked for. */
#ifndef DSP_DENIAL_H
#define DSP_DENIAL_H

#include <jansson.h>
#include <stddef.h>

#include "dsp/audit/audit_reader.h"

/* What would allow a denied request. The values stand in the keys of report's remedies. */
enum remedy {
	REMEDY_FLAG,     /* flags: the text names them */
	REMEDY_ADDITION, /* the text is the nearest rule, and what it lacks */
	REMEDY_RULE,     /* no rule allows it: the text is what a rule would have to allow */
	REMEDY_COMMAND,  /* the text is a command that makes what is missing */
	REMEDY_GIVE,     /* a condition is not met: the text is its key, and whose it is */
	REMEDY_CHANGE,   /* a rule denies it: the text is its name */
	REMEDY_READABLE, /* dsp could not read the request */
	REMEDY_TOKEN,    /* the client's token, or token and certificate, are wrong */
	REMEDY_SETTINGS, /* the settings were broken */
	REMEDY_RECORD,   /* the audit log could not be written */
	REMEDY_OTHER,    /* nothing does */
	REMEDY_COUNT
};

/* "a flag:", ...: what stands before the text. */
const char *remedy_text(enum remedy remedy);

/* Writes the text, which may be empty, and returns the remedy. */
enum remedy denial_remedy(const struct audit_entry *l, char *out, size_t cap);

/* Writes "image nginx:latest, mount /srv (read-only), container web": what a request names. */
void denial_thing(const struct audit_entry *l, char *out, size_t cap);

/* Writes a detail that has a power: "/var/lib (/data/lib) -> /target (read-only)". */
void denial_detail(const json_t *detail, char *out, size_t cap);

/*
 * Writes the command that would allow a denied request for a while: "dsp allow exec --for 15m --as
 * alice --container web"; empty: no grant would, or the user's name cannot be pasted into a shell.
 */
void denial_allow_command(const struct audit_entry *l, char *out, size_t cap);

#endif
