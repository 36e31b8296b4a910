/*
 * What an administrator has set, checked: from the environment, or from an env file. A wrong
 * setting is an error that names it; nothing is ignored silently.
 */
#ifndef DSP_SETTINGS_H
#define DSP_SETTINGS_H

#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/audit_settings.h"
#include "dsp/core/policy/flags.h"

enum setting { SETTING_UNSET, SETTING_OFF, SETTING_ON };

enum profile {
	PROFILE_GUARD,
	PROFILE_TECNATIVA,
	PROFILE_LINUXSERVER,
	PROFILE_READONLY,
	PROFILE_HARDENED,
};
enum { PROFILE_COUNT = PROFILE_HARDENED + 1 };

enum mode { MODE_UNSET, MODE_ENFORCE, MODE_MONITOR };

struct profile_info {
	const char *name;
	const char *what;
};

const struct profile_info *profile_info(enum profile p);

/* The profile of this name; false: there is none, and *ret is left alone. */
bool profile_find(struct span name, enum profile *ret);

#define SETTINGS_SOCKET "/run/docker/plugins/dsp.sock"

struct settings {
	enum setting flags[FLAG_COUNT]; /* sections, POST, groups, powers */
	enum profile profile;
	bool profile_given;
	bool deny_when_broken;
	char socket[256]; /* empty: not given */
	char policy[256]; /* the policy file; empty: none */
	enum mode mode;
	struct audit_settings audit;
	char names[256];               /* of this plugin, comma separated; empty: not given */
	struct span given[FLAG_COUNT]; /* the value as written; borrowed while settings are taken */
	char notices[1024];            /* lines for a person: not wrong, but worth a word */
	struct line notice_line;
	char ignored_names[256]; /* settings of the proxies that mean nothing here */
	struct line ignored;
};

void settings_init(struct settings *s);

enum settings_source {
	SOURCE_ENVIRONMENT,     /* inherited: names that nobody means for dsp are passed over */
	SOURCE_ENVIRONMENT_DSP, /* the same, but only DSP_* is taken: the flags come from a file */
	SOURCE_FILE,            /* every name must be known */
};

/*
 * Takes one NAME=value; the value's text must stay until all are taken. A second, other value for a
 * name is an error. -1 and e (naming the variable and what it may be) when it is wrong.
 */
MUST_USE int settings_parse(struct settings *s, struct span name, struct span value,
	enum settings_source source, struct err *e);

/* Takes all of an environment; stops at the first wrong one. */
MUST_USE int settings_parse_environment(
	struct settings *s, char *const *environment, enum settings_source source, struct err *e);

/*
 * Takes all lines of an env file: NAME=value, blank lines, lines that begin with '#'. A value may
 * stand in one pair of quotes. e names file, line and column.
 */
MUST_USE int settings_parse_file(
	struct settings *s, const char *file, struct span text, struct err *e);

/* Looks at the whole, when all is taken: adds the notices that concern several flags. */
void settings_finish(struct settings *s);

#endif
