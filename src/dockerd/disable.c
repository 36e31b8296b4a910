/*
 * dsp disable: dockerd asks dsp no more, without a restart. It is for the hour in which dsp is
 * dead and dockerd answers nobody, so it needs no answer of either before it is done.
 */
#include <dirent.h>
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
#include "setup.h"

#define PLUGINS "/run/docker/plugins"

/*
 * A managed dsp has its socket in a directory of its id. Where the usual one is not there and one
 * such is, the probe is to come to that.
 */
static void find_managed(struct turn *t)
{
	char path[sizeof(t->socket)];
	struct dirent **ids = NULL;
	int n = access(t->socket, F_OK) == 0 ? 0 : scandir(PLUGINS, &ids, NULL, alphasort);
	int found = 0;
	struct line l;

	for (int i = 0; i < n; i++) {
		line_init(&l, path, sizeof(path));
		line_add(&l, PLUGINS "/%s/%s.sock", ids[i]->d_name, t->name);
		if (!l.cut && access(path, F_OK) == 0 && ++found == 1)
			text_copy(span_of(path), t->socket, sizeof(t->socket));
		mem_free(ids[i]);
	}
	mem_free((void *)ids);
	if (found > 1)
		turn_say(t, "notice",
			"several managed plugins have a socket called %s.sock: say by --socket which is meant",
			t->name);
}

/* A plugin that is left and not there would end dockerd. Where dsp is dead that matters less. */
static int check_left(struct turn *t, const json_t *plugins)
{
	json_auto_t *alive = NULL;
	const json_t *v;
	struct err e;
	size_t i;

	if (t->dockerd->pid == 0 || !daemon_json_has(plugins, t->name))
		return 0;
	json_array_foreach (plugins, i, v) {
		const char *name = json_string_value(v);

		if (strcmp(name, t->name) == 0)
			continue;
		if (!alive)
			alive = http_client_ask_dsp(
				t->socket, ENDPOINT_ACTIVATE, TURN_ASK_MS, NULL, &e);
		if (!alive)
			return 0;
		if (turn_check_other(t, name, false) != 0)
			return EXIT_FINDINGS;
	}
	return 0;
}

static int show(struct turn *t, bool has)
{
	struct file_text left = { NULL, 0 };
	bool gone = false;
	struct err e;

	if (has) {
		if (daemon_file_without(t->file, t->name, &left, &gone, &e) != 0)
			return turn_refuse(t, NULL, "%s: %s", t->file->path, e.text);
		turn_show_change(t, gone ? SPAN("") : (struct span){ left.text, left.n });
		mem_free(left.text);
		turn_say(t, "would", "%s %s", gone ? "remove" : "write", t->file->path);
	}
	if (t->dockerd->pid != 0)
		turn_say(t, "would",
			"send SIGHUP to dockerd, which reads all of the file again, and prove that it asks %s no more",
			t->name);
	return EXIT_FINE;
}

static int prove(struct turn *t, bool changed)
{
	struct err e;

	if (t->dockerd->pid == 0)
		return EXIT_FINE;
	if (!changed && dockerd_probe(t->dockerd, t->socket, &e) == ASKED_NO) {
		turn_say(t, "ok", "dockerd does not ask %s", t->name);
		return EXIT_FINE;
	}
	if (turn_reload(t, ASKED_NO, &e) != 0)
		return turn_refuse(t, "see dockerd's log, and dsp-break-glass(7)",
			"that dockerd asks %s no more could not be proven: %s", t->name, e.text);
	turn_say(t, "ok", "dockerd answers, and does not ask %s", t->name);
	return EXIT_FINE;
}

static int disable(struct turn *t)
{
	json_auto_t *plugins = NULL;
	char tagged[sizeof(t->name) + 8];
	struct err e;
	int out;

	if (turn_find(t) != 0 || turn_open(t, &plugins) != 0)
		return EXIT_FINDINGS;
	(void)snprintf(tagged, sizeof(tagged), "%s:latest", t->name);
	if (daemon_json_has(plugins, tagged))
		turn_say(t, "notice", "%s names %s too: dsp disable --name %s", t->file->path,
			tagged, tagged);
	if (!daemon_json_has(plugins, t->name))
		turn_say(t, "ok", "%s does not name %s", t->file->path, t->name);
	find_managed(t);
	if (check_left(t, plugins) != 0)
		return EXIT_FINDINGS;
	if (t->dry_run)
		return show(t, daemon_json_has(plugins, t->name));
	signals_block();
	out = daemon_file_take_out(t->file, t->name, &e);
	if (out < 0)
		return turn_refuse(t,
			turn_advice(&e) ? turn_advice(&e)
					: "take it out by hand, see dsp-break-glass(7)",
			"%s; nothing is changed", e.text);
	t->changed = out > 0;
	if (t->changed)
		turn_say(t, "ok", "%s does not name %s any more", t->file->path, t->name);
	return prove(t, t->changed);
}

static int run_disable(int argc, char **argv)
{
	struct turn t;
	int rc = turn_begin(&t, argc, argv);

	return rc != 0 ? rc : turn_end(&t, disable(&t));
}

const struct command disable_command = {
	.name = "disable",
	.arguments = "[--host unix://PATH] [--socket PATH] [--name NAME] [--dry-run] [--json]",
	.run = run_disable,
	.summary = "have dockerd ask dsp no more, whether dsp lives or not",
	.help = SETUP_OPTIONS_HELP
	"\n"
	"Takes dsp out of daemon.json, which is what it was before dsp enable, byte for byte, where\n"
	"nothing else has changed in it; sends dockerd SIGHUP, and proves that it answers without\n"
	"asking dsp. Containers go on running, dockerd is not restarted.\n"
	"Status 0: done, or done before; 1: refused or not proven, and why.\n",
};
