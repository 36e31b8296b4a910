/* The doctor's checks of dockerd's version and of the ways to it, and past it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "doctor.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/host/listening_sockets.h"
#include "dsp/system/proc_file.h"

/* --- versions ----------------------------------------------------------------------------------*/

/* "29.3.1" as 290301; 0: not known. */
static long version_of(const struct doctor *d)
{
	const char *at = d->dockerd ? d->dockerd->version : "";
	long number = 0;

	for (int i = 0; i < 3; i++) {
		char *end;
		long part = strtol(at, &end, 10);

		if (end == at || part < 0 || part > 99)
			return i == 0 ? 0 : number;
		number += part * (i == 0 ? 10000 : i == 1 ? 100 : 1);
		at = *end == '.' ? end + 1 : end;
	}
	return number;
}

static bool say_version_unknown(const struct doctor *d, struct outcome *o)
{
	if (version_of(d) > 0)
		return false;
	outcome_say(o, STATE_UNKNOWN, "dockerd's version is not known");
	return true;
}

void check_version(const struct doctor *d, struct outcome *o)
{
	/* Of the route table: src/core/tables/routes.tab. */
	enum { OLDEST = 170500, NEWEST = 299900 };
	long version = version_of(d);

	if (say_version_unknown(d, o))
		return;
	if (version < OLDEST)
		outcome_say(o, STATE_WARNING, "%s is older than 17.05, the oldest that dsp knows",
			d->dockerd->version);
	else if (version > NEWEST)
		outcome_say(o, STATE_NOTE,
			"%s is newer than 29, the newest that dsp knows: what is new in it is denied "
			"(power unknown)",
			d->dockerd->version);
	else
		outcome_say(o, STATE_OK, "%s", d->dockerd->version);
}

void check_bodies(const struct doctor *d, struct outcome *o)
{
	enum { SHOWS_ALL = 290301 };

	if (say_version_unknown(d, o))
		return;
	if (version_of(d) < SHOWS_ALL)
		outcome_say(o, STATE_NOTE,
			"%s hides bodies of 1 MiB and more from plugins (CVE-2026-34040), and before "
			"23.0.15, 25.0.6, 26.1.5 and 27.1.1, unless patched, also chunked ones "
			"(CVE-2024-41110); dsp denies what it is not shown",
			d->dockerd->version);
	else
		outcome_say(o, STATE_OK, "%s shows or refuses them", d->dockerd->version);
}

/* Whether the policy closes what the unasked way opens. */
static bool closes(const struct doctor *d, enum power p)
{
	struct subject anyone = subject_at(d->config->policy.file_rules, SUBJECT_ANONYMOUS);
	struct escalation found;

	return !escalation_find(&d->config->policy, &anyone, p, &found);
}

void check_grpc(const struct doctor *d, struct outcome *o)
{
	enum { UNASKED = 290200 };
	enum state state = STATE_WARNING;
	const char *settings = "what the settings say of them is not known";

	if (say_version_unknown(d, o))
		return;
	if (version_of(d) < UNASKED) {
		outcome_say(o, STATE_OK, "%s asks about all of them", d->dockerd->version);
		return;
	}
	if (d->config_good && (closes(d, POWER_BUILD) || closes(d, POWER_PRUNE))) {
		settings = "the settings close them, which no plugin can";
	} else if (d->config_good) {
		state = STATE_NOTE;
		settings = "the settings allow them anyhow";
	}
	outcome_say(o, state,
		"%s lets builds and prunes of their cache over HTTP/2 through unasked; %s",
		d->dockerd->version, settings);
}

/* --- listeners ---------------------------------------------------------------------------------*/

static bool is_true(const char *word)
{
	return word &&
		(word[0] == '\0' || strcmp(word, "1") == 0 || strcasecmp(word, "t") == 0 ||
			strcasecmp(word, "true") == 0);
}

/* Whether process pid was started with a variable that is not empty. */
static bool has_variable(pid_t pid, struct span name)
{
	AUTO_MEM char *text = NULL;
	char path[64];
	size_t len;

	(void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	if (proc_file_read(path, &text, &len) != 0)
		return false;
	for (size_t i = 0; i < len; i += span_find((struct span){ text + i, len - i }, '\0') + 1) {
		struct span rest = { text + i, len - i };

		if (span_starts(rest, name) && rest.n > name.n + 1 && rest.s[name.n] == '=')
			return rest.s[name.n + 1] != '\0';
	}
	return false;
}

/* Whether certificates of clients are looked at. */
static bool verifies(const struct doctor *d)
{
	const char *value;
	bool flag = false;
	size_t at = 0;

	while ((value = dockerd_flag(d->dockerd, "tlsverify", &at)) != NULL)
		flag = is_true(value);
	return flag || json_is_true(json_object_get(d->file, "tlsverify")) ||
		has_variable(d->dockerd->pid, SPAN("DOCKER_TLS_VERIFY"));
}

static void look_at_host(struct outcome *o, const char *host)
{
	if (host && strncmp(host, "unix://", 7) != 0 && strncmp(host, "fd://", 5) != 0 &&
		host[0] != '\0')
		outcome_say(o, STATE_WARNING,
			"%s takes any client, without a certificate: all of them are anonymous to dsp",
			host);
}

static void look_at_handed(void *ctx, const char *address)
{
	outcome_say(ctx, STATE_WARNING,
		"systemd listens on %s for dockerd (docker.socket), which takes any client there, "
		"without a certificate: all of them are anonymous to dsp",
		address);
}

void check_listeners(const struct doctor *d, struct outcome *o)
{
	const json_t *hosts = json_object_get(d->file, "hosts");
	const char *value;
	size_t at = 0;

	if (!d->dockerd || d->dockerd->pid == 0) {
		outcome_say(o, STATE_UNKNOWN, "dockerd's command line cannot be looked at");
		return;
	}
	if (verifies(d)) {
		outcome_say(o, STATE_OK, "clients over TCP must show a certificate");
		return;
	}
	for (size_t i = 0; i < json_array_size(hosts); i++)
		look_at_host(o, json_string_value(json_array_get(hosts, i)));
	while ((value = dockerd_flag(d->dockerd, "host", &at)) != NULL)
		look_at_host(o, value);
	listening_sockets_tcp(d->dockerd->pid, 1, look_at_handed, o);
	if (o->state == STATE_OK)
		outcome_say(o, STATE_OK, "it listens on no TCP");
}

/* --- sockets -----------------------------------------------------------------------------------*/

/* The bits that a user outside root and group, or one of the group, has all along a path. */
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
 * "docker (alice,bob)", from /etc/group itself: to ask the name service may mean to ask a server,
 * and wait for it.
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
	struct outcome *o;
	bool containerd; /* which are looked at */
	size_t seen;
	ino_t told[SOCKETS_MOST]; /* a socket may be named twice */
};

static bool is_told(const struct sockets *s, ino_t inode)
{
	for (size_t i = 0; i < s->seen; i++) {
		if (s->told[i] == inode)
			return true;
	}
	return false;
}

static void look_at_socket(void *ctx, const char *path)
{
	struct sockets *s = ctx;
	struct span p = span_of(path);
	bool containerd = span_ends(p, SPAN("/containerd.sock")) ||
		span_ends(p, SPAN("/containerd.sock.ttrpc"));
	char group[200];
	struct stat st;
	mode_t bits;

	/* dockerd's metrics are there for everybody (moby daemon/metrics_unix.go), and no API. */
	if (containerd != s->containerd || span_ends(p, SPAN("/metrics.sock")))
		return;
	bits = reach(path, &st);
	if (s->seen == SOCKETS_MOST || is_told(s, st.st_ino))
		return;
	s->told[s->seen++] = st.st_ino;
	if (bits & S_IWOTH) {
		outcome_say(s->o, containerd ? STATE_FAULT : STATE_WARNING,
			"all users of this machine can use %s (mode %o)%s", path,
			(unsigned)(st.st_mode & 07777),
			containerd ? ", which is root without a word to dockerd" : "");
		outcome_advise(s->o, "chmod o-rwx %s", path);
	}
	if ((bits & S_IWGRP) == 0 || st.st_gid == 0)
		return;
	write_group(st.st_gid, group, sizeof(group));
	outcome_say(s->o, containerd ? STATE_WARNING : STATE_NOTE, "group %s can use %s%s", group,
		path, containerd ? ", which is root without a word to dockerd" : "");
}

static void look_at_sockets(const struct doctor *d, struct outcome *o, bool containerd)
{
	struct sockets s = { .o = o, .containerd = containerd };

	if (!d->root || !d->dockerd || d->dockerd->pid == 0)
		outcome_say(o, STATE_UNKNOWN, "which they are cannot be told");
	else if (listening_sockets_all(d->dockerd->pid, look_at_socket, &s) != 0)
		outcome_say(o, STATE_UNKNOWN, "out of memory");
	else if (o->state == STATE_OK && s.seen == 0 && containerd)
		outcome_say(o, STATE_NOTE, "none is seen on this machine");
	else
		outcome_say(o, STATE_OK, "root's alone");
}

void check_docker_socket(const struct doctor *d, struct outcome *o)
{
	look_at_sockets(d, o, false);
}

void check_containerd(const struct doctor *d, struct outcome *o)
{
	look_at_sockets(d, o, true);
}

/* --- the rest ----------------------------------------------------------------------------------*/

void check_isolation(const struct doctor *d, struct outcome *o)
{
	size_t at = 0;
	bool remap;
	bool live;

	if (!d->dockerd || d->dockerd->pid == 0) {
		outcome_say(o, STATE_UNKNOWN, "dockerd's command line cannot be looked at");
		return;
	}
	if (d->dockerd->rootless) {
		outcome_say(o, STATE_WARNING,
			"process %d is another user's: a rootless dockerd looks for plugins in its "
			"own view of /run and /etc",
			(int)d->dockerd->pid);
		outcome_advise(o, "run dsp and dsp doctor inside: rootlesskit's namespaces");
		return;
	}
	remap = json_object_get(d->file, "userns-remap") ||
		dockerd_flag(d->dockerd, "userns-remap", &at);
	at = 0;
	live = json_is_true(json_object_get(d->file, "live-restore")) ||
		is_true(dockerd_flag(d->dockerd, "live-restore", &at));
	outcome_say(o, STATE_OK,
		"not rootless; root in containers is %s; containers %s a restart of "
		"dockerd",
		remap ? "another user (userns-remap)" : "root", live ? "outlive" : "end with");
}
