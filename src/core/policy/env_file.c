#include "dsp/core/policy/env_file.h"

#include <stdio.h>

/* --- lines -------------------------------------------------------------------------------------*/

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span trim(struct span s)
{
	while (s.n > 0 && is_blank(s.s[0]))
		s = span_after(s, 1);
	while (s.n > 0 && is_blank(s.s[s.n - 1]))
		s.n--;
	return s;
}

static bool is_name(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		c == '_';
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

/* What stands before a name, by the tool that reads it. */
static const struct prefix {
	struct span word;
	enum env_shape shape;
	bool blank; /* a blank follows, or a quote */
} prefixes[] = {
	{ SPAN_INIT("export"), ENV_SHELL, true },
	{ SPAN_INIT("declare -x"), ENV_SHELL, true },
	{ SPAN_INIT("set"), ENV_SHELL, true },
	{ SPAN_INIT("$env:"), ENV_SHELL, false },
	{ SPAN_INIT("--env="), ENV_DOCKER_RUN, false },
	{ SPAN_INIT("--env"), ENV_DOCKER_RUN, true },
	{ SPAN_INIT("-e"), ENV_DOCKER_RUN, false },
	{ SPAN_INIT("ENV"), ENV_DOCKERFILE, true },
	{ SPAN_INIT("Environment="), ENV_UNIT, false },
	{ SPAN_INIT("-"), ENV_YAML_LIST, true },
};

/* Takes a prefix off; the shape that it means. */
static enum env_shape cut_prefix(struct span *text)
{
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		const struct prefix *p = &prefixes[i];
		struct span rest;

		if (!span_starts(*text, p->word))
			continue;
		rest = span_after(*text, p->word.n);
		if (rest.n == 0 || (p->blank && !is_blank(rest.s[0])))
			continue;
		*text = trim(rest);
		return p->shape;
	}
	return ENV_SETTING;
}

/* The end of a value that an unquoted comment cuts short; the whole text: there is none. */
static size_t find_comment(struct span text)
{
	for (size_t i = 1; i < text.n; i++) {
		if (text.s[i] == '#' && is_blank(text.s[i - 1]))
			return i;
	}
	return text.n;
}

/* text: all behind the sign, with the sign as its first byte. */
static void parse_value(struct env_line *line, struct span text)
{
	struct span value = trim(span_after(text, 1));
	size_t end = find_comment(text);

	if (value.n > 0 && is_quote(value.s[0])) {
		size_t close = 1 + span_find(span_after(value, 1), value.s[0]);
		struct span rest = span_after(value, close < value.n ? close + 1 : value.n);

		if (rest.n > 0 && is_blank(rest.s[0]) && span_starts(trim(rest), SPAN("#"))) {
			line->comment = trim(rest);
			line->value = (struct span){ value.s + 1, close - 1 };
			return;
		}
		line->open_quote = value.n < 2 || value.s[value.n - 1] != value.s[0];
		if (!line->open_quote)
			value = (struct span){ value.s + 1, value.n - 2 };
	} else if (end < text.n) {
		line->comment = span_after(text, end);
		value = trim((struct span){ text.s + 1, end - 1 });
	}
	line->value = value;
}

/* Takes off what other formats put behind a value: a continued line, a comma. */
static struct span cut_tail(struct span text, enum env_shape shape)
{
	if ((shape == ENV_DOCKER_RUN && span_ends(text, SPAN("\\"))) ||
		(shape == ENV_JSON && span_ends(text, SPAN(","))))
		text.n--;
	return trim(text);
}

/* The quotes around a whole NAME=value: - "NAME=value". */
static struct span cut_quotes(struct span text)
{
	if (text.n > 2 && is_quote(text.s[0]) && text.s[text.n - 1] == text.s[0] &&
		span_find(text, '=') < text.n)
		return (struct span){ text.s + 1, text.n - 2 };
	return text;
}

/* Where the colon of "NAME": value or NAME: value is; text.n: there is none. name: NAME. */
static size_t find_colon(struct span text, bool quoted, struct span *name)
{
	size_t end = quoted ? 1 : 0;
	size_t sign;

	*name = span_after(text, end);
	while (end < text.n && is_name(text.s[end]))
		end++;
	name->n = (size_t)(text.s + end - name->s);
	if (name->n == 0 || (quoted && (end == text.n || text.s[end] != text.s[0])))
		return text.n;
	sign = end + quoted;
	while (sign < text.n && is_blank(text.s[sign]))
		sign++;
	return sign < text.n && text.s[sign] == ':' ? sign : text.n;
}

static bool parse_colon(struct env_line *line, struct span text)
{
	bool quoted = is_quote(text.s[0]);
	struct span name;
	size_t sign = find_colon(text, quoted, &name);

	/* A colon in a value has no blank behind it. */
	if (sign == text.n || (!quoted && sign + 1 < text.n && !is_blank(text.s[sign + 1])))
		return false;
	line->name = name;
	if (line->shape == ENV_SETTING)
		line->shape = quoted ? ENV_JSON : ENV_YAML_MAP;
	parse_value(line, cut_tail(span_after(text, sign), line->shape));
	return true;
}

void env_line_parse(struct span text, struct env_line *ret)
{
	struct span rest = trim(text);
	size_t sign;

	*ret = (struct env_line){ .shape = ENV_BLANK };
	if (rest.n == 0 || rest.s[0] == '#')
		return;
	ret->shape = cut_prefix(&rest);
	if (ret->shape != ENV_SETTING)
		rest = cut_quotes(cut_tail(rest, ret->shape));
	if (rest.n > 0 && parse_colon(ret, rest))
		return;
	sign = span_find(rest, '=');
	ret->name = trim((struct span){ rest.s, sign });
	if (sign < rest.n && ret->name.n > 0) {
		parse_value(ret, span_after(rest, sign));
		return;
	}
	ret->name = trim(text);
	/* A list of names alone is a list of variables that compose hands on. */
	if (ret->shape == ENV_SETTING)
		ret->shape = ENV_OTHER;
}

const char *env_shape_name(enum env_shape shape)
{
	static const char *const names[] = {
		[ENV_BLANK] = "nothing",
		[ENV_SETTING] = "a setting",
		[ENV_SHELL] = "a command of a shell",
		[ENV_DOCKER_RUN] = "an option of docker run",
		[ENV_DOCKERFILE] = "a line of a Dockerfile",
		[ENV_UNIT] = "a line of a systemd unit",
		[ENV_YAML_LIST] = "a YAML list",
		[ENV_YAML_MAP] = "a YAML map",
		[ENV_JSON] = "JSON",
		[ENV_OTHER] = "not NAME=value",
	};

	return names[shape];
}

/* --- files -------------------------------------------------------------------------------------*/

enum { FINDINGS_MOST = 200 };

/* Characters that editors and web pages put in the place of others. */
static const struct {
	struct span bytes;
	const char *what;
} unseen[] = {
	{ SPAN_INIT("\xef\xbb\xbf"), "a byte order mark (U+FEFF)" },
	{ SPAN_INIT("\xe2\x80\x8b"), "an invisible character (U+200B)" },
	{ SPAN_INIT("\xe2\x80\x8c"), "an invisible character (U+200C)" },
	{ SPAN_INIT("\xe2\x80\x8d"), "an invisible character (U+200D)" },
	{ SPAN_INIT("\xe2\x81\xa0"), "an invisible character (U+2060)" },
	{ SPAN_INIT("\xc2\xad"), "an invisible character (U+00AD)" },
	{ SPAN_INIT("\xc2\xa0"), "a no-break space (U+00A0)" },
	{ SPAN_INIT("\xe2\x80\xaf"), "a no-break space (U+202F)" },
	{ SPAN_INIT("\xe2\x80\x9c"), "a typographic quote (U+201C)" },
	{ SPAN_INIT("\xe2\x80\x9d"), "a typographic quote (U+201D)" },
	{ SPAN_INIT("\xe2\x80\x98"), "a typographic quote (U+2018)" },
	{ SPAN_INIT("\xe2\x80\x99"), "a typographic quote (U+2019)" },
	{ SPAN_INIT("\xef\xbc\x9d"), "a wide equals sign (U+FF1D)" },
};

struct reader {
	struct settings *settings;
	struct findings *findings;
	char file[96]; /* its name, printable */
	bool crlf;     /* reported */
};

static size_t offset(const struct reader *r, const char *at)
{
	return (size_t)(at - r->findings->text.s);
}

/* Whether the line has a byte that no line may have; it is reported. */
static bool has_odd_bytes(const struct reader *r, struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.s[i];
		struct span rest = span_after(text, i);

		if (c == 0x7f || (c < 0x20 && c != '\t')) {
			findings_error(r->findings, offset(r, rest.s), "a control character");
			return true;
		}
		for (size_t k = 0; c >= 0x80 && k < sizeof(unseen) / sizeof(unseen[0]); k++) {
			if (!span_starts(rest, unseen[k].bytes) || trim(text).s[0] == '#')
				continue;
			findings_error(r->findings, offset(r, rest.s),
				"%s; type the line again in a plain text editor", unseen[k].what);
			return true;
		}
	}
	return false;
}

/* The name of a flag or a setting; keys of compose are not. */
static bool is_variable(struct span name)
{
	for (size_t i = 0; i < name.n; i++) {
		if (!is_name(name.s[i]) || (name.s[i] >= 'a' && name.s[i] <= 'z'))
			return false;
	}
	return name.n > 0;
}

/* Reports what this format has not, and other programs have. */
static bool check_format(const struct reader *r, const struct env_line *line, struct span text)
{
	struct findings *f = r->findings;
	char name[48];
	char value[48];
	size_t flag = flag_find(line->name);
	bool ignored = flag < FLAG_COUNT && flag_at(flag)->kind == FLAG_KIND_IGNORED;
	size_t variable = 0;

	text_escape(line->name, name, sizeof(name));
	text_escape(line->value, value, sizeof(value));
	while (variable + 1 < line->value.n &&
		!span_starts(span_after(line->value, variable), SPAN("${")))
		variable++;
	if (line->shape == ENV_OTHER)
		findings_error(f, offset(r, trim(text).s), "not NAME=value");
	else if (line->open_quote && line->shape == ENV_SETTING)
		findings_error(f, offset(r, line->value.s), "a quote is not closed");
	else if (line->shape != ENV_SETTING)
		findings_error(f, offset(r, trim(text).s),
			"%s; this file has lines of NAME=value: dsp import %s converts it",
			env_shape_name(line->shape), r->file);
	else if (line->comment.n > 0 && !ignored)
		findings_error(f, offset(r, line->comment.s),
			"an inline comment, which this format does not have; write %s=%s, and the "
			"comment in a line of its own",
			name, value);
	else if (variable + 1 < line->value.n && !ignored)
		findings_error(f, offset(r, line->value.s),
			"%s=%s: a variable of compose or a shell, which dspd does not expand; "
			"write its value",
			name, value);
	else
		return true;
	return line->comment.n > 0 || (line->shape != ENV_SETTING && is_variable(line->name));
}

static void read_line(struct reader *r, struct span text)
{
	struct env_line line;
	struct err e;

	if (span_ends(text, SPAN("\r"))) {
		text.n--;
		if (!r->crlf)
			findings_error(r->findings, offset(r, text.s) + text.n,
				"CRLF, the end of a line on Windows; sed -i 's/\\r$//' %s converts "
				"the file",
				r->file);
		r->crlf = true;
	}
	if (has_odd_bytes(r, text))
		return;
	env_line_parse(text, &line);
	if (line.shape != ENV_BLANK && check_format(r, &line, text) &&
		settings_parse(r->settings, line.name, line.value, SOURCE_FILE, &e) != 0)
		findings_error(r->findings, offset(r, line.name.s), "%s", e.text);
}

int env_file_parse(struct settings *s, struct findings *findings, struct err *e)
{
	struct reader r = { .settings = s, .findings = findings };
	struct span rest = findings->text;

	text_escape(span_of(findings->file), r.file, sizeof(r.file));
	if (span_starts(rest, SPAN("\xff\xfe")) || span_starts(rest, SPAN("\xfe\xff"))) {
		findings_error(findings, 0,
			"UTF-16; iconv -f UTF-16 -t UTF-8 %s > new.env converts the file", r.file);
		rest.n = 0;
	}
	if (span_starts(rest, SPAN("\xef\xbb\xbf"))) {
		findings_error(findings, 0,
			"a byte order mark (BOM); sed -i '1s/^\\xef\\xbb\\xbf//' %s takes it out",
			r.file);
		rest = span_after(rest, 3);
	}
	while (rest.n > 0) {
		struct span one = span_cut(&rest, '\n');

		if (findings->count < FINDINGS_MOST)
			read_line(&r, one);
	}
	findings_sort(findings);
	if (!findings_fatal(findings))
		return 0;
	findings_first(findings, e);
	return -1;
}
