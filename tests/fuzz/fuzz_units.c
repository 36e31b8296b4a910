/*
 * Units, and dockerd's command line. Input: 'u', newline, the text of a unit or EnvironmentFile;
 * 'w', newline, a command line; 'a', newline, arguments of a process, each with a zero byte; or
 * 'l', newline, dockerd's log.
 */
#include <stdlib.h>

#include "dockerd/daemon_keys.h"
#include "dockerd/dockerd_log.h"
#include "dsp/dockerd/dockerd_process.h"
#include "dsp/dockerd/systemd_units.h"
#include "fuzz.h"

enum { WORDS_MOST = 256 };

/* The words of n bytes, each of which ends with a zero byte: every flag is found, and an end. */
static void check_arguments(char *text, size_t n)
{
	static const char *const flags[] = { "host", "config-file", "authorization-plugin", "debug",
		"log-level", "tlsverify", "data-root" };
	char *words[WORDS_MOST];
	struct dockerd d = { .arguments = words };

	for (size_t at = 0; at < n && d.count < WORDS_MOST; at += strlen(text + at) + 1)
		words[d.count++] = text + at;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		const char *value;
		size_t before = 0;
		size_t at = 0;

		while ((value = dockerd_options_next(&d, flags[i], &at)) != NULL) {
			CHECK(at > before && at <= d.count);
			CHECK(value[0] == '\0' || (value >= text && value < text + n));
			before = at;
		}
	}
}

static void check_unit(char *text, size_t n)
{
	static struct unit u;

	u = (struct unit){ .name = "docker.service" };
	systemd_units_parse(&u, text, n);
	CHECK(memchr(u.command, '\0', sizeof(u.command)) &&
		memchr(u.environment, '\0', sizeof(u.environment)) &&
		memchr(u.requires, '\0', sizeof(u.requires)) &&
		memchr(u.restart, '\0', sizeof(u.restart)));
	check_arguments(u.command, systemd_units_split(u.command));
	check_arguments(u.environment, systemd_units_split(u.environment));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = { (const char *)data, size };
	struct span kind = fuzz_line(rest, &rest);
	char *text = fuzz_room(rest.n + 1);
	char out[200];

	if (rest.n > 0)
		memcpy(text, rest.s, rest.n);
	text[rest.n] = '\0';
	if (span_equal(kind, SPAN("u"))) {
		check_unit(text, rest.n);
	} else if (span_equal(kind, SPAN("w"))) {
		size_t before = strlen(text);
		size_t n = systemd_units_split(text);

		CHECK(n <= before + 1 && (n == 0 || text[n - 1] == '\0'));
		check_arguments(text, n);
	} else if (span_equal(kind, SPAN("l"))) {
		if (dockerd_log_parse((struct span){ text, rest.n }, out, sizeof(out)))
			CHECK(strlen(out) < sizeof(out) && strlen(out) > 0 && fuzz_printable(out));
	} else {
		check_arguments(text, rest.n + 1);
	}
	free(text);
	return 0;
}
