/* The dspd that runs, its arguments and variables: to read its settings as it does. */
#ifndef DSP_DSP_PROCESS_H
#define DSP_DSP_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "dsp/dockerd/systemd_units.h"

struct dsp_process {
	pid_t pid;          /* 0: none runs, the rest is its unit's */
	char *words;        /* owned: of the command line, each ends with a zero byte */
	char *variables;    /* owned: NAME=value, each ends with a zero byte */
	char **environment; /* into variables, ends with NULL */
	char env_file[512]; /* empty: none */
	char policy[512];   /* of the command line or DSP_POLICY; empty: neither names one */
	bool known;         /* false: neither such a process nor a unit exists */
};

/*
 * Fills p, which the caller has zeroed: from process pid if that is a dspd of our PID namespace,
 * else from the unit. dsp_process_free frees what it holds.
 */
void dsp_process_find(struct dsp_process *p, pid_t pid, const struct unit *u);
void dsp_process_free(struct dsp_process *p);

/* The process with the lowest number above `after` that is a dspd of our PID namespace; 0: none. */
pid_t dsp_process_next(pid_t after);

/* Whether a process with the name of dspd runs, in whatever namespace: any user can see that. */
bool dsp_process_any(void);

#endif
