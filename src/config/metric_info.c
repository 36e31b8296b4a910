#include "dsp/config/metric_info.h"

static const struct metric_info metrics[] = {
#define METRIC(id, name, type, unit, what) [id] = { name, type, unit, what },
	METRICS_ROWS(METRIC)
};

const struct metric_info *metric_info(enum metric metric)
{
	return &metrics[metric];
}
