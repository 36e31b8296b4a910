/*
 * The request target, read exactly as dockerd's net/http and gorilla/mux read it. What has not
 * exactly one clean reading is unroutable: dockerd answers it itself, and never asks.
 */
#ifndef DSP_TARGET_H
#define DSP_TARGET_H

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

struct target {
	struct span path;    /* decoded once, begins with '/', without the version prefix */
	struct span version; /* "v1.41" as decoded; empty when there is no prefix */
	struct span query;   /* all after the first '?', as sent; see query.h */
};

/*
 * raw: RequestUri as dockerd shows it. scratch: at least raw.n bytes, written only when the path
 * holds escapes. The spans of ret point into raw or scratch. -1 and why (one clause, "its ...")
 * when the target is unroutable; ret is then undefined.
 */
MUST_USE int target_parse(
	struct span method, struct span raw, char *scratch, struct target *ret, struct err *why);

/* Decodes %XX once: at most in.n bytes to out. The length, or -1 on a bad escape. */
MUST_USE long target_unescape(struct span in, char *out);

#endif
