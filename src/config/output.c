#include "dsp/config/output.h"

#include <jansson.h>
#include <stdio.h>

void output_json(const json_t *value)
{
	(void)json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	(void)printf("\n");
}
