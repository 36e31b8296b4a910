#include "dsp/core/facts/paths.h"

/* On Debian and with systemd /var/run is a link to /run. */
static const struct span run_alias = SPAN_INIT("/var/run");

static const struct span own_directories[] = {
	SPAN_INIT("/run/docker/plugins"),
	SPAN_INIT("/etc/dsp"),
	/* Who owns which container. */
	SPAN_INIT("/var/lib/dsp"),
	SPAN_INIT("/run/dsp-resolve.sock"),
	/* A gate's token, as systemd hands it to dsp-gate@NAME.service. */
	SPAN_INIT("/run/credentials"),
	SPAN_INIT("/etc/docker"),
	/* Plugins of NRI, which dockerd 29 and containerd run as root, and what configures them. */
	SPAN_INIT("/usr/libexec/docker/nri-plugins"),
	SPAN_INIT("/opt/nri"),
	SPAN_INIT("/etc/nri"),
	SPAN_INIT("/run/nri"),
	/* Specifications of plugins, and managed plugins as dockerd finds them. */
	SPAN_INIT("/usr/lib/docker/plugins"),
	SPAN_INIT("/var/lib/docker/plugins"),
	/* Arguments of dockerd: the units of Debian, Red Hat and Alpine read these. */
	SPAN_INIT("/etc/default/docker"),
	SPAN_INIT("/etc/default/dsp"),
	SPAN_INIT("/etc/sysconfig/docker"),
	SPAN_INIT("/etc/conf.d/docker"),
	SPAN_INIT("/etc/init.d/docker"),
};

/* All in them counts as a socket: monitoring agents mount containerd's, tools mount dsp-gate's. */
static const struct span socket_directories[] = {
	SPAN_INIT("/run/containerd"),
	SPAN_INIT("/run/docker/containerd"),
	SPAN_INIT("/run/dsp-gate"),
};

/* The plugins' directory holds dsp's own socket, over which a client can pose as dockerd. */
static const struct span sockets[] = {
	SPAN_INIT("/run/docker.sock"),
	SPAN_INIT("/run/containerd/containerd.sock"),
	SPAN_INIT("/run/docker/containerd/containerd.sock"),
	SPAN_INIT("/run/docker/containerd/docker-containerd.sock"),
	/* dockerd listens in it once its node is in a swarm, and asks no plugin about that. */
	SPAN_INIT("/run/docker/swarm"),
	SPAN_INIT("/run/docker/swarm/control.sock"),
	SPAN_INIT("/run/docker/plugins"),
	SPAN_INIT("/run/dsp-gate"),
};

/* In these is a directory for each source of units: system, system.control, transient, ... */
static const struct span unit_directories[] = {
	SPAN_INIT("/etc/systemd/"),
	SPAN_INIT("/run/systemd/"),
	SPAN_INIT("/lib/systemd/"),
	SPAN_INIT("/usr/lib/systemd/"),
	SPAN_INIT("/usr/local/lib/systemd/"),
};
static const struct span unit_sources[] = {
	SPAN_INIT("system"),
	SPAN_INIT("transient"),
	SPAN_INIT("generator"),
};

/* The last two name only drop-in directories: for every service, for every socket. */
static const struct span units[] = {
	SPAN_INIT("dsp.service"),
	SPAN_INIT("dsp.socket"),
	SPAN_INIT("dsp-resolve.service"),
	SPAN_INIT("dsp-resolve.socket"),
	SPAN_INIT("docker.service"),
	SPAN_INIT("docker.socket"),
	SPAN_INIT("service"),
	SPAN_INIT("socket"),
};
/* A unit for each gate. */
static const struct span gate_units = SPAN_INIT("dsp-gate@");

/* The programs that deny, and those that run what was allowed. /bin need not be a link. */
static const struct span program_directories[] = {
	SPAN_INIT("/usr/bin/"),
	SPAN_INIT("/usr/sbin/"),
	SPAN_INIT("/usr/local/bin/"),
	SPAN_INIT("/usr/local/sbin/"),
	SPAN_INIT("/bin/"),
	SPAN_INIT("/sbin/"),
};
static const struct span programs[] = {
	SPAN_INIT("dspd"),
	SPAN_INIT("dsp-resolve"),
	SPAN_INIT("dsp-gate"),
	SPAN_INIT("dsp"),
	SPAN_INIT("dockerd"),
	SPAN_INIT("containerd"),
	SPAN_INIT("runc"),
};
static const struct span shims = SPAN_INIT("containerd-shim");

/* Each with all below, which is programs, what they load, root's own files, or the kernel's. */
static const struct span host_trees[] = {
	SPAN_INIT("/bin"),
	SPAN_INIT("/boot"),
	SPAN_INIT("/dev"),
	SPAN_INIT("/efi"),
	SPAN_INIT("/etc"),
	SPAN_INIT("/lib"),
	SPAN_INIT("/lib32"),
	SPAN_INIT("/lib64"),
	SPAN_INIT("/libx32"),
	SPAN_INIT("/opt/containerd"),
	SPAN_INIT("/proc"),
	SPAN_INIT("/root"),
	SPAN_INIT("/run/cdi"),
	SPAN_INIT("/run/systemd"),
	SPAN_INIT("/run/tmpfiles.d"),
	SPAN_INIT("/run/udev"),
	SPAN_INIT("/run/user"),
	SPAN_INIT("/sbin"),
	SPAN_INIT("/sys"),
	SPAN_INIT("/usr"),
	SPAN_INIT("/var/spool/at"),
	SPAN_INIT("/var/spool/cron"),
};
/* The same, in /var/lib. By name: lintian takes the whole path of dpkg's for a use of its files. */
static const struct span host_state[] = {
	SPAN_INIT("apt"),
	SPAN_INIT("cloud"),
	SPAN_INIT("containerd"),
	SPAN_INIT("docker"),
	SPAN_INIT("dpkg"),
	SPAN_INIT("rpm"),
	SPAN_INIT("snapd"),
	SPAN_INIT("systemd"),
};
/* Only this as a whole: below are files of one user. */
static const struct span homes = SPAN_INIT("/home");
/* Below it, NAME/_data alone is a volume's: who can write beside that makes it a link. */
static const struct span volumes = SPAN_INIT("/var/lib/docker/volumes/");

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

size_t path_clean(struct span in, char *out)
{
	size_t n = 0;

	while (in.n > 0) {
		struct span part = span_cut(&in, '/');

		if (part.n == 0 || span_equal(part, SPAN(".")))
			continue;
		if (span_equal(part, SPAN(".."))) {
			while (n > 0 && out[--n] != '/')
				;
			continue;
		}
		out[n++] = '/';
		memmove(out + n, part.s, part.n);
		n += part.n;
	}
	if (n == 0)
		out[n++] = '/';
	return n;
}

bool path_is_clean(struct span path)
{
	if (path.n <= 1 || path.s[0] != '/')
		return span_equal(path, SPAN("/"));
	while (path.n > 0) {
		struct span part = span_after(path, 1);

		part.n = span_find(part, '/');
		if (part.n == 0 || span_equal(part, SPAN(".")) || span_equal(part, SPAN("..")))
			return false;
		path = span_after(path, 1 + part.n);
	}
	return true;
}

static bool has_part(struct span path, struct span name)
{
	while (path.n > 0) {
		if (span_equal(span_cut(&path, '/'), name))
			return true;
	}
	return false;
}

bool path_goes_up(struct span path)
{
	return has_part(path, SPAN(".."));
}

bool path_within(struct span path, struct span dir)
{
	if (dir.n == 1)
		return true;
	return span_starts(path, dir) && (path.n == dir.n || path.s[dir.n] == '/');
}

/* The same path below /run; "/var/run" itself is "/run". */
static struct span without_alias(struct span path)
{
	return path_within(path, run_alias) ? span_after(path, sizeof("/var") - 1) : path;
}

/* A unit of ours, its drop-ins, or what is below; path begins with a source of units. */
static bool names_unit(struct span path)
{
	struct span source = { path.s, span_find(path, '/') };
	bool known = false;

	for (size_t i = 0; i < COUNT(unit_sources); i++)
		known = known || span_starts(source, unit_sources[i]);
	if (!known || source.n == path.n)
		return false;
	path = span_after(path, source.n + 1);
	path.n = span_find(path, '/');
	if (span_ends(path, SPAN(".d")))
		path.n -= sizeof(".d") - 1;
	for (size_t i = 0; i < COUNT(units); i++) {
		if (span_equal(path, units[i]))
			return true;
	}
	return span_starts(path, gate_units);
}

static bool is_unit(struct span path)
{
	for (size_t i = 0; i < COUNT(unit_directories); i++) {
		if (span_starts(path, unit_directories[i]))
			return names_unit(span_after(path, unit_directories[i].n));
	}
	return false;
}

static bool names_program(struct span path)
{
	path.n = span_find(path, '/');
	for (size_t i = 0; i < COUNT(programs); i++) {
		if (span_equal(path, programs[i]))
			return true;
	}
	return span_starts(path, shims);
}

static bool is_program(struct span path)
{
	for (size_t i = 0; i < COUNT(program_directories); i++) {
		if (span_starts(path, program_directories[i]))
			return names_program(span_after(path, program_directories[i].n));
	}
	return false;
}

bool path_is_dsp_file(struct span path, struct span own_paths)
{
	path = without_alias(path);
	while (own_paths.n > 0) {
		struct span own = span_cut(&own_paths, '\0');

		/* A socket in "/" does not make everything dsp's own. */
		if (own.n > 1 && path_within(path, without_alias(own)))
			return true;
	}
	for (size_t i = 0; i < COUNT(own_directories); i++) {
		if (path_within(path, own_directories[i]))
			return true;
	}
	return is_unit(path) || is_program(path);
}

/* What a volume holds. */
static bool is_in_volume(struct span path)
{
	if (!span_starts(path, volumes))
		return false;
	path = span_after(path, volumes.n);
	(void)span_cut(&path, '/');
	return span_equal(span_cut(&path, '/'), SPAN("_data"));
}

/* True for /var/lib and what holds it, and for a directory of host_state and what is below it. */
static bool is_host_state(struct span path)
{
	static const struct span parent = SPAN_INIT("/var/lib/");

	if (!span_starts(path, parent))
		return path_within((struct span){ parent.s, parent.n - 1 }, path);
	path = span_after(path, parent.n);
	path = span_cut(&path, '/');
	for (size_t i = 0; i < COUNT(host_state); i++) {
		if (span_equal(path, host_state[i]))
			return true;
	}
	return false;
}

bool path_rules_host(struct span path)
{
	path = without_alias(path);
	if (has_part(path, SPAN(".ssh")) || path_within(homes, path))
		return true;
	if (is_host_state(path) && !is_in_volume(path))
		return true;
	for (size_t i = 0; i < COUNT(host_trees); i++) {
		if (path_within(path, host_trees[i]) || path_within(host_trees[i], path))
			return true;
	}
	return path_is_dsp_file(path, (struct span){ NULL, 0 });
}

bool path_holds_socket(struct span path)
{
	/*
	 * Mounting a parent of /var/run mounts the link alone; dsp takes it for what it leads to.
	 */
	if (path_within(run_alias, path))
		return true;
	path = without_alias(path);
	for (size_t i = 0; i < COUNT(sockets); i++) {
		if (path_within(sockets[i], path))
			return true;
	}
	for (size_t i = 0; i < COUNT(socket_directories); i++) {
		if (path_within(path, socket_directories[i]))
			return true;
	}
	return false;
}

const struct span *path_dsp_directories(size_t *count)
{
	*count = COUNT(own_directories);
	return own_directories;
}

const struct span *path_socket_directories(size_t *count)
{
	*count = COUNT(socket_directories);
	return socket_directories;
}

const struct span *path_sockets(size_t *count)
{
	*count = COUNT(sockets);
	return sockets;
}
