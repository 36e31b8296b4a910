/*
 * Whether dockerd serves HTTP/2. Over HTTP/2 dockerd 29.2 and later pass requests on to BuildKit
 * without asking a plugin. GODEBUG=http2server=0 in dockerd's environment turns HTTP/2 off.
 */
#ifndef DSP_DOCKERD_HTTP2_H
#define DSP_DOCKERD_HTTP2_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "dsp/core/policy/escalation.h"
#include "dsp/dockerd/dockerd_process.h"

#define HTTP2_VARIABLE "GODEBUG"
#define HTTP2_OFF "http2server=0"

struct dockerd_http2 {
	size_t tried;        /* listeners that answered an offer of HTTP/2 in any way */
	size_t served;       /* listeners that accept HTTP/2 */
	size_t silent;       /* listeners of which it is unknown */
	char served_at[128]; /* the first of each */
	char silent_at[128];
	bool off;   /* dockerd's environment turns HTTP/2 off */
	bool known; /* its environment could be read */
};

/*
 * Offers HTTP/2 to each unix socket and each TCP listener on which dockerd serves its API, by its
 * command line and file (daemon.json; may be NULL): by the preface of HTTP/2 or, where it has TLS,
 * in a ClientHello. Waits at most 2 s for each.
 */
void dockerd_http2_inspect(const struct dockerd *d, const json_t *file, struct dockerd_http2 *ret);

/* What that says of BuildKit. A dockerd of 29.2 or later that proves nothing asks no plugin. */
enum buildkit dockerd_http2_judge(const struct dockerd *d, const struct dockerd_http2 *h);

/*
 * The same for this machine's dockerd (host as in dockerd_find), which it finds and inspects; one
 * that does not run by its unit. Its version goes to version: empty, where that is unknown.
 */
enum buildkit dockerd_http2_find(const char *host, char *version, size_t cap);

#endif
