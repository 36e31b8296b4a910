/*
 * The dockerd of this machine, as enable, disable and doctor see it: its process, its command line,
 * its daemon.json, and what it answers. What cannot be found out is said, never guessed.
 */
#ifndef DSP_DOCKERD_PROCESS_H
#define DSP_DOCKERD_PROCESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "dsp/core/base/err.h"

struct dockerd {
	pid_t pid;        /* 0: none runs */
	char **arguments; /* of its command line (none runs: of its unit); [0] is the program */
	size_t count;
	char *config_file; /* the daemon.json that it reads, absolute */
	bool config_named; /* by --config-file: dockerd then refuses to start without it */
	char *socket;      /* a unix socket on which its API answers; NULL: none was found */
	char version[32];  /* such as "20.10.24"; empty: it did not tell */
	bool rootless; /* another user's than root: only pid and arguments are to be relied on */
};

/*
 * Finds the dockerd that serves host ("unix:///path"; NULL: DOCKER_HOST, else the usual one), by
 * its socket and in our own view of processes; for root only. With none running: pid is 0,
 * config_file the usual one (of a unit, where one can be read). -1 and e: several are there and
 * none can be told apart, it is one of another machine or container, or what is there cannot be
 * read. On 0 the caller frees ret with dockerd_free.
 */
MUST_USE int dockerd_find(const char *host, struct dockerd **ret, struct err *e);

void dockerd_free(struct dockerd *d);

/*
 * The value of a flag ("authorization-plugin") on its command line, as pflag reads it, empty when
 * it stands alone ("tlsverify"); "host" is -H too. *at is 0 first, and then where to go on. NULL:
 * no more.
 */
const char *dockerd_options_next(const struct dockerd *d, const char *flag, size_t *at);

/* GET target of its API; the body for json_decref, NULL when it is no JSON. -1 and e: no answer. */
MUST_USE int dockerd_api_get(
	const struct dockerd *d, const char *target, int *status, json_t **ret, struct err *e);

/*
 * Runs the very program that serves (d->pid is not 0) with other arguments, a list of 6 at most
 * that ends with NULL; as subprocess_run.
 */
MUST_USE int dockerd_run(const struct dockerd *d, const char *const *arguments, char *output,
	size_t cap, struct err *e);

/* Sets version, as its program tells it. */
void dockerd_read_version(struct dockerd *d);

enum probe_result {
	PROBE_ASKED,     /* dockerd asked the dsp on that socket about the probe */
	PROBE_NOT_ASKED, /* dockerd let the probe through without asking this dsp, be it dead or not */
	PROBE_UNKNOWN, /* dockerd did not answer, or another plugin or a dead one refused: see e */
};

/* Sends GET /_ping?dsp=NONCE to dockerd, and looks whether the dsp on the socket has seen it. */
enum probe_result dockerd_api_probe(const struct dockerd *d, const char *dsp_socket, struct err *e);

/*
 * Whether dockerd finds a plugin of the name on the host: by the socket at path, or (path is "")
 * by a file that says where it is.
 */
bool dockerd_find_plugin(const char *name, char *path, size_t cap);

/*
 * Whether a managed plugin goes by the name, so that dockerd takes it for it: 1 enabled, 0
 * disabled, -1 there is none, -2 and e.
 */
int dockerd_api_managed(const struct dockerd *d, const char *name, struct err *e);

#endif
