#include "stand_in.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"

/* The newest (moby daemon/config: MaxAPIVersion). */
#define NEWEST_API "1.56"
#define NEWEST "29.7.2"
#define NOT_SENT "dsp explain: recorded, not sent to Docker"
#define IMAGE_ID "sha256:d500000000000000000000000000000000000000000000000000000000000000"
#define TIME "2020-01-01T00:00:00Z"
#define EVENT_TIME ((json_int_t)1577836800) /* the same */

/*
 * A container that was started is inspected so often, then it has ended: some clients wait until it
 * is healthy, others until it has ended.
 */
#define INSPECTED "DspInspected"
enum { ID_ROOM = 65, INSPECTIONS = 5 };

typedef json_t *maker(struct stand_in *s, const struct facts *facts, json_t *body);

/* --- ids and names -----------------------------------------------------------------------------*/

/* 64 digits, of which the first twelve differ: clients show no more. */
static void make_id(struct stand_in *s, char out[ID_ROOM])
{
	(void)snprintf(out, ID_ROOM, "d5%010x%052d", ++s->made, 0);
}

static const char *text_of(const json_t *o, const char *member)
{
	const char *text = json_string_value(json_object_get(o, member));

	return text ? text : "";
}

/* A parameter of the query, as it stands; its names have no escapes. */
static void query_value(const struct facts *facts, const char *key, char *out, size_t cap)
{
	struct span rest = facts->target.query;

	out[0] = '\0';
	while (rest.n > 0) {
		struct span pair = span_cut(&rest, '&');
		struct span name = span_cut(&pair, '=');

		if (span_equal(name, span_of(key)))
			text_copy(pair, out, cap);
	}
}

/* An object that the client made, by its id, the beginning of it, or its name; NULL: none. */
static json_t *find_made(json_t *made, struct span name)
{
	const char *id;
	json_t *o;

	json_object_foreach (made, id, o) {
		struct span other = span_of(text_of(o, "Name"));

		if (other.n > 0 && other.s[0] == '/')
			other = span_after(other, 1);
		if (span_equal(other, name) || (name.n >= 12 && span_starts(span_of(id), name)))
			return o;
	}
	return NULL;
}

static json_t *values(const json_t *made)
{
	json_t *list = json_array();
	const char *id;
	json_t *o;

	json_object_foreach ((json_t *)(uintptr_t)made, id, o)
		(void)json_array_append(list, o);
	return list;
}

/* What a create asked for, or an empty object. */
static json_t *part_of(const json_t *body, const char *member)
{
	json_t *o = json_object_get(body, member);

	return json_is_object(o) ? json_incref(o) : json_object();
}

/* --- containers --------------------------------------------------------------------------------*/

static json_t *container(const char *id, const char *name, json_t *config)
{
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:[], s:{s:s, s:b, s:b, s:b, s:b, s:i, s:i, s:s, s:s, "
		"s:s, s:{s:s, s:i, s:[]}}, s:o, s:o, s:{s:{}, s:{}}, s:[], s:i, s:s, s:s}",
		"Id", id, "Name", name, "Created", TIME, "Image", IMAGE_ID, "Path", "true",
		"Driver", "overlay2", "Args", "State", "Status", config ? "created" : "running",
		"Running", config ? 0 : 1, "Paused", 0, "Restarting", 0, "Dead", 0, "Pid", 1,
		"ExitCode", 0, "Error", "", "StartedAt", TIME, "FinishedAt", TIME, "Health",
		"Status", "healthy", "FailingStreak", 0, "Log", "HostConfig",
		part_of(config, "HostConfig"), "Config",
		config ? json_copy(config)
		       : json_pack("{s:{}, s:s, s:[]}", "Labels", "Image", "", "Env"),
		"NetworkSettings", "Networks", "Ports", "Mounts", "RestartCount", 0, "Platform",
		"linux", "LogPath", "");
}

static json_t *create_container(struct stand_in *s, const struct facts *facts, json_t *body)
{
	char id[ID_ROOM];
	char name[256] = "/";

	make_id(s, id);
	query_value(facts, "name", name + 1, sizeof(name) - 1);
	if (name[1] == '\0')
		text_copy((struct span){ id, 12 }, name + 1, sizeof(name) - 1);
	(void)json_object_set_new(s->containers, id, container(id, name, body));
	return json_pack("{s:s, s:[]}", "Id", id, "Warnings");
}

/* Adds the event that a container has ended. */
static void end_container(struct stand_in *s, json_t *container)
{
	json_t *state = json_object_get(container, "State");
	const json_t *config = json_object_get(container, "Config");
	const char *id = text_of(container, "Id");
	json_t *labels;

	if (!json_is_true(json_object_get(state, "Running")))
		return;
	labels = json_object();
	(void)json_object_update(labels, json_object_get(config, "Labels"));
	(void)json_object_set_new(state, "Status", json_string("exited"));
	(void)json_object_set_new(state, "Running", json_false());
	(void)json_object_set_new(labels, "name", json_string(text_of(container, "Name") + 1));
	(void)json_object_set_new(labels, "exitCode", json_string("0"));
	(void)json_array_append_new(s->events,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:{s:s, s:o}}", "Type",
			"container", "Action", "die", "status", "die", "id", id, "from",
			text_of(config, "Image"), "scope", "local", "time", EVENT_TIME, "timeNano",
			EVENT_TIME * 1000000000, "Actor", "ID", id, "Attributes", labels));
}

/* When the last one that the client made has been started, all of them have done their work. */
static json_t *start_container(struct stand_in *s, const struct facts *facts, json_t *body)
{
	json_t *made = find_made(s->containers, facts->name);
	json_t *state = json_object_get(made, "State");
	bool waits = false;
	const char *id;
	json_t *o;

	(void)body;
	(void)json_object_set_new(state, "Status", json_string("running"));
	(void)json_object_set_new(state, "Running", json_true());
	json_object_foreach (s->containers, id, o)
		waits = waits ||
			strcmp(text_of(json_object_get(o, "State"), "Status"), "created") == 0;
	json_object_foreach (s->containers, id, o) {
		if (!waits)
			end_container(s, o);
	}
	return NULL;
}

/* A container that the client did not make is there too: what it wants of it is to be seen. */
static json_t *inspect_container(struct stand_in *s, const struct facts *facts, json_t *body)
{
	json_t *made = find_made(s->containers, facts->name);
	json_int_t times = json_integer_value(json_object_get(made, INSPECTED));
	char name[256] = "/";
	char id[ID_ROOM];

	(void)body;
	if (made) {
		(void)json_object_set_new(made, INSPECTED, json_integer(times + 1));
		if (times >= INSPECTIONS)
			end_container(s, made);
		return json_incref(made);
	}
	/* buildx asks for the container of a builder, and makes it where there is none. */
	if (span_starts(facts->name, SPAN("buildx_buildkit")))
		return NULL;
	text_copy(facts->name, name + 1, sizeof(name) - 1);
	make_id(s, id);
	return container(id, name, NULL);
}

static json_t *list_containers(struct stand_in *s, const struct facts *facts, json_t *body)
{
	json_t *list = json_array();
	const char *id;
	json_t *o;

	(void)facts;
	(void)body;
	json_object_foreach (s->containers, id, o) {
		const json_t *config = json_object_get(o, "Config");

		(void)json_array_append_new(list,
			json_pack("{s:s, s:[s], s:s, s:s, s:s, s:i, s:s, s:s, s:[], s:[], s:o, "
				  "s:{s:s}, s:{s:{}}}",
				"Id", id, "Names", text_of(o, "Name"), "Image",
				text_of(config, "Image"), "ImageID", IMAGE_ID, "Command", "true",
				"Created", 0, "State",
				text_of(json_object_get(o, "State"), "Status"), "Status", "",
				"Ports", "Mounts", "Labels", part_of(config, "Labels"),
				"HostConfig", "NetworkMode", "default", "NetworkSettings",
				"Networks"));
	}
	return list;
}

/* --- networks and volumes ----------------------------------------------------------------------*/

static json_t *create_network(struct stand_in *s, const struct facts *facts, json_t *body)
{
	char id[ID_ROOM];

	(void)facts;
	make_id(s, id);
	(void)json_object_set_new(s->networks, id,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:{s:s, s:[]}, s:{}, s:o, s:o}",
			"Id", id, "Name", text_of(body, "Name"), "Created", TIME, "Scope", "local",
			"Driver", "bridge", "EnableIPv6", 0, "Internal", 0, "Attachable", 0, "IPAM",
			"Driver", "default", "Config", "Containers", "Options",
			part_of(body, "Options"), "Labels", part_of(body, "Labels")));
	return json_pack("{s:s, s:s}", "Id", id, "Warning", "");
}

static json_t *create_volume(struct stand_in *s, const struct facts *facts, json_t *body)
{
	const char *name = text_of(body, "Name");
	char id[ID_ROOM];
	json_t *made;

	(void)facts;
	make_id(s, id);
	made = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "Name", name[0] ? name : id,
		"CreatedAt", TIME, "Driver", "local", "Mountpoint", "/", "Scope", "local", "Labels",
		part_of(body, "Labels"), "Options", part_of(body, "DriverOpts"));
	(void)json_object_set(s->volumes, id, made);
	return made;
}

static json_t *inspect_network(struct stand_in *s, const struct facts *facts, json_t *body)
{
	(void)body;
	return json_incref(find_made(s->networks, facts->name));
}

static json_t *inspect_volume(struct stand_in *s, const struct facts *facts, json_t *body)
{
	(void)body;
	return json_incref(find_made(s->volumes, facts->name));
}

static json_t *list_networks(struct stand_in *s, const struct facts *facts, json_t *body)
{
	(void)facts;
	(void)body;
	return values(s->networks);
}

static json_t *list_volumes(struct stand_in *s, const struct facts *facts, json_t *body)
{
	(void)facts;
	(void)body;
	return json_pack("{s:o, s:[]}", "Volumes", values(s->volumes), "Warnings");
}

/* --- the host ----------------------------------------------------------------------------------*/

/* The name that Go has for this machine, as images have it. */
static const char *architecture(struct utsname *u)
{
	(void)uname(u);
	if (strcmp(u->machine, "x86_64") == 0)
		return "amd64";
	return strcmp(u->machine, "aarch64") == 0 ? "arm64" : u->machine;
}

static json_t *version(struct stand_in *s, const struct facts *facts, json_t *body)
{
	struct utsname u;

	(void)facts;
	(void)body;
	return json_pack("{s:{s:s}, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "Platform",
		"Name", "dsp explain", "Version", s->version, "ApiVersion", s->api, "MinAPIVersion",
		"1.24", "GitCommit", "", "GoVersion", "", "Os", "linux", "Arch", architecture(&u),
		"KernelVersion", u.release, "BuildTime", TIME);
}

static json_t *info(struct stand_in *s, const struct facts *facts, json_t *body)
{
	struct utsname u;

	(void)facts;
	(void)body;
	(void)architecture(&u);
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:{s:s}, "
		"s:{s:{s:s}}, s:s, s:[s], s:[], s:[], s:{s:[], s:[], s:[]}, s:{s:{}}}",
		"ID", "dsp-explain", "Name", "dsp-explain", "ServerVersion", s->version, "OSType",
		"linux", "OperatingSystem", "dsp explain", "Architecture", u.machine,
		"KernelVersion", u.release, "Driver", "overlay2", "CgroupDriver", "systemd",
		"CgroupVersion", "2", "DockerRootDir", "/var/lib/docker", "NCPU", 1, "MemTotal",
		(json_int_t)1 << 30, "Swarm", "LocalNodeState", "inactive", "Runtimes", "runc",
		"path", "runc", "DefaultRuntime", "runc", "SecurityOptions",
		"name=seccomp,profile=builtin", "Labels", "Warnings", "Plugins", "Volume",
		"Network", "Log", "RegistryConfig", "IndexConfigs");
}

static json_t *inspect_image(struct stand_in *s, const struct facts *facts, json_t *body)
{
	char name[256];
	struct utsname u;

	(void)s;
	(void)body;
	text_copy(facts->name, name, sizeof(name));
	return json_pack("{s:s, s:[s], s:[], s:s, s:s, s:s, s:s, s:i, s:{s:[s], s:[], s:{}}, "
			 "s:{s:s, s:[]}, s:{}}",
		"Id", IMAGE_ID, "RepoTags", name, "RepoDigests", "Created", TIME, "Architecture",
		architecture(&u), "Os", "linux", "Author", "", "Size", 0, "Config", "Cmd", "true",
		"Env", "Labels", "RootFS", "Type", "layers", "Layers", "Metadata");
}

/* --- execs -------------------------------------------------------------------------------------*/

static json_t *create_exec(struct stand_in *s, const struct facts *facts, json_t *body)
{
	json_t *made = find_made(s->containers, facts->name);
	char id[ID_ROOM];

	(void)body;
	make_id(s, id);
	if (made)
		(void)json_object_set(s->execs, id, made);
	return json_pack("{s:s}", "Id", id);
}

/* --- what they are -----------------------------------------------------------------------------*/

/* Adds what each of some objects is, by its id, the first digits of that, and its name. */
static void add_objects(json_t *list, const char *kind, const json_t *made, const char *owner)
{
	const char *id;
	json_t *o;

	json_object_foreach ((json_t *)(uintptr_t)made, id, o) {
		const char *name = text_of(o, "Name");
		const json_t *config = json_object_get(o, "Config");
		json_t *labels = json_object_get(config ? config : o, "Labels");
		char start[13];

		name += name[0] == '/';
		text_copy((struct span){ id, 12 }, start, sizeof(start));
		for (size_t i = 0; i < 3; i++) {
			const char *const refs[] = { id, start, name };

			(void)json_array_append_new(list,
				json_pack("{s:s, s:s, s:s, s:s, s:O*, s:s*}", "kind", kind, "ref",
					refs[i], "name", name, "owner", owner, "labels",
					json_is_object(labels) ? labels : NULL, "image",
					config ? text_of(config, "Image") : NULL));
		}
	}
}

json_t *stand_in_objects(const struct stand_in *s, const char *owner)
{
	json_t *list = json_array();

	add_objects(list, "container", s->containers, owner);
	add_objects(list, "container", s->execs, owner);
	add_objects(list, "network", s->networks, owner);
	add_objects(list, "volume", s->volumes, owner);
	return list;
}

/* --- the table ---------------------------------------------------------------------------------*/

static json_t *make_named(struct stand_in *s, const struct facts *facts, json_t *body)
{
	char id[ID_ROOM];

	(void)facts;
	(void)body;
	make_id(s, id);
	return json_pack("{s:s, s:s}", "Id", id, "ID", id);
}

/* What a client needs to go on. Text: an answer that does not change; make: one that does. */
static const struct row {
	const char *operation;
	unsigned status;
	const char *text;
	maker *make; /* NULL from it: no such object, unless the status is 204 */
	bool streams;
	bool events;
	bool last;
} rows[] = {
	{ .operation = "system_ping", 200 },
	{ .operation = "system_ping_head", 200 },
	{ .operation = "system_version", 200, .make = version },
	{ .operation = "system_info", 200, .make = info },
	{ .operation = "system_auth", 200, "{\"Status\":\"" NOT_SENT "\",\"IdentityToken\":\"\"}" },
	{ .operation = "system_df", 200, "{}" },
	{ .operation = "system_events", 200, .events = true },
	{ .operation = "container_list", 200, .make = list_containers },
	{ .operation = "container_inspect", 200, .make = inspect_container },
	{ .operation = "container_create", 201, .make = create_container },
	{ .operation = "container_attach", 101, .streams = true },
	{ .operation = "container_wait", 200, "{\"StatusCode\":0}" },
	{ .operation = "container_start", 204, .make = start_container },
	{ .operation = "container_stop", 204 },
	{ .operation = "container_restart", 204 },
	{ .operation = "container_kill", 204 },
	{ .operation = "container_pause", 204 },
	{ .operation = "container_unpause", 204 },
	{ .operation = "container_rename", 204 },
	{ .operation = "container_delete", 204 },
	{ .operation = "container_resize", 200 },
	{ .operation = "container_update", 200, "{\"Warnings\":[]}" },
	{ .operation = "container_logs", 200 },
	{ .operation = "container_changes", 200, "[]" },
	{ .operation = "container_top", 200, "{\"Titles\":[],\"Processes\":[]}" },
	{ .operation = "container_archive_stat", 200 },
	{ .operation = "container_archive_put", 200 },
	{ .operation = "container_exec_create", 201, .make = create_exec },
	{ .operation = "container_commit", 201, .make = make_named },
	{ .operation = "container_prune", 200, "{\"ContainersDeleted\":[],\"SpaceReclaimed\":0}" },
	{ .operation = "exec_start", 101, .streams = true },
	{ .operation = "exec_resize", 200 },
	{ .operation = "exec_inspect",
		200,
		"{\"ID\":\"\",\"Running\":false,\"ExitCode\":0,\"Pid\":1}" },
	{ .operation = "image_list", 200, "[]" },
	{ .operation = "image_inspect", 200, .make = inspect_image },
	{ .operation = "image_history", 200, "[]" },
	{ .operation = "image_search", 200, "[]" },
	{ .operation = "image_pull", 200, "{\"status\":\"" NOT_SENT "\"}" },
	{ .operation = "image_push", 200, "{\"status\":\"" NOT_SENT "\"}" },
	{ .operation = "image_load", 200, "{\"stream\":\"" NOT_SENT "\\n\"}" },
	{ .operation = "image_tag", 201 },
	{ .operation = "image_delete", 200, "[]" },
	{ .operation = "image_prune", 200, "{\"ImagesDeleted\":[],\"SpaceReclaimed\":0}" },
	{ .operation = "image_build",
		200,
		"{\"aux\":{\"ID\":\"" IMAGE_ID
		"\"}}{\"stream\":\"Successfully built d50000000000\\n\"}" },
	{ .operation = "session_start", 101, .streams = true },
	{ .operation = "grpc", 101, .streams = true, .last = true },
	{ .operation = "build_prune", 200, "{\"CachesDeleted\":[],\"SpaceReclaimed\":0}" },
	{ .operation = "network_list", 200, .make = list_networks },
	{ .operation = "network_list_slash", 200, .make = list_networks },
	{ .operation = "network_inspect", 200, .make = inspect_network },
	{ .operation = "network_create", 201, .make = create_network },
	{ .operation = "network_connect", 200 },
	{ .operation = "network_disconnect", 200 },
	{ .operation = "network_delete", 204 },
	{ .operation = "network_prune", 200, "{\"NetworksDeleted\":[]}" },
	{ .operation = "volume_list", 200, .make = list_volumes },
	{ .operation = "volume_inspect", 200, .make = inspect_volume },
	{ .operation = "volume_create", 201, .make = create_volume },
	{ .operation = "volume_delete", 204 },
	{ .operation = "volume_prune", 200, "{\"VolumesDeleted\":[],\"SpaceReclaimed\":0}" },
	{ .operation = "service_create", 201, .make = make_named },
	{ .operation = "service_update", 200, "{}" },
	{ .operation = "service_delete", 200 },
	{ .operation = "secret_create", 201, .make = make_named },
	{ .operation = "secret_delete", 204 },
	{ .operation = "config_create", 201, .make = make_named },
	{ .operation = "config_delete", 204 },
	{ .operation = "service_list", 200, "[]" },
	{ .operation = "node_list", 200, "[]" },
	{ .operation = "task_list", 200, "[]" },
	{ .operation = "secret_list", 200, "[]" },
	{ .operation = "config_list", 200, "[]" },
	{ .operation = "plugin_list", 200, "[]" },
};

int stand_in_init(struct stand_in *s, const struct daemon_facts *d, struct err *e)
{
	bool known = d && d->known && d->api_version[0] && d->version[0];

	*s = (struct stand_in){ json_object(), json_object(), json_object(), json_object(),
		json_array(), 0, known ? d->api_version : NEWEST_API, known ? d->version : NEWEST };
	return s->containers && s->networks && s->volumes && s->execs && s->events
		? 0
		: FAIL(e, ENOMEM, "the stand-in");
}

void stand_in_free(struct stand_in *s)
{
	json_decref(s->containers);
	json_decref(s->networks);
	json_decref(s->volumes);
	json_decref(s->execs);
	json_decref(s->events);
}

char *stand_in_error(const char *text)
{
	json_auto_t *o = json_pack("{s:s}", "message", text);

	return json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);
}

void stand_in_answer(struct stand_in *s, const struct facts *facts, struct span body,
	struct stand_in_answer *ret)
{
	const char *operation = facts->route ? facts->route->name : "";
	const struct row *row = rows;
	const struct row *end = rows + sizeof(rows) / sizeof(rows[0]);
	json_auto_t *sent = json_loadb(body.n > 0 ? body.s : "", body.n, 0, NULL);
	json_auto_t *made = NULL;

	while (row < end && strcmp(row->operation, operation) != 0)
		row++;
	if (row == end) {
		*ret = (struct stand_in_answer){ .status = 501, .text = stand_in_error(NOT_SENT) };
		return;
	}
	*ret = (struct stand_in_answer){ row->status, NULL, row->streams, row->events, row->last };
	if (row->make)
		made = row->make(s, facts, sent);
	if (made)
		ret->text = json_dumps(made, JSON_COMPACT);
	else if (row->text)
		ret->text = mem_copy(row->text, strlen(row->text));
	if (!row->make || made || row->status == 204)
		return;
	ret->status = 404;
	ret->text = stand_in_error("no such object; " NOT_SENT);
}
