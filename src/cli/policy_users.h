/* Tokens of users in the text of a policy file, whose other bytes stay as they are. */
#ifndef DSP_POLICY_USERS_H
#define DSP_POLICY_USERS_H

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

/*
 * Return the text in which the user has the token with this digest ("sha256:..."), and is there if
 * it was not; or in which no user has it, and a user that would be left without an identity is gone
 * if no rule and no group names it, and with the last one "users". Terminated, for mem_free. NULL and e: it cannot be edited, or
 * it would have mistakes then; e says which.
 */
char *policy_users_add(
	struct span text, const char *path, const char *user, const char *digest, struct err *e);
char *policy_users_remove(struct span text, const char *path, const char *digest, struct err *e);

/* The users who have it, as a list for json_decref; NULL and e: the text is not JSON. */
struct json_t *policy_users_of(struct span text, const char *digest, struct err *e);

#endif
