#include "dsp/explain/explain_client.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client_process.h"
#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"
#include "dsp/system/signals.h"
#include "recorder.h"

enum { PATIENCE_MS = 5000, TARGET_MOST = 100, TEXT_ROOM = 1200 };

/* --- running it --------------------------------------------------------------------------------*/

/*
 * A signal to dsp ends the client, which may take a moment; a second one kills it. The terminal
 * sends SIGINT to the client too.
 */
static void pass_signal(int signals, pid_t client, uint64_t *kill_at)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (*kill_at > 0)
		(void)kill(client, SIGKILL);
	else if (info.ssi_signo != SIGINT || info.ssi_code != SI_KERNEL)
		(void)kill(client, SIGTERM);
	*kill_at = clock_now() + PATIENCE_MS;
}

/* Serves the client until it has ended. -1 and errno. */
static int serve_client(struct recorder *r, int signals, pid_t client)
{
	struct pollfd fds[] = { { .fd = recorder_descriptor(r), .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
		{ .fd = pidfd_open(client, 0), .events = POLLIN } };
	uint64_t kill_at = 0;

	if (fds[2].fd < 0)
		return -1;
	while (fds[2].revents == 0) {
		int wait = recorder_serve(r);

		if (r->over && kill_at == 0) {
			(void)kill(client, SIGTERM);
			kill_at = clock_now() + PATIENCE_MS;
		}
		if (kill_at > 0)
			wait = clock_earlier(wait, clock_now(), kill_at);
		if (kill_at > 0 && clock_now() >= kill_at) {
			(void)kill(client, SIGKILL);
			kill_at = UINT64_MAX;
		}
		fds[1].revents = fds[2].revents = 0;
		if (poll(fds, sizeof(fds) / sizeof(fds[0]), wait) > 0 && fds[1].revents != 0)
			pass_signal(signals, client, &kill_at);
	}
	(void)close(fds[2].fd);
	return 0;
}

/* What a client runs beside. */
struct session {
	struct recorder recorder;
	struct client_place place;
	int signals;
};

/* Runs the client to its end; *status as a shell has it. -1 and e. */
static int run_client(
	struct session *s, char *const *argv, bool quiet_output, int *status, struct err *e)
{
	pid_t client = client_process_start(&s->place, argv, quiet_output, e);
	int code = 0;

	if (client < 0)
		return -1;
	if (serve_client(&s->recorder, s->signals, client) != 0) {
		err_set(e, errno, "%s", argv[0]);
		(void)kill(client, SIGKILL);
		code = -1;
	}
	while (waitpid(client, status, 0) < 0 && errno == EINTR)
		;
	*status = WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
	return code;
}

/* --- what it asked for -------------------------------------------------------------------------*/

static const char *member(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text ? text : "";
}

/* "POST /v1.41/containers/create: container_create (create, privileged), 2 times; rule "x"". */
static void write_request(const json_t *o, struct line *l)
{
	const json_t *power;
	json_int_t times = json_integer_value(json_object_get(o, "times"));
	size_t i;

	/* Filters make it long; JSON has all of it. */
	line_add(l, "%s %.*s%s: %s", member(o, "method"), (int)TARGET_MOST, member(o, "target"),
		strlen(member(o, "target")) > TARGET_MOST ? "..." : "", member(o, "operation"));
	json_array_foreach (json_object_get(o, "powers"), i, power)
		line_add(l, "%s%s", i == 0 ? " (" : ", ", json_string_value(power));
	line_add(l, "%s", i > 0 ? ")" : "");
	if (member(o, "rule")[0])
		line_add(l, "; rule \"%s\"", member(o, "rule"));
	if (times > 1)
		line_add(l, ", %d times", (int)times);
}

static void print_request(const json_t *o)
{
	bool allow = json_is_true(json_object_get(o, "allow"));
	bool would = json_is_true(json_object_get(o, "monitored"));
	char text[TEXT_ROOM];
	struct line l;

	line_init(&l, text, sizeof(text));
	write_request(o, &l);
	output_shaded(would     ? OUTPUT_DOUBTFUL
			: allow ? OUTPUT_GOOD
				: OUTPUT_BAD,
		would           ? SPAN("would  ")
			: allow ? SPAN("allow  ")
				: SPAN("deny   "));
	output_wrapped(strlen("allow  "), text);
	if (allow && !would)
		return;
	(void)printf("%7s", "");
	output_wrapped(strlen("allow  "), member(o, "message"));
}

static void print_requests(const struct recorder *r, const char *program, int status)
{
	char text[TEXT_ROOM];
	const json_t *o;
	struct line l;
	size_t i;

	json_array_foreach (r->requests, i, o)
		print_request(o);
	line_init(&l, text, sizeof(text));
	line_add(&l, "%s ended with status %d. ", program, status);
	if (r->count == 0)
		line_add(&l, "It asked Docker for nothing.");
	else
		line_add(&l, "%zu request%s, %zu denied; nothing was sent to Docker.", r->count,
			r->count == 1 ? "" : "s", r->denied);
	if (r->over)
		line_add(&l,
			" dsp ended it at the build: BuildKit gets the rest in a stream, about which "
			"dockerd asks no plugin.");
	if (r->lost > 0)
		line_add(&l, " %zu more could not be recorded%s%s.", r->lost,
			r->fault.text[0] ? ": " : "", r->fault.text);
	output_wrapped(0, text);
}

static int show(const struct installed_settings *s, const struct recorder *r, const char *program,
	int status, bool json)
{
	bool fine = r->count > 0 && r->denied == 0 && r->lost == 0;

	if (json) {
		json_auto_t *o = json_pack("{s:o, s:b, s:i, s:b, s:I, s:O}", "settings",
			installed_settings_json(s), "allow", fine, "client_status", status,
			"ended_early", r->over, "lost", (json_int_t)r->lost, "requests",
			r->requests);

		output_json(o);
	} else {
		installed_settings_print(s);
		print_requests(r, program, status);
	}
	return fine ? EXIT_FINE : EXIT_FINDINGS;
}

int explain_client(const struct installed_settings *settings, char *const *argv, const char *as,
	bool json, struct err *e)
{
	struct session s = { .place = { .listener = -1 }, .signals = signals_open(e) };
	int status = 0;
	int rc = s.signals;

	if (rc >= 0)
		rc = client_place_make(&s.place, e);
	if (rc >= 0)
		rc = recorder_begin(
			&s.recorder, s.place.listener, &settings->config->policy, as, e);
	if (s.recorder.mhd)
		s.place.listener = -1; /* the recorder closes it */
	if (rc >= 0)
		rc = run_client(&s, argv, json, &status, e);
	client_place_remove(&s.place);
	if (rc >= 0)
		rc = show(settings, &s.recorder, argv[0], status, json);
	recorder_end(&s.recorder);
	if (s.signals >= 0)
		(void)close(s.signals);
	return rc;
}
