/* Tests of power_rules.tab for capabilities. */
#ifndef DSP_POWERS_FROM_CAPABILITIES_H
#define DSP_POWERS_FROM_CAPABILITIES_H

#include "power_tests.h"

power_test_fn powers_from_capability;
power_test_fn powers_from_default_capabilities;

#endif
