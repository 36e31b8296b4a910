/* Tests of power_rules.tab for ports of the host, beside the bindings of a container. */
#ifndef DSP_POWERS_FROM_PORTS_H
#define DSP_POWERS_FROM_PORTS_H

#include "power_tests.h"

power_test_fn powers_from_service_ports;

#endif
