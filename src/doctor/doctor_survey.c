/* Inspects once what several checks need, with bounded waits. */
#include <errno.h>
#include <sys/stat.h>

#include "doctor.h"
#include "dsp/core/base/mem.h"
#include "dsp/protocol/http_client.h"
#include "dsp/protocol/protocol.h"
#include "dsp/system/file.h"

enum { DSP_MS = 2000, API_MS = 3000, DAEMON_JSON_MOST = 1 << 20 };

/* --- dsp ---------------------------------------------------------------------------------------*/

/* Whether dsp answers on the socket; if not, dsp_error says why. */
static bool inspect_dsp(struct doctor *d, const char *socket)
{
	json_auto_t *first = http_client_ask_dsp(
		socket, ENDPOINT_ACTIVATE, DSP_MS, NULL, &d->dsp_error);
	const json_t *implements = json_object_get(first, "Implements");

	d->activates = false;
	for (size_t i = 0; i < json_array_size(implements); i++) {
		const char *word = json_string_value(json_array_get(implements, i));

		d->activates = d->activates || (word && strcmp(word, "authz") == 0);
	}
	if (!first)
		return false;
	d->status = http_client_ask_dsp(socket, ENDPOINT_STATUS, DSP_MS, NULL, &d->dsp_error);
	if (d->status && !json_is_string(json_object_get(d->status, "version"))) {
		json_decref(d->status);
		d->status = NULL;
		err_set(&d->dsp_error, 0, "%s: a program other than dspd listens there", socket);
	}
	return d->status != NULL;
}

/* --- dockerd -----------------------------------------------------------------------------------*/

static void inspect_api(struct doctor *d)
{
	struct http_reply r;

	if (!d->dockerd->socket || d->dockerd->pid == 0) {
		err_set(&d->api_error, 0, "cannot find the socket of its API");
		return;
	}
	if (http_client_get(d->dockerd->socket, "/_ping", API_MS, &r, &d->api_error) != 0)
		return;
	d->api = true;
	http_reply_free(&r);
}

static void inspect_daemon_json(struct doctor *d)
{
	const char *path = d->dockerd->config_file;
	AUTO_MEM char *text = NULL;
	struct stat st;
	size_t len;

	/* Reading a pipe would wait. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		err_set(&d->file_error, 0, "%s: not a regular file", path);
		return;
	}
	if (file_read(path, DAEMON_JSON_MOST, &text, &len, &d->file_error) != 0)
		return;
	d->file_read = true;
	daemon_config_read(d->dockerd, path, (struct span){ text, len }, &d->file);
}

static void send_probe(struct doctor *d)
{
	d->probe = PROBE_UNKNOWN;
	/* When dsp does not answer in time, dockerd would wait for it too. */
	if (d->dockerd && d->api && (d->status || d->dsp_error.code != ETIMEDOUT))
		d->probe = dockerd_api_probe(d->dockerd, d->socket, &d->probe_error);
	else if (d->dockerd && d->api)
		d->probe = PROBE_NOT_ASKED;
}

/* Without --socket: the socket of a managed dsp is in a directory that its id names. */
static void inspect_managed(struct doctor *d, bool given)
{
	char socket[sizeof(d->socket)];

	if (given || d->status || d->namesake != 1)
		return;
	if (!doctor_managed_socket(d, socket, sizeof(socket)) || !inspect_dsp(d, socket))
		return;
	d->managed = true;
	memcpy(d->socket, socket, sizeof(d->socket));
	send_probe(d);
}

/* --- settings ----------------------------------------------------------------------------------*/

static void inspect_settings(struct doctor *d)
{
	const struct dsp_process *p = &d->process;
	struct sources sources = { .env_file = p->env_file[0] ? p->env_file : NULL,
		.policy = p->policy[0] ? p->policy : NULL,
		.socket = d->socket,
		.in_force = true,
		.environment = p->environment };

	if (p->known)
		d->config_ok = config_read(&sources, &d->config, &d->config_error) == 0;
}

static void inspect_in_force(struct doctor *d)
{
	struct err silent;

	if (d->status && running_settings_ask(d->socket, &d->running, &silent) == RUNNING_KNOWN &&
		(config_read(&d->running.sources, &d->in_force, &silent) != 0 ||
			d->running.broken[0] != '\0')) {
		config_free(d->in_force);
		d->in_force = NULL;
	}
}

const struct config *doctor_config(const struct doctor *d)
{
	if (d->in_force)
		return d->in_force;
	return d->config_ok ? d->config : NULL;
}

void doctor_survey(struct doctor *d)
{
	bool given = d->socket[0] != '\0';
	struct stat st;

	if (!given)
		memcpy(d->socket, SETTINGS_SOCKET, sizeof(SETTINGS_SOCKET));
	policy_socket_name(d->socket, d->name, sizeof(d->name));
	d->systemd = stat("/run/systemd/system", &st) == 0;
	(void)inspect_dsp(d, d->socket);
	if (dockerd_find(d->host, &d->dockerd, &d->dockerd_error) == 0) {
		dockerd_read_version(d->dockerd);
		inspect_api(d);
		inspect_daemon_json(d);
		if (d->dockerd->pid != 0)
			dockerd_http2_inspect(d->dockerd, d->file.object, &d->http2);
	}
	send_probe(d);
	systemd_units_read(d->units, d->systemd);
	d->namesake = doctor_managed(d, d->name, &d->namesake_error);
	inspect_managed(d, given);
	if (!d->managed)
		dsp_process_find(&d->process,
			(pid_t)json_integer_value(json_object_get(d->status, "pid")),
			&d->units[UNIT_SERVICE]);
	inspect_settings(d);
	inspect_in_force(d);
}

void doctor_free(struct doctor *d)
{
	json_decref(d->status);
	daemon_config_free(&d->file);
	dsp_process_free(&d->process);
	config_free(d->config);
	config_free(d->in_force);
	running_settings_free(&d->running);
	dockerd_free(d->dockerd);
}

/* --- who names dsp -----------------------------------------------------------------------------*/

/* The name of a managed plugin may have the tag :latest. */
static bool is_ours(const struct doctor *d, const char *name)
{
	size_t n = strlen(d->name);

	return name && strncmp(name, d->name, n) == 0 &&
		(name[n] == '\0' || (d->managed && strcmp(name + n, ":latest") == 0));
}

bool doctor_in_file(const struct doctor *d)
{
	const json_t *list = json_object_get(d->file.object, DOCKERD_PLUGINS_KEY);

	for (size_t i = 0; i < json_array_size(list); i++) {
		if (is_ours(d, json_string_value(json_array_get(list, i))))
			return true;
	}
	return false;
}

bool doctor_in_flags(const struct doctor *d)
{
	const char *value;
	size_t at = 0;

	while (d->dockerd &&
		(value = dockerd_options_next(d->dockerd, "authorization-plugin", &at))) {
		if (is_ours(d, value))
			return true;
	}
	return false;
}
