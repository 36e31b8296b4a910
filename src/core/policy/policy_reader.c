#include "dsp/core/policy/policy_reader.h"

#include "dsp/core/base/text.h"

enum { SHOWN = 48 }; /* bytes of a word of the file, in a finding */

size_t policy_reader_key_at(const struct policy_reader *r, json_ref member)
{
	return (size_t)(member->key.s - r->text) - 1;
}

const char *policy_reader_near(const struct nearest *near, char *out, size_t cap)
{
	struct line l;

	line_init(&l, out, cap);
	if (near && near->word.n > 0)
		line_add(&l, "; did you mean \"%.*s\"?", (int)near->word.n, near->word.s);
	return out;
}

void policy_reader_reject(struct policy_reader *r, size_t at, struct span word, const char *what,
	const struct nearest *near)
{
	char shown[SHOWN];
	char hint[80];

	text_escape(word, shown, sizeof(shown));
	findings_error(r->findings, at, "\"%s\": %s%s", shown, what,
		policy_reader_near(near, hint, sizeof(hint)));
}

bool policy_reader_reject_known(struct policy_reader *r, size_t at, struct span word,
	const char *what, enum meaning_kind kind)
{
	char meant[160];
	char shown[SHOWN];

	(void)meaning_write(kind, word, meant, sizeof(meant));
	if (!meant[0])
		return false;
	text_escape(word, shown, sizeof(shown));
	findings_error(r->findings, at, "\"%s\": %s; %s", shown, what, meant);
	return true;
}

static void check_name(struct policy_reader *r, json_ref member, const char *const *names)
{
	struct nearest near = nearest_to(member->key, 0);

	for (; *names; names++) {
		if (span_equal(member->key, span_of(*names)))
			return;
		nearest_try(&near, span_of(*names));
	}
	if (!policy_reader_reject_known(
		    r, policy_reader_key_at(r, member), member->key, "no such key", MEANING_KEY))
		policy_reader_reject(
			r, policy_reader_key_at(r, member), member->key, "no such key", &near);
}

void policy_reader_check_keys(struct policy_reader *r, json_ref object, const char *const *names)
{
	for (json_ref m = json_value_first(object); m; m = json_value_next(object, m)) {
		json_ref same = json_value_first(object);
		char shown[SHOWN];

		if (names)
			check_name(r, m, names);
		while (same != m && !span_equal(same->key, m->key))
			same = json_value_next(object, same);
		if (same == m)
			continue;
		text_escape(m->key, shown, sizeof(shown));
		findings_error(
			r->findings, policy_reader_key_at(r, m), "\"%s\" is there twice", shown);
	}
}

bool policy_reader_expect(
	struct policy_reader *r, json_ref v, enum json_value_kind kind, const char *what)
{
	if (v->kind == kind)
		return true;
	findings_error(r->findings, v->at, "it should be %s", what);
	return false;
}

json_ref policy_reader_next_string(struct policy_reader *r, json_ref list, json_ref previous)
{
	json_ref e;

	if (!list ||
		(!previous && !policy_reader_expect(r, list, JSON_VALUE_LIST, "a list of strings")))
		return NULL;
	e = previous ? json_value_next(list, previous) : json_value_first(list);
	while (e && !policy_reader_expect(r, e, JSON_VALUE_STRING, "a string"))
		e = json_value_next(list, e);
	return e;
}
