#include "dsp/system/proc_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"

enum { FIRST_ROOM = 16 << 10, MOST = 32 << 20 };

/* Reads to the end. -1 and errno. */
static int read_all(int fd, char **text, size_t *len)
{
	size_t room = 0;

	for (;;) {
		ssize_t n;

		if (*len == room) {
			char *more;

			room = room > 0 ? room * 4 : FIRST_ROOM;
			more = room <= MOST ? mem_resize(*text, room) : NULL;
			if (!more) {
				errno = ENOMEM;
				return -1;
			}
			*text = more;
		}
		n = read(fd, *text + *len, room - *len);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			*len += (size_t)n;
	}
}

int proc_file_read(const char *path, char **ret, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int result;
	int code;

	*ret = NULL;
	*len = 0;
	if (fd < 0)
		return -1;
	result = read_all(fd, ret, len);
	code = errno;
	(void)close(fd);
	if (result != 0) {
		mem_free(*ret);
		*ret = NULL;
	}
	errno = code;
	return result;
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
