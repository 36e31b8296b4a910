/* One question judged as dsp serve would judge it: for the commands that explain and test. */
#ifndef DSP_SIMULATE_H
#define DSP_SIMULATE_H

#include "dsp/core/parse/request.h"
#include "dsp/core/policy/decide.h"
#include "dsp/core/policy/message.h"
#include "dsp/host/mount_lookup.h"

struct judged {
	struct request request;
	struct facts facts;
	struct mount_lookup *lookup;
	struct subject subject;
	struct decision decision;
	char message[MESSAGE_MOST]; /* of a denial, also of one that is only recorded */
};

enum { ASKING_HEADERS_MOST = 64 };

/* A request as a client would send it. */
struct asking {
	const char *method;
	const char *target;
	const char *user;           /* of the certificate, or NULL */
	const char *const *headers; /* "Name: value"; ends with NULL */
	struct span body;
	bool has_body; /* alone it implies JSON and its length */
};

/* The question that dockerd would put; mem_free is for the caller. NULL and e. */
char *asking_question(const struct asking *a, struct err *e) __attribute__((warn_unused_result));

/* A question's bytes, which change when they are read. */
struct asked_text {
	char *text;
	size_t n;
};

/*
 * Judges a question, which must outlive ret. as: a subject of the policy file by its name, whatever
 * the question says; or NULL. -1 and e: it is no question, there is no
 * such subject, or memory ran out. Call judged_free in any case.
 */
MUST_USE int judge(const struct policy *policy, struct asked_text question, const char *as,
	struct judged *ret, struct err *e);

/*
 * What stands behind the mounts of facts, as the host has it now, and what they then ask for. *ret
 * (or NULL) must live as long as facts. -1 and e: no memory.
 */
MUST_USE int facts_look_up(
	const struct policy *policy, struct facts *facts, struct mount_lookup **ret, struct err *e);

void judged_free(struct judged *j);

#endif
