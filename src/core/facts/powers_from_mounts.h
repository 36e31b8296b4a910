/* Tests of power_rules.tab for mounts and volumes: paths of the host that a body names. */
#ifndef DSP_POWERS_FROM_MOUNTS_H
#define DSP_POWERS_FROM_MOUNTS_H

#include "power_tests.h"

power_test_fn powers_from_bind;
power_test_fn powers_from_mount;
power_test_fn powers_from_named_bind;
power_test_fn powers_from_named_mount;
power_test_fn powers_from_service_mount;
power_test_fn powers_from_volume;
power_test_fn powers_from_remounts;
power_test_fn powers_from_host_dir;
power_test_fn powers_from_leaves_dir;

#endif
