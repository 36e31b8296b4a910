/* What dsp allow, grants and revoke share: they ask dspd, and print grants. */
#ifndef DSP_GRANTS_CLIENT_H
#define DSP_GRANTS_CLIENT_H

#include <jansson.h>

#include "dsp/core/base/err.h"

/*
 * Sends dspd a body of /Dsp.Grants (src/daemon/grants_reply.h; NULL: an empty one). The caller
 * calls json_decref. NULL and e: dspd does not answer, or refuses; e->code is EPERM where the grant
 * needs --yes-root.
 */
json_t *grants_ask(const char *socket, const json_t *body, struct err *e);

/* A body {"do": what} with the user of this process: uid, login_uid, by. */
json_t *grants_body(const char *what);

/* The users of a grant: "alice, @ops". Returns out. */
const char *grants_write_who(const json_t *grant, char *out, size_t cap);

/* What it allows: "exec", or operations where it names no power. Returns out. */
const char *grants_write_what(const json_t *grant, char *out, size_t cap);

/* Its lists: "container web, mount /srv:ro"; empty: it has none. Returns out. */
const char *grants_write_things(const json_t *grant, char *out, size_t cap);

/* When it ends, in the time of this host: "14:32:10", with the date if that is not today's. */
enum { GRANTS_TIME_ROOM = 32 };
const char *grants_write_until(const json_t *grant, char out[GRANTS_TIME_ROOM]);

#endif
