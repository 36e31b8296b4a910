#include "dsp/paths.h"

size_t path_clean(struct span in, char *out)
{
	size_t n = 0;

	while (in.n > 0) {
		struct span part = { in.s, span_find(in, '/') };

		in = span_after(in, part.n < in.n ? part.n + 1 : part.n);
		if (part.n == 0 || span_equal(part, SPAN(".")))
			continue;
		if (span_equal(part, SPAN(".."))) {
			while (n > 0 && out[--n] != '/')
				;
			continue;
		}
		out[n++] = '/';
		memcpy(out + n, part.s, part.n);
		n += part.n;
	}
	if (n == 0)
		out[n++] = '/';
	return n;
}

bool path_within(struct span path, struct span dir)
{
	if (dir.n == 1)
		return true;
	return span_starts(path, dir) && (path.n == dir.n || path.s[dir.n] == '/');
}

static const struct span own[] = { SPAN_INIT("/run/docker/plugins"), SPAN_INIT("/etc/dsp"),
	SPAN_INIT("/etc/docker"), SPAN_INIT("/run/containerd"),
	SPAN_INIT("/run/docker/containerd") };
static const struct span sockets[] = { SPAN_INIT("/run/docker.sock"),
	SPAN_INIT("/run/containerd/containerd.sock"),
	SPAN_INIT("/run/docker/containerd/containerd.sock"), SPAN_INIT("/run/docker/plugins") };

static struct span without_var(struct span path)
{
	return path_within(path, SPAN("/var/run")) ? span_after(path, strlen("/var")) : path;
}

bool path_is_own(struct span path, struct span socket_dir)
{
	path = without_var(path);
	if (socket_dir.n > 1 && path_within(path, socket_dir))
		return true;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (path_within(path, own[i]))
			return true;
	}
	return false;
}

bool path_holds_socket(struct span path)
{
	if (span_equal(path, SPAN("/var")))
		return true;
	path = without_var(path);
	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
		if (path_within(sockets[i], path))
			return true;
	}
	return false;
}
