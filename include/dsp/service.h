/*
 * The plugin's endpoints: bytes of a question in, bytes of an answer out. Nothing above this room
 * can turn a denial into an allow, and nothing below knows of HTTP.
 */
#ifndef DSP_SERVICE_H
#define DSP_SERVICE_H

#include <stddef.h>

#include "dsp/decide.h"
#include "dsp/server.h"

struct service {
	const struct policy *policy; /* borrowed, immutable */
};

/* POST /Plugin.Activate, /AuthZPlugin.AuthZReq and /AuthZPlugin.AuthZRes; ctx is a service. */
const struct endpoint *service_endpoints(size_t *count);

#endif
