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

enum { SYSTEMCTL_MS = 3000, UNIT_FILE_MOST = 1 << 18, DROP_INS_MOST = 32, DROP_IN_NAME = 256 };

static const char *const names[UNIT_COUNT] = {
	[UNIT_SOCKET] = "dsp.socket",
	[UNIT_SERVICE] = "dsp.service",
	[UNIT_DOCKER] = "docker.service",
	[UNIT_RESOLVE_SOCKET] = "dsp-resolve.socket",
	[UNIT_RESOLVE] = "dsp-resolve.service",
};

/* In the order in which systemd searches. */
static const char *const directories[] = { "/etc/systemd/system", "/run/systemd/system",
	"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system" };

enum { DIRECTORIES = sizeof(directories) / sizeof(directories[0]) };

/* --- KEY=value, of unit files and of systemctl show --------------------------------------------*/

/* Adds the value to a list of words. */
static void append(char *to, size_t cap, struct span value)
{
	struct line l = { .text = to, .cap = cap, .n = strlen(to) };

	if (l.n > 0 && value.n > 0)
		line_add_cut(&l, SPAN(" "));
	line_add_cut(&l, value);
}

/* Where the value of a key is kept; list: behind the values before it. */
struct key_place {
	struct span key;
	size_t offset; /* into struct unit */
	size_t cap;
	bool list;
};

#define PLACE(key, member, list)                                                                   \
	{                                                                                          \
		SPAN_INIT(key), offsetof(struct unit, member),                                     \
			sizeof(((struct unit *)NULL)->member), list                                \
	}

static const struct key_place places[] = {
	PLACE("LoadState", load, false),
	PLACE("ActiveState", active, false),
	PLACE("UnitFileState", file_state, false),
	PLACE("Requires", requires, true),
	PLACE("Requisite", requires, true),
	PLACE("BindsTo", requires, true),
	PLACE("PartOf", requires, true),
	PLACE("DropInPaths", drop_ins, false),
	PLACE("User", user, false),
	PLACE("Restart", restart, false),
	PLACE("WatchdogSec", watchdog, false),
	PLACE("WatchdogUSec", watchdog, false),
	PLACE("NoNewPrivileges", no_new_privileges, false),
	PLACE("Environment", environment, true),
	PLACE("ExecStart", command, false),
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
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char *to = (char *)u + places[i].offset;

		if (!span_equal(places[i].key, key))
			continue;
		/* An empty value clears a list of variables, but not one of dependencies. */
		if (!places[i].list || (value.n == 0 && to == u->environment))
			to[0] = '\0';
		append(to, places[i].cap, command_of(value));
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

/* --- from systemd ------------------------------------------------------------------------------*/

static bool ask_systemd(struct unit *units)
{
	static const char properties[] =
		"--property=LoadState,ActiveState,UnitFileState,Requires,Requisite,BindsTo,PartOf,"
		"DropInPaths,User,Restart,WatchdogUSec,NoNewPrivileges,Environment,ExecStart,"
		"NeedDaemonReload,MainPID";
	enum { ROOM = 16 << 10 };
	AUTO_MEM char *text = mem_alloc(ROOM);
	const char *argv[3 + UNIT_COUNT + 1] = { "/usr/bin/systemctl", "show", properties };
	struct span rest;
	struct err e;
	size_t at = 0;

	memcpy(argv + 3, names, sizeof(names));
	if (!text || subprocess_run(argv, SYSTEMCTL_MS, text, ROOM, &e) != 0)
		return false;
	rest = span_of(text);
	/* A blank line separates two units. */
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

/* --- from files --------------------------------------------------------------------------------*/

/* The text of a regular file, terminated; NULL: it cannot be read. */
static char *read_file(const char *path, size_t *len)
{
	char *text = NULL;
	struct stat st;
	struct err e;

	*len = 0;
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
		file_read(path, UNIT_FILE_MOST, &text, len, &e) != 0)
		return NULL;
	return text;
}

/*
 * Joins a line that ends with a backslash and the next one; a comment ends with its line
 * (systemd.syntax(7)).
 */
static void join_lines(char *text, size_t len)
{
	bool comment = false;

	for (size_t i = 0; i + 1 < len; i++) {
		if (i == 0 || text[i - 1] == '\n')
			comment = text[i] == '#' || text[i] == ';';
		if (!comment && text[i] == '\\' && text[i + 1] == '\n')
			text[i] = text[i + 1] = ' ';
	}
}

void systemd_units_parse(struct unit *u, char *text, size_t len)
{
	struct span rest = { text, len };
	struct span key;
	struct span value;

	join_lines(text, len);
	while (rest.n > 0) {
		if (parse_line(proc_file_line(&rest), &key, &value))
			set_key(u, key, value);
	}
}

static void read_unit_file(struct unit *u, const char *path)
{
	size_t len;
	AUTO_MEM char *text = read_file(path, &len);

	if (text)
		systemd_units_parse(u, text, len);
}

/* The file of this name in the first directory that has it; false: none has. */
static bool find_file(const char *name, char *path, size_t cap)
{
	struct stat st;

	for (size_t i = 0; i < DIRECTORIES; i++) {
		(void)snprintf(path, cap, "%s/%s", directories[i], name);
		if (lstat(path, &st) == 0)
			return true;
	}
	return false;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The names of NAME.d/x.conf in all directories, sorted. Returns how many. */
static size_t list_drop_ins(const char *unit, char (*found)[DROP_IN_NAME])
{
	size_t count = 0;
	char path[512];

	for (size_t i = 0; i < DIRECTORIES; i++) {
		const struct dirent *entry;
		DIR *all;

		(void)snprintf(path, sizeof(path), "%s/%s.d", directories[i], unit);
		all = opendir(path);
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
		while (all && count < DROP_INS_MOST && (entry = readdir(all)) != NULL) {
			if (span_ends(span_of(entry->d_name), SPAN(".conf")))
				text_copy(span_of(entry->d_name), found[count++], DROP_IN_NAME);
		}
		if (all)
			(void)closedir(all);
	}
	qsort(found, count, DROP_IN_NAME, compare_names);
	return count;
}

/* A drop-in hides those of the same name in directories that are searched later. */
static void read_drop_ins(struct unit *u)
{
	char(*found)[DROP_IN_NAME] = mem_array(DROP_INS_MOST, DROP_IN_NAME);
	size_t count = found ? list_drop_ins(u->name, found) : 0;
	char path[512];

	for (size_t i = 0; i < count; i++) {
		char name[DROP_IN_NAME + 32];

		(void)snprintf(name, sizeof(name), "%s.d/%s", u->name, found[i]);
		if ((i > 0 && strcmp(found[i], found[i - 1]) == 0) ||
			!find_file(name, path, sizeof(path)))
			continue;
		append(u->drop_ins, sizeof(u->drop_ins), span_of(path));
		read_unit_file(u, path);
	}
	mem_free(found);
}

/* Whether a link in TARGET.wants/ (or UNIT.requires/) asks for the unit. */
static bool is_linked(const char *directory, const char *unit)
{
	char path[512];
	char name[128];

	(void)snprintf(name, sizeof(name), "%s/%s", directory, unit);
	return find_file(name, path, sizeof(path));
}

static void read_files(struct unit *u)
{
	const char *load = "loaded";
	const char *state = "disabled";
	char directory[64];
	char path[512];
	struct stat st;

	if (!find_file(u->name, path, sizeof(path))) {
		text_copy(SPAN("not-found"), u->load, sizeof(u->load));
		return;
	}
	/* A link to /dev/null or an empty file masks the unit. */
	if (stat(path, &st) == 0 &&
		(S_ISCHR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size == 0))) {
		load = state = "masked";
	} else {
		read_unit_file(u, path);
		read_drop_ins(u);
		if (is_linked("sockets.target.wants", u->name) ||
			is_linked("multi-user.target.wants", u->name))
			state = "enabled";
		(void)snprintf(directory, sizeof(directory), "%s.requires", u->name);
		for (size_t i = 0; i < UNIT_COUNT; i++) {
			if (is_linked(directory, names[i]))
				append(u->requires, sizeof(u->requires), span_of(names[i]));
		}
	}
	text_copy(span_of(load), u->load, sizeof(u->load));
	text_copy(span_of(state), u->file_state, sizeof(u->file_state));
}

void systemd_units_read(struct unit *units, bool systemd)
{
	for (size_t i = 0; i < UNIT_COUNT; i++)
		units[i].name = names[i];
	if (systemd && ask_systemd(units))
		return;
	for (size_t i = 0; i < UNIT_COUNT; i++)
		read_files(&units[i]);
}

/* --- command lines -----------------------------------------------------------------------------*/

size_t systemd_units_split(char *text)
{
	bool inside = false; /* a word, which may be empty */
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
	size_t len;
	AUTO_MEM char *text = read_file(path, &len);
	struct span rest = { text, len };
	struct span key;
	struct span value;
	bool found = false;

	if (text)
		join_lines(text, len);
	while (rest.n > 0) {
		if (!parse_line(proc_file_line(&rest), &key, &value) || !span_equal(key, wanted))
			continue;
		text_copy(value, out, cap);
		found = true;
	}
	return found;
}
