#include "dsp/core/base/duration.h"

#include <stdio.h>

static const struct {
	char unit;
	unsigned seconds;
} units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };

enum { UNITS = sizeof(units) / sizeof(units[0]) };

bool duration_parse(struct span text, uint64_t *seconds)
{
	uint64_t n = 0;
	size_t digits = 0;

	while (digits < text.n && text.s[digits] >= '0' && text.s[digits] <= '9' && digits < 9)
		n = n * 10 + (uint64_t)(text.s[digits++] - '0');
	*seconds = 0;
	if (digits == 0 || digits + 1 < text.n)
		return false;
	if (digits == text.n)
		return n == 0;
	for (size_t i = 0; i < UNITS; i++) {
		if (text.s[digits] == units[i].unit) {
			*seconds = n * units[i].seconds;
			return true;
		}
	}
	return false;
}

const char *duration_write(uint64_t seconds, char out[DURATION_ROOM])
{
	unsigned long long whole = seconds;
	size_t i = 0;

	while (i < UNITS - 1 && (seconds == 0 || seconds % units[i].seconds != 0))
		i++;
	(void)snprintf(out, DURATION_ROOM, "%llu%c", whole / units[i].seconds, units[i].unit);
	return out;
}

const char *duration_write_long(uint64_t seconds, char out[DURATION_ROOM])
{
	unsigned long long whole = seconds;
	unsigned long long minutes = whole / 60;

	if (seconds < 120 && seconds % 60 != 0)
		(void)snprintf(out, DURATION_ROOM, "%llu s", whole);
	else if (minutes < 60)
		(void)snprintf(out, DURATION_ROOM, "%llu min", minutes);
	else if (minutes % 60 == 0)
		(void)snprintf(out, DURATION_ROOM, "%llu h", minutes / 60);
	else
		(void)snprintf(out, DURATION_ROOM, "%llu h %llu min", minutes / 60, minutes % 60);
	return out;
}
