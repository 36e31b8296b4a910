/* The doctor's checks of systemd's units; without systemd, of their files. */
#include <stdio.h>

#include "doctor.h"
#include "dsp/host/listening_sockets.h"

static bool is(const char *word, const char *other)
{
	return strcmp(word, other) == 0;
}

/* False: dsp has no units here; adds that to result. */
static bool has_units(const struct doctor *d, struct check_result *result)
{
	bool found = false;

	for (size_t i = UNIT_SOCKET; i <= UNIT_SERVICE; i++)
		found = found || (d->units[i].load[0] && !is(d->units[i].load, "not-found"));
	if (found && !d->managed)
		return true;
	check_result_add(result, CHECK_OK,
		d->managed ? "a managed plugin needs none" : "dsp has no units on this machine");
	return false;
}

static void report_unit(const struct unit *u, struct check_result *result)
{
	if (is(u->load, "masked"))
		check_result_add(result, CHECK_WARNING,
			"%s is masked: it cannot start, and dockerd cannot start without dsp",
			u->name);
	else if (!is(u->load, "loaded"))
		check_result_add(result, CHECK_WARNING, "%s: %s", u->name,
			u->load[0] ? u->load : "cannot be read");
	else if (is(u->file_state, "disabled") || is(u->file_state, "masked"))
		check_result_add(result, CHECK_WARNING,
			"%s is %s: dsp does not start at the next boot, and dockerd cannot start without it",
			u->name, u->file_state);
	else if (u->active[0] && !is(u->active, "active"))
		check_result_add(result, CHECK_WARNING, "%s is %s", u->name, u->active);
	if (u->stale) {
		check_result_add(result, CHECK_WARNING,
			"%s has changed, and systemd has not read it", u->name);
		check_result_advise(result, "systemctl daemon-reload");
	}
	if (result->state == CHECK_OK)
		check_result_add(result, CHECK_OK, "%s is %s%s%s", u->name, u->file_state,
			u->active[0] ? " and " : "", u->active);
}

/*
 * Whether systemd has closed dsp's socket. It does so when the unit is masked while it runs, even
 * for a moment, and still shows the unit as active. The dspd that runs has its own descriptor.
 */
static bool has_closed_socket(const struct doctor *d)
{
	const struct unit *service = &d->units[UNIT_SERVICE];

	return is(d->units[UNIT_SOCKET].active, "active") && service->pid != 0 &&
		service->pid == d->process.pid && listening_sockets_has(1, d->socket) == 0;
}

void doctor_check_socket_unit(const struct doctor *d, struct check_result *result)
{
	const struct unit *u = &d->units[UNIT_SOCKET];

	if (!has_units(d, result))
		return;
	if (has_closed_socket(d)) {
		check_result_add(result, CHECK_WARNING,
			"systemd does not hold the socket of %s any more, although the unit is active: "
			"when this dspd exits, no other starts, and requests fail",
			u->name);
		check_result_advise(result, "%ssystemctl restart dsp.socket dsp.service",
			is(u->load, "masked") ? "systemctl unmask dsp.socket; " : "");
	}
	report_unit(u, result);
}

void doctor_check_service_unit(const struct doctor *d, struct check_result *result)
{
	const struct unit *u = &d->units[UNIT_SERVICE];

	if (!has_units(d, result))
		return;
	report_unit(u, result);
	if (u->pid != 0 && d->process.pid != 0 && u->pid != d->process.pid) {
		check_result_add(result, CHECK_WARNING,
			"the dspd that answers (process %d) does not belong to %s",
			(int)d->process.pid, u->name);
		check_result_advise(result, "kill %d; systemctl restart dsp.socket dsp.service",
			(int)d->process.pid);
	}
}

static bool is_no(const char *value)
{
	return is(value, "no") || is(value, "false") || is(value, "0") || is(value, "off");
}

/* Reports what makes the unit weaker than the one that dsp ships. */
static void report_sandbox(const struct unit *u, struct check_result *result)
{
	if (u->user[0] == '\0' || is(u->user, "root") || is(u->user, "0"))
		check_result_add(result, CHECK_WARNING, "dspd runs as root");
	if (u->no_new_privileges[0] == '\0' || is_no(u->no_new_privileges))
		check_result_add(result, CHECK_WARNING, "NoNewPrivileges= is off");
	if (!is(u->restart, "always"))
		check_result_add(result, CHECK_WARNING,
			"Restart=%s: Docker waits after dspd has died", u->restart);
	if (u->watchdog[0] == '\0' || is(u->watchdog, "0") || is(u->watchdog, "infinity"))
		check_result_add(
			result, CHECK_WARNING, "no WatchdogSec=: when dspd hangs, Docker hangs");
	if (!strstr(u->environment, "DSP_ON_BROKEN=deny"))
		check_result_add(result, CHECK_WARNING,
			"no DSP_ON_BROKEN=deny: with broken settings Docker waits and shows no reason");
}

void doctor_check_sandbox(const struct doctor *d, struct check_result *result)
{
	const struct unit *u = &d->units[UNIT_SERVICE];

	if (!has_units(d, result))
		return;
	if (!is(u->load, "loaded")) {
		check_result_add(result, CHECK_OK, "%s: %s", u->name, u->load);
		return;
	}
	report_sandbox(u, result);
	if (u->drop_ins[0] && result->state == CHECK_OK)
		check_result_add(result, CHECK_NOTE, "changed by %s", u->drop_ins);
	else if (u->drop_ins[0])
		check_result_advise(
			result, "systemctl revert dsp.service, or correct %s", u->drop_ins);
	check_result_add(result, CHECK_OK, "as it was shipped");
}

void doctor_check_docker_unit(const struct doctor *d, struct check_result *result)
{
	const struct unit *u = &d->units[UNIT_DOCKER];

	if (u->stale) {
		check_result_add(result, CHECK_WARNING,
			"docker.service has changed, and systemd has not read it");
		check_result_advise(result, "systemctl daemon-reload");
	}
	if (strstr(u->requires, "dsp."))
		check_result_add(result, CHECK_WARNING,
			"docker.service requires dsp's units (%s)%s%s", u->requires,
			u->drop_ins[0] ? ", set in " : "", u->drop_ins);
	else
		check_result_add(result, CHECK_OK, "%s",
			is(u->load, "not-found") ? "docker.service does not exist"
						 : "docker.service does not require dsp's units");
}

void doctor_check_restart(const struct doctor *d, struct check_result *result)
{
	if (d->systemd || d->managed) {
		check_result_add(
			result, CHECK_OK, "%s restarts dspd", d->managed ? "dockerd" : "systemd");
		return;
	}
	check_result_add(result, CHECK_NOTE,
		"systemd does not run here, so doctor cannot see whether anything restarts dspd");
	check_result_advise(result, "run dspd under a supervisor: Docker waits while dspd is down");
}
