/* The names in a client's certificate, and which user they are. */
#include "world.h"

#include "certificates.h"
#include "dsp/core/base/b64.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/parse/certificate.h"
#include "dsp/core/policy/subject.h"

static int parse(struct span pem, struct certificate *ret)
{
	AUTO_MEM char *text = b64_encode(pem);
	struct err e;

	assert_non_null(text);
	return certificate_parse(span_of(text), ret, &e);
}

/* --- names -------------------------------------------------------------------------------------*/

static const char *const letters[CERTIFICATE_FIELDS] = { "key", "uri", "dns", "email", "cn", "ou" };

static void names(void **state)
{
	static const struct {
		const char *pem, *names;
	} table[] = {
		{ certificate_all,
			"ou=dev ou=Entwicklung S\xc3\xbc"
			"d "
			"key=sha256:0ae49c47246ce299687c5dc972b707c525737ecfaa24c537d919d118d1a35f2b "
			"dns=build.example.com dns=ci.example.com uri=spiffe://example.com/ci "
			"email=anna@example.com " },
		{ certificate_empty,
			"key=sha256:5be9346e3198b1a43ffa0c9198b7fde49c60a634280f83f0a8bd66c591a2235c "
			"uri=spiffe://example.com/nameless " },
		{ certificate_v1,
			"ou=legacy "
			"key=sha256:5e1aff366fe1ecd8bc2452f43be37845377476b7d0074ff8c08ea53a856b08b6 " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct certificate c;
		char text[1024];
		struct line l;

		assert_int_equal(parse(span_of(table[i].pem), &c), 0);
		line_init(&l, text, sizeof(text));
		for (size_t j = 0; j < c.count; j++)
			line_add(&l, "%s=%.*s ", letters[c.names[j].field], (int)c.names[j].text.n,
				c.names[j].text.s);
		assert_string_equal(text, table[i].names);
		certificate_free(&c);
	}
}

static void too_many_names(void **state)
{
	struct certificate c;

	(void)state;
	assert_int_equal(parse(span_of(certificate_many), &c), -1);
}

/* --- what is none ------------------------------------------------------------------------------*/

/* No part of a certificate is one, and none makes the parser step outside of it. */
static void cut_anywhere(void **state)
{
	struct span whole = span_of(certificate_all);

	(void)state;
	for (size_t n = 0; n < whole.n; n++) {
		struct certificate c;

		assert_int_equal(parse((struct span){ whole.s, n }, &c), -1);
	}
}

/* A changed byte is seen, or leaves a certificate; under the sanitizers nothing else happens. */
static void changed_anywhere(void **state)
{
	AUTO_MEM char *copy = mem_copy(certificate_all, sizeof(certificate_all) - 1);

	(void)state;
	assert_non_null(copy);
	for (size_t i = 0; i < sizeof(certificate_all) - 1; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			struct certificate c;

			copy[i] ^= (char)(1U << bit);
			if (parse((struct span){ copy, sizeof(certificate_all) - 1 }, &c) == 0)
				certificate_free(&c);
			copy[i] ^= (char)(1U << bit);
		}
	}
}

static void not_base64(void **state)
{
	struct certificate c;
	struct err e;

	(void)state;
	assert_int_equal(certificate_parse(span_of(certificate_all), &c, &e), -1);
	assert_int_equal(certificate_parse(SPAN(""), &c, &e), -1);
	assert_string_equal(e.text, "the client's certificate cannot be read");
}

/* --- users -------------------------------------------------------------------------------------*/

static const struct {
	const char *users, *pem, *cn, *name;
	bool unknown;
	enum subject_doubt doubt;
} holders[] = {
	/* Only common names: the certificate is not read. */
	{ "'anna': {'common_names': ['anna']}", "x", "anna", "anna", false, SUBJECT_SURE },
	{ "'dev': {'units': ['dev']}", certificate_all, "anna", "dev", false, SUBJECT_SURE },
	{ "'dev': {'units': ['Dev']}", certificate_all, "anna", "anna", true, SUBJECT_SURE },
	{ "'ci': {'uris': ['spiffe://example.com/ci']}", certificate_all, "anna", "ci", false,
		SUBJECT_SURE },
	{ "'ci': {'uris': ['spiffe://example.com/c']}", certificate_all, "anna", "anna", true,
		SUBJECT_SURE },
	{ "'build': {'dns_names': ['build.example.com']}", certificate_all, "anna", "build", false,
		SUBJECT_SURE },
	{ "'mail': {'emails': ['anna@example.com']}", certificate_all, "anna", "mail", false,
		SUBJECT_SURE },
	{ "'key': {'public_keys': ['sha256:0ae49c47246ce299687c5dc972b707c525737ecfaa24c537d919d118d1a35f2b']}",
		certificate_all, "anna", "key", false, SUBJECT_SURE },
	/* A name counts in its own field only. */
	{ "'ci': {'uris': ['ci.example.com'], 'emails': ['ci.example.com']}", certificate_all,
		"anna", "anna", true, SUBJECT_SURE },
	/* The most exact name decides. */
	{ "'anna': {'common_names': ['anna']}, 'dev': {'units': ['dev']}", certificate_all, "anna",
		"anna", false, SUBJECT_SURE },
	{ "'anna': {'common_names': ['anna']}, 'ci': {'dns_names': ['ci.example.com']}",
		certificate_all, "anna", "ci", false, SUBJECT_SURE },
	{ "'ci': {'dns_names': ['ci.example.com', 'build.example.com']}", certificate_all, "anna",
		"ci", false, SUBJECT_SURE },
	/* Two that are as exact are not one user. */
	{ "'ci': {'dns_names': ['ci.example.com']}, 'b': {'dns_names': ['build.example.com']}",
		certificate_all, "anna", "anna", true, SUBJECT_SEVERAL },
	/* A certificate without a common name. */
	{ "'n': {'uris': ['spiffe://example.com/nameless']}", certificate_empty, "", "n", false,
		SUBJECT_SURE },
	{ "'n': {'uris': ['spiffe://example.com/x']}", certificate_empty, "", "anonymous", false,
		SUBJECT_SURE },
	/* What cannot be read may be anybody's. */
	{ "'dev': {'units': ['dev']}", certificate_many, "many", "many", true, SUBJECT_UNREADABLE },
	{ "'dev': {'units': ['dev']}", "x", "anna", "anna", true, SUBJECT_UNREADABLE },
};

static void users(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(holders) / sizeof(holders[0]); i++) {
		AUTO_MEM char *text = b64_encode(span_of(holders[i].pem));
		struct request rq = { .user = span_of(holders[i].cn),
			.certificate = span_of(text) };
		static struct world w;
		struct subject s;
		char file[512];
		struct line l;

		line_init(&l, file, sizeof(file));
		line_add(&l, "{'users': {%s}, 'rules': []}", holders[i].users);
		world_open(&w, "", file);
		s = subject_identify(w.file.rules, &rq);
		if (!span_equal(s.name, span_of(holders[i].name)) ||
			s.is_unknown_certificate != holders[i].unknown ||
			s.doubt != holders[i].doubt)
			fail_msg("%s: %.*s, doubt %d", holders[i].users, (int)s.name.n, s.name.s,
				(int)s.doubt);
		world_close(&w);
	}
}

/* A token that is not that of the certificate's user, by whichever name it is known. */
static void token_of_another(void **state)
{
	static const char file[] =
		"{'users': {'n': {'uris': ['spiffe://example.com/nameless']}, 'bob': {'tokens': "
		"['sha256:3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3']}}}";
	AUTO_MEM char *text = b64_encode(span_of(certificate_empty));
	struct request rq = {
		.certificate = span_of(text), .has_token = true, .token = SPAN("two")
	};
	static struct world w;
	struct subject s;

	(void)state;
	world_open(&w, "", file);
	s = subject_identify(w.file.rules, &rq);
	assert_int_equal(s.doubt, SUBJECT_TWO);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(too_many_names),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(changed_anywhere),
		cmocka_unit_test(not_base64),
		cmocka_unit_test(users),
		cmocka_unit_test(token_of_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
