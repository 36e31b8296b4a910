/* The doctor's checks of dockerd's version, of its listeners, and of ways that bypass it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "doctor.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/facts/versions.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/host/listening_sockets.h"
#include "dsp/system/proc_file.h"

/* --- versions ----------------------------------------------------------------------------------*/

static bool report_unknown_version(const struct doctor *d, struct check_result *result)
{
	if (dockerd_version(d->dockerd) > 0)
		return false;
	check_result_add(result, CHECK_UNKNOWN, "dockerd's version is unknown");
	return true;
}

void doctor_check_version(const struct doctor *d, struct check_result *result)
{
	long version = dockerd_version(d->dockerd);

	if (report_unknown_version(d, result))
		return;
	if (version < version_since(VERSION_KNOWN))
		check_result_add(result, CHECK_WARNING,
			"%s is older than 17.05, the oldest that dsp knows", d->dockerd->version);
	else if (version > version_until(VERSION_KNOWN))
		check_result_add(result, CHECK_NOTE,
			"%s is newer than 29, the newest that dsp knows: dsp denies requests that are new "
			"in it (power unknown)",
			d->dockerd->version);
	else
		check_result_add(result, CHECK_OK, "%s", d->dockerd->version);
}

void doctor_check_bodies(const struct doctor *d, struct check_result *result)
{
	if (report_unknown_version(d, result))
		return;
	if (version_has(VERSION_HIDDEN_BODIES, dockerd_version(d->dockerd)))
		check_result_add(result, CHECK_NOTE,
			"%s hides bodies of 1 MiB and more from plugins (CVE-2026-34040), and before "
			"23.0.15, 25.0.6, 26.1.5 and 27.1.1 also chunked ones (CVE-2024-41110), unless "
			"its packager has patched that, as Debian has; dsp denies what it is not shown",
			d->dockerd->version);
	else
		check_result_add(
			result, CHECK_OK, "%s shows or refuses every body", d->dockerd->version);
}

/* Whether the settings close a power that BuildKit gives a client over HTTP/2. */
static bool closes_buildkit(const struct doctor *d)
{
	struct subject anyone = subject_at(d->config->policy.file_rules, SUBJECT_ANONYMOUS);
	struct escalation found;

	for (size_t i = 0; i < POWER_COUNT; i++) {
		if (escalation_buildkit_gives((enum power)i) &&
			!escalation_find(&d->config->policy, &anyone, (enum power)i, &found))
			return true;
	}
	return false;
}

static void report_http2(const struct doctor *d, struct check_result *result)
{
	bool closed = d->config_ok && closes_buildkit(d);

	check_result_add(result, closed ? CHECK_FAULT : CHECK_WARNING,
		"dockerd %s serves HTTP/2 on %s: BuildKit's requests (builds, tags, reading of "
		"images) reach no plugin%s",
		d->dockerd->version, d->http2.served_at,
		closed                 ? ", although the settings close them"
			: d->config_ok ? "; the settings allow them"
				       : "");
	if (d->http2.off)
		check_result_add(result, CHECK_FAULT,
			"its environment has " HTTP2_VARIABLE "=" HTTP2_OFF
			", and it serves HTTP/2 all "
			"the same");
	if (strstr(d->units[UNIT_DOCKER].environment, HTTP2_OFF) && !d->http2.off)
		check_result_advise(result,
			"restart dockerd, whose unit turns HTTP/2 off already: "
			"systemctl restart docker");
	else if (d->systemd)
		check_result_advise(result, "dsp enable --http1 --restart");
}

void doctor_check_grpc(const struct doctor *d, struct check_result *result)
{
	bool asked = dockerd_http2_judge(d->dockerd, &d->http2) == BUILDKIT_ASKED;

	if (d->http2.served > 0 && !asked)
		report_http2(d, result);
	else if (!asked)
		check_result_add(result, CHECK_UNKNOWN,
			"cannot find out whether dockerd serves HTTP/2%s%s, over which dockerd 29.2 and "
			"later ask no plugin about builds",
			d->http2.silent > 0 ? " on " : "", d->http2.silent_at);
	else if (d->http2.off)
		check_result_add(
			result, CHECK_OK, "its environment turns HTTP/2 off (" HTTP2_OFF ")");
	else if (d->http2.tried > 0 && d->http2.served == 0)
		check_result_add(result, CHECK_OK, "dockerd accepts no HTTP/2");
	else
		check_result_add(
			result, CHECK_OK, "%s asks about every build", d->dockerd->version);
}

/* --- listeners ---------------------------------------------------------------------------------*/

static bool is_true(const char *word)
{
	return word &&
		(word[0] == '\0' || strcmp(word, "1") == 0 || strcasecmp(word, "t") == 0 ||
			strcasecmp(word, "true") == 0);
}

/* Whether dockerd verifies the certificates of clients. */
static bool verifies(const struct doctor *d)
{
	const char *value;
	bool flag = false;
	size_t at = 0;

	while ((value = dockerd_options_next(d->dockerd, "tlsverify", &at)) != NULL)
		flag = is_true(value);
	return flag || json_is_true(json_object_get(d->file.object, "tlsverify")) ||
		dockerd_variable(d->dockerd, "DOCKER_TLS_VERIFY", NULL, 0);
}

static void report_open_host(struct check_result *result, const char *host)
{
	if (host && strncmp(host, "unix://", 7) != 0 && strncmp(host, "fd://", 5) != 0 &&
		host[0] != '\0')
		check_result_add(result, CHECK_WARNING,
			"%s accepts every client without a certificate: all are anonymous to dsp",
			host);
}

static void report_handed_socket(void *ctx, const char *address)
{
	check_result_add(ctx, CHECK_WARNING,
		"systemd listens on %s for dockerd (docker.socket), which accepts every client "
		"there without a certificate: all are anonymous to dsp",
		address);
}

void doctor_check_listeners(const struct doctor *d, struct check_result *result)
{
	const json_t *hosts = json_object_get(d->file.object, "hosts");
	const char *value;
	size_t at = 0;

	if (!d->dockerd || d->dockerd->pid == 0) {
		check_result_add(result, CHECK_UNKNOWN, "cannot read dockerd's command line");
		return;
	}
	if (verifies(d)) {
		check_result_add(result, CHECK_OK, "TCP clients must present a certificate");
		return;
	}
	for (size_t i = 0; i < json_array_size(hosts); i++)
		report_open_host(result, json_string_value(json_array_get(hosts, i)));
	while ((value = dockerd_options_next(d->dockerd, "host", &at)) != NULL)
		report_open_host(result, value);
	listening_sockets_tcp(d->dockerd->pid, 1, report_handed_socket, result);
	if (result->state == CHECK_OK)
		check_result_add(result, CHECK_OK, "it does not listen on TCP");
}

/* --- sockets -----------------------------------------------------------------------------------*/

/*
 * The write bits of path (022) with which its group, or everybody, can reach it through all the
 * directories above.
 */
static mode_t reach(const char *path, struct stat *st)
{
	char directory[256];
	mode_t bits = 022;
	char *slash;

	*st = (struct stat){ .st_ino = 0 };
	if (stat(path, st) != 0)
		return 0;
	bits &= st->st_mode;
	text_copy(span_of(path), directory, sizeof(directory));
	while ((slash = strrchr(directory, '/')) != NULL && slash != directory) {
		struct stat above;

		*slash = '\0';
		if (stat(directory, &above) != 0)
			return 0;
		if (above.st_mode & S_IXOTH)
			continue;
		bits &= ~(mode_t)S_IWOTH;
		if (!(above.st_mode & S_IXGRP) || above.st_gid != st->st_gid)
			bits &= ~(mode_t)S_IWGRP;
	}
	return bits;
}

/*
 * Writes "docker (alice,bob)". It reads /etc/group itself, since the name service may wait for a
 * server.
 */
static void write_group(gid_t gid, char *out, size_t cap)
{
	AUTO_MEM char *text = NULL;
	struct span rest = { NULL, 0 };
	size_t len;

	(void)snprintf(out, cap, "%u", (unsigned)gid);
	if (proc_file_read("/etc/group", &text, &len) == 0)
		rest = (struct span){ text, len };
	while (rest.n > 0) {
		char line[400];
		char *part[4] = { line, NULL, NULL, NULL };

		text_copy(proc_file_line(&rest), line, sizeof(line));
		for (int i = 1; i < 4 && part[i - 1]; i++) {
			part[i] = strchr(part[i - 1], ':');
			if (part[i])
				*part[i]++ = '\0';
		}
		if (part[3] && strtoul(part[2], NULL, 10) == gid) {
			struct line l;

			line_init(&l, out, cap);
			line_add_cut(&l, span_of(part[0]));
			line_add(&l, part[3][0] ? " (%s)" : "%s", part[3]);
			return;
		}
	}
}

enum { SOCKETS_MOST = 32 };

struct sockets {
	struct check_result *result;
	bool containerd; /* report containerd's; else Docker's */
	size_t seen;
	ino_t reported[SOCKETS_MOST]; /* a socket may be listed twice */
};

static bool is_reported(const struct sockets *s, ino_t inode)
{
	for (size_t i = 0; i < s->seen; i++) {
		if (s->reported[i] == inode)
			return true;
	}
	return false;
}

static void report_socket(void *ctx, const char *path)
{
	struct sockets *s = ctx;
	struct span p = span_of(path);
	bool containerd = span_ends(p, SPAN("/containerd.sock")) ||
		span_ends(p, SPAN("/containerd.sock.ttrpc"));
	char group[200];
	struct stat st;
	mode_t bits;

	/* dockerd's metrics are no API, and open to everybody (moby daemon/metrics_unix.go). */
	if (containerd != s->containerd || span_ends(p, SPAN("/metrics.sock")))
		return;
	bits = reach(path, &st);
	if (s->seen == SOCKETS_MOST || is_reported(s, st.st_ino))
		return;
	s->reported[s->seen++] = st.st_ino;
	if (bits & S_IWOTH) {
		check_result_add(s->result, containerd ? CHECK_FAULT : CHECK_WARNING,
			"all users of this machine can use %s (mode %o)%s", path,
			(unsigned)(st.st_mode & 07777),
			containerd ? ": a client there is root, and dockerd does not see it" : "");
		check_result_advise(s->result, "chmod o-rwx %s", path);
	}
	if ((bits & S_IWGRP) == 0 || st.st_gid == 0)
		return;
	write_group(st.st_gid, group, sizeof(group));
	check_result_add(s->result, containerd ? CHECK_WARNING : CHECK_NOTE,
		"group %s can use %s%s", group, path,
		containerd ? ": a client there is root, and dockerd does not see it" : "");
}

static void report_sockets(const struct doctor *d, struct check_result *result, bool containerd)
{
	struct sockets s = { .result = result, .containerd = containerd };

	if (!d->root || !d->dockerd || d->dockerd->pid == 0)
		check_result_add(result, CHECK_UNKNOWN,
			d->root ? "no dockerd runs" : "only root can find them");
	else if (listening_sockets_all(d->dockerd->pid, report_socket, &s) < 0)
		check_result_add(
			result, CHECK_UNKNOWN, "cannot read which sockets dockerd listens on");
	else if (result->state == CHECK_OK && s.seen == 0 && containerd)
		check_result_add(
			result, CHECK_NOTE, "found no socket of containerd on this machine");
	else
		check_result_add(result, CHECK_OK, "only root can use them");
}

void doctor_check_docker_socket(const struct doctor *d, struct check_result *result)
{
	report_sockets(d, result, false);
}

void doctor_check_containerd(const struct doctor *d, struct check_result *result)
{
	report_sockets(d, result, true);
}

void doctor_check_lookups(const struct doctor *d, struct check_result *result)
{
	const json_t *o = json_object_get(d->status, "lookups");
	const char *trouble = json_string_value(json_object_get(o, "trouble"));
	json_int_t failures = json_integer_value(json_object_get(o, "failures"));
	char text[160] = "";

	if (d->managed) {
		check_result_add(result, CHECK_NOTE,
			"a managed plugin cannot see the host's files: dsp goes by the text of mount sources");
		return;
	}
	if (!json_is_object(o)) {
		check_result_add(result, CHECK_UNKNOWN, "dspd does not report it");
		return;
	}
	if (!json_is_true(json_object_get(o, "running"))) {
		check_result_add(result, CHECK_FAULT,
			"the look-up process has exited: dsp denies every mount of a host path");
		check_result_advise(result, "systemctl restart dsp.service");
	}
	if (!json_is_true(json_object_get(o, "sees_all")))
		check_result_add(result, CHECK_NOTE,
			"dspd cannot search directories that are closed to its user: a mount from there "
			"needs every power that is closed");
	if (trouble)
		text_escape(span_of(trouble), text, sizeof(text));
	if (failures > 0)
		check_result_add(result, CHECK_NOTE, "%lld look-ups failed; the last one: %s",
			(long long)failures, text);
	check_result_add(result, CHECK_OK, "dspd can search every directory");
}

/* --- the rest ----------------------------------------------------------------------------------*/

void doctor_check_isolation(const struct doctor *d, struct check_result *result)
{
	size_t at = 0;
	bool remap;
	bool live;

	if (!d->dockerd || d->dockerd->pid == 0) {
		check_result_add(result, CHECK_UNKNOWN, "cannot read dockerd's command line");
		return;
	}
	if (d->dockerd->rootless) {
		check_result_add(result, CHECK_WARNING,
			"process %d runs as another user: a rootless dockerd looks for plugins in its "
			"own /run and /etc",
			(int)d->dockerd->pid);
		check_result_advise(result, "run dspd and dsp doctor in rootlesskit's namespaces");
		return;
	}
	remap = json_object_get(d->file.object, "userns-remap") ||
		dockerd_options_next(d->dockerd, "userns-remap", &at);
	at = 0;
	live = json_is_true(json_object_get(d->file.object, "live-restore")) ||
		is_true(dockerd_options_next(d->dockerd, "live-restore", &at));
	check_result_add(result, CHECK_OK,
		"not rootless; root in containers is %s; containers %s when dockerd restarts",
		remap ? "another user (userns-remap)" : "root on the host",
		live ? "keep running" : "stop");
}
