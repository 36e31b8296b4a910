/*
 * daemon.json as the dockerd at hand reads it: what it takes from the file, and what makes it
 * refuse the file at its next reload or start. The one reader for enable, disable and doctor.
 */
#ifndef DSP_DAEMON_CONFIG_H
#define DSP_DAEMON_CONFIG_H

#include <jansson.h>
#include <stddef.h>

#include "dsp/core/base/span.h"
#include "dsp/dockerd/dockerd_process.h"

enum config_issue_kind {
	CONFIG_UNREADABLE, /* dockerd cannot parse the file: it refuses to reload and to start */
	CONFIG_REFUSED,    /* dockerd parses the file, and refuses a key or a value in it */
	CONFIG_CONFLICT,   /* a key is also on the command line: dockerd refuses both */
	CONFIG_FORM,       /* dockerd reads the file, but dsp cannot edit it in this form */
	CONFIG_UNREAD,     /* dockerd accepts a key and ignores it */
};

struct config_issue {
	enum config_issue_kind kind;
	char text[300];   /* what is wrong; does not name the file */
	char advice[300]; /* how to correct it */
};

enum { CONFIG_ISSUES_MOST = 12 };

struct daemon_config {
	json_t *object; /* what dockerd reads; NULL: it cannot, the first issue says why */
	struct config_issue issues[CONFIG_ISSUES_MOST];
	size_t count;
};

/*
 * Reads text, which is the content of path; path and d are for the messages, and for dockerd
 * --validate where this dockerd has it. The caller calls daemon_config_free.
 */
void daemon_config_read(
	const struct dockerd *d, const char *path, struct span text, struct daemon_config *ret);

void daemon_config_free(struct daemon_config *c);

#endif
