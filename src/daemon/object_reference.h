/*
 * What a text in a request can mean to dockerd, and whether dsp-resolve's answer is about that. A
 * text means the thing of this full id, else that of this name, else the one whose id begins with
 * it (moby daemon/container.go GetContainer, daemon/network.go FindNetwork). Pure.
 */
#ifndef DSP_OBJECT_REFERENCE_H
#define DSP_OBJECT_REFERENCE_H

#include <stdbool.h>

#include "dsp/core/base/span.h"
#include "dsp/core/facts/attributes.h"

enum {
	OBJECT_ID_DIGITS = 64,
	OBJECT_PREFIX_LEAST = 12, /* digits of an id that count; docker ps shows as many */
};

/* Whether a text has the form of the full id of a container, an exec or a network. */
bool object_is_id(struct span text);

/*
 * Why the thing of this id and name does not count for what d names; NULL: it does. *check_ids: it
 * does only if no other container's id begins with the text. Else the owner of the one that has it
 * as its name could rename that at the right moment, and the text would mean the other.
 */
const char *object_reference_misfit(
	const struct attribute *d, struct span id, struct span name, bool *check_ids);

#endif
