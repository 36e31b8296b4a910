/*
 * What dockerd says of itself (GET /info and /version), where a request's meaning depends on it.
 * Where it is not known, dsp guesses: Docker's own defaults, and of the lists of versions the
 * longest one.
 */
#ifndef DSP_DAEMON_FACTS_H
#define DSP_DAEMON_FACTS_H

#include <stdbool.h>

#include "dsp/core/base/span.h"

struct daemon_facts {
	/* False: dockerd could not be asked. Each fact is then the one that closes more. */
	bool known;
	char default_runtime[64];
	char seccomp[256]; /* the default profile: builtin, default, unconfined, a path; or empty */
	char storage_driver[64];
	char version[64];
	char api_version[16];
};

/*
 * Whether a container with this runtime may be confined less than one that names none. standard:
 * Docker's own, comma separated. d: NULL for a guess, here and below.
 */
bool daemon_runtime_is_weaker(
	const struct daemon_facts *d, struct span runtime, const char *standard);

/* Whether seccomp=builtin may confine less than the default profile. */
bool daemon_seccomp_is_stricter(const struct daemon_facts *d);

/* The runtime of containers that name none; empty: not known. */
struct span daemon_default_runtime(const struct daemon_facts *d);

/* Whether dockerd's version is known, and below this one: 290301 for 29.3.1. */
bool daemon_is_older(const struct daemon_facts *d, long version);

#endif
