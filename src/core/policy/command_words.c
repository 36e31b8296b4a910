#include "command_words.h"

#include <string.h>

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c != '\0' && strchr("._/@%+=,:-", c));
}

/* Whether "*" may stand for the character of a word at an offset. */
static bool is_of_star(struct span word, size_t at)
{
	char c = word.s[at];
	bool first = at == 0 || word.s[at - 1] == ' ';
	bool dots = (at > 0 && word.s[at - 1] == '.') || (at + 1 < word.n && word.s[at + 1] == '.');

	return is_plain(c) && !(c == '-' && first) && !(c == '.' && dots);
}

/* The length of the star or stars of a form at an offset; 0: another character stands there. */
static size_t stars_at(struct span form, size_t at)
{
	if (at >= form.n || form.s[at] != '*')
		return 0;
	return at + 1 < form.n && form.s[at + 1] == '*' ? 2 : 1;
}

/* Adds a place of a form, and those behind its stars, which may stand for nothing. */
static void add_place(struct span form, bool *places, size_t at)
{
	size_t stars;

	do {
		places[at] = true;
		stars = stars_at(form, at);
		at += stars;
	} while (stars > 0);
}

/* The places of a form that a word may have come to: one step for each character. */
static void step(struct span form, const bool *from, struct span word, size_t at, bool *to)
{
	memset(to, 0, form.n + 1);
	for (size_t i = 0; i < form.n; i++) {
		size_t stars = stars_at(form, i);

		if (!from[i])
			continue;
		if (stars == 2 || (stars == 1 && is_of_star(word, at)))
			add_place(form, to, i);
		else if (stars == 0 && form.s[i] == word.s[at])
			add_place(form, to, i + 1);
	}
}

bool command_word_matches(struct span form, struct span word)
{
	bool places[2][COMMAND_FORM_MOST + 1] = { { false } };

	if (span_find(form, '*') == form.n)
		return span_equal(form, word);
	if (form.n > COMMAND_FORM_MOST || word.n > COMMAND_WORD_MOST)
		return false;
	add_place(form, places[0], 0);
	for (size_t i = 0; i < word.n; i++)
		step(form, places[i % 2], word, i, places[(i + 1) % 2]);
	return places[word.n % 2][form.n];
}
