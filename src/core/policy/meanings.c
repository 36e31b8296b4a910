#include "dsp/core/policy/meanings.h"

#include "dsp/core/base/text.h"
#include "dsp/core/policy/flags.h"
#include "meanings_tab.h"

struct meaning {
	enum meaning_kind kind;
	const char *word;
	const char *what;
};

#define MEANING_ROW(kd, wd, wh) { .kind = (kd), .word = (wd), .what = (wh) },

static const struct meaning rows[] = { MEANINGS_ROWS(MEANING_ROW) };

enum { NAME_MOST = 40 };

/* Whether prefix and name make a flag: ALLOW_ and DELETE. It is written to l then. */
static bool add_flag(struct line *l, const char *prefix, struct span name)
{
	char text[NAME_MOST * 2];
	struct line flag;

	line_init(&flag, text, sizeof(text));
	line_add(&flag, "%s%.*s", prefix, (int)name.n, name.s);
	if (flag_find(span_of(text)) == FLAG_COUNT)
		return false;
	line_add(l, "did you mean %s?", text);
	return true;
}

/* The word in upper case, with underscores; false: it has other characters, or is too long. */
static bool copy_upper(struct span word, char out[NAME_MOST])
{
	if (word.n >= (size_t)NAME_MOST)
		return false;
	for (size_t i = 0; i < word.n; i++) {
		char c = word.s[i] == '-' ? '_' : word.s[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if ((c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_')
			return false;
		out[i] = c;
	}
	return true;
}

/* Flags in other spellings: DELETE, privileged, and if prefixed ALLOW_IMAGES, SOCKETPROXY_POST. */
static void write_flag(struct span word, bool prefixed, struct line *l)
{
	char upper[NAME_MOST];
	struct span name = { upper, word.n };

	if (!copy_upper(word, upper) || add_flag(l, "", name) || add_flag(l, "ALLOW_", name))
		return;
	prefixed = prefixed && !span_starts(name, SPAN("DSP_"));
	while (prefixed && span_find(name, '_') < name.n) {
		(void)span_cut(&name, '_');
		if (add_flag(l, "", name))
			return;
	}
}

bool meaning_write(enum meaning_kind kind, struct span word, char *out, size_t cap)
{
	enum meaning_kind of = kind == MEANING_VARIABLE ? MEANING_SETTING : kind;
	struct line l;

	line_init(&l, out, cap);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span known = span_of(rows[i].word);
		bool all = span_ends(known, SPAN("*"));

		if (rows[i].kind != of)
			continue;
		known.n -= all;
		if (all ? span_starts(word, known) : span_equal(word, known)) {
			line_add(&l, "%s", rows[i].what);
			return all;
		}
	}
	if (kind == MEANING_SETTING || kind == MEANING_VARIABLE)
		write_flag(word, kind == MEANING_SETTING, &l);
	return false;
}
