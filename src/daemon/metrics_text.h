/* The numbers as text, for those who collect them. */
#ifndef DSP_METRICS_TEXT_H
#define DSP_METRICS_TEXT_H

#include "dsp/daemon/service.h"

enum metrics_form {
	METRICS_OPEN, /* OpenMetrics 1.0 */
	METRICS_TEXT, /* Prometheus' text format, as node_exporter reads it from files */
};

/* Of a service with metrics. mem_free is for the caller. NULL without memory. */
char *metrics_write(const struct service *service, enum metrics_form form);

#endif
