#include "dsp/system/proc_file.h"

#include <errno.h>
#include <fcntl.h>

#include "dsp/system/file.h"

enum { MOST = 32 << 20 };

int proc_file_read(const char *path, char **ret, size_t *len)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct file_text read = { .text = NULL };
	int rc = fd >= 0 ? file_read_all(fd, MOST, &read) : -1;

	if (rc != 0 && errno == EFBIG)
		errno = ENOMEM;
	*ret = read.text;
	*len = read.n;
	return rc;
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
