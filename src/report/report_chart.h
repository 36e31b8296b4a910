/* The chart of the page of dsp report: decisions over time. */
#ifndef DSP_REPORT_CHART_H
#define DSP_REPORT_CHART_H

#include <stdio.h>

#include "timeline.h"

/* Prints the bars with their times; a timeline of one bar prints nothing. */
void report_chart(const struct timeline *t, FILE *out);

#endif
