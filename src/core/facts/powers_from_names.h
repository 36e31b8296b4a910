/* Tests of power_rules.tab for names that Docker gives a meaning: images, networks, and others. */
#ifndef DSP_POWERS_FROM_NAMES_H
#define DSP_POWERS_FROM_NAMES_H

#include "power_tests.h"

power_test_fn powers_from_security;
power_test_fn powers_from_lacks;
power_test_fn powers_from_runtime;
power_test_fn powers_from_default_runtime;
power_test_fn powers_from_network;
power_test_fn powers_from_host_network;
power_test_fn powers_from_networks;
power_test_fn powers_from_volume_name;
power_test_fn powers_from_image;
power_test_fn powers_from_all_tags;
power_test_fn powers_from_new_image;
power_test_fn powers_from_cache_images;
power_test_fn powers_from_implied;
power_test_fn powers_from_whole;

/*
 * Applies rule to an image's reference in its canonical form. tag: a tag or digest that is given
 * beside the name, or empty. An empty name asks for nothing. -1 without memory.
 */
MUST_USE int powers_from_reference(
	struct facts *f, const struct power_rule *rule, struct span name, struct span tag);

#endif
