/* The doctor's first checks: does dockerd ask dsp, does dsp answer, are its settings valid? */
#include <errno.h>
#include <stdio.h>

#include "doctor.h"

static bool runs(const struct doctor *d)
{
	return d->dockerd && d->dockerd->pid != 0;
}

/* Advises to reload dockerd, after the commands in before. */
static void advise_reload(const struct doctor *d, struct check_result *result, const char *before)
{
	/* The dockerd of --host may be another than that of docker.service. */
	if (d->systemd && !d->host)
		check_result_advise(result, "%ssystemctl reload docker", before);
	else
		check_result_advise(result, "%skill -HUP %d", before, (int)d->dockerd->pid);
}

/* --- asked -------------------------------------------------------------------------------------*/

/* Reports why dockerd answers without asking dsp. */
static void report_not_asked(const struct doctor *d, struct check_result *result)
{
	check_result_add(result, CHECK_FAULT,
		"dockerd (process %d) answers requests without asking this dsp",
		(int)d->dockerd->pid);
	if (d->namesake == 1) {
		check_result_add(result, CHECK_FAULT,
			"it asks the managed plugin %s instead, or no plugin", d->name);
		advise_reload(d, result, "docker plugin rm -f dsp, and then ");
	} else if (doctor_in_file(d) && d->namesake == 0) {
		check_result_add(result, CHECK_FAULT,
			"%s names dsp, but somebody disabled the managed plugin %s, so dockerd "
			"stopped asking it; dockerd exits at its next reload",
			d->dockerd->config_file, d->name);
		check_result_advise(result,
			"docker plugin enable %s, and only then kill -HUP %d; or, to use the "
			"dsp on the host, docker plugin rm %s",
			d->name, (int)d->dockerd->pid, d->name);
	} else if (doctor_in_file(d)) {
		check_result_add(result, CHECK_FAULT,
			"%s names dsp, but dockerd has not read it since, or another plugin has its name",
			d->dockerd->config_file);
		advise_reload(d, result, "");
	} else if (doctor_in_flags(d)) {
		check_result_add(result, CHECK_FAULT,
			"its command line names dsp, but a SIGHUP made dockerd forget that");
		check_result_advise(result,
			"remove --authorization-plugin from dockerd's command line, restart "
			"dockerd, then dsp enable");
	} else {
		check_result_add(result, CHECK_FAULT, "no configuration names dsp");
	}
}

/* Reports why there is no result of a probe. */
static void report_no_probe(const struct doctor *d, struct check_result *result)
{
	if (!d->root && (!runs(d) || d->api_error.code == EACCES || d->dsp_error.code == EACCES)) {
		check_result_add(result, CHECK_UNKNOWN,
			"only root can send a probe and see whether it arrives");
		check_result_advise(result, "sudo dsp doctor");
	} else if (!runs(d)) {
		check_result_add(result, CHECK_FAULT, "no dockerd runs");
		check_result_advise(result, "see check dockerd");
	} else if (!d->api && !d->status) {
		check_result_add(result, CHECK_FAULT,
			"dockerd does not answer: it waits for dspd, which %s; dockerd executes no "
			"request meanwhile",
			d->dsp_error.code == ETIMEDOUT ? "hangs" : "does not run");
		check_result_advise(result, "see check serving");
	} else if (!d->api) {
		check_result_add(result, CHECK_FAULT, "cannot send a probe: %s", d->api_error.text);
		check_result_advise(result, "see check dockerd");
	} else {
		check_result_add(
			result, CHECK_FAULT, "the probe did not arrive: %s", d->probe_error.text);
		check_result_advise(result, "see checks serving and chain");
	}
}

void doctor_check_asked(const struct doctor *d, struct check_result *result)
{
	if (d->probe == PROBE_ASKED)
		check_result_add(result, CHECK_OK,
			"dockerd (process %d) asked the dspd on %s about a probe",
			(int)d->dockerd->pid, d->socket);
	else if (d->probe == PROBE_NOT_ASKED)
		report_not_asked(d, result);
	else
		report_no_probe(d, result);
}

/* --- dockerd -----------------------------------------------------------------------------------*/

void doctor_check_dockerd(const struct doctor *d, struct check_result *result)
{
	if (!d->dockerd) {
		check_result_add(
			result, d->root ? CHECK_FAULT : CHECK_UNKNOWN, "%s", d->dockerd_error.text);
		check_result_advise(result, "%s", d->root ? "" : "sudo dsp doctor");
	} else if (!runs(d)) {
		check_result_add(result, CHECK_FAULT, "no dockerd runs on this machine");
		check_result_advise(result,
			d->systemd ? "journalctl -eu docker shows why it ended"
				   : "its log shows why it ended");
	} else if (!d->api && !d->status) {
		check_result_add(result, CHECK_FAULT, "process %d does not answer: %s",
			(int)d->dockerd->pid, d->api_error.text);
		check_result_advise(result, "see check serving: dockerd answers when dspd does");
	} else if (!d->api) {
		check_result_add(result, CHECK_FAULT,
			"process %d does not answer, although dspd does: %s", (int)d->dockerd->pid,
			d->api_error.text);
		check_result_advise(result,
			"look at its state (ps -o stat %d), at its log, and at check chain",
			(int)d->dockerd->pid);
	} else {
		check_result_add(result, CHECK_OK, "version %s, process %d, %s",
			d->dockerd->version[0] ? d->dockerd->version : "unknown",
			(int)d->dockerd->pid, d->dockerd->socket);
	}
}

/* Adds what another dockerd makes of a probe. */
static void report_other(
	const struct doctor *d, struct check_result *result, const struct dockerd *other)
{
	struct err e = { 0, "" };

	if (!other->socket) {
		check_result_add(result, CHECK_UNKNOWN,
			"process %d is another dockerd, and has no unix socket for a probe",
			(int)other->pid);
		return;
	}
	switch (dockerd_api_probe(other, d->socket, &e)) {
	case PROBE_ASKED:
		check_result_add(result, CHECK_OK, "dockerd (process %d) on %s asks this dsp too",
			(int)other->pid, other->socket);
		break;
	case PROBE_NOT_ASKED:
		check_result_add(result, CHECK_WARNING,
			"another dockerd (process %d) listens on %s and does not ask this dsp",
			(int)other->pid, other->socket);
		check_result_advise(result, "dsp enable --host unix://%s", other->socket);
		break;
	case PROBE_UNKNOWN:
	default:
		check_result_add(result, CHECK_UNKNOWN,
			"cannot find out whether dockerd (process %d) on %s asks this dsp: %s",
			(int)other->pid, other->socket, e.text);
		break;
	}
}

void doctor_check_others(const struct doctor *d, struct check_result *result)
{
	enum { OTHERS_MOST = 4 };
	struct dockerd *others[OTHERS_MOST];
	size_t count = d->root && d->dockerd ? dockerd_others(d->dockerd, others, OTHERS_MOST) : 0;

	for (size_t i = 0; i < count; i++) {
		report_other(d, result, others[i]);
		dockerd_free(others[i]);
	}
	if (!d->root)
		check_result_add(result, CHECK_UNKNOWN, "only root can look at all processes");
	else if (count == 0)
		check_result_add(result, CHECK_OK, "no other dockerd runs");
}

/* --- dsp ---------------------------------------------------------------------------------------*/

static void advise_start(const struct doctor *d, struct check_result *result)
{
	if (!d->systemd)
		check_result_advise(result,
			"start dspd; if daemon.json names dsp, Docker answers no request until then: see dsp-break-glass(7)");
}

void doctor_check_serving(const struct doctor *d, struct check_result *result)
{
	const char *why = d->dsp_error.text;
	pid_t one = dsp_process_next(0);

	if (d->status && d->activates) {
		check_result_add(result, CHECK_OK, "dsp %s answers on %s",
			json_string_value(json_object_get(d->status, "version")), d->socket);
		return;
	}
	if (d->status) {
		check_result_add(result, CHECK_FAULT,
			"%s: its answer does not name it an authorization plugin", d->socket);
	} else if (d->dsp_error.code == EACCES) {
		check_result_add(result, CHECK_UNKNOWN, "%s", why);
		check_result_advise(result, "sudo dsp doctor");
	} else if (d->dsp_error.code == ETIMEDOUT) {
		check_result_add(result, CHECK_FAULT,
			"%s: a process listens there and does not answer: dspd hangs, is "
			"stopped, or cannot start",
			d->socket);
		if (!d->systemd && one != 0 && dsp_process_next(one) == 0)
			check_result_advise(
				result, "kill -KILL %d; then start it again: dspd", (int)one);
		else if (!d->systemd)
			check_result_advise(
				result, "kill -KILL the dspd that hangs, and start it again");
		check_result_advise(result,
			"systemctl kill -s KILL dsp.service; journalctl "
			"_SYSTEMD_UNIT=dsp.service shows more");
	} else if (d->dsp_error.code == ECONNREFUSED) {
		check_result_add(result, CHECK_FAULT,
			"%s exists, but no process listens there: dspd has died", d->socket);
	} else {
		check_result_add(result, CHECK_FAULT, "%s", why);
	}
	advise_start(d, result);
}

static void report_no_status(const struct doctor *d, struct check_result *result)
{
	check_result_add(result, CHECK_UNKNOWN, "%s",
		d->dsp_error.code == EACCES ? "only root can ask dspd" : "dspd does not answer");
}

void doctor_check_settings(const struct doctor *d, struct check_result *result)
{
	if (!d->status)
		report_no_status(d, result);
	else if (json_is_true(json_object_get(d->status, "broken")))
		check_result_add(result, CHECK_FAULT,
			"dsp denies every request because its settings are broken: %s",
			json_string_value(json_object_get(d->status, "reason")));
	else
		check_result_add(result, CHECK_OK, "profile %s, %lld rules",
			json_string_value(json_object_get(d->status, "profile")),
			(long long)json_integer_value(json_object_get(d->status, "rules")));
}

/* A deny rule may have its own mode. */
static void report_monitor_rules(const struct doctor *d, struct check_result *result)
{
	const struct config *c = doctor_config(d);
	const struct rules *rules = c ? c->policy.file_rules : NULL;
	size_t count = 0;

	for (size_t i = 0; rules && i < rules->count; i++)
		count += rules->items[i].monitor;
	if (count > 0)
		check_result_add(result, CHECK_NOTE,
			"mode enforce, but %zu deny rules have \"mode\": \"monitor\" and deny nothing",
			count);
}

void doctor_check_monitor(const struct doctor *d, struct check_result *result)
{
	const char *mode = json_string_value(json_object_get(d->status, "mode"));

	if (!d->status)
		report_no_status(d, result);
	else if (!mode || strcmp(mode, "enforce") != 0)
		check_result_add(result, CHECK_FAULT,
			"mode %s: dsp only records denials, and allows the requests",
			mode ? mode : "?");
	else
		report_monitor_rules(d, result);
	if (result->state == CHECK_OK)
		check_result_add(result, CHECK_OK, "mode enforce");
}
