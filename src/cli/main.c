#include <stdio.h>
#include <string.h>

#include "dsp/config/command.h"
#include "dsp/core/base/version.h"
#include "dsp/core/policy/settings.h"

/* Of enable and disable. */
#define TURN_OPTIONS                                                                               \
	"  --host unix://PATH  the API of the dockerd that is meant (DOCKER_HOST)\n"               \
	"  --socket PATH       dsp's socket (DSP_SOCKET; default " SETTINGS_SOCKET ")\n"           \
	"  --name NAME         the plugin's name (default: the socket's)\n"                        \
	"  --dry-run           look at everything, show the change, and make none\n"               \
	"  --json              print JSON\n"

static const struct command {
	const char *name;
	const char *arguments;
	int (*run)(int argc, char **argv);
	const char *what;
	const char *more;
} commands[] = {
	{ "explain",
		"METHOD TARGET [--body FILE|-] [--header 'K: V']... [--user NAME|--as NAME] [--policy FILE] [--env-file FILE] [--json]",
		cli_explain, "show how one request is read and decided under the current settings",
		"  --body FILE      the request's body; alone it implies JSON and its length\n"
		"  --header 'K: V'  a header as the client sends it; may be given again\n"
		"  --user NAME      the name in the client's TLS certificate\n"
		"  --as NAME        a user of the policy file, or anonymous, whatever the request says\n"
		"  --request FILE   a recorded AuthZReq instead of METHOD and TARGET\n"
		"  --socket PATH    the plugin socket, which names the plugin\n"
		"  --policy FILE    the policy file (DSP_POLICY)\n"
		"  --env-file FILE  take the flags from FILE, not from the environment\n"
		"  --managed        as the managed plugin would: mount sources are hidden from it\n"
		"  --json           print JSON\n"
		"\n"
		"Without a body and headers the request has Content-Length: 0.\n"
		"Status 0: allowed; 1: denied; 78: the settings are broken.\n" },
	{ "check", "[POLICY] [--fail-on escape] [--json] [--env-file FILE]", cli_check,
		"check the settings, and say which ways to root on the host stay open",
		"  POLICY            the policy file (or --policy FILE, DSP_POLICY)\n"
		"  --fail-on escape  status 1 when a direct way to root stays open\n"
		"  --json            print JSON\n"
		"  --env-file FILE   take the flags from FILE, not from the environment\n"
		"\n"
		"Status 0: well-formed; 1: a finding in settings or policy, or what --fail-on names.\n" },
	{ "list",
		"flags|operations|powers|profiles [--current] [--json|--markdown] [--policy FILE] [--env-file FILE]",
		cli_list, "print what dsp knows, and with --current what the settings make of it",
		"  --current        add what the current settings say\n"
		"  --json           print JSON\n"
		"  --markdown       print a Markdown table\n"
		"  --policy FILE    the policy file (DSP_POLICY)\n"
		"  --env-file FILE  take the flags from FILE, not from the environment\n" },
	{ "who-can", "OPERATION|POWER [--on DETAIL] [--json] [--policy FILE] [--env-file FILE]",
		cli_who_can, "print for whom an operation or a power would be allowed, and by what",
		"  --on DETAIL      a mount (/srv/x, /srv/x:ro), device, CAP_NAME, port or image; with\n"
		"                   its kind before it where the form does not tell: network:x, runtime:x\n"
		"  --json           print JSON\n"
		"  --policy FILE    the policy file (DSP_POLICY)\n"
		"  --env-file FILE  take the flags from FILE, not from the environment\n"
		"  --managed        as the managed plugin would: mount sources are hidden from it\n"
		"\n"
		"Status 0: somebody may; 1: nobody; 78: the settings are broken.\n" },
	{ "test", "FILE [--policy FILE] [--socket PATH] [--env-file FILE]", cli_test,
		"run a policy's own tests: requests, and what it must say to each",
		"  --policy FILE    the policy file (DSP_POLICY)\n"
		"  --socket PATH    the plugin socket, which names the plugin\n"
		"  --env-file FILE  take the flags from FILE, not from the environment\n"
		"  --managed        as the managed plugin would: mount sources are hidden from it\n"
		"\n"
		"FILE is a JSON list of objects: name, method, target, expect (\"allow\" or \"deny\"), and\n"
		"as they are wanted: as (a user of the policy, or anonymous), user (the name in a\n"
		"certificate), token, headers (an object), body (JSON, or a string for any bytes); reason,\n"
		"rule (null: none), powers. What monitor mode would deny is a \"deny\".\n"
		"Status 0: all passed; 1: some failed; 2: FILE is wrong; 78: the settings are broken.\n" },
	{ "suggest",
		"[LOG|-]... [--flags|--policy] [--profile PROFILE] [--user NAME] [--users FILE] [--accept POWER,...] [--include-denied] [--exact] [--tests FILE] [--json]",
		cli_suggest,
		"from an audit trail to the flags, or a policy, that what it tells of needs",
		"  --flags            print an env file: the least flags (the default)\n"
		"  --policy           print a policy file: rules for each user\n"
		"  --profile PROFILE  what unset flags mean (default: the profile of the trail)\n"
		"  --user NAME        only what this subject of the trail asked for\n"
		"  --users FILE       a policy file whose users are taken over: a trail does not tell their\n"
		"                     certificates and tokens\n"
		"  --accept POWER     powers, comma separated, that make root on the host directly, and may\n"
		"                     be suggested all the same\n"
		"  --include-denied   what was denied was wanted too\n"
		"  --exact            lists of images and mounts are not widened\n"
		"  --tests FILE       write tests of the suggestion to FILE, for dsp test\n"
		"  --json             print JSON\n"
		"\n"
		"The trail must have reads too: DSP_AUDIT_LOG=all, best with DSP_MODE=monitor. The result\n"
		"is tried before it is printed: it allows all that was seen, and no part of it is without\n"
		"use. What a person must know besides is told on standard error. A trail holds no bodies:\n"
		"requests are judged by the powers and details that its lines tell.\n"
		"Status 0: printed; 1: refused, or not possible, and why.\n" },
	{ "watch",
		"[--denied] [--changes] [--verdict allow|deny|would] [--user NAME] [--operation GLOB] [--power POWER] [--outcomes] [--json] [--for SECONDS] [--no-color] [--learn] [--socket PATH]",
		cli_watch, "show what the dsp that serves decides, as it decides it",
		"  --denied          only what is denied, or would be but for monitor mode\n"
		"  --changes         only what changes something, and what is denied\n"
		"  --verdict allow|deny|would  only one of these; would: be denied, but for monitor mode\n"
		"  --user NAME       only what this subject asks for: a user, cn:NAME, anonymous\n"
		"  --operation GLOB  only operations of this name: container_*\n"
		"  --power POWER     only what asks for this power\n"
		"  --outcomes        and what became of it: dockerd's status, where it tells one, or ended\n"
		"  --json            print lines as an audit trail has them, each at once; with --learn the\n"
		"                    suggestion as JSON\n"
		"  --for SECONDS     end after so long\n"
		"  --no-color        without colours (or NO_COLOR)\n"
		"  --learn           show it on standard error, and at the end print the flags or the policy that\n"
		"                    all of it needs, as dsp suggest does, with its options:\n"
		"  --flags           print an env file (the default)\n"
		"  --policy          print a policy file\n"
		"  --profile PROFILE  what unset flags mean\n"
		"  --users FILE      a policy file whose users are taken over\n"
		"  --accept POWER    powers, comma separated, that make root on the host directly\n"
		"  --include-denied  what was denied was wanted too\n"
		"  --exact           lists are not widened\n"
		"  --tests FILE      write tests of the suggestion to FILE\n"
		"  --incomplete      suggest something although lines were lost\n"
		"  --socket PATH     its socket (DSP_SOCKET; default " SETTINGS_SOCKET ")\n"
		"\n"
		"All decisions are shown, whatever the audit trail is set to. A line that comes again within\n"
		"a second is counted. dsp keeps what comes between two looks in 1 MiB, and only while somebody\n"
		"looks; what is lost all the same is counted and told, and no decision ever waits for it.\n"
		"When dsp is started anew, watching goes on. Ctrl-C ends it with a summary.\n"
		"Status 0: ended by SIGINT, SIGTERM or --for; 1: no dsp answers at the start, or nothing is\n"
		"suggested.\n" },
	{ "status", "[--asked] [--socket PATH] [--json]", cli_status,
		"ask the dsp that serves what is in force",
		"  --asked        and whether this machine's dockerd asks it: a ping is sent to dockerd, which\n"
		"                 this dsp must see; as root\n"
		"  --socket PATH  its socket (DSP_SOCKET; default " SETTINGS_SOCKET ")\n"
		"  --json         print JSON\n"
		"\n"
		"Status 0: it serves; 1: no answer, or its settings are broken and it denies everything; 3:\n"
		"it serves, and dockerd does not ask it.\n" },
	{ "reload", "[--socket PATH] [--json]", cli_reload,
		"have the dsp that serves read its env file and its policy file again",
		"  --socket PATH  its socket (DSP_SOCKET; default " SETTINGS_SOCKET ")\n"
		"  --json         print JSON\n"
		"\n"
		"Status 0: the new settings are in force; 1: they are wrong and the old ones stay, or no\n"
		"answer. SIGHUP does the same, and tells the log alone.\n" },
	{ "metrics", "[--text] [--textfile FILE] [--http] [--socket PATH]", cli_metrics,
		"ask the dsp that serves for its numbers, for monitoring",
		"  --text           Prometheus' text format; without it OpenMetrics\n"
		"  --textfile FILE  write the text format to FILE, for node_exporter: whole or not at all\n"
		"  --http           answer one GET /metrics on standard input, as a socket unit with\n"
		"                   Accept=yes hands it over: dsp(8) has one\n"
		"  --socket PATH    its socket (DSP_SOCKET; default " SETTINGS_SOCKET ")\n"
		"\n"
		"When dsp does not answer, FILE and --http say dsp_up 0; but for --http the status is 1.\n" },
	{ "health", "[--socket PATH]", cli_health,
		"say in one line whether the dsp that serves is well, for a monitoring system",
		"  --socket PATH  its socket (DSP_SOCKET; default " SETTINGS_SOCKET ")\n"
		"\n"
		"It asks dsp alone, and waits 2 seconds at most; dsp doctor looks at dockerd too.\n"
		"Status 0: it answers and is well, or is in monitor mode, which the line says; 1: no answer,\n"
		"its settings are broken, or its audit trail is stuck.\n" },
	{ "doctor", "[--host unix:///PATH] [--socket PATH] [--json] [--list]", cli_doctor,
		"look whether dsp is asked and well, and what is wrong or weak",
		"  --host unix:///PATH  dockerd's socket (DOCKER_HOST; default: the usual one)\n"
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
		"it can be bypassed right now; 2: wrong usage.\n" },
	{ "report", "[--since TIME] [--until TIME] [--title TEXT] [TRAIL...]", cli_report,
		"make a page (HTML) of an audit trail: who did what, what was refused and why",
		"  --since TIME  only what was decided from then on: 2026-11-25, or 2026-11-25T10:00\n"
		"  --until TIME  and before then\n"
		"  --title TEXT  the page's title\n"
		"\n"
		"TRAIL are files of an audit trail, oldest first; - or none: standard input. The page goes\n"
		"to standard output. It needs nothing from elsewhere, and runs nothing.\n"
		"Status 0: made; 1: a line that is none of a trail, or a failure.\n" },
	{ "token", "new NAME | hash", cli_token,
		"make a token for a user of the policy file, or hash one",
		"  new NAME  print a fresh token, its line for the policy file, and the Docker CLI\n"
		"            configuration that sends it\n"
		"  hash      read a token from standard input, print what the policy file holds of it\n"
		"\n"
		"A token is shown once and stored nowhere.\n" },
	{ "enable", "[--host unix://PATH] [--socket PATH] [--name NAME] [--dry-run] [--json]",
		cli_enable, "have dockerd ask dsp, and prove that it does",
		TURN_OPTIONS
		"\n"
		"Adds dsp to \"authorization-plugins\" in dockerd's daemon.json, sends dockerd SIGHUP, and\n"
		"sends a probe through its API that must reach dsp; else everything is put back. dockerd\n"
		"then reads all of daemon.json again: other changes that wait there come into force too.\n"
		"Status 0: done, or done before; 1: refused or put back, and why.\n" },
	{ "disable", "[--host unix://PATH] [--socket PATH] [--name NAME] [--dry-run] [--json]",
		cli_disable, "have dockerd ask dsp no more, whether dsp lives or not",
		TURN_OPTIONS
		"\n"
		"Takes dsp out of daemon.json, which is what it was before dsp enable, byte for byte, where\n"
		"nothing else has changed in it; sends dockerd SIGHUP, and proves that it answers without\n"
		"asking dsp. Containers go on running, dockerd is not restarted.\n"
		"Status 0: done, or done before; 1: refused or not proven, and why.\n" },
	{ "version", "", cli_version, "print the version", "" },
	{ "help", "[COMMAND]", cli_help, "explain a command", "" },
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static void print_overview(FILE *to)
{
	(void)fprintf(to, "dsp: a Docker authorization plugin. Usage:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		(void)fprintf(to, "  dsp %-8s %s\n", commands[i].name, commands[i].what);
	(void)fprintf(to, "dsp help COMMAND tells more.\n");
}

int cli_version(int argc, char **argv)
{
	if (argc > 1)
		return cli_usage("version", "%s: not expected", argv[1]);
	(void)printf("dsp %s\n", DSP_VERSION);
	return EXIT_FINE;
}

int cli_help(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		print_overview(stdout);
		return EXIT_FINE;
	}
	c = find(argv[1]);
	if (!c || argc > 2)
		return cli_usage("help", "%s: no such command", argv[argc - 1]);
	(void)printf("usage: dsp %s %s\n%s\n%s%s", c->name, c->arguments, c->what,
		c->more[0] ? "\n" : "", c->more);
	return EXIT_FINE;
}

int main(int argc, char **argv)
{
	const struct command *c = NULL;

	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return cli_help(1, argv);
	if (argc >= 2 && strcmp(argv[1], "--version") == 0)
		return cli_version(1, argv);
	if (argc >= 2)
		c = find(argv[1]);
	if (!c) {
		if (argc >= 2)
			(void)fprintf(stderr, "dsp: %s: no such command\n", argv[1]);
		print_overview(stderr);
		return EXIT_USAGE;
	}
	if (argc == 3 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0))
		return cli_help(2, argv);
	/* Output that could not be written is a failure: it may be a check's result. */
	int status = c->run(argc - 1, argv + 1);

	if (fflush(stdout) != 0 && status == EXIT_FINE)
		status = EXIT_FINDINGS;
	return status;
}
