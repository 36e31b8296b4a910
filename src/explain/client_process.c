#include "client_process.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dsp/core/base/text.h"
#include "dsp/host/listening_sockets.h"
#include "dsp/system/unix_socket.h"

enum { BACKLOG = 128 };

/* --- the place ---------------------------------------------------------------------------------*/

/* The directory alone keeps others out before the socket has its mode. */
static int open_listener(struct client_place *p, struct err *e)
{
	struct sockaddr_un address;

	p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->listener < 0 || !unix_socket_address(p->socket, &address) ||
		bind(p->listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
		chmod(p->socket, S_IRUSR | S_IWUSR) != 0 || listen(p->listener, BACKLOG) != 0)
		return FAIL(e, errno, "%s", p->socket);
	return 0;
}

int client_place_make(struct client_place *p, struct err *e)
{
	int fd;

	*p = (struct client_place){ .directory = "/tmp/dsp-explain.XXXXXX", .listener = -1 };
	if (!mkdtemp(p->directory)) {
		err_set(e, errno, "%s", p->directory);
		p->directory[0] = '\0';
		return -1;
	}
	(void)snprintf(p->socket, sizeof(p->socket), "%s/docker.sock", p->directory);
	(void)snprintf(p->nothing, sizeof(p->nothing), "%s/nothing", p->directory);
	fd = open(p->nothing, O_CREAT | O_EXCL | O_CLOEXEC | O_WRONLY, S_IRUSR | S_IWUSR);
	if (fd < 0)
		return FAIL(e, errno, "%s", p->nothing);
	(void)close(fd);
	return open_listener(p, e);
}

void client_place_remove(struct client_place *p)
{
	if (p->listener >= 0)
		(void)close(p->listener);
	p->listener = -1;
	if (p->directory[0] == '\0')
		return;
	(void)unlink(p->socket);
	(void)unlink(p->nothing);
	(void)rmdir(p->directory);
	p->directory[0] = '\0';
}

/* --- no other Docker ---------------------------------------------------------------------------*/

struct cover {
	const struct client_place *place;
	int code; /* why a socket could not be covered; 0: each is */
};

/* Whether dockerd's clients would look for it there. */
static bool is_docker(const char *path)
{
	return span_ends(span_of(path), SPAN("/docker.sock"));
}

/* Puts the private socket, or nothing, over a socket; a report of listening_table_each. */
static void cover_socket(void *context, const char *path)
{
	struct cover *c = context;
	const char *by = is_docker(path) ? c->place->socket : c->place->nothing;

	if (strcmp(path, c->place->socket) == 0 || mount(by, path, NULL, MS_BIND, NULL) == 0)
		return;
	/* The client cannot reach it there either. */
	if (errno != ENOENT && errno != ENOTDIR && errno != EACCES && errno != ELOOP)
		c->code = errno;
}

/* Sockets that another network name space may listen at, and so no table of ours has. */
static void cover_usual(struct cover *c)
{
	static const char *const usual[] = { "/run/docker.sock", "/var/run/docker.sock",
		"/run/containerd/containerd.sock", "/run/docker/containerd/containerd.sock", NULL };
	static const char prefix[] = "unix://";
	/* NOLINTBEGIN(concurrency-mt-unsafe): one thread */
	const char *host = getenv("DOCKER_HOST");
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	/* NOLINTEND(concurrency-mt-unsafe) */
	char path[256];
	glob_t rootless;

	for (const char *const *s = usual; *s; s++)
		cover_socket(c, *s);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	if (glob("/run/user/*/docker.sock", 0, NULL, &rootless) == 0) {
		for (size_t i = 0; i < rootless.gl_pathc; i++)
			cover_socket(c, rootless.gl_pathv[i]);
		globfree(&rootless);
	}
	if (host && strncmp(host, prefix, sizeof(prefix) - 1) == 0 &&
		mount(c->place->socket, host + sizeof(prefix) - 1, NULL, MS_BIND, NULL) != 0 &&
		errno != ENOENT)
		c->code = errno;
	if (!runtime || strlen(runtime) > sizeof(path) / 2)
		return;
	(void)snprintf(path, sizeof(path), "%s/docker.sock", runtime);
	cover_socket(c, path);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		(void)close(fd);
	return done ? 0 : -1;
}

/* Name spaces of its own; who may not have them alone gets them with one of users. */
static int leave_name_spaces(void)
{
	char users[64];
	char groups[64];

	if (unshare(CLONE_NEWNS | CLONE_NEWNET) == 0)
		return 0;
	(void)snprintf(users, sizeof(users), "%u %u 1", geteuid(), geteuid());
	(void)snprintf(groups, sizeof(groups), "%u %u 1", getegid(), getegid());
	if (errno != EPERM || unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) != 0 ||
		write_file("/proc/self/setgroups", "deny") != 0 ||
		write_file("/proc/self/uid_map", users) != 0 ||
		write_file("/proc/self/gid_map", groups) != 0)
		return -1;
	return 0;
}

/* -1 and errno. table: the sockets that listen, read while they could be seen. */
static int keep_from_docker(const struct client_place *p, const struct listening_table *table)
{
	struct cover c = { p, 0 };

	if (leave_name_spaces() != 0 || mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
		return -1;
	listening_table_each(table, cover_socket, &c);
	cover_usual(&c);
	errno = c.code;
	return c.code == 0 ? 0 : -1;
}

/* --- the client --------------------------------------------------------------------------------*/

static int set_environment(const struct client_place *p)
{
	static const char *const others[] = { "DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY",
		"DOCKER_CERT_PATH", "BUILDX_BUILDER", NULL };
	char host[64];

	(void)snprintf(host, sizeof(host), "unix://%s", p->socket);
	for (const char *const *name = others; *name; name++) {
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
		(void)unsetenv(*name);
	}
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	return setenv("DOCKER_HOST", host, 1);
}

/* The child's errors: what could not be done, and why. */
struct failure {
	bool isolated;
	int code;
};

static _Noreturn void run_child(const struct client_place *p, const struct listening_table *table,
	char *const *argv, bool quiet_output, int report)
{
	struct failure f = { .isolated = false };
	sigset_t none;

	/* A client that outlives dsp would go on without its socket. */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	f.isolated = keep_from_docker(p, table) == 0 && set_environment(p) == 0 &&
		(!quiet_output || dup2(STDERR_FILENO, STDOUT_FILENO) >= 0);
	if (f.isolated) {
		(void)sigemptyset(&none);
		(void)signal(SIGPIPE, SIG_DFL);
		(void)pthread_sigmask(SIG_SETMASK, &none, NULL);
		(void)execvp(argv[0], argv);
	}
	f.code = errno;
	(void)!write(report, &f, sizeof(f));
	_exit(127);
}

/* Waits until the program runs. -1 and e: it does not. */
static int wait_for_start(pid_t pid, int report, const char *program, struct err *e)
{
	struct failure f;

	if (read(report, &f, sizeof(f)) != (ssize_t)sizeof(f))
		return 0;
	(void)waitpid(pid, NULL, 0);
	if (f.isolated)
		return FAIL(e, f.code, "cannot start %s", program);
	return FAIL(e, f.code, "cannot keep %s from Docker, so it was not started; %s", program,
		geteuid() == 0 ? "dsp needs CAP_SYS_ADMIN for its own name spaces" : "try sudo");
}

pid_t client_process_start(
	const struct client_place *p, char *const *argv, bool quiet_output, struct err *e)
{
	struct listening_table table;
	int report[2];
	int rc = -1;
	pid_t pid;

	if (listening_table_read(&table) != 0)
		return FAIL(e, errno, "/proc/self/net/unix");
	if (pipe2(report, O_CLOEXEC) != 0) {
		err_set(e, errno, "pipe");
		listening_table_free(&table);
		return -1;
	}
	pid = fork();
	if (pid == 0)
		run_child(p, &table, argv, quiet_output, report[1]);
	(void)close(report[1]);
	if (pid < 0)
		err_set(e, errno, "fork");
	else
		rc = wait_for_start(pid, report[0], argv[0], e);
	(void)close(report[0]);
	listening_table_free(&table);
	return rc == 0 ? pid : -1;
}
