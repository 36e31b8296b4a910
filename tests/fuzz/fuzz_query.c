/*
 * query_*: against a plain reading of all pairs into a list. Input: a key, newline, the query.
 */
#include <stdlib.h>
#include <strings.h>

#include "dsp/core/parse/query.h"
#include "fuzz.h"

/* What net/url's ParseQuery gives for a key: the first value of a pair that can be read. */
struct reading {
	bool all_readable;
	char *value; /* decoded; NULL when there is none */
	size_t n;
};

static void read_pair(struct span pair, struct span key, struct reading *ret)
{
	size_t sign = span_find(pair, '=');
	struct span raw_name = { pair.s, sign };
	struct span raw_value = span_after(pair, sign < pair.n ? sign + 1 : sign);
	char *name = fuzz_room(raw_name.n);
	char *value = fuzz_room(raw_value.n);
	size_t name_n;
	size_t value_n;

	if (!fuzz_unescape(raw_name, true, name, &name_n) ||
		!fuzz_unescape(raw_value, true, value, &value_n)) {
		ret->all_readable = false;
	} else if (!ret->value && span_equal((struct span){ name, name_n }, key)) {
		ret->value = value;
		ret->n = value_n;
		value = NULL;
	}
	free(name);
	free(value);
}

static struct reading read_query(struct span query, struct span key)
{
	struct reading r = { .all_readable = true };

	while (query.n > 0) {
		struct span pair = { query.s, span_find(query, '&') };

		query = span_after(query, pair.n < query.n ? pair.n + 1 : pair.n);
		if (span_find(pair, ';') < pair.n)
			r.all_readable = false;
		else if (pair.n > 0)
			read_pair(pair, key, &r);
	}
	return r;
}

/* moby's httputils.BoolValue, with blanks of ASCII. */
static bool is_true(struct span value)
{
	static const char *const no[] = { "", "0", "no", "false", "none" };
	static const char blanks[] = " \t\n\v\f\r";

	while (value.n > 0 && value.s[0] != '\0' && strchr(blanks, value.s[0]) != NULL)
		value = span_after(value, 1);
	while (value.n > 0 && value.s[value.n - 1] != '\0' &&
		strchr(blanks, value.s[value.n - 1]) != NULL)
		value.n--;
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (value.n == strlen(no[i]) && strncasecmp(value.s, no[i], value.n) == 0)
			return false;
	}
	return true;
}

/* The value as dsp gives it, still escaped, decodes to what was expected. */
static void check_value(struct span raw, struct span expected)
{
	char *out = fuzz_room(raw.n);
	long n = query_unescape(raw, out);
	char *text;
	bool word;

	CHECK(n >= 0 && span_equal((struct span){ out, (size_t)n }, expected));
	text = fuzz_room(expected.n + 2);
	if (expected.n > 0)
		memcpy(text, out, expected.n);
	text[expected.n] = '\0';
	word = expected.n > 0 && strlen(text) == expected.n && !strchr(text, ',');
	CHECK(query_value_in(raw, text) == word);
	text[expected.n] = 'x';
	text[expected.n + 1] = '\0';
	CHECK(!query_value_in(raw, text));
	free(text);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span query = { (const char *)data, size };
	struct span line = fuzz_line(query, &query);
	char *copy = fuzz_copy(query);
	char *key = fuzz_room(line.n + 1);
	struct span expected;
	struct reading r;
	struct err why;

	if (line.n > 0)
		memcpy(key, line.s, line.n);
	key[line.n] = '\0';
	query.s = copy;
	r = read_query(query, span_of(key));
	expected = r.value ? (struct span){ r.value, r.n } : SPAN("");
	CHECK((query_check(query, &why) == 0) == r.all_readable);
	CHECK(r.all_readable || fuzz_printable(why.text));
	CHECK(query_given(query, key) == (expected.n > 0));
	CHECK(query_true(query, key) == is_true(expected));
	check_value(query_first(query, key), expected);
	free(r.value);
	free(key);
	free(copy);
	return 0;
}
