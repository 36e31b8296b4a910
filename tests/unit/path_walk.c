/* Paths component by component: what a check is shown, what stops a walk, what is left then. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/path_walk.h"

static char base[] = "/tmp/dsp-unit-XXXXXX";
static char seen[512]; /* what the check was shown: d, f or l, and ! for the last one */
static struct line line;
static const char *refused;

static int note(void *ctx, const struct path_component *c)
{
	char kind = S_ISDIR(c->st->st_mode) ? 'd' : S_ISLNK(c->st->st_mode) ? 'l' : 'f';

	(void)ctx;
	line_add(&line, "%c%s", kind, c->last ? "!" : "");
	return refused && strstr(seen, refused) ? -1 : 0;
}

/* Walks to path below the test's directory; want: what is shown behind "/", "tmp" and that. */
static int walk(struct path_walk *w, const char *path, const char *want)
{
	static char whole[256]; /* it outlives the walk */
	int rc;

	(void)snprintf(whole, sizeof(whole), "%s/%s", base, path);
	line_init(&line, seen, sizeof(seen));
	w->check = note;
	rc = path_walk(w, whole);
	assert_string_equal(strlen(seen) > 3 ? seen + 3 : seen, want);
	return rc;
}

static void is(struct path_walk *w, const char *path, const char *want, const char *name)
{
	struct stat found;
	struct stat wanted;
	char whole[256];

	assert_int_equal(walk(w, path, want), 0);
	(void)snprintf(whole, sizeof(whole), "%s/%s", base, path);
	assert_int_equal(stat(whole, &wanted), 0);
	assert_int_equal(fstat(w->fd, &found), 0);
	assert_int_equal(found.st_ino, wanted.st_ino);
	assert_string_equal(w->name, name);
	assert_int_equal(fstatat(w->parent, w->name, &found, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(found.st_ino, wanted.st_ino);
	assert_int_equal(w->rest.n, 0);
	path_walk_close(w);
}

static void reaches(void **state)
{
	struct path_walk *w = *state;

	is(w, "a/b/file", "ddf!", "file");
	is(w, "a//./b/file", "ddf!", "file");
	is(w, "a/b/../b/", "dddd!", "b");
	is(w, "relative", "l!df!", "file");
	is(w, "absolute", "l!dddddf!", "file");
	is(w, "a/b/../file", "dddf!", "file");
}

static void stops(
	struct path_walk *w, const char *path, const char *want, int code, const char *rest)
{
	assert_int_equal(walk(w, path, want), -1);
	assert_int_equal(errno, code);
	assert_int_equal(w->rest.n, strlen(rest));
	assert_memory_equal(w->rest.s, rest, w->rest.n);
	assert_true(w->fd >= 0);
	path_walk_close(w);
}

static void stops_where_nothing_is(void **state)
{
	struct path_walk *w = *state;

	stops(w, "a/none/x", "d", ENOENT, "none/x");
	stops(w, "a/b/file/x", "ddf", ENOTDIR, "x");
	stops(w, "dangling/x", "ld", ENOENT, "none/x");
	assert_int_equal(walk(w, "loop",
				 "l!l!l!l!l!l!l!l!l!l!l!l!l!l!l!l!l!l!l!l!l!l!l!l!l!l!l!l!l!l!"
				 "l!l!l!l!l!l!l!l!l!l!l!"),
		-1);
	assert_int_equal(errno, ELOOP);
	path_walk_close(w);
}

static void stops_where_a_check_says(void **state)
{
	struct path_walk *w = *state;

	refused = "l";
	assert_int_equal(walk(w, "relative", "l!"), -1);
	path_walk_close(w);
	refused = "f!";
	assert_int_equal(walk(w, "a/b/file", "ddf!"), -1);
	path_walk_close(w);
	refused = NULL;
}

static void tells_real_paths(void **state)
{
	struct path_walk *w = *state;
	char want[64];
	char room[64];

	(void)snprintf(want, sizeof(want), "%s/a/b", base);
	assert_int_equal(walk(w, "a/b", "dd!"), 0);
	assert_string_equal(path_walk_real(w->fd, room, sizeof(room)).s, want);
	assert_int_equal(path_walk_real(w->fd, room, strlen(want)).n, 0);
	path_walk_close(w);
	assert_int_equal(path_walk(w, "/"), 0);
	assert_int_equal(w->parent, -1);
	assert_string_equal(w->name, "");
	path_walk_close(w);
}

static int begin(void **state)
{
	char target[64];
	FILE *file;

	if (!mkdtemp(base) || chdir(base) != 0 || mkdir("a", 0700) != 0 || mkdir("a/b", 0700) != 0)
		return -1;
	(void)snprintf(target, sizeof(target), "%s/a/b/file", base);
	file = fopen(target, "w");
	*state = mem_array(1, sizeof(struct path_walk));
	return file && fclose(file) == 0 && *state && symlink("a/file", "relative") == 0 &&
			symlink(target, "absolute") == 0 && symlink("loop", "loop") == 0 &&
			symlink("a/none", "dangling") == 0 && link(target, "a/file") == 0
		? 0
		: -1;
}

static int end(void **state)
{
	static const char *const files[] = { "relative", "absolute", "loop", "dangling", "a/file",
		"a/b/file" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)unlink(files[i]);
	mem_free(*state);
	return rmdir("a/b") == 0 && rmdir("a") == 0 && rmdir(base) == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reaches),
		cmocka_unit_test(stops_where_nothing_is),
		cmocka_unit_test(stops_where_a_check_says),
		cmocka_unit_test(tells_real_paths),
	};

	return cmocka_run_group_tests_name("path_walk", tests, begin, end);
}
