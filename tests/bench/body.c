/*
 * What a create request of a given size costs beside its JSON: jansson's parse alone, and all that
 * dsp does from the base64 to the facts, in turn, so that both see the same machine.
 *
 *   body [KIB] [ROUNDS]     prints "jansson N us, facts N us, ratio R": the medians
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dsp/core/base/b64.h"
#include "dsp/core/facts/facts.h"

enum { MOST_ROUNDS = 1001 };

static double microseconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	const double *x = a;
	const double *y = b;

	return (*x > *y) - (*x < *y);
}

/* A request as tools write it: environment, labels, mounts, ports, in about these shares. */
static json_t *request(size_t bytes)
{
	json_t *host = json_pack("{s:b, s:s, s:[s,s], s:[s]}", "Privileged", 0, "NetworkMode",
		"web", "CapAdd", "NET_ADMIN", "CHOWN", "SecurityOpt", "seccomp=unconfined");
	json_t *env = json_array();
	json_t *labels = json_object();
	json_t *binds = json_array();
	json_t *ports = json_object();
	size_t n = 0;
	char text[160];

	for (int i = 0; n < bytes; i++) {
		(void)snprintf(text, sizeof(text), "VARIABLE_%d=a value of some length %d", i, i);
		(void)json_array_append_new(env, json_string(text));
		n += strlen(text) + 3;
		(void)snprintf(text, sizeof(text), "traefik.http.routers.r%d.rule", i);
		(void)json_object_set_new(labels, text, json_string("Host(`example.org`)"));
		n += strlen(text) + 26;
		if (i % 8 == 0) {
			(void)snprintf(text, sizeof(text), "/srv/data/%d:/data/%d:ro", i, i);
			(void)json_array_append_new(binds, json_string(text));
			n += strlen(text) + 3;
			(void)snprintf(text, sizeof(text), "%d/tcp", 1000 + i);
			(void)json_object_set_new(
				ports, text, json_pack("[{s:s}]", "HostPort", "8080"));
			n += strlen(text) + 28;
		}
	}
	(void)json_object_set_new(host, "Binds", binds);
	(void)json_object_set_new(host, "PortBindings", ports);
	return json_pack("{s:s, s:o, s:o, s:o}", "Image", "bb", "Env", env, "Labels", labels,
		"HostConfig", host);
}

static double time_parse(const char *text, size_t n)
{
	double start = microseconds();
	json_t *json = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);

	if (!json)
		abort();
	json_decref(json);
	return microseconds() - start;
}

static double time_facts(const char *base64, size_t n)
{
	struct request rq = { .method = SPAN("POST"),
		.target = SPAN("/v1.41/containers/create"),
		.body = strdup(base64) };
	struct facts facts;
	struct err e;
	double start = microseconds();

	if (!b64_decode_strict(rq.body, n, &rq.body_len) || facts_parse(&rq, &facts, &e) != 0 ||
		facts.reading != READING_EXACT || !powerset_has(&facts.powers, POWER_HOST_MOUNTS))
		abort();
	facts_free(&facts);
	start = microseconds() - start;
	free(rq.body);
	return start;
}

int main(int argc, char **argv)
{
	static double parse[MOST_ROUNDS];
	static double facts[MOST_ROUNDS];
	size_t kib = argc > 1 ? strtoul(argv[1], NULL, 10) : 64;
	size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 201;
	json_t *json = request(kib << 10);
	char *text = json_dumps(json, JSON_COMPACT);
	size_t n = strlen(text);
	char *base64 = b64_encode((struct span){ text, n });

	if (rounds == 0 || rounds > MOST_ROUNDS || !base64)
		return 2;
	for (size_t i = 0; i < rounds; i++) {
		parse[i] = time_parse(text, n);
		facts[i] = time_facts(base64, strlen(base64));
	}
	qsort(parse, rounds, sizeof(parse[0]), compare);
	qsort(facts, rounds, sizeof(facts[0]), compare);
	(void)printf("%zu bytes: jansson %.0f us, facts %.0f us, ratio %.2f\n", n,
		parse[rounds / 2], facts[rounds / 2], facts[rounds / 2] / parse[rounds / 2]);
	free(base64);
	free(text);
	json_decref(json);
	return 0;
}
