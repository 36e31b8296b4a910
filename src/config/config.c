#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dsp/config/config.h"
#include "dsp/core/base/digest.h"
#include "dsp/core/base/json_value.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/paths.h"
#include "dsp/core/policy/env_file.h"
#include "dsp/core/policy/policy_file.h"
#include "dsp/core/policy/policy_review.h"
#include "dsp/core/policy/settings_review.h"
#include "dsp/system/file.h"
#include "dsp/system/trusted_file.h"
#include "image_files.h"

enum { ENV_FILE_MOST = 1 << 20, POLICY_FILE_MOST = 4 << 20 };

static const char daemon_json[] = "/etc/docker/daemon.json";

static const char *variable(char *const *environment, const char *name)
{
	size_t n = strlen(name);

	for (; *environment; environment++) {
		if (strncmp(*environment, name, n) == 0 && (*environment)[n] == '=')
			return *environment + n + 1;
	}
	return NULL;
}

static int copy_loaded(struct span loaded, char **text, size_t *len, struct err *e)
{
	*text = mem_copy(loaded.s ? loaded.s : "", loaded.n);
	*len = loaded.n;
	return *text ? 0 : FAIL(e, ENOMEM, "the settings");
}

/* Settings in force must be in files that no other user can write. */
static int read_env_file(const struct sources *sources, char **text, size_t *len, struct err *e)
{
	struct file_text read;

	if (sources->loaded && sources->loaded->has_env_file)
		return copy_loaded(sources->loaded->env_file, text, len, e);
	if (!sources->in_force)
		return file_read(sources->env_file, ENV_FILE_MOST, text, len, e);
	if (trusted_file_read(sources->env_file, ENV_FILE_MOST, &read, e) != 0)
		return -1;
	*text = read.text;
	*len = read.n;
	return 0;
}

static int read_settings(struct config *c, const struct sources *sources, struct err *e)
{
	char *const *environment = sources->environment ? sources->environment : environ;
	struct settings *s = &c->settings;
	const char *broken = variable(environment, "DSP_ON_BROKEN");
	const char *env_file = sources->env_file;
	int rc = 0;
	size_t len;

	/* First of all: it says what an error in the others leads to. Its own is found again. */
	if (broken)
		rc = settings_parse(
			s, SPAN("DSP_ON_BROKEN"), span_of(broken), SOURCE_ENVIRONMENT, e);
	if (settings_parse_environment(s, environment,
		    env_file ? SOURCE_ENVIRONMENT_DSP : SOURCE_ENVIRONMENT, e) != 0 ||
		rc != 0)
		return -1;
	if (!env_file)
		return 0;
	c->env_findings.file = env_file;
	if (read_env_file(sources, &c->env_text, &len, e) != 0)
		return -1;
	c->env_findings.text = (struct span){ c->env_text, len };
	digest_write(c->env_findings.text, c->env_digest);
	return env_file_parse(s, &c->env_findings, e);
}

bool sources_parse(struct sources *s, int option, const char *value)
{
	if (option == 'e')
		s->env_file = value;
	else if (option == 's')
		s->socket = value;
	else if (option == 'p')
		s->policy = value;
	else if (option == 'M')
		s->managed = true;
	else
		return false;
	return true;
}

const char *config_absolute(const char *path, char *out, size_t cap)
{
	char directory[512];
	struct line l;

	if (path[0] == '/' || !getcwd(directory, sizeof(directory)))
		return path;
	line_init(&l, out, cap);
	line_add(&l, "%s/%s", directory, path);
	return out;
}

bool config_is_setting(struct span name)
{
	return flag_find(name) < FLAG_COUNT || span_starts(name, SPAN("DSP_")) ||
		span_starts(name, SPAN("ALLOW_"));
}

/* Whether the policy file sets it. */
static bool policy_sets(const struct config *c, size_t flag)
{
	const struct settings *s = &c->settings;

	if (flag == flag_find(SPAN("DSP_PROFILE")))
		return s->profile_given;
	if (flag == flag_find(SPAN("DSP_MODE")))
		return s->mode != MODE_UNSET;
	if (flag == flag_find(SPAN("DSP_DENIALS")))
		return s->denials != DENIALS_UNSET;
	return s->flags[flag] != SETTING_UNSET;
}

enum config_source config_flag_source(const struct config *c, size_t flag)
{
	struct span value = c->settings.given[flag];

	if (value.n == 0)
		return policy_sets(c, flag) ? CONFIG_POLICY_FILE : CONFIG_NOWHERE;
	return c->env_text && value.s >= c->env_text &&
			value.s < c->env_text + c->env_findings.text.n
		? CONFIG_ENV_FILE
		: CONFIG_ENVIRONMENT;
}

static const char *word_of(enum setting s)
{
	return s == SETTING_ON ? "1" : "0";
}

/* Mode and denials. */
static void merge_words(struct config *c, const struct policy_file *f)
{
	struct settings *s = &c->settings;

	if (f->mode != MODE_UNSET && s->mode != MODE_UNSET && s->mode != f->mode)
		findings_error(&c->findings, f->mode_at,
			"the mode here is not that of DSP_MODE; remove one of them");
	if (f->mode != MODE_UNSET)
		s->mode = f->mode;
	if (f->denials != DENIALS_UNSET && s->denials != DENIALS_UNSET && s->denials != f->denials)
		findings_error(&c->findings, f->denials_at,
			"denials here is not DSP_DENIALS; remove one of them");
	if (f->denials != DENIALS_UNSET)
		s->denials = f->denials;
}

/* Adds the settings of the policy file to the others, which they must not contradict. */
static void merge(struct config *c, const struct policy_file *f)
{
	struct settings *s = &c->settings;

	for (size_t i = 0; i < FLAG_COUNT; i++) {
		if (f->flags[i] == SETTING_UNSET)
			continue;
		if (s->flags[i] != SETTING_UNSET && s->flags[i] != f->flags[i])
			findings_error(&c->findings, f->flags_at[i],
				"%s is %s here, and %s in the environment or the env file",
				flag_at(i)->name, word_of(f->flags[i]), word_of(s->flags[i]));
		s->flags[i] = f->flags[i];
	}
	if (f->profile_given && s->profile_given && s->profile != f->profile)
		findings_error(&c->findings, f->profile_at,
			"the profile is %s here, and %s in DSP_PROFILE",
			profile_info(f->profile)->name, profile_info(s->profile)->name);
	if (f->profile_given) {
		s->profile = f->profile;
		s->profile_given = true;
	}
	merge_words(c, f);
}

static int read_policy(
	struct config *c, const char *path, const struct loaded_texts *loaded, struct err *e)
{
	struct policy_file file;
	struct file_text read = { .text = NULL };

	c->findings.file = path;
	if (loaded && loaded->has_policy) {
		if (copy_loaded(loaded->policy, &read.text, &read.n, e) != 0)
			return -1;
	} else if (trusted_file_read(path, POLICY_FILE_MOST, &read, e) != 0) {
		return -1;
	}
	c->policy_text = read.text;
	c->findings.text = (struct span){ read.text, read.n };
	digest_write(c->findings.text, c->digest);
	if (policy_file_parse(&file, &c->findings) == 0)
		merge(c, &file);
	c->rules = file.rules;
	return 0;
}

/* Checks the file as a whole, after its parts. */
static int review(struct config *c, struct err *e)
{
	if (c->rules && !c->findings.lost)
		policy_review(&c->policy, &c->findings);
	findings_sort(&c->findings);
	if (!findings_fatal(&c->findings))
		return 0;
	findings_first(&c->findings, e);
	return -1;
}

static void choose_socket(struct config *c, const struct sources *sources)
{
	const char *socket = sources->inherited ? sources->inherited : sources->socket;

	if (!socket)
		socket = c->settings.socket[0] ? c->settings.socket : SETTINGS_SOCKET;
	text_copy(span_of(socket), c->socket, sizeof(c->socket));
}

/* dockerd looks for the plugin where the settings say, and dsp would serve another socket. */
static int check_socket(const struct config *c, const struct sources *sources, struct err *e)
{
	const char *given = sources->socket ? sources->socket : c->settings.socket;

	if (!sources->inherited || given[0] == '\0' || strcmp(given, sources->inherited) == 0)
		return 0;
	return FAIL(e, 0,
		"%s %s: systemd handed over the socket %s; change that one in the socket unit, or "
		"remove this",
		sources->socket ? "--socket" : "DSP_SOCKET", given, sources->inherited);
}

static int read_all_sources(struct config *c, const struct sources *sources, struct err *e)
{
	const char *policy = sources->policy;
	int rc = read_settings(c, sources, e);

	choose_socket(c, sources);
	if (rc != 0 || check_socket(c, sources, e) != 0)
		return -1;
	if (!policy && c->settings.policy[0])
		policy = c->settings.policy;
	return policy ? read_policy(c, policy, sources->loaded, e) : 0;
}

/* dockerd's data directory is what daemon.json says, where DSP_DATA_ROOT does not. */
static void choose_data_root(struct settings *s)
{
	static const char *const keys[] = { "data-root", "graph" };
	struct json_value *file = NULL;
	AUTO_MEM char *text = NULL;
	struct err ignored;
	size_t where;
	size_t n;

	if (s->data_root[0] != '\0' ||
		file_read(daemon_json, ENV_FILE_MOST, &text, &n, &ignored) != 0 ||
		json_value_parse(text, n, &file, &where, &ignored) != 0)
		return;
	for (size_t i = 0; i < 2 && s->data_root[0] == '\0'; i++) {
		struct span root = json_value_text(json_value_member(file, keys[i]));
		char clean[sizeof(s->data_root)];

		if (root.n > 1 && root.s[0] == '/' && root.n < sizeof(clean) - 1)
			text_copy((struct span){ clean, path_clean(root, clean) }, s->data_root,
				sizeof(s->data_root));
	}
	mem_free(file);
}

/* A container that could write these would change what dsp decides. */
static void add_own_files(struct config *c, const struct sources *sources)
{
	const char *policy = sources->policy ? sources->policy : c->settings.policy;
	const char *const files[] = { policy, sources->env_file, c->settings.owners };
	char absolute[512];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (files[i] && files[i][0])
			policy_add_own_path(&c->policy,
				span_of(config_absolute(files[i], absolute, sizeof(absolute))));
	}
	for (size_t i = 0; i < c->image_file_count; i++)
		policy_add_own_path(&c->policy, span_of(c->image_files[i].path));
	/* SQLite makes it beside the owners. */
	(void)snprintf(absolute, sizeof(absolute), "%s-journal", c->settings.owners);
	policy_add_own_path(&c->policy, span_of(absolute));
}

int config_read(const struct sources *sources, struct config **ret, struct err *e)
{
	struct config *c = mem_array(1, sizeof(*c));
	char absolute[1024];

	*ret = c;
	if (!c)
		return FAIL(e, ENOMEM, "the settings");
	settings_init(&c->settings);
	/* A managed plugin that ends takes all of Docker with it. */
	c->settings.deny_when_broken = sources->managed;
	memcpy(c->digest, "-", sizeof("-"));
	memcpy(c->env_digest, "-", sizeof("-"));
	if (read_all_sources(c, sources, e) != 0)
		return -1;
	settings_finish(&c->settings);
	if (sources->loaded && sources->loaded->data_root)
		text_copy(span_of(sources->loaded->data_root), c->settings.data_root,
			sizeof(c->settings.data_root));
	else
		choose_data_root(&c->settings);
	policy_compile(&c->settings, config_absolute(c->socket, absolute, sizeof(absolute)),
		c->rules, &c->policy);
	if (image_files_read(c, sources->loaded, e) != 0)
		return -1;
	settings_review(&c->settings, &c->policy);
	c->policy.mounts_invisible = sources->managed;
	add_own_files(c, sources);
	return review(c, e);
}

void config_free(struct config *c)
{
	if (!c)
		return;
	image_files_free(c);
	findings_free(&c->findings);
	findings_free(&c->env_findings);
	rules_free(c->rules);
	mem_free(c->env_text);
	mem_free(c->policy_text);
	mem_free(c);
}
