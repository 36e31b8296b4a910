/* What the settings of a running dspd were made of, as it reports it on its socket. */
#ifndef DSP_RUNNING_SETTINGS_H
#define DSP_RUNNING_SETTINGS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "dsp/config/config.h"
#include "dsp/core/base/mem_list.h"

struct running_settings {
	char version[40]; /* of the dspd; empty: unknown */
	pid_t pid;
	uint64_t grants;        /* open grants (dsp allow), which are not settings */
	uint64_t since;         /* in force since: seconds since 1970 */
	const char *broken;     /* why dspd denies every request; empty: the settings are valid */
	struct sources sources; /* config_read with them gives what is in force */
	struct loaded_texts loaded;
	bool asked_dockerd;         /* by dsp-resolve; false: dspd guesses its defaults */
	struct daemon_facts daemon; /* if asked_dockerd */
	struct mem_list memory;     /* owns what the members above point to */
};

enum running_result {
	RUNNING_KNOWN, /* ret has the settings in force */
	RUNNING_OLD,   /* a dspd answers, and cannot report them; ret has its version */
	RUNNING_NOT,   /* no process listens on the socket; e says so */
	RUNNING_MUTE,  /* e says why there is no answer: no right, a time-out, ... */
};

/*
 * Asks the dspd on the socket, within some seconds. The answer may come from any program:
 * config_read must still parse the settings. The caller calls running_settings_free in any case.
 */
enum running_result running_settings_ask(
	const char *socket, struct running_settings *ret, struct err *e);

/*
 * Parses the answer, which may come from any program; *ret begins empty, and owns all that it then
 * points to. False: the answer has not this form. The caller calls running_settings_free in any
 * case.
 */
bool running_settings_parse(const json_t *answer, struct running_settings *ret);

void running_settings_free(struct running_settings *r);

#endif
