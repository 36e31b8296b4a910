/* Settings of sizes that nobody means, and the limits of what is kept of them. */
#include "unit.h"

#include "dsp/core/policy/env_file.h"

static struct settings s;

static int start(void **state)
{
	(void)state;
	settings_init(&s);
	return 0;
}

/* Takes NAME and a value of n times c, from memory of exactly these sizes. */
static int take_long(const char *name, char c, size_t n, struct err *e)
{
	char *key = exactly(name, strlen(name));
	char *value = exactly(NULL, n);
	int rc;

	memset(value, c, n > 0 ? n : 1);
	rc = settings_parse(
		&s, (struct span){ key, strlen(name) }, (struct span){ value, n }, SOURCE_FILE, e);
	free(value);
	free(key);
	return rc;
}

static void a_socket_fits_or_is_refused(void **state)
{
	static const size_t sizes[] = { 1, 100, 254, 255, 256, 257, 1000, 100000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct err e;
		int rc;

		settings_init(&s);
		rc = take_long("DSP_SOCKET", 'a', sizes[i], &e);
		assert_int_equal(rc, sizes[i] < sizeof(s.socket) ? 0 : -1);
		if (rc == 0)
			assert_int_equal(strlen(s.socket), sizes[i]);
		else
			assert_non_null(strstr(e.text, "DSP_SOCKET"));
	}
}

static void names_fit_or_are_refused(void **state)
{
	static const size_t sizes[] = { 1, 255, 256, 5000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct err e;

		settings_init(&s);
		assert_int_equal(take_long("DSP_NAME", 'a', sizes[i], &e),
			sizes[i] < sizeof(s.names) ? 0 : -1);
		assert_true(strlen(s.names) < sizeof(s.names));
	}
}

static void long_values_are_cut_in_the_message(void **state)
{
	static const char *const names[] = { "POST", "ALLOW_KILL", "DSP_PROFILE", "DSP_ON_BROKEN",
		"ALLOW_RESTARTS" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct err e;
		int rc = take_long(names[i], '\xff', 70000, &e);

		assert_int_equal(rc, -1);
		assert_memory_equal(e.text, names[i], strlen(names[i]));
		for (const char *c = e.text; *c; c++)
			assert_true(*c >= 0x20 && *c < 0x7f);
	}
}

static void long_names_are_cut_in_the_message(void **state)
{
	char *name = exactly(NULL, 70000);
	struct err e;
	int rc;

	(void)state;
	for (size_t i = 0; i < 70000; i++)
		name[i] = i < 6 ? "ALLOW_"[i] : '\x1b';
	rc = settings_parse(&s, (struct span){ name, 70000 }, SPAN("1"), SOURCE_ENVIRONMENT, &e);
	free(name);
	assert_int_equal(rc, -1);
	assert_true(strlen(e.text) < 200);
	assert_null(strchr(e.text, '\x1b'));
}

static void nul_bytes_are_no_ends(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(
		settings_parse(&s, SPAN("DSP_SOCKET"), SPAN("/a\0b"), SOURCE_FILE, &e), -1);
	assert_int_equal(settings_parse(&s, SPAN("DSP_NAME"), SPAN("a\0b"), SOURCE_FILE, &e), -1);
	assert_int_equal(settings_parse(&s, SPAN("POST"), SPAN("1\0"), SOURCE_FILE, &e), -1);
	assert_int_equal(settings_parse(&s, SPAN("POST\0"), SPAN("1"), SOURCE_FILE, &e), -1);
	assert_int_equal(
		settings_parse(&s, SPAN("DSP_PROFILE"), SPAN("guard\0"), SOURCE_FILE, &e), -1);
}

static void empty_names_and_values(void **state)
{
	const struct span none = { NULL, 0 };
	struct err e;

	(void)state;
	assert_int_equal(settings_parse(&s, none, none, SOURCE_ENVIRONMENT, &e), 0);
	assert_int_equal(settings_parse(&s, none, SPAN("1"), SOURCE_ENVIRONMENT, &e), 0);
	assert_int_equal(settings_parse(&s, none, SPAN("1"), SOURCE_FILE, &e), -1);
	assert_int_equal(settings_parse(&s, SPAN("POST"), none, SOURCE_FILE, &e), 0);
	assert_int_equal(s.flags[FLAG_POST], SETTING_UNSET);
	assert_int_equal(settings_parse(&s, SPAN("ALLOW_NOPE"), none, SOURCE_FILE, &e), -1);
}

static void only_so_many_notices(void **state)
{
	struct err e;

	(void)state;
	for (size_t i = 0; i < 200; i++)
		assert_int_equal(
			settings_parse(&s, SPAN("IAMGES"), SPAN("1"), SOURCE_ENVIRONMENT, &e), 0);
	for (size_t i = 0; i < 200; i++)
		assert_int_equal(
			settings_parse(&s, SPAN("SOCKET_PATH"), SPAN("1"), SOURCE_ENVIRONMENT, &e),
			0);
	settings_finish(&s);
	assert_true(strlen(s.notices) < sizeof(s.notices));
	assert_int_equal(s.notices[strlen(s.notices) - 1], '\n');
}

static void an_environment(void **state)
{
	static char no_sign[] = "POST";
	static char twice[] = "POST=1=1";
	static char fine[] = "ALLOW_KILL=1";
	static char sign[] = "=";
	char *good[] = { no_sign, sign, fine, NULL };
	char *bad[] = { fine, twice, NULL };
	struct err e;

	(void)state;
	assert_int_equal(settings_parse_environment(&s, good, SOURCE_ENVIRONMENT, &e), 0);
	assert_int_equal(s.flags[FLAG_POST], SETTING_UNSET);
	assert_int_equal(s.flags[flag_of_power(POWER_KILL)], SETTING_ON);
	assert_int_equal(settings_parse_environment(&s, bad, SOURCE_ENVIRONMENT, &e), -1);
	assert_memory_equal(e.text, "POST=1=1", 8);
}

/* All errors of an environment are there, the first one with how many follow. */
static void an_environment_with_errors(void **state)
{
	static char first[] = "ALLOW_EXCE=1";
	static char fine[] = "ALLOW_KILL=1";
	static char second[] = "DSP_MODE=x";
	char *bad[] = { first, fine, second, NULL };
	struct err e;

	(void)state;
	settings_init(&s);
	assert_int_equal(settings_parse_environment(&s, bad, SOURCE_ENVIRONMENT, &e), -1);
	assert_memory_equal(e.text, "ALLOW_EXCE: ", 12);
	assert_non_null(strstr(e.text, " (and 1 more: run dsp check)"));
	assert_memory_equal(s.errors, "ALLOW_EXCE: ", 12);
	assert_non_null(strstr(s.errors, "\nDSP_MODE=x"));
	assert_int_equal(s.flags[flag_of_power(POWER_KILL)], SETTING_ON);
}

/* A file of any bytes: it ends, within its bytes, and an error is one line with a place. */
static void files_of_any_bytes(void **state)
{
	(void)state;
	for (size_t round = 0; round < 50000; round++) {
		size_t n = die(40);
		char *text = some_of("POST=10\n\n #\"' \tALOW_KI\r\x01\xff", n);
		struct findings f = { .file = "f", .text = { text, n } };
		struct err e = { .code = 0 };

		settings_init(&s);
		if (env_file_parse(&s, &f, &e) != 0) {
			assert_memory_equal(e.text, "f:", 2);
			assert_null(strchr(e.text, '\n'));
		}
		findings_free(&f);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_socket_fits_or_is_refused, start),
		cmocka_unit_test_setup(names_fit_or_are_refused, start),
		cmocka_unit_test_setup(long_values_are_cut_in_the_message, start),
		cmocka_unit_test_setup(long_names_are_cut_in_the_message, start),
		cmocka_unit_test_setup(nul_bytes_are_no_ends, start),
		cmocka_unit_test_setup(empty_names_and_values, start),
		cmocka_unit_test_setup(only_so_many_notices, start),
		cmocka_unit_test_setup(an_environment, start),
		cmocka_unit_test(an_environment_with_errors),
		cmocka_unit_test_setup(files_of_any_bytes, start),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
