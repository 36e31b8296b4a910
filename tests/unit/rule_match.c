/* Whether a rule matches a request: allow rules cover every item, deny rules touch one. */
#include "questions.h"

#include <stdio.h>

#include "dsp/core/policy/rule_match.h"

static const char create[] = "/containers/create";

/* One rule for everybody over containers and services; its last members are given. */
static const struct row {
	const char *rule; /* the members behind "name" and "who" */
	const char *target;
	const char *body;
	enum match_result result;
	const char *list; /* MATCH_NOT_LIST */
	const char *item; /* of an allow rule */
} table[] = {
	/* operations and powers */
	{ "'allow': ['container_stop'], 'powers': ['stop']", "/containers/a/stop", NULL, MATCH_YES,
		NULL, NULL },
	{ "'allow': ['container_stop']", "/containers/a/stop", NULL, MATCH_NOT_POWERS, NULL, NULL },
	{ "'allow': ['container_stop'], 'powers': ['stop']", "/containers/a/kill", NULL,
		MATCH_NOT_OPERATION, NULL, NULL },
	{ "'deny': ['*'], 'powers': ['kill']", "/containers/a/kill", NULL, MATCH_YES, NULL, NULL },
	{ "'deny': ['*'], 'powers': ['kill']", "/containers/a/stop", NULL, MATCH_NOT_POWERS, NULL,
		NULL },
	{ "'deny': ['*']", "/containers/a/stop", NULL, MATCH_YES, NULL, NULL },
	/* mounts */
	{ "'allow': ['*'], 'powers': ['create'], 'mounts': ['/srv']", create,
		"{'HostConfig': {'Binds': ['/srv:/a:ro', '/srv:/b']}}", MATCH_YES, NULL, NULL },
	{ "'allow': ['*'], 'powers': ['create'], 'mounts': ['/srv']", create,
		"{'HostConfig': {'Binds': ['/srv/a:/a']}}", MATCH_NOT_LIST, "mounts", "/srv/a" },
	{ "'allow': ['*'], 'powers': ['create'], 'mounts': ['/srv/**']", create,
		"{'HostConfig': {'Binds': ['/srv/a:/a', '/srv:/b']}}", MATCH_YES, NULL, NULL },
	{ "'allow': ['*'], 'powers': ['create'], 'mounts': ['/**']", create,
		"{'HostConfig': {'Binds': ['/srv/a:/a', '/opt:/b']}}", MATCH_YES, NULL, NULL },
	{ "'allow': ['*'], 'powers': ['create'], 'mounts': ['/srv/**']", create,
		"{'HostConfig': {'Binds': ['/srv/a:/a', '/srv2:/b']}}", MATCH_NOT_LIST, "mounts",
		"/srv2" },
	{ "'allow': ['*'], 'powers': ['create'], 'mounts': ['/srv:ro']", create,
		"{'HostConfig': {'Binds': ['/srv/a:/a:ro']}}", MATCH_YES, NULL, NULL },
	{ "'allow': ['*'], 'powers': ['create'], 'mounts': ['/srv:ro', '/srv/a/b']", create,
		"{'HostConfig': {'Binds': ['/srv/c:/a:ro']}}", MATCH_NOT_LIST, "mounts", "/srv/c" },
	{ "'allow': ['*'], 'powers': ['create'], 'mounts': ['/srv/a:ro', '/srv']", create,
		"{'HostConfig': {'Binds': ['/srv/a:/a:ro']}}", MATCH_NOT_LIST, "mounts", "/srv/a" },
	{ "'allow': ['*'], 'powers': ['create'], 'mounts': ['/srv:ro']", create,
		"{'HostConfig': {'Binds': ['/srv:/a:ro']}}", MATCH_YES, NULL, NULL },
	{ "'allow': ['*'], 'powers': ['create'], 'mounts': ['/srv:ro']", create,
		"{'HostConfig': {'Binds': ['/srv:/a']}}", MATCH_NOT_LIST, "mounts", "/srv" },
	{ "'deny': ['*'], 'mounts': ['/srv']", create, "{'HostConfig': {'Binds': ['/srv/a:/a']}}",
		MATCH_YES, NULL, NULL },
	{ "'deny': ['*'], 'mounts': ['/srv']", create, "{'HostConfig': {'Binds': ['/:/a']}}",
		MATCH_YES, NULL, NULL },
	{ "'deny': ['*'], 'mounts': ['/srv']", create, "{'HostConfig': {'Binds': ['/var:/a']}}",
		MATCH_NOT_LIST, "mounts", NULL },
	{ "'deny': ['*'], 'mounts': ['/srv:ro']", create,
		"{'HostConfig': {'Binds': ['/srv:/a:ro']}}", MATCH_NOT_LIST, "mounts", NULL },
	/* images */
	{ "'allow': ['*'], 'powers': ['create'], 'images': ['docker.io/library/alpine:*']", create,
		"{'Image': 'alpine'}", MATCH_YES, NULL, NULL },
	{ "'allow': ['*'], 'powers': ['create'], 'images': ['docker.io/library/alpine:*']", create,
		"{'Image': 'evil'}", MATCH_NOT_LIST, "images", "docker.io/library/evil:latest" },
	/* What may be an id may be any image, which "*" alone covers; one character is enough. */
	{ "'allow': ['*'], 'powers': ['create'], 'images': ['*']", create, "{'Image': 'abcdef'}",
		MATCH_YES, NULL, NULL },
	{ "'allow': ['*'], 'powers': ['create'], 'images': ['docker.io/library/*']", create,
		"{'Image': 'a'}", MATCH_NOT_LIST, "images", "docker.io/library/a:latest" },
	{ "'allow': ['*'], 'powers': ['create'], 'images': ['docker.io/library/*']", create,
		"{'Image': 'g'}", MATCH_YES, NULL, NULL },
	{ "'deny': ['*'], 'networks': ['host']", create, "{'HostConfig': {'NetworkMode': '7'}}",
		MATCH_YES, NULL, NULL },
	{ "'deny': ['*'], 'networks': ['host']", create, "{'HostConfig': {'NetworkMode': 'g_'}}",
		MATCH_NOT_LIST, "networks", NULL },
	{ "'deny': ['*'], 'images': ['docker.io/library/evil:*']", create, "{'Image': 'abcdef'}",
		MATCH_YES, NULL, NULL },
	{ "'deny': ['*'], 'images': ['docker.io/library/evil:*']", create, "{'Image': 'alpine'}",
		MATCH_NOT_LIST, "images", NULL },
	/* capabilities */
	{ "'allow': ['*'], 'powers': ['create'], 'capabilities': ['CAP_NET_*']", create,
		"{'HostConfig': {'CapAdd': ['NET_ADMIN']}}", MATCH_YES, NULL, NULL },
	{ "'allow': ['*'], 'powers': ['create'], 'capabilities': ['CAP_NET_*']", create,
		"{'HostConfig': {'CapAdd': ['ALL']}}", MATCH_NOT_LIST, "capabilities", "ALL" },
	{ "'deny': ['*'], 'capabilities': ['CAP_SYS_ADMIN']", create,
		"{'HostConfig': {'CapAdd': ['ALL']}}", MATCH_YES, NULL, NULL },
	/* devices */
	{ "'allow': ['*'], 'powers': ['create'], 'devices': ['/dev/snd/*']", create,
		"{'HostConfig': {'Devices': [{'PathOnHost': '/dev/snd/timer'}]}}", MATCH_YES, NULL,
		NULL },
	{ "'allow': ['*'], 'powers': ['create'], 'devices': ['/dev/snd/*']", create,
		"{'HostConfig': {'Devices': [{'PathOnHost': '/dev/snd/../sda'}]}}", MATCH_NOT_LIST,
		"devices", "/dev/snd/../sda" },
	{ "'deny': ['*'], 'devices': ['/dev/sda']", create,
		"{'HostConfig': {'Devices': [{'PathOnHost': '/dev/snd/../sda'}]}}", MATCH_YES, NULL,
		NULL },
	/* ports */
	{ "'allow': ['*'], 'powers': ['create'], 'ports': ['8000-8999']", create,
		"{'HostConfig': {'PortBindings': {'80/tcp': [{'HostPort': '8080'}]}}}", MATCH_YES,
		NULL, NULL },
	{ "'allow': ['*'], 'powers': ['create'], 'ports': ['8000-8999']", create,
		"{'HostConfig': {'PortBindings': {'80/tcp': [{'HostPort': '8990-9010'}]}}}",
		MATCH_NOT_LIST, "ports", "8990-9010:80/tcp" },
	{ "'allow': ['*'], 'powers': ['create'], 'ports': ['127.0.0.1:8080']", create,
		"{'HostConfig': {'PortBindings': {'80/tcp': [{'HostPort': '8080'}]}}}",
		MATCH_NOT_LIST, "ports", "8080:80/tcp" },
	{ "'deny': ['*'], 'ports': ['9000']", create,
		"{'HostConfig': {'PortBindings': {'80/tcp': [{'HostPort': '8990-9010'}]}}}",
		MATCH_YES, NULL, NULL },
	{ "'deny': ['*'], 'ports': ['127.0.0.1:80']", create,
		"{'HostConfig': {'PortBindings': {'80/tcp': [{'HostPort': '80'}]}}}", MATCH_YES,
		NULL, NULL },
	/* networks and runtimes */
	{ "'allow': ['*'], 'powers': ['create'], 'networks': ['front']", create,
		"{'HostConfig': {'NetworkMode': 'front'}}", MATCH_YES, NULL, NULL },
	{ "'allow': ['*'], 'powers': ['create'], 'networks': ['front']", create,
		"{'HostConfig': {'NetworkMode': 'back'}}", MATCH_NOT_LIST, "networks", "back" },
	{ "'allow': ['*'], 'powers': ['create'], 'runtimes': ['runc']", create,
		"{'HostConfig': {'Runtime': 'other'}}", MATCH_NOT_LIST, "runtimes", "other" },
	/* A power without an item is one that no list covers. */
	{ "'allow': ['*'], 'powers': ['create'], 'mounts': ['/srv']", create,
		"{'HostConfig': {'Binds': ['/srv:/a'], 'Privileged': true}}", MATCH_NOT_POWERS,
		NULL, NULL },
	/* The first port is one; one that nobody can parse may be any. */
	{ "'allow': ['*'], 'powers': ['create'], 'ports': ['1-100']", create,
		"{'HostConfig': {'PortBindings': {'80/tcp': [{'HostPort': '1'}]}}}", MATCH_YES,
		NULL, NULL },
	{ "'allow': ['*'], 'powers': ['create'], 'ports': ['80']", create,
		"{'HostConfig': {'PortBindings': {'80/tcp': [{'HostPort': '80x'}]}}}",
		MATCH_NOT_LIST, "ports", "80x:80/tcp" },
	{ "'deny': ['*'], 'ports': ['9000']", create,
		"{'HostConfig': {'PortBindings': {'80/tcp': [{'HostPort': '80x'}]}}}", MATCH_YES,
		NULL, NULL },
};

static struct rule_match match(struct world *w, const struct row *r, struct answer *a)
{
	const struct question q = { "POST", r->target, r->body, NULL, NULL };
	void *memory;
	struct mount_info *info;
	struct powerset powers;

	world_read(w, &q, a);
	powers = a->facts.powers;
	/* Every mount's source is what its text says. */
	for (size_t i = 0; i < a->facts.attributes.count; i++) {
		struct attribute *d = &a->facts.attributes.items[i];

		if (d->kind != ATTRIBUTE_MOUNT)
			continue;
		memory = attributes_alloc(&a->facts.attributes, sizeof(*info));
		info = memory;
		assert_non_null(info);
		*info = (struct mount_info){ .visible = true };
		memcpy(info->path, d->text.s, d->text.n);
		d->mount_info = info;
	}
	return rule_match(&w->file.rules->items[0], a->subject.id, &a->facts, &powers);
}

static void each_row(void **state)
{
	static struct world w;
	static struct answer a;
	char file[512];

	(void)state;
	for (const struct row *r = table; r < table + sizeof(table) / sizeof(table[0]); r++) {
		struct rule_match m;

		(void)snprintf(file, sizeof(file),
			"{'rules': [{'name': 'r', 'who': ['*'], %s}], 'otherwise': 'profile'}",
			r->rule);
		world_open(&w, "", file);
		m = match(&w, r, &a);
		if (m.result != r->result)
			fail_msg("%s: %s: %d", r->rule, r->body ? r->body : r->target,
				(int)m.result);
		if (m.result == MATCH_NOT_LIST)
			assert_string_equal(list_name(m.list), r->list);
		assert_true((m.item != NULL) == (r->item != NULL));
		if (m.item && !span_equal(m.item->text, span_of(r->item)))
			fail_msg("%s: %.*s", r->rule, (int)m.item->text.n, m.item->text.s);
		assert_true(powerset_empty(&m.missing) ==
			(m.result != MATCH_NOT_POWERS || w.file.rules->items[0].verb == RULE_DENY));
		answer_free(&a);
		world_close(&w);
	}
}

/* Only what dsp saw as a whole is known to be below a listed path. */
static void invisible(void **state)
{
	static const struct row row = { NULL, create, "{'HostConfig': {'Binds': ['/srv/a:/a']}}",
		MATCH_YES, NULL, NULL };
	static struct world w;
	static struct answer a;
	struct mount_info *info;
	struct attribute *d;
	struct powerset powers;

	(void)state;
	world_open(&w, "",
		"{'rules': [{'name': 'r', 'who': ['*'], 'allow': ['*'], 'powers': ['create'], "
		"'mounts': ['/srv/**']}], 'otherwise': 'profile'}");
	assert_int_equal(match(&w, &row, &a).result, MATCH_YES);
	d = &a.facts.attributes.items[0];
	while (d->kind != ATTRIBUTE_MOUNT)
		d++;
	info = (struct mount_info *)(uintptr_t)d->mount_info;
	powers = a.facts.powers;
	info->visible = false;
	assert_int_equal(
		rule_match(&w.file.rules->items[0], 0, &a.facts, &powers).result, MATCH_NOT_LIST);
	info->visible = true;
	memset(info->path + strlen(info->path), 'x', sizeof(info->path) - strlen(info->path) - 1);
	info->path[sizeof(info->path) - 1] = '\0';
	assert_int_equal(
		rule_match(&w.file.rules->items[0], 0, &a.facts, &powers).result, MATCH_NOT_LIST);
	d->mount_info = NULL;
	assert_int_equal(
		rule_match(&w.file.rules->items[0], 0, &a.facts, &powers).result, MATCH_NOT_LIST);
	/* What may ask for more than its items say is covered by no list. */
	d->mount_info = info;
	info->path[8] = '\0';
	assert_int_equal(
		rule_match(&w.file.rules->items[0], 0, &a.facts, &powers).result, MATCH_YES);
	a.facts.incomplete = true;
	assert_int_equal(
		rule_match(&w.file.rules->items[0], 0, &a.facts, &powers).result, MATCH_NOT_LIST);
	answer_free(&a);
	world_close(&w);
}

/* A deny rule for /var/run/x, whose path is given, and a mount of /l/a; returns its info. */
static struct mount_info *deny_x(
	struct world *w, struct answer *a, struct rule_path *path, struct attribute **d)
{
	static const struct row row = { NULL, create, "{'HostConfig': {'Binds': ['/l/a:/a:ro']}}",
		MATCH_YES, NULL, NULL };

	world_open(w, "",
		"{'rules': [{'name': 'r', 'who': ['*'], 'deny': ['*'], 'mounts': ['/var/run/x']}], "
		"'otherwise': 'profile'}");
	assert_int_equal(match(w, &row, a).result, MATCH_NOT_LIST);
	assert_int_equal(rules_paths(w->file.rules).count, 1);
	for (*d = a->facts.attributes.items; (*d)->kind != ATTRIBUTE_MOUNT; ++*d)
		;
	a->facts.rule_paths = path;
	a->facts.rule_path_count = 1;
	return (struct mount_info *)(uintptr_t)(*d)->mount_info;
}

static enum match_result match_again(struct world *w, struct answer *a)
{
	struct powerset powers = a->facts.powers;

	return rule_match(&w->file.rules->items[0], 0, &a->facts, &powers).result;
}

/* What a source or a rule's path is on the host counts beside what they say. */
static void resolved(void **state)
{
	static struct mount_info there = { .visible = true, .path = "/data" };
	static struct rule_path path = { SPAN_INIT("/var/run/x"), &there };
	static struct world w;
	static struct answer a;
	struct attribute *d;
	struct mount_info *info = deny_x(&w, &a, &path, &d);

	(void)state;
	memcpy(info->path, "/data/y", sizeof("/data/y"));
	assert_int_equal(match_again(&w, &a), MATCH_YES);
	a.facts.rule_path_count = 0;
	assert_int_equal(match_again(&w, &a), MATCH_NOT_LIST);
	a.facts.rule_path_count = 1;
	memcpy(info->path, "/other", sizeof("/other"));
	assert_int_equal(match_again(&w, &a), MATCH_NOT_LIST);
	d->clean = SPAN("/var/run/x/y");
	assert_int_equal(match_again(&w, &a), MATCH_YES);
	d->clean = SPAN("/data");
	assert_int_equal(match_again(&w, &a), MATCH_YES);
	d->clean = SPAN("/l/a");
	assert_int_equal(match_again(&w, &a), MATCH_NOT_LIST);
	info->unknown = true;
	assert_int_equal(match_again(&w, &a), MATCH_YES);
	d->mount_info = NULL;
	assert_int_equal(match_again(&w, &a), MATCH_YES);
	answer_free(&a);
	world_close(&w);
}

static void other_names(void **state)
{
	static struct mount_info there = { .visible = true, .path = "/data" };
	static struct rule_path path = { SPAN_INIT("/var/run/x"), &there };
	static struct world w;
	static struct answer a;
	struct attribute *d;
	struct mount_info *info = deny_x(&w, &a, &path, &d);

	(void)state;
	/* The same place of a file system that is mounted twice, what is below and above it. */
	memcpy(there.place, "8:1/a", sizeof("8:1/a"));
	memcpy(info->place, "8:1/ab", sizeof("8:1/ab"));
	assert_int_equal(match_again(&w, &a), MATCH_NOT_LIST);
	memcpy(info->place, "8:1/a/b", sizeof("8:1/a/b"));
	assert_int_equal(match_again(&w, &a), MATCH_YES);
	memcpy(info->place, "8:1", sizeof("8:1"));
	assert_int_equal(match_again(&w, &a), MATCH_YES);
	memcpy(info->place, "8:17/a", sizeof("8:17/a"));
	assert_int_equal(match_again(&w, &a), MATCH_NOT_LIST);
	/* Another name of one inode. */
	there.file_system = info->file_system = 8;
	there.inode = 5;
	info->inode = 6;
	assert_int_equal(match_again(&w, &a), MATCH_NOT_LIST);
	info->inode = 5;
	assert_int_equal(match_again(&w, &a), MATCH_YES);
	info->file_system = 9;
	assert_int_equal(match_again(&w, &a), MATCH_NOT_LIST);
	answer_free(&a);
	world_close(&w);
}

static const struct {
	const char *asked;
	struct mount_info found;
	struct mount_info listed; /* of /dev/disk/by-id/x */
	bool deny;                /* a deny list with it matches */
	bool allow;               /* an allow list of /dev/sd*, /srv/snd covers */
} devices[] = {
	/* the same node, by its name, by a link, by another node, by a link of the rule */
	{ "/dev/sda", { .path = "/dev/sda", .node = 'b', .major = 8 },
		{ .path = "/dev/sda", .node = 'b', .major = 8 }, true, true },
	{ "/dev/disk/by-id/x", { .path = "/dev/sda", .node = 'b', .major = 8 },
		{ .path = "/dev/sda", .node = 'b', .major = 8 }, true, true },
	{ "/srv/node", { .path = "/srv/node", .node = 'b', .major = 8 },
		{ .path = "/dev/sda", .node = 'b', .major = 8 }, true, false },
	{ "/srv/link", { .path = "/dev/sda", .node = 'b', .major = 8 },
		{ .path = "/dev/sda", .node = 'b', .major = 8 }, true, true },
	/* other numbers, another type */
	{ "/dev/sdb", { .path = "/dev/sdb", .node = 'b', .major = 8, .minor = 16 },
		{ .path = "/dev/sda", .node = 'b', .major = 8 }, false, true },
	{ "/dev/sg0", { .path = "/dev/sg0", .node = 'c', .major = 8 },
		{ .path = "/dev/sda", .node = 'b', .major = 8 }, false, false },
	/* directories, of /dev and of others */
	{ "/dev", { .path = "/dev", .node = 'd' }, { .path = "/dev/sda", .node = 'b', .major = 8 },
		true, false },
	{ "/dev/snd", { .path = "/dev/snd", .node = 'd' },
		{ .path = "/dev/sda", .node = 'b', .major = 8 }, false, false },
	{ "/srv/snd", { .path = "/srv/snd", .node = 'd' },
		{ .path = "/dev/sda", .node = 'b', .major = 8 }, true, true },
	{ "/srv/link", { .path = "/srv/snd", .node = 'd' },
		{ .path = "/dev/sda", .node = 'b', .major = 8 }, true, true },
	/* nothing is there, or it cannot be seen */
	{ "/dev/sdc", { .path = "/dev/sdc" }, { .path = "/dev/disk/by-id/x" }, true, true },
	{ "/dev/sdc", { .path = "/dev/sdc" }, { .path = "/dev/sda", .node = 'b', .major = 8 },
		false, true },
	{ "/dev/vg/x", { .path = "/dev/vg/x" }, { .path = "/dev/sda", .node = 'b', .major = 8 },
		true, false },
	{ "/srv/none", { .path = "/srv/none" }, { .path = "/dev/disk/by-id/x" }, true, false },
	{ "/dev/sdc", { .path = "/dev/sdc", .unknown = true }, { .path = "/dev/disk/by-id/x" },
		true, false },
	{ "/dev/sdc", { .path = "/dev/sdc" }, { .path = "/dev/disk/by-id/x", .unknown = true },
		true, true },
	{ "/dev/sdc", { .unknown = true }, { .unknown = true }, true, true },
	{ "/dev/shm/sd", { .path = "/dev/shm/sd" }, { .path = "/dev/sda", .node = 'b', .major = 8 },
		true, false },
};

/* A device, by what its path and a rule's path are on the host. */
static void devices_on_the_host(void **state)
{
	static struct world w;
	static struct answer a;

	(void)state;
	world_open(&w, "",
		"{'rules': [{'name': 'd', 'who': ['*'], 'deny': ['*'], "
		"'devices': ['/dev/disk/by-id/x']}, {'name': 'a', 'who': ['*'], 'allow': ['*'], "
		"'powers': ['create'], 'devices': ['/dev/sd*', '/srv/snd']}], "
		"'otherwise': 'profile'}");
	assert_int_equal(rules_compared_kinds(w.file.rules), 1u << ATTRIBUTE_DEVICE);
	assert_int_equal(rules_paths(w.file.rules).count, 1);
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		struct rule_path path = { SPAN_INIT("/dev/disk/by-id/x"), &devices[i].listed };
		struct row row = { NULL, create, NULL, MATCH_YES, NULL, NULL };
		char body[128];
		struct attribute *d;

		(void)snprintf(body, sizeof(body),
			"{'HostConfig': {'Devices': [{'PathOnHost': '%s'}]}}", devices[i].asked);
		row.body = body;
		(void)match(&w, &row, &a);
		for (d = a.facts.attributes.items; d->kind != ATTRIBUTE_DEVICE; d++)
			;
		assert_true(attribute_is_source(d));
		d->mount_info = &devices[i].found;
		a.facts.rule_paths = &path;
		a.facts.rule_path_count = 1;
		for (size_t k = 0; k < 2; k++) {
			bool wanted = k == 0 ? devices[i].deny : devices[i].allow;
			struct rule_match m = rule_match(
				&w.file.rules->items[k], 0, &a.facts, &a.facts.powers);

			if ((m.result == MATCH_YES) != wanted)
				fail_msg("%zu: %s: %s", i, devices[i].asked,
					k == 0 ? "deny" : "allow");
		}
		a.facts.rule_path_count = 0;
		answer_free(&a);
	}
	world_close(&w);
}

/* A link to "/" is the mount of all that Docker keeps. */
static void linked_root(void **state)
{
	static const struct row row = { NULL, create, "{'HostConfig': {'Binds': ['/l:/a']}}",
		MATCH_YES, NULL, NULL };
	static struct world w;
	static struct answer a;
	struct attribute *d;

	(void)state;
	world_open(&w, "",
		"{'rules': [{'name': 'r', 'who': ['*'], 'deny': ['*'], 'volumes': ['data']}], "
		"'otherwise': 'profile'}");
	assert_int_equal(match(&w, &row, &a).result, MATCH_NOT_LIST);
	for (d = a.facts.attributes.items; d->kind != ATTRIBUTE_MOUNT; d++)
		;
	memcpy(((struct mount_info *)(uintptr_t)d->mount_info)->path, "/\0", sizeof("/\0"));
	assert_int_equal(rule_match(&w.file.rules->items[0], 0, &a.facts, &a.facts.powers).result,
		MATCH_YES);
	answer_free(&a);
	world_close(&w);
}

static void subjects(void **state)
{
	static struct world w;
	static struct answer a;
	const struct question q = { "GET", "/containers/json", NULL, NULL, NULL };
	struct powerset none = { { 0 } };

	(void)state;
	world_open(&w, "",
		"{'users': {'anna': {'common_names': ['anna']}, 'bob': {'common_names': ['bob']}}, "
		"'groups': {'g': ['bob']}, "
		"'rules': [{'name': 'r', 'who': ['@g', 'cn:carl'], 'allow': ['*']}], "
		"'otherwise': 'profile'}");
	world_read(&w, &q, &a);
	for (size_t id = 0; id < w.file.rules->subject_count; id++) {
		struct span name = w.file.rules->subjects[id];
		bool in = span_equal(name, SPAN("bob")) || span_equal(name, SPAN("cn:carl"));

		assert_int_equal(rule_match(&w.file.rules->items[0], id, &a.facts, &none).result,
			in ? MATCH_YES : MATCH_NOT_SUBJECT);
	}
	answer_free(&a);
	world_close(&w);
}

/* An item that is written for a path means this path, also where its name ends like an item. */
static void mount_ends(void **state)
{
	static const struct {
		const char *path;
		bool read_only;
		const char *end;
	} rows[] = {
		{ "/srv", false, "" },
		{ "/srv", true, ":ro" },
		{ "/srv/**", false, "/" },
		{ "/srv/**", true, "/:ro" },
		{ "/srv/a:ro", false, ":rw" },
		{ "/srv/a:ro", true, ":ro" },
		{ "/srv/a:rw", false, ":rw" },
	};
	static struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *end = rule_mount_end(span_of(rows[i].path), rows[i].read_only);
		const struct pattern *item;
		char file[256];

		assert_string_equal(end, rows[i].end);
		(void)snprintf(file, sizeof(file),
			"{'rules': [{'name': 'r', 'who': ['*'], 'allow': ['*'], "
			"'powers': ['create'], 'mounts': ['%s%s']}], 'otherwise': 'profile'}",
			rows[i].path, end);
		world_open(&w, "", file);
		item = &w.file.rules->items[0].lists[LIST_MOUNTS].items[0];
		assert_true(span_equal(item->text, span_of(rows[i].path)));
		assert_int_equal(item->below, false);
		assert_int_equal(item->read_only, rows[i].read_only);
		world_close(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(invisible),
		cmocka_unit_test(resolved),
		cmocka_unit_test(other_names),
		cmocka_unit_test(devices_on_the_host),
		cmocka_unit_test(linked_root),
		cmocka_unit_test(subjects),
		cmocka_unit_test(mount_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
