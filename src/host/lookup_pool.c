#include "dsp/host/lookup_pool.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/system/clock.h"

enum {
	SLOW_MS = 100, /* a thread that runs one look-up for longer counts as blocked */
	CLOSE_MS = 100,
	STACK_BYTES = 256 << 10,
};

struct job {
	TAILQ_ENTRY(job) link;
	struct mount_lookup *lookup;
	void *tag;
	uint64_t deadline;
	uint64_t slow_at; /* when running */
	bool late;        /* when running: its result was reported, nobody waits for it */
};

TAILQ_HEAD(jobs, job);

struct lookup_pool {
	void (*run)(struct mount_lookup *l);
	int event;
	pthread_mutex_t mutex; /* guards all that follows */
	pthread_cond_t work;
	pthread_cond_t ended;
	struct jobs queue;
	struct jobs running;
	struct jobs done;
	bool signalled; /* event is readable, or will be */
	size_t queued;
	size_t threads;
	size_t idle;
	bool closed;
	bool left; /* its owner called lookup_pool_close: the last thread frees it */
};

static void lock(struct lookup_pool *p)
{
	(void)pthread_mutex_lock(&p->mutex);
}

static void unlock(struct lookup_pool *p)
{
	(void)pthread_mutex_unlock(&p->mutex);
}

static void job_free(struct job *j)
{
	mount_lookup_release(j->lookup);
	mem_free(j);
}

static void free_jobs(struct jobs *jobs)
{
	struct job *j;

	while ((j = TAILQ_FIRST(jobs)) != NULL) {
		TAILQ_REMOVE(jobs, j, link);
		job_free(j);
	}
}

static void lookup_pool_free(struct lookup_pool *p)
{
	free_jobs(&p->queue);
	free_jobs(&p->done);
	(void)pthread_mutex_destroy(&p->mutex);
	(void)pthread_cond_destroy(&p->work);
	(void)pthread_cond_destroy(&p->ended);
	(void)close(p->event);
	mem_free(p);
}

/* --- the threads; the mutex is held ------------------------------------------------------------*/

static size_t count_held(const struct lookup_pool *p, uint64_t now)
{
	const struct job *j;
	size_t n = 0;

	TAILQ_FOREACH (j, &p->running, link)
		n += j->slow_at <= now;
	return n;
}

/* Whether a look-up would block on a file system on which another is blocked. */
static bool would_wait(const struct lookup_pool *p, const struct mount_lookup *l, uint64_t now)
{
	const struct job *other;

	TAILQ_FOREACH (other, &p->running, link) {
		struct lookup_position at;

		if (other->slow_at > now)
			continue;
		at = mount_lookup_position(other->lookup);
		if (mount_lookup_same_mount(l, &at).n > 0)
			return true;
	}
	return false;
}

static struct job *next_runnable(struct lookup_pool *p, uint64_t now)
{
	struct job *j;

	TAILQ_FOREACH (j, &p->queue, link) {
		if (would_wait(p, j->lookup, now))
			continue;
		TAILQ_REMOVE(&p->queue, j, link);
		p->queued--;
		j->slow_at = now + SLOW_MS;
		TAILQ_INSERT_TAIL(&p->running, j, link);
		return j;
	}
	return NULL;
}

/* Waits for a job. NULL: there are too many threads, or the pool is closed. */
static struct job *next_job(struct lookup_pool *p)
{
	while (!p->closed) {
		uint64_t now = clock_now();
		struct job *j;

		if (p->threads - count_held(p, now) > POOL_THREADS)
			return NULL;
		j = next_runnable(p, now);
		if (j)
			return j;
		p->idle++;
		(void)pthread_cond_wait(&p->work, &p->mutex);
		p->idle--;
	}
	return NULL;
}

/* Whether the loop must be woken up. */
static bool finish(struct lookup_pool *p, struct job *j)
{
	TAILQ_REMOVE(&p->running, j, link);
	/* Jobs for the same file system can run now. */
	if (p->queued > 0)
		(void)pthread_cond_broadcast(&p->work);
	if (j->late) {
		job_free(j);
		return false;
	}
	TAILQ_INSERT_TAIL(&p->done, j, link);
	if (p->closed || p->signalled)
		return false;
	p->signalled = true;
	return true;
}

static void *run_jobs(void *arg)
{
	static const uint64_t one = 1;
	struct lookup_pool *p = arg;
	struct job *j;
	bool last;

	lock(p);
	while ((j = next_job(p)) != NULL) {
		unlock(p);
		p->run(j->lookup);
		lock(p);
		if (!finish(p, j))
			continue;
		/* Who is woken up needs the mutex at once. */
		unlock(p);
		(void)!write(p->event, &one, sizeof(one));
		lock(p);
	}
	p->threads--;
	(void)pthread_cond_signal(&p->ended);
	last = p->left && p->threads == 0;
	unlock(p);
	if (last)
		lookup_pool_free(p);
	return NULL;
}

/* Starts a thread that blocks all signals: they are for the loop. */
static int start_thread(struct lookup_pool *p)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all;
	sigset_t old;
	int code;

	if (pthread_attr_init(&attributes) != 0)
		return -1;
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	code = pthread_create(&thread, &attributes, run_jobs, p);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&attributes);
	return code == 0 ? 0 : -1;
}

static void start_threads(struct lookup_pool *p, uint64_t now)
{
	size_t held = count_held(p, now);
	size_t wanted = p->queued;

	for (; wanted > p->idle; wanted--) {
		if (p->threads - held >= POOL_THREADS ||
			p->threads >= POOL_THREADS + POOL_HELD_MOST || start_thread(p) != 0)
			return;
		p->threads++;
	}
}

/* --- for the loop ------------------------------------------------------------------------------*/

struct lookup_pool *lookup_pool_new(void (*run)(struct mount_lookup *l), struct err *e)
{
	struct lookup_pool *p = mem_array(1, sizeof(*p));

	if (!p) {
		err_set(e, ENOMEM, "the pool of lookups");
		return NULL;
	}
	p->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (p->event < 0) {
		err_set(e, errno, "eventfd");
		mem_free(p);
		return NULL;
	}
	p->run = run;
	(void)pthread_mutex_init(&p->mutex, NULL);
	(void)pthread_cond_init(&p->work, NULL);
	clock_condition(&p->ended);
	TAILQ_INIT(&p->queue);
	TAILQ_INIT(&p->running);
	TAILQ_INIT(&p->done);
	return p;
}

int lookup_pool_fd(const struct lookup_pool *p)
{
	return p->event;
}

/* Look-ups that would block may fill half of the queue. */
static bool has_room(const struct lookup_pool *p, const struct mount_lookup *l, uint64_t now)
{
	return p->queued < POOL_QUEUE_MOST / 2 ||
		(p->queued < POOL_QUEUE_MOST && !would_wait(p, l, now));
}

/* The source on whose file system a late look-up is still blocked; empty: none. */
static struct span find_hung(const struct lookup_pool *p, const struct mount_lookup *l)
{
	struct span found = { NULL, 0 };
	const struct job *j;

	TAILQ_FOREACH (j, &p->running, link) {
		struct lookup_position at;

		if (!j->late)
			continue;
		at = mount_lookup_position(j->lookup);
		found = mount_lookup_same_mount(l, &at);
		if (found.n > 0)
			break;
	}
	return found;
}

int lookup_pool_submit(struct lookup_pool *p, struct mount_lookup *l, void *tag, struct span *meets)
{
	struct job *j = mem_array(1, sizeof(*j));
	uint64_t now = clock_now();
	bool taken;

	*meets = (struct span){ NULL, 0 };
	if (!j)
		return -1;
	j->tag = tag;
	j->deadline = now + POOL_DEADLINE_MS;
	lock(p);
	*meets = find_hung(p, l);
	taken = meets->n == 0 && has_room(p, l, now);
	if (taken) {
		mount_lookup_hold(l);
		j->lookup = l;
		TAILQ_INSERT_TAIL(&p->queue, j, link);
		p->queued++;
		start_threads(p, now);
	}
	unlock(p);
	/* Who is woken up needs the mutex at once. */
	if (taken)
		(void)pthread_cond_signal(&p->work);
	else
		mem_free(j);
	return taken ? 0 : -1;
}

/* The first job that is past its deadline and not yet reported. */
static struct job *find_late(struct jobs *jobs, uint64_t now)
{
	struct job *j;

	TAILQ_FOREACH (j, jobs, link) {
		if (!j->late && j->deadline <= now)
			return j;
	}
	return NULL;
}

static bool next_result(struct lookup_pool *p, struct lookup_result *ret, uint64_t now)
{
	struct job *j = TAILQ_FIRST(&p->done);

	if (j) {
		TAILQ_REMOVE(&p->done, j, link);
		*ret = (struct lookup_result){ .tag = j->tag, .in_time = true };
		job_free(j);
		return true;
	}
	j = find_late(&p->running, now);
	if (j) {
		j->late = true;
		*ret = (struct lookup_result){ .tag = j->tag };
		ret->source = mount_lookup_position(j->lookup).source;
		if (ret->source.n == 0)
			ret->source = mount_lookup_first(j->lookup);
		return true;
	}
	j = find_late(&p->queue, now);
	if (j) {
		TAILQ_REMOVE(&p->queue, j, link);
		p->queued--;
		*ret = (struct lookup_result){ .tag = j->tag,
			.source = mount_lookup_first(j->lookup) };
		job_free(j);
		return true;
	}
	return false;
}

bool lookup_pool_next(struct lookup_pool *p, struct lookup_result *ret)
{
	uint64_t now = clock_now();
	uint64_t count;
	bool taken;

	lock(p);
	if (p->signalled)
		(void)!read(p->event, &count, sizeof(count));
	p->signalled = false;
	start_threads(p, now);
	taken = next_result(p, ret, now);
	unlock(p);
	return taken;
}

static struct job *find_tag(struct jobs *jobs, const void *tag)
{
	struct job *j;

	TAILQ_FOREACH (j, jobs, link) {
		if (j->tag == tag && !j->late)
			return j;
	}
	return NULL;
}

void lookup_pool_cancel(struct lookup_pool *p, const void *tag)
{
	struct job *j;

	lock(p);
	j = find_tag(&p->queue, tag);
	if (j) {
		TAILQ_REMOVE(&p->queue, j, link);
		p->queued--;
		job_free(j);
	}
	j = find_tag(&p->done, tag);
	if (j) {
		TAILQ_REMOVE(&p->done, j, link);
		job_free(j);
	}
	j = find_tag(&p->running, tag);
	if (j)
		j->late = true;
	unlock(p);
}

int lookup_pool_timeout(struct lookup_pool *p)
{
	uint64_t now = clock_now();
	uint64_t first = UINT64_MAX;
	const struct job *j;

	lock(p);
	if (!TAILQ_EMPTY(&p->done))
		first = now;
	TAILQ_FOREACH (j, &p->queue, link)
		first = j->deadline < first ? j->deadline : first;
	TAILQ_FOREACH (j, &p->running, link)
		first = !j->late && j->deadline < first ? j->deadline : first;
	/* By then threads may count as blocked, and queued jobs get others. */
	if (p->queued > 0 && now + SLOW_MS < first)
		first = now + SLOW_MS;
	unlock(p);
	if (first == UINT64_MAX)
		return -1;
	return first > now ? (int)(first - now) : 0;
}

void lookup_pool_close(struct lookup_pool *p)
{
	struct timespec until;
	bool last;
	int code = 0;

	if (!p)
		return;
	until = clock_after(CLOSE_MS);
	lock(p);
	p->closed = true;
	(void)pthread_cond_broadcast(&p->work);
	while (p->threads > 0 && code == 0)
		code = pthread_cond_timedwait(&p->ended, &p->mutex, &until);
	last = p->threads == 0;
	p->left = true;
	unlock(p);
	if (last)
		lookup_pool_free(p);
}
