#include "dsp/core/facts/facts.h"

#include <errno.h>
#include <strings.h>

#include "dsp/core/base/b64.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/facts/paths.h"
#include "dsp/core/facts/power_rules.h"
#include "dsp/core/parse/query.h"
#include "dsp/core/parse/reference.h"

static bool starts_folded(struct span s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && strncasecmp(s.s, prefix, n) == 0;
}

/* A form body comes before the query, and is never shown (net/http ParseForm). */
static bool shows_form(const struct request *rq)
{
	return rq->has_content_type &&
		(starts_folded(rq->content_type, "application/x-www-form-urlencoded") ||
			starts_folded(rq->content_type, "multipart/"));
}

static bool shows_no_body(const struct request *rq)
{
	return rq->has_content_length && span_equal(rq->content_length, SPAN("0"));
}

static void doubt(struct facts *f, const char *advice)
{
	f->reading = READING_UNREADABLE;
	f->advice = advice;
}

/* "its body was not passed on (Content-Type "text/plain")" */
static void doubt_missing_body(const struct request *rq, struct facts *f)
{
	char type[64];

	if (shows_no_body(rq)) {
		err_set(&f->doubt, 0, "its body is empty");
		doubt(f, "send a JSON body");
		return;
	}
	text_escape(rq->content_type, type, sizeof(type));
	if (rq->has_content_type)
		err_set(&f->doubt, 0, "its body was not passed on (Content-Type \"%s\")", type);
	else
		err_set(&f->doubt, 0, "its body was not passed on (no Content-Type)");
	doubt(f,
		starts_folded(rq->content_type, "application/json")
			? "send it with a Content-Length below 1 MiB and without \"#\" in the target"
			: "send it as application/json");
}

/* ParseForm reads the body of POST, PUT and PATCH, which only routes without a method take. */
static bool takes_form(enum method method)
{
	return method == METHOD_POST || method == METHOD_PUT || method == METHOD_OTHER;
}

/* What the headers alone make doubtful, whatever the operation does with a body. */
static bool headers_in_doubt(const struct request *rq, struct facts *f)
{
	enum method method = route_method(rq->method);
	bool json = f->route &&
		(f->route->body == BODY_JSON || f->route->body == BODY_JSON_OPTIONAL);
	bool none = f->route && f->route->body == BODY_NONE;

	if (shows_no_body(rq))
		return false;
	if (shows_form(rq)) {
		err_set(&f->doubt, 0, "a form body may change what it asks for");
		doubt(f, "send parameters in the query, and no form");
		return true;
	}
	/* The first of two Content-Types may be a form; dsp is shown the last. */
	if ((none || json) && !rq->body64 && rq->has_content_type && takes_form(method)) {
		if (f->route->body == BODY_JSON)
			return false; /* said better by the missing body */
		err_set(&f->doubt, 0,
			"it has a Content-Type and perhaps a body that was not passed on");
		doubt(f, "send Content-Length: 0, or no Content-Type");
		return true;
	}
	return false;
}

/* Reads the body of an operation that has a JSON one. -1: no memory. */
static int read_body(const struct request *rq, struct facts *f, struct err *e)
{
	struct extraction asked = { .powers = &f->powers, .attributes = &f->attributes };
	struct body_form form = { f->route->top, f->route->schema };
	size_t n = b64_decode(rq->body64, rq->body64_len);

	if (body_parse(rq->body64, n, form, &f->body, &f->doubt) != 0) {
		if (f->doubt.code == ENOMEM)
			return FAIL(e, ENOMEM, "a request's body");
		doubt(f, NULL);
		return 0;
	}
	if (powers_from_body(&asked, f->route, f->body) != 0)
		return FAIL(e, ENOMEM, "a request's body");
	return 0;
}

static int read_request(const struct request *rq, struct facts *f, struct err *e)
{
	bool wants_json;

	if (query_check(f->target.query, &f->doubt) != 0) {
		doubt(f, NULL);
		return 0;
	}
	if (headers_in_doubt(rq, f) || !f->route)
		return 0;
	wants_json = f->route->body == BODY_JSON || f->route->body == BODY_JSON_OPTIONAL;
	if (wants_json && rq->body64)
		return read_body(rq, f, e);
	/* From 23.0.15 on dockerd keeps login bodies, which hold a password, to itself. */
	if (f->route->body == BODY_JSON && f->route->operation != OP_SYSTEM_AUTH)
		doubt_missing_body(rq, f);
	return 0;
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

/* The network of a connect stands in the path. -1: no memory. */
static int add_network(struct facts *f)
{
	struct extraction asked = { .powers = &f->powers, .attributes = &f->attributes };
	const struct power_rule g = {
		.name = SPAN("network"), .power = POWER_NETWORK_CONNECT, .kind = ATTRIBUTE_NETWORK
	};

	return extraction_add(&asked, &g, (struct attribute){ .text = f->name });
}

/* What route and query say. -1: no memory. */
static int read_query(const struct request *rq, struct facts *f, char *room, struct err *e)
{
	struct extraction asked = { .powers = &f->powers, .attributes = &f->attributes };

	f->route = route_find(route_method(rq->method), &f->target, &f->name);
	f->plain_name = route_is_plain(f->name);
	if (!f->route) {
		powerset_add(&f->powers, POWER_UNKNOWN);
		return 0;
	}
	if (powers_from_query(&asked, f->route, rq, f->target.query) != 0)
		return FAIL(e, ENOMEM, "a request's query");
	f->incomplete = asked.incomplete;
	if (powerset_has(&f->powers, POWER_NETWORK_CONNECT) && add_network(f) != 0)
		return FAIL(e, ENOMEM, "a request's network");
	if (f->route->operation == OP_PLUGIN_CREATE || f->route->operation == OP_PLUGIN_PULL)
		f->plugin = plugin_name(f, room);
	return 0;
}

int facts_parse(const struct request *rq, struct facts *ret, struct err *e)
{
	char *room = ret->small;

	ret->route = NULL;
	ret->target = (struct target){ .query = { NULL, 0 } };
	ret->name = ret->plugin = (struct span){ NULL, 0 };
	ret->plain_name = ret->incomplete = ret->invisible_mount = false;
	ret->powers = (struct powerset){ { 0 } };
	ret->attributes = (struct attributes){ .count = 0 };
	ret->reading = READING_EXACT;
	ret->doubt.text[0] = '\0';
	ret->advice = NULL;
	ret->big = NULL;
	ret->body = NULL;

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
	if (read_query(rq, ret, room + (rq->target.n - ret->target.query.n), e) != 0)
		return -1;
	return read_request(rq, ret, e);
}

void facts_free(struct facts *f)
{
	attributes_free(&f->attributes);
	mem_free(f->body);
	f->body = NULL;
	mem_free(f->big);
	f->big = NULL;
}

void facts_hide_mounts(struct facts *f)
{
	static const struct mount_info hidden = { .visible = false };

	for (size_t i = 0; i < f->attributes.count; i++) {
		if (f->attributes.items[i].kind == ATTRIBUTE_MOUNT)
			f->attributes.items[i].mount_info = &hidden;
	}
}

static const struct power_rule judged = { .kind = ATTRIBUTE_MOUNT };

/* Adds a power that a mount gives beside host_mounts. -1: no memory. */
static int add_judged(struct facts *f, size_t mount, enum power power)
{
	struct extraction asked = { .powers = &f->powers, .attributes = &f->attributes };
	struct power_rule g = judged;

	g.power = power;
	g.name = f->attributes.items[mount].field;
	return extraction_add(&asked, &g, f->attributes.items[mount]);
}

/* What a mount gives, by its text and by what was seen of it: either is enough. -1: no memory. */
static int mount_gives(
	struct attributes *d, const struct attribute *mount, struct span socket_dir, bool gives[3])
{
	char *clean = attributes_alloc(d, mount->text.n + 1);
	struct mount_info nothing = { .visible = true };
	const struct mount_info *mount_info = mount->mount_info ? mount->mount_info : &nothing;
	struct span path = { clean, 0 };

	if (!clean)
		return -1;
	path.n = path_clean(mount->text, clean);
	gives[0] = mount_info->socket || path_holds_socket(path);
	gives[1] = mount_info->device || path_within(path, SPAN("/dev"));
	gives[2] = mount_info->dsp_file || path_is_dsp_file(path, socket_dir);
	return 0;
}

static int judge_mount(struct facts *f, size_t i, struct span socket_dir)
{
	static const enum power powers[] = { POWER_DOCKER_SOCKET, POWER_DEVICES, POWER_DSP_FILES };
	const struct mount_info *mount_info = f->attributes.items[i].mount_info;
	bool gives[3];

	f->invisible_mount = f->invisible_mount || (mount_info && !mount_info->visible);
	if (mount_gives(&f->attributes, &f->attributes.items[i], socket_dir, gives) != 0)
		return -1;
	for (size_t k = 0; k < sizeof(powers) / sizeof(powers[0]); k++) {
		if (gives[k] && add_judged(f, i, powers[k]) != 0)
			return -1;
	}
	return 0;
}

int facts_add_mount_powers(struct facts *f, struct span socket_dir, struct err *e)
{
	size_t count = f->attributes.count;

	for (size_t i = 0; i < count; i++) {
		if (f->attributes.items[i].kind == ATTRIBUTE_MOUNT &&
			judge_mount(f, i, socket_dir) != 0)
			return FAIL(e, ENOMEM, "a request's mounts");
	}
	return 0;
}
