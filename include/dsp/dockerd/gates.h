/*
 * What a gate is on this host (dsp-gate(8)): its token, the drop-in of its socket unit, its socket.
 * dsp gate makes them, dsp doctor looks at them.
 */
#ifndef DSP_GATES_H
#define DSP_GATES_H

#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/digest.h"
#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

#define GATES_DIRECTORY "/etc/dsp/gates"

enum {
	GATE_NAME_MOST = 20, /* a user dsp-gate-NAME has 31 characters at most */
	GATE_TOKEN_ROOM = 4096 + 1,
	GATES_MOST = 256,
};

struct gate {
	char name[GATE_NAME_MOST + 1];
	char token_file[96];
	char drop_in[128];
	char socket[96];      /* where clients connect */
	char socket_unit[64]; /* dsp-gate@NAME.socket */
	char service[64];
};

/* Whether a gate can have this name: a letter a-z, then a-z, 0-9 and dashes. */
bool gate_name_is_valid(struct span name);

/* Fills gate with the places of a valid name. */
void gate_places(const char *name, struct gate *ret);

/* The names of the gates that have a token here, sorted; their number. -1 and e: unreadable. */
MUST_USE int gates_list(
	char (*names)[GATE_NAME_MOST + 1], size_t cap, size_t *count, struct err *e);

/* Reads the digest of a gate's token. 0; 1: it has none; -1 and e. */
MUST_USE int gate_digest(const struct gate *g, char digest[DIGEST_ROOM], struct err *e);

/* Reads the group of the drop-in; empty: none is named there. */
void gate_group(const struct gate *g, char *out, size_t cap);

#endif
