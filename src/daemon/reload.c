#include "reload.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"

enum { END_MS = 2000 };

/* A call that waits for the end of a reading. */
struct waiting {
	LIST_ENTRY(waiting) link;
	struct call *call;
	uint64_t reading;
};

/* Settings that are in force no more. */
struct discarded {
	SLIST_ENTRY(discarded) link;
	struct config *config;
};

struct reload {
	const struct sources *sources;
	int event;
	pthread_t thread;
	bool started;
	LIST_HEAD(, waiting) calls;
	uint64_t concluded; /* the number of the last reading that was */
	struct err trouble; /* of it; empty: none */

	pthread_mutex_t mutex; /* guards all that follows */
	pthread_cond_t work;
	pthread_cond_t gone;
	uint64_t wanted; /* the number of the last reading that was asked for */
	uint64_t begun;  /* of the last one that began */
	bool ready;      /* it has ended, and config and error are its result */
	struct config *config;
	struct err error;
	SLIST_HEAD(, discarded) discarded;
	bool closed;
	bool ended; /* the thread has */
};

static void lock(struct reload *r)
{
	(void)pthread_mutex_lock(&r->mutex);
}

static void unlock(struct reload *r)
{
	(void)pthread_mutex_unlock(&r->mutex);
}

/* --- the thread; the mutex is held -------------------------------------------------------------*/

static void read_settings(struct reload *r)
{
	static const uint64_t one = 1;
	struct config *c = NULL;
	struct err e = { .code = 0 };
	int rc;

	r->begun++;
	unlock(r);
	rc = config_read(r->sources, &c, &e);
	if (rc != 0) {
		config_free(c);
		c = NULL;
	}
	lock(r);
	r->config = c;
	r->error = e;
	r->ready = true;
	(void)!write(r->event, &one, sizeof(one));
}

static void free_discarded(struct reload *r)
{
	struct discarded *d = SLIST_FIRST(&r->discarded);

	SLIST_REMOVE_HEAD(&r->discarded, link);
	unlock(r);
	config_free(d->config);
	mem_free(d);
	lock(r);
}

static void *run(void *arg)
{
	struct reload *r = arg;

	lock(r);
	while (!r->closed || !SLIST_EMPTY(&r->discarded)) {
		/* Memory first: a reading needs some. */
		if (!SLIST_EMPTY(&r->discarded))
			free_discarded(r);
		else if (r->wanted > r->begun && !r->ready)
			read_settings(r);
		else
			(void)pthread_cond_wait(&r->work, &r->mutex);
	}
	r->ended = true;
	(void)pthread_cond_signal(&r->gone);
	unlock(r);
	return NULL;
}

/* --- for the loop ------------------------------------------------------------------------------*/

struct reload *reload_new(const struct sources *sources, struct err *e)
{
	struct reload *r = mem_array(1, sizeof(*r));

	if (!r) {
		err_set(e, ENOMEM, "reloads");
		return NULL;
	}
	r->sources = sources;
	r->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (r->event < 0) {
		err_set(e, errno, "eventfd");
		mem_free(r);
		return NULL;
	}
	(void)pthread_mutex_init(&r->mutex, NULL);
	(void)pthread_cond_init(&r->work, NULL);
	clock_condition(&r->gone);
	return r;
}

/* Starts the thread, which blocks all signals: they are for the loop. */
static int start(struct reload *r)
{
	sigset_t all;
	sigset_t old;
	int code;

	if (r->started)
		return 0;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	code = pthread_create(&r->thread, NULL, run, r);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	r->started = code == 0;
	return code;
}

/* Whether the thread has ended in time. */
static bool stop(struct reload *r)
{
	struct timespec until = clock_after(END_MS);
	int code = 0;
	bool ended;

	lock(r);
	r->closed = true;
	(void)pthread_cond_signal(&r->work);
	while (!r->ended && code == 0)
		code = pthread_cond_timedwait(&r->gone, &r->mutex, &until);
	ended = r->ended;
	unlock(r);
	if (ended)
		(void)pthread_join(r->thread, NULL);
	return ended;
}

void reload_free(struct reload *r)
{
	struct waiting *w;

	if (!r || (r->started && !stop(r)))
		return;
	while ((w = LIST_FIRST(&r->calls)) != NULL) {
		LIST_REMOVE(w, link);
		mem_free(w);
	}
	config_free(r->config);
	(void)pthread_mutex_destroy(&r->mutex);
	(void)pthread_cond_destroy(&r->work);
	(void)pthread_cond_destroy(&r->gone);
	(void)close(r->event);
	mem_free(r);
}

int reload_fd(const struct reload *r)
{
	return r->event;
}

int reload_ask(struct reload *r, struct call *call, struct err *e)
{
	struct waiting *w = call ? mem_alloc(sizeof(*w)) : NULL;
	int code = call && !w ? ENOMEM : start(r);

	if (code != 0) {
		mem_free(w);
		return FAIL(e, code, "cannot read the settings");
	}
	lock(r);
	r->wanted = r->begun + 1;
	if (w) {
		*w = (struct waiting){ .call = call, .reading = r->wanted };
		LIST_INSERT_HEAD(&r->calls, w, link);
	}
	(void)pthread_cond_signal(&r->work);
	unlock(r);
	return 0;
}

bool reload_next(struct reload *r, struct config **ret, struct err *e)
{
	uint64_t count;
	bool taken;

	lock(r);
	taken = r->ready;
	if (taken) {
		(void)!read(r->event, &count, sizeof(count));
		*ret = r->config;
		*e = r->error;
		r->config = NULL;
		r->ready = false;
		r->concluded = r->begun;
		/* The next one may begin. */
		(void)pthread_cond_signal(&r->work);
	}
	unlock(r);
	return taken;
}

void reload_conclude(struct reload *r, const struct err *trouble)
{
	r->trouble = trouble ? *trouble : (struct err){ .code = 0 };
}

struct call *reload_next_call(struct reload *r, const char **trouble)
{
	struct waiting *w;
	struct call *call = NULL;

	*trouble = r->trouble.text[0] != '\0' ? r->trouble.text : NULL;
	LIST_FOREACH (w, &r->calls, link) {
		if (w->reading > r->concluded)
			continue;
		call = w->call;
		LIST_REMOVE(w, link);
		mem_free(w);
		break;
	}
	return call;
}

void reload_drop(struct reload *r, const struct call *call)
{
	struct waiting *w;

	LIST_FOREACH (w, &r->calls, link) {
		if (w->call != call)
			continue;
		LIST_REMOVE(w, link);
		mem_free(w);
		return;
	}
}

void reload_discard(struct reload *r, struct config *c)
{
	struct discarded *d = r && r->started ? mem_alloc(sizeof(*d)) : NULL;

	if (!d) {
		config_free(c);
		return;
	}
	d->config = c;
	lock(r);
	SLIST_INSERT_HEAD(&r->discarded, d, link);
	(void)pthread_cond_signal(&r->work);
	unlock(r);
}
