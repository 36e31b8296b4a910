/* The pool of look-ups: results in time, processes that hang or end, and how many there may be. */
#include "unit.h"

#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/lookup_message.h"
#include "daemon/lookup_pool.h"
#include "dsp/system/clock.h"

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* held: what hangs, hangs */
static atomic_int looking;
static size_t alone; /* threads of a process without look-ups */
static struct lookup_place places[LOOKUP_PLACES];
static int wake;

/* --- threads in the place of processes ---------------------------------------------------------*/

static bool get(int fd, void *to, size_t n)
{
	return recv(fd, to, n, MSG_WAITALL) == (ssize_t)n;
}

static bool put(int fd, uint32_t kind, uint32_t index, uint32_t flags)
{
	const struct lookup_reply r = { .kind = kind, .number = index, .flags = flags };

	return send(fd, &r, sizeof(r), MSG_NOSIGNAL) == sizeof(r);
}

/* The name of the first source. */
static bool get_request(int fd, struct lookup_request *r, char *name, size_t cap)
{
	char text[4096];
	uint32_t n;

	if (!get(fd, r, sizeof(*r)))
		return false;
	assert_true(r->dir + r->sockets + r->sources <= sizeof(text));
	if (!get(fd, text, r->dir + r->sockets + r->sources))
		return false;
	memcpy(&n, text + r->dir + r->sockets, sizeof(n));
	assert_true(n < cap);
	memcpy(name, text + r->dir + r->sockets + sizeof(n), n);
	name[n] = '\0';
	return true;
}

static bool starts(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

/*
 * The name says what happens: "/hang..." waits for the gate, "/slow..." takes a while, "/dies..."
 * ends at once, "/ends..." behind its answer, "/last..." too and says so; others are answered.
 */
static void *look(void *arg)
{
	int fd = (int)(intptr_t)arg;
	bool more = put(fd, LOOKUP_BEGUN, 1, 0);
	struct lookup_request r;
	char name[64];

	while (more && get_request(fd, &r, name, sizeof(name))) {
		(void)atomic_fetch_add(&looking, 1);
		if (starts(name, "/hang")) {
			(void)pthread_mutex_lock(&gate);
			(void)pthread_mutex_unlock(&gate);
		} else if (starts(name, "/slow")) {
			(void)usleep(300000);
		}
		(void)atomic_fetch_sub(&looking, 1);
		if (starts(name, "/dies"))
			break;
		for (uint32_t i = 0; i < r.count && more; i++)
			more = put(fd, LOOKUP_FOUND, i, LOOKUP_FLAG_VISIBLE);
		more = more &&
			put(fd, LOOKUP_ENDED, 0, starts(name, "/last") ? LOOKUP_FLAG_LAST : 0U) &&
			!starts(name, "/last") && !starts(name, "/ends");
	}
	(void)close(fd);
	return NULL;
}

static int open_stream(size_t place, struct lookup_place **shared)
{
	pthread_t thread;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	*shared = &places[place];
	assert_int_equal(pthread_create(&thread, NULL, look, (void *)(intptr_t)pair[1]), 0);
	(void)pthread_detach(thread);
	return pair[0];
}

static size_t threads(void)
{
	DIR *d = opendir("/proc/self/task");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n - 2;
}

/* --- the pool ----------------------------------------------------------------------------------*/

static void submit(struct lookup_pool *p, const char *source, void *tag, int want)
{
	struct mount_lookup *l = mount_lookup_new(SPAN("/none"), 0);
	struct span meets;
	struct err e;

	assert_non_null(l);
	assert_int_equal(mount_lookup_add(l, span_of(source), &e), 0);
	assert_int_equal(lookup_pool_submit(p, l, tag, &meets), want);
	mount_lookup_release(l);
}

/* The next result, waited for as the loop does. */
static struct lookup_result take(struct lookup_pool *p)
{
	struct lookup_result r = { .tag = NULL };

	for (int turns = 0; !lookup_pool_next(p, &r); turns++) {
		struct pollfd fd = { .fd = wake, .events = POLLIN };

		assert_true(turns < 1000);
		assert_true(lookup_pool_timeout(p) >= 0);
		(void)poll(&fd, 1, lookup_pool_timeout(p));
	}
	return r;
}

/* The next one: late only if all that was submitted since start may be. */
static struct lookup_result take_in_time(struct lookup_pool *p, uint64_t start)
{
	struct lookup_result r = take(p);

	assert_true(r.in_time || clock_now() - start >= POOL_DEADLINE_MS);
	return r;
}

static void wait_for_looks(int count)
{
	while (atomic_load(&looking) < count)
		(void)usleep(1000);
}

static struct lookup_pool *begin(void)
{
	struct err e;
	struct lookup_pool *p = lookup_pool_new(open_stream, wake, &e);

	assert_non_null(p);
	return p;
}

/* Threads go a moment after their last word, or when the pool of one that is late has it. */
static void wait_for_threads(struct lookup_pool *p, size_t want)
{
	struct lookup_result r;

	for (int i = 0; i < 300 && threads() > want; i++) {
		(void)usleep(10000);
		assert_false(p && lookup_pool_next(p, &r));
	}
	assert_true(threads() <= want);
}

/* The next test counts only its own. */
static int end(void **state)
{
	(void)state;
	wait_for_threads(NULL, alone);
	return 0;
}

static void all_come(void **state)
{
	enum { MANY = 500 };
	struct lookup_pool *p = begin();
	uint64_t start = clock_now();
	static char tags[MANY];
	struct lookup_result r;

	(void)state;
	assert_int_equal(lookup_pool_timeout(p), -1);
	assert_false(lookup_pool_next(p, &r));
	assert_int_equal(threads(), alone);
	memset(tags, 0, sizeof(tags));
	for (size_t i = 0; i < MANY; i++)
		submit(p, "/tmp", &tags[i], 0);
	for (size_t i = 0; i < MANY; i++) {
		r = take_in_time(p, start);
		assert_int_equal((*(char *)r.tag)++, 0);
	}
	assert_false(lookup_pool_next(p, &r));
	assert_int_equal(lookup_pool_timeout(p), -1);
	lookup_pool_close(p);
}

static void one_hangs(void **state)
{
	uint64_t start = clock_now();
	struct lookup_pool *p = begin();
	struct lookup_result r;
	char hung;
	char quick;

	(void)state;
	(void)pthread_mutex_lock(&gate);
	submit(p, "/hang", &hung, 0);
	for (int i = 0; i < 20; i++) {
		submit(p, "/tmp", &quick, 0);
		r = take(p);
		assert_ptr_equal(r.tag, &quick);
		assert_true(r.in_time);
	}
	assert_true(lookup_pool_timeout(p) <= POOL_DEADLINE_MS);
	r = take(p);
	assert_ptr_equal(r.tag, &hung);
	assert_false(r.in_time);
	assert_true(clock_now() - start >= POOL_DEADLINE_MS);
	submit(p, "/tmp", &quick, 0);
	assert_ptr_equal(take(p).tag, &quick);
	(void)pthread_mutex_unlock(&gate);
	wait_for_threads(p, alone + POOL_PROCESSES);
	assert_false(lookup_pool_next(p, &r));
	lookup_pool_close(p);
}

/* More hang than there are processes: the next ones get others, up to a limit. */
static void many_hang(void **state)
{
	enum { MOST = POOL_PROCESSES + POOL_HELD_MOST, MANY = MOST + 20 };
	struct lookup_pool *p = begin();
	struct lookup_result r;
	size_t late = 0;
	char quick;
	char hung;

	(void)state;
	(void)pthread_mutex_lock(&gate);
	for (size_t i = 0; i < 3 * POOL_PROCESSES; i++)
		submit(p, "/hang", &hung, 0);
	submit(p, "/tmp", &quick, 0);
	r = take(p);
	assert_ptr_equal(r.tag, &quick);
	assert_true(r.in_time);
	for (size_t i = 3 * POOL_PROCESSES; i < MANY; i++)
		submit(p, "/hang", &hung, 0);
	submit(p, "/tmp", &quick, 0);
	for (size_t i = 0; i < MANY + 1; i++)
		late += !take(p).in_time;
	assert_int_equal(late, MANY + 1);
	assert_int_equal(atomic_load(&looking), MOST);
	assert_int_equal(threads(), alone + MOST);
	(void)pthread_mutex_unlock(&gate);
	wait_for_threads(p, alone + POOL_PROCESSES);
	submit(p, "/tmp", &quick, 0);
	assert_true(take(p).in_time);
	lookup_pool_close(p);
}

static void slow_ones_count(void **state)
{
	struct lookup_pool *p = begin();
	uint64_t start = clock_now();
	char tag;

	(void)state;
	for (int i = 0; i < 10; i++)
		submit(p, "/slow", &tag, 0);
	for (int i = 0; i < 10; i++)
		(void)take_in_time(p, start);
	lookup_pool_close(p);
}

static void queue_is_bounded(void **state)
{
	struct lookup_pool *p = begin();
	uint64_t start = clock_now();
	size_t taken = 0;
	struct span meets;
	struct err e;
	char tag;

	(void)state;
	(void)pthread_mutex_lock(&gate);
	for (int i = 0; i < 2 * POOL_QUEUE_MOST; i++) {
		struct mount_lookup *l = mount_lookup_new(SPAN("/none"), 0);

		assert_int_equal(mount_lookup_add(l, SPAN("/hang"), &e), 0);
		taken += lookup_pool_submit(p, l, &tag, &meets) == 0;
		mount_lookup_release(l);
	}
	assert_in_range(taken, POOL_QUEUE_MOST, POOL_QUEUE_MOST + POOL_PROCESSES + POOL_HELD_MOST);
	(void)pthread_mutex_unlock(&gate);
	for (size_t i = 0; i < taken; i++)
		(void)take_in_time(p, start);
	lookup_pool_close(p);
}

static void forgotten(void **state)
{
	struct lookup_pool *p = begin();
	struct lookup_result r;
	char tags[8];

	(void)state;
	(void)pthread_mutex_lock(&gate);
	for (size_t i = 0; i < sizeof(tags); i++)
		submit(p, "/hang", &tags[i], 0);
	wait_for_looks(POOL_PROCESSES);
	/* It sees that these processes are ready. */
	assert_false(lookup_pool_next(p, &r));
	for (size_t i = 0; i < sizeof(tags); i++)
		lookup_pool_cancel(p, &tags[i]);
	assert_int_equal(lookup_pool_timeout(p), -1);
	(void)pthread_mutex_unlock(&gate);
	submit(p, "/tmp", &tags[0], 0);
	assert_ptr_equal(take(p).tag, &tags[0]);
	submit(p, "/tmp", &tags[1], 0);
	(void)usleep(50000);
	lookup_pool_cancel(p, &tags[1]);
	assert_false(lookup_pool_next(p, &r));
	lookup_pool_close(p);
}

/* Closing does not wait for it; it ends when it comes back. */
static void closed_while_one_hangs(void **state)
{
	struct lookup_pool *p = begin();
	char tag;

	(void)state;
	(void)pthread_mutex_lock(&gate);
	for (int i = 0; i < 2 * POOL_PROCESSES; i++)
		submit(p, "/hang", &tag, 0);
	wait_for_looks(1);
	lookup_pool_close(p);
	assert_true(threads() > alone);
	(void)pthread_mutex_unlock(&gate);
	wait_for_threads(NULL, alone);
	lookup_pool_close(NULL);
}

/* Whether there was an answer. */
static bool is_answered(struct lookup_pool *p, const char *source)
{
	struct mount_lookup *l = mount_lookup_new(SPAN("/none"), 0);
	struct lookup_result r;
	struct span meets;
	struct err e;
	bool found;

	assert_int_equal(mount_lookup_add(l, span_of(source), &e), 0);
	assert_int_equal(lookup_pool_submit(p, l, l, &meets), 0);
	r = take(p);
	assert_ptr_equal(r.tag, l);
	assert_true(r.in_time);
	found = mount_lookup_find(l, span_of(source)) != NULL;
	mount_lookup_release(l);
	return found;
}

/* What waits may end at any time: the next look-up has another, and the set is quiet again. */
static void processes_end(void **state)
{
	static const char *const endings[] = { "/ends", "/last" };
	struct pollfd woken = { .fd = wake, .events = POLLIN };
	struct lookup_pool *p = begin();
	struct lookup_result r;

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_true(is_answered(p, endings[i % 2]));
		if (i % 4 >= 2)
			wait_for_threads(NULL, alone);
		assert_true(is_answered(p, "/tmp"));
		assert_false(is_answered(p, "/dies"));
		wait_for_threads(NULL, alone);
		assert_false(lookup_pool_next(p, &r));
		assert_int_equal(poll(&woken, 1, 0), 0);
	}
	lookup_pool_close(p);
}

/* What another process writes says where it is, within the sources, or nothing. */
static void a_place_is_not_trusted(void **state)
{
	static const unsigned numbers[] = { 0, 2, 1024, UINT_MAX };
	struct mount_lookup *l = mount_lookup_new(SPAN("/none"), 0);
	struct lookup_place place;
	struct lookup_position at;
	struct err e;

	(void)state;
	assert_non_null(l);
	assert_int_equal(mount_lookup_add(l, SPAN("/a"), &e), 0);
	memset(place.mount, 'x', sizeof(place.mount));
	atomic_init(&place.at, 1);
	mount_lookup_share(l, &place);
	at = mount_lookup_position(l);
	assert_true(span_equal(at.source, SPAN("/a")));
	assert_int_equal(strlen(at.mount), sizeof(at.mount) - 1);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		atomic_store(&place.at, numbers[i]);
		assert_int_equal(mount_lookup_position(l).source.n, 0);
	}
	/* What the memory said last is kept. */
	atomic_store(&place.at, 1);
	mount_lookup_share(l, NULL);
	atomic_store(&place.at, 0);
	assert_true(span_equal(mount_lookup_position(l).source, SPAN("/a")));
	mount_lookup_release(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(all_come, end),
		cmocka_unit_test_teardown(one_hangs, end),
		cmocka_unit_test_teardown(many_hang, end),
		cmocka_unit_test_teardown(slow_ones_count, end),
		cmocka_unit_test_teardown(queue_is_bounded, end),
		cmocka_unit_test_teardown(forgotten, end),
		cmocka_unit_test_teardown(closed_while_one_hangs, end),
		cmocka_unit_test_teardown(processes_end, end),
		cmocka_unit_test(a_place_is_not_trusted),
	};

	/* After a failure the gate may stay closed. */
	(void)alarm(120);
	alone = threads();
	wake = epoll_create1(EPOLL_CLOEXEC);
	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
