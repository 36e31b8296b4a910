#include "dsp/system/proc_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "dsp/core/base/mem.h"
#include "dsp/system/file.h"

enum { MOST = 32 << 20 };

int proc_file_read(const char *path, char **ret, size_t *len)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	*ret = NULL;
	*len = 0;
	return fd >= 0 ? proc_file_read_open(fd, ret, len) : -1;
}

int proc_file_read_open(int fd, char **ret, size_t *len)
{
	struct file_text read = { .text = NULL };
	int rc = file_read_all(fd, MOST, &read);

	if (rc != 0 && errno == EFBIG)
		errno = ENOMEM;
	*ret = read.text;
	*len = read.n;
	return rc;
}

bool proc_file_is_program(pid_t pid, const char *name)
{
	AUTO_MEM char *text = NULL;
	struct span program;
	char path[64];
	size_t len;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if (proc_file_read(path, &text, &len) != 0)
		return false;
	program = span_cut(&(struct span){ text, len }, '\0');
	while (span_find(program, '/') < program.n)
		(void)span_cut(&program, '/');
	return span_equal(program, span_of(name));
}

struct span proc_file_line(struct span *text)
{
	return span_cut(text, '\n');
}

struct span proc_file_word(struct span *line)
{
	while (line->n > 0 && line->s[0] == ' ')
		*line = span_after(*line, 1);
	return span_cut(line, ' ');
}
