/*
 * What dsp enable and dsp disable share: their arguments, their steps as they are told, SIGHUP for
 * dockerd and the proof of what came of it.
 */
#ifndef DSP_SETUP_H
#define DSP_SETUP_H

#include <jansson.h>
#include <stdbool.h>

#include "daemon_file.h"
#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "dsp/core/policy/settings.h"
#include "dsp/dockerd/dockerd_api.h"
#include "dsp/dockerd/dockerd_process.h"

/* The help of the options that enable and disable share. */
#define SETUP_OPTIONS_HELP                                                                         \
	"  --host unix://PATH  the API of the dockerd that is meant (DOCKER_HOST)\n"               \
	"  --socket PATH       dsp's socket (DSP_SOCKET; default " SETTINGS_SOCKET ")\n"           \
	"  --name NAME         the plugin's name (default: the socket's)\n"                        \
	"  --dry-run           look at everything, show the change, and make none\n"               \
	"  --json              print JSON\n"

enum { SETUP_ASK_MS = 5000 }; /* for an answer of dsp, or of another plugin */

struct setup {
	const char *command;
	const char *host;
	char socket[256];
	char name[128]; /* of the plugin, as dockerd knows it */
	bool dry_run;
	bool json;
	struct dockerd *dockerd;
	struct daemon_file *file;
	bool changed;  /* daemon.json is not what it was */
	json_t *steps; /* with json: what was told */
};

/* 0, or the exit status. */
int setup_begin(struct setup *s, int argc, char **argv);

/* Frees all of it; prints JSON where that is wanted. Returns status. */
int setup_end(struct setup *s, int status);

/* One line: what is ("ok"), what one should know ("notice"), what would be done ("would"). */
void setup_report(struct setup *s, const char *kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Why it does not go on, and what to do (NULL: the first says it). Returns EXIT_FINDINGS. */
int setup_refuse(struct setup *s, const char *advice, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Finds the dockerd, one that daemon.json can tell, and says so (0); or refuses. */
int setup_find_dockerd(struct setup *s);

/* Opens daemon.json (0), or refuses. Its list is for json_decref. */
int setup_open_file(struct setup *s, json_t **plugins);

/*
 * Whether another plugin of the list is there (and answers, where that is wanted), as dockerd will
 * look at the SIGHUP (0); or refuses.
 */
int setup_check_plugin(struct setup *s, const char *name, bool answers);

/* What to do where the system refused to change a file; NULL: it says so itself. */
const char *setup_advice(const struct err *e);

/* What the change would be. */
void setup_show_change(struct setup *s, struct span text);

/* SIGHUP, and then whether the probe says what is wanted within 20 s. -1 and e. */
int setup_reload(struct setup *s, enum probe_result wanted, struct err *e);

#endif
