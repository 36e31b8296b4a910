#include "dsp/host/listening_sockets.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/path_walk.h"
#include "dsp/system/proc_file.h"

/* dsp.service binds it here: the table of systemd's name space, which is dockerd's too. */
#define HANDED_TABLE "/run/dsp-host/unix"

enum {
	MOST_SOCKETS = 32,
	MOST_OF_ROOT = 256,
	MOST_FILES = 65536,
	ACCEPTING = 0x10000, /* __SO_ACCEPTCON in Flags of /proc/net/unix: it listens */
};

/*
 * A line of the table for a socket that listens at a path. The kernel writes names as they are, so
 * a line break in a name makes a line of its own: every line of an inode counts, not one of them.
 */
struct listener {
	unsigned long inode;
	struct span path;
};

/* The listeners of the process's name space, and its descriptors. */
struct search {
	char *text;             /* of the table */
	struct listener *items; /* sorted by inode */
	size_t count;
	DIR *files;
	int found;
	bool relative; /* one of the process's own is at a relative path, so it may be anywhere */
	void (*report)(void *ctx, const char *path);
	void *ctx;
};

static unsigned long parse_number(struct span word, int base)
{
	char text[24];

	text_copy(word, text, sizeof(text));
	return strtoul(text, NULL, base);
}

/*
 * Parses "Num RefCount Protocol Flags Type St Inode Path". Returns the path; empty: the socket does
 * not listen, or not at a path.
 */
static struct span parse_unix_line(struct span line, unsigned long *inode)
{
	struct span flags;

	for (int i = 0; i < 3; i++)
		(void)proc_file_word(&line);
	flags = proc_file_word(&line);
	(void)proc_file_word(&line);
	(void)proc_file_word(&line);
	*inode = parse_number(proc_file_word(&line), 10);
	if ((parse_number(flags, 16) & ACCEPTING) == 0 || line.n == 0 || line.s[0] == '@')
		line.n = 0;
	return line;
}

static int compare_inodes(const void *left, const void *right)
{
	const struct listener *a = left;
	const struct listener *b = right;

	return a->inode < b->inode ? -1 : a->inode > b->inode;
}

/*
 * Sorts the sockets that listen, at any path or at one: dockerd has many descriptors, and each is
 * looked up among them. -1 and errno: no memory.
 */
static int index_listeners(struct search *s, size_t len, const char *at)
{
	struct span rest = { s->text, len };
	size_t lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += s->text[i] == '\n';
	s->items = mem_array(lines + 1, sizeof(*s->items));
	if (!s->items) {
		errno = ENOMEM;
		return -1;
	}
	while (rest.n > 0 && s->count <= lines) {
		struct listener *one = &s->items[s->count];

		one->path = parse_unix_line(proc_file_line(&rest), &one->inode);
		s->count += one->path.n > 0 && (!at || span_equal(one->path, span_of(at)));
	}
	if (s->count > 0)
		qsort(s->items, s->count, sizeof(*s->items), compare_inodes);
	return 0;
}

static bool is_absolute(const struct listener *one)
{
	return one->path.s[0] == '/';
}

static void report_listener(struct search *s, const struct listener *one)
{
	char path[sizeof(struct sockaddr_un)];

	text_copy(one->path, path, sizeof(path));
	s->report(s->ctx, path);
	s->found++;
}

static void report_inode(struct search *s, unsigned long inode)
{
	const struct listener key = { .inode = inode };
	const struct listener *one = NULL;

	if (s->count > 0)
		one = bsearch(&key, s->items, s->count, sizeof(key), compare_inodes);
	while (one && one > s->items && one[-1].inode == inode)
		one--;
	for (; one && one < s->items + s->count && one->inode == inode; one++) {
		if (!is_absolute(one))
			s->relative = true;
		else if (s->found < MOST_SOCKETS)
			report_listener(s, one);
	}
}

/* enum listening; -1 and errno. */
static int search_files(struct search *s)
{
	static const struct span prefix = SPAN_INIT("socket:[");

	for (int i = 0; i < MOST_FILES && s->found < MOST_SOCKETS; i++) {
		const struct dirent *entry;
		char link[64];
		ssize_t n;

		errno = 0;
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
		entry = readdir(s->files);
		if (!entry)
			return errno != 0 ? -1 : s->relative ? LISTENING_UNKNOWN : LISTENING_KNOWN;
		if (entry->d_name[0] == '.')
			continue;
		n = readlinkat(dirfd(s->files), entry->d_name, link, sizeof(link));
		if (n < 0 && errno == EACCES)
			return LISTENING_GUESSED;
		/* It may be closed meanwhile. */
		if (n < 0 && errno != ENOENT)
			return -1;
		if (n > 0 && span_starts((struct span){ link, (size_t)n }, prefix))
			report_inode(s,
				parse_number((struct span){ link + prefix.n, (size_t)n - prefix.n },
					10));
	}
	return LISTENING_UNKNOWN;
}

/* Whether root owns the socket at a path, or who owns it is not known. */
static bool is_of_root(const struct listener *one)
{
	char path[sizeof(struct sockaddr_un)];
	struct stat st;

	text_copy(one->path, path, sizeof(path));
	return stat(path, &st) != 0 || st.st_uid == 0;
}

static bool is_named(const struct listener *one)
{
	static const struct span names[] = { SPAN_INIT("/docker.sock"),
		SPAN_INIT("/containerd.sock"), SPAN_INIT("/containerd.sock.ttrpc") };

	for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
		if (span_ends(one->path, names[k]))
			return is_absolute(one);
	}
	return false;
}

/*
 * Whichever process listens: containerd is another one, and its directory can be configured. Other
 * users' sockets do not take the room of root's.
 */
static int report_named(struct search *s, int known)
{
	int of_root = 0;
	int of_others = 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct listener *one = &s->items[i];

		if (!is_named(one))
			continue;
		if (is_of_root(one)) {
			if (++of_root > MOST_OF_ROOT)
				return LISTENING_UNKNOWN;
			report_listener(s, one);
		} else if (++of_others <= MOST_SOCKETS) {
			report_listener(s, one);
		}
	}
	return known;
}

/*
 * Reports all sockets that may be dockerd's, when its own are unknown: those of root. root's other
 * sockets are as powerful.
 */
static int report_of_root(struct search *s)
{
	int seen = 0;

	for (size_t i = 0; i < s->count; i++) {
		if (!is_absolute(&s->items[i]) || !is_of_root(&s->items[i]))
			continue;
		if (++seen > MOST_OF_ROOT)
			return LISTENING_UNKNOWN;
		report_listener(s, &s->items[i]);
	}
	return LISTENING_GUESSED;
}

static int read_table(pid_t process, char **ret, size_t *len)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/net/unix", (int)process);
	if (proc_file_read(path, ret, len) == 0)
		return 0;
	return path_error_is_answer(errno) ? proc_file_read(HANDED_TABLE, ret, len) : -1;
}

int listening_table_read(struct listening_table *ret)
{
	*ret = (struct listening_table){ .text = NULL };
	return proc_file_read("/proc/self/net/unix", &ret->text, &ret->n);
}

void listening_table_each(
	const struct listening_table *table, void (*report)(void *ctx, const char *path), void *ctx)
{
	struct span rest = { table->text, table->n };

	while (rest.n > 0) {
		char path[sizeof(struct sockaddr_un)];
		unsigned long inode;
		struct span found = parse_unix_line(proc_file_line(&rest), &inode);

		text_copy(found, path, sizeof(path));
		if (found.n > 0 && path[0] == '/')
			report(ctx, path);
	}
}

void listening_table_free(struct listening_table *table)
{
	mem_free(table->text);
	table->text = NULL;
}

enum listening listening_sockets_access(pid_t process)
{
	AUTO_MEM char *table = NULL;
	char path[64];
	size_t len;
	DIR *files;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)process);
	files = opendir(path);
	if (!files)
		return read_table(process, &table, &len) == 0 ? LISTENING_GUESSED
							      : LISTENING_UNKNOWN;
	(void)closedir(files);
	return LISTENING_KNOWN;
}

static void search_free(struct search *s)
{
	int code = errno;

	if (s->files)
		(void)closedir(s->files);
	mem_free(s->items);
	mem_free(s->text);
	errno = code;
}

/*
 * Reads the listeners, at any path or at one, and opens the process's descriptors; s->files is NULL
 * where that may not be. -1 and errno: not read. The caller calls search_free in any case.
 */
static int search_begin(struct search *s, pid_t process, const char *at)
{
	char path[64];
	size_t len;

	if (read_table(process, &s->text, &len) != 0 || index_listeners(s, len, at) != 0)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)process);
	s->files = s->count > 0 || !at ? opendir(path) : NULL;
	return 0;
}

/* own: only sockets of the process, and none when these are unknown. */
static int find_sockets(struct search *s, pid_t process, bool own)
{
	int known = LISTENING_GUESSED;

	if (search_begin(s, process, NULL) != 0)
		return path_error_is_answer(errno) ? LISTENING_UNKNOWN : -1;
	if (!s->files && !path_error_is_answer(errno))
		return -1;
	if (s->files)
		known = search_files(s);
	if (known == LISTENING_GUESSED && own)
		return LISTENING_UNKNOWN;
	if (known == LISTENING_GUESSED)
		known = report_of_root(s);
	return own || known < 0 ? known : report_named(s, known);
}

static void ignore_path(void *ctx, const char *path)
{
	(void)ctx;
	(void)path;
}

int listening_sockets_has(pid_t process, const char *path)
{
	struct search s = { .report = ignore_path };
	int known = -1;

	if (search_begin(&s, process, path) == 0 && s.files)
		known = search_files(&s);
	search_free(&s);
	if (s.found > 0)
		return 1;
	return known == LISTENING_KNOWN ? 0 : -1;
}

int listening_sockets_own(pid_t process, void (*report)(void *ctx, const char *path), void *ctx)
{
	struct search s = { .report = report, .ctx = ctx };
	int known = find_sockets(&s, process, true);

	search_free(&s);
	return known;
}

int listening_sockets_all(pid_t process, void (*report)(void *ctx, const char *path), void *ctx)
{
	struct search s = { .report = report, .ctx = ctx };
	int known = find_sockets(&s, process, false);

	search_free(&s);
	return known;
}

/* --- TCP ---------------------------------------------------------------------------------------*/

static bool has_socket(pid_t process, unsigned long inode)
{
	char wanted[64];
	char path[64];
	const struct dirent *entry;
	bool found = false;
	DIR *files;

	(void)snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)process);
	files = opendir(path);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
	while (files && !found && (entry = readdir(files)) != NULL) {
		char link[64];
		ssize_t n = readlinkat(dirfd(files), entry->d_name, link, sizeof(link));

		found = n > 0 && span_equal((struct span){ link, (size_t)n }, span_of(wanted));
	}
	if (files)
		(void)closedir(files);
	return found;
}

/* "0100007F:0947" is 127.0.0.1:2375: groups of four bytes, each a number in host byte order. */
static void write_address(struct span local, char *out, size_t cap)
{
	unsigned char bytes[sizeof(struct in6_addr)] = { 0 };
	char text[INET6_ADDRSTRLEN] = "";
	size_t digits = span_find(local, ':');
	bool six = digits == 2 * sizeof(bytes);

	for (size_t i = 0; i + 8 <= digits && i / 2 < sizeof(bytes); i += 8) {
		uint32_t word = (uint32_t)parse_number((struct span){ local.s + i, 8 }, 16);

		memcpy(bytes + i / 2, &word, sizeof(word));
	}
	(void)inet_ntop(six ? AF_INET6 : AF_INET, bytes, text, sizeof(text));
	(void)snprintf(out, cap, six ? "[%s]:%lu" : "%s:%lu", text,
		parse_number(span_after(local, digits < local.n ? digits + 1 : digits), 16));
}

/* Parses "sl local remote st queues timer retries uid timeout inode". 0: it does not listen. */
static unsigned long parse_tcp_line(struct span line, struct span *local)
{
	struct span listens;

	(void)proc_file_word(&line);
	*local = proc_file_word(&line);
	(void)proc_file_word(&line);
	listens = proc_file_word(&line);
	for (int i = 0; i < 5; i++)
		(void)proc_file_word(&line);
	return span_equal(listens, SPAN("0A")) ? parse_number(proc_file_word(&line), 10) : 0;
}

void listening_sockets_tcp(
	pid_t process, pid_t holder, void (*report)(void *ctx, const char *address), void *ctx)
{
	static const char *const tables[] = { "tcp", "tcp6" };

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		AUTO_MEM char *table = NULL;
		char path[64];
		struct span rest;
		size_t len;

		(void)snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)process, tables[i]);
		if (proc_file_read(path, &table, &len) != 0)
			continue;
		rest = (struct span){ table, len };
		while (rest.n > 0) {
			char address[INET6_ADDRSTRLEN + 16];
			struct span local;
			unsigned long inode = parse_tcp_line(proc_file_line(&rest), &local);

			if (inode == 0 || !has_socket(process, inode) || !has_socket(holder, inode))
				continue;
			write_address(local, address, sizeof(address));
			report(ctx, address);
		}
	}
}
