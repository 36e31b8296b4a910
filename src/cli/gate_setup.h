/* Makes and removes a gate: its token, its user in the policy file, its units (dsp-gate(8)). */
#ifndef DSP_GATE_SETUP_H
#define DSP_GATE_SETUP_H

#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/dockerd/gates.h"

struct gate_wish {
	const char *user;   /* of the policy file */
	const char *group;  /* that may connect; NULL: as it is, of a new gate root's */
	const char *policy; /* the policy file's path */
	const char *socket; /* dspd's */
};

/* What was done. */
struct gate_done {
	bool changed;     /* something was: else all was so already */
	bool not_running; /* no dspd runs, which would have read the policy file */
	bool no_systemd;  /* no systemd runs, which would have made the socket */
};

/* The policy file, with its text; all of it is read again at each step. */
MUST_USE int gate_add(
	const struct gate *g, const struct gate_wish *wish, struct gate_done *done, struct err *e);

/*
 * The token first loses its rights, then the socket goes, then the token. -1 and e: what is left
 * can be removed by the same command.
 */
MUST_USE int gate_remove(
	const struct gate *g, const struct gate_wish *wish, struct gate_done *done, struct err *e);

#endif
