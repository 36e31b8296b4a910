/*
 * Answers questions in one process, as many as come: by the endpoint that the daemon serves, and by
 * `dsp explain --json`. tests/lib/ask.py speaks with it, in lines of JSON:
 *
 *   { "environment": [ "NAME=value", ... ], "socket": PATH }   settings, for the questions that follow
 *       { "broken": why they cannot be in force, or null }
 *   { "question": TEXT of an AuthZReq, "explain": whether explain is asked too }
 *       { "status": of HTTP, "reply": TEXT,
 *         "explained": { "status": of the exit, "stdout": TEXT, "stderr": TEXT } or null }
 *
 * The daemon's log goes to standard error. The program ends with its input.
 */
#include <getopt.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/authorize.h"
#include "daemon/lookup_process.h"
#include "daemon/service.h"
#include "dsp/config/command.h"
#include "dsp/core/base/mem.h"
#include "learn/policy_draft.h"

enum { VARIABLES_MOST = 256 };

struct asked {
	json_t *settings; /* lends its strings to environ and to socket */
	const char *socket;
	struct service service; /* no snapshot: no settings are in force */
	int wake;               /* readable when an answer may have come */
};

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

/* --- settings ----------------------------------------------------------------------------------*/

static void put_environment(const json_t *list)
{
	static char *variables[VARIABLES_MOST + 1];
	size_t n = json_array_size(list);

	if (n > VARIABLES_MOST)
		die("environment");
	for (size_t i = 0; i < n; i++) {
		const char *variable = json_string_value(json_array_get(list, i));

		variables[i] = (char *)(uintptr_t)variable;
	}
	variables[n] = NULL;
	environ = variables;
}

static struct snapshot *read_settings(const char *socket, struct err *e)
{
	struct sources sources = { .socket = socket, .in_force = true };
	struct config *c = NULL;
	struct snapshot *snapshot;

	if (config_read(&sources, &c, e) != 0) {
		config_free(c);
		return NULL;
	}
	snapshot = snapshot_new(c, NULL);
	if (!snapshot)
		die("snapshot");
	return snapshot;
}

/* Puts settings in force, as a daemon that starts does. */
static json_t *take_settings(struct asked *a, json_t *settings)
{
	json_t *environment;
	struct err e;

	snapshot_release(a->service.snapshot);
	json_decref(a->settings);
	a->settings = json_incref(settings);
	if (json_unpack(
		    settings, "{s:o, s:s}", "environment", &environment, "socket", &a->socket) != 0)
		die("settings");
	put_environment(environment);
	a->service.snapshot = read_settings(a->socket, &e);
	return json_pack("{s:s?}", "broken", a->service.snapshot ? NULL : e.text);
}

/* --- questions ---------------------------------------------------------------------------------*/

static void wait_for(struct asked *a, const struct call *call)
{
	struct pollfd woken = { .fd = a->wake, .events = POLLIN };

	while (authorize_next_answer(&a->service) != call)
		(void)poll(&woken, 1, authorize_answer_timeout(&a->service));
}

/* What the daemon answers to an AuthZReq. */
static json_t *ask_daemon(struct asked *a, const char *question)
{
	size_t n = strlen(question);
	AUTO_MEM char *body = mem_copy(question, n); /* it is changed */
	struct call call = { .body = body, .len = n, .peer = getppid() };
	json_t *answer;

	if (authorize(&a->service, &call) == ANSWER_LATER)
		wait_for(a, &call);
	answer = json_pack("{s:i, s:s%, s:n}", "status", (int)call.reply.status, "reply",
		call.reply.text, call.reply.len, "explained");
	mem_free(call.reply.owned);
	return answer;
}

/* A file with the question in it. */
static const char *file_of(const char *question)
{
	static char path[32];
	static int fd = -1;
	size_t n = strlen(question);

	if (fd < 0)
		fd = memfd_create("question", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, question, n, 0) != (ssize_t)n)
		die("memfd");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

/* dsp suggest merges rules by what a route's requests can ask for: no request asks for more. */
static void check_possible(const char *explained)
{
	json_auto_t *o = json_loads(explained, 0, NULL);
	const char *operation = json_string_value(json_object_get(o, "operation"));
	struct powerset possible = { { 0 } };
	const json_t *power;
	bool known = false;
	size_t count;
	size_t i;

	for (const struct route *r = route_rows(&count); operation && count > 0; count--, r++) {
		struct powerset more = policy_draft_possible_powers(r);

		if (strcmp(r->name, operation) != 0)
			continue;
		known = true;
		powerset_add_all(&possible, &more);
	}
	json_array_foreach (json_object_get(o, "powers"), i, power) {
		enum power p = power_find(span_of(json_string_value(power)));

		if (known && (p == POWER_COUNT || !powerset_has(&possible, p))) {
			(void)fprintf(stderr, "%s: %s is no possible power\n", operation,
				json_string_value(power));
			die("policy_draft_possible_powers");
		}
	}
}

/* Runs the command as main would; what it prints is caught. */
static json_t *explain(const char *socket, const char *question)
{
	const char *words[] = { "explain", "--json", "--socket", socket, "--request",
		file_of(question), NULL };
	FILE *out = stdout;
	FILE *err = stderr;
	char *text[] = { NULL, NULL };
	size_t n[2];
	json_t *explained;
	int status;

	stdout = open_memstream(&text[0], &n[0]);
	stderr = open_memstream(&text[1], &n[1]);
	if (!stdout || !stderr)
		abort();
	optind = 0; /* getopt begins anew */
	status = explain_command.run(6, (char **)(uintptr_t)words);
	(void)fclose(stdout);
	(void)fclose(stderr);
	stdout = out;
	stderr = err;
	check_possible(text[0]);
	explained = json_pack("{s:i, s:s%, s:s%}", "status", status, "stdout", text[0], n[0],
		"stderr", text[1], n[1]);
	free(text[0]);
	free(text[1]);
	return explained;
}

static json_t *answer_question(struct asked *a, const json_t *line)
{
	const char *question = json_string_value(json_object_get(line, "question"));
	json_t *answer;

	if (!question || !a->service.snapshot)
		die("question");
	answer = ask_daemon(a, question);
	if (json_is_true(json_object_get(line, "explain")))
		(void)json_object_set_new(answer, "explained", explain(a->socket, question));
	return answer;
}

/* --- lines -------------------------------------------------------------------------------------*/

static void answer_line(struct asked *a, const char *text)
{
	json_auto_t *line = json_loads(text, 0, NULL);
	json_auto_t *answer = json_object_get(line, "environment") ? take_settings(a, line)
								   : answer_question(a, line);

	if (json_dumpf(answer, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) != 0)
		die("answer");
	(void)putchar('\n');
	(void)fflush(stdout);
}

int main(void)
{
	struct asked a = { .settings = NULL };
	struct service *service = &a.service;
	struct err e;
	char *line = NULL;
	size_t room = 0;

	/* First of all: it forks. */
	if (lookup_process_start(&e) != 0)
		die(e.text);
	a.wake = epoll_create1(EPOLL_CLOEXEC);
	service->pool = lookup_pool_new(lookup_process_open, a.wake, &e);
	service->sinks.metrics = metrics_new();
	if (!service->pool || !service->sinks.metrics)
		die("service");
	while (getline(&line, &room, stdin) > 0)
		answer_line(&a, line);
	free(line);
	snapshot_release(service->snapshot);
	json_decref(a.settings);
	lookup_pool_close(service->pool);
	lookup_process_stop();
	mem_free(service->sinks.metrics);
	return EXIT_SUCCESS;
}
