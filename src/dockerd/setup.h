/*
 * What dsp enable and dsp disable share: their arguments, the report of their steps, the reload of
 * dockerd and the proof that it works.
 */
#ifndef DSP_SETUP_H
#define DSP_SETUP_H

#include <jansson.h>
#include <stdbool.h>

#include "daemon_file.h"
#include "dsp/config/command.h"
#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"
#include "dsp/core/policy/settings.h"
#include "dsp/dockerd/dockerd_api.h"
#include "dsp/dockerd/dockerd_process.h"

/* The help of the options that enable and disable share. */
#define SETUP_OPTIONS_HELP                                                                         \
	"  --host unix://PATH  the socket of dockerd's API (DOCKER_HOST)\n"                        \
	"  --socket PATH       dsp's socket (DSP_SOCKET; default " SETTINGS_SOCKET ")\n"           \
	"  --name NAME         the plugin's name (default: the socket's)\n"                        \
	"  --dry-run           check everything and show the change, but make none\n"              \
	"  --json              print JSON\n"

/* Those options. */
extern const struct option setup_options[];

enum { SETUP_ASK_MS = 5000 }; /* the longest wait for an answer of a plugin */

struct setup {
	const char *command;
	const char *host;
	char socket[256];
	char name[128]; /* by which dockerd knows the plugin */
	bool dry_run;
	bool http1;   /* enable: have dockerd refuse HTTP/2 */
	bool restart; /* and restart it for that */
	bool json;
	struct dockerd *dockerd;
	struct daemon_file *file;
	bool changed;  /* daemon.json differs from before */
	json_t *steps; /* with json: the reports so far */
};

/* Parses the arguments. 0, or the exit status: then there is nothing to end. */
int setup_begin(struct setup *s, const struct command *c, int argc, char **argv);

/* Frees what s holds, and prints the JSON that --json asks for. Returns status. */
int setup_end(struct setup *s, int status);

/* Prints one line. kind: "ok", "notice", "would" (with --dry-run), "undo". */
void setup_report(struct setup *s, const char *kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Prints why the command stops, and what to do (NULL: no advice). Returns EXIT_FINDINGS. */
int setup_refuse(struct setup *s, const char *advice, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Each of the following returns 0, or refuses: EXIT_FINDINGS. */

/* Finds a dockerd whose plugins daemon.json sets. */
int setup_find_dockerd(struct setup *s);

/* Opens daemon.json. plugins: its list, for json_decref. */
int setup_open_file(struct setup *s, json_t **plugins);

/*
 * Checks that another plugin of the list exists and, if answers is set, that it answers: otherwise
 * dockerd exits at the SIGHUP.
 */
int setup_check_plugin(struct setup *s, const char *name, bool answers);

/* What to do when a file could not be changed; NULL: the error says enough. */
const char *setup_advice(const struct err *e);

/* Prints the difference between daemon.json and the text. */
void setup_show_change(struct setup *s, struct span text);

/*
 * Sends SIGHUP to dockerd and probes it until the result is the wanted one. -1 and e: dockerd
 * refused to reload, with the reason that it logged; or after 20 s.
 */
int setup_reload(struct setup *s, enum probe_result wanted, struct err *e);

#endif
