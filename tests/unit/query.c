/* Queries at random, against a reading that copies and decodes everything. */
#include "unit.h"

#include <stdio.h>
#include <strings.h>

#include "dsp/core/parse/query.h"
#include "dsp/core/parse/target.h"

enum { LONGEST = 24 };

struct pair {
	char key[LONGEST + 1], value[LONGEST + 1];
	size_t key_n, value_n;
	bool bad;
};

/* Decodes with '+' as a blank; false on a bad escape. out is terminated. */
static bool decode(const char *in, size_t n, char *out, size_t *len)
{
	char plain[LONGEST + 1];
	long got;

	for (size_t i = 0; i < n; i++)
		plain[i] = in[i] == '+' ? ' ' : in[i];
	got = target_unescape((struct span){ plain, n }, out);
	*len = got < 0 ? 0 : (size_t)got;
	out[*len] = '\0';
	return got >= 0;
}

static size_t split(const char *query, size_t n, struct pair *pairs)
{
	size_t count = 0;

	for (size_t start = 0; start <= n;) {
		const char *s = query + start;
		size_t len = 0;
		size_t sign = 0;
		struct pair *p = &pairs[count];

		while (start + len < n && s[len] != '&')
			len++;
		start += len + 1;
		if (len == 0)
			continue;
		while (sign < len && s[sign] != '=')
			sign++;
		p->bad = memchr(s, ';', len) != NULL;
		p->bad |= !decode(s, sign, p->key, &p->key_n);
		p->bad |= !decode(s + (sign < len ? sign + 1 : len),
			sign < len ? len - sign - 1 : 0, p->value, &p->value_n);
		count++;
	}
	return count;
}

static bool word_is_true(const char *value, size_t n)
{
	static const char *const no[] = { "", "0", "no", "false", "none" };

	if (memchr(value, '\0', n))
		return true;
	while (n > 0 && strchr(" \t\n\v\f\r", value[n - 1]))
		n--;
	while (n > 0 && strchr(" \t\n\v\f\r", *value)) {
		value++;
		n--;
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (strlen(no[i]) == n && strncasecmp(no[i], value, n) == 0)
			return false;
	}
	return true;
}

static void check_key(struct span query, const struct pair *pairs, size_t count, const char *key)
{
	const struct pair *first = NULL;
	char out[LONGEST + 1];
	char words[LONGEST + 32];
	struct span value = query_first(query, key);
	long n;

	for (size_t i = 0; i < count && !first; i++) {
		if (!pairs[i].bad && pairs[i].key_n == strlen(key) &&
			memcmp(pairs[i].key, key, pairs[i].key_n) == 0)
			first = &pairs[i];
	}
	assert_int_equal(query_given(query, key), first && first->value_n > 0);
	assert_int_equal(
		query_true(query, key), first ? word_is_true(first->value, first->value_n) : false);
	n = query_unescape(value, out);
	assert_int_equal(n, first ? first->value_n : 0);
	assert_memory_equal(out, first ? first->value : "", (size_t)n);
	if (first && first->value_n > 0 && !memchr(first->value, '\0', first->value_n)) {
		(void)snprintf(words, sizeof(words), "another,%s,third", first->value);
		assert_true(query_value_in(value, first->value));
		assert_true(query_value_in(value, words));
		assert_false(query_value_in(value, "another,third"));
		assert_false(query_value_in(value, ""));
	}
}

static void random_queries(void **state)
{
	static const char *const alphabets[] = { "ab=&", "ab=&;%612+ ", "abAB=&&%620n0o+",
		"a=%fF0&" };

	(void)state;
	for (size_t round = 0; round < 200000; round++) {
		size_t n = die(LONGEST + 1);
		char *query = some_of(alphabets[die(4)], n);
		struct pair pairs[LONGEST + 1];
		struct span span = { query, n };
		struct err why;
		bool bad = false;
		size_t count = split(query, n, pairs);

		for (size_t i = 0; i < count; i++)
			bad |= pairs[i].bad;
		assert_int_equal(query_check(span, &why), bad ? -1 : 0);
		check_key(span, pairs, count, "a");
		check_key(span, pairs, count, "ab");
		check_key(span, pairs, count, "");
		check_key(span, pairs, count, "a ");
		free(query);
	}
}

static void booleans(void **state)
{
	static const struct {
		const char *value;
		bool want;
	} rows[] = { { "", false }, { "0", false }, { "no", false }, { "No", false },
		{ "NO", false }, { "false", false }, { "FaLsE", false }, { "none", false },
		{ "+none+", false }, { "%09%0a%0b%0c%0d%20no", false }, { "++", false },
		{ "1", true }, { "off", true }, { "00", true }, { "n", true }, { "nope", true },
		{ "no%00", true }, { "%00", true }, { "f", true }, { "falsee", true },
		{ "none+none", true }, { "nonenone", true } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char query[64];
		int n = snprintf(query, sizeof(query), "x=1&k=%s&k=9", rows[i].value);

		if (query_true((struct span){ query, (size_t)n }, "k") != rows[i].want)
			fail_msg("k=%s", rows[i].value);
	}
	assert_false(query_true((struct span){ NULL, 0 }, "k"));
	assert_false(query_given((struct span){ NULL, 0 }, "k"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_queries),
		cmocka_unit_test(booleans),
	};

	return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
