/* Who asks: certificate, token, both, neither; and how a subject is written. */
#include "world.h"

#include <stdio.h>

#include "dsp/core/policy/subject.h"

/* The tokens are "one" and "two". */
static const char users[] =
	"{'users': {"
	" 'anna': {'common_names': ['anna', 'anna.smith'],"
	"  'tokens': ['sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed']},"
	" 'bob': {"
	"  'tokens': ['sha256:3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3']}},"
	" 'rules': [{'name': 'r', 'who': ['cn:carl'], 'allow': ['system_info']}], 'otherwise': 'deny'}";

static void identify(void **state)
{
	static const struct {
		const char *user, *token, *name;
		bool unknown;
		enum subject_doubt doubt;
	} table[] = {
		{ NULL, NULL, "anonymous", false, SUBJECT_SURE },
		{ "anna", NULL, "anna", false, SUBJECT_SURE },
		{ "anna.smith", NULL, "anna", false, SUBJECT_SURE },
		{ "anna.smit", NULL, "anna.smit", true, SUBJECT_SURE },
		{ "bob", NULL, "bob", true, SUBJECT_SURE },
		{ "x", NULL, "x", true, SUBJECT_SURE },
		{ "carl", NULL, "cn:carl", false, SUBJECT_SURE },
		{ NULL, "one", "anna", false, SUBJECT_SURE },
		{ NULL, "two", "bob", false, SUBJECT_SURE },
		{ NULL, "three", "anonymous", false, SUBJECT_UNKNOWN_TOKEN },
		{ NULL, "", "anonymous", false, SUBJECT_UNKNOWN_TOKEN },
		{ "anna", "one", "anna", false, SUBJECT_SURE },
		{ "anna", "two", "anna", false, SUBJECT_TWO },
		{ "bob", "two", "bob", true, SUBJECT_TWO },
		{ "anna", "three", "anna", false, SUBJECT_UNKNOWN_TOKEN },
	};
	static struct world w;

	(void)state;
	world_open(&w, "", users);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct request rq = { .user = span_of(table[i].user),
			.has_token = table[i].token != NULL,
			.token = span_of(table[i].token) };
		struct subject s = subject_identify(w.file.rules, &rq);

		if (!span_equal(s.name, span_of(table[i].name)))
			fail_msg("%zu: %.*s", i, (int)s.name.n, s.name.s);
		assert_int_equal(s.is_unknown_certificate, table[i].unknown);
		assert_int_equal(s.doubt, table[i].doubt);
		if (!table[i].unknown)
			assert_int_equal(s.id, rules_find_subject(w.file.rules, s.name));
		else
			assert_int_equal(s.id, SUBJECT_UNKNOWN_CERTIFICATE);
	}
	world_close(&w);
}

/* Token "one" is a gate's: anna, those of group 20 and bob by name, and everybody else on it. */
static const char shared[] =
	"{'users': {"
	" 'anna': {'tokens': ['sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed'],"
	"  'uids': [1001, 1002]},"
	" 'bob': {'tokens': ['sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed'],"
	"  'uids': [1003], 'gids': [20]},"
	" 'carl': {'tokens': ['sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed'],"
	"  'gids': [30]}%s}}";

static const struct {
	const char *peer, *name, *with_rest;
	enum subject_doubt doubt;
} peers[] = {
	{ "uid=1001 gid=100 pid=7", "anna", "anna", SUBJECT_SURE },
	{ "uid=1002 gid=20 pid=7 groups=20,30", "anna", "anna", SUBJECT_SURE },
	{ "uid=1003 gid=30 pid=0", "bob", "bob", SUBJECT_SURE },
	{ "uid=5 gid=20 pid=7", "bob", "bob", SUBJECT_SURE },
	{ "uid=5 gid=1 pid=7 groups=2,20", "bob", "bob", SUBJECT_SURE },
	{ "uid=5 gid=1 pid=7 groups=30", "carl", "carl", SUBJECT_SURE },
	{ "uid=5 gid=20 pid=7 groups=30", "anonymous", "anonymous", SUBJECT_GROUPS },
	{ "uid=5 gid=1 pid=7 groups=2,3", "anonymous", "rest", SUBJECT_NO_PEER },
	/* Without a gate. */
	{ NULL, "anonymous", "rest", SUBJECT_NO_PEER },
	/* What the gate does not write. */
	{ "", "anonymous", "anonymous", SUBJECT_BAD_PEER },
	{ "uid=1001", "anonymous", "anonymous", SUBJECT_BAD_PEER },
	{ "uid=1001 gid=100 pid=7 groups=", "anonymous", "anonymous", SUBJECT_BAD_PEER },
	{ "uid=1001 gid=100 pid=7 groups=1,,2", "anonymous", "anonymous", SUBJECT_BAD_PEER },
	{ "uid=01001 gid=100 pid=7", "anonymous", "anonymous", SUBJECT_BAD_PEER },
	{ "uid=+1001 gid=100 pid=7", "anonymous", "anonymous", SUBJECT_BAD_PEER },
	{ "uid=4294968297 gid=100 pid=7", "anonymous", "anonymous", SUBJECT_BAD_PEER },
	{ "gid=100 uid=1001 pid=7", "anonymous", "anonymous", SUBJECT_BAD_PEER },
	{ "uid=1001 gid=100 pid=-1", "anonymous", "anonymous", SUBJECT_BAD_PEER },
};

static void by_peer(void **state)
{
	static struct world w;
	char text[1024];

	(void)state;
	for (int rest = 0; rest < 2; rest++) {
		(void)snprintf(text, sizeof(text), shared,
			rest ? ", 'rest': {'tokens': ["
			       "'sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed']}"
			     : "");
		world_open(&w, "", text);
		for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
			struct request rq = { .has_token = true,
				.token = SPAN("one"),
				.has_peer = peers[i].peer != NULL,
				.peer = span_of(peers[i].peer) };
			struct subject s = subject_identify(w.file.rules, &rq);
			const char *name = rest ? peers[i].with_rest : peers[i].name;
			enum subject_doubt doubt = peers[i].doubt;

			if (rest && strcmp(name, "rest") == 0)
				doubt = SUBJECT_SURE;
			if (!span_equal(s.name, span_of(name)) || s.doubt != doubt)
				fail_msg("%s: %.*s, %d", peers[i].peer, (int)s.name.n, s.name.s,
					s.doubt);
			/* Without its token the same header says nothing. */
			rq.token = SPAN("two");
			s = subject_identify(w.file.rules, &rq);
			assert_int_equal(s.doubt, SUBJECT_UNKNOWN_TOKEN);
			assert_false(s.peer.known);
			rq.has_token = false;
			s = subject_identify(w.file.rules, &rq);
			assert_int_equal(s.id, SUBJECT_ANONYMOUS);
			assert_false(s.peer.known);
		}
		world_close(&w);
	}
}

/* Without a policy file there are no users, and a token says nothing. */
static void no_rules(void **state)
{
	struct request rq = { .user = SPAN("anna"), .has_token = true, .token = SPAN("x") };
	struct subject s = subject_identify(NULL, &rq);

	(void)state;
	assert_int_equal(s.id, SUBJECT_UNKNOWN_CERTIFICATE);
	assert_true(s.is_unknown_certificate && span_equal(s.name, SPAN("anna")));
	assert_int_equal(s.doubt, SUBJECT_SURE);
	rq.user.n = 0;
	s = subject_identify(NULL, &rq);
	assert_int_equal(s.id, SUBJECT_ANONYMOUS);
	assert_int_equal(s.doubt, SUBJECT_SURE);
}

static void write(void **state)
{
	struct subject s = subject_at(NULL, SUBJECT_ANONYMOUS);
	char out[16];

	(void)state;
	subject_write(&s, out, sizeof(out));
	assert_string_equal(out, "anonymous");
	s.is_unknown_certificate = true;
	s.name = SPAN("a\n\"");
	subject_write(&s, out, sizeof(out));
	assert_string_equal(out, "cn:a\\x0a\\\"");
	s.name = SPAN("a long name of a certificate");
	subject_write(&s, out, sizeof(out));
	assert_string_equal(out, "cn:a long na...");
}

static void valid_names(void **state)
{
	static const char *const good[] = { "a", "z", "A", "Z", "0", "9", "anna.smith@example-1_2",
		"a b" };
	static const char *const bad[] = { "", ".a", " a", "-a", "a/b", "a\n", "\xc3\xa4", "a:b",
		"@", "[", "`", "{", "/", ":" };
	char name[66];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(subject_name_is_valid(span_of(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(subject_name_is_valid(span_of(bad[i])));
	memset(name, 'a', sizeof(name));
	assert_true(subject_name_is_valid((struct span){ name, 64 }));
	assert_false(subject_name_is_valid((struct span){ name, 65 }));
	name[3] = '\0';
	assert_false(subject_name_is_valid((struct span){ name, 64 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identify),
		cmocka_unit_test(by_peer),
		cmocka_unit_test(no_rules),
		cmocka_unit_test(write),
		cmocka_unit_test(valid_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
