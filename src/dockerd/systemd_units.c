#include "dsp/dockerd/systemd_units.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/file.h"
#include "dsp/system/proc_file.h"
#include "dsp/system/subprocess.h"

enum { SYSTEMCTL_MS = 3000, UNIT_FILE_MOST = 1 << 18, DROP_INS_MOST = 32 };

static const char *const names[UNIT_COUNT] = {
	[UNIT_SOCKET] = "dsp.socket",
	[UNIT_SERVICE] = "dsp.service",
	[UNIT_DOCKER] = "docker.service",
};

/* In the order in which systemd looks. */
static const char *const directories[] = { "/etc/systemd/system", "/run/systemd/system",
	"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system" };

enum { DIRECTORIES = sizeof(directories) / sizeof(directories[0]) };

/* --- KEY=value, of unit files and of systemctl show --------------------------------------------*/

static void append(char *to, size_t cap, struct span value)
{
	struct line l = { .text = to, .cap = cap, .n = strlen(to) };

	if (l.n > 0 && value.n > 0)
		line_add_cut(&l, SPAN(" "));
	line_add_cut(&l, value);
}

/* Where a key's value goes; list: to what is there already. */
struct place {
	struct span key;
	char *to;
	size_t cap;
	bool list;
};

/* systemctl shows "{ path=... ; argv[]=/usr/bin/dspd ; ... }". */
static struct span command_of(struct span value)
{
	static const struct span before = SPAN_INIT("argv[]=");
	const char *at = memmem(value.s, value.n, before.s, before.n);

	if (at) {
		value = span_after(value, (size_t)(at - value.s) + before.n);
		value.n = span_find(value, ';');
	}
	while (value.n > 0 && value.s[value.n - 1] == ' ')
		value.n--;
	return value;
}

static void set_key(struct unit *u, struct span key, struct span value)
{
	const struct place places[] = {
		{ SPAN_INIT("LoadState"), u->load, sizeof(u->load), false },
		{ SPAN_INIT("ActiveState"), u->active, sizeof(u->active), false },
		{ SPAN_INIT("UnitFileState"), u->file_state, sizeof(u->file_state), false },
		{ SPAN_INIT("Requires"), u->requires, sizeof(u->requires), true },
		{ SPAN_INIT("Requisite"), u->requires, sizeof(u->requires), true },
		{ SPAN_INIT("BindsTo"), u->requires, sizeof(u->requires), true },
		{ SPAN_INIT("PartOf"), u->requires, sizeof(u->requires), true },
		{ SPAN_INIT("DropInPaths"), u->drop_ins, sizeof(u->drop_ins), false },
		{ SPAN_INIT("User"), u->user, sizeof(u->user), false },
		{ SPAN_INIT("Restart"), u->restart, sizeof(u->restart), false },
		{ SPAN_INIT("WatchdogSec"), u->watchdog, sizeof(u->watchdog), false },
		{ SPAN_INIT("WatchdogUSec"), u->watchdog, sizeof(u->watchdog), false },
		{ SPAN_INIT("NoNewPrivileges"), u->no_new_privileges, sizeof(u->no_new_privileges),
			false },
		{ SPAN_INIT("Environment"), u->environment, sizeof(u->environment), true },
		{ SPAN_INIT("ExecStart"), u->command, sizeof(u->command), false },
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const struct place *p = &places[i];

		if (!span_equal(p->key, key))
			continue;
		/* Variables can be taken away again by an empty value, and dependencies cannot. */
		if (!p->list || (value.n == 0 && p->to == u->environment))
			p->to[0] = '\0';
		append(p->to, p->cap, command_of(value));
	}
	if (span_equal(key, SPAN("NeedDaemonReload")))
		u->stale = span_equal(value, SPAN("yes"));
	if (span_equal(key, SPAN("MainPID")))
		u->pid = (pid_t)strtol(value.s, NULL, 10);
}

/* False: the line sets no key. */
static bool parse_line(struct span line, struct span *key, struct span *value)
{
	*value = line;
	*key = span_cut(value, '=');
	return key->n < line.n && line.s[0] != '#' && line.s[0] != ';';
}

/* --- as systemd has them -----------------------------------------------------------------------*/

static bool from_systemd(struct unit *units)
{
	static const char properties[] =
		"--property=LoadState,ActiveState,UnitFileState,Requires,Requisite,BindsTo,PartOf,"
		"DropInPaths,User,Restart,WatchdogUSec,NoNewPrivileges,Environment,ExecStart,"
		"NeedDaemonReload,MainPID";
	enum { ROOM = 16 << 10 };
	AUTO_MEM char *text = mem_alloc(ROOM);
	const char *const argv[] = { "/usr/bin/systemctl", "show", properties, names[0], names[1],
		names[2], NULL };
	struct span rest;
	struct err e;
	size_t at = 0;

	if (!text || subprocess_run(argv, SYSTEMCTL_MS, text, ROOM, &e) != 0)
		return false;
	rest = span_of(text);
	/* A blank line is between two units. */
	while (rest.n > 0 && at < UNIT_COUNT) {
		struct span line = proc_file_line(&rest);
		struct span key;
		struct span value;

		if (line.n == 0)
			at++;
		else if (parse_line(line, &key, &value))
			set_key(&units[at], key, value);
	}
	return true;
}

/* --- as their files have them ------------------------------------------------------------------*/

/*
 * The text of a file, terminated; NULL when there is none. A line that ends with a backslash and
 * the next one are made one line; a comment ends with its line (systemd.syntax(7)).
 */
static char *read_lines(const char *path, size_t *len)
{
	char *text = NULL;
	bool comment = false;
	struct stat st;
	struct err e;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
		file_read(path, UNIT_FILE_MOST, &text, len, &e) != 0)
		return NULL;
	for (size_t i = 0; i + 1 < *len; i++) {
		if (i == 0 || text[i - 1] == '\n')
			comment = text[i] == '#' || text[i] == ';';
		if (!comment && text[i] == '\\' && text[i + 1] == '\n')
			text[i] = text[i + 1] = ' ';
	}
	return text;
}

static void read_unit_file(struct unit *u, const char *path)
{
	size_t len = 0;
	AUTO_MEM char *text = read_lines(path, &len);
	struct span rest = { text, len };
	struct span key;
	struct span value;

	while (rest.n > 0) {
		if (parse_line(proc_file_line(&rest), &key, &value))
			set_key(u, key, value);
	}
}

/* What is masked leads to /dev/null, or is empty. */
static bool is_masked(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 &&
		(S_ISCHR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size == 0));
}

/* The unit's own file; false: there is none. */
static bool find_file(struct unit *u, char *path, size_t cap)
{
	struct stat st;

	for (size_t i = 0; i < DIRECTORIES; i++) {
		(void)snprintf(path, cap, "%s/%s", directories[i], u->name);
		if (lstat(path, &st) == 0)
			return true;
	}
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* NAME.d/x.conf of all directories, in the order of their names. */
static void read_drop_ins(struct unit *u)
{
	enum { NAME = 256 };
	char(*found)[NAME] = mem_array(DROP_INS_MOST, NAME);
	size_t count = 0;
	char path[512];

	for (size_t i = 0; found && i < DIRECTORIES; i++) {
		const struct dirent *entry;
		DIR *all;

		(void)snprintf(path, sizeof(path), "%s/%s.d", directories[i], u->name);
		all = opendir(path);
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
		while (all && count < DROP_INS_MOST && (entry = readdir(all)) != NULL) {
			if (span_ends(span_of(entry->d_name), SPAN(".conf")))
				text_copy(span_of(entry->d_name), found[count++], NAME);
		}
		if (all)
			(void)closedir(all);
	}
	if (count > 0)
		qsort(found, count, NAME, by_name);
	for (size_t i = 0; i < count; i++) {
		bool taken = i > 0 && strcmp(found[i], found[i - 1]) == 0;

		for (size_t j = 0; j < DIRECTORIES && !taken; j++) {
			(void)snprintf(path, sizeof(path), "%s/%s.d/%s", directories[j], u->name,
				found[i]);
			taken = access(path, F_OK) == 0;
		}
		if (i > 0 && strcmp(found[i], found[i - 1]) == 0)
			continue;
		append(u->drop_ins, sizeof(u->drop_ins), span_of(path));
		read_unit_file(u, path);
	}
	mem_free(found);
}

/* Whether a link in WHO.HOW/ asks for the unit. */
static bool is_wanted(const char *who, const char *how, const char *name)
{
	char path[512];
	struct stat st;

	for (size_t i = 0; i < DIRECTORIES; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s.%s/%s", directories[i], who, how, name);
		if (lstat(path, &st) == 0)
			return true;
	}
	return false;
}

static void from_files(struct unit *u)
{
	char path[512];

	if (!find_file(u, path, sizeof(path))) {
		text_copy(SPAN("not-found"), u->load, sizeof(u->load));
		return;
	}
	if (is_masked(path)) {
		text_copy(SPAN("masked"), u->load, sizeof(u->load));
		text_copy(SPAN("masked"), u->file_state, sizeof(u->file_state));
		return;
	}
	text_copy(SPAN("loaded"), u->load, sizeof(u->load));
	read_unit_file(u, path);
	read_drop_ins(u);
	text_copy(is_wanted("sockets.target", "wants", u->name) ||
				is_wanted("multi-user.target", "wants", u->name)
			? SPAN("enabled")
			: SPAN("disabled"),
		u->file_state, sizeof(u->file_state));
	for (size_t i = 0; i < UNIT_COUNT; i++) {
		if (is_wanted(u->name, "requires", names[i]))
			append(u->requires, sizeof(u->requires), span_of(names[i]));
	}
}

void systemd_units_read(struct unit *units, bool systemd)
{
	for (size_t i = 0; i < UNIT_COUNT; i++)
		units[i].name = names[i];
	if (systemd && from_systemd(units))
		return;
	for (size_t i = 0; i < UNIT_COUNT; i++)
		from_files(&units[i]);
}

/* --- command lines -----------------------------------------------------------------------------*/

size_t systemd_units_split(char *text)
{
	bool inside = false; /* a word, be it empty */
	char quote = '\0';
	size_t n = 0;

	for (const char *at = text; *at; at++) {
		if (quote == '\0' && (*at == '"' || *at == '\'')) {
			quote = *at;
			inside = true;
		} else if (quote != '\0' && *at == quote) {
			quote = '\0';
		} else if (quote == '\0' && (*at == ' ' || *at == '\t')) {
			if (inside)
				text[n++] = '\0';
			inside = false;
		} else {
			text[n++] = *at;
			inside = true;
		}
	}
	if (inside)
		text[n++] = '\0';
	return n;
}

bool systemd_units_value(const char *path, struct span wanted, char *out, size_t cap)
{
	size_t len = 0;
	AUTO_MEM char *text = read_lines(path, &len);
	struct span rest = { text, len };
	struct span key;
	struct span value;
	bool found = false;

	while (rest.n > 0) {
		if (!parse_line(proc_file_line(&rest), &key, &value) || !span_equal(key, wanted))
			continue;
		text_copy(value, out, cap);
		found = true;
	}
	return found;
}
