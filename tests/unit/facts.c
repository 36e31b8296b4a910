/*
 * From requests to facts: how they read, their powers and their attributes, with an example of each
 * test of power_rules.tab. The cases have the rows one by one.
 */
#include "unit.h"

#include <stdio.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/facts.h"

static const char json[] = "application/json";

struct sample {
	const char *method, *target;
	const char *type; /* Content-Type; NULL: none */
	const char *body; /* NULL: none is shown */
};

/* Parses a sample into f; the caller frees the result. */
static char *parse(const struct sample *s, struct facts *f)
{
	struct request rq = { .method = span_of(s->method), .target = span_of(s->target) };
	struct err e;

	rq.has_content_type = s->type != NULL;
	rq.content_type = span_of(s->type);
	if (s->body) {
		rq.body = mem_copy(s->body, strlen(s->body));
		assert_non_null(rq.body);
		rq.body_len = strlen(rq.body);
	} else if (!s->type) {
		rq.has_content_length = true;
		rq.content_length = SPAN("0");
	}
	assert_int_equal(facts_parse(&rq, f, &e), 0);
	return rq.body;
}

/* "power power; kind text, kind text": all powers, and all details but those of a default. */
static void describe(const struct facts *f, char *out, size_t cap)
{
	const char *separator = "; ";
	char text[256];
	struct line l;

	line_init(&l, out, cap);
	(void)powers_write(&f->powers, " ", &l);
	for (size_t i = 0; i < f->attributes.count; i++) {
		if (f->attributes.items[i].implied || !attribute_is_detail(&f->attributes.items[i]))
			continue;
		attribute_write(&f->attributes.items[i], text, sizeof(text));
		line_add(&l, "%s%s", separator, text);
		separator = ", ";
	}
	assert_false(l.cut);
}

static void assert_facts(const struct sample *s, const char *want)
{
	struct facts f;
	char got[512];
	char *body = parse(s, &f);

	describe(&f, got, sizeof(got));
	if (f.reading != READING_EXACT || strcmp(got, want) != 0)
		fail_msg("%s %s: %s %s", s->target, s->body ? s->body : "", got, f.doubt.text);
	facts_free(&f);
	mem_free(body);
}

static void queries(void **state)
{
	static const struct {
		const char *method, *target, *facts;
	} rows[] = {
		{ "GET", "/_ping", "" },
		{ "GET", "/nothing", "unknown" },
		{ "POST", "/containers/a/start", "start" },
		{ "POST", "/containers/a/start?checkpoint=c%20d",
			"start checkpoint; checkpoint \"c d\"" },
		{ "POST", "/containers/a/start?checkpoint=", "start" },
		{ "POST", "/containers/a/attach?stdin=0", "attach" },
		{ "POST", "/containers/a/attach?stdin=1", "attach attach_stdin; stdin" },
		{ "GET", "/containers/a/archive?path=/etc", "archive_read; path /etc" },
		{ "POST", "/images/create?fromImage=x", "image_pull; docker.io/library/x" },
		{ "POST", "/images/create?fromImage=r:5000/x&tag=1", "image_pull; r:5000/x:1" },
		{ "POST", "/images/create?fromSrc=-&repo=x",
			"image_import; fromSrc, docker.io/library/x:latest" },
		{ "POST", "/images/create?fromSrc=http://x",
			"image_import dials_out; fromSrc, fromSrc" },
		{ "POST", "/images/a/tag?repo=b&tag=c",
			"tag; docker.io/library/a:latest, docker.io/library/b:c" },
		{ "POST", "/build?version=2",
			"build build_options; version 2, any image, any device" },
		{ "POST", "/build?version=1", "build; any image" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sample s = { .method = rows[i].method, .target = rows[i].target };

		assert_facts(&s, rows[i].facts);
	}
}

#define PRIVILEGED "Privileged, any capability, any device"

static const struct {
	const char *host_config, *facts;
} host_configs[] = {
	{ "", "create" },
	{ "\"Privileged\":true", "create privileged; " PRIVILEGED },
	{ "\"Privileged\":false", "create" },
	{ "\"privileged\":true", "create privileged; " PRIVILEGED },
	{ "\"CgroupParent\":\"/a\"", "create cgroup_parent; CgroupParent /a" },
	{ "\"PidMode\":\"host\"", "create host_pid; PidMode host" },
	{ "\"PidMode\":\"private\"", "create" },
	{ "\"PidMode\":\"container:a\"", "create join_container; PidMode container:a, PidMode a" },
	{ "\"Runtime\":\"runc\"", "create; Runtime runc" },
	{ "\"Runtime\":\"x\"", "create runtime; Runtime x, any device" },
	{ "\"Links\":[\"a\",\"b:c\"]", "create join_container; Links a, Links b" },
	{ "\"Devices\":[{\"PathOnHost\":\"/dev/sda\"}]", "create devices; /dev/sda" },
	{ "\"Sysctls\":{\"a.b\":\"1\"}", "create sysctls; a.b" },
	{ "\"LogConfig\":{\"Type\":\"syslog\",\"Config\":{\"tag\":\"a\",\"address\":\"b\"}}",
		"create log_driver; Type syslog, Config address" },
	{ "\"PortBindings\":{\"80/tcp\":[{\"HostIp\":\"::1\",\"HostPort\":\"8\"},{}]}",
		"create publish_ports; ::1:8:80/tcp, 80/tcp" },
	{ "\"PortBindings\":{\"80/tcp\":[]}", "create publish_ports; 80/tcp" },
	{ "\"NetworkMode\":\"host\"",
		"create host_network; NetworkMode host, any port, NetworkMode host" },
	{ "\"NetworkMode\":\"mine\"", "create; NetworkMode mine" },
	{ "\"Binds\":[\"/a:/b:ro,rslave\",\"vol:/c\",\"/d\"]",
		"create host_mounts; /a -> /b (ro), Binds vol" },
	{ "\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a\",\"Target\":\"/b\"}]",
		"create host_mounts; /a -> /b (rw)" },
	{ "\"Mounts\":[{\"Type\":\"volume\",\"Source\":\"a\"}]", "create; Source a" },
	{ "\"Mounts\":[{\"Type\":\"image\",\"Source\":\"x\"}]",
		"create; docker.io/library/x:latest" },
	{ "\"Tmpfs\":{\"/sys\":\"remount,rw\",\"/t\":\"size=1m\"}",
		"create unconfined; Tmpfs /sys" },
	{ "\"CapAdd\":[\"chown\",\"\\u017fys_admin\",\"\\u0131pc_lock\"]",
		"create capabilities; CAP_SYS_ADMIN, CAP_IPC_LOCK" },
	{ "\"SecurityOpt\":[\"no-new-privileges\",\"seccomp=builtin\",\"label:disable\"]",
		"create unconfined; SecurityOpt label:disable" },
	{ "\"SecurityOpt\":[\"seccomp={\\\"x\\\":1}\"]", "create unconfined; SecurityOpt seccomp" },
	{ "\"ReadonlyPaths\":[]", "create unconfined; ReadonlyPaths /proc/bus" },
	{ "\"ReadonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\","
	  "\"/proc/sysrq-trigger\"]",
		"create" },
};

static void bodies_of_containers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(host_configs) / sizeof(host_configs[0]); i++) {
		struct sample s = { "POST", "/containers/create", json, NULL };
		char body[256];
		struct line l;

		line_init(&l, body, sizeof(body));
		line_add(&l, "{\"HostConfig\":{%s}}", host_configs[i].host_config);
		assert_false(l.cut);
		s.body = body;
		assert_facts(&s, host_configs[i].facts);
	}
}

static void other_bodies(void **state)
{
	static const struct {
		const char *target, *body, *facts;
	} rows[] = {
		{ "/containers/create", "{\"Image\":\"x\",\"User\":\"0\",\"Cmd\":\"a b\"}",
			"create; docker.io/library/x:latest, User 0, Cmd \"a b\"" },
		{ "/containers/create", "{\"Env\":[\"A=s3cr3t\"]}", "create; Env A" },
		{ "/containers/create",
			"{\"NetworkingConfig\":{\"EndpointsConfig\":{\"n\":{\"DriverOpts\":"
			"{\"com.docker.network.endpoint.sysctls\":\"\"}}}}}",
			"create sysctls; EndpointsConfig n, "
			"com.docker.network.endpoint.sysctls" },
		{ "/containers/a/update", "{\"Memory\":1}", "update" },
		{ "/networks/n/connect", "{\"Container\":\"c\"}",
			"network_connect; network n, Container c" },
		{ "/volumes/create",
			"{\"Driver\":\"local\",\"DriverOpts\":{\"type\":\"none\",\"o\":\"bind,ro\","
			"\"device\":\"/a\"}}",
			"host_mounts volume_create; /a (ro)" },
		{ "/volumes/create",
			"{\"DriverOpts\":{\"type\":\"overlay\",\"o\":\"lowerdir=/a:/b\\\\c\","
			"\"device\":\"overlay\"}}",
			"host_mounts volume_create; DriverOpts overlay, /a (rw), /bc (rw)" },
		/* A disk is a path of the host, a share is none; other options name no path. */
		{ "/volumes/create",
			"{\"DriverOpts\":{\"type\":\"ext4\",\"device\":\"/dev/sda1\"}}",
			"host_mounts volume_create; /dev/sda1 (rw)" },
		{ "/volumes/create",
			"{\"DriverOpts\":{\"type\":\"cifs\",\"o\":\"addr=192.0.2.1,username=a,noperm\","
			"\"device\":\"//h/s\"}}",
			"host_mounts volume_create; DriverOpts cifs" },
		{ "/volumes/create", "{\"DriverOpts\":{\"type\":\"tmpfs\",\"device\":\"tmpfs\"}}",
			"volume_create" },
		{ "/services/create",
			"{\"TaskTemplate\":{\"ContainerSpec\":{\"Mounts\":[{\"Source\":\"/a\"}],"
			"\"Privileges\":{\"CredentialSpec\":{}}}}}",
			"host_mounts unconfined service_create; /a (rw), CredentialSpec" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sample s = { "POST", rows[i].target, json, rows[i].body };

		assert_facts(&s, rows[i].facts);
	}
}

static void readings(void **state)
{
	static const char form[] = "application/x-www-form-urlencoded";
	static const struct {
		struct sample sample;
		enum reading reading;
		const char *doubt;
	} rows[] = {
		{ { "GET", "/_ping", NULL, NULL }, READING_EXACT, "" },
		{ { "GET", "//_ping", NULL, NULL }, READING_UNROUTABLE,
			"its path is not clean (//, /./ or /../)" },
		{ { "GET", "/_ping?a;b", NULL, NULL }, READING_UNREADABLE,
			"its query holds a \";\"" },
		{ { "POST", "/containers/create", NULL, NULL }, READING_UNREADABLE,
			"its body is empty" },
		{ { "POST", "/containers/create", "text/plain", NULL }, READING_UNREADABLE,
			"dockerd did not pass on its body (Content-Type \"text/plain\")" },
		{ { "POST", "/containers/create", json, "{" }, READING_UNREADABLE,
			"its body is not JSON (at byte 2)" },
		{ { "POST", "/containers/a/kill", form, NULL }, READING_UNREADABLE,
			"a form body may change what it asks for" },
		{ { "POST", "/containers/a/kill", "text/plain", NULL }, READING_EXACT, "" },
		{ { "POST", "/containers/a/stop", "text/plain", NULL }, READING_UNREADABLE,
			"it has a Content-Type, and perhaps a body that dockerd did not pass on" },
		{ { "GET", "/containers/json", "text/plain", NULL }, READING_EXACT, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct facts f;
		char *body = parse(&rows[i].sample, &f);

		assert_int_equal(f.reading, rows[i].reading);
		assert_string_equal(f.doubt.text, rows[i].doubt);
		facts_free(&f);
		mem_free(body);
	}
}

/* A build whose form body dsp is not shown, and a service that returns to what it was. */
static void incomplete(void **state)
{
	static const struct sample build = { "POST", "/build", "application/x-tar", NULL };
	static const struct sample rollback = { "POST", "/services/s/update?rollback=previous",
		json, "{}" };
	struct facts f;
	char *body;

	(void)state;
	mem_free(parse(&build, &f));
	assert_true(f.incomplete && powerset_has(&f.powers, POWER_BUILD_OPTIONS));
	facts_free(&f);
	body = parse(&rollback, &f);
	assert_true(f.incomplete && powerset_has(&f.powers, POWER_DOCKER_SOCKET));
	facts_free(&f);
	mem_free(body);
}

static void names(void **state)
{
	static const struct sample plugin = { "POST", "/plugins/pull?remote=docker.io/me/dsp:1",
		json, "[]" };
	static const struct sample container = { "GET", "/v1.41/containers/a%2Fb/json", NULL,
		NULL };
	char target[1024];
	struct sample large = { "GET", target, NULL, NULL };
	struct facts f;
	char *body = parse(&plugin, &f);

	(void)state;
	assert_true(span_equal(f.plugin, SPAN("me/dsp")));
	facts_free(&f);
	mem_free(body);
	mem_free(parse(&container, &f));
	assert_true(span_equal(f.name, SPAN("a/b")));
	assert_false(f.plain_name);
	facts_free(&f);
	/* More than has room in the facts themselves. */
	(void)snprintf(target, sizeof(target), "/containers/%0900d%%20/json", 0);
	mem_free(parse(&large, &f));
	assert_int_equal(f.name.n, 901);
	facts_free(&f);
}

static void assert_mount(
	const char *source, const struct mount_info *info, const char *powers, bool invisible)
{
	struct sample s = { "POST", "/containers/create", json, NULL };
	struct facts f;
	char text[256];
	struct line l;
	struct err e;
	char *body;

	line_init(&l, text, sizeof(text));
	line_add(&l, "{\"HostConfig\":{\"Binds\":[\"%s:/t\"]}}", source);
	s.body = text;
	body = parse(&s, &f);
	/* Its missing name; and default network, capabilities, runtime. */
	assert_int_equal(f.attributes.count, 5);
	f.attributes.items[1].mount_info = info;
	assert_int_equal(facts_add_mount_powers(&f, SPAN("/run/own"), &e), 0);
	line_init(&l, text, sizeof(text));
	(void)powers_write(&f.powers, " ", &l);
	if (strcmp(text, powers) != 0)
		fail_msg("%s: %s", source, text);
	assert_int_equal(f.invisible_mount, invisible);
	facts_free(&f);
	mem_free(body);
}

/* By its text or by what was found there: either is enough. */
static void powers_of_mounts(void **state)
{
	static const struct mount_info nothing = { .visible = true };
	static const struct mount_info all = {
		.visible = true, .socket = true, .dsp_file = true, .device = true
	};
	static const struct mount_info invisible = { .visible = false };

	(void)state;
	assert_mount("/srv", NULL, "create host_mounts", false);
	assert_mount("/srv", &nothing, "create host_mounts", false);
	assert_mount("/srv", &invisible, "create host_mounts", true);
	assert_mount("/srv", &all, "create host_mounts docker_socket devices dsp_files", false);
	assert_mount("/", NULL, "create host_mounts docker_socket", false);
	assert_mount("/dev//sda", &nothing, "create host_mounts devices", false);
	assert_mount("/run/own/x", &nothing, "create host_mounts dsp_files", false);
	assert_mount("/etc/../run/docker.sock", NULL, "create host_mounts docker_socket", false);
}

static void hidden_mounts(void **state)
{
	static const struct sample s = { "POST", "/containers/create", json,
		"{\"User\":\"a\",\"HostConfig\":{\"Binds\":[\"/a:/b\"]}}" };
	struct facts f;
	struct err e;
	char *body = parse(&s, &f);

	(void)state;
	facts_hide_mounts(&f);
	assert_null(f.attributes.items[1].mount_info);
	assert_false(f.attributes.items[2].mount_info->visible);
	assert_int_equal(facts_add_mount_powers(&f, SPAN("/run/own"), &e), 0);
	assert_true(f.invisible_mount);
	facts_free(&f);
	mem_free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queries),
		cmocka_unit_test(bodies_of_containers),
		cmocka_unit_test(other_bodies),
		cmocka_unit_test(readings),
		cmocka_unit_test(incomplete),
		cmocka_unit_test(names),
		cmocka_unit_test(powers_of_mounts),
		cmocka_unit_test(hidden_mounts),
	};

	return cmocka_run_group_tests_name("facts", tests, NULL, NULL);
}
