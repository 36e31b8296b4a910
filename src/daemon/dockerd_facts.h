/*
 * What dspd knows of each dockerd that asks it, by dsp-resolve: its default runtime, seccomp
 * profile and version. dspd asks at dockerd's first request that depends on these, and again after
 * a minute, since a reload of dockerd changes the first two. The answer counts for the dockerd that
 * asked dspd about dsp-resolve's own request meanwhile: it is that one which answered.
 */
#ifndef DSP_DOCKERD_FACTS_H
#define DSP_DOCKERD_FACTS_H

#include <stdint.h>
#include <sys/types.h>

#include "dsp/core/facts/daemon_facts.h"
#include "resolver.h"

enum dockerd_state {
	DOCKERD_NEW,    /* not asked yet */
	DOCKERD_KNOWN,  /* facts are set */
	DOCKERD_ABSENT, /* dsp-resolve is not there: dsp guesses */
	DOCKERD_FAILED, /* see trouble */
};

enum { DOCKERD_FRESH_MS = 60000, DOCKERD_RETRY_MS = 5000 };

struct known_dockerd {
	pid_t pid;
	enum dockerd_state state;
	uint64_t at; /* when the state was set */
	struct daemon_facts facts;
	char trouble[200];
};

struct dockerd_facts;

/* resolver: borrowed. NULL and e: no memory. */
struct dockerd_facts *dockerd_facts_new(struct resolver *resolver, struct err *e)
	__attribute__((warn_unused_result));

/* NULL is fine. */
void dockerd_facts_free(struct dockerd_facts *d);

/*
 * What is known of a dockerd: *ret, or NULL where dsp guesses. False: dsp-resolve is being asked;
 * call it again after dockerd_facts_take. path: of dsp-resolve's socket; empty: off. d may be
 * NULL here and below: dsp guesses.
 */
bool dockerd_facts_get(
	struct dockerd_facts *d, pid_t dockerd, const char *path, const struct daemon_facts **ret);

/* dockerd asked about a request of dsp-resolve. */
void dockerd_facts_seen(struct dockerd_facts *d, pid_t dockerd, enum resolve_kind kind);

/* Takes what dsp-resolve answered, where the answer's tag is d. */
void dockerd_facts_take(struct dockerd_facts *d, const struct resolver_result *r);

/* A dockerd activates the plugin, as after its start: what it said before counts no more. */
void dockerd_facts_forget(struct dockerd_facts *d, pid_t dockerd);

/* The dockerd whose state was set last; NULL: none. */
const struct known_dockerd *dockerd_facts_last(const struct dockerd_facts *d);

/* "known", "absent", ... */
const char *dockerd_state_name(enum dockerd_state state);

#endif
