/*
 * The units that matter to dsp: as systemd has loaded them or, if it does not run, as their files
 * define them. There is no other reader of units.
 */
#ifndef DSP_SYSTEMD_UNITS_H
#define DSP_SYSTEMD_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "dsp/core/base/span.h"

enum {
	UNIT_SOCKET,
	UNIT_SERVICE,
	UNIT_DOCKER,
	UNIT_RESOLVE_SOCKET,
	UNIT_RESOLVE,
	UNIT_COUNT,
};

struct unit {
	const char *name;
	char load[16];       /* "loaded", "masked", "not-found", ...; empty: unknown */
	char active[16];     /* empty: systemd does not run */
	char file_state[24]; /* "enabled", "disabled", ... */
	char requires[512];  /* units that stop this one when they stop */
	char drop_ins[512];  /* their paths */
	char user[64];
	char restart[24];
	char watchdog[32];
	char no_new_privileges[8];
	char environment[512]; /* NAME=value words as in the files, perhaps with quotes */
	char command[8192];    /* ExecStart: the last one */
	pid_t pid;
	bool stale; /* its files have changed since systemd loaded it */
};

/*
 * Fills units[0] to units[UNIT_COUNT - 1], which the caller has zeroed: from systemctl show when
 * systemd runs, within 3 s, else from the files.
 */
void systemd_units_read(struct unit *units, bool systemd);

/* Adds to u what the text of one of its files sets. Joins continued lines in text. */
void systemd_units_parse(struct unit *u, char *text, size_t len);

/*
 * The value of the last line "KEY=value" of a file that is written as units are (EnvironmentFile=).
 * False: there is no such line, and out stays as it is.
 */
bool systemd_units_value(const char *path, struct span wanted, char *out, size_t cap);

/*
 * Splits a command line, or the value of Environment=, into words in place: blanks separate them,
 * quotes hold blanks together and go away (systemd.syntax(7); escapes and variables stay). Each
 * word ends with a zero byte. Returns the length of all words, at most strlen(text) + 1.
 */
size_t systemd_units_split(char *text);

#endif
