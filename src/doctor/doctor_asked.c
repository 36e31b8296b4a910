/* The doctor's first questions: does dockerd ask dsp, does dsp answer, and in what state is it. */
#include <errno.h>
#include <stdio.h>

#include "doctor.h"

static bool runs(const struct doctor *d)
{
	return d->dockerd && d->dockerd->pid != 0;
}

/* "kill -HUP 123", or as systemd has it. */
static void advise_reload(const struct doctor *d, struct outcome *o, const char *before)
{
	if (d->systemd)
		outcome_advise(o, "%ssystemctl reload docker", before);
	else
		outcome_advise(o, "%skill -HUP %d", before, (int)d->dockerd->pid);
}

/* --- asked -------------------------------------------------------------------------------------*/

/* dockerd answered, and dsp had not been asked: why? */
static void say_not_asked(const struct doctor *d, struct outcome *o)
{
	outcome_say(o, STATE_FAULT, "dockerd (process %d) answers and does not ask this dsp",
		(int)d->dockerd->pid);
	if (d->namesake == 1) {
		outcome_say(o, STATE_FAULT, "it asks the managed plugin %s instead, or nobody",
			d->name);
		advise_reload(d, o, "docker plugin rm -f dsp, and then ");
	} else if (doctor_in_file(d) && d->namesake == 0) {
		outcome_say(o, STATE_FAULT,
			"%s names it, and a managed plugin %s was disabled, which took it out of the "
			"chain; a reload ends dockerd now",
			d->dockerd->config_file, d->name);
		outcome_advise(o,
			"docker plugin enable %s, and only then kill -HUP %d; or docker "
			"plugin rm %s when the dsp on the host is wanted",
			d->name, (int)d->dockerd->pid, d->name);
	} else if (doctor_in_file(d)) {
		outcome_say(o, STATE_FAULT,
			"%s names it, but that was not read since, or another plugin took its name",
			d->dockerd->config_file);
		advise_reload(d, o, "");
	} else if (doctor_in_flags(d)) {
		outcome_say(
			o, STATE_FAULT, "its command line names it, and a SIGHUP has dropped that");
		outcome_advise(o,
			"take --authorization-plugin off dockerd's command line, restart it, then dsp "
			"enable");
	} else {
		outcome_say(o, STATE_FAULT, "nobody has told it to");
	}
}

/* No probe could go the whole way. */
static void say_no_probe(const struct doctor *d, struct outcome *o)
{
	if (!d->root && (!runs(d) || d->no_api.code == EACCES || d->no_dsp.code == EACCES)) {
		outcome_say(
			o, STATE_UNKNOWN, "only root can send a probe and see whether it arrives");
		outcome_advise(o, "sudo dsp doctor");
	} else if (!runs(d)) {
		outcome_say(o, STATE_FAULT, "there is no dockerd to ask anybody");
		outcome_advise(o, "see the line dockerd");
	} else if (!d->api && !d->status) {
		outcome_say(o, STATE_FAULT,
			"dockerd does not answer, for it waits for a dsp that is "
			"%s; nothing is let through meanwhile",
			d->no_dsp.code == ETIMEDOUT ? "hung" : "away");
		outcome_advise(o, "see the line serving");
	} else if (!d->api) {
		outcome_say(o, STATE_FAULT, "no probe could be sent: %s", d->no_api.text);
		outcome_advise(o, "see the line dockerd");
	} else {
		outcome_say(o, STATE_FAULT, "the probe did not come back: %s", d->asked_why.text);
		outcome_advise(o, "see the lines serving and chain");
	}
}

void check_asked(const struct doctor *d, struct outcome *o)
{
	if (d->asked == ASKED_YES)
		outcome_say(o, STATE_OK, "dockerd (process %d) asked the dsp on %s about a probe",
			(int)d->dockerd->pid, d->socket);
	else if (d->asked == ASKED_NO)
		say_not_asked(d, o);
	else
		say_no_probe(d, o);
}

/* --- dockerd -----------------------------------------------------------------------------------*/

void check_dockerd(const struct doctor *d, struct outcome *o)
{
	if (!d->dockerd) {
		outcome_say(o, d->root ? STATE_FAULT : STATE_UNKNOWN, "%s", d->no_dockerd.text);
		outcome_advise(o, "%s", d->root ? "" : "sudo dsp doctor");
	} else if (!runs(d)) {
		outcome_say(o, STATE_FAULT, "none runs here");
		outcome_advise(o,
			d->systemd ? "journalctl -eu docker says why it ended"
				   : "its log says why it ended");
	} else if (!d->api && !d->status) {
		outcome_say(o, STATE_FAULT, "process %d does not answer: %s", (int)d->dockerd->pid,
			d->no_api.text);
		outcome_advise(o, "see the line serving: dockerd answers when dsp does");
	} else if (!d->api) {
		outcome_say(o, STATE_FAULT, "process %d does not answer, and dsp does: %s",
			(int)d->dockerd->pid, d->no_api.text);
		outcome_advise(o,
			"look at its state (ps -o stat %d), at its log, and at the line "
			"chain",
			(int)d->dockerd->pid);
	} else {
		outcome_say(o, STATE_OK, "version %s, process %d, %s",
			d->dockerd->version[0] ? d->dockerd->version : "not known",
			(int)d->dockerd->pid, d->dockerd->socket);
	}
}

/* --- dsp ---------------------------------------------------------------------------------------*/

static void advise_start(const struct doctor *d, struct outcome *o)
{
	if (!d->systemd)
		outcome_advise(o,
			"start it: dspd; in the meantime nothing can be done "
			"through Docker: dsp-break-glass(7)");
}

void check_serving(const struct doctor *d, struct outcome *o)
{
	const char *why = d->no_dsp.text;
	pid_t one = doctor_next_dsp(0);

	if (d->status && d->activates) {
		outcome_say(o, STATE_OK, "dsp %s answers on %s",
			json_string_value(json_object_get(d->status, "version")), d->socket);
		return;
	}
	if (d->status) {
		outcome_say(o, STATE_FAULT, "%s: it does not say that it is an authz plugin",
			d->socket);
	} else if (d->no_dsp.code == EACCES) {
		outcome_say(o, STATE_UNKNOWN, "%s", why);
		outcome_advise(o, "sudo dsp doctor");
	} else if (d->no_dsp.code == ETIMEDOUT) {
		outcome_say(o, STATE_FAULT,
			"%s: somebody listens there and does not answer: dsp is "
			"hung, stopped, or cannot start",
			d->socket);
		if (!d->systemd && one != 0 && doctor_next_dsp(one) == 0)
			outcome_advise(o, "kill -KILL %d; then start it again: dspd", (int)one);
		else if (!d->systemd)
			outcome_advise(o, "kill -KILL the dsp that hangs, and start it again");
		outcome_advise(
			o, "systemctl kill -s KILL dsp.service; journalctl -u dsp says more");
	} else if (d->no_dsp.code == ECONNREFUSED) {
		outcome_say(
			o, STATE_FAULT, "%s is there, and nobody listens: dsp is dead", d->socket);
	} else {
		outcome_say(o, STATE_FAULT, "%s", why);
	}
	advise_start(d, o);
}

static void say_unasked(const struct doctor *d, struct outcome *o)
{
	outcome_say(o, STATE_UNKNOWN, "%s",
		d->no_dsp.code == EACCES ? "only root can ask dsp" : "dsp does not answer");
}

void check_settings(const struct doctor *d, struct outcome *o)
{
	if (!d->status)
		say_unasked(d, o);
	else if (json_is_true(json_object_get(d->status, "broken")))
		outcome_say(o, STATE_FAULT, "broken, so that dsp denies everything: %s",
			json_string_value(json_object_get(d->status, "reason")));
	else
		outcome_say(o, STATE_OK, "profile %s, %lld rules",
			json_string_value(json_object_get(d->status, "profile")),
			(long long)json_integer_value(json_object_get(d->status, "rules")));
}

/* A deny rule may have a mode of its own. */
static void look_at_rules(const struct doctor *d, struct outcome *o)
{
	const struct rules *rules = d->config_good ? d->config->policy.file_rules : NULL;
	size_t count = 0;

	for (size_t i = 0; rules && i < rules->count; i++)
		count += rules->items[i].monitor;
	if (count > 0)
		outcome_say(o, STATE_NOTE,
			"mode enforce, but for %zu deny rules with \"mode\": \"monitor\" of their own, which deny nothing",
			count);
}

void check_monitor(const struct doctor *d, struct outcome *o)
{
	const char *mode = json_string_value(json_object_get(d->status, "mode"));

	if (!d->status)
		say_unasked(d, o);
	else if (!mode || strcmp(mode, "enforce") != 0)
		outcome_say(o, STATE_FAULT,
			"mode %s: denials are only recorded, and what they "
			"would stop is allowed",
			mode ? mode : "?");
	else
		look_at_rules(d, o);
	if (o->state == STATE_OK)
		outcome_say(o, STATE_OK, "mode enforce");
}
