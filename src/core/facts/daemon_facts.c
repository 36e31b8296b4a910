#include "dsp/core/facts/daemon_facts.h"

#include "dsp/core/base/text.h"
#include "dsp/core/facts/versions.h"

/*
 * Runtimes that confine no more than runc does: runc with a vendor's hook, and programs that do the
 * same. Beside one of these as the default, runc is no step down.
 */
static const char no_stricter[] = "nvidia,nvidia-cdi,nvidia-legacy,nvidia-experimental,habana,amd,"
				  "crun,youki,io.containerd.runc.v1,io.containerd.runtime.v1.linux";

bool daemon_runtime_is_weaker(
	const struct daemon_facts *d, struct span runtime, const char *standard)
{
	struct span usual;

	if (!d)
		return !text_in_list(runtime, standard);
	if (!d->known)
		return true;
	usual = span_of(d->default_runtime);
	if (span_equal(runtime, usual))
		return false;
	return !text_in_list(runtime, standard) ||
		(!text_in_list(usual, standard) && !text_in_list(usual, no_stricter));
}

bool daemon_seccomp_is_stricter(const struct daemon_facts *d)
{
	if (!d)
		return false;
	return !d->known ||
		(d->seccomp[0] != '\0' &&
			!text_in_list(span_of(d->seccomp), "default,builtin,unconfined"));
}

struct span daemon_default_runtime(const struct daemon_facts *d)
{
	return d ? span_of(d->default_runtime) : SPAN("runc");
}

bool daemon_is_older(const struct daemon_facts *d, long version)
{
	long own = d && d->known ? version_number(d->version) : 0;

	return own > 0 && own < version;
}
