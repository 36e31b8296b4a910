/*
 * The dockerd of this machine: its process, its command line, and the daemon.json that it reads.
 * All of it comes from /proc, from the files of its unit, or from its own program; what dsp cannot
 * find out is an error.
 */
#ifndef DSP_DOCKERD_PROCESS_H
#define DSP_DOCKERD_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "dsp/core/base/err.h"

/* The key of the list of plugins in daemon.json. */
#define DOCKERD_PLUGINS_KEY "authorization-plugins"

struct dockerd {
	pid_t pid;         /* 0: none runs */
	char **arguments;  /* its command line, or its unit's when none runs; [0] is the program */
	size_t count;      /* of arguments */
	char *config_file; /* the daemon.json that it reads; absolute */
	bool config_named; /* by --config-file: dockerd does not start if there is no such file */
	char *socket;      /* a unix socket of its API; NULL: none was found */
	char version[32];  /* such as "20.10.24"; empty: unknown, or not yet read */
	bool rootless;     /* it is not root's: only pid and arguments are reliable */
};

/*
 * Finds the dockerd that serves host ("unix:///path"; NULL: DOCKER_HOST, else the usual socket)
 * among the processes of our PID namespace. Only root may call it. If none runs, pid is 0 and
 * config_file the one that its unit names, or the usual one. -1 and e: there are several and none
 * serves the socket, it belongs to another machine or container, or /proc cannot be read. On 0 the
 * caller frees ret with dockerd_free.
 */
MUST_USE int dockerd_find(const char *host, struct dockerd **ret, struct err *e);

/* Sets version by running its program, which takes 50 ms. A rootless one's stays empty. */
void dockerd_read_version(struct dockerd *d);

void dockerd_free(struct dockerd *d);

/*
 * The other dockerd of root on this machine, with process, arguments and socket: for dockerd_free.
 * Returns how many, at most `most`.
 */
size_t dockerd_others(const struct dockerd *d, struct dockerd **ret, size_t most);

/*
 * Returns the next value of a flag ("authorization-plugin") of the command line, as pflag parses
 * it: "" if the flag has no value ("tlsverify"). "host" is also -H. *at is 0 at first, and then
 * the place of the next argument. NULL: there is no other value.
 */
const char *dockerd_options_next(const struct dockerd *d, const char *flag, size_t *at);

/*
 * A variable of the environment with which its process was started: the value, cut, goes to out
 * (NULL: nowhere). False: it is not there, or empty. name NULL: whether the environment can be
 * read.
 */
bool dockerd_variable(const struct dockerd *d, const char *name, char *out, size_t cap);

/* Its version as a number: 290301 for "29.3.1"; 0: unknown. */
long dockerd_version(const struct dockerd *d);

/*
 * Has dockerd's own program check a daemon.json together with the command line (dockerd --validate,
 * since 23), within 20 s. 1: it accepts the file; 0: it refuses, and reason says why; -1: this
 * dockerd cannot check a file.
 */
int dockerd_validate(const struct dockerd *d, const char *path, char *reason, size_t cap);

#endif
