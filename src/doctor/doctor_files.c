/* The doctor's checks of dsp's own files: who may write them, who can read them, what they say. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor.h"
#include "dsp/core/base/mem.h"
#include "dsp/system/proc_file.h"
#include "dsp/system/trusted_file.h"

enum { FILE_MOST = 4 << 20, GROUPS_MOST = 64 };

static bool report_unknown(const struct doctor *d, struct check_result *result)
{
	if (d->managed) {
		check_result_add(result, CHECK_OK,
			"a managed plugin has them in its own view: docker plugin "
			"inspect %s",
			d->name);
		return true;
	}
	if (d->dsp_process.known && d->config)
		return false;
	check_result_add(result, CHECK_UNKNOWN, "%s",
		d->root ? "how dsp was started is not known: it does not serve, and has no unit"
			: "only root can see how dsp was started");
	return true;
}

/* The policy file, as flags, variables and env file name it; "": none. */
static const char *policy_path(const struct doctor *d)
{
	if (d->dsp_process.policy[0])
		return d->dsp_process.policy;
	return d->config ? d->config->settings.policy : "";
}

/* --- who may write -----------------------------------------------------------------------------*/

static void report_rights(const struct doctor *d, struct check_result *result, const char *path)
{
	struct file_text text;
	struct err e;

	if (path[0] == '\0') {
		check_result_add(result, CHECK_OK, "none is used");
		return;
	}
	if (trusted_file_read(path, FILE_MOST, &text, &e) == 0) {
		mem_free(text.text);
		check_result_add(result, CHECK_OK, "%s is root's", path);
		return;
	}
	check_result_add(
		result, e.code == EACCES && !d->root ? CHECK_UNKNOWN : CHECK_WARNING, "%s", e.text);
	if (e.code == ENOENT)
		check_result_advise(result, "put it there, or take its name out of dsp's settings");
}

void doctor_check_env_file(const struct doctor *d, struct check_result *result)
{
	if (!report_unknown(d, result))
		report_rights(d, result, d->dsp_process.env_file);
}

void doctor_check_policy_file(const struct doctor *d, struct check_result *result)
{
	if (!report_unknown(d, result))
		report_rights(d, result, policy_path(d));
}

/* --- who can read ------------------------------------------------------------------------------*/

struct rights {
	uid_t uid;
	gid_t gid;
	gid_t groups[GROUPS_MOST];
	size_t count;
};

/* Numbers of a line of /proc/PID/status: real, effective, ... */
static size_t numbers(struct span line, unsigned *out, size_t most)
{
	size_t n = 0;

	while (line.n > 0 && n < most) {
		size_t skip = line.s[0] == '\t' || line.s[0] == ' ' ? 1 : 0;
		struct span word;
		char text[16];

		line = span_after(line, skip);
		word = proc_file_word(&line);
		text_copy((struct span){ word.s, span_find(word, '\t') }, text, sizeof(text));
		line = word.n > strlen(text) ? (struct span){ word.s + strlen(text),
			(size_t)(line.s + line.n - word.s) - strlen(text) }
					     : line;
		if (text[0])
			out[n++] = (unsigned)strtoul(text, NULL, 10);
	}
	return n;
}

static bool read_rights(pid_t pid, struct rights *r)
{
	AUTO_MEM char *text = NULL;
	char path[64];
	struct span rest;
	size_t len;
	unsigned ids[4];
	bool uid = false;
	bool gid = false;

	*r = (struct rights){ .count = 0 };
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (proc_file_read(path, &text, &len) != 0)
		return false;
	rest = (struct span){ text, len };
	while (rest.n > 0) {
		struct span line = proc_file_line(&rest);

		if (span_starts(line, SPAN("Uid:")) && numbers(span_after(line, 4), ids, 4) == 4) {
			r->uid = ids[1];
			uid = true;
		} else if (span_starts(line, SPAN("Gid:")) &&
			numbers(span_after(line, 4), ids, 4) == 4) {
			r->gid = ids[1];
			gid = true;
		} else if (span_starts(line, SPAN("Groups:"))) {
			r->count = numbers(span_after(line, 7), r->groups, GROUPS_MOST);
		}
	}
	return uid && gid;
}

/* Whether somebody with these rights can open path: a child takes them on and tries. */
static bool can_read(const struct rights *r, const char *path)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		if (setgroups(r->count, r->groups) != 0 || setresgid(r->gid, r->gid, r->gid) != 0 ||
			setresuid(r->uid, r->uid, r->uid) != 0)
			_exit(0);
		_exit(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) < 0);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0;
}

static void report_unreadable(struct check_result *result, const struct rights *r, const char *path)
{
	if (path[0] == '\0' || can_read(r, path))
		return;
	check_result_add(result, CHECK_WARNING,
		"user %u, as whom dsp serves, cannot read %s: its next reload "
		"fails",
		(unsigned)r->uid, path);
	check_result_advise(result, "chmod a+r %s, and a+x its directories", path);
}

void doctor_check_readable(const struct doctor *d, struct check_result *result)
{
	struct rights r;

	if (report_unknown(d, result))
		return;
	if (d->dsp_process.pid == 0 || !d->root || !read_rights(d->dsp_process.pid, &r)) {
		check_result_add(result, CHECK_UNKNOWN, "as whom dsp serves is not known");
		return;
	}
	report_unreadable(result, &r, d->dsp_process.env_file);
	report_unreadable(result, &r, policy_path(d));
	if (result->state == CHECK_OK)
		check_result_add(result, CHECK_OK, "user %u can", (unsigned)r.uid);
}

/* --- what they say -----------------------------------------------------------------------------*/

void doctor_check_on_disk(const struct doctor *d, struct check_result *result)
{
	if (report_unknown(d, result))
		return;
	if (!d->config || !d->config_good) {
		check_result_add(result, CHECK_WARNING,
			"%s: a reload refuses it, and the next start denies everything or fails",
			d->config_bad.text);
		check_result_advise(result, "mend it; dsp check%s%s%s%s tells all that is wrong",
			d->dsp_process.env_file[0] ? " --env-file " : "", d->dsp_process.env_file,
			policy_path(d)[0] ? " " : "", policy_path(d));
		return;
	}
	if (d->config->findings.count > 0) {
		check_result_add(result, CHECK_NOTE, "dsp check has %zu warnings about %s",
			d->config->findings.count, policy_path(d));
		check_result_advise(result, "dsp check %s", policy_path(d));
	}
	check_result_add(result, CHECK_OK, "they are good");
}

static void compare(
	struct check_result *result, const json_t *status, const char *name, const char *disk)
{
	const char *force = json_string_value(json_object_get(status, name));

	if (force && strcmp(force, disk) != 0)
		check_result_add(result, CHECK_WARNING,
			"the %s in force is %.19s, and that on disk %.19s", name, force, disk);
}

void doctor_check_pending(const struct doctor *d, struct check_result *result)
{
	const struct policy *p;

	if (report_unknown(d, result))
		return;
	if (!d->status || !d->config || !d->config_good) {
		check_result_add(result, CHECK_UNKNOWN, "%s",
			d->status ? "the settings on disk are not good" : "dsp does not answer");
		return;
	}
	p = &d->config->policy;
	compare(result, d->status, "policy", d->config->digest);
	compare(result, d->status, "env_file", d->config->env_digest);
	compare(result, d->status, "profile", profile_info(p->profile)->name);
	compare(result, d->status, "mode", p->monitor ? "monitor" : "enforce");
	if (result->state == CHECK_OK)
		check_result_add(result, CHECK_OK,
			"env file, policy file, profile and mode are those in force");
}
