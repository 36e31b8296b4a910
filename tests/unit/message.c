/* Denials in words: one example for each step, and what is cut when a line is too short. */
#include "questions.h"

#include "dsp/core/base/text.h"

#define BUILDER "{'Image': 'moby/buildkit:buildx-stable-1', 'HostConfig': {'Privileged': true}}"

static const char create[] = "/containers/create";
static const char rules[] =
	"{'rules': [{'name': 'no kills', 'who': ['*'], 'deny': ['container_kill'],"
	"            'message': 'ask the on-call'},"
	"           {'name': 'a', 'who': ['*'], 'allow': ['system_*']}], 'otherwise': 'deny'}";
static const char builds[] =
	"{'rules': [{'name': 'b', 'who': ['*'], 'allow': ['session_start', 'container_create'],"
	"            'powers': ['create', 'build']}], 'otherwise': 'deny'}";
static const char profile[] =
	"{'rules': [{'name': 'b', 'who': ['*'], 'allow': ['container_delete'], 'powers': ['stop']}],"
	" 'otherwise': 'profile'}";

static const struct row {
	const char *flags, *file;
	struct question q;
	const char *message;
} table[] = {
	{ "", NULL, { "GET", "/info", NULL, NULL, NULL }, "allowed" },
	{ "", NULL, { "POST", "/containers/web/exec", "{}", NULL, NULL },
		"exec is closed (container_exec_create on \"web\"): ALLOW_EXEC is not set; ALLOW_EXEC=1 "
		"opens it" },
	{ "ALLOW_HOST_MOUNTS=0", NULL,
		{ "POST", create, "{'HostConfig': {'Binds': ['/etc:/host']}}", NULL, NULL },
		"host_mounts is closed (container_create: /etc -> /host (rw)): ALLOW_HOST_MOUNTS "
		"is 0; ALLOW_HOST_MOUNTS=1 opens it" },
	{ "DSP_PROFILE=hardened", NULL,
		{ "POST", create, "{'HostConfig': {'Privileged': true, 'PidMode': 'host'}}", NULL,
			NULL },
		"privileged, host_pid are closed (container_create: PidMode host): profile hardened; "
		"ALLOW_PRIVILEGED=1 ALLOW_HOST_PID=1 open it" },
	{ "POST=0", NULL, { "POST", "/containers/a/wait", NULL, NULL, NULL },
		"container_wait on \"a\" is a write: POST is 0; POST=1 opens it" },
	{ "IMAGES=0", NULL, { "GET", "/images/json", NULL, NULL, NULL },
		"image_list is in section IMAGES: IMAGES is 0; IMAGES=1 opens it" },
	{ "DSP_PROFILE=readonly", NULL, { "POST", "/containers/a/wait", NULL, NULL, NULL },
		"container_wait on \"a\" is a write, and profile readonly allows only reads; "
		"no flag opens it, but a rule of a policy file can" },
	{ "DSP_PROFILE=tecnativa", NULL, { "GET", "/nowhere", NULL, NULL, NULL },
		"unknown is closed (path \"/nowhere\"): profile tecnativa has no rule for it; "
		"no flag opens it, but a rule of a policy file can" },
	{ "", NULL, { "POST", "/plugins/pull?remote=dsp&name=dsp", "[]", NULL, NULL },
		"plugin_control is closed (plugin_pull): dockerd would ask a managed plugin "
		"\"dsp\" instead of this one; no flag opens it" },
	{ "", rules, { "POST", "/containers/web/kill", NULL, NULL, NULL },
		"rule \"no kills\" of the policy file denies container_kill on \"web\": ask "
		"the on-call" },
	{ "", rules, { "POST", "/containers/web/stop", NULL, "anna", NULL },
		"no rule of the policy file allows container_stop on \"web\" to cn:anna; it "
		"asks for stop" },
	{ "POST=0", NULL, { "POST", "/containers/a/stop", NULL, NULL, NULL },
		"container_stop on \"a\" is a write: POST is 0; ALLOW_STOP=1 opens it" },
	{ "", NULL, { "GET", "/a/../b", NULL, NULL, NULL },
		"cannot route this request: its path is not clean (//, /./ or /../); send it as the API documents it" },
	{ "", NULL, { "POST", create, "{'Image': 1", NULL, NULL },
		"cannot check this request: its body is not JSON (at byte 12); correct it and send it again" },
	{ "DSP_PROFILE=tecnativa", NULL, { "GET", "/images/json", NULL, NULL, NULL },
		"image_list is in section IMAGES: IMAGES is not set; IMAGES=1 opens it" },
	{ "DSP_PROFILE=tecnativa\nPOST=1\nCONTAINERS=1", NULL,
		{ "POST", "/containers/a/exec", "{}", NULL, NULL },
		"exec is closed (container_exec_create on \"a\"): ALLOW_EXEC is not set; "
		"ALLOW_EXEC=1 lifts this rule of profile tecnativa" },
	{ "DSP_PROFILE=tecnativa\nPOST=1\nCONTAINERS=1\nALLOW_KILL=0", NULL,
		{ "POST", "/containers/a/kill", NULL, NULL, NULL },
		"kill is closed (container_kill on \"a\"): ALLOW_KILL is 0; ALLOW_KILL=1 lifts this" },
	{ "", rules, { "GET", "/info", NULL, NULL, NULL }, "allowed" },
	{ "DSP_PROFILE=hardened", NULL,
		{ "POST", create,
			"{'HostConfig': {'DeviceRequests': [{'Count': -1, 'Capabilities': "
			"[['gpu']]}]}}",
			NULL, NULL },
		"devices is closed (container_create: device request gpu:all): ALLOW_DEVICES is not "
		"set; ALLOW_DEVICES=1 opens it" },
	/* buildx's builder: what the build itself needs. */
	{ "DSP_PROFILE=hardened", NULL, { "POST", create, BUILDER, NULL, NULL },
		"buildx makes this builder where dsp denies the build itself: build_options is "
		"closed (session_start: a build by BuildKit): ALLOW_BUILD_OPTIONS is not set; if "
		"you accept that, ALLOW_BUILD_OPTIONS=1 opens it" },
	{ "DSP_PROFILE=hardened\nALLOW_BUILD_OPTIONS=1", NULL,
		{ "POST", create, BUILDER, NULL, NULL },
		"privileged is closed (container_create): ALLOW_PRIVILEGED is not set; "
		"ALLOW_PRIVILEGED=1 opens it" },
	{ "ALLOW_PRIVILEGED=0\nGRPC=0", NULL,
		{ "POST", "/containers/create?platform=x&name=buildx_buildkit_b0",
			"{'Image': 'own/buildkit', 'HostConfig': {'Privileged': true}}", NULL,
			NULL },
		"buildx makes this builder where dsp denies the build itself: grpc is in section "
		"GRPC: GRPC is 0; ALLOW_IMAGE_EXPORT=1 ALLOW_BUILD=1 ALLOW_BUILD_OPTIONS=1 "
		"ALLOW_TAG=1 open it" },
	{ "ALLOW_BUILD=0", NULL,
		{ "POST", "/containers/buildx_buildkit_default/exec", "{}", NULL, NULL },
		"buildx makes this builder where dsp denies the build itself: build is closed "
		"(session_start: a build by BuildKit): ALLOW_BUILD is 0; ALLOW_BUILD=1 opens it" },
	{ "", rules, { "POST", create, BUILDER, "anna", NULL },
		"buildx makes this builder where dsp denies the build itself: no rule of the policy "
		"file allows session_start to cn:anna; it asks for image_export, build, "
		"build_options, tag" },
	{ "", builds, { "POST", create, BUILDER, NULL, NULL },
		"buildx makes this builder where dsp denies the build itself: rule \"b\" does not "
		"cover power image_export, power build_options, power tag (anonymous, "
		"session_start)" },
	/* What opens least: a power's flag before a section's or POST, a rule before a flag. */
	{ "CONTAINERS=0", NULL, { "POST", "/containers/a/stop", NULL, NULL, NULL },
		"container_stop on \"a\" is in section CONTAINERS: CONTAINERS is 0; ALLOW_STOP=1 "
		"opens it" },
	{ "POST=0\nALLOW_HOST_MOUNTS=0", NULL,
		{ "POST", create, "{'HostConfig': {'Binds': ['/etc:/host']}}", NULL, NULL },
		"host_mounts is closed (container_create: /etc -> /host (rw)): ALLOW_HOST_MOUNTS is "
		"0; ALLOW_CREATE=1 ALLOW_HOST_MOUNTS=1 open it" },
	{ "POST=0\nCONTAINERS=0", NULL, { "POST", "/containers/a/wait", NULL, NULL, NULL },
		"container_wait on \"a\" is a write: POST is 0; POST=1 CONTAINERS=1 open it" },
	{ "DSP_PROFILE=readonly", NULL, { "POST", "/containers/a/restart", NULL, NULL, NULL },
		"restart is closed (container_restart on \"a\"): ALLOW_RESTART is not set; "
		"ALLOW_RESTART=1 opens it" },
	{ "DSP_PROFILE=linuxserver", NULL, { "POST", "/containers/a/stop", NULL, NULL, NULL },
		"container_stop on \"a\" is a write: POST is not set; ALLOW_STOP=1 opens it" },
	{ "DSP_PROFILE=linuxserver", NULL, { "POST", "/containers/a/restart", NULL, NULL, NULL },
		"container_restart on \"a\" is a write: POST is not set; ALLOW_RESTARTS=1 opens it" },
	{ "DSP_PROFILE=tecnativa\nPOST=1", NULL, { "POST", "/containers/a/stop", NULL, NULL, NULL },
		"container_stop on \"a\" is in section CONTAINERS: CONTAINERS is not set; "
		"ALLOW_STOP=1 opens it" },
	{ "DSP_PROFILE=hardened", profile,
		{ "POST", create, "{'HostConfig': {'Binds': ['/etc:/host']}}", NULL, NULL },
		"host_mounts is closed (container_create: /etc -> /host (rw)): ALLOW_HOST_MOUNTS is "
		"not set; a rule for anonymous opens it: \"allow\": [\"container_create\"], "
		"\"powers\": [\"create\"], \"mounts\": [\"/etc\"]" },
	{ "", profile, { "POST", "/containers/web/kill", NULL, "anna", NULL },
		"kill is closed (container_kill on \"web\"): ALLOW_KILL is not set; a rule for "
		"cn:anna opens it: \"allow\": [\"container_kill\"], \"powers\": [\"kill\"]" },
	{ "", profile, { "DELETE", "/containers/web", NULL, NULL, NULL },
		"rule \"b\" does not cover power delete (anonymous, container_delete on \"web\"); "
		"profile guard closes delete" },
	{ "ALLOW_DELETE=0", profile, { "DELETE", "/containers/web", NULL, NULL, NULL },
		"rule \"b\" does not cover power delete (anonymous, container_delete on \"web\"); "
		"ALLOW_DELETE is 0" },
	{ "", rules, { "GET", "/info", NULL, NULL, "x" },
		"no user has the token in X-Dsp-Token: send one that the policy file has, or "
		"none; no flag opens it" },
};

static void each_step(void **state)
{
	static struct world w;
	static struct answer a;

	(void)state;
	for (const struct row *r = table; r < table + sizeof(table) / sizeof(table[0]); r++) {
		world_open(&w, r->flags, r->file);
		world_ask(&w, &r->q, &a);
		assert_string_equal(a.message, r->message);
		answer_free(&a);
		world_close(&w);
	}
}

static void broken(void **state)
{
	static struct policy p;
	struct facts facts = { .reading = READING_EXACT };
	struct subject anonymous = subject_at(NULL, SUBJECT_ANONYMOUS);
	struct decision d;
	char text[MESSAGE_MOST];
	char reason[320];

	(void)state;
	memset(reason, 'x', sizeof(reason));
	reason[sizeof(reason) - 1] = '\0';
	policy_broken(reason, &p);
	d = decide(&p, &anonymous, &facts, NULL);
	message_write(&(struct message){ &p, &anonymous, &facts, &d,
			      &(struct nearest_rule){ .rule = NULL } },
		text);
	assert_int_equal(strlen(text), MESSAGE_MOST - 1);
	assert_memory_equal(text, "denies every request because its settings are broken: x", 54);
}

/*
 * However many powers are closed and however long a mount's source is, the message is printable and
 * names a flag to set.
 */
static void long_texts(void **state)
{
	static const char *const powers[] = { ", 'Privileged': true", ", 'PidMode': 'host'",
		", 'CapAdd': ['ALL']", ", 'UsernsMode': 'host'", ", 'IpcMode': 'host'" };
	static struct world w;
	static struct answer a;
	struct question q = { "POST", "/containers/create", NULL, NULL, NULL };
	char body[1000];
	char source[300];

	(void)state;
	world_open(&w, "DSP_PROFILE=hardened", NULL);
	q.body = body;
	for (size_t i = 0; i < 1000; i++) {
		size_t length = 1 + die(sizeof(source) - 2);
		struct line l;

		memset(source, 'm', length);
		source[length] = '\0';
		line_init(&l, body, sizeof(body));
		line_add(&l, "{'HostConfig': {'Binds': ['/%s:/a']", source);
		for (size_t k = 0; k < sizeof(powers) / sizeof(powers[0]); k++)
			line_add(&l, "%s", die(2) == 0 ? powers[k] : "");
		line_add(&l, "}}");
		world_ask(&w, &q, &a);
		assert_int_equal(a.decision.by, DECIDED_BY_POWER);
		assert_true(strlen(a.message) < MESSAGE_MOST);
		for (const char *c = a.message; *c; c++)
			assert_true(*c >= ' ' && *c <= '~');
		assert_non_null(strstr(a.message, "=1"));
		answer_free(&a);
	}
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step),
		cmocka_unit_test(broken),
		cmocka_unit_test(long_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
