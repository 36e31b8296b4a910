/* What would allow a denied request, and as little else as possible. */
#ifndef DSP_WAY_H
#define DSP_WAY_H

#include "dsp/core/base/text.h"
#include "dsp/core/policy/message.h"

/*
 * Adds the narrowest change of the settings that opens a request which flags and profile deny:
 * "ALLOW_STOP=1 opens it"; where the policy file has rules, a rule for this user and this operation
 * instead of a flag for everybody; "sudo mkdir -p /srv/x" for a mount source at which nothing is.
 * It takes at most room bytes, if that is possible.
 */
void way_add(const struct message *m, struct line *l, size_t room);

/*
 * Whether a denied request is one for buildx's builder. buildx (docker 23 and later) makes that
 * privileged container where dockerd refuses a build by BuildKit, and does not print the refusal
 * (buildx driver/docker-container). If so and dsp denies such a build too, sets the facts of that
 * build, which own nothing, and the decision about it.
 */
bool way_of_build(const struct policy *policy, const struct subject *subject,
	const struct facts *facts, struct facts *build, struct decision *d);

/* The mount source at which nothing is, so that Docker's socket could come there; or NULL. */
const struct attribute *way_missing_source(const struct facts *facts);

/* Adds "sudo mkdir -p PATH", or words where the path is none to paste into a shell. */
void way_add_mkdir(const struct attribute *source, struct line *l);

#endif
