/* Tests of power_rules.tab for mounts and volumes: paths of the host that a body names. */
#ifndef DSP_POWERS_FROM_MOUNTS_H
#define DSP_POWERS_FROM_MOUNTS_H

#include "power_tests.h"

MUST_USE power_test_fn powers_from_bind;
MUST_USE power_test_fn powers_from_mount;
MUST_USE power_test_fn powers_from_service_mount;
MUST_USE power_test_fn powers_from_volume;
MUST_USE power_test_fn powers_from_remounts;

#endif
