/* The metrics as text, for Prometheus and its like. */
#ifndef DSP_METRICS_TEXT_H
#define DSP_METRICS_TEXT_H

#include "state_view.h"

enum metrics_form {
	METRICS_OPEN, /* OpenMetrics 1.0 */
	METRICS_TEXT, /* Prometheus' text format, as node_exporter reads it from files */
};

/* The caller frees it with mem_free. NULL without memory. */
char *metrics_write(const struct state_view *view, enum metrics_form form);

#endif
