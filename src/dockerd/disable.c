/*
 * dsp disable: makes dockerd stop asking dsp, without a restart. It must work when dspd is dead and
 * dockerd waits for it, so it changes daemon.json before it needs an answer from either.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon_json.h"
#include "dsp/config/command.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/protocol/http_client.h"
#include "dsp/protocol/protocol.h"
#include "dsp/system/signals.h"
#include "http1.h"
#include "setup.h"

/* If the usual socket does not exist, the probe goes to that of a managed plugin. */
static void find_managed_socket(struct setup *s)
{
	char path[sizeof(s->socket)];
	int found = access(s->socket, F_OK) == 0
		? 0
		: command_managed_socket(s->name, path, sizeof(path));

	if (found > 0)
		memcpy(s->socket, path, sizeof(path));
	if (found > 1)
		setup_report(s, "notice",
			"several managed plugins have a socket %s.sock: choose one with --socket",
			s->name);
}

/* dockerd exits if another plugin is missing. When dspd is dead, disable goes on all the same. */
static int check_others(struct setup *s, const json_t *plugins)
{
	json_auto_t *alive = NULL;
	const json_t *v;
	struct err e;
	size_t i;

	if (s->dockerd->pid == 0 || !daemon_json_has(plugins, s->name))
		return 0;
	json_array_foreach (plugins, i, v) {
		const char *name = json_string_value(v);

		if (strcmp(name, s->name) == 0)
			continue;
		if (!alive)
			alive = http_client_ask_dsp(
				s->socket, ENDPOINT_ACTIVATE, SETUP_ASK_MS, NULL, &e);
		if (!alive)
			return 0;
		if (setup_check_plugin(s, name, false) != 0)
			return EXIT_FINDINGS;
	}
	return 0;
}

static int show(struct setup *s, bool has)
{
	struct file_text left = { .text = NULL };
	bool gone = false;
	struct err e;

	if (has) {
		if (daemon_file_preview(s->file, s->name, &left, &gone, &e) != 0)
			return setup_refuse(s, NULL, "%s: %s", s->file->path, e.text);
		setup_show_change(s, gone ? SPAN("") : (struct span){ left.text, left.n });
		mem_free(left.text);
		setup_report(s, "would", "%s %s", gone ? "remove" : "write", s->file->path);
	}
	if (s->dockerd->pid != 0)
		setup_report(s, "would",
			"send SIGHUP to dockerd, which reads the whole file again, and prove that it does not ask %s",
			s->name);
	http1_remove(s);
	return EXIT_FINE;
}

static int prove(struct setup *s, bool changed)
{
	struct err e;

	if (s->dockerd->pid == 0)
		return EXIT_FINE;
	if (!changed && dockerd_api_probe(s->dockerd, s->socket, &e) == PROBE_NOT_ASKED) {
		setup_report(s, "ok", "dockerd does not ask %s", s->name);
		return EXIT_FINE;
	}
	if (setup_reload(s, PROBE_NOT_ASKED, &e) != 0)
		return setup_refuse(s, "see dockerd's log and dsp-break-glass(7)",
			"cannot prove that dockerd does not ask %s: %s", s->name, e.text);
	setup_report(s, "ok", "dockerd answers, and does not ask %s", s->name);
	return EXIT_FINE;
}

static int disable(struct setup *s)
{
	json_auto_t *plugins = NULL;
	char tagged[sizeof(s->name) + 8];
	struct err e;
	int out;

	if (setup_find_dockerd(s) != 0 || setup_open_file(s, &plugins) != 0)
		return EXIT_FINDINGS;
	(void)snprintf(tagged, sizeof(tagged), "%s:latest", s->name);
	if (daemon_json_has(plugins, tagged))
		setup_report(s, "notice", "%s also names %s; to remove that: dsp disable --name %s",
			s->file->path, tagged, tagged);
	if (!daemon_json_has(plugins, s->name))
		setup_report(s, "ok", "%s does not name %s", s->file->path, s->name);
	find_managed_socket(s);
	if (check_others(s, plugins) != 0)
		return EXIT_FINDINGS;
	if (s->dry_run)
		return show(s, daemon_json_has(plugins, s->name));
	signals_block();
	out = daemon_file_remove_plugin(s->file, s->name, &e);
	if (out < 0)
		return setup_refuse(s,
			setup_advice(&e) ? setup_advice(&e)
					 : "remove it by hand, see dsp-break-glass(7)",
			"%s; dsp changed nothing", e.text);
	s->changed = out > 0;
	if (s->changed)
		setup_report(s, "ok", "%s no longer names %s", s->file->path, s->name);
	out = prove(s, s->changed);
	if (out == EXIT_FINE)
		http1_remove(s);
	return out;
}

static int run_disable(int argc, char **argv)
{
	struct setup s;
	int rc = setup_begin(&s, &disable_command, argc, argv);

	return rc != 0 ? rc : setup_end(&s, disable(&s));
}

const struct command disable_command = {
	.name = "disable",
	.arguments = "[--host unix://PATH] [--socket PATH] [--name NAME] [--dry-run] [--json]",
	.run = run_disable,
	.options = setup_options,
	.summary = "take dsp out of daemon.json and reload dockerd; works when dsp is dead",
	.help = SETUP_OPTIONS_HELP
	"\n"
	"Removes dsp from daemon.json, sends dockerd SIGHUP, and proves that dockerd answers without\n"
	"asking dsp. If nothing else has changed in daemon.json, it restores the file from before\n"
	"dsp enable, byte for byte. Containers keep running, and dockerd does not restart. It also\n"
	"removes the drop-in that dsp enable --http1 wrote.\n"
	"Status 0: done, now or before; 1: refused or not proven, with the reason.\n",
};
