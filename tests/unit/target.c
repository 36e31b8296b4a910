/* Targets: unescaping, and cleanness against Go's path.Clean, both read plainly. */
#include "unit.h"

#include "dsp/core/parse/target.h"

static int digit(char c)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	return !at ? -1 : at - digits < 16 ? (int)(at - digits) : (int)(at - digits) - 6;
}

/* -1: a bad escape. out has room for n bytes. */
static long unescape(const char *in, size_t n, char *out)
{
	long len = 0;

	for (size_t i = 0; i < n; i++) {
		if (in[i] != '%') {
			out[len++] = in[i];
			continue;
		}
		if (i + 2 >= n || digit(in[i + 1]) < 0 || digit(in[i + 2]) < 0)
			return -1;
		out[len++] = (char)(digit(in[i + 1]) * 16 + digit(in[i + 2]));
		i += 2;
	}
	return len;
}

static void unescaping(void **state)
{
	(void)state;
	for (size_t round = 0; round < 100000; round++) {
		size_t n = die(12);
		char *in = some_of("%%%%0129afAFgG/+", n);
		char want[16];
		char *out = exactly(NULL, n);
		long len = unescape(in, n, want);
		long got = target_unescape((struct span){ in, n }, out);

		assert_int_equal(got, len);
		if (len > 0)
			assert_memory_equal(out, want, (size_t)len);
		free(out);
		free(in);
	}
}

/* Adds one part of a path to what is clean so far, as path.Clean does; the length. */
static size_t add_part(const char *part, size_t n, char *out, size_t len)
{
	if (n == 0 || (n == 1 && part[0] == '.'))
		return len;
	if (n == 2 && part[0] == '.' && part[1] == '.') {
		while (len > 0 && out[--len] != '/')
			;
		return len;
	}
	out[len] = '/';
	memcpy(out + len + 1, part, n);
	return len + 1 + n;
}

/*
 * gorilla/mux's cleanPath on a path that begins with a slash: path.Clean, and the slash at the end
 * put back. out has room for n + 2 bytes; the length.
 */
static size_t clean(const char *path, size_t n, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		size_t end = i;

		while (end < n && path[end] != '/')
			end++;
		len = add_part(path + i, end - i, out, len);
		i = end;
	}
	if (len == 0 || (path[n - 1] == '/' && out[len - 1] != '/'))
		out[len++] = '/';
	return len;
}

static void only_clean_paths(void **state)
{
	(void)state;
	for (size_t round = 0; round < 200000; round++) {
		size_t n = 1 + die(9);
		char *path = some_of("//..ab", n);
		char *scratch = exactly(NULL, n);
		char want[16];
		struct target t;
		struct err why;
		size_t len;
		bool is_clean;
		int rc;

		path[0] = '/';
		len = clean(path, n, want);
		is_clean = len == n && memcmp(want, path, n) == 0;
		rc = target_parse(SPAN("GET"), (struct span){ path, n }, scratch, &t, &why);
		if ((rc == 0) != is_clean)
			fail_msg("%.*s: %d", (int)n, path, rc);
		if (rc == 0) {
			assert_int_equal(t.path.n, n);
			assert_ptr_equal(t.path.s, path);
		}
		free(scratch);
		free(path);
	}
}

/* Whatever the bytes: no step beyond them or the scratch, and a path is a clean, decoded one. */
static void any_bytes(void **state)
{
	(void)state;
	for (size_t round = 0; round < 200000; round++) {
		size_t n = die(16);
		char *raw = some_of("//::?%%24569efEFv.1ah+@#\x7f\xef\xbf\xbd", n);
		char *scratch = exactly(NULL, n);
		struct err why = { .code = 0 };
		struct target t;

		if (target_parse(SPAN("GET"), (struct span){ raw, n }, scratch, &t, &why) == 0) {
			assert_true(t.path.n > 0 && t.path.s[0] == '/');
			assert_true(t.version.n == 0 || (t.version.n > 1 && t.version.s[0] == 'v'));
			assert_true(t.query.n < n);
		} else {
			assert_memory_equal(why.text, "its ", 4);
			assert_int_equal(why.code, 0);
		}
		free(scratch);
		free(raw);
	}
}

static void parts(void **state)
{
	static const struct {
		const char *raw, *path, *version, *query;
	} rows[] = {
		{ "/info", "/info", "", "" },
		{ "/v1.41/info?a=b?c", "/info", "v1.41", "a=b?c" },
		{ "/%76%31%2E41%2Finfo?%76", "/info", "v1.41", "%76" },
		{ "x+1-.:/v1./a", "/a", "v1.", "" },
		{ "http://u:p@h:1/v../a/?", "/a/", "v..", "" },
		{ "http:///a", "/a", "", "" },
		{ "/v1.41", "/v1.41", "", "" },
		{ "/v1.41/", "/", "v1.41", "" },
		{ "/v/a", "/v/a", "", "" },
		{ "/v1/v2/a", "/v2/a", "v1", "" },
		{ "/a%00%2F%25", "/a\0/%", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char scratch[64];
		struct target t;
		struct err why;
		int rc = target_parse(SPAN("GET"), span_of(rows[i].raw), scratch, &t, &why);

		assert_int_equal(rc, 0);
		assert_int_equal(t.version.n, strlen(rows[i].version));
		assert_int_equal(t.query.n, strlen(rows[i].query));
		if (t.version.n > 0)
			assert_memory_equal(t.version.s, rows[i].version, t.version.n);
		if (t.query.n > 0)
			assert_memory_equal(t.query.s, rows[i].query, t.query.n);
		assert_memory_equal(t.path.s, rows[i].path, t.path.n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unescaping),
		cmocka_unit_test(only_clean_paths),
		cmocka_unit_test(any_bytes),
		cmocka_unit_test(parts),
	};

	return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
