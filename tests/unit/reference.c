/* References of images and plugins, as Docker normalises them. */
#include "unit.h"

#include "dsp/core/parse/reference.h"

static void familiar_names(void **state)
{
	static const struct {
		const char *name, *familiar;
	} rows[] = {
		{ "dsp", "dsp" },
		{ "dsp:latest", "dsp" },
		{ "dsp:", "dsp" },
		{ "dsp@sha256:00", "dsp" },
		{ "dsp:v1@sha256:00", "dsp" },
		{ "library/dsp", "dsp" },
		{ "docker.io/dsp", "dsp" },
		{ "docker.io/library/dsp:1", "dsp" },
		{ "index.docker.io/dsp", "dsp" },
		{ "index.docker.io/library/dsp", "dsp" },
		{ "me/dsp:1", "me/dsp" },
		{ "docker.io/me/dsp", "me/dsp" },
		{ "r:5000/dsp", "r:5000/dsp" },
		{ "r:5000/dsp:1", "r:5000/dsp" },
		{ "localhost/dsp", "localhost/dsp" },
		/* Only old versions take library/ away here; to dsp it is that name in all. */
		{ "library/me/dsp", "me/dsp" },
		{ "docker.io/library/me/dsp", "me/dsp" },
		{ "dockerXio/dsp", "dockerXio/dsp" },
		{ "docker.io", "docker.io" },
		{ "", "" },
		{ "@", "" },
		{ ":", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *name = exactly(rows[i].name, strlen(rows[i].name));
		struct span got = reference_familiar((struct span){ name, strlen(rows[i].name) });

		if (!span_equal(got, span_of(rows[i].familiar)))
			fail_msg("%s: %.*s", rows[i].name, (int)got.n, got.s);
		free(name);
	}
	assert_int_equal(reference_familiar((struct span){ NULL, 0 }).n, 0);
}

static void canonical_names(void **state)
{
	static const struct {
		const char *name, *tag, *canonical;
	} rows[] = {
		{ "x", "", "docker.io/library/x:latest" },
		{ "x:1", "", "docker.io/library/x:1" },
		{ "x", "1", "docker.io/library/x:1" },
		{ "x:1", "2", "docker.io/library/x:2" },
		{ "me/x", "", "docker.io/me/x:latest" },
		{ "docker.io/x", "", "docker.io/library/x:latest" },
		{ "index.docker.io/me/x:1", "", "docker.io/me/x:1" },
		{ "library/x", "", "docker.io/library/x:latest" },
		{ "r.example.org/x", "", "r.example.org/x:latest" },
		{ "r:5000/x:1", "", "r:5000/x:1" },
		{ "r:5000/x:", "", "r:5000/x:latest" },
		{ "r:5000/a/b", "", "r:5000/a/b:latest" },
		{ "localhost/x", "", "localhost/x:latest" },
		{ "localhost", "", "docker.io/library/localhost:latest" },
		{ "UP/x", "", "UP/x:latest" },
		{ "x@sha256:00", "", "docker.io/library/x@sha256:00" },
		{ "x:1@sha256:00", "", "docker.io/library/x:1@sha256:00" },
		{ "x", "sha256:00", "docker.io/library/x@sha256:00" },
		{ "", "", "docker.io/library/:latest" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span tag = span_of(rows[i].tag);
		char *name = exactly(rows[i].name, strlen(rows[i].name));
		struct span in = { name, strlen(rows[i].name) };
		char *out = malloc(reference_canonical_most(in, tag));
		size_t n = reference_canonical(in, tag, out);

		assert_true(n <= reference_canonical_most(in, tag));
		if (!span_equal((struct span){ out, n }, span_of(rows[i].canonical)))
			fail_msg("%s %s: %.*s", rows[i].name, rows[i].tag, (int)n, out);
		assert_int_equal(reference_is_whole(in, tag),
			!span_ends(span_of(rows[i].canonical), SPAN(":latest")));
		free(out);
		free(name);
	}
}

/* A registry that is written in another way. */
static void plain_names(void **state)
{
	static const struct {
		const char *name, *plain;
	} rows[] = {
		{ "docker.io/library/x:1", "docker.io/library/x:1" },
		{ "R.Example/Evil/x:1", "r.example/Evil/x:1" },
		{ "r.example:443/x:443", "r.example/x:443" },
		{ "r.example:80/x@sha256:0", "r.example/x@sha256:0" },
		{ "r.example:8080/x", "r.example:8080/x" },
		{ "*.EXAMPLE:443/*", "*.example/*" },
		{ "r.example:05000/x", "r.example:5000/x" },
		{ "r.example:0443/x", "r.example/x" },
		{ "r.example:0/x", "r.example:0/x" },
		{ "r.example:/x", "r.example:/x" },
		{ "443/x", "443/x" },
		{ "Registry-1.docker.io:443/library/x", "docker.io/library/x" },
		{ "registry.hub.docker.com/library/*", "docker.io/library/*" },
		{ "index.docker.io:8443/x", "index.docker.io:8443/x" },
		{ "A:443", "A:443" },
		{ "sha256:0A", "sha256:0A" },
		{ "*", "*" },
		{ "/", "/" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span in = span_of(rows[i].name);
		char *out = malloc(in.n);
		size_t n = reference_plain(in, out);

		if (!span_equal((struct span){ out, n }, span_of(rows[i].plain)))
			fail_msg("%s: %.*s", rows[i].name, (int)n, out);
		free(out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(familiar_names),
		cmocka_unit_test(canonical_names),
		cmocka_unit_test(plain_names),
	};

	return cmocka_run_group_tests_name("reference", tests, NULL, NULL);
}
