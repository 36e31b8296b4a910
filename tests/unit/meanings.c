/* What people mean by words that dsp does not have: the rows say what is so. */
#include "unit.h"

#include "dsp/core/facts/powers.h"
#include "dsp/core/facts/route.h"
#include "dsp/core/policy/flags.h"
#include "dsp/core/policy/meanings.h"
#include "meanings_tab.h"

struct row {
	enum meaning_kind kind;
	const char *word;
	const char *what;
};

#define ROW(kd, wd, wh) { .kind = (kd), .word = (wd), .what = (wh) },

static const struct row rows[] = { MEANINGS_ROWS(ROW) };

static bool is_operation(struct span name)
{
	size_t count;
	const struct route *route = route_rows(&count);

	while (count > 0 && !span_equal(name, span_of(route[count - 1].name)))
		count--;
	return count > 0;
}

static bool is_known(enum meaning_kind kind, struct span name)
{
	if (kind == MEANING_SETTING)
		return flag_find(name) < FLAG_COUNT;
	if (kind == MEANING_OPERATION)
		return is_operation(name);
	return kind == MEANING_POWER && power_find(name) != POWER_COUNT;
}

static void words_are_unknown_and_their_meanings_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span what = span_of(rows[i].what);
		char out[160];

		if (is_known(rows[i].kind, span_of(rows[i].word)))
			fail_msg("%s is known", rows[i].word);
		assert_int_equal(
			meaning_write(rows[i].kind, span_of(rows[i].word), out, sizeof(out)),
			span_ends(span_of(rows[i].word), SPAN("*")));
		assert_string_equal(out, rows[i].what);
		if (rows[i].kind == MEANING_KEY || !span_starts(what, SPAN("did you mean ")))
			continue;
		what = span_after(what, strlen("did you mean "));
		what.n = span_find(what, '?');
		if (!is_known(rows[i].kind, what))
			fail_msg("%s: %.*s is not known", rows[i].word, (int)what.n, what.s);
	}
}

/* Flags in another spelling. */
static void spellings(void **state)
{
	static const struct {
		const char *word, *setting, *variable;
	} table[] = {
		{ "DELETE", "did you mean ALLOW_DELETE?", "did you mean ALLOW_DELETE?" },
		{ "privileged", "did you mean ALLOW_PRIVILEGED?",
			"did you mean ALLOW_PRIVILEGED?" },
		{ "post", "did you mean POST?", "did you mean POST?" },
		{ "allow-exec", "did you mean ALLOW_EXEC?", "did you mean ALLOW_EXEC?" },
		{ "ALLOW_IMAGES", "did you mean IMAGES?", "" },
		{ "SOCKETPROXY_POST", "did you mean POST?", "" },
		{ "DSP_POST", "", "" },
		{ "NOTHING", "", "" },
		{ "PO\x1bST", "", "" },
		{ "X_LIBPOD_\x1b", "", "" },
		{ "", "", "" },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_POST", "", "" },
	};
	char out[160];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		(void)meaning_write(MEANING_SETTING, span_of(table[i].word), out, sizeof(out));
		assert_string_equal(out, table[i].setting);
		(void)meaning_write(MEANING_VARIABLE, span_of(table[i].word), out, sizeof(out));
		assert_string_equal(out, table[i].variable);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_unknown_and_their_meanings_known),
		cmocka_unit_test(spellings),
	};

	return cmocka_run_group_tests_name("meanings", tests, NULL, NULL);
}
