/* What deny lists make of names, by what dockerd has on its disk. */
#include "questions.h"

#include <stdio.h>

/* In a swarm a plain name may be the start of an id, where dsp does not see that there is none. */
static void names_in_a_swarm(void **state)
{
	static const char rules[] =
		"{'rules': [{'name': 'd', 'who': ['*'], 'deny': ['*'], 'networks': ['prod']},"
		" {'name': 'v', 'who': ['*'], 'deny': ['*'], 'volumes': ['secret']}],"
		" 'otherwise': 'profile'}";
	static const struct mount_info file = { .visible = true, .inode = 3 };
	static const struct mount_info nothing = { .visible = false };
	static const struct mount_info unseen = { .unknown = true };
	static const struct {
		const struct mount_info *state;
		bool swarm;
	} hosts[] = { { &nothing, false }, { &file, true }, { &unseen, true }, { NULL, true } };
	static const struct {
		const char *method, *target, *body;
		bool name; /* it may be the start of an id */
	} requests[] = {
		{ "GET", "/networks/web", NULL, true },
		{ "GET", "/networks/k", NULL, true },
		{ "GET", "/networks/web_default", NULL, false },
		{ "GET", "/networks/Web", NULL, false },
		{ "GET", "/networks/bridge", NULL, false },
		{ "GET", "/networks/abcdefghijklmnopqrstuvwxyz", NULL, false },
		{ "DELETE", "/networks/web", NULL, true },
		{ "POST", "/networks/web/disconnect", "{}", true },
		{ "POST", "/containers/create", "{'HostConfig': {'NetworkMode': 'web'}}", true },
		{ "POST", "/containers/create",
			"{'NetworkingConfig': {'EndpointsConfig': {'w3': {}}}}", true },
		{ "POST", "/networks/create", "{'Name': 'web'}", false },
		{ "GET", "/volumes/data", NULL, true },
		{ "GET", "/volumes/my-data", NULL, false },
		{ "POST", "/volumes/create", "{'Name': 'data'}", false },
	};
	static struct world w;
	static struct answer a;

	(void)state;
	world_open(&w, "ALLOW_NETWORK_DELETE=1", rules);
	assert_int_equal(rules_compared_kinds(w.file.rules),
		1u << ATTRIBUTE_NETWORK | 1u << ATTRIBUTE_VOLUME);
	for (size_t r = 0; r < sizeof(requests) / sizeof(requests[0]); r++) {
		const struct question q = { requests[r].method, requests[r].target,
			requests[r].body, NULL, NULL };

		for (size_t h = 0; h < sizeof(hosts) / sizeof(hosts[0]); h++) {
			world_ask(&w, &q, &a);
			a.facts.docker_paths[DOCKER_SWARM].info = hosts[h].state;
			a.decision = decide(&w.policy, &a.subject, &a.facts, NULL);
			assert_int_equal(a.decision.verdict == VERDICT_ALLOW,
				!requests[r].name || !hosts[h].swarm);
			answer_free(&a);
		}
	}
	world_close(&w);
}

/* A volume is where dockerd's data directory is, and that under each of its paths. */
static void data_root(void **state)
{
	static const char rules[] =
		"{'rules': [{'name': 'v', 'who': ['*'], 'deny': ['*'], 'volumes': ['secret']}],"
		" 'otherwise': 'profile'}";
	static const struct mount_info volumes = {
		.visible = true, .path = "/mnt/disk/docker/volumes", .place = "8:1/docker/volumes"
	};
	static const struct {
		const char *source;
		struct mount_info info;
		bool allow;
	} rows[] = {
		{ "/data/docker/volumes/secret/_data", { .visible = true }, false },
		{ "/data/docker/volumes/secret", { .visible = true }, false },
		{ "/data/docker/volumes/other/_data", { .visible = true }, true },
		{ "/data/docker/volumes", { .visible = true }, false },
		{ "/data", { .visible = true }, false },
		{ "/data/docker/volumesx", { .visible = true }, true },
		{ "/var/lib/docker/volumes/secret", { .visible = true }, false },
		{ "/l", { .visible = true, .path = "/mnt/disk/docker/volumes/secret/_data" },
			false },
		{ "/l", { .visible = true, .path = "/mnt/disk/docker/volumes/x/_data" }, true },
		{ "/b", { .visible = true, .path = "/b", .place = "8:1/docker/volumes/secret" },
			false },
		{ "/b", { .visible = true, .path = "/b", .place = "8:1/docker/volumes/x" }, true },
		{ "/b", { .visible = true, .path = "/b", .place = "8:2/docker/volumes/secret" },
			true },
		{ "/b", { .visible = true, .path = "/b", .place = "8:1" }, false },
	};
	static struct world w;
	static struct answer a;

	(void)state;
	world_open(&w, "ALLOW_DOCKER_SOCKET=1", rules);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char body[160];
		const struct question q = { "POST", "/containers/create", body, NULL, NULL };
		struct err e;

		(void)snprintf(
			body, sizeof(body), "{'HostConfig': {'Binds': ['%s:/m']}}", rows[i].source);
		world_ask(&w, &q, &a);
		assert_int_equal(facts_set_data_root(&a.facts, SPAN("/data/docker"), &e), 0);
		a.facts.docker_paths[DOCKER_VOLUMES].info = &volumes;
		for (size_t d = 0; d < a.facts.attributes.count; d++) {
			if (a.facts.attributes.items[d].kind == ATTRIBUTE_MOUNT)
				a.facts.attributes.items[d].mount_info = &rows[i].info;
		}
		a.decision = decide(&w.policy, &a.subject, &a.facts, NULL);
		if ((a.decision.verdict == VERDICT_ALLOW) != rows[i].allow)
			fail_msg("%s %s", rows[i].source, rows[i].info.path);
		answer_free(&a);
	}
	world_close(&w);
}

/* A volume that is mounted by its name may be any path, if it was made with options. */
static void mounted_volumes(void **state)
{
	static const char *const rules[] = {
		"{'rules': [{'name': 'm', 'who': ['*'], 'deny': ['*'], 'mounts': ['/etc']}],"
		" 'otherwise': 'profile'}",
		"{'rules': [{'name': 'm', 'who': ['*'], 'deny': ['*'], 'mounts': ['/etc'],"
		" 'powers': ['host_mounts']}], 'otherwise': 'profile'}",
		"{'rules': [{'name': 'm', 'who': ['*'], 'deny': ['*'], 'mounts': []}],"
		" 'otherwise': 'profile'}",
		"{'rules': [{'name': 'm', 'who': ['*'], 'deny': ['*'], 'powers': ['host_mounts']}],"
		" 'otherwise': 'profile'}",
	};
	static const struct mount_info nothing = { .visible = false };
	static const struct mount_info file = { .visible = true, .inode = 7 };
	static const struct mount_info unseen = { .unknown = true };
	static const struct mount_info *const found[] = { &nothing, &file, &unseen, NULL };
	static const char *const bodies[] = {
		"{'HostConfig': {'Binds': ['data:/d']}}",
		"{'HostConfig': {'Mounts': [{'Type': 'volume', 'Source': 'data', 'Target': '/d'}]}}",
		"{'HostConfig': {'Mounts': [{'Type': 'volume', 'Target': '/d'}]}}",
	};
	static struct world w;
	static struct answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]) * 16; i++) {
		const char *body = bodies[i / 16];
		const struct question q = { "POST", "/containers/create", body, NULL, NULL };
		bool denied = i / 16 < 2 && i % 4 < 2 && i / 4 % 4 > 0;

		world_open(&w, "", rules[i % 4]);
		world_ask(&w, &q, &a);
		for (size_t d = 0; d < a.facts.attributes.count; d++) {
			if (a.facts.attributes.items[d].mounted)
				a.facts.attributes.items[d].mount_info = found[i / 4 % 4];
		}
		a.decision = decide(&w.policy, &a.subject, &a.facts, NULL);
		if ((a.decision.verdict == VERDICT_ALLOW) == denied)
			fail_msg("%s %zu", body, i);
		answer_free(&a);
		world_close(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_in_a_swarm),
		cmocka_unit_test(data_root),
		cmocka_unit_test(mounted_volumes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
