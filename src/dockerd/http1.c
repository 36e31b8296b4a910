#include "http1.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp/config/command.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/dockerd/dockerd_http2.h"
#include "dsp/dockerd/systemd_units.h"
#include "dsp/system/clock.h"
#include "dsp/system/file.h"
#include "dsp/system/subprocess.h"

#define DIRECTORY "/etc/systemd/system/docker.service.d"
#define DROP_IN DIRECTORY "/zz-dsp-http1.conf" /* behind others: the last one counts */
#define FIRST_LINE "# Written by dsp enable --http1 for the plugin %s; dsp disable removes it."

enum { SYSTEMCTL_MS = 20000, RESTART_MS = 150000, START_MS = 60000, PAUSE_MS = 200 };

static bool has_systemd(void)
{
	struct stat st;

	return stat("/run/systemd/system", &st) == 0;
}

/* docker.service, for mem_free; NULL: out of memory. */
static struct unit *read_units(void)
{
	struct unit *units = mem_array(UNIT_COUNT, sizeof(*units));

	if (units)
		systemd_units_read(units, has_systemd());
	return units;
}

int http1_check(struct setup *s)
{
	static const char by_hand[] = "start dockerd with " HTTP2_VARIABLE "=" HTTP2_OFF
				      " in its environment";
	AUTO_MEM struct unit *units = read_units();
	const struct unit *docker = units ? &units[UNIT_DOCKER] : NULL;

	if (!docker)
		return setup_refuse(s, NULL, "out of memory");
	if (!has_systemd())
		return setup_refuse(s, by_hand, "--http1: systemd does not run here");
	if (strcmp(docker->load, "loaded") != 0)
		return setup_refuse(s, by_hand, "--http1: docker.service is %s",
			docker->load[0] ? docker->load : "unknown");
	if (s->dockerd->pid != 0 && docker->pid != s->dockerd->pid)
		return setup_refuse(s, by_hand,
			"--http1: dockerd (process %d) is not that of docker.service",
			(int)s->dockerd->pid);
	return 0;
}

/* --- the drop-in -------------------------------------------------------------------------------*/

/*
 * The value that the variable must have: what the unit gives it now, without an http2server of its
 * own, and HTTP2_OFF. False: it has characters that are not copied into a unit.
 */
static bool write_value(const struct unit *docker, char *out, size_t cap)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.=";
	char words[sizeof(docker->environment) + 1];
	struct span value = SPAN("");
	struct line l;
	size_t n;

	text_copy(span_of(docker->environment), words, sizeof(words));
	n = systemd_units_split(words);
	for (size_t at = 0; at < n; at += strlen(words + at) + 1) {
		if (span_starts(span_of(words + at), SPAN(HTTP2_VARIABLE "=")))
			value = span_after(span_of(words + at), strlen(HTTP2_VARIABLE "="));
	}
	line_init(&l, out, cap);
	while (value.n > 0) {
		struct span one = span_cut(&value, ',');

		for (size_t i = 0; i < one.n; i++) {
			if (!strchr(plain, one.s[i]))
				return false;
		}
		if (one.n > 0 && !span_starts(one, SPAN("http2server=")))
			line_add(&l, "%.*s,", (int)one.n, one.s);
	}
	line_add(&l, HTTP2_OFF);
	return !l.cut;
}

static int write_file(const char *text, struct err *e)
{
	static const char new[] = DROP_IN ".new";
	int fd;
	int rc;

	if (mkdir(DIRECTORY, 0755) != 0 && errno != EEXIST)
		return FAIL(e, errno, DIRECTORY);
	(void)unlink(new);
	fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return FAIL(e, errno, "%s", new);
	rc = file_write_all(fd, text, strlen(text));
	if (rc == 0)
		rc = fsync(fd);
	if (close(fd) != 0 || rc != 0 || rename(new, DROP_IN) != 0) {
		err_set(e, errno, "%s", new);
		(void)unlink(new);
		return -1;
	}
	return 0;
}

static int run_systemctl(const char *verb, const char *unit, unsigned wait_ms, struct err *e)
{
	const char *const argv[] = { "/usr/bin/systemctl", verb, unit, NULL };
	char output[512] = "";
	int rc = subprocess_run(argv, wait_ms, output, sizeof(output), e);

	if (rc <= 0)
		return rc;
	output[strcspn(output, "\n")] = '\0';
	return FAIL(e, 0, "systemctl %s: %s", verb, output[0] ? output : "it failed");
}

/* --- the proof ---------------------------------------------------------------------------------*/

/* Finds dockerd again after a restart, and waits until its API answers. -1 and e. */
static int find_again(struct setup *s, struct err *e)
{
	uint64_t until = clock_now() + START_MS;
	json_t *o = NULL;
	int status;

	do {
		dockerd_free(s->dockerd);
		s->dockerd = NULL;
		(void)poll(NULL, 0, PAUSE_MS);
		if (dockerd_find(s->host, &s->dockerd, e) != 0)
			continue;
		if (s->dockerd->pid == 0) {
			err_set(e, 0, "no dockerd runs");
			continue;
		}
		if (dockerd_api_get(s->dockerd, "/_ping", &status, &o, e) == 0) {
			json_decref(o);
			return 0;
		}
	} while (clock_now() < until);
	return -1;
}

/* Whether dockerd serves HTTP/2 now; reports it. */
static int prove(struct setup *s)
{
	struct dockerd_http2 h;

	dockerd_http2_inspect(s->dockerd, NULL, &h);
	if (h.served > 0)
		return setup_refuse(s,
			"see what sets " HTTP2_VARIABLE " for docker.service: systemctl cat docker",
			"dockerd still serves HTTP/2 on %s", h.served_at);
	setup_report(s, "ok", "dockerd does not serve HTTP/2%s",
		h.off ? " (" HTTP2_VARIABLE "=" HTTP2_OFF ")" : "");
	return 0;
}

static int restart(struct setup *s)
{
	struct err e;

	if (run_systemctl("restart", "docker.service", RESTART_MS, &e) != 0 ||
		find_again(s, &e) != 0)
		return setup_refuse(s, "journalctl -eu docker shows why",
			"dockerd did not restart: %s", e.text);
	setup_report(s, "ok", "restarted docker.service");
	return prove(s);
}

/* Whether dockerd must be restarted for the drop-in: what it serves now decides. */
static int end(struct setup *s)
{
	struct dockerd_http2 h;

	if (s->dockerd->pid == 0)
		return 0;
	dockerd_http2_inspect(s->dockerd, NULL, &h);
	if (h.off)
		return prove(s);
	if (s->dry_run) {
		setup_report(s, "would",
			s->restart ? "restart docker.service, and prove that dockerd "
				     "refuses HTTP/2"
				   : "leave dockerd running until somebody restarts it");
		return 0;
	}
	if (s->restart)
		return restart(s);
	setup_report(s, "notice",
		"dockerd must restart before it refuses HTTP/2: systemctl restart docker (it stops "
		"containers, unless live-restore is on)");
	return 0;
}

int http1_apply(struct setup *s)
{
	AUTO_MEM struct unit *units = read_units();
	char value[300];
	char text[1024];
	struct err e;

	if (!units)
		return setup_refuse(s, NULL, "out of memory");
	if (!write_value(&units[UNIT_DOCKER], value, sizeof(value)))
		return setup_refuse(s, "add " HTTP2_OFF " to it by hand, in a drop-in",
			"docker.service sets " HTTP2_VARIABLE
			" to something that dsp does not copy");
	if (s->dry_run) {
		setup_report(
			s, "would", "write " DROP_IN ": Environment=" HTTP2_VARIABLE "=%s", value);
		return end(s);
	}
	(void)snprintf(text, sizeof(text),
		FIRST_LINE
		"\n"
		"# dockerd then refuses HTTP/2, over which BuildKit's requests reach no plugin.\n"
		"[Service]\n"
		"Environment=" HTTP2_VARIABLE "=%s\n",
		s->name, value);
	if (write_file(text, &e) != 0)
		return setup_refuse(s, setup_advice(&e), "%s", e.text);
	if (run_systemctl("daemon-reload", NULL, SYSTEMCTL_MS, &e) != 0)
		return setup_refuse(s, "systemctl daemon-reload", "%s", e.text);
	s->changed = true;
	setup_report(s, "ok", DROP_IN " sets " HTTP2_VARIABLE "=%s", value);
	return end(s);
}

void http1_remove(struct setup *s)
{
	AUTO_MEM char *text = NULL;
	char first[300];
	struct err e;
	size_t len;

	(void)snprintf(first, sizeof(first), FIRST_LINE "\n", s->name);
	if (access(DROP_IN, F_OK) != 0 || file_read(DROP_IN, 4096, &text, &len, &e) != 0)
		return;
	if (!span_starts((struct span){ text, len }, span_of(first))) {
		setup_report(s, "notice",
			DROP_IN " stays: dsp enable --http1 did not write it for %s", s->name);
		return;
	}
	if (s->dry_run) {
		setup_report(s, "would", "remove " DROP_IN);
		return;
	}
	if (unlink(DROP_IN) != 0) {
		err_set(&e, errno, "cannot remove " DROP_IN);
		setup_report(s, "notice", "%s", e.text);
		return;
	}
	(void)rmdir(DIRECTORY);
	s->changed = true;
	if (has_systemd() && run_systemctl("daemon-reload", NULL, SYSTEMCTL_MS, &e) != 0)
		setup_report(s, "notice", "%s", e.text);
	setup_report(
		s, "ok", "removed " DROP_IN "; dockerd serves HTTP/2 again after its next restart");
}
