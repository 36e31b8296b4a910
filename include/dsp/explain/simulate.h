/* Decides one request as dspd would, without dockerd: for the commands that explain and test. */
#ifndef DSP_SIMULATE_H
#define DSP_SIMULATE_H

#include "dsp/core/facts/daemon_facts.h"
#include "dsp/core/parse/request.h"
#include "dsp/core/policy/decide.h"
#include "dsp/core/policy/message.h"
#include "dsp/explain/target_objects.h"
#include "dsp/host/mount_lookup.h"

struct simulation {
	struct request request;
	struct facts facts;
	struct mount_lookup *lookup;
	struct subject subject;
	struct decision decision;
	struct nearest_rule near;
	char message[MESSAGE_MOST]; /* of a denial, also of one that is only recorded */
};

enum { CLIENT_HEADERS_MOST = 64 };

/* A request as a client would send it. */
struct client_request {
	const char *method;
	const char *target;
	const char *user;           /* of the certificate, or NULL */
	const char *const *headers; /* "Name: value"; ends with NULL */
	struct span body;
	bool has_body; /* alone it implies JSON and its length */
};

/*
 * Writes the AuthZReq that dockerd would send. The caller frees it with mem_free. NULL and e: it
 * cannot be written.
 */
char *simulate_question(const struct client_request *a, struct err *e)
	__attribute__((warn_unused_result));

/*
 * Whether dockerd shows a body of n bytes to a plugin: of the media type application/json, shorter
 * than 1 MiB (4 MiB and one byte in versions that hide none), and not of a login, whose target ends
 * in /auth (moby pkg/authorization/authz.go: sendBody, drainBody). headers: as above. d: NULL for
 * an unknown dockerd.
 */
bool simulate_shows_body(
	const struct daemon_facts *d, const char *target, const char *const *headers, size_t n);

/* What is decided. All that it points to must outlive the simulation. */
struct simulated_question {
	char *text; /* the n bytes of an AuthZReq; parsing changes them in place */
	size_t n;
	const char *as; /* a subject of the policy file, whoever the request is from; or NULL */
	const struct target_objects *objects; /* what the things are that it names; or NULL */
};

/*
 * Parses and decides a question. Call simulation_free in any case. -1 and e: it is no AuthZReq,
 * there is no such subject, or memory ran out.
 */
MUST_USE int simulate(const struct policy *policy, const struct simulated_question *q,
	struct simulation *ret, struct err *e);

/*
 * Looks up the mount sources of facts on this host and adds the powers that they give. *ret (or
 * NULL) must live as long as facts; free it with mount_lookup_release. -1 and e: no memory.
 */
MUST_USE int simulate_mounts(
	const struct policy *policy, struct facts *facts, struct mount_lookup **ret, struct err *e);

void simulation_free(struct simulation *j);

#endif
