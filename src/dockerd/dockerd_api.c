/* What a dockerd answers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "dsp/core/base/text.h"
#include "dsp/dockerd/dockerd_process.h"
#include "dsp/protocol/http_client.h"
#include "dsp/protocol/protocol.h"
#include "dsp/system/subprocess.h"

enum { DOCKERD_MS = 10000, PROBE_MS = 5000, VERSION_MS = 20000 };

int dockerd_api_get(
	const struct dockerd *d, const char *target, int *status, json_t **ret, struct err *e)
{
	struct http_reply r;

	if (!d->socket)
		return FAIL(
			e, 0, "dockerd (process %d): no socket of its API is known", (int)d->pid);
	if (http_client_get(d->socket, target, DOCKERD_MS, &r, e) != 0)
		return -1;
	*status = r.status;
	*ret = http_reply_json(&r);
	http_reply_free(&r);
	return 0;
}

/* --- version -----------------------------------------------------------------------------------*/

int dockerd_run(const struct dockerd *d, const char *const *arguments, char *output, size_t cap,
	struct err *e)
{
	const char *argv[8] = { NULL };
	char program[32];
	size_t n = 1;

	/* The program that runs, and not one that an upgrade put in its place since. */
	(void)snprintf(program, sizeof(program), "/proc/%d/exe", (int)d->pid);
	argv[0] = program;
	for (; *arguments && n + 1 < sizeof(argv) / sizeof(argv[0]); arguments++)
		argv[n++] = *arguments;
	return subprocess_run(argv, VERSION_MS, output, cap, e);
}

void dockerd_read_version(struct dockerd *d)
{
	static const char *const arguments[] = { "--version", NULL };
	static const char before[] = "Docker version ";
	const char *at;
	char output[256];
	struct err e;

	/* Not from its API: that may be closed by a policy, or wait for a plugin that is dead. */
	if (dockerd_run(d, arguments, output, sizeof(output), &e) != 0)
		return;
	at = strstr(output, before);
	if (at) {
		at += sizeof(before) - 1;
		text_copy((struct span){ at, strcspn(at, ", \n") }, d->version, sizeof(d->version));
	}
}

/* --- the probe ---------------------------------------------------------------------------------*/

static int make_nonce(char nonce[PROBE_LENGTH + 1], struct err *e)
{
	unsigned char bytes[PROBE_LENGTH / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return FAIL(e, errno, "a random number for the probe");
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

/* Whether dsp has seen the nonce; -1 and e: it does not tell. */
static int has_seen(const char *dsp_socket, const char *nonce, struct err *e)
{
	json_auto_t *o = http_client_ask_dsp(dsp_socket, ENDPOINT_STATUS, PROBE_MS, NULL, e);
	const json_t *probes = json_object_get(o, "probes");
	const json_t *probe;
	size_t i;

	if (!o)
		return -1;
	if (!json_is_array(probes))
		return FAIL(e, 0, "%s: what answers there is not dsp", dsp_socket);
	json_array_foreach (probes, i, probe) {
		if (json_is_string(probe) && strcmp(json_string_value(probe), nonce) == 0)
			return 1;
	}
	return 0;
}

/* What dockerd said to the ping tells something when it was not 200. */
static enum probe_result refused(const struct dockerd *d, const struct http_reply *r, struct err *e)
{
	json_auto_t *o = http_reply_json(r);
	const char *message = json_string_value(json_object_get(o, "message"));
	char text[200];

	text_escape(span_of(message ? message : "no reason"), text, sizeof(text));
	err_set(e, 0, "%s: the probe was answered with %d: %s", d->socket, r->status, text);
	return PROBE_UNKNOWN;
}

enum probe_result dockerd_api_probe(const struct dockerd *d, const char *dsp_socket, struct err *e)
{
	char target[sizeof("/_ping?dsp=") + PROBE_LENGTH];
	char nonce[PROBE_LENGTH + 1];
	struct http_reply r;
	struct err silent;
	enum probe_result probe;
	int answered;
	int seen;

	if (!d->socket || make_nonce(nonce, e) != 0) {
		if (!d->socket)
			err_set(e, 0, "no socket of dockerd's API is known");
		return PROBE_UNKNOWN;
	}
	(void)snprintf(target, sizeof(target), "/_ping?dsp=%s", nonce);
	answered = http_client_get(d->socket, target, PROBE_MS, &r, e);
	seen = has_seen(dsp_socket, nonce, answered == 0 ? e : &silent);
	if (seen == 1)
		probe = PROBE_ASKED;
	else if (answered != 0)
		probe = PROBE_UNKNOWN;
	else if (r.status != 200)
		/* Another plugin may have refused it, or dsp itself is dead. */
		probe = refused(d, &r, e);
	else
		/* Whom dockerd asks must answer before it does: no dsp that is dead was asked. */
		probe = PROBE_NOT_ASKED;
	if (answered == 0)
		http_reply_free(&r);
	return probe;
}

/* --- plugins -----------------------------------------------------------------------------------*/

/* The form with name in the place of each "%s". */
static const char *fill_in(const char *form, const char *name, char *path, size_t cap)
{
	struct line l;

	line_init(&l, path, cap);
	for (const char *next; (next = strstr(form, "%s")) != NULL; form = next + 2) {
		line_add_cut(&l, (struct span){ form, (size_t)(next - form) });
		line_add_cut(&l, span_of(name));
	}
	line_add_cut(&l, span_of(form));
	return path;
}

bool dockerd_find_plugin(const char *name, char *path, size_t cap)
{
	static const char *const sockets[] = { "/run/docker/plugins/%s.sock",
		"/run/docker/plugins/%s/%s.sock" };
	static const char *const files[] = { "/etc/docker/plugins/%s.spec",
		"/etc/docker/plugins/%s/%s.spec", "/etc/docker/plugins/%s.json",
		"/etc/docker/plugins/%s/%s.json", "/usr/lib/docker/plugins/%s.spec",
		"/usr/lib/docker/plugins/%s/%s.spec", "/usr/lib/docker/plugins/%s.json",
		"/usr/lib/docker/plugins/%s/%s.json" };
	bool found = false;

	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
		if (access(fill_in(sockets[i], name, path, cap), F_OK) == 0)
			return true;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && !found; i++)
		found = access(fill_in(files[i], name, path, cap), F_OK) == 0;
	path[0] = '\0';
	return found;
}

/* A plugin's name holds nothing else; the rest would change the question. */
static bool is_plain(const char *name)
{
	return name[0] != '\0' && strlen(name) < 128 &&
		strspn(name,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/") ==
		strlen(name);
}

int dockerd_api_managed(const struct dockerd *d, const char *name, struct err *e)
{
	json_auto_t *o = NULL;
	char target[256];
	int status = 0;

	if (!is_plain(name))
		return -1;
	(void)snprintf(target, sizeof(target), "/plugins/%s/json", name);
	if (dockerd_api_get(d, target, &status, &o, e) != 0)
		return -2;
	if (status == 404)
		return -1;
	if (status != 200) {
		const char *message = json_string_value(json_object_get(o, "message"));

		err_set(e, 0, "%s: GET %s was answered with %d: %s", d->socket, target, status,
			message ? message : "no reason");
		return -2;
	}
	/* By its name, or by the first digits of its id: dockerd takes either for the name. */
	return json_is_true(json_object_get(o, "Enabled"));
}
