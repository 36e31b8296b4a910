/*
 * What dspd and its clients agree on: the endpoints of the plugin socket, and the sizes that both
 * sides count on.
 */
#ifndef DSP_PROTOCOL_H
#define DSP_PROTOCOL_H

/* dockerd's endpoints (moby pkg/authorization and pkg/plugins). */
#define ENDPOINT_ACTIVATE "/Plugin.Activate"
#define ENDPOINT_REQUEST "/AuthZPlugin.AuthZReq"
#define ENDPOINT_RESPONSE "/AuthZPlugin.AuthZRes"

/* dsp's own, for the tool. */
#define ENDPOINT_STATUS "/Dsp.Status"
#define ENDPOINT_SETTINGS "/Dsp.Settings" /* what the settings in force were made of */
#define ENDPOINT_RELOAD "/Dsp.Reload"
#define ENDPOINT_METRICS "/Dsp.Metrics"          /* OpenMetrics */
#define ENDPOINT_METRICS_TEXT "/Dsp.MetricsText" /* Prometheus' text format */
#define ENDPOINT_OWN "/Dsp.Own"                  /* ?do=COMMAND: src/daemon/own_reply.h */
#define ENDPOINT_GRANTS "/Dsp.Grants"            /* src/daemon/grants_reply.h */
#define ENDPOINT_PENDING "/Dsp.Pending"          /* ?do=COMMAND: src/daemon/root_answers.h */
#define ENDPOINT_WATCH "/Dsp.Watch"              /* ?after=CURSOR */

enum {
	PROBE_LENGTH = 32,            /* lower-case hex digits of a probe's nonce */
	WATCH_BYTES = 1 << 20,        /* of decisions' lines that dspd keeps for watchers */
	WATCH_REPLY_MOST = 256 << 10, /* bytes of lines in one reply */
};

#endif
