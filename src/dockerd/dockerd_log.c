#include "dockerd_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"
#include "dsp/system/file.h"
#include "dsp/system/proc_file.h"
#include "dsp/system/subprocess.h"

enum { LOG_MOST = 256 << 10, JOURNAL_MS = 3000, PAUSE_MS = 1000 };

void dockerd_log_open(const struct dockerd *d, struct dockerd_log *ret)
{
	char path[64];
	struct stat st;

	*ret = (struct dockerd_log){ .pid = d->pid, .fd = -1, .since = clock_date_us() };
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/2", (int)d->pid);
	/* Reading a pipe would take its content away. */
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
		ret->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		ret->at = st.st_size;
	}
	ret->journal = ret->fd < 0 && stat("/run/systemd/system", &st) == 0;
}

void dockerd_log_close(struct dockerd_log *l)
{
	if (l->fd >= 0)
		(void)close(l->fd);
	l->fd = -1;
}

/*
 * The value of a field in a line of logrus, as text or as JSON, up to its closing quote; "": the
 * line has none.
 */
static struct span field_of(struct span line, const char *text_start, const char *json_start)
{
	const struct span starts[] = { span_of(text_start), span_of(json_start) };

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		const char *at = memmem(line.s, line.n, starts[i].s, starts[i].n);
		struct span rest;
		size_t end = 0;

		if (!at)
			continue;
		rest = span_after(line, (size_t)(at - line.s) + starts[i].n);
		while (end < rest.n && rest.s[end] != '"')
			end += rest.s[end] == '\\' ? 2 : 1;
		return (struct span){ rest.s, end < rest.n ? end : rest.n };
	}
	return SPAN("");
}

static bool contains(struct span text, struct span part)
{
	return text.n > 0 && memmem(text.s, text.n, part.s, part.n) != NULL;
}

/* Copies a message, without the backslashes before its quotes; unprintable bytes become "?". */
static void copy_message(struct span message, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < message.n && n + 1 < cap; i++) {
		if (message.s[i] == '\\' && i + 1 < message.n)
			i++;
		out[n++] = message.s[i] < 0x20 || message.s[i] > 0x7e ? '?' : message.s[i];
	}
	out[n] = '\0';
}

bool dockerd_log_parse(struct span text, char *out, size_t cap)
{
	/* moby daemon/config/config.go, Reload; daemon/command/daemon.go, reloadConfig. */
	static const struct span refusals[] = { SPAN_INIT("unable to configure the Docker daemon"),
		SPAN_INIT("configuration validation failed"), SPAN_INIT("conflict labels for"),
		SPAN_INIT("Error reloading configuration"),
		SPAN_INIT("Error reconfiguring the daemon") };

	while (text.n > 0) {
		struct span line = proc_file_line(&text);
		struct span message = field_of(line, "msg=\"", "\"msg\":\"");
		struct span error = field_of(line, "error=\"", "\"error\":\"");

		for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
			if (!contains(message, refusals[i]))
				continue;
			/* Since 23 the reason is a field of its own. */
			copy_message(error.n > 0 ? error : message, out, cap);
			return true;
		}
	}
	return false;
}

/* What the log has since the mark, for mem_free; NULL: nothing, or it cannot be read. */
static char *read_log(const struct dockerd_log *l, size_t *len)
{
	char unit[32];
	char since[32];
	const char *const argv[] = { "/usr/bin/journalctl", "-q", "--no-pager", "-o", "cat",
		"--since", since, unit, NULL };
	struct file_text text = { .text = NULL };
	char *output = NULL;
	struct err e;

	if (l->fd >= 0 && lseek(l->fd, l->at, SEEK_SET) == l->at &&
		file_read_all(l->fd, LOG_MOST, &text) == 0) {
		*len = text.n;
		return text.text;
	}
	if (!l->journal)
		return NULL;
	output = mem_alloc(LOG_MOST);
	(void)snprintf(since, sizeof(since), "@%llu.%06llu", (unsigned long long)l->since / 1000000,
		(unsigned long long)l->since % 1000000);
	(void)snprintf(unit, sizeof(unit), "_PID=%d", (int)l->pid);
	if (output && subprocess_run(argv, JOURNAL_MS, output, LOG_MOST, &e) == 0) {
		*len = strlen(output);
		return output;
	}
	mem_free(output);
	return NULL;
}

bool dockerd_log_refusal(struct dockerd_log *l, char *out, size_t cap)
{
	AUTO_MEM char *text = NULL;
	uint64_t now = clock_now();
	size_t len = 0;

	if (l->journal && l->last_ms != 0 && now < l->last_ms + PAUSE_MS)
		return false;
	l->last_ms = now;
	text = read_log(l, &len);
	return text && dockerd_log_parse((struct span){ text, len }, out, cap);
}
