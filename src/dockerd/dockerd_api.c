/* Requests to dockerd: its API, the probe, its plugins. */
#include "dsp/dockerd/dockerd_api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "dsp/core/base/text.h"
#include "dsp/protocol/protocol.h"
#include "dsp/system/clock.h"

enum { DOCKERD_MS = 10000, PROBE_MS = 5000, RECENT_SECONDS = 60 };

int dockerd_api_get(
	const struct dockerd *d, const char *target, int *status, json_t **ret, struct err *e)
{
	struct http_reply r;

	if (dockerd_api_get_as(d, target, NULL, &r, e) != 0)
		return -1;
	*status = r.status;
	*ret = http_reply_json(&r);
	http_reply_free(&r);
	return 0;
}

int dockerd_api_get_as(const struct dockerd *d, const char *target, const char *token,
	struct http_reply *ret, struct err *e)
{
	const struct http_request q = { .target = target, .token = token, .wait_ms = DOCKERD_MS };

	if (!d->socket)
		return FAIL(e, 0, "dockerd (process %d): cannot find the socket of its API",
			(int)d->pid);
	return http_client_get_as(d->socket, &q, ret, e);
}

/* --- the probe ---------------------------------------------------------------------------------*/

static int make_nonce(char nonce[PROBE_LENGTH + 1], struct err *e)
{
	unsigned char bytes[PROBE_LENGTH / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return FAIL(e, errno, "cannot make a random number for the probe");
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

/* Whether dsp received the nonce: 1 or 0; -1 and e: it does not answer. */
static int received(const char *dsp_socket, const char *nonce, struct err *e)
{
	json_auto_t *o = http_client_ask_dsp(dsp_socket, ENDPOINT_STATUS, PROBE_MS, NULL, e);
	const json_t *probes = json_object_get(o, "probes");
	const json_t *probe;
	size_t i;

	if (!o)
		return -1;
	if (!json_is_array(probes))
		return FAIL(e, 0, "%s: a program other than dspd listens there", dsp_socket);
	json_array_foreach (probes, i, probe) {
		if (json_is_string(probe) && strcmp(json_string_value(probe), nonce) == 0)
			return 1;
	}
	return 0;
}

/* Sets e to what dockerd answered, which was not 200. Another plugin denied, or dsp is dead. */
static enum probe_result read_denial(
	const struct dockerd *d, const struct http_reply *r, struct err *e)
{
	json_auto_t *o = http_reply_json(r);
	const char *message = json_string_value(json_object_get(o, "message"));
	char text[200];

	text_escape(span_of(message ? message : "no reason"), text, sizeof(text));
	err_set(e, 0, "%s: the probe got %d: %s", d->socket, r->status, text);
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

	if (!d->socket)
		err_set(e, 0, "cannot find the socket of dockerd's API");
	if (!d->socket || make_nonce(nonce, e) != 0)
		return PROBE_UNKNOWN;
	(void)snprintf(target, sizeof(target), "/_ping?dsp=%s", nonce);
	answered = http_client_get(d->socket, target, PROBE_MS, &r, e);
	seen = received(dsp_socket, nonce, answered == 0 ? e : &silent);
	if (seen == 1)
		probe = PROBE_ASKED;
	else if (answered != 0)
		probe = PROBE_UNKNOWN;
	else if (r.status != 200)
		probe = read_denial(d, &r, e);
	else
		/* dockerd answers after all plugins have: it did not ask a dsp that is dead. */
		probe = PROBE_NOT_ASKED;
	if (answered == 0)
		http_reply_free(&r);
	return probe;
}

/* Whether dsp received a request a short time ago; only dockerd sends it any. */
static bool was_asked_recently(const char *dsp_socket)
{
	struct err silent;
	json_auto_t *o = http_client_ask_dsp(dsp_socket, ENDPOINT_STATUS, PROBE_MS, NULL, &silent);
	json_int_t last = json_integer_value(json_object_get(o, "last_request"));

	return last > 0 && (json_int_t)(clock_date_us() / 1000000) <= last + RECENT_SECONDS;
}

enum probe_result dockerd_asks(const char *host, const char *dsp_socket, struct err *e)
{
	enum probe_result result = PROBE_UNKNOWN;
	struct dockerd *d = NULL;

	if (dockerd_find(host, &d, e) != 0)
		return e->code != EPERM && was_asked_recently(dsp_socket) ? PROBE_ASKED : result;
	if (d->pid == 0) {
		err_set(e, 0, "no dockerd runs on this machine");
		e->code = ESRCH;
	} else {
		result = dockerd_api_probe(d, dsp_socket, e);
		/* A dspd that restarts between ping and answer has forgotten the ping. */
		if (result == PROBE_NOT_ASKED)
			result = dockerd_api_probe(d, dsp_socket, e);
		if (result == PROBE_UNKNOWN && was_asked_recently(dsp_socket))
			result = PROBE_ASKED;
	}
	dockerd_free(d);
	return result;
}

/* --- plugins -----------------------------------------------------------------------------------*/

/* The form with name in place of each "%s". */
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

int dockerd_api_managed(const struct dockerd *d, const char *name, struct err *e)
{
	static const char characters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/";
	json_auto_t *o = NULL;
	char target[256];
	int status = 0;

	/* No plugin has another name, and another character could change the target. */
	if (name[0] == '\0' || strlen(name) >= 128 || name[strspn(name, characters)] != '\0')
		return -1;
	(void)snprintf(target, sizeof(target), "/plugins/%s/json", name);
	if (dockerd_api_get(d, target, &status, &o, e) != 0)
		return -2;
	if (status == 404)
		return -1;
	if (status != 200) {
		const char *message = json_string_value(json_object_get(o, "message"));

		err_set(e, 0, "%s: GET %s got %d: %s", d->socket, target, status,
			message ? message : "no reason");
		return -2;
	}
	/* The name may also be the first digits of an id: dockerd accepts both. */
	return json_is_true(json_object_get(o, "Enabled"));
}
