#include "lookup_pool.h"

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/queue.h>

#include "dsp/core/base/mem.h"
#include "dsp/host/host_tables.h"
#include "dsp/system/clock.h"
#include "lookup_process.h"
#include "lookup_worker.h"
#include "socket_reader.h"

enum { SLOW_MS = 100 }; /* a process that runs one look-up for longer counts as blocked */

struct job {
	TAILQ_ENTRY(job) link;
	struct mount_lookup *lookup;
	void *tag;
	uint64_t deadline;
	struct host_tables tables; /* of its dockerd */
	bool has_tables;
	bool late;                    /* its result was reported, or nobody waits for it */
	uint64_t slow_at;             /* when running, as worker */
	struct lookup_worker *worker; /* NULL: there was none */
};

TAILQ_HEAD(jobs, job);

struct lookup_pool {
	int (*open_stream)(size_t place, struct lookup_place **shared);
	int wake;
	struct socket_reader *reader;
	pid_t asked; /* the dockerd whose sockets it reads; 0: none */
	struct lookup_worker *idle[POOL_PROCESSES]; /* the last one comes first */
	size_t idle_count;
	struct jobs queue;
	struct jobs running;
	struct jobs done;
	size_t queued;
	size_t running_count;
	bool looked;   /* for events, since there was no result */
	size_t opened; /* workers that have or had a process; the others are not set, nor touched */
	struct lookup_worker workers[LOOKUP_PLACES];
};

/* --- processes ---------------------------------------------------------------------------------*/

/* Takes a process that waits, or has one made. NULL and errno: there is none. */
static struct lookup_worker *take_worker(struct lookup_pool *p)
{
	struct lookup_place *place = NULL;
	struct lookup_worker *w = p->workers;
	int fd;

	if (p->idle_count > 0)
		return p->idle[--p->idle_count];
	/* There are more places than processes that look up or wait. */
	while (w < p->workers + p->opened && w->fd >= 0)
		w++;
	if (w == p->workers + p->opened) {
		*w = (struct lookup_worker){ .fd = -1 };
		p->opened++;
	}
	fd = p->open_stream((size_t)(w - p->workers), &place);
	return lookup_worker_open(w, fd, place, p->wake) == 0 ? w : NULL;
}

static void leave_worker(struct lookup_pool *p, struct lookup_worker *w)
{
	if (p->idle_count < POOL_PROCESSES)
		p->idle[p->idle_count++] = w;
	else
		lookup_worker_close(w);
}

/* A process that waits has ended, or says what nobody asked for. */
static void drop_idle(struct lookup_pool *p, struct lookup_worker *w)
{
	size_t i = 0;

	while (p->idle[i] != w)
		i++;
	p->idle_count--;
	for (; i < p->idle_count; i++)
		p->idle[i] = p->idle[i + 1];
	lookup_worker_close(w);
}

/* --- jobs --------------------------------------------------------------------------------------*/

static void job_free(struct job *j)
{
	host_tables_free(&j->tables);
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

static void unqueue(struct lookup_pool *p, struct job *j)
{
	TAILQ_REMOVE(&p->queue, j, link);
	p->queued--;
}

/* Whether a process that waited has ended before it began: another can have the look-up. */
static bool can_run_again(const struct job *j, int code)
{
	return (code == EPIPE || code == ECONNRESET) && j->worker && j->worker->used && !j->late &&
		mount_lookup_position(j->lookup).source.n == 0;
}

/* Takes the look-up from its process, which goes on to wait or ends. */
static void part(struct lookup_pool *p, struct job *j, const struct lookup_end *end)
{
	struct lookup_worker *w = j->worker;

	if (w)
		lookup_worker_part(w);
	if (w && end->code == 0 && !end->last)
		leave_worker(p, w);
	else if (w)
		lookup_worker_close(w);
	j->worker = NULL;
	TAILQ_REMOVE(&p->running, j, link);
	p->running_count--;
}

static void end_job(struct lookup_pool *p, struct job *j, const struct lookup_end *end)
{
	bool again = can_run_again(j, end->code);

	part(p, j, end);
	if (again) {
		TAILQ_INSERT_HEAD(&p->queue, j, link);
		p->queued++;
		return;
	}
	if (end->code != 0)
		lookup_process_failed(end->code);
	mount_lookup_end(j->lookup, end->code);
	if (j->late)
		job_free(j);
	else
		TAILQ_INSERT_TAIL(&p->done, j, link);
}

static void handle_event(struct lookup_pool *p, struct lookup_worker *w, uint32_t events)
{
	struct lookup_end end;

	if (!w->job)
		drop_idle(p, w);
	else if (lookup_worker_go_on(w, events, &end))
		end_job(p, w->job, &end);
}

static void handle_events(struct lookup_pool *p)
{
	enum { MOST = 16 };
	struct epoll_event events[MOST];
	int count = epoll_wait(p->wake, events, MOST, 0);

	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr)
			handle_event(p, events[i].data.ptr, events[i].events);
	}
}

/* --- what runs next ----------------------------------------------------------------------------*/

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

/* Whether the sockets of the job's dockerd are known; if not, they are read. */
static bool know_sockets(struct lookup_pool *p, struct job *j)
{
	pid_t docker = mount_lookup_docker(j->lookup);

	if (j->has_tables)
		return true;
	if (docker == p->asked && docker != 0)
		return false;
	host_tables_free(&j->tables);
	j->has_tables = host_tables_remembered(docker, &j->tables);
	if (!j->has_tables && p->asked == 0 && socket_reader_ask(p->reader, docker) == 0)
		p->asked = docker;
	return j->has_tables;
}

/* Gives the sockets that were read to the jobs that wait for them. */
static void take_sockets(struct lookup_pool *p)
{
	struct sockets_read read;
	struct job *next;

	if (p->asked == 0 || !socket_reader_take(p->reader, &read))
		return;
	p->asked = 0;
	for (struct job *j = TAILQ_FIRST(&p->queue); j; j = next) {
		next = TAILQ_NEXT(j, link);
		if (j->has_tables || mount_lookup_docker(j->lookup) != read.docker)
			continue;
		if (read.code != 0) {
			unqueue(p, j);
			lookup_process_failed(read.code);
			mount_lookup_end(j->lookup, read.code);
			TAILQ_INSERT_TAIL(&p->done, j, link);
			continue;
		}
		host_tables_free(&j->tables);
		j->tables = read.tables;
		j->tables.sockets.s = mem_copy(read.tables.sockets.s, read.tables.sockets.n);
		j->has_tables = j->tables.sockets.s != NULL;
	}
	host_tables_free(&read.tables);
}

static struct job *next_runnable(struct lookup_pool *p, uint64_t now)
{
	struct job *j;

	if (p->queued == 0 || p->running_count >= POOL_PROCESSES + POOL_HELD_MOST ||
		p->running_count - count_held(p, now) >= POOL_PROCESSES)
		return NULL;
	TAILQ_FOREACH (j, &p->queue, link) {
		if (!would_wait(p, j->lookup, now) && know_sockets(p, j))
			break;
	}
	return j;
}

/* Gives the look-up to a process. Returns 0, or an errno value. */
static int begin(struct lookup_pool *p, struct job *j)
{
	j->worker = take_worker(p);
	if (!j->worker)
		return errno;
	j->worker->job = j;
	return lookup_worker_begin(j->worker, j->lookup, &j->tables);
}

/* Starts what can run. */
static void advance(struct lookup_pool *p, uint64_t now)
{
	struct job *j;

	while ((j = next_runnable(p, now)) != NULL) {
		struct lookup_end end = { .code = 0 };

		unqueue(p, j);
		TAILQ_INSERT_TAIL(&p->running, j, link);
		p->running_count++;
		j->slow_at = now + SLOW_MS;
		end.code = begin(p, j);
		if (end.code != 0)
			end_job(p, j, &end);
	}
}

/* --- for the loop ------------------------------------------------------------------------------*/

struct lookup_pool *lookup_pool_new(
	int (*open_stream)(size_t place, struct lookup_place **shared), int wake, struct err *e)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct lookup_pool *p = mem_alloc(sizeof(*p));

	if (!p) {
		err_set(e, ENOMEM, "the pool of look-ups");
		return NULL;
	}
	memset(p, 0, offsetof(struct lookup_pool, workers));
	p->open_stream = open_stream;
	p->wake = wake;
	TAILQ_INIT(&p->queue);
	TAILQ_INIT(&p->running);
	TAILQ_INIT(&p->done);
	p->reader = socket_reader_new(e);
	if (p->reader && epoll_ctl(wake, EPOLL_CTL_ADD, socket_reader_fd(p->reader), &event) == 0)
		return p;
	if (p->reader)
		err_set(e, errno, "epoll");
	lookup_pool_close(p);
	return NULL;
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
	uint64_t now = clock_now();
	struct job *j;

	*meets = find_hung(p, l);
	if (meets->n > 0 || !has_room(p, l, now))
		return -1;
	j = mem_array(1, sizeof(*j));
	if (!j)
		return -1;
	mount_lookup_hold(l);
	j->lookup = l;
	j->tag = tag;
	j->deadline = now + POOL_DEADLINE_MS;
	j->tables.mounts = -1;
	TAILQ_INSERT_TAIL(&p->queue, j, link);
	p->queued++;
	advance(p, now);
	return 0;
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
		unqueue(p, j);
		*ret = (struct lookup_result){ .tag = j->tag,
			.source = mount_lookup_first(j->lookup) };
		job_free(j);
		return true;
	}
	return false;
}

/*
 * Gives up processes that were not ready by the deadline. Where no other was ready in that time
 * either, the look-up process hangs.
 */
static void give_up_unready(struct lookup_pool *p, uint64_t now)
{
	static const struct lookup_end late = { .code = ETIMEDOUT };
	struct job *next;

	for (struct job *j = TAILQ_FIRST(&p->running); j; j = next) {
		next = TAILQ_NEXT(j, link);
		if (!j->late || j->worker->begun || j->deadline > now)
			continue;
		if (lookup_process_begun() == j->worker->before)
			lookup_process_replace();
		end_job(p, j, &late);
	}
}

bool lookup_pool_next(struct lookup_pool *p, struct lookup_result *ret)
{
	uint64_t now = clock_now();

	give_up_unready(p, now);
	if (!TAILQ_EMPTY(&p->done))
		return next_result(p, ret, now);
	/* A process that waits and ends makes the set readable: so look once in any case. */
	if (!p->looked || !TAILQ_EMPTY(&p->running)) {
		handle_events(p);
		take_sockets(p);
		advance(p, now);
	}
	p->looked = next_result(p, ret, now);
	return p->looked;
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
	struct job *j = find_tag(&p->queue, tag);

	if (j) {
		unqueue(p, j);
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
}

int lookup_pool_timeout(const struct lookup_pool *p)
{
	uint64_t now = clock_now();
	uint64_t first = UINT64_MAX;
	const struct job *j;

	if (!TAILQ_EMPTY(&p->done))
		return 0;
	TAILQ_FOREACH (j, &p->queue, link)
		first = j->deadline < first ? j->deadline : first;
	TAILQ_FOREACH (j, &p->running, link) {
		if ((!j->late || !j->worker->begun) && j->deadline < first)
			first = j->deadline;
	}
	/* By then processes may count as blocked, and queued jobs get others. */
	if (p->queued > 0 && now + SLOW_MS < first)
		first = now + SLOW_MS;
	if (first == UINT64_MAX)
		return -1;
	return first > now ? (int)(first - now) : 0;
}

void lookup_pool_close(struct lookup_pool *p)
{
	if (!p)
		return;
	free_jobs(&p->queue);
	free_jobs(&p->running);
	free_jobs(&p->done);
	for (size_t i = 0; i < p->opened; i++)
		lookup_worker_close(&p->workers[i]);
	socket_reader_close(p->reader);
	mem_free(p);
}
