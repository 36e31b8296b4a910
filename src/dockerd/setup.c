#include "setup.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "daemon_json.h"
#include "diff.h"
#include "dockerd_log.h"
#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/policy.h"
#include "dsp/dockerd/daemon_config.h"
#include "dsp/protocol/http_client.h"
#include "dsp/protocol/protocol.h"
#include "dsp/system/clock.h"

enum { PROOF_MS = 20000, PAUSE_MS = 100, COLUMN = 7 };

/* --- steps -------------------------------------------------------------------------------------*/

static void print_line(const char *kind, const char *text)
{
	enum output_shade shade = strcmp(kind, "ok") == 0 ? OUTPUT_GOOD
		: strcmp(kind, "would") == 0              ? OUTPUT_PLAIN
							  : OUTPUT_DOUBTFUL;

	output_shaded(shade, span_of(kind));
	(void)printf("%*s", (int)(COLUMN - strlen(kind)), "");
	output_wrapped(COLUMN, text);
}

void setup_report(struct setup *s, const char *kind, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (s->json)
		(void)json_array_append_new(
			s->steps, json_pack("{s:s, s:s}", "kind", kind, "text", text));
	else
		print_line(kind, text);
	/* Errors may go to the same file: keep the order. */
	(void)fflush(stdout);
}

int setup_refuse(struct setup *s, const char *advice, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (s->json) {
		setup_report(s, "error", "%s", text);
		if (advice)
			setup_report(s, "do", "%s", advice);
	}
	(void)fprintf(stderr, "dsp %s: %s\n", s->command, text);
	if (advice)
		(void)fprintf(stderr, "What to do: %s\n", advice);
	return EXIT_FINDINGS;
}

/* --- arguments ---------------------------------------------------------------------------------*/

static bool is_name(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n >= sizeof(((struct setup *)NULL)->name) || !isalnum((unsigned char)name[0]))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)name[i]) && !strchr("._-:", name[i]))
			return false;
	}
	return true;
}

static int parse_names(struct setup *s, const char *socket, const char *name)
{
	char own[sizeof(s->name)];

	if (name && !is_name(name))
		return command_usage(s->command, "%s: not the name of a plugin", name);
	if (!socket && name)
		(void)snprintf(s->socket, sizeof(s->socket), "/run/docker/plugins/%s.sock", name);
	else
		text_copy(span_of(command_socket(socket)), s->socket, sizeof(s->socket));
	policy_socket_name(s->socket, own, sizeof(own));
	text_copy(span_of(name ? name : own), s->name, sizeof(s->name));
	if (!is_name(s->name))
		return command_usage(
			s->command, "%s: the file's name is not the name of a plugin", s->socket);
	return 0;
}

const struct option setup_options[] = { { "host", required_argument, NULL, 'H' },
	{ "socket", required_argument, NULL, 's' }, { "name", required_argument, NULL, 'n' },
	{ "dry-run", no_argument, NULL, 'd' }, { "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 } };

int setup_begin(struct setup *s, const struct command *c, int argc, char **argv)
{
	const char *socket = NULL;
	const char *name = NULL;
	int o;

	*s = (struct setup){ .command = c->name };
	while ((o = command_option(c, argc, argv)) != -1) {
		if (o == 'H')
			s->host = optarg;
		else if (o == 's')
			socket = optarg;
		else if (o == 'n')
			name = optarg;
		else if (o == 'd')
			s->dry_run = true;
		else if (o == 'j')
			s->json = true;
		else if (o == '1')
			s->http1 = true;
		else if (o == 'r')
			s->restart = true;
		else
			return EXIT_USAGE;
	}
	if (optind < argc)
		return command_usage(c->name, "%s: unexpected argument", argv[optind]);
	if (s->restart && !s->http1)
		return command_usage(c->name, "--restart goes with --http1");
	o = parse_names(s, socket, name);
	if (o == 0)
		s->steps = json_array();
	return o;
}

int setup_end(struct setup *s, int status)
{
	json_auto_t *o = NULL;

	if (s->json) {
		o = json_pack("{s:b, s:s, s:s?, s:O}", "changed", s->changed, "name", s->name,
			"file", s->file ? s->file->path : NULL, "steps", s->steps);
		output_json(o);
	}
	json_decref(s->steps);
	dockerd_free(s->dockerd);
	if (s->file)
		daemon_file_close(s->file);
	return status;
}

/* --- dockerd -----------------------------------------------------------------------------------*/

int setup_find_dockerd(struct setup *s)
{
	const struct dockerd *d;
	const char *plugin;
	struct err e;
	size_t at = 0;

	if (dockerd_find(s->host, &s->dockerd, &e) != 0)
		return setup_refuse(s, NULL, "%s", e.text);
	dockerd_read_version(s->dockerd);
	d = s->dockerd;
	if (d->rootless)
		return setup_refuse(s, NULL,
			"dockerd (process %d) is rootless: it looks for plugins in its own /run and /etc, which dsp cannot change",
			(int)d->pid);
	plugin = dockerd_options_next(d, "authorization-plugin", &at);
	if (plugin)
		return setup_refuse(s,
			"remove --authorization-plugin from dockerd's command line (its unit, or DOCKER_OPTS in /etc/default/docker) and restart dockerd; then repeat dsp %s",
			"dockerd %s with --authorization-plugin=%s: dockerd refuses to start with both this flag and a list in its daemon.json",
			d->pid != 0 ? "was started" : "would be started", plugin);
	if (d->pid == 0)
		setup_report(s, "notice",
			"no dockerd runs: dsp can change %s, but cannot prove that dockerd asks dsp",
			d->config_file);
	else
		setup_report(s, "ok", "dockerd %s (process %d) reads %s", d->version, (int)d->pid,
			d->config_file);
	return 0;
}

/*
 * Reports what dockerd would refuse in the file, before anything is changed. enable stops then.
 * disable goes on where it can edit the file: it may have to work when dsp is dead.
 */
static int check_file(struct setup *s)
{
	struct span text = daemon_file_text(s->file);
	bool enable = strcmp(s->command, "enable") == 0;
	AUTO_MEM struct daemon_config *config = NULL;
	const struct config_issue *worst = NULL;
	char advice[sizeof(worst->advice) + 64];
	int rc = 0;

	/* Of a file that is blank, or does not exist, both commands make one that dockerd reads. */
	if (!s->file->exists || daemon_json_is_blank(text))
		return 0;
	config = mem_array(1, sizeof(*config));
	if (!config)
		return setup_refuse(s, NULL, "out of memory");
	daemon_config_read(s->dockerd, s->file->path, text, config);
	for (size_t i = 0; i < config->count; i++) {
		const struct config_issue *issue = &config->issues[i];
		bool stops = issue->kind == CONFIG_UNREADABLE || issue->kind == CONFIG_FORM ||
			(enable && issue->kind != CONFIG_UNREAD);

		if (stops && !worst)
			worst = issue;
		else
			setup_report(s, "notice", "%s: %s; %s", s->file->path, issue->text,
				issue->advice);
	}
	if (worst) {
		(void)snprintf(advice, sizeof(advice), "%s; then repeat dsp %s", worst->advice,
			s->command);
		rc = setup_refuse(s, advice, "%s: %s%s", s->file->path, worst->text,
			worst->kind == CONFIG_FORM ? "; dsp cannot edit the file in this form"
						   : "");
	}
	daemon_config_free(config);
	return rc;
}

int setup_open_file(struct setup *s, json_t **plugins)
{
	char advice[500];
	struct err e;

	if (daemon_file_open(s->dockerd->config_file, !s->dry_run, &s->file, &e) != 0)
		return setup_refuse(s, NULL, "%s", e.text);
	if (check_file(s) != 0)
		return EXIT_FINDINGS;
	*plugins = daemon_json_plugins(daemon_file_text(s->file), &e);
	if (*plugins)
		return 0;
	(void)snprintf(advice, sizeof(advice), "correct %s; then repeat dsp %s", s->file->path,
		s->command);
	return setup_refuse(s, advice, "%s: %s", s->file->path, e.text);
}

/* dockerd would exit at the SIGHUP because of this plugin, although daemon.json named it before. */
static int refuse_plugin(struct setup *s, const char *name, const char *why)
{
	static const char what[] =
		"%s names the plugin %s, which %s: dockerd would exit at the SIGHUP";

	return setup_refuse(s,
		"start it, or remove it from authorization-plugins; then repeat this", what,
		s->file->path, name, why);
}

int setup_check_plugin(struct setup *s, const char *name, bool answers)
{
	json_auto_t *activated = NULL;
	char path[512];
	char why[sizeof(((struct err *)NULL)->text) + 32];
	struct err e;
	int managed = dockerd_api_managed(s->dockerd, name, &e);
	bool found = dockerd_find_plugin(name, path, sizeof(path));

	if (managed == 0)
		return refuse_plugin(s, name, "is managed and disabled");
	if (managed > 0)
		return 0;
	if (found && path[0] && answers) {
		activated = http_client_ask_dsp(path, ENDPOINT_ACTIVATE, SETUP_ASK_MS, NULL, &e);
		if (activated)
			return 0;
		(void)snprintf(why, sizeof(why), "does not answer (%s)", e.text);
		return refuse_plugin(s, name, why);
	}
	if (managed == -1 && !found)
		return refuse_plugin(s, name, "does not exist");
	if (answers)
		setup_report(s, "notice", "dsp cannot check whether the plugin %s answers", name);
	return 0;
}

const char *setup_advice(const struct err *e)
{
	if (e->code == EPERM || e->code == EACCES)
		return "check whether one of them is immutable (lsattr), or whether SELinux or AppArmor protects it";
	if (e->code == EXDEV || e->code == EBUSY)
		return "the file is a mount point: edit the file that is mounted there";
	if (e->code == ESTALE)
		return "repeat this";
	return NULL;
}

void setup_show_change(struct setup *s, struct span text)
{
	struct span old = daemon_file_text(s->file);
	char *shown = NULL;
	size_t n = 0;
	FILE *to = s->json ? open_memstream(&shown, &n) : stdout;

	if (to)
		diff_print(to, s->file->path, old, text);
	if (!s->json)
		return;
	if (to && fclose(to) == 0)
		(void)json_array_append_new(
			s->steps, json_pack("{s:s, s:s}", "kind", "diff", "text", shown));
	mem_free(shown);
}

/* Probes dockerd until the result is the wanted one. -1 and e: dockerd refuses, or after 20 s. */
static int wait_for_probe(
	const struct setup *s, enum probe_result wanted, struct dockerd_log *log, struct err *e)
{
	uint64_t until = clock_now() + PROOF_MS;
	enum probe_result probe;
	char refusal[280];

	do {
		/* Until dockerd has read the file, it may make the probe wait for a dead dsp. */
		(void)poll(NULL, 0, PAUSE_MS);
		if (kill(s->dockerd->pid, 0) != 0 && errno == ESRCH)
			return FAIL(e, 0, "dockerd has exited");
		if (dockerd_log_refusal(log, refusal, sizeof(refusal)))
			return FAIL(e, 0, "dockerd refused to reload: %s", refusal);
		probe = dockerd_api_probe(s->dockerd, s->socket, e);
		if (probe == wanted)
			return 0;
	} while (clock_now() < until);
	if (probe == PROBE_NOT_ASKED)
		return FAIL(
			e, 0, "dockerd was reloaded 20 s ago and still does not ask %s", s->name);
	if (probe == PROBE_ASKED)
		return FAIL(e, 0, "dockerd was reloaded 20 s ago and still asks %s", s->name);
	return -1;
}

int setup_reload(struct setup *s, enum probe_result wanted, struct err *e)
{
	struct dockerd_log log;
	int rc;

	dockerd_log_open(s->dockerd, &log);
	/* systemctl reload docker does the same. */
	if (kill(s->dockerd->pid, SIGHUP) != 0) {
		rc = FAIL(e, errno, "cannot send SIGHUP to dockerd (process %d)",
			(int)s->dockerd->pid);
	} else {
		setup_report(s, "ok", "sent SIGHUP to dockerd, which reads the file again");
		rc = wait_for_probe(s, wanted, &log, e);
	}
	dockerd_log_close(&log);
	return rc;
}
