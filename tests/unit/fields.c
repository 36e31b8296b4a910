/* Keys as Go's encoding/json folds them, and the fields that are found by them. */
#include "unit.h"

#include "dsp/core/parse/fields.h"

#define LONG_S "\xc5\xbf"
#define KELVIN "\xe2\x84\xaa"

static const struct {
	const char *key;
	const char *folded;
} pairs[] = {
	{ "", "" }, { "HostConfig", "hostconfig" }, { "HOSTCONFIG", "hostconfig" },
	{ "Ho" LONG_S "tConfig", "hostconfig" }, { LONG_S, "s" }, { KELVIN, "k" },
	{ KELVIN KELVIN LONG_S LONG_S, "kkss" }, { "@[`{", "@[`{" }, { "A1_-Z", "a1_-z" },
	{ "\xc3\x89", "\xc3\x89" },                                /* É is no letter of ASCII */
	{ "\xc5", "\xc5" },                                        /* half of a long s */
	{ "\xc5\xbe", "\xc5\xbe" },                                /* its neighbour */
	{ "\xe2\x84", "\xe2\x84" },                                /* two thirds of a Kelvin sign */
	{ "\xe2\x84\xab", "\xe2\x84\xab" },                        /* Ångström */
	{ "\xe2\xc5\xbf", "\xe2s" }, { "a\xc4\xb0", "a\xc4\xb0" }, /* İ */
};

static void keys_fold(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		size_t n = strlen(pairs[i].folded);
		char out[64];
		size_t got;
		char *key = exactly(pairs[i].key, strlen(pairs[i].key));

		got = field_fold((struct span){ key, strlen(pairs[i].key) }, out, sizeof(out));
		assert_int_equal(got, n);
		assert_memory_equal(out, pairs[i].folded, n);
		free(key);
	}
}

static void folding_stays_in_its_room(void **state)
{
	const struct span key = SPAN("Ho" LONG_S "tConfig" KELVIN);

	(void)state;
	for (size_t cap = 0; cap <= 16; cap++) {
		char *out = exactly(NULL, cap);
		size_t n = field_fold(key, out, cap);

		assert_int_equal(n, strlen("hostconfigk"));
		assert_memory_equal(out, "hostconfigk", cap < n ? cap : n);
		free(out);
	}
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

/* field_compare against a comparison of the folded keys. */
static void comparing_is_comparing_folded(void **state)
{
	static const char *const pieces[] = { "a", "A", "b", "s", "S", LONG_S, "k", "K", KELVIN,
		"\xc5", "\xe2\x84", "_", "z" };

	(void)state;
	for (size_t round = 0; round < 100000; round++) {
		char keys[2][32] = { "", "" };
		char folded[2][32];
		struct span spans[2];
		size_t n[2];
		int want;

		for (size_t side = 0; side < 2; side++) {
			size_t used = 0;

			for (size_t i = die(5); i > 0; i--) {
				const char *piece = pieces[die(sizeof(pieces) / sizeof(pieces[0]))];

				memcpy(keys[side] + used, piece, strlen(piece));
				used += strlen(piece);
			}
			spans[side] = (struct span){ keys[side], used };
			n[side] = field_fold(spans[side], folded[side], sizeof(folded[side]));
		}
		want = memcmp(folded[0], folded[1], n[0] < n[1] ? n[0] : n[1]);
		if (want == 0)
			want = n[0] < n[1] ? -1 : n[0] > n[1];
		assert_int_equal(sign(field_compare(spans[0], spans[1])), sign(want));
	}
}

static void check_found(enum struct_id id, const char *key, const char *name)
{
	const struct field *f = field_find(id, span_of(key));

	if (!name) {
		assert_null(f);
		return;
	}
	assert_non_null(f);
	assert_int_equal(f->name.n, strlen(name));
	assert_memory_equal(f->name.s, name, f->name.n);
}

static void fields_are_found_by_folded_key(void **state)
{
	(void)state;
	check_found(STRUCT_HOSTCONFIG, "Privileged", "Privileged");
	check_found(STRUCT_HOSTCONFIG, "PRIVILEGED", "Privileged");
	check_found(STRUCT_HOSTCONFIG, "bind" LONG_S, "Binds");
	check_found(STRUCT_HOSTCONFIG, "Sy" LONG_S "ctl" LONG_S, "Sysctls");
	check_found(STRUCT_HOSTCONFIG, "Lin" KELVIN LONG_S, "Links");
	check_found(STRUCT_HOSTCONFIG, "Bind", NULL);
	check_found(STRUCT_HOSTCONFIG, "Bindss", NULL);
	check_found(STRUCT_HOSTCONFIG, " Binds", NULL);
	check_found(STRUCT_HOSTCONFIG, "", NULL);
	check_found(STRUCT_HOSTCONFIG, "HostConfig", NULL);
	check_found(STRUCT_CONTAINERCREATE, "hostConfig", "HostConfig");
	check_found(STRUCT_CONTAINERCREATE, "CapAdd", "CapAdd");
	check_found(STRUCT_CONTAINERCREATE,
		"Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL);
	check_found(STRUCT_ANY, "LABELS", "Labels");
	check_found(STRUCT_ANY, "Config", NULL);
	check_found(STRUCT_LOGCONFIG, "config", "Config");
	assert_null(field_find(STRUCT_HOSTCONFIG, (struct span){ "Binds\0", 6 }));
}

/* The hash table that the build makes has all of them, and nothing under another struct's name. */
static void each_row_is_found(void **state)
{
	(void)state;
	for (enum struct_id id = STRUCT_NONE + 1; id < STRUCT_COUNT; id++) {
		size_t count;
		const struct field *rows = fields_of_struct(id, &count);

		for (size_t i = 0; i < count; i++) {
			const struct field *f = field_find(id, rows[i].name);

			if (rows[i].type == TYPE_INCLUDE)
				assert_null(f);
			else
				assert_ptr_equal(f, &rows[i]);
			f = field_find(STRUCT_NOFIELDS, rows[i].name);
			assert_true(!f || f->in == STRUCT_NOFIELDS);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_fold),
		cmocka_unit_test(folding_stays_in_its_room),
		cmocka_unit_test(comparing_is_comparing_folded),
		cmocka_unit_test(fields_are_found_by_folded_key),
		cmocka_unit_test(each_row_is_found),
	};

	return cmocka_run_group_tests_name("fields", tests, NULL, NULL);
}
