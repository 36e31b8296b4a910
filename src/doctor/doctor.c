/* dsp doctor: the table of checks, and the report of their results. */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dsp/config/output.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/policy/settings.h"

struct check {
	const char *id;
	doctor_check *run;
	const char *what;   /* what is true when the check passes */
	const char *remedy; /* what to do otherwise, unless the check advises something better */
};

/* The most important first; `dsp doctor --list` and the manual print them in this order. */
static const struct check checks[] = {
	{ "asked", doctor_check_asked,
		"dockerd asks this dsp: a GET /_ping with a nonce, sent through dockerd, comes to "
		"dsp's socket; docker info is no proof",
		"dsp enable" },
	{ "dockerd", doctor_check_dockerd, "one dockerd runs here and answers on its socket",
		"see its log; --host unix:///PATH says which one is meant" },
	{ "serving", doctor_check_serving, "dsp answers on its socket as a plugin must",
		"systemctl restart dsp.socket dsp.service" },
	{ "settings", doctor_check_settings,
		"the settings in force are good; with broken ones dsp denies everything",
		"dsp check says what is wrong; then dsp reload" },
	{ "monitor-mode", doctor_check_monitor,
		"denials are enforced; in monitor mode they are only recorded",
		"take DSP_MODE=monitor or \"mode\": \"monitor\" away; then dsp reload" },
	{ "named", doctor_check_named, "daemon.json or dockerd's command line names dsp",
		"dsp enable" },
	{ "daemon-json", doctor_check_daemon_json,
		"daemon.json can be read, is JSON without duplicate keys, and its "
		"authorization-plugins is a list of names in no other spelling",
		"mend it by hand, before dockerd is started again" },
	{ "flag-and-file", doctor_check_flag_and_file,
		"nothing stands both on dockerd's command line and in daemon.json: dockerd then "
		"refuses to start",
		"take it off the command line (systemctl cat docker, /etc/default/docker)" },
	{ "flag-only", doctor_check_flag_only,
		"dsp is not named by the command line alone: the first SIGHUP to dockerd (systemctl "
		"reload docker) drops it without a word",
		"take --authorization-plugin off dockerd's command line, restart it, then dsp enable" },
	{ "chain", doctor_check_chain,
		"each plugin that dockerd is told to ask is there; a missing one makes every call wait "
		"and fail, and dockerd end at the next reload or start",
		"take what is not there out of authorization-plugins, and only then reload dockerd" },
	{ "namesake", doctor_check_namesake,
		"no managed plugin has dsp's name, enabled or not: dockerd asks an enabled one "
		"instead, and ends at the next reload or start because of a disabled one",
		"docker plugin rm -f dsp" },
	{ "second-socket", doctor_check_second_socket,
		"dsp's socket is where dockerd looks first for a plugin of its name",
		"stop what serves the other socket, and remove it" },
	{ "spec-file", doctor_check_spec_file,
		"no .spec or .json file of dsp's name in /etc/docker/plugins or "
		"/usr/lib/docker/plugins: dockerd goes by it while the socket is away",
		"remove the file" },
	{ "socket", doctor_check_socket,
		"dsp's socket is root's with mode 0600, and nobody else can replace it",
		"chmod 600 and chown root it; its directories are root's, mode 0700 or 0755" },
	{ "one-dsp", doctor_check_one_dsp, "no other dsp serves",
		"stop the one that is not wanted" },
	{ "same-version", doctor_check_same_version,
		"the dsp that serves is of this program's version",
		"systemctl restart dsp.service" },
	{ "env-file", doctor_check_env_file,
		"the env file and its directories are root's, and writable for nobody else",
		"chown root and chmod go-w what is named" },
	{ "policy-file", doctor_check_policy_file,
		"the policy file and its directories are root's, and writable for nobody else",
		"chown root and chmod go-w what is named" },
	{ "readable", doctor_check_readable, "the user as whom dsp serves can read both files",
		"chmod a+r the file, or chgrp it to dsp's user" },
	{ "on-disk", doctor_check_on_disk,
		"the settings on disk are good, so that the next start or reload takes them",
		"dsp check" },
	{ "pending", doctor_check_pending, "what is on disk is what is in force", "dsp reload" },
	{ "open-ways", doctor_check_open_ways,
		"no direct way to root on the host stays open (profile guard leaves them open)",
		"dsp check lists them; DSP_PROFILE=hardened closes them" },
	{ "socket-unit", doctor_check_socket_unit,
		"dsp.socket is enabled, active and not masked, and systemd holds its socket",
		"systemctl unmask dsp.socket; systemctl enable --now dsp.socket" },
	{ "service-unit", doctor_check_service_unit,
		"dsp.service is enabled, active and not masked",
		"systemctl unmask dsp.service; systemctl enable --now dsp.service" },
	{ "sandbox", doctor_check_sandbox,
		"no drop-in makes dsp.service weaker: user _dsp, no new privileges, restarted "
		"always, watched",
		"systemctl revert dsp.service, or mend the drop-in" },
	{ "docker-unit", doctor_check_docker_unit,
		"docker.service does not require dsp's units: a restart of theirs would stop Docker",
		"make it Wants= in the drop-in of docker.service; systemctl daemon-reload" },
	{ "restart", doctor_check_restart, "something starts dsp again when it dies",
		"have a supervisor run dspd: Docker waits for as long as dsp is away" },
	{ "version", doctor_check_version, "dockerd's version is one that dsp's tables know",
		"update dsp, or dockerd" },
	{ "bodies", doctor_check_bodies,
		"dockerd shows plugins every body, or refuses it (29.3.1 and later; CVE-2024-41110, "
		"CVE-2026-34040 before); what dsp is not shown it denies where it matters",
		"update dockerd to 29.3.1 or later" },
	{ "grpc", doctor_check_grpc,
		"dockerd asks about builds over HTTP/2 too; from 29.2 on it does not, whatever the "
		"policy says",
		"let only those reach Docker's socket who may build" },
	{ "listeners", doctor_check_listeners,
		"dockerd asks the clients of its TCP listeners for certificates: without, anybody "
		"who reaches it is anonymous",
		"--tlsverify with --tlscacert, --tlscert, --tlskey; or listen on no TCP" },
	{ "docker-socket", doctor_check_docker_socket,
		"Docker's sockets are not open to all users of the machine",
		"chmod 660 the socket" },
	{ "containerd", doctor_check_containerd,
		"containerd's sockets are root's alone: who reaches them needs no dockerd",
		"chmod 660 and chgrp root the socket; [grpc] uid and gid 0 in containerd's configuration" },
	{ "look-ups", doctor_check_lookups,
		"dsp sees the sources of mounts as dockerd will: its look-up process runs, and may "
		"search every directory (CAP_DAC_READ_SEARCH)",
		"run dsp by dsp.service as it was shipped" },
	{ "isolation", doctor_check_isolation,
		"what kind of dockerd it is: rootless, user namespaces, live restore", "" },
};

enum { CHECKS = sizeof(checks) / sizeof(checks[0]) };

static const char *const words[] = {
	[CHECK_OK] = "ok",
	[CHECK_NOTE] = "note",
	[CHECK_UNKNOWN] = "unknown",
	[CHECK_WARNING] = "warning",
	[CHECK_FAULT] = "FAULT",
};

/* --- the report --------------------------------------------------------------------------------*/

/* The worst state, and the checks that found it. */
struct sum {
	enum check_state worst;
	struct line which;
	char room[400];
};

static void count_in(struct sum *v, const struct check *c, enum check_state state)
{
	if (state < v->worst || state < CHECK_UNKNOWN)
		return;
	if (state > v->worst)
		line_init(&v->which, v->room, sizeof(v->room));
	v->worst = state;
	line_add(&v->which, "%s%s", v->which.n > 0 ? ", " : "", c->id);
}

static const char *sum_word(const struct sum *v)
{
	if (v->worst == CHECK_FAULT)
		return "not protecting";
	if (v->worst == CHECK_WARNING)
		return "warnings";
	return v->worst == CHECK_UNKNOWN ? "unknown" : "healthy";
}

static int sum_status(const struct sum *v)
{
	if (v->worst == CHECK_FAULT)
		return EXIT_UNPROTECTED;
	return v->worst >= CHECK_UNKNOWN ? EXIT_FINDINGS : EXIT_FINE;
}

static const char *advice_of(const struct check *c, const struct check_result *result)
{
	if (result->state < CHECK_WARNING && result->advice.n == 0)
		return "";
	return result->advice.n > 0 ? result->advice.text : c->remedy;
}

static void print_line(const struct check *c, const struct check_result *result)
{
	const char *advice = advice_of(c, result);

	(void)printf("%-8s%-14s %s%s%s\n", words[result->state], c->id, result->text.text,
		advice[0] ? " -> " : "", advice);
}

static void print_verdict(const struct sum *v, bool root)
{
	static const char *const meaning[] = {
		[CHECK_OK] = "healthy: dockerd asks this dsp",
		[CHECK_NOTE] = "healthy: dockerd asks this dsp",
		[CHECK_UNKNOWN] = "not known to be healthy",
		[CHECK_WARNING] = "warnings",
		[CHECK_FAULT] = "NOT PROTECTING, or Docker does not work",
	};

	(void)printf("verdict: %s", meaning[v->worst]);
	if (v->which.n > 0)
		(void)printf(" (%s)", v->which.text);
	(void)printf("%s\n", root ? "" : "; run it as root: much could not be looked at");
}

static json_t *as_json(const struct check *c, const struct check_result *result)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "id", c->id, "state",
		result->state == CHECK_FAULT ? "fault" : words[result->state], "text",
		result->text.text, "advice", advice_of(c, result));
}

static void print_json(const struct sum *v, json_t *list)
{
	json_auto_t *all = json_pack(
		"{s:s, s:i, s:O}", "verdict", sum_word(v), "status", sum_status(v), "checks", list);

	output_json(all);
}

static int examine(struct doctor *d, bool json)
{
	json_auto_t *list = json_array();
	struct sum v = { .worst = CHECK_OK };

	line_init(&v.which, v.room, sizeof(v.room));
	doctor_survey(d);
	for (size_t i = 0; i < CHECKS; i++) {
		struct check_result result;

		check_result_init(&result);
		checks[i].run(d, &result);
		count_in(&v, &checks[i], result.state);
		if (json)
			(void)json_array_append_new(list, as_json(&checks[i], &result));
		else
			print_line(&checks[i], &result);
	}
	if (json)
		print_json(&v, list);
	else
		print_verdict(&v, d->root);
	doctor_free(d);
	return sum_status(&v);
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
	if (json)
		output_json(list);
	return EXIT_FINE;
}

struct arguments {
	const char *host;
	const char *socket;
	bool json;
	bool list;
};

static const struct option options[] = { { "host", required_argument, NULL, 'h' },
	{ "socket", required_argument, NULL, 's' }, { "json", no_argument, NULL, 'j' },
	{ "list", no_argument, NULL, 'l' }, { NULL, 0, NULL, 0 } };

static int parse_arguments(struct arguments *a, int argc, char **argv)
{
	int o;

	while ((o = command_option(&doctor_command, argc, argv)) != -1) {
		if (o == 'h')
			a->host = optarg;
		else if (o == 's')
			a->socket = optarg;
		else if (o == 'j')
			a->json = true;
		else if (o == 'l')
			a->list = true;
		else
			return EXIT_USAGE;
	}
	if (optind < argc)
		return command_usage("doctor", "%s: not expected", argv[optind]);
	if (a->host && strncmp(a->host, "unix:///", 8) != 0)
		return command_usage("doctor", "--host %s: it may be unix:///PATH", a->host);
	if (a->socket && (a->socket[0] != '/' || strlen(a->socket) >= 256))
		return command_usage(
			"doctor", "--socket %s: it may be an absolute path", a->socket);
	return 0;
}

static int run_doctor(int argc, char **argv)
{
	struct arguments a = { .host = NULL };
	int rc = parse_arguments(&a, argc, argv);
	AUTO_MEM struct doctor *d = NULL;

	if (rc != 0)
		return rc;
	if (a.list)
		return print_list(a.json);
	d = mem_array(1, sizeof(*d));
	if (!d) {
		(void)fprintf(stderr, "dsp doctor: out of memory\n");
		return EXIT_FINDINGS;
	}
	d->host = a.host;
	d->root = geteuid() == 0;
	if (a.socket)
		text_copy(span_of(a.socket), d->socket, sizeof(d->socket));
	return examine(d, a.json);
}

const struct command doctor_command = {
	.name = "doctor",
	.arguments = "[--host unix:///PATH] [--socket PATH] [--json] [--list]",
	.run = run_doctor,
	.options = options,
	.summary = "look whether dsp is asked and well, and what is wrong or weak",
	.help = "  --host unix:///PATH  dockerd's socket (DOCKER_HOST; default: the usual one)\n"
		"  --socket PATH        dsp's socket (default " SETTINGS_SOCKET ", or that of the\n"
		"                       managed plugin dsp)\n"
		"  --json               print JSON\n"
		"  --list               print the checks: name, what is so when all is well, what to\n"
		"                       do when not; tabs between them\n"
		"\n"
		"It changes nothing, and no wait is long. One line a check: ok, note, unknown (it could not\n"
		"be looked at), warning or FAULT, and after an arrow what to do.\n"
		"Status 0: healthy; 1: a warning, or something is unknown (without root, for instance);\n"
		"3: a FAULT: dockerd does not ask this dsp, asks it in vain, or only in monitor mode, or\n"
		"it can be bypassed right now; 2: wrong usage.\n",
};
