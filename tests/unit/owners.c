/* Owners: what is known, and what is on the disk after a failure. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dsp/owners/owners.h"
#include "dsp/system/clock.h"

static char dir[64];
static char path[96];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/dsp-owners-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/owners.db", dir);
	return 0;
}

static int teardown(void **state)
{
	struct dirent *entry;
	DIR *all;

	(void)state;
	(void)umount2(dir, MNT_DETACH);
	all = opendir(dir);
	assert_non_null(all);
	while ((entry = readdir(all)) != NULL)
		(void)unlinkat(dirfd(all), entry->d_name, 0);
	assert_int_equal(closedir(all), 0);
	return rmdir(dir);
}

static struct owners *started(const char *file)
{
	struct err e;
	struct owners *o = owners_new(&e);

	assert_non_null(o);
	assert_int_equal(owners_configure(o, file, true, &e), 0);
	return o;
}

/* 64 hex digits that end with a number. */
static struct span id_of(unsigned n)
{
	static char text[65];

	(void)snprintf(text, sizeof(text), "%064x", n);
	return span_of(text);
}

/* Waits until a ticket is settled. Returns whether it is on the disk. */
static bool settle(struct owners *o, uint64_t ticket)
{
	uint64_t end = clock_now() + 20000;
	bool saved = false;

	assert_true(ticket > 0);
	while (!owners_is_settled(o, ticket, &saved)) {
		struct pollfd fd = { .fd = owners_fd(o), .events = POLLIN };

		assert_true(clock_now() < end);
		(void)poll(&fd, 1, 1000);
		owners_receive(o);
	}
	return saved;
}

static bool give(struct owners *o, unsigned n, const char *owner)
{
	struct err e;

	return settle(o, owners_give(o, ATTRIBUTE_CONTAINER, id_of(n), span_of(owner), &e));
}

static const char *owner_of(const struct owners *o, enum attribute_kind kind, struct span id)
{
	static char text[OWNER_MOST + 1];
	struct span owner;

	if (!owners_find(o, kind, id, &owner))
		return "";
	memcpy(text, owner.s, owner.n);
	text[owner.n] = '\0';
	return text;
}

static void assert_owner(const struct owners *o, unsigned n, const char *owner)
{
	assert_string_equal(owner_of(o, ATTRIBUTE_CONTAINER, id_of(n)), owner);
}

static void assert_trouble(struct owners *o, const char *text)
{
	const struct owners_state s = owners_state(o);
	const char *why;

	if (!strstr(s.trouble, text))
		fail_msg("\"%s\" is not in \"%s\"", text, s.trouble);
	assert_false(owners_can_record(o, &why));
	assert_string_equal(why, s.trouble);
}

/* Waits until the file can be written again. */
static void assert_recovers(struct owners *o)
{
	uint64_t end = clock_now() + 20000;
	const char *why;

	while (owners_state(o).waiting > 0 || !owners_can_record(o, &why)) {
		struct pollfd fd = { .fd = owners_fd(o), .events = POLLIN };

		assert_true(clock_now() < end);
		(void)poll(&fd, 1, 200);
		owners_receive(o);
	}
}

/* --- what is kept ------------------------------------------------------------------------------*/

static void is_known_after_a_start(void **state)
{
	struct owners *o = started(path);
	struct stat st;
	struct err e;

	(void)state;
	assert_true(owners_healthy(o));
	assert_true(give(o, 1, "alice"));
	assert_true(give(o, 2, "cn:b\xc3\xb6se"));
	assert_true(give(o, 3, "@red"));
	assert_true(settle(o, owners_give(o, ATTRIBUTE_VOLUME, SPAN("data"), SPAN("bob"), &e)));
	assert_true(settle(o, owners_give(o, ATTRIBUTE_NETWORK, id_of(1), SPAN("bob"), &e)));
	assert_true(give(o, 3, "alice"));
	assert_true(settle(o, owners_gone(o, ATTRIBUTE_CONTAINER, id_of(1))));
	assert_int_equal(owners_gone(o, ATTRIBUTE_CONTAINER, id_of(1)), 0);
	owners_free(o);

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	o = started(path);
	assert_owner(o, 1, "");
	assert_owner(o, 2, "cn:b\xc3\xb6se");
	assert_owner(o, 3, "alice");
	assert_string_equal(owner_of(o, ATTRIBUTE_NETWORK, id_of(1)), "bob");
	assert_string_equal(owner_of(o, ATTRIBUTE_VOLUME, SPAN("data")), "bob");
	assert_string_equal(owner_of(o, ATTRIBUTE_VOLUME, SPAN("dat")), "");
	assert_int_equal(owners_state(o).count, 4);
	owners_free(o);
}

static void refuses_what_is_no_owner_and_no_id(void **state)
{
	struct owners *o = started(path);
	char long_owner[OWNER_MOST + 2];
	struct err e;

	(void)state;
	memset(long_owner, 'a', sizeof(long_owner));
	long_owner[sizeof(long_owner) - 1] = '\0';
	assert_int_equal(owners_give(o, ATTRIBUTE_CONTAINER, id_of(1), span_of(long_owner), &e), 0);
	assert_int_equal(owners_give(o, ATTRIBUTE_CONTAINER, id_of(1), SPAN("a\nb"), &e), 0);
	assert_int_equal(owners_give(o, ATTRIBUTE_CONTAINER, SPAN("abc"), SPAN("a"), &e), 0);
	assert_int_equal(owners_give(o, ATTRIBUTE_VOLUME, SPAN("a b"), SPAN("a"), &e), 0);
	assert_int_equal(owners_give(o, ATTRIBUTE_IMAGE, SPAN("a"), SPAN("a"), &e), 0);
	assert_int_equal(owners_state(o).count, 0);
	owners_free(o);
}

static void drops_what_is_missing_twice(void **state)
{
	struct owners *o = started(path);

	(void)state;
	assert_true(give(o, 1, "alice"));
	owners_seen(o, ATTRIBUTE_CONTAINER, id_of(1), false);
	owners_seen(o, ATTRIBUTE_CONTAINER, id_of(1), true);
	owners_seen(o, ATTRIBUTE_CONTAINER, id_of(1), false);
	owners_seen(o, ATTRIBUTE_CONTAINER, id_of(2), false);
	assert_owner(o, 1, "alice");
	owners_seen(o, ATTRIBUTE_CONTAINER, id_of(1), false);
	assert_owner(o, 1, "");
	owners_free(o);
	o = started(path);
	assert_owner(o, 1, "");
	owners_free(o);
}

static bool volume_is(struct owners *o, const char *owner)
{
	struct span found = { "", 0 };

	return owners_find(o, ATTRIBUTE_VOLUME, SPAN("data"), &found) == (owner[0] != '\0') &&
		span_equal(found, span_of(owner));
}

/* What dockerd said counts for owners and doubts of before it was asked. */
static void doubts(void **state)
{
	struct owners *o = started(path);
	uint64_t moment;
	struct span name;
	struct err e;

	(void)state;
	assert_false(owners_next_doubt(o, &name));
	assert_true(owners_give(o, ATTRIBUTE_VOLUME, SPAN("data"), SPAN("alice"), &e) > 0);
	owners_doubt(o, SPAN("other"));
	assert_false(owners_next_doubt(o, &name));
	owners_doubt(o, SPAN("data"));
	moment = owners_moment(o);
	assert_true(owners_next_doubt(o, &name));
	assert_true(span_equal(name, SPAN("data")));
	owners_doubt_all(o);
	owners_end_doubt(o, SPAN("data"), moment, false);
	assert_true(volume_is(o, "alice"));
	assert_true(owners_in_doubt(o, ATTRIBUTE_VOLUME, SPAN("data")));
	owners_end_doubt(o, SPAN("data"), owners_moment(o), true);
	assert_false(owners_in_doubt(o, ATTRIBUTE_VOLUME, SPAN("data")));
	assert_false(owners_next_doubt(o, &name));
	owners_doubt(o, SPAN("data"));
	moment = owners_moment(o);
	assert_true(owners_give(o, ATTRIBUTE_VOLUME, SPAN("data"), SPAN("bob"), &e) > 0);
	owners_end_doubt(o, SPAN("data"), moment, false);
	owners_gone_since(o, ATTRIBUTE_VOLUME, SPAN("data"), moment);
	assert_true(volume_is(o, "bob"));
	owners_gone_since(o, ATTRIBUTE_VOLUME, SPAN("data"), owners_moment(o));
	assert_true(volume_is(o, ""));
	owners_free(o);
}

struct page {
	size_t most;
	size_t count;
	struct owned last;
	char id[OWNED_ID_MOST + 1];
};

static bool collect(void *ctx, const struct owned *thing)
{
	struct page *p = ctx;

	if (p->count > 0 || p->last.id.n > 0)
		assert_true(thing->kind > p->last.kind ||
			(thing->kind == p->last.kind &&
				memcmp(thing->id.s, p->id, thing->id.n) > 0));
	memcpy(p->id, thing->id.s, thing->id.n);
	p->last = *thing;
	p->last.id.s = p->id;
	return ++p->count < p->most;
}

static void lists_page_by_page(void **state)
{
	struct owners *o = started(path);
	struct page p = { .most = 7 };
	uint64_t ticket = 0;
	size_t all = 0;
	struct err e;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		ticket = owners_give(o, i % 3 ? ATTRIBUTE_CONTAINER : ATTRIBUTE_NETWORK,
			id_of(i * 7919 % 1000), SPAN("alice"), &e);
	assert_true(settle(o, ticket));
	do {
		p.count = 0;
		owners_each(o, p.last.kind, p.last.id, collect, &p);
		all += p.count;
	} while (p.count == p.most);
	assert_int_equal(all, 100);
	owners_free(o);
}

/* --- failures ----------------------------------------------------------------------------------*/

static void opens_no_other_file(void **state)
{
	static const struct {
		const char *sql, *trouble;
	} rows[] = {
		{ "CREATE TABLE t (a)", "this is not dsp's file" },
		{ "PRAGMA application_id=0x64737077; PRAGMA user_version=2; CREATE TABLE t (a)",
			"its format is 2" },
		{ "PRAGMA application_id=0x64737077; PRAGMA user_version=1; CREATE TABLE t (a)",
			"no such table" },
		{ "PRAGMA application_id=0x64737077; PRAGMA user_version=1;"
		  "CREATE TABLE owners (kind, id, owner, since);"
		  "INSERT INTO owners VALUES ('container', 'web', 'alice', 1)",
			"a row is not as dsp writes it" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct owners *o;
		sqlite3 *db;

		(void)unlink(path);
		assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
		assert_int_equal(sqlite3_exec(db, rows[i].sql, NULL, NULL, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_close(db), SQLITE_OK);
		assert_int_equal(chmod(path, 0600), 0);
		o = started(path);
		assert_false(owners_healthy(o));
		assert_trouble(o, rows[i].trouble);
		owners_free(o);
	}
}

static void trusts_its_own_file_alone(void **state)
{
	struct owners *o = started(path);

	(void)state;
	assert_true(give(o, 1, "alice"));
	owners_free(o);
	assert_int_equal(chmod(path, 0660), 0);
	o = started(path);
	assert_trouble(o, "another user than dspd's can write it");
	/* Repaired while it runs: found out without a restart. */
	assert_int_equal(chmod(path, 0600), 0);
	assert_recovers(o);
	assert_owner(o, 1, "alice");
	owners_free(o);
	assert_int_equal(rename(path, "/tmp/dsp-owners-elsewhere"), 0);
	assert_int_equal(symlink("/tmp/dsp-owners-elsewhere", path), 0);
	o = started(path);
	assert_false(owners_healthy(o));
	owners_free(o);
	assert_int_equal(unlink("/tmp/dsp-owners-elsewhere"), 0);
}

/* Fills a file and cuts it to each of many lengths: never read as something else than it was. */
static void finds_a_cut_file(void **state)
{
	struct owners *o = started(path);
	uint64_t ticket = 0;
	struct stat st;
	struct err e;

	(void)state;
	for (unsigned i = 0; i < 500; i++)
		ticket = owners_give(o, ATTRIBUTE_CONTAINER, id_of(i), SPAN("alice"), &e);
	assert_true(settle(o, ticket));
	owners_free(o);
	assert_int_equal(stat(path, &st), 0);
	for (off_t n = st.st_size - 1; n >= 0; n -= st.st_size / 17) {
		assert_int_equal(truncate(path, n), 0);
		o = started(path);
		assert_false(owners_healthy(o));
		assert_owner(o, 1, "");
		owners_free(o);
	}
	assert_int_equal(truncate(path, 0), 0);
	o = started(path);
	assert_trouble(o, "the file is empty");
	owners_free(o);
}

static void finds_flipped_bytes(void **state)
{
	struct owners *o = started(path);
	int fd;

	(void)state;
	assert_true(give(o, 1, "alice"));
	owners_free(o);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	for (off_t at = 4096; at < 4096 + 64; at++)
		assert_int_equal(pwrite(fd, "\xff", 1, at), 1);
	assert_int_equal(close(fd), 0);
	o = started(path);
	assert_false(owners_healthy(o));
	owners_free(o);
}

/* While dspd runs: nothing is written to another file, and what is known stays known. */
static void writes_no_replaced_file(void **state)
{
	struct owners *o = started(path);
	char other[112];
	char kept[112];

	(void)state;
	(void)snprintf(other, sizeof(other), "%s/other.db", dir);
	(void)snprintf(kept, sizeof(kept), "%s/kept.db", dir);
	assert_true(give(o, 1, "alice"));
	owners_free(started(other));
	assert_int_equal(rename(path, kept), 0);
	assert_false(give(o, 2, "bob"));
	assert_trouble(o, "the file is gone");
	assert_int_equal(rename(other, path), 0);
	assert_false(give(o, 3, "bob"));
	assert_trouble(o, "another file stands there");
	assert_true(owners_healthy(o));
	assert_owner(o, 1, "alice");
	assert_owner(o, 3, "bob");
	/* Put back, what waited is written. */
	assert_int_equal(rename(kept, path), 0);
	assert_recovers(o);
	owners_free(o);
	o = started(path);
	assert_owner(o, 2, "bob");
	assert_owner(o, 3, "bob");
	owners_free(o);
}

static void writes_no_file_that_was_cut(void **state)
{
	struct owners *o = started(path);

	(void)state;
	assert_true(give(o, 1, "alice"));
	assert_int_equal(truncate(path, 4096), 0);
	assert_false(give(o, 2, "bob"));
	assert_trouble(o, "the file was cut");
	owners_free(o);
}

/*
 * Whether this test may mount; without that right it is skipped. The mounts are its own: other
 * tests compare the host's.
 */
static void mount_small(void)
{
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("none", dir, "tmpfs", 0, "size=128k") != 0)
		skip();
}

static void fill_disk(const char *name)
{
	static const char zeros[4096];
	char file[112];
	ssize_t n;
	int fd;

	(void)snprintf(file, sizeof(file), "%s/%s", dir, name);
	fd = open(file, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	do
		n = write(fd, zeros, sizeof(zeros));
	while (n > 0);
	assert_int_equal(close(fd), 0);
}

static void waits_for_room_on_a_full_disk(void **state)
{
	struct owners *o;
	char file[112];
	unsigned n = 2;

	(void)state;
	mount_small();
	o = started(path);
	assert_true(give(o, 1, "alice"));
	fill_disk("big");
	/* There is room in pages that the file has. */
	while (give(o, n, "bob"))
		assert_true(++n < 1000);
	assert_trouble(o, "full");
	assert_owner(o, n, "bob");
	assert_true(owners_healthy(o));
	assert_int_equal(owners_state(o).waiting, 1);
	(void)snprintf(file, sizeof(file), "%s/big", dir);
	assert_int_equal(unlink(file), 0);
	assert_recovers(o);
	owners_free(o);
	o = started(path);
	assert_owner(o, 1, "alice");
	assert_owner(o, n, "bob");
	owners_free(o);
}

static void makes_no_half_file_on_a_full_disk(void **state)
{
	struct owners *o;
	char file[112];

	(void)state;
	mount_small();
	fill_disk("big");
	o = started(path);
	assert_false(owners_healthy(o));
	assert_int_equal(access(path, F_OK), -1);
	(void)snprintf(file, sizeof(file), "%s/big", dir);
	assert_int_equal(unlink(file), 0);
	assert_recovers(o);
	assert_true(owners_healthy(o));
	owners_free(o);
}

static void waits_on_a_read_only_disk(void **state)
{
	struct owners *o;

	(void)state;
	mount_small();
	o = started(path);
	assert_true(give(o, 1, "alice"));
	owners_free(o);
	assert_int_equal(mount("none", dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	o = started(path);
	assert_true(owners_healthy(o));
	assert_owner(o, 1, "alice");
	assert_false(give(o, 2, "bob"));
	assert_trouble(o, "readonly");
	owners_free(o);
}

/* --- SIGKILL -----------------------------------------------------------------------------------*/

/* Gives things away for ever, and reports each that is on the disk. */
static void give_for_ever(int to, unsigned first)
{
	struct owners *o = started(path);

	for (unsigned n = first;; n++) {
		if (!give(o, n, n % 2 ? "alice" : "bob") || write(to, &n, sizeof(n)) != sizeof(n))
			_exit(1);
	}
}

static void keeps_what_it_reported_when_killed(void **state)
{
	const char *given = getenv("OWNERS_KILLS");
	unsigned rounds = given ? (unsigned)strtoul(given, NULL, 10) : 12;
	unsigned last = 0;

	(void)state;
	for (unsigned round = 0; round < rounds; round++) {
		const struct timespec moment = { .tv_nsec = (long)die(60) * 1000000 };
		struct owners *o;
		unsigned n;
		int ends[2];
		pid_t child;

		assert_int_equal(pipe(ends), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			(void)close(ends[0]);
			give_for_ever(ends[1], last + 1);
		}
		(void)close(ends[1]);
		(void)nanosleep(&moment, NULL);
		(void)kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		while (read(ends[0], &n, sizeof(n)) == (ssize_t)sizeof(n))
			last = n;
		(void)close(ends[0]);
		o = started(path);
		assert_true(owners_healthy(o));
		for (n = 1; n <= last; n++)
			assert_owner(o, n, n % 2 ? "alice" : "bob");
		owners_free(o);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(is_known_after_a_start),
		TEST(refuses_what_is_no_owner_and_no_id),
		TEST(drops_what_is_missing_twice),
		TEST(doubts),
		TEST(lists_page_by_page),
		TEST(opens_no_other_file),
		TEST(trusts_its_own_file_alone),
		TEST(finds_a_cut_file),
		TEST(finds_flipped_bytes),
		TEST(writes_no_replaced_file),
		TEST(writes_no_file_that_was_cut),
		TEST(waits_for_room_on_a_full_disk),
		TEST(makes_no_half_file_on_a_full_disk),
		TEST(waits_on_a_read_only_disk),
		TEST(keeps_what_it_reported_when_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
