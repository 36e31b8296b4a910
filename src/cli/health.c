/* One line and a status for monitoring systems: is the dsp that serves well? */
#include <jansson.h>
#include <stdio.h>

#include "dsp/config/command.h"
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

/* What others have said may hold anything, and this is one line for a monitoring system. */
static int critical(const char *what, const char *why)
{
	char shown[400];

	text_escape(span_of(why), shown, sizeof(shown));
	(void)printf("CRITICAL: %s%s%s\n", what, shown[0] != '\0' ? ": " : "", shown);
	return EXIT_FINDINGS;
}

static int check_health(const char *socket)
{
	struct err e;
	int status = 0;
	json_auto_t *o = http_client_ask_dsp(socket, ENDPOINT_STATUS, WAIT_MS, &status, &e);
	const char *trouble;
	char version[40];
	char profile[40];

	if (!o)
		return critical("dsp does not answer", e.text);
	if (status != 200 || !json_is_string(json_object_get(o, "version")))
		return critical("what answers is not a dsp that is well", text_of(o, "Err"));
	if (json_is_true(json_object_get(o, "broken")))
		return critical("broken settings, everything is denied", text_of(o, "reason"));
	trouble = text_of(json_object_get(o, "audit"), "trouble");
	if (trouble[0] != '\0')
		return critical("the audit trail is stuck", trouble);
	text_escape(span_of(text_of(o, "version")), version, sizeof(version));
	text_escape(span_of(text_of(o, "profile")), profile, sizeof(profile));
	(void)printf("OK: dsp %s, profile %s, generation %lld%s\n", version, profile,
		(long long)json_integer_value(json_object_get(o, "generation")),
		strcmp(text_of(o, "mode"), "monitor") == 0 ? "; MONITOR MODE: nothing is denied"
							   : "");
	return EXIT_FINE;
}

static const struct option options[] = { { "socket", required_argument, NULL, 's' },
	{ NULL, 0, NULL, 0 } };

static int run_health(int argc, char **argv)
{
	const char *socket = NULL;
	int o;

	while ((o = command_option(&health_command, argc, argv)) != -1) {
		if (o != 's')
			return EXIT_USAGE;
		socket = optarg;
	}
	if (optind < argc)
		return command_usage("health", "%s: not expected", argv[optind]);
	return check_health(command_socket(socket));
}

const struct command health_command = {
	.name = "health",
	.arguments = "[--socket PATH]",
	.run = run_health,
	.options = options,
	.summary = "check the running dspd in one line, for a monitoring system",
	.help = "  --socket PATH  its socket (DSP_SOCKET; default " SETTINGS_SOCKET ")\n"
		"\n"
		"It asks dsp alone, and waits 2 seconds at most; dsp doctor looks at dockerd too.\n"
		"Status 0: it answers and is well, or is in monitor mode, which the line says; 1: no answer,\n"
		"its settings are broken, or its audit trail is stuck.\n",
};
