/* dsp doctor: the table of checks, and the report of their results. */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dsp/config/metric_info.h"
#include "dsp/config/output.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/policy/settings.h"
#include "dsp/system/clock.h"
#include "dsp/system/file.h"

struct check {
	const char *id;
	doctor_check *run;
	const char *what;   /* what is true when the check passes */
	const char *remedy; /* what to do otherwise, unless the check advises something better */
};

/* The most important first; `dsp doctor --list` and the manual print them in this order. */
static const struct check checks[] = {
	{ "asked", doctor_check_asked,
		"dockerd asks this dsp: a GET /_ping with a nonce, sent to dockerd, arrives at dsp's "
		"socket (docker info does not prove this)",
		"dsp enable" },
	{ "dockerd", doctor_check_dockerd,
		"one dockerd runs on this machine and answers on its socket",
		"read its log; --host unix:///PATH selects another dockerd" },
	{ "other-dockerd", doctor_check_others,
		"no other dockerd runs on this machine, or it asks this dsp too",
		"dsp enable for that dockerd too" },
	{ "serving", doctor_check_serving, "dspd answers on its socket as a plugin must",
		"systemctl restart dsp.socket dsp.service" },
	{ "settings", doctor_check_settings,
		"the settings in force are valid; with broken ones dsp denies every request",
		"correct the settings, then run dsp reload: it names each mistake" },
	{ "monitor-mode", doctor_check_monitor,
		"dsp enforces denials; in monitor mode it only records them",
		"remove DSP_MODE=monitor or \"mode\": \"monitor\"; then dsp reload" },
	{ "named", doctor_check_named, "daemon.json or dockerd's command line names dsp",
		"dsp enable" },
	{ "daemon-json", doctor_check_daemon_json,
		"dockerd can read daemon.json: it is JSON without duplicate keys, and its "
		"authorization-plugins is a list of names",
		"correct it by hand, before dockerd is restarted" },
	{ "flag-and-file", doctor_check_flag_and_file,
		"no setting is both on dockerd's command line and in daemon.json: dockerd refuses to "
		"start with both",
		"remove it from the command line (systemctl cat docker, /etc/default/docker)" },
	{ "flag-only", doctor_check_flag_only,
		"daemon.json names dsp, not the command line alone: the first SIGHUP to dockerd "
		"(systemctl reload docker) removes what only the command line names",
		"remove --authorization-plugin from dockerd's command line, restart dockerd, then "
		"dsp enable" },
	{ "chain", doctor_check_chain,
		"each plugin that dockerd is configured to ask exists; with a missing one every "
		"request waits and fails, and dockerd exits at its next reload or start",
		"remove the missing plugin from authorization-plugins, and only then reload dockerd" },
	{ "namesake", doctor_check_namesake,
		"no managed plugin has dsp's name: dockerd asks an enabled one instead of dsp, and "
		"exits at its next reload or start because of a disabled one",
		"docker plugin rm -f dsp" },
	{ "second-socket", doctor_check_second_socket,
		"dsp's socket is where dockerd looks first for a plugin of this name",
		"stop the program that listens on the other socket, and remove that socket" },
	{ "spec-file", doctor_check_spec_file,
		"no .spec or .json file in /etc/docker/plugins or /usr/lib/docker/plugins has dsp's "
		"name: dockerd follows it while dsp's socket is missing",
		"remove the file" },
	{ "socket", doctor_check_socket,
		"dsp's socket belongs to root, has mode 0600, and no other user can replace it",
		"chown root and chmod 600 it; its directories belong to root, mode 0700 or 0755" },
	{ "one-dsp", doctor_check_one_dsp, "no other dspd runs",
		"stop the one that you do not need" },
	{ "same-version", doctor_check_same_version,
		"the running dspd and this program have the same version",
		"systemctl restart dsp.service" },
	{ "env-file", doctor_check_env_file,
		"the env file and its directories belong to root, and no other user can write them",
		"chown root and chmod go-w the files that are named" },
	{ "policy-file", doctor_check_policy_file,
		"the policy file and its directories belong to root, and no other user can write them",
		"chown root and chmod go-w the files that are named" },
	{ "readable", doctor_check_readable,
		"dspd's user can read the env file and the policy file",
		"chmod a+r the file, or chgrp it to dspd's group" },
	{ "on-disk", doctor_check_on_disk,
		"the settings on disk are valid, so that the next start or reload accepts them",
		"dsp check" },
	{ "pending", doctor_check_pending, "the settings on disk are the settings in force",
		"dsp reload" },
	{ "audit-log", doctor_check_audit_log,
		"dspd writes its audit log, and can write the one that the settings on disk name",
		"use a file in /var/log/dsp, or give dsp.service ReadWritePaths= for its directory" },
	{ "open-ways", doctor_check_open_ways,
		"no direct way to root on the host is open (profile guard leaves them open)",
		"dsp check lists them; DSP_PROFILE=hardened closes them" },
	{ "socket-unit", doctor_check_socket_unit,
		"dsp.socket is enabled, active and not masked, and systemd holds its socket",
		"systemctl unmask dsp.socket; systemctl enable --now dsp.socket" },
	{ "service-unit", doctor_check_service_unit,
		"dsp.service is enabled, active and not masked",
		"systemctl unmask dsp.service; systemctl enable --now dsp.service" },
	{ "sandbox", doctor_check_sandbox,
		"no drop-in weakens dsp.service: user _dsp, no new privileges, restarted always, with "
		"a watchdog",
		"systemctl revert dsp.service, or correct the drop-in" },
	{ "docker-unit", doctor_check_docker_unit,
		"docker.service does not require dsp's units: a restart of dsp would stop Docker",
		"use Wants= in the drop-in of docker.service; then systemctl daemon-reload" },
	{ "restart", doctor_check_restart, "something restarts dspd when it exits",
		"run dspd under a supervisor: Docker waits while dspd is down" },
	{ "version", doctor_check_version, "dsp's tables cover this version of dockerd",
		"update dsp, or dockerd" },
	{ "bodies", doctor_check_bodies,
		"dockerd shows plugins every body, or refuses it (29.3.1 and later; before: "
		"CVE-2024-41110, CVE-2026-34040); dsp denies a request whose hidden body matters",
		"update dockerd to 29.3.1 or later" },
	{ "grpc", doctor_check_grpc,
		"dockerd asks about every build: it does not serve HTTP/2, over which dockerd 29.2 and "
		"later ask no plugin",
		"start dockerd with " HTTP2_VARIABLE "=" HTTP2_OFF " in its environment" },
	{ "listeners", doctor_check_listeners,
		"dockerd verifies client certificates on its TCP listeners; without, every client "
		"there is anonymous",
		"--tlsverify with --tlscacert, --tlscert, --tlskey; or do not listen on TCP" },
	{ "docker-socket", doctor_check_docker_socket,
		"not every user of this machine can use Docker's sockets", "chmod 660 the socket" },
	{ "containerd", doctor_check_containerd,
		"only root can use containerd's sockets: a client of containerd needs no dockerd",
		"chmod 660 and chgrp root the socket; [grpc] uid and gid 0 in containerd's configuration" },
	{ "look-ups", doctor_check_lookups,
		"dspd sees mount sources as dockerd does: its look-up process runs, and can search "
		"every directory (CAP_DAC_READ_SEARCH)",
		"run dspd by dsp.service as it was shipped" },
	{ "resolver", doctor_check_resolver,
		"dspd knows dockerd's default runtime and seccomp profile: dsp-resolve answers it, as "
		"its own user without privileges, on a socket that only dspd can use",
		"systemctl status dsp-resolve.socket dsp-resolve.service" },
	{ "owners", doctor_check_owners,
		"dspd has read the owners of containers, networks and volumes, and can write them",
		"free the disk or repair the file, which dspd then finds out; dspd(8), OWNERS" },
	{ "grants", doctor_check_grants,
		"no open grant of dsp allow is a direct way to root on the host",
		"dsp grants lists them, dsp revoke ID ends one" },
	{ "asks", doctor_check_asks, "no request waits for root, by a rule with ask",
		"dsp pending lists them, dsp approve ID and dsp refuse ID answer one" },
	{ "gates", doctor_check_gates,
		"the socket of each gate exists, its group alone can connect, and a user of the policy "
		"file has its token",
		"dsp gate list; dsp-gate(8)" },
	{ "data-root", doctor_check_data_root,
		"dsp knows dockerd's data directory, where volumes and the state of a swarm are",
		"name it in DSP_DATA_ROOT" },
	{ "isolation", doctor_check_isolation,
		"what kind of dockerd this is: rootless, user namespaces, live restore", "" },
};

enum { CHECKS = sizeof(checks) / sizeof(checks[0]), COLUMN = 8 };

static const char *const words[] = {
	[CHECK_OK] = "ok",
	[CHECK_NOTE] = "note",
	[CHECK_UNKNOWN] = "unknown",
	[CHECK_WARNING] = "warning",
	[CHECK_FAULT] = "FAULT",
};

/* --- the report --------------------------------------------------------------------------------*/

struct arguments {
	const char *host;
	const char *socket;
	const char *file;
	bool all;
	bool json;
	bool list;
};

struct report {
	struct check_result results[CHECKS];
	size_t counts[CHECK_FAULT + 1]; /* how many checks have each state */
	enum check_state worst;
};

static const char *verdict_word(const struct report *r)
{
	if (r->worst == CHECK_FAULT)
		return "not protecting";
	if (r->worst == CHECK_WARNING)
		return "warnings";
	return r->worst == CHECK_UNKNOWN ? "unknown" : "healthy";
}

static int verdict_status(const struct report *r)
{
	if (r->worst == CHECK_FAULT)
		return EXIT_UNPROTECTED;
	return r->worst >= CHECK_UNKNOWN ? EXIT_FINDINGS : EXIT_FINE;
}

static const char *advice_of(const struct check *c, const struct check_result *result)
{
	if (result->state < CHECK_WARNING && result->advice.n == 0)
		return "";
	return result->advice.n > 0 ? result->advice.text : c->remedy;
}

/* Writes the advice: commands name the dockerd and the dsp that --host and --socket named. */
static void write_advice(const struct arguments *a, const char *advice, char *out, size_t cap)
{
	static const struct {
		struct span command;
		bool of_docker; /* its -H stands inside */
	} commands[] = { { SPAN_INIT("dsp enable"), false }, { SPAN_INIT("dsp doctor"), false },
		{ SPAN_INIT("docker plugin "), true } };
	struct line l;

	line_init(&l, out, cap);
	while (*advice) {
		size_t n = 0;

		for (size_t i = 0; a->host && i < sizeof(commands) / sizeof(commands[0]); i++) {
			struct span command = commands[i].command;

			if (!span_starts(span_of(advice), command))
				continue;
			n = command.n;
			if (commands[i].of_docker)
				line_add(&l, "docker -H %s plugin ", a->host);
			else
				line_add(&l, "%s --host %s", command.s, a->host);
		}
		if (n == 0)
			line_add_cut(&l, (struct span){ advice, n = 1 });
		advice += n;
	}
}

static void print_verdict(const struct report *r, bool root)
{
	static const char *const meaning[] = {
		[CHECK_OK] = "healthy: dockerd asks this dsp",
		[CHECK_NOTE] = "healthy: dockerd asks this dsp",
		[CHECK_UNKNOWN] = "unknown",
		[CHECK_WARNING] = "warnings",
		[CHECK_FAULT] = "NOT PROTECTING, or Docker does not work",
	};
	const char *before = " (";

	(void)printf("verdict: %s", meaning[r->worst]);
	for (size_t i = 0; i < CHECKS && r->worst >= CHECK_UNKNOWN; i++) {
		if (r->results[i].state != r->worst)
			continue;
		(void)printf("%s%s", before, checks[i].id);
		before = ", ";
	}
	(void)printf("%s%s\n", r->worst >= CHECK_UNKNOWN ? ")" : "",
		root ? "" : "; run dsp doctor as root: another user cannot see everything");
}

/* One finding: the state, the check, and a text in as many lines as a terminal needs. */
static void print_line(enum check_state state, const char *id, const char *text)
{
	static const enum output_shade shades[] = {
		[CHECK_OK] = OUTPUT_GOOD,
		[CHECK_NOTE] = OUTPUT_PLAIN,
		[CHECK_UNKNOWN] = OUTPUT_DOUBTFUL,
		[CHECK_WARNING] = OUTPUT_DOUBTFUL,
		[CHECK_FAULT] = OUTPUT_BAD,
	};
	char line[sizeof(((struct check_result *)NULL)->text_room) + 40];

	output_shaded(shades[state], span_of(words[state]));
	(void)printf("%*s", (int)(COLUMN - strlen(words[state])), "");
	(void)snprintf(line, sizeof(line), "%s: %s", id, text);
	output_wrapped(COLUMN, line);
}

/* The worst first, and in each state the most important first. all: also what is well. */
static void print_text(const struct report *r, const struct arguments *a, bool root)
{
	char advice[600];

	for (int state = CHECK_FAULT; state >= (a->all ? CHECK_OK : CHECK_NOTE); state--) {
		for (size_t i = 0; i < CHECKS; i++) {
			const struct check_result *result = &r->results[i];

			if (result->state != (enum check_state)state)
				continue;
			print_line((enum check_state)state, checks[i].id, result->text.text);
			write_advice(a, advice_of(&checks[i], result), advice, sizeof(advice));
			if (!advice[0])
				continue;
			(void)printf("%*s-> ", COLUMN, "");
			output_wrapped(COLUMN + 3, advice);
		}
	}
	if (!a->all && r->counts[CHECK_OK] > 0) {
		output_shaded(OUTPUT_GOOD, SPAN("ok"));
		(void)printf("      %zu checks found nothing wrong; dsp doctor --all lists them\n",
			r->counts[CHECK_OK]);
	}
	print_verdict(r, root);
}

/* As JSON and metrics have it. */
static const char *state_word(enum check_state state)
{
	return state == CHECK_FAULT ? "fault" : words[state];
}

static void print_json(const struct report *r, const struct arguments *a)
{
	char advice[600];

	json_auto_t *list = json_array();
	json_auto_t *all = NULL;

	for (size_t i = 0; i < CHECKS; i++) {
		const struct check_result *result = &r->results[i];

		write_advice(a, advice_of(&checks[i], result), advice, sizeof(advice));
		(void)json_array_append_new(list,
			json_pack("{s:s, s:s, s:s, s:s}", "id", checks[i].id, "state",
				state_word(result->state), "text", result->text.text, "advice",
				advice));
	}
	all = json_pack("{s:s, s:i, s:O}", "verdict", verdict_word(r), "status", verdict_status(r),
		"checks", list);
	output_json(all);
}

static void write_metric_head(struct line *l, const struct metric_info *m)
{
	line_add(l, "# TYPE %s %s\n# HELP %s %s\n", m->name, m->type, m->name, m->what);
}

/* Writes the states for node_exporter. -1 and e, as file_replace. */
static int write_textfile(const struct report *r, const char *path, struct err *e)
{
	enum { ROOM = 8 << 10 };
	const struct metric_info *finding = metric_info(METRIC_DOCTOR_FINDING);
	const struct metric_info *end = metric_info(METRIC_DOCTOR_RUN_SECONDS);
	AUTO_MEM char *text = mem_alloc(ROOM);
	struct line l;

	if (!text)
		return FAIL(e, 0, "out of memory");
	line_init(&l, text, ROOM);
	write_metric_head(&l, finding);
	for (size_t i = 0; i < CHECKS; i++)
		line_add(&l, "%s{check=\"%s\",state=\"%s\"} 1\n", finding->name, checks[i].id,
			state_word(r->results[i].state));
	write_metric_head(&l, end);
	line_add(&l, "%s %llu\n", end->name, (unsigned long long)(clock_date_us() / 1000000));
	return file_replace(path, text, l.n, e);
}

static void examine(struct doctor *d, struct report *r)
{
	doctor_survey(d);
	for (size_t i = 0; i < CHECKS; i++) {
		struct check_result *result = &r->results[i];

		check_result_init(result);
		checks[i].run(d, result);
		r->counts[result->state]++;
		if (result->state > r->worst)
			r->worst = result->state;
	}
	doctor_free(d);
}

/* --- the command -------------------------------------------------------------------------------*/

static int print_list(bool json)
{
	json_auto_t *list = json_array();

	for (size_t i = 0; i < CHECKS; i++) {
		const struct check *c = &checks[i];

		if (json)
			(void)json_array_append_new(list,
				json_pack("{s:s, s:s, s:s}", "id", c->id, "what", c->what, "remedy",
					c->remedy));
		else
			(void)printf("%s\t%s\t%s\n", c->id, c->what, c->remedy);
	}
	if (json) {
		json_auto_t *o = json_pack("{s:O}", "checks", list);

		output_json(o);
	}
	return EXIT_FINE;
}

static const struct option options[] = { { "host", required_argument, NULL, 'h' },
	{ "socket", required_argument, NULL, 's' }, { "all", no_argument, NULL, 'a' },
	{ "json", no_argument, NULL, 'j' }, { "list", no_argument, NULL, 'l' },
	{ "textfile", required_argument, NULL, 'f' }, { NULL, 0, NULL, 0 } };

static int parse_arguments(struct arguments *a, int argc, char **argv)
{
	int o;

	while ((o = command_option(&doctor_command, argc, argv)) != -1) {
		if (o == 'h')
			a->host = optarg;
		else if (o == 's')
			a->socket = optarg;
		else if (o == 'a')
			a->all = true;
		else if (o == 'j')
			a->json = true;
		else if (o == 'f')
			a->file = optarg;
		else if (o == 'l')
			a->list = true;
		else
			return EXIT_USAGE;
	}
	if (optind < argc)
		return command_usage("doctor", "%s: unexpected argument", argv[optind]);
	if (a->host && strncmp(a->host, "unix:///", 8) != 0)
		return command_usage("doctor", "--host %s: it must be unix:///PATH", a->host);
	if (a->socket && (a->socket[0] != '/' || strlen(a->socket) >= 256))
		return command_usage(
			"doctor", "--socket %s: it must be an absolute path", a->socket);
	return 0;
}

static int run_doctor(int argc, char **argv)
{
	struct arguments a = { .host = NULL };
	int rc = parse_arguments(&a, argc, argv);
	AUTO_MEM struct doctor *d = NULL;
	AUTO_MEM struct report *r = NULL;
	struct err e;
	int written;

	if (rc != 0)
		return rc;
	if (a.list)
		return print_list(a.json);
	d = mem_array(1, sizeof(*d));
	r = mem_array(1, sizeof(*r));
	if (!d || !r) {
		(void)fprintf(stderr, "dsp doctor: out of memory\n");
		return EXIT_FINDINGS;
	}
	d->host = a.host;
	d->root = geteuid() == 0;
	if (a.socket)
		text_copy(span_of(a.socket), d->socket, sizeof(d->socket));
	examine(d, r);
	written = a.file ? write_textfile(r, a.file, &e) : 0;
	if (written != 0)
		(void)fprintf(stderr, "dsp doctor: %s\n", e.text);
	if (a.json)
		print_json(r, &a);
	else
		print_text(r, &a, geteuid() == 0);
	return written == 0 ? verdict_status(r) : EXIT_USAGE;
}

const struct command doctor_command = {
	.name = "doctor",
	.arguments = "[--host unix:///PATH] [--socket PATH] [--all] [--json] [--list] "
		     "[--textfile FILE]",
	.run = run_doctor,
	.options = options,
	.summary = "check that dockerd asks dsp, that dsp works, and list weak spots",
	.help = "  --host unix:///PATH  dockerd's socket (DOCKER_HOST; default: the usual one)\n"
		"  --socket PATH        dsp's socket (default " SETTINGS_SOCKET ", or that of the\n"
		"                       managed plugin dsp)\n"
		"  --all                also print the checks that found nothing wrong\n"
		"  --json               print JSON\n"
		"  --textfile FILE      also write the state of each check to FILE, for node_exporter\n"
		"  --list               print the table of checks: name, what is true when the check\n"
		"                       passes, what to do otherwise; with tabs between them\n"
		"\n"
		"It changes nothing, and waits at most some seconds. It prints the worst first: FAULT,\n"
		"warning, unknown (it cannot see this), note; and after an arrow what to do.\n"
		"Status 0: healthy; 1: a warning, or something is unknown (as without root); 3: a FAULT:\n"
		"dockerd does not ask this dsp, dsp does not answer, is in monitor mode, or can be\n"
		"bypassed now; 2: wrong usage, or FILE cannot be written.\n",
};
