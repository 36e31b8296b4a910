/* The doctor's checks of what root gave for a while, and of what root is asked. */
#include "doctor.h"

void doctor_check_grants(const struct doctor *d, struct check_result *result)
{
	const json_t *list = json_object_get(d->status, "grants");
	const json_t *grant;
	size_t root = 0;
	size_t i;

	json_array_foreach (list, i, grant)
		root += json_is_true(json_object_get(grant, "root"));
	if (!json_is_array(list))
		check_result_add(result, CHECK_UNKNOWN, "dspd does not report it");
	else if (root > 0)
		check_result_add(result, CHECK_WARNING,
			"%zu open grants of dsp allow make their users root on the host", root);
	else if (json_array_size(list) > 0)
		check_result_add(result, CHECK_NOTE, "%zu grants of dsp allow are open",
			json_array_size(list));
	else
		check_result_add(result, CHECK_OK, "no grant is open");
}

void doctor_check_asks(const struct doctor *d, struct check_result *result)
{
	const json_t *n = json_object_get(d->status, "pending");

	if (!json_is_integer(n))
		check_result_add(result, CHECK_UNKNOWN, "dspd does not report it");
	else if (json_integer_value(n) > 0)
		check_result_add(result, CHECK_NOTE, "%lld requests wait for root",
			(long long)json_integer_value(n));
	else
		check_result_add(result, CHECK_OK, "no request waits for root");
}
