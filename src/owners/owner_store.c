#include "owner_store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/file.h"

enum {
	APPLICATION = 0x64737077, /* "dspw", in the file's header */
	FORMAT = 1,
	BUSY_MS = 1000, /* for another dspd that is about to end */
	NEW_ROOM = 320,
};

static const char setup[] = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=FULL;"
			    "PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF;"
			    "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-1024;";

static const char schema[] =
	"BEGIN; PRAGMA application_id=0x64737077; PRAGMA user_version=1;"
	"CREATE TABLE owners (kind TEXT NOT NULL, id TEXT NOT NULL, owner TEXT NOT NULL,"
	" since INTEGER NOT NULL, PRIMARY KEY (kind, id)) STRICT, WITHOUT ROWID; COMMIT;";

static const enum attribute_kind kinds[] = { ATTRIBUTE_CONTAINER, ATTRIBUTE_NETWORK,
	ATTRIBUTE_VOLUME };

static int fail(const struct owner_store *s, struct err *e)
{
	int system = s->db ? sqlite3_system_errno(s->db) : 0;
	const char *text = s->db ? sqlite3_errmsg(s->db) : "out of memory";

	return FAIL(e, 0, "%s: %s%s%s", s->path, text, system != 0 ? ": " : "",
		system != 0 ? strerrordesc_np(system) : "");
}

static int execute(struct owner_store *s, const char *sql, struct err *e)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(s, e);
}

/* --- opening -----------------------------------------------------------------------------------*/

static int connect(struct owner_store *s, const char *path, struct err *e)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
		SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;

	if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK)
		return fail(s, e);
	(void)sqlite3_busy_timeout(s->db, BUSY_MS);
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	return execute(s, setup, e);
}

/* Only this process's user can have written it. */
static int check_file(struct owner_store *s, struct err *e)
{
	AUTO_FD int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return FAIL(e, errno, "%s", s->path);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return FAIL(e, 0, "%s: this is not a file with one name", s->path);
	if (st.st_uid != geteuid() || (st.st_mode & 022) != 0)
		return FAIL(e, 0, "%s: another user than dspd's can write it", s->path);
	if (st.st_size == 0)
		return FAIL(e, 0, "%s: the file is empty, and was not: it was cut", s->path);
	s->device = st.st_dev;
	s->inode = st.st_ino;
	return 0;
}

static int sync_directory(const char *path, struct err *e)
{
	char dir[NEW_ROOM];
	char *slash;

	text_copy(span_of(path), dir, sizeof(dir));
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir ? 1 : 0] = '\0';
	AUTO_FD int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && fsync(fd) == 0 ? 0 : FAIL(e, errno, "%s", dir);
}

/* Made beside its place, so that a half-made one never stands there. */
static int make(struct owner_store *s, struct err *e)
{
	char path[NEW_ROOM];
	int rc = -1;
	int fd;

	(void)snprintf(path, sizeof(path), "%s.new", s->path);
	(void)unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return FAIL(e, errno, "%s: cannot make it", s->path);
	(void)close(fd);
	if (connect(s, path, e) == 0)
		rc = execute(s, schema, e);
	owner_store_close(s);
	if (rc == 0 && rename(path, s->path) != 0)
		rc = FAIL(e, errno, "%s: cannot make it", s->path);
	if (rc != 0)
		(void)unlink(path);
	return rc == 0 ? sync_directory(s->path, e) : -1;
}

/* The first value of a query, as a text; -1 and e: the file cannot be read. */
static int ask(struct owner_store *s, const char *sql, char *out, size_t cap, struct err *e)
{
	sqlite3_stmt *statement = NULL;
	const unsigned char *text = NULL;

	if (sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL) == SQLITE_OK &&
		sqlite3_step(statement) == SQLITE_ROW)
		text = sqlite3_column_text(statement, 0);
	if (text)
		text_copy(span_of((const char *)text), out, cap);
	else
		(void)fail(s, e);
	(void)sqlite3_finalize(statement);
	return text ? 0 : -1;
}

/* SQLite reads zeros for the missing end of the last page, which may be the end of an owner. */
static int check_length(struct owner_store *s, struct err *e)
{
	char text[40];
	struct stat st;

	if (ask(s, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", text,
		    sizeof(text), e) != 0)
		return -1;
	if (lstat(s->path, &st) != 0 || strtoll(text, NULL, 10) != st.st_size)
		return FAIL(e, 0, "%s: damaged: it was cut", s->path);
	return 0;
}

static int check_format(struct owner_store *s, struct err *e)
{
	char text[160];
	long format;

	if (ask(s, "PRAGMA application_id", text, sizeof(text), e) != 0)
		return -1;
	if (strtol(text, NULL, 10) != APPLICATION)
		return FAIL(e, 0, "%s: this is not dsp's file of owners", s->path);
	if (ask(s, "PRAGMA user_version", text, sizeof(text), e) != 0)
		return -1;
	format = strtol(text, NULL, 10);
	if (format != FORMAT)
		return FAIL(e, 0, "%s: its format is %ld, and this dspd knows format %d", s->path,
			format, FORMAT);
	if (ask(s, "PRAGMA integrity_check(1)", text, sizeof(text), e) != 0)
		return -1;
	if (strcmp(text, "ok") != 0) {
		for (char *c = text; *c; c++)
			*c = *c == '\n' ? ' ' : *c;
		return FAIL(e, 0, "%s: damaged: %s", s->path, text);
	}
	return check_length(s, e);
}

static struct span column(sqlite3_stmt *statement, int i)
{
	const unsigned char *text = sqlite3_column_text(statement, i);
	int n = sqlite3_column_bytes(statement, i);

	return (struct span){ (const char *)text, text && n > 0 ? (size_t)n : 0 };
}

/* False: the row is none that dsp writes, or there is no memory. */
static bool read_row(sqlite3_stmt *statement, struct owner_rows *rows)
{
	struct owned thing = { .id = column(statement, 1),
		.owner = column(statement, 2),
		.at = (uint64_t)sqlite3_column_int64(statement, 3) };
	struct span kind = column(statement, 0);
	struct owner_row *row;
	size_t i = 0;

	while (i < sizeof(kinds) / sizeof(kinds[0]) &&
		!span_equal(kind, span_of(attribute_kind_name(kinds[i]))))
		i++;
	if (i == sizeof(kinds) / sizeof(kinds[0]))
		return false;
	thing.kind = kinds[i];
	if (!owned_id_is_valid(thing.kind, thing.id) || !owner_is_valid(thing.owner))
		return false;
	row = owner_row_new(&thing);
	return row && owner_rows_put(rows, row);
}

static int read_rows(struct owner_store *s, struct owner_rows *rows, struct err *e)
{
	sqlite3_stmt *statement = NULL;
	int rc = 0;
	int step;

	if (sqlite3_prepare_v2(s->db, "SELECT kind, id, owner, since FROM owners", -1, &statement,
		    NULL) != SQLITE_OK)
		return fail(s, e);
	while ((step = sqlite3_step(statement)) == SQLITE_ROW && rc == 0) {
		if (!read_row(statement, rows))
			rc = FAIL(e, 0, "%s: damaged: a row is not as dsp writes it", s->path);
	}
	if (rc == 0 && step != SQLITE_DONE)
		rc = fail(s, e);
	(void)sqlite3_finalize(statement);
	return rc;
}

static int prepare(struct owner_store *s, struct err *e)
{
	if (sqlite3_prepare_v3(s->db,
		    "INSERT OR REPLACE INTO owners (kind, id, owner, since) VALUES (?, ?, ?, ?)",
		    -1, SQLITE_PREPARE_PERSISTENT, &s->put, NULL) != SQLITE_OK ||
		sqlite3_prepare_v3(s->db, "DELETE FROM owners WHERE kind = ? AND id = ?", -1,
			SQLITE_PREPARE_PERSISTENT, &s->drop, NULL) != SQLITE_OK)
		return fail(s, e);
	return 0;
}

/* The file at path is the one that was opened, and not shorter than it was. */
static int check_place(struct owner_store *s, bool keep_size, struct err *e)
{
	struct stat st;

	if (lstat(s->path, &st) != 0)
		return FAIL(e, errno, "%s: the file is gone", s->path);
	if (st.st_dev != s->device || st.st_ino != s->inode)
		return FAIL(e, 0, "%s: another file stands there since dspd opened it", s->path);
	if (st.st_size < s->size)
		return FAIL(e, 0, "%s: the file was cut from %lld to %lld bytes", s->path,
			(long long)s->size, (long long)st.st_size);
	if (keep_size)
		s->size = st.st_size;
	return 0;
}

int owner_store_open(
	struct owner_store *s, const char *path, struct owner_rows *rows, struct err *e)
{
	*s = (struct owner_store){ .path = path };
	if (access(path, F_OK) != 0 && errno == ENOENT && make(s, e) != 0)
		return -1;
	if (check_file(s, e) == 0 && connect(s, path, e) == 0 && check_format(s, e) == 0 &&
		read_rows(s, rows, e) == 0 && prepare(s, e) == 0 && check_place(s, true, e) == 0)
		return 0;
	owner_rows_free(rows);
	owner_store_close(s);
	return -1;
}

void owner_store_close(struct owner_store *s)
{
	(void)sqlite3_finalize(s->put);
	(void)sqlite3_finalize(s->drop);
	(void)sqlite3_close_v2(s->db);
	s->db = NULL;
	s->put = s->drop = NULL;
}

/* --- writing -----------------------------------------------------------------------------------*/

static bool bind(sqlite3_stmt *statement, int i, struct span text)
{
	return sqlite3_bind_text(statement, i, text.s, (int)text.n, SQLITE_STATIC) == SQLITE_OK;
}

static int write_change(struct owner_store *s, const struct owned *thing, struct err *e)
{
	sqlite3_stmt *statement = thing->owner.n > 0 ? s->put : s->drop;
	bool fine = bind(statement, 1, span_of(attribute_kind_name(thing->kind))) &&
		bind(statement, 2, thing->id);

	if (fine && statement == s->put)
		fine = bind(statement, 3, thing->owner) &&
			sqlite3_bind_int64(statement, 4, (sqlite3_int64)thing->at) == SQLITE_OK;
	fine = fine && sqlite3_step(statement) == SQLITE_DONE;
	if (!fine)
		(void)fail(s, e);
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
	return fine ? 0 : -1;
}

int owner_store_write(struct owner_store *s, const struct owner_changes *changes, struct err *e)
{
	const struct owner_change *c;

	if (check_place(s, false, e) != 0 || execute(s, "BEGIN IMMEDIATE", e) != 0)
		return -1;
	STAILQ_FOREACH(c, changes, link)
	{
		if (write_change(s, &c->row->thing, e) != 0)
			break;
	}
	/* Also replaced in the middle: what is in another file now is not what was checked. */
	if (!c && execute(s, "COMMIT", e) == 0)
		return check_place(s, true, e);
	if (!sqlite3_get_autocommit(s->db))
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}
