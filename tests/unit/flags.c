/* Names of flags: each is found, and what is nearly one is told from what is not. */
#include "unit.h"

#include "dsp/core/policy/flags.h"

enum { LONGEST = 40 };

static void every_flag_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		const struct flag *f = flag_at(i);
		size_t found = flag_find(span_of(f->name));

		if (f->kind == FLAG_KIND_ZERO)
			assert_int_equal(flag_at(found)->kind, FLAG_KIND_POWER);
		else
			assert_int_equal(found, i);
	}
}

static void powers_and_sections_have_theirs(void **state)
{
	(void)state;
	for (size_t i = 0; i < POWER_COUNT; i++) {
		const struct power_info *info = power_info((enum power)i);
		const struct flag *f = flag_at(flag_of_power((enum power)i));

		assert_string_equal(f->name, info->flag);
		assert_memory_equal(info->flag, "ALLOW_", 6);
		assert_int_equal(f->powers[0], i);
	}
	for (size_t i = 0; i < (size_t)SECTION_NONE; i++)
		assert_int_equal(
			flag_at(flag_of_section((enum section)i))->kind, FLAG_KIND_SECTION);
	assert_string_equal(flag_at(FLAG_POST)->name, "POST");
}

static void names_that_are_none(void **state)
{
	static const char *const names[] = { "", "P", "POS", "POSTT", "post", "Post", " POST",
		"POST ", "ALLOW_", "ALLOW_EXE", "ALLOW_EXECS", "ALLOW_exec", "DSP_", "DSP_PROFILE_",
		"LIBPOD", "XLIBPOD_A", "LIBPOD_*", "*" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t found = flag_find(span_of(names[i]));

		if (strncmp(names[i], "LIBPOD_", 7) == 0)
			assert_int_equal(flag_at(found)->kind, FLAG_KIND_IGNORED);
		else
			assert_int_equal(found, FLAG_COUNT);
	}
	assert_int_equal(flag_find((struct span){ NULL, 0 }), FLAG_COUNT);
	assert_int_equal(flag_find((struct span){ "POST\0", 5 }), FLAG_COUNT);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment over the whole matrix. */
static size_t distance(const char *a, size_t an, const char *b, size_t bn)
{
	static size_t d[LONGEST + 2][LONGEST + 2];

	for (size_t i = 0; i <= an; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= bn; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= an; i++) {
		for (size_t j = 1; j <= bn; j++) {
			d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1,
				d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[an][bn];
}

static bool is_suggested(const struct flag *f)
{
	return f->kind != FLAG_KIND_IGNORED && strlen(f->name) <= LONGEST;
}

/* Changes a name by an edit or some. */
static size_t spoil(char *name, size_t n, size_t edits)
{
	static const char letters[] = "AEIOTSRLKX_D";

	for (; edits > 0; edits--) {
		size_t at = die(n + 1);
		char letter = letters[die(sizeof(letters) - 1)];

		if (die(2) && n > 1 && at < n) {
			memmove(name + at, name + at + 1, n - at - 1);
			n--;
		} else if (die(2) && n < LONGEST) {
			memmove(name + at + 1, name + at, n - at);
			name[at] = letter;
			n++;
		} else if (at + 1 < n) {
			char swap = name[at];

			name[at] = name[at + 1];
			name[at + 1] = swap;
		}
	}
	return n;
}

static void suggestions_are_the_nearest(void **state)
{
	(void)state;
	for (size_t round = 0; round < 3000; round++) {
		const char *base = flag_at(die(FLAG_COUNT))->name;
		size_t most = 1 + die(3);
		size_t n = strlen(base);
		char name[LONGEST];
		size_t nearest = most + 1;
		const char *got;
		char *exact;

		for (size_t i = 0; i < n; i++)
			name[i] = base[i];
		n = spoil(name, n, die(5));
		exact = exactly(name, n);
		for (size_t i = 0; i < FLAG_COUNT; i++) {
			const char *known = flag_at(i)->name;

			if (is_suggested(flag_at(i)))
				nearest = least(nearest, distance(name, n, known, strlen(known)));
		}
		got = flag_nearest((struct span){ exact, n }, most).word.s;
		free(exact);
		assert_int_equal(got != NULL, nearest <= most);
		if (got)
			assert_int_equal(distance(name, n, got, strlen(got)), nearest);
	}
}

static void long_names_have_no_suggestion(void **state)
{
	(void)state;
	for (size_t n = 30; n < 200; n++) {
		char *name = some_of("ALOW_", n);

		assert_null(flag_nearest((struct span){ name, n }, 3).word.s);
		free(name);
	}
	assert_null(flag_nearest((struct span){ NULL, 0 }, 3).word.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_flag_is_found),
		cmocka_unit_test(powers_and_sections_have_theirs),
		cmocka_unit_test(names_that_are_none),
		cmocka_unit_test(suggestions_are_the_nearest),
		cmocka_unit_test(long_names_have_no_suggestion),
	};

	return cmocka_run_group_tests_name("flags", tests, NULL, NULL);
}
