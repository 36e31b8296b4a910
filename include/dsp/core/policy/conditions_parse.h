/* From "require" and "unless" of a policy file, or DSP_REQUIRE, to conditions. */
#ifndef DSP_CONDITIONS_PARSE_H
#define DSP_CONDITIONS_PARSE_H

#include "dsp/core/policy/conditions.h"
#include "dsp/core/policy/policy_reader.h"

/*
 * Parses the object of "require" or "unless" in a file of these rules, whose memory it takes; it
 * keeps spans of the file's text. NULL: it is no object, or memory ran out (findings->lost);
 * mistakes are findings, each at its place.
 */
const struct conditions *conditions_parse(
	struct policy_reader *reader, struct rules *rules, json_ref object);

/*
 * Parses "memory=4g user=non-root,app read_only", the value of DSP_REQUIRE, which must outlive ret,
 * as words and lists must: the files that it names are added to these. All keys but labels, ulimits
 * and commands. -1 and e: what is wrong with it.
 */
MUST_USE int conditions_parse_text(struct span text,
	struct condition_word words[CONDITION_WORDS_MOST], struct image_lists *lists,
	struct conditions *ret, struct err *e);

#endif
