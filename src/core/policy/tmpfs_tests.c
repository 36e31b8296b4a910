/* The test of tmpfs: what sizes the kernel finds. */
#include <strings.h>

#include "condition_tests.h"
#include "dsp/core/base/json_value.h"
#include "dsp/core/parse/body.h"

/* Digits, and perhaps k, m or g, as the kernel reads a size: no percent, octal or hex number. */
static bool read_size(struct span text, int64_t *ret)
{
	enum { DIGITS = 15, SHIFT = 10 };
	static const char units[] = "kmg";
	const char *unit;
	size_t i = 0;

	for (*ret = 0; i < text.n && text.s[i] >= '0' && text.s[i] <= '9'; i++) {
		if (i == DIGITS)
			return false;
		*ret = *ret * 10 + (text.s[i] - '0');
	}
	if (i == 0 || text.s[0] == '0' || i + 1 < text.n)
		return false;
	if (i == text.n)
		return true;
	unit = text.s[i] != '\0' ? strchr(units, text.s[i] | 0x20) : NULL;
	for (const char *at = units; unit && at <= unit; at++) {
		if (*ret > INT64_MAX >> SHIFT)
			return false;
		*ret <<= SHIFT;
	}
	return unit != NULL;
}

/* The options of a tmpfs: its size once, and nothing that is a size in another unit. */
static enum condition_state test_tmpfs_options(const struct condition_case *c, json_ref v)
{
	struct span rest = json_value_text(v);
	enum condition_state ret = CONDITION_MISSING;

	while (rest.n > 0) {
		struct span option = span_cut(&rest, ',');
		int64_t size;

		if (span_starts(option, SPAN("nr_")))
			return CONDITION_BEYOND;
		if (!span_starts(option, SPAN("size")))
			continue;
		if (ret == CONDITION_MET || !span_starts(option, SPAN("size=")) ||
			!read_size(span_after(option, strlen("size=")), &size) ||
			size > c->bound->most)
			return CONDITION_BEYOND;
		ret = CONDITION_MET;
	}
	return ret;
}

/* A volume that is made with options may be a tmpfs. An option of a tmpfs may hold others. */
static enum condition_state test_tmpfs_mount(const struct condition_case *c, json_ref mount)
{
	json_ref options = body_get(mount, "tmpfsoptions");
	json_ref volume = body_get(body_get(mount, "volumeoptions"), "driverconfig");
	struct span type = json_value_text(body_get(mount, "type"));
	json_ref list = body_get(options, "options");

	if (!json_value_empty(body_get(volume, "options")))
		return CONDITION_BEYOND;
	if (type.n != strlen("tmpfs") || strncasecmp(type.s, "tmpfs", type.n) != 0)
		return CONDITION_MET;
	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		if (e->kind != JSON_VALUE_LIST || e->count != 1 ||
			!text_in_list(json_value_text(json_value_first(e)), "exec,noexec"))
			return CONDITION_BEYOND;
	}
	return condition_test_number(c, body_get(options, "sizebytes"));
}

/* Each new tmpfs, and /dev/shm, which is one: of 64 MiB, or as default-shm-size has it. */
enum condition_state condition_test_tmpfs(const struct condition_case *c)
{
	bool service = c->form == FORM_SERVICE;
	json_ref mounts = service ? c->value : body_get(c->holder, "mounts");
	json_ref shm = body_get(c->holder, "shmsize");
	enum { USUAL_SHM = 64 << 20 };
	enum condition_state ret = CONDITION_MET;

	if (!service && (!json_value_empty(shm) || c->bound->most < USUAL_SHM))
		ret = condition_test_number(c, shm);
	for (json_ref e = service ? NULL : json_value_first(c->value); e && ret == CONDITION_MET;
		e = json_value_next(c->value, e))
		ret = test_tmpfs_options(c, e);
	for (json_ref e = json_value_first(mounts); e && ret == CONDITION_MET;
		e = json_value_next(mounts, e))
		ret = test_tmpfs_mount(c, e);
	return ret;
}
