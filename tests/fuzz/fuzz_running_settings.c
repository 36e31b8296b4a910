/*
 * What a dspd, or any program in its place, answers to a tool that asks for the settings in force.
 * Input: the JSON of the answer. What is taken is what its base64 holds, by a second reading.
 */
#include <stdlib.h>
#include <string.h>

#include "dsp/dockerd/running_settings.h"
#include "fuzz.h"

/* The bytes are those that the member holds in base64; text: they hold no zero byte either. */
static void check_member(const json_t *member, const char *bytes, size_t n, bool text)
{
	struct span in = { json_string_value(member), json_string_length(member) };
	char *out = fuzz_room(in.n);

	CHECK(in.s != NULL);
	CHECK(fuzz_base64(in, out) == n && memcmp(out, bytes, n) == 0 && bytes[n] == '\0');
	CHECK(!text || strlen(bytes) == n);
	free(out);
}

static void check_text(const json_t *o, const char *key, const char *text)
{
	CHECK(text != NULL);
	check_member(json_object_get(o, key), text, strlen(text), true);
}

/* A path and the text of its file: both are null, or the path is there. */
static void check_file(
	const json_t *o, const char *const *keys, const struct loaded_file *file, bool has)
{
	CHECK((file->path == NULL) == json_is_null(json_object_get(o, keys[0])));
	CHECK(has == !json_is_null(json_object_get(o, keys[1])));
	CHECK(file->path || !has);
	if (file->path)
		check_text(o, keys[0], file->path);
	if (has)
		check_member(json_object_get(o, keys[1]), file->text.s, file->text.n, false);
}

static void check_answer(const json_t *o, const struct running_settings *r)
{
	static const char *const env_keys[] = { "env_file", "env_text" };
	static const char *const policy_keys[] = { "policy_file", "policy_text" };
	const struct loaded_file env_file = { r->sources.env_file, r->loaded.env_file };
	const struct loaded_file policy = { r->sources.policy, r->loaded.policy };
	const json_t *list = json_object_get(o, "environment");
	const json_t *dockerd = json_object_get(o, "dockerd");
	size_t count = json_array_size(list);

	check_text(o, "broken", r->broken);
	check_text(o, "socket", r->sources.socket);
	check_text(o, "data_root", r->loaded.data_root);
	CHECK(r->since == (uint64_t)json_integer_value(json_object_get(o, "since")));
	CHECK(r->sources.loaded == &r->loaded && r->sources.environment != NULL);
	for (size_t i = 0; i < count; i++) {
		const char *one = r->sources.environment[i];

		CHECK(one != NULL);
		check_member(json_array_get(list, i), one, strlen(one), true);
	}
	CHECK(r->sources.environment[count] == NULL);
	check_file(o, env_keys, &env_file, r->loaded.has_env_file);
	check_file(o, policy_keys, &policy, r->loaded.has_policy);
	CHECK(r->loaded.image_file_count == json_array_size(json_object_get(o, "image_files")));
	for (size_t i = 0; i < r->loaded.image_file_count; i++)
		CHECK(r->loaded.image_files[i].path && r->loaded.image_files[i].text.s);
	CHECK(r->asked_dockerd == !json_is_null(dockerd));
	if (!r->asked_dockerd)
		return;
	check_text(dockerd, "default_runtime", r->daemon.default_runtime);
	check_text(dockerd, "seccomp", r->daemon.seccomp);
	check_text(dockerd, "version", r->daemon.version);
	check_text(dockerd, "api_version", r->daemon.api_version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *o = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
	struct running_settings r = { .broken = "" };

	if (o && running_settings_parse(o, &r))
		check_answer(o, &r);
	running_settings_free(&r);
	json_decref(o);
	return 0;
}
