#include "dsp/audit/audit_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dsp/config/command.h"
#include "dsp/core/base/text.h"
#include "dsp/protocol/http_client.h"
#include "dsp/protocol/protocol.h"
#include "dsp/system/subprocess.h"

enum { WAIT_MS = 5000, PATH_ROOM = 1024 };

/* --- times -------------------------------------------------------------------------------------*/

/* Writes a time, less so many seconds; with days, the midnight before it. */
static void write_moment(time_t ago, bool midnight, char out[AUDIT_MOMENT_ROOM])
{
	time_t at = time(NULL) - ago;
	struct tm t;

	if (!gmtime_r(&at, &t) || strftime(out, AUDIT_MOMENT_ROOM, "%Y-%m-%dT%H:%M:%S", &t) == 0)
		out[0] = '\0';
	if (midnight)
		out[strlen("2026-11-25")] = '\0';
}

/* Parses "90m", "2h", "7d" into seconds; 0: text has another form. */
static time_t parse_duration(const char *text)
{
	static const struct {
		char unit;
		time_t seconds;
	} units[] = { { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	enum { DIGITS = 5 };
	time_t n = 0;
	size_t i = 0;

	for (; i < DIGITS && text[i] >= '0' && text[i] <= '9'; i++)
		n = n * 10 + (text[i] - '0');
	for (size_t k = 0; k < sizeof(units) / sizeof(units[0]); k++) {
		if (i > 0 && text[i] == units[k].unit && text[i + 1] == '\0')
			return n * units[k].seconds;
	}
	return 0;
}

static int read_two_digits(const char *text)
{
	return (text[0] - '0') * 10 + (text[1] - '0');
}

/* True if some time begins with these characters, of its form: there is no month 13. */
static bool is_moment(struct span start)
{
	char time[] = "0000-01-01T00:00:00.000000";
	int month;
	int day;

	memcpy(time, start.s, start.n);
	month = read_two_digits(time + strlen("0000-"));
	day = read_two_digits(time + strlen("0000-00-"));
	return month >= 1 && month <= 12 && day >= 1 && day <= 31 &&
		read_two_digits(time + strlen("0000-00-00T")) < 24 &&
		read_two_digits(time + strlen("0000-00-00T00:")) < 60 &&
		read_two_digits(time + strlen("0000-00-00T00:00:")) <= 60;
}

bool audit_moment_parse(const char *text, char out[AUDIT_MOMENT_ROOM])
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddddd";
	struct span rest = span_of(text);
	time_t ago = parse_duration(text);
	bool yesterday = strcmp(text, "yesterday") == 0;

	if (ago > 0 || yesterday || strcmp(text, "today") == 0) {
		write_moment(yesterday ? 86400 : ago, ago == 0, out);
		return true;
	}
	if (span_ends(rest, SPAN("Z")))
		rest.n--;
	if (rest.n < strlen("2026") || rest.n > strlen(form))
		return false;
	for (size_t i = 0; i < rest.n; i++) {
		bool digit = rest.s[i] >= '0' && rest.s[i] <= '9';

		if (form[i] == 'd' ? !digit : rest.s[i] != form[i])
			return false;
	}
	text_copy(rest, out, AUDIT_MOMENT_ROOM);
	return is_moment(rest);
}

static bool is_in_period(const struct audit_logs *logs, const char *time)
{
	return strncmp(time, logs->since, strlen(logs->since)) >= 0 &&
		(logs->until[0] == '\0' || strncmp(time, logs->until, strlen(logs->until)) < 0);
}

/* --- reading -----------------------------------------------------------------------------------*/

/* What audit_logs_read was asked for, and how far it is. */
struct reading {
	const struct audit_logs *logs;
	audit_log_use *use;
	void *context;
	unsigned *truncated;
	size_t lines; /* that were read */
};

/* Reads a log to its end, and closes it. */
static int read_all(struct reading *r, struct audit_reader *reader, struct err *e)
{
	struct audit_entry entry;
	int rc;

	audit_reader_only(reader, r->logs->having);
	while ((rc = audit_reader_next(reader, &entry, e)) > 0) {
		if (!is_in_period(r->logs, entry.time))
			json_decref(entry.object);
		else if (r->use(r->context, &entry, e) != 0) {
			rc = -1;
			break;
		}
	}
	*r->truncated += audit_reader_truncated(reader);
	r->lines += audit_reader_lines(reader);
	audit_reader_close(reader);
	return rc;
}

static int read_path(struct reading *r, const char *path, struct err *e)
{
	struct audit_reader *reader = NULL;

	return audit_reader_open(path, &reader, e) == 0 ? read_all(r, reader, e) : -1;
}

/* --- the log of this host ----------------------------------------------------------------------*/

/* Reads a file and those that were rotated before it: FILE.2, FILE.1, FILE. */
static int read_rotated(struct reading *r, const char *path, struct err *e)
{
	char name[PATH_ROOM + 12]; /* ".4294967295" */
	unsigned oldest = 0;
	bool rotated;
	int rc = 0;

	do
		(void)snprintf(name, sizeof(name), "%s.%u", path, ++oldest);
	while (access(name, F_OK) == 0);
	rotated = oldest > 1;
	while (rc == 0 && --oldest > 0) {
		(void)snprintf(name, sizeof(name), "%s.%u", path, oldest);
		rc = read_path(r, name, e);
	}
	/* Just after a rotation, dspd has not made the file yet. */
	if (rc == 0 && (!rotated || access(path, F_OK) == 0))
		rc = read_path(r, path, e);
	return rc;
}

/* Writes "--since=2026-11-25 00:00:00 UTC" of the first characters of a time. */
static void write_since(const char *since, char *out, size_t cap)
{
	char full[] = "0000-01-01T00:00:00";
	size_t n = strlen(since);
	struct line l;

	memcpy(full, since, n < sizeof(full) ? n : sizeof(full) - 1);
	full[strlen("2026-11-25")] = ' ';
	line_init(&l, out, cap);
	line_add(&l, "--since=%s UTC", full);
}

/* Reads a field of the journal's entries of the unit. */
static int read_journal(struct reading *r, const char *field, struct err *e)
{
	char fields[40] = "--output-fields=";
	char since[64];
	const char *const argv[] = { "/usr/bin/journalctl", "-q", "--no-pager", "--output=cat",
		fields, "_SYSTEMD_UNIT=dsp.service", r->logs->since[0] ? since : NULL, NULL };
	struct audit_reader *reader = NULL;
	struct subprocess child;
	int status;
	int rc;

	text_copy(span_of(field), fields + strlen(fields), sizeof(fields) - strlen(fields));
	write_since(r->logs->since, since, sizeof(since));
	if (subprocess_start(argv, &child, e) != 0)
		return -1;
	rc = audit_reader_open_fd("the journal", child.output, &reader, e);
	if (rc == 0)
		rc = read_all(r, reader, e);
	status = subprocess_end(&child);
	if (rc == 0 && status != 0)
		return FAIL(e, 0, "%s ended with status %d; name an audit log, or try sudo",
			argv[0], status);
	if (rc == 0 && r->lines == 0 && geteuid() != 0)
		return FAIL(e, 0,
			"the journal has no audit log of dsp.service that you can read: try sudo");
	return rc;
}

/* Where the audit log of this host is. */
enum host_log { HOST_LOG_JOURNAL, HOST_LOG_JOURNAL_TEXT, HOST_LOG_FILE, HOST_LOG_OFF };

/* Finds where the running dspd writes; the journal, if dspd does not answer. path is of a file. */
static enum host_log find_host_log(char path[PATH_ROOM])
{
	struct err unknown;
	json_auto_t *status = http_client_ask_dsp(
		command_running_socket(NULL), ENDPOINT_STATUS, WAIT_MS, NULL, &unknown);
	const json_t *audit = json_object_get(status, "audit");
	const char *to = json_string_value(json_object_get(audit, "to"));

	text_copy(span_of(json_string_value(json_object_get(audit, "path"))), path, PATH_ROOM);
	if (to && path[0] && strcmp(to, "file") == 0)
		return HOST_LOG_FILE;
	if (to && strcmp(to, "off") == 0)
		return HOST_LOG_OFF;
	return to && strcmp(to, "stderr") == 0 ? HOST_LOG_JOURNAL_TEXT : HOST_LOG_JOURNAL;
}

static int read_host(struct reading *r, struct err *e)
{
	char path[PATH_ROOM];

	switch (find_host_log(path)) {
	case HOST_LOG_FILE:
		return read_rotated(r, path, e);
	case HOST_LOG_OFF:
		return FAIL(e, 0,
			"dspd writes no audit log: set DSP_AUDIT=/var/log/dsp/audit.jsonl in "
			"/etc/dsp/dsp.env, then run sudo dsp reload");
	case HOST_LOG_JOURNAL_TEXT:
		return read_journal(r, "MESSAGE", e);
	case HOST_LOG_JOURNAL:
		break;
	}
	return read_journal(r, "DSP_RECORD", e);
}

void audit_logs_where(const struct audit_logs *logs, char *out, size_t cap)
{
	char path[PATH_ROOM];
	struct line l;

	line_init(&l, out, cap);
	for (size_t i = 0; i < logs->count; i++)
		line_add(&l, "%s%s", i > 0 ? ", " : "",
			strcmp(logs->paths[i], "-") == 0 ? "standard input" : logs->paths[i]);
	if (logs->count > 0)
		return;
	if (find_host_log(path) == HOST_LOG_FILE)
		line_add(&l, "%s and its older files, to which dspd writes", path);
	else
		line_add(&l, "the journal of dsp.service");
}

int audit_logs_read(const struct audit_logs *logs, audit_log_use *use, void *context,
	unsigned *truncated, struct err *e)
{
	struct reading r = { logs, use, context, truncated, 0 };
	int rc = 0;

	if (logs->count == 0)
		return read_host(&r, e);
	for (size_t i = 0; rc == 0 && i < logs->count; i++)
		rc = read_path(&r, logs->paths[i], e);
	return rc;
}
