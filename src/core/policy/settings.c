#include "dsp/core/policy/settings.h"

#include <stdio.h>
#include <strings.h>

#include "dsp/core/base/duration.h"
#include "dsp/core/facts/paths.h"
#include "dsp/core/policy/conditions_parse.h"
#include "dsp/core/policy/meanings.h"

#define ROW(id, nm, wh) [id] = { .name = (nm), .what = (wh) },

static const struct profile_info profiles[PROFILE_COUNT] = { PROFILES_ROWS(ROW) };

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
	*s = (struct settings){ .profile = PROFILE_GUARD,
		.resolver = SETTINGS_RESOLVER,
		.owners = SETTINGS_OWNERS,
		.grant_most = GRANT_SECONDS };
	audit_settings_init(&s->audit);
	line_init(&s->notice_line, s->notices, sizeof(s->notices));
	line_init(&s->error_line, s->errors, sizeof(s->errors));
	line_init(&s->ignored, s->ignored_names, sizeof(s->ignored_names));
}

/* -1: not a boolean. */
static int parse_boolean(struct span value)
{
	static const struct {
		const char *word;
		enum setting setting;
	} words[] = { { "1", SETTING_ON }, { "true", SETTING_ON }, { "yes", SETTING_ON },
		{ "on", SETTING_ON }, { "0", SETTING_OFF }, { "false", SETTING_OFF },
		{ "no", SETTING_OFF }, { "off", SETTING_OFF } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (value.n == strlen(words[i].word) &&
			strncasecmp(value.s, words[i].word, value.n) == 0)
			return (int)words[i].setting;
	}
	return -1;
}

/* --- settings that are not flags ---------------------------------------------------------------*/

static int parse_profile(struct settings *s, struct span value, struct err *e)
{
	char names[128];
	char shown[40];
	struct line l;

	if (profile_find(value, &s->profile)) {
		s->profile_given = true;
		return 0;
	}
	line_init(&l, names, sizeof(names));
	for (size_t i = 0; i < PROFILE_COUNT; i++)
		line_add(&l, "%s%s", i > 0 ? ", " : "", profiles[i].name);
	text_escape(value, shown, sizeof(shown));
	return FAIL(e, 0, "DSP_PROFILE=%s: no such profile; use %s", shown, names);
}

static int copy_text(char *to, size_t cap, const char *name, struct span value, struct err *e)
{
	if (value.n >= cap || span_find(value, '\0') < value.n)
		return FAIL(e, 0, "%s: longer than %zu bytes", name, cap - 1);
	memcpy(to, value.s, value.n);
	to[value.n] = '\0';
	return 0;
}

static int parse_names(struct settings *s, struct span value, struct err *e)
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
	return copy_text(s->names, sizeof(s->names), "DSP_NAME", value, e);
}

static int parse_on_broken(struct settings *s, struct span value, struct err *e)
{
	char shown[40];

	s->deny_when_broken = span_equal(value, SPAN("deny"));
	if (s->deny_when_broken || span_equal(value, SPAN("exit")))
		return 0;
	text_escape(value, shown, sizeof(shown));
	return FAIL(e, 0, "DSP_ON_BROKEN=%s: use exit or deny", shown);
}

static int parse_mode(struct settings *s, struct span value, struct err *e)
{
	char shown[40];

	s->mode = span_equal(value, SPAN("monitor")) ? MODE_MONITOR : MODE_ENFORCE;
	if (s->mode == MODE_MONITOR || span_equal(value, SPAN("enforce")))
		return 0;
	text_escape(value, shown, sizeof(shown));
	return FAIL(e, 0, "DSP_MODE=%s: use enforce or monitor", shown);
}

static int parse_denials(struct settings *s, struct span value, struct err *e)
{
	char shown[40];

	s->denials = span_equal(value, SPAN("short")) ? DENIALS_SHORT : DENIALS_FULL;
	if (s->denials == DENIALS_SHORT || span_equal(value, SPAN("full")))
		return 0;
	text_escape(value, shown, sizeof(shown));
	return FAIL(e, 0, "DSP_DENIALS=%s: use full or short", shown);
}

static int parse_socket(struct settings *s, struct span value, struct err *e)
{
	return copy_text(s->socket, sizeof(s->socket), "DSP_SOCKET", value, e);
}

static int parse_policy(struct settings *s, struct span value, struct err *e)
{
	return copy_text(s->policy, sizeof(s->policy), "DSP_POLICY", value, e);
}

static int parse_data_root(struct settings *s, struct span value, struct err *e)
{
	if (!path_is_clean(value) || value.n < 2)
		return FAIL(e, 0, "DSP_DATA_ROOT: not an absolute path without \".\" and \"..\"");
	return copy_text(s->data_root, sizeof(s->data_root), "DSP_DATA_ROOT", value, e);
}

static int parse_resolver(struct settings *s, struct span value, struct err *e)
{
	if (span_equal(value, SPAN("off"))) {
		s->resolver[0] = '\0';
		return 0;
	}
	if (!path_is_clean(value) || value.n < 2)
		return FAIL(e, 0, "DSP_RESOLVER: use the absolute path of a socket, or off");
	return copy_text(s->resolver, sizeof(s->resolver), "DSP_RESOLVER", value, e);
}

static int parse_owners(struct settings *s, struct span value, struct err *e)
{
	if (!path_is_clean(value) || value.n < 2)
		return FAIL(e, 0, "DSP_OWNERS: not an absolute path without \".\" and \"..\"");
	return copy_text(s->owners, sizeof(s->owners), "DSP_OWNERS", value, e);
}

static int parse_require(struct settings *s, struct span value, struct err *e)
{
	struct condition_word words[CONDITION_WORDS_MOST];
	struct image_lists lists = { .count = 0 };
	struct conditions parsed;

	if (conditions_parse_text(value, words, &lists, &parsed, e) != 0)
		return -1;
	return copy_text(s->require, sizeof(s->require), "DSP_REQUIRE", value, e);
}

static int parse_grant_most(struct settings *s, struct span value, struct err *e)
{
	char shown[40];

	if (duration_parse(value, &s->grant_most) && s->grant_most <= GRANT_SECONDS_MOST)
		return 0;
	text_escape(value, shown, sizeof(shown));
	return FAIL(e, 0,
		"DSP_GRANT_MOST=%s: use a time of at most 7d, such as 90s, 15m, 8h, 1d; or 0: root "
		"can give no grants",
		shown);
}

/* A row of flags.tab that is a setting has a row here, or begins with DSP_AUDIT. */
static const struct {
	struct span name;
	int (*parse)(struct settings *s, struct span value, struct err *e);
} parsers[] = {
	{ SPAN_INIT("DSP_PROFILE"), parse_profile },
	{ SPAN_INIT("DSP_NAME"), parse_names },
	{ SPAN_INIT("DSP_ON_BROKEN"), parse_on_broken },
	{ SPAN_INIT("DSP_MODE"), parse_mode },
	{ SPAN_INIT("DSP_DENIALS"), parse_denials },
	{ SPAN_INIT("DSP_POLICY"), parse_policy },
	{ SPAN_INIT("DSP_DATA_ROOT"), parse_data_root },
	{ SPAN_INIT("DSP_RESOLVER"), parse_resolver },
	{ SPAN_INIT("DSP_OWNERS"), parse_owners },
	{ SPAN_INIT("DSP_SOCKET"), parse_socket },
	{ SPAN_INIT("DSP_REQUIRE"), parse_require },
	{ SPAN_INIT("DSP_GRANT_MOST"), parse_grant_most },
};

/* --- one NAME=value ----------------------------------------------------------------------------*/

/* A flag or a setting that dsp knows. */
static int parse_known(struct settings *s, size_t flag, struct span value, struct err *e)
{
	struct span name = span_of(flag_at(flag)->name);
	int boolean = parse_boolean(value);
	char shown[40];

	if (s->given[flag].n > 0 && !span_equal(s->given[flag], value))
		return FAIL(e, 0, "%s: set twice, to different values", name.s);
	s->given[flag] = value;
	for (size_t i = 0; i < sizeof(parsers) / sizeof(parsers[0]); i++) {
		if (span_equal(name, parsers[i].name))
			return parsers[i].parse(s, value, e);
	}
	if (flag_at(flag)->kind == FLAG_KIND_SETTING)
		return audit_settings_parse(&s->audit, name, value, e);
	text_escape(value, shown, sizeof(shown));
	if (boolean < 0)
		return FAIL(e, 0,
			"%s=%s: not a boolean; use 1 or 0 (true false yes no on off), or empty",
			name.s, shown);
	s->flags[flag] = (enum setting)boolean;
	return 0;
}

/* A name that is not for dsp, or that somebody thinks is. */
static void notice_foreign(struct settings *s, struct span name, struct span value)
{
	char meant[160];
	char shown[64];
	bool pattern = meaning_write(MEANING_VARIABLE, name, meant, sizeof(meant));
	const char *near = flag_nearest(name, 1).word.s;

	text_escape(name, shown, sizeof(shown));
	if (!pattern && parse_boolean(value) < 0)
		return;
	if (meant[0])
		line_add(&s->notice_line, "%s is not a flag of dsp: %s\n", shown, meant);
	else if (near)
		line_add(&s->notice_line, "%s is not a flag of dsp; did you mean %s?\n", shown,
			near);
}

static int fail_unknown(struct span name, struct err *e)
{
	const char *near = flag_nearest(name, 0).word.s;
	char meant[160];
	char shown[64];

	text_escape(name, shown, sizeof(shown));
	(void)meaning_write(MEANING_SETTING, name, meant, sizeof(meant));
	if (meant[0])
		return FAIL(e, 0, "%s: no such flag or setting; %s", shown, meant);
	return FAIL(e, 0, "%s: no such flag or setting%s%s%s", shown,
		near ? "; did you mean " : "; see dsp list flags", near ? near : "",
		near ? "?" : "");
}

static int parse_unknown(struct settings *s, struct span name, struct span value,
	enum settings_source source, struct err *e)
{
	if (source == SOURCE_FILE || span_starts(name, SPAN("ALLOW_")) ||
		span_starts(name, SPAN("DSP_")))
		return fail_unknown(name, e);
	notice_foreign(s, name, value);
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
				"%s in the environment has no effect: the flags come from the env "
				"file\n",
				flag_at(flag)->name);
		return 0;
	}
	if (flag == FLAG_COUNT)
		return parse_unknown(s, name, value, source, e);
	if (flag_at(flag)->kind == FLAG_KIND_IGNORED) {
		text_escape(name, shown, sizeof(shown));
		/* In an environment a common name is set for other programs. */
		if (value.n > 0 &&
			(source == SOURCE_FILE || strcmp(flag_at(flag)->arg, "common") != 0))
			line_add(&s->ignored, "%s%s", s->ignored.n > 0 ? ", " : "", shown);
		return 0;
	}
	/* A managed plugin cannot unset a variable. */
	return value.n == 0 ? 0 : parse_known(s, flag, value, e);
}

int settings_parse_environment(
	struct settings *s, char *const *environment, enum settings_source source, struct err *e)
{
	size_t errors = 0;
	struct err one;

	for (; *environment; environment++) {
		struct span all = span_of(*environment);
		size_t sign = span_find(all, '=');
		struct span name = { all.s, sign };

		if (sign == all.n ||
			settings_parse(s, name, span_after(all, sign + 1), source, &one) == 0)
			continue;
		if (errors++ == 0)
			*e = one;
		line_add(&s->error_line, "%s\n", one.text);
	}
	one = *e;
	if (errors > 1)
		err_set(e, 0, "%.280s (and %zu more: run dsp check)", one.text, errors - 1);
	return errors == 0 ? 0 : -1;
}

void settings_finish(struct settings *s)
{
	bool copied = false;

	for (size_t i = 0; i < (size_t)SECTION_NONE; i++)
		copied = copied || s->flags[i] == SETTING_ON;
	if (s->ignored.n > 0)
		line_add(&s->notice_line,
			"%s: settings of socket proxies and container images, which mean nothing here\n",
			s->ignored_names);
	if (copied && !s->profile_given)
		line_add(&s->notice_line,
			"section flags set to 1 change nothing in profile guard; with "
			"DSP_PROFILE=tecnativa or linuxserver they open sections, as in a socket "
			"proxy\n");
}
