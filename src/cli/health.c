/* One line and a status for monitoring systems: does the running dspd work? */
#include <jansson.h>
#include <stdio.h>

#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/settings.h"
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

static int check_health(const char *socket, struct health *h)
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
	if (json_is_true(json_object_get(o, "broken")))
		return set_critical(h, "dsp denies every request because its settings are broken",
			text_of(o, "reason"));
	trouble = text_of(json_object_get(o, "audit"), "trouble");
	if (trouble[0] != '\0')
		return set_critical(h, "dspd cannot write the audit log", trouble);
	text_escape(span_of(text_of(o, "version")), version, sizeof(version));
	text_escape(span_of(text_of(o, "profile")), profile, sizeof(profile));
	h->ok = true;
	(void)snprintf(h->text, sizeof(h->text), "dsp %s, profile %s, generation %lld%s", version,
		profile, (long long)json_integer_value(json_object_get(o, "generation")),
		strcmp(text_of(o, "mode"), "monitor") == 0 ? "; MONITOR MODE: nothing is denied"
							   : "");
	return EXIT_FINE;
}

static void print_health(const struct health *h, bool json)
{
	json_auto_t *o = json_pack("{s:b, s:s}", "ok", h->ok, "text", h->text);

	if (json)
		output_json(o);
	else
		(void)printf("%s: %s\n", h->ok ? "OK" : "CRITICAL", h->text);
}

static const struct option options[] = { { "socket", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };

static int run_health(int argc, char **argv)
{
	const char *socket = NULL;
	struct health h;
	bool json = false;
	int o;

	while ((o = command_option(&health_command, argc, argv)) != -1) {
		if (o == 's')
			socket = optarg;
		else if (o == 'j')
			json = true;
		else
			return EXIT_USAGE;
	}
	if (optind < argc)
		return command_usage("health", "%s: not expected", argv[optind]);
	o = check_health(command_running_socket(socket), &h);
	print_health(&h, json);
	return o;
}

const struct command health_command = {
	.name = "health",
	.arguments = "[--json] [--socket PATH]",
	.run = run_health,
	.options = options,
	.summary = "check the running dspd in one line, for a monitoring system",
	.help = "  --json         print JSON\n"
		"  --socket PATH  the socket of dspd (DSP_SOCKET; default\n"
		"                 " SETTINGS_SOCKET ", or that of the\n"
		"                 managed plugin dsp)\n"
		"\n"
		"The command asks dspd alone and waits at most 2 seconds; dsp doctor also checks\n"
		"dockerd.\n"
		"Status 0: dspd answers and works, perhaps in monitor mode, which the line says;\n"
		"1: dspd does not answer, has broken settings or cannot write its audit log.\n",
};
