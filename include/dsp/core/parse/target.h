/*
 * Parses the request target exactly as dockerd's net/http and gorilla/mux do. A target that they
 * would refuse or redirect is unroutable: a dockerd never asks about it.
 */
#ifndef DSP_TARGET_H
#define DSP_TARGET_H

#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

struct target {
	struct span path;    /* unescaped once, begins with '/', without the version prefix */
	struct span version; /* "v1.41"; empty: there is no prefix */
	struct span query;   /* all after the first '?', still escaped; see query.h */
};

/*
 * raw: RequestUri as dockerd shows it. scratch: room for raw.n bytes, used when the path holds
 * escapes. The spans of *ret point into raw or scratch. -1: the target is unroutable, why says so
 * in one clause ("its path ..."), and *ret is undefined.
 */
MUST_USE int target_parse(
	struct span method, struct span raw, char *scratch, struct target *ret, struct err *why);

/* Whether the path has a version from 1.MINOR on; without one dockerd takes its own, any. */
bool target_has_version(const struct target *t, unsigned minor);

/* Decodes %XX once into out, which has room for in.n bytes. The length; -1: a bad escape. */
MUST_USE long target_unescape(struct span in, char *out);

#endif
