/* Managed plugins, as dockerd's API lists them or, when it does not answer, its files. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "doctor.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/policy/rules.h"
#include "dsp/system/file.h"

enum { CONFIG_MOST = 4 << 20 };

/* The value of --data-root in the command of docker.service; "": it has none. */
static void from_unit(const struct unit *u, char *out, size_t cap)
{
	static const char option[] = "--data-root";
	const char *at = strstr(u->command, option);

	out[0] = '\0';
	if (!at || (at[sizeof(option) - 1] != ' ' && at[sizeof(option) - 1] != '='))
		return;
	at += sizeof(option);
	text_copy((struct span){ at, strcspn(at, " ") }, out, cap);
}

/* dockerd's data directory. */
static void data_root(const struct doctor *d, char *out, size_t cap)
{
	const char *named = json_string_value(json_object_get(d->file.object, "data-root"));
	const char *value;
	size_t at = 0;

	from_unit(&d->units[UNIT_DOCKER], out, cap);
	if (named)
		text_copy(span_of(named), out, cap);
	while (d->dockerd && (value = dockerd_options_next(d->dockerd, "data-root", &at)) != NULL)
		text_copy(span_of(value), out, cap);
	if (out[0] == '\0')
		text_copy(SPAN("/var/lib/docker"), out, cap);
}

/* Whether the plugin has the name, with or without the tag :latest. */
static bool has_name(const json_t *plugin, const char *name)
{
	static const char tag[] = ":latest";
	const char *full = json_string_value(json_object_get(plugin, "Name"));
	size_t n = strlen(name);

	return full && strncmp(full, name, n) == 0 &&
		(full[n] == '\0' || strcmp(full + n, tag) == 0);
}

/* The file of one plugin. 1: it has the name and is enabled; 0: it is disabled; -1: another. */
static int read_plugin_file(const char *path, const char *name)
{
	AUTO_MEM char *text = NULL;
	json_auto_t *all = NULL;
	const json_t *plugin;
	struct stat st;
	struct err e;
	size_t len;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
		file_read(path, CONFIG_MOST, &text, &len, &e) != 0)
		return -1;
	all = json_loadb(text, len, 0, NULL);
	plugin = json_object_get(all, "plugin");
	if (!has_name(plugin, name))
		return -1;
	return json_is_true(json_object_get(plugin, "Enabled"));
}

static int on_disk(const struct doctor *d, const char *name, struct err *e)
{
	char root[256];
	char path[600];
	const struct dirent *entry;
	int found = -1;
	DIR *all;

	data_root(d, root, sizeof(root));
	(void)snprintf(path, sizeof(path), "%s/plugins", root);
	all = opendir(path);
	if (!all && errno == ENOENT)
		return -1;
	if (!all) {
		err_set(e, errno, "%s", path);
		return -2;
	}
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
	while (found < 0 && (entry = readdir(all)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%.250s/plugins/%.250s/config.json", root,
			entry->d_name);
		found = read_plugin_file(path, name);
	}
	(void)closedir(all);
	return found;
}

int doctor_managed(const struct doctor *d, const char *name, struct err *e)
{
	int found = -2;

	if (d->dockerd && d->api)
		found = dockerd_api_managed(d->dockerd, name, e);
	/* A policy may also deny this question. */
	return found == -2 ? on_disk(d, name, e) : found;
}

bool doctor_managed_socket(const struct doctor *d, char *out, size_t cap)
{
	json_auto_t *o = NULL;
	const char *id;
	struct err e;
	int status = 0;

	if (!d->api || dockerd_api_get(d->dockerd, "/plugins/dsp/json", &status, &o, &e) != 0 ||
		status != 200)
		return false;
	id = json_string_value(json_object_get(o, "Id"));
	if (!id || strspn(id, "0123456789abcdef") != strlen(id))
		return false;
	(void)snprintf(out, cap, "/run/docker/plugins/%.64s/dsp.sock", id);
	return true;
}

void doctor_check_data_root(const struct doctor *d, struct check_result *result)
{
	const struct config *c = d->config_ok ? d->config : NULL;
	const char *known = c && c->policy.data_root[0] ? c->policy.data_root : "/var/lib/docker";
	unsigned kinds = c ? rules_compared_kinds(c->rules) : 0;
	char root[256];

	data_root(d, root, sizeof(root));
	/* Deny rules alone need it: where volumes are, and whether there is a swarm. */
	if (strcmp(root, known) == 0 || d->managed ||
		!(kinds & (1u << ATTRIBUTE_VOLUME | 1u << ATTRIBUTE_NETWORK))) {
		check_result_add(result, CHECK_OK, "%s", root);
		return;
	}
	check_result_add(result, CHECK_WARNING,
		"dockerd's data directory is %s, and dsp takes %s for it: deny rules with volumes "
		"or networks can be passed by",
		root, known);
	check_result_advise(
		result, "DSP_DATA_ROOT=%s in the env file; systemctl restart dsp.service", root);
}
