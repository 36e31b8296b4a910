#include "dsp/system/rlimits.h"

#include <sys/resource.h>

enum {
	MOST_FILES = 65536,
	SPARE_FILES = 64, /* files, pipes and timers: everything but connections */
};

unsigned rlimits_raise_files(void)
{
	struct rlimit r = { .rlim_cur = 1024, .rlim_max = 1024 };
	rlim_t now;

	(void)getrlimit(RLIMIT_NOFILE, &r);
	now = r.rlim_cur;
	if (r.rlim_cur < MOST_FILES && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max < MOST_FILES ? r.rlim_max : MOST_FILES;
		if (setrlimit(RLIMIT_NOFILE, &r) == 0)
			now = r.rlim_cur;
	}
	if (now > MOST_FILES)
		now = MOST_FILES;
	return (unsigned)(now > 2 * SPARE_FILES ? now - SPARE_FILES : now / 2);
}
