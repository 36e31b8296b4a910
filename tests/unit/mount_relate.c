/*
 * Which users may write above, at or below the mount of an allow rule: for random rules, and for
 * grants beside them, the same as each item compared with each.
 */
#include "unit.h"

#include <stdio.h>

#include "dsp/core/facts/paths.h"
#include "dsp/core/policy/grant_rules.h"
#include "dsp/core/policy/policy_file.h"

enum { ROUNDS = 1500 };

static size_t above, near;

static const char *one_of(const char *const *texts, size_t n)
{
	return texts[die(n)];
}

#define ONE_OF(...)                                                                                \
	one_of((const char *const[]){ __VA_ARGS__ },                                               \
		sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

static void write_mount(FILE *f)
{
	size_t depth = die(4);

	(void)fputs(depth > 0 ? "\"" : "\"/", f);
	for (; depth > 0; depth--)
		(void)fprintf(f, "/%s", ONE_OF("a", "b", "a-b", "a.b", "ab", "a0"));
	(void)fprintf(f, "%s\"", ONE_OF("", "", ":ro", ":ro", ":rw"));
}

static void write_rules(FILE *f, size_t count, bool grants)
{
	for (size_t i = 0; i < count; i++) {
		(void)fprintf(f, "%s{\"name\": \"r%zu\", \"who\": [%s], \"%s\": [\"*\"], ",
			i > 0 ? ", " : "", i,
			ONE_OF("\"*\"", "\"u1\"", "\"u2\"", "\"u3\", \"u1\"", "\"anonymous\""),
			grants ? "allow" : ONE_OF("allow", "allow", "ask", "deny"));
		(void)fputs("\"mounts\": [", f);
		for (size_t n = 1 + die(4); n > 0; n--) {
			write_mount(f);
			(void)fputs(n > 1 ? ", " : "]}", f);
		}
	}
}

/* Whether a subject has both rules; anonymous may be any. */
static bool has_both(const struct rule *a, const struct rule *b, size_t subject)
{
	return bit_of(a->who, subject) &&
		(bit_of(b->who, subject) || bit_of(b->who, SUBJECT_ANONYMOUS) ||
			subject == SUBJECT_ANONYMOUS);
}

static void compare(const struct rule *a, const struct pattern *p, size_t subject,
	const struct rules *const others[2])
{
	bool under = false;
	bool beside = false;

	for (size_t i = 0; i < 2; i++) {
		for (size_t r = 0; others[i] && r < others[i]->count; r++) {
			const struct rule *b = &others[i]->items[r];
			const struct list *list = &b->lists[LIST_MOUNTS];

			for (size_t k = 0; b->verb != RULE_DENY && k < list->count; k++) {
				const struct pattern *w = &list->items[k];
				bool is_above = path_within(p->text, w->text) &&
					p->text.n > w->text.n;

				if (w->read_only || !has_both(a, b, subject))
					continue;
				under = under || is_above;
				beside = beside ||
					(p->read_only &&
						(is_above || path_within(w->text, p->text)));
			}
		}
	}
	assert_int_equal(p->under && bit_of(p->under, subject), under);
	assert_int_equal(p->beside && bit_of(p->beside, subject), beside);
	above += under;
	near += beside;
}

static void compare_all(const struct rules *rules, const struct rules *beside)
{
	const struct rules *const others[2] = { rules, beside };

	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *a = &rules->items[i];
		const struct list *list = &a->lists[LIST_MOUNTS];

		for (size_t k = 0; a->verb != RULE_DENY && k < list->count; k++) {
			for (size_t s = 0; s < rules->subject_count; s++) {
				if (bit_of(a->who, s))
					compare(a, &list->items[k], s, others);
			}
		}
	}
}

static char *write_text(bool grants)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	(void)fputs(grants ? "["
			   : "{\"users\": {\"u1\": {\"common_names\": [\"u1\"]}, \"u2\": "
			     "{\"common_names\": [\"u2\"]}, \"u3\": {\"common_names\": [\"u3\"]}}, "
			     "\"rules\": [",
		f);
	write_rules(f, 1 + die(grants ? 4 : 12), grants);
	(void)fputs(grants ? "]" : "], \"otherwise\": \"deny\"}", f);
	(void)fclose(f);
	return text;
}

static void random_mounts(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < ROUNDS; i++) {
		static struct policy_file file;
		char *text = write_text(false);
		char *list = write_text(true);
		struct findings findings = { .file = "policy", .text = span_of(text) };
		struct rules *grants = NULL;
		struct err e;

		assert_int_equal(policy_file_parse(&file, &findings), 0);
		assert_false(findings_fatal(&findings));
		compare_all(file.rules, NULL);
		assert_int_equal(
			grant_rules_parse("a grant", span_of(list), file.rules, &grants, &e), 0);
		compare_all(grants, file.rules);
		rules_free(grants);
		findings_free(&findings);
		rules_free(file.rules);
		free(text);
		free(list);
	}
	assert_true(above > ROUNDS && near > ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_mounts) };

	return cmocka_run_group_tests_name("mount_relate", tests, NULL, NULL);
}
