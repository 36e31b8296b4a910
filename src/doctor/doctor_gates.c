/* The doctor's check of gates: each socket, who can connect, and whose its token is. */
#include <errno.h>
#include <grp.h>
#include <sys/stat.h>

#include "doctor.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/policy/rules.h"
#include "dsp/dockerd/gates.h"

static void report_socket(const struct gate *g, struct check_result *result)
{
	const struct group *wanted = NULL;
	char group[64];
	struct stat st;

	gate_group(g, group, sizeof(group));
	if (lstat(g->socket, &st) != 0 || !S_ISSOCK(st.st_mode)) {
		check_result_add(result, CHECK_WARNING,
			"gate %s: no process listens on %s, which does not exist", g->name,
			g->socket);
		check_result_advise(result, "systemctl enable --now %s", g->socket_unit);
		return;
	}
	if (st.st_mode & S_IWOTH) {
		check_result_add(result, CHECK_WARNING,
			"gate %s: all users of this machine can use %s (mode %o)", g->name,
			g->socket, (unsigned)(st.st_mode & 07777));
		check_result_advise(result, "systemctl restart %s", g->socket_unit);
	}
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	if (group[0] != '\0' && !(wanted = getgrnam(group)))
		check_result_add(
			result, CHECK_WARNING, "gate %s: there is no group %s", g->name, group);
	else if (st.st_gid != (wanted ? wanted->gr_gid : 0)) {
		check_result_add(result, CHECK_WARNING, "gate %s: %s is not of group %s", g->name,
			g->socket, group[0] != '\0' ? group : "root");
		check_result_advise(
			result, "systemctl daemon-reload; systemctl restart %s", g->socket_unit);
	}
}

static void report_token(const struct doctor *d, const struct gate *g, struct check_result *result)
{
	const struct config *c = doctor_config(d);
	const struct peer peer = { .known = false };
	unsigned char bytes[DIGEST_SIZE];
	char digest[DIGEST_ROOM];
	struct err e;

	if (gate_digest(g, digest, &e) != 0) {
		check_result_add(result, CHECK_WARNING, "gate %s: %s", g->name, e.text);
		return;
	}
	if (!c) {
		check_result_add(
			result, CHECK_UNKNOWN, "gate %s: dsp's settings cannot be read", g->name);
		return;
	}
	if (digest_parse(span_of(digest), bytes) && c->policy.file_rules &&
		rules_find_token(c->policy.file_rules, bytes, &peer) != TOKEN_UNKNOWN)
		return;
	check_result_add(result, CHECK_WARNING,
		"gate %s: no user of the policy in force has its token, so dsp denies what comes "
		"through it",
		g->name);
	check_result_advise(result, "dsp gate add %s; dsp reload", g->name);
}

/* Who needs no gate: members of the group of Docker's own socket. */
static void report_docker_group(const struct doctor *d, struct check_result *result)
{
	const struct group *group;
	struct stat st;

	if (!d->dockerd || !d->dockerd->socket || stat(d->dockerd->socket, &st) != 0 ||
		!(st.st_mode & S_IWGRP) || st.st_gid == 0)
		return;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	group = getgrgid(st.st_gid);
	if (!group || !group->gr_mem[0])
		return;
	check_result_add(result, CHECK_NOTE,
		"%s%s of group %s can still use %s, where dsp does not know them", group->gr_mem[0],
		group->gr_mem[1] ? " and others" : "", group->gr_name, d->dockerd->socket);
	check_result_advise(result, "gpasswd --delete %s %s", group->gr_mem[0], group->gr_name);
}

void doctor_check_gates(const struct doctor *d, struct check_result *result)
{
	AUTO_MEM char(*names)[GATE_NAME_MOST + 1] = mem_array(GATES_MOST, sizeof(*names));
	struct gate g;
	struct err e;
	size_t count = 0;

	if (!names || gates_list(names, GATES_MOST, &count, &e) != 0) {
		check_result_add(result, CHECK_UNKNOWN, "%s",
			!names                     ? "out of memory"
				: e.code == EACCES ? "only root can find them"
						   : e.text);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		gate_places(names[i], &g);
		report_socket(&g, result);
		report_token(d, &g, result);
	}
	if (count == 0)
		check_result_add(result, CHECK_OK, "there is no gate");
	else
		report_docker_group(d, result);
	if (count > 0)
		check_result_add(result, CHECK_OK,
			"each gate listens, and a user of the policy file has its token");
}
