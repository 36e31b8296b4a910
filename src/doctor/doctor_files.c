/* The doctor's checks of dsp's own files: who can write them, who can read them, what they set. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
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
			"a managed plugin has them in its own root directory: docker plugin inspect %s",
			d->name);
		return true;
	}
	if (d->process.known && d->config)
		return false;
	check_result_add(result, CHECK_UNKNOWN, "%s",
		d->root ? "dspd is not running and has no systemd unit, so its settings are unknown"
			: "only root can see how dspd was started");
	return true;
}

/* The policy file, which arguments, variables or the env file name; "": none. */
static const char *policy_path(const struct doctor *d)
{
	if (d->process.policy[0])
		return d->process.policy;
	return d->config ? d->config->settings.policy : "";
}

/* --- who can write -----------------------------------------------------------------------------*/

static void report_rights(const struct doctor *d, struct check_result *result, const char *path)
{
	struct file_text text;
	struct err e;

	if (path[0] == '\0') {
		check_result_add(result, CHECK_OK, "dsp uses none");
		return;
	}
	if (trusted_file_read(path, FILE_MOST, &text, &e) == 0) {
		mem_free(text.text);
		check_result_add(result, CHECK_OK, "%s belongs to root", path);
		return;
	}
	check_result_add(
		result, e.code == EACCES && !d->root ? CHECK_UNKNOWN : CHECK_WARNING, "%s", e.text);
	if (e.code == ENOENT)
		check_result_advise(result, "create it, or remove its name from dsp's settings");
}

void doctor_check_env_file(const struct doctor *d, struct check_result *result)
{
	if (!report_unknown(d, result))
		report_rights(d, result, d->process.env_file);
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

/* The decimal numbers in a line. Returns how many, at most `most`. */
static size_t parse_numbers(struct span line, unsigned *out, size_t most)
{
	size_t n = 0;

	for (size_t i = 0; i < line.n && n < most; i++) {
		if (line.s[i] < '0' || line.s[i] > '9')
			continue;
		out[n] = 0;
		for (; i < line.n && line.s[i] >= '0' && line.s[i] <= '9'; i++)
			out[n] = out[n] * 10 + (unsigned)(line.s[i] - '0');
		n++;
	}
	return n;
}

static bool read_rights(pid_t pid, struct rights *r)
{
	AUTO_MEM char *text = NULL;
	unsigned uids[4]; /* real, effective, saved, of the file system */
	unsigned gids[4];
	bool uid = false;
	bool gid = false;
	char path[64];
	struct span rest;
	size_t len;

	*r = (struct rights){ .count = 0 };
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (proc_file_read(path, &text, &len) != 0)
		return false;
	rest = (struct span){ text, len };
	while (rest.n > 0) {
		struct span line = proc_file_line(&rest);

		if (span_starts(line, SPAN("Uid:")))
			uid = parse_numbers(line, uids, 4) == 4;
		else if (span_starts(line, SPAN("Gid:")))
			gid = parse_numbers(line, gids, 4) == 4;
		else if (span_starts(line, SPAN("Groups:")))
			r->count = parse_numbers(line, r->groups, GROUPS_MOST);
	}
	if (!uid || !gid)
		return false;
	r->uid = uids[1];
	r->gid = gids[1];
	return true;
}

/*
 * Why a process with these rights cannot use path in this way (R_OK, W_OK): an errno value; 0: it
 * can, or this cannot be found out. A child takes the rights and tries. view: a process whose view
 * of the files counts; 0: ours.
 */
static int try_access(const struct rights *r, pid_t view, const char *path, int mode)
{
	int status = 0;
	pid_t child = fork();
	char name[64];

	if (child == 0) {
		(void)snprintf(name, sizeof(name), "/proc/%d/ns/mnt", (int)view);
		if ((view != 0 && setns(open(name, O_RDONLY | O_CLOEXEC), CLONE_NEWNS) != 0) ||
			setgroups(r->count, r->groups) != 0 ||
			setresgid(r->gid, r->gid, r->gid) != 0 ||
			setresuid(r->uid, r->uid, r->uid) != 0)
			_exit(0);
		_exit(access(path, mode) == 0 ? 0 : errno);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

static void report_unreadable(struct check_result *result, const struct rights *r, const char *path)
{
	if (path[0] == '\0' || try_access(r, 0, path, R_OK) == 0)
		return;
	check_result_add(result, CHECK_WARNING,
		"dspd runs as user %u, who cannot read %s: the next dsp reload fails",
		(unsigned)r->uid, path);
	check_result_advise(result, "chmod a+r %s, and a+x its directories", path);
}

void doctor_check_readable(const struct doctor *d, struct check_result *result)
{
	struct rights r;

	if (report_unknown(d, result))
		return;
	if (d->process.pid == 0 || !d->root || !read_rights(d->process.pid, &r)) {
		check_result_add(result, CHECK_UNKNOWN, "cannot find out which user dspd runs as");
		return;
	}
	report_unreadable(result, &r, d->process.env_file);
	report_unreadable(result, &r, policy_path(d));
	if (result->state == CHECK_OK)
		check_result_add(result, CHECK_OK, "user %u can read them", (unsigned)r.uid);
}

/* --- the audit log -----------------------------------------------------------------------------*/

/* Adds it when dspd, in its sandbox, cannot write the file that the settings on disk name. */
static void report_unwritable(const struct doctor *d, struct check_result *result, const char *path)
{
	char directory[sizeof(d->config->settings.audit.path)];
	struct rights r;
	struct err e;
	char *slash;
	int code;

	if (d->process.pid == 0 || !d->root || !read_rights(d->process.pid, &r)) {
		check_result_add(
			result, CHECK_UNKNOWN, "cannot find out whether dspd can write %s", path);
		return;
	}
	code = try_access(&r, d->process.pid, path, W_OK);
	text_copy(span_of(path), directory, sizeof(directory));
	slash = strrchr(directory, '/');
	if (code == ENOENT && slash) {
		slash[slash == directory] = '\0';
		code = try_access(&r, d->process.pid, directory, W_OK | X_OK);
	}
	if (code == 0)
		return;
	err_set(&e, code, "dspd (user %u, in its sandbox) cannot write %s", (unsigned)r.uid, path);
	check_result_add(result, CHECK_WARNING, "%s; dsp reload refuses this file", e.text);
}

void doctor_check_audit_log(const struct doctor *d, struct check_result *result)
{
	const json_t *audit = json_object_get(d->status, "audit");
	const char *trouble = json_string_value(json_object_get(audit, "trouble"));
	const char *full = json_string_value(json_object_get(audit, "full"));
	const char *to = json_string_value(json_object_get(audit, "to"));
	bool denies = full && strcmp(full, "deny") == 0;
	char text[260] = "";

	if (trouble)
		text_escape(span_of(trouble), text, sizeof(text));
	if (text[0])
		check_result_add(result, denies ? CHECK_FAULT : CHECK_WARNING,
			"dspd cannot write it: %s; %s", text,
			denies ? "dsp denies what the log cannot hold (DSP_AUDIT_FULL=deny)"
			       : "lines are lost when its queue is full");
	if (d->config && d->config_ok && !d->managed &&
		d->config->settings.audit.to == AUDIT_TO_FILE)
		report_unwritable(d, result, d->config->settings.audit.path);
	if (!audit)
		check_result_add(result, CHECK_UNKNOWN, "dspd does not report it");
	else if (to && strcmp(to, "off") == 0)
		check_result_add(result, CHECK_OK, "dspd writes none (DSP_AUDIT)");
	else
		check_result_add(result, CHECK_OK, "dspd writes it (%s)", to ? to : "?");
}

/* --- what they set -----------------------------------------------------------------------------*/

void doctor_check_on_disk(const struct doctor *d, struct check_result *result)
{
	if (report_unknown(d, result))
		return;
	if (!d->config || !d->config_ok) {
		check_result_add(result, CHECK_WARNING,
			"%s: dsp reload refuses it, and after the next start dsp denies every request",
			d->config_error.text);
		check_result_advise(result, "correct it; dsp check lists all errors");
		return;
	}
	if (d->config->findings.count > 0) {
		check_result_add(result, CHECK_NOTE, "dsp check has %zu warning%s about %s",
			d->config->findings.count, d->config->findings.count == 1 ? "" : "s",
			policy_path(d));
		check_result_advise(result, "dsp check");
	}
	check_result_add(result, CHECK_OK, "the files on disk are valid");
}

static void compare(
	struct check_result *result, const json_t *status, const char *name, const char *disk)
{
	const char *force = json_string_value(json_object_get(status, name));

	if (force && strcmp(force, disk) != 0)
		check_result_add(result, CHECK_WARNING,
			"the %s in force is %.19s, the one on disk is %.19s", name, force, disk);
}

void doctor_check_pending(const struct doctor *d, struct check_result *result)
{
	const struct policy *p;

	if (report_unknown(d, result))
		return;
	if (!d->status || !d->config || !d->config_ok) {
		check_result_add(result, CHECK_UNKNOWN, "%s",
			d->status ? "the settings on disk are not valid" : "dspd does not answer");
		return;
	}
	p = &d->config->policy;
	compare(result, d->status, "policy", d->config->digest);
	compare(result, d->status, "env_file", d->config->env_digest);
	compare(result, d->status, "profile", profile_info(p->profile)->name);
	compare(result, d->status, "mode", p->monitor ? "monitor" : "enforce");
	if (result->state == CHECK_OK)
		check_result_add(result, CHECK_OK,
			"env file, policy file, profile and mode on disk are in force");
}
