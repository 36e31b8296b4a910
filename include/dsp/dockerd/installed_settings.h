/*
 * The settings that a command of the tool speaks of. Unless its options choose others, they are
 * those of the dsp that is installed here, so that no command contradicts the running dspd:
 *   1. what the running dspd has in force, asked on its socket;
 *   2. else what its process or its unit names on disk;
 *   3. only where no dsp is installed or runs, this shell's environment.
 */
#ifndef DSP_INSTALLED_SETTINGS_H
#define DSP_INSTALLED_SETTINGS_H

#include <jansson.h>
#include <stdbool.h>

#include "dsp/config/config.h"
#include "dsp/dockerd/dsp_process.h"
#include "dsp/dockerd/running_settings.h"

/*
 * What the options of a command choose. --env-file and --policy each take the place of one file of
 * the installed dsp; the rest is as on disk. Both together, or --no-config: nothing of it is used.
 */
struct settings_choice {
	struct sources sources;
	bool no_config; /* this shell's environment, whatever is installed */
};

#define SETTINGS_OPTIONS                                                                           \
	SOURCES_OPTIONS,                                                                           \
	{                                                                                          \
		"no-config", no_argument, NULL, 'N'                                                \
	}

/* Sets what one of these options says. False: it is another option. */
bool settings_choice_parse(struct settings_choice *c, int option, const char *value);

enum settings_origin {
	SETTINGS_IN_FORCE, /* of the running dspd */
	SETTINGS_ON_DISK,  /* of the installed dsp, with the files that options name */
	SETTINGS_OF_SHELL,
};

struct installed_settings {
	enum settings_origin origin;
	struct config *config; /* NULL only after SETTINGS_BROKEN and SETTINGS_CLOSED */
	char why[400];         /* on disk: why they are not known to be in force */
	char unused[200];      /* dsp's variables of this shell that do not count; empty: none */

	/* The installed dsp. */
	enum running_result running;
	struct running_settings in_force; /* if RUNNING_KNOWN */
	const char *socket;               /* that --socket names; NULL: none */
	struct dsp_process process;
};

enum settings_result {
	SETTINGS_VALID,
	SETTINGS_BROKEN, /* e says why; config as config_read leaves it */
	SETTINGS_CLOSED, /* this user may not see them; e is one sentence that says what to do */
};

/*
 * Finds and compiles the settings. Settings in force that are broken, so that dspd denies every
 * request, are SETTINGS_VALID: config->policy.broken says why. The caller calls
 * installed_settings_free in any case; what choice points to must outlive *ret, which is NULL only
 * after SETTINGS_BROKEN, without memory.
 */
enum settings_result installed_settings_read(
	const struct settings_choice *choice, struct installed_settings **ret, struct err *e);

/*
 * For a command: the same, with errors and warnings on standard error. Returns EXIT_FINE, or the
 * status with which the command ends: EXIT_BROKEN, or EXIT_USAGE for SETTINGS_CLOSED.
 */
int installed_settings_open(
	const char *command, const struct settings_choice *choice, struct installed_settings **ret);

/* Prints on standard error what of the shell does not count, and that versions differ. */
void installed_settings_warn(const char *command, const struct installed_settings *s);

/* "settings: /etc/dsp/dsp.env, in force since ...": which they are, in one line. */
void installed_settings_write(const struct installed_settings *s, char *out, size_t cap);

/* Prints that line on standard output: the first of a command's answer. */
void installed_settings_print(const struct installed_settings *s);

/* The same as an object for --json: see dsp-json(5), "settings". NULL without memory. */
json_t *installed_settings_json(const struct installed_settings *s);

/*
 * Reads what the running dspd would get at its next reload. 0; -1 and e: it is broken, and *ret as
 * config_read leaves it; 1: that cannot be seen from here, as of a managed plugin. The caller frees
 * *ret with config_free, before s.
 */
MUST_USE int installed_settings_read_disk(
	struct installed_settings *s, struct config **ret, struct err *e);

void installed_settings_free(struct installed_settings *s);

static inline void installed_settings_free_auto(struct installed_settings **variable)
{
	installed_settings_free(*variable);
}
#define AUTO_SETTINGS __attribute__((cleanup(installed_settings_free_auto)))

#endif
