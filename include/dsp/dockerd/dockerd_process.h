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
	char version[32];  /* such as "20.10.24"; empty: unknown */
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

void dockerd_free(struct dockerd *d);

/*
 * Returns the next value of a flag ("authorization-plugin") of the command line, as pflag parses
 * it: "" if the flag has no value ("tlsverify"). "host" is also -H. *at is 0 at first, and then
 * the place of the next argument. NULL: there is no other value.
 */
const char *dockerd_options_next(const struct dockerd *d, const char *flag, size_t *at);

/*
 * Runs the program of process d->pid, which is not 0, with other arguments: a list of at most 6
 * that ends with NULL. The rest is as subprocess_run has it.
 */
MUST_USE int dockerd_run(const struct dockerd *d, const char *const *arguments, char *output,
	size_t cap, struct err *e);

#endif
