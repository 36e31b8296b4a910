/* dockerd's API, and where dockerd looks for plugins. */
#ifndef DSP_DOCKERD_API_H
#define DSP_DOCKERD_API_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/base/err.h"
#include "dsp/dockerd/dockerd_process.h"
#include "dsp/protocol/http_client.h"

/*
 * GET target. Sets *ret to the body, for json_decref, or to NULL when that is not JSON. -1 and e:
 * no answer within 10 s.
 */
MUST_USE int dockerd_api_get(
	const struct dockerd *d, const char *target, int *status, json_t **ret, struct err *e);

/* The same, with a token in X-Dsp-Token; NULL: without. On 0 *ret is for http_reply_free. */
MUST_USE int dockerd_api_get_as(const struct dockerd *d, const char *target, const char *token,
	struct http_reply *ret, struct err *e);

enum probe_result {
	PROBE_ASKED,     /* dockerd asked the dsp on that socket about the probe */
	PROBE_NOT_ASKED, /* dockerd answered the probe without asking this dsp, dead or alive */
	PROBE_UNKNOWN,   /* dockerd did not answer, or another plugin or a dead one denied: see e */
};

/* Sends GET /_ping?dsp=NONCE to dockerd, and asks the dsp on the socket whether it has seen it. */
enum probe_result dockerd_api_probe(const struct dockerd *d, const char *dsp_socket, struct err *e);

/*
 * Whether the dockerd that serves host (NULL: as dockerd_find) asks the dsp on the socket: by a
 * probe; where that cannot be sent or does not come back, by a request that dsp received in the
 * last 60 s. PROBE_UNKNOWN and e->code: EPERM, not root; ESRCH, no dockerd runs; 0 or another,
 * dockerd or dsp does not answer.
 */
enum probe_result dockerd_asks(const char *host, const char *dsp_socket, struct err *e);

/*
 * Whether dockerd knows a managed plugin of the name, which it then asks instead of any other: 1
 * enabled, 0 disabled, -1 there is none, -2 and e: unknown.
 */
int dockerd_api_managed(const struct dockerd *d, const char *name, struct err *e);

/*
 * Whether dockerd finds a plugin of the name that is not managed: by the socket whose path is
 * written to path, or, if path is "", by a .spec or .json file (moby pkg/plugins/discovery.go).
 */
bool dockerd_find_plugin(const char *name, char *path, size_t cap);

#endif
