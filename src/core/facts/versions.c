#include "dsp/core/facts/versions.h"

#include <stdlib.h>

static const struct {
	long since;
	long until;
} rows[] = {
#define ROW(id, since, until) [id] = { since, until },
	VERSIONS_ROWS(ROW)
};

long version_number(const char *text)
{
	long number = 0;

	for (int i = 0; i < 3; i++) {
		char *end;
		long part = strtol(text, &end, 10);

		if (end == text || part < 0 || part > 99)
			return i < 2 ? 0 : number;
		number += part * (i == 0 ? 10000 : i == 1 ? 100 : 1);
		text = *end == '.' ? end + 1 : end;
	}
	return number;
}

long version_since(enum version_fact fact)
{
	return rows[fact].since;
}

long version_until(enum version_fact fact)
{
	return rows[fact].until;
}

bool version_has(enum version_fact fact, long version)
{
	return version > 0 && version >= rows[fact].since && version <= rows[fact].until;
}
