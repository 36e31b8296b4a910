/* What depends on dockerd's version: the rows of src/core/tables/versions.tab. */
#ifndef DSP_VERSIONS_H
#define DSP_VERSIONS_H

#include <stdbool.h>

#include "versions_tab.h"

/* A version as a number: 290301 for "29.3.1" and "29.3.1+dfsg1"; 0: not a version. */
long version_number(const char *text);

/* Whether dockerd of this version does it: 290301 for 29.3.1. False: the version is 0, unknown. */
bool version_has(enum version_fact fact, long version);

/* The first and the last such version: 0: since always; 999999: until today. */
long version_since(enum version_fact fact);
long version_until(enum version_fact fact);

#endif
