/*
 * The containers, networks and volumes of a dockerd, and who owns them as dspd has it: one list of
 * objects with the members kind, id, name (null: dockerd does not have it, or was not asked), owner
 * (null: nobody) and since.
 */
#ifndef DSP_OWN_THINGS_H
#define DSP_OWN_THINGS_H

#include <jansson.h>
#include <stdbool.h>

#include "dsp/core/base/err.h"

struct own_things {
	json_t *list;
	json_t *state;  /* what dspd says of its owners, without the list */
	bool asked;     /* dockerd was asked, and list has its things */
	struct err why; /* if not: why */
};

/* Asks dspd on the socket, and dockerd, if it can be asked. -1 and e: dspd gives no owners. */
MUST_USE int own_things_read(const char *socket, struct own_things *ret, struct err *e);

void own_things_free(struct own_things *t);

/*
 * The thing that a user means: a name, an id or at least 12 digits of it, with "container:",
 * "network:" or "volume:" before it where several have the name. Where dockerd was not asked, also
 * any whole id. NULL and e. Borrowed.
 */
json_t *own_things_find(const struct own_things *t, const char *reference, struct err *e);

/* Whether the thing has the label, with this value. Labels are dockerd's. */
bool own_thing_has_label(const json_t *thing, const char *key, const char *value);

/*
 * Sends dspd a command of /Dsp.Own: "give KIND ID OWNER". The caller calls json_decref. NULL and e:
 * dspd does not answer, or refuses.
 */
json_t *own_ask(const char *socket, const char *command, struct err *e);

#endif
