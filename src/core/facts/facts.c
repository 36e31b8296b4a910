#include "dsp/core/facts/facts.h"

#include <errno.h>
#include <strings.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/paths.h"
#include "dsp/core/parse/body.h"
#include "dsp/core/parse/query.h"
#include "dsp/core/parse/reference.h"
#include "power_tests.h"
#include "powers_from_body.h"
#include "powers_from_query.h"

/* --- what cannot be read for certain -----------------------------------------------------------*/

static bool starts_folded(struct span s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && strncasecmp(s.s, prefix, n) == 0;
}

/* A form body comes before the query, and dockerd never shows it (net/http ParseForm). */
static bool has_form(const struct request *rq)
{
	return rq->has_content_type &&
		(starts_folded(rq->content_type, "application/x-www-form-urlencoded") ||
			starts_folded(rq->content_type, "multipart/"));
}

static bool has_empty_body(const struct request *rq)
{
	return rq->has_content_length && span_equal(rq->content_length, SPAN("0"));
}

/*
 * Whether there is no body for certain: a length of 0, or neither a length nor a Content-Type, for
 * the handlers of JSON bodies refuse a body without one.
 */
static bool has_no_body(const struct request *rq)
{
	return !rq->body &&
		(has_empty_body(rq) || (!rq->has_content_length && !rq->has_content_type));
}

/* f->doubt is set. advice: static, or NULL. */
static void mark_unreadable(struct facts *f, const char *advice)
{
	f->reading = READING_UNREADABLE;
	f->advice = advice;
}

/* "dockerd did not pass on its body (Content-Type "text/plain")" */
static void doubt_missing_body(const struct request *rq, struct facts *f)
{
	char type[64];

	if (has_empty_body(rq)) {
		err_set(&f->doubt, 0, "its body is empty");
		mark_unreadable(f, "send a JSON body");
		return;
	}
	text_escape(rq->content_type, type, sizeof(type));
	if (rq->has_content_type)
		err_set(&f->doubt, 0, "dockerd did not pass on its body (Content-Type \"%s\")",
			type);
	else
		err_set(&f->doubt, 0, "dockerd did not pass on its body (no Content-Type)");
	mark_unreadable(f,
		starts_folded(rq->content_type, "application/json")
			? "send it with a Content-Length below 1 MiB and without \"#\" in the target"
			: "send it as application/json");
}

/*
 * Whether a body that is not shown changes nothing that dsp decides by: filters of a prune, which
 * takes what is unused and no more; the signal of a kill; what a commit puts into its image, whose
 * name may be another then.
 */
static bool hidden_body_is_harmless(const struct route *route)
{
	struct powerset own = route_powers(route);

	return powerset_has(&own, POWER_PRUNE) || powerset_has(&own, POWER_KILL) ||
		route->operation == OP_CONTAINER_COMMIT;
}

/* Whether the headers alone make it unreadable, whatever the operation does with a body. */
static bool headers_in_doubt(const struct request *rq, struct facts *f)
{
	enum method method = route_method(rq->method);
	enum body_kind body = f->route ? f->route->body : BODY_RAW;
	/* net/http ParseForm; routes without a method take PATCH, METHOD_OTHER here. */
	bool takes_form = method == METHOD_POST || method == METHOD_PUT || method == METHOD_OTHER;

	if (has_empty_body(rq))
		return false;
	if (has_form(rq)) {
		err_set(&f->doubt, 0, "a form body may change what it asks for");
		mark_unreadable(f, "send parameters in the query, and no form");
		return true;
	}
	/* dockerd shows the last Content-Type, and reads a form where the first one says so. */
	if ((body == BODY_NONE || body == BODY_JSON_OPTIONAL) && !rq->body &&
		rq->has_content_type && takes_form) {
		if (form_is_ignored(f))
			return false;
		if (hidden_body_is_harmless(f->route)) {
			f->incomplete = true;
			return false;
		}
		err_set(&f->doubt, 0,
			"it has a Content-Type, and perhaps a body that dockerd did not pass on");
		mark_unreadable(f, "send Content-Length: 0, or no Content-Type");
		return true;
	}
	return false;
}

/* --- from a request to facts -------------------------------------------------------------------*/

/* A JSON body, as far as the operation takes one. -1: no memory. */
static int parse_body(const struct request *rq, struct facts *f, struct err *e)
{
	struct body_form form = { f->route->top, f->route->schema };
	enum body_kind body = f->route->body;
	bool needed = body == BODY_JSON || (body == BODY_JSON_OR_NONE && !has_no_body(rq));

	if (body == BODY_JSON_OR_NONE && !needed)
		return powers_from_body(f) == 0 ? 0 : FAIL(e, ENOMEM, "a request's body");
	if (!needed && body != BODY_JSON_OPTIONAL)
		return 0;
	if (!rq->body) {
		/* From 23.0.15 on dockerd keeps login bodies, which hold a password, to itself. */
		if (needed && f->route->operation != OP_SYSTEM_AUTH)
			doubt_missing_body(rq, f);
		return 0;
	}
	if (body_parse(rq->body, rq->body_len, form, &f->body, &f->doubt) != 0) {
		if (f->doubt.code == ENOMEM)
			return FAIL(e, ENOMEM, "a request's body");
		mark_unreadable(f, NULL);
		return 0;
	}
	return powers_from_body(f) == 0 ? 0 : FAIL(e, ENOMEM, "a request's body");
}

/* Methods are in capitals: dockerd has no route for "post". f->doubt says so; the rest is exact. */
static void doubt_method(struct span method, struct facts *f)
{
	static const char *const names[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t n = strlen(names[i]);
		char shown[16];

		if (method.n != n || strncasecmp(method.s, names[i], n) != 0 ||
			memcmp(method.s, names[i], n) == 0)
			continue;
		text_escape(method, shown, sizeof(shown));
		err_set(&f->doubt, 0, "its method \"%s\" is not %s", shown, names[i]);
		f->advice = "send the method in capitals";
	}
}

/* The name that POST /plugins/create and /plugins/pull give a plugin. room: the query's length. */
static struct span plugin_name(const struct facts *f, char *room)
{
	struct span raw = query_first(f->target.query, "name");
	long n;

	if (raw.n == 0 && f->route->operation == OP_PLUGIN_PULL)
		raw = query_first(f->target.query, "remote");
	n = query_unescape(raw, room);
	return reference_familiar((struct span){ room, n < 0 ? 0 : (size_t)n });
}

/* Route and query. -1: no memory. */
static int parse_query(const struct request *rq, struct facts *f, char *room, struct err *e)
{
	f->route = route_find(route_method(rq->method), &f->target, &f->name);
	f->plain_name = route_is_plain(f->name);
	if (!f->route) {
		powerset_add(&f->powers, POWER_UNKNOWN);
		doubt_method(rq->method, f);
		return 0;
	}
	if (powers_from_query(f, rq) != 0)
		return FAIL(e, ENOMEM, "a request's query");
	if (f->route->operation == OP_PLUGIN_CREATE || f->route->operation == OP_PLUGIN_PULL)
		f->plugin = plugin_name(f, room);
	return 0;
}

static const struct span below_data_root[] = {
	[DOCKER_VOLUMES] = SPAN_INIT("/var/lib/docker/volumes"),
	[DOCKER_PLUGINS] = SPAN_INIT("/var/lib/docker/plugins"),
	[DOCKER_SWARM] = SPAN_INIT("/var/lib/docker/swarm/docker-state.json"),
};

struct span docker_path_usual(enum docker_path p)
{
	return below_data_root[p];
}

static void set_usual_paths(struct facts *f)
{
	for (size_t i = 0; i < DOCKER_PATHS; i++)
		f->docker_paths[i] = (struct rule_path){ .text = below_data_root[i] };
}

int facts_set_data_root(struct facts *f, struct span data_root, struct err *e)
{
	set_usual_paths(f);
	for (size_t i = 0; data_root.n > 0 && i < DOCKER_PATHS; i++) {
		struct span rest = span_after(below_data_root[i], strlen("/var/lib/docker"));
		char *text = attributes_alloc(&f->attributes, data_root.n + rest.n);

		if (!text)
			return FAIL(e, ENOMEM, "a request's mounts");
		memcpy(text, data_root.s, data_root.n);
		memcpy(text + data_root.n, rest.s, rest.n);
		f->docker_paths[i].text = (struct span){ text, data_root.n + rest.n };
	}
	return 0;
}

void facts_init(struct facts *f)
{
	f->attributes = (struct attributes){ .count = 0 };
	f->big = NULL;
	f->body = NULL;
}

int facts_parse(const struct request *rq, struct facts *ret, struct err *e)
{
	char *room = ret->small;

	facts_init(ret);
	ret->route = NULL;
	ret->target = (struct target){ .query = { NULL, 0 } };
	ret->name = ret->plugin = (struct span){ NULL, 0 };
	ret->plain_name = ret->incomplete = ret->invisible_mount = ret->hypothetical = false;
	ret->recorded = NULL;
	ret->maybe = (struct powerset){ { 0 } };
	ret->rule_paths = NULL;
	ret->rule_path_count = 0;
	set_usual_paths(ret);
	ret->powers = (struct powerset){ { 0 } };
	ret->reading = READING_EXACT;
	ret->doubt.text[0] = '\0';
	ret->daemon = rq->daemon;
	ret->advice = NULL;

	/* Room for the decoded path and, behind it, a plugin's decoded name. */
	if (rq->target.n > sizeof(ret->small)) {
		room = ret->big = mem_alloc(rq->target.n);
		if (!room)
			return FAIL(e, ENOMEM, "a request's target");
	}
	if (target_parse(rq->method, rq->target, room, &ret->target, &ret->doubt) != 0) {
		ret->reading = READING_UNROUTABLE;
		return 0;
	}
	if (parse_query(rq, ret, room + (rq->target.n - ret->target.query.n), e) != 0)
		return -1;
	if (query_check(ret->target.query, &ret->doubt) != 0) {
		mark_unreadable(ret, NULL);
		return 0;
	}
	if (headers_in_doubt(rq, ret) || !ret->route)
		return 0;
	return parse_body(rq, ret, e);
}

/* Of a POST. */
static bool route_depends_on_daemon(const struct request *rq)
{
	char room[512];
	struct target target;
	const struct route *route;
	struct span name;
	struct err e;

	if (rq->target.n > sizeof(room))
		return true;
	if (target_parse(rq->method, rq->target, room, &target, &e) != 0)
		return false;
	route = route_find(route_method(rq->method), &target, &name);
	if (!route)
		return false;
	return route->operation == OP_CONTAINER_CREATE || route->operation == OP_CONTAINER_START ||
		route->operation == OP_SERVICE_CREATE || route->operation == OP_SERVICE_UPDATE ||
		route->operation == OP_IMAGE_BUILD || route->operation == OP_SESSION_START ||
		route->operation == OP_GRPC;
}

bool facts_depend_on_daemon(const struct request *rq)
{
	return span_equal(rq->method, SPAN("POST")) && route_depends_on_daemon(rq);
}

void facts_free(struct facts *f)
{
	attributes_free(&f->attributes);
	mem_free(f->body);
	f->body = NULL;
	mem_free(f->big);
	f->big = NULL;
}

bool attribute_is_source(const struct attribute *a)
{
	return !a->whole &&
		(a->kind == ATTRIBUTE_MOUNT ||
			(a->kind == ATTRIBUTE_DEVICE && span_starts(a->text, SPAN("/"))));
}

bool attribute_is_usual(const struct attribute *a)
{
	return a->implied && (a->kind == ATTRIBUTE_CAPABILITY || a->kind == ATTRIBUTE_RUNTIME);
}

bool attribute_is_detail(const struct attribute *a)
{
	if (a->kind == ATTRIBUTE_CONTAINER && a->in_target)
		return false;
	return !attribute_is_usual(a) && !(a->made && a->text.n == 0);
}

bool attribute_is_missing(const struct attribute *a)
{
	const struct mount_info *info = a->mount_info;

	return a->kind == ATTRIBUTE_MOUNT && info && info->path[0] && !info->visible &&
		!info->unknown && !info->maybe_socket && info->inode == 0;
}

/* --- mounts ------------------------------------------------------------------------------------*/

static const struct mount_info invisible = {
	.visible = false, .unknown = true, .holds_mounts = true
};

/* A source that dsp cannot know may be anything. */
static const struct mount_info any_source = {
	.unknown = true, .holds_mounts = true, .socket = true, .device = true, .dsp_file = true
};

void facts_hide_mounts(struct facts *f)
{
	for (size_t i = 0; i < f->attributes.count; i++) {
		if (attribute_is_source(&f->attributes.items[i]))
			f->attributes.items[i].mount_info = &invisible;
	}
}

/* A power that a mount gives beside host_mounts. -1: no memory. */
static int add_mount_power(struct facts *f, const struct attribute *mount, enum power power)
{
	struct power_rule rule = { .name = mount->field, .power = power, .kind = ATTRIBUTE_MOUNT };

	return power_rule_apply(f, &rule, *mount);
}

/* What a source may give that dsp does not see. */
static void add_possible_powers(struct facts *f, const struct mount_info *info, bool mounted)
{
	if (info->unknown)
		powerset_add(&f->maybe, POWER_DSP_FILES);
	if (!mounted)
		return;
	f->invisible_mount = f->invisible_mount || !info->visible;
	if (info->unknown || info->maybe_socket)
		powerset_add(&f->maybe, POWER_DOCKER_SOCKET);
	if (info->unknown)
		powerset_add(&f->maybe, POWER_DEVICES);
}

/*
 * The text of a mount's source or what was found there gives a power: either is enough. A
 * checkpoint's directory is mounted nowhere: dockerd writes and deletes there, or lists the names.
 */
static int add_mount_powers(struct facts *f, size_t at, struct span own_paths)
{
	static const struct mount_info not_looked_up = { .visible = true };
	struct attribute mount = f->attributes.items[at];
	const struct mount_info *info = mount.mount_info ? mount.mount_info : &not_looked_up;
	char *clean = attributes_alloc(&f->attributes, mount.text.n + 1);
	struct span path = { clean, 0 };
	struct span plugins = f->docker_paths[DOCKER_PLUGINS].text;
	bool mounted = mount.power == POWER_HOST_MOUNTS;
	int rc = 0;

	if (!clean)
		return -1;
	if (mount.anywhere)
		info = mount.mount_info = f->attributes.items[at].mount_info = &any_source;
	path.n = path_clean(mount.text, clean);
	mount.clean = f->attributes.items[at].clean = path;
	if (mount.power == POWER_COUNT)
		return 0;
	add_possible_powers(f, info, mounted);
	if (mounted && (info->socket || path_holds_socket(path)))
		rc |= add_mount_power(f, &mount, POWER_DOCKER_SOCKET);
	if (mounted && (info->device || path_within(path, SPAN("/dev"))))
		rc |= add_mount_power(f, &mount, POWER_DEVICES);
	if (info->dsp_file || path_is_dsp_file(path, own_paths) || path_within(path, plugins) ||
		path_within(span_of(info->path), plugins))
		rc |= add_mount_power(f, &mount, POWER_DSP_FILES);
	return rc;
}

int facts_add_mount_powers(struct facts *f, struct span own_paths, struct err *e)
{
	size_t count = f->attributes.count;

	for (size_t i = 0; i < count; i++) {
		if (f->attributes.items[i].kind == ATTRIBUTE_MOUNT &&
			!f->attributes.items[i].whole && add_mount_powers(f, i, own_paths) != 0)
			return FAIL(e, ENOMEM, "a request's mounts");
	}
	return 0;
}
