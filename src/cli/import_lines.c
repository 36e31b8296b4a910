/* Variables in lines: of an env file, of docker run, or pieces of YAML. */
#include <stdio.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/env_file.h"
#include "import.h"

/* --- the words of a docker run -----------------------------------------------------------------*/

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Takes off blanks, comments, and the backslashes that continue a line. */
static void skip_space(struct span *rest)
{
	while (rest->n > 0) {
		if (is_space(rest->s[0]))
			*rest = span_after(*rest, 1);
		else if (rest->s[0] == '#')
			(void)span_cut(rest, '\n');
		else if (span_starts(*rest, SPAN("\\\n")) || span_starts(*rest, SPAN("\\\r")))
			*rest = span_after(*rest, 2);
		else
			return;
	}
}

/*
 * Cuts the next word as a shell does, with quotes. out has room for all of rest. False: there is
 * none.
 */
static bool next_word(struct span *rest, char *out, struct span *word)
{
	char quote = '\0';
	size_t n = 0;
	size_t i = 0;

	skip_space(rest);
	for (; i < rest->n && (quote || !is_space(rest->s[i])); i++) {
		char c = rest->s[i];

		if (c == '\\' && quote != '\'' && i + 1 < rest->n)
			out[n++] = rest->s[++i];
		else if (quote ? c == quote : c == '"' || c == '\'')
			quote = quote ? '\0' : c;
		else
			out[n++] = c;
	}
	*rest = span_after(*rest, i);
	*word = (struct span){ out, n };
	return i > 0;
}

/* Whether a word is an image of a proxy. */
static bool is_image(struct span word)
{
	return word.n > 0 && word.s[0] != '-' && span_find(word, '=') == word.n &&
		memmem(word.s, word.n, "socket-proxy", 12) && span_find(word, '/') < word.n;
}

static void read_words(struct import *to, struct span text)
{
	AUTO_MEM char *out = mem_array(text.n + 1, 1);
	struct span word;

	while (out && next_word(&text, out, &word)) {
		if (span_starts(word, SPAN("--env-file"))) {
			import_note(to, "--env-file: import that file too");
			if (span_find(word, '=') == word.n)
				(void)next_word(&text, out, &word);
		} else if (span_equal(word, SPAN("-e")) || span_equal(word, SPAN("--env"))) {
			if (next_word(&text, out, &word))
				import_add_pair(to, word);
		} else if (span_starts(word, SPAN("--env="))) {
			import_add_pair(to, span_after(word, 6));
		} else if (span_starts(word, SPAN("-e")) && word.n > 2) {
			import_add_pair(to, span_after(word, 2));
		} else if (is_image(word)) {
			text_escape(word, to->image, sizeof(to->image));
		} else if (span_starts(word, SPAN("DSP_"))) {
			import_add_pair(to, word);
		}
	}
}

/* --- lines -------------------------------------------------------------------------------------*/

static bool is_upper(struct span name)
{
	for (size_t i = 0; i < name.n; i++) {
		if (name.s[i] >= 'a' && name.s[i] <= 'z')
			return false;
	}
	return true;
}

static void read_line(struct import *to, struct span text)
{
	struct env_line line;
	char shown[64];
	bool yaml;

	if (span_ends(text, SPAN("\r")))
		text.n--;
	env_line_parse(text, &line);
	yaml = line.shape == ENV_YAML_MAP || line.shape == ENV_YAML_LIST || line.shape == ENV_JSON;
	text_escape(text, shown, sizeof(shown));
	if (line.shape == ENV_BLANK)
		return;
	if (yaml && span_equal(line.name, SPAN("image")))
		text_escape(line.value, to->image, sizeof(to->image));
	else if (line.shape == ENV_OTHER)
		import_note(to, "%s: not NAME=value", shown);
	else if (line.open_quote)
		import_note(to, "%s: a quote is not closed", shown);
	else if (!yaml || is_upper(line.name))
		import_add(to, line.name,
			line.value.s || line.shape == ENV_YAML_LIST ? line.value : SPAN(""));
}

void import_lines(struct import *to, struct span text)
{
	struct span rest = text;
	bool words = false;

	while (rest.n > 0) {
		struct span one = span_cut(&rest, '\n');

		words = words || memmem(one.s, one.n, "docker run", 10) ||
			memmem(one.s, one.n, "docker create", 13) ||
			memmem(one.s, one.n, "podman run", 10) ||
			memmem(one.s, one.n, "docker service create", 21) ||
			memmem(one.s, one.n, " -e ", 4) || memmem(one.s, one.n, " --env", 6) ||
			span_starts(one, SPAN("-e ")) || span_starts(one, SPAN("--env"));
	}
	if (words) {
		read_words(to, text);
		return;
	}
	while (text.n > 0)
		read_line(to, span_cut(&text, '\n'));
}
