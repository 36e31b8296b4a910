/* What root sees of a request that waits for an answer, and approves: as a digest. */
#ifndef DSP_ASK_FACTS_H
#define DSP_ASK_FACTS_H

#include "dsp/core/base/digest.h"
#include "dsp/core/facts/facts.h"
#include "dsp/core/policy/rule.h"
#include "dsp/core/policy/subject.h"

/*
 * The digest of the rule's name, the user, the operation, the powers and each attribute with what
 * it is now: of a mount source its path, its file system and inode; of a container its id, image
 * and owner. It differs whenever one of them does. Only digests of one request can be compared: it
 * has nothing of the body that is no attribute.
 */
void ask_facts_digest(const struct rule *rule, const struct subject *subject,
	const struct facts *facts, unsigned char digest[DIGEST_SIZE]);

#endif
