/* The doctor's checks of the plugin itself: its socket, and others with its name. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "doctor.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/version.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/system/file.h"

#define PLUGIN_SOCKETS "/run/docker/plugins"

/* --- who else has the name ---------------------------------------------------------------------*/

void doctor_check_namesake(const struct doctor *d, struct check_result *result)
{
	if (d->managed)
		check_result_add(result, CHECK_OK, "dsp itself is the managed plugin %s", d->name);
	else if (d->namesake == 1)
		check_result_add(result, d->probe == PROBE_ASKED ? CHECK_WARNING : CHECK_FAULT,
			"the managed plugin %s is enabled: dockerd asks it instead of this dsp, at the "
			"latest after its next reload or start",
			d->name);
	else if (d->namesake == 0)
		check_result_add(result, CHECK_WARNING,
			"the managed plugin %s is disabled: dockerd exits at its next reload and cannot "
			"start again",
			d->name);
	else if (d->namesake == -1)
		check_result_add(result, CHECK_OK, "no managed plugin has the name %s", d->name);
	else
		check_result_add(result, CHECK_UNKNOWN, "%s", d->namesake_error.text);
	if (!d->managed && d->namesake >= 0)
		check_result_advise(result, "docker plugin rm -f %s, before any reload", d->name);
}

static bool is_socket(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat first;
	struct stat second;

	return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
		first.st_ino == second.st_ino;
}

void doctor_check_second_socket(const struct doctor *d, struct check_result *result)
{
	char first[300];
	char second[400];
	bool is_first;
	bool is_second;

	(void)snprintf(first, sizeof(first), PLUGIN_SOCKETS "/%s.sock", d->name);
	(void)snprintf(second, sizeof(second), PLUGIN_SOCKETS "/%s/%s.sock", d->name, d->name);
	is_first = is_socket(first);
	is_second = is_socket(second);
	if (d->managed) {
		if (is_first || is_second)
			check_result_add(result, CHECK_WARNING,
				"%s exists too, and dockerd asks it once the managed plugin is removed",
				is_first ? first : second);
	} else if (is_first && !is_same_file(first, d->socket)) {
		check_result_add(
			result, CHECK_FAULT, "dockerd finds %s instead of %s", first, d->socket);
	} else if (is_first && is_second) {
		check_result_add(result, CHECK_WARNING,
			"%s exists too, and dockerd uses it if %s is missing when it looks", second,
			first);
	} else if (!is_first && !is_same_file(second, d->socket) && d->status) {
		check_result_add(result, CHECK_WARNING, "dockerd does not look at %s, but at %s",
			d->socket, first);
		check_result_advise(result, "dspd --socket %s", first);
	}
	if (result->state == CHECK_OK)
		check_result_add(result, CHECK_OK, "dockerd looks for %s first",
			d->managed ? d->name : first);
}

/* Reports a file that names the socket of a plugin with our name. */
static void report_spec_file(const struct doctor *d, struct check_result *result, const char *path)
{
	AUTO_MEM char *text = NULL;
	struct span all = SPAN("");
	struct err e;
	struct stat st;
	size_t len;

	if (stat(path, &st) != 0)
		return;
	if (S_ISREG(st.st_mode) && file_read(path, 4096, &text, &len, &e) == 0)
		all = (struct span){ text, len };
	if (memmem(all.s, all.n, d->socket, strlen(d->socket))) {
		check_result_add(result, CHECK_NOTE, "%s points to %s", path, d->socket);
		return;
	}
	check_result_add(result, CHECK_WARNING,
		"%s points to \"%.*s\": dockerd uses that if it starts or reloads while %s is missing",
		path, (int)span_find(all, '\n'), all.s, d->socket);
	check_result_advise(result, "rm %s", path);
}

void doctor_check_spec_file(const struct doctor *d, struct check_result *result)
{
	static const char *const directories[] = { "/etc/docker/plugins",
		"/usr/lib/docker/plugins" };
	static const char *const endings[] = { "spec", "json" };
	char path[400];

	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		for (size_t j = 0; j < sizeof(endings) / sizeof(endings[0]); j++) {
			(void)snprintf(path, sizeof(path), "%s/%s.%s", directories[i], d->name,
				endings[j]);
			report_spec_file(d, result, path);
			(void)snprintf(path, sizeof(path), "%s/%s/%s.%s", directories[i], d->name,
				d->name, endings[j]);
			report_spec_file(d, result, path);
		}
	}
	if (result->state == CHECK_OK)
		check_result_add(result, CHECK_OK, "no such file exists");
}

/* --- the socket --------------------------------------------------------------------------------*/

/* Reports directories above path in which others can replace it. */
static void report_writable_directories(struct check_result *result, const char *path)
{
	char directory[256];
	struct stat st;
	char *slash;

	text_copy(span_of(path), directory, sizeof(directory));
	while ((slash = strrchr(directory, '/')) != NULL && slash != directory) {
		*slash = '\0';
		if (stat(directory, &st) != 0)
			continue;
		if (st.st_uid != 0) {
			check_result_add(result, CHECK_FAULT,
				"%s belongs to user %u, who can replace the socket", directory,
				(unsigned)st.st_uid);
			check_result_advise(result, "chown root %s", directory);
		} else if ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX)) {
			check_result_add(result, CHECK_FAULT,
				"other users can write %s (mode %o), and so replace the socket",
				directory, (unsigned)(st.st_mode & 07777));
			check_result_advise(result, "chmod go-w %s", directory);
		}
	}
}

void doctor_check_socket(const struct doctor *d, struct check_result *result)
{
	struct stat st;

	if (lstat(d->socket, &st) != 0) {
		check_result_add(result, errno == EACCES ? CHECK_UNKNOWN : CHECK_FAULT, "%s: %s",
			d->socket, errno == EACCES ? "only root can look at it" : "no such file");
		check_result_advise(
			result, errno == EACCES ? "sudo dsp doctor" : "see check serving");
		return;
	}
	if (!S_ISSOCK(st.st_mode)) {
		check_result_add(result, CHECK_FAULT, "%s is not a socket", d->socket);
		check_result_advise(result, "rm %s, and start dsp again", d->socket);
		return;
	}
	if (st.st_uid != 0 && !d->managed)
		check_result_add(result, CHECK_WARNING, "%s belongs to user %u", d->socket,
			(unsigned)st.st_uid);
	if (st.st_mode & 077)
		check_result_add(result, CHECK_WARNING,
			"%s has mode %o: other users can ask dspd, reload it, and overload it",
			d->socket, (unsigned)(st.st_mode & 07777));
	if (result->state != CHECK_OK)
		check_result_advise(result, "chown root %s; chmod 600 %s", d->socket, d->socket);
	report_writable_directories(result, d->socket);
	if (result->state == CHECK_OK)
		check_result_add(result, CHECK_OK, "%s belongs to root, mode %o", d->socket,
			(unsigned)(st.st_mode & 07777));
}

/* --- the one that serves -----------------------------------------------------------------------*/

void doctor_check_same_version(const struct doctor *d, struct check_result *result)
{
	const char *version = json_string_value(json_object_get(d->status, "version"));

	if (!version)
		check_result_add(
			result, CHECK_UNKNOWN, "the version of the running dspd is unknown");
	else if (strcmp(version, DSP_VERSION) != 0)
		check_result_add(result, CHECK_WARNING,
			"the running dspd is version %s, this program is %s", version, DSP_VERSION);
	else
		check_result_add(result, CHECK_OK, "both are %s", version);
}

void doctor_check_one_dsp(const struct doctor *d, struct check_result *result)
{
	pid_t serving = (pid_t)json_integer_value(json_object_get(d->status, "pid"));
	pid_t other = 0;

	if (!d->root || (!d->status && d->dsp_error.code == ETIMEDOUT)) {
		check_result_add(result, CHECK_UNKNOWN,
			d->root ? "cannot find out which dspd hangs"
				: "only root can look at all processes");
		return;
	}
	while ((other = dsp_process_next(other)) != 0) {
		if (other == serving)
			continue;
		check_result_add(result, CHECK_WARNING, "process %d is another dspd", (int)other);
		check_result_advise(result,
			"if you do not need it: kill %d (ps -fp %d shows its socket)", (int)other,
			(int)other);
	}
	if (result->state == CHECK_OK)
		check_result_add(result, CHECK_OK, "no other dspd runs");
}

void doctor_check_open_ways(const struct doctor *d, struct check_result *result)
{
	const struct config *c = doctor_config(d);
	struct subject anyone;
	struct escalation found;
	size_t open = 0;

	if (!c) {
		check_result_add(result, CHECK_UNKNOWN, "cannot read the settings");
		return;
	}
	anyone = subject_at(c->policy.file_rules, SUBJECT_ANONYMOUS);
	for (size_t i = 0; i < POWER_COUNT; i++) {
		if (power_info((enum power)i)->root == ROOT_DIRECT &&
			escalation_find(&c->policy, &anyone, (enum power)i, &found))
			open++;
	}
	if (open > 0) {
		check_result_add(result, CHECK_NOTE,
			"profile %s leaves %zu direct ways to root on the host open to every client of "
			"Docker's socket",
			profile_info(c->policy.profile)->name, open);
		check_result_advise(result, "dsp check lists them");
	} else {
		check_result_add(
			result, CHECK_OK, "no direct way to root is open to anonymous clients");
	}
}
