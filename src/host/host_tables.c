#include "dsp/host/host_tables.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"
#include "dsp/host/listening_sockets.h"
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

int host_tables_read(pid_t docker, struct host_tables *ret)
{
	struct paths p = { .text = NULL };

	*ret = (struct host_tables){ .known = LISTENING_KNOWN };
	ret->mounts = path_open_at(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (ret->mounts < 0 && !path_error_is_answer(errno))
		return -1;
	if (docker <= 0)
		return 0;
	ret->known = listening_sockets_all(docker, add_path, &p);
	ret->sockets = (struct span){ p.text, p.n };
	if (ret->known >= 0 && p.error == 0)
		return 0;
	errno = p.error != 0 ? p.error : errno;
	return -1;
}

void host_tables_free(struct host_tables *t)
{
	if (t->mounts >= 0)
		(void)close(t->mounts);
	mem_free((void *)(uintptr_t)t->sockets.s);
	*t = (struct host_tables){ .mounts = -1 };
}
