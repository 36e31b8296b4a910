#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dsp/cli.h"
#include "dsp/mem.h"

enum { ENV_FILE_MOST = 1 << 20 };

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

static int read_settings(struct settings *s, const char *env_file, char **text, struct err *e)
{
	size_t len;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const char *broken = getenv("DSP_ON_BROKEN");

	/* First of all: it says what an error in the others leads to. */
	if (broken &&
		settings_take(s, SPAN("DSP_ON_BROKEN"), span_of(broken), SOURCE_ENVIRONMENT, e) !=
			0)
		return -1;
	if (settings_take_environment(
		    s, environ, env_file ? SOURCE_ENVIRONMENT_DSP : SOURCE_ENVIRONMENT, e) != 0)
		return -1;
	if (!env_file)
		return 0;
	if (file_read(env_file, ENV_FILE_MOST, text, &len, e) != 0)
		return -1;
	return settings_take_file(s, env_file, (struct span){ *text, len }, e);
}

/* The socket's path as it is from "/": its directory is one of those that keep dsp in force. */
static const char *from_root(const char *socket, char *out, size_t cap)
{
	char directory[512];
	struct line l;

	if (socket[0] == '/' || !getcwd(directory, sizeof(directory)))
		return socket;
	line_init(&l, out, cap);
	line_add(&l, "%s/%s", directory, socket);
	return out;
}

int config_read(const char *env_file, const char *socket, struct config **ret, struct err *e)
{
	struct config *c = mem_array(1, sizeof(*c));
	AUTO_MEM char *text = NULL;
	char absolute[1024];
	int rc;

	*ret = c;
	if (!c)
		return FAIL(e, ENOMEM, "the settings");
	settings_init(&c->settings);
	rc = read_settings(&c->settings, env_file, &text, e);
	if (!socket)
		socket = c->settings.socket[0] ? c->settings.socket : SETTINGS_SOCKET;
	text_copy(span_of(socket), c->socket, sizeof(c->socket));
	if (rc != 0)
		return -1;
	settings_finish(&c->settings);
	policy_compile(&c->settings, from_root(c->socket, absolute, sizeof(absolute)), &c->policy);
	return 0;
}
