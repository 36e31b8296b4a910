/* The doctor's checks of systemd's units; without systemd, of what their files say. */
#include <stdio.h>

#include "doctor.h"
#include "dsp/host/listening_sockets.h"

static bool is(const char *word, const char *other)
{
	return strcmp(word, other) == 0;
}

/* Whether dsp is run by its units here at all. */
static bool has_units(const struct doctor *d, struct outcome *o)
{
	bool found = false;

	for (size_t i = UNIT_SOCKET; i <= UNIT_SERVICE; i++)
		found = found || (d->units[i].load[0] && !is(d->units[i].load, "not-found"));
	if (found && !d->managed)
		return true;
	outcome_say(o, STATE_OK,
		d->managed ? "a managed plugin needs none" : "dsp has no units on this machine");
	return false;
}

static void look_at_unit(const struct unit *u, struct outcome *o)
{
	if (is(u->load, "masked"))
		outcome_say(o, STATE_WARNING,
			"%s is masked: it does not start, and dockerd does not start without it",
			u->name);
	else if (!is(u->load, "loaded"))
		outcome_say(
			o, STATE_WARNING, "%s: %s", u->name, u->load[0] ? u->load : "not readable");
	else if (is(u->file_state, "disabled") || is(u->file_state, "masked"))
		outcome_say(o, STATE_WARNING,
			"%s is %s: at the next boot dsp is away, and dockerd does not start",
			u->name, u->file_state);
	else if (u->active[0] && !is(u->active, "active"))
		outcome_say(o, STATE_WARNING, "%s is %s", u->name, u->active);
	if (u->stale) {
		outcome_say(
			o, STATE_WARNING, "%s was changed, and systemd has not read it", u->name);
		outcome_advise(o, "systemctl daemon-reload");
	}
	if (o->state == STATE_OK)
		outcome_say(o, STATE_OK, "%s is %s%s%s", u->name, u->file_state,
			u->active[0] ? " and " : "", u->active);
}

/*
 * systemd lets go of the socket of a unit that is masked for a moment while it runs, and shows it
 * as active ever after. The dsp that runs has its own hold of it, and is the last one.
 */
static bool is_let_go(const struct doctor *d)
{
	const struct unit *service = &d->units[UNIT_SERVICE];

	return is(d->units[UNIT_SOCKET].active, "active") && service->pid != 0 &&
		service->pid == d->manner.pid && listening_sockets_has(1, d->socket) == 0;
}

void check_socket_unit(const struct doctor *d, struct outcome *o)
{
	const struct unit *u = &d->units[UNIT_SOCKET];

	if (!has_units(d, o))
		return;
	if (is_let_go(d)) {
		outcome_say(o, STATE_WARNING,
			"systemd does not hold the socket of %s any more, active as it is: once this "
			"dsp ends none comes after it, and calls fail",
			u->name);
		outcome_advise(o, "%ssystemctl restart dsp.socket dsp.service",
			is(u->load, "masked") ? "systemctl unmask dsp.socket; " : "");
	}
	look_at_unit(u, o);
}

void check_service_unit(const struct doctor *d, struct outcome *o)
{
	const struct unit *u = &d->units[UNIT_SERVICE];

	if (!has_units(d, o))
		return;
	look_at_unit(u, o);
	if (u->pid != 0 && d->manner.pid != 0 && u->pid != d->manner.pid) {
		outcome_say(o, STATE_WARNING, "the dsp that serves (process %d) is not that of %s",
			(int)d->manner.pid, u->name);
		outcome_advise(
			o, "kill %d; systemctl restart dsp.socket dsp.service", (int)d->manner.pid);
	}
}

static bool is_no(const char *value)
{
	return is(value, "no") || is(value, "false") || is(value, "0") || is(value, "off");
}

/* What makes it weaker than it was shipped. */
static void look_at_sandbox(const struct unit *u, struct outcome *o)
{
	if (u->user[0] == '\0' || is(u->user, "root") || is(u->user, "0"))
		outcome_say(o, STATE_WARNING, "dsp.service runs as root");
	if (u->no_new_privileges[0] == '\0' || is_no(u->no_new_privileges))
		outcome_say(o, STATE_WARNING, "NoNewPrivileges= is off");
	if (!is(u->restart, "always"))
		outcome_say(
			o, STATE_WARNING, "Restart=%s: Docker waits when dsp has died", u->restart);
	if (u->watchdog[0] == '\0' || is(u->watchdog, "0") || is(u->watchdog, "infinity"))
		outcome_say(o, STATE_WARNING, "no WatchdogSec=: a hung dsp hangs Docker for ever");
	if (!strstr(u->environment, "DSP_ON_BROKEN=deny"))
		outcome_say(o, STATE_WARNING,
			"no DSP_ON_BROKEN=deny: with wrong settings Docker waits, without a reason");
}

void check_sandbox(const struct doctor *d, struct outcome *o)
{
	const struct unit *u = &d->units[UNIT_SERVICE];

	if (!has_units(d, o))
		return;
	if (!is(u->load, "loaded")) {
		outcome_say(o, STATE_OK, "%s: %s", u->name, u->load);
		return;
	}
	look_at_sandbox(u, o);
	if (u->drop_ins[0] && o->state == STATE_OK)
		outcome_say(o, STATE_NOTE, "changed by %s", u->drop_ins);
	else if (u->drop_ins[0])
		outcome_advise(o, "systemctl revert dsp.service, or mend %s", u->drop_ins);
	outcome_say(o, STATE_OK, "as it was shipped");
}

void check_docker_unit(const struct doctor *d, struct outcome *o)
{
	const struct unit *u = &d->units[UNIT_DOCKER];

	if (u->stale) {
		outcome_say(o, STATE_WARNING,
			"docker.service was changed, and systemd has not read it");
		outcome_advise(o, "systemctl daemon-reload");
	}
	if (strstr(u->requires, "dsp."))
		outcome_say(o, STATE_WARNING, "docker.service requires dsp's units (%s)%s%s",
			u->requires, u->drop_ins[0] ? ", by " : "", u->drop_ins);
	else
		outcome_say(o, STATE_OK, "%s",
			is(u->load, "not-found") ? "there is no docker.service"
						 : "docker.service does not require them");
}

void check_restart(const struct doctor *d, struct outcome *o)
{
	if (d->systemd || d->managed) {
		outcome_say(o, STATE_OK, "%s does", d->managed ? "dockerd" : "systemd");
		return;
	}
	outcome_say(o, STATE_NOTE,
		"systemd does not run here: whether anything restarts dsp is not known to it");
	outcome_advise(o, "run dspd under a supervisor: Docker waits while dsp is away");
}
