#include "dsp/reference.h"

struct span reference_familiar(struct span name)
{
	size_t last = 0; /* where the last part begins: a colon before it is a port */

	name.n = span_find(name, '@');
	for (size_t i = 0; i < name.n; i++) {
		if (name.s[i] == '/')
			last = i + 1;
	}
	name.n = last + span_find(span_after(name, last), ':');
	if (span_starts(name, SPAN("docker.io/")))
		name = span_after(name, strlen("docker.io/"));
	else if (span_starts(name, SPAN("index.docker.io/")))
		name = span_after(name, strlen("index.docker.io/"));
	if (span_starts(name, SPAN("library/")))
		name = span_after(name, strlen("library/"));
	return name;
}
