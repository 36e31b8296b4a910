/* What an item of a "ports" list covers and touches: ports of the host, at an address or at all. */
#ifndef DSP_PORT_RULES_H
#define DSP_PORT_RULES_H

#include "dsp/core/policy/rules.h"

/* Whether an allow rule's item covers the ports that an attribute asks for. */
bool port_rules_covers(const struct pattern *p, const struct attribute *d);

/* Whether a deny rule's item is, or may be, one of the ports that an attribute asks for. */
bool port_rules_touches(const struct pattern *p, const struct attribute *d);

#endif
