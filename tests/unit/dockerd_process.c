/* dockerd's command line as its own parser reads it, and that of a unit as systemd splits it. */
#include "unit.h"

#include "dsp/dockerd/dockerd_process.h"
#include "dsp/dockerd/systemd_units.h"
#include "dsp/system/subprocess.h"

/* The values of the flag among words, each with a blank after it. */
static void values(const char *flag, const char *want, size_t count, char **words)
{
	struct dockerd d = { .arguments = words, .count = count };
	const char *value;
	char seen[256] = "";
	size_t at = 0;

	while ((value = dockerd_options_next(&d, flag, &at)) != NULL) {
		strncat(seen, value, sizeof(seen) - strlen(seen) - 1);
		strncat(seen, " ", sizeof(seen) - strlen(seen) - 1);
	}
	assert_string_equal(seen, want);
}

#define VALUES(flag, want, ...)                                                                    \
	do {                                                                                       \
		char *words[] = { (char[]){ "/usr/sbin/dockerd" }, __VA_ARGS__ };                  \
		values(flag, want, sizeof(words) / sizeof(words[0]), words);                       \
	} while (0)
#define W(word)                                                                                    \
	(char[])                                                                                   \
	{                                                                                          \
		word                                                                               \
	}

static void flags(void **state)
{
	(void)state;
	VALUES("config-file", "", W("--debug"));
	VALUES("config-file", "/x ", W("--config-file"), W("/x"));
	VALUES("config-file", "/x ", W("--config-file=/x"));
	VALUES("config-file", "/x /y ", W("--config-file=/x"), W("-D"), W("--config-file"),
		W("/y"));
	VALUES("config-file", " ", W("--config-file="));
	VALUES("config-file", "a=b ", W("--config-file=a=b"));
	VALUES("config-file", "", W("--config-files=/x"));
	VALUES("config-file", "", W("-config-file"), W("/x"));
	VALUES("config-file", "", W("--"), W("--config-file=/x"));
	VALUES("config-file", "/y ", W("--label"), W("--config-file=/y"));
	/* The letters of flags: switches may stand before one that has a value. */
	VALUES("debug", " ", W("-D"));
	VALUES("debug", " ", W("-DH"), W("unix:///x"));
	VALUES("debug", "", W("-HD"));
	VALUES("log-level", "warn info ", W("-lwarn"), W("-l=info"));
	VALUES("host", "", W("-lH"));
	VALUES("tlsverify", " ", W("--tlsverify"), W("--debug"));
	VALUES("tlsverify", " ", W("--tlsverify"));
	VALUES("tlsverify", "false ", W("--tlsverify=false"));
	VALUES("authorization-plugin", "a b ", W("--authorization-plugin=a"),
		W("--authorization-plugin"), W("b"));
}

static void hosts(void **state)
{
	(void)state;
	VALUES("host", "fd:// ", W("-H"), W("fd://"), W("--containerd=/x"));
	VALUES("host", "fd:// tcp://a unix:///b unix:///c ", W("-Hfd://"), W("-H=tcp://a"),
		W("--host"), W("unix:///b"), W("--host=unix:///c"));
	VALUES("host", "unix:///a ", W("-DH"), W("unix:///a"));
	VALUES("host", "", W("--hosts"), W("unix:///a"));
	VALUES("tls", "", W("-H"), W("x"), W("--tlsverify"));
}

/* The words of a text, each with a bar after it. */
static void splits(const char *text, const char *want)
{
	char seen[256] = "";
	char words[128];
	size_t n;

	(void)strncpy(words, text, sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	n = systemd_units_split(words);
	assert_true(n <= strlen(text) + 1);
	for (size_t at = 0; at < n; at += strlen(words + at) + 1) {
		strncat(seen, words + at, sizeof(seen) - strlen(seen) - 1);
		strncat(seen, "|", sizeof(seen) - strlen(seen) - 1);
	}
	assert_string_equal(seen, want);
}

static void unit_words(void **state)
{
	(void)state;
	splits("", "");
	splits("  ", "");
	splits("a", "a|");
	splits(" a\tbc  d ", "a|bc|d|");
	splits("\"a b\" 'c d'", "a b|c d|");
	splits("--x=\"a b\"c d", "--x=a bc|d|");
	splits("'' \"\" a", "||a|");
	splits("\"it's\" '\"'", "it's|\"|");
	splits("\"open end", "open end|");
}

static void no_words(void **state)
{
	struct dockerd d = { .count = 0 };
	size_t at = 0;

	(void)state;
	assert_null(dockerd_options_next(&d, "host", &at));
}

static void commands(void **state)
{
	static const char *const says[] = { "/bin/sh", "-c", "echo out; echo err >&2; exit 3",
		NULL };
	static const char *const hangs[] = { "/bin/sh", "-c", "exec sleep 60", NULL };
	static const char *const dies[] = { "/bin/sh", "-c", "kill -9 $$", NULL };
	static const char *const none[] = { "/none", NULL };
	char output[8];
	struct err e;

	(void)state;
	assert_int_equal(subprocess_run(says, 10000, output, sizeof(output), &e), 3);
	assert_string_equal(output, "out\nerr");
	assert_int_equal(subprocess_run(dies, 10000, output, sizeof(output), &e), 128 + 9);
	assert_int_equal(subprocess_run(none, 10000, output, sizeof(output), &e), 127);
	assert_int_equal(subprocess_run(hangs, 100, output, sizeof(output), &e), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags),
		cmocka_unit_test(hosts),
		cmocka_unit_test(no_words),
		cmocka_unit_test(unit_words),
		cmocka_unit_test(commands),
	};

	return cmocka_run_group_tests_name("dockerd", tests, NULL, NULL);
}
