#include "dsp/core/policy/settings.h"

#include <stdio.h>
#include <strings.h>

static const struct profile_info profiles[PROFILE_COUNT] = {
	[PROFILE_GUARD] = { "guard",
		"everything is allowed except exec, kill, delete, plugin_control, dsp_files, unknown (the default)" },
	[PROFILE_TECNATIVA] = { "tecnativa",
		"the rules and defaults of Tecnativa's docker-socket-proxy: reads of open sections" },
	[PROFILE_LINUXSERVER] = { "linuxserver",
		"the rules and defaults of linuxserver's socket-proxy" },
	[PROFILE_READONLY] = { "readonly", "reads, less those that change, leak or dial out" },
	[PROFILE_HARDENED] = { "hardened",
		"guard less every power that makes its holder root on the host directly, and most that do so through others" },
};

const struct profile_info *profile_info(enum profile p)
{
	return &profiles[p];
}

bool profile_find(struct span name, enum profile *ret)
{
	for (size_t i = 0; i < PROFILE_COUNT; i++) {
		if (span_equal(name, span_of(profiles[i].name))) {
			*ret = (enum profile)i;
			return true;
		}
	}
	return false;
}

void settings_init(struct settings *s)
{
	*s = (struct settings){ .profile = PROFILE_GUARD };
	audit_settings_init(&s->audit);
	line_init(&s->notice_line, s->notices, sizeof(s->notices));
	line_init(&s->ignored, s->ignored_names, sizeof(s->ignored_names));
}

static bool is_one_of(struct span value, const char *const words[4])
{
	for (size_t i = 0; i < 4; i++) {
		if (value.n == strlen(words[i]) && strncasecmp(value.s, words[i], value.n) == 0)
			return true;
	}
	return false;
}

/* -1: not a boolean. */
static int boolean(struct span value)
{
	static const char *const on[4] = { "1", "true", "yes", "on" };
	static const char *const off[4] = { "0", "false", "no", "off" };

	if (is_one_of(value, on))
		return SETTING_ON;
	return is_one_of(value, off) ? SETTING_OFF : -1;
}

static int take_boolean(struct settings *s, size_t flag, struct span value, struct err *e)
{
	char shown[40];
	int b = boolean(value);

	text_escape(value, shown, sizeof(shown));
	if (b < 0)
		return FAIL(e, 0,
			"%s=%s: not a boolean; it may be 1 or 0 (true false yes no on off), or empty",
			flag_at(flag)->name, shown);
	s->flags[flag] = (enum setting)b;
	return 0;
}

static int take_profile(struct settings *s, struct span value, struct err *e)
{
	char shown[40];

	if (profile_find(value, &s->profile)) {
		s->profile_given = true;
		return 0;
	}
	text_escape(value, shown, sizeof(shown));
	return FAIL(e, 0,
		"DSP_PROFILE=%s: no such profile; it may be guard, tecnativa, linuxserver, "
		"readonly, hardened",
		shown);
}

static int take_text(char *to, size_t cap, const char *name, struct span value, struct err *e)
{
	if (value.n >= cap || span_find(value, '\0') < value.n)
		return FAIL(e, 0, "%s: longer than %zu bytes", name, cap - 1);
	memcpy(to, value.s, value.n);
	to[value.n] = '\0';
	return 0;
}

static int take_names(struct settings *s, struct span value, struct err *e)
{
	char before = ',';

	for (size_t i = 0; i < value.n; i++) {
		char c = value.s[i];
		bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			(c != '\0' && strchr("._-/:,", c) != NULL);

		if (!fine || (c == ',' && before == ','))
			return FAIL(e, 0,
				"DSP_NAME: not plugin names (a-z 0-9 . _ - / :), comma separated");
		before = c;
	}
	if (before == ',')
		return FAIL(e, 0, "DSP_NAME: a name is missing at its end");
	return take_text(s->names, sizeof(s->names), "DSP_NAME", value, e);
}

static int take_on_broken(struct settings *s, struct span value, struct err *e)
{
	char shown[40];

	s->deny_when_broken = span_equal(value, SPAN("deny"));
	if (s->deny_when_broken || span_equal(value, SPAN("exit")))
		return 0;
	text_escape(value, shown, sizeof(shown));
	return FAIL(e, 0, "DSP_ON_BROKEN=%s: it may be exit or deny", shown);
}

static int take_mode(struct settings *s, struct span value, struct err *e)
{
	char shown[40];

	s->mode = span_equal(value, SPAN("monitor")) ? MODE_MONITOR : MODE_ENFORCE;
	if (s->mode == MODE_MONITOR || span_equal(value, SPAN("enforce")))
		return 0;
	text_escape(value, shown, sizeof(shown));
	return FAIL(e, 0, "DSP_MODE=%s: it may be enforce or monitor", shown);
}

static int take_setting(struct settings *s, struct span name, struct span value, struct err *e)
{
	if (span_equal(name, SPAN("DSP_PROFILE")))
		return take_profile(s, value, e);
	if (span_equal(name, SPAN("DSP_NAME")))
		return take_names(s, value, e);
	if (span_equal(name, SPAN("DSP_ON_BROKEN")))
		return take_on_broken(s, value, e);
	if (span_equal(name, SPAN("DSP_MODE")))
		return take_mode(s, value, e);
	if (span_starts(name, SPAN("DSP_AUDIT")))
		return audit_settings_parse(&s->audit, name, value, e);
	if (span_equal(name, SPAN("DSP_POLICY")))
		return take_text(s->policy, sizeof(s->policy), "DSP_POLICY", value, e);
	return take_text(s->socket, sizeof(s->socket), "DSP_SOCKET", value, e);
}

static int take_known(struct settings *s, size_t flag, struct span value, struct err *e)
{
	const struct flag *f = flag_at(flag);

	if (s->given[flag].n > 0 && !span_equal(s->given[flag], value))
		return FAIL(e, 0, "%s: set twice, to different values", f->name);
	s->given[flag] = value;
	if (f->kind == FLAG_KIND_SETTING)
		return take_setting(s, span_of(f->name), value, e);
	return take_boolean(s, flag, value, e);
}

static int take_unknown(struct settings *s, struct span name, struct span value,
	enum settings_source source, struct err *e)
{
	bool ours = span_starts(name, SPAN("ALLOW_")) || span_starts(name, SPAN("DSP_"));
	const char *near = flag_nearest(name, ours || source == SOURCE_FILE ? 0 : 1).word.s;
	char shown[64];

	text_escape(name, shown, sizeof(shown));
	if (ours || source == SOURCE_FILE)
		return FAIL(e, 0, "%s: no such flag or setting%s%s%s", shown,
			near ? "; did you mean " : "; see dsp list flags", near ? near : "",
			near ? "?" : "");
	if (near && boolean(value) >= 0)
		line_add(&s->notice_line, "%s is not a flag of dsp; did you mean %s?\n", shown,
			near);
	return 0;
}

int settings_parse(struct settings *s, struct span name, struct span value,
	enum settings_source source, struct err *e)
{
	size_t flag = flag_find(name);
	char shown[64];

	if (source == SOURCE_ENVIRONMENT_DSP && !span_starts(name, SPAN("DSP_"))) {
		if (flag < FLAG_COUNT && span_starts(name, SPAN("ALLOW_")) && value.n > 0)
			line_add(&s->notice_line,
				"%s of the environment is not used: the flags come from the env file\n",
				flag_at(flag)->name);
		return 0;
	}
	if (flag == FLAG_COUNT)
		return take_unknown(s, name, value, source, e);
	if (flag_at(flag)->kind == FLAG_KIND_IGNORED) {
		text_escape(name, shown, sizeof(shown));
		/* LOG_LEVEL is a common name: in an environment it is not meant for dsp. */
		if (value.n > 0 && (source == SOURCE_FILE || !span_equal(name, SPAN("LOG_LEVEL"))))
			line_add(&s->ignored, "%s%s", s->ignored.n > 0 ? ", " : "", shown);
		return 0;
	}
	/* A managed plugin cannot unset a variable. */
	return value.n == 0 ? 0 : take_known(s, flag, value, e);
}

int settings_parse_environment(
	struct settings *s, char *const *environment, enum settings_source source, struct err *e)
{
	for (; *environment; environment++) {
		struct span all = span_of(*environment);
		size_t sign = span_find(all, '=');
		struct span name = { all.s, sign };

		if (sign == all.n)
			continue;
		if (settings_parse(s, name, span_after(all, sign + 1), source, e) != 0)
			return -1;
	}
	return 0;
}

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

/* Where in a file a message belongs. */
struct file_place {
	const char *file;
	size_t line;
	const char *start; /* of the line */
};

static int fail_at(const struct file_place *at, const char *where, const char *what, struct err *e)
{
	return FAIL(
		e, 0, "%s:%zu:%zu: %s", at->file, at->line, (size_t)(where - at->start) + 1, what);
}

/* One pair of quotes around a value means nothing. */
static int unquote(struct span *value)
{
	char quote = value->n > 0 ? value->s[0] : '\0';

	if (quote != '"' && quote != '\'')
		return 0;
	if (value->n < 2 || value->s[value->n - 1] != quote)
		return -1;
	*value = (struct span){ value->s + 1, value->n - 2 };
	return 0;
}

static int take_line(
	struct settings *s, const struct file_place *at, struct span text, struct err *e)
{
	size_t sign = span_find(text, '=');
	struct span name = trim((struct span){ text.s, sign });
	struct span value;
	struct err inner;

	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.s[i];

		if (c == 0x7f || (c < 0x20 && c != '\t'))
			return fail_at(at, text.s + i, "a control character", e);
	}
	if (trim(text).n == 0 || trim(text).s[0] == '#')
		return 0;
	if (sign == text.n || name.n == 0)
		return fail_at(at, trim(text).s, "not NAME=value", e);
	value = trim(span_after(text, sign + 1));
	if (unquote(&value) != 0)
		return fail_at(at, value.s, "a quote is not closed", e);
	if (settings_parse(s, name, value, SOURCE_FILE, &inner) != 0)
		return fail_at(at, name.s, inner.text, e);
	return 0;
}

/*
 * Behind an error one line still counts: what an error leads to must not hang on the order. It is
 * taken if it is right; the first error is the one that is told.
 */
static void take_on_broken_line(struct settings *s, const struct file_place *at, struct span text)
{
	struct span name = trim((struct span){ text.s, span_find(text, '=') });
	struct err unused;

	if (span_equal(name, SPAN("DSP_ON_BROKEN")) && take_line(s, at, text, &unused) != 0)
		s->deny_when_broken = false;
}

int settings_parse_file(struct settings *s, const char *file, struct span text, struct err *e)
{
	struct file_place at = { .file = file, .line = 0 };
	int rc = 0;

	while (text.n > 0) {
		struct span one = span_cut(&text, '\n');

		at.line++;
		at.start = one.s;
		if (rc == 0)
			rc = take_line(s, &at, one, e);
		else
			take_on_broken_line(s, &at, one);
	}
	return rc;
}

void settings_finish(struct settings *s)
{
	bool copied = false;

	for (size_t i = 0; i < (size_t)SECTION_NONE; i++)
		copied = copied || s->flags[i] == SETTING_ON;
	if (s->ignored.n > 0)
		line_add(&s->notice_line,
			"%s: settings of the socket proxies, which mean nothing inside dockerd\n",
			s->ignored_names);
	if (copied && !s->profile_given)
		line_add(&s->notice_line,
			"section flags set to 1 change nothing in profile guard; as in a socket "
			"proxy, they open what is closed with DSP_PROFILE=tecnativa or linuxserver\n");
}
