#include "dsp/system/kernel.h"

#include <stdio.h>
#include <sys/utsname.h>

bool kernel_is_at_least(unsigned major, unsigned minor)
{
	struct utsname name;
	unsigned has_major = 0;
	unsigned has_minor = 0;

	/* NOLINTNEXTLINE(cert-err34-c): the kernel's own text */
	if (uname(&name) != 0 || sscanf(name.release, "%u.%u", &has_major, &has_minor) != 2)
		return false;
	return has_major > major || (has_major == major && has_minor >= minor);
}
