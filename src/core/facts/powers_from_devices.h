/*
 * Tests of power_rules.tab for devices: paths, GPUs, CDI devices, resources of a swarm.
 */
#ifndef DSP_POWERS_FROM_DEVICES_H
#define DSP_POWERS_FROM_DEVICES_H

#include "power_tests.h"

power_test_fn powers_from_device_paths;
power_test_fn powers_from_device_requests;
power_test_fn powers_from_gpu_environment;
power_test_fn powers_from_runtime_devices;
power_test_fn powers_from_cdi_annotations;
power_test_fn powers_from_generic_resources;

#endif
