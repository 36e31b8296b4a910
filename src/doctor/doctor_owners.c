/* The doctor's check of the owners' file: that dspd has read it, and can write it. */
#include "doctor.h"

void doctor_check_owners(const struct doctor *d, struct check_result *result)
{
	const json_t *o = json_object_get(d->status, "owners");
	const char *path = json_string_value(json_object_get(o, "path"));
	const char *trouble = json_string_value(json_object_get(o, "trouble"));
	long long count = (long long)json_integer_value(json_object_get(o, "count"));

	if (d->managed) {
		check_result_add(result, CHECK_NOTE,
			"a managed plugin keeps no owners: no rule can speak of them");
	} else if (!path || !trouble) {
		check_result_add(result, CHECK_UNKNOWN, "dspd does not report it");
	} else if (!json_is_true(json_object_get(o, "on"))) {
		check_result_add(result, CHECK_OK, "no rule speaks of owners: none are recorded");
	} else if (!json_is_true(json_object_get(o, "known"))) {
		check_result_add(result, CHECK_FAULT,
			"dspd cannot read the owners: %s. No rule with \"own\" matches, and dspd denies "
			"what makes containers, networks and volumes",
			trouble);
	} else if (trouble[0] != '\0') {
		check_result_add(result, CHECK_FAULT,
			"dspd cannot write the owners: %s. Until it can, it denies what makes "
			"containers, networks and volumes. %lld changes wait; they are lost if dspd ends",
			trouble, (long long)json_integer_value(json_object_get(o, "waiting")));
	} else {
		check_result_add(result, CHECK_OK, "%lld things have an owner, in %s", count, path);
	}
}
