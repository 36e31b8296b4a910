/* Who may do what, in words: for dsp who-can and dsp allowed, which so say the same. */
#ifndef DSP_ACCESS_ANSWERS_H
#define DSP_ACCESS_ANSWERS_H

#include "dsp/core/base/text.h"
#include "dsp/core/policy/access_query.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/dockerd/installed_settings.h"

/*
 * The best answer of the routes that share the operation of first, the first row of the table that
 * has it; NULL: a route that the table does not know. False: none of them can ask for that.
 */
bool access_best(const struct policy *policy, const struct subject *subject,
	const struct route *first, const struct access_query *query, struct access_answer *ret);

/* Who may do what, which an answer is to. */
struct access_asked {
	const struct policy *policy;
	size_t subject;
	const struct access_query *query;
	const struct route *route; /* of the answer; NULL: unknown */
};

/*
 * Adds why: "rule "x", within its images", the flag or profile that opens it, or the denial; and
 * what an allowed request must have besides, by "unless", a profile and DSP_REQUIRE.
 */
void access_write_why(
	const struct access_asked *asked, const struct access_answer *g, struct line *l);

/* Whether the installed dockerd lets clients reach BuildKit unasked, and its version. */
enum buildkit access_find_buildkit(
	const struct installed_settings *settings, char *version, size_t cap);

#endif
