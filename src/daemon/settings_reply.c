#include "settings_reply.h"

#include <jansson.h>
#include <unistd.h>

#include "dsp/core/base/b64.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/version.h"

/* Any bytes; NULL without memory, and then the reply cannot be packed. */
static json_t *base64(struct span bytes)
{
	AUTO_MEM char *text = b64_encode(bytes);

	return text ? json_string(text) : NULL;
}

static json_t *path_or_null(const char *path)
{
	char absolute[1024];

	return path ? base64(span_of(config_absolute(path, absolute, sizeof(absolute))))
		    : json_null();
}

static json_t *text_or_null(const char *text, size_t n)
{
	return text ? base64((struct span){ text, n }) : json_null();
}

/* The variables of this process that are settings: the others are none of the reader's business. */
static json_t *environment(void)
{
	json_t *list = json_array();

	for (char *const *at = environ; list && *at; at++) {
		struct span all = span_of(*at);
		struct span name = { all.s, span_find(all, '=') };

		if (config_is_setting(name) && json_array_append_new(list, base64(all)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *image_files(const struct config *c)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < c->image_file_count; i++) {
		const struct image_file *file = &c->image_files[i];

		if (json_array_append_new(list,
			    json_pack("[o, o]", base64(span_of(file->path)),
				    base64((struct span){ file->text, file->n }))) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *dockerd_or_null(const struct known_dockerd *k)
{
	bool known = k && k->state == DOCKERD_KNOWN;

	if (!known && !(k && k->state == DOCKERD_FAILED))
		return json_null();
	return json_pack("{s:b, s:o, s:o, s:o, s:o}", "known", known, "default_runtime",
		base64(span_of(known ? k->facts.default_runtime : "")), "seccomp",
		base64(span_of(known ? k->facts.seccomp : "")), "version",
		base64(span_of(known ? k->facts.version : "")), "api_version",
		base64(span_of(known ? k->facts.api_version : "")));
}

char *settings_reply_write(
	const struct snapshot *s, const struct known_dockerd *dockerd, size_t grants)
{
	const struct config *c = s->config;
	json_auto_t *o = json_pack(
		"{s:s, s:i, s:I, s:I, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}",
		"version", DSP_VERSION, "pid", (int)getpid(), "generation",
		(json_int_t)s->generation, "since", (json_int_t)(s->since_us / 1000000), "managed",
		c->policy.mounts_invisible, "broken", base64(span_of(c->policy.broken)), "socket",
		path_or_null(c->socket), "environment", environment(), "env_file",
		path_or_null(c->env_findings.file), "policy_file", path_or_null(c->findings.file),
		"env_text", text_or_null(c->env_text, c->env_findings.text.n), "policy_text",
		text_or_null(c->policy_text, c->findings.text.n), "data_root",
		base64(span_of(c->policy.data_root)), "dockerd", dockerd_or_null(dockerd),
		"image_files", image_files(c), "grants", (json_int_t)grants);

	return o ? json_dumps(o, JSON_COMPACT) : NULL;
}
