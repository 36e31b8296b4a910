#include "dsp/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "dsp/core/base/mem.h"

/* Reads to the end, or until text's room is full. The number of bytes, or -1 and errno. */
static ssize_t read_all(int fd, char *text, size_t room)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, text + len, room - len);
		len += n > 0 ? (size_t)n : 0;
	} while (len < room && (n > 0 || (n < 0 && errno == EINTR)));
	return n < 0 ? -1 : (ssize_t)len;
}

int file_read(const char *path, size_t most, char **ret, size_t *len, struct err *e)
{
	bool standard_input = strcmp(path, "-") == 0;
	int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	AUTO_MEM char *text = NULL;
	ssize_t n = -1;
	int rc = 0;

	if (fd < 0)
		return FAIL(e, errno, "%s", path);
	text = mem_alloc(most + 1);
	if (text)
		n = read_all(fd, text, most + 1);
	if (n < 0)
		rc = FAIL(e, text ? errno : ENOMEM, "%s", path);
	else if ((size_t)n > most)
		rc = FAIL(e, 0, "%s: more than %zu bytes", path, most);
	if (!standard_input)
		(void)close(fd);
	if (rc != 0)
		return -1;
	*len = (size_t)n;
	*ret = text;
	text = NULL;
	return 0;
}
