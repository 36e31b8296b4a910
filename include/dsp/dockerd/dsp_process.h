/*
 * How the dsp that serves was started, or how its unit would start it: to read its settings as it
 * does.
 */
#ifndef DSP_DSP_PROCESS_H
#define DSP_DSP_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "dsp/dockerd/systemd_units.h"

struct dsp_process {
	pid_t pid;   /* 0: by its unit */
	char *words; /* owned: words and variables, each ended by a zero byte */
	char *variables;
	char **environment; /* into variables, ended by NULL */
	char env_file[512]; /* empty: none */
	char policy[512];   /* empty: none, as far as the command line and the variables tell */
	bool known;
};

/*
 * By /proc, when process pid (0: none) is a dsp that serves; else by the unit. m starts zeroed;
 * known is false when neither tells.
 */
void dsp_process_find(struct dsp_process *m, pid_t pid, const struct unit *u);
void dsp_process_end(struct dsp_process *m);

#endif
