#include "dsp/system/clock.h"

#include <limits.h>
#include <string.h>

static uint64_t read_clock(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t clock_about(void)
{
	return read_clock(CLOCK_MONOTONIC_COARSE);
}

uint64_t clock_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

static uint64_t read_us(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

uint64_t clock_date_us(void)
{
	return read_us(CLOCK_REALTIME);
}

uint64_t clock_boot_us(void)
{
	return read_us(CLOCK_BOOTTIME);
}

static void write_fraction(uint64_t us, char out[CLOCK_TEXT_ROOM])
{
	const size_t point = strlen("2026-11-29T10:35:00");
	unsigned left = (unsigned)(us % 1000000);

	for (size_t at = point + 6; at > point; at--, left /= 10)
		out[at] = (char)('0' + left % 10);
}

void clock_write(uint64_t us, char out[CLOCK_TEXT_ROOM])
{
	static const time_t year_10000 = 253402300800;
	time_t seconds = (time_t)(us / 1000000) % year_10000;
	struct tm t = { .tm_year = 0 };

	(void)gmtime_r(&seconds, &t);
	(void)strftime(out, CLOCK_TEXT_ROOM, "%Y-%m-%dT%H:%M:%S.000000Z", &t);
	write_fraction(us, out);
}

void clock_write_next(uint64_t us, uint64_t last_us, char out[CLOCK_TEXT_ROOM])
{
	if (us / 1000000 == last_us / 1000000)
		write_fraction(us, out);
	else
		clock_write(us, out);
}

void clock_condition(pthread_cond_t *ret)
{
	pthread_condattr_t attributes;

	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(ret, &attributes);
	(void)pthread_condattr_destroy(&attributes);
}

struct timespec clock_after(unsigned ms)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

int clock_earlier(int wait, uint64_t now, uint64_t then)
{
	uint64_t left = then > now ? then - now : 0;

	if (left > INT_MAX)
		return wait;
	return wait < 0 || (int)left < wait ? (int)left : wait;
}
