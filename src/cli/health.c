/* One line and a status for monitoring systems: does the running dspd work? */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/settings.h"
#include "dsp/dockerd/dockerd_api.h"
#include "dsp/protocol/http_client.h"
#include "dsp/protocol/protocol.h"

enum { WAIT_MS = 2000 };

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

/* What is to be printed about a dspd. */
struct health {
	bool ok;
	enum probe_result asked;
	char text[480];
};

static int set_critical(struct health *h, const char *what, const char *why)
{
	char shown[400];

	/* What another process said may hold anything; this is to be one line. */
	text_escape(span_of(why), shown, sizeof(shown));
	h->ok = false;
	(void)snprintf(
		h->text, sizeof(h->text), "%s%s%s", what, shown[0] != '\0' ? ": " : "", shown);
	return EXIT_FINDINGS;
}

static const char *asked_text(enum probe_result asked, const struct err *e)
{
	if (asked == PROBE_ASKED)
		return "dockerd asks it";
	return e->code == EPERM ? "run as root to check that dockerd asks it"
				: "no dockerd runs on this machine, so nothing asks it";
}

static int check_health(const char *host, const char *socket, struct health *h)
{
	struct err e;
	int status = 0;
	json_auto_t *o = http_client_ask_dsp(socket, ENDPOINT_STATUS, WAIT_MS, &status, &e);
	const char *trouble;
	char version[40];
	char profile[40];

	if (!o)
		return set_critical(h, "dspd does not answer", e.text);
	if (status != 200 || !json_is_string(json_object_get(o, "version")))
		return set_critical(h, "the answer is not that of a dspd", text_of(o, "Err"));
	h->asked = dockerd_asks(host, socket, &e);
	/* Before broken settings: those would be said to deny every request. */
	if (h->asked == PROBE_NOT_ASKED)
		return set_critical(h,
			"dockerd does not ask dspd, so no request is denied; run dsp doctor", "");
	if (json_is_true(json_object_get(o, "broken")))
		return set_critical(h, "dsp denies every request because its settings are broken",
			text_of(o, "reason"));
	trouble = text_of(json_object_get(o, "audit"), "trouble");
	if (trouble[0] != '\0')
		return set_critical(h, "dspd cannot write the audit log", trouble);
	if (h->asked == PROBE_UNKNOWN && e.code != EPERM && e.code != ESRCH)
		return set_critical(h, "cannot find out whether dockerd asks dspd", e.text);
	text_escape(span_of(text_of(o, "version")), version, sizeof(version));
	text_escape(span_of(text_of(o, "profile")), profile, sizeof(profile));
	h->ok = h->asked == PROBE_ASKED || e.code == EPERM;
	(void)snprintf(h->text, sizeof(h->text), "dsp %s, profile %s, generation %lld; %s%s",
		version, profile, (long long)json_integer_value(json_object_get(o, "generation")),
		asked_text(h->asked, &e),
		strcmp(text_of(o, "mode"), "monitor") == 0 ? "; MONITOR MODE: nothing is denied"
							   : "");
	return h->ok ? EXIT_FINE : EXIT_FINDINGS;
}

static void print_health(const struct health *h, bool json)
{
	json_t *asked = h->asked == PROBE_UNKNOWN ? json_null()
						  : json_boolean(h->asked == PROBE_ASKED);
	json_auto_t *o = json_pack("{s:b, s:o, s:s}", "ok", h->ok, "asked", asked, "text", h->text);

	if (json)
		output_json(o);
	else
		(void)printf("%s: %s\n", h->ok ? "OK" : "CRITICAL", h->text);
}

static const struct option options[] = { { "socket", required_argument, NULL, 's' },
	{ "host", required_argument, NULL, 'H' }, { "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 } };

static int run_health(int argc, char **argv)
{
	const char *socket = NULL;
	const char *host = NULL;
	struct health h = { .asked = PROBE_UNKNOWN };
	bool json = false;
	int o;

	while ((o = command_option(&health_command, argc, argv)) != -1) {
		if (o == 's')
			socket = optarg;
		else if (o == 'H')
			host = optarg;
		else if (o == 'j')
			json = true;
		else
			return EXIT_USAGE;
	}
	if (optind < argc)
		return command_usage("health", "%s: not expected", argv[optind]);
	o = check_health(host, command_running_socket(socket), &h);
	print_health(&h, json);
	return o;
}

const struct command health_command = {
	.name = "health",
	.arguments = "[--json] [--host unix:///PATH] [--socket PATH]",
	.run = run_health,
	.options = options,
	.summary = "check in one line that dspd works and dockerd asks it, for a monitoring system",
	.help = "  --json               print JSON\n"
		"  --host unix:///PATH  dockerd's socket (DOCKER_HOST; default: the usual one)\n"
		"  --socket PATH        the socket of dspd (DSP_SOCKET; default\n"
		"                       " SETTINGS_SOCKET ", or that of the\n"
		"                       managed plugin dsp)\n"
		"\n"
		"The command sends one ping to dockerd, which must arrive at dspd; only root can. If no\n"
		"answer comes back, a request of the last minute proves that dockerd asks. It waits 2\n"
		"seconds for dspd and some more for dockerd; dsp doctor finds the cause.\n"
		"Status 0: dspd works and dockerd asks it, perhaps in monitor mode, which the line says. 1:\n"
		"dspd does not answer, has broken settings or cannot write its audit log, or dockerd does\n"
		"not ask it, or no dockerd runs.\n",
};
