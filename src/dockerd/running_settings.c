#include "dsp/dockerd/running_settings.h"

#include <errno.h>

#include "dsp/core/base/b64.h"
#include "dsp/core/base/text.h"
#include "dsp/protocol/http_client.h"
#include "dsp/protocol/protocol.h"

enum { ASK_MS = 2000, VARIABLES_MOST = 1024 };

/* The bytes that a member holds in base64, terminated; NULL: it is no base64, or no memory. */
static char *decode(struct mem_list *memory, const json_t *member, size_t *n)
{
	struct span text = { json_string_value(member), json_string_length(member) };
	char *copy;

	if (!text.s || !b64_valid(text))
		return NULL;
	copy = mem_list_alloc(memory, text.n + 1);
	if (!copy)
		return NULL;
	memcpy(copy, text.s, text.n + 1);
	*n = b64_decode(copy, text.n);
	copy[*n] = '\0';
	return copy;
}

/* The same of a text that holds no zero byte. */
static char *decode_text(struct mem_list *memory, const json_t *member)
{
	size_t n;
	char *text = decode(memory, member, &n);

	return text && strlen(text) == n ? text : NULL;
}

/* A file that was read: its path and its bytes, or null for both. */
static bool decode_file(struct running_settings *r, const json_t *o, const char *const *keys,
	struct loaded_file *ret, bool *has)
{
	const json_t *bytes = json_object_get(o, keys[1]);

	*has = !json_is_null(bytes);
	if (json_is_null(json_object_get(o, keys[0])))
		return !*has;
	ret->path = decode_text(&r->memory, json_object_get(o, keys[0]));
	/* Settings may be broken because the file could not be read. */
	if (*has)
		ret->text.s = decode(&r->memory, bytes, &ret->text.n);
	return ret->path && (!*has || ret->text.s);
}

/* The files that list images: pairs of path and bytes. */
static bool decode_image_files(struct running_settings *r, const json_t *list)
{
	struct loaded_texts *loaded = &r->loaded;
	size_t count = json_array_size(list);

	if ((list && !json_is_array(list)) || count > IMAGE_FILES_MOST)
		return false;
	for (size_t i = 0; i < count; i++) {
		const json_t *pair = json_array_get(list, i);
		struct loaded_file *file = &loaded->image_files[i];

		file->path = decode_text(&r->memory, json_array_get(pair, 0));
		file->text.s = decode(&r->memory, json_array_get(pair, 1), &file->text.n);
		if (json_array_size(pair) != 2 || !file->path || !file->text.s)
			return false;
		loaded->image_file_count++;
	}
	return true;
}

static bool decode_environment(struct running_settings *r, const json_t *list)
{
	size_t count = json_array_size(list);
	char **all;

	if (!json_is_array(list) || count > VARIABLES_MOST)
		return false;
	all = mem_list_alloc(&r->memory, (count + 1) * sizeof(*all));
	for (size_t i = 0; all && i < count; i++) {
		all[i] = decode_text(&r->memory, json_array_get(list, i));
		if (!all[i])
			return false;
	}
	r->sources.environment = all;
	return all != NULL;
}

static bool decode_fact(struct running_settings *r, const json_t *member, char *to, size_t cap)
{
	const char *text = decode_text(&r->memory, member);

	if (!text || strlen(text) >= cap)
		return false;
	text_copy(span_of(text), to, cap);
	return true;
}

/* What dspd knows of dockerd; null: it guesses. */
static bool decode_dockerd(struct running_settings *r, const json_t *o)
{
	struct daemon_facts *d = &r->daemon;

	r->asked_dockerd = !json_is_null(o);
	if (!r->asked_dockerd)
		return true;
	d->known = json_is_true(json_object_get(o, "known"));
	return decode_fact(r, json_object_get(o, "default_runtime"), d->default_runtime,
		       sizeof(d->default_runtime)) &&
		decode_fact(r, json_object_get(o, "seccomp"), d->seccomp, sizeof(d->seccomp)) &&
		decode_fact(r, json_object_get(o, "version"), d->version, sizeof(d->version)) &&
		decode_fact(r, json_object_get(o, "api_version"), d->api_version,
			sizeof(d->api_version));
}

bool running_settings_parse(const json_t *o, struct running_settings *r)
{
	static const char *const env_file[] = { "env_file", "env_text" };
	static const char *const policy[] = { "policy_file", "policy_text" };
	struct loaded_file env = { .path = NULL };
	struct loaded_file rules = { .path = NULL };
	const json_t *since = json_object_get(o, "since");
	bool files = decode_file(r, o, env_file, &env, &r->loaded.has_env_file) &&
		decode_file(r, o, policy, &rules, &r->loaded.has_policy);

	r->sources.env_file = env.path;
	r->loaded.env_file = env.text;
	r->sources.policy = rules.path;
	r->loaded.policy = rules.text;
	r->pid = (pid_t)json_integer_value(json_object_get(o, "pid"));
	r->since = (uint64_t)json_integer_value(since);
	r->grants = (uint64_t)json_integer_value(json_object_get(o, "grants"));
	r->sources.managed = json_is_true(json_object_get(o, "managed"));
	r->sources.loaded = &r->loaded;
	r->broken = decode_text(&r->memory, json_object_get(o, "broken"));
	r->sources.socket = decode_text(&r->memory, json_object_get(o, "socket"));
	r->loaded.data_root = decode_text(&r->memory, json_object_get(o, "data_root"));
	return files && json_is_integer(since) && r->since < (uint64_t)1 << 40 && r->broken &&
		r->sources.socket && r->loaded.data_root &&
		decode_dockerd(r, json_object_get(o, "dockerd")) &&
		decode_environment(r, json_object_get(o, "environment")) &&
		decode_image_files(r, json_object_get(o, "image_files"));
}

static void copy_version(struct running_settings *r, const json_t *o)
{
	text_escape(span_of(json_string_value(json_object_get(o, "version"))), r->version,
		sizeof(r->version));
}

/* Something listens that does not know the request: a dspd of before, or another program. */
static enum running_result ask_status(
	const char *socket, struct running_settings *ret, struct err *e)
{
	json_auto_t *o = http_client_ask_dsp(socket, ENDPOINT_STATUS, ASK_MS, NULL, e);

	if (!o)
		return RUNNING_MUTE;
	ret->pid = (pid_t)json_integer_value(json_object_get(o, "pid"));
	copy_version(ret, o);
	if (ret->version[0])
		return RUNNING_OLD;
	err_set(e, 0, "%s: a program other than dspd listens there", socket);
	return RUNNING_MUTE;
}

enum running_result running_settings_ask(
	const char *socket, struct running_settings *ret, struct err *e)
{
	int status = 0;
	json_auto_t *o = http_client_ask_dsp(socket, ENDPOINT_SETTINGS, ASK_MS, &status, e);

	*ret = (struct running_settings){ .broken = "" };
	if (!o && (e->code == ENOENT || e->code == ECONNREFUSED))
		return RUNNING_NOT;
	if (!o)
		return RUNNING_MUTE;
	copy_version(ret, o);
	if (status == 404)
		return ask_status(socket, ret, e);
	if (status == 200 && ret->version[0] && running_settings_parse(o, ret))
		return RUNNING_KNOWN;
	err_set(e, 0, "%s: the answer is not that of a dspd of this version", socket);
	return ret->version[0] ? RUNNING_OLD : RUNNING_MUTE;
}

void running_settings_free(struct running_settings *r)
{
	mem_list_free(&r->memory);
}
