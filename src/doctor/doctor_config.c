/* The doctor's checks of dockerd's configuration: daemon.json and its command line. */
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

#include "doctor.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/nearest.h"
#include "dsp/system/trusted_file.h"

enum { FILE_MOST = 1 << 20 };

static const char key[] = DOCKERD_PLUGINS_KEY;

/* False: dockerd was not found, so its file is unknown; adds that to result. */
static bool has_dockerd(const struct doctor *d, struct check_result *result)
{
	if (d->dockerd)
		return true;
	check_result_add(result, CHECK_UNKNOWN,
		"dockerd was not found, so its daemon.json and command line are unknown");
	return false;
}

static bool is_absent(const struct doctor *d)
{
	return !d->file_read && d->file_error.code == ENOENT;
}

/* --- daemon.json -------------------------------------------------------------------------------*/

/* Adds the issues of these kinds. */
static void report_issues(const struct doctor *d, struct check_result *result, bool conflicts)
{
	for (size_t i = 0; i < d->file.count; i++) {
		const struct config_issue *issue = &d->file.issues[i];

		if ((issue->kind == CONFIG_CONFLICT) != conflicts)
			continue;
		check_result_add(
			result, CHECK_WARNING, "%s: %s", d->dockerd->config_file, issue->text);
		if (issue->kind == CONFIG_FORM)
			check_result_add(result, CHECK_WARNING,
				"dsp enable and dsp disable cannot edit the file in this form");
		check_result_advise(result, "%s", issue->advice);
	}
}

static void report_rights(const struct doctor *d, struct check_result *result)
{
	struct file_text text;
	struct err e;

	if (trusted_file_read(d->dockerd->config_file, FILE_MOST, &text, &e) == 0) {
		mem_free(text.text);
		return;
	}
	check_result_add(result, CHECK_WARNING, "%s", e.text);
	check_result_add(
		result, CHECK_WARNING, "whoever can write this file can take dsp out of it");
	check_result_advise(result, "chown root and chmod go-w the files that are named");
}

void doctor_check_daemon_json(const struct doctor *d, struct check_result *result)
{
	if (!has_dockerd(d, result))
		return;
	if (is_absent(d) && !d->dockerd->config_named) {
		check_result_add(result, CHECK_OK, "%s does not exist", d->dockerd->config_file);
	} else if (is_absent(d)) {
		check_result_add(result, CHECK_WARNING,
			"%s does not exist, although --config-file names it: dockerd refuses to start",
			d->dockerd->config_file);
		check_result_advise(result, "write it: {\"%s\": [\"%s\"]}", key, d->name);
	} else if (!d->file_read) {
		check_result_add(result,
			d->file_error.code == EACCES ? CHECK_UNKNOWN : CHECK_WARNING, "%s",
			d->file_error.text);
	} else {
		report_issues(d, result, false);
		report_rights(d, result);
		check_result_add(result, CHECK_OK, "dockerd can read %s", d->dockerd->config_file);
	}
}

/* --- who is named, and where -------------------------------------------------------------------*/

/* Reports a name that may be a misspelling of ours. */
static void report_typo(const struct doctor *d, struct check_result *result, const char *name)
{
	struct span whole = { name, strlen(name) };
	struct span stem = { whole.s, span_find(whole, '.') };
	struct span ours = { d->name, strlen(d->name) };
	struct nearest s = nearest_to(stem, 2);

	if (stem.n == 0)
		return;
	nearest_try(&s, ours);
	if (s.word.n > 0 || strcasecmp(name, d->name) == 0 ||
		memmem(whole.s, whole.n, ours.s, ours.n)) {
		check_result_add(result, result->state,
			"it is configured to ask \"%s\", which is not \"%s\"", name, d->name);
		check_result_advise(
			result, "write \"%s\" instead; then kill -HUP dockerd", d->name);
	}
}

/* Calls see for each plugin that daemon.json or the command line names. */
static void each_name(const struct doctor *d, struct check_result *result,
	void (*see)(const struct doctor *d, struct check_result *result, const char *name))
{
	const json_t *list = json_object_get(d->file.object, key);
	const char *value;
	size_t at = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		value = json_string_value(json_array_get(list, i));
		if (value)
			see(d, result, value);
	}
	while ((value = dockerd_options_next(d->dockerd, "authorization-plugin", &at)) != NULL)
		see(d, result, value);
}

void doctor_check_named(const struct doctor *d, struct check_result *result)
{
	if (!has_dockerd(d, result))
		return;
	if (doctor_in_file(d)) {
		check_result_add(
			result, CHECK_OK, "%s names \"%s\"", d->dockerd->config_file, d->name);
		return;
	}
	if (doctor_in_flags(d)) {
		check_result_add(result, CHECK_OK, "dockerd's command line names \"%s\"", d->name);
		return;
	}
	if (!d->file.object && !is_absent(d)) {
		check_result_add(
			result, CHECK_UNKNOWN, "%s cannot be read", d->dockerd->config_file);
		return;
	}
	check_result_add(result, d->probe == PROBE_ASKED ? CHECK_WARNING : CHECK_FAULT,
		"neither %s nor dockerd's command line names \"%s\"%s", d->dockerd->config_file,
		d->name,
		d->probe == PROBE_ASKED
			? ": after the next reload or start dockerd does not ask dsp"
			: "");
	each_name(d, result, report_typo);
}

void doctor_check_flag_and_file(const struct doctor *d, struct check_result *result)
{
	if (!has_dockerd(d, result))
		return;
	report_issues(d, result, true);
	if (result->state == CHECK_OK)
		check_result_add(result, CHECK_OK, "no setting is in both");
}

void doctor_check_flag_only(const struct doctor *d, struct check_result *result)
{
	if (!has_dockerd(d, result))
		return;
	if (doctor_in_flags(d) && !doctor_in_file(d))
		check_result_add(result, CHECK_WARNING,
			"only --authorization-plugin names %s: after the first SIGHUP dockerd does not ask it",
			d->name);
	else
		check_result_add(result, CHECK_OK, "the command line alone does not name dsp");
}

/* --- the chain ---------------------------------------------------------------------------------*/

static void report_missing_plugin(
	const struct doctor *d, struct check_result *result, const char *name)
{
	enum check_state bad = d->api ? CHECK_WARNING : CHECK_FAULT;
	char path[512];
	struct err e;
	int managed;

	if (strcmp(name, d->name) == 0 || dockerd_find_plugin(name, path, sizeof(path)))
		return;
	if (d->managed && strncmp(name, d->name, strlen(d->name)) == 0)
		return;
	managed = doctor_managed(d, name, &e);
	if (managed == 0)
		check_result_add(result, bad,
			"the managed plugin \"%s\" is disabled: dockerd exits at its next reload, and "
			"cannot start with it",
			name);
	else if (managed == -1)
		check_result_add(result, bad,
			"no plugin \"%s\" exists: requests fail when dockerd asks it; dockerd exits 15 "
			"seconds after its next reload, and cannot start with it",
			name);
	else if (managed == -2)
		check_result_add(result, CHECK_UNKNOWN,
			"cannot find out whether the plugin \"%s\" exists", name);
}

/* Reports the other plugins of the list, and whether ours is in it twice. */
static void report_order(const struct doctor *d, struct check_result *result)
{
	const json_t *list = json_object_get(d->file.object, key);
	size_t ours = 0;
	size_t before = 0;
	size_t after = 0;
	size_t count = json_array_size(list);

	for (size_t i = 0; i < count; i++) {
		const char *name = json_string_value(json_array_get(list, i));

		if (name && strcmp(name, d->name) == 0)
			ours++;
		else if (ours == 0)
			before++;
		else
			after++;
	}
	if (ours > 1)
		check_result_add(
			result, CHECK_NOTE, "\"%s\" is in the list %zu times", d->name, ours);
	if (ours > 0 && before + after > 0)
		check_result_add(result, CHECK_NOTE,
			"other plugins: %zu before dsp, %zu after it; each can deny more, none can allow "
			"what dsp denies",
			before, after);
}

void doctor_check_chain(const struct doctor *d, struct check_result *result)
{
	if (!has_dockerd(d, result))
		return;
	each_name(d, result, report_missing_plugin);
	report_order(d, result);
	check_result_add(
		result, CHECK_OK, "every other plugin of the list exists, or there is none");
}
