/*
 * dsp enable: dockerd asks dsp from now on, or everything is as it was. The order matters: first
 * all that could make dockerd refuse or end is looked at, for a daemon.json that names a plugin
 * which does not answer stops Docker.
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
#include "setup.h"

#define PLUGINS "/run/docker/plugins/"

enum { PLUGIN_PATH = 512 };

/* --- dsp ---------------------------------------------------------------------------------------*/

static bool lists(const char *names, const char *name)
{
	struct span rest = span_of(names);

	while (rest.n > 0) {
		size_t n = span_find(rest, ',');
		struct span one = { rest.s, n };

		while (one.n > 0 && one.s[0] == ' ')
			one = span_after(one, 1);
		if (span_equal(one, span_of(name)))
			return true;
		rest = span_after(rest, n < rest.n ? n + 1 : n);
	}
	return false;
}

/* Whether dockerd, which knows the name alone, comes to this very socket. */
static bool is_found_by_name(const struct turn *t)
{
	char path[PLUGIN_PATH];
	struct stat there;
	struct stat own;

	return dockerd_finds(t->name, path, sizeof(path)) && stat(path, &there) == 0 &&
		stat(t->socket, &own) == 0 && own.st_dev == there.st_dev &&
		own.st_ino == there.st_ino;
}

static int check_state(struct turn *t, const json_t *o)
{
	const char *names = json_string_value(json_object_get(o, "names"));
	const char *version = json_string_value(json_object_get(o, "version"));
	const char *mode = json_string_value(json_object_get(o, "mode"));
	const char *reason = json_string_value(json_object_get(o, "reason"));

	if (!names || !version || !mode)
		return turn_refuse(t, NULL, "%s: what answers there is not dsp", t->socket);
	if (json_is_true(json_object_get(o, "broken")))
		return turn_refuse(t, "mend them (dsp check), and have them read: dsp reload",
			"the settings of the dsp on %s are broken, and it would deny everything: %s",
			t->socket, reason ? reason : "?");
	if (!lists(names, t->name))
		return turn_refuse(t,
			"start dsp with a DSP_NAME that has the name, or without DSP_NAME",
			"the dsp on %s watches over the name %s, not %s: a managed plugin could take its place",
			t->socket, names, t->name);
	turn_say(t, "ok", "dsp %s answers on %s", version, t->socket);
	if (strcmp(mode, "monitor") == 0)
		turn_say(t, "notice", "it is in monitor mode: it denies nothing, it only records");
	return 0;
}

static int check_dsp(struct turn *t)
{
	json_auto_t *activated = NULL;
	json_auto_t *state = NULL;
	const json_t *implements;
	struct err e;

	activated = http_client_ask_dsp(t->socket, ENDPOINT_ACTIVATE, TURN_ASK_MS, NULL, &e);
	if (!activated)
		return turn_refuse(
			t, "start it first: systemctl start dsp.socket, or dspd", "%s", e.text);
	implements = json_object_get(activated, "Implements");
	if (!json_is_array(implements) ||
		strcmp(json_is_string(json_array_get(implements, 0))
				? json_string_value(json_array_get(implements, 0))
				: "",
			"authz") != 0)
		return turn_refuse(
			t, NULL, "%s: what answers there is no authorization plugin", t->socket);
	state = http_client_ask_dsp(t->socket, ENDPOINT_STATUS, TURN_ASK_MS, NULL, &e);
	if (!state)
		return turn_refuse(t, NULL, "%s", e.text);
	if (!is_found_by_name(t))
		return turn_refuse(t, "serve on " PLUGINS "NAME.sock",
			"%s: dockerd looks for a plugin called %s as " PLUGINS
			"%s.sock, and that is not this socket",
			t->socket, t->name, t->name);
	return check_state(t, state);
}

/* --- the name ----------------------------------------------------------------------------------*/

/* asked_already: a dsp in force may well forbid to look. */
static int check_namesake(struct turn *t, bool asked_already)
{
	char advice[400];
	struct err e;
	int managed;

	if (t->dockerd->pid == 0) {
		turn_say(t, "notice", "whether a managed plugin is called %s was not looked at",
			t->name);
		return 0;
	}
	managed = dockerd_managed(t->dockerd, t->name, &e);
	(void)snprintf(advice, sizeof(advice),
		"remove it (docker plugin rm -f %s), or serve dsp under another name and dsp enable --socket " PLUGINS
		"NAME.sock",
		t->name);
	if (managed >= 0)
		return turn_refuse(t, advice,
			"a managed plugin called %s is there (%s): dockerd would take it for this dsp%s",
			t->name, managed ? "enabled" : "disabled",
			managed ? "" : ", and end, for it is disabled");
	if (managed == -2 && asked_already)
		turn_say(t, "notice", "whether a managed plugin is called %s is not known: %s",
			t->name, e.text);
	else if (managed == -2)
		return turn_refuse(t, NULL,
			"whether a managed plugin is called %s is not known: %s", t->name, e.text);
	else
		turn_say(t, "ok", "no managed plugin is called %s", t->name);
	return 0;
}

static int check_others(struct turn *t, const json_t *plugins)
{
	char tagged[sizeof(t->name) + 8];
	char others[300];
	struct line l;
	const json_t *v;
	size_t i;

	(void)snprintf(tagged, sizeof(tagged), "%s:latest", t->name);
	if (daemon_json_has(plugins, tagged))
		return turn_refuse(t,
			"dsp disable --name "
			"NAME:latest takes it out",
			"%s names %s, which is a managed plugin", t->file->path, tagged);
	line_init(&l, others, sizeof(others));
	json_array_foreach (plugins, i, v) {
		if (strcmp(json_string_value(v), t->name) == 0)
			continue;
		line_add(&l, "%s%s", l.n > 0 ? ", " : "", json_string_value(v));
		if (t->dockerd->pid != 0 && turn_check_other(t, json_string_value(v), true) != 0)
			return EXIT_FINDINGS;
	}
	if (l.n > 0)
		turn_say(t, "notice",
			"%s names other plugins too (%s): all must allow a call, in the order of the list",
			t->file->path, others);
	return 0;
}

/* --- the file ----------------------------------------------------------------------------------*/

/* From 23 on dockerd can say whether it would take a file. */
static int validate(struct turn *t)
{
	static const char *const help[] = { "--help", NULL };
	AUTO_MEM char *output = mem_alloc(64 << 10);
	char path[1024];
	const char *const check[] = { "--validate", "--config-file", path, NULL };
	struct err e;
	int rc;

	if (t->dockerd->pid == 0 || !output)
		return 0;
	if (dockerd_command(t->dockerd, help, output, 64 << 10, &e) != 0 ||
		!strstr(output, "--validate"))
		return 0;
	if ((size_t)snprintf(path, sizeof(path), "%s" FILE_NEW, t->file->path) >= sizeof(path))
		return 0;
	rc = dockerd_command(t->dockerd, check, output, 512, &e);
	if (rc == 0) {
		turn_say(t, "ok", "dockerd --validate takes the new file");
		return 0;
	}
	output[strcspn(output, "\n")] = '\0';
	return turn_refuse(t, NULL, "dockerd --validate does not take the new file: %s",
		rc < 0 ? e.text : output);
}

static int write_file(struct turn *t, const char *text)
{
	struct err e;

	if (daemon_file_write(t->file, text, &e) != 0)
		return turn_refuse(t, turn_advice(&e), "%s; nothing is changed", e.text);
	if (validate(t) != 0) {
		daemon_file_drop_new(t->file);
		return EXIT_FINDINGS;
	}
	if (daemon_file_switch(t->file, &e) != 0)
		return turn_refuse(t, turn_advice(&e), "%s; nothing is changed", e.text);
	t->changed = true;
	if (t->file->exists)
		turn_say(t, "ok", "%s names %s; as it was before it is %s" FILE_BEFORE,
			t->file->path, t->name, t->file->name);
	else
		turn_say(t, "ok", "%s is new and names %s", t->file->path, t->name);
	return 0;
}

/* --- proof -------------------------------------------------------------------------------------*/

/* Whether the one who did this can go on with Docker. */
static void try_docker(struct turn *t)
{
	json_auto_t *o = NULL;
	const char *message;
	char text[300];
	int status = 0;
	struct err e;

	if (dockerd_get(t->dockerd, "/containers/json?limit=1", &status, &o, &e) != 0) {
		turn_say(t, "notice", "%s", e.text);
		return;
	}
	message = json_string_value(json_object_get(o, "message"));
	if (status == 200)
		return;
	text_escape(span_of(message ? message : "?"), text, sizeof(text));
	turn_say(t, "notice",
		"docker ps on %s is answered with %d now: %s. (dsp disable asks nobody's leave.)",
		t->dockerd->socket, status, text);
}

static int undo(struct turn *t, const struct err *why)
{
	AUTO_MEM char *path = mem_copy(t->file->path, strlen(t->file->path));
	struct err e;

	if (!path)
		return turn_refuse(t, "dsp disable", "out of memory: %s", why->text);
	daemon_file_close(t->file);
	t->file = NULL;
	turn_say(t, "undo", "%s", why->text);
	if (daemon_file_open(path, true, &t->file, &e) != 0 ||
		daemon_file_take_out(t->file, t->name, &e) < 0)
		return turn_refuse(t, "take the name out by hand, see dsp-break-glass(7)",
			"%s could not be put back: %s", path, e.text);
	t->changed = false;
	turn_say(t, "undo", "%s is as it was", path);
	if (kill(t->dockerd->pid, 0) != 0)
		return turn_refuse(t, "start it: systemctl start docker",
			"dockerd has ended: it does so when a plugin does not answer it; it can start again, for the file is as it was");
	if (turn_reload(t, ASKED_NO, &e) != 0)
		return turn_refuse(t, "see dsp-break-glass(7)",
			"dockerd did not take %s, and after it is as it was: %s", t->name, e.text);
	return turn_refuse(t, "dsp doctor, and dockerd's log, tell more",
		"dockerd did not ask %s (%s), and asks it no more", t->name, why->text);
}

static int prove(struct turn *t)
{
	struct err e;

	json_auto_t *alive = NULL;

	if (t->dockerd->pid == 0)
		return EXIT_FINE;
	/* A dockerd that reads the name of a dead plugin ends after some seconds. */
	alive = http_client_ask_dsp(t->socket, ENDPOINT_ACTIVATE, TURN_ASK_MS, NULL, &e);
	if (!alive || turn_reload(t, ASKED_YES, &e) != 0)
		return undo(t, &e);
	turn_say(t, "ok", "dockerd asks %s: a probe through its API has arrived", t->name);
	try_docker(t);
	return EXIT_FINE;
}

/* --- the command -------------------------------------------------------------------------------*/

static int add(struct turn *t)
{
	AUTO_MEM char *text = NULL;
	struct err e;

	text = daemon_json_add(daemon_file_text(t->file), t->name, &e);
	if (!text)
		return turn_refuse(t, NULL, "%s: %s", t->file->path, e.text);
	if (t->dry_run) {
		turn_show_change(t, span_of(text));
		turn_say(t, "would", "write %s%s%s", t->file->path,
			t->file->exists ? ", and keep the old one beside it as " : "",
			t->file->exists ? "*" FILE_BEFORE : "");
		if (t->dockerd->pid != 0)
			turn_say(t, "would",
				"send SIGHUP to dockerd, which reads all of the file again, and prove that it asks %s",
				t->name);
		return EXIT_FINE;
	}
	/* From here on it goes to one end or the other, whatever a terminal says. */
	signals_block();
	if (write_file(t, text) != 0)
		return EXIT_FINDINGS;
	return prove(t);
}

/* In the file already: by an enable before, which may have been killed before it was in force. */
static int already(struct turn *t)
{
	struct err e;

	turn_say(t, "ok", "%s names %s already", t->file->path, t->name);
	if (!t->dry_run)
		daemon_file_drop_new(t->file);
	if (t->dockerd->pid == 0)
		return EXIT_FINE;
	if (dockerd_probe(t->dockerd, t->socket, &e) == ASKED_YES) {
		turn_say(t, "ok", "dockerd asks %s: a probe through its API has arrived", t->name);
		return EXIT_FINE;
	}
	if (t->dry_run) {
		turn_say(t, "would", "send SIGHUP to dockerd, which does not ask %s yet", t->name);
		return EXIT_FINE;
	}
	signals_block();
	return prove(t);
}

static int enable(struct turn *t)
{
	json_auto_t *plugins = NULL;
	bool has;

	if (turn_find(t) != 0 || check_dsp(t) != 0 || turn_open(t, &plugins) != 0)
		return EXIT_FINDINGS;
	has = daemon_json_has(plugins, t->name);
	if (check_others(t, plugins) != 0 || check_namesake(t, has) != 0)
		return EXIT_FINDINGS;
	return has ? already(t) : add(t);
}

static int run_enable(int argc, char **argv)
{
	struct turn t;
	int rc = turn_begin(&t, argc, argv);

	return rc != 0 ? rc : turn_end(&t, enable(&t));
}

const struct command enable_command = {
	.name = "enable",
	.arguments = "[--host unix://PATH] [--socket PATH] [--name NAME] [--dry-run] [--json]",
	.run = run_enable,
	.summary = "have dockerd ask dsp, and prove that it does",
	.help = SETUP_OPTIONS_HELP
	"\n"
	"Adds dsp to \"authorization-plugins\" in dockerd's daemon.json, sends dockerd SIGHUP, and\n"
	"sends a probe through its API that must reach dsp; else everything is put back. dockerd\n"
	"then reads all of daemon.json again: other changes that wait there come into force too.\n"
	"Status 0: done, or done before; 1: refused or put back, and why.\n",
};
