/* Tests of power_rules.tab: the name of a container, the name of a thing that a request makes. */
#ifndef DSP_POWERS_FROM_CONTAINERS_H
#define DSP_POWERS_FROM_CONTAINERS_H

#include "power_tests.h"

power_test_fn powers_from_container;
power_test_fn powers_from_container_mode;
power_test_fn powers_from_container_name;
power_test_fn powers_from_container_names;
power_test_fn powers_from_exec_id;
power_test_fn powers_from_link_parent;
power_test_fn powers_from_new_name;
power_test_fn powers_from_listing;

#endif
