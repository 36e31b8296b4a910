/*
 * The drop-in of docker.service with which dockerd refuses HTTP/2: dsp enable --http1 writes it,
 * dsp disable removes it.
 */
#ifndef DSP_HTTP1_H
#define DSP_HTTP1_H

#include "setup.h"

/* Each returns 0, or refuses: EXIT_FINDINGS. */

/* Checks that the drop-in would be that of this dockerd. Changes nothing. */
int http1_check(struct setup *s);

/*
 * Writes the drop-in and has systemd read it; with s->restart it restarts docker.service and proves
 * by an HTTP/2 preface that dockerd refuses HTTP/2. With s->dry_run it reports what it would do.
 */
int http1_apply(struct setup *s);

/* Removes the drop-in if http1_apply wrote it for this plugin. Reports what it did, or would do. */
void http1_remove(struct setup *s);

#endif
