/* The metrics: the rows of src/core/tables/metrics.tab. */
#ifndef DSP_METRIC_INFO_H
#define DSP_METRIC_INFO_H

#include "metrics_tab.h"

struct metric_info {
	const char *name; /* "dsp_up"; a counter's ends with _total besides */
	const char *type; /* "gauge", "counter", "histogram" */
	const char *unit; /* empty: none */
	const char *what;
};

const struct metric_info *metric_info(enum metric metric);

#endif
