/*
 * The settings of an administrator, from the environment or an env file, checked. A wrong setting
 * is an error that names it; nothing is ignored silently.
 */
#ifndef DSP_SETTINGS_H
#define DSP_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/audit_settings.h"
#include "dsp/core/policy/flags.h"
#include "profiles_tab.h"

enum setting { SETTING_UNSET, SETTING_OFF, SETTING_ON };

enum mode { MODE_UNSET, MODE_ENFORCE, MODE_MONITOR };

/* What a denied client reads: the cause, or the id of the line of the audit log that has it. */
enum denials { DENIALS_UNSET, DENIALS_FULL, DENIALS_SHORT };

struct profile_info {
	const char *name;
	const char *what;
};

const struct profile_info *profile_info(enum profile p);

/* The profile of this name; false: there is none, and *ret is left alone. */
bool profile_find(struct span name, enum profile *ret);

#define SETTINGS_SOCKET "/run/docker/plugins/dsp.sock"
#define SETTINGS_RESOLVER "/run/dsp-resolve.sock"
#define SETTINGS_OWNERS "/var/lib/dsp/owners.db"

enum { GRANT_SECONDS = 8 * 3600, GRANT_SECONDS_MOST = 7 * 86400 };

struct settings {
	enum setting flags[FLAG_COUNT]; /* sections, POST, groups, powers */
	enum profile profile;
	bool profile_given;
	bool deny_when_broken;
	char socket[256];    /* empty: not given */
	char policy[256];    /* the policy file; empty: none */
	char data_root[256]; /* dockerd's data directory; empty: not given */
	char resolver[108];  /* dsp-resolve's socket; empty: off */
	char require[256];   /* conditions, as conditions_parse_text takes them; empty: none */
	char owners[256];    /* the file of the owners */
	uint64_t grant_most; /* seconds of a grant, at most; 0: there are none */
	enum mode mode;
	enum denials denials;
	struct audit_settings audit;
	char names[256];               /* of this plugin, comma separated; empty: not given */
	struct span given[FLAG_COUNT]; /* values as written, in the texts that were parsed */
	char notices[4096];            /* lines for the administrator that are not errors */
	struct line notice_line;       /* over notices */
	char errors[4096];             /* lines: all errors of an environment */
	struct line error_line;        /* over errors */
	char ignored_names[256];       /* settings of the proxies that mean nothing to dsp */
	struct line ignored;           /* over ignored_names */
};

void settings_init(struct settings *s);

enum settings_source {
	SOURCE_ENVIRONMENT,     /* inherited: names that are not meant for dsp are skipped */
	SOURCE_ENVIRONMENT_DSP, /* the same, DSP_* alone: the flags come from a file */
	SOURCE_FILE,            /* every name must be known */
};

/*
 * Parses one NAME=value. The value's text must live until all settings are parsed. -1 and e, which
 * names the variable and the values that it may have; also for a second, different value.
 */
MUST_USE int settings_parse(struct settings *s, struct span name, struct span value,
	enum settings_source source, struct err *e);

/*
 * Parses an environment (NAME=value strings, NULL at the end). -1 and e: the first error, and how
 * many more there are; s->errors has all.
 */
MUST_USE int settings_parse_environment(
	struct settings *s, char *const *environment, enum settings_source source, struct err *e);

/* Call it after the last setting: adds the notices that concern several of them. */
void settings_finish(struct settings *s);

#endif
