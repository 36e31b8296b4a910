/*
 * dsp enable: makes dockerd ask dsp, or changes nothing. First it checks everything that could make
 * dockerd refuse the file, or exit: a daemon.json that names a plugin which does not answer stops
 * Docker.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon_json.h"
#include "dsp/config/command.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/protocol/http_client.h"
#include "dsp/protocol/protocol.h"
#include "dsp/system/signals.h"
#include "http1.h"
#include "setup.h"

#define PLUGINS "/run/docker/plugins/"

enum { PLUGIN_PATH = 512 };

/* --- dsp ---------------------------------------------------------------------------------------*/

/* Whether the name is in the list, as in "dsp, dsp:latest". */
static bool contains_name(const char *names, const char *name)
{
	struct span rest = span_of(names);

	while (rest.n > 0) {
		struct span one = span_cut(&rest, ',');

		while (one.n > 0 && one.s[0] == ' ')
			one = span_after(one, 1);
		if (span_equal(one, span_of(name)))
			return true;
	}
	return false;
}

/* Whether dockerd finds this very socket by the plugin's name. */
static bool is_found_by_name(const struct setup *s)
{
	char path[PLUGIN_PATH];
	struct stat there;
	struct stat own;

	return dockerd_find_plugin(s->name, path, sizeof(path)) && stat(path, &there) == 0 &&
		stat(s->socket, &own) == 0 && own.st_dev == there.st_dev &&
		own.st_ino == there.st_ino;
}

static int check_state(struct setup *s, const json_t *o)
{
	const char *names = json_string_value(json_object_get(o, "names"));
	const char *version = json_string_value(json_object_get(o, "version"));
	const char *mode = json_string_value(json_object_get(o, "mode"));
	const char *reason = json_string_value(json_object_get(o, "reason"));

	if (!names || !version || !mode)
		return setup_refuse(
			s, NULL, "%s: a program other than dspd listens there", s->socket);
	if (json_is_true(json_object_get(o, "broken")))
		return setup_refuse(s, "correct the settings, then run dsp reload",
			"the dsp on %s would deny every request because its settings are broken: %s",
			s->socket, reason ? reason : "?");
	if (!contains_name(names, s->name))
		return setup_refuse(s,
			"restart dspd with this name in DSP_NAME, or without DSP_NAME",
			"the dsp on %s protects the name %s, not %s: a managed plugin could take its place",
			s->socket, names, s->name);
	setup_report(s, "ok", "dsp %s answers on %s", version, s->socket);
	if (strcmp(mode, "monitor") == 0)
		setup_report(
			s, "notice", "dsp is in monitor mode: it denies nothing, it only records");
	return 0;
}

static int check_dsp(struct setup *s)
{
	json_auto_t *activated = NULL;
	json_auto_t *state = NULL;
	const char *implements;
	struct err e;

	activated = http_client_ask_dsp(s->socket, ENDPOINT_ACTIVATE, SETUP_ASK_MS, NULL, &e);
	if (!activated)
		return setup_refuse(
			s, "start dspd first: systemctl start dsp.socket, or dspd", "%s", e.text);
	implements = json_string_value(json_array_get(json_object_get(activated, "Implements"), 0));
	if (!implements || strcmp(implements, "authz") != 0)
		return setup_refuse(s, NULL,
			"%s: the program that answers there is no authorization plugin", s->socket);
	state = http_client_ask_dsp(s->socket, ENDPOINT_STATUS, SETUP_ASK_MS, NULL, &e);
	if (!state)
		return setup_refuse(s, NULL, "%s", e.text);
	if (!is_found_by_name(s))
		return setup_refuse(s, "start dspd with --socket " PLUGINS "NAME.sock",
			"%s: dockerd looks for the plugin %s at " PLUGINS
			"%s.sock, which is not this socket",
			s->socket, s->name, s->name);
	return check_state(s, state);
}

/* --- the name ----------------------------------------------------------------------------------*/

/* in_force: dockerd asks dsp already, whose policy may deny the request for this. */
static int check_namesake(struct setup *s, bool in_force)
{
	char advice[400];
	struct err e;
	int managed;

	if (s->dockerd->pid == 0) {
		setup_report(s, "notice",
			"dsp cannot check whether a managed plugin has the name %s: no dockerd runs",
			s->name);
		return 0;
	}
	managed = dockerd_api_managed(s->dockerd, s->name, &e);
	(void)snprintf(advice, sizeof(advice),
		"remove it (docker plugin rm -f %s), or start dspd with another name and dsp enable --socket " PLUGINS
		"NAME.sock",
		s->name);
	if (managed >= 0)
		return setup_refuse(s, advice,
			"a managed plugin has the name %s (%s): dockerd would ask it instead of this dsp%s",
			s->name, managed ? "enabled" : "disabled",
			managed ? "" : ", and exit because it is disabled");
	if (managed == -2 && in_force)
		setup_report(s, "notice",
			"cannot check whether a managed plugin has the name %s: %s", s->name,
			e.text);
	else if (managed == -2)
		return setup_refuse(s, NULL,
			"cannot check whether a managed plugin has the name %s: %s", s->name,
			e.text);
	else
		setup_report(s, "ok", "no managed plugin has the name %s", s->name);
	return 0;
}

static int check_others(struct setup *s, const json_t *plugins)
{
	char tagged[sizeof(s->name) + 8];
	char advice[sizeof(tagged) + 64];
	char others[300];
	struct line l;
	const json_t *v;
	size_t i;

	(void)snprintf(tagged, sizeof(tagged), "%s:latest", s->name);
	(void)snprintf(advice, sizeof(advice), "remove it first: dsp disable --name %s", tagged);
	if (daemon_json_has(plugins, tagged))
		return setup_refuse(
			s, advice, "%s names %s, which is a managed plugin", s->file->path, tagged);
	line_init(&l, others, sizeof(others));
	json_array_foreach (plugins, i, v) {
		if (strcmp(json_string_value(v), s->name) == 0)
			continue;
		line_add(&l, "%s%s", l.n > 0 ? ", " : "", json_string_value(v));
		if (s->dockerd->pid != 0 && setup_check_plugin(s, json_string_value(v), true) != 0)
			return EXIT_FINDINGS;
	}
	if (l.n > 0)
		setup_report(s, "notice",
			"%s names other plugins too (%s): each of them must allow a request",
			s->file->path, others);
	return 0;
}

/* --- the file ----------------------------------------------------------------------------------*/

/* Has dockerd check FILE_NEW, where it can. */
static int validate(struct setup *s)
{
	char reason[300];
	char path[1024];
	int rc = -1;

	if ((size_t)snprintf(path, sizeof(path), "%s" FILE_NEW, s->file->path) < sizeof(path))
		rc = dockerd_validate(s->dockerd, path, reason, sizeof(reason));
	if (rc == 0)
		return setup_refuse(s, NULL, "dockerd --validate refuses the new file: %s", reason);
	if (rc > 0)
		setup_report(s, "ok", "dockerd --validate accepts the new file");
	return 0;
}

static int write_file(struct setup *s, const char *text)
{
	struct err e;

	if (daemon_file_write(s->file, span_of(text), &e) != 0)
		return setup_refuse(s, setup_advice(&e), "%s; dsp changed nothing", e.text);
	if (validate(s) != 0) {
		daemon_file_drop_new(s->file);
		return EXIT_FINDINGS;
	}
	if (daemon_file_switch(s->file, &e) != 0)
		return setup_refuse(s, setup_advice(&e), "%s; dsp changed nothing", e.text);
	s->changed = true;
	if (s->file->exists)
		setup_report(s, "ok", "%s names %s now; the old file is %s" FILE_BEFORE,
			s->file->path, s->name, s->file->name);
	else
		setup_report(s, "ok", "%s is new, and names %s", s->file->path, s->name);
	return 0;
}

/* --- proof -------------------------------------------------------------------------------------*/

/* Reports it when dsp, which dockerd asks now, denies docker ps to this user. */
static void try_docker(struct setup *s)
{
	json_auto_t *o = NULL;
	const char *message;
	char text[300];
	int status = 0;
	struct err e;

	if (dockerd_api_get(s->dockerd, "/containers/json?limit=1", &status, &o, &e) != 0) {
		setup_report(s, "notice", "%s", e.text);
		return;
	}
	message = json_string_value(json_object_get(o, "message"));
	if (status == 200)
		return;
	text_escape(span_of(message ? message : "?"), text, sizeof(text));
	setup_report(s, "notice",
		"docker ps on %s now gets %d: %s. (dsp disable works all the same.)",
		s->dockerd->socket, status, text);
}

static int undo(struct setup *s, const struct err *why)
{
	AUTO_MEM char *path = mem_copy(s->file->path, strlen(s->file->path));
	struct err e;

	if (!path)
		return setup_refuse(s, "dsp disable", "out of memory: %s", why->text);
	daemon_file_close(s->file);
	s->file = NULL;
	setup_report(s, "undo", "%s", why->text);
	if (daemon_file_open(path, true, &s->file, &e) != 0 ||
		daemon_file_remove_plugin(s->file, s->name, &e) < 0)
		return setup_refuse(s, "remove the name by hand, see dsp-break-glass(7)",
			"cannot restore %s: %s", path, e.text);
	s->changed = false;
	setup_report(s, "undo", "restored %s", path);
	if (kill(s->dockerd->pid, 0) != 0)
		return setup_refuse(s, "start dockerd: systemctl start docker",
			"dockerd has exited, as it does when a plugin does not answer; daemon.json is restored, so dockerd can start again");
	if (setup_reload(s, PROBE_NOT_ASKED, &e) != 0)
		return setup_refuse(s, "see dsp-break-glass(7)",
			"dockerd did not ask %s, and does not answer now that daemon.json is restored: %s",
			s->name, e.text);
	return setup_refuse(s, "dsp doctor and dockerd's log show more",
		"dockerd did not ask %s (%s); daemon.json is restored, and dockerd has read it",
		s->name, why->text);
}

static int prove(struct setup *s)
{
	json_auto_t *alive = NULL;
	struct err e;

	if (s->dockerd->pid == 0)
		return EXIT_FINE;
	/* dockerd exits some seconds after it has read the name of a dead plugin. */
	alive = http_client_ask_dsp(s->socket, ENDPOINT_ACTIVATE, SETUP_ASK_MS, NULL, &e);
	if (!alive || setup_reload(s, PROBE_ASKED, &e) != 0)
		return undo(s, &e);
	setup_report(s, "ok", "dockerd asks %s: a probe through its API arrived", s->name);
	try_docker(s);
	return EXIT_FINE;
}

/* --- the command -------------------------------------------------------------------------------*/

static int add(struct setup *s)
{
	AUTO_MEM char *text = NULL;
	struct err e;

	text = daemon_json_add(daemon_file_text(s->file), s->name, &e);
	if (!text)
		return setup_refuse(s, NULL, "%s: %s", s->file->path, e.text);
	if (s->dry_run) {
		setup_show_change(s, span_of(text));
		setup_report(s, "would", "write %s%s%s", s->file->path,
			s->file->exists ? ", and keep the old file as " : "",
			s->file->exists ? "*" FILE_BEFORE : "");
		if (s->dockerd->pid != 0)
			setup_report(s, "would",
				"send SIGHUP to dockerd, which reads the whole file again, and prove that it asks %s",
				s->name);
		return EXIT_FINE;
	}
	/* From here on no signal may stop it halfway. */
	signals_block();
	if (write_file(s, text) != 0)
		return EXIT_FINDINGS;
	return prove(s);
}

/* daemon.json names dsp already: the last enable may have been killed before the reload. */
static int prove_again(struct setup *s)
{
	struct err e;

	setup_report(s, "ok", "%s already names %s", s->file->path, s->name);
	if (!s->dry_run)
		daemon_file_drop_new(s->file);
	if (s->dockerd->pid == 0)
		return EXIT_FINE;
	if (dockerd_api_probe(s->dockerd, s->socket, &e) == PROBE_ASKED) {
		setup_report(s, "ok", "dockerd asks %s: a probe through its API arrived", s->name);
		return EXIT_FINE;
	}
	if (s->dry_run) {
		setup_report(
			s, "would", "send SIGHUP to dockerd, which does not ask %s yet", s->name);
		return EXIT_FINE;
	}
	signals_block();
	return prove(s);
}

static int run_enable(int argc, char **argv)
{
	json_auto_t *plugins = NULL;
	struct setup s;
	bool has;
	int rc = setup_begin(&s, &enable_command, argc, argv);

	if (rc != 0)
		return rc;
	if (setup_find_dockerd(&s) != 0 || (s.http1 && http1_check(&s) != 0) ||
		check_dsp(&s) != 0 || setup_open_file(&s, &plugins) != 0)
		return setup_end(&s, EXIT_FINDINGS);
	has = daemon_json_has(plugins, s.name);
	if (check_others(&s, plugins) != 0 || check_namesake(&s, has) != 0)
		return setup_end(&s, EXIT_FINDINGS);
	rc = has ? prove_again(&s) : add(&s);
	if (rc == EXIT_FINE && s.http1)
		rc = http1_apply(&s);
	return setup_end(&s, rc);
}

static const struct option options[] = { { "host", required_argument, NULL, 'H' },
	{ "socket", required_argument, NULL, 's' }, { "name", required_argument, NULL, 'n' },
	{ "dry-run", no_argument, NULL, 'd' }, { "json", no_argument, NULL, 'j' },
	{ "http1", no_argument, NULL, '1' }, { "restart", no_argument, NULL, 'r' },
	{ NULL, 0, NULL, 0 } };

const struct command enable_command = {
	.name = "enable",
	.arguments =
		"[--host unix://PATH] [--socket PATH] [--name NAME] [--http1] [--restart] [--dry-run] [--json]",
	.run = run_enable,
	.options = options,
	.summary = "make dockerd ask dsp, and prove that it does",
	.help = SETUP_OPTIONS_HELP
	"  --http1             also have dockerd refuse HTTP/2, over which dockerd 29.2 and later ask\n"
	"                      no plugin about builds: a drop-in of docker.service\n"
	"  --restart           with --http1: restart dockerd, so that it takes effect\n"
	"\n"
	"Adds dsp to \"authorization-plugins\" in dockerd's daemon.json, sends dockerd SIGHUP, and\n"
	"sends a probe through its API. If the probe does not reach dsp, it restores everything.\n"
	"dockerd reads all of daemon.json again: other pending changes in it take effect too.\n"
	"Status 0: done, now or before; 1: refused or restored, with the reason.\n",
};
