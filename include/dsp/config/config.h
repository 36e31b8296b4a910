/* The settings from environment, env file and policy file, and the policy that they amount to. */
#ifndef DSP_CONFIG_H
#define DSP_CONFIG_H

#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/core/facts/daemon_facts.h"
#include "dsp/core/policy/findings.h"
#include "dsp/core/policy/policy.h"
#include "dsp/core/policy/settings.h"

enum { IMAGE_FILES_MOST = 2 * IMAGE_LISTS_MOST };

struct loaded_file {
	const char *path;
	struct span text;
};

/* What another process read; its spans outlive the call. */
struct loaded_texts {
	bool has_env_file;
	bool has_policy;
	struct span env_file;
	struct span policy;
	const char *data_root;
	size_t image_file_count;
	struct loaded_file image_files[IMAGE_FILES_MOST]; /* by their paths */
};

/* Where the settings come from, as the command line says; each may be NULL. */
struct sources {
	const char *env_file;
	const char *socket;
	const char *policy;
	bool in_force;            /* refuse files that other users may write */
	bool managed;             /* as a managed plugin: nothing of the host can be seen */
	char *const *environment; /* of another process; NULL: our own */
	const char *inherited; /* the path of a socket that was handed over: no other is served */
	const struct loaded_texts *loaded; /* in place of the files that env_file and policy name */
};

/* The options of every command that reads settings, for getopt_long. */
#define SOURCES_OPTIONS                                                                            \
	{ "managed", no_argument, NULL, 'M' }, { "env-file", required_argument, NULL, 'e' },       \
		{ "socket", required_argument, NULL, 's' },                                        \
	{                                                                                          \
		"policy", required_argument, NULL, 'p'                                             \
	}

/* Sets what one of these options says. False: it is another option. */
bool sources_parse(struct sources *s, int option, const char *value);

/* A file that lists images. */
struct image_file {
	char path[IMAGE_LIST_PATH];
	char *text;
	size_t n;
};

/* What the current settings amount to. */
struct config {
	struct settings settings;
	char socket[256];
	struct policy policy;
	struct daemon_facts daemon;   /* what policy.daemon points to */
	struct findings findings;     /* of the policy file: warnings too */
	struct findings env_findings; /* of the env file; file is NULL if there is none */
	char *env_text;               /* the env file, as it is; NULL: there is none */
	char *policy_text;            /* the policy file, likewise */
	char digest[72];              /* "sha256:..." of it, and of image_files; or "-" */
	char env_digest[72];          /* and of the env file */
	struct rules *rules;
	size_t image_file_count;
	struct image_file image_files[IMAGE_FILES_MOST];
	struct mem_list image_memory; /* what the lists of images point to */
};

/*
 * Reads the environment, the env file and the policy file; compiles the policy. On 0 the caller
 * frees *ret with config_free. On -1: e, one line; *ret is there all the same (unless memory ran
 * out: NULL), with socket, deny_when_broken and findings as far as they were read.
 */
MUST_USE int config_read(const struct sources *sources, struct config **ret, struct err *e);

void config_free(struct config *c);

/* Whether config_read reads a variable of this name in the environment as a setting. */
bool config_is_setting(struct span name);

/* The path as it is from "/", in out unless it is so already. Returns it. */
const char *config_absolute(const char *path, char *out, size_t cap);

/* Where a flag or setting was set. */
enum config_source { CONFIG_NOWHERE, CONFIG_ENVIRONMENT, CONFIG_ENV_FILE, CONFIG_POLICY_FILE };
enum config_source config_flag_source(const struct config *c, size_t flag);

static inline void config_free_auto(struct config **variable)
{
	config_free(*variable);
}
#define AUTO_CONFIG __attribute__((cleanup(config_free_auto)))

#endif
