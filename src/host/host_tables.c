#include "dsp/host/host_tables.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/host/listening_sockets.h"
#include "dsp/system/clock.h"
#include "dsp/system/path_walk.h"

struct paths {
	char *text;
	size_t n;
	size_t count;
	int error;
};

static void add_path(void *ctx, const char *path)
{
	struct paths *p = ctx;
	size_t n = strlen(path) + 1;
	char *more = p->count < TABLES_SOCKETS_MOST ? mem_resize(p->text, p->n + n) : NULL;

	if (!more) {
		p->error = ENOMEM;
		return;
	}
	memcpy(more + p->n, path, n);
	p->text = more;
	p->n += n;
	p->count++;
}

int host_tables_open_mounts(struct host_tables *ret)
{
	ret->mounts = path_open_at(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	return ret->mounts >= 0 || path_error_is_answer(errno) ? 0 : -1;
}

static int read_sockets(pid_t docker, struct host_tables *ret)
{
	struct paths p = { .text = NULL };

	ret->known = listening_sockets_all(docker, add_path, &p);
	ret->sockets = (struct span){ p.text, p.n };
	if (ret->known >= 0 && p.error == 0)
		return 0;
	errno = p.error != 0 ? p.error : errno;
	return -1;
}

int host_tables_read(pid_t docker, struct host_tables *ret)
{
	*ret = (struct host_tables){ .mounts = -1, .known = LISTENING_KNOWN };
	if (host_tables_open_mounts(ret) != 0)
		return -1;
	return docker > 0 ? read_sockets(docker, ret) : 0;
}

/* --- what earlier calls read -------------------------------------------------------------------*/

struct memory {
	pid_t docker;
	int process; /* a pidfd of it */
	uint64_t until;
	struct host_tables tables;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct memory memories[4]; /* guarded by mutex; the last one used comes first */

static void forget(struct memory *m)
{
	if (m->docker == 0)
		return;
	(void)close(m->process);
	host_tables_free(&m->tables);
	m->docker = 0;
}

/* A pidfd is readable when its process has ended. */
static bool is_running(int process)
{
	struct pollfd p = { .fd = process, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

bool host_tables_remembered(pid_t docker, struct host_tables *ret)
{
	bool found = docker <= 0;

	*ret = (struct host_tables){ .mounts = -1, .known = LISTENING_KNOWN };
	(void)pthread_mutex_lock(&mutex);
	for (size_t i = 0; i < sizeof(memories) / sizeof(memories[0]) && !found; i++) {
		struct memory *m = &memories[i];
		char *text;

		if (m->docker != docker)
			continue;
		if (!is_running(m->process) || clock_now() >= m->until) {
			forget(m);
			continue;
		}
		text = mem_copy(m->tables.sockets.s, m->tables.sockets.n);
		*ret = m->tables;
		ret->sockets.s = text;
		found = text != NULL;
	}
	(void)pthread_mutex_unlock(&mutex);
	return found;
}

/* Takes process over. */
static void remember(pid_t docker, int process, uint64_t until, const struct host_tables *tables)
{
	enum { LAST = sizeof(memories) / sizeof(memories[0]) - 1 };
	struct memory new = { docker, process, until, *tables };

	new.tables.sockets.s = mem_copy(tables->sockets.s, tables->sockets.n);
	(void)pthread_mutex_lock(&mutex);
	if (new.tables.sockets.s && is_running(process)) {
		forget(&memories[LAST]);
		memmove(memories + 1, memories, LAST * sizeof(memories[0]));
		memories[0] = new;
	} else {
		forget(&new);
	}
	(void)pthread_mutex_unlock(&mutex);
}

int host_tables_recall(pid_t docker, struct host_tables *ret)
{
	enum { SHARE = 50, MOST_MS = 5000 };
	uint64_t begun = clock_now();
	uint64_t keep;
	int process;

	if (host_tables_remembered(docker, ret))
		return 0;
	/* Before the sockets: they are then those of this process, while it runs. */
	process = pidfd_open(docker, 0);
	if (read_sockets(docker, ret) != 0) {
		int code = errno;

		if (process >= 0)
			(void)close(process);
		errno = code;
		return -1;
	}
	keep = SOCKETS_MS + SHARE * (clock_now() - begun);
	if (process >= 0)
		remember(docker, process, begun + (keep < MOST_MS ? keep : MOST_MS), ret);
	return 0;
}

void host_tables_free(struct host_tables *t)
{
	if (t->mounts >= 0)
		(void)close(t->mounts);
	mem_free((void *)(uintptr_t)t->sockets.s);
	*t = (struct host_tables){ .mounts = -1 };
}
