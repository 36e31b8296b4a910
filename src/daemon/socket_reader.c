#include "socket_reader.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/system/clock.h"

enum { CLOSE_MS = 100 };

enum state {
	IDLE,
	ASKED,
	HAS_READ,
};

struct socket_reader {
	int event;
	bool runs;             /* there is a thread */
	pthread_mutex_t mutex; /* guards all that follows */
	pthread_cond_t work;
	pthread_cond_t ended;
	enum state state;
	struct sockets_read read;
	bool closed;
	bool has_ended; /* the thread */
	bool left;      /* its owner called socket_reader_close: the thread frees it */
};

static void reader_free(struct socket_reader *r)
{
	host_tables_free(&r->read.tables);
	(void)pthread_mutex_destroy(&r->mutex);
	(void)pthread_cond_destroy(&r->work);
	(void)pthread_cond_destroy(&r->ended);
	(void)close(r->event);
	mem_free(r);
}

static void *read_sockets(void *arg)
{
	static const uint64_t one = 1;
	struct socket_reader *r = arg;
	bool left;

	(void)pthread_mutex_lock(&r->mutex);
	while (!r->closed) {
		struct sockets_read read = { .docker = r->read.docker };

		if (r->state != ASKED) {
			(void)pthread_cond_wait(&r->work, &r->mutex);
			continue;
		}
		(void)pthread_mutex_unlock(&r->mutex);
		read.code = host_tables_recall(read.docker, &read.tables) == 0 ? 0 : errno;
		(void)pthread_mutex_lock(&r->mutex);
		r->read = read;
		r->state = HAS_READ;
		(void)!write(r->event, &one, sizeof(one));
	}
	r->has_ended = true;
	left = r->left;
	(void)pthread_cond_signal(&r->ended);
	(void)pthread_mutex_unlock(&r->mutex);
	if (left)
		reader_free(r);
	return NULL;
}

struct socket_reader *socket_reader_new(struct err *e)
{
	struct socket_reader *r = mem_array(1, sizeof(*r));

	if (!r) {
		err_set(e, ENOMEM, "the thread that reads sockets");
		return NULL;
	}
	r->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (r->event < 0) {
		err_set(e, errno, "eventfd");
		mem_free(r);
		return NULL;
	}
	r->read.tables.mounts = -1;
	(void)pthread_mutex_init(&r->mutex, NULL);
	(void)pthread_cond_init(&r->work, NULL);
	clock_condition(&r->ended);
	return r;
}

int socket_reader_fd(const struct socket_reader *r)
{
	return r->event;
}

int socket_reader_ask(struct socket_reader *r, pid_t docker)
{
	pthread_t thread;

	/* It inherits that all signals are blocked, which are for the loop. */
	if (!r->runs) {
		if (pthread_create(&thread, NULL, read_sockets, r) != 0)
			return -1;
		(void)pthread_detach(thread);
		r->runs = true;
	}
	(void)pthread_mutex_lock(&r->mutex);
	if (r->state == IDLE) {
		r->read.docker = docker;
		r->state = ASKED;
		(void)pthread_cond_signal(&r->work);
	}
	(void)pthread_mutex_unlock(&r->mutex);
	return 0;
}

bool socket_reader_take(struct socket_reader *r, struct sockets_read *ret)
{
	uint64_t count;
	bool taken;

	(void)pthread_mutex_lock(&r->mutex);
	taken = r->state == HAS_READ;
	if (taken) {
		(void)!read(r->event, &count, sizeof(count));
		*ret = r->read;
		r->read.tables = (struct host_tables){ .mounts = -1 };
		r->state = IDLE;
	}
	(void)pthread_mutex_unlock(&r->mutex);
	return taken;
}

void socket_reader_close(struct socket_reader *r)
{
	struct timespec until = clock_after(CLOSE_MS);
	bool ended;
	int code = 0;

	if (!r)
		return;
	(void)pthread_mutex_lock(&r->mutex);
	r->closed = true;
	(void)pthread_cond_signal(&r->work);
	while (r->runs && !r->has_ended && code == 0)
		code = pthread_cond_timedwait(&r->ended, &r->mutex, &until);
	ended = !r->runs || r->has_ended;
	r->left = true;
	(void)pthread_mutex_unlock(&r->mutex);
	if (ended)
		reader_free(r);
}
