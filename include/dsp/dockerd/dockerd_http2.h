/*
 * Whether dockerd serves HTTP/2. Over HTTP/2 dockerd 29.2 and later pass requests on to BuildKit
 * without asking a plugin. GODEBUG=http2server=0 in dockerd's environment turns HTTP/2 off.
 */
#ifndef DSP_DOCKERD_HTTP2_H
#define DSP_DOCKERD_HTTP2_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "dsp/dockerd/dockerd_process.h"

#define HTTP2_VARIABLE "GODEBUG"
#define HTTP2_OFF "http2server=0"

struct dockerd_http2 {
	size_t tried;        /* listeners that answered an HTTP/2 preface in any way */
	size_t served;       /* listeners that answered in HTTP/2 */
	char served_at[128]; /* the first of these */
	bool off;            /* dockerd's environment turns HTTP/2 off */
	bool known;          /* its environment could be read */
};

/*
 * Sends the preface of HTTP/2 (RFC 9113, 3.4) to each unix socket and each TCP listener without TLS
 * on which dockerd serves its API, by its command line and file (daemon.json; may be NULL). Waits
 * at most 2 s for each.
 */
void dockerd_http2_inspect(const struct dockerd *d, const json_t *file, struct dockerd_http2 *ret);

#endif
