/* Runs a Docker client that reaches no Docker, and explains what it asked for. */
#ifndef DSP_EXPLAIN_CLIENT_H
#define DSP_EXPLAIN_CLIENT_H

#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/dockerd/installed_settings.h"

/*
 * Runs a program (argv ends with NULL) until it ends, and prints how each of its requests would be
 * decided, as text behind what it prints, or as JSON, with what it prints on standard error. as:
 * the user of the policy file who it is; or NULL. Returns EXIT_FINE: each would be allowed;
 * EXIT_FINDINGS: one would be denied, or there was none; -1 and e: it did not run.
 */
MUST_USE int explain_client(const struct installed_settings *settings, char *const *argv,
	const char *as, bool json, struct err *e);

#endif
