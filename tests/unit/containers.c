/* The containers that a request names, what a request makes, and that no place is forgotten. */
#include "unit.h"

#include "dsp/core/base/text.h"
#include "dsp/core/facts/facts.h"

#define LAST "f1d2d2f924e986ac86fdf7b36c94bcdf32beec15f1d2d2f924e986ac86fdf7b3"

struct parsed {
	struct facts facts;
	char *body;
	char *text;
};

/* body: with ' for ", or NULL. The caller frees ret with release. */
static void parse(const char *method, const char *target, const char *body, struct parsed *ret)
{
	struct request rq = { .method = span_of(method), .target = span_of(target) };
	struct err e;

	ret->text = quoted(body);
	rq.body = ret->text;
	rq.body_len = body ? strlen(body) : 0;
	rq.has_content_type = body != NULL;
	rq.content_type = SPAN("application/json");
	rq.has_content_length = !body;
	rq.content_length = SPAN("0");
	assert_int_equal(facts_parse(&rq, &ret->facts, &e), 0);
}

static void release(struct parsed *p)
{
	facts_free(&p->facts);
	free(p->text);
}

/* "web exec:12 new:db any list": the containers of f, in order. */
static void write_containers(const struct facts *f, struct line *l)
{
	for (size_t i = 0; i < f->attributes.count; i++) {
		const struct attribute *d = &f->attributes.items[i];

		if (d->kind != ATTRIBUTE_CONTAINER)
			continue;
		line_add(l, "%s%s", l->n > 0 ? " " : "",
			d->listing         ? "list"
				: d->whole ? "any"
				: d->made  ? "new:"
				: d->exec  ? "exec:"
					   : "");
		if (!d->whole)
			line_add_cut(l, d->text);
	}
}

static const struct {
	const char *method, *target, *body, *containers;
} forms[] = {
	{ "POST", "/v1.41/containers/web/stop?t=1", NULL, "web" },
	{ "GET", "/containers/" LAST "/json", NULL, LAST },
	{ "GET", "/containers/a%20b/json", NULL, "a b" },
	{ "GET", "/containers/db/alias/json", NULL, "db/alias" },
	{ "DELETE", "/containers/web?force=1&v=1", NULL, "web" },
	{ "DELETE", "/containers/db/alias?link=1", NULL, "db/alias db" },
	{ "POST", "/containers/web/exec", "{'Cmd': ['id']}", "web" },
	{ "GET", "/exec/0123/json", NULL, "exec:0123" },
	{ "POST", "/exec/0123/start", NULL, "exec:0123" },
	{ "POST", "/exec/0123/start", "{'Detach': true}", "exec:0123" },
	{ "POST", "/containers/web/rename?name=new", NULL, "web new:new" },
	{ "POST", "/containers/web/rename?name=%2Fnew", NULL, "web new:new" },
	/* strings.TrimSpace, of Unicode too */
	{ "POST", "/containers/web/rename?name=%20new%C2%A0", NULL, "web new:new" },
	{ "POST", "/containers/web/rename?name=%C2%A0new%09", NULL, "web new:new" },
	{ "POST", "/containers/web/rename?name=a&name=b", NULL, "web new:a" },
	{ "POST", "/containers/web/rename", NULL, "web" },
	{ "POST", "/containers/create?name=web", "{'Image': 'x'}", "new:web" },
	{ "POST", "/containers/create?name=/web", "{'Image': 'x'}", "new:web" },
	{ "POST", "/containers/create?name=%20web", "{'Image': 'x'}", "new: web" },
	{ "POST", "/containers/create", "{'Image': 'x'}", "new:" },
	{ "POST", "/containers/create?name=", "{'name': 'x'}", "new:" },
	{ "POST", "/commit?container=web&repo=x", NULL, "web" },
	{ "POST", "/commit?container=/web&container=b", "{}", "web" },
	{ "POST", "/containers/prune", NULL, "any" },
	/* The containers of its tasks. */
	{ "DELETE", "/services/a", NULL, "any" },
	{ "POST", "/services/a/update", "{'Name': 'a'}", "any" },
	{ "GET", "/tasks/a/logs?stdout=1", NULL, "any" },
	{ "POST", "/services/create", "{'Name': 'a'}", "" },
	{ "GET", "/containers/json?all=1", NULL, "list" },
	{ "GET", "/events", NULL, "list" },
	{ "GET", "/system/df", NULL, "list" },
	{ "POST", "/build?networkmode=container:web", NULL, "web" },
	{ "POST", "/build?networkmode=host", NULL, "" },
	{ "POST", "/networks/n/connect", "{'Container': '/web'}", "web" },
	{ "POST", "/networks/n/connect", "{'Container': ''}", "" },
	{ "POST", "/networks/n/connect",
		"{'container': 'web', 'EndpointConfig': {'Links': ['db:a', 'c']}}", "web db c" },
	{ "POST", "/networks/n/disconnect", "{'Container': 'web', 'Force': true}", "web" },
	{ "POST", "/containers/create?name=n",
		"{'HostConfig': {'NetworkMode': 'container:a', 'IpcMode': 'container:/b',"
		"'PidMode': 'container:c', 'Cgroup': 'container:d', 'UTSMode': 'host'}}",
		"new:n a b c d" },
	{ "POST", "/containers/create?name=n",
		"{'HostConfig': {'NetworkMode': 'Container:a', 'IpcMode': 'container'}}", "new:n" },
	{ "POST", "/containers/create?name=n",
		"{'HostConfig': {'Links': ['a:x', '/b:/c/y', 'd'],"
		"'VolumesFrom': ['e:ro', '/f', 'g:rw']}}",
		"new:n a b d e f g" },
	/* What dockerd up to 26.1 reads beside HostConfig. */
	{ "POST", "/containers/create?name=n",
		"{'Links': ['a:x'], 'volumesfrom': ['b'], 'PidMode': 'container:c'}",
		"new:n a b c" },
	{ "POST", "/containers/create?name=n",
		"{'NetworkingConfig': {'EndpointsConfig': {'net': {'Links': ['a:b']}}}}",
		"new:n a" },
	{ "POST", "/v1.23/containers/web/start", "{'VolumesFrom': ['a'], 'Links': ['b']}",
		"web a b" },
	{ "POST", "/containers/web/start", NULL, "web" },
	/* A checkpoint of any container may be there. */
	{ "POST", "/containers/web/start?checkpoint=c", NULL, "web" },
	{ "POST", "/containers/web/start?checkpoint=../../x/checkpoints/c", NULL, "web any" },
	{ "POST", "/containers/web/start?checkpoint=c&checkpoint-dir=/d", NULL, "web any" },
	{ "POST", "/containers/web/checkpoints", "{'CheckpointID': 'c'}", "web" },
	{ "POST", "/containers/web/checkpoints", "{'CheckpointID': 'c', 'CheckpointDir': '/d'}",
		"web any" },
	{ "GET", "/containers/web/checkpoints?dir=/d", NULL, "web any" },
	{ "DELETE", "/containers/web/checkpoints/c?dir=/d", NULL, "web any" },
	{ "DELETE", "/containers/web/checkpoints/c", NULL, "web" },
	{ "POST", "/services/create",
		"{'TaskTemplate': {'NetworkAttachmentSpec': {'ContainerID': 'a'}}}", "a" },
	/* What dockerd finds no container by stays as it is. */
	{ "POST", "/containers/create?name=n",
		"{'VolumesFrom': ['', ':ro', '/'], 'PidMode': 'container:'}", "new:n  :ro / " },
};

static void names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct parsed p;
		char text[256];
		struct line l;

		parse(forms[i].method, forms[i].target, forms[i].body, &p);
		line_init(&l, text, sizeof(text));
		write_containers(&p.facts, &l);
		if (p.facts.reading != READING_EXACT || strcmp(text, forms[i].containers) != 0)
			fail_msg("%s %s: %s %s", forms[i].target,
				forms[i].body ? forms[i].body : "", text, p.facts.doubt.text);
		release(&p);
	}
}

/* "name, image, a=b c=d unsure": what a request makes. */
static void write_made(const struct facts *f, struct line *l)
{
	for (size_t i = 0; i < f->attributes.count; i++) {
		const struct attribute *d = &f->attributes.items[i];
		const struct object_info *o = d->object;

		if (!d->made)
			continue;
		assert_non_null(o);
		assert_int_equal(o->state, OBJECT_MADE);
		assert_int_equal(o->id.n + o->owner.n, 0);
		line_add(l, "%s %.*s, %.*s,", attribute_kind_name(d->kind), (int)o->name.n,
			o->name.s ? o->name.s : "", (int)o->image.n, o->image.s ? o->image.s : "");
		for (size_t n = 0; n < o->label_count; n++)
			line_add(l, " %.*s=%.*s", (int)o->labels[n].key.n, o->labels[n].key.s,
				(int)o->labels[n].value.n, o->labels[n].value.s);
		line_add(l, o->labels_unsure ? " unsure" : "");
	}
}

static void made(void **state)
{
	static const struct {
		const char *target, *body, *made;
	} rows[] = {
		{ "/containers/create?name=web", "{'Image': 'x', 'Labels': {'a': 'b', 'c': ''}}",
			"container web, docker.io/library/x:latest, a=b c= unsure" },
		/* The labels of a volume in it are not those of the container. */
		{ "/containers/create",
			"{'Image': 'x:1@sha256:" LAST
			"', 'HostConfig': {'Mounts': [{'Type': 'volume',"
			"'Source': 'v', 'VolumeOptions': {'Labels': {'a': 'b'}}}]}}",
			"container , docker.io/library/x:1@sha256:" LAST ", unsure" },
		{ "/containers/create?name=a", "{'Image': 'cafe', 'labels': {'A': 'b'}}",
			"container a, , A=b unsure" },
		{ "/containers/create?name=a", "{}", "container a, , unsure" },
		{ "/volumes/create", "{'Name': 'v', 'Labels': {'a': 'b'}}", "volume v, , a=b" },
		{ "/volumes/create", "{'Name': 'v', 'Labels': {'a': null, 'b': 'c'}}",
			"volume v, , b=c unsure" },
		{ "/volumes/create", "{'Labels': {'a': 'b'}}", "volume , , a=b unsure" },
		{ "/volumes/create", "{'Name': ''}", "volume , , unsure" },
		{ "/volumes/create", NULL, "volume , , unsure" },
		{ "/networks/create", "{'Name': 'n', 'Labels': {'a': 'b'}}", "network n, , a=b" },
		{ "/networks/create", "{'Name': '/n'}", "network /n, ," },
		{ "/networks/create", "{}", "network , ," },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct parsed p;
		char text[256];
		struct line l;
		struct err e;

		parse("POST", rows[i].target, rows[i].body, &p);
		assert_int_equal(facts_describe_made(&p.facts, &e), 0);
		line_init(&l, text, sizeof(text));
		write_made(&p.facts, &l);
		if (strcmp(text, rows[i].made) != 0)
			fail_msg("%s %s: %s", rows[i].target, rows[i].body ? rows[i].body : "",
				text);
		release(&p);
	}
}

/* The new name is the same container, whatever that is. */
static void renamed(void **state)
{
	static const struct object_label label = { SPAN_INIT("a"), SPAN_INIT("b") };
	static const struct object_info web = { .state = OBJECT_FOUND,
		.id = SPAN_INIT(LAST),
		.name = SPAN_INIT("web"),
		.labels = &label,
		.label_count = 1,
		.owner = SPAN_INIT("bob") };
	const struct object_info *new;
	struct parsed p;
	struct err e;

	(void)state;
	parse("POST", "/containers/web/rename?name=new", NULL, &p);
	assert_int_equal(facts_describe_made(&p.facts, &e), 0);
	assert_null(p.facts.attributes.items[1].object);
	p.facts.attributes.items[0].object = &web;
	assert_int_equal(facts_describe_made(&p.facts, &e), 0);
	new = p.facts.attributes.items[1].object;
	assert_int_equal(new->state, OBJECT_FOUND);
	assert_true(span_equal(new->name, SPAN("new")) && span_equal(new->id, web.id) &&
		span_equal(new->owner, SPAN("bob")) && new->labels == &label);
	assert_true(new->label_count == 1 && !new->labels_unsure);
	release(&p);
}

/* --- no place is forgotten ---------------------------------------------------------------------*/

/* The things whose names stand in paths. */
static const struct {
	const char *before;
	enum attribute_kind kind;
} in_paths[] = {
	{ "/containers/{", ATTRIBUTE_CONTAINER },
	{ "/exec/{", ATTRIBUTE_CONTAINER },
	{ "/networks/{", ATTRIBUTE_NETWORK },
	{ "/volumes/{", ATTRIBUTE_VOLUME },
	{ "/images/{", ATTRIBUTE_IMAGE },
	{ "/distribution/{", ATTRIBUTE_IMAGE },
};

/* A path of the route: "x" for each variable. */
static void write_path(const struct route *route, struct line *l)
{
	struct span rest = span_of(route->pattern);

	while (rest.n > 0) {
		struct span literal = span_cut(&rest, '{');

		line_add_cut(l, literal);
		if (rest.n > 0) {
			(void)span_cut(&rest, '}');
			line_add(l, "x");
		}
	}
}

static void assert_names(const struct route *route, const char *before, enum attribute_kind kind)
{
	static const char *const methods[] = { [METHOD_GET] = "GET",
		[METHOD_HEAD] = "HEAD",
		[METHOD_POST] = "POST",
		[METHOD_PUT] = "PUT",
		[METHOD_DELETE] = "DELETE" };
	struct parsed p;
	char path[128];
	struct line l;
	bool found = false;

	line_init(&l, path, sizeof(path));
	write_path(route, &l);
	parse(methods[route->method], path, "{}", &p);
	assert_ptr_equal(p.facts.route, route);
	for (size_t i = 0; i < p.facts.attributes.count; i++) {
		const struct attribute *d = &p.facts.attributes.items[i];

		found = found ||
			(d->kind == kind && d->in_target && !d->whole && !d->made &&
				d->exec == (strcmp(before, "/exec/{") == 0) &&
				(kind == ATTRIBUTE_IMAGE || span_equal(d->text, SPAN("x"))));
	}
	if (!found)
		fail_msg("%s: power_rules.tab has no row for the name in %s", route->name,
			route->pattern);
	release(&p);
}

static void every_path(void **state)
{
	size_t count;
	const struct route *route = route_rows(&count);
	size_t found = 0;

	(void)state;
	for (; count > 0; count--, route++) {
		for (size_t i = 0; i < sizeof(in_paths) / sizeof(in_paths[0]); i++) {
			size_t n = strlen(in_paths[i].before);

			if (strncmp(route->pattern, in_paths[i].before, n) != 0)
				continue;
			assert_names(route, in_paths[i].before, in_paths[i].kind);
			found++;
		}
	}
	assert_true(found > 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(made),
		cmocka_unit_test(renamed),
		cmocka_unit_test(every_path),
	};

	return cmocka_run_group_tests_name("containers", tests, NULL, NULL);
}
