#include "setup.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon_json.h"
#include "diff.h"
#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/settings.h"
#include "dsp/protocol/http_client.h"
#include "dsp/protocol/protocol.h"
#include "dsp/system/clock.h"

enum { PROOF_MS = 20000, PAUSE_MS = 100 };

/* --- telling -----------------------------------------------------------------------------------*/

PRINTF_LIKE(3, 0)
static void tell(struct turn *t, const char *kind, const char *fmt, va_list args)
{
	char text[1024];

	(void)vsnprintf(text, sizeof(text), fmt, args);
	if (t->json)
		(void)json_array_append_new(
			t->steps, json_pack("{s:s, s:s}", "kind", kind, "text", text));
	else
		(void)printf("%-6s %s\n", kind, text);
	/* In its place, also where errors go into the same file. */
	(void)fflush(stdout);
}

void turn_say(struct turn *t, const char *kind, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	tell(t, kind, fmt, args);
	va_end(args);
}

int turn_refuse(struct turn *t, const char *advice, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (t->json) {
		turn_say(t, "error", "%s", text);
		if (advice)
			turn_say(t, "do", "%s", advice);
	}
	(void)fprintf(stderr, "dsp %s: %s\n", t->command, text);
	if (advice)
		(void)fprintf(stderr, "What to do: %s\n", advice);
	return EXIT_FINDINGS;
}

/* --- arguments ---------------------------------------------------------------------------------*/

static bool is_name(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n >= sizeof(((struct turn *)NULL)->name) || !isalnum((unsigned char)name[0]))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)name[i]) && !strchr("._-:", name[i]))
			return false;
	}
	return true;
}

/* The plugin has the name of its socket. */
static void name_of(const char *socket, char *name, size_t cap)
{
	const char *slash = strrchr(socket, '/');
	struct span base = span_of(slash ? slash + 1 : socket);

	if (span_ends(base, SPAN(".sock")))
		base.n -= SPAN(".sock").n;
	text_copy(base, name, cap);
}

static int settle_names(struct turn *t, const char *socket, const char *name)
{
	char own[sizeof(t->name)];

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *from = socket || name ? socket : getenv("DSP_SOCKET");
	if (name && !is_name(name))
		return command_usage(t->command, "%s: not a plugin's name", name);
	if (!from && name)
		(void)snprintf(t->socket, sizeof(t->socket), "/run/docker/plugins/%s.sock", name);
	else
		text_copy(span_of(from && from[0] ? from : SETTINGS_SOCKET), t->socket,
			sizeof(t->socket));
	name_of(t->socket, own, sizeof(own));
	text_copy(span_of(name ? name : own), t->name, sizeof(t->name));
	if (!is_name(t->name))
		return command_usage(
			t->command, "%s: its file's name is not a plugin's", t->socket);
	return 0;
}

int turn_begin(struct turn *t, int argc, char **argv)
{
	static const struct option options[] = { { "host", required_argument, NULL, 'H' },
		{ "socket", required_argument, NULL, 's' },
		{ "name", required_argument, NULL, 'n' }, { "dry-run", no_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };
	const char *socket = NULL;
	const char *name = NULL;
	int o;

	*t = (struct turn){ .command = argv[0] };
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((o = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (o == 'H')
			t->host = optarg;
		else if (o == 's')
			socket = optarg;
		else if (o == 'n')
			name = optarg;
		else if (o == 'd')
			t->dry_run = true;
		else if (o == 'j')
			t->json = true;
		else
			return command_usage(
				argv[0], "%s: unknown, or its value is missing", argv[optind - 1]);
	}
	if (optind < argc)
		return command_usage(argv[0], "%s: not expected", argv[optind]);
	o = settle_names(t, socket, name);
	if (o == 0)
		t->steps = json_array();
	return o;
}

int turn_end(struct turn *t, int status)
{
	json_auto_t *o = NULL;

	if (t->json) {
		o = json_pack("{s:b, s:s, s:s?, s:O}", "changed", t->changed, "name", t->name,
			"file", t->file ? t->file->path : NULL, "steps", t->steps);
		output_json(o);
	}
	json_decref(t->steps);
	dockerd_free(t->dockerd);
	if (t->file)
		daemon_file_close(t->file);
	return status;
}

/* --- dockerd -----------------------------------------------------------------------------------*/

/* A plugin of the command line is in no file that could be changed. */
static int check_flags(struct turn *t)
{
	const struct dockerd *d = t->dockerd;
	const char *plugin;
	size_t at = 0;

	plugin = dockerd_flag(d, "authorization-plugin", &at);
	if (!plugin)
		return 0;
	return turn_refuse(t,
		"take --authorization-plugin out of dockerd's command line (its unit, or DOCKER_OPTS in /etc/default/docker) and restart dockerd; then repeat this",
		"dockerd %s with --authorization-plugin=%s: dockerd refuses to start with both the flag and a list in its daemon.json",
		d->pid != 0 ? "was started" : "is to be started", plugin);
}

int turn_find(struct turn *t)
{
	struct err e;

	if (dockerd_find(t->host, &t->dockerd, &e) != 0)
		return turn_refuse(t, NULL, "%s", e.text);
	if (t->dockerd->rootless)
		return turn_refuse(t, NULL,
			"the dockerd that runs here (process %d) is rootless: it has no place for plugins that root could change",
			(int)t->dockerd->pid);
	if (check_flags(t) != 0)
		return EXIT_FINDINGS;
	if (t->dockerd->pid == 0) {
		turn_say(t, "notice", "no dockerd runs: nothing can be proven, only written to %s",
			t->dockerd->config_file);
		return 0;
	}
	turn_say(t, "ok", "dockerd %s (process %d) reads %s", t->dockerd->version,
		(int)t->dockerd->pid, t->dockerd->config_file);
	return 0;
}

int turn_open(struct turn *t, json_t **plugins)
{
	char advice[500];
	struct err e;

	if (daemon_file_open(t->dockerd->config_file, !t->dry_run, &t->file, &e) != 0)
		return turn_refuse(t, NULL, "%s", e.text);
	*plugins = daemon_json_plugins(daemon_file_text(t->file), &e);
	if (*plugins)
		return 0;
	(void)snprintf(advice, sizeof(advice),
		"%s \"%s\" %s its list by hand, such as \"" PLUGINS_KEY
		"\": [\"%s\"], then kill -HUP %d; dsp doctor tells whether dockerd asks",
		strcmp(t->command, "enable") == 0 ? "write" : "take", t->name,
		strcmp(t->command, "enable") == 0 ? "into" : "out of", t->name,
		(int)t->dockerd->pid);
	return turn_refuse(t, advice, "%s: %s", t->file->path, e.text);
}

/* dockerd ends at the SIGHUP because of it, though it was in the file before. */
static int refuse_other(struct turn *t, const char *name, const char *why)
{
	static const char what[] =
		"%s names the plugin %s, which %s: dockerd would end at the SIGHUP";

	if (!t->dry_run)
		return turn_refuse(t,
			"start it, or take it out of authorization-plugins; then repeat this", what,
			t->file->path, name, why);
	turn_say(t, "notice", what, t->file->path, name, why);
	return 0;
}

int turn_check_other(struct turn *t, const char *name, bool answers)
{
	json_auto_t *activated = NULL;
	char path[512];
	char why[sizeof(((struct err *)NULL)->text) + 32];
	struct err e;
	int managed = dockerd_managed(t->dockerd, name, &e);
	bool found = dockerd_finds(name, path, sizeof(path));

	if (managed == 0)
		return refuse_other(t, name, "is a managed one and disabled");
	if (managed > 0)
		return 0;
	if (found && path[0] && answers) {
		activated = http_client_ask_dsp(path, ENDPOINT_ACTIVATE, TURN_ASK_MS, NULL, &e);
		if (activated)
			return 0;
		(void)snprintf(why, sizeof(why), "does not answer (%s)", e.text);
		return refuse_other(t, name, why);
	}
	if (managed == -1 && !found)
		return refuse_other(t, name, "is not there");
	if (answers)
		turn_say(t, "notice", "whether the plugin %s answers was not looked at", name);
	return 0;
}

const char *turn_advice(const struct err *e)
{
	if (e->code == EPERM || e->code == EACCES)
		return "is one of them immutable (lsattr), or guarded by SELinux or AppArmor?";
	if (e->code == EXDEV || e->code == EBUSY)
		return "the file is a mount point: change the file that is mounted there";
	if (e->code == ESTALE)
		return "repeat this";
	return NULL;
}

void turn_show_change(struct turn *t, struct span text)
{
	struct span old = daemon_file_text(t->file);
	char *shown = NULL;
	size_t n = 0;
	FILE *to = t->json ? open_memstream(&shown, &n) : stdout;

	if (to)
		diff_print(to, t->file->path, old, text);
	if (!t->json)
		return;
	if (to && fclose(to) == 0)
		(void)json_array_append_new(
			t->steps, json_pack("{s:s, s:s}", "kind", "diff", "text", shown));
	mem_free(shown);
}

static bool is_gone(const struct turn *t)
{
	return kill(t->dockerd->pid, 0) != 0 && errno == ESRCH;
}

int turn_reload(struct turn *t, enum asked wanted, struct err *e)
{
	uint64_t until = clock_now() + PROOF_MS;
	enum asked asked;

	/* What systemctl reload docker does too. */
	if (kill(t->dockerd->pid, SIGHUP) != 0)
		return FAIL(e, errno, "SIGHUP for dockerd (process %d)", (int)t->dockerd->pid);
	turn_say(t, "ok", "SIGHUP for dockerd: it reads the file again");
	do {
		/* A probe that comes before dockerd has read it may wait for a dsp that is dead. */
		(void)poll(NULL, 0, PAUSE_MS);
		if (is_gone(t))
			return FAIL(e, 0, "dockerd has ended");
		asked = dockerd_probe(t->dockerd, t->socket, e);
		if (asked == wanted)
			return 0;
	} while (clock_now() < until);
	if (asked == ASKED_NO)
		return FAIL(e, 0, "dockerd does not ask %s, 20 s after the SIGHUP", t->name);
	if (asked == ASKED_YES)
		return FAIL(e, 0, "dockerd still asks %s, 20 s after the SIGHUP", t->name);
	return -1;
}
